//! What must hold after every step, judged without the rules themselves.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::cell::{Cell, Purpose, Status};
use super::commands::Chosen;
use crate::subjects::command::{ActionState, Command, OperatorAction, Outcome};
use crate::subjects::evidence::{Fact, FactKind};
use crate::subjects::model::{
    ACTIONS_MAX, ActionId, Actor, ChangeId, ChangeStatus, ENDED_CHANGES_MAX, GRANTS_MAX, GrantId,
    MethodId, MethodStatus, NOTICES_MAX, Notice, NumberChange, Recipient, Subject, USED_PROOFS_MAX,
};
use crate::subjects::tests::case::DAY;
use crate::webhooks::EventKind;

/// What went wrong.
pub(super) type Violation = String;

/// A decision that was written.
pub(super) struct Step {
    pub(super) before: Subject,
    pub(super) after: Subject,
    pub(super) chosen: Chosen,
    pub(super) outcome: Outcome,
    pub(super) decided_at_ms: u64,
    pub(super) operators: Vec<Arc<str>>,
}

/// How often what happened, so that a history of nothing proves nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) completed: u32,
    pub(super) undone: u32,
    pub(super) undone_completed: u32,
    pub(super) rejected: u32,
    pub(super) frozen: u32,
    pub(super) reset: u32,
    pub(super) by_two: u32,
    pub(super) by_sealed_code: u32,
    pub(super) proofs: u32,
    pub(super) notices: u32,
    pub(super) conflicts: u32,
    pub(super) erased: u32,
}

/// Remembers what no record remembers for ever.
#[derive(Default)]
pub(super) struct Oracle {
    pub(super) counts: Counts,
    proved: HashSet<MethodId>,
    used_proofs: HashSet<[u8; 16]>,
    used_codes: HashSet<[u8; 16]>,
    used_grants: HashSet<GrantId>,
    asked: HashMap<ActionId, (String, OperatorAction)>,
    sealed_at_ms: HashMap<ActionId, u64>,
    executed: HashSet<ActionId>,
    proved_at_ms: HashMap<ChangeId, u64>,
    recycled: HashSet<MethodId>,
}

fn holds(is_so: bool, what: &str) -> Result<(), Violation> {
    is_so.then_some(()).ok_or_else(|| what.to_owned())
}

impl Oracle {
    pub(super) fn knowing(subject: &Subject) -> Self {
        let proved = subject.methods.iter().map(|method| method.id);
        Self {
            proved: proved.collect(),
            ..Self::default()
        }
    }

    pub(super) fn a_used_grant(&self) -> Option<GrantId> {
        self.used_grants.iter().min().copied()
    }

    /// The store as it stands: what could be received, and by whom.
    pub(super) fn look(&mut self, cell: &Cell) -> Result<(), Violation> {
        for one in &cell.verifications {
            if one.purpose == Purpose::Confirm && one.status == Status::Approved {
                self.proved.insert(one.method);
            }
        }
        let (_, subject) = cell.read();
        let none = Subject::default();
        let subject = subject.unwrap_or(&none);
        if let Some(change) = &subject.change {
            exactly_one_receives(subject, change)?;
        }
        for one in &cell.verifications {
            let could_sign_in = one.purpose == Purpose::SignIn && one.status == Status::Live;
            let mut receiving = subject.sign_in_methods();
            holds(
                !could_sign_in || receiving.any(|method| method.id == one.method),
                "a code could be approved that went to no sign-in number (I2)",
            )?;
        }
        for method in subject.sign_in_methods() {
            holds(
                self.proved.contains(&method.id),
                "a number receives codes that was never proved",
            )?;
        }
        let active = |method: &MethodStatus| *method == MethodStatus::Active;
        let statuses: Vec<MethodStatus> = subject.methods.iter().map(|one| one.status).collect();
        let defaults = subject.methods.iter().filter(|one| one.is_default);
        let defaults: Vec<MethodStatus> = defaults.map(|one| one.status).collect();
        holds(
            defaults.len() <= 1 && (defaults.iter().any(active) || !statuses.iter().any(active)),
            "the default method receives no codes while another does",
        )?;
        keeps_its_bounds(subject)
    }

    /// A decision that came to be written.
    pub(super) fn judge(&mut self, step: &Step) -> Result<(), Violation> {
        self.count(step);
        self.judge_proofs(step)?;
        self.judge_actions(step)?;
        self.judge_import(step)?;
        self.judge_undo(step)?;
        let change = step.after.change.as_ref();
        if let Some(change) = change.filter(|change| change.new_verified_at_ms > 0) {
            let at_ms = change.new_verified_at_ms;
            self.proved_at_ms.entry(change.id).or_insert(at_ms);
            let least = at_ms + change.hold_ms.max(3 * DAY);
            holds(
                change.undo_until_ms >= least,
                "a change can be undone for less than three days",
            )?;
        }
        for method in &step.after.methods {
            if method.is_recycled() {
                self.recycled.insert(method.id);
            } else if matches!(method.status, MethodStatus::Active | MethodStatus::Holding) {
                // Its person has proved again that they hold it.
                self.recycled.remove(&method.id);
            }
        }
        Ok(())
    }

    /// I6.
    pub(super) fn sent(&mut self, notice: &Notice, now_ms: u64) -> Result<(), Violation> {
        self.counts.notices += 1;
        if let Recipient::Method(id) = notice.to {
            holds(
                !self.recycled.contains(&id),
                "a notice went to a number with another holder (I6)",
            )?;
        }
        let proved = notice.change.and_then(|id| self.proved_at_ms.get(&id));
        holds(
            proved.is_none_or(|at_ms| now_ms < at_ms + 30 * DAY),
            "a notice went out after the thirtieth day (I6)",
        )
    }

    fn count(&mut self, step: &Step) {
        let told = |kind| step.outcome.told.iter().any(|one| one.event == Some(kind));
        let counts = &mut self.counts;
        let was_completed = status_of(&step.before) == Some(ChangeStatus::Completed);
        counts.completed += u32::from(told(EventKind::ChangeCompleted));
        counts.undone += u32::from(told(EventKind::ChangeUndone));
        counts.undone_completed += u32::from(told(EventKind::ChangeUndone) && was_completed);
        counts.rejected += u32::from(told(EventKind::ChangeRejected));
        counts.frozen += u32::from(told(EventKind::SubjectFrozen));
        counts.reset += u32::from(told(EventKind::SubjectReset));
        counts.erased += u32::from(step.outcome.erased);
    }

    /// I5: by what the record no longer has, or newly remembers.
    fn judge_proofs(&mut self, step: &Step) -> Result<(), Violation> {
        let (before, after) = (&step.before, &step.after);
        for proof in &after.used_proofs {
            if !before.used_proofs.contains(proof) {
                self.counts.proofs += 1;
                holds(
                    self.used_proofs.insert(proof.name),
                    "a proof was used twice (I5)",
                )?;
            }
        }
        let facts = facts_of(&step.chosen.command);
        let shows = |kind| facts.iter().any(|fact| fact.kind() == kind);
        let salt = |subject: &Subject| {
            let code = subject.recovery_code.as_ref();
            code.map(|code| code.hash.salt)
        };
        if let Some(spent) = salt(before).filter(|_| shows(FactKind::RecoveryCode)) {
            let is_spent = salt(after) != Some(spent);
            holds(
                !is_spent || self.used_codes.insert(spent),
                "a recovery code was used twice (I5)",
            )?;
        }
        for fact in facts {
            if let Fact::Grant { id, .. } = fact {
                let has = |subject: &Subject| subject.grants.iter().any(|grant| grant.id == *id);
                let is_spent = has(before) && !has(after);
                holds(
                    !is_spent || self.used_grants.insert(*id),
                    "a recovery was used twice (I5)",
                )?;
            }
        }
        let used = step.outcome.told.iter();
        let mut used = used.filter(|one| one.event == Some(EventKind::BypassCodeUsed));
        let code = before.bypass_code.as_ref().filter(|code| code.one_time);
        if let (Some(_), Some(code)) = (used.next(), code) {
            holds(
                self.used_codes.insert(code.hash.salt),
                "a bypass code was used twice (I5)",
            )?;
        }
        Ok(())
    }

    /// I4.
    fn judge_actions(&mut self, step: &Step) -> Result<(), Violation> {
        let told = |kind| step.outcome.told.iter().any(|one| one.event == Some(kind));
        if let Command::Ask { id, action, .. } = &step.chosen.command
            && let Actor::Operator { name } = &step.chosen.actor
        {
            self.asked.insert(*id, (name.clone(), action.clone()));
        }
        if let Some(ActionState::Scheduled { id, .. }) = step.outcome.action {
            self.sealed_at_ms.entry(id).or_insert(step.decided_at_ms);
        }
        let is_heavy = [
            EventKind::SubjectReset,
            EventKind::SubjectUnfrozen,
            EventKind::BypassCodeIssued,
            EventKind::SubjectErased,
        ];
        let is_done = is_heavy.into_iter().any(told) || imported(step).next().is_some();
        let is_approved = told(EventKind::ActionApproved);
        holds(
            !(is_done && step.before.privileged) || is_approved,
            "one operator did what needs two (I4)",
        )?;
        if is_approved {
            let gone = step.before.actions.iter();
            let gone = gone.filter(|one| !step.after.actions.iter().any(|now| now.id == one.id));
            let gone: Vec<ActionId> = gone.map(|one| one.id).collect();
            self.judge_approval(step, &gone)?;
        }
        Ok(())
    }

    /// No way around a hold: only who never had a number gets one so.
    fn judge_import(&mut self, step: &Step) -> Result<(), Violation> {
        for id in imported(step) {
            holds(
                step.before.enrolled_at_ms == 0,
                "a number was imported beside one that was proved",
            )?;
            self.proved.insert(id);
        }
        Ok(())
    }

    fn judge_approval(&mut self, step: &Step, gone: &[ActionId]) -> Result<(), Violation> {
        let is_one = |name: &str| step.operators.iter().any(|one| **one == *name);
        let second = match (&step.chosen.command, &step.chosen.actor) {
            (Command::Approve { action }, Actor::Operator { name }) => Some((*action, name)),
            (Command::Ask { .. }, Actor::Operator { name }) => {
                // The same wish of another operator.
                let same = gone
                    .iter()
                    .find(|id| self.is_wish(**id, &step.chosen.command));
                same.map(|id| (*id, name))
            }
            _ => None,
        };
        let Some((id, second)) = second else {
            self.counts.by_sealed_code += 1;
            let waited = gone.iter().any(|id| {
                let since = self.sealed_at_ms.get(id);
                since.is_some_and(|at_ms| step.decided_at_ms >= at_ms + 3 * DAY)
                    && self.asked.get(id).is_some_and(|(by, _)| is_one(by))
            });
            return holds(waited, "an action was executed without approval (I4)");
        };
        self.counts.by_two += 1;
        let first = self.asked.get(&id).map(|(by, _)| by);
        holds(
            first.is_some_and(|first| first != second && is_one(first)) && is_one(second),
            "an action was not approved by two operators (I4)",
        )?;
        holds(
            self.executed.insert(id),
            "an action was executed twice (I4)",
        )
    }

    fn is_wish(&self, id: ActionId, command: &Command) -> bool {
        let Command::Ask { action, .. } = command else {
            return false;
        };
        self.asked
            .get(&id)
            .is_some_and(|(_, asked)| asked == action)
    }

    fn judge_undo(&mut self, step: &Step) -> Result<(), Violation> {
        let is_token = matches!(
            step.chosen.command,
            Command::Undo { .. } | Command::Report { .. }
        );
        let change = step.before.change.as_ref().filter(|_| is_token);
        let Some(change) = change.filter(|change| change.is_proved()) else {
            return Ok(());
        };
        let frozen = step.before.frozen.as_ref().map(|freeze| freeze.at_ms);
        let at_ms = frozen.unwrap_or(step.decided_at_ms);
        let is_reverted = step.after.change.is_none();
        holds(
            !is_reverted || at_ms < change.undo_until_ms,
            "a token undid a change after its window",
        )
    }
}

/// I1.
fn exactly_one_receives(subject: &Subject, change: &NumberChange) -> Result<(), Violation> {
    let status = |id| subject.method(id).map(|method| method.status);
    let of = [status(change.from), status(change.to_method)];
    let active = of.iter().filter(|one| **one == Some(MethodStatus::Active));
    let suspended = of.contains(&Some(MethodStatus::Suspended));
    let count = active.count();
    holds(count <= 1, "both numbers of a change receive codes (I1)")?;
    let is_one = count == 1 || suspended;
    holds(is_one, "no number of a change receives codes (I1)")?;
    let sign_in = subject.sign_in_methods().count();
    let is_frozen = subject.frozen.is_some();
    holds(
        !is_frozen || sign_in == 0,
        "a frozen subject receives codes",
    )
}

fn keeps_its_bounds(subject: &Subject) -> Result<(), Violation> {
    let mut numbers: Vec<u32> = subject.notices.iter().map(|one| one.number).collect();
    numbers.sort_unstable();
    let is_unique = numbers.windows(2).all(|pair| pair[0] != pair[1]);
    holds(
        is_unique
            && subject.listed_methods().count() <= 5
            && subject.notices.len() <= NOTICES_MAX
            && subject.used_proofs.len() <= USED_PROOFS_MAX
            && subject.ended_changes.len() <= ENDED_CHANGES_MAX
            && subject.grants.len() <= GRANTS_MAX
            && subject.actions.len() <= ACTIONS_MAX,
        "a list is longer than it may be",
    )
}

fn status_of(subject: &Subject) -> Option<ChangeStatus> {
    subject.change.as_ref().map(|change| change.status)
}

fn facts_of(command: &Command) -> &[Fact] {
    match command {
        Command::AddMethod(candidate) => &candidate.facts,
        Command::RequestChange(wish) => &wish.facts,
        Command::RemoveMethod { facts, .. }
        | Command::OpenRecovery { facts, .. }
        | Command::NewRecoveryCode { facts, .. } => facts,
        Command::MethodProved { .. }
        | Command::MethodDiscarded { .. }
        | Command::SetDefault { .. }
        | Command::ChangeProved { .. }
        | Command::ChangeGivenUp { .. }
        | Command::Undo { .. }
        | Command::Report { .. }
        | Command::UseBypassCode
        | Command::WrongSecret
        | Command::WrongToken
        | Command::CancelChange { .. }
        | Command::Freeze { .. }
        | Command::MethodUsed { .. }
        | Command::SuspendMethod { .. }
        | Command::OptOut { .. }
        | Command::OptIn { .. }
        | Command::NoticesQueued { .. }
        | Command::NoticesStopped { .. }
        | Command::Advance
        | Command::Ask { .. }
        | Command::Approve { .. }
        | Command::ApproveBySealedCode { .. }
        | Command::Withdraw { .. }
        | Command::SetLocale { .. } => &[],
    }
}

impl std::ops::Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            completed: self.completed + other.completed,
            undone: self.undone + other.undone,
            undone_completed: self.undone_completed + other.undone_completed,
            rejected: self.rejected + other.rejected,
            frozen: self.frozen + other.frozen,
            reset: self.reset + other.reset,
            by_two: self.by_two + other.by_two,
            by_sealed_code: self.by_sealed_code + other.by_sealed_code,
            proofs: self.proofs + other.proofs,
            notices: self.notices + other.notices,
            conflicts: self.conflicts + other.conflicts,
            erased: self.erased + other.erased,
        }
    }
}

fn imported(step: &Step) -> impl Iterator<Item = MethodId> {
    let told = step.outcome.told.iter();
    told.filter(|one| one.what == "method.imported")
        .filter_map(|one| one.method)
}
