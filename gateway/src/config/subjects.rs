//! Reads `[subjects]` and what a tenant has of its own in `[tenants.subjects]`
//! and `[[tenants.idv_issuers]]`: how changes of numbers are judged.

use super::reader::{Section, choose};
use super::settings::SubjectSettings;
use super::words;
use crate::subjects::idv;
use crate::subjects::keeper::{CONFIRM_METHOD, NUMBER_CHANGE};
use crate::subjects::policy::{
    Effect, Holds, IdvAlgorithm, IdvIssuer, SignalRule, SubjectPolicy, VoipPolicy,
};

const DAY_S: u64 = 86_400;
/// Notices end after so long, so a longer hold would end unwatched.
const HOLD_S_MAX: u64 = 30 * DAY_S;
/// A person without their phone over a long weekend still gets to undo.
const UNDO_WINDOW_S_MIN: u64 = 3 * DAY_S;
const UNDO_WINDOW_S_MAX: u64 = 30 * DAY_S;

const ALGORITHMS: [(&str, IdvAlgorithm); 3] = [
    ("ES256", IdvAlgorithm::Es256),
    ("EdDSA", IdvAlgorithm::EdDsa),
    ("RS256", IdvAlgorithm::Rs256),
];

const VOIP: [(&str, VoipPolicy); 2] = [("allow", VoipPolicy::Allow), ("deny", VoipPolicy::Deny)];

const ALLOW: (&str, Effect) = ("allow", Effect::Allow);
const OTHER_METHOD: (&str, Effect) = ("other_method", Effect::OtherMethod);
const SUSPEND: (&str, Effect) = ("suspend", Effect::Suspend);
const LONGER_HOLD: (&str, Effect) = ("longer_hold", Effect::LongerHold);

/// What signals may lead to: a new device or forwarded calls alone take nobody's
/// number away, and a stranger's number is no other way to a person.
struct Choices {
    sim_swap: &'static [(&'static str, Effect)],
    device_swap: &'static [(&'static str, Effect)],
    recycled: &'static [(&'static str, Effect)],
    forwarded: &'static [(&'static str, Effect)],
}

const ON_CODES: Choices = Choices {
    sim_swap: &[OTHER_METHOD, ALLOW, SUSPEND],
    device_swap: &[ALLOW, OTHER_METHOD],
    recycled: &[SUSPEND, ALLOW],
    forwarded: &[OTHER_METHOD, ALLOW],
};
const ON_CHANGES: Choices = Choices {
    sim_swap: &[LONGER_HOLD, ALLOW],
    device_swap: &[ALLOW, LONGER_HOLD],
    recycled: &[LONGER_HOLD, ALLOW],
    forwarded: &[LONGER_HOLD, ALLOW],
};

/// What holds for every tenant that says nothing else.
pub(super) fn read(section: &Section<'_>) -> SubjectSettings {
    let settings = SubjectSettings {
        policy: policy(section, &SubjectPolicy::default()),
        on_forgetful_store: section.flag("on_forgetful_store"),
        may_be_lost: section.flag("may_be_lost"),
    };
    if settings.on_forgetful_store != settings.may_be_lost {
        section.mistake(
            "on_forgetful_store",
            "and may_be_lost go together: set both to true to keep subjects on a store that forgets, or neither",
        );
    }
    settings
}

/// What holds for one tenant.
pub(super) fn of_tenant(tenant: &Section<'_>, common: &SubjectPolicy) -> SubjectPolicy {
    SubjectPolicy {
        idv_issuers: idv_issuers(tenant),
        ..policy(&tenant.section("subjects"), common)
    }
}

/// The settings of `section`, over those of `under`.
fn policy(section: &Section<'_>, under: &SubjectPolicy) -> SubjectPolicy {
    let seconds = |key, range, under_ms: u64| {
        section
            .optional_integer(key, range)
            .map_or(under_ms, |seconds| seconds * 1_000)
    };
    let count = |key, range, under: u16| {
        let count = section.optional_integer(key, range);
        count.map_or(under, |count| u16::try_from(count).unwrap_or(under))
    };
    let few =
        |key, range, under: u8| u8::try_from(count(key, range, u16::from(under))).unwrap_or(under);
    let flag = |key, under: bool| {
        if section.has(key) {
            section.flag(key)
        } else {
            under
        }
    };
    SubjectPolicy {
        holds: holds(section, &under.holds),
        undo_window_ms: seconds(
            "undo_window_s",
            UNDO_WINDOW_S_MIN..=UNDO_WINDOW_S_MAX,
            under.undo_window_ms,
        ),
        verify_within_ms: seconds("verify_within_s", 60..=DAY_S, under.verify_within_ms),
        methods_max: few("methods_max", 1..=5, under.methods_max),
        changes_per_day: few("changes_per_day", 1..=8, under.changes_per_day),
        reconfirm_after_days: count("reconfirm_after_days", 0..=730, under.reconfirm_after_days),
        voip: section.choice("voip", &VOIP).unwrap_or(under.voip),
        unique_numbers: flag("unique_numbers", under.unique_numbers),
        report_freezes: flag("report_freezes", under.report_freezes),
        grant_ms: seconds("recovery_lifetime_s", 600..=30 * DAY_S, under.grant_ms),
        enrolment_ms: seconds("enrolment_window_s", 3_600..=30 * DAY_S, under.enrolment_ms),
        recheck_after_ms: seconds("recheck_after_s", 0..=365 * DAY_S, under.recheck_after_ms),
        bypass_lifetime_max_ms: seconds(
            "bypass_lifetime_max_s",
            600..=30 * DAY_S,
            under.bypass_lifetime_max_ms,
        ),
        approval_ms: seconds("approval_within_s", 3_600..=DAY_S, under.approval_ms),
        sealed_wait_ms: seconds(
            "sealed_code_wait_s",
            DAY_S..=30 * DAY_S,
            under.sealed_wait_ms,
        ),
        signals: signal_rules(section, &under.signals),
        sign_in_swap_hours: count("sign_in_swap_hours", 1..=2_400, under.sign_in_swap_hours),
        change_swap_hours: count("change_swap_hours", 1..=2_400, under.change_swap_hours),
        ..under.clone()
    }
}

/// Its own come first.
fn signal_rules(section: &Section<'_>, under: &[SignalRule]) -> Vec<SignalRule> {
    let own = section.sections("signals", 32);
    let own = own.iter().map(signal_rule);
    own.chain(under.iter().cloned()).collect()
}

fn signal_rule(section: &Section<'_>) -> SignalRule {
    let purposes = section.parsed_list("purposes", 64, words::identifier);
    let has = |purpose: &str| purposes.iter().any(|one| one == purpose);
    if has(NUMBER_CHANGE) && purposes.len() > 1 {
        section.mistake(
            "purposes",
            "names number_change, which stands alone: what signals lead to is another thing there",
        );
    }
    if has(CONFIRM_METHOD) {
        section.mistake(
            "purposes",
            "names confirm_method: of a number that is no method yet nothing is asked",
        );
    }
    let choices = if has(NUMBER_CHANGE) {
        &ON_CHANGES
    } else {
        &ON_CODES
    };
    SignalRule {
        sim_swap: section.choice("sim_swap", choices.sim_swap),
        device_swap: section.choice("device_swap", choices.device_swap),
        recycled: section.choice("recycled", choices.recycled),
        forwarded: section.choice("forwarded", choices.forwarded),
        purposes,
    }
}

fn holds(section: &Section<'_>, under: &Holds) -> Holds {
    let hold = |key, under_ms| {
        let seconds = section.optional_integer(key, 0..=HOLD_S_MAX);
        seconds.map_or(under_ms, |seconds| seconds * 1_000)
    };
    let holds = Holds {
        a_ms: hold("hold_a_s", under.a_ms),
        b_ms: hold("hold_b_s", under.b_ms),
        c_ms: hold("hold_c_s", under.c_ms),
        d_ms: hold("hold_d_s", under.d_ms),
    };
    let rising = [
        (["hold_a_s", "hold_b_s"], holds.a_ms, holds.b_ms),
        (["hold_b_s", "hold_c_s"], holds.b_ms, holds.c_ms),
        (["hold_c_s", "hold_d_s"], holds.c_ms, holds.d_ms),
    ];
    for ([better, key], better_ms, worse_ms) in rising {
        // What is inherited was reported where it stands.
        let is_own = section.has(better) || section.has(key);
        if is_own && worse_ms < better_ms {
            section.mistake(
                key,
                format!(
                    "must be at least {}: weaker evidence may not wait for less",
                    better_ms / 1_000
                ),
            );
        }
    }
    holds
}

fn idv_issuers(tenant: &Section<'_>) -> Vec<IdvIssuer> {
    let issuers = tenant.sections("idv_issuers", 16);
    issuers.iter().filter_map(idv_issuer).collect()
}

fn idv_issuer(section: &Section<'_>) -> Option<IdvIssuer> {
    section.required_text("issuer", "\"https://id.example.com\"");
    section.required_text("algorithm", "\"ES256\"");
    let key = section.text_or_file("key_pem", "key_file");
    if key.is_none() && !section.reading().is_mistaken(&section.path_of("key_file")) {
        section.mistake(
            "key_pem",
            "missing: the issuer's public key in PEM, here or in key_file",
        );
    }
    let key = key?;
    if !key.expose().starts_with("-----BEGIN PUBLIC KEY-----") {
        section.mistake(
            "key_pem",
            "must be a public key in PEM, which begins with -----BEGIN PUBLIC KEY-----",
        );
    }
    let issuer = IdvIssuer {
        issuer: section.parsed("issuer", words::line)?,
        algorithm: section.parsed("algorithm", |word| choose(word, &ALGORITHMS))?,
        key_pem: key.expose().to_owned(),
    };
    if !idv::is_usable(&issuer) && !section.reading().is_mistaken(&section.path_of("key_pem")) {
        section.mistake("key_pem", "is no public key of this algorithm");
    }
    Some(issuer)
}
