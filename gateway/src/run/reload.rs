//! SIGHUP: the new configuration takes the old one's place, or the old one
//! stays and the log says why.

use std::path::Path;
use std::sync::Arc;

use super::wiring::Wired;
use super::{Source, upkeep};
use crate::assemble::{self, ProviderMakings, master_keys};
use crate::config::{self, Loaded, Settings};
use crate::keys::agreement::{KeyRetention, agree};
use crate::live::Shared;
use crate::telemetry::events;
use crate::tls::{Reloaded, TlsReloader};

/// Reloads what can be reloaded while running.
pub(super) struct Reloader {
    source: Source,
    settings: Arc<Settings>,
    shared: Shared,
    makings: Arc<ProviderMakings>,
    state: Arc<upkeep::State>,
    retention: KeyRetention,
    tls: Option<TlsReloader>,
}

impl Reloader {
    pub(super) fn new(
        source: Source,
        settings: Arc<Settings>,
        wired: &Wired,
        tls: Option<TlsReloader>,
    ) -> Self {
        Self {
            source,
            settings,
            shared: wired.shared.clone(),
            makings: Arc::clone(&wired.makings),
            state: Arc::clone(&wired.state),
            retention: wired.retention,
            tls,
        }
    }

    /// The settings in force.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) async fn reload(&mut self) {
        self.certificate();
        match self.configuration().await {
            Ok(hash) => events::ConfigReloaded { hash: &hash }.emit(&self.shared.metrics),
            Err(reason) => {
                let refused = events::ReloadRefused {
                    what: "configuration",
                    reason: &reason,
                };
                refused.emit(&self.shared.metrics);
            }
        }
    }

    /// A certificate that was replaced, and a key whose time has come, need no signal.
    pub(super) async fn refresh(&mut self) {
        self.certificate();
        if let Err(reason) = self.keys().await {
            tracing::warn!("keys not agreed on: {reason}");
        }
    }

    /// Agrees again; the requests get new keys only if another one seals now.
    async fn keys(&self) -> Result<(), String> {
        let settings = &self.settings;
        let masters = master_keys(settings);
        let agreed = agree(
            self.shared.store.as_ref(),
            &masters,
            settings.store.shards,
            self.retention,
        )
        .await
        .map_err(|error| error.to_string())?;
        let before = self.shared.live.load_full();
        if before.ring.newest().id != agreed.ring.newest().id {
            let live = assemble::live(settings, agreed.ring, &self.makings, Some(&before))
                .map_err(|error| error.to_string())?;
            tracing::info!(key.id = %live.ring.newest().id, "another key seals now");
            self.shared.live.store(Arc::new(live));
        }
        self.state.agreed(agreed.meta);
        Ok(())
    }

    fn certificate(&self) {
        let Some(tls) = &self.tls else {
            return;
        };
        match tls.reload() {
            Ok(Reloaded::Changed { not_after_s }) => {
                events::CertificateReloaded { not_after_s }.emit(&self.shared.metrics);
            }
            Ok(Reloaded::Unchanged) => {}
            Err(error) => {
                let reason = error.to_string();
                let refused = events::ReloadRefused {
                    what: "certificate",
                    reason: &reason,
                };
                refused.emit(&self.shared.metrics);
            }
        }
    }

    /// Everything is made ready before anything is replaced.
    async fn configuration(&mut self) -> Result<String, String> {
        let Loaded {
            settings,
            warnings,
            hash,
        } = self.load()?;
        config::reloadable_difference(&self.settings, &settings)
            .map_err(|changed| format!("these need a restart: {}", changed.join(", ")))?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let masters = master_keys(&settings);
        let store = self.shared.store.as_ref();
        let agreed = agree(store, &masters, settings.store.shards, self.retention)
            .await
            .map_err(|error| error.to_string())?;
        let before = self.shared.live.load_full();
        let live = assemble::live(&settings, agreed.ring, &self.makings, Some(&before))
            .map_err(|error| error.to_string())?;
        let watching =
            assemble::watching(&settings, &live.ring).map_err(|error| error.to_string())?;
        self.shared.live.store(Arc::new(live));
        self.shared.lookout.set(watching);
        self.state.agreed(agreed.meta);
        self.settings = Arc::new(settings);
        Ok(hash)
    }

    fn load(&self) -> Result<Loaded, String> {
        match &self.source {
            Source::File(path) => config::load(path).map_err(|error| error.to_string()),
            Source::Sandbox => Settings::sandbox(Path::new(super::SANDBOX_DIRECTORY))
                .map_err(|error| error.to_string()),
        }
    }
}
