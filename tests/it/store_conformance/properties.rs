//! Random steps, asked of the store and of the model, answer by answer.

mod answers;
mod calls;
mod dispatch;
mod steps;

use std::pin::Pin;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use watchword::admission::gcra::GcraRule;
use watchword::id::RecordId;
use watchword::store::{Started, Store, Undo};
use watchword::verification::{
    Check, CheckAnswer, ClientClass, Conversion, CustomCodeTag, IdentityTag, NumberTag,
    OperationId, Resend, SendPolicy, Start, Status,
};
use watchword_providers::Channel;

use super::TestStore;
use super::model::{Answer, Model, StartAsk};
use super::world::{self, World};
use answers::{delivery_text, model_text, of_refusal, of_take};
use steps::{Ask, Step, Wanted, steps};

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
    calls: [[u8; 16]; 2],
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
            calls: [world::unique(), world::unique()],
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
            Step::Start(wanted) => self.start(wanted).await,
            Step::Advance { seconds } => {
                self.model.now_ms += seconds * 1000;
                self.world.advance(seconds * 1000);
                return Ok(());
            }
            Step::Lift { number } => {
                self.model.lift(*number);
                let number = self.numbers[*number];
                let lifted = self.store().lift_failures(world::shard(7), number);
                lifted.await.unwrap();
                return Ok(());
            }
            Step::Call { attempt, call } => self.call(*attempt, *call).await,
            Step::Sweep => self.sweep().await,
            Step::Ask { .. } | Step::Dispatch { .. } if self.ids.is_empty() => return Ok(()),
            Step::Ask { of, ask } => self.ask(of % self.ids.len(), ask).await,
            Step::Dispatch { of, ordinal, step } => {
                self.dispatch(of % self.ids.len(), *ordinal, step).await
            }
        };
        self.same(step, said, &expected)
    }

    async fn start(&mut self, wanted: &Wanted) -> (Answer, Answer) {
        let Wanted {
            number,
            identity,
            known,
            code,
            wants_new,
            can_fall_back,
            is_begun,
        } = *wanted;
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
            Started::Refused { refusal, .. } => of_refusal(refusal),
            other @ (Started::Replayed { .. }
            | Started::ReplayedRefusal { .. }
            | Started::InProgress
            | Started::KeyReused
            | Started::Withheld { .. }) => Answer::says(format!("{other:?}")),
        }
    }

    /// Asks about a verification.
    async fn ask(&mut self, of: usize, ask: &Ask) -> (Answer, Answer) {
        let id = self.ids[of];
        match *ask {
            Ask::Resend { known, is_repeated } => self.resend(of, known, is_repeated).await,
            Ask::Undo => self.undo(of).await,
            Ask::Check {
                known,
                right,
                is_repeated,
            } => {
                let number = if is_repeated {
                    self.operations
                } else {
                    self.next_operation()
                };
                self.check(of, known, (number, right)).await
            }
            Ask::Guesses => {
                for _ in 0..3 {
                    let number = self.next_operation();
                    let (said, expected) = self.check(of, false, (number, false)).await;
                    if said.text != expected.text {
                        return (said, expected);
                    }
                }
                Default::default()
            }
            Ask::Cancel => {
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
            Ask::Report { converted } => {
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
        }
    }

    async fn resend(&mut self, of: usize, known: bool, is_repeated: bool) -> (Answer, Answer) {
        let number = if is_repeated {
            self.operations
        } else {
            self.next_operation()
        };
        let ask = Resend {
            operation: operation(number, 1),
            client: client(known),
            policy: policy(),
            ..world::resend(self.ids[of])
        };
        let expected = self.model.resend(of, known, number);
        let resent = self.store().resend(&ask, None).await.unwrap();
        (self.of_started(resent), expected)
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
