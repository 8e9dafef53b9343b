//! What is known in the moment it happens and written down with it, complete: the
//! courier only carries it.

use serde_json::Value;

use super::keep;
use super::kind::EventKind;
use super::story::Story;
use crate::id::{RecordId, Shard};
use crate::keys::random;
use crate::live::Shared;
use crate::store::subjects::EventWatch;
use crate::verification::TenantTag;

/// An event of a subject, for the step that changes it to write; `None` if no
/// endpoint of the tenant wants to hear of it. `data` is an object.
pub fn subject_event(
    shared: &Shared,
    (tenant, shard): (TenantTag, Shard),
    kind: EventKind,
    data: &Value,
    now_ms: u64,
) -> Option<EventWatch> {
    let (endpoints, keep_for_ms) = shared.lookout.listening(tenant)?;
    let mut story = Story::of_event(kind, data.to_string(), now_ms);
    story.address_to(&endpoints, now_ms);
    story.due_at_ms()?;
    let id = RecordId {
        shard,
        random: random(),
    };
    let live = shared.live.load();
    Some(EventWatch {
        id,
        state: keep::sealed(&live.ring, (tenant, id), &story),
        keep_for_ms,
    })
}
