//! What a send's cryptography costs: drawing the code, its digest, sealing code
//! and details and opening them, and the names that the store knows them by.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use watchword::code::Code;
use watchword::id::RecordId;
use watchword::keys::seal::{Field, Place, PlaceKind, open, seal};
use watchword::keys::{IndexKey, KeyRing, MasterKey, PurposeKeys, random};
use zeroize::Zeroizing;

const DIGITS: u8 = 6;
const SHARDS: u16 = 64;
const NUMBER: &str = "+14155550123";
/// As long as the details of a usual record.
const DETAILS_BYTES: usize = 64;

fn ring() -> KeyRing {
    let master = MasterKey {
        id: "k1".into(),
        secret: Zeroizing::new(random()),
        active_from_ms: None,
    };
    let index = IndexKey::new(&Zeroizing::new(random()), SHARDS);
    KeyRing::new(vec![PurposeKeys::of(&master)], "k1", index).expect("its only key is named")
}

fn bench(criterion: &mut Criterion) {
    let ring = ring();
    let tenant = ring.index().tenant("acme");
    let (shard, _) = ring.index().number(tenant, NUMBER);
    let id = RecordId {
        shard,
        random: random(),
    };
    let place = Place {
        tenant,
        kind: PlaceKind::Verification,
        id,
        field: Field::Details,
    };
    let details = [7; DETAILS_BYTES];
    let sealed = seal(ring.newest(), place, &details);
    assert!(open(&ring, place, &sealed).is_ok_and(|opened| opened[..] == details));
    let address = IpAddr::V4(Ipv4Addr::new(73, 1, 2, 3));

    let mut group = criterion.benchmark_group("code");
    group.bench_function("draw", |bencher| {
        bencher.iter(|| Code::draw(black_box(DIGITS)));
    });
    group.bench_function("digest", |bencher| {
        bencher.iter(|| ring.newest().digest(black_box(id), "428519", b""));
    });
    group.bench_function("seal_code", |bencher| {
        let place = Place {
            field: Field::Code,
            ..place
        };
        bencher.iter(|| seal(ring.newest(), black_box(place), b"428519"));
    });
    group.bench_function("seal_details", |bencher| {
        bencher.iter(|| seal(ring.newest(), black_box(place), &details));
    });
    group.bench_function("open_details", |bencher| {
        bencher.iter(|| open(&ring, black_box(place), &sealed).is_ok());
    });
    group.bench_function("names", |bencher| {
        bencher.iter(|| {
            let index = ring.index();
            let number = black_box(NUMBER);
            (
                index.number(tenant, number),
                index.identity("sign_in", None, b""),
                index.number_limit(number),
                index.address_limits("sends", tenant, address),
            )
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = bench
}
criterion_main!(benches);
