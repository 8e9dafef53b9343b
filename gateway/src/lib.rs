//! Watchword: a self-hosted gateway that gets one-time codes to people by SMS
//! and voice. The modules stand in the order in which a request meets them.

pub mod admission;
pub mod api;
pub mod delivery;
pub mod id;
pub mod service;
pub mod store;
pub mod tenants;
pub mod verification;
