//! Signals that somebody wrote down: a sandbox plays a stolen or recycled number
//! with them.

use std::collections::HashMap;

use async_trait::async_trait;

use super::{Question, Signals};
use crate::config::ScriptedNumber;
use crate::subjects::evidence::Finding;

/// Answers from a list; of any other number nothing is known.
pub struct Scripted(HashMap<Box<str>, ScriptedNumber>);

impl Scripted {
    pub fn new(numbers: &[ScriptedNumber]) -> Self {
        let entry = |scripted: &ScriptedNumber| {
            let e164 = scripted.number.expose().into();
            (e164, scripted.clone())
        };
        Self(numbers.iter().map(entry).collect())
    }
}

#[async_trait]
impl Signals for Scripted {
    async fn ask(&self, question: Question<'_>) -> Finding {
        let Some(scripted) = self.0.get(question.e164()) else {
            return Finding::Unknown;
        };
        let said = match question {
            Question::SimSwap { .. } => scripted.sim_swapped,
            Question::DeviceSwap { .. } => scripted.device_swapped,
            Question::Recycled { .. } => scripted.recycled,
            Question::Forwarded { .. } => scripted.forwarded,
        };
        said.map_or(Finding::Unknown, super::finding)
    }
}

#[cfg(test)]
mod tests {
    use watchword_providers::PhoneNumber;

    use super::*;

    #[tokio::test]
    async fn a_scripted_number_answers_what_was_written_and_no_more() {
        let signals = Scripted::new(&[ScriptedNumber {
            number: PhoneNumber::from_e164("+14155550100", 1).unwrap(),
            sim_swapped: Some(true),
            device_swapped: None,
            recycled: Some(false),
            forwarded: None,
        }]);
        let e164 = "+14155550100";
        let swap = signals.ask(Question::SimSwap { e164, hours: 24 }).await;
        assert_eq!(swap, Finding::Raised);
        let recycled = Question::Recycled { e164, since_ms: 0 };
        assert_eq!(signals.ask(recycled).await, Finding::Clear);
        let forwarded = signals.ask(Question::Forwarded { e164 }).await;
        assert_eq!(forwarded, Finding::Unknown);
        let other = Question::SimSwap {
            e164: "+14155550101",
            hours: 24,
        };
        assert_eq!(signals.ask(other).await, Finding::Unknown);
    }
}
