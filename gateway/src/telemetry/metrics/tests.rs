//! What `/metrics` shows, against what [`names`] promises.

use std::collections::{BTreeMap, BTreeSet};

use watchword_providers::{Channel, PhoneNumber};

use super::*;
use crate::entra::envelope::Mode;
use crate::entra::jwks::JwksError;
use crate::entra::token::TokenRefusal;
use crate::id::{RecordId, Shard};
use crate::stack::breaker::BreakerState;
use crate::stack::pace::Sharing;
use crate::stack::silence::ReceiptPath;
use crate::subjects::model::SubjectKey;
use crate::telemetry::events::{
    AttemptEnded, BreakerChanged, CallAnswered, CallReported, CertificateReloaded, Checked,
    ChecksStopped, ConfigReloaded, CredentialsRefused, DeliveryEnded, DrainEnded, DrainStarted,
    EntraAnswered, EntraDecrypted, EntraKeysFetched, EntraTokenRefused, FeedbackEnded, LeaseTaken,
    ManyChecksFail, NoticeEnded, NoticeResult, NumberChangeMoved, Poisoned, PossibleDuplicate,
    ReceiptApplied, ReceiptPathChanged, ReceiptRefused, ReceiptWaits, Refused, ReloadRefused,
    Resent, SealedCodeUsed, SharingChanged, SignalAsked, Silent, Started, StoreFailed,
    SubjectChanged, SubjectFrozen, WebhookGivenUp,
};
use crate::telemetry::logging::{LogLevel, LogSettings, capture};
use crate::telemetry::names::{ALL, Kind};

const NUMBER: &str = "+14155550123";

fn number() -> PhoneNumber {
    PhoneNumber::from_e164(NUMBER, 1).unwrap()
}

/// Moves every metric there is at least once.
fn touch_everything(metrics: &Metrics) {
    let second = Duration::from_secs(1);
    let connections = metrics.connections("main");
    drop(connections.opened());
    connections.waited();
    connections.accept_error();
    connections.panicked();
    connections.closed("header");
    metrics.request("start", StatusCode::CREATED, second);
    metrics.process_started(1_762_000_000_000);
    metrics.store_step("create", second);
    metrics.ledger(3, second);
    metrics.lease_lost();
    metrics.clock_skew(-1_500);
    metrics.unknown_format();
    emit_verification_events(metrics);
    emit_delivery_events(metrics);
    emit_subject_events(metrics);
    emit_process_events(metrics);
    emit_entra_events(metrics);
}

fn emit_verification_events(metrics: &Metrics) {
    let to = &number();
    let (tenant, verification, channel) = ("acme", "vrf_07a", Channel::Sms);
    let took = Duration::from_millis(4);
    Started {
        tenant,
        verification,
        to,
        channel,
        took,
    }
    .emit(metrics);
    Resent {
        tenant,
        verification,
        to,
        channel,
        send_count: 2,
        took,
    }
    .emit(metrics);
    let retry_after = Some(Duration::from_secs(30));
    Refused {
        tenant,
        to: Some(to),
        limit: "number",
        retry_after,
    }
    .emit(metrics);
    Checked {
        tenant,
        verification,
        result: "approved",
        checks_remaining: Some(4),
    }
    .emit(metrics);
    ChecksStopped { tenant }.emit(metrics);
    ManyChecksFail { tenant, ratio: 0.7 }.emit(metrics);
}

fn emit_delivery_events(metrics: &Metrics) {
    let to = &number();
    let (tenant, delivery, provider, channel) = ("acme", "dlv_07b", "hook-a", Channel::Voice);
    let (attempt, code) = (1, None);
    let took = Duration::from_millis(84);
    for outcome in ["submitted", "unknown"] {
        AttemptEnded {
            tenant,
            delivery,
            attempt,
            provider,
            channel,
            to,
            outcome,
            code,
            took,
        }
        .emit(metrics);
    }
    PossibleDuplicate { delivery, provider }.emit(metrics);
    DeliveryEnded {
        tenant,
        delivery,
        provider: Some(provider),
        channel,
        status: "delivered",
        reason: None,
        delivered_after: Some(Duration::from_secs(4)),
    }
    .emit(metrics);
    ReceiptApplied {
        delivery,
        attempt,
        provider,
        status: "delivered",
        code,
        effect: "delivered",
    }
    .emit(metrics);
    ReceiptWaits {
        provider,
        status: "sent",
    }
    .emit(metrics);
    ReceiptRefused {
        provider,
        reason: "signature",
    }
    .emit(metrics);
    emit_silence_events(metrics, (delivery, provider));
    emit_call_events(metrics, (delivery, provider));
    LeaseTaken {
        delivery,
        fence: 2,
        why: "lease",
    }
    .emit(metrics);
    Poisoned { delivery }.emit(metrics);
    BreakerChanged {
        provider,
        channel,
        state: BreakerState::Open,
    }
    .emit(metrics);
    SharingChanged {
        provider,
        sharing: Sharing::Alone,
    }
    .emit(metrics);
    CredentialsRefused { provider, code }.emit(metrics);
}

fn emit_silence_events(metrics: &Metrics, (delivery, provider): (&str, &str)) {
    Silent {
        delivery,
        provider,
        decided: "spent",
    }
    .emit(metrics);
    ReceiptPathChanged {
        provider,
        path: ReceiptPath::Broken { ratio: 0.1 },
    }
    .emit(metrics);
    FeedbackEnded {
        provider,
        result: "taken",
    }
    .emit(metrics);
}

fn emit_call_events(metrics: &Metrics, (delivery, provider): (&str, &str)) {
    CallAnswered {
        delivery,
        provider,
        step: "tell",
    }
    .emit(metrics);
    CallReported {
        tenant: "acme",
        delivery,
        provider,
        was_pending: true,
    }
    .emit(metrics);
    WebhookGivenUp {
        tenant: "acme",
        endpoint: "main",
        event: "evt_1",
        kind: "delivery.failed",
        tries: 10,
        reason: "failed",
    }
    .emit(metrics);
    SignalAsked {
        tenant: "acme",
        signal: "sim_swap",
        outcome: "clear",
        took: Duration::from_millis(80),
    }
    .emit(metrics);
    metrics.webhook_post("told");
    metrics.webhook_lost();
}

fn emit_subject_events(metrics: &Metrics) {
    let (tenant, actor) = ("acme", "person");
    let subject = SubjectKey(RecordId {
        shard: Shard::FIRST,
        random: [7; 16],
    });
    SubjectChanged {
        tenant,
        subject,
        what: "method.added",
        actor,
    }
    .emit();
    NumberChangeMoved {
        tenant,
        subject,
        status: "undone",
        actor,
    }
    .emit(metrics);
    SubjectFrozen {
        tenant,
        subject,
        actor,
    }
    .emit();
    SealedCodeUsed { tenant, subject }.emit(metrics);
    for result in [
        NoticeResult::Queued,
        NoticeResult::Stopped,
        NoticeResult::Unsendable,
    ] {
        NoticeEnded {
            tenant,
            subject,
            kind: "change_requested",
            result,
        }
        .emit(metrics);
    }
}

fn emit_entra_events(metrics: &Metrics) {
    let directory = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
    metrics.entra_signing_keys([(directory, Duration::from_secs(60))].into_iter());
    for refusal in [TokenRefusal::Missing, TokenRefusal::Signature] {
        EntraTokenRefused { refusal }.emit(metrics);
    }
    for fetched in [Ok(2), Err(JwksError::Status)] {
        EntraKeysFetched { directory, fetched }.emit(metrics);
    }
    EntraDecrypted {
        directory,
        key: "2026",
    }
    .emit(metrics);
    for asked in [None, Some((Mode::Evaluation, Channel::Voice))] {
        EntraAnswered {
            tenant: "acme",
            asked,
            result: "accepted",
            correlation_id: asked.map(|_| "c-1"),
            took: Duration::from_millis(4),
        }
        .emit(metrics);
    }
}

fn emit_process_events(metrics: &Metrics) {
    StoreFailed {
        step: "create",
        kind: "timeout",
    }
    .emit(metrics);
    ConfigReloaded { hash: "5f2c" }.emit(metrics);
    ReloadRefused {
        what: "certificate",
        reason: "the key does not match",
    }
    .emit(metrics);
    CertificateReloaded {
        not_after_s: 1_800_000_000,
    }
    .emit(metrics);
    DrainStarted {
        connections_open: 2,
        timeout: Duration::from_secs(10),
    }
    .emit(metrics);
    DrainEnded {
        finished: 1,
        cut: 1,
    }
    .emit(metrics);
}

/// The `# KEYWORD name rest` lines of the exposition.
fn comments(text: &str, keyword: &str) -> BTreeMap<String, String> {
    let prefix = format!("# {keyword} ");
    text.lines()
        .filter_map(|line| line.strip_prefix(&prefix)?.split_once(' '))
        .map(|(name, rest)| (name.to_owned(), rest.to_owned()))
        .collect()
}

/// The label names of every sample of one metric, without a histogram's `le`.
fn sample_labels(text: &str, metric: &MetricName) -> BTreeSet<String> {
    let sample = match metric.kind {
        Kind::Histogram => format!("{}_count", metric.name),
        Kind::Counter | Kind::Gauge | Kind::Info => metric.name.to_owned(),
    };
    let line = text
        .lines()
        .find(|line| {
            line.strip_prefix(&sample)
                .is_some_and(|rest| rest.starts_with(['{', ' ']))
        })
        .unwrap_or_else(|| panic!("{sample} has no sample"));
    let Some((_, labels)) = line.split_once('{') else {
        return BTreeSet::new();
    };
    let (labels, _) = labels.split_once('}').unwrap();
    labels
        .split(',')
        .map(|label| label.split_once('=').unwrap().0.to_owned())
        .collect()
}

#[test]
fn every_metric_is_registered_under_its_name_with_its_help_and_labels() {
    let metrics = Metrics::default();
    touch_everything(&metrics);
    let text = metrics.encode();

    let help = comments(&text, "HELP");
    let kinds = comments(&text, "TYPE");
    let registered: BTreeSet<&str> = kinds.keys().map(String::as_str).collect();
    let promised: BTreeSet<&str> = ALL.iter().map(MetricName::registered).collect();
    assert_eq!(registered, promised);
    for metric in ALL {
        assert_eq!(help[metric.registered()], format!("{}.", metric.help));
        let kind = format!("{:?}", metric.kind).to_lowercase();
        assert_eq!(kinds[metric.registered()], kind, "{}", metric.name);
        let labels = metric
            .labels
            .iter()
            .map(|label| (*label).to_owned())
            .collect();
        assert_eq!(sample_labels(&text, metric), labels, "{}", metric.name);
    }
}

#[test]
fn an_attempt_counts_by_outcome_and_only_what_may_have_gone_as_submission() {
    let metrics = Metrics::default();
    let to = &number();
    for outcome in ["submitted", "unknown", "refused"] {
        AttemptEnded {
            tenant: "acme",
            delivery: "dlv_07b",
            attempt: 1,
            provider: "hook-a",
            channel: Channel::Sms,
            to,
            outcome,
            code: None,
            took: Duration::from_millis(84),
        }
        .emit(&metrics);
    }

    let text = metrics.encode();
    let has = |line: &str| assert!(text.contains(line), "{line} is not in\n{text}");
    has(r#"watchword_attempts_total{provider="hook-a",channel="sms",outcome="refused"} 1"#);
    has(r#"watchword_submissions_total{provider="hook-a",channel="sms"} 2"#);
    has(r#"watchword_unknown_outcomes_total{provider="hook-a"} 1"#);
    has(r#"watchword_submit_duration_seconds_count{provider="hook-a",channel="sms"} 3"#);
}

#[test]
fn no_event_puts_a_full_number_into_the_log_or_the_metrics() {
    let settings = LogSettings {
        level: LogLevel::Trace,
        ..LogSettings::default()
    };
    let (log, guard) = capture(&settings);
    let metrics = Metrics::default();
    touch_everything(&metrics);
    drop(guard);

    let everything = log.text() + &metrics.encode();
    assert!(!everything.contains(number().to_msisdn()), "{everything}");
    assert!(everything.contains(&number().masked()), "{everything}");
}

#[test]
fn every_event_is_one_line_of_json() {
    let settings = LogSettings {
        level: LogLevel::Trace,
        ..LogSettings::default()
    };
    let (log, guard) = capture(&settings);
    emit_process_events(&Metrics::default());
    drop(guard);

    let text = log.text();
    assert_eq!(text.lines().count(), 6, "{text}");
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["message"].is_string(), "{line}");
    }
}

#[test]
fn a_reload_replaces_the_hash_of_the_configuration() {
    let metrics = Metrics::default();
    ConfigReloaded { hash: "5f2c" }.emit(&metrics);
    ConfigReloaded { hash: "a81e" }.emit(&metrics);

    let text = metrics.encode();
    assert!(
        text.contains(r#"watchword_configuration_hash{hash="a81e"} 1"#),
        "{text}"
    );
    assert!(!text.contains("5f2c"), "{text}");
}
