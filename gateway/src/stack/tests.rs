//! Submissions whose time is bounded from outside.

use std::sync::atomic::{AtomicU32, Ordering};

use tower::service_fn;
use watchword_providers::{
    Callback, Capabilities, DeliveryReceipt, PhoneNumber, ReceiptError, Receipts, RequestError,
    Response,
};

use super::*;

/// Dispatch asks only what it can do.
struct Silent(Capabilities);

impl Provider for Silent {
    fn capabilities(&self) -> &Capabilities {
        &self.0
    }

    fn request(&self, _: &Message) -> Result<http::Request<bytes::Bytes>, RequestError> {
        Err(RequestError::Malformed)
    }

    fn classify(&self, _: &Response) -> Result<Submitted, SubmitError> {
        Err(SubmitError::Unreachable)
    }

    fn receipts(&self, _: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        Err(ReceiptError::NotExpected)
    }
}

struct Nobody;

impl StackEvents for Nobody {
    fn breaker_changed(&self, _: &str, _: Channel, _: BreakerState) {}
    fn credentials_refused(&self, _: &str) {}
    fn sharing_changed(&self, _: &str, _: Sharing) {}
}

/// A provider that never answers, and counts what is written to it.
fn hanging(written: &Arc<AtomicU32>) -> ProviderStack {
    let written = Arc::clone(written);
    let service = service_fn(move |_: Arc<Message>| {
        let written = Arc::clone(&written);
        async move {
            written.fetch_add(1, Ordering::Relaxed);
            std::future::pending().await
        }
    });
    let settings = StackSettings {
        concurrency_max: 8,
        attempt_timeout: Duration::from_secs(10),
        silence: None,
        receipts_act: true,
        feedback: None,
        pace: None,
        breaker: BreakerPolicy {
            consecutive_failures: 2,
            ..BreakerPolicy::default()
        },
    };
    let provider = Arc::new(Silent(Capabilities::new(&[Channel::Sms], Receipts::None)));
    let service = BoxCloneSyncService::new(service);
    ProviderStack::new(("p".into(), provider, service), &settings, Arc::new(Nobody))
}

async fn submit(stack: &ProviderStack, cut_off: Instant) -> Result<Submitted, SubmitError> {
    let message = Arc::new(Message {
        reference: "dlv_1-1".into(),
        tenant: "acme".into(),
        to: PhoneNumber::from_e164("+14155550123", 1).unwrap(),
        channel: Channel::Sms,
        text: "Hello".into(),
        speech: None,
        call: None,
        call_url: None,
        sender: None,
        locale: "en".into(),
        expires_at_ms: u64::MAX,
        validity_period: Duration::from_secs(60),
        receipt_url: None,
    });
    let cut_off = Some(cut_off);
    let ready = stack.ready(Patience::Shed).await?;
    ready.submit(Submission { message, cut_off }).await
}

#[tokio::test(start_paused = true)]
async fn what_is_cut_off_is_a_timeout_to_the_breaker_too() {
    let written = Arc::new(AtomicU32::new(0));
    let stack = hanging(&written);
    for attempt in 1..=2 {
        assert_eq!(stack.breaker_state(Channel::Sms), BreakerState::Closed);
        let begun = Instant::now();
        let result = submit(&stack, begun + Duration::from_millis(300)).await;
        assert_eq!(result, Err(SubmitError::Unknown { code: None }));
        assert_eq!(begun.elapsed().as_millis(), 300);
        assert_eq!(written.load(Ordering::Relaxed), attempt);
    }
    assert_eq!(stack.breaker_state(Channel::Sms), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_of_what_is_cut_off_already() {
    let written = Arc::new(AtomicU32::new(0));
    let stack = hanging(&written);
    let result = submit(&stack, Instant::now()).await;
    assert_eq!(result, Err(SubmitError::Unknown { code: None }));
    assert_eq!(written.load(Ordering::Relaxed), 0);
}
