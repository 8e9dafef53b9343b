//! Answers the questions of calls: from a signed request to what is said next.

use std::sync::Arc;
use std::time::Duration;

use watchword_providers::contract::{CALL_DURATION_MAX, REPORT_KEY, call_duration_max};
use watchword_providers::{
    CallDocument, CallEvent, CallStep, CallTexts, CallTurn, Callback, Calls, Channel,
    DeliveryReceipt, Extension, Provider, ProviderCode, ReceiptStatus,
};

use super::{CallAsk, report};
use crate::dispatch::{Dispatcher, call_texts};
use crate::live::{Live, Shared};
use crate::receipts::{
    ReceiptReference, ReceiptRefusal, ReferenceError, apply_within, kept_of, reason_of, refused,
};
use crate::stack::ProviderStack;
use crate::store::{Found, StoreError};
use crate::telemetry::events;
use crate::verification::Status;

/// How often a call may ask. A person who has the code repeated takes a few; the
/// rest is a loop, or somebody who listens on.
const QUESTIONS_MAX: u32 = 8;

/// How often a call to an extension greets: the first time nobody may be there yet,
/// for behind the switchboard it goes on ringing.
const GREETINGS_MAX: u32 = 4;

/// Whether a provider asks what its calls say.
pub(crate) fn asks(provider: &dyn Provider) -> bool {
    let capabilities = provider.capabilities();
    match capabilities.calls {
        Calls::Asked => capabilities.channels.contains(&Channel::Voice),
        Calls::Inline => false,
    }
}

/// How long after its submission a call that tells of its end may still be on
/// the line: it rings for half a minute at most, and then lasts.
pub(crate) fn on_the_line_max(extension: Option<&Extension>) -> Duration {
    call_duration_max(extension) + RINGING_MAX
}

const RINGING_MAX: Duration = Duration::from_secs(30);

/// Whether it is told, of a call that asks, when it has ended.
pub(crate) fn tells_of_ends(provider: &dyn Provider) -> bool {
    asks(provider) && provider.capabilities().call_ends
}

/// Answers calls.
pub struct CallDesk {
    shared: Shared,
    dispatcher: Arc<Dispatcher>,
}

/// A question that is believed: who asks, about what, and where it asks again.
struct Question<'a> {
    provider: &'a str,
    hop: &'a ProviderStack,
    reference: ReceiptReference,
    call_url: &'a str,
}

/// What a call does next, before it is in the provider's form.
enum Next {
    /// The extension is dialled before.
    Ask(CallTexts, Option<Extension>),
    Tell(CallTexts),
    Reported(CallTexts),
    Farewell(CallTexts),
    HangUp,
}

impl CallDesk {
    pub fn new(shared: Shared, dispatcher: Arc<Dispatcher>) -> Self {
        Self { shared, dispatcher }
    }

    /// Whether a call's path can be one of ours: the provider asks, and its
    /// reference is of a call that may still go on. Cheap: asked before the body
    /// is read.
    ///
    /// # Errors
    ///
    /// [`ReceiptRefusal::NotFound`] and [`ReceiptRefusal::UnknownKey`].
    pub fn admits(&self, provider: &str, reference: &str) -> Result<(), ReceiptRefusal> {
        let live = self.shared.live.load();
        let admitted = self.reference(&live, provider, reference).map(drop);
        match admitted {
            Ok(()) => {}
            Err(ReferenceError::Unknown) => refused(&self.shared, provider, "reference"),
            Err(ReferenceError::UnknownKey) => refused(&self.shared, provider, "unknown_key"),
        }
        Ok(admitted?)
    }

    /// What the call does next, in the provider's form. The provider has to prove
    /// itself: a reference alone is told nothing.
    ///
    /// # Errors
    ///
    /// [`ReceiptRefusal::Unavailable`] if the store could not be asked: nothing
    /// is said then.
    pub async fn answer(
        &self,
        provider: &str,
        reference: &str,
        callback: &Callback<'_>,
    ) -> Result<CallDocument, ReceiptRefusal> {
        let live = self.shared.live.load_full();
        let reference = self.reference(&live, provider, reference)?;
        let hop = live
            .providers
            .get(provider)
            .ok_or(ReceiptRefusal::NotFound)?;
        let event = hop.provider.call_event(callback).map_err(|error| {
            refused(&self.shared, provider, reason_of(error));
            ReceiptRefusal::NotBelieved
        })?;
        let question = Question {
            provider,
            hop,
            reference,
            // What the provider called, without what it added.
            call_url: callback.url.split('?').next().unwrap_or_default(),
        };
        let next = self.next(&live, &question, &event).await?;
        Ok(self.written(&question, &next))
    }

    fn written(&self, question: &Question<'_>, next: &Next) -> CallDocument {
        let call_url = question.call_url;
        let (turn, step) = match next {
            Next::Ask(texts, extension) => {
                let extension = extension.as_ref();
                let turn = CallTurn::Ask {
                    texts,
                    call_url,
                    extension,
                };
                (turn, "ask")
            }
            Next::Tell(texts) => (CallTurn::Tell { texts, call_url }, "tell"),
            Next::Reported(texts) => (CallTurn::Reported { texts }, "reported"),
            Next::Farewell(texts) => (CallTurn::Farewell { texts }, "farewell"),
            Next::HangUp => (CallTurn::HangUp, "hang_up"),
        };
        events::CallAnswered {
            delivery: &question.reference.delivery.to_string(),
            provider: question.provider,
            step,
        }
        .emit(&self.shared.metrics);
        question.hop.provider.call_answer(&turn)
    }

    async fn next(
        &self,
        live: &Live,
        question: &Question<'_>,
        event: &CallEvent,
    ) -> Result<Next, ReceiptRefusal> {
        let reference = &question.reference;
        let index = live.ring.index();
        let ask = CallAsk {
            key: index.call(reference.delivery, reference.attempt),
            call: index.call_id(question.provider, &event.call_id),
            kept_until_ms: reference.expires_at_ms(),
        };
        let questions = self.shared.store.bind_call(&ask).await;
        let questions = questions.map_err(|error| self.unavailable("bind_call", &error))?;
        let questions = match questions {
            None => {
                refused(&self.shared, question.provider, "other_call");
                return Ok(Next::HangUp);
            }
            Some(questions) if questions > QUESTIONS_MAX => return Ok(Next::HangUp),
            Some(questions) => questions,
        };
        match &event.step {
            CallStep::Answered => {
                let said = self.texts(live, question).await?;
                let ask = |(texts, extension)| Next::Ask(texts, extension);
                Ok(said.map_or(Next::HangUp, ask))
            }
            CallStep::Key(REPORT_KEY) => self.report(live, question).await,
            CallStep::Key(_) => {
                let said = self.texts(live, question).await?;
                if said.is_some() {
                    self.note(question, ReceiptStatus::Delivered, None).await?;
                }
                Ok(said.map_or(Next::HangUp, |(texts, _)| Next::Tell(texts)))
            }
            CallStep::NoKey => {
                let said = self.texts(live, question).await?;
                match said {
                    Some((texts, Some(_))) if questions < GREETINGS_MAX => {
                        Ok(Next::Ask(texts, None))
                    }
                    said => {
                        self.judge(question, "no-key").await?;
                        Ok(said.map_or(Next::HangUp, |(texts, _)| Next::Farewell(texts)))
                    }
                }
            }
            CallStep::Machine => {
                self.judge(question, "machine").await?;
                Ok(Next::HangUp)
            }
            CallStep::Ended { status, code } => {
                let code = code.as_ref().map(ProviderCode::as_str);
                // If the code was said, that is noted, and nothing takes it back.
                let status = match status {
                    ReceiptStatus::Sent => ReceiptStatus::Sent,
                    ReceiptStatus::Delivered | ReceiptStatus::Undelivered => {
                        ReceiptStatus::Undelivered
                    }
                };
                self.note(question, status, code).await?;
                Ok(Next::HangUp)
            }
        }
    }

    /// What the call may say, and the extension it dials before: `None` once nothing
    /// may be said any more.
    async fn texts(
        &self,
        live: &Live,
        question: &Question<'_>,
    ) -> Result<Option<(CallTexts, Option<Extension>)>, ReceiptRefusal> {
        let Some(found) = self.found(question).await? else {
            return Ok(None);
        };
        let quiet_ms = live.dispatch.policy.quiet_ms;
        let is_over = found.now_ms >= found.record.submit_before_ms(quiet_ms);
        let is_pending = found.record.status_at(found.now_ms) == Status::Pending;
        if is_over || !is_pending {
            return Ok(None);
        }
        Ok(call_texts(live, &found))
    }

    async fn found(&self, question: &Question<'_>) -> Result<Option<Found>, ReceiptRefusal> {
        let found = self.shared.store.get(question.reference.delivery.record);
        let found = found.await;
        found.map_err(|error| self.unavailable("get", &error))
    }

    /// "I did not ask for this".
    async fn report(&self, live: &Live, question: &Question<'_>) -> Result<Next, ReceiptRefusal> {
        let said = self.texts(live, question).await?;
        let (provider, reference) = (question.provider, &question.reference);
        let was_pending = report(&self.dispatcher, live, provider, reference).await?;
        // What cannot be canceled, a text of the tenant's, must not ring again
        // either: it was heard.
        if said.is_some() && !was_pending {
            self.note(question, ReceiptStatus::Delivered, Some("reported"))
                .await?;
        }
        Ok(said.map_or(Next::HangUp, |(texts, _)| Next::Reported(texts)))
    }

    /// Notes that this call will say no code. It is still on the line, and no
    /// other may be made meanwhile: where the provider tells of its end, what
    /// follows waits for that, or until it must be over.
    async fn judge(&self, question: &Question<'_>, why: &str) -> Result<(), ReceiptRefusal> {
        let ends_within = if tells_of_ends(&*question.hop.provider) {
            CALL_DURATION_MAX
        } else {
            Duration::ZERO
        };
        let lost = ReceiptStatus::Undelivered;
        self.note_within(question, (lost, Some(why)), ends_within)
            .await
    }

    /// Notes of the attempt how its call went.
    async fn note(
        &self,
        question: &Question<'_>,
        status: ReceiptStatus,
        code: Option<&str>,
    ) -> Result<(), ReceiptRefusal> {
        self.note_within(question, (status, code), Duration::ZERO)
            .await
    }

    async fn note_within(
        &self,
        question: &Question<'_>,
        (status, code): (ReceiptStatus, Option<&str>),
        ends_within: Duration,
    ) -> Result<(), ReceiptRefusal> {
        let receipt = DeliveryReceipt {
            message_id: None,
            status,
            code: code.and_then(ProviderCode::new),
            at_ms: None,
            is_final_for_number: false,
        };
        let kept = kept_of(&self.shared, &receipt);
        apply_within(
            &self.dispatcher,
            question.provider,
            &question.reference,
            (&kept, ends_within),
        )
        .await
        .map_err(|error| self.unavailable("receipt", &error))
    }

    fn reference(
        &self,
        live: &Live,
        provider: &str,
        text: &str,
    ) -> Result<ReceiptReference, ReferenceError> {
        let hop = live.providers.get(provider);
        if !hop.is_some_and(|hop| asks(&*hop.provider)) {
            return Err(ReferenceError::Unknown);
        }
        let now_s = self.shared.store_now_ms() / 1000;
        let reference = ReceiptReference::verify(&live.ring, provider, text, now_s)?;
        match reference.channel {
            Channel::Voice => Ok(reference),
            Channel::Sms => Err(ReferenceError::Unknown),
        }
    }

    fn unavailable(&self, step: &'static str, error: &StoreError) -> ReceiptRefusal {
        self.shared.store_failed(step, error);
        ReceiptRefusal::Unavailable
    }
}
