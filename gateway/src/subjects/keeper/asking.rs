//! What networks say of a subject's numbers, and what it means: a new holder ends
//! a method, a new SIM depends on the tenant.

use std::sync::Arc;

use tokio::time::Instant;
use watchword_providers::Channel;

use super::{Decided, Keeper, NUMBER_CHANGE, Opened, Whose};
use crate::live::Live;
use crate::service::Answer;
use crate::signals::{self, NoAnswer, Question};
use crate::subjects::command::{Command, Outcome, Telling};
use crate::subjects::evidence::Finding;
use crate::subjects::model::{Actor, Method, MethodId, Subject, SuspendReason};
use crate::subjects::policy::Effect;
use crate::telemetry::events;
use crate::tenants::Tenant;
use crate::webhooks::EventKind;

/// What to do about a code for a method.
pub(crate) enum Advice {
    Send,
    /// Its SIM or device is new; another method is better, where there is one.
    SendThoughSwapped(Swapped),
    /// It gets no codes any more; the subject as it is now.
    Suspended(Box<Opened>),
}

/// What is new about a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swapped {
    Sim,
    Device,
}

impl Swapped {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sim => "sim_swap",
            Self::Device => "device_swap",
        }
    }
}

impl Keeper {
    /// Asks, and notes how that went. Unknown if there is no answer: it comes in
    /// time, and what is not known stops no code.
    async fn ask(&self, (live, tenant): (&Live, &Tenant), question: Question<'_>) -> Finding {
        let started = Instant::now();
        let signal = question.as_str();
        let reply = live.signals.ask(question).await;
        if reply != Err(NoAnswer::Nobody) {
            events::SignalAsked {
                tenant: &tenant.name,
                signal,
                outcome: signals::outcome(&reply),
                took: started.elapsed(),
            }
            .emit(&self.shared.metrics);
        }
        reply.unwrap_or(Finding::Unknown)
    }

    /// Asks what leads to something.
    async fn ask_for(&self, effect: Effect, at: (&Live, &Tenant), of: Question<'_>) -> Finding {
        match effect {
            Effect::Allow => Finding::Unknown,
            Effect::OtherMethod | Effect::Suspend | Effect::LongerHold => self.ask(at, of).await,
        }
    }

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
        (method, purpose): (&Method, &str),
    ) -> Answer<Advice> {
        let whose = self.whose(tenant, &opened.subject.name)?;
        let policy = &tenant.subjects;
        let effects = policy.effects(purpose);
        let (at, e164) = ((&*whose.live, &**tenant), method.number.e164.as_str());
        let since_ms = method.confirmed_at_ms();
        let is_long_ago = opened.now_ms.saturating_sub(since_ms) > policy.recheck_after_ms;
        let hours = policy.sign_in_swap_hours;
        // In daily use a number has not changed hands unnoticed.
        let on_recycled = if is_long_ago || method.last_used_at_ms == 0 {
            effects.recycled
        } else {
            Effect::Allow
        };
        let (recycled, sim, device) = tokio::join!(
            self.ask_for(on_recycled, at, Question::Recycled { e164, since_ms }),
            self.ask_for(effects.sim_swap, at, Question::SimSwap { e164, hours }),
            self.ask_for(
                effects.device_swap,
                at,
                Question::DeviceSwap { e164, hours }
            ),
        );
        // Whose only number it is would be locked out by a new SIM of their own.
        let has_other = has_other(&opened.subject, method.id);
        let why = if recycled == Finding::Raised {
            SuspendReason::Recycled
        } else if sim == Finding::Raised && effects.sim_swap == Effect::Suspend && has_other {
            SuspendReason::SimSwap
        } else if sim == Finding::Raised {
            return Ok(Advice::SendThoughSwapped(Swapped::Sim));
        } else if device == Finding::Raised {
            return Ok(Advice::SendThoughSwapped(Swapped::Device));
        } else {
            return Ok(Advice::Send);
        };
        let method = method.id;
        let suspend = |_: &Opened| Ok((Command::SuspendMethod { method, why }, ()));
        let name = &opened.subject.name;
        let changed = self.change(tenant, name, Actor::System, suspend).await?;
        Ok(Advice::Suspended(Box::new(changed.opened)))
    }

    /// Notes that a code went to a method although its SIM or device is new.
    pub(crate) async fn swap_seen(
        &self,
        tenant: &Arc<Tenant>,
        opened: &Opened,
        (id, swapped): (MethodId, Swapped),
    ) {
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
                    reason: Some(swapped.as_str().to_owned()),
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

    /// Whether calls to a number are known to be forwarded, and that is to lead to
    /// something.
    pub(crate) async fn is_forwarded(
        &self,
        at: (&Live, &Tenant),
        (e164, purpose): (&str, &str),
    ) -> bool {
        let effect = at.1.subjects.effects(purpose).forwarded;
        let forwarded = self.ask_for(effect, at, Question::Forwarded { e164 });
        forwarded.await == Finding::Raised
    }

    /// What is said of the SIM of a number that is to become a subject's.
    pub(crate) async fn new_number_swap(
        &self,
        live: &Live,
        tenant: &Tenant,
        e164: &str,
    ) -> Finding {
        let hours = tenant.subjects.change_swap_hours;
        let effect = tenant.subjects.effects(NUMBER_CHANGE).sim_swap;
        self.ask_for(effect, (live, tenant), Question::SimSwap { e164, hours })
            .await
    }

    /// Whether a number has another holder than the one who was told last.
    pub(super) async fn has_other_holder(&self, whose: &Whose, method: &Method) -> bool {
        let e164 = method.number.e164.as_str();
        let since_ms = method.confirmed_at_ms();
        let asked = Question::Recycled { e164, since_ms };
        method.is_recycled()
            || self.ask((&whose.live, &whose.tenant), asked).await == Finding::Raised
    }

    /// What signals say of the number of whoever holds a token, asked at once.
    pub(super) async fn findings(&self, whose: &Whose, method: &Method) -> (Finding, Finding) {
        if method.is_recycled() {
            return (Finding::Raised, Finding::Raised);
        }
        let (at, e164) = ((&*whose.live, &*whose.tenant), method.number.e164.as_str());
        let (hours, since_ms) = (
            whose.tenant.subjects.change_swap_hours,
            method.verified_at_ms,
        );
        tokio::join!(
            self.ask(at, Question::SimSwap { e164, hours }),
            self.ask(at, Question::Recycled { e164, since_ms }),
        )
    }

    /// What signals say of a number that proves who asks for a change, as far as it
    /// is to lead to something: of its SIM, and of its holder.
    pub(super) async fn findings_of_proof(
        &self,
        whose: &Whose,
        method: &Method,
        by: Channel,
    ) -> (Finding, Finding) {
        if method.is_recycled() {
            return (Finding::Raised, Finding::Raised);
        }
        let policy = &whose.tenant.subjects;
        let effects = policy.effects(NUMBER_CHANGE);
        let (at, e164) = ((&*whose.live, &*whose.tenant), method.number.e164.as_str());
        let (hours, since_ms) = (policy.change_swap_hours, method.verified_at_ms);
        let on_forwarded = match by {
            Channel::Sms => Effect::Allow,
            Channel::Voice => effects.forwarded,
        };
        let (sim, device, recycled, forwarded) = tokio::join!(
            self.ask_for(effects.sim_swap, at, Question::SimSwap { e164, hours }),
            self.ask_for(
                effects.device_swap,
                at,
                Question::DeviceSwap { e164, hours }
            ),
            self.ask_for(effects.recycled, at, Question::Recycled { e164, since_ms }),
            self.ask_for(on_forwarded, at, Question::Forwarded { e164 }),
        );
        (as_swap(sim, device, forwarded), recycled)
    }
}

/// Whoever has the calls forwarded hears the code, as one with the SIM does. A new
/// device alone only takes away what a known SIM is worth.
fn as_swap(sim: Finding, device: Finding, forwarded: Finding) -> Finding {
    match (sim, device, forwarded) {
        (Finding::Raised, _, _) | (_, _, Finding::Raised) => Finding::Raised,
        (Finding::Clear, Finding::Raised, _) => Finding::Unknown,
        (sim, _, _) => sim,
    }
}

fn has_other(subject: &Subject, id: MethodId) -> bool {
    let mut methods = subject.sign_in_methods();
    methods.any(|method| method.id != id)
}
