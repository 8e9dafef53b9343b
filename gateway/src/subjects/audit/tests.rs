//! A trail as it is written, and what becomes visible when somebody changes it.

use zeroize::Zeroizing;

use super::*;
use crate::keys::tests::master;
use crate::keys::{IndexKey, PurposeKeys};
use crate::subjects::model::Number;

const NUMBER: &str = "+14155550123";

fn ring() -> KeyRing {
    let keys = vec![PurposeKeys::of(&master("k1", 1))];
    KeyRing::new(keys, "k1", IndexKey::new(&Zeroizing::new([3; 32]), 64)).unwrap()
}

/// A subject with a trail of four lines, written in two steps.
fn trail(ring: &KeyRing) -> (SubjectKey, Subject, Vec<Vec<u8>>) {
    let tenant = ring.index().tenant("acme");
    let key = ring.index().subject(tenant, "u-1");
    let mut subject = Subject::new("acme", "u-1", 1_000);
    let telling = |what| Telling {
        what,
        number: Some(Number {
            e164: NUMBER.to_owned(),
            country_code_digits: 1,
            region: "US".to_owned(),
        }),
        ..Telling::default()
    };
    let mut sealed = Vec::new();
    for (at_ms, actor) in [(2_000, Actor::Person), (3_000, Actor::System)] {
        let told = [telling("one"), telling("two")];
        sealed.extend(lines(ring, (key, &mut subject), (&told, &actor), at_ms));
    }
    (key, subject, sealed)
}

#[test]
fn a_trail_says_who_did_what_and_when_with_numbers_masked() {
    let ring = ring();
    let (key, subject, sealed) = trail(&ring);
    let lines = open(&ring, (key, &subject), &sealed).unwrap();
    assert!(is_chain(&lines) && ends_at(&lines, &subject));
    let said: Vec<_> = lines
        .iter()
        .map(|linked| (linked.line.n, linked.line.at_ms, linked.line.what.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            (1, 2_000, "one"),
            (2, 2_000, "two"),
            (3, 3_000, "one"),
            (4, 3_000, "two")
        ]
    );
    assert!(!format!("{lines:?}").contains(NUMBER));
    assert!(
        sealed
            .iter()
            .all(|line| !line.windows(4).any(|w| w == b"0123"))
    );
}

#[test]
fn a_line_that_is_missing_or_moved_breaks_the_chain() {
    let ring = ring();
    let (key, subject, sealed) = trail(&ring);
    let opened = |order: &[usize]| {
        let sealed: Vec<_> = order.iter().map(|at| sealed[*at].clone()).collect();
        open(&ring, (key, &subject), &sealed).unwrap()
    };
    for order in [&[0, 2, 3][..], &[0, 2, 1, 3], &[0, 1, 1, 2, 3]] {
        assert!(!is_chain(&opened(order)), "{order:?}");
    }
    // What is cut off at the end is missed by the record, at the start by nobody.
    assert!(!ends_at(&opened(&[0, 1, 2]), &subject));
    assert!(!ends_at(&[], &subject));
    let later = opened(&[2, 3]);
    assert!(is_chain(&later) && ends_at(&later, &subject));
}

#[test]
fn a_line_opens_nowhere_else_and_not_when_it_was_changed() {
    let ring = ring();
    let (key, subject, mut sealed) = trail(&ring);
    let tenant = ring.index().tenant("acme");
    let other = ring.index().subject(tenant, "u-2");
    let elsewhere = open(&ring, (other, &subject), &sealed);
    assert_eq!(elsewhere, Err(OpenError::Damaged));
    let mut unlocked = subject.clone();
    unlocked.audit_key = [1; 32];
    let unlocked = open(&ring, (key, &unlocked), &sealed);
    assert_eq!(unlocked, Err(OpenError::Damaged));
    if let Some(byte) = sealed.last_mut().and_then(|line| line.last_mut()) {
        *byte ^= 1;
    }
    let changed = open(&ring, (key, &subject), &sealed);
    assert_eq!(changed, Err(OpenError::Damaged));
}
