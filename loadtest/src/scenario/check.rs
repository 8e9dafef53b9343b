//! Whether a scenario can be run. Each mistake says what to change.

use anyhow::ensure;

use super::distribution::LONGEST_MS;
use super::{ArrivalsSettings, Crowd, Provider, Scenario, Script};

/// More than one machine's loopback carries.
pub(crate) const RATE_MAX: f64 = 200_000.0;
/// A day.
pub(crate) const DURATION_S_MAX: f64 = 86_400.0;
/// Each takes about 250 bytes until the run is accounted for.
pub(crate) const SENDS_MAX: f64 = 5_000_000.0;
const CROWDS_MAX: usize = 8;
const PROVIDERS_MAX: usize = 8;
const COUNTRIES_MAX: usize = 30;
const NODES_MAX: u32 = 8;
const CONNECTIONS_MAX: u32 = 10_000;
const IN_FLIGHT_MAX: u32 = 200_000;
const PHASES_MAX: usize = 100_000;
/// What a table of them may hold.
const NAMED_PHASES_MAX: usize = 24;
const PHASE_NAME_MAX: usize = 16;

pub(super) fn check(scenario: &Scenario) -> anyhow::Result<()> {
    ensure!(
        !scenario.name.is_empty() && scenario.name.len() <= 64,
        "name: 1 to 64 characters"
    );
    let crowds = scenario.crowds.len();
    ensure!(
        (1..=CROWDS_MAX).contains(&crowds),
        "crowds: 1 to {CROWDS_MAX}, not {crowds}"
    );
    for crowd in &scenario.crowds {
        check_crowd(crowd)?;
    }
    let providers = scenario.providers.len();
    ensure!(
        (1..=PROVIDERS_MAX).contains(&providers),
        "providers: 1 to {PROVIDERS_MAX}, not {providers}"
    );
    for (index, provider) in scenario.providers.iter().enumerate() {
        check_provider(provider)?;
        let is_known = |other: &Provider| other.id == provider.id;
        ensure!(
            !scenario.providers.iter().take(index).any(is_known),
            "providers: two are called {}",
            provider.id
        );
    }
    check_bounds(scenario)?;
    for kill in &scenario.kills {
        ensure!(
            (1..=scenario.stage.nodes).contains(&kill.node),
            "kills: node {} does not exist; stage.nodes is {}",
            kill.node,
            scenario.stage.nodes
        );
        check_times("kills", &[kill.at_s, kill.restart_after_s.unwrap_or(0.0)])?;
    }
    Ok(())
}

fn check_bounds(scenario: &Scenario) -> anyhow::Result<()> {
    let (rate, duration_s) = (scenario.rate_max(), scenario.duration_s());
    ensure!(
        rate <= RATE_MAX,
        "arrivals: at most {RATE_MAX} a second, not {rate}"
    );
    ensure!(
        duration_s <= DURATION_S_MAX,
        "arrivals: at most {DURATION_S_MAX} s, not {duration_s}"
    );
    let sends = scenario.sends();
    ensure!(
        (1.0..=SENDS_MAX).contains(&sends),
        "arrivals: 1 to {SENDS_MAX} sends in all, not {sends:.0}; change rate or duration"
    );
    check_times("settle_s", &[scenario.settle_s])?;
    let stage = &scenario.stage;
    ensure!(
        (1..=NODES_MAX).contains(&stage.nodes),
        "stage.nodes: 1 to {NODES_MAX}"
    );
    ensure!(
        (1..=65_536).contains(&stage.concurrency_max),
        "stage.concurrency_max: 1 to 65536"
    );
    ensure!(
        stage
            .dispatch_in_flight_max
            .is_none_or(|sends| (1..=1_000_000).contains(&sends)),
        "stage.dispatch_in_flight_max: 1 to 1000000; leave it out for the gateway's own"
    );
    let tenant = &scenario.tenant;
    ensure!(
        (1..=CONNECTIONS_MAX).contains(&tenant.connections),
        "tenant.connections: 1 to {CONNECTIONS_MAX}"
    );
    ensure!(
        (1..=1_000).contains(&tenant.streams),
        "tenant.streams: 1 to 1000"
    );
    ensure!(
        (1..=IN_FLIGHT_MAX).contains(&tenant.in_flight_max),
        "tenant.in_flight_max: 1 to {IN_FLIGHT_MAX}"
    );
    ensure!(
        tenant.wait_s.is_none_or(|wait_s| (1..=5).contains(&wait_s)),
        "tenant.wait_s: 1 to 5; leave it out for answers at once"
    );
    ensure!(
        (1..=600_000).contains(&tenant.request_timeout_ms),
        "tenant.request_timeout_ms: 1 to 600000"
    );
    Ok(())
}

fn check_crowd(crowd: &Crowd) -> anyhow::Result<()> {
    let name = &crowd.name;
    check_arrivals(name, &crowd.arrivals)?;
    for ratio in [
        crowd.resend_ratio,
        crowd.wrong_code_ratio,
        crowd.never_typed_ratio,
    ] {
        ensure!(
            (0.0..=1.0).contains(&ratio),
            "crowd {name}: a ratio goes from 0 to 1, not {ratio}"
        );
    }
    ensure!(
        crowd.resend_ratio + crowd.wrong_code_ratio + crowd.never_typed_ratio <= 1.0 + 1e-9,
        "crowd {name}: resend_ratio, wrong_code_ratio and never_typed_ratio are parts of the \
         same people, so their sum must not exceed 1"
    );
    ensure!(
        (0.0..=LONGEST_MS).contains(&crowd.resend_after_ms),
        "crowd {name}: resend_after_ms goes from 0 to {LONGEST_MS}"
    );
    if let Some(mistake) = crowd.typing.mistake() {
        anyhow::bail!("crowd {name}: typing: {mistake}");
    }
    let countries = crowd.countries.len();
    ensure!(
        (1..=COUNTRIES_MAX).contains(&countries),
        "crowd {name}: 1 to {COUNTRIES_MAX} countries, not {countries}"
    );
    let mut weights = crowd.countries.values().chain(crowd.channels.values());
    ensure!(
        !crowd.channels.is_empty() && weights.all(|weight| *weight > 0.0 && weight.is_finite()),
        "crowd {name}: countries and channels have weights above 0, as in {{ US = 4, GB = 1 }}"
    );
    ensure!(
        crowd.addresses.is_none_or(|addresses| addresses > 0),
        "crowd {name}: addresses: at least 1; leave it out for one address each"
    );
    if let Some(repeats) = &crowd.repeats {
        ensure!(
            (1..=10).contains(&repeats.times)
                && (1.0..=LONGEST_MS).contains(&repeats.after_ms)
                && (0.0..=LONGEST_MS).contains(&repeats.pause_ms),
            "crowd {name}: repeats: times goes from 1 to 10, after_ms from 1, pause_ms from 0 to \
             {LONGEST_MS}"
        );
    }
    Ok(())
}

fn check_arrivals(name: &str, arrivals: &ArrivalsSettings) -> anyhow::Result<()> {
    if let Some(spikes) = &arrivals.spikes {
        ensure!(
            spikes.every_s >= 0.1 && (0.0..=spikes.every_s).contains(&spikes.for_s),
            "crowd {name}: spikes: every_s is at least 0.1, for_s at most every_s"
        );
        ensure!(
            (0.0..=RATE_MAX).contains(&spikes.rate),
            "crowd {name}: spikes: rate goes from 0 to {RATE_MAX}"
        );
    }
    for phase in &arrivals.phases {
        ensure!(
            phase.for_s > 0.0 && phase.for_s <= DURATION_S_MAX,
            "crowd {name}: phases: for_s is above 0 and at most {DURATION_S_MAX}"
        );
        for rate in [phase.rate, phase.to_rate.unwrap_or(0.0)] {
            ensure!(
                (0.0..=RATE_MAX).contains(&rate),
                "crowd {name}: phases: a rate goes from 0 to {RATE_MAX}, not {rate}"
            );
        }
    }
    check_phase_names(name, arrivals)?;
    let length_s: f64 = arrivals.phases.iter().map(|phase| phase.for_s).sum();
    ensure!(
        length_s <= DURATION_S_MAX,
        "crowd {name}: arrivals: at most {DURATION_S_MAX} s in all, not {length_s}"
    );
    let phases = arrivals.phases.len();
    ensure!(
        (1..=PHASES_MAX).contains(&phases),
        "crowd {name}: arrivals need phases, as in phases = [{{ for_s = 30, rate = 100 }}]"
    );
    Ok(())
}

fn check_phase_names(crowd: &str, arrivals: &ArrivalsSettings) -> anyhow::Result<()> {
    let names: Vec<&str> = arrivals
        .phases
        .iter()
        .filter_map(|phase| phase.name.as_deref())
        .collect();
    ensure!(
        names.len() <= NAMED_PHASES_MAX,
        "crowd {crowd}: phases: at most {NAMED_PHASES_MAX} have names"
    );
    for (index, name) in names.iter().enumerate() {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b" -".contains(&byte);
        ensure!(
            (1..=PHASE_NAME_MAX).contains(&name.len()) && name.bytes().all(is_plain),
            "crowd {crowd}: phases: a name has 1 to {PHASE_NAME_MAX} letters, digits, spaces \
             and hyphens, not {name:?}"
        );
        ensure!(
            !names.iter().take(index).any(|other| other == name),
            "crowd {crowd}: phases: two are called {name}"
        );
    }
    Ok(())
}

fn check_provider(provider: &Provider) -> anyhow::Result<()> {
    let id = &provider.id;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    ensure!(
        !id.is_empty() && id.len() <= 32 && id.bytes().all(is_plain),
        "provider {id:?}: an id has 1 to 32 of a-z, 0-9 and -"
    );
    let always = Script::default().with(&provider.behaviour);
    if let Some(mistake) = always.mistake() {
        anyhow::bail!("provider {id}: behaviour: {mistake}");
    }
    for window in &provider.windows {
        check_times(
            &format!("provider {id}: window"),
            &[window.from_s, window.to_s],
        )?;
        ensure!(
            window.from_s < window.to_s,
            "provider {id}: a window begins before it ends"
        );
        if let Some(mistake) = always.with(&window.behaviour).mistake() {
            anyhow::bail!("provider {id}: window {:?}: {mistake}", window.text);
        }
    }
    Ok(())
}

fn check_times(what: &str, times_s: &[f64]) -> anyhow::Result<()> {
    let is_time = |time_s: &f64| (0.0..=DURATION_S_MAX).contains(time_s);
    ensure!(
        times_s.iter().all(is_time),
        "{what}: times go from 0 to {DURATION_S_MAX} s"
    );
    Ok(())
}
