//! Telnyx's codes, the same numbers in answers and in events, though not always
//! with the same meaning.

use crate::verdict::{ErrorTable, Verdict};

/// Of an answer.
pub(super) static SUBMISSION: ErrorTable = ErrorTable(&[
    // A landline or not routable; said STOP; an invalid destination.
    (Verdict::Number, &["40001", "40300", "40310"]),
    (
        Verdict::Provider,
        // Malformed or invalid parameters; spam; carriers' refusals; senders
        // that are not registered, not enabled or not ours; contents; regions
        // that are not enabled; profiles without a number or secret.
        &[
            "10001", "10002", "10003", "10004", "10005", "10006", "10012", "10015", "10016",
            "10027", "40002", "40003", "40004", "40005", "40006", "40007", "40008", "40009",
            "40010", "40012", "40013", "40014", "40015", "40016", "40017", "40018", "40100",
            "40150", "40151", "40301", "40302", "40304", "40305", "40306", "40308", "40309",
            "40311", "40313", "40315", "40316", "40317", "40319", "40320", "40321", "40322",
            "40328", "40329",
        ],
    ),
    // The sender's own queue is full.
    (Verdict::Now, &["40318"]),
    // Ours, and the carrier's.
    (Verdict::Throttled, &["10011", "40011"]),
    (
        Verdict::Credentials,
        // Key; rights; no funds; profile or account disabled: nothing goes out
        // until somebody acts.
        &["10009", "10010", "20100", "40312", "40314"],
    ),
    // An error of the platform; a time-out of its own.
    (Verdict::Unknown, &["10007", "10008"]),
]);

/// Of an event that says the message did not arrive. The rest speaks for Telnyx
/// alone; of 40300 only an answer says for sure that it is a STOP.
pub(super) static DELIVERY: ErrorTable = ErrorTable(&[(Verdict::Number, &["40001", "40310"])]);
