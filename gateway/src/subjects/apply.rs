//! What becomes of a subject by a command: a pure function of the record, the
//! terms and the time.

mod changes;
mod import;
mod methods;
mod operators;
mod perform;
mod proofs;
mod recovery;
mod standing;
mod telling;
mod timers;
mod undo;

use super::command::{Command, Outcome, Refusal, Terms};
use super::model::Subject;
use crate::webhooks::EventKind;

pub(super) use self::timers::next_timer_ms;

/// Has time pass for the subject, and then does what is asked.
///
/// What time does is decided by the terms too: `terms.operators` are those
/// configured now, whoever asks.
///
/// # Errors
///
/// Why nothing was done. The subject is then as it was, without what time has
/// changed: that is written, with what there is to tell of it, by
/// [`Command::Advance`].
pub fn apply(
    subject: &mut Subject,
    command: &Command,
    terms: &Terms<'_>,
    now_ms: u64,
) -> Result<Outcome, Refusal> {
    let before = subject.clone();
    let mut turn = Turn {
        subject,
        terms,
        now_ms,
        until_ms: now_ms,
        outcome: Outcome::default(),
        asked: None,
    };
    turn.advance();
    let decided = if turn.outcome.erased && !matches!(command, Command::Advance) {
        // By an action whose time has come: `Advance` tells of it.
        Err(Refusal::NotFound)
    } else {
        turn.decide(command)
    };
    turn.tidy();
    let outcome = turn.outcome;
    match decided {
        Ok(()) => Ok(outcome),
        Err(refusal) => {
            *subject = before;
            Err(refusal)
        }
    }
}

/// One command on its way through a subject.
struct Turn<'a> {
    subject: &'a mut Subject,
    terms: &'a Terms<'a>,
    /// The moment that is being decided: of a timer its own, however late it is.
    now_ms: u64,
    /// The time of the command.
    until_ms: u64,
    outcome: Outcome,
    /// What an operator said when they asked for it.
    asked: Option<Asked>,
}

/// Who asked for an action, and why.
struct Asked {
    by: String,
    reason: String,
    ticket: Option<String>,
}

impl Turn<'_> {
    fn decide(&mut self, command: &Command) -> Result<(), Refusal> {
        if self.subject.frozen.is_some() && !acts_on_frozen(command) {
            return Err(Refusal::Frozen);
        }
        match command {
            Command::AddMethod(candidate) => self.add_method(candidate),
            Command::MethodProved { method, proof } => self.method_proved(*method, *proof),
            Command::MethodDiscarded { method, proof } => self.method_discarded(*method, *proof),
            Command::SetDefault {
                method,
                fallback_order,
            } => self.set_default(*method, fallback_order.as_deref()),
            Command::RemoveMethod { method, facts } => self.remove_method(*method, facts),
            Command::SetLocale { locale } => {
                self.set_locale(locale.as_deref());
                Ok(())
            }
            Command::MethodUsed { method } => self.method_used(*method),
            Command::SuspendMethod { method, why } => self.suspend(*method, *why),
            Command::OptOut { e164 } => self.note_opting(e164, EventKind::MethodOptedOut),
            Command::OptIn { e164 } => self.note_opting(e164, EventKind::MethodOptedIn),
            Command::RequestChange(wish) => self.request_change(wish),
            Command::ChangeProved { change, proof } => self.change_proved(*change, *proof),
            Command::ChangeGivenUp { change, proof } => self.change_given_up(*change, *proof),
            Command::NoticesQueued { numbers } => self.notices_queued(numbers),
            Command::NoticesStopped { to } => self.notices_stopped(*to),
            Command::CancelChange { change } => self.cancel_change(*change),
            Command::Undo { change, by } => self.undo(*change, *by),
            Command::Report { change, by } => self.report(*change, *by),
            Command::OpenRecovery {
                id,
                facts,
                fresh_code,
            } => self.open_recovery(*id, facts, fresh_code.as_ref()),
            Command::NewRecoveryCode { hash, facts } => self.new_recovery_code(hash, facts),
            Command::UseBypassCode => self.use_bypass_code(),
            Command::WrongSecret => self.wrong_secret(),
            Command::WrongToken => self.wrong_token(),
            Command::Freeze { why, said } => self.freeze(*why, said.as_ref()),
            Command::Advance => Ok(()),
            Command::Ask {
                id,
                action,
                reason,
                ticket,
            } => self.ask(*id, action, (reason, ticket.as_deref())),
            Command::Approve { action } => self.approve(*action),
            Command::ApproveBySealedCode { action } => self.approve_by_sealed_code(*action),
            Command::Withdraw { action } => self.withdraw(*action),
        }
    }
}

/// What is still done to a frozen subject: nothing that its person, or a thief
/// in their place, could gain by.
fn acts_on_frozen(command: &Command) -> bool {
    match command {
        Command::Freeze { .. }
        | Command::Report { .. }
        | Command::Ask { .. }
        | Command::Approve { .. }
        | Command::ApproveBySealedCode { .. }
        | Command::Withdraw { .. }
        | Command::NoticesQueued { .. }
        | Command::NoticesStopped { .. }
        | Command::OptOut { .. }
        | Command::OptIn { .. }
        | Command::WrongSecret
        | Command::WrongToken
        | Command::Advance => true,
        Command::AddMethod { .. }
        | Command::MethodProved { .. }
        | Command::MethodDiscarded { .. }
        | Command::SetDefault { .. }
        | Command::RemoveMethod { .. }
        | Command::SetLocale { .. }
        | Command::RequestChange { .. }
        | Command::ChangeProved { .. }
        | Command::ChangeGivenUp { .. }
        | Command::CancelChange { .. }
        | Command::Undo { .. }
        | Command::OpenRecovery { .. }
        | Command::NewRecoveryCode { .. }
        | Command::UseBypassCode
        | Command::MethodUsed { .. }
        | Command::SuspendMethod { .. } => false,
    }
}
