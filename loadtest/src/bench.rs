//! What `compare` and `shape` measure with: programs, short slices of load on one
//! of them at a time, and everything that is counted meanwhile.

pub(crate) mod candidate;
pub(crate) mod carrier;
pub(crate) mod certificate;
pub(crate) mod counters;
pub(crate) mod figures_table;
pub(crate) mod gateway;
pub(crate) mod generator;
pub(crate) mod line;
pub(crate) mod notes;
pub(crate) mod redis_server;
pub(crate) mod requests;
pub(crate) mod rounds;
pub(crate) mod slice;
pub(crate) mod system_calls;
mod wire;

/// What was found, as text and as JSON, and how the program ends.
pub(crate) struct Report {
    pub(crate) text: String,
    pub(crate) json: serde_json::Value,
    pub(crate) exit_code: u8,
}
