//! From what was recorded to what is published, and whether it counts.

use std::time::Duration;

use super::{Measured, Order};
use crate::phases;
use crate::results::{FORMAT, Histogram, Machine, Results, Target};
use crate::slo;

/// Later than this, once in a hundred times, and the run says more about the
/// tester than about the gateway.
const LATENESS_P99_MAX: Duration = Duration::from_millis(10);

pub(super) fn results(
    order: Order,
    measured: Measured,
    (started_at, machine, targets): (String, Machine, Vec<Target>),
) -> Results {
    let Measured {
        mut recorded,
        names,
        seconds,
        mut marks,
        was_interrupted,
        carrier_lateness,
    } = measured;
    marks.sort_by(|one, other| one.at_s.total_cmp(&other.at_s));
    let lateness = std::mem::take(&mut recorded.lateness);
    let counts = std::mem::take(&mut recorded.counts);
    let knee_per_s = order.scenario.knee_per_s();
    let (timeline, mut phases) = seconds.finish();
    phases::count(&mut phases, &timeline, knee_per_s);
    let mut results = Results {
        format: FORMAT,
        scenario: order.scenario.text(),
        command: order.command,
        started_at,
        duration_s: recorded.last.as_secs_f64(),
        machine,
        targets,
        void: void(&lateness, &carrier_lateness, was_interrupted),
        lateness,
        series: recorded.into_series(&names),
        counts,
        timeline,
        knee_per_s,
        phases,
        marks,
        slos: Vec::new(),
    };
    results.slos = slo::judge(&order.rules, &results);
    results
}

/// Why the figures do not count.
pub(super) fn void(
    generator: &Histogram,
    carrier: &Histogram,
    was_interrupted: bool,
) -> Option<String> {
    if was_interrupted {
        return Some("it was interrupted".to_owned());
    }
    for (who, lateness) in [("generator", generator), ("carrier", carrier)] {
        let late = Duration::from_micros(lateness.percentile_us(99.0));
        if late > LATENESS_P99_MAX {
            return Some(format!(
                "the {who} was late: more than {late:.1?} in 1 of 100 cases, and \
                 {LATENESS_P99_MAX:?} is the bound. Lower the rate, or give the tester cores of \
                 its own"
            ));
        }
    }
    None
}
