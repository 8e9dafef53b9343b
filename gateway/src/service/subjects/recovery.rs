//! The way back in for who has none of their numbers: recoveries, recovery codes
//! and bypass codes.

use zeroize::Zeroizing;

use super::request::EvidenceItem;
use super::view::{RecoveryView, ShownOnce};
use crate::service::error::ServiceError;
use crate::service::{Answer, Service};
use crate::subjects::codes::draw_recovery;
use crate::subjects::command::Command;
use crate::subjects::evidence::{Finding, hold_ms};
use crate::subjects::keeper::Opened;
use crate::subjects::model::GrantId;
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
        let facts = self.keeper.facts(tenant, &before, (&evidence, actor));
        let proved = facts.await?;
        let uses_code = |item: &EvidenceItem| matches!(item, EvidenceItem::RecoveryCode { .. });
        // One that was used is void, so another takes its place.
        let fresh = if evidence.iter().any(uses_code) {
            let code = draw_recovery();
            let hash = self.keeper.hash_of(&code).await?;
            Some((code, hash))
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
        let facts = self.keeper.facts(tenant, &before, (&evidence, actor));
        let proved = facts.await?;
        let code = draw_recovery();
        let hash = self.keeper.hash_of(&code).await?;
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
        let evidence = [EvidenceItem::BypassCode { code }];
        let facts = self.keeper.facts(tenant, &before, (&evidence, actor));
        let proved = facts.await?;
        let decide = |now: &Opened| {
            proved.still_holds(&now.subject)?;
            let live = now.subject.bypass_code.as_ref();
            let live = live.ok_or_else(|| ServiceError::refused("code_mismatch"))?;
            Ok((Command::UseBypassCode, live.one_time))
        };
        let changed = self.keeper.change(tenant, subject, actor.clone(), decide);
        Ok(changed.await?.with)
    }
}
