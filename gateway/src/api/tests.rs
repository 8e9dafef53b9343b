//! The whole stack, in process: what callers meet whatever they send.

mod bad_input;
mod contract;
mod document;
mod views;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::ServiceExt;

use super::endpoint::{Asked, Parameters};
use super::problem::Problem;
use super::{
    Api, ApiParts, ApiSettings, Credentials, Directory, InboxMessage, ReceiptAnswer, ReceiptCall,
    ReceiptSink, RequestBody, SandboxInbox, Surface, admin, deliveries, numbers, verifications,
};
use crate::service::Service;
use crate::tenants::{Caller, Operator, Scope, Scopes, Tenant};
use crate::verification::TenantTag;
use watchword_providers::{Channel, PhoneNumber};

/// An id that is well-formed and unknown.
const UNKNOWN_ID: &str = "vrf_00700000000000000000000000000";

struct Keys {
    callers: Credentials<Caller>,
    operators: Credentials<Operator>,
}

impl Directory for Keys {
    fn caller(&self, digest: &[u8; 32]) -> Option<Caller> {
        self.callers.find(digest)
    }

    fn operator(&self, digest: &[u8; 32]) -> Option<Operator> {
        self.operators.find(digest)
    }
}

fn sha256(text: &str) -> [u8; 32] {
    digest(&SHA256, text.as_bytes())
        .as_ref()
        .try_into()
        .unwrap()
}

fn caller(scopes: impl IntoIterator<Item = Scope>) -> Caller {
    let tenant = Tenant {
        name: "acme".into(),
        tag: TenantTag([1; 8]),
        brand: "Acme".into(),
    };
    Caller {
        tenant: Arc::new(tenant),
        key_id: "a1".into(),
        scopes: Scopes::of(scopes),
    }
}

/// Knows the keys `all`, `read` and `none`, and the operator `operator`.
fn keys() -> Keys {
    Keys {
        callers: Credentials::new([
            (sha256("all"), caller(Scope::ALL)),
            (sha256("read"), caller([Scope::Read])),
            (sha256("none"), caller([])),
        ]),
        operators: Credentials::new([(sha256("operator"), Operator { name: "ada".into() })]),
    }
}

/// Admits the reference `good` of `hook-a`, and answers as told.
struct Sink {
    answer: ReceiptAnswer,
    seen: Mutex<Vec<(String, HeaderMap, Bytes)>>,
}

#[async_trait]
impl ReceiptSink for Sink {
    fn admits(&self, provider: &str, reference: Option<&str>) -> bool {
        provider == "hook-a" && reference.is_none_or(|reference| reference == "good")
    }

    async fn receive(&self, call: ReceiptCall) -> ReceiptAnswer {
        let seen = (call.url, call.headers, call.body);
        let mut list = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        list.push(seen);
        self.answer
    }
}

struct Inbox;

impl SandboxInbox for Inbox {
    fn messages(&self, tenant: &str, to: Option<&str>) -> Vec<InboxMessage> {
        assert!(tenant == "acme", "only the caller's own");
        let message = InboxMessage {
            to: PhoneNumber::from_e164("+14155550123", 1).unwrap(),
            channel: Channel::Sms,
            text: "123456 is your Acme code.".into(),
            provider: "sandbox".into(),
            at_ms: 0,
        };
        let is_wanted = to.is_none_or(|to| to == "+14155550123");
        is_wanted.then_some(message).into_iter().collect()
    }
}

/// A service that knows no verification. What it would do with a request is
/// tested where it is; here only what reaches it.
fn idle_service() -> Arc<Service> {
    Arc::new(Service)
}

/// Reads a request as its endpoint does, without asking the service.
fn read_by(endpoint: &str, asked: &Asked) -> Result<(), Problem> {
    match endpoint {
        "start_verification" => verifications::start_request(asked).map(drop),
        "check_verification" => verifications::check_request(asked).map(drop),
        "resend_verification" => verifications::resend_request(asked).map(drop),
        "report_verification_outcome" | "report_delivery_outcome" => {
            verifications::was_used(asked).map(drop)
        }
        "send_delivery" => deliveries::deliver_request(asked).map(drop),
        "lookup_number" => numbers::number_and_region(asked).map(drop),
        "explain_number" => numbers::explain_request(asked).map(drop),
        "lift_failures" => admin::tenant_and_number(asked).map(drop),
        other => panic!("{other} reads no body"),
    }
}

/// A request as an endpoint gets it.
fn asked(headers: &[(&'static str, &str)], body: &str) -> Asked {
    let mut request = Request::post("/").header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    let parameters = Parameters {
        first: UNKNOWN_ID.into(),
        second: None,
    };
    Asked {
        parameters,
        head,
        body: Bytes::from(body.to_owned()),
    }
}

/// The API as a test builds it, and what it was told.
struct TestApi {
    api: Arc<Api>,
    sink: Arc<Sink>,
    observed: Arc<Mutex<Vec<(&'static str, StatusCode)>>>,
}

impl TestApi {
    fn new() -> Self {
        Self::with(
            ReceiptAnswer::Accepted,
            ApiSettings::default(),
            Some(Arc::new(Inbox)),
        )
    }

    fn with(
        answer: ReceiptAnswer,
        settings: ApiSettings,
        sandbox: Option<Arc<dyn SandboxInbox>>,
    ) -> Self {
        let sink = Arc::new(Sink {
            answer,
            seen: Mutex::default(),
        });
        let observed: Arc<Mutex<Vec<_>>> = Arc::default();
        let observer = Arc::clone(&observed);
        let parts = ApiParts {
            service: idle_service(),
            directory: Arc::new(keys()),
            receipts: Arc::<Sink>::clone(&sink),
            sandbox,
            durability: Arc::new(|| "disk"),
            observe: Arc::new(move |name, status, _: Duration| {
                let mut list = observer.lock().unwrap_or_else(PoisonError::into_inner);
                list.push((name, status));
            }),
        };
        let settings = ApiSettings {
            public_url: String::from("https://otp.example.com"),
            ..settings
        };
        Self {
            api: Api::new(parts, settings),
            sink,
            observed,
        }
    }

    async fn send<B: RequestBody>(&self, request: Request<B>) -> Answered {
        let service = self.api.service::<B>(Surface::All);
        Answered::of(service.oneshot(request).await.unwrap()).await
    }

    async fn ask(&self, method: Method, path: &str, key: &str, body: &str) -> Answered {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .header("x-request-id", "test-1")
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        self.send(request).await
    }

    async fn post(&self, path: &str, body: &str) -> Answered {
        self.ask(Method::POST, path, "all", body).await
    }

    async fn get(&self, path: &str) -> Answered {
        self.ask(Method::GET, path, "all", "").await
    }
}

struct Answered {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answered {
    async fn of(response: http::Response<Full<Bytes>>) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Status and code.
    fn problem(&self) -> (u16, String) {
        let code = self.json()["code"].as_str().unwrap_or_default().to_owned();
        (self.status, code)
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
