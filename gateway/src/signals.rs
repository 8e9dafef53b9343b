//! What networks say of a number before something is sent to it or proved by it:
//! a new SIM, a new device, a new holder, calls that are forwarded.

mod camara;
mod scripted;

use async_trait::async_trait;
use http::StatusCode;

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

    /// A stable word for it, for logs and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::SimSwap { .. } => "sim_swap",
            Self::DeviceSwap { .. } => "device_swap",
            Self::Recycled { .. } => "recycled",
            Self::Forwarded { .. } => "forwarded",
        }
    }
}

/// What is known; [`Finding::Unknown`] where the network cannot know, of this number
/// or so far back.
pub type Reply = Result<Finding, NoAnswer>;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    #[error("there is nobody to ask")]
    Nobody,
    #[error("no token was granted to us")]
    NoToken,
    #[error("no answer in time")]
    Late,
    #[error("unreachable")]
    Unreachable,
    #[error("the answer broke off")]
    BrokenOff,
    #[error("refused")]
    Status(StatusCode),
    #[error("the answer has no such field")]
    Unreadable,
}

/// A stable word for what came of a question, for logs and metrics.
pub fn outcome(reply: &Reply) -> &'static str {
    match reply {
        Ok(Finding::Clear) => "clear",
        Ok(Finding::Raised) => "raised",
        Ok(Finding::Unknown) => "not_served",
        Err(NoAnswer::Nobody) => "nobody",
        Err(NoAnswer::NoToken) => "no_token",
        Err(NoAnswer::Late) => "late",
        Err(NoAnswer::Unreachable) => "unreachable",
        Err(NoAnswer::BrokenOff) => "broken_off",
        Err(NoAnswer::Status(_)) => "refused",
        Err(NoAnswer::Unreadable) => "unreadable",
    }
}

/// Who answers, and soon, whatever goes wrong.
#[async_trait]
pub trait Signals: Send + Sync + 'static {
    /// # Errors
    ///
    /// [`NoAnswer`]: nothing is known, and who asks decides without.
    async fn ask(&self, question: Question<'_>) -> Reply;
}

/// Nobody to ask.
pub struct Silent;

#[async_trait]
impl Signals for Silent {
    async fn ask(&self, _question: Question<'_>) -> Reply {
        Err(NoAnswer::Nobody)
    }
}

fn finding(is_raised: bool) -> Finding {
    if is_raised {
        Finding::Raised
    } else {
        Finding::Clear
    }
}
