//! The stores a story runs over, and the time that it moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use watchword::clock::{Clock, ManualClock, SystemClock};
use watchword::store::Store;
use watchword::store::embedded::{EmbeddedStore, Settings};
use watchword::store::redis::{RedisSettings, RedisStore};

use crate::support::redis_server::{RedisOptions, RedisServer};

/// Which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stand {
    Embedded,
    Redis,
}

/// An empty store, with its time.
pub(crate) struct Opened {
    pub(super) store: Arc<dyn Store>,
    pub(super) time: Time,
    pub(crate) kept: Kept,
}

/// Where it is kept.
pub(crate) enum Kept {
    OnDisk(TempDir),
    InRedis(Box<RedisServer>, Arc<RedisStore>),
}

/// What the clock shows.
#[derive(Clone, Debug)]
pub(crate) enum Time {
    /// Stands still unless it is moved.
    Still(ManualClock),
    /// A server has a clock of its own: how much later it is than there.
    Ahead(Arc<AtomicU64>),
}

impl Clock for Time {
    fn now_ms(&self) -> u64 {
        match self {
            Self::Still(clock) => clock.now_ms(),
            Self::Ahead(by_ms) => SystemClock.now_ms() + by_ms.load(Ordering::SeqCst),
        }
    }
}

const START_MS: u64 = 1_800_000_000_000;

impl Opened {
    pub(super) async fn open(stand: Stand) -> Self {
        match stand {
            Stand::Embedded => on_disk(),
            Stand::Redis => in_redis().await,
        }
    }

    pub(super) fn advance(&self, by: Duration) {
        match (&self.time, &self.kept) {
            (Time::Still(clock), _) => clock.advance(by),
            (Time::Ahead(by_ms), Kept::InRedis(_, store)) => {
                let more_ms = u64::try_from(by.as_millis()).expect("no story takes so long");
                let ahead_ms = by_ms.fetch_add(more_ms, Ordering::SeqCst) + more_ms;
                let shift_ms = i64::try_from(ahead_ms).expect("no story takes so long");
                store.set_clock_shift_ms(shift_ms);
            }
            (Time::Ahead(_), Kept::OnDisk(_)) => unreachable!("a file has no clock"),
        }
    }
}

fn on_disk() -> Opened {
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let clock = ManualClock::new(START_MS);
    let read = clock.clone();
    let path = folder.path().join("store.redb");
    let store = EmbeddedStore::open(&path, &Settings::default(), Arc::new(move || read.now_ms()))
        .expect("a file that nobody has open");
    Opened {
        store: Arc::new(store),
        time: Time::Still(clock),
        kept: Kept::OnDisk(folder),
    }
}

async fn in_redis() -> Opened {
    let server = RedisServer::start_with(RedisOptions::default().searchable());
    let settings = RedisSettings {
        url: server.url(),
        ca_pem: None,
        connect_timeout: Duration::from_secs(1),
        response_timeout: Duration::from_millis(500),
        memory_guard_ratio: 0.85,
        retention_ms: 86_400_000,
        prefix: "ww:".to_owned(),
    };
    let clock = Arc::new(|| SystemClock.now_ms());
    let store = RedisStore::open(&settings, clock)
        .await
        .expect("a server that has just said it is ready");
    let store = Arc::new(store);
    Opened {
        store: Arc::clone(&store) as Arc<dyn Store>,
        time: Time::Ahead(Arc::default()),
        kept: Kept::InRedis(Box::new(server), store),
    }
}
