//! What an operator says about Redis.

use std::fmt;
use std::time::Duration;

/// Where Redis is and how it is used.
#[derive(Clone)]
pub struct RedisSettings {
    /// `redis://` or `rediss://`, with user, password and database number.
    pub url: String,
    /// Certificates to trust instead of the public ones, in PEM.
    pub ca_pem: Option<Vec<u8>>,
    pub connect_timeout: Duration,
    /// One try; a whole call ends within a second.
    pub response_timeout: Duration,
    /// From this part of `maxmemory` on nothing more is sent.
    pub memory_guard_ratio: f64,
    /// How long a record outlives its verification.
    pub retention_ms: u64,
    /// Begins every key; without braces.
    pub prefix: String,
}

impl RedisSettings {
    /// The settings with everything but the address as usual.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ca_pem: None,
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_millis(250),
            memory_guard_ratio: 0.85,
            retention_ms: 86_400_000,
            prefix: "ww:".to_owned(),
        }
    }
}

impl fmt::Debug for RedisSettings {
    /// The URL may hold a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RedisSettings")
            .field("prefix", &self.prefix)
            .field("has_ca", &self.ca_pem.is_some())
            .finish_non_exhaustive()
    }
}
