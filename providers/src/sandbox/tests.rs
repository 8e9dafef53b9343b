//! The sandbox's faults, one at a time.

use http::Method;
use tokio::sync::mpsc;
use tower::ServiceExt as _;

use super::*;
use crate::http_client::{ClientSettings, Tls};
use crate::transcripts::{self, NOW_MS};

struct Network {
    sandbox: Sandbox,
    inbox: Inbox,
    sender: CallbackSender,
    callbacks: mpsc::Receiver<SandboxCallback>,
}

fn network(change: impl FnOnce(&mut SandboxSettings)) -> Network {
    let (sender, callbacks) = mpsc::channel(4);
    let sender = CallbackSender::new(sender);
    let shared = shared(sender.clone());
    let mut settings = SandboxSettings {
        receipts: Receipts::Reference,
        ..SandboxSettings::default()
    };
    change(&mut settings);
    let sandbox = Sandbox::new("sandbox", settings, &Clock::from_fn(|| NOW_MS), &shared).unwrap();
    Network {
        sandbox,
        inbox: shared.inbox,
        sender,
        callbacks,
    }
}

fn shared(sandbox_callbacks: CallbackSender) -> Shared {
    Shared {
        tls: Tls::new(None).unwrap(),
        client: ClientSettings::default(),
        inbox: Inbox::default(),
        sandbox_callbacks,
        seed: 7,
    }
}

impl Network {
    async fn submit(&self) -> Result<Submitted, SubmitError> {
        self.submit_as("acme").await
    }

    async fn submit_as(&self, tenant: &str) -> Result<Submitted, SubmitError> {
        let mut message = transcripts::message();
        message.tenant = tenant.into();
        self.sandbox.clone().oneshot(Arc::new(message)).await
    }

    /// What the gateway makes of the next receipt, if there is one.
    fn next_receipt(&mut self) -> Option<Result<ReceiptStatus, ReceiptError>> {
        let callback = self.callbacks.try_recv().ok()?;
        let receipts = self.sandbox.receipts(&Callback {
            method: &Method::POST,
            url: &callback.url,
            headers: &callback.headers,
            body: &callback.body,
            now_ms: NOW_MS,
        });
        Some(receipts.map(|receipts| receipts[0].status))
    }
}

const SUBMITTED: Result<Submitted, SubmitError> = Ok(Submitted { message_id: None });

#[tokio::test]
async fn a_message_arrives_and_its_receipt_says_so() {
    let mut network = network(|_| {});
    assert_eq!(network.submit().await, SUBMITTED);
    let messages = network.inbox.messages("acme", None);
    assert_eq!(&*messages[0].text, &*transcripts::message().text);
    assert_eq!(network.next_receipt(), Some(Ok(ReceiptStatus::Delivered)));
    assert_eq!(network.next_receipt(), None);
}

#[tokio::test]
async fn a_lost_message_is_submitted_and_nothing_else_happens() {
    let mut network = network(|settings| settings.loss_ratio = 1.0);
    assert_eq!(network.submit().await, SUBMITTED);
    assert!(network.inbox.messages("acme", None).is_empty());
    assert_eq!(network.next_receipt(), None);
}

#[tokio::test]
async fn an_undelivered_message_does_not_arrive_and_its_receipt_says_so() {
    let mut network = network(|settings| settings.undelivered_ratio = 1.0);
    assert_eq!(network.submit().await, SUBMITTED);
    assert!(network.inbox.messages("acme", None).is_empty());
    assert_eq!(network.next_receipt(), Some(Ok(ReceiptStatus::Undelivered)));
}

#[tokio::test]
async fn a_refused_message_does_not_arrive() {
    let network = network(|settings| settings.refusal_ratio = 1.0);
    let refused = SubmitError::Refused {
        scope: RefusalScope::Provider,
        code: ProviderCode::new("sandbox-refused"),
    };
    assert_eq!(network.submit().await, Err(refused));
    assert!(network.inbox.messages("acme", None).is_empty());
}

#[tokio::test]
async fn a_forged_receipt_is_not_believed_and_the_true_one_still_is() {
    let mut network = network(|settings| settings.forged_receipt_ratio = 1.0);
    assert_eq!(network.submit().await, SUBMITTED);
    assert_eq!(network.next_receipt(), Some(Err(ReceiptError::Signature)));
    assert_eq!(network.next_receipt(), Some(Ok(ReceiptStatus::Delivered)));
}

#[tokio::test]
async fn a_duplicate_receipt_says_the_same_twice() {
    let mut network = network(|settings| settings.duplicate_receipt_ratio = 1.0);
    assert_eq!(network.submit().await, SUBMITTED);
    assert_eq!(network.next_receipt(), Some(Ok(ReceiptStatus::Delivered)));
    assert_eq!(network.next_receipt(), Some(Ok(ReceiptStatus::Delivered)));
}

#[tokio::test(start_paused = true)]
async fn a_late_receipt_comes_when_it_is_due() {
    let mut network = network(|settings| settings.late_receipt_ratio = 1.0);
    let before = tokio::time::Instant::now();
    assert_eq!(network.submit().await, SUBMITTED);
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert!(network.callbacks.recv().await.is_some());
    assert!(before.elapsed() >= Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn a_submission_takes_as_long_as_it_is_told_to() {
    let latency = Duration::from_millis(80)..=Duration::from_millis(120);
    let network = network(|settings| settings.latency = latency.clone());
    let mut took = Vec::new();
    for _ in 0..50 {
        let before = tokio::time::Instant::now();
        assert_eq!(network.submit().await, SUBMITTED);
        took.push(before.elapsed());
    }
    // The timer's own grain is 1 ms.
    let range = *latency.start()..=*latency.end() + Duration::from_millis(1);
    assert!(took.iter().all(|took| range.contains(took)), "{took:?}");
    took.dedup();
    assert!(took.len() > 10, "always the same: {took:?}");
}

#[tokio::test]
async fn receipts_beyond_a_full_queue_are_dropped_and_counted() {
    let mut network = network(|_| {});
    for _ in 0..6 {
        assert_eq!(network.submit().await, SUBMITTED);
    }
    assert_eq!(network.sender.dropped_count(), 2);
    network.callbacks.close();
    assert_eq!(network.submit().await, SUBMITTED);
    assert_eq!(network.sender.dropped_count(), 3);
}

#[tokio::test]
async fn without_receipts_none_are_sent_or_expected() {
    let mut network = network(|settings| settings.receipts = Receipts::None);
    assert_eq!(network.submit().await, SUBMITTED);
    assert_eq!(network.next_receipt(), None);
    let headers = http::HeaderMap::new();
    let callback = Callback {
        method: &Method::POST,
        url: "https://otp.example.com/",
        headers: &headers,
        body: b"",
        now_ms: NOW_MS,
    };
    let expected = network.sandbox.receipts(&callback);
    assert_eq!(expected, Err(ReceiptError::NotExpected));
}

#[tokio::test]
async fn an_inbox_is_one_tenants_and_can_be_asked_by_number() {
    let network = network(|_| {});
    network.submit_as("acme").await.unwrap();
    network.submit_as("other").await.unwrap();
    let read = |to| network.inbox.messages("acme", to).len();
    assert_eq!(read(None), 1);
    assert_eq!(read(Some("+14155550123")), 1);
    assert_eq!(read(Some("+14155550124")), 0);
    let shown = format!("{:?}", network.inbox.messages("acme", None));
    assert!(!shown.contains("4155550123"), "{shown}");
    assert!(!shown.contains("428519"), "{shown}");
}

#[tokio::test]
async fn an_inbox_keeps_the_newest_messages_and_the_newest_tenants() {
    let inbox = Inbox::default();
    let provider: Arc<str> = "sandbox".into();
    let mut message = transcripts::message();
    for at_ms in 0..1001 {
        inbox.put(&message, &provider, at_ms);
    }
    let messages = inbox.messages("acme", None);
    assert_eq!(messages.len(), 1000);
    assert_eq!((messages[0].at_ms, messages[999].at_ms), (1000, 1));

    for number in 0..100 {
        message.tenant = format!("tenant-{number}").into();
        inbox.put(&message, &provider, 2000 + number);
    }
    assert!(inbox.messages("acme", None).is_empty(), "the quietest goes");
    assert_eq!(inbox.messages("tenant-0", None).len(), 1);
}

#[test]
fn the_same_seed_draws_the_same_and_ratios_are_kept() {
    let draw = |seed| {
        let chance = Chance::new(seed);
        (0..1000).filter(|_| chance.happens(0.25)).count()
    };
    assert_eq!(draw(1), draw(1));
    for seed in 0..20 {
        let happened = draw(seed);
        assert!((180..320).contains(&happened), "{happened} of 1000");
    }
    let draws = |id| {
        let chance = Chance::of(id, 1);
        (0..100).map(|_| chance.happens(0.5)).collect::<Vec<_>>()
    };
    assert_ne!(draws("sandbox-a"), draws("sandbox-b"));
    let chance = Chance::new(1);
    assert!((0..1000).all(|_| !chance.happens(0.0) && chance.happens(1.0)));
}
