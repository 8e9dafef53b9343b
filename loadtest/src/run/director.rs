//! Watches over a run while it goes on: nodes that are killed, somebody who wants
//! it to end, the line in the terminal.

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::Instant;

use super::WorkerThread;
use super::progress::Progress;
use super::signals::Signals;
use crate::results::Mark;
use crate::scenario::Scenario;
use crate::seconds::{Part, Seconds};
use crate::stage::Stage;
use crate::tenant::Cast;

const ROUND: Duration = Duration::from_millis(100);

/// A node to be ended, or started again.
#[derive(Clone, Copy)]
pub(super) enum Cue {
    Kill(u32),
    Start(u32),
}

/// When what happens to the nodes, in order.
pub(super) fn moments(scenario: &Scenario) -> Vec<(f64, Cue)> {
    let cues = scenario.kills.iter().flat_map(|kill| {
        let kills = (kill.at_s, Cue::Kill(kill.node));
        let starts = kill
            .restart_after_s
            .map(|after_s| (kill.at_s + after_s, Cue::Start(kill.node)));
        std::iter::once(kills).chain(starts)
    });
    let mut cues: Vec<_> = cues.collect();
    cues.sort_by(|one, other| one.0.total_cmp(&other.0));
    cues
}

/// Watches over a run: signals, nodes, the line in the terminal.
pub(super) struct Director<'r> {
    pub(super) cast: &'r Arc<Cast>,
    pub(super) stage: Option<Stage>,
    pub(super) marks: Vec<Mark>,
    /// What it sees itself goes where everything else goes.
    pub(super) parts: mpsc::Sender<Part>,
    pub(super) kills: Vec<(f64, Cue)>,
    pub(super) duration_s: f64,
}

impl Director<'_> {
    /// Until all threads have ended. True if somebody asked for an earlier end.
    pub(super) async fn direct(
        &mut self,
        threads: &[WorkerThread],
        (seconds, signals): (&mut Seconds, &Signals),
    ) -> anyhow::Result<bool> {
        let mut progress = Progress::new(self.duration_s);
        let mut rounds = tokio::time::interval(ROUND);
        let mut was_interrupted = false;
        while threads.iter().any(|thread| !thread.is_finished()) {
            rounds.tick().await;
            was_interrupted |= signals.count() > 0;
            if was_interrupted {
                self.cast.is_stopped.store(true, Ordering::Relaxed);
            }
            let at_s = Instant::now()
                .saturating_duration_since(self.cast.start)
                .as_secs_f64();
            self.cue(at_s).await?;
            self.weigh(at_s);
            seconds.collect(at_s as u32);
            progress.show(at_s, seconds);
        }
        progress.end();
        Ok(was_interrupted)
    }

    /// Notes how much memory the gateways hold.
    fn weigh(&self, at_s: f64) {
        let Some(memory_kib) = self.stage.as_ref().and_then(Stage::memory_kib) else {
            return;
        };
        let mut part = Part::new(at_s as u32);
        part.tally.memory_kib = memory_kib;
        // Whoever collects them is this function's caller.
        self.parts.send(part).ok();
    }

    async fn cue(&mut self, at_s: f64) -> anyhow::Result<()> {
        while let Some((due_s, cue)) = self.kills.first().copied()
            && due_s <= at_s
        {
            self.kills.remove(0);
            let stage = self.stage.as_mut();
            let stage = stage.context("only nodes that we started can be killed")?;
            let text = match cue {
                Cue::Kill(node) => {
                    stage.kill(node)?;
                    format!("node {node} killed")
                }
                Cue::Start(node) => {
                    stage.start(node).await?;
                    format!("node {node} started again")
                }
            };
            let now = Instant::now().saturating_duration_since(self.cast.start);
            self.marks.push(Mark {
                at_s: now.as_secs_f64(),
                text,
            });
        }
        Ok(())
    }
}
