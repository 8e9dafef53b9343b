//! What became of messages over each route, for operators.

use std::collections::HashMap;

use super::view::{RouteCountsView, RouteRowView};
use super::{Answer, Service};
use crate::routing::{HOUR_MS, RouteCounts, RouteKey};
use crate::tenants::Operator;

/// Rows of one answer, those with most messages first.
const ROWS_SHOWN_MAX: usize = 1_000;

impl Service {
    /// What the fleet has counted in the last hours, this one included: all but
    /// the last few seconds of each node. Each hour is one question to the store.
    ///
    /// # Errors
    ///
    /// [`super::error::ServiceError`]: the store could not be asked.
    pub async fn route_counts(&self, operator: &Operator, hours: u8) -> Answer<RouteCountsView> {
        tracing::debug!(operator = %operator.name, hours, "counts of routes read");
        let now_ms = self.shared.store_now_ms();
        let this_hour = now_ms / HOUR_MS;
        let first_hour = (this_hour + 1).saturating_sub(u64::from(hours));
        let mut sums: HashMap<RouteKey, RouteCounts> = HashMap::new();
        for hour in first_hour..=this_hour {
            let rows = self.shared.store.route_counts(hour).await;
            let rows = rows.map_err(|error| self.store_error("route_counts", &error))?;
            for (key, counts) in rows {
                sums.entry(key).or_default().add(counts);
            }
        }
        let mut rows: Vec<(RouteKey, RouteCounts)> = sums.into_iter().collect();
        rows.sort_by(|(one_key, one), (other_key, other)| {
            let by_messages = other.submitted.cmp(&one.submitted);
            by_messages.then_with(|| one_key.cmp(other_key))
        });
        let omitted_count = rows.len().saturating_sub(ROWS_SHOWN_MAX);
        rows.truncate(ROWS_SHOWN_MAX);
        Ok(RouteCountsView {
            since_ms: first_hour.saturating_mul(HOUR_MS),
            until_ms: now_ms,
            rows: rows.into_iter().map(row).collect(),
            omitted_count,
        })
    }
}

fn row((key, counts): (RouteKey, RouteCounts)) -> RouteRowView {
    RouteRowView {
        country: key.area.country().map(str::to_owned),
        prefix: key.area.prefix(),
        provider: key.provider,
        channel: key.channel,
        counts,
    }
}
