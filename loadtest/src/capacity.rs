//! What the tester itself costs: its generator against a socket that only
//! answers, and its carrier under a client that only posts.
//!
//! Counted in CPU time of their threads, so that what stands on the other side,
//! and who else is on the machine, hardly changes the figures.

mod bare;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::oneshot;
use tokio::time::Instant;

use self::bare::{AnsweringSocket, post_all};
use crate::carrier::signature::Secret;
use crate::carrier::{Carrier, CarrierSettings};
use crate::histogram::Histogram;
use crate::people::{Addresses, Country};
use crate::recorder::{Recorded, Recorder};
use crate::scenario::Scenario;
use crate::sends::Sends;
use crate::target::{Endpoint, Reach};
use crate::tenant::connection::Protocol;
use crate::tenant::pool::PoolSettings;
use crate::tenant::wire::Requests;
use crate::tenant::{self, Cast};
use crate::tls::Trust;
use crate::units;

const CONNECTIONS: u32 = 64;
const SEED: u64 = 1;
/// For the connections, before the first send is due.
const RUN_UP: Duration = Duration::from_millis(500);
/// The answering socket needs none, and the generator has room for its own.
const IN_FLIGHT_MAX: u32 = 200_000;

/// What so many of something cost.
struct Cost {
    count: u64,
    cpu: Duration,
}

impl Cost {
    fn us_each(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.count.max(1) as f64
    }
}

/// Measures both, and says so in a few lines.
///
/// # Errors
///
/// Not every send was answered, or not every message taken: then the figures
/// would be of something else.
pub(crate) async fn measure(rate: f64, duration_s: f64) -> anyhow::Result<String> {
    let scenario = scenario(rate, duration_s)?;
    let (generator, late) = generator(&scenario).await?;
    let carrier = carrier(&scenario, generator.count).await?;
    let both_us = generator.us_each() + carrier.us_each();
    let line = |name: &str, us: f64| {
        let per_core = units::count((1e6 / us).round() as u64);
        format!("{name:<18}{us:>8.1} µs of CPU a send{per_core:>12} a second and core\n")
    };
    Ok([
        line("generator alone", generator.us_each()),
        line("carrier alone", carrier.us_each()),
        line("both together", both_us),
        format!(
            "{} sends at {}; the generator was late by {} at p99\n",
            units::count(generator.count),
            units::rate(rate),
            units::latency(late.percentile_us(99.0))
        ),
    ]
    .concat())
}

fn scenario(rate: f64, duration_s: f64) -> anyhow::Result<Scenario> {
    Scenario::parse(&format!(
        r#"
name = "capacity"
shows = ""
expect = ""
[[crowds]]
name = "people"
arrivals = {{ phases = [{{ for_s = {duration_s}, rate = {rate} }}] }}
never_typed_ratio = 1.0
[[providers]]
id = "a"
"#
    ))
}

/// One thread of the tenant against a socket that answers 201 to everything.
async fn generator(scenario: &Scenario) -> anyhow::Result<(Cost, Histogram)> {
    let socket = AnsweringSocket::open()?;
    let config = Trust::public().of_tenant(Protocol::Http1)?;
    let url = format!("http://{}", socket.address);
    let settings = PoolSettings {
        endpoints: vec![Endpoint::parse(&url, Reach::LoopbackOnly, &config)?],
        protocol: Protocol::Http1,
        connections: CONNECTIONS,
        streams: 1,
        in_flight_max: IN_FLIGHT_MAX,
        request_timeout: Duration::from_secs(10),
    };
    let cast = Arc::new(Cast {
        crowds: scenario.crowds.clone(),
        countries: vec![Country::new("US", SEED)?],
        addresses: Addresses::new(SEED),
        requests: Requests::new("key", Protocol::Http1, None)?,
        sends: Arc::new(Sends::default()),
        seed: SEED,
        start: Instant::now() + RUN_UP,
        // No message comes: there is nobody to wait for.
        settle: Duration::from_secs(1),
        workers: 1,
        is_stopped: AtomicBool::new(false),
    });
    let (parts, _unread) = mpsc::channel();
    let recorder = Recorder::new(cast.start, parts);
    let thread = std::thread::Builder::new()
        .name("generator".to_owned())
        .spawn(move || {
            let recorded = tenant::run(&cast, 0, settings, recorder)?;
            anyhow::Ok((recorded, cpu_of_this_thread()))
        })?;
    let ended = tokio::task::spawn_blocking(move || thread.join()).await?;
    let (recorded, cpu): (Recorded, Duration) =
        ended.map_err(|_| anyhow!("the generator died"))??;
    let counts = &recorded.counts;
    ensure!(
        counts.due > 0 && counts.accepted == counts.due,
        "of {} sends {} were answered: lower --rate",
        counts.due,
        counts.accepted
    );
    let cost = Cost {
        count: counts.due,
        cpu,
    };
    Ok((cost, recorded.lateness))
}

fn cpu_of_this_thread() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(spent.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(spent.tv_nsec.unsigned_abs())
}

/// One thread of the carrier under messages that a gateway might have signed.
async fn carrier(scenario: &Scenario, messages: u64) -> anyhow::Result<Cost> {
    let (secret, sends) = (Secret::draw()?, Arc::new(Sends::default()));
    let settings = CarrierSettings {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        threads: 1,
        providers: scenario.providers.clone(),
        secret: Some(secret.clone()),
        seed: SEED,
        reach: Reach::LoopbackOnly,
        tls: Trust::public().config()?,
    };
    let carrier = Carrier::start(settings, Arc::clone(&sends)).await?;
    let (parts, _unread) = mpsc::channel();
    carrier.begin(Instant::now(), parts);
    let posts = posts(messages, &secret, &sends)?;
    let before = cpu_of_threads("carrier-")?;
    post_all(carrier.address, posts, CONNECTIONS).await?;
    let cpu = cpu_of_threads("carrier-")?.saturating_sub(before);
    let counts = carrier.finish().await?.counts;
    ensure!(
        counts.in_hand == messages && counts.strangers == 0,
        "of {messages} messages {} came to hands",
        counts.in_hand
    );
    Ok(Cost {
        count: messages,
        cpu,
    })
}

/// Messages as a gateway posts them, each to a number that waits for it.
fn posts(messages: u64, secret: &Secret, sends: &Sends) -> anyhow::Result<Vec<Vec<u8>>> {
    let people = Country::new("US", SEED)?;
    let now = jiff::Timestamp::now().as_second().to_string();
    let post = |number: u64| {
        let to = people.draw();
        // Nobody types: whoever would hear of the message is gone.
        let (waiting, _) = oneshot::channel();
        sends.ask(to, 0, Instant::now(), waiting);
        let id = format!("dlv_01{number:032x}-1");
        let body = format!(
            r#"{{"reference":"{id}","to":"+{}","channel":"sms","text":"568611 is your Loadtest code. It expires in 10 minutes. Do not share it with anyone.","speech":null,"sender":"Loadtest","locale":"en","expires_at":"2026-01-01T00:10:00.000Z","receipt_url":null}}"#,
            to.0
        );
        let signature = secret.sign_webhook(&id, &now, body.as_bytes());
        format!(
            "POST /a/send HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
             webhook-id: {id}\r\nwebhook-timestamp: {now}\r\nwebhook-signature: {signature}\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    };
    Ok((0..messages).map(post).collect())
}

/// CPU time of our threads whose names begin so.
fn cpu_of_threads(name: &str) -> anyhow::Result<Duration> {
    let mut cpu_ns = 0;
    for thread in fs::read_dir("/proc/self/task").context("the kernel tells nothing")? {
        let thread = thread?.path();
        // It may have ended meanwhile.
        let Ok(called) = fs::read_to_string(thread.join("comm")) else {
            continue;
        };
        if called.starts_with(name) {
            let counted = fs::read_to_string(thread.join("schedstat"))?;
            cpu_ns += counted
                .split(' ')
                .next()
                .unwrap_or_default()
                .parse::<u64>()?;
        }
    }
    Ok(Duration::from_nanos(cpu_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_are_measured_over_every_send() {
        let text = measure(200.0, 1.0).await.unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        for (line, name) in lines.iter().zip(["generator", "carrier", "both"]) {
            assert!(
                line.starts_with(name) && line.contains(" µs of CPU"),
                "{text}"
            );
        }
    }
}
