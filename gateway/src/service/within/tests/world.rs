//! Nodes over one store that forgets, with providers that do as they are told,
//! on a paused clock.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tower::service_fn;
use tower::util::BoxCloneSyncService;
use watchword_providers::sandbox::{CallbackSender, Inbox};
use watchword_providers::{Channel, Message, SubmitError, Submitted};
use zeroize::Zeroizing;

use crate::assemble::{self, ProviderMakings, master_keys};
use crate::clock::Clock;
use crate::config;
use crate::delivery::DeliveryRecord;
use crate::dispatch::{DispatchLimits, Dispatcher, WithinEnd};
use crate::id::DeliveryId;
use crate::keys::{IndexKey, KeyRing, PurposeKeys, random};
use crate::live::Shared;
use crate::service::{Answer, Client, DeliverRequest, IdempotencyKey, Service};
use crate::stack::breaker::{BreakerPolicy, BreakerState};
use crate::stack::pace::{Pace, Sharing};
use crate::stack::{ProviderStack, StackEvents, StackSettings};
use crate::store::Store;
use crate::store::embedded::{EmbeddedStore, Settings};
use crate::telemetry::Metrics;
use crate::telemetry::logging::DroppedLines;
use crate::webhooks::Lookout;

pub(super) const BUDGET: Duration = Duration::from_millis(2000);
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1500);

const CONFIGURATION: &str = r#"
[store]
kind = "memory"
[[keys]]
id = "k1"
secret = "MdtSQvxD+5XP8paKbAfjv8khtRcNcu9EDVjnw+qaLdc="
[[tenants]]
name = "acme"
regions = ["US"]
api_keys = [{ id = "a", sha256 = "1b32c28cb38c05480eccc1bd60ff97029b57a05c96718b96dad7e9d84894f549" }]
[[providers]]
id = "a"
kind = "webhook"
channels = ["sms"]
url = "http://127.0.0.1:9/send"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
[[providers]]
id = "b"
kind = "webhook"
channels = ["sms"]
url = "http://127.0.0.1:9/send"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
[[providers]]
id = "c"
kind = "webhook"
channels = ["sms"]
url = "http://127.0.0.1:9/send"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
[[routes]]
channel = "sms"
strategy = "ordered"
hops = ["a", "b", "c"]
"#;

/// What a provider does with every message, and after how long.
#[derive(Clone)]
pub(super) enum Behaviour {
    Takes(Duration),
    Hangs,
    Fails(SubmitError),
    FailsAfter(Duration, SubmitError),
}

pub(super) const AT_ONCE: Behaviour = Behaviour::Takes(Duration::ZERO);

/// A message as a provider got it.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) provider: &'static str,
    pub(super) at: Instant,
    pub(super) delivery: DeliveryId,
}

/// The time of day: runs with the paused clock, and on while the machine sleeps.
#[derive(Debug)]
pub(super) struct TimeOfDay {
    started: Instant,
    pub(super) slept_ms: AtomicU64,
}

impl Clock for TimeOfDay {
    fn now_ms(&self) -> u64 {
        let passed = u64::try_from(self.started.elapsed().as_millis()).unwrap();
        1_800_000_000_000 + passed + self.slept_ms.load(Ordering::Relaxed)
    }
}

struct Nobody;

impl StackEvents for Nobody {
    fn breaker_changed(&self, _provider: &str, _channel: Channel, _state: BreakerState) {}
    fn credentials_refused(&self, _provider: &str) {}
    fn sharing_changed(&self, _provider: &str, _sharing: Sharing) {}
}

/// One node.
pub(super) struct Node {
    pub(super) service: Arc<Service>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) shared: Shared,
}

pub(super) struct World {
    store: Arc<dyn Store>,
    pub(super) clock: Arc<TimeOfDay>,
    ring: Arc<KeyRing>,
    settings: config::Settings,
    behaviours: [Behaviour; 3],
    paced: Option<f64>,
    seen: Arc<Mutex<Vec<Seen>>>,
    pub(super) started: Instant,
}

impl World {
    /// What the providers `a`, `b` and `c` do.
    pub(super) fn of(behaviours: [Behaviour; 3]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.toml");
        std::fs::write(&path, CONFIGURATION).unwrap();
        let settings = config::load(&path).unwrap().settings;
        let keys = master_keys(&settings).iter().map(PurposeKeys::of).collect();
        let index = IndexKey::new(&Zeroizing::new(random()), 8);
        let clock = Arc::new(TimeOfDay {
            started: Instant::now(),
            slept_ms: AtomicU64::new(0),
        });
        let time = Arc::clone(&clock);
        let store = EmbeddedStore::in_memory(&Settings::default(), Arc::new(move || time.now_ms()));
        Self {
            store: Arc::new(store.unwrap()),
            clock,
            ring: Arc::new(KeyRing::new(keys, "k1", index).unwrap()),
            settings,
            behaviours,
            paced: None,
            seen: Arc::default(),
            started: Instant::now(),
        }
    }

    /// A rate at which the providers may be sent to.
    pub(super) fn paced(mut self, rate_per_s: f64) -> Self {
        self.paced = Some(rate_per_s);
        self
    }

    pub(super) fn node(&self) -> Node {
        let (callbacks, _) = mpsc::channel(1);
        let makings = ProviderMakings {
            inbox: Inbox::default(),
            callbacks: CallbackSender::new(callbacks),
            clock: watchword_providers::Clock::system(),
            events: Arc::new(Nobody),
            shared_store: None,
            metrics: Arc::default(),
        };
        let made = assemble::live(&self.settings, Arc::clone(&self.ring), &makings, None);
        let mut live = made.unwrap();
        for (id, behaviour) in ["a", "b", "c"].into_iter().zip(&self.behaviours) {
            let stack = self.stack(id, behaviour, &live.providers[id]);
            live.providers.insert(id.into(), Arc::new(stack));
        }
        let shared = Shared {
            store: Arc::clone(&self.store),
            live: Arc::new(ArcSwap::from_pointee(live)),
            metrics: Arc::new(Metrics::new(DroppedLines::none())),
            clock: Arc::<TimeOfDay>::clone(&self.clock),
            store_skew_ms: Arc::new(AtomicI64::new(0)),
            is_durable: Arc::new(AtomicBool::new(true)),
            keeps_subjects: Arc::new(AtomicBool::new(true)),
            lookout: Arc::new(Lookout::new().0),
            tally: Arc::default(),
        };
        let limits = DispatchLimits {
            in_flight_max: 16,
            timers_max: 16,
        };
        let dispatcher = Dispatcher::new(shared.clone(), &limits);
        Node {
            service: Arc::new(Service::new(shared.clone(), Arc::clone(&dispatcher))),
            dispatcher,
            shared,
        }
    }

    fn stack(
        &self,
        id: &'static str,
        behaviour: &Behaviour,
        like: &ProviderStack,
    ) -> ProviderStack {
        let settings = StackSettings {
            concurrency_max: 16,
            attempt_timeout: ATTEMPT_TIMEOUT,
            silence: None,
            receipts_act: true,
            feedback: None,
            pace: self.paced.map(|rate| Arc::new(Pace::own(rate))),
            breaker: BreakerPolicy::default(),
        };
        let (seen, behaviour) = (Arc::clone(&self.seen), behaviour.clone());
        let service = service_fn(move |message: Arc<Message>| {
            submit(Arc::clone(&seen), behaviour.clone(), (id, message))
        });
        let provider = Arc::clone(&like.provider);
        let service = BoxCloneSyncService::new(service);
        ProviderStack::new((id.into(), provider, service), &settings, Arc::new(Nobody))
    }

    /// What reached providers, in order.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn providers_seen(&self) -> Vec<&'static str> {
        self.seen().iter().map(|seen| seen.provider).collect()
    }

    /// The one delivery that providers have seen, as its record has it.
    pub(super) async fn delivery(&self) -> (DeliveryId, DeliveryRecord) {
        let seen = self.seen();
        let id = seen.first().expect("something was sent").delivery;
        let found = self.store.get(id.record).await.unwrap();
        (
            id,
            found.unwrap().record.delivery(id.ordinal).unwrap().clone(),
        )
    }

    /// Lets every lease run out, and has this node take over what is due.
    pub(super) async fn taken_over_by(&self, node: &Node) -> DeliveryRecord {
        tokio::time::sleep(self.settings.dispatch.lease + Duration::from_secs(1)).await;
        let (id, _) = self.delivery().await;
        node.dispatcher.pick_up(id).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.delivery().await.1
    }
}

async fn submit(
    seen: Arc<Mutex<Vec<Seen>>>,
    behaviour: Behaviour,
    (provider, message): (&'static str, Arc<Message>),
) -> Result<Submitted, SubmitError> {
    let (delivery, _attempt) = message.reference.rsplit_once('-').unwrap();
    let arrived = Seen {
        provider,
        at: Instant::now(),
        delivery: DeliveryId::parse(delivery).unwrap(),
    };
    seen.lock().unwrap().push(arrived);
    match behaviour {
        Behaviour::Takes(after) => {
            tokio::time::sleep(after).await;
            Ok(Submitted { message_id: None })
        }
        Behaviour::Hangs => std::future::pending().await,
        Behaviour::Fails(error) => Err(error),
        Behaviour::FailsAfter(after, error) => {
            tokio::time::sleep(after).await;
            Err(error)
        }
    }
}

impl Node {
    /// A request that goes on by itself.
    pub(super) fn asked(&self, request: DeliverRequest) -> JoinHandle<Answer<WithinEnd>> {
        self.asked_within(request, BUDGET)
    }

    pub(super) fn asked_within(
        &self,
        request: DeliverRequest,
        budget: Duration,
    ) -> JoinHandle<Answer<WithinEnd>> {
        let (service, live) = (Arc::clone(&self.service), self.shared.live.load_full());
        tokio::spawn(async move {
            let tenant = live.tenants.by_name("acme").unwrap();
            service.deliver_within(tenant, request, budget).await
        })
    }

    pub(super) async fn ask(&self, request: DeliverRequest) -> Answer<WithinEnd> {
        self.asked(request).await.unwrap()
    }
}

pub(super) fn request() -> DeliverRequest {
    request_to(0)
}

/// To one of several numbers.
pub(super) fn request_to(last_digit: u8) -> DeliverRequest {
    DeliverRequest {
        extension: None,
        to: format!("+1415555012{last_digit}"),
        region: None,
        channel: Some(Channel::Sms),
        text: "Use 583920 to sign in.".to_owned(),
        speech: None,
        locale: None,
        validity_s: None,
        reference: None,
        client: Client::default(),
        idempotency: None,
        wait: None,
    }
}

/// The same under a name.
pub(super) fn named(key: &str, content: &'static str) -> DeliverRequest {
    DeliverRequest {
        idempotency: Some(IdempotencyKey {
            key: key.to_owned(),
            content: Bytes::from_static(content.as_bytes()),
        }),
        ..request()
    }
}
