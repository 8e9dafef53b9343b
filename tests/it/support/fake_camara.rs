//! A network's CAMARA APIs as far as the gateway uses them: of every number it
//! says what a test has it say.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::http_wire::{WireRequest, read_request};

/// Without it every question is refused.
pub(crate) const TOKEN: &str = "camara-token-of-a-test";

const SIM_SWAP: &str = "/sim-swap/v2/check";
const DEVICE_SWAP: &str = "/device-swap/v1/check";
const RECYCLING: &str = "/number-recycling/v0.2/check";

/// How a network fails whom it should answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Failing {
    #[default]
    Not,
    /// It takes the question and never answers.
    Hangs,
    /// It takes longer than anybody waits.
    AnswersLate,
    /// With this line and an error as it should be.
    Refuses(&'static str),
    /// It says yes to something that nobody asked.
    Babbles,
}

/// Longer than a gateway is told to wait.
const LATE: Duration = Duration::from_millis(400);

/// What a number answers to each path, and what was asked.
#[derive(Default)]
struct Network {
    failing: Failing,
    /// By path and number.
    answers: HashMap<(&'static str, String), Value>,
    asked: Vec<(String, Value)>,
}

/// Listens until it is dropped.
pub(crate) struct FakeCamara {
    address: SocketAddr,
    network: Arc<Mutex<Network>>,
    _listener: JoinSet<()>,
}

impl FakeCamara {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", super::ports::free_port()))
            .await
            .expect("a port that was free a moment ago");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let network = Arc::new(Mutex::new(Network::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(listen(listener, Arc::clone(&network)));
        Self {
            address,
            network,
            _listener: tasks,
        }
    }

    /// Lines of `[signals]` that have a gateway ask here, and wait as long as a
    /// busy machine takes.
    pub(crate) fn lines(&self) -> String {
        format!(
            "kind = \"camara\"\nbase_url = \"http://{}\"\ntoken = {TOKEN:?}\ntimeout_ms = 2000\n",
            self.address
        )
    }

    pub(crate) fn says_swapped(&self, number: &str, swapped: bool) {
        self.says(SIM_SWAP, number, json!({ "swapped": swapped }));
    }

    pub(crate) fn says_device_swapped(&self, number: &str, swapped: bool) {
        self.says(DEVICE_SWAP, number, json!({ "swapped": swapped }));
    }

    /// From now on, whatever it was told to say.
    pub(crate) fn fails(&self, failing: Failing) {
        lock(&self.network).failing = failing;
    }

    pub(crate) fn says_recycled(&self, number: &str, recycled: bool) {
        let answer = json!({ "phoneNumberRecycled": recycled });
        self.says(RECYCLING, number, answer);
    }

    fn says(&self, path: &'static str, number: &str, answer: Value) {
        let mut network = lock(&self.network);
        network.answers.insert((path, number.to_owned()), answer);
    }

    /// How often it was asked whether this number has a new device.
    pub(crate) fn asked_for_device(&self, number: &str) -> usize {
        let network = lock(&self.network);
        let asked = network.asked.iter();
        asked
            .filter(|(path, body)| path == DEVICE_SWAP && body["phoneNumber"] == number)
            .count()
    }

    /// The bodies of the questions whether this number has a new holder.
    pub(crate) fn asked_for_recycling(&self, number: &str) -> Vec<Value> {
        let network = lock(&self.network);
        let asked = network.asked.iter();
        asked
            .filter(|(path, body)| path == RECYCLING && body["phoneNumber"] == number)
            .map(|(_, body)| body.clone())
            .collect()
    }
}

fn lock(network: &Mutex<Network>) -> MutexGuard<'_, Network> {
    network.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(listener: TcpListener, network: Arc<Mutex<Network>>) {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((socket, _)) = listener.accept().await {
            connections.spawn(serve(socket, Arc::clone(&network)));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut socket: TcpStream, network: Arc<Mutex<Network>>) {
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut socket, &mut buffer).await {
        let (status, answer) = answer(&mut lock(&network), &request);
        let failing = lock(&network).failing;
        let (status, answer) = match failing {
            Failing::Not => (status, answer),
            Failing::Hangs => std::future::pending().await,
            Failing::AnswersLate => {
                tokio::time::sleep(LATE).await;
                (status, answer)
            }
            Failing::Refuses(line) => (line, json!({ "code": "INTERNAL", "message": "" })),
            Failing::Babbles => ("200 OK", json!(["swapped", true])),
        };
        let answer = answer.to_string();
        let length = answer.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{answer}"
        );
        if socket.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn answer(network: &mut Network, request: &WireRequest) -> (&'static str, Value) {
    if request.header("authorization") != format!("Bearer {TOKEN}") {
        let code = json!({ "status": 401, "code": "UNAUTHENTICATED", "message": "no token" });
        return ("401 Unauthorized", code);
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    network.asked.push((request.path.clone(), body.clone()));
    let number = body["phoneNumber"].as_str().unwrap_or_default();
    let said = network
        .answers
        .iter()
        .find(|((path, of), _)| *path == request.path && of == number);
    match said {
        Some((_, answer)) => ("200 OK", answer.clone()),
        None => {
            let code = json!({ "status": 422, "code": "SERVICE_NOT_APPLICABLE", "message": "" });
            ("422 Unprocessable Content", code)
        }
    }
}
