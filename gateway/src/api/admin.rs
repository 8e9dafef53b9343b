//! For those who run it: the admin listener, which only reads, and what an
//! operator does on the main listener.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use tower::{Service as TowerService, ServiceBuilder, ServiceExt, service_fn};

use super::answer::{Reply, empty, finish, json, with_type};
use super::codes;
use super::endpoint::Asked;
use super::fields;
use super::json::{self, JsonBody};
use super::problem::Problem;
use super::request_id::RequestId;
use super::stack::{Stage, catch_panic};
use super::{ApiService, OnPanic, RequestBody};
use crate::service::Service;
use crate::tenants::Operator;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LiftBody {
    tenant: Option<String>,
    number: Option<String>,
    subject: Option<String>,
}

impl JsonBody for LiftBody {
    const FIELDS: &'static [&'static str] = &["tenant", "number", "subject"];
}

pub(super) async fn lift_failures(
    service: &Service,
    operator: &Operator,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let (tenant, whose) = tenant_and_whose(asked)?;
    match whose {
        Lifted::Number(number) => service.lift_failures(operator, &tenant, &number).await?,
        Lifted::Subject(subject) => {
            service
                .lift_subject_failures(operator, &tenant, &subject)
                .await?;
        }
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Whose failed checks are to be lifted.
pub(super) enum Lifted {
    Number(String),
    Subject(String),
}

pub(super) fn tenant_and_whose(asked: &Asked) -> Result<(String, Lifted), Problem> {
    let body: LiftBody = json::body(asked)?;
    let whose = match (body.number, body.subject) {
        (None, Some(subject)) => Lifted::Subject(fields::SUBJECT.check(subject)?),
        (Some(_), Some(_)) => {
            return Err(Problem::new(&codes::INVALID_FIELD).field(fields::SUBJECT.field));
        }
        (number, None) => Lifted::Number(fields::NUMBER.required(number)?),
    };
    Ok((fields::TENANT.required(body.tenant)?, whose))
}

/// Whether this node can serve, and the facts an operator looks for.
#[derive(Clone, Debug, Serialize)]
pub struct Readiness {
    pub ready: bool,
    pub durability: &'static str,
    /// `kept`, `forgetful` (on a store that forgets, as told), or `off`.
    pub subjects: &'static str,
    /// How it is: `up`, `full: ..`, or what is wrong with it.
    pub store: String,
    /// Why it is not ready; empty while it is.
    pub reasons: Vec<String>,
    pub allow_sandbox: bool,
    /// Ids of `[[keys]]` that nothing needs any more.
    pub retirable_keys: Vec<String>,
    /// Providers whose receipts do not reach this node: no reason to be unready.
    pub receipts_missing: Vec<String>,
    /// Directories of Microsoft Entra; no reason to be unready either.
    pub entra: Vec<EntraReadiness>,
}

/// Whether one directory of Microsoft Entra can be served.
#[derive(Clone, Debug, Serialize)]
pub struct EntraReadiness {
    pub directory: String,
    /// Since its signing keys were fetched; `null`: never.
    pub signing_keys_age_s: Option<u64>,
    pub signing_keys: usize,
    /// Ids of the private keys in use, newest first.
    pub decryption_keys: Vec<String>,
}

/// What is running.
#[derive(Clone, Debug, Serialize)]
pub struct Version {
    pub version: &'static str,
    /// Of the phone number metadata.
    pub number_metadata: String,
    /// Of the records that it writes.
    pub format: u8,
    pub formats_read: &'static [u8],
}

/// What the admin listener shows.
pub struct Admin {
    pub readiness: Box<dyn Fn() -> Readiness + Send + Sync>,
    /// All metrics in the text format of `OpenMetrics`.
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
    pub version: Version,
    pub on_panic: Arc<OnPanic>,
}

impl Admin {
    /// The service the admin listener drives.
    pub fn service<B: RequestBody>(self: Arc<Self>) -> ApiService<B> {
        let on_panic = Arc::clone(&self.on_panic);
        let page = service_fn(move |path: Box<str>| {
            let admin = Arc::clone(&self);
            async move { admin.page(&path) }
        });
        let stack = ServiceBuilder::new()
            // Without one writer of answers some would lack headers.
            .layer_fn(answer::<B, _>)
            // Without it a panic takes the connection with it.
            .layer_fn(|next| catch_panic::<Box<str>, _>(&on_panic, next))
            .service(page);
        ApiService::new(stack)
    }

    fn page(&self, path: &str) -> Result<Reply, Problem> {
        match path {
            // It answers, so it lives: nothing else may decide this.
            "/healthz" => Ok(text("text/plain; charset=utf-8", String::from("ok\n"))),
            "/readyz" => {
                let readiness = (self.readiness)();
                let status = if readiness.ready {
                    StatusCode::OK
                } else {
                    StatusCode::SERVICE_UNAVAILABLE
                };
                json(status, &readiness)
            }
            "/metrics" => {
                let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                Ok(text(open_metrics, (self.metrics)()))
            }
            "/version" => json(StatusCode::OK, &self.version),
            _ => Err(Problem::new(&codes::NOT_FOUND)),
        }
    }
}

fn text(content_type: &'static str, text: String) -> Reply {
    with_type(content_type, StatusCode::OK, Bytes::from(text))
}

fn answer<B, S>(
    next: S,
) -> impl TowerService<
    Request<B>,
    Response = Response<Full<Bytes>>,
    Error = Infallible,
    Future: Send + 'static,
> + Clone
+ Send
+ Sync
+ 'static
where
    B: RequestBody,
    S: Stage<Box<str>>,
{
    service_fn(move |request: Request<B>| {
        let next = next.clone();
        let id = RequestId::of(request.headers());
        let method = request.method().clone();
        let path: Box<str> = request.uri().path().into();
        async move {
            let result = if method == Method::GET || method == Method::HEAD {
                next.oneshot(path).await
            } else {
                let allow = String::from("GET, HEAD");
                Err(Problem::new(&codes::METHOD_NOT_ALLOWED).with_allow(allow))
            };
            Ok(finish(result, &method, &id))
        }
    })
}
