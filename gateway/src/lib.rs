//! Watchword: a self-hosted gateway that gets one-time codes to people by SMS
//! and voice. The modules stand in the order in which a request meets them.

pub mod cli;
pub mod config;
