//! Questions about a number that send nothing and use nothing up but their own limits.

use watchword_providers::Channel;

use super::aim::Aim;
use super::fields::{self, DEFAULT_PURPOSE, client_class};
use super::request::ExplainRequest;
use super::view::{ExplainView, HopView, LimitView, LookupView, RouteView};
use super::{Answer, Service};
use crate::admission::gcra::Gcra;
use crate::live::Live;
use crate::routing::Draw;
use crate::tenants::Caller;
use crate::verification::{ClientClass, NumberRecord};

impl Service {
    /// What a number is, and which channels may reach it.
    ///
    /// # Errors
    ///
    /// [`super::ServiceError::Invalid`] if it is no number, or the lookup limit.
    pub async fn lookup(
        &self,
        caller: &Caller,
        number: &str,
        region: Option<&str>,
    ) -> Answer<LookupView> {
        let live = self.shared.live.load_full();
        let tenant = &caller.tenant;
        let rules = &live.limits.lookups_per_tenant;
        self.limit_tenant(&live, tenant.tag, ("lookups", "lookup_limit"), rules)
            .await?;
        let to = fields::number(number, region, "number")?;
        Ok(lookup(Aim {
            tenant,
            to: &to,
            purpose: DEFAULT_PURPOSE,
            method: None,
        }))
    }

    /// What would happen for this number now. Sends nothing.
    ///
    /// # Errors
    ///
    /// [`super::ServiceError::Invalid`] if it is no number, or the explain limit.
    pub async fn explain(&self, caller: &Caller, request: ExplainRequest) -> Answer<ExplainView> {
        let live = self.shared.live.load_full();
        let tenant = &caller.tenant;
        let rules = &live.limits.explains_per_tenant;
        self.limit_tenant(&live, tenant.tag, ("explains", "explain_limit"), rules)
            .await?;
        let to = fields::number(&request.number, request.region.as_deref(), "number")?;
        let purpose = request.purpose.as_deref().unwrap_or(DEFAULT_PURPOSE);
        let (shard, tag) = live.ring.index().number(tenant.tag, to.number.expose());
        let store = &self.shared.store;
        let (number, now_ms) = store
            .number(shard, tag)
            .await
            .map_err(|error| self.store_error("number", &error))?;
        let client = client_class(request.client);
        let channel = request.channel.unwrap_or(Channel::Sms);
        let aim = Aim {
            tenant,
            to: &to,
            purpose,
            method: None,
        };
        let refusal = aim
            .may_send(&live, channel)
            .err()
            .or_else(|| send_limit(&live, &number, client, now_ms));
        Ok(ExplainView {
            lookup: lookup(aim),
            refusal,
            routes: routes(&live, aim),
            limits: limits(&live, &number, now_ms),
            live_count: live_count(&number, now_ms),
        })
    }
}

fn lookup(aim: Aim<'_>) -> LookupView {
    let to = aim.to;
    let channels = [Channel::Sms, Channel::Voice].map(|channel| (channel, aim.closed_by(channel)));
    LookupView {
        e164: to.number.clone(),
        region: to.region.as_str().to_owned(),
        line_type: to.line_type.as_str(),
        channels: channels.to_vec(),
    }
}

fn routes(live: &Live, aim: Aim<'_>) -> Vec<RouteView> {
    let of_channel = |channel| {
        let destination = aim.destination(channel);
        let route = live.routing.route(destination)?;
        let hops = live.hops(destination, Draw::Show, |_| false);
        let breaker = |id: &str| {
            let provider = live.providers.get(id);
            provider.map_or("missing", |provider| {
                provider.breaker_state(channel).as_str()
            })
        };
        Some(RouteView {
            channel,
            strategy: route.strategy.as_str(),
            hops: hops
                .iter()
                .map(|id| HopView {
                    provider: id.to_string(),
                    share: route.share(id),
                    breaker: breaker(id),
                })
                .collect(),
        })
    };
    [Channel::Sms, Channel::Voice]
        .into_iter()
        .filter_map(of_channel)
        .collect()
}

fn send_limit(
    live: &Live,
    number: &NumberRecord,
    client: ClientClass,
    now_ms: u64,
) -> Option<super::ServiceError> {
    let mut states = number.sends.of(client).clone();
    let denied = Gcra::take_all(&mut states, &live.sends.rules, now_ms).err()?;
    Some(super::limits::limited(
        "send_limit",
        denied.available_at_ms,
        now_ms,
    ))
}

fn limits(live: &Live, number: &NumberRecord, now_ms: u64) -> Vec<LimitView> {
    let mut views = Vec::new();
    for (client, word) in [
        (ClientClass::Known, "known"),
        (ClientClass::Unknown, "unknown"),
    ] {
        let states = number.sends.of(client);
        for (position, rule) in live.sends.rules.iter().enumerate() {
            let state = states.get(position).copied().unwrap_or_default();
            views.push(LimitView {
                limit: "send_limit",
                client: word,
                count: rule.count,
                per_s: rule.per_ms / 1000,
                left: state.left(*rule, now_ms),
            });
        }
    }
    views
}

fn live_count(number: &NumberRecord, now_ms: u64) -> u8 {
    let live = number
        .live
        .iter()
        .filter(|live| live.expires_at_ms > now_ms)
        .count();
    u8::try_from(live).unwrap_or(u8::MAX)
}
