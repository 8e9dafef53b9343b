//! From a subject's record to what its tenant sees of it.

use super::view::{
    BypassCodeView, ChangeView, GrantView, MethodView, PendingActionView, SubjectView,
    WantedMethodView, WantedView,
};
use crate::live::Live;
use crate::number;
use crate::service::error::ServiceError;
use crate::service::{Answer, Service};
use crate::subjects::command::{ImportedMethod, OperatorAction};
use crate::subjects::keeper::Opened;
use crate::subjects::model::{ChangeId, EndedChange, Method, MethodStatus, NumberChange};
use crate::tenants::Tenant;
use watchword_providers::{Channel, PhoneNumber};

const DAMAGED: ServiceError = ServiceError::Unavailable {
    code: "record_damaged",
    retry_after_s: 5,
};

impl Service {
    /// All there is to show of a subject.
    pub(super) async fn shown_subject(
        &self,
        (live, tenant): (&Live, &Tenant),
        opened: &Opened,
    ) -> Answer<SubjectView> {
        let subject = &opened.subject;
        let methods = self.shown_methods((live, tenant), opened).await?;
        let actions = subject.actions.iter().map(|action| PendingActionView {
            id: action.id,
            action: action.action.as_str(),
            wanted: wanted(&action.action),
            reason: action.reason.clone(),
            ticket: action.ticket.clone(),
            by: action.by.clone(),
            asked_at_ms: action.at_ms,
            expires_at_ms: action.expires_at_ms,
            acts_at_ms: moment(action.acts_at_ms),
        });
        let grants = subject.grants.iter().map(|grant| GrantView {
            id: grant.id,
            class: grant.class,
            expires_at_ms: grant.until_ms,
        });
        let bypass_code = subject.bypass_code.as_ref().map(|code| BypassCodeView {
            expires_at_ms: code.until_ms,
            one_time: code.one_time,
            issued_by: code.issued_by.clone(),
            issued_at_ms: code.at_ms,
        });
        Ok(SubjectView {
            subject: subject.name.clone(),
            locale: subject.locale.clone(),
            frozen: subject.frozen.as_ref().map(|freeze| freeze.why.as_str()),
            is_privileged: subject.privileged,
            warnings: warnings(opened, &methods),
            methods,
            number_change: subject.change.as_ref().map(shown_change).transpose()?,
            recovery_code_created_at_ms: subject
                .recovery_code
                .as_ref()
                .map(|code| code.created_at_ms),
            bypass_code,
            grants: grants.collect(),
            actions: actions.collect(),
        })
    }

    pub(super) async fn shown_methods(
        &self,
        (live, tenant): (&Live, &Tenant),
        opened: &Opened,
    ) -> Answer<Vec<MethodView>> {
        let mut methods = Vec::new();
        for method in opened.subject.listed_methods() {
            methods.push(self.shown_method((live, tenant), opened, method).await?);
        }
        Ok(methods)
    }

    pub(super) async fn shown_method(
        &self,
        (live, tenant): (&Live, &Tenant),
        opened: &Opened,
        method: &Method,
    ) -> Answer<MethodView> {
        let e164 = &method.number.e164;
        let to = number::parse(e164, None).map_err(|_| DAMAGED)?;
        let is_stopped = self.keeper.is_stopped(live, tenant, e164).await?;
        let mut channels = method.channels().to_vec();
        channels.retain(|channel| {
            to.may_receive(*channel).is_ok() && (*channel == Channel::Voice || !is_stopped)
        });
        let is_opted_out = is_stopped && method.status == MethodStatus::Active;
        let stale_at_ms = method.stale_at_ms(&tenant.subjects);
        Ok(MethodView {
            id: method.id,
            role: method.role,
            status: if is_opted_out {
                "opted_out"
            } else {
                method.status.as_str()
            },
            number: to.number,
            channels,
            extension: method.extension.clone(),
            is_default: method.is_default,
            is_stale: stale_at_ms.is_some_and(|at_ms| at_ms <= opened.now_ms),
            added_at_ms: method.added_at_ms,
            verified_at_ms: moment(method.verified_at_ms),
            last_used_at_ms: moment(method.last_used_at_ms),
            available_at_ms: (method.status == MethodStatus::Holding)
                .then_some(method.held_until_ms),
            reason: method
                .suspended
                .filter(|_| method.status == MethodStatus::Suspended)
                .map(|why| why.as_str()),
        })
    }
}

/// A change, open, undoable or ended.
pub(super) fn change_of(opened: &Opened, id: ChangeId) -> Answer<ChangeView> {
    let subject = &opened.subject;
    if let Some(change) = subject.change.as_ref().filter(|change| change.id == id) {
        return shown_change(change);
    }
    let mut ended = subject.ended_changes.iter();
    let ended = ended.find(|change| change.id == id);
    ended.map(shown_ended).ok_or(ServiceError::NotFound)
}

fn shown_change(change: &NumberChange) -> Answer<ChangeView> {
    let to: PhoneNumber = change.to.phone().ok_or(DAMAGED)?;
    Ok(ChangeView {
        id: change.id,
        status: change.status,
        from: Some(change.from),
        to: Some(to),
        class: change.class,
        evidence: change.facts.clone(),
        requested_at_ms: change.requested_at_ms,
        new_verified_at_ms: moment(change.new_verified_at_ms),
        hold_until_ms: moment(change.hold_until_ms),
        undo_until_ms: moment(change.undo_until_ms),
        completed_at_ms: moment(change.completed_at_ms),
        is_in_review: change.in_review,
    })
}

fn shown_ended(change: &EndedChange) -> ChangeView {
    ChangeView {
        id: change.id,
        status: change.status,
        from: None,
        to: None,
        class: change.class,
        evidence: Vec::new(),
        requested_at_ms: change.requested_at_ms,
        new_verified_at_ms: None,
        hold_until_ms: None,
        undo_until_ms: None,
        completed_at_ms: None,
        is_in_review: false,
    }
}

/// What an operator or the person should look at.
fn warnings(opened: &Opened, methods: &[MethodView]) -> Vec<&'static str> {
    let subject = &opened.subject;
    // A frozen one has its numbers still.
    let listed = subject.listed_methods();
    let mut active = listed.filter(|method| method.status == MethodStatus::Active);
    let has_active = active.next().is_some();
    let has_one = active.next().is_none();
    [
        (
            !has_active && subject.enrolled_at_ms > 0,
            "no_active_method",
        ),
        (has_active && has_one, "only_one_method"),
        (methods.iter().any(|method| method.is_stale), "stale_method"),
        (
            has_active && subject.recovery_code.is_none(),
            "no_recovery_code",
        ),
    ]
    .into_iter()
    .filter_map(|(applies, warning)| applies.then_some(warning))
    .collect()
}

/// Records write 0 for never.
fn moment(at_ms: u64) -> Option<u64> {
    (at_ms > 0).then_some(at_ms)
}

/// What an action is to do, for who has to approve it. No secret is in it.
fn wanted(action: &OperatorAction) -> WantedView {
    let nothing = WantedView::default();
    match action {
        OperatorAction::Reset { scope } => WantedView {
            scope: Some(scope.as_str()),
            ..nothing
        },
        OperatorAction::UndoChange { change }
        | OperatorAction::CompleteChange { change }
        | OperatorAction::RejectChange { change } => WantedView {
            change: Some(*change),
            ..nothing
        },
        OperatorAction::SetPrivileged { privileged } => WantedView {
            privileged: Some(*privileged),
            ..nothing
        },
        OperatorAction::IssueBypassCode {
            lifetime_ms,
            one_time,
            ..
        } => WantedView {
            lifetime_s: Some(lifetime_ms / 1_000),
            one_time: Some(*one_time),
            ..nothing
        },
        OperatorAction::ImportMethods { methods } => WantedView {
            methods: methods.iter().filter_map(wanted_method).collect(),
            ..nothing
        },
        OperatorAction::Unfreeze | OperatorAction::RevokeBypassCode | OperatorAction::Erase => {
            nothing
        }
    }
}

fn wanted_method(method: &ImportedMethod) -> Option<WantedMethodView> {
    Some(WantedMethodView {
        role: method.role,
        number: method.number.phone()?,
        extension: method.extension.clone(),
    })
}
