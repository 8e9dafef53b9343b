//! What a tenant demands of its subjects: how long a changed number waits, how
//! many there may be, what a signal leads to.

use super::keeper::NUMBER_CHANGE;

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
    /// What signals lead to; the first rule that speaks of one decides.
    pub signals: Vec<SignalRule>,
    /// A SIM or device changed so long ago counts as swapped, before a code.
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

/// What raised signals lead to, for some purposes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignalRule {
    /// Empty: every code to a method, and no change.
    pub purposes: Vec<String>,
    pub sim_swap: Option<Effect>,
    pub device_swap: Option<Effect>,
    pub recycled: Option<Effect>,
    pub forwarded: Option<Effect>,
}

/// What a raised signal leads to. That a network says nothing stops no code, and
/// counts at a change like a number of which nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it is not even asked for.
    Allow,
    /// The code takes another way where there is one.
    OtherMethod,
    /// The method gets no codes until it is proved again.
    Suspend,
    /// What is proved by the number makes a change wait longer.
    LongerHold,
}

/// What each signal leads to, for one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effects {
    pub sim_swap: Effect,
    pub device_swap: Effect,
    pub recycled: Effect,
    pub forwarded: Effect,
}

/// A new device alone is what honest people have, so it leads to nothing.
const ON_CODES: Effects = Effects {
    sim_swap: Effect::OtherMethod,
    device_swap: Effect::Allow,
    recycled: Effect::Suspend,
    forwarded: Effect::OtherMethod,
};
const ON_CHANGES: Effects = Effects {
    sim_swap: Effect::LongerHold,
    device_swap: Effect::Allow,
    recycled: Effect::LongerHold,
    forwarded: Effect::LongerHold,
};

impl SubjectPolicy {
    /// What signals lead to before a code of this purpose goes to a method; of a
    /// change of number, to what the number proves.
    pub fn effects(&self, purpose: &str) -> Effects {
        let is_change = purpose == NUMBER_CHANGE;
        let unsaid = if is_change { ON_CHANGES } else { ON_CODES };
        let speaks = |rule: &&SignalRule| {
            let mut purposes = rule.purposes.iter();
            (rule.purposes.is_empty() && !is_change) || purposes.any(|one| one == purpose)
        };
        let said =
            |of: fn(&SignalRule) -> Option<Effect>| self.signals.iter().filter(speaks).find_map(of);
        Effects {
            sim_swap: said(|rule| rule.sim_swap).unwrap_or(unsaid.sim_swap),
            device_swap: said(|rule| rule.device_swap).unwrap_or(unsaid.device_swap),
            recycled: said(|rule| rule.recycled).unwrap_or(unsaid.recycled),
            forwarded: said(|rule| rule.forwarded).unwrap_or(unsaid.forwarded),
        }
    }
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
            signals: Vec::new(),
            sign_in_swap_hours: 24,
            change_swap_hours: 240,
            recheck_after_ms: 30 * DAY_MS,
            idv_issuers: Vec::new(),
        }
    }
}
