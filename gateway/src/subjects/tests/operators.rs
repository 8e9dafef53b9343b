//! Dual control: two operators, or the sealed code and three days.

use super::case::{Case, DAY, HOUR, events, method, passkey, slow_hash};
use crate::subjects::codes::BYPASS_LENGTH_MAX;
use crate::subjects::command::{ActionState, Command, OperatorAction, Refusal, ResetScope};
use crate::subjects::evidence::Fact;
use crate::subjects::model::{ACTIONS_MAX, ActionId, ChangeStatus, FreezeReason, MethodStatus};
use crate::webhooks::EventKind;

const RESET: OperatorAction = OperatorAction::Reset {
    scope: ResetScope::All,
};
const TAG: OperatorAction = OperatorAction::SetPrivileged { privileged: true };
const UNTAG: OperatorAction = OperatorAction::SetPrivileged { privileged: false };

fn privileged() -> Case {
    let mut case = Case::enrolled();
    case.ask("ada", 100, TAG).unwrap();
    assert!(case.subject.privileged);
    case
}

fn by_sealed_code(case: &mut Case, operator: &str, id: u8) -> Result<ActionState, Refusal> {
    let action = ActionId([id; 16]);
    let command = Command::ApproveBySealedCode { action };
    let outcome = case.operator(operator, &command)?;
    Ok(outcome.action.unwrap())
}

#[test]
fn a_reset_leaves_no_method_and_tells_everybody() {
    let mut case = Case::with_two();
    case.hold(3, &[passkey()]);
    let (hash, facts) = (slow_hash(1), vec![passkey()]);
    case.tenant(&Command::NewRecoveryCode { hash, facts })
        .unwrap();
    let generation = case.subject.generation;
    let outcome = case.ask("ada", 1, RESET).unwrap();
    assert_eq!(outcome.action, Some(ActionState::Done));
    let told = events(&outcome);
    assert_eq!(told, [EventKind::SubjectReset, EventKind::SecurityChanged]);
    let reset = outcome.told.first().unwrap();
    assert_eq!(reset.ticket.as_deref(), Some("T-7"));
    assert!(case.subject.generation > generation && case.receiving().is_empty());
    assert_eq!(case.subject.listed_methods().count(), 0);
    assert_eq!(case.subject.recovery_code, None);
    // The number that was changed a moment ago hears of it too.
    assert_eq!(case.queue_notices().len(), 3);
    assert_eq!(case.subject.methods, []);
}

#[test]
fn a_reset_rejects_an_open_change() {
    let mut case = Case::enrolled();
    case.request(3, &[passkey()]).unwrap();
    let scope = ResetScope::Methods;
    case.ask("ada", 1, OperatorAction::Reset { scope }).unwrap();
    assert_eq!(case.subject.ended_changes[0].status, ChangeStatus::Rejected);
}

#[test]
fn what_could_not_be_told_within_three_days_is_forgotten_with_its_number() {
    let mut case = Case::enrolled();
    case.ask("ada", 1, RESET).unwrap();
    case.wait(3 * DAY - 1);
    assert_eq!(case.status(1), Some(MethodStatus::Retired));
    case.wait(1);
    assert_eq!(case.status(1), None);
}

#[test]
fn a_privileged_subject_needs_two_operators() {
    let mut case = privileged();
    let outcome = case.ask("ada", 1, RESET).unwrap();
    let id = ActionId([1; 16]);
    let expires_at_ms = case.now_ms + DAY;
    let waiting = ActionState::Waiting { id, expires_at_ms };
    assert_eq!(outcome.action, Some(waiting));
    assert_eq!(events(&outcome), [EventKind::ActionWaiting]);
    // Several keys of one operator are one; asked again it is the same action.
    assert_eq!(case.approve("ada", 1), Err(Refusal::SameOperator));
    assert_eq!(case.ask("ada", 2, RESET).unwrap().action, Some(waiting));
    assert_eq!(case.receiving(), [method(1)]);
    let outcome = case.approve("bob", 1).unwrap();
    assert!(events(&outcome).contains(&EventKind::SubjectReset));
    assert!(events(&outcome).contains(&EventKind::ActionApproved));
    assert!(case.receiving().is_empty());
    assert_eq!(case.approve("cid", 1), Err(Refusal::NotFound));
}

#[test]
fn the_same_wish_of_another_operator_approves_and_another_wish_does_not() {
    let mut case = privileged();
    case.ask("ada", 1, RESET).unwrap();
    let scope = ResetScope::Methods;
    let other = OperatorAction::Reset { scope };
    let outcome = case.ask("bob", 2, other).unwrap();
    assert!(matches!(outcome.action, Some(ActionState::Waiting { .. })));
    assert_eq!(case.receiving(), [method(1)]);
    let outcome = case.ask("bob", 3, RESET).unwrap();
    assert_eq!(outcome.action, Some(ActionState::Done));
    assert!(case.receiving().is_empty());
    // When the time of the first one is over it waits for another operator itself.
    let mut case = privileged();
    case.ask("ada", 1, RESET).unwrap();
    case.now_ms += DAY;
    let outcome = case.ask("bob", 2, RESET).unwrap();
    assert!(matches!(outcome.action, Some(ActionState::Waiting { .. })));
}

#[test]
fn an_approval_comes_within_a_day_and_by_operators_of_today() {
    for (waited, refused) in [
        (DAY - 1, None),
        (DAY, Some(Refusal::ApprovalExpired)),
        (2 * DAY, Some(Refusal::NotFound)),
    ] {
        let mut case = privileged();
        case.ask("ada", 1, RESET).unwrap();
        case.now_ms += waited;
        assert_eq!(case.approve("bob", 1).err(), refused, "{waited}");
    }
    let mut case = privileged();
    case.ask("ada", 1, RESET).unwrap();
    case.operators.remove(0);
    assert_eq!(case.approve("bob", 1), Err(Refusal::ApprovalExpired));
}

#[test]
fn what_was_asked_is_judged_again_when_it_is_approved() {
    let mut case = privileged();
    case.hold(3, &[passkey()]);
    let change = super::case::change(3);
    let undo = OperatorAction::UndoChange { change };
    case.wait(3 * DAY - HOUR);
    case.ask("ada", 1, undo).unwrap();
    case.now_ms += HOUR;
    assert_eq!(case.approve("bob", 1), Err(Refusal::UndoOver));
    assert_eq!(case.receiving(), [method(3)]);
}

#[test]
fn to_protect_a_subject_one_operator_is_enough_and_to_unprotect_it_two() {
    let mut case = privileged();
    case.ask("bob", 1, TAG).unwrap();
    case.ask("ada", 2, UNTAG).unwrap();
    assert!(case.subject.privileged);
    case.approve("bob", 2).unwrap();
    assert!(!case.subject.privileged);
    case.ask("ada", 3, RESET).unwrap();
    assert!(case.receiving().is_empty());
}

#[test]
fn a_sole_operator_has_the_sealed_code_and_waits_three_days() {
    let mut case = privileged();
    case.ask("ada", 1, RESET).unwrap();
    let two = by_sealed_code(&mut case, "ada", 1);
    assert_eq!(two, Err(Refusal::SealedCodeNotNeeded));
    case.operators.truncate(1);
    let state = by_sealed_code(&mut case, "ada", 1).unwrap();
    let acts_at_ms = case.now_ms + 3 * DAY;
    let id = ActionId([1; 16]);
    assert_eq!(state, ActionState::Scheduled { id, acts_at_ms });
    assert_eq!(case.queue_notices().len(), 1);
    // Used again it is the same wait.
    case.wait(DAY);
    assert_eq!(by_sealed_code(&mut case, "ada", 1), Ok(state));
    case.wait(2 * DAY - 1);
    assert_eq!(case.receiving(), [method(1)]);
    let outcome = case.wait(1);
    assert!(events(&outcome).contains(&EventKind::SubjectReset));
    assert!(case.receiving().is_empty());
    assert!(case.subject.enrolment.unwrap().until_ms == case.now_ms + 7 * DAY);
}

#[test]
fn the_sealed_codes_action_dies_with_its_operator_its_withdrawal_or_a_day_too_late() {
    let scheduled = || {
        let mut case = privileged();
        case.operators.truncate(1);
        case.ask("ada", 1, RESET).unwrap();
        by_sealed_code(&mut case, "ada", 1).unwrap();
        case
    };
    let mut case = scheduled();
    case.operators = vec!["eve".into()];
    case.wait(3 * DAY);
    assert!(case.subject.actions.is_empty() && case.receiving() == [method(1)]);
    let mut case = scheduled();
    let action = ActionId([1; 16]);
    case.operator("ada", &Command::Withdraw { action }).unwrap();
    case.wait(3 * DAY);
    assert_eq!(case.receiving(), [method(1)]);
    let mut case = scheduled();
    case.wait(4 * DAY);
    assert!(case.subject.actions.is_empty() && case.receiving() == [method(1)]);
    // A second operator who comes meanwhile need not wait.
    let mut case = scheduled();
    case.operators.push("bob".into());
    case.approve("bob", 1).unwrap();
    assert!(case.receiving().is_empty());
}

#[test]
fn an_operator_does_not_let_themselves_in() {
    let mut case = privileged();
    case.own_subject = true;
    let issue = OperatorAction::IssueBypassCode {
        hash: slow_hash(1),
        lifetime_ms: HOUR,
        one_time: true,
        length: 8,
    };
    for (id, action) in (1..).zip([RESET, issue, OperatorAction::Unfreeze, UNTAG]) {
        assert_eq!(case.ask("ada", id, action), Err(Refusal::OwnSubject));
    }
    case.own_subject = false;
    case.ask("ada", 9, RESET).unwrap();
    case.own_subject = true;
    assert_eq!(case.approve("bob", 9), Err(Refusal::OwnSubject));
}

#[test]
fn a_tenant_is_no_operator() {
    let mut case = Case::enrolled();
    let ask = Command::Ask {
        id: ActionId([1; 16]),
        action: RESET,
        reason: String::new(),
        ticket: None,
    };
    assert_eq!(case.tenant(&ask), Err(Refusal::StepUpRequired));
}

#[test]
fn a_bypass_code_keeps_its_bounds() {
    let minute = HOUR / 60;
    let refused = |lifetime_ms, length| {
        let mut case = Case::enrolled();
        case.policy.bypass_lifetime_max_ms = 30 * DAY;
        let issue = OperatorAction::IssueBypassCode {
            hash: slow_hash(1),
            lifetime_ms,
            one_time: false,
            length,
        };
        case.ask("ada", 1, issue).err()
    };
    let (lifetime, length) = (Some(Refusal::InvalidLifetime), Some(Refusal::InvalidLength));
    for (lifetime_ms, of_length, expected) in [
        (9 * minute, 8, lifetime),
        (10 * minute - 1, 8, lifetime),
        (10 * minute, 8, None),
        (30 * DAY, 8, None),
        (30 * DAY + 1, 8, lifetime),
        (31 * DAY, 8, lifetime),
        (HOUR, 7, length),
        (HOUR, 48, None),
        (HOUR, BYPASS_LENGTH_MAX + 1, length),
    ] {
        let found = refused(lifetime_ms, of_length);
        assert_eq!(found, expected, "{lifetime_ms} ms, {of_length} characters");
    }
    // The tenant's own bound is below.
    let mut case = Case::enrolled();
    let issue = OperatorAction::IssueBypassCode {
        hash: slow_hash(1),
        lifetime_ms: 8 * HOUR + 1,
        one_time: false,
        length: 8,
    };
    let refused = case.ask("ada", 1, issue);
    assert_eq!(refused, Err(Refusal::InvalidLifetime));
}

#[test]
fn only_so_many_actions_wait() {
    let mut case = privileged();
    for id in 1..=u8::try_from(ACTIONS_MAX).unwrap() {
        let change = super::case::change(id);
        let undo = OperatorAction::UndoChange { change };
        case.ask("ada", id, undo).unwrap();
    }
    assert_eq!(case.ask("ada", 50, RESET), Err(Refusal::TooManyActions));
    case.now_ms += DAY;
    case.ask("ada", 50, RESET).unwrap();
}

#[test]
fn unfreezing_clears_the_wrong_guesses() {
    let mut case = Case::enrolled();
    for _ in 0..100 {
        case.tenant(&Command::WrongSecret).unwrap();
        case.now_ms += HOUR;
    }
    let stopped = case.tenant(&Command::WrongSecret);
    let available_at_ms = None;
    assert_eq!(stopped, Err(Refusal::TooManyTries { available_at_ms }));
    let why = FreezeReason::Asked;
    case.tenant(&Command::Freeze { why, said: None }).unwrap();
    let outcome = case.ask("ada", 1, OperatorAction::Unfreeze).unwrap();
    assert_eq!(events(&outcome), [EventKind::SubjectUnfrozen]);
    case.tenant(&Command::WrongSecret).unwrap();
}

#[test]
fn an_erased_subject_is_told_of_once_more() {
    let mut case = Case::enrolled();
    let outcome = case.ask("ada", 1, OperatorAction::Erase).unwrap();
    assert!(outcome.erased);
    assert_eq!(events(&outcome), [EventKind::SubjectErased]);
    let mut case = privileged();
    assert!(!case.ask("ada", 1, OperatorAction::Erase).unwrap().erased);
    assert!(case.approve("bob", 1).unwrap().erased);
    assert_eq!(case.add(2, &[Fact::Session]), Err(Refusal::StepUpRequired));
}

#[test]
fn a_command_that_comes_after_an_erasure_by_the_sealed_code_finds_nobody() {
    let mut case = privileged();
    case.operators.truncate(1);
    case.ask("ada", 1, OperatorAction::Erase).unwrap();
    by_sealed_code(&mut case, "ada", 1).unwrap();
    case.now_ms += 3 * DAY;
    assert_eq!(case.add(2, &[passkey()]), Err(Refusal::NotFound));
    assert!(case.wait(0).erased);
}
