//! Plivo's codes: the `ErrorCode` of a message callback. Answers have none: their
//! HTTP status decides.

use crate::verdict::{ErrorTable, Verdict};

pub(super) static DELIVERY: ErrorTable = ErrorTable(&[
    // Invalid or a landline; not active and not coming back; said STOP.
    (Verdict::Number, &["50", "70", "200"]),
    (
        Verdict::Provider,
        // Invalid message, network, spam, source, loop, away for now, no route,
        // prohibited by the carrier, too long, toll-free to Canada, not
        // dispatched, expired, country not enabled, above the hourly threshold
        // of a country, unknown.
        &[
            "10", "20", "30", "40", "60", "80", "90", "100", "110", "201", "300", "420", "450",
            "451", "1000",
        ],
    ),
    // No credit; account disabled.
    (Verdict::Credentials, &["900", "910"]),
]);
