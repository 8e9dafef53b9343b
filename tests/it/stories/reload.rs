//! SIGHUP: what changes without a restart, and what a mistake does not change.

use serde_json::json;

use crate::support::gateway_config::{ProviderEntry, TestTenant};
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

#[tokio::test]
async fn a_reload_takes_new_keys_and_secrets_and_refuses_a_broken_file() {
    let mut scenario = Scenario::on_embedded();
    let hook = scenario.provider("hook-a").await;
    let mut config = scenario.config_without_providers();
    config.only_provider(ProviderEntry::new(&hook));
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    let number = numbers::us_number();
    let id = client.start(&number).await.expect(201).id();
    let code = hook.submission_to(&number, ARRIVES_WITHIN).await.code;

    let third = TestTenant::random("third");
    scenario.secrets().add_text("an API key", &third.api_key);
    let old_secret = hook.secret();
    scenario
        .secrets()
        .add_text("a webhook secret", old_secret.text());
    let newcomer = client.with_key(&third.api_key);
    newcomer.start(&numbers::us_number()).await.expect(401);
    hook.replace_secret();
    config.tenants.push(third);
    config.only_provider(ProviderEntry::new(&hook));
    gateway.reload(&config);
    let is_known = eventually(ARRIVES_WITHIN, async || {
        newcomer.get("/v1/deliveries/none").await.status == 404
    });
    assert!(is_known.await, "the new key is still refused");
    // The provider rejects what is signed with the old secret.
    let number = numbers::us_number();
    let theirs = newcomer.start(&number).await.expect(201).id();
    let message = hook.submission_to(&number, ARRIVES_WITHIN).await;
    newcomer.check(&theirs, &message.code).await.expect(200);
    client.check(&id, &code).await.expect(200);

    let mut broken = config.clone();
    broken.tenants.pop();
    broken.set("codes", "digist", "6");
    gateway.reload(&broken);
    let says_why = eventually(ARRIVES_WITHIN, async || {
        let log = gateway.log();
        let mut lines = log.lines();
        lines.any(|line| line.contains("not reloaded") && line.contains("digist"))
    });
    assert!(says_why.await, "it does not say why:\n{}", gateway.log());
    let number = numbers::us_number();
    let answer = newcomer.start(&number).await.expect(201);
    assert_eq!(answer.json()["status"], json!("pending"));
    hook.submission_to(&number, ARRIVES_WITHIN).await;
    scenario.finish().await;
}
