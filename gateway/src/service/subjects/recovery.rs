//! The way back in for who has none of their numbers: recoveries, recovery codes
//! and bypass codes.

use zeroize::Zeroizing;

use super::request::EvidenceItem;
use super::view::{RecoveryView, ShownOnce};
use crate::service::error::ServiceError;
use crate::service::{Answer, Service};
use crate::subjects::codes;
use crate::subjects::command::Command;
use crate::subjects::evidence::{FactKind, Finding, hold_ms};
use crate::subjects::keeper::Opened;
use crate::subjects::model::{GrantId, SlowHash};
use crate::tenants::Asker;

impl Service {
    /// Opens a recovery: the right to enrol a number, as good as its evidence.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: none is open that was not before.
    pub async fn open_recovery(
        &self,
        asker: &Asker,
        subject: &str,
        evidence: Vec<EvidenceItem>,
    ) -> Answer<RecoveryView> {
        let asked = self.asked(asker)?;
        let (tenant, actor) = (&asked.tenant, &asked.actor);
        let before = self.kept(&asked, subject).await?;
        let proved = self
            .keeper
            .facts(tenant, &before, (&evidence, actor))
            .await?;
        let mut facts = proved.facts.iter();
        // A recovery code that is used is replaced in the same step.
        let fresh = if facts.any(|fact| fact.kind() == FactKind::RecoveryCode) {
            Some(self.drawn(codes::draw_recovery()).await?)
        } else {
            None
        };
        let id = GrantId::draw();
        let decide = |now: &Opened| {
            proved.still_holds(&now.subject)?;
            let command = Command::OpenRecovery {
                id,
                facts: proved.facts.clone(),
                fresh_code: fresh.as_ref().map(|(_, hash)| hash.clone()),
            };
            Ok((command, ()))
        };
        let changed = self.keeper.change(tenant, subject, actor.clone(), decide);
        let opened = changed.await?.opened;
        let grant = opened.subject.open_grant(id, opened.now_ms);
        let grant = grant.ok_or(ServiceError::NotFound)?;
        let hold_ms = hold_ms(grant.class, Finding::Unknown, &tenant.subjects.holds);
        Ok(RecoveryView {
            id,
            class: grant.class,
            hold_s: hold_ms / 1_000,
            expires_at_ms: grant.until_ms,
            recovery_code: fresh.map(|(code, _)| ShownOnce {
                code,
                created_at_ms: opened.now_ms,
            }),
        })
    }

    /// Draws a recovery code, shown in this answer only; an earlier one is void.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: the earlier one stays.
    pub async fn new_recovery_code(
        &self,
        asker: &Asker,
        subject: &str,
        evidence: Vec<EvidenceItem>,
    ) -> Answer<ShownOnce> {
        let asked = self.asked(asker)?;
        let (tenant, actor) = (&asked.tenant, &asked.actor);
        let before = self.kept(&asked, subject).await?;
        let proved = self
            .keeper
            .facts(tenant, &before, (&evidence, actor))
            .await?;
        let (code, hash) = self.drawn(codes::draw_recovery()).await?;
        let decide = |now: &Opened| {
            proved.still_holds(&now.subject)?;
            let command = Command::NewRecoveryCode {
                hash: hash.clone(),
                facts: proved.facts.clone(),
            };
            Ok((command, ()))
        };
        let changed = self.keeper.change(tenant, subject, actor.clone(), decide);
        let created_at_ms = changed.await?.opened.now_ms;
        Ok(ShownOnce {
            code,
            created_at_ms,
        })
    }

    /// Whether what was typed is the live bypass code; one that works once is
    /// used up. The answer says whether it was such a one.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Refused`] with `code_mismatch`: a try was counted.
    pub async fn check_bypass_code(
        &self,
        asker: &Asker,
        subject: &str,
        code: Zeroizing<String>,
    ) -> Answer<bool> {
        let asked = self.asked(asker)?;
        let (tenant, actor) = (&asked.tenant, &asked.actor);
        let before = self.kept(&asked, subject).await?;
        if before.subject.frozen.is_some() {
            return Err(ServiceError::refused("subject_frozen"));
        }
        let typed = [EvidenceItem::BypassCode { code }];
        let proved = self.keeper.facts(tenant, &before, (&typed, actor)).await?;
        let decide = |now: &Opened| {
            proved.still_holds(&now.subject)?;
            let code = now.subject.bypass_code.as_ref();
            let is_one_time = code.is_some_and(|code| code.one_time);
            Ok((Command::UseBypassCode, is_one_time))
        };
        let changed = self.keeper.change(tenant, subject, actor.clone(), decide);
        Ok(changed.await?.with)
    }

    /// A code that was drawn, with the hash that is kept of it.
    pub(super) async fn drawn(
        &self,
        code: Zeroizing<String>,
    ) -> Answer<(Zeroizing<String>, SlowHash)> {
        let hash = self.keeper.hash_of(&code).await?;
        Ok((code, hash))
    }
}
