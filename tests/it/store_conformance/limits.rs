//! Stories of limits outside a number's record, of `meta`, and of ids nobody knows.

use std::slice;

use watchword::admission::gcra::{Denied, GcraRule};
use watchword::admission::limits::{DAY_MS, LimitAsk, LimitKey, LimitRule, LimitStep};
use watchword::delivery::{ReceiptApplied, Stop, Take};
use watchword::id::RecordId;
use watchword::store::{FORMAT_VERSION, KeyInUse, Meta, WrappedKey};
use watchword::verification::{CheckAnswer, NumberTag, SendRefusal};
use watchword_providers::ReceiptStatus;

use super::world::*;

fn ask(rules: Vec<LimitRule>) -> LimitAsk {
    LimitAsk {
        key: LimitKey {
            shard: shard(3),
            tag: unique(),
        },
        rules,
        step: LimitStep::Take,
        operation: operation(),
    }
}

fn two_a_minute() -> LimitRule {
    LimitRule::Rate(GcraRule {
        count: 2,
        per_ms: MINUTE_MS,
    })
}

impl World {
    /// Asks about the limit by an operation of its own.
    async fn limit(&self, first: &LimitAsk, step: LimitStep) -> Result<(), Denied> {
        let ask = LimitAsk {
            step,
            operation: operation(),
            ..first.clone()
        };
        self.store.limits(&[ask]).await.unwrap().remove(0)
    }
}

pub(super) async fn a_limit_lets_through_what_it_says(w: World) {
    let first = ask(vec![two_a_minute()]);
    assert_eq!(w.limit(&first, LimitStep::Take).await, Ok(()));
    assert_eq!(w.limit(&first, LimitStep::Take).await, Ok(()));
    let before_ms = w.now_ms().await;
    let denied = w.limit(&first, LimitStep::Take).await.unwrap_err();
    assert_eq!(denied.rule, 0);
    assert!(denied.available_at_ms.abs_diff(before_ms + 30_000) < 5_000);
    // Being refused does not extend the wait.
    let again = w.limit(&first, LimitStep::Take).await.unwrap_err();
    assert_eq!(again, denied);
    w.advance(30_000);
    assert_eq!(w.limit(&first, LimitStep::Take).await, Ok(()));
    assert!(w.limit(&first, LimitStep::Take).await.is_err());
}

pub(super) async fn a_peek_takes_nothing(w: World) {
    let first = ask(vec![two_a_minute()]);
    for _ in 0..5 {
        assert_eq!(w.limit(&first, LimitStep::Peek).await, Ok(()));
    }
    w.limit(&first, LimitStep::Take).await.unwrap();
    w.limit(&first, LimitStep::Take).await.unwrap();
    assert!(w.limit(&first, LimitStep::Peek).await.is_err());
}

pub(super) async fn what_is_given_back_can_be_taken_again(w: World) {
    let first = ask(vec![two_a_minute(), LimitRule::Daily { max: 2 }]);
    w.limit(&first, LimitStep::Take).await.unwrap();
    w.limit(&first, LimitStep::Take).await.unwrap();
    w.limit(&first, LimitStep::GiveBack).await.unwrap();
    assert_eq!(w.limit(&first, LimitStep::Take).await, Ok(()));
    assert!(w.limit(&first, LimitStep::Take).await.is_err());
}

pub(super) async fn a_repeated_take_takes_once(w: World) {
    let first = ask(vec![two_a_minute()]);
    for _ in 0..5 {
        assert_eq!(
            w.store.limits(slice::from_ref(&first)).await.unwrap(),
            [Ok(())]
        );
    }
    assert_eq!(w.limit(&first, LimitStep::Take).await, Ok(()));
    assert!(w.limit(&first, LimitStep::Take).await.is_err());
}

pub(super) async fn a_repeated_give_back_gives_once(w: World) {
    let first = ask(vec![two_a_minute(), LimitRule::Daily { max: 2 }]);
    w.limit(&first, LimitStep::Take).await.unwrap();
    w.limit(&first, LimitStep::Take).await.unwrap();
    let back = LimitAsk {
        step: LimitStep::GiveBack,
        operation: operation(),
        ..first.clone()
    };
    for _ in 0..3 {
        let given = w.store.limits(slice::from_ref(&back)).await.unwrap();
        assert_eq!(given, [Ok(())]);
    }
    assert_eq!(w.limit(&first, LimitStep::Take).await, Ok(()));
    assert!(w.limit(&first, LimitStep::Take).await.is_err());
    // Even the give-back of nothing is one.
    let fresh = ask(vec![two_a_minute()]);
    let back = LimitAsk {
        step: LimitStep::GiveBack,
        ..fresh.clone()
    };
    w.store.limits(slice::from_ref(&back)).await.unwrap()[0].unwrap();
    w.limit(&fresh, LimitStep::Take).await.unwrap();
    w.limit(&fresh, LimitStep::Take).await.unwrap();
    w.store.limits(slice::from_ref(&back)).await.unwrap()[0].unwrap();
    assert!(w.limit(&fresh, LimitStep::Take).await.is_err());
}

pub(super) async fn a_take_repeated_after_a_give_back_takes_nothing_more(w: World) {
    let first = ask(vec![two_a_minute()]);
    w.limit(&first, LimitStep::Take).await.unwrap();
    let take = || w.store.limits(slice::from_ref(&first));
    assert_eq!(take().await.unwrap(), [Ok(())]);
    let back = LimitAsk {
        step: LimitStep::GiveBack,
        ..first.clone()
    };
    let given = w.store.limits(slice::from_ref(&back)).await.unwrap();
    assert_eq!(given, [Ok(())]);
    assert_eq!(take().await.unwrap(), [Ok(())]);
    assert_eq!(w.limit(&first, LimitStep::Take).await, Ok(()));
    assert!(w.limit(&first, LimitStep::Take).await.is_err());
}

pub(super) async fn a_daily_limit_ends_at_midnight(w: World) {
    let now_ms = w.now_ms().await;
    let midnight_ms = (now_ms / DAY_MS + 1) * DAY_MS;
    w.advance(midnight_ms - now_ms - MINUTE_MS);
    let first = ask(vec![LimitRule::Daily { max: 1 }]);
    w.limit(&first, LimitStep::Take).await.unwrap();
    let available_at_ms = midnight_ms;
    let denied = w.limit(&first, LimitStep::Take).await.unwrap_err();
    assert_eq!(
        denied,
        Denied {
            rule: 0,
            available_at_ms
        }
    );
    w.advance(MINUTE_MS);
    assert_eq!(w.limit(&first, LimitStep::Take).await, Ok(()));
    assert!(w.limit(&first, LimitStep::Take).await.is_err());
}

pub(super) async fn a_refused_take_takes_from_no_rule(w: World) {
    let first = ask(vec![two_a_minute(), LimitRule::Daily { max: 1 }]);
    w.limit(&first, LimitStep::Take).await.unwrap();
    let denied = w.limit(&first, LimitStep::Take).await.unwrap_err();
    assert_eq!(denied.rule, 1);
    let rate_alone = LimitAsk {
        rules: vec![two_a_minute()],
        ..first
    };
    assert_eq!(w.limit(&rate_alone, LimitStep::Peek).await, Ok(()));
}

pub(super) async fn a_flush_answers_in_the_order_asked(w: World) {
    let full = ask(vec![LimitRule::Daily { max: 1 }]);
    w.limit(&full, LimitStep::Take).await.unwrap();
    let free = ask(vec![LimitRule::Daily { max: 1 }]);
    let full = LimitAsk {
        operation: operation(),
        ..full
    };
    let third = ask(vec![two_a_minute()]);
    let answers = w.store.limits(&[free, full, third]).await.unwrap();
    let allowed: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(allowed, [true, false, true]);
    assert_eq!(w.store.limits(&[]).await.unwrap(), []);
}

pub(super) async fn meta_is_written_only_over_the_revision_that_was_read(w: World) {
    let read = w.store.meta().await.unwrap();
    assert_eq!((read.meta, read.revision), (None, 0));
    let meta = Meta {
        format: FORMAT_VERSION,
        epoch: 3,
        shard_count: 64,
        shard_count_next: 0,
        index_key: WrappedKey {
            key_id: "k1".into(),
            sealed: vec![0xff; 60],
        },
        keys: vec![KeyInUse {
            key_id: "k1".into(),
            check_value: vec![0x80; 16],
            retired_at_ms: 0,
        }],
        record_format: 2,
    };
    assert!(w.store.write_meta(&meta, 0).await.unwrap());
    assert!(!w.store.write_meta(&meta, 0).await.unwrap());
    let read = w.store.meta().await.unwrap();
    assert_eq!(read.meta.as_ref(), Some(&meta));
    let grown = Meta {
        shard_count_next: 128,
        ..meta
    };
    assert!(w.store.write_meta(&grown, read.revision).await.unwrap());
    assert_eq!(w.store.meta().await.unwrap().meta, Some(grown));
}

pub(super) async fn unknown_ids_are_found_by_nobody(w: World) {
    let id = RecordId {
        shard: shard(1),
        random: unique(),
    };
    assert!(w.store.get(id).await.unwrap().is_none());
    assert!(w.store.get_all(&[id]).await.unwrap().is_empty());
    assert_eq!(w.guess(id, "111111").await, CheckAnswer::NotFound);
    let canceled = w.store.cancel(id, TENANT).await.unwrap();
    assert_eq!(canceled.unwrap_err(), SendRefusal::NotFound);
    assert_eq!(w.resend_refused(&resend(id)).await, SendRefusal::NotFound);
    let delivery = first_of(id);
    assert_eq!(w.begin(delivery, 1, 1).await, Err(Stop::Gone));
    assert_eq!(w.settle(delivery, &submitted(1, 1)).await, Err(Stop::Gone));
    assert_eq!(
        w.store.hand_back(delivery, 1, 0).await.unwrap(),
        Err(Stop::Gone)
    );
    assert_eq!(w.took(delivery).await, Take::NotDue);
    let applied = w.receipt(delivery, &receipt(1, ReceiptStatus::Sent)).await;
    assert_eq!(applied, ReceiptApplied::NoAttempt);
    let (number, _) = w.store.number(id.shard, NumberTag(unique())).await.unwrap();
    assert_eq!(number, watchword::verification::NumberRecord::default());
    w.store
        .lift_failures(id.shard, NumberTag(unique()))
        .await
        .unwrap();
}
