//! Sealing: AES-256-GCM under a subkey of the record, so that a stolen copy of
//! the store reveals neither a code nor a number.
//!
//! `[format version][length of key id][key id][nonce, 12 bytes][sealed + tag]`,
//! with version, key id, tenant, kind, id and field as associated data: a sealed
//! field opens only where it was put.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk};
use zeroize::Zeroizing;

use super::{KeyRing, PurposeKeys, expand, random};
use crate::id::RecordId;
use crate::store::FORMAT_VERSION;
use crate::verification::{RecordKind, TenantTag};

/// Which part of a record is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Number, texts, everything the message is made of.
    Details,
    Code,
    /// What its tenant was told by webhooks.
    Webhooks,
    /// All that is known of a subject.
    Subject,
    /// A line of a subject's audit trail.
    Audit,
}

/// What kind of thing a sealed field is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceKind {
    Verification,
    SendOnly,
    Subject,
}

impl From<RecordKind> for PlaceKind {
    fn from(kind: RecordKind) -> Self {
        match kind {
            RecordKind::Verification => Self::Verification,
            RecordKind::SendOnly => Self::SendOnly,
        }
    }
}

/// The place a sealed field belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub tenant: TenantTag,
    pub kind: PlaceKind,
    pub id: RecordId,
    pub field: Field,
}

/// Why something sealed does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Sealed under a key this node does not have.
    #[error("sealed under a key this node does not have")]
    UnknownKey,
    /// Damaged, moved, or sealed by another release.
    #[error("damaged or moved")]
    Damaged,
}

const NONCE_LENGTH: usize = 12;

/// Seals the fields of one record: its subkey is made once.
pub struct Sealer<'a> {
    key_id: &'a str,
    /// Of any field of the record.
    place: Place,
    key: LessSafeKey,
}

impl<'a> Sealer<'a> {
    /// For the record of `place`, whatever its field.
    pub fn new(keys: &'a PurposeKeys, place: Place) -> Self {
        Self {
            key_id: &keys.id,
            place,
            key: record_key(&keys.seal, place.id),
        }
    }

    /// Seals `plain` as this field of the record.
    ///
    /// # Panics
    ///
    /// Never: a record is far below the longest text AES-GCM seals.
    pub fn seal(&self, field: Field, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LENGTH] = random();
        let mut sealed = header(self.key_id);
        let place = Place {
            field,
            ..self.place
        };
        let associated = associated_data(&sealed, place);
        sealed.extend_from_slice(&nonce);
        let body_from = sealed.len();
        sealed.extend_from_slice(plain);
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(associated),
                sealed.split_at_mut(body_from).1,
            )
            .expect("a record is far below the longest text AES-GCM seals");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }
}

/// Seals `plain` for its place.
pub fn seal(keys: &PurposeKeys, place: Place, plain: &[u8]) -> Vec<u8> {
    Sealer::new(keys, place).seal(place.field, plain)
}

/// What is sealed under a key of its own says so by naming none.
const OWN_KEY: &str = "";

/// Seals `plain` under a key that is itself kept sealed, so that it stays readable
/// when the master key of its day has gone.
pub fn seal_under(own: &[u8; 32], place: Place, plain: &[u8]) -> Vec<u8> {
    let sealer = Sealer {
        key_id: OWN_KEY,
        place,
        key: record_key(&own_prk(own), place.id),
    };
    sealer.seal(place.field, plain)
}

/// Opens what [`seal_under`] made for the same place.
///
/// # Errors
///
/// [`OpenError::Damaged`].
pub fn open_under(
    own: &[u8; 32],
    place: Place,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (key_id, rest) = split_header(sealed).ok_or(OpenError::Damaged)?;
    if key_id != OWN_KEY {
        return Err(OpenError::Damaged);
    }
    open_body((OWN_KEY, &own_prk(own)), place, rest)
}

fn own_prk(own: &[u8; 32]) -> Prk {
    Prk::new_less_safe(HKDF_SHA256, own)
}

/// The id of the key that something is sealed under; `None` if it is not sealed.
pub fn key_id(sealed: &[u8]) -> Option<&str> {
    split_header(sealed).map(|(key_id, _)| key_id)
}

/// Opens what [`seal`] made for the same place.
///
/// # Errors
///
/// [`OpenError`].
pub fn open(ring: &KeyRing, place: Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (key_id, rest) = split_header(sealed).ok_or(OpenError::Damaged)?;
    let keys = ring.find(key_id).ok_or(OpenError::UnknownKey)?;
    open_with(keys, place, rest)
}

/// As [`open`], where the ring is not there yet.
pub(super) fn open_with(
    keys: &PurposeKeys,
    place: Place,
    nonce_and_body: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    open_body((&keys.id, &keys.seal), place, nonce_and_body)
}

fn open_body(
    (key_id, secret): (&str, &Prk),
    place: Place,
    nonce_and_body: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (nonce, body) = nonce_and_body
        .split_first_chunk::<NONCE_LENGTH>()
        .ok_or(OpenError::Damaged)?;
    let associated = associated_data(&header(key_id), place);
    let mut body = Zeroizing::new(body.to_vec());
    let length = record_key(secret, place.id)
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(associated),
            &mut body,
        )
        .map_err(|_| OpenError::Damaged)?
        .len();
    body.truncate(length);
    Ok(body)
}

/// The key id and what follows it.
pub(super) fn split_header(sealed: &[u8]) -> Option<(&str, &[u8])> {
    let (version, rest) = sealed.split_first()?;
    (*version == FORMAT_VERSION).then_some(())?;
    let (length, rest) = rest.split_first()?;
    let (key_id, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(key_id).ok()?, rest))
}

fn header(key_id: &str) -> Vec<u8> {
    let mut header = Vec::with_capacity(128);
    header.push(FORMAT_VERSION);
    header.push(u8::try_from(key_id.len()).unwrap_or(u8::MAX));
    header.extend_from_slice(key_id.as_bytes());
    header
}

fn associated_data(header: &[u8], place: Place) -> Vec<u8> {
    // Tenant, kind, shard, id and field.
    const PLACE_LENGTH: usize = 8 + 1 + 2 + 16 + 1;
    let mut data = Vec::with_capacity(header.len() + PLACE_LENGTH);
    data.extend_from_slice(header);
    data.extend_from_slice(&place.tenant.0);
    data.push(match place.kind {
        PlaceKind::Verification => 1,
        PlaceKind::SendOnly => 2,
        PlaceKind::Subject => 3,
    });
    data.extend_from_slice(&place.id.shard.number().to_be_bytes());
    data.extend_from_slice(&place.id.random);
    data.push(match place.field {
        Field::Details => 1,
        Field::Code => 2,
        Field::Webhooks => 3,
        Field::Subject => 4,
        Field::Audit => 5,
    });
    data
}

fn record_key(secret: &Prk, id: RecordId) -> LessSafeKey {
    let secret = expand(
        secret,
        &[b"record", &id.shard.number().to_be_bytes(), &id.random],
    );
    let unbound = UnboundKey::new(&AES_256_GCM, &*secret).expect("the subkey has 32 bytes");
    LessSafeKey::new(unbound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Shard;
    use crate::keys::IndexKey;
    use crate::keys::tests::master;

    fn ring() -> KeyRing {
        let keys = vec![
            PurposeKeys::of(&master("k2", 2)),
            PurposeKeys::of(&master("k1", 1)),
        ];
        KeyRing::new(keys, "k2", IndexKey::new(&Zeroizing::new([3; 32]), 64)).unwrap()
    }

    fn place(fill: u8, field: Field) -> Place {
        Place {
            tenant: TenantTag([1; 8]),
            kind: PlaceKind::Verification,
            id: RecordId {
                shard: Shard::new(7).unwrap(),
                random: [fill; 16],
            },
            field,
        }
    }

    #[test]
    fn what_an_older_key_sealed_still_opens() {
        let ring = ring();
        let sealed = seal(ring.find("k1").unwrap(), place(1, Field::Code), b"123456");
        assert_eq!(
            &**open(&ring, place(1, Field::Code), &sealed).unwrap(),
            b"123456"
        );
    }

    #[test]
    fn what_has_a_key_of_its_own_opens_under_that_key_and_in_its_place_alone() {
        let (own, here) = ([7; 32], place(1, Field::Audit));
        let sealed = seal_under(&own, here, b"a line");
        assert_eq!(&**open_under(&own, here, &sealed).unwrap(), b"a line");
        for (key, at) in [([8; 32], here), (own, place(2, Field::Audit))] {
            assert_eq!(open_under(&key, at, &sealed), Err(OpenError::Damaged));
        }
        // No master key opens it, and it opens nothing of theirs.
        let ring = ring();
        assert_eq!(open(&ring, here, &sealed), Err(OpenError::UnknownKey));
        let theirs = seal(ring.newest(), here, b"a line");
        assert_eq!(open_under(&own, here, &theirs), Err(OpenError::Damaged));
        assert_eq!((key_id(&theirs), key_id(&sealed)), (Some("k2"), Some("")));
    }

    #[test]
    fn nothing_opens_where_it_was_not_put() {
        let ring = ring();
        let here = place(1, Field::Code);
        let sealed = seal(ring.newest(), here, b"123456");
        let elsewhere = [
            place(2, Field::Code),
            place(1, Field::Details),
            Place {
                tenant: TenantTag([2; 8]),
                ..here
            },
            Place {
                kind: PlaceKind::SendOnly,
                ..here
            },
            Place {
                kind: PlaceKind::Subject,
                ..here
            },
        ];
        for place in elsewhere {
            assert_eq!(
                open(&ring, place, &sealed),
                Err(OpenError::Damaged),
                "{place:?}"
            );
        }
        for position in 0..sealed.len() {
            let mut tampered = sealed.clone();
            tampered[position] ^= 1;
            assert!(open(&ring, here, &tampered).is_err(), "byte {position}");
        }
        assert_eq!(open(&ring, here, &sealed[..10]), Err(OpenError::Damaged));
    }

    #[test]
    fn a_key_this_node_lacks_is_told_from_damage() {
        let foreign = PurposeKeys::of(&master("k9", 9));
        let sealed = seal(&foreign, place(1, Field::Code), b"123456");
        assert_eq!(
            open(&ring(), place(1, Field::Code), &sealed),
            Err(OpenError::UnknownKey)
        );
    }
}
