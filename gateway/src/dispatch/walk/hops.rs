//! Which providers a walk tries, and in which order.

use std::sync::Arc;

use watchword_providers::Channel;

use crate::delivery::{DeliveryRecord, DueKind, Outcome};
use crate::dispatch::Work;
use crate::dispatch::compose::Composed;
use crate::dispatch::plan::{is_final_by_receipt, is_left_out, only_provider};
use crate::live::Live;
use crate::routing::Draw;
use crate::stack::ProviderStack;

/// How often a delivery's phone rings at most because the call before was not heard.
const CALLS_MAX: u8 = 2;

/// The hops of this walk, in order.
pub(super) fn hops(live: &Live, composed: &Composed, work: &Work) -> Vec<Arc<ProviderStack>> {
    let Some(state) = work.state() else {
        return Vec::new();
    };
    if composed.has_budget && work.budget.is_none() {
        // Taken over, by a receipt or for want of one: its caller has been answered.
        return Vec::new();
    }
    // Without a hop the walk ends, and goes on over the next channel if there is one.
    // A phone that nobody takes up rings once more, not on and on.
    let has_called_enough = state.channel == Channel::Voice && state.submissions() >= CALLS_MAX;
    if is_after_receipt(work.why) && (is_final_by_receipt(state) || has_called_enough) {
        return Vec::new();
    }
    if let Some(only) = only_provider(state, work.why) {
        return live
            .providers
            .get(only)
            .map(Arc::clone)
            .into_iter()
            .collect();
    }
    let last = state.attempts.last().filter(|_| work.why.is_none());
    // The one that the create step has begun goes first, whatever has changed since.
    let first = last
        .filter(|attempt| attempt.outcome == Outcome::Begun)
        .map(|attempt| &*attempt.provider);
    let was_tried = |provider: &str| {
        let by = |delivery: &DeliveryRecord| {
            delivery.channel == state.channel
                && delivery
                    .attempts
                    .iter()
                    .any(|attempt| *attempt.provider == *provider)
        };
        first.is_none() && work.record.deliveries.iter().any(by)
    };
    let draw = if first.is_some() {
        Draw::Leave
    } else {
        Draw::Take
    };
    let ordered = live.hops(composed.destination(), draw, was_tried);
    let rest = ordered
        .iter()
        .map(|id| &**id)
        .filter(|id| Some(*id) != first && !is_left_out(state, work.why, id));
    first
        .into_iter()
        .chain(rest)
        .filter_map(|id| live.providers.get(id).map(Arc::clone))
        .collect()
}

/// Whether the create step has begun an attempt at this hop for us.
pub(super) fn is_begun_by_create(work: &Work, hop: &ProviderStack) -> bool {
    let last = work.state().and_then(|state| state.attempts.last());
    work.why.is_none()
        && last.is_some_and(|attempt| {
            attempt.outcome == Outcome::Begun && *attempt.provider == *hop.id
        })
}

pub(super) fn is_after_receipt(why: Option<DueKind>) -> bool {
    matches!(why, Some(DueKind::Receipt | DueKind::Undelivered))
}
