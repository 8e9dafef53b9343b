//! The rule of calls: of an attempt, the first one that asks is the only one.

use super::{Answer, Model};

impl Model {
    /// A call asks what to say, and is to be known for so long.
    pub(in crate::store_conformance) fn call(
        &mut self,
        attempt: usize,
        call: u8,
        kept_ms: u64,
    ) -> Answer {
        let now_ms = self.now_ms;
        let known = self.calls[attempt].filter(|known| known.0 > now_ms);
        let (until_ms, first, asked) = known.unwrap_or((now_ms + kept_ms, call, 0));
        if first != call {
            return Answer::says("another call");
        }
        self.calls[attempt] = Some((until_ms, call, asked + 1));
        Answer::says(format!("asked {}", asked + 1))
    }
}
