//! Beside every stop: what is logged and counted, once, where it is decided.
//!
//! A decision that matters is a struct in [`events`] whose `emit` writes one
//! line and moves the counters. Every metric's name and help stands in
//! [`names`]; the counters themselves are in [`metrics`].

pub mod events;
pub mod logging;
pub mod metrics;
pub mod names;

pub use logging::{LogFormat, LogGuard, LogLevel, LogSettings};
pub use metrics::{ConnectionMetrics, Metrics};
