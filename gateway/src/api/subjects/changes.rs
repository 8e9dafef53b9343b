//! Number changes: ask for one, confirm or cancel it, look at it, undo or report it, and
//! what operators decide about it.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::evidence::{EvidenceBody, evidence};
use super::json::{ChangeJson, ShownOnceJson};
use super::operators::{self, WhyBody};
use super::{About, Parsed, Presented, methods, not_sent, nothing_else, second, tenant_of_query};
use crate::api::answer::{Reply, empty, json};
use crate::api::codes;
use crate::api::endpoint::Asked;
use crate::api::fields::{self, ClientBody};
use crate::api::json::{self, JsonBody, Object};
use crate::api::problem::Problem;
use crate::api::verifications::{put_applied, put_location};
use crate::api::view::{Numbers, VerificationJson};
use crate::service::Service;
use crate::service::subjects::request::{ChangeRequest, CheckRequestParts, Token};
use crate::service::subjects::view::ChangeView;
use crate::subjects::command::OperatorAction;
use crate::subjects::model::{ChangeId, MethodId};

pub(super) enum Ask {
    /// The path of the changes comes along, for the header `Location`.
    Request(Box<ChangeRequest>, String),
    Get(ChangeId),
    Cancel(ChangeId),
    Confirm(ChangeId, CheckRequestParts),
    Undo(ChangeId, Token),
    Report(ChangeId, Token),
}

/// What an operator decides about a change that waits.
#[derive(Clone, Copy)]
pub(super) enum Decision {
    Approve,
    Reject,
}

impl Ask {
    fn of_tenant(self) -> Parsed {
        Ok((super::Ask::Changes(self), None))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeBody {
    to: Option<String>,
    region: Option<String>,
    from: Option<String>,
    channel: Option<String>,
    locale: Option<String>,
    client: Option<Object<ClientBody>>,
    evidence: EvidenceBody,
}

impl JsonBody for ChangeBody {
    const FIELDS: &'static [&'static str] = &[
        "to", "region", "from", "channel", "locale", "client", "evidence",
    ];
}

pub(super) fn request(asked: &Asked) -> Parsed {
    let body: ChangeBody = json::body(asked)?;
    let from = body.from.map(|from| {
        let unknown = || Problem::new(&codes::INVALID_FIELD).field("from");
        MethodId::parse(&from).ok_or_else(unknown)
    });
    let request = ChangeRequest {
        to: fields::TO.required(body.to)?,
        region: fields::REGION.optional(body.region)?,
        from: from.transpose()?,
        channel: fields::channel(body.channel)?,
        locale: fields::LOCALE.optional(body.locale)?,
        client: fields::client(body.client)?,
        evidence: evidence(body.evidence)?,
        idempotency: fields::idempotency(asked)?,
        wait: fields::wait(&asked.head.headers),
    };
    let path = asked.head.uri.path().to_owned();
    Ask::Request(Box::new(request), path).of_tenant()
}

pub(super) fn get(asked: &Asked) -> Parsed {
    let change = second(asked, ChangeId::parse)?;
    let tenant = tenant_of_query(asked)?;
    Ok((super::Ask::Changes(Ask::Get(change)), tenant))
}

pub(super) fn cancel(asked: &Asked) -> Parsed {
    nothing_else(asked)?;
    Ask::Cancel(second(asked, ChangeId::parse)?).of_tenant()
}

pub(super) fn confirm(asked: &Asked) -> Parsed {
    let check = methods::check(asked)?;
    Ask::Confirm(second(asked, ChangeId::parse)?, check).of_tenant()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UndoBody {
    token: Option<String>,
    tenant: Option<String>,
    reason: Option<String>,
    ticket: Option<String>,
}

impl JsonBody for UndoBody {
    const FIELDS: &'static [&'static str] = &["token", "tenant", "reason", "ticket"];
}

/// A person's own undo has a token; an operator's has a reason.
pub(super) fn undo(presented: &Presented, asked: &Asked) -> Parsed {
    let body: UndoBody = json::body(asked)?;
    let misplaced = |field| Problem::new(&codes::INVALID_FIELD).field(field);
    match presented {
        Presented::Tenant(_) => {
            if body.reason.is_some() {
                return Err(misplaced("reason"));
            }
            if body.ticket.is_some() {
                return Err(misplaced("ticket"));
            }
            let token = token(body.token)?;
            let change = second(asked, ChangeId::parse)?;
            Ok((super::Ask::Changes(Ask::Undo(change, token)), body.tenant))
        }
        Presented::Operator(_) => {
            if body.token.is_some() {
                return Err(misplaced("token"));
            }
            let why = WhyBody::new(body.tenant, body.reason, body.ticket);
            let change = second(asked, ChangeId::parse)?;
            operators::with_reason(why, OperatorAction::UndoChange { change })
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenBody {
    token: Option<String>,
}

impl JsonBody for TokenBody {
    const FIELDS: &'static [&'static str] = &["token"];
}

pub(super) fn report(asked: &Asked) -> Parsed {
    let body: TokenBody = json::body(asked)?;
    let token = token(body.token)?;
    Ask::Report(second(asked, ChangeId::parse)?, token).of_tenant()
}

pub(super) fn decide(asked: &Asked, decision: Decision) -> Parsed {
    let why: WhyBody = json::body(asked)?;
    let change = second(asked, ChangeId::parse)?;
    let action = match decision {
        Decision::Approve => OperatorAction::CompleteChange { change },
        Decision::Reject => OperatorAction::RejectChange { change },
    };
    operators::with_reason(why, action)
}

/// An SMS has the short form, a webhook the long one.
const TOKEN_LENGTHS: [usize; 2] = [8, 26];

/// A token as it was typed: what can be none is not counted as a try.
fn token(value: Option<String>) -> Result<Token, Problem> {
    let typed = Zeroizing::new(fields::TOKEN.required(value)?);
    let is_ignored = |character: &char| matches!(character, ' ' | '-');
    let length = typed.chars().filter(|it| !is_ignored(it)).count();
    let fits = TOKEN_LENGTHS.contains(&length)
        && typed
            .chars()
            .all(|it| is_ignored(&it) || it.is_ascii_alphanumeric());
    fits.then_some(Token(typed))
        .ok_or_else(|| fields::TOKEN.refusal())
}

#[derive(Serialize)]
struct ChangedJson<'a> {
    number_change: ChangeJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification: Option<VerificationJson<'a>>,
    /// In the place of one that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_code: Option<ShownOnceJson<'a>>,
}

pub(super) async fn answer(
    service: &Service,
    About { asker, subject }: About<'_>,
    ask: Ask,
) -> Result<Reply, Problem> {
    let numbers = Numbers::for_asker(asker);
    let changed = match ask {
        Ask::Request(request, path) => {
            let wait = request.wait;
            let locale = request.locale.clone();
            let requested = service.request_change(asker, subject, *request).await;
            let (change, verification, recovery_code) =
                requested.map_err(|error| not_sent(error, asker, locale.as_deref()))?;
            let answer = ChangedJson {
                number_change: ChangeJson::new(&change, numbers),
                verification: Some(VerificationJson::new(&verification, numbers)),
                recovery_code: recovery_code.as_ref().map(ShownOnceJson::new),
            };
            let mut reply = json(StatusCode::CREATED, &answer)?;
            put_location(&mut reply, &format!("{path}/{}", change.id));
            put_applied(&mut reply, wait);
            return Ok(reply);
        }
        Ask::Cancel(change) => {
            service.cancel_change(asker, subject, change).await?;
            return Ok(empty(StatusCode::NO_CONTENT));
        }
        Ask::Get(change) => service.change(asker, subject, change).await,
        Ask::Confirm(change, check) => {
            let check = (change, check);
            service.confirm_change(asker, subject, check).await
        }
        Ask::Undo(change, token) => service.undo(asker, subject, (change, token)).await,
        Ask::Report(change, token) => service.report(asker, subject, (change, token)).await,
    };
    shown(&changed?, numbers)
}

fn shown(change: &ChangeView, numbers: Numbers) -> Result<Reply, Problem> {
    let answer = ChangedJson {
        number_change: ChangeJson::new(change, numbers),
        verification: None,
        recovery_code: None,
    };
    json(StatusCode::OK, &answer)
}
