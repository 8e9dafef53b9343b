//! Who of Entra may ask, for which tenant: the configured directories, and the
//! way from a bearer token to one of them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::jwe::DecryptionKeys;
use super::jwks::{KeyMissing, SigningKeys};
use super::token::{self, TokenRefusal, TokenRules};
use crate::live::Shared;
use crate::server::Shutdown;
use crate::tenants::Tenant;

/// An Entra directory whose codes are sent for a tenant.
#[derive(Debug)]
pub struct EntraDirectory {
    pub tenant: Arc<Tenant>,
    pub rules: TokenRules,
    pub signing_keys: Arc<SigningKeys>,
    pub decryption_keys: Arc<DecryptionKeys>,
    /// From a request's head to its answer.
    pub budget: Duration,
    /// How long a message is worth sending whose request says nothing.
    pub validity_s: u32,
}

/// All of them; no issuer belongs to two.
#[derive(Debug, Default)]
pub struct Directories(Vec<Arc<EntraDirectory>>);

impl Directories {
    pub fn new(directories: Vec<Arc<EntraDirectory>>) -> Self {
        Self(directories)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<EntraDirectory>> {
        self.0.iter()
    }

    /// Whom a bearer token lets in.
    ///
    /// # Errors
    ///
    /// [`TokenRefusal`], after half a second at the latest: an issuer may have to
    /// be asked for a new key.
    pub async fn admit(
        &self,
        bearer: Option<&str>,
        now_s: u64,
    ) -> Result<Arc<EntraDirectory>, TokenRefusal> {
        if self.0.is_empty() {
            return Err(TokenRefusal::Unconfigured);
        }
        let presented = token::read(bearer.ok_or(TokenRefusal::Missing)?)?;
        let mut directories = self.0.iter();
        let directory = directories
            .find(|directory| directory.rules.issuers.contains(&presented.issuer))
            .ok_or(TokenRefusal::Issuer)?;
        let key = directory.signing_keys.key(&presented.key_id).await;
        let key = key.map_err(|missing| match missing {
            KeyMissing::Unknown => TokenRefusal::UnknownKey,
            KeyMissing::Unavailable => TokenRefusal::KeysUnavailable,
        })?;
        presented.verify(&directory.rules, &key, now_s)?;
        Ok(Arc::clone(directory))
    }
}

/// Signing keys that are due are fetched so soon.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Keeps the signing keys of all directories fresh until the gateway stops.
pub async fn keep(shared: Shared, mut shutdown: Shutdown) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => look(&shared),
            () = shutdown.requested() => return,
        }
    }
}

fn look(shared: &Shared) {
    let live = shared.live.load();
    for directory in live.entra.iter() {
        directory.signing_keys.keep_fresh();
    }
    let ages = live.entra.iter().filter_map(|directory| {
        let (age, _) = directory.signing_keys.state()?;
        Some((directory.rules.directory.as_str(), age))
    });
    shared.metrics.entra_signing_keys(ages);
}
