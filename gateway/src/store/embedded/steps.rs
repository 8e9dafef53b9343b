//! The steps of the contract, each within one transaction: load, decide by the
//! pure transition, write. A step reads all it needs before it writes anything.

pub(super) mod calls;
pub(super) mod counts;
pub(super) mod deliveries;
pub(super) mod idempotency;
pub(super) mod limits;
pub(super) mod messages;
pub(super) mod sends;
pub(super) mod subjects;
pub(super) mod turns;
pub(super) mod webhooks;

use limits::Asked;

use super::tables::{StepError, StoredMeta, Tables};
use crate::admission::limits::LimitAsk;
use crate::id::{RecordId, Shard};
use crate::store::{Checked, CheckedWithin, Found, Meta};
use crate::verification::{
    self, Check, CheckAnswer, Conversion, NumberTag, PerClass, SendRefusal, TenantTag,
};

pub(super) fn check(tables: &mut Tables<'_>, ask: &Check) -> Result<Checked, StepError> {
    let now_ms = tables.now_ms;
    let Some(mut loaded) = tables.record(ask.id)? else {
        return Ok(Checked {
            answer: CheckAnswer::NotFound,
            record: None,
            now_ms,
        });
    };
    let mut number = tables.number(ask.id.shard, loaded.record.number)?;
    let answer = verification::check(ask, &mut loaded.record, &mut number.number, now_ms);
    let record = match answer {
        CheckAnswer::Approved | CheckAnswer::Mismatch { .. } => {
            tables.write_record(&loaded)?;
            tables.write_number(number)?;
            (answer == CheckAnswer::Approved).then(|| Box::new(loaded.record))
        }
        // Nothing was evaluated, so nothing has changed but what expired anyway.
        CheckAnswer::NotPending { .. }
        | CheckAnswer::TooManyFailures { .. }
        | CheckAnswer::UnknownKey
        | CheckAnswer::KeyReused
        | CheckAnswer::NotFound => None,
    };
    Ok(Checked {
        answer,
        record,
        now_ms,
    })
}

/// Whoever asks again is told what was answered, whatever the limits say now.
pub(super) fn check_within(
    tables: &mut Tables<'_>,
    ask: &Check,
    limits: &[LimitAsk],
) -> Result<CheckedWithin, StepError> {
    let own = tables
        .record(ask.id)?
        .filter(|loaded| loaded.record.tenant == ask.tenant);
    let is_repeated = own.is_some_and(|loaded| {
        let mut checks = loaded.record.checks.iter();
        checks.any(|(seen, _)| *seen == ask.operation)
    });
    if is_repeated {
        return check(tables, ask).map(CheckedWithin::Checked);
    }
    let asked = Asked::load(tables, limits)?;
    if asked.is_refused() {
        return Ok(CheckedWithin::Withheld {
            limits: asked.answers,
            now_ms: tables.now_ms,
        });
    }
    let checked = check(tables, ask)?;
    if matches!(checked.answer, CheckAnswer::Mismatch { .. }) {
        asked.write(tables)?;
    }
    Ok(CheckedWithin::Checked(checked))
}

pub(super) fn cancel(
    tables: &mut Tables<'_>,
    id: RecordId,
    tenant: TenantTag,
) -> Result<Result<Found, SendRefusal>, StepError> {
    let now_ms = tables.now_ms;
    let Some(mut loaded) = tables.record(id)? else {
        return Ok(Err(SendRefusal::NotFound));
    };
    let mut number = tables.number(id.shard, loaded.record.number)?;
    let asked = (id, tenant);
    match verification::cancel(&mut loaded.record, &mut number.number, asked, now_ms) {
        Ok(()) => {
            tables.write_record(&loaded)?;
            tables.write_number(number)?;
            Ok(Ok(Found {
                id,
                record: Box::new(loaded.record),
                now_ms,
            }))
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}

pub(super) fn report_outcome(
    tables: &mut Tables<'_>,
    (id, tenant): (RecordId, TenantTag),
    conversion: Conversion,
) -> Result<Result<Found, SendRefusal>, StepError> {
    let now_ms = tables.now_ms;
    let Some(mut loaded) = tables.record(id)? else {
        return Ok(Err(SendRefusal::NotFound));
    };
    let mut number = tables.number(id.shard, loaded.record.number)?;
    let said = verification::report_outcome(
        &mut loaded.record,
        &mut number.number,
        (id, tenant),
        (conversion, now_ms),
    );
    match said {
        Ok(()) => {
            tables.write_record(&loaded)?;
            tables.write_number(number)?;
            Ok(Ok(Found {
                id,
                record: Box::new(loaded.record),
                now_ms,
            }))
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}

pub(super) fn lift_failures(
    tables: &mut Tables<'_>,
    shard: Shard,
    tag: NumberTag,
) -> Result<(), StepError> {
    let mut number = tables.number(shard, tag)?;
    if number.number.failures != PerClass::default() {
        number.number.failures = PerClass::default();
        tables.write_number(number)?;
    }
    Ok(())
}

pub(super) fn write_meta(
    tables: &mut Tables<'_>,
    meta: &Meta,
    revision: u64,
) -> Result<bool, StepError> {
    let stored = tables.meta()?.map_or(0, |stored| stored.revision);
    if stored != revision {
        return Ok(false);
    }
    tables.write_meta(&StoredMeta {
        revision: revision + 1,
        meta: meta.clone(),
    })?;
    Ok(true)
}
