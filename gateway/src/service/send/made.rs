//! What the store made of a send, and what its caller is told where it made none.

use super::Send;
use crate::id::RecordId;
use crate::service::Answer;
use crate::service::error::ServiceError;
use crate::service::refusals::{Refusal, StoredRefusal, refused};
use crate::store::Started;
use crate::verification::Record;

/// What the store made of a send.
pub(super) struct Made {
    pub(super) id: RecordId,
    pub(super) record: Box<Record>,
    /// The delivery to dispatch; `None` if there is none.
    pub(super) ordinal: Option<u8>,
    pub(super) now_ms: u64,
    pub(super) step: Step,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Created,
    Resent,
    /// An earlier request with the same idempotency key made it.
    Replayed,
}

impl Made {
    /// `now_ms` is the store's time as well as we know it.
    pub(super) fn of(started: Started, send: &Send, now_ms: u64) -> Answer<Self> {
        match started {
            Started::Created { record, now_ms } => Ok(Self {
                id: send.ask.id(),
                ordinal: (!record.deliveries.is_empty()).then_some(1),
                record,
                now_ms,
                step: Step::Created,
            }),
            Started::Resent {
                id,
                record,
                ordinal,
                now_ms,
            } => Ok(Self {
                id,
                record,
                ordinal,
                now_ms,
                step: Step::Resent,
            }),
            Started::Replayed { id, record, now_ms } => Ok(Self {
                id,
                record,
                ordinal: None,
                now_ms,
                step: Step::Replayed,
            }),
            Started::ReplayedRefusal { refusal } => Err(StoredRefusal::decode(&refusal, now_ms)),
            Started::InProgress => Err(ServiceError::IdempotencyInProgress),
            Started::KeyReused => Err(ServiceError::IdempotencyKeyReused),
            Started::Refused { refusal, now_ms } => Err(refused(refusal, now_ms)),
            // Only where limits are part of the step, and then it was judged before.
            Started::Withheld { now_ms, .. } => Err(Refusal::unanswered().error(now_ms)),
        }
    }
}
