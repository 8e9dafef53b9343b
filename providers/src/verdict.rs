//! What an answer that is no success means for dispatch: each provider's table
//! of error codes is data, and the HTTP status decides where it is silent.

use http::StatusCode;

use crate::answer::retry_after;
use crate::{ProviderCode, RefusalScope, Response, SubmitError};

/// What one of a provider's error codes means for dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No provider will reach this number over this channel.
    Number,
    /// This provider will not take this message; another may.
    Provider,
    /// This provider will not take it just now.
    Now,
    /// The number or the traffic is held for fraud.
    Fraud,
    Throttled,
    /// Our credentials, or the right to use them.
    Credentials,
    /// The message may have gone.
    Unknown,
}

/// A provider's error codes, each with its verdict. A code has one row.
pub(crate) struct ErrorTable(pub(crate) &'static [(Verdict, &'static [&'static str])]);

impl ErrorTable {
    /// `None` for codes that say no more than the HTTP status does.
    pub(crate) fn verdict(&self, code: &str) -> Option<Verdict> {
        let row = self.0.iter().find(|(_, codes)| codes.contains(&code));
        row.map(|(verdict, _)| *verdict)
    }
}

impl Verdict {
    /// The error for dispatch. `response` may ask for a wait.
    pub(crate) fn into_error(
        self,
        code: Option<ProviderCode>,
        response: &Response,
        now_ms: u64,
    ) -> SubmitError {
        let refused = |scope, code| SubmitError::Refused { scope, code };
        match self {
            Self::Number => refused(RefusalScope::Number, code),
            Self::Provider => refused(RefusalScope::Provider, code),
            Self::Now => refused(RefusalScope::Now, code),
            Self::Fraud => SubmitError::Fraud { code },
            Self::Throttled => SubmitError::Throttled {
                retry_after: retry_after(&response.headers, now_ms),
            },
            Self::Credentials => SubmitError::Credentials { code },
            Self::Unknown => SubmitError::Unknown { code },
        }
    }

    /// Whether a receipt with it says that no provider will reach the number.
    pub(crate) fn is_final_for_number(self) -> bool {
        match self {
            Self::Number | Self::Fraud => true,
            Self::Provider | Self::Now | Self::Throttled | Self::Credentials | Self::Unknown => {
                false
            }
        }
    }
}

/// What an answer that is no success means: as a table has it, or else as its
/// HTTP status does.
pub(crate) fn refusal(
    verdict: Option<Verdict>,
    code: Option<ProviderCode>,
    response: &Response,
    now_ms: u64,
) -> SubmitError {
    match verdict {
        Some(verdict) => verdict.into_error(code, response, now_ms),
        None => by_status(response, code, now_ms),
    }
}

/// What the HTTP status of an answer that is no success says by itself.
pub(crate) fn by_status(
    response: &Response,
    code: Option<ProviderCode>,
    now_ms: u64,
) -> SubmitError {
    let verdict = match response.status {
        StatusCode::TOO_MANY_REQUESTS => Verdict::Throttled,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Verdict::Credentials,
        StatusCode::SERVICE_UNAVAILABLE => Verdict::Now,
        // Somebody on the way gave up waiting: it may have gone.
        StatusCode::REQUEST_TIMEOUT => Verdict::Unknown,
        other if other.is_client_error() => Verdict::Provider,
        // Another 5xx may have come after the message had gone; so may anything
        // that is no final answer at all.
        _ => Verdict::Unknown,
    };
    verdict.into_error(code, response, now_ms)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    #[test]
    fn the_status_decides_where_no_code_does() {
        for (status, expected) in [
            (401, Verdict::Credentials),
            (403, Verdict::Credentials),
            (400, Verdict::Provider),
            (408, Verdict::Unknown),
            (429, Verdict::Throttled),
            (503, Verdict::Now),
            (500, Verdict::Unknown),
            (302, Verdict::Unknown),
        ] {
            let response = Response {
                status: StatusCode::from_u16(status).unwrap(),
                headers: HeaderMap::new(),
                body: bytes::Bytes::new(),
            };
            let error = by_status(&response, None, 0);
            assert_eq!(error, expected.into_error(None, &response, 0), "{status}");
        }
    }
}
