//! A send that a limit refused after the store had made it: undone, remembered,
//! and what the other limits have taken given back.

use super::made::{Made, Step};
use super::{Send, SendAsk, Sending};
use crate::admission::gcra::Denied;
use crate::admission::limits::LimitAsk;
use crate::id::RecordId;
use crate::service::Answer;
use crate::service::error::ServiceError;
use crate::service::refusals::{Refusal, StoredRefusal, first_refusal};
use crate::store::{LimitAnswers, StoreError, Undo};

impl Sending {
    /// A send that was made stands if every limit has allowed it.
    pub(super) async fn judge(
        &self,
        send: &Send,
        made: Made,
        (asks, answers): (&[LimitAsk], Result<LimitAnswers, StoreError>),
    ) -> Answer<Made> {
        let refusal = match &answers {
            Ok(answers) => first_refusal(&send.limits, answers),
            Err(error) => {
                self.shared.store_failed("limits", error);
                Some(Refusal::unanswered())
            }
        };
        let Some(refusal) = refusal else {
            return Ok(made);
        };
        self.give_back(asks, answers.as_deref().unwrap_or_default());
        Err(self.take_back(send, &made, refusal).await)
    }

    /// Undoes a send that a limit of another slot refused, and remembers the refusal.
    async fn take_back(&self, send: &Send, made: &Made, refusal: Refusal) -> ServiceError {
        self.remember_refusal(&refusal);
        let what = (made.id, made.step == Step::Created);
        match self.undo(send, what, &refusal).await {
            Ok(()) => refusal.error(made.now_ms),
            Err(error) => error,
        }
    }

    pub(super) fn remember_refusal(&self, refusal: &Refusal) {
        if let Some(name) = refusal.limit {
            let live = self.shared.live.load();
            live.refused_limits.refuse(name, refusal.available_at_ms);
        }
    }

    /// Takes back what was made, and lets the idempotency key answer with the refusal.
    pub(super) async fn undo(
        &self,
        send: &Send,
        (id, was_created): (RecordId, bool),
        refusal: &Refusal,
    ) -> Answer<()> {
        let (client, policy) = match &send.ask {
            SendAsk::Start(start) => (start.client, &start.policy),
            SendAsk::Resend(resend) => (resend.client, &resend.policy),
        };
        let undo = Undo {
            id,
            was_created,
            operation: send.ask.operation(),
            client,
            policy: policy.clone(),
            idempotency: send.idempotency,
            refusal: StoredRefusal::of(refusal).encode(),
            available_at_ms: refusal.available_at_ms,
        };
        self.shared.store.undo(&undo).await.map_err(|error| {
            self.shared.store_failed("undo", &error);
            // It stays in the ledger: a sweep sends it, or it expires.
            ServiceError::Unavailable {
                code: "store_outcome_unknown",
                retry_after_s: 1,
            }
        })
    }

    /// Gives back what the limits that allowed it have taken. Nobody waits for it.
    pub(super) fn give_back(&self, asks: &[LimitAsk], answers: &[Result<(), Denied>]) {
        let taken = asks
            .iter()
            .zip(answers)
            .filter(|(_, answer)| answer.is_ok());
        self.dispatcher
            .give_back(taken.map(|(ask, _)| ask.clone()).collect());
    }
}
