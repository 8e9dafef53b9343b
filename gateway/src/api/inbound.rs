//! `/v1/numbers/inbound`: what somebody wrote back to one of the tenant's
//! numbers, as its own webhook was told.

use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::answer::{Reply, json};
use super::endpoint::Asked;
use super::fields;
use super::json::{self, JsonBody};
use super::problem::Problem;
use crate::service::Service;
use crate::service::subjects::view::InboundEffect;
use crate::tenants::Caller;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InboundBody {
    from: Option<String>,
    text: Option<String>,
}

impl JsonBody for InboundBody {
    const FIELDS: &'static [&'static str] = &["from", "text"];
}

#[derive(Serialize)]
struct EffectJson {
    effect: &'static str,
}

pub(super) async fn receive(
    service: &Service,
    caller: &Caller,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let (from, text) = from_and_text(asked)?;
    let effect = match service.inbound(caller, &from, &text).await? {
        InboundEffect::OptedOut => "opted_out",
        InboundEffect::OptedIn => "opted_in",
        InboundEffect::None => "none",
    };
    json(StatusCode::OK, &EffectJson { effect })
}

pub(super) fn from_and_text(asked: &Asked) -> Result<(String, String), Problem> {
    let body: InboundBody = json::body(asked)?;
    Ok((
        fields::SENDER.required(body.from)?,
        fields::TEXT.required(body.text)?,
    ))
}
