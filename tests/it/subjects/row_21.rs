//! Row 21 of the table: who answers STOP gets no SMS any more and is offered a
//! call; START takes that back.

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{MINUTE, OTHER_TENANT, Stand, World, text};
use crate::support::numbers;

over_both_stores!(
    stop_ends_sms_and_offers_a_call_until_start,
    a_stop_holds_for_a_code_that_is_sent_again,
    only_what_carriers_take_for_stop_is_one,
    a_stop_is_between_a_number_and_one_tenant,
    a_stop_is_told_once_to_every_subject_that_has_the_number,
    a_stop_is_understood_as_networks_and_people_write_it,
);

async fn writes_back(world: &World, number: &str, text: &str) -> Value {
    let asked = json!({ "from": number, "text": text });
    let (status, answer) = world.post("/v1/numbers/inbound", asked).await;
    assert_eq!(status, 200, "{answer}");
    answer["effect"].clone()
}

async fn asks_by(world: &World, channel: &str) -> (u16, Value) {
    let asked = json!({ "subject": "u-1", "channel": channel });
    world.post("/v1/verifications", asked).await
}

async fn status_of_method(world: &World) -> Value {
    let (_, listed) = world.get("/v1/subjects/u-1/methods").await;
    listed["methods"][0]["status"].clone()
}

async fn a_stop_holds_for_a_code_that_is_sent_again(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    world.has_method("u-1", &number).await;
    world.advance(20 * MINUTE);
    let (status, sent) = asks_by(&world, "sms").await;
    assert_eq!(status, 201, "{sent}");
    world.is_quiet().await;
    let before = world.sms_to(&number).len();

    writes_back(&world, &number, "STOP").await;
    world.advance(MINUTE);
    let resend = format!("/v1/verifications/{}/resend", text(&sent["id"]));
    let (status, refusal) = world.post(&resend, json!({})).await;
    assert_eq!((status, &refusal["code"]), (409, &json!("opted_out")));
    assert_eq!(refusal["alternatives"], json!(["voice"]));
    let (status, called) = world.post(&resend, json!({ "channel": "voice" })).await;
    assert_eq!(status, 200, "{called}");
    world.is_quiet().await;
    assert_eq!(world.sms_to(&number).len(), before);
}

async fn stop_ends_sms_and_offers_a_call_until_start(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    world.has_method("u-1", &number).await;

    assert_eq!(
        writes_back(&world, &number, "STOP").await,
        json!("opted_out")
    );
    assert_eq!(status_of_method(&world).await, json!("opted_out"));
    let (status, refusal) = asks_by(&world, "sms").await;
    assert_eq!((status, &refusal["code"]), (409, &json!("opted_out")));
    assert_eq!(refusal["alternatives"], json!(["voice"]));
    // Nobody is called instead who has not chosen it.
    let (status, refusal) = world.signs_in("u-1").await;
    assert_eq!((status, &refusal["code"]), (409, &json!("opted_out")));
    assert_eq!(refusal["alternatives"], json!(["voice"]));
    let (status, called) = asks_by(&world, "voice").await;
    assert_eq!(status, 201, "{called}");
    world.is_quiet().await;
    assert_eq!(
        world.sms_to(&number).len(),
        1,
        "only the one that proved it"
    );

    assert_eq!(
        writes_back(&world, &number, "START").await,
        json!("opted_in")
    );
    assert_eq!(status_of_method(&world).await, json!("active"));
    world.advance(20 * MINUTE);
    let (status, sent) = asks_by(&world, "sms").await;
    assert_eq!(status, 201, "{sent}");
    world.is_quiet().await;
    assert_eq!(world.sms_to(&number).len(), 2);
    world.tick().await;
    assert_eq!(world.told_of("method.opted_out").len(), 1);
    assert_eq!(world.told_of("method.opted_in").len(), 1);
}

async fn only_what_carriers_take_for_stop_is_one(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    world.has_method("u-1", &number).await;
    for nothing in ["stop it", "who is this?", "1234567890", "STOPPING"] {
        let effect = writes_back(&world, &number, nothing).await;
        assert_eq!(effect, json!("none"), "{nothing}");
    }
    assert_eq!(status_of_method(&world).await, json!("active"));
    let words = ["stopall", " Unsubscribe ", "CANCEL", "end", "Quit\n"];
    for (stop, start) in words.iter().zip(["start", "UNSTOP", " yes"].iter().cycle()) {
        let effect = writes_back(&world, &number, stop).await;
        assert_eq!(effect, json!("opted_out"), "{stop:?}");
        let effect = writes_back(&world, &number, start).await;
        assert_eq!(effect, json!("opted_in"), "{start:?}");
    }
}

async fn a_stop_is_between_a_number_and_one_tenant(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    world.has_method("u-1", &number).await;
    let asked = json!({ "from": number, "text": "STOP" });
    let (status, answer) = world
        .call("POST", "/v1/numbers/inbound", OTHER_TENANT, asked)
        .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(status_of_method(&world).await, json!("active"));
    let (status, sent) = asks_by(&world, "sms").await;
    assert_eq!(status, 201, "{sent}");
}

async fn a_stop_is_told_once_to_every_subject_that_has_the_number(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    for subject in ["u-1", "u-2"] {
        world.has_method(subject, &number).await;
        world.advance(MINUTE);
    }
    world.has_method("u-3", &numbers::us_number()).await;
    for _ in 0..3 {
        let effect = writes_back(&world, &number, "STOP").await;
        assert_eq!(effect, json!("opted_out"));
    }
    world.tick().await;
    let told = world.told_of("method.opted_out");
    let mut told: Vec<&str> = told
        .iter()
        .filter_map(|event| event["subject"].as_str())
        .collect();
    told.sort_unstable();
    assert_eq!(told, ["u-1", "u-2"]);
}

async fn a_stop_is_understood_as_networks_and_people_write_it(stand: Stand) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    world.has_method("u-1", &number).await;
    let msisdn = number.trim_start_matches('+');
    for (stop, start) in [
        ("“Arrêt.”", "démarrer"),
        ("停止", "開始"),
        ("Стоп!", "старт"),
    ] {
        let effect = writes_back(&world, msisdn, stop).await;
        assert_eq!(effect, json!("opted_out"), "{stop}");
        assert_eq!(status_of_method(&world).await, json!("opted_out"));
        let effect = writes_back(&world, msisdn, start).await;
        assert_eq!(effect, json!("opted_in"), "{start}");
    }
    // Most of what people write is for nobody here, and comes from short codes too.
    assert_eq!(writes_back(&world, "22000", "Hello").await, json!("none"));
    let asked = json!({ "from": "22000", "text": "STOP" });
    let (status, answer) = world.post("/v1/numbers/inbound", asked).await;
    assert_eq!(status, 422, "{answer}");
}
