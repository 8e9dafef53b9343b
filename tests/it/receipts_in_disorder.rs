//! Thousands of receipts at once: shuffled, doubled, forged, and many before
//! their submit answers. Every attempt ends as its script says, nothing acts
//! twice, and nothing forged acts at all.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::Value;

use crate::support::client::Client;
use crate::support::fake_provider::{Behaviour, FakeProvider, Submission};
use crate::support::gateway_config::ProviderEntry;
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::receipts::Receipt;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

/// Ten for each message.
const RECEIPTS: usize = 10_000;
const MESSAGES: usize = RECEIPTS / 10;
/// At once, so that the providers' answers are far behind the receipts.
const BATCH: usize = 250;
/// As many connections as a provider would use.
const POSTS_AT_ONCE: usize = 32;
const ANSWERS_LATE: Duration = Duration::from_millis(1200);

/// What truly becomes of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Delivered,
    Undelivered,
    Unheard,
}

impl Fate {
    fn of(place: usize) -> Self {
        match place % 3 {
            0 => Self::Delivered,
            1 => Self::Undelivered,
            _ => Self::Unheard,
        }
    }

    /// What its provider reports, again and again.
    fn honest(self) -> [&'static str; 5] {
        match self {
            Self::Delivered => ["sent", "delivered", "delivered", "sent", "delivered"],
            Self::Undelivered => ["undelivered", "sent", "undelivered", "sent", "undelivered"],
            Self::Unheard => ["sent"; 5],
        }
    }

    /// What somebody who wishes ill would say.
    fn opposite(self) -> &'static str {
        match self {
            Self::Delivered | Self::Unheard => "undelivered",
            Self::Undelivered => "delivered",
        }
    }

    /// Of the delivery, what was reported of its first attempt, and how many
    /// attempts there are. The second provider takes everything and says nothing.
    fn end(self) -> (&'static str, &'static str, usize) {
        match self {
            Self::Delivered => ("delivered", "delivered", 1),
            Self::Undelivered => ("submitted", "undelivered", 2),
            Self::Unheard => ("submitted", "sent", 1),
        }
    }
}

/// A receipt and the status it has to be answered with.
struct Post(Receipt, u16);

fn posts(provider: &FakeProvider, message: &Submission, fate: Fate) -> Vec<Post> {
    let honest = fate.honest();
    let honest = honest.map(|status| Post(Receipt::of(provider, message, status), 204));
    let ill = |status| Receipt::of(provider, message, status);
    let believed_by_nobody = [
        Post(ill(fate.opposite()).forged(), 403),
        Post(ill(fate.opposite()).forged(), 403),
        Post(ill(fate.opposite()).stale(), 403),
        Post(ill(fate.opposite()).altered_at_its_end(), 404),
        Post(ill("delivered").forged(), 403),
    ];
    honest.into_iter().chain(believed_by_nobody).collect()
}

/// Fisher and Yates with a generator that repeats itself.
fn shuffle(posts: &mut [Post], seed: u64) {
    let mut state = seed;
    for last in (1..posts.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let drawn = usize::try_from(state >> 33).expect("31 bits");
        posts.swap(last, drawn % (last + 1));
    }
}

fn end_of(verification: &Value) -> (String, String, usize) {
    let delivery = &verification["deliveries"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (
        text(&delivery["status"]),
        text(&delivery["attempts"][0]["receipt"]["status"]),
        delivery["attempts"].as_array().map_or(0, Vec::len),
    )
}

/// Starts a batch; its verifications' ids by number.
async fn started(client: &Client) -> HashMap<String, String> {
    let start = async |_| {
        let number = numbers::us_number();
        let id = client.start(&number).await.expect(201).id();
        (number, id)
    };
    let starts = stream::iter(0..BATCH).map(start);
    starts.buffer_unordered(POSTS_AT_ONCE).collect().await
}

async fn post_all(posts: Vec<Post>) {
    let provider = Client::without_key();
    let post = async |Post(receipt, status): Post| {
        receipt.post_over(&provider).await.expect(status);
    };
    stream::iter(posts)
        .for_each_concurrent(POSTS_AT_ONCE, post)
        .await;
}

async fn every_attempt_ends_as_its_script_says(mut scenario: Scenario) {
    let first = scenario.provider("hook-a").await;
    let second = scenario.provider("hook-b").await;
    let mut config = scenario.config_without_providers();
    let reports = ProviderEntry::new(&first).with_receipts();
    let wide = reports.attempt_timeout(Duration::from_secs(10));
    config.provider(wide.line("concurrency_max = 1000"));
    config.provider(ProviderEntry::new(&second).line("concurrency_max = 1000"));
    config.set("log", "level", r#""error""#);
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    // Every other answer is behind the receipts.
    first.choose(
        |message| match message.to.ends_with(['0', '2', '4', '6', '8']) {
            true => Behaviour::AcceptAfter(ANSWERS_LATE),
            false => Behaviour::Accept,
        },
    );
    let mut fates: HashMap<String, Fate> = HashMap::new();
    for batch in 0..MESSAGES / BATCH {
        let ids = started(&client).await;
        let sent = (batch + 1) * BATCH;
        assert!(
            first.has_count(sent, ARRIVES_WITHIN).await,
            "{}",
            first.count()
        );
        let messages = first.submissions();
        let mut all: Vec<Post> = Vec::new();
        for message in &messages[batch * BATCH..] {
            let fate = Fate::of(fates.len());
            fates.insert(ids[&message.to].clone(), fate);
            all.extend(posts(&first, message, fate));
        }
        shuffle(&mut all, 7 + batch as u64);
        post_all(all).await;
    }
    let lost = fates
        .values()
        .filter(|fate| **fate == Fate::Undelivered)
        .count();
    assert!(second.has_count(lost, ARRIVES_WITHIN).await);
    let judge = async |(id, fate): (&String, &Fate)| {
        let seen = async || client.verification(id).await.expect(200).json();
        let (status, receipt, attempts) = fate.end();
        let expected = (status.to_owned(), receipt.to_owned(), attempts);
        let ends = eventually(ARRIVES_WITHIN, async || end_of(&seen().await) == expected);
        assert!(ends.await, "{expected:?} is {}", seen().await);
    };
    stream::iter(&fates)
        .for_each_concurrent(POSTS_AT_ONCE, judge)
        .await;
    assert_eq!((first.count(), first.duplicates()), (MESSAGES, 0));
    assert_eq!((second.count(), second.duplicates()), (lost, 0));
    let refused = gateway.metric("watchword_receipts_refused_total", &["hook-a"]);
    assert!((refused.await - 5.0 * MESSAGES as f64).abs() < 0.5);
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_receipts_in_disorder_end_every_attempt_as_its_script_says_on_redis() {
    every_attempt_ends_as_its_script_says(Scenario::on_redis().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_receipts_in_disorder_end_every_attempt_as_its_script_says_on_embedded() {
    every_attempt_ends_as_its_script_says(Scenario::on_embedded()).await;
}
