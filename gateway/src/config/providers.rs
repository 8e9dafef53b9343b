//! Reads `[[providers]]`: what every provider has, and what its kind needs.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use watchword_providers::{Channel, Receipts};

use super::address::{is_loopback, parse_url};
use super::reader::{Section, choose};
use super::secret::Secret;
use super::settings::{
    BreakerSettings, ProviderKind, ProviderSettings, SandboxProvider, TwilioApiKey, TwilioProvider,
    TwilioSender, WebhookProvider,
};
use super::tenants::CHANNELS;
use super::words;

#[derive(Clone, Copy)]
enum Kind {
    Sandbox,
    Webhook,
    Twilio,
}

const KINDS: [(&str, Kind); 3] = [
    ("sandbox", Kind::Sandbox),
    ("webhook", Kind::Webhook),
    ("twilio", Kind::Twilio),
];

const RECEIPTS: [(&str, Receipts); 3] = [
    ("none", Receipts::None),
    ("reference", Receipts::Reference),
    ("message_id", Receipts::MessageId),
];

pub(super) fn read(root: &Section<'_>) -> Vec<ProviderSettings> {
    let sections = root.sections("providers", 256);
    if sections.is_empty() && !root.reading().is_mistaken("providers") {
        root.mistake(
            "providers",
            "missing: add a [[providers]] block for each company that sends for you",
        );
    }
    sections.iter().map(read_provider).collect()
}

fn read_provider(section: &Section<'_>) -> ProviderSettings {
    section.required_text("id", "\"hook-a\"");
    section.required_text("kind", "\"webhook\"");
    let id = section.parsed("id", words::identifier).unwrap_or_default();
    let kind = section.choice("kind", &KINDS).unwrap_or_else(|| {
        section.ignore_the_rest();
        Kind::Sandbox
    });
    let mut channels =
        section.parsed_list("channels", CHANNELS.len(), |word| choose(word, &CHANNELS));
    channels.sort_unstable();
    channels.dedup();
    if channels.is_empty() && !section.reading().is_mistaken(&section.path_of("channels")) {
        section.mistake("channels", "missing: list \"sms\", \"voice\" or both");
    }
    refuse_twilio_voice(section, kind, &channels);
    let concurrency_max = section.integer_or("concurrency_max", 1..=100_000, 256);
    let attempt_timeout = section.integer_or("attempt_timeout_ms", 50..=30_000, 5_000);
    let receipts = section.choice("receipts", &RECEIPTS);
    refuse_message_ids(section, kind, receipts);
    let receipt_deadline = section.integer_or("receipt_deadline_s", 5..=600, 60);
    let rate_per_s = section.fraction("rate_per_s", &(0.01..=100_000.0));
    let breaker = read_breaker(&section.section("breaker"));
    ProviderSettings {
        id,
        kind: read_kind(section, kind),
        channels,
        concurrency_max: u32::try_from(concurrency_max).unwrap_or(u32::MAX),
        attempt_timeout: Duration::from_millis(attempt_timeout),
        receipts: receipts.unwrap_or(match kind {
            Kind::Webhook => Receipts::None,
            Kind::Sandbox | Kind::Twilio => Receipts::Reference,
        }),
        receipt_deadline: Duration::from_secs(receipt_deadline),
        rate_per_s,
        breaker,
    }
}

/// Without it the configuration would pass, and every call would fail.
fn refuse_twilio_voice(section: &Section<'_>, kind: Kind, channels: &[Channel]) {
    match kind {
        Kind::Twilio if channels.contains(&Channel::Voice) => section.mistake(
            "channels",
            "has \"voice\", which kind = \"twilio\" does not carry yet: list \"sms\" alone, and let a \
             provider of kind = \"webhook\" make the calls",
        ),
        Kind::Sandbox | Kind::Webhook | Kind::Twilio => {}
    }
}

/// They call the URL of each message, and know no other.
fn refuse_message_ids(section: &Section<'_>, kind: Kind, receipts: Option<Receipts>) {
    if section.reading().is_mistaken(&section.path_of("kind")) {
        return;
    }
    match (kind, receipts) {
        (Kind::Sandbox | Kind::Twilio, Some(Receipts::MessageId)) => section.mistake(
            "receipts",
            "is \"message_id\", which only kind = \"webhook\" can do: set \"reference\" or \"none\"",
        ),
        (
            Kind::Sandbox | Kind::Webhook | Kind::Twilio,
            None | Some(Receipts::None | Receipts::Reference | Receipts::MessageId),
        ) => {}
    }
}

fn read_breaker(section: &Section<'_>) -> BreakerSettings {
    let attempts_min = section.integer_or("attempts_min", 1..=10_000, 10);
    BreakerSettings {
        window: Duration::from_secs(section.integer_or("window_s", 1..=600, 10)),
        failure_ratio: section.fraction_or("failure_ratio", &(0.05..=1.0), 0.5),
        attempts_min: u32::try_from(attempts_min).unwrap_or(u32::MAX),
        open_for: Duration::from_secs(section.integer_or("open_s", 1..=600, 15)),
    }
}

fn read_kind(section: &Section<'_>, kind: Kind) -> ProviderKind {
    match kind {
        Kind::Sandbox => ProviderKind::Sandbox(read_sandbox(section)),
        Kind::Webhook => ProviderKind::Webhook(read_webhook(section)),
        Kind::Twilio => ProviderKind::Twilio(read_twilio(section)),
    }
}

fn read_sandbox(section: &Section<'_>) -> SandboxProvider {
    let ratio = |key| section.fraction_or(key, &(0.0..=1.0), 0.0);
    SandboxProvider {
        latency: Duration::from_millis(section.integer_or("latency_ms", 0..=60_000, 50)),
        loss_ratio: ratio("loss_ratio"),
        refusal_ratio: ratio("refusal_ratio"),
        late_receipt_ratio: ratio("late_receipt_ratio"),
        duplicate_receipt_ratio: ratio("duplicate_receipt_ratio"),
        forged_receipt_ratio: ratio("forged_receipt_ratio"),
    }
}

fn read_webhook(section: &Section<'_>) -> WebhookProvider {
    section.required_text("url", "\"https://sms.example.com/send\"");
    let url = section.parsed("url", parse_url).unwrap_or_default();
    warn_of_clear_text(section, "url", &url);
    let secrets = secrets(section, ["secret", "secrets", "secret_file"]);
    if !secrets.iter().all(is_webhook_secret) {
        section.mistake(
            section.set_one(&["secret", "secrets", "secret_file"]),
            "must be whsec_ and the base64 of 24 to 64 bytes, as the Standard Webhooks specification has it",
        );
    }
    WebhookProvider {
        url,
        secrets,
        ca_file: section.file("ca_file"),
    }
}

fn is_webhook_secret(secret: &Secret) -> bool {
    let encoded = secret.expose().strip_prefix("whsec_");
    let bytes = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
    secret.is_documented() || bytes.is_some_and(|bytes| (24..=64).contains(&bytes.len()))
}

fn read_twilio(section: &Section<'_>) -> TwilioProvider {
    section.required_text("account_sid", "the AC… of your account");
    let account_sid = section
        .parsed("account_sid", |text| sid(text, "AC"))
        .unwrap_or_default();
    let auth_tokens = secrets(section, ["auth_token", "auth_tokens", "auth_token_file"]);
    let base_url = section.parsed("base_url", parse_url);
    if let Some(base_url) = &base_url {
        warn_of_clear_text(section, "base_url", base_url);
    }
    TwilioProvider {
        account_sid,
        auth_tokens,
        api_key: twilio_api_key(section),
        sender: twilio_sender(section),
        base_url,
        ca_file: section.file("ca_file"),
    }
}

fn twilio_api_key(section: &Section<'_>) -> Option<TwilioApiKey> {
    let sid = section.parsed("api_key_sid", |text| sid(text, "SK"));
    let secret = section.secret("api_key_secret", "api_key_secret_file");
    match (sid, secret) {
        (Some(sid), Some(secret)) => Some(TwilioApiKey { sid, secret }),
        (None, None) => None,
        (Some(_), None) => {
            section.mistake(
                "api_key_sid",
                "needs api_key_secret or api_key_secret_file beside it",
            );
            None
        }
        (None, Some(_)) => {
            section.mistake("api_key_secret", "needs api_key_sid beside it");
            None
        }
    }
}

fn twilio_sender(section: &Section<'_>) -> Option<TwilioSender> {
    let sender = section
        .parsed("sender", words::sender)
        .map(TwilioSender::Sender);
    let service = section
        .parsed("messaging_service_sid", |text| sid(text, "MG"))
        .map(TwilioSender::MessagingService);
    if sender.is_some() && service.is_some() {
        section.mistake(
            "messaging_service_sid",
            "set either sender or messaging_service_sid, not both",
        );
    }
    sender.or(service)
}

fn sid(text: &str, prefix: &str) -> Result<String, String> {
    let digits = text.strip_prefix(prefix).unwrap_or_default();
    if digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_owned())
    } else {
        Err(format!("must be {prefix} and 32 hexadecimal digits"))
    }
}

fn warn_of_clear_text(section: &Section<'_>, key: &str, url: &Uri) {
    if url.scheme_str() == Some("http") && !is_loopback(url) {
        section.reading().warn(
            &section.path_of(key),
            "is not https: codes and numbers will cross the network in clear text",
        );
    }
}

/// Secrets that can be rotated: one of a single secret, a list of them, or a
/// file with one a line. The first is used for sending, all of them verify.
fn secrets(section: &Section<'_>, [one, list, file]: [&'static str; 3]) -> Vec<Secret> {
    let listed = section.parsed_list(list, 4, |text| Ok(Secret::new(text.trim())));
    let single = section.secret(one, file);
    section.note_inline_secret(list);
    if single.is_some() && !listed.is_empty() {
        section.mistake(
            list,
            format!("set one of {one}, {list} and {file}, not several"),
        );
    }
    if listed.iter().any(Secret::is_documented) {
        section.mistake(
            list,
            "has one that stands in the documentation, so everybody knows it: draw one of your own",
        );
    }
    let lines = single.iter().flat_map(|secret| secret.expose().lines());
    let secrets: Vec<Secret> = lines
        .map(|line| Secret::new(line.trim()))
        .chain(listed)
        .collect();
    if secrets.is_empty() && ![one, list, file].iter().any(|key| section.has(key)) {
        section.mistake(one, format!("missing: set one of {one}, {list} and {file}"));
    }
    if secrets.len() > 4 {
        section.mistake(file, "must hold at most 4 secrets, one a line");
    }
    secrets
}
