//! Where each subject is to have a number of its own.

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{MINUTE, Setup, Stand, TENANT, World, text};
use crate::support::numbers;

over_both_stores!(
    a_number_belongs_to_one_subject_until_it_is_removed,
    of_two_who_ask_at_once_not_both_get_the_number,
    a_number_that_nobody_got_in_the_end_is_free_a_minute_later,
);

async fn over(stand: Stand) -> World {
    let setup = Setup::default().line("subjects", "unique_numbers = true");
    World::with(stand, setup).await
}

async fn asks_for(world: &World, subject: &str, number: &str) -> (u16, Value) {
    let path = format!("/v1/subjects/{subject}/methods");
    let asked = json!({ "phone": number, "evidence": [{ "type": "session" }] });
    world.post(&path, asked).await
}

fn is_in_use((status, answer): &(u16, Value)) -> bool {
    *status == 409 && answer["code"] == "number_in_use"
}

async fn a_number_belongs_to_one_subject_until_it_is_removed(stand: Stand) {
    let world = over(stand).await;
    let (taken, other) = (numbers::us_number(), numbers::us_number());
    let evidence = json!([{ "type": "stronger_factor", "kind": "passkey" }]);
    let first = world.has_method("u-1", &taken).await;
    world.has_method("u-2", &other).await;
    // However long ago.
    world.advance(60 * MINUTE);
    assert!(is_in_use(&asks_for(&world, "u-3", &taken).await));
    let change = json!({ "to": taken, "evidence": evidence.clone() });
    let path = "/v1/subjects/u-2/number-changes";
    assert!(is_in_use(&world.post(path, change.clone()).await));
    world.is_quiet().await;
    assert_eq!(world.messages_to(&taken).len(), 1, "its own subject's code");

    world
        .adds_method("u-1", &numbers::gb_number(), evidence.clone())
        .await;
    let instead = world.get("/v1/subjects/u-1/methods").await.1;
    let instead = text(&instead["methods"][1]["id"]);
    let path_of_default = format!("/v1/subjects/u-1/methods/{instead}/default");
    world.call("PUT", &path_of_default, TENANT, json!({})).await;
    let remove = format!("/v1/subjects/u-1/methods/{first}/remove");
    let (status, removed) = world.post(&remove, json!({ "evidence": evidence })).await;
    assert_eq!(status, 204, "{removed}");
    // It is told that it was removed, and forgotten.
    world.tick().await;
    let (status, requested) = world.post(path, change).await;
    assert_eq!(status, 201, "{requested}");
}

async fn of_two_who_ask_at_once_not_both_get_the_number(stand: Stand) {
    let world = over(stand).await;
    for round in 0..8 {
        let number = numbers::us_number();
        let (one, other) = (format!("one-{round}"), format!("other-{round}"));
        let (one, other) = tokio::join!(
            asks_for(&world, &one, &number),
            asks_for(&world, &other, &number),
        );
        let got = [&one, &other].map(|(status, _)| *status == 201);
        assert_ne!(got, [true, true], "{one:?} {other:?}");
    }
}

async fn a_number_that_nobody_got_in_the_end_is_free_a_minute_later(stand: Stand) {
    let world = over(stand).await;
    let number = numbers::us_number();
    world.has_method("u-2", &numbers::us_number()).await;
    for gone in ["u-1", "u-2"] {
        world.leaves_link(gone, &number).await;
    }
    // For all that anybody can know, the subject is about to be written.
    assert!(is_in_use(&asks_for(&world, "u-3", &number).await));
    world.advance(MINUTE);
    let (status, added) = asks_for(&world, "u-3", &number).await;
    assert_eq!(status, 201, "{added}");
    assert!(is_in_use(&asks_for(&world, "u-1", &number).await));
}
