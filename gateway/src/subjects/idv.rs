//! Statements of providers who prove identities: believed if a configured issuer
//! has signed them for this gateway and this subject a short while ago.

use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;

use super::policy::{IdvAlgorithm, IdvIssuer};

/// Who a statement must be made for.
const AUDIENCE: &str = "watchword";
/// No statement may be good for longer, in seconds.
const LIFETIME_MAX_S: u64 = 600;
/// An issuer's clock may be ahead of ours by so much, in seconds.
const CLOCK_TOLERANCE_S: u64 = 60;
/// No honest statement is longer.
const ASSERTION_BYTES_MAX: usize = 8 * 1024;

/// Why a statement proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdvError {
    #[error("no configured issuer has made this statement, for us and this subject")]
    NotSigned,
    #[error("the statement is not fresh: over, made in the future, or good for too long")]
    NotFresh,
}

#[derive(Deserialize)]
struct Claims {
    iat: u64,
    exp: u64,
    nbf: Option<u64>,
}

/// Verifies a statement; answers what names it, so that it counts once.
///
/// # Errors
///
/// [`IdvError`].
pub fn verify(
    issuers: &[IdvIssuer],
    assertion: &str,
    subject: &str,
    now_s: u64,
) -> Result<[u8; 16], IdvError> {
    if assertion.len() > ASSERTION_BYTES_MAX {
        return Err(IdvError::NotSigned);
    }
    // Several entries of one issuer are its keys, old and new.
    let claims = issuers
        .iter()
        .find_map(|issuer| signed_by(issuer, assertion, subject))
        .ok_or(IdvError::NotSigned)?;
    if !claims.are_fresh(now_s) {
        return Err(IdvError::NotFresh);
    }
    name(assertion).ok_or(IdvError::NotSigned)
}

fn signed_by(issuer: &IdvIssuer, assertion: &str, subject: &str) -> Option<Claims> {
    let key = SubjectPublicKeyInfoDer::from_pem_slice(issuer.key_pem.as_bytes()).ok()?;
    let (algorithm, key) = match issuer.algorithm {
        IdvAlgorithm::Es256 => (Algorithm::ES256, DecodingKey::from_ec_der(&key)),
        IdvAlgorithm::EdDsa => (Algorithm::EdDSA, DecodingKey::from_ed_der(&key)),
        IdvAlgorithm::Rs256 => (Algorithm::RS256, DecodingKey::from_rsa_der(&key)),
    };
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims(&["iss", "aud", "sub"]);
    validation.set_issuer(&[&issuer.issuer]);
    validation.set_audience(&[AUDIENCE]);
    validation.sub = Some(subject.to_owned());
    // The library would ask the machine's clock: the store's time is what counts.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let decoded = decode::<Claims>(assertion, &key, &validation).ok()?;
    Some(decoded.claims)
}

impl Claims {
    fn are_fresh(&self, now_s: u64) -> bool {
        let latest_s = now_s.saturating_add(CLOCK_TOLERANCE_S);
        let has_begun = self.iat <= latest_s && self.nbf.is_none_or(|nbf| nbf <= latest_s);
        let lifetime_s = self.exp.checked_sub(self.iat);
        has_begun && self.exp > now_s && lifetime_s.is_some_and(|lived| lived <= LIFETIME_MAX_S)
    }
}

/// By what was signed, not by the signature: that can be written in several ways,
/// and each would be another statement.
fn name(assertion: &str) -> Option<[u8; 16]> {
    let (signed, _signature) = assertion.rsplit_once('.')?;
    let hash = digest(&SHA256, signed.as_bytes());
    hash.as_ref().first_chunk().copied()
}

#[cfg(test)]
mod tests;
