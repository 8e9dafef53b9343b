//! The most talkative log, every question about a subject, asked rightly and
//! wrongly: still nobody's name, number, code or token gets anywhere.

use http::Request;
use serde_json::{Value, json};

use super::people::{People, text, token};
use crate::support::numbers;
use crate::support::scenario::Scenario;

const SUBJECT: &str = "person-9e27-whom-nobody-else-may-find";
const REASON: &str = "has lost her phone on the ferry to Naxos";

/// A walk past every family of endpoints.
struct Walk {
    people: People,
    old: String,
    new: String,
}

fn of(rest: &str) -> String {
    format!("/v1/subjects/{SUBJECT}/{rest}")
}

impl Walk {
    async fn begin(scenario: Scenario) -> Self {
        let people = People::begin_with(scenario, |config| {
            config.set("log", "level", r#""trace""#);
            config.set("log", "format", r#""json""#);
        });
        let mut people = people.await;
        let (old, new) = (numbers::us_number(), numbers::us_number());
        let secrets = people.scenario.secrets();
        secrets.add_text("a subject's name", SUBJECT);
        secrets.add_text("a reason", REASON);
        secrets.add_number(&old);
        secrets.add_number(&new);
        Self { people, old, new }
    }

    fn keep_secret(&mut self, code: &str) {
        let secrets = self.people.scenario.secrets();
        secrets.add_grouped("a code or token", code);
    }

    async fn asks(&self, path: &str, body: &Value, status: u16) -> Value {
        let answer = self.people.client.post(path, body).await;
        answer.expect(status).json()
    }

    async fn changes_and_reports(&mut self) {
        self.people.enrol(SUBJECT, &self.old).await;
        let change = self.people.change(SUBJECT, &self.new).await;
        let path = of(&format!("number-changes/{}", text(&change["id"])));
        let notice = self.people.message_to(&self.old, 2).await;
        for words in ["undo with ", "report with "] {
            let token = token(&notice, words);
            self.keep_secret(&token);
        }
        let wrong = json!({ "token": "0000-0000" });
        self.asks(&format!("{path}/undo"), &wrong, 403).await;
        let report = json!({ "token": token(&notice, "report with ") });
        self.asks(&format!("{path}/report"), &report, 200).await;
        let pay = json!({ "subject": SUBJECT, "purpose": "pay" });
        self.asks("/v1/verifications", &pay, 423).await;
        let ada = self.people.ada.clone();
        let reason = json!({ "tenant": "acme", "reason": REASON });
        ada.post(&of("unfreeze"), &reason).await.expect(200);
    }

    async fn saves_and_uses_codes(&mut self) {
        let stronger = json!({ "evidence": [{ "type": "stronger_factor" }] });
        let shown = self.asks(&of("recovery-codes"), &stronger, 201).await;
        let saved = text(&shown["code"]);
        self.keep_secret(&saved);
        let evidence = json!([
            { "type": "recovery_code", "code": saved },
            { "type": "single_factor" },
        ]);
        let asked = json!({ "evidence": evidence });
        let opened = self.asks(&of("recoveries"), &asked, 201).await;
        let fresh = text(&opened["recovery_code"]["code"]);
        self.keep_secret(&fresh);
        let ada = self.people.ada.clone();
        let reason = json!({ "tenant": "acme", "reason": REASON });
        let issued = ada.post(&of("bypass-codes"), &reason).await.expect(201);
        let bypass = issued.text("code");
        self.keep_secret(&bypass);
        let check = json!({ "code": bypass });
        self.asks(&of("bypass-codes/check"), &check, 200).await;
        let sealed = ada.post("/v1/admin/sealed-codes", &json!({})).await;
        let sealed = sealed.expect(201).text("code");
        self.keep_secret(&sealed);
        self.misuse(&saved).await;
    }

    /// Names, numbers and codes where they do not belong.
    async fn misuse(&self, code: &str) {
        let client = &self.people.client;
        let number = &self.old;
        let wrong = [
            (of("methods"), json!({ "phone": [number, code] })),
            (of("methods"), json!({ "phone": number, code: number })),
            (of("number-changes"), json!({ "to": code, "from": number })),
            (of("recoveries"), json!({ "evidence": [{ "type": code }] })),
            (of("bypass-codes/check"), json!({ "code": number })),
        ];
        for (path, body) in wrong {
            let answer = client.post(&path, &body).await;
            assert!((400..500).contains(&answer.status.as_u16()), "{path}");
        }
        for path in [
            of(&format!(
                "methods?to={}&code={code}",
                number.replace('+', "%2B")
            )),
            of(code),
            format!("/v1/subjects/{code}"),
            format!("/v1/{SUBJECT}/{code}"),
            format!("/v1/verifications?subject={SUBJECT}"),
        ] {
            client.get(&path).await;
        }
        let with_headers = Request::get(format!("{}{}", client.base(), of("audit")))
            .header("x-request-id", format!("{SUBJECT}-{code}"))
            .header("user-agent", format!("{number} {SUBJECT}"))
            .body(bytes::Bytes::new())
            .expect("a well-formed request");
        client.send(with_headers).await.expect(200);
    }
}

async fn nothing_leaks(scenario: Scenario) {
    let mut walk = Walk::begin(scenario).await;
    walk.changes_and_reports().await;
    walk.saves_and_uses_codes().await;
    let erase = json!({ "tenant": "acme", "reason": REASON });
    let erased = walk.people.ada.post(&of("erase"), &erase).await;
    erased.expect(200);
    walk.people.end().await;
}

#[tokio::test]
async fn nothing_about_a_subject_leaks_over_redis() {
    nothing_leaks(Scenario::on_redis().await).await;
}

#[tokio::test]
async fn nothing_about_a_subject_leaks_over_the_embedded_store() {
    nothing_leaks(Scenario::on_embedded()).await;
}
