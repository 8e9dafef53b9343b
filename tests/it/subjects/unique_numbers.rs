//! Where each subject is to have a number of its own.

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{HOUR, MINUTE, Setup, Stand, World, text};
use crate::support::numbers;

over_both_stores!(
    a_unique_number_is_whose_code_is_typed_back,
    a_number_is_free_once_it_was_removed,
    of_two_who_confirm_at_once_not_both_get_the_number,
    a_number_that_nobody_got_in_the_end_is_free_a_minute_later,
);

async fn over(stand: Stand) -> World {
    let setup = Setup::default().line("subjects", "unique_numbers = true");
    World::with(stand, setup).await
}

/// Asks for a subject's first number, and answers the id of the method.
async fn asks_for(world: &World, subject: &str, number: &str) -> String {
    let path = format!("/v1/subjects/{subject}/methods");
    let asked = json!({ "phone": number, "evidence": [{ "type": "session" }] });
    let (status, added) = world.post(&path, asked).await;
    assert_eq!(status, 201, "{added}");
    text(&added["method"]["id"])
}

async fn confirms(world: &World, subject: &str, (method, code): (&str, &str)) -> (u16, Value) {
    let path = format!("/v1/subjects/{subject}/methods/{method}/confirm");
    world.post(&path, json!({ "code": code })).await
}

fn is_in_use((status, answer): &(u16, Value)) -> bool {
    *status == 409 && answer["code"] == "number_in_use"
}

async fn a_unique_number_is_whose_code_is_typed_back(stand: Stand) {
    let world = over(stand).await;
    let number = numbers::us_number();
    world.has_method("stranger", &numbers::us_number()).await;
    // Whoever cannot read its messages takes it from nobody.
    let session = json!([{ "type": "session" }]);
    let asked = json!({ "phone": number, "evidence": session });
    let (status, added) = world.post("/v1/subjects/thief/methods", asked).await;
    assert_eq!(status, 201, "{added}");
    let asked = json!({ "to": number, "evidence": [{ "type": "stronger_factor" }] });
    let changes = "/v1/subjects/stranger/number-changes";
    let (status, changing) = world.post(changes, asked).await;
    assert_eq!(status, 201, "{changing}");
    world.code_to(&number).await;
    let code = world.code_to(&number).await;
    world.advance(MINUTE);
    world.has_method("owner", &number).await;

    // And to have once asked for it helps nobody.
    let change = text(&changing["number_change"]["id"]);
    let confirm = format!("{changes}/{change}/confirm");
    let (status, refused) = world.post(&confirm, json!({ "code": code })).await;
    assert_eq!((status, &refused["code"]), (409, &json!("number_in_use")));
    world.advance(HOUR * 2);
    world.tick().await;
    let (status, shown) = world.get("/v1/subjects/stranger").await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(shown["methods"][0]["status"], "active");
    assert_eq!(shown["number_change"], Value::Null, "{shown}");
}

async fn a_number_is_free_once_it_was_removed(stand: Stand) {
    let world = over(stand).await;
    let number = numbers::us_number();
    let passkey = json!([{ "type": "stronger_factor", "kind": "passkey" }]);
    world.has_method("before", &numbers::us_number()).await;
    let removed = world.adds_method("before", &number, passkey.clone()).await;
    // However long ago the other one proved it.
    world.advance(HOUR);
    let method = asks_for(&world, "after", &number).await;
    let code = world.code_to(&number).await;
    assert!(is_in_use(
        &confirms(&world, "after", (&method, &code)).await
    ));

    let remove = format!("/v1/subjects/before/methods/{removed}/remove");
    let (status, answer) = world.post(&remove, json!({ "evidence": passkey })).await;
    assert_eq!(status, 204, "{answer}");
    // It is told that it was removed, and forgotten.
    world.tick().await;
    let (status, confirmed) = confirms(&world, "after", (&method, &code)).await;
    assert_eq!(status, 200, "{confirmed}");
}

async fn of_two_who_confirm_at_once_not_both_get_the_number(stand: Stand) {
    let world = over(stand).await;
    for round in 0..8 {
        let number = numbers::us_number();
        let (one, other) = (format!("one-{round}"), format!("other-{round}"));
        let first = (
            asks_for(&world, &one, &number).await,
            world.code_to(&number).await,
        );
        let second = (
            asks_for(&world, &other, &number).await,
            world.code_to(&number).await,
        );
        let (first, second) = tokio::join!(
            confirms(&world, &one, (&first.0, &first.1)),
            confirms(&world, &other, (&second.0, &second.1)),
        );
        let got = [&first, &second].map(|(status, _)| *status == 200);
        assert_ne!(got, [true, true], "{first:?} {second:?}");
    }
}

async fn a_number_that_nobody_got_in_the_end_is_free_a_minute_later(stand: Stand) {
    let world = over(stand).await;
    let number = numbers::us_number();
    world.has_method("there", &numbers::us_number()).await;
    for gone in ["there", "not-there"] {
        world.leaves_link(gone, &number).await;
    }
    let method = asks_for(&world, "owner", &number).await;
    let code = world.code_to(&number).await;
    // For all that anybody can know, the others are about to be written.
    assert!(is_in_use(
        &confirms(&world, "owner", (&method, &code)).await
    ));
    world.advance(MINUTE);
    let (status, confirmed) = confirms(&world, "owner", (&method, &code)).await;
    assert_eq!(status, 200, "{confirmed}");
}
