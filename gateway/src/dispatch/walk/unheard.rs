//! Whether a walk that receipts, or their absence, have brought about may begin.

use tokio::time::Instant;
use watchword_providers::{Channel, ReceiptStatus};

use super::{Walk, ms};
use crate::calls::{on_the_line_max, tells_of_ends};
use crate::delivery::{AttemptRecord, DeliveryRecord, DueKind, Next, Outcome};
use crate::dispatch::{Dispatcher, Work};
use crate::live::Live;
use crate::stack::silence::OnSilence;
use crate::telemetry::events;

impl Dispatcher {
    /// What becomes of the delivery instead, if this walk must not begin.
    pub(super) fn held_back(&self, work: &Work, walk: &Walk<'_>) -> Option<Next> {
        let state = work.state()?;
        match work.why? {
            DueKind::Receipt => self.after_silence(work, walk, state),
            DueKind::Undelivered => {
                let is_trusted = is_trusted(walk.live, state);
                (!is_trusted).then(|| Next::Close {
                    reason: "undelivered".into(),
                })
            }
            DueKind::Lease | DueKind::Handover | DueKind::Retry => None,
        }
    }

    fn after_silence(&self, work: &Work, walk: &Walk<'_>, state: &DeliveryRecord) -> Option<Next> {
        let stays = Next::Submitted {
            receipt_within_ms: None,
        };
        let is_submitted = |attempt: &&AttemptRecord| attempt.outcome == Outcome::Submitted;
        let silent = state.attempts.iter().rev().find(is_submitted)?;
        // A provider that is no longer configured has no bound to keep to.
        let Some(hop) = walk.live.providers.get(&*silent.provider) else {
            return Some(stays);
        };
        let Some(silence) = &hop.silence else {
            return Some(stays);
        };
        let on_the_line = on_the_line_max(walk.composed.extension.as_ref());
        let over_at_ms = silent.started_at_ms.saturating_add(ms(on_the_line));
        let left_ms = over_at_ms.saturating_sub(self.shared.store_now_ms());
        if state.channel == Channel::Voice && tells_of_ends(&*hop.provider) && left_ms > 0 {
            // It may be ringing, or heard out, and no other may call meanwhile.
            return Some(Next::Submitted {
                receipt_within_ms: Some(left_ms),
            });
        }
        let (reach, now) = (walk.composed.reach(), Instant::now());
        // Where the network said that it took the message over, receipts do come.
        if silent.receipt.is_none()
            && let Some(path) = silence.silent(reach, now)
        {
            let provider = &hop.id;
            events::ReceiptPathChanged { provider, path }.emit(&self.shared.metrics);
        }
        if walk.hops.is_empty() && state.fallback.is_empty() {
            // Nothing can follow, so nothing is to be paid for.
            return None;
        }
        let decided = silence.decide(reach, now);
        let name = work.delivery.to_string();
        events::Silent {
            delivery: &name,
            provider: &hop.id,
            decided: decided.as_str(),
        }
        .emit(&self.shared.metrics);
        match decided {
            OnSilence::Act => None,
            OnSilence::Unreliable | OnSilence::Suspended | OnSilence::Spent => Some(stays),
        }
    }
}

/// Whether every receipt that says a message was lost may be acted upon. One may
/// have come before its submit answer, when nobody asked.
fn is_trusted(live: &Live, state: &DeliveryRecord) -> bool {
    state
        .attempts
        .iter()
        .filter(|attempt| {
            let status = attempt.receipt.as_ref().map(|receipt| receipt.status);
            status == Some(ReceiptStatus::Undelivered)
        })
        .all(|attempt| {
            let hop = live.providers.get(&*attempt.provider);
            hop.is_none_or(|hop| hop.receipts_act)
        })
}
