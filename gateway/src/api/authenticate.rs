//! Who asks: an API key or an operator's credential, found by its digest; for
//! providers, whether the reference in the path is one of ours.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use tokio::time::Instant;
use tower::ServiceExt;

use super::codes;
use super::endpoint::{Admitted, Asked, Identity, Matched, ProviderEndpoint, Target};
use super::entra::EntraCaller;
use super::problem::Problem;
use super::stack::{Stage, shared};
use super::subjects::{Presented, Who};
use super::{Edge, RequestBody};
use crate::entra::EntraDirectory;
use crate::entra::token::TokenRefusal;
use crate::tenants::{Caller, Operator, Scope};

/// Knows the credentials in force, by the SHA-256 of each.
#[async_trait]
pub trait Directory: Send + Sync {
    fn caller(&self, digest: &[u8; 32]) -> Option<Caller>;
    fn operator(&self, digest: &[u8; 32]) -> Option<Operator>;

    /// Whom a token of Microsoft Entra lets in: nobody, unless its directories
    /// are known too.
    async fn entra(&self, _bearer: Option<&str>) -> Result<Arc<EntraDirectory>, TokenRefusal> {
        Err(TokenRefusal::Unconfigured)
    }
}

/// Whom each credential belongs to: the map a [`Directory`] is made of.
///
/// The map is looked up by half of the digest; the other half is compared in
/// constant time. Timing could at best tell a part of the digest of what was
/// sent, and nothing of the key.
pub struct Credentials<T> {
    by_prefix: HashMap<[u8; 16], Vec<([u8; 32], T)>>,
}

impl<T: Clone> Credentials<T> {
    pub fn new(credentials: impl IntoIterator<Item = ([u8; 32], T)>) -> Self {
        let mut by_prefix: HashMap<_, Vec<_>> = HashMap::new();
        for (digest, owner) in credentials {
            by_prefix
                .entry(prefix(&digest))
                .or_default()
                .push((digest, owner));
        }
        Self { by_prefix }
    }

    pub fn find(&self, digest: &[u8; 32]) -> Option<T> {
        let candidates = self.by_prefix.get(&prefix(digest))?;
        candidates
            .iter()
            .find(|(known, _)| verify_slices_are_equal(known, digest).is_ok())
            .map(|(_, owner)| owner.clone())
    }
}

fn prefix(digest: &[u8; 32]) -> [u8; 16] {
    digest.first_chunk().copied().unwrap_or_default()
}

pub(super) fn authenticate<B, S>(edge: &Arc<Edge>, next: S) -> impl Stage<Matched<B>>
where
    B: RequestBody,
    S: Stage<Admitted<B>>,
{
    let edge = Arc::clone(edge);
    shared(move |request: Matched<B>| {
        let identified = identify(&edge, &request);
        let next = next.clone();
        async move {
            let identity = match identified? {
                Identified::Known(identity) => identity,
                Identified::Entra(bearer) => bearer.admitted().await?,
            };
            let admitted = Admitted {
                identity,
                endpoint: request.endpoint,
                asked: Asked {
                    parameters: request.parameters,
                    head: request.head,
                    body: request.body,
                },
            };
            next.oneshot(admitted).await
        }
    })
}

/// How far a look at the head alone has come.
enum Identified {
    Known(Identity),
    /// The issuer of the token may have to be asked.
    Entra(EntraBearer),
}

struct EntraBearer {
    directory: Arc<dyn Directory>,
    token: Option<Box<str>>,
    received_at: Instant,
}

impl EntraBearer {
    async fn admitted(self) -> Result<Identity, Problem> {
        let directory = self.directory.entra(self.token.as_deref()).await?;
        Ok(Identity::Entra(EntraCaller {
            directory,
            received_at: self.received_at,
        }))
    }
}

fn identify<B>(edge: &Edge, request: &Matched<B>) -> Result<Identified, Problem> {
    if let Target::Entra = request.endpoint.target {
        return Ok(Identified::Entra(EntraBearer {
            directory: Arc::clone(&edge.parts.directory),
            token: bearer(&request.head.headers).map(Box::from),
            received_at: Instant::now(),
        }));
    }
    known(edge, request).map(Identified::Known)
}

fn known<B>(edge: &Edge, request: &Matched<B>) -> Result<Identity, Problem> {
    let directory = &edge.parts.directory;
    let credential = || bearer_digest(&request.head.headers);
    let unauthorized = || Problem::new(&codes::UNAUTHORIZED);
    let tenant_with = |scope| {
        let caller = credential()
            .and_then(|digest| directory.caller(&digest))
            .ok_or_else(unauthorized)?;
        let is_allowed = caller.scopes.contains(scope);
        is_allowed
            .then_some(caller)
            .ok_or_else(|| Problem::new(&codes::SCOPE_MISSING))
    };
    match request.endpoint.target {
        Target::Open(page) => Ok(Identity::Nobody(page)),
        Target::Tenant(scope, endpoint) => {
            tenant_with(scope).map(|caller| Identity::Tenant(caller, endpoint))
        }
        Target::Sandbox(scope) => tenant_with(scope).map(Identity::Sandbox),
        Target::Operator(endpoint) => credential()
            .and_then(|digest| directory.operator(&digest))
            .map(|operator| Identity::Operator(operator, endpoint))
            .ok_or_else(unauthorized),
        Target::Subject(who, endpoint) => {
            let as_operator = || credential().and_then(|digest| directory.operator(&digest));
            let presented = match who {
                Who::Tenant => tenant_with(Scope::Subjects).map(Presented::Tenant),
                Who::Operator => as_operator()
                    .map(Presented::Operator)
                    .ok_or_else(unauthorized),
                // Where one credential is both, the tenant's own needs no name.
                Who::Either => tenant_with(Scope::Subjects)
                    .map(Presented::Tenant)
                    .or_else(|problem| as_operator().map(Presented::Operator).ok_or(problem)),
            };
            presented.map(|presented| Identity::Subject(presented, endpoint))
        }
        Target::Provider(endpoint) => {
            let provider = &request.parameters.first;
            let reference = request.parameters.second.as_deref();
            // Before the body: a stranger must not make us read one.
            let sink = &edge.parts.receipts;
            match (endpoint, reference) {
                (ProviderEndpoint::Call, Some(reference)) => {
                    sink.admits_call(provider, reference)?;
                }
                (ProviderEndpoint::Receipt | ProviderEndpoint::Call, _) => {
                    sink.admits(provider, reference)?;
                }
            }
            Ok(Identity::Provider(endpoint))
        }
        // By its token, which `identify` has taken.
        Target::Entra => Err(unauthorized()),
    }
}

/// Longer ones are nobody's and not worth a hash.
const CREDENTIAL_BYTES_MAX: usize = 512;

/// The digest of `Authorization: Bearer <credential>`; `None` if there is not
/// exactly one such header.
fn bearer_digest(headers: &HeaderMap) -> Option<[u8; 32]> {
    let credential = bearer(headers)?;
    (credential.len() <= CREDENTIAL_BYTES_MAX).then_some(())?;
    digest(&SHA256, credential.as_bytes())
        .as_ref()
        .try_into()
        .ok()
}

/// What stands behind `Authorization: Bearer`, if exactly one such header does.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.as_bytes();
    values.next().is_none().then_some(())?;
    let (scheme, credential) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(())?;
    let is_visible = !credential.is_empty() && credential.iter().all(u8::is_ascii_graphic);
    is_visible
        .then(|| str::from_utf8(credential).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_one_well_formed_bearer_credential_is_looked_at() {
        let expected: [u8; 32] = digest(&SHA256, b"k1").as_ref().try_into().unwrap();
        for good in ["Bearer k1", "bearer k1", "BEARER k1"] {
            assert_eq!(bearer_digest(&headers(&[good])), Some(expected));
        }
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer  k1",
            "Bearer k1 k2",
            "Basic k1",
            "k1",
        ] {
            assert_eq!(bearer_digest(&headers(&[bad])), None, "{bad:?}");
        }
        assert_eq!(bearer_digest(&headers(&[])), None);
        assert_eq!(bearer_digest(&headers(&["Bearer k1", "Bearer k1"])), None);
    }

    #[test]
    fn a_digest_that_differs_only_in_its_end_finds_nobody() {
        let mut digest = [7; 32];
        let credentials = Credentials::new([(digest, "one")]);
        assert_eq!(credentials.find(&digest), Some("one"));
        digest[31] = 8;
        assert_eq!(credentials.find(&digest), None);
        let both = Credentials::new([([7; 32], "one"), (digest, "two")]);
        assert_eq!(both.find(&digest), Some("two"));
    }
}
