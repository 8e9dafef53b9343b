//! What providers tell, behind the API: the desks of receipts and of calls as one.

use std::sync::Arc;

use async_trait::async_trait;
use watchword_providers::{CallDocument, Callback};

use crate::api::{ReceiptCall, ReceiptSink};
use crate::calls::CallDesk;
use crate::dispatch::Dispatcher;
use crate::live::Shared;
use crate::receipts::{ReceiptDesk, ReceiptRefusal};

/// The desks of receipts and calls behind the API.
pub(super) struct Desk {
    receipts: ReceiptDesk,
    calls: CallDesk,
    shared: Shared,
}

impl Desk {
    pub(super) fn new(shared: &Shared, dispatcher: &Arc<Dispatcher>) -> Self {
        Self {
            receipts: ReceiptDesk::new(shared.clone(), Arc::clone(dispatcher)),
            calls: CallDesk::new(shared.clone(), Arc::clone(dispatcher)),
            shared: shared.clone(),
        }
    }

    fn callback<'a>(&self, call: &'a ReceiptCall) -> Callback<'a> {
        Callback {
            method: &call.method,
            url: &call.url,
            headers: &call.headers,
            body: &call.body,
            now_ms: self.shared.clock.now_ms(),
        }
    }
}

#[async_trait]
impl ReceiptSink for Desk {
    fn admits(&self, provider: &str, reference: Option<&str>) -> Result<(), ReceiptRefusal> {
        self.receipts.admits(provider, reference)
    }

    async fn receive(&self, call: ReceiptCall) -> Result<(), ReceiptRefusal> {
        let callback = self.callback(&call);
        self.receipts
            .receive(&call.provider, call.reference.as_deref(), &callback)
            .await
    }

    fn answer_to(&self, provider: &str) -> &'static str {
        self.receipts.answer_to(provider)
    }

    fn admits_call(&self, provider: &str, reference: &str) -> Result<(), ReceiptRefusal> {
        self.calls.admits(provider, reference)
    }

    async fn answer(&self, call: ReceiptCall) -> Result<CallDocument, ReceiptRefusal> {
        let callback = self.callback(&call);
        let reference = call.reference.as_deref().unwrap_or_default();
        self.calls
            .answer(&call.provider, reference, &callback)
            .await
    }
}
