//! Twilio's error codes, in answers and in status callbacks alike.

use crate::verdict::{ErrorTable, Verdict};

pub(super) static ERRORS: ErrorTable = ErrorTable(&[
    (
        Verdict::Number,
        // To: invalid, opted out, not mobile, landline; the handset or the line unknown.
        &["21211", "21610", "21614", "21635", "30005", "30006"],
    ),
    (
        Verdict::Provider,
        // Region not enabled for the account; no way from this sender to this number.
        &["21408", "21612"],
    ),
    // The sender's own queue is full.
    (Verdict::Now, &["21611"]),
    // Held for SMS pumping.
    (Verdict::Fraud, &["30450", "60410"]),
    (Verdict::Throttled, &["20429"]),
    (Verdict::Credentials, &["20003"]),
]);
