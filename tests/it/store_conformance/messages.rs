//! Stories of receipts that name a provider's message id, before and after it is known.

use futures_util::future::join_all;
use watchword::delivery::AttemptReceipt;
use watchword::receipts::{MessageKey, RECEIPT_WAITS_MS, ReceiptReference};
use watchword::routing::Area;
use watchword_providers::{Channel, ReceiptStatus};

use super::world::*;

fn key() -> MessageKey {
    MessageKey {
        shard: shard(11),
        tag: unique(),
    }
}

fn said(status: ReceiptStatus, code: &str) -> AttemptReceipt {
    AttemptReceipt {
        status,
        at_ms: 1_700_000_000_000,
        code: Some(code.into()),
        is_final_for_number: true,
    }
}

fn delivered() -> AttemptReceipt {
    said(ReceiptStatus::Delivered, "d")
}

impl World {
    /// An attempt whose receipts are believed for an hour.
    async fn target(&self, attempt: u32) -> ReceiptReference {
        ReceiptReference {
            tenant: TENANT,
            delivery: first_of(start().id),
            attempt,
            channel: Channel::Voice,
            area: Area::of_bytes(*b"US\0\0\x05\x87"),
            created_at_ms: 1_700_000_000_000,
            expires_at_s: self.now_ms().await / 1000 + 3_600,
        }
    }

    async fn bind(&self, key: MessageKey, target: &ReceiptReference) -> Option<AttemptReceipt> {
        self.store.bind_message(key, target).await.unwrap()
    }

    async fn meet(&self, key: MessageKey, receipt: &AttemptReceipt) -> Option<ReceiptReference> {
        self.store.match_receipt(key, receipt).await.unwrap()
    }
}

pub(super) async fn a_receipt_finds_the_attempt_that_its_message_id_names(w: World) {
    let (known, target) = (key(), w.target(2).await);
    assert_eq!(w.bind(known, &target).await, None);
    for _ in 0..2 {
        assert_eq!(w.meet(known, &delivered()).await, Some(target));
    }
    let other_shard = MessageKey {
        shard: shard(12),
        ..known
    };
    assert_eq!(w.meet(other_shard, &delivered()).await, None);
    assert_eq!(w.meet(key(), &delivered()).await, None);
    // What has found its attempt does not wait as well.
    assert_eq!(w.bind(known, &target).await, None);
}

pub(super) async fn a_receipt_that_comes_first_waits_for_its_message_to_be_known(w: World) {
    let (early, target) = (key(), w.target(1).await);
    let receipt = AttemptReceipt {
        code: None,
        is_final_for_number: false,
        ..delivered()
    };
    assert_eq!(w.meet(early, &receipt).await, None);
    // The answer may be lost: asked again, it is the same.
    for _ in 0..2 {
        assert_eq!(w.bind(early, &target).await, Some(receipt.clone()));
    }
    assert_eq!(w.meet(early, &receipt).await, Some(target));
}

pub(super) async fn of_the_receipts_that_wait_the_furthest_is_kept(w: World) {
    use ReceiptStatus::{Delivered, Sent, Undelivered};
    let target = w.target(1).await;
    for (came, kept) in [
        (vec![(Sent, "1"), (Sent, "2")], (Sent, "1")),
        (
            vec![(Sent, "1"), (Undelivered, "2"), (Sent, "3")],
            (Undelivered, "2"),
        ),
        (
            vec![(Delivered, "1"), (Undelivered, "2"), (Delivered, "3")],
            (Delivered, "1"),
        ),
        (
            vec![(Undelivered, "1"), (Undelivered, "1"), (Delivered, "2")],
            (Delivered, "2"),
        ),
    ] {
        let early = key();
        for (status, code) in came {
            assert_eq!(w.meet(early, &said(status, code)).await, None);
        }
        assert_eq!(w.bind(early, &target).await, Some(said(kept.0, kept.1)));
    }
}

pub(super) async fn a_receipt_waits_for_ten_minutes(w: World) {
    let (in_time, too_late) = (key(), key());
    w.meet(in_time, &delivered()).await;
    w.meet(too_late, &delivered()).await;
    w.advance(RECEIPT_WAITS_MS - MINUTE_MS);
    // Nothing new keeps it no longer.
    w.meet(too_late, &said(ReceiptStatus::Sent, "s")).await;
    let target = w.target(1).await;
    assert_eq!(w.bind(in_time, &target).await, Some(delivered()));
    w.advance(MINUTE_MS);
    assert_eq!(w.bind(too_late, &target).await, None);
    // What has been bound in time stays.
    assert_eq!(w.meet(in_time, &delivered()).await, Some(target));
}

pub(super) async fn a_message_id_is_known_until_its_reference_expires(w: World) {
    let (known, target) = (key(), w.target(1).await);
    w.bind(known, &target).await;
    w.advance(3_600_000 - MINUTE_MS);
    assert_eq!(w.meet(known, &delivered()).await, Some(target));
    w.advance(MINUTE_MS);
    assert_eq!(w.meet(known, &delivered()).await, None);
    // Then it is as new, and so is what waits there.
    let next = w.target(2).await;
    assert_eq!(w.bind(known, &next).await, Some(delivered()));
    assert_eq!(w.meet(known, &delivered()).await, Some(next));
}

pub(super) async fn a_message_id_used_again_names_its_latest_message(w: World) {
    let reused = key();
    let (first, second) = (w.target(1).await, w.target(2).await);
    w.meet(reused, &delivered()).await;
    assert_eq!(w.bind(reused, &first).await, Some(delivered()));
    // The receipt was for the first, and is not given to the second.
    assert_eq!(w.bind(reused, &second).await, None);
    assert_eq!(w.meet(reused, &delivered()).await, Some(second));
}

pub(super) async fn no_receipt_is_lost_between_a_submission_and_its_receipt(w: World) {
    let target = w.target(1).await;
    let receipt = delivered();
    let races = (0..100).map(|_| {
        let (w, receipt) = (&w, &receipt);
        async move {
            let key = key();
            tokio::join!(w.bind(key, &target), w.meet(key, receipt))
        }
    });
    for (waited, found) in join_all(races).await {
        assert_ne!(waited.is_some(), found.is_some(), "by one way, and by one");
    }
}
