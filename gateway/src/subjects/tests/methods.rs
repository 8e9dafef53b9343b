//! Methods: bound when proved, never the last one lost.

use super::case::{Case, DAY, HOUR, SECOND, by_method, events, method, passkey, phone, proof};
use crate::subjects::command::{Command, OperatorAction, Refusal, ResetScope};
use crate::subjects::evidence::{Class, Fact, Finding};
use crate::subjects::model::{
    FreezeReason, GrantId, MethodStatus, NoticeKind, Recipient, SuspendReason,
};
use crate::webhooks::EventKind;

#[test]
fn a_number_counts_only_when_its_code_was_typed_back() {
    let mut case = Case::unknown();
    assert_eq!(case.add(1, &[]), Err(Refusal::StepUpRequired));
    case.add(1, &[Fact::Session]).unwrap();
    assert!(case.receiving().is_empty());
    let outcome = case.prove(1).unwrap();
    assert!(events(&outcome).contains(&EventKind::MethodActive));
    assert_eq!(case.receiving(), [method(1)]);
    assert!(case.subject.default_method().is_some());
    // Asked again, as after a crash between check and write: nothing more happens.
    assert_eq!(case.prove(1).unwrap().told, []);
    assert!(case.subject.notices.is_empty());
}

#[test]
fn a_number_that_is_not_proved_in_time_is_forgotten() {
    let mut case = Case::unknown();
    case.add(1, &[Fact::Session]).unwrap();
    case.wait(HOUR - 1);
    assert_eq!(case.status(1), Some(MethodStatus::Pending));
    case.wait(1);
    assert_eq!(case.status(1), None);
    assert_eq!(case.prove(1), Err(Refusal::NotFound));
}

#[test]
fn an_enrolment_that_was_given_up_leaves_its_trail_for_a_month_and_any_other_trail_stays() {
    let mut case = Case::unknown();
    case.add(1, &[Fact::Session]).unwrap();
    case.wait(HOUR);
    let given_up_ms = case.now_ms;
    assert!(!case.subject.is_empty(given_up_ms + 30 * DAY - 1));
    assert!(case.subject.is_empty(given_up_ms + 30 * DAY));

    case.tenant(&Command::Freeze {
        why: FreezeReason::Asked,
        said: None,
    })
    .unwrap();
    case.ask("ada", 1, OperatorAction::Unfreeze).unwrap();
    case.queue_notices();
    assert!(!case.subject.is_empty(u64::MAX - 1));
}

#[test]
fn what_a_code_is_not_typed_back_for_is_named_by_its_status() {
    let mut case = Case::with_two();
    let default = |number| Command::SetDefault {
        method: method(number),
        fallback_order: None,
    };
    case.add(3, &[passkey()]).unwrap();
    assert_eq!(case.tenant(&default(3)), Err(Refusal::MethodPending));
    let suspend = Command::SuspendMethod {
        method: method(2),
        why: SuspendReason::SimSwap,
    };
    case.tenant(&suspend).unwrap();
    assert_eq!(case.tenant(&default(2)), Err(Refusal::MethodSuspended));
    case.recover(1, &[]).unwrap();
    let grant = Fact::Grant {
        id: GrantId([1; 16]),
        class: Class::D,
    };
    case.add(4, &[grant]).unwrap();
    case.prove(4).unwrap();
    let until_ms = case.now_ms + 30 * DAY;
    let on_hold = Err(Refusal::MethodOnHold { until_ms });
    assert_eq!(case.tenant(&default(4)), on_hold);
}

#[test]
fn a_code_sent_again_proves_and_the_one_before_does_not() {
    let mut case = Case::unknown();
    case.add(1, &[Fact::Session]).unwrap();
    let again = proof(77);
    let pending = case.subject.method_mut(method(1)).unwrap();
    pending.proof = Some(again);
    assert_eq!(case.prove(1), Err(Refusal::NotPending));
    let method = method(1);
    let proved = Command::MethodProved {
        method,
        proof: again,
    };
    assert!(case.tenant(&proved).is_ok());
    assert_eq!(case.prove(1), Err(Refusal::NotPending));
}

#[test]
fn five_wrong_codes_discard_a_pending_number_and_no_other() {
    let mut case = Case::enrolled();
    case.add(2, &[passkey()]).unwrap();
    let discard = |number: u8| Command::MethodDiscarded {
        method: method(number),
        proof: proof(number),
    };
    assert_eq!(case.tenant(&discard(1)), Err(Refusal::NotPending));
    // Nor does the code that was sent before the one that is waited for.
    let before = Command::MethodDiscarded {
        method: method(2),
        proof: proof(1),
    };
    assert_eq!(case.tenant(&before), Err(Refusal::NotPending));
    case.tenant(&discard(2)).unwrap();
    assert_eq!(case.status(2), None);
}

#[test]
fn a_session_alone_enrols_the_first_number_and_never_a_second() {
    let mut case = Case::unknown();
    case.add(1, &[Fact::Session]).unwrap();
    case.add(2, &[Fact::Session]).unwrap();
    let generation = case.subject.generation;
    case.prove(1).unwrap();
    // It waited beside the first: its right went with it, and its code too.
    assert_eq!(case.status(2), None);
    assert!(case.subject.generation > generation);
    let weak = [
        vec![Fact::Session],
        vec![Fact::SingleFactor],
        vec![by_method(1, 50, Finding::Unknown)],
        vec![Fact::Idv {
            assertion: [201; 16],
        }],
    ];
    for facts in weak {
        assert_eq!(
            case.add(2, &facts),
            Err(Refusal::StepUpRequired),
            "{facts:?}"
        );
    }
    case.add(2, &[by_method(1, 51, Finding::Clear)]).unwrap();
    case.prove(2).unwrap();
    assert_eq!(case.status(2), Some(MethodStatus::Active));
    let told = case.queue_notices();
    assert_eq!(told, [Recipient::Method(method(1))]);
}

#[test]
fn after_a_reset_a_session_alone_enrols_no_number_once_the_window_is_over() {
    let mut case = Case::enrolled();
    let scope = ResetScope::All;
    case.ask("ada", 1, OperatorAction::Reset { scope }).unwrap();
    case.queue_notices();
    case.wait(7 * DAY);
    assert_eq!(case.subject.methods, []);
    assert!(!case.subject.is_empty(case.now_ms));
    assert_eq!(case.add(2, &[Fact::Session]), Err(Refusal::StepUpRequired));
}

#[test]
fn a_number_enrolled_after_a_reset_is_held_and_the_window_is_for_one() {
    let mut case = Case::enrolled();
    let scope = ResetScope::Methods;
    case.ask("ada", 1, OperatorAction::Reset { scope }).unwrap();
    case.add(2, &[Fact::Session]).unwrap();
    case.prove(2).unwrap();
    assert_eq!(case.status(2), Some(MethodStatus::Holding));
    assert_eq!(case.add(3, &[Fact::Session]), Err(Refusal::StepUpRequired));
    case.wait(3 * DAY - 1);
    assert!(case.receiving().is_empty());
    case.wait(1);
    assert_eq!(case.receiving(), [method(2)]);
    assert!(case.subject.default_method().is_some());
}

#[test]
fn the_same_number_is_the_same_method() {
    let mut case = Case::enrolled();
    let before = case.subject.clone();
    assert_eq!(case.add(1, &[]).unwrap().told, []);
    assert_eq!(case.subject, before);
}

#[test]
fn the_last_and_the_default_method_stay() {
    let mut case = Case::enrolled();
    assert_eq!(case.remove(1, &[passkey()]), Err(Refusal::LastMethod));
    let mut case = Case::with_two();
    assert_eq!(case.remove(1, &[passkey()]), Err(Refusal::IsDefault));
    let to_second = Command::SetDefault {
        method: method(2),
        fallback_order: None,
    };
    case.tenant(&to_second).unwrap();
    let weak = case.remove(1, &[by_method(2, 50, Finding::Raised)]);
    assert_eq!(weak, Err(Refusal::StepUpRequired));
    let generation = case.subject.generation;
    case.remove(1, &[by_method(2, 51, Finding::Unknown)])
        .unwrap();
    assert!(case.subject.generation > generation);
    assert_eq!(case.receiving(), [method(2)]);
    // The number that went is told too, and forgotten then.
    let told = case.queue_notices();
    assert!(told.contains(&Recipient::Method(method(1))) && told.len() == 2);
    assert_eq!(case.status(1), None);
    assert_eq!(case.remove(1, &[passkey()]), Err(Refusal::NotFound));
}

#[test]
fn the_order_names_numbers_that_are_there_and_each_once() {
    let mut case = Case::with_two();
    let set = |order: &[u8]| Command::SetDefault {
        method: method(1),
        fallback_order: Some(order.iter().copied().map(method).collect()),
    };
    assert_eq!(case.tenant(&set(&[2, 9])), Err(Refusal::NotFound));
    case.tenant(&set(&[2, 1, 2])).unwrap();
    assert_eq!(case.subject.fallback_order, [method(2), method(1)]);
}

#[test]
fn a_proof_is_used_once() {
    let mut case = Case::with_two();
    let once = [by_method(1, 60, Finding::Clear)];
    case.add(3, &once).unwrap();
    assert_eq!(case.add(4, &once), Err(Refusal::ProofUsed));
    assert_eq!(case.remove(2, &once), Err(Refusal::ProofUsed));
    // Nor does the proof of the number itself prove anything else.
    let own = [by_method(2, 2, Finding::Clear)];
    assert_eq!(case.add(4, &own), Err(Refusal::ProofUsed));
}

#[test]
fn a_suspended_number_gets_no_codes_and_comes_back_by_a_proof() {
    let mut case = Case::with_two();
    let generation = case.subject.generation;
    let suspend = |why| Command::SuspendMethod {
        method: method(1),
        why,
    };
    let outcome = case.tenant(&suspend(SuspendReason::SimSwap)).unwrap();
    assert!(events(&outcome).contains(&EventKind::MethodDefaultChanged));
    assert!(case.subject.generation > generation);
    assert_eq!(case.receiving(), [method(2)]);
    // A code typed back from it proves no more than a swapped SIM does.
    let weak = [by_method(1, 50, Finding::Clear)];
    assert_eq!(case.add(1, &weak), Err(Refusal::StepUpRequired));
    case.add(1, &[passkey()]).unwrap();
    case.wait(HOUR);
    assert_eq!(case.status(1), Some(MethodStatus::Suspended));
    case.add(1, &[passkey()]).unwrap();
    case.prove(1).unwrap();
    assert_eq!(case.receiving().len(), 2);
}

#[test]
fn a_suspended_number_is_removed_by_evidence_though_it_waits_for_its_code_again() {
    let mut case = Case::with_two();
    let suspended = Command::SuspendMethod {
        method: method(2),
        why: SuspendReason::SimSwap,
    };
    case.tenant(&suspended).unwrap();
    case.add(2, &[passkey()]).unwrap();
    assert_eq!(case.status(2), Some(MethodStatus::Pending));
    assert_eq!(
        case.remove(2, &[Fact::Session]),
        Err(Refusal::StepUpRequired)
    );
    case.remove(2, &[passkey()]).unwrap();
}

#[test]
fn a_recycled_number_proves_nothing_and_hears_nothing() {
    let mut case = Case::with_two();
    let recycled = Command::SuspendMethod {
        method: method(2),
        why: SuspendReason::Recycled,
    };
    case.tenant(&recycled).unwrap();
    let facts = [by_method(2, 50, Finding::Clear)];
    assert_eq!(case.request(3, &facts), Err(Refusal::StepUpRequired));
    case.hold(3, &[passkey()]);
    let to = Recipient::Method(method(2));
    assert!(case.subject.notices.iter().all(|notice| notice.to != to));
}

#[test]
fn even_the_last_method_is_suspended_when_it_has_another_holder() {
    let mut case = Case::enrolled();
    let to = method(1);
    case.run(
        crate::subjects::model::Actor::System,
        &Command::NoticesStopped { to },
    )
    .unwrap();
    assert_eq!(case.status(1), Some(MethodStatus::Suspended));
    assert!(case.receiving().is_empty());
}

#[test]
fn a_method_goes_stale_once_until_it_is_used_again() {
    let mut case = Case::enrolled();
    case.policy.reconfirm_after_days = 90;
    assert_eq!(events(&case.wait(90 * DAY - 1)), []);
    assert_eq!(events(&case.wait(1)), [EventKind::MethodStale]);
    assert_eq!(events(&case.wait(DAY)), []);
    let method = method(1);
    case.tenant(&Command::MethodUsed { method }).unwrap();
    assert_eq!(events(&case.wait(90 * DAY - 1)), []);
    assert_eq!(events(&case.wait(1)), [EventKind::MethodStale]);
}

#[test]
fn a_use_is_noted_once_a_minute() {
    let mut case = Case::enrolled();
    let method = method(1);
    case.tenant(&Command::MethodUsed { method }).unwrap();
    let before = case.subject.clone();
    case.now_ms += 60 * SECOND - 1;
    case.tenant(&Command::MethodUsed { method }).unwrap();
    assert_eq!(case.subject, before);
    case.now_ms += 1;
    case.tenant(&Command::MethodUsed { method }).unwrap();
    assert_ne!(case.subject, before);
}

#[test]
fn a_frozen_subject_takes_no_commands_of_its_person() {
    let mut case = Case::with_two();
    let why = FreezeReason::Asked;
    let generation = case.subject.generation;
    let outcome = case.tenant(&Command::Freeze { why, said: None }).unwrap();
    assert!(events(&outcome).contains(&EventKind::SecurityChanged));
    assert!(case.subject.generation > generation && case.receiving().is_empty());
    assert_eq!(case.add(3, &[passkey()]), Err(Refusal::Frozen));
    assert_eq!(case.request(3, &[passkey()]), Err(Refusal::Frozen));
    assert_eq!(case.recover(1, &[passkey()]), Err(Refusal::Frozen));
    let notices = &case.subject.notices;
    assert!(notices.iter().all(|one| one.kind == NoticeKind::Frozen) && notices.len() == 2);
    // Frozen again: nobody is told twice.
    assert_eq!(
        case.tenant(&Command::Freeze { why, said: None })
            .unwrap()
            .told,
        []
    );
}

#[test]
fn a_refusal_leaves_the_record_as_it_was() {
    let mut case = Case::with_two();
    case.add(3, &[passkey()]).unwrap();
    case.now_ms += HOUR;
    let before = case.subject.clone();
    assert_eq!(case.remove(1, &[passkey()]), Err(Refusal::IsDefault));
    assert_eq!(case.subject, before);
    assert_ne!(case.wait(0).told, []);
}

#[test]
fn a_retired_number_is_found_as_long_as_it_is_kept() {
    let mut case = Case::with_two();
    let numbers = |case: &Case| -> Vec<String> {
        let numbers = case.subject.numbers().into_iter();
        numbers.map(str::to_owned).collect()
    };
    assert_eq!(numbers(&case), [phone(1).e164, phone(2).e164]);
    // One that waits for its code is nobody's yet.
    case.add(3, &[passkey()]).unwrap();
    assert_eq!(numbers(&case), [phone(1).e164, phone(2).e164]);
    case.remove(3, &[]).unwrap();
    case.remove(2, &[passkey()]).unwrap();
    assert_eq!(numbers(&case), [phone(1).e164, phone(2).e164]);
    case.queue_notices();
    assert_eq!(numbers(&case), [phone(1).e164]);
}

#[test]
fn a_number_held_on_weak_evidence_is_told_of_more_than_once() {
    let mut case = Case::enrolled();
    case.recover(1, &[]).unwrap();
    case.queue_notices();
    let id = GrantId([1; 16]);
    let class = Class::D;
    case.add(2, &[Fact::Grant { id, class }]).unwrap();
    case.prove(2).unwrap();
    let due = case.subject.notices.iter().map(|notice| notice.due_at_ms);
    let due: Vec<u64> = due.map(|at| (at - case.now_ms) / DAY).collect();
    assert_eq!(due, [0, 1, 7, 29]);
}

#[test]
fn after_a_reset_one_number_is_enrolled_by_a_session_and_no_other_that_waited() {
    let mut case = Case::enrolled();
    let scope = ResetScope::Methods;
    let reset = |case: &mut Case| case.ask("ada", 1, OperatorAction::Reset { scope });
    reset(&mut case).unwrap();
    case.add(2, &[Fact::Session]).unwrap();
    case.add(3, &[Fact::Session]).unwrap();
    case.prove(2).unwrap();
    assert_eq!(case.status(2), Some(MethodStatus::Holding));
    assert_eq!(case.prove(3), Err(Refusal::NotFound));

    // However good the evidence was.
    reset(&mut case).unwrap();
    case.add(4, &[passkey()]).unwrap();
    case.prove(4).unwrap();
    assert_eq!(case.status(4), Some(MethodStatus::Active));
    assert_eq!(case.add(5, &[Fact::Session]), Err(Refusal::StepUpRequired));
}

#[test]
fn the_order_of_fallbacks_is_set_with_a_line_in_the_trail() {
    let mut case = Case::with_two();
    let order = Command::SetDefault {
        method: method(1),
        fallback_order: Some(vec![method(2)]),
    };
    let told = case.tenant(&order).unwrap().told;
    let lines: Vec<&str> = told.iter().map(|told| told.what).collect();
    assert_eq!(lines, ["subject.fallback_order_set"]);
    assert_eq!(case.tenant(&order).unwrap().told, []);
}
