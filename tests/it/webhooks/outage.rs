//! An hour without the endpoint, and a courier that dies in between, in no time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::{HeaderMap, StatusCode};
use tokio::sync::mpsc;
use watchword::assemble::{self, ProviderMakings, master_keys};
use watchword::clock::{Clock as _, ManualClock};
use watchword::config;
use watchword::details::{Details, RecordPlace, Whom};
use watchword::id::{RecordId, Shard};
use watchword::keys::{IndexKey, KeyRing, PurposeKeys, random};
use watchword::live::Shared;
use watchword::stack::StackEvents;
use watchword::stack::breaker::BreakerState;
use watchword::stack::pace::Sharing;
use watchword::store::embedded::{EmbeddedStore, Settings};
use watchword::store::metered::MeteredStore;
use watchword::telemetry::Metrics;
use watchword::telemetry::logging::DroppedLines;
use watchword::verification::{
    ClientClass, CodeDigest, IdentityTag, NumberTag, RecordKind, SendPolicy, Start,
};
use watchword::webhooks::{
    Courier, CourierSettings, Lookout, Post, PostError, Posted, Poster, Replay, replay,
};
use watchword_providers::Channel;
use watchword_providers::sandbox::{CallbackSender, Inbox};
use zeroize::Zeroizing;

const START_MS: u64 = 1_800_000_000_000;
const MINUTE: Duration = Duration::from_secs(60);

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
[[tenants.webhooks]]
id = "main"
url = "https://hooks.example.com/a"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
[[tenants.webhooks]]
id = "well"
url = "https://well.example.com/b"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
[[providers]]
id = "hook-a"
kind = "webhook"
channels = ["sms"]
url = "http://127.0.0.1:9001/send"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
[[routes]]
channel = "sms"
hops = ["hook-a"]
"#;

/// How the endpoint `main` answers; `well` always does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Up,
    Down,
    /// It takes the event and never answers.
    Hangs,
    Gone,
}

struct FakeSink {
    mood: Mutex<Mood>,
    /// By host: the ids and bodies that were taken, and how often.
    told: Mutex<BTreeMap<String, Vec<(String, String)>>>,
    tries: AtomicI64,
}

#[async_trait]
impl Poster for FakeSink {
    async fn post(&self, post: Post) -> Result<Posted, PostError> {
        let host = post.uri().host().unwrap().to_owned();
        let mood = if host.starts_with("well") {
            Mood::Up
        } else {
            self.tries.fetch_add(1, Ordering::SeqCst);
            *self.mood.lock().unwrap()
        };
        let id = post.headers()["webhook-id"].to_str().unwrap().to_owned();
        let body = String::from_utf8(post.body().to_vec()).unwrap();
        let status = match mood {
            Mood::Down => return Err(PostError::NoAnswer),
            Mood::Gone => StatusCode::GONE,
            Mood::Up | Mood::Hangs => {
                let mut told = self.told.lock().unwrap();
                told.entry(host).or_default().push((id, body));
                StatusCode::OK
            }
        };
        if mood == Mood::Hangs {
            std::future::pending::<()>().await;
        }
        Ok(Posted {
            status,
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

struct World {
    shared: Shared,
    settings: config::Settings,
    clock: ManualClock,
    sink: Arc<FakeSink>,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.toml");
        fs::write(&path, CONFIGURATION).unwrap();
        let settings = config::load(&path).unwrap().settings;
        let keys = master_keys(&settings).iter().map(PurposeKeys::of).collect();
        let index = IndexKey::new(&Zeroizing::new(random()), 8);
        let ring = Arc::new(KeyRing::new(keys, "k1", index).unwrap());
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
        let live = assemble::live(&settings, Arc::clone(&ring), &makings, None).unwrap();
        let clock = ManualClock::new(START_MS);
        let time = clock.clone();
        let store = EmbeddedStore::in_memory(&Settings::default(), Arc::new(move || time.now_ms()))
            .unwrap();
        let lookout = Arc::new(Lookout::new().0);
        lookout.set(assemble::watching(&settings, &ring).unwrap());
        let metered =
            MeteredStore::new(Arc::new(store), Arc::clone(&metrics), Arc::clone(&lookout));
        let shared = Shared {
            store: Arc::new(metered),
            live: Arc::new(ArcSwap::from_pointee(live)),
            metrics,
            clock: Arc::new(clock.clone()),
            store_skew_ms: Arc::new(AtomicI64::new(0)),
            is_durable: Arc::new(AtomicBool::new(true)),
            keeps_subjects: Arc::new(AtomicBool::new(true)),
            lookout,
            tally: Arc::default(),
        };
        let sink = Arc::new(FakeSink {
            mood: Mutex::new(Mood::Up),
            told: Mutex::default(),
            tries: AtomicI64::new(0),
        });
        Self {
            shared,
            settings,
            clock,
            sink,
        }
    }

    /// As it is after the start of a process.
    fn courier(&self) -> Arc<Courier> {
        let settings = CourierSettings {
            webhooks: assemble::webhooks(&self.settings),
            sweep_interval: Duration::from_secs(1),
            in_flight_max: 64,
        };
        let poster = Arc::clone(&self.sink) as Arc<dyn Poster>;
        Arc::new(Courier::new(self.shared.clone(), poster, settings))
    }

    fn restarted(&self) -> Arc<Courier> {
        let ring = Arc::clone(&self.shared.live.load().ring);
        let watching = assemble::watching(&self.settings, &ring).unwrap();
        self.shared.lookout.set(watching);
        self.courier()
    }

    fn mood(&self, mood: Mood) {
        *self.sink.mood.lock().unwrap() = mood;
    }

    /// Accepts a verification that is canceled at once.
    async fn canceled(&self) -> RecordId {
        let live = self.shared.live.load_full();
        let tenant = live.ring.index().tenant("acme");
        let id = RecordId {
            shard: Shard::new(3).unwrap(),
            random: random(),
        };
        let place = RecordPlace {
            id,
            tenant,
            kind: RecordKind::Verification,
        };
        let details = Details {
            tenant: "acme".into(),
            e164: "+14155550123".into(),
            country_code_digits: 1,
            region: "US".into(),
            purpose: "sign_in".into(),
            subject: None,
            locale: None,
            payment: None,
            origin: None,
            app_hash: None,
            reference: None,
            text: None,
            speech: None,
            is_test: false,
            whom: Whom::default(),
            budget_ms: None,
        };
        let start = Start {
            id,
            kind: RecordKind::Verification,
            tenant,
            number: NumberTag(random()),
            identity: IdentityTag([1; 12]),
            custom_code: None,
            wants_new_code: false,
            client: ClientClass::Unknown,
            lifetime_ms: 600_000,
            checks_max: 5,
            digest: Some(CodeDigest {
                key_id: "k1".into(),
                mac: vec![0; 32],
            }),
            details: details.seal(&place.sealer(&live.ring)),
            code: None,
            delivery: None,
            policy: SendPolicy {
                rules: Vec::new(),
                resend_waits_ms: vec![30_000],
                sends_max: 5,
                live_max: 3,
                quiet_ms: 60_000,
                lease_ms: 15_000,
            },
        };
        let sent = self.shared.store.start_within(&start, None, &[]).await;
        sent.started.unwrap();
        self.shared.store.cancel(id, tenant).await.unwrap().unwrap();
        id
    }

    /// Lets time pass, with a look a minute, or rarer if it is long.
    async fn pass(&self, courier: &Arc<Courier>, time: Duration) {
        let step = MINUTE.max(time / 360);
        for _ in 0..time.as_secs() / step.as_secs() {
            self.clock.advance(step);
            tokio::time::advance(step).await;
            courier.pass().await;
        }
    }

    /// The ids that this host has taken.
    fn told(&self, host: &str) -> BTreeSet<String> {
        let told = self.sink.told.lock().unwrap();
        let own = told.get(host).into_iter().flatten();
        own.map(|(id, _)| id.clone()).collect()
    }
}

const MAIN: &str = "hooks.example.com";
const WELL: &str = "well.example.com";

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_down_for_an_hour_hears_of_everything_once_it_is_back() {
    let world = World::new();
    world.mood(Mood::Down);
    let courier = world.courier();
    let mut expected = BTreeSet::new();
    for _ in 0..30 {
        expected.insert(format!("evt_{}_1", world.canceled().await));
        world.pass(&courier, MINUTE).await;
    }
    // The other endpoint of the tenant does not wait for the one that is down.
    assert_eq!(world.told(WELL), expected);
    // The courier dies while the endpoint has an event and has not answered.
    world.mood(Mood::Hangs);
    let dying = tokio::spawn(async move { courier.pass().await });
    tokio::task::yield_now().await;
    dying.abort();
    _ = dying.await;
    world.mood(Mood::Down);
    let courier = world.restarted();
    world.pass(&courier, Duration::from_secs(30 * 60)).await;
    world.mood(Mood::Up);
    world.pass(&courier, Duration::from_secs(3 * 3_600)).await;
    assert_eq!(world.told(MAIN), expected);
    // The same event says the same in every try.
    let told = world.sink.told.lock().unwrap();
    let mut bodies = BTreeMap::new();
    for (id, body) in &told[MAIN] {
        assert_eq!(bodies.entry(id).or_insert(body), &body);
    }
    // A dead endpoint is tried now and then, not all the time.
    let tries = world.sink.tries.load(Ordering::SeqCst);
    assert!(tries < 30 * 6, "{tries} tries");
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_after_three_days_can_be_replayed() {
    let world = World::new();
    world.mood(Mood::Down);
    let courier = world.courier();
    let id = world.canceled().await;
    world.pass(&courier, Duration::from_secs(4 * 86_400)).await;
    let tries = world.sink.tries.load(Ordering::SeqCst);
    assert_eq!(tries, 10, "one at once and nine retries");
    world.mood(Mood::Up);
    world.pass(&courier, Duration::from_secs(3_600)).await;
    assert_eq!(world.told(MAIN), BTreeSet::new());
    let tenant = world.shared.live.load().ring.index().tenant("acme");
    let between = Replay::Between {
        from_ms: START_MS,
        until_ms: START_MS + 86_400_000,
        with_told: false,
    };
    let replayed = replay(&world.shared, tenant, (&between, Some("main"))).await;
    assert_eq!(replayed.unwrap().events, 1);
    world.pass(&courier, MINUTE).await;
    let expected = format!("evt_{id}_1");
    assert_eq!(world.told(MAIN), BTreeSet::from([expected.clone()]));
    // One that was told can be told again by its id.
    let one = Replay::Event { name: expected };
    let again = replay(&world.shared, tenant, (&one, Some("well"))).await;
    assert_eq!(again.unwrap().events, 1);
    world.pass(&courier, MINUTE).await;
    assert_eq!(world.sink.told.lock().unwrap()[WELL].len(), 2);
    let unknown = Replay::Event {
        name: "evt_0030000000000000000000000000z_1".into(),
    };
    assert!(
        replay(&world.shared, tenant, (&unknown, None))
            .await
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_says_410_is_not_called_again() {
    let world = World::new();
    world.mood(Mood::Gone);
    let courier = world.courier();
    for _ in 0..3 {
        world.canceled().await;
        world.pass(&courier, MINUTE).await;
    }
    assert_eq!(world.sink.tries.load(Ordering::SeqCst), 1);
    assert_eq!(world.told(WELL).len(), 3);
    // A reload gives it another chance.
    world.mood(Mood::Up);
    let courier = world.restarted();
    world.canceled().await;
    world.pass(&courier, MINUTE).await;
    assert_eq!(world.told(MAIN).len(), 1);
}
