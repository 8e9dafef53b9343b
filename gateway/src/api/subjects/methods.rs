//! A subject and its methods: list, add, confirm, default, remove.

use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::evidence::{EvidenceBody, evidence};
use super::json::{MethodJson, MethodsJson, SubjectJson};
use super::{About, Parsed, not_sent, nothing_else, second, tenant_of_query};
use crate::api::answer::{Reply, empty, json};
use crate::api::codes;
use crate::api::endpoint::Asked;
use crate::api::fields::{self, ClientBody};
use crate::api::json::{self, JsonBody, Object};
use crate::api::problem::Problem;
use crate::api::verifications::put_applied;
use crate::api::view::{Numbers, VerificationJson};
use crate::service::Service;
use crate::service::subjects::request::{AddMethodRequest, CheckRequestParts, EvidenceItem};
use crate::subjects::model::{MethodId, Role};

pub(super) enum Ask {
    Show,
    List,
    Add(Box<AddMethodRequest>),
    Confirm(MethodId, CheckRequestParts),
    SetDefault(MethodId, Option<Vec<MethodId>>),
    Remove(MethodId, Vec<EvidenceItem>),
    SetLocale(Option<String>),
}

impl Ask {
    fn of_tenant(self) -> Parsed {
        Ok((super::Ask::Methods(self), None))
    }
}

pub(super) fn show(asked: &Asked) -> Parsed {
    Ok((super::Ask::Methods(Ask::Show), tenant_of_query(asked)?))
}

pub(super) fn list(asked: &Asked) -> Parsed {
    nothing_else(asked)?;
    Ask::List.of_tenant()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddBody {
    phone: Option<String>,
    region: Option<String>,
    channel: Option<String>,
    role: Option<String>,
    extension: Option<String>,
    locale: Option<String>,
    client: Option<Object<ClientBody>>,
    evidence: EvidenceBody,
}

impl JsonBody for AddBody {
    const FIELDS: &'static [&'static str] = &[
        "phone",
        "region",
        "channel",
        "role",
        "extension",
        "locale",
        "client",
        "evidence",
    ];
}

pub(super) fn add(asked: &Asked) -> Parsed {
    let body: AddBody = json::body(asked)?;
    let role = fields::ROLE.optional(body.role)?;
    let role = role.map(|role| Role::parse(&role).ok_or_else(|| fields::ROLE.refusal()));
    Ask::Add(Box::new(AddMethodRequest {
        phone: fields::PHONE.required(body.phone)?,
        region: fields::REGION.optional(body.region)?,
        channel: fields::channel(body.channel)?,
        role: role.transpose()?,
        extension: fields::EXTENSION.optional(body.extension)?,
        locale: fields::LOCALE.optional(body.locale)?,
        client: fields::client(body.client)?,
        evidence: evidence(body.evidence)?,
        idempotency: fields::idempotency(asked)?,
        wait: fields::wait(&asked.head.headers),
    }))
    .of_tenant()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfirmBody {
    code: Option<String>,
    client: Option<Object<ClientBody>>,
}

impl JsonBody for ConfirmBody {
    const FIELDS: &'static [&'static str] = &["code", "client"];
}

/// A code typed back, for a method or a change.
pub(super) fn check(asked: &Asked) -> Result<CheckRequestParts, Problem> {
    let body: ConfirmBody = json::body(asked)?;
    Ok(CheckRequestParts {
        code: fields::CODE.required(body.code)?,
        client: fields::client(body.client)?,
    })
}

pub(super) fn confirm(asked: &Asked) -> Parsed {
    let check = check(asked)?;
    Ask::Confirm(second(asked, MethodId::parse)?, check).of_tenant()
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DefaultBody {
    fallback_order: Option<Vec<String>>,
}

impl JsonBody for DefaultBody {
    const FIELDS: &'static [&'static str] = &["fallback_order"];
}

/// More methods than a subject may have.
const FALLBACK_ORDER_MAX: usize = 16;

pub(super) fn set_default(asked: &Asked) -> Parsed {
    let body: DefaultBody = json::body_if_any(asked)?;
    let order = body.fallback_order.map(|order| fallback_order(&order));
    let order = order.transpose()?;
    Ask::SetDefault(second(asked, MethodId::parse)?, order).of_tenant()
}

fn fallback_order(order: &[String]) -> Result<Vec<MethodId>, Problem> {
    let known = order.iter().map(|id| MethodId::parse(id));
    let known = known.collect::<Option<Vec<_>>>();
    known
        .filter(|order| order.len() <= FALLBACK_ORDER_MAX)
        .ok_or_else(|| Problem::new(&codes::INVALID_FIELD).field("fallback_order"))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoveBody {
    evidence: EvidenceBody,
}

impl JsonBody for RemoveBody {
    const FIELDS: &'static [&'static str] = &["evidence"];
}

pub(super) fn remove(asked: &Asked) -> Parsed {
    let body: RemoveBody = json::body_if_any(asked)?;
    let evidence = evidence(body.evidence)?;
    Ask::Remove(second(asked, MethodId::parse)?, evidence).of_tenant()
}

/// What needs no evidence is done without a body, which a `DELETE` may lose on
/// its way.
pub(super) fn forget(asked: &Asked) -> Parsed {
    nothing_else(asked)?;
    Ask::Remove(second(asked, MethodId::parse)?, Vec::new()).of_tenant()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LocaleBody {
    locale: Option<String>,
}

impl JsonBody for LocaleBody {
    const FIELDS: &'static [&'static str] = &["locale"];
}

pub(super) fn set_locale(asked: &Asked) -> Parsed {
    let body: LocaleBody = json::body(asked)?;
    Ask::SetLocale(fields::LOCALE.optional(body.locale)?).of_tenant()
}

#[derive(Serialize)]
struct AddedJson<'a> {
    method: MethodJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification: Option<VerificationJson<'a>>,
}

pub(super) async fn answer(
    service: &Service,
    About { asker, subject }: About<'_>,
    ask: Ask,
) -> Result<Reply, Problem> {
    let numbers = Numbers::for_asker(asker);
    match ask {
        Ask::Show => {
            let view = service.subject(asker, subject).await?;
            json(StatusCode::OK, &SubjectJson::new(&view, numbers))
        }
        Ask::List => {
            let view = service.methods(asker, subject).await?;
            json(StatusCode::OK, &MethodsJson::new(&view, numbers))
        }
        Ask::Add(request) => {
            let wait = request.wait;
            let locale = request.locale.clone();
            let added = service.add_method(asker, subject, *request).await;
            let (method, verification) =
                added.map_err(|error| not_sent(error, asker, locale.as_deref()))?;
            let answer = AddedJson {
                method: MethodJson::new(&method, numbers),
                verification: verification
                    .as_ref()
                    .map(|view| VerificationJson::new(view, Numbers::Full)),
            };
            let status = match answer.verification {
                Some(_) => StatusCode::CREATED,
                // It is a method already: nothing was sent.
                None => StatusCode::OK,
            };
            let mut reply = json(status, &answer)?;
            put_applied(&mut reply, wait.filter(|_| answer.verification.is_some()));
            Ok(reply)
        }
        Ask::Confirm(method, check) => {
            let check = (method, check);
            let method = service.confirm_method(asker, subject, check).await?;
            let answer = AddedJson {
                method: MethodJson::new(&method, numbers),
                verification: None,
            };
            json(StatusCode::OK, &answer)
        }
        Ask::SetDefault(method, order) => {
            let view = service.set_default(asker, subject, (method, order)).await?;
            json(StatusCode::OK, &MethodsJson::new(&view, numbers))
        }
        Ask::Remove(method, evidence) => {
            let ask = (method, evidence);
            service.remove_method(asker, subject, ask).await?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        Ask::SetLocale(locale) => {
            let view = service.set_locale(asker, subject, locale).await?;
            json(StatusCode::OK, &SubjectJson::new(&view, numbers))
        }
    }
}
