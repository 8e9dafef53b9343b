//! What the scripts answer: an array of a code, the server's clock and what
//! the step adds.

use std::sync::Arc;

use ::redis::{ServerError, ServerErrorKind, Value};

use super::format::{self, DELIVERY_STATUSES, STATUSES, value_at};
use super::pack::{Malformed, Reader};
use crate::admission::gcra::Denied;
use crate::admission::turns::Turns;
use crate::delivery::{AttemptReceipt, DueKind, ReceiptApplied, Settled, Stop, Take};
use crate::id::{DeliveryId, RecordId, Shard};
use crate::receipts::ReceiptReference;
use crate::store::{Checked, Found, LimitAnswers, Started, StoreError, Swept, Taken};
use crate::verification::{CheckAnswer, Record, SendRefusal};

/// One script's answer, read from front to back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: i64,
    /// The server's clock, unshifted.
    pub(super) clock_ms: u64,
    /// The store's clock.
    pub(super) now_ms: u64,
    rest: std::vec::IntoIter<Value>,
}

/// What a script says instead of an answer of its step.
pub(super) const LATE: i64 = -1;
pub(super) const SKEWED: i64 = -2;
pub(super) const UNKNOWN_FORMAT: i64 = -3;
/// A limit that is part of the step refused.
pub(super) const WITHHELD: i64 = 8;
/// A start that found nothing in its way: as of the moment it was written by.
pub(super) const CREATED_FIRST: i64 = 9;

impl Answer {
    pub(super) fn read(value: Value, shift_ms: i64) -> Result<Self, StoreError> {
        let Value::Array(values) = value else {
            return Err(strange());
        };
        let mut rest = values.into_iter();
        let (Some(Value::Int(code)), Some(Value::Int(clock))) = (rest.next(), rest.next()) else {
            return Err(strange());
        };
        let clock_ms = u64::try_from(clock).map_err(|_| strange())?;
        Ok(Self {
            code,
            clock_ms,
            now_ms: clock_ms.saturating_add_signed(shift_ms),
            rest,
        })
    }

    pub(super) fn number(&mut self) -> Result<u64, StoreError> {
        match self.rest.next() {
            Some(Value::Int(number)) => u64::try_from(number).map_err(|_| strange()),
            _ => Err(strange()),
        }
    }

    fn small<T: TryFrom<u64>>(&mut self) -> Result<T, StoreError> {
        T::try_from(self.number()?).map_err(|_| strange())
    }

    /// `None` for a missing value.
    fn bytes_if_any(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.rest.next() {
            Some(Value::BulkString(bytes)) => Ok(Some(bytes)),
            Some(Value::Nil) | None => Ok(None),
            _ => Err(strange()),
        }
    }

    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        self.bytes_if_any()?.ok_or_else(strange)
    }

    fn record(&mut self) -> Result<Box<Record>, StoreError> {
        Ok(Box::new(format::record(&self.bytes()?)?))
    }

    fn id(&mut self, shard: Shard) -> Result<RecordId, StoreError> {
        let bytes = self.bytes()?;
        let text = std::str::from_utf8(&bytes).map_err(|_| strange())?;
        Ok(format::record_id(text, shard)?)
    }

    pub(super) fn list(&mut self) -> Result<Vec<Value>, StoreError> {
        match self.rest.next() {
            Some(Value::Array(values)) => Ok(values),
            _ => Err(strange()),
        }
    }

    fn refusal(&mut self) -> Result<SendRefusal, StoreError> {
        let why = self.number()?;
        let (first, second) = (self.number()?, self.number()?);
        Ok(match why {
            1 => SendRefusal::ResendTooEarly {
                available_at_ms: first,
            },
            2 => SendRefusal::SendsExhausted {
                available_at_ms: first,
            },
            3 => SendRefusal::ResendTooLate,
            4 => SendRefusal::SendLimit {
                rule: u8::try_from(first).unwrap_or(u8::MAX),
                available_at_ms: second,
            },
            5 => SendRefusal::TooManyPending {
                available_at_ms: first,
            },
            6 => SendRefusal::NotPending {
                status: value_at(&STATUSES, first)?,
            },
            8 => SendRefusal::NotFound,
            9 => SendRefusal::MethodChanged,
            _ => return Err(strange()),
        })
    }

    /// What each of `count` limits said; those that refused are listed.
    pub(super) fn limits(&mut self, count: usize) -> Result<LimitAnswers, StoreError> {
        let mut answers = vec![Ok(()); count];
        while self.rest.len() > 0 {
            let place: usize = self.small()?;
            let denied = Denied {
                rule: self.small()?,
                available_at_ms: self.number()?,
            };
            *answers.get_mut(place).ok_or_else(strange)? = Err(denied);
        }
        Ok(answers)
    }

    /// The answer to a start or resend of record `id`, with so many limits in
    /// the step. A script does not send a
    /// record back that it has just been sent: `created` knows it.
    pub(super) fn started(
        mut self,
        id: RecordId,
        limits: usize,
        created: impl FnOnce(u64) -> Option<Record>,
    ) -> Result<Started, StoreError> {
        let now_ms = self.now_ms;
        Ok(match self.code {
            1 | CREATED_FIRST => Started::Created {
                record: match self.bytes_if_any()? {
                    Some(packed) => Box::new(format::record(&packed)?),
                    None => created(now_ms).map(Box::new).ok_or_else(strange)?,
                },
                now_ms,
            },
            2 => Started::Resent {
                id: self.id(id.shard)?,
                ordinal: Some(self.small()?).filter(|ordinal| *ordinal > 0),
                record: self.record()?,
                now_ms,
            },
            3 => Started::Replayed {
                id: self.id(id.shard)?,
                record: self.record()?,
                now_ms,
            },
            4 => Started::ReplayedRefusal {
                refusal: self.bytes()?,
            },
            5 => Started::InProgress,
            6 => Started::KeyReused,
            7 => Started::Refused {
                refusal: self.refusal()?,
                now_ms,
            },
            WITHHELD => Started::Withheld {
                limits: self.limits(limits)?,
                now_ms,
            },
            _ => return Err(strange()),
        })
    }

    pub(super) fn checked(mut self) -> Result<Checked, StoreError> {
        let answer = match self.code {
            1 => CheckAnswer::Approved,
            2 => CheckAnswer::Mismatch {
                checks_remaining: self.small()?,
            },
            3 => CheckAnswer::NotPending {
                status: value_at(&STATUSES, self.number()?)?,
            },
            4 => {
                let is_bounded = self.number()? == 1;
                let available_at_ms = self.number()?;
                CheckAnswer::TooManyFailures {
                    available_at_ms: is_bounded.then_some(available_at_ms),
                }
            }
            5 => CheckAnswer::UnknownKey,
            6 => CheckAnswer::KeyReused,
            7 => CheckAnswer::NotFound,
            _ => return Err(strange()),
        };
        let record = if answer == CheckAnswer::Approved {
            Some(self.record()?)
        } else {
            None
        };
        Ok(Checked {
            answer,
            record,
            now_ms: self.now_ms,
        })
    }

    /// The record after a change to it, or why there was none.
    pub(super) fn changed(
        mut self,
        id: RecordId,
    ) -> Result<Result<Found, SendRefusal>, StoreError> {
        if self.code == 7 {
            return self.refusal().map(Err);
        }
        let record = self.record()?;
        let now_ms = self.now_ms;
        Ok(Ok(Found { id, record, now_ms }))
    }

    /// The records of `ids`, without the missing ones.
    pub(super) fn found(mut self, ids: &[RecordId]) -> Result<Vec<Found>, StoreError> {
        let now_ms = self.now_ms;
        let mut found = Vec::with_capacity(ids.len());
        for (id, value) in ids.iter().zip(self.list()?) {
            if let Value::BulkString(packed) = value {
                let record = Box::new(format::record(&packed)?);
                let id = *id;
                found.push(Found { id, record, now_ms });
            }
        }
        Ok(found)
    }

    /// What stood under the key, if anything did.
    pub(super) fn value(mut self) -> Result<Option<Vec<u8>>, StoreError> {
        self.bytes_if_any()
    }

    /// `meta`'s revision and bytes.
    pub(super) fn meta(mut self) -> Result<(u64, Option<Vec<u8>>), StoreError> {
        Ok((self.number()?, self.bytes_if_any()?))
    }

    /// Whether a limit allows it.
    pub(super) fn allowed(mut self) -> Result<Result<(), Denied>, StoreError> {
        if self.code == 1 {
            return Ok(Ok(()));
        }
        Ok(Err(Denied {
            rule: u8::try_from(self.number()?).unwrap_or(u8::MAX),
            available_at_ms: self.number()?,
        }))
    }

    /// What was given of a rate.
    pub(super) fn turns(mut self) -> Result<Turns, StoreError> {
        Ok(Turns {
            count: self.small()?,
            first_us: self.number()?,
            now_us: self.now_ms.saturating_mul(1000),
        })
    }

    /// Whether the step was done, or why dispatch must stop.
    pub(super) fn stopped(mut self) -> Result<Result<(), Stop>, StoreError> {
        if self.code == 1 {
            return Ok(Ok(()));
        }
        self.stop().map(Err)
    }

    fn stop(&mut self) -> Result<Stop, StoreError> {
        let (why, status) = (self.number()?, self.number()?);
        Ok(match why {
            1 => Stop::FenceLost,
            2 => Stop::Closed(value_at(&DELIVERY_STATUSES, status)?),
            3 => Stop::NotPending(value_at(&STATUSES, status)?),
            4 => Stop::TooLate,
            5 => Stop::TooManySubmissions,
            6 => Stop::Gone,
            _ => return Err(strange()),
        })
    }

    pub(super) fn settled(mut self) -> Result<Result<Settled, Stop>, StoreError> {
        if self.code != 1 {
            return self.stop().map(Err);
        }
        Ok(Ok(Settled {
            status: value_at(&DELIVERY_STATUSES, self.number()?)?,
            due: format::due(self.number()?, self.number()?)?,
            fallback: Some(self.small()?).filter(|ordinal| *ordinal > 0),
        }))
    }

    pub(super) fn receipt_applied(mut self) -> Result<ReceiptApplied, StoreError> {
        Ok(match self.code {
            0 => ReceiptApplied::Nothing,
            1 => ReceiptApplied::Recorded {
                status: value_at(&DELIVERY_STATUSES, self.number()?)?,
            },
            2 => ReceiptApplied::Redispatch,
            3 => ReceiptApplied::NoAttempt,
            4 => ReceiptApplied::CallEnded,
            _ => return Err(strange()),
        })
    }

    /// The receipt that waited for a message id to be known.
    pub(super) fn waiting_receipt(mut self) -> Result<Option<AttemptReceipt>, StoreError> {
        let packed = self.bytes_if_any()?;
        let receipt = packed.map(|packed| format::receipt(&mut Reader::new(&packed)));
        Ok(receipt.transpose()?)
    }

    /// The attempt that a message id names.
    pub(super) fn receipt_target(mut self) -> Result<Option<ReceiptReference>, StoreError> {
        let bytes = self.bytes_if_any()?;
        bytes
            .map(|bytes| ReceiptReference::of_bytes(&bytes).ok_or_else(strange))
            .transpose()
    }

    /// How often a call has asked, if it is the one of its attempt.
    pub(super) fn call_questions(mut self) -> Result<Option<u32>, StoreError> {
        let questions = self.small()?;
        Ok((questions > 0).then_some(questions))
    }

    pub(super) fn taken(mut self, delivery: DeliveryId) -> Result<Taken, StoreError> {
        let why = self.number()?;
        let take = take(self.code, why)?;
        let record = match take {
            Take::Taken { .. } | Take::Poisoned => Some(self.record()?),
            Take::Closed | Take::NotDue => None,
        };
        Ok(Taken {
            delivery,
            take,
            record,
            now_ms: self.now_ms,
        })
    }

    /// A sweep's findings, and where the next one looks on.
    pub(super) fn swept(mut self, shard: Shard) -> Result<(Swept, u64), StoreError> {
        let mut swept = Swept {
            taken: Vec::new(),
            depth: self.number()?,
            oldest_overdue_ms: self.number()?,
            unknown_format: self.number()?,
        };
        let next_skip = self.number()?;
        for value in self.list()? {
            let Value::Array(values) = value else {
                return Err(strange());
            };
            let mut entry = values.into_iter();
            let Some(Value::Int(code)) = entry.next() else {
                return Err(strange());
            };
            let mut entry = Self {
                code,
                clock_ms: self.clock_ms,
                now_ms: self.now_ms,
                rest: entry,
            };
            let record = entry.id(shard)?;
            let ordinal = entry.small()?;
            swept
                .taken
                .push(entry.taken(DeliveryId { record, ordinal })?);
        }
        Ok((swept, next_skip))
    }
}

fn take(code: i64, why: u64) -> Result<Take, StoreError> {
    Ok(match code {
        0 => Take::NotDue,
        1 => Take::Taken {
            why: due_kind(why)?,
        },
        2 => Take::Poisoned,
        3 => Take::Closed,
        _ => return Err(strange()),
    })
}

fn due_kind(kind: u64) -> Result<DueKind, StoreError> {
    let due = format::due(kind, 0)?;
    due.map(|due| due.kind).ok_or_else(strange)
}

impl From<Malformed> for StoreError {
    fn from(Malformed: Malformed) -> Self {
        strange()
    }
}

pub(super) fn strange() -> StoreError {
    StoreError::Damaged {
        reason: Arc::from("a script's answer is not in its format"),
    }
}

/// What a server's error means. Its text may quote arguments, so none of it is kept.
pub(super) fn refused_by_server(error: &ServerError) -> StoreError {
    let reason = match error.code() {
        "OOM" => return StoreError::Full,
        "MISCONF" => "Redis cannot write to its disk (MISCONF): free space there or see its log",
        "LOADING" => "Redis is loading its data (LOADING): it will be ready when that ends",
        "CLUSTERDOWN" => "the Redis cluster is down (CLUSTERDOWN): see CLUSTER INFO",
        "MASTERDOWN" => "Redis is a replica without its primary (MASTERDOWN)",
        "READONLY" => "Redis is a read-only replica (READONLY): the URL must lead to the primary",
        "BUSY" => "Redis is busy with somebody's script (BUSY): see SCRIPT KILL",
        "NOREPLICAS" => "Redis has too few replicas (NOREPLICAS): see min-replicas-to-write",
        "NOPERM" => "the Redis user lacks a permission (NOPERM): see ACL LOG for which",
        "NOAUTH" | "WRONGPASS" => "Redis does not accept our user and password",
        "MOVED" | "ASK" | "CROSSSLOT" => {
            "this Redis is part of a cluster that needs the cluster form of the URL"
        }
        _ if error.kind() == Some(ServerErrorKind::ResponseError) => {
            let of_script = |details: &str| details.contains("user_script");
            if error.details().is_some_and(of_script) {
                return StoreError::Damaged {
                    reason: Arc::from("a script could not read what is stored"),
                };
            }
            "Redis refused a command (ERR): is it version 7 or later, with scripts allowed?"
        }
        _ => "Redis refused a command",
    };
    StoreError::Unavailable {
        reason: Arc::from(reason),
    }
}
