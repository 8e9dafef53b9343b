//! Many codes at once over a carrier of 300 ms, a tenth of them asked for twice.
//!
//! The suite runs this short and slow. The figures of docs/evidence/ are from
//!
//! ```sh
//! cargo build --release --bin watchword
//! ENTRA_LOAD=200x60 WATCHWORD=$PWD/target/release/watchword \
//!     cargo test --test it entra::load -- --nocapture
//! ```

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::{CALLER_WAITS, Otp, World};
use crate::support::client::Client;
use crate::support::fake_provider::Behaviour;
use crate::support::scenario::Scenario;

const CARRIER: Duration = Duration::from_millis(300);
/// Of a hundred requests, as many are repeated at once and as many a second later.
const REPEATED: usize = 5;
const P99_BELOW: Duration = Duration::from_millis(1_500);

/// Requests a second, and for how many seconds.
fn load() -> (u32, u32) {
    let Some(load) = crate::support::from_the_caller("ENTRA_LOAD") else {
        return (20, 5);
    };
    let (rate, seconds) = load.split_once('x').expect("RATExSECONDS");
    let number = |text: &str| text.parse().expect("RATExSECONDS, in digits");
    (number(rate), number(seconds))
}

/// One request at its time; what came of it, and how long after that time.
async fn ask(client: Client, otp: Otp, at: Instant) -> Result<Duration, String> {
    let envelope = otp.envelope();
    sleep_until(at).await;
    let told = envelope.post(&client, otp.request_id.as_deref()).await;
    let took = at.elapsed();
    let answer = told.answer;
    if answer.status == 200 && answer.json()["nonce"] == json!(told.nonce) {
        Ok(took)
    } else {
        Err(format!("{} {}", answer.status, answer.text("reason")))
    }
}

/// When to ask for the n-th code, and when again.
fn moments(at: usize) -> impl Iterator<Item = Duration> {
    let again = match at % 100 {
        place if place % 20 == 3 => Some(Duration::ZERO),
        place if place % 20 == 13 => Some(Duration::from_secs(1)),
        _ => None,
    };
    [Some(Duration::ZERO), again].into_iter().flatten()
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_at_a_rate_are_told_in_time_and_each_goes_out_once() {
    assert_eq!(
        (0..100).flat_map(moments).count(),
        100 + 2 * REPEATED,
        "the share of repeated requests"
    );
    let (rate, seconds) = load();
    let codes = usize::try_from(rate * seconds).expect("a bounded load");
    assert!((1..=20_000).contains(&codes), "a bounded load");
    let mut world = World::on(Scenario::on_redis().await).await;
    world.first.always(Behaviour::AcceptAfter(CARRIER));
    let gateway = world.started("one").await;
    let client = world.client(&gateway);
    let begin = Instant::now() + Duration::from_millis(200);
    let mut asking = JoinSet::new();
    let mut asked = 0;
    for at in 0..codes {
        let due = begin + Duration::from_secs(1) * u32::try_from(at).expect("bounded") / rate;
        // No sooner than that: a code is encrypted when it is wanted.
        sleep_until(due - Duration::from_millis(50)).await;
        let otp = Otp::draw(&world.recipient);
        for later in moments(at) {
            asked += 1;
            asking.spawn(ask(client.clone(), otp.clone(), due + later));
        }
    }
    let ended = asking.join_all().await;
    let took_all = begin.elapsed();
    let failed: Vec<&String> = ended.iter().filter_map(|one| one.as_ref().err()).collect();
    let mut took: Vec<Duration> = ended
        .iter()
        .filter_map(|one| one.as_ref().ok().copied())
        .collect();
    took.sort_unstable();
    let [p50, p90, p99] = [50, 90, 99].map(|percent| percentile(&took, percent));
    println!(
        "{asked} requests for {codes} codes in {took_all:?}: {} failed, {} messages, \
         {} doubled, {} to the second provider; p50 {p50:?}, p90 {p90:?}, p99 {p99:?}, max {:?}",
        failed.len(),
        world.submissions(),
        world.first.duplicates(),
        world.second.count(),
        took.last()
    );
    assert!(failed.is_empty(), "{:?}", &failed[..failed.len().min(10)]);
    assert_eq!(world.first.duplicates(), 0);
    assert_eq!((world.first.count(), world.second.count()), (codes, 0));
    assert!(p99 < P99_BELOW, "p99 {p99:?}");
    assert!(took.iter().all(|one| *one <= CALLER_WAITS));
    world.scenario.finish().await;
}
