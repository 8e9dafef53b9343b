//! From what a caller says was proved to what was: everything that can be checked
//! is checked, and what cannot is taken as the tenant's word.

use watchword_providers::Channel;

use crate::service::subjects::request::EvidenceItem;
use crate::service::{Answer, ServiceError};
use crate::store::Found;
use crate::subjects::codes::NO_CODE;
use crate::subjects::command::{Command, Refusal};
use crate::subjects::evidence::Fact;
use crate::subjects::idv;
use crate::subjects::model::{Actor, SlowHash, Subject};
use crate::verification::Status;

use super::{CONFIRM_METHOD, Keeper, NUMBER_CHANGE, Opened, Whose};
use crate::details::Details;
use crate::id::RecordId;
use crate::service::subjects::refusals::refused;

/// A code that was typed back longer ago proves nothing any more.
const PROOF_AGE_MAX_MS: u64 = 600_000;

/// What was proved, and by which codes of the record.
#[derive(Debug, Default)]
pub(crate) struct Proved {
    pub(crate) facts: Vec<Fact>,
    compared: Vec<Compared>,
}

/// A code of the record that was compared with what was typed.
#[derive(Debug)]
enum Compared {
    Recovery(SlowHash),
    Bypass(SlowHash),
}

impl Proved {
    /// Comparing takes a while: the codes may have been used or replaced since.
    ///
    /// # Errors
    ///
    /// As for a wrong code.
    pub(crate) fn still_holds(&self, subject: &Subject) -> Answer<()> {
        let holds = self.compared.iter().all(|compared| match compared {
            Compared::Recovery(hash) => {
                let code = subject.recovery_code.as_ref();
                code.is_some_and(|code| code.hash == *hash)
            }
            Compared::Bypass(hash) => {
                let code = subject.bypass_code.as_ref();
                code.is_some_and(|code| code.hash == *hash)
            }
        });
        if holds { Ok(()) } else { Err(WRONG_CODE()) }
    }
}

const WRONG_CODE: fn() -> ServiceError = || ServiceError::refused("code_mismatch");

fn not_evidence(detail: &'static str) -> ServiceError {
    ServiceError::Invalid {
        code: "invalid_evidence",
        field: "evidence",
        detail,
        alternatives: Vec::new(),
    }
}

impl Keeper {
    /// Checks evidence. A wrong code is counted before it is answered.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: which of it does not hold.
    pub(crate) async fn facts(
        &self,
        tenant: &std::sync::Arc<crate::tenants::Tenant>,
        opened: &Opened,
        (evidence, actor): (&[EvidenceItem], &Actor),
    ) -> Answer<Proved> {
        // Nobody learns from a frozen subject whether a code was right.
        if opened.subject.frozen.is_some() {
            return Err(refused(Refusal::Frozen, opened.now_ms));
        }
        let whose = self.whose(tenant, &opened.subject.name)?;
        let mut proved = Proved::default();
        for item in evidence {
            let fact = match item {
                EvidenceItem::Session => Fact::Session,
                EvidenceItem::StrongerFactor { kind } => Fact::StrongerFactor {
                    kind: kind.clone().unwrap_or_default(),
                },
                EvidenceItem::SingleFactor => Fact::SingleFactor,
                EvidenceItem::IssuedCode => Fact::IssuedCode,
                EvidenceItem::Method { verification } => {
                    self.method_fact(&whose, opened, verification.0).await?
                }
                EvidenceItem::RecoveryCode { code } => {
                    let kept = opened.subject.recovery_code.as_ref();
                    let hash = kept.map(|kept| &kept.hash);
                    let hash = self.compared(&whose, opened, (hash, code), actor).await?;
                    proved.compared.push(Compared::Recovery(hash));
                    Fact::RecoveryCode
                }
                EvidenceItem::BypassCode { code } => {
                    let kept = opened.subject.bypass_code.as_ref();
                    let kept = kept.filter(|kept| kept.until_ms > opened.now_ms);
                    let hash = kept.map(|kept| &kept.hash);
                    let hash = self.compared(&whose, opened, (hash, code), actor).await?;
                    proved.compared.push(Compared::Bypass(hash));
                    Fact::BypassCode
                }
                EvidenceItem::Idv { assertion } => {
                    let issuers = &tenant.subjects.idv_issuers;
                    let now_s = opened.now_ms / 1_000;
                    let assertion = idv::verify(issuers, assertion, &opened.subject.name, now_s);
                    let assertion =
                        assertion.map_err(|_| ServiceError::refused("assertion_invalid"))?;
                    Fact::Idv { assertion }
                }
                EvidenceItem::Recovery { id } => {
                    let grant = opened.subject.open_grant(*id, opened.now_ms);
                    let grant = grant.ok_or_else(|| {
                        not_evidence("the recovery is not open, or not this subject's")
                    })?;
                    Fact::Grant {
                        id: *id,
                        class: grant.class,
                    }
                }
            };
            proved.facts.push(fact);
        }
        Ok(proved)
    }

    /// Compares a typed code with the one that is kept, if there is one.
    ///
    /// # Errors
    ///
    /// `code_mismatch` once the wrong try is counted; [`ServiceError::Limited`]
    /// without a comparison if there were too many.
    pub(super) async fn compared(
        &self,
        whose: &Whose,
        opened: &Opened,
        (kept, typed): (Option<&SlowHash>, &str),
        actor: &Actor,
    ) -> Answer<SlowHash> {
        let admitted = opened.subject.tries.admit(opened.now_ms);
        admitted.map_err(|refusal| refused(refusal, opened.now_ms))?;
        // Where there is no code, that takes as long to find out.
        let is_right = self.is_code(kept.unwrap_or(&NO_CODE), typed).await?;
        if let Some(hash) = kept.filter(|_| is_right) {
            return Ok(hash.clone());
        }
        self.wrong_secret(whose, &opened.subject.name, actor)
            .await?;
        Err(WRONG_CODE())
    }

    /// Counts a wrong secret; `Ok` once that is written, so no guess is free.
    pub(super) async fn wrong_secret(
        &self,
        whose: &Whose,
        name: &str,
        actor: &Actor,
    ) -> Answer<()> {
        let decide = |opened: &Opened| {
            // Guesses made at the same time: only as many as may be are answered.
            let admitted = opened.subject.tries.admit(opened.now_ms);
            admitted.map_err(|refusal| refused(refusal, opened.now_ms))?;
            Ok((Command::WrongSecret, ()))
        };
        let counted = self
            .change(&whose.tenant, name, actor.clone(), decide)
            .await;
        counted.map(drop)
    }

    /// A verification that was sent to one of the subject's methods and typed back.
    async fn method_fact(&self, whose: &Whose, opened: &Opened, proof: RecordId) -> Answer<Fact> {
        let stale = || not_evidence("not a verification of the subject that was approved just now");
        let found = self.shared.store.get(proof).await;
        let found = found.map_err(|error| self.store_error("get", &error))?;
        let found = found
            .filter(|found| is_fresh(whose, found))
            .ok_or_else(stale)?;
        let details = Details::open(&whose.live.ring, proof, &found.record);
        let details = details.map_err(|_| stale())?;
        let is_of_subject = details.subject.as_deref() == Some(&opened.subject.name)
            && details.purpose != CONFIRM_METHOD
            && details.purpose != NUMBER_CHANGE;
        let id = details
            .whom
            .method
            .filter(|_| is_of_subject)
            .ok_or_else(stale)?;
        let method = opened.subject.method(id).ok_or_else(stale)?;
        let mut deliveries = found.record.deliveries.iter();
        let by = if deliveries.any(|delivery| delivery.channel == Channel::Voice) {
            Channel::Voice
        } else {
            Channel::Sms
        };
        let (swap, recycled) = self.findings_of_proof(whose, method, by).await;
        Ok(Fact::Method {
            id,
            proof,
            swap,
            recycled,
        })
    }
}

fn is_fresh(whose: &Whose, found: &Found) -> bool {
    let record = &found.record;
    record.tenant == whose.tenant.tag
        && found.id.shard == whose.key.0.shard
        && record.number == whose.key.account()
        // Who drew the code could type it back without the phone.
        && !record.has_custom_code
        && record.status_at(found.now_ms) == Status::Approved
        && found.now_ms.saturating_sub(record.decided_at_ms) <= PROOF_AGE_MAX_MS
}
