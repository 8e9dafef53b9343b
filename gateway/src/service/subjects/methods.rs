//! The numbers of a subject: listed, added, proved, ordered, removed.

use super::request::{AddMethodRequest, CheckRequestParts, EvidenceItem};
use super::view::{MethodView, MethodsView, SubjectView};
use crate::service::error::ServiceError;
use crate::service::view::VerificationView;
use crate::service::{Answer, Service};
use crate::subjects::model::MethodId;
use crate::tenants::Asker;

impl Service {
    /// All there is to show of a subject.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`] if nothing is kept of it.
    pub async fn subject(&self, asker: &Asker, subject: &str) -> Answer<SubjectView> {
        self.asked(asker)?;
        Err(ServiceError::NotFound)
    }

    /// The methods of a subject; of an unknown one, none.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unavailable`].
    pub async fn methods(&self, asker: &Asker, subject: &str) -> Answer<MethodsView> {
        self.asked(asker)?;
        Err(ServiceError::NotFound)
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
        self.asked(asker)?;
        drop(request);
        Err(ServiceError::NotFound)
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
        (method, check): (MethodId, CheckRequestParts),
    ) -> Answer<MethodView> {
        self.asked(asker)?;
        drop((method, check));
        Err(ServiceError::NotFound)
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
        self.asked(asker)?;
        drop((method, fallback_order));
        Err(ServiceError::NotFound)
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
        self.asked(asker)?;
        drop((method, evidence));
        Err(ServiceError::NotFound)
    }
}
