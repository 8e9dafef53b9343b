//! Answers that somebody wrote down, for a sandbox: what a network would say of
//! the numbers of a story.

use std::collections::HashMap;

use async_trait::async_trait;

use super::{Question, Signals, raised_if};
use crate::config::ScriptedNumber;
use crate::subjects::evidence::Finding;

/// What each number answers, whenever and however far back it is asked.
pub struct Scripted {
    /// By their E.164.
    numbers: HashMap<String, ScriptedNumber>,
}

impl Scripted {
    pub fn new(numbers: &[ScriptedNumber]) -> Self {
        let by_e164 = |number: &ScriptedNumber| (number.number.expose().to_owned(), number.clone());
        Self {
            numbers: numbers.iter().map(by_e164).collect(),
        }
    }

    fn said(&self, question: Question<'_>) -> Option<bool> {
        let of = |e164: &str| self.numbers.get(e164);
        match question {
            Question::SimSwap { e164, .. } => of(e164)?.sim_swapped,
            Question::DeviceSwap { e164, .. } => of(e164)?.device_swapped,
            Question::Recycled { e164, .. } => of(e164)?.recycled,
            Question::Forwarded { e164 } => of(e164)?.forwarded,
        }
    }
}

#[async_trait]
impl Signals for Scripted {
    async fn ask(&self, question: Question<'_>) -> Finding {
        self.said(question).map_or(Finding::Unknown, raised_if)
    }
}

#[cfg(test)]
mod tests {
    use watchword_providers::PhoneNumber;

    use super::*;

    #[tokio::test]
    async fn a_number_answers_what_was_written_down_and_nothing_else() {
        let e164 = "+14155550100";
        let signals = Scripted::new(&[ScriptedNumber {
            number: PhoneNumber::from_e164(e164, 1).unwrap(),
            sim_swapped: Some(true),
            device_swapped: Some(false),
            recycled: None,
            forwarded: None,
        }]);
        let (hours, since_ms) = (24, 0);
        let table = [
            (Question::SimSwap { e164, hours }, Finding::Raised),
            (Question::DeviceSwap { e164, hours }, Finding::Clear),
            (Question::Recycled { e164, since_ms }, Finding::Unknown),
            (Question::Forwarded { e164 }, Finding::Unknown),
        ];
        for (question, finding) in table {
            assert_eq!(signals.ask(question).await, finding);
        }
        let e164 = "+14155550101";
        let other = signals.ask(Question::SimSwap { e164, hours }).await;
        assert_eq!(other, Finding::Unknown);
    }
}
