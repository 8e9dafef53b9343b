//! What was submitted, heard and sent again in the last ten minutes.

use std::time::Duration;

/// As many as there are minutes in the window.
const SLOTS: usize = 10;
const SLOT: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub submissions: u32,
    pub redispatches: u32,
    pub heard: u32,
    pub silent: u32,
}

/// Slides by whole minutes, so that a bound on its totals holds in any window
/// that ends with an act.
#[derive(Default)]
pub(super) struct Window {
    slots: [Totals; SLOTS],
    /// The number of the minute that the first slot stands for.
    minute: u64,
}

impl Window {
    /// Forgets what is older than the window, at this time from its beginning.
    pub(super) fn advance(&mut self, since: Duration) {
        let minute = since.as_secs() / SLOT.as_secs();
        let passed = minute.saturating_sub(self.minute);
        self.minute = self.minute.max(minute);
        let passed = usize::try_from(passed).unwrap_or(SLOTS).min(SLOTS);
        self.slots.rotate_right(passed);
        self.slots
            .iter_mut()
            .take(passed)
            .for_each(|slot| *slot = Totals::default());
    }

    pub(super) fn latest(&mut self) -> &mut Totals {
        let [latest, ..] = &mut self.slots;
        latest
    }

    pub(super) fn totals(&self) -> Totals {
        self.slots
            .iter()
            .fold(Totals::default(), |sum, slot| Totals {
                submissions: sum.submissions.saturating_add(slot.submissions),
                redispatches: sum.redispatches.saturating_add(slot.redispatches),
                heard: sum.heard.saturating_add(slot.heard),
                silent: sum.silent.saturating_add(slot.silent),
            })
    }
}
