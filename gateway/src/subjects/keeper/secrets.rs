//! Recovery, bypass and sealed codes: compared slowly, on threads of their own,
//! and a few at a time.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::Keeper;
use crate::service::{Answer, OVERLOADED};
use crate::subjects::codes;
use crate::subjects::model::SlowHash;

/// Who waits longer for a free thread is told to come back.
const WAIT_MAX: Duration = Duration::from_secs(2);

impl Keeper {
    /// Whether what was typed is the hashed code.
    ///
    /// # Errors
    ///
    /// [`crate::service::ServiceError::Unavailable`]: nothing was compared.
    pub(crate) async fn is_code(&self, hash: &SlowHash, typed: &str) -> Answer<bool> {
        let (hash, typed) = (hash.clone(), codes::normalise(typed));
        self.slowly(move || codes::verify(&hash, &typed)).await
    }

    /// The hash of a code that was drawn here.
    ///
    /// # Errors
    ///
    /// [`crate::service::ServiceError::Unavailable`].
    pub(crate) async fn hash_of(&self, code: &Zeroizing<String>) -> Answer<SlowHash> {
        let code = codes::normalise(code);
        self.slowly(move || codes::hash(&code)).await
    }

    async fn slowly<T: Send + 'static>(
        &self,
        hashing: impl FnOnce() -> T + Send + 'static,
    ) -> Answer<T> {
        let place = Arc::clone(&self.hashing).acquire_owned();
        let place = tokio::time::timeout(WAIT_MAX, place).await;
        let place = place.map_err(|_| OVERLOADED)?.map_err(|_| OVERLOADED)?;
        let hashed = tokio::task::spawn_blocking(move || {
            let hashed = hashing();
            // Held to the end, whoever has stopped waiting.
            drop(place);
            hashed
        });
        hashed.await.map_err(|_| OVERLOADED)
    }
}
