//! Holds the codes that the service answers with to the API's documentation.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::ServiceError;
use crate::api::is_documented;
use crate::verification::Status;

/// Where codes are written down: these files and all below them.
const SOURCES: [&str; 2] = ["service", "subjects/keeper"];

/// Where the service takes codes from, in functions of the name `code`.
const BORROWED: [&str; 3] = [
    include_str!("../number.rs"),
    include_str!("../number/line_type.rs"),
    include_str!("../message/values.rs"),
];

/// What looks like a code and is none: steps of the store, lines of a timeline,
/// fields, purposes, kinds of evidence, warnings, what readiness checks.
const OTHER_WORDS: [&str; 31] = [
    "attempt_begun",
    "bypass_code",
    "confirm_method",
    "delivery_created",
    "device_swap",
    "get_all",
    "issued_code",
    "lift_failures",
    "no_active_method",
    "no_recovery_code",
    "note_number",
    "number_change",
    "number_note",
    "only_one_method",
    "operators_removed",
    "receipt_delivered",
    "receipt_sent",
    "receipt_undelivered",
    "recover_account",
    "recovery_code",
    "route_counts",
    "sealed_code",
    "sign_in",
    "sim_swap",
    "single_factor",
    "stale_method",
    "stronger_factor",
    "subjects_under_other_keys",
    "subject_audit",
    "validity_s",
    "write_subject",
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

/// The files of [`SOURCES`], but for tests.
fn sources() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths: Vec<PathBuf> = Vec::new();
    for source in SOURCES {
        paths.push(root.join(source).with_extension("rs"));
        collect(&root.join(source), &mut paths);
    }
    let is_test = |path: &PathBuf| path.file_stem().is_some_and(|stem| stem == "tests");
    paths.retain(|path| !is_test(path));
    let texts = paths.iter().map(|path| fs::read_to_string(path).unwrap());
    texts.collect()
}

fn collect(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn every_code_the_service_answers_with_is_documented() {
    let sources = sources();
    let own = sources.iter().flat_map(|source| codes_in(source));
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
        "token_mismatch",
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
