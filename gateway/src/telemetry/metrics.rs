//! Beside every stop: the counters themselves, and the text of `/metrics`.
//!
//! Families are read with `get_or_create_owned` only: `get_or_create` hands out
//! a held lock, and two of those in one expression block each other for ever.

mod connections;
mod labels;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use http::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

pub use connections::{ConnectionMetrics, OpenConnection};
pub(super) use labels::{
    AttemptLabels, CallLabels, DecryptionLabels, DeliveryLabels, EntraRequestLabels,
    FeedbackLabels, HopLabels, KeysFetchedLabels, LimitLabels, ProviderLabels, ReasonLabels,
    ReceiptLabels, ReceiptRefusedLabels, ResultLabels, SignalLabels, SilenceLabels, StatusLabels,
};
use labels::{
    ClosedLabels, DirectoryLabels, EndpointLabels, HashLabels, KindLabels, ListenerLabels,
    RequestLabels, StepLabels, VersionLabels, WhatLabels,
};

use super::logging::DroppedLines;
use super::names::{self, MetricName};

/// The `Content-Type` of what [`Metrics::encode`] writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A gauge that holds fractions.
type Fraction = Gauge<f64, AtomicU64>;
/// Histograms by label, all with the same buckets.
type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// For what happens within one request: 0.5 ms to 15 s, the longest request.
const REQUEST_BUCKETS_S: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0,
];
/// For what waits on a phone network: 1 s to 10 min, the longest life of a code.
const DELIVERY_BUCKETS_S: [f64; 10] = [1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 180.0, 600.0];

/// All metrics of the process. Cheap to use from anywhere at the same time;
/// shared as `Arc<Metrics>`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub(super) configuration: Family<HashLabels, Gauge>,
    pub(super) certificate_expiry: Gauge,
    process_start: Fraction,
    alarms: Family<KindLabels, Counter>,
    reloads_refused: Family<WhatLabels, Counter>,
    draining: Gauge,
    panics: Counter,
    connections_open: Family<ListenerLabels, Gauge>,
    connections_waited: Family<ListenerLabels, Counter>,
    connections_closed: Family<ClosedLabels, Counter>,
    accept_errors: Family<ListenerLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    request_duration: Durations<EndpointLabels>,
    pub(super) starts: Family<ResultLabels, Counter>,
    pub(super) checks: Family<ResultLabels, Counter>,
    pub(super) refusals: Family<LimitLabels, Counter>,
    pub(super) accept_duration: Histogram,
    pub(super) attempts: Family<AttemptLabels, Counter>,
    pub(super) submit_duration: Durations<HopLabels>,
    pub(super) delivery_duration: Durations<HopLabels>,
    pub(super) deliveries: Family<DeliveryLabels, Counter>,
    pub(super) submissions: Family<HopLabels, Counter>,
    pub(super) unknown_outcomes: Family<ProviderLabels, Counter>,
    pub(super) possible_duplicates: Family<ProviderLabels, Counter>,
    pub(super) rate_alone: Family<ProviderLabels, Gauge>,
    pub(super) breaker_state: Family<HopLabels, Gauge>,
    pub(super) credentials_refused: Family<ProviderLabels, Counter>,
    pub(super) receipts: Family<ReceiptLabels, Counter>,
    pub(super) receipts_waiting: Family<ProviderLabels, Counter>,
    pub(super) receipts_refused: Family<ReceiptRefusedLabels, Counter>,
    pub(super) silences: Family<SilenceLabels, Counter>,
    pub(super) silence_suspended: Family<ProviderLabels, Gauge>,
    pub(super) feedback: Family<FeedbackLabels, Counter>,
    pub(super) call_answers: Family<CallLabels, Counter>,
    pub(super) calls_reported: Family<ProviderLabels, Counter>,
    pub(super) subject_changes: Family<StatusLabels, Counter>,
    pub(super) notices: Family<ResultLabels, Counter>,
    pub(super) entra_requests: Family<EntraRequestLabels, Counter>,
    pub(super) entra_tokens_refused: Family<ReasonLabels, Counter>,
    pub(super) entra_keys_fetched: Family<KeysFetchedLabels, Counter>,
    entra_signing_keys_age: Family<DirectoryLabels, Fraction>,
    pub(super) entra_decryptions: Family<DecryptionLabels, Counter>,
    pub(super) signal_duration: Durations<SignalLabels>,
    webhook_posts: Family<ResultLabels, Counter>,
    pub(super) webhooks_given_up: Family<ResultLabels, Counter>,
    webhooks_lost: Counter,
    ledger_depth: Gauge,
    ledger_oldest_overdue: Fraction,
    pub(super) leases_taken: Counter,
    leases_lost: Counter,
    pub(super) poisoned: Counter,
    store_duration: Durations<StepLabels>,
    store_errors: Family<KindLabels, Counter>,
    clock_skew: Fraction,
    unknown_formats: Counter,
}

impl Metrics {
    /// Registers every metric. Once per process; each test makes its own.
    pub fn new(dropped_lines: DroppedLines) -> Self {
        let mut registry = Registry::default();
        let version = VersionLabels {
            version: env!("CARGO_PKG_VERSION"),
        };
        register(&mut registry, &names::BUILD, Info::new(version));
        registry.register_collector(Box::new(DroppedLinesCollector(dropped_lines)));
        let to = &mut registry;
        Self {
            configuration: family(to, &names::CONFIGURATION),
            certificate_expiry: shared(to, &names::CERTIFICATE_EXPIRY),
            process_start: shared(to, &names::PROCESS_START),
            alarms: family(to, &names::ALARMS),
            reloads_refused: family(to, &names::RELOADS_REFUSED),
            draining: shared(to, &names::DRAINING),
            panics: shared(to, &names::PANICS),
            connections_open: family(to, &names::CONNECTIONS_OPEN),
            connections_waited: family(to, &names::CONNECTIONS_WAITED),
            connections_closed: family(to, &names::CONNECTIONS_CLOSED),
            accept_errors: family(to, &names::ACCEPT_ERRORS),
            requests: family(to, &names::REQUESTS),
            request_duration: durations(to, &names::REQUEST_DURATION, request_histogram),
            starts: family(to, &names::STARTS),
            checks: family(to, &names::CHECKS),
            refusals: family(to, &names::REFUSALS),
            accept_duration: histogram(to, &names::ACCEPT_DURATION),
            attempts: family(to, &names::ATTEMPTS),
            submit_duration: durations(to, &names::SUBMIT_DURATION, request_histogram),
            delivery_duration: durations(to, &names::DELIVERY_DURATION, delivery_histogram),
            deliveries: family(to, &names::DELIVERIES),
            submissions: family(to, &names::SUBMISSIONS),
            unknown_outcomes: family(to, &names::UNKNOWN_OUTCOMES),
            possible_duplicates: family(to, &names::POSSIBLE_DUPLICATES),
            rate_alone: family(to, &names::RATE_ALONE),
            breaker_state: family(to, &names::BREAKER_STATE),
            credentials_refused: family(to, &names::CREDENTIALS_REFUSED),
            receipts: family(to, &names::RECEIPTS),
            receipts_waiting: family(to, &names::RECEIPTS_WAITING),
            receipts_refused: family(to, &names::RECEIPTS_REFUSED),
            silences: family(to, &names::SILENCES),
            silence_suspended: family(to, &names::SILENCE_SUSPENDED),
            feedback: family(to, &names::FEEDBACK),
            call_answers: family(to, &names::CALL_ANSWERS),
            calls_reported: family(to, &names::CALLS_REPORTED),
            subject_changes: family(to, &names::SUBJECT_CHANGES),
            notices: family(to, &names::NOTICES),
            entra_requests: family(to, &names::ENTRA_REQUESTS),
            entra_tokens_refused: family(to, &names::ENTRA_TOKENS_REFUSED),
            entra_keys_fetched: family(to, &names::ENTRA_KEYS_FETCHED),
            entra_signing_keys_age: family(to, &names::ENTRA_SIGNING_KEYS_AGE),
            entra_decryptions: family(to, &names::ENTRA_DECRYPTIONS),
            signal_duration: durations(to, &names::SIGNAL_DURATION, request_histogram),
            webhook_posts: family(to, &names::WEBHOOK_POSTS),
            webhooks_given_up: family(to, &names::WEBHOOKS_GIVEN_UP),
            webhooks_lost: shared(to, &names::WEBHOOKS_LOST),
            ledger_depth: shared(to, &names::LEDGER_DEPTH),
            ledger_oldest_overdue: shared(to, &names::LEDGER_OLDEST_OVERDUE),
            leases_taken: shared(to, &names::LEASES_TAKEN),
            leases_lost: shared(to, &names::LEASES_LOST),
            poisoned: shared(to, &names::POISONED),
            store_duration: durations(to, &names::STORE_DURATION, request_histogram),
            store_errors: family(to, &names::STORE_ERRORS),
            clock_skew: shared(to, &names::CLOCK_SKEW),
            unknown_formats: shared(to, &names::UNKNOWN_FORMATS),
            registry,
        }
    }

    /// The text of `/metrics`, to be sent as [`CONTENT_TYPE`].
    pub fn encode(&self) -> String {
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("a String takes whatever is written to it");
        text
    }

    /// The handles of one listener (`main`, `admin`), resolved once.
    pub fn connections(&self, listener: &'static str) -> ConnectionMetrics {
        ConnectionMetrics::new(self, listener)
    }

    /// One request answered at an endpoint of our table (never a path as sent).
    pub fn request(&self, endpoint: &'static str, status: StatusCode, took: Duration) {
        self.requests
            .get_or_create_owned(&RequestLabels {
                endpoint,
                status_class: status_class(status),
            })
            .inc();
        self.request_duration
            .get_or_create_owned(&EndpointLabels { endpoint })
            .observe(took.as_secs_f64());
    }

    /// A request ended in a bug of ours and was answered 500 all the same.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// When the process started, in ms since the Unix epoch.
    pub fn process_started(&self, at_ms: u64) {
        self.process_start
            .set(Duration::from_millis(at_ms).as_secs_f64());
    }

    /// One step of the store answered, well or badly.
    pub fn store_step(&self, step: &'static str, took: Duration) {
        self.store_duration
            .get_or_create_owned(&StepLabels { step })
            .observe(took.as_secs_f64());
    }

    pub(super) fn store_error(&self, kind: &'static str) {
        self.store_errors
            .get_or_create_owned(&KindLabels { kind })
            .inc();
    }

    /// How old the signing keys of each Entra directory are; those that are not
    /// configured any more disappear.
    pub(crate) fn entra_signing_keys<'a>(&self, ages: impl Iterator<Item = (&'a str, Duration)>) {
        self.entra_signing_keys_age.clear();
        for (directory, age) in ages {
            let labels = DirectoryLabels {
                directory: directory.into(),
            };
            let gauge = self.entra_signing_keys_age.get_or_create_owned(&labels);
            gauge.set(age.as_secs_f64());
        }
    }

    /// How an event fared at a tenant's endpoint.
    pub(crate) fn webhook_post(&self, result: &'static str) {
        self.webhook_posts
            .get_or_create_owned(&ResultLabels { result })
            .inc();
    }

    /// What should have been told of a record will not be.
    pub(crate) fn webhook_lost(&self) {
        self.webhooks_lost.inc();
    }

    /// What the last sweep saw of the ledger.
    pub fn ledger(&self, depth: u64, oldest_overdue: Duration) {
        self.ledger_depth
            .set(i64::try_from(depth).unwrap_or(i64::MAX));
        self.ledger_oldest_overdue.set(oldest_overdue.as_secs_f64());
    }

    /// Another node holds the entry we worked on; our result was discarded.
    pub fn lease_lost(&self) {
        self.leases_lost.inc();
    }

    /// The store's clock minus ours, in ms.
    pub fn clock_skew(&self, skew_ms: i64) {
        let size = Duration::from_millis(skew_ms.unsigned_abs()).as_secs_f64();
        self.clock_skew.set(if skew_ms < 0 { -size } else { size });
    }

    /// A record of a format version that this release does not read.
    pub fn unknown_format(&self) {
        self.unknown_formats.inc();
    }

    pub(super) fn alarm(&self, kind: &'static str) {
        self.alarms.get_or_create_owned(&KindLabels { kind }).inc();
    }

    pub(super) fn reload_refused(&self, what: &'static str) {
        self.reloads_refused
            .get_or_create_owned(&WhatLabels { what })
            .inc();
    }

    pub(super) fn draining(&self) {
        self.draining.set(1);
    }

    pub(super) fn drained(&self) {
        self.draining.set(0);
    }

    /// The configuration in force; the one before disappears from `/metrics`.
    pub(super) fn configuration_in_force(&self, hash: &str) {
        self.configuration.clear();
        self.configuration
            .get_or_create_owned(&HashLabels { hash: hash.into() })
            .set(1);
    }
}

impl Default for Metrics {
    /// For tests: without a log writer whose dropped lines would be counted.
    fn default() -> Self {
        Self::new(DroppedLines::none())
    }
}

/// Reads the log writer's own counter at each scrape.
#[derive(Debug)]
struct DroppedLinesCollector(DroppedLines);

impl Collector for DroppedLinesCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let counter = ConstCounter::new(self.0.count());
        let name = &names::LOG_LINES_DROPPED;
        let help = format!("{}.", name.help);
        let encoder =
            encoder.encode_descriptor(name.registered(), &help, None, counter.metric_type())?;
        counter.encode(encoder)
    }
}

fn register(registry: &mut Registry, name: &MetricName, metric: impl Metric) {
    registry.register(name.registered(), name.help, metric);
}

fn shared<M: Metric + Clone + Default>(registry: &mut Registry, name: &MetricName) -> M {
    let metric = M::default();
    register(registry, name, metric.clone());
    metric
}

fn family<L, M>(registry: &mut Registry, name: &MetricName) -> Family<L, M>
where
    L: Clone + std::hash::Hash + Eq,
    M: Default,
    Family<L, M>: Metric,
{
    shared(registry, name)
}

fn durations<L>(registry: &mut Registry, name: &MetricName, make: fn() -> Histogram) -> Durations<L>
where
    L: Clone + std::hash::Hash + Eq,
    Durations<L>: Metric,
{
    let durations = Durations::new_with_constructor(make);
    register(registry, name, durations.clone());
    durations
}

fn histogram(registry: &mut Registry, name: &MetricName) -> Histogram {
    let histogram = request_histogram();
    register(registry, name, histogram.clone());
    histogram
}

fn request_histogram() -> Histogram {
    Histogram::new(REQUEST_BUCKETS_S)
}

fn delivery_histogram() -> Histogram {
    Histogram::new(DELIVERY_BUCKETS_S)
}

fn status_class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests;
