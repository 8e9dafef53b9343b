//! Whatever happens to Redis, callers hear quickly, what was accepted is sent,
//! what was refused is not, and nobody gets a free guess.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::support::client::Client;
use crate::support::codes::wrong_codes;
use crate::support::fake_provider::FakeProvider;
use crate::support::gateway_process::Gateway;
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::redis_proxy::{Fault, RedisProxy};
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

/// The longest a caller may wait for a refusal, with what a busy machine adds.
const REFUSED_WITHIN: Duration = Duration::from_millis(1250);
/// How soon after a fault a send must be accepted again.
const RECOVERS_WITHIN: Duration = Duration::from_secs(3);
/// The shortest lease the configuration takes.
const LEASE: Duration = Duration::from_secs(5);

/// What became of one start.
#[derive(Clone, Debug)]
struct Sent {
    number: String,
    asked_at: Instant,
    took: Duration,
    /// 0: no answer.
    status: u16,
    id_or_code: String,
}

/// A gateway behind a proxy to Redis, with identity services that keep asking.
struct Faulty {
    scenario: Scenario,
    proxy: RedisProxy,
    hook: FakeProvider,
    gateway: Gateway,
    client: Client,
}

/// Starts that go on in the background until they are collected.
struct Traffic {
    sent: Arc<Mutex<Vec<Sent>>>,
    workers: JoinSet<()>,
}

impl Traffic {
    fn start(client: &Client) -> Self {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let mut workers = JoinSet::new();
        for _ in 0..4 {
            workers.spawn(keep_sending(client.clone(), Arc::clone(&sent)));
        }
        Self { sent, workers }
    }

    fn so_far(&self) -> Vec<Sent> {
        self.sent.lock().expect("no holder panics").clone()
    }

    async fn has_accepted_since(&self, moment: Instant, within: Duration) -> bool {
        eventually(within, async || {
            let sent = self.so_far();
            sent.iter()
                .any(|one| one.asked_at >= moment && one.status == 201)
        })
        .await
    }

    async fn stop(mut self) -> Vec<Sent> {
        self.workers.shutdown().await;
        self.so_far()
    }
}

async fn keep_sending(client: Client, sent: Arc<Mutex<Vec<Sent>>>) {
    loop {
        let number = numbers::us_number();
        let asked_at = Instant::now();
        let answer = client.try_start(&number).await;
        let (status, id_or_code) = match answer {
            Ok(answer) if answer.status == 201 => (201, answer.id()),
            Ok(answer) => (answer.status.as_u16(), answer.code()),
            Err(_) => (0, String::new()),
        };
        sent.lock().expect("no holder panics").push(Sent {
            number,
            asked_at,
            took: asked_at.elapsed(),
            status,
            id_or_code,
        });
        sleep(Duration::from_millis(20)).await;
    }
}

impl Faulty {
    async fn start() -> Self {
        let mut scenario = Scenario::on_redis().await;
        let proxy = RedisProxy::start(scenario.redis().address()).await;
        let hook = scenario.provider("hook-a").await;
        let mut config = scenario.config(&[&hook]);
        config.store_redis(&proxy.url());
        config.set("dispatch", "lease_s", &LEASE.as_secs().to_string());
        let gateway = scenario.started("one", &config).await;
        let client = scenario.client(&gateway);
        Self {
            scenario,
            proxy,
            hook,
            gateway,
            client,
        }
    }

    /// Sends before, during and after the fault; every promise must hold.
    async fn survives(self, fault: impl AsyncFnOnce(&Self)) {
        let traffic = Traffic::start(&self.client);
        assert!(
            traffic
                .has_accepted_since(Instant::now(), RECOVERS_WITHIN)
                .await
        );
        fault(&self).await;
        let over_at = Instant::now();
        let recovers = traffic.has_accepted_since(over_at, RECOVERS_WITHIN).await;
        println!("accepted again after {:?}", over_at.elapsed());
        let sent = traffic.stop().await;
        assert!(
            recovers,
            "nothing was accepted within {RECOVERS_WITHIN:?}: {:?}",
            sent.last()
        );
        self.assert_refusals_were_quick(&sent);
        self.assert_accepted_are_submitted(&sent).await;
        self.assert_refused_are_not_sent(&sent).await;
        self.scenario.finish().await;
    }

    fn assert_refusals_were_quick(&self, sent: &[Sent]) {
        let refused: Vec<&Sent> = sent.iter().filter(|one| one.status != 201).collect();
        let longest = refused.iter().map(|one| one.took).max().unwrap_or_default();
        println!(
            "{} starts, {} refused, the slowest after {longest:?}",
            sent.len(),
            refused.len()
        );
        for one in refused {
            assert_eq!(one.status, 503, "{one:?}");
            let codes = ["store_unavailable", "store_outcome_unknown", "overloaded"];
            assert!(codes.contains(&one.id_or_code.as_str()), "{one:?}");
            assert!(one.took < REFUSED_WITHIN, "{one:?}");
        }
    }

    async fn assert_accepted_are_submitted(&self, sent: &[Sent]) {
        let deadline = Instant::now() + LEASE * 2;
        for one in sent.iter().filter(|one| one.status == 201) {
            let is_submitted = eventually(deadline - Instant::now(), async || {
                let seen = self.client.verification(&one.id_or_code).await;
                seen.json()["deliveries"][0]["status"] == json!("submitted")
            });
            assert!(is_submitted.await, "accepted and not submitted: {one:?}");
            assert!(!self.hook.submissions_to(&one.number).is_empty(), "{one:?}");
        }
    }

    /// Neither sent nor on record, so never to be sent.
    async fn assert_refused_are_not_sent(&self, sent: &[Sent]) {
        for one in sent
            .iter()
            .filter(|one| one.id_or_code == "store_unavailable")
        {
            assert!(
                self.hook.submissions_to(&one.number).is_empty(),
                "refused and sent: {one:?}"
            );
            let path = format!("/v1/verifications?to={}", one.number.replace('+', "%2B"));
            let known = self.client.get(&path).await.expect(200).json();
            let list = known["verifications"]
                .as_array()
                .expect("a list of verifications");
            assert!(list.is_empty(), "refused and on record: {one:?}: {known}");
        }
    }
}

#[tokio::test]
async fn redis_is_stopped_for_five_seconds() {
    let faulty = Faulty::start().await;
    faulty
        .survives(async |faulty| {
            faulty.scenario.redis().stop().await;
            sleep(Duration::from_secs(5)).await;
            assert_eq!(faulty.gateway.readiness().await, Some(503));
            faulty.scenario.redis().start_again().await;
        })
        .await;
}

#[tokio::test]
async fn redis_is_killed_and_restarted() {
    let faulty = Faulty::start().await;
    faulty
        .survives(async |faulty| {
            // Lost writes of the last second are Redis's to lose: let it note them.
            let mut connection = faulty.scenario.redis().connection().await;
            redis::cmd("CONFIG")
                .arg(&["SET", "appendfsync", "always"])
                .query_async::<()>(&mut connection)
                .await
                .expect("Redis answers");
            faulty.scenario.redis().kill().await;
            faulty.scenario.redis().start_again().await;
        })
        .await;
}

#[tokio::test]
async fn redis_forgets_its_scripts() {
    let faulty = Faulty::start().await;
    faulty
        .survives(async |faulty| {
            let mut connection = faulty.scenario.redis().connection().await;
            for _ in 0..20 {
                redis::cmd("SCRIPT")
                    .arg("FLUSH")
                    .query_async::<()>(&mut connection)
                    .await
                    .expect("Redis answers");
                sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
}

#[tokio::test]
async fn redis_freezes_for_three_seconds() {
    let faulty = Faulty::start().await;
    faulty
        .survives(async |faulty| {
            faulty.scenario.redis().freeze();
            sleep(Duration::from_secs(3)).await;
            faulty.scenario.redis().resume();
        })
        .await;
}

#[tokio::test]
async fn the_network_to_redis_swallows_everything_for_three_seconds() {
    let faulty = Faulty::start().await;
    faulty
        .survives(async |faulty| {
            faulty.proxy.set(Fault::Blackhole).await;
            sleep(Duration::from_secs(3)).await;
            faulty.proxy.set(Fault::Pass).await;
        })
        .await;
}

#[tokio::test]
async fn connections_to_redis_are_reset_and_cut() {
    let faulty = Faulty::start().await;
    faulty
        .survives(async |faulty| {
            for fault in [
                Fault::Pass,
                Fault::CutRequestsAfter(900),
                Fault::CutRepliesAfter(300),
            ] {
                faulty.proxy.set(fault).await;
                faulty.proxy.reset_all();
                sleep(Duration::from_millis(700)).await;
            }
            faulty.proxy.set(Fault::Pass).await;
        })
        .await;
}

#[tokio::test]
async fn a_full_redis_takes_no_sends_and_still_answers_checks() {
    let faulty = Faulty::start().await;
    let number = numbers::us_number();
    let id = faulty.client.start(&number).await.expect(201).id();
    let code = faulty
        .hook
        .submission_to(&number, ARRIVES_WITHIN)
        .await
        .code;
    let mut connection = faulty.scenario.redis().connection().await;
    let mut set_maxmemory = async |bytes: &str| {
        redis::cmd("CONFIG")
            .arg(&["SET", "maxmemory", bytes])
            .query_async::<()>(&mut connection)
            .await
            .expect("Redis answers");
    };
    // Less than an empty Redis uses.
    set_maxmemory("500kb").await;
    let is_full = eventually(ARRIVES_WITHIN, async || {
        let answer = faulty.client.start(&numbers::us_number()).await;
        answer.status == 503 && answer.code() == "store_full"
    });
    assert!(is_full.await, "sends were taken all the same");
    let wrong = wrong_codes(&code).next().expect("there are many");
    assert_eq!(
        faulty.client.check(&id, &wrong).await.expect(422).code(),
        "code_mismatch"
    );
    faulty.client.check(&id, &code).await.expect(200);
    set_maxmemory("0").await;
    let recovers = eventually(RECOVERS_WITHIN, async || {
        faulty.client.start(&numbers::us_number()).await.status == 201
    });
    assert!(
        recovers.await,
        "sends were refused after there was room again"
    );
    faulty.scenario.finish().await;
}

#[tokio::test]
async fn a_send_made_without_an_answer_goes_out_before_its_lease_ends() {
    let faulty = Faulty::start().await;
    let number = numbers::us_number();
    faulty.proxy.set(Fault::CutRepliesAfter(0)).await;
    faulty.proxy.reset_all();
    let answer = faulty.client.start(&number).await;
    faulty.proxy.set(Fault::Pass).await;
    let refused = answer.expect(503);
    assert_eq!(refused.code(), "store_outcome_unknown");
    let asked_at = Instant::now();
    faulty.hook.submission_to(&number, ARRIVES_WITHIN).await;
    let took = asked_at.elapsed();
    assert!(took < LEASE, "it waited for its lease: {took:?}");
    faulty.scenario.finish().await;
}

#[tokio::test]
async fn no_fault_gives_a_free_guess() {
    let faulty = Faulty::start().await;
    let number = numbers::us_number();
    let id = faulty.client.start(&number).await.expect(201).id();
    let code = faulty
        .hook
        .submission_to(&number, ARRIVES_WITHIN)
        .await
        .code;
    let faults = [
        Fault::Pass,
        Fault::CutRepliesAfter(0),
        Fault::Pass,
        Fault::CutRequestsAfter(100),
        Fault::Blackhole,
        Fault::Delay(Duration::from_millis(400)),
        Fault::Refuse,
        Fault::Pass,
    ];
    let mut mismatches = 0;
    let mut wrong = wrong_codes(&code);
    for fault in faults.into_iter().cycle().take(24) {
        faulty.proxy.set(Fault::Pass).await;
        faulty.gateway.is_ready_within(RECOVERS_WITHIN).await;
        faulty.proxy.set(fault).await;
        if fault != Fault::Pass {
            faulty.proxy.reset_all();
        }
        let guess = wrong.next().expect("there are many");
        let answer = faulty.client.check(&id, &guess).await;
        assert!(
            answer.took < REFUSED_WITHIN,
            "{fault:?}: answered after {:?}",
            answer.took
        );
        match answer.status.as_u16() {
            422 => mismatches += 1,
            429 | 503 => {}
            other => panic!("{fault:?}: a check was answered {other}"),
        }
    }
    faulty.proxy.set(Fault::Pass).await;
    let is_exhausted = eventually(RECOVERS_WITHIN, async || {
        let guess = faulty.client.check(&id, &code).await;
        assert_ne!(
            guess.status, 200,
            "the right code was taken after {mismatches} wrong ones"
        );
        guess.status == 429
    });
    assert!(is_exhausted.await, "the verification was never exhausted");
    assert!(mismatches <= 5, "{mismatches} guesses were evaluated");
    faulty.scenario.finish().await;
}
