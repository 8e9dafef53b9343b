//! Row 9: a recovery code is shown once, typed in any way, and replaced when it is
//! used.

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{MINUTE, Stand, World, text};
use crate::support::numbers;

over_both_stores!(
    row_09_a_recovery_code_is_shown_once_and_replaced_on_use,
    row_09_guesses_wait_longer_and_longer,
);

const CODES: &str = "/v1/subjects/u-9/recovery-codes";
const RECOVERIES: &str = "/v1/subjects/u-9/recoveries";

async fn enrolled(stand: Stand) -> World {
    let world = World::over(stand).await;
    world.has_method("u-9", &numbers::us_number()).await;
    world
}

async fn draws(world: &World) -> String {
    let strong = json!({ "evidence": [{ "type": "stronger_factor" }] });
    let (status, drawn) = world.post(CODES, strong).await;
    assert_eq!(status, 201, "{drawn}");
    text(&drawn["code"])
}

async fn recovers(world: &World, code: &str) -> (u16, Value) {
    let evidence = json!([
        { "type": "recovery_code", "code": code },
        { "type": "single_factor" },
    ]);
    world
        .post(RECOVERIES, json!({ "evidence": evidence }))
        .await
}

async fn row_09_a_recovery_code_is_shown_once_and_replaced_on_use(stand: Stand) {
    let world = enrolled(stand).await;
    let (_, shown) = world.get(CODES).await;
    assert_eq!(shown, json!({ "exists": false, "created_at": null }));
    let first = draws(&world).await;
    assert_eq!(first.chars().filter(char::is_ascii_digit).count(), 25);
    let (_, shown) = world.get(CODES).await;
    assert_eq!(shown["exists"], true);
    assert!(!shown.to_string().contains(&first));
    let (_, subject) = world.get("/v1/subjects/u-9").await;
    assert!(!subject.to_string().contains(&first));

    // A new one kills the old one.
    let code = draws(&world).await;
    assert_eq!(recovers(&world, &first).await.0, 422);
    let typed = format!(
        " {} ",
        code.replace('-', " ").replace('0', "o").replace('1', "l")
    );
    let (status, opened) = recovers(&world, &typed).await;
    assert_eq!(status, 201, "{opened}");
    let fresh = text(&opened["recovery_code"]["code"]);
    assert_ne!(fresh, code);

    world.advance(MINUTE);
    let (status, refused) = recovers(&world, &code).await;
    assert_eq!((status, &refused["code"]), (422, &json!("code_mismatch")));
    assert_eq!(recovers(&world, &fresh).await.0, 201);
}

async fn row_09_guesses_wait_longer_and_longer(stand: Stand) {
    let world = enrolled(stand).await;
    let code = draws(&world).await;
    for guess in 0..5 {
        let (status, _) = recovers(&world, &format!("{guess:025}")).await;
        assert_eq!(status, 422);
    }
    // Not even the right one is looked at; asking does not prolong the wait.
    let (status, refused) = recovers(&world, &code).await;
    assert_eq!(
        (status, &refused["code"]),
        (429, &json!("too_many_failures"))
    );
    let (_, again) = recovers(&world, &code).await;
    assert_eq!(again["available_at"], refused["available_at"]);
    world.advance(MINUTE);
    let (status, opened) = recovers(&world, &code).await;
    assert_eq!(status, 201, "{opened}");
}
