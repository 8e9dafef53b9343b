//! What this node remembers of refusals, so that whoever keeps asking does not
//! keep the store busy. Bounded; forgetting costs one question to the store.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;

/// Names that are refused until a moment.
pub struct Remembered {
    parts: Vec<Mutex<LruCache<[u8; 16], u64>>>,
}

/// As many locks, so that no one lock is every request's.
const PARTS: usize = 16;
const PER_PART: NonZeroUsize = NonZeroUsize::new(1024).expect("1024 is not zero");

impl Default for Remembered {
    fn default() -> Self {
        Self {
            parts: (0..PARTS)
                .map(|_| Mutex::new(LruCache::new(PER_PART)))
                .collect(),
        }
    }
}

impl Remembered {
    /// Remembers a refusal until `until_ms`.
    pub fn refuse(&self, name: [u8; 16], until_ms: u64) {
        self.with(&name, |part| {
            part.put(name, until_ms);
        });
    }

    /// Until when the name is refused, if it still is.
    pub fn refused_until(&self, name: &[u8; 16], now_ms: u64) -> Option<u64> {
        self.with(name, |part| match part.peek(name).copied() {
            Some(until_ms) if now_ms < until_ms => Some(until_ms),
            Some(_) => {
                part.pop(name);
                None
            }
            None => None,
        })
        .flatten()
    }

    /// Forgets a name.
    pub fn forget(&self, name: &[u8; 16]) {
        self.with(name, |part| {
            part.pop(name);
        });
    }

    fn with<T>(
        &self,
        name: &[u8; 16],
        step: impl FnOnce(&mut LruCache<[u8; 16], u64>) -> T,
    ) -> Option<T> {
        let [first, ..] = *name;
        let part = self.parts.get(usize::from(first) % PARTS)?;
        Some(step(
            &mut part.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_remembered_until_its_moment_and_the_memory_is_bounded() {
        let memory = Remembered::default();
        memory.refuse([1; 16], 100);
        assert_eq!(memory.refused_until(&[1; 16], 99), Some(100));
        assert_eq!(memory.refused_until(&[1; 16], 100), None);
        for name in 0..100_000_u32 {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&name.to_le_bytes());
            memory.refuse(bytes, 100);
        }
        let kept: usize = memory
            .parts
            .iter()
            .map(|part| part.lock().unwrap().len())
            .sum();
        assert_eq!(kept, PARTS * PER_PART.get());
    }
}
