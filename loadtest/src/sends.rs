//! What is known of every send: the tenant writes down what it asked for, the
//! carrier what reached it, the handset what it showed. Cut into shards, so that
//! no lock is shared by everything.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::handset::Code;
use crate::people::Number;

const SHARDS: usize = 256;

/// Names a delivery without its text: a hash of its id. Zero: not known.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DeliveryKey(u64);

impl DeliveryKey {
    pub(crate) fn of(id: &str) -> Self {
        // FNV-1a: ids are random, so anything spreads.
        let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(hash.max(1))
    }

    fn is_known(self) -> bool {
        self.0 != 0
    }
}

/// How the API answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answered {
    NotYet,
    Accepted(Instant),
    /// Refused, or nobody knows.
    Otherwise,
}

/// A start, or a resend.
struct SendState {
    due: Instant,
    key: DeliveryKey,
    answered: Answered,
    /// The first request that reached the carrier.
    reached_at: Option<Instant>,
    /// The provider that the first request went to.
    first_provider: u8,
    has_failed_over: bool,
    /// A provider said that it has it.
    is_taken: bool,
    is_in_hand: bool,
}

/// Everything about one number.
struct Person {
    country: u8,
    /// Nearly always one.
    sends: Vec<SendState>,
    /// Kept until the carrier has taken everything, to ask the gateway what became of it.
    verification: Option<Box<str>>,
    waiting: Option<oneshot::Sender<Arrived>>,
    is_canary: bool,
}

/// A message that the handset shows, told to the person who waits for it.
pub(crate) struct Arrived {
    pub(crate) code: Option<Code>,
    pub(crate) at: Instant,
}

/// Which of its number's sends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SendRef(u16);

/// What the carrier learns about a request.
pub(crate) enum Reached {
    /// Of the run.
    Known {
        send: SendRef,
        country: u8,
        /// When its 201 came; if this request is the first and the 201 came already.
        accepted_at: Option<Instant>,
        /// It came over a second provider, for the first time.
        is_failover: bool,
    },
    /// The message that tests the way before the run.
    Canary,
    /// Nobody here asked for it.
    Stranger,
}

/// What the handset learns about a message.
pub(crate) enum Shown {
    First { due: Instant, country: u8 },
    Duplicate,
}

/// What the end of the run has to account for.
pub(crate) struct Open {
    pub(crate) verification: Box<str>,
    pub(crate) key: DeliveryKey,
}

/// All sends of a run.
pub(crate) struct Sends {
    shards: Box<[Mutex<Shard>]>,
    /// Accepted sends that no provider has taken.
    untaken: AtomicI64,
    /// Messages between the carrier and the handset.
    in_transit: AtomicI64,
}

type Shard = HashMap<u64, Person, BuildHasherDefault<NumberHasher>>;

/// Numbers are spread by one multiplication; they come from ourselves.
#[derive(Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

impl Default for Sends {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            untaken: AtomicI64::new(0),
            in_transit: AtomicI64::new(0),
        }
    }
}

impl Sends {
    /// Writes down that a send is about to be asked for. A code that arrives is
    /// told to whoever holds the other end of `waiting`.
    pub(crate) fn ask(
        &self,
        number: Number,
        country: u8,
        due: Instant,
        waiting: oneshot::Sender<Arrived>,
    ) -> SendRef {
        let mut shard = self.shard(number);
        let person = match shard.entry(number.0) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(Person {
                country,
                sends: Vec::with_capacity(1),
                verification: None,
                waiting: None,
                is_canary: false,
            }),
        };
        person.waiting = Some(waiting);
        let place = SendRef(u16::try_from(person.sends.len()).unwrap_or(u16::MAX));
        person.sends.push(SendState {
            due,
            key: DeliveryKey::default(),
            answered: Answered::NotYet,
            reached_at: None,
            first_provider: 0,
            has_failed_over: false,
            is_taken: false,
            is_in_hand: false,
        });
        place
    }

    /// Writes down the canary.
    pub(crate) fn ask_canary(&self, number: Number, waiting: oneshot::Sender<Arrived>) {
        let canary = Person {
            country: 0,
            sends: Vec::new(),
            verification: None,
            waiting: Some(waiting),
            is_canary: true,
        };
        self.shard(number).insert(number.0, canary);
    }

    /// The API accepted a send at `at`. Answers when the carrier was reached and
    /// over which provider, if it has been.
    pub(crate) fn accepted(
        &self,
        (number, send): (Number, SendRef),
        at: Instant,
        (verification, key): (&str, DeliveryKey),
    ) -> Option<(Instant, u8)> {
        let mut shard = self.shard(number);
        let person = shard.get_mut(&number.0)?;
        let send = person.sends.get_mut(usize::from(send.0))?;
        send.answered = Answered::Accepted(at);
        if !send.key.is_known() {
            send.key = key;
        }
        if !send.is_taken {
            self.untaken.fetch_add(1, Ordering::Relaxed);
            person
                .verification
                .get_or_insert_with(|| verification.into());
        }
        send.reached_at.map(|at| (at, send.first_provider))
    }

    /// The API refused a send, or gave no answer.
    pub(crate) fn not_accepted(&self, number: Number, send: SendRef) {
        let mut shard = self.shard(number);
        let send = shard
            .get_mut(&number.0)
            .and_then(|person| person.sends.get_mut(usize::from(send.0)));
        if let Some(send) = send {
            send.answered = Answered::Otherwise;
        }
    }

    /// A request reached the carrier over `provider`.
    pub(crate) fn reached(
        &self,
        number: Number,
        key: DeliveryKey,
        provider: u8,
        at: Instant,
    ) -> Reached {
        let mut shard = self.shard(number);
        let Some(person) = shard.get_mut(&number.0) else {
            return Reached::Stranger;
        };
        if person.is_canary {
            return Reached::Canary;
        }
        let Some((place, send)) = person.send_of(key) else {
            return Reached::Stranger;
        };
        let is_first = send.reached_at.is_none();
        let mut is_failover = false;
        if is_first {
            send.reached_at = Some(at);
            send.first_provider = provider;
        } else if send.first_provider != provider && !send.has_failed_over {
            send.has_failed_over = true;
            is_failover = true;
        }
        let accepted_at = match send.answered {
            Answered::Accepted(accepted_at) if is_first => Some(accepted_at),
            Answered::Accepted(_) | Answered::NotYet | Answered::Otherwise => None,
        };
        Reached::Known {
            send: place,
            country: person.country,
            accepted_at,
            is_failover,
        }
    }

    /// A provider said that it has the message.
    pub(crate) fn taken(&self, number: Number, send: SendRef) {
        let mut shard = self.shard(number);
        let Some(person) = shard.get_mut(&number.0) else {
            return;
        };
        if let Some(send) = person.sends.get_mut(usize::from(send.0)) {
            if send.is_open() {
                self.untaken.fetch_sub(1, Ordering::Relaxed);
            }
            send.is_taken = true;
        }
        if person.sends.iter().all(|send| send.is_taken) {
            person.verification = None;
        }
    }

    /// The handset shows a message.
    pub(crate) fn shown(&self, number: Number, send: SendRef, arrived: Arrived) -> Option<Shown> {
        let mut shard = self.shard(number);
        let person = shard.get_mut(&number.0)?;
        let country = person.country;
        let send = person.sends.get_mut(usize::from(send.0))?;
        let is_first = !send.is_in_hand;
        send.is_in_hand = true;
        let due = send.due;
        if let Some(waiting) = person.waiting.take() {
            // Nobody may be waiting any more.
            waiting.send(arrived).ok();
        }
        Some(if is_first {
            Shown::First { due, country }
        } else {
            Shown::Duplicate
        })
    }

    /// The canary has arrived.
    pub(crate) fn canary_shown(&self, number: Number, arrived: Arrived) {
        let mut shard = self.shard(number);
        let waiting = shard
            .get_mut(&number.0)
            .and_then(|person| person.waiting.take());
        if let Some(waiting) = waiting {
            waiting.send(arrived).ok();
        }
    }

    /// A message sets out for the handset.
    pub(crate) fn departs(&self) {
        self.in_transit.fetch_add(1, Ordering::Relaxed);
    }

    /// A message that set out has arrived.
    pub(crate) fn arrives(&self) {
        self.in_transit.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether nothing accepted is still on its way, as far as this side can tell.
    pub(crate) fn is_quiet(&self) -> bool {
        self.untaken.load(Ordering::Relaxed) <= 0 && self.in_transit.load(Ordering::Relaxed) <= 0
    }

    /// Sends that came to hands though the API refused them or gave no answer.
    pub(crate) fn in_hand_unaccepted(&self) -> u64 {
        let of_shard = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let sends = shard.values().flat_map(|person| &person.sends);
            let stray = sends.filter(|send| send.is_in_hand && !send.is_accepted());
            stray.count() as u64
        };
        self.shards.iter().map(of_shard).sum()
    }

    /// Accepted sends that no provider has taken.
    pub(crate) fn open(&self) -> Vec<Open> {
        let mut open = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for person in shard.values() {
                let sends = person.sends.iter().filter(|send| send.is_open());
                open.extend(sends.filter_map(|send| {
                    Some(Open {
                        verification: person.verification.clone()?,
                        key: send.key,
                    })
                }));
            }
        }
        open
    }

    fn shard(&self, number: Number) -> MutexGuard<'_, Shard> {
        let mut hasher = NumberHasher::default();
        hasher.write_u64(number.0);
        // The high half: the low one places it within the shard.
        let index = (hasher.finish() >> 40) as usize % SHARDS;
        let shard = self.shards.get(index).expect("the index is below SHARDS");
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SendState {
    fn is_open(&self) -> bool {
        self.is_accepted() && !self.is_taken
    }

    fn is_accepted(&self) -> bool {
        match self.answered {
            Answered::Accepted(_) => true,
            Answered::NotYet | Answered::Otherwise => false,
        }
    }
}

impl Person {
    /// The send that a message belongs to: the one with its key, else the
    /// oldest whose key nobody knows yet, else the last.
    fn send_of(&mut self, key: DeliveryKey) -> Option<(SendRef, &mut SendState)> {
        let known = key.is_known();
        let place = self
            .sends
            .iter()
            .position(|send| known && send.key == key)
            .or_else(|| self.sends.iter().position(|send| !send.key.is_known()))
            .or_else(|| {
                let waits = |send: &SendState| !known && !send.is_in_hand;
                self.sends.iter().position(waits)
            })
            .or_else(|| self.sends.len().checked_sub(1))?;
        let send = self.sends.get_mut(place)?;
        if known && !send.key.is_known() {
            send.key = key;
        }
        Some((SendRef(u16::try_from(place).ok()?), send))
    }
}

#[cfg(test)]
mod tests;
