//! What a tenant or an operator asks about a subject: its methods, a change of
//! number, the way back in. Each call is one decision about one record.

mod changes;
mod import;
mod inbound;
mod methods;
pub(super) mod numbers;
mod operators;
mod proof;
mod readiness;
mod recovery;
pub(crate) mod refusals;
pub mod request;
mod shown;
pub mod view;

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::error::ServiceError;
use super::{Answer, OVERLOADED, Service};
use crate::live::Live;
use crate::subjects::model::Actor;
use crate::tenants::{Asker, Tenant};

/// Whose subject it is, and who asks about it.
struct Asked {
    live: Arc<Live>,
    tenant: Arc<Tenant>,
    actor: Actor,
}

/// How often a command that sends is judged anew because the subject has
/// changed meanwhile.
const TRIES: usize = 3;

/// A command that sends, judged anew while its code finds another subject than it
/// was judged by.
async fn settled<'a, T>(once: impl Fn() -> BoxFuture<'a, Answer<T>>) -> Answer<T> {
    for _ in 0..TRIES {
        match once().await {
            Err(error) if error.code() == "method_changed" => {}
            answered => return answered,
        }
    }
    Err(OVERLOADED)
}

impl Asked {
    fn at(&self) -> (&Live, &Tenant) {
        (&self.live, &self.tenant)
    }
}

impl Service {
    /// Finds out whose subject is meant.
    fn asked(&self, asker: &Asker) -> Answer<Asked> {
        let live = self.shared.live.load_full();
        let tenant = asker.tenant(&live.tenants).map(Arc::clone);
        Ok(Asked {
            tenant: tenant.ok_or(ServiceError::NotFound)?,
            actor: asker.actor(),
            live,
        })
    }
}
