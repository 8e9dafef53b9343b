//! What callers rely on: credentials, scopes, methods, headers, fields.

use super::*;
use crate::api::codes;
use crate::api::endpoint::ENDPOINTS;
use crate::api::{Admin, Readiness, Version};
use crate::service::Bind;

#[tokio::test]
async fn every_endpoint_asks_for_its_credential() {
    let api = TestApi::new();
    for endpoint in &ENDPOINTS {
        let path = path_of(endpoint.pattern);
        let without = api.ask(endpoint.method.clone(), &path, "wrong", "{}").await;
        match endpoint.target {
            Target::Open(_) | Target::Provider(_) => {
                assert!((200..300).contains(&without.status), "{}", endpoint.name);
            }
            Target::Entra => {
                assert_eq!(without.json()["error"], "unauthorized");
                assert_eq!(without.status, 401);
            }
            Target::Tenant(..) | Target::Sandbox(_) | Target::Operator(_) | Target::Subject(..) => {
                assert_eq!(
                    without.problem(),
                    is(401, "unauthorized"),
                    "{}",
                    endpoint.name
                );
                assert!(without.header("www-authenticate").starts_with("Bearer"));
            }
        }
    }
}

#[tokio::test]
async fn a_key_without_the_scope_is_refused_and_tells_nothing_else() {
    let api = TestApi::new();
    for endpoint in &ENDPOINTS {
        let Some(scope) = scope_of(endpoint.target) else {
            continue;
        };
        let path = path_of(endpoint.pattern);
        let none = api.ask(endpoint.method.clone(), &path, "none", "{}").await;
        assert_eq!(
            none.problem(),
            is(403, "scope_missing"),
            "{}",
            endpoint.name
        );
        let read = api.ask(endpoint.method.clone(), &path, "read", "{}").await;
        assert_eq!(
            read.status == 403,
            scope != Scope::Read,
            "{}",
            endpoint.name
        );
    }
}

#[tokio::test]
async fn operators_and_tenants_cannot_use_each_others_credentials() {
    let api = TestApi::new();
    let body = r#"{"tenant":"acme","number":"+14155550123"}"#;
    let lift = "/v1/admin/failures/lift";
    let tenant = api.ask(Method::POST, lift, "all", body).await;
    assert_eq!(tenant.problem(), is(401, "unauthorized"));
    let operator = api.ask(Method::POST, lift, "operator", body).await;
    assert_eq!(operator.problem(), is(404, "not_found"));
    let start = api
        .ask(Method::POST, "/v1/verifications", "operator", body)
        .await;
    assert_eq!(start.problem(), is(401, "unauthorized"));
}

#[tokio::test]
async fn an_id_that_is_unknown_or_no_id_at_all_answers_the_same_bytes() {
    let api = TestApi::new();
    let unknown = api.get(&format!("/v1/verifications/{UNKNOWN_ID}")).await;
    for other in [
        "vrf_0070000000000000000000000000z",
        "x",
        "dlv_1",
        "%00",
        "vrf_",
    ] {
        let answer = api.get(&format!("/v1/verifications/{other}")).await;
        assert_eq!(answer.body, unknown.body, "{other}");
        assert_eq!(answer.headers, unknown.headers, "{other}");
    }
    assert_eq!(unknown.problem(), is(404, "not_found"));
}

#[tokio::test]
async fn a_path_without_such_a_method_says_which_it_has() {
    let api = TestApi::new();
    let path = format!("/v1/verifications/{UNKNOWN_ID}");
    for method in [Method::PUT, Method::POST, Method::OPTIONS, Method::TRACE] {
        let answer = api.ask(method, &path, "all", "").await;
        assert_eq!(answer.problem(), is(405, "method_not_allowed"));
        assert_eq!(answer.header("allow"), "GET, HEAD, DELETE");
    }
    assert_eq!(api.get("/v2").await.problem(), is(404, "not_found"));
}

#[tokio::test]
async fn head_answers_as_get_without_the_body() {
    let api = TestApi::new();
    let get = api.get("/docs").await;
    let head = api.ask(Method::HEAD, "/docs", "", "").await;
    assert_eq!(head.status, 200);
    assert!(head.body.is_empty());
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    assert_eq!(head.header("content-type"), get.header("content-type"));
}

#[tokio::test]
async fn every_answer_carries_its_headers() {
    let api = TestApi::new();
    for path in ["/docs", "/openapi.json", "/nothing", "/v1/sandbox/messages"] {
        let answer = api.get(path).await;
        assert_eq!(answer.header("x-request-id"), "test-1", "{path}");
        assert_eq!(answer.header("watchword-durability"), "disk", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(!answer.header("content-type").is_empty(), "{path}");
        let is_public = matches!(path, "/docs" | "/openapi.json");
        let caching = if is_public { "no-cache" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), caching, "{path}");
    }
    let docs = api.get("/docs").await;
    assert!(
        docs.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
}

#[tokio::test]
async fn the_problem_names_the_request_and_the_request_is_counted() {
    let api = TestApi::new();
    let answer = api.post("/v1/verifications", "{}").await;
    assert_eq!(answer.json()["request_id"], "test-1");
    assert_eq!(answer.json()["field"], "to");
    api.get("/nothing").await;
    let observed = api.observed.lock().unwrap();
    let expected = [
        ("start_verification", StatusCode::UNPROCESSABLE_ENTITY),
        ("unmatched", StatusCode::NOT_FOUND),
    ];
    assert_eq!(*observed, expected);
}

#[tokio::test]
async fn fields_are_bounded_before_the_service_sees_them() {
    let api = TestApi::new();
    let long = "1".repeat(65);
    let table = [
        (r#"{"to":""}"#.to_owned(), "invalid_number", "to"),
        (format!(r#"{{"to":"{long}"}}"#), "invalid_number", "to"),
        (
            r#"{"to":"1","channel":"fax"}"#.to_owned(),
            "invalid_channel",
            "channel",
        ),
        (
            r#"{"to":"1","purpose":"Sign In"}"#.to_owned(),
            "invalid_purpose",
            "purpose",
        ),
        (
            r#"{"to":"1","code":"12"}"#.to_owned(),
            "invalid_code",
            "code",
        ),
        (
            r#"{"to":"1","client":{"ip":"::1%eth0"}}"#.to_owned(),
            "invalid_client_ip",
            "client.ip",
        ),
        (
            format!(
                r#"{{"to":"1","bind":{{"amount":"1","currency":"EUR","payee":"{}"}}}}"#,
                "p".repeat(33)
            ),
            "invalid_bind",
            "bind",
        ),
        (
            r#"{"to":"1","fallback":["fax"]}"#.to_owned(),
            "invalid_fallback",
            "fallback",
        ),
        (r#"{"to":"1","bind":""}"#.to_owned(), "invalid_bind", "bind"),
    ];
    for (body, code, field) in table {
        let answer = api.post("/v1/verifications", &body).await;
        assert_eq!(answer.problem(), is(422, code), "{body}");
        assert_eq!(answer.json()["field"], field, "{body}");
    }
}

#[test]
fn a_start_reaches_the_service_with_all_it_says() {
    let body = r#"{
        "to": "(415) 555-0123", "region": "US", "channel": "voice", "locale": "pt-BR",
        "purpose": "sign_in", "subject": "person-7", "code": "0042", "reference": "r",
        "bind": {"amount": "49.90", "currency": "EUR", "payee": "Example Books"},
        "client": {"ip": "2001:db8::1", "known": true},
        "origin": "example.com", "app_hash": "FA+9qCX9VSu", "fallback": ["sms"]
    }"#;
    let headers = [("idempotency-key", "k1"), ("prefer", "wait=2")];
    let request = verifications::start_request(&asked(&headers, body)).unwrap();
    assert_eq!(request.to.as_deref(), Some("(415) 555-0123"));
    assert_eq!(request.region.as_deref(), Some("US"));
    assert_eq!(request.channel, Some(Channel::Voice));
    assert_eq!(request.locale.as_deref(), Some("pt-BR"));
    assert_eq!(request.purpose.as_deref(), Some("sign_in"));
    assert_eq!(request.subject.as_deref(), Some("person-7"));
    assert_eq!(request.code.as_deref(), Some("0042"));
    assert_eq!(request.reference.as_deref(), Some("r"));
    assert_eq!(request.origin.as_deref(), Some("example.com"));
    assert_eq!(request.app_hash.as_deref(), Some("FA+9qCX9VSu"));
    assert_eq!(request.fallback, [Channel::Sms]);
    assert_eq!(request.wait, Some(Duration::from_secs(2)));
    assert_eq!(request.client.ip, Some("2001:db8::1".parse().unwrap()));
    assert!(request.client.known);
    let payment = Bind::Payment {
        amount: String::from("49.90"),
        currency: String::from("EUR"),
        payee: String::from("Example Books"),
    };
    assert_eq!(request.bind, Some(payment));
    let idempotency = request.idempotency.unwrap();
    assert_eq!(
        (idempotency.key.as_str(), idempotency.content.as_ref()),
        ("k1", body.as_bytes())
    );
}

#[test]
fn a_resend_may_have_no_body_and_no_content_type() {
    let (head, ()) = Request::post("/").body(()).unwrap().into_parts();
    let asked = Asked {
        head,
        ..asked(&[], "")
    };
    assert_eq!(verifications::resend_request(&asked).unwrap().channel, None);
}

#[test]
fn an_idempotency_key_is_one_header_of_visible_characters() {
    let read = |keys: &[&str]| {
        let headers: Vec<_> = keys.iter().map(|key| ("idempotency-key", *key)).collect();
        read_as_tenant(
            TenantEndpoint::Start,
            &asked(&headers, r#"{"to":"+14155550123"}"#),
        )
    };
    let longest = "k".repeat(255);
    assert_eq!(read(&[&longest]), Ok(()));
    let refusal = || Err(Problem::new(&codes::INVALID_IDEMPOTENCY_KEY));
    for bad in [
        vec![""],
        vec!["a b"],
        vec!["a", "a"],
        vec![&*format!("{longest}k")],
    ] {
        assert_eq!(read(&bad), refusal(), "{bad:?}");
    }
}

#[tokio::test]
async fn the_sandbox_inbox_is_there_only_with_a_sandbox() {
    let with = TestApi::new()
        .get("/v1/sandbox/messages?to=%2B14155550123")
        .await;
    let expected = serde_json::json!([{
        "to": "+14155550123",
        "channel": "sms",
        "text": "123456 is your Acme code.",
        "provider": "sandbox",
        "at": "1970-01-01T00:00:00.000Z",
    }]);
    assert_eq!((with.status, with.json()), (200, expected));
    let without = TestApi::with(Ok(()), ApiSettings::default(), None);
    let answer = without.get("/v1/sandbox/messages").await;
    assert_eq!(answer.problem(), is(404, "not_found"));
}

#[tokio::test]
async fn the_admin_listener_only_reads() {
    let readiness = |ready| Readiness {
        ready,
        durability: "disk",
        subjects: "kept",
        store: String::from("embedded"),
        reasons: Vec::new(),
        allow_sandbox: false,
        retirable_keys: Vec::new(),
        receipts_missing: Vec::new(),
        entra: Vec::new(),
    };
    for (ready, status) in [(true, 200), (false, 503)] {
        let admin = Arc::new(Admin {
            readiness: Box::new(move || readiness(ready)),
            metrics: Box::new(|| String::from("# EOF\n")),
            version: Version {
                version: "0.1.0",
                number_metadata: String::from("9"),
                format: 2,
                formats_read: &[1, 2],
            },
            on_panic: Arc::new(|| {}),
        });
        let ask = async |method: Method, path: &str| {
            let request = Request::builder()
                .method(method)
                .uri(path)
                .body(Full::new(Bytes::new()))
                .unwrap();
            let service = Arc::clone(&admin).service();
            Answered::of(service.oneshot(request).await.unwrap()).await
        };
        assert_eq!(ask(Method::GET, "/healthz").await.status, 200);
        let shown = ask(Method::GET, "/readyz").await;
        assert_eq!(
            (shown.status, &shown.json()["ready"]),
            (status, &Value::Bool(ready))
        );
        assert_eq!(ask(Method::GET, "/metrics").await.body.as_ref(), b"# EOF\n");
        let version = ask(Method::GET, "/version").await.json();
        assert_eq!(version["format"], 2);
        assert_eq!(version["formats_read"], serde_json::json!([1, 2]));
        assert_eq!(
            ask(Method::POST, "/healthz").await.problem(),
            is(405, "method_not_allowed")
        );
        assert_eq!(
            ask(Method::GET, "/v1/verifications").await.problem(),
            is(404, "not_found")
        );
    }
}
