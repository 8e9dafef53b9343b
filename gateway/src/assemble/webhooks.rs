//! From the settings of tenants' webhooks to their endpoints.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use watchword_providers::Secret;
use watchword_providers::signature::WebhookKeys;

use super::AssembleError;
use crate::config::{self, Settings};
use crate::keys::KeyRing;
use crate::webhooks::{
    Endpoint, EndpointSettings, Endpoints, RetryWaits, Watching, WebhookSettings,
};

/// The first look at a record that nothing woke us for: its node may have died.
const LOOK_AFTER: Duration = Duration::from_secs(10);

/// Who wants to hear of what, ready for use.
///
/// # Errors
///
/// [`AssembleError::Tenant`]: a URL or a secret cannot be used.
pub fn watching(settings: &Settings, ring: &KeyRing) -> Result<Watching, AssembleError> {
    let mut endpoints = HashMap::new();
    for tenant in &settings.tenants {
        if tenant.webhooks.is_empty() {
            continue;
        }
        let made: Result<Vec<Arc<Endpoint>>, AssembleError> = tenant
            .webhooks
            .iter()
            .map(|configured| {
                let refuse = |reason| AssembleError::Tenant {
                    tenant: tenant.name.clone(),
                    what: "webhooks",
                    reason,
                };
                endpoint(settings, configured).map_err(refuse)
            })
            .collect();
        let made: Endpoints = made?.into();
        endpoints.insert(ring.index().tenant(&tenant.name), made);
    }
    Ok(Watching {
        endpoints,
        look_after_ms: super::ms(LOOK_AFTER),
        keep_for_ms: super::ms(settings.webhooks.retention),
    })
}

fn endpoint(
    settings: &Settings,
    configured: &config::EndpointSettings,
) -> Result<Arc<Endpoint>, String> {
    let keys: Result<Vec<WebhookKeys>, _> = configured
        .secrets
        .iter()
        .map(|secret| WebhookKeys::new(&[Secret::from(secret.expose())]))
        .collect();
    Ok(Arc::new(Endpoint::new(EndpointSettings {
        id: configured.id.clone(),
        url: settings.webhooks.rules.check(&configured.url)?,
        keys: keys.map_err(|error| error.to_string())?,
        events: configured.events.clone(),
        timeout: configured.timeout,
        concurrency_max: configured.concurrency_max,
        full_numbers: configured.full_numbers,
    })))
}

/// How the courier sends.
pub fn webhooks(settings: &Settings) -> WebhookSettings {
    WebhookSettings {
        retry_waits: RetryWaits(settings.webhooks.retry_waits.clone().into()),
    }
}
