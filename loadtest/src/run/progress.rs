//! The line in the terminal while a run goes on.

use std::io::{self, IsTerminal as _, Write as _};

use crate::results::Stage;
use crate::seconds::Seconds;

/// One line, written anew each second; nothing where nobody watches.
pub(super) struct Progress {
    is_watched: bool,
    duration_s: f64,
    shown_s: u32,
}

impl Progress {
    pub(super) fn new(duration_s: f64) -> Self {
        Self {
            is_watched: io::stderr().is_terminal(),
            duration_s,
            shown_s: 0,
        }
    }

    pub(super) fn show(&mut self, at_s: f64, seconds: &Seconds) {
        let now_s = at_s as u32;
        if !self.is_watched || now_s == self.shown_s {
            return;
        }
        self.shown_s = now_s;
        let Some(second) = seconds.latest(now_s) else {
            return;
        };
        let p99 = second
            .latency_us
            .get(&Stage::Accept)
            .map_or(0, |[_, p99, _]| *p99);
        let line = format!(
            "{now_s} of {:.0} s: {} due, {} accepted (p99 {:.1} ms), {} in hand, {} approved, \
             {} refused, {} errors",
            self.duration_s,
            second.due,
            second.accepted,
            p99 as f64 / 1_000.0,
            second.in_hand,
            second.approved,
            second.refused,
            second.errors,
        );
        // A terminal that went away does not stop a run.
        write!(io::stderr(), "\r\x1b[2K{line}").ok();
    }

    pub(super) fn end(&self) {
        if self.is_watched {
            write!(io::stderr(), "\r\x1b[2K").ok();
        }
    }
}
