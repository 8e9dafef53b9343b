//! The scripts, one per step: each is its own file behind the parts it needs.

use std::sync::LazyLock;

/// A script and the digest under which Redis keeps it.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) source: &'static str,
    pub(super) digest: String,
}

impl Script {
    fn new(source: &'static str) -> Self {
        Self {
            source,
            digest: ::redis::Script::new(source).get_hash().to_owned(),
        }
    }
}

/// Joins a script's parts. The first says whether it may run when memory is full:
/// what exists must go on, so only what adds a send may not.
macro_rules! scripts {
    ($($name:ident = $($part:literal)+;)+) => {
        $(pub(super) static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::new(concat!($(include_str!(concat!("scripts/", $part, ".lua"))),+))
        });)+

        /// All of them.
        #[cfg(test)]
        pub(super) fn all() -> Vec<&'static Script> {
            vec![$(&$name),+]
        }
    };
}

scripts! {
    START = "refuse_oom" "clock" "record" "number" "refusal" "delivery" "send" "again"
        "idempotency" "start";
    RESEND = "refuse_oom" "clock" "record" "number" "refusal" "delivery" "send" "again"
        "resend";
    UNDO = "allow_oom" "clock" "record" "number" "delivery" "send" "idempotency" "undo";
    CONFIRM = "allow_oom" "clock" "idempotency" "confirm";
    CHECK = "allow_oom" "clock" "record" "number" "check";
    CANCEL = "allow_oom" "clock" "record" "number" "refusal" "cancel";
    OUTCOME = "allow_oom" "clock" "record" "number" "refusal" "outcome";
    BEGIN = "allow_oom" "clock" "record" "delivery" "dispatch" "begin";
    SETTLE = "allow_oom" "clock" "record" "delivery" "dispatch" "settle";
    RECEIPT = "allow_oom" "clock" "record" "delivery" "dispatch" "receipt";
    TAKE = "allow_oom" "clock" "record" "delivery" "dispatch" "take_over" "take";
    SWEEP = "allow_oom" "clock" "record" "delivery" "dispatch" "take_over" "sweep";
    HAND_BACK = "allow_oom" "clock" "record" "delivery" "dispatch" "hand_back";
    LIMIT = "allow_oom" "clock" "limit";
    GET = "allow_oom" "clock" "get";
    READ_NUMBER = "allow_oom" "clock" "read_number";
    LIFT = "allow_oom" "clock" "number" "lift";
    READ_META = "allow_oom" "clock" "read_meta";
    WRITE_META = "refuse_oom" "clock" "write_meta";
}
