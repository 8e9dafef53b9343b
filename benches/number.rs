//! What reading a number costs: our parse (on `rlibphonenumber`) beside
//! `phonenumber`, for one country and for twenty mixed. `phonenumber` keeps a
//! hundred compiled patterns, which one country fits in and twenty do not.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use watchword::number;

/// One mobile number from each of twenty numbering plans.
const TWENTY_COUNTRIES: [&str; 20] = [
    "+12015550123",
    "+447400123456",
    "+4915123456789",
    "+33612345678",
    "+393123456789",
    "+34612345678",
    "+31612345678",
    "+46701234567",
    "+48512345678",
    "+79123456789",
    "+905012345678",
    "+918123456789",
    "+819012345678",
    "+821020000000",
    "+8613123456789",
    "+61412345678",
    "+5511961234567",
    "+522221234567",
    "+2348021234567",
    "+971501234567",
];

fn parse_with_ours(text: &str) -> bool {
    number::parse(black_box(text), None).is_ok()
}

/// The same answers: validity, region, type and E.164.
fn parse_with_phonenumber(text: &str) -> bool {
    let Ok(parsed) = phonenumber::parse(None, black_box(text)) else {
        return false;
    };
    black_box(parsed.number_type(&phonenumber::metadata::DATABASE));
    black_box(parsed.country().id());
    black_box(parsed.format().mode(phonenumber::Mode::E164).to_string());
    parsed.is_valid()
}

fn bench(criterion: &mut Criterion) {
    number::warm();
    let one_country = &TWENTY_COUNTRIES[1..2];
    for (name, texts) in [
        ("one_country", one_country),
        ("twenty_countries", TWENTY_COUNTRIES.as_slice()),
    ] {
        let mut group = criterion.benchmark_group(format!("number/{name}"));
        group.throughput(Throughput::Elements(texts.len() as u64));
        for (engine, parse) in [
            ("ours", parse_with_ours as fn(&str) -> bool),
            ("phonenumber", parse_with_phonenumber),
        ] {
            assert!(texts.iter().all(|text| parse(text)));
            group.bench_function(engine, |bencher| {
                bencher.iter(|| texts.iter().filter(|text| parse(text)).count());
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = bench
}
criterion_main!(benches);
