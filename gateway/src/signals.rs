//! What networks say of a number before something is sent to it or proved by it:
//! a new SIM, a new device, a new holder, calls that are forwarded.
//!
//! A person who has just bought a phone has a new SIM too, so an answer never
//! refuses anybody: it lengthens a hold, suspends a method or picks another one.

pub mod camara;
pub mod scripted;

use async_trait::async_trait;

use crate::subjects::evidence::Finding;

/// What is asked of a number.
#[derive(Clone, Copy)]
pub enum Question<'a> {
    /// Whether its SIM was changed within so many hours.
    SimSwap { e164: &'a str, hours: u16 },
    /// Whether its device was changed within so many hours.
    DeviceSwap { e164: &'a str, hours: u16 },
    /// Whether it has another holder since then.
    Recycled { e164: &'a str, since_ms: u64 },
    /// Whether its calls are forwarded.
    Forwarded { e164: &'a str },
}

/// Who answers. Whatever goes wrong is [`Finding::Unknown`], and comes soon.
#[async_trait]
pub trait Signals: Send + Sync + 'static {
    async fn ask(&self, question: Question<'_>) -> Finding;
}

/// Nobody to ask.
pub struct Silent;

#[async_trait]
impl Signals for Silent {
    async fn ask(&self, _question: Question<'_>) -> Finding {
        Finding::Unknown
    }
}

/// A network's yes is what we have to be careful about.
fn raised_if(is_so: bool) -> Finding {
    if is_so {
        Finding::Raised
    } else {
        Finding::Clear
    }
}
