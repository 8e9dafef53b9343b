//! The steps of dispatch: begin, settle, receipts, and taking over what is due.

use std::ops::Bound;

use redb::ReadableTable;

use crate::delivery::{
    self, ApplyReceipt, Begin, DispatchPolicy, Due, DueKind, ReceiptApplied, Settle, Settled, Stop,
    Take,
};
use crate::id::{DeliveryId, Shard};
use crate::store::embedded::codec::{LedgerKey, is_lease};
use crate::store::embedded::tables::{StepError, Tables};
use crate::store::{FORMAT_VERSION, StoreError, Sweep, Swept, Taken};

pub(in crate::store::embedded) fn begin(
    tables: &mut Tables<'_>,
    delivery: DeliveryId,
    ask: &Begin,
) -> Result<Result<(), Stop>, StepError> {
    let Some(mut loaded) = tables.record(delivery.record)? else {
        return Ok(Err(Stop::Gone));
    };
    let begun = delivery::begin(&mut loaded.record, delivery.ordinal, ask, tables.now_ms);
    // Even where nothing begins, what had ended is written down.
    if begun != Err(Stop::FenceLost) {
        tables.write_record(&loaded)?;
    }
    Ok(begun)
}

pub(in crate::store::embedded) fn settle(
    tables: &mut Tables<'_>,
    delivery: DeliveryId,
    ask: &Settle,
) -> Result<Result<Settled, Stop>, StepError> {
    let Some(mut loaded) = tables.record(delivery.record)? else {
        return Ok(Err(Stop::Gone));
    };
    let was_open = loaded.record.status.is_open();
    let settled = delivery::settle(&mut loaded.record, delivery.ordinal, ask, tables.now_ms);
    if settled.is_err() {
        return Ok(settled);
    }
    let has_failed = was_open && !loaded.record.status.is_open();
    let number = if has_failed {
        let mut number = tables.number(delivery.record.shard, loaded.record.number)?;
        number.number.remove_live(delivery.record);
        Some(number)
    } else {
        None
    };
    tables.write_record(&loaded)?;
    if let Some(number) = number {
        tables.write_number(number)?;
    }
    Ok(settled)
}

pub(in crate::store::embedded) fn apply_receipt(
    tables: &mut Tables<'_>,
    delivery: DeliveryId,
    ask: &ApplyReceipt,
) -> Result<ReceiptApplied, StepError> {
    let Some(mut loaded) = tables.record(delivery.record)? else {
        return Ok(ReceiptApplied::NoAttempt);
    };
    let applied = delivery::apply_receipt(&mut loaded.record, delivery.ordinal, ask, tables.now_ms);
    tables.write_record(&loaded)?;
    Ok(applied)
}

pub(in crate::store::embedded) fn hand_back(
    tables: &mut Tables<'_>,
    delivery: DeliveryId,
    (fence, after_ms): (u32, u64),
) -> Result<Result<(), Stop>, StepError> {
    let Some(mut loaded) = tables.record(delivery.record)? else {
        return Ok(Err(Stop::Gone));
    };
    let ordinal = delivery.ordinal;
    let handed = delivery::hand_back(
        &mut loaded.record,
        ordinal,
        (fence, after_ms),
        tables.now_ms,
    );
    if handed.is_ok() {
        tables.write_record(&loaded)?;
    }
    Ok(handed)
}

pub(in crate::store::embedded) fn take(
    tables: &mut Tables<'_>,
    delivery: DeliveryId,
    policy: &DispatchPolicy,
) -> Result<Taken, StepError> {
    let now_ms = tables.now_ms;
    let Some(mut loaded) = tables.record(delivery.record)? else {
        return Ok(Taken {
            delivery,
            take: Take::NotDue,
            record: None,
            now_ms,
        });
    };
    let take = delivery::take(&mut loaded.record, delivery.ordinal, policy, now_ms);
    if take != Take::NotDue {
        tables.write_record(&loaded)?;
    }
    let record = match take {
        Take::Taken { .. } | Take::Poisoned => Some(Box::new(loaded.record)),
        Take::Closed | Take::NotDue => None,
    };
    Ok(Taken {
        delivery,
        take,
        record,
        now_ms,
    })
}

/// Unreadable entries one sweep passes over at most.
const UNKNOWN_MAX: u64 = 10_000;

pub(in crate::store::embedded) fn sweep(
    tables: &mut Tables<'_>,
    ask: &Sweep,
) -> Result<Swept, StepError> {
    let now_ms = tables.now_ms;
    let count_max = usize::from(ask.count_max);
    let mut swept = Swept {
        oldest_overdue_ms: oldest_overdue_ms(tables, ask.shard)?,
        unknown_format: count_other_formats(tables, ask.shard)?,
        ..Swept::default()
    };
    let until = LedgerKey::before(ask.shard, now_ms.saturating_sub(ask.grace_ms) + 1);
    let mut from = Bound::Included(LedgerKey::before(ask.shard, 0));
    while swept.taken.len() < count_max && swept.unknown_format < UNKNOWN_MAX {
        let bounds = (from.clone(), Bound::Excluded(until.clone()));
        let keys = keys_within(tables, bounds, count_max - swept.taken.len())?;
        let Some(last) = keys.last() else { break };
        from = Bound::Excluded(last.clone());
        for key in &keys {
            take_entry(tables, key, ask, &mut swept)?;
        }
    }
    swept.depth = *tables.depth_of(ask.shard);
    Ok(swept)
}

fn take_entry(
    tables: &mut Tables<'_>,
    key: &[u8],
    ask: &Sweep,
    swept: &mut Swept,
) -> Result<(), StepError> {
    let Some(key) = LedgerKey::parse(key) else {
        swept.unknown_format += 1;
        return Ok(());
    };
    match take(tables, key.delivery, &ask.policy) {
        // Its record is gone, and with it all there was to do.
        Ok(taken) if taken.take == Take::NotDue => tables.remove_due(key)?,
        Ok(taken) => swept.taken.push(taken),
        // Damaged ones stay in place too: somebody may still repair them.
        Err(StepError::Step(StoreError::UnknownFormat | StoreError::Damaged { .. })) => {
            swept.unknown_format += 1;
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

fn keys_within(
    tables: &Tables<'_>,
    (from, until): Bounds,
    count_max: usize,
) -> Result<Vec<Vec<u8>>, StepError> {
    let from = from.as_ref().map(Vec::as_slice);
    let until = until.as_ref().map(Vec::as_slice);
    let mut keys = Vec::new();
    for entry in tables.ledger.range::<&[u8]>((from, until))?.take(count_max) {
        keys.push(entry?.0.value().to_vec());
    }
    Ok(keys)
}

fn oldest_overdue_ms(tables: &Tables<'_>, shard: Shard) -> Result<u64, StepError> {
    let from = LedgerKey::before(shard, 0);
    let until = LedgerKey::before(shard, u64::MAX);
    let mut entries = tables.ledger.range(from.as_slice()..until.as_slice())?;
    let Some(first) = entries.next() else {
        return Ok(0);
    };
    let due = LedgerKey::shard_and_due(first?.0.value());
    Ok(due.map_or(0, |(_, due_at_ms)| tables.now_ms.saturating_sub(due_at_ms)))
}

/// Due entries of this shard that another release wrote: before and behind ours.
fn count_other_formats(tables: &Tables<'_>, shard: Shard) -> Result<u64, StepError> {
    let ours = [FORMAT_VERSION];
    let next = [FORMAT_VERSION + 1];
    let before = tables.ledger.range::<&[u8]>(..ours.as_slice())?;
    let behind = tables.ledger.range::<&[u8]>(next.as_slice()..)?;
    let mut count = 0;
    for entry in before.chain(behind).take(1000) {
        let key = entry?.0;
        let due = LedgerKey::shard_and_due(key.value());
        let is_due = |(of, due_at_ms)| of == shard && due_at_ms <= tables.now_ms;
        count += u64::from(due.is_some_and(is_due));
    }
    Ok(count)
}

/// Makes every lease due now: who held them was this store's last process.
/// Taking them counts as a lost lease, so that what kills us ends as poison.
///
/// Looks at `count_max` entries from `from` on, and gives where to go on.
pub(in crate::store::embedded) fn end_leases(
    tables: &mut Tables<'_>,
    from: Bound<Vec<u8>>,
    count_max: usize,
) -> Result<Option<Bound<Vec<u8>>>, StepError> {
    let mut leases = Vec::new();
    let mut last = None;
    let bounds = (from.as_ref().map(Vec::as_slice), Bound::Unbounded);
    for entry in tables.ledger.range::<&[u8]>(bounds)?.take(count_max) {
        let (key, value) = entry?;
        last = Some(Bound::Excluded(key.value().to_vec()));
        if is_lease(value.value()) {
            leases.extend(LedgerKey::parse(key.value()));
        }
    }
    for key in leases {
        match end_lease(tables, key.delivery) {
            Ok(()) | Err(StepError::Step(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(last)
}

fn end_lease(tables: &mut Tables<'_>, id: DeliveryId) -> Result<(), StepError> {
    let now_ms = tables.now_ms;
    let Some(mut loaded) = tables.record(id.record)? else {
        return Ok(());
    };
    if let Some(delivery) = delivery::delivery_mut(&mut loaded.record, id.ordinal)
        && let Some(
            due @ Due {
                kind: DueKind::Lease,
                ..
            },
        ) = &mut delivery.due
    {
        due.at_ms = due.at_ms.min(now_ms);
        tables.write_record(&loaded)?;
    }
    Ok(())
}
