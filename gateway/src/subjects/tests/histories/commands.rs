//! What somebody may want of a subject, made of two bytes and what they see.

use std::sync::Arc;

use watchword_providers::Channel;

use super::cell::{Purpose, Status};
use super::world::World;
use crate::id::RecordId;
use crate::subjects::command::{
    AddMethod, Command, ImportedMethod, OperatorAction, RequestChange, ResetScope, TokenHolder,
};
use crate::subjects::evidence::{Class, Fact, Finding};
use crate::subjects::model::{
    ActionId, Actor, ChangeId, FreezeReason, GrantId, MethodId, MethodStatus, Recipient, Role,
    SlowHash, Subject, SuspendReason,
};
use crate::subjects::tests::case::{HOUR, method, passkey, phone};

/// The longest a proof is worth anything.
const PROOF_MS: u64 = 600_000;
const NUMBERS: u8 = 6;

pub(super) struct Chosen {
    pub(super) actor: Actor,
    pub(super) command: Command,
}

impl World {
    /// `None`: there is nothing of the kind to do.
    pub(super) fn choose(&mut self, seen: &Subject, what: u8, how: u8) -> Option<Chosen> {
        let tenant = Actor::Tenant {
            key: "a1".to_owned(),
        };
        let (actor, command) = match what % 40 {
            0 | 1 => (tenant, self.add(how)?),
            2..=4 => (tenant, self.prove_method(seen, how)?),
            5..=8 => (tenant, self.request(seen, how)?),
            9..=14 => (tenant, self.prove_change(seen)?),
            15 | 16 => (Actor::Person, token_command(seen, how, false)?),
            17 => (Actor::Person, token_command(seen, how, true)?),
            18 | 19 => (tenant, self.recover(seen, how)),
            20 => (tenant, self.new_recovery_code(seen, how)),
            21 => (tenant, Command::UseBypassCode),
            22 if how.is_multiple_of(2) => (tenant, Command::WrongSecret),
            22 => (Actor::Person, Command::WrongToken),
            23 => (tenant, freeze(how)?),
            24 => (tenant, set_default(how)),
            25 => (tenant, self.remove(seen, how)),
            26 => (Actor::System, suspend(how)),
            27 => (Actor::System, stop(how)),
            28 if how.is_multiple_of(2) => (tenant, give_up(seen)?),
            28 => (tenant, cancel(seen)?),
            29 => {
                self.hire_or_fire(how);
                return None;
            }
            30 | 31 => (self.operator(how), self.ask(seen, how)),
            32..=36 => (self.operator(how), action_command(seen, how)?),
            37 | 38 => (self.operator(how), self.unfreeze()),
            _ => (Actor::System, Command::Advance),
        };
        Some(Chosen { actor, command })
    }

    fn add(&mut self, how: u8) -> Option<Command> {
        let number = 1 + how % NUMBERS;
        let id = method(number);
        let proof = self
            .cell
            .start(self.cell.generation(), id, Purpose::Confirm)?;
        let (_, seen) = self.cell.read();
        let seen = seen.cloned().unwrap_or_default();
        Some(Command::AddMethod(AddMethod {
            id,
            number: phone(number),
            role: None,
            channel: Channel::Sms,
            locale: None,
            extension: None,
            facts: self.facts(&seen, how / NUMBERS),
            proof,
            stopped: false,
        }))
    }

    fn prove_method(&mut self, seen: &Subject, how: u8) -> Option<Command> {
        let pending = seen.listed_methods();
        let pending: Vec<(MethodId, RecordId)> = pending
            .filter(|one| one.status == MethodStatus::Pending)
            .filter_map(|one| Some((one.id, one.proof?)))
            .collect();
        let (method, proof) = *pending.get(usize::from(how) % pending.len().max(1))?;
        let is_approved = self.cell.check(proof, self.now_ms);
        is_approved.then_some(Command::MethodProved { method, proof })
    }

    fn request(&mut self, seen: &Subject, how: u8) -> Option<Command> {
        let number = 1 + how % NUMBERS;
        let to_method = method(number);
        let generation = self.cell.generation();
        let proof = self.cell.start(generation, to_method, Purpose::Confirm)?;
        let from = seen.listed_methods().nth(usize::from(how) / 128);
        Some(Command::RequestChange(RequestChange {
            id: ChangeId(self.cell.random()),
            from: from.map(|method| method.id),
            to: phone(number),
            to_method,
            channel: Channel::Voice,
            facts: self.facts(seen, how / NUMBERS),
            new_swap: Finding::Unknown,
            proof,
            fresh_code: Some(self.fresh_hash()),
        }))
    }

    fn prove_change(&mut self, seen: &Subject) -> Option<Command> {
        let change = seen.change.as_ref()?;
        let proof = change.proof?;
        let is_approved = self.cell.check(proof, self.now_ms);
        let change = change.id;
        is_approved.then_some(Command::ChangeProved { change, proof })
    }

    fn recover(&mut self, seen: &Subject, how: u8) -> Command {
        Command::OpenRecovery {
            id: GrantId(self.cell.random()),
            facts: self.facts(seen, how),
            fresh_code: Some(self.fresh_hash()),
        }
    }

    fn new_recovery_code(&mut self, seen: &Subject, how: u8) -> Command {
        Command::NewRecoveryCode {
            hash: self.fresh_hash(),
            facts: self.facts(seen, how),
        }
    }

    fn fresh_hash(&mut self) -> SlowHash {
        SlowHash {
            salt: self.cell.random(),
            rounds: 1,
            hash: [0; 32],
        }
    }

    fn remove(&mut self, seen: &Subject, how: u8) -> Command {
        Command::RemoveMethod {
            method: method(1 + how % NUMBERS),
            facts: self.facts(seen, how / NUMBERS),
        }
    }

    /// Nobody takes an old one, so each is of its ten minutes.
    fn assertion(&self, how: u8) -> [u8; 16] {
        (u128::from(self.now_ms / PROOF_MS) << 8 | u128::from(how)).to_be_bytes()
    }

    /// What can be shown, good and bad, fresh and used before.
    fn facts(&self, seen: &Subject, how: u8) -> Vec<Fact> {
        let by_method = |swap| {
            let mut approved = self.cell.verifications.iter().rev();
            let fresh = approved.find(|one| {
                one.purpose == Purpose::SignIn
                    && one.status == Status::Approved
                    && one.approved_at_ms + PROOF_MS > self.now_ms
            });
            fresh.map_or(Fact::Session, |one| Fact::Method {
                id: one.method,
                proof: one.id,
                swap,
                recycled: Finding::Unknown,
            })
        };
        match how % 10 {
            0 => vec![Fact::Session],
            1 | 2 => vec![passkey()],
            3 => vec![by_method(Finding::Clear)],
            4 => vec![by_method(Finding::Unknown)],
            5 => vec![by_method(Finding::Raised)],
            6 => vec![Fact::RecoveryCode, Fact::SingleFactor],
            7 => vec![Fact::Idv {
                assertion: self.assertion(how),
            }],
            8 => vec![Fact::BypassCode],
            _ => {
                let id = seen.grants.first().map(|grant| grant.id);
                let id = id.or(self.oracle.a_used_grant());
                let class = Class::A;
                id.map_or(vec![], |id| vec![Fact::Grant { id, class }])
            }
        }
    }

    fn operator(&self, how: u8) -> Actor {
        let name = ["ada", "bob", "cid"][usize::from(how) % 3].to_owned();
        Actor::Operator { name }
    }

    /// Now and then there are three, and mostly somebody has left.
    fn hire_or_fire(&mut self, how: u8) {
        let everybody = ["ada", "bob", "cid"];
        self.operators = match how % 4 {
            0 => everybody.map(Arc::from).to_vec(),
            1 => vec!["ada".into(), "bob".into()],
            2 => vec!["ada".into()],
            _ => vec!["bob".into()],
        };
    }

    fn ask(&mut self, seen: &Subject, how: u8) -> Command {
        let change = seen
            .change
            .as_ref()
            .map_or(ChangeId([1; 16]), |change| change.id);
        let action = match how / 3 % 15 {
            0 => OperatorAction::Reset {
                scope: ResetScope::All,
            },
            1 => OperatorAction::Reset {
                scope: ResetScope::Methods,
            },
            2..=4 => OperatorAction::SetPrivileged { privileged: true },
            5 => OperatorAction::SetPrivileged { privileged: false },
            6 => OperatorAction::UndoChange { change },
            7 | 8 => OperatorAction::CompleteChange { change },
            9 => OperatorAction::RejectChange { change },
            10 | 11 => OperatorAction::IssueBypassCode {
                hash: self.fresh_hash(),
                lifetime_ms: HOUR,
                one_time: how.is_multiple_of(2),
                length: 8,
            },
            12 => OperatorAction::RevokeBypassCode,
            13 => OperatorAction::ImportMethods {
                methods: vec![imported(how % NUMBERS)],
            },
            // Seldom: it ends everything.
            _ if how > 210 => OperatorAction::Erase,
            _ => OperatorAction::SetPrivileged { privileged: true },
        };
        self.asking(action)
    }

    fn unfreeze(&mut self) -> Command {
        self.asking(OperatorAction::Unfreeze)
    }

    fn asking(&mut self, action: OperatorAction) -> Command {
        Command::Ask {
            id: ActionId(self.cell.random()),
            action,
            reason: "asked at the desk".to_owned(),
            ticket: None,
        }
    }
}

fn token_command(seen: &Subject, how: u8, is_report: bool) -> Option<Command> {
    let change = seen.change.as_ref()?;
    let swap = if how.is_multiple_of(5) {
        Finding::Raised
    } else {
        Finding::Clear
    };
    let recipient = if how.is_multiple_of(2) {
        Recipient::Mail
    } else {
        Recipient::Method(change.from)
    };
    let by = TokenHolder {
        recipient,
        swap,
        recycled: Finding::Unknown,
    };
    let change = change.id;
    Some(if is_report {
        Command::Report { change, by }
    } else {
        Command::Undo { change, by }
    })
}

/// Seldom: a frozen subject has a dull history.
fn freeze(how: u8) -> Option<Command> {
    let why = FreezeReason::Asked;
    how.is_multiple_of(4)
        .then_some(Command::Freeze { why, said: None })
}

fn set_default(how: u8) -> Command {
    let order = [1, 2, 3].map(|number| method(1 + (number + how % NUMBERS) % NUMBERS));
    Command::SetDefault {
        method: method(1 + how % NUMBERS),
        fallback_order: (how > 200).then(|| order.to_vec()),
    }
}

fn suspend(how: u8) -> Command {
    let why = if how > 127 {
        SuspendReason::Recycled
    } else {
        SuspendReason::SimSwap
    };
    Command::SuspendMethod {
        method: method(1 + how % NUMBERS),
        why,
    }
}

fn stop(how: u8) -> Command {
    Command::NoticesStopped {
        to: method(1 + how % NUMBERS),
    }
}

fn cancel(seen: &Subject) -> Option<Command> {
    let change = seen.change.as_ref()?.id;
    Some(Command::CancelChange { change })
}

fn give_up(seen: &Subject) -> Option<Command> {
    let change = seen.change.as_ref()?;
    Some(Command::ChangeGivenUp {
        change: change.id,
        proof: change.proof?,
    })
}

fn action_command(seen: &Subject, how: u8) -> Option<Command> {
    let count = seen.actions.len().max(1);
    let action = seen.actions.get(usize::from(how) / 16 % count)?.id;
    Some(match how % 16 {
        0..=8 => Command::Approve { action },
        9..=14 => Command::ApproveBySealedCode { action },
        _ => Command::Withdraw { action },
    })
}

fn imported(number: u8) -> ImportedMethod {
    ImportedMethod {
        id: method(number),
        number: phone(number),
        role: Role::Primary,
        channel: Channel::Sms,
        extension: None,
    }
}
