//! Undo and "this was not me": once, in time, and from the right number.

use super::case::{
    Case, DAY, HOUR, SECOND, by_method, change, events, holder, method, passkey, slow_hash,
};
use crate::subjects::command::{Command, OperatorAction, Refusal, TokenHolder};
use crate::subjects::evidence::{Class, Fact, Finding};
use crate::subjects::model::{
    ChangeStatus, FreezeReason, GrantId, MethodStatus, NoticeKind, Recipient, SuspendReason,
};
use crate::webhooks::EventKind;

const MAIL: TokenHolder = TokenHolder {
    recipient: Recipient::Mail,
    swap: Finding::Clear,
    recycled: Finding::Clear,
};

#[test]
fn a_held_change_is_undone_once() {
    let mut case = Case::enrolled();
    case.hold(3, &[by_method(1, 50, Finding::Unknown)]);
    let generation = case.subject.generation;
    let outcome = case.undo(3, holder(1)).unwrap();
    let told = events(&outcome);
    assert_eq!(told, [EventKind::ChangeUndone, EventKind::SecurityChanged]);
    assert!(case.subject.generation > generation);
    assert_eq!(case.receiving(), [method(1)]);
    assert!(case.subject.notices.is_empty());
    let status = ChangeStatus::Undone;
    let again = case.undo(3, holder(1));
    assert_eq!(again, Err(Refusal::ChangeEnded { status }));
    case.wait(40 * DAY);
    assert_eq!(case.receiving(), [method(1)]);
}

#[test]
fn a_completed_change_is_undone_within_its_window_and_not_after() {
    for (waited, is_in_time) in [
        (0, true),
        (3 * DAY - SECOND, true),
        (3 * DAY - 1, true),
        (3 * DAY, false),
        (3 * DAY + SECOND, false),
    ] {
        let mut case = Case::with_two();
        case.hold(3, &[passkey()]);
        case.now_ms += waited;
        let undone = case.undo(3, holder(1));
        if is_in_time {
            undone.unwrap();
            assert_eq!(case.receiving(), [method(1), method(2)]);
            assert!(case.subject.method(method(1)).unwrap().is_default);
        } else {
            assert_eq!(undone, Err(Refusal::UndoOver), "after {waited}");
            assert_eq!(case.receiving(), [method(2), method(3)]);
            case.wait(0);
            assert_eq!(case.undo(3, MAIL), Err(Refusal::UndoOver));
        }
    }
}

#[test]
fn the_old_number_comes_back_with_its_place_and_what_was_known_of_it() {
    let mut case = Case::with_two();
    let order = Command::SetDefault {
        method: method(2),
        fallback_order: Some(vec![method(2), method(1)]),
    };
    case.tenant(&order).unwrap();
    let suspend = Command::SuspendMethod {
        method: method(2),
        why: SuspendReason::Recycled,
    };
    case.tenant(&suspend).unwrap();
    let from_second = Command::SetDefault {
        method: method(1),
        fallback_order: None,
    };
    case.tenant(&from_second).unwrap();
    let mut wish = case.request(3, &[passkey()]);
    assert!(wish.is_ok());
    case.subject.change.as_mut().unwrap().from = method(2);
    case.prove_change(3).unwrap();
    case.queue_notices();
    assert_eq!(case.subject.fallback_order, [method(3), method(1)]);
    wish = case.undo(3, MAIL);
    assert!(wish.is_ok());
    assert_eq!(case.subject.fallback_order, [method(2), method(1)]);
    assert_eq!(case.status(2), Some(MethodStatus::Suspended));
    assert_eq!(case.receiving(), [method(1)]);
}

#[test]
fn an_unknown_change_cannot_be_undone() {
    let mut case = Case::enrolled();
    assert_eq!(case.undo(3, holder(1)), Err(Refusal::NotFound));
    case.hold(3, &[passkey()]);
    assert_eq!(case.undo(4, holder(1)), Err(Refusal::NotFound));
}

#[test]
fn a_report_reverts_and_freezes_until_an_operator_unfreezes() {
    let mut case = Case::with_two();
    case.hold(3, &[passkey()]);
    let outcome = case.report(3, holder(2)).unwrap();
    let told = events(&outcome);
    assert!(told.contains(&EventKind::ChangeRejected));
    assert!(told.contains(&EventKind::SubjectFrozen));
    assert_eq!(
        told.iter()
            .filter(|kind| **kind == EventKind::SecurityChanged)
            .count(),
        1
    );
    assert!(case.receiving().is_empty());
    let freeze = case.subject.frozen.clone().unwrap();
    assert_eq!(freeze.why, FreezeReason::Reported);
    case.ask("ada", 1, OperatorAction::Unfreeze).unwrap();
    assert_eq!(case.receiving(), [method(1), method(2)]);
    let status = ChangeStatus::Rejected;
    let again = case.report(3, holder(2));
    assert_eq!(again, Err(Refusal::ChangeEnded { status }));
}

#[test]
fn a_swapped_or_recycled_number_freezes_for_review_and_never_reverts() {
    let doubtful = [
        TokenHolder {
            swap: Finding::Raised,
            ..holder(1)
        },
        TokenHolder {
            recycled: Finding::Raised,
            ..holder(1)
        },
    ];
    for by in doubtful {
        for is_report in [false, true] {
            let mut case = Case::enrolled();
            case.hold(3, &[passkey()]);
            let outcome = if is_report {
                case.report(3, by)
            } else {
                case.undo(3, by)
            };
            assert!(!events(&outcome.unwrap()).contains(&EventKind::ChangeUndone));
            let change = case.subject.change.clone().unwrap();
            assert!(change.in_review && change.status == ChangeStatus::Completed);
            assert_eq!(
                case.subject.frozen.clone().unwrap().why,
                FreezeReason::Review
            );
            assert_eq!(case.status(3), Some(MethodStatus::Active));
            assert!(case.receiving().is_empty());
            // However long the review takes, an operator decides.
            case.wait(9 * DAY);
            let undo = OperatorAction::UndoChange { change: change.id };
            case.ask("ada", 1, undo).unwrap();
            case.ask("ada", 2, OperatorAction::Unfreeze).unwrap();
            assert_eq!(case.receiving(), [method(1)]);
        }
    }
}

#[test]
fn a_review_does_not_keep_the_owner_from_reporting() {
    let mut case = Case::with_two();
    case.hold(3, &[passkey()]);
    let swap = Finding::Raised;
    case.undo(3, TokenHolder { swap, ..holder(1) }).unwrap();
    assert_eq!(case.undo(3, holder(2)), Err(Refusal::Frozen));
    case.report(3, holder(2)).unwrap();
    assert_eq!(case.status(1), Some(MethodStatus::Active));
    let freeze = case.subject.frozen.clone().unwrap();
    assert_eq!(freeze.why, FreezeReason::Reported);
}

#[test]
fn an_operator_rejects_an_open_change_and_undoes_a_completed_one() {
    let mut case = Case::enrolled();
    let id = change(3);
    let reject = OperatorAction::RejectChange { change: id };
    let undo = OperatorAction::UndoChange { change: id };
    case.request(3, &[passkey()]).unwrap();
    case.ask("ada", 1, reject.clone()).unwrap();
    assert_eq!(case.subject.ended_changes[0].status, ChangeStatus::Rejected);
    case.hold(4, &[passkey()]);
    let status = ChangeStatus::Rejected;
    let ended = Err(Refusal::ChangeEnded { status });
    assert_eq!(case.ask("ada", 2, undo), ended);
    let status = ChangeStatus::Completed;
    let reject = OperatorAction::RejectChange { change: change(4) };
    let ended = Err(Refusal::ChangeEnded { status });
    assert_eq!(case.ask("ada", 3, reject), ended);
    let undo = OperatorAction::UndoChange { change: change(4) };
    let outcome = case.ask("ada", 4, undo).unwrap();
    let undone = outcome
        .told
        .iter()
        .find(|told| told.event == Some(EventKind::ChangeUndone))
        .unwrap();
    assert_eq!(
        undone.reason.as_deref(),
        Some("the person came to the desk")
    );
    assert_eq!(undone.ticket.as_deref(), Some("T-7"));
}

#[test]
fn wrong_tokens_slow_down_short_ones_and_not_the_one_in_the_mail() {
    let mut case = Case::enrolled();
    case.hold(3, &[passkey()]);
    for _ in 0..5 {
        case.tenant(&Command::WrongToken).unwrap();
    }
    let available_at_ms = Some(case.now_ms + 30 * SECOND);
    let refusal = Refusal::TooManyTries { available_at_ms };
    let wrong = case.tenant(&Command::WrongToken).unwrap_err();
    assert_eq!(wrong, refusal);
    assert_eq!(case.undo(3, holder(1)), Err(refusal));
    case.undo(3, MAIL).unwrap();
}

#[test]
fn wrong_codes_and_wrong_tokens_keep_nobody_from_the_other() {
    let mut case = Case::enrolled();
    case.hold(3, &[by_method(1, 50, Finding::Unknown)]);
    for _ in 0..5 {
        case.tenant(&Command::WrongSecret).unwrap();
    }
    assert!(case.tenant(&Command::WrongSecret).is_err());
    // Anybody can type wrong codes: they must not stop who would undo the change.
    case.undo(3, holder(1)).unwrap();
}

#[test]
fn whoever_types_wrong_tokens_gains_no_time_by_it() {
    let mut case = Case::enrolled();
    case.hold(3, &[by_method(1, 50, Finding::Unknown)]);
    let change = case.subject.change.clone().unwrap();
    let mut waited_ms = 0;
    // Each as soon as it may be: a hundred in some days.
    for _ in 0..150 {
        case.tenant(&Command::WrongToken).unwrap();
        let tries = case.subject.token_tries;
        let wait_ms = tries.next_at_ms.saturating_sub(case.now_ms);
        waited_ms += wait_ms;
        case.now_ms += wait_ms;
    }
    assert!(waited_ms > 5 * DAY);
    let now = case.subject.change.clone().unwrap();
    assert_eq!(now.hold_until_ms, change.hold_until_ms + waited_ms);
    assert_eq!(now.undo_until_ms, change.undo_until_ms + waited_ms);
    case.undo(3, holder(1)).unwrap();
    assert_eq!(case.receiving(), [method(1)]);
}

#[test]
fn what_was_gained_by_the_new_number_goes_with_it() {
    let mut case = Case::with_two();
    case.hold(3, &[passkey()]);
    case.now_ms += HOUR;
    // A thief makes themselves at home.
    let by_new = by_method(3, 60, Finding::Clear);
    case.add(4, std::slice::from_ref(&by_new)).unwrap();
    case.prove(4).unwrap();
    case.add(5, &[by_method(3, 61, Finding::Clear)]).unwrap();
    let hash = slow_hash(9);
    let facts = vec![by_method(3, 62, Finding::Clear)];
    case.tenant(&Command::NewRecoveryCode { hash, facts })
        .unwrap();
    case.recover(1, &[by_method(3, 63, Finding::Clear)])
        .unwrap();
    assert_eq!(case.receiving(), [method(2), method(3), method(4)]);

    case.undo(3, holder(1)).unwrap();
    assert_eq!(case.receiving(), [method(1), method(2)]);
    assert_eq!(case.status(5), None);
    assert_eq!(case.subject.recovery_code, None);
    assert_eq!(case.subject.grants, []);
}

#[test]
fn a_suspended_number_undoes_nothing_whatever_signals_say_by_now() {
    let mut case = Case::with_two();
    let suspend = Command::SuspendMethod {
        method: method(2),
        why: SuspendReason::SimSwap,
    };
    case.tenant(&suspend).unwrap();
    case.hold(3, &[passkey()]);
    case.now_ms += 2 * DAY;
    case.undo(3, holder(2)).unwrap();
    let frozen = case.subject.frozen.as_ref().map(|freeze| freeze.why);
    assert_eq!(frozen, Some(FreezeReason::Review));
    assert_eq!(case.change_status(), Some(ChangeStatus::Completed));
}

#[test]
fn nobody_is_told_of_a_change_that_has_ended() {
    let mut case = Case::with_two();
    case.hold(3, &[by_method(1, 50, Finding::Unknown)]);
    assert!(!case.subject.notices.is_empty());
    case.undo(3, holder(2)).unwrap();
    let kinds = case.subject.notices.iter().map(|one| one.kind);
    assert_eq!(kinds.collect::<Vec<NoticeKind>>(), []);
}

#[test]
fn a_record_prints_no_number_no_name_and_no_hash() {
    let mut case = Case::with_two();
    case.hold(3, &[passkey()]);
    let hash = slow_hash(7);
    let facts = vec![passkey()];
    case.tenant(&Command::NewRecoveryCode { hash, facts })
        .unwrap();
    let printed = format!("{:?}", case.subject);
    assert!(!printed.contains("4155550") && !printed.contains("u-1"));
    assert!(!format!("{:?}", case.subject.recovery_code).contains("[7"));
}

#[test]
fn whoever_asked_for_a_change_that_is_undone_is_left_no_other_way_in() {
    for is_reported in [false, true] {
        let mut case = Case::enrolled();
        let hash = slow_hash(1);
        let facts = vec![passkey()];
        case.tenant(&Command::NewRecoveryCode { hash, facts })
            .unwrap();
        case.now_ms += 30 * DAY;
        let issue = |case: &mut Case, fill| {
            let action = OperatorAction::IssueBypassCode {
                hash: slow_hash(fill),
                lifetime_ms: HOUR,
                one_time: false,
                length: 8,
            };
            case.ask("ada", fill, action).unwrap();
        };
        issue(&mut case, 2);
        let typed = [Fact::RecoveryCode, Fact::SingleFactor];
        case.recover(3, &typed).unwrap();
        // The fresh code goes to whoever typed the old one, and so on.
        case.hold(4, &typed);
        case.now_ms += SECOND;
        let undone = if is_reported {
            case.report(4, holder(1))
        } else {
            case.undo(4, holder(1))
        };
        let told = undone.unwrap().told;
        assert_eq!(case.subject.recovery_code, None);
        assert_eq!(case.subject.bypass_code, None);
        assert_eq!(case.subject.grants, []);
        for what in [
            "subject.recovery_code_voided",
            "subject.bypass_code_revoked",
            "subject.recoveries_voided",
        ] {
            assert!(told.iter().any(|told| told.what == what), "{what}");
        }
    }
}

#[test]
fn an_undo_leaves_what_the_change_cannot_have_come_of() {
    let mut case = Case::enrolled();
    let hash = slow_hash(1);
    let facts = vec![passkey()];
    case.tenant(&Command::NewRecoveryCode { hash, facts })
        .unwrap();
    case.now_ms += 30 * DAY;
    case.hold(4, &[by_method(1, 50, Finding::Unknown)]);
    case.now_ms += SECOND;
    let action = OperatorAction::IssueBypassCode {
        hash: slow_hash(2),
        lifetime_ms: HOUR,
        one_time: true,
        length: 8,
    };
    case.ask("ada", 1, action).unwrap();
    case.undo(4, holder(1)).unwrap();
    assert!(case.subject.recovery_code.is_some());
    assert!(case.subject.bypass_code.is_some());
}

#[test]
fn a_number_that_waits_beside_a_change_goes_with_it() {
    let mut case = Case::with_two();
    case.now_ms += 30 * DAY;
    let idv = |fill| Fact::Idv {
        assertion: [fill; 16],
    };
    let grant = |id| Fact::Grant {
        id: GrantId([id; 16]),
        class: Class::B,
    };
    // A thief prepares numbers beside the change; one is proved already.
    for id in [1, 2] {
        case.recover(id, &[idv(id)]).unwrap();
        case.add(id + 4, &[grant(id)]).unwrap();
    }
    case.prove(5).unwrap();
    assert_eq!(case.status(5), Some(MethodStatus::Holding));
    case.now_ms += HOUR / 2;
    case.hold(4, &[by_method(1, 50, Finding::Unknown)]);
    case.report(4, holder(1)).unwrap();
    case.ask("ada", 1, OperatorAction::Unfreeze).unwrap();
    case.wait(10 * DAY);
    assert_eq!(case.prove(6), Err(Refusal::NotFound));
    assert_eq!(case.receiving(), [method(1), method(2)]);
}
