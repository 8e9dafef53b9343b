//! What the tower stack around a provider costs: the same provider, which takes
//! everything at once within the process, called bare and through its stack.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use http::Uri;
use tokio::runtime::Runtime;
use tokio::time::Instant;
use tower::{ServiceExt, service_fn};
use watchword::stack::breaker::{BreakerPolicy, BreakerState};
use watchword::stack::pace::{Pace, Sharing};
use watchword::stack::{Patience, ProviderStack, StackEvents, StackSettings};
use watchword_providers::webhook::{WebhookProvider, WebhookSettings};
use watchword_providers::{
    Channel, Clock, Message, PhoneNumber, ProviderService, Receipts, SubmitError, Submitted,
};

/// Above what one caller can use.
const RATE_PER_S: f64 = 1e6;

struct Nobody;

impl StackEvents for Nobody {
    fn breaker_changed(&self, _provider: &str, _channel: Channel, _state: BreakerState) {}
    fn credentials_refused(&self, _provider: &str) {}
    fn sharing_changed(&self, _provider: &str, _sharing: Sharing) {}
}

fn instant_provider() -> ProviderService {
    let taken =
        |_message: Arc<Message>| ready(Ok::<_, SubmitError>(Submitted { message_id: None }));
    ProviderService::new(service_fn(taken))
}

fn stack(pace: Option<Arc<Pace>>) -> ProviderStack {
    let pure_half = WebhookSettings {
        url: Uri::from_static("https://sms.example.com/send"),
        secrets: vec!["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()],
        channels: vec![Channel::Sms],
        receipts: Receipts::None,
        sender: None,
    };
    let pure_half =
        WebhookProvider::new(pure_half, Clock::system()).expect("the settings are usable");
    let settings = StackSettings {
        concurrency_max: 256,
        attempt_timeout: Duration::from_secs(2),
        silence: None,
        receipts_act: true,
        feedback: None,
        pace,
        breaker: BreakerPolicy::default(),
    };
    ProviderStack::new(
        ("hook-a".into(), Arc::new(pure_half), instant_provider()),
        &settings,
        Arc::new(Nobody),
    )
}

fn message() -> Arc<Message> {
    Arc::new(Message {
        reference: "ref_1".into(),
        tenant: "acme".into(),
        to: PhoneNumber::from_e164("+14155550123", 1).expect("it is E.164"),
        channel: Channel::Sms,
        text: "428519 is your Acme code.".into(),
        speech: None,
        call: None,
        call_url: None,
        sender: None,
        locale: "en".into(),
        expires_at_ms: u64::MAX,
        validity_period: Duration::from_secs(540),
        receipt_url: None,
    })
}

async fn submit(stack: &ProviderStack, message: &Arc<Message>) -> Result<Submitted, SubmitError> {
    let patience = Patience::WaitUntil(Instant::now() + Duration::from_secs(1));
    let ready = stack.ready(patience).await?;
    ready.submit(Arc::clone(message).into()).await
}

fn bench(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime can be made");
    let _inside = runtime.enter();
    let message = message();
    let mut group = criterion.benchmark_group("stack");
    group.bench_function("bare", |bencher| {
        let provider = instant_provider();
        bencher.iter(|| runtime.block_on(provider.clone().oneshot(Arc::clone(&message))));
    });
    for (name, pace) in [
        ("whole", None),
        ("whole_with_a_rate", Some(Arc::new(Pace::own(RATE_PER_S)))),
    ] {
        let stack = stack(pace);
        assert!(runtime.block_on(submit(&stack, &message)).is_ok());
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(submit(&stack, &message)));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = bench
}
criterion_main!(benches);
