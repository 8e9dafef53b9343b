//! What several providers' requests have in common.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::kind::ConnectError;
use crate::registry::checked_url;
use crate::{RequestError, Secret};

/// A POST with a JSON body.
pub(crate) fn post_json(
    url: &Uri,
    authorization: &HeaderValue,
    body: &impl Serialize,
) -> Result<Request<Bytes>, RequestError> {
    let body = serde_json::to_vec(body).map_err(|_| RequestError::Malformed)?;
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(header::AUTHORIZATION, authorization.clone());
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(post(url, headers, body.into()))
}

/// A POST with whatever headers and body.
pub(crate) fn post(url: &Uri, headers: HeaderMap, body: Bytes) -> Request<Bytes> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url.clone();
    *request.headers_mut() = headers;
    request
}

/// `Authorization: <scheme> <credential>`, kept out of every log. `key` names the
/// setting that the credential came from.
pub(crate) fn authorization(
    key: &'static str,
    scheme: &str,
    credential: &Secret,
) -> Result<HeaderValue, ConnectError> {
    let text = Zeroizing::new(format!("{scheme} {}", credential.expose()));
    let header = HeaderValue::try_from(&**text).ok();
    let mut header = header
        .filter(|_| !credential.expose().is_empty())
        .ok_or_else(|| ConnectError::setting(key, "must be visible characters"))?;
    header.set_sensitive(true);
    Ok(header)
}

/// `Authorization: Basic …`.
pub(crate) fn basic_authorization(
    key: &'static str,
    user: &str,
    password: &Secret,
) -> Result<HeaderValue, ConnectError> {
    let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
    authorization(key, "Basic", &Secret::from(STANDARD.encode(&*pair)))
}

/// A path below a base URL that came from the configuration, by the setting `key`.
pub(crate) fn url_below(
    key: &'static str,
    base_url: &Uri,
    path: &str,
) -> Result<Uri, ConnectError> {
    let base_url = checked_url(key, base_url.clone())?.to_string();
    let url = format!("{}{path}", base_url.trim_end_matches('/'));
    url.parse()
        .map_err(|_| ConnectError::setting(key, "must be a URL"))
}

/// Whether a text can stand in the path of a URL as it is.
pub(crate) fn is_path_segment(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !text.is_empty() && text.bytes().all(fits)
}

/// The same, as the form of a setting.
pub(crate) fn path_segment(text: &str) -> Result<(), &'static str> {
    is_path_segment(text)
        .then_some(())
        .ok_or("must be letters, digits, _ and -")
}

/// A time as providers write it: `2023-11-14T22:13:20.000Z`.
pub(crate) fn rfc3339_ms(ms: u64) -> Result<String, RequestError> {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map(|time| format!("{time:.3}"))
        .ok_or(RequestError::Malformed)
}

/// A time in a receipt, in ms since the Unix epoch; `None` if it is none.
pub(crate) fn parse_time_ms(text: &str) -> Option<u64> {
    let time = text
        .parse::<jiff::Timestamp>()
        .or_else(|_| jiff::Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text))
        .ok()?;
    u64::try_from(time.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read() {
        let text = rfc3339_ms(1_700_000_000_000).unwrap();
        assert_eq!(text, "2023-11-14T22:13:20.000Z");
        assert_eq!(rfc3339_ms(u64::MAX), Err(RequestError::Malformed));
        for text in [
            "2023-11-14T22:13:20.000Z",
            "2023-11-14T22:13:20Z",
            "2023-11-14T22:13:20.000+0000",
            "2023-11-14T23:13:20+01:00",
        ] {
            assert_eq!(parse_time_ms(text), Some(1_700_000_000_000), "{text}");
        }
        for text in ["", "now", "1969-01-01T00:00:00Z"] {
            assert_eq!(parse_time_ms(text), None, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_a_header_or_a_path_is_refused() {
        assert!(authorization("key", "App", &"".into()).is_err());
        assert!(authorization("key", "App", &"a\nb".into()).is_err());
        assert!(is_path_segment("ab-1_c"));
        assert!(!is_path_segment("a/b") && !is_path_segment(""));
        let base = Uri::from_static("http://127.0.0.1:1/");
        assert_eq!(
            url_below("base_url", &base, "/a").unwrap(),
            "http://127.0.0.1:1/a"
        );
    }
}
