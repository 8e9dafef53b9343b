//! What time does to a subject: each thing at its moment, in order.

use super::Turn;
use super::operators::EXPIRED_KEPT_MS;
use crate::subjects::model::{
    ActionId, ChangeStatus, Method, MethodId, MethodStatus, Notice, PendingAction, Subject,
};
use crate::subjects::notices::NOTICES_END_MS;
use crate::subjects::policy::SubjectPolicy;

/// What could not be told within this time is not told any more.
const NOTICE_LIFE_MS: u64 = 3 * 86_400_000;
/// More moments than any record has: each passes once.
const MOMENTS_MAX: usize = 512;

/// When time next changes the record.
pub(crate) fn next_timer_ms(subject: &Subject, policy: &SubjectPolicy) -> Option<u64> {
    let methods = subject
        .methods
        .iter()
        .flat_map(|method| [method_timer(subject, method), stale_timer(method, policy)]);
    let actions = subject.actions.iter().map(|one| Some(action_timer(one)));
    let notices = subject.notices.iter();
    let notices = notices.map(|notice| Some(notice_timer(subject, notice)));
    let windows = [
        change_timer(subject),
        subject.enrolment.map(|window| window.until_ms),
        subject.bypass_code.as_ref().map(|code| code.until_ms),
    ];
    let grants = subject.grants.iter().map(|grant| Some(grant.until_ms));
    let all = methods.chain(actions).chain(notices).chain(grants);
    all.chain(windows).flatten().min()
}

/// Holds and undo windows stand still while the subject is frozen.
fn method_timer(subject: &Subject, method: &Method) -> Option<u64> {
    match method.status {
        MethodStatus::Pending => Some(method.verify_by_ms),
        MethodStatus::Holding if subject.frozen.is_none() => Some(method.held_until_ms),
        MethodStatus::Holding
        | MethodStatus::Active
        | MethodStatus::Suspended
        | MethodStatus::Retired => None,
    }
}

fn stale_timer(method: &Method, policy: &SubjectPolicy) -> Option<u64> {
    method.stale_at_ms(policy).filter(|_| !method.stale_told)
}

fn change_timer(subject: &Subject) -> Option<u64> {
    let change = subject.change.as_ref()?;
    let is_moving = subject.frozen.is_none();
    match change.status {
        ChangeStatus::Requested => Some(change.verify_by_ms),
        // Nobody could be told for so long that nobody may be told any more.
        ChangeStatus::NewVerified => Some(change.new_verified_at_ms.saturating_add(NOTICES_END_MS)),
        ChangeStatus::Holding => is_moving.then_some(change.hold_until_ms),
        ChangeStatus::Completed => is_moving.then_some(change.undo_until_ms),
        ChangeStatus::Undone | ChangeStatus::Rejected | ChangeStatus::Expired => None,
    }
}

fn action_timer(action: &PendingAction) -> u64 {
    if action.acts_at_ms > 0 {
        action.acts_at_ms
    } else {
        action.expires_at_ms.saturating_add(EXPIRED_KEPT_MS)
    }
}

fn notice_timer(subject: &Subject, notice: &Notice) -> u64 {
    let change = subject.change.as_ref();
    match (change, notice.change) {
        (Some(change), Some(id)) if change.id == id => Turn::notices_end_ms(change),
        (Some(_) | None, Some(_) | None) => notice.due_at_ms.saturating_add(NOTICE_LIFE_MS),
    }
}

impl Turn<'_> {
    /// Has everything happen whose moment has come, the earliest first.
    pub(super) fn advance(&mut self) {
        for _ in 0..MOMENTS_MAX {
            let next = next_timer_ms(self.subject, self.terms.policy);
            let Some(moment_ms) = next.filter(|moment| *moment <= self.until_ms) else {
                break;
            };
            self.now_ms = moment_ms;
            self.pass();
        }
        self.now_ms = self.until_ms;
    }

    /// Whatever is due at this moment.
    fn pass(&mut self) {
        for id in self.due_methods() {
            self.pass_method(id);
        }
        if change_timer(self.subject).is_some_and(|at| at <= self.now_ms) {
            self.pass_change();
        }
        for id in self.due_actions() {
            self.act_on_time(id);
        }
        self.pass_windows();
        self.pass_notices();
    }

    fn due_methods(&self) -> Vec<MethodId> {
        let is_due = |method: &&Method| {
            let timers = [
                method_timer(self.subject, method),
                stale_timer(method, self.terms.policy),
            ];
            timers.into_iter().flatten().any(|at| at <= self.now_ms)
        };
        let due = self.subject.methods.iter().filter(is_due);
        due.map(|method| method.id).collect()
    }

    fn pass_method(&mut self, id: MethodId) {
        let Some(method) = self.subject.method(id) else {
            return;
        };
        let is_due = method_timer(self.subject, method).is_some_and(|at| at <= self.now_ms);
        let is_stale = stale_timer(method, self.terms.policy).is_some_and(|at| at <= self.now_ms);
        match method.status {
            MethodStatus::Pending if is_due => self.discard(id),
            MethodStatus::Holding if is_due => self.end_hold(id),
            MethodStatus::Pending
            | MethodStatus::Holding
            | MethodStatus::Active
            | MethodStatus::Suspended
            | MethodStatus::Retired => {}
        }
        if is_stale {
            self.tell_stale(id);
        }
    }

    fn pass_change(&mut self) {
        let Some(change) = &self.subject.change else {
            return;
        };
        match change.status {
            ChangeStatus::Requested | ChangeStatus::NewVerified => {
                self.end_change(ChangeStatus::Expired);
            }
            ChangeStatus::Holding => self.complete_change(),
            ChangeStatus::Completed => self.end_change(ChangeStatus::Completed),
            ChangeStatus::Undone | ChangeStatus::Rejected | ChangeStatus::Expired => {}
        }
    }

    fn due_actions(&self) -> Vec<ActionId> {
        let actions = self.subject.actions.iter();
        let due = actions.filter(|action| action_timer(action) <= self.now_ms);
        due.map(|action| action.id).collect()
    }

    fn pass_windows(&mut self) {
        let now_ms = self.now_ms;
        let subject = &mut *self.subject;
        subject.grants.retain(|grant| grant.until_ms > now_ms);
        let window = subject.enrolment.take_if(|one| one.until_ms <= now_ms);
        let code = subject.bypass_code.take_if(|one| one.until_ms <= now_ms);
        if window.is_some() {
            self.tell_line("subject.enrolment_ended");
        }
        if code.is_some() {
            self.tell_line("subject.bypass_code_expired");
        }
    }

    fn pass_notices(&mut self) {
        let now_ms = self.now_ms;
        let subject = &*self.subject;
        let notices = subject.notices.iter();
        let standing = notices.filter(|notice| notice_timer(subject, notice) > now_ms);
        let standing: Vec<Notice> = standing.cloned().collect();
        self.subject.notices = standing;
    }
}
