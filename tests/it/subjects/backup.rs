//! A store that is lost and put back from its copy: its subjects are there again
//! with their holds, trails, what operators keep, and the codes that were on
//! their way, as they were when it was copied. What happened since has not.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::people::{People, text, token};
use crate::support::gateway_config::TestKey;
use crate::support::numbers;
use crate::support::process;
use crate::support::redis_server::{RedisOptions, RedisServer};
use crate::support::scenario::{Scenario, TestStore};

const ENDS_WITHIN: Duration = Duration::from_secs(40);
const COPIED_WITHIN: Duration = Duration::from_secs(20);

/// How the operations guide says to do it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The append-only directory, while Redis runs.
    AppendOnly,
    /// What `BGSAVE` writes.
    Snapshot,
    /// The embedded file, while nobody has it open.
    File,
}

#[tokio::test]
async fn subjects_come_back_from_a_copy_of_the_append_only_files() {
    come_back(Scenario::on_redis().await, Way::AppendOnly).await;
}

#[tokio::test]
async fn subjects_come_back_from_a_snapshot_on_a_fresh_redis() {
    come_back(Scenario::on_redis().await, Way::Snapshot).await;
}

#[tokio::test]
async fn subjects_come_back_from_a_copy_of_the_embedded_file() {
    come_back(Scenario::on_embedded(), Way::File).await;
}

/// What there was to see when the copy was made.
struct Before {
    ann: Value,
    ann_trail: Value,
    ben: Value,
    ben_undo: String,
    readiness: Value,
    /// The verification under way, and its code.
    pending: (String, String),
}

async fn come_back(mut scenario: Scenario, way: Way) {
    for name in ["person-ann", "person-ben"] {
        scenario.secrets().add_text("a subject's name", name);
    }
    let mut people = People::begin(scenario).await;
    let (old, new) = (numbers::us_number(), numbers::us_number());
    let before = live_a_while(&people, &old).await;

    let copy = back_up(&people, way).await;
    // What the copy knows nothing of: Ann has another number.
    let changed = people.change("person-ann", &new).await;
    assert_eq!(changed["status"], json!("completed"), "{changed}");
    let after = trail(&people, "person-ann").await;

    lose_and_restore(&mut people, way, copy.path()).await;
    // Whoever has the copy and not the keys has nothing.
    let mut robbed = people.config.clone();
    robbed.keys = vec![TestKey::random("k1")];
    people.gateway.spawn(&robbed);
    let ended = people.gateway.exit_within(ENDS_WITHIN).await;
    assert!(!ended.success());

    people.gateway.start(&people.config).await;
    let ready = people.gateway.readiness_document().await;
    assert_eq!(ready["subjects"], json!("kept"));
    as_it_was(&people, &before).await;
    older_than_the_world(&people, &before, (&old, &after)).await;
    people.end().await;
}

/// Ann has a number and a code under way; Ben's change is held; operators have
/// drawn a sealed code and drilled it.
async fn live_a_while(people: &People, old: &str) -> Before {
    people.enrol("person-ann", old).await;
    let bens = numbers::us_number();
    people.enrol("person-ben", &bens).await;
    let ben_undo = held_change(people, &bens).await;
    let drawn = people.ada.post("/v1/admin/sealed-codes", &json!({})).await;
    drawn.expect(201);
    let note = json!({ "note": "opened the envelope" });
    people.ada.post("/v1/admin/drills", &note).await.expect(204);
    // The code on its way when the copy is made.
    let pay = json!({ "subject": "person-ann", "purpose": "pay" });
    let pending = people.start_and_wait(&pay).await.expect(201).id();
    let code = people.message_to(old, 2).await.code;
    Before {
        ann: shown(people, "person-ann").await,
        ann_trail: trail(people, "person-ann").await,
        ben: shown(people, "person-ben").await,
        ben_undo,
        readiness: readiness(people).await,
        pending: (pending, code),
    }
}

/// A change that nothing but a recovery speaks for; what undoes it.
async fn held_change(people: &People, old: &str) -> String {
    let nothing = json!({ "evidence": [] });
    let path = "/v1/subjects/person-ben/recoveries";
    let opened = people.client.post(path, &nothing).await.expect(201).json();
    let evidence = json!([{ "type": "recovery", "id": opened["recovery"]["id"] }]);
    let to = numbers::us_number();
    let path = "/v1/subjects/person-ben/number-changes";
    let asked = json!({ "to": to, "evidence": evidence });
    let asked = people.client.post(path, &asked).await.expect(201).json();
    let code = people.message_to(&to, 1).await.code;
    let path = format!("{path}/{}/confirm", text(&asked["number_change"]["id"]));
    let held = people.client.post(&path, &json!({ "code": code })).await;
    let held = held.expect(200).json();
    assert_eq!(held["number_change"]["status"], "holding", "{held}");
    // The code, the notice of the recovery, and that of the change.
    let notice = people.message_to(old, 3).await;
    token(&notice, "undo with ")
}

async fn as_it_was(people: &People, before: &Before) {
    let ann = shown(people, "person-ann").await;
    assert_eq!(ann["methods"], before.ann["methods"]);
    assert_eq!(ann["number_change"], before.ann["number_change"]);
    assert_eq!(trail(people, "person-ann").await, before.ann_trail);
    assert_eq!(before.ann_trail["complete"], json!(true));
    let ben = shown(people, "person-ben").await;
    assert_eq!(ben, before.ben);
    assert_eq!(readiness(people).await, before.readiness);
    let (pending, code) = &before.pending;
    people.client.check(pending, code).await.expect(200);
    // A hold that goes on can still be undone by what was told of it.
    let change = text(&ben["number_change"]["id"]);
    let path = format!("/v1/subjects/person-ben/number-changes/{change}/undo");
    let undone = json!({ "token": before.ben_undo });
    let undone = people.client.post(&path, &undone).await.expect(200).json();
    assert_eq!(undone["number_change"]["status"], "undone");
}

/// Ann's change is forgotten: her old number receives codes again. The trail that
/// was kept tells, and a freeze holds until somebody has looked.
async fn older_than_the_world(people: &People, before: &Before, (old, after): (&str, &Value)) {
    let trail = trail(people, "person-ann").await;
    assert!(
        trail["count"].as_u64() < after["count"].as_u64(),
        "{trail} {after}"
    );
    let count = people.carrier.submissions_to(old).len();
    let again = json!({ "subject": "person-ann" });
    people.start_and_wait(&again).await.expect(201);
    people.message_to(old, count + 1).await;

    let frozen = json!({ "tenant": "acme", "reason": "restored from an older copy" });
    let path = "/v1/subjects/person-ann/freeze";
    people.ada.post(path, &frozen).await.expect(200);
    people.client.start_with(&again).await.expect(423);
    let path = "/v1/subjects/person-ann/unfreeze";
    people.ada.post(path, &frozen).await.expect(200);
    let changed = people.change("person-ann", &numbers::us_number()).await;
    assert_eq!(changed["status"], json!("completed"), "{changed}");
    assert_ne!(changed["from"], Value::Null);
    assert_eq!(changed["from"], before.ann["methods"][0]["id"]);
}

async fn shown(people: &People, subject: &str) -> Value {
    let path = format!("/v1/subjects/{subject}");
    let mut shown = people.client.get(&path).await.expect(200).json();
    // When a code was used last is noted in the background.
    if let Some(methods) = shown["methods"].as_array_mut() {
        for method in methods {
            method["last_used_at"] = Value::Null;
        }
    }
    shown
}

async fn trail(people: &People, subject: &str) -> Value {
    let path = format!("/v1/subjects/{subject}/audit");
    people.client.get(&path).await.expect(200).json()
}

async fn readiness(people: &People) -> Value {
    let found = people.ada.get("/v1/admin/readiness").await;
    let found = found.expect(200).json();
    let status = |name: &str| {
        let mut checks = found["checks"].as_array().expect("checks").iter();
        let check = checks.find(|check| check["name"] == name);
        check.expect("a check of this name")["status"].clone()
    };
    let kept = json!({ "drill": status("drill"), "sealed_code": status("sealed_code") });
    assert_eq!(kept, json!({ "drill": "green", "sealed_code": "green" }));
    kept
}

/// As the operations guide says: Redis while it runs, the file while nobody does.
async fn back_up(people: &People, way: Way) -> TempDir {
    let copy = tempfile::tempdir().expect("a temporary directory can be made");
    let scenario = &people.scenario;
    match way {
        Way::AppendOnly => {
            let redis = scenario.redis();
            redis.command::<()>("CONFIG SET auto-aof-rewrite-percentage 0");
            let files = copy.path().join("appendonlydir");
            fs::create_dir(&files).expect("its directory is ours");
            copy_files(&redis.directory().join("appendonlydir"), &files);
        }
        Way::Snapshot => {
            let redis = scenario.redis();
            redis.command::<()>("BGSAVE");
            is_said(redis, "rdb_bgsave_in_progress:0").await;
            let file = redis.directory().join("dump.rdb");
            fs::copy(file, copy.path().join("dump.rdb")).expect("there is room");
        }
        Way::File => {
            assert!(people.gateway.terminate().await.success());
            fs::copy(scenario.store_path(), copy.path().join("store")).expect("it can be read");
            people.gateway.start(&people.config).await;
        }
    }
    copy
}

/// The gateway and the store's own machine die, and the copy takes its place.
async fn lose_and_restore(people: &mut People, way: Way, copy: &Path) {
    people.gateway.kill().await;
    let options = match way {
        Way::AppendOnly => RedisOptions::default().searchable(),
        // One that appends reads no snapshot at its start.
        Way::Snapshot => RedisOptions::default(),
        Way::File => {
            let path = people.scenario.store_path();
            fs::remove_file(&path).expect("its file is ours");
            fs::copy(copy.join("store"), path).expect("there is room");
            return;
        }
    };
    people.scenario.redis().kill().await;
    let files = copy.to_owned();
    let starting = tokio::task::spawn_blocking(move || RedisServer::start_from(options, &files));
    let fresh = starting.await.expect("starting it does not panic");
    if way == Way::Snapshot {
        fresh.command::<()>("CONFIG SET appendonly yes");
        is_said(&fresh, "aof_rewrite_in_progress:0").await;
    }
    people.config.store_redis(&fresh.url());
    people.scenario.store = TestStore::Redis(Box::new(fresh));
}

async fn is_said(redis: &RedisServer, line: &str) {
    let is_so = async || redis.command::<String>("INFO persistence").contains(line);
    assert!(process::eventually(COPIED_WITHIN, is_so).await, "{line}");
}

fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a directory of the test") {
        let path = entry.expect("a readable directory").path();
        let name = path.file_name().expect("an entry has a name");
        fs::copy(&path, to.join(name)).expect("there is room");
    }
}
