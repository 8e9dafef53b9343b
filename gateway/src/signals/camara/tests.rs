//! A network that answers, refuses, hangs and babbles, at the socket.

mod login;

use std::sync::Arc;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;
use crate::config::{CamaraLogin, CamaraPaths, Secret};
use crate::signals::outcome;

const E164: &str = "+14155550100";
const SWAP: Question<'_> = Question::SimSwap {
    e164: E164,
    hours: 24,
};
/// 2026-11-22, half an hour before midnight.
const LATE_IN_NOVEMBER_MS: u64 = 1_795_390_200_000;

type Tell = fn(&str) -> (u16, String);

/// What a network does with a request.
#[derive(Clone)]
enum Behaviour {
    Answer(u16, String),
    Hang,
    HangUp,
    /// Answers each request as told, once it may.
    Tell {
        tell: Tell,
        may: Arc<Semaphore>,
    },
}

/// A server that does the same with every request, and remembers them.
struct FakeNetwork {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Drop for FakeNetwork {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl FakeNetwork {
    async fn that(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let serving = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, behaviour.clone(), Arc::clone(&seen)));
            }
        });
        Self {
            url,
            requests,
            serving,
        }
    }

    async fn answering(status: u16, body: &str) -> Self {
        Self::that(Behaviour::Answer(status, body.to_owned())).await
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    fn camara(&self, timeout_ms: u64) -> Camara {
        Camara::new(settings(&self.url, timeout_ms)).unwrap()
    }
}

async fn serve(mut stream: TcpStream, behaviour: Behaviour, seen: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = read_request(&mut stream).await {
        seen.lock().unwrap().push(request.clone());
        let (status, body) = match &behaviour {
            Behaviour::Answer(status, body) => (*status, body.clone()),
            Behaviour::Hang => std::future::pending().await,
            Behaviour::HangUp => return,
            Behaviour::Tell { tell, may } => {
                may.acquire().await.unwrap().forget();
                tell(&request)
            }
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} As told\r\ncontent-length: {length}\r\n\r\n{body}");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Reads one request to its end; `None` if the client closed before it.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text.into_owned());
            }
        }
        if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}

fn settings(base_url: &str, timeout_ms: u64) -> CamaraSettings {
    CamaraSettings {
        base_url: base_url.to_owned(),
        login: CamaraLogin::Token(Secret::new("let-me-ask")),
        timeout: Duration::from_millis(timeout_ms),
        paths: CamaraPaths {
            sim_swap: "/sim-swap/v2/check".to_owned(),
            device_swap: "/device-swap/v1/check".to_owned(),
            recycling: "/number-recycling/v0.2/check".to_owned(),
            forwarding: "/forwarding".to_owned(),
        },
    }
}

async fn found(camara: &Camara, question: Question<'_>) -> Finding {
    camara.ask(question).await.unwrap_or(Finding::Unknown)
}

/// Long enough for a busy machine; no answer of these tests waits for it.
const PATIENT_MS: u64 = 20_000;
/// For answers that never come.
const IMPATIENT_MS: u64 = 50;

#[tokio::test]
async fn each_question_is_asked_in_camaras_words() {
    let table = [
        (
            SWAP,
            "POST /sim-swap/v2/check ",
            json!({ "phoneNumber": E164, "maxAge": 24 }),
        ),
        (
            Question::DeviceSwap {
                e164: E164,
                hours: u16::MAX,
            },
            "POST /device-swap/v1/check ",
            json!({ "phoneNumber": E164, "maxAge": 2_400 }),
        ),
        (
            Question::Recycled {
                e164: E164,
                since_ms: LATE_IN_NOVEMBER_MS,
            },
            "POST /number-recycling/v0.2/check ",
            json!({ "phoneNumber": E164, "specifiedDate": "2026-11-22" }),
        ),
        (
            Question::Forwarded { e164: E164 },
            "POST /forwarding ",
            json!({ "phoneNumber": E164 }),
        ),
    ];
    for (question, line, asked) in table {
        let answer = r#"{"swapped":true,"phoneNumberRecycled":true,"active":true}"#;
        let network = FakeNetwork::answering(200, answer).await;

        let finding = found(&network.camara(PATIENT_MS), question).await;

        assert_eq!(finding, Finding::Raised, "{line}");
        let requests = network.requests();
        let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(line), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body, asked);
        assert!(head.contains("\r\nauthorization: Bearer let-me-ask"));
        assert!(head.contains("\r\ncontent-type: application/json"));
        let correlator = head.split("\r\nx-correlator: ").nth(1).unwrap();
        let correlator = correlator.lines().next().unwrap();
        assert!(correlator.len() == 32 && correlator.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}

#[tokio::test]
async fn only_a_plain_answer_is_more_than_unknown() {
    let long = format!(
        r#"{{"swapped":true,"more":"{}"}}"#,
        "x".repeat(ANSWER_BYTES_MAX)
    );
    let table = [
        (200, r#"{"swapped":true}"#, "raised"),
        (200, r#"{"swapped":false,"more":1}"#, "clear"),
        (200, r#"{"swapped":"true"}"#, "unreadable"),
        (200, r#"{"active":true}"#, "unreadable"),
        (200, r#"[{"swapped":true}]"#, "unreadable"),
        (200, "", "unreadable"),
        (200, long.as_str(), "unreadable"),
        (201, r#"{"swapped":true}"#, "refused"),
        (302, r#"{"swapped":true}"#, "refused"),
        (401, r#"{"status":401,"code":"UNAUTHENTICATED"}"#, "refused"),
        (
            404,
            r#"{"status":404,"code":"IDENTIFIER_NOT_FOUND"}"#,
            "not_served",
        ),
        (500, r#"{"swapped":true}"#, "refused"),
    ];
    for (status, body, expected) in table {
        let network = FakeNetwork::answering(status, body).await;
        let reply = network.camara(PATIENT_MS).ask(SWAP).await;
        assert_eq!(outcome(&reply), expected, "{status} {body:.60}");
    }
}

#[tokio::test]
async fn a_network_that_hangs_hangs_up_or_is_not_there_gives_no_answer_in_time() {
    let hanging = FakeNetwork::that(Behaviour::Hang).await;
    let reply = hanging.camara(IMPATIENT_MS).ask(SWAP).await;
    assert_eq!(reply, Err(NoAnswer::Late));
    let rude = FakeNetwork::that(Behaviour::HangUp).await;
    let reply = rude.camara(PATIENT_MS).ask(SWAP).await;
    assert_eq!(reply, Err(NoAnswer::BrokenOff));
    let gone = rude.url.clone();
    drop(rude);
    let gone = Camara::new(settings(&gone, IMPATIENT_MS)).unwrap();
    assert!(gone.ask(SWAP).await.is_err());
}

#[tokio::test]
async fn an_answer_is_remembered_for_a_minute() {
    let network = FakeNetwork::answering(200, r#"{"swapped":false}"#).await;
    let camara = network.camara(PATIENT_MS);
    for _ in 0..3 {
        assert_eq!(found(&camara, SWAP).await, Finding::Clear);
    }
    assert_eq!(network.requests().len(), 1);

    let longer_ago = Question::SimSwap {
        e164: E164,
        hours: 240,
    };
    found(&camara, longer_ago).await;
    assert_eq!(network.requests().len(), 2, "another question");

    tokio::time::pause();
    tokio::time::advance(REMEMBERED_FOR).await;
    tokio::time::resume();
    found(&camara, SWAP).await;
    assert_eq!(network.requests().len(), 3, "a minute later");
}

#[tokio::test]
async fn what_a_network_cannot_know_is_remembered_and_its_failures_are_not() {
    let table = [
        (404, r#"{"status":404,"code":"IDENTIFIER_NOT_FOUND"}"#, 1),
        (422, r#"{"status":422,"code":"SERVICE_NOT_APPLICABLE"}"#, 1),
        (400, r#"{"status":400,"code":"SIM_SWAP.OUT_OF_RANGE"}"#, 1),
        (400, r#"{"status":400,"code":"INVALID_ARGUMENT"}"#, 2),
        (404, "no such page", 2),
        (429, r#"{"status":429,"code":"QUOTA_EXCEEDED"}"#, 2),
        (503, "", 2),
    ];
    for (status, body, asked) in table {
        let network = FakeNetwork::answering(status, body).await;
        let camara = network.camara(PATIENT_MS);
        for _ in 0..2 {
            assert_eq!(found(&camara, SWAP).await, Finding::Unknown);
        }
        assert_eq!(network.requests().len(), asked, "{status} {body}");
    }
}

#[tokio::test]
async fn a_question_waits_for_those_under_way_no_longer_than_its_timeout() {
    let network = FakeNetwork::answering(200, r#"{"swapped":true}"#).await;
    let camara = network.camara(IMPATIENT_MS);
    let all = u32::try_from(IN_FLIGHT_MAX).unwrap();
    let under_way = camara.in_flight.acquire_many(all).await.unwrap();
    assert_eq!(found(&camara, SWAP).await, Finding::Unknown);
    assert_eq!(network.requests().len(), 0);
    drop(under_way);
    let camara = network.camara(PATIENT_MS);
    assert_eq!(found(&camara, SWAP).await, Finding::Raised);
}

#[tokio::test]
async fn an_answer_that_comes_too_late_for_one_is_there_for_the_next() {
    let may = Arc::new(Semaphore::new(0));
    let network = FakeNetwork::that(Behaviour::Tell {
        tell: |_| (200, r#"{"swapped":true}"#.to_owned()),
        may: Arc::clone(&may),
    });
    let network = network.await;
    let camara = network.camara(IMPATIENT_MS);
    assert_eq!(found(&camara, SWAP).await, Finding::Unknown);
    may.add_permits(1);
    // The question is under way until it is answered.
    let all = u32::try_from(IN_FLIGHT_MAX).unwrap();
    drop(camara.in_flight.acquire_many(all).await.unwrap());
    assert_eq!(found(&camara, SWAP).await, Finding::Raised);
    assert_eq!(network.requests().len(), 1);
}

#[test]
fn a_token_that_no_header_can_carry_is_found_at_the_start() {
    let mut settings = settings("http://127.0.0.1:9", PATIENT_MS);
    settings.login = CamaraLogin::Token(Secret::new("two\nlines"));
    assert!(matches!(Camara::new(settings), Err(CamaraError::Token)));
}
