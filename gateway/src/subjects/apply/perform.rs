//! What operators' actions do.

use super::Turn;
use super::telling::{event, line};
use crate::subjects::command::{OperatorAction, Refusal, ResetScope, Telling};
use crate::subjects::evidence::Class;
use crate::subjects::model::{
    BypassCode, ChangeId, ChangeStatus, MethodId, MethodStatus, NoticeKind, SlowHash, Window,
};
use crate::webhooks::EventKind;

/// What an operator issues as a bypass code.
struct Issue<'a> {
    hash: &'a SlowHash,
    lifetime_ms: u64,
    one_time: bool,
    length: u8,
}

impl Turn<'_> {
    pub(super) fn perform(&mut self, action: &OperatorAction) -> Result<(), Refusal> {
        match action {
            OperatorAction::Reset { scope } => self.reset(*scope),
            OperatorAction::Unfreeze => self.unfreeze(),
            OperatorAction::UndoChange { change } => {
                self.undoable(*change)?;
                self.revert(ChangeStatus::Undone);
            }
            OperatorAction::CompleteChange { change } => self.complete_early(*change)?,
            OperatorAction::RejectChange { change } => self.reject(*change)?,
            OperatorAction::SetPrivileged { privileged } => self.set_privileged(*privileged),
            OperatorAction::IssueBypassCode {
                hash,
                lifetime_ms,
                one_time,
                length,
            } => {
                self.has_bounds(action)?;
                self.issue_bypass_code(&Issue {
                    hash,
                    lifetime_ms: *lifetime_ms,
                    one_time: *one_time,
                    length: *length,
                });
            }
            OperatorAction::RevokeBypassCode => {
                let code = self.subject.bypass_code.take();
                code.ok_or(Refusal::NotFound)?;
                self.tell(line("subject.bypass_code_revoked"));
            }
            OperatorAction::Erase => {
                self.outcome.erased = true;
                self.subject.generation += 1;
                self.tell(event(EventKind::SubjectErased));
            }
            OperatorAction::ImportMethods { methods } => self.import(methods)?,
        }
        Ok(())
    }

    /// "Provide contact methods again": no number is left, all hear of it, and
    /// the person may enrol one anew.
    fn reset(&mut self, scope: ResetScope) {
        let numbers = self.numbers_to_tell(None);
        if let Some(change) = &self.subject.change {
            let status = if change.status == ChangeStatus::Completed {
                ChangeStatus::Completed
            } else {
                ChangeStatus::Rejected
            };
            self.end_change(status);
        }
        let is_pending = |status: MethodStatus| status == MethodStatus::Pending;
        self.subject
            .methods
            .retain(|method| !is_pending(method.status));
        let ids = self.subject.methods.iter().map(|method| method.id);
        let ids: Vec<MethodId> = ids.collect();
        for id in ids {
            self.retire(id);
        }
        self.subject.fallback_order.clear();
        self.subject.enrolment = Some(Window {
            until_ms: self.now_ms.saturating_add(self.terms.policy.enrolment_ms),
            class: Class::C,
        });
        match scope {
            ResetScope::Methods => {}
            ResetScope::All => {
                self.subject.recovery_code = None;
                self.subject.bypass_code = None;
                self.subject.grants.clear();
            }
        }
        self.subject.generation += 1;
        self.tell(event(EventKind::SubjectReset));
        self.tell_security_changed();
        self.notify(NoticeKind::MethodsReset, &numbers);
    }

    fn complete_early(&mut self, id: ChangeId) -> Result<(), Refusal> {
        let change = self.undoable(id)?;
        match change.status {
            ChangeStatus::Holding => {
                self.complete_change();
                Ok(())
            }
            // Nobody completes what the old number was not told of.
            ChangeStatus::Requested | ChangeStatus::NewVerified => Err(Refusal::MethodPending),
            status @ (ChangeStatus::Completed
            | ChangeStatus::Undone
            | ChangeStatus::Rejected
            | ChangeStatus::Expired) => Err(Refusal::ChangeEnded { status }),
        }
    }

    fn reject(&mut self, id: ChangeId) -> Result<(), Refusal> {
        let change = self.subject.change.as_ref();
        let change = change.filter(|change| change.id == id);
        let status = change.ok_or_else(|| self.missing_change(id))?.status;
        if !status.is_open() {
            return Err(Refusal::ChangeEnded { status });
        }
        self.revert(ChangeStatus::Rejected);
        Ok(())
    }

    fn set_privileged(&mut self, privileged: bool) {
        self.subject.privileged = privileged;
        self.tell(line(if privileged {
            "subject.privileged"
        } else {
            "subject.unprivileged"
        }));
    }

    fn issue_bypass_code(&mut self, issue: &Issue<'_>) {
        let until_ms = self.now_ms.saturating_add(issue.lifetime_ms);
        let asked = self.asked.as_ref();
        let issued_by = asked.map_or_else(String::new, |asked| asked.by.clone());
        self.subject.bypass_code = Some(BypassCode {
            hash: issue.hash.clone(),
            until_ms,
            one_time: issue.one_time,
            length: issue.length,
            issued_by,
            at_ms: self.now_ms,
        });
        self.tell(Telling {
            available_at_ms: Some(until_ms),
            ..event(EventKind::BypassCodeIssued)
        });
    }
}
