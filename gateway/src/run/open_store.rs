//! Opening the configured store.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{OPEN_STORE, RunError};
use crate::clock::{Clock, SystemClock};
use crate::config::{Settings, StoreBackend};
use crate::store::embedded::{self, EmbeddedStore};
use crate::store::redis::{RedisSettings, RedisStore};
use crate::store::{Store, StoreError};

/// Opens the store and holds it to the durability the operator asked for.
pub(super) async fn open(settings: &Settings) -> Result<Arc<dyn Store>, RunError> {
    let store: Arc<dyn Store> = match &settings.store.backend {
        StoreBackend::Redis {
            url,
            ca_file,
            prefix,
        } => {
            let ca_pem = ca_file
                .as_deref()
                .map(|path| {
                    std::fs::read(path).map_err(|error| {
                        RunError::Store(format!("store.ca_file {}: {error}", path.display()))
                    })
                })
                .transpose()?;
            let redis = RedisSettings {
                url: url.expose().to_owned(),
                ca_pem,
                connect_timeout: settings.store.connect_timeout,
                response_timeout: settings.store.response_timeout,
                memory_guard_ratio: settings.store.memory_guard_ratio,
                retention_ms: retention_ms(settings),
                prefix: prefix.clone(),
            };
            Arc::new(open_redis(&redis).await?)
        }
        StoreBackend::Embedded { path } => {
            let opened = EmbeddedStore::open(path, &embedded_settings(settings), clock());
            Arc::new(opened.map_err(|error| RunError::Store(error.to_string()))?)
        }
        StoreBackend::Memory => {
            tracing::warn!(
                "store.kind = \"memory\": everything is forgotten when this process ends"
            );
            let opened = EmbeddedStore::in_memory(&embedded_settings(settings), clock());
            Arc::new(opened.map_err(|error| RunError::Store(error.to_string()))?)
        }
    };
    hold_to_durability(settings, store.as_ref()).await?;
    Ok(store)
}

/// A Redis that is just starting gets a little time.
async fn open_redis(settings: &RedisSettings) -> Result<RedisStore, RunError> {
    let give_up = Instant::now() + OPEN_STORE;
    loop {
        let clock = clock();
        match RedisStore::open(settings, clock).await {
            Ok(store) => return Ok(store),
            Err(error) if Instant::now() < give_up && is_passing(&error) => {
                tracing::warn!("store not open yet: {error}");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(error) => return Err(RunError::Store(error.to_string())),
        }
    }
}

fn is_passing(error: &StoreError) -> bool {
    match error {
        StoreError::Unavailable { .. } | StoreError::OutcomeUnknown { .. } => true,
        StoreError::Full
        | StoreError::ClockSkew { .. }
        | StoreError::UnknownFormat
        | StoreError::Damaged { .. } => false,
    }
}

async fn hold_to_durability(settings: &Settings, store: &dyn Store) -> Result<(), RunError> {
    let health = store
        .health()
        .await
        .map_err(|error| RunError::Store(error.to_string()))?;
    match settings.store.durability {
        Some(required) if required != health.durability => Err(RunError::Store(format!(
            "store.durability = \"{required}\" is asked for, but the store is {}: change the store's persistence or the setting",
            health.durability
        ))),
        Some(_) | None => {
            tracing::info!(durability = %health.durability, "store open");
            Ok(())
        }
    }
}

fn embedded_settings(settings: &Settings) -> embedded::Settings {
    embedded::Settings {
        retention_ms: retention_ms(settings),
        ..embedded::Settings::default()
    }
}

pub(super) fn retention_ms(settings: &Settings) -> u64 {
    u64::try_from(settings.store.retention.as_millis()).unwrap_or(u64::MAX)
}

fn clock() -> Arc<dyn Fn() -> u64 + Send + Sync> {
    Arc::new(|| SystemClock.now_ms())
}
