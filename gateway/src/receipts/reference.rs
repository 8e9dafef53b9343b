//! What a receipt URL names, and how it proves that it is ours.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use watchword_providers::Channel;

use crate::id::{DeliveryId, RecordId, Shard};
use crate::keys::{KEY_TAG_LENGTH, KeyRing, PurposeKeys};
use crate::routing::{AREA_LENGTH, Area};
use crate::verification::TenantTag;

/// The attempt that a receipt speaks of. In a URL it carries a tag that names
/// the key, and a MAC over all of it, the provider and the key's id, so that it
/// is checked before body and store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "ByteBuf", try_from = "ByteBuf")]
pub struct ReceiptReference {
    pub tenant: TenantTag,
    pub delivery: DeliveryId,
    /// From 1.
    pub attempt: u32,
    pub channel: Channel,
    /// Where the message went: its receipt counts there.
    pub area: Area,
    /// When the delivery was created: a receipt tells how long it took from then.
    pub created_at_ms: u64,
    /// In s since the Unix epoch.
    pub expires_at_s: u64,
}

/// Why a reference is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// It is none of ours, or its time is over.
    #[error("the reference is not known")]
    Unknown,
    /// It names a key that this node does not have; another may.
    #[error("the reference was made under another key")]
    UnknownKey,
}

const VERSION: u8 = 1;
const HEAD_LENGTH: usize = 1 + KEY_TAG_LENGTH;
/// The length of [`ReceiptReference::to_bytes`].
const FIELDS_LENGTH: usize = 2 + 16 + 1 + 4 + 1 + AREA_LENGTH + 8 + 8 + 8;
const BODY_LENGTH: usize = HEAD_LENGTH + FIELDS_LENGTH;
const MAC_LENGTH: usize = 16;
/// The length of a reference's text.
pub const REFERENCE_LENGTH: usize = ((BODY_LENGTH + MAC_LENGTH) * 4).div_ceil(3);

impl ReceiptReference {
    /// The reference as it stands in the URL given to this provider.
    pub fn sign(&self, keys: &PurposeKeys, provider: &str) -> String {
        let mut bytes = Vec::with_capacity(BODY_LENGTH + MAC_LENGTH);
        bytes.push(VERSION);
        bytes.extend_from_slice(&keys.receipt_key_tag());
        bytes.extend_from_slice(&self.to_bytes());
        let mac = mac_of(keys, provider, &bytes);
        bytes.extend_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a reference this gateway gave to this provider and that is still valid.
    ///
    /// # Errors
    ///
    /// [`ReferenceError::UnknownKey`] says nothing about whether it is ours:
    /// anybody can write a tag.
    pub fn verify(
        ring: &KeyRing,
        provider: &str,
        text: &str,
        now_s: u64,
    ) -> Result<Self, ReferenceError> {
        let (body, mac) = split(text).ok_or(ReferenceError::Unknown)?;
        let (tag, reference) = read(&body).ok_or(ReferenceError::Unknown)?;
        if now_s >= reference.expires_at_s {
            return Err(ReferenceError::Unknown);
        }
        let mut named = ring
            .all()
            .iter()
            .filter(|keys| keys.receipt_key_tag() == tag)
            .peekable();
        if named.peek().is_none() {
            return Err(ReferenceError::UnknownKey);
        }
        let is_ours = |keys: &PurposeKeys| {
            verify_slices_are_equal(&mac_of(keys, provider, &body), &mac).is_ok()
        };
        named
            .any(is_ours)
            .then_some(reference)
            .ok_or(ReferenceError::Unknown)
    }

    /// In ms since the Unix epoch.
    pub fn expires_at_ms(&self) -> u64 {
        self.expires_at_s.saturating_mul(1000)
    }

    /// What it names, without key and MAC: as the store keeps it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIELDS_LENGTH);
        bytes.extend_from_slice(&self.delivery.record.shard.number().to_be_bytes());
        bytes.extend_from_slice(&self.delivery.record.random);
        bytes.push(self.delivery.ordinal);
        bytes.extend_from_slice(&self.attempt.to_be_bytes());
        bytes.push(match self.channel {
            Channel::Sms => SMS,
            Channel::Voice => VOICE,
        });
        bytes.extend_from_slice(&self.area.to_bytes());
        bytes.extend_from_slice(&self.tenant.0);
        bytes.extend_from_slice(&self.created_at_ms.to_be_bytes());
        bytes.extend_from_slice(&self.expires_at_s.to_be_bytes());
        bytes
    }

    /// What [`Self::to_bytes`] wrote; `None` for anything else.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (shard, rest) = bytes.split_first_chunk::<2>()?;
        let (random, rest) = rest.split_first_chunk::<16>()?;
        let (ordinal, rest) = rest.split_first()?;
        let (attempt, rest) = rest.split_first_chunk::<4>()?;
        let (channel, rest) = rest.split_first()?;
        let (area, rest) = rest.split_first_chunk::<AREA_LENGTH>()?;
        let (tenant, rest) = rest.split_first_chunk::<8>()?;
        let (created_at_ms, rest) = rest.split_first_chunk::<8>()?;
        let expires_at_s: &[u8; 8] = rest.try_into().ok()?;
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
            channel: match *channel {
                SMS => Channel::Sms,
                VOICE => Channel::Voice,
                _ => return None,
            },
            area: Area::of_bytes(*area),
            created_at_ms: u64::from_be_bytes(*created_at_ms),
            expires_at_s: u64::from_be_bytes(*expires_at_s),
        })
    }
}

impl From<ReceiptReference> for ByteBuf {
    fn from(reference: ReceiptReference) -> Self {
        Self::from(reference.to_bytes())
    }
}

impl TryFrom<ByteBuf> for ReceiptReference {
    type Error = ReferenceError;

    fn try_from(bytes: ByteBuf) -> Result<Self, ReferenceError> {
        Self::of_bytes(&bytes).ok_or(ReferenceError::Unknown)
    }
}

const SMS: u8 = 0;
const VOICE: u8 = 1;

/// What the MAC covers, and the MAC.
fn split(text: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    (text.len() == REFERENCE_LENGTH).then_some(())?;
    let mut body = URL_SAFE_NO_PAD.decode(text).ok()?;
    (body.len() == BODY_LENGTH + MAC_LENGTH).then_some(())?;
    let mac = body.split_off(BODY_LENGTH);
    Some((body, mac))
}

/// The key's tag and the reference, not yet believed.
fn read(body: &[u8]) -> Option<([u8; KEY_TAG_LENGTH], ReceiptReference)> {
    let (version, rest) = body.split_first()?;
    (*version == VERSION).then_some(())?;
    let (tag, fields) = rest.split_first_chunk()?;
    Some((*tag, ReceiptReference::of_bytes(fields)?))
}

fn mac_of(keys: &PurposeKeys, provider: &str, body: &[u8]) -> [u8; MAC_LENGTH] {
    keys.receipt_mac(&[keys.id.as_bytes(), provider.as_bytes(), body])
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
            area: Area::of_bytes(*b"US\0\0\x05\x87"),
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
            Ok(reference())
        );
        assert_eq!(
            ReceiptReference::verify(&after, "hook-a", &text, 1000),
            Err(ReferenceError::Unknown)
        );
    }

    #[test]
    fn a_reference_of_another_provider_or_content_is_not_ours() {
        let ring = ring(&[("k1", 1)]);
        let read = |provider: &str, text: &str| ReceiptReference::verify(&ring, provider, text, 1);
        let text = reference().sign(ring.newest(), "hook-a");
        assert_eq!(read("hook-b", &text), Err(ReferenceError::Unknown));
        // The same secret by another name: its tag is known, its MAC is not.
        let renamed = PurposeKeys::of(&master("k2", 1));
        let renamed = reference().sign(&renamed, "hook-a");
        assert_eq!(read("hook-a", &renamed), Err(ReferenceError::Unknown));
        for position in 0..text.len() {
            let mut tampered = text.clone().into_bytes();
            tampered[position] = if tampered[position] == b'A' {
                b'B'
            } else {
                b'A'
            };
            let tampered = String::from_utf8(tampered).unwrap();
            let read = read("hook-a", &tampered);
            assert!(read.is_err(), "character {position}");
            // The first 7 characters hold the version and the key's tag.
            if position >= 7 {
                assert_eq!(read, Err(ReferenceError::Unknown), "character {position}");
            }
        }
        for rubbish in ["", "%", "AAAA", &"A".repeat(REFERENCE_LENGTH)] {
            assert_eq!(read("hook-a", rubbish), Err(ReferenceError::Unknown));
        }
    }

    #[test]
    fn a_reference_under_a_key_that_is_not_here_is_told_from_a_forged_one() {
        let (ahead, behind) = (ring(&[("k2", 2), ("k1", 1)]), ring(&[("k1", 1)]));
        let text = reference().sign(ahead.newest(), "hook-a");
        let read = |now_s| ReceiptReference::verify(&behind, "hook-a", &text, now_s);
        assert_eq!(read(999), Err(ReferenceError::UnknownKey));
        // What is over is over under every key.
        assert_eq!(read(1000), Err(ReferenceError::Unknown));
        // A tag that is known does not make a MAC right.
        let mut forged = URL_SAFE_NO_PAD.decode(&text).unwrap();
        forged[1..HEAD_LENGTH].copy_from_slice(&behind.newest().receipt_key_tag());
        let forged = URL_SAFE_NO_PAD.encode(forged);
        assert_eq!(
            ReceiptReference::verify(&behind, "hook-a", &forged, 1),
            Err(ReferenceError::Unknown)
        );
        assert_eq!(
            ReceiptReference::verify(&ahead, "hook-a", &forged, 1),
            Err(ReferenceError::Unknown)
        );
    }
}
