//! What a reload replaces: tenants, routes, providers, texts, keys, limits.
//! A request loads it once and works with that, whatever is reloaded meanwhile.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::admission::gcra::GcraRule;
use crate::admission::limits::LimitRule;
use crate::admission::memory::Remembered;
use crate::assemble::MadeFrom;
use crate::clock::Clock;
use crate::code::Code;
use crate::delivery::DispatchPolicy;
use crate::keys::KeyRing;
use crate::routing::{Destination, Draw, ProviderId, RoutingTable};
use crate::senders::Senders;
use crate::signals::Signals;
use crate::stack::ProviderStack;
use crate::store::{Store, StoreError};
use crate::tally::Tally;
use crate::telemetry::{Metrics, events};
use crate::tenants::Directory;
use crate::verification::SendPolicy;
use crate::webhooks::Lookout;

/// Everything that can be reloaded, checked and ready for use.
pub struct Live {
    pub tenants: Directory,
    pub ring: Arc<KeyRing>,
    pub routing: RoutingTable,
    pub providers: HashMap<ProviderId, Arc<ProviderStack>>,
    /// What the providers were made from, for the next reload to compare.
    pub made_from: HashMap<ProviderId, MadeFrom>,
    /// Limits of other slots that have refused, by their names. A reload may
    /// raise them, so it forgets.
    pub refused_limits: Remembered,
    pub senders: Senders,
    pub codes: CodePolicy,
    pub sends: SendPolicy,
    /// Of what is addressed to a subject: its account stands for the number.
    pub subject_sends: SendPolicy,
    pub limits: Limits,
    /// What networks say of numbers.
    pub signals: Arc<dyn Signals>,
    pub dispatch: DispatchSettings,
    /// Where providers reach us, without a slash at the end.
    pub public_url: Option<Arc<str>>,
}

/// How codes are drawn and checked.
#[derive(Clone, Copy, Debug)]
pub struct CodePolicy {
    pub digits: u8,
    pub lifetime_ms: u64,
    pub checks_max: u8,
}

/// Fewer digits than this get fewer checks.
const DIGITS_FOR_ALL_CHECKS: u8 = 6;
const CHECKS_OF_SHORT_CODES: u8 = 3;

impl CodePolicy {
    /// How often a code of so many digits may be tried.
    pub fn checks_for(&self, digits: usize) -> u8 {
        if digits < usize::from(DIGITS_FOR_ALL_CHECKS) {
            self.checks_max.min(CHECKS_OF_SHORT_CODES)
        } else {
            self.checks_max
        }
    }
}

/// The limits that live outside a number's record.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Per tenant and number; asked beside for what is addressed to a subject.
    pub sends_per_number: Vec<LimitRule>,
    pub number_all_tenants: Vec<LimitRule>,
    /// Per tenant and ten thousand neighbouring numbers; empty: not limited.
    pub sends_per_prefix: Vec<LimitRule>,
    pub sends_per_address: Vec<LimitRule>,
    pub failed_checks_per_address: Vec<LimitRule>,
    pub lookups_per_tenant: Vec<LimitRule>,
    pub explains_per_tenant: Vec<LimitRule>,
}

impl Limits {
    pub fn rates(rules: impl IntoIterator<Item = GcraRule>) -> Vec<LimitRule> {
        rules.into_iter().map(LimitRule::Rate).collect()
    }
}

/// How dispatch behaves.
#[derive(Clone, Debug)]
pub struct DispatchSettings {
    pub policy: DispatchPolicy,
    /// One walk ends within this.
    pub deadline: Duration,
    /// The wait after walk 1, 2, ...; the last one repeats.
    pub retry_waits: Vec<Duration>,
}

impl Live {
    /// The hops for a destination, best first; empty if no route matches.
    pub fn hops(
        &self,
        to: Destination<'_>,
        draw: Draw,
        was_tried: impl Fn(&str) -> bool,
    ) -> Vec<ProviderId> {
        let is_ejected = |id: &str| {
            self.providers
                .get(id)
                .is_none_or(|provider| provider.is_ejected(to.channel))
        };
        self.routing
            .route(to)
            .map(|route| route.hops(draw, was_tried, is_ejected))
            .unwrap_or_default()
    }

    /// Where a provider reports on one attempt; `None` without a public URL.
    pub fn receipt_url(&self, provider: &str, reference: &str) -> Option<Arc<str>> {
        let base = self.public_url.as_ref()?;
        Some(format!("{base}/v1/receipts/{provider}/{reference}").into())
    }

    /// Where a provider asks what the call of one attempt says; `None` without a
    /// public URL.
    pub fn call_url(&self, provider: &str, reference: &str) -> Option<Arc<str>> {
        let base = self.public_url.as_ref()?;
        Some(format!("{base}/v1/calls/{provider}/{reference}").into())
    }
}

/// A test number's fixed code.
#[derive(Clone, Debug)]
pub struct TestNumber {
    pub code: Code,
}

/// What every part of the gateway has at hand. Cheap to clone.
#[derive(Clone)]
pub struct Shared {
    pub store: Arc<dyn Store>,
    pub live: Arc<ArcSwap<Live>>,
    pub metrics: Arc<Metrics>,
    pub clock: Arc<dyn Clock>,
    /// The store's clock minus ours, in ms.
    pub store_skew_ms: Arc<AtomicI64>,
    /// Whether the store keeps the promise the operator asked for; sends stop
    /// while it does not.
    pub is_durable: Arc<AtomicBool>,
    /// Whether subjects are served: never on a store that forgets, unless told so.
    pub keeps_subjects: Arc<AtomicBool>,
    /// Whose records are watched for webhooks.
    pub lookout: Arc<Lookout>,
    /// What this node counts for each route.
    pub tally: Arc<Tally>,
}

impl Shared {
    /// The store's time, as well as it is known without asking.
    pub fn store_now_ms(&self) -> u64 {
        let skew_ms = self.store_skew_ms.load(Ordering::Relaxed);
        self.clock.now_ms().saturating_add_signed(skew_ms)
    }

    /// Logs and counts a store that did not do what was asked.
    pub fn store_failed(&self, step: &'static str, error: &StoreError) {
        events::StoreFailed {
            step,
            kind: error.kind(),
        }
        .emit(&self.metrics);
    }
}
