//! Whether the deployment is ready for the day on which somebody is locked out:
//! operators, the sealed code, drills.

use tracing::warn;

use super::operators::shown_state;
use super::refusals::refused;
use super::view::{ActionView, CheckView, ReadinessView, ShownOnce};
use crate::live::Live;
use crate::service::{Answer, Service};
use crate::subjects::codes;
use crate::subjects::model::ActionId;
use crate::subjects::vault::{RemovalAsk, Vault};
use crate::tenants::{Operator, Scope};

const DAY_MS: u64 = 86_400_000;
/// A way back in that nobody has tried for longer may be none.
const DRILL_AFTER_MS: u64 = 90 * DAY_MS;

impl Service {
    /// What has to be right before recovery can be relied on.
    ///
    /// # Errors
    ///
    /// [`crate::service::ServiceError::Unavailable`].
    pub async fn readiness(&self, _: &Operator) -> Answer<ReadinessView> {
        self.keeper.note_operators().await?;
        let live = self.shared.live.load_full();
        let (vault, now_ms) = self.keeper.vault().await?;
        let operators = live.tenants.operator_names();
        let mut checks = vec![check(
            "operators",
            operators.len() >= 2,
            format!("{} configured, two are needed", operators.len()),
        )];
        checks.push(check(
            "sealed_code",
            operators.len() >= 2 || vault.sealed.is_some(),
            sealed_code(&vault),
        ));
        let is_fresh = now_ms.saturating_sub(vault.last_drill_at_ms) <= DRILL_AFTER_MS;
        checks.push(check(
            "drill",
            vault.last_drill_at_ms > 0 && is_fresh,
            last_drill(&vault, now_ms),
        ));
        checks.push(self.durability());
        checks.push(self.webhooks(&live));
        let missing = vault.missing(&operators);
        let detail = if missing.is_empty() {
            "all that were ever seen are there, or two agreed that they go".to_owned()
        } else {
            format!("gone though no two agreed: {}", missing.join(", "))
        };
        checks.push(check("operators_removed", missing.is_empty(), detail));
        Ok(ReadinessView {
            checks,
            log: vault.log,
        })
    }

    fn durability(&self) -> CheckView {
        use std::sync::atomic::Ordering::Relaxed;
        let is_kept = self.shared.keeps_subjects.load(Relaxed);
        let is_durable = self.shared.is_durable.load(Relaxed);
        let detail = match (is_kept, is_durable) {
            (true, true) => "the store keeps subjects",
            (true, false) => "the store keeps less than store.durability asks",
            (false, _) => "the store forgets: subjects are not served",
        };
        check("durability", is_kept && is_durable, detail.to_owned())
    }

    /// Notices by mail are events: without an endpoint they reach nobody.
    fn webhooks(&self, live: &Live) -> CheckView {
        let callers = live.tenants.callers.values();
        let mut deaf: Vec<&str> = callers
            .filter(|caller| caller.scopes.contains(Scope::Subjects))
            .filter(|caller| !self.shared.lookout.is_watching(caller.tenant.tag))
            .map(|caller| &*caller.tenant.name)
            .collect();
        deaf.sort_unstable();
        deaf.dedup();
        let detail = if deaf.is_empty() {
            "every tenant with subjects has an endpoint".to_owned()
        } else {
            format!("no endpoint, so no notice by mail: {}", deaf.join(", "))
        };
        check("webhooks", deaf.is_empty(), detail)
    }

    /// Notes that the way back in was tried out.
    ///
    /// # Errors
    ///
    /// [`crate::service::ServiceError::Unavailable`].
    pub async fn drill(&self, operator: &Operator, what: &str) -> Answer<()> {
        let drilled = self.keeper.change_vault(|vault, now_ms| {
            vault.drill(&operator.name, what, now_ms);
            Ok(())
        });
        drilled.await
    }

    /// Draws the sealed code, shown in this answer only; an earlier one is void.
    ///
    /// # Errors
    ///
    /// [`crate::service::ServiceError`]: the earlier one stays.
    pub async fn new_sealed_code(&self, operator: &Operator) -> Answer<ShownOnce> {
        let code = codes::draw_sealed();
        let hash = self.keeper.hash_of(&code).await?;
        let sealed = self.keeper.change_vault(|vault, now_ms| {
            vault.seal(hash.clone(), &operator.name, now_ms);
            Ok(now_ms)
        });
        let created_at_ms = sealed.await?;
        warn!(
            operator = &*operator.name,
            "a sealed code was drawn, an earlier one is void"
        );
        Ok(ShownOnce {
            code,
            created_at_ms,
        })
    }

    /// Agrees that an operator leaves the configuration; it takes two.
    ///
    /// # Errors
    ///
    /// [`crate::service::ServiceError::NotFound`] if there is no operator of this name.
    pub async fn remove_operator(&self, operator: &Operator, name: &str) -> Answer<ActionView> {
        self.keeper.note_operators().await?;
        let operators = self.shared.live.load().tenants.operator_names();
        let id = ActionId::draw();
        let removed = self.keeper.change_vault(|vault, now_ms| {
            let ask = RemovalAsk {
                id,
                by: &operator.name,
                operator: name,
            };
            let state = vault.remove(ask, &operators, now_ms);
            state.map_err(|refusal| refused(refusal, now_ms))
        });
        removed.await.map(shown_state)
    }
}

fn check(name: &'static str, is_green: bool, detail: String) -> CheckView {
    CheckView {
        name,
        is_green,
        detail,
    }
}

fn sealed_code(vault: &Vault) -> String {
    match (&vault.sealed, vault.sealed_used_at_ms) {
        (Some(_), _) => "one is kept sealed".to_owned(),
        (None, 0) => "none was ever drawn".to_owned(),
        (None, _) => "the last one was used: draw another".to_owned(),
    }
}

fn last_drill(vault: &Vault, now_ms: u64) -> String {
    if vault.last_drill_at_ms == 0 {
        return "nobody has tried the way back in".to_owned();
    }
    let days = now_ms.saturating_sub(vault.last_drill_at_ms) / DAY_MS;
    format!("tried {days} days ago, 90 at most")
}
