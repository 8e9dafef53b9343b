//! What networks say of a number before something is sent to it or proved by it:
//! a new SIM, a new device, a new holder, calls that are forwarded.

mod camara;
mod scripted;

use async_trait::async_trait;

pub use self::camara::{Camara, CamaraError};
pub use self::scripted::Scripted;
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

impl Question<'_> {
    /// The number it is about.
    pub fn e164(&self) -> &str {
        match self {
            Self::SimSwap { e164, .. }
            | Self::DeviceSwap { e164, .. }
            | Self::Recycled { e164, .. }
            | Self::Forwarded { e164 } => e164,
        }
    }

    /// A stable word for it, for logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::SimSwap { .. } => "sim_swap",
            Self::DeviceSwap { .. } => "device_swap",
            Self::Recycled { .. } => "recycled",
            Self::Forwarded { .. } => "forwarded",
        }
    }
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

fn finding(is_raised: bool) -> Finding {
    if is_raised {
        Finding::Raised
    } else {
        Finding::Clear
    }
}
