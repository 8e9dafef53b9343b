//! Starting, sending again, and taking a send back.

use serde_bytes::ByteBuf;

use super::idempotency::{self, Answer, Sent};
use super::limits::Asked;
use crate::admission::limits::LimitAsk;
use crate::id::RecordId;
use crate::store::embedded::tables::{Loaded, StepError, Tables};
use crate::store::{Idempotency, Started, Undo};
use crate::verification::{
    self, KeepRecord, LiveRecords, OperationId, Record, Resend, SendAccepted, SendRefusal, Start,
    UndoSend,
};

/// `limits` are part of the step; `None` if they are asked apart.
pub(in crate::store::embedded) fn start(
    tables: &mut Tables<'_>,
    ask: &Start,
    key: Option<&Idempotency>,
    limits: Option<&[LimitAsk]>,
) -> Result<Started, StepError> {
    let now_ms = tables.now_ms;
    let operation = OperationId(ask.id.random);
    if let Some(own) = tables.record(ask.id)? {
        return Ok(Started::Created {
            record: Box::new(own.record),
            now_ms,
        });
    }
    if let Some(key) = key
        && let Some(answer) = idempotency::replay(tables, (ask.id.shard, key), operation)?
    {
        return Ok(answer);
    }
    let mut number = tables.number(ask.id.shard, ask.number)?;
    let mut live = LiveLoaded::new(tables);
    let decided = verification::start(ask, &mut number.number, &mut live, now_ms);
    let live = live.finish()?;
    let (accepted, created) = match decided {
        Ok(decided) => decided,
        Err(refusal) => return Ok(Started::Refused { refusal, now_ms }),
    };
    if let SendAccepted::Resent { id } = accepted
        && let Some(stored) = tables.record(id)?
        && ordinal_of(&stored.record, operation).is_some()
    {
        // The same operation, asked again: it has taken already.
        return Ok(resent(stored, operation, now_ms));
    }
    let asked = Asked::load(tables, limits.unwrap_or_default())?;
    if asked.is_refused() {
        return Ok(Started::Withheld {
            limits: asked.answers,
            now_ms,
        });
    }
    asked.write(tables)?;
    for loaded in &live {
        tables.write_record(loaded)?;
    }
    tables.write_number(number)?;
    let started = match (accepted, created) {
        (SendAccepted::Created, Some(record)) => {
            let loaded = Loaded::new(ask.id, record);
            tables.write_record(&loaded)?;
            Started::Created {
                record: Box::new(loaded.record),
                now_ms,
            }
        }
        (SendAccepted::Resent { id }, _) => {
            let record = live.into_iter().find(|loaded| loaded.id == id);
            match record {
                Some(loaded) => resent(loaded, operation, now_ms),
                None => not_found(now_ms),
            }
        }
        (SendAccepted::Created, None) => not_found(now_ms),
    };
    if let Some(key) = key
        && let Some((id, ordinal)) = sent_as(ask.id, &started)
    {
        let sent = Sent {
            id,
            ordinal,
            is_confirmed: limits.is_some(),
        };
        let answer = (operation, Answer::Sent(sent));
        idempotency::remember(tables, (ask.id.shard, key), answer)?;
    }
    Ok(started)
}

fn not_found(now_ms: u64) -> Started {
    Started::Refused {
        refusal: SendRefusal::NotFound,
        now_ms,
    }
}

fn resent(loaded: Loaded, operation: OperationId, now_ms: u64) -> Started {
    Started::Resent {
        id: loaded.id,
        ordinal: ordinal_of(&loaded.record, operation),
        record: Box::new(loaded.record),
        now_ms,
    }
}

fn ordinal_of(record: &Record, operation: OperationId) -> Option<u8> {
    let made_by_it =
        |delivery: &crate::delivery::DeliveryRecord| delivery.operation == Some(operation);
    let index = record.deliveries.iter().position(made_by_it)?;
    u8::try_from(index + 1).ok()
}

/// The record and delivery an accepted start is remembered by.
fn sent_as(asked: RecordId, started: &Started) -> Option<(RecordId, Option<u8>)> {
    match started {
        Started::Created { record, .. } => {
            Some((asked, (!record.deliveries.is_empty()).then_some(1)))
        }
        Started::Resent { id, ordinal, .. } => Some((*id, *ordinal)),
        Started::Replayed { .. }
        | Started::ReplayedRefusal { .. }
        | Started::InProgress
        | Started::KeyReused
        | Started::Refused { .. }
        | Started::Withheld { .. } => None,
    }
}

pub(in crate::store::embedded) fn resend(
    tables: &mut Tables<'_>,
    ask: &Resend,
    key: Option<&Idempotency>,
) -> Result<Started, StepError> {
    let now_ms = tables.now_ms;
    let shard = ask.id.shard;
    if let Some(key) = key
        && let Some(answer) = idempotency::replay(tables, (shard, key), ask.operation)?
    {
        return Ok(answer);
    }
    let Some(mut loaded) = tables.record(ask.id)? else {
        return Ok(not_found(now_ms));
    };
    let mut number = tables.number(shard, loaded.record.number)?;
    let decided = verification::resend(ask, &mut loaded.record, &mut number.number, now_ms);
    if let Err(refusal) = decided {
        return Ok(Started::Refused { refusal, now_ms });
    }
    tables.write_record(&loaded)?;
    tables.write_number(number)?;
    let ordinal = ordinal_of(&loaded.record, ask.operation);
    if let Some(key) = key {
        let sent = Sent {
            id: ask.id,
            ordinal,
            is_confirmed: false,
        };
        let answer = (ask.operation, Answer::Sent(sent));
        idempotency::remember(tables, (shard, key), answer)?;
    }
    Ok(resent(loaded, ask.operation, now_ms))
}

pub(in crate::store::embedded) fn undo(
    tables: &mut Tables<'_>,
    ask: &Undo,
) -> Result<(), StepError> {
    let now_ms = tables.now_ms;
    if let Some(mut loaded) = tables.record(ask.id)? {
        let mut number = tables.number(ask.id.shard, loaded.record.number)?;
        let before = loaded.record.deliveries.clone();
        let undo = UndoSend {
            operation: ask.operation,
            was_created: ask.was_created,
            client: ask.client,
            policy: &ask.policy,
            now_ms,
        };
        match verification::undo_send(&mut loaded.record, &mut number.number, ask.id, &undo) {
            KeepRecord::Yes => tables.write_record(&loaded)?,
            KeepRecord::No => tables.delete_record(ask.id, &before)?,
        }
        tables.write_number(number)?;
    }
    // What another request of this key has come to since is not overwritten.
    if let Some(key) = &ask.idempotency
        && !idempotency::is_anothers(tables, (ask.id.shard, key), ask.operation)?
    {
        let answer = Answer::Refused {
            refusal: ByteBuf::from(ask.refusal.clone()),
            available_at_ms: ask.available_at_ms,
        };
        idempotency::remember(tables, (ask.id.shard, key), (ask.operation, answer))?;
    }
    Ok(())
}

/// The live records of one number, loaded as a decision asks for them.
struct LiveLoaded<'a, 't> {
    tables: &'a Tables<'t>,
    loaded: Vec<Loaded>,
    /// What kept one from being read: then the decision counts for nothing.
    error: Option<StepError>,
}

impl<'a, 't> LiveLoaded<'a, 't> {
    fn new(tables: &'a Tables<'t>) -> Self {
        Self {
            tables,
            loaded: Vec::new(),
            error: None,
        }
    }

    fn finish(self) -> Result<Vec<Loaded>, StepError> {
        self.error.map_or(Ok(self.loaded), Err)
    }
}

impl LiveRecords for LiveLoaded<'_, '_> {
    fn record(&mut self, id: RecordId) -> Option<&mut Record> {
        if !self.loaded.iter().any(|loaded| loaded.id == id) {
            match self.tables.record(id) {
                Ok(loaded) => self.loaded.extend(loaded),
                Err(error) => self.error = Some(error),
            }
        }
        let mut loaded = self.loaded.iter_mut();
        loaded
            .find(|loaded| loaded.id == id)
            .map(|loaded| &mut loaded.record)
    }
}
