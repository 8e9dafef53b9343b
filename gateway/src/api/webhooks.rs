//! `/v1/admin/webhooks/replay`: an operator has events told again.

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::answer::{Reply, json};
use super::endpoint::Asked;
use super::fields;
use super::json::{self, JsonBody};
use super::problem::Problem;
use crate::service::Service;
use crate::tenants::Operator;
use crate::webhooks::{Replay, Replayed};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayBody {
    tenant: Option<String>,
    endpoint: Option<String>,
    event_id: Option<String>,
    from: Option<String>,
    until: Option<String>,
    with_told: Option<bool>,
}

impl JsonBody for ReplayBody {
    const FIELDS: &'static [&'static str] = &[
        "tenant",
        "endpoint",
        "event_id",
        "from",
        "until",
        "with_told",
    ];
}

/// What an operator asks to be told again.
pub(super) struct ReplayAsk {
    pub tenant: String,
    pub endpoint: Option<String>,
    pub what: Replay,
}

#[derive(Serialize)]
struct ReplayedJson {
    events: usize,
    busy: usize,
    more: bool,
}

pub(super) async fn replay(
    service: &Service,
    operator: &Operator,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let ask = replay_ask(asked)?;
    let endpoint = ask.endpoint.as_deref();
    let Replayed {
        events,
        busy,
        is_cut,
    } = service
        .replay_webhooks(operator, &ask.tenant, (&ask.what, endpoint))
        .await?;
    let answer = ReplayedJson {
        events,
        busy,
        more: is_cut,
    };
    json(StatusCode::OK, &answer)
}

pub(super) fn replay_ask(asked: &Asked) -> Result<ReplayAsk, Problem> {
    let body: ReplayBody = json::body(asked)?;
    let event = fields::EVENT_ID.optional(body.event_id)?;
    let what = match event {
        Some(name) => Replay::Event { name },
        None => Replay::Between {
            from_ms: moment(&fields::FROM.required(body.from)?, &fields::FROM)?,
            until_ms: moment(&fields::UNTIL.required(body.until)?, &fields::UNTIL)?,
            with_told: body.with_told.unwrap_or(false),
        },
    };
    Ok(ReplayAsk {
        tenant: fields::TENANT.required(body.tenant)?,
        endpoint: fields::ENDPOINT.optional(body.endpoint)?,
        what,
    })
}

fn moment(text: &str, rule: &fields::TextRule) -> Result<u64, Problem> {
    let time: Timestamp = text.parse().map_err(|_| rule.refusal())?;
    Ok(u64::try_from(time.as_millisecond()).unwrap_or(0))
}
