//! What a tenant demands of its subjects: how long a changed number waits, how
//! many there may be, what a signal leads to.

/// In milliseconds, as everything a record is judged by.
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// How a tenant's subjects are treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectPolicy {
    pub holds: Holds,
    /// The least time in which a change can be undone, whatever its hold.
    pub undo_window_ms: u64,
    /// A number whose code is not typed back by then is forgotten.
    pub verify_within_ms: u64,
    pub methods_max: u8,
    pub changes_per_day: u8,
    /// 0: a method never goes stale.
    pub reconfirm_after_days: u16,
    pub voip: VoipPolicy,
    /// A number may belong to one subject only.
    pub unique_numbers: bool,
    /// A code reported in a call freezes its subject.
    pub report_freezes: bool,
    /// How long a recovery may be used.
    pub grant_ms: u64,
    /// How long a new number may be enrolled after a reset.
    pub enrolment_ms: u64,
    pub bypass_lifetime_max_ms: u64,
    /// How long an action waits for a second operator.
    pub approval_ms: u64,
    /// How long an action waits that a sole operator's sealed code approves.
    pub sealed_wait_ms: u64,
    pub on_swap_at_sign_in: SwapPolicy,
    /// A SIM changed so long ago counts as swapped, before a sign-in code.
    pub sign_in_swap_hours: u16,
    /// The same where a number proves who asks for a change.
    pub change_swap_hours: u16,
    /// A method unused for so long is asked about before it is used again.
    pub recheck_after_ms: u64,
    pub idv_issuers: Vec<IdvIssuer>,
}

/// How long a changed number waits, by the class of what was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holds {
    pub a_ms: u64,
    pub b_ms: u64,
    pub c_ms: u64,
    pub d_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoipPolicy {
    Allow,
    Deny,
}

/// What a fresh SIM leads to before a sign-in code is sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwapPolicy {
    /// Another active method is taken, where there is one.
    OtherMethod,
    Allow,
    Suspend,
}

/// Whose word on a person's identity counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdvIssuer {
    pub issuer: String,
    pub algorithm: IdvAlgorithm,
    /// Its public key.
    pub key_pem: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdvAlgorithm {
    Es256,
    EdDsa,
    Rs256,
}

impl Default for Holds {
    fn default() -> Self {
        Self {
            a_ms: 0,
            b_ms: DAY_MS,
            c_ms: 3 * DAY_MS,
            d_ms: 30 * DAY_MS,
        }
    }
}

impl Default for SubjectPolicy {
    fn default() -> Self {
        Self {
            holds: Holds::default(),
            undo_window_ms: 3 * DAY_MS,
            verify_within_ms: HOUR_MS,
            methods_max: 5,
            changes_per_day: 3,
            reconfirm_after_days: 0,
            voip: VoipPolicy::Allow,
            unique_numbers: false,
            report_freezes: true,
            grant_ms: DAY_MS,
            enrolment_ms: 7 * DAY_MS,
            bypass_lifetime_max_ms: 8 * HOUR_MS,
            approval_ms: DAY_MS,
            sealed_wait_ms: 3 * DAY_MS,
            on_swap_at_sign_in: SwapPolicy::OtherMethod,
            sign_in_swap_hours: 24,
            change_swap_hours: 240,
            recheck_after_ms: 30 * DAY_MS,
            idv_issuers: Vec::new(),
        }
    }
}
