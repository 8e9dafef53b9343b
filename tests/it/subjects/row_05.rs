//! Row 5: the old number hears of a change before the new one may get a code, in
//! words that help no stranger, and never so late that it may be a stranger's.

use serde_json::{Value, json};
use watchword::subjects::evidence::Finding;

use super::world::{DAY, HOUR, Signal, Stand, World};
use crate::support::numbers;

const SUBJECT: &str = "anna.schmidt@example.com";
const PATH: &str = "/v1/subjects/anna.schmidt%40example.com";

/// A change on no evidence at all: it waits for thirty days.
async fn waits_for_thirty_days(world: &World, new: &str) -> Value {
    let nothing = json!({ "evidence": [] });
    let (status, opened) = world.post(&format!("{PATH}/recoveries"), nothing).await;
    assert_eq!(status, 201, "{opened}");
    let evidence = json!([{ "type": "recovery", "id": opened["recovery"]["id"] }]);
    world
        .changes_number("anna.schmidt%40example.com", new, evidence)
        .await
}

/// Lets so many days pass, looked after every few hours, and counts the messages
/// that came to a number each day.
async fn per_day(world: &World, number: &str, days: u32) -> Vec<usize> {
    let mut counts = Vec::new();
    for _ in 0..days {
        let before = world.sms_to(number).len();
        for _ in 0..4 {
            world.advance(6 * HOUR);
            world.tick().await;
            world.is_quiet().await;
        }
        counts.push(world.sms_to(number).len() - before);
    }
    counts
}

async fn row_05_the_old_number_is_told_first_and_never_after_thirty_days(stand: Stand) {
    let world = World::over(stand).await;
    let (old, new) = (numbers::us_number(), numbers::us_number());
    world.has_method("anna.schmidt%40example.com", &old).await;
    world.skip_messages_to(&old);
    let before = world.sms_to(&old).len();
    let change = waits_for_thirty_days(&world, &new).await;
    // It waits only since the notice is on its way: no later turn sends it.
    assert_eq!(change["status"], "holding", "{change}");
    world.is_quiet().await;
    let told = world.sms_to(&old).split_off(before);
    // That a recovery was opened is told too, and not with this.
    let told: Vec<_> = told
        .iter()
        .filter(|text| text.contains("undo with"))
        .collect();
    let [notice] = told.as_slice() else {
        panic!("{told:?}");
    };
    says_nothing_of_anybody(notice, &old, &new);
    assert_eq!(world.sms_to(&new).len(), 1, "the code of the change alone");
    world.tick().await;

    assert_eq!(days_of(&per_day(&world, &old, 45).await), [1, 7, 29]);
    // The last one said the same as the first.
    let all = world.sms_to(&old);
    assert_eq!(all.last(), Some(*notice));
}

fn says_nothing_of_anybody(notice: &str, old: &str, new: &str) {
    for number in [old, new] {
        for length in [4, 7, 10, number.len()] {
            let digits = number.split_at(number.len() - length).1;
            assert!(!notice.contains(digits), "{notice:?}");
        }
    }
    for secret in [
        SUBJECT, "anna", "schmidt", "example", "@", "+1", "*", "•", "…",
    ] {
        assert!(!notice.to_lowercase().contains(secret), "{notice:?}");
    }
}

/// The days, from 1 on, on which one message came; there is never more than one.
fn days_of(counts: &[usize]) -> Vec<usize> {
    assert!(counts.iter().all(|count| *count <= 1), "{counts:?}");
    let days = (1..).zip(counts).filter(|(_, count)| **count > 0);
    days.map(|(day, _)| day).collect()
}

async fn row_05_every_other_number_is_told_as_often(stand: Stand) {
    let world = World::over(stand).await;
    let (old, other, new) = (
        numbers::us_number(),
        numbers::us_number(),
        numbers::us_number(),
    );
    let subject = "anna.schmidt%40example.com";
    world.has_method(subject, &old).await;
    world.advance(10 * HOUR);
    let stronger = json!([{ "type": "stronger_factor" }]);
    world.adds_method(subject, &other, stronger).await;
    // What is told of that ends before the change begins.
    per_day(&world, &other, 2).await;
    waits_for_thirty_days(&world, &new).await;
    world.is_quiet().await;
    for number in [&old, &other] {
        let notices = world.sms_to(number).into_iter();
        let notices = notices.filter(|text| text.contains("undo with"));
        assert_eq!(notices.count(), 1);
    }
    assert_eq!(days_of(&per_day(&world, &other, 45).await), [1, 7, 29]);
}

async fn row_05_without_a_hold_the_old_number_is_told_first_too(stand: Stand) {
    let world = World::over(stand).await;
    let (old, new) = (numbers::us_number(), numbers::us_number());
    let subject = "anna.schmidt%40example.com";
    world.has_method(subject, &old).await;
    world.skip_messages_to(&old);
    let stronger = json!([{ "type": "stronger_factor" }]);
    let change = world.changes_number(subject, &new, stronger).await;
    assert_eq!(change["status"], "completed", "{change}");
    let notice = world.next_message(&old).await;
    assert!(notice.contains("undo with"), "{notice}");
    assert_eq!(world.sms_to(&new).len(), 1, "the code of the change alone");
    world.advance(HOUR);
    let (status, started) = world.signs_in(SUBJECT).await;
    assert_eq!(status, 201, "{started}");
    world.code_to(&new).await;
    // It can be undone for three days, and is told of while it can.
    assert_eq!(days_of(&per_day(&world, &old, 10).await), [1, 2]);
}

async fn row_05_a_number_that_has_a_new_holder_is_told_nothing(stand: Stand) {
    let world = World::over(stand).await;
    let (old, new) = (numbers::us_number(), numbers::us_number());
    world.has_method("anna.schmidt%40example.com", &old).await;
    waits_for_thirty_days(&world, &new).await;
    world.tick().await;
    world.is_quiet().await;
    world.networks.say(&old, Signal::Recycled, Finding::Raised);
    let counts = per_day(&world, &old, 31).await;
    assert!(counts.iter().all(|count| *count == 0), "{counts:?}");
}

async fn row_05_the_identity_service_is_told_to_write_a_mail_each_time(stand: Stand) {
    let world = World::over(stand).await;
    let (old, new) = (numbers::us_number(), numbers::us_number());
    world.has_method("anna.schmidt%40example.com", &old).await;
    waits_for_thirty_days(&world, &new).await;
    let mut days = Vec::new();
    for day in 0..45 {
        world.tick().await;
        let count = world.told_of("number_change.notice").len();
        days.resize(count, day);
        world.advance(DAY);
    }
    assert_eq!(days, [0, 1, 7, 29]);
    let notices = world.told_of("number_change.notice");
    for notice in &notices {
        assert_eq!(notice["tokens"], notices[0]["tokens"]);
        assert!(!notice.to_string().contains(&new), "{notice}");
    }
}

super::over_both_stores!(
    row_05_the_old_number_is_told_first_and_never_after_thirty_days,
    row_05_every_other_number_is_told_as_often,
    row_05_without_a_hold_the_old_number_is_told_first_too,
    row_05_a_number_that_has_a_new_holder_is_told_nothing,
    row_05_the_identity_service_is_told_to_write_a_mail_each_time,
);
