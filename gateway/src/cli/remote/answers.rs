//! The gateway's answers, as far as the terminal shows them.

use std::fmt;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct Found<T> {
    pub verifications: Vec<T>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Verification {
    pub id: String,
    pub status: String,
    pub to: String,
    pub purpose: String,
    pub created_at: String,
    pub expires_at: String,
    pub checks_remaining: u8,
    pub sends_remaining: u8,
    #[serde(default)]
    pub test: bool,
    pub deliveries: Vec<Delivery>,
    #[serde(default)]
    pub timeline: Vec<Moment>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Delivery {
    pub channel: String,
    pub status: String,
    pub reason: Option<String>,
    pub due: Option<String>,
    pub due_at: Option<String>,
    pub attempts: Vec<Attempt>,
    #[serde(default)]
    pub attempts_folded: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Attempt {
    pub attempt: u32,
    pub provider: String,
    pub outcome: String,
    pub code: Option<String>,
    pub duration_ms: Option<u32>,
    pub receipt: Option<Receipt>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Receipt {
    pub status: String,
    pub code: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Moment {
    pub at: String,
    pub event: String,
    pub provider: Option<String>,
    pub detail: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Explanation {
    pub number: Lookup,
    pub accepted: bool,
    pub refusal: Option<Problem>,
    pub routes: Vec<Route>,
    pub limits: Vec<Limit>,
    pub live_count: u8,
}

#[derive(Debug, Deserialize)]
pub(super) struct Lookup {
    pub e164: String,
    pub region: String,
    pub r#type: String,
    pub channels: Vec<Reachable>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reachable {
    pub channel: String,
    pub reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Route {
    pub channel: String,
    pub strategy: String,
    pub hops: Vec<Hop>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Hop {
    pub provider: String,
    pub share: Option<u32>,
    pub breaker: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Limit {
    pub limit: String,
    pub client: String,
    pub count: u32,
    pub per_s: u64,
    pub left: u32,
}

/// What became of messages.
#[derive(Debug, Deserialize)]
pub(super) struct RouteCounts {
    pub since: String,
    pub routes: Vec<RouteRow>,
    pub omitted_count: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct RouteRow {
    pub provider: String,
    pub channel: String,
    pub country: Option<String>,
    pub prefix: Option<String>,
    pub submitted: u64,
    pub delivered: u64,
    pub approved: u64,
    pub delivered_ratio: Option<f64>,
    pub conversion_ratio: Option<f64>,
}

/// What a replay has made due.
#[derive(Debug, Deserialize)]
pub(super) struct Replayed {
    pub events: u64,
    pub busy: u64,
    pub more: bool,
}

/// Why the gateway does not, in its own words and with what helps from here.
#[derive(Debug, Deserialize)]
pub(super) struct Problem {
    pub title: String,
    pub code: String,
    pub detail: String,
    pub field: Option<String>,
    pub available_at: Option<String>,
    #[serde(default)]
    pub alternatives: Vec<String>,
    pub request_id: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = self.detail.trim_end_matches('.');
        write!(formatter, "{} ({}): {detail}", self.title, self.code)?;
        if let Some(field) = &self.field {
            write!(formatter, " [{field}]")?;
        }
        if let Some(at) = &self.available_at {
            write!(formatter, "; possible again at {at}")?;
        }
        if !self.alternatives.is_empty() {
            write!(formatter, "; instead: {}", self.alternatives.join(", "))?;
        }
        if let Some(hint) = hint(&self.code) {
            write!(formatter, ". {hint}")?;
        }
        match &self.request_id {
            Some(id) => write!(formatter, " (request {id})"),
            None => Ok(()),
        }
    }
}

/// What the person at this terminal can do about it.
fn hint(code: &str) -> Option<&'static str> {
    match code {
        "unauthorized" => Some(
            "Give the API key that this gateway's tenant has, with --key-file; `sandbox` opens only a sandbox",
        ),
        "scope_missing" => Some(
            "Use a key with another scope in its [[tenants]] block: `send` needs verify, `find` read, `explain` explain",
        ),
        _ => None,
    }
}
