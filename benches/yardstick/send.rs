//! A send and a check, with only what no gateway can leave out: whose key it is,
//! whether the number is one, a code, its digest, and the answer.

use std::fmt::Write as _;
use std::sync::Arc;

use aws_lc_rs::{constant_time, digest, hmac, rand};
use bytes::Bytes;
use http::{Response, StatusCode, header, request};
use http_body_util::Full;
use jiff::{SignedDuration, Timestamp};
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer::{self, Told};
use super::redis_steps::{Checked, Created, RedisSteps};
use super::server::status;
use super::submission::{Carrier, Submission};

const LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// Messages on their way at once.
const IN_FLIGHT_MAX: usize = 4_096;

#[derive(Deserialize)]
struct SendRequest<'a> {
    to: &'a str,
    channel: &'a str,
    client: ClientFields<'a>,
}

#[derive(Deserialize)]
struct ClientFields<'a> {
    ip: &'a str,
}

#[derive(Deserialize)]
struct CheckRequest<'a> {
    id: &'a str,
    code: &'a str,
}

/// Answers requests. Clones share everything.
#[derive(Clone)]
pub(crate) struct Sender {
    key_digest: digest::Digest,
    digest_key: hmac::Key,
    steps: RedisSteps,
    carrier: Carrier,
    places: Arc<Semaphore>,
}

/// A message that must go out, whoever waits for the answer.
struct Message {
    id: String,
    to: String,
    channel: String,
    code: String,
    expires_at: Timestamp,
}

impl Sender {
    /// # Errors
    ///
    /// The system gives no randomness.
    pub(crate) fn new(
        api_key: &str,
        steps: RedisSteps,
        carrier: Carrier,
    ) -> anyhow::Result<Arc<Self>> {
        let mut key = [0; 32];
        rand::fill(&mut key)?;
        Ok(Arc::new(Self {
            key_digest: digest::digest(&digest::SHA256, api_key.as_bytes()),
            digest_key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            steps,
            carrier,
            places: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
        }))
    }

    pub(crate) async fn answer(
        self: Arc<Self>,
        head: &request::Parts,
        body: &Bytes,
    ) -> Response<Full<Bytes>> {
        if !self.is_allowed(head) {
            return status(StatusCode::UNAUTHORIZED);
        }
        let answered = match head.uri.path() {
            "/v1/verifications" => self.send(body).await,
            "/check" => self.check(body).await,
            _ => Ok(status(StatusCode::NOT_FOUND)),
        };
        answered.unwrap_or_else(|_| status(StatusCode::BAD_REQUEST))
    }

    fn is_allowed(&self, head: &request::Parts) -> bool {
        let authorization = head.headers.get(header::AUTHORIZATION);
        let key = authorization.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        key.is_some_and(|key| {
            let shown = digest::digest(&digest::SHA256, key);
            constant_time::verify_slices_are_equal(shown.as_ref(), self.key_digest.as_ref()).is_ok()
        })
    }

    async fn send(self: Arc<Self>, body: &[u8]) -> anyhow::Result<Response<Full<Bytes>>> {
        let request: SendRequest<'_> = serde_json::from_slice(body)?;
        let to = e164(request.to)?;
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Ok(status(StatusCode::SERVICE_UNAVAILABLE));
        };
        let mut random = [0; 24];
        rand::fill(&mut random)?;
        let (id, code) = id_and_code(random);
        let created_at = Timestamp::from_millisecond(Timestamp::now().as_millisecond())?;
        let expires_at = created_at + LIFETIME;
        let digest = self.digest(&id, &code);
        let created = Created {
            id: &id,
            to: &to,
            channel: request.channel,
            client_ip: request.client.ip,
            digest: digest.as_ref(),
            created_at_ms: created_at.as_millisecond(),
            expires_at_ms: expires_at.as_millisecond(),
        };
        if !self.steps.create(&created).await? {
            return Ok(status(StatusCode::TOO_MANY_REQUESTS));
        }
        let answer = answer::created(&Told {
            id: &id,
            status: "pending",
            to: &to,
            channel: request.channel,
            created_at,
            expires_at,
            delivery_status: "queued",
            outcome: "begun",
        })?;
        let message = Message {
            channel: request.channel.to_owned(),
            id,
            to,
            code,
            expires_at,
        };
        tokio::spawn(self.deliver(message, place));
        Ok(answer)
    }

    /// Nobody asks how it went: an error leaves the record unsettled.
    async fn deliver(self: Arc<Self>, message: Message, place: OwnedSemaphorePermit) {
        let reference = format!("dlv_{}1-1", message.id.trim_start_matches("vrf_"));
        let text = format!(
            "{} is your Acme code. It is valid for 10 minutes. Do not share it with anyone.",
            message.code
        );
        let submission = Submission {
            reference: &reference,
            to: &message.to,
            channel: &message.channel,
            text: &text,
            speech: None,
            sender: None,
            locale: "en",
            expires_at: message.expires_at,
            receipt_url: None,
        };
        if let Ok(message_id) = self.carrier.submit(&submission).await {
            let settled = self.steps.settle(&message.id, message_id.as_bytes()).await;
            settled.ok();
        }
        drop(place);
    }

    async fn check(&self, body: &[u8]) -> anyhow::Result<Response<Full<Bytes>>> {
        let request: CheckRequest<'_> = serde_json::from_slice(body)?;
        let digest = self.digest(request.id, request.code);
        Ok(match self.steps.check(request.id, digest.as_ref()).await? {
            Checked::Right {
                to,
                channel,
                created_at_ms,
                expires_at_ms,
            } => {
                let told = Told {
                    id: request.id,
                    status: "approved",
                    to: &to,
                    channel: &channel,
                    created_at: Timestamp::from_millisecond(created_at_ms)?,
                    expires_at: Timestamp::from_millisecond(expires_at_ms)?,
                    delivery_status: "submitted",
                    outcome: "submitted",
                };
                answer::shown(StatusCode::OK, &told)?
            }
            Checked::Wrong => status(StatusCode::UNPROCESSABLE_ENTITY),
            Checked::Nothing => status(StatusCode::NOT_FOUND),
        })
    }

    fn digest(&self, id: &str, code: &str) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.digest_key);
        context.update(id.as_bytes());
        context.update(code.as_bytes());
        context.sign()
    }
}

fn e164(text: &str) -> anyhow::Result<String> {
    let number = PHONE_NUMBER_UTIL.parse(text, None)?;
    anyhow::ensure!(
        PHONE_NUMBER_UTIL.is_valid_number(&number),
        "no valid number"
    );
    Ok(PHONE_NUMBER_UTIL
        .format(&number, PhoneNumberFormat::E164)
        .into_owned())
}

fn id_and_code(random: [u8; 24]) -> (String, String) {
    let (id, code) = random.split_at(16);
    let mut text = String::with_capacity(36);
    text.push_str("vrf_");
    for byte in id {
        write!(text, "{byte:02x}").expect("strings take everything");
    }
    let drawn = code
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    (text, format!("{:06}", drawn % 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_six_digits_and_an_id_a_hundred_and_twenty_eight_bits() {
        let (id, code) = id_and_code([0; 24]);
        assert_eq!(
            (id, code),
            (format!("vrf_{}", "0".repeat(32)), "000000".to_owned())
        );
        let (id, code) = id_and_code([255; 24]);
        assert_eq!(
            (id, code),
            (format!("vrf_{}", "f".repeat(32)), "551615".to_owned())
        );
    }

    #[test]
    fn only_valid_numbers_are_sent_to() {
        assert_eq!(e164("+1 201 200 0001").unwrap(), "+12012000001");
        assert!(e164("+1 201 055 0123").is_err());
        assert!(e164("2012000001").is_err());
    }
}
