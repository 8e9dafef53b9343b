//! What a run does: who comes when, what they do, and what the carrier does to
//! their messages. Read from TOML, checked once, never questioned again.

mod behaviour;
mod check;
mod coming;
mod distribution;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::arrivals;
use crate::phases::Span;
use crate::results::ScenarioText;

pub(crate) use self::behaviour::{Behaviour, Receipts, Script, Window};
pub(crate) use self::coming::ArrivalsSettings;
pub(crate) use self::distribution::Distribution;

/// The longest scenario file that is read.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// The scenarios that come with the program, in the order in which they are listed.
const BUILT_IN: [(&str, &str); 10] = [
    ("quick", include_str!("../scenarios/quick.toml")),
    ("steady", include_str!("../scenarios/steady.toml")),
    ("ramp", include_str!("../scenarios/ramp.toml")),
    ("brown-out", include_str!("../scenarios/brown-out.toml")),
    ("outage", include_str!("../scenarios/outage.toml")),
    ("pumping", include_str!("../scenarios/pumping.toml")),
    ("retry-storm", include_str!("../scenarios/retry-storm.toml")),
    ("overload", include_str!("../scenarios/overload.toml")),
    ("node-killed", include_str!("../scenarios/node-killed.toml")),
    ("bad-day", include_str!("../scenarios/bad-day.toml")),
];

/// One scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    /// What it is good for.
    pub(crate) shows: String,
    /// What a healthy gateway makes of it.
    pub(crate) expect: String,
    /// Judged at the end, as `--slo` would be.
    #[serde(default)]
    pub(crate) slos: Vec<String>,
    /// After the last arrival, the longest wait for what is still under way.
    #[serde(default = "settle_s_default")]
    pub(crate) settle_s: f64,
    #[serde(default)]
    pub(crate) stage: StageSettings,
    #[serde(default)]
    pub(crate) tenant: TenantSettings,
    pub(crate) crowds: Vec<Crowd>,
    pub(crate) providers: Vec<Provider>,
    #[serde(default)]
    pub(crate) kills: Vec<Kill>,
}

fn settle_s_default() -> f64 {
    20.0
}

/// The gateways that the tester starts itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StageSettings {
    pub(crate) nodes: u32,
    /// How long a gateway waits for the carrier's answer.
    pub(crate) attempt_timeout_ms: u32,
    /// How long a gateway waits for a receipt.
    pub(crate) receipt_deadline_s: u32,
    /// Calls at once to one provider.
    pub(crate) concurrency_max: u32,
    /// Sends at work at once on one node, beyond which it refuses; unset, as a
    /// gateway has it.
    pub(crate) dispatch_in_flight_max: Option<u32>,
}

impl Default for StageSettings {
    fn default() -> Self {
        Self {
            nodes: 1,
            attempt_timeout_ms: 2_000,
            receipt_deadline_s: 60,
            concurrency_max: 1_024,
            dispatch_in_flight_max: None,
        }
    }
}

/// The service that asks for codes.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TenantSettings {
    pub(crate) connections: u32,
    /// Requests at once on a connection, over HTTP/2.
    pub(crate) streams: u32,
    /// Requests under way or in line. One more is counted as an error.
    pub(crate) in_flight_max: u32,
    pub(crate) request_timeout_ms: u32,
    /// Starts ask the gateway to answer when a provider has, or after so long.
    pub(crate) wait_s: Option<u8>,
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self {
            connections: 64,
            streams: 16,
            in_flight_max: 20_000,
            request_timeout_ms: 10_000,
            wait_s: None,
        }
    }
}

/// People who behave alike.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Crowd {
    pub(crate) name: String,
    pub(crate) arrivals: ArrivalsSettings,
    /// Where their numbers are from, by weight.
    #[serde(default = "united_states")]
    pub(crate) countries: BTreeMap<String, f64>,
    /// `sms` and `voice`, by weight.
    #[serde(default = "sms_only")]
    pub(crate) channels: BTreeMap<ChannelName, f64>,
    /// Part of them who ask again rather than type.
    #[serde(default)]
    pub(crate) resend_ratio: f64,
    #[serde(default = "resend_after_default")]
    pub(crate) resend_after_ms: f64,
    /// Part of them who type a wrong code first.
    #[serde(default)]
    pub(crate) wrong_code_ratio: f64,
    /// Part of them who never type anything.
    #[serde(default)]
    pub(crate) never_typed_ratio: f64,
    /// From the message's arrival to the check.
    #[serde(default = "typing_default")]
    pub(crate) typing: Distribution,
    /// They share so many client addresses; unset, each has one of their own.
    #[serde(default)]
    pub(crate) addresses: Option<u32>,
    /// Their numbers follow each other in one range, as an attacker's do.
    #[serde(default)]
    pub(crate) one_range: bool,
    /// Requests without a good answer are asked again.
    #[serde(default)]
    pub(crate) repeats: Option<Repeats>,
}

fn united_states() -> BTreeMap<String, f64> {
    BTreeMap::from([("US".to_owned(), 1.0)])
}

fn sms_only() -> BTreeMap<ChannelName, f64> {
    BTreeMap::from([(ChannelName::Sms, 1.0)])
}

fn resend_after_default() -> f64 {
    10_500.0
}

fn typing_default() -> Distribution {
    Distribution::Uniform([500.0, 1_500.0])
}

/// A channel, as scenarios and messages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ChannelName {
    Sms,
    Voice,
}

impl ChannelName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Voice => "voice",
        }
    }
}

/// What people do about an answer that is late or no success: ask again, under
/// the same idempotency key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Repeats {
    /// Patience for each request.
    pub(crate) after_ms: f64,
    pub(crate) times: u32,
    /// Before each repetition.
    #[serde(default)]
    pub(crate) pause_ms: f64,
}

/// A simulated provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Provider {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) form: Form,
    #[serde(default)]
    pub(crate) behaviour: Behaviour,
    /// Times in which it behaves otherwise; what a window leaves out stays.
    #[serde(default)]
    pub(crate) windows: Vec<Window>,
}

/// Whose API a provider speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Form {
    #[default]
    Webhook,
    Twilio,
}

impl Form {
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Twilio => "Twilio's form",
        }
    }

    /// What a gateway is given for `url` or `base_url`, behind the carrier's address.
    pub(crate) fn path(self, id: &str) -> String {
        match self {
            Self::Webhook => format!("{id}/send"),
            Self::Twilio => id.to_owned(),
        }
    }
}

/// A gateway that is ended without warning, and perhaps started again.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kill {
    pub(crate) at_s: f64,
    /// From 1.
    pub(crate) node: u32,
    pub(crate) restart_after_s: Option<f64>,
}

/// What `--rate` and `--duration-s` change.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scale {
    /// Of the first phase of the first crowd; everything else keeps its proportion.
    pub(crate) rate: Option<f64>,
    /// Of the whole; windows and kills keep their proportion.
    pub(crate) duration_s: Option<f64>,
}

impl Scenario {
    /// Reads a built-in scenario, or a file.
    ///
    /// # Errors
    ///
    /// Says what to change in the file.
    pub(crate) fn load(name_or_path: &str, scale: Scale) -> anyhow::Result<Self> {
        let built_in = BUILT_IN.iter().find(|(name, _)| *name == name_or_path);
        let mut scenario = if let Some((_, text)) = built_in {
            Self::parse(text)?
        } else if Path::new(name_or_path).is_file() {
            let text = read_bounded(Path::new(name_or_path))?;
            Self::parse(&text).with_context(|| format!("in {name_or_path}"))?
        } else {
            bail!(
                "{name_or_path} is neither a file nor one of the scenarios: {}",
                BUILT_IN.map(|(name, _)| name).join(", ")
            );
        };
        scenario.scale(scale)?;
        Ok(scenario)
    }

    /// All that come with the program.
    pub(crate) fn built_in() -> anyhow::Result<Vec<Self>> {
        BUILT_IN.iter().map(|(_, text)| Self::parse(text)).collect()
    }

    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let scenario: Self = toml::from_str(text)?;
        check::check(&scenario)?;
        Ok(scenario)
    }

    /// From the first due arrival to the last.
    pub(crate) fn duration_s(&self) -> f64 {
        let of_crowd = |crowd: &Crowd| -> f64 {
            let phases = crowd.arrivals.phases();
            phases.iter().map(|phase| phase.length_s).sum()
        };
        self.crowds.iter().map(of_crowd).fold(0.0, f64::max)
    }

    /// Arrivals a second at the worst moment of each crowd, summed.
    pub(crate) fn rate_max(&self) -> f64 {
        let of_crowd = |crowd: &Crowd| {
            let phases = crowd.arrivals.phases();
            let rates = phases.iter().map(|phase| phase.rate.max(phase.end_rate));
            rates.fold(0.0, f64::max)
        };
        self.crowds.iter().map(of_crowd).sum()
    }

    /// How many sends it makes, on average.
    pub(crate) fn sends(&self) -> f64 {
        let of_crowd = |crowd: &Crowd| arrivals::expected(&crowd.arrivals.phases());
        self.crowds.iter().map(of_crowd).sum()
    }

    /// What the carrier's concurrency allows at most, in sends a second: calls at
    /// once by the time each takes. `None` if nothing in the run goes beyond it.
    pub(crate) fn knee_per_s(&self) -> Option<f64> {
        let stage = &self.stage;
        let at_once = f64::from(stage.nodes) * f64::from(stage.concurrency_max);
        let of_provider = |provider: &Provider| {
            let answer = Script::default().with(&provider.behaviour).answer;
            let mean_ms = answer.mean_ms();
            (mean_ms > 0.0).then(|| at_once * 1_000.0 / mean_ms)
        };
        let knee: Option<f64> = self.providers.iter().map(of_provider).sum();
        knee.filter(|knee| *knee < self.rate_max())
    }

    /// The phases that have names, of the first crowd whose phases have any.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let of_crowds = self.crowds.iter().map(|crowd| crowd.arrivals.spans());
        let mut named = of_crowds.filter(|spans| !spans.is_empty());
        named.next().unwrap_or_default()
    }

    pub(crate) fn text(&self) -> ScenarioText {
        ScenarioText {
            name: self.name.clone(),
            shows: self.shows.clone(),
            expect: self.expect.clone(),
        }
    }

    fn scale(&mut self, scale: Scale) -> anyhow::Result<()> {
        let first = self
            .crowds
            .first()
            .and_then(|crowd| crowd.arrivals.phases.first());
        let first_rate = first.map_or(0.0, |phase| phase.rate.max(phase.to_rate.unwrap_or(0.0)));
        let rates = match scale.rate {
            Some(_) if first_rate <= 0.0 => bail!("--rate: the scenario begins without arrivals"),
            Some(rate) => rate / first_rate,
            None => 1.0,
        };
        let times = scale
            .duration_s
            .map_or(1.0, |wanted| wanted / self.duration_s());
        for arrivals in self.crowds.iter_mut().map(|crowd| &mut crowd.arrivals) {
            for phase in &mut arrivals.phases {
                phase.rate *= rates;
                phase.to_rate = phase.to_rate.map(|rate| rate * rates);
                phase.for_s *= times;
            }
            if let Some(spikes) = &mut arrivals.spikes {
                spikes.rate *= rates;
                spikes.every_s *= times;
                spikes.for_s *= times;
            }
        }
        for window in self
            .providers
            .iter_mut()
            .flat_map(|provider| &mut provider.windows)
        {
            window.from_s *= times;
            window.to_s *= times;
        }
        for kill in &mut self.kills {
            kill.at_s *= times;
            kill.restart_after_s = kill.restart_after_s.map(|after| after * times);
        }
        check::check(self)
    }
}

fn read_bounded(path: &Path) -> anyhow::Result<String> {
    use std::io::Read as _;

    let shown = path.display();
    let file = std::fs::File::open(path).with_context(|| format!("opening {shown}"))?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("reading {shown}"))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        bail!("{shown} is longer than {} KiB", FILE_BYTES_MAX / 1024);
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
