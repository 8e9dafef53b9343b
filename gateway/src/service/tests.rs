//! Holds the codes that the service answers with to the API's documentation.

use std::collections::BTreeSet;

use super::ServiceError;
use crate::api::is_documented;
use crate::verification::Status;

/// Where codes are written down.
const SOURCES: [&str; 9] = [
    include_str!("../service.rs"),
    include_str!("check.rs"),
    include_str!("error.rs"),
    include_str!("fields.rs"),
    include_str!("limits.rs"),
    include_str!("numbers.rs"),
    include_str!("read.rs"),
    include_str!("render.rs"),
    concat!(
        include_str!("send.rs"),
        include_str!("send_only.rs"),
        include_str!("start.rs")
    ),
];

/// Where the service takes codes from, in functions of the name `code`.
const BORROWED: [&str; 3] = [
    include_str!("../number.rs"),
    include_str!("../number/line_type.rs"),
    include_str!("../message/values.rs"),
];

/// What looks like a code and is none: steps of the store, lines of a
/// timeline, fields, a purpose.
const OTHER_WORDS: [&str; 9] = [
    "attempt_begun",
    "delivery_created",
    "get_all",
    "lift_failures",
    "receipt_delivered",
    "receipt_sent",
    "receipt_undelivered",
    "sign_in",
    "validity_s",
];

/// The texts in quotes that are a code by their form or by what stands before them.
fn codes_in(source: &str) -> BTreeSet<&str> {
    source
        .lines()
        .flat_map(|line| {
            let parts: Vec<&str> = line.split('"').collect();
            let quoted = parts.chunks_exact(2).map(|pair| (pair[0], pair[1]));
            quoted.collect::<Vec<_>>()
        })
        .filter(|(before, word)| before.ends_with("code: ") || has_form_of_a_code(word))
        .map(|(_, word)| word)
        .collect()
}

fn has_form_of_a_code(word: &str) -> bool {
    word.contains('_')
        && word
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[test]
fn every_code_the_service_answers_with_is_documented() {
    let own = SOURCES.iter().flat_map(|source| codes_in(source));
    let borrowed = BORROWED.iter().flat_map(|source| {
        let functions = source.split("pub fn code(self)").skip(1);
        functions.flat_map(|rest| codes_in(rest.split("\n    }\n").next().unwrap()))
    });
    let codes: BTreeSet<&str> = own
        .chain(borrowed)
        .filter(|word| !OTHER_WORDS.contains(word))
        .collect();
    // The scan still sees each way in which a code is written.
    for known in [
        "blocked",
        "explain_limit",
        "not_reachable_by_sms",
        "overloaded",
        "record_damaged",
        "store_full",
        "submission_cap",
        "unknown_key",
        "value_has_link",
    ] {
        assert!(codes.contains(known), "{known} is no longer found");
    }
    let undocumented: Vec<&str> = codes
        .into_iter()
        .filter(|code| !is_documented(code))
        .collect();
    assert_eq!(undocumented, Vec::<&str>::new());
}

#[test]
fn every_end_of_a_verification_has_a_documented_code() {
    for status in [
        Status::Approved,
        Status::Canceled,
        Status::Expired,
        Status::Exhausted,
        Status::Superseded,
        Status::Failed,
    ] {
        let code = ServiceError::NotPending { status }.code();
        assert!(is_documented(code), "{code}");
    }
}
