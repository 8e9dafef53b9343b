//! The limits that live in other slots than the number's: which ones a send is
//! asked for, and what a refusal is called.

use std::net::IpAddr;

use watchword_providers::Channel;

use super::error::ServiceError;
use super::fields::client_class;
use super::request::Client;
use super::{Answer, Service};
use crate::admission::gcra::Denied;
use crate::admission::limits::{LimitAsk, LimitKey, LimitRule, LimitStep};
use crate::dispatch::cap::{Cap, submission_caps};
use crate::keys::random;
use crate::live::Live;
use crate::number::ParsedNumber;
use crate::tenants::Tenant;
use crate::verification::{OperationId, TenantTag};

/// A limit, by the word that callers and metrics know it by.
#[derive(Clone, Debug)]
pub(super) struct NamedLimit {
    pub code: &'static str,
    pub ask: LimitAsk,
}

const SUBMISSION_CAP: &str = "submission_cap";
const TENANT_RAMP: &str = "tenant_ramp";

fn code_of(cap: Cap) -> &'static str {
    match cap {
        Cap::OfRegion => SUBMISSION_CAP,
        Cap::OfRamp => TENANT_RAMP,
    }
}

impl NamedLimit {
    /// Whether it counts submissions: the first one of a send is paid before it
    /// is accepted.
    pub(super) fn is_cap(&self) -> bool {
        [SUBMISSION_CAP, TENANT_RAMP].contains(&self.code)
    }
}

/// The limits of one send.
pub(super) fn of_send(
    live: &Live,
    tenant: &Tenant,
    (to, channel): (&ParsedNumber, Channel),
    (client, now_ms): (Client, u64),
) -> Vec<NamedLimit> {
    let index = live.ring.index();
    let take = |code, key, rules: &[LimitRule]| NamedLimit {
        code,
        ask: LimitAsk {
            key,
            rules: rules.to_vec(),
            step: LimitStep::Take,
            operation: OperationId(random()),
        },
    };
    let limits = &live.limits;
    let mut named = Vec::with_capacity(3);
    let number_key = index.number_limit(to.number.expose());
    named.push(take("number_limit", number_key, &limits.number_all_tenants));
    if !limits.sends_per_prefix.is_empty() {
        let prefix_key = index.prefix_limit(tenant.tag, to.number.expose());
        named.push(take("prefix_limit", prefix_key, &limits.sends_per_prefix));
    }
    if let Some(address) = client.ip {
        for key in index.address_limits("sends", tenant.tag, address) {
            named.push(take("address_limit", key, &limits.sends_per_address));
        }
    }
    let region = to.region.as_str();
    for (cap, ask) in submission_caps(live, tenant, (region, channel), now_ms) {
        let code = code_of(cap);
        named.push(NamedLimit { code, ask });
    }
    named.retain(|limit| !limit.ask.rules.is_empty());
    named
}

/// The limit of a tenant's number, for what is counted under a subject's account.
pub(super) fn of_tenant_number(
    live: &Live,
    tenant: &Tenant,
    to: &ParsedNumber,
    client: Client,
) -> Option<NamedLimit> {
    let rules = &live.limits.sends_per_number;
    let class = client_class(client);
    let key = live
        .ring
        .index()
        .tenant_number_limit(tenant.tag, to.number.expose(), class);
    (!rules.is_empty()).then(|| NamedLimit {
        code: "number_limit",
        ask: LimitAsk {
            key,
            rules: rules.clone(),
            step: LimitStep::Take,
            operation: OperationId(random()),
        },
    })
}

impl Service {
    /// What this node remembers of these limits' refusals.
    pub(super) fn remembered_refusal(&self, named: &[NamedLimit]) -> Option<ServiceError> {
        let live = self.shared.live.load();
        let now_ms = self.shared.store_now_ms();
        let latest = named
            .iter()
            .filter_map(|limit| {
                let until_ms = live
                    .refused_limits
                    .refused_until(&limit.ask.key.tag, now_ms)?;
                Some((until_ms, limit.code))
            })
            .max()?;
        Some(limited(latest.1, latest.0, now_ms))
    }

    /// Limits a tenant's questions that send nothing.
    pub(super) async fn limit_tenant(
        &self,
        live: &Live,
        tenant: TenantTag,
        (purpose, code): (&str, &'static str),
        rules: &[LimitRule],
    ) -> Answer<()> {
        let key = live.ring.index().tenant_limit(tenant, purpose);
        self.take_one(key, rules, code).await
    }

    async fn take_one(&self, key: LimitKey, rules: &[LimitRule], code: &'static str) -> Answer<()> {
        if rules.is_empty() {
            return Ok(());
        }
        let operation = OperationId(random());
        let ask = LimitAsk {
            key,
            rules: rules.to_vec(),
            step: LimitStep::Take,
            operation,
        };
        match last_denied(&self.ask(&[ask]).await?) {
            None => Ok(()),
            Some(denied) => Err(limited(
                code,
                denied.available_at_ms,
                self.shared.store_now_ms(),
            )),
        }
    }

    async fn ask(&self, asks: &[LimitAsk]) -> Answer<Vec<Result<(), Denied>>> {
        let answered = self.shared.store.limits(asks).await;
        answered.map_err(|error| self.store_error("limits", &error))
    }
}

/// The limits that a wrong code takes from.
pub(super) fn of_failed_check(
    live: &Live,
    tenant: TenantTag,
    address: Option<IpAddr>,
) -> Vec<LimitAsk> {
    let rules = &live.limits.failed_checks_per_address;
    let Some(address) = address.filter(|_| !rules.is_empty()) else {
        return Vec::new();
    };
    let keys = live.ring.index().address_limits("checks", tenant, address);
    keys.into_iter()
        .map(|key| LimitAsk {
            key,
            rules: rules.clone(),
            step: LimitStep::Take,
            operation: OperationId(random()),
        })
        .collect()
}

pub(super) fn last_denied(answers: &[Result<(), Denied>]) -> Option<Denied> {
    let denied = answers.iter().filter_map(|answer| answer.err());
    denied.max_by_key(|denied| denied.available_at_ms)
}

pub(super) fn limited(code: &'static str, available_at_ms: u64, now_ms: u64) -> ServiceError {
    ServiceError::Limited {
        code,
        available_at_ms: Some(available_at_ms),
        now_ms,
        alternatives: Vec::new(),
    }
}
