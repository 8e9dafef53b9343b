//! Plays SNS with a certificate made for the occasion: AWS publishes no vector,
//! for its keys change.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaEncoding, RsaKeyPair};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::transcripts::NOW_MS;

pub(crate) const TOPIC_ARN: &str = "arn:aws:sns:eu-west-1:123456789012:watchword";
const CERTIFICATE_URL: &str =
    "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5ca.pem";
const SUBSCRIBE_URL: &str =
    "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=abc";

/// SNS, as far as its signature goes.
pub(crate) struct PlayedSns {
    key: rcgen::KeyPair,
    pub(crate) certificate_pem: String,
}

pub(crate) static SNS: LazyLock<PlayedSns> =
    LazyLock::new(|| PlayedSns::named("sns.amazonaws.com"));

impl PlayedSns {
    fn named(name: &str) -> Self {
        let algorithm = &rcgen::PKCS_RSA_SHA256;
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2023, 1, 1);
        params.not_after = rcgen::date_time_ymd(2024, 1, 1);
        let certificate_pem = params.self_signed(&key).unwrap().pem();
        Self {
            key,
            certificate_pem,
        }
    }

    /// The body SNS would post, with a signature by `encoding`.
    pub(crate) fn signed_by(&self, envelope: &mut Value, encoding: &'static dyn RsaEncoding) {
        let body = envelope.to_string();
        let read: SnsEnvelope<'_> = serde_json::from_str(&body).unwrap();
        let text = signed_text(&read).unwrap();
        let pair = RsaKeyPair::from_pkcs8(&self.key.serialize_der()).unwrap();
        let mut signature = vec![0; pair.public_modulus_len()];
        let random = SystemRandom::new();
        pair.sign(encoding, &random, text.as_bytes(), &mut signature)
            .unwrap();
        envelope["Signature"] = STANDARD.encode(signature).into();
    }

    /// A notification of the topic, signed by version 2.
    pub(crate) fn notification(&self, message: &str) -> Vec<u8> {
        let mut envelope = notification(message);
        self.signed_by(&mut envelope, &RSA_PKCS1_SHA256);
        envelope.to_string().into_bytes()
    }

    /// The first thing SNS posts to a new endpoint.
    pub(crate) fn subscription(&self) -> Vec<u8> {
        let mut envelope = notification("You have chosen to subscribe to the topic");
        envelope["Type"] = "SubscriptionConfirmation".into();
        envelope["SubscribeURL"] = SUBSCRIBE_URL.into();
        envelope["Token"] = "2336412f37f".into();
        self.signed_by(&mut envelope, &RSA_PKCS1_SHA256);
        envelope.to_string().into_bytes()
    }
}

fn notification(message: &str) -> Value {
    json!({
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC_ARN,
        "Subject": "a\nsubject",
        "Message": message,
        "Timestamp": "2023-11-14T22:13:20.000Z",
        "SignatureVersion": "2",
        "Signature": "",
        "SigningCertURL": CERTIFICATE_URL,
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
    })
}

fn topic() -> SnsTopic {
    SnsTopic::new(TOPIC_ARN).unwrap()
}

fn verify_at(body: &[u8], pem: &str, now_ms: u64) -> Result<String, ReceiptError> {
    let topic = topic();
    let envelope = topic.read(body)?;
    topic.certificate_url(&envelope)?;
    let content = topic.verify(&envelope, pem.as_bytes(), now_ms)?;
    Ok(format!("{content:?}"))
}

fn verify(body: &[u8]) -> Result<String, ReceiptError> {
    verify_at(body, &SNS.certificate_pem, NOW_MS)
}

/// SHA-1 is signed by nothing we build with any more: this was made by OpenSSL.
const VERSION_1: &str = include_str!("../../../testdata/sns_signature_version_1.json");

#[test]
fn both_versions_of_the_signature_verify() {
    let body = SNS.notification("{}");
    assert_eq!(verify(&body), Ok("Notification(\"{}\")".to_owned()));

    let recorded: Value = serde_json::from_str(VERSION_1).unwrap();
    let pem = recorded["certificate"].as_str().unwrap();
    let mut body = recorded["body"].clone();
    let verified = verify_at(body.to_string().as_bytes(), pem, NOW_MS);
    assert_eq!(verified, Ok("Notification(\"{}\")".to_owned()));
    body["Message"] = "{ }".into();
    let verified = verify_at(body.to_string().as_bytes(), pem, NOW_MS);
    assert_eq!(verified, Err(ReceiptError::Signature));
}

#[test]
fn a_subscription_is_confirmed_at_sns_only() {
    let confirmed = verify(&SNS.subscription()).unwrap();
    assert_eq!(confirmed, format!("Subscription({SUBSCRIBE_URL})"));

    let mut envelope: Value = serde_json::from_slice(&SNS.subscription()).unwrap();
    for url in [
        "https://sns.eu-west-1.amazonaws.com.example.com/",
        "http://sns.eu-west-1.amazonaws.com/",
        "https://sns.us-east-1.amazonaws.com/",
        "https://sns.eu-west-1.amazonaws.com:8443/",
        "https://u:p@sns.eu-west-1.amazonaws.com/",
    ] {
        envelope["SubscribeURL"] = url.into();
        SNS.signed_by(&mut envelope, &RSA_PKCS1_SHA256);
        let refused = verify(envelope.to_string().as_bytes());
        assert_eq!(refused, Err(ReceiptError::Malformed), "{url}");
    }
}

#[test]
fn one_flipped_byte_in_any_signed_field_is_refused() {
    for field in ["Message", "MessageId", "Subject", "Timestamp", "Signature"] {
        let mut envelope: Value = serde_json::from_slice(&SNS.notification("{}")).unwrap();
        let mut text = envelope[field].as_str().unwrap().to_owned();
        let last = text.pop().unwrap();
        text.insert(0, last);
        envelope[field] = text.into();
        let refused = verify(envelope.to_string().as_bytes());
        assert_eq!(refused, Err(ReceiptError::Signature), "{field}");
    }
    let mut envelope: Value = serde_json::from_slice(&SNS.notification("{}")).unwrap();
    envelope["SignatureVersion"] = "3".into();
    let refused = verify(envelope.to_string().as_bytes());
    assert_eq!(refused, Err(ReceiptError::Signature));
}

#[test]
fn another_topic_or_a_certificate_from_elsewhere_is_refused() {
    let mut envelope: Value = serde_json::from_slice(&SNS.notification("{}")).unwrap();
    for url in [
        "https://sns.eu-west-1.amazonaws.com.example.com/SimpleNotificationService-1.pem",
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem?x=1",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-../x.pem",
        "https://sns.eu-west-1.amazonaws.com/anything.pem",
        "",
    ] {
        envelope["SigningCertURL"] = url.into();
        let refused = verify(envelope.to_string().as_bytes());
        assert_eq!(refused, Err(ReceiptError::Signature), "{url}");
    }
    envelope["TopicArn"] = "arn:aws:sns:eu-west-1:123456789012:other".into();
    let refused = verify(envelope.to_string().as_bytes());
    assert_eq!(refused, Err(ReceiptError::Signature));
}

#[test]
fn a_certificate_must_be_valid_and_made_out_to_sns() {
    let other = PlayedSns::named("sns.example.com");
    let body = other.notification("{}");
    let refused = verify_at(&body, &other.certificate_pem, NOW_MS);
    assert_eq!(refused, Err(ReceiptError::Signature));
    for pem in [&*other.certificate_pem, "", "-----BEGIN CERTIFICATE-----"] {
        let refused = verify_at(&SNS.notification("{}"), pem, NOW_MS);
        assert_eq!(refused, Err(ReceiptError::Signature));
    }
    let a_year_ms = 366 * 24 * 60 * 60 * 1000;
    let expired = verify_at(
        &SNS.notification("{}"),
        &SNS.certificate_pem,
        NOW_MS + a_year_ms,
    );
    assert_eq!(expired, Err(ReceiptError::Signature));
}

#[test]
fn an_old_notification_is_stale() {
    let body = SNS.notification("{}");
    for (now_ms, is_stale) in [
        (NOW_MS + AGE_MAX_MS, false),
        (NOW_MS + AGE_MAX_MS + 1, true),
        (NOW_MS - FUTURE_MAX_MS, false),
        (NOW_MS - FUTURE_MAX_MS - 1, true),
    ] {
        let verified = verify_at(&body, &SNS.certificate_pem, now_ms);
        assert_eq!(verified == Err(ReceiptError::Stale), is_stale, "{now_ms}");
    }
}

#[test]
fn only_arns_of_topics_are_taken() {
    for arn in [
        "",
        "arn:aws:sqs:eu-west-1:123456789012:watchword",
        "arn:aws:sns:eu-west-1.example.com/:123456789012:watchword",
        "arn:other:sns:eu-west-1:123456789012:watchword",
        "arn:aws:sns:eu-west-1:123456789012",
    ] {
        assert!(SnsTopic::new(arn).is_none(), "{arn}");
    }
    let china = SnsTopic::new("arn:aws-cn:sns:cn-north-1:1:t").unwrap();
    assert_eq!(&*china.host, "sns.cn-north-1.amazonaws.com.cn");
}

proptest! {
    #[test]
    fn arbitrary_bodies_and_certificates_never_panic(
        body in prop::collection::vec(any::<u8>(), 0..256),
        pem in prop::collection::vec(any::<u8>(), 0..256),
    ) {
        let topic = topic();
        prop_assert!(topic.read(&body).is_err());
        let genuine = SNS.notification("{}");
        let envelope = topic.read(&genuine).unwrap();
        prop_assert!(topic.verify(&envelope, &pem, NOW_MS).is_err());
    }
}
