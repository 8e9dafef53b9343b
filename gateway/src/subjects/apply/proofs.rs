//! Evidence as it stands now: each proof is worth something once.

use super::Turn;
use crate::subjects::command::Refusal;
use crate::subjects::evidence::{Class, Fact, FactKind, Finding, class_of};
use crate::subjects::model::{
    MethodStatus, RecoveryCode, SlowHash, Tries, USED_PROOFS_MAX, UsedProof,
};

/// Longer than anything proves something: a code typed back ten minutes, an
/// assertion ten and a minute by which clocks may differ.
const PROOF_LIFE_MS: u64 = 900_000;

/// Facts that still hold, and what they are worth.
pub(super) struct Weighed {
    pub(super) facts: Vec<Fact>,
    pub(super) class: Option<Class>,
}

impl Weighed {
    /// Whether something in it is good for one use.
    pub(super) fn uses_up(&self) -> bool {
        self.facts.iter().any(|fact| match fact {
            Fact::Method { .. }
            | Fact::Idv { .. }
            | Fact::RecoveryCode
            | Fact::BypassCode
            | Fact::Grant { .. } => true,
            Fact::Session | Fact::StrongerFactor { .. } | Fact::SingleFactor | Fact::IssuedCode => {
                false
            }
        })
    }

    pub(super) fn kinds(&self) -> Vec<FactKind> {
        self.facts.iter().map(Fact::kind).collect()
    }
}

impl Turn<'_> {
    /// Judges evidence by what the record says at this moment; uses up nothing.
    pub(super) fn weigh(&self, facts: &[Fact]) -> Result<Weighed, Refusal> {
        let mut standing = Vec::with_capacity(facts.len());
        for fact in facts {
            if let Some(fact) = self.stands(fact)? {
                standing.push(fact);
            }
        }
        Ok(Weighed {
            class: class_of(&standing),
            facts: standing,
        })
    }

    /// The fact as the record knows it; `None` if it proves nothing any more.
    fn stands(&self, fact: &Fact) -> Result<Option<Fact>, Refusal> {
        let subject = &*self.subject;
        let is_used = |proof: [u8; 16]| subject.used_proofs.iter().any(|used| used.name == proof);
        // What binds a number proves nothing else.
        let binds = |proof| {
            let methods = subject.methods.iter().map(|method| method.proof);
            let change = subject.change.iter().map(|change| change.proof);
            methods.chain(change).any(|bound| bound == Some(proof))
        };
        match fact {
            Fact::Session | Fact::StrongerFactor { .. } | Fact::SingleFactor | Fact::IssuedCode => {
                Ok(Some(fact.clone()))
            }
            Fact::Method { id, proof, .. } => {
                if is_used(proof.random) || binds(*proof) {
                    return Err(Refusal::ProofUsed);
                }
                Ok(self.method_fact(fact, *id))
            }
            Fact::Idv { assertion } if is_used(*assertion) => Err(Refusal::ProofUsed),
            Fact::Idv { .. } => Ok(Some(fact.clone())),
            Fact::RecoveryCode => {
                subject.tries.admit(self.now_ms)?;
                let code = subject.recovery_code.as_ref();
                code.ok_or(Refusal::ProofUsed)?;
                Ok(Some(fact.clone()))
            }
            Fact::BypassCode => {
                subject.tries.admit(self.now_ms)?;
                subject.bypass_code.as_ref().ok_or(Refusal::ProofUsed)?;
                Ok(Some(fact.clone()))
            }
            Fact::Grant { id, .. } => {
                let grant = subject.open_grant(*id, self.now_ms);
                let grant = grant.ok_or(Refusal::ProofUsed)?;
                Ok(Some(Fact::Grant {
                    id: grant.id,
                    class: grant.class,
                }))
            }
        }
    }

    /// A number proves its holder only while it is one that is meant for codes;
    /// one suspended for a new SIM proves no more than that new SIM does.
    fn method_fact(&self, fact: &Fact, id: crate::subjects::model::MethodId) -> Option<Fact> {
        let method = self.subject.method(id)?;
        let Fact::Method {
            proof,
            swap,
            recycled,
            ..
        } = fact
        else {
            return None;
        };
        let swap = match method.status {
            MethodStatus::Active => *swap,
            MethodStatus::Suspended if !method.is_recycled() => Finding::Raised,
            MethodStatus::Suspended
            | MethodStatus::Pending
            | MethodStatus::Holding
            | MethodStatus::Retired => return None,
        };
        Some(Fact::Method {
            id,
            proof: *proof,
            swap,
            recycled: *recycled,
        })
    }

    /// Uses up what may be used once.
    ///
    /// # Errors
    ///
    /// [`Refusal::ChangesLimit`] if so much was used lately that it could not be
    /// remembered: what is forgotten would count again.
    pub(super) fn consume(&mut self, weighed: &Weighed) -> Result<(), Refusal> {
        for fact in &weighed.facts {
            match fact {
                Fact::Method { proof, .. } => self.use_proof(proof.random)?,
                Fact::Idv { assertion } => self.use_proof(*assertion)?,
                Fact::BypassCode => self.spend_bypass_code(),
                Fact::Grant { id, .. } => self.subject.grants.retain(|grant| grant.id != *id),
                Fact::Session
                | Fact::StrongerFactor { .. }
                | Fact::SingleFactor
                | Fact::IssuedCode
                // Where it buys something another one takes its place.
                | Fact::RecoveryCode => {}
            }
        }
        Ok(())
    }

    /// A recovery code that was used leaves its owner with another one.
    pub(super) fn replace_recovery_code(&mut self, weighed: &Weighed, fresh: Option<&SlowHash>) {
        if weighed.kinds().contains(&FactKind::RecoveryCode) {
            let created_at_ms = self.now_ms;
            self.subject.recovery_code = fresh.cloned().map(|hash| RecoveryCode {
                hash,
                created_at_ms,
            });
            self.subject.tries = Tries::default();
        }
    }

    fn use_proof(&mut self, name: [u8; 16]) -> Result<(), Refusal> {
        let used = &mut self.subject.used_proofs;
        used.retain(|one| one.until_ms > self.now_ms);
        if used.iter().any(|one| one.name == name) {
            return Ok(());
        }
        if used.len() >= USED_PROOFS_MAX {
            let first = used.iter().map(|one| one.until_ms).min();
            return Err(Refusal::ChangesLimit {
                available_at_ms: first.unwrap_or(self.now_ms),
            });
        }
        let until_ms = self.now_ms.saturating_add(PROOF_LIFE_MS);
        used.push(UsedProof { name, until_ms });
        Ok(())
    }

    pub(super) fn spend_bypass_code(&mut self) {
        self.subject.bypass_code.take_if(|code| code.one_time);
    }
}
