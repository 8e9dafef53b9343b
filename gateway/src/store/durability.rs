//! What a store promises about what it was told: its tiers, by name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the store promises about what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// Forgets when the process ends.
    Memory,
    /// Redis without persistence: survives the gateway, not Redis.
    RedisVolatile,
    /// Redis with `appendfsync everysec`: power loss costs up to about 2 s.
    RedisEverysec,
    /// Redis with `appendfsync always`.
    RedisAlways,
    /// At least one replica has acknowledged.
    Replicated,
    /// The embedded store, synced before the reply.
    Disk,
    /// The server will not say.
    Unverified,
}

impl Durability {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::RedisVolatile => "redis-volatile",
            Self::RedisEverysec => "redis-everysec",
            Self::RedisAlways => "redis-always",
            Self::Replicated => "replicated",
            Self::Disk => "disk",
            Self::Unverified => "unverified",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Memory,
            Self::RedisVolatile,
            Self::RedisEverysec,
            Self::RedisAlways,
            Self::Replicated,
            Self::Disk,
            Self::Unverified,
        ]
        .into_iter()
        .find(|durability| durability.as_str() == text)
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
