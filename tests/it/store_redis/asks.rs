//! Questions to a store, as plain as a test needs them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use watchword::admission::gcra::GcraRule;
use watchword::delivery::{DispatchPolicy, NewDelivery};
use watchword::id::{RecordId, Shard};
use watchword::store::redis::{RedisSettings, RedisStore, UnixClock};
use watchword::verification::{
    Check, ClientClass, CodeDigest, IdentityTag, NumberTag, OperationId, RecordKind, SendPolicy,
    Start, TenantTag,
};
use watchword_providers::Channel;

use crate::support::redis_server::RedisServer;

#[expect(clippy::disallowed_methods, reason = "a test is its own clock")]
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.expect("the epoch is past").as_millis()).expect("it fits for long")
}

pub(crate) fn unix_clock() -> UnixClock {
    Arc::new(unix_ms)
}

pub(crate) async fn open(server: &RedisServer) -> RedisStore {
    RedisStore::open(&RedisSettings::new(server.url()), unix_clock())
        .await
        .expect("the server is fit for use")
}

pub(crate) fn shard() -> Shard {
    Shard::new(7).expect("7 is a shard")
}

pub(crate) fn record_id(number: u8) -> RecordId {
    RecordId {
        shard: shard(),
        random: [number; 16],
    }
}

pub(crate) const TENANT: TenantTag = TenantTag(*b"tenant-1");

pub(crate) fn operation(number: u8) -> OperationId {
    OperationId([number; 16])
}

pub(crate) fn digest(code: &str) -> CodeDigest {
    let mut mac = [0; 32];
    mac[..code.len()].copy_from_slice(code.as_bytes());
    CodeDigest {
        key_id: "k1".into(),
        mac: mac.to_vec(),
    }
}

pub(crate) fn send_policy() -> SendPolicy {
    SendPolicy {
        rules: vec![
            GcraRule {
                count: 2,
                per_ms: 60_000,
            },
            GcraRule {
                count: 5,
                per_ms: 600_000,
            },
        ],
        resend_waits_ms: vec![30_000, 60_000, 120_000],
        sends_max: 5,
        live_max: 3,
        quiet_ms: 60_000,
        lease_ms: 15_000,
    }
}

pub(crate) const DISPATCH: DispatchPolicy = DispatchPolicy {
    submissions_max: 3,
    lease_ms: 15_000,
    quiet_ms: 60_000,
    lost_leases_max: 3,
};

pub(crate) fn new_delivery() -> NewDelivery {
    NewDelivery {
        channel: Channel::Sms,
        fallback: vec![Channel::Voice],
        first_provider: Some("one".into()),
    }
}

/// A start of record `number`, for a number and an identity of its own.
pub(crate) fn start(number: u8) -> Start {
    Start {
        id: record_id(number),
        kind: RecordKind::Verification,
        tenant: TENANT,
        number: NumberTag([number; 16]),
        identity: IdentityTag([number; 12]),
        custom_code: None,
        wants_new_code: false,
        client: ClientClass::Unknown,
        lifetime_ms: 600_000,
        checks_max: 5,
        digest: Some(digest("123456")),
        details: vec![number; 180],
        code: Some(vec![number; 40]),
        delivery: Some(new_delivery()),
        policy: send_policy(),
    }
}

pub(crate) fn check(number: u8, code: &str, operation_number: u8) -> Check {
    Check {
        id: record_id(number),
        tenant: TENANT,
        operation: operation(operation_number),
        client: ClientClass::Unknown,
        digests: vec![digest(code)],
    }
}
