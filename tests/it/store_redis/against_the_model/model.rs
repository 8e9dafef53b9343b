//! The store as the pure transitions make it.

use std::collections::BTreeMap;

use watchword::admission::gcra::Gcra;
use watchword::delivery::{self, Settle, Take};
use watchword::id::{DeliveryId, RecordId};
use watchword::store::Undo;
use watchword::verification::{
    self, CheckAnswer, KeepRecord, LiveRecords, NumberRecord, NumberTag, Record, RecordKind,
    Resend, SendAccepted, Start, UndoSend,
};

use super::step::{
    RECORDS, Step, begin_of, check_of, conversion_of, receipt_of, resend_of, settle_of, start_of,
    undo_of,
};
use crate::store_redis::asks;

/// `right` most of the time, and its neighbours.
fn off_by(right: u32, drawn: u32) -> u32 {
    match drawn {
        0 => right.saturating_sub(1),
        1 => right + 1,
        _ => right,
    }
}

/// The store as the transitions see it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Model {
    pub(super) records: BTreeMap<RecordId, Record>,
    pub(super) numbers: BTreeMap<NumberTag, NumberRecord>,
}

struct Live<'a>(&'a mut BTreeMap<RecordId, Record>);

impl LiveRecords for Live<'_> {
    fn record(&mut self, id: RecordId) -> Option<&mut Record> {
        self.0.get_mut(&id)
    }
}

impl Model {
    /// Aims a step at something that is there, most of the time: a drawn number
    /// picks among the records or deliveries, a fence or attempt counts from the
    /// one that would fit.
    pub(super) fn aim(&self, mut step: Step) -> Step {
        match &mut step {
            Step::Resend { record, .. }
            | Step::Undo { record, .. }
            | Step::Check { record, .. } => {
                *record = self.pick(*record);
            }
            Step::Begin {
                delivery,
                fence,
                attempt,
                ..
            } => {
                let (found, current, next) = self.pick_delivery(*delivery);
                *delivery = found;
                *fence = off_by(current, *fence);
                *attempt = off_by(next, *attempt);
            }
            Step::Settle {
                delivery,
                fence,
                attempt,
                ..
            } => {
                let (found, current, next) = self.pick_delivery(*delivery);
                *delivery = found;
                *fence = off_by(current, *fence);
                *attempt = off_by(next, *attempt).saturating_sub(1);
            }
            Step::Receipt {
                delivery, attempt, ..
            } => {
                let (found, _, next) = self.pick_delivery(*delivery);
                *delivery = found;
                *attempt = match *attempt {
                    // It may be folded long ago.
                    7 => 1,
                    drawn => off_by(next, drawn).saturating_sub(1),
                };
            }
            Step::Take { delivery } => *delivery = self.pick_delivery(*delivery).0,
            Step::HandBack {
                delivery, fence, ..
            } => {
                let (found, current, _) = self.pick_delivery(*delivery);
                *delivery = found;
                *fence = off_by(current, *fence);
            }
            Step::Start { .. }
            | Step::Cancel { .. }
            | Step::Report { .. }
            | Step::Sweep { .. }
            | Step::Lift { .. }
            | Step::Wait { .. } => {}
        }
        step
    }

    fn pick(&self, drawn: u8) -> u8 {
        let among: Vec<u8> = self.records.keys().map(|id| id.random[0]).collect();
        match among.len() {
            0 => drawn % RECORDS,
            count => among[usize::from(drawn) % count],
        }
    }

    /// A delivery, with its fence and the number of its next attempt.
    fn pick_delivery(&self, (record, ordinal): (u8, u8)) -> ((u8, u8), u32, u32) {
        let record = self.pick(record);
        let deliveries = self.records.get(&asks::record_id(record));
        let count = deliveries.map_or(0, |record| record.deliveries.len());
        // One past the last is one that is not there.
        let ordinal = u8::try_from(usize::from(ordinal) % (count + 1) + 1).unwrap();
        let delivery = deliveries.and_then(|record| record.delivery(ordinal));
        let fence = delivery.map_or(1, |delivery| delivery.fence);
        let next = delivery.map_or(1, |delivery| delivery.last_number() + 1);
        ((record, ordinal), fence, next)
    }

    /// What the transitions answer and do at `now_ms`: being refused does nothing.
    pub(super) fn ask(&mut self, step: &Step, now_ms: u64) -> String {
        let before = self.clone();
        let answer = self.transition(step, now_ms);
        // A begin that stops may have written down what had ended.
        let is_refused = !matches!(step, Step::Begin { .. })
            && ["refused", "NotPending", "Err(", "UnknownKey"]
                .iter()
                .any(|word| answer.starts_with(word));
        if is_refused {
            *self = before;
        }
        answer
    }

    fn transition(&mut self, step: &Step, now_ms: u64) -> String {
        match *step {
            Step::Start { .. } => self.start(&start_of(step).expect("it is a start"), now_ms),
            Step::Resend {
                record,
                operation,
                client,
                is_sent,
            } => self.resend(&resend_of(record, operation, client, is_sent), now_ms),
            Step::Undo {
                record,
                operation,
                was_created,
                client,
            } => self.undo(&undo_of(record, operation, was_created, client), now_ms),
            Step::Check { .. } | Step::Cancel { .. } | Step::Report { .. } => {
                self.decide(step, now_ms)
            }
            Step::Lift { number } => {
                if let Some(number) = self.numbers.get_mut(&NumberTag([number; 16])) {
                    number.failures = verification::PerClass::default();
                }
                "()".to_owned()
            }
            Step::Wait { .. } => String::new(),
            Step::Begin { .. }
            | Step::Settle { .. }
            | Step::Receipt { .. }
            | Step::Take { .. }
            | Step::Sweep { .. }
            | Step::HandBack { .. } => self.ask_dispatch(step, now_ms),
        }
    }

    fn decide(&mut self, step: &Step, now_ms: u64) -> String {
        match *step {
            Step::Check {
                record,
                operation,
                key,
                is_right,
                client,
            } => {
                let ask = check_of(record, operation, key, is_right, client);
                let Some((record, number)) = self.both(ask.id) else {
                    return format!("{:?} {:?}", CheckAnswer::NotFound, None::<Record>);
                };
                let answer = verification::check(&ask, record, number, now_ms);
                let shown = (answer == CheckAnswer::Approved).then(|| record.clone());
                format!("{answer:?} {shown:?}")
            }
            Step::Cancel { record } => {
                let id = asks::record_id(record);
                let Some((record, number)) = self.both(id) else {
                    return refused::<Record>();
                };
                let canceled = verification::cancel(record, number, (id, asks::TENANT), now_ms);
                format!("{:?}", canceled.map(|()| &*record))
            }
            Step::Report { record, conversion } => {
                let id = asks::record_id(record);
                let Some((record, number)) = self.both(id) else {
                    return refused::<Record>();
                };
                let what = (conversion_of(conversion), now_ms);
                let reported =
                    verification::report_outcome(record, number, (id, asks::TENANT), what);
                format!("{:?}", reported.map(|()| &*record))
            }
            Step::Start { .. }
            | Step::Resend { .. }
            | Step::Undo { .. }
            | Step::Lift { .. }
            | Step::Wait { .. }
            | Step::Begin { .. }
            | Step::Settle { .. }
            | Step::Receipt { .. }
            | Step::Take { .. }
            | Step::Sweep { .. }
            | Step::HandBack { .. } => {
                unreachable!("the other steps are asked above")
            }
        }
    }

    fn ask_dispatch(&mut self, step: &Step, now_ms: u64) -> String {
        match *step {
            Step::Begin {
                delivery: (record, ordinal),
                fence,
                attempt,
                settles,
            } => {
                let ask = begin_of(fence, attempt, settles);
                let answer = self
                    .record(record)
                    .map_or(Err(delivery::Stop::Gone), |record| {
                        delivery::begin(record, ordinal, &ask, now_ms)
                    });
                format!("{answer:?}")
            }
            Step::Settle {
                delivery: (record, ordinal),
                fence,
                attempt,
                outcome,
                next,
            } => {
                let ask = settle_of(fence, attempt, outcome, next);
                self.settle((record, ordinal), &ask, now_ms)
            }
            Step::Receipt {
                delivery: (record, ordinal),
                attempt,
                status,
                redispatch,
            } => {
                let ask = receipt_of(attempt, status, redispatch);
                let none = delivery::ReceiptApplied::NoAttempt;
                let answer = self.record(record).map_or(none, |record| {
                    delivery::apply_receipt(record, ordinal, &ask, now_ms)
                });
                format!("{answer:?}")
            }
            Step::Take { delivery } => self.take(delivery, now_ms),
            Step::Sweep { count_max } => self.sweep(count_max, now_ms),
            Step::HandBack {
                delivery: (record, ordinal),
                fence,
                after_ms,
            } => {
                let what = (fence, after_ms);
                let answer = self
                    .record(record)
                    .map_or(Err(delivery::Stop::Gone), |record| {
                        delivery::hand_back(record, ordinal, what, now_ms)
                    });
                format!("{answer:?}")
            }
            Step::Start { .. }
            | Step::Resend { .. }
            | Step::Undo { .. }
            | Step::Check { .. }
            | Step::Cancel { .. }
            | Step::Report { .. }
            | Step::Lift { .. }
            | Step::Wait { .. } => {
                unreachable!("the other steps are asked above")
            }
        }
    }

    fn settle(&mut self, (record, ordinal): (u8, u8), ask: &Settle, now_ms: u64) -> String {
        let id = asks::record_id(record);
        let Some((record, number)) = self.both(id) else {
            return format!("{:?}", Err::<(), _>(delivery::Stop::Gone));
        };
        let was_open = record.status.is_open();
        let answer = delivery::settle(record, ordinal, ask, now_ms);
        if was_open && !record.status.is_open() {
            number.remove_live(id);
        }
        format!("{answer:?}")
    }

    fn take(&mut self, (record, ordinal): (u8, u8), now_ms: u64) -> String {
        let Some(record) = self.record(record) else {
            return format!("{:?} {:?}", Take::NotDue, None::<Record>);
        };
        let take = delivery::take(record, ordinal, &asks::DISPATCH, now_ms);
        let is_shown = matches!(take, Take::Taken { .. } | Take::Poisoned);
        format!("{take:?} {:?}", is_shown.then_some(record))
    }

    fn record(&mut self, number: u8) -> Option<&mut Record> {
        self.records.get_mut(&asks::record_id(number))
    }

    fn both(&mut self, id: RecordId) -> Option<(&mut Record, &mut NumberRecord)> {
        let record = self.records.get_mut(&id)?;
        let number = self.numbers.entry(record.number).or_default();
        Some((record, number))
    }

    fn start(&mut self, ask: &Start, now_ms: u64) -> String {
        // A record's id names the operation that made it.
        if let Some(record) = self.records.get(&ask.id) {
            let number = self.numbers.entry(ask.number).or_default();
            if ask.kind == RecordKind::SendOnly || number.recent.contains(&ask.id) {
                return format!("created {record:?}");
            }
        }
        let number = self.numbers.entry(ask.number).or_default();
        let mut live = Live(&mut self.records);
        match verification::start(ask, number, &mut live, now_ms) {
            Ok((SendAccepted::Created, record)) => {
                let record = record.expect("a created record is handed out");
                let text = format!("created {record:?}");
                self.records.insert(ask.id, record);
                text
            }
            Ok((SendAccepted::Resent { id }, _)) => {
                let operation = verification::OperationId(ask.id.random);
                resent(id, &self.records[&id], operation)
            }
            Err(refusal) => format!("refused {refusal:?}"),
        }
    }

    fn resend(&mut self, ask: &Resend, now_ms: u64) -> String {
        let Some((record, number)) = self.both(ask.id) else {
            return format!("refused {:?}", verification::SendRefusal::NotFound);
        };
        match verification::resend(ask, record, number, now_ms) {
            Ok(()) => resent(ask.id, record, ask.operation),
            Err(refusal) => format!("refused {refusal:?}"),
        }
    }

    fn undo(&mut self, ask: &Undo, now_ms: u64) -> String {
        if let Some((record, number)) = self.both(ask.id) {
            let undo = UndoSend {
                operation: ask.operation,
                was_created: ask.was_created,
                client: ask.client,
                policy: &ask.policy,
                now_ms,
            };
            let keep = verification::undo_send(record, number, ask.id, &undo);
            if keep == KeepRecord::No {
                self.records.remove(&ask.id);
            }
        }
        "()".to_owned()
    }

    fn sweep(&mut self, count_max: u8, now_ms: u64) -> String {
        let mut due: Vec<(u64, DeliveryId)> = self
            .ledger()
            .into_iter()
            .filter(|(_, at_ms)| at_ms + 1_000 <= now_ms)
            .map(|(id, at_ms)| (at_ms, id))
            .collect();
        due.sort();
        let mut taken = BTreeMap::new();
        for (_, id) in due.into_iter().take(usize::from(count_max)) {
            let record = self
                .records
                .get_mut(&id.record)
                .expect("it was found there");
            let take = delivery::take(record, id.ordinal, &asks::DISPATCH, now_ms);
            taken.insert(id, take);
        }
        format!("{taken:?}")
    }

    /// What is due, by delivery.
    pub(super) fn ledger(&self) -> BTreeMap<DeliveryId, u64> {
        let of_record = |(id, record): (&RecordId, &Record)| {
            let of_delivery = |(index, delivery): (usize, &delivery::DeliveryRecord)| {
                let ordinal = u8::try_from(index + 1).expect("there are few");
                let record = *id;
                delivery
                    .due
                    .map(|due| (DeliveryId { record, ordinal }, due.at_ms))
            };
            let deliveries = record.deliveries.iter().enumerate();
            deliveries.filter_map(of_delivery).collect::<Vec<_>>()
        };
        self.records.iter().flat_map(of_record).collect()
    }

    /// Without what says nothing: states of rules never used, numbers never written.
    pub(super) fn normal(&self) -> Self {
        let mut normal = self.clone();
        for number in normal.numbers.values_mut() {
            for states in [&mut number.sends.known, &mut number.sends.unknown] {
                while states.last() == Some(&Gcra(0)) {
                    states.pop();
                }
            }
        }
        normal
            .numbers
            .retain(|_, number| *number != NumberRecord::default());
        normal
    }
}

fn refused<T: std::fmt::Debug>() -> String {
    format!("{:?}", Err::<T, _>(verification::SendRefusal::NotFound))
}

fn resent(id: RecordId, record: &Record, operation: verification::OperationId) -> String {
    let mut deliveries = record.deliveries.iter();
    let ordinal = deliveries
        .position(|delivery| delivery.operation == Some(operation))
        .and_then(|index| u8::try_from(index + 1).ok());
    format!("resent {id} {ordinal:?} {record:?}")
}
