//! Subjects at the edge: whose they are, what evidence looks like, which paths
//! name them.

use super::*;
use crate::api::endpoint::ENDPOINTS;

const METHODS: &str = "/v1/subjects/person-7/methods";
const UNDO: &str = "/v1/subjects/person-7/number-changes/chg_00000000000000000000000000/undo";

async fn adding(evidence: &str) -> (u16, String) {
    let body = format!(r#"{{"phone":"+14155550123","evidence":{evidence}}}"#);
    TestApi::new().post(METHODS, &body).await.problem()
}

#[tokio::test]
async fn evidence_is_held_to_the_shape_of_its_type() {
    let found = is(404, "not_found");
    for good in [
        "null",
        "[]",
        r#"[{"type":"session"}]"#,
        r#"[{"type":"stronger_factor","kind":"passkey"}]"#,
        r#"[{"type":"method","verification_id":"vrf_00700000000000000000000000000"}]"#,
        r#"[{"type":"recovery_code","code":"12345-67890"},{"type":"issued_code"}]"#,
        r#"[{"type":"recovery","id":"rec_00000000000000000000000000"}]"#,
        r#"[{"type":"idv","assertion":"a.b.c"}]"#,
    ] {
        assert_eq!(adding(good).await, found, "{good}");
    }
    for bad in [
        r#"[{}]"#,
        r#"[{"type":"magic"}]"#,
        r#"[{"type":"session","code":"1234"}]"#,
        r#"[{"type":"method"}]"#,
        r#"[{"type":"method","verification_id":"x"}]"#,
        r#"[{"type":"recovery_code"}]"#,
        r#"[{"type":"recovery_code","code":""}]"#,
        r#"[{"type":"idv","assertion":"a b"}]"#,
        r#"[{"type":"recovery","id":"chg_00000000000000000000000000"}]"#,
    ] {
        assert_eq!(adding(bad).await, is(422, "invalid_evidence"), "{bad}");
    }
    let seven = format!("[{}]", [r#"{"type":"session"}"#; 7].join(","));
    assert_eq!(adding(&seven).await, is(422, "invalid_evidence"));
    for misshapen in [
        r#""session""#,
        "[[]]",
        r#"[{"type":1}]"#,
        r#"[{"class":"a"}]"#,
    ] {
        let refused = adding(misshapen).await;
        assert_eq!(refused, is(422, "invalid_field"), "{misshapen}");
    }
}

#[tokio::test]
async fn an_operator_names_the_tenant_and_a_key_speaks_for_its_own() {
    let api = TestApi::new();
    let freeze = "/v1/subjects/person-7/freeze";
    let table = [
        ("operator", r#"{"reason":"x"}"#, is(422, "missing_field")),
        (
            "operator",
            r#"{"reason":"x","tenant":"acme"}"#,
            is(404, "not_found"),
        ),
        ("all", r#"{"reason":"x"}"#, is(404, "not_found")),
        (
            "all",
            r#"{"reason":"x","tenant":"acme"}"#,
            is(404, "not_found"),
        ),
        ("read", r#"{"reason":"x"}"#, is(403, "scope_missing")),
        ("wrong", r#"{"reason":"x"}"#, is(401, "unauthorized")),
    ];
    for (key, body, expected) in table {
        let answer = api.ask(Method::POST, freeze, key, body).await;
        assert_eq!(answer.problem(), expected, "{key} {body}");
    }
    for (query, expected) in [
        ("", is(422, "missing_field")),
        ("?tenant=acme", is(404, "not_found")),
        ("?tenant=acme&tenant=acme", is(422, "invalid_query")),
        ("?who=acme", is(422, "unknown_field")),
    ] {
        let path = format!("/v1/subjects/person-7{query}");
        let answer = api.ask(Method::GET, &path, "operator", "").await;
        assert_eq!(answer.problem(), expected, "{query}");
    }
}

#[tokio::test]
async fn operators_and_tenants_do_each_what_is_theirs() {
    let api = TestApi::new();
    let reset = "/v1/subjects/person-7/reset";
    let body = r#"{"tenant":"acme","reason":"phone stolen"}"#;
    let by_key = api.ask(Method::POST, reset, "all", body).await;
    assert_eq!(by_key.problem(), is(401, "unauthorized"));
    let by_operator = api.ask(Method::POST, reset, "operator", body).await;
    assert_eq!(by_operator.problem(), is(404, "not_found"));
    let adding = r#"{"phone":"+14155550123"}"#;
    let by_operator = api.ask(Method::POST, METHODS, "operator", adding).await;
    assert_eq!(by_operator.problem(), is(401, "unauthorized"));
}

#[tokio::test]
async fn a_person_undoes_by_a_token_and_an_operator_by_a_reason() {
    let api = TestApi::new();
    let table = [
        ("all", r#"{"token":"k7qm-2xrp"}"#, is(404, "not_found")),
        ("all", r#"{"token":"K7QM 2XRP"}"#, is(404, "not_found")),
        (
            "all",
            r#"{"token":"0123456789abcdefghjkmnpqrs"}"#,
            is(404, "not_found"),
        ),
        ("all", r#"{"token":"K7QM2XR"}"#, is(422, "invalid_token")),
        ("all", r#"{"token":"K7QM2XR!"}"#, is(422, "invalid_token")),
        ("all", r#"{"token":"--------"}"#, is(422, "invalid_token")),
        ("all", r#"{}"#, is(422, "missing_field")),
        (
            "all",
            r#"{"token":"K7QM2XRP","reason":"x"}"#,
            is(422, "invalid_field"),
        ),
        (
            "operator",
            r#"{"tenant":"acme","reason":"x"}"#,
            is(404, "not_found"),
        ),
        ("operator", r#"{"tenant":"acme"}"#, is(422, "missing_field")),
        (
            "operator",
            r#"{"tenant":"acme","token":"K7QM2XRP"}"#,
            is(422, "invalid_field"),
        ),
    ];
    for (key, body, expected) in table {
        let answer = api.ask(Method::POST, UNDO, key, body).await;
        assert_eq!(answer.problem(), expected, "{key} {body}");
    }
}

#[tokio::test]
async fn a_subject_is_named_by_its_path_and_decoded_once() {
    let api = TestApi::new();
    let long = "x".repeat(128);
    let too_long = "x".repeat(129);
    let (wide, too_wide) = ("%F0%9F%98%80".repeat(128), "%e5%a7%93".repeat(129));
    for (name, expected) in [
        ("person%207", is(404, "not_found")),
        ("a+b@example.com", is(404, "not_found")),
        ("%F0%9F%98%80", is(404, "not_found")),
        (long.as_str(), is(404, "not_found")),
        (wide.as_str(), is(404, "not_found")),
        (too_long.as_str(), is(422, "invalid_subject")),
        (too_wide.as_str(), is(422, "invalid_subject")),
        ("%00", is(422, "invalid_subject")),
        ("%ff", is(422, "invalid_subject")),
        ("%2", is(422, "invalid_subject")),
    ] {
        let answer = api.get(&format!("/v1/subjects/{name}/methods")).await;
        assert_eq!(answer.problem(), expected, "{name}");
    }
    let beyond = "x".repeat(128 * 12 + 1);
    let answer = api.get(&format!("/v1/subjects/{beyond}/methods")).await;
    assert_eq!(answer.problem(), is(404, "not_found"));
}

#[tokio::test]
async fn an_id_that_is_no_id_is_nobodys() {
    let api = TestApi::new();
    for path in [
        "/v1/subjects/a/number-changes/x",
        "/v1/subjects/a/number-changes/mth_0000000000000000",
        "/v1/subjects/a/number-changes/CHG_00000000000000000000000000",
    ] {
        assert_eq!(
            api.get(path).await.problem(),
            is(404, "not_found"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_is_removed_and_replaced_may_have_a_body() {
    let api = TestApi::new();
    let method = "/v1/subjects/person-7/methods/mth_0000000000000000";
    let nonsense = r#"{"nonsense":1}"#;
    for (verb, step) in [(Method::POST, "remove"), (Method::PUT, "default")] {
        let path = format!("{method}/{step}");
        let answer = api.ask(verb.clone(), &path, "all", nonsense).await;
        assert_eq!(answer.problem(), is(422, "unknown_field"), "{verb}");
        let answer = api.ask(verb.clone(), &path, "all", "").await;
        assert_eq!(
            answer.problem(),
            is(404, "not_found"),
            "{verb} without a body"
        );
        let long = " ".repeat(64 * 1024 + 1);
        let answer = api.ask(verb.clone(), &path, "all", &long).await;
        assert_eq!(answer.problem(), is(413, "body_too_large"), "{verb}");
    }
}

#[tokio::test]
async fn nothing_is_deleted_by_what_a_proxy_may_drop() {
    let api = TestApi::new();
    let deletes = ENDPOINTS
        .iter()
        .filter(|line| line.method == Method::DELETE);
    for line in deletes {
        let path = path_of(line.pattern);
        let bare = api.ask(Method::DELETE, &path, "all", "").await;
        let with_body = api.ask(Method::DELETE, &path, "all", "no JSON").await;
        assert_eq!(bare.problem(), with_body.problem(), "{path}");
        assert_eq!(bare.problem(), is(404, "not_found"), "{path}");
    }
}

#[tokio::test]
async fn a_language_is_a_tag_or_the_tenants() {
    let api = TestApi::new();
    let path = "/v1/subjects/person-7/locale";
    for (body, expected) in [
        (r#"{"locale":"pt-BR"}"#, is(404, "not_found")),
        (r#"{"locale":null}"#, is(404, "not_found")),
        (r#"{"locale":""}"#, is(422, "invalid_locale")),
        (r#"{"locale":1}"#, is(422, "invalid_field")),
    ] {
        let answer = api.ask(Method::PUT, path, "all", body).await;
        assert_eq!(answer.problem(), expected, "{body}");
    }
}

#[tokio::test]
async fn a_start_needs_a_number_or_a_subject_and_a_method_is_of_a_subject() {
    let api = TestApi::new();
    let start = "/v1/verifications";
    let table = [
        (r#"{"subject":"person-7"}"#, is(404, "not_found")),
        (
            r#"{"subject":"person-7","method":"mth_0000000000000000"}"#,
            is(404, "not_found"),
        ),
        (
            r#"{"to":"+14155550123","subject":"person-7"}"#,
            is(404, "not_found"),
        ),
        (r#"{}"#, is(422, "missing_field")),
        (
            r#"{"method":"mth_0000000000000000"}"#,
            is(422, "missing_field"),
        ),
        (
            r#"{"subject":"person-7","method":"x"}"#,
            is(422, "invalid_field"),
        ),
        (
            r#"{"to":"+14155550123","method":"mth_0000000000000000"}"#,
            is(422, "invalid_field"),
        ),
    ];
    for (body, expected) in table {
        assert_eq!(api.post(start, body).await.problem(), expected, "{body}");
    }
    for (query, expected) in [
        ("subject=person-7", is(404, "not_found")),
        (
            "subject=person-7&to=%2B14155550123",
            is(422, "invalid_query"),
        ),
        ("subject=", is(422, "invalid_subject")),
        ("", is(422, "missing_field")),
    ] {
        let answer = api.get(&format!("{start}?{query}")).await;
        assert_eq!(answer.problem(), expected, "{query}");
    }
}
