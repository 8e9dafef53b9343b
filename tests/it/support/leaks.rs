//! Searches everything a thief or a support engineer could read for what must
//! not be there: codes, full numbers, API keys, master keys, the names of
//! subjects, and what lets a person back in.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use redis::aio::MultiplexedConnection;
use redis::{AsyncIter, Value};

use super::redis_server::RedisServer;

/// Keys may live for ever only with one of these words in their name.
const WITHOUT_TTL: [&str; 4] = ["ledger", "shard", "subject", "meta"];

/// A secret, and what to call it when it is found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Secret {
    bytes: Vec<u8>,
    /// Says enough to find the test's line, and does not repeat the secret.
    kind: &'static str,
    /// Found only where no letter, digit or underscore stands beside it: short
    /// codes are parts of ids and times by chance.
    is_word: bool,
}

/// Everything that must not be found.
#[derive(Clone, Default)]
pub(crate) struct Secrets(BTreeSet<Secret>);

impl Secrets {
    pub(crate) fn add_code(&mut self, code: &str) {
        self.add("a code", code.as_bytes(), true);
    }

    /// In each of its forms: E.164, MSISDN, national.
    pub(crate) fn add_number(&mut self, e164: &str) {
        let msisdn = e164.trim_start_matches('+').as_bytes();
        self.add("a number", msisdn, false);
        // Both countries that tests use have ten national digits.
        if let Some(national) = msisdn.last_chunk::<10>() {
            self.add("a number without its country", national, true);
        }
    }

    /// A text such as an API key or a webhook secret.
    pub(crate) fn add_text(&mut self, kind: &'static str, text: &str) {
        self.add(kind, text.as_bytes(), false);
    }

    /// What people type in groups, such as a recovery code or an undo token: as it
    /// is shown, and as it is compared.
    pub(crate) fn add_grouped(&mut self, kind: &'static str, shown: &str) {
        let plain: String = shown.split('-').collect();
        for text in [shown, &plain, &plain.to_lowercase(), &plain.to_uppercase()] {
            self.add_text(kind, text);
        }
    }

    /// Raw, and as hexadecimal digits.
    pub(crate) fn add_bytes(&mut self, kind: &'static str, bytes: &[u8]) {
        self.add(kind, bytes, false);
        self.add(kind, super::hex(bytes).as_bytes(), false);
    }

    fn add(&mut self, kind: &'static str, bytes: &[u8], is_word: bool) {
        assert!(bytes.len() >= 4, "so short a secret is found everywhere");
        self.0.insert(Secret {
            bytes: bytes.to_vec(),
            kind,
            is_word,
        });
    }

    /// # Panics
    ///
    /// If one of the secrets stands in `bytes`; shows what is around it.
    pub(crate) fn assert_absent(&self, place: &str, bytes: &[u8]) {
        let index = Index::new(self);
        if let Some((secret, at)) = index.find(bytes) {
            let from = at.saturating_sub(120);
            let to = (at + secret.bytes.len() + 40).min(bytes.len());
            let around = String::from_utf8_lossy(&bytes[from..to]);
            panic!("{} leaked to {place}: ..{around}..", secret.kind);
        }
    }
}

/// The secrets by their first four bytes, so that megabytes are searched in
/// one pass for thousands of them.
struct Index<'a>(std::collections::HashMap<[u8; 4], Vec<&'a Secret>>);

impl<'a> Index<'a> {
    fn new(secrets: &'a Secrets) -> Self {
        let mut index: std::collections::HashMap<[u8; 4], Vec<&'a Secret>> = Default::default();
        for secret in &secrets.0 {
            let start = secret
                .bytes
                .first_chunk()
                .expect("secrets are not so short");
            index.entry(*start).or_default().push(secret);
        }
        Self(index)
    }

    fn find(&self, bytes: &[u8]) -> Option<(&'a Secret, usize)> {
        bytes.windows(4).enumerate().find_map(|(at, start)| {
            let candidates = self.0.get(start)?;
            let found = candidates.iter().find(|secret| {
                bytes[at..].starts_with(&secret.bytes)
                    && (!secret.is_word || stands_alone(bytes, at, secret.bytes.len()))
            });
            found.map(|secret| (*secret, at))
        })
    }
}

fn stands_alone(bytes: &[u8], at: usize, length: usize) -> bool {
    let joins = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let before = at.checked_sub(1).and_then(|index| bytes.get(index));
    let after = bytes.get(at + length);
    !before.is_some_and(joins) && !after.is_some_and(joins)
}

/// Searches the whole of a Redis: names, values, slow log and files, and looks
/// for keys that would stay for ever.
pub(crate) async fn assert_redis_is_clean(redis: &RedisServer, secrets: &Secrets) {
    let mut connection = redis.connection().await;
    let mut dump = Vec::new();
    let mut immortal = Vec::new();
    for key in all_keys(&mut connection).await {
        dump.extend_from_slice(&key);
        dump.push(b'\n');
        flatten(&read_value(&mut connection, &key).await, &mut dump);
        let ttl: i64 = redis::cmd("PTTL")
            .arg(&key)
            .query_async(&mut connection)
            .await
            .expect("Redis answers");
        let name = String::from_utf8_lossy(&key).into_owned();
        if ttl == -1 && !WITHOUT_TTL.iter().any(|word| name.contains(word)) {
            immortal.push(name);
        }
    }
    assert!(immortal.is_empty(), "these keys have no TTL: {immortal:?}");
    secrets.assert_absent("the values in Redis", &dump);
    let slow_log: Value = redis::cmd("SLOWLOG")
        .arg("GET")
        .arg(-1)
        .query_async(&mut connection)
        .await
        .expect("Redis answers");
    let mut commands = Vec::new();
    flatten(&slow_log, &mut commands);
    secrets.assert_absent("the slow log of Redis", &commands);
    redis::cmd("SAVE")
        .query_async::<()>(&mut connection)
        .await
        .expect("Redis can save");
    assert_files_are_clean(redis.directory(), secrets);
}

async fn all_keys(connection: &mut MultiplexedConnection) -> Vec<Vec<u8>> {
    let mut scan = redis::cmd("SCAN");
    scan.cursor_arg(0).arg("COUNT").arg(1000);
    let mut iterator: AsyncIter<'_, Vec<u8>> =
        scan.iter_async(connection).await.expect("Redis answers");
    let mut keys = Vec::new();
    while let Some(key) = iterator.next_item().await {
        keys.push(key.expect("key names are bytes"));
    }
    keys
}

/// A key's value as Redis sends it, whatever its type.
async fn read_value(connection: &mut MultiplexedConnection, key: &[u8]) -> Value {
    let kind: String = redis::cmd("TYPE")
        .arg(key)
        .query_async(connection)
        .await
        .expect("Redis answers");
    let mut command = match kind.as_str() {
        // Expired since the scan.
        "none" => return Value::Nil,
        "string" => redis::cmd("GET"),
        "hash" => redis::cmd("HGETALL"),
        "set" => redis::cmd("SMEMBERS"),
        "zset" | "list" => redis::cmd(if kind == "list" { "LRANGE" } else { "ZRANGE" }),
        other => panic!("teach the leak scan to read a {other}"),
    };
    command.arg(key);
    if kind == "zset" || kind == "list" {
        command.arg(0).arg(-1);
    }
    command
        .query_async(connection)
        .await
        .expect("Redis answers")
}

/// Every byte of a reply, one piece a line.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what is neither text nor made of replies is printed, whatever it is"
)]
fn flatten(value: &Value, into: &mut Vec<u8>) {
    match value {
        Value::BulkString(bytes) => into.extend_from_slice(bytes),
        Value::SimpleString(text) => into.extend_from_slice(text.as_bytes()),
        Value::Array(items) | Value::Set(items) => {
            for item in items {
                flatten(item, into);
            }
        }
        Value::Map(pairs) => {
            for (key, item) in pairs {
                flatten(key, into);
                flatten(item, into);
            }
        }
        _ => into.extend_from_slice(format!("{value:?}").as_bytes()),
    }
    into.push(b'\n');
}

/// Searches every file of a directory and of those in it.
pub(crate) fn assert_files_are_clean(directory: &Path, secrets: &Secrets) {
    for entry in fs::read_dir(directory).expect("a directory of the test") {
        let path = entry.expect("a readable directory").path();
        if path.is_dir() {
            assert_files_are_clean(&path, secrets);
        } else if path.file_name().is_some_and(|name| name != "gateway.toml") {
            // Gone by now: a temporary file of its owner.
            let bytes = fs::read(&path).unwrap_or_default();
            secrets.assert_absent(&path.display().to_string(), &bytes);
        }
    }
}
