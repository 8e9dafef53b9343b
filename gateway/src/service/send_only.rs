//! Send-only deliveries: the tenant's own text over the same engine.

use watchword_providers::Channel;

use super::aim::Aim;
use super::error::ServiceError;
use super::fields::{self, client_class};
use super::limits::of_send;
use super::render;
use super::request::DeliverRequest;
use super::send::{Send, SendAsk};
use super::view::SendOnlyView;
use super::{Answer, Service};
use crate::delivery::NewDelivery;
use crate::details::{Details, RecordPlace};
use crate::id::{DeliveryId, RecordId};
use crate::keys::random;
use crate::live::Live;
use crate::number::ParsedNumber;
use crate::routing::Draw;
use crate::tenants::{Caller, Tenant};
use crate::verification::{Conversion, IdentityTag, RecordKind, Start};

/// The purpose that routes of send-only deliveries match.
const PURPOSE: &str = "delivery";
const VALIDITY_DEFAULT_S: u64 = 600;
const VALIDITY_MAX_S: u64 = 86_400;

impl Service {
    /// Sends the tenant's own text.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: nothing is sent, but for `store_outcome_unknown`.
    pub async fn deliver(&self, caller: &Caller, request: DeliverRequest) -> Answer<SendOnlyView> {
        let live = self.shared.live.load_full();
        let tenant = &caller.tenant;
        let to = fields::number(&request.to, request.region.as_deref(), "to")?;
        let channel = request.channel.unwrap_or(Channel::Sms);
        fields::locale(request.locale.as_deref())?;
        aim(tenant, &to).may_send(&live, channel)?;
        let validity_s = request.validity_s.unwrap_or(VALIDITY_DEFAULT_S);
        if !(1..=VALIDITY_MAX_S).contains(&validity_s) {
            return Err(ServiceError::Invalid {
                code: "invalid_validity",
                field: "validity_s",
                detail: "from 1 to 86400 seconds",
                alternatives: Vec::new(),
            });
        }
        let start = new_start(&live, caller, &to, (channel, validity_s * 1000), &request);
        self.not_blocked(&start.number.0)?;
        let client = (request.client, self.shared.store_now_ms());
        let limits = of_send(&live, tenant, (&to, channel), client);
        let idempotency = request.idempotency.as_ref().map(|named| {
            let e164 = to.number.expose().as_bytes();
            let scope: [&[u8]; 3] = [&tenant.tag.0, b"deliveries", e164];
            live.ring
                .index()
                .idempotency(&scope, &named.key, &named.content)
        });
        let send = Send {
            ask: SendAsk::Start(Box::new(start)),
            idempotency,
            opened: None,
            limits,
            guard: None,
            wait: request.wait,
        };
        let accepted = self.send(send).await;
        let accepted = accepted.inspect_err(|error| self.refused(tenant, &to.number, error))?;
        let details = render::open(&live, accepted.id, &accepted.record)?;
        render::send_only(accepted.id, 1, &accepted.record, details)
    }

    /// A delivery, of a verification or on its own.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`] also for another tenant's.
    pub async fn delivery(&self, caller: &Caller, id: DeliveryId) -> Answer<SendOnlyView> {
        let live = self.shared.live.load_full();
        let (record, details, _) = self.record_of(&live, caller, id.record).await?;
        render::send_only(id.record, id.ordinal, &record, details)
    }

    /// Notes whether the text's code was used.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`] also for another tenant's.
    pub async fn report_delivery_outcome(
        &self,
        caller: &Caller,
        id: DeliveryId,
        was_used: bool,
    ) -> Answer<SendOnlyView> {
        let live = self.shared.live.load_full();
        let (record, _, _) = self.record_of(&live, caller, id.record).await?;
        if record.is_verification() || record.delivery(id.ordinal).is_none() {
            return Err(ServiceError::NotFound);
        }
        let conversion = if was_used {
            Conversion::Converted
        } else {
            Conversion::NotConverted
        };
        let found = self.note_outcome(caller, id.record, conversion).await?;
        let details = render::open(&live, id.record, &found.record)?;
        render::send_only(id.record, id.ordinal, &found.record, details)
    }
}

/// Whose number it is the tenant knows, not we.
fn aim<'a>(tenant: &'a Tenant, to: &'a ParsedNumber) -> Aim<'a> {
    Aim {
        tenant,
        to,
        purpose: PURPOSE,
        method: None,
    }
}

fn new_start(
    live: &Live,
    caller: &Caller,
    to: &ParsedNumber,
    (channel, lifetime_ms): (Channel, u64),
    request: &DeliverRequest,
) -> Start {
    let tenant = &caller.tenant;
    let (shard, number) = live.ring.index().number(tenant.tag, to.number.expose());
    let id = RecordId {
        shard,
        random: random(),
    };
    let place = RecordPlace {
        id,
        tenant: tenant.tag,
        kind: RecordKind::SendOnly,
    };
    let hops = live.hops(aim(tenant, to).destination(channel), Draw::Take, |_| false);
    let details = Details {
        tenant: tenant.name.to_string(),
        e164: to.number.expose().to_owned(),
        country_code_digits: to.number.country_code_digits(),
        region: to.region.as_str().to_owned(),
        purpose: PURPOSE.to_owned(),
        subject: None,
        locale: request.locale.clone(),
        payment: None,
        origin: None,
        app_hash: None,
        reference: request.reference.clone(),
        text: Some(request.text.clone()),
        speech: request.speech.clone(),
        is_test: false,
        method: None,
    };
    Start {
        id,
        kind: RecordKind::SendOnly,
        tenant: tenant.tag,
        number,
        // Never matched: a text of the tenant's own is never sent again.
        identity: IdentityTag([0; 12]),
        custom_code: None,
        wants_new_code: false,
        client: client_class(request.client),
        lifetime_ms,
        checks_max: 0,
        digest: None,
        details: details.seal(&place.sealer(&live.ring)),
        code: None,
        delivery: Some(NewDelivery {
            channel,
            fallback: Vec::new(),
            first_provider: hops.first().map(|hop| (**hop).into()),
        }),
        policy: live.sends.clone(),
    }
}
