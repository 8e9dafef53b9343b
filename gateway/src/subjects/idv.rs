//! Statements of providers who prove identities: believed if a configured issuer
//! has signed them for this gateway and this subject a short while ago.

#[cfg(test)]
mod tests;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;

use super::policy::{IdvAlgorithm, IdvIssuer};
use crate::keys::first;

/// Whom a statement must be made for.
pub const AUDIENCE: &str = "watchword";

/// No statement lives longer.
const LIFETIME_MAX_S: u64 = 600;
/// The issuer's clock may be ahead of ours.
const CLOCKS_APART_MAX_S: u64 = 60;
/// A statement with a certificate chain and claims of its own has room.
const STATEMENT_BYTES_MAX: usize = 8 * 1024;

/// Why a statement proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdvError {
    #[error("no configured issuer has signed this statement")]
    UnknownIssuer,
    #[error("the statement is made for somebody else than this gateway")]
    OtherAudience,
    #[error("the statement is about another subject")]
    OtherSubject,
    /// Over, not begun, or living longer than any may.
    #[error("the statement is not fresh")]
    NotFresh,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    iat: u64,
    exp: u64,
    nbf: Option<u64>,
    jti: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn is_ours(&self) -> bool {
        match self {
            Self::One(name) => name == AUDIENCE,
            Self::Several(names) => names.iter().any(|name| name == AUDIENCE),
        }
    }
}

/// Verifies a statement; answers what names it, so that it counts once.
///
/// # Errors
///
/// [`IdvError`]: it proves nothing.
pub fn verify(
    issuers: &[IdvIssuer],
    assertion: &str,
    subject: &str,
    now_s: u64,
) -> Result<[u8; 16], IdvError> {
    let claims = signed_claims(issuers, assertion).ok_or(IdvError::UnknownIssuer)?;
    if !claims.aud.is_ours() {
        return Err(IdvError::OtherAudience);
    }
    if claims.sub != subject {
        return Err(IdvError::OtherSubject);
    }
    if !is_fresh(&claims, now_s) {
        return Err(IdvError::NotFresh);
    }
    Ok(name_of(&claims, assertion))
}

/// Whether a configured key is one of its algorithm.
pub fn is_usable(issuer: &IdvIssuer) -> bool {
    let Some(der) = public_key(issuer) else {
        return false;
    };
    let key = match issuer.algorithm {
        IdvAlgorithm::Es256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &der),
        IdvAlgorithm::EdDsa => ParsedPublicKey::new(&ED25519, &der),
        IdvAlgorithm::Rs256 => ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der),
    };
    key.is_ok()
}

/// What a statement claims, if one of the issuers has signed it and says so.
fn signed_claims(issuers: &[IdvIssuer], assertion: &str) -> Option<Claims> {
    if assertion.len() > STATEMENT_BYTES_MAX {
        return None;
    }
    // An extension that must be understood is not: there are none that we know.
    let header = jsonwebtoken::decode_header(assertion).ok()?;
    if header.crit.is_some() {
        return None;
    }
    issuers.iter().find_map(|issuer| {
        let (algorithm, key) = decoding_key(issuer)?;
        let mut validation = Validation::new(algorithm);
        // The library would take the time from the machine, and cannot say which
        // claim it did not like.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let decoded = jsonwebtoken::decode::<Claims>(assertion, &key, &validation);
        let claims = decoded.ok()?.claims;
        (claims.iss == issuer.issuer).then_some(claims)
    })
}

fn decoding_key(issuer: &IdvIssuer) -> Option<(Algorithm, DecodingKey)> {
    let der = public_key(issuer)?;
    Some(match issuer.algorithm {
        IdvAlgorithm::Es256 => (Algorithm::ES256, DecodingKey::from_ec_der(&der)),
        IdvAlgorithm::EdDsa => (Algorithm::EdDSA, DecodingKey::from_ed_der(&der)),
        IdvAlgorithm::Rs256 => (Algorithm::RS256, DecodingKey::from_rsa_der(&der)),
    })
}

fn public_key(issuer: &IdvIssuer) -> Option<SubjectPublicKeyInfoDer<'static>> {
    SubjectPublicKeyInfoDer::from_pem_slice(issuer.key_pem.as_bytes()).ok()
}

fn is_fresh(claims: &Claims, now_s: u64) -> bool {
    let begins_s = claims.nbf.unwrap_or(0).max(claims.iat);
    let lives_s = claims.exp.saturating_sub(claims.iat);
    begins_s <= now_s.saturating_add(CLOCKS_APART_MAX_S)
        && now_s < claims.exp
        && (1..=LIFETIME_MAX_S).contains(&lives_s)
}

/// By the issuer's own name for the statement, where it has one. Otherwise by
/// what was signed and never by the signature: of that there can be several.
fn name_of(claims: &Claims, assertion: &str) -> [u8; 16] {
    let signed = assertion.rsplit_once('.').map_or("", |(signed, _)| signed);
    let (kind, name) = match &claims.jti {
        Some(jti) => ("jti", jti.as_str()),
        None => ("signed", signed),
    };
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [kind, &claims.iss, name] {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        context.update(&length.to_be_bytes());
        context.update(part.as_bytes());
    }
    first(context.finish().as_ref())
}
