//! The numbers of a subject: listed, added, proved, ordered, removed.

use watchword_providers::Extension;

use super::proof::{PROVED_BEFORE, ProofAsk, of_proved};
use super::request::{AddMethodRequest, CheckRequestParts, EvidenceItem};
use super::view::{MethodView, MethodsView, SubjectView};
use super::{Asked, numbers, settled};
use crate::number::ParsedNumber;
use crate::service::error::ServiceError;
use crate::service::view::VerificationView;
use crate::service::{Answer, Service, fields};
use crate::subjects::command::{AddMethod, Command};
use crate::subjects::evidence::Fact;
use crate::subjects::keeper::{CONFIRM_METHOD, Opened, Proved};
use crate::subjects::model::{MethodId, MethodStatus, Role};
use crate::tenants::Asker;

impl Service {
    /// All there is to show of a subject.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`] if nothing is kept of it.
    pub async fn subject(&self, asker: &Asker, subject: &str) -> Answer<SubjectView> {
        let asked = self.asked(asker)?;
        let opened = self.kept(&asked, subject).await?;
        self.shown_subject(asked.at(), &opened).await
    }

    /// The methods of a subject; of an unknown one, none.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unavailable`].
    pub async fn methods(&self, asker: &Asker, subject: &str) -> Answer<MethodsView> {
        let asked = self.asked(asker)?;
        match self.keeper.read(&asked.tenant, subject).await? {
            Some(opened) => self.methods_of(&asked, &opened).await,
            None => Ok(MethodsView::default()),
        }
    }

    async fn methods_of(&self, asked: &Asked, opened: &Opened) -> Answer<MethodsView> {
        Ok(MethodsView {
            methods: self.shown_methods(asked.at(), opened).await?,
            fallback_order: opened.subject.fallback_order.clone(),
        })
    }

    /// Binds a number, and sends it the code that proves it. Without a
    /// verification if it is proved already.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: nothing is bound.
    pub async fn add_method(
        &self,
        asker: &Asker,
        subject: &str,
        request: AddMethodRequest,
    ) -> Answer<(MethodView, Option<VerificationView>)> {
        let asked = self.asked(asker)?;
        let to = fields::number(&request.phone, request.region.as_deref(), "phone")?;
        numbers::may_be_kept(&asked.tenant, &to)?;
        extension(request.role, request.extension.as_ref())?;
        settled(|| Box::pin(self.add_once(&asked, subject, (&to, &request)))).await
    }

    async fn add_once(
        &self,
        asked: &Asked,
        subject: &str,
        (to, request): (&ParsedNumber, &AddMethodRequest),
    ) -> Answer<(MethodView, Option<VerificationView>)> {
        let (tenant, actor) = (&asked.tenant, &asked.actor);
        let before = self.keeper.read_or_new(tenant, subject).await?;
        let e164 = to.number.expose();
        let id = asked.live.ring.index().method(before.key, e164);
        // Whoever has missed the answer has no evidence left that counts once.
        let proved = if before.subject.has_pending(id) {
            Proved::default()
        } else {
            let evidence = (request.evidence.as_slice(), actor);
            self.keeper.facts(tenant, &before, evidence).await?
        };
        let stopped = self.keeper.is_stopped(&asked.live, tenant, e164).await?;
        let of = (numbers::has_sms(request.role), stopped);
        let channel = numbers::channel(to, request.channel, of)?;
        let add = |facts: &[Fact], proof| {
            Command::AddMethod(AddMethod {
                id,
                number: numbers::kept(to),
                role: request.role,
                channel,
                extension: request.extension.clone(),
                locale: request.locale.clone(),
                facts: facts.to_vec(),
                proof,
                stopped,
            })
        };
        // A refusal sends nothing, so it is found before the code goes.
        let tried = add(&proved.facts, before.key.0);
        self.keeper
            .tried(tenant, &before, (&tried, actor.clone()))?;
        let known = before.subject.method(id);
        if let Some(method) = known.filter(|method| is_proved(method.status)) {
            let view = self.shown_method(asked.at(), &before, method).await?;
            return Ok((view, None));
        }
        let proof = ProofAsk {
            purpose: CONFIRM_METHOD,
            method: id,
            extension: request.extension.clone(),
            channel,
            locale: request.locale.clone(),
            client: request.client,
            idempotency: request.idempotency.clone(),
            wait: request.wait,
        };
        let sent = self.prove(asked, &before, (to, proof)).await?;
        let decide = |now: &Opened| {
            proved.still_holds(&now.subject)?;
            Ok((add(&proved.facts, sent.id.0), ()))
        };
        let changed = self.keeper.change(tenant, subject, actor.clone(), decide);
        let opened = changed.await?.opened;
        let method = opened.subject.method(id).ok_or(ServiceError::NotFound)?;
        let view = self.shown_method(asked.at(), &opened, method).await?;
        Ok((view, Some(sent)))
    }

    /// Proves a method by the code that was sent to it.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: it is not proved.
    pub async fn confirm_method(
        &self,
        asker: &Asker,
        subject: &str,
        (id, check): (MethodId, CheckRequestParts),
    ) -> Answer<MethodView> {
        let asked = self.asked(asker)?;
        let opened = self.kept(&asked, subject).await?;
        let method = opened.subject.method(id).ok_or(ServiceError::NotFound)?;
        let is_proved = is_proved(method.status);
        let proof = match method.proof {
            Some(proof) if is_proved || method.status == MethodStatus::Pending => proof,
            Some(_) | None if is_proved => return Err(PROVED_BEFORE),
            Some(_) | None => return Err(ServiceError::NotFound),
        };
        let discard = Command::MethodDiscarded { method: id, proof };
        let of = (id, CONFIRM_METHOD);
        let typed = (asker, subject, check);
        let typed = self.typed(&asked, typed, (proof, of), discard).await;
        let opened = typed.map_err(|error| of_proved(error, is_proved))?;
        let method = opened.subject.method(id).ok_or(ServiceError::NotFound)?;
        self.shown_method(asked.at(), &opened, method).await
    }

    /// Makes a method the one that codes go to.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: nothing has changed.
    pub async fn set_default(
        &self,
        asker: &Asker,
        subject: &str,
        (method, fallback_order): (MethodId, Option<Vec<MethodId>>),
    ) -> Answer<MethodsView> {
        let asked = self.asked(asker)?;
        let decide = |_: &Opened| {
            let fallback_order = fallback_order.clone();
            let command = Command::SetDefault {
                method,
                fallback_order,
            };
            Ok((command, ()))
        };
        let changed = self
            .keeper
            .change(&asked.tenant, subject, asked.actor.clone(), decide);
        let opened = changed.await?.opened;
        self.methods_of(&asked, &opened).await
    }

    /// Sets the language of a person's codes and notices; `None`: the tenant's.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: it is as before.
    pub async fn set_locale(
        &self,
        asker: &Asker,
        subject: &str,
        locale: Option<String>,
    ) -> Answer<SubjectView> {
        fields::locale(locale.as_deref())?;
        let asked = self.asked(asker)?;
        let decide = |_: &Opened| {
            let locale = locale.clone();
            Ok((Command::SetLocale { locale }, ()))
        };
        let changed = self
            .keeper
            .change(&asked.tenant, subject, asked.actor.clone(), decide);
        let opened = changed.await?.opened;
        self.shown_subject(asked.at(), &opened).await
    }

    /// Removes a method.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: it stays.
    pub async fn remove_method(
        &self,
        asker: &Asker,
        subject: &str,
        (method, evidence): (MethodId, Vec<EvidenceItem>),
    ) -> Answer<()> {
        let asked = self.asked(asker)?;
        let (tenant, actor) = (&asked.tenant, &asked.actor);
        let opened = self.kept(&asked, subject).await?;
        let proved = self
            .keeper
            .facts(tenant, &opened, (&evidence, actor))
            .await?;
        let decide = |now: &Opened| {
            proved.still_holds(&now.subject)?;
            let facts = proved.facts.clone();
            Ok((Command::RemoveMethod { method, facts }, ()))
        };
        let changed = self.keeper.change(tenant, subject, actor.clone(), decide);
        changed.await.map(drop)
    }

    /// A subject that something is kept of.
    pub(super) async fn kept(&self, asked: &Asked, subject: &str) -> Answer<Opened> {
        let found = self.keeper.read(&asked.tenant, subject).await?;
        found.ok_or(ServiceError::NotFound)
    }
}

fn is_proved(status: MethodStatus) -> bool {
    match status {
        MethodStatus::Active | MethodStatus::Holding => true,
        MethodStatus::Pending | MethodStatus::Suspended | MethodStatus::Retired => false,
    }
}

/// Only an office has one.
pub(super) fn extension(role: Option<Role>, extension: Option<&Extension>) -> Answer<()> {
    if extension.is_none() || role == Some(Role::Office) {
        return Ok(());
    }
    Err(ServiceError::Invalid {
        code: "invalid_extension",
        field: "extension",
        detail: "only a method whose role is office has one",
        alternatives: Vec::new(),
    })
}
