//! Opens and writes what a watch keeps: sealed, since it holds a number.

use zeroize::Zeroizing;

use super::story::Story;
use crate::id::RecordId;
use crate::keys::KeyRing;
use crate::keys::seal::{self, Field, OpenError, Place, PlaceKind};
use crate::live::Shared;
use crate::store::StoreError;
use crate::store::webhooks::{NextLook, SaveWatch, Watched};
use crate::verification::TenantTag;

const VERIFICATION: u8 = 1;
const SEND_ONLY: u8 = 2;
const SUBJECT: u8 = 3;

/// What was and is to be told; nothing yet of a new watch.
pub(super) fn open(shared: &Shared, watched: &Watched) -> Result<Story, OpenError> {
    let Some((kind, sealed)) = watched.state.split_first() else {
        return Ok(Story::default());
    };
    let kind = match *kind {
        VERIFICATION => PlaceKind::Verification,
        SEND_ONLY => PlaceKind::SendOnly,
        SUBJECT => PlaceKind::Subject,
        _ => return Err(OpenError::Damaged),
    };
    let live = shared.live.load();
    let place = place((watched.tenant, watched.id), kind);
    let plain = seal::open(&live.ring, place, sealed)?;
    rmp_serde::from_slice(&plain).map_err(|_| OpenError::Damaged)
}

/// Writes it down; `Ok(false)` if another holds the watch by now.
pub(super) async fn save(
    shared: &Shared,
    watched: &Watched,
    story: &Story,
    next: NextLook,
) -> Result<bool, StoreError> {
    let live = shared.live.load_full();
    let ask = SaveWatch {
        id: watched.id,
        fence: watched.fence,
        state: sealed(&live.ring, (watched.tenant, watched.id), story),
        next,
    };
    shared.store.save_watch(&ask).await
}

/// A story as a watch keeps it.
pub(super) fn sealed(ring: &KeyRing, of: (TenantTag, RecordId), story: &Story) -> Vec<u8> {
    let kind = match &story.subject {
        Some(subject) if !subject.is_verification => PlaceKind::SendOnly,
        None if story.is_over => PlaceKind::Subject,
        Some(_) | None => PlaceKind::Verification,
    };
    let plain = rmp_serde::to_vec(story).expect("plain fields can be encoded");
    let plain = Zeroizing::new(plain);
    let mut state = vec![match kind {
        PlaceKind::Verification => VERIFICATION,
        PlaceKind::SendOnly => SEND_ONLY,
        PlaceKind::Subject => SUBJECT,
    }];
    state.extend(seal::seal(ring.newest(), place(of, kind), &plain));
    state
}

fn place((tenant, id): (TenantTag, RecordId), kind: PlaceKind) -> Place {
    Place {
        tenant,
        kind,
        id,
        field: Field::Webhooks,
    }
}
