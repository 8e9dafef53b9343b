//! The change of a number: asked for, proved, looked at, undone, reported.

use watchword_providers::Channel;

use super::proof::{PROVED_BEFORE, ProofAsk, of_proved};
use super::request::{ChangeRequest, CheckRequestParts, Token};
use super::shown::change_of;
use super::view::{ChangeView, ShownOnce};
use super::{Asked, numbers, settled};
use crate::number::ParsedNumber;
use crate::service::error::ServiceError;
use crate::service::view::VerificationView;
use crate::service::{Answer, Service, fields};
use crate::subjects::command::{Command, RequestChange};
use crate::subjects::keeper::{NUMBER_CHANGE, Opened, Proved, TokenAsk};
use crate::subjects::model::{ChangeId, ChangeStatus};
use crate::subjects::tokens::TokenAction;
use crate::tenants::Asker;

/// A change with the code that was sent, and the recovery code that takes the
/// place of one that was used.
type Requested = (ChangeView, VerificationView, Option<ShownOnce>);

impl Service {
    /// Asks for another number in a method's place, and sends that number the
    /// code that proves it. A recovery code that was used is replaced.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: no change is open that was not before.
    pub async fn request_change(
        &self,
        asker: &Asker,
        subject: &str,
        request: ChangeRequest,
    ) -> Answer<Requested> {
        let asked = self.asked(asker)?;
        let to = fields::number(&request.to, request.region.as_deref(), "to")?;
        numbers::may_be_kept(&asked.tenant, &to)?;
        settled(|| Box::pin(self.request_once(&asked, subject, (&to, &request)))).await
    }

    async fn request_once(
        &self,
        asked: &Asked,
        subject: &str,
        (to, request): (&ParsedNumber, &ChangeRequest),
    ) -> Answer<Requested> {
        let (tenant, actor) = (&asked.tenant, &asked.actor);
        let before = self.kept(asked, subject).await?;
        let e164 = to.number.expose();
        let to_method = asked.live.ring.index().method(before.key, e164);
        // Whoever has missed the answer has no evidence left that counts once.
        let proved = if before.subject.has_requested(request.from, to_method) {
            Proved::default()
        } else {
            let evidence = (request.evidence.as_slice(), actor);
            self.keeper.facts(tenant, &before, evidence).await?
        };
        let new_swap = self.keeper.new_number_swap(&asked.live, tenant, e164).await;
        let stopped = self.keeper.is_stopped(&asked.live, tenant, e164).await?;
        let from = match request.from {
            Some(id) => before.subject.method(id),
            None => before.subject.default_method(),
        };
        let takes_sms = from.is_none_or(|method| method.channels().contains(&Channel::Sms));
        let channel = numbers::channel(to, request.channel, (takes_sms, stopped))?;
        let id = ChangeId::draw();
        let fresh = self.fresh_code(&proved).await?;
        let fresh_code = fresh.as_ref().map(|fresh| fresh.hash.clone());
        let change = |proof| {
            Command::RequestChange(RequestChange {
                id,
                from: request.from,
                to: numbers::kept(to),
                to_method,
                channel,
                facts: proved.facts.clone(),
                new_swap,
                proof,
                fresh_code: fresh_code.clone(),
            })
        };
        // A refusal sends nothing, so it is found before the code goes.
        let tried = change(before.key.0);
        self.keeper
            .tried(tenant, &before, (&tried, actor.clone()))?;
        let proof = ProofAsk {
            purpose: NUMBER_CHANGE,
            method: to_method,
            extension: None,
            channel,
            locale: request.locale.clone(),
            client: request.client,
            idempotency: request.idempotency.clone(),
            wait: request.wait,
        };
        let sent = self.prove(asked, &before, (to, proof)).await?;
        let decide = |now: &Opened| {
            proved.still_holds(&now.subject)?;
            Ok((change(sent.id.0), ()))
        };
        let changed = self.keeper.change(tenant, subject, actor.clone(), decide);
        let opened = changed.await?.opened;
        let open = opened.subject.open_change().ok_or(ServiceError::NotFound)?;
        let change = change_of(&opened, open.id)?;
        Ok((change, sent, fresh.and_then(|fresh| fresh.shown(&opened))))
    }

    /// A change: open, undoable, or ended a while ago.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`] if nothing is known of it any more.
    pub async fn change(
        &self,
        asker: &Asker,
        subject: &str,
        change: ChangeId,
    ) -> Answer<ChangeView> {
        let asked = self.asked(asker)?;
        let opened = self.kept(&asked, subject).await?;
        change_of(&opened, change)
    }

    /// Proves the new number by the code that was sent to it.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: it is not proved.
    pub async fn confirm_change(
        &self,
        asker: &Asker,
        subject: &str,
        (id, check): (ChangeId, CheckRequestParts),
    ) -> Answer<ChangeView> {
        let asked = self.asked(asker)?;
        let opened = self.kept(&asked, subject).await?;
        let current = opened.subject.change.as_ref();
        let current = current.filter(|change| change.id == id);
        let Some((change, proof)) = current.and_then(|change| Some((change, change.proof?))) else {
            return Err(match change_of(&opened, id)?.status {
                ChangeStatus::Requested | ChangeStatus::Expired => {
                    ServiceError::refused("discarded")
                }
                ChangeStatus::Undone => ServiceError::refused("already_undone"),
                ChangeStatus::Rejected => ServiceError::refused("change_ended"),
                ChangeStatus::NewVerified | ChangeStatus::Holding | ChangeStatus::Completed => {
                    PROVED_BEFORE
                }
            });
        };
        let is_proved = change.is_proved();
        let discard = Command::ChangeGivenUp { change: id, proof };
        let of = (change.to_method, NUMBER_CHANGE);
        let typed = (asker, subject, check);
        let typed = self.typed(&asked, typed, (proof, of), discard).await;
        let opened = typed.map_err(|error| of_proved(error, is_proved))?;
        change_of(&opened, id)
    }

    /// Takes back a change whose number is not proved yet, a mistyped one for
    /// instance, so that another can be asked for. Taken back once, it stays so.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: it goes on.
    pub async fn cancel_change(
        &self,
        asker: &Asker,
        subject: &str,
        change: ChangeId,
    ) -> Answer<()> {
        let asked = self.asked(asker)?;
        let decide = |_: &Opened| Ok((Command::CancelChange { change }, ()));
        let actor = asked.actor.clone();
        let canceled = self.keeper.change(&asked.tenant, subject, actor, decide);
        match canceled.await {
            Err(error) if error.code() == "already_undone" => Ok(()),
            canceled => canceled.map(drop),
        }
    }

    /// Undoes a change, on the word of somebody who was told of it.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: the change goes on.
    pub async fn undo(
        &self,
        asker: &Asker,
        subject: &str,
        (change, token): (ChangeId, Token),
    ) -> Answer<ChangeView> {
        let action = (change, TokenAction::Undo);
        self.act_on_token(asker, subject, (action, token)).await
    }

    /// "This was not me": undoes a change and freezes the subject.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: the change goes on.
    pub async fn report(
        &self,
        asker: &Asker,
        subject: &str,
        (change, token): (ChangeId, Token),
    ) -> Answer<ChangeView> {
        let action = (change, TokenAction::Report);
        self.act_on_token(asker, subject, (action, token)).await
    }

    async fn act_on_token(
        &self,
        asker: &Asker,
        subject: &str,
        ((change, action), token): ((ChangeId, TokenAction), Token),
    ) -> Answer<ChangeView> {
        let asked: Asked = self.asked(asker)?;
        let ask = TokenAsk {
            change,
            action,
            typed: &token.0,
        };
        let changed = self.keeper.by_token((&asked.tenant, subject), ask).await?;
        change_of(&changed.opened, change)
    }
}
