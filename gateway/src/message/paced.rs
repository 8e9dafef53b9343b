//! How a call says a text that is not ours: the codes in it digit by digit, and
//! all of it as often as a call of ours says its code.

use watchword_providers::contract::CODE_REPETITIONS;

use super::{CODE_DIGITS_MAX, spell};

/// Fewer digits are a time, a price or a number of minutes.
const CODE_DIGITS_MIN: usize = 4;

/// What a slow voice says within the 45 s of a call, in characters, and about the
/// least that any provider takes.
const SAID_CHARACTERS_MAX: usize = 600;

/// The text with the digits of its codes apart (`5, 8, 4, 2`), said once; `None` if
/// there is no code in it.
///
/// A code is any run of 4 to 10 ASCII digits, whole or in groups of one length with
/// one space or hyphen between them: `123456`, `123 456`, `12-34-56`. What such a run
/// means is not guessed at: a year is said digit by digit too. A longer run, such as
/// a phone number, stays as it is.
pub fn paced(text: &str) -> Option<String> {
    let mut said = String::with_capacity(text.len() + 32);
    let mut has_code = false;
    let mut rest = text;
    while let Some(start) = rest.find(|character: char| character.is_ascii_digit()) {
        let (before, run) = rest.split_at(start);
        said.push_str(before);
        let (digits, after) = Run::first_of(run).split(run);
        rest = after;
        let code: String = digits.chars().filter(char::is_ascii_digit).collect();
        if (CODE_DIGITS_MIN..=CODE_DIGITS_MAX).contains(&code.len()) {
            has_code = true;
            push_spelled(&mut said, &code, after);
        } else {
            said.push_str(digits);
        }
    }
    said.push_str(rest);
    has_code.then_some(said)
}

/// The same text as often as a call says its code, or as often as fits into one.
pub fn repeated(said: &str) -> String {
    let ends = said.trim_end().ends_with(['.', '!', '?', '。', '।', '؟']);
    let stop = if ends { "" } else { "." };
    let once = format!("{}{stop}", said.trim_end());
    let fit = SAID_CHARACTERS_MAX / (once.chars().count() + 1);
    vec![once; fit.clamp(1, CODE_REPETITIONS)].join(" ")
}

/// A voice pauses behind the last digit too, at the text's own mark or at ours.
fn push_spelled(said: &mut String, code: &str, after: &str) {
    let spelled = spell(code);
    let has_mark = after.starts_with(|next: char| !next.is_whitespace() && !next.is_alphanumeric());
    match (has_mark, after.is_empty()) {
        (true, _) => said.push_str(spelled.trim_end_matches('.')),
        (false, true) => said.push_str(&spelled),
        (false, false) => {
            said.push_str(spelled.trim_end_matches('.'));
            said.push(',');
        }
    }
}

/// How many bytes of a text are one run of digits.
struct Run(usize);

impl Run {
    /// The run that a text begins with: groups of one length, or its first group
    /// alone where the next is of another.
    fn first_of(text: &str) -> Self {
        let group = digits_of(text);
        let mut length = group;
        let mut rest = text.get(group..).unwrap_or_default();
        while let Some(next) = rest.strip_prefix([' ', '-'])
            && digits_of(next) == group
            && group > 0
        {
            length += 1 + group;
            rest = next.get(group..).unwrap_or_default();
        }
        Self(length)
    }

    fn split(self, text: &str) -> (&str, &str) {
        text.split_at_checked(self.0).unwrap_or((text, ""))
    }
}

fn digits_of(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_is_said_digit_by_digit_however_it_is_grouped() {
        for (text, said) in [
            (
                "Your Contoso code is 123456",
                "Your Contoso code is 1, 2, 3, 4, 5, 6.",
            ),
            (
                "123 456 is your code. Do not share it.",
                "1, 2, 3, 4, 5, 6, is your code. Do not share it.",
            ),
            ("Code 123-456.", "Code 1, 2, 3, 4, 5, 6."),
            ("Code: 12 34 56!", "Code: 1, 2, 3, 4, 5, 6!"),
            (
                "1234 10 minutes, 12345 and 9.",
                "1, 2, 3, 4, 10 minutes, 1, 2, 3, 4, 5, and 9.",
            ),
            ("In 2026: 7777", "In 2, 0, 2, 6: 7, 7, 7, 7."),
            ("コード:584231です", "コード:5, 8, 4, 2, 3, 1,です"),
        ] {
            assert_eq!(paced(text).as_deref(), Some(said), "{text}");
        }
    }

    #[test]
    fn short_numbers_and_phone_numbers_are_no_codes() {
        for text in [
            "",
            "No code here.",
            "Valid for 10 minutes, until 9:30.",
            "Call +14155550123 now",
            "Call 0800 5555 0123 99",
            "555 012 345 678",
        ] {
            assert_eq!(paced(text), None, "{text}");
        }
    }

    #[test]
    fn a_text_is_said_three_times_or_as_often_as_fits() {
        assert_eq!(repeated("Your code."), "Your code. Your code. Your code.");
        assert_eq!(
            repeated("Code: 1, 2 "),
            "Code: 1, 2. Code: 1, 2. Code: 1, 2."
        );
        let long = "x".repeat(250);
        assert_eq!(repeated(&long).matches("x.").count(), 2);
        assert_eq!(repeated(&"x".repeat(1600)).chars().count(), 1601);
    }

    proptest! {
        #[test]
        fn no_digit_is_lost_or_moved(text in "[0-9a-z .,\\-é]{0,60}") {
            let digits = |text: &str| -> String {
                text.chars().filter(char::is_ascii_digit).collect()
            };
            if let Some(said) = paced(&text) {
                prop_assert_eq!(digits(&said), digits(&text));
            }
        }

        #[test]
        fn any_text_is_said(text in any::<String>()) {
            let _said = paced(&text).map(|said| repeated(&said));
        }
    }
}
