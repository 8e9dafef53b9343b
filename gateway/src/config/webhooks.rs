//! Reads `[webhooks]` and `[[tenants.webhooks]]`: whom to tell, how often to
//! try, and where a tenant's URL may lead.

use std::time::Duration;

use watchword_providers::guarded_client::{Network, UrlRules};
use watchword_providers::signature::WebhookKeys;

use super::providers::secrets;
use super::reader::{Reading, Section};
use super::settings::{EndpointSettings, Settings, WebhookSettings};
use super::words;
use crate::webhooks::EventKind;

/// Retries and replay need events for so long; nobody looks further back.
const RETENTION_S: std::ops::RangeInclusive<u64> = 86_400..=2_592_000;
/// What is kept beyond the last retry, so that it can be replayed.
const REPLAY_AFTER: Duration = Duration::from_secs(86_400);

pub(super) fn read(section: &Section<'_>) -> WebhookSettings {
    let retry_waits = section.seconds_list("retry_waits_s", 16, &(1..=86_400));
    let retention = section.seconds("retention_s", RETENTION_S);
    let tried_for: Duration = retry_waits.iter().sum();
    // Waits are spread by a tenth.
    let needed = tried_for + tried_for / 10 + REPLAY_AFTER;
    if retention < needed
        && !section
            .reading()
            .is_mistaken(&section.path_of("retry_waits_s"))
    {
        section.mistake(
            "retention_s",
            format!(
                "must be at least {}: what retry_waits_s add up to and a tenth, and a day for replay",
                needed.as_secs()
            ),
        );
    }
    let networks = section.parsed_list("allow_networks", 64, |text| {
        text.parse::<Network>().map_err(str::to_owned)
    });
    WebhookSettings {
        retry_waits,
        retention,
        in_flight_max: section.count("in_flight_max", 1..=4_096),
        rules: UrlRules {
            allow_http: section.flag("allow_http"),
            ports: ports(section).into(),
            networks: networks.into(),
        },
    }
}

fn ports(section: &Section<'_>) -> Vec<u16> {
    let ports = section.parsed_list("ports", 64, |text| {
        text.parse::<u16>()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| "must be a port in quotes, such as \"443\"".to_owned())
    });
    if ports.is_empty() && !section.reading().is_mistaken(&section.path_of("ports")) {
        section.mistake("ports", "must have at least one port, such as [\"443\"]");
    }
    ports
}

/// The endpoints of one tenant.
pub(super) fn read_endpoints(tenant: &Section<'_>) -> Vec<EndpointSettings> {
    let mut endpoints: Vec<EndpointSettings> = Vec::new();
    for entry in tenant.sections("webhooks", 8) {
        let endpoint = read_endpoint(&entry);
        if endpoints.iter().any(|earlier| earlier.id == endpoint.id) {
            entry.mistake("id", "is another webhook's of this tenant: give it its own");
        }
        endpoints.push(endpoint);
    }
    endpoints
}

fn read_endpoint(section: &Section<'_>) -> EndpointSettings {
    section.required_text("id", "\"main\"");
    section.required_text("url", "\"https://example.com/watchword\"");
    let secrets = secrets(section, ["secret", "secrets", "secret_file"]);
    if secrets.is_empty() && !section.reading().is_mistaken(&section.path_of("secret")) {
        section.mistake(
            "secret",
            "missing: a whsec_ secret that signs what is sent; `openssl rand -base64 32` draws one to put behind whsec_",
        );
    }
    let wrong = secrets.iter().filter(|secret| !secret.is_documented());
    if let Some(reason) = wrong
        .into_iter()
        .find_map(|secret| whsec(secret.expose()).err())
    {
        section.mistake("secret", reason);
    }
    EndpointSettings {
        id: section.parsed("id", words::identifier).unwrap_or_default(),
        url: section.text("url").unwrap_or_default().to_owned(),
        secrets,
        events: section.parsed_list("events", EventKind::ALL.len(), |text| {
            EventKind::parse(text).ok_or_else(|| {
                let names = EventKind::ALL.map(EventKind::as_str);
                format!("must be one of {}", names.join(", "))
            })
        }),
        timeout: Duration::from_millis(section.integer_or("timeout_ms", 1_000..=15_000, 10_000)),
        concurrency_max: u32::try_from(section.integer_or("concurrency_max", 1..=256, 8))
            .unwrap_or(8),
        full_numbers: section.flag("full_numbers"),
    }
}

/// URLs are judged by `[webhooks]`, which stands elsewhere in the file.
pub(super) fn check(reading: &Reading<'_>, settings: &Settings) {
    for (tenant, at) in settings.tenants.iter().zip(0_usize..) {
        for (endpoint, place) in tenant.webhooks.iter().zip(0_usize..) {
            if let Err(reason) = settings.webhooks.rules.check(&endpoint.url)
                && !endpoint.url.is_empty()
            {
                reading.mistake(&format!("tenants[{at}].webhooks[{place}].url"), reason);
            }
        }
    }
}

fn whsec(text: &str) -> Result<(), &'static str> {
    const FIX: &str = "must be whsec_ and the base64 of 24 to 64 bytes, as the Standard Webhooks specification has it";
    let encoded = text.strip_prefix("whsec_").ok_or(FIX)?;
    let is_long_enough = (32..=88).contains(&encoded.len());
    let is_readable = WebhookKeys::new(&[text.into()]).is_ok();
    (is_long_enough && is_readable).then_some(()).ok_or(FIX)
}
