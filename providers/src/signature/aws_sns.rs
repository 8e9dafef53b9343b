//! Amazon SNS's signature on what it posts: RSA over some fields of the body,
//! by a certificate that has to be fetched from SNS first.

use std::borrow::Cow;

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::ReceiptError;
use crate::answer::parse_object;
use crate::request::parse_time_ms;

/// SNS gives up on an endpoint after an hour by its own delivery policy.
const AGE_MAX_MS: u64 = 60 * 60 * 1000;

/// How far SNS's clock may be ahead of ours.
const FUTURE_MAX_MS: u64 = 5 * 60 * 1000;

/// What SNS posts to an endpoint.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SnsEnvelope<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    message_id: Cow<'a, str>,
    topic_arn: Cow<'a, str>,
    subject: Option<Cow<'a, str>>,
    message: Cow<'a, str>,
    timestamp: Cow<'a, str>,
    signature_version: Cow<'a, str>,
    signature: Cow<'a, str>,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: Cow<'a, str>,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<Cow<'a, str>>,
    token: Option<Cow<'a, str>>,
}

/// What a genuine envelope is about.
#[derive(Debug, PartialEq, Eq)]
pub enum SnsContent<'a> {
    Notification(&'a str),
    /// SNS asks whether we want what the topic says: yes, if this is fetched.
    Subscription(Uri),
    /// The topic has been left: nothing to do.
    Unsubscription,
}

/// The topic whose messages are believed.
#[derive(Clone, Debug)]
pub struct SnsTopic {
    arn: Box<str>,
    host: Box<str>,
}

impl SnsTopic {
    /// `None` unless it is `arn:<partition>:sns:<region>:<account>:<name>`.
    pub fn new(arn: &str) -> Option<Self> {
        let parts: Vec<_> = arn.split(':').collect();
        let ["arn", partition, "sns", region, account, name] = parts.as_slice() else {
            return None;
        };
        let is_word = |text: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            !text.is_empty() && text.bytes().all(fits)
        };
        let is_word_of_all = [region, account, name]
            .into_iter()
            .all(|part| is_word(part));
        let domain = match *partition {
            "aws" | "aws-us-gov" => "amazonaws.com",
            "aws-cn" => "amazonaws.com.cn",
            _ => return None,
        };
        is_word_of_all.then(|| Self {
            arn: arn.into(),
            host: format!("sns.{region}.{domain}").into(),
        })
    }

    /// Reads an envelope of this topic. Nothing in it is believed yet.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Malformed`] if it is none, [`ReceiptError::Signature`] if
    /// it is of another topic.
    pub fn read<'a>(&self, body: &'a [u8]) -> Result<SnsEnvelope<'a>, ReceiptError> {
        let envelope: SnsEnvelope<'a> = parse_object(body).ok_or(ReceiptError::Malformed)?;
        if envelope.topic_arn == *self.arn {
            Ok(envelope)
        } else {
            Err(ReceiptError::Signature)
        }
    }

    /// Where the certificate is that signed an envelope: only ever at SNS itself,
    /// in the topic's region.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Signature`] if it is said to be anywhere else.
    pub fn certificate_url(&self, envelope: &SnsEnvelope<'_>) -> Result<Uri, ReceiptError> {
        let url = self.own_url(&envelope.signing_cert_url);
        let fits = |url: &Uri| {
            let name = url.path().strip_prefix("/SimpleNotificationService-");
            let id = name.and_then(|name| name.strip_suffix(".pem"));
            let is_id = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric());
            url.query().is_none() && id.is_some_and(is_id)
        };
        url.filter(fits).ok_or(ReceiptError::Signature)
    }

    /// What an envelope is about, if this certificate signed it, lately.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Signature`] if not; [`ReceiptError::Stale`] if a genuine
    /// one is older than an hour or more than 5 minutes from the future.
    pub fn verify<'a>(
        &self,
        envelope: &'a SnsEnvelope<'_>,
        certificate_pem: &[u8],
        now_ms: u64,
    ) -> Result<SnsContent<'a>, ReceiptError> {
        let signed = signed_text(envelope).ok_or(ReceiptError::Malformed)?;
        let algorithm: &'static RsaParameters = match &*envelope.signature_version {
            "1" => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            "2" => &RSA_PKCS1_2048_8192_SHA256,
            _ => return Err(ReceiptError::Signature),
        };
        let key = self
            .public_key(certificate_pem, now_ms)
            .ok_or(ReceiptError::Signature)?;
        let signature = STANDARD
            .decode(&*envelope.signature)
            .map_err(|_| ReceiptError::Signature)?;
        UnparsedPublicKey::new(algorithm, key)
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| ReceiptError::Signature)?;

        let at_ms = parse_time_ms(&envelope.timestamp).ok_or(ReceiptError::Malformed)?;
        let is_lately = at_ms.saturating_add(AGE_MAX_MS) >= now_ms
            && at_ms <= now_ms.saturating_add(FUTURE_MAX_MS);
        if !is_lately {
            return Err(ReceiptError::Stale);
        }
        match &*envelope.r#type {
            "Notification" => Ok(SnsContent::Notification(&envelope.message)),
            "UnsubscribeConfirmation" => Ok(SnsContent::Unsubscription),
            _ => envelope
                .subscribe_url
                .as_deref()
                .and_then(|url| self.own_url(url))
                .map(SnsContent::Subscription)
                .ok_or(ReceiptError::Malformed),
        }
    }

    /// A URL at SNS itself, over TLS, in the topic's region.
    fn own_url(&self, text: &str) -> Option<Uri> {
        let url: Uri = text.parse().ok()?;
        let is_own = url.scheme_str() == Some("https")
            && url
                .authority()
                .is_some_and(|authority| authority.as_str() == &*self.host);
        is_own.then_some(url)
    }

    /// The key of a certificate that is valid now and made out to SNS. That it
    /// was issued by those whom the roots trust is checked where it is fetched:
    /// by TLS, at a host with that very name.
    fn public_key(&self, certificate_pem: &[u8], now_ms: u64) -> Option<Vec<u8>> {
        let der = CertificateDer::from_pem_slice(certificate_pem).ok()?;
        let (_, certificate) = X509Certificate::from_der(&der).ok()?;
        let now_s = i64::try_from(now_ms / 1000).ok()?;
        let validity = certificate.validity();
        let is_valid =
            (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now_s);
        let key = &certificate.public_key().subject_public_key;
        (is_valid && self.names(&certificate)).then(|| key.data.to_vec())
    }

    /// `sns.amazonaws.com`, or the host itself.
    fn names(&self, certificate: &X509Certificate<'_>) -> bool {
        let is_own = |name: &str| name == "sns.amazonaws.com" || name == &*self.host;
        let subject = certificate.subject();
        let mut common_names = subject.iter_common_name();
        if common_names.any(|name| name.as_str().is_ok_and(is_own)) {
            return true;
        }
        let Ok(Some(alternative)) = certificate.subject_alternative_name() else {
            return false;
        };
        alternative
            .value
            .general_names
            .iter()
            .any(|name| matches!(name, GeneralName::DNSName(name) if is_own(name)))
    }
}

/// What is signed: these fields, by name and in this order, a line each.
fn signed_text(envelope: &SnsEnvelope<'_>) -> Option<String> {
    let subject = envelope.subject.as_deref();
    let of_type = Some(&*envelope.r#type);
    let message = Some(&*envelope.message);
    let message_id = Some(&*envelope.message_id);
    let timestamp = Some(&*envelope.timestamp);
    let topic_arn = Some(&*envelope.topic_arn);
    let fields = match &*envelope.r#type {
        "Notification" => vec![
            ("Message", message),
            ("MessageId", message_id),
            ("Subject", subject),
            ("Timestamp", timestamp),
            ("TopicArn", topic_arn),
            ("Type", of_type),
        ],
        "SubscriptionConfirmation" | "UnsubscribeConfirmation" => vec![
            ("Message", message),
            ("MessageId", message_id),
            ("SubscribeURL", Some(envelope.subscribe_url.as_deref()?)),
            ("Timestamp", timestamp),
            ("Token", Some(envelope.token.as_deref()?)),
            ("TopicArn", topic_arn),
            ("Type", of_type),
        ],
        _ => return None,
    };
    let mut text = String::new();
    for (name, value) in fields {
        // Only a subject may be missing, and then its name is left out too.
        if let Some(value) = value {
            text.push_str(name);
            text.push('\n');
            text.push_str(value);
            text.push('\n');
        }
    }
    Some(text)
}

#[cfg(test)]
pub(crate) mod tests;
