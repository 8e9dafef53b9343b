//! Random steps on a subject and the codes addressed to it, asked of the store and
//! of a model, answer by answer.

use std::pin::Pin;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use watchword::store::Started;
use watchword::store::subjects::{EventWatch, Guard, TakeSubjects, WriteSubject, Written};
use watchword::store::webhooks::TakeWatches;
use watchword::subjects::model::SubjectKey;
use watchword::verification::{CheckAnswer, IdentityTag, SendRefusal, Start, Status};

use super::TestStore;
use super::subjects::{subject_in, write};
use super::world::*;

const SHARD: u16 = 61;
const AUDIT_KEPT: usize = 5;
/// Time is moved in units, and what is due is due between two of them: a server's
/// clock goes on by itself.
const UNIT_MS: u64 = 10_000;
const BETWEEN_MS: u64 = 5_000;
const AGAIN_MS: u64 = 2 * UNIT_MS + BETWEEN_MS;

#[derive(Clone, Debug)]
enum Step {
    Write(WriteStep),
    /// The last write, as its connection would repeat it.
    Repeat,
    Start {
        /// 0: judged by what is stored; otherwise by an earlier generation.
        late: u64,
    },
    Guess {
        of: usize,
    },
    Due,
    Advance {
        units: u64,
    },
}

#[derive(Clone, Debug)]
struct WriteStep {
    /// How many revisions ago it was decided.
    late: u64,
    raises: bool,
    erases: bool,
    lines: u8,
    due_in_units: Option<u64>,
    tells: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let writes = (
        prop_oneof![4 => Just(0_u64), 1 => 1..3_u64],
        any::<bool>(),
        prop::bool::weighted(0.15),
        0..3_u8,
        prop::option::of(0..12_u64),
        any::<bool>(),
    );
    let writes = writes.prop_map(|(late, raises, erases, lines, due_in_units, tells)| {
        Step::Write(WriteStep {
            late,
            raises,
            erases,
            lines,
            due_in_units,
            tells,
        })
    });
    let step = prop_oneof![
        6 => writes,
        1 => Just(Step::Repeat),
        5 => prop_oneof![4 => Just(0_u64), 1 => 1..3_u64].prop_map(|late| Step::Start { late }),
        3 => any::<usize>().prop_map(|of| Step::Guess { of }),
        2 => Just(Step::Due),
        2 => (1..9_u64).prop_map(|units| Step::Advance { units }),
    ];
    prop::collection::vec(step, 1..24)
}

/// What the store should hold.
#[derive(Default)]
struct Model {
    /// Revision and generation.
    stored: Option<(u64, u64)>,
    /// It never falls.
    last_generation: u64,
    audit: Vec<Vec<u8>>,
    due_ms: Option<u64>,
    codes: Vec<Status>,
    now_ms: u64,
    told: usize,
}

struct Case<'a> {
    world: &'a World,
    key: SubjectKey,
    model: Model,
    origin_ms: u64,
    starts: Vec<Start>,
    last: Option<(WriteSubject, Written)>,
    lines: u8,
}

type Opening = Pin<Box<dyn Future<Output = TestStore>>>;

/// Compares the store that `open` gives with the model.
pub(super) fn compare(open: impl Fn() -> Opening) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let config = Config {
        cases: 128,
        failure_persistence: None,
        ..Config::default()
    };
    let world = World::new(runtime.block_on(open()));
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        runtime.block_on(async {
            let mut case = Case::new(&world).await;
            for step in &steps {
                case.step(step).await?;
                case.compare_all(step).await?;
            }
            case.leave().await;
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

impl<'a> Case<'a> {
    async fn new(world: &'a World) -> Self {
        Self {
            world,
            key: subject_in(SHARD),
            model: Model::default(),
            origin_ms: world.now_ms().await,
            starts: Vec::new(),
            last: None,
            lines: 0,
        }
    }

    async fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Write(wanted) => {
                let ask = self.asked(wanted);
                let expected = self.model.write(&ask, self.origin_ms);
                let written = self.world.write(&ask).await;
                prop_assert_eq!(written, expected, "to {:?}", step);
                self.last = Some((ask, written));
            }
            Step::Repeat => self.repeat().await?,
            Step::Start { late } => self.start(*late).await?,
            Step::Guess { .. } if self.starts.is_empty() => {}
            Step::Guess { of } => self.guess(of % self.starts.len()).await?,
            Step::Due => {
                let ask = TakeSubjects {
                    shard: shard(SHARD),
                    count_max: 100,
                    again_ms: AGAIN_MS,
                    asking: operation(),
                };
                let due = self.world.store.take_subjects(&ask).await.unwrap();
                let is_due = due.contains(&self.key);
                prop_assert_eq!(is_due, self.model.take_due(), "to {:?}", step);
            }
            Step::Advance { units } => {
                self.model.now_ms += units * UNIT_MS;
                self.world.advance(units * UNIT_MS);
            }
        }
        Ok(())
    }

    fn asked(&mut self, wanted: &WriteStep) -> WriteSubject {
        let (revision, generation) = self.model.stored.unwrap_or_default();
        let mut ask = write(self.key, revision.saturating_sub(wanted.late));
        // A new one begins after whatever was there.
        let raises = wanted.raises || self.model.stored.is_none();
        ask.generation = if raises {
            self.model.last_generation + 1
        } else {
            generation
        };
        ask.ends_codes = wanted.raises;
        if wanted.erases {
            ask.sealed = None;
        }
        for _ in 0..wanted.lines {
            self.lines = self.lines.wrapping_add(1);
            ask.audit.push(vec![self.lines]);
        }
        ask.audit_keep = AUDIT_KEPT.try_into().unwrap();
        let due_in_ms = wanted
            .due_in_units
            .map(|units| units * UNIT_MS + BETWEEN_MS);
        ask.due_at_ms = due_in_ms.map(|in_ms| self.origin_ms + self.model.now_ms + in_ms);
        if wanted.tells {
            ask.events.push(EventWatch {
                id: subject_in(SHARD).0,
                state: b"told".to_vec(),
                keep_for_ms: DAY_MS,
            });
        }
        ask
    }

    /// A write that was done stays done; one that was not is decided anew.
    async fn repeat(&mut self) -> Result<(), TestCaseError> {
        let Some((ask, before)) = self.last.clone() else {
            return Ok(());
        };
        let again = self.world.write(&ask).await;
        prop_assert_eq!(again, before, "to the same once more");
        Ok(())
    }

    async fn start(&mut self, late: u64) -> Result<(), TestCaseError> {
        let (_, generation) = self.model.stored.unwrap_or_default();
        let judged = generation.saturating_sub(late);
        let mut ask = start();
        ask.id.shard = self.key.0.shard;
        ask.number = self.key.account();
        ask.identity = IdentityTag([u8::try_from(self.starts.len()).unwrap(); 12]);
        ask.lifetime_ms = DAY_MS;
        ask.policy.live_max = 100;
        let guard = Guard {
            key: self.key,
            generation: judged,
        };
        let sent = self.world.store.start_guarded(&ask, &guard, None, &[]);
        match sent.await.started.unwrap() {
            Started::Created { .. } => {
                prop_assert_eq!(judged, generation);
                self.starts.push(ask);
                self.model.codes.push(Status::Pending);
            }
            Started::Refused { refusal, .. } => {
                prop_assert_eq!(refusal, SendRefusal::MethodChanged);
                prop_assert_ne!(judged, generation);
            }
            other @ (Started::Resent { .. }
            | Started::Replayed { .. }
            | Started::ReplayedRefusal { .. }
            | Started::InProgress
            | Started::KeyReused
            | Started::Withheld { .. }) => prop_assert!(false, "{:?}", other),
        }
        Ok(())
    }

    async fn guess(&mut self, of: usize) -> Result<(), TestCaseError> {
        let answer = self.world.guess(self.starts[of].id, "111111").await;
        let status = self.model.codes[of];
        if status == Status::Pending {
            prop_assert_eq!(answer, CheckAnswer::Approved);
            self.model.codes[of] = Status::Approved;
        } else {
            prop_assert_eq!(answer, CheckAnswer::NotPending { status });
        }
        Ok(())
    }

    /// Compares all that is stored with all the model holds.
    async fn compare_all(&self, step: &Step) -> Result<(), TestCaseError> {
        let stored = self.world.subject(self.key).await.stored;
        let seen = stored.map(|stored| (stored.revision, stored.generation));
        prop_assert_eq!(seen, self.model.stored, "after {:?}", step);
        let audit = self.world.store.subject_audit(self.key, 0, 100);
        prop_assert_eq!(&audit.await.unwrap(), &self.model.audit, "after {:?}", step);
        for (ask, status) in self.starts.iter().zip(&self.model.codes) {
            let record = self.world.record(ask.id).await;
            prop_assert_eq!(record.status, *status, "after {:?}", step);
        }
        let (account, _) = self
            .world
            .store
            .number(self.key.0.shard, self.key.account())
            .await
            .unwrap();
        // What was approved may still be listed, with an end in the past.
        let live = account.live.iter().filter(|live| live.expires_at_ms > 0);
        let open = self.model.codes.iter();
        let open = open.filter(|status| **status == Status::Pending);
        prop_assert_eq!(live.count(), open.count(), "after {:?}", step);
        Ok(())
    }

    /// Takes what was to be told, all of it; and leaves nothing due for others.
    async fn leave(&mut self) {
        let take = TakeWatches {
            shard: shard(SHARD),
            count_max: 100,
            lease_ms: DAY_MS,
        };
        let told = self.world.store.take_watches(&take).await.unwrap();
        assert_eq!(told.len(), self.model.told);
        if let Some((revision, generation)) = self.model.stored {
            let mut erase = write(self.key, revision);
            erase.generation = generation;
            erase.sealed = None;
            assert_eq!(self.world.write(&erase).await, Written::Written);
        }
    }
}

impl Model {
    fn write(&mut self, ask: &WriteSubject, origin_ms: u64) -> Written {
        let revision = self.stored.map_or(0, |(revision, _)| revision);
        if self.stored.is_none() && ask.sealed.is_none() {
            return Written::Written;
        }
        if revision != ask.revision {
            return Written::Conflict;
        }
        if ask.ends_codes {
            let codes = self.codes.iter_mut();
            for code in codes.filter(|status| **status == Status::Pending) {
                *code = Status::Superseded;
            }
        }
        self.told += ask.events.len();
        self.last_generation = self.last_generation.max(ask.generation);
        if ask.sealed.is_none() {
            self.stored = None;
            self.audit.clear();
            self.due_ms = None;
            return Written::Written;
        }
        self.stored = Some((revision + 1, ask.generation));
        self.due_ms = ask.due_at_ms.map(|at_ms| at_ms - origin_ms);
        self.audit.extend(ask.audit.iter().cloned());
        let too_many = self.audit.len().saturating_sub(AUDIT_KEPT);
        self.audit.drain(..too_many);
        Written::Written
    }

    fn take_due(&mut self) -> bool {
        let is_due = self.due_ms.is_some_and(|due_ms| due_ms <= self.now_ms);
        if is_due {
            self.due_ms = Some(self.now_ms + AGAIN_MS);
        }
        is_due
    }
}
