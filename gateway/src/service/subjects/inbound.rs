//! What people write back to the tenant's numbers: STOP and START.

use super::view::InboundEffect;
use crate::service::error::ServiceError;
use crate::service::{Answer, Service};
use crate::tenants::Caller;

impl Service {
    /// Notes what a message to the tenant's numbers asks for.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: nothing is noted.
    pub async fn inbound(&self, caller: &Caller, from: &str, text: &str) -> Answer<InboundEffect> {
        let _ = (caller, from, text);
        Err(ServiceError::NotFound)
    }
}
