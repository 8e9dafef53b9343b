//! A client that hangs up changes nothing: what was accepted goes out at once.

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::support::client::Client;
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::scenario::Scenario;

const CLIENTS: usize = 1_000;
/// Far below the default lease of 15 s: whatever waits for a lease fails this.
const SUBMITTED_WITHIN: Duration = Duration::from_secs(8);

/// Sends a whole request and closes the connection without reading a byte: at
/// once, or while it is worked on. Some reset it, which may take the request back.
async fn ask_and_hang_up(address: std::net::SocketAddr, key: &str, number: &str) {
    let body = json!({ "to": number }).to_string();
    let request = format!(
        "POST /v1/verifications HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut socket = TcpStream::connect(address)
        .await
        .expect("the gateway listens");
    socket
        .write_all(request.as_bytes())
        .await
        .expect("the gateway reads");
    sleep(Duration::from_millis(
        u64::from(number.as_bytes()[11] % 10) * 15,
    ))
    .await;
    if number.as_bytes()[10].is_multiple_of(3) {
        socket.set_zero_linger().expect("an open socket");
    }
}

/// The delivery status of each verification on record for this number.
async fn on_record(client: &Client, number: &str) -> Vec<String> {
    let path = format!("/v1/verifications?to={}", number.replace('+', "%2B"));
    let known = client.get(&path).await.expect(200).json();
    let list = known["verifications"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let status =
        |one: &serde_json::Value| one["deliveries"][0]["status"].as_str().map(str::to_owned);
    list.iter().filter_map(status).collect()
}

#[tokio::test]
async fn what_a_thousand_clients_asked_for_who_hung_up_is_submitted_at_once() {
    let mut scenario = Scenario::on_redis().await;
    let hook = scenario.provider("hook-a").await;
    let gateway = scenario.started("one", &scenario.config(&[&hook])).await;
    let client = scenario.client(&gateway);
    let numbers: Vec<String> = (0..CLIENTS).map(|_| numbers::us_number()).collect();
    let key = scenario.acme.api_key.clone();
    stream::iter(&numbers)
        .for_each_concurrent(100, |number| {
            ask_and_hang_up(gateway.address(), &key, number)
        })
        .await;
    let hung_up_at = Instant::now();

    let mut recorded = 0;
    for number in &numbers {
        let left = SUBMITTED_WITHIN.saturating_sub(hung_up_at.elapsed());
        let all_submitted = eventually(left, async || {
            on_record(&client, number)
                .await
                .iter()
                .all(|status| status == "submitted")
        });
        let in_time = all_submitted.await;
        let unanswered = gateway.metric("watchword_store_errors_total", &[]).await;
        assert!(
            in_time,
            "a record waits, beside {unanswered} questions the store did not answer: {:?}",
            on_record(&client, number).await
        );
        let count = on_record(&client, number).await.len();
        assert_eq!(
            hook.submissions_to(number).len(),
            count,
            "sent as often as it is on record"
        );
        recorded += count;
    }
    println!(
        "{recorded} of {CLIENTS} were on record, all submitted after {:?}",
        hung_up_at.elapsed()
    );
    assert!(
        recorded > 0,
        "every client was too fast: this run proves nothing"
    );
    scenario.finish().await;
}
