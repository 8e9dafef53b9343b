//! The common start, of a number nothing is known about, decided and written
//! here: the script stores it where it finds that nothing stands in its way.

use super::packing;
use crate::admission::limits::{LimitAsk, LimitState};
use crate::id::RecordId;
use crate::verification::{self, LiveRecords, NumberRecord, Record, RecordKind, Start};

/// What a limit outlives its last question by, at least. `limit_state.lua` says the same.
const LIMIT_KEPT_MIN_MS: u64 = 10_000;
/// The same of a number, which `number.lua` says too.
const NUMBER_KEPT_MIN_MS: u64 = 1_000;

/// A start as it is where nothing is known, as of one moment of the store's
/// time: one that has certainly come, so that nothing seems to happen too early.
pub(super) struct FirstStart {
    /// What will be answered.
    pub(super) record: Record,
    pub(super) packed_record: Packed,
    /// Where in it the times of its creation stand, and which they are.
    pub(super) moments: Vec<(usize, u64)>,
    pub(super) packed_number: Packed,
    pub(super) limits: Vec<Packed>,
}

/// A value, and for how long it means something.
pub(super) struct Packed {
    pub(super) bytes: Vec<u8>,
    pub(super) for_ms: u64,
}

/// How long records are kept, and what every one carries.
#[derive(Clone, Copy)]
pub(super) struct Keeping {
    pub(super) retention_ms: u64,
    pub(super) epoch: u32,
}

impl FirstStart {
    /// `None` if it would be refused all the same.
    pub(super) fn new(
        ask: &Start,
        limits: &[LimitAsk],
        at_ms: u64,
        keeping: Keeping,
    ) -> Option<Self> {
        let (number, record) = alone(ask, at_ms)?;
        let limits = limits.iter().map(|ask| first_take(ask, at_ms));
        let limits = limits.collect::<Option<_>>()?;
        let kept_for_ms = ask.lifetime_ms.saturating_add(keeping.retention_ms);
        let packer = packing::record(&record, keeping.epoch);
        let moments = packer.moments().to_vec();
        let packed_record = Packed {
            bytes: packer.finish(),
            for_ms: kept_for_ms,
        };
        // A send-only delivery leaves nothing there but its sends.
        let number_for_ms = match ask.kind {
            RecordKind::Verification => kept_for_ms,
            RecordKind::SendOnly => 0,
        };
        Some(Self {
            packed_number: first_number(&number, number_for_ms, at_ms),
            record,
            packed_record,
            moments,
            limits,
        })
    }
}

/// The record that a start creates at `now_ms`.
pub(super) fn created(ask: &Start, now_ms: u64) -> Option<Record> {
    alone(ask, now_ms).map(|(_, record)| record)
}

/// What a start makes of a number that nothing is known about.
fn alone(ask: &Start, now_ms: u64) -> Option<(NumberRecord, Record)> {
    let mut number = NumberRecord::default();
    let decided = verification::start(ask, &mut number, &mut Nothing, now_ms);
    let (_, record) = decided.ok()?;
    Some((number, record?))
}

fn first_number(number: &NumberRecord, kept_for_ms: u64, at_ms: u64) -> Packed {
    let sends = number.sends.known.iter().chain(&number.sends.unknown);
    let last_ms = sends.map(|state| state.0.div_ceil(1000)).max();
    let sends_for_ms = last_ms.unwrap_or(0).saturating_sub(at_ms);
    let keep_ms = if kept_for_ms > 0 {
        at_ms.saturating_add(kept_for_ms)
    } else {
        0
    };
    Packed {
        bytes: packing::number(number, keep_ms),
        for_ms: kept_for_ms.max(sends_for_ms).max(NUMBER_KEPT_MIN_MS),
    }
}

fn first_take(ask: &LimitAsk, at_ms: u64) -> Option<Packed> {
    let mut state = LimitState::default();
    state.apply(ask, at_ms).ok()?;
    let for_ms = state.expires_at_ms().saturating_sub(at_ms);
    Some(Packed {
        bytes: packing::limit(&state),
        for_ms: for_ms.max(LIMIT_KEPT_MIN_MS),
    })
}

/// Nothing is live where nothing is known.
struct Nothing;

impl LiveRecords for Nothing {
    fn record(&mut self, _id: RecordId) -> Option<&mut Record> {
        None
    }
}
