//! The way back in for who has none of their numbers: recoveries, recovery codes
//! and bypass codes.

use super::request::EvidenceItem;
use super::view::{RecoveryView, ShownOnce};
use crate::service::error::ServiceError;
use crate::service::{Answer, Service};
use crate::tenants::Asker;

impl Service {
    /// Opens a recovery: the right to enrol a number, as good as its evidence.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: none is open that was not before.
    pub async fn open_recovery(
        &self,
        asker: &Asker,
        subject: &str,
        evidence: Vec<EvidenceItem>,
    ) -> Answer<RecoveryView> {
        self.asked(asker)?;
        drop(evidence);
        Err(ServiceError::NotFound)
    }

    /// Draws a recovery code, shown in this answer only; an earlier one is void.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: the earlier one stays.
    pub async fn new_recovery_code(
        &self,
        asker: &Asker,
        subject: &str,
        evidence: Vec<EvidenceItem>,
    ) -> Answer<ShownOnce> {
        self.asked(asker)?;
        drop(evidence);
        Err(ServiceError::NotFound)
    }

    /// Whether what was typed is the live bypass code; one that works once is
    /// used up. The answer says whether it was such a one.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Refused`] with `code_mismatch`: a try was counted.
    pub async fn check_bypass_code(
        &self,
        asker: &Asker,
        subject: &str,
        code: zeroize::Zeroizing<String>,
    ) -> Answer<bool> {
        self.asked(asker)?;
        drop(code);
        Err(ServiceError::NotFound)
    }
}
