//! The mistakes a message file can have, each with the way out.

/// A mistake in a message file, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {key}: {mistake}")]
pub struct MessageLintError {
    /// The file's name, as it was given.
    pub file: String,
    /// Where the text begins, from 1.
    pub line: usize,
    /// Which text of it, such as `sms`; `file` for the file as a whole.
    pub key: String,
    pub mistake: Mistake,
}

/// What is wrong, and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    #[error("the file name is no language: name it after one, such as de.ftl or pt-BR.ftl")]
    FileName,
    #[error("is no Fluent ({0}): write `id = text`, further lines of a text indented")]
    Syntax(String),
    #[error("stands in this file already: keep one")]
    Twice,
    #[error("there is no such text{}", hint(.0.as_deref()))]
    TextUnknown(Option<&'static str>),
    #[error("{0} is missing: add it, since no more general language has it")]
    TextMissing(&'static str),
    #[error("a text may not have .{0}: take it out, or write .encoding = gsm-7 under an SMS")]
    Attribute(String),
    #[error(
        "{{ ${0} }} is unknown: use {{ $code }}, {{ $brand }}, {{ $minutes }}, {{ $amount }}, \
         {{ $payee }}, and in a notice {{ $undo }} and {{ $report }}"
    )]
    PlaceholderUnknown(String),
    #[error("{{ {0} }} is unknown: add it to the file, or write a placeholder as {{ $code }}")]
    PartUnknown(String),
    #[error("parts of texts stand in each other: write them out")]
    TooDeep,
    #[error("only {{ $minutes -> .. }} can choose between forms")]
    Selector,
    #[error("only placeholders, parts and forms by {{ $minutes -> .. }} can stand in braces")]
    Expression,
    #[error("the language has no form [{form}]: it has {known}")]
    PluralUnknown { form: String, known: String },
    #[error("a number of minutes needs the form {0} too: add it")]
    PluralMissing(String),
    #[error("{{ ${name} }} must stand here {expected} times and stands {found} times")]
    PlaceholderCount {
        name: &'static str,
        expected: usize,
        found: usize,
    },
    #[error("{{ $amount }} and {{ $payee }} must stand on lines of their own: begin a new line")]
    PaymentLines,
    #[error("four or more digits in a row may be taken for the code: write fewer")]
    CodeLike,
    #[error("what stands directly beside {{ $code }} may be taken for part of it: write a blank")]
    BesideTheCode,
    #[error("`@` and `#` are kept for the line that browsers read: take them out")]
    Sign,
    #[error("a link in a code message looks like fraud: take it out")]
    Link,
    #[error(
        "invisible marks of direction double the price of an SMS and show as boxes on some \
         phones: take them out"
    )]
    DirectionMark,
    #[error(
        "a line of a right-to-left text begins left to right, so phones turn it around: begin it \
         with a word of the language, or with {{ $code }} and such a word"
    )]
    DirectionBegins,
    #[error(
        "{{ $code }} stands beside Latin letters or a name, so phones show the two in the wrong \
         order: put a word of the language between"
    )]
    DirectionBeside,
    #[error("only line breaks and printable characters may stand here: take the others out")]
    Control,
    #[error("take the blanks and empty lines off both ends")]
    Blank,
    #[error(
        "with the longest values it takes {found} segments of at most {allowed}: shorten it by \
         about {excess} characters"
    )]
    TooManySegments {
        found: usize,
        allowed: usize,
        excess: usize,
    },
    #[error("{0:?} is outside the GSM alphabet that .encoding claims: write another word")]
    OutsideGsm7(char),
    #[error(
        "with the longest values and an app hash it takes {found} bytes, of which Android reads \
         {allowed}: shorten it"
    )]
    BriefTooLong { found: usize, allowed: usize },
    #[error("it takes up to {found_s} s to say, of at most {allowed_s} s: shorten it")]
    SpeechTooLong { found_s: u32, allowed_s: u32 },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || ": take it out".to_owned(),
        |nearest| format!("; did you mean {nearest}?"),
    )
}
