//! "Undo this" and "this was not me": what somebody with a token can do, and
//! freezing.

use super::Turn;
use super::telling::{change_event, event, line, method_event};
use crate::subjects::command::{Refusal, Said, Telling, TokenHolder};
use crate::subjects::evidence::Finding;
use crate::subjects::model::{
    ChangeId, ChangeStatus, Freeze, FreezeReason, Method, MethodId, MethodStatus, NoticeKind,
    NumberChange, Recipient, Tries,
};
use crate::webhooks::EventKind;

impl Turn<'_> {
    pub(super) fn undo(&mut self, id: ChangeId, by: TokenHolder) -> Result<(), Refusal> {
        self.admit_token(by)?;
        self.undoable(id)?;
        if self.is_doubtful(by) {
            return self.review();
        }
        self.revert(ChangeStatus::Undone);
        Ok(())
    }

    pub(super) fn report(&mut self, id: ChangeId, by: TokenHolder) -> Result<(), Refusal> {
        self.admit_token(by)?;
        self.undoable(id)?;
        if self.is_doubtful(by) {
            return self.review();
        }
        self.revert(ChangeStatus::Rejected);
        self.freeze(FreezeReason::Reported, None)
    }

    /// A token of eight characters can be guessed at; one from a mail cannot.
    fn admit_token(&self, by: TokenHolder) -> Result<(), Refusal> {
        match by.recipient {
            Recipient::Method(_) => self.subject.token_tries.admit_in_time(self.now_ms),
            Recipient::Mail => Ok(()),
        }
    }

    /// Counts a wrong token. While nobody may type another one, holds and windows
    /// of the change stand still: who guesses gains no time by it.
    pub(super) fn wrong_token(&mut self) -> Result<(), Refusal> {
        let now_ms = self.now_ms;
        let tries = &mut self.subject.token_tries;
        tries.admit_in_time(now_ms)?;
        tries.count_wrong(now_ms);
        let (count, wait_ms) = (tries.count, tries.next_at_ms.saturating_sub(now_ms));
        if let Some(change) = &mut self.subject.change
            && change.is_proved()
        {
            change.hold_until_ms = change.hold_until_ms.saturating_add(wait_ms);
            change.undo_until_ms = change.undo_until_ms.saturating_add(wait_ms);
        }
        self.tell(Telling {
            reason: Some(count.to_string()),
            ..line("subject.wrong_token")
        });
        Ok(())
    }

    /// Whether the number that the token was sent to may have another holder by
    /// now: signals say so, or have said so when it was suspended.
    fn is_doubtful(&self, by: TokenHolder) -> bool {
        let is_suspended = match by.recipient {
            Recipient::Method(id) => {
                let method = self.subject.method(id);
                method.is_some_and(|method| method.suspended.is_some())
            }
            Recipient::Mail => false,
        };
        is_suspended || by.swap == Finding::Raised || by.recycled == Finding::Raised
    }

    /// The change if it can still be undone. Its window stands still while the
    /// subject is frozen.
    pub(super) fn undoable(&self, id: ChangeId) -> Result<&NumberChange, Refusal> {
        let change = self.subject.change.as_ref();
        let change = change.filter(|change| change.id == id);
        let change = change.ok_or_else(|| self.missing_change(id))?;
        let frozen_at_ms = self.subject.frozen.as_ref().map(|freeze| freeze.at_ms);
        let now_ms = frozen_at_ms.unwrap_or(self.now_ms);
        if change.is_proved() && now_ms >= change.undo_until_ms {
            return Err(Refusal::UndoOver);
        }
        Ok(change)
    }

    /// Puts back the number that was, whatever the change has come to.
    pub(super) fn revert(&mut self, status: ChangeStatus) {
        let Some(change) = &self.subject.change else {
            return;
        };
        let (from, to) = (change.from, change.to_method);
        let (requested_at_ms, completed_at_ms) = (change.requested_at_ms, change.completed_at_ms);
        // A recovery that the change has come of was open no longer than that.
        let since_ms = requested_at_ms.saturating_sub(self.terms.policy.grant_ms);
        if change.status == ChangeStatus::Completed {
            self.swap_back(from, to);
            self.void_methods(|method| method.added_at_ms > completed_at_ms);
        }
        let is_waiting = |method: &Method| match method.status {
            MethodStatus::Pending | MethodStatus::Holding => method.suspended.is_none(),
            MethodStatus::Active | MethodStatus::Suspended | MethodStatus::Retired => false,
        };
        self.void_methods(|method| is_waiting(method) && method.added_at_ms >= since_ms);
        self.void_ways_in(requested_at_ms, since_ms);
        self.subject.generation += 1;
        self.end_change(status);
        self.tell_security_changed();
    }

    fn swap_back(&mut self, from: MethodId, to: MethodId) {
        let new = self.subject.method(to);
        let is_default = new.is_some_and(|method| method.is_default);
        self.retire(to);
        if let Some(old) = self.subject.method_mut(from) {
            // It comes back as it went: a number with another holder stays suspended.
            old.status = if old.suspended.is_some() {
                MethodStatus::Suspended
            } else {
                MethodStatus::Active
            };
            old.is_default = is_default;
            old.retired_at_ms = 0;
        }
        self.replace_in_order(to, from);
    }

    /// What was gained while the new number was in place, or waits since whoever
    /// asked for it prepared it, may be theirs: it goes with the change. A thief must
    /// not keep a second number.
    fn void_methods(&mut self, is_meant: impl Fn(&Method) -> bool) {
        let methods = self.subject.listed_methods();
        let later = methods.filter(|method| is_meant(method));
        let later: Vec<(MethodId, MethodStatus)> =
            later.map(|method| (method.id, method.status)).collect();
        for (id, status) in later {
            if status == MethodStatus::Pending {
                self.discard(id);
                continue;
            }
            self.drop_notices_to(id);
            self.retire(id);
            let retired = self.subject.method(id);
            if let Some(told) = retired.map(|method| method_event(EventKind::MethodRemoved, method))
            {
                self.tell(told);
            }
        }
    }

    /// Whoever asked for the change may know the bypass code of then, has the
    /// recovery code that took the place of one they used, and what recoveries they
    /// opened: none of it lets them try again.
    fn void_ways_in(&mut self, requested_at_ms: u64, since_ms: u64) {
        let subject = &mut *self.subject;
        let recovery = subject
            .recovery_code
            .take_if(|code| code.created_at_ms >= since_ms);
        let bypass = subject
            .bypass_code
            .take_if(|code| code.at_ms <= requested_at_ms);
        let grants = std::mem::take(&mut subject.grants);
        if recovery.is_some() {
            self.tell(line("subject.recovery_code_voided"));
        }
        if bypass.is_some() {
            self.tell(line("subject.bypass_code_revoked"));
        }
        if !grants.is_empty() {
            self.tell(line("subject.recoveries_voided"));
        }
    }

    /// An undo from a number that may not be its person's any more decides
    /// nothing: it stops everything, and somebody looks at it.
    fn review(&mut self) -> Result<(), Refusal> {
        if let Some(change) = &mut self.subject.change {
            change.in_review = true;
            let told = Telling {
                what: "number_change.in_review",
                event: None,
                ..change_event(EventKind::ChangeUndone, change)
            };
            self.tell(told);
        }
        self.freeze(FreezeReason::Review, None)
    }

    /// No code reaches anybody until an operator unfreezes it.
    pub(super) fn freeze(&mut self, why: FreezeReason, said: Option<&Said>) -> Result<(), Refusal> {
        if let Some(freeze) = &mut self.subject.frozen {
            // Frozen before: only the graver reason is taken over.
            if why == FreezeReason::Reported {
                freeze.why = why;
            }
            return Ok(());
        }
        let by = self.terms.actor.clone();
        let at_ms = self.now_ms;
        self.subject.frozen = Some(Freeze { at_ms, by, why });
        self.subject.generation += 1;
        self.tell(Telling {
            status: Some(why.as_str()),
            reason: Some(said.map_or(why.as_str(), |said| &said.reason).to_owned()),
            ticket: said.and_then(|said| said.ticket.clone()),
            ..event(EventKind::SubjectFrozen)
        });
        self.tell_security_changed();
        let numbers = self.numbers_to_tell(None);
        self.notify(NoticeKind::Frozen, &numbers);
        Ok(())
    }

    /// Ends the freeze. What stood still goes on where it stood.
    pub(super) fn unfreeze(&mut self) {
        self.subject.tries = Tries::default();
        self.subject.token_tries = Tries::default();
        let Some(freeze) = self.subject.frozen.take() else {
            return;
        };
        let stood_ms = self.now_ms.saturating_sub(freeze.at_ms);
        if let Some(change) = &mut self.subject.change
            && change.is_proved()
        {
            change.in_review = false;
            change.hold_until_ms = change.hold_until_ms.saturating_add(stood_ms);
            change.undo_until_ms = change.undo_until_ms.saturating_add(stood_ms);
        }
        for method in &mut self.subject.methods {
            if method.status == MethodStatus::Holding {
                method.held_until_ms = method.held_until_ms.saturating_add(stood_ms);
            }
        }
        self.tell(event(EventKind::SubjectUnfrozen));
    }
}
