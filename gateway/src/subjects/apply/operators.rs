//! Dual control: what an operator wants of a privileged subject waits until
//! another operator, or the sealed code and three days, allow it.

use std::sync::Arc;

use super::telling::{event, line};
use super::{Asked, Turn};
use crate::subjects::codes::{BYPASS_LENGTH_MAX, BYPASS_LENGTH_MIN};
use crate::subjects::command::{ActionState, OperatorAction, Refusal, Telling};
use crate::subjects::model::{ACTIONS_MAX, ActionId, Actor, NoticeKind, PendingAction};
use crate::webhooks::EventKind;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// An expired action is remembered so long, for whoever approves it too late.
pub(super) const EXPIRED_KEPT_MS: u64 = DAY_MS;
/// Bounds of a bypass code's life.
const BYPASS_LIFETIME_MIN_MS: u64 = HOUR_MS / 6;
const BYPASS_LIFETIME_MAX_MS: u64 = 30 * DAY_MS;

impl Asked {
    fn of(waiting: &PendingAction) -> Self {
        Self {
            by: waiting.by.clone(),
            reason: waiting.reason.clone(),
            ticket: waiting.ticket.clone(),
        }
    }
}

impl Turn<'_> {
    pub(super) fn ask(
        &mut self,
        id: ActionId,
        action: &OperatorAction,
        (reason, ticket): (&str, Option<&str>),
    ) -> Result<(), Refusal> {
        let by = self.operator()?.to_owned();
        self.asked = Some(Asked {
            by: by.clone(),
            reason: reason.to_owned(),
            ticket: ticket.map(str::to_owned),
        });
        self.not_for_oneself(action)?;
        self.has_bounds(action)?;
        if !self.subject.privileged || needs_one(action) {
            self.perform(action)?;
            self.outcome.action = Some(ActionState::Done);
            return Ok(());
        }
        let now_ms = self.now_ms;
        let mut waiting = self.subject.actions.iter();
        let same = waiting.find(|one| one.action == *action && one.expires_at_ms > now_ms);
        if let Some(same) = same {
            if same.by != by {
                return self.approve(same.id);
            }
            self.outcome.action = Some(state_of(same));
            return Ok(());
        }
        self.subject
            .actions
            .retain(|one| one.expires_at_ms > now_ms);
        if self.subject.actions.len() >= ACTIONS_MAX {
            return Err(Refusal::TooManyActions);
        }
        let waiting = PendingAction {
            id,
            action: action.clone(),
            reason: reason.to_owned(),
            ticket: ticket.map(str::to_owned),
            by,
            approved_by: None,
            at_ms: now_ms,
            expires_at_ms: now_ms.saturating_add(self.terms.policy.approval_ms),
            acts_at_ms: 0,
        };
        self.outcome.action = Some(state_of(&waiting));
        self.tell(Telling {
            status: Some(action.as_str()),
            available_at_ms: Some(waiting.expires_at_ms),
            ..event(EventKind::ActionWaiting)
        });
        self.subject.actions.push(waiting);
        Ok(())
    }

    pub(super) fn approve(&mut self, id: ActionId) -> Result<(), Refusal> {
        let by = self.operator()?.to_owned();
        let waiting = self.waiting(id)?;
        self.not_for_oneself(&waiting.action)?;
        // Several keys of one operator are one operator.
        if waiting.by == by {
            return Err(Refusal::SameOperator);
        }
        self.is_operator(&waiting.by)?;
        self.is_operator(&by)?;
        self.perform_waiting(&waiting)?;
        self.outcome.action = Some(ActionState::Done);
        Ok(())
    }

    pub(super) fn approve_by_sealed_code(&mut self, id: ActionId) -> Result<(), Refusal> {
        let by = self.operator()?.to_owned();
        let waiting = self.waiting(id)?;
        self.not_for_oneself(&waiting.action)?;
        if self.terms.operators.len() >= 2 {
            return Err(Refusal::SealedCodeNotNeeded);
        }
        self.is_operator(&waiting.by)?;
        if waiting.acts_at_ms > 0 {
            self.outcome.action = Some(state_of(&waiting));
            return Ok(());
        }
        let acts_at_ms = self.now_ms.saturating_add(self.terms.policy.sealed_wait_ms);
        let scheduled = PendingAction {
            approved_by: Some(by),
            acts_at_ms,
            expires_at_ms: acts_at_ms.saturating_add(self.terms.policy.approval_ms),
            ..waiting
        };
        self.asked = Some(Asked::of(&scheduled));
        self.outcome.action = Some(state_of(&scheduled));
        self.tell(Telling {
            status: Some(scheduled.action.as_str()),
            available_at_ms: Some(acts_at_ms),
            ..event(EventKind::SealedCodeUsed)
        });
        self.subject.actions.retain(|one| one.id != id);
        self.subject.actions.push(scheduled);
        let numbers = self.numbers_to_tell(None);
        self.notify(NoticeKind::SealedCodeUsed, &numbers);
        Ok(())
    }

    pub(super) fn withdraw(&mut self, id: ActionId) -> Result<(), Refusal> {
        self.operator()?;
        let waiting = self.subject.actions.iter().find(|one| one.id == id);
        let waiting = waiting.ok_or(Refusal::NotFound)?.clone();
        self.asked = Some(Asked::of(&waiting));
        self.subject.actions.retain(|one| one.id != id);
        self.tell(Telling {
            status: Some(waiting.action.as_str()),
            ..line("subject.action_withdrawn")
        });
        Ok(())
    }

    /// The sealed code's wait is over.
    pub(super) fn act_on_time(&mut self, id: ActionId) {
        let Ok(waiting) = self.waiting(id) else {
            self.drop_action(id, "subject.action_expired");
            return;
        };
        let moment_ms = self.now_ms;
        // Late or not: what it leads to begins now.
        self.now_ms = self.until_ms;
        let is_alive = waiting.expires_at_ms > self.until_ms;
        let may_act = is_alive && self.is_operator(&waiting.by).is_ok();
        if !may_act {
            self.drop_action(id, "subject.action_expired");
        } else if self.perform_waiting(&waiting).is_err() {
            self.drop_action(id, "subject.action_failed");
        }
        self.asked = None;
        self.now_ms = moment_ms;
    }

    fn drop_action(&mut self, id: ActionId, what: &'static str) {
        self.subject.actions.retain(|one| one.id != id);
        self.tell(line(what));
    }

    /// Does exactly what was asked for, once.
    fn perform_waiting(&mut self, waiting: &PendingAction) -> Result<(), Refusal> {
        self.asked = Some(Asked::of(waiting));
        self.perform(&waiting.action)?;
        self.subject.actions.retain(|one| one.id != waiting.id);
        self.tell(Telling {
            status: Some(waiting.action.as_str()),
            ..event(EventKind::ActionApproved)
        });
        Ok(())
    }

    fn waiting(&self, id: ActionId) -> Result<PendingAction, Refusal> {
        let mut actions = self.subject.actions.iter();
        let waiting = actions.find(|one| one.id == id).ok_or(Refusal::NotFound)?;
        if waiting.expires_at_ms <= self.now_ms {
            return Err(Refusal::ApprovalExpired);
        }
        Ok(waiting.clone())
    }

    pub(super) fn operator(&self) -> Result<&str, Refusal> {
        match &self.terms.actor {
            Actor::Operator { name } => Ok(name),
            Actor::Tenant { .. } | Actor::Person | Actor::System => Err(Refusal::StepUpRequired),
        }
    }

    fn is_operator(&self, name: &str) -> Result<(), Refusal> {
        let mut operators: std::slice::Iter<'_, Arc<str>> = self.terms.operators.iter();
        let is_one = operators.any(|operator| **operator == *name);
        is_one.then_some(()).ok_or(Refusal::ApprovalExpired)
    }

    /// What would let an operator into their own account.
    fn not_for_oneself(&self, action: &OperatorAction) -> Result<(), Refusal> {
        let lets_in = match action {
            OperatorAction::IssueBypassCode { .. }
            | OperatorAction::Reset { .. }
            | OperatorAction::Unfreeze
            | OperatorAction::CompleteChange { .. }
            | OperatorAction::SetPrivileged { .. }
            | OperatorAction::ImportMethods { .. }
            // Whoever has no record enrols with a session alone.
            | OperatorAction::Erase => true,
            OperatorAction::UndoChange { .. }
            | OperatorAction::RejectChange { .. }
            | OperatorAction::RevokeBypassCode => false,
        };
        if lets_in && self.terms.own_subject {
            return Err(Refusal::OwnSubject);
        }
        Ok(())
    }

    pub(super) fn has_bounds(&self, action: &OperatorAction) -> Result<(), Refusal> {
        let OperatorAction::IssueBypassCode {
            lifetime_ms,
            length,
            ..
        } = action
        else {
            return Ok(());
        };
        let longest = BYPASS_LIFETIME_MAX_MS.min(self.terms.policy.bypass_lifetime_max_ms);
        if !(BYPASS_LIFETIME_MIN_MS..=longest).contains(lifetime_ms) {
            return Err(Refusal::InvalidLifetime);
        }
        if !(BYPASS_LENGTH_MIN..=BYPASS_LENGTH_MAX).contains(length) {
            return Err(Refusal::InvalidLength);
        }
        Ok(())
    }
}

/// To protect a subject one operator is enough.
fn needs_one(action: &OperatorAction) -> bool {
    matches!(action, OperatorAction::SetPrivileged { privileged: true })
}

fn state_of(waiting: &PendingAction) -> ActionState {
    if waiting.acts_at_ms > 0 {
        ActionState::Scheduled {
            id: waiting.id,
            acts_at_ms: waiting.acts_at_ms,
        }
    } else {
        ActionState::Waiting {
            id: waiting.id,
            expires_at_ms: waiting.expires_at_ms,
        }
    }
}
