//! What becomes of a message.

use crate::chance::Chance;
use crate::scenario::Script;

/// What the script has for a message. In the order of [`Script::fates`].
#[derive(Clone, Copy)]
pub(super) enum Fate {
    Refused,
    Throttled,
    Unavailable,
    Hung,
    Broken,
    Lost,
    Undelivered,
    Delayed,
    Doubled,
    Plain,
}

impl Fate {
    const ALL: [Self; 9] = [
        Self::Refused,
        Self::Throttled,
        Self::Unavailable,
        Self::Hung,
        Self::Broken,
        Self::Lost,
        Self::Undelivered,
        Self::Delayed,
        Self::Doubled,
    ];

    /// As counted.
    pub(super) fn kind(self) -> Option<&'static str> {
        match self {
            Self::Refused => Some("refused"),
            Self::Throttled => Some("throttled"),
            Self::Unavailable => Some("unavailable"),
            Self::Hung => Some("hung"),
            Self::Broken => Some("broken"),
            Self::Lost => Some("lost"),
            Self::Undelivered => Some("undelivered"),
            Self::Delayed => Some("delayed"),
            Self::Doubled => Some("doubled"),
            Self::Plain => None,
        }
    }

    /// One of them by the script's ratios, which exclude each other.
    pub(super) fn draw(script: &Script, chance: &mut Chance) -> Self {
        let mut left = chance.unit();
        for (fate, ratio) in Self::ALL.into_iter().zip(script.fates()) {
            if left < ratio {
                return fate;
            }
            left -= ratio;
        }
        Self::Plain
    }
}
