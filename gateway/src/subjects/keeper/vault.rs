//! The deployment's own record: read, changed and written as a subject's is,
//! under a name that no tenant has.

use tracing::error;

use super::{Keeper, TRIES, record};
use crate::keys::random;
use crate::keys::seal;
use crate::live::Live;
use crate::service::subjects::refusals::refused;
use crate::service::{Answer, OVERLOADED, ServiceError};
use crate::store::subjects::{WriteSubject, Written};
use crate::subjects::model::{Actor, SlowHash, SubjectKey};
use crate::subjects::vault::Vault;
use crate::tenants::Tenant;
use crate::verification::{OperationId, TenantTag};

/// What the vault is called; no tenant's name is empty.
const TENANT: &str = "";
const NAME: &str = "vault";

/// The vault, as it was read.
struct Found {
    vault: Vault,
    revision: u64,
    now_ms: u64,
    /// Sealed under another key than the newest one.
    is_stale: bool,
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
            if vault == found.vault && !found.is_stale {
                return Ok(decided);
            }
            let (tenant, key) = place_of(&live);
            let (newest, place) = (live.ring.newest(), record::place(tenant, key));
            let ask = WriteSubject {
                key,
                tenant,
                revision: found.revision,
                operation: OperationId(random()),
                not_after_ms: None,
                generation: 1,
                sealed: Some(seal::seal(newest, place, &record::written(&vault))),
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

    /// Seals the vault under the newest key, if an older one does.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unavailable`].
    pub(super) async fn seal_vault_anew(&self) -> Answer<()> {
        self.change_vault(|_, _| Ok(())).await
    }

    /// Of an erased subject only this is left: that there was one.
    pub(super) async fn note_erasure(&self, tenant: &Tenant, actor: &Actor) {
        let by = match actor {
            Actor::Operator { name } => format!("operator {name}"),
            // An operator's, whose wait for the sealed code is over.
            Actor::Tenant { .. } | Actor::Person | Actor::System => actor.word().to_owned(),
        };
        let line = format!("{by} erased a subject of tenant {}", tenant.name);
        let noted = self.change_vault(|vault, now_ms| {
            vault.note(now_ms, line.clone());
            Ok(())
        });
        if let Err(error) = noted.await {
            error!(code = error.code(), "an erasure could not be noted: {line}");
        }
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
                is_stale: false,
            });
        };
        Ok(Found {
            vault: record::opened(&live.ring, record::place(tenant, key), &stored.sealed)?,
            revision: stored.revision,
            now_ms,
            is_stale: record::is_sealed_before(&live.ring, &stored),
        })
    }
}

fn place_of(live: &Live) -> (TenantTag, SubjectKey) {
    let index = live.ring.index();
    let tenant = index.tenant(TENANT);
    (tenant, index.subject(tenant, NAME))
}
