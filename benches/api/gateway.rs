//! A gateway without sockets: the API as the listener drives it, on a store that
//! forgets and a carrier in the process.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::Full;
use tokio::sync::mpsc;
use watchword::api::{
    Api, ApiParts, ApiService, ApiSettings, Directory, ReceiptCall, ReceiptSink, Surface,
};
use watchword::assemble::{self, ProviderMakings, master_keys};
use watchword::clock::{Clock as _, SystemClock};
use watchword::config;
use watchword::dispatch::{DispatchLimits, Dispatcher};
use watchword::keys::{IndexKey, KeyRing, PurposeKeys, random};
use watchword::live::Shared;
use watchword::number;
use watchword::receipts::ReceiptRefusal;
use watchword::service::Service;
use watchword::stack::StackEvents;
use watchword::stack::breaker::BreakerState;
use watchword::stack::pace::Sharing;
use watchword::store::embedded::{EmbeddedStore, Settings};
use watchword::telemetry::Metrics;
use watchword::telemetry::logging::DroppedLines;
use watchword::tenants::{Caller, Operator};
use watchword::webhooks::Lookout;
use watchword_providers::sandbox::{CallbackSender, Inbox};
use watchword_providers::{CallDocument, Channel};
use zeroize::Zeroizing;

/// The SHA-256 of `bench`, the API key, stands in it.
const CONFIGURATION: &str = include_str!("gateway.toml");
const SHARDS: u16 = 64;
const DISPATCHES_MAX: usize = 10_000;

/// Must be called within a runtime.
pub(crate) fn api() -> ApiService<Full<Bytes>> {
    number::warm();
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join("gateway.toml");
    fs::write(&path, CONFIGURATION).expect("the directory can be written to");
    let settings = config::load(&path)
        .expect("the configuration is right")
        .settings;
    let keys = master_keys(&settings).iter().map(PurposeKeys::of).collect();
    let index = IndexKey::new(&Zeroizing::new(random()), SHARDS);
    let ring = KeyRing::new(keys, "k1", index).expect("its only key is named");
    let (callbacks, _) = mpsc::channel(1);
    let metrics = Arc::new(Metrics::new(DroppedLines::none()));
    let makings = ProviderMakings {
        inbox: Inbox::default(),
        callbacks: CallbackSender::new(callbacks),
        clock: watchword_providers::Clock::system(),
        events: Arc::new(Nobody),
        shared_store: None,
        metrics: Arc::clone(&metrics),
    };
    let live = assemble::live(&settings, Arc::new(ring), &makings, None)
        .expect("the settings can be put to work");
    let store = EmbeddedStore::in_memory(&Settings::default(), Arc::new(|| SystemClock.now_ms()))
        .expect("there is memory");
    let shared = Shared {
        store: Arc::new(store),
        live: Arc::new(ArcSwap::from_pointee(live)),
        metrics: Arc::clone(&metrics),
        clock: Arc::new(SystemClock),
        store_skew_ms: Arc::new(AtomicI64::new(0)),
        is_durable: Arc::new(AtomicBool::new(true)),
        keeps_subjects: Arc::new(AtomicBool::new(true)),
        lookout: Arc::new(Lookout::new().0),
        tally: Arc::default(),
    };
    let limits = DispatchLimits {
        in_flight_max: DISPATCHES_MAX,
        timers_max: DISPATCHES_MAX,
    };
    let dispatcher = Dispatcher::new(shared.clone(), &limits);
    let panics = Arc::clone(&metrics);
    let parts = ApiParts {
        service: Arc::new(Service::new(shared.clone(), dispatcher)),
        directory: Arc::new(Tenants(shared)),
        receipts: Arc::new(Nobody),
        sandbox: None,
        durability: Arc::new(|| "memory"),
        observe: Arc::new(move |endpoint, status, took| metrics.request(endpoint, status, took)),
        on_panic: Arc::new(move || panics.panicked()),
    };
    Api::new(parts, ApiSettings::default()).service(Surface::All)
}

struct Tenants(Shared);

impl Directory for Tenants {
    fn caller(&self, digest: &[u8; 32]) -> Option<Caller> {
        self.0.live.load().tenants.caller(digest).cloned()
    }

    fn operator(&self, digest: &[u8; 32]) -> Option<Operator> {
        self.0.live.load().tenants.operator(digest).cloned()
    }
}

/// Listens to nothing and knows nothing.
struct Nobody;

impl StackEvents for Nobody {
    fn breaker_changed(&self, _provider: &str, _channel: Channel, _state: BreakerState) {}
    fn credentials_refused(&self, _provider: &str) {}
    fn sharing_changed(&self, _provider: &str, _sharing: Sharing) {}
}

#[async_trait]
impl ReceiptSink for Nobody {
    fn admits(&self, _provider: &str, _reference: Option<&str>) -> Result<(), ReceiptRefusal> {
        Err(ReceiptRefusal::NotFound)
    }

    fn answer_to(&self, _provider: &str) -> &'static str {
        ""
    }

    async fn receive(&self, _call: ReceiptCall) -> Result<(), ReceiptRefusal> {
        Err(ReceiptRefusal::NotFound)
    }

    fn admits_call(&self, _provider: &str, _reference: &str) -> Result<(), ReceiptRefusal> {
        Err(ReceiptRefusal::NotFound)
    }

    async fn answer(&self, _call: ReceiptCall) -> Result<CallDocument, ReceiptRefusal> {
        Err(ReceiptRefusal::NotFound)
    }
}
