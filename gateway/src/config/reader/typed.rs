//! The typed getters: one value each, with its bounds, and a mistake where it
//! does not fit.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::{Entry, Section, without_positions};
use crate::config::nearest::nearest;
use crate::config::secret::{self, Secret};
use crate::config::tree::{Place, Value};

impl<'a> Section<'a> {
    pub(in crate::config) fn text(&self, key: &'static str) -> Option<&'a str> {
        self.text_in(&self.entry(key)?)
    }

    /// A text that must be there.
    pub(in crate::config) fn required_text(&self, key: &'static str, example: &str) -> &'a str {
        let present = self.has(key);
        let text = self.text(key);
        if !present {
            self.mistake(key, format!("missing: set it, for example to {example}"));
        }
        text.unwrap_or_default()
    }

    /// A text put through `parse`, whose error says what would be right.
    pub(in crate::config) fn parsed<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(key)?;
        parse(text).map_err(|fix| self.mistake(key, fix)).ok()
    }

    /// One of a fixed set of words.
    pub(in crate::config) fn choice<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        self.parsed(key, |text| choose(text, choices))
    }

    pub(in crate::config) fn choice_or<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&str, T)],
        default: (&str, T),
    ) -> T {
        self.note_default(key, format!("{:?}", default.0));
        self.choice(key, choices).unwrap_or(default.1)
    }

    /// The texts of a list, each put through `parse`. From the environment: with commas between.
    pub(in crate::config) fn parsed_list<T>(
        &self,
        key: &'static str,
        count_max: usize,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        if let Some(Entry { path, node }) = self.entry(key)
            && let Value::Untyped(text) = &node.value
        {
            return text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .filter_map(|item| {
                    parse(item)
                        .map_err(|fix| self.reading.mistake(&path, fix))
                        .ok()
                })
                .collect();
        }
        self.list(key, count_max)
            .unwrap_or_default()
            .iter()
            .filter_map(|entry| {
                let text = self.text_in(entry)?;
                parse(text)
                    .map_err(|fix| self.reading.mistake(&entry.path, fix))
                    .ok()
            })
            .collect()
    }

    /// Whole seconds of a list, each within `range`.
    pub(in crate::config) fn seconds_list(
        &self,
        key: &'static str,
        count_max: usize,
        range: &RangeInclusive<u64>,
    ) -> Vec<Duration> {
        if let Some(Entry { node, .. }) = self.entry(key)
            && let Value::Untyped(_) = &node.value
        {
            return self.parsed_list(key, count_max, |text| {
                let seconds = text
                    .parse()
                    .map_err(|_| "must be whole seconds with commas between".to_owned())?;
                within(seconds, range).map(Duration::from_secs)
            });
        }
        self.list(key, count_max)
            .unwrap_or_default()
            .iter()
            .filter_map(|entry| self.integer_in(entry, range))
            .map(Duration::from_secs)
            .collect()
    }

    pub(in crate::config) fn optional_integer(
        &self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        self.integer_in(&self.entry(key)?, &range)
    }

    /// An integer that must be there: the defaults hold it, or the operator has to.
    pub(in crate::config) fn integer(&self, key: &'static str, range: RangeInclusive<u64>) -> u64 {
        let lowest = *range.start();
        if !self.has(key) {
            self.mistake(
                key,
                format!("missing: set it to {lowest} to {}", range.end()),
            );
        }
        self.optional_integer(key, range).unwrap_or(lowest)
    }

    pub(in crate::config) fn integer_or(
        &self,
        key: &'static str,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> u64 {
        self.note_default(key, default.to_string());
        self.optional_integer(key, range).unwrap_or(default)
    }

    pub(in crate::config) fn seconds(
        &self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Duration {
        Duration::from_secs(self.integer(key, range))
    }

    pub(in crate::config) fn milliseconds(
        &self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Duration {
        Duration::from_millis(self.integer(key, range))
    }

    pub(in crate::config) fn count(&self, key: &'static str, range: RangeInclusive<u64>) -> u32 {
        u32::try_from(self.integer(key, range)).unwrap_or(u32::MAX)
    }

    /// A number that may have a fraction, within `range`.
    pub(in crate::config) fn fraction(
        &self,
        key: &'static str,
        range: &RangeInclusive<f64>,
    ) -> Option<f64> {
        let entry = self.entry(key)?;
        let number = match &entry.node.value {
            Value::Float(number) => Some(*number),
            Value::Integer(number) => i32::try_from(*number).ok().map(f64::from),
            Value::Untyped(text) => text.trim().parse().ok(),
            Value::Text(_) | Value::Flag(_) | Value::Array(_) | Value::Table(_) => None,
        };
        match number {
            Some(number) if range.contains(&number) => Some(number),
            Some(_) | None => {
                self.mistake(
                    key,
                    format!(
                        "must be a number between {} and {}",
                        range.start(),
                        range.end()
                    ),
                );
                None
            }
        }
    }

    pub(in crate::config) fn fraction_or(
        &self,
        key: &'static str,
        range: &RangeInclusive<f64>,
        default: f64,
    ) -> f64 {
        self.note_default(key, format!("{default:?}"));
        self.fraction(key, range).unwrap_or(default)
    }

    pub(in crate::config) fn flag(&self, key: &'static str) -> bool {
        let Some(entry) = self.entry(key) else {
            return false;
        };
        match &entry.node.value {
            Value::Flag(flag) => return *flag,
            Value::Untyped(text) if text.as_str() == "true" => return true,
            Value::Untyped(text) if text.as_str() == "false" => return false,
            Value::Text(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Array(_)
            | Value::Table(_)
            | Value::Untyped(_) => self.wrong_kind(&entry, "true or false"),
        }
        false
    }

    /// A path; a relative one starts at the configuration file's directory.
    pub(in crate::config) fn file(&self, key: &'static str) -> Option<PathBuf> {
        self.parsed(key, |text| {
            if text.is_empty() {
                return Err("must name a file".to_owned());
            }
            Ok(self.reading.directory.join(text))
        })
    }

    /// A secret written here under `key`, or in the file named under `file_key`.
    pub(in crate::config) fn secret(
        &self,
        key: &'static str,
        file_key: &'static str,
    ) -> Option<Secret> {
        self.note_inline_secret(key);
        self.text_or_file(key, file_key)
    }

    /// Remembers that the configuration file itself holds a secret, if `key` is in it.
    pub(in crate::config) fn note_inline_secret(&self, key: &'static str) {
        let place = self.entry(key).map(|entry| &entry.node.place);
        if matches!(place, Some(Place::File { .. })) {
            self.reading.has_inline_secrets.set(true);
        }
    }

    /// A text that may be a secret, under `key` or in the file named under `file_key`.
    pub(in crate::config) fn text_or_file(
        &self,
        key: &'static str,
        file_key: &'static str,
    ) -> Option<Secret> {
        let inline = self.text(key).map(|text| Secret::new(text.trim()));
        let from_file = self.secret_file(file_key);
        if inline.is_some() && from_file.is_some() {
            self.mistake(
                file_key,
                format!("set either {key} or {file_key}, not both"),
            );
        }
        let secret = inline.or(from_file)?;
        let from = self.set_one(&[key, file_key]);
        if secret.is_documented() {
            self.mistake(
                from,
                "stands in the documentation, so everybody knows it: draw one of your own",
            );
        } else if secret.expose().is_empty() {
            self.mistake(from, "is empty");
        }
        Some(secret)
    }

    /// Which of several keys for the same thing is set; the first if none is.
    pub(in crate::config) fn set_one(&self, keys: &[&'static str]) -> &'static str {
        let set = keys.iter().find(|key| self.has(key));
        set.or(keys.first()).copied().unwrap_or_default()
    }

    /// Whether a value is the operator's and not the default.
    pub(in crate::config) fn is_own(&self, key: &'static str) -> bool {
        self.entry(key)
            .is_some_and(|entry| entry.node.place != Place::Default)
    }

    fn secret_file(&self, file_key: &'static str) -> Option<Secret> {
        let path = self.file(file_key)?;
        match secret::read_file(&path) {
            Ok(file) => {
                if file.is_too_open {
                    self.reading.warn(
                        &self.path_of(file_key),
                        &format!(
                            "others on this machine may read {}: chmod 600 it",
                            path.display()
                        ),
                    );
                }
                Some(Secret::new(&file.text))
            }
            Err(fix) => {
                self.mistake(file_key, fix);
                None
            }
        }
    }

    fn note_default(&self, key: &str, default: String) {
        let path = without_positions(&self.path_of(key));
        self.reading.known.borrow_mut().insert(path, Some(default));
    }

    fn text_in(&self, entry: &Entry<'a>) -> Option<&'a str> {
        match &entry.node.value {
            Value::Text(text) | Value::Untyped(text) => Some(text),
            Value::Integer(_)
            | Value::Float(_)
            | Value::Flag(_)
            | Value::Array(_)
            | Value::Table(_) => {
                self.wrong_kind(entry, "a string in quotes");
                None
            }
        }
    }

    fn integer_in(&self, entry: &Entry<'a>, range: &RangeInclusive<u64>) -> Option<u64> {
        let integer = match &entry.node.value {
            Value::Integer(integer) => Some(*integer),
            Value::Untyped(text) => text.trim().parse().ok(),
            Value::Text(_)
            | Value::Float(_)
            | Value::Flag(_)
            | Value::Array(_)
            | Value::Table(_) => None,
        };
        let Some(integer) = integer else {
            let wanted = format!("an integer between {} and {}", range.start(), range.end());
            self.wrong_kind(entry, &wanted);
            return None;
        };
        within(integer, range)
            .map_err(|fix| self.reading.mistake(&entry.path, fix))
            .ok()
    }
}

/// One of a fixed set of words, or which words there are.
pub(in crate::config) fn choose<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let found = choices
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, choice)| *choice);
    found.ok_or_else(|| {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let hint = nearest(text, words.iter().copied())
            .map_or(String::new(), |near| format!("; did you mean {near:?}?"));
        format!("must be one of {}{hint}", words.join(", "))
    })
}

fn within(integer: i64, range: &RangeInclusive<u64>) -> Result<u64, String> {
    u64::try_from(integer)
        .ok()
        .filter(|integer| range.contains(integer))
        .ok_or_else(|| {
            format!(
                "must be between {} and {}, is {integer}",
                range.start(),
                range.end()
            )
        })
}
