//! A provider that nobody here wrote: Debian's Kannel with its fake SMSC. Codes
//! go out, what becomes of them comes back.

use crate::support::client::Client;
use crate::support::gateway_process::Gateway;
use crate::support::kannel::Kannel;
use crate::support::numbers;
use crate::support::process::eventually;
use crate::support::scenario::{ARRIVES_WITHIN, Scenario};

struct Running {
    scenario: Scenario,
    gateway: Gateway,
    client: Client,
}

async fn running(kannel: &Kannel) -> Running {
    let mut scenario = Scenario::on_embedded();
    let mut config = scenario.config_without_providers();
    config.entry(&kannel.entry("kannel"));
    let gateway = scenario.started("one", &config).await;
    let client = scenario.client(&gateway);
    Running {
        scenario,
        gateway,
        client,
    }
}

impl Running {
    async fn becomes(&self, id: &str, status: &str) -> bool {
        eventually(ARRIVES_WITHIN, async || {
            let seen = self.client.verification(id).await.expect(200).json();
            seen["deliveries"][0]["status"] == status
        })
        .await
    }

    /// The code in a text; it and the number must not be found at the end.
    fn code_in(&mut self, text: &str, number: &str) -> String {
        let digits = text.split(|character: char| !character.is_ascii_digit());
        let code = digits.max_by_key(|run| run.len()).unwrap_or_default();
        assert_eq!(code.len(), 10, "{text}");
        let secrets = self.scenario.secrets();
        secrets.add_code(code);
        secrets.add_number(number);
        code.to_owned()
    }
}

#[tokio::test]
async fn codes_go_out_over_a_real_kannel_and_its_reports_come_back() {
    let kannel = Kannel::start().await;
    let mut running = running(&kannel).await;
    for number in [numbers::us_number(), numbers::gb_number()] {
        let id = running.client.start(&number).await.expect(201).id();
        let text = kannel.text_to(&number, ARRIVES_WITHIN).await;
        let code = running.code_in(&text, &number);
        assert!(running.becomes(&id, "delivered").await, "{number}");
        let checked = running.client.check(&id, &code).await.expect(200);
        assert_eq!(checked.text("status"), "approved");
    }
    let refused = running
        .gateway
        .metric("watchword_receipts_refused_total", &[])
        .await;
    assert!(
        refused.abs() < f64::EPSILON,
        "{refused} receipts were refused"
    );
    running.scenario.finish().await;
}

#[tokio::test]
async fn what_a_real_kannel_queues_is_submitted_and_delivered_once_its_smsc_is_back() {
    let mut kannel = Kannel::without_smsc().await;
    let mut running = running(&kannel).await;
    let number = numbers::us_number();
    let id = running.client.start(&number).await.expect(201).id();
    assert!(running.becomes(&id, "submitted").await);
    kannel.connect_smsc().await;
    let text = kannel.text_to(&number, ARRIVES_WITHIN).await;
    running.code_in(&text, &number);
    assert!(running.becomes(&id, "delivered").await);
    running.scenario.finish().await;
}
