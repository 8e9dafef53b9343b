//! A network that grants tokens before it answers.

use super::*;
use crate::config::CamaraClient;

/// As many answers as any story takes.
const ALWAYS: usize = 1_000;

async fn network(tell: Tell, may: usize) -> (FakeNetwork, Arc<Semaphore>) {
    let may = Arc::new(Semaphore::new(may));
    let told = Arc::clone(&may);
    (
        FakeNetwork::that(Behaviour::Tell { tell, may: told }).await,
        may,
    )
}

fn camara(network: &FakeNetwork, timeout_ms: u64) -> Camara {
    let mut settings = settings(&network.url, timeout_ms);
    settings.login = CamaraLogin::Client(CamaraClient {
        token_url: format!("{}/token", network.url),
        id: "us & them".to_owned(),
        secret: Secret::new("hush:hush"),
        scope: Some("sim-swap:check more".to_owned()),
    });
    Camara::new(settings).unwrap()
}

fn is_for_token(request: &str) -> bool {
    request.starts_with("POST /token ")
}

/// Of all requests, how many were for a token.
fn token_count(network: &FakeNetwork) -> usize {
    let requests = network.requests();
    requests
        .iter()
        .filter(|request| is_for_token(request))
        .count()
}

fn well(request: &str) -> (u16, String) {
    let grant = r#"{"access_token":"t1","token_type":"bearer","expires_in":300}"#;
    if is_for_token(request) {
        (200, grant.to_owned())
    } else if request.contains("\r\nauthorization: Bearer t1\r\n") {
        (200, r#"{"swapped":true}"#.to_owned())
    } else {
        (401, r#"{"status":401,"code":"UNAUTHENTICATED"}"#.to_owned())
    }
}

/// A question that was not asked before.
fn another(hours: u16) -> Question<'static> {
    Question::SimSwap { e164: E164, hours }
}

async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_token_is_granted_once_and_again_before_it_ends() {
    let (network, _) = network(well, ALWAYS).await;
    let camara = camara(&network, PATIENT_MS);
    assert_eq!(found(&camara, another(1)).await, Finding::Raised);
    assert_eq!(found(&camara, another(2)).await, Finding::Raised);

    let requests = network.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /token "), "{head}");
    // "us+%26+them:hush%3Ahush"
    let basic = "\r\nauthorization: Basic dXMrJTI2K3RoZW06aHVzaCUzQWh1c2g=";
    assert!(head.contains(basic), "{head}");
    assert!(head.contains("\r\ncontent-type: application/x-www-form-urlencoded"));
    assert_eq!(
        body,
        "grant_type=client_credentials&scope=sim-swap%3Acheck+more"
    );
    assert_eq!(token_count(&network), 1);

    pass(Duration::from_secs(200)).await;
    found(&camara, another(3)).await;
    assert_eq!(token_count(&network), 1);
    pass(Duration::from_secs(70)).await;
    assert_eq!(found(&camara, another(4)).await, Finding::Raised);
    assert_eq!(token_count(&network), 2);
}

#[tokio::test]
async fn a_token_that_is_not_taken_any_more_is_replaced_after_a_moment() {
    fn revoked(request: &str) -> (u16, String) {
        let (_, answer) = well(request);
        (if is_for_token(request) { 200 } else { 401 }, answer)
    }
    let (network, _) = network(revoked, ALWAYS).await;
    let camara = camara(&network, PATIENT_MS);
    for hours in 1..4 {
        assert_eq!(found(&camara, another(hours)).await, Finding::Unknown);
    }
    assert_eq!(token_count(&network), 1);
    pass(Duration::from_secs(10)).await;
    found(&camara, another(4)).await;
    assert_eq!(token_count(&network), 2);
}

#[tokio::test]
async fn without_a_token_nothing_is_asked() {
    let table: [Tell; 5] = [
        |_| (401, r#"{"error":"invalid_client"}"#.to_owned()),
        |_| (200, "no token today".to_owned()),
        |_| (200, r#"{"token_type":"bearer"}"#.to_owned()),
        |_| {
            (
                200,
                r#"{"access_token":"t1","token_type":"mac"}"#.to_owned(),
            )
        },
        |_| {
            let grant = r#"{"access_token":"t1\nx: y","token_type":"bearer"}"#;
            (200, grant.to_owned())
        },
    ];
    for tell in table {
        let (network, _) = network(tell, ALWAYS).await;
        let camara = camara(&network, PATIENT_MS);
        assert_eq!(found(&camara, another(1)).await, Finding::Unknown);
        assert_eq!(found(&camara, another(2)).await, Finding::Unknown);
        let requests = network.requests();
        assert!(
            requests.len() == 1 && is_for_token(&requests[0]),
            "{requests:?}"
        );
    }
}

#[tokio::test]
async fn a_token_that_comes_too_late_for_one_is_there_for_the_next() {
    let (network, may) = network(well, 0).await;
    let late = camara(&network, IMPATIENT_MS);
    assert_eq!(found(&late, another(1)).await, Finding::Unknown);
    assert_eq!(found(&late, another(2)).await, Finding::Unknown);
    may.add_permits(ALWAYS);
    let token = late.network.login.authorization().await;
    assert_eq!(token, Ok(Some(HeaderValue::from_static("Bearer t1"))));
    assert_eq!(token_count(&network), 1);
}
