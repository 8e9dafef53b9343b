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
    let change = waits_for_thirty_days(&world, &new).await;
    // It waits only since the notice is on its way.
    assert_eq!(change["status"], "holding", "{change}");
    world.tick().await;
    world.is_quiet().await;
    let told = world.sms_to(&old);
    let notice = told
        .iter()
        .find(|text| text.contains("undo with"))
        .expect("a notice");
    for secret in [
        SUBJECT,
        "anna",
        "schmidt",
        &new,
        new.split_at(1).1,
        new.split_at(new.len() - 4).1,
    ] {
        assert!(!notice.contains(secret), "{notice:?}");
    }

    let counts = per_day(&world, &old, 45).await;
    let days: Vec<usize> = counts
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0)
        .map(|(day, _)| day + 1)
        .collect();
    assert_eq!(days, [1, 7, 29], "{counts:?}");
    assert!(counts.iter().all(|count| *count <= 1));
    // The last one said the same as the first.
    let all = world.sms_to(&old);
    assert_eq!(all.last(), Some(notice));
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
    for _ in 0..31 {
        world.advance(DAY);
        world.tick().await;
    }
    let notices = world.told_of("number_change.notice");
    assert_eq!(notices.len(), 4, "{notices:?}");
    for notice in &notices {
        assert_eq!(notice["tokens"], notices[0]["tokens"]);
        assert!(!notice.to_string().contains(&new), "{notice}");
    }
}

super::over_both_stores!(
    row_05_the_old_number_is_told_first_and_never_after_thirty_days,
    row_05_a_number_that_has_a_new_holder_is_told_nothing,
    row_05_the_identity_service_is_told_to_write_a_mail_each_time,
);
