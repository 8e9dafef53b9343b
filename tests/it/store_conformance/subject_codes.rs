//! Stories of the codes that are addressed to a subject: under another generation
//! none of them is sent or approved.

use futures_util::future::join;
use watchword::admission::limits::LimitAsk;
use watchword::delivery::{DeliveryStatus, Stop};
use watchword::store::subjects::{Guard, Written};
use watchword::store::{Idempotency, Started};
use watchword::subjects::model::SubjectKey;
use watchword::verification::{CheckAnswer, IdentityTag, RecordKind, SendRefusal, Start, Status};

use super::subjects::{subject_in, write};
use super::world::*;

/// A start that is addressed to a subject; its code is 111111.
fn start_of(key: SubjectKey, identity: u8) -> Start {
    let mut ask = start();
    ask.id.shard = key.0.shard;
    ask.number = key.account();
    ask.identity = IdentityTag([identity; 12]);
    ask
}

impl World {
    async fn guarded(&self, ask: &Start, key: SubjectKey, generation: u64) -> Started {
        let guard = Guard { key, generation };
        let sent = self.store.start_guarded(ask, &guard, None, &[]).await;
        sent.started.unwrap()
    }

    /// Raises the subject's generation, which ends its codes.
    async fn raise(&self, key: SubjectKey, generation: u64) -> Written {
        let stored = self.subject(key).await.stored;
        let mut ask = write(key, stored.map_or(0, |stored| stored.revision));
        ask.generation = generation;
        ask.ends_codes = true;
        self.write(&ask).await
    }
}

fn is_refused(started: &Started) -> bool {
    matches!(
        started,
        Started::Refused {
            refusal: SendRefusal::MethodChanged,
            ..
        }
    )
}

pub(super) async fn a_start_is_made_only_under_the_generation_it_was_judged_by(w: World) {
    let key = subject_in(41);
    // Nothing is known of it yet.
    let first = start_of(key, 1);
    assert!(is_refused(&w.guarded(&first, key, 1).await));
    let started = w.guarded(&first, key, 0).await;
    assert!(matches!(started, Started::Created { .. }), "{started:?}");
    w.write(&write(key, 0)).await;
    let second = start_of(key, 2);
    assert!(is_refused(&w.guarded(&second, key, 0).await));
    assert!(w.store.get(second.id).await.unwrap().is_none());
    let started = w.guarded(&second, key, 1).await;
    assert!(matches!(started, Started::Created { .. }), "{started:?}");
    // The same start again is the same one.
    let started = w.guarded(&second, key, 1).await;
    assert!(matches!(started, Started::Created { .. }), "{started:?}");
    let (account, _) = w.store.number(key.0.shard, key.account()).await.unwrap();
    assert_eq!(account.live.len(), 2);
}

pub(super) async fn a_start_refused_by_its_generation_uses_nothing_up(w: World) {
    let key = subject_in(42);
    w.write(&write(key, 0)).await;
    let (ask, limit) = (start_of(key, 1), one_a_minute());
    let idempotency = Idempotency {
        tag: unique(),
        fingerprint: [1; 16],
    };
    let guarded = async |generation| {
        let limits = [LimitAsk {
            operation: operation(),
            ..limit.clone()
        }];
        let guard = Guard { key, generation };
        let sent = w
            .store
            .start_guarded(&ask, &guard, Some(&idempotency), &limits);
        sent.await.started.unwrap()
    };
    assert!(is_refused(&guarded(9).await));
    let started = guarded(1).await;
    assert!(matches!(started, Started::Created { .. }), "{started:?}");
}

pub(super) async fn a_raised_generation_ends_every_code_of_the_subject(w: World) {
    let key = subject_in(43);
    w.write(&write(key, 0)).await;
    let asks = [start_of(key, 1), start_of(key, 2), start_of(key, 3)];
    for ask in &asks {
        w.guarded(ask, key, 1).await;
    }
    let approved = w.guess(asks[0].id, "111111").await;
    assert_eq!(approved, CheckAnswer::Approved);
    // Of two others one waits to be sent once more, and one is being sent.
    let (waiting, leased) = (first_of(asks[1].id), first_of(asks[2].id));
    w.settle(waiting, &submitted(1, 1)).await.unwrap();
    let mut text = start_of(key, 4);
    text.kind = RecordKind::SendOnly;
    w.created(&text).await;
    let plain = start();
    w.created(&plain).await;

    assert_eq!(w.raise(key, 2).await, Written::Written);

    for ask in &asks[1..] {
        assert_eq!(w.record(ask.id).await.status, Status::Superseded);
        let answer = w.guess(ask.id, "111111").await;
        let status = Status::Superseded;
        assert_eq!(answer, CheckAnswer::NotPending { status });
    }
    let (account, _) = w.store.number(key.0.shard, key.account()).await.unwrap();
    assert!(account.live.is_empty());
    assert_eq!(account.recent.len(), 3);
    let delivery = w.delivery(waiting).await;
    assert_eq!(
        (delivery.status, delivery.due),
        (DeliveryStatus::Submitted, None)
    );
    let stop = Stop::NotPending(Status::Superseded);
    assert_eq!(w.begin(leased, 1, 2).await, Err(stop));
    // What was proved stays so, and notices and other numbers are none of its codes.
    assert_eq!(w.record(asks[0].id).await.status, Status::Approved);
    assert!(w.record(text.id).await.status.is_open());
    assert!(w.record(plain.id).await.status.is_open());
    let started = w.guarded(&start_of(key, 1), key, 2).await;
    assert!(matches!(started, Started::Created { .. }), "{started:?}");
}

pub(super) async fn a_change_that_ends_no_codes_leaves_them_alone(w: World) {
    let key = subject_in(44);
    let ask = start_of(key, 1);
    w.guarded(&ask, key, 0).await;
    w.write(&write(key, 0)).await;
    assert_eq!(w.guess(ask.id, "111111").await, CheckAnswer::Approved);
}

pub(super) async fn a_conflict_ends_no_codes(w: World) {
    let key = subject_in(44);
    let ask = start_of(key, 1);
    w.guarded(&ask, key, 0).await;
    let mut late = write(key, 5);
    late.ends_codes = true;
    assert_eq!(w.write(&late).await, Written::Conflict);
    assert_eq!(w.guess(ask.id, "111111").await, CheckAnswer::Approved);
}

/// Whichever of the two comes first, no code of the earlier generation is left.
pub(super) async fn no_code_outlives_its_generation_however_a_start_and_a_change_race(w: World) {
    let key = subject_in(45);
    w.write(&write(key, 0)).await;
    let mut refused = 0;
    for generation in 1..40 {
        let ask = start_of(key, 1);
        let starting = w.guarded(&ask, key, generation);
        // Every round has written once.
        let mut change = write(key, generation);
        change.generation = generation + 1;
        change.ends_codes = true;
        let raising = w.write(&change);
        // Either is asked first half the time.
        let (started, written) = if generation % 2 == 0 {
            join(starting, raising).await
        } else {
            let (written, started) = join(raising, starting).await;
            (started, written)
        };
        assert_eq!(written, Written::Written);
        if is_refused(&started) {
            refused += 1;
            assert!(w.store.get(ask.id).await.unwrap().is_none());
        } else {
            assert!(matches!(started, Started::Created { .. }), "{started:?}");
            assert_eq!(w.record(ask.id).await.status, Status::Superseded);
        }
        let (account, _) = w.store.number(key.0.shard, key.account()).await.unwrap();
        assert!(account.live.is_empty());
    }
    assert!((1..39).contains(&refused), "{refused} of 39 came too late");
}
