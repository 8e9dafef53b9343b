//! Which role a number has, and how often a role is there.

use super::case::{Case, method, passkey};
use crate::subjects::command::Refusal;
use crate::subjects::model::Role;

#[test]
fn without_a_name_the_first_number_is_the_primary_one_and_others_are_alternates() {
    let mut case = Case::with_two();
    case.add(3, &[passkey()]).unwrap();
    let roles = [1, 2, 3].map(|number| case.subject.method(method(number)).unwrap().role);
    assert_eq!(roles, [Role::Primary, Role::Alternate, Role::Alternate]);
}

#[test]
fn a_named_role_is_there_once_and_an_alternate_needs_a_primary() {
    let mut case = Case::unknown();
    let alternate = Some(Role::Alternate);
    let early = case.add_as(1, alternate, &[passkey()]);
    assert_eq!(early, Err(Refusal::NeedsPrimary));
    case.add_as(1, Some(Role::Primary), &[passkey()]).unwrap();
    // Pending is not there yet.
    let early = case.add_as(2, alternate, &[passkey()]);
    assert_eq!(early, Err(Refusal::NeedsPrimary));
    case.prove(1).unwrap();
    case.add_as(2, alternate, &[passkey()]).unwrap();
    for role in [Role::Primary, Role::Alternate] {
        let taken = case.add_as(3, Some(role), &[passkey()]);
        assert_eq!(taken, Err(Refusal::RoleTaken));
    }
    case.add_as(3, Some(Role::Office), &[passkey()]).unwrap();
    let taken = case.add_as(4, Some(Role::Office), &[passkey()]);
    assert_eq!(taken, Err(Refusal::RoleTaken));
    // Without a name it is one more alternate, up to the most there may be.
    case.add(4, &[passkey()]).unwrap();
    case.add(5, &[passkey()]).unwrap();
    assert_eq!(case.add(6, &[passkey()]), Err(Refusal::TooManyMethods));
    let roles = [1, 2, 3, 4].map(|number| case.subject.method(method(number)).unwrap());
    let channels = roles.map(|one| one.channels().len());
    assert_eq!(channels, [2, 1, 1, 2]);
}
