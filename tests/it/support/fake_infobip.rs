//! Infobip's APIs as far as the gateway uses them: takes every message and call,
//! and reports what a test says, unsigned as Infobip does.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::client::{Answer, Client};
use super::http_wire::read_request;

/// Listens until it is dropped.
pub(crate) struct FakeInfobip {
    address: SocketAddr,
    messages: watch::Sender<Vec<Value>>,
    _listener: tokio::task::JoinSet<()>,
}

impl FakeInfobip {
    /// One that answers each message after so long.
    pub(crate) async fn start(answers_after: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", super::ports::free_port()))
            .await
            .expect("a port that was free a moment ago");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let messages = watch::Sender::new(Vec::new());
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(listen(listener, messages.clone(), answers_after));
        Self {
            address,
            messages,
            _listener: tasks,
        }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for the message of this place in the order of arrival, from 0.
    pub(crate) async fn message(&self, place: usize, within: Duration) -> Option<Value> {
        let mut watched = self.messages.subscribe();
        let arrived = watched.wait_for(|all| all.len() > place);
        let all = tokio::time::timeout(within, arrived).await.ok()?.ok()?;
        all.get(place).cloned()
    }

    /// Reports that a message was lost.
    pub(crate) async fn report_lost(message: &Value) -> Answer {
        let error = json!({ "groupId": 3, "id": 5000, "name": "UNKNOWN", "permanent": false });
        let result = json!({
            "messageId": message["destinations"][0]["messageId"],
            "status": { "groupId": 2, "groupName": "UNDELIVERABLE", "id": 9, "name": "UNDELIVERABLE_NOT_DELIVERED" },
            "error": error,
        });
        report(&message["webhooks"]["delivery"]["url"], result).await
    }

    /// Reports the end of a call by a scenario: what was collected into each of
    /// its variables.
    pub(crate) async fn report_call(call: &Value, collected: &Value) -> Answer {
        let result = json!({
            "messageId": call["destinations"][0]["messageId"],
            "status": { "groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET" },
            "voiceCall": { "ivr": {
                "scenarioId": call["scenarioId"],
                "collectedDtmfs": collected.to_string(),
            } },
        });
        report(&call["notifyUrl"], result).await
    }
}

async fn report(url: &Value, result: Value) -> Answer {
    let body = json!({ "results": [result] });
    let url = url.as_str().expect("the message asks for its receipt");
    let request = http::Request::post(url)
        .header("content-type", "application/json")
        .body(body.to_string().into())
        .expect("a callback's URL and headers are well-formed");
    Client::without_key().send(request).await
}

async fn listen(listener: TcpListener, messages: watch::Sender<Vec<Value>>, wait: Duration) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        if let Ok((socket, _)) = listener.accept().await {
            connections.spawn(serve(socket, messages.clone(), wait));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut socket: TcpStream, messages: watch::Sender<Vec<Value>>, wait: Duration) {
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut socket, &mut buffer).await {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let message = body["messages"][0].clone();
        let answer = json!({ "messages": [{
            "messageId": message["destinations"][0]["messageId"],
            "status": { "groupId": 1, "groupName": "PENDING", "id": 26, "name": "PENDING_ACCEPTED" },
        }] })
        .to_string();
        messages.send_modify(|all| all.push(message));
        tokio::time::sleep(wait).await;
        let length = answer.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{answer}"
        );
        if socket.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
