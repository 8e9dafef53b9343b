//! The list of providers: settings in, a connected provider out.

use std::sync::Arc;

use crate::sandbox::SandboxSettings;
use crate::twilio::TwilioSettings;
use crate::webhook::WebhookSettings;
use crate::{Provider, ProviderService};

/// What kind of provider it is, with what that kind needs.
#[derive(Clone, Debug)]
pub enum Kind {
    Sandbox(SandboxSettings),
    Webhook(WebhookSettings),
    Twilio(TwilioSettings),
}

/// A provider ready for dispatch.
#[derive(Clone)]
pub struct Connected {
    /// The pure half: capabilities and receipts.
    pub provider: Arc<dyn Provider>,
    /// The half that does I/O.
    pub service: ProviderService,
}
