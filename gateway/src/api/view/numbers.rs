//! What is known of a number, and what would become of a send to it, in JSON.

use serde::Serialize;
use watchword_providers::Channel;

use crate::api::problem::{Problem, ProblemJson};
use crate::service::view::{ExplainView, LookupView, RouteView};

#[derive(Serialize)]
pub(in crate::api) struct LookupJson<'a> {
    e164: &'a str,
    region: &'a str,
    r#type: &'static str,
    channels: Vec<ChannelJson>,
}

#[derive(Serialize)]
struct ChannelJson {
    channel: Channel,
    allowed: bool,
    /// The code a start over this channel would be refused with.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl<'a> LookupJson<'a> {
    pub(in crate::api) fn new(view: &'a LookupView) -> Self {
        let channels = view.channels.iter();
        Self {
            // The caller has just sent it.
            e164: view.e164.expose(),
            region: &view.region,
            r#type: view.line_type,
            channels: channels
                .map(|(channel, reason)| ChannelJson {
                    channel: *channel,
                    allowed: reason.is_none(),
                    reason: *reason,
                })
                .collect(),
        }
    }
}

#[derive(Serialize)]
pub(in crate::api) struct ExplainJson<'a> {
    number: LookupJson<'a>,
    accepted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<ProblemJson<'a>>,
    routes: Vec<RouteJson<'a>>,
    limits: Vec<LimitJson>,
    live_count: u8,
}

#[derive(Serialize)]
struct RouteJson<'a> {
    channel: Channel,
    strategy: &'static str,
    hops: Vec<HopJson<'a>>,
}

#[derive(Serialize)]
struct HopJson<'a> {
    provider: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<u32>,
    breaker: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<&'static str>,
}

#[derive(Serialize)]
struct LimitJson {
    limit: &'static str,
    client: &'static str,
    count: u32,
    per_s: u64,
    left: u32,
}

impl<'a> ExplainJson<'a> {
    pub(in crate::api) fn new(view: &'a ExplainView, refusal: Option<&'a Problem>) -> Self {
        let limits = view.limits.iter();
        Self {
            number: LookupJson::new(&view.lookup),
            accepted: refusal.is_none(),
            refusal: refusal.map(|problem| problem.to_json(None)),
            routes: view.routes.iter().map(RouteJson::new).collect(),
            limits: limits
                .map(|limit| LimitJson {
                    limit: limit.limit,
                    client: limit.client,
                    count: limit.count,
                    per_s: limit.per_s,
                    left: limit.left,
                })
                .collect(),
            live_count: view.live_count,
        }
    }
}

impl<'a> RouteJson<'a> {
    fn new(view: &'a RouteView) -> Self {
        let hops = view.hops.iter();
        Self {
            channel: view.channel,
            strategy: view.strategy,
            hops: hops
                .map(|hop| HopJson {
                    provider: &hop.provider,
                    share: hop.share,
                    breaker: hop.breaker,
                    skipped: hop.skipped,
                })
                .collect(),
        }
    }
}
