//! The language a person is written to in, and answers that wait for the code.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{DAY, MINUTE, Stand, TENANT, World, request};
use crate::support::numbers;

over_both_stores!(
    a_person_is_written_to_in_the_language_they_enrolled_in,
    a_new_language_is_for_codes_now_and_for_notices_when_no_change_could_misuse_it,
    an_answer_waits_for_its_code_if_asked_to,
);

const SUBJECT: &str = "/v1/subjects/person-7";
const GERMAN: &str = "ist Ihr Code";
const FRENCH: &str = "est votre code";
const ENGLISH: &str = "is your";

/// A subject whose first number was added in a language; its number.
async fn enrolled(world: &World, locale: &str) -> String {
    let number = numbers::us_number();
    let evidence = json!([{ "type": "session" }]);
    let asked = json!({ "phone": number, "locale": locale, "evidence": evidence });
    let path = format!("{SUBJECT}/methods");
    let (status, added) = world.post(&path, asked).await;
    assert_eq!(status, 201, "{added}");
    let method = super::world::text(&added["method"]["id"]);
    let code = world.code_to(&number).await;
    let path = format!("{path}/{method}/confirm");
    let (status, confirmed) = world.post(&path, json!({ "code": code })).await;
    assert_eq!(status, 200, "{confirmed}");
    number
}

async fn sign_in_text(world: &World, number: &str, locale: Value) -> String {
    world.advance(MINUTE * 15);
    world.skip_messages_to(number);
    let asked = json!({ "subject": "person-7", "locale": locale });
    let (status, sent) = world.post("/v1/verifications", asked).await;
    assert_eq!(status, 201, "{sent}");
    world.next_message(number).await
}

async fn set_locale(world: &World, locale: Value) -> Value {
    let path = format!("{SUBJECT}/locale");
    let body = json!({ "locale": locale });
    let (status, shown) = world.call("PUT", &path, TENANT, body).await;
    assert_eq!(status, 200, "{shown}");
    shown["locale"].clone()
}

async fn a_person_is_written_to_in_the_language_they_enrolled_in(stand: Stand) {
    let world = World::over(stand).await;
    let number = enrolled(&world, "de-AT").await;
    let (_, shown) = world.get(SUBJECT).await;
    assert_eq!(shown["locale"], "de-AT");
    let text = sign_in_text(&world, &number, Value::Null).await;
    assert!(text.contains(GERMAN), "{text}");
    // Who asks for one code in another language does not change theirs.
    let text = sign_in_text(&world, &number, json!("fr")).await;
    assert!(text.contains(FRENCH), "{text}");
    let text = sign_in_text(&world, &number, Value::Null).await;
    assert!(text.contains(GERMAN), "{text}");

    let other = numbers::us_number();
    let asked = json!({ "to": other, "evidence": [{ "type": "stronger_factor" }] });
    let (status, asked) = world
        .post(&format!("{SUBJECT}/number-changes"), asked)
        .await;
    assert_eq!(status, 201, "{asked}");
    let text = world.next_message(&other).await;
    assert!(text.contains(GERMAN), "{text}");
}

async fn a_new_language_is_for_codes_now_and_for_notices_when_no_change_could_misuse_it(
    stand: Stand,
) {
    let world = World::over(stand).await;
    let number = enrolled(&world, "de").await;
    assert_eq!(set_locale(&world, json!("en")).await, "en");
    assert_eq!(set_locale(&world, json!("fr")).await, "fr");
    let text = sign_in_text(&world, &number, Value::Null).await;
    assert!(text.contains(FRENCH), "{text}");

    for (later, begins) in [(0, "Eine Sicherheits"), (30, "un réglage")] {
        world.advance(DAY * later);
        world.skip_messages_to(&number);
        let nothing = json!({ "evidence": [] });
        let (status, opened) = world.post(&format!("{SUBJECT}/recoveries"), nothing).await;
        assert_eq!(status, 201, "{opened}");
        world.tick().await;
        let notice = world.next_message(&number).await;
        assert!(notice.contains(begins), "{notice}");
    }

    assert_eq!(set_locale(&world, Value::Null).await, Value::Null);
    let text = sign_in_text(&world, &number, Value::Null).await;
    assert!(text.contains(ENGLISH), "{text}");
    let (_, trail) = world.get(&format!("{SUBJECT}/audit")).await;
    let lines = trail["lines"].as_array().expect("lines").iter();
    let set = lines.filter(|line| line["what"] == "subject.locale_set");
    assert_eq!(set.count(), 3, "{trail}");

    let path = "/v1/subjects/nobody/locale";
    let (status, _) = world
        .call("PUT", path, TENANT, json!({ "locale": "de" }))
        .await;
    assert_eq!(status, 404);
}

async fn an_answer_waits_for_its_code_if_asked_to(stand: Stand) {
    let world = World::over(stand).await;
    let asked = json!({ "phone": numbers::us_number(), "evidence": [{ "type": "session" }] });
    let added = waiting(&world, &format!("{SUBJECT}/methods"), &asked).await;
    assert_eq!(submitted(&added), json!("submitted"), "{added}");

    world.has_method("person-8", &numbers::us_number()).await;
    let evidence = json!([{ "type": "stronger_factor" }]);
    let asked = json!({ "to": numbers::us_number(), "evidence": evidence });
    let requested = waiting(&world, "/v1/subjects/person-8/number-changes", &asked).await;
    assert_eq!(submitted(&requested), json!("submitted"), "{requested}");
}

async fn waiting(world: &World, path: &str, body: &Value) -> Value {
    let mut request: Request<Full<Bytes>> = request("POST", path, TENANT, body);
    let wait = "wait=5".parse().expect("a header");
    request.headers_mut().insert("prefer", wait);
    let answer = world.send(request).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(answer.preference.as_deref(), Some("wait=5"));
    answer.body
}

fn submitted(answer: &Value) -> Value {
    answer["verification"]["deliveries"][0]["attempts"][0]["outcome"].clone()
}
