//! What the tenant writes to the API, and what it reads from the answers.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;
use serde::Deserialize;

use crate::handset::Code;
use crate::people::Number;
use crate::scenario::ChannelName;
use crate::sends::DeliveryKey;
use crate::target::Endpoint;
use crate::tenant::connection::Protocol;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Makes requests under one API key.
pub(crate) struct Requests {
    authorization: HeaderValue,
    protocol: Protocol,
    /// That a start is answered only when a provider has answered.
    prefer: Option<HeaderValue>,
}

impl Requests {
    pub(crate) fn new(
        api_key: &str,
        protocol: Protocol,
        wait_s: Option<u8>,
    ) -> anyhow::Result<Self> {
        let prefer = wait_s.map(|wait_s| HeaderValue::from_str(&format!("wait={wait_s}")));
        let authorization = HeaderValue::from_str(&format!("Bearer {api_key}"));
        let mut authorization =
            authorization.context("the API key holds characters that no header can carry")?;
        authorization.set_sensitive(true);
        Ok(Self {
            authorization,
            protocol,
            prefer: prefer.transpose()?,
        })
    }

    /// Starts a verification.
    pub(crate) fn start(
        &self,
        endpoint: &Endpoint,
        (number, channel, address): (Number, ChannelName, Ipv4Addr),
        idempotency_key: Option<&str>,
    ) -> Request<Full<Bytes>> {
        let mut body = String::with_capacity(96);
        let channel = channel.as_str();
        write!(
            body,
            r#"{{"to":"+{}","channel":"{channel}","client":{{"ip":"{address}"}}}}"#,
            number.0
        )
        .expect("writing to a string cannot fail");
        let mut request = self.post(endpoint, "/v1/verifications", body, idempotency_key);
        if let Some(prefer) = &self.prefer {
            request.headers_mut().insert(PREFER, prefer.clone());
        }
        request
    }

    pub(crate) fn resend(
        &self,
        endpoint: &Endpoint,
        verification: &str,
        idempotency_key: Option<&str>,
    ) -> Request<Full<Bytes>> {
        let path = format!("/v1/verifications/{verification}/resend");
        self.post(endpoint, &path, "{}".to_owned(), idempotency_key)
    }

    pub(crate) fn check(
        &self,
        endpoint: &Endpoint,
        verification: &str,
        (code, address): (Code, Ipv4Addr),
    ) -> Request<Full<Bytes>> {
        let path = format!("/v1/verifications/{verification}/check");
        let code = code.expose();
        let body = format!(r#"{{"code":"{code}","client":{{"ip":"{address}"}}}}"#);
        self.post(endpoint, &path, body, None)
    }

    pub(crate) fn get(&self, endpoint: &Endpoint, path: &str) -> Request<Full<Bytes>> {
        self.request(endpoint, (Method::GET, path), Bytes::new())
    }

    fn post(
        &self,
        endpoint: &Endpoint,
        path: &str,
        body: String,
        idempotency_key: Option<&str>,
    ) -> Request<Full<Bytes>> {
        let mut request = self.request(endpoint, (Method::POST, path), body.into());
        let headers = request.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        if let Some(Ok(key)) = idempotency_key.map(HeaderValue::from_str) {
            headers.insert(IDEMPOTENCY_KEY, key);
        }
        request
    }

    fn request(
        &self,
        endpoint: &Endpoint,
        (method, path): (Method, &str),
        body: Bytes,
    ) -> Request<Full<Bytes>> {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::AUTHORIZATION, self.authorization.clone());
        let uri = match self.protocol {
            Protocol::Http1 => {
                headers.insert(header::HOST, endpoint.authority.clone());
                path.parse()
            }
            Protocol::Http2 => format!("{}{path}", endpoint.url).parse(),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        // An id that breaks the path came from the target; it gets the 404 it asked for.
        *request.uri_mut() = uri.unwrap_or_else(|_| Uri::from_static("/"));
        *request.headers_mut() = headers;
        request
    }
}

/// As much of a verification as the tester reads.
#[derive(Deserialize)]
pub(crate) struct Verification<'a> {
    pub(crate) id: &'a str,
    pub(crate) status: &'a str,
    #[serde(borrow, default)]
    pub(crate) deliveries: Vec<Delivery<'a>>,
}

#[derive(Deserialize)]
pub(crate) struct Delivery<'a> {
    pub(crate) id: &'a str,
    pub(crate) status: &'a str,
}

impl<'a> Verification<'a> {
    pub(crate) fn read(body: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// The delivery that a start or resend has just made.
    pub(crate) fn newest_delivery(&self) -> DeliveryKey {
        let newest = self.deliveries.last();
        newest.map_or_else(DeliveryKey::default, |delivery| {
            DeliveryKey::of(delivery.id)
        })
    }
}

/// The stable word of a refusal, or its status alone.
pub(crate) fn refusal(status: u16, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Problem<'a> {
        code: &'a str,
    }

    let is_word = |code: &str| {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        !code.is_empty() && code.len() <= 40 && code.bytes().all(is_plain)
    };
    match serde_json::from_slice(body) {
        Ok(Problem { code }) if is_word(code) => format!("{status} {code}"),
        Ok(_) | Err(_) => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_named_by_status_and_word_and_by_nothing_else_that_came() {
        assert_eq!(
            refusal(429, br#"{"code":"send_limit","x":1}"#),
            "429 send_limit"
        );
        for body in [
            &b"<html>"[..],
            br#"{"code":"+14155550123 "}"#,
            br#"{"code":7}"#,
            b"",
        ] {
            assert_eq!(refusal(502, body), "502");
        }
    }

    #[test]
    fn the_newest_delivery_is_the_last() {
        let body = br#"{"id":"vrf_1","status":"pending","to":"+1","deliveries":[
            {"id":"dlv_1","status":"submitted"},{"id":"dlv_2","status":"queued"}]}"#;
        let verification = Verification::read(body).unwrap();
        assert!(verification.newest_delivery() == DeliveryKey::of("dlv_2"));
    }
}
