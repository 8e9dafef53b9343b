//! Vonage's codes: the `status` of a submitted part, and the `err-code` of a
//! delivery receipt.

use crate::verdict::{ErrorTable, Verdict};

/// Of an answer. `0` is no error.
pub(super) static SUBMISSION: ErrorTable = ErrorTable(&[
    // De-activated.
    (Verdict::Number, &["33"]),
    (
        Verdict::Provider,
        // Missing or invalid parameter; no such prefix; on Vonage's own list of
        // barred numbers; too long; sender not allowed; network code; callback
        // URL; an account in demo mode.
        &["2", "3", "6", "7", "12", "15", "22", "23", "29"],
    ),
    // Too many connections.
    (Verdict::Now, &["10"]),
    (Verdict::Throttled, &["1"]),
    (
        Verdict::Credentials,
        // Wrong; account suspended; no credit; not for HTTP; signature wrong, or
        // beside a secret. Nothing goes out until somebody acts.
        &["4", "8", "9", "11", "14", "32"],
    ),
    // An error of the platform while it handled the message.
    (Verdict::Unknown, &["5"]),
]);

/// Of a receipt that says the message did not arrive.
pub(super) static DELIVERY: ErrorTable = ErrorTable(&[
    // The number is not in use any more; barred by its owner's own wish: both
    // said to be permanent.
    (Verdict::Number, &["3", "4"]),
    (
        Verdict::Provider,
        // Unknown, absent for now, ported, spam filter, busy, network, does not
        // want this sender, malformed, no route (2), age, carrier, prepaid,
        // quota, filters by entity, header, content, consent, regulation, general.
        &[
            "1", "2", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "50",
            "51", "52", "53", "54", "99",
        ],
    ),
]);
