//! Numbers that another system has proved.

use watchword_providers::Channel;

use super::case::{Case, events, method, passkey, phone};
use crate::subjects::command::Command;
use crate::subjects::command::{ActionState, ImportedMethod, OperatorAction, Refusal};
use crate::subjects::evidence::Fact;
use crate::subjects::model::{FreezeReason, MethodStatus, Role};
use crate::webhooks::EventKind;

fn imported(number: u8, role: Role) -> ImportedMethod {
    ImportedMethod {
        id: method(number),
        number: phone(number),
        role,
        channel: Channel::Voice,
        extension: None,
    }
}

fn import(case: &mut Case, id: u8, methods: &[ImportedMethod]) -> Result<(), Refusal> {
    let methods = methods.to_vec();
    let outcome = case.ask("ada", id, OperatorAction::ImportMethods { methods })?;
    assert_eq!(outcome.action, Some(ActionState::Done));
    Ok(())
}

#[test]
fn imported_numbers_receive_codes_at_once_and_nobody_is_told_by_message() {
    let mut case = Case::unknown();
    let methods = vec![imported(2, Role::Office), imported(1, Role::Primary)];
    let action = OperatorAction::ImportMethods { methods };
    let outcome = case.ask("ada", 1, action).unwrap();
    let told = [
        EventKind::MethodActive,
        EventKind::MethodActive,
        EventKind::MethodDefaultChanged,
    ];
    assert_eq!(events(&outcome), told);
    let imported = outcome.told.iter();
    let imported = imported.filter(|told| told.what == "method.imported");
    assert_eq!(imported.count(), 2);
    assert_eq!(case.receiving(), [method(1), method(2)]);
    let default = case.subject.default_method().unwrap();
    assert_eq!(default.id, method(1));
    assert_eq!(case.queue_notices(), []);
    // From now on a session alone enrols nothing.
    assert_eq!(case.add(3, &[Fact::Session]), Err(Refusal::StepUpRequired));
}

#[test]
fn what_was_imported_before_is_done_and_says_nothing_again() {
    let mut case = Case::unknown();
    let methods = [imported(1, Role::Primary), imported(2, Role::Alternate)];
    import(&mut case, 1, &methods).unwrap();
    let before = case.subject.clone();
    import(&mut case, 2, &methods).unwrap();
    assert_eq!(case.subject, before);
}

#[test]
fn nothing_is_imported_over_numbers_that_are_there_or_were() {
    let mut case = Case::enrolled();
    let other = [imported(2, Role::Primary)];
    let refused = Err(Refusal::AlreadyEnrolled);
    assert_eq!(import(&mut case, 1, &other), refused);
    let more = [imported(1, Role::Primary), imported(2, Role::Office)];
    assert_eq!(import(&mut case, 2, &more), refused);
    let scope = crate::subjects::command::ResetScope::All;
    case.ask("ada", 3, OperatorAction::Reset { scope }).unwrap();
    assert_eq!(import(&mut case, 4, &other), refused);
}

#[test]
fn a_number_that_waited_for_its_code_is_dropped_and_its_code_ends() {
    let mut case = Case::unknown();
    case.add(3, &[passkey()]).unwrap();
    let generation = case.subject.generation;
    import(&mut case, 1, &[imported(1, Role::Primary)]).unwrap();
    assert_eq!(case.status(3), None);
    assert!(case.subject.generation > generation);
    assert_eq!(case.status(1), Some(MethodStatus::Active));
}

#[test]
fn roles_and_numbers_are_there_once_and_within_the_policy() {
    let mut case = Case::unknown();
    for (methods, refusal) in [
        (vec![], Refusal::TooManyMethods),
        (
            vec![imported(1, Role::Primary), imported(2, Role::Primary)],
            Refusal::RoleTaken,
        ),
        (
            vec![imported(1, Role::Primary), imported(1, Role::Office)],
            Refusal::RoleTaken,
        ),
        (vec![imported(1, Role::Alternate)], Refusal::NeedsPrimary),
    ] {
        assert_eq!(import(&mut case, 1, &methods), Err(refusal));
    }
    assert!(case.subject.is_empty(case.now_ms));
    case.policy.methods_max = 2;
    let roles = [(1, Role::Primary), (2, Role::Alternate), (3, Role::Office)];
    let all = roles.map(|(number, role)| imported(number, role));
    let too_many = import(&mut case, 2, &all);
    assert_eq!(too_many, Err(Refusal::TooManyMethods));
    import(&mut case, 3, &all[..2]).unwrap();
}

#[test]
fn nothing_is_imported_into_a_frozen_subject_and_by_two_into_a_privileged_one() {
    let mut case = Case::unknown();
    let tag = OperatorAction::SetPrivileged { privileged: true };
    case.ask("ada", 1, tag).unwrap();
    let methods = vec![imported(1, Role::Primary)];
    let action = OperatorAction::ImportMethods { methods };
    let outcome = case.ask("ada", 2, action.clone()).unwrap();
    assert!(matches!(outcome.action, Some(ActionState::Waiting { .. })));
    assert!(case.receiving().is_empty());
    let why = FreezeReason::Asked;
    let freeze = Command::Freeze { why, said: None };
    case.tenant(&freeze).unwrap();
    assert_eq!(case.approve("bob", 2), Err(Refusal::Frozen));
    case.ask("ada", 3, OperatorAction::Unfreeze).unwrap();
    case.approve("bob", 3).unwrap();
    case.approve("bob", 2).unwrap();
    assert_eq!(case.receiving(), [method(1)]);
}
