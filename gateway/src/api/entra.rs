//! `POST /api/SendOtp`: the face of Microsoft Entra's external phone provider
//! contract. Its errors have the contract's shape, whichever layer they are of.

mod answers;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};
use watchword_providers::{Channel, Extension};
use zeroize::Zeroizing;

use self::answers::{
    DECRYPTION_FAILED, Names, TIMED_OUT, Why, accepted, bad_request, ended_as, refusal, refused_as,
};
use super::answer::Reply;
use super::codes;
use super::endpoint::Asked;
use super::problem::Problem;
use super::request_id::RequestId;
use crate::entra::EntraDirectory;
use crate::entra::context::{self, ContextError, DeliveryContext};
use crate::entra::envelope::{self, Envelope, Mode};
use crate::entra::jwe::{DecryptionFailed, DecryptionKeys, Opened};
use crate::entra::token::TokenRefusal;
use crate::message::Locale;
use crate::service::{Client, DeliverRequest, IdempotencyKey, Service, ServiceError};
use crate::telemetry::events;

pub(super) use self::answers::{correlation_of, in_face};

const CLIENT_REQUEST_ID: &str = "x-ms-client-request-id";
const CLIENT_REQUEST_ID_BYTES_MAX: usize = 128;

/// The longest text of a delivery. A message of Entra is a tenth of it.
const MESSAGE_CHARACTERS_MAX: usize = 1_600;
/// As long as any delivery is worth sending.
const VALIDITY_S_MAX: u32 = 86_400;

/// Who has been let in, and when it asked.
pub(super) struct EntraCaller {
    pub directory: Arc<EntraDirectory>,
    pub received_at: Instant,
}

impl EntraCaller {
    /// What is left of the time that the caller waits.
    pub(super) fn time_left(&self) -> Duration {
        self.directory
            .budget
            .saturating_sub(self.received_at.elapsed())
    }
}

/// A token that lets nobody in, as the layers say it.
impl From<TokenRefusal> for Problem {
    fn from(refusal: TokenRefusal) -> Self {
        match refusal {
            TokenRefusal::Caller | TokenRefusal::Role => Self::new(&codes::CALLER_NOT_LISTED),
            TokenRefusal::KeysUnavailable => {
                Self::new(&codes::SIGNING_KEYS_UNAVAILABLE).retry_after_s(5)
            }
            TokenRefusal::Unconfigured
            | TokenRefusal::Missing
            | TokenRefusal::Malformed
            | TokenRefusal::Algorithm
            | TokenRefusal::Issuer
            | TokenRefusal::UnknownKey
            | TokenRefusal::Signature
            | TokenRefusal::Expired
            | TokenRefusal::NotYetValid
            | TokenRefusal::Audience
            | TokenRefusal::Directory => Self::new(&codes::UNAUTHORIZED),
        }
    }
}

/// A request, opened.
pub(super) struct Otp {
    names: Names,
    key_id: Arc<str>,
    mode: Mode,
    channel: Channel,
    nonce: Zeroizing<String>,
    request: DeliverRequest,
}

/// A request that is not carried out, and why.
pub(super) struct Refused {
    names: Names,
    asked: Option<(Mode, Channel)>,
    why: Why,
}

/// Opens a request.
pub(super) async fn read(caller: &EntraCaller, asked: &Asked) -> Result<Otp, Box<Refused>> {
    let mut names = Names::of(asked);
    let envelope = match envelope::parse(&asked.body) {
        Ok(envelope) => envelope,
        Err(error) => return Err(Refused::new(names, None, bad_request(error.reason()))),
    };
    let Envelope {
        correlation_id,
        channel,
        mode,
        ttl_s,
        encrypted,
    } = envelope;
    names.correlation = correlation_id.or(names.correlation);
    let ttl_s = ttl_s.unwrap_or(caller.directory.validity_s);
    let opened = open(caller, encrypted).await.and_then(|(key_id, context)| {
        let nonce = context.nonce.clone();
        let request = deliver_request((channel, ttl_s), context, &asked.head.headers)?;
        Ok((key_id, nonce, request))
    });
    match opened {
        Ok((key_id, nonce, request)) => Ok(Otp {
            names,
            key_id,
            mode,
            channel,
            nonce,
            request,
        }),
        Err(why) => Err(Refused::new(names, Some((mode, channel)), why)),
    }
}

async fn open(caller: &EntraCaller, encrypted: String) -> Result<(Arc<str>, DeliveryContext), Why> {
    let opening = decrypted(&caller.directory.decryption_keys, encrypted);
    // By then nothing could be sent any more.
    let opened = timeout(caller.time_left(), opening).await;
    let opened = opened.map_err(|_| TIMED_OUT)?;
    let Opened { plaintext, key_id } = opened.map_err(|DecryptionFailed| DECRYPTION_FAILED)?;
    let context = context::parse(&plaintext).map_err(|error| match error {
        ContextError::NotAnObject => DECRYPTION_FAILED,
        ContextError::Incomplete => bad_request("incomplete delivery context"),
    })?;
    Ok((key_id, context))
}

async fn decrypted(
    keys: &Arc<DecryptionKeys>,
    encrypted: String,
) -> Result<Opened, DecryptionFailed> {
    let place = keys.place().await;
    let keys = Arc::clone(keys);
    // A private RSA key is a millisecond of arithmetic: others shall not wait behind it.
    let opened = spawn_blocking(move || {
        let opened = keys.open(&encrypted);
        // Held to the end, whoever has stopped waiting.
        drop(place);
        opened
    });
    opened
        .await
        .unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The process is about to end.
            Err(_) => Err(DecryptionFailed),
        })
}

fn deliver_request(
    (channel, ttl_s): (Channel, u32),
    context: DeliveryContext,
    headers: &HeaderMap,
) -> Result<DeliverRequest, Why> {
    let is_sayable = |character: char| !character.is_control() || "\r\n\t".contains(character);
    let fits = context.message.chars().count() <= MESSAGE_CHARACTERS_MAX
        && context.message.chars().all(is_sayable);
    if !fits {
        return Err(bad_request("unsupported message"));
    }
    let extension = match (channel, context.extension.as_deref()) {
        (Channel::Sms, _) | (Channel::Voice, None) => None,
        // Without it the code would be told to whoever answers for the whole office.
        (Channel::Voice, Some(written)) => {
            Some(Extension::parse(written).ok_or_else(|| bad_request("unsupported extension"))?)
        }
    };
    // What is no language tag is no reason to send nobody a code.
    let is_tag = |locale: &String| Locale::parse(locale).is_ok();
    let locale = context.locale.filter(is_tag);
    let content = content([
        channel.as_str(),
        &context.message,
        locale.as_deref().unwrap_or_default(),
        extension.as_ref().map_or("", Extension::expose),
    ]);
    Ok(DeliverRequest {
        to: context.phone_number.as_str().to_owned(),
        region: None,
        channel: Some(channel),
        text: context.message.as_str().to_owned(),
        speech: None,
        locale,
        validity_s: Some(u64::from(ttl_s.min(VALIDITY_S_MAX))),
        reference: None,
        extension,
        client: Client::default(),
        idempotency: idempotency(headers, content)?,
        wait: None,
    })
}

/// What a repeated request has to have in common with the first. The nonce and
/// the encryption are new each time.
fn content(parts: [&str; 4]) -> Bytes {
    let mut content = BytesMut::new();
    for part in parts {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        content.extend_from_slice(&length.to_be_bytes());
        content.extend_from_slice(part.as_bytes());
    }
    content.freeze()
}

fn idempotency(headers: &HeaderMap, content: Bytes) -> Result<Option<IdempotencyKey>, Why> {
    let mut values = headers.get_all(CLIENT_REQUEST_ID).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    let fits = (1..=CLIENT_REQUEST_ID_BYTES_MAX).contains(&bytes.len())
        && bytes.iter().all(u8::is_ascii_graphic)
        && values.next().is_none();
    let key = fits.then(|| value.to_str().ok()).flatten();
    let key = key.ok_or_else(|| bad_request("invalid x-ms-client-request-id"))?;
    Ok(Some(IdempotencyKey {
        key: key.to_owned(),
        content,
    }))
}

/// Carries a request out, or says what would come of it.
pub(super) async fn send_otp(service: &Service, caller: &EntraCaller, asked: &Asked) -> Reply {
    let (names, asked, ended) = match read(caller, asked).await {
        Ok(otp) => {
            events::EntraDecrypted {
                directory: &caller.directory.rules.directory,
                key: &otp.key_id,
            }
            .emit(service.metrics());
            let asked = Some((otp.mode, otp.channel));
            let ended = match otp.mode {
                Mode::Evaluation => Ok(evaluated(service, caller, &otp.request)),
                Mode::Live => delivered(service, caller, otp.request).await,
            };
            (otp.names, asked, ended.map(|result| (result, otp.nonce)))
        }
        Err(refused) => (refused.names, refused.asked, Err(refused.why)),
    };
    let result = match &ended {
        Ok((result, _)) => result,
        Err(why) => why.result,
    };
    let correlation = names.correlation.as_deref();
    let loggable = correlation.and_then(|id| RequestId::harmless(id.as_bytes()));
    events::EntraAnswered {
        tenant: &caller.directory.tenant.name,
        asked,
        result,
        correlation_id: loggable.as_ref().map(RequestId::as_str),
        took: caller.received_at.elapsed(),
    }
    .emit(service.metrics());
    match ended {
        Ok((_, nonce)) => accepted(&names, &nonce),
        Err(why) => refusal(&names, why),
    }
}

async fn delivered(
    service: &Service,
    caller: &EntraCaller,
    request: DeliverRequest,
) -> Result<&'static str, Why> {
    let tenant = &caller.directory.tenant;
    let ended = service
        .deliver_within(tenant, request, caller.time_left())
        .await;
    match ended {
        Ok(end) => ended_as(end),
        Err(error) => Err(refused_as(&error)),
    }
}

/// What would have come of a request.
fn evaluated(service: &Service, caller: &EntraCaller, request: &DeliverRequest) -> &'static str {
    match service.would_deliver(&caller.directory.tenant, request) {
        Ok(()) => "sendable",
        Err(ServiceError::NoRoute { .. }) => "no_route",
        Err(error) => match refused_as(&error).status {
            StatusCode::BAD_REQUEST => "invalid_number",
            _ => "blocked",
        },
    }
}

impl Refused {
    fn new(names: Names, asked: Option<(Mode, Channel)>, why: Why) -> Box<Self> {
        Box::new(Self { names, asked, why })
    }

    #[cfg(test)]
    pub(super) fn reply(&self) -> Reply {
        refusal(&self.names, self.why)
    }
}

impl Otp {
    #[cfg(test)]
    pub(super) fn accepted(&self) -> Reply {
        accepted(&self.names, &self.nonce)
    }

    #[cfg(test)]
    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    #[cfg(test)]
    pub(super) fn request(&self) -> &DeliverRequest {
        &self.request
    }
}
