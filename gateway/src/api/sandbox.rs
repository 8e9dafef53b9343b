//! `/v1/sandbox/messages`: what the simulated handset received. Exists only
//! while a sandbox provider is configured.

use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;
use watchword_providers::{Channel, Extension, PhoneNumber};

use super::answer::{Reply, json};
use super::codes;
use super::endpoint::Asked;
use super::fields;
use super::problem::Problem;
use super::query::Query;
use super::view::Time;
use crate::tenants::Caller;

/// One message on the simulated handset.
#[derive(Clone)]
pub struct InboxMessage {
    pub to: PhoneNumber,
    pub extension: Option<Extension>,
    pub channel: Channel,
    pub text: Arc<str>,
    pub provider: Arc<str>,
    pub at_ms: u64,
}

/// What the simulated handsets received, bounded by the sandbox itself.
pub trait SandboxInbox: Send + Sync {
    /// The tenant's messages, newest first; with `to` (as the caller wrote it)
    /// those of one number.
    fn messages(&self, tenant: &str, to: Option<&str>) -> Vec<InboxMessage>;
}

#[derive(Serialize)]
struct MessageJson<'a> {
    to: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    extension: Option<&'a str>,
    channel: Channel,
    text: &'a str,
    provider: &'a str,
    at: Time,
}

pub(super) fn messages(
    inbox: Option<&dyn SandboxInbox>,
    caller: &Caller,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let inbox = inbox.ok_or_else(|| Problem::new(&codes::NOT_FOUND))?;
    let query = Query::parse(asked.head.uri.query())?;
    if query.region.is_some() {
        return Err(Problem::new(&codes::UNKNOWN_FIELD));
    }
    let to = fields::TO.optional(query.to)?;
    let found = inbox.messages(&caller.tenant.name, to.as_deref());
    let messages: Vec<_> = found
        .iter()
        .map(|message| MessageJson {
            to: message.to.expose(),
            extension: message.extension.as_ref().map(Extension::expose),
            channel: message.channel,
            text: &message.text,
            provider: &message.provider,
            at: Time(message.at_ms),
        })
        .collect();
    json(StatusCode::OK, &messages)
}
