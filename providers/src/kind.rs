//! What a kind of provider declares of itself: its name, what it can do, which
//! settings it takes, and how a provider is made of them. All of it is data, so
//! that whoever reads the configuration need not know a single kind by name.

mod values;

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

pub use self::values::{Value, Values};
use crate::registry::{Connected, Shared, over_http};
use crate::{Channel, Clock, Provider, Receipts};

/// A kind of provider. Each has a file of its own with one `pub static KIND`.
pub struct Kind {
    /// `kind = "…"` in the configuration, and the name of its page in
    /// `docs/providers/`.
    pub name: &'static str,
    /// The channels it can carry; a provider of it may be set to fewer.
    pub channels: &'static [Channel],
    /// How its receipts can come, the default first. Not empty.
    pub receipts: &'static [Receipts],
    /// Nothing leaves the process: refused beside real providers.
    pub is_simulated: bool,
    /// Settings of which any one gives an SMS its sender. Where there are any and
    /// none is set, every tenant whose messages come here brings its own.
    pub senders: &'static [&'static str],
    pub settings: &'static [Setting],
    pub make: Make,
}

/// How a provider of a kind is made.
pub enum Make {
    /// Of pure functions: the shared HTTP client does the I/O. It is made once
    /// when the configuration is read too, so its mistakes come with their line.
    Http(fn(&Given<'_>) -> Result<Arc<dyn Provider>, ConnectError>),
    /// With a service of its own.
    Service(fn(&Given<'_>, &Shared) -> Result<Connected, ConnectError>),
}

/// What a provider is made of: settings that have the form their kind asks for.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The provider's name in the configuration.
    pub id: &'a str,
    /// Not empty, and none that the kind does not carry.
    pub channels: &'a [Channel],
    /// One of those that the kind can do.
    pub receipts: Receipts,
    pub values: &'a Values,
    pub clock: &'a Clock,
}

/// One setting of a kind.
pub struct Setting {
    pub key: &'static str,
    pub form: Form,
    /// If it has to be set: an example, as the file would have it.
    pub required: Option<&'static str>,
    /// What it is, for the table on the kind's page: no full stop, no bar.
    pub about: &'static str,
}

/// Which form a setting has. What is read becomes the [`Value`] of the same name.
pub enum Form {
    /// A text that a function finds fit, or says how it must be (`must be …`).
    Text(fn(&str) -> Result<(), &'static str>),
    /// Several texts on a line each, at most so many.
    Texts { count_max: usize },
    /// What a phone can show: E.164, a short code, at most 11 letters and digits.
    Sender,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// An absolute `http` or `https` URL, without credentials.
    Url { default: Option<&'static str> },
    /// A secret, here or in the file that the setting `file` names.
    Secret { file: &'static str },
    /// One to four secrets that can be rotated: one here, several under `list`,
    /// or one a line in the file that `file` names. The first is used to send,
    /// all of them verify. One of the three has to be set.
    Secrets {
        list: &'static str,
        file: &'static str,
        fits: fn(&str) -> Result<(), &'static str>,
    },
    /// `false` unless set.
    Flag,
    Integer {
        range: RangeInclusive<u64>,
        default: u64,
    },
    /// From 0 to 1.
    Ratio { default: f64 },
    /// A file, read when the provider is made.
    File,
}

/// Roots for a private certificate, in PEM: the shared client trusts them too.
/// A kind over HTTP lists it.
pub const CA_FILE: Setting = Setting {
    key: "ca_file",
    form: Form::File,
    required: None,
    about: "roots for a private certificate",
};

/// Why a provider cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// A setting that no message can be sent with, and what would be right.
    #[error("{key}: {fix}")]
    Setting {
        key: &'static str,
        fix: Cow<'static, str>,
    },
    #[error("the system has no randomness to give")]
    Randomness,
}

impl ConnectError {
    /// `fix` goes on where the name of the setting ends: `must be …`.
    pub fn setting(key: &'static str, fix: impl Into<Cow<'static, str>>) -> Self {
        let fix = fix.into();
        Self::Setting { key, fix }
    }
}

impl Kind {
    /// What no single setting shows: whether a provider can be made of them.
    ///
    /// # Errors
    ///
    /// Names a setting that cannot work.
    pub fn check(&self, given: &Given<'_>) -> Result<(), ConnectError> {
        match self.make {
            Make::Http(make) => make(given).map(|_| ()),
            Make::Service(_) => Ok(()),
        }
    }

    /// Makes a provider ready; connections are opened when first needed.
    ///
    /// # Errors
    ///
    /// Names a setting that cannot work.
    pub fn connect(&self, given: &Given<'_>, shared: &Shared) -> Result<Connected, ConnectError> {
        match self.make {
            Make::Http(make) => Ok(over_http(given.id, make(given)?, shared)),
            Make::Service(make) => make(given, shared),
        }
    }

    /// How receipts come unless the configuration says otherwise.
    pub fn receipts_default(&self) -> Receipts {
        self.receipts.first().copied().unwrap_or(Receipts::None)
    }
}

/// There is one of each name.
impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

/// Any text but an empty one, on one line and not endless.
///
/// # Errors
///
/// Says how it must be.
pub fn any_text(text: &str) -> Result<(), &'static str> {
    let fits = (1..=256).contains(&text.len()) && !text.chars().any(char::is_control);
    fits.then_some(())
        .ok_or("must be 1 to 256 characters on one line")
}

/// Any secret: that it is not empty is checked for all of them.
///
/// # Errors
///
/// None.
pub fn any_secret(_: &str) -> Result<(), &'static str> {
    Ok(())
}

#[cfg(test)]
mod tests;
