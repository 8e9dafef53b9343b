//! Provider callbacks: from a signed call to the attempt it speaks of, once, in
//! any order. What is not believed changes nothing and is counted.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use watchword_providers::{Callback, Channel, DeliveryReceipt, Provider, ReceiptError, Receipts};

use crate::delivery::{ApplyReceipt, AttemptReceipt, DeliveryStatus, ReceiptApplied};
use crate::dispatch::Dispatcher;
use crate::id::{DeliveryId, RecordId, Shard};
use crate::keys::{KeyRing, PurposeKeys};
use crate::live::{Live, Shared};
use crate::telemetry::events;
use crate::verification::TenantTag;

/// What a receipt URL names. Its text carries a MAC over all of it, the
/// provider and the key's id, so that it is checked before body and store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiptReference {
    pub tenant: TenantTag,
    pub delivery: DeliveryId,
    pub attempt: u32,
    pub channel: Channel,
    /// When the delivery was created: a receipt tells how long it took from then.
    pub created_at_ms: u64,
    /// In s since the Unix epoch.
    pub expires_at_s: u64,
}

const VERSION: u8 = 1;
const BODY_LENGTH: usize = 1 + 2 + 16 + 1 + 4 + 1 + 8 + 8 + 8;
const MAC_LENGTH: usize = 16;
/// The length of a reference's text.
pub const REFERENCE_LENGTH: usize = ((BODY_LENGTH + MAC_LENGTH) * 4).div_ceil(3);

impl ReceiptReference {
    /// The reference as it stands in the URL given to this provider.
    pub fn sign(&self, keys: &PurposeKeys, provider: &str) -> String {
        let mut bytes = self.body();
        let mac = keys.receipt_mac(&[keys.id.as_bytes(), provider.as_bytes(), &bytes]);
        bytes.extend_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a reference this gateway gave to this provider and that is still valid.
    pub fn verify(ring: &KeyRing, provider: &str, text: &str, now_s: u64) -> Option<Self> {
        (text.len() == REFERENCE_LENGTH).then_some(())?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, mac) = bytes.split_at_checked(BODY_LENGTH)?;
        let is_ours = ring.all().iter().any(|keys| {
            let expected = keys.receipt_mac(&[keys.id.as_bytes(), provider.as_bytes(), body]);
            verify_slices_are_equal(&expected, mac).is_ok()
        });
        is_ours.then_some(())?;
        Self::read(body).filter(|reference| now_s < reference.expires_at_s)
    }

    fn body(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BODY_LENGTH + MAC_LENGTH);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.delivery.record.shard.number().to_be_bytes());
        bytes.extend_from_slice(&self.delivery.record.random);
        bytes.push(self.delivery.ordinal);
        bytes.extend_from_slice(&self.attempt.to_be_bytes());
        bytes.push(match self.channel {
            Channel::Sms => 0,
            Channel::Voice => 1,
        });
        bytes.extend_from_slice(&self.tenant.0);
        bytes.extend_from_slice(&self.created_at_ms.to_be_bytes());
        bytes.extend_from_slice(&self.expires_at_s.to_be_bytes());
        bytes
    }

    fn read(body: &[u8]) -> Option<Self> {
        let (version, rest) = body.split_first()?;
        (*version == VERSION).then_some(())?;
        let (shard, rest) = rest.split_first_chunk::<2>()?;
        let (random, rest) = rest.split_first_chunk::<16>()?;
        let (ordinal, rest) = rest.split_first()?;
        let (attempt, rest) = rest.split_first_chunk::<4>()?;
        let (channel, rest) = rest.split_first()?;
        let (tenant, rest) = rest.split_first_chunk::<8>()?;
        let (created_at_ms, rest) = rest.split_first_chunk::<8>()?;
        let (expires_at_s, _) = rest.split_first_chunk::<8>()?;
        Some(Self {
            tenant: TenantTag(*tenant),
            delivery: DeliveryId {
                record: RecordId {
                    shard: Shard::new(u16::from_be_bytes(*shard))?,
                    random: *random,
                },
                ordinal: *ordinal,
            },
            attempt: u32::from_be_bytes(*attempt),
            channel: if *channel == 0 {
                Channel::Sms
            } else {
                Channel::Voice
            },
            created_at_ms: u64::from_be_bytes(*created_at_ms),
            expires_at_s: u64::from_be_bytes(*expires_at_s),
        })
    }
}

/// Whether a provider reports by calling the URL it was given.
pub fn receipts_by_reference(provider: &dyn Provider) -> bool {
    match provider.capabilities().receipts {
        Receipts::Reference => true,
        Receipts::None | Receipts::MessageId => false,
    }
}

/// What a provider that calls is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptEnd {
    Accepted,
    NotFound,
    /// Not believed.
    Refused,
    /// Call again.
    Unavailable,
}

/// Receives receipts.
pub struct ReceiptDesk {
    shared: Shared,
    dispatcher: Arc<Dispatcher>,
}

impl ReceiptDesk {
    pub fn new(shared: Shared, dispatcher: Arc<Dispatcher>) -> Self {
        Self { shared, dispatcher }
    }

    /// Whether this reference is ours, for this provider, and still valid.
    /// Cheap: asked before the body is read.
    pub fn admits(&self, provider: &str, reference: &str) -> bool {
        let admitted = self
            .reference(&self.shared.live.load(), provider, reference)
            .is_some();
        if !admitted {
            self.refused(provider, "reference");
        }
        admitted
    }

    /// Verifies a callback and applies its receipts.
    pub async fn receive(
        &self,
        provider_id: &str,
        reference: &str,
        callback: &Callback<'_>,
    ) -> ReceiptEnd {
        let live = self.shared.live.load_full();
        let Some(reference) = self.reference(&live, provider_id, reference) else {
            return ReceiptEnd::NotFound;
        };
        let Some(hop) = live.providers.get(provider_id) else {
            return ReceiptEnd::NotFound;
        };
        let receipts = match hop.provider.receipts(callback) {
            Ok(receipts) => receipts,
            Err(error) => {
                self.refused(provider_id, reason_of(error));
                return ReceiptEnd::Refused;
            }
        };
        for receipt in receipts {
            if let Err(end) = self.apply(&live, provider_id, &reference, &receipt).await {
                return end;
            }
        }
        ReceiptEnd::Accepted
    }

    async fn apply(
        &self,
        live: &Live,
        provider_id: &str,
        reference: &ReceiptReference,
        receipt: &DeliveryReceipt,
    ) -> Result<(), ReceiptEnd> {
        let now_ms = self.shared.store_now_ms();
        let ask = ApplyReceipt {
            attempt: reference.attempt,
            receipt: AttemptReceipt {
                status: receipt.status,
                // A network's own time may be anything; it must not look like the future.
                at_ms: receipt
                    .at_ms
                    .filter(|at_ms| *at_ms <= now_ms)
                    .unwrap_or(now_ms),
                code: receipt.code.as_ref().map(|code| code.as_str().into()),
                is_final_for_number: receipt.is_final_for_number,
            },
            may_redispatch: true,
            policy: live.dispatch.policy,
        };
        let applied = match self
            .shared
            .store
            .apply_receipt(reference.delivery, &ask)
            .await
        {
            Ok(applied) => applied,
            Err(error) => {
                self.shared.store_failed("receipt", &error);
                return Err(ReceiptEnd::Unavailable);
            }
        };
        self.applied(provider_id, reference, receipt, applied);
        match applied {
            ReceiptApplied::Redispatch => {
                // The provider may hang up; what is taken must not hang on it.
                let dispatcher = Arc::clone(&self.dispatcher);
                let delivery = reference.delivery;
                self.dispatcher
                    .spawn(async move { dispatcher.pick_up(delivery).await });
            }
            ReceiptApplied::Nothing
            | ReceiptApplied::Recorded { .. }
            | ReceiptApplied::NoAttempt => {}
        }
        Ok(())
    }

    fn reference(&self, live: &Live, provider: &str, text: &str) -> Option<ReceiptReference> {
        let now_s = self.shared.store_now_ms() / 1000;
        ReceiptReference::verify(&live.ring, provider, text, now_s)
    }

    fn refused(&self, provider: &str, reason: &'static str) {
        // An unknown id must not become a label.
        let live = self.shared.live.load();
        let known = live.providers.get_key_value(provider).map(|(id, _)| &**id);
        let provider = known.unwrap_or("unknown");
        events::ReceiptRefused { provider, reason }.emit(&self.shared.metrics);
    }

    fn applied(
        &self,
        provider: &str,
        reference: &ReceiptReference,
        receipt: &DeliveryReceipt,
        applied: ReceiptApplied,
    ) {
        let effect = match applied {
            ReceiptApplied::Recorded {
                status: DeliveryStatus::Delivered,
            } => "delivered",
            ReceiptApplied::Recorded { .. } => "recorded",
            ReceiptApplied::Redispatch => "redispatch",
            ReceiptApplied::Nothing | ReceiptApplied::NoAttempt => "nothing",
        };
        let name = reference.delivery.to_string();
        events::ReceiptApplied {
            delivery: &name,
            attempt: reference.attempt,
            provider,
            status: receipt.status.as_str(),
            code: receipt.code.as_ref(),
            effect,
        }
        .emit(&self.shared.metrics);
        if effect == "delivered" {
            let live = self.shared.live.load();
            let took_ms = self
                .shared
                .store_now_ms()
                .saturating_sub(reference.created_at_ms);
            events::DeliveryEnded {
                tenant: live.tenants.name_of(reference.tenant),
                delivery: &name,
                provider: Some(provider),
                channel: reference.channel,
                status: DeliveryStatus::Delivered.as_str(),
                reason: None,
                delivered_after: Some(Duration::from_millis(took_ms)),
            }
            .emit(&self.shared.metrics);
        }
    }
}

fn reason_of(error: ReceiptError) -> &'static str {
    match error {
        ReceiptError::Signature => "signature",
        ReceiptError::Stale => "stale",
        ReceiptError::Malformed => "malformed",
        ReceiptError::NotExpected => "not_expected",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::master;
    use crate::keys::{IndexKey, PurposeKeys};
    use zeroize::Zeroizing;

    fn ring(ids: &[(&str, u8)]) -> KeyRing {
        let keys: Vec<_> = ids
            .iter()
            .map(|(id, fill)| PurposeKeys::of(&master(id, *fill)))
            .collect();
        KeyRing::new(keys, ids[0].0, IndexKey::new(&Zeroizing::new([3; 32]), 64)).unwrap()
    }

    fn reference() -> ReceiptReference {
        ReceiptReference {
            tenant: TenantTag([5; 8]),
            delivery: DeliveryId {
                record: RecordId {
                    shard: Shard::new(7).unwrap(),
                    random: [9; 16],
                },
                ordinal: 2,
            },
            attempt: 3,
            channel: Channel::Voice,
            created_at_ms: 77,
            expires_at_s: 1000,
        }
    }

    #[test]
    fn a_reference_is_read_back_until_it_expires_also_after_a_rotation() {
        let before = ring(&[("k1", 1)]);
        let text = reference().sign(before.newest(), "hook-a");
        assert_eq!(text.len(), REFERENCE_LENGTH);
        let after = ring(&[("k2", 2), ("k1", 1)]);
        assert_eq!(
            ReceiptReference::verify(&after, "hook-a", &text, 999),
            Some(reference())
        );
        assert_eq!(
            ReceiptReference::verify(&after, "hook-a", &text, 1000),
            None
        );
    }

    #[test]
    fn a_reference_of_another_provider_key_or_content_is_not_ours() {
        let ring = ring(&[("k1", 1)]);
        let text = reference().sign(ring.newest(), "hook-a");
        assert_eq!(ReceiptReference::verify(&ring, "hook-b", &text, 1), None);
        let foreign = PurposeKeys::of(&master("k1", 9));
        assert_eq!(
            ReceiptReference::verify(&ring, "hook-a", &reference().sign(&foreign, "hook-a"), 1),
            None
        );
        for position in 0..text.len() {
            let mut tampered = text.clone().into_bytes();
            tampered[position] = if tampered[position] == b'A' {
                b'B'
            } else {
                b'A'
            };
            let tampered = String::from_utf8(tampered).unwrap();
            let read = ReceiptReference::verify(&ring, "hook-a", &tampered, 1);
            assert_eq!(read, None, "character {position}");
        }
        for rubbish in ["", "%", "AAAA", &"A".repeat(REFERENCE_LENGTH)] {
            assert_eq!(ReceiptReference::verify(&ring, "hook-a", rubbish, 1), None);
        }
    }
}
