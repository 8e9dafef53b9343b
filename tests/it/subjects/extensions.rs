//! An office number's extension: calls dial it, those who may not see numbers do
//! not see it, and nobody who takes the store finds it.

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{Kept, MASKED, MINUTE, Setup, Stand, TENANT, World, text};
use crate::support::gateway_config::DIALS_NOTHING;
use crate::support::leaks::{self, Secrets};
use crate::support::numbers;

over_both_stores!(
    an_office_number_is_called_by_its_extension,
    without_a_provider_that_dials_it_another_method_is_offered,
);

const METHODS: &str = "/v1/subjects/person-7/methods";
const EXTENSION: &str = "4817263509";

/// A subject with a number of its own, who asks for a code to an office besides.
async fn adds_office(world: &World, office: &str) -> (u16, Value) {
    world.has_method("person-7", &numbers::us_number()).await;
    world.advance(MINUTE);
    let asked = json!({
        "phone": office, "role": "office", "extension": EXTENSION,
        "evidence": [{ "type": "stronger_factor" }],
    });
    world.post(METHODS, asked).await
}

async fn an_office_number_is_called_by_its_extension(stand: Stand) {
    let world = World::over(stand).await;
    let office = numbers::us_number();
    let (status, added) = adds_office(&world, &office).await;
    assert_eq!(status, 201, "{added}");
    let method = text(&added["method"]["id"]);
    let code = world.code_to(&office).await;
    let confirm = format!("{METHODS}/{method}/confirm");
    let (status, _) = world.post(&confirm, json!({ "code": code })).await;
    assert_eq!(status, 200);

    world.advance(MINUTE);
    let asked = json!({ "subject": "person-7", "method": method });
    let (status, started) = world.post("/v1/verifications", asked).await;
    assert_eq!(status, 201, "{started}");
    world.code_to(&office).await;
    let calls = world.messages_to(&office);
    let dialled = calls.iter().map(|call| call.extension.as_ref());
    let dialled: Vec<_> = dialled.map(|one| one.map(|one| one.expose())).collect();
    assert_eq!(
        dialled,
        [Some(EXTENSION); 2],
        "by the proof and by the code"
    );

    for (key, shown) in [(TENANT, EXTENSION), (MASKED, "**********")] {
        let (_, listed) = world.call("GET", METHODS, key, Value::Null).await;
        let methods = listed["methods"].as_array().expect("a list");
        let mut methods = methods.iter();
        let found = methods
            .find(|one| one["id"] == method)
            .expect("it is listed");
        assert_eq!(found["extension"], shown);
    }

    let mut secrets = Secrets::default();
    secrets.add_text("an extension", EXTENSION);
    match &world.stores().kept {
        Kept::OnDisk(folder) => leaks::assert_files_are_clean(folder.path(), &secrets),
        Kept::InRedis(server, _) => leaks::assert_redis_is_clean(server, &secrets).await,
    }
}

/// Calls for this purpose go over a provider whose calls dial nothing.
const ROUTE: &str = r#"
[[routes]]
channel = "voice"
purposes = ["payment"]
hops = ["bird"]
"#;

async fn without_a_provider_that_dials_it_another_method_is_offered(stand: Stand) {
    let config = format!("{DIALS_NOTHING}{ROUTE}");
    let world = World::with(stand, Setup::default().more(&config)).await;
    let office = numbers::us_number();
    let (_, added) = adds_office(&world, &office).await;
    let method = text(&added["method"]["id"]);
    let code = world.code_to(&office).await;
    let confirm = format!("{METHODS}/{method}/confirm");
    world.post(&confirm, json!({ "code": code })).await;
    world.advance(MINUTE);
    let asked = json!({ "subject": "person-7", "method": method, "purpose": "payment" });
    let (status, refused) = world.post("/v1/verifications", asked).await;
    let code = &refused["code"];
    assert_eq!(
        (status, code),
        (422, &json!("extension_unsupported")),
        "{refused}"
    );
    let others = &refused["methods"];
    assert_eq!(others[0]["role"], "primary", "{refused}");
}
