//! The scripts, one per step: each is its own file behind the parts it needs.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A script and the digest under which Redis keeps it.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) source: String,
    pub(super) digest: String,
}

impl Script {
    fn new(text: &str) -> Self {
        let source = with_constants_in_place(text);
        Self {
            digest: ::redis::Script::new(&source).get_hash().to_owned(),
            source,
        }
    }
}

/// Puts the numbers in place of the names that stand for them. Redis runs a
/// script's text from its first line at every call, so a name costs time even
/// where it is not used, and most where a function captures it.
fn with_constants_in_place(text: &str) -> String {
    let mut constants = HashMap::new();
    let mut lines = Vec::new();
    // A declaration may go on after its `=`.
    let joined = text.replace("=\n  ", "= ");
    for line in joined.lines() {
        match constants_of(line) {
            Some(found) => constants.extend(found),
            None => lines.push(line),
        }
    }
    let mut source = String::with_capacity(text.len());
    for line in lines {
        // Comments cost nothing but bytes.
        if !line.trim_start().starts_with("--") {
            replace_names(line, &constants, &mut source);
            source.push('\n');
        }
    }
    source
}

/// The names and numbers of a line like `local FIRST, SECOND = 1, 2`.
fn constants_of(line: &str) -> Option<Vec<(&str, &str)>> {
    let (names, numbers) = line.strip_prefix("local ")?.split_once(" = ")?;
    let (names, numbers) = (names.split(", "), numbers.split(", "));
    let pairs: Vec<(&str, &str)> = names.zip(numbers).collect();
    let is_constant =
        |(name, number): &(&str, &str)| is_constant_name(name) && number.parse::<i64>().is_ok();
    pairs.iter().all(is_constant).then_some(pairs)
}

fn is_constant_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_uppercase())
        && !word.contains(|letter: char| letter.is_ascii_lowercase())
}

fn replace_names(line: &str, constants: &HashMap<&str, &str>, source: &mut String) {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut rest = line;
    while !rest.is_empty() {
        let word_length = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(word_length);
        source.push_str(constants.get(word).unwrap_or(&word));
        let gap_length = after.find(is_part).unwrap_or(after.len());
        let (gap, next) = after.split_at(gap_length);
        source.push_str(gap);
        rest = next;
    }
}

/// Joins a script's parts. The first says whether it may run when memory is full:
/// what exists must go on, so only what adds a send may not.
macro_rules! scripts {
    ($($name:ident = $($part:literal)+;)+) => {
        $(pub(super) static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::new(concat!($(include_str!(concat!("scripts/", $part, ".lua"))),+))
        });)+

        /// All of them.
        pub(super) fn all() -> Vec<&'static Script> {
            vec![$(&$name),+]
        }
    };
}

scripts! {
    START = "refuse_oom" "clock" "start_first" "limit_state" "record" "number" "refusal" "delivery"
        "ending" "send" "again" "idempotency" "start_known" "limits_within" "replay" "start";
    START_GUARDED = "refuse_oom" "clock" "guard" "start_first" "limit_state" "record" "number" "refusal"
        "delivery" "ending" "send" "again" "idempotency" "start_known" "limits_within" "replay" "start";
    RESEND = "refuse_oom" "clock" "argument" "record" "number" "refusal" "delivery" "send" "again"
        "idempotency" "resend_asked" "replay" "resend";
    UNDO = "allow_oom" "clock" "argument" "record" "number" "delivery" "send" "idempotency" "undo";
    CONFIRM = "allow_oom" "clock" "argument" "idempotency" "confirm";
    CHECK = "allow_oom" "clock" "check_first" "argument" "limit_state" "check_asked" "limits_within"
        "record" "number" "check" "delivery" "ending" "check_last";
    CANCEL = "allow_oom" "clock" "argument" "record" "number" "refusal" "delivery" "ending" "cancel";
    OUTCOME = "allow_oom" "clock" "argument" "record" "number" "refusal" "delivery" "ending" "outcome";
    BEGIN = "allow_oom" "clock" "argument" "record" "delivery" "attempt" "ending" "dispatch" "begin";
    SETTLE = "allow_oom" "clock" "argument" "record" "number" "delivery" "attempt" "settle_first"
        "ending" "dispatch" "settle";
    SETTLE_KNOWN = "allow_oom" "settle_known";
    RECEIPT = "allow_oom" "clock" "argument" "record" "delivery" "attempt" "ending" "dispatch" "receipt";
    BIND_MESSAGE = "allow_oom" "clock" "argument" "message" "bind_message";
    MATCH_RECEIPT = "refuse_oom" "clock" "argument" "message" "match_receipt";
    BIND_CALL = "allow_oom" "clock" "argument" "bind_call";
    TAKE = "allow_oom" "clock" "argument" "record" "delivery" "ending" "dispatch" "take_over" "take";
    SWEEP = "allow_oom" "clock" "argument" "record" "delivery" "ending" "dispatch" "take_over" "sweep";
    HAND_BACK = "allow_oom" "clock" "argument" "record" "delivery" "ending" "dispatch" "hand_back";
    LIMIT = "allow_oom" "clock" "limit_state" "limit";
    TURNS = "allow_oom" "clock" "argument" "turns";
    COUNT_ROUTES = "refuse_oom" "clock" "argument" "count_routes";
    READ_ROUTES = "allow_oom" "clock" "read_routes";
    GET = "allow_oom" "clock" "get";
    READ_NUMBER = "allow_oom" "clock" "read_number";
    LIFT = "allow_oom" "clock" "number" "lift";
    READ_META = "allow_oom" "clock" "read_meta";
    WEBHOOK_WATCH = "refuse_oom" "clock" "argument" "webhook_entry" "webhook_watch";
    WEBHOOK_TAKE = "allow_oom" "clock" "argument" "webhook_entry" "webhook_take";
    WEBHOOK_DUE = "allow_oom" "clock" "argument" "webhook_entry" "webhook_due";
    WEBHOOK_SAVE = "allow_oom" "clock" "argument" "webhook_entry" "webhook_save";
    WEBHOOK_REPORT = "allow_oom" "clock" "argument" "webhook_entry" "webhook_report";
    WEBHOOK_LIST = "allow_oom" "clock" "argument" "webhook_list";
    SUBJECT_READ = "allow_oom" "clock" "subject_format" "subject_read";
    SUBJECT_WRITE = "allow_oom" "clock" "argument" "subject_format" "record" "number" "delivery" "ending"
        "webhook_entry" "subject_write";
    SUBJECT_TAKE = "allow_oom" "clock" "argument" "subject_format" "subject_take";
    SUBJECT_KEYS = "allow_oom" "clock" "argument" "subject_keys";
    SUBJECT_AUDIT = "allow_oom" "clock" "argument" "subject_audit";
    READ_NOTE = "allow_oom" "clock" "subject_format" "subject_read_note";
    NOTE_NUMBER = "allow_oom" "clock" "argument" "subject_format" "subject_note";
    WRITE_META = "refuse_oom" "clock" "argument" "write_meta";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_the_place_of_their_names() {
        let text = "local FIRST, SECOND =\n  1, -2\nlocal x = FIRST + SECOND_OF(y)\n-- FIRST\nreturn SECOND\n";
        assert_eq!(
            with_constants_in_place(text),
            "local x = 1 + SECOND_OF(y)\nreturn -2\n"
        );
    }

    #[test]
    fn no_name_is_left_in_any_script() {
        for script in all() {
            let is_left = |word: &&str| {
                is_constant_name(word) && word.len() > 1 && !["ARGV", "KEYS"].contains(word)
            };
            // Redis's own words stand in quotes.
            let unquoted: String = script.source.split('\'').step_by(2).collect();
            let words =
                unquoted.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            assert_eq!(
                words.filter(is_left).collect::<Vec<_>>(),
                Vec::<&str>::new()
            );
        }
    }
}
