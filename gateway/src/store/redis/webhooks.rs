//! Which script answers each question about webhooks, with which keys.

use ::redis::Value;
use async_trait::async_trait;

use super::answers::{Answer, strange};
use super::asks::{Terms, array};
use super::format::{self, random_text};
use super::link::Call;
use super::{RedisStore, scripts};
use crate::id::{RecordId, Shard};
use crate::keys::random;
use crate::store::StoreError;
use crate::store::webhooks::{
    NextLook, SaveWatch, TakeWatches, WatchAsk, WatchName, WatchPage, WatchStore, Watched,
};
use crate::verification::TenantTag;

/// Where a listing of a sorted set begins and ends.
const CURSOR_START: &[u8] = b"0";

/// Why a watch is taken.
#[derive(Clone, Copy)]
enum Why {
    /// Its record may have changed: who holds it is made to look again.
    Changed,
    Due,
}

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
        let terms = self.terms();
        let call = self.taking((id, Why::Changed), lease_ms, terms);
        taken(self.run_one(call, terms).await?, id.shard)
    }

    /// Found first and taken then, each by an asking of its own: what a script took
    /// whose answer was lost could not be found again.
    async fn take_watches(&self, ask: &TakeWatches) -> Result<Vec<Watched>, StoreError> {
        let mut packer = array(1);
        packer.number(u64::from(ask.count_max));
        let keys = vec![self.keys.watch_ledger(ask.shard)];
        let mut answer = self
            .run(&scripts::WEBHOOK_DUE, keys, |terms| terms.with(packer))
            .await?;
        let due = answer.list()?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let terms = self.terms();
        let due = due.into_iter().map(|member| id(Some(member), ask.shard));
        let taking = due.map(|id| Ok(self.taking((id?, Why::Due), ask.lease_ms, terms)));
        let taking: Vec<Call> = taking.collect::<Result<_, StoreError>>()?;
        let answers = self.run_all(&taking, terms).await?.into_iter();
        let taken = answers.map(|answer| taken(answer, ask.shard));
        taken.filter_map(Result::transpose).collect()
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

    /// Asks for one watch, under a name that a repetition of the call bears too.
    fn taking(&self, (id, why): (RecordId, Why), lease_ms: u64, terms: Terms) -> Call {
        let asking: [u8; 16] = random();
        let mut packer = array(4);
        packer
            .bytes(random_text(id).as_bytes())
            .number(lease_ms)
            .bytes(&asking)
            .number(match why {
                Why::Due => 0,
                Why::Changed => 1,
            });
        Call {
            script: &scripts::WEBHOOK_TAKE,
            keys: self.watch_keys(id),
            arguments: terms.with(packer),
        }
    }
}

/// What is taken; `None` if it is held, or there is none.
fn taken(mut answer: Answer, shard: Shard) -> Result<Option<Watched>, StoreError> {
    if answer.code == 0 {
        return Ok(None);
    }
    let fields = answer.list()?;
    watched(fields, shard, answer.now_ms).map(Some)
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
