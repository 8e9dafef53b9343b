//! Random steps: what happens to whom, and how often.

use proptest::prelude::*;
use watchword::delivery::{Finality, Outcome};
use watchword_providers::ReceiptStatus;

use crate::store_conformance::model::After;

#[derive(Debug, Clone)]
pub(super) enum Step {
    Start(Wanted),
    Ask {
        of: usize,
        ask: Ask,
    },
    Dispatch {
        of: usize,
        ordinal: u8,
        step: Dispatch,
    },
    /// A call of an attempt asks what to say.
    Call {
        attempt: usize,
        call: u8,
    },
    Lift {
        number: usize,
    },
    Sweep,
    Advance {
        seconds: u64,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) number: usize,
    pub(super) identity: u8,
    pub(super) known: bool,
    pub(super) code: Option<u8>,
    pub(super) wants_new: bool,
    pub(super) can_fall_back: bool,
    pub(super) is_begun: bool,
}

/// Asked of a verification.
#[derive(Debug, Clone)]
pub(super) enum Ask {
    Resend {
        known: bool,
        is_repeated: bool,
    },
    Undo,
    Check {
        known: bool,
        right: bool,
        is_repeated: bool,
    },
    Guesses,
    Cancel,
    Report {
        converted: bool,
    },
}

/// Asked of a delivery.
#[derive(Debug, Clone)]
pub(super) enum Dispatch {
    Begin {
        is_stale: bool,
        is_repeated: bool,
        /// How the attempt before it ended, told with it.
        settles: Option<Outcome>,
    },
    Settle {
        is_stale: bool,
        outcome: Outcome,
        after: After,
    },
    Receipt {
        attempt: u32,
        status: ReceiptStatus,
        /// How soon another submission may follow from it, if one may.
        after_ms: Option<u64>,
    },
    Outage,
    Take,
    HandBack {
        is_stale: bool,
        after_ms: u64,
    },
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..60)
}

fn step() -> impl Strategy<Value = Step> {
    // The first delivery is the one most happens to.
    let ordinal = prop_oneof![4 => Just(1_u8), 2 => Just(2), 1 => Just(3)];
    prop_oneof![
        6 => wanted().prop_map(Step::Start),
        11 => (0_usize..6, ask()).prop_map(|(of, ask)| Step::Ask { of, ask }),
        19 => (0_usize..6, ordinal, dispatch())
            .prop_map(|(of, ordinal, step)| Step::Dispatch { of, ordinal, step }),
        2 => (0_usize..2, 0_u8..3).prop_map(|(attempt, call)| Step::Call { attempt, call }),
        1 => (0_usize..2).prop_map(|number| Step::Lift { number }),
        2 => Just(Step::Sweep),
        5 => prop_oneof![3 => 1_u64..45, 1 => 45_u64..240]
            .prop_map(|seconds| Step::Advance { seconds }),
    ]
}

fn rarely() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.1)
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let code = prop::option::weighted(0.3, 0_u8..2);
    let who = (0_usize..2, 0_u8..4, any::<bool>());
    (who, code, rarely(), any::<bool>(), any::<bool>()).prop_map(
        |((number, identity, known), code, wants_new, can_fall_back, is_begun)| Wanted {
            number,
            identity,
            known,
            code,
            wants_new,
            can_fall_back,
            is_begun,
        },
    )
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        3 => (any::<bool>(), rarely())
            .prop_map(|(known, is_repeated)| Ask::Resend { known, is_repeated }),
        1 => Just(Ask::Undo),
        3 => (any::<bool>(), any::<bool>(), rarely())
            .prop_map(|(known, right, is_repeated)| Ask::Check { known, right, is_repeated }),
        1 => Just(Ask::Guesses),
        1 => Just(Ask::Cancel),
        1 => any::<bool>().prop_map(|converted| Ask::Report { converted }),
    ]
}

fn dispatch() -> impl Strategy<Value = Dispatch> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Submitted),
        2 => Just(Outcome::Unknown),
        1 => Just(Outcome::Refused),
        1 => Just(Outcome::Throttled),
    ];
    let after = prop_oneof![
        1 => Just(After::Continue),
        3 => Just(After::Submitted),
        1 => (1_u64..90).prop_map(|seconds| After::Retry(seconds * 1000)),
        2 => prop_oneof![Just(Finality::Open), Just(Finality::Channel), Just(Finality::Number)]
            .prop_map(After::Fail),
        1 => Just(After::Close),
    ];
    let status = prop_oneof![
        1 => Just(ReceiptStatus::Sent),
        2 => Just(ReceiptStatus::Undelivered),
        1 => Just(ReceiptStatus::Delivered),
    ];
    let after_ms = prop_oneof![Just(None), Just(Some(0)), Just(Some(45_000))];
    prop_oneof![
        5 => (rarely(), rarely(), prop::option::of(outcome.clone()))
            .prop_map(|(is_stale, is_repeated, settles)| Dispatch::Begin {
                is_stale, is_repeated, settles,
            }),
        6 => (rarely(), outcome, after)
            .prop_map(|(is_stale, outcome, after)| Dispatch::Settle { is_stale, outcome, after }),
        4 => (prop_oneof![3 => 1_u32..4, 1 => 4_u32..30], status, after_ms).prop_map(
            |(attempt, status, after_ms)| Dispatch::Receipt { attempt, status, after_ms }
        ),
        3 => Just(Dispatch::Take),
        1 => Just(Dispatch::Outage),
        1 => (rarely(), prop_oneof![Just(0_u64), Just(20_000)])
            .prop_map(|(is_stale, after_ms)| Dispatch::HandBack { is_stale, after_ms }),
    ]
}
