//! The list of providers: settings in, a connected provider out.

use std::sync::Arc;

use http::Uri;

use crate::http_client::{ClientSettings, HttpClient, HttpProvider, Tls};
use crate::sandbox::{CallbackSender, Inbox, Sandbox, SandboxSettings};
use crate::signature::SecretError;
use crate::twilio::{TwilioProvider, TwilioSettings};
use crate::webhook::{WebhookProvider, WebhookSettings};
use crate::{Clock, Provider, ProviderService};

/// What kind of provider it is, with what that kind needs.
#[derive(Clone, Debug)]
pub enum Kind {
    Sandbox(SandboxSettings),
    Webhook(WebhookSettings),
    Twilio(TwilioSettings),
}

/// What all providers of a process have in common.
#[derive(Clone)]
pub struct Shared {
    pub tls: Tls,
    pub client: ClientSettings,
    pub clock: Clock,
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

/// A setting that no message can be sent with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    #[error("the URL is not http or https, or has a user or password in it")]
    Url,
    #[error("no channel is given")]
    Channels,
    #[error("receipts by message id are not possible with this kind")]
    Receipts,
    #[error("the secrets are not usable")]
    Secret(#[from] SecretError),
    #[error("the account id is not letters and digits")]
    Account,
    #[error("no sender is given")]
    Sender,
    #[error("the system has no randomness to give")]
    Randomness,
    #[error("a ratio is not between 0 and 1, or a range is the wrong way round")]
    Ratio,
}

/// Makes a provider ready; connections are opened when first needed.
///
/// # Errors
///
/// Names the setting that cannot work.
pub fn connect(id: &str, kind: Kind, shared: &Shared) -> Result<Connected, ConnectError> {
    match kind {
        Kind::Sandbox(settings) => {
            let sandbox = Sandbox::new(id, settings, shared)?;
            Ok(Connected {
                provider: Arc::new(sandbox.clone()),
                service: ProviderService::new(sandbox),
                client: None,
            })
        }
        Kind::Webhook(settings) => {
            let provider = WebhookProvider::new(settings, shared.clock.clone())?;
            Ok(over_http(id, Arc::new(provider), shared))
        }
        Kind::Twilio(settings) => {
            let provider = TwilioProvider::new(settings, shared.clock.clone())?;
            Ok(over_http(id, Arc::new(provider), shared))
        }
    }
}

/// One client each: a provider that hangs must not use up another's connections.
fn over_http(id: &str, provider: Arc<dyn Provider>, shared: &Shared) -> Connected {
    let client = HttpClient::new(&shared.tls, &shared.client);
    let service = HttpProvider::new(id, Arc::clone(&provider), client.clone());
    Connected {
        provider,
        service: ProviderService::new(service),
        client: Some(client),
    }
}

/// Credentials in a URL would get into error texts, and hyper drops them anyway.
pub(crate) fn checked_url(url: Uri) -> Result<Uri, ConnectError> {
    let is_http = matches!(url.scheme_str(), Some("http" | "https"));
    let has_credentials = url
        .authority()
        .is_none_or(|authority| authority.as_str().contains('@'));
    if is_http && !has_credentials {
        Ok(url)
    } else {
        Err(ConnectError::Url)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::twilio::TwilioSender;
    use crate::{Channel, Receipts};

    #[test]
    fn every_kind_is_connected_and_only_http_has_a_client() {
        let (sender, _callbacks) = mpsc::channel(1);
        let shared = Shared {
            tls: Tls::new(None).unwrap(),
            client: ClientSettings::default(),
            clock: Clock::system(),
            inbox: Inbox::default(),
            sandbox_callbacks: CallbackSender::new(sender),
            seed: 1,
        };
        let webhook = WebhookSettings {
            url: Uri::from_static("https://sms.example.com/send"),
            secrets: vec!["secret".into()],
            channels: vec![Channel::Voice],
            receipts: Receipts::None,
            sender: None,
        };
        let twilio = TwilioSettings {
            account_sid: "AC1".into(),
            auth_tokens: vec!["token".into()],
            api_key: None,
            sender: Some(TwilioSender::From("ACME".into())),
            base_url: Uri::from_static(TwilioSettings::BASE_URL),
            feedback: false,
        };
        let sandbox = SandboxSettings::default();
        for (kind, channels, is_http) in [
            (Kind::Webhook(webhook), vec![Channel::Voice], true),
            (Kind::Twilio(twilio), vec![Channel::Sms], true),
            (
                Kind::Sandbox(sandbox),
                vec![Channel::Sms, Channel::Voice],
                false,
            ),
        ] {
            let connected = connect("one", kind, &shared).unwrap();
            assert_eq!(connected.provider.capabilities().channels, channels);
            assert_eq!(connected.client.is_some(), is_http);
        }
    }
}
