//! Keeps the connection to Redis alive: makes it, and replaces it when it was
//! given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ::redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use ::redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo, ProtocolVersion, TlsCertificates,
};
use tokio::time::{Instant, sleep, timeout};

use super::{Connected, Shared, failure, unavailable};
use crate::store::StoreError;
use crate::store::redis::RedisSettings;

const BACKOFF_FIRST: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(1);
/// Commands that may wait for their turn to be written.
const QUEUE_MAX: usize = 1024;

/// Replaces lost connections, one try at a time.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    client: Client,
    config: AsyncConnectionConfig,
    connect_timeout: Duration,
}

impl Keeper {
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the settings are not valid.
    pub(super) fn new(shared: Arc<Shared>, settings: &RedisSettings) -> Result<Self, StoreError> {
        Ok(Self {
            shared,
            client: client(settings)?,
            config: AsyncConnectionConfig::new()
                .set_connection_timeout(Some(settings.connect_timeout))
                // Every try has a deadline of its own.
                .set_response_timeout(None)
                .set_pipeline_buffer_size(QUEUE_MAX),
            connect_timeout: settings.connect_timeout,
        })
    }

    pub(super) async fn run(self) {
        let mut wait = BACKOFF_FIRST;
        let mut connected_at = Instant::now();
        loop {
            self.shared.lost.notified().await;
            if connected_at.elapsed() > BACKOFF_MAX {
                wait = BACKOFF_FIRST;
            } else {
                // It did not last: a replica, perhaps. Not in a tight circle.
                sleep(wait).await;
                wait = (wait * 2).min(BACKOFF_MAX);
            }
            tracing::warn!("the connection to Redis is lost");
            while let Err(error) = self.connect().await {
                tracing::debug!(%error, "Redis cannot be reached");
                sleep(wait).await;
                wait = (wait * 2).min(BACKOFF_MAX);
            }
            connected_at = Instant::now();
            tracing::info!("connected to Redis again");
        }
    }

    pub(super) async fn connect(&self) -> Result<(), StoreError> {
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&self.config);
        let connection = timeout(self.connect_timeout, connecting)
            .await
            .map_err(|_| unavailable("Redis did not answer a new connection in time"))?
            .map_err(|error| unavailable(failure(&error)))?;
        let number = self.shared.connections_made.fetch_add(1, Ordering::Relaxed);
        self.shared.current.store(Some(Arc::new(Connected {
            connection,
            number,
            timeouts_in_a_row: AtomicU32::new(0),
        })));
        self.shared.found.notify_waiters();
        Ok(())
    }
}

fn client(settings: &RedisSettings) -> Result<Client, StoreError> {
    let invalid = |_| unavailable("the URL of Redis is not valid, or its CA file is not");
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(5))
        .with_interval(Duration::from_secs(1))
        .with_retries(3);
    let tcp = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(keepalive)
        .set_user_timeout(Duration::from_secs(2));
    let info = settings
        .url
        .as_str()
        .into_connection_info()
        .map_err(invalid)?;
    let redis = info
        .redis_settings()
        .clone()
        .set_protocol(ProtocolVersion::RESP2)
        // Needs a permission that nothing else needs.
        .set_skip_set_lib_name();
    let info = info.set_tcp_settings(tcp).set_redis_settings(redis);
    match &settings.ca_pem {
        Some(pem) => Client::build_with_tls(
            info,
            TlsCertificates {
                client_tls: None,
                root_cert: Some(pem.clone()),
            },
        ),
        None => Client::open(info),
    }
    .map_err(invalid)
}
