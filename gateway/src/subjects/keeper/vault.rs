//! The deployment's own record: read, changed and written as a subject's is,
//! under a name that no tenant has.

use tracing::error;

use super::{Keeper, RECORD_VERSION, TRIES};
use crate::keys::random;
use crate::keys::seal::{self, Field, Place, PlaceKind};
use crate::live::Live;
use crate::service::subjects::refusals::refused;
use crate::service::{Answer, OVERLOADED, ServiceError};
use crate::store::subjects::{WriteSubject, Written};
use crate::subjects::model::{SlowHash, SubjectKey};
use crate::subjects::vault::Vault;
use crate::verification::{OperationId, TenantTag};

/// What the vault is called; no tenant's name is empty.
const TENANT: &str = "";
const NAME: &str = "vault";

/// The vault, as it was read.
struct Found {
    vault: Vault,
    revision: u64,
    now_ms: u64,
}

impl Keeper {
    /// The vault and the store's time; an empty one if there is none yet.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unavailable`].
    pub(crate) async fn vault(&self) -> Answer<(Vault, u64)> {
        let live = self.shared.live.load_full();
        let found = self.find_vault(&live).await?;
        Ok((found.vault, found.now_ms))
    }

    /// Reads, decides, writes; again if somebody else wrote in between.
    ///
    /// # Errors
    ///
    /// What `decide` answers: nothing is written then. Or
    /// [`ServiceError::Unavailable`].
    pub(crate) async fn change_vault<T>(
        &self,
        decide: impl Fn(&mut Vault, u64) -> Answer<T> + Send + Sync,
    ) -> Answer<T> {
        for _ in 0..TRIES {
            let live = self.shared.live.load_full();
            let found = self.find_vault(&live).await?;
            let mut vault = found.vault.clone();
            let decided = decide(&mut vault, found.now_ms)?;
            if vault == found.vault {
                return Ok(decided);
            }
            let (tenant, key) = place_of(&live);
            let mut plain = zeroize::Zeroizing::new(vec![RECORD_VERSION]);
            plain.extend(rmp_serde::to_vec(&vault).expect("plain fields can be encoded"));
            let ask = WriteSubject {
                key,
                tenant,
                revision: found.revision,
                operation: OperationId(random()),
                generation: 1,
                sealed: Some(seal::seal(live.ring.newest(), place(tenant, key), &plain)),
                due_at_ms: None,
                ends_codes: false,
                audit: Vec::new(),
                audit_keep: 0,
                events: Vec::new(),
            };
            if self.written(&ask).await? == Written::Written {
                return Ok(decided);
            }
        }
        Err(OVERLOADED)
    }

    /// Notes who the operators are; whoever is gone without the consent of two
    /// is told of loudly, since it cannot be prevented: who owns the
    /// configuration owns the keys.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unavailable`].
    pub(crate) async fn note_operators(&self) -> Answer<()> {
        let operators = self.shared.live.load().tenants.operator_names();
        let missing = self
            .change_vault(|vault, now_ms| {
                vault.see(&operators, now_ms);
                let missing = vault.missing(&operators).into_iter();
                Ok(missing.map(str::to_owned).collect::<Vec<String>>())
            })
            .await?;
        for name in missing {
            error!(
                operator = name,
                "an operator is gone from the configuration, and no two have agreed to it"
            );
        }
        Ok(())
    }

    /// Compares a typed sealed code and uses it up, for one action. Whoever comes
    /// second with the same code finds none.
    ///
    /// # Errors
    ///
    /// `sealed_code_mismatch` once the wrong try is counted;
    /// [`ServiceError::Limited`] without a comparison if there were too many.
    pub(crate) async fn spend_sealed_code(&self, by: &str, typed: &str) -> Answer<()> {
        let (vault, now_ms) = self.vault().await?;
        let admitted = vault.tries.admit(now_ms);
        admitted.map_err(|refusal| refused(refusal, now_ms))?;
        let found: Option<SlowHash> = match vault.sealed {
            Some(hash) if self.is_code(&hash, typed).await? => Some(hash),
            Some(_) | None => None,
        };
        let is_spent = self
            .change_vault(|vault, now_ms| {
                vault
                    .tries
                    .admit(now_ms)
                    .map_err(|refusal| refused(refusal, now_ms))?;
                let is_right = found.is_some() && vault.sealed == found;
                if is_right {
                    vault.use_sealed(by, now_ms);
                } else {
                    vault.wrong_code(by, now_ms);
                }
                Ok(is_right)
            })
            .await?;
        if is_spent {
            error!(operator = by, "the sealed code was used");
            return Ok(());
        }
        Err(ServiceError::refused("sealed_code_mismatch"))
    }

    async fn find_vault(&self, live: &Live) -> Answer<Found> {
        let (tenant, key) = place_of(live);
        let read = self.shared.store.subject(key).await;
        let read = read.map_err(|error| self.store_error("vault", &error))?;
        let now_ms = read.now_ms;
        let Some(stored) = read.stored else {
            return Ok(Found {
                vault: Vault::default(),
                revision: 0,
                now_ms,
            });
        };
        let damaged = || ServiceError::Unavailable {
            code: "record_damaged",
            retry_after_s: 5,
        };
        let plain = seal::open(&live.ring, place(tenant, key), &stored.sealed);
        let plain = plain.map_err(|_| damaged())?;
        let Some((&RECORD_VERSION, record)) = plain.split_first() else {
            return Err(damaged());
        };
        Ok(Found {
            vault: rmp_serde::from_slice(record).map_err(|_| damaged())?,
            revision: stored.revision,
            now_ms,
        })
    }
}

fn place_of(live: &Live) -> (TenantTag, SubjectKey) {
    let index = live.ring.index();
    let tenant = index.tenant(TENANT);
    (tenant, index.subject(tenant, NAME))
}

fn place(tenant: TenantTag, key: SubjectKey) -> Place {
    Place {
        tenant,
        kind: PlaceKind::Subject,
        id: key.0,
        field: Field::Subject,
    }
}
