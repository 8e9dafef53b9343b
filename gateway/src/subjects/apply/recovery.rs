//! A person who has none of their numbers: recoveries, recovery codes, bypass
//! codes.

use super::Turn;
use super::telling::event;
use crate::subjects::command::{Refusal, Telling};
use crate::subjects::evidence::{Class, Fact};
use crate::subjects::model::{
    GRANTS_MAX, Grant, GrantId, NoticeKind, RecoveryCode, SlowHash, Tries,
};
use crate::webhooks::EventKind;

impl Turn<'_> {
    /// Opens a recovery as good as its evidence: a right to enrol, never a sign-in.
    pub(super) fn open_recovery(
        &mut self,
        id: GrantId,
        facts: &[Fact],
        fresh_code: Option<&SlowHash>,
    ) -> Result<(), Refusal> {
        let weighed = self.weigh(facts)?;
        let class = weighed.class.unwrap_or(Class::D);
        if class == Class::D && self.has_weakest_grant() && !weighed.uses_up() {
            // It is open already: asking again is nothing new to anybody.
            return Ok(());
        }
        let until_ms = self.now_ms.saturating_add(self.terms.policy.grant_ms);
        let is_new = self.make_room_for_grant(class)?;
        self.consume(&weighed)?;
        self.replace_recovery_code(&weighed, fresh_code);
        self.subject.grants.push(Grant {
            id,
            class,
            until_ms,
        });
        let told = Telling {
            class: Some(class),
            facts: weighed.kinds(),
            available_at_ms: Some(until_ms),
            ..event(EventKind::RecoveryOpened)
        };
        self.tell(told);
        if is_new {
            let numbers = self.numbers_to_tell(None);
            self.notify(NoticeKind::RecoveryOpened, &numbers);
        }
        Ok(())
    }

    fn has_weakest_grant(&self) -> bool {
        let mut grants = self.subject.grants.iter();
        grants.any(|grant| grant.class == Class::D)
    }

    /// A worse recovery never takes the place of a better one. Without evidence
    /// there is one at most: asking again replaces it, and bothers nobody twice.
    fn make_room_for_grant(&mut self, class: Class) -> Result<bool, Refusal> {
        let grants = &mut self.subject.grants;
        let before = grants.len();
        grants.retain(|grant| class != Class::D || grant.class != Class::D);
        let is_new = grants.len() == before;
        if grants.len() < GRANTS_MAX {
            return Ok(is_new);
        }
        let worst = grants.iter().map(|grant| grant.class).max();
        let place = grants.iter().position(|grant| Some(grant.class) == worst);
        match place {
            Some(place) if worst >= Some(class) => {
                grants.remove(place);
                Ok(is_new)
            }
            Some(_) | None => Err(Refusal::SubjectFull),
        }
    }

    pub(super) fn new_recovery_code(
        &mut self,
        hash: &SlowHash,
        facts: &[Fact],
    ) -> Result<(), Refusal> {
        let weighed = self.weigh(facts)?;
        let is_first = self.subject.enrolled_at_ms == 0 && !facts.is_empty();
        if !is_first && weighed.class.is_none_or(|class| class > Class::B) {
            return Err(Refusal::StepUpRequired);
        }
        self.consume(&weighed)?;
        self.subject.recovery_code = Some(RecoveryCode {
            hash: hash.clone(),
            created_at_ms: self.now_ms,
        });
        self.tell(Telling {
            facts: weighed.kinds(),
            ..event(EventKind::RecoveryCodeCreated)
        });
        Ok(())
    }

    pub(super) fn use_bypass_code(&mut self) -> Result<(), Refusal> {
        self.subject.tries.admit(self.now_ms)?;
        if self.subject.bypass_code.is_none() {
            return Err(Refusal::NotFound);
        }
        self.spend_bypass_code();
        self.subject.tries = Tries::default();
        self.tell(event(EventKind::BypassCodeUsed));
        Ok(())
    }

    pub(super) fn wrong_secret(&mut self) -> Result<(), Refusal> {
        self.subject.tries.admit(self.now_ms)?;
        self.subject.tries.count_wrong(self.now_ms);
        let count = self.subject.tries.count;
        self.tell(Telling {
            reason: Some(count.to_string()),
            ..super::telling::line("subject.wrong_secret")
        });
        Ok(())
    }
}
