//! Asks the store a step's question.

use std::collections::BTreeMap;

use watchword::store::redis::RedisStore;
use watchword::store::{Started, Store};
use watchword::verification::NumberTag;

use super::step::{
    Step, begin_of, check_of, conversion_of, delivery_id, receipt_of, resend_of, settle_of,
    start_of, sweep_of, undo_of,
};
use crate::store_redis::asks;

/// Asks the store; what it answered, as text without its time.
pub(super) async fn ask(store: &RedisStore, step: &Step) -> String {
    match *step {
        Step::Start { .. } => {
            let ask = start_of(step).expect("it is a start");
            started(store.start(&ask, None).await.unwrap())
        }
        Step::Resend {
            record,
            operation,
            client,
            is_sent,
        } => {
            let ask = resend_of(record, operation, client, is_sent);
            started(store.resend(&ask, None).await.unwrap())
        }
        Step::Undo {
            record,
            operation,
            was_created,
            client,
        } => {
            let ask = undo_of(record, operation, was_created, client);
            format!("{:?}", store.undo(&ask).await.unwrap())
        }
        Step::Check {
            record,
            operation,
            key,
            is_right,
            client,
        } => {
            let ask = check_of(record, operation, key, is_right, client);
            let checked = store.check(&ask).await.unwrap();
            format!("{:?} {:?}", checked.answer, checked.record)
        }
        Step::Cancel { record } => {
            let id = asks::record_id(record);
            let canceled = store.cancel(id, asks::TENANT).await.unwrap();
            format!("{:?}", canceled.map(|found| found.record))
        }
        Step::Report { record, conversion } => {
            let id = asks::record_id(record);
            let conversion = conversion_of(conversion);
            let reported = store
                .report_outcome(id, asks::TENANT, conversion)
                .await
                .unwrap();
            format!("{:?}", reported.map(|found| found.record))
        }
        Step::Lift { number } => {
            let tag = NumberTag([number; 16]);
            format!(
                "{:?}",
                store.lift_failures(asks::shard(), tag).await.unwrap()
            )
        }
        Step::Wait { .. } => String::new(),
        Step::Begin { .. }
        | Step::Settle { .. }
        | Step::Receipt { .. }
        | Step::Take { .. }
        | Step::Sweep { .. }
        | Step::HandBack { .. } => ask_dispatch(store, step).await,
    }
}

async fn ask_dispatch(store: &RedisStore, step: &Step) -> String {
    match *step {
        Step::Begin {
            delivery,
            fence,
            attempt,
            settles,
        } => {
            let ask = begin_of(fence, attempt, settles);
            let begun = store.begin(delivery_id(delivery), &ask).await;
            format!("{:?}", begun.unwrap())
        }
        Step::Settle {
            delivery,
            fence,
            attempt,
            outcome,
            next,
        } => {
            let ask = settle_of(fence, attempt, outcome, next);
            format!(
                "{:?}",
                store.settle(delivery_id(delivery), &ask).await.unwrap()
            )
        }
        Step::Receipt {
            delivery,
            attempt,
            status,
            redispatch,
        } => {
            let ask = receipt_of(attempt, status, redispatch);
            let applied = store.apply_receipt(delivery_id(delivery), &ask).await;
            format!("{:?}", applied.unwrap())
        }
        Step::Take { delivery } => {
            let taken = store
                .take(delivery_id(delivery), &asks::DISPATCH)
                .await
                .unwrap();
            format!("{:?} {:?}", taken.take, taken.record)
        }
        Step::Sweep { count_max } => {
            let swept = store.sweep(&sweep_of(count_max)).await.unwrap();
            let taken = swept.taken.iter().map(|taken| (taken.delivery, taken.take));
            format!("{:?}", taken.collect::<BTreeMap<_, _>>())
        }
        Step::HandBack {
            delivery,
            fence,
            after_ms,
        } => {
            let handed = store
                .hand_back(delivery_id(delivery), fence, after_ms)
                .await;
            format!("{:?}", handed.unwrap())
        }
        Step::Start { .. }
        | Step::Resend { .. }
        | Step::Undo { .. }
        | Step::Check { .. }
        | Step::Cancel { .. }
        | Step::Report { .. }
        | Step::Lift { .. }
        | Step::Wait { .. } => {
            unreachable!("the other steps are asked above")
        }
    }
}

fn started(started: Started) -> String {
    match started {
        Started::Created { record, .. } => format!("created {record:?}"),
        Started::Resent {
            id,
            record,
            ordinal,
            ..
        } => format!("resent {id} {ordinal:?} {record:?}"),
        Started::Refused { refusal, .. } => format!("refused {refusal:?}"),
        other @ (Started::Replayed { .. }
        | Started::ReplayedRefusal { .. }
        | Started::InProgress
        | Started::KeyReused
        | Started::Withheld { .. }) => format!("{other:?}"),
    }
}
