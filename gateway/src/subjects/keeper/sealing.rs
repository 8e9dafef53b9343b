//! A new master key has taken over: what older keys seal is sealed anew, so that
//! they can go. Subjects live for ever, and most are not asked about for long.

use std::time::Duration;

use super::{Keeper, record};
use crate::id::Shard;
use crate::live::Live;
use crate::service::{Answer, OVERLOADED};
use crate::store::subjects::{StoredSubject, WriteSubject, Written};
use crate::subjects::model::SubjectKey;
use crate::verification::OperationId;

/// Subjects looked at in one question to the store.
const AT_ONCE: u16 = 256;
/// While older keys are configured a node that was late may still seal under them.
const AGAIN: Duration = Duration::from_secs(1_800);
/// A subject whose tenant is gone from the configuration is looked at so seldom:
/// the tenant may come back.
const TENANT_GONE_AGAIN_MS: u64 = 86_400_000;

/// A walk over all subjects that left none under an older key.
pub(super) struct SealedAnew {
    key_id: Box<str>,
    begun_ms: u64,
}

impl Keeper {
    /// When the last walk began that left no subject, nor the vault, under another
    /// key than the newest one; `None`: nobody has looked since that key came.
    pub(crate) fn sealed_anew_ms(&self) -> Option<u64> {
        let walk = self.sealed.load_full()?;
        let live = self.shared.live.load();
        (walk.key_id == live.ring.newest().id).then_some(walk.begun_ms)
    }

    /// Walks over all subjects if nobody has done so since the newest key came, and
    /// from time to time while there are older ones.
    ///
    /// # Errors
    ///
    /// [`crate::service::ServiceError::Unavailable`]: some may be left.
    pub(in crate::subjects) async fn seal_anew(&self) -> Answer<()> {
        let live = self.shared.live.load_full();
        let begun_ms = self.shared.store_now_ms();
        let again_ms = u64::try_from(AGAIN.as_millis()).unwrap_or(u64::MAX);
        let has_older = live.ring.all().len() > 1;
        let is_done = self
            .sealed_anew_ms()
            .is_some_and(|last_ms| !has_older || begun_ms.saturating_sub(last_ms) < again_ms);
        if is_done {
            return Ok(());
        }
        self.seal_vault_anew().await?;
        let shards = 0..live.ring.index().shard_count();
        for shard in shards.filter_map(Shard::new) {
            self.seal_shard_anew(&live, shard).await?;
        }
        self.sealed.store(Some(std::sync::Arc::new(SealedAnew {
            key_id: live.ring.newest().id.clone(),
            begun_ms,
        })));
        Ok(())
    }

    async fn seal_shard_anew(&self, live: &Live, shard: Shard) -> Answer<()> {
        let newest = &live.ring.newest().id;
        let mut from = None;
        loop {
            let store = &self.shared.store;
            let page = store.subjects_under_other_keys(shard, newest, (from.as_deref(), AT_ONCE));
            let page = page.await;
            let page =
                page.map_err(|error| self.store_error("subjects_under_other_keys", &error))?;
            for key in page.found {
                // Whoever looks at a subject seals it under the newest key.
                self.tend(key).await?;
            }
            match page.next {
                Some(next) => from = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Keeps a subject whose tenant the configuration does not name any more, as it
    /// is, readable for the day on which it does again.
    pub(super) async fn keep_unnamed(
        &self,
        live: &Live,
        key: SubjectKey,
        (stored, now_ms): (StoredSubject, u64),
    ) -> Answer<()> {
        let ask = WriteSubject {
            key,
            tenant: stored.tenant,
            revision: stored.revision,
            operation: OperationId(crate::keys::random()),
            not_after_ms: None,
            generation: stored.generation,
            sealed: Some(record::sealed_anew(&live.ring, key, &stored)?),
            due_at_ms: Some(now_ms.saturating_add(TENANT_GONE_AGAIN_MS)),
            ends_codes: false,
            audit: Vec::new(),
            audit_keep: crate::subjects::audit::LINES_KEPT,
            events: Vec::new(),
        };
        match self.written(&ask).await? {
            Written::Written => Ok(()),
            Written::Conflict => Err(OVERLOADED),
        }
    }
}
