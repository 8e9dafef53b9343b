//! What TLS costs a gateway: a handshake, full and with a ticket, and a send over a
//! connection that is kept.

use std::sync::Arc;

use anyhow::ensure;

use super::course::{CONNECTIONS, Course, Entry, Setup, lines};
use super::parts::Found;
use super::row::Row;
use crate::bench::certificate::{Certificate, Tickets};
use crate::bench::line::Protocol;
use crate::bench::rounds::{Rounds, median};
use crate::bench::slice::Kind;

/// Connections of a slice, few enough that closed ones do not use up the ports.
const HANDSHAKES: u64 = 1_000;
/// Under way at once. A client keeps 8 tickets of a server and gets two with each
/// handshake, so that more callers than this could find none left.
const CALLERS: u32 = 4;
/// Of the handshakes that bring a ticket. The first few cannot have one.
const RESUMED_MIN: f64 = 0.95;

pub(super) async fn tls(course: &mut Course, certificate: &Certificate) -> anyhow::Result<Found> {
    let secured = Setup {
        tls: Some(&course.tls),
        ..Setup::plain("tls")
    };
    let mut candidates = [
        course.gateway(&Setup::plain("clear-text")).await?,
        course.gateway(&secured).await?,
    ];
    let thrown = certificate.client(Tickets::Thrown)?;
    let kept = certificate.client(Tickets::Kept)?;
    let entries = [
        Entry::saturation("clear text, kept alive", 0),
        Entry {
            lines: lines(Protocol::Tls(Arc::clone(&thrown)), CONNECTIONS),
            ..Entry::saturation("TLS, kept alive", 1)
        },
    ];
    let all = course.rounds(&mut candidates, &entries).await?;
    let mut found = Found::default();
    let figures = ["cpu_us", "sends_per_s"];
    found.beside(&entries, &all, &figures.map(|figure| (figure, None)));
    let fresh = |name: &str, candidate, protocol| Entry {
        lines: lines(protocol, CALLERS),
        kind: Kind::Count(HANDSHAKES),
        ..Entry::saturation(name, candidate)
    };
    let entries = [
        fresh("clear text, new connection", 0, Protocol::Fresh(None)),
        fresh("TLS, full handshake", 1, Protocol::Fresh(Some(thrown))),
        fresh("TLS, resumed", 1, Protocol::Fresh(Some(kept))),
    ];
    let all = course.rounds(&mut candidates, &entries).await?;
    found.beside(&entries, &all, &[("cpu_us", None)]);
    for (entry, rounds) in entries.iter().zip(&all).skip(1) {
        let cost = added(rounds);
        found
            .rows
            .extend(cost.map(|us| Row::alone(&entry.name, "handshake_cpu_us", us)));
    }
    check_resumed(&all)?;
    Ok(found)
}

/// CPU of a send over a new connection beyond that of one in clear text, taken
/// round by round.
fn added(rounds: &Rounds) -> Option<f64> {
    let added = rounds.kept.iter().filter_map(|round| {
        Some(round.subject.figure("cpu_us")? - round.reference.figure("cpu_us")?)
    });
    median(added)
}

/// That the handshakes were what they are called.
fn check_resumed(all: &[Rounds]) -> anyhow::Result<()> {
    let ratios = all.iter().map(|rounds| {
        let (subject, _) = rounds.medians();
        subject.get("resumed_ratio").copied().unwrap_or(0.0)
    });
    let ratios: Vec<f64> = ratios.collect();
    let [_, full, resumed] = ratios.as_slice() else {
        return Ok(());
    };
    ensure!(
        *full == 0.0 && *resumed >= RESUMED_MIN,
        "of the full handshakes {full:.2} were resumed, of those with tickets {resumed:.2}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rounds::tests::round;

    #[test]
    fn a_handshake_costs_what_it_adds_to_its_own_round() {
        let made = [3.0, 5.0, 4.0].map(|times| round(&["cpu_us"], times));
        assert_eq!(added(&Rounds::new(made.to_vec(), Vec::new())), Some(30.0));
        assert_eq!(added(&Rounds::default()), None);
    }
}
