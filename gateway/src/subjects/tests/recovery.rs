//! Getting back without any number: as good as the evidence, never a sign-in.

use super::case::{Case, DAY, HOUR, SECOND, START, by_method, events, method, passkey, slow_hash};
use crate::subjects::command::{Command, OperatorAction, Refusal};
use crate::subjects::evidence::{Class, Fact, Finding};
use crate::subjects::model::{GRANTS_MAX, GrantId, USED_PROOFS_MAX};
use crate::webhooks::EventKind;

fn new_code(case: &mut Case, fill: u8, facts: &[Fact]) -> Result<(), Refusal> {
    let (hash, facts) = (slow_hash(fill), facts.to_vec());
    let command = Command::NewRecoveryCode { hash, facts };
    case.tenant(&command).map(drop)
}

fn grant(id: u8) -> Fact {
    // The class is the record's, whatever is claimed.
    let class = Class::A;
    let id = GrantId([id; 16]);
    Fact::Grant { id, class }
}

#[test]
fn a_recovery_is_as_good_as_its_evidence() {
    let table = [
        (vec![], Class::D),
        (vec![Fact::Session, Fact::SingleFactor], Class::D),
        (vec![Fact::RecoveryCode, Fact::IssuedCode], Class::C),
        (vec![Fact::RecoveryCode, Fact::SingleFactor], Class::B),
        (
            vec![Fact::Idv {
                assertion: [201; 16],
            }],
            Class::B,
        ),
        (vec![passkey()], Class::A),
    ];
    for (facts, class) in table {
        let mut case = Case::enrolled();
        new_code(&mut case, 1, &[passkey()]).unwrap();
        case.recover(2, &facts).unwrap();
        assert_eq!(case.subject.grants[0].class, class, "{facts:?}");
        // The numbers that are there hear of it, and none receives less or more.
        assert_eq!(case.receiving(), [method(1)]);
        assert_eq!(case.queue_notices().len(), 1);
        case.request(3, &[grant(2)]).unwrap();
        assert_eq!(case.subject.change.as_ref().unwrap().class, class);
        assert!(case.subject.grants.is_empty());
    }
}

#[test]
fn a_recovery_is_used_once_and_in_time() {
    let mut case = Case::enrolled();
    case.recover(1, &[passkey()]).unwrap();
    case.add(2, &[grant(1)]).unwrap();
    assert_eq!(case.add(3, &[grant(1)]), Err(Refusal::ProofUsed));
    case.recover(2, &[passkey()]).unwrap();
    case.now_ms += DAY;
    assert_eq!(case.add(3, &[grant(2)]), Err(Refusal::ProofUsed));
}

#[test]
fn a_used_recovery_code_is_replaced_by_a_fresh_one() {
    let mut case = Case::enrolled();
    new_code(&mut case, 1, &[passkey()]).unwrap();
    case.tenant(&Command::WrongSecret).unwrap();
    case.recover(2, &[Fact::RecoveryCode, Fact::SingleFactor])
        .unwrap();
    let code = case.subject.recovery_code.clone().unwrap();
    assert_eq!(code.hash, slow_hash(2));
    assert_eq!(case.subject.tries.count, 0);
}

#[test]
fn a_recovery_code_spent_on_a_change_is_replaced() {
    let mut case = Case::enrolled();
    new_code(&mut case, 1, &[passkey()]).unwrap();
    case.request(3, &[Fact::RecoveryCode, Fact::SingleFactor])
        .unwrap();
    let code = case.subject.recovery_code.as_ref().unwrap();
    assert_eq!(code.hash, slow_hash(3));
}

#[test]
fn a_recovery_code_removes_no_number_and_is_not_spent_on_that() {
    let mut case = Case::with_two();
    new_code(&mut case, 1, &[passkey()]).unwrap();
    let facts = [Fact::RecoveryCode, Fact::SingleFactor];
    assert_eq!(case.remove(2, &facts), Err(Refusal::StepUpRequired));
    case.remove(2, &[Fact::RecoveryCode, passkey()]).unwrap();
    let code = case.subject.recovery_code.as_ref().unwrap();
    assert_eq!(code.hash, slow_hash(1));
}

#[test]
fn a_new_recovery_code_needs_good_evidence_once_there_is_a_number() {
    let mut case = Case::unknown();
    assert_eq!(new_code(&mut case, 1, &[]), Err(Refusal::StepUpRequired));
    new_code(&mut case, 1, &[Fact::Session]).unwrap();
    let mut case = Case::enrolled();
    let weak = [
        Fact::Session,
        by_method(1, 50, Finding::Raised),
        Fact::IssuedCode,
    ];
    for fact in weak {
        let refused = new_code(&mut case, 1, &[fact]);
        assert_eq!(refused, Err(Refusal::StepUpRequired));
    }
    new_code(&mut case, 1, &[by_method(1, 51, Finding::Unknown)]).unwrap();
    new_code(&mut case, 2, &[passkey()]).unwrap();
    let code = case.subject.recovery_code.clone().unwrap();
    assert_eq!(code.hash, slow_hash(2));
}

#[test]
fn recoveries_without_evidence_neither_pile_up_nor_bother_anybody_twice() {
    let mut case = Case::enrolled();
    for id in 1..=20 {
        let outcome = case.recover(id, &[]).unwrap();
        // Nor do they push out of the trail what was there before.
        let is_first = id == 1;
        assert_eq!(outcome.told.len(), usize::from(is_first));
        assert_eq!(case.queue_notices().len(), usize::from(is_first));
    }
    let open: Vec<GrantId> = case.subject.grants.iter().map(|grant| grant.id).collect();
    assert_eq!(open, [GrantId([1; 16])]);
    assert_eq!(case.subject.tries.count, 0);
    // A code that is used up is told of, however little it proves alone.
    new_code(&mut case, 1, &[passkey()]).unwrap();
    let outcome = case.recover(30, &[Fact::RecoveryCode]).unwrap();
    assert_eq!(events(&outcome), [EventKind::RecoveryOpened]);
    let open = case.subject.grants.iter().map(|grant| grant.id);
    assert!(open.eq([GrantId([30; 16])]));
}

#[test]
fn a_better_recovery_leaves_the_one_without_evidence_open_and_is_told_of() {
    let mut case = Case::enrolled();
    case.recover(1, &[]).unwrap();
    case.queue_notices();
    case.recover(2, &[passkey()]).unwrap();
    assert_eq!(case.queue_notices().len(), 1);
    assert_eq!(case.subject.grants.len(), 2);
}

#[test]
fn a_proof_counts_once_however_many_come_after_it() {
    let mut case = Case::enrolled();
    let idv = |name: u8| Fact::Idv {
        assertion: [name; 16],
    };
    for name in 100..100 + u8::try_from(USED_PROOFS_MAX).unwrap() {
        new_code(&mut case, 1, &[idv(name)]).unwrap();
        case.now_ms += 1;
    }
    // What cannot be remembered is refused.
    let available_at_ms = START + 15 * 60 * SECOND;
    let full = Refusal::ChangesLimit { available_at_ms };
    assert_eq!(new_code(&mut case, 1, &[idv(99)]), Err(full));
    assert_eq!(new_code(&mut case, 1, &[idv(100)]), Err(Refusal::ProofUsed));
    case.now_ms = available_at_ms;
    new_code(&mut case, 1, &[idv(99)]).unwrap();
    // By then none of them is fresh any more.
    case.wait(15 * 60 * SECOND);
    assert_eq!(case.subject.used_proofs, []);
    new_code(&mut case, 1, &[idv(99)]).unwrap();
}

#[test]
fn a_worse_recovery_takes_no_better_ones_place() {
    let mut case = Case::enrolled();
    for id in 1..=4 {
        case.recover(
            id,
            &[Fact::Idv {
                assertion: [200 + id; 16],
            }],
        )
        .unwrap();
    }
    assert_eq!(case.subject.grants.len(), GRANTS_MAX);
    assert_eq!(case.recover(5, &[]), Err(Refusal::SubjectFull));
    case.recover(6, &[passkey()]).unwrap();
    assert_eq!(case.subject.grants.len(), GRANTS_MAX);
    assert_eq!(case.subject.open_grant(GrantId([1; 16]), case.now_ms), None);
}

fn issue(one_time: bool, fill: u8) -> OperatorAction {
    OperatorAction::IssueBypassCode {
        hash: slow_hash(fill),
        lifetime_ms: HOUR,
        one_time,
        length: 8,
    }
}

#[test]
fn a_bypass_code_lives_as_long_and_as_often_as_it_was_issued_for() {
    let mut case = Case::enrolled();
    let check = Command::UseBypassCode;
    assert_eq!(case.tenant(&check), Err(Refusal::NotFound));
    case.ask("ada", 1, issue(true, 1)).unwrap();
    case.tenant(&check).unwrap();
    assert_eq!(case.tenant(&check), Err(Refusal::NotFound));
    case.ask("ada", 2, issue(false, 2)).unwrap();
    case.tenant(&check).unwrap();
    case.now_ms += HOUR - 1;
    case.tenant(&check).unwrap();
    case.now_ms += 1;
    assert_eq!(case.tenant(&check), Err(Refusal::NotFound));
}

#[test]
fn a_second_bypass_code_replaces_the_first() {
    let mut case = Case::enrolled();
    case.ask("ada", 1, issue(false, 1)).unwrap();
    case.ask("bob", 2, issue(true, 2)).unwrap();
    let code = case.subject.bypass_code.clone().unwrap();
    assert_eq!(
        (code.hash, code.issued_by),
        (slow_hash(2), "bob".to_owned())
    );
    case.ask("ada", 3, OperatorAction::RevokeBypassCode)
        .unwrap();
    let again = case.ask("ada", 4, OperatorAction::RevokeBypassCode);
    assert_eq!(again, Err(Refusal::NotFound));
}

#[test]
fn guesses_made_at_the_same_time_are_answered_one_by_one() {
    let mut case = Case::enrolled();
    case.ask("ada", 1, issue(false, 1)).unwrap();
    for _ in 0..5 {
        case.tenant(&Command::WrongSecret).unwrap();
    }
    // Even the right one, compared before the fifth wrong one was written.
    let refused = case.tenant(&Command::UseBypassCode);
    assert!(matches!(refused, Err(Refusal::TooManyTries { .. })));
    let refused = case.request(3, &[Fact::BypassCode]);
    assert!(matches!(refused, Err(Refusal::TooManyTries { .. })));
}
