//! Providers that hang, nodes that die and clients that go: Entra is told within
//! its time, and nothing goes out after that.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until};

use super::{CALLER_WAITS, PATH, World};
use crate::support::fake_provider::Behaviour;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

/// As long as a late message would take to show up.
const QUIET: Duration = Duration::from_secs(5);

#[tokio::test]
async fn while_one_provider_hangs_the_code_goes_through_the_other_in_time() {
    for scenario in [Scenario::on_embedded(), Scenario::on_redis().await] {
        let mut world = World::on(scenario).await;
        world.first.always(Behaviour::Hang);
        let gateway = world.started("one").await;
        let client = world.client(&gateway);
        let otp = world.otp();
        world.send(&client, &otp).await.accepted();
        let to_second = world.second.submissions_to(&otp.number);
        assert_eq!(to_second.len(), 1);
        assert_eq!(to_second[0].text, otp.text());
        assert!(world.first.submissions_to(&otp.number).len() <= 1);
        // Nobody sends it a second time.
        world.send(&client, &otp).await.accepted();
        assert_eq!(world.second.submissions_to(&otp.number).len(), 1);
        world.scenario.finish().await;
    }
}

#[tokio::test]
async fn while_both_hang_it_says_so_in_time_and_nothing_goes_out_later() {
    for scenario in [Scenario::on_embedded(), Scenario::on_redis().await] {
        let mut world = World::on(scenario).await;
        world.first.always(Behaviour::Hang);
        world.second.always(Behaviour::Hang);
        let gateway = world.started("one").await;
        let client = world.client(&gateway);
        let otp = world.otp();
        let told = world.send(&client, &otp).await;
        let told_at = Instant::now();
        told.refused(504, "delivery_failed", Some("no answer in time"));
        let sent = world.messages(&otp);
        assert!((1..=2).contains(&sent), "{sent}");
        world.first.always(Behaviour::Accept);
        world.second.always(Behaviour::Accept);
        // Whatever it had left in its store is found by the next process.
        gateway.kill().await;
        gateway.start(&world.config).await;
        sleep_until(told_at + QUIET).await;
        assert_eq!(world.messages(&otp), sent, "it went out after the answer");
        super::knows_keys(&gateway).await;
        let again = world.send(&client, &otp).await;
        again.refused(504, "delivery_failed", Some("no answer in time"));
        assert_eq!(world.messages(&otp), sent);
        world.scenario.finish().await;
    }
}

#[tokio::test]
async fn what_a_client_asked_for_that_hung_up_goes_out_once() {
    let mut world = World::on(Scenario::on_redis().await).await;
    world
        .first
        .always(Behaviour::AcceptAfter(Duration::from_millis(300)));
    let gateway = world.started("one").await;
    let client = world.client(&gateway);
    let otp = world.otp();
    let body = world.envelope(&otp).body.to_string();
    let request = format!(
        "POST {PATH} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\nx-ms-client-request-id: {}\r\n\
         content-length: {}\r\n\r\n{body}",
        world.token(),
        otp.request_id.as_deref().unwrap(),
        body.len()
    );
    let mut socket = TcpStream::connect(gateway.address()).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    world.first.submission_to(&otp.number, ARRIVES_WITHIN).await;
    drop(socket);
    world.send(&client, &otp).await.accepted();
    sleep(CALLER_WAITS).await;
    assert_eq!(world.messages(&otp), 1);
    world.scenario.finish().await;
}
