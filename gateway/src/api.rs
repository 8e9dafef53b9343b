//! Second stop: from an HTTP request to a question for the service, and from
//! its answer to a response. The inbound stack is in `api/stack.rs`, the endpoint
//! table in `api/endpoint.rs`, one file for each family of endpoints beside them.

mod admin;
mod answer;
mod authenticate;
mod body;
mod codes;
mod deliveries;
mod docs;
mod endpoint;
mod entra;
mod fields;
mod inbound;
mod json;
mod numbers;
pub mod openapi;
mod overload;
mod problem;
mod query;
mod receipts;
mod recovery;
mod request_id;
mod routes;
mod sandbox;
mod stack;
mod subjects;
mod verifications;
mod view;
mod webhooks;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use tower::util::BoxCloneSyncService;

pub use admin::{Admin, EntraReadiness, Readiness, Version};
pub use authenticate::{Credentials, Directory};
pub use codes::is_documented;
pub use receipts::{ReceiptCall, ReceiptSink};
pub use sandbox::{InboxMessage, SandboxInbox};

use crate::service::Service;
use answer::Reply;
use endpoint::{
    Call, EdgeCall, OperatorEndpoint, Page, ProviderEndpoint, ServiceCall, TenantEndpoint,
};
use overload::InFlight;
use problem::Problem;

/// The inbound stack, boxed once. A request for the body type of the listener.
pub type ApiService<B> = BoxCloneSyncService<Request<B>, Response<Full<Bytes>>, Infallible>;

/// A request body the API can read: the listener's, or a test's.
pub trait RequestBody: Body<Data = Bytes, Error: Into<BodyFailure>> + Send + 'static {}

impl<B> RequestBody for B where B: Body<Data = Bytes, Error: Into<BodyFailure>> + Send + 'static {}

/// Why a body could not be read.
pub type BodyFailure = Box<dyn Error + Send + Sync>;

/// Counts a finished request: the endpoint's name, the status, how long it took.
pub type Observe = dyn Fn(&'static str, StatusCode, Duration) + Send + Sync;

/// Counts a request that ended in a bug of ours and was answered 500.
pub type OnPanic = dyn Fn() + Send + Sync;

/// Bounds on every request.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// Where providers reach us, without a slash at its end.
    pub public_url: String,
    /// The whole request, its body included.
    pub request_timeout: Duration,
    pub body_timeout: Duration,
    pub body_bytes_max: usize,
    /// Requests worked on at once; the less urgent ones get less than all of it.
    pub in_flight_max: usize,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            public_url: String::new(),
            // A body that takes its full time, then the longest `Prefer: wait`.
            request_timeout: Duration::from_secs(20),
            body_timeout: Duration::from_secs(10),
            body_bytes_max: 16 * 1024,
            in_flight_max: 1024,
        }
    }
}

/// What the API asks and tells: everything it does not do itself.
pub struct ApiParts {
    pub service: Arc<Service>,
    pub directory: Arc<dyn Directory>,
    pub receipts: Arc<dyn ReceiptSink>,
    /// Only while a sandbox provider is configured.
    pub sandbox: Option<Arc<dyn SandboxInbox>>,
    /// The store's promise now, for the header `Watchword-Durability`.
    pub durability: Arc<dyn Fn() -> &'static str + Send + Sync>,
    pub observe: Arc<Observe>,
    pub on_panic: Arc<OnPanic>,
}

/// Which endpoints a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    All,
    /// Provider callbacks alone.
    Receipts,
}

/// The API of the main listener.
pub struct Api {
    edge: Arc<Edge>,
    service: Arc<Service>,
}

/// What every request meets, whatever it asks: shared by all connections.
struct Edge {
    parts: EdgeParts,
    settings: ApiSettings,
    in_flight: Arc<InFlight>,
    docs_page: Bytes,
}

/// [`ApiParts`] without the service: what the edge needs for itself.
struct EdgeParts {
    directory: Arc<dyn Directory>,
    receipts: Arc<dyn ReceiptSink>,
    sandbox: Option<Arc<dyn SandboxInbox>>,
    durability: Arc<dyn Fn() -> &'static str + Send + Sync>,
    observe: Arc<Observe>,
    on_panic: Arc<OnPanic>,
}

impl Api {
    pub fn new(parts: ApiParts, settings: ApiSettings) -> Arc<Self> {
        let edge_parts = EdgeParts {
            directory: parts.directory,
            receipts: parts.receipts,
            sandbox: parts.sandbox,
            durability: parts.durability,
            observe: parts.observe,
            on_panic: parts.on_panic,
        };
        Arc::new(Self {
            edge: Arc::new(Edge::new(edge_parts, settings)),
            service: parts.service,
        })
    }

    /// The service a listener drives; for hyper, wrap it in
    /// [`hyper_util::service::TowerToHyperService`].
    pub fn service<B: RequestBody>(self: &Arc<Self>, surface: Surface) -> ApiService<B> {
        let api = Arc::clone(self);
        let endpoint = stack::shared(move |call: Call| {
            let api = Arc::clone(&api);
            async move {
                match call {
                    Call::Edge(call) => api.edge.answer(call).await,
                    Call::Service(call) => ask(&api.service, call).await,
                }
            }
        });
        stack::inbound(&self.edge, surface, endpoint)
    }
}

/// Asks the service what the endpoint promises. Everything about the caller,
/// the body and the deadline has been settled by the stack.
async fn ask(service: &Service, call: ServiceCall) -> Result<Reply, Problem> {
    match call {
        ServiceCall::Tenant(caller, endpoint, asked) => {
            let (caller, asked) = (&caller, &asked);
            match endpoint {
                TenantEndpoint::Start => verifications::start(service, caller, asked).await,
                TenantEndpoint::List => verifications::list(service, caller, asked).await,
                TenantEndpoint::Get => verifications::get(service, caller, asked).await,
                TenantEndpoint::Cancel => verifications::cancel(service, caller, asked).await,
                TenantEndpoint::Check => verifications::check(service, caller, asked).await,
                TenantEndpoint::Resend => verifications::resend(service, caller, asked).await,
                TenantEndpoint::Outcome => verifications::outcome(service, caller, asked).await,
                TenantEndpoint::Deliver => deliveries::deliver(service, caller, asked).await,
                TenantEndpoint::GetDelivery => deliveries::get(service, caller, asked).await,
                TenantEndpoint::DeliveryOutcome => {
                    deliveries::outcome(service, caller, asked).await
                }
                TenantEndpoint::Lookup => numbers::lookup(service, caller, asked).await,
                TenantEndpoint::Explain => numbers::explain(service, caller, asked).await,
                TenantEndpoint::Inbound => inbound::receive(service, caller, asked).await,
            }
        }
        ServiceCall::Operator(operator, endpoint, asked) => match endpoint {
            OperatorEndpoint::LiftFailures => {
                admin::lift_failures(service, &operator, &asked).await
            }
            OperatorEndpoint::ReplayWebhooks => webhooks::replay(service, &operator, &asked).await,
            OperatorEndpoint::Routes => routes::list(service, &operator, &asked).await,
            OperatorEndpoint::Recovery(duty) => {
                let ask = recovery::read(duty, &asked)?;
                recovery::answer(service, &operator, ask).await
            }
        },
        ServiceCall::Subject(presented, endpoint, asked) => {
            subjects::answer(service, (presented, endpoint), &asked).await
        }
        ServiceCall::Entra(caller, asked) => Ok(entra::send_otp(service, &caller, &asked).await),
    }
}

impl Edge {
    /// Renders the documentation once, so that serving it costs nothing.
    fn new(parts: EdgeParts, settings: ApiSettings) -> Self {
        Self {
            in_flight: InFlight::new(settings.in_flight_max),
            docs_page: Bytes::from(docs::page()),
            parts,
            settings,
        }
    }

    async fn answer(&self, call: EdgeCall) -> Result<Reply, Problem> {
        match call {
            EdgeCall::Open(Page::OpenApi) => Ok(openapi::reply()),
            EdgeCall::Open(Page::Docs) => Ok(docs::reply(self.docs_page.clone())),
            EdgeCall::Provider(endpoint, asked) => {
                let public_url = &self.settings.public_url;
                let sink = self.parts.receipts.as_ref();
                match endpoint {
                    ProviderEndpoint::Receipt => receipts::receive(sink, public_url, asked).await,
                    ProviderEndpoint::Call => receipts::answer(sink, public_url, asked).await,
                }
            }
            EdgeCall::SandboxMessages(caller, asked) => {
                sandbox::messages(self.parts.sandbox.as_deref(), &caller, &asked)
            }
        }
    }
}
