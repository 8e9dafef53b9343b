//! Signed webhooks: what becomes of a verification and its deliveries is told to
//! the tenant, at least once, whoever dies in between.
//!
//! A record of a tenant with webhooks is *watched* from before it exists. What
//! there is to tell is derived from the record (`story`), written down under
//! the watch's lease, and only then sent: so no change needs a second write, and
//! a send of a tenant without webhooks costs what it always did.
//!
//! What happens to a subject is known in that moment: its event is written,
//! complete, in the step that changes the subject (`ready`).

mod body;
mod courier;
mod endpoint;
mod keep;
mod kind;
mod lookout;
mod ready;
mod replay;
mod story;

pub use courier::{Courier, CourierSettings, Post, PostError, Posted, Poster, carry};
pub use endpoint::{Endpoint, EndpointSettings, RetryWaits};
pub use kind::EventKind;
pub use lookout::{Lookout, Waking, Watching};
pub use ready::subject_event;
pub use replay::{Replay, ReplayError, Replayed, replay};

use std::sync::Arc;

/// How webhooks are kept and sent, from the configuration.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    pub retry_waits: RetryWaits,
}

/// A tenant's endpoints.
pub type Endpoints = Arc<[Arc<Endpoint>]>;

#[cfg(test)]
mod tests;
