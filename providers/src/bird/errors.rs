//! MessageBird's error codes: of its API, and of the networks in status reports.

use crate::verdict::{ErrorTable, Verdict};

/// In the `errors` of an answer.
pub(super) static API_ERRORS: ErrorTable = ErrorTable(&[
    // The access key is wrong, or may not do this.
    (Verdict::Credentials, &["2"]),
    // Parameters missing or wrong, nothing found, a bad request, no balance.
    (Verdict::Provider, &["9", "10", "20", "21", "25"]),
]);

/// `statusErrorCode` in a status report: what the network said.
pub(super) static NETWORK_ERRORS: ErrorTable = ErrorTable(&[
    // The subscriber is unknown.
    (Verdict::Number, &["1"]),
]);
