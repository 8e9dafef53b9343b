//! Asking a store that does not answer again and again, a little later each time.

use std::time::Duration;

use tokio::time::Instant;

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Paces the questions to a store that does not answer: what happened must be
/// written down, and nothing may be sent before it is.
pub(in crate::dispatch) struct Insistence {
    wait: Duration,
    deadline: Instant,
}

impl Insistence {
    pub(in crate::dispatch) fn until(deadline: Instant) -> Self {
        Self {
            wait: FIRST_WAIT,
            deadline,
        }
    }

    /// Waits a little longer each time; `None` when the time is over.
    pub(in crate::dispatch) async fn pause(&mut self) -> Option<()> {
        if Instant::now() + self.wait >= self.deadline {
            return None;
        }
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        Some(())
    }
}
