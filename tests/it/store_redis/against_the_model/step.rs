//! The steps of a sequence, and the questions they stand for.

use proptest::prelude::*;
use watchword::delivery::{
    self, ApplyReceipt, AttemptReceipt, Begin, Finality, Next, Outcome, Settle, SettledAttempt,
};
use watchword::id::DeliveryId;
use watchword::store::{Sweep, Undo};
use watchword::verification::{
    self, Check, ClientClass, Conversion, CustomCodeTag, IdentityTag, NumberTag, RecordKind,
    Resend, Start,
};
use watchword_providers::{Channel, ReceiptStatus};

use crate::store_redis::asks;

/// One step, in small numbers so that steps meet.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Start {
        record: u8,
        identity: u8,
        custom: u8,
        flavour: u8,
        client: bool,
    },
    Resend {
        record: u8,
        operation: u8,
        client: bool,
        is_sent: bool,
    },
    Undo {
        record: u8,
        operation: u8,
        was_created: bool,
        client: bool,
    },
    Check {
        record: u8,
        operation: u8,
        key: u8,
        is_right: bool,
        client: bool,
    },
    Cancel {
        record: u8,
    },
    Report {
        record: u8,
        conversion: u8,
    },
    Begin {
        delivery: (u8, u8),
        fence: u32,
        attempt: u32,
        settles: u8,
    },
    Settle {
        delivery: (u8, u8),
        fence: u32,
        attempt: u32,
        outcome: u8,
        next: u8,
    },
    Receipt {
        delivery: (u8, u8),
        attempt: u32,
        status: u8,
        /// Not at all, at once, or after a call's end.
        redispatch: u8,
    },
    Take {
        delivery: (u8, u8),
    },
    Sweep {
        count_max: u8,
    },
    HandBack {
        delivery: (u8, u8),
        fence: u32,
        after_ms: u64,
    },
    Lift {
        number: u8,
    },
    Wait {
        ms: u64,
    },
}

pub(super) const RECORDS: u8 = 6;
pub(super) const NUMBERS: u8 = 2;
pub(super) const SEND_ONLY: u8 = 5;

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let record = || 0..RECORDS;
    let delivery = || (any::<u8>(), any::<u8>());
    let start = (record(), 0..3_u8, 0..3_u8, 0..8_u8, any::<bool>());
    let step = prop_oneof![
        6 => start.prop_map(|(record, identity, custom, flavour, client)| Step::Start {
            record, identity, custom, flavour, client,
        }),
        3 => (record(), 0..6_u8, any::<bool>(), any::<bool>()).prop_map(
            |(record, operation, client, is_sent)| Step::Resend { record, operation, client, is_sent }
        ),
        1 => (record(), 0..6_u8, any::<bool>(), any::<bool>()).prop_map(
            |(record, operation, was_created, client)| Step::Undo {
                record, operation, was_created, client,
            }
        ),
        4 => (record(), 0..20_u8, 0..16_u8, prop::bool::weighted(0.15), any::<bool>()).prop_map(
            |(record, operation, key, is_right, client)| Step::Check {
                record, operation, key, is_right, client,
            }
        ),
        1 => record().prop_map(|record| Step::Cancel { record }),
        1 => (record(), 0..3_u8).prop_map(|(record, conversion)| Step::Report { record, conversion }),
        4 => (delivery(), 0..12_u32, 0..8_u32, 0..12_u8).prop_map(
            |(delivery, fence, attempt, settles)| Step::Begin { delivery, fence, attempt, settles }
        ),
        6 => (delivery(), 0..12_u32, 0..12_u32, 0..7_u8, 0..13_u8).prop_map(
            |(delivery, fence, attempt, outcome, next)| Step::Settle {
                delivery, fence, attempt, outcome, next,
            }
        ),
        4 => (delivery(), 0..8_u32, 0..3_u8, 0..3_u8).prop_map(
            |(delivery, attempt, status, redispatch)| Step::Receipt {
                delivery, attempt, status, redispatch,
            }
        ),
        3 => delivery().prop_map(|delivery| Step::Take { delivery }),
        2 => (0..4_u8).prop_map(|count_max| Step::Sweep { count_max }),
        1 => (delivery(), 0..8_u32, 0..2_u64).prop_map(
            |(delivery, fence, after)| Step::HandBack { delivery, fence, after_ms: after * 20_000 }
        ),
        1 => (0..NUMBERS).prop_map(|number| Step::Lift { number }),
        4 => prop_oneof![
            4 => Just(15_001_u64), 4 => Just(31_000), 2 => Just(100_000), 1 => Just(540_001),
            1 => Just(3_600_000), 1 => Just(91 * 86_400_000),
        ].prop_map(|ms| Step::Wait { ms }),
    ];
    let parts = prop_oneof![
        30 => step.prop_map(|step| vec![step]),
        1 => delivery().prop_map(outage),
    ];
    prop::collection::vec(parts, 1..60).prop_map(|parts| parts.concat())
}

/// Walks that fail for now until some attempts are folded.
fn outage(delivery: (u8, u8)) -> Vec<Step> {
    let walk = [
        Step::Begin {
            delivery,
            fence: 2,
            attempt: 2,
            settles: 6,
        },
        Step::Settle {
            delivery,
            fence: 2,
            attempt: 2,
            outcome: 2,
            next: 5,
        },
        Step::Wait { ms: 10_001 },
        Step::Take { delivery },
    ];
    walk.iter().cycle().take(18 * walk.len()).cloned().collect()
}

pub(super) fn client(is_known: bool) -> ClientClass {
    if is_known {
        ClientClass::Known
    } else {
        ClientClass::Unknown
    }
}

pub(super) fn delivery_id((record, ordinal): (u8, u8)) -> DeliveryId {
    DeliveryId {
        record: asks::record_id(record),
        ordinal,
    }
}

pub(super) fn start_of(step: &Step) -> Option<Start> {
    let Step::Start {
        record,
        identity,
        custom,
        flavour,
        client: is_known,
    } = *step
    else {
        return None;
    };
    let mut start = asks::start(record);
    // An id is drawn once: it never names records of two numbers or kinds.
    start.number = NumberTag([record % NUMBERS; 16]);
    if record == SEND_ONLY {
        start.kind = RecordKind::SendOnly;
        start.digest = None;
        start.code = None;
    }
    start.identity = IdentityTag([identity; 12]);
    start.custom_code = (custom > 0).then_some(CustomCodeTag([custom; 8]));
    start.client = client(is_known);
    match flavour {
        1 => start.wants_new_code = true,
        2 => start.delivery = None,
        3 => {
            start.delivery = Some(delivery::NewDelivery {
                channel: Channel::Voice,
                fallback: Vec::new(),
                first_provider: None,
            });
        }
        4 => start.checks_max = 2,
        _ => {}
    }
    Some(start)
}

pub(super) fn resend_of(record: u8, operation: u8, is_known: bool, is_sent: bool) -> Resend {
    let mut id = [operation / 2; 16];
    id[15] = operation;
    Resend {
        id: asks::record_id(record),
        tenant: asks::TENANT,
        operation: verification::OperationId(id),
        client: client(is_known),
        delivery: is_sent.then(asks::new_delivery),
        policy: asks::send_policy(),
    }
}

pub(super) fn check_of(
    record: u8,
    operation: u8,
    key: u8,
    is_right: bool,
    is_known: bool,
) -> Check {
    let mut id = [operation / 2; 16];
    id[15] = operation;
    let mut check = asks::check(record, if is_right { "123456" } else { "000000" }, 0);
    check.operation = verification::OperationId(id);
    check.client = client(is_known);
    if key == 0 {
        check.digests[0].key_id = "another".into();
    }
    check
}

/// How an attempt ended, or that nothing is told of it.
fn settled_of(attempt: u32, outcome: u8) -> Option<SettledAttempt> {
    let outcomes = [
        Outcome::Submitted,
        Outcome::Refused,
        Outcome::Throttled,
        Outcome::Unreachable,
        Outcome::Shed,
        Outcome::Unknown,
    ];
    outcomes
        .get(usize::from(outcome))
        .map(|outcome| SettledAttempt {
            number: attempt,
            outcome: *outcome,
            duration_ms: 120,
            code: (*outcome == Outcome::Refused).then(|| "21211".into()),
            message_id: (*outcome == Outcome::Submitted).then(|| "SM1".into()),
        })
}

pub(super) fn settle_of(fence: u32, attempt: u32, outcome: u8, next: u8) -> Settle {
    let settled = settled_of(attempt, outcome);
    let next = match next {
        0 | 1 | 9 => Next::Continue,
        2 => Next::Submitted {
            receipt_within_ms: None,
        },
        3 | 4 | 10 => Next::Submitted {
            receipt_within_ms: Some(45_000),
        },
        5 | 11 => Next::Retry {
            after_ms: 10_000,
            reason: "route_exhausted".into(),
        },
        6 => Next::Fail {
            reason: "refused".into(),
            finality: Finality::Channel,
        },
        7 => Next::Fail {
            reason: "refused".into(),
            finality: Finality::Open,
        },
        12 => Next::Fail {
            reason: "fraud".into(),
            finality: Finality::Number,
        },
        _ => Next::Close {
            reason: "too_late".into(),
        },
    };
    Settle {
        fence,
        attempt: settled,
        next,
        policy: asks::DISPATCH,
    }
}

pub(super) fn receipt_of(attempt: u32, status: u8, redispatch: u8) -> ApplyReceipt {
    ApplyReceipt {
        attempt,
        receipt: AttemptReceipt {
            status: [
                ReceiptStatus::Sent,
                ReceiptStatus::Undelivered,
                ReceiptStatus::Delivered,
            ][usize::from(status)],
            at_ms: 1_700_000_000_000,
            code: Some("30003".into()),
            is_final_for_number: redispatch > 0,
        },
        redispatch_after_ms: [None, Some(0), Some(45_000)][usize::from(redispatch)],
        policy: asks::DISPATCH,
    }
}

pub(super) fn undo_of(record: u8, operation: u8, was_created: bool, is_known: bool) -> Undo {
    let resend = resend_of(record, operation, is_known, true);
    Undo {
        id: resend.id,
        was_created,
        operation: resend.operation,
        client: resend.client,
        policy: resend.policy,
        idempotency: None,
        refusal: Vec::new(),
        available_at_ms: 0,
    }
}

pub(super) fn sweep_of(count_max: u8) -> Sweep {
    Sweep {
        shard: asks::shard(),
        count_max: u16::from(count_max),
        grace_ms: 1_000,
        policy: asks::DISPATCH,
    }
}

pub(super) fn begin_of(fence: u32, attempt: u32, settles: u8) -> Begin {
    Begin {
        fence,
        attempt,
        provider: "two".into(),
        settled: settled_of(attempt.saturating_sub(1), settles),
        policy: asks::DISPATCH,
    }
}

pub(super) fn conversion_of(number: u8) -> Conversion {
    [
        Conversion::Unreported,
        Conversion::Converted,
        Conversion::NotConverted,
    ][usize::from(number)]
}
