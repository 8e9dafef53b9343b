//! Watchword: a self-hosted gateway that gets one-time codes to people by SMS
//! and voice. The modules stand in the order in which a request meets them.

pub mod cli;
pub mod clock;
pub mod config;
pub mod run;
pub mod server;
pub mod tls;

pub mod api;
pub mod assemble;
pub mod live;
pub mod service;
pub mod tenants;

pub mod admission;
pub mod code;
pub mod details;
pub mod id;
pub mod keys;
pub mod message;
pub mod number;
pub mod verification;

pub mod entra;
pub mod signals;
pub mod subjects;

pub mod calls;
pub mod delivery;
pub mod dispatch;
pub mod receipts;
pub mod routing;
pub mod senders;
pub mod stack;
pub mod tally;
pub mod webhooks;

mod feedback;

pub mod ledger;
pub mod store;

pub mod telemetry;
