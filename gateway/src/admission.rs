//! Who may ask, how often, at what cost: pure decisions on counters.

pub mod gcra;
pub mod limits;
pub mod memory;
pub mod ramp;
pub mod turns;
pub mod watch;
