//! Checking what the person typed. The answer to a check is the only proof.

use std::sync::Arc;

use super::error::ServiceError;
use super::fields::{bind_bytes, client_class};
use super::limits::{last_denied, limited, of_failed_check};
use super::render::{self, Context};
use super::request::{CheckRequest, IdempotencyKey};
use super::view::VerificationView;
use super::{Answer, OVERLOADED, Service};
use crate::code::Code;
use crate::keys::random;
use crate::live::Live;
use crate::store::{Checked, CheckedWithin, Found};
use crate::subjects::keeper::{CONFIRM_METHOD, NUMBER_CHANGE};
use crate::subjects::model::{Actor, MethodId};
use crate::telemetry::events;
use crate::tenants::Caller;
use crate::verification::{Check, CheckAnswer, OperationId};

impl Service {
    /// Consumes a guess and says whether it was right.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: a wrong code, or no evaluation at all.
    pub async fn check(&self, caller: &Caller, request: CheckRequest) -> Answer<VerificationView> {
        let live = self.shared.live.load_full();
        let ask = check_ask(&live, caller, &request)?;
        let limits = of_failed_check(&live, caller.tenant.tag, request.client.ip);
        let checked = match self.shared.store.check_within(&ask, &limits).await {
            Ok(CheckedWithin::Checked(checked)) => checked,
            Ok(CheckedWithin::Withheld { limits, now_ms }) => {
                let until_ms = last_denied(&limits).map_or(now_ms, |denied| denied.available_at_ms);
                return Err(limited("address_limit", until_ms, now_ms));
            }
            Err(error) => return Err(self.store_error("check", &error)),
        };
        self.checked(caller, &request, checked.answer);
        if let (CheckAnswer::Approved, Some(record)) = (checked.answer, &checked.record) {
            let feedback = &self.dispatcher.feedback;
            feedback.used(&self.shared, (request.id.0, record));
        }
        let view = self.answer(&live, caller, (&request, checked))?;
        if let Some(method) = view.method {
            Box::pin(self.typed_back(caller, &view, method)).await?;
        }
        Ok(view)
    }

    /// A code addressed to a subject's method was right: what it proves is written
    /// before the answer; that it was used can wait.
    async fn typed_back(
        &self,
        caller: &Caller,
        view: &VerificationView,
        method: MethodId,
    ) -> Answer<()> {
        let Some(subject) = view.subject.clone() else {
            return Ok(());
        };
        let (tenant, proof) = (Arc::clone(&caller.tenant), view.id.0);
        let (keeper, purpose) = (Arc::clone(&self.keeper), view.purpose.clone());
        let actor = Actor::Tenant {
            key: caller.key_id.to_string(),
        };
        let writes = [CONFIRM_METHOD, NUMBER_CHANGE].contains(&view.purpose.as_str());
        let noted = self.dispatcher.spawn(async move {
            let of = (method, purpose.as_str());
            let proved = keeper.proved((&tenant, &subject), of, (proof, actor));
            proved.await.map(drop)
        });
        if writes {
            // Whoever hangs up now has proved it all the same.
            return noted.await.map_err(|_| OVERLOADED)?;
        }
        Ok(())
    }

    fn checked(&self, caller: &Caller, request: &CheckRequest, answer: CheckAnswer) {
        self.watch(caller, answer);
        let name = request.id.to_string();
        events::Checked {
            tenant: &caller.tenant.name,
            verification: &name,
            result: result_word(answer),
            checks_remaining: match answer {
                CheckAnswer::Mismatch { checks_remaining } => Some(checks_remaining),
                CheckAnswer::Approved
                | CheckAnswer::NotPending { .. }
                | CheckAnswer::TooManyFailures { .. }
                | CheckAnswer::UnknownKey
                | CheckAnswer::KeyReused
                | CheckAnswer::NotFound => None,
            },
        }
        .emit(&self.shared.metrics);
    }
}

impl Service {
    /// Raises the alarms that a person should look at.
    fn watch(&self, caller: &Caller, answer: CheckAnswer) {
        let tenant = &caller.tenant;
        let has_failed = match answer {
            CheckAnswer::Approved => false,
            CheckAnswer::Mismatch { .. } => true,
            CheckAnswer::TooManyFailures { available_at_ms } => {
                if available_at_ms.is_none() {
                    events::ChecksStopped {
                        tenant: &tenant.name,
                    }
                    .emit(&self.shared.metrics);
                }
                return;
            }
            CheckAnswer::NotPending { .. }
            | CheckAnswer::UnknownKey
            | CheckAnswer::KeyReused
            | CheckAnswer::NotFound => return,
        };
        if let Some(ratio) = tenant.checks.note(has_failed, self.shared.store_now_ms()) {
            events::ManyChecksFail {
                tenant: &tenant.name,
                ratio,
            }
            .emit(&self.shared.metrics);
        }
    }
}

impl Service {
    fn answer(
        &self,
        live: &Live,
        caller: &Caller,
        (request, checked): (&CheckRequest, Checked),
    ) -> Answer<VerificationView> {
        match checked.answer {
            CheckAnswer::Approved => {
                let record = checked.record.ok_or(ServiceError::NotFound)?;
                let details = render::open(live, request.id.0, &record)?;
                let found = Found {
                    id: request.id.0,
                    record,
                    now_ms: checked.now_ms,
                };
                self.count_approval(live, &found, &details);
                let context = Context {
                    live,
                    tenant: &caller.tenant,
                    now_ms: found.now_ms,
                };
                render::verification(context, found.id, &found.record, &details, None)
            }
            CheckAnswer::Mismatch { checks_remaining } => {
                Err(ServiceError::CodeMismatch { checks_remaining })
            }
            CheckAnswer::NotPending { status } => Err(ServiceError::NotPending { status }),
            CheckAnswer::TooManyFailures { available_at_ms } => Err(ServiceError::Limited {
                code: "too_many_failures",
                available_at_ms,
                now_ms: checked.now_ms,
                alternatives: Vec::new(),
            }),
            CheckAnswer::UnknownKey => Err(ServiceError::Unavailable {
                code: "unknown_key",
                retry_after_s: 5,
            }),
            CheckAnswer::KeyReused => Err(ServiceError::IdempotencyKeyReused),
            CheckAnswer::NotFound => Err(ServiceError::NotFound),
        }
    }
}

fn check_ask(live: &Live, caller: &Caller, request: &CheckRequest) -> Answer<Check> {
    // What cannot be a code is not evaluated: it costs no guess and tells nothing.
    let code = Code::parse(&request.code).ok_or(ServiceError::Invalid {
        code: "invalid_code",
        field: "code",
        detail: "a code has 4 to 10 digits",
        alternatives: Vec::new(),
    })?;
    let (id, tenant) = (request.id.0, caller.tenant.tag);
    let bind = bind_bytes(request.bind.as_ref());
    let operation = match &request.idempotency {
        Some(IdempotencyKey { key, content }) => {
            let scope: [&[u8]; 4] = [&tenant.0, b"check", &id.random, key.as_bytes()];
            live.ring.index().operation(&scope, content)
        }
        None => OperationId(random()),
    };
    Ok(Check {
        id,
        tenant,
        operation,
        client: client_class(request.client),
        digests: live
            .ring
            .all()
            .iter()
            .map(|key| key.digest(id, code.expose(), &bind))
            .collect(),
    })
}

fn result_word(answer: CheckAnswer) -> &'static str {
    match answer {
        CheckAnswer::Approved => "approved",
        CheckAnswer::Mismatch { .. } => "code_mismatch",
        CheckAnswer::NotPending { status } => status.as_str(),
        CheckAnswer::TooManyFailures { .. } => "too_many_failures",
        CheckAnswer::UnknownKey => "unknown_key",
        CheckAnswer::KeyReused => "idempotency_key_reused",
        CheckAnswer::NotFound => "not_found",
    }
}
