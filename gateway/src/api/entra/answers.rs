//! What Microsoft Entra is told, in the contract's shape: a status and a fixed
//! reason for everything that can come of a request.

use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use crate::api::answer::{Reply, with_type};
use crate::api::endpoint::Asked;
use crate::api::problem::Problem;
use crate::api::request_id::RequestId;
use crate::entra::envelope;
use crate::service::{ServiceError, WithinEnd};

const CORRELATION_ID: &str = "x-ms-correlation-id";

/// How the request and its sign-in are called.
pub(super) struct Names {
    pub(super) request: RequestId,
    /// Of Microsoft's, from the body or else the head.
    pub(super) correlation: Option<String>,
}

impl Names {
    pub(super) fn of(asked: &Asked) -> Self {
        let request = asked.head.extensions.get::<RequestId>().cloned();
        Self {
            request: request.unwrap_or_else(|| RequestId::of(&asked.head.headers)),
            correlation: correlation_of(&asked.head.headers),
        }
    }
}

/// The sign-in, as a request's head names it.
pub(in crate::api) fn correlation_of(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(CORRELATION_ID)?.to_str().ok()?;
    envelope::is_a_name(given).then(|| given.to_owned())
}

/// One line of the contract's table of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Why {
    pub(super) status: StatusCode,
    error: &'static str,
    reason: Option<&'static str>,
    /// The label in metrics.
    pub(super) result: &'static str,
    retry_after: Option<Duration>,
}

pub(super) const fn bad_request(reason: &'static str) -> Why {
    Why {
        status: StatusCode::BAD_REQUEST,
        error: "bad_request",
        reason: Some(reason),
        result: "bad_request",
        retry_after: None,
    }
}

const fn failed(status: StatusCode, reason: &'static str, result: &'static str) -> Why {
    Why {
        status,
        error: "delivery_failed",
        reason: Some(reason),
        result,
        retry_after: None,
    }
}

pub(super) const DECRYPTION_FAILED: Why = Why {
    status: StatusCode::BAD_REQUEST,
    error: "decryption_failed",
    reason: None,
    result: "decryption_failed",
    retry_after: None,
};

pub(super) const TIMED_OUT: Why = failed(
    StatusCode::GATEWAY_TIMEOUT,
    "no answer in time",
    "timed_out",
);

pub(super) fn ended_as(end: WithinEnd) -> Result<&'static str, Why> {
    let why = match end {
        WithinEnd::Accepted => return Ok("accepted"),
        WithinEnd::Blocked => failed(StatusCode::FORBIDDEN, "blocked", "blocked"),
        WithinEnd::Throttled => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            failed(status, "the provider takes no more now", "throttled")
        }
        WithinEnd::Credentials => {
            let status = StatusCode::UNAUTHORIZED;
            failed(
                status,
                "the provider refuses our credentials",
                "credentials",
            )
        }
        WithinEnd::Refused => {
            let status = StatusCode::BAD_REQUEST;
            failed(status, "the provider refuses the message", "refused")
        }
        WithinEnd::Unreachable => {
            let status = StatusCode::BAD_GATEWAY;
            failed(status, "no provider could be reached", "unreachable")
        }
        WithinEnd::TimedOut => TIMED_OUT,
    };
    Err(Why {
        retry_after: end.retry_after(),
        ..why
    })
}

pub(super) fn refused_as(error: &ServiceError) -> Why {
    let why = match error {
        ServiceError::Invalid { code, .. } => match *code {
            "premium_rate" | "shared_cost" | "personal_number" => {
                failed(StatusCode::FORBIDDEN, "destination not allowed", "blocked")
            }
            "not_reachable_by_sms" | "not_reachable_by_voice" => bad_request("unreachable channel"),
            "invalid_extension" | "extension_unsupported" => bad_request("unsupported extension"),
            _ => bad_request("invalid phoneNumber"),
        },
        ServiceError::Forbidden { .. } | ServiceError::Refused { .. } => {
            failed(StatusCode::FORBIDDEN, "destination not allowed", "blocked")
        }
        ServiceError::Limited { .. } => {
            failed(StatusCode::TOO_MANY_REQUESTS, "limit reached", "limited")
        }
        ServiceError::NoRoute { .. } => failed(StatusCode::BAD_GATEWAY, "no route", "no_route"),
        ServiceError::IdempotencyKeyReused => bad_request("x-ms-client-request-id reused"),
        ServiceError::Unavailable { .. } => failed(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "unavailable",
        ),
        ServiceError::IdempotencyInProgress => TIMED_OUT,
        // Of verifications, which a send-only delivery is not.
        ServiceError::CodeMismatch { .. }
        | ServiceError::NotPending { .. }
        | ServiceError::ResendTooLate
        | ServiceError::NotFound => failed(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal error",
            "internal",
        ),
    };
    Why {
        retry_after: error.retry_after(),
        ..why
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AcceptedJson<'a> {
    nonce: &'a str,
    correlation_id: &'a str,
    provider_status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RefusalJson<'a> {
    error: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    request_id: &'a str,
}

pub(super) fn accepted(names: &Names, nonce: &str) -> Reply {
    let request = names.request.as_str();
    written(
        StatusCode::OK,
        &AcceptedJson {
            nonce,
            correlation_id: names.correlation.as_deref().unwrap_or(request),
            provider_status: "accepted",
        },
    )
}

pub(super) fn refusal(names: &Names, why: Why) -> Reply {
    let mut reply = written(
        why.status,
        &RefusalJson {
            error: why.error,
            reason: why.reason,
            correlation_id: names.correlation.as_deref(),
            request_id: names.request.as_str(),
        },
    );
    if let Some(wait) = why.retry_after {
        // Zero would invite a client to ask again at once.
        let seconds = wait.as_millis().div_ceil(1_000).max(1);
        if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
            reply.headers_mut().insert(RETRY_AFTER, value);
        }
    }
    reply
}

/// What a layer of the stack says, in the contract's shape.
pub(in crate::api) fn in_face(
    problem: Problem,
    (request, correlation): (&RequestId, Option<&str>),
) -> Reply {
    let body = body(&RefusalJson {
        error: problem.code(),
        reason: None,
        correlation_id: correlation,
        request_id: request.as_str(),
    });
    problem.written_as("application/json", body)
}

fn written(status: StatusCode, content: &impl Serialize) -> Reply {
    with_type("application/json", status, body(content))
}

/// Texts alone: this always serialises.
fn body(content: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(content).unwrap_or_default())
}
