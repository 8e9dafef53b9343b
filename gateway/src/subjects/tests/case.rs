//! One subject whose story a test tells.

use std::sync::Arc;

use watchword_providers::Channel;

use crate::id::{RecordId, Shard};
use crate::subjects::apply;
use crate::subjects::command::{
    AddMethod, Command, OperatorAction, Outcome, Refusal, RequestChange, Terms, TokenHolder,
};
use crate::subjects::evidence::{Fact, Finding};
use crate::subjects::model::{
    ActionId, Actor, ChangeId, ChangeStatus, GrantId, MethodId, MethodStatus, Number, Recipient,
    Role, SlowHash, Subject,
};
use crate::subjects::policy::SubjectPolicy;
use crate::webhooks::EventKind;

pub(super) const SECOND: u64 = 1_000;
pub(super) const HOUR: u64 = 3_600_000;
pub(super) const DAY: u64 = 24 * HOUR;
/// Some day in 2026.
pub(super) const START: u64 = 1_790_000_000_000;

pub(super) struct Case {
    pub(super) subject: Subject,
    pub(super) policy: SubjectPolicy,
    pub(super) operators: Vec<Arc<str>>,
    pub(super) own_subject: bool,
    pub(super) now_ms: u64,
}

impl Case {
    /// Nothing is known of the subject yet.
    pub(super) fn unknown() -> Self {
        Self {
            subject: Subject::new("acme", "u-1", START),
            policy: SubjectPolicy::default(),
            operators: ["ada", "bob", "cid"].map(Arc::from).to_vec(),
            own_subject: false,
            now_ms: START,
        }
    }

    /// Number 1 is its one method, active and the default.
    pub(super) fn enrolled() -> Self {
        let mut case = Self::unknown();
        case.add(1, &[Fact::Session]).unwrap();
        case.prove(1).unwrap();
        case.queue_notices();
        case
    }

    /// Number 2 is an alternate beside the default number 1.
    pub(super) fn with_two() -> Self {
        let mut case = Self::enrolled();
        case.add(2, &[passkey()]).unwrap();
        case.prove(2).unwrap();
        case.queue_notices();
        case
    }

    pub(super) fn run(&mut self, actor: Actor, command: &Command) -> Result<Outcome, Refusal> {
        let terms = Terms {
            policy: &self.policy,
            actor,
            operators: &self.operators,
            own_subject: self.own_subject,
        };
        apply(&mut self.subject, command, &terms, self.now_ms)
    }

    pub(super) fn tenant(&mut self, command: &Command) -> Result<Outcome, Refusal> {
        let key = "a1".to_owned();
        self.run(Actor::Tenant { key }, command)
    }

    pub(super) fn operator(&mut self, name: &str, command: &Command) -> Result<Outcome, Refusal> {
        let name = name.to_owned();
        self.run(Actor::Operator { name }, command)
    }

    pub(super) fn wait(&mut self, ms: u64) -> Outcome {
        self.now_ms += ms;
        self.run(Actor::System, &Command::Advance).unwrap()
    }

    pub(super) fn add(&mut self, number: u8, facts: &[Fact]) -> Result<Outcome, Refusal> {
        self.add_as(number, None, facts)
    }

    pub(super) fn add_as(
        &mut self,
        number: u8,
        role: Option<Role>,
        facts: &[Fact],
    ) -> Result<Outcome, Refusal> {
        self.tenant(&Command::AddMethod(AddMethod {
            id: method(number),
            number: phone(number),
            role,
            channel: Channel::Sms,
            locale: None,
            extension: None,
            facts: facts.to_vec(),
            proof: proof(number),
            stopped: false,
        }))
    }

    pub(super) fn prove(&mut self, number: u8) -> Result<Outcome, Refusal> {
        let (method, proof) = (method(number), proof(number));
        self.tenant(&Command::MethodProved { method, proof })
    }

    pub(super) fn remove(&mut self, number: u8, facts: &[Fact]) -> Result<Outcome, Refusal> {
        let (method, facts) = (method(number), facts.to_vec());
        self.tenant(&Command::RemoveMethod { method, facts })
    }

    pub(super) fn request(&mut self, to: u8, facts: &[Fact]) -> Result<Outcome, Refusal> {
        self.request_with(to, facts, Finding::Clear)
    }

    pub(super) fn request_with(
        &mut self,
        to: u8,
        facts: &[Fact],
        new_swap: Finding,
    ) -> Result<Outcome, Refusal> {
        self.tenant(&Command::RequestChange(RequestChange {
            id: change(to),
            from: None,
            to: phone(to),
            to_method: method(to),
            channel: Channel::Sms,
            facts: facts.to_vec(),
            new_swap,
            proof: proof(to),
        }))
    }

    pub(super) fn prove_change(&mut self, to: u8) -> Result<Outcome, Refusal> {
        let (change, proof) = (change(to), proof(to));
        self.tenant(&Command::ChangeProved { change, proof })
    }

    /// Has the change be held, as when everybody was told at once.
    pub(super) fn hold(&mut self, to: u8, facts: &[Fact]) {
        self.request(to, facts).unwrap();
        self.prove_change(to).unwrap();
        self.queue_notices();
    }

    /// Whatever is due goes out now; whom it told.
    pub(super) fn queue_notices(&mut self) -> Vec<Recipient> {
        let notices = self.subject.notices.iter();
        let due: Vec<_> = notices
            .filter(|notice| notice.due_at_ms <= self.now_ms)
            .cloned()
            .collect();
        let numbers = due.iter().map(|notice| notice.number).collect();
        self.run(Actor::System, &Command::NoticesQueued { numbers })
            .unwrap();
        due.into_iter().map(|notice| notice.to).collect()
    }

    pub(super) fn undo(&mut self, to: u8, by: TokenHolder) -> Result<Outcome, Refusal> {
        let change = change(to);
        self.run(Actor::Person, &Command::Undo { change, by })
    }

    pub(super) fn report(&mut self, to: u8, by: TokenHolder) -> Result<Outcome, Refusal> {
        let change = change(to);
        self.run(Actor::Person, &Command::Report { change, by })
    }

    pub(super) fn ask(
        &mut self,
        operator: &str,
        id: u8,
        action: OperatorAction,
    ) -> Result<Outcome, Refusal> {
        let ask = Command::Ask {
            id: ActionId([id; 16]),
            action,
            reason: "the person came to the desk".to_owned(),
            ticket: Some("T-7".to_owned()),
        };
        self.operator(operator, &ask)
    }

    pub(super) fn approve(&mut self, operator: &str, id: u8) -> Result<Outcome, Refusal> {
        let action = ActionId([id; 16]);
        self.operator(operator, &Command::Approve { action })
    }

    pub(super) fn recover(&mut self, id: u8, facts: &[Fact]) -> Result<Outcome, Refusal> {
        self.tenant(&Command::OpenRecovery {
            id: GrantId([id; 16]),
            facts: facts.to_vec(),
            fresh_code: Some(slow_hash(id)),
        })
    }

    pub(super) fn status(&self, number: u8) -> Option<MethodStatus> {
        let found = self.subject.method(method(number));
        found.map(|method| method.status)
    }

    /// Which numbers receive sign-in codes.
    pub(super) fn receiving(&self) -> Vec<MethodId> {
        self.subject.sign_in_methods().map(|one| one.id).collect()
    }

    pub(super) fn change_status(&self) -> Option<ChangeStatus> {
        self.subject.change.as_ref().map(|change| change.status)
    }
}

pub(super) fn phone(number: u8) -> Number {
    Number {
        e164: format!("+14155550{number:03}"),
        country_code_digits: 1,
        region: "US".to_owned(),
    }
}

pub(super) fn method(number: u8) -> MethodId {
    MethodId([number; 10])
}

pub(super) fn change(number: u8) -> ChangeId {
    ChangeId([number; 16])
}

pub(super) fn proof(number: u8) -> RecordId {
    RecordId {
        shard: Shard::FIRST,
        random: [number; 16],
    }
}

pub(super) fn slow_hash(fill: u8) -> SlowHash {
    SlowHash {
        salt: [fill; 16],
        rounds: 1,
        hash: [fill; 32],
    }
}

pub(super) fn passkey() -> Fact {
    Fact::StrongerFactor {
        kind: "passkey".to_owned(),
    }
}

/// A code typed back from a number, under a proof of its own.
pub(super) fn by_method(number: u8, fill: u8, swap: Finding) -> Fact {
    Fact::Method {
        id: method(number),
        proof: proof(fill),
        swap,
        recycled: Finding::Clear,
    }
}

pub(super) fn holder(number: u8) -> TokenHolder {
    TokenHolder {
        recipient: Recipient::Method(method(number)),
        swap: Finding::Clear,
        recycled: Finding::Unknown,
    }
}

pub(super) fn events(outcome: &Outcome) -> Vec<EventKind> {
    outcome.told.iter().filter_map(|told| told.event).collect()
}
