//! Infobip's statuses and network errors, by their names: the same in answers and
//! in delivery reports, and over SMS and voice.

use crate::verdict::{ErrorTable, Verdict};

/// Statuses of a message that was not taken. Any other is a refusal by Infobip.
pub(super) static STATUSES: ErrorTable = ErrorTable(&[
    // Held by the anti-fraud mechanism.
    (Verdict::Fraud, &["SIGNALS_BLOCKED"]),
    (
        Verdict::Now,
        &["REJECTED_SYSTEM_ERROR", "REJECTED_INTERNAL_ERROR"],
    ),
    // Our reference has been submitted before: that one may have gone.
    (Verdict::Unknown, &["REJECTED_DUPLICATE_MESSAGE_ID"]),
    (
        Verdict::Provider,
        &[
            // Prefix, length, coverage: by Infobip's own books.
            "REJECTED_PREFIX_MISSING",
            "REJECTED_DESTINATION",
            "REJECTED_NETWORK",
            "REJECTED_ROUTE_NOT_AVAILABLE",
            // On a list of the account, the country or the operator.
            "REJECTED_DND",
            "REJECTED_DESTINATION_BLOCKLISTED",
            "REJECTED_DESTINATION_NOT_REGISTERED",
            // More than so many an hour to one number.
            "REJECTED_FLOODING_FILTER",
            // Sender and account.
            "REJECTED_SOURCE",
            "REJECTED_SENDER",
            "REJECTED_NOT_ENOUGH_CREDITS",
            "REJECTED_PREPAID_PACKAGE_EXPIRED",
            "REJECTED_MACHINE_DETECTION_DISABLED",
            // Form.
            "REJECTED_MESSAGE_TOO_LONG",
            "REJECTED_UNSUPPORTED_LANGUAGE",
            "MISSING_TO",
        ],
    ),
]);

/// Network errors that are about the number itself. They count only if Infobip
/// calls them permanent.
pub(super) static NETWORK_ERRORS: ErrorTable = ErrorTable(&[(
    Verdict::Number,
    &[
        "EC_UNKNOWN_SUBSCRIBER",
        "EC_ILLEGAL_SUBSCRIBER",
        "EC_TELESERVICE_NOT_PROVISIONED",
        "EC_ILLEGAL_EQUIPMENT",
        "EC_DEST_ADDRESS_UNABLE_TO_RECEIVE_SMS",
    ],
)]);
