//! The steps of dispatch, asked of both.

use watchword::delivery::{Begin, Outcome, ReceiptApplied};
use watchword::id::DeliveryId;

use super::Case;
use super::answers::{dispatch_policy, next, of_stop, of_take};
use super::steps::Dispatch;
use crate::store_conformance::model::{After, Answer, provider_of};
use crate::store_conformance::world;

impl Case<'_> {
    /// Asks about a delivery.
    pub(super) async fn dispatch(
        &mut self,
        of: usize,
        ordinal: u8,
        step: &Dispatch,
    ) -> (Answer, Answer) {
        let id = DeliveryId {
            record: self.ids[of],
            ordinal,
        };
        match *step {
            Dispatch::Begin {
                is_stale,
                is_repeated,
                settles,
            } => {
                let (fence, last) = self.at(of, ordinal, is_stale);
                let attempt = if is_repeated { last.max(1) } else { last + 1 };
                let before = attempt.saturating_sub(1);
                let ended = settles.map(|outcome| (before, outcome));
                let expected = self.model.begin(of, ordinal, (fence, attempt), ended);
                let ask = Begin {
                    fence,
                    attempt,
                    provider: format!("p{}", provider_of(attempt)).into(),
                    settled: ended.and_then(|(number, outcome)| {
                        world::settle(fence, number, outcome, next(After::Continue)).attempt
                    }),
                    policy: dispatch_policy(),
                };
                let begun = self.store().begin(id, &ask).await.unwrap();
                (
                    begun.map_or_else(of_stop, |()| Answer::says("begun")),
                    expected,
                )
            }
            Dispatch::Settle {
                is_stale,
                outcome,
                after,
            } => self.settle(of, ordinal, (is_stale, outcome), after).await,
            Dispatch::Receipt {
                attempt,
                status,
                after_ms,
            } => {
                let mut ask = world::receipt(attempt, status);
                ask.redispatch_after_ms = after_ms;
                let expected = self.model.receipt(of, ordinal, (attempt, status, after_ms));
                let said = match self.store().apply_receipt(id, &ask).await.unwrap() {
                    ReceiptApplied::Nothing => "nothing".to_owned(),
                    ReceiptApplied::Recorded { status } => format!("recorded {status:?}"),
                    ReceiptApplied::Redispatch => "redispatch".to_owned(),
                    ReceiptApplied::CallEnded => "call ended".to_owned(),
                    ReceiptApplied::NoAttempt => "no attempt".to_owned(),
                };
                (Answer::says(said), expected)
            }
            Dispatch::Outage => self.outage(of, ordinal).await,
            Dispatch::Take => {
                let expected = Answer::says(self.model.take(of, ordinal));
                let taken = self.store().take(id, &dispatch_policy()).await.unwrap();
                (Answer::says(of_take(taken.take)), expected)
            }
            Dispatch::HandBack { is_stale, after_ms } => {
                let (fence, _) = self.at(of, ordinal, is_stale);
                let expected = self.model.hand_back(of, ordinal, (fence, after_ms));
                let handed = self.store().hand_back(id, fence, after_ms).await.unwrap();
                (
                    handed.map_or_else(of_stop, |()| Answer::says("handed back")),
                    expected,
                )
            }
        }
    }

    /// Walks that fail for now until some attempts are folded; what the first
    /// unexpected answer was.
    async fn outage(&mut self, of: usize, ordinal: u8) -> (Answer, Answer) {
        let begin = Dispatch::Begin {
            is_stale: false,
            is_repeated: false,
            settles: None,
        };
        let fails = Dispatch::Settle {
            is_stale: false,
            outcome: Outcome::Throttled,
            after: After::Retry(1_000),
        };
        for _ in 0..20 {
            for step in [&begin, &fails, &Dispatch::Take] {
                self.model.now_ms += 1_000;
                self.world.advance(1_000);
                let (said, expected) = Box::pin(self.dispatch(of, ordinal, step)).await;
                if said.text != expected.text {
                    return (said, expected);
                }
            }
        }
        Default::default()
    }

    async fn settle(
        &mut self,
        of: usize,
        ordinal: u8,
        (is_stale, outcome): (bool, Outcome),
        after: After,
    ) -> (Answer, Answer) {
        let id = DeliveryId {
            record: self.ids[of],
            ordinal,
        };
        let (fence, last) = self.at(of, ordinal, is_stale);
        let attempt = last.max(1);
        let ask = world::settle(fence, attempt, outcome, next(after));
        let expected = self
            .model
            .settle(of, ordinal, (fence, attempt, outcome), after);
        let settled = self.store().settle(id, &ask).await.unwrap();
        let said = settled.map_or_else(of_stop, |settled| {
            let kind = settled.due.map(|due| due.kind);
            let fallback = settled.fallback.unwrap_or(0);
            let text = format!("settled {:?} {kind:?} {fallback}", settled.status);
            Answer::new(text, settled.due.map(|due| due.at_ms))
        });
        (said, expected)
    }

    /// The delivery's fence, or the one before, and its last attempt's number.
    fn at(&self, of: usize, ordinal: u8, is_stale: bool) -> (u32, u32) {
        let deliveries = &self.model.records[of].deliveries;
        let Some(delivery) = deliveries.get(usize::from(ordinal) - 1) else {
            return (1, 0);
        };
        let fence = delivery.fence - u32::from(is_stale);
        (fence, delivery.last_number())
    }
}
