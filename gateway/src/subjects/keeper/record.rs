//! What is stored of a subject: its record under a version, sealed for its place.

use zeroize::Zeroizing;

use crate::keys::KeyRing;
use crate::keys::seal::{self, Field, OpenError, Place, PlaceKind};
use crate::service::{Answer, ServiceError};
use crate::store::subjects::StoredSubject;
use crate::subjects::model::{SUBJECT_BYTES_MAX, Subject, SubjectKey};
use crate::verification::TenantTag;

/// What stands before a record, so that another release can tell what it reads.
const RECORD_VERSION: u8 = 1;

/// Opens a subject's record.
///
/// # Errors
///
/// [`ServiceError::Unavailable`]: this node lacks the key, or cannot read it.
pub(super) fn open(ring: &KeyRing, key: SubjectKey, stored: &StoredSubject) -> Answer<Subject> {
    opened(ring, place(stored.tenant, key), &stored.sealed)
}

/// As [`open`], of anything that is kept as a subject is.
pub(super) fn opened<T: serde::de::DeserializeOwned>(
    ring: &KeyRing,
    place: Place,
    sealed: &[u8],
) -> Answer<T> {
    let plain = unsealed(ring, place, sealed)?;
    match plain.split_first() {
        Some((&RECORD_VERSION, record)) => {
            rmp_serde::from_slice(record).map_err(|_| unreadable("record_damaged"))
        }
        Some(_) => Err(unreadable("unknown_format")),
        None => Err(unreadable("record_damaged")),
    }
}

/// Seals a subject's record under the newest key.
///
/// # Errors
///
/// `subject_full`.
pub(super) fn sealed(
    ring: &KeyRing,
    (tenant, key): (TenantTag, SubjectKey),
    subject: &Subject,
) -> Answer<Vec<u8>> {
    let plain = written(subject);
    if plain.len() > SUBJECT_BYTES_MAX {
        return Err(ServiceError::refused("subject_full"));
    }
    Ok(seal::seal(ring.newest(), place(tenant, key), &plain))
}

/// A record as it is, under the newest key: whatever it says, whoever reads it.
///
/// # Errors
///
/// As of [`open`].
pub(super) fn sealed_anew(
    ring: &KeyRing,
    key: SubjectKey,
    stored: &StoredSubject,
) -> Answer<Vec<u8>> {
    let place = place(stored.tenant, key);
    let plain = unsealed(ring, place, &stored.sealed)?;
    Ok(seal::seal(ring.newest(), place, &plain))
}

/// Whether another key than the newest one seals it.
pub(super) fn is_sealed_before(ring: &KeyRing, stored: &StoredSubject) -> bool {
    seal::key_id(&stored.sealed) != Some(&*ring.newest().id)
}

/// The record as it is sealed.
pub(super) fn written(record: &impl serde::Serialize) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(vec![RECORD_VERSION]);
    let record = rmp_serde::to_vec(record).expect("plain fields can be encoded");
    plain.extend_from_slice(&Zeroizing::new(record));
    plain
}

pub(super) fn place(tenant: TenantTag, key: SubjectKey) -> Place {
    Place {
        tenant,
        kind: PlaceKind::Subject,
        id: key.0,
        field: Field::Subject,
    }
}

fn unsealed(ring: &KeyRing, place: Place, sealed: &[u8]) -> Answer<Zeroizing<Vec<u8>>> {
    seal::open(ring, place, sealed).map_err(|error| match error {
        OpenError::UnknownKey => unreadable("unknown_key"),
        OpenError::Damaged => unreadable("record_damaged"),
    })
}

fn unreadable(code: &'static str) -> ServiceError {
    ServiceError::Unavailable {
        code,
        retry_after_s: 5,
    }
}

#[cfg(test)]
mod tests;
