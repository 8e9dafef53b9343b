//! Opens and writes what a watch keeps: sealed, since it holds a number.

use zeroize::Zeroizing;

use super::story::Story;
use crate::keys::seal::{self, Field, OpenError, Place, PlaceKind};
use crate::live::Shared;
use crate::store::StoreError;
use crate::store::webhooks::{NextLook, SaveWatch, Watched};

const VERIFICATION: u8 = 1;
const SEND_ONLY: u8 = 2;

/// What was and is to be told; nothing yet of a new watch.
pub(super) fn open(shared: &Shared, watched: &Watched) -> Result<Story, OpenError> {
    let Some((kind, sealed)) = watched.state.split_first() else {
        return Ok(Story::default());
    };
    let live = shared.live.load();
    let plain = seal::open(&live.ring, place(watched, *kind), sealed)?;
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
    let is_send_only = story
        .subject
        .as_ref()
        .is_some_and(|subject| !subject.is_verification);
    let kind = if is_send_only {
        SEND_ONLY
    } else {
        VERIFICATION
    };
    let plain = rmp_serde::to_vec(story).expect("plain fields can be encoded");
    let plain = Zeroizing::new(plain);
    let mut state = vec![kind];
    state.extend(seal::seal(live.ring.newest(), place(watched, kind), &plain));
    let ask = SaveWatch {
        id: watched.id,
        fence: watched.fence,
        state,
        next,
    };
    shared.store.save_watch(&ask).await
}

fn place(watched: &Watched, kind: u8) -> Place {
    Place {
        tenant: watched.tenant,
        kind: if kind == SEND_ONLY {
            PlaceKind::SendOnly
        } else {
            PlaceKind::Verification
        },
        id: watched.id,
        field: Field::Webhooks,
    }
}
