//! Every question we ask of storage. Two implementations answer them, one
//! conformance suite holds them together, and no word of Redis stands above
//! this file.
//!
//! Every writing step is atomic and idempotent: asked twice with the same
//! operation, it happens once. Times are the store's own clock.

mod durability;
pub mod embedded;
mod meta;
pub mod metered;
pub mod redis;
pub mod subjects;
pub mod webhooks;

use std::sync::Arc;

use async_trait::async_trait;

pub use self::durability::Durability;
pub use self::meta::{KeyInUse, Meta, MetaRead, RecordFormats, WrappedKey};
use crate::admission::gcra::Denied;
use crate::admission::limits::LimitAsk;
use crate::admission::turns::{Turns, TurnsAsk};
use crate::calls::CallAsk;
use crate::delivery::{
    ApplyReceipt, AttemptReceipt, Begin, DispatchPolicy, ReceiptApplied, Settle, Settled, Stop,
    Take,
};
use crate::id::{DeliveryId, RecordId, Shard};
use crate::receipts::{MessageKey, ReceiptReference};
use crate::routing::{CountRoutes, RouteRows};
use crate::verification::{
    Check, CheckAnswer, ClientClass, Conversion, NumberRecord, NumberTag, OperationId, Record,
    Resend, SendPolicy, SendRefusal, Start, TenantTag,
};

/// The version every record, ledger entry and `meta` begins with. A release
/// reads its own and the one before.
pub const FORMAT_VERSION: u8 = 1;

/// A tenant's name for one request, as the store sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Keyed hash of tenant, endpoint, number and key.
    pub tag: [u8; 16],
    /// Keyed hash of the request: another one under the same tag is refused.
    pub fingerprint: [u8; 16],
}

/// For how long an idempotency record answers, in ms.
pub const IDEMPOTENCY_KEPT_MS: u64 = 86_400_000;

/// What a start or resend came to.
#[derive(Clone, Debug)]
pub enum Started {
    /// Committed. The first delivery is leased to the caller under fence 1.
    Created {
        record: Box<Record>,
        now_ms: u64,
    },
    /// A further delivery of an earlier verification, leased to the caller
    /// under fence 1; `ordinal` is `None` if nothing is sent (test numbers).
    Resent {
        id: RecordId,
        record: Box<Record>,
        ordinal: Option<u8>,
        now_ms: u64,
    },
    /// This idempotency key was answered before: by this record.
    Replayed {
        id: RecordId,
        record: Box<Record>,
        now_ms: u64,
    },
    /// This idempotency key was answered before: by this refusal, as given to [`Store::undo`].
    ReplayedRefusal {
        refusal: Vec<u8>,
    },
    /// A request with this idempotency key is being decided.
    InProgress,
    /// The idempotency key came with another request before.
    KeyReused,
    Refused {
        refusal: SendRefusal,
        now_ms: u64,
    },
    /// A limit that is part of the step refused, so nothing was done: what each
    /// of them said, in the order asked.
    Withheld {
        limits: LimitAnswers,
        now_ms: u64,
    },
}

/// What limits say, in the order asked.
pub type LimitAnswers = Vec<Result<(), Denied>>;

/// What a send came to, together with the limits asked along with it.
#[derive(Debug)]
pub struct Sent {
    pub started: Result<Started, StoreError>,
    /// What the limits said that were asked beside the step: they have taken
    /// whatever became of the send. `None` if they were part of it: they have
    /// taken if, and only if, it was made.
    pub apart: Option<Result<LimitAnswers, StoreError>>,
}

/// A check's answer; the record comes with `Approved`.
#[derive(Clone, Debug)]
pub struct Checked {
    pub answer: CheckAnswer,
    pub record: Option<Box<Record>>,
    pub now_ms: u64,
}

/// What came of a check with limits in its step.
#[derive(Clone, Debug)]
pub enum CheckedWithin {
    Checked(Checked),
    /// A limit refused, so nothing was evaluated: what each of them said.
    Withheld {
        limits: LimitAnswers,
        now_ms: u64,
    },
}

/// A record as read or changed, with the store's time.
#[derive(Clone, Debug)]
pub struct Found {
    pub id: RecordId,
    pub record: Box<Record>,
    pub now_ms: u64,
}

/// Takes back a send that a limit of another slot refused.
#[derive(Clone, Debug)]
pub struct Undo {
    pub id: RecordId,
    pub was_created: bool,
    pub operation: OperationId,
    pub client: ClientClass,
    pub policy: SendPolicy,
    pub idempotency: Option<Idempotency>,
    /// What a later request with the same idempotency key is told, until `available_at_ms`.
    pub refusal: Vec<u8>,
    pub available_at_ms: u64,
}

/// A due delivery, taken over.
#[derive(Clone, Debug)]
pub struct Taken {
    pub delivery: DeliveryId,
    pub take: Take,
    /// With [`Take::Taken`], and with [`Take::Poisoned`] for the log.
    pub record: Option<Box<Record>>,
    pub now_ms: u64,
}

/// What a sweep of one shard found.
#[derive(Clone, Debug, Default)]
pub struct Swept {
    pub taken: Vec<Taken>,
    /// Entries in the shard's ledger, due or not.
    pub depth: u64,
    /// How long the oldest entry has been due, in ms; 0 if none is.
    pub oldest_overdue_ms: u64,
    /// Due entries left in place: their format is not known to this release.
    pub unknown_format: u64,
}

/// Which due deliveries to take.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    pub shard: Shard,
    /// At most so many.
    pub count_max: u16,
    /// Only what has been due for so long: the node that holds a timer goes first.
    pub grace_ms: u64,
    pub policy: DispatchPolicy,
}

/// Whether the store is fit for use, for `/readyz` and the gauges.
#[derive(Clone, Debug)]
pub struct Health {
    pub durability: Durability,
    /// The store's clock minus ours, in ms.
    pub clock_skew_ms: i64,
    /// Used part of the memory or space it may use; `None` if it has no bound.
    pub memory_used_ratio: Option<f64>,
}

/// Why the store gave no answer, in terms of what the caller may believe.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Nothing was written and nothing will be.
    #[error("the store cannot be reached: {reason}")]
    Unavailable { reason: Arc<str> },
    /// The step may have been done, or may not.
    #[error("the store did not answer: {reason}")]
    OutcomeUnknown { reason: Arc<str> },
    /// No room for more sends; what exists goes on.
    #[error("the store is full")]
    Full,
    /// Its clock and ours differ too much to trust either.
    #[error("the store's clock is {skew_ms} ms away from ours")]
    ClockSkew { skew_ms: i64 },
    /// The record was written by a release this one does not know.
    #[error("the record's format is unknown to this release")]
    UnknownFormat,
    /// The record cannot be read at all.
    #[error("the record is damaged: {reason}")]
    Damaged { reason: Arc<str> },
}

impl StoreError {
    /// A stable word for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "unavailable",
            Self::OutcomeUnknown { .. } => "outcome_unknown",
            Self::Full => "full",
            Self::ClockSkew { .. } => "clock_skew",
            Self::UnknownFormat => "unknown_format",
            Self::Damaged { .. } => "damaged",
        }
    }
}

/// The store. Every call ends within a second.
#[async_trait]
pub trait Store: webhooks::WatchStore + subjects::SubjectStore {
    /// Creates a verification or send-only delivery, sends an earlier one
    /// again, or refuses. Done no later than a second from now, or never.
    async fn start(
        &self,
        ask: &Start,
        idempotency: Option<&Idempotency>,
    ) -> Result<Started, StoreError>;

    /// Starts and asks limits, each another one, in one flush. A store in which a
    /// step may touch several shards makes it one step.
    async fn start_within(
        &self,
        ask: &Start,
        idempotency: Option<&Idempotency>,
        limits: &[LimitAsk],
    ) -> Sent;

    /// Sends a verification again by its id.
    async fn resend(
        &self,
        ask: &Resend,
        idempotency: Option<&Idempotency>,
    ) -> Result<Started, StoreError>;

    /// Takes back what a limit of another slot refused.
    async fn undo(&self, ask: &Undo) -> Result<(), StoreError>;

    /// Says that every limit has allowed the send of this idempotency key.
    async fn confirm(&self, shard: Shard, idempotency: &Idempotency) -> Result<(), StoreError>;

    /// Evaluates a check, consuming a guess.
    async fn check(&self, ask: &Check) -> Result<Checked, StoreError>;

    /// Evaluates a check under limits of failed ones, each another limit: a full
    /// one refuses before anything is evaluated, a wrong code takes from each.
    async fn check_within(
        &self,
        ask: &Check,
        limits: &[LimitAsk],
    ) -> Result<CheckedWithin, StoreError>;

    /// Cancels a pending record.
    async fn cancel(
        &self,
        id: RecordId,
        tenant: TenantTag,
    ) -> Result<Result<Found, SendRefusal>, StoreError>;

    /// Notes what the tenant reports of a code's use.
    async fn report_outcome(
        &self,
        id: RecordId,
        tenant: TenantTag,
        conversion: Conversion,
    ) -> Result<Result<Found, SendRefusal>, StoreError>;

    /// Records an attempt before its first byte.
    async fn begin(
        &self,
        delivery: DeliveryId,
        ask: &Begin,
    ) -> Result<Result<(), Stop>, StoreError>;

    /// Records how an attempt ended and what is due.
    async fn settle(
        &self,
        delivery: DeliveryId,
        ask: &Settle,
    ) -> Result<Result<Settled, Stop>, StoreError>;

    /// Settles an attempt that the create step has begun, of a delivery that
    /// nobody has touched since as far as we know: `record` as it was created.
    /// It changes along.
    async fn settle_created(
        &self,
        delivery: DeliveryId,
        ask: &Settle,
        record: &mut Record,
    ) -> Result<Result<Settled, Stop>, StoreError>;

    /// Applies a verified receipt.
    async fn apply_receipt(
        &self,
        delivery: DeliveryId,
        ask: &ApplyReceipt,
    ) -> Result<ReceiptApplied, StoreError>;

    /// Says which attempt a provider's message id names, until that reference
    /// expires. Answers with the receipt that waited for it.
    async fn bind_message(
        &self,
        key: MessageKey,
        target: &ReceiptReference,
    ) -> Result<Option<AttemptReceipt>, StoreError>;

    /// The attempt that a verified receipt's message id names. While nobody
    /// knows it, the receipt waits, and a full store refuses it.
    async fn match_receipt(
        &self,
        key: MessageKey,
        receipt: &AttemptReceipt,
    ) -> Result<Option<ReceiptReference>, StoreError>;

    /// Whether a call is the one that was first seen of its attempt: if so, how
    /// often it has asked what to say, this time included.
    async fn bind_call(&self, ask: &CallAsk) -> Result<Option<u32>, StoreError>;

    /// Takes one delivery if it is due.
    async fn take(
        &self,
        delivery: DeliveryId,
        policy: &DispatchPolicy,
    ) -> Result<Taken, StoreError>;

    /// Takes what is overdue in a shard, oldest first.
    async fn sweep(&self, ask: &Sweep) -> Result<Swept, StoreError>;

    /// Makes a leased delivery due after `after_ms`, for any node.
    async fn hand_back(
        &self,
        delivery: DeliveryId,
        fence: u32,
        after_ms: u64,
    ) -> Result<Result<(), Stop>, StoreError>;

    /// Takes from, gives back to, or looks at limits: all in one flush.
    /// Answers stand in the order of the questions.
    async fn limits(&self, asks: &[LimitAsk]) -> Result<Vec<Result<(), Denied>>, StoreError>;

    /// Takes turns of a rate that all nodes share.
    async fn turns(&self, ask: &TurnsAsk) -> Result<Turns, StoreError>;

    /// Adds to an hour's counts of what became of messages.
    async fn count_routes(&self, ask: &CountRoutes) -> Result<(), StoreError>;

    /// What was counted in an hour, named by the hours since the Unix epoch.
    async fn route_counts(&self, hour: u64) -> Result<RouteRows, StoreError>;

    /// Reads a record.
    async fn get(&self, id: RecordId) -> Result<Option<Found>, StoreError>;

    /// Reads several records; the missing ones are left out.
    async fn get_all(&self, ids: &[RecordId]) -> Result<Vec<Found>, StoreError>;

    /// Reads what is known about a number, with the store's time.
    async fn number(
        &self,
        shard: Shard,
        number: NumberTag,
    ) -> Result<(NumberRecord, u64), StoreError>;

    /// Forgets the failed checks of a number.
    async fn lift_failures(&self, shard: Shard, number: NumberTag) -> Result<(), StoreError>;

    /// Reads `meta`.
    async fn meta(&self) -> Result<MetaRead, StoreError>;

    /// Writes `meta` if its revision is still this one. `false` if it is not.
    async fn write_meta(&self, meta: &Meta, revision: u64) -> Result<bool, StoreError>;

    /// Which formats of records it writes and reads.
    fn record_formats(&self) -> RecordFormats;

    /// Asks whether the store is fit for use.
    async fn health(&self) -> Result<Health, StoreError>;
}
