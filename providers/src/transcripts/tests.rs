//! The transcripts of the kinds that have no tests of their own to play them.

use super::*;

#[test]
fn the_webhook_transcripts_play() {
    let provider = webhook("https://sms.example.com/send?account=7");
    play("webhook", &provider, |secret, body| {
        let secret = if secret.is_empty() {
            WEBHOOK_SECRET
        } else {
            secret
        };
        let keys = WebhookKeys::new(&[Secret::from(secret)]).unwrap();
        let mut headers = HeaderMap::new();
        let id = HeaderValue::from_static("rcp_1");
        keys.sign(&mut headers, id, NOW_MS / 1000, body);
        headers
    });
}

#[test]
fn the_pigeon_transcripts_play() {
    let clock = clock();
    let values = Values::default()
        .with("loft", Value::Text("loft-7".into()))
        .with("secret", Value::Secrets(vec!["coo".into()]))
        .with(
            "base_url",
            Value::Url("https://api.pigeon.example".parse().unwrap()),
        );
    let given = Given {
        id: "pigeon",
        channels: &[Channel::Sms],
        receipts: Receipts::Reference,
        values: &values,
        clock: &clock,
    };
    let Make::Http(make) = crate::pigeon::KIND.make else {
        panic!("it is made of pure functions");
    };
    play("pigeon", &*make(&given).unwrap(), |secret, body| {
        let secret = if secret.is_empty() { "coo" } else { secret };
        let keys = WebhookKeys::new(&[Secret::from(secret)]).unwrap();
        let mut headers = HeaderMap::new();
        let id = HeaderValue::from_static("rcp_1");
        keys.sign(&mut headers, id, NOW_MS / 1000, body);
        headers
    });
}

#[test]
fn the_twilio_transcripts_play() {
    play("twilio", &twilio(), |secret, body| {
        let secret = if secret.is_empty() {
            TWILIO_TOKEN
        } else {
            secret
        };
        let keys = TwilioKeys::new(&[Secret::from(secret)]).unwrap();
        let fields = FormFields::parse(body).unwrap();
        let mut headers = HeaderMap::new();
        let signature = keys.sign(RECEIPT_URL, &fields).parse().unwrap();
        headers.insert("x-twilio-signature", signature);
        headers
    });
}

#[test]
fn the_signature_on_a_webhook_is_over_what_is_sent() {
    let request = webhook("https://sms.example.com/send")
        .request(&message())
        .unwrap();
    let theirs = standardwebhooks::Webhook::new(WEBHOOK_SECRET).unwrap();
    let body = request.body();
    let expected = theirs.sign("att_07c1e0", 1_700_000_000, body).unwrap();
    assert_eq!(request.headers()["webhook-signature"], *expected);
}
