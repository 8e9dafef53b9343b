//! After the run: what became of every accepted send that no provider took.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

use crate::sends::{DeliveryKey, Open};
use crate::target::Endpoint;
use crate::tenant::Cast;
use crate::tenant::connection::Protocol;
use crate::tenant::pool::{Pool, PoolSettings};
use crate::tenant::wire::Verification;

/// Questions at once.
const CONNECTIONS: u32 = 16;
const TIMEOUT: Duration = Duration::from_secs(10);

/// How the gateway accounts for what did not arrive.
#[derive(Default)]
pub(super) struct Books {
    /// Failed, expired or canceled, by that word.
    pub(super) ended: BTreeMap<String, u64>,
    /// Everything else.
    pub(super) lost: u64,
    /// As many of the lost are queued, so they may still go out.
    pub(super) still_queued: u64,
}

/// Asks the gateways about each accepted send that no provider has taken.
///
/// # Errors
///
/// The asking itself failed.
pub(super) async fn settle(
    cast: &Arc<Cast>,
    endpoints: &[Endpoint],
    protocol: Protocol,
) -> anyhow::Result<Books> {
    let mut open = cast.sends.open();
    let mut books = Books::default();
    if open.is_empty() {
        return Ok(books);
    }
    let asking = async {
        let pool = Pool::open(PoolSettings {
            endpoints: endpoints.to_vec(),
            protocol,
            connections: CONNECTIONS,
            streams: 1,
            in_flight_max: CONNECTIONS,
            request_timeout: TIMEOUT,
        });
        let mender = tokio::task::spawn_local(Rc::clone(&pool).mend());
        let mut asked = JoinSet::new();
        loop {
            while asked.len() < CONNECTIONS as usize
                && let Some(one) = open.pop()
            {
                let (pool, cast) = (Rc::clone(&pool), Arc::clone(cast));
                asked.spawn_local(async move { fate(&pool, &cast, &one).await });
            }
            let Some(fate) = asked.join_next().await else {
                break;
            };
            books.enter(fate?);
        }
        mender.abort();
        anyhow::Ok(books)
    };
    LocalSet::new().run_until(asking).await
}

/// How the gateway calls a delivery.
enum Fate {
    Ended(&'static str),
    Queued,
    /// It says that a provider has it, or knows nothing of it, or says nothing.
    Unaccounted,
}

impl Books {
    fn enter(&mut self, fate: Fate) {
        match fate {
            Fate::Ended(how) => *self.ended.entry(how.to_owned()).or_default() += 1,
            Fate::Queued => {
                self.lost += 1;
                self.still_queued += 1;
            }
            Fate::Unaccounted => self.lost += 1,
        }
    }
}

async fn fate(pool: &Rc<Pool>, cast: &Cast, open: &Open) -> Fate {
    let path = format!("/v1/verifications/{}", open.verification);
    let build = |endpoint: &Endpoint| cast.requests.get(endpoint, &path);
    let Ok(answer) = pool.call(Instant::now(), None, build).await else {
        return Fate::Unaccounted;
    };
    let verification = Verification::read(&answer.body);
    let delivery = verification.as_ref().and_then(|verification| {
        let deliveries = &verification.deliveries;
        deliveries
            .iter()
            .find(|one| DeliveryKey::of(one.id) == open.key)
    });
    match delivery.map(|delivery| delivery.status) {
        Some("failed") => Fate::Ended("failed"),
        Some("expired") => Fate::Ended("expired"),
        Some("canceled") => Fate::Ended("canceled"),
        Some("queued") => Fate::Queued,
        Some(_) | None => Fate::Unaccounted,
    }
}
