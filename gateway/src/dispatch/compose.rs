//! From a record to the message a provider gets: texts, reference, receipt URL.

use std::sync::Arc;
use std::time::Duration;

use watchword_providers::{CallTexts, Channel, Message, PhoneNumber};

use super::Work;
use super::cap::submission_cap;
use crate::admission::limits::LimitAsk;
use crate::details::{Details, Opened, PaymentDetails, open_code};
use crate::id::DeliveryId;
use crate::keys::seal::OpenError;
use crate::live::Live;
use crate::message::{AppHash, Content, Locale, Origin, Payment};
use crate::receipts::{ReceiptReference, receipts_by_reference};
use crate::routing::Destination;
use crate::senders::Asked;
use crate::stack::ProviderStack;
use crate::tenants::Tenant;
use crate::verification::{Record, RecordKind, TenantTag};

/// A message but for what differs between attempts.
pub(super) struct Composed {
    pub tenant: Arc<str>,
    pub to: PhoneNumber,
    pub channel: Channel,
    tenant_tag: TenantTag,
    region: String,
    purpose: String,
    delivery: DeliveryId,
    created_at_ms: u64,
    /// The tenant's own sender, where no block of `[[senders]]` says otherwise.
    sender: Option<Arc<str>>,
    text: Arc<str>,
    speech: Option<Arc<str>>,
    call: Option<Arc<CallTexts>>,
    locale: Arc<str>,
    expires_at_ms: u64,
    validity: Duration,
    /// The record's receipts are believed until then.
    receipts_until_ms: u64,
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

/// How long after its expiry a receipt for a message is still taken, in ms.
const RECEIPTS_AFTER_EXPIRY_MS: u64 = 24 * 3_600_000;

impl Composed {
    pub(super) fn of(live: &Live, work: &mut Work, now_ms: u64) -> Result<Self, Unreadable> {
        let opened = match work.opened.take() {
            Some(opened) => opened,
            None => Arc::new(opened(live, work)?),
        };
        let Opened { details, code } = &*opened;
        let record = &work.record;
        let state = work.state().ok_or(Unreadable::Damaged)?;
        let tenant = live
            .tenants
            .by_tag(record.tenant)
            .ok_or(Unreadable::Foreign)?;
        let asked = details
            .locale
            .as_deref()
            .and_then(|locale| Locale::parse(locale).ok());
        let locale = asked.as_ref().unwrap_or(&tenant.locale);
        let (text, speech, call, locale) = match record.kind {
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
                let rendered = tenant.catalog.render(state.channel, locale, &content);
                (
                    rendered.text,
                    rendered.speech,
                    rendered.call,
                    rendered.locale,
                )
            }
            RecordKind::SendOnly => {
                let text = details.text.clone().ok_or(Unreadable::Damaged)?;
                (text, details.speech.clone(), None, locale.as_str().into())
            }
        };
        let quiet_ms = live.dispatch.policy.quiet_ms;
        let validity_ms = record.submit_before_ms(quiet_ms).saturating_sub(now_ms);
        Ok(Self {
            tenant: Arc::clone(&tenant.name),
            to: details.number().ok_or(Unreadable::Damaged)?,
            channel: state.channel,
            tenant_tag: record.tenant,
            region: details.region.clone(),
            purpose: details.purpose.clone(),
            delivery: work.delivery,
            created_at_ms: state.created_at_ms,
            sender: own_sender(tenant, state.channel),
            text: text.into(),
            speech: speech.map(Into::into),
            call: call.map(Arc::new),
            locale,
            expires_at_ms: record.expires_at_ms,
            validity: Duration::from_millis(validity_ms.max(1000)),
            receipts_until_ms: record.expires_at_ms + RECEIPTS_AFTER_EXPIRY_MS,
        })
    }

    /// The question to the tenant's cap on submissions there, if it has one.
    pub(super) fn submission_cap(&self, live: &Live) -> Option<LimitAsk> {
        let tenant = live.tenants.by_tag(self.tenant_tag)?;
        submission_cap(live, tenant, &self.region, self.channel)
    }

    pub(super) fn destination(&self) -> Destination<'_> {
        Destination {
            tenant: &self.tenant,
            channel: self.channel,
            region: &self.region,
            e164: self.to.expose(),
            purpose: &self.purpose,
        }
    }

    /// What the receipts of one attempt name.
    pub(super) fn receipt_reference(&self, attempt: u32) -> ReceiptReference {
        ReceiptReference {
            tenant: self.tenant_tag,
            delivery: self.delivery,
            attempt,
            channel: self.channel,
            created_at_ms: self.created_at_ms,
            expires_at_s: self.receipts_until_ms / 1000,
        }
    }

    /// Who the message comes from; `None` leaves it to the provider.
    fn sender(&self, live: &Live, hop: &ProviderStack) -> Option<Arc<str>> {
        let asked = Asked {
            tenant: &self.tenant,
            provider: &hop.id,
            channel: self.channel,
            country: &self.region,
        };
        live.senders.choose(asked, self.sender.as_ref()).cloned()
    }

    /// The message for one attempt at one provider.
    pub(super) fn message(&self, live: &Live, hop: &ProviderStack, attempt: u32) -> Message {
        let receipt_url = receipts_by_reference(&*hop.provider).then(|| {
            let reference = self.receipt_reference(attempt);
            live.receipt_url(&hop.id, &reference.sign(live.ring.newest(), &hop.id))
        });
        Message {
            reference: format!("{}-{attempt}", self.delivery).into(),
            tenant: Arc::clone(&self.tenant),
            to: self.to.clone(),
            channel: self.channel,
            text: Arc::clone(&self.text),
            speech: self.speech.clone(),
            call: self.call.clone(),
            call_url: None,
            sender: self.sender(live, hop),
            locale: Arc::clone(&self.locale),
            expires_at_ms: self.expires_at_ms,
            validity_period: self.validity,
            receipt_url: receipt_url.flatten(),
        }
    }
}

fn own_sender(tenant: &Tenant, channel: Channel) -> Option<Arc<str>> {
    match channel {
        Channel::Sms => tenant.sms_sender.clone(),
        Channel::Voice => tenant.voice_sender.clone(),
    }
}

/// Opens what the record keeps sealed.
fn opened(live: &Live, work: &Work) -> Result<Opened, Unreadable> {
    let id = work.delivery.record;
    Ok(Opened {
        details: Details::open(&live.ring, id, &work.record)?,
        code: open_code(&live.ring, id, &work.record)?,
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
