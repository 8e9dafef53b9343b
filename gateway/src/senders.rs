//! Who a message seems to come from: chosen for each attempt, by tenant,
//! provider and country, and only where networks carry such a sender.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use watchword_providers::Channel;

use crate::config::RegionSet;
use crate::routing::ProviderId;

/// What a phone can show instead of a person's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderKind {
    /// 1 to 11 letters and digits.
    Name,
    /// A few digits, which work in the country that gave them out.
    ShortCode,
    /// A number in E.164.
    Number,
}

impl SenderKind {
    /// The kind of a sender that has the form of one.
    pub fn of(sender: &str) -> Self {
        const SHORT_CODE_DIGITS_MAX: usize = 8;
        if sender.chars().any(|character| character.is_alphabetic()) {
            Self::Name
        } else if sender.starts_with('+') || sender.len() > SHORT_CODE_DIGITS_MAX {
            Self::Number
        } else {
            Self::ShortCode
        }
    }
}

/// What becomes of an SMS from a sender in a country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriage {
    Shown,
    /// It arrives, from a number that a network has put there.
    Replaced,
    /// It is rejected unless the name has been registered.
    IfRegistered,
    Refused,
}

/// What networks do with a sender in a country.
pub fn carriage(kind: SenderKind, country: &str) -> Carriage {
    match kind {
        SenderKind::Number | SenderKind::ShortCode => Carriage::Shown,
        SenderKind::Name if NAMES.refused.contains(country) => Carriage::Refused,
        SenderKind::Name if NAMES.registered.contains(country) => Carriage::IfRegistered,
        SenderKind::Name if NAMES.replaced.contains(country) => Carriage::Replaced,
        SenderKind::Name => Carriage::Shown,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NameRules {
    refused: BTreeSet<String>,
    replaced: BTreeSet<String>,
    registered: BTreeSet<String>,
}

static NAMES: LazyLock<NameRules> = LazyLock::new(|| {
    toml::from_str(include_str!("../../config/sender-rules.toml"))
        .expect("the rules compiled in can be read; a test reads them")
});

/// One `[[senders]]` block.
pub struct SenderRule {
    pub sender: Arc<str>,
    pub channel: Channel,
    /// Empty: every tenant.
    pub tenants: Vec<Box<str>>,
    /// Empty: every provider.
    pub providers: Vec<Box<str>>,
    /// `None`: every country.
    pub countries: Option<RegionSet>,
    /// Whether the operator says that it is registered wherever that is needed.
    pub is_registered: bool,
}

/// For whom, through whom and where to a message goes.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub tenant: &'a str,
    pub provider: &'a str,
    pub channel: Channel,
    pub country: &'a str,
}

impl SenderRule {
    /// Whether the block speaks of such a message at all.
    pub fn is_about(&self, asked: Asked<'_>) -> bool {
        let lists = |list: &[Box<str>], name: &str| {
            list.is_empty() || list.iter().any(|listed| **listed == *name)
        };
        self.channel == asked.channel
            && lists(&self.tenants, asked.tenant)
            && lists(&self.providers, asked.provider)
            && self
                .countries
                .as_ref()
                .is_none_or(|countries| countries.contains(asked.country))
    }
}

/// All senders, the operator's blocks before what tenants bring.
#[derive(Default)]
pub struct Senders {
    pub rules: Vec<SenderRule>,
    /// Those that hand a sender on to networks as it is. What another makes of
    /// it is its own affair, so it gets what is configured.
    pub network_providers: HashSet<ProviderId>,
}

impl Senders {
    /// The first block that matches and whose sender is carried there, or else the
    /// tenant's own if it is; or else the provider's, which needs no naming.
    pub fn choose<'a>(
        &'a self,
        asked: Asked<'_>,
        own: Option<&'a Arc<str>>,
    ) -> Option<&'a Arc<str>> {
        let is_carried = |sender: &str, is_registered: bool| {
            asked.channel == Channel::Voice
                || !self.network_providers.contains(asked.provider)
                || match carriage(SenderKind::of(sender), asked.country) {
                    Carriage::Shown | Carriage::Replaced => true,
                    Carriage::IfRegistered => is_registered,
                    Carriage::Refused => false,
                }
        };
        self.rules
            .iter()
            .find(|rule| rule.is_about(asked) && is_carried(&rule.sender, rule.is_registered))
            .map(|rule| &rule.sender)
            .or_else(|| own.filter(|sender| is_carried(sender, false)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(sender: &str, countries: &[&str]) -> SenderRule {
        SenderRule {
            sender: sender.into(),
            channel: Channel::Sms,
            tenants: Vec::new(),
            providers: Vec::new(),
            countries: (!countries.is_empty()).then(|| {
                countries
                    .iter()
                    .map(|code| crate::config::Region::Named((*code).to_owned()))
                    .collect()
            }),
            is_registered: false,
        }
    }

    fn asked<'a>(provider: &'a str, country: &'a str) -> Asked<'a> {
        Asked {
            tenant: "acme",
            provider,
            channel: Channel::Sms,
            country,
        }
    }

    fn senders(rules: Vec<SenderRule>) -> Senders {
        Senders {
            rules,
            network_providers: HashSet::from(["twilio".into()]),
        }
    }

    #[test]
    fn a_sender_is_a_name_a_short_code_or_a_number() {
        for (text, kind) in [
            ("Acme", SenderKind::Name),
            ("4Acme", SenderKind::Name),
            ("62442", SenderKind::ShortCode),
            ("+14155550100", SenderKind::Number),
            ("14155550100", SenderKind::Number),
        ] {
            assert_eq!(SenderKind::of(text), kind, "{text}");
        }
    }

    #[test]
    fn networks_carry_a_name_where_the_rules_say_so() {
        let of_name = |country| carriage(SenderKind::Name, country);
        assert_eq!(of_name("DE"), Carriage::Shown);
        assert_eq!(of_name("US"), Carriage::Refused);
        assert_eq!(of_name("IN"), Carriage::IfRegistered);
        assert_eq!(of_name("BR"), Carriage::Replaced);
        assert_eq!(carriage(SenderKind::Number, "US"), Carriage::Shown);
    }

    #[test]
    fn every_country_of_the_rules_exists_and_stands_in_one_list() {
        let lists = [&NAMES.refused, &NAMES.replaced, &NAMES.registered];
        let mut seen = BTreeSet::new();
        for country in lists.into_iter().flatten() {
            assert!(crate::config::region_exists(country), "{country}");
            assert!(seen.insert(country), "{country} stands in two lists");
        }
        assert!(seen.len() > 60);
    }

    #[test]
    fn the_first_block_that_is_carried_there_is_chosen() {
        let name = rule("Acme", &[]);
        let number = rule("+14155550100", &["US", "CA"]);
        let senders = senders(vec![name, number]);
        let chosen = |country| senders.choose(asked("twilio", country), None).map(|s| &**s);
        assert_eq!(chosen("DE"), Some("Acme"));
        assert_eq!(chosen("US"), Some("+14155550100"));
        assert_eq!(chosen("IN"), None);
    }

    #[test]
    fn a_registered_name_is_shown_where_registration_is_needed() {
        let registered = SenderRule {
            is_registered: true,
            ..rule("Acme", &["IN"])
        };
        let senders = senders(vec![registered]);
        let own = Arc::from("Other");
        let chosen = |country| senders.choose(asked("twilio", country), Some(&own));
        assert_eq!(chosen("IN").map(|s| &**s), Some("Acme"));
        assert_eq!(chosen("GB").map(|s| &**s), Some("Other"));
        assert_eq!(
            chosen("SG"),
            None,
            "the tenant's name is not registered there"
        );
    }

    #[test]
    fn a_block_speaks_of_its_channel_tenants_and_providers_alone() {
        let mut narrow = rule("62442", &["US"]);
        narrow.tenants = vec!["beta".into()];
        narrow.providers = vec!["twilio".into()];
        let mut call = rule("+14155550100", &[]);
        call.channel = Channel::Voice;
        let senders = senders(vec![narrow, call]);
        let beta = Asked {
            tenant: "beta",
            ..asked("twilio", "US")
        };
        let by = |asked| senders.choose(asked, None).map(|sender| &**sender);
        assert_eq!(by(beta), Some("62442"));
        assert_eq!(by(asked("twilio", "US")), None);
        let other = Asked {
            provider: "hook",
            ..beta
        };
        assert_eq!(by(other), None);
        let voice = Asked {
            channel: Channel::Voice,
            ..beta
        };
        assert_eq!(by(voice), Some("+14155550100"));
    }

    #[test]
    fn an_endpoint_of_the_operators_gets_what_is_configured() {
        let senders = senders(Vec::new());
        let own = Arc::from("Acme");
        assert_eq!(senders.choose(asked("hook", "US"), Some(&own)), Some(&own));
        assert_eq!(senders.choose(asked("twilio", "US"), Some(&own)), None);
    }
}
