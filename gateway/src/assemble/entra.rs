//! From settings to the directories of Microsoft Entra that may ask.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use watchword_providers::http_client::{ClientSettings, HttpClient, Tls};

use super::AssembleError;
use crate::config::{EntraSettings, Settings};
use crate::entra::jwe::{DecryptionKey, DecryptionKeys};
use crate::entra::jwks::{JwksSource, SigningKeys};
use crate::entra::token::TokenRules;
use crate::entra::{Directories, EntraDirectory};
use crate::live::Live;
use crate::telemetry::Metrics;
use crate::tenants::Directory;

/// The keys are asked for once an hour: no connection is kept for that.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// The configured directories. Signing keys that are known stay known.
pub(super) fn directories(
    settings: &Settings,
    tenants: &Directory,
    (metrics, before): (&Arc<Metrics>, Option<&Live>),
) -> Result<Directories, AssembleError> {
    let made = settings.entra.iter().map(|entry| {
        let refuse = |reason: String| AssembleError::Entra {
            directory: entry.directory.clone(),
            reason,
        };
        let tenant = tenants.by_name(&entry.tenant);
        let tenant = tenant.ok_or_else(|| refuse(format!("no tenant is {:?}", entry.tenant)))?;
        let source = source(entry).map_err(refuse)?;
        let known = before.and_then(|before| {
            let mut known = before.entra.iter().map(|entra| &entra.signing_keys);
            known.find(|keys| *keys.source() == source).map(Arc::clone)
        });
        let signing_keys = match known {
            Some(keys) => keys,
            None => SigningKeys::new(source, client().map_err(refuse)?, Arc::clone(metrics)),
        };
        Ok(Arc::new(EntraDirectory {
            tenant: Arc::clone(tenant),
            rules: rules(entry),
            signing_keys,
            decryption_keys: Arc::new(decryption_keys(entry).map_err(refuse)?),
            budget: entry.budget,
            validity_s: entry.validity_s,
        }))
    });
    Ok(Directories::new(
        made.collect::<Result<_, AssembleError>>()?,
    ))
}

fn source(entry: &EntraSettings) -> Result<JwksSource, String> {
    let url: Result<Uri, _> = entry.jwks_url.parse();
    Ok(JwksSource {
        url: url.map_err(|_| "jwks_url is no URL".to_owned())?,
        directory: entry.directory.clone(),
        issuers: entry.issuers.clone(),
    })
}

fn client() -> Result<HttpClient, String> {
    let tls = Tls::new(None).map_err(|error| error.to_string())?;
    let settings = ClientSettings {
        idle_timeout: IDLE_TIMEOUT,
        ..ClientSettings::default()
    };
    Ok(HttpClient::new(&tls, &settings))
}

fn rules(entry: &EntraSettings) -> TokenRules {
    TokenRules {
        directory: entry.directory.clone(),
        issuers: entry.issuers.clone(),
        audiences: entry.audiences.clone(),
        callers: entry.callers.clone(),
        roles: entry.roles.clone(),
        clock_skew_s: entry.clock_skew_s,
    }
}

fn decryption_keys(entry: &EntraSettings) -> Result<DecryptionKeys, String> {
    let keys = entry.keys.iter().map(|key| {
        DecryptionKey::from_pem(&key.id, key.pem.expose())
            .map_err(|error| format!("the key {:?} {error}", key.id))
    });
    Ok(DecryptionKeys::new(keys.collect::<Result<_, String>>()?))
}
