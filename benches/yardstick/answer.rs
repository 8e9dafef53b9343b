//! Answers with the bytes of the gateway's: the same headers, the same fields.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, LOCATION, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use jiff::Timestamp;
use serde::Serialize;

use super::server;
use super::submission::as_rfc3339;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const DURABILITY: HeaderName = HeaderName::from_static("watchword-durability");

/// What an answer tells of a verification.
pub(crate) struct Told<'a> {
    pub(crate) id: &'a str,
    pub(crate) status: &'a str,
    pub(crate) to: &'a str,
    pub(crate) channel: &'a str,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) delivery_status: &'a str,
    pub(crate) outcome: &'a str,
}

#[derive(Serialize)]
struct Verification<'a> {
    id: &'a str,
    status: &'a str,
    to: &'a str,
    channel: &'a str,
    purpose: &'a str,
    locale: &'a str,
    #[serde(serialize_with = "as_rfc3339")]
    created_at: Timestamp,
    #[serde(serialize_with = "as_rfc3339")]
    expires_at: Timestamp,
    checks_remaining: u8,
    sends_remaining: u8,
    next: Next,
    deliveries: [Delivery<'a>; 1],
}

#[derive(Serialize)]
struct Next {
    #[serde(serialize_with = "as_rfc3339")]
    sms_at: Timestamp,
    voice_at: Option<u64>,
    #[serde(serialize_with = "as_rfc3339")]
    check_at: Timestamp,
}

#[derive(Serialize)]
struct Delivery<'a> {
    id: &'a str,
    channel: &'a str,
    status: &'a str,
    #[serde(serialize_with = "as_rfc3339")]
    created_at: Timestamp,
    due: &'a str,
    #[serde(serialize_with = "as_rfc3339")]
    due_at: Timestamp,
    attempts: [Attempt<'a>; 1],
}

#[derive(Serialize)]
struct Attempt<'a> {
    attempt: u8,
    provider: &'a str,
    outcome: &'a str,
    #[serde(serialize_with = "as_rfc3339")]
    started_at: Timestamp,
}

/// The answer to a start that was accepted.
pub(crate) fn created(told: &Told<'_>) -> anyhow::Result<Response<Full<Bytes>>> {
    let mut response = shown(StatusCode::CREATED, told)?;
    let location = format!("/v1/verifications/{}", told.id);
    response
        .headers_mut()
        .insert(LOCATION, location.try_into()?);
    Ok(response)
}

/// The verification, with its headers.
pub(crate) fn shown(status: StatusCode, told: &Told<'_>) -> anyhow::Result<Response<Full<Bytes>>> {
    let verification = Verification {
        id: told.id,
        status: told.status,
        to: told.to,
        channel: told.channel,
        purpose: "sign_in",
        locale: "en",
        created_at: told.created_at,
        expires_at: told.expires_at,
        checks_remaining: 5,
        sends_remaining: 4,
        next: Next {
            sms_at: told.created_at,
            voice_at: None,
            check_at: told.created_at,
        },
        deliveries: [Delivery {
            id: told.id,
            channel: told.channel,
            status: told.delivery_status,
            created_at: told.created_at,
            due: "lease",
            due_at: told.created_at,
            attempts: [Attempt {
                attempt: 1,
                provider: "carrier",
                outcome: told.outcome,
                started_at: told.created_at,
            }],
        }],
    };
    let mut response = server::json(status, serde_json::to_vec(&verification)?);
    let headers = response.headers_mut();
    // As long as the gateway's, without a draw of its own.
    headers.insert(X_REQUEST_ID, HeaderValue::from_str(told.id)?);
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
        (DURABILITY, "redis-volatile"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    /// The gateway's answer to a start has 640 bytes.
    #[tokio::test]
    async fn an_answer_is_about_as_long_as_the_gateways() {
        let at = Timestamp::from_millisecond(1_795_346_862_029).unwrap();
        let told = Told {
            id: "vrf_0123456789abcdef0123456789abcdef",
            status: "pending",
            to: "+12012000001",
            channel: "sms",
            created_at: at,
            expires_at: at,
            delivery_status: "queued",
            outcome: "begun",
        };
        let response = created(&told).unwrap();
        assert_eq!(response.headers().len(), 6);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!((610..=670).contains(&body.len()), "{} bytes", body.len());
    }
}
