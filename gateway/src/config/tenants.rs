//! Reads `[[tenants]]`, `[[operators]]` and `[[test_numbers]]`.

use jiff::civil::{Date, date};
use watchword_providers::{Channel, PhoneNumber};

use super::reader::{Section, choose};
use super::region::{self, Region, RegionSet};
use super::secret::Secret;
use super::settings::{
    ApiKeySettings, OperatorKeySettings, OperatorSettings, OwnSubject, SubmissionCap,
    TenantSettings, TestNumberSettings,
};
use super::{limits, subjects, webhooks, words};
use crate::admission::ramp::Ramp;
use crate::subjects::policy::SubjectPolicy;
use crate::tenants::Scope;

pub(super) const CHANNELS: [(&str, Channel); 2] =
    [("sms", Channel::Sms), ("voice", Channel::Voice)];

/// What a ramp's days are counted from.
const EPOCH: Date = date(1970, 1, 1);
/// Doubled so often, a first day of one is more than any tenant sends.
const RAMP_DAYS_MAX: u64 = 31;
const RAMP_DAYS: u64 = 7;

const SCOPES: [(&str, Scope); 6] = [
    ("verify", Scope::Verify),
    ("read", Scope::Read),
    ("deliver", Scope::Deliver),
    ("explain", Scope::Explain),
    ("subjects", Scope::Subjects),
    ("read_pii", Scope::ReadPii),
];

pub(super) fn read(root: &Section<'_>, common: &SubjectPolicy) -> Vec<TenantSettings> {
    let tenants: Vec<TenantSettings> = root
        .sections("tenants", 1_000)
        .iter()
        .map(|tenant| read_tenant(tenant, common))
        .collect();
    if tenants.is_empty() && !root.reading().is_mistaken("tenants") {
        root.mistake(
            "tenants",
            "missing: add a [[tenants]] block for each service that may ask for codes",
        );
    }
    tenants
}

fn read_tenant(section: &Section<'_>, common: &SubjectPolicy) -> TenantSettings {
    section.required_text("name", "\"acme\"");
    let name = section
        .parsed("name", words::identifier)
        .unwrap_or_default();
    let brand = section
        .parsed("brand", words::line)
        .unwrap_or_else(|| name.clone());
    let regions = region_list(section, "regions").unwrap_or_default();
    if !section.has("regions") {
        section.mistake(
            "regions",
            "missing: list where this tenant may send, such as [\"US\", \"GB\"]",
        );
    }
    let voice_regions = region_list(section, "voice_regions").unwrap_or_default();
    let unconfirmed_regions =
        region_list(section, "unconfirmed_regions").unwrap_or_else(|| regions.clone());
    for (key, narrower) in [
        ("voice_regions", &voice_regions),
        ("unconfirmed_regions", &unconfirmed_regions),
    ] {
        if let Some(outside) = narrower.words().find(|word| !covers(&regions, word)) {
            section.mistake(
                key,
                format!("has {outside:?}, which regions lacks: add it there too"),
            );
        }
    }
    TenantSettings {
        name,
        brand,
        default_locale: section.parsed("default_locale", words::locale),
        regions,
        voice_regions,
        unconfirmed_regions,
        blocked_prefixes: limits::blocked_prefixes(section),
        api_keys: api_keys(section),
        origins: section.parsed_list("origins", 256, words::origin),
        app_hashes: section.parsed_list("app_hashes", 256, words::app_hash),
        submissions_per_day_max: caps(section),
        ramp: ramp(section),
        expected_sends_per_s: section.fraction("expected_sends_per_s", &(0.001..=1_000_000.0)),
        webhooks: webhooks::read_endpoints(section),
        messages_directory: section.file("messages_directory"),
        sms_sender: section.parsed("sms_sender", words::sender),
        voice_sender: section.parsed("voice_sender", words::sender),
        subjects: subjects::of_tenant(section, common),
    }
}

fn covers(regions: &RegionSet, word: &str) -> bool {
    if word == "*" {
        regions.words().any(|own| own == "*")
    } else {
        regions.contains(word)
    }
}

/// The regions under `key`; `None` if there is no such key.
pub(super) fn region_list(section: &Section<'_>, key: &'static str) -> Option<RegionSet> {
    section.has(key).then(|| {
        section
            .parsed_list(key, 300, region::parse)
            .into_iter()
            .collect()
    })
}

fn caps(section: &Section<'_>) -> Vec<SubmissionCap> {
    let mut caps: Vec<SubmissionCap> = Vec::new();
    for entry in section.sections("submissions_per_day_max", 512) {
        let cap = read_cap(&entry);
        if caps
            .iter()
            .any(|earlier| earlier.region == cap.region && earlier.channel == cap.channel)
        {
            entry.mistake("region", "has a bound for this channel already");
        }
        caps.push(cap);
    }
    caps
}

fn read_cap(section: &Section<'_>) -> SubmissionCap {
    section.required_text("region", "\"*\"");
    let region = section
        .parsed("region", region::parse)
        .and_then(|region| match region {
            Region::EveryCountry => None,
            Region::Named(code) => Some(code),
        });
    SubmissionCap {
        region,
        channel: section.choice("channel", &CHANNELS),
        max: section.integer("max", 1..=1_000_000_000),
    }
}

fn ramp(tenant: &Section<'_>) -> Option<Ramp> {
    if !tenant.has("ramp") {
        return None;
    }
    let section = tenant.section("ramp");
    section.required_text("since", "\"2026-11-01\"");
    let since_day = section.parsed("since", |text| {
        let date: Option<Date> = text.parse().ok();
        let since_epoch = date.and_then(|date| date.since(EPOCH).ok());
        since_epoch
            .and_then(|since| u64::try_from(since.get_days()).ok())
            .ok_or_else(|| "must be a date, such as \"2026-11-01\"".to_owned())
    });
    let ramp = Ramp {
        since_day: since_day.unwrap_or_default(),
        first_day_max: section.count("first_day_max", 1..=1_000_000),
        days: u32::try_from(section.integer_or("days", 1..=RAMP_DAYS_MAX, RAMP_DAYS)).unwrap_or(1),
    };
    since_day.map(|_| ramp)
}

fn api_keys(section: &Section<'_>) -> Vec<ApiKeySettings> {
    let keys: Vec<ApiKeySettings> = section
        .sections("api_keys", 64)
        .iter()
        .map(read_api_key)
        .collect();
    if keys.is_empty() && !section.reading().is_mistaken(&section.path_of("api_keys")) {
        section.mistake(
            "api_keys",
            "missing: `watchword keys new` prints an entry for it",
        );
    }
    keys
}

fn read_api_key(section: &Section<'_>) -> ApiKeySettings {
    let (id, sha256) = key_id_and_digest(section);
    let mut scopes = if section.has("scopes") {
        section.parsed_list("scopes", SCOPES.len(), |word| choose(word, &SCOPES))
    } else {
        vec![Scope::Verify, Scope::Read]
    };
    scopes.sort_unstable();
    scopes.dedup();
    ApiKeySettings { id, sha256, scopes }
}

fn key_id_and_digest(section: &Section<'_>) -> (String, [u8; 32]) {
    section.required_text("id", "\"a1\"");
    section.required_text("sha256", "what `watchword keys new` prints");
    let id = section.parsed("id", words::identifier).unwrap_or_default();
    let sha256 = section.parsed("sha256", words::sha256).unwrap_or_default();
    (id, sha256)
}

pub(super) fn read_operators(root: &Section<'_>) -> Vec<OperatorSettings> {
    root.sections("operators", 256)
        .iter()
        .map(read_operator)
        .collect()
}

fn read_operator(section: &Section<'_>) -> OperatorSettings {
    section.required_text("name", "\"ada\"");
    let keys: Vec<OperatorKeySettings> = section
        .sections("keys", 16)
        .iter()
        .map(|key| {
            let (id, sha256) = key_id_and_digest(key);
            OperatorKeySettings { id, sha256 }
        })
        .collect();
    if keys.is_empty() && !section.reading().is_mistaken(&section.path_of("keys")) {
        section.mistake(
            "keys",
            "missing: `watchword keys new` prints an entry for it",
        );
    }
    OperatorSettings {
        name: section
            .parsed("name", words::identifier)
            .unwrap_or_default(),
        keys,
        subjects: section
            .sections("subjects", 64)
            .iter()
            .filter_map(own_subject)
            .collect(),
    }
}

fn own_subject(section: &Section<'_>) -> Option<OwnSubject> {
    section.required_text("tenant", "\"acme\"");
    section.required_text("subject", "\"person-7\"");
    Some(OwnSubject {
        tenant: section.text("tenant")?.to_owned(),
        subject: section.parsed("subject", words::subject)?,
    })
}

pub(super) fn read_test_numbers(root: &Section<'_>) -> Vec<TestNumberSettings> {
    root.sections("test_numbers", 1_000)
        .iter()
        .filter_map(read_test_number)
        .collect()
}

fn read_test_number(section: &Section<'_>) -> Option<TestNumberSettings> {
    section.required_text("tenant", "\"acme\"");
    section.required_text("number", "\"+14155550100\"");
    section.required_text("code", "\"424242\"");
    let number = section.parsed("number", |text| {
        // A test number need not exist, so an unknown calling code is no mistake.
        let country_code_digits = region::country_code_digits(text).unwrap_or(3);
        PhoneNumber::from_e164(text, country_code_digits)
            .ok_or_else(|| "must be a number in E.164: + and 5 to 15 digits".to_owned())
    });
    let code = section.parsed("code", |text| {
        if (4..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Secret::new(text))
        } else {
            Err("must be 4 to 10 digits in quotes".to_owned())
        }
    });
    Some(TestNumberSettings {
        tenant: section.text("tenant")?.to_owned(),
        number: number?,
        code: code?,
    })
}
