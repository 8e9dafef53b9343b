//! What networks say of a subject's numbers, and what it means: a new holder ends
//! a method, a new SIM depends on the tenant.

use std::sync::Arc;

use super::{Keeper, Opened, Whose};
use crate::live::Live;
use crate::service::Answer;
use crate::signals::Question;
use crate::subjects::command::{Command, Outcome, Telling};
use crate::subjects::evidence::Finding;
use crate::subjects::model::{Actor, Method, MethodId, SuspendReason};
use crate::subjects::policy::SwapPolicy;
use crate::tenants::Tenant;
use crate::webhooks::EventKind;

use super::Decided;

/// What to do about a code for a method.
pub(crate) enum Advice {
    Send,
    /// Its SIM is new; another method is better, where there is one.
    SendThoughSwapped,
    /// It gets no codes any more; the subject as it is now.
    Suspended(Box<Opened>),
}

impl Keeper {
    /// Asks about a method before a code is sent to it.
    ///
    /// # Errors
    ///
    /// [`crate::service::ServiceError::Unavailable`]: what was found could not be
    /// written.
    pub(crate) async fn advice(
        &self,
        tenant: &Arc<Tenant>,
        opened: &Opened,
        method: &Method,
    ) -> Answer<Advice> {
        let whose = self.whose(tenant, &opened.subject.name)?;
        let policy = &tenant.subjects;
        let (signals, e164) = (&whose.live.signals, method.number.e164.as_str());
        let since_ms = method.confirmed_at_ms();
        let is_long_ago = opened.now_ms.saturating_sub(since_ms) > policy.recheck_after_ms;
        let hours = policy.sign_in_swap_hours;
        let recycled = async {
            // In daily use a number has not changed hands unnoticed.
            if is_long_ago || method.last_used_at_ms == 0 {
                signals.ask(Question::Recycled { e164, since_ms }).await
            } else {
                Finding::Clear
            }
        };
        let swapped = signals.ask(Question::SimSwap { e164, hours });
        let (recycled, swapped) = tokio::join!(recycled, swapped);
        // Unknown never refuses: a network that is silent locks nobody out.
        let why = if recycled == Finding::Raised {
            SuspendReason::Recycled
        } else if swapped == Finding::Raised {
            match policy.on_swap_at_sign_in {
                SwapPolicy::Allow => return Ok(Advice::Send),
                SwapPolicy::OtherMethod => return Ok(Advice::SendThoughSwapped),
                SwapPolicy::Suspend => SuspendReason::SimSwap,
            }
        } else {
            return Ok(Advice::Send);
        };
        let method = method.id;
        let suspend = |_: &Opened| Ok((Command::SuspendMethod { method, why }, ()));
        let name = &opened.subject.name;
        let changed = self.change(tenant, name, Actor::System, suspend).await?;
        Ok(Advice::Suspended(Box::new(changed.opened)))
    }

    /// Notes that a code went to a method although its SIM is new.
    pub(crate) async fn swap_seen(&self, tenant: &Arc<Tenant>, opened: &Opened, id: MethodId) {
        let (Ok(whose), Some(method)) = (
            self.whose(tenant, &opened.subject.name),
            opened.subject.method(id),
        ) else {
            return;
        };
        let kind = EventKind::MethodSwapSeen;
        let decided = Decided {
            after: opened.subject.clone(),
            outcome: Outcome {
                told: vec![Telling {
                    what: kind.as_str(),
                    event: Some(kind),
                    method: Some(id),
                    number: Some(method.number.clone()),
                    ..Telling::default()
                }],
                ..Outcome::default()
            },
            actor: Actor::System,
        };
        // Only told: if somebody else has just written, the next code tells it.
        drop(
            self.write(&whose, opened.clone(), decided, Vec::new())
                .await,
        );
    }

    /// Whether the holder of a number wants no messages from this tenant.
    ///
    /// # Errors
    ///
    /// [`crate::service::ServiceError::Unavailable`].
    pub(crate) async fn is_stopped(
        &self,
        live: &Live,
        tenant: &Tenant,
        e164: &str,
    ) -> Answer<bool> {
        let note = self.number_note((live, tenant), e164).await?;
        Ok(note.opted_out_at_ms > 0)
    }

    /// Whether calls to a number are forwarded, as far as anybody knows.
    pub(crate) async fn is_forwarded(&self, live: &Live, e164: &str) -> bool {
        live.signals.ask(Question::Forwarded { e164 }).await == Finding::Raised
    }

    /// What is said of the SIM of a number that is to become a subject's.
    pub(crate) async fn new_number_swap(
        &self,
        live: &Live,
        tenant: &Tenant,
        e164: &str,
    ) -> Finding {
        let hours = tenant.subjects.change_swap_hours;
        live.signals.ask(Question::SimSwap { e164, hours }).await
    }

    /// What signals say of a method's number, asked at once.
    pub(super) async fn findings(&self, whose: &Whose, method: &Method) -> (Finding, Finding) {
        if method.is_recycled() {
            return (Finding::Raised, Finding::Raised);
        }
        let (signals, e164) = (&whose.live.signals, method.number.e164.as_str());
        let (hours, since_ms) = (
            whose.tenant.subjects.change_swap_hours,
            method.verified_at_ms,
        );
        tokio::join!(
            signals.ask(Question::SimSwap { e164, hours }),
            signals.ask(Question::Recycled { e164, since_ms }),
        )
    }
}
