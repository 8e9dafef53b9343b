//! One mistake at a time in the English file, and what the operator reads.

use crate::message::{Catalog, MessageFile};

const ENGLISH: &str = include_str!("../../../../config/messages/en.toml");

/// What to replace in the English file, with what, where the mistake is then
/// reported, and words of the report.
const MISTAKES: [(&str, &str, &str, &str); 18] = [
    (
        "{code} is your {brand} code. It",
        "Your {brand} code. It",
        "sms.text",
        "{code} must stand here 1 times",
    ),
    (
        "{code} is your {brand} code. Do",
        "{code} {code} is your {brand} code. Do",
        "sms.brief",
        "stands 2 times",
    ),
    (
        "{code} is your {brand} code. Do",
        "{code} is your {bland} code. Do",
        "sms.brief",
        "{bland} is unknown",
    ),
    (
        "{code} is your {brand} code. Do",
        "{code is your {brand code. Do",
        "sms.brief",
        "a brace is not closed",
    ),
    (
        "Do not share it.\"",
        "Do} not share it.\"",
        "sms.brief",
        "a brace is closed that was not opened",
    ),
    (
        "Do not share it.\"",
        "Call 4444.\"",
        "sms.brief",
        "four or more digits",
    ),
    (
        "Do not share it.\"",
        "Go to example.com now.\"",
        "sms.brief",
        "a link",
    ),
    (
        "Do not share it.\"",
        "Not even @home.\"",
        "sms.brief",
        "kept for the line that browsers read",
    ),
    (
        "Do not share it.\"",
        "Do not share it. \"",
        "sms.brief",
        "both ends",
    ),
    (
        "Do not share it.\"",
        "Do not\\u0007 share it.\"",
        "sms.brief",
        "printable",
    ),
    (
        "to pay\n{amount}\nto {payee}",
        "to pay\n{amount} to {payee}",
        "sms.payment",
        "on lines of their own",
    ),
    (
        "Do not share it with anyone.\"",
        "Do not share it with anyone, whoever they are and whatever they say may happen to you.\"",
        "sms.text",
        "takes 2 segments of at most 1",
    ),
    (
        "Hello. This is {brand}. Your code is: {code} Again",
        "Hello. This is {brand}. Again",
        "voice.speech",
        "{code} must stand here 3 times and stands 2 times",
    ),
    (
        "Hello. This is {brand}. Your code is: {code} Again",
        "Hello, dear customer, and welcome to the telephone service that reads out codes slowly, \
         three times over, so that you may write them down, or your neighbour may, for all we \
         know. This is {brand}. Your code is: {code} Again",
        "voice.speech",
        "of at most 45 s",
    ),
    (
        "one = \"{minutes} minute\"",
        "one = \"a minute\"",
        "minutes",
        "write {minutes} once",
    ),
    (
        "one = \"{minutes} minute\"",
        "one = \"{minutes} #minute\"",
        "minutes",
        "kept for the line that browsers read",
    ),
    ("brief =", "breif =", "file", "unknown field `breif`"),
    (
        "\n[minutes]",
        "\n[minutes",
        "file",
        "TOML parse error at line",
    ),
];

#[test]
fn every_mistake_is_found_once_and_says_what_to_do() {
    for (from, to, key, words) in MISTAKES {
        assert!(ENGLISH.contains(from), "{from:?}");
        let text = ENGLISH.replacen(from, to, 1);
        let files = [MessageFile {
            name: "nl.toml",
            text: &text,
        }];
        let errors = Catalog::with_overrides(&files).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:#?}");
        let error = errors[0].to_string();
        assert!(
            error.starts_with(&format!("nl.toml: {key}: ")) && error.contains(words),
            "{error}"
        );
    }
}

#[test]
fn mistakes_of_several_files_are_reported_together() {
    let no_code = ENGLISH.replace("{code}", "");
    let errors = Catalog::with_overrides(&[
        MessageFile {
            name: "nl_.toml",
            text: ENGLISH,
        },
        MessageFile {
            name: "pt-BR.toml",
            text: &no_code,
        },
    ])
    .unwrap_err();
    let of_file = |file: &'static str| errors.iter().filter(move |error| error.file == file);
    assert_eq!(of_file("nl_.toml").count(), 1);
    let keys: std::collections::BTreeSet<_> =
        of_file("pt-BR.toml").map(|error| error.key).collect();
    assert_eq!(keys.len(), 9, "{errors:#?}");
}

#[test]
fn a_language_outside_the_gsm_alphabet_gets_more_segments() {
    let text = ENGLISH.replace("is your", "— ваш");
    let files = [MessageFile {
        name: "ru.toml",
        text: &text,
    }];
    assert!(Catalog::with_overrides(&files).is_ok());
}
