//! Twilio's error codes, in answers and in status callbacks alike.

use crate::verdict::{ErrorTable, Verdict};

pub(super) static ERRORS: ErrorTable = ErrorTable(&[
    (
        Verdict::Number,
        &[
            // To: invalid, cannot be reached, not valid for a call, a short code,
            // opted out, not mobile, landline.
            "21211", "21214", "21217", "21265", "21610", "21614", "21635",
            // The handset or the line unknown.
            "30005", "30006",
        ],
    ),
    (
        Verdict::Provider,
        &[
            // Region or country not enabled for the account; not verified by a trial one.
            "21203", "21215", "21219", "21408", "21608",
            // From: not ours, not fit for this, or no way from it to this number.
            "21210", "21212", "21213", "21216", "21603", "21606", "21612", "21659", "21660",
            "21661", "21703", "21704", "21705", // The text: empty or too long.
            "21617", "21619",
            // The carrier: handset not reachable, blocked, filtered, unknown error,
            // sender not registered or not provisioned, validity over.
            "30003", "30004", "30007", "30008", "30023", "30024", "30032", "30034", "30036",
            // No voice; the number is in none of the supported networks.
            "13224",
        ],
    ),
    // A queue is full, or as many calls go on as the account may make.
    (Verdict::Now, &["10004", "21611", "30001", "30022"]),
    // Held for SMS pumping.
    (Verdict::Fraud, &["30450", "60410"]),
    (Verdict::Throttled, &["20429"]),
    // The account: wrong credentials, suspended, not active.
    (Verdict::Credentials, &["10001", "20003", "30002"]),
]);

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::transcripts::{self, NOW_MS};
    use crate::{Provider as _, ProviderCode, Response};

    #[test]
    fn every_code_of_the_table_stands_there_once_and_is_told_as_its_row_says() {
        let mut seen = Vec::new();
        for (verdict, codes) in ERRORS.0 {
            for code in *codes {
                assert!(!seen.contains(code), "{code} is there twice");
                seen.push(code);
                let response = Response {
                    status: StatusCode::BAD_REQUEST,
                    headers: HeaderMap::new(),
                    body: format!(r#"{{"code":{code},"status":400}}"#).into(),
                };
                let told = transcripts::twilio().classify(&response);
                let expected = verdict.into_error(ProviderCode::new(code), &response, NOW_MS);
                assert_eq!(told, Err(expected), "{code}");
            }
        }
    }
}
