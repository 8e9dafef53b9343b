//! The texts as phones, browsers and networks read them.

use proptest::prelude::*;
use regex::Regex;

use super::*;

fn content<'a>(brand: &'a Brand, code: &'a str) -> Content<'a> {
    Content {
        code,
        brand,
        minutes: 10,
        payment: None,
        origin: None,
        app_hash: None,
    }
}

fn acme() -> Brand {
    Brand::parse("Acme").unwrap()
}

fn render(channel: Channel, locale: &str, content: &Content<'_>) -> Rendered {
    Catalog::builtin().render(channel, &Locale::parse(locale).unwrap(), content)
}

fn sms(content: &Content<'_>) -> Rendered {
    render(Channel::Sms, "en", content)
}

/// The last line as the WICG draft has browsers read it: host and code.
fn read_as_wicg(message: &str) -> Option<(&str, &str)> {
    let line = message.rsplit('\n').next()?.strip_prefix('@')?;
    let (host, rest) = line.split_once(' ')?;
    let code = rest.strip_prefix('#')?.split(' ').next()?;
    (!host.is_empty() && !code.is_empty()).then_some((host, code))
}

/// The same as Chromium reads it.
fn read_as_chromium(message: &str) -> Option<(String, String)> {
    let pattern = r"(?:^|\s)@([a-zA-Z0-9.-]+) #([^#\s]+)(?: @([a-zA-Z0-9.-]+))?";
    let captures = Regex::new(pattern).unwrap().captures(message)?;
    Some((captures[1].to_owned(), captures[2].to_owned()))
}

/// The runs of 4 to 10 digits that a phone may offer as the code.
fn code_candidates(message: &str) -> Vec<&str> {
    message
        .split(|character: char| !character.is_ascii_digit())
        .filter(|run| (4..=10).contains(&run.len()))
        .collect()
}

#[test]
fn the_readers_of_these_tests_read_as_their_models_do() {
    for (tail, wicg, chromium) in [
        ("\n\n@example.com #747723", true, true),
        ("\n\n@example.com #747723 FA+9qCX9VSu", true, true),
        ("\n@example.com #747723 @ecommerce.example", true, true),
        ("something @example.com #747723", false, true),
        ("\n@example.com  #747723", false, false),
        ("\n@example.com #747723\n", false, true),
    ] {
        let message = format!("747723 is your code.{tail}");
        assert_eq!(read_as_wicg(&message).is_some(), wicg, "{tail:?}");
        assert_eq!(read_as_chromium(&message).is_some(), chromium, "{tail:?}");
    }
}

#[test]
fn an_english_sms_says_who_what_how_long_and_not_to_share_it() {
    let brand = acme();
    let rendered = sms(&content(&brand, "584231"));
    assert_eq!(
        rendered.text,
        "584231 is your Acme code. It is valid for 10 minutes. Do not share it with anyone."
    );
    assert_eq!(rendered.speech, None);
    assert_eq!(
        (rendered.segment_count, rendered.encoding),
        (1, Encoding::Gsm7)
    );
}

#[test]
fn one_minute_is_not_minutes() {
    let brand = acme();
    let mut content = content(&brand, "584231");
    content.minutes = 1;
    assert!(sms(&content).text.contains("valid for 1 minute."));
}

#[test]
fn a_payment_shows_amount_and_payee_on_lines_of_their_own() {
    let brand = acme();
    let payment = Payment::parse("1500.00", "EUR", "Corner Bookshop").unwrap();
    let mut content = content(&brand, "584231");
    content.payment = Some(&payment);
    let lines: Vec<_> = sms(&content).text.lines().map(str::to_owned).collect();
    assert_eq!(
        lines,
        [
            "Acme code 584231 to pay",
            "1 500.00 EUR",
            "to Corner Bookshop",
            "Valid for 10 minutes. Do not share it.",
        ]
    );
    let call = render(Channel::Voice, "en", &content);
    for text in [call.text, call.speech.unwrap()] {
        assert!(
            text.contains("\n1 500.00 EUR\nto Corner Bookshop\n"),
            "{text}"
        );
    }
}

#[test]
fn the_last_line_binds_the_code_to_its_origin() {
    let (brand, origin) = (acme(), Origin::parse("example.com").unwrap());
    let app_hash = AppHash::parse("FA+9qCX9VSu").unwrap();
    for (origin, app_hash, last_line) in [
        (Some(&origin), None, "\n@example.com #747723"),
        (
            Some(&origin),
            Some(&app_hash),
            "\n@example.com #747723 FA+9qCX9VSu",
        ),
        (None, Some(&app_hash), "\nFA+9qCX9VSu"),
    ] {
        let rendered = sms(&Content {
            origin,
            app_hash,
            ..content(&brand, "747723")
        });
        assert!(rendered.text.ends_with(last_line), "{}", rendered.text);
        assert_eq!(rendered.has_app_hash, app_hash.is_some());
        if origin.is_some() {
            assert_eq!(
                read_as_wicg(&rendered.text),
                Some(("example.com", "747723"))
            );
            let chromium = read_as_chromium(&rendered.text).unwrap();
            assert_eq!(chromium, ("example.com".to_owned(), "747723".to_owned()));
        }
    }
}

#[test]
fn android_gets_the_brief_text_where_the_full_one_is_too_long() {
    let brand = Brand::parse("Bank of the Long Name").unwrap();
    let app_hash = AppHash::parse("FA+9qCX9VSu").unwrap();
    let origin = Origin::parse("login.bank-of-the-long-name.example").unwrap();
    let rendered = sms(&Content {
        origin: Some(&origin),
        app_hash: Some(&app_hash),
        ..content(&brand, "747723")
    });
    assert_eq!(
        rendered.text,
        "747723 is your Bank of the Long Name code. Do not share it.\n\
         @login.bank-of-the-long-name.example #747723 FA+9qCX9VSu"
    );
    assert!(rendered.has_app_hash);
}

#[test]
fn where_even_the_brief_text_is_too_long_the_app_hash_is_left_off() {
    let brand = acme();
    let app_hash = AppHash::parse("FA+9qCX9VSu").unwrap();
    let origin = Origin::parse(&format!("login.{}.example", "a".repeat(63))).unwrap();
    let rendered = sms(&Content {
        origin: Some(&origin),
        app_hash: Some(&app_hash),
        ..content(&brand, "747723")
    });
    assert!(rendered.text.contains("It is valid for 10 minutes."));
    assert!(rendered.text.ends_with(".example #747723"));
    assert!(!rendered.has_app_hash);
}

#[test]
fn a_call_says_the_code_three_times_digit_by_digit() {
    let brand = acme();
    let rendered = render(Channel::Voice, "en", &content(&brand, "5842"));
    let speech = rendered.speech.unwrap();
    assert_eq!(speech.matches("5, 8, 4, 2.").count(), 3);
    assert_eq!(code_candidates(&speech), Vec::<&str>::new());
    assert!(!speech.contains('?'));
    assert!(speech.starts_with("Hello. This is Acme."));
}

#[test]
fn a_call_that_asks_for_a_key_has_the_code_in_one_sentence_alone() {
    let brand = acme();
    let payment = Payment::parse("12.50", "EUR", "Shop").unwrap();
    for locale in ["de", "en", "es", "fr"] {
        for payment in [None, Some(&payment)] {
            let content = Content {
                payment,
                ..content(&brand, "5842")
            };
            let call = render(Channel::Voice, locale, &content).call.unwrap();
            assert_eq!(&*call.language, with_region(locale));
            assert_eq!(call.code.matches("5, 8, 4, 2.").count(), 1, "{locale}");
            assert_eq!(call.code.contains("Shop"), payment.is_some(), "{locale}");
            assert!(call.greeting.contains("Acme"), "{locale}");
            assert!(
                call.keys.contains('1') && call.keys.contains('9'),
                "{locale}"
            );
            for said in [&call.greeting, &call.keys, &call.farewell, &call.reported] {
                assert!(!said.contains("5, 8") && !said.contains('?'), "{said}");
            }
        }
    }
}

#[test]
fn an_unknown_language_falls_back() {
    let brand = acme();
    let content = content(&brand, "584231");
    for locale in ["en", "EN-us-x-test", "tlh", "x-private"] {
        let rendered = render(Channel::Sms, locale, &content);
        assert_eq!(&*rendered.locale, "en", "{locale}");
    }
}

fn file(name: &'static str, text: &'static str) -> MessageFile<'static> {
    MessageFile {
        name,
        path: None,
        text,
    }
}

fn sms_of(catalog: &Catalog, locale: &str) -> String {
    let brand = acme();
    let locale = Locale::parse(locale).unwrap();
    let rendered = catalog.render(Channel::Sms, &locale, &content(&brand, "584231"));
    rendered.text
}

#[test]
fn an_operators_file_replaces_single_texts_and_what_stands_on_them() {
    let ours = "sms = { $code } is your { $brand } code. It stays valid for { minutes }.\n";
    let catalog = Catalog::with_overrides(&[file("en.ftl", ours)]).unwrap();
    for locale in ["en", "en-US", "en-GB"] {
        let expected = "584231 is your Acme code. It stays valid for 10 minutes.";
        assert_eq!(sms_of(&catalog, locale), expected, "{locale}");
    }
    let payment = Payment::parse("7", "EUR", "Shop").unwrap();
    let brand = acme();
    let paid = Content {
        payment: Some(&payment),
        ..content(&brand, "584231")
    };
    let rendered = catalog.render(Channel::Sms, &Locale::parse("en").unwrap(), &paid);
    assert!(
        rendered
            .text
            .starts_with("Acme code 584231 to pay\n7 EUR\n")
    );
}

#[test]
fn an_operator_adds_a_variety_of_a_language_by_the_texts_that_differ() {
    let ours = "sms = Grüezi! { $code } ist Ihr Code für { $brand }. Er gilt { minutes }.\n";
    let catalog = Catalog::with_overrides(&[file("de-CH.ftl", ours)]).unwrap();
    assert!(sms_of(&catalog, "de-CH").starts_with("Grüezi! 584231"));
    assert!(sms_of(&catalog, "de-CH").ends_with("Er gilt 10 Minuten."));
    assert!(sms_of(&catalog, "de").starts_with("584231 ist"));
}

#[test]
fn a_tenants_texts_lie_over_the_common_ones_and_are_its_own() {
    let common = [file("en.ftl", "minutes = { $minutes } min\n")];
    let own = [file(
        "en.ftl",
        "sms = { $code } for { $brand }, { minutes }. Ours!\n",
    )];
    let shared = Catalog::with_overrides(&common).unwrap();
    let tenants = shared.for_tenant(&common, &own).unwrap();
    assert_eq!(sms_of(&tenants, "en"), "584231 for Acme, 10 min. Ours!");
    assert_eq!(sms_of(&tenants, "en-GB"), "584231 for Acme, 10 min. Ours!");
    assert!(sms_of(&shared, "en").contains("It is valid for 10 min."));
    assert_eq!(sms_of(&tenants, "de"), sms_of(&shared, "de"));
    assert!(
        shared
            .for_tenant(&common, &[file("en.ftl", "sms = no\n")])
            .is_err()
    );
}

proptest! {
    #[test]
    fn every_sms_keeps_to_its_form(
        code in "[0-9]{4,10}",
        brand in "[A-Za-z][A-Za-z &-]{0,22}",
        minutes in 1_u32..=10,
        payment in proptest::option::of(("[0-9]{1,7}\\.[0-9]{2}", "[A-Z]{3}", "[A-Za-z][A-Za-z &-]{0,30}")),
        origin in proptest::option::of("[a-z]{1,40}(\\.[a-z]{2,20}){0,3}"),
        app_hash in proptest::option::of("[A-Za-z0-9+/]{11}"),
        locale in proptest::sample::select(vec!["en", "de", "es", "fr", "nl", "pt-BR", "tr"]),
    ) {
        let brand = Brand::parse(&brand).unwrap();
        let payment = payment.map(|(amount, currency, payee)| {
            Payment::parse(&amount, &currency, &payee).unwrap()
        });
        let origin = origin.map(|origin| Origin::parse(&origin).unwrap());
        let app_hash = app_hash.map(|app_hash| AppHash::parse(&app_hash).unwrap());
        let rendered = render(Channel::Sms, locale, &Content {
            code: &code,
            brand: &brand,
            minutes,
            payment: payment.as_ref(),
            origin: origin.as_ref(),
            app_hash: app_hash.as_ref(),
        });
        let text = &rendered.text;

        prop_assert_eq!(&*rendered.locale, locale);
        prop_assert!(!rendered.has_app_hash || text.len() <= RETRIEVER_BYTES_MAX);
        prop_assert_eq!(text.trim_end(), text);
        if let Some(origin) = &origin {
            prop_assert_eq!(read_as_wicg(text), Some((origin.as_str(), code.as_str())));
            let expected = (origin.as_str().to_owned(), code.clone());
            prop_assert_eq!(read_as_chromium(text), Some(expected));
        }
        // The hash may hold digits of its own; all other runs are the code.
        let hash = app_hash.as_ref().filter(|_| rendered.has_app_hash);
        let without_hash = hash.map_or(text.as_str(), |hash| {
            text.strip_suffix(hash.as_str()).unwrap()
        });
        prop_assert!(code_candidates(without_hash).iter().all(|run| *run == code), "{}", text);
        if origin.is_none() && hash.is_none() {
            prop_assert_eq!(rendered.segment_count, 1, "{}", text);
        }
    }
}
