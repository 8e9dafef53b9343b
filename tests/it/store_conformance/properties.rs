//! Random steps, asked of the store and of the model, answer by answer.

use std::pin::Pin;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use watchword::admission::gcra::GcraRule;
use watchword::delivery::{Begin, DispatchPolicy, Next, Outcome, ReceiptApplied, Stop, Take};
use watchword::id::{DeliveryId, RecordId};
use watchword::store::{Started, Store, Undo};
use watchword::verification::{
    Check, CheckAnswer, ClientClass, Conversion, CustomCodeTag, IdentityTag, NumberTag,
    OperationId, Resend, SendPolicy, SendRefusal, Start, Status,
};
use watchword_providers::{Channel, ReceiptStatus};

use super::TestStore;
use super::model::{After, Answer, Model, StartAsk};
use super::world::{self, World};

#[derive(Debug, Clone)]
enum Step {
    Start {
        number: usize,
        identity: u8,
        known: bool,
        code: Option<u8>,
        wants_new: bool,
        can_fall_back: bool,
        is_begun: bool,
    },
    Resend {
        of: usize,
        known: bool,
        is_repeated: bool,
    },
    Undo {
        of: usize,
    },
    Check {
        of: usize,
        known: bool,
        right: bool,
        is_repeated: bool,
    },
    Guesses {
        of: usize,
    },
    Lift {
        number: usize,
    },
    Cancel {
        of: usize,
    },
    Report {
        of: usize,
        converted: bool,
    },
    Begin {
        of: usize,
        ordinal: u8,
        is_stale: bool,
        is_repeated: bool,
    },
    Settle {
        of: usize,
        ordinal: u8,
        is_stale: bool,
        outcome: Outcome,
        after: After,
    },
    Receipt {
        of: usize,
        ordinal: u8,
        attempt: u8,
        status: ReceiptStatus,
        may: bool,
    },
    Take {
        of: usize,
        ordinal: u8,
    },
    HandBack {
        of: usize,
        ordinal: u8,
        is_stale: bool,
    },
    Sweep,
    Advance {
        seconds: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let of = || 0_usize..6;
    // The first delivery is the one most happens to.
    let ordinal = || prop_oneof![4 => Just(1_u8), 2 => Just(2), 1 => Just(3)];
    let rarely = || prop::bool::weighted(0.1);
    let start = (
        0_usize..2,
        0_u8..4,
        any::<bool>(),
        prop::option::weighted(0.3, 0_u8..2),
    );
    let start = (start, rarely(), any::<bool>(), any::<bool>());
    let outcome = prop_oneof![
        3 => Just(Outcome::Submitted),
        2 => Just(Outcome::Unknown),
        1 => Just(Outcome::Refused),
        1 => Just(Outcome::Throttled),
    ];
    let after = prop_oneof![
        1 => Just(After::Continue),
        3 => Just(After::Submitted),
        1 => (1_u64..90).prop_map(|seconds| After::Retry(seconds * 1000)),
        2 => any::<bool>().prop_map(|is_final| After::Fail { is_final }),
        1 => Just(After::Close),
    ];
    let status = prop_oneof![
        1 => Just(ReceiptStatus::Sent),
        2 => Just(ReceiptStatus::Undelivered),
        1 => Just(ReceiptStatus::Delivered),
    ];
    let step = prop_oneof![
        6 => start.prop_map(|((number, identity, known, code), wants_new, can_fall_back, is_begun)| {
            Step::Start { number, identity, known, code, wants_new, can_fall_back, is_begun }
        }),
        3 => (of(), any::<bool>(), rarely())
            .prop_map(|(of, known, is_repeated)| Step::Resend { of, known, is_repeated }),
        1 => of().prop_map(|of| Step::Undo { of }),
        3 => (of(), any::<bool>(), any::<bool>(), rarely())
            .prop_map(|(of, known, right, is_repeated)| Step::Check { of, known, right, is_repeated }),
        1 => of().prop_map(|of| Step::Guesses { of }),
        1 => (0_usize..2).prop_map(|number| Step::Lift { number }),
        1 => of().prop_map(|of| Step::Cancel { of }),
        1 => (of(), any::<bool>()).prop_map(|(of, converted)| Step::Report { of, converted }),
        5 => (of(), ordinal(), rarely(), rarely()).prop_map(|(of, ordinal, is_stale, is_repeated)| {
            Step::Begin { of, ordinal, is_stale, is_repeated }
        }),
        6 => (of(), ordinal(), rarely(), outcome, after)
            .prop_map(|(of, ordinal, is_stale, outcome, after)| {
                Step::Settle { of, ordinal, is_stale, outcome, after }
            }),
        4 => (of(), ordinal(), 1_u8..4, status, any::<bool>())
            .prop_map(|(of, ordinal, attempt, status, may)| {
                Step::Receipt { of, ordinal, attempt, status, may }
            }),
        3 => (of(), ordinal()).prop_map(|(of, ordinal)| Step::Take { of, ordinal }),
        1 => (of(), ordinal(), rarely())
            .prop_map(|(of, ordinal, is_stale)| Step::HandBack { of, ordinal, is_stale }),
        2 => Just(Step::Sweep),
        5 => prop_oneof![3 => 1_u64..45, 1 => 45_u64..240]
            .prop_map(|seconds| Step::Advance { seconds }),
    ];
    prop::collection::vec(step, 1..60)
}

type Opening = Pin<Box<dyn Future<Output = TestStore>>>;

/// Compares the stores that `open` gives with the model.
pub(super) fn compare(open: impl Fn() -> Opening) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let config = Config {
        cases: 256,
        failure_persistence: None,
        ..Config::default()
    };
    let test = runtime.block_on(open());
    let world = World::new(test);
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        runtime.block_on(async {
            let mut case = Case::new(&world).await;
            for step in &steps {
                case.step(step).await?;
            }
            case.compare_records().await
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// One sequence of steps, on numbers of its own.
struct Case<'a> {
    world: &'a World,
    model: Model,
    origin_ms: u64,
    numbers: [NumberTag; 2],
    ids: Vec<RecordId>,
    operations: u32,
}

fn client(known: bool) -> ClientClass {
    if known {
        ClientClass::Known
    } else {
        ClientClass::Unknown
    }
}

fn policy() -> SendPolicy {
    SendPolicy {
        rules: vec![GcraRule {
            count: 2,
            per_ms: 60_000,
        }],
        ..world::send_policy()
    }
}

fn operation(number: u32, content: u8) -> OperationId {
    let mut bytes = [content; 16];
    bytes[..8].copy_from_slice(&u64::from(number).to_be_bytes());
    OperationId(bytes)
}

impl<'a> Case<'a> {
    async fn new(world: &'a World) -> Self {
        Self {
            world,
            model: Model::default(),
            origin_ms: world.now_ms().await,
            numbers: [NumberTag(world::unique()), NumberTag(world::unique())],
            ids: Vec::new(),
            operations: 0,
        }
    }

    fn store(&self) -> &dyn Store {
        self.world.store.as_ref()
    }

    fn next_operation(&mut self) -> u32 {
        self.operations += 1;
        self.operations
    }

    fn same(&self, step: &Step, said: Answer, expected: &Answer) -> Result<(), TestCaseError> {
        prop_assert_eq!(&said.text, &expected.text, "to {:?}", step);
        prop_assert_eq!(said.times_ms.len(), expected.times_ms.len());
        for (said_ms, expected_ms) in said.times_ms.iter().zip(&expected.times_ms) {
            let since_ms = said_ms.saturating_sub(self.origin_ms);
            let apart_ms = since_ms.abs_diff(*expected_ms);
            prop_assert!(apart_ms < 1_000, "{} ms apart, to {:?}", apart_ms, step);
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let (said, expected) = match step {
            Step::Start { .. } => self.start(step).await,
            Step::Advance { seconds } => {
                self.model.now_ms += seconds * 1000;
                self.world.advance(seconds * 1000);
                return Ok(());
            }
            Step::Lift { number } => {
                self.model.lift(*number);
                let lifted = self
                    .store()
                    .lift_failures(world::shard(7), self.numbers[*number]);
                lifted.await.unwrap();
                return Ok(());
            }
            Step::Sweep => self.sweep().await,
            Step::Resend { of, .. }
            | Step::Undo { of }
            | Step::Check { of, .. }
            | Step::Guesses { of }
            | Step::Cancel { of }
            | Step::Report { of, .. }
            | Step::Begin { of, .. }
            | Step::Settle { of, .. }
            | Step::Receipt { of, .. }
            | Step::Take { of, .. }
            | Step::HandBack { of, .. } => {
                if self.ids.is_empty() {
                    return Ok(());
                }
                let of = of % self.ids.len();
                match step {
                    Step::Begin { .. }
                    | Step::Settle { .. }
                    | Step::Receipt { .. }
                    | Step::Take { .. }
                    | Step::HandBack { .. } => self.dispatch(step, of).await,
                    _ => self.ask(step, of).await,
                }
            }
        };
        self.same(step, said, &expected)
    }

    async fn start(&mut self, step: &Step) -> (Answer, Answer) {
        let Step::Start {
            number,
            identity,
            known,
            code,
            wants_new,
            can_fall_back,
            is_begun,
        } = step.clone()
        else {
            return Default::default();
        };
        let operation_number = self.next_operation();
        let mut delivery = world::by_sms(is_begun.then_some("p1"));
        delivery
            .fallback
            .extend(can_fall_back.then_some(Channel::Voice));
        let ask = Start {
            number: self.numbers[number],
            identity: IdentityTag([identity; 12]),
            custom_code: code.map(|code| CustomCodeTag([code; 8])),
            wants_new_code: wants_new,
            client: client(known),
            delivery: Some(delivery),
            policy: policy(),
            ..world::start()
        };
        let expected = self.model.start(&StartAsk {
            number,
            identity,
            known,
            code,
            wants_new,
            can_fall_back,
            is_begun,
            // Named by its id: no resend has the same.
            operation: u32::MAX - operation_number,
        });
        let started = self.store().start(&ask, None).await.unwrap();
        if let Started::Created { .. } = started {
            self.ids.push(ask.id);
        }
        (self.of_started(started), expected)
    }

    fn of_started(&self, started: Started) -> Answer {
        let place = |id: RecordId| self.ids.iter().position(|known| *known == id).unwrap();
        match started {
            Started::Created { .. } => Answer::says("created"),
            Started::Resent { id, ordinal, .. } => {
                Answer::says(format!("resent {} {}", place(id), ordinal.unwrap()))
            }
            Started::Replayed { .. } => Answer::says("repeated"),
            Started::Refused { refusal, .. } => of_refusal(refusal),
            other => Answer::says(format!("{other:?}")),
        }
    }

    /// Asks about a verification.
    async fn ask(&mut self, step: &Step, of: usize) -> (Answer, Answer) {
        let id = self.ids[of];
        match *step {
            Step::Resend {
                known, is_repeated, ..
            } => {
                let number = if is_repeated {
                    self.operations
                } else {
                    self.next_operation()
                };
                let ask = Resend {
                    operation: operation(number, 1),
                    client: client(known),
                    policy: policy(),
                    ..world::resend(id)
                };
                let expected = self.model.resend(of, known, number);
                let mut said = self.of_started(self.store().resend(&ask).await.unwrap());
                // A store whose own connection asks twice cannot tell who did.
                if expected.text == "repeated" && said.text.starts_with("resent") {
                    said = expected.clone();
                }
                (said, expected)
            }
            Step::Undo { .. } => self.undo(of).await,
            Step::Check {
                known,
                right,
                is_repeated,
                ..
            } => {
                let number = if is_repeated {
                    self.operations
                } else {
                    self.next_operation()
                };
                self.check(of, known, (number, right)).await
            }
            Step::Guesses { .. } => {
                for _ in 0..3 {
                    let number = self.next_operation();
                    let (said, expected) = self.check(of, false, (number, false)).await;
                    if said.text != expected.text {
                        return (said, expected);
                    }
                }
                Default::default()
            }
            Step::Cancel { .. } => {
                let expected = self.model.cancel(of);
                let said = match self.store().cancel(id, world::TENANT).await.unwrap() {
                    Ok(found) => {
                        assert_eq!(found.record.status, Status::Canceled);
                        Answer::says("canceled")
                    }
                    Err(refusal) => of_refusal(refusal),
                };
                (said, expected)
            }
            Step::Report { converted, .. } => {
                let conversion = if converted {
                    Conversion::Converted
                } else {
                    Conversion::NotConverted
                };
                let expected = self.model.report(of, conversion);
                let reported = self.store().report_outcome(id, world::TENANT, conversion);
                let said = match reported.await.unwrap() {
                    Ok(found) => Answer::says(format!("{:?}", found.record.conversion)),
                    Err(refusal) => of_refusal(refusal),
                };
                (said, expected)
            }
            _ => Default::default(),
        }
    }

    async fn undo(&mut self, of: usize) -> (Answer, Answer) {
        let record = &self.model.records[of];
        let last = record.deliveries.last().unwrap();
        let was_created = record.deliveries.len() == 1;
        // A send is taken back by who made it, before anybody else has touched it.
        let is_fresh = last.fence == 1 && last.attempts.len() <= 1 && !last.is_closed();
        if record.is_gone || !is_fresh || (!was_created && last.operation.is_none()) {
            return Default::default();
        }
        let known = self.model.client_of(of);
        let operation_number = self.model.undo(of);
        let stored = self.store().get(self.ids[of]).await.unwrap().unwrap();
        let operation = stored.record.deliveries.last().unwrap().operation;
        assert_eq!(operation.is_some(), operation_number.is_some());
        let ask = Undo {
            id: self.ids[of],
            was_created,
            operation: operation.unwrap_or(OperationId(self.ids[of].random)),
            client: client(known),
            policy: policy(),
            idempotency: None,
            refusal: Vec::new(),
            available_at_ms: 0,
        };
        self.store().undo(&ask).await.unwrap();
        self.store().undo(&ask).await.unwrap();
        Default::default()
    }

    async fn check(
        &mut self,
        of: usize,
        known: bool,
        (op, right): (u32, bool),
    ) -> (Answer, Answer) {
        let code = if right { "111111" } else { "999999" };
        let ask = Check {
            operation: operation(op, u8::from(right)),
            client: client(known),
            ..world::check(self.ids[of], code)
        };
        let expected = self.model.check(of, known, (op, right));
        let said = match self.store().check(&ask).await.unwrap().answer {
            CheckAnswer::Approved => Answer::says("approved"),
            CheckAnswer::Mismatch { checks_remaining } => {
                Answer::says(format!("wrong, {checks_remaining} left"))
            }
            CheckAnswer::NotPending { status } => Answer::says(format!("not pending {status:?}")),
            CheckAnswer::TooManyFailures { available_at_ms } => match available_at_ms {
                Some(at_ms) => Answer::new("wait", [at_ms]),
                None => Answer::says("stopped"),
            },
            CheckAnswer::KeyReused => Answer::says("key reused"),
            CheckAnswer::NotFound => Answer::says("not found"),
            CheckAnswer::UnknownKey => Answer::says("unknown key"),
        };
        (said, expected)
    }

    /// Asks about a delivery.
    async fn dispatch(&mut self, step: &Step, of: usize) -> (Answer, Answer) {
        let id = |ordinal| DeliveryId {
            record: self.ids[of],
            ordinal,
        };
        match *step {
            Step::Begin {
                ordinal,
                is_stale,
                is_repeated,
                ..
            } => {
                let (fence, attempts) = self.at(of, ordinal, is_stale);
                let attempt = if is_repeated {
                    attempts.max(1)
                } else {
                    attempts + 1
                };
                let expected = self.model.begin(of, ordinal, (fence, attempt));
                let ask = Begin {
                    fence,
                    attempt,
                    provider: format!("p{attempt}").into(),
                    policy: dispatch_policy(),
                };
                let begun = self.store().begin(id(ordinal), &ask).await.unwrap();
                (
                    begun.map_or_else(of_stop, |()| Answer::says("begun")),
                    expected,
                )
            }
            Step::Settle {
                ordinal,
                is_stale,
                outcome,
                after,
                ..
            } => {
                let (fence, attempts) = self.at(of, ordinal, is_stale);
                let attempt = attempts.max(1);
                let ask = world::settle(fence, attempt, outcome, next(after));
                let expected = self
                    .model
                    .settle(of, ordinal, (fence, attempt, outcome), after);
                let settled = self.store().settle(id(ordinal), &ask).await.unwrap();
                let said = settled.map_or_else(of_stop, |settled| {
                    let kind = settled.due.map(|due| due.kind);
                    let fallback = settled.fallback.unwrap_or(0);
                    let text = format!("settled {:?} {kind:?} {fallback}", settled.status);
                    Answer::new(text, settled.due.map(|due| due.at_ms))
                });
                (said, expected)
            }
            Step::Receipt {
                ordinal,
                attempt,
                status,
                may,
                ..
            } => {
                let mut ask = world::receipt(attempt, status);
                ask.may_redispatch = may;
                let expected = self.model.receipt(of, ordinal, (attempt, status, may));
                let said = match self.store().apply_receipt(id(ordinal), &ask).await.unwrap() {
                    ReceiptApplied::Nothing => "nothing".to_owned(),
                    ReceiptApplied::Recorded { status } => format!("recorded {status:?}"),
                    ReceiptApplied::Redispatch => "redispatch".to_owned(),
                    ReceiptApplied::NoAttempt => "no attempt".to_owned(),
                };
                (Answer::says(said), expected)
            }
            Step::Take { ordinal, .. } => {
                let expected = Answer::says(self.model.take(of, ordinal));
                let taken = self
                    .store()
                    .take(id(ordinal), &dispatch_policy())
                    .await
                    .unwrap();
                (Answer::says(of_take(taken.take)), expected)
            }
            Step::HandBack {
                ordinal, is_stale, ..
            } => {
                let (fence, _) = self.at(of, ordinal, is_stale);
                let expected = self.model.hand_back(of, ordinal, fence);
                let handed = self.store().hand_back(id(ordinal), fence).await.unwrap();
                (
                    handed.map_or_else(of_stop, |()| Answer::says("handed back")),
                    expected,
                )
            }
            _ => Default::default(),
        }
    }

    /// The delivery's fence, or the one before, and its number of attempts.
    fn at(&self, of: usize, ordinal: u8, is_stale: bool) -> (u32, u8) {
        let deliveries = &self.model.records[of].deliveries;
        let Some(delivery) = deliveries.get(usize::from(ordinal) - 1) else {
            return (1, 0);
        };
        let attempts = u8::try_from(delivery.attempts.len()).unwrap();
        (delivery.fence - u32::from(is_stale), attempts)
    }

    async fn sweep(&mut self) -> (Answer, Answer) {
        let expected = self.model.sweep();
        let mut said = Vec::new();
        loop {
            let swept = self.world.sweep(world::shard(7), 100, 0).await;
            if swept.taken.is_empty() {
                break;
            }
            for taken in swept.taken {
                // Cases before this one have left something behind.
                let of = self.ids.iter().position(|id| *id == taken.delivery.record);
                if let Some(of) = of {
                    let ordinal = taken.delivery.ordinal;
                    said.push(format!("{of} {ordinal} {}", of_take(taken.take)));
                }
            }
        }
        said.sort();
        (
            Answer::says(said.join("; ")),
            Answer::says(expected.join("; ")),
        )
    }

    /// Compares all that is stored with all the model holds.
    async fn compare_records(&self) -> Result<(), TestCaseError> {
        for (of, expected) in self.model.records.iter().enumerate() {
            let found = self.store().get(self.ids[of]).await.unwrap();
            if expected.is_gone {
                prop_assert!(found.is_none());
                continue;
            }
            let found = found.unwrap();
            let record = found.record;
            let wanted = self.model.status(of);
            prop_assert_eq!(record.status_at(found.now_ms), wanted);
            prop_assert_eq!(record.checks_used, expected.checks_used);
            prop_assert_eq!(record.sends_used, expected.sends_used);
            prop_assert_eq!(record.conversion, expected.conversion);
            let since_ms = record.expires_at_ms - self.origin_ms;
            prop_assert!(since_ms.abs_diff(expected.expires_ms) < 1_000);
            prop_assert_eq!(record.deliveries.len(), expected.deliveries.len());
            for (delivery, expected) in record.deliveries.iter().zip(&expected.deliveries) {
                let said = delivery_text(delivery);
                prop_assert_eq!(said, model_text(expected), "of record {}", of);
            }
        }
        Ok(())
    }
}

fn delivery_text(delivery: &watchword::delivery::DeliveryRecord) -> String {
    let attempts: Vec<String> = delivery
        .attempts
        .iter()
        .map(|attempt| {
            let receipt = attempt.receipt.as_ref().map(|receipt| receipt.status);
            format!("{} {:?} {receipt:?}", attempt.provider, attempt.outcome)
        })
        .collect();
    format!(
        "{:?} fence {} walk {} lost {} {:?} {:?} {attempts:?}",
        delivery.status,
        delivery.fence,
        delivery.walk,
        delivery.lost_leases,
        delivery.due.map(|due| due.kind),
        delivery.reason,
    )
}

fn model_text(delivery: &super::model::Del) -> String {
    let attempts: Vec<String> = delivery
        .attempts
        .iter()
        .map(|attempt| {
            format!(
                "p{} {:?} {:?}",
                attempt.provider, attempt.outcome, attempt.receipt
            )
        })
        .collect();
    format!(
        "{:?} fence {} walk {} lost {} {:?} {:?} {attempts:?}",
        delivery.status,
        delivery.fence,
        delivery.walk,
        delivery.lost,
        delivery.due.map(|due| due.0),
        delivery.reason,
    )
}

fn dispatch_policy() -> DispatchPolicy {
    world::dispatch_policy()
}

fn next(after: After) -> Next {
    match after {
        After::Continue => Next::Continue,
        After::Submitted => Next::Submitted {
            receipt_within_ms: Some(30_000),
        },
        After::Retry(after_ms) => Next::Retry {
            after_ms,
            reason: "busy".into(),
        },
        After::Fail { is_final } => Next::Fail {
            reason: "refused".into(),
            is_final_for_number: is_final,
        },
        After::Close => Next::Close {
            reason: "closed".into(),
        },
    }
}

fn of_stop(stop: Stop) -> Answer {
    Answer::says(match stop {
        Stop::FenceLost => "fence lost".to_owned(),
        Stop::Closed(status) => format!("closed {status:?}"),
        Stop::NotPending(status) => format!("not pending {status:?}"),
        Stop::TooLate => "too late".to_owned(),
        Stop::TooManySubmissions => "too many".to_owned(),
        Stop::Gone => "gone".to_owned(),
    })
}

fn of_take(take: Take) -> &'static str {
    match take {
        Take::Taken { .. } => "taken",
        Take::Poisoned => "poisoned",
        Take::Closed => "closed",
        Take::NotDue => "not due",
    }
}

fn of_refusal(refusal: SendRefusal) -> Answer {
    match refusal {
        SendRefusal::ResendTooEarly { available_at_ms } => {
            Answer::new("too early", [available_at_ms])
        }
        SendRefusal::SendsExhausted { available_at_ms } => {
            Answer::new("sends exhausted", [available_at_ms])
        }
        SendRefusal::ResendTooLate => Answer::says("too late"),
        SendRefusal::SendLimit {
            available_at_ms, ..
        } => Answer::new("send limit", [available_at_ms]),
        SendRefusal::TooManyPending { available_at_ms } => {
            Answer::new("too many pending", [available_at_ms])
        }
        SendRefusal::NotPending { status } => Answer::says(format!("not pending {status:?}")),
        SendRefusal::KeyReused => Answer::says("key reused"),
        SendRefusal::NotFound => Answer::says("not found"),
    }
}
