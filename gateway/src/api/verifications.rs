//! `/v1/verifications`: start, resend, check, cancel, outcome, read.

use http::header::LOCATION;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use super::answer::{Reply, json};
use super::codes;
use super::endpoint::Asked;
use super::fields::{self, BindBody, ClientBody};
use super::json::{self, JsonBody, Object};
use super::problem::Problem;
use super::query::Query;
use super::view::{Numbers, VerificationJson};
use crate::id::VerificationId;
use crate::service::view::VerificationView;
use crate::service::{CheckRequest, ResendRequest, Service, StartRequest};
use crate::subjects::model::MethodId;
use crate::tenants::Caller;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StartBody {
    to: Option<String>,
    region: Option<String>,
    channel: Option<String>,
    locale: Option<String>,
    purpose: Option<String>,
    subject: Option<String>,
    method: Option<String>,
    bind: Option<BindBody>,
    client: Option<Object<ClientBody>>,
    code: Option<String>,
    origin: Option<String>,
    app_hash: Option<String>,
    fallback: Option<Vec<String>>,
    reference: Option<String>,
}

impl JsonBody for StartBody {
    const FIELDS: &'static [&'static str] = &[
        "to",
        "region",
        "channel",
        "locale",
        "purpose",
        "subject",
        "method",
        "bind",
        "client",
        "code",
        "origin",
        "app_hash",
        "fallback",
        "reference",
    ];
}

pub(super) async fn start(
    service: &Service,
    caller: &Caller,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let request = start_request(asked)?;
    let wait = request.wait;
    let locale = request.locale.clone();
    let started = service.start(caller, request).await;
    let view = started
        .map_err(|error| Problem::from(error).for_person(&caller.tenant, locale.as_deref()))?;
    let mut reply = shown(StatusCode::CREATED, &view, Numbers::Full)?;
    put_location(&mut reply, &format!("/v1/verifications/{}", view.id));
    put_applied(&mut reply, wait);
    Ok(reply)
}

pub(super) fn start_request(asked: &Asked) -> Result<StartRequest, Problem> {
    let body: StartBody = json::body(asked)?;
    let to = match (body.to, &body.subject) {
        (None, Some(_)) => None,
        (to, _) => Some(fields::TO.required(to)?),
    };
    let method = body.method.map(|method| {
        let known = MethodId::parse(&method).filter(|_| to.is_none());
        known.ok_or_else(|| Problem::new(&codes::INVALID_FIELD).field("method"))
    });
    Ok(StartRequest {
        to,
        region: fields::REGION.optional(body.region)?,
        channel: fields::channel(body.channel)?,
        locale: fields::LOCALE.optional(body.locale)?,
        purpose: fields::PURPOSE.optional(body.purpose)?,
        method: method.transpose()?,
        subject: fields::SUBJECT.optional(body.subject)?,
        bind: fields::bind(body.bind)?,
        client: fields::client(body.client)?,
        code: fields::CODE.optional(body.code)?,
        origin: fields::ORIGIN.optional(body.origin)?,
        app_hash: fields::APP_HASH.optional(body.app_hash)?,
        fallback: fields::fallback(body.fallback)?,
        reference: fields::REFERENCE.optional(body.reference)?,
        idempotency: fields::idempotency(asked)?,
        wait: fields::wait(&asked.head.headers),
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResendBody {
    channel: Option<String>,
    client: Option<Object<ClientBody>>,
}

impl JsonBody for ResendBody {
    const FIELDS: &'static [&'static str] = &["channel", "client"];
}

pub(super) async fn resend(
    service: &Service,
    caller: &Caller,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let request = resend_request(asked)?;
    let wait = request.wait;
    let resent = service.resend(caller, request).await;
    let view = resent.map_err(|error| Problem::from(error).for_person(&caller.tenant, None))?;
    let mut reply = shown(StatusCode::OK, &view, Numbers::Full)?;
    put_applied(&mut reply, wait);
    Ok(reply)
}

pub(super) fn resend_request(asked: &Asked) -> Result<ResendRequest, Problem> {
    let body: ResendBody = json::body_if_any(asked)?;
    Ok(ResendRequest {
        id: id(asked)?,
        channel: fields::channel(body.channel)?,
        client: fields::client(body.client)?,
        idempotency: fields::idempotency(asked)?,
        wait: fields::wait(&asked.head.headers),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckBody {
    code: Option<String>,
    bind: Option<BindBody>,
    client: Option<Object<ClientBody>>,
}

impl JsonBody for CheckBody {
    const FIELDS: &'static [&'static str] = &["code", "bind", "client"];
}

pub(super) async fn check(
    service: &Service,
    caller: &Caller,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let request = check_request(asked)?;
    let view = service.check(caller, request).await?;
    shown(StatusCode::OK, &view, Numbers::Full)
}

pub(super) fn check_request(asked: &Asked) -> Result<CheckRequest, Problem> {
    let body: CheckBody = json::body(asked)?;
    Ok(CheckRequest {
        id: id(asked)?,
        code: fields::CODE.required(body.code)?,
        bind: fields::bind(body.bind)?,
        client: fields::client(body.client)?,
        idempotency: fields::idempotency(asked)?,
    })
}

pub(super) async fn cancel(
    service: &Service,
    caller: &Caller,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let view = service.cancel(caller, id(asked)?).await?;
    shown(StatusCode::OK, &view, Numbers::for_reader(caller))
}

/// The body of both outcome endpoints.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutcomeBody {
    outcome: Option<String>,
}

impl JsonBody for OutcomeBody {
    const FIELDS: &'static [&'static str] = &["outcome"];
}

pub(super) async fn outcome(
    service: &Service,
    caller: &Caller,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let was_used = was_used(asked)?;
    let view = service.report_outcome(caller, id(asked)?, was_used).await?;
    shown(StatusCode::OK, &view, Numbers::for_reader(caller))
}

/// What an outcome endpoint is told.
pub(super) fn was_used(asked: &Asked) -> Result<bool, Problem> {
    let body: OutcomeBody = json::body(asked)?;
    fields::was_used(body.outcome)
}

pub(super) async fn get(
    service: &Service,
    caller: &Caller,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let (view, timeline) = service.verification(caller, id(asked)?).await?;
    let answer = VerificationJson::new(&view, Numbers::for_reader(caller));
    json(StatusCode::OK, &answer.with_timeline(&timeline))
}

#[derive(Serialize)]
struct ListJson<'a> {
    verifications: Vec<VerificationJson<'a>>,
}

pub(super) async fn list(
    service: &Service,
    caller: &Caller,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let found = match whose(asked)? {
        Whose::Number { to, region } => {
            let region = region.as_deref();
            service.verifications_of(caller, &to, region).await?
        }
        Whose::Subject(subject) => service.verifications_of_subject(caller, &subject).await?,
    };
    let numbers = Numbers::for_reader(caller);
    let verifications = found
        .iter()
        .map(|view| VerificationJson::new(view, numbers))
        .collect();
    json(StatusCode::OK, &ListJson { verifications })
}

/// Whose verifications are wanted.
#[derive(Debug)]
pub(super) enum Whose {
    Number { to: String, region: Option<String> },
    Subject(String),
}

/// From the query: a number or a subject.
pub(super) fn whose(asked: &Asked) -> Result<Whose, Problem> {
    let query = Query::parse(asked.head.uri.query())?;
    match (query.to, query.region, query.subject) {
        (None, None, Some(subject)) => Ok(Whose::Subject(fields::SUBJECT.check(subject)?)),
        (_, _, Some(_)) => Err(Problem::new(&codes::INVALID_QUERY)),
        (to, region, None) => Ok(Whose::Number {
            to: fields::TO.required(to)?,
            region: fields::REGION.optional(region)?,
        }),
    }
}

/// An id that is not well-formed is nobody's, like one that is not known.
pub(super) fn id(asked: &Asked) -> Result<VerificationId, Problem> {
    VerificationId::parse(&asked.parameters.first).ok_or_else(|| Problem::new(&codes::NOT_FOUND))
}

fn shown(status: StatusCode, view: &VerificationView, numbers: Numbers) -> Result<Reply, Problem> {
    json(status, &VerificationJson::new(view, numbers))
}

pub(super) fn put_location(reply: &mut Reply, path: &str) {
    if let Ok(value) = HeaderValue::from_str(path) {
        reply.headers_mut().insert(LOCATION, value);
    }
}

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Says how long we were ready to wait, which may be less than was asked.
pub(super) fn put_applied(reply: &mut Reply, wait: Option<std::time::Duration>) {
    let Some(wait) = wait else {
        return;
    };
    if let Ok(value) = HeaderValue::from_str(&format!("wait={}", wait.as_secs())) {
        reply.headers_mut().insert(PREFERENCE_APPLIED, value);
    }
}
