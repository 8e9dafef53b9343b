//! What a record answers by itself.

use watchword_providers::Channel;

use super::case::{Case, DAY, method, passkey, phone, proof};
use crate::subjects::command::{AddMethod, Command};
use crate::subjects::model::GrantId;

#[test]
fn notices_speak_the_language_of_before_as_long_as_one_of_a_change_may_come() {
    let mut case = Case::enrolled();
    let spoken = |case: &Case| case.subject.notice_locale(case.now_ms).map(str::to_owned);
    let mut before = None;
    for locale in ["de", "fr"] {
        let locale = Some(locale.to_owned());
        let set = Command::SetLocale {
            locale: locale.clone(),
        };
        case.tenant(&set).unwrap();
        case.wait(30 * DAY - 1);
        assert_eq!(spoken(&case), before);
        case.wait(1);
        assert_eq!(spoken(&case), locale);
        before = locale;
    }
}

#[test]
fn the_first_number_brings_a_language_and_no_other_does() {
    let add = |number, locale: &str| {
        Command::AddMethod(AddMethod {
            id: method(number),
            number: phone(number),
            role: None,
            channel: Channel::Sms,
            locale: Some(locale.to_owned()),
            extension: None,
            facts: vec![passkey()],
            proof: proof(number),
            stopped: false,
        })
    };
    let mut case = Case::unknown();
    for (number, locale) in [(1, "de"), (2, "fr")] {
        case.tenant(&add(number, locale)).unwrap();
        assert_eq!(case.subject.locale.as_deref(), Some("de"));
    }
    let mut case = Case::enrolled();
    case.tenant(&add(2, "fr")).unwrap();
    assert_eq!(case.subject.locale, None);
}

#[test]
fn a_change_is_asked_for_again_only_from_the_same_number_to_the_same_number() {
    let mut case = Case::with_two();
    let asked = |case: &Case, from: Option<u8>, to| {
        case.subject.has_requested(from.map(method), method(to))
    };
    assert!(!asked(&case, None, 3));
    case.request(3, &[passkey()]).unwrap();
    assert!(asked(&case, None, 3) && asked(&case, Some(1), 3));
    assert!(!asked(&case, Some(2), 3) && !asked(&case, None, 4));
    case.prove_change(3).unwrap();
    assert!(!asked(&case, None, 3));
    assert!(case.subject.open_change().is_some());
    case.queue_notices();
    assert!(case.subject.change.is_some() && case.subject.open_change().is_none());
}

#[test]
fn only_a_number_whose_code_is_not_typed_back_waits_for_it() {
    let mut case = Case::enrolled();
    case.add(2, &[passkey()]).unwrap();
    let waiting = [1, 2, 3].map(|number| case.subject.has_pending(method(number)));
    assert_eq!(waiting, [false, true, false]);
}

#[test]
fn a_recovery_is_open_until_its_time_is_over_and_not_then() {
    let mut case = Case::enrolled();
    case.recover(1, &[]).unwrap();
    let until_ms = case.subject.grants[0].until_ms;
    let is_open = |id, at_ms| {
        let open = case.subject.open_grant(GrantId([id; 16]), at_ms);
        open.is_some()
    };
    assert!(is_open(1, until_ms - 1) && !is_open(1, until_ms));
    assert!(!is_open(2, until_ms - 1));
}
