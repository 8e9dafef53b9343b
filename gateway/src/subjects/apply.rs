//! What becomes of a subject by a command: a pure function of the record, the
//! terms and the time.

mod timers;

use super::command::{Command, Outcome, Refusal, Terms};
use super::model::Subject;

pub(super) use self::timers::next_timer_ms;

/// Has time pass for the subject, and then does what is asked.
///
/// # Errors
///
/// Why nothing was done. What time alone has changed stays changed.
pub fn apply(
    subject: &mut Subject,
    command: &Command,
    terms: &Terms<'_>,
    now_ms: u64,
) -> Result<Outcome, Refusal> {
    let outcome = Outcome::default();
    let _ = (subject, terms, now_ms);
    match command {
        Command::Advance => Ok(outcome),
        _ => Err(Refusal::NotFound),
    }
}
