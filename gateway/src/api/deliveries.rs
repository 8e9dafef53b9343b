//! `/v1/deliveries`: the tenant's own text over the same engine.

use http::StatusCode;
use serde::Deserialize;

use super::answer::{Reply, json};
use super::codes;
use super::endpoint::Asked;
use super::fields::{self, ClientBody};
use super::json::{self, JsonBody, Object};
use super::problem::Problem;
use super::verifications::{put_applied, put_location, was_used};
use super::view::{Numbers, SendOnlyJson};
use crate::id::DeliveryId;
use crate::service::{DeliverRequest, Service};
use crate::tenants::Caller;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeliverBody {
    to: Option<String>,
    extension: Option<String>,
    region: Option<String>,
    channel: Option<String>,
    text: Option<String>,
    speech: Option<String>,
    locale: Option<String>,
    validity_s: Option<u64>,
    reference: Option<String>,
    client: Option<Object<ClientBody>>,
}

impl JsonBody for DeliverBody {
    const FIELDS: &'static [&'static str] = &[
        "to",
        "extension",
        "region",
        "channel",
        "text",
        "speech",
        "locale",
        "validity_s",
        "reference",
        "client",
    ];
}

pub(super) async fn deliver(
    service: &Service,
    caller: &Caller,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let request = deliver_request(asked)?;
    let wait = request.wait;
    let view = service.deliver(caller, request).await?;
    let mut reply = json(
        StatusCode::CREATED,
        &SendOnlyJson::new(&view, Numbers::Full),
    )?;
    put_location(&mut reply, &format!("/v1/deliveries/{}", view.delivery.id));
    put_applied(&mut reply, wait);
    Ok(reply)
}

pub(super) fn deliver_request(asked: &Asked) -> Result<DeliverRequest, Problem> {
    let body: DeliverBody = json::body(asked)?;
    Ok(DeliverRequest {
        to: fields::TO.required(body.to)?,
        extension: fields::extension(body.extension)?,
        region: fields::REGION.optional(body.region)?,
        channel: fields::channel(body.channel)?,
        text: fields::TEXT.required(body.text)?,
        speech: fields::SPEECH.optional(body.speech)?,
        locale: fields::LOCALE.optional(body.locale)?,
        validity_s: validity_s(body.validity_s)?,
        reference: fields::REFERENCE.optional(body.reference)?,
        client: fields::client(body.client)?,
        idempotency: fields::idempotency(asked)?,
        wait: fields::wait(&asked.head.headers),
    })
}

fn validity_s(value: Option<u64>) -> Result<Option<u64>, Problem> {
    match value {
        Some(seconds) if !(1..=86_400).contains(&seconds) => {
            Err(Problem::new(&codes::INVALID_VALIDITY).field("validity_s"))
        }
        Some(_) | None => Ok(value),
    }
}

pub(super) async fn get(
    service: &Service,
    caller: &Caller,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let view = service.delivery(caller, id(asked)?).await?;
    let numbers = Numbers::for_reader(caller);
    json(StatusCode::OK, &SendOnlyJson::new(&view, numbers))
}

pub(super) async fn outcome(
    service: &Service,
    caller: &Caller,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let was_used = was_used(asked)?;
    let view = service
        .report_delivery_outcome(caller, id(asked)?, was_used)
        .await?;
    let numbers = Numbers::for_reader(caller);
    json(StatusCode::OK, &SendOnlyJson::new(&view, numbers))
}

/// An id that is not well-formed is nobody's, like one that is not known.
pub(super) fn id(asked: &Asked) -> Result<DeliveryId, Problem> {
    DeliveryId::parse(&asked.parameters.first).ok_or_else(|| Problem::new(&codes::NOT_FOUND))
}
