//! The main job, whichever face asks for it: start, resend, check, cancel,
//! outcome, send-only, lookup, explain. Takes a request's fields, answers views.

pub(crate) mod aim;
mod check;
mod conversions;
pub mod error;
pub(crate) mod fields;
mod limits;
mod numbers;
mod read;
mod refusals;
mod render;
pub mod request;
mod routes;
mod send;
mod send_only;
mod start;
pub mod subjects;
pub mod view;

use std::sync::Arc;

pub use error::ServiceError;
pub use request::{
    Bind, CheckRequest, Client, DeliverRequest, ExplainRequest, IdempotencyKey, ResendRequest,
    StartRequest,
};

use crate::dispatch::Dispatcher;
use crate::live::Shared;
use crate::store::StoreError;
use crate::subjects::keeper::Keeper;

/// What every call answers.
pub(crate) type Answer<T> = Result<T, ServiceError>;

/// The main job. One for the process.
pub struct Service {
    shared: Shared,
    dispatcher: Arc<Dispatcher>,
    /// Subjects and their numbers.
    keeper: Arc<Keeper>,
}

impl Service {
    pub fn new(shared: Shared, dispatcher: Arc<Dispatcher>) -> Self {
        let keeper = Arc::new(Keeper::new(shared.clone(), Arc::clone(&dispatcher)));
        Self {
            shared,
            dispatcher,
            keeper,
        }
    }

    /// Who keeps the subjects.
    pub fn keeper(&self) -> &Arc<Keeper> {
        &self.keeper
    }

    fn store_error(&self, step: &'static str, error: &StoreError) -> ServiceError {
        self.shared.store_failed(step, error);
        unavailable(error)
    }
}

/// What a caller is told when the store did not do what was asked.
pub(crate) fn unavailable(error: &StoreError) -> ServiceError {
    let (code, retry_after_s) = match error {
        StoreError::Unavailable { .. } | StoreError::ClockSkew { .. } => ("store_unavailable", 1),
        StoreError::OutcomeUnknown { .. } => ("store_outcome_unknown", 1),
        StoreError::Full => ("store_full", 5),
        StoreError::UnknownFormat => ("unknown_format", 5),
        StoreError::Damaged { .. } => ("record_damaged", 5),
    };
    ServiceError::Unavailable {
        code,
        retry_after_s,
    }
}

pub(crate) const OVERLOADED: ServiceError = ServiceError::Unavailable {
    code: "overloaded",
    retry_after_s: 1,
};

#[cfg(test)]
mod tests;
