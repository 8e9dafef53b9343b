//! The client wrapped into the service that dispatch calls.

use tower::ServiceExt as _;

use super::*;
use crate::transcripts::{message, webhook};
use crate::{
    Callback, Capabilities, Channel, DeliveryReceipt, Extension, MessageId, ReceiptError, Receipts,
    RequestError,
};

async fn submit(url: &str) -> Result<Submitted, SubmitError> {
    let provider = HttpProvider::new("hook-a", Arc::new(webhook(url)), client());
    provider.oneshot(Arc::new(message())).await
}

#[tokio::test]
async fn an_answer_is_classified_by_the_provider() {
    let (url, served) = answer_once(with_body(br#"{"message_id":"m-1"}"#)).await;
    let message_id = MessageId::new("m-1");
    assert_eq!(submit(&url).await, Ok(Submitted { message_id }));
    let request = served.await.unwrap().unwrap();
    assert!(request.contains("webhook-signature: v1,"), "{request}");
}

#[tokio::test]
async fn a_failure_is_unreachable_or_unknown() {
    let (url, _served) = answer_once("").await;
    assert_eq!(submit(&url).await, Err(SubmitError::Unknown { code: None }));
    let (listener, url) = listen().await;
    drop(listener);
    assert_eq!(submit(&url).await, Err(SubmitError::Unreachable));
}

#[tokio::test]
async fn a_message_that_does_not_fit_is_refused_for_this_provider_only() {
    let (listener, url) = listen().await;
    let provider = HttpProvider::new("hook-a", Arc::new(webhook(&url)), client());
    let mut message = message();
    message.text = "x".repeat(2000).into();
    message.channel = Channel::Sms;
    let refused = SubmitError::Refused {
        scope: RefusalScope::Provider,
        code: None,
    };
    assert_eq!(provider.oneshot(Arc::new(message)).await, Err(refused));
    let accepted = futures_util::FutureExt::now_or_never(listener.accept());
    assert!(accepted.is_none(), "it was called all the same");
}

/// Its calls say everything to whoever answers the number itself.
struct NoKeys(Capabilities);

impl Provider for NoKeys {
    fn capabilities(&self) -> &Capabilities {
        &self.0
    }

    fn request(&self, _message: &Message) -> Result<Request<Bytes>, RequestError> {
        panic!("the switchboard would hear the code");
    }

    fn classify(&self, _response: &Response) -> Result<Submitted, SubmitError> {
        Err(SubmitError::Unknown { code: None })
    }

    fn receipts(&self, _callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        Err(ReceiptError::NotExpected)
    }
}

#[tokio::test]
async fn what_cannot_dial_an_extension_is_not_asked_to() {
    let provider = NoKeys(Capabilities::new(&[Channel::Voice], Receipts::None));
    let provider = HttpProvider::new("no-keys", Arc::new(provider), client());
    let mut message = message();
    message.channel = Channel::Voice;
    message.extension = Extension::parse("42");
    let refused = SubmitError::Refused {
        scope: RefusalScope::Provider,
        code: ProviderCode::new("extension"),
    };
    assert_eq!(provider.oneshot(Arc::new(message)).await, Err(refused));
}
