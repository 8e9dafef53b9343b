//! A gateway whose every step is known: it follows the API and the webhook as
//! far as the tester uses them, and can be told to do wrong.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// What it does with an accepted send; the canary is always treated well.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Temper {
    /// Submits it, over the next provider if one refuses.
    Honest,
    /// Forgets one in so many, and says that it was submitted.
    Forgets(u64),
    /// Gives up one in so many, and says so.
    GivesUp(u64),
    /// Stands still for a second before this one.
    Stalls(u64),
    /// Sends nothing, not even the canary.
    SendsElsewhere,
}

/// Runs in a thread of its own until it is dropped.
pub(super) struct FakeGateway {
    pub(super) address: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct State {
    temper: Temper,
    carrier: SocketAddr,
    providers: Vec<String>,
    started: AtomicU64,
    submitted: AtomicU64,
    verifications: Mutex<HashMap<String, Known>>,
    client: Client<HttpConnector, Full<Bytes>>,
}

#[derive(Clone)]
struct Known {
    code: String,
    delivery: String,
    status: &'static str,
}

impl FakeGateway {
    pub(super) fn start(temper: Temper, carrier: SocketAddr, providers: &[&str]) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (bound, address) = std::sync::mpsc::channel();
        let providers = providers.iter().map(|&id| id.to_owned()).collect();
        let state = Arc::new(State {
            temper,
            carrier,
            providers,
            started: AtomicU64::new(0),
            submitted: AtomicU64::new(0),
            verifications: Mutex::default(),
            client: Client::builder(TokioExecutor::new()).build_http(),
        });
        let here = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                bound.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = listen(listener, here) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            address: address.recv().unwrap(),
            state,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Messages that providers have taken, the canary's left out.
    pub(super) fn submitted(&self) -> u64 {
        self.state.submitted.load(Ordering::SeqCst) - 1
    }
}

impl Drop for FakeGateway {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(std::thread::JoinHandle::join);
        assert!(ended.is_some_and(|ended| ended.is_ok()) || std::thread::panicking());
    }
}

async fn listen(listener: TcpListener, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let state = Arc::clone(&state);
                async move { Ok::<_, Infallible>(answer(state, request).await) }
            });
            let builder = auto::Builder::new(TokioExecutor::new());
            builder
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let is_get = *request.method() == Method::GET;
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    if path == "/openapi.json" {
        return reply(StatusCode::OK, &json!({ "info": { "version": "fake" } }));
    }
    let Some(rest) = path.strip_prefix("/v1/verifications") else {
        return reply(StatusCode::NOT_FOUND, &json!({ "code": "not_found" }));
    };
    let mut parts = rest.trim_start_matches('/').split('/');
    let (id, action) = (parts.next().unwrap_or_default(), parts.next());
    let to = asked["to"].as_str().unwrap_or_default().to_owned();
    match (id, action) {
        ("", _) => start(&state, &to),
        (id, None) if is_get => state.shown(id),
        (id, Some("check")) => state.checked(id, asked["code"].as_str().unwrap_or_default()),
        _ => reply(StatusCode::NOT_FOUND, &json!({ "code": "not_found" })),
    }
}

fn start(state: &Arc<State>, to: &str) -> Response<Full<Bytes>> {
    // The canary is number 0.
    let number = state.started.fetch_add(1, Ordering::SeqCst);
    let is_nth = |n: u64| number > 0 && number.is_multiple_of(n);
    let is_submitted = match state.temper {
        Temper::Honest => true,
        Temper::Forgets(n) | Temper::GivesUp(n) => !is_nth(n),
        Temper::Stalls(at) => {
            if number == at {
                std::thread::sleep(Duration::from_secs(1));
            }
            true
        }
        Temper::SendsElsewhere => false,
    };
    let known = Known {
        code: format!("{:06}", number * 7 % 1_000_000),
        delivery: format!("dlv_{number}"),
        status: if matches!(state.temper, Temper::GivesUp(_)) && !is_submitted {
            "failed"
        } else {
            "submitted"
        },
    };
    let id = format!("vrf_{number}");
    let shown = verification(&id, &known, "pending");
    state
        .verifications
        .lock()
        .unwrap()
        .insert(id, known.clone());
    if is_submitted {
        tokio::spawn(submit(Arc::clone(state), to.to_owned(), known));
    }
    reply(StatusCode::CREATED, &shown)
}

async fn submit(state: Arc<State>, to: String, known: Known) {
    for (attempt, provider) in state.providers.iter().enumerate() {
        let message = json!({
            "reference": format!("{}-{}", known.delivery, attempt + 1),
            "to": to, "channel": "sms", "speech": null, "sender": null, "locale": "en",
            "text": format!("{} is your code.", known.code),
            "expires_at": "2030-01-01T00:00:00Z", "receipt_url": null,
        });
        let request = Request::post(format!("http://{}/{provider}/send", state.carrier))
            .body(Full::from(message.to_string()))
            .unwrap();
        let Ok(answer) = state.client.request(request).await else {
            continue;
        };
        let is_success = answer.status().is_success();
        // Only a whole answer says that the provider has it.
        if is_success && answer.into_body().collect().await.is_ok() {
            state.submitted.fetch_add(1, Ordering::SeqCst);
            return;
        }
    }
}

impl State {
    fn shown(&self, id: &str) -> Response<Full<Bytes>> {
        match self.verifications.lock().unwrap().get(id) {
            Some(known) => reply(StatusCode::OK, &verification(id, known, "pending")),
            None => reply(StatusCode::NOT_FOUND, &json!({ "code": "not_found" })),
        }
    }

    fn checked(&self, id: &str, code: &str) -> Response<Full<Bytes>> {
        match self.verifications.lock().unwrap().get(id) {
            Some(known) if known.code == code => {
                reply(StatusCode::OK, &verification(id, known, "approved"))
            }
            _ => reply(
                StatusCode::UNPROCESSABLE_ENTITY,
                &json!({ "code": "code_mismatch" }),
            ),
        }
    }
}

fn verification(id: &str, known: &Known, status: &str) -> Value {
    json!({
        "id": id, "status": status,
        "deliveries": [{ "id": known.delivery, "status": known.status, "attempts": [] }],
    })
}

fn reply(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .header("watchword-durability", "memory")
        .body(Full::from(body.to_string()))
        .unwrap()
}
