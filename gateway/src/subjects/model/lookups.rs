//! Questions about a subject that need nothing but its record.

use std::collections::BTreeSet;

use watchword_providers::Channel;

use super::{
    ChangeStatus, Grant, GrantId, Method, MethodId, MethodStatus, NumberChange, Role, Subject,
    SuspendReason,
};
use crate::subjects::policy::SubjectPolicy;

const DAY_MS: u64 = 86_400_000;
/// Every record is met again so often, and sealed with the newest key then.
const SEEN_AGAIN_MS: u64 = 30 * DAY_MS;
/// No notice of a change comes later than this after it.
const NOTICE_LOCALE_WAIT_MS: u64 = 30 * DAY_MS;

impl Subject {
    /// A subject nothing is known of yet.
    pub fn new(tenant: &str, name: &str, now_ms: u64) -> Self {
        Self {
            name: name.to_owned(),
            tenant: tenant.to_owned(),
            // After those of any erased record of the same name: what was decided
            // from that is refused.
            generation: now_ms,
            created_at_ms: now_ms,
            ..Self::default()
        }
    }

    /// The language of a notice: as long as notices of a change may come, the one
    /// that was there before, so that nobody warns the owner in a foreign one.
    pub fn notice_locale(&self, now_ms: u64) -> Option<&str> {
        let is_new = now_ms.saturating_sub(self.locale_set_at_ms) < NOTICE_LOCALE_WAIT_MS;
        let locale = if is_new {
            &self.locale_before
        } else {
            &self.locale
        };
        locale.as_deref()
    }

    /// The methods that may receive sign-in codes now.
    pub fn sign_in_methods(&self) -> impl Iterator<Item = &Method> {
        let is_open = self.frozen.is_none();
        self.methods
            .iter()
            .filter(move |method| is_open && method.status == MethodStatus::Active)
    }

    pub fn default_method(&self) -> Option<&Method> {
        self.listed_methods().find(|method| method.is_default)
    }

    /// All methods but the retired ones.
    pub fn listed_methods(&self) -> impl Iterator<Item = &Method> {
        self.methods
            .iter()
            .filter(|method| method.status != MethodStatus::Retired)
    }

    pub fn method(&self, id: MethodId) -> Option<&Method> {
        self.methods.iter().find(|method| method.id == id)
    }

    pub fn method_mut(&mut self, id: MethodId) -> Option<&mut Method> {
        self.methods.iter_mut().find(|method| method.id == id)
    }

    /// The open change, if there is one.
    pub fn open_change(&self) -> Option<&NumberChange> {
        self.change
            .as_ref()
            .filter(|change| change.status.is_open())
    }

    /// A recovery that may still be used.
    pub fn open_grant(&self, id: GrantId, now_ms: u64) -> Option<&Grant> {
        let mut open = self.grants.iter().filter(|grant| grant.until_ms > now_ms);
        open.find(|grant| grant.id == id)
    }

    /// Whether this is what an open request asks for already, so that asking again
    /// only sends the code again: the evidence it was asked with still holds.
    pub fn has_requested(&self, from: Option<MethodId>, to: MethodId) -> bool {
        let from = from.or_else(|| self.default_method().map(|method| method.id));
        self.change.as_ref().is_some_and(|change| {
            change.status == ChangeStatus::Requested
                && Some(change.from) == from
                && change.to_method == to
        })
    }

    /// Whether a number waits for its code.
    pub fn has_pending(&self, id: MethodId) -> bool {
        self.method(id)
            .is_some_and(|method| method.status == MethodStatus::Pending)
    }

    /// The numbers by which this subject is found: those that were proved. By a
    /// number that only waits for its code nobody takes it from its holder.
    pub fn numbers(&self) -> BTreeSet<&str> {
        let methods = self.methods.iter().filter(|method| method.is_proved());
        let change = self.change.iter().filter(|change| change.is_proved());
        let methods = methods.map(|method| &*method.number.e164);
        methods
            .chain(change.map(|change| &*change.to.e164))
            .collect()
    }

    /// Whether forgetting the record loses nothing, its audit trail included.
    pub fn is_empty(&self, now_ms: u64) -> bool {
        self.kept_until_ms <= now_ms
            && self.methods.is_empty()
            && self.enrolled_at_ms == 0
            && self.change.is_none()
            && self.ended_changes.is_empty()
            && self.frozen.is_none()
            && !self.privileged
            && self.enrolment.is_none()
            && self.grants.is_empty()
            && self.recovery_code.is_none()
            && self.bypass_code.is_none()
            && self.tries.count == 0
            && self.actions.is_empty()
            && self.notices.is_empty()
            && self.changes_at_ms.is_empty()
    }

    /// When the record must be looked at again.
    pub fn next_due_ms(&self, policy: &SubjectPolicy, now_ms: u64) -> u64 {
        let seen_again = now_ms.saturating_add(SEEN_AGAIN_MS);
        let notices = self.notices.iter().map(|notice| notice.due_at_ms);
        let timer = crate::subjects::apply::next_timer_ms(self, policy);
        notices.chain(timer).fold(seen_again, u64::min)
    }
}

impl Method {
    /// The channels its role has; whether they are open is another question.
    pub fn channels(&self) -> &'static [Channel] {
        match self.role {
            Role::Alternate | Role::Office if self.role_named => &[Channel::Voice],
            Role::Primary | Role::Alternate | Role::Office => &[Channel::Sms, Channel::Voice],
        }
    }

    /// Whether its code was typed back, be it long ago.
    fn is_proved(&self) -> bool {
        match self.status {
            MethodStatus::Pending => self.suspended.is_some(),
            MethodStatus::Holding
            | MethodStatus::Active
            | MethodStatus::Suspended
            | MethodStatus::Retired => true,
        }
    }

    /// Whether it is known or suspected to have another holder.
    pub fn is_recycled(&self) -> bool {
        self.suspended == Some(SuspendReason::Recycled)
    }

    /// When a code of it was last typed back.
    pub fn confirmed_at_ms(&self) -> u64 {
        self.verified_at_ms.max(self.last_used_at_ms)
    }

    /// When it goes stale, if the tenant has its methods confirmed again.
    pub fn stale_at_ms(&self, policy: &SubjectPolicy) -> Option<u64> {
        let days = u64::from(policy.reconfirm_after_days);
        let is_proved = matches!(
            self.status,
            MethodStatus::Active | MethodStatus::Holding | MethodStatus::Suspended
        );
        (days > 0 && is_proved).then(|| self.confirmed_at_ms().saturating_add(days * DAY_MS))
    }
}

impl NumberChange {
    /// Whether the new number was proved, so that it can be undone.
    pub fn is_proved(&self) -> bool {
        match self.status {
            ChangeStatus::NewVerified | ChangeStatus::Holding | ChangeStatus::Completed => true,
            ChangeStatus::Requested
            | ChangeStatus::Undone
            | ChangeStatus::Rejected
            | ChangeStatus::Expired => false,
        }
    }
}
