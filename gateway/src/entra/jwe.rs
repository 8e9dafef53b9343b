//! Between envelope and context: the encrypted part opened, by one of our keys
//! and one pair of algorithms, RSA-OAEP-256 and A256GCM. Whatever is wrong with
//! it, the answer is the same.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{
    KeyPair, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::keys::random;

/// The longest compact form that is looked into.
pub const CHARACTERS_MAX: usize = 16_384;
/// A rotation needs two; more are tried one after another.
pub const KEYS_MAX: usize = 8;

const KEY_BITS_MIN: usize = 2_048;
/// Twice the bits are eight times the work.
const KEY_BITS_MAX: usize = 4_096;
const TAG_BYTES: usize = 16;

/// It cannot be decrypted. Nobody is told why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("decryption failed")]
pub struct DecryptionFailed;

/// What was encrypted, and the key that opened it.
pub struct Opened {
    pub plaintext: Zeroizing<Vec<u8>>,
    pub key_id: Arc<str>,
}

/// Why a key in a file is none that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error(
        "holds no private key: it takes a PEM block BEGIN PRIVATE KEY or BEGIN RSA PRIVATE KEY, \
         alone or beside its certificate"
    )]
    Missing,
    #[error(
        "holds a key that a passphrase encrypts: write it without one, by `openssl pkey -in FILE`"
    )]
    Encrypted,
    #[error("holds more than one private key: keep each in a file of its own")]
    Several,
    #[error("holds a private key that is damaged or not of RSA: Entra encrypts to an RSA key")]
    NotRsa,
    #[error("holds an RSA key of {bits} bits: make one of 2048 to 4096")]
    Size { bits: usize },
    #[error("holds broken PEM: each block has its BEGIN and END line and base64 between them")]
    Pem,
}

/// A private key and its name.
pub struct DecryptionKey {
    id: Arc<str>,
    key: OaepPrivateDecryptingKey,
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DecryptionKey({})", self.id)
    }
}

impl DecryptionKey {
    /// Reads a key from PEM: PKCS #8 or PKCS #1, alone or beside a certificate.
    ///
    /// # Errors
    ///
    /// [`KeyError`]
    pub fn from_pem(id: &str, pem: &str) -> Result<Self, KeyError> {
        let mut keys = PrivateKeyDer::pem_slice_iter(pem.as_bytes());
        let der = match keys.next() {
            Some(Ok(der)) => der,
            Some(Err(PemError::NoItemsFound)) | None => {
                let is_encrypted = pem.contains("BEGIN ENCRYPTED PRIVATE KEY");
                return Err(if is_encrypted {
                    KeyError::Encrypted
                } else {
                    KeyError::Missing
                });
            }
            Some(Err(_)) => return Err(KeyError::Pem),
        };
        if keys.next().is_some() {
            return Err(KeyError::Several);
        }
        let key = if let PrivateKeyDer::Pkcs8(pkcs8) = &der {
            PrivateDecryptingKey::from_pkcs8(pkcs8.secret_pkcs8_der()).ok()
        } else if let PrivateKeyDer::Pkcs1(pkcs1) = &der {
            from_pkcs1(pkcs1.secret_pkcs1_der())
        } else {
            None
        };
        let key = key.ok_or(KeyError::NotRsa)?;
        let bits = key.key_size_bits();
        if !(KEY_BITS_MIN..=KEY_BITS_MAX).contains(&bits) {
            return Err(KeyError::Size { bits });
        }
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| KeyError::NotRsa)?;
        Ok(Self { id: id.into(), key })
    }

    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The content key; another one, drawn, if it cannot be had: what follows
    /// fails then, and takes as long (RFC 7516, section 11.5).
    fn unwrap(&self, encrypted: &[u8]) -> Zeroizing<[u8; 32]> {
        let drawn = Zeroizing::new(random::<32>());
        let mut buffer = Zeroizing::new(vec![0; self.key.min_output_size()]);
        let unwrapped = self
            .key
            .decrypt(&OAEP_SHA256_MGF1SHA256, encrypted, &mut buffer, None);
        let content_key = unwrapped.ok().and_then(|key| (*key).try_into().ok());
        content_key.map_or(drawn, Zeroizing::new)
    }
}

fn from_pkcs1(der: &[u8]) -> Option<PrivateDecryptingKey> {
    let pair = KeyPair::from_der(der).ok()?;
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().ok()?;
    PrivateDecryptingKey::from_pkcs8(pkcs8.as_ref()).ok()
}

/// Requests of one directory that are decrypted at once: thousands a second, and
/// not more threads than a machine can work on beside everything else.
pub const AT_ONCE_MAX: usize = 4;

/// The keys in force, newest first.
pub struct DecryptionKeys {
    keys: Vec<DecryptionKey>,
    places: Arc<Semaphore>,
}

impl fmt::Debug for DecryptionKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_tuple("DecryptionKeys");
        shown.field(&self.keys).finish()
    }
}

impl DecryptionKeys {
    /// Of more than [`KEYS_MAX`], the first are used.
    pub fn new(mut keys: Vec<DecryptionKey>) -> Self {
        keys.truncate(KEYS_MAX);
        Self {
            keys,
            places: Arc::new(Semaphore::new(AT_ONCE_MAX)),
        }
    }

    pub fn ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.keys.iter().map(DecryptionKey::id)
    }

    /// A place among those who decrypt, once there is one.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn place(&self) -> OwnedSemaphorePermit {
        let place = Arc::clone(&self.places).acquire_owned().await;
        place.expect("nobody closes the semaphore")
    }

    /// Opens a compact JWE. A key that it names is tried first, then the others:
    /// the name is advice, and a certificate may be known by another one.
    ///
    /// Takes a millisecond or more of a processor: not for a task that others
    /// wait behind, and by [`Self::place`] alone.
    ///
    /// # Errors
    ///
    /// [`DecryptionFailed`], whatever the reason.
    pub fn open(&self, compact: &str) -> Result<Opened, DecryptionFailed> {
        let jwe = Jwe::parse(compact).ok_or(DecryptionFailed)?;
        let is_named = |key: &&DecryptionKey| jwe.key_id.as_deref() == Some(&*key.id);
        let named = self.keys.iter().filter(|key| is_named(key));
        let others = self.keys.iter().filter(|key| !is_named(key));
        named
            .chain(others)
            .find_map(|key| {
                Some(Opened {
                    plaintext: jwe.open(key)?,
                    key_id: Arc::clone(&key.id),
                })
            })
            .ok_or(DecryptionFailed)
    }
}

/// A compact JWE taken apart, of the one pair of algorithms.
struct Jwe<'a> {
    /// As it came: what the tag vouches for, byte by byte.
    header: &'a str,
    key_id: Option<String>,
    encrypted_key: Vec<u8>,
    iv: [u8; NONCE_LEN],
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    enc: String,
    #[serde(default)]
    kid: serde_json::Value,
    #[serde(default)]
    zip: Presence,
    #[serde(default)]
    crit: Presence,
}

/// Whether a member stands there, whatever it holds.
#[derive(Default, PartialEq, Eq)]
enum Presence {
    #[default]
    Absent,
    Present,
}

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self::Present)
    }
}

impl<'a> Jwe<'a> {
    fn parse(compact: &'a str) -> Option<Self> {
        if compact.len() > CHARACTERS_MAX {
            return None;
        }
        let mut segments = compact.split('.');
        let mut next = || segments.next().filter(|segment| !segment.is_empty());
        let [header, encrypted_key, iv, ciphertext, tag] =
            [next()?, next()?, next()?, next()?, next()?];
        segments.next().is_none().then_some(())?;
        let decoded = |segment: &str| URL_SAFE_NO_PAD.decode(segment).ok();
        let header_json = decoded(header)?;
        // A list would be read too, as the fields in their order.
        header_json
            .trim_ascii_start()
            .starts_with(b"{")
            .then_some(())?;
        let read: Header = serde_json::from_slice(&header_json).ok()?;
        // Nothing is unpacked, and no extension that must be understood is.
        let is_plain = read.zip == Presence::Absent && read.crit == Presence::Absent;
        let is_ours = read.alg == "RSA-OAEP-256" && read.enc == "A256GCM";
        (is_plain && is_ours).then_some(())?;
        let tag = decoded(tag)?;
        (tag.len() == TAG_BYTES).then_some(())?;
        Some(Self {
            header,
            key_id: read.kid.as_str().map(str::to_owned),
            encrypted_key: decoded(encrypted_key)?,
            iv: decoded(iv)?.try_into().ok()?,
            ciphertext: decoded(ciphertext)?,
            tag,
        })
    }

    fn open(&self, key: &DecryptionKey) -> Option<Zeroizing<Vec<u8>>> {
        let content_key = key.unwrap(&self.encrypted_key);
        let content_key = UnboundKey::new(&AES_256_GCM, content_key.as_ref()).ok()?;
        let mut plaintext = Zeroizing::new(vec![0; self.ciphertext.len()]);
        LessSafeKey::new(content_key)
            .open_separate_gather(
                Nonce::assume_unique_for_key(self.iv),
                Aad::from(self.header.as_bytes()),
                &self.ciphertext,
                &self.tag,
                &mut plaintext,
            )
            .ok()?;
        Some(plaintext)
    }
}

#[cfg(test)]
pub(crate) mod tests;
