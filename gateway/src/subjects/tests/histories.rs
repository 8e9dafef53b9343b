//! Histories that nobody wrote: whatever happens at once, dies in between, is
//! asked again or comes late, exactly one number receives sign-in codes.
//!
//! `cargo test` runs 10,000; `PROPTEST_CASES=1000000 cargo test --release -p
//! watchword histories` runs more. Each run has the same ones, so that a failure
//! is one for everybody.

mod cell;
mod commands;
mod oracle;
mod world;

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use self::oracle::Counts;
use self::world::{Build, Move, World};

const HISTORIES: u32 = 10_000;
/// A broken build is found within so many.
const FOUND_WITHIN: u32 = 2_000;
const MOVES_MAX: usize = 160;

/// Lives one history to its end.
fn live(build: Build, moves: &[Move]) -> Result<Counts, String> {
    let mut world = World::new(build, moves.first().copied().unwrap_or_default());
    for one in moves {
        world.step(*one)?;
    }
    Ok(world.oracle.counts)
}

fn runner(cases: u32) -> TestRunner {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng)
}

/// What is found to be wrong with a build, if anything is.
fn find_fault(build: Build, cases: u32) -> (Counts, Option<String>) {
    let seen = Cell::new(Counts::default());
    let histories = vec(any::<Move>(), 1..MOVES_MAX);
    let found = runner(cases).run(&histories, |moves| match live(build, &moves) {
        Ok(counts) => {
            seen.set(seen.get() + counts);
            Ok(())
        }
        Err(violation) => Err(TestCaseError::fail(violation)),
    });
    let fault = match found {
        Ok(()) => None,
        Err(TestError::Fail(why, moves)) => Some(format!("{why}: {moves:?}")),
        Err(TestError::Abort(why)) => Some(why.to_string()),
    };
    (seen.get(), fault)
}

#[test]
fn in_ten_thousand_histories_exactly_one_number_receives_codes() {
    let asked = Config::default().cases;
    let is_asked = asked != Config::with_cases(0).cases && asked > HISTORIES;
    let cases = if is_asked { asked } else { HISTORIES };
    let (counts, fault) = find_fault(Build::Right, cases);
    assert_eq!(fault, None);
    // A history in which nothing happens proves nothing.
    let enough = [
        counts.completed,
        counts.undone,
        counts.undone_completed,
        counts.rejected,
        counts.frozen,
        counts.reset,
        counts.by_two,
        counts.by_sealed_code,
        counts.proofs,
        counts.notices,
        counts.conflicts,
        counts.erased,
    ];
    assert!(enough.iter().all(|count| *count >= 20), "{counts:?}");
}

#[test]
fn every_broken_build_is_found() {
    for (build, fault) in [
        (Build::IgnoresRevision, "(I"),
        (Build::KeepsGeneration, "(I2)"),
        (Build::CompletesInTwoWrites, "(I1)"),
        (Build::UndoesLate, "after its window"),
        (Build::StartsUnguarded, "(I2)"),
    ] {
        let (_, found) = find_fault(build, FOUND_WITHIN);
        let is_found = found.as_ref().is_some_and(|found| found.contains(fault));
        assert!(is_found, "{build:?}: {found:?}");
    }
}
