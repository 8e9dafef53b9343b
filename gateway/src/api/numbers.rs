//! `/v1/numbers/lookup` and `/v1/explain`: what a number is, and what would
//! happen if something were sent there. Neither sends anything.

use http::StatusCode;
use serde::Deserialize;

use super::answer::{Reply, json};
use super::endpoint::Asked;
use super::fields::{self, ClientBody};
use super::json::{self, JsonBody, Object};
use super::problem::Problem;
use super::view::{ExplainJson, LookupJson};
use crate::service::{ExplainRequest, Service};
use crate::tenants::Caller;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LookupBody {
    number: Option<String>,
    region: Option<String>,
}

impl JsonBody for LookupBody {
    const FIELDS: &'static [&'static str] = &["number", "region"];
}

pub(super) async fn lookup(
    service: &Service,
    caller: &Caller,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let (number, region) = number_and_region(asked)?;
    let view = service.lookup(caller, &number, region.as_deref()).await?;
    json(StatusCode::OK, &LookupJson::new(&view))
}

/// What a lookup asks about.
pub(super) fn number_and_region(asked: &Asked) -> Result<(String, Option<String>), Problem> {
    let body: LookupBody = json::body(asked)?;
    Ok((
        fields::NUMBER.required(body.number)?,
        fields::REGION.optional(body.region)?,
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplainBody {
    number: Option<String>,
    extension: Option<String>,
    region: Option<String>,
    channel: Option<String>,
    purpose: Option<String>,
    client: Option<Object<ClientBody>>,
}

impl JsonBody for ExplainBody {
    const FIELDS: &'static [&'static str] = &[
        "number",
        "extension",
        "region",
        "channel",
        "purpose",
        "client",
    ];
}

pub(super) async fn explain(
    service: &Service,
    caller: &Caller,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let request = explain_request(asked)?;
    let view = service.explain(caller, request).await?;
    let refusal = view.refusal.clone().map(Problem::from);
    json(StatusCode::OK, &ExplainJson::new(&view, refusal.as_ref()))
}

pub(super) fn explain_request(asked: &Asked) -> Result<ExplainRequest, Problem> {
    let body: ExplainBody = json::body(asked)?;
    Ok(ExplainRequest {
        number: fields::NUMBER.required(body.number)?,
        extension: fields::extension(body.extension)?,
        region: fields::REGION.optional(body.region)?,
        channel: fields::channel(body.channel)?,
        purpose: fields::PURPOSE.optional(body.purpose)?,
        client: fields::client(body.client)?,
    })
}
