//! The questions of calls, asked of both.

use watchword::calls::{CallAsk, CallKey};

use super::Case;
use crate::store_conformance::model::Answer;
use crate::store_conformance::world;

/// A few steps' time.
const CALL_KEPT_MS: u64 = 120_000;

impl Case<'_> {
    /// A call of this attempt asks.
    pub(super) async fn call(&mut self, attempt: usize, call: u8) -> (Answer, Answer) {
        let ask = CallAsk {
            key: CallKey {
                shard: world::shard(7),
                tag: self.calls[attempt],
            },
            call: [call; 16],
            kept_until_ms: self.world.now_ms().await + CALL_KEPT_MS,
        };
        let expected = self.model.call(attempt, call, CALL_KEPT_MS);
        let said = match self.store().bind_call(&ask).await.unwrap() {
            Some(questions) => format!("asked {questions}"),
            None => "another call".to_owned(),
        };
        (Answer::says(said), expected)
    }
}
