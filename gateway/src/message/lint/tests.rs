//! One mistake at a time in a language's file, and what the operator reads.

use crate::message::{Catalog, MessageFile, MessageLintError, builtin_files};

/// What to replace in a built-in file, with what, the text where the mistake is
/// then reported, and words of the report.
struct Slip {
    language: &'static str,
    from: &'static str,
    to: &'static str,
    key: &'static str,
    words: &'static str,
}

const fn english(
    from: &'static str,
    to: &'static str,
    key: &'static str,
    words: &'static str,
) -> Slip {
    Slip {
        language: "en",
        from,
        to,
        key,
        words,
    }
}

const fn arabic(
    from: &'static str,
    to: &'static str,
    key: &'static str,
    words: &'static str,
) -> Slip {
    Slip {
        language: "ar",
        from,
        to,
        key,
        words,
    }
}

const BRIEF: &str = "{ $code } is your { $brand } code. Do not share it.\n";

const SLIPS: [Slip; 31] = [
    english(
        BRIEF,
        "Your { $brand } code. Do not share it.\n",
        "sms-brief",
        "{ $code } must stand here 1 times and stands 0 times",
    ),
    english(
        BRIEF,
        "{ $code } or { $code } is your { $brand } code.\n",
        "sms-brief",
        "stands 2 times",
    ),
    english(
        BRIEF,
        "{ $code } is your { $bland } code.\n",
        "sms-brief",
        "{ $bland } is unknown",
    ),
    english(
        BRIEF,
        "{ code } is your { $brand } code.\n",
        "sms-brief",
        "{ code } is unknown: add it to the file, or write a placeholder as { $code }",
    ),
    english(
        BRIEF,
        "{ $code } is your { $brand } code. Call 4444.\n",
        "sms-brief",
        "four or more digits",
    ),
    english(
        BRIEF,
        "{ $code }1 is your { $brand } code.\n",
        "sms-brief",
        "directly beside { $code }",
    ),
    english(
        BRIEF,
        "{ $code }{ $brand } is it.\n",
        "sms-brief",
        "directly beside { $code }",
    ),
    english(
        BRIEF,
        "{ $code } is your { $brand } code. Go to example.com now.\n",
        "sms-brief",
        "a link",
    ),
    english(
        BRIEF,
        "{ $code } is your { $brand } code. Not even @home.\n",
        "sms-brief",
        "kept for the line that browsers read",
    ),
    english(
        BRIEF,
        "{ $code } is your { $brand } code.{\" \"}\n",
        "sms-brief",
        "both ends",
    ),
    english(
        BRIEF,
        "{ $code } is{\"\\u0007\"} your { $brand } code.\n",
        "sms-brief",
        "printable",
    ),
    english(
        BRIEF,
        "{ $code } is{\"\\u200E\"} your { $brand } code.\n",
        "sms-brief",
        "marks of direction",
    ),
    english(
        BRIEF,
        "{ $code } – your { $brand } code.\n",
        "sms-brief",
        "'–' is outside the GSM alphabet",
    ),
    english(
        BRIEF,
        "{ $code } is your { $brand } code for all that you may want to do with us in this \
         life and the one to come. Goodbye.\n",
        "sms-brief",
        "an app hash it takes",
    ),
    english(
        BRIEF,
        "{ NUMBER($code) } is your { $brand } code.\n",
        "sms-brief",
        "can stand in braces",
    ),
    english(
        BRIEF,
        "{ $code ->\n    *[other] x\n    }\n",
        "sms-brief",
        "only { $minutes -> .. }",
    ),
    english(
        "    .encoding = gsm-7\n\nsms-payment",
        "    .encoding = ascii\n\nsms-payment",
        "sms-brief",
        "may not have .encoding",
    ),
    english(
        "call-keys = { call-warning } To",
        "call-keys = Press twice, @ that: to",
        "call-keys",
        "kept for the line",
    ),
    english(
        "to pay\n    { $amount }\n    to { $payee }",
        "to pay\n    { $amount } to { $payee }",
        "sms-payment",
        "on lines of their own",
    ),
    english(
        "Do not share it with anyone.\n    .enc",
        "Do not share it with anyone, whoever they are and whatever they say may happen to you.\n    .enc",
        "sms",
        "takes 2 segments of at most 1",
    ),
    english(
        "call-speech = { call-hello }",
        "call-speech = { call-hello } Welcome, dear customer, to the telephone service that reads out \
         codes slowly, three times over, so that you may write them down, or your neighbour may, for \
         all we know, and so that nobody is left without a code who asked for one and has a telephone.",
        "call-speech",
        "of at most 45 s",
    ),
    english(
        "        [one] { $minutes } minute\n",
        "",
        "minutes",
        "needs the form [one] too",
    ),
    english(
        "        [one] { $minutes }",
        "        [few] some\n        [one] { $minutes }",
        "minutes",
        "the language has no form [few]: it has [one], [other]",
    ),
    english(
        "call-code =",
        "call-kode =",
        "call-kode",
        "there is no such text; did you mean call-code?",
    ),
    english(
        "call-code =",
        "call-keys = x\ncall-code =",
        "call-keys",
        "stands in this file already",
    ),
    english("call-code =", "call-code", "file", "is no Fluent"),
    english(
        "{ $minutes } minutes",
        "{ minutes } minutes",
        "minutes",
        "stand in each other",
    ),
    arabic(
        "sms-brief = { $code } هو رمز { $brand }.",
        "sms-brief = { $brand }: رمز { $code }.",
        "sms-brief",
        "begins left to right",
    ),
    arabic(
        "sms-brief = { $code } هو رمز { $brand }.",
        "sms-brief = رمز { $brand }: { $code }.",
        "sms-brief",
        "stands beside Latin letters",
    ),
    arabic(
        "sms-brief = { $code } هو رمز { $brand }.",
        "sms-brief = رمز { $code } OK { $brand }.",
        "sms-brief",
        "stands beside Latin letters",
    ),
    arabic(
        "        [two] { $minutes } دقيقة\n",
        "",
        "minutes",
        "needs the form [two] too",
    ),
];

fn builtin(tag: &str) -> &'static str {
    let name = format!("{tag}.ftl");
    builtin_files()
        .iter()
        .find(|file| file.name == name)
        .map(|file| file.text)
        .unwrap()
}

fn lint(name: &str, text: &str) -> Vec<MessageLintError> {
    let file = MessageFile {
        name,
        path: None,
        text,
    };
    Catalog::with_overrides(&[file])
        .map(|_| Vec::new())
        .unwrap_or_else(|errors| errors)
}

#[test]
fn every_mistake_is_found_and_says_where_it_is_and_what_to_do() {
    for slip in &SLIPS {
        let english = builtin(slip.language);
        assert!(english.contains(slip.from), "{:?}", slip.from);
        let text = english.replacen(slip.from, slip.to, 1);
        let name = format!("{}.ftl", slip.language);
        let errors = lint(&name, &text);
        let is_it = |error: &&MessageLintError| {
            error.key == slip.key && error.to_string().contains(slip.words)
        };
        let error = errors.iter().find(is_it);
        let error = error.unwrap_or_else(|| panic!("{:?}: {errors:#?}", slip.to));
        assert_eq!(error.file, name);
        let line = text.lines().nth(error.line - 1).unwrap();
        let stands_there = slip.key == "file" || line.starts_with(slip.key);
        assert!(stands_there, "{line:?} for {error}");
    }
}

#[test]
fn a_new_language_needs_every_text() {
    let errors = lint("tlh.ftl", "sms = { $code } { $brand }: { $minutes } tup.\n");
    assert_eq!(errors.len(), 10, "{errors:#?}");
    assert_eq!(
        errors[0].to_string(),
        "tlh.ftl:1: file: sms-brief is missing: add it, since no more general language has it"
    );
}

#[test]
fn mistakes_of_several_files_are_reported_together() {
    let files = [("nl_.ftl", "# x\n"), ("pt-BR.ftl", "sms = x\n")];
    let files = files.map(|(name, text)| MessageFile {
        name,
        path: Some("/etc/texts"),
        text,
    });
    let errors = Catalog::with_overrides(&files).unwrap_err();
    let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert!(
        shown[0].starts_with("/etc/texts:1: file: the file name is no language"),
        "{shown:#?}"
    );
    assert!(
        shown[1].starts_with("/etc/texts:1: sms: { $code } must"),
        "{shown:#?}"
    );
}

#[test]
fn a_language_outside_the_gsm_alphabet_gets_more_segments() {
    let long = format!(
        "sms = {{ $code }} — {{ $brand }}, {{ $minutes }}. {}\n",
        "я".repeat(80)
    );
    assert_eq!(lint("ru.ftl", &long), []);
    let longer = long.replace('.', ". Никому этот код не говорите.");
    let errors = lint("ru.ftl", &longer);
    assert!(
        errors[0].to_string().contains("3 segments of at most 2"),
        "{errors:#?}"
    );
}

#[test]
fn a_file_that_nests_or_grows_without_end_is_refused() {
    let part = |name: &str, of: &str| format!("-{name} = {}\n", format!("{{ -{of} }}").repeat(300));
    let growing = format!(
        "-a = x\n{}{}{}sms = {{ -d }}\n",
        part("b", "a"),
        part("c", "b"),
        part("d", "c")
    );
    for text in [
        format!("sms = {}\n", "{".repeat(60_000)),
        format!("sms = {{ {} }}\n", "F(".repeat(30_000)),
        growing,
    ] {
        let file = MessageFile {
            name: "en.ftl",
            path: None,
            text: &text,
        };
        assert!(Catalog::with_overrides(&[file]).is_err());
    }
}
