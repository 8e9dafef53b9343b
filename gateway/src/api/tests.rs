//! The whole stack, in process: what callers meet whatever they send.

mod bad_input;
mod bounds;
mod contract;
mod document;
mod of_subjects;
mod over_http;
mod views;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::{ServiceExt, service_fn};

use super::answer::Reply;
use super::endpoint::{
    Asked, Call, OperatorEndpoint, Parameters, ServiceCall, Target, TenantEndpoint, find,
};
use super::problem::Problem;
use super::subjects::{Presented, Who};
use super::{
    ApiService, ApiSettings, Credentials, Directory, Edge, EdgeParts, InboxMessage, ReceiptCall,
    ReceiptSink, RequestBody, SandboxInbox, Surface, admin, deliveries, inbound, numbers, recovery,
    routes, stack, subjects, verifications, webhooks,
};
use crate::admission::watch::CheckWatch;
use crate::config::RegionSet;
use crate::message::{Brand, Catalog, Locale, Notices};
use crate::receipts::ReceiptRefusal;
use crate::service::ServiceError;
use crate::tenants::{Caller, Operator, Scope, Scopes, Tenant};
use crate::verification::TenantTag;
use watchword_providers::{CallDocument, Channel, PhoneNumber};

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
        brand: Brand::parse("Acme").unwrap(),
        locale: Locale::parse("en").unwrap(),
        regions: RegionSet::default(),
        voice_regions: RegionSet::default(),
        unconfirmed_regions: RegionSet::default(),
        blocked_prefixes: Box::default(),
        origins: HashSet::new(),
        app_hashes: HashSet::new(),
        submission_caps: Vec::new(),
        ramp: None,
        test_numbers: HashMap::new(),
        checks: CheckWatch::default(),
        subjects: Arc::default(),
        catalog: Arc::new(Catalog::builtin()),
        notices: Arc::new(Notices::builtin()),
        sms_sender: None,
        voice_sender: None,
    };
    Caller {
        tenant: Arc::new(tenant),
        key_id: "a1".into(),
        scopes: Scopes::of(scopes),
    }
}

fn operator() -> Operator {
    Operator {
        name: "ada".into(),
        subjects: Arc::default(),
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
        operators: Credentials::new([(sha256("operator"), operator())]),
    }
}

/// Admits the reference `good` of `hook-a`, lacks the key of `rotated`, and
/// answers as told.
struct Sink {
    answer: Result<(), ReceiptRefusal>,
    seen: Mutex<Vec<(String, HeaderMap, Bytes)>>,
}

#[async_trait]
impl ReceiptSink for Sink {
    fn admits(&self, provider: &str, reference: Option<&str>) -> Result<(), ReceiptRefusal> {
        match (provider, reference) {
            ("hook-a", None | Some("good")) => Ok(()),
            ("hook-a", Some("rotated")) => Err(ReceiptRefusal::UnknownKey),
            _ => Err(ReceiptRefusal::NotFound),
        }
    }

    async fn receive(&self, call: ReceiptCall) -> Result<(), ReceiptRefusal> {
        let seen = (call.url, call.headers, call.body);
        let mut list = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        list.push(seen);
        self.answer
    }

    fn answer_to(&self, _provider: &str) -> &'static str {
        ""
    }

    fn admits_call(&self, provider: &str, reference: &str) -> Result<(), ReceiptRefusal> {
        self.admits(provider, Some(reference))
    }

    async fn answer(&self, call: ReceiptCall) -> Result<CallDocument, ReceiptRefusal> {
        self.receive(call).await?;
        Ok(CallDocument {
            content_type: "text/xml",
            body: Bytes::from_static(b"<Response/>"),
        })
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

/// Reads a request as its endpoint does, without asking the service.
fn read(target: Target, asked: &Asked) -> Result<(), Problem> {
    match target {
        Target::Tenant(_, endpoint) => read_as_tenant(endpoint, asked),
        Target::Operator(OperatorEndpoint::LiftFailures) => {
            admin::tenant_and_whose(asked).map(drop)
        }
        Target::Operator(OperatorEndpoint::ReplayWebhooks) => webhooks::replay_ask(asked).map(drop),
        Target::Operator(OperatorEndpoint::Routes) => routes::hours(asked).map(drop),
        Target::Operator(OperatorEndpoint::Recovery(duty)) => recovery::read(duty, asked).map(drop),
        Target::Subject(who, endpoint) => {
            let presented = match who {
                Who::Tenant | Who::Either => Presented::Tenant(caller(Scope::ALL)),
                Who::Operator => Presented::Operator(operator()),
            };
            subjects::read((presented, endpoint), asked).map(drop)
        }
        Target::Open(_) | Target::Sandbox(_) | Target::Provider(_) => Ok(()),
    }
}

fn read_as_tenant(endpoint: TenantEndpoint, asked: &Asked) -> Result<(), Problem> {
    match endpoint {
        TenantEndpoint::Start => verifications::start_request(asked).map(drop),
        TenantEndpoint::Check => verifications::check_request(asked).map(drop),
        TenantEndpoint::Resend => verifications::resend_request(asked).map(drop),
        TenantEndpoint::Outcome | TenantEndpoint::DeliveryOutcome => {
            verifications::was_used(asked).map(drop)
        }
        TenantEndpoint::Get | TenantEndpoint::Cancel => verifications::id(asked).map(drop),
        TenantEndpoint::List => verifications::whose(asked).map(drop),
        TenantEndpoint::Deliver => deliveries::deliver_request(asked).map(drop),
        TenantEndpoint::GetDelivery => deliveries::id(asked).map(drop),
        TenantEndpoint::Lookup => numbers::number_and_region(asked).map(drop),
        TenantEndpoint::Explain => numbers::explain_request(asked).map(drop),
        TenantEndpoint::Inbound => inbound::from_and_text(asked).map(drop),
    }
}

/// Stands for a service that knows no verification and no number.
fn ask_nobody(call: ServiceCall) -> Result<Reply, Problem> {
    match call {
        ServiceCall::Tenant(_, endpoint, asked) => read_as_tenant(endpoint, &asked)?,
        ServiceCall::Operator(_, OperatorEndpoint::LiftFailures, asked) => {
            admin::tenant_and_whose(&asked).map(drop)?;
        }
        ServiceCall::Operator(_, OperatorEndpoint::ReplayWebhooks, asked) => {
            webhooks::replay_ask(&asked).map(drop)?;
        }
        ServiceCall::Operator(_, OperatorEndpoint::Routes, asked) => {
            routes::hours(&asked).map(drop)?;
        }
        ServiceCall::Operator(_, OperatorEndpoint::Recovery(duty), asked) => {
            recovery::read(duty, &asked).map(drop)?;
        }
        ServiceCall::Subject(presented, endpoint, asked) => {
            subjects::read((presented, endpoint), &asked).map(drop)?;
        }
    }
    Err(Problem::from(ServiceError::NotFound))
}

/// A path of the table with something in its places.
fn path_of(pattern: &str) -> String {
    pattern
        .replace("{id}", UNKNOWN_ID)
        .replace("{provider}", "hook-a")
        .replace("{reference}", "good")
        .replace("{subject}", "person%207")
        .replace("{method}", "mth_0000000000000000")
        .replace("{change}", "chg_00000000000000000000000000")
        .replace("{action}", "act_00000000000000000000000000")
        .replace("{operator}", "bob")
}

/// The scope that a tenant's key needs.
fn scope_of(target: Target) -> Option<Scope> {
    match target {
        Target::Tenant(scope, _) | Target::Sandbox(scope) => Some(scope),
        Target::Subject(Who::Tenant | Who::Either, _) => Some(Scope::Subjects),
        Target::Subject(Who::Operator, _)
        | Target::Open(_)
        | Target::Operator(_)
        | Target::Provider(_) => None,
    }
}

/// A request of a line of the table, as its endpoint gets it.
fn asked_at(pattern: &str, body: &str) -> Asked {
    let path = path_of(pattern);
    let (_, parameters) = ["GET", "POST", "PUT", "DELETE"]
        .into_iter()
        .filter_map(|method| find(Surface::All, &method.parse().unwrap(), &path).ok())
        .next()
        .unwrap();
    Asked {
        parameters,
        ..asked(&[], body)
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
    edge: Arc<Edge>,
    sink: Arc<Sink>,
    observed: Arc<Mutex<Vec<(&'static str, StatusCode)>>>,
    panics: Arc<AtomicUsize>,
}

impl TestApi {
    fn new() -> Self {
        Self::with(Ok(()), ApiSettings::default(), Some(Arc::new(Inbox)))
    }

    fn with(
        answer: Result<(), ReceiptRefusal>,
        settings: ApiSettings,
        sandbox: Option<Arc<dyn SandboxInbox>>,
    ) -> Self {
        let sink = Arc::new(Sink {
            answer,
            seen: Mutex::default(),
        });
        let observed: Arc<Mutex<Vec<_>>> = Arc::default();
        let observer = Arc::clone(&observed);
        let panics: Arc<AtomicUsize> = Arc::default();
        let counted = Arc::clone(&panics);
        let parts = EdgeParts {
            directory: Arc::new(keys()),
            receipts: Arc::<Sink>::clone(&sink),
            sandbox,
            durability: Arc::new(|| "disk"),
            observe: Arc::new(move |name, status, _: Duration| {
                let mut list = observer.lock().unwrap_or_else(PoisonError::into_inner);
                list.push((name, status));
            }),
            on_panic: Arc::new(move || {
                counted.fetch_add(1, Ordering::Relaxed);
            }),
        };
        let settings = ApiSettings {
            public_url: String::from("https://otp.example.com"),
            ..settings
        };
        Self {
            edge: Arc::new(Edge::new(parts, settings)),
            sink,
            observed,
            panics,
        }
    }

    fn service<B: RequestBody>(&self) -> ApiService<B> {
        let edge = Arc::clone(&self.edge);
        let endpoint = service_fn(move |call: Call| {
            let edge = Arc::clone(&edge);
            async move {
                match call {
                    Call::Edge(call) => edge.answer(call).await,
                    Call::Service(call) => ask_nobody(call),
                }
            }
        });
        stack::inbound(&self.edge, Surface::All, endpoint)
    }

    async fn send<B: RequestBody>(&self, request: Request<B>) -> Answered {
        let service = self.service::<B>();
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
