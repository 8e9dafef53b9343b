//! What a record's message says, in which language.

use std::sync::Arc;

use watchword_providers::{CallTexts, Channel, Extension};

use crate::details::{Details, Opened, PaymentDetails, open_code};
use crate::id::RecordId;
use crate::keys::seal::OpenError;
use crate::live::Live;
use crate::message::{AppHash, Content, Locale, Origin, Payment, paced, repeated, with_region};
use crate::store::Found;
use crate::tenants::Tenant;
use crate::verification::{Record, RecordKind};

/// No `Debug`: it holds the code.
pub(super) struct Worded {
    pub(super) text: String,
    pub(super) speech: Option<String>,
    pub(super) call: Option<CallTexts>,
    pub(super) locale: Arc<str>,
}

/// Why a record cannot be made into a message here and now.
pub(super) enum Unreadable {
    /// This node lacks the key or the tenant; another may have it.
    Foreign,
    /// Its code is gone: the verification has ended.
    Ended,
    Damaged,
}

impl From<OpenError> for Unreadable {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::UnknownKey => Self::Foreign,
            OpenError::Damaged => Self::Damaged,
        }
    }
}

/// What a call on this record says now, and the extension it dials first; `None` if
/// this node cannot read it.
pub(crate) fn call_texts(live: &Live, found: &Found) -> Option<(CallTexts, Option<Extension>)> {
    let tenant = live.tenants.by_tag(found.record.tenant)?;
    let opened = opened(live, found.id, &found.record).ok()?;
    let record = (&*found.record, &opened);
    let worded = worded(tenant, record, (Channel::Voice, found.now_ms)).ok()?;
    Some((worded.call?, opened.details.whom.extension))
}

pub(super) fn worded(
    tenant: &Tenant,
    (record, Opened { details, code }): (&Record, &Opened),
    (channel, now_ms): (Channel, u64),
) -> Result<Worded, Unreadable> {
    let asked = details
        .locale
        .as_deref()
        .and_then(|locale| Locale::parse(locale).ok());
    let locale = asked.as_ref().unwrap_or(&tenant.locale);
    match record.kind {
        RecordKind::Verification => {
            let code = code.as_ref().ok_or(Unreadable::Ended)?;
            let payment = details.payment.as_ref().and_then(shown_payment);
            let origin = details
                .origin
                .as_deref()
                .and_then(|host| Origin::parse(host).ok());
            let app_hash = details
                .app_hash
                .as_deref()
                .and_then(|hash| AppHash::parse(hash).ok());
            let content = Content {
                code: code.expose(),
                brand: &tenant.brand,
                minutes: minutes_left(record, now_ms),
                payment: payment.as_ref(),
                origin: origin.as_ref(),
                app_hash: app_hash.as_ref(),
            };
            let rendered = tenant.catalog.render(channel, locale, &content);
            Ok(Worded {
                text: rendered.text,
                speech: rendered.speech,
                call: rendered.call,
                locale: match channel {
                    Channel::Sms => rendered.locale,
                    Channel::Voice => with_region(&rendered.locale).into(),
                },
            })
        }
        RecordKind::SendOnly => {
            let text = details.text.clone().ok_or(Unreadable::Damaged)?;
            let speech = details.speech.clone();
            Ok(match channel {
                Channel::Sms => Worded {
                    text,
                    speech,
                    call: None,
                    locale: locale.as_str().into(),
                },
                Channel::Voice => said_as_given(tenant, locale, (text, speech)),
            })
        }
    }
}

/// A call with a text of the tenant's own. A speech of its own is said as it is;
/// the codes in a mere text are said as ours are, slowly and again.
fn said_as_given(
    tenant: &Tenant,
    locale: &Locale,
    (text, speech): (String, Option<String>),
) -> Worded {
    let paced = if speech.is_none() { paced(&text) } else { None };
    let said = speech.as_deref().or(paced.as_deref()).unwrap_or(&text);
    let call = tenant.catalog.call_around(locale, &tenant.brand, said);
    Worded {
        call: Some(call),
        speech: speech.or_else(|| paced.as_deref().map(repeated)),
        text,
        locale: with_region(locale.as_str()).into(),
    }
}

/// Opens what the record keeps sealed.
pub(super) fn opened(live: &Live, id: RecordId, record: &Record) -> Result<Opened, Unreadable> {
    Ok(Opened {
        details: Details::open(&live.ring, id, record)?,
        code: open_code(&live.ring, id, record)?,
    })
}

/// It was checked when the verification was started.
fn shown_payment(payment: &PaymentDetails) -> Option<Payment> {
    Payment::parse(&payment.amount, &payment.currency, &payment.payee).ok()
}

/// What the message says: whole minutes from now, never more than is left.
fn minutes_left(record: &Record, now_ms: u64) -> u32 {
    let left_ms = record.expires_at_ms.saturating_sub(now_ms);
    // A few ms pass between the draw and here: ten minutes are still ten.
    let minutes = (left_ms + 5_000) / 60_000;
    u32::try_from(minutes.max(1)).unwrap_or(1)
}
