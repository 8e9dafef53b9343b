//! What a send costs with few and with many live verifications in the store.

use std::collections::HashSet;

use anyhow::Context as _;
use tokio::time::Instant;

use super::course::{
    CONNECTIONS, Course, SERIES_MAX, Setup, beside_the_first, ensure_few, in_order, lines, places,
};
use super::parts::Found;
use super::row::{FLAT, Row};
use crate::bench::candidate::Candidate;
use crate::bench::line::Protocol;
use crate::bench::slice::{Kind, Slice};

const LEVELS: [u64; 4] = [100, 1_000, 10_000, 100_000];
/// Sends of a slice, which come on top: enough to be measured, few beside most levels.
const SENDS: u64 = 2_000;
/// A store that holds this much more than its level is emptied and filled again.
const SURPLUS_MAX: f64 = 0.25;
/// Filled in parts, each of which is a slice of its own.
const FILLED_AT_ONCE: u64 = 10_000;

/// A gateway whose store is kept at about its level.
struct Level {
    wanted: u64,
    now: u64,
    /// What was in Redis before the first verification.
    furniture: HashSet<Vec<u8>>,
}

pub(super) async fn live(course: &mut Course) -> anyhow::Result<Found> {
    let (mut candidates, mut levels) = (Vec::new(), Vec::new());
    for wanted in LEVELS {
        let name = format!("{wanted}-live");
        let mut candidate = course.gateway(&Setup::plain(&name)).await?;
        // What the gateway itself keeps is there when it is ready.
        let redis = candidate.redis.as_mut().context("a gateway on Redis")?;
        levels.push(Level {
            wanted,
            now: 0,
            furniture: redis.keys()?,
        });
        candidates.push(candidate);
    }
    // The first round fills the stores and warms up.
    round(course, (&mut candidates, &mut levels), 0).await?;
    let ends_at = Instant::now() + SERIES_MAX;
    let (mut made, mut failed) = (Vec::new(), Vec::new());
    for number in 0..course.rounds {
        if Instant::now() >= ends_at {
            break;
        }
        match round(course, (&mut candidates, &mut levels), number).await {
            Ok(slices) => made.push(slices),
            Err(error) => {
                failed.push(format!("{error:#}"));
                course.calm_down(&mut candidates).await?;
            }
        }
        ensure_few(&failed, course.rounds)?;
    }
    let all = beside_the_first(&made, &failed);
    let mut found = Found::default();
    for (level, rounds) in LEVELS.iter().zip(&all).skip(1) {
        for figure in ["cpu_us", "redis_cpu_us"] {
            let names = (&*format!("{level} live"), "100 live");
            let row = Row::beside(names, figure, rounds, Some(FLAT));
            found.rows.extend(row);
        }
    }
    found.count(&all);
    Ok(found)
}

async fn round(
    course: &mut Course,
    (candidates, levels): (&mut [Candidate], &mut [Level]),
    number: u32,
) -> anyhow::Result<Vec<Slice>> {
    let mut slices = Vec::new();
    for place in places(levels.len(), number) {
        let (candidate, level) = candidates
            .get_mut(place)
            .zip(levels.get_mut(place))
            .context("a level for each gateway")?;
        level.restore(course, candidate).await?;
        let lines = lines(Protocol::Http1, CONNECTIONS);
        let load = (Kind::Count(SENDS), 0);
        let slice = course.bench.slice(candidate, &lines, load).await;
        level.now += SENDS;
        slices.push(slice.with_context(|| format!("{} live", level.wanted))?);
    }
    Ok(in_order(slices, number))
}

impl Level {
    async fn restore(
        &mut self,
        course: &mut Course,
        candidate: &mut Candidate,
    ) -> anyhow::Result<()> {
        let surplus = self.now.saturating_sub(self.wanted) as f64;
        if self.now >= self.wanted && surplus <= self.wanted as f64 * SURPLUS_MAX {
            return Ok(());
        }
        let redis = candidate.redis.as_mut().context("a gateway on Redis")?;
        if surplus > 0.0 {
            redis.keep_only(&self.furniture)?;
            self.now = 0;
        }
        let lines = lines(Protocol::Http1, CONNECTIONS);
        while self.now < self.wanted {
            let part = (self.wanted - self.now).min(FILLED_AT_ONCE);
            let load = (Kind::Count(part), 0);
            course.bench.slice(candidate, &lines, load).await?;
            self.now += part;
        }
        Ok(())
    }
}
