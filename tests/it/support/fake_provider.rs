//! A provider that takes messages over the `webhook` wire form, remembers
//! every one, and answers each as well or as badly as the test says.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::http_wire::{WireRequest, read_request};
use super::webhook_signature::WebhookSecret;

/// How one submission is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// 200 with a message id.
    Accept,
    AcceptAfter(Duration),
    /// This status and an empty document.
    Status(u16),
    /// 429 with `Retry-After` in seconds.
    Throttle(u32),
    /// 400 with `{"final": true}`: no use to try this number again.
    RefuseForGood,
    /// No answer, and the connection stays open.
    Hang,
    /// The connection is reset once the request has been read.
    CloseAtOnce,
    /// 200, half of the body it announced, and the end.
    CloseMidBody,
    /// Bytes that are not HTTP.
    Garbage,
    /// 302 to this address.
    Redirect(String),
    /// 200, and then one byte a tenth of a second for ever.
    Drip,
    /// 200 with a body of 10 MB.
    Huge,
    /// 500 that repeats the whole request, number and code, in header and body.
    Echo,
}

/// One message as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    pub(crate) to: String,
    pub(crate) channel: String,
    pub(crate) text: String,
    /// What a call dials behind the number.
    pub(crate) extension: Option<String>,
    pub(crate) locale: Option<String>,
    /// What a call says.
    pub(crate) speech: Option<String>,
    /// The longest run of digits in the text, which is the code.
    pub(crate) code: String,
    pub(crate) receipt_url: Option<String>,
    pub(crate) webhook_id: String,
    pub(crate) arrived_at: Instant,
    /// How it is answered.
    pub(crate) behaviour: Behaviour,
}

type Choice = Box<dyn Fn(&Submission) -> Behaviour + Send + Sync>;

struct Script {
    next: VecDeque<Behaviour>,
    otherwise: Choice,
}

struct Shared {
    id: String,
    secret: Mutex<WebhookSecret>,
    script: Mutex<Script>,
    submissions: watch::Sender<Vec<Submission>>,
    /// When the answer to a submission was written, by its `webhook_id`.
    answered: Mutex<HashMap<String, Instant>>,
    /// What arrived and was no submission: why.
    rejected: Mutex<Vec<String>>,
}

/// Cheap to clone; listens as long as one clone lives.
#[derive(Clone)]
pub(crate) struct FakeProvider {
    address: SocketAddr,
    shared: Arc<Shared>,
    _listener: Arc<AbortOnDrop>,
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl FakeProvider {
    /// Starts one that accepts everything.
    pub(crate) async fn start(id: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", super::ports::free_port()))
            .await
            .expect("a port that was free a moment ago");
        let shared = Arc::new(Shared {
            id: id.to_owned(),
            secret: Mutex::new(WebhookSecret::random()),
            script: Mutex::new(Script {
                next: VecDeque::new(),
                otherwise: Box::new(|_| Behaviour::Accept),
            }),
            submissions: watch::Sender::new(Vec::new()),
            answered: Mutex::new(HashMap::new()),
            rejected: Mutex::new(Vec::new()),
        });
        Self {
            address: listener
                .local_addr()
                .expect("a bound listener has an address"),
            _listener: Arc::new(AbortOnDrop(tokio::spawn(listen(
                listener,
                Arc::clone(&shared),
            )))),
            shared,
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.shared.id
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/send", self.address)
    }

    pub(crate) fn secret(&self) -> WebhookSecret {
        self.shared.secret()
    }

    /// Takes only what is signed with another secret from now on.
    pub(crate) fn replace_secret(&self) {
        *self.shared.secret.lock().expect("no holder panics") = WebhookSecret::random();
    }

    /// The id in the answer to this submission.
    pub(crate) fn message_id_of(&self, submission: &Submission) -> String {
        self.shared.message_id(&submission.webhook_id)
    }

    /// Answers everything like this from now on.
    pub(crate) fn always(&self, behaviour: Behaviour) {
        self.choose(move |_| behaviour.clone());
    }

    /// Answers the next submissions like this, in order, then as before.
    pub(crate) fn next(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.script().next.extend(behaviours);
    }

    /// Decides for each submission from now on.
    pub(crate) fn choose(&self, choice: impl Fn(&Submission) -> Behaviour + Send + Sync + 'static) {
        self.script().otherwise = Box::new(choice);
    }

    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.shared
            .script
            .lock()
            .expect("no test panics while it holds the script")
    }

    /// Everything that arrived, oldest first.
    pub(crate) fn submissions(&self) -> Vec<Submission> {
        self.shared.submissions.borrow().clone()
    }

    pub(crate) fn submissions_to(&self, number: &str) -> Vec<Submission> {
        let all = self.shared.submissions.borrow();
        all.iter()
            .filter(|submission| submission.to == number)
            .cloned()
            .collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.shared.submissions.borrow().len()
    }

    /// How many of these numbers had a message in flight at a moment: it was on
    /// its way here until `margin` after, and our answer was not on its way back
    /// `margin` before.
    pub(crate) fn in_flight_at(
        &self,
        moment: Instant,
        margin: Duration,
        numbers: &HashSet<&str>,
    ) -> usize {
        let answered = self.shared.answered.lock().expect("no holder panics");
        let is_noted = |submission: &Submission| {
            let at = answered.get(&submission.webhook_id);
            at.is_some_and(|at| *at + margin < moment)
        };
        let all = self.shared.submissions.borrow();
        let in_flight: HashSet<&str> = all
            .iter()
            .filter(|one| one.arrived_at <= moment + margin && !is_noted(one))
            .map(|one| one.to.as_str())
            .filter(|number| numbers.contains(number))
            .collect();
        in_flight.len()
    }

    /// Messages beyond the first to the same number.
    pub(crate) fn duplicates(&self) -> usize {
        let all = self.shared.submissions.borrow();
        let numbers: HashSet<&str> = all.iter().map(|one| one.to.as_str()).collect();
        all.len() - numbers.len()
    }

    /// Waits until this number has been sent something; the latest submission.
    ///
    /// # Panics
    ///
    /// If nothing arrives in time.
    pub(crate) async fn submission_to(&self, number: &str, within: Duration) -> Submission {
        let found = self
            .wait_until(within, |all| {
                all.iter().any(|submission| submission.to == number)
            })
            .await;
        assert!(
            found,
            "{} was sent nothing for this number within {within:?}",
            self.id()
        );
        self.submissions_to(number).pop().expect("just seen")
    }

    /// Waits until at least so many submissions have arrived. `false`: not in time.
    pub(crate) async fn has_count(&self, count: usize, within: Duration) -> bool {
        self.wait_until(within, |all| all.len() >= count).await
    }

    /// Waits until this number has been sent so many messages. `false`: not in time.
    pub(crate) async fn has_count_to(&self, number: &str, count: usize, within: Duration) -> bool {
        let of_number = |all: &Vec<Submission>| all.iter().filter(|one| one.to == number).count();
        self.wait_until(within, |all| of_number(all) >= count).await
    }

    async fn wait_until(
        &self,
        within: Duration,
        condition: impl FnMut(&Vec<Submission>) -> bool,
    ) -> bool {
        let mut watched = self.shared.submissions.subscribe();
        tokio::time::timeout(within, watched.wait_for(condition))
            .await
            .is_ok()
    }

    /// Fails the test if anything arrived that is not a well-signed submission.
    pub(crate) fn assert_all_were_signed(&self) {
        let rejected = self.shared.rejected.lock().expect("no holder panics");
        assert!(
            rejected.is_empty(),
            "{} was sent what it had to reject: {rejected:?}",
            self.id()
        );
    }
}

/// An address where connections are refused as long as this lives: bound, so
/// that nobody else listens there, and not listening.
pub(crate) struct RefusedAddress(TcpSocket);

impl RefusedAddress {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("sockets are to be had");
        // Connections of an earlier server on this port may linger.
        socket.set_reuseaddr(true).expect("an open socket");
        let address = SocketAddr::from(([127, 0, 0, 1], super::ports::free_port()));
        socket
            .bind(address)
            .expect("a port that was free a moment ago");
        Self(socket)
    }

    pub(crate) fn url(&self) -> String {
        let address = self.0.local_addr().expect("a bound socket has an address");
        format!("http://{address}/send")
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    // Connections end with the provider: the set aborts them when dropped.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        if let Ok((socket, _)) = listener.accept().await {
            connections.spawn(serve(socket, Arc::clone(&shared)));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut socket: TcpStream, shared: Arc<Shared>) {
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut socket, &mut buffer).await {
        let arrived_at = Instant::now();
        let answered = match parse(&request, &shared.secret(), arrived_at) {
            Ok(submission) => shared.take(&mut socket, submission, &request.body).await,
            Err(reason) => {
                shared
                    .rejected
                    .lock()
                    .expect("no holder panics")
                    .push(reason);
                respond(&mut socket, "400 Bad Request", "", "{}").await
            }
        };
        if answered.is_none() {
            return;
        }
    }
}

impl Shared {
    fn secret(&self) -> WebhookSecret {
        self.secret.lock().expect("no holder panics").clone()
    }

    /// Remembers a submission and answers it; `None` if the connection is over.
    async fn take(
        &self,
        socket: &mut TcpStream,
        mut submission: Submission,
        body: &[u8],
    ) -> Option<()> {
        let behaviour = self.behaviour_for(&submission);
        submission.behaviour = behaviour.clone();
        let webhook_id = submission.webhook_id.clone();
        self.submissions.send_modify(|all| all.push(submission));
        let message_id = self.message_id(&webhook_id);
        let answered = answer(socket, &behaviour, &message_id, body).await;
        let mut times = self.answered.lock().expect("no holder panics");
        times.insert(webhook_id, Instant::now());
        answered
    }

    fn message_id(&self, webhook_id: &str) -> String {
        format!("{}-{webhook_id}", self.id)
    }

    fn behaviour_for(&self, submission: &Submission) -> Behaviour {
        let mut script = self
            .script
            .lock()
            .expect("no test panics while it holds the script");
        match script.next.pop_front() {
            Some(behaviour) => behaviour,
            None => (script.otherwise)(submission),
        }
    }
}

/// A submission, or why it is none.
fn parse(
    request: &WireRequest,
    secret: &WebhookSecret,
    arrived_at: Instant,
) -> Result<Submission, String> {
    if request.method != "POST" || request.path != "/send" {
        return Err(format!("{} {}", request.method, request.path));
    }
    let webhook_id = request.header("webhook-id");
    let timestamp_s: i64 = request
        .header("webhook-timestamp")
        .parse()
        .map_err(|_| "webhook-timestamp is no number".to_owned())?;
    let signature = request.header("webhook-signature");
    if !secret.verifies(webhook_id, timestamp_s, &request.body, signature) {
        return Err("the signature is not ours".to_owned());
    }
    let age_s = jiff::Timestamp::now().as_second() - timestamp_s;
    if !(-5..=60).contains(&age_s) {
        return Err(format!("the timestamp is {age_s} s old"));
    }
    let body: Value =
        serde_json::from_slice(&request.body).map_err(|error| format!("no JSON: {error}"))?;
    let field = |name: &str| -> Result<String, String> {
        let text = body[name].as_str().ok_or_else(|| format!("no {name}"))?;
        Ok(text.to_owned())
    };
    let text = field("text")?;
    field("reference")?;
    Ok(Submission {
        to: field("to")?,
        channel: field("channel")?,
        code: longest_digits(&text).to_owned(),
        text,
        extension: field("extension").ok(),
        locale: field("locale").ok(),
        speech: field("speech").ok(),
        receipt_url: field("receipt_url").ok(),
        webhook_id: webhook_id.to_owned(),
        arrived_at,
        behaviour: Behaviour::Accept,
    })
}

/// The longest run of ASCII digits.
fn longest_digits(text: &str) -> &str {
    text.split(|character: char| !character.is_ascii_digit())
        .max_by_key(|digits| digits.len())
        .unwrap_or_default()
}

/// Answers a request with this body; `None` if the connection is over.
async fn answer(
    socket: &mut TcpStream,
    behaviour: &Behaviour,
    message_id: &str,
    body: &[u8],
) -> Option<()> {
    let accepted = format!(r#"{{"message_id":"{message_id}"}}"#);
    match behaviour {
        Behaviour::Accept => respond(socket, "200 OK", "", &accepted).await,
        Behaviour::AcceptAfter(delay) => {
            tokio::time::sleep(*delay).await;
            respond(socket, "200 OK", "", &accepted).await
        }
        Behaviour::Status(status) => respond(socket, &format!("{status} Status"), "", "{}").await,
        Behaviour::Throttle(seconds) => {
            let header = format!("retry-after: {seconds}\r\n");
            respond(socket, "429 Too Many Requests", &header, "{}").await
        }
        Behaviour::RefuseForGood => {
            respond(socket, "400 Bad Request", "", r#"{"final":true}"#).await
        }
        Behaviour::Hang => std::future::pending().await,
        Behaviour::CloseAtOnce => {
            socket.set_zero_linger().ok()?;
            None
        }
        Behaviour::CloseMidBody => {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
                accepted.len()
            );
            let half = accepted.get(..accepted.len() / 2)?;
            socket
                .write_all(format!("{head}{half}").as_bytes())
                .await
                .ok()?;
            None
        }
        Behaviour::Garbage => {
            socket
                .write_all(b"\x16\x03\x01 220 mail ready\r\n\xff\xfe\r\n\r\n")
                .await
                .ok()?;
            None
        }
        Behaviour::Redirect(target) => {
            respond(socket, "302 Found", &format!("location: {target}\r\n"), "").await
        }
        Behaviour::Drip => drip(socket).await,
        Behaviour::Huge => {
            let body = format!(r#"{{"message_id":"{}"}}"#, "9".repeat(10_000_000));
            respond(socket, "200 OK", "", &body).await
        }
        Behaviour::Echo => {
            let body = String::from_utf8_lossy(body);
            let header = format!("x-failed-request: {body}\r\n");
            respond(socket, "500 Echo", &header, &body).await
        }
    }
}

async fn drip(socket: &mut TcpStream) -> Option<()> {
    socket
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{")
        .await
        .ok()?;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        socket.write_all(b" ").await.ok()?;
    }
}

async fn respond(socket: &mut TcpStream, status: &str, headers: &str, body: &str) -> Option<()> {
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    socket.write_all(answer.as_bytes()).await.ok()
}
