//! From `[[senders]]` to the table that each attempt asks.

use crate::config::{SenderSettings, Settings};
use crate::senders::{SenderRule, Senders};

pub(super) fn senders(settings: &Settings) -> Senders {
    Senders {
        rules: settings.senders.iter().map(rule).collect(),
        network_providers: settings
            .providers
            .iter()
            .filter(|provider| !provider.kind.senders.is_empty())
            .map(|provider| provider.id.as_str().into())
            .collect(),
    }
}

fn rule(block: &SenderSettings) -> SenderRule {
    let boxed = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
    SenderRule {
        sender: block.sender.as_str().into(),
        channel: block.channel,
        tenants: boxed(&block.tenants),
        providers: boxed(&block.providers),
        countries: block.countries.clone(),
        is_registered: block.is_registered,
    }
}
