//! Short ways to ask, so that a story shows only what it is about.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use watchword::admission::gcra::GcraRule;
use watchword::admission::limits::{LimitAsk, LimitKey, LimitRule, LimitStep};
use watchword::delivery::{
    ApplyReceipt, AttemptReceipt, Begin, DeliveryRecord, DispatchPolicy, NewDelivery, Next,
    Outcome, ReceiptApplied, Settle, Settled, SettledAttempt, Stop, Take,
};
use watchword::id::{DeliveryId, RecordId, Shard};
use watchword::store::{Checked, Started, Store, Sweep, Swept, Taken, Undo};
use watchword::verification::{
    Check, CheckAnswer, ClientClass, CodeDigest, IdentityTag, NumberTag, OperationId, Record,
    RecordKind, Resend, SendPolicy, SendRefusal, Start, TenantTag,
};
use watchword_providers::{Channel, ReceiptStatus};

use super::TestStore;

pub(super) const MINUTE_MS: u64 = 60_000;
pub(super) const DAY_MS: u64 = 86_400_000;
pub(super) const LEASE_MS: u64 = 15_000;
pub(super) const TENANT: TenantTag = TenantTag(*b"tenant_a");

pub(super) struct World {
    pub(super) store: Arc<dyn Store>,
    test: TestStore,
}

/// Differs with every call, over all stories of the process.
pub(super) fn unique() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let run = u64::from(std::process::id());
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ run;
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&mixed.to_be_bytes());
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    bytes
}

pub(super) fn operation() -> OperationId {
    OperationId(unique())
}

/// A limit of one in a minute, in a shard that is not the record's.
pub(super) fn one_a_minute() -> LimitAsk {
    LimitAsk {
        key: LimitKey {
            shard: shard(3),
            tag: unique(),
        },
        rules: vec![LimitRule::Rate(GcraRule {
            count: 1,
            per_ms: MINUTE_MS,
        })],
        step: LimitStep::Take,
        operation: operation(),
    }
}

pub(super) fn dispatch_policy() -> DispatchPolicy {
    DispatchPolicy {
        submissions_max: 3,
        lease_ms: LEASE_MS,
        quiet_ms: MINUTE_MS,
        lost_leases_max: 3,
    }
}

pub(super) fn send_policy() -> SendPolicy {
    SendPolicy {
        rules: Vec::new(),
        resend_waits_ms: vec![30_000, 60_000, 120_000],
        sends_max: 5,
        live_max: 3,
        quiet_ms: MINUTE_MS,
        lease_ms: LEASE_MS,
    }
}

pub(super) fn digest(code: &str) -> CodeDigest {
    // As long as a real one: Redis goes another way where it is not.
    let mut mac = code.as_bytes().to_vec();
    mac.resize(32, 0);
    CodeDigest {
        key_id: "k1".into(),
        mac,
    }
}

pub(super) fn by_sms(provider: Option<&str>) -> NewDelivery {
    NewDelivery {
        channel: Channel::Sms,
        fallback: Vec::new(),
        first_provider: provider.map(Into::into),
    }
}

pub(super) fn shard(number: u16) -> Shard {
    Shard::new(number).unwrap()
}

/// A start whose code is 111111, of a number nobody has used before.
pub(super) fn start() -> Start {
    Start {
        id: RecordId {
            shard: shard(7),
            random: unique(),
        },
        kind: RecordKind::Verification,
        tenant: TENANT,
        number: NumberTag(unique()),
        identity: IdentityTag([1; 12]),
        custom_code: None,
        wants_new_code: false,
        client: ClientClass::Unknown,
        lifetime_ms: 10 * MINUTE_MS,
        checks_max: 5,
        digest: Some(digest("111111")),
        details: b"sealed details".to_vec(),
        code: Some(b"sealed code".to_vec()),
        delivery: Some(by_sms(Some("one"))),
        policy: send_policy(),
    }
}

/// The same request again: another id, as every call draws one.
pub(super) fn again(first: &Start) -> Start {
    Start {
        id: RecordId {
            shard: first.id.shard,
            random: unique(),
        },
        ..first.clone()
    }
}

/// A start of another identity of the same number.
pub(super) fn other_identity(first: &Start, identity: u8) -> Start {
    Start {
        identity: IdentityTag([identity; 12]),
        ..again(first)
    }
}

pub(super) fn resend(id: RecordId) -> Resend {
    Resend {
        id,
        tenant: TENANT,
        operation: operation(),
        client: ClientClass::Unknown,
        delivery: Some(by_sms(None)),
        policy: send_policy(),
    }
}

/// Takes the resend back, and says so to nobody.
pub(super) fn undo_of(ask: &Resend) -> Undo {
    Undo {
        id: ask.id,
        was_created: false,
        operation: ask.operation,
        client: ask.client,
        policy: ask.policy.clone(),
        idempotency: None,
        refusal: b"refused so".to_vec(),
        available_at_ms: 0,
    }
}

pub(super) fn check(id: RecordId, code: &str) -> Check {
    Check {
        id,
        tenant: TENANT,
        operation: operation(),
        client: ClientClass::Unknown,
        digests: vec![digest(code)],
    }
}

pub(super) fn first_of(record: RecordId) -> DeliveryId {
    DeliveryId { record, ordinal: 1 }
}

pub(super) fn begin(fence: u32, attempt: u32) -> Begin {
    Begin {
        fence,
        attempt,
        provider: format!("p{attempt}").into(),
        settled: None,
        policy: dispatch_policy(),
    }
}

pub(super) fn settle(fence: u32, attempt: u32, outcome: Outcome, next: Next) -> Settle {
    Settle {
        fence,
        attempt: Some(SettledAttempt {
            number: attempt,
            outcome,
            duration_ms: 84,
            code: None,
            message_id: Some("m-1".into()),
        }),
        next,
        policy: dispatch_policy(),
    }
}

pub(super) fn submitted(fence: u32, attempt: u32) -> Settle {
    let next = Next::Submitted {
        receipt_within_ms: Some(30_000),
    };
    settle(fence, attempt, Outcome::Submitted, next)
}

pub(super) fn receipt(attempt: u32, status: ReceiptStatus) -> ApplyReceipt {
    ApplyReceipt {
        attempt,
        receipt: AttemptReceipt {
            status,
            at_ms: 1,
            code: None,
            is_final_for_number: false,
        },
        redispatch_after_ms: Some(0),
        policy: dispatch_policy(),
    }
}

/// A verification whose first attempt has not been begun, and its delivery.
pub(super) async fn unbegun(w: &World) -> DeliveryId {
    let mut ask = start();
    ask.delivery = Some(by_sms(None));
    w.created(&ask).await;
    first_of(ask.id)
}

impl World {
    pub(super) fn new(test: TestStore) -> Self {
        Self {
            store: Arc::clone(&test.store),
            test,
        }
    }

    pub(super) fn advance(&self, ms: u64) {
        self.test.time.advance(ms);
    }

    /// Starts something that is created.
    pub(super) async fn created(&self, ask: &Start) -> Record {
        let started = self.store.start(ask, None).await.unwrap();
        let Started::Created { record, .. } = started else {
            panic!("not created: {started:?}");
        };
        *record
    }

    /// Starts something that is refused.
    pub(super) async fn refused(&self, ask: &Start) -> SendRefusal {
        let started = self.store.start(ask, None).await.unwrap();
        let Started::Refused { refusal, .. } = started else {
            panic!("not refused: {started:?}");
        };
        refusal
    }

    /// Sends again something that is refused.
    pub(super) async fn resend_refused(&self, ask: &Resend) -> SendRefusal {
        let started = self.store.resend(ask, None).await.unwrap();
        let Started::Refused { refusal, .. } = started else {
            panic!("not refused: {started:?}");
        };
        refusal
    }

    /// Sends again something that goes out, and gives its ordinal.
    pub(super) async fn resent(&self, ask: &Resend) -> Option<u8> {
        let started = self.store.resend(ask, None).await.unwrap();
        let Started::Resent { ordinal, .. } = started else {
            panic!("not sent again: {started:?}");
        };
        ordinal
    }

    pub(super) async fn check(&self, ask: &Check) -> Checked {
        self.store.check(ask).await.unwrap()
    }

    pub(super) async fn guess(&self, id: RecordId, code: &str) -> CheckAnswer {
        self.check(&check(id, code)).await.answer
    }

    pub(super) async fn record(&self, id: RecordId) -> Record {
        *self.store.get(id).await.unwrap().expect("it exists").record
    }

    pub(super) async fn now_ms(&self) -> u64 {
        self.store.meta().await.unwrap().now_ms
    }

    pub(super) async fn delivery(&self, id: DeliveryId) -> DeliveryRecord {
        let record = self.record(id.record).await;
        record.delivery(id.ordinal).expect("it exists").clone()
    }

    pub(super) async fn begin(&self, id: DeliveryId, fence: u32, attempt: u32) -> Result<(), Stop> {
        self.store.begin(id, &begin(fence, attempt)).await.unwrap()
    }

    pub(super) async fn settle(&self, id: DeliveryId, ask: &Settle) -> Result<Settled, Stop> {
        self.store.settle(id, ask).await.unwrap()
    }

    pub(super) async fn receipt(&self, id: DeliveryId, ask: &ApplyReceipt) -> ReceiptApplied {
        self.store.apply_receipt(id, ask).await.unwrap()
    }

    pub(super) async fn take(&self, id: DeliveryId) -> Taken {
        self.store.take(id, &dispatch_policy()).await.unwrap()
    }

    pub(super) async fn took(&self, id: DeliveryId) -> Take {
        self.take(id).await.take
    }

    pub(super) async fn sweep(&self, shard: Shard, count_max: u16, grace_ms: u64) -> Swept {
        let ask = Sweep {
            shard,
            count_max,
            grace_ms,
            policy: dispatch_policy(),
        };
        self.store.sweep(&ask).await.unwrap()
    }
}
