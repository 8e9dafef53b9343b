//! Everybody who acts on a subject at once: persons and thieves, operators, the
//! worker; dying in between, asking again, and with a clock that jumps.

use std::sync::Arc;

use super::cell::{Cell, Purpose, Status, Write, Written};
use super::commands::Chosen;
use super::oracle::{Oracle, Step, Violation};
use crate::subjects::apply;
use crate::subjects::command::{Command, Outcome, Terms};
use crate::subjects::model::{Actor, ChangeStatus, MethodId, MethodStatus, Recipient, Subject};
use crate::subjects::policy::SubjectPolicy;
use crate::subjects::tests::case::{Case, DAY, HOUR, SECOND, passkey, slow_hash};

/// One move of a history: who does what, and how.
pub(super) type Move = [u8; 3];

/// A build with a mistake in it; or with none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Build {
    Right,
    /// A record is written over whatever is there.
    IgnoresRevision,
    /// A completed change leaves codes to the old number alive.
    KeepsGeneration,
    /// The old number goes first, and the new one comes then.
    CompletesInTwoWrites,
    /// A token is good for longer than its window.
    UndoesLate,
    /// A start is not held against the generation it was judged by.
    StartsUnguarded,
}

pub(super) struct World {
    pub(super) cell: Cell,
    pub(super) policy: SubjectPolicy,
    pub(super) operators: Vec<Arc<str>>,
    pub(super) now_ms: u64,
    build: Build,
    /// What somebody has decided and not yet written.
    proposals: [Option<Proposal>; 3],
    /// What somebody wants to send to and has not yet started.
    judged: Option<(u64, MethodId)>,
    last_write: Option<Write>,
    operation: u64,
    pub(super) oracle: Oracle,
}

struct Proposal {
    write: Write,
    step: Step,
}

impl World {
    /// Some subjects are privileged, and some of those have a sole operator.
    pub(super) fn new(build: Build, first: Move) -> Self {
        let mut case = Case::with_two();
        case.subject.privileged = first[0] % 4 < 2;
        if first[0].is_multiple_of(4) {
            case.operators.truncate(1);
        }
        let (hash, facts) = (slow_hash(1), vec![passkey()]);
        case.tenant(&Command::NewRecoveryCode { hash, facts })
            .unwrap();
        let policy = SubjectPolicy {
            changes_per_day: 8,
            reconfirm_after_days: 200,
            ..SubjectPolicy::default()
        };
        let mut world = Self {
            cell: Cell::default(),
            policy,
            operators: case.operators.clone(),
            now_ms: case.now_ms,
            build,
            proposals: [const { None }; 3],
            judged: None,
            last_write: None,
            operation: 1,
            oracle: Oracle::knowing(&case.subject),
        };
        let first = Write {
            revision: 0,
            operation: 1,
            subject: Some(case.subject),
            ends_codes: false,
        };
        world.cell.write(&first, true);
        world
    }

    /// One atomic step; then everything must still hold.
    pub(super) fn step(&mut self, [kind, what, how]: Move) -> Result<(), Violation> {
        let slot = usize::from(how) % self.proposals.len();
        match kind % 24 {
            0..=9 => {
                if let Some(proposal) = self.decide(what, how)? {
                    self.commit(&proposal)?;
                }
            }
            10 | 11 => {
                let proposal = self.decide(what, how.wrapping_mul(7))?;
                self.proposals[slot] = proposal;
            }
            12 | 13 => {
                if let Some(proposal) = self.proposals[slot].take() {
                    self.commit(&proposal)?;
                }
            }
            14 => self.proposals[slot] = None,
            15 => {
                // Sent again by a client that never saw the answer.
                if let Some(write) = self.last_write.take() {
                    self.cell.write(&write, self.looks_at_revision());
                }
            }
            16 | 21 => self.pass_time(what, how),
            17 => self.judge_start(how),
            18 => self.start(),
            19 => {
                self.judge_start(how);
                self.start();
            }
            20 => self.check_code(how),
            _ => self.work()?,
        }
        self.oracle.look(&self.cell)
    }

    fn looks_at_revision(&self) -> bool {
        self.build != Build::IgnoresRevision
    }

    fn pass_time(&mut self, what: u8, how: u8) {
        let how = u64::from(how);
        self.now_ms += match what % 6 {
            0 | 1 => how * SECOND,
            2 => how % 60 * 60 * SECOND,
            3 => how % 24 * HOUR,
            4 => self.until_next_deadline() + how % 3,
            _ => how % 41 * DAY,
        };
    }

    /// The moments at which something must happen are where mistakes are.
    fn until_next_deadline(&self) -> u64 {
        let (_, subject) = self.cell.read();
        let due = subject.map(|subject| subject.next_due_ms(&self.policy, self.now_ms));
        due.map_or(0, |due| due.saturating_sub(self.now_ms + 1))
    }

    fn judge_start(&mut self, how: u8) {
        let (_, subject) = self.cell.read();
        self.judged = subject.and_then(|subject| {
            let methods: Vec<MethodId> = subject.sign_in_methods().map(|one| one.id).collect();
            let method = methods.get(usize::from(how) % methods.len().max(1))?;
            Some((subject.generation, *method))
        });
    }

    fn start(&mut self) {
        if let Some((judged, method)) = self.judged.take() {
            let judged = match self.build {
                Build::StartsUnguarded => self.cell.generation(),
                Build::Right
                | Build::IgnoresRevision
                | Build::KeepsGeneration
                | Build::CompletesInTwoWrites
                | Build::UndoesLate => judged,
            };
            self.cell.start(judged, method, Purpose::SignIn);
        }
    }

    fn check_code(&mut self, how: u8) {
        let live = self.cell.verifications.iter();
        let live: Vec<_> = live.filter(|one| one.status == Status::Live).collect();
        if let Some(one) = live.get(usize::from(how) % live.len().max(1)) {
            let id = one.id;
            self.cell.check(id, self.now_ms);
        }
    }

    /// Reads the record as time has made it, and decides; that is not written yet.
    fn decide(&mut self, what: u8, how: u8) -> Result<Option<Proposal>, Violation> {
        self.advance()?;
        Ok(self.decide_now(what, how))
    }

    /// Has what is due happen, as whoever reads a record does first.
    fn advance(&mut self) -> Result<(), Violation> {
        let (revision, Some(subject)) = self.cell.read() else {
            return Ok(());
        };
        let before = subject.clone();
        let chosen = Chosen {
            actor: Actor::System,
            command: Command::Advance,
        };
        let proposal = self.propose(revision, before, chosen);
        match proposal.filter(|proposal| proposal.step.before != proposal.step.after) {
            Some(proposal) => {
                self.commit(&proposal)?;
                self.oracle.look(&self.cell)
            }
            None => Ok(()),
        }
    }

    fn decide_now(&mut self, what: u8, how: u8) -> Option<Proposal> {
        let (revision, subject) = self.cell.read();
        let before = subject
            .cloned()
            .unwrap_or_else(|| Subject::new("acme", "u-1", self.now_ms));
        let chosen = self.choose(&before, what, how)?;
        self.propose(revision, before, chosen)
    }

    fn propose(&mut self, revision: u64, before: Subject, chosen: Chosen) -> Option<Proposal> {
        let mut after = before.clone();
        let is_undo = matches!(chosen.command, Command::Undo { .. });
        if self.build == Build::UndoesLate && is_undo {
            let change = after.change.as_mut()?;
            change.undo_until_ms += 40 * DAY;
        }
        let outcome = self.apply(&mut after, &chosen)?;
        if self.build == Build::KeepsGeneration && completes(&before, &after) {
            after.generation = before.generation;
        }
        self.operation += 1;
        let write = Write {
            revision,
            operation: self.operation,
            ends_codes: after.generation != before.generation,
            subject: (!outcome.erased).then(|| after.clone()),
        };
        let step = Step {
            before,
            after,
            chosen,
            outcome,
            decided_at_ms: self.now_ms,
            operators: self.operators.clone(),
        };
        Some(Proposal { write, step })
    }

    fn apply(&self, subject: &mut Subject, chosen: &Chosen) -> Option<Outcome> {
        let terms = Terms {
            policy: &self.policy,
            actor: chosen.actor.clone(),
            operators: &self.operators,
            own_subject: false,
        };
        apply(subject, &chosen.command, &terms, self.now_ms).ok()
    }

    fn commit(&mut self, proposal: &Proposal) -> Result<(), Violation> {
        let step = &proposal.step;
        if self.build == Build::CompletesInTwoWrites && completes(&step.before, &step.after) {
            let mut half = proposal.write.clone();
            half.operation += 1_000_000;
            let change = step.after.change.as_ref().map(|change| change.to_method);
            if let (Some(subject), Some(new)) = (&mut half.subject, change)
                && let Some(method) = subject.method_mut(new)
            {
                method.status = MethodStatus::Pending;
            }
            self.cell.write(&half, true);
            return self.oracle.look(&self.cell);
        }
        match self.cell.write(&proposal.write, self.looks_at_revision()) {
            Written::Conflict => self.oracle.counts.conflicts += 1,
            Written::Repeated => {}
            Written::Done => {
                self.last_write = Some(proposal.write.clone());
                self.oracle.judge(step)?;
                if proposal.write.subject.is_none() {
                    // A writer that read the record before it was erased is
                    // refused by its time: a second is as long as any has.
                    self.proposals = [const { None }; 3];
                    self.judged = None;
                    self.last_write = None;
                    self.now_ms += 2 * SECOND;
                }
            }
        }
        Ok(())
    }

    /// The worker's turn: time, notices that are due, and a note that they went.
    fn work(&mut self) -> Result<(), Violation> {
        self.advance()?;
        let (revision, Some(subject)) = self.cell.read() else {
            return Ok(());
        };
        let before = subject.clone();
        let now_ms = self.now_ms;
        let due = before.notices.iter().filter(|one| one.due_at_ms <= now_ms);
        let due: Vec<_> = due.cloned().collect();
        for notice in &due {
            if let Recipient::Method(_) = notice.to {
                self.oracle.sent(notice, now_ms)?;
            }
        }
        let numbers = due.iter().map(|notice| notice.number).collect();
        let queued = Chosen {
            actor: Actor::System,
            command: Command::NoticesQueued { numbers },
        };
        match self.propose(revision, before, queued) {
            Some(proposal) => self.commit(&proposal),
            None => Ok(()),
        }
    }
}

fn completes(before: &Subject, after: &Subject) -> bool {
    let is_completed = |subject: &Subject| {
        let change = subject.change.as_ref();
        change.is_some_and(|change| change.status == ChangeStatus::Completed)
    };
    !is_completed(before) && is_completed(after)
}
