//! First of all of Entra's words: the bearer token that says who calls. Pure:
//! token, rules, key and time in, refusal or nothing out.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

/// Tokens of applications are a quarter of it.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
const KEY_ID_BYTES_MAX: usize = 256;

/// What a token must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRules {
    /// A GUID, in any case.
    pub directory: String,
    pub issuers: Vec<String>,
    /// Any of them.
    pub audiences: Vec<String>,
    /// Applications, by their GUIDs in any case.
    pub callers: Vec<String>,
    /// Any of them; empty: none is asked for.
    pub roles: Vec<String>,
    pub clock_skew_s: u64,
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    #[error("no directory is configured")]
    Unconfigured,
    #[error("not exactly one bearer token")]
    Missing,
    #[error("not a signed JSON web token")]
    Malformed,
    #[error("not signed by RS256")]
    Algorithm,
    #[error("of an issuer that is not configured")]
    Issuer,
    #[error("of a signing key that the issuer does not publish")]
    UnknownKey,
    #[error("the signature is wrong")]
    Signature,
    #[error("expired")]
    Expired,
    #[error("not valid yet")]
    NotYetValid,
    #[error("for another audience")]
    Audience,
    #[error("of another directory")]
    Directory,
    /// Genuine, but nobody we serve.
    #[error("of an application that is not listed")]
    Caller,
    /// As above.
    #[error("without a role that is asked for")]
    Role,
    /// Nothing is said about the token.
    #[error("the issuer's signing keys cannot be had")]
    KeysUnavailable,
}

impl TokenRefusal {
    /// The label in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unconfigured => "unconfigured",
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::Issuer => "issuer",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Audience => "audience",
            Self::Directory => "directory",
            Self::Caller => "caller",
            Self::Role => "role",
            Self::KeysUnavailable => "keys_unavailable",
        }
    }
}

/// A token before its signature is verified: what it says decides where to look,
/// and nothing else.
#[derive(Debug)]
pub struct Presented<'a> {
    token: &'a str,
    pub key_id: String,
    pub issuer: String,
}

#[derive(Deserialize)]
struct Issuer {
    iss: String,
}

/// Looks at a token without a key.
///
/// # Errors
///
/// [`TokenRefusal`] of what no key could make good.
pub fn read(token: &str) -> Result<Presented<'_>, TokenRefusal> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenRefusal::Malformed);
    }
    // An algorithm that the library does not know is none of ours either; keys
    // that the header brings along (`jwk`, `jku`, `x5c`, `x5u`) are not looked at.
    let header = jsonwebtoken::decode_header(token).map_err(|_| TokenRefusal::Malformed)?;
    if header.alg != Algorithm::RS256 {
        return Err(TokenRefusal::Algorithm);
    }
    // An extension that must be understood is not: there are none that we know.
    if header.crit.is_some() {
        return Err(TokenRefusal::Malformed);
    }
    let key_id = header.kid.ok_or(TokenRefusal::UnknownKey)?;
    if !(1..=KEY_ID_BYTES_MAX).contains(&key_id.len()) {
        return Err(TokenRefusal::UnknownKey);
    }
    let claims: Result<Issuer, _> = jsonwebtoken::dangerous::insecure_decode_claims(token);
    Ok(Presented {
        token,
        key_id,
        issuer: claims.map_err(|_| TokenRefusal::Malformed)?.iss,
    })
}

/// What is read of a token. A claim that stands there twice is refused.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: OneOrSeveral,
    exp: u64,
    nbf: Option<u64>,
    iat: Option<u64>,
    tid: Option<String>,
    ver: Option<String>,
    /// The caller in tokens of version 2.
    azp: Option<String>,
    /// The caller in tokens of version 1.
    appid: Option<String>,
    roles: Option<OneOrSeveral>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrSeveral {
    One(String),
    Several(Vec<String>),
}

impl OneOrSeveral {
    fn any(&self, is_good: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::One(text) => is_good(text),
            Self::Several(texts) => texts.iter().any(|text| is_good(text)),
        }
    }
}

impl Presented<'_> {
    /// Holds the token to the rules. The algorithm is ours, whatever it says.
    ///
    /// # Errors
    ///
    /// [`TokenRefusal`]: the first rule that it breaks, the signature before all.
    pub fn verify(
        &self,
        rules: &TokenRules,
        key: &DecodingKey,
        now_s: u64,
    ) -> Result<(), TokenRefusal> {
        let claims = self.signed_claims(key)?;
        let skew_s = rules.clock_skew_s;
        if now_s >= claims.exp.saturating_add(skew_s) {
            return Err(TokenRefusal::Expired);
        }
        let begins_s = claims.nbf.unwrap_or(0).max(claims.iat.unwrap_or(0));
        if begins_s > now_s.saturating_add(skew_s) {
            return Err(TokenRefusal::NotYetValid);
        }
        if !rules.issuers.contains(&claims.iss) {
            return Err(TokenRefusal::Issuer);
        }
        let mut audiences = rules.audiences.iter();
        if !audiences.any(|ours| claims.aud.any(|theirs| is_same_audience(ours, theirs))) {
            return Err(TokenRefusal::Audience);
        }
        let is_ours = |directory: &String| rules.directory.eq_ignore_ascii_case(directory);
        if !claims.tid.as_ref().is_some_and(is_ours) {
            return Err(TokenRefusal::Directory);
        }
        let caller = claims.caller().ok_or(TokenRefusal::Caller)?;
        let mut callers = rules.callers.iter();
        if !callers.any(|listed| listed.eq_ignore_ascii_case(caller)) {
            return Err(TokenRefusal::Caller);
        }
        let is_asked_for = |role: &str| rules.roles.iter().any(|asked| asked == role);
        let has_role = claims.roles.is_some_and(|roles| roles.any(is_asked_for));
        if rules.roles.is_empty() || has_role {
            Ok(())
        } else {
            Err(TokenRefusal::Role)
        }
    }

    fn signed_claims(&self, key: &DecodingKey) -> Result<Claims, TokenRefusal> {
        let mut validation = Validation::new(Algorithm::RS256);
        // The library would take the time from the machine, and cannot say which
        // claim it did not like.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let decoded = jsonwebtoken::decode::<Claims>(self.token, key, &validation);
        let decoded = decoded.map_err(|error| {
            if matches!(error.kind(), ErrorKind::Json(_)) {
                TokenRefusal::Malformed
            } else {
                TokenRefusal::Signature
            }
        })?;
        Ok(decoded.claims)
    }
}

impl Claims {
    /// The application, from the claim of the token's own version. Where a token
    /// does not tell its version, the claims that are there have to agree.
    fn caller(&self) -> Option<&String> {
        match self.ver.as_deref() {
            Some("1.0") => self.appid.as_ref(),
            Some("2.0") => self.azp.as_ref(),
            Some(_) => None,
            None => match (&self.azp, &self.appid) {
                (Some(azp), Some(appid)) => azp.eq_ignore_ascii_case(appid).then_some(azp),
                (one, other) => one.as_ref().or(other.as_ref()),
            },
        }
    }
}

/// An application id has no case; a URI has.
fn is_same_audience(ours: &str, theirs: &str) -> bool {
    ours == theirs || (is_guid(ours) && ours.eq_ignore_ascii_case(theirs))
}

/// Whether a text is a GUID in its usual form.
pub fn is_guid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    let is_hex = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(is_hex)
}

#[cfg(test)]
pub(crate) mod tests;
