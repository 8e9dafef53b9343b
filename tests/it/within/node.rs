//! A node within the test's process, with a runtime of its own to die with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use watchword::assemble::{self, ProviderMakings, master_keys};
use watchword::clock::{Clock as _, SystemClock};
use watchword::config::{self, StoreBackend};
use watchword::dispatch::{DispatchLimits, Dispatcher};
use watchword::keys::agreement::{KeyRetention, agree};
use watchword::ledger::{SweepSettings, sweep};
use watchword::live::Shared;
use watchword::service::{DeliverRequest, Service, ServiceError, WithinEnd};
use watchword::stack::StackEvents;
use watchword::stack::breaker::BreakerState;
use watchword::stack::pace::Sharing;
use watchword::store::Store;
use watchword::store::embedded::{self, EmbeddedStore};
use watchword::store::redis::{RedisSettings, RedisStore};
use watchword::telemetry::Metrics;
use watchword::telemetry::logging::DroppedLines;
use watchword::webhooks::Lookout;
use watchword_providers::Channel;
use watchword_providers::sandbox::{CallbackSender, Inbox};

use crate::support::gateway_config::GatewayConfig;

/// The end of a request, and how long it took.
pub(super) type Ended = (Result<WithinEnd, ServiceError>, Duration);

struct Nobody;

impl StackEvents for Nobody {
    fn breaker_changed(&self, _provider: &str, _channel: Channel, _state: BreakerState) {}
    fn credentials_refused(&self, _provider: &str) {}
    fn sharing_changed(&self, _provider: &str, _sharing: Sharing) {}
}

pub(super) struct Node {
    runtime: Runtime,
    service: Arc<Service>,
    pub(super) shared: Shared,
}

impl Node {
    pub(super) async fn start(config: &GatewayConfig) -> Self {
        Self::start_later(config, Duration::ZERO).await
    }

    /// One that comes so much later, by the store's time.
    pub(super) async fn start_later(config: &GatewayConfig, later: Duration) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let settings = settings(config);
        let (service, shared) = runtime.spawn(wire(settings, later)).await.unwrap();
        Self {
            runtime,
            service,
            shared,
        }
    }

    /// Asks, in a task of the node's.
    pub(super) fn asked(&self, request: DeliverRequest, budget: Duration) -> JoinHandle<Ended> {
        let (service, live) = (Arc::clone(&self.service), self.shared.live.load_full());
        self.runtime.spawn(async move {
            let tenant = live.tenants.by_name("acme").unwrap();
            let asked = Instant::now();
            let end = service.deliver_within(tenant, request, budget).await;
            (end, asked.elapsed())
        })
    }

    /// What stops the node's only thread for so long; returns once it stands still.
    pub(super) fn stopper(&self, pause: Duration) -> impl Fn() + Send + Sync + 'static {
        let node = self.runtime.handle().clone();
        move || {
            let (stands, has_stopped) = std::sync::mpsc::channel();
            node.spawn(async move {
                stands.send(()).unwrap();
                std::thread::sleep(pause);
            });
            has_stopped.recv().unwrap();
        }
    }

    /// Ends it wherever it stands; nothing is written down or handed over.
    pub(super) async fn crash(self) {
        let Self {
            runtime,
            service,
            shared,
        } = self;
        drop((service, shared));
        let ending = move || runtime.shutdown_timeout(Duration::from_secs(5));
        tokio::task::spawn_blocking(ending).await.unwrap();
    }
}

fn settings(config: &GatewayConfig) -> config::Settings {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.toml");
    // Nothing listens there: these nodes are asked by their service.
    let nowhere = |port| SocketAddr::from(([127, 0, 0, 1], port));
    std::fs::write(&path, config.toml(nowhere(1), nowhere(2))).unwrap();
    config::load(&path).unwrap().settings
}

async fn open(settings: &config::Settings, later: Duration) -> Arc<dyn Store> {
    let later_ms = u64::try_from(later.as_millis()).unwrap();
    match &settings.store.backend {
        StoreBackend::Redis { url, .. } => {
            let redis = RedisSettings::new(url.expose());
            let store = RedisStore::open(&redis, Arc::new(|| SystemClock.now_ms()));
            let store = store.await.unwrap();
            store.set_clock_shift_ms(later_ms.try_into().unwrap());
            Arc::new(store)
        }
        StoreBackend::Embedded { path } => {
            let clock = Arc::new(move || SystemClock.now_ms() + later_ms);
            Arc::new(EmbeddedStore::open(path, &embedded::Settings::default(), clock).unwrap())
        }
        StoreBackend::Memory => panic!("a node that dies needs a store that stays"),
    }
}

async fn wire(settings: config::Settings, later: Duration) -> (Arc<Service>, Shared) {
    let store = open(&settings, later).await;
    let retention = KeyRetention {
        needed_after_retired_ms: 0,
    };
    let masters = master_keys(&settings);
    let agreed = agree(store.as_ref(), &masters, settings.store.shards, retention);
    let ring = agreed.await.unwrap().ring;
    let (callbacks, _) = mpsc::channel(1);
    let makings = ProviderMakings {
        inbox: Inbox::default(),
        callbacks: CallbackSender::new(callbacks),
        clock: watchword_providers::Clock::system(),
        events: Arc::new(Nobody),
        shared_store: None,
        metrics: Arc::default(),
    };
    let live = assemble::live(&settings, ring, &makings, None).unwrap();
    let shared = Shared {
        store,
        live: Arc::new(ArcSwap::from_pointee(live)),
        metrics: Arc::new(Metrics::new(DroppedLines::none())),
        clock: Arc::new(SystemClock),
        store_skew_ms: Arc::new(AtomicI64::new(0)),
        is_durable: Arc::new(AtomicBool::new(true)),
        keeps_subjects: Arc::new(AtomicBool::new(true)),
        lookout: Arc::new(Lookout::new().0),
        tally: Arc::default(),
    };
    let limits = DispatchLimits {
        in_flight_max: 64,
        timers_max: 64,
    };
    let dispatcher = Dispatcher::new(shared.clone(), &limits);
    let sweeping = SweepSettings::every(settings.dispatch.sweep_interval);
    tokio::spawn(sweep(Arc::clone(&dispatcher), shared.clone(), sweeping));
    (Arc::new(Service::new(shared.clone(), dispatcher)), shared)
}
