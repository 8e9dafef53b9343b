//! What a provider's pure half costs: building the signed request, and reading
//! the answer. No byte leaves the process.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, StatusCode, Uri};
use watchword_providers::twilio::{TwilioProvider, TwilioSender, TwilioSettings};
use watchword_providers::webhook::{WebhookProvider, WebhookSettings};
use watchword_providers::{Channel, Clock, Message, PhoneNumber, Provider, Receipts, Response};

const NOW_MS: u64 = 1_700_000_000_000;

fn message() -> Message {
    Message {
        reference: "0700000000000000000000000000011a2b3c4d5e6f70819".into(),
        tenant: "acme".into(),
        to: PhoneNumber::from_e164("+14155550123", 1).expect("it is E.164"),
        extension: None,
        channel: Channel::Sms,
        text: "428519 is your Acme code. Do not share it.".into(),
        speech: None,
        call: None,
        call_url: None,
        sender: None,
        locale: "en".into(),
        expires_at_ms: NOW_MS + 600_000,
        validity_period: Duration::from_secs(540),
        receipt_url: Some("https://otp.example.com/v1/receipts/hook-a/ref_1".into()),
    }
}

fn webhook() -> WebhookProvider {
    let settings = WebhookSettings {
        url: Uri::from_static("https://sms.example.com/send"),
        secrets: vec!["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()],
        channels: vec![Channel::Sms],
        receipts: Receipts::Reference,
        sender: Some("ACME".into()),
    };
    WebhookProvider::new(settings, Clock::from_fn(|| NOW_MS)).expect("the settings are usable")
}

fn twilio() -> TwilioProvider {
    let settings = TwilioSettings {
        channels: vec![Channel::Sms, Channel::Voice],
        caller: Some("+15017122661".into()),
        detects_machines: false,
        account_sid: "AC00000000000000000000000000000001".into(),
        auth_tokens: vec!["token".into()],
        api_key: None,
        sender: Some(TwilioSender::From("ACME".into())),
        base_url: Uri::from_static(TwilioSettings::BASE_URL),
        receipts: Receipts::Reference,
        feedback: false,
    };
    TwilioProvider::new(settings, Clock::from_fn(|| NOW_MS)).expect("the settings are usable")
}

fn bench_one(criterion: &mut Criterion, name: &str, provider: &dyn Provider, response: Response) {
    let message = message();
    assert!(provider.request(&message).is_ok());
    assert!(provider.classify(&response).is_ok());
    let mut group = criterion.benchmark_group(format!("providers/{name}"));
    group.bench_function("request", |bencher| {
        bencher.iter(|| provider.request(black_box(&message)));
    });
    group.bench_function("classify", |bencher| {
        bencher.iter(|| provider.classify(black_box(&response)));
    });
    group.finish();
}

fn bench(criterion: &mut Criterion) {
    let answered = |status, body: &'static str| Response {
        status,
        headers: HeaderMap::new(),
        body: Bytes::from_static(body.as_bytes()),
    };
    let taken = answered(StatusCode::OK, r#"{"message_id":"msg_0000000000000001"}"#);
    bench_one(criterion, "webhook", &webhook(), taken);
    let taken = answered(
        StatusCode::CREATED,
        r#"{"sid":"SM00000000000000000000000000000001","status":"queued","error_code":null}"#,
    );
    bench_one(criterion, "twilio", &twilio(), taken);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = bench
}
criterion_main!(benches);
