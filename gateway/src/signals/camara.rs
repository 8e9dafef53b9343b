//! Asks a network's API in CAMARA's shapes. A person waits for the answer: it
//! comes soon, or counts as unknown.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, InvalidHeaderValue};
use http::{Request, StatusCode};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use lru::LruCache;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use watchword_providers::Response;
use watchword_providers::http_client::HttpClient;

use super::{Question, Signals, raised_if};
use crate::config::{CamaraPaths, CamaraSettings};
use crate::keys::random;
use crate::subjects::evidence::Finding;

/// One request asks the same several times; a SIM does not change that fast.
const KEPT_FOR: Duration = Duration::from_secs(60);
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(1_024).expect("a thousand is not zero");
/// Honest answers have a hundred bytes.
const BODY_BYTES_MAX: usize = 4 * 1024;
/// Questions on their way at once: a network that is slow must not pile them up.
const IN_FLIGHT_MAX: usize = 64;
/// How far back networks may be asked, in hours.
const HOURS_MAX: u16 = 2_400;

/// A network's API.
pub struct Camara {
    client: HttpClient,
    settings: CamaraSettings,
    authorization: Option<HeaderValue>,
    kept: Mutex<LruCache<Asked, Kept>>,
    places: Semaphore,
}

/// A question as it is remembered. Not printed: it has a number.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Asked {
    e164: Box<str>,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    SimSwap { hours: u16 },
    DeviceSwap { hours: u16 },
    Recycled { since: Date },
    Forwarded,
}

struct Kept {
    finding: Finding,
    until: Instant,
}

/// Why there is no finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum NoFinding {
    #[error("the network has nothing to say of this number")]
    NotServed,
    #[error("the network refuses our credentials")]
    CredentialsRefused,
    #[error("too many questions are on their way")]
    Full,
    #[error("no answer in time")]
    Late,
    #[error("no complete answer")]
    NoAnswer,
    #[error("not an answer to the question")]
    Misunderstood,
}

impl Camara {
    /// # Errors
    ///
    /// The token cannot stand in a header.
    pub fn new(client: HttpClient, settings: CamaraSettings) -> Result<Self, InvalidHeaderValue> {
        let bearer = |token: &str| -> Result<HeaderValue, InvalidHeaderValue> {
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))?;
            value.set_sensitive(true);
            Ok(value)
        };
        let token = settings.token.as_ref();
        let authorization = token.map(|token| bearer(token.expose())).transpose()?;
        Ok(Self {
            client,
            settings,
            authorization,
            kept: Mutex::new(LruCache::new(KEPT_MAX)),
            places: Semaphore::new(IN_FLIGHT_MAX),
        })
    }

    fn kept(&self, asked: &Asked) -> Option<Finding> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = kept.get(asked)?;
        (Instant::now() < answer.until).then_some(answer.finding)
    }

    fn keep(&self, asked: Asked, finding: Finding) {
        let until = Instant::now() + KEPT_FOR;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.put(asked, Kept { finding, until });
    }

    async fn find(&self, asked: &Asked) -> Result<Finding, NoFinding> {
        let _place = self.places.try_acquire().map_err(|_| NoFinding::Full)?;
        let request = self.request(asked).ok_or(NoFinding::Misunderstood)?;
        let answer = tokio::time::timeout(self.settings.timeout, self.client.call(request)).await;
        let answer = answer.map_err(|_| NoFinding::Late)?;
        asked
            .what
            .finding(&answer.map_err(|_| NoFinding::NoAnswer)?)
    }

    fn request(&self, asked: &Asked) -> Option<Request<Bytes>> {
        let path = asked.what.path(&self.settings.paths);
        let body = asked.what.body(&asked.e164).to_string();
        let correlator = format!("{:032x}", u128::from_be_bytes(random()));
        let mut request = Request::post(format!("{}{path}", self.settings.base_url))
            .header(CONTENT_TYPE, "application/json")
            .header("x-correlator", correlator);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        request.body(body.into()).ok()
    }
}

#[async_trait]
impl Signals for Camara {
    async fn ask(&self, question: Question<'_>) -> Finding {
        let asked = Asked::of(question);
        if let Some(finding) = self.kept(&asked) {
            return finding;
        }
        match self.find(&asked).await {
            Ok(finding) => {
                self.keep(asked, finding);
                finding
            }
            Err(why) => {
                asked.what.log(why);
                Finding::Unknown
            }
        }
    }
}

impl Asked {
    fn of(question: Question<'_>) -> Self {
        let (e164, what) = match question {
            Question::SimSwap { e164, hours } => {
                let hours = hours.clamp(1, HOURS_MAX);
                (e164, What::SimSwap { hours })
            }
            Question::DeviceSwap { e164, hours } => {
                let hours = hours.clamp(1, HOURS_MAX);
                (e164, What::DeviceSwap { hours })
            }
            Question::Recycled { e164, since_ms } => {
                let since = utc_date(since_ms);
                (e164, What::Recycled { since })
            }
            Question::Forwarded { e164 } => (e164, What::Forwarded),
        };
        Self {
            e164: e164.into(),
            what,
        }
    }
}

/// A point in time beyond the calendar counts as its beginning.
fn utc_date(ms: u64) -> Date {
    let time = i64::try_from(ms).unwrap_or_default();
    let time = Timestamp::from_millisecond(time).unwrap_or_default();
    time.to_zoned(TimeZone::UTC).date()
}

impl What {
    fn path(self, paths: &CamaraPaths) -> &str {
        match self {
            Self::SimSwap { .. } => &paths.sim_swap,
            Self::DeviceSwap { .. } => &paths.device_swap,
            Self::Recycled { .. } => &paths.recycling,
            Self::Forwarded => &paths.forwarding,
        }
    }

    fn body(self, e164: &str) -> Value {
        match self {
            Self::SimSwap { hours } | Self::DeviceSwap { hours } => {
                json!({ "phoneNumber": e164, "maxAge": hours })
            }
            Self::Recycled { since } => {
                json!({ "phoneNumber": e164, "specifiedDate": since.to_string() })
            }
            Self::Forwarded => json!({ "phoneNumber": e164 }),
        }
    }

    /// The field that answers.
    fn field(self) -> &'static str {
        match self {
            Self::SimSwap { .. } | Self::DeviceSwap { .. } => "swapped",
            Self::Recycled { .. } => "phoneNumberRecycled",
            Self::Forwarded => "active",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::SimSwap { .. } => "sim_swap",
            Self::DeviceSwap { .. } => "device_swap",
            Self::Recycled { .. } => "recycled",
            Self::Forwarded => "forwarded",
        }
    }

    fn finding(self, answer: &Response) -> Result<Finding, NoFinding> {
        match answer.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => {
                return Err(NoFinding::NotServed);
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(NoFinding::CredentialsRefused);
            }
            _ => return Err(NoFinding::NoAnswer),
        }
        if answer.body.len() > BODY_BYTES_MAX {
            return Err(NoFinding::Misunderstood);
        }
        let body: Value =
            serde_json::from_slice(&answer.body).map_err(|_| NoFinding::Misunderstood)?;
        let said = body.get(self.field()).and_then(Value::as_bool);
        said.map(raised_if).ok_or(NoFinding::Misunderstood)
    }

    /// Nobody is refused for want of an answer, so the log alone tells.
    fn log(self, why: NoFinding) {
        let signal = self.name();
        match why {
            NoFinding::NotServed => {
                tracing::debug!(signal.name = signal, "no finding: {why}");
            }
            NoFinding::CredentialsRefused => {
                tracing::error!(signal.name = signal, "no finding: {why}");
            }
            NoFinding::Full | NoFinding::Late | NoFinding::NoAnswer | NoFinding::Misunderstood => {
                tracing::warn!(signal.name = signal, "no finding: {why}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    const E164: &str = "+14155550100";
    /// 2026-11-22, half an hour before midnight in London.
    const LATE_IN_NOVEMBER_MS: u64 = 1_795_390_200_000;

    fn asked(question: Question<'_>) -> Asked {
        Asked::of(question)
    }

    fn answer(status: u16, body: &str) -> Response {
        Response {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        }
    }

    #[test]
    fn each_question_has_its_own_shape() {
        let since_ms = LATE_IN_NOVEMBER_MS;
        let table = [
            (
                asked(Question::SimSwap {
                    e164: E164,
                    hours: 240,
                }),
                json!({ "phoneNumber": E164, "maxAge": 240 }),
            ),
            (
                asked(Question::DeviceSwap {
                    e164: E164,
                    hours: 0,
                }),
                json!({ "phoneNumber": E164, "maxAge": 1 }),
            ),
            (
                asked(Question::Recycled {
                    e164: E164,
                    since_ms,
                }),
                json!({ "phoneNumber": E164, "specifiedDate": "2026-11-22" }),
            ),
            (
                asked(Question::Forwarded { e164: E164 }),
                json!({ "phoneNumber": E164 }),
            ),
        ];
        for (asked, body) in table {
            assert_eq!(asked.what.body(&asked.e164), body);
        }
    }

    #[test]
    fn only_a_clear_answer_is_a_finding() {
        let what = What::SimSwap { hours: 24 };
        let long = format!(
            r#"{{"swapped":true,"padding":"{}"}}"#,
            "x".repeat(BODY_BYTES_MAX)
        );
        let table = [
            (200, r#"{"swapped":true}"#, Ok(Finding::Raised)),
            (
                200,
                r#"{"swapped":false,"monitoredPeriod":120}"#,
                Ok(Finding::Clear),
            ),
            (200, r#"{"swapped":"true"}"#, Err(NoFinding::Misunderstood)),
            (200, r#"{"active":true}"#, Err(NoFinding::Misunderstood)),
            (200, "", Err(NoFinding::Misunderstood)),
            (200, &long, Err(NoFinding::Misunderstood)),
            (201, r#"{"swapped":true}"#, Err(NoFinding::NoAnswer)),
            (
                401,
                r#"{"status":401,"code":"UNAUTHENTICATED"}"#,
                Err(NoFinding::CredentialsRefused),
            ),
            (
                404,
                r#"{"status":404,"code":"IDENTIFIER_NOT_FOUND"}"#,
                Err(NoFinding::NotServed),
            ),
            (
                422,
                r#"{"status":422,"code":"SERVICE_NOT_APPLICABLE"}"#,
                Err(NoFinding::NotServed),
            ),
            (
                429,
                r#"{"status":429,"code":"QUOTA_EXCEEDED"}"#,
                Err(NoFinding::NoAnswer),
            ),
            (503, "", Err(NoFinding::NoAnswer)),
        ];
        for (status, body, finding) in table {
            let found = what.finding(&answer(status, body));
            assert_eq!(found, finding, "{status} {body:.60}");
        }
    }
}
