//! Who knows whom: the parts of a running gateway, put together once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use tokio::sync::mpsc;
use watchword_providers::Channel;
use watchword_providers::guarded_client::{GuardedClient, GuardedError};
use watchword_providers::http_client::Tls;
use watchword_providers::sandbox::{CallbackSender, Inbox};

use super::RunError;
use super::desk::Desk;
use super::open_store::retention_ms;
use super::sandbox::{Handsets, receive_callbacks};
use super::upkeep::{State, Upkeep};
use crate::api::{
    Admin, Api, ApiParts, ApiSettings, Directory, EntraReadiness, Readiness, SandboxInbox, Version,
};
use crate::assemble::{self, ProviderMakings, master_keys};
use crate::clock::SystemClock;
use crate::config::{Settings, StoreBackend};
use crate::dispatch::{DispatchLimits, Dispatcher};
use crate::entra::EntraDirectory;
use crate::entra::token::TokenRefusal;
use crate::keys::agreement::{KeyRetention, agree};
use crate::live::Shared;
use crate::number;
use crate::service::Service;
use crate::stack::breaker::BreakerState;
use crate::stack::pace::Sharing;
use crate::stack::silence::Silence;
use crate::stack::{ProviderStack, StackEvents};
use crate::store::Store;
use crate::subjects::keeper::Keeper;
use crate::telemetry::{Metrics, events};
use crate::tenants::{Caller, Operator, Scope};
use crate::webhooks::{Courier, CourierSettings, Lookout, Post, PostError, Posted, Poster};

/// A gateway, put together.
pub(super) struct Wired {
    pub shared: Shared,
    pub dispatcher: Arc<Dispatcher>,
    /// Of subjects.
    pub keeper: Arc<Keeper>,
    pub api: Arc<Api>,
    pub makings: Arc<ProviderMakings>,
    pub state: Arc<State>,
    pub retention: KeyRetention,
}

/// A receipt may come, and a record be read, so long after its code's end, in ms.
const LONGEST_LIFETIME_MS: u64 = 86_400_000;
/// A subject that nobody asks about is looked at, and sealed with the newest key,
/// in 30 days at most; a day for the node that was away meanwhile.
const SUBJECTS_SEALED_AGAIN_MS: u64 = 31 * 86_400_000;
/// The sandbox's receipts that may wait for us.
const SANDBOX_CALLBACKS_MAX: usize = 10_000;
/// Retries waited for in memory; more wait in the ledger.
const TIMERS_MAX: usize = 10_000;

pub(super) async fn wire(
    settings: &Settings,
    store: Arc<dyn Store>,
    (metrics, lookout): (Arc<Metrics>, Arc<Lookout>),
) -> Result<Wired, RunError> {
    let retention = KeyRetention {
        needed_after_retired_ms: needed_after_retired_ms(settings),
    };
    let masters = master_keys(settings);
    let agreed = agree(store.as_ref(), &masters, settings.store.shards, retention).await?;
    let (callbacks, received) = mpsc::channel(SANDBOX_CALLBACKS_MAX);
    let makings = Arc::new(ProviderMakings {
        inbox: Inbox::default(),
        callbacks: CallbackSender::new(callbacks),
        clock: watchword_providers::Clock::system(),
        events: Arc::new(StackWatch {
            metrics: Arc::clone(&metrics),
        }),
        shared_store: shared_store(settings, &store),
        metrics: Arc::clone(&metrics),
    });
    let live = assemble::live(settings, Arc::clone(&agreed.ring), &makings, None)?;
    lookout.set(assemble::watching(settings, &agreed.ring)?);
    let shared = Shared {
        store,
        live: Arc::new(ArcSwap::from_pointee(live)),
        metrics,
        clock: Arc::new(SystemClock),
        store_skew_ms: Arc::new(AtomicI64::new(0)),
        is_durable: Arc::new(AtomicBool::new(true)),
        keeps_subjects: Arc::new(AtomicBool::new(true)),
        lookout,
        tally: Arc::default(),
    };
    let limits = DispatchLimits {
        in_flight_max: usize::try_from(settings.dispatch.in_flight_max).unwrap_or(usize::MAX),
        timers_max: TIMERS_MAX,
    };
    let dispatcher = Dispatcher::new(shared.clone(), &limits);
    let service = Arc::new(Service::new(shared.clone(), Arc::clone(&dispatcher)));
    let keeper = Arc::clone(service.keeper());
    let desk = Arc::new(Desk::new(&shared, &dispatcher));
    tokio::spawn(receive_callbacks(received, Arc::clone(&desk)));
    let state = Arc::new(State::new(agreed.meta));
    let api = api(settings, (&shared, service), (desk, &makings.inbox, &state));
    Ok(Wired {
        shared,
        dispatcher,
        keeper,
        api,
        makings,
        state,
        retention,
    })
}

/// How long a key that seals nothing new is still needed.
fn needed_after_retired_ms(settings: &Settings) -> u64 {
    let of_codes = retention_ms(settings) + LONGEST_LIFETIME_MS;
    let mut keys = settings.tenants.iter().flat_map(|tenant| &tenant.api_keys);
    if keys.any(|key| key.scopes.contains(&Scope::Subjects)) {
        of_codes.max(SUBJECTS_SEALED_AGAIN_MS)
    } else {
        of_codes
    }
}

/// The store, if other nodes may use it too.
fn shared_store(settings: &Settings, store: &Arc<dyn Store>) -> Option<Arc<dyn Store>> {
    match settings.store.backend {
        StoreBackend::Redis { .. } => Some(Arc::clone(store)),
        StoreBackend::Embedded { .. } | StoreBackend::Memory => None,
    }
}

fn api(
    settings: &Settings,
    (shared, service): (&Shared, Arc<Service>),
    (desk, inbox, state): (Arc<Desk>, &Inbox, &Arc<State>),
) -> Arc<Api> {
    let has_sandbox = settings
        .providers
        .iter()
        .any(|provider| provider.kind.is_simulated);
    let sandbox: Option<Arc<dyn SandboxInbox>> =
        has_sandbox.then(|| Arc::new(Handsets(inbox.clone())) as Arc<dyn SandboxInbox>);
    let metrics = Arc::clone(&shared.metrics);
    let panics = Arc::clone(&shared.metrics);
    let durability = Arc::clone(state);
    let parts = ApiParts {
        service,
        directory: Arc::new(LiveDirectory(shared.clone())),
        receipts: desk,
        sandbox,
        durability: Arc::new(move || durability.durability()),
        observe: Arc::new(move |endpoint, status, took| metrics.request(endpoint, status, took)),
        on_panic: Arc::new(move || panics.panicked()),
    };
    let api_settings = ApiSettings {
        public_url: settings.server.public_url.clone().unwrap_or_default(),
        request_timeout: settings.server.request_timeout,
        body_timeout: settings.server.body_timeout,
        body_bytes_max: settings.server.body_bytes_max,
        ..ApiSettings::default()
    };
    Api::new(parts, api_settings)
}

impl Wired {
    /// Who carries webhooks.
    pub(super) fn courier(&self, settings: &Settings) -> Result<Arc<Courier>, RunError> {
        let tls = Tls::new(None).map_err(|error| RunError::Store(error.to_string()))?;
        let rules = &settings.webhooks.rules;
        let client = GuardedClient::new(&tls, rules, WEBHOOK_CONNECT_TIMEOUT);
        let courier = CourierSettings {
            webhooks: assemble::webhooks(settings),
            sweep_interval: settings.dispatch.sweep_interval,
            in_flight_max: usize::try_from(settings.webhooks.in_flight_max).unwrap_or(usize::MAX),
        };
        let poster = Arc::new(Sinks(client));
        Ok(Arc::new(Courier::new(self.shared.clone(), poster, courier)))
    }

    /// What looks after the running gateway.
    pub(super) fn upkeep(&self, settings: &Settings) -> Upkeep {
        Upkeep {
            shared: self.shared.clone(),
            state: Arc::clone(&self.state),
            required_durability: settings.store.durability,
            memory_guard_ratio: settings.store.memory_guard_ratio,
            // Told twice, as the configuration demands.
            subjects_may_be_lost: settings.subjects.on_forgetful_store
                && settings.subjects.may_be_lost,
        }
    }

    /// What the admin listener shows.
    pub(super) fn admin(&self, settings: &Settings) -> Arc<Admin> {
        let state = Arc::clone(&self.state);
        let retention = self.retention;
        let allow_sandbox = settings.server.allow_sandbox;
        let shared = self.shared.clone();
        let keeper = Arc::clone(&self.keeper);
        let metrics = Arc::clone(&self.shared.metrics);
        let panics = Arc::clone(&self.shared.metrics);
        let formats = self.shared.store.record_formats();
        Arc::new(Admin {
            readiness: Box::new(move || {
                let now_ms = shared.store_now_ms();
                Readiness {
                    allow_sandbox,
                    receipts_missing: receipts_missing(&shared),
                    entra: entra_readiness(&shared),
                    ..state.readiness(retention, (keeper.sealed_anew_ms(), now_ms))
                }
            }),
            metrics: Box::new(move || metrics.encode()),
            version: Version {
                version: env!("CARGO_PKG_VERSION"),
                number_metadata: number::metadata_version().to_owned(),
                format: formats.written,
                formats_read: formats.read,
            },
            on_panic: Arc::new(move || panics.panicked()),
        })
    }
}

/// Tenants and operators as the configuration in force has them.
struct LiveDirectory(Shared);

#[async_trait]
impl Directory for LiveDirectory {
    fn caller(&self, digest: &[u8; 32]) -> Option<Caller> {
        self.0.live.load().tenants.caller(digest).cloned()
    }

    fn operator(&self, digest: &[u8; 32]) -> Option<Operator> {
        self.0.live.load().tenants.operator(digest).cloned()
    }

    async fn entra(&self, bearer: Option<&str>) -> Result<Arc<EntraDirectory>, TokenRefusal> {
        let live = self.0.live.load_full();
        let admitted = live
            .entra
            .admit(bearer, self.0.clock.now_ms() / 1_000)
            .await;
        admitted.inspect_err(|refusal| {
            events::EntraTokenRefused { refusal: *refusal }.emit(&self.0.metrics);
        })
    }
}

/// Name, TCP and TLS of a tenant's endpoint together.
const WEBHOOK_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The endpoints of tenants, behind the rules on addresses.
struct Sinks(GuardedClient);

#[async_trait]
impl Poster for Sinks {
    async fn post(&self, post: Post) -> Result<Posted, PostError> {
        let answer = self.0.call(post).await.map_err(|error| match error {
            GuardedError::Refused => PostError::Refused,
            GuardedError::NoAnswer => PostError::NoAnswer,
        })?;
        Ok(Posted {
            status: answer.status,
            headers: answer.headers,
        })
    }
}

/// Providers whose receipts do not reach this node, by name.
fn receipts_missing(shared: &Shared) -> Vec<String> {
    let live = shared.live.load();
    let is_suspended = |hop: &ProviderStack| {
        let silence = hop.silence.as_ref();
        silence.is_some_and(Silence::is_suspended)
    };
    let mut missing: Vec<String> = live
        .providers
        .values()
        .filter(|hop| is_suspended(hop))
        .map(|hop| hop.id.to_string())
        .collect();
    missing.sort_unstable();
    missing
}

fn entra_readiness(shared: &Shared) -> Vec<EntraReadiness> {
    let live = shared.live.load();
    let directories = live.entra.iter().map(|entra| {
        let known = entra.signing_keys.state();
        EntraReadiness {
            directory: entra.rules.directory.clone(),
            signing_keys_age_s: known.map(|(age, _)| age.as_secs()),
            signing_keys: known.map_or(0, |(_, count)| count),
            decryption_keys: entra
                .decryption_keys
                .ids()
                .map(|id| id.to_string())
                .collect(),
        }
    });
    directories.collect()
}

/// Breakers and credentials, logged and counted.
struct StackWatch {
    metrics: Arc<Metrics>,
}

impl StackEvents for StackWatch {
    fn breaker_changed(&self, provider: &str, channel: Channel, state: BreakerState) {
        events::BreakerChanged {
            provider,
            channel,
            state,
        }
        .emit(&self.metrics);
    }

    fn credentials_refused(&self, provider: &str) {
        events::CredentialsRefused {
            provider,
            code: None,
        }
        .emit(&self.metrics);
    }

    fn sharing_changed(&self, provider: &str, sharing: Sharing) {
        events::SharingChanged { provider, sharing }.emit(&self.metrics);
    }
}
