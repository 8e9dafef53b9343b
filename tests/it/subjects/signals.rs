//! What signals lead to, purpose by purpose, and that a network that fails keeps
//! nobody from a code.

use serde_json::{Value, json};
use watchword::subjects::evidence::Finding::{Clear, Raised};
use watchword_providers::Channel;

use super::over_both_stores;
use super::world::{DAY, MINUTE, Setup, Signal, Stand, TENANT, World, text};
use crate::support::fake_camara::{Failing, FakeCamara};
use crate::support::numbers;

over_both_stores!(
    a_new_device_is_asked_about_only_where_it_leads_to_something,
    each_purpose_has_its_own_effects,
    the_only_number_of_a_person_is_not_suspended_for_a_new_sim,
    forwarded_calls_take_another_way_where_there_is_one,
    a_proof_by_a_forwarded_call_waits_as_after_a_new_sim,
    a_network_that_fails_sends_codes_and_lengthens_holds,
);

const SUBJECT: &str = "u-signals";

/// A policy of the tenant's own.
const CAREFUL: &str = r#"
[[tenants.subjects.signals]]
purposes = ["pay"]
sim_swap = "suspend"
device_swap = "other_method"

[[tenants.subjects.signals]]
purposes = ["number_change"]
device_swap = "longer_hold"

[[tenants.subjects.signals]]
forwarded = "allow"
"#;

/// Two numbers, the first of them the default.
async fn with_two_numbers(world: &World) -> [(String, String); 2] {
    let (first, second) = (numbers::us_number(), numbers::us_number());
    let first_id = world.has_method(SUBJECT, &first).await;
    let evidence = json!([{ "type": "stronger_factor" }]);
    let second_id = world.adds_method(SUBJECT, &second, evidence).await;
    world.advance(MINUTE);
    [(first, first_id), (second, second_id)]
}

async fn starts(world: &World, purpose: &str) -> Value {
    world.advance(MINUTE);
    let (status, started) = world.signs_in_for((SUBJECT, purpose)).await;
    assert_eq!(status, 201, "{started}");
    started
}

/// The class of a change that is proved by a code to `number` over a channel.
async fn changed(world: &World, (subject, number, by): (&str, &str, &str)) -> Value {
    world.advance(MINUTE);
    world.is_quiet().await;
    world.skip_messages_to(number);
    let asked = json!({ "subject": subject, "channel": by });
    let (status, started) = world.post("/v1/verifications", asked).await;
    assert_eq!(status, 201, "{started}");
    let id = text(&started["id"]);
    let heard = world.next_message(number).await;
    let digits = heard.split(|character: char| !character.is_ascii_digit());
    let code = digits.max_by_key(|digits| digits.len());
    let path = format!("/v1/verifications/{id}/check");
    let (status, checked) = world.post(&path, json!({ "code": code })).await;
    assert_eq!(status, 200, "{heard}: {checked}");
    let evidence = json!([{ "type": "method", "verification_id": id }]);
    let to = numbers::us_number();
    let change = world.changes_number(subject, &to, evidence).await;
    change["class"].clone()
}

async fn a_new_device_is_asked_about_only_where_it_leads_to_something(stand: Stand) {
    let network = FakeCamara::start().await;
    let setup = Setup::default().line("signals", &network.lines());
    let world = World::with(stand, setup.acme(CAREFUL)).await;
    let [(first, first_id), (_, second_id)] = with_two_numbers(&world).await;
    network.says_device_swapped(&first, true);
    // A person with a new phone signs in as ever.
    assert_eq!(starts(&world, "sign_in").await["method"], json!(first_id));
    assert_eq!(network.asked_for_device(&first), 0);
    assert_eq!(starts(&world, "pay").await["method"], json!(second_id));
    assert_eq!(network.asked_for_device(&first), 1);
    let metrics = world.metrics();
    let asked =
        "watchword_signal_duration_seconds_count{signal=\"device_swap\",outcome=\"raised\"} 1";
    assert!(metrics.contains(asked), "{metrics}");
    // Whoever insists gets the code there, and the tenant hears of the device.
    let asked = json!({ "subject": SUBJECT, "purpose": "pay", "method": first_id });
    let (status, started) = world.post("/v1/verifications", asked).await;
    assert_eq!(status, 201, "{started}");
    world.tick().await;
    let told = world.told_of("method.swap_seen");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["reason"], "device_swap");
}

async fn each_purpose_has_its_own_effects(stand: Stand) {
    let world = World::with(stand, Setup::default().acme(CAREFUL)).await;
    let [(first, first_id), (_, second_id)] = with_two_numbers(&world).await;
    world.networks.say(&first, Signal::SimSwap, Raised);
    // Another number goes first, and the one with the new SIM stays what it is.
    assert_eq!(starts(&world, "sign_in").await["method"], json!(second_id));
    let (_, shown) = world.get(&format!("/v1/subjects/{SUBJECT}/methods")).await;
    assert!(!shown.to_string().contains("suspended"), "{shown}");
    let (status, refused) = world.signs_in_for((SUBJECT, "pay")).await;
    assert_eq!(
        (status, &refused["code"]),
        (409, &json!("method_suspended"))
    );
    assert_eq!(refused["methods"][0]["method"], json!(second_id));
    world.tick().await;
    let told = world.told_of("method.suspended");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["method"], json!(first_id));
    assert_eq!(told[0]["reason"], "sim_swap");

    // A new device takes from a SIM that is known what it was worth, and no more.
    let alone = numbers::us_number();
    world.networks.are_content_with(&alone);
    world.has_method("u-2", &alone).await;
    world.networks.say(&alone, Signal::DeviceSwap, Raised);
    let class = changed(&world, ("u-2", &alone, "sms")).await;
    assert_eq!(class, "b");
    let alone = numbers::us_number();
    world.networks.are_content_with(&alone);
    world.networks.say(&alone, Signal::DeviceSwap, Clear);
    world.has_method("u-3", &alone).await;
    let class = changed(&world, ("u-3", &alone, "sms")).await;
    assert_eq!(class, "a");
}

async fn the_only_number_of_a_person_is_not_suspended_for_a_new_sim(stand: Stand) {
    let world = World::with(stand, Setup::default().acme(CAREFUL)).await;
    let number = numbers::us_number();
    let method = world.has_method(SUBJECT, &number).await;
    world.networks.say(&number, Signal::SimSwap, Raised);
    assert_eq!(starts(&world, "pay").await["method"], json!(method));
    world.tick().await;
    let told = world.told_of("method.swap_seen");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["reason"], "sim_swap");
}

async fn forwarded_calls_take_another_way_where_there_is_one(stand: Stand) {
    let world = World::over(stand).await;
    let [(first, first_id), _] = with_two_numbers(&world).await;
    world.networks.say(&first, Signal::Forwarded, Raised);
    // The same phone by a text, though a call was asked for.
    let calls = json!({ "subject": SUBJECT, "channel": "voice" });
    let (status, started) = world.post("/v1/verifications", calls).await;
    assert_eq!(status, 201, "{started}");
    assert_eq!(started["method"], json!(first_id));
    assert_eq!(next_channel(&world, &first).await, Some(Channel::Sms));
    // An office takes no texts: another phone.
    let (office, office_id) = with_office(&world).await;
    assert_eq!(starts(&world, "sign_in").await["method"], json!(office_id));
    assert_eq!(next_channel(&world, &office).await, Some(Channel::Voice));
    world.networks.say(&office, Signal::Forwarded, Raised);
    world.advance(11 * MINUTE);
    assert_eq!(starts(&world, "sign_in").await["method"], json!(first_id));
    // Who insists is called all the same: nobody is locked out.
    let named = json!({ "subject": SUBJECT, "method": office_id });
    let (status, started) = world.post("/v1/verifications", named).await;
    assert_eq!(status, 201, "{started}");
    assert_eq!(next_channel(&world, &office).await, Some(Channel::Voice));
}

/// Of the message that comes next.
async fn next_channel(world: &World, number: &str) -> Option<Channel> {
    world.next_message(number).await;
    let messages = world.messages_to(number);
    messages.last().map(|message| message.channel)
}

/// An office's number, which is called only, and is the default from now on.
async fn with_office(world: &World) -> (String, String) {
    let number = numbers::us_number();
    let path = format!("/v1/subjects/{SUBJECT}/methods");
    let evidence = json!([{ "type": "stronger_factor" }]);
    let asked = json!({ "phone": number, "role": "office", "evidence": evidence });
    let (status, added) = world.post(&path, asked).await;
    assert_eq!(status, 201, "{added}");
    let method = text(&added["method"]["id"]);
    let code = json!({ "code": world.code_to(&number).await });
    let (status, proved) = world.post(&format!("{path}/{method}/confirm"), code).await;
    assert_eq!(status, 200, "{proved}");
    let default = format!("{path}/{method}/default");
    let (status, answer) = world.call("PUT", &default, TENANT, json!({})).await;
    assert_eq!(status, 200, "{answer}");
    (number, method)
}

async fn a_proof_by_a_forwarded_call_waits_as_after_a_new_sim(stand: Stand) {
    let world = World::with(stand, Setup::default().acme(CAREFUL)).await;
    // This tenant's codes are called out whoever gets the calls.
    for (forwarded, by, class) in [
        (Raised, "voice", "c"),
        (Clear, "voice", "a"),
        (Raised, "sms", "a"),
    ] {
        let number = numbers::us_number();
        let subject = format!("u-{forwarded:?}-{by}");
        world.networks.are_content_with(&number);
        world.networks.say(&number, Signal::Forwarded, forwarded);
        world.has_method(&subject, &number).await;
        let found = changed(&world, (&subject, &number, by)).await;
        assert_eq!(found, class, "{forwarded:?} {by}");
    }
}

/// For a code no answer is as good as a good one; for a change it is not.
async fn a_network_that_fails_sends_codes_and_lengthens_holds(stand: Stand) {
    let network = FakeCamara::start().await;
    let lines = network
        .lines()
        .replace("timeout_ms = 2000", "timeout_ms = 100");
    let world = World::with(stand, Setup::default().line("signals", &lines)).await;
    let table = [
        (Failing::Hangs, "late"),
        (Failing::AnswersLate, "late"),
        (Failing::Refuses("403 Forbidden"), "refused"),
        (Failing::Refuses("500 Internal Server Error"), "refused"),
        (Failing::Babbles, "unreadable"),
    ];
    for (number, (failing, outcome)) in (1..).zip(table) {
        network.fails(failing);
        let subject = format!("u-{number}");
        let number = numbers::us_number();
        world.has_method(&subject, &number).await;
        let class = changed(&world, (&subject, &number, "sms")).await;
        assert_eq!(class, "b", "{failing:?}");
        let metrics = world.metrics();
        for signal in ["sim_swap", "recycled"] {
            let labels = format!("{{signal={signal:?},outcome={outcome:?}}}");
            let counted = format!("watchword_signal_duration_seconds_count{labels}");
            assert!(metrics.contains(&counted), "{counted}: {metrics}");
        }
        world.advance(DAY);
    }
}
