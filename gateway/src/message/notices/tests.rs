//! The notices that are compiled in, and what the lint says of others.

use super::super::segments::segment_count;
use super::*;
use crate::message::{BRAND_CHARACTERS_MAX, Encoding};

const CHANGE: Notice<'_> = Notice::Change {
    undo: "K7QM-2XRP",
    report: "3D9F-WZ8T",
};

fn written(tag: &str, channel: Channel, notice: Notice<'_>) -> WrittenNotice {
    let brand = Brand::parse(&"B".repeat(BRAND_CHARACTERS_MAX)).unwrap();
    let locale = Locale::parse(tag).unwrap();
    Notices::builtin().write(channel, (&locale, &brand), notice)
}

fn mistakes(from: &str, to: &str) -> String {
    let english = FILES.iter().find(|file| file.name == "en.ftl").unwrap();
    assert!(english.text.contains(from), "{from}");
    let text = english.text.replace(from, to);
    let file = MessageFile {
        text: &text,
        ..*english
    };
    let errors = Notices::with_overrides(&[file]).unwrap_err();
    errors.iter().map(|error| format!("{error}\n")).collect()
}

#[test]
fn every_notice_is_one_segment_with_the_longest_name_its_alphabet_has_room_for() {
    for tag in Notices::builtin().locales() {
        for notice in [CHANGE, Notice::Security] {
            let (name, alphabet) = match tag {
                "ja" => (20, Encoding::Ucs2),
                _ => (BRAND_CHARACTERS_MAX, Encoding::Gsm7),
            };
            let brand = Brand::parse(&"B".repeat(name)).unwrap();
            let locale = Locale::parse(tag).unwrap();
            let written = Notices::builtin().write(Channel::Sms, (&locale, &brand), notice);
            let segments = segment_count(&written.text);
            assert_eq!(segments.count, 1, "{tag}: {}", written.text);
            assert_eq!(segments.encoding, alphabet, "{tag}: {}", written.text);
        }
    }
}

#[test]
fn a_language_of_ones_own_has_every_notice() {
    let file = MessageFile {
        name: "sv.ftl",
        path: None,
        text: "security = { $brand }: ditt konto har ändrats.\n",
    };
    let errors = Notices::with_overrides(&[file]).unwrap_err();
    let report: String = errors.iter().map(|error| format!("{error}\n")).collect();
    assert!(report.contains("call-security is missing"), "{report}");
}

#[test]
fn a_tenants_own_notice_stands_over_the_operators_and_that_over_ours() {
    let file = |text| MessageFile {
        name: "de.ftl",
        path: None,
        text,
    };
    let common = [file(
        "security = { $brand }: Ihr Konto wurde geändert.\ncall-hello = Moin. Hier ist { $brand }.\n",
    )];
    let own = [file("security = { $brand }: Dein Konto wurde geändert.\n")];
    let shared = Notices::with_overrides(&common).unwrap();
    let tenants = shared.for_tenant(&common, &own).unwrap();
    let brand = Brand::parse("Acme").unwrap();
    let locale = Locale::parse("de").unwrap();
    let text = |notices: &Notices, channel| {
        let notice = notices.write(channel, (&locale, &brand), Notice::Security);
        notice.speech.unwrap_or(notice.text)
    };
    assert_eq!(
        text(&shared, Channel::Sms),
        "Acme: Ihr Konto wurde geändert."
    );
    assert_eq!(
        text(&tenants, Channel::Sms),
        "Acme: Dein Konto wurde geändert."
    );
    let spoken = text(&tenants, Channel::Voice);
    assert!(spoken.starts_with("Moin. Hier ist Acme."), "{spoken}");
    assert!(!text(&Notices::builtin(), Channel::Voice).contains("Moin"));
}

#[test]
fn a_notice_of_a_change_carries_both_tokens_and_others_none() {
    for tag in Notices::builtin().locales() {
        let text = written(tag, Channel::Sms, CHANGE).text;
        assert_eq!(text.matches("K7QM-2XRP").count(), 1, "{tag}: {text}");
        assert_eq!(text.matches("3D9F-WZ8T").count(), 1, "{tag}: {text}");
        let text = written(tag, Channel::Sms, Notice::Security).text;
        assert!(!text.contains(|sign: char| sign.is_ascii_digit()), "{text}");
    }
}

#[test]
fn a_call_says_each_token_twice_and_sign_by_sign() {
    for tag in Notices::builtin().locales() {
        let call = written(tag, Channel::Voice, CHANGE);
        let speech = call.speech.unwrap();
        for spelled in ["K, 7, Q, M, 2, X, R, P.", "3, D, 9, F, W, Z, 8, T."] {
            assert_eq!(speech.matches(spelled).count(), 2, "{tag}: {speech}");
        }
        assert_eq!(&*call.locale, tag);
    }
}

#[test]
fn a_language_without_notices_gets_the_nearest_that_has_them() {
    for (asked, found) in [
        ("de-AT", "de"),
        ("pt", "pt"),
        ("pt-PT", "pt"),
        ("ja-JP", "ja"),
        ("sv", "en"),
    ] {
        let notice = written(asked, Channel::Sms, Notice::Security);
        assert_eq!(&*notice.locale, found, "{asked}");
    }
}

#[test]
fn the_lint_refuses_what_a_notice_must_not_say() {
    for (from, to, words) in [
        ("{ $undo } or", "or", "{ $undo } must stand here 1 times"),
        (
            "Not you?",
            "Your code is { $code }.",
            "change: { $code } must stand here 0 times and stands 1 times",
        ),
        ("contact us now", "see example.com", "security: "),
        (
            "contact us now",
            "call 5550123 now",
            "security: four or more",
        ),
        (
            "contact us now.\n    .encoding",
            "please contact us at once, by telephone or by letter or in person.\n    .encoding",
            "segments",
        ),
        (
            "Again.",
            "Once more, please, since nobody remembers eight signs at once; so listen well to what follows now, or else write to us.",
            "call-change: ",
        ),
        (
            "call-security =",
            "call-safety =",
            "call-safety: there is no such text",
        ),
    ] {
        let report = mistakes(from, to);
        assert!(report.contains(words), "{to}: {report}");
    }
}
