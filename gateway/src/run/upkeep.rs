//! What is looked after while the gateway runs: the store's health, its clock,
//! the promise it keeps, and whether this node is ready.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::MissedTickBehavior;

use crate::api::Readiness;
use crate::keys::agreement::{KeyRetention, retirable_at};
use crate::live::Shared;
use crate::server::Shutdown;
use crate::store::{Durability, Health, Meta, StoreError};

/// Where this node stands, for `/readyz` and the durability header.
pub(super) struct State {
    is_serving: AtomicBool,
    is_draining: AtomicBool,
    store: ArcSwap<StoreState>,
    meta: ArcSwap<Meta>,
}

/// What the last look at the store found.
#[derive(Clone)]
struct StoreState {
    durability: &'static str,
    word: String,
    /// Whether subjects are served.
    subjects: &'static str,
    /// Why the node cannot serve with it; empty if it can.
    reason: Option<String>,
}

impl State {
    pub(super) fn new(meta: Meta) -> Self {
        Self {
            is_serving: AtomicBool::new(false),
            is_draining: AtomicBool::new(false),
            store: ArcSwap::from_pointee(StoreState {
                durability: Durability::Unverified.as_str(),
                word: "not asked yet".to_owned(),
                subjects: "off",
                reason: Some("the store has not been asked yet".to_owned()),
            }),
            meta: ArcSwap::from_pointee(meta),
        }
    }

    pub(super) fn serving(&self) {
        self.is_serving.store(true, Ordering::Relaxed);
    }

    pub(super) fn draining(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn agreed(&self, meta: Meta) {
        self.meta.store(std::sync::Arc::new(meta));
    }

    pub(super) fn durability(&self) -> &'static str {
        self.store.load().durability
    }

    /// Ready only if it can serve; `allow_sandbox`, `receipts_missing` and `entra`
    /// are filled in by the caller.
    /// `subjects_sealed_ms`: when a look at all subjects began that found none
    /// under an older key.
    pub(super) fn readiness(
        &self,
        retention: KeyRetention,
        (subjects_sealed_ms, now_ms): (Option<u64>, u64),
    ) -> Readiness {
        let store = self.store.load();
        let mut reasons = Vec::new();
        if !self.is_serving.load(Ordering::Relaxed) {
            reasons.push("starting".to_owned());
        }
        if self.is_draining.load(Ordering::Relaxed) {
            reasons.push("draining".to_owned());
        }
        reasons.extend(store.reason.clone());
        let retirable = retirable_at(&self.meta.load(), retention);
        let holds_no_subject = |retirable_ms: u64| {
            let retired_ms = retirable_ms.saturating_sub(retention.needed_after_retired_ms);
            subjects_sealed_ms.is_some_and(|at_ms| at_ms >= retired_ms + LATE_NODES_MS)
        };
        Readiness {
            ready: reasons.is_empty(),
            durability: store.durability,
            subjects: store.subjects,
            store: store.word.clone(),
            reasons,
            allow_sandbox: false,
            retirable_keys: retirable
                .into_iter()
                .filter(|(_, at_ms)| *at_ms <= now_ms && holds_no_subject(*at_ms))
                .map(|(id, _)| id.into_string())
                .collect(),
            receipts_missing: Vec::new(),
            entra: Vec::new(),
        }
    }
}

/// By then every node seals under the newest key, unless it lacks it.
const LATE_NODES_MS: u64 = 600_000;

/// What upkeep needs.
pub(super) struct Upkeep {
    pub shared: Shared,
    pub state: std::sync::Arc<State>,
    pub required_durability: Option<Durability>,
    pub memory_guard_ratio: f64,
    /// Subjects are served even where a restart loses them.
    pub subjects_may_be_lost: bool,
}

const INTERVAL: Duration = Duration::from_secs(2);

/// Looks after the store until the gateway stops.
pub(super) async fn keep(upkeep: Upkeep, mut shutdown: Shutdown) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => upkeep.look().await,
            () = shutdown.requested() => return,
        }
    }
}

impl Upkeep {
    async fn look(&self) {
        let state = match self.shared.store.health().await {
            Ok(health) => self.healthy(&health),
            Err(error) => self.unhealthy(&error),
        };
        let was_ready = self.state.store.load().reason.is_none();
        match (&state.reason, was_ready) {
            (Some(reason), true) => tracing::error!("not ready: {reason}"),
            (None, false) => tracing::info!(durability = state.durability, "store ready"),
            (Some(_), false) | (None, true) => {}
        }
        self.state.store.store(std::sync::Arc::new(state));
    }

    fn healthy(&self, health: &Health) -> StoreState {
        self.shared.metrics.clock_skew(health.clock_skew_ms);
        self.shared
            .store_skew_ms
            .store(health.clock_skew_ms, Ordering::Relaxed);
        let is_full = health
            .memory_used_ratio
            .is_some_and(|used| used >= self.memory_guard_ratio);
        let broken = self
            .required_durability
            .filter(|required| *required != health.durability);
        self.shared
            .is_durable
            .store(broken.is_none(), Ordering::Relaxed);
        let subjects = self.subjects_on(health.durability);
        self.shared
            .keeps_subjects
            .store(subjects != "off", Ordering::Relaxed);
        StoreState {
            durability: health.durability.as_str(),
            subjects,
            word: if is_full {
                "full: sends stop, checks go on"
            } else {
                "up"
            }
            .to_owned(),
            reason: broken.map(|required| {
                format!(
                    "the store is {}, not {required} as store.durability asks",
                    health.durability
                )
            }),
        }
    }

    /// Numbers of people are not entrusted to a store that forgets them.
    fn subjects_on(&self, durability: Durability) -> &'static str {
        match durability {
            Durability::RedisEverysec
            | Durability::RedisAlways
            | Durability::Replicated
            | Durability::Disk => "kept",
            Durability::Memory | Durability::RedisVolatile | Durability::Unverified => {
                if self.subjects_may_be_lost {
                    "forgetful"
                } else {
                    "off"
                }
            }
        }
    }

    fn unhealthy(&self, error: &StoreError) -> StoreState {
        if let StoreError::ClockSkew { skew_ms } = error {
            self.shared.metrics.clock_skew(*skew_ms);
        }
        StoreState {
            durability: self.state.durability(),
            word: error.kind().to_owned(),
            subjects: self.state.store.load().subjects,
            reason: Some(error.to_string()),
        }
    }
}
