//! Which script answers each question about webhooks, with which keys.

use ::redis::Value;
use async_trait::async_trait;

use super::answers::{Answer, strange};
use super::asks::array;
use super::format::{self, random_text};
use super::{RedisStore, scripts};
use crate::id::{RecordId, Shard};
use crate::store::StoreError;
use crate::store::webhooks::{
    NextLook, SaveWatch, TakeWatches, WatchAsk, WatchName, WatchPage, WatchStore, Watched,
};
use crate::verification::TenantTag;

/// Where a listing of a sorted set begins and ends.
const CURSOR_START: &[u8] = b"0";

#[async_trait]
impl WatchStore for RedisStore {
    async fn watch(&self, ask: &WatchAsk) -> Result<(), StoreError> {
        let mut packer = array(4);
        packer
            .bytes(random_text(ask.id).as_bytes())
            .bytes(&ask.tenant.0)
            .number(ask.look_after_ms)
            .number(ask.keep_for_ms);
        self.run(&scripts::WEBHOOK_WATCH, self.watch_keys(ask.id), |terms| {
            terms.with(packer)
        })
        .await?;
        Ok(())
    }

    async fn take_watch(&self, id: RecordId, lease_ms: u64) -> Result<Option<Watched>, StoreError> {
        let mut packer = array(2);
        packer.bytes(random_text(id).as_bytes()).number(lease_ms);
        let mut answer = self
            .run(&scripts::WEBHOOK_TAKE, self.watch_keys(id), |terms| {
                terms.with(packer)
            })
            .await?;
        if answer.code == 0 {
            return Ok(None);
        }
        let fields = answer.list()?;
        watched(fields, id.shard, answer.now_ms).map(Some)
    }

    async fn take_watches(&self, ask: &TakeWatches) -> Result<Vec<Watched>, StoreError> {
        let mut packer = array(2);
        packer.number(u64::from(ask.count_max)).number(ask.lease_ms);
        let keys = vec![self.keys.watch_ledger(ask.shard)];
        let mut answer = self
            .run(&scripts::WEBHOOK_SWEEP, keys, |terms| terms.with(packer))
            .await?;
        let now_ms = answer.now_ms;
        let taken = answer.list()?.into_iter();
        taken
            .map(|entry| watched(listed(entry)?, ask.shard, now_ms))
            .collect()
    }

    async fn save_watch(&self, ask: &SaveWatch) -> Result<bool, StoreError> {
        let (how, at_ms) = match ask.next {
            NextLook::LeaseStays => (0, 0),
            NextLook::At(at_ms) => (1, at_ms),
            NextLook::Forget => (2, 0),
        };
        let mut packer = array(5);
        packer
            .bytes(random_text(ask.id).as_bytes())
            .number(u64::from(ask.fence))
            .bytes(&ask.state)
            .number(how)
            .number(at_ms);
        let answer = self
            .run(&scripts::WEBHOOK_SAVE, self.watch_keys(ask.id), |terms| {
                terms.with(packer)
            })
            .await?;
        Ok(answer.code == 1)
    }

    async fn note_report(&self, id: RecordId) -> Result<(), StoreError> {
        let mut packer = array(1);
        packer.bytes(random_text(id).as_bytes());
        self.run(&scripts::WEBHOOK_REPORT, self.watch_keys(id), |terms| {
            terms.with(packer)
        })
        .await?;
        Ok(())
    }

    async fn list_watches(
        &self,
        shard: Shard,
        from: Option<&[u8]>,
        count: u16,
    ) -> Result<WatchPage, StoreError> {
        let mut packer = array(2);
        packer
            .bytes(from.unwrap_or(CURSOR_START))
            .number(u64::from(count));
        let keys = vec![self.keys.watch_ledger(shard)];
        let mut answer: Answer = self
            .run(&scripts::WEBHOOK_LIST, keys, |terms| terms.with(packer))
            .await?;
        let next = answer.bytes()?;
        let found = answer.list()?.into_iter();
        let name = |entry| {
            let mut fields = listed(entry)?.into_iter();
            Ok(WatchName {
                id: id(fields.next(), shard)?,
                tenant: tenant(fields.next())?,
                made_at_ms: number(fields.next())?,
            })
        };
        Ok(WatchPage {
            found: found.map(name).collect::<Result<_, StoreError>>()?,
            next: (next != CURSOR_START).then_some(next),
        })
    }
}

impl RedisStore {
    fn watch_keys(&self, id: RecordId) -> Vec<String> {
        vec![self.keys.watch(id), self.keys.watch_ledger(id.shard)]
    }
}

fn watched(fields: Vec<Value>, shard: Shard, now_ms: u64) -> Result<Watched, StoreError> {
    let mut fields = fields.into_iter();
    Ok(Watched {
        id: id(fields.next(), shard)?,
        tenant: tenant(fields.next())?,
        fence: u32::try_from(number(fields.next())?).map_err(|_| strange())?,
        made_at_ms: number(fields.next())?,
        kept_until_ms: number(fields.next())?,
        reported_at_ms: number(fields.next())?,
        state: bytes(fields.next())?,
        now_ms,
    })
}

fn listed(value: Value) -> Result<Vec<Value>, StoreError> {
    if let Value::Array(values) = value {
        Ok(values)
    } else {
        Err(strange())
    }
}

fn bytes(value: Option<Value>) -> Result<Vec<u8>, StoreError> {
    match value {
        Some(Value::BulkString(bytes)) => Ok(bytes),
        _ => Err(strange()),
    }
}

fn number(value: Option<Value>) -> Result<u64, StoreError> {
    match value {
        Some(Value::Int(number)) => u64::try_from(number).map_err(|_| strange()),
        _ => Err(strange()),
    }
}

fn tenant(value: Option<Value>) -> Result<TenantTag, StoreError> {
    let tag = bytes(value)?.try_into().map_err(|_| strange())?;
    Ok(TenantTag(tag))
}

fn id(value: Option<Value>, shard: Shard) -> Result<RecordId, StoreError> {
    let bytes = bytes(value)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| strange())?;
    Ok(format::record_id(text, shard)?)
}
