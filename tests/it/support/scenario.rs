//! One test's world: a Redis or a directory, providers, gateways and their
//! keys. [`Scenario::finish`] ends it and looks for what must not be left.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::client::Client;
use super::fake_provider::FakeProvider;
use super::gateway_config::{GatewayConfig, ProviderEntry, TestKey, TestTenant};
use super::gateway_process::Gateway;
use super::leaks::{self, Secrets};
use super::redis_server::{RedisOptions, RedisServer};

/// How long a message may take to a provider that is well, on a busy machine.
pub(crate) const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

/// Where a scenario's gateways keep their records.
pub(crate) enum TestStore {
    Redis(Box<RedisServer>),
    /// A file in the scenario's directory; for one gateway at a time.
    Embedded,
}

/// A test that ends without [`Scenario::finish`] fails.
pub(crate) struct Scenario {
    /// Gateways keep their logs and files here.
    directory: TempDir,
    pub(crate) store: TestStore,
    pub(crate) key: TestKey,
    pub(crate) acme: TestTenant,
    pub(crate) other: TestTenant,
    providers: Vec<FakeProvider>,
    gateways: Vec<Gateway>,
    secrets: Secrets,
    is_finished: bool,
}

impl Scenario {
    pub(crate) async fn on_redis() -> Self {
        let options = RedisOptions::default().searchable();
        let starting = tokio::task::spawn_blocking(|| RedisServer::start_with(options));
        let redis = starting.await.expect("starting it does not panic");
        Self::on(TestStore::Redis(Box::new(redis)))
    }

    pub(crate) fn on_embedded() -> Self {
        Self::on(TestStore::Embedded)
    }

    pub(crate) fn on(store: TestStore) -> Self {
        Self {
            directory: tempfile::tempdir().expect("a temporary directory"),
            store,
            key: TestKey::random("k1"),
            acme: TestTenant::random("acme"),
            other: TestTenant::random("other"),
            providers: Vec::new(),
            gateways: Vec::new(),
            secrets: Secrets::default(),
            is_finished: false,
        }
    }

    /// # Panics
    ///
    /// If this scenario's store is another.
    pub(crate) fn redis(&self) -> &RedisServer {
        match &self.store {
            TestStore::Redis(redis) => redis,
            TestStore::Embedded => panic!("this scenario has no Redis"),
        }
    }

    /// The file of an embedded store.
    pub(crate) fn store_path(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    pub(crate) async fn provider(&mut self, id: &str) -> FakeProvider {
        let provider = FakeProvider::start(id).await;
        self.providers.push(provider.clone());
        provider
    }

    /// Generous limits, both tenants, and these providers as hops in order.
    pub(crate) fn config(&self, providers: &[&FakeProvider]) -> GatewayConfig {
        let mut config = self.config_without_providers();
        for provider in providers {
            config.provider(ProviderEntry::new(provider));
        }
        config
    }

    pub(crate) fn config_without_providers(&self) -> GatewayConfig {
        let tenants = [self.acme.clone(), self.other.clone()];
        let mut config = GatewayConfig::new(std::slice::from_ref(&self.key), &tenants);
        config.generous_limits();
        match &self.store {
            TestStore::Redis(redis) => config.store_redis(&redis.url()),
            TestStore::Embedded => config.store_embedded(&self.store_path()),
        };
        config
    }

    /// A gateway that is not started yet.
    pub(crate) fn gateway(&mut self, name: &str) -> Gateway {
        let gateway = Gateway::new(name, self.directory.path());
        self.gateways.push(gateway.clone());
        gateway
    }

    /// A gateway that is ready.
    pub(crate) async fn started(&mut self, name: &str, config: &GatewayConfig) -> Gateway {
        let gateway = self.gateway(name);
        gateway.start(config).await;
        gateway
    }

    /// Calls a gateway as the tenant `acme`.
    pub(crate) fn client(&self, gateway: &Gateway) -> Client {
        gateway.client(&self.acme.api_key)
    }

    /// One more thing that must not be found at the end.
    pub(crate) fn secrets(&mut self) -> &mut Secrets {
        &mut self.secrets
    }

    /// Ends every gateway and searches logs, metrics, files and the whole store
    /// for codes, numbers and keys, and for keys without a TTL.
    pub(crate) async fn finish(mut self) {
        self.is_finished = true;
        let secrets = self.all_secrets();
        for gateway in &self.gateways {
            if gateway.is_running() {
                let metrics = gateway.metrics().await;
                secrets.assert_absent("the metrics", metrics.as_bytes());
                let ended = gateway.terminate().await;
                assert!(
                    ended.success(),
                    "a gateway ended with {ended}:\n{}",
                    gateway.log()
                );
            }
            let log = gateway.log();
            assert!(!log.contains("panicked at"), "a gateway panicked:\n{log}");
        }
        leaks::assert_files_are_clean(self.directory.path(), &secrets);
        if let TestStore::Redis(redis) = &self.store {
            leaks::assert_redis_is_clean(redis, &secrets).await;
        }
        for provider in &self.providers {
            provider.assert_all_were_signed();
        }
    }

    /// What the test named, and everything that reached a provider.
    pub(crate) fn all_secrets(&self) -> Secrets {
        let mut secrets = self.secrets.clone();
        secrets.add_bytes("a master key", &self.key.bytes);
        secrets.add_text("a master key", &self.key.base64());
        for tenant in [&self.acme, &self.other] {
            secrets.add_text("an API key", &tenant.api_key);
        }
        for provider in &self.providers {
            secrets.add_text("a webhook secret", provider.secret().text());
            for submission in provider.submissions() {
                // A tenant's own text need not have a code, and a notice has
                // tokens, whose halves may be four digits.
                if submission.code.len() > 4 {
                    secrets.add_code(&submission.code);
                }
                secrets.add_number(&submission.to);
            }
        }
        secrets
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for gateway in &self.gateways {
                let log = gateway.log();
                let end = log.lines().rev().take(15).collect::<Vec<_>>();
                eprintln!(
                    "the end of a gateway's log, newest first:\n{}",
                    end.join("\n")
                );
            }
        } else {
            assert!(self.is_finished, "a scenario ends with finish()");
        }
    }
}
