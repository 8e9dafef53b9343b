//! Row 24: the code that kept going to the old number: who holds it now may be a
//! stranger, and then gets nothing.

use std::time::Duration;

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{DAY, MINUTE, Setup, Stand, TENANT, World, text};
use crate::support::fake_camara::FakeCamara;
use crate::support::{numbers, process};

over_both_stores!(
    a_recycled_number_gets_nothing_and_the_others_are_named,
    a_number_in_use_is_not_asked_about,
    a_network_that_knows_nothing_keeps_nobody_out,
    a_suspended_number_comes_back_by_proving_it_again,
    a_new_sim_lets_another_number_go_first,
);

/// Noting a use keeps nobody waiting.
const NOTED_WITHIN: Duration = Duration::from_secs(10);

async fn over(stand: Stand, network: &FakeCamara) -> World {
    let setup = Setup::default().line("signals", &network.lines());
    World::with(stand, setup).await
}

/// A subject with two numbers, unused for so long that they are asked about: the
/// one that codes go to, and another one.
async fn with_two_old_numbers(world: &World) -> [(String, String); 2] {
    let other = numbers::gb_number();
    let other_id = world.has_method("u-1", &other).await;
    world.advance(MINUTE);
    let default = numbers::us_number();
    let evidence = json!([{ "type": "stronger_factor", "kind": "passkey" }]);
    let default_id = world.adds_method("u-1", &default, evidence).await;
    let path = format!("/v1/subjects/u-1/methods/{default_id}/default");
    let (status, answer) = world.call("PUT", &path, TENANT, json!({})).await;
    assert_eq!(status, 200, "{answer}");
    // What adding them tells has gone out before they are old.
    world.tick().await;
    world.advance(31 * DAY);
    [(default, default_id), (other, other_id)]
}

async fn a_recycled_number_gets_nothing_and_the_others_are_named(stand: Stand) {
    let network = FakeCamara::start().await;
    let world = over(stand, &network).await;
    let [(old, old_id), (other, other_id)] = with_two_old_numbers(&world).await;
    network.says_recycled(&old, true);
    network.says_recycled(&other, false);
    let before = world.messages_to(&old).len();

    let (status, refused) = world.signs_in("u-1").await;
    assert_eq!(status, 409, "{refused}");
    assert_eq!(refused["code"], "method_suspended");
    assert_eq!(
        refused["methods"][0]["method"],
        json!(other_id),
        "{refused}"
    );
    world.tick().await;
    assert_eq!(world.messages_to(&old).len(), before, "nothing left for it");

    let told = world.told_of("method.suspended");
    assert_eq!(told.len(), 1, "{:?}", world.told());
    assert_eq!(told[0]["subject"], "u-1");
    assert_eq!(told[0]["reason"], "recycled", "{}", told[0]);
    // The day on which the number was last known to be the person's.
    let asked = network.asked_for_recycling(&old);
    let day = asked[0]["specifiedDate"].as_str().unwrap_or_default();
    let parts: Vec<usize> = day.split('-').map(str::len).collect();
    assert_eq!(parts, [4, 2, 2], "{asked:?}");

    let (status, started) = world.signs_in("u-1").await;
    assert_eq!(status, 201, "{started}");
    assert_eq!(started["method"], json!(other_id));
    let asked = json!({ "subject": "u-1", "method": old_id });
    let (status, refused) = world.post("/v1/verifications", asked).await;
    assert_eq!(
        (status, &refused["code"]),
        (409, &json!("method_suspended"))
    );
    let (_, shown) = world.get("/v1/subjects/u-1/methods").await;
    let suspended: Vec<&Value> = shown["methods"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|method| method["status"] == "suspended")
        .collect();
    assert_eq!(suspended.len(), 1, "{shown}");
    assert_eq!(suspended[0]["reason"], "recycled");
}

async fn a_number_in_use_is_not_asked_about(stand: Stand) {
    let network = FakeCamara::start().await;
    let world = over(stand, &network).await;
    let number = numbers::us_number();
    world.has_method("u-1", &number).await;
    world.advance(MINUTE);
    uses(&world, &number).await;
    let asked = network.asked_for_recycling(&number).len();
    world.advance(29 * DAY);
    let (status, started) = world.signs_in("u-1").await;
    assert_eq!(status, 201, "{started}");
    assert_eq!(network.asked_for_recycling(&number).len(), asked);
}

/// Signs in by a code, and waits until that is noted.
async fn uses(world: &World, number: &str) {
    let (status, started) = world.signs_in("u-1").await;
    assert_eq!(status, 201, "{started}");
    let code = world.code_to(number).await;
    let path = format!("/v1/verifications/{}/check", text(&started["id"]));
    let (status, checked) = world.post(&path, json!({ "code": code })).await;
    assert_eq!(status, 200, "{checked}");
    let is_noted = async || {
        let (_, shown) = world.get("/v1/subjects/u-1/methods").await;
        shown["methods"][0]["last_used_at"].is_string()
    };
    assert!(process::eventually(NOTED_WITHIN, is_noted).await);
}

async fn a_network_that_knows_nothing_keeps_nobody_out(stand: Stand) {
    let network = FakeCamara::start().await;
    let world = over(stand, &network).await;
    let [(old, old_id), _] = with_two_old_numbers(&world).await;
    let (status, started) = world.signs_in("u-1").await;
    assert_eq!(status, 201, "{started}");
    assert_eq!(started["method"], json!(old_id));
    assert!(!network.asked_for_recycling(&old).is_empty());
}

async fn a_suspended_number_comes_back_by_proving_it_again(stand: Stand) {
    let network = FakeCamara::start().await;
    let world = over(stand, &network).await;
    let [(old, old_id), (other, _)] = with_two_old_numbers(&world).await;
    network.says_recycled(&old, true);
    network.says_recycled(&other, false);
    assert_eq!(world.signs_in("u-1").await.0, 409);
    // It was the person's own all the time: the network's list was wrong.
    network.says_recycled(&old, false);
    world.advance(2 * MINUTE);
    let evidence = json!([{ "type": "stronger_factor", "kind": "passkey" }]);
    let again = world.adds_method("u-1", &old, evidence).await;
    assert_eq!(again, old_id);
    world.advance(2 * MINUTE);
    let asked = json!({ "subject": "u-1", "method": old_id });
    let (status, started) = world.post("/v1/verifications", asked).await;
    assert_eq!(status, 201, "{started}");
}

/// A new SIM may be the person's own: the code takes another way where there is
/// one, and nobody is locked out where there is none.
async fn a_new_sim_lets_another_number_go_first(stand: Stand) {
    let network = FakeCamara::start().await;
    let world = over(stand, &network).await;
    let [(default, default_id), (other, other_id)] = with_two_old_numbers(&world).await;
    network.says_swapped(&default, true);
    network.says_swapped(&other, false);
    let (status, started) = world.signs_in("u-1").await;
    assert_eq!(status, 201, "{started}");
    assert_eq!(started["method"], json!(other_id));

    let alone = numbers::us_number();
    world.has_method("u-2", &alone).await;
    world.advance(MINUTE);
    network.says_swapped(&alone, true);
    let (status, started) = world.signs_in("u-2").await;
    assert_eq!(status, 201, "{started}");
    world.tick().await;
    let told = world.told_of("method.swap_seen");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["subject"], "u-2");

    // Who names a method gets the code there, and the tenant hears of the SIM.
    let asked = json!({ "subject": "u-1", "method": default_id });
    let (status, started) = world.post("/v1/verifications", asked).await;
    assert_eq!(status, 201, "{started}");
    assert_eq!(started["method"], json!(default_id));
}
