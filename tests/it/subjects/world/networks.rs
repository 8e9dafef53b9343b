//! Networks that say of a number what the story wants.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use watchword::signals::{Question, Reply, Signals};
use watchword::subjects::evidence::Finding;

/// What may be asked of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Signal {
    SimSwap,
    DeviceSwap,
    Recycled,
    Forwarded,
}

/// Clones share what was said. Of a number nothing was said of, nothing is known.
#[derive(Clone, Default)]
pub(crate) struct Networks(Arc<Mutex<HashMap<(String, Signal), Finding>>>);

impl Networks {
    pub(crate) fn say(&self, number: &str, signal: Signal, finding: Finding) {
        self.lock().insert((number.to_owned(), signal), finding);
    }

    /// Neither its SIM nor its holder is new.
    pub(crate) fn are_content_with(&self, number: &str) {
        self.say(number, Signal::SimSwap, Finding::Clear);
        self.say(number, Signal::Recycled, Finding::Clear);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, Signal), Finding>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Signals for Networks {
    async fn ask(&self, question: Question<'_>) -> Reply {
        let (e164, signal) = match question {
            Question::SimSwap { e164, .. } => (e164, Signal::SimSwap),
            Question::DeviceSwap { e164, .. } => (e164, Signal::DeviceSwap),
            Question::Recycled { e164, .. } => (e164, Signal::Recycled),
            Question::Forwarded { e164 } => (e164, Signal::Forwarded),
        };
        let said = self.lock().get(&(e164.to_owned(), signal)).copied();
        Ok(said.unwrap_or(Finding::Unknown))
    }
}
