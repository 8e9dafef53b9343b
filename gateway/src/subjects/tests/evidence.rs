//! What evidence is worth, for every set of facts.

use super::case::{by_method, passkey};
use crate::subjects::evidence::{Class, Fact, FactKind, Finding, class_of, hold_ms};
use crate::subjects::model::GrantId;
use crate::subjects::policy::Holds;

fn grant(class: Class) -> Fact {
    let id = GrantId([9; 16]);
    Fact::Grant { id, class }
}

fn recycled() -> Fact {
    let Fact::Method {
        id, proof, swap, ..
    } = by_method(1, 41, Finding::Clear)
    else {
        unreachable!("it is a method");
    };
    let recycled = Finding::Raised;
    Fact::Method {
        id,
        proof,
        swap,
        recycled,
    }
}

fn every_fact() -> Vec<Fact> {
    vec![
        Fact::Session,
        Fact::SingleFactor,
        Fact::IssuedCode,
        Fact::RecoveryCode,
        Fact::BypassCode,
        Fact::Idv { assertion: [7; 16] },
        by_method(1, 42, Finding::Raised),
        by_method(1, 43, Finding::Unknown),
        by_method(1, 44, Finding::Clear),
        recycled(),
        grant(Class::D),
        grant(Class::C),
        passkey(),
    ]
}

#[test]
fn each_line_of_the_table_has_its_class() {
    let by_swap = |swap| by_method(1, 45, swap);
    let table: Vec<(Vec<Fact>, Option<Class>)> = vec![
        (vec![], None),
        (vec![Fact::Session], None),
        (vec![Fact::SingleFactor, Fact::Session], None),
        (vec![Fact::RecoveryCode], None),
        (vec![Fact::IssuedCode], None),
        (vec![recycled()], None),
        (vec![Fact::SingleFactor, Fact::IssuedCode], None),
        (vec![Fact::RecoveryCode, Fact::Session], None),
        (vec![Fact::RecoveryCode, recycled()], None),
        (vec![passkey()], Some(Class::A)),
        (vec![by_swap(Finding::Clear)], Some(Class::A)),
        (vec![by_swap(Finding::Unknown)], Some(Class::B)),
        (vec![by_swap(Finding::Raised)], Some(Class::C)),
        (
            vec![Fact::Idv {
                assertion: [201; 16],
            }],
            Some(Class::B),
        ),
        (vec![Fact::RecoveryCode, Fact::SingleFactor], Some(Class::B)),
        (
            vec![Fact::RecoveryCode, by_swap(Finding::Raised)],
            Some(Class::B),
        ),
        (vec![Fact::RecoveryCode, Fact::IssuedCode], Some(Class::C)),
        (vec![Fact::BypassCode], Some(Class::C)),
        (vec![grant(Class::D)], Some(Class::D)),
        (vec![grant(Class::C), Fact::Session], Some(Class::C)),
    ];
    for (facts, class) in table {
        assert_eq!(class_of(&facts), class, "{facts:?}");
    }
}

#[test]
fn more_evidence_is_never_worse_in_any_set_of_facts() {
    let all = every_fact();
    let rank = |class: Option<Class>| class.map_or(9, |class| class as u8);
    for set in 0_u32..1 << all.len() {
        let chosen = |set: u32| -> Vec<Fact> {
            let facts = all.iter().enumerate();
            let inside = facts.filter(|(place, _)| set & (1 << place) != 0);
            inside.map(|(_, fact)| fact.clone()).collect()
        };
        let facts = chosen(set);
        let class = class_of(&facts);
        for (place, one_more) in all.iter().enumerate() {
            let more = class_of(&chosen(set | 1 << place));
            assert!(rank(more) <= rank(class), "{facts:?} and {one_more:?}");
        }
        let has = |kind: FactKind| facts.iter().any(|fact| fact.kind() == kind);
        let shows_nothing = [
            FactKind::StrongerFactor,
            FactKind::Method,
            FactKind::Idv,
            FactKind::BypassCode,
            FactKind::Grant,
        ];
        let is_weak = !shows_nothing.into_iter().any(has);
        if is_weak && !has(FactKind::RecoveryCode) {
            assert_eq!(class, None, "{facts:?}");
        }
    }
}

#[test]
fn a_fresh_sim_in_the_new_number_matters_only_where_evidence_is_weak() {
    let holds = Holds::default();
    let findings = [Finding::Clear, Finding::Unknown, Finding::Raised];
    let days = |class| findings.map(|swap| hold_ms(class, swap, &holds) / 86_400_000);
    assert_eq!(days(Class::A), [0, 0, 0]);
    assert_eq!(days(Class::B), [1, 1, 1]);
    assert_eq!(days(Class::C), [3, 3, 30]);
    assert_eq!(days(Class::D), [30, 30, 30]);
}
