//! Stories of what became of messages, counted hour by hour.

use watchword::routing::{Area, CountRoutes, HOUR_MS, ROWS_MAX, RouteCounts, RouteKey, RouteRows};
use watchword_providers::Channel;

use super::world::*;

impl World {
    async fn this_hour(&self) -> u64 {
        self.now_ms().await / HOUR_MS
    }

    async fn counted(&self, hour: u64, rows: RouteRows) -> CountRoutes {
        let ask = CountRoutes {
            hour,
            operation: operation(),
            rows,
        };
        self.store.count_routes(&ask).await.unwrap();
        ask
    }

    async fn rows(&self, hour: u64) -> RouteRows {
        let mut rows = self.store.route_counts(hour).await.unwrap();
        rows.sort_by_key(|(key, _)| key.clone());
        rows
    }
}

fn key(provider: &str, prefix: u16) -> RouteKey {
    let [high, low] = prefix.to_be_bytes();
    RouteKey {
        provider: provider.into(),
        channel: Channel::Sms,
        area: Area::of_bytes([b'U', b'S', 0, 0, high, low]),
    }
}

fn counts(submitted: u64, delivered: u64, approved: u64) -> RouteCounts {
    RouteCounts {
        submitted,
        delivered,
        approved,
    }
}

pub(super) async fn what_several_nodes_count_adds_up(w: World) {
    let hour = w.this_hour().await;
    let (a, b) = (key("hook-a", 1415), key("hook-b", 1212));
    w.counted(hour, vec![(a.clone(), counts(3, 1, 0))]).await;
    w.counted(
        hour,
        vec![
            (b.clone(), counts(1, 0, 0)),
            (a.clone(), counts(300, 200, 70_000)),
        ],
    )
    .await;
    let expected = [(a, counts(303, 201, 70_000)), (b, counts(1, 0, 0))];
    assert_eq!(w.rows(hour).await, expected);
    assert_eq!(w.rows(hour + 1).await, []);
}

pub(super) async fn a_batch_asked_again_counts_once(w: World) {
    let hour = w.this_hour().await;
    let a = key("hook-a", 1415);
    let first = w.counted(hour, vec![(a.clone(), counts(1, 0, 0))]).await;
    for _ in 0..10 {
        w.counted(hour, vec![(a.clone(), counts(1, 0, 0))]).await;
    }
    w.store.count_routes(&first).await.unwrap();
    assert_eq!(w.rows(hour).await, [(a, counts(11, 0, 0))]);
}

pub(super) async fn an_hour_is_kept_for_two_days(w: World) {
    let now_ms = w.now_ms().await;
    let hour = now_ms / HOUR_MS;
    let a = key("hook-a", 1415);
    let ask = w.counted(hour, vec![(a.clone(), counts(1, 0, 0))]).await;
    w.advance(ask.kept_until_ms() - now_ms - MINUTE_MS);
    assert_eq!(w.rows(hour).await.len(), 1);
    w.advance(2 * MINUTE_MS);
    // What comes too late for it makes no entry that would stay.
    w.counted(hour, vec![(a, counts(1, 0, 0))]).await;
    assert_eq!(w.rows(hour).await, []);
}

pub(super) async fn however_many_areas_there_are_an_hour_has_bounded_room(w: World) {
    let hour = w.this_hour().await;
    let mut sum = 0;
    for batch in 0..3_u16 {
        let rows = (0..1_000).map(|row| (key("hook-a", 1 + batch * 1_000 + row), counts(1, 0, 0)));
        w.counted(hour, rows.collect()).await;
        sum += 1_000;
    }
    let rows = w.rows(hour).await;
    assert_eq!(rows.len(), ROWS_MAX + 1);
    assert_eq!(rows.iter().map(|(_, row)| row.submitted).sum::<u64>(), sum);
    let anywhere = rows.iter().find(|(key, _)| key.area == Area::default());
    let rest = sum - u64::try_from(ROWS_MAX).unwrap();
    assert_eq!(anywhere.unwrap().1.submitted, rest);
    // A row that is there goes on.
    w.counted(hour, vec![(key("hook-a", 1), counts(0, 1, 0))])
        .await;
    let first = w.rows(hour).await;
    assert!(first.contains(&(key("hook-a", 1), counts(1, 1, 0))));
    // Beyond twice the room nothing is kept of what has none.
    for batch in 0..3_u16 {
        let rows = (0..1_000_u16).map(|row| {
            let provider = format!("hook-{}", batch * 1_000 + row);
            (key(&provider, 1), counts(1, 0, 0))
        });
        w.counted(hour, rows.collect()).await;
    }
    assert_eq!(w.rows(hour).await.len(), 2 * ROWS_MAX);
}
