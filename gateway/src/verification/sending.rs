//! Starting a verification, sending it again, and taking a send back.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::{
    ClientClass, CodeDigest, Conversion, CustomCodeTag, IdentityTag, Live, NumberRecord, NumberTag,
    OperationId, Record, RecordKind, Status, TenantTag,
};
use crate::admission::gcra::{Gcra, GcraRule};
use crate::delivery::{DELIVERIES_MAX, DeliveryRecord, DeliveryStatus, NewDelivery};
use crate::id::RecordId;

/// The rules of sending again, from the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendPolicy {
    /// Limits per (tenant, number) and class of client.
    pub rules: Vec<GcraRule>,
    /// The wait before send 2, 3, ...; the last one repeats.
    pub resend_waits_ms: Vec<u64>,
    pub sends_max: u8,
    pub live_max: u8,
    /// No code is submitted in the last so many ms of its life.
    pub quiet_ms: u64,
    /// How long a dispatch may go without a sign of life.
    pub lease_ms: u64,
}

impl SendPolicy {
    fn wait_after_send_ms(&self, sends_used: u8) -> u64 {
        let index = usize::from(sends_used.saturating_sub(1));
        let last = self.resend_waits_ms.last().copied().unwrap_or(0);
        self.resend_waits_ms.get(index).copied().unwrap_or(last)
    }
}

/// Asks for a verification (or a send-only delivery) to be created, or sent again.
#[derive(Clone, Debug)]
pub struct Start {
    /// The id of the record if one is created; also names the operation.
    pub id: RecordId,
    pub kind: RecordKind,
    pub tenant: TenantTag,
    pub number: NumberTag,
    pub identity: IdentityTag,
    pub custom_code: Option<CustomCodeTag>,
    /// A face whose "send again" means a new code.
    pub wants_new_code: bool,
    pub client: ClientClass,
    pub lifetime_ms: u64,
    pub checks_max: u8,
    pub digest: Option<CodeDigest>,
    pub details: Vec<u8>,
    pub code: Option<Vec<u8>>,
    /// `None` for test numbers: nothing is ever sent to them.
    pub delivery: Option<NewDelivery>,
    pub policy: SendPolicy,
}

/// Asks for another send of a verification by its id.
#[derive(Clone, Debug)]
pub struct Resend {
    pub id: RecordId,
    pub tenant: TenantTag,
    pub operation: OperationId,
    pub client: ClientClass,
    /// `None` for test numbers. Then no delivery remembers the operation: asked
    /// again, it is a resend of its own, which comes too early. That wastes no
    /// message, so the record has no place for it; an idempotency key has.
    pub delivery: Option<NewDelivery>,
    pub policy: SendPolicy,
}

/// Why a start or resend sends nothing. Being refused uses nothing up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SendRefusal {
    ResendTooEarly {
        available_at_ms: u64,
    },
    SendsExhausted {
        available_at_ms: u64,
    },
    /// Only by id: a start would supersede it by now.
    ResendTooLate,
    /// The (tenant, number) has had its share; `rule` counts from 0.
    SendLimit {
        rule: u8,
        available_at_ms: u64,
    },
    TooManyPending {
        available_at_ms: u64,
    },
    NotPending {
        status: Status,
    },
    NotFound,
    /// The subject has other methods than the start was judged by: judge again.
    MethodChanged,
}

/// What became of a start or resend that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendAccepted {
    Created,
    /// A further delivery of a verification that was already there.
    Resent {
        id: RecordId,
    },
}

/// What [`start`] found among the number's live verifications.
enum Found {
    Nothing,
    Resend(RecordId),
    Supersede(RecordId),
}

/// Decides a start.
///
/// `live` gives the record of a live verification; what it returns is written
/// back by the caller, as is `number`. On [`SendAccepted::Created`] the new
/// record is the second value.
///
/// # Errors
///
/// [`SendRefusal`]: nothing has changed but what had expired anyway.
pub fn start(
    ask: &Start,
    number: &mut NumberRecord,
    live: &mut dyn LiveRecords,
    now_ms: u64,
) -> Result<(SendAccepted, Option<Record>), SendRefusal> {
    number.live.retain(|live| live.expires_at_ms > now_ms);
    match find(ask, number, live, now_ms) {
        Found::Resend(id) => {
            let record = live.record(id).ok_or(SendRefusal::NotFound)?;
            send_again(record, number, &AgainAsk::of_start(ask), now_ms)?;
            Ok((SendAccepted::Resent { id }, None))
        }
        Found::Supersede(id) => create(ask, number, live, Some(id), now_ms),
        Found::Nothing => create(ask, number, live, None, now_ms),
    }
}

/// The records of a number's live verifications, for a transition to look at and change.
pub trait LiveRecords {
    /// The record, if it still exists; changes to it are kept.
    fn record(&mut self, id: RecordId) -> Option<&mut Record>;
}

fn find(ask: &Start, number: &mut NumberRecord, live: &mut dyn LiveRecords, now_ms: u64) -> Found {
    if ask.kind == RecordKind::SendOnly {
        return Found::Nothing;
    }
    let Some(entry) = number
        .live
        .iter()
        .find(|live| live.identity == ask.identity)
        .copied()
    else {
        return Found::Nothing;
    };
    let Some(record) = live
        .record(entry.id)
        .filter(|record| record.status_at(now_ms).is_open())
    else {
        number.remove_live(entry.id);
        return Found::Nothing;
    };
    let is_late = now_ms >= record.submit_before_ms(ask.policy.quiet_ms);
    let is_other_code = ask.custom_code.is_some() && ask.custom_code != entry.custom_code;
    if is_late || is_other_code || ask.wants_new_code {
        Found::Supersede(entry.id)
    } else {
        Found::Resend(entry.id)
    }
}

fn create(
    ask: &Start,
    number: &mut NumberRecord,
    live: &mut dyn LiveRecords,
    replaced: Option<RecordId>,
    now_ms: u64,
) -> Result<(SendAccepted, Option<Record>), SendRefusal> {
    let room = match ask.kind {
        RecordKind::Verification => make_room(ask, number, replaced)?,
        RecordKind::SendOnly => None,
    };
    take_send(number, ask.client, &ask.policy, now_ms)?;
    for id in replaced.into_iter().chain(room) {
        number.remove_live(id);
        if let Some(record) = live.record(id) {
            record.decide(Status::Superseded, now_ms);
        }
    }
    let record = new_record(ask, now_ms);
    if ask.kind == RecordKind::Verification {
        number.remember(ask.id);
        number.live.push(Live {
            id: ask.id,
            identity: ask.identity,
            custom_code: ask.custom_code,
            expires_at_ms: record.expires_at_ms,
            client: ask.client,
        });
    }
    Ok((SendAccepted::Created, Some(record)))
}

/// Which further verification must give way so that one more may live.
///
/// A known client is never kept out by strangers: the oldest of theirs goes.
fn make_room(
    ask: &Start,
    number: &NumberRecord,
    replaced: Option<RecordId>,
) -> Result<Option<RecordId>, SendRefusal> {
    let others = || number.live.iter().filter(|live| Some(live.id) != replaced);
    if others().count() < usize::from(ask.policy.live_max) {
        return Ok(None);
    }
    if ask.client == ClientClass::Known
        && let Some(oldest) = others().find(|live| live.client == ClientClass::Unknown)
    {
        return Ok(Some(oldest.id));
    }
    Err(SendRefusal::TooManyPending {
        available_at_ms: others().map(|live| live.expires_at_ms).min().unwrap_or(0),
    })
}

fn new_record(ask: &Start, now_ms: u64) -> Record {
    let expires_at_ms = now_ms + ask.lifetime_ms;
    let deliveries = ask
        .delivery
        .iter()
        .map(|new| DeliveryRecord::new(new, now_ms, ask.policy.lease_ms))
        .collect();
    Record {
        kind: ask.kind,
        tenant: ask.tenant,
        number: ask.number,
        status: Status::Pending,
        created_at_ms: now_ms,
        expires_at_ms,
        decided_at_ms: 0,
        checks_used: 0,
        checks_max: ask.checks_max,
        sends_used: 1,
        next_send_at_ms: now_ms + ask.policy.wait_after_send_ms(1),
        conversion: Conversion::Unreported,
        client: ask.client,
        has_custom_code: ask.custom_code.is_some(),
        digest: ask.digest.clone(),
        details: ByteBuf::from(ask.details.clone()),
        code: ask.code.clone().map(ByteBuf::from),
        checks: Vec::new(),
        deliveries,
    }
}

/// Decides a resend by id. `record` and `number` are written back by the caller.
///
/// # Errors
///
/// [`SendRefusal`]: nothing has changed but what had expired anyway.
pub fn resend(
    ask: &Resend,
    record: &mut Record,
    number: &mut NumberRecord,
    now_ms: u64,
) -> Result<(), SendRefusal> {
    if record.tenant != ask.tenant || record.kind != RecordKind::Verification {
        return Err(SendRefusal::NotFound);
    }
    if record
        .deliveries
        .iter()
        .any(|delivery| delivery.operation == Some(ask.operation))
    {
        return Ok(());
    }
    record.expire_if_due(number, ask.id, now_ms);
    if !record.status.is_open() {
        return Err(SendRefusal::NotPending {
            status: record.status,
        });
    }
    if now_ms >= record.submit_before_ms(ask.policy.quiet_ms) {
        return Err(SendRefusal::ResendTooLate);
    }
    let again = AgainAsk {
        client: ask.client,
        delivery: ask.delivery.as_ref(),
        policy: &ask.policy,
        operation: ask.operation,
    };
    send_again(record, number, &again, now_ms)
}

/// What a resend needs, whichever way it was asked for.
struct AgainAsk<'a> {
    client: ClientClass,
    delivery: Option<&'a NewDelivery>,
    policy: &'a SendPolicy,
    operation: OperationId,
}

impl<'a> AgainAsk<'a> {
    fn of_start(ask: &'a Start) -> Self {
        Self {
            client: ask.client,
            delivery: ask.delivery.as_ref(),
            policy: &ask.policy,
            operation: OperationId(ask.id.random),
        }
    }
}

fn send_again(
    record: &mut Record,
    number: &mut NumberRecord,
    ask: &AgainAsk<'_>,
    now_ms: u64,
) -> Result<(), SendRefusal> {
    if record
        .deliveries
        .iter()
        .any(|delivery| delivery.operation == Some(ask.operation))
    {
        return Ok(());
    }
    // Sends taken back leave their deliveries behind, so these have a bound too.
    let has_room = record.deliveries.len() < DELIVERIES_MAX;
    if record.sends_used >= ask.policy.sends_max || !has_room {
        return Err(SendRefusal::SendsExhausted {
            available_at_ms: record.submit_before_ms(ask.policy.quiet_ms),
        });
    }
    if now_ms < record.next_send_at_ms {
        return Err(SendRefusal::ResendTooEarly {
            available_at_ms: record.next_send_at_ms,
        });
    }
    take_send(number, ask.client, ask.policy, now_ms)?;
    record.sends_used += 1;
    record.next_send_at_ms = now_ms + ask.policy.wait_after_send_ms(record.sends_used);
    if let Some(new) = ask.delivery {
        // Which provider goes first depends on those already tried, which only
        // the record knows: a resend begins its first attempt in a step of its own.
        let mut delivery = DeliveryRecord::new(new, now_ms, ask.policy.lease_ms);
        delivery.attempts.clear();
        delivery.operation = Some(ask.operation);
        record.deliveries.push(delivery);
    }
    Ok(())
}

fn take_send(
    number: &mut NumberRecord,
    client: ClientClass,
    policy: &SendPolicy,
    now_ms: u64,
) -> Result<(), SendRefusal> {
    let states = number.sends.of_mut(client);
    Gcra::take_all(states, &policy.rules, now_ms).map_err(|denied| SendRefusal::SendLimit {
        rule: denied.rule,
        available_at_ms: denied.available_at_ms,
    })
}

/// Takes a send back that a limit of another slot refused.
///
/// A send that created its record goes with the record; a resend's delivery is
/// closed and the send given back. Asked again, it finds none and gives nothing.
/// What was superseded by the create stays superseded.
pub fn undo_send(
    record: &mut Record,
    number: &mut NumberRecord,
    id: RecordId,
    undo: &UndoSend<'_>,
) -> KeepRecord {
    if undo.was_created {
        Gcra::give_back(number.sends.of_mut(undo.client), &undo.policy.rules);
        number.remove_live(id);
        number.recent.retain(|recent| *recent != id);
        return KeepRecord::No;
    }
    let taken_back = |delivery: &&mut DeliveryRecord| delivery.operation == Some(undo.operation);
    if let Some(delivery) = record.deliveries.iter_mut().find(taken_back) {
        Gcra::give_back(number.sends.of_mut(undo.client), &undo.policy.rules);
        // It stays in its place: later deliveries are named by their position.
        delivery.close(DeliveryStatus::Canceled, Some("limit"));
        delivery.operation = None;
        record.sends_used = record.sends_used.saturating_sub(1);
        record.next_send_at_ms = undo.now_ms;
    }
    KeepRecord::Yes
}

/// Which send to take back.
pub struct UndoSend<'a> {
    pub operation: OperationId,
    pub was_created: bool,
    pub client: ClientClass,
    pub policy: &'a SendPolicy,
    pub now_ms: u64,
}

/// Whether a record is still there after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepRecord {
    Yes,
    No,
}
