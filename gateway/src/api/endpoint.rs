//! The endpoint table: every method and path the main listener answers, what
//! it takes to use it, and how urgent it is. Also finds a request in it.

mod table;

use bytes::Bytes;
use http::Method;
use http::request::Parts;

pub(super) use table::ENDPOINTS;

use super::Surface;
use super::codes;
use super::entra::EntraCaller;
use super::problem::Problem;
use super::subjects::{Presented, SubjectEndpoint, Who};
use crate::tenants::{Caller, Operator, Scope};

/// One line of the table.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub method: Method,
    /// `{name}` stands for one segment.
    pub pattern: &'static str,
    /// Its name in the OpenAPI document, in logs and in metrics.
    pub name: &'static str,
    pub target: Target,
    pub class: Class,
}

/// Who may use an endpoint, and which it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// Anybody.
    Open(Page),
    /// A tenant's API key with this scope.
    Tenant(Scope, TenantEndpoint),
    /// The simulated handset, for a tenant's API key with this scope.
    Sandbox(Scope),
    Operator(OperatorEndpoint),
    /// A subject of the tenant's own, or of the tenant that an operator names.
    Subject(Who, SubjectEndpoint),
    /// A provider: the receipt sink believes it or not.
    Provider(ProviderEndpoint),
    /// Microsoft Entra, by a token of a configured directory.
    Entra,
}

/// Whose words an endpoint answers in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    Own,
    Entra,
}

impl Endpoint {
    fn face(&self) -> Face {
        match self.target {
            Target::Entra => Face::Entra,
            Target::Open(_)
            | Target::Tenant(..)
            | Target::Sandbox(_)
            | Target::Operator(_)
            | Target::Subject(..)
            | Target::Provider(_) => Face::Own,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Page {
    OpenApi,
    Docs,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum TenantEndpoint {
    Start,
    List,
    Get,
    Cancel,
    Check,
    Resend,
    Outcome,
    Deliver,
    GetDelivery,
    DeliveryOutcome,
    Lookup,
    Explain,
    Inbound,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum ProviderEndpoint {
    Receipt,
    Call,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum OperatorEndpoint {
    LiftFailures,
    ReplayWebhooks,
    Routes,
    Recovery(RecoveryDuty),
}

/// What keeps recovery possible, whoever is on leave.
#[derive(Clone, Copy, Debug)]
pub(super) enum RecoveryDuty {
    Readiness,
    Drill,
    NewSealedCode,
    RemoveOperator,
}

/// How urgent a request is when there is too much to do, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// A person waits with the code in hand; cancel and outcome end work.
    Check,
    /// Lost receipts cause sends.
    Receipt,
    Send,
    Resend,
    /// Can be asked again without harm.
    Read,
}

impl Class {
    #[cfg(test)]
    pub(super) const ALL: [Self; 5] = [
        Self::Check,
        Self::Receipt,
        Self::Send,
        Self::Resend,
        Self::Read,
    ];
}

impl Surface {
    fn includes(self, endpoint: &Endpoint) -> bool {
        match self {
            Self::All => true,
            Self::Receipts => match endpoint.target {
                Target::Provider(_) => true,
                Target::Open(_)
                | Target::Tenant(..)
                | Target::Sandbox(_)
                | Target::Operator(_)
                | Target::Subject(..)
                | Target::Entra => false,
            },
        }
    }
}

/// What the `{..}` segments of a path held, in their order: at most two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    pub first: Box<str>,
    pub second: Option<Box<str>>,
}

/// A request whose endpoint is known.
pub(super) struct Matched<B> {
    pub endpoint: &'static Endpoint,
    pub parameters: Parameters,
    pub head: Parts,
    pub body: B,
}

/// A request whose endpoint and caller are known, its body not yet read.
pub(super) struct Admitted<B> {
    pub endpoint: &'static Endpoint,
    pub identity: Identity,
    pub asked: Asked<B>,
}

/// Who asks, as far as the endpoint wants to know.
pub(super) enum Identity {
    Nobody(Page),
    Tenant(Caller, TenantEndpoint),
    Sandbox(Caller),
    Operator(Operator, OperatorEndpoint),
    Subject(Presented, SubjectEndpoint),
    Provider(ProviderEndpoint),
    Entra(EntraCaller),
}

/// What is asked: the request without what the stack has used up.
pub(super) struct Asked<B = Bytes> {
    pub parameters: Parameters,
    pub head: Parts,
    pub body: B,
}

/// A request that only has to be answered.
pub(super) enum Call {
    /// The edge knows the answer, or whom to hand it to.
    Edge(EdgeCall),
    /// The service has to be asked.
    Service(ServiceCall),
}

pub(super) enum EdgeCall {
    Open(Page),
    Provider(ProviderEndpoint, Asked),
    SandboxMessages(Caller, Asked),
}

pub(super) enum ServiceCall {
    Tenant(Caller, TenantEndpoint, Asked),
    Operator(Operator, OperatorEndpoint, Asked),
    Subject(Presented, SubjectEndpoint, Asked),
    Entra(EntraCaller, Asked),
}

impl Call {
    pub(super) fn new(identity: Identity, asked: Asked) -> Self {
        match identity {
            Identity::Nobody(page) => Self::Edge(EdgeCall::Open(page)),
            Identity::Provider(endpoint) => Self::Edge(EdgeCall::Provider(endpoint, asked)),
            Identity::Sandbox(caller) => Self::Edge(EdgeCall::SandboxMessages(caller, asked)),
            Identity::Tenant(caller, endpoint) => {
                Self::Service(ServiceCall::Tenant(caller, endpoint, asked))
            }
            Identity::Operator(operator, endpoint) => {
                Self::Service(ServiceCall::Operator(operator, endpoint, asked))
            }
            Identity::Subject(presented, endpoint) => {
                Self::Service(ServiceCall::Subject(presented, endpoint, asked))
            }
            Identity::Entra(caller) => Self::Service(ServiceCall::Entra(caller, asked)),
        }
    }
}

/// In whose words a path is answered; in ours where nothing is.
pub(super) fn face(found: Option<&Endpoint>, path: &str) -> Face {
    let of_path = || ENDPOINTS.iter().find(|line| line.pattern == path);
    found.or_else(of_path).map_or(Face::Own, Endpoint::face)
}

/// The endpoint for a method and path, `HEAD` being answered like `GET`.
///
/// # Errors
///
/// 404 for an unknown path, 405 with `Allow` for an unknown method.
pub(super) fn find(
    surface: Surface,
    method: &Method,
    path: &str,
) -> Result<(&'static Endpoint, Parameters), Problem> {
    let wanted = if method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    let mut allowed = String::new();
    for endpoint in ENDPOINTS.iter().filter(|line| surface.includes(line)) {
        let Some(parameters) = captured(endpoint.pattern, path) else {
            continue;
        };
        if endpoint.method == wanted {
            return Ok((endpoint, parameters));
        }
        allow(&mut allowed, &endpoint.method);
    }
    Err(if allowed.is_empty() {
        Problem::new(&codes::NOT_FOUND)
    } else {
        Problem::new(&codes::METHOD_NOT_ALLOWED).with_allow(allowed)
    })
}

fn allow(allowed: &mut String, method: &Method) {
    if !allowed.is_empty() {
        allowed.push_str(", ");
    }
    allowed.push_str(method.as_str());
    if method == Method::GET {
        allowed.push_str(", HEAD");
    }
}

/// Nothing an endpoint takes in its path is longer: a subject has 128 characters at
/// most, each of four bytes at most, which are written as three.
const SEGMENT_BYTES_MAX: usize = 128 * 4 * 3;

fn captured(pattern: &str, path: &str) -> Option<Parameters> {
    let mut parameters = Parameters::default();
    let mut segments = path.split('/');
    for wanted in pattern.split('/') {
        let segment = segments.next()?;
        if !wanted.starts_with('{') {
            (segment == wanted).then_some(())?;
            continue;
        }
        (1..=SEGMENT_BYTES_MAX)
            .contains(&segment.len())
            .then_some(())?;
        if parameters.first.is_empty() {
            parameters.first = segment.into();
        } else {
            parameters.second = Some(segment.into());
        }
    }
    segments.next().is_none().then_some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &Method, path: &str) -> Option<(&'static str, Parameters)> {
        let (endpoint, parameters) = find(Surface::All, method, path).ok()?;
        Some((endpoint.name, parameters))
    }

    #[test]
    fn a_path_is_found_with_what_it_carries() {
        let (name, parameters) = found(&Method::POST, "/v1/receipts/hook-a/abc").unwrap();
        assert_eq!(name, "receive_receipt");
        assert_eq!(&*parameters.first, "hook-a");
        assert_eq!(parameters.second.as_deref(), Some("abc"));
        let (name, parameters) = found(&Method::GET, "/v1/verifications/vrf_1").unwrap();
        assert_eq!((name, &*parameters.first), ("get_verification", "vrf_1"));
    }

    #[test]
    fn head_finds_what_get_finds() {
        assert_eq!(found(&Method::HEAD, "/docs").unwrap().0, "get_docs");
        assert!(found(&Method::HEAD, "/v1/explain").is_none());
    }

    #[test]
    fn a_path_has_one_spelling() {
        for path in [
            "",
            "/",
            "v1/verifications",
            "/v1/verifications/",
            "/v1//verifications",
            "/V1/verifications",
            "/v1/verifications/x/check/",
            "/v1/verifications/x/y",
            "/v1/receipts",
            "/v1/receipts/",
            "/v1/receipts/a/b/c",
            "/v1/deliveries",
        ] {
            assert!(found(&Method::GET, path).is_none(), "{path:?}");
        }
        let long = format!("/v1/verifications/{}", "x".repeat(SEGMENT_BYTES_MAX + 1));
        assert!(found(&Method::GET, &long).is_none());
    }

    #[test]
    fn the_receipts_listener_serves_receipts_alone() {
        let receipts = |path| find(Surface::Receipts, &Method::POST, path).is_ok();
        assert!(receipts("/v1/receipts/hook-a/abc"));
        assert!(!receipts("/v1/verifications"));
    }

    #[test]
    fn no_two_lines_answer_the_same_request() {
        for (index, line) in ENDPOINTS.iter().enumerate() {
            let twin = |other: &Endpoint| {
                other.name == line.name
                    || (other.method == line.method && other.pattern == line.pattern)
            };
            assert!(!ENDPOINTS.iter().skip(index + 1).any(twin), "{}", line.name);
        }
    }
}
