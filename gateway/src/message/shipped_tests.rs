//! The texts that are compiled in: what every language keeps to.

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource, FluentValue};
use watchword_providers::Channel;

use super::*;

/// What most codes and names are no longer than.
const COMMON_CODE: &str = "84719305";
const COMMON_BRAND: &str = "Bank of the North Co";

fn rendered(tag: &str, channel: Channel, minutes: u32, payment: Option<&Payment>) -> Rendered {
    let brand = Brand::parse(COMMON_BRAND).unwrap();
    let content = Content {
        code: COMMON_CODE,
        brand: &brand,
        minutes,
        payment,
        origin: None,
        app_hash: None,
    };
    Catalog::builtin().render(channel, &Locale::parse(tag).unwrap(), &content)
}

fn payment() -> Payment {
    Payment::parse("1500.00", "EUR", "Corner Bookshop").unwrap()
}

#[test]
fn at_least_forty_languages_are_there_each_under_its_own_tag() {
    let catalog = Catalog::builtin();
    let tags: Vec<&str> = catalog.locales().collect();
    assert!(tags.len() >= 40, "{}", tags.len());
    for tag in tags {
        assert_eq!(&*rendered(tag, Channel::Sms, 10, None).locale, tag);
    }
}

#[test]
fn every_sms_is_one_segment_with_common_values() {
    for tag in Catalog::builtin().locales() {
        for minutes in 1..=10 {
            let sms = rendered(tag, Channel::Sms, minutes, None);
            assert_eq!(sms.segment_count, 1, "{tag}: {}", sms.text);
        }
    }
}

#[test]
fn every_brief_text_leaves_room_for_an_app_hash() {
    let brand = Brand::parse(COMMON_BRAND).unwrap();
    let app_hash = AppHash::parse("FA+9qCX9VSu").unwrap();
    for tag in Catalog::builtin().locales() {
        let content = Content {
            code: COMMON_CODE,
            brand: &brand,
            minutes: 10,
            payment: None,
            origin: None,
            app_hash: Some(&app_hash),
        };
        let locale = Locale::parse(tag).unwrap();
        let sms = Catalog::builtin().render(Channel::Sms, &locale, &content);
        assert!(sms.has_app_hash, "{tag}: {}", sms.text);
    }
}

#[test]
fn every_call_says_its_sentences_and_the_code_digit_by_digit() {
    for tag in Catalog::builtin().locales() {
        for payment in [None, Some(&payment())] {
            let call = rendered(tag, Channel::Voice, 10, payment);
            let speech = call.speech.unwrap();
            let spelled = "8, 4, 7, 1, 9, 3, 0, 5.";
            assert_eq!(speech.matches(spelled).count(), 3, "{tag}: {speech}");
            let texts = call.call.unwrap();
            assert_eq!(&*texts.language, with_region(tag));
            assert_eq!(texts.code.matches(spelled).count(), 1, "{tag}");
            assert_eq!(texts.code.contains("Corner Bookshop"), payment.is_some());
            assert!(texts.greeting.contains(COMMON_BRAND), "{tag}");
            assert!(
                texts
                    .keys
                    .contains(watchword_providers::contract::REPORT_KEY),
                "{tag}"
            );
            for said in [
                &texts.greeting,
                &texts.keys,
                &texts.farewell,
                &texts.reported,
            ] {
                assert!(
                    !said.contains(spelled) && !said.contains(COMMON_CODE),
                    "{tag}"
                );
            }
        }
    }
}

#[test]
fn fluents_own_formatter_writes_the_same_texts() {
    for file in builtin_files() {
        let Some(tag) = file.tag() else { continue };
        // A file without texts of its own has those of a more general language.
        if !file.text.contains("\nsms =") {
            continue;
        }
        let mut bundle = FluentBundle::new(vec![tag.as_str().parse().unwrap()]);
        bundle.set_use_isolating(false);
        let resource = FluentResource::try_new(file.text.to_owned()).unwrap();
        bundle.add_resource(resource).unwrap();
        for minutes in 1..=10 {
            let mut args = FluentArgs::new();
            args.set("code", COMMON_CODE);
            args.set("brand", COMMON_BRAND);
            args.set("minutes", FluentValue::from(minutes));
            args.set("amount", "1 500.00 EUR");
            args.set("payee", "Corner Bookshop");
            for (id, payment) in [("sms", None), ("sms-payment", Some(&payment()))] {
                let pattern = bundle.get_message(id).and_then(|message| message.value());
                let mut errors = Vec::new();
                let text = bundle.format_pattern(pattern.unwrap(), Some(&args), &mut errors);
                assert!(errors.is_empty(), "{tag} {id}: {errors:?}");
                let ours = rendered(tag.as_str(), Channel::Sms, minutes, payment);
                assert_eq!(ours.text, text, "{tag} {id}");
            }
        }
    }
}

#[test]
fn right_to_left_texts_hold_no_marks() {
    for tag in ["ar", "fa", "he", "ur"] {
        for payment in [None, Some(&payment())] {
            let text = rendered(tag, Channel::Sms, 5, payment).text;
            let marks = [
                '\u{200E}', '\u{200F}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
            ];
            assert!(!text.contains(marks), "{text:?}");
        }
    }
}

#[test]
fn a_tag_finds_the_language_that_it_means() {
    for (asked, found) in [
        ("de-AT", "de"),
        ("en-GB", "en-GB"),
        ("en-US", "en"),
        ("es-419", "es"),
        ("no", "nb"),
        ("nn-NO", "nb"),
        ("pt-AO", "pt"),
        ("pt-BR", "pt-BR"),
        ("sr-Latn-RS", "sr-Latn"),
        ("sr-Cyrl", "sr"),
        ("tl", "fil"),
        ("zh", "zh-CN"),
        ("zh-SG", "zh-CN"),
        ("zh-Hant", "zh-TW"),
        ("zh-Hant-HK", "zh-HK"),
        ("zh-HK", "zh-HK"),
        ("tlh", "en"),
    ] {
        assert_eq!(
            &*rendered(asked, Channel::Sms, 5, None).locale,
            found,
            "{asked}"
        );
    }
}
