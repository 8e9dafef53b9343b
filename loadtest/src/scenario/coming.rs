//! When a crowd comes, as written: stretches of time, and spikes in them.

use serde::Deserialize;

use crate::arrivals::{Phase, Process};
use crate::phases::Span;

/// When they come.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArrivalsSettings {
    #[serde(default)]
    pub(crate) process: Process,
    pub(super) phases: Vec<PhaseSettings>,
    #[serde(default)]
    pub(super) spikes: Option<Spikes>,
}

/// A stretch of time; with `to_rate` the rate changes evenly until its end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PhaseSettings {
    pub(super) for_s: f64,
    pub(super) rate: f64,
    pub(super) to_rate: Option<f64>,
    /// A phase with a name has figures of its own in the report.
    pub(super) name: Option<String>,
}

/// At the end of every `every_s` seconds, the rate is `rate` for `for_s` of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spikes {
    pub(super) every_s: f64,
    pub(super) for_s: f64,
    pub(super) rate: f64,
}

impl ArrivalsSettings {
    /// The phases that have names.
    pub(super) fn spans(&self) -> Vec<Span> {
        let mut from_s = 0.0;
        let mut spans = Vec::new();
        for phase in &self.phases {
            let to_s = from_s + phase.for_s;
            if let Some(name) = &phase.name {
                spans.push(Span {
                    name: name.clone(),
                    from_s,
                    to_s,
                });
            }
            from_s = to_s;
        }
        spans
    }

    /// The stretches that the run is made of.
    pub(crate) fn phases(&self) -> Vec<Phase> {
        let plain = self.phases.iter().map(|phase| Phase {
            length_s: phase.for_s,
            rate: phase.rate,
            end_rate: phase.to_rate.unwrap_or(phase.rate),
        });
        match &self.spikes {
            None => plain.collect(),
            Some(spikes) => plain.flat_map(|phase| spikes.cut(phase)).collect(),
        }
    }
}

impl Spikes {
    /// A phase in which each period ends with a spike.
    fn cut(&self, phase: Phase) -> Vec<Phase> {
        let rate_at = |at_s: f64| {
            phase.rate + (phase.end_rate - phase.rate) * (at_s / phase.length_s).min(1.0)
        };
        let mut cut = Vec::new();
        let mut at_s = 0.0;
        while at_s < phase.length_s - 1e-9 {
            let end_s = (at_s + self.every_s).min(phase.length_s);
            let spike_s = if at_s + self.every_s <= phase.length_s + 1e-9 {
                (at_s + self.every_s - self.for_s).max(at_s)
            } else {
                end_s
            };
            for (from_s, to_s, rates) in [
                (at_s, spike_s, (rate_at(at_s), rate_at(spike_s))),
                (spike_s, end_s, (self.rate, self.rate)),
            ] {
                if to_s > from_s {
                    cut.push(Phase {
                        length_s: to_s - from_s,
                        rate: rates.0,
                        end_rate: rates.1,
                    });
                }
            }
            at_s = end_s;
        }
        cut
    }
}
