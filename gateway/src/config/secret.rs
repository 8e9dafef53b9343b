//! Secrets: wiped when dropped, never printed, read from the file or from
//! files of their own.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// No secret is longer than this many bytes.
const SECRET_BYTES_MAX: u64 = 16 * 1024;

/// Secrets that stand in our documentation and examples. Whoever reads it knows
/// them, so a configuration that carries one is refused.
const DOCUMENTED_SECRETS: [&str; 4] = [
    "d2F0Y2h3b3JkIGRvY3VtZW50ZWQgZXhhbXBsZSBrZXk=",
    "whsec_d2F0Y2h3b3JkIGRvY3VtZW50ZWQgZXhhbXBsZSBrZXk=",
    "0123456789abcdef0123456789abcdef",
    "base64 of 32 bytes",
];

/// A secret text. `Debug` hides it; [`Secret::expose`] is the one way out.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The secret itself. Grep for this in review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it was copied from the documentation.
    pub(super) fn is_documented(&self) -> bool {
        DOCUMENTED_SECRETS.contains(&self.expose())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

/// A 256-bit master key. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads base64 of exactly 32 bytes.
    pub(super) fn from_base64(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
        <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Self::new)
    }

    /// All bytes alike: a placeholder, not a key.
    pub(super) fn is_blank(&self) -> bool {
        self.0.iter().all(|byte| Some(byte) == self.0.first())
    }

    /// The key itself. Grep for this in review.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MasterKey(..)")
    }
}

/// What a secret file held, and whether others on the machine may read it.
pub(super) struct SecretFile {
    pub(super) text: Zeroizing<String>,
    pub(super) is_too_open: bool,
}

/// Reads a secret file, at most 16 KiB, without the whitespace around it.
pub(super) fn read_file(path: &Path) -> Result<SecretFile, String> {
    let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    let mut text = Zeroizing::new(String::new());
    let length = file
        .take(SECRET_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if length as u64 > SECRET_BYTES_MAX {
        return Err(format!("{} is longer than 16 KiB", path.display()));
    }
    let trimmed = Zeroizing::new(text.trim().to_owned());
    if trimmed.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(SecretFile {
        text: trimmed,
        is_too_open: mode & 0o077 != 0,
    })
}
