//! The list of kinds of providers, and what all providers of a process share.

use std::sync::Arc;

use http::Uri;

use crate::http_client::{ClientSettings, HttpClient, HttpProvider, Tls};
use crate::kind::{ConnectError, Kind};
use crate::sandbox::{CallbackSender, Inbox};
use crate::{
    Provider, ProviderService, aws, aws_sns, bird, infobip, jambonz, jasmin, kannel, plivo,
    sandbox, sinch, telnyx, twilio, vonage, webhook,
};

/// Every kind there is: a line here makes a new one known.
pub static KINDS: &[&Kind] = &[
    &sandbox::KIND,
    &webhook::KIND,
    &twilio::KIND,
    &vonage::KIND,
    &plivo::KIND,
    &telnyx::KIND,
    &sinch::KIND,
    &sinch::voice::KIND,
    &infobip::KIND,
    &bird::KIND,
    &bird::voice::KIND,
    &aws::KIND,
    &aws_sns::KIND,
    &kannel::KIND,
    &jasmin::KIND,
    &jambonz::KIND,
];

/// What all providers of a process have in common.
#[derive(Clone)]
pub struct Shared {
    pub tls: Tls,
    pub client: ClientSettings,
    /// Where every sandbox puts what its handsets receive.
    pub inbox: Inbox,
    /// Where every sandbox puts the receipts it sends.
    pub sandbox_callbacks: CallbackSender,
    /// Fixes what the sandboxes draw at random.
    pub seed: u64,
}

/// A provider ready for dispatch.
#[derive(Clone)]
pub struct Connected {
    /// The pure half: capabilities and receipts.
    pub provider: Arc<dyn Provider>,
    /// The half that does I/O.
    pub service: ProviderService,
    /// For feedback, over the same connections; `None` if it is not HTTP.
    pub client: Option<HttpClient>,
}

/// One client each: a provider that hangs must not use up another's connections.
pub(crate) fn over_http(id: &str, provider: Arc<dyn Provider>, shared: &Shared) -> Connected {
    let client = HttpClient::new(&shared.tls, &shared.client);
    let service = HttpProvider::new(id, Arc::clone(&provider), client.clone());
    Connected {
        provider,
        service: ProviderService::new(service),
        client: Some(client),
    }
}

/// Credentials in a URL would get into error texts, and hyper drops them anyway.
pub(crate) fn checked_url(key: &'static str, url: Uri) -> Result<Uri, ConnectError> {
    let is_http = matches!(url.scheme_str(), Some("http" | "https"));
    let has_credentials = url
        .authority()
        .is_none_or(|authority| authority.as_str().contains('@'));
    if is_http && !has_credentials {
        Ok(url)
    } else {
        Err(ConnectError::setting(
            key,
            "must be http or https, without user and password",
        ))
    }
}
