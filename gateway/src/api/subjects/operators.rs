//! What operators do to a subject. Whatever is done has a reason, for the audit
//! trail.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::json::{ActionJson, AuditJson, SubjectJson};
use super::{About, Parsed, second};
use crate::api::answer::{Reply, json};
use crate::api::codes;
use crate::api::endpoint::Asked;
use crate::api::fields;
use crate::api::json::{self, JsonBody};
use crate::api::problem::Problem;
use crate::api::query;
use crate::api::view::{Numbers, Time};
use crate::service::Service;
use crate::service::subjects::request::{BypassRequest, ImportRequest, OperatorAsk};
use crate::service::subjects::view::{ActionView, BypassView};
use crate::subjects::command::{OperatorAction, ResetScope, Said};
use crate::subjects::model::ActionId;

pub(super) enum Ask {
    Operate(OperatorAsk),
    IssueBypass(BypassRequest),
    Import(ImportRequest),
    Freeze(Said),
    Approve(ActionId, Option<Zeroizing<String>>),
    Withdraw(ActionId),
    /// From this line of the trail on.
    Audit(u32),
}

impl Ask {
    pub(super) fn for_tenant(self, tenant: Option<String>) -> Parsed {
        Ok((super::Ask::Operators(self), tenant))
    }
}

/// Whose subject, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhyBody {
    tenant: Option<String>,
    reason: Option<String>,
    ticket: Option<String>,
}

impl JsonBody for WhyBody {
    const FIELDS: &'static [&'static str] = &["tenant", "reason", "ticket"];
}

impl WhyBody {
    pub(super) fn new(
        tenant: Option<String>,
        reason: Option<String>,
        ticket: Option<String>,
    ) -> Self {
        Self {
            tenant,
            reason,
            ticket,
        }
    }
}

pub(super) fn with_reason(why: WhyBody, action: OperatorAction) -> Parsed {
    let ask = OperatorAsk {
        action,
        reason: fields::REASON.required(why.reason)?,
        ticket: fields::TICKET.optional(why.ticket)?,
    };
    Ask::Operate(ask).for_tenant(why.tenant)
}

/// What needs nothing but a reason.
#[derive(Clone, Copy)]
pub(super) enum Plain {
    Unfreeze,
    Erase,
    RevokeBypassCode,
}

pub(super) fn plain(asked: &Asked, what: Plain) -> Parsed {
    let why: WhyBody = json::body(asked)?;
    let action = match what {
        Plain::Unfreeze => OperatorAction::Unfreeze,
        Plain::Erase => OperatorAction::Erase,
        Plain::RevokeBypassCode => OperatorAction::RevokeBypassCode,
    };
    with_reason(why, action)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResetBody {
    tenant: Option<String>,
    scope: Option<String>,
    reason: Option<String>,
    ticket: Option<String>,
}

impl JsonBody for ResetBody {
    const FIELDS: &'static [&'static str] = &["tenant", "scope", "reason", "ticket"];
}

pub(super) fn reset(asked: &Asked) -> Parsed {
    let body: ResetBody = json::body(asked)?;
    let scope = match fields::SCOPE.optional(body.scope)?.as_deref() {
        None | Some("methods") => ResetScope::Methods,
        Some("all") => ResetScope::All,
        Some(_) => return Err(fields::SCOPE.refusal()),
    };
    let why = WhyBody::new(body.tenant, body.reason, body.ticket);
    with_reason(why, OperatorAction::Reset { scope })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrivilegedBody {
    tenant: Option<String>,
    privileged: Option<bool>,
    reason: Option<String>,
    ticket: Option<String>,
}

impl JsonBody for PrivilegedBody {
    const FIELDS: &'static [&'static str] = &["tenant", "privileged", "reason", "ticket"];
}

pub(super) fn set_privileged(asked: &Asked) -> Parsed {
    let body: PrivilegedBody = json::body(asked)?;
    let missing = || Problem::new(&codes::MISSING_FIELD).field("privileged");
    let privileged = body.privileged.ok_or_else(missing)?;
    let why = WhyBody::new(body.tenant, body.reason, body.ticket);
    with_reason(why, OperatorAction::SetPrivileged { privileged })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BypassBody {
    tenant: Option<String>,
    lifetime_s: Option<u64>,
    one_time: Option<bool>,
    length: Option<u64>,
    reason: Option<String>,
    ticket: Option<String>,
}

impl JsonBody for BypassBody {
    const FIELDS: &'static [&'static str] = &[
        "tenant",
        "lifetime_s",
        "one_time",
        "length",
        "reason",
        "ticket",
    ];
}

pub(super) fn issue_bypass(asked: &Asked) -> Parsed {
    let body: BypassBody = json::body(asked)?;
    let too_long = |_| Problem::new(&codes::INVALID_LENGTH).field("length");
    let request = BypassRequest {
        lifetime_s: body.lifetime_s,
        one_time: body.one_time.unwrap_or_default(),
        length: body
            .length
            .map(u8::try_from)
            .transpose()
            .map_err(too_long)?,
        reason: fields::REASON.required(body.reason)?,
        ticket: fields::TICKET.optional(body.ticket)?,
    };
    Ask::IssueBypass(request).for_tenant(body.tenant)
}

pub(super) fn freeze(asked: &Asked) -> Parsed {
    let why: WhyBody = json::body(asked)?;
    let said = Said {
        reason: fields::REASON.required(why.reason)?,
        ticket: fields::TICKET.optional(why.ticket)?,
    };
    Ask::Freeze(said).for_tenant(why.tenant)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApproveBody {
    tenant: Option<String>,
    sealed_code: Option<String>,
}

impl JsonBody for ApproveBody {
    const FIELDS: &'static [&'static str] = &["tenant", "sealed_code"];
}

pub(super) fn approve(asked: &Asked) -> Parsed {
    let body: ApproveBody = json::body(asked)?;
    let sealed_code = fields::SEALED_CODE.optional(body.sealed_code)?;
    let action = second(asked, ActionId::parse)?;
    Ask::Approve(action, sealed_code.map(Zeroizing::new)).for_tenant(body.tenant)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithdrawBody {
    tenant: Option<String>,
}

impl JsonBody for WithdrawBody {
    const FIELDS: &'static [&'static str] = &["tenant"];
}

pub(super) fn withdraw(asked: &Asked) -> Parsed {
    let body: WithdrawBody = json::body(asked)?;
    Ask::Withdraw(second(asked, ActionId::parse)?).for_tenant(body.tenant)
}

pub(super) fn audit(asked: &Asked) -> Parsed {
    let [from, tenant] = query::parameters(asked.head.uri.query(), ["from", "tenant"])?;
    let from = from.map(|from| from.parse::<u32>());
    let from = from
        .transpose()
        .map_err(|_| Problem::new(&codes::INVALID_QUERY))?;
    Ask::Audit(from.unwrap_or_default()).for_tenant(tenant)
}

#[derive(Serialize)]
struct ActedJson {
    action: ActionJson,
}

/// 202 for what is still to come.
pub(in crate::api) fn acted(view: ActionView) -> Result<Reply, Problem> {
    let answer = ActedJson {
        action: ActionJson::new(view),
    };
    json(status_of(view, StatusCode::OK), &answer)
}

fn status_of(view: ActionView, done: StatusCode) -> StatusCode {
    match view {
        ActionView::Done | ActionView::Withdrawn { .. } => done,
        ActionView::Waiting { .. } | ActionView::Scheduled { .. } => StatusCode::ACCEPTED,
    }
}

#[derive(Serialize)]
struct IssuedJson<'a> {
    code: &'a str,
    /// Not while it waits: its life begins with the approval.
    expires_at: Option<Time>,
    one_time: bool,
    action: ActionJson,
}

fn issued(view: &BypassView) -> Result<Reply, Problem> {
    let answer = IssuedJson {
        code: &view.code,
        expires_at: view.expires_at_ms.map(Time),
        one_time: view.one_time,
        action: ActionJson::new(view.action),
    };
    json(status_of(view.action, StatusCode::CREATED), &answer)
}

pub(super) async fn answer(
    service: &Service,
    About { asker, subject }: About<'_>,
    ask: Ask,
) -> Result<Reply, Problem> {
    match ask {
        Ask::Operate(ask) => acted(service.operate(asker, subject, ask).await?),
        Ask::IssueBypass(request) => {
            issued(&service.issue_bypass_code(asker, subject, request).await?)
        }
        Ask::Import(request) => acted(service.import_methods(asker, subject, request).await?),
        Ask::Freeze(said) => {
            let view = service.freeze(asker, subject, &said).await?;
            json(
                StatusCode::OK,
                &SubjectJson::new(&view, Numbers::for_asker(asker)),
            )
        }
        Ask::Approve(action, sealed_code) => {
            let ask = (action, sealed_code);
            acted(service.approve_action(asker, subject, ask).await?)
        }
        Ask::Withdraw(action) => acted(service.withdraw_action(asker, subject, action).await?),
        Ask::Audit(from) => {
            let view = service.audit(asker, subject, from).await?;
            json(StatusCode::OK, &AuditJson::new(&view))
        }
    }
}
