//! What callers ask, as fields. The edge bounds every text; the service judges it.

use std::net::IpAddr;
use std::time::Duration;

use watchword_providers::{Channel, Extension};

use crate::id::VerificationId;
use crate::subjects::model::MethodId;

/// Where the request came from, as the identity service says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Client {
    pub ip: Option<IpAddr>,
    /// This browser has been approved before.
    pub known: bool,
}

/// What a verification is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    Session(String),
    Payment {
        amount: String,
        currency: String,
        payee: String,
    },
}

/// A request's name given by the tenant, and the bytes it stands for.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// 1 to 255 visible ASCII characters.
    pub key: String,
    /// The body as received: another one under the same key is refused.
    pub content: bytes::Bytes,
}

/// `POST /v1/verifications`.
#[derive(Clone, Debug, Default)]
pub struct StartRequest {
    /// `None`: the subject's method.
    pub to: Option<String>,
    /// Of `to`; a subject's method has its own.
    pub extension: Option<Extension>,
    pub region: Option<String>,
    /// Of a subject without `to`; `None`: the default one, or the next that may
    /// receive codes.
    pub method: Option<MethodId>,
    pub channel: Option<Channel>,
    pub locale: Option<String>,
    pub purpose: Option<String>,
    pub subject: Option<String>,
    pub bind: Option<Bind>,
    pub client: Client,
    pub code: Option<String>,
    pub origin: Option<String>,
    pub app_hash: Option<String>,
    pub fallback: Vec<Channel>,
    pub reference: Option<String>,
    pub idempotency: Option<IdempotencyKey>,
    /// Wait so long for the outcome of the submission.
    pub wait: Option<Duration>,
}

/// `POST /v1/verifications/{id}/check`.
#[derive(Clone, Debug)]
pub struct CheckRequest {
    pub id: VerificationId,
    pub code: String,
    pub bind: Option<Bind>,
    pub client: Client,
    pub idempotency: Option<IdempotencyKey>,
}

/// `POST /v1/verifications/{id}/resend`.
#[derive(Clone, Debug)]
pub struct ResendRequest {
    pub id: VerificationId,
    pub channel: Option<Channel>,
    pub client: Client,
    pub idempotency: Option<IdempotencyKey>,
    pub wait: Option<Duration>,
}

/// `POST /v1/deliveries`.
#[derive(Clone, Debug)]
pub struct DeliverRequest {
    pub to: String,
    pub extension: Option<Extension>,
    pub region: Option<String>,
    pub channel: Option<Channel>,
    pub text: String,
    pub speech: Option<String>,
    pub locale: Option<String>,
    pub validity_s: Option<u64>,
    pub reference: Option<String>,
    pub client: Client,
    pub idempotency: Option<IdempotencyKey>,
    pub wait: Option<Duration>,
}

/// `POST /v1/explain`.
#[derive(Clone, Debug)]
pub struct ExplainRequest {
    pub number: String,
    pub extension: Option<Extension>,
    pub region: Option<String>,
    pub channel: Option<Channel>,
    pub purpose: Option<String>,
    pub client: Client,
}
