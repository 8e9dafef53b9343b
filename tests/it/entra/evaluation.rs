//! Evaluation: everything but a message, a limit and a record.

use serde_json::json;

use super::World;
use crate::support::scenario::Scenario;

fn keys(world: &World) -> Vec<String> {
    let mut keys: Vec<String> = world.scenario.redis().command("KEYS *");
    keys.sort();
    keys
}

#[tokio::test]
async fn an_evaluation_echoes_the_nonce_and_leaves_no_trace() {
    let mut world = World::on(Scenario::on_redis().await).await;
    let gateway = world.started("one").await;
    let client = world.client(&gateway);
    let before = keys(&world);
    for mode in [json!(2), json!("evaluation")] {
        for (channel, number) in [
            ("sms", None),
            ("voice", None),
            ("sms", Some("+33612345678")),
        ] {
            let mut otp = world.otp();
            otp.mode = mode.clone();
            otp.channel = channel;
            if let Some(number) = number {
                otp.number = number.to_owned();
                world.scenario.secrets().add_number(number);
            }
            world.send(&client, &otp).await.accepted();
        }
    }
    assert_eq!(world.submissions(), 0);
    assert_eq!(keys(&world), before);
    for (result, count) in [("sendable", 4.0), ("blocked", 2.0)] {
        let result = format!("result=\"{result}\"");
        let pieces = ["mode=\"evaluation\"", &result];
        let told = gateway
            .metric("watchword_entra_requests_total", &pieces)
            .await;
        assert!((told - count).abs() < 0.1, "{result}: {told}");
    }
    world.scenario.finish().await;
}
