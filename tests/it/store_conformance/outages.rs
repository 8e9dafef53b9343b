//! Stories of long outages: a delivery that is retried for a day keeps few of
//! its attempts, and loses nothing that anybody may still ask for.

use watchword::delivery::{
    Begin, DeliveryStatus, DueKind, Next, Outcome, ReceiptApplied, Stop, Take,
};
use watchword::id::DeliveryId;
use watchword::verification::RecordKind;
use watchword_providers::ReceiptStatus;

use super::world::*;

/// A tenant's own text, valid for a day, with nothing begun.
async fn text_for_a_day(w: &World) -> DeliveryId {
    let mut ask = start();
    ask.kind = RecordKind::SendOnly;
    ask.lifetime_ms = DAY_MS;
    ask.digest = None;
    ask.code = None;
    ask.delivery = Some(by_sms(None));
    w.created(&ask).await;
    first_of(ask.id)
}

/// One who walks a route that takes nothing.
struct Walker<'a> {
    w: &'a World,
    id: DeliveryId,
    fence: u32,
    /// The number of the last attempt.
    last: u32,
}

impl<'a> Walker<'a> {
    async fn new(w: &'a World) -> Self {
        Self {
            id: text_for_a_day(w).await,
            w,
            fence: 1,
            last: 0,
        }
    }

    async fn begin(&mut self, provider: &str) -> Result<(), Stop> {
        let ask = Begin {
            provider: provider.into(),
            ..begin(self.fence, self.last + 1)
        };
        let begun = self.w.store.begin(self.id, &ask).await.unwrap();
        self.last += u32::from(begun.is_ok());
        begun
    }

    async fn settle(&self, outcome: Outcome, next: Next) {
        let ask = settle(self.fence, self.last, outcome, next);
        self.w.settle(self.id, &ask).await.unwrap();
    }

    /// Tries each of `providers`, ends with `outcome`, and is there for the retry.
    async fn walk(&mut self, providers: &[&str], outcome: Outcome) {
        for (index, provider) in (1..).zip(providers) {
            assert_eq!(self.begin(provider).await, Ok(()));
            let next = if index == providers.len() {
                Next::Retry {
                    after_ms: 40_000,
                    reason: "unreachable".into(),
                }
            } else {
                Next::Continue
            };
            self.settle(outcome, next).await;
        }
        self.w.advance(40_000);
        let why = DueKind::Retry;
        assert_eq!(self.w.took(self.id).await, Take::Taken { why });
        self.fence += 1;
    }
}

pub(super) async fn a_day_of_retries_keeps_few_attempts_under_their_own_numbers(w: World) {
    let mut walker = Walker::new(&w).await;
    walker.walk(&["one"], Outcome::Unknown).await;
    for _ in 0..2_000 {
        walker.walk(&["one", "two"], Outcome::Unreachable).await;
    }
    let id = walker.id;
    let delivery = w.delivery(id).await;
    assert_eq!((delivery.walk, delivery.folded), (2_002, 4_001 - 16));
    let numbers: Vec<u32> = delivery.attempts.iter().map(|a| a.number).collect();
    let expected: Vec<u32> = [1].into_iter().chain(3_987..=4_001).collect();
    assert_eq!(numbers, expected);
    assert_eq!(delivery.attempts[0].outcome, Outcome::Unknown);
    assert_eq!(delivery.attempts[15].walk, 2_001);
    // What is folded is nobody's any more.
    let before = w.record(id.record).await;
    let none = ReceiptApplied::NoAttempt;
    let lost = receipt(2, ReceiptStatus::Delivered);
    assert_eq!(w.receipt(id, &lost).await, none);
    let stale = submitted(walker.fence, 2);
    assert_eq!(w.settle(id, &stale).await, Err(Stop::FenceLost));
    let unmade = submitted(walker.fence, 4_002);
    assert_eq!(w.settle(id, &unmade).await, Err(Stop::FenceLost));
    assert_eq!(w.begin(id, walker.fence, 2).await, Err(Stop::FenceLost));
    assert_eq!(w.begin(id, walker.fence, 4_003).await, Err(Stop::FenceLost));
    assert_eq!(w.record(id.record).await, before);
    // What may have reached the person still counts: two more, and no fourth.
    for _ in 0..2 {
        assert_eq!(walker.begin("one").await, Ok(()));
        walker.settle(Outcome::Unknown, Next::Continue).await;
    }
    let stop = Stop::TooManySubmissions;
    assert_eq!(walker.begin("two").await, Err(stop));
    let status = DeliveryStatus::Delivered;
    let delivered = receipt(1, ReceiptStatus::Delivered);
    let applied = w.receipt(id, &delivered).await;
    assert_eq!(applied, ReceiptApplied::Recorded { status });
    assert_eq!(w.delivery(id).await.status, status);
}

pub(super) async fn a_crash_after_attempts_were_folded_is_taken_over(w: World) {
    let mut walker = Walker::new(&w).await;
    for _ in 0..20 {
        walker.walk(&["one"], Outcome::Throttled).await;
    }
    walker.begin("one").await.unwrap();
    w.advance(LEASE_MS);
    let why = DueKind::Lease;
    assert_eq!(w.took(walker.id).await, Take::Taken { why });
    let lost = submitted(walker.fence, 21);
    assert_eq!(w.settle(walker.id, &lost).await, Err(Stop::FenceLost));
    walker.fence += 1;
    let delivery = w.delivery(walker.id).await;
    assert_eq!((delivery.folded, delivery.last_number()), (5, 21));
    let open = delivery.attempt(21).unwrap();
    assert_eq!(open.outcome, Outcome::Unknown);
    walker.begin("two").await.unwrap();
    let ask = submitted(walker.fence, 22);
    let settled = w.settle(walker.id, &ask).await.unwrap();
    assert_eq!(settled.status, DeliveryStatus::Submitted);
    let delivery = w.delivery(walker.id).await;
    assert_eq!(delivery.attempt(22).unwrap().outcome, Outcome::Submitted);
    // The message of the crashed one has arrived after all.
    let status = DeliveryStatus::Delivered;
    let delivered = receipt(21, ReceiptStatus::Delivered);
    let applied = w.receipt(walker.id, &delivered).await;
    assert_eq!(applied, ReceiptApplied::Recorded { status });
}

pub(super) async fn folding_keeps_every_provider_and_the_walk_at_hand(w: World) {
    let mut walker = Walker::new(&w).await;
    let names: Vec<String> = (0..16).map(|number| format!("hop{number}")).collect();
    let route: Vec<&str> = names.iter().map(String::as_str).collect();
    walker.walk(&["gone"], Outcome::Refused).await;
    for _ in 0..4 {
        walker.walk(&route, Outcome::Throttled).await;
        let kept = w.delivery(walker.id).await;
        let tried: Vec<&str> = kept.attempts.iter().map(|a| &*a.provider).collect();
        let expected: Vec<&str> = ["gone"].iter().chain(&route).copied().collect();
        assert_eq!(tried, expected);
        let of_last_walk = kept.attempts.iter().filter(|a| a.walk + 1 == kept.walk);
        assert_eq!(of_last_walk.count(), 16);
    }
    // The same provider twice in one walk: it still tells of the walk.
    for _ in 0..8 {
        walker.begin("hop0").await.unwrap();
        walker.settle(Outcome::Shed, Next::Continue).await;
    }
    let kept = w.delivery(walker.id).await;
    let of_this_walk = kept.attempts.iter().filter(|a| a.walk == kept.walk);
    assert_eq!(of_this_walk.count(), 8);
}

pub(super) async fn a_late_receipt_keeps_its_attempt(w: World) {
    let mut walker = Walker::new(&w).await;
    walker.walk(&["one"], Outcome::Unreachable).await;
    // It said no, and yet the network tells of its message.
    let sent = receipt(1, ReceiptStatus::Sent);
    let status = DeliveryStatus::Queued;
    let applied = w.receipt(walker.id, &sent).await;
    assert_eq!(applied, ReceiptApplied::Recorded { status });
    for _ in 0..20 {
        walker.walk(&["one"], Outcome::Throttled).await;
    }
    let delivery = w.delivery(walker.id).await;
    assert_eq!(delivery.attempts[0].number, 1);
    assert!(delivery.attempt(2).is_none());
}
