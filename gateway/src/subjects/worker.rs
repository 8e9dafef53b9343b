//! Has time pass for subjects: holds end, notices go out, what nobody proved is
//! forgotten. Every node looks at every shard; working twice on one does no harm.

use std::sync::Arc;
use std::time::Duration;

use super::keeper::Keeper;

/// Works until the dispatcher stops.
pub async fn work(keeper: Arc<Keeper>, interval: Duration) {
    let _ = (keeper, interval);
}
