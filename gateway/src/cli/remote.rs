//! `send`, `explain`, `find`, `routes`, `webhooks replay` and `subjects import-graph`: questions to a running
//! gateway, over the API that everybody uses, with the answer in words.

mod answers;
mod client;
mod graph_export;
mod import;
mod render;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::PathBuf;

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use self::answers::{Explanation, Found, Replayed, RouteCounts, Verification};
use self::client::Gateway;
pub use self::graph_export::ExportError;
use super::{
    ExplainCall, FindCall, GatewayArguments, ImportGraphCall, NumberArguments, ReplayCall,
    RoutesCall, SendCall, exit_code,
};

/// What is asked.
#[derive(Debug)]
pub enum Question {
    Explain(ExplainCall),
    Send(SendCall),
    Find(FindCall),
    Routes(RoutesCall),
    Replay(ReplayCall),
    ImportGraph(ImportGraphCall),
}

/// Why there is no answer, in words for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("--url must be like https://otp.example.com, without query")]
    Url,
    #[error(
        "no API key: only a gateway on this machine has a default; give --key-file FILE with a key of the tenant"
    )]
    NoKey,
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the API key must be one word of visible ASCII characters")]
    BadKey,
    #[error("the certificates of --ca-file cannot be used: {0}")]
    Certificates(watchword_providers::http_client::TlsError),
    #[error("nothing could be started to ask with: {0}")]
    Runtime(io::Error),
    #[error("cannot connect to {gateway}: is the gateway running there? {hint}")]
    Unreachable { gateway: String, hint: &'static str },
    #[error(
        "{gateway} gave no complete answer; the request may have been carried out all the same: `watchword find` tells"
    )]
    NoAnswer { gateway: String },
    #[error("{gateway} answered {status}, but not as Watchword does: is --url right?")]
    Foreign { gateway: String, status: StatusCode },
    /// The gateway's own words, and what helps from here.
    #[error("{text}")]
    Refused { status: StatusCode, text: String },
    #[error("{}: {why}", path.display())]
    Export { path: PathBuf, why: ExportError },
    #[error("interrupted")]
    Interrupted,
    /// What was imported, what was not, and what to do about it.
    #[error("{0}")]
    ImportedInPart(String),
    #[error("the answer could not be written: {0}")]
    Output(#[from] io::Error),
}

impl RemoteError {
    /// How the program ends.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Url
            | Self::NoKey
            | Self::Unreadable { .. }
            | Self::BadKey
            | Self::Export { .. }
            | Self::Certificates(_) => exit_code::REFUSED,
            Self::Runtime(_)
            | Self::Unreachable { .. }
            | Self::NoAnswer { .. }
            | Self::Foreign { .. }
            | Self::Refused { .. }
            | Self::Interrupted
            | Self::ImportedInPart(_)
            | Self::Output(_) => exit_code::FAILED,
        }
    }
}

/// Asks a running gateway and writes its answer.
///
/// # Errors
///
/// [`RemoteError`], whose text says what to do.
pub fn ask(question: &Question, out: &mut impl Write) -> Result<(), RemoteError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(RemoteError::Runtime)?;
    let text = runtime.block_on(answer(question))?;
    match writeln!(out, "{}", plain(&text).trim_end()) {
        // Whoever reads only the beginning, as `head` does, has what they want.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// What comes over the network may not steer the terminal.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control() || *character == '\n')
        .collect()
}

async fn answer(question: &Question) -> Result<String, RemoteError> {
    match question {
        Question::Explain(call) => explain(call).await,
        Question::Send(call) => send(call).await,
        Question::Find(call) => find(call).await,
        Question::Routes(call) => routes(call).await,
        Question::Replay(call) => replay(call).await,
        Question::ImportGraph(call) => import::import(call, tokio::signal::ctrl_c()).await,
    }
}

async fn explain(call: &ExplainCall) -> Result<String, RemoteError> {
    let gateway = Gateway::new(&call.gateway)?;
    let mut body = about(&call.number, "number");
    if let Some(channel) = call.channel {
        body.insert("channel".to_owned(), json!(channel.as_str()));
    }
    let answer = gateway.post("/v1/explain", body, None).await?;
    let shown = |explanation: &Explanation| render::explanation(explanation);
    show(&gateway, answer, call.gateway.json, shown)
}

async fn send(call: &SendCall) -> Result<String, RemoteError> {
    let gateway = Gateway::new(&call.gateway)?;
    let mut body = about(&call.number, "to");
    if let Some(channel) = call.channel {
        body.insert("channel".to_owned(), json!(channel.as_str()));
    }
    let answer = gateway.post("/v1/verifications", body, call.wait).await?;
    let shown = |verification: &Verification| render::verification(verification);
    show(&gateway, answer, call.gateway.json, shown)
}

/// The list names the verifications; only each one by itself has its timeline.
async fn find(call: &FindCall) -> Result<String, RemoteError> {
    let gateway = Gateway::new(&call.gateway)?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("to", call.number.number.expose());
    if let Some(region) = &call.number.region {
        query.append_pair("region", region);
    }
    let path = format!("/v1/verifications?{}", query.finish());
    let list = gateway.get(&path).await?;
    let listed: Found<Verification> = understood(&gateway, &list)?;
    let mut verifications = Vec::with_capacity(listed.verifications.len());
    for verification in &listed.verifications {
        let path = format!("/v1/verifications/{}", verification.id);
        verifications.push(gateway.get(&path).await?);
    }
    let complete = json!({ "verifications": verifications });
    let shown = |found: &Found<Verification>| render::found(found);
    show(&gateway, complete, call.gateway.json, shown)
}

async fn routes(call: &RoutesCall) -> Result<String, RemoteError> {
    let gateway = Gateway::new(&call.gateway)?;
    let path = format!("/v1/admin/routes?hours={}", call.hours);
    let answer = gateway.get(&path).await?;
    let shown = |routes: &RouteCounts| render::routes(routes);
    show(&gateway, answer, call.gateway.json, shown)
}

async fn replay(call: &ReplayCall) -> Result<String, RemoteError> {
    let gateway = Gateway::new(&call.gateway)?;
    let mut body = Map::from_iter([("tenant".to_owned(), json!(call.tenant))]);
    let moments = [("from", call.from), ("until", call.until)];
    let moments = moments.map(|(field, moment)| (field, moment.map(|moment| moment.to_string())));
    let names = [("event_id", &call.event), ("endpoint", &call.endpoint)];
    let names = names.map(|(field, name)| (field, name.clone()));
    for (field, text) in moments.into_iter().chain(names) {
        body.extend(text.map(|text| (field.to_owned(), json!(text))));
    }
    if call.with_told {
        body.insert("with_told".to_owned(), json!(true));
    }
    let answer = gateway
        .post("/v1/admin/webhooks/replay", body, None)
        .await?;
    let shown = |replayed: &Replayed| render::replayed(replayed);
    show(&gateway, answer, call.gateway.json, shown)
}

fn about(number: &NumberArguments, field: &str) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert(field.to_owned(), json!(number.number.expose()));
    if let Some(region) = &number.region {
        body.insert("region".to_owned(), json!(region));
    }
    body
}

fn show<T: DeserializeOwned>(
    gateway: &Gateway,
    answer: Value,
    as_json: bool,
    render: impl FnOnce(&T) -> String,
) -> Result<String, RemoteError> {
    if as_json {
        return Ok(format!("{answer:#}"));
    }
    understood(gateway, &answer).map(|answer| render(&answer))
}

fn understood<T: DeserializeOwned>(gateway: &Gateway, answer: &Value) -> Result<T, RemoteError> {
    T::deserialize(answer).map_err(|_| RemoteError::Foreign {
        gateway: gateway.name(),
        status: StatusCode::OK,
    })
}
