//! The way back in for who has none of their numbers: recoveries, recovery codes
//! and bypass codes.

use zeroize::Zeroizing;

use super::Asked;
use super::request::EvidenceItem;
use super::view::{RecoveryView, ShownOnce};
use crate::service::error::ServiceError;
use crate::service::{Answer, Service};
use crate::subjects::codes;
use crate::subjects::command::Command;
use crate::subjects::evidence::{Class, Fact, Finding, hold_ms};
use crate::subjects::keeper::{Opened, Proved};
use crate::subjects::model::{GrantId, SlowHash};
use crate::tenants::Asker;

/// A recovery code drawn beforehand.
pub(super) struct FreshCode {
    code: Zeroizing<String>,
    pub(super) hash: SlowHash,
}

impl FreshCode {
    /// For its owner, if it is the record's by now.
    pub(super) fn shown(self, opened: &Opened) -> Option<ShownOnce> {
        let kept = opened.subject.recovery_code.as_ref()?;
        (kept.hash == self.hash).then_some(ShownOnce {
            code: self.code,
            created_at_ms: kept.created_at_ms,
        })
    }
}

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
        let proved = self.proved(&asked, subject, &evidence).await?;
        let fresh = self.fresh_code(&proved).await?;
        let fresh_code = fresh.as_ref().map(|fresh| fresh.hash.clone());
        let id = GrantId::draw();
        let decide = |now: &Opened| {
            proved.still_holds(&now.subject)?;
            let command = Command::OpenRecovery {
                id,
                facts: proved.facts.clone(),
                fresh_code: fresh_code.clone(),
            };
            Ok((command, ()))
        };
        let actor = asked.actor.clone();
        let changed = self.keeper.change(&asked.tenant, subject, actor, decide);
        let opened = changed.await?.opened;
        // One without evidence that was open already stands for this one.
        let mut weakest = opened.subject.grants.iter();
        let grant = opened.subject.open_grant(id, opened.now_ms);
        let grant = grant.or_else(|| weakest.find(|grant| grant.class == Class::D));
        let grant = grant.ok_or(ServiceError::NotFound)?;
        let holds = &asked.tenant.subjects.holds;
        Ok(RecoveryView {
            id: grant.id,
            class: grant.class,
            hold_s: hold_ms(grant.class, Finding::Unknown, holds) / 1_000,
            expires_at_ms: grant.until_ms,
            recovery_code: fresh.and_then(|fresh| fresh.shown(&opened)),
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
        let proved = self.proved(&asked, subject, &evidence).await?;
        let code = codes::draw_recovery();
        let hash = self.keeper.hash_of(&code).await?;
        let decide = |now: &Opened| {
            proved.still_holds(&now.subject)?;
            let command = Command::NewRecoveryCode {
                hash: hash.clone(),
                facts: proved.facts.clone(),
            };
            Ok((command, ()))
        };
        let actor = asked.actor.clone();
        let changed = self.keeper.change(&asked.tenant, subject, actor, decide);
        Ok(ShownOnce {
            code,
            created_at_ms: changed.await?.opened.now_ms,
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
        let evidence = [EvidenceItem::BypassCode { code }];
        let proved = self.proved(&asked, subject, &evidence).await?;
        let decide = |now: &Opened| {
            proved.still_holds(&now.subject)?;
            let code = now.subject.bypass_code.as_ref();
            let one_time = code.is_some_and(|code| code.one_time);
            Ok((Command::UseBypassCode, one_time))
        };
        let actor = asked.actor.clone();
        let changed = self.keeper.change(&asked.tenant, subject, actor, decide);
        Ok(changed.await?.with)
    }

    /// The code that takes the place of a recovery code among the evidence.
    pub(super) async fn fresh_code(&self, proved: &Proved) -> Answer<Option<FreshCode>> {
        let has_code = proved.facts.contains(&Fact::RecoveryCode);
        let Some(code) = has_code.then(codes::draw_recovery) else {
            return Ok(None);
        };
        let hash = self.keeper.hash_of(&code).await?;
        Ok(Some(FreshCode { code, hash }))
    }

    /// What of the evidence holds.
    async fn proved(
        &self,
        asked: &Asked,
        subject: &str,
        evidence: &[EvidenceItem],
    ) -> Answer<Proved> {
        let opened = self.kept(asked, subject).await?;
        let evidence = (evidence, &asked.actor);
        self.keeper.facts(&asked.tenant, &opened, evidence).await
    }
}
