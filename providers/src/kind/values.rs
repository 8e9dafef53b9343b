//! The settings of one provider, read and of the form their kind asks for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::Uri;

use super::ConnectError;
use crate::Secret;

/// One setting's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of [`super::Form::Text`], [`super::Form::Sender`] and [`super::Form::Choice`].
    Text(Arc<str>),
    Texts(Vec<Arc<str>>),
    Url(Uri),
    Secret(Secret),
    /// At least one.
    Secrets(Vec<Secret>),
    Flag(bool),
    Integer(u64),
    Ratio(f64),
    File {
        path: PathBuf,
        /// `None` until [`Values::read_files`].
        content: Option<Vec<u8>>,
    },
}

/// The settings of one provider by their keys. Equal values make equal providers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(BTreeMap<&'static str, Value>);

impl Values {
    /// The same with one more, to write them one after the other.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: Value) -> Self {
        self.0.insert(key, value);
        self
    }

    pub fn set(&mut self, key: &'static str, value: Value) {
        self.0.insert(key, value);
    }

    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub fn text(&self, key: &str) -> Option<&Arc<str>> {
        let Value::Text(text) = self.0.get(key)? else {
            return None;
        };
        Some(text)
    }

    /// Empty if none are set.
    pub fn texts(&self, key: &str) -> &[Arc<str>] {
        let Some(Value::Texts(texts)) = self.0.get(key) else {
            return &[];
        };
        texts
    }

    pub fn url(&self, key: &str) -> Option<&Uri> {
        let Value::Url(url) = self.0.get(key)? else {
            return None;
        };
        Some(url)
    }

    pub fn secret(&self, key: &str) -> Option<&Secret> {
        let Value::Secret(secret) = self.0.get(key)? else {
            return None;
        };
        Some(secret)
    }

    /// All secrets that verify, the one that signs first; empty if none is set.
    pub fn secrets(&self, key: &str) -> &[Secret] {
        let Some(Value::Secrets(secrets)) = self.0.get(key) else {
            return &[];
        };
        secrets
    }

    pub fn flag(&self, key: &str) -> bool {
        self.0.get(key) == Some(&Value::Flag(true))
    }

    /// What a file held, once it has been read.
    pub fn file(&self, key: &str) -> Option<&[u8]> {
        let Value::File { content, .. } = self.0.get(key)? else {
            return None;
        };
        content.as_deref()
    }

    /// A text that has to be set.
    ///
    /// # Errors
    ///
    /// It is not.
    pub fn required_text(&self, key: &'static str) -> Result<&Arc<str>, ConnectError> {
        self.text(key).ok_or_else(|| missing(key))
    }

    /// A URL that has to be set or has a default.
    ///
    /// # Errors
    ///
    /// It is not.
    pub fn required_url(&self, key: &'static str) -> Result<&Uri, ConnectError> {
        self.url(key).ok_or_else(|| missing(key))
    }

    /// A secret that has to be set.
    ///
    /// # Errors
    ///
    /// It is not.
    pub fn required_secret(&self, key: &'static str) -> Result<&Secret, ConnectError> {
        self.secret(key).ok_or_else(|| missing(key))
    }

    /// An integer: set, or the default of its setting.
    ///
    /// # Errors
    ///
    /// It is neither, so the kind does not list it.
    pub fn integer(&self, key: &'static str) -> Result<u64, ConnectError> {
        let Some(Value::Integer(integer)) = self.0.get(key) else {
            return Err(missing(key));
        };
        Ok(*integer)
    }

    /// A ratio: set, or the default of its setting.
    ///
    /// # Errors
    ///
    /// It is neither, so the kind does not list it.
    pub fn ratio(&self, key: &'static str) -> Result<f64, ConnectError> {
        let Some(Value::Ratio(ratio)) = self.0.get(key) else {
            return Err(missing(key));
        };
        Ok(*ratio)
    }

    /// Reads the files that settings name, each as `read` does.
    ///
    /// # Errors
    ///
    /// The first that `read` could not read; the others are left unread.
    pub fn read_files<E>(&mut self, read: impl Fn(&Path) -> Result<Vec<u8>, E>) -> Result<(), E> {
        for value in self.0.values_mut() {
            if let Value::File { path, content } = value {
                *content = Some(read(path)?);
            }
        }
        Ok(())
    }
}

fn missing(key: &'static str) -> ConnectError {
    ConnectError::setting(key, "missing: set it")
}
