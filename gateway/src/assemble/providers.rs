//! From provider settings to the stacks that dispatch calls.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use tracing::debug;
use watchword_providers::http_client::{ClientSettings, Documents, Tls};
use watchword_providers::kind::{CA_FILE, Given};
use watchword_providers::registry::Shared;
use watchword_providers::sandbox::{CallbackSender, Inbox};
use watchword_providers::{Clock, Receipts};

use super::AssembleError;
use crate::admission::limits::LimitKey;
use crate::admission::turns::{TurnRule, Turns, TurnsAsk};
use crate::config::{self, ProviderSettings, Settings};
use crate::keys::index::IndexKey;
use crate::keys::random;
use crate::live::Live;
use crate::routing::ProviderId;
use crate::stack::breaker::BreakerPolicy;
use crate::stack::pace::{self, Pace, Sharing, TurnSource};
use crate::stack::silence::SilenceSettings;
use crate::stack::{ProviderStack, StackEvents, StackSettings};
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::verification::OperationId;

/// What every provider is made with.
pub struct ProviderMakings {
    pub inbox: Inbox,
    pub callbacks: CallbackSender,
    pub clock: Clock,
    pub events: Arc<dyn StackEvents>,
    /// The store that nodes share, if they do.
    pub shared_store: Option<Arc<dyn Store>>,
    /// For what is fetched in the background.
    pub metrics: Arc<Metrics>,
}

/// What a provider was made from: a reload keeps one whose makings have not
/// changed, breaker and connections included.
#[derive(Clone, PartialEq)]
pub struct MadeFrom {
    /// With the content of the files they name.
    settings: ProviderSettings,
    fleet_size: u32,
}

/// Providers by id, each with what it was made from.
pub(super) type Providers = HashMap<ProviderId, Arc<ProviderStack>>;

impl ProviderMakings {
    /// Every configured provider, connected.
    pub(super) fn connect(
        &self,
        settings: &Settings,
        index: &IndexKey,
        before: Option<&Live>,
    ) -> Result<(Providers, HashMap<ProviderId, MadeFrom>), AssembleError> {
        let mut connected = HashMap::new();
        let mut all_made_from = HashMap::new();
        for configured in &settings.providers {
            let id: ProviderId = configured.id.as_str().into();
            let made_from = MadeFrom {
                settings: with_files(configured)?,
                fleet_size: settings.fleet_size,
            };
            let kept = before
                .filter(|before| before.made_from.get(&id) == Some(&made_from))
                .and_then(|before| before.providers.get(&id).cloned());
            let stack = match kept {
                Some(stack) => stack,
                None => Arc::new(self.stack(index, &made_from)?),
            };
            connected.insert(Arc::clone(&id), stack);
            all_made_from.insert(id, made_from);
        }
        Ok((connected, all_made_from))
    }

    fn stack(
        &self,
        index: &IndexKey,
        made_from: &MadeFrom,
    ) -> Result<ProviderStack, AssembleError> {
        let configured = &made_from.settings;
        let refuse = |reason: String| AssembleError::Provider {
            provider: configured.id.clone(),
            reason,
        };
        let ca_pem = configured.values.file(CA_FILE.key);
        let tls = Tls::new(ca_pem).map_err(|error| refuse(error.to_string()))?;
        let shared = Shared {
            tls,
            client: client_settings(configured),
            inbox: self.inbox.clone(),
            sandbox_callbacks: self.callbacks.clone(),
            seed: u64::from_be_bytes(random()),
        };
        let given = Given {
            id: &configured.id,
            channels: &configured.channels,
            receipts: configured.receipts,
            values: &configured.values,
            clock: &self.clock,
        };
        let made = configured
            .kind
            .connect(&given, &shared)
            .map_err(|error| refuse(error.to_string()))?;
        let capabilities = made.provider.capabilities();
        let has_receipts = capabilities.receipts != Receipts::None;
        let signs_receipts = capabilities.receipts_signed;
        let takes_feedback = capabilities.feedback;
        let settings = StackSettings {
            silence: has_receipts.then(|| silence_settings(&configured.silence)),
            receipts_act: signs_receipts || configured.trusts_unsigned_receipts,
            feedback: made.client.clone().filter(|_| takes_feedback),
            pace: self.pace(index, made_from),
            ..stack_settings(configured)
        };
        Ok(ProviderStack::new(
            (configured.id.as_str().into(), made.provider, made.service),
            &settings,
            Arc::clone(&self.events),
        )
        .with_documents(made.client.map(Documents::new)))
    }

    /// Configured rates are the fleet's: nodes that share a store take turns
    /// from it; otherwise, and while it cannot say, each has its even part.
    fn pace(&self, index: &IndexKey, made_from: &MadeFrom) -> Option<Arc<Pace>> {
        let rate_per_s = made_from.settings.rate_per_s?;
        let alone_per_s = rate_per_s / f64::from(made_from.fleet_size.max(1));
        let pace = match &self.shared_store {
            Some(store) => {
                let provider = made_from.settings.id.as_str();
                let source = StoreTurns {
                    store: Arc::clone(store),
                    key: index.provider_turns(provider),
                    rule: pace::rule(rate_per_s),
                    provider: provider.into(),
                    events: Arc::clone(&self.events),
                };
                Pace::shared(rate_per_s, alone_per_s, source)
            }
            None => Pace::own(alone_per_s),
        };
        Some(Arc::new(pace))
    }
}

/// Turns at one provider, from the store.
struct StoreTurns {
    store: Arc<dyn Store>,
    key: LimitKey,
    rule: TurnRule,
    provider: Box<str>,
    events: Arc<dyn StackEvents>,
}

#[async_trait]
impl TurnSource for StoreTurns {
    async fn turns(&self, count: u32) -> Option<Turns> {
        let ask = TurnsAsk {
            key: self.key,
            rule: self.rule,
            count,
            operation: OperationId(random()),
        };
        let answer = self.store.turns(&ask).await;
        answer
            .inspect_err(|error| debug!(provider = &*self.provider, "no turns: {error}"))
            .ok()
    }

    fn sharing_changed(&self, sharing: Sharing) {
        self.events.sharing_changed(&self.provider, sharing);
    }
}

/// A connection that is not made in time must be told from an answer that is not.
fn client_settings(configured: &ProviderSettings) -> ClientSettings {
    let defaults = ClientSettings::default();
    ClientSettings {
        connect_timeout: defaults.connect_timeout.min(configured.attempt_timeout / 2),
        ..defaults
    }
}

fn stack_settings(configured: &ProviderSettings) -> StackSettings {
    let breaker = &configured.breaker;
    StackSettings {
        concurrency_max: usize::try_from(configured.concurrency_max).unwrap_or(usize::MAX),
        attempt_timeout: configured.attempt_timeout,
        silence: None,
        receipts_act: true,
        feedback: None,
        pace: None,
        breaker: BreakerPolicy {
            failure_ratio: breaker.failure_ratio,
            calls_min: breaker.attempts_min,
            window: breaker.window,
            open_for: breaker.open_for,
            ..BreakerPolicy::default()
        },
    }
}

fn silence_settings(configured: &config::SilenceSettings) -> SilenceSettings {
    SilenceSettings {
        deadline: configured.deadline,
        deadline_min: configured.deadline_min,
        deadline_max: configured.deadline_max,
        unreliable: configured.unreliable.clone(),
        receipt_ratio_min: configured.receipt_ratio_min,
        redispatch_ratio_max: configured.redispatch_ratio_max,
    }
}

/// Its settings with the content of the files they name.
fn with_files(configured: &ProviderSettings) -> Result<ProviderSettings, AssembleError> {
    let mut configured = configured.clone();
    configured.values.read_files(|path| {
        std::fs::read(path).map_err(|source| AssembleError::File {
            path: path.to_owned(),
            source,
        })
    })?;
    Ok(configured)
}
