//! The methods there are: which one is the default, which ones go, and which
//! receive no codes for now.

use super::Turn;
use super::changes::in_progress;
use super::telling::{event, line, method_event};
use crate::subjects::command::{Refusal, Telling};
use crate::subjects::evidence::{Class, Fact};
use crate::subjects::model::{Method, MethodId, MethodStatus, NoticeKind, Role, SuspendReason};
use crate::webhooks::EventKind;

/// A use is noted no more often than this.
const USE_NOTED_MS: u64 = 60_000;

impl Turn<'_> {
    pub(super) fn set_default(
        &mut self,
        id: MethodId,
        fallback_order: Option<&[MethodId]>,
    ) -> Result<(), Refusal> {
        let method = self.subject.method(id).ok_or(Refusal::NotFound)?;
        match method.status {
            MethodStatus::Active => {}
            MethodStatus::Retired => return Err(Refusal::NotFound),
            MethodStatus::Pending => return Err(Refusal::MethodPending),
            MethodStatus::Holding => {
                let until_ms = method.held_until_ms;
                return Err(Refusal::MethodOnHold { until_ms });
            }
            MethodStatus::Suspended => return Err(Refusal::MethodSuspended),
        }
        if let Some(order) = fallback_order {
            let is_listed = |id: &MethodId| self.subject.listed_methods().any(|one| one.id == *id);
            if !order.iter().all(is_listed) {
                return Err(Refusal::NotFound);
            }
            let mut distinct = Vec::with_capacity(order.len());
            for id in order {
                if !distinct.contains(id) {
                    distinct.push(*id);
                }
            }
            if self.subject.fallback_order != distinct {
                self.subject.fallback_order = distinct;
                self.tell(line("subject.fallback_order_set"));
            }
        }
        self.make_default(id);
        Ok(())
    }

    fn make_default(&mut self, id: MethodId) {
        let mut told = None;
        for method in &mut self.subject.methods {
            let was_default = method.is_default;
            method.is_default = method.id == id;
            if method.is_default && !was_default {
                told = Some(method_event(EventKind::MethodDefaultChanged, method));
            }
        }
        if let Some(told) = told {
            self.tell(told);
        }
    }

    /// The default method is one that receives codes, if there is any.
    pub(super) fn move_default(&mut self) {
        let active = |id: MethodId| {
            let method = self.subject.method(id)?;
            (method.status == MethodStatus::Active).then_some(method)
        };
        let current = self.subject.default_method();
        if current.is_some_and(|method| method.status == MethodStatus::Active) {
            return;
        }
        let ordered = self.subject.fallback_order.iter();
        let others = self.subject.methods.iter().map(|method| &method.id);
        let next = ordered.chain(others).find_map(|id| active(*id));
        if let Some(id) = next.map(|method| method.id) {
            self.make_default(id);
        }
    }

    /// Codes are written in it at once, notices when those of any change that a
    /// thief could have begun by it have gone out.
    pub(super) fn set_locale(&mut self, locale: Option<&str>) {
        if self.subject.locale.as_deref() == locale {
            return;
        }
        let before = self.subject.notice_locale(self.now_ms).map(str::to_owned);
        self.subject.locale_before = before;
        self.subject.locale_set_at_ms = self.now_ms;
        self.subject.locale = locale.map(str::to_owned);
        self.tell(line("subject.locale_set"));
    }

    pub(super) fn remove_method(&mut self, id: MethodId, facts: &[Fact]) -> Result<(), Refusal> {
        let method = self.subject.method(id).ok_or(Refusal::NotFound)?;
        match method.status {
            MethodStatus::Retired => return Err(Refusal::NotFound),
            MethodStatus::Pending if method.suspended.is_none() => {
                // The code on its way to it dies with it.
                self.subject.generation += 1;
                self.discard(id);
                return Ok(());
            }
            MethodStatus::Pending
            | MethodStatus::Holding
            | MethodStatus::Active
            | MethodStatus::Suspended => {}
        }
        let others = || self.subject.listed_methods().filter(|one| one.id != id);
        if !others().any(|one| one.status == MethodStatus::Active) {
            return Err(Refusal::LastMethod);
        }
        if method.is_default {
            return Err(Refusal::IsDefault);
        }
        let needs_primary = |one: &Method| one.role == Role::Alternate && one.role_named;
        if method.role == Role::Primary && others().any(needs_primary) {
            return Err(Refusal::NeedsPrimary);
        }
        if let Some(change) = self.change_of(id) {
            return Err(in_progress(change));
        }
        // A recovery code opens a recovery, where another one takes its place.
        let facts = facts.iter().filter(|fact| **fact != Fact::RecoveryCode);
        let weighed = self.weigh(&facts.cloned().collect::<Vec<_>>())?;
        weighed
            .class
            .filter(|class| *class <= Class::B)
            .ok_or(Refusal::StepUpRequired)?;
        self.consume(&weighed)?;
        let numbers = self.numbers_to_tell(None);
        self.retire(id);
        self.subject.generation += 1;
        if let Some(method) = self.subject.method(id) {
            let told = Telling {
                facts: weighed.kinds(),
                ..method_event(EventKind::MethodRemoved, method)
            };
            self.tell(told);
        }
        self.notify(NoticeKind::MethodRemoved, &numbers);
        Ok(())
    }

    pub(super) fn retire(&mut self, id: MethodId) {
        let now_ms = self.now_ms;
        if let Some(method) = self.subject.method_mut(id) {
            method.status = MethodStatus::Retired;
            method.is_default = false;
            method.proof = None;
            method.retired_at_ms = now_ms;
        }
    }

    pub(super) fn method_used(&mut self, id: MethodId) -> Result<(), Refusal> {
        let now_ms = self.now_ms;
        let method = self.subject.method_mut(id).ok_or(Refusal::NotFound)?;
        if method.last_used_at_ms.saturating_add(USE_NOTED_MS) <= now_ms {
            method.last_used_at_ms = now_ms;
            method.stale_told = false;
        }
        Ok(())
    }

    /// Stops codes to a number, even if it is the last one: they would reach
    /// somebody else.
    pub(super) fn suspend(&mut self, id: MethodId, why: SuspendReason) -> Result<(), Refusal> {
        let method = self.subject.method_mut(id).ok_or(Refusal::NotFound)?;
        // What is known of a number is never forgotten for something lighter.
        if method.is_recycled() || method.suspended == Some(why) {
            return Ok(());
        }
        let (had_right, is_listed) = match method.status {
            MethodStatus::Active | MethodStatus::Holding => (true, true),
            MethodStatus::Suspended => (false, true),
            MethodStatus::Retired => (false, false),
            MethodStatus::Pending if method.suspended.is_some() => (false, false),
            // It was no method yet, and need not become one.
            MethodStatus::Pending => {
                self.subject.generation += 1;
                self.discard(id);
                return Ok(());
            }
        };
        method.suspended = Some(why);
        if is_listed {
            method.status = MethodStatus::Suspended;
            let told = Telling {
                reason: Some(why.as_str().to_owned()),
                ..method_event(EventKind::MethodSuspended, method)
            };
            self.tell(told);
        }
        if had_right {
            self.subject.generation += 1;
        }
        if why == SuspendReason::Recycled {
            self.drop_notices_to(id);
        }
        self.move_default();
        Ok(())
    }

    pub(super) fn note_opting(&mut self, e164: &str, kind: EventKind) -> Result<(), Refusal> {
        let told = self
            .subject
            .listed_methods()
            .find(|method| method.number.e164 == e164)
            .map(|method| method_event(kind, method));
        if let Some(told) = told {
            self.tell(told);
        }
        Ok(())
    }

    pub(super) fn take_method(&mut self, id: MethodId) -> Option<Method> {
        let place = self.subject.methods.iter().position(|one| one.id == id)?;
        Some(self.subject.methods.remove(place))
    }

    /// A method whose hold has ended receives codes.
    pub(super) fn end_hold(&mut self, id: MethodId) {
        if let Some(method) = self.subject.method_mut(id) {
            method.status = MethodStatus::Active;
            let told = method_event(EventKind::MethodActive, method);
            self.tell(told);
        }
    }

    /// Tells once that a number was not confirmed for long.
    pub(super) fn tell_stale(&mut self, id: MethodId) {
        if let Some(method) = self.subject.method_mut(id) {
            method.stale_told = true;
            let told = method_event(EventKind::MethodStale, method);
            self.tell(told);
        }
    }

    /// A window or a right whose time is over.
    pub(super) fn tell_line(&mut self, what: &'static str) {
        self.tell(line(what));
    }

    /// Sessions are not to be trusted any more; once is enough.
    pub(super) fn tell_security_changed(&mut self) {
        let kind = Some(EventKind::SecurityChanged);
        if !self.outcome.told.iter().any(|told| told.event == kind) {
            self.tell(event(EventKind::SecurityChanged));
        }
    }
}
