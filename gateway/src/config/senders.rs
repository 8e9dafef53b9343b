//! Reads `[[senders]]`, and refuses a sender where networks do not carry it.

use std::collections::{BTreeMap, BTreeSet};

use watchword_providers::Channel;
use watchword_providers::kind::Form;

use super::cross_checks::known;
use super::reader::{Reading, Section};
use super::settings::{ProviderSettings, SenderSettings, Settings, TenantSettings};
use super::tenants::{CHANNELS, region_list};
use super::words;
use crate::senders::{Carriage, SenderKind, carriage};

pub(super) fn read(root: &Section<'_>) -> Vec<SenderSettings> {
    root.sections("senders", 4_096)
        .iter()
        .map(read_sender)
        .collect()
}

fn read_sender(section: &Section<'_>) -> SenderSettings {
    section.required_text("sender", "\"Acme\"");
    let settings = SenderSettings {
        sender: section.parsed("sender", words::sender).unwrap_or_default(),
        channel: section.choice_or("channel", &CHANNELS, ("sms", Channel::Sms)),
        tenants: section.parsed_list("tenants", 1_000, words::identifier),
        providers: section.parsed_list("providers", 256, words::identifier),
        countries: region_list(section, "countries"),
        is_registered: section.flag("registered"),
    };
    for (key, is_empty) in [
        ("tenants", settings.tenants.is_empty()),
        ("providers", settings.providers.is_empty()),
    ] {
        // An empty list reads like "nobody" and would mean everybody.
        if is_empty && section.has(key) && !section.reading().is_mistaken(&section.path_of(key)) {
            section.mistake(key, "must not be empty: leave it out to match everything");
        }
    }
    settings
}

impl SenderSettings {
    fn is_about(&self, tenant: &str, provider: &str) -> bool {
        let lists =
            |list: &[String], name: &str| list.is_empty() || list.iter().any(|one| one == name);
        lists(&self.tenants, tenant) && lists(&self.providers, provider)
    }

    /// Whether some SMS of the tenant through the provider comes from it.
    fn gives_sms_sender(&self, tenant: &str, provider: &str) -> bool {
        self.channel == Channel::Sms && self.is_about(tenant, provider)
    }
}

/// Whether the kind hands a sender on to networks as it is.
fn is_network(provider: &ProviderSettings) -> bool {
    !provider.kind.senders.is_empty()
}

pub(super) fn check(reading: &Reading<'_>, settings: &Settings) {
    check_missing(reading, settings);
    check_names(reading, settings);
    for (index, sender) in settings.senders.iter().enumerate() {
        check_block(reading, settings, &format!("senders[{index}]"), sender);
    }
    check_defaults(reading, settings);
}

/// A provider that must name a sender has one of its own, or every tenant
/// whose messages a route leads to it brings one.
fn check_missing(reading: &Reading<'_>, settings: &Settings) {
    for (index, provider) in settings.providers.iter().enumerate() {
        let keys = provider.kind.senders;
        let path = |key: &str| format!("providers[{index}].{key}");
        let (Some(first), false) = (
            keys.first(),
            keys.iter().any(|key| provider.values.has(key)),
        ) else {
            continue;
        };
        if keys.iter().any(|key| reading.is_mistaken(&path(key))) {
            continue;
        }
        let leads_here = |tenant: &str| {
            settings.routes.iter().any(|route| {
                route.channel == Channel::Sms
                    && route.hops.contains(&provider.id)
                    && (route.tenants.is_empty()
                        || route.tenants.iter().any(|listed| listed == tenant))
            })
        };
        let has_block = |tenant: &str| {
            let mut blocks = settings.senders.iter();
            blocks.any(|block| block.gives_sms_sender(tenant, &provider.id))
        };
        let lacking = settings.tenants.iter().filter(|tenant| {
            tenant.sms_sender.is_none() && leads_here(&tenant.name) && !has_block(&tenant.name)
        });
        for tenant in lacking {
            reading.mistake(
                &path(first),
                format!(
                    "missing, and tenant {:?}, whose messages come here, has no sms_sender: set {} here, or \
                     sms_sender there",
                    tenant.name,
                    keys.join(" or ")
                ),
            );
        }
    }
}

/// The tenants and providers that `[[senders]]` blocks name exist.
fn check_names(reading: &Reading<'_>, settings: &Settings) {
    let tenants: Vec<&str> = settings
        .tenants
        .iter()
        .map(|tenant| tenant.name.as_str())
        .collect();
    let providers: Vec<&str> = settings
        .providers
        .iter()
        .map(|provider| provider.id.as_str())
        .collect();
    for (index, block) in settings.senders.iter().enumerate() {
        for (position, tenant) in block.tenants.iter().enumerate() {
            let path = format!("senders[{index}].tenants[{position}]");
            known(reading, &path, ("tenant", tenant), &tenants);
        }
        for (position, provider) in block.providers.iter().enumerate() {
            let path = format!("senders[{index}].providers[{position}]");
            known(reading, &path, ("provider", provider), &providers);
        }
    }
}

fn check_block(reading: &Reading<'_>, settings: &Settings, path: &str, block: &SenderSettings) {
    if reading.is_mistaken(&format!("{path}.")) {
        return;
    }
    let kind = SenderKind::of(&block.sender);
    let sender = format!("{path}.sender");
    if block.channel == Channel::Voice {
        if kind != SenderKind::Number {
            reading.mistake(
                &sender,
                "a call comes from a number: write it in E.164, such as \"+14155550100\"",
            );
        }
        return;
    }
    let reaches_networks = settings.providers.iter().any(|provider| {
        is_network(provider)
            && (block.providers.is_empty() || block.providers.contains(&provider.id))
    });
    if !reaches_networks {
        return;
    }
    let named = named(block.countries.as_ref());
    if kind == SenderKind::ShortCode && named.is_empty() {
        reading.mistake(
            &sender,
            "a short code works only in the country that gave it out: name that in countries",
        );
    }
    let countries = format!("{path}.countries");
    let of = |wanted| listed(&named, |country| carriage(kind, country) == wanted);
    if let Some(refused) = of(Carriage::Refused) {
        reading.mistake(
            &countries,
            format!(
                "networks in {refused} carry no name as a sender: use a number or a short code there"
            ),
        );
    }
    if let Some(unregistered) = of(Carriage::IfRegistered).filter(|_| !block.is_registered) {
        reading.mistake(
            &countries,
            format!(
                "names must be registered in {unregistered}: have the provider register it, then set \
                 registered = true here"
            ),
        );
    }
    if let Some(replaced) = of(Carriage::Replaced) {
        reading.warn(
            &countries,
            &format!("phones in {replaced} show a number of the network's instead of the name"),
        );
    }
}

/// The country codes that stand in the list; `*` names none.
fn named(countries: Option<&super::RegionSet>) -> Vec<&str> {
    countries
        .into_iter()
        .flat_map(|countries| countries.words())
        .filter(|word| *word != "*")
        .collect()
}

/// The countries that `fits` takes, with commas between; `None` if there are none.
fn listed(countries: &[&str], fits: impl Fn(&str) -> bool) -> Option<String> {
    let fitting: Vec<&str> = countries
        .iter()
        .copied()
        .filter(|country| fits(country))
        .collect();
    (!fitting.is_empty()).then(|| fitting.join(", "))
}

/// A tenant's own sender, or a provider's, holds for every country that a tenant
/// names and no block speaks of: there it has to work.
fn check_defaults(reading: &Reading<'_>, settings: &Settings) {
    let mut failing: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (tenant_index, tenant) in settings.tenants.iter().enumerate() {
        for (index, provider) in settings.providers.iter().enumerate() {
            if !is_network(provider) {
                continue;
            }
            let own = tenant
                .sms_sender
                .as_deref()
                .map(|sender| (format!("tenants[{tenant_index}].sms_sender"), sender));
            let providers = provider_sender(provider)
                .map(|(key, sender)| (format!("providers[{index}].{key}"), sender));
            let Some((path, sender)) = own.or(providers) else {
                continue;
            };
            let uncarried = uncarried(settings, tenant, provider, sender);
            failing.entry(path).or_default().extend(uncarried);
        }
    }
    for (path, countries) in failing {
        if countries.is_empty() || reading.is_mistaken(&path) {
            continue;
        }
        let countries: Vec<&str> = countries.into_iter().collect();
        reading.mistake(
            &path,
            format!(
                "networks in {} carry no name that is not registered, or none at all: add a [[senders]] block \
                 with a number for them, or with registered = true",
                countries.join(", ")
            ),
        );
    }
}

/// The countries that the tenant names, where messages through the provider would
/// come from this sender and are not carried.
fn uncarried<'a>(
    settings: &Settings,
    tenant: &'a TenantSettings,
    provider: &ProviderSettings,
    sender: &str,
) -> Vec<&'a str> {
    let kind = SenderKind::of(sender);
    let leads_here = |country: &str| {
        settings.routes.iter().any(|route| {
            route.channel == Channel::Sms
                && route.hops.contains(&provider.id)
                && (route.tenants.is_empty() || route.tenants.contains(&tenant.name))
                && route
                    .countries
                    .as_ref()
                    .is_none_or(|countries| countries.contains(country))
        })
    };
    let has_block = |country: &str| {
        settings.senders.iter().any(|block| {
            let is_carried = match carriage(SenderKind::of(&block.sender), country) {
                Carriage::Shown | Carriage::Replaced => true,
                Carriage::IfRegistered => block.is_registered,
                Carriage::Refused => false,
            };
            is_carried
                && block.gives_sms_sender(&tenant.name, &provider.id)
                && block
                    .countries
                    .as_ref()
                    .is_none_or(|countries| countries.contains(country))
        })
    };
    named(Some(&tenant.regions))
        .into_iter()
        .filter(|country| match carriage(kind, country) {
            Carriage::Shown | Carriage::Replaced => false,
            Carriage::IfRegistered | Carriage::Refused => {
                leads_here(country) && !has_block(country)
            }
        })
        .collect()
}

/// The sender that the provider's own block sets, and the key it stands under.
fn provider_sender(provider: &ProviderSettings) -> Option<(&'static str, &str)> {
    provider.kind.settings.iter().find_map(|setting| {
        let Form::Sender = setting.form else {
            return None;
        };
        let sender = provider.values.text(setting.key)?;
        Some((setting.key, &**sender))
    })
}
