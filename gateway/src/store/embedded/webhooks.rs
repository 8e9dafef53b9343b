//! Which step answers each question about webhooks.

use async_trait::async_trait;

use super::EmbeddedStore;
use super::steps::webhooks;
use super::writer::Promise;
use crate::id::{RecordId, Shard};
use crate::store::StoreError;
use crate::store::webhooks::{SaveWatch, TakeWatches, WatchAsk, WatchPage, WatchStore, Watched};

#[async_trait]
impl WatchStore for EmbeddedStore {
    async fn watch(&self, ask: &WatchAsk) -> Result<(), StoreError> {
        let ask = *ask;
        // Synced with the send it is asked for, which stands right behind it.
        self.ask(Promise::Durable, move |tables| {
            webhooks::watch(tables, &ask)
        })
        .await
    }

    async fn take_watch(&self, id: RecordId, lease_ms: u64) -> Result<Option<Watched>, StoreError> {
        self.ask(Promise::Done, move |tables| {
            webhooks::take(tables, id, lease_ms)
        })
        .await
    }

    async fn take_watches(&self, ask: &TakeWatches) -> Result<Vec<Watched>, StoreError> {
        let ask = *ask;
        self.ask(Promise::Done, move |tables| {
            webhooks::take_due(tables, &ask)
        })
        .await
    }

    async fn save_watch(&self, ask: &SaveWatch) -> Result<bool, StoreError> {
        let ask = ask.clone();
        // What is told must not be told otherwise after a loss of power.
        self.ask(Promise::Durable, move |tables| webhooks::save(tables, &ask))
            .await
    }

    async fn note_report(&self, id: RecordId) -> Result<(), StoreError> {
        self.ask(Promise::Durable, move |tables| {
            webhooks::note_report(tables, id)
        })
        .await
    }

    async fn list_watches(
        &self,
        shard: Shard,
        from: Option<&[u8]>,
        count: u16,
    ) -> Result<WatchPage, StoreError> {
        let from = from.map(<[u8]>::to_vec);
        self.ask(Promise::Done, move |tables| {
            webhooks::list(tables, shard, (from.as_deref(), count))
        })
        .await
    }
}
