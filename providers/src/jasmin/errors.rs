//! What Jasmin's answers and reports say: words, where other providers have codes.

use crate::ReceiptStatus;
use crate::verdict::Verdict;

/// How errors begin, in quotation marks behind `Error`. Its 403 is not all
/// credentials, and its 412 and 500 say that nothing was queued.
pub(super) static ANSWERS: &[(&str, Verdict, &str)] = &[
    (
        "Authentication failure",
        Verdict::Credentials,
        "authentication-failure",
    ),
    // Of this user, to set something that this message needs set.
    (
        "Authorization failed for user",
        Verdict::Provider,
        "authorization-failed",
    ),
    // The user's balance or count is used up: nothing goes out until somebody acts.
    (
        "Cannot charge submit_sm",
        Verdict::Credentials,
        "cannot-charge",
    ),
    (
        "User throughput exceeded",
        Verdict::Throttled,
        "throughput-exceeded",
    ),
    ("No route found", Verdict::Provider, "no-route-found"),
    (
        "Failover route has no bound",
        Verdict::Now,
        "no-bound-connector",
    ),
    // No such connector, or its queue does not answer.
    ("Cannot send submit_sm", Verdict::Now, "cannot-send"),
    ("InterceptorPB not", Verdict::Now, "interceptor-missing"),
    (
        "Failed running interception",
        Verdict::Provider,
        "interception-failed",
    ),
    (
        "Interception specific error",
        Verdict::Provider,
        "interception-error",
    ),
    ("Value filter failed", Verdict::Provider, "value-filter"),
    (
        "Mandatory argument",
        Verdict::Provider,
        "mandatory-argument",
    ),
    ("Argument [", Verdict::Provider, "argument"),
];

/// What `message_status` says: the SMSC's first answer (`ESME_…`), or how the
/// message ended.
pub(super) fn status_of(word: &str) -> Option<ReceiptStatus> {
    match word {
        "DELIVRD" => Some(ReceiptStatus::Delivered),
        "UNDELIV" | "EXPIRED" | "DELETED" | "REJECTD" => Some(ReceiptStatus::Undelivered),
        "ESME_ROK" | "ACCEPTD" | "ENROUTE" | "UNKNOWN" => Some(ReceiptStatus::Sent),
        word if word.starts_with("ESME_") => Some(ReceiptStatus::Undelivered),
        _ => None,
    }
}
