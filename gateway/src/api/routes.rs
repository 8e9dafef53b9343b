//! `GET /v1/admin/routes`: what became of messages over each route.

use http::StatusCode;
use serde::Serialize;
use watchword_providers::Channel;

use super::answer::{Reply, json};
use super::endpoint::Asked;
use super::problem::Problem;
use super::query;
use super::view::Time;
use crate::service::Service;
use crate::service::view::{RouteCountsView, RouteRowView};
use crate::tenants::Operator;

/// As many as are kept.
const HOURS_MAX: u8 = 48;
const HOURS_DEFAULT: u8 = 24;

#[derive(Serialize)]
struct RoutesJson<'a> {
    since: Time,
    until: Time,
    routes: Vec<RowJson<'a>>,
    omitted_count: usize,
}

#[derive(Serialize)]
struct RowJson<'a> {
    provider: &'a str,
    channel: Channel,
    country: Option<&'a str>,
    prefix: Option<&'a str>,
    submitted: u64,
    delivered: u64,
    approved: u64,
    delivered_ratio: Option<f64>,
    conversion_ratio: Option<f64>,
}

pub(super) async fn list(
    service: &Service,
    operator: &Operator,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let view = service.route_counts(operator, hours(asked)?).await?;
    json(StatusCode::OK, &RoutesJson::new(&view))
}

/// How many hours back.
pub(super) fn hours(asked: &Asked) -> Result<u8, Problem> {
    let hours = query::hours(asked.head.uri.query(), 1..=HOURS_MAX)?;
    Ok(hours.unwrap_or(HOURS_DEFAULT))
}

impl<'a> RoutesJson<'a> {
    fn new(view: &'a RouteCountsView) -> Self {
        Self {
            since: Time(view.since_ms),
            until: Time(view.until_ms),
            routes: view.rows.iter().map(RowJson::new).collect(),
            omitted_count: view.omitted_count,
        }
    }
}

impl<'a> RowJson<'a> {
    fn new(row: &'a RouteRowView) -> Self {
        let counts = row.counts;
        Self {
            provider: &row.provider,
            channel: row.channel,
            country: row.country.as_deref(),
            prefix: row.prefix.as_deref(),
            submitted: counts.submitted,
            delivered: counts.delivered,
            approved: counts.approved,
            delivered_ratio: ratio(counts.delivered, counts.submitted),
            conversion_ratio: ratio(counts.approved, counts.submitted),
        }
    }
}

/// To three places; `None` where nothing was submitted. A receipt or an approval
/// may fall into a later hour than its message, so it may be above 1.
fn ratio(part: u64, whole: u64) -> Option<f64> {
    let thousandths = part.saturating_mul(1_000).checked_div(whole)?;
    Some(f64::from(u32::try_from(thousandths).unwrap_or(u32::MAX)) / 1_000.0)
}
