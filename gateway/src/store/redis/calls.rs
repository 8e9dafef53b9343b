//! Runs scripts under the terms of the moment, and learns the server's clock
//! from every answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::answers::{Answer, LATE, SKEWED, UNKNOWN_FORMAT};
use super::asks::Terms;
use super::link::{CALL_MAX, Call};
use super::scripts::Script;
use super::{RedisStore, SKEW_MAX_MS, difference, unavailable};
use crate::store::StoreError;

/// A round trip that took longer says too little about the server's clock.
const ROUND_TRIP_MAX_MS: u64 = 100;

impl RedisStore {
    /// The terms of a call that begins now.
    pub(super) fn terms(&self) -> Terms {
        let gateway_now_ms = (self.clock)();
        let call_max_ms = u64::try_from(CALL_MAX.as_millis()).unwrap_or(u64::MAX);
        let offset_ms = self.offset_ms.load(Ordering::Relaxed);
        let least_offset_ms = self.least_offset_ms.load(Ordering::Relaxed);
        let server_now_ms = gateway_now_ms.saturating_add_signed(least_offset_ms);
        Terms {
            not_after_ms: gateway_now_ms
                .saturating_add_signed(offset_ms)
                .saturating_add(call_max_ms),
            gateway_now_ms,
            server_now_ms,
            shift_ms: self.shift_ms.load(Ordering::Relaxed),
            epoch: self.epoch.load(Ordering::Relaxed),
            retention_ms: self.retention_ms,
        }
    }

    /// Runs one script.
    pub(super) async fn run(
        &self,
        script: &'static Script,
        keys: Vec<String>,
        arguments: impl FnOnce(Terms) -> Vec<Vec<u8>>,
    ) -> Result<Answer, StoreError> {
        let terms = self.terms();
        let call = Call {
            script,
            keys,
            arguments: arguments(terms),
        };
        self.run_one(call, terms).await
    }

    /// Runs one script whose arguments are ready.
    pub(super) async fn run_one(&self, call: Call, terms: Terms) -> Result<Answer, StoreError> {
        let mut answers = self.run_all(&[call], terms).await?;
        answers
            .pop()
            .ok_or_else(|| unavailable("Redis gave no answer"))
    }

    /// Runs scripts in one flush.
    pub(super) async fn run_all(
        &self,
        calls: &[Call],
        terms: Terms,
    ) -> Result<Vec<Answer>, StoreError> {
        let mut answered = self.shared.link.run(calls).await?;
        let values = std::mem::take(&mut answered.values);
        let mut answers = Vec::with_capacity(values.len());
        for value in values {
            let answer = Answer::read(value, terms.shift_ms)?;
            self.learn_clock(terms.gateway_now_ms, answer.clock_ms);
            match answer.code {
                LATE | SKEWED => return Err(answered.in_doubt(self.not_done(&answer))),
                UNKNOWN_FORMAT => return Err(StoreError::UnknownFormat),
                code if code < 0 => {
                    return Err(StoreError::Damaged {
                        reason: Arc::from("a record is not in its format"),
                    });
                }
                _ => answers.push(answer),
            }
        }
        Ok(answers)
    }

    /// Why a script did nothing: it came too late, by its clock or by ours.
    fn not_done(&self, answer: &Answer) -> StoreError {
        let skew_ms = difference(answer.clock_ms, (self.clock)());
        if answer.code == SKEWED || skew_ms.unsigned_abs() > SKEW_MAX_MS {
            return StoreError::ClockSkew { skew_ms };
        }
        unavailable("Redis came to the command too late to carry it out")
    }

    fn learn_clock(&self, asked_at_ms: u64, server_ms: u64) {
        let answered_at_ms = (self.clock)();
        let round_trip_ms = answered_at_ms.saturating_sub(asked_at_ms);
        let offset_ms = difference(server_ms, asked_at_ms + round_trip_ms / 2);
        let known_ms = self.offset_ms.load(Ordering::Relaxed);
        let is_telling =
            round_trip_ms <= ROUND_TRIP_MAX_MS || offset_ms.abs_diff(known_ms) > round_trip_ms;
        if is_telling && offset_ms != known_ms {
            self.offset_ms.store(offset_ms, Ordering::Relaxed);
        }
        if is_telling {
            let least_ms = difference(server_ms, answered_at_ms + 1);
            self.least_offset_ms.store(least_ms, Ordering::Relaxed);
        }
    }
}
