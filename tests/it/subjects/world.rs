//! A gateway without sockets, with all that subjects need around it: handsets,
//! networks that answer as told, an endpoint that writes down what it hears, and
//! a clock that the test moves.
//!
//! ```text
//! let world = World::over(stand).await;
//! let method = world.has_method("u-1", &number).await;
//! let (status, body) = world.call("GET", "/v1/subjects/u-1", TENANT, Value::Null).await;
//! world.advance(DAY); world.tick().await;
//! world.sms_to(&number); world.told();
//! ```

mod networks;
mod parts;
mod setup;
mod stores;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::ServiceExt;
use watchword::api::Surface;
use watchword::clock::Clock as _;
use watchword::store::subjects::{NoteNumber, NumberKey};
use watchword::subjects::worker;
use watchword_providers::Channel;
use watchword_providers::sandbox::InboxMessage;

use self::networks::Networks;
pub(crate) use self::networks::Signal;
use self::parts::Running;
pub(crate) use self::setup::{ADA, BOB, Keys, MASKED, OTHER_TENANT, Setup, TENANT, sha256};
use self::stores::Opened;
pub(crate) use self::stores::{Kept, Stand};
use crate::support::process;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// Longest wait for a message: the machine may be busy with other tests.
const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

/// The tenant whose handsets and endpoint a story looks at.
pub(crate) const ACME: &str = "acme";

/// A gateway and what is around it.
pub(crate) struct World {
    stores: Opened,
    setup: Setup,
    pub(crate) networks: Networks,
    running: Running,
    /// How many messages to a number the story has read.
    read: Mutex<HashMap<String, usize>>,
}

/// An answer of the API.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `Null` if there is none.
    pub(crate) body: Value,
    /// What the header `Preference-Applied` says.
    pub(crate) preference: Option<String>,
}

impl World {
    pub(crate) async fn over(stand: Stand) -> Self {
        Self::with(stand, Setup::default()).await
    }

    pub(crate) async fn with(stand: Stand, setup: Setup) -> Self {
        let stores = Opened::open(stand).await;
        let networks = Networks::default();
        let running = Running::start(&stores, &setup, &networks, None).await;
        Self {
            stores,
            setup,
            networks,
            running,
            read: Mutex::default(),
        }
    }

    /// What JSON says, or nothing for `Null`; the path with its query.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        key: &str,
        body: Value,
    ) -> (u16, Value) {
        let answer = self.send(request(method, path, key, &body)).await;
        (answer.status, answer.body)
    }

    /// As `call`, by the tenant's key that may do everything.
    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call("POST", path, TENANT, body).await
    }

    /// As `call`, by the tenant's key that may do everything.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.call("GET", path, TENANT, Value::Null).await
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let api = self.running.api.service(Surface::All);
        let (head, body) = match api.oneshot(request).await {
            Ok(response) => response.into_parts(),
            Err(never) => match never {},
        };
        let body = match body.collect().await {
            Ok(collected) => collected.to_bytes(),
            Err(never) => match never {},
        };
        let preference = head.headers.get("preference-applied");
        let preference = preference.and_then(|value| value.to_str().ok());
        Answer {
            preference: preference.map(str::to_owned),
            status: head.status.as_u16(),
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        }
    }

    /// Moves the store's time and ours; nobody has looked what is due by then.
    pub(crate) fn advance(&self, by: Duration) {
        self.stores.advance(by);
    }

    /// The time of store and gateway, in ms since the Unix epoch.
    pub(crate) fn now_ms(&self) -> u64 {
        self.stores.time.now_ms()
    }

    /// What a second brings about: the worker looks at every subject that is due,
    /// messages go out, events are told.
    pub(crate) async fn tick(&self) {
        worker::pass(&self.running.keeper).await;
        self.is_quiet().await;
        self.running.tell().await;
    }

    /// Waits until no message is on its way any more.
    pub(crate) async fn is_quiet(&self) {
        let quiet = process::eventually(ARRIVES_WITHIN, async || self.running.is_quiet()).await;
        assert!(quiet, "a message is on its way for too long");
    }

    /// Forgets everything that is not in the store, as a process that dies and
    /// starts again.
    pub(crate) async fn crash(&mut self) {
        let inbox = self.running.inbox.clone();
        let told = self.running.endpoint.clone();
        let before = Some((inbox, told));
        self.running = Running::start(&self.stores, &self.setup, &self.networks, before).await;
    }

    /// Starts again under other master keys.
    pub(crate) async fn restart_with(&mut self, keys: Keys) {
        self.setup.set_keys(keys);
        self.crash().await;
    }

    /// What the worker does soon after a start: nothing is left under an older key.
    pub(crate) async fn seal_anew(&self) {
        worker::seal_anew(&self.running.keeper).await;
    }

    /// As `crash`, and the operator has changed the settings meanwhile.
    pub(crate) async fn restarts_with(&mut self, setup: Setup) {
        self.setup = setup;
        self.crash().await;
    }

    /// All messages to a number, the first one first.
    pub(crate) fn messages_to(&self, number: &str) -> Vec<InboxMessage> {
        let mut messages = self.running.inbox.messages(ACME, Some(number));
        messages.reverse();
        messages
    }

    /// All texts that came to a number by SMS, the first one first.
    pub(crate) fn sms_to(&self, number: &str) -> Vec<String> {
        let messages = self.messages_to(number).into_iter();
        messages
            .filter(|message| message.channel == Channel::Sms)
            .map(|message| message.text.to_string())
            .collect()
    }

    /// What calls have said since this was last asked, sentence by sentence.
    pub(crate) fn played(&self) -> Vec<String> {
        self.running.played.take()
    }

    /// Waits for a message to a number that the story has not read, and reads it.
    pub(crate) async fn next_message(&self, number: &str) -> String {
        let at = self.count_read(number, 0);
        let arrived = async || self.messages_to(number).len() > at;
        assert!(
            process::eventually(ARRIVES_WITHIN, arrived).await,
            "no message came to the number"
        );
        self.count_read(number, 1);
        self.messages_to(number)[at].text.to_string()
    }

    /// Waits for the next message to a number, and reads the code in it.
    pub(crate) async fn code_to(&self, number: &str) -> String {
        let text = self.next_message(number).await;
        let code = text.split(|character: char| !character.is_ascii_digit());
        let code = code.max_by_key(|digits| digits.len()).unwrap_or_default();
        assert!(code.len() >= 4, "no code in {text:?}");
        code.to_owned()
    }

    /// Leaves out the messages that have come to a number until now.
    pub(crate) fn skip_messages_to(&self, number: &str) {
        let count = self.messages_to(number).len();
        self.read_counts().insert(number.to_owned(), count);
    }

    fn count_read(&self, number: &str, more: usize) -> usize {
        let mut counts = self.read_counts();
        let count = counts.entry(number.to_owned()).or_default();
        *count += more;
        *count
    }

    fn read_counts(&self) -> std::sync::MutexGuard<'_, HashMap<String, usize>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every event the tenant's endpoint was told until now, in its order.
    pub(crate) fn told(&self) -> Vec<Value> {
        self.running.endpoint.told()
    }

    /// The `data` of the events of one type.
    pub(crate) fn told_of(&self, kind: &str) -> Vec<Value> {
        let told = self.told().into_iter();
        told.filter(|event| event["type"] == kind)
            .map(|event| event["data"].clone())
            .collect()
    }

    /// What the metrics show.
    pub(crate) fn metrics(&self) -> String {
        self.running.shared.metrics.encode()
    }

    /// What is left by a node that dies between linking a number and writing the
    /// subject that was to have it.
    pub(crate) async fn leaves_link(&self, subject: &str, number: &str) {
        let shared = &self.running.shared;
        let live = shared.live.load_full();
        let tenant = live.tenants.by_name(ACME).expect("there is one").tag;
        let index = live.ring.index();
        let (shard, tag) = index.number(tenant, number);
        let link = NoteNumber::Link(index.subject(tenant, subject));
        let noted = shared.store.note_number(NumberKey { shard, tag }, &link);
        assert!(noted.await.expect("the store answers"));
    }

    /// Where the store's files lie, and the server if it is one.
    pub(crate) fn stores(&self) -> &Opened {
        &self.stores
    }
}

/// What every story begins with.
impl World {
    /// Adds a number by the evidence given, types its code back, and answers the
    /// method's id.
    pub(crate) async fn adds_method(&self, subject: &str, number: &str, evidence: Value) -> String {
        let path = format!("/v1/subjects/{subject}/methods");
        let asked = json!({ "phone": number, "evidence": evidence });
        let (status, added) = self.post(&path, asked).await;
        assert_eq!(status, 201, "{added}");
        let method = text(&added["method"]["id"]);
        let code = self.code_to(number).await;
        let path = format!("{path}/{method}/confirm");
        let (status, confirmed) = self.post(&path, json!({ "code": code })).await;
        assert_eq!(status, 200, "{confirmed}");
        method
    }

    /// A subject with its first number; answers the method's id.
    pub(crate) async fn has_method(&self, subject: &str, number: &str) -> String {
        let evidence = json!([{ "type": "session" }]);
        self.adds_method(subject, number, evidence).await
    }

    /// Asks for a change of number and types the new number's code back; answers
    /// the change as it is then.
    pub(crate) async fn changes_number(&self, subject: &str, to: &str, evidence: Value) -> Value {
        let path = format!("/v1/subjects/{subject}/number-changes");
        let asked = json!({ "to": to, "evidence": evidence });
        let (status, requested) = self.post(&path, asked).await;
        assert_eq!(status, 201, "{requested}");
        let change = text(&requested["number_change"]["id"]);
        let code = self.code_to(to).await;
        let path = format!("{path}/{change}/confirm");
        let (status, confirmed) = self.post(&path, json!({ "code": code })).await;
        assert_eq!(status, 200, "{confirmed}");
        confirmed["number_change"].clone()
    }

    /// Asks for a sign-in code to the subject's default method.
    pub(crate) async fn signs_in(&self, subject: &str) -> (u16, Value) {
        self.signs_in_for((subject, "sign_in")).await
    }

    /// Asks for a code for a purpose to the subject's default method.
    pub(crate) async fn signs_in_for(&self, (subject, purpose): (&str, &str)) -> (u16, Value) {
        let asked = json!({ "subject": subject, "purpose": purpose });
        self.post("/v1/verifications", asked).await
    }
}

/// A request as callers make it; without a body for `Null`.
pub(crate) fn request(method: &str, path: &str, key: &str, body: &Value) -> Request<Full<Bytes>> {
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {key}"));
    if !text.is_empty() {
        request = request.header("content-type", "application/json");
    }
    request
        .body(Full::new(Bytes::from(text)))
        .expect("method, path and headers are well-formed")
}

/// A JSON string's text.
pub(crate) fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}
