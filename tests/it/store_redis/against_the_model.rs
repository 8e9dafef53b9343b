//! Sequences of steps against the pure transitions: whatever the scripts
//! answer and leave behind, the transitions must answer and leave behind at
//! some moment between the question and the answer.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use watchword::admission::gcra::Gcra;
use watchword::delivery::{
    self, ApplyReceipt, AttemptReceipt, Begin, Next, Outcome, Settle, SettledAttempt, Take,
};
use watchword::id::{DeliveryId, RecordId};
use watchword::store::redis::RedisStore;
use watchword::store::{Started, Store, Sweep, Undo};
use watchword::verification::{
    self, Check, CheckAnswer, ClientClass, Conversion, CustomCodeTag, IdentityTag, KeepRecord,
    LiveRecords, NumberRecord, NumberTag, Record, RecordKind, Resend, SendAccepted, Start,
    UndoSend,
};
use watchword_providers::{Channel, ReceiptStatus};

use super::asks;
use crate::support::redis_server::RedisServer;

/// One step, in small numbers so that steps meet.
#[derive(Clone, Debug)]
enum Step {
    Start {
        record: u8,
        identity: u8,
        custom: u8,
        flavour: u8,
        client: bool,
    },
    Resend {
        record: u8,
        operation: u8,
        client: bool,
        is_sent: bool,
    },
    Undo {
        record: u8,
        operation: u8,
        was_created: bool,
        client: bool,
    },
    Check {
        record: u8,
        operation: u8,
        key: u8,
        is_right: bool,
        client: bool,
    },
    Cancel {
        record: u8,
    },
    Report {
        record: u8,
        conversion: u8,
    },
    Begin {
        delivery: (u8, u8),
        fence: u8,
        attempt: u8,
    },
    Settle {
        delivery: (u8, u8),
        fence: u8,
        attempt: u8,
        outcome: u8,
        next: u8,
    },
    Receipt {
        delivery: (u8, u8),
        attempt: u8,
        status: u8,
        may_redispatch: bool,
    },
    Take {
        delivery: (u8, u8),
    },
    Sweep {
        count_max: u8,
    },
    HandBack {
        delivery: (u8, u8),
        fence: u8,
    },
    Lift {
        number: u8,
    },
    Wait {
        ms: u64,
    },
}

const RECORDS: u8 = 6;
const NUMBERS: u8 = 2;
const SEND_ONLY: u8 = 5;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let record = || 0..RECORDS;
    let delivery = || (any::<u8>(), any::<u8>());
    let start = (record(), 0..3_u8, 0..3_u8, 0..8_u8, any::<bool>());
    let step = prop_oneof![
        6 => start.prop_map(|(record, identity, custom, flavour, client)| Step::Start {
            record, identity, custom, flavour, client,
        }),
        3 => (record(), 0..6_u8, any::<bool>(), any::<bool>()).prop_map(
            |(record, operation, client, is_sent)| Step::Resend { record, operation, client, is_sent }
        ),
        1 => (record(), 0..6_u8, any::<bool>(), any::<bool>()).prop_map(
            |(record, operation, was_created, client)| Step::Undo {
                record, operation, was_created, client,
            }
        ),
        4 => (record(), 0..20_u8, 0..16_u8, prop::bool::weighted(0.15), any::<bool>()).prop_map(
            |(record, operation, key, is_right, client)| Step::Check {
                record, operation, key, is_right, client,
            }
        ),
        1 => record().prop_map(|record| Step::Cancel { record }),
        1 => (record(), 0..3_u8).prop_map(|(record, conversion)| Step::Report { record, conversion }),
        4 => (delivery(), 0..12_u8, 0..8_u8).prop_map(
            |(delivery, fence, attempt)| Step::Begin { delivery, fence, attempt }
        ),
        6 => (delivery(), 0..12_u8, 0..12_u8, 0..7_u8, 0..12_u8).prop_map(
            |(delivery, fence, attempt, outcome, next)| Step::Settle {
                delivery, fence, attempt, outcome, next,
            }
        ),
        4 => (delivery(), 0..8_u8, 0..3_u8, any::<bool>()).prop_map(
            |(delivery, attempt, status, may_redispatch)| Step::Receipt {
                delivery, attempt, status, may_redispatch,
            }
        ),
        3 => delivery().prop_map(|delivery| Step::Take { delivery }),
        2 => (0..4_u8).prop_map(|count_max| Step::Sweep { count_max }),
        1 => (delivery(), 0..8_u8).prop_map(|(delivery, fence)| Step::HandBack { delivery, fence }),
        1 => (0..NUMBERS).prop_map(|number| Step::Lift { number }),
        4 => prop_oneof![
            4 => Just(15_001_u64), 4 => Just(31_000), 2 => Just(100_000), 1 => Just(540_001),
            1 => Just(3_600_000), 1 => Just(91 * 86_400_000),
        ].prop_map(|ms| Step::Wait { ms }),
    ];
    prop::collection::vec(step, 1..60)
}

/// `right` most of the time, and its neighbours.
fn off_by(right: u8, drawn: u8) -> u8 {
    match drawn {
        0 => right.saturating_sub(1),
        1 => right + 1,
        _ => right,
    }
}

/// The store as the transitions see it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    records: BTreeMap<RecordId, Record>,
    numbers: BTreeMap<NumberTag, NumberRecord>,
}

struct Live<'a>(&'a mut BTreeMap<RecordId, Record>);

impl LiveRecords for Live<'_> {
    fn record(&mut self, id: RecordId) -> Option<&mut Record> {
        self.0.get_mut(&id)
    }
}

fn client(is_known: bool) -> ClientClass {
    if is_known {
        ClientClass::Known
    } else {
        ClientClass::Unknown
    }
}

fn delivery_id((record, ordinal): (u8, u8)) -> DeliveryId {
    DeliveryId {
        record: asks::record_id(record),
        ordinal,
    }
}

fn start_of(step: &Step) -> Option<Start> {
    let Step::Start {
        record,
        identity,
        custom,
        flavour,
        client: is_known,
    } = *step
    else {
        return None;
    };
    let mut start = asks::start(record);
    // An id is drawn once: it never names records of two numbers or kinds.
    start.number = NumberTag([record % NUMBERS; 16]);
    if record == SEND_ONLY {
        start.kind = RecordKind::SendOnly;
        start.digest = None;
        start.code = None;
    }
    start.identity = IdentityTag([identity; 12]);
    start.custom_code = (custom > 0).then_some(CustomCodeTag([custom; 8]));
    start.client = client(is_known);
    match flavour {
        1 => start.wants_new_code = true,
        2 => start.delivery = None,
        3 => {
            start.delivery = Some(delivery::NewDelivery {
                channel: Channel::Voice,
                fallback: Vec::new(),
                first_provider: None,
            });
        }
        4 => start.checks_max = 2,
        _ => {}
    }
    Some(start)
}

fn resend_of(record: u8, operation: u8, is_known: bool, is_sent: bool) -> Resend {
    let mut id = [operation / 2; 16];
    id[15] = operation;
    Resend {
        id: asks::record_id(record),
        tenant: asks::TENANT,
        operation: verification::OperationId(id),
        client: client(is_known),
        delivery: is_sent.then(asks::new_delivery),
        policy: asks::send_policy(),
    }
}

fn check_of(record: u8, operation: u8, key: u8, is_right: bool, is_known: bool) -> Check {
    let mut id = [operation / 2; 16];
    id[15] = operation;
    let mut check = asks::check(record, if is_right { "123456" } else { "000000" }, 0);
    check.operation = verification::OperationId(id);
    check.client = client(is_known);
    if key == 0 {
        check.digests[0].key_id = "another".into();
    }
    check
}

fn settle_of(fence: u8, attempt: u8, outcome: u8, next: u8) -> Settle {
    let outcomes = [
        Outcome::Submitted,
        Outcome::Refused,
        Outcome::Throttled,
        Outcome::Unreachable,
        Outcome::Shed,
        Outcome::Unknown,
    ];
    let settled = outcomes
        .get(usize::from(outcome))
        .map(|outcome| SettledAttempt {
            number: attempt,
            outcome: *outcome,
            duration_ms: 120,
            code: (*outcome == Outcome::Refused).then(|| "21211".into()),
            message_id: (*outcome == Outcome::Submitted).then(|| "SM1".into()),
        });
    let next = match next {
        0 | 1 | 9 => Next::Continue,
        2 => Next::Submitted {
            receipt_within_ms: None,
        },
        3 | 4 | 10 => Next::Submitted {
            receipt_within_ms: Some(45_000),
        },
        5 | 11 => Next::Retry {
            after_ms: 10_000,
            reason: "route_exhausted".into(),
        },
        6 => Next::Fail {
            reason: "refused".into(),
            is_final_for_number: true,
        },
        7 => Next::Fail {
            reason: "refused".into(),
            is_final_for_number: false,
        },
        _ => Next::Close {
            reason: "too_late".into(),
        },
    };
    Settle {
        fence: u32::from(fence),
        attempt: settled,
        next,
        policy: asks::DISPATCH,
    }
}

fn receipt_of(attempt: u8, status: u8, may_redispatch: bool) -> ApplyReceipt {
    ApplyReceipt {
        attempt,
        receipt: AttemptReceipt {
            status: [
                ReceiptStatus::Sent,
                ReceiptStatus::Undelivered,
                ReceiptStatus::Delivered,
            ][usize::from(status)],
            at_ms: 1_700_000_000_000,
            code: Some("30003".into()),
            is_final_for_number: may_redispatch,
        },
        may_redispatch,
        policy: asks::DISPATCH,
    }
}

fn undo_of(record: u8, operation: u8, was_created: bool, is_known: bool) -> Undo {
    let resend = resend_of(record, operation, is_known, true);
    Undo {
        id: resend.id,
        was_created,
        operation: resend.operation,
        client: resend.client,
        policy: resend.policy,
        idempotency: None,
        refusal: Vec::new(),
        available_at_ms: 0,
    }
}

/// Asks the store; what it answered, as text without its time.
async fn ask(store: &RedisStore, step: &Step) -> String {
    match *step {
        Step::Start { .. } => {
            let ask = start_of(step).expect("it is a start");
            started(store.start(&ask, None).await.unwrap())
        }
        Step::Resend {
            record,
            operation,
            client,
            is_sent,
        } => {
            let ask = resend_of(record, operation, client, is_sent);
            started(store.resend(&ask).await.unwrap())
        }
        Step::Undo {
            record,
            operation,
            was_created,
            client,
        } => {
            let ask = undo_of(record, operation, was_created, client);
            format!("{:?}", store.undo(&ask).await.unwrap())
        }
        Step::Check {
            record,
            operation,
            key,
            is_right,
            client,
        } => {
            let ask = check_of(record, operation, key, is_right, client);
            let checked = store.check(&ask).await.unwrap();
            format!("{:?} {:?}", checked.answer, checked.record)
        }
        Step::Cancel { record } => {
            let id = asks::record_id(record);
            let canceled = store.cancel(id, asks::TENANT).await.unwrap();
            format!("{:?}", canceled.map(|found| found.record))
        }
        Step::Report { record, conversion } => {
            let id = asks::record_id(record);
            let conversion = conversion_of(conversion);
            let reported = store
                .report_outcome(id, asks::TENANT, conversion)
                .await
                .unwrap();
            format!("{:?}", reported.map(|found| found.record))
        }
        Step::Lift { number } => {
            let tag = NumberTag([number; 16]);
            format!(
                "{:?}",
                store.lift_failures(asks::shard(), tag).await.unwrap()
            )
        }
        Step::Wait { .. } => String::new(),
        Step::Begin { .. }
        | Step::Settle { .. }
        | Step::Receipt { .. }
        | Step::Take { .. }
        | Step::Sweep { .. }
        | Step::HandBack { .. } => ask_dispatch(store, step).await,
    }
}

async fn ask_dispatch(store: &RedisStore, step: &Step) -> String {
    match *step {
        Step::Begin {
            delivery,
            fence,
            attempt,
        } => {
            let ask = begin_of(fence, attempt);
            format!(
                "{:?}",
                store.begin(delivery_id(delivery), &ask).await.unwrap()
            )
        }
        Step::Settle {
            delivery,
            fence,
            attempt,
            outcome,
            next,
        } => {
            let ask = settle_of(fence, attempt, outcome, next);
            format!(
                "{:?}",
                store.settle(delivery_id(delivery), &ask).await.unwrap()
            )
        }
        Step::Receipt {
            delivery,
            attempt,
            status,
            may_redispatch,
        } => {
            let ask = receipt_of(attempt, status, may_redispatch);
            let applied = store.apply_receipt(delivery_id(delivery), &ask).await;
            format!("{:?}", applied.unwrap())
        }
        Step::Take { delivery } => {
            let taken = store
                .take(delivery_id(delivery), &asks::DISPATCH)
                .await
                .unwrap();
            format!("{:?} {:?}", taken.take, taken.record)
        }
        Step::Sweep { count_max } => {
            let swept = store.sweep(&sweep_of(count_max)).await.unwrap();
            let taken = swept.taken.iter().map(|taken| (taken.delivery, taken.take));
            format!("{:?}", taken.collect::<BTreeMap<_, _>>())
        }
        Step::HandBack { delivery, fence } => {
            let handed = store
                .hand_back(delivery_id(delivery), u32::from(fence))
                .await;
            format!("{:?}", handed.unwrap())
        }
        _ => unreachable!("the other steps are asked above"),
    }
}

fn sweep_of(count_max: u8) -> Sweep {
    Sweep {
        shard: asks::shard(),
        count_max: u16::from(count_max),
        grace_ms: 1_000,
        policy: asks::DISPATCH,
    }
}

fn begin_of(fence: u8, attempt: u8) -> Begin {
    Begin {
        fence: u32::from(fence),
        attempt,
        provider: "two".into(),
        policy: asks::DISPATCH,
    }
}

fn conversion_of(number: u8) -> Conversion {
    [
        Conversion::Unreported,
        Conversion::Converted,
        Conversion::NotConverted,
    ][usize::from(number)]
}

fn started(started: Started) -> String {
    match started {
        Started::Created { record, .. } => format!("created {record:?}"),
        Started::Resent {
            id,
            record,
            ordinal,
            ..
        } => format!("resent {id} {ordinal:?} {record:?}"),
        Started::Refused { refusal, .. } => format!("refused {refusal:?}"),
        other => format!("{other:?}"),
    }
}

impl Model {
    /// Aims a step at something that is there, most of the time: a drawn number
    /// picks among the records or deliveries, a fence or attempt counts from the
    /// one that would fit.
    fn aim(&self, step: Step) -> Step {
        let record = |drawn: u8| self.pick(drawn, self.records.keys().map(|id| id.random[0]));
        match step {
            Step::Resend {
                record: drawn,
                operation,
                client,
                is_sent,
            } => Step::Resend {
                record: record(drawn),
                operation,
                client,
                is_sent,
            },
            Step::Undo {
                record: drawn,
                operation,
                was_created,
                client,
            } => Step::Undo {
                record: record(drawn),
                operation,
                was_created,
                client,
            },
            Step::Check {
                record: drawn,
                operation,
                key,
                is_right,
                client,
            } => Step::Check {
                record: record(drawn),
                operation,
                key,
                is_right,
                client,
            },
            Step::Begin {
                delivery,
                fence,
                attempt,
            } => {
                let (delivery, current, next) = self.pick_delivery(delivery);
                Step::Begin {
                    delivery,
                    fence: off_by(current, fence),
                    attempt: off_by(next, attempt),
                }
            }
            Step::Settle {
                delivery,
                fence,
                attempt,
                outcome,
                next,
            } => {
                let (delivery, current, next_attempt) = self.pick_delivery(delivery);
                Step::Settle {
                    delivery,
                    fence: off_by(current, fence),
                    attempt: off_by(next_attempt, attempt).saturating_sub(1),
                    outcome,
                    next,
                }
            }
            Step::Receipt {
                delivery,
                attempt,
                status,
                may_redispatch,
            } => {
                let (delivery, _, next) = self.pick_delivery(delivery);
                Step::Receipt {
                    delivery,
                    attempt: off_by(next, attempt).saturating_sub(1),
                    status,
                    may_redispatch,
                }
            }
            Step::Take { delivery } => Step::Take {
                delivery: self.pick_delivery(delivery).0,
            },
            Step::HandBack { delivery, fence } => {
                let (delivery, current, _) = self.pick_delivery(delivery);
                Step::HandBack {
                    delivery,
                    fence: off_by(current, fence),
                }
            }
            other => other,
        }
    }

    fn pick(&self, drawn: u8, among: impl Iterator<Item = u8>) -> u8 {
        let among: Vec<u8> = among.collect();
        match among.len() {
            0 => drawn % RECORDS,
            count => among[usize::from(drawn) % count],
        }
    }

    /// A delivery, with its fence and the number of its next attempt.
    fn pick_delivery(&self, (record, ordinal): (u8, u8)) -> ((u8, u8), u8, u8) {
        let record = self.pick(record, self.records.keys().map(|id| id.random[0]));
        let deliveries = self.records.get(&asks::record_id(record));
        let count = deliveries.map_or(0, |record| record.deliveries.len());
        // One past the last is one that is not there.
        let ordinal = u8::try_from(usize::from(ordinal) % (count + 1) + 1).unwrap();
        let delivery = deliveries.and_then(|record| record.delivery(ordinal));
        let fence = delivery.map_or(1, |delivery| u8::try_from(delivery.fence).unwrap());
        let next = delivery.map_or(1, |delivery| delivery.attempts.len() + 1);
        ((record, ordinal), fence, u8::try_from(next).unwrap())
    }

    /// What the transitions answer and do at `now_ms`: being refused does nothing.
    fn ask(&mut self, step: &Step, now_ms: u64) -> String {
        let before = self.clone();
        let answer = self.transition(step, now_ms);
        let is_refused = ["refused", "NotPending", "Err(", "UnknownKey"]
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

    fn ask_dispatch(&mut self, step: &Step, now_ms: u64) -> String {
        match *step {
            Step::Begin {
                delivery: (record, ordinal),
                fence,
                attempt,
            } => {
                let ask = begin_of(fence, attempt);
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
                let answer = self
                    .record(record)
                    .map_or(Err(delivery::Stop::Gone), |record| {
                        delivery::settle(record, ordinal, &ask, now_ms)
                    });
                format!("{answer:?}")
            }
            Step::Receipt {
                delivery: (record, ordinal),
                attempt,
                status,
                may_redispatch,
            } => {
                let ask = receipt_of(attempt, status, may_redispatch);
                let none = delivery::ReceiptApplied::NoAttempt;
                let answer = self.record(record).map_or(none, |record| {
                    delivery::apply_receipt(record, ordinal, &ask, now_ms)
                });
                format!("{answer:?}")
            }
            Step::Take {
                delivery: (record, ordinal),
            } => {
                let Some(record) = self.record(record) else {
                    return format!("{:?} {:?}", Take::NotDue, None::<Record>);
                };
                let take = delivery::take(record, ordinal, &asks::DISPATCH, now_ms);
                let is_shown = matches!(take, Take::Taken { .. } | Take::Poisoned);
                format!("{take:?} {:?}", is_shown.then_some(record))
            }
            Step::Sweep { count_max } => self.sweep(count_max, now_ms),
            Step::HandBack {
                delivery: (record, ordinal),
                fence,
            } => {
                let answer = self
                    .record(record)
                    .map_or(Err(delivery::Stop::Gone), |record| {
                        delivery::hand_back(record, ordinal, u32::from(fence), now_ms)
                    });
                format!("{answer:?}")
            }
            _ => unreachable!("the other steps are asked above"),
        }
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
            let is_there =
                |delivery: &delivery::DeliveryRecord| delivery.operation == Some(ask.operation);
            let undo = UndoSend {
                operation: ask.operation,
                was_created: ask.was_created,
                client: ask.client,
                policy: &ask.policy,
                now_ms,
            };
            // An undo that was done before does nothing more.
            let is_first = ask.was_created
                || record.deliveries.is_empty()
                || record.deliveries.iter().any(is_there);
            let keep = |record, number| verification::undo_send(record, number, ask.id, &undo);
            if is_first && keep(record, number) == KeepRecord::No {
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
    fn ledger(&self) -> BTreeMap<DeliveryId, u64> {
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
    fn normal(&self) -> Self {
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

/// What the store holds, and its time.
async fn read(store: &RedisStore) -> (Model, u64) {
    let mut model = Model::default();
    let ids: Vec<RecordId> = (0..RECORDS).map(asks::record_id).collect();
    for found in store.get_all(&ids).await.unwrap() {
        model.records.insert(found.id, *found.record);
    }
    let mut now_ms = 0;
    for number in 0..NUMBERS {
        let tag = NumberTag([number; 16]);
        let (number, at_ms) = store.number(asks::shard(), tag).await.unwrap();
        model.numbers.insert(tag, number);
        now_ms = at_ms;
    }
    (model, now_ms)
}

fn ledger_of(server: &RedisServer) -> BTreeMap<String, u64> {
    let pairs: Vec<(String, u64)> = server.command("ZRANGE ww:{s07}ledger 0 -1 WITHSCORES");
    pairs.into_iter().collect()
}

async fn compare(server: &RedisServer, steps: Vec<Step>) -> Result<(), TestCaseError> {
    server.command::<()>("FLUSHALL");
    let store = asks::open(server).await;
    let mut model = Model::default();
    let mut shift_ms = 0;
    let (_, mut from_ms) = read(&store).await;
    for step in steps {
        let step = model.aim(step);
        if let Step::Wait { ms } = step {
            shift_ms += i64::try_from(ms).expect("waits are short");
            store.set_clock_shift_ms(shift_ms);
            from_ms = read(&store).await.1;
            continue;
        }
        let answer = ask(&store, &step).await;
        let (actual, until_ms) = read(&store).await;
        let actual = actual.normal();
        // Retention is the store's own affair: it ends records that no transition ends.
        let mut expected = Vec::new();
        let found = (from_ms..=until_ms).find_map(|now_ms| {
            let mut guess = model.clone();
            let text = guess.ask(&step, now_ms);
            let is_it = text == answer && guess.normal() == actual;
            expected.push(text);
            is_it.then_some(guess)
        });
        let Some(guess) = found else {
            return Err(TestCaseError::fail(format!(
                "{step:?}\nanswered {answer}\nexpected {}\nactual {actual:#?}\nbefore {:#?}",
                expected[0],
                model.normal()
            )));
        };
        model = guess;
        let due: BTreeMap<String, u64> = model
            .ledger()
            .into_iter()
            .map(|(id, at_ms)| {
                let random = id.record.to_string()[3..].to_owned();
                (format!("1:0:{random}{:x}", id.ordinal), at_ms)
            })
            .collect();
        prop_assert_eq!(ledger_of(server), due, "after {:?}", step);
        from_ms = until_ms;
    }
    Ok(())
}

#[test]
fn every_step_does_what_its_transition_does() {
    let server = RedisServer::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 96,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&steps(), |steps| runtime.block_on(compare(&server, steps)));
    if let Err(error) = result {
        panic!("{error}");
    }
}
