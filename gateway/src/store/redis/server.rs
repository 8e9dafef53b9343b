//! What the server says of itself: its version, its memory, and how safely it
//! keeps what it was told.

use ::redis::cmd;

use super::link::Link;
use crate::store::{Durability, StoreError};

/// The lines of `INFO` that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ServerInfo {
    pub(super) major_version: u32,
    pub(super) used_memory: u64,
    /// 0: no bound.
    pub(super) maxmemory: u64,
    pub(super) evicts: bool,
    pub(super) is_append_only: bool,
    /// Its keys lie in slots, and a script may touch one of them.
    pub(super) is_cluster: bool,
    /// What could not be read from `INFO` at all.
    pub(super) is_silent: bool,
}

impl ServerInfo {
    pub(super) fn parse(text: &str) -> Self {
        let value_of = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(':'));
            lines
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.trim())
        };
        let number = |name| {
            value_of(name)
                .and_then(|value| value.parse().ok())
                .unwrap_or(0)
        };
        let maxmemory = number("maxmemory");
        let policy = value_of("maxmemory_policy").unwrap_or("noeviction");
        Self {
            major_version: value_of("redis_version")
                .and_then(|version| version.split('.').next()?.parse().ok())
                .unwrap_or(0),
            used_memory: number("used_memory"),
            maxmemory,
            evicts: maxmemory > 0 && policy != "noeviction",
            is_append_only: value_of("aof_enabled") == Some("1"),
            is_cluster: value_of("redis_mode") == Some("cluster"),
            is_silent: value_of("aof_enabled").is_none(),
        }
    }

    /// Used part of what may be used; `None` without a bound.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a ratio for people and a threshold"
    )]
    pub(super) fn memory_used_ratio(&self) -> Option<f64> {
        (self.maxmemory > 0).then(|| self.used_memory as f64 / self.maxmemory as f64)
    }
}

/// Reads `INFO`.
///
/// # Errors
///
/// Those of [`Link::ask`].
pub(super) async fn info(link: &Link) -> Result<ServerInfo, StoreError> {
    let answer = link.ask(cmd("INFO")).await?;
    let text: String = ::redis::from_redis_value(answer).unwrap_or_default();
    Ok(ServerInfo::parse(&text))
}

/// How safely the server keeps what it was told, as far as it says.
///
/// # Errors
///
/// [`StoreError::Unavailable`] if it cannot be asked at all.
pub(super) async fn durability(link: &Link, info: &ServerInfo) -> Result<Durability, StoreError> {
    if info.is_silent {
        return Ok(Durability::Unverified);
    }
    if !info.is_append_only {
        return Ok(Durability::RedisVolatile);
    }
    let mut question = cmd("CONFIG");
    question.arg("GET").arg("appendfsync");
    // Many operators do not let anybody read the configuration.
    let Ok(answer) = link.ask(question).await else {
        return Ok(Durability::Unverified);
    };
    let pair: Vec<String> = ::redis::from_redis_value(answer).unwrap_or_default();
    Ok(match pair.get(1).map(String::as_str) {
        Some("always") => Durability::RedisAlways,
        Some("everysec") => Durability::RedisEverysec,
        Some("no") => Durability::RedisVolatile,
        Some(_) | None => Durability::Unverified,
    })
}

/// The server's clock, in ms since the Unix epoch.
///
/// # Errors
///
/// Those of [`Link::ask`].
pub(super) async fn clock_ms(link: &Link) -> Result<u64, StoreError> {
    let answer = link.ask(cmd("TIME")).await?;
    let (seconds, micros): (u64, u64) = ::redis::from_redis_value(answer).unwrap_or_default();
    Ok(seconds.saturating_mul(1000).saturating_add(micros / 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_info_that_matter_are_read() {
        let info = ServerInfo::parse(
            "# Server\r\nredis_version:7.0.15\r\nused_memory:850\r\nmaxmemory:1000\r\n\
             maxmemory_policy:allkeys-lru\r\naof_enabled:1\r\nredis_mode:cluster\r\n",
        );
        assert_eq!(info.major_version, 7);
        assert_eq!(info.memory_used_ratio(), Some(0.85));
        assert!(info.evicts && info.is_append_only && info.is_cluster && !info.is_silent);
    }

    #[test]
    fn an_empty_answer_promises_nothing() {
        let info = ServerInfo::parse("");
        assert!(info.is_silent);
        assert_eq!(info.memory_used_ratio(), None);
    }
}
