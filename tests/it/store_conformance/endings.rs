//! Stories of what waits to be sent when its verification ends.

use watchword::delivery::{
    DeliveryRecord, DeliveryStatus, DueKind, Next, Outcome, ReceiptApplied, Stop, Take,
};
use watchword::id::DeliveryId;
use watchword::verification::{Conversion, CustomCodeTag, RecordKind, Start, Status};
use watchword_providers::ReceiptStatus;

use super::world::*;

/// A start whose code is the caller's, so that a report decides it too.
fn own_code() -> Start {
    Start {
        custom_code: Some(CustomCodeTag([1; 8])),
        ..start()
    }
}

async fn cancel(w: &World, ask: &Start) {
    w.store.cancel(ask.id, TENANT).await.unwrap().unwrap();
}

/// Ends the verification; what it is then.
async fn end(w: &World, ask: &Start, how: Status) {
    match how {
        Status::Canceled => cancel(w, ask).await,
        Status::Approved => drop(w.guess(ask.id, "111111").await),
        Status::Exhausted => {
            for _ in 0..5 {
                w.guess(ask.id, "999999").await;
            }
        }
        Status::Superseded => {
            let mut other = again(ask);
            other.custom_code = Some(CustomCodeTag([2; 8]));
            other.delivery = None;
            w.created(&other).await;
        }
        Status::Pending | Status::Expired | Status::Failed => panic!("nobody asks for {how:?}"),
    }
    assert_eq!(w.record(ask.id).await.status, how);
}

const ENDS: [Status; 4] = [
    Status::Canceled,
    Status::Approved,
    Status::Exhausted,
    Status::Superseded,
];

/// The first attempt ends so, and its retry is due in 5 s.
async fn waits_for_retry(w: &World, id: DeliveryId, outcome: Outcome) {
    let next = Next::Retry {
        after_ms: 5_000,
        reason: "busy".into(),
    };
    w.settle(id, &settle(1, 1, outcome, next)).await.unwrap();
}

fn said(delivery: &DeliveryRecord) -> (DeliveryStatus, Option<DueKind>) {
    (delivery.status, delivery.due.map(|due| due.kind))
}

pub(super) async fn whatever_ends_a_verification_ends_what_waits_for_it(w: World) {
    for how in ENDS {
        for outcome in [Outcome::Throttled, Outcome::Unknown] {
            let ask = own_code();
            w.created(&ask).await;
            let id = first_of(ask.id);
            waits_for_retry(&w, id, outcome).await;
            end(&w, &ask, how).await;
            let delivery = w.delivery(id).await;
            assert_eq!(said(&delivery), (DeliveryStatus::Canceled, None), "{how:?}");
            w.advance(6_000);
            assert_eq!(w.took(id).await, Take::NotDue);
            let swept = w.sweep(id.record.shard, 10, 0).await;
            assert_eq!((swept.taken.len(), swept.depth), (0, 0), "{how:?}");
        }
    }
    // A report may end one too, and what was handed back waits as well.
    let ask = own_code();
    w.created(&ask).await;
    let id = first_of(ask.id);
    w.store.hand_back(id, 1, 5_000).await.unwrap().unwrap();
    let reported = w
        .store
        .report_outcome(ask.id, TENANT, Conversion::Converted);
    let found = reported.await.unwrap().unwrap();
    assert_eq!(found.record.status, Status::Approved);
    let shown = said(&found.record.deliveries[0]);
    assert_eq!(shown, (DeliveryStatus::Canceled, None));
}

pub(super) async fn a_cancellation_answers_with_what_it_ended(w: World) {
    let ask = start();
    w.created(&ask).await;
    let id = first_of(ask.id);
    waits_for_retry(&w, id, Outcome::Throttled).await;
    w.advance(30_000);
    assert_eq!(w.resent(&resend(ask.id)).await, Some(2));
    let found = w.store.cancel(ask.id, TENANT).await.unwrap().unwrap();
    let deliveries = &found.record.deliveries;
    assert_eq!(said(&deliveries[0]), (DeliveryStatus::Canceled, None));
    // Somebody works on the other: it ends when they ask again.
    let leased = (DeliveryStatus::Queued, Some(DueKind::Lease));
    assert_eq!(said(&deliveries[1]), leased);
    let second = DeliveryId { ordinal: 2, ..id };
    let stop = Stop::NotPending(Status::Canceled);
    assert_eq!(w.begin(second, 1, 1).await, Err(stop));
    assert_eq!(w.record(ask.id).await, *found.record);
    w.advance(LEASE_MS);
    assert_eq!(w.took(second).await, Take::Closed);
    let ended = said(&w.delivery(second).await);
    assert_eq!(ended, (DeliveryStatus::Canceled, None));
}

pub(super) async fn what_was_submitted_stays_so_and_still_hears_its_receipts(w: World) {
    for how in ENDS {
        let [delivered, lost] = [ReceiptStatus::Delivered, ReceiptStatus::Undelivered];
        let (heard, unheard) = (DeliveryStatus::Delivered, DeliveryStatus::Undelivered);
        for (receipt_status, status) in [(delivered, heard), (lost, unheard)] {
            let ask = own_code();
            w.created(&ask).await;
            let id = first_of(ask.id);
            w.settle(id, &submitted(1, 1)).await.unwrap();
            end(&w, &ask, how).await;
            let submitted = (DeliveryStatus::Submitted, None);
            assert_eq!(said(&w.delivery(id).await), submitted, "{how:?}");
            w.advance(30_000);
            assert_eq!(w.took(id).await, Take::NotDue);
            let applied = w.receipt(id, &receipt(1, receipt_status)).await;
            assert_eq!(applied, ReceiptApplied::Recorded { status });
            assert_eq!(said(&w.delivery(id).await), (status, None));
        }
        // Nor does what was reported lost go out again.
        let ask = own_code();
        w.created(&ask).await;
        let id = first_of(ask.id);
        w.settle(id, &submitted(1, 1)).await.unwrap();
        let applied = w.receipt(id, &receipt(1, lost)).await;
        assert_eq!(applied, ReceiptApplied::Redispatch);
        end(&w, &ask, how).await;
        assert_eq!(said(&w.delivery(id).await), (unheard, None));
    }
}

pub(super) async fn what_was_submitted_before_a_retry_stays_submitted(w: World) {
    let ask = start();
    w.created(&ask).await;
    let id = first_of(ask.id);
    w.settle(id, &submitted(1, 1)).await.unwrap();
    w.advance(30_000);
    let why = DueKind::Receipt;
    assert_eq!(w.took(id).await, Take::Taken { why });
    w.begin(id, 2, 2).await.unwrap();
    let next = Next::Retry {
        after_ms: 5_000,
        reason: "busy".into(),
    };
    let busy = settle(2, 2, Outcome::Throttled, next);
    w.settle(id, &busy).await.unwrap();
    cancel(&w, &ask).await;
    let ended = said(&w.delivery(id).await);
    assert_eq!(ended, (DeliveryStatus::Submitted, None));
}

pub(super) async fn an_expiry_that_is_written_down_ends_what_waits(w: World) {
    for kind in [RecordKind::Verification, RecordKind::SendOnly] {
        let mut ask = start();
        ask.kind = kind;
        w.created(&ask).await;
        let id = first_of(ask.id);
        w.store.hand_back(id, 1, 0).await.unwrap().unwrap();
        w.advance(10 * MINUTE_MS);
        let reported = w
            .store
            .report_outcome(ask.id, TENANT, Conversion::Converted);
        let found = reported.await.unwrap().unwrap();
        assert_eq!(found.record.status, Status::Expired);
        let ended = said(&found.record.deliveries[0]);
        assert_eq!(ended, (DeliveryStatus::Expired, None));
        assert_eq!(w.sweep(id.record.shard, 10, 0).await.depth, 0);
    }
}
