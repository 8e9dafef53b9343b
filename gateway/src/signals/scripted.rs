//! Signals that somebody wrote down: a sandbox plays a stolen or recycled number
//! with them.

use std::collections::HashMap;

use async_trait::async_trait;

use super::{Question, Reply, Signals};
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
    async fn ask(&self, question: Question<'_>) -> Reply {
        let Some(scripted) = self.0.get(question.e164()) else {
            return Ok(Finding::Unknown);
        };
        let said = match question {
            Question::SimSwap { .. } => scripted.sim_swapped,
            Question::DeviceSwap { .. } => scripted.device_swapped,
            Question::Recycled { .. } => scripted.recycled,
            Question::Forwarded { .. } => scripted.forwarded,
        };
        Ok(said.map_or(Finding::Unknown, super::finding))
    }
}

#[cfg(test)]
mod tests {
    use watchword_providers::PhoneNumber;

    use super::*;

    #[tokio::test]
    async fn a_scripted_number_answers_what_was_written_and_no_more() {
        let (e164, other) = ("+14155550100", "+14155550101");
        let signals = Scripted::new(&[
            ScriptedNumber {
                number: PhoneNumber::from_e164(e164, 1).unwrap(),
                sim_swapped: Some(true),
                device_swapped: Some(false),
                recycled: Some(false),
                forwarded: None,
            },
            ScriptedNumber {
                number: PhoneNumber::from_e164(other, 1).unwrap(),
                sim_swapped: None,
                device_swapped: Some(true),
                recycled: Some(true),
                forwarded: Some(true),
            },
        ]);
        use Finding::{Clear, Raised, Unknown};
        let table = [
            (e164, [Raised, Clear, Clear, Unknown]),
            (other, [Unknown, Raised, Raised, Raised]),
            ("+14155550102", [Unknown; 4]),
        ];
        for (e164, expected) in table {
            let questions = [
                Question::SimSwap { e164, hours: 24 },
                Question::DeviceSwap { e164, hours: 24 },
                Question::Recycled { e164, since_ms: 0 },
                Question::Forwarded { e164 },
            ];
            for (question, expected) in questions.into_iter().zip(expected) {
                let name = question.as_str();
                assert_eq!(signals.ask(question).await, Ok(expected), "{name}");
            }
        }
    }
}
