//! Which message brought the approval: counted for its provider and area, the
//! truth about a route.

use super::Service;
use crate::delivery::{AttemptRecord, DeliveryRecord};
use crate::details::Details;
use crate::live::Live;
use crate::routing::{Area, ProviderId};
use crate::store::Found;
use crate::tally::Became;
use crate::verification::{Record, Status};
use watchword_providers::{Channel, ReceiptStatus};

impl Service {
    /// Counts an approval that `found` answers with. One that was made before, and
    /// is only told again, was counted then.
    pub(super) fn count_approval(&self, live: &Live, found: &Found, details: &Details) {
        let record = &found.record;
        if record.status != Status::Approved || record.decided_at_ms != found.now_ms {
            return;
        }
        let (Some((provider, channel)), Some(number)) = (credited(record), details.number()) else {
            return;
        };
        let provider = match live.providers.get_key_value(provider) {
            Some((id, _)) => ProviderId::clone(id),
            None => ProviderId::from(provider),
        };
        let area = Area::of(&details.region, &number);
        let [spread, ..] = found.id.random;
        let to = (&provider, channel, area);
        self.shared.tally.count(spread, to, Became::Approved);
    }
}

/// The last message that a receipt calls delivered; else the last that may have gone.
fn credited(record: &Record) -> Option<(&str, Channel)> {
    let messages = || {
        let of = |delivery: &'_ DeliveryRecord| delivery.channel;
        record
            .deliveries
            .iter()
            .rev()
            .flat_map(move |delivery| {
                delivery
                    .attempts
                    .iter()
                    .rev()
                    .map(move |a| (a, of(delivery)))
            })
            .filter(|(attempt, _)| attempt.outcome.counts_as_submission())
    };
    let is_delivered = |attempt: &AttemptRecord| {
        let receipt = attempt.receipt.as_ref();
        receipt.is_some_and(|receipt| receipt.status == ReceiptStatus::Delivered)
    };
    messages()
        .find(|(attempt, _)| is_delivered(attempt))
        .or_else(|| messages().next())
        .map(|(attempt, channel)| (&*attempt.provider, channel))
}
