//! Codes that are not the one that was sent.

/// Wrong codes of the same length, no two alike.
pub(crate) fn wrong_codes(right: &str) -> impl Iterator<Item = String> {
    let length = right.len();
    let right: u64 = right.parse().expect("a code is digits");
    let count = 10_u64.pow(u32::try_from(length).expect("a code has at most ten digits"));
    (1..count).map(move |step| format!("{:0length$}", (right + step) % count))
}
