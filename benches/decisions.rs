//! What deciding costs, without any storage: the route, the limits, and the
//! start itself, as both stores decide it.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use watchword::admission::gcra::GcraRule;
use watchword::admission::limits::{LimitAsk, LimitKey, LimitRule, LimitState, LimitStep};
use watchword::config::{Region, RegionSet};
use watchword::delivery::NewDelivery;
use watchword::id::{RecordId, Shard};
use watchword::keys::random;
use watchword::routing::{Destination, Draw, Route, RoutingTable, Strategy};
use watchword::verification::{
    ClientClass, CodeDigest, IdentityTag, LiveRecords, NumberRecord, NumberTag, OperationId,
    Record, RecordKind, SendPolicy, Start, TenantTag, start,
};
use watchword_providers::Channel;

const NOW_MS: u64 = 1_800_000_000_000;
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;

/// The default limits of one (tenant, number).
fn rules() -> Vec<GcraRule> {
    [(2, MINUTE_MS), (5, 10 * MINUTE_MS), (10, DAY_MS)]
        .map(|(count, per_ms)| GcraRule { count, per_ms })
        .into()
}

fn route(countries: Option<RegionSet>) -> Route {
    Route {
        channel: Channel::Sms,
        tenants: Vec::new(),
        countries,
        prefixes: Vec::new(),
        purposes: Vec::new(),
        strategy: Strategy::Ordered,
        hops: vec!["hook-a".into(), "hook-b".into(), "hook-c".into()],
    }
}

/// A route for each of some countries, and one for all others, which comes last.
fn routing(criterion: &mut Criterion) {
    let countries = ["GB", "DE", "FR", "IT", "ES", "NL", "SE", "PL", "IN", "BR"];
    let of_country = |country: &str| {
        let named = Region::Named(country.to_owned());
        route(Some(RegionSet::from_iter([named])))
    };
    let table = RoutingTable {
        routes: countries
            .into_iter()
            .map(of_country)
            .chain([route(None)])
            .collect(),
    };
    let to = Destination {
        tenant: "acme",
        channel: Channel::Sms,
        region: "US",
        e164: "+14155550123",
        purpose: "sign_in",
        has_extension: false,
    };
    criterion.bench_function("decisions/route_of_eleven", |bencher| {
        bencher.iter(|| {
            let route = table.route(black_box(to))?;
            Some(route.hops(Draw::Take, |hop| hop == "hook-a", |_| false))
        });
    });
}

fn limits(criterion: &mut Criterion) {
    let shard = Shard::new(7).expect("a small number names a shard");
    let ask = LimitAsk {
        key: LimitKey {
            shard,
            tag: random(),
        },
        rules: rules().into_iter().map(LimitRule::Rate).collect(),
        step: LimitStep::Take,
        operation: OperationId(random()),
    };
    criterion.bench_function("decisions/limit_allows", |bencher| {
        bencher.iter_batched_ref(
            LimitState::default,
            |state| state.apply(black_box(&ask), NOW_MS),
            BatchSize::SmallInput,
        );
    });
    let mut spent = LimitState::default();
    for _ in 0..2 {
        let operation = OperationId(random());
        let take = LimitAsk {
            operation,
            ..ask.clone()
        };
        assert_eq!(spent.apply(&take, NOW_MS), Ok(()));
    }
    assert!(spent.apply(&ask, NOW_MS).is_err());
    criterion.bench_function("decisions/limit_refuses", |bencher| {
        bencher.iter(|| spent.apply(black_box(&ask), NOW_MS));
    });
}

/// Nothing is live where nothing is known.
struct Nothing;

impl LiveRecords for Nothing {
    fn record(&mut self, _id: RecordId) -> Option<&mut Record> {
        None
    }
}

fn first_start(criterion: &mut Criterion) {
    let shard = Shard::new(7).expect("a small number names a shard");
    let ask = Start {
        id: RecordId {
            shard,
            random: random(),
        },
        kind: RecordKind::Verification,
        tenant: TenantTag(random()),
        number: NumberTag(random()),
        identity: IdentityTag(random()),
        custom_code: None,
        wants_new_code: false,
        client: ClientClass::Unknown,
        lifetime_ms: 10 * MINUTE_MS,
        checks_max: 5,
        digest: Some(CodeDigest {
            key_id: "k1".into(),
            mac: vec![7; 32],
        }),
        details: vec![7; 96],
        code: Some(vec![7; 40]),
        delivery: Some(NewDelivery {
            channel: Channel::Sms,
            fallback: Vec::new(),
            first_provider: Some("hook-a".into()),
        }),
        policy: SendPolicy {
            rules: rules(),
            resend_waits_ms: vec![30_000, 60_000, 120_000],
            sends_max: 5,
            live_max: 3,
            quiet_ms: MINUTE_MS,
            lease_ms: 15_000,
        },
    };
    criterion.bench_function("decisions/first_start", |bencher| {
        bencher.iter_batched_ref(
            NumberRecord::default,
            |number| start(black_box(&ask), number, &mut Nothing, NOW_MS),
            BatchSize::SmallInput,
        );
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = routing, limits, first_start
}
criterion_main!(benches);
