//! Agreement between the nodes of one store on keys and shards: what `meta`
//! says, and who may start.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::seal::{Field, Place, PlaceKind, open_with, seal, split_header};
use super::{IndexKey, KeyRing, MasterKey, PurposeKeys, random};
use crate::id::{RecordId, Shard};
use crate::store::{FORMAT_VERSION, KeyInUse, Meta, RecordFormats, Store, StoreError, WrappedKey};
use crate::verification::TenantTag;

/// Why this node must not work on this store.
#[derive(Debug, thiserror::Error)]
pub enum AgreementError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no key is active yet: every one of [[keys]] has an active_from in the future")]
    NoActiveKey,
    #[error(
        "the store holds records under key `{id}`, which is not among [[keys]]: add it, or wait until it may go"
    )]
    KeyMissing { id: Box<str> },
    #[error("key `{id}` has another secret than the one the store's records were made with")]
    KeyContradicted { id: Box<str> },
    #[error(
        "the store was made with {stored} shards, not {configured}: set store.shards = {stored}"
    )]
    ShardCount { stored: u16, configured: u16 },
    #[error("the store's format {stored} is not known to this release: upgrade this node first")]
    Format { stored: u8 },
    #[error(
        "the store may hold records of format {stored}, which this release cannot read: upgrade this node first"
    )]
    RecordFormat { stored: u8 },
    #[error("the store's index key does not open: its meta record is damaged")]
    IndexKey,
    #[error("other nodes kept changing the store's meta record")]
    Contention,
}

/// What a node knows once it agrees with the store.
#[derive(Debug)]
pub struct Agreed {
    pub ring: Arc<KeyRing>,
    pub meta: Meta,
}

/// How long a key is needed after a newer one has taken its place, in ms.
#[derive(Clone, Copy, Debug)]
pub struct KeyRetention {
    pub needed_after_retired_ms: u64,
}

const ROUNDS_MAX: usize = 8;

/// Reads `meta`, checks that this node fits, and writes down what is new: the
/// first start, or a key that now seals.
///
/// Called at start, at reload and from time to time, so that a key becomes the
/// sealing one only after every node could have learned of it.
///
/// # Errors
///
/// [`AgreementError`]: this node must not start, or must keep its old keys.
pub async fn agree(
    store: &dyn Store,
    masters: &[MasterKey],
    shard_count: u16,
    retention: KeyRetention,
) -> Result<Agreed, AgreementError> {
    let keys: Vec<PurposeKeys> = masters.iter().map(PurposeKeys::of).collect();
    let formats = store.record_formats();
    for _ in 0..ROUNDS_MAX {
        let read = store.meta().await?;
        let sealing = sealing_key(&keys, read.now_ms).ok_or(AgreementError::NoActiveKey)?;
        let (mut meta, index) = match &read.meta {
            None => first_meta(sealing, shard_count),
            Some(meta) => {
                fit(meta, &keys, shard_count, read.now_ms, retention)?;
                let index = unwrap_index_key(meta, &keys)?;
                let meta = advance(meta, sealing, (&index, read.now_ms), retention);
                (meta, index)
            }
        };
        note_format(&mut meta, formats)?;
        let is_new = read.meta.as_ref() != Some(&meta);
        if is_new && !store.write_meta(&meta, read.revision).await? {
            continue;
        }
        let sealing = sealing.id.clone();
        let index = IndexKey::new(&index, meta.shard_count);
        let ring = KeyRing::new(keys, &sealing, index).ok_or(AgreementError::NoActiveKey)?;
        return Ok(Agreed {
            ring: Arc::new(ring),
            meta,
        });
    }
    Err(AgreementError::Contention)
}

/// The newest key that is active.
fn sealing_key(keys: &[PurposeKeys], now_ms: u64) -> Option<&PurposeKeys> {
    keys.iter()
        .find(|key| key.active_from_ms.is_none_or(|from_ms| from_ms <= now_ms))
}

fn first_meta(sealing: &PurposeKeys, shard_count: u16) -> (Meta, Zeroizing<[u8; 32]>) {
    let index = Zeroizing::new(random());
    let meta = Meta {
        format: FORMAT_VERSION,
        epoch: 1,
        shard_count,
        shard_count_next: 0,
        index_key: wrap_index_key(sealing, &index),
        keys: vec![key_in_use(sealing)],
        record_format: 0,
    };
    (meta, index)
}

/// Whether a node with these keys may work on this store.
fn fit(
    meta: &Meta,
    keys: &[PurposeKeys],
    shard_count: u16,
    now_ms: u64,
    retention: KeyRetention,
) -> Result<(), AgreementError> {
    if meta.format != FORMAT_VERSION {
        return Err(AgreementError::Format {
            stored: meta.format,
        });
    }
    if meta.shard_count != shard_count {
        return Err(AgreementError::ShardCount {
            stored: meta.shard_count,
            configured: shard_count,
        });
    }
    for used in &meta.keys {
        match keys.iter().find(|key| key.id == used.key_id) {
            Some(key) if key.check_value()[..] != used.check_value[..] => {
                return Err(AgreementError::KeyContradicted {
                    id: used.key_id.clone(),
                });
            }
            None if is_needed(used, now_ms, retention) => {
                return Err(AgreementError::KeyMissing {
                    id: used.key_id.clone(),
                });
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}

/// Notes the format of the records that this node writes: a release that cannot
/// read it does not start on the store again, instead of failing at each record.
fn note_format(meta: &mut Meta, formats: RecordFormats) -> Result<(), AgreementError> {
    let stored = meta.record_format;
    if stored > formats.written && !formats.read.contains(&stored) {
        return Err(AgreementError::RecordFormat { stored });
    }
    meta.record_format = stored.max(formats.written);
    Ok(())
}

/// Whether records may still hang on this key.
fn is_needed(used: &KeyInUse, now_ms: u64, retention: KeyRetention) -> bool {
    used.retired_at_ms == 0 || now_ms < used.retired_at_ms + retention.needed_after_retired_ms
}

/// `meta` with the sealing key in its place and keys that may go left out.
///
/// A key that was retired and seals again is in use again; it retires no other,
/// or two nodes whose lists are in another order would take turns for ever.
fn advance(
    meta: &Meta,
    sealing: &PurposeKeys,
    (index, now_ms): (&Zeroizing<[u8; 32]>, u64),
    retention: KeyRetention,
) -> Meta {
    let mut next = meta.clone();
    if let Some(used) = next.keys.iter_mut().find(|used| used.key_id == sealing.id) {
        used.retired_at_ms = 0;
        return next;
    }
    next.keys.retain(|used| is_needed(used, now_ms, retention));
    for used in next.keys.iter_mut().filter(|used| used.retired_at_ms == 0) {
        used.retired_at_ms = now_ms;
    }
    next.keys.insert(0, key_in_use(sealing));
    next.index_key = wrap_index_key(sealing, index);
    next
}

fn key_in_use(key: &PurposeKeys) -> KeyInUse {
    KeyInUse {
        key_id: key.id.clone(),
        check_value: key.check_value().to_vec(),
        retired_at_ms: 0,
    }
}

/// The index key is sealed like a field of a record that does not exist.
fn place_of_index_key() -> Place {
    let shard = Shard::of_hash(0, 1);
    Place {
        tenant: TenantTag([0; 8]),
        kind: PlaceKind::Verification,
        id: RecordId {
            shard,
            random: *b"watchword  index",
        },
        field: Field::Details,
    }
}

fn wrap_index_key(key: &PurposeKeys, index: &Zeroizing<[u8; 32]>) -> WrappedKey {
    WrappedKey {
        key_id: key.id.clone(),
        sealed: seal(key, place_of_index_key(), &**index),
    }
}

fn unwrap_index_key(
    meta: &Meta,
    keys: &[PurposeKeys],
) -> Result<Zeroizing<[u8; 32]>, AgreementError> {
    let wrapped = &meta.index_key;
    let (key_id, sealed) = split_header(&wrapped.sealed).ok_or(AgreementError::IndexKey)?;
    let key =
        keys.iter()
            .find(|key| &*key.id == key_id)
            .ok_or_else(|| AgreementError::KeyMissing {
                id: wrapped.key_id.clone(),
            })?;
    let opened =
        open_with(key, place_of_index_key(), sealed).map_err(|_| AgreementError::IndexKey)?;
    let bytes = opened
        .first_chunk::<32>()
        .copied()
        .ok_or(AgreementError::IndexKey)?;
    Ok(Zeroizing::new(bytes))
}

/// When each retired key may be taken out of the configuration, in ms since the Unix epoch.
pub fn retirable_at(meta: &Meta, retention: KeyRetention) -> Vec<(Box<str>, u64)> {
    meta.keys
        .iter()
        .filter(|used| used.retired_at_ms > 0)
        .map(|used| {
            let at_ms = used.retired_at_ms + retention.needed_after_retired_ms;
            (used.key_id.clone(), at_ms)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::master;
    use crate::store::embedded::{EmbeddedStore, Settings};

    const RETENTION: KeyRetention = KeyRetention {
        needed_after_retired_ms: 1_000,
    };

    async fn agreed(store: &EmbeddedStore) -> Result<Meta, AgreementError> {
        let agreed = agree(store, &[master("k1", 1)], 64, RETENTION).await;
        agreed.map(|agreed| agreed.meta)
    }

    fn store() -> EmbeddedStore {
        EmbeddedStore::in_memory(&Settings::default(), Arc::new(|| 1)).unwrap()
    }

    #[tokio::test]
    async fn a_store_is_told_which_format_its_records_have() {
        let store = store();
        let ours = store.record_formats().written;
        assert_eq!(agreed(&store).await.unwrap().record_format, ours);
        // A release that did not note it left the place empty.
        let read = store.meta().await.unwrap();
        let before = Meta {
            record_format: 0,
            ..read.meta.unwrap()
        };
        assert!(store.write_meta(&before, read.revision).await.unwrap());
        assert_eq!(agreed(&store).await.unwrap().record_format, ours);
        let noted = store.meta().await.unwrap();
        assert_eq!(noted.meta.unwrap().record_format, ours);
        // Then there is nothing more to write.
        agreed(&store).await.unwrap();
        assert_eq!(store.meta().await.unwrap().revision, noted.revision);
    }

    #[tokio::test]
    async fn a_release_that_cannot_read_the_stores_records_does_not_start() {
        let store = store();
        agreed(&store).await.unwrap();
        let read = store.meta().await.unwrap();
        let newer = Meta {
            record_format: store.record_formats().written + 1,
            ..read.meta.unwrap()
        };
        assert!(store.write_meta(&newer, read.revision).await.unwrap());
        let refused = agreed(&store).await.unwrap_err();
        let stored = newer.record_format;
        assert!(
            matches!(refused, AgreementError::RecordFormat { stored: said } if said == stored),
            "{refused}"
        );
        assert_eq!(store.meta().await.unwrap().meta, Some(newer));
    }
}
