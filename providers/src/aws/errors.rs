//! What AWS's exceptions and events mean. An exception goes by its reason, or by
//! its type where it has none.

use crate::ReceiptStatus;
use crate::verdict::{ErrorTable, Verdict};

/// Of End User Messaging, and of the front that all of AWS shares.
pub(super) static ERRORS: ErrorTable = ErrorTable(&[
    // The person has told our sender to stop.
    (Verdict::Number, &["DESTINATION_PHONE_NUMBER_OPTED_OUT"]),
    (
        Verdict::Provider,
        &[
            // The country, by our own rules or AWS's.
            "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION",
            "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE",
            "DESTINATION_COUNTRY_BLOCKED",
            "COUNTRY_NOT_ENABLED",
            "INTERNATIONAL_SENDING_NOT_SUPPORTED",
            // The sandbox of a new account.
            "DESTINATION_PHONE_NUMBER_NOT_VERIFIED",
            // The sender.
            "NO_ORIGINATION_IDENTITIES_FOUND",
            "INVALID_IDENTITY_FOR_DESTINATION_COUNTRY",
            "SENDER_ID_NOT_REGISTERED",
            "SENDER_ID_NOT_SUPPORTED",
            "SENDER_ID_REQUIRES_REGISTRATION",
            "NUMBER_CAPABILITIES_MISMATCH",
            "MESSAGE_TYPE_MISMATCH",
            "REGISTRATION_NOT_COMPLETE",
            "RESOURCE_NOT_ACTIVE",
            "VOICE_CAPABILITY_NOT_AVAILABLE",
            // Money.
            "PRICE_OVER_THRESHOLD",
            "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT",
            "MONTHLY_SPEND_LIMIT_REACHED_FOR_VOICE",
            "DAILY_DESTINATION_CALL_LIMIT",
            // Form.
            "FIELD_VALIDATION_FAILED",
            "INVALID_PARAMETER",
            "ValidationException",
            "ConflictException",
            "ResourceNotFoundException",
            "ServiceQuotaExceededException",
        ],
    ),
    (
        Verdict::Now,
        &["ServiceUnavailable", "ServiceUnavailableException"],
    ),
    (
        Verdict::Throttled,
        &[
            "ThrottlingException",
            "Throttling",
            "TooManyRequestsException",
            "RequestLimitExceeded",
        ],
    ),
    (
        Verdict::Credentials,
        &[
            "ACCOUNT_DISABLED",
            "INSUFFICIENT_ACCOUNT_REPUTATION",
            "AccessDeniedException",
            "UnrecognizedClientException",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "IncompleteSignatureException",
            "ExpiredToken",
            "ExpiredTokenException",
            "InvalidClientTokenId",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "NotAuthorized",
            "OptInRequired",
        ],
    ),
    (
        Verdict::Unknown,
        &[
            "InternalServerException",
            "InternalFailure",
            "InternalError",
        ],
    ),
]);

/// Event types, each with what it says of the message.
pub(super) const EVENTS: [(&str, ReceiptStatus); 25] = [
    ("TEXT_QUEUED", ReceiptStatus::Sent),
    ("TEXT_PENDING", ReceiptStatus::Sent),
    ("TEXT_SENT", ReceiptStatus::Sent),
    // The carrier has it; what the handset has, DELIVERED says.
    ("TEXT_SUCCESSFUL", ReceiptStatus::Sent),
    ("TEXT_DELIVERED", ReceiptStatus::Delivered),
    ("TEXT_INVALID", ReceiptStatus::Undelivered),
    ("TEXT_INVALID_MESSAGE", ReceiptStatus::Undelivered),
    ("TEXT_UNREACHABLE", ReceiptStatus::Undelivered),
    ("TEXT_CARRIER_UNREACHABLE", ReceiptStatus::Undelivered),
    ("TEXT_BLOCKED", ReceiptStatus::Undelivered),
    ("TEXT_CARRIER_BLOCKED", ReceiptStatus::Undelivered),
    ("TEXT_SPAM", ReceiptStatus::Undelivered),
    ("TEXT_TTL_EXPIRED", ReceiptStatus::Undelivered),
    ("TEXT_PROTECT_BLOCKED", ReceiptStatus::Undelivered),
    // Also after three days in which the carrier said nothing.
    ("TEXT_UNKNOWN", ReceiptStatus::Sent),
    ("VOICE_INITIATED", ReceiptStatus::Sent),
    ("VOICE_RINGING", ReceiptStatus::Sent),
    ("VOICE_ANSWERED", ReceiptStatus::Sent),
    ("VOICE_COMPLETED", ReceiptStatus::Delivered),
    ("VOICE_BUSY", ReceiptStatus::Undelivered),
    ("VOICE_NO_ANSWER", ReceiptStatus::Undelivered),
    ("VOICE_FAILED", ReceiptStatus::Undelivered),
    ("VOICE_TTL_EXPIRED", ReceiptStatus::Undelivered),
    ("VOICE_PROTECT_BLOCKED", ReceiptStatus::Undelivered),
    ("VOICE_UNKNOWN", ReceiptStatus::Sent),
];
