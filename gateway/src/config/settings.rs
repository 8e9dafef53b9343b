//! The checked settings, one struct per concern. Plain values: whoever holds
//! one need not check it again.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use watchword_providers::guarded_client::UrlRules;
use watchword_providers::kind::{Kind, Values};
use watchword_providers::{Channel, PhoneNumber, Receipts};

use super::region::RegionSet;
use super::secret::{MasterKey, Secret};
use super::signals::SignalSettings;
use crate::admission::ramp::Ramp;
use crate::store::Durability;
use crate::subjects::policy::SubjectPolicy;
use crate::tenants::Scope;
use crate::webhooks::EventKind;

/// Everything the service is told from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub server: ServerSettings,
    pub store: StoreSettings,
    /// Newest first, at least one.
    pub keys: Vec<KeySettings>,
    pub codes: CodeSettings,
    pub limits: LimitSettings,
    pub messages: MessageSettings,
    pub log: LogSettings,
    pub dispatch: DispatchSettings,
    pub webhooks: WebhookSettings,
    pub subjects: SubjectSettings,
    pub signals: SignalSettings,
    pub tenants: Vec<TenantSettings>,
    pub operators: Vec<OperatorSettings>,
    pub providers: Vec<ProviderSettings>,
    /// In the order of the file: the first that matches is used.
    pub routes: Vec<RouteSettings>,
    /// In the order of the file: the first that matches and is carried is used.
    pub senders: Vec<SenderSettings>,
    pub test_numbers: Vec<TestNumberSettings>,
    /// How many gateways share the store and the providers.
    pub fleet_size: u32,
}

/// The listeners, and how long and how large a request may be.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSettings {
    pub listen: SocketAddr,
    pub admin_listen: SocketAddr,
    /// Serves provider callbacks alone; without it they arrive on `listen`.
    pub receipts_listen: Option<SocketAddr>,
    /// Where providers reach us, without a slash at its end.
    pub public_url: Option<String>,
    pub tls: Option<TlsSettings>,
    pub insecure_listen: bool,
    pub allow_sandbox: bool,
    pub connections_max: u32,
    pub first_byte_timeout: Duration,
    pub handshake_timeout: Duration,
    pub header_timeout: Duration,
    pub body_timeout: Duration,
    pub request_timeout: Duration,
    pub body_bytes_max: usize,
    pub drain_delay: Duration,
    pub drain_timeout: Duration,
}

/// The certificate chain and its key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
}

/// Where verifications are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreSettings {
    pub backend: StoreBackend,
    pub connect_timeout: Duration,
    pub response_timeout: Duration,
    /// `Some`: start only if the store keeps this promise.
    pub durability: Option<Durability>,
    /// The part of the store's memory above which sends stop.
    pub memory_guard_ratio: f64,
    /// Fixed at the first start.
    pub shards: u16,
    /// How long a verification stays readable after its end.
    pub retention: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreBackend {
    Redis {
        /// May carry a user and a password.
        url: Secret,
        /// Roots for `rediss://`, beside the public ones.
        ca_file: Option<PathBuf>,
        /// Begins every key.
        prefix: String,
    },
    Embedded {
        path: PathBuf,
    },
    Memory,
}

/// A master key: labelled derivations of it digest and seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySettings {
    pub id: String,
    pub secret: MasterKey,
    /// Before this it opens and verifies, but does not seal.
    pub active_from: Option<Timestamp>,
}

/// What a code looks like, how long it lives, how often it may be tried and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeSettings {
    pub digits: u8,
    pub lifetime: Duration,
    pub checks_max: u32,
    /// The first send and its resends together.
    pub sends_max: u32,
    /// How long after the first, second, third send the next may follow; the
    /// last holds for all that come after.
    pub resend_waits: Vec<Duration>,
    /// Live verifications per tenant and number.
    pub live_max: u32,
}

/// At most `count` at once, refilled evenly so that `count` pass in `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitRule {
    pub count: u32,
    pub per: Duration,
}

/// The limits on what comes in. All rules of a list hold together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    pub sends_per_number: Vec<LimitRule>,
    /// Of what is addressed to a subject, whichever of its numbers gets it.
    pub sends_per_subject: Vec<LimitRule>,
    pub sends_per_number_all_tenants: Vec<LimitRule>,
    /// Of all numbers that differ in their last four digits; empty: not limited.
    pub sends_per_prefix: Vec<LimitRule>,
    pub sends_per_address: Vec<LimitRule>,
    pub failed_checks_per_address: Vec<LimitRule>,
    pub lookups_per_tenant: Vec<LimitRule>,
    pub explains_per_tenant: Vec<LimitRule>,
    /// Beginnings of E.164 numbers that no tenant may send to.
    pub blocked_prefixes: Vec<String>,
}

/// The texts around a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageSettings {
    pub default_locale: String,
    /// Texts here replace the built-in ones of the same language, text by text.
    pub directory: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    pub level: LogLevel,
    pub format: LogFormat,
}

/// How long and how often dispatch goes on for one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DispatchSettings {
    /// One walk over a route ends within this.
    pub deadline: Duration,
    pub lease: Duration,
    pub sweep_interval: Duration,
    /// Before the second, third, .. walk; the last holds for all that come after.
    pub retry_waits: Vec<Duration>,
    /// Submitted and unknown attempts a delivery.
    pub submissions_max: u32,
    /// Nothing is submitted when less than this is left of the lifetime.
    pub last_submission_before_expiry: Duration,
    /// Dispatches running at once on this node.
    pub in_flight_max: u32,
}

/// An identity service that uses our API.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantSettings {
    pub name: String,
    /// What messages call it.
    pub brand: String,
    /// Replaces the locale of `[messages]`.
    pub default_locale: Option<String>,
    pub regions: RegionSet,
    pub voice_regions: RegionSet,
    /// Where numbers may be sent to that no subject has proved.
    pub unconfirmed_regions: RegionSet,
    /// Beginnings of E.164 numbers that it may not send to.
    pub blocked_prefixes: Vec<String>,
    pub api_keys: Vec<ApiKeySettings>,
    /// Host names that a WebOTP line may name.
    pub origins: Vec<String>,
    pub app_hashes: Vec<String>,
    pub submissions_per_day_max: Vec<SubmissionCap>,
    /// How its submissions may grow in its first days.
    pub ramp: Option<Ramp>,
    /// For planning memory only.
    pub expected_sends_per_s: Option<f64>,
    /// Whom it wants told what becomes of its verifications.
    pub webhooks: Vec<EndpointSettings>,
    /// Texts here replace those of `[messages]`.
    pub messages_directory: Option<PathBuf>,
    pub sms_sender: Option<String>,
    pub voice_sender: Option<String>,
    /// How changes of its subjects' numbers are judged.
    pub subjects: SubjectPolicy,
}

/// How webhooks are sent, and where tenants' URLs may lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Before the second try, the third, ..
    pub retry_waits: Vec<Duration>,
    pub retention: Duration,
    /// Records being told about at once on this node.
    pub in_flight_max: u32,
    pub rules: UrlRules,
}

/// People's numbers: what holds where a tenant says nothing else, and whether a
/// store that forgets will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectSettings {
    pub policy: SubjectPolicy,
    /// Both have to be said before subjects are kept where a restart loses them.
    pub on_forgetful_store: bool,
    pub may_be_lost: bool,
}

/// A URL of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSettings {
    pub id: String,
    pub url: String,
    /// Newest first; all of them sign.
    pub secrets: Vec<Secret>,
    /// Empty: all.
    pub events: Vec<EventKind>,
    pub timeout: Duration,
    pub concurrency_max: u32,
    pub full_numbers: bool,
}

/// A tenant's API key, known by its digest only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeySettings {
    pub id: String,
    pub sha256: [u8; 32],
    pub scopes: Vec<Scope>,
}

/// A bound on what a tenant's traffic to a region may cost in a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmissionCap {
    /// `None`: each region that has no bound of its own.
    pub region: Option<String>,
    /// `None`: each channel has this bound.
    pub channel: Option<Channel>,
    pub max: u64,
}

/// A named person who may act through `/v1/admin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorSettings {
    pub name: String,
    /// Several keys of one person count as one.
    pub keys: Vec<OperatorKeySettings>,
    /// Who they are themselves, where they are a tenant's subjects too.
    pub subjects: Vec<OwnSubject>,
}

/// A person as a tenant knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnSubject {
    pub tenant: String,
    pub subject: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorKeySettings {
    pub id: String,
    pub sha256: [u8; 32],
}

/// A company we submit to, and what surrounds every call to it.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderSettings {
    pub id: String,
    pub kind: &'static Kind,
    /// What the kind asks for beside the settings that all have.
    pub values: Values,
    pub channels: Vec<Channel>,
    /// Calls to it at once from this node.
    pub concurrency_max: u32,
    pub attempt_timeout: Duration,
    pub receipts: Receipts,
    pub silence: SilenceSettings,
    /// What unsigned receipts say may send a message again.
    pub trusts_unsigned_receipts: bool,
    /// Submissions a second of the whole fleet.
    pub rate_per_s: Option<f64>,
    pub breaker: BreakerSettings,
}

/// When silence after *submitted* counts as undelivered, and how often.
#[derive(Clone, Debug, PartialEq)]
pub struct SilenceSettings {
    /// Until enough is known of a destination.
    pub deadline: Duration,
    pub deadline_min: Duration,
    pub deadline_max: Duration,
    /// Regions whose receipts say nothing.
    pub unreliable: RegionSet,
    /// Below this part of messages reported on, silence is not acted upon.
    pub receipt_ratio_min: f64,
    /// The part of the submissions that may be sent again for silence.
    pub redispatch_ratio_max: f64,
}

/// When a failing provider is left alone, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerSettings {
    pub window: Duration,
    pub failure_ratio: f64,
    /// Fewer attempts in the window decide nothing.
    pub attempts_min: u32,
    pub open_for: Duration,
}

/// How a route orders its hops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strategy {
    Ordered,
    /// The share of each hop, in the order of the hops; from 1.
    Weighted(Vec<u32>),
}

/// Who messages come from, for some tenants, providers or countries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderSettings {
    pub sender: String,
    pub channel: Channel,
    /// Empty: every tenant.
    pub tenants: Vec<String>,
    /// Empty: every provider.
    pub providers: Vec<String>,
    /// `None`: every country that carries such a sender.
    pub countries: Option<RegionSet>,
    /// The operator says that it is registered wherever that is needed.
    pub is_registered: bool,
}

/// Ordered providers for what matches. An empty condition matches everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSettings {
    pub channel: Channel,
    pub tenants: Vec<String>,
    pub countries: Option<RegionSet>,
    /// Beginnings of E.164 numbers, with `+`.
    pub prefixes: Vec<String>,
    pub purposes: Vec<String>,
    pub strategy: Strategy,
    /// Provider ids, at least one, none twice.
    pub hops: Vec<String>,
}

/// A number that is never sent anything and takes a fixed code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestNumberSettings {
    pub tenant: String,
    pub number: PhoneNumber,
    pub code: Secret,
}
