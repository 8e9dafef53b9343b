//! The way through a part: candidates are started, slices alternate between its
//! configurations, and each is set beside the first.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::time::Instant;

use crate::bench::candidate::Candidate;
use crate::bench::gateway::{GatewayPlan, Keys, StorePlan, Surroundings, TlsFiles};
use crate::bench::line::Protocol;
use crate::bench::redis_server::{Durability, RedisServer};
use crate::bench::requests::CheckForm;
use crate::bench::rounds::{Round, Rounds, median};
use crate::bench::slice::{Bench, Kind, Lines, Slice};

/// Requests under way at once, where nothing else is said.
pub(super) const CONNECTIONS: u32 = 64;
/// No new round of a series begins later.
pub(super) const SERIES_MAX: Duration = Duration::from_secs(40);
/// One round in so many may fail, and is reported; of few rounds some more.
const FAILED_PART_MAX: usize = 4;
const FAILED_MIN: usize = 2;

/// Everything that parts use.
pub(super) struct Course {
    pub(super) bench: Bench,
    pub(super) program: PathBuf,
    pub(super) keys: Keys,
    /// Where files lie that are written while something is measured.
    pub(super) disk: PathBuf,
    pub(super) tls: TlsFiles,
    /// Rounds of each series.
    pub(super) rounds: u32,
}

/// One configuration: who is asked, how and what.
pub(super) struct Entry {
    pub(super) name: String,
    /// By its place among the part's candidates.
    pub(super) candidate: usize,
    pub(super) lines: Lines,
    pub(super) kind: Kind,
}

impl Entry {
    /// Saturates a candidate over 64 connections with HTTP/1.1.
    pub(super) fn saturation(name: &str, candidate: usize) -> Self {
        Self {
            name: name.to_owned(),
            candidate,
            lines: lines(Protocol::Http1, CONNECTIONS),
            kind: Kind::Saturation,
        }
    }

    /// The same at this rate.
    pub(super) fn at_rate(&self, rate: f64) -> Self {
        Self {
            name: self.name.clone(),
            candidate: self.candidate,
            lines: self.lines.clone(),
            kind: Kind::Paced { rate },
        }
    }
}

pub(super) fn lines(protocol: Protocol, count: u32) -> Lines {
    Lines { protocol, count }
}

/// How a gateway differs from the default, on a Redis of its own.
pub(super) struct Setup<'a> {
    pub(super) name: &'a str,
    pub(super) durability: Durability,
    pub(super) shards: Option<u32>,
    pub(super) tls: Option<&'a TlsFiles>,
    /// Gateways on the Redis.
    pub(super) nodes: u32,
    pub(super) carrier: CarrierForm,
}

/// How the gateway reaches the carrier.
#[derive(Clone, Copy)]
pub(super) enum CarrierForm {
    /// HTTP/1.1 in clear.
    Plain,
    /// HTTP/2 under TLS, as the protocol is agreed on there.
    Http2,
}

impl<'a> Setup<'a> {
    pub(super) fn plain(name: &'a str) -> Self {
        Self {
            name,
            durability: Durability::Nothing,
            shards: None,
            tls: None,
            nodes: 1,
            carrier: CarrierForm::Plain,
        }
    }
}

impl Course {
    fn surroundings(&self, carrier: CarrierForm) -> Surroundings<'_> {
        Surroundings {
            program: self.program.clone(),
            directory: &self.disk,
            keys: &self.keys,
            carrier_url: match carrier {
                CarrierForm::Plain => format!("http://{}/send", self.bench.carrier.address),
                CarrierForm::Http2 => format!("https://{}/send", self.bench.carrier.tls_address),
            },
        }
    }

    /// Starts one, with a Redis of its own.
    pub(super) async fn gateway(&self, setup: &Setup<'_>) -> anyhow::Result<Candidate> {
        let redis = format!("redis-{}", setup.name);
        let redis = RedisServer::start((&self.disk, &redis), setup.durability).await?;
        let surroundings = self.surroundings(setup.carrier);
        let mut programs = Vec::new();
        for number in 1..=setup.nodes {
            let name = format!("gateway-{}-{number}", setup.name);
            let plan = GatewayPlan {
                shards: setup.shards,
                tls: setup.tls,
                carrier_roots: match setup.carrier {
                    CarrierForm::Plain => None,
                    CarrierForm::Http2 => Some(&self.tls.certificate),
                },
                ..GatewayPlan::plain(&name, StorePlan::Redis(&redis.url))
            };
            programs.push(surroundings.start(&plan).await?);
        }
        let name = (setup.name, CheckForm::Gateway);
        Ok(Candidate::new(name, programs, Some(redis)))
    }

    /// Starts one that keeps its records in this file.
    pub(super) async fn embedded(&self, file: &Path) -> anyhow::Result<Candidate> {
        let plan = GatewayPlan::plain("gateway-embedded", StorePlan::Embedded(file));
        let gateway = self.surroundings(CarrierForm::Plain).start(&plan).await?;
        let name = ("embedded", CheckForm::Gateway);
        Ok(Candidate::new(name, vec![gateway], None))
    }

    /// Makes a series of rounds, after one that does not count. The first entry is
    /// the reference; its own rounds, beside itself, come first.
    pub(super) async fn rounds(
        &mut self,
        candidates: &mut [Candidate],
        entries: &[Entry],
    ) -> anyhow::Result<Vec<Rounds>> {
        self.round(candidates, entries, 0).await?;
        let ends_at = Instant::now() + SERIES_MAX;
        let (mut made, mut failed) = (Vec::new(), Vec::new());
        for number in 0..self.rounds {
            if Instant::now() >= ends_at {
                break;
            }
            match self.round(candidates, entries, number).await {
                Ok(slices) => made.push(slices),
                Err(error) => {
                    failed.push(format!("{error:#}"));
                    self.calm_down(candidates).await?;
                }
            }
            ensure_few(&failed, self.rounds)?;
        }
        Ok(beside_the_first(&made, &failed))
    }

    /// After a round that failed: waits until nothing of it is under way any more.
    pub(super) async fn calm_down(&self, candidates: &mut [Candidate]) -> anyhow::Result<()> {
        for candidate in candidates {
            self.bench.calm_down(candidate).await?;
        }
        Ok(())
    }

    /// A slice of each. Every second round goes the other way, so that none always
    /// follows the same one.
    async fn round(
        &mut self,
        candidates: &mut [Candidate],
        entries: &[Entry],
        number: u32,
    ) -> anyhow::Result<Vec<Slice>> {
        let mut slices = Vec::new();
        for place in places(entries.len(), number) {
            let entry = entries.get(place).context("an entry for each place")?;
            let candidate = candidates.get_mut(entry.candidate);
            let candidate = candidate.context("a candidate for each entry")?;
            let load = (entry.kind, u64::from(number));
            let slice = self.bench.slice(candidate, &entry.lines, load).await;
            slices.push(slice.with_context(|| entry.name.clone())?);
        }
        Ok(in_order(slices, number))
    }

    /// Sends a second of the slowest of these candidates at saturation, roughly.
    pub(super) fn slowest(all: &[Rounds]) -> anyhow::Result<f64> {
        let rates = all.iter().filter_map(|rounds| {
            let rates = rounds.kept.iter();
            median(rates.filter_map(|round| round.subject.figure("sends_per_s")))
        });
        rates
            .min_by(f64::total_cmp)
            .context("no rate at saturation is known")
    }
}

/// Which entry comes when in a round.
pub(super) fn places(count: usize, round: u32) -> Vec<usize> {
    in_order((0..count).collect(), round)
}

/// Turns around what every second round has made the other way.
pub(super) fn in_order<T>(mut made: Vec<T>, round: u32) -> Vec<T> {
    if !round.is_multiple_of(2) {
        made.reverse();
    }
    made
}

pub(super) fn ensure_few(failed: &[String], rounds: u32) -> anyhow::Result<()> {
    ensure!(
        failed.len() <= rounds as usize / FAILED_PART_MAX + FAILED_MIN,
        "too many rounds failed: {}",
        failed.join("; ")
    );
    Ok(())
}

/// For each entry its rounds beside those of the first.
pub(super) fn beside_the_first(made: &[Vec<Slice>], failed: &[String]) -> Vec<Rounds> {
    let count = made.first().map_or(0, Vec::len);
    let of_entry = |place: usize| {
        let round = |slices: &Vec<Slice>| {
            Some(Round {
                subject: slices.get(place)?.clone(),
                reference: slices.first()?.clone(),
            })
        };
        Rounds::new(made.iter().filter_map(round).collect(), failed.to_vec())
    };
    (0..count).map(of_entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rounds::tests::round;

    #[test]
    fn every_second_round_goes_the_other_way_and_is_told_in_the_same_order() {
        assert_eq!(places(3, 0), [0, 1, 2]);
        assert_eq!(places(3, 1), [2, 1, 0]);
        for number in 0..4 {
            assert_eq!(in_order(places(3, number), number), [0, 1, 2]);
        }
    }

    #[test]
    fn each_entry_stands_beside_the_first_of_its_own_round() {
        let slices = |times: f64| {
            let Round { subject, reference } = round(&["cpu_us"], times);
            vec![reference, subject]
        };
        let made = [slices(1.0), slices(1.2), slices(1.4)];
        let all = beside_the_first(&made, &["once".to_owned()]);
        let medians = all.iter().map(|rounds| rounds.ratio("cpu_us"));
        let medians: Vec<f64> = medians.flatten().map(|ratio| ratio.median).collect();
        assert_eq!(medians, [1.0, 1.2]);
        assert!(all.iter().all(|rounds| rounds.failed.len() == 1));
        assert!(beside_the_first(&[], &[]).is_empty());
    }
}
