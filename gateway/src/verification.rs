//! What a verification is and how it changes: pure functions of the record, the
//! question and the store's time. The embedded store calls them; the Redis
//! scripts say the same in Lua, and the conformance suite holds the two together.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::admission::gcra::{Gcra, GcraRule};
use crate::delivery::{DELIVERIES_MAX, DeliveryRecord, DeliveryStatus, NewDelivery};
use crate::id::RecordId;

/// Where a verification stands. A pending one past its expiry counts as expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Pending,
    Approved,
    Canceled,
    Expired,
    /// Too many wrong codes.
    Exhausted,
    /// A newer verification took its place.
    Superseded,
    /// Refused for good before any submission.
    Failed,
}

impl Status {
    pub fn is_open(self) -> bool {
        match self {
            Self::Pending => true,
            Self::Approved
            | Self::Canceled
            | Self::Expired
            | Self::Exhausted
            | Self::Superseded
            | Self::Failed => false,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Exhausted => "exhausted",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
        }
    }
}

/// What kind of record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordKind {
    Verification,
    /// The tenant's own text: a delivery and nothing to check.
    SendOnly,
}

/// Whether the identity service has seen this browser approved before.
/// Limits hold for the two apart, so that a stranger can neither bombard a
/// person nor lock their own browser out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ClientClass {
    Known,
    Unknown,
}

/// What the tenant reported about a code it drew or a text it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Conversion {
    Unreported,
    Converted,
    NotConverted,
}

/// A keyed hash of the tenant's name: whose record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TenantTag(pub [u8; 8]);

/// A keyed hash of (tenant, number): names the number's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NumberTag(pub [u8; 16]);

/// A keyed hash of purpose, subject and `bind`: what a resend must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IdentityTag(pub [u8; 12]);

/// A keyed hash of a code the caller supplied: tells a repeated one from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CustomCodeTag(pub [u8; 8]);

/// Names one operation, so that doing it twice does it once.
///
/// Where the tenant named it with an idempotency key, the first half is a keyed
/// hash of that key and the second of the content: the same first half with
/// another second one is a key used again for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OperationId(pub [u8; 16]);

impl OperationId {
    /// Whether both carry the same key but not the same content.
    pub fn reuses_key_of(self, other: Self) -> bool {
        self != other && self.0.first_chunk::<8>() == other.0.first_chunk::<8>()
    }
}

/// HMAC of id, code and `bind` under the key it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeDigest {
    pub key_id: Box<str>,
    #[serde(with = "serde_bytes")]
    pub mac: Vec<u8>,
}

/// One verification or send-only delivery as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub kind: RecordKind,
    pub tenant: TenantTag,
    pub number: NumberTag,
    pub status: Status,
    /// All times are the store's, in ms since the Unix epoch.
    pub created_at_ms: u64,
    pub expires_at_ms: u64,
    /// When it stopped being pending; 0 while it is.
    pub decided_at_ms: u64,
    pub checks_used: u8,
    pub checks_max: u8,
    pub sends_used: u8,
    pub next_send_at_ms: u64,
    pub conversion: Conversion,
    /// The client that started it: whose send budget it used.
    pub client: ClientClass,
    /// The caller supplied the code, so its report of the outcome may decide.
    pub has_custom_code: bool,
    /// What a check compares with; gone once nothing can be checked any more.
    pub digest: Option<CodeDigest>,
    /// Number, texts and everything else that must not be readable.
    pub details: ByteBuf,
    /// The code, sealed; gone once it cannot be sent any more.
    pub code: Option<ByteBuf>,
    /// Check operations already answered: at most `checks_max`.
    pub checks: Vec<(OperationId, CheckVerdict)>,
    pub deliveries: Vec<DeliveryRecord>,
}

/// What a check that consumed a guess was told, kept so that the same
/// operation is told the same again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckVerdict {
    Approved,
    Mismatch { checks_remaining: u8 },
}

impl Record {
    /// The status at `now_ms`: nothing has to happen for a record to expire.
    pub fn status_at(&self, now_ms: u64) -> Status {
        if self.status.is_open() && now_ms >= self.expires_at_ms {
            Status::Expired
        } else {
            self.status
        }
    }

    /// The moment from which nothing may be submitted any more.
    ///
    /// A code that arrives in its last minute is useless; a send-only text has
    /// no code, so its whole validity counts.
    pub fn submit_before_ms(&self, quiet_ms: u64) -> u64 {
        match self.kind {
            RecordKind::Verification => self.expires_at_ms.saturating_sub(quiet_ms),
            RecordKind::SendOnly => self.expires_at_ms,
        }
    }

    /// Ends it. What only a pending one needs is dropped: a tombstone is small.
    pub(crate) fn decide(&mut self, status: Status, at_ms: u64) {
        self.status = status;
        self.decided_at_ms = at_ms;
        self.digest = None;
        self.code = None;
    }

    /// Writes the expiry down if it has come.
    fn expire_if_due(&mut self, number: &mut NumberRecord, id: RecordId, now_ms: u64) {
        if self.status.is_open() && now_ms >= self.expires_at_ms {
            self.decide(Status::Expired, self.expires_at_ms);
            number.remove_live(id);
        }
    }
}

/// One verification of a number that may still be approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    pub id: RecordId,
    pub identity: IdentityTag,
    pub custom_code: Option<CustomCodeTag>,
    pub expires_at_ms: u64,
    pub client: ClientClass,
}

/// Consecutive failed checks of one number by one class of clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    pub count: u32,
    /// No check before this moment.
    pub next_check_at_ms: u64,
    pub last_at_ms: u64,
}

/// From this many consecutive failures on, each check waits.
pub const FAILURES_FREE: u32 = 15;
/// At this many, checks stop until an operator lifts it (NIST SP 800-63B).
pub const FAILURES_MAX: u32 = 100;
/// Failures are forgotten after 90 days without one.
pub const FAILURES_KEPT_MS: u64 = 90 * 24 * 3_600_000;
const FAILURE_WAIT_FIRST_MS: u64 = 30_000;
const FAILURE_WAIT_MAX_MS: u64 = 3_600_000;

impl Failures {
    fn forget_if_old(&mut self, now_ms: u64) {
        if now_ms.saturating_sub(self.last_at_ms) > FAILURES_KEPT_MS {
            *self = Self::default();
        }
    }

    fn add(&mut self, now_ms: u64) {
        self.count = self.count.saturating_add(1);
        self.last_at_ms = now_ms;
        self.next_check_at_ms = if self.count < FAILURES_FREE {
            0
        } else {
            // 30 s, doubled with every further failure, one hour at most.
            let doublings = (self.count - FAILURES_FREE).min(16);
            now_ms + (FAILURE_WAIT_FIRST_MS << doublings).min(FAILURE_WAIT_MAX_MS)
        };
    }

    /// Why a check may not be evaluated now.
    fn refusal(&self, now_ms: u64) -> Option<CheckAnswer> {
        if self.count >= FAILURES_MAX {
            Some(CheckAnswer::TooManyFailures {
                available_at_ms: None,
            })
        } else if now_ms < self.next_check_at_ms {
            Some(CheckAnswer::TooManyFailures {
                available_at_ms: Some(self.next_check_at_ms),
            })
        } else {
            None
        }
    }
}

/// One value for known clients, one for unknown ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerClass<T> {
    pub known: T,
    pub unknown: T,
}

impl<T> PerClass<T> {
    pub fn of(&self, client: ClientClass) -> &T {
        match client {
            ClientClass::Known => &self.known,
            ClientClass::Unknown => &self.unknown,
        }
    }

    pub fn of_mut(&mut self, client: ClientClass) -> &mut T {
        match client {
            ClientClass::Known => &mut self.known,
            ClientClass::Unknown => &mut self.unknown,
        }
    }
}

/// What is known about one (tenant, number) across its verifications.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberRecord {
    /// The last verifications, newest first: at most [`RECENT_MAX`].
    pub recent: Vec<RecordId>,
    pub live: Vec<Live>,
    /// One state per configured send rule.
    pub sends: PerClass<Vec<Gcra>>,
    pub failures: PerClass<Failures>,
}

/// So many verifications of a number can be listed.
pub const RECENT_MAX: usize = 20;

impl NumberRecord {
    pub fn remove_live(&mut self, id: RecordId) {
        self.live.retain(|live| live.id != id);
    }

    fn remember(&mut self, id: RecordId) {
        self.recent.insert(0, id);
        self.recent.truncate(RECENT_MAX);
    }
}

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
    /// `None` for test numbers.
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

/// Asks whether a code is right. Consumes a guess.
#[derive(Clone, Debug)]
pub struct Check {
    pub id: RecordId,
    pub tenant: TenantTag,
    pub operation: OperationId,
    pub client: ClientClass,
    /// The digest of what was typed, under every live key.
    pub digests: Vec<CodeDigest>,
}

/// What a check is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckAnswer {
    Approved,
    Mismatch {
        checks_remaining: u8,
    },
    /// Not evaluated: the verification is no longer pending.
    NotPending {
        status: Status,
    },
    /// Not evaluated; `None` until an operator lifts it.
    TooManyFailures {
        available_at_ms: Option<u64>,
    },
    /// Not evaluated: this node lacks the key the code was digested with.
    UnknownKey,
    /// Not evaluated: the idempotency key came with another code before.
    KeyReused,
    NotFound,
}

/// Evaluates a check. `record` and `number` are written back by the caller.
pub fn check(
    ask: &Check,
    record: &mut Record,
    number: &mut NumberRecord,
    now_ms: u64,
) -> CheckAnswer {
    if record.tenant != ask.tenant || record.kind != RecordKind::Verification {
        return CheckAnswer::NotFound;
    }
    if let Some((_, verdict)) = record
        .checks
        .iter()
        .find(|(seen, _)| *seen == ask.operation)
    {
        return match *verdict {
            CheckVerdict::Approved => CheckAnswer::Approved,
            CheckVerdict::Mismatch { checks_remaining } => {
                CheckAnswer::Mismatch { checks_remaining }
            }
        };
    }
    if record
        .checks
        .iter()
        .any(|(seen, _)| ask.operation.reuses_key_of(*seen))
    {
        return CheckAnswer::KeyReused;
    }
    record.expire_if_due(number, ask.id, now_ms);
    let Some(digest) = record.digest.as_ref().filter(|_| record.status.is_open()) else {
        return CheckAnswer::NotPending {
            status: record.status,
        };
    };
    let Some(typed) = ask
        .digests
        .iter()
        .find(|typed| typed.key_id == digest.key_id)
    else {
        return CheckAnswer::UnknownKey;
    };
    let failures = number.failures.of_mut(ask.client);
    failures.forget_if_old(now_ms);
    if let Some(refusal) = failures.refusal(now_ms) {
        return refusal;
    }
    record.checks_used += 1;
    // Both sides are keyed MACs of 32 bytes: where they first differ says nothing
    // about the code.
    let is_right = typed.mac == digest.mac;
    if is_right {
        *failures = Failures::default();
        record.decide(Status::Approved, now_ms);
        record.conversion = Conversion::Converted;
        number.remove_live(ask.id);
        record.checks.push((ask.operation, CheckVerdict::Approved));
        return CheckAnswer::Approved;
    }
    failures.add(now_ms);
    let checks_remaining = record.checks_max.saturating_sub(record.checks_used);
    if checks_remaining == 0 {
        record.decide(Status::Exhausted, now_ms);
        number.remove_live(ask.id);
    }
    let verdict = CheckVerdict::Mismatch { checks_remaining };
    record.checks.push((ask.operation, verdict));
    CheckAnswer::Mismatch { checks_remaining }
}

/// Cancels a pending verification; canceling a canceled one changes nothing.
///
/// # Errors
///
/// [`SendRefusal::NotFound`] or [`SendRefusal::NotPending`] with any other status.
pub fn cancel(
    record: &mut Record,
    number: &mut NumberRecord,
    (id, tenant): (RecordId, TenantTag),
    now_ms: u64,
) -> Result<(), SendRefusal> {
    if record.tenant != tenant || record.kind != RecordKind::Verification {
        return Err(SendRefusal::NotFound);
    }
    record.expire_if_due(number, id, now_ms);
    match record.status {
        Status::Pending => {
            record.decide(Status::Canceled, now_ms);
            number.remove_live(id);
            Ok(())
        }
        Status::Canceled => Ok(()),
        status @ (Status::Approved
        | Status::Expired
        | Status::Exhausted
        | Status::Superseded
        | Status::Failed) => Err(SendRefusal::NotPending { status }),
    }
}

/// Notes what the tenant reports. Decides a pending verification only if the
/// tenant drew its code; one whose code we drew is decided by a check alone.
///
/// # Errors
///
/// [`SendRefusal::NotFound`].
pub fn report_outcome(
    record: &mut Record,
    number: &mut NumberRecord,
    (id, tenant): (RecordId, TenantTag),
    (conversion, now_ms): (Conversion, u64),
) -> Result<(), SendRefusal> {
    if record.tenant != tenant {
        return Err(SendRefusal::NotFound);
    }
    record.expire_if_due(number, id, now_ms);
    let decides = record.kind == RecordKind::Verification && record.has_custom_code;
    if decides && record.status.is_open() && conversion == Conversion::Converted {
        record.decide(Status::Approved, now_ms);
        record.conversion = conversion;
        number.remove_live(id);
    }
    if record.status != Status::Approved {
        record.conversion = conversion;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
