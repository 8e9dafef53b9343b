//! From files laid over the built-in ones to the texts of each language.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Locale;
use super::languages::Languages;
use super::lint::MessageLintError;
use super::source::{MessageFile, Parsed};

/// Files of which later ones replace texts of earlier ones.
pub(super) struct Layers<'a> {
    pub(super) builtin: &'a [MessageFile<'a>],
    /// How mistakes in a built-in file name it.
    pub(super) builtin_name: &'static str,
    /// The last one on top.
    pub(super) over: &'a [&'a [MessageFile<'a>]],
}

impl Layers<'_> {
    /// Makes anew every language that a file of the last layer is of or above; the
    /// others stay as they are in `made`.
    ///
    /// # Errors
    ///
    /// Every mistake in every file, with what to do about it.
    pub(super) fn read<T>(
        &self,
        made: &Languages<T>,
        texts_of: impl Fn(&Locale, &[Parsed<'_>]) -> Result<T, Vec<MessageLintError>>,
    ) -> Result<Languages<T>, Vec<MessageLintError>> {
        let (parsed, mut errors) = self.parsed();
        let last = self.over.last().copied().unwrap_or(self.builtin);
        let touched: Vec<Locale> = last.iter().filter_map(MessageFile::tag).collect();
        let is_touched = |locale: &Locale| {
            locale
                .fallbacks()
                .any(|tag| touched.iter().any(|touched| touched.as_str() == tag))
        };
        let mut languages = made.clone();
        let tags: BTreeSet<&str> = parsed.iter().map(|file| file.locale.as_str()).collect();
        let locales = tags.into_iter().filter_map(|tag| Locale::parse(tag).ok());
        for locale in locales.filter(is_touched) {
            match texts_of(&locale, &parsed) {
                Ok(texts) => {
                    languages.insert(locale.as_str().into(), Arc::new(texts));
                }
                Err(mistakes) => errors.extend(mistakes),
            }
        }
        if errors.is_empty() {
            Ok(languages)
        } else {
            Err(once_each(errors))
        }
    }

    fn parsed(&self) -> (Vec<Parsed<'_>>, Vec<MessageLintError>) {
        let (mut parsed, mut errors) = (Vec::new(), Vec::new());
        let builtin = self.builtin.iter().map(|file| {
            let name = format!("{} {}", self.builtin_name, file.name);
            (file, name)
        });
        let over = self.over.iter().flat_map(|files| files.iter());
        let over = over.map(|file| (file, file.path.unwrap_or(file.name).to_owned()));
        for (file, shown_as) in builtin.chain(over) {
            match Parsed::read(file, shown_as) {
                Ok(file) => parsed.push(file),
                Err(mistakes) => errors.extend(mistakes),
            }
        }
        (parsed, errors)
    }
}

/// A text that several languages share is wrong once.
fn once_each(errors: Vec<MessageLintError>) -> Vec<MessageLintError> {
    let mut kept: Vec<MessageLintError> = Vec::new();
    for error in errors {
        if !kept.contains(&error) {
            kept.push(error);
        }
    }
    kept
}
