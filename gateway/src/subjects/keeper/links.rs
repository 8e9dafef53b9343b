//! Which subjects a number leads to. A link is made before its subject is written
//! and taken away after, so that the index never lacks one: whoever follows a link
//! looks whether the subject has the number.

use std::sync::Arc;

use super::{Keeper, Whose};
use crate::live::Live;
use crate::service::{Answer, ServiceError};
use crate::store::subjects::{Link, NoteNumber, NumberKey, NumberNote};
use crate::tenants::Tenant;

/// A link is good for so long after its subject was read: the store writes the
/// subject by then or not at all, however long a node stood still in between.
pub(super) const LINK_HOLDS_MS: u64 = 10_000;
/// A link to a subject without the number is left behind after so long, with room
/// for a write within [`LINK_HOLDS_MS`] and for clocks apart.
const LEFT_BEHIND_MS: u64 = 60_000;

impl Keeper {
    /// Makes the subject found by a number.
    pub(super) async fn link(&self, whose: &Whose, e164: &str, now_ms: u64) -> Answer<()> {
        let key = number_key(&whose.live, &whose.tenant, e164);
        let linked = self.note(key, &NoteNumber::Link(whose.key)).await?;
        if !linked {
            return Err(ServiceError::refused("number_in_use"));
        }
        // Asked after the link was made: of two at once neither overlooks the other.
        let free = self.is_free_for(whose, e164, now_ms).await;
        if free.is_err() {
            self.unlink(whose, e164).await;
        }
        free
    }

    /// A link that stays leads to a subject that does not have the number.
    pub(super) async fn unlink(&self, whose: &Whose, e164: &str) {
        let key = number_key(&whose.live, &whose.tenant, e164);
        // Counted where it failed.
        drop(self.note(key, &NoteNumber::Unlink(whose.key)).await);
    }

    async fn is_free_for(&self, whose: &Whose, e164: &str, now_ms: u64) -> Answer<()> {
        if !whose.tenant.subjects.unique_numbers {
            return Ok(());
        }
        let note = self.number_note((&whose.live, &whose.tenant), e164).await?;
        for link in note.links.iter().filter(|link| link.subject != whose.key) {
            if !self.is_left_behind(whose, (e164, link), now_ms).await? {
                return Err(ServiceError::refused("number_in_use"));
            }
            let key = number_key(&whose.live, &whose.tenant, e164);
            self.note(key, &NoteNumber::Forget(*link)).await?;
        }
        Ok(())
    }

    /// Whether a link leads nowhere for good: a node died, or decided otherwise,
    /// between making it and writing the subject.
    async fn is_left_behind(
        &self,
        whose: &Whose,
        (e164, link): (&str, &Link),
        now_ms: u64,
    ) -> Answer<bool> {
        if now_ms.saturating_sub(link.since_ms) < LEFT_BEHIND_MS {
            return Ok(false);
        }
        let other = self.whose_key(Arc::clone(&whose.live), &whose.tenant, link.subject)?;
        let opened = self.load(&other).await?;
        Ok(opened.is_none_or(|opened| !opened.subject.numbers().contains(e164)))
    }

    async fn note(&self, key: NumberKey, note: &NoteNumber) -> Answer<bool> {
        let noted = self.shared.store.note_number(key, note).await;
        noted.map_err(|error| self.store_error("note_number", &error))
    }

    /// What is known of a number, whosever it is.
    pub(super) async fn number_note(
        &self,
        (live, tenant): (&Live, &Tenant),
        e164: &str,
    ) -> Answer<NumberNote> {
        let key = number_key(live, tenant, e164);
        let noted = self.shared.store.number_note(key).await;
        noted.map_err(|error| self.store_error("number_note", &error))
    }
}

fn number_key(live: &Live, tenant: &Tenant, e164: &str) -> NumberKey {
    let (shard, tag) = live.ring.index().number(tenant.tag, e164);
    NumberKey { shard, tag }
}
