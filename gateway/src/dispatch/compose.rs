//! From a record to the message a provider gets: texts, reference, receipt URL.

use std::sync::Arc;
use std::time::Duration;

use watchword_providers::{CallTexts, Channel, Message, PhoneNumber};

use super::Work;
use super::cap::submission_caps;
use super::wording::{Unreadable, opened, worded};
use crate::admission::limits::LimitAsk;
use crate::calls::asks;
use crate::id::DeliveryId;
use crate::live::Live;
use crate::receipts::{ReceiptReference, receipts_by_reference};
use crate::routing::{Area, Destination};
use crate::senders::Asked;
use crate::stack::ProviderStack;
use crate::stack::silence::Reach;
use crate::verification::{NumberTag, TenantTag};

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
    /// When the attempt at hand began, from then.
    begun_after_ms: u32,
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

/// How long after its expiry a receipt for a message is still taken, in ms.
const RECEIPTS_AFTER_EXPIRY_MS: u64 = 24 * 3_600_000;

impl Composed {
    /// What the number is called in this tenant's records.
    pub(super) fn number(&self, live: &Live) -> NumberTag {
        live.ring
            .index()
            .number(self.tenant_tag, self.to.expose())
            .1
    }

    pub(super) fn of(live: &Live, work: &mut Work, now_ms: u64) -> Result<Self, Unreadable> {
        let opened = match work.opened.take() {
            Some(opened) => opened,
            None => Arc::new(opened(live, work.delivery.record, &work.record)?),
        };
        let details = &opened.details;
        let record = &work.record;
        let state = work.state().ok_or(Unreadable::Damaged)?;
        let tenant = live
            .tenants
            .by_tag(record.tenant)
            .ok_or(Unreadable::Foreign)?;
        let worded = worded(tenant, (record, &opened), (state.channel, now_ms))?;
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
            begun_after_ms: 0,
            sender: match state.channel {
                Channel::Sms => tenant.sms_sender.clone(),
                Channel::Voice => tenant.voice_sender.clone(),
            },
            text: worded.text.into(),
            speech: worded.speech.map(Into::into),
            call: worded.call.map(Arc::new),
            locale: worded.locale,
            expires_at_ms: record.expires_at_ms,
            validity: Duration::from_millis(validity_ms.max(1000)),
            receipts_until_ms: record.expires_at_ms + RECEIPTS_AFTER_EXPIRY_MS,
        })
    }

    /// The questions to what bounds the tenant's submissions there.
    pub(super) fn submission_caps(&self, live: &Live, now_ms: u64) -> Vec<LimitAsk> {
        let Some(tenant) = live.tenants.by_tag(self.tenant_tag) else {
            return Vec::new();
        };
        let there = (&*self.region, self.channel);
        let caps = submission_caps(live, tenant, there, now_ms).into_iter();
        caps.map(|(_, ask)| ask).collect()
    }

    /// Notes when the attempt at hand began.
    pub(super) fn begun_at(&mut self, now_ms: u64) {
        let after_ms = now_ms.saturating_sub(self.created_at_ms);
        self.begun_after_ms = u32::try_from(after_ms).unwrap_or(u32::MAX);
    }

    /// What the receipts to be expected depend on.
    pub(super) fn reach(&self) -> Reach {
        Reach::of(self.channel, &self.region)
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

    /// Where it goes, as far as counts know.
    pub(super) fn area(&self) -> Area {
        Area::of(&self.region, &self.to)
    }

    /// What the receipts of one attempt name.
    pub(super) fn receipt_reference(&self, attempt: u32) -> ReceiptReference {
        ReceiptReference {
            tenant: self.tenant_tag,
            delivery: self.delivery,
            attempt,
            channel: self.channel,
            area: self.area(),
            created_at_ms: self.created_at_ms,
            begun_after_ms: self.begun_after_ms,
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
        let call_url = match self.channel {
            Channel::Voice if asks(&*hop.provider) => {
                let reference = self.receipt_reference(attempt);
                live.call_url(&hop.id, &reference.sign(live.ring.newest(), &hop.id))
            }
            Channel::Voice | Channel::Sms => None,
        };
        Message {
            reference: format!("{}-{attempt}", self.delivery).into(),
            tenant: Arc::clone(&self.tenant),
            to: self.to.clone(),
            channel: self.channel,
            text: Arc::clone(&self.text),
            speech: self.speech.clone(),
            call: self.call.clone(),
            call_url,
            sender: self.sender(live, hop),
            locale: Arc::clone(&self.locale),
            expires_at_ms: self.expires_at_ms,
            validity_period: self.validity,
            receipt_url: receipt_url.flatten(),
        }
    }
}
