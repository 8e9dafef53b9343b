//! What is known of each send of a slice: written by the carrier as messages come
//! in, read when the slice is over. A send is known by its number, in both
//! meanings of the word.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// No slice sends more.
pub(crate) const SENDS_PER_SLICE_MAX: u64 = 1 << 17;
/// Area codes of the United States, so that numbers differ early.
const AREAS: [u64; 16] = [
    201, 202, 212, 213, 303, 305, 312, 404, 415, 503, 602, 617, 702, 713, 718, 805,
];
const AREA_COUNT: u64 = AREAS.len() as u64;
const LINES: u64 = 10_000_000;
/// Subscriber numbers do not begin with 0 or 1.
const FIRST_LINE: u64 = 2_000_000;
/// Numbers that differ.
const NUMBERS: u64 = AREA_COUNT * (LINES - FIRST_LINE);
/// A code and the mark that there is one.
const HAS_CODE: u32 = 1 << 31;

/// The ten digits behind `+1` of a send.
pub(crate) fn digits_of(send: u64) -> [u8; 10] {
    let send = send % NUMBERS;
    let area = usize::try_from(send % AREA_COUNT)
        .ok()
        .and_then(|area| AREAS.get(area));
    let area = area.expect("the remainder is below the number of areas");
    let mut left = area * LINES + FIRST_LINE + send / AREA_COUNT;
    let mut digits = [b'0'; 10];
    for digit in digits.iter_mut().rev() {
        *digit += (left % 10) as u8;
        left /= 10;
    }
    digits
}

/// Which send the ten digits behind `+1` belong to.
fn send_of(digits: &[u8]) -> Option<u64> {
    let is_plain = digits.len() == 10 && digits.iter().all(u8::is_ascii_digit);
    let number = is_plain.then(|| decimal(digits))?;
    let (area, line) = (number / LINES, number % LINES);
    let area = AREAS.iter().position(|known| *known == area)?;
    Some(line.checked_sub(FIRST_LINE)? * AREA_COUNT + area as u64)
}

fn decimal(digits: &[u8]) -> u64 {
    digits
        .iter()
        .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// Shared by the carrier, which writes, and whoever evaluates a slice.
pub(crate) struct Notes {
    began: Instant,
    /// By the remainder of the send's number.
    sends: Box<[Note]>,
    next_send: AtomicU64,
    /// Of this slice. Sends before it may still straggle in if their slice failed.
    first_send: AtomicU64,
    taken: AtomicU64,
    /// What came and could not be read, or came twice.
    strange: AtomicU64,
}

#[derive(Default)]
struct Note {
    /// Since `began`; 0 as long as nothing has come.
    arrived_ns: AtomicU64,
    code: AtomicU32,
}

impl Notes {
    pub(crate) fn new() -> Arc<Self> {
        let sends = std::iter::repeat_with(Note::default);
        Arc::new(Self {
            began: Instant::now(),
            sends: sends.take(SENDS_PER_SLICE_MAX as usize).collect(),
            next_send: AtomicU64::new(0),
            first_send: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            strange: AtomicU64::new(0),
        })
    }

    /// The next send, which is like none before.
    pub(crate) fn next_send(&self) -> u64 {
        self.next_send.fetch_add(1, Ordering::Relaxed)
    }

    /// Begins a slice and forgets the one before.
    pub(crate) fn begin_slice(&self) {
        let next_send = self.next_send.load(Ordering::Relaxed);
        self.first_send.store(next_send, Ordering::Relaxed);
        for note in &self.sends {
            note.arrived_ns.store(0, Ordering::Relaxed);
            note.code.store(0, Ordering::Relaxed);
        }
    }

    /// Notes a message as the carrier got it.
    pub(crate) fn take(&self, body: &[u8], at: Instant) {
        let send = after(body, br#""to":"+1"#)
            .and_then(|text| text.get(..10))
            .and_then(send_of);
        let code = after(body, br#""text":""#).and_then(first_code);
        let (Some(send), Some(code)) = (send, code) else {
            self.strange.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if send < self.first_send.load(Ordering::Relaxed) {
            return;
        }
        let since = at.saturating_duration_since(self.began);
        let since_ns = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX).max(1);
        let note = self.note(send);
        note.code.store(code | HAS_CODE, Ordering::Relaxed);
        if note.arrived_ns.swap(since_ns, Ordering::Release) == 0 {
            self.taken.fetch_add(1, Ordering::Relaxed);
        } else {
            self.strange.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How long after `due` the message of a send came.
    pub(crate) fn arrival_after(&self, send: u64, due: Instant) -> Option<Duration> {
        let arrived_ns = self.note(send).arrived_ns.load(Ordering::Acquire);
        let arrived = self.began + Duration::from_nanos(arrived_ns);
        (arrived_ns > 0).then(|| arrived.saturating_duration_since(due))
    }

    /// The code of a send, once its message has come.
    pub(crate) fn code(&self, send: u64) -> Option<u32> {
        let code = self.note(send).code.load(Ordering::Relaxed);
        (code & HAS_CODE != 0).then_some(code & !HAS_CODE)
    }

    /// Messages since the start, each send counted once.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    pub(crate) fn strange(&self) -> u64 {
        self.strange.load(Ordering::Relaxed)
    }

    fn note(&self, send: u64) -> &Note {
        let place = usize::try_from(send % SENDS_PER_SLICE_MAX).ok();
        let note = place.and_then(|place| self.sends.get(place));
        note.expect("there is a place for every remainder")
    }
}

/// What follows the first occurrence.
fn after<'b>(body: &'b [u8], what: &[u8]) -> Option<&'b [u8]> {
    let from = body.windows(what.len()).position(|part| part == what)?;
    body.get(from + what.len()..)
}

/// The first six digits in a row.
fn first_code(text: &[u8]) -> Option<u32> {
    let is_code = |part: &&[u8]| part.iter().all(u8::is_ascii_digit);
    let code = text.windows(6).find(is_code)?;
    u32::try_from(decimal(code)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_send_has_a_number_of_its_own_by_which_it_is_found_again() {
        assert_eq!(&digits_of(0), b"2012000000");
        assert_eq!(&digits_of(17), b"2022000001");
        for send in [0, 1, 15, 16, 131_072, 99_999_999] {
            assert_eq!(send_of(&digits_of(send)), Some(send));
        }
        for digits in [
            &b"9992000000"[..],
            b"2011999999",
            b"20120000",
            b"201200000x",
        ] {
            assert_eq!(send_of(digits), None);
        }
    }

    #[test]
    fn a_message_is_noted_once_with_its_code_and_its_moment() {
        let notes = Notes::new();
        let due = Instant::now();
        let message = br#"{"to":"+12022000001","text":"Acme: 049154 is your code."}"#;
        notes.take(message, due + Duration::from_millis(3));
        assert_eq!(notes.code(17), Some(49_154));
        assert_eq!(notes.arrival_after(17, due), Some(Duration::from_millis(3)));
        assert_eq!((notes.taken(), notes.strange()), (1, 0));
        notes.take(message, due);
        notes.take(b"{}", due);
        assert_eq!((notes.taken(), notes.strange()), (1, 2));
        for send in 0..18 {
            assert_eq!(notes.next_send(), send);
        }
        notes.begin_slice();
        assert_eq!((notes.code(17), notes.arrival_after(17, due)), (None, None));
        notes.take(message, due);
        assert_eq!(
            (notes.taken(), notes.strange()),
            (1, 2),
            "a straggler of a slice that is over is nobody's"
        );
    }
}
