//! Reads `[store]` and `[[keys]]`.

use jiff::Timestamp;

use super::address::check_redis_url;
use super::reader::Section;
use super::secret::MasterKey;
use super::settings::{KeySettings, StoreBackend, StoreSettings};
use super::words;
use crate::store::Durability;

#[derive(Clone, Copy)]
enum Kind {
    Redis,
    Embedded,
    Memory,
}

pub(super) fn read(section: &Section<'_>) -> StoreSettings {
    let durabilities = [
        ("memory", Durability::Memory),
        ("redis-volatile", Durability::RedisVolatile),
        ("redis-everysec", Durability::RedisEverysec),
        ("redis-always", Durability::RedisAlways),
        ("replicated", Durability::Replicated),
        ("disk", Durability::Disk),
    ];
    StoreSettings {
        backend: backend(section),
        connect_timeout: section.milliseconds("connect_timeout_ms", 50..=30_000),
        response_timeout: section.milliseconds("response_timeout_ms", 10..=10_000),
        durability: section.choice("durability", &durabilities),
        memory_guard_ratio: section
            .fraction("memory_guard_ratio", &(0.1..=0.99))
            .unwrap_or(0.1),
        shards: u16::try_from(section.integer("shards", 1..=4_096)).unwrap_or(1),
        retention: section.seconds("retention_s", 600..=7_776_000),
    }
}

fn backend(section: &Section<'_>) -> StoreBackend {
    let kinds = [
        ("redis", Kind::Redis),
        ("embedded", Kind::Embedded),
        ("memory", Kind::Memory),
    ];
    let kind = section.choice("kind", &kinds);
    let url = section.text_or_file("url", "url_file");
    if url.as_ref().is_some_and(|url| url.expose().contains('@')) {
        section.note_inline_secret("url");
    }
    let ca_file = section.file("ca_file");
    let prefix = section.parsed("prefix", key_prefix);
    let path = section.file("path");
    if let Some(fix) = url
        .as_ref()
        .and_then(|url| check_redis_url(url.expose()).err())
    {
        section.mistake(section.set_one(&["url", "url_file"]), fix);
    }
    match kind {
        Some(Kind::Redis) => {
            let Some(url) = url else {
                if !section.has("url_file") {
                    section.mistake(
                        "url",
                        "missing: kind = \"redis\" needs it, such as redis://127.0.0.1:6379/0",
                    );
                }
                return StoreBackend::Memory;
            };
            if ca_file.is_some() && !url.expose().starts_with("rediss://") {
                section.mistake(
                    "ca_file",
                    "has no effect without TLS: write rediss:// in url",
                );
            }
            StoreBackend::Redis {
                url,
                ca_file,
                prefix: prefix.unwrap_or_default(),
            }
        }
        Some(Kind::Embedded) => {
            let Some(path) = path else {
                section.mistake(
                    "path",
                    "missing: kind = \"embedded\" needs it, such as /var/lib/watchword/store",
                );
                return StoreBackend::Memory;
            };
            StoreBackend::Embedded { path }
        }
        Some(Kind::Memory) => {
            section.reading().warn(
                "store.kind",
                "is \"memory\": a restart forgets every verification and every limit",
            );
            StoreBackend::Memory
        }
        None => {
            if !section.has("kind") {
                section.mistake(
                    "kind",
                    "missing: set it to \"redis\", \"embedded\" or \"memory\"",
                );
            }
            StoreBackend::Memory
        }
    }
}

fn key_prefix(text: &str) -> Result<String, String> {
    // Braces would move the hash tag that keeps a shard's keys together.
    let fits = text.len() <= 32
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'.'));
    if fits {
        Ok(text.to_owned())
    } else {
        Err("must be at most 32 of letters, digits and : - _ .".to_owned())
    }
}

pub(super) fn read_keys(root: &Section<'_>) -> Vec<KeySettings> {
    let keys: Vec<KeySettings> = root.sections("keys", 16).iter().map(read_key).collect();
    if !root.has("keys") {
        root.mistake(
            "keys",
            "missing: `watchword keys new` prints a [[keys]] block to paste",
        );
    } else if keys.is_empty() && !root.reading().is_mistaken("keys") {
        root.mistake(
            "keys",
            "must have at least one key: `watchword keys new` prints one",
        );
    }
    keys
}

fn read_key(section: &Section<'_>) -> KeySettings {
    section.required_text("id", "\"k1\"");
    let id = section.parsed("id", words::identifier).unwrap_or_default();
    let active_from = section.parsed("active_from", |text| {
        text.parse::<Timestamp>()
            .map_err(|_| "must be a time in RFC 3339, such as 2026-01-31T12:00:00Z".to_owned())
    });
    KeySettings {
        id,
        secret: read_key_secret(section).unwrap_or_else(|| MasterKey::new([0; 32])),
        active_from,
    }
}

fn read_key_secret(section: &Section<'_>) -> Option<MasterKey> {
    let secret = section.secret("secret", "secret_file");
    if secret.is_none() && !section.has("secret_file") && !section.has("secret") {
        section.mistake(
            "secret",
            "missing: set it or secret_file; `watchword keys new` prints one",
        );
    }
    let secret = secret.filter(|secret| !secret.is_documented())?;
    let key = MasterKey::from_base64(secret.expose());
    let from = section.set_one(&["secret", "secret_file"]);
    match &key {
        None => section.mistake(
            from,
            "must be the base64 of 32 bytes: `watchword keys new` prints one",
        ),
        Some(key) if key.is_blank() => section.mistake(from, "is no key: all its bytes are alike"),
        Some(_) => {}
    }
    key
}
