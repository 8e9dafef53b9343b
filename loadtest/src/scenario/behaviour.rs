//! What a simulated provider does to a message, by the time of the run.

use serde::Deserialize;

use super::Distribution;

/// As written: what is left out comes from around it, at last from [`Script::default`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Behaviour {
    /// From the request to the answer.
    answer: Option<Distribution>,
    /// From the answer to the handset.
    delivery: Option<Distribution>,
    /// Parts of all messages: answered 400, for good by this provider.
    refused_ratio: Option<f64>,
    /// Answered 429.
    throttled_ratio: Option<f64>,
    /// Answered 503.
    unavailable_ratio: Option<f64>,
    /// Never answered and never delivered.
    hung_ratio: Option<f64>,
    /// Delivered, but the answer breaks off in the middle.
    broken_ratio: Option<f64>,
    /// Taken, never delivered, never reported.
    lost_ratio: Option<f64>,
    /// Taken, never delivered, and reported as undelivered.
    undelivered_ratio: Option<f64>,
    /// Delivered later by `delay`.
    delayed_ratio: Option<f64>,
    delay: Option<Distribution>,
    /// Delivered twice.
    doubled_ratio: Option<f64>,
    receipts: Option<ReceiptsSettings>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ReceiptsSettings {
    delay: Option<Distribution>,
    lost_ratio: Option<f64>,
    doubled_ratio: Option<f64>,
    /// `sent` comes after `delivered`.
    reordered_ratio: Option<f64>,
}

/// A stretch of time, in seconds of the run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Window {
    pub(crate) from_s: f64,
    pub(crate) to_s: f64,
    /// Shown in the charts.
    pub(crate) text: String,
    pub(crate) behaviour: Behaviour,
}

/// Everything decided: what holds at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Script {
    pub(crate) answer: Distribution,
    pub(crate) delivery: Distribution,
    pub(crate) refused_ratio: f64,
    pub(crate) throttled_ratio: f64,
    pub(crate) unavailable_ratio: f64,
    pub(crate) hung_ratio: f64,
    pub(crate) broken_ratio: f64,
    pub(crate) lost_ratio: f64,
    pub(crate) undelivered_ratio: f64,
    pub(crate) delayed_ratio: f64,
    pub(crate) delay: Distribution,
    pub(crate) doubled_ratio: f64,
    pub(crate) receipts: Receipts,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Receipts {
    pub(crate) delay: Distribution,
    pub(crate) lost_ratio: f64,
    pub(crate) doubled_ratio: f64,
    pub(crate) reordered_ratio: f64,
}

impl Default for Script {
    /// Takes everything at once and delivers it; receipts follow at once.
    fn default() -> Self {
        Self {
            answer: Distribution::default(),
            delivery: Distribution::default(),
            refused_ratio: 0.0,
            throttled_ratio: 0.0,
            unavailable_ratio: 0.0,
            hung_ratio: 0.0,
            broken_ratio: 0.0,
            lost_ratio: 0.0,
            undelivered_ratio: 0.0,
            delayed_ratio: 0.0,
            delay: Distribution::Constant(10_000.0),
            doubled_ratio: 0.0,
            receipts: Receipts {
                delay: Distribution::default(),
                lost_ratio: 0.0,
                doubled_ratio: 0.0,
                reordered_ratio: 0.0,
            },
        }
    }
}

impl Script {
    /// What holds when `behaviour` is laid over this.
    pub(crate) fn with(&self, behaviour: &Behaviour) -> Self {
        let receipts = behaviour.receipts.clone().unwrap_or_default();
        Self {
            answer: behaviour.answer.unwrap_or(self.answer),
            delivery: behaviour.delivery.unwrap_or(self.delivery),
            refused_ratio: behaviour.refused_ratio.unwrap_or(self.refused_ratio),
            throttled_ratio: behaviour.throttled_ratio.unwrap_or(self.throttled_ratio),
            unavailable_ratio: behaviour
                .unavailable_ratio
                .unwrap_or(self.unavailable_ratio),
            hung_ratio: behaviour.hung_ratio.unwrap_or(self.hung_ratio),
            broken_ratio: behaviour.broken_ratio.unwrap_or(self.broken_ratio),
            lost_ratio: behaviour.lost_ratio.unwrap_or(self.lost_ratio),
            undelivered_ratio: behaviour
                .undelivered_ratio
                .unwrap_or(self.undelivered_ratio),
            delayed_ratio: behaviour.delayed_ratio.unwrap_or(self.delayed_ratio),
            delay: behaviour.delay.unwrap_or(self.delay),
            doubled_ratio: behaviour.doubled_ratio.unwrap_or(self.doubled_ratio),
            receipts: Receipts {
                delay: receipts.delay.unwrap_or(self.receipts.delay),
                lost_ratio: receipts.lost_ratio.unwrap_or(self.receipts.lost_ratio),
                doubled_ratio: receipts
                    .doubled_ratio
                    .unwrap_or(self.receipts.doubled_ratio),
                reordered_ratio: receipts
                    .reordered_ratio
                    .unwrap_or(self.receipts.reordered_ratio),
            },
        }
    }

    /// What is wrong with it.
    pub(crate) fn mistake(&self) -> Option<String> {
        for (name, distribution) in [
            ("answer", self.answer),
            ("delivery", self.delivery),
            ("delay", self.delay),
            ("receipts.delay", self.receipts.delay),
        ] {
            if let Some(mistake) = distribution.mistake() {
                return Some(format!("{name}: {mistake}"));
            }
        }
        let fates = self.fates();
        let receipts = &self.receipts;
        let independent = [
            receipts.lost_ratio,
            receipts.doubled_ratio,
            receipts.reordered_ratio,
        ];
        if !fates
            .iter()
            .chain(&independent)
            .all(|ratio| (0.0..=1.0).contains(ratio))
        {
            return Some("a ratio goes from 0 to 1".to_owned());
        }
        (fates.iter().sum::<f64>() > 1.0 + 1e-9).then(|| {
            "the ratios of what happens to messages exclude each other, so their sum must not \
             exceed 1"
                .to_owned()
        })
    }

    /// One of these happens to a message, or nothing of the kind.
    pub(crate) fn fates(&self) -> [f64; 9] {
        [
            self.refused_ratio,
            self.throttled_ratio,
            self.unavailable_ratio,
            self.hung_ratio,
            self.broken_ratio,
            self.lost_ratio,
            self.undelivered_ratio,
            self.delayed_ratio,
            self.doubled_ratio,
        ]
    }
}
