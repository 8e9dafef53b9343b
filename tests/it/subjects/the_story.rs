//! The story of the new number, as `docs/examples/new-number.sh` tells it: the
//! owner's, and the thief's. The script insists on every answer itself.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::support::redis_server::{RedisOptions, RedisServer};

/// The script waits for two holds of seconds, and starts a gateway.
const ENDS_WITHIN: Duration = Duration::from_secs(180);

async fn is_told(store_url: Option<String>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/new-number.sh");
    let mut story = Command::new("bash");
    story
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_watchword"))
        .env("HOLD_S", "3")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if let Some(url) = store_url {
        story.env("STORE_URL", url);
    }
    let told = tokio::time::timeout(ENDS_WITHIN, story.output()).await;
    let told = told.expect("the story ends").expect("bash is there");
    let text = String::from_utf8_lossy(&told.stdout);
    let mistakes = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{text}\n{mistakes}");
    for what in [
        "webhook subject.recovery_opened",
        "webhook number_change.requested",
        "webhook number_change.new_verified",
        "webhook number_change.notice",
        "webhook number_change.holding",
        "webhook number_change.completed",
        "webhook number_change.undone",
        "webhook number_change.rejected",
        "webhook subject.security_changed",
        "webhook subject.frozen",
        "webhook subject.unfrozen",
        "tenant:identity: number_change.requested",
        "system: number_change.holding",
        "system: number_change.completed",
        "person: number_change.undone",
        "person: number_change.rejected",
        "person: subject.frozen",
        "operator:ada: subject.unfrozen",
        "Nobody was locked out, and nobody let in.",
    ] {
        assert!(text.contains(what), "{what} is not in\n{text}");
    }
}

#[tokio::test]
async fn the_story_is_told_over_the_embedded_store() {
    is_told(None).await;
}

#[tokio::test]
async fn the_story_is_told_over_redis() {
    let options = RedisOptions::default().append_only("everysec");
    let starting = tokio::task::spawn_blocking(|| RedisServer::start_with(options));
    let redis = starting.await.expect("starting it does not panic");
    is_told(Some(redis.url())).await;
}
