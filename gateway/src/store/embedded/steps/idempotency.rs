//! What was answered to an idempotency key, and what it is answered again.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::delivery::DeliveryRecord;
use crate::id::{RecordId, Shard};
use crate::store::embedded::codec::{Kept, encode, slot_key};
use crate::store::embedded::tables::{Loaded, StepError, Tables, read_as};
use crate::store::{IDEMPOTENCY_KEPT_MS, Idempotency, Started};
use crate::verification::OperationId;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::store::embedded) struct Answered {
    fingerprint: [u8; 16],
    pub(in crate::store::embedded) kept_until_ms: u64,
    /// Who asked: the same operation, asked again, is not a repeated request.
    operation: OperationId,
    answer: Answer,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Sent(Sent),
    Refused {
        refusal: ByteBuf,
        available_at_ms: u64,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Sent {
    pub(super) id: RecordId,
    /// `None` for test numbers.
    pub(super) ordinal: Option<u8>,
    /// Whether every limit has allowed it.
    pub(super) is_confirmed: bool,
}

/// The answer this key already has, if it has one.
pub(super) fn replay(
    tables: &Tables<'_>,
    (shard, key): (Shard, &Idempotency),
    operation: OperationId,
) -> Result<Option<Started>, StepError> {
    let Some(answered) = stored(tables, shard, key)? else {
        return Ok(None);
    };
    if answered.fingerprint != key.fingerprint {
        return Ok(Some(Started::KeyReused));
    }
    match answered.answer {
        Answer::Refused {
            refusal,
            available_at_ms,
        } => Ok(
            (tables.now_ms < available_at_ms).then(|| Started::ReplayedRefusal {
                refusal: refusal.into_vec(),
            }),
        ),
        Answer::Sent(sent) => {
            let Some(loaded) = tables.record(sent.id)? else {
                return Ok(None);
            };
            Ok(Some(if answered.operation == operation {
                told_again(tables, &sent, operation, loaded)
            } else {
                replay_sent(tables, &sent, loaded)
            }))
        }
    }
}

/// What the operation itself was told before. The key's answer stays as it is:
/// the limits may have allowed the send since.
fn told_again(tables: &Tables<'_>, sent: &Sent, operation: OperationId, loaded: Loaded) -> Started {
    let (record, now_ms) = (Box::new(loaded.record), tables.now_ms);
    // A start names the record it creates after itself.
    if sent.id.random == operation.0 {
        return Started::Created { record, now_ms };
    }
    Started::Resent {
        id: sent.id,
        ordinal: sent.ordinal,
        record,
        now_ms,
    }
}

fn replay_sent(tables: &Tables<'_>, sent: &Sent, loaded: Loaded) -> Started {
    let delivery = sent
        .ordinal
        .and_then(|ordinal| loaded.record.delivery(ordinal));
    if !sent.is_confirmed && delivery.is_some_and(DeliveryRecord::is_untouched) {
        return Started::InProgress;
    }
    Started::Replayed {
        id: sent.id,
        record: Box::new(loaded.record),
        now_ms: tables.now_ms,
    }
}

fn stored(
    tables: &Tables<'_>,
    shard: Shard,
    key: &Idempotency,
) -> Result<Option<Answered>, StepError> {
    let answered: Option<Answered> = read_as(&tables.idempotency, &slot_key(shard, &key.tag))?;
    Ok(answered.filter(|answered| tables.now_ms < answered.kept_until_ms))
}

/// Writes down what the key is answered from now on.
pub(super) fn remember(
    tables: &mut Tables<'_>,
    (shard, key): (Shard, &Idempotency),
    (operation, answer): (OperationId, Answer),
) -> Result<(), StepError> {
    let answered = Answered {
        fingerprint: key.fingerprint,
        kept_until_ms: tables.now_ms + IDEMPOTENCY_KEPT_MS,
        operation,
        answer,
    };
    write(tables, (shard, key), &answered)
}

/// Whether the key's answer, if it has one, is another operation's.
pub(super) fn is_anothers(
    tables: &Tables<'_>,
    (shard, key): (Shard, &Idempotency),
    operation: OperationId,
) -> Result<bool, StepError> {
    let answered = stored(tables, shard, key)?;
    Ok(answered.is_some_and(|answered| answered.operation != operation))
}

fn write(
    tables: &mut Tables<'_>,
    (shard, key): (Shard, &Idempotency),
    answered: &Answered,
) -> Result<(), StepError> {
    let slot = slot_key(shard, &key.tag);
    let bytes = encode(tables.memory.epoch, answered);
    let known = tables
        .idempotency
        .insert(slot.as_slice(), bytes.as_slice())?
        .is_some();
    tables.is_changed = true;
    if !known {
        tables.expire_at(answered.kept_until_ms, Kept::Idempotency, &slot)?;
    }
    Ok(())
}

/// Notes that every limit has allowed the send of this key.
pub(in crate::store::embedded) fn confirm(
    tables: &mut Tables<'_>,
    shard: Shard,
    key: &Idempotency,
) -> Result<(), StepError> {
    let Some(mut answered) = stored(tables, shard, key)? else {
        return Ok(());
    };
    if answered.fingerprint != key.fingerprint {
        return Ok(());
    }
    match &mut answered.answer {
        Answer::Sent(sent) if !sent.is_confirmed => sent.is_confirmed = true,
        Answer::Sent(_) | Answer::Refused { .. } => return Ok(()),
    }
    write(tables, (shard, key), &answered)
}
