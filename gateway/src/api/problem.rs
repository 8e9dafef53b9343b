//! Problem documents (RFC 9457): the one place where what went wrong becomes a
//! status, a stable code and advice. Nothing a caller sent is repeated in one.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use watchword_providers::Channel;

use super::answer::{Reply, with_type};
use super::codes::{self, Code};
use super::request_id::RequestId;
use super::view::{OtherMethodJson, Time};
use crate::message::{Locale, not_sent};
use crate::service::ServiceError;
use crate::tenants::Tenant;
use crate::verification::Status;

/// What is wrong with a request, ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: Cow<'static, str>,
    /// Boxed, so that every `Result` on the way stays small.
    advice: Box<Advice>,
}

/// What a caller can do about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Advice {
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
    /// In whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    available_at: Option<Time>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alternatives: Vec<Channel>,
    /// Of the same subject, those that would do now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    methods: Vec<OtherMethodJson>,
    /// What the person may be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    neutral_text: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks_remaining: Option<u8>,
    /// The methods of the path, for the header `Allow` of a 405.
    #[serde(skip)]
    allow: Option<String>,
}

/// A problem in JSON.
#[derive(Serialize)]
pub(super) struct ProblemJson<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    #[serde(flatten)]
    advice: &'a Advice,
    /// Absent where the problem is a part of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

impl Problem {
    pub(super) fn new(code: &'static Code) -> Self {
        Self {
            status: code.status,
            code: code.code,
            title: code.title,
            detail: Cow::Borrowed(code.detail),
            advice: Box::default(),
        }
    }

    /// A code from within: documented ones bring their title and detail.
    fn named(code: &'static str, status: StatusCode) -> Self {
        codes::find(code).map_or_else(
            || Self {
                status,
                code,
                title: "Refused",
                detail: Cow::Borrowed("The request is refused."),
                advice: Box::default(),
            },
            |entry| Self {
                status,
                ..Self::new(entry)
            },
        )
    }

    /// Names the fields that there are: the one that was sent is not repeated.
    pub(super) fn unknown_field(known: &[&str]) -> Self {
        let mut problem = Self::new(&codes::UNKNOWN_FIELD);
        let there_are = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        problem.detail = Cow::Owned(format!("{} There are: {there_are}.", problem.detail));
        problem
    }

    pub(super) fn field(mut self, field: &'static str) -> Self {
        self.advice.field = Some(field);
        self
    }

    pub(super) fn retry_after_s(mut self, seconds: u64) -> Self {
        // Zero would invite a client to ask again at once.
        self.advice.retry_after = Some(seconds.max(1));
        self
    }

    /// Says what to show the person to whom nothing was sent, in the language asked
    /// for or else the tenant's.
    pub(super) fn for_person(mut self, tenant: &Tenant, asked: Option<&str>) -> Self {
        let asked = asked.and_then(|locale| Locale::parse(locale).ok());
        self.advice.neutral_text = Some(not_sent(asked.as_ref().unwrap_or(&tenant.locale)));
        self
    }

    pub(super) fn with_allow(mut self, methods: String) -> Self {
        self.advice.allow = Some(methods);
        self
    }

    fn detail(mut self, detail: &'static str) -> Self {
        self.detail = Cow::Borrowed(detail);
        self
    }

    fn alternatives(mut self, channels: Vec<Channel>) -> Self {
        self.advice.alternatives = channels;
        self
    }

    fn available_at(self, available_at_ms: u64, now_ms: u64) -> Self {
        let wait_s = available_at_ms.saturating_sub(now_ms).div_ceil(1000);
        let mut problem = self.retry_after_s(wait_s);
        problem.advice.available_at = Some(Time(available_at_ms));
        problem
    }

    pub(super) fn to_json<'a>(&'a self, request_id: Option<&'a str>) -> ProblemJson<'a> {
        ProblemJson {
            r#type: format!("/docs#{}", self.code),
            title: self.title,
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            advice: &self.advice,
            request_id,
        }
    }

    pub(super) fn into_reply(self, id: &RequestId) -> Reply {
        // Static texts, numbers and channel names: this always serialises.
        let body = serde_json::to_vec(&self.to_json(Some(id.as_str()))).unwrap_or_default();
        self.written_as("application/problem+json", Bytes::from(body))
    }

    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// With a body of a face's own, and the headers that go with the status.
    pub(super) fn written_as(self, content_type: &'static str, body: Bytes) -> Reply {
        let mut reply = with_type(content_type, self.status, body);
        let mut put = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                reply.headers_mut().insert(name, value);
            }
        };
        if let Some(seconds) = self.advice.retry_after {
            put(RETRY_AFTER, &seconds.to_string());
        }
        if let Some(methods) = &self.advice.allow {
            put(ALLOW, methods);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            put(WWW_AUTHENTICATE, "Bearer realm=\"watchword\"");
        }
        reply
    }
}

/// The one place where the service's refusals become statuses.
impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Invalid {
                code,
                field,
                detail,
                alternatives,
            } => Self::named(code, StatusCode::UNPROCESSABLE_ENTITY)
                .field(field)
                .detail(detail)
                .alternatives(alternatives),
            ServiceError::Forbidden {
                code,
                detail,
                alternatives,
            } => Self::named(code, StatusCode::FORBIDDEN)
                .detail(detail)
                .alternatives(alternatives),
            ServiceError::Limited {
                code,
                available_at_ms,
                now_ms,
                alternatives,
            } => {
                let problem =
                    Self::named(code, StatusCode::TOO_MANY_REQUESTS).alternatives(alternatives);
                match available_at_ms {
                    Some(at_ms) => problem.available_at(at_ms, now_ms),
                    None => problem,
                }
            }
            ServiceError::Refused {
                code,
                available_at_ms,
                now_ms,
                others,
            } => {
                let status = codes::find(code).map_or(StatusCode::CONFLICT, |entry| entry.status);
                let mut problem = Self::named(code, status).alternatives(others.channels);
                problem.advice.methods = others.methods.iter().map(OtherMethodJson::new).collect();
                match available_at_ms {
                    Some(at_ms) => problem.available_at(at_ms, now_ms),
                    None => problem,
                }
            }
            ServiceError::CodeMismatch { checks_remaining } => {
                let mut problem = Self::new(&codes::CODE_MISMATCH);
                problem.advice.checks_remaining = Some(checks_remaining);
                problem
            }
            ServiceError::NotPending { status } => Self::new(not_pending(status)),
            ServiceError::ResendTooLate => Self::new(&codes::RESEND_TOO_LATE),
            ServiceError::NotFound => Self::new(&codes::NOT_FOUND),
            ServiceError::IdempotencyKeyReused => Self::new(&codes::IDEMPOTENCY_KEY_REUSED),
            ServiceError::IdempotencyInProgress => {
                Self::new(&codes::IDEMPOTENCY_IN_PROGRESS).retry_after_s(1)
            }
            ServiceError::NoRoute { alternatives } => {
                Self::new(&codes::NO_ROUTE).alternatives(alternatives)
            }
            ServiceError::Unavailable {
                code,
                retry_after_s,
            } => Self::named(code, StatusCode::SERVICE_UNAVAILABLE).retry_after_s(retry_after_s),
        }
    }
}

fn not_pending(status: Status) -> &'static Code {
    match status {
        Status::Approved => &codes::ALREADY_APPROVED,
        Status::Exhausted => &codes::CHECKS_EXHAUSTED,
        Status::Canceled => &codes::CANCELED,
        Status::Superseded => &codes::SUPERSEDED,
        Status::Failed => &codes::FAILED,
        // The service never says that a pending verification is not pending;
        // if its clock and the store's disagree, it is about to expire.
        Status::Expired | Status::Pending => &codes::EXPIRED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use serde_json::{Value, json};

    fn written(error: ServiceError) -> (u16, Value, HeaderMap) {
        let headers: HeaderMap = [("x-request-id".parse().unwrap(), "r-1".parse().unwrap())]
            .into_iter()
            .collect();
        let reply = Problem::from(error).into_reply(&RequestId::of(&headers));
        let body = serde_json::from_slice(reply.body()).unwrap();
        (reply.status().as_u16(), body, reply.headers().clone())
    }

    #[test]
    fn a_limit_says_when_to_come_back_in_three_ways() {
        let (status, body, headers) = written(ServiceError::Limited {
            code: "send_limit",
            available_at_ms: Some(1_700_000_030_001),
            now_ms: 1_700_000_000_000,
            alternatives: vec![Channel::Voice],
        });
        assert_eq!(status, 429);
        assert_eq!(headers[RETRY_AFTER], "31");
        assert_eq!(
            body,
            json!({
                "type": "/docs#send_limit",
                "title": "Send limit",
                "status": 429,
                "code": "send_limit",
                "detail": "Enough has been sent to this number for now.",
                "retry_after": 31,
                "available_at": "2023-11-14T22:13:50.001Z",
                "alternatives": ["voice"],
                "request_id": "r-1",
            })
        );
    }

    #[test]
    fn a_limit_only_an_operator_lifts_names_no_time() {
        let (status, body, headers) = written(ServiceError::Limited {
            code: "too_many_failures",
            available_at_ms: None,
            now_ms: 5,
            alternatives: vec![],
        });
        assert_eq!(status, 429);
        assert!(!headers.contains_key(RETRY_AFTER));
        assert!(body.get("available_at").is_none());
    }

    #[test]
    fn every_error_has_its_status_and_code() {
        let not_pending = |status| ServiceError::NotPending { status };
        let unavailable = |code| ServiceError::Unavailable {
            code,
            retry_after_s: 0,
        };
        let table = [
            (
                ServiceError::CodeMismatch {
                    checks_remaining: 4,
                },
                422,
                "code_mismatch",
            ),
            (not_pending(Status::Approved), 409, "already_approved"),
            (not_pending(Status::Expired), 410, "expired"),
            (not_pending(Status::Canceled), 410, "canceled"),
            (not_pending(Status::Superseded), 410, "superseded"),
            (not_pending(Status::Failed), 410, "failed"),
            (not_pending(Status::Exhausted), 429, "checks_exhausted"),
            (ServiceError::ResendTooLate, 409, "resend_too_late"),
            (ServiceError::NotFound, 404, "not_found"),
            (
                ServiceError::IdempotencyKeyReused,
                422,
                "idempotency_key_reused",
            ),
            (
                ServiceError::IdempotencyInProgress,
                409,
                "idempotency_in_progress",
            ),
            (
                ServiceError::NoRoute {
                    alternatives: vec![],
                },
                422,
                "no_route",
            ),
            (unavailable("store_unavailable"), 503, "store_unavailable"),
            (unavailable("something_new"), 503, "something_new"),
        ];
        for (error, status, code) in table {
            let (written_status, body, headers) = written(error);
            assert_eq!((written_status, &body["code"]), (status, &json!(code)));
            assert_eq!(body["status"], json!(status));
            assert_eq!(headers["content-type"], "application/problem+json");
            let waits = headers.get(RETRY_AFTER).is_some_and(|value| value == "1");
            assert_eq!(
                waits,
                status == 503 || code == "idempotency_in_progress",
                "{code}"
            );
        }
    }

    #[test]
    fn a_wrong_code_says_how_many_checks_are_left() {
        let (_, body, _) = written(ServiceError::CodeMismatch {
            checks_remaining: 4,
        });
        assert_eq!(body["checks_remaining"], json!(4));
    }

    #[test]
    fn a_refused_field_is_named_and_explained_by_the_service() {
        let (status, body, _) = written(ServiceError::Invalid {
            code: "premium_rate",
            field: "to",
            detail: "no",
            alternatives: vec![],
        });
        assert_eq!(status, 422);
        assert_eq!(
            (&body["field"], &body["detail"]),
            (&json!("to"), &json!("no"))
        );
        assert!(body.get("alternatives").is_none());
    }

    #[test]
    fn codes_are_unique_lower_case_words_under_an_error_status() {
        for (index, entry) in codes::ALL.iter().enumerate() {
            let is_word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            assert!(entry.code.bytes().all(is_word), "{}", entry.code);
            assert!(entry.status.as_u16() >= 400, "{}", entry.code);
            let earlier = codes::ALL.iter().take(index);
            assert_eq!(earlier.filter(|other| other.code == entry.code).count(), 0);
        }
    }
}
