//! How a story reads what it was answered and what came to a handset.

use jiff::Timestamp;
use serde_json::Value;

/// A time of an answer, in ms since the Unix epoch.
pub(super) fn at_ms(value: &Value) -> u64 {
    let text = value.as_str().unwrap_or_default();
    let time: Timestamp = text
        .parse()
        .unwrap_or_else(|_| panic!("{value} is no time"));
    u64::try_from(time.as_millisecond()).expect("no story is older than the epoch")
}

/// The token that stands behind these words in a notice.
pub(super) fn token_after(notice: &str, words: &str) -> String {
    const LENGTH: usize = 9;
    let (_, rest) = notice
        .split_once(words)
        .unwrap_or_else(|| panic!("no {words:?} in {notice:?}"));
    rest.chars().take(LENGTH).collect()
}

/// Whether a list of methods, as answered beside a start or its refusal, has this one.
pub(super) fn names_method(listed: &Value, method: &str) -> bool {
    let mut entries = listed.as_array().into_iter().flatten();
    entries.any(|entry| entry["method"] == method)
}
