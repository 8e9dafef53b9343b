//! The parts of a gateway, put together as a process does at its start.

use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::sync::mpsc;
use watchword::api::{Api, ApiParts, ApiSettings, Directory, ReceiptCall, ReceiptSink};
use watchword::assemble::{self, ProviderMakings, master_keys};
use watchword::calls::CallDesk;
use watchword::clock::Clock as _;
use watchword::config::SignalSettings;
use watchword::dispatch::{DispatchLimits, Dispatcher};
use watchword::keys::agreement::{KeyRetention, agree};
use watchword::live::{Live, Shared};
use watchword::receipts::{ReceiptDesk, ReceiptRefusal};
use watchword::service::Service;
use watchword::signals::Signals;
use watchword::stack::StackEvents;
use watchword::stack::breaker::BreakerState;
use watchword::stack::pace::Sharing;
use watchword::store::metered::MeteredStore;
use watchword::subjects::keeper::Keeper;
use watchword::telemetry::Metrics;
use watchword::telemetry::logging::DroppedLines;
use watchword::tenants::{Caller, Operator};
use watchword::webhooks::{
    Courier, CourierSettings, Lookout, Post, PostError, Posted, Poster, Waking,
};
use watchword_providers::sandbox::{CallbackSender, Inbox, SandboxCallback};
use watchword_providers::{CallDocument, Callback, Channel};

use super::networks::Networks;
use super::setup::Setup;
use super::stores::Opened;

/// Dispatches at once.
const PLACES: u16 = 256;
/// The sandbox's receipts and calls that may wait for us.
const CALLBACKS_MAX: usize = 1_000;

/// What dies with the process, and what only looks at it.
pub(super) struct Running {
    pub(super) shared: Shared,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) keeper: Arc<Keeper>,
    pub(super) api: Arc<Api>,
    courier: Arc<Courier>,
    /// What the courier was woken for.
    waking: tokio::sync::Mutex<Waking>,
    pub(super) inbox: Inbox,
    pub(super) endpoint: Endpoint,
    pub(super) played: Played,
}

fn shared(
    stores: &Opened,
    (store, live): (Arc<MeteredStore>, Live),
    (metrics, lookout): (Arc<Metrics>, Arc<Lookout>),
) -> Shared {
    Shared {
        store,
        live: Arc::new(ArcSwap::from_pointee(live)),
        metrics,
        clock: Arc::new(stores.time.clone()),
        store_skew_ms: Arc::new(AtomicI64::new(0)),
        is_durable: Arc::new(AtomicBool::new(true)),
        keeps_subjects: Arc::new(AtomicBool::new(true)),
        lookout,
        tally: Arc::default(),
    }
}

impl Running {
    /// `before`: handsets and endpoint outlive a gateway.
    pub(super) async fn start(
        stores: &Opened,
        setup: &Setup,
        networks: &Networks,
        before: Option<(Inbox, Endpoint)>,
    ) -> Self {
        let settings = setup.settings();
        let (inbox, endpoint) = before.unwrap_or_default();
        let metrics = Arc::new(Metrics::new(DroppedLines::none()));
        let (lookout, waking) = Lookout::new();
        let lookout = Arc::new(lookout);
        let store = Arc::new(MeteredStore::new(
            Arc::clone(&stores.store),
            Arc::clone(&metrics),
            Arc::clone(&lookout),
        ));
        let retention = KeyRetention {
            needed_after_retired_ms: u64::from(u32::MAX),
        };
        let masters = master_keys(&settings);
        let agreed = agree(store.as_ref(), &masters, settings.store.shards, retention)
            .await
            .expect("the store is ours alone");
        let time = stores.time.clone();
        let (callbacks, received) = mpsc::channel(CALLBACKS_MAX);
        let makings = ProviderMakings {
            inbox: inbox.clone(),
            callbacks: CallbackSender::new(callbacks),
            clock: watchword_providers::Clock::from_fn(move || time.now_ms()),
            events: Arc::new(Nobody),
            shared_store: None,
            metrics: Arc::clone(&metrics),
        };
        let mut live = assemble::live(&settings, Arc::clone(&agreed.ring), &makings, None)
            .expect("the settings can be put to work");
        // A story that has a network of its own says so.
        if settings.signals == SignalSettings::None {
            live.signals = Arc::new(networks.clone()) as Arc<dyn Signals>;
        }
        let watching = assemble::watching(&settings, &agreed.ring);
        lookout.set(watching.expect("the endpoint can be used"));
        let shared = shared(stores, (store, live), (metrics, lookout));
        let limits = DispatchLimits {
            in_flight_max: usize::from(PLACES),
            timers_max: usize::from(PLACES),
        };
        let dispatcher = Dispatcher::new(shared.clone(), &limits);
        let played = Played::default();
        let desk = Arc::new(Desk {
            played: played.clone(),
            receipts: ReceiptDesk::new(shared.clone(), Arc::clone(&dispatcher)),
            calls: CallDesk::new(shared.clone(), Arc::clone(&dispatcher)),
            shared: shared.clone(),
        });
        tokio::spawn(receive(received, Arc::clone(&desk)));
        let service = Arc::new(Service::new(shared.clone(), Arc::clone(&dispatcher)));
        let keeper = Arc::clone(service.keeper());
        let courier = CourierSettings {
            webhooks: assemble::webhooks(&settings),
            sweep_interval: Duration::from_secs(1),
            in_flight_max: usize::from(PLACES),
        };
        let poster = Arc::new(endpoint.clone());
        Self {
            api: api(service, &shared, desk),
            courier: Arc::new(Courier::new(shared.clone(), poster, courier)),
            waking: tokio::sync::Mutex::new(waking),
            shared,
            dispatcher,
            keeper,
            inbox,
            endpoint,
            played,
        }
    }

    /// Tells what there is to tell: what the courier was woken for, and what is due.
    pub(super) async fn tell(&self) {
        self.courier.heed(&mut *self.waking.lock().await).await;
        self.courier.pass().await;
    }

    /// Whether no dispatch is at work.
    pub(super) fn is_quiet(&self) -> bool {
        self.dispatcher.room() == PLACES
    }
}

fn api(service: Arc<Service>, shared: &Shared, desk: Arc<Desk>) -> Arc<Api> {
    let metrics = Arc::clone(&shared.metrics);
    let panics = Arc::clone(&shared.metrics);
    let parts = ApiParts {
        service,
        directory: Arc::new(Tenants(shared.clone())),
        receipts: desk,
        sandbox: None,
        durability: Arc::new(|| "disk"),
        observe: Arc::new(move |endpoint, status, took| metrics.request(endpoint, status, took)),
        on_panic: Arc::new(move || panics.panicked()),
    };
    Api::new(parts, ApiSettings::default())
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

/// The tenant's endpoint: takes every event. Clones share what it heard.
#[derive(Clone, Default)]
pub(super) struct Endpoint(Arc<Mutex<Vec<Value>>>);

impl Endpoint {
    pub(super) fn told(&self) -> Vec<Value> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.clone()
    }
}

#[async_trait]
impl Poster for Endpoint {
    async fn post(&self, post: Post) -> Result<Posted, PostError> {
        let event = serde_json::from_slice(post.body()).expect("events are JSON");
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(event);
        Ok(Posted {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
        })
    }
}

struct Nobody;

impl StackEvents for Nobody {
    fn breaker_changed(&self, _provider: &str, _channel: Channel, _state: BreakerState) {}
    fn credentials_refused(&self, _provider: &str) {}
    fn sharing_changed(&self, _provider: &str, _sharing: Sharing) {}
}

/// What calls were told to say, sentence by sentence.
#[derive(Clone, Default)]
pub(super) struct Played(Arc<Mutex<Vec<String>>>);

impl Played {
    fn note(&self, document: &CallDocument) {
        let play: Value = serde_json::from_slice(&document.body).expect("the sandbox takes JSON");
        let sentences = play["say"].as_array().into_iter().flatten();
        let sentences = sentences.filter_map(Value::as_str).map(str::to_owned);
        let mut played = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        played.extend(sentences);
    }

    /// What was not taken before.
    pub(super) fn take(&self) -> Vec<String> {
        let mut played = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut played)
    }
}

/// The desks of receipts and calls.
struct Desk {
    played: Played,
    receipts: ReceiptDesk,
    calls: CallDesk,
    shared: Shared,
}

impl Desk {
    fn callback<'a>(&self, call: &'a ReceiptCall) -> Callback<'a> {
        Callback {
            method: &call.method,
            url: &call.url,
            headers: &call.headers,
            body: &call.body,
            now_ms: self.shared.clock.now_ms(),
        }
    }
}

#[async_trait]
impl ReceiptSink for Desk {
    fn admits(&self, provider: &str, reference: Option<&str>) -> Result<(), ReceiptRefusal> {
        self.receipts.admits(provider, reference)
    }

    async fn receive(&self, call: ReceiptCall) -> Result<(), ReceiptRefusal> {
        let reference = call.reference.as_deref();
        self.receipts
            .receive(&call.provider, reference, &self.callback(&call))
            .await
    }

    fn answer_to(&self, provider: &str) -> &'static str {
        self.receipts.answer_to(provider)
    }

    fn admits_call(&self, provider: &str, reference: &str) -> Result<(), ReceiptRefusal> {
        self.calls.admits(provider, reference)
    }

    async fn answer(&self, call: ReceiptCall) -> Result<CallDocument, ReceiptRefusal> {
        let reference = call.reference.as_deref().unwrap_or_default();
        self.calls
            .answer(&call.provider, reference, &self.callback(&call))
            .await
    }
}

/// Hears what the simulated carrier reports and asks.
async fn receive(mut received: mpsc::Receiver<SandboxCallback>, desk: Arc<Desk>) {
    while let Some(sandbox) = received.recv().await {
        let reference = sandbox.url.rsplit('/').next().unwrap_or_default();
        let call = ReceiptCall {
            provider: (&*sandbox.provider).into(),
            reference: Some(reference.into()),
            method: http::Method::POST,
            url: sandbox.url.as_ref().to_owned(),
            headers: sandbox.headers,
            body: sandbox.body,
        };
        match sandbox.answer {
            None => _ = desk.receive(call).await,
            Some(answer) => {
                if let Ok(document) = desk.answer(call).await {
                    desk.played.note(&document);
                    _ = answer.send(document);
                }
            }
        }
    }
}
