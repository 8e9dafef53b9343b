//! A code that proves a number: sent before the record says so, and typed back.

use std::time::Duration;

use super::Asked;
use super::request::CheckRequestParts;
use crate::id::{RecordId, VerificationId};
use crate::number::ParsedNumber;
use crate::service::error::ServiceError;
use crate::service::request::{Client, IdempotencyKey, StartRequest};
use crate::service::start::Addressee;
use crate::service::view::VerificationView;
use crate::service::{Answer, CheckRequest, Service};
use crate::subjects::command::Command;
use crate::subjects::keeper::Opened;
use crate::subjects::model::MethodId;
use crate::tenants::Asker;
use crate::verification::Status;
use watchword_providers::{Channel, Extension};

/// It was proved by now, and a code that is typed now says nothing more of it.
pub(super) const PROVED_BEFORE: ServiceError = ServiceError::NotPending {
    status: Status::Approved,
};

/// The code of what was proved long ago is forgotten by now.
pub(super) fn of_proved(error: ServiceError, is_proved: bool) -> ServiceError {
    if is_proved && matches!(error, ServiceError::NotFound) {
        PROVED_BEFORE
    } else {
        error
    }
}

/// The code to send.
pub(super) struct ProofAsk {
    pub(super) purpose: &'static str,
    /// What the number is called as a method.
    pub(super) method: MethodId,
    pub(super) extension: Option<Extension>,
    pub(super) channel: Channel,
    pub(super) locale: Option<String>,
    pub(super) client: Client,
    pub(super) idempotency: Option<IdempotencyKey>,
    pub(super) wait: Option<Duration>,
}

impl Service {
    /// Sends the code. It goes only while the subject is what it was judged by.
    pub(super) async fn prove(
        &self,
        asked: &Asked,
        opened: &Opened,
        (to, ask): (&ParsedNumber, ProofAsk),
    ) -> Answer<VerificationView> {
        let addressee = Addressee {
            guard: opened.guard(),
            subject: opened.subject.name.clone(),
            method: ask.method,
        };
        let request = StartRequest {
            extension: ask.extension,
            channel: Some(ask.channel),
            locale: ask.locale.or_else(|| opened.subject.locale.clone()),
            purpose: Some(ask.purpose.to_owned()),
            subject: Some(opened.subject.name.clone()),
            client: ask.client,
            idempotency: ask.idempotency,
            wait: ask.wait,
            ..StartRequest::default()
        };
        let at = (&*asked.live, &asked.tenant);
        let sent = self.send_proof(at, (to, &addressee), &request).await?;
        match sent.status {
            Status::Pending | Status::Failed => Ok(sent),
            // By an idempotency key of before: that code proves nothing now.
            status @ (Status::Approved
            | Status::Canceled
            | Status::Expired
            | Status::Exhausted
            | Status::Superseded) => Err(ServiceError::NotPending { status }),
        }
    }

    /// Checks the code that was typed back, and goes on with what it proves. The
    /// same code typed again is answered as before, since its answer may have been
    /// lost; any other one is wrong, also when the right one was typed long ago.
    pub(super) async fn typed(
        &self,
        asked: &Asked,
        (asker, subject, typed): (&Asker, &str, CheckRequestParts),
        (proof, of): (RecordId, (MethodId, &'static str)),
        discard: Command,
    ) -> Answer<Opened> {
        let Asker::Tenant(caller) = asker else {
            return Err(ServiceError::NotFound);
        };
        let named = format!("{}:{}", of.1, typed.code);
        let request = CheckRequest {
            id: VerificationId(proof),
            code: typed.code,
            bind: None,
            client: typed.client,
            idempotency: Some(IdempotencyKey {
                key: named,
                content: bytes::Bytes::new(),
            }),
        };
        let (tenant, actor) = (&asked.tenant, &asked.actor);
        let proved = || {
            let of_proof = (proof, actor.clone());
            self.keeper.proved((tenant, subject), of, of_proof)
        };
        match self.check(caller, request).await {
            Ok(_) => proved().await,
            // By another code, or by way of the verification itself. What it proved
            // may not have been written.
            Err(PROVED_BEFORE) => {
                proved().await?;
                Err(PROVED_BEFORE)
            }
            Err(
                ServiceError::CodeMismatch {
                    checks_remaining: 0,
                }
                | ServiceError::NotPending {
                    status: Status::Exhausted,
                },
            ) => {
                let decide = |_: &Opened| Ok((discard.clone(), ()));
                let changed = self.keeper.change(tenant, subject, actor.clone(), decide);
                changed.await?;
                Err(ServiceError::refused("discarded"))
            }
            Err(error) => Err(error),
        }
    }
}
