//! Whatever is sent, the answer is a refusal or an answer: never a fault.

use std::sync::LazyLock;

use super::*;
use crate::api::endpoint::ENDPOINTS;
use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use serde_json::json;

static API: LazyLock<TestApi> = LazyLock::new(TestApi::new);

/// Sends it with every header a request can have, good or not.
fn answered(method: &Method, path: &str, header: &str, body: Vec<u8>) -> Option<Answered> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", "Bearer all")
        .header("content-type", "application/json")
        .header("x-request-id", header)
        .header("idempotency-key", header)
        .header("prefer", header)
        .body(Full::new(Bytes::from(body)))
        .ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    Some(runtime.block_on(API.send(request)))
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "\\PC{0,40}".prop_map(Value::from),
        "[+0-9 ]{0,20}".prop_map(Value::from),
    ];
    let name = prop_oneof![
        "(to|channel|bind|client|code|ip|known|amount|currency|payee|fallback|number|text|outcome)",
        "[a-z_]{0,9}",
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            hash_map(name.clone(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn is_sound(answer: &Answered) -> bool {
    let is_problem = match answer.header("content-type") {
        "application/problem+json" => true,
        // In the words of another face.
        "application/json" => answer.json()["error"].is_string(),
        _ => false,
    };
    answer.status < 500 && (answer.status < 400 || is_problem)
}

proptest! {
    #[test]
    fn any_body_gets_an_answer(index in 0..ENDPOINTS.len(), body: Vec<u8>) {
        let endpoint = &ENDPOINTS[index];
        let path = path_of(endpoint.pattern);
        let answer = answered(&endpoint.method, &path, "h", body).unwrap();
        prop_assert!(is_sound(&answer));
    }

    #[test]
    fn any_json_gets_an_answer_and_is_never_repeated(
        index in 0..ENDPOINTS.len(),
        fields in hash_map("(to|number|code|text|bind|client|channel|outcome|tenant|evidence|token|phone|reason|type)", any_json(), 0..5),
    ) {
        let endpoint = &ENDPOINTS[index];
        let path = path_of(endpoint.pattern);
        let mut body = serde_json::to_value(&fields).unwrap();
        body["secret_field"] = json!("canary-7391");
        let body = serde_json::to_vec(&body).unwrap();
        let answer = answered(&endpoint.method, &path, "h", body).unwrap();
        prop_assert!(is_sound(&answer));
        let written = String::from_utf8_lossy(&answer.body).into_owned();
        prop_assert!(!written.contains("canary") && !written.contains("secret_field"));
    }

    #[test]
    fn any_path_and_header_get_an_answer(
        path in "/[!-~]{0,80}",
        header in "[ -~]{0,80}",
        method in "(GET|POST|DELETE|HEAD|PUT|[A-Z]{1,9})",
    ) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        if let Some(answer) = answered(&method, &path, &header, Vec::new()) {
            prop_assert!(answer.status < 500);
        }
    }
}
