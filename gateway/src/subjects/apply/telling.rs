//! What is told of what happens, and to whom; and what is forgotten when it is
//! not needed any more.

use super::Turn;
use crate::subjects::command::Telling;
use crate::subjects::model::{
    ENDED_CHANGES_MAX, Method, MethodId, MethodStatus, NOTICES_MAX, Notice, NoticeKind,
    NumberChange, RETIRED_MAX, Recipient,
};
use crate::webhooks::EventKind;

const DAY_MS: u64 = 86_400_000;
/// Of an enrolment that was given up nothing stays but the trail, and so long:
/// for whoever asks what became of it. Every other trail stays with its subject.
const ENROLMENT_KEPT_MS: u64 = 30 * DAY_MS;
/// A number whose code was not typed back.
pub(super) const DISCARDED: &str = "method.discarded";

impl Turn<'_> {
    /// Adds a telling, with the reason an operator gave.
    pub(super) fn tell(&mut self, mut telling: Telling) {
        if let Some(asked) = &self.asked {
            telling.reason.get_or_insert_with(|| asked.reason.clone());
            telling.ticket = telling.ticket.or_else(|| asked.ticket.clone());
        }
        let kept_until_ms = if is_of_an_enrolment(telling.what) {
            self.until_ms.saturating_add(ENROLMENT_KEPT_MS)
        } else {
            u64::MAX
        };
        let subject = &mut *self.subject;
        subject.kept_until_ms = subject.kept_until_ms.max(kept_until_ms);
        self.outcome.told.push(telling);
    }

    /// Every number that may hear of what happens, but for `besides`.
    ///
    /// A number that was changed hears of it as long as the change can be undone.
    pub(super) fn numbers_to_tell(&self, besides: Option<MethodId>) -> Vec<Recipient> {
        let changed = self.subject.change.as_ref().map(|change| change.from);
        let hears = |method: &&Method| match method.status {
            MethodStatus::Holding | MethodStatus::Active | MethodStatus::Suspended => true,
            MethodStatus::Retired => changed == Some(method.id),
            MethodStatus::Pending => false,
        };
        let methods = self.subject.methods.iter().filter(hears);
        methods
            .filter(|method| !method.is_recycled() && Some(method.id) != besides)
            .map(|method| Recipient::Method(method.id))
            .collect()
    }

    /// Has the numbers told now. Mail needs no notice: the event itself tells.
    pub(super) fn notify(&mut self, kind: NoticeKind, to: &[Recipient]) {
        self.notify_at(kind, to, &[self.until_ms]);
    }

    pub(super) fn notify_at(&mut self, kind: NoticeKind, to: &[Recipient], due: &[u64]) {
        for recipient in to {
            for (round, due_at_ms) in (0_u8..).zip(due) {
                // The same sentence twice at once says no more than once.
                let waits = self.subject.notices.iter().any(|notice| {
                    notice.kind == kind
                        && notice.to == *recipient
                        && (notice.due_at_ms == *due_at_ms || notice.round == 0 && round == 0)
                });
                if !waits {
                    self.add_notice(Notice {
                        number: 0,
                        kind,
                        to: *recipient,
                        due_at_ms: *due_at_ms,
                        change: None,
                        round,
                    });
                }
            }
        }
    }

    /// Adds it under a number that this subject never had, nor one of the same
    /// name that was erased before it.
    pub(super) fn add_notice(&mut self, notice: Notice) {
        let seconds = u32::try_from(self.until_ms / 1_000).unwrap_or(u32::MAX);
        let number = self.subject.last_notice.saturating_add(1).max(seconds);
        self.subject.last_notice = number;
        self.subject.notices.push(Notice { number, ..notice });
    }

    pub(super) fn drop_notices_of_change(&mut self, change: &NumberChange) {
        self.subject
            .notices
            .retain(|notice| notice.change != Some(change.id));
    }

    pub(super) fn drop_notices_to(&mut self, method: MethodId) {
        self.subject
            .notices
            .retain(|notice| notice.to != Recipient::Method(method));
    }

    /// Forgets what nothing needs any more, and keeps every list in its bound.
    pub(super) fn tidy(&mut self) {
        self.move_default();
        self.forget_retired();
        let subject = &mut *self.subject;
        let methods = &subject.methods;
        subject.fallback_order.retain(|id| {
            let found = methods.iter().find(|method| method.id == *id);
            found.is_some_and(|method| method.status != MethodStatus::Retired)
        });
        let day_ago = self.until_ms.saturating_sub(DAY_MS);
        subject.changes_at_ms.retain(|at| *at > day_ago);
        if subject.notices.len() > NOTICES_MAX {
            subject.notices.sort_by_key(|notice| notice.due_at_ms);
            subject.notices.truncate(NOTICES_MAX);
        }
        subject
            .used_proofs
            .retain(|proof| proof.until_ms > self.until_ms);
        keep_last(&mut subject.ended_changes, ENDED_CHANGES_MAX);
    }

    /// A retired number stays while it is to be told something, or while an undo
    /// could bring it back.
    fn forget_retired(&mut self) {
        let subject = &mut *self.subject;
        let changed = subject.change.as_ref().map(|change| change.from);
        let notices = &subject.notices;
        let is_needed = |method: &Method| {
            method.status != MethodStatus::Retired
                || changed == Some(method.id)
                || notices
                    .iter()
                    .any(|notice| notice.to == Recipient::Method(method.id))
        };
        subject.methods.retain(is_needed);
        let mut surplus = subject
            .methods
            .iter()
            .filter(|method| method.status == MethodStatus::Retired)
            .count()
            .saturating_sub(RETIRED_MAX);
        subject.methods.retain(|method| {
            let may_go = method.status == MethodStatus::Retired && changed != Some(method.id);
            let goes = surplus > 0 && may_go;
            surplus -= usize::from(goes);
            !goes
        });
        let methods = &subject.methods;
        subject.notices.retain(|notice| match notice.to {
            Recipient::Method(id) => methods.iter().any(|method| method.id == id),
            Recipient::Mail => true,
        });
    }
}

/// What is said of somebody who begins to enrol and gives up.
fn is_of_an_enrolment(what: &str) -> bool {
    what == EventKind::MethodAdded.as_str() || what == DISCARDED
}

/// An event and the line of the audit trail with it.
pub(super) fn event(kind: EventKind) -> Telling {
    Telling {
        event: Some(kind),
        ..line(kind.as_str())
    }
}

/// A line of the audit trail alone.
pub(super) fn line(what: &'static str) -> Telling {
    Telling {
        what,
        ..Telling::default()
    }
}

/// The same, about a method.
pub(super) fn method_event(kind: EventKind, method: &Method) -> Telling {
    Telling {
        method: Some(method.id),
        number: Some(method.number.clone()),
        status: Some(method.status.as_str()),
        class: method.class,
        ..event(kind)
    }
}

/// The same, about a change. Whoever is told of it learns no new number.
pub(super) fn change_event(kind: EventKind, change: &NumberChange) -> Telling {
    Telling {
        method: Some(change.from),
        change: Some(change.id),
        status: Some(change.status.as_str()),
        class: Some(change.class),
        ..event(kind)
    }
}

fn keep_last<T>(list: &mut Vec<T>, count: usize) {
    let surplus = list.len().saturating_sub(count);
    list.drain(..surplus);
}
