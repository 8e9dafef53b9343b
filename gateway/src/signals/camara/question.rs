//! A question in CAMARA's words: where it is asked, with what body, and which
//! field of the answer says it.

use aws_lc_rs::digest;
use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::CamaraPaths;
use crate::keys::first;
use crate::signals::Question;

/// How far back a network can be asked about swaps.
const HOURS_MAX: u16 = 2_400;

/// A question ready to be asked.
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) body: Bytes,
    /// The field of the answer.
    field: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ask<'a> {
    phone_number: &'a str,
    /// In hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    specified_date: Option<String>,
}

impl Asked {
    pub(super) fn new(question: &Question<'_>, paths: &CamaraPaths) -> Self {
        let about = |phone_number| Ask {
            phone_number,
            max_age: None,
            specified_date: None,
        };
        let within = |phone_number, hours: u16| Ask {
            max_age: Some(hours.clamp(1, HOURS_MAX)),
            ..about(phone_number)
        };
        let (path, ask, field) = match *question {
            Question::SimSwap { e164, hours } => (&paths.sim_swap, within(e164, hours), "swapped"),
            Question::DeviceSwap { e164, hours } => {
                (&paths.device_swap, within(e164, hours), "swapped")
            }
            Question::Recycled { e164, since_ms } => {
                let ask = Ask {
                    specified_date: Some(utc_date(since_ms)),
                    ..about(e164)
                };
                (&paths.recycling, ask, "phoneNumberRecycled")
            }
            Question::Forwarded { e164 } => (&paths.forwarding, about(e164), "active"),
        };
        let body = serde_json::to_vec(&ask).expect("plain fields can be encoded");
        Self {
            path: path.clone(),
            body: body.into(),
            field,
        }
    }

    /// Names the question, for the cache.
    pub(super) fn name(&self) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        // No path has a line break, so no two questions read alike.
        for part in [self.path.as_bytes(), b"\n", &self.body] {
            context.update(part);
        }
        first(context.finish().as_ref())
    }

    /// What the answer says; `None` if it does not say it.
    pub(super) fn read(&self, answer: &[u8]) -> Option<bool> {
        let answer: Map<String, Value> = serde_json::from_slice(answer).ok()?;
        answer.get(self.field)?.as_bool()
    }
}

/// Whether a refusal says that there is nothing to be known of this number, or not
/// so far back: asked again, the network would say the same. Everything else is a
/// failure, a wrong path among them.
pub(super) fn knows_nothing(refusal: &[u8]) -> bool {
    let refusal: Option<Map<String, Value>> = serde_json::from_slice(refusal).ok();
    let code = refusal
        .as_ref()
        .and_then(|refusal| refusal.get("code")?.as_str());
    // Some APIs put their own name before the word.
    let code = code.map(|code| code.rsplit_once('.').map_or(code, |(_, word)| word));
    matches!(
        code,
        Some("OUT_OF_RANGE" | "IDENTIFIER_NOT_FOUND" | "SERVICE_NOT_APPLICABLE")
    )
}

/// The day, in UTC: whoever lost the number on that very day counts as its holder
/// before, so a recycling is rather seen once too often.
fn utc_date(ms: u64) -> String {
    let at = i64::try_from(ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let at = at.unwrap_or(Timestamp::MAX);
    at.to_zoned(TimeZone::UTC).date().to_string()
}
