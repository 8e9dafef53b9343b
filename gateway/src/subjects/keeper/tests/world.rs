//! A keeper over a store that does what it is told.

use std::sync::atomic::{AtomicBool, AtomicI64};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use watchword_providers::Channel;
use watchword_providers::sandbox::{CallbackSender, Inbox};
use zeroize::Zeroizing;

use super::scripted::ScriptedStore;
use super::*;
use crate::assemble::{self, ProviderMakings};
use crate::config;
use crate::dispatch::DispatchLimits;
use crate::keys::tests::master;
use crate::keys::{IndexKey, KeyRing, PurposeKeys};
use crate::stack::StackEvents;
use crate::stack::breaker::BreakerState;
use crate::stack::pace::Sharing;
use crate::store::subjects::SubjectStore;
use crate::subjects::command::AddMethod;
use crate::subjects::evidence::Fact;
use crate::subjects::model::Number;
use crate::telemetry::Metrics;
use crate::telemetry::logging::DroppedLines;
use crate::webhooks::Lookout;

const CONFIGURATION: &str = r#"
[server]
allow_sandbox = true
[store]
kind = "memory"
[subjects]
unique_numbers = true
[[keys]]
id = "k1"
secret = "MdtSQvxD+5XP8paKbAfjv8khtRcNcu9EDVjnw+qaLdc="
[[tenants]]
name = "acme"
regions = ["US"]
[[tenants.api_keys]]
id = "a1"
sha256 = "7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069"
scopes = ["subjects"]
[[providers]]
id = "sandbox"
kind = "sandbox"
channels = ["sms", "voice"]
[[routes]]
channel = "sms"
hops = ["sandbox"]
[[routes]]
channel = "voice"
hops = ["sandbox"]
"#;

pub(super) struct World {
    pub(super) keeper: Keeper,
    pub(super) store: Arc<ScriptedStore>,
    pub(super) tenant: Arc<Tenant>,
}

struct Nobody;

impl StackEvents for Nobody {
    fn breaker_changed(&self, _provider: &str, _channel: Channel, _state: BreakerState) {}
    fn credentials_refused(&self, _provider: &str) {}
    fn sharing_changed(&self, _provider: &str, _sharing: Sharing) {}
}

impl World {
    /// With one that was frozen, and has no number.
    pub(super) async fn with_subject() -> Self {
        let world = Self::new();
        let why = FreezeReason::Asked;
        let freeze = |_: &Opened| Ok((Command::Freeze { why, said: None }, ()));
        let frozen = world
            .keeper
            .change(&world.tenant, "u-1", Actor::Person, freeze);
        frozen.await.unwrap();
        world
    }

    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.toml");
        std::fs::write(&path, CONFIGURATION).unwrap();
        let settings = config::load(&path).unwrap().settings;
        let index = IndexKey::new(&Zeroizing::new([3; 32]), 1);
        let keys = vec![PurposeKeys::of(&master("k1", 1))];
        let ring = Arc::new(KeyRing::new(keys, "k1", index).unwrap());
        let metrics = Arc::new(Metrics::new(DroppedLines::none()));
        let store = Arc::new(ScriptedStore::new());
        let (callbacks, _received) = mpsc::channel(1);
        let makings = ProviderMakings {
            inbox: Inbox::default(),
            callbacks: CallbackSender::new(callbacks),
            clock: watchword_providers::Clock::from_fn(|| 0),
            events: Arc::new(Nobody),
            shared_store: None,
            metrics: Arc::clone(&metrics),
        };
        let live = assemble::live(&settings, ring, &makings, None).unwrap();
        let tenant = Arc::clone(live.tenants.by_name("acme").unwrap());
        let shared = Shared {
            store: Arc::clone(&store) as Arc<dyn crate::store::Store>,
            live: Arc::new(ArcSwap::from_pointee(live)),
            metrics,
            clock: Arc::new(store.clock()),
            store_skew_ms: Arc::new(AtomicI64::new(0)),
            is_durable: Arc::new(AtomicBool::new(true)),
            keeps_subjects: Arc::new(AtomicBool::new(true)),
            lookout: Arc::new(Lookout::new().0),
            tally: Arc::default(),
        };
        let limits = DispatchLimits {
            in_flight_max: 1,
            timers_max: 1,
        };
        let dispatcher = Dispatcher::new(shared.clone(), &limits);
        Self {
            keeper: Keeper::new(shared, dispatcher),
            store,
            tenant,
        }
    }

    pub(super) async fn revision(&self) -> u64 {
        let live = self.keeper.shared.live.load();
        let key = live.ring.index().subject(self.tenant.tag, "u-1");
        self.store
            .subject(key)
            .await
            .unwrap()
            .stored
            .unwrap()
            .revision
    }

    /// A subject's first number.
    pub(super) async fn adds(&self, subject: &str, e164: &str) -> Answer<()> {
        let decide = |opened: &Opened| {
            let live = self.keeper.shared.live.load();
            let added = AddMethod {
                id: live.ring.index().method(opened.key, e164),
                number: Number {
                    e164: e164.to_owned(),
                    country_code_digits: 1,
                    region: "US".to_owned(),
                },
                role: None,
                channel: Channel::Sms,
                extension: None,
                locale: None,
                facts: vec![Fact::Session],
                proof: opened.key.0,
                stopped: false,
            };
            Ok((Command::AddMethod(added), ()))
        };
        let added = self
            .keeper
            .change(&self.tenant, subject, Actor::Person, decide);
        added.await.map(drop)
    }

    /// The code that was sent to it was typed back.
    pub(super) async fn proves(&self, subject: &str, e164: &str) -> Answer<()> {
        let decide = |opened: &Opened| {
            let live = self.keeper.shared.live.load();
            let method = live.ring.index().method(opened.key, e164);
            let proof = opened.key.0;
            Ok((Command::MethodProved { method, proof }, ()))
        };
        let proved = self
            .keeper
            .change(&self.tenant, subject, Actor::Person, decide);
        proved.await.map(drop)
    }
}
