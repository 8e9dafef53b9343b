//! One URL of a tenant: what it wants to hear, when it is tried again, and how
//! it is kept from holding up others.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Uri;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use watchword_providers::signature::WebhookKeys;

use super::kind::EventKind;

/// Failures in a row after which an endpoint is left alone for a while.
const FAILURES_MAX: u32 = 5;
/// How long it is left alone, at first and at most.
const PAUSE_FIRST: Duration = Duration::from_secs(15);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// While it is busy with others, an event waits about so long.
const BUSY_AGAIN: Duration = Duration::from_millis(500);

/// What an endpoint is made from.
pub struct EndpointSettings {
    pub id: String,
    pub url: Uri,
    /// One for each secret: all of them sign, so that the tenant can change
    /// from one to the next whenever it likes.
    pub keys: Vec<WebhookKeys>,
    /// Empty: all.
    pub events: Vec<EventKind>,
    pub timeout: Duration,
    pub concurrency_max: u32,
    pub full_numbers: bool,
}

/// One URL of a tenant, as this node knows it.
pub struct Endpoint {
    pub(super) id: String,
    pub(super) url: Uri,
    pub(super) keys: Vec<WebhookKeys>,
    events: Vec<EventKind>,
    pub(super) timeout: Duration,
    pub(super) full_numbers: bool,
    places: Arc<Semaphore>,
    health: Mutex<Health>,
    /// It answered 410: nothing more is sent until the configuration is reloaded.
    is_gone: AtomicBool,
}

#[derive(Default)]
struct Health {
    failures: u32,
    closed_until: Option<Instant>,
}

/// Whether an endpoint may be called now.
pub(super) enum Admission {
    Place(OwnedSemaphorePermit),
    /// Not now, and it does not count as a try.
    Later(Duration),
    Gone,
}

impl Endpoint {
    pub fn new(settings: EndpointSettings) -> Self {
        let places = usize::try_from(settings.concurrency_max)
            .unwrap_or(1)
            .max(1);
        Self {
            id: settings.id,
            url: settings.url,
            keys: settings.keys,
            events: settings.events,
            timeout: settings.timeout,
            full_numbers: settings.full_numbers,
            places: Arc::new(Semaphore::new(places)),
            health: Mutex::default(),
            is_gone: AtomicBool::new(false),
        }
    }

    pub(super) fn wants(&self, kind: EventKind) -> bool {
        self.events.is_empty() || self.events.contains(&kind)
    }

    pub(super) fn admit(&self) -> Admission {
        if self.is_gone.load(Ordering::Relaxed) {
            return Admission::Gone;
        }
        let now = Instant::now();
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = health.closed_until {
            if until > now {
                return Admission::Later(until - now);
            }
            // One call finds out; others wait until it has.
            health.closed_until = Some(now + self.timeout);
        }
        drop(health);
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => Admission::Place(place),
            Err(_) => Admission::Later(BUSY_AGAIN),
        }
    }

    pub(super) fn worked(&self) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        *health = Health::default();
    }

    /// From some failures in a row on, it is left alone for longer and longer.
    pub(super) fn failed(&self) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.failures = health.failures.saturating_add(1);
        if let Some(beyond) = health.failures.checked_sub(FAILURES_MAX) {
            let pause = PAUSE_FIRST
                .saturating_mul(1 << beyond.min(8))
                .min(PAUSE_MAX);
            health.closed_until = Some(Instant::now() + pause);
        }
    }

    pub(super) fn gone(&self) {
        self.is_gone.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.id)
    }
}

/// When an event is tried again: before the second try, the third, ..
#[derive(Clone, Debug)]
pub struct RetryWaits(pub Arc<[Duration]>);

impl RetryWaits {
    /// How long to wait after so many tries; `None` if it is given up.
    /// `chance` spreads what failed together by a tenth, either way.
    pub(super) fn after(&self, tries: u8, chance: u64) -> Option<Duration> {
        let wait = self.0.get(usize::from(tries).checked_sub(1)?)?;
        let thousandths = 900 + u32::try_from(chance % 201).unwrap_or(100);
        Some(*wait / 1000 * thousandths)
    }
}
