//! AWS's exceptions over a real connection, its events by way of SNS, its settings.

use super::errors::EVENTS;
use super::*;
use crate::kind::{Value, Values};
use crate::rows::{Answer as Played, PlayedServer};
use crate::signature::sns_tests::{SNS, TOPIC_ARN};
use crate::transcripts::{self, NOW_MS, outcome_words, verdict_words};
use crate::{MessageId, ReceiptStatus};

fn values() -> Values {
    Values::default()
        .with("region", Value::Text("eu-west-1".into()))
        .with("access_key_id", Value::Text("AKIDEXAMPLE".into()))
        .with("secret_access_key", Value::Secret("secret".into()))
        .with("pool", Value::Text("pool-1".into()))
        .with("caller", Value::Text("phone-1".into()))
        .with("configuration_set", Value::Text("codes".into()))
        .with("topic_arn", Value::Text(TOPIC_ARN.into()))
}

fn made(values: &Values, receipts: Receipts) -> Result<AwsProvider, ConnectError> {
    transcripts::given(values, KIND.channels, receipts, AwsProvider::new)
}

fn provider(change: impl FnOnce(Values) -> Values) -> AwsProvider {
    made(&change(values()), Receipts::MessageId).unwrap()
}

#[test]
fn the_transcripts_play() {
    transcripts::play("aws", &provider(|values| values), |_, _| HeaderMap::new());
}

#[tokio::test]
async fn every_row_of_the_table_is_understood_over_a_connection() {
    let rows: Vec<_> = ERRORS
        .0
        .iter()
        .flat_map(|(verdict, names)| names.iter().map(move |name| (*verdict, *name)))
        .collect();
    assert!(rows.len() > 40);
    let answers = rows.iter().map(|(_, name)| {
        let is_type = name.chars().any(|character| character.is_ascii_lowercase());
        let body = if is_type {
            format!(r#"{{"__type":"com.amazonaws#{name}","Message":"text"}}"#)
        } else {
            format!(r#"{{"__type":"NoSuchException","Reason":"{name}"}}"#)
        };
        Played::json(400, body)
    });
    let server = PlayedServer::start(answers.collect()).await;
    let base_url = server.base_url.clone();
    let provider = Arc::new(provider(|values| {
        values.with("base_url", Value::Url(base_url))
    }));
    let message = transcripts::message();
    let (outcomes, requests) = server.submit_all(provider, message, rows.len()).await;
    for ((verdict, name), outcome) in rows.iter().zip(&outcomes) {
        assert_eq!(outcome_words(outcome), verdict_words(*verdict, name));
    }
    assert!(requests[0].starts_with("POST / HTTP/1.1\r\n"));
    assert_eq!(requests[0].matches("\r\nhost: ").count(), 1);
}

/// Takes a callback as the gateway does, with SNS's certificate where it is asked for.
fn receive(provider: &AwsProvider, body: &[u8]) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
    let headers = HeaderMap::new();
    let callback = Callback {
        method: &Method::POST,
        url: "https://otp.example.com/v1/receipts/aws",
        headers: &headers,
        body,
        now_ms: NOW_MS,
    };
    match provider.receipts(&callback) {
        Err(ReceiptError::Unfetched) => {}
        other => return other,
    }
    let url = provider.document(&callback).unwrap();
    assert_eq!(url.host(), Some("sns.eu-west-1.amazonaws.com"));
    provider.receipts_by(&callback, SNS.certificate_pem.as_bytes())
}

#[test]
fn every_event_means_what_its_row_says() {
    let provider = provider(|values| values);
    for (name, status) in EVENTS {
        let event = format!(
            r#"{{"eventType":"{name}","eventVersion":"1.0","eventTimestamp":1700000004000,
            "isFinal":true,"messageId":"f6a1c3d2-9b54","messageStatus":"X"}}"#
        );
        let receipts = receive(&provider, &SNS.notification(&event)).unwrap();
        let expected = DeliveryReceipt {
            message_id: MessageId::new("f6a1c3d2-9b54"),
            status,
            code: ProviderCode::new(name),
            at_ms: Some(1_700_000_004_000),
            is_final_for_number: name == "TEXT_INVALID",
        };
        assert_eq!(receipts, [expected], "{name}");
    }
    let final_events = EVENTS
        .iter()
        .filter(|(_, status)| *status == ReceiptStatus::Delivered);
    assert_eq!(final_events.count(), 2);
}

#[test]
fn what_is_no_event_changes_nothing() {
    let provider = provider(|values| values);
    for message in [
        "",
        "[]",
        "{}",
        r#"{"eventType":"TEXT_LEVITATING","messageId":"a"}"#,
        r#"{"eventType":"TEXT_DELIVERED"}"#,
    ] {
        let refused = receive(&provider, &SNS.notification(message));
        assert_eq!(refused, Err(ReceiptError::Malformed), "{message}");
    }
    assert_eq!(receive(&provider, b"{}"), Err(ReceiptError::Malformed));
    let mut forged = SNS.notification("{}");
    let position = forged.iter().position(|byte| *byte == b'2').unwrap();
    forged[position] ^= 1;
    assert_eq!(receive(&provider, &forged), Err(ReceiptError::Signature));
}

#[test]
fn the_topic_s_subscription_is_confirmed_and_no_other() {
    let provider = provider(|values| values);
    let headers = HeaderMap::new();
    let confirm = |body: &[u8]| {
        let callback = Callback {
            method: &Method::POST,
            url: "https://otp.example.com/v1/receipts/aws",
            headers: &headers,
            body,
            now_ms: NOW_MS,
        };
        provider.confirmation(&callback, SNS.certificate_pem.as_bytes())
    };
    let body = SNS.subscription();
    assert_eq!(receive(&provider, &body), Ok(Vec::new()));
    let url = confirm(&body).unwrap();
    assert_eq!(url.host(), Some("sns.eu-west-1.amazonaws.com"));
    assert!(confirm(&SNS.notification("{}")).is_none());
    let other = String::from_utf8(body)
        .unwrap()
        .replace(":watchword", ":another");
    assert!(confirm(other.as_bytes()).is_none());
}

/// Another way to SNS is no other SNS.
#[test]
fn sns_is_reached_where_the_operator_says_and_named_as_ever() {
    let endpoint = Value::Url(Uri::from_static("https://vpce-1.example:8443"));
    let provider = provider(|values| values.with("sns_url", endpoint));
    let asked = |body: &[u8]| {
        let callback = Callback {
            method: &Method::POST,
            url: "https://otp.example.com/v1/receipts/aws",
            headers: &HeaderMap::new(),
            body,
            now_ms: NOW_MS,
        };
        let certificate = SNS.certificate_pem.as_bytes();
        let both = [
            provider.document(&callback),
            provider.confirmation(&callback, certificate),
        ];
        both.map(|url| url.map(|url| url.to_string()))
    };
    let body = SNS.subscription();
    let [certificate, confirmation] = asked(&body);
    let at = "https://vpce-1.example:8443/";
    let name = "SimpleNotificationService-9c6465fa7f48f5ca.pem";
    assert_eq!(certificate, Some(format!("{at}{name}")));
    let query = "?Action=ConfirmSubscription&Token=abc";
    assert_eq!(confirmation, Some(format!("{at}{query}")));

    let there = String::from_utf8(body).unwrap().replace(
        &format!("https://sns.eu-west-1.amazonaws.com/{name}"),
        &format!("{at}{name}"),
    );
    assert_eq!(asked(there.as_bytes())[0], None);
}

#[test]
fn use_is_reported_where_it_is_turned_on() {
    let id = ProviderCode::new("f6a1c3d2-9b54").unwrap();
    let feedback = |provider: &AwsProvider, was_used| {
        provider.feedback(&Feedback {
            message_id: &id,
            channel: Channel::Sms,
            was_used,
            at_ms: NOW_MS,
        })
    };
    assert!(feedback(&provider(|values| values), true).is_none());
    let on = provider(|values| values.with("feedback", Value::Flag(true)));
    for (was_used, status) in [(true, "RECEIVED"), (false, "FAILED")] {
        let request = feedback(&on, was_used).unwrap();
        let target = &request.headers()["x-amz-target"];
        assert_eq!(target, "PinpointSMSVoiceV2.PutMessageFeedback");
        let expected =
            format!(r#"{{"MessageId":"f6a1c3d2-9b54","MessageFeedbackStatus":"{status}"}}"#);
        assert_eq!(request.body(), &expected);
    }
    let request = on.request(&transcripts::message()).unwrap();
    let sent: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(sent["MessageFeedbackEnabled"], true);
}

#[test]
fn settings_that_cannot_work_are_named() {
    let refused = |values: Values, receipts| {
        let error = made(&values, receipts).err().unwrap().to_string();
        error.split(':').next().unwrap().to_owned()
    };
    let mut without_topic = Values::default();
    for key in ["region", "access_key_id", "caller"] {
        without_topic.set(key, Value::Text("eu-west-1".into()));
    }
    without_topic.set("secret_access_key", Value::Secret("secret".into()));
    assert_eq!(
        refused(without_topic.clone(), Receipts::MessageId),
        "topic_arn"
    );
    assert!(made(&without_topic, Receipts::None).is_ok());
    let both = values().with("sender", Value::Text("ACME".into()));
    assert_eq!(refused(both, Receipts::MessageId), "pool");
    for url in [
        "http://127.0.0.1:1/",
        "https://u:p@a.example/",
        "https://a.example/path",
    ] {
        let elsewhere = Value::Url(Uri::from_static(url));
        let with_url = values().with("sns_url", elsewhere);
        assert_eq!(refused(with_url, Receipts::MessageId), "sns_url", "{url}");
    }
    let path = Value::Url(Uri::from_static("http://127.0.0.1:1/path"));
    let with_path = values().with("base_url", path);
    assert_eq!(refused(with_path, Receipts::MessageId), "base_url");
    assert!(topic_arn("arn:aws:sqs:eu-west-1:1:x").is_err());
}
