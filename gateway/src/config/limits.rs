//! Reads `[codes]`, `[limits]` and `[dispatch]`: how much, how often, how long.

use std::time::Duration;

use super::reader::Section;
use super::settings::{CodeSettings, DispatchSettings, LimitRule, LimitSettings};
use super::words;

/// A day and a week are the windows people think in; nothing counts for longer.
const PER_S_MAX: u64 = 604_800;

/// Each is compared with every number that is sent to.
const BLOCKED_PREFIXES_MAX: usize = 256;

/// A code of 4 digits and 3 checks is guessed once in 3,333 verifications.
const SHORT_CODE_CHECKS_MAX: u32 = 3;

pub(super) fn read_codes(section: &Section<'_>) -> CodeSettings {
    let allow_short = section.flag("allow_short");
    let digits = section.count("digits", 4..=10);
    let checks_max = section.count("checks_max", 1..=10);
    if digits < 6 && !allow_short {
        section.mistake(
            "digits",
            "must be at least 6 unless allow_short = true: shorter codes are guessed",
        );
    }
    let checks_max = if digits < 6 && checks_max > SHORT_CODE_CHECKS_MAX {
        if section.is_own("checks_max") {
            section.mistake(
                "checks_max",
                "must be at most 3 with fewer than 6 digits: shorter codes are guessed",
            );
        }
        SHORT_CODE_CHECKS_MAX
    } else {
        checks_max
    };
    let resend_waits = section.seconds_list("resend_waits_s", 10, &(10..=3_600));
    if resend_waits.is_empty()
        && !section
            .reading()
            .is_mistaken(&section.path_of("resend_waits_s"))
    {
        section.mistake(
            "resend_waits_s",
            "must have at least one wait, such as [30, 60, 120]",
        );
    }
    CodeSettings {
        digits: u8::try_from(digits).unwrap_or(10),
        lifetime: section.seconds("lifetime_s", 120..=600),
        checks_max,
        sends_max: section.count("sends_max", 1..=10),
        resend_waits,
        live_max: section.count("live_max", 1..=10),
    }
}

pub(super) fn read(section: &Section<'_>) -> LimitSettings {
    let sends_per_number = rules(section, "sends_per_number");
    let sends_per_subject = if section.has("sends_per_subject") {
        rules(section, "sends_per_subject")
    } else {
        sends_per_number.clone()
    };
    LimitSettings {
        sends_per_number,
        sends_per_subject,
        sends_per_number_all_tenants: rules(section, "sends_per_number_all_tenants"),
        sends_per_prefix: optional_rules(section, "sends_per_prefix"),
        sends_per_address: rules(section, "sends_per_address"),
        failed_checks_per_address: rules(section, "failed_checks_per_address"),
        lookups_per_tenant: rules(section, "lookups_per_tenant"),
        explains_per_tenant: rules(section, "explains_per_tenant"),
        blocked_prefixes: blocked_prefixes(section),
    }
}

fn rules(section: &Section<'_>, key: &'static str) -> Vec<LimitRule> {
    let rules = optional_rules(section, key);
    if rules.is_empty() && !section.reading().is_mistaken(&section.path_of(key)) {
        section.mistake(
            key,
            "must have at least one rule, such as [{ count = 5, per_s = 600 }]",
        );
    }
    rules
}

fn optional_rules(section: &Section<'_>, key: &'static str) -> Vec<LimitRule> {
    let rule = |rule: &Section<'_>| LimitRule {
        count: rule.count("count", 1..=1_000_000),
        per: rule.seconds("per_s", 1..=PER_S_MAX),
    };
    section.sections(key, 8).iter().map(rule).collect()
}

/// Beginnings of numbers that are sent nothing.
pub(super) fn blocked_prefixes(section: &Section<'_>) -> Vec<String> {
    section.parsed_list(
        "blocked_prefixes",
        BLOCKED_PREFIXES_MAX,
        words::number_prefix,
    )
}

pub(super) fn read_dispatch(section: &Section<'_>) -> DispatchSettings {
    let retry_waits = section.seconds_list("retry_waits_s", 16, &(1..=600));
    if retry_waits.is_empty()
        && !section
            .reading()
            .is_mistaken(&section.path_of("retry_waits_s"))
    {
        section.mistake(
            "retry_waits_s",
            "must have at least one wait, such as [2, 5, 15, 30, 60]",
        );
    }
    DispatchSettings {
        deadline: section.seconds("deadline_s", 1..=120),
        lease: section.seconds("lease_s", 5..=120),
        sweep_interval: section.milliseconds("sweep_interval_ms", 100..=10_000),
        retry_waits,
        submissions_max: section.count("submissions_max", 1..=10),
        last_submission_before_expiry: section.seconds("last_submission_before_expiry_s", 30..=300),
        in_flight_max: section.count("in_flight_max", 1..=1_000_000),
    }
}

/// Refuses times that cannot all be kept.
pub(super) fn cross_check(root: &Section<'_>, codes: &CodeSettings, dispatch: &DispatchSettings) {
    let reading = root.reading();
    if reading.is_mistaken("codes") || reading.is_mistaken("dispatch") {
        return;
    }
    let needed = dispatch.deadline + dispatch.last_submission_before_expiry;
    if codes.lifetime < needed {
        reading.mistake(
            "codes.lifetime_s",
            format!(
                "must be at least dispatch.deadline_s + dispatch.last_submission_before_expiry_s = {}, is {}: \
                 a code could expire while it is being sent",
                needed.as_secs(),
                codes.lifetime.as_secs()
            ),
        );
    }
    if dispatch.lease <= dispatch.sweep_interval * 2 {
        reading.mistake(
            "dispatch.lease_s",
            format!(
                "must be more than twice dispatch.sweep_interval_ms ({} ms): other nodes would take over what still runs",
                dispatch.sweep_interval.as_millis()
            ),
        );
    }
}

/// How much longer than an attempt a lease must live: to begin and to settle it.
pub(super) const LEASE_MARGIN: Duration = Duration::from_secs(2);
