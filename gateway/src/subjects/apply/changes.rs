//! A number change on its way: asked for, proved, told, held, completed.

use super::Turn;
use super::telling::change_event;
use crate::id::RecordId;
use crate::subjects::command::{Refusal, RequestChange, Telling};
use crate::subjects::evidence::hold_ms;
use crate::subjects::model::{
    ChangeId, ChangeStatus, EndedChange, Method, MethodId, MethodStatus, Notice, NoticeKind,
    NumberChange, Recipient, SuspendReason, Tries,
};
use crate::subjects::notices::{NOTICES_END_MS, schedule};
use crate::webhooks::EventKind;

const DAY_MS: u64 = 86_400_000;
/// If those who must hear of a change could not be told for longer, its hold and
/// its undo window begin only when they were.
const TOLD_LATE_MS: u64 = 300_000;

impl Turn<'_> {
    pub(super) fn request_change(&mut self, wish: &RequestChange) -> Result<(), Refusal> {
        let from = self.changed_method(wish.from)?;
        if let Some(change) = &mut self.subject.change {
            let is_the_same = change.status == ChangeStatus::Requested
                && change.from == from
                && change.to_method == wish.to_method;
            if !is_the_same {
                return Err(in_progress(change));
            }
            // The code was sent again. What the change was asked with still holds.
            change.proof = Some(wish.proof);
            return Ok(());
        }
        let is_new = |method: &Method| method.id != wish.to_method;
        if !self.subject.listed_methods().all(is_new) {
            return Err(Refusal::NumberUnchanged);
        }
        let weighed = self.weigh(&wish.facts)?;
        let class = weighed.class.ok_or(Refusal::StepUpRequired)?;
        self.may_change_today()?;
        self.consume(&weighed)?;
        self.replace_recovery_code(&weighed, wish.fresh_code.as_ref());
        // Those were typed for another one.
        self.subject.token_tries = Tries::default();
        let policy = self.terms.policy;
        let change = NumberChange {
            id: wish.id,
            status: ChangeStatus::Requested,
            from,
            to: wish.to.clone(),
            to_method: wish.to_method,
            to_channel: wish.channel,
            class,
            facts: weighed.kinds(),
            hold_ms: hold_ms(class, wish.new_swap, &policy.holds),
            requested_by: self.terms.actor.clone(),
            requested_at_ms: self.now_ms,
            verify_by_ms: self.now_ms.saturating_add(policy.verify_within_ms),
            proof: Some(wish.proof),
            new_verified_at_ms: 0,
            hold_until_ms: 0,
            undo_until_ms: 0,
            completed_at_ms: 0,
            in_review: false,
        };
        self.subject.changes_at_ms.push(self.now_ms);
        self.tell(Telling {
            facts: weighed.kinds(),
            ..change_event(EventKind::ChangeRequested, &change)
        });
        self.subject.change = Some(change);
        Ok(())
    }

    /// The method whose number changes. It may be suspended: a number that has
    /// another holder by now is the best reason for a change.
    fn changed_method(&self, named: Option<MethodId>) -> Result<MethodId, Refusal> {
        let method = match named {
            Some(id) => self.subject.method(id),
            None => self.subject.default_method(),
        };
        let method = method.ok_or(Refusal::NotFound)?;
        match method.status {
            MethodStatus::Active | MethodStatus::Suspended => Ok(method.id),
            // The number it was changed from, while that can be undone.
            MethodStatus::Retired => {
                let change = self.subject.change.as_ref();
                Err(change.map_or(Refusal::NotFound, in_progress))
            }
            MethodStatus::Pending => Err(Refusal::MethodPending),
            MethodStatus::Holding => Err(Refusal::MethodOnHold {
                until_ms: method.held_until_ms,
            }),
        }
    }

    fn may_change_today(&self) -> Result<(), Refusal> {
        let day_ago = self.now_ms.saturating_sub(DAY_MS);
        let changes = self.subject.changes_at_ms.iter();
        let today: Vec<u64> = changes.copied().filter(|at| *at > day_ago).collect();
        let most = usize::from(self.terms.policy.changes_per_day);
        let over = (today.len() + 1).saturating_sub(most);
        match over.checked_sub(1).and_then(|place| today.get(place)) {
            Some(at) => Err(Refusal::ChangesLimit {
                available_at_ms: at.saturating_add(DAY_MS),
            }),
            None => Ok(()),
        }
    }

    pub(super) fn change_proved(&mut self, id: ChangeId, proof: RecordId) -> Result<(), Refusal> {
        let (now_ms, undo_window_ms) = (self.now_ms, self.terms.policy.undo_window_ms);
        let missing = self.missing_change(id);
        let change = self.subject.change.as_mut();
        let change = change.filter(|change| change.id == id).ok_or(missing)?;
        if change.proof != Some(proof) {
            return Err(Refusal::NotPending);
        }
        // Typed back before, and answered by a node that died.
        if change.is_proved() {
            return Ok(());
        }
        change.status = ChangeStatus::NewVerified;
        change.new_verified_at_ms = now_ms;
        change.hold_until_ms = now_ms.saturating_add(change.hold_ms);
        change.undo_until_ms = now_ms.saturating_add(change.hold_ms.max(undo_window_ms));
        let change = change.clone();
        self.tell(Telling {
            available_at_ms: Some(change.hold_until_ms),
            ..change_event(EventKind::ChangeNewVerified, &change)
        });
        let mut to = self.numbers_to_tell(Some(change.to_method));
        // The number that is given up is told first.
        to.sort_by_key(|one| *one != Recipient::Method(change.from));
        to.push(Recipient::Mail);
        for (round, due_at_ms) in (0_u8..).zip(schedule(now_ms, change.undo_until_ms)) {
            for recipient in &to {
                self.add_notice(Notice {
                    number: 0,
                    kind: NoticeKind::ChangeRequested,
                    to: *recipient,
                    due_at_ms,
                    change: Some(id),
                    round,
                });
            }
        }
        Ok(())
    }

    pub(super) fn change_given_up(&mut self, id: ChangeId, proof: RecordId) -> Result<(), Refusal> {
        let change = self.subject.change.as_ref();
        let change = change.filter(|change| change.id == id);
        let change = change.ok_or_else(|| self.missing_change(id))?;
        if change.status != ChangeStatus::Requested || change.proof != Some(proof) {
            return Err(Refusal::NotPending);
        }
        self.end_change(ChangeStatus::Expired);
        Ok(())
    }

    /// A number was mistyped, say. It still counts among the day's changes, and the
    /// code that was sent to it is worth nothing any more.
    pub(super) fn cancel_change(&mut self, id: ChangeId) -> Result<(), Refusal> {
        let change = self.subject.change.as_ref();
        let change = change.filter(|change| change.id == id);
        let change = change.ok_or_else(|| self.missing_change(id))?;
        match change.status {
            ChangeStatus::Requested => {}
            // Others were told of it, and have tokens: theirs is the say.
            ChangeStatus::NewVerified | ChangeStatus::Holding => {
                return Err(in_progress(change));
            }
            status @ (ChangeStatus::Completed
            | ChangeStatus::Undone
            | ChangeStatus::Rejected
            | ChangeStatus::Expired) => return Err(Refusal::ChangeEnded { status }),
        }
        self.subject.generation += 1;
        self.end_change(ChangeStatus::Undone);
        Ok(())
    }

    pub(super) fn notices_queued(&mut self, numbers: &[u32]) -> Result<(), Refusal> {
        self.subject
            .notices
            .retain(|notice| !numbers.contains(&notice.number));
        self.settle_told();
        Ok(())
    }

    /// Nothing more goes to a number with another holder; codes neither.
    pub(super) fn notices_stopped(&mut self, to: MethodId) -> Result<(), Refusal> {
        self.drop_notices_to(to);
        self.suspend(to, SuspendReason::Recycled)?;
        self.settle_told();
        Ok(())
    }

    /// The hold goes on once everybody was told who must be told first.
    fn settle_told(&mut self) {
        let Some(change) = &mut self.subject.change else {
            return;
        };
        let id = change.id;
        let is_first = |notice: &Notice| notice.change == Some(id) && notice.round == 0;
        if change.status != ChangeStatus::NewVerified || self.subject.notices.iter().any(is_first) {
            return;
        }
        let late_ms = self.now_ms.saturating_sub(change.new_verified_at_ms);
        if late_ms > TOLD_LATE_MS {
            change.hold_until_ms = change.hold_until_ms.saturating_add(late_ms);
            change.undo_until_ms = change.undo_until_ms.saturating_add(late_ms);
            let of_change = |notice: &&mut Notice| notice.change == Some(id);
            for notice in self.subject.notices.iter_mut().filter(of_change) {
                notice.due_at_ms = notice.due_at_ms.saturating_add(late_ms);
            }
        }
        change.status = ChangeStatus::Holding;
        let change = change.clone();
        if change.hold_until_ms <= self.now_ms && self.subject.frozen.is_none() {
            self.complete_change();
        } else {
            self.tell(Telling {
                available_at_ms: Some(change.hold_until_ms),
                ..change_event(EventKind::ChangeHolding, &change)
            });
        }
    }

    /// The old number retires and the new one takes its place, in one step.
    pub(super) fn complete_change(&mut self) {
        let now_ms = self.now_ms;
        let Some(mut change) = self.subject.change.take() else {
            return;
        };
        drop(self.take_method(change.to_method));
        if let Some(old) = self.subject.method_mut(change.from) {
            let new = Method {
                id: change.to_method,
                number: change.to.clone(),
                status: MethodStatus::Active,
                channel: change.to_channel,
                extension: None,
                added_at_ms: change.requested_at_ms,
                verified_at_ms: change.new_verified_at_ms,
                last_used_at_ms: 0,
                held_until_ms: 0,
                verify_by_ms: 0,
                proof: None,
                suspended: None,
                stale_told: false,
                retired_at_ms: 0,
                class: Some(change.class),
                ..old.clone()
            };
            self.subject.methods.push(new);
        }
        self.retire(change.from);
        self.replace_in_order(change.from, change.to_method);
        self.subject.generation += 1;
        change.status = ChangeStatus::Completed;
        change.completed_at_ms = now_ms;
        self.tell(Telling {
            available_at_ms: Some(change.undo_until_ms),
            ..change_event(EventKind::ChangeCompleted, &change)
        });
        self.subject.change = Some(change);
        self.tell_security_changed();
    }

    pub(super) fn replace_in_order(&mut self, old: MethodId, new: MethodId) {
        for place in &mut self.subject.fallback_order {
            if *place == old {
                *place = new;
            }
        }
    }

    /// Ends the change; of what it was, no numbers stay.
    pub(super) fn end_change(&mut self, status: ChangeStatus) {
        let Some(mut change) = self.subject.change.take() else {
            return;
        };
        self.drop_notices_of_change(&change);
        change.status = status;
        self.subject.ended_changes.push(EndedChange {
            id: change.id,
            status,
            class: change.class,
            requested_at_ms: change.requested_at_ms,
            ended_at_ms: self.now_ms,
        });
        let kind = match status {
            ChangeStatus::Undone => EventKind::ChangeUndone,
            ChangeStatus::Rejected => EventKind::ChangeRejected,
            ChangeStatus::Expired => EventKind::ChangeExpired,
            // Told when it was.
            ChangeStatus::Completed
            | ChangeStatus::Requested
            | ChangeStatus::NewVerified
            | ChangeStatus::Holding => return,
        };
        self.tell(change_event(kind, &change));
    }

    /// Why a change is not the current one.
    pub(super) fn missing_change(&self, id: ChangeId) -> Refusal {
        let mut ended = self.subject.ended_changes.iter().rev();
        match ended.find(|change| change.id == id).map(|one| one.status) {
            Some(ChangeStatus::Completed) => Refusal::UndoOver,
            Some(status) => Refusal::ChangeEnded { status },
            None => Refusal::NotFound,
        }
    }

    /// When a change may not be told of any more: its number may have another
    /// holder by then.
    pub(super) fn notices_end_ms(change: &NumberChange) -> u64 {
        let last = change.new_verified_at_ms.saturating_add(NOTICES_END_MS);
        match change.status {
            // Its window begins when those who must know have been told.
            ChangeStatus::Requested | ChangeStatus::NewVerified => last,
            ChangeStatus::Holding
            | ChangeStatus::Completed
            | ChangeStatus::Undone
            | ChangeStatus::Rejected
            | ChangeStatus::Expired => last.min(change.undo_until_ms),
        }
    }
}

/// A change stands in the way until its number was not proved in time, or until
/// it can no longer be undone.
pub(super) fn in_progress(change: &NumberChange) -> Refusal {
    let available_at_ms = match change.status {
        ChangeStatus::Requested => change.verify_by_ms,
        ChangeStatus::NewVerified
        | ChangeStatus::Holding
        | ChangeStatus::Completed
        | ChangeStatus::Undone
        | ChangeStatus::Rejected
        | ChangeStatus::Expired => change.undo_until_ms,
    };
    Refusal::ChangeInProgress { available_at_ms }
}
