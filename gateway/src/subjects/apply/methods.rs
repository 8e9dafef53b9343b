//! A new method: a number is bound when its code was typed back, and how soon it
//! receives others depends on the evidence.

use watchword_providers::Channel;

use super::Turn;
use super::changes::in_progress;
use super::telling::{DISCARDED, method_event};
use crate::id::RecordId;
use crate::subjects::command::{AddMethod, Refusal, Telling};
use crate::subjects::evidence::{Class, Fact, Finding, hold_ms};
use crate::subjects::model::{Method, MethodId, MethodStatus, NoticeKind, NumberChange, Role};
use crate::subjects::notices::schedule;
use crate::webhooks::EventKind;

impl Turn<'_> {
    pub(super) fn add_method(&mut self, candidate: &AddMethod) -> Result<(), Refusal> {
        if let Some(change) = self.change_of(candidate.id) {
            return Err(in_progress(change));
        }
        let known = self.subject.method(candidate.id);
        match known.map(|method| method.status) {
            Some(MethodStatus::Active | MethodStatus::Holding) => return Ok(()),
            Some(MethodStatus::Pending) => return self.ask_again(candidate),
            Some(MethodStatus::Suspended) => {}
            Some(MethodStatus::Retired) | None => self.has_room()?,
        }
        let role = self.role_for(candidate)?;
        let weighed = self.weigh(&candidate.facts)?;
        let class = self.enrolling_class(&weighed.facts, weighed.class)?;
        self.consume(&weighed)?;
        if self.subject.enrolled_at_ms == 0 && self.subject.locale.is_none() {
            self.subject.locale.clone_from(&candidate.locale);
        }
        let now_ms = self.now_ms;
        let verify_by_ms = now_ms.saturating_add(self.terms.policy.verify_within_ms);
        let before = self.take_method(candidate.id);
        let was_suspended = before.filter(|method| method.status == MethodStatus::Suspended);
        let method = Method {
            id: candidate.id,
            number: candidate.number.clone(),
            role,
            role_named: candidate.role.is_some(),
            status: MethodStatus::Pending,
            is_default: was_suspended.as_ref().is_some_and(|one| one.is_default),
            channel: if candidate.stopped {
                Channel::Voice
            } else {
                candidate.channel
            },
            extension: candidate.extension.clone(),
            added_at_ms: was_suspended.as_ref().map_or(now_ms, |one| one.added_at_ms),
            verified_at_ms: was_suspended.as_ref().map_or(0, |one| one.verified_at_ms),
            last_used_at_ms: was_suspended.as_ref().map_or(0, |one| one.last_used_at_ms),
            held_until_ms: 0,
            verify_by_ms,
            proof: Some(candidate.proof),
            suspended: was_suspended.and_then(|one| one.suspended),
            stale_told: false,
            retired_at_ms: 0,
            class,
        };
        let told = Telling {
            facts: weighed.kinds(),
            ..method_event(EventKind::MethodAdded, &method)
        };
        self.subject.methods.push(method);
        self.tell(told);
        Ok(())
    }

    /// The code was sent again, or anew: it proves the place that it went to, as it
    /// is asked for now. The evidence it was asked with before still holds.
    fn ask_again(&mut self, candidate: &AddMethod) -> Result<(), Refusal> {
        let role = self.role_for(candidate)?;
        if let Some(method) = self.subject.method_mut(candidate.id) {
            method.role = role;
            method.role_named = candidate.role.is_some();
            method.extension.clone_from(&candidate.extension);
            method.proof = Some(candidate.proof);
        }
        Ok(())
    }

    /// A number that a change concerns belongs to the change until it can no
    /// longer be undone.
    pub(super) fn change_of(&self, id: MethodId) -> Option<&NumberChange> {
        let change = self.subject.change.as_ref();
        change.filter(|change| change.from == id || change.to_method == id)
    }

    fn has_room(&self) -> Result<(), Refusal> {
        let count = self.subject.listed_methods().count();
        if count >= usize::from(self.terms.policy.methods_max) {
            return Err(Refusal::TooManyMethods);
        }
        Ok(())
    }

    /// A named role is there once; without a name the first number is the
    /// primary one and others are alternates, as many as there may be.
    fn role_for(&self, candidate: &AddMethod) -> Result<Role, Refusal> {
        let others = || {
            let listed = self.subject.listed_methods();
            listed.filter(|method| method.id != candidate.id)
        };
        let mut primaries = others().filter(|method| method.role == Role::Primary);
        let Some(named) = candidate.role else {
            return Ok(match primaries.next() {
                None => Role::Primary,
                Some(_) => Role::Alternate,
            });
        };
        let is_taken = match named {
            Role::Primary => primaries.next().is_some(),
            Role::Alternate => others().any(|one| one.role == named && one.role_named),
            Role::Office => others().any(|one| one.role == named),
        };
        if is_taken {
            return Err(Refusal::RoleTaken);
        }
        let mut primaries = others().filter(|method| method.role == Role::Primary);
        let is_standing =
            |one: &Method| matches!(one.status, MethodStatus::Active | MethodStatus::Holding);
        if named == Role::Alternate && !primaries.any(is_standing) {
            return Err(Refusal::NeedsPrimary);
        }
        Ok(named)
    }

    /// The class by which a new number is held; `None`: it is the first one.
    fn enrolling_class(
        &self,
        facts: &[Fact],
        class: Option<Class>,
    ) -> Result<Option<Class>, Refusal> {
        if facts.is_empty() {
            return Err(Refusal::StepUpRequired);
        }
        let strong = class.filter(|class| *class == Class::A);
        if self.subject.enrolled_at_ms == 0 {
            return Ok(strong);
        }
        let granted = facts.iter().filter_map(|fact| match fact {
            Fact::Grant { class, .. } => Some(*class),
            Fact::Session
            | Fact::StrongerFactor { .. }
            | Fact::SingleFactor
            | Fact::Method { .. }
            | Fact::RecoveryCode
            | Fact::IssuedCode
            | Fact::Idv { .. }
            | Fact::BypassCode => None,
        });
        let window = self.subject.enrolment.iter().map(|window| window.class);
        let best = granted.chain(window).chain(strong).min();
        best.map(Some).ok_or(Refusal::StepUpRequired)
    }

    pub(super) fn method_proved(&mut self, id: MethodId, proof: RecordId) -> Result<(), Refusal> {
        let is_first = self.subject.enrolled_at_ms == 0;
        let (now_ms, holds) = (self.now_ms, self.terms.policy.holds);
        let method = self.subject.method_mut(id).ok_or(Refusal::NotFound)?;
        match method.status {
            MethodStatus::Pending if method.proof == Some(proof) => {}
            // Typed back before: whoever asks again has missed the answer.
            MethodStatus::Active | MethodStatus::Holding if method.proof == Some(proof) => {
                return Ok(());
            }
            MethodStatus::Pending
            | MethodStatus::Active
            | MethodStatus::Holding
            | MethodStatus::Suspended
            | MethodStatus::Retired => return Err(Refusal::NotPending),
        }
        let hold = method
            .class
            .map_or(0, |class| hold_ms(class, Finding::Unknown, &holds));
        method.suspended = None;
        method.verified_at_ms = now_ms;
        method.held_until_ms = now_ms.saturating_add(hold);
        method.status = if hold == 0 {
            MethodStatus::Active
        } else {
            MethodStatus::Holding
        };
        let (held_until_ms, is_held) = (method.held_until_ms, hold > 0);
        let told = if is_held {
            let available_at_ms = Some(held_until_ms);
            Telling {
                what: "method.held",
                event: None,
                available_at_ms,
                ..method_event(EventKind::MethodActive, method)
            }
        } else {
            method_event(EventKind::MethodActive, method)
        };
        self.tell(told);
        if is_first {
            self.subject.enrolled_at_ms = now_ms;
            self.discard_unproved();
        } else {
            let due = schedule(now_ms, held_until_ms);
            let numbers = self.numbers_to_tell(Some(id));
            self.notify_at(NoticeKind::MethodAdded, &numbers, &due);
        }
        self.end_enrolment();
        Ok(())
    }

    /// The right to enrol after a reset is for one number: the next has better
    /// evidence, and so have those that waited beside it.
    fn end_enrolment(&mut self) {
        if let Some(window) = self.subject.enrolment.take() {
            self.discard_pending(|one| one.class >= Some(window.class));
        }
    }

    /// A session alone enrols the first number, and no other that was waiting.
    fn discard_unproved(&mut self) {
        self.discard_pending(|one| one.class.is_none());
    }

    /// Forgets the numbers that wait for their code and are meant; the codes on
    /// their way die with them.
    pub(super) fn discard_pending(&mut self, is_meant: impl Fn(&Method) -> bool) {
        let waits = |one: &&Method| one.status == MethodStatus::Pending && is_meant(one);
        let waiting = self.subject.methods.iter().filter(waits);
        let waiting: Vec<MethodId> = waiting.map(|method| method.id).collect();
        if !waiting.is_empty() {
            self.subject.generation += 1;
        }
        for id in waiting {
            self.discard(id);
        }
    }

    pub(super) fn method_discarded(
        &mut self,
        id: MethodId,
        proof: RecordId,
    ) -> Result<(), Refusal> {
        let method = self.subject.method(id).ok_or(Refusal::NotFound)?;
        if method.status != MethodStatus::Pending || method.proof != Some(proof) {
            return Err(Refusal::NotPending);
        }
        self.discard(id);
        Ok(())
    }

    /// Forgets a number that was not proved; one that was suspended before stays so.
    pub(super) fn discard(&mut self, id: MethodId) {
        let Some(mut method) = self.take_method(id) else {
            return;
        };
        self.tell(Telling {
            what: DISCARDED,
            event: None,
            ..method_event(EventKind::MethodRemoved, &method)
        });
        if method.suspended.is_some() {
            method.status = MethodStatus::Suspended;
            method.proof = None;
            self.subject.methods.push(method);
        }
    }
}
