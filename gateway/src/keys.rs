//! Keys: from configured master keys to one key per purpose.
//!
//! A master key is never used itself: labelled HKDF makes one key for digests,
//! one for sealing and one for receipt references. What must survive rotation
//! (the names of indexes, counters, shards and repeated operations) hangs on the
//! *index key*, drawn once and kept in the store, sealed.

pub mod agreement;
pub mod index;
pub mod seal;

use std::cell::RefCell;
use std::fmt;

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::hmac;
use aws_lc_rs::rand;
use zeroize::Zeroizing;

use crate::id::RecordId;
use crate::verification::CodeDigest;

pub use index::IndexKey;

/// A master key as configured.
#[derive(Clone)]
pub struct MasterKey {
    /// At most 16 characters of `a-z 0-9 - _`.
    pub id: Box<str>,
    pub secret: Zeroizing<[u8; 32]>,
    /// Seals nothing before this, in ms since the Unix epoch; reads at once.
    pub active_from_ms: Option<u64>,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MasterKey({})", self.id)
    }
}

/// The keys made from one master key.
pub struct PurposeKeys {
    pub id: Box<str>,
    pub active_from_ms: Option<u64>,
    digest: hmac::Key,
    receipt: hmac::Key,
    seal: Prk,
    check_value: [u8; 16],
    receipt_key_tag: [u8; KEY_TAG_LENGTH],
}

/// Enough to tell the few keys of a ring apart, and too little to be one's secret.
pub const KEY_TAG_LENGTH: usize = 4;

impl fmt::Debug for PurposeKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PurposeKeys({})", self.id)
    }
}

impl PurposeKeys {
    pub fn of(master: &MasterKey) -> Self {
        let root = Salt::new(HKDF_SHA256, b"watchword master key").extract(&*master.secret);
        let key = |label: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, &*expand(&root, &[label]));
        let mut check_value = [0; 16];
        for (to, from) in check_value
            .iter_mut()
            .zip(expand(&root, &[b"check value"]).iter())
        {
            *to = *from;
        }
        Self {
            id: master.id.clone(),
            active_from_ms: master.active_from_ms,
            digest: key(b"digest"),
            receipt: key(b"receipt reference"),
            seal: Prk::new_less_safe(HKDF_SHA256, &*expand(&root, &[b"seal"])),
            check_value,
            receipt_key_tag: first(&*expand(&root, &[b"receipt key tag"])),
        }
    }

    /// Proves to other nodes that they mean the same key by this id.
    pub fn check_value(&self) -> &[u8; 16] {
        &self.check_value
    }

    /// What the store keeps of a code: HMAC(key, id, code, bind).
    pub fn digest(&self, id: RecordId, code: &str, bind: &[u8]) -> CodeDigest {
        let parts: [&[u8]; 4] = [
            &id.shard.number().to_be_bytes(),
            &id.random,
            code.as_bytes(),
            bind,
        ];
        CodeDigest {
            key_id: self.id.clone(),
            mac: mac(&self.digest, b"code", &parts).to_vec(),
        }
    }

    /// Names this key in receipt URLs, so that a node without it says so
    /// instead of calling the URL unknown. Tells nothing of the key.
    pub fn receipt_key_tag(&self) -> [u8; KEY_TAG_LENGTH] {
        self.receipt_key_tag
    }

    /// The MAC that a receipt URL carries, over all that it names.
    pub fn receipt_mac(&self, parts: &[&[u8]]) -> [u8; 16] {
        first(&mac(&self.receipt, b"receipt", parts))
    }
}

/// Every live key, newest first, and the index key.
#[derive(Debug)]
pub struct KeyRing {
    keys: Vec<PurposeKeys>,
    /// The position of the key that seals.
    sealing: usize,
    index: IndexKey,
}

impl KeyRing {
    /// `sealing` names one of `keys`; `None` if it does not.
    pub fn new(keys: Vec<PurposeKeys>, sealing: &str, index: IndexKey) -> Option<Self> {
        let sealing = keys.iter().position(|key| &*key.id == sealing)?;
        Some(Self {
            keys,
            sealing,
            index,
        })
    }

    /// The key that digests, seals and signs what is new.
    ///
    /// # Panics
    ///
    /// Never: the position was found when the ring was made.
    pub fn newest(&self) -> &PurposeKeys {
        self.keys
            .get(self.sealing)
            .expect("the sealing key is one of the ring's")
    }

    pub fn find(&self, id: &str) -> Option<&PurposeKeys> {
        self.keys.iter().find(|key| &*key.id == id)
    }

    pub fn all(&self) -> &[PurposeKeys] {
        &self.keys
    }

    pub fn index(&self) -> &IndexKey {
        &self.index
    }
}

/// Fresh random bytes from a generator that is seeded by the system.
///
/// # Panics
///
/// If the system cannot give randomness: nothing this program does is safe then.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if N <= DRAWN {
        POOL.with_borrow_mut(|pool| pool.take(&mut bytes));
    } else {
        rand::fill(&mut bytes).expect("the system gives randomness");
    }
    bytes
}

/// So many bytes are drawn at once: a draw costs the same for one byte as for
/// hundreds, and a send needs seven.
const DRAWN: usize = 512;

thread_local! {
    static POOL: RefCell<RandomPool> = const { RefCell::new(RandomPool::empty()) };
}

/// Random bytes of one thread that nobody has had yet.
struct RandomPool {
    bytes: [u8; DRAWN],
    /// From here on they are fresh; what was given out is zero.
    from: usize,
}

impl RandomPool {
    const fn empty() -> Self {
        Self {
            bytes: [0; DRAWN],
            from: DRAWN,
        }
    }

    /// Fills `wanted`, which is no longer than the pool.
    fn take(&mut self, wanted: &mut [u8]) {
        if DRAWN - self.from < wanted.len() {
            rand::fill(&mut self.bytes).expect("the system gives randomness");
            self.from = 0;
        }
        let fresh = self.bytes.iter_mut().skip(self.from);
        for (to, from) in wanted.iter_mut().zip(fresh) {
            *to = std::mem::take(from);
        }
        self.from += wanted.len();
    }
}

/// HMAC over a label and parts, each with its length, so that no two lists of
/// parts read the same.
pub(crate) fn mac(key: &hmac::Key, label: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in std::iter::once(&label).chain(parts) {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        context.update(&length.to_be_bytes());
        context.update(part);
    }
    first(context.sign().as_ref())
}

/// The first `N` bytes of something at least as long.
pub(crate) fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes
        .first_chunk()
        .copied()
        .expect("a SHA-256 tag is longer than what is taken of it")
}

struct Bytes32;

impl KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

pub(crate) fn expand(prk: &Prk, info: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; 32]);
    prk.expand(info, Bytes32)
        .and_then(|okm| okm.fill(&mut *bytes))
        .expect("32 bytes are within what HKDF can expand");
    bytes
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::id::Shard;

    pub(crate) fn master(id: &str, fill: u8) -> MasterKey {
        MasterKey {
            id: id.into(),
            secret: Zeroizing::new([fill; 32]),
            active_from_ms: None,
        }
    }

    fn record(fill: u8) -> RecordId {
        RecordId {
            shard: Shard::new(7).unwrap(),
            random: [fill; 16],
        }
    }

    #[test]
    fn no_random_byte_is_given_twice_or_kept() {
        let mut pool = RandomPool::empty();
        let mut drawn = std::collections::HashSet::new();
        for _ in 0..1_000 {
            let mut bytes = [0; 16];
            pool.take(&mut bytes);
            assert!(drawn.insert(bytes));
            assert!(pool.bytes.iter().take(pool.from).all(|given| *given == 0));
        }
        assert_ne!(random::<700>(), [0; 700]);
    }

    #[test]
    fn a_digest_depends_on_key_id_code_and_bind() {
        let one = PurposeKeys::of(&master("k1", 1));
        let other = PurposeKeys::of(&master("k2", 2));
        let digest = one.digest(record(1), "123456", b"");
        assert_eq!(digest, one.digest(record(1), "123456", b""));
        assert_ne!(digest.mac, other.digest(record(1), "123456", b"").mac);
        assert_ne!(digest.mac, one.digest(record(2), "123456", b"").mac);
        assert_ne!(digest.mac, one.digest(record(1), "123457", b"").mac);
        assert_ne!(digest.mac, one.digest(record(1), "123456", b"s").mac);
        // Moving a digit from the code to the bind is another message.
        assert_ne!(one.digest(record(1), "12345", b"6").mac, digest.mac);
    }
}
