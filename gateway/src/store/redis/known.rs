//! The common settle, of a delivery that nobody has touched since it was
//! created: decided and written here, stored if it is still so.

use super::SKEW_MAX_MS;
use super::asks::{Terms, member_of};
use super::packing::{self, PREFIX};
use crate::delivery::{self, Next, Settle, Settled};
use crate::id::DeliveryId;
use crate::verification::Record;

/// A settle by what we know, and what it comes to.
pub(super) struct KnownSettle {
    /// See `settle_known.lua`.
    pub(super) arguments: Vec<Vec<u8>>,
    pub(super) settled: Settled,
}

impl KnownSettle {
    /// `None` where more than the head would change. Moves `record` on.
    pub(super) fn new(
        id: DeliveryId,
        ask: &Settle,
        record: &mut Record,
        terms: Terms,
    ) -> Option<Self> {
        match ask.next {
            Next::Submitted { .. } => {}
            Next::Continue | Next::Retry { .. } | Next::Fail { .. } | Next::Close { .. } => {
                return None;
            }
        }
        let at_ms = terms.at_ms();
        let leased = record.delivery(id.ordinal).and_then(|state| state.due)?;
        let from_ms = record.created_at_ms.saturating_sub(SKEW_MAX_MS);
        // This script has no guard against a clock that was set: outside of the
        // lease, the one that has takes the question.
        if !(from_ms..=leased.at_ms).contains(&at_ms) {
            return None;
        }
        let before = head(record, terms.epoch);
        let settled = delivery::settle(record, id.ordinal, ask, at_ms).ok()?;
        let after = head(record, terms.epoch);
        // In another room the body would have to move.
        if after.get(..PREFIX) != before.get(..PREFIX) {
            return None;
        }
        let due_at = settled.due.map(|due| due.at_ms.to_string());
        Some(Self {
            arguments: vec![
                before,
                after,
                member_of(id, terms.epoch).into_bytes(),
                due_at.unwrap_or_default().into_bytes(),
            ],
            settled,
        })
    }
}

/// What the head says, without the room it leaves.
fn head(record: &Record, epoch: u32) -> Vec<u8> {
    let (packed, _) = packing::head(record, epoch);
    packed.finish()
}
