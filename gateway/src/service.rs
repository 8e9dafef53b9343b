//! The main job, whichever face asks for it: start, resend, check, cancel,
//! outcome, send-only, lookup, explain. Takes a request's fields, answers views.

use std::net::IpAddr;
use std::time::Duration;

pub mod error;
pub mod view;

pub use error::ServiceError;

use crate::id::{DeliveryId, VerificationId};
use crate::tenants::Caller;
use view::{ExplainView, LookupView, SendOnlyView, TimelineEntry, VerificationView};
use watchword_providers::Channel;

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

/// `POST /v1/verifications`. Text fields are bounded by the edge, judged here.
#[derive(Clone, Debug, Default)]
pub struct StartRequest {
    pub to: String,
    pub region: Option<String>,
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
    pub region: Option<String>,
    pub channel: Option<Channel>,
    pub purpose: Option<String>,
    pub client: Client,
}

/// The main job. Stub for the api branch: the lead replaces this file; keep the signatures.
pub struct Service;

type Answer<T> = Result<T, ServiceError>;

impl Service {
    pub async fn start(
        &self,
        _caller: &Caller,
        _request: StartRequest,
    ) -> Answer<VerificationView> {
        Err(ServiceError::NotFound)
    }
    pub async fn resend(
        &self,
        _caller: &Caller,
        _request: ResendRequest,
    ) -> Answer<VerificationView> {
        Err(ServiceError::NotFound)
    }
    pub async fn check(
        &self,
        _caller: &Caller,
        _request: CheckRequest,
    ) -> Answer<VerificationView> {
        Err(ServiceError::NotFound)
    }
    pub async fn cancel(&self, _caller: &Caller, _id: VerificationId) -> Answer<VerificationView> {
        Err(ServiceError::NotFound)
    }
    pub async fn report_outcome(
        &self,
        _caller: &Caller,
        _id: VerificationId,
        _was_used: bool,
    ) -> Answer<VerificationView> {
        Err(ServiceError::NotFound)
    }
    pub async fn verification(
        &self,
        _caller: &Caller,
        _id: VerificationId,
    ) -> Answer<(VerificationView, Vec<TimelineEntry>)> {
        Err(ServiceError::NotFound)
    }
    /// The last ones of a number, newest first, at most 20.
    pub async fn verifications_of(
        &self,
        _caller: &Caller,
        _to: &str,
        _region: Option<&str>,
    ) -> Answer<Vec<VerificationView>> {
        Err(ServiceError::NotFound)
    }
    pub async fn deliver(
        &self,
        _caller: &Caller,
        _request: DeliverRequest,
    ) -> Answer<SendOnlyView> {
        Err(ServiceError::NotFound)
    }
    pub async fn delivery(&self, _caller: &Caller, _id: DeliveryId) -> Answer<SendOnlyView> {
        Err(ServiceError::NotFound)
    }
    pub async fn report_delivery_outcome(
        &self,
        _caller: &Caller,
        _id: DeliveryId,
        _was_used: bool,
    ) -> Answer<SendOnlyView> {
        Err(ServiceError::NotFound)
    }
    pub async fn lookup(
        &self,
        _caller: &Caller,
        _number: &str,
        _region: Option<&str>,
    ) -> Answer<LookupView> {
        Err(ServiceError::NotFound)
    }
    pub async fn explain(&self, _caller: &Caller, _request: ExplainRequest) -> Answer<ExplainView> {
        Err(ServiceError::NotFound)
    }
    /// An operator forgives a number's failed checks.
    pub async fn lift_failures(
        &self,
        _operator: &crate::tenants::Operator,
        _tenant: &str,
        _number: &str,
    ) -> Answer<()> {
        Err(ServiceError::NotFound)
    }
}
