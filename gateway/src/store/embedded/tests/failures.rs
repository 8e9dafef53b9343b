//! Loss of power, full disks, failing syncs, stalls and panics.

use std::io::ErrorKind;

use super::disk::Disk;
use super::*;
use crate::delivery::{Begin, DeliveryStatus, Next, Outcome, Settle, SettledAttempt};
use crate::store::embedded::writer::Promise;
use crate::verification::{CheckAnswer, Conversion, Status};

/// Which of the unsynced writes survive: none, all, or every other one.
const SURVIVALS: [fn(usize) -> bool; 4] = [
    |_| false,
    |_| true,
    |place| place % 2 == 0,
    |place| place % 2 == 1,
];

/// Opens what is left after every kind of power loss.
fn after_each_loss(disk: &Disk, hand: &Hand) -> Vec<EmbeddedStore> {
    let losses = SURVIVALS
        .iter()
        .map(|survives| disk.after_power_loss(survives));
    losses.map(|disk| disk.open(hand).unwrap()).collect()
}

fn submitted() -> Settle {
    Settle {
        fence: 1,
        attempt: Some(SettledAttempt {
            number: 1,
            outcome: Outcome::Submitted,
            duration_ms: 84,
            code: None,
            message_id: None,
        }),
        next: Next::Submitted {
            receipt_within_ms: None,
        },
        policy: policy(),
    }
}

fn begin() -> Begin {
    Begin {
        fence: 1,
        attempt: 2,
        provider: "two".into(),
        settled: None,
        policy: policy(),
    }
}

#[tokio::test]
async fn what_was_promised_survives_a_loss_of_power() {
    let (disk, hand) = (Disk::default(), Hand::new());
    let store = disk.open(&hand).unwrap();
    for number in 1..=20 {
        let created = created(&store, number).await;
        for left in after_each_loss(&disk, &hand) {
            assert_eq!(
                record(&left, number).await.created_at_ms,
                created.created_at_ms
            );
            left.assert_ledger_agrees();
        }
    }
    store.begin(first_of(1), &begin()).await.unwrap().unwrap();
    for left in after_each_loss(&disk, &hand) {
        assert_eq!(record(&left, 1).await.deliveries[0].attempts.len(), 2);
    }
    let answer = store.check(&check(2, "wrong")).await.unwrap().answer;
    assert_eq!(
        answer,
        CheckAnswer::Mismatch {
            checks_remaining: 4
        }
    );
    for left in after_each_loss(&disk, &hand) {
        assert_eq!(record(&left, 2).await.checks_used, 1);
    }
    store.check(&check(3, "right")).await.unwrap();
    store.cancel(id(4), TENANT).await.unwrap().unwrap();
    let reported = store.report_outcome(id(5), TENANT, Conversion::Converted);
    reported.await.unwrap().unwrap();
    for left in after_each_loss(&disk, &hand) {
        assert_eq!(record(&left, 3).await.status, Status::Approved);
        assert_eq!(record(&left, 4).await.status, Status::Canceled);
        assert_eq!(record(&left, 5).await.conversion, Conversion::Converted);
        left.assert_ledger_agrees();
    }
}

#[tokio::test]
async fn a_settle_may_be_lost_for_a_moment_but_never_by_half() {
    let (disk, hand) = (Disk::default(), Hand::new());
    let store = disk.open(&hand).unwrap();
    for number in 1..=5 {
        created(&store, number).await;
    }
    for number in 1..=5 {
        store
            .settle(first_of(number), &submitted())
            .await
            .unwrap()
            .unwrap();
        store.assert_ledger_agrees();
        for left in after_each_loss(&disk, &hand) {
            left.assert_ledger_agrees();
        }
    }
}

#[tokio::test]
async fn a_settle_lasts_soon_without_any_further_step() {
    let (disk, hand) = (Disk::default(), Hand::new());
    let store = disk.open(&hand).unwrap();
    created(&store, 1).await;
    let before = disk.syncs();
    store
        .settle(first_of(1), &submitted())
        .await
        .unwrap()
        .unwrap();
    disk.wait_for_sync_after(before);
    let left = disk.after_power_loss(|_| false).open(&hand).unwrap();
    let delivery = &record(&left, 1).await.deliveries[0];
    assert_eq!(delivery.status, DeliveryStatus::Submitted);
}

#[tokio::test]
async fn a_full_disk_refuses_sends_until_there_is_room_again() {
    let (disk, hand) = (Disk::default(), Hand::new());
    let store = disk.open(&hand).unwrap();
    created(&store, 1).await;
    disk.fail_writes(Some(ErrorKind::StorageFull));
    // The first one may have come through: only the next opening can tell.
    let error = store.start(&start(2), None).await.unwrap_err();
    let is_honest = matches!(error, StoreError::Full | StoreError::OutcomeUnknown { .. });
    assert!(is_honest, "{error:?}");
    for _ in 0..3 {
        let error = store.start(&start(3), None).await.unwrap_err();
        assert!(matches!(error, StoreError::Full), "{error:?}");
    }
    assert!(store.health().await.is_err());
    disk.fail_writes(None);
    created(&store, 3).await;
    assert!(store.health().await.is_ok());
    record(&store, 1).await;
    store.assert_ledger_agrees();
}

#[tokio::test]
async fn a_failed_sync_is_no_answer_and_the_store_recovers() {
    let (disk, hand) = (Disk::default(), Hand::new());
    let store = disk.open(&hand).unwrap();
    created(&store, 1).await;
    disk.fail_syncs(true);
    let error = store.start(&start(2), None).await.unwrap_err();
    let is_honest = matches!(error, StoreError::OutcomeUnknown { .. });
    assert!(is_honest, "the writes may have reached the disk: {error:?}");
    disk.fail_syncs(false);
    created(&store, 2).await;
    record(&store, 1).await;
    store.assert_ledger_agrees();
}

#[tokio::test]
async fn a_full_queue_refuses_and_writes_nothing() {
    let (disk, hand) = (Disk::default(), Hand::new());
    let store = Arc::new(disk.open(&hand).unwrap());
    disk.stall();
    let ask = |number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.start(&start(number), None).await })
    };
    let first = ask(1);
    tokio::task::yield_now().await;
    disk.wait_for_sync_begun();
    let second = ask(2);
    tokio::task::yield_now().await;
    let error = store.start(&start(3), None).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    disk.release();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert!(store.get(id(3)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_caller_that_hangs_up_changes_nothing() {
    let (disk, hand) = (Disk::default(), Hand::new());
    let store = Arc::new(disk.open(&hand).unwrap());
    disk.stall();
    let asking = Arc::clone(&store);
    let caller = tokio::spawn(async move { asking.start(&start(1), None).await });
    tokio::task::yield_now().await;
    disk.wait_for_sync_begun();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    disk.release();
    created(&store, 2).await;
    record(&store, 1).await;
}

#[tokio::test]
async fn a_step_that_comes_too_late_is_never_done() {
    let (disk, hand) = (Disk::default(), Hand::new());
    let store = Arc::new(disk.open(&hand).unwrap());
    disk.stall();
    let ask = |number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.start(&start(number), None).await })
    };
    let first = ask(1);
    tokio::task::yield_now().await;
    disk.wait_for_sync_begun();
    let second = ask(2);
    tokio::task::yield_now().await;
    hand.advance(1_001);
    disk.release();
    first.await.unwrap().unwrap();
    let error = second.await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(store.get(id(2)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_step_that_panics_leaves_the_store_standing() {
    let (disk, hand) = (Disk::default(), Hand::new());
    let store = disk.open(&hand).unwrap();
    created(&store, 1).await;
    let asked = store.ask(Promise::Durable, |tables| {
        let mut loaded = tables.record(id(1))?.expect("it exists");
        loaded.record.deliveries.clear();
        tables.write_record(&loaded)?;
        assert!(loaded.record.deliveries.len() > 1, "a bug, in mid-step");
        Ok(())
    });
    let error = asked.await.unwrap_err();
    assert!(
        matches!(error, StoreError::OutcomeUnknown { .. }),
        "{error:?}"
    );
    created(&store, 2).await;
    assert_eq!(record(&store, 1).await.deliveries.len(), 1);
    store.assert_ledger_agrees();
}
