//! A store that is lost and put back from its copy: its subjects are there again,
//! with the codes that were on their way, as they were when it was copied.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::client::Client;
use crate::support::fake_provider::FakeProvider;
use crate::support::gateway_config::{GatewayConfig, TestKey};
use crate::support::gateway_process::Gateway;
use crate::support::numbers;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario, TestStore};

const METHODS: &str = "/v1/subjects/person-7/methods";
const ENDS_WITHIN: Duration = Duration::from_secs(40);

#[tokio::test]
async fn subjects_come_back_from_a_copy_of_redis() {
    come_back(Scenario::on_redis().await).await;
}

#[tokio::test]
async fn subjects_come_back_from_a_copy_of_the_embedded_file() {
    come_back(Scenario::on_embedded()).await;
}

async fn come_back(mut scenario: Scenario) {
    scenario.secrets().add_text("a subject's name", "person-7");
    let hook = scenario.provider("hook-a").await;
    let config = scenario.config(&[&hook]);
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    let (first, second) = (numbers::us_number(), numbers::us_number());
    add_method(&client, &hook, &first).await;
    // The code on its way when the copy is made.
    let pay = json!({ "subject": "person-7", "purpose": "pay" });
    let pending = client.start_with(&pay).await.expect(201).id();
    assert!(hook.has_count(2, ARRIVES_WITHIN).await, "it was not sent");
    let code = hook.submissions_to(&first).pop().expect("just seen").code;

    let copy = back_up(&scenario, &gateway, &config).await;
    add_method(&client, &hook, &second).await;
    assert_eq!(listed(&client).await.len(), 2);

    lose_and_restore(&scenario, &gateway, copy.path()).await;
    // Whoever has the copy and not the keys has nothing.
    let mut robbed = config.clone();
    robbed.keys = vec![TestKey::random("k1")];
    gateway.spawn(&robbed);
    assert!(!gateway.exit_within(ENDS_WITHIN).await.success());

    gateway.start(&config).await;
    assert_eq!(
        gateway.readiness_document().await["subjects"],
        json!("kept")
    );
    let methods = listed(&client).await;
    let [method] = methods.as_slice() else {
        panic!("one of {methods:?} is younger than the copy");
    };
    assert_eq!(method["number"], json!(first));
    assert_eq!(
        (&method["status"], &method["default"]),
        (&json!("active"), &json!(true))
    );
    client.check(&pending, &code).await.expect(200);
    // And it lives on: what is new since is added again.
    add_method(&client, &hook, &second).await;
    assert_eq!(listed(&client).await.len(), 2);
    scenario.finish().await;
}

async fn add_method(client: &Client, hook: &FakeProvider, number: &str) {
    let asked = json!({ "phone": number, "evidence": [{ "type": "stronger_factor" }] });
    let before = hook.submissions_to(number).len();
    let added = client.post(METHODS, &asked).await.expect(201).json();
    let method = added["method"]["id"].as_str().expect("it has an id");
    let total = hook.submissions().len();
    if hook.submissions_to(number).len() == before {
        assert!(
            hook.has_count(total + 1, ARRIVES_WITHIN).await,
            "no code was sent"
        );
    }
    let code = hook.submissions_to(number).pop().expect("just seen").code;
    let confirm = format!("{METHODS}/{method}/confirm");
    let typed = json!({ "code": code });
    client.post(&confirm, &typed).await.expect(200);
}

async fn listed(client: &Client) -> Vec<Value> {
    let answer = client.get(METHODS).await.expect(200).json();
    answer["methods"].as_array().expect("a list").clone()
}

/// As the operations guide says: Redis while it runs, the file while nobody does.
async fn back_up(scenario: &Scenario, gateway: &Gateway, config: &GatewayConfig) -> TempDir {
    let copy = tempfile::tempdir().expect("a temporary directory can be made");
    match &scenario.store {
        TestStore::Redis(redis) => {
            redis.command::<()>("CONFIG SET auto-aof-rewrite-percentage 0");
            copy_directory(&redis.directory().join("appendonlydir"), copy.path());
        }
        TestStore::Embedded => {
            assert!(gateway.terminate().await.success());
            fs::copy(scenario.store_path(), copy.path().join("store")).expect("it can be read");
            gateway.start(config).await;
        }
    }
    copy
}

/// The gateway and the store's own process die, its files are gone, and the copy
/// takes their place.
async fn lose_and_restore(scenario: &Scenario, gateway: &Gateway, copy: &Path) {
    gateway.kill().await;
    match &scenario.store {
        TestStore::Redis(redis) => {
            redis.kill().await;
            let files = redis.directory().join("appendonlydir");
            fs::remove_dir_all(&files).expect("its files are ours");
            fs::create_dir(&files).expect("its directory is ours");
            copy_directory(copy, &files);
            redis.start_again().await;
        }
        TestStore::Embedded => {
            fs::remove_file(scenario.store_path()).expect("its file is ours");
            fs::copy(copy.join("store"), scenario.store_path()).expect("there is room");
        }
    }
}

fn copy_directory(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a directory of the test") {
        let path = entry.expect("a readable directory").path();
        let name = path.file_name().expect("an entry has a name");
        fs::copy(&path, to.join(name)).expect("there is room");
    }
}
