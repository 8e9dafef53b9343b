//! Twilio's Messages API as far as the gateway uses it: takes forms, answers
//! 201 with a `sid`, and signs its status callbacks as Twilio documents.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::client::{Answer, Client};
use super::http_wire::{WireRequest, read_request};

/// One message as it arrived.
#[derive(Clone)]
pub(crate) struct TwilioMessage {
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) form: BTreeMap<String, String>,
    /// What it was answered with.
    pub(crate) sid: String,
}

impl TwilioMessage {
    /// Where the call asks what to say.
    ///
    /// # Panics
    ///
    /// If the message is no call that asks.
    pub(crate) fn call_url(&self) -> &str {
        let twiml = self.form.get("Twiml").map_or("", String::as_str);
        let (_, rest) = twiml.split_once("action=\"").expect("it asks for a key");
        rest.split_once('"').expect("an attribute ends").0
    }
}

/// Listens until it is dropped.
pub(crate) struct FakeTwilio {
    address: SocketAddr,
    pub(crate) account_sid: String,
    pub(crate) auth_token: String,
    messages: watch::Sender<Vec<TwilioMessage>>,
    _listener: tokio::task::JoinSet<()>,
}

impl FakeTwilio {
    /// Starts one that accepts everything.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", super::ports::free_port()))
            .await
            .expect("a port that was free a moment ago");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let messages = watch::Sender::new(Vec::new());
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(listen(listener, messages.clone()));
        Self {
            address,
            account_sid: format!("AC{}", super::hex(&super::random_bytes::<16>())),
            auth_token: super::hex(&super::random_bytes::<16>()),
            messages,
            _listener: tasks,
        }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The table of a provider of this id over this channel, with these lines besides.
    fn provider(&self, id: &str, channel: &str, more: &str) -> String {
        format!(
            r#"[[providers]]
id = "{id}"
kind = "twilio"
channels = ["{channel}"]
account_sid = "{}"
auth_token = "{}"
base_url = "{}"
{more}
"#,
            self.account_sid,
            self.auth_token,
            self.base_url(),
        )
    }

    /// The table of a provider that calls through this account.
    pub(crate) fn voice_entry(&self, id: &str) -> String {
        self.provider(id, "voice", "caller = \"+14155550100\"")
    }

    /// A provider `twilio-<channel>`, and the one hop of that channel's route.
    pub(crate) fn entry(&self, channel: &str, more: &str) -> String {
        let id = format!("twilio-{channel}");
        let provider = self.provider(&id, channel, more);
        format!("{provider}\n[[routes]]\nchannel = {channel:?}\nhops = [{id:?}]\n")
    }

    /// Waits for the first message; `None` if none arrives in time.
    pub(crate) async fn first_message(&self, within: Duration) -> Option<TwilioMessage> {
        self.request(0, within).await
    }

    /// Waits for the request of this place in the order of arrival, from 0.
    pub(crate) async fn request(&self, place: usize, within: Duration) -> Option<TwilioMessage> {
        let mut watched = self.messages.subscribe();
        let arrived = watched.wait_for(|all| all.len() > place);
        let all = tokio::time::timeout(within, arrived).await.ok()?.ok()?;
        all.get(place).cloned()
    }

    /// Posts a status to the message's callback, signed with this token.
    ///
    /// # Panics
    ///
    /// If the message asked for no callback.
    pub(crate) async fn call_back(
        &self,
        message: &TwilioMessage,
        status: &str,
        token: &str,
    ) -> Answer {
        let url = message
            .form
            .get("StatusCallback")
            .expect("the message asks for its status");
        let fields = BTreeMap::from([
            ("MessageSid", message.sid.as_str()),
            ("MessageStatus", status),
        ]);
        self.post(url, fields, token).await
    }

    /// Reports that a call has ended, to where it asked for that.
    ///
    /// # Panics
    ///
    /// If the call asked for no report.
    pub(crate) async fn end_call(&self, call: &TwilioMessage, call_id: &str) -> Answer {
        let url = call.form.get("StatusCallback");
        let url = url.expect("the call asks for its status");
        let fields = BTreeMap::from([("CallSid", call_id), ("CallStatus", "completed")]);
        self.post(url, fields, &self.auth_token).await
    }

    /// Posts these fields and its account, signed with this token.
    pub(crate) async fn post(
        &self,
        url: &str,
        mut fields: BTreeMap<&str, &str>,
        token: &str,
    ) -> Answer {
        fields.insert("AccountSid", &self.account_sid);
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&fields)
            .finish();
        let request = http::Request::post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-twilio-signature", sign(token, url, &fields))
            .body(form.into())
            .expect("a callback's URL and headers are well-formed");
        Client::without_key().send(request).await
    }
}

/// Base64 of HMAC-SHA1 over the URL and each field's name and value, by name.
fn sign(token: &str, url: &str, fields: &BTreeMap<&str, &str>) -> String {
    let mut content = url.to_owned();
    for (name, value) in fields {
        content.push_str(name);
        content.push_str(value);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    STANDARD.encode(hmac::sign(&key, content.as_bytes()))
}

async fn listen(listener: TcpListener, messages: watch::Sender<Vec<TwilioMessage>>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        if let Ok((socket, _)) = listener.accept().await {
            connections.spawn(serve(socket, messages.clone()));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut socket: TcpStream, messages: watch::Sender<Vec<TwilioMessage>>) {
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut socket, &mut buffer).await {
        let message = parse(&request);
        let body = format!(r#"{{"sid":"{}","status":"queued"}}"#, message.sid);
        messages.send_modify(|all| all.push(message));
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        if socket.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn parse(request: &WireRequest) -> TwilioMessage {
    TwilioMessage {
        path: request.path.clone(),
        authorization: request.header("authorization").to_owned(),
        form: form_urlencoded::parse(&request.body).into_owned().collect(),
        sid: format!("SM{}", super::hex(&super::random_bytes::<16>())),
    }
}
