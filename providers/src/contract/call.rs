//! A call: what it says, what the provider asks for meanwhile, what it is told.
//!
//! A call reads a code out and never asks for one. Where the provider can, it
//! asks for a key first, so that no voicemail gets a code; no key ever approves
//! anything.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::{Extension, MessageId, ProviderCode, ReceiptStatus};

/// The key that says "I did not ask for this", at any time of a call.
pub const REPORT_KEY: char = '9';

/// How often a call says its code, unless a key asks for it again.
pub const CODE_REPETITIONS: usize = 3;

/// The longest a call may last that dials no extension, where the provider takes a
/// limit.
pub const CALL_DURATION_MAX: Duration = Duration::from_secs(45);

/// How much longer a call to an extension may last: the desk's own phone rings
/// only after the switchboard has taken the call.
pub const EXTENSION_RINGING_MAX: Duration = Duration::from_secs(45);

/// The longest a call may last that dials this extension, or none.
pub fn call_duration_max(extension: Option<&Extension>) -> Duration {
    match extension {
        None => CALL_DURATION_MAX,
        Some(_) => CALL_DURATION_MAX + EXTENSION_RINGING_MAX,
    }
}

/// How long a call waits for a key after the greeting.
pub const KEY_WAIT: Duration = Duration::from_secs(6);

/// How long a call still waits for a key after it has said everything.
pub const LAST_KEY_WAIT: Duration = Duration::from_secs(3);

/// Whether a provider can ask what to say while a call lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// No: everything is said at once, [`crate::Message::speech`] or the text,
    /// to whoever or whatever answers.
    Inline,
    /// Yes, and it gathers keys: it says the greeting, and asks
    /// [`crate::Message::call_url`] for the rest.
    Asked,
}

/// What a call says, sentence by sentence, all in one language. `Debug` shows
/// the language alone.
#[derive(Clone, PartialEq, Eq)]
pub struct CallTexts {
    /// BCP 47: the language of the texts, for the voice.
    pub language: Arc<str>,
    /// Who calls, and that a key starts the code.
    pub greeting: Arc<str>,
    /// The sentence with the code, its digits apart (`5, 8, 4, 2.`).
    pub code: Arc<str>,
    /// Which keys say the code again, and report the call.
    pub keys: Arc<str>,
    /// Said at the end, and to somebody who presses no key.
    pub farewell: Arc<str>,
    /// Said after the report key.
    pub reported: Arc<str>,
}

impl fmt::Debug for CallTexts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CallTexts")
            .field("language", &self.language)
            .finish_non_exhaustive()
    }
}

/// What a provider tells us about a call that it is making, having proved that
/// it is the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEvent {
    /// The provider's own name for the call, the same in all of its events: the
    /// first one seen is the only one that is answered from then on.
    pub call_id: MessageId,
    pub step: CallStep,
}

/// How far a call has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallStep {
    /// Somebody or something took it: what is to be said first?
    Answered,
    /// A key was pressed: `0` to `9`, `*` or `#`.
    Key(char),
    /// It was waited for, and none came.
    NoKey,
    /// A machine took it. It gets no code.
    Machine,
    /// It is over. Nothing can be said any more.
    Ended {
        status: ReceiptStatus,
        code: Option<ProviderCode>,
    },
}

/// What a call does next. It is in the provider's form that it is told so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallTurn<'a> {
    /// Says the greeting, waits [`KEY_WAIT`] for one key, and asks `call_url`,
    /// naming the key or none. An extension is dialled before, unless the provider
    /// took it along with the call.
    Ask {
        texts: &'a CallTexts,
        call_url: &'a str,
        extension: Option<&'a Extension>,
    },
    /// Says the code slowly, then the keys; the code [`CODE_REPETITIONS`] times
    /// with pauses between, waits [`LAST_KEY_WAIT`], and says the farewell. A key
    /// ends it at any time and asks `call_url`.
    Tell {
        texts: &'a CallTexts,
        call_url: &'a str,
    },
    /// Says that the report was taken, and ends.
    Reported { texts: &'a CallTexts },
    /// Says the farewell without the code, and ends.
    Farewell { texts: &'a CallTexts },
    /// Ends without a word.
    HangUp,
}

/// What the provider gets for an answer. `Debug` shows its type alone: it may
/// hold a code.
#[derive(Clone, PartialEq, Eq)]
pub struct CallDocument {
    pub content_type: &'static str,
    pub body: Bytes,
}

impl fmt::Debug for CallDocument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CallDocument")
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}
