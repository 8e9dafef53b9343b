//! How a budget is kept, in no time: nodes over a store in memory, clock paused.

mod world;

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use watchword_providers::{RefusalScope, SubmitError};

use self::world::{AT_ONCE, BUDGET, Behaviour, World, named, request, request_to};
use crate::delivery::{
    ApplyReceipt, AttemptReceipt, DeliveryRecord, DeliveryStatus, Outcome, ReceiptApplied,
};
use crate::dispatch::WithinEnd;
use crate::service::ServiceError;

/// What an answer may come after its time: the clock's own grain.
const GRAIN: Duration = Duration::from_millis(2);

const REFUSED: SubmitError = SubmitError::Refused {
    scope: RefusalScope::Provider,
    code: None,
};
const CREDENTIALS: SubmitError = SubmitError::Credentials { code: None };
const FRAUD: SubmitError = SubmitError::Fraud { code: None };
const THROTTLED: SubmitError = SubmitError::Throttled { retry_after: None };

use Behaviour::{Fails, FailsAfter, Hangs, Takes};

fn outcomes(delivery: &DeliveryRecord) -> Vec<(&str, Outcome)> {
    let attempts = delivery.attempts.iter();
    attempts
        .map(|attempt| (&*attempt.provider, attempt.outcome))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_leaves_the_next_one_half_of_the_time() {
    let world = World::of([Hangs, Takes(Duration::from_millis(800)), AT_ONCE]);
    let end = world.node().ask(request()).await;
    assert_eq!(end, Ok(WithinEnd::Accepted));
    assert!(world.started.elapsed() < BUDGET);
    assert_eq!(world.providers_seen(), ["a", "b"]);
    // Half of what is left for attempts, and not its own timeout of 1.5 s.
    let second_after = world.seen()[1].at - world.started;
    assert!(
        (975..980).contains(&second_after.as_millis()),
        "{second_after:?}"
    );
    sleep(Duration::from_millis(1)).await;
    let (_, delivery) = world.delivery().await;
    assert_eq!(delivery.status, DeliveryStatus::Submitted);
    let expected = [("a", Outcome::Unknown), ("b", Outcome::Submitted)];
    assert_eq!(outcomes(&delivery), expected);
}

#[tokio::test(start_paused = true)]
async fn of_providers_that_all_hang_two_are_tried_and_nothing_begins_after_the_answer() {
    let world = World::of([Hangs, Hangs, AT_ONCE]);
    let node = world.node();
    let end = node.ask(request()).await;
    let answered = Instant::now();
    assert_eq!(end, Ok(WithinEnd::TimedOut));
    assert!(answered - world.started <= BUDGET + GRAIN);
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(
        world.providers_seen(),
        ["a", "b"],
        "two that may have gone are enough"
    );
    assert!(world.seen().iter().all(|seen| seen.at < answered));
    let delivery = world.taken_over_by(&world.node()).await;
    assert_eq!(delivery.status, DeliveryStatus::Failed);
    assert_eq!(delivery.reason.as_deref(), Some("outcome_unknown"));
    assert_eq!(world.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_definite_refusal_goes_on_at_once_and_the_last_one_is_told() {
    for (behaviours, tried, end) in [
        ([Fails(REFUSED), AT_ONCE, AT_ONCE], 2, WithinEnd::Accepted),
        (
            [Fails(REFUSED), Fails(SubmitError::Unreachable), AT_ONCE],
            3,
            WithinEnd::Accepted,
        ),
        (
            [Fails(REFUSED), Fails(THROTTLED), Fails(CREDENTIALS)],
            3,
            WithinEnd::Credentials,
        ),
        (
            [Fails(CREDENTIALS), Fails(CREDENTIALS), Fails(REFUSED)],
            3,
            WithinEnd::Refused,
        ),
        (
            [Fails(REFUSED), Fails(REFUSED), Fails(THROTTLED)],
            3,
            WithinEnd::Throttled,
        ),
        (
            [
                Fails(REFUSED),
                Fails(REFUSED),
                Fails(SubmitError::Unreachable),
            ],
            3,
            WithinEnd::Unreachable,
        ),
        ([Fails(FRAUD), AT_ONCE, AT_ONCE], 1, WithinEnd::Blocked),
        // The person may have the first one's message, whatever the others say.
        (
            [
                Fails(SubmitError::Unknown { code: None }),
                Fails(REFUSED),
                Fails(CREDENTIALS),
            ],
            3,
            WithinEnd::TimedOut,
        ),
    ] {
        let world = World::of(behaviours);
        let node = world.node();
        assert_eq!(node.ask(named("n", "one")).await, Ok(end));
        assert!(
            world.started.elapsed() < Duration::from_millis(20),
            "{end:?}"
        );
        assert_eq!(world.providers_seen().len(), tried, "{end:?}");
        // The record says the same, also to another node.
        sleep(Duration::from_secs(60)).await;
        assert_eq!(world.node().ask(named("n", "one")).await, Ok(end));
        assert_eq!(world.providers_seen().len(), tried, "{end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_after_the_budget_changes_nothing() {
    let world = World::of([Hangs, Takes(BUDGET), AT_ONCE]);
    let node = world.node();
    assert_eq!(node.ask(named("n", "one")).await, Ok(WithinEnd::TimedOut));
    assert!(world.started.elapsed() <= BUDGET + GRAIN);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(node.ask(named("n", "one")).await, Ok(WithinEnd::TimedOut));
    assert_eq!(world.providers_seen(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_that_has_no_time_to_be_answered() {
    let slowly = |after_ms| FailsAfter(Duration::from_millis(after_ms), REFUSED);
    let world = World::of([slowly(290), slowly(100), AT_ONCE]);
    let node = world.node();
    let budget = Duration::from_millis(500);
    let end = node.asked_within(named("n", "one"), budget).await.unwrap();
    // The second one refused 60 ms before attempts end.
    assert_eq!(end, Ok(WithinEnd::TimedOut));
    assert_eq!(world.providers_seen(), ["a", "b"]);
    let (_, delivery) = world.delivery().await;
    assert_eq!(delivery.reason.as_deref(), Some("budget_over"));
    let expected = [("a", Outcome::Refused), ("b", Outcome::Refused)];
    assert_eq!(outcomes(&delivery), expected);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(node.ask(named("n", "one")).await, Ok(WithinEnd::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_is_over_when_it_begins_sends_nothing() {
    let world = World::of([AT_ONCE, AT_ONCE, AT_ONCE]);
    let node = world.node();
    for budget_ms in [0, 1, 149] {
        let asked = node.asked_within(request(), Duration::from_millis(budget_ms));
        assert_eq!(asked.await.unwrap(), Ok(WithinEnd::TimedOut));
        sleep(Duration::from_secs(60)).await;
    }
    assert_eq!(world.seen().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_past_the_budget_sends_nothing_more() {
    let slowly = FailsAfter(Duration::from_millis(200), REFUSED);
    let world = World::of([slowly, AT_ONCE, AT_ONCE]);
    let node = world.node();
    let asked = node.asked(request());
    sleep(Duration::from_millis(100)).await;
    world.clock.slept_ms.store(60_000, Ordering::Relaxed);
    assert_eq!(asked.await.unwrap(), Ok(WithinEnd::TimedOut));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(world.providers_seen(), ["a"]);
    let (_, delivery) = world.delivery().await;
    assert_eq!(delivery.reason.as_deref(), Some("budget_over"));
}

#[tokio::test(start_paused = true)]
async fn a_repeated_request_waits_for_the_first_one_on_any_node_and_sends_nothing() {
    let world = World::of([Hangs, Takes(Duration::from_millis(500)), AT_ONCE]);
    let (first, second) = (world.node(), world.node());
    let asked = first.asked(named("n", "one"));
    sleep(Duration::from_millis(300)).await;
    let here = first.asked(named("n", "one"));
    let there = second.asked(named("n", "one"));
    for answer in [asked, here, there] {
        assert_eq!(answer.await.unwrap(), Ok(WithinEnd::Accepted));
    }
    assert!(world.started.elapsed() < BUDGET);
    assert_eq!(second.ask(named("n", "one")).await, Ok(WithinEnd::Accepted));
    assert_eq!(world.providers_seen(), ["a", "b"]);
    let other = second.ask(named("n", "another")).await;
    assert_eq!(other, Err(ServiceError::IdempotencyKeyReused));
}

#[tokio::test(start_paused = true)]
async fn a_repeated_request_gives_up_after_its_own_budget_too() {
    let world = World::of([Hangs, Hangs, AT_ONCE]);
    let node = world.node();
    let first = node.asked(named("n", "one"));
    sleep(Duration::from_millis(100)).await;
    let asked = Instant::now();
    let end = world.node().ask(named("n", "one")).await;
    assert_eq!(end, Ok(WithinEnd::TimedOut));
    assert!(asked.elapsed() <= BUDGET + GRAIN);
    assert_eq!(first.await.unwrap(), Ok(WithinEnd::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stops_hands_nothing_over_that_another_would_send() {
    let world = World::of([Hangs, AT_ONCE, AT_ONCE]);
    let node = world.node();
    let asked = node.asked(named("n", "one"));
    sleep(Duration::from_millis(100)).await;
    assert_eq!(node.dispatcher.drain(Duration::ZERO).await, 1);
    let other = world.node();
    let (id, _) = world.delivery().await;
    other.dispatcher.pick_up(id).await;
    assert_eq!(asked.await.unwrap(), Ok(WithinEnd::TimedOut));
    let delivery = world.delivery().await.1;
    assert_eq!(delivery.status, DeliveryStatus::Failed);
    assert_eq!(delivery.reason.as_deref(), Some("outcome_unknown"));
    assert_eq!(other.ask(named("n", "one")).await, Ok(WithinEnd::TimedOut));
    assert_eq!(world.providers_seen(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stops_still_fails_over_while_it_drains() {
    let world = World::of([Hangs, AT_ONCE, AT_ONCE]);
    let node = world.node();
    let asked = node.asked(request());
    sleep(Duration::from_millis(100)).await;
    assert_eq!(node.dispatcher.drain(Duration::from_secs(10)).await, 0);
    assert_eq!(asked.await.unwrap(), Ok(WithinEnd::Accepted));
    assert_eq!(world.providers_seen(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_hangs_up_changes_nothing() {
    let world = World::of([Hangs, AT_ONCE, AT_ONCE]);
    let node = world.node();
    let asked = node.asked(request());
    sleep(Duration::from_millis(100)).await;
    asked.abort();
    sleep(BUDGET).await;
    assert_eq!(world.providers_seen(), ["a", "b"]);
    assert_eq!(world.delivery().await.1.status, DeliveryStatus::Submitted);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_turn_fits_in_the_budget_too() {
    // One message in ten seconds.
    let world = World::of([AT_ONCE, AT_ONCE, AT_ONCE]).paced(0.1);
    let node = world.node();
    for last_digit in 1..=3 {
        assert_eq!(
            node.ask(request_to(last_digit)).await,
            Ok(WithinEnd::Accepted)
        );
    }
    let asked = Instant::now();
    assert_eq!(node.ask(request_to(4)).await, Ok(WithinEnd::Unreachable));
    assert!(asked.elapsed() <= BUDGET + GRAIN);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(world.seen().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_message_reported_lost_ends_undelivered_and_is_not_sent_again() {
    let world = World::of([AT_ONCE, AT_ONCE, AT_ONCE]);
    let node = world.node();
    assert_eq!(node.ask(named("n", "one")).await, Ok(WithinEnd::Accepted));
    sleep(Duration::from_millis(1)).await;
    let (id, delivery) = world.delivery().await;
    let lost = ApplyReceipt {
        attempt: 1,
        receipt: AttemptReceipt {
            status: watchword_providers::ReceiptStatus::Undelivered,
            at_ms: delivery.created_at_ms,
            code: None,
            is_final_for_number: false,
        },
        redispatch_after_ms: Some(0),
        policy: node.dispatcher.policy(),
    };
    let applied = node.shared.store.apply_receipt(id, &lost).await;
    assert_eq!(applied.unwrap(), ReceiptApplied::Redispatch);
    node.dispatcher.pick_up(id).await;
    sleep(Duration::from_secs(1)).await;
    let delivery = world.delivery().await.1;
    assert_eq!(delivery.status, DeliveryStatus::Undelivered);
    assert_eq!(delivery.due, None);
    assert_eq!(world.providers_seen(), ["a"]);
    // It was taken, and that is what the caller was told.
    assert_eq!(node.ask(named("n", "one")).await, Ok(WithinEnd::Accepted));
}
