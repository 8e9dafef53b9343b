//! Changing a number: one operation, held by its evidence, told to all.

use std::collections::BTreeSet;

use super::case::{
    Case, DAY, HOUR, SECOND, START, by_method, change, events, method, passkey, proof,
};
use crate::subjects::command::{Command, OperatorAction, Refusal};
use crate::subjects::evidence::{Class, Fact, Finding};
use crate::subjects::model::{
    Actor, ChangeStatus, GrantId, MethodStatus, Recipient, SuspendReason,
};
use crate::webhooks::EventKind;

/// The evidence of each class; a recovery has to be opened for the worst.
fn evidence(case: &mut Case, class: Class) -> Vec<Fact> {
    match class {
        Class::A => vec![passkey()],
        Class::B => vec![by_method(1, 90, Finding::Unknown)],
        Class::C => vec![by_method(1, 91, Finding::Raised)],
        Class::D => {
            case.recover(1, &[Fact::Session]).unwrap();
            case.queue_notices();
            let id = GrantId([1; 16]);
            vec![Fact::Grant { id, class }]
        }
    }
}

#[test]
fn each_class_completes_at_its_deadline_and_not_a_moment_before() {
    for (class, hold) in [
        (Class::A, 0),
        (Class::B, DAY),
        (Class::C, 3 * DAY),
        (Class::D, 30 * DAY),
    ] {
        let mut case = Case::with_two();
        let facts = evidence(&mut case, class);
        case.hold(3, &facts);
        if hold > 0 {
            assert_eq!(case.change_status(), Some(ChangeStatus::Holding));
            case.wait(hold - SECOND);
            assert_eq!(case.receiving(), [method(1), method(2)], "{class:?}");
            case.wait(SECOND - 1);
            assert_eq!(case.receiving(), [method(1), method(2)], "{class:?}");
            let outcome = case.wait(1);
            assert!(events(&outcome).contains(&EventKind::ChangeCompleted));
            assert!(events(&outcome).contains(&EventKind::SecurityChanged));
        }
        assert_eq!(case.receiving(), [method(2), method(3)], "{class:?}");
        assert!(case.subject.method(method(3)).unwrap().is_default);
    }
}

#[test]
fn a_change_goes_on_only_when_everybody_was_told_first() {
    for facts in [vec![passkey()], vec![by_method(1, 90, Finding::Unknown)]] {
        let mut case = Case::with_two();
        case.request(3, &facts).unwrap();
        case.prove_change(3).unwrap();
        let due = case.subject.notices.iter();
        let due = due.filter(|notice| notice.due_at_ms <= case.now_ms);
        let due: Vec<_> = due.map(|notice| (notice.number, notice.to)).collect();
        assert_eq!(due[0].1, Recipient::Method(method(1)), "the old number");
        assert_eq!(due.len(), 3, "both numbers and the mail");
        let told = |number: u32| Command::NoticesQueued {
            numbers: vec![number],
        };
        // Whichever of them the store did not take.
        for (number, _) in due.iter().rev() {
            assert_eq!(case.change_status(), Some(ChangeStatus::NewVerified));
            assert_eq!(case.receiving(), [method(1), method(2)]);
            case.run(Actor::System, &told(*number)).unwrap();
        }
        assert_ne!(case.change_status(), Some(ChangeStatus::NewVerified));
    }
}

#[test]
fn a_late_node_completes_a_change_as_of_its_deadline() {
    let mut case = Case::enrolled();
    let facts = evidence(&mut case, Class::B);
    case.hold(3, &facts);
    case.wait(2 * DAY);
    let change = case.subject.change.as_ref().unwrap();
    assert_eq!(change.completed_at_ms, START + DAY);
}

#[test]
fn a_completed_change_stays_until_it_can_no_longer_be_undone() {
    let mut case = Case::enrolled();
    case.hold(3, &[passkey()]);
    assert_eq!(case.status(1), Some(MethodStatus::Retired));
    case.wait(3 * DAY - 1);
    assert_eq!(case.change_status(), Some(ChangeStatus::Completed));
    let available_at_ms = START + 3 * DAY;
    assert_eq!(
        case.request(4, &[passkey()]),
        Err(Refusal::ChangeInProgress { available_at_ms })
    );
    case.wait(1);
    assert_eq!(case.change_status(), None);
    assert_eq!(case.status(1), None);
    assert_eq!(
        case.subject.ended_changes[0].status,
        ChangeStatus::Completed
    );
    case.request(4, &[passkey()]).unwrap();
}

#[test]
fn a_session_alone_changes_nothing() {
    let mut case = Case::enrolled();
    let weak = [vec![], vec![Fact::Session], vec![Fact::RecoveryCode]];
    for facts in weak {
        assert!(case.request(3, &facts).is_err(), "{facts:?}");
    }
    assert_eq!(case.subject.change, None);
}

#[test]
fn nobody_is_told_before_the_new_number_was_proved() {
    let mut case = Case::with_two();
    case.request(3, &[passkey()]).unwrap();
    assert!(case.subject.notices.is_empty());
    case.prove_change(3).unwrap();
    // Proved, and still not completed: the old number hears of it first.
    assert_eq!(case.change_status(), Some(ChangeStatus::NewVerified));
    assert_eq!(case.receiving(), [method(1), method(2)]);
    let told = case.queue_notices();
    let first = Recipient::Method(method(1));
    assert_eq!(told.first(), Some(&first));
    assert!(told.contains(&Recipient::Method(method(2))) && told.contains(&Recipient::Mail));
    assert!(!told.contains(&Recipient::Method(method(3))));
    assert_eq!(case.change_status(), Some(ChangeStatus::Completed));
}

#[test]
fn the_old_number_hears_again_and_again_and_never_after_thirty_days() {
    let mut case = Case::enrolled();
    let facts = evidence(&mut case, Class::D);
    case.hold(3, &facts);
    let mut days = Vec::new();
    for day in 1..=60 {
        case.wait(DAY);
        if case.queue_notices().contains(&Recipient::Method(method(1))) {
            days.push(day);
        }
    }
    assert_eq!(days, [1, 7, 29]);
}

#[test]
fn notices_that_come_late_begin_the_hold_and_the_window_late() {
    let mut case = Case::enrolled();
    case.request(3, &[passkey()]).unwrap();
    case.prove_change(3).unwrap();
    case.wait(10 * DAY);
    assert_eq!(case.change_status(), Some(ChangeStatus::NewVerified));
    assert!(!case.queue_notices().is_empty());
    let change = case.subject.change.as_ref().unwrap();
    assert_eq!(change.undo_until_ms, case.now_ms + 3 * DAY);
    case.wait(1);
    assert_eq!(case.change_status(), Some(ChangeStatus::Completed));
}

#[test]
fn notices_that_come_more_than_five_minutes_late_move_those_that_follow() {
    let five_minutes = 300 * SECOND;
    for (late_ms, moved_ms) in [(five_minutes, 0), (five_minutes + 1, five_minutes + 1)] {
        let mut case = Case::enrolled();
        case.request(3, &[passkey()]).unwrap();
        case.prove_change(3).unwrap();
        case.wait(late_ms);
        case.queue_notices();
        let change = case.subject.change.as_ref().unwrap();
        assert_eq!(change.undo_until_ms, START + 3 * DAY + moved_ms);
        let notices = case.subject.notices.iter();
        let due: BTreeSet<u64> = notices
            .map(|one| one.due_at_ms - START - moved_ms)
            .collect();
        assert_eq!(due, [DAY, 2 * DAY].into());
    }
}

#[test]
fn a_change_nobody_could_be_told_of_expires() {
    let mut case = Case::enrolled();
    case.request(3, &[passkey()]).unwrap();
    case.prove_change(3).unwrap();
    case.wait(30 * DAY);
    assert_eq!(case.subject.ended_changes[0].status, ChangeStatus::Expired);
    assert_eq!(case.receiving(), [method(1)]);
    assert!(case.subject.notices.is_empty());
}

#[test]
fn a_number_that_is_not_proved_within_the_hour_ends_its_change() {
    let mut case = Case::enrolled();
    case.request(3, &[passkey()]).unwrap();
    case.wait(HOUR - 1);
    assert_eq!(case.change_status(), Some(ChangeStatus::Requested));
    let outcome = case.wait(1);
    assert_eq!(events(&outcome), [EventKind::ChangeExpired]);
    let status = ChangeStatus::Expired;
    assert_eq!(case.prove_change(3), Err(Refusal::ChangeEnded { status }));
}

#[test]
fn asked_again_it_is_the_same_change_with_the_new_code() {
    let mut case = Case::enrolled();
    let facts = evidence(&mut case, Class::B);
    case.request(3, &facts).unwrap();
    let until = case.subject.change.as_ref().unwrap().verify_by_ms;
    case.now_ms += 60 * SECOND;
    // With the same evidence, as after an answer that was lost.
    assert_eq!(case.request(3, &facts).unwrap().told, []);
    let same = case.subject.change.as_ref().unwrap();
    assert_eq!((same.id, same.verify_by_ms), (change(3), until));
    let available_at_ms = until;
    assert_eq!(
        case.request(4, &[passkey()]),
        Err(Refusal::ChangeInProgress { available_at_ms })
    );
    // Once it is proved there is no code to send again.
    case.prove_change(3).unwrap();
    assert!(is_in_progress(&case.request(3, &facts)));
}

#[test]
fn five_wrong_codes_end_a_change() {
    let mut case = Case::enrolled();
    case.request(3, &[passkey()]).unwrap();
    let (change, other, proof) = (change(3), proof(4), proof(3));
    let given_up = |proof| Command::ChangeGivenUp { change, proof };
    // Those of a code that was sent before, say.
    let refused = case.tenant(&given_up(other));
    assert_eq!(refused, Err(Refusal::NotPending));
    case.tenant(&given_up(proof)).unwrap();
    assert_eq!(case.change_status(), None);
    assert_eq!(case.receiving(), [method(1)]);
}

#[test]
fn wrong_codes_end_no_change_that_is_proved() {
    let mut case = Case::enrolled();
    case.request(3, &[passkey()]).unwrap();
    case.prove_change(3).unwrap();
    let (change, proof) = (change(3), proof(3));
    let refused = case.tenant(&Command::ChangeGivenUp { change, proof });
    assert_eq!(refused, Err(Refusal::NotPending));
    assert_eq!(case.change_status(), Some(ChangeStatus::NewVerified));
}

#[test]
fn three_changes_a_day_are_enough() {
    let mut case = Case::enrolled();
    for to in [3, 4, 5] {
        case.request(to, &[passkey()]).unwrap();
        let (change, proof) = (change(to), proof(to));
        case.tenant(&Command::ChangeGivenUp { change, proof })
            .unwrap();
        case.now_ms += HOUR;
    }
    let available_at_ms = START + DAY;
    let refused = case.request(6, &[passkey()]);
    assert_eq!(refused, Err(Refusal::ChangesLimit { available_at_ms }));
    case.now_ms = available_at_ms;
    case.request(6, &[passkey()]).unwrap();
}

#[test]
fn the_new_number_is_none_that_is_there_already() {
    let mut case = Case::with_two();
    for to in [1, 2] {
        let refused = case.request(to, &[passkey()]);
        assert_eq!(refused, Err(Refusal::NumberUnchanged));
    }
    case.request(3, &[passkey()]).unwrap();
    assert!(is_in_progress(&case.add(3, &[passkey()])));
}

#[test]
fn both_numbers_belong_to_the_change_until_its_window_is_over() {
    let mut case = Case::with_two();
    case.hold(3, &[passkey()]);
    assert!(is_in_progress(&case.add(1, &[passkey()])));
    let to_second = Command::SetDefault {
        method: method(2),
        fallback_order: None,
    };
    case.tenant(&to_second).unwrap();
    assert!(is_in_progress(&case.remove(3, &[passkey()])));
}

fn is_in_progress<T>(answer: &Result<T, Refusal>) -> bool {
    matches!(answer, Err(Refusal::ChangeInProgress { .. }))
}

#[test]
fn a_suspended_number_can_be_changed_and_a_fresh_sim_lengthens_only_a_weak_hold() {
    let mut case = Case::enrolled();
    let suspend = Command::SuspendMethod {
        method: method(1),
        why: SuspendReason::Recycled,
    };
    case.tenant(&suspend).unwrap();
    case.hold(3, &[passkey()]);
    assert_eq!(case.receiving(), [method(3)]);
    for (class, days) in [(Class::B, 1), (Class::C, 30)] {
        let mut case = Case::enrolled();
        let facts = evidence(&mut case, class);
        case.request_with(3, &facts, Finding::Raised).unwrap();
        assert_eq!(case.subject.change.unwrap().hold_ms, days * DAY);
    }
}

#[test]
fn an_operator_completes_a_held_change_early_and_no_other() {
    let mut case = Case::enrolled();
    let complete = |to| OperatorAction::CompleteChange { change: change(to) };
    let facts = evidence(&mut case, Class::B);
    case.request(3, &facts).unwrap();
    assert_eq!(case.ask("ada", 1, complete(3)), Err(Refusal::MethodPending));
    case.prove_change(3).unwrap();
    assert_eq!(case.ask("ada", 1, complete(3)), Err(Refusal::MethodPending));
    case.queue_notices();
    case.ask("ada", 1, complete(3)).unwrap();
    assert_eq!(case.receiving(), [method(3)]);
    let status = ChangeStatus::Completed;
    let again = case.ask("ada", 2, complete(3));
    assert_eq!(again, Err(Refusal::ChangeEnded { status }));
    assert_eq!(case.ask("ada", 3, complete(9)), Err(Refusal::NotFound));
}

#[test]
fn time_stands_still_for_a_frozen_change() {
    let mut case = Case::enrolled();
    let facts = evidence(&mut case, Class::B);
    case.hold(3, &facts);
    case.wait(HOUR);
    let why = crate::subjects::model::FreezeReason::CallReported;
    case.run(Actor::Person, &Command::Freeze { why, said: None })
        .unwrap();
    case.wait(9 * DAY);
    assert_eq!(case.change_status(), Some(ChangeStatus::Holding));
    case.ask("ada", 1, OperatorAction::Unfreeze).unwrap();
    case.wait(23 * HOUR - 1);
    assert_eq!(case.receiving(), [method(1)]);
    case.wait(1);
    assert_eq!(case.receiving(), [method(3)]);
    // The owner still has two of the three days.
    case.wait(2 * DAY - 1);
    assert_eq!(case.change_status(), Some(ChangeStatus::Completed));
}

#[test]
fn a_change_is_taken_back_before_its_number_is_proved_and_another_asked_for_at_once() {
    let mut case = Case::enrolled();
    let cancel = |number| Command::CancelChange {
        change: change(number),
    };
    for (number, fill) in [(3, 50), (4, 51), (5, 52)] {
        case.request(number, &[by_method(1, fill, Finding::Unknown)])
            .unwrap();
        let generation = case.subject.generation;
        let outcome = case.tenant(&cancel(number)).unwrap();
        assert_eq!(events(&outcome), [EventKind::ChangeUndone]);
        // The code that is under way to the mistyped number dies.
        assert!(case.subject.generation > generation);
        assert!(case.prove_change(number).is_err());
    }
    // The day's limit still holds.
    let available_at_ms = START + DAY;
    let limited = case.request(6, &[by_method(1, 53, Finding::Unknown)]);
    assert_eq!(limited, Err(Refusal::ChangesLimit { available_at_ms }));
    assert_eq!(case.receiving(), [method(1)]);
}

#[test]
fn a_proved_change_is_undone_by_tokens_alone() {
    let mut case = Case::enrolled();
    case.hold(3, &[by_method(1, 50, Finding::Unknown)]);
    let cancel = Command::CancelChange { change: change(3) };
    assert!(is_in_progress(&case.tenant(&cancel)));
    case.wait(DAY);
    let status = ChangeStatus::Completed;
    assert_eq!(case.tenant(&cancel), Err(Refusal::ChangeEnded { status }));
}
