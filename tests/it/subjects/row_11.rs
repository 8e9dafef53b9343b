//! Roles, what each may be used for, and how many numbers a person may have.

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{MINUTE, Setup, Stand, World, text};
use crate::support::numbers;

over_both_stores!(
    row_11_roles_and_their_channels,
    row_11_an_office_is_called_and_never_texted,
    row_11_the_sixth_number_is_refused,
    row_11_a_tenant_allows_fewer,
);

const METHODS: &str = "/v1/subjects/person-7/methods";

async fn row_11_roles_and_their_channels(stand: Stand) {
    let world = World::with(stand, roomy()).await;
    let refused = async |role: &str, channel: Value| {
        let (status, answer) = add(&world, role, channel).await;
        (status, answer["code"].clone())
    };
    let early = refused("alternate", Value::Null).await;
    assert_eq!(early, (409, json!("needs_primary")));
    let unknown = refused("home", Value::Null).await;
    assert_eq!(unknown, (422, json!("invalid_role")));
    world.has_method("person-7", &numbers::us_number()).await;

    let (status, by_sms) = add(&world, "office", json!("sms")).await;
    assert_eq!(
        (status, &by_sms["code"]),
        (422, &json!("channel_not_supported"))
    );
    assert_eq!(by_sms["alternatives"], json!(["voice"]));
    let by_sms = refused("alternate", json!("sms")).await;
    assert_eq!(by_sms, (422, json!("channel_not_supported")));

    let asked = json!({
        "phone": numbers::us_number(), "role": "office", "extension": "4711",
        "evidence": [{ "type": "stronger_factor" }],
    });
    let (status, added) = world.post(METHODS, asked).await;
    assert_eq!(status, 201, "{added}");
    assert_eq!(added["method"]["channels"], json!(["voice"]));
    assert_eq!(added["method"]["extension"], "4711");
    assert_eq!(added["verification"]["channel"], "voice");
    let second = refused("office", Value::Null).await;
    assert_eq!(second, (409, json!("role_taken")));

    let asked = json!({
        "phone": numbers::us_number(), "extension": "4711",
        "evidence": [{ "type": "stronger_factor" }],
    });
    let (status, misplaced) = world.post(METHODS, asked).await;
    assert_eq!(
        (status, &misplaced["code"]),
        (422, &json!("invalid_extension"))
    );
}

async fn row_11_an_office_is_called_and_never_texted(stand: Stand) {
    let world = World::with(stand, roomy()).await;
    world.has_method("person-7", &numbers::us_number()).await;
    let office = numbers::us_number();
    let asked = json!({
        "phone": office, "role": "office", "evidence": [{ "type": "stronger_factor" }],
    });
    let (status, added) = world.post(METHODS, asked).await;
    assert_eq!(status, 201, "{added}");
    let method = text(&added["method"]["id"]);
    let code = json!({ "code": world.code_to(&office).await });
    let (status, _) = world
        .post(&format!("{METHODS}/{method}/confirm"), code)
        .await;
    assert_eq!(status, 200);

    let by_sms = json!({ "subject": "person-7", "method": method, "channel": "sms" });
    let (status, refused) = world.post("/v1/verifications", by_sms).await;
    assert_eq!(
        (status, &refused["code"]),
        (422, &json!("channel_not_supported"))
    );
    assert_eq!(refused["alternatives"], json!(["voice"]));
    assert!(refused["methods"][0]["method"].is_string(), "{refused}");
    world.advance(MINUTE * 10);
    let named = json!({ "subject": "person-7", "method": method });
    let (status, called) = world.post("/v1/verifications", named).await;
    assert_eq!((status, &called["channel"]), (201, &json!("voice")));
    world.code_to(&office).await;
    assert!(world.sms_to(&office).is_empty());
}

async fn row_11_a_tenant_allows_fewer(stand: Stand) {
    let setup = roomy().acme("[tenants.subjects]\nmethods_max = 2\n");
    let world = World::with(stand, setup).await;
    world.has_method("person-7", &numbers::us_number()).await;
    let (status, second) = add(&world, "office", Value::Null).await;
    assert_eq!(status, 201, "{second}");
    let (status, third) = add(&world, "alternate", Value::Null).await;
    assert_eq!((status, &third["code"]), (409, &json!("too_many_methods")));
}

async fn row_11_the_sixth_number_is_refused(stand: Stand) {
    let world = World::with(stand, roomy()).await;
    world.has_method("person-7", &numbers::us_number()).await;
    for _ in 0..4 {
        world.advance(MINUTE * 10);
        let stronger = json!([{ "type": "stronger_factor" }]);
        let number = numbers::us_number();
        world.adds_method("person-7", &number, stronger).await;
    }
    let sixth = numbers::us_number();
    let asked = json!({ "phone": sixth, "evidence": [{ "type": "stronger_factor" }] });
    let (status, answer) = world.post(METHODS, asked).await;
    assert_eq!((status, &answer["code"]), (409, &json!("too_many_methods")));
    assert!(
        world.messages_to(&sixth).is_empty(),
        "nothing was sent to it"
    );
    let (_, listed) = world.get(METHODS).await;
    let methods = listed["methods"].as_array().expect("a list");
    let roles: Vec<String> = methods.iter().map(|method| text(&method["role"])).collect();
    assert_eq!(roles.iter().filter(|role| *role == "primary").count(), 1);
    assert_eq!(roles.len(), 5, "{roles:?}");
}

/// Adds a number in a role by good evidence.
async fn add(world: &World, role: &str, channel: Value) -> (u16, Value) {
    let asked = json!({
        "phone": numbers::us_number(), "role": role, "channel": channel,
        "evidence": [{ "type": "stronger_factor" }],
    });
    world.post(METHODS, asked).await
}

/// The limits of a subject are another row's matter.
fn roomy() -> Setup {
    Setup::default().line(
        "limits",
        "sends_per_subject = [{ count = 1000, per_s = 60 }]",
    )
}
