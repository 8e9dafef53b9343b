//! What a tenant is to hear of is told whatever goes wrong between a change and
//! its telling.

use serde_json::json;

use super::world::{Kept, MINUTE, Stand, World, text};
use crate::support::numbers;
use crate::support::redis_server::RedisServer;

impl World {
    /// A code that was sent and typed back, and nobody told yet.
    async fn approves_a_code(&self) {
        let number = numbers::us_number();
        let asked = json!({ "to": number });
        let (status, started) = self.post("/v1/verifications", asked).await;
        assert_eq!(status, 201, "{started}");
        self.checks(&number, &text(&started["id"])).await;
    }

    async fn checks(&self, number: &str, id: &str) {
        let check = json!({ "code": self.code_to(number).await });
        let path = format!("/v1/verifications/{id}/check");
        let (status, checked) = self.post(&path, check).await;
        assert_eq!(status, 200, "{checked}");
    }

    fn redis(&self) -> &RedisServer {
        match &self.stores().kept {
            Kept::InRedis(server, _) => server,
            Kept::OnDisk(_) => panic!("this story is one of Redis"),
        }
    }

    fn keys(&self, pattern: &str) -> Vec<String> {
        self.redis().command(&format!("KEYS {pattern}"))
    }
}

/// As where the store lost it, or never took it, though it took the send.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_record_whose_watch_was_lost_the_tenant_hears_when_it_changes() {
    let world = World::over(Stand::Redis).await;
    let number = numbers::us_number();
    let asked = json!({ "to": number });
    let (status, started) = world.post("/v1/verifications", asked).await;
    assert_eq!(status, 201, "{started}");
    world.is_quiet().await;
    world.tick().await;
    for pattern in ["*}w:*", "*}webhook-ledger"] {
        let keys = world.keys(pattern);
        assert_eq!(keys.len(), 1, "{keys:?}");
        world.redis().command::<()>(&format!("DEL {}", keys[0]));
    }
    world.checks(&number, &text(&started["id"])).await;
    world.tick().await;
    // It is made now, and looked at when it is due.
    world.advance(MINUTE);
    world.tick().await;
    assert_eq!(world.told_of("verification.approved").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_fails_keeps_nothing_back_in_the_others() {
    let mut world = World::over(Stand::Redis).await;
    let ledgers = async || {
        world.approves_a_code().await;
        let mut ledgers = world.keys("*}webhook-ledger");
        ledgers.sort();
        ledgers
    };
    let first = loop {
        let found = ledgers().await;
        if found.len() > 1 {
            break found[0].clone();
        }
    };
    // Nobody is woken: who died knew.
    world.crash().await;
    world.advance(MINUTE);
    world.redis().command::<()>(&format!("SET {first} broken"));
    world.tick().await;

    let shard = first.trim_end_matches("webhook-ledger");
    let watches = world.keys("*}w:*");
    let elsewhere = watches.iter().filter(|key| !key.starts_with(shard));
    let told = world.told_of("verification.approved").len();
    assert_eq!(told, elsewhere.count(), "{watches:?}");
    assert!(told < watches.len(), "no shard has failed");
}
