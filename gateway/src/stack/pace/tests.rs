use std::sync::atomic::{AtomicU32, Ordering};

use tokio::task::JoinSet;
use tokio::time::{advance, sleep};

use super::state::KEPT;
use super::*;
use crate::admission::limits::LimitKey;
use crate::admission::turns::{TurnState, TurnsAsk};
use crate::id::Shard;
use crate::verification::OperationId;

const RATE: f64 = 20.0;
/// The rate divided by a fleet of four.
const ALONE: f64 = 5.0;

/// A store that all nodes of a test ask.
#[derive(Clone)]
struct FakeStore(Arc<FakeState>);

struct FakeState {
    born: Instant,
    rule: TurnRule,
    turns: Mutex<TurnState>,
    asked: AtomicU32,
    /// `None`: it cannot be reached.
    answers_after: Mutex<Option<Duration>>,
    told: Mutex<Vec<Sharing>>,
}

impl FakeStore {
    fn new(rate_per_s: f64) -> Self {
        Self(Arc::new(FakeState {
            born: Instant::now(),
            rule: rule(rate_per_s),
            turns: Mutex::default(),
            asked: AtomicU32::new(0),
            answers_after: Mutex::new(Some(Duration::from_millis(1))),
            told: Mutex::default(),
        }))
    }

    fn answers_after(&self, latency: Option<Duration>) {
        *self.0.answers_after.lock().unwrap() = latency;
    }

    fn asked(&self) -> u32 {
        self.0.asked.load(Ordering::Relaxed)
    }

    fn told(&self) -> Vec<Sharing> {
        self.0.told.lock().unwrap().clone()
    }

    fn node(&self, rate_per_s: f64) -> Arc<Pace> {
        Arc::new(Pace::shared(rate_per_s, ALONE, self.clone()))
    }
}

#[async_trait]
impl TurnSource for FakeStore {
    async fn turns(&self, count: u32) -> Option<Turns> {
        let number = self.0.asked.fetch_add(1, Ordering::Relaxed);
        let latency = *self.0.answers_after.lock().unwrap();
        let latency = latency?;
        sleep(latency / 2).await;
        let ask = TurnsAsk {
            key: LimitKey {
                shard: Shard::of_hash(1, 64),
                tag: [1; 16],
            },
            rule: self.0.rule,
            count,
            operation: OperationId(u128::from(number).to_be_bytes()),
        };
        let now_ms = 1_800_000_000_000 + u64::try_from(self.0.born.elapsed().as_millis()).unwrap();
        let turns = self.0.turns.lock().unwrap().take(&ask, now_ms);
        sleep(latency / 2).await;
        Some(turns)
    }

    fn sharing_changed(&self, sharing: Sharing) {
        self.0.told.lock().unwrap().push(sharing);
    }
}

async fn turns_until(pace: Arc<Pace>, start: Instant, for_so_long: Duration) -> Vec<Duration> {
    let mut had = Vec::new();
    loop {
        Arc::clone(&pace).turn().await;
        if start.elapsed() > for_so_long {
            return had;
        }
        had.push(start.elapsed());
    }
}

/// Has many in line at each node for so long; when each had its turn.
async fn busy(nodes: &[Arc<Pace>], for_so_long: Duration) -> Vec<Duration> {
    let start = Instant::now();
    let mut all = JoinSet::new();
    for pace in nodes {
        for _ in 0..50 {
            let pace = Arc::clone(pace);
            all.spawn(turns_until(pace, start, for_so_long));
        }
    }
    let mut had: Vec<Duration> = all.join_all().await.into_iter().flatten().collect();
    had.sort_unstable();
    had
}

/// What never happens: more in a window than the rate and the stated excess.
fn assert_within(rate_per_s: f64, had: &[Duration]) {
    for (first, from) in had.iter().enumerate() {
        for (last, till) in had.iter().enumerate().skip(first) {
            let most = rate_per_s * (*till - *from + KEPT).as_secs_f64() + 1.0;
            let count = f64::from(u32::try_from(last - first + 1).unwrap());
            assert!(count <= most + 1e-6, "{count} from {from:?} to {till:?}");
        }
    }
}

/// Whether it is our turn for one who goes elsewhere if it is not.
async fn turn_now(pace: &Arc<Pace>) -> bool {
    tokio::select! {
        biased;
        () = Arc::clone(pace).turn() => true,
        () = pace.answers() => false,
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_node_by_itself_keeps_to_its_rate_and_a_pause_earns_a_small_burst() {
    let pace = Pace::own(100.0);
    assert!(pace.try_turn());
    assert!(!pace.try_turn());
    advance(Duration::from_millis(9)).await;
    assert!(!pace.try_turn());
    advance(Duration::from_millis(1)).await;
    assert!(pace.try_turn());
    advance(10 * SECOND).await;
    let at_once = (0..100).filter(|_| pace.try_turn()).count();
    assert_eq!(
        at_once, 11,
        "a tenth of a second's worth, and the turn itself"
    );
}

#[tokio::test(start_paused = true)]
async fn one_busy_node_has_all_of_the_rate_and_asks_seldom() {
    let store = FakeStore::new(RATE);
    let had = busy(&[store.node(RATE)], 10 * SECOND).await;
    assert_within(RATE, &had);
    assert!(had.len() >= 200, "{}", had.len());
    assert!(store.asked() <= 100, "{}", store.asked());
}

#[tokio::test(start_paused = true)]
async fn a_high_rate_asks_no_more_often() {
    let store = FakeStore::new(1000.0);
    let nodes = [store.node(1000.0)];
    busy(&nodes, SECOND).await;
    let asked_before = store.asked();
    let had = busy(&nodes, 3 * SECOND).await;
    assert!((2900..=3251).contains(&had.len()), "{}", had.len());
    let asked = store.asked() - asked_before;
    assert!(asked <= 30, "{asked}");
}

#[tokio::test(start_paused = true)]
async fn busy_nodes_share_the_rate_and_together_keep_to_it() {
    let store = FakeStore::new(RATE);
    let nodes = [store.node(RATE), store.node(RATE), store.node(RATE)];
    let had = busy(&nodes, 10 * SECOND).await;
    assert_within(RATE, &had);
    assert!(had.len() >= 190, "{}", had.len());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_needs_no_turn_takes_none_from_the_others() {
    let store = FakeStore::new(RATE);
    let (idle, busy_node) = (store.node(RATE), store.node(RATE));
    assert!(turn_now(&idle).await);
    sleep(SECOND).await;
    let asked_before = store.asked();
    assert_eq!(asked_before, 1, "one turn, one question");
    let had = busy(&[busy_node], 5 * SECOND).await;
    assert!(had.len() >= 100, "{}", had.len());
}

#[tokio::test(start_paused = true)]
async fn who_goes_elsewhere_waits_for_the_store_but_not_for_a_turn() {
    let store = FakeStore::new(RATE);
    let pace = store.node(RATE);
    let at_once = futures_util::future::join_all((0..8).map(|_| turn_now(&pace))).await;
    let got = at_once.iter().filter(|has_turn| **has_turn).count();
    assert_eq!(got, 3, "what a pause has earned, and the turn itself");
    let asked_before = store.asked();
    assert!(!turn_now(&pace).await);
    assert_eq!(store.asked(), asked_before, "the answer is known");
    sleep(SECOND).await;
    assert!(turn_now(&pace).await);
}

#[tokio::test(start_paused = true)]
async fn turns_are_had_in_the_order_of_arrival_and_who_leaves_costs_none() {
    let store = FakeStore::new(RATE);
    let pace = store.node(RATE);
    let (had, mut order) = tokio::sync::mpsc::channel(20);
    let mut all = Vec::new();
    for number in 0..20_u32 {
        let (pace, had) = (Arc::clone(&pace), had.clone());
        all.push(tokio::spawn(async move {
            pace.turn().await;
            had.send((Instant::now(), number)).await.unwrap();
        }));
        tokio::task::yield_now().await;
    }
    for leaver in [4, 5, 6, 7] {
        all[leaver].abort();
    }
    drop(had);
    let mut came = Vec::new();
    while let Some(turn) = order.recv().await {
        came.push(turn);
    }
    came.sort_unstable();
    let came: Vec<u32> = came.into_iter().map(|(_, number)| number).collect();
    let stayed: Vec<u32> = (0..20).filter(|number| !(4..8).contains(number)).collect();
    assert_eq!(came, stayed);
    assert!(pace.desk.lock().is_nobody_waiting());
    // Three at once, thirteen at the rate.
    let took = store.0.born.elapsed();
    assert!(took < Duration::from_millis(13 * 50 + 60), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn without_the_store_a_node_goes_by_its_own_part() {
    let store = FakeStore::new(RATE);
    store.answers_after(None);
    let pace = store.node(RATE);
    let had = busy(&[Arc::clone(&pace)], 10 * SECOND).await;
    assert_within(ALONE, &had);
    assert!(had.len() >= 49, "{}", had.len());
    assert!(store.asked() <= 22, "{}", store.asked());
    assert_eq!(store.told(), [Sharing::Shared, Sharing::Alone]);
    store.answers_after(Some(Duration::from_millis(1)));
    sleep(SECOND).await;
    let had = busy(&[pace], 10 * SECOND).await;
    assert_within(RATE, &had);
    assert!(had.len() >= 195, "{}", had.len());
    assert_eq!(
        store.told(),
        [Sharing::Shared, Sharing::Alone, Sharing::Shared]
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_goes_away_under_load_costs_no_more_than_a_part_of_a_second() {
    let store = FakeStore::new(RATE);
    let pace = store.node(RATE);
    let leaving = store.clone();
    let left_at = 5 * SECOND + Duration::from_millis(130);
    let leaver = tokio::spawn(async move {
        sleep(left_at).await;
        leaving.answers_after(None);
    });
    let had = busy(&[pace], 15 * SECOND).await;
    leaver.await.unwrap();
    assert_within(RATE, &had);
    // What the store gave lasts a moment longer than the store.
    let later: Vec<Duration> = had
        .into_iter()
        .filter(|moment| *moment > left_at + AHEAD)
        .collect();
    assert_within(ALONE, &later);
    assert!(later.len() >= 47, "{}", later.len());
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_is_one_that_cannot_say() {
    let store = FakeStore::new(RATE);
    store.answers_after(Some(Duration::from_millis(400)));
    let pace = store.node(RATE);
    let asked_at = Instant::now();
    Arc::clone(&pace).turn().await;
    assert!(asked_at.elapsed() <= ANSWER_WITHIN + Duration::from_millis(2));
    let had = busy(&[pace], 10 * SECOND).await;
    assert_within(ALONE, &had);
    assert_eq!(store.told(), [Sharing::Shared, Sharing::Alone]);
}

#[tokio::test(start_paused = true)]
async fn turns_that_took_long_to_come_are_not_used_late() {
    let store = FakeStore::new(RATE);
    store.answers_after(Some(Duration::from_millis(200)));
    let nodes = [store.node(RATE), store.node(RATE)];
    let had = busy(&nodes, 10 * SECOND).await;
    assert_within(RATE, &had);
    assert!(had.len() >= 120, "{}", had.len());
}
