//! The story of the new number, as `docs/examples/new-number.sh` tells it: the
//! owner's, and the thief's. The script insists on every answer itself. And the
//! page for identity teams, followed to the letter.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::support::ports;
use crate::support::process;
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

/// The page's commands, in their order: those that readers paste.
fn commands() -> String {
    let page = include_str!("../../../docs/new-number.md");
    let blocks = page.split("\n```sh try\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("\n```").next().unwrap_or_default());
    let blocks: Vec<&str> = blocks.collect();
    assert!(blocks.len() >= 8, "the page has commands to try");
    blocks.join("\n")
}

#[tokio::test]
async fn the_page_for_identity_teams_can_be_followed_to_the_letter() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (port, admin) = (ports::free_port(), ports::free_port());
    let mut sandbox = Command::new(env!("CARGO_BIN_EXE_watchword"))
        .current_dir(directory.path())
        .env("WATCHWORD__SERVER__LISTEN", format!("127.0.0.1:{port}"))
        .env(
            "WATCHWORD__SERVER__ADMIN_LISTEN",
            format!("127.0.0.1:{admin}"),
        )
        // Readers are not so fast.
        .env("WATCHWORD__LIMITS__SENDS_PER_SUBJECT__0__COUNT", "1000")
        .env("WATCHWORD__LIMITS__SENDS_PER_SUBJECT__0__PER_S", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the gateway was built");
    let is_up = async || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    assert!(process::eventually(ENDS_WITHIN, is_up).await);

    let commands = commands().replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"));
    let mut reader = Command::new("bash");
    reader
        .args(["-euo", "pipefail", "-c", &commands])
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let read = tokio::time::timeout(ENDS_WITHIN, reader.output()).await;
    let read = read.expect("the page ends").expect("bash is there");
    let shown = String::from_utf8_lossy(&read.stdout);
    let mistakes = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{shown}\n{mistakes}");
    let mut rest = &*shown;
    for what in [
        r#""status":"active""#,
        r#""status":"approved""#,
        "no_method",
        "not_found",
        r#""status":"holding""#,
        "undo with",
        r#""status":"undone""#,
        "already_undone",
        "step_up_required",
        r#""status":"rejected""#,
        "subject_frozen",
        r#""approved":true"#,
        "same_operator",
        r#""action":{"status":"done"}"#,
        "person number_change.undone",
    ] {
        let found = rest.split_once(what);
        let (_, behind) = found.unwrap_or_else(|| panic!("{what} is not in its place in\n{shown}"));
        rest = behind;
    }
    sandbox.kill().await.expect("the sandbox runs");
}
