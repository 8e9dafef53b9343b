//! AWS's events: an SNS topic posts them, signed by a certificate that has to be
//! fetched first.

use std::borrow::Cow;

use http::Uri;
use serde::Deserialize;

use super::errors::EVENTS;
use crate::answer::{Scalar, parse_object};
use crate::kind::{ConnectError, Values};
use crate::signature::{SnsContent, SnsTopic};
use crate::{Callback, DeliveryReceipt, ProviderCode, ReceiptError};

/// The topic that is believed, and where SNS is reached.
pub(super) struct Events {
    topic: SnsTopic,
    /// In place of SNS's own address.
    sns_url: Option<Uri>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    message_id: Scalar<'a>,
    event_timestamp: Option<Scalar<'a>>,
}

impl Events {
    /// `None` without a topic.
    pub(super) fn new(values: &Values) -> Result<Option<Self>, ConnectError> {
        let topic = values.text("topic_arn").and_then(|arn| SnsTopic::new(arn));
        let sns_url = values.url("sns_url").cloned().map(sns_url).transpose()?;
        Ok(topic.map(|topic| Self { topic, sns_url }))
    }

    /// Where the certificate is fetched that a callback says it was signed with.
    /// It has to say SNS's own address, wherever that is reached.
    pub(super) fn certificate_url(&self, callback: &Callback<'_>) -> Result<Uri, ReceiptError> {
        let envelope = self.topic.read(callback.body)?;
        let url = self.topic.certificate_url(&envelope)?;
        self.reached(url).ok_or(ReceiptError::Malformed)
    }

    pub(super) fn receipts(
        &self,
        callback: &Callback<'_>,
        certificate: &[u8],
    ) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        let envelope = self.topic.read(callback.body)?;
        let content = self.topic.verify(&envelope, certificate, callback.now_ms);
        match content? {
            SnsContent::Notification(event) => Ok(vec![receipt(event)?]),
            SnsContent::Subscription(_) | SnsContent::Unsubscription => Ok(Vec::new()),
        }
    }

    pub(super) fn confirmation(&self, callback: &Callback<'_>, certificate: &[u8]) -> Option<Uri> {
        let envelope = self.topic.read(callback.body).ok()?;
        let content = self.topic.verify(&envelope, certificate, callback.now_ms);
        match content.ok()? {
            SnsContent::Subscription(url) => self.reached(url),
            SnsContent::Notification(_) | SnsContent::Unsubscription => None,
        }
    }

    /// A URL at SNS, as it is reached from here.
    fn reached(&self, url: Uri) -> Option<Uri> {
        let Some(sns_url) = &self.sns_url else {
            return Some(url);
        };
        let mut parts = sns_url.clone().into_parts();
        parts.path_and_query = url.into_parts().path_and_query;
        Uri::from_parts(parts).ok()
    }
}

/// TLS is all that vouches for the certificate that is fetched there.
fn sns_url(url: Uri) -> Result<Uri, ConnectError> {
    let has_credentials = url.authority().is_none_or(|at| at.as_str().contains('@'));
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none();
    if url.scheme_str() == Some("https") && is_bare && !has_credentials {
        Ok(url)
    } else {
        let fix = "must be https, without a path, user and password";
        Err(ConnectError::setting("sns_url", fix))
    }
}

fn receipt(event: &str) -> Result<DeliveryReceipt, ReceiptError> {
    let event: Event<'_> = parse_object(event.as_bytes()).ok_or(ReceiptError::Malformed)?;
    let status = EVENTS
        .iter()
        .find(|(name, _)| *name == event.event_type)
        .map(|(_, status)| *status)
        .ok_or(ReceiptError::Malformed)?;
    Ok(DeliveryReceipt {
        message_id: event.message_id.message_id(),
        status,
        code: ProviderCode::new(&event.event_type),
        at_ms: event.event_timestamp.as_ref().and_then(Scalar::number),
        // AWS calls the number itself invalid, not the way to it.
        is_final_for_number: event.event_type == "TEXT_INVALID",
    })
}
