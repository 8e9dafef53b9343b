//! What is known under a provider's message id.

use crate::delivery::AttemptReceipt;
use crate::receipts::{MessageEntry, MessageKey, ReceiptReference};
use crate::store::embedded::codec::{Kept, encode, slot_key};
use crate::store::embedded::tables::{StepError, Tables, read_as};

pub(in crate::store::embedded) fn bind(
    tables: &mut Tables<'_>,
    key: MessageKey,
    target: &ReceiptReference,
) -> Result<Option<AttemptReceipt>, StepError> {
    change(tables, key, |entry, now_ms| entry.bind(target, now_ms))
}

pub(in crate::store::embedded) fn meet(
    tables: &mut Tables<'_>,
    key: MessageKey,
    receipt: &AttemptReceipt,
) -> Result<Option<ReceiptReference>, StepError> {
    change(tables, key, |entry, now_ms| entry.meet(receipt, now_ms))
}

fn change<A>(
    tables: &mut Tables<'_>,
    key: MessageKey,
    step: impl FnOnce(&mut MessageEntry, u64) -> A,
) -> Result<A, StepError> {
    let key = slot_key(key.shard, &key.tag);
    let before: Option<MessageEntry> = read_as(&tables.messages, &key)?;
    let mut entry = before.clone().unwrap_or_default();
    let answer = step(&mut entry, tables.now_ms);
    if before.as_ref() == Some(&entry) {
        return Ok(answer);
    }
    if before.is_none() {
        tables.expire_at(entry.kept_until_ms, Kept::Message, &key)?;
    }
    tables.is_changed = true;
    let bytes = encode(tables.memory.epoch, &entry);
    tables.messages.insert(key.as_slice(), bytes.as_slice())?;
    Ok(answer)
}
