//! What operators do about a subject, alone or by two, and what has to be ready
//! for the day on which they must.

use super::request::{BypassRequest, OperatorAsk};
use super::view::{ActionView, AuditView, BypassView, ReadinessView, ShownOnce, SubjectView};
use crate::service::error::ServiceError;
use crate::service::{Answer, Service};
use crate::subjects::model::ActionId;
use crate::tenants::{Asker, Operator};

impl Service {
    /// Does what an operator asks, or keeps it for a second one.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: neither.
    pub async fn operate(
        &self,
        asker: &Asker,
        subject: &str,
        ask: OperatorAsk,
    ) -> Answer<ActionView> {
        self.asked(asker)?;
        drop(ask);
        Err(ServiceError::NotFound)
    }

    /// Draws a bypass code, shown in this answer only.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: there is none that was not before.
    pub async fn issue_bypass_code(
        &self,
        asker: &Asker,
        subject: &str,
        request: BypassRequest,
    ) -> Answer<BypassView> {
        self.asked(asker)?;
        drop(request);
        Err(ServiceError::NotFound)
    }

    /// A second operator approves, or the sealed code stands in for one.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: the action waits on, or has expired.
    pub async fn approve_action(
        &self,
        asker: &Asker,
        subject: &str,
        (action, sealed_code): (ActionId, Option<zeroize::Zeroizing<String>>),
    ) -> Answer<ActionView> {
        self.asked(asker)?;
        drop((action, sealed_code));
        Err(ServiceError::NotFound)
    }

    /// Takes an action back that waits.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`] if it does not wait any more.
    pub async fn withdraw_action(
        &self,
        asker: &Asker,
        subject: &str,
        action: ActionId,
    ) -> Answer<ActionView> {
        self.asked(asker)?;
        let _ = action;
        Err(ServiceError::NotFound)
    }

    /// Stops everything about a subject until an operator unfreezes it.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: it is not frozen.
    pub async fn freeze(&self, asker: &Asker, subject: &str, reason: &str) -> Answer<SubjectView> {
        self.asked(asker)?;
        let _ = reason;
        Err(ServiceError::NotFound)
    }

    /// The audit trail from a position on.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`] if nothing is kept of the subject.
    pub async fn audit(&self, asker: &Asker, subject: &str, from: u32) -> Answer<AuditView> {
        self.asked(asker)?;
        let _ = from;
        Err(ServiceError::NotFound)
    }

    /// What has to be right before recovery can be relied on.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unavailable`].
    pub async fn readiness(&self, operator: &Operator) -> Answer<ReadinessView> {
        let _ = operator;
        Err(ServiceError::NotFound)
    }

    /// Notes that the way back in was tried out.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unavailable`].
    pub async fn drill(&self, operator: &Operator, what: &str) -> Answer<()> {
        let _ = (operator, what);
        Err(ServiceError::NotFound)
    }

    /// Draws the sealed code, shown in this answer only; an earlier one is void.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: the earlier one stays.
    pub async fn new_sealed_code(&self, operator: &Operator) -> Answer<ShownOnce> {
        let _ = operator;
        Err(ServiceError::NotFound)
    }

    /// Agrees that an operator leaves the configuration; it takes two.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`] if there is no operator of this name.
    pub async fn remove_operator(&self, operator: &Operator, name: &str) -> Answer<ActionView> {
        let _ = (operator, name);
        Err(ServiceError::NotFound)
    }
}
