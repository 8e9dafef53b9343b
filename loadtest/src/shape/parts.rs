//! The parts that are slices of several configurations side by side.

use super::course::{CONNECTIONS, CarrierForm, Course, Entry, Setup, lines};
use super::row::{FLAT, Row};
use crate::bench::figures_table::Bound;
use crate::bench::line::Protocol;
use crate::bench::redis_server::Durability;
use crate::bench::rounds::Rounds;
use crate::bench::slice::LOW_RATE;

/// Sends a second over HTTP/2, as a multiple of those over HTTP/1.1.
const HTTP2_GAIN: Bound = Bound::AtLeast(1.4);

/// What a part found: rows, and the rounds that were left out.
#[derive(Default)]
pub(super) struct Found {
    pub(super) rows: Vec<Row>,
    pub(super) dropped: usize,
    pub(super) failed: Vec<String>,
}

impl Found {
    /// The same figures of every entry but the first, beside the first.
    pub(super) fn beside(
        &mut self,
        entries: &[Entry],
        all: &[Rounds],
        figures: &[(&'static str, Option<Bound>)],
    ) {
        let Some(reference) = entries.first() else {
            return;
        };
        for (entry, rounds) in entries.iter().zip(all).skip(1) {
            let names = (entry.name.as_str(), reference.name.as_str());
            let rows = figures
                .iter()
                .filter_map(|(figure, goal)| Row::beside(names, figure, rounds, *goal));
            self.rows.extend(rows);
        }
        self.count(all);
    }

    /// Takes over how many rounds were left out.
    pub(super) fn count(&mut self, all: &[Rounds]) {
        self.dropped += all.iter().map(|rounds| rounds.dropped).sum::<usize>();
        // All entries of a round fail together.
        let failed = all.first().into_iter().flat_map(|rounds| &rounds.failed);
        self.failed.extend(failed.cloned());
    }
}

pub(super) async fn shards(course: &mut Course) -> anyhow::Result<Found> {
    let (mut candidates, mut entries) = (Vec::new(), Vec::new());
    for shards in [64, 1, 4, 16] {
        let name = format!("{shards}-shards");
        let setup = Setup {
            shards: Some(shards),
            ..Setup::plain(&name)
        };
        candidates.push(course.gateway(&setup).await?);
        entries.push(Entry::saturation(&name, entries.len()));
    }
    let all = course.rounds(&mut candidates, &entries).await?;
    let mut found = Found::default();
    let figures = [
        ("cpu_us", Some(FLAT)),
        ("redis_cpu_us", Some(FLAT)),
        ("sends_per_s", None),
    ];
    found.beside(&entries, &all, &figures);
    // Where little is sent, what is done for each shard whether or not anything is
    // due shows most.
    let few = entries.iter().take(2).map(|entry| Entry {
        name: format!("{}, 1,000 a second", entry.name),
        ..entry.at_rate(LOW_RATE)
    });
    let few: Vec<Entry> = few.collect();
    let all = course.rounds(&mut candidates, &few).await?;
    found.beside(&few, &all, &[("cpu_us", None), ("redis_cpu_us", None)]);
    Ok(found)
}

pub(super) async fn connections(course: &mut Course) -> anyhow::Result<Found> {
    let mut candidates = [course.gateway(&Setup::plain("connections")).await?];
    let over = |count, load: &str| Entry {
        lines: lines(Protocol::Http1, count),
        ..Entry::saturation(&format!("{count} connections, {load}"), 0)
    };
    // So many starts at once as 1,000 connections carry are refused, and rightly.
    let saturated = [CONNECTIONS, 256].map(|count| over(count, "saturated"));
    let all = course.rounds(&mut candidates, &saturated).await?;
    let mut found = Found::default();
    let flat = [("cpu_us", Some(FLAT)), ("redis_cpu_us", Some(FLAT))];
    found.beside(&saturated, &all, &flat);
    let rate = Course::slowest(&all)? / 2.0;
    let paced = [CONNECTIONS, 256, 1_000].map(|count| over(count, "half load").at_rate(rate));
    let all = course.rounds(&mut candidates, &paced).await?;
    found.beside(&paced, &all, &flat);
    Ok(found)
}

pub(super) async fn two(course: &mut Course) -> anyhow::Result<Found> {
    let pair = Setup {
        nodes: 2,
        ..Setup::plain("two-gateways")
    };
    let mut candidates = [
        course.gateway(&Setup::plain("one-gateway")).await?,
        course.gateway(&pair).await?,
    ];
    let entries = [
        Entry::saturation("one gateway", 0),
        Entry::saturation("two gateways", 1),
    ];
    let all = course.rounds(&mut candidates, &entries).await?;
    let mut found = Found::default();
    let figures = ["sends_per_s", "cpu_us", "redis_cpu_us", "reply_p99_us"];
    found.beside(&entries, &all, &figures.map(|figure| (figure, None)));
    Ok(found)
}

pub(super) async fn http2(course: &mut Course) -> anyhow::Result<Found> {
    let outward = Setup {
        carrier: CarrierForm::Http2,
        ..Setup::plain("http2-outward")
    };
    let mut candidates = [
        course.gateway(&Setup::plain("http1-outward")).await?,
        course.gateway(&outward).await?,
    ];
    let entry = |name: &str, candidate, protocol| Entry {
        lines: lines(protocol, CONNECTIONS),
        ..Entry::saturation(name, candidate)
    };
    let entries = [
        entry("HTTP/1.1", 0, Protocol::Http1),
        entry("HTTP/2 in", 0, Protocol::Http2),
        entry("HTTP/2 in and out", 1, Protocol::Http2),
    ];
    let all = course.rounds(&mut candidates, &entries).await?;
    let mut found = Found::default();
    let figures = [
        ("sends_per_s", Some(HTTP2_GAIN)),
        ("cpu_us", None),
        ("generator_cpu_us", None),
        ("carrier_cpu_us", None),
    ];
    found.beside(&entries, &all, &figures);
    Ok(found)
}

pub(super) async fn aof(course: &mut Course) -> anyhow::Result<Found> {
    let (mut candidates, mut entries) = (Vec::new(), Vec::new());
    for (name, durability) in [
        ("no append-only file", Durability::Nothing),
        ("every second", Durability::EverySecond),
        ("always", Durability::Always),
    ] {
        let directory = name.replace(' ', "-");
        let setup = Setup {
            durability,
            ..Setup::plain(&directory)
        };
        candidates.push(course.gateway(&setup).await?);
        entries.push(Entry::saturation(name, entries.len()));
    }
    let all = course.rounds(&mut candidates, &entries).await?;
    let mut found = Found::default();
    let figures = ["sends_per_s", "redis_cpu_us", "cpu_us"];
    found.beside(&entries, &all, &figures.map(|figure| (figure, None)));
    let rate = Course::slowest(&all)? / 2.0;
    let paced = entries.iter().map(|entry| entry.at_rate(rate));
    let paced: Vec<Entry> = paced.collect();
    let all = course.rounds(&mut candidates, &paced).await?;
    let figures = ["reply_p50_us", "reply_p99_us"];
    found.beside(&paced, &all, &figures.map(|figure| (figure, None)));
    found
        .rows
        .push(Row::alone("half load", "sends_per_s", rate));
    Ok(found)
}

pub(super) async fn embedded(course: &mut Course) -> anyhow::Result<Found> {
    let always = Setup {
        durability: Durability::Always,
        ..Setup::plain("redis-always")
    };
    let file = course.disk.join("embedded-store");
    let mut candidates = [
        course.gateway(&always).await?,
        course.embedded(&file).await?,
    ];
    let entries = [
        Entry::saturation("Redis, always", 0),
        Entry::saturation("embedded, saturated", 1),
    ];
    let all = course.rounds(&mut candidates, &entries).await?;
    let mut found = Found::default();
    let figures = ["sends_per_s", "reply_p50_us", "reply_p99_us", "cpu_us"];
    found.beside(&entries, &all, &figures.map(|figure| (figure, None)));
    let rate = Course::slowest(all.get(1..).unwrap_or_default())? / 2.0;
    let paced = entries.map(|entry| {
        let name = entry.name.replace("saturated", "half load");
        Entry {
            name,
            ..entry.at_rate(rate)
        }
    });
    let all = course.rounds(&mut candidates, &paced).await?;
    let figures = ["reply_p50_us", "reply_p99_us"];
    found.beside(&paced, &all, &figures.map(|figure| (figure, None)));
    Ok(found)
}
