//! Providers that report by their own message ids: beside the settle, the store
//! is told which attempt such an id names.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use watchword_providers::{MessageId, Submitted};

use super::Dispatcher;
use super::compose::Composed;
use super::walk::Insistence;
use crate::live::Live;
use crate::receipts::{self, MessageKey, ReceiptReference, receipts_by_message_id};
use crate::stack::ProviderStack;
use crate::stack::silence::Reach;
use crate::store::StoreError;

/// A message id and the attempt that it names.
pub(super) struct Binding {
    provider: Arc<str>,
    key: MessageKey,
    target: ReceiptReference,
}

/// How a submitted message's receipts will find their attempt.
pub(super) enum Reports {
    /// The provider knows our name for it, or sends none.
    Otherwise,
    By(Binding),
    /// It gave the message no id, so it has no name to report it by.
    Never,
}

impl Reports {
    pub(super) fn on(
        live: &Live,
        composed: &Composed,
        hop: &ProviderStack,
        (attempt, submitted): (u32, &Submitted),
    ) -> Self {
        if !receipts_by_message_id(&*hop.provider) {
            return Self::Otherwise;
        }
        let binding = |id: &MessageId| Binding {
            provider: Arc::clone(&hop.id),
            key: live.ring.index().message(&hop.id, id),
            target: composed.receipt_reference(attempt),
        };
        let named = submitted.message_id.as_ref().map(binding);
        named.map_or(Self::Never, Self::By)
    }

    /// How long to wait for them before looking again.
    pub(super) fn deadline(&self, hop: &ProviderStack, reach: Reach) -> Option<Duration> {
        let silence = hop.silence.as_ref()?;
        let deadline = silence.submitted(reach, Instant::now());
        match self {
            Self::Otherwise | Self::By(_) => deadline,
            // Silence says nothing about what cannot be reported.
            Self::Never => None,
        }
    }
}

/// Longer than this and the silence will have been acted upon.
const WORTH: Duration = Duration::from_secs(30);

impl Dispatcher {
    /// Tells the store what a message id names, and applies the receipt that
    /// came before. If this node dies first, the receipt deadline stands.
    pub(super) async fn bind(self: &Arc<Self>, reports: Reports) {
        let binding = match reports {
            Reports::By(binding) => binding,
            Reports::Otherwise | Reports::Never => return,
        };
        let mut patience = Insistence::until(Instant::now() + WORTH);
        while let Err(error) = self.bind_once(&binding).await {
            self.shared.store_failed("bind_message", &error);
            if patience.pause().await.is_none() {
                return;
            }
        }
    }

    async fn bind_once(self: &Arc<Self>, binding: &Binding) -> Result<(), StoreError> {
        let (key, target) = (binding.key, &binding.target);
        match self.shared.store.bind_message(key, target).await? {
            Some(receipt) => receipts::apply(self, &binding.provider, target, &receipt).await,
            None => Ok(()),
        }
    }
}
