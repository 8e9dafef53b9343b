//! Numbers that another system has proved, taken over as they are: only for a
//! subject that never had one, so that an import is no way around a hold.

use super::Turn;
use super::telling::method_event;
use crate::subjects::command::{ImportedMethod, Refusal, Telling};
use crate::subjects::model::{Method, MethodStatus, Role};
use crate::webhooks::EventKind;

impl Turn<'_> {
    /// All of them or none. What was imported before is imported already.
    pub(super) fn import(&mut self, wanted: &[ImportedMethod]) -> Result<(), Refusal> {
        if self.subject.frozen.is_some() {
            return Err(Refusal::Frozen);
        }
        if self.has_exactly(wanted) {
            return Ok(());
        }
        if self.subject.enrolled_at_ms > 0 {
            return Err(Refusal::AlreadyEnrolled);
        }
        if wanted.is_empty() || wanted.len() > usize::from(self.terms.policy.methods_max) {
            return Err(Refusal::TooManyMethods);
        }
        may_stand_together(wanted)?;
        self.discard_pending(|_| true);
        let mut ordered: Vec<&ImportedMethod> = wanted.iter().collect();
        // The first one becomes the default.
        ordered.sort_by_key(|one| one.role != Role::Primary);
        for one in ordered {
            let method = self.imported(one);
            let told = Telling {
                what: "method.imported",
                ..method_event(EventKind::MethodActive, &method)
            };
            self.subject.methods.push(method);
            self.tell(told);
        }
        self.subject.enrolled_at_ms = self.now_ms;
        Ok(())
    }

    /// The last import's answer was lost: the same asked again is done.
    fn has_exactly(&self, wanted: &[ImportedMethod]) -> bool {
        let has = |one: &ImportedMethod| {
            let mut active = self.subject.sign_in_methods();
            active.any(|method| {
                method.id == one.id && method.role == one.role && method.extension == one.extension
            })
        };
        self.subject.listed_methods().count() == wanted.len()
            && !wanted.is_empty()
            && wanted.iter().all(has)
    }

    fn imported(&self, one: &ImportedMethod) -> Method {
        Method {
            id: one.id,
            number: one.number.clone(),
            role: one.role,
            role_named: true,
            status: MethodStatus::Active,
            is_default: false,
            channel: one.channel,
            extension: one.extension.clone(),
            added_at_ms: self.now_ms,
            // By whom it is imported from: how long ago is not known here.
            verified_at_ms: self.now_ms,
            last_used_at_ms: 0,
            held_until_ms: 0,
            verify_by_ms: 0,
            proof: None,
            suspended: None,
            stale_told: false,
            retired_at_ms: 0,
            class: None,
        }
    }
}

/// A role is there once, a number too, and an alternate beside a primary.
fn may_stand_together(wanted: &[ImportedMethod]) -> Result<(), Refusal> {
    let is_twice = |(position, one): (usize, &ImportedMethod)| {
        let mut others = wanted.iter().skip(position + 1);
        others.any(|other| other.role == one.role || other.id == one.id)
    };
    if wanted.iter().enumerate().any(is_twice) {
        return Err(Refusal::RoleTaken);
    }
    let has = |role| wanted.iter().any(|one| one.role == role);
    if has(Role::Alternate) && !has(Role::Primary) {
        return Err(Refusal::NeedsPrimary);
    }
    Ok(())
}
