//! What belongs apart stays apart: two sessions of one number, two tenants,
//! and two requests that are really one.

use futures_util::future::join_all;
use http::HeaderMap;
use serde_json::{Value, json};

use crate::support::client::{Answer, Client};
use crate::support::fake_provider::FakeProvider;
use crate::support::numbers;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

async fn one_node() -> (Scenario, FakeProvider, Client, Client) {
    let mut scenario = Scenario::on_redis().await;
    let hook = scenario.provider("hook-a").await;
    let gateway = scenario.started("one", &scenario.config(&[&hook])).await;
    let acme = scenario.client(&gateway);
    let other = acme.with_key(&scenario.other.api_key);
    (scenario, hook, acme, other)
}

/// Starts a verification bound to a session; its id and its code.
async fn start_bound(
    client: &Client,
    hook: &FakeProvider,
    number: &str,
    bind: &Value,
) -> (String, String) {
    let earlier = hook.submissions_to(number).len();
    let id = client
        .start_with(&json!({ "to": number, "bind": bind }))
        .await
        .expect(201)
        .id();
    let arrived = hook.has_count_to(number, earlier + 1, ARRIVES_WITHIN).await;
    assert!(arrived, "no second code was sent");
    let code = hook
        .submissions_to(number)
        .pop()
        .expect("just arrived")
        .code;
    (id, code)
}

async fn check_bound(client: &Client, id: &str, code: &str, bind: &Value) -> Answer {
    client
        .check_with(id, &json!({ "code": code, "bind": bind }))
        .await
}

#[tokio::test]
async fn two_sessions_of_one_number_get_two_codes_and_neither_opens_the_other() {
    let (scenario, hook, acme, _) = one_node().await;
    let number = numbers::us_number();
    let (mine, theirs) = (json!("session-1"), json!("session-2"));
    let (my_id, my_code) = start_bound(&acme, &hook, &number, &mine).await;
    let (their_id, their_code) = start_bound(&acme, &hook, &number, &theirs).await;
    assert_ne!(my_id, their_id);
    assert_ne!(my_code, their_code);
    for (id, code, bind) in [
        (&my_id, &their_code, &mine),
        (&my_id, &their_code, &theirs),
        (&my_id, &my_code, &theirs),
        (&their_id, &my_code, &theirs),
        (&their_id, &their_code, &mine),
    ] {
        assert_eq!(
            check_bound(&acme, id, code, bind).await.expect(422).code(),
            "code_mismatch"
        );
    }
    let unbound = acme.check(&my_id, &my_code).await.expect(422);
    assert_eq!(unbound.code(), "code_mismatch", "no bind is a wrong bind");
    check_bound(&acme, &my_id, &my_code, &mine)
        .await
        .expect(200);
    check_bound(&acme, &their_id, &their_code, &theirs)
        .await
        .expect(200);
    scenario.finish().await;
}

#[tokio::test]
async fn two_tenants_with_one_number_do_not_see_each_other() {
    let (scenario, hook, acme, other) = one_node().await;
    let number = numbers::us_number();
    let (acme_id, acme_code) = start_bound(&acme, &hook, &number, &json!("s")).await;
    let (other_id, other_code) = start_bound(&other, &hook, &number, &json!("s")).await;
    assert_ne!((&acme_id, &acme_code), (&other_id, &other_code));
    for (client, own) in [(&acme, &acme_id), (&other, &other_id)] {
        let path = format!("/v1/verifications?to={}", number.replace('+', "%2B"));
        let list = client.get(&path).await.expect(200).json();
        let ids: Vec<&str> = list["verifications"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|verification| verification["id"].as_str())
            .collect();
        assert_eq!(ids, [own.as_str()]);
    }
    let crossed = check_bound(&other, &other_id, &acme_code, &json!("s")).await;
    assert_eq!(crossed.expect(422).code(), "code_mismatch");
    check_bound(&acme, &acme_id, &acme_code, &json!("s"))
        .await
        .expect(200);
    check_bound(&other, &other_id, &other_code, &json!("s"))
        .await
        .expect(200);
    scenario.finish().await;
}

/// Everything a caller sees of an answer, but what names the request itself.
fn seen(answer: &Answer) -> (u16, HeaderMap, String) {
    let mut headers = answer.headers.clone();
    let request_id = headers
        .remove("x-request-id")
        .expect("every answer has a request id");
    headers.remove("date");
    let body = String::from_utf8(answer.bytes.to_vec()).expect("answers are text");
    let request_id = request_id.to_str().expect("request ids are ASCII");
    (
        answer.status.as_u16(),
        headers,
        body.replace(request_id, "<request>"),
    )
}

#[tokio::test]
async fn anothers_id_answers_like_one_that_does_not_exist() {
    let (scenario, hook, acme, other) = one_node().await;
    let (id, code) = start_bound(&acme, &hook, &numbers::us_number(), &json!("s")).await;
    // The same shard, and random bits that nobody drew.
    let (known, last) = id.split_at(id.len() - 1);
    let unknown = format!("{known}{}", if last == "0" { "1" } else { "0" });
    let ask = async |id: &str| {
        let answers = [
            other.verification(id).await,
            check_bound(&other, id, &code, &json!("s")).await,
            other.resend(id).await,
            other.cancel(id).await,
            other
                .post(
                    &format!("/v1/verifications/{id}/outcome"),
                    &json!({ "outcome": "used" }),
                )
                .await,
        ];
        answers.map(|answer| seen(&answer.expect(404)))
    };
    assert_eq!(ask(&id).await, ask(&unknown).await);
    assert_eq!(
        acme.verification(&id).await.json()["checks_remaining"],
        json!(5)
    );
    check_bound(&acme, &id, &code, &json!("s"))
        .await
        .expect(200);
    scenario.finish().await;
}

#[tokio::test]
async fn one_idempotency_key_fifty_times_over_two_nodes_is_one_send_and_one_answer() {
    let mut scenario = Scenario::on_redis().await;
    let hook = scenario.provider("hook-a").await;
    let config = scenario.config(&[&hook]);
    let nodes = [
        scenario.started("one", &config).await,
        scenario.started("two", &config).await,
    ];
    let clients = nodes.each_ref().map(|node| scenario.client(node));
    let number = numbers::us_number();
    let body = json!({ "to": number });
    let once = async |client: &Client| {
        loop {
            let answer = client
                .post_once("/v1/verifications", &body, "order-66")
                .await;
            if answer.code() != "idempotency_in_progress" {
                return answer.expect(201).id();
            }
        }
    };
    let ids = join_all(clients.iter().cycle().take(50).map(once)).await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let message = hook.submission_to(&number, ARRIVES_WITHIN).await;
    clients[0].check(&ids[0], &message.code).await.expect(200);
    assert_eq!(hook.count(), 1, "one send");

    let elsewhere = json!({ "to": number, "purpose": "payment" });
    let reused = clients[1]
        .post_once("/v1/verifications", &elsewhere, "order-66")
        .await;
    assert_eq!(reused.expect(422).code(), "idempotency_key_reused");
    assert_eq!(hook.count(), 1, "still one send");
    scenario.finish().await;
}
