//! What a thief finds who takes the store whole: its values, its slow log, its
//! files. No number, no code, no token, not even whose records these are.

use serde_json::{Value, json};

use super::over_both_stores;
use super::reading::token_after;
use super::world::{ADA, BOB, DAY, Kept, MINUTE, Stand, TENANT, World, text};
use crate::support::leaks::{self, Secrets};
use crate::support::numbers;

over_both_stores!(
    a_change_of_number_leaves_nothing_in_plain,
    a_recovery_leaves_nothing_in_plain,
    what_operators_do_leaves_nothing_in_plain,
);

const SUBJECT: &str = "person-4c1f-whom-nobody-else-may-find";
const REASON: &str = "has lost her phone on the ferry to Naxos";
const TICKET: &str = "TICKET-88120-of-a-help-desk";

/// A world, and what must not be found in its store.
struct Robbed {
    world: World,
    secrets: Secrets,
}

impl Robbed {
    async fn begin(stand: Stand) -> Self {
        let mut secrets = Secrets::default();
        secrets.add_text("a subject's name", SUBJECT);
        Self {
            world: World::over(stand).await,
            secrets,
        }
    }

    fn number(&mut self) -> String {
        let number = numbers::us_number();
        self.secrets.add_number(&number);
        number
    }

    /// What came to a number, every code in it a secret.
    fn heard_by(&mut self, number: &str) {
        for text in self.world.sms_to(number) {
            let words = text.split(|character: char| !character.is_ascii_digit());
            for code in words.filter(|digits| digits.len() == 10) {
                self.secrets.add_code(code);
            }
        }
    }

    /// A code that was shown once.
    async fn shown_once(&mut self, path: &str, key: &str, asked: Value) -> String {
        let (status, shown) = self.world.call("POST", path, key, asked).await;
        assert_eq!(status, 201, "{path}: {shown}");
        let code = text(&shown["code"]);
        self.secrets
            .add_grouped("a code that was shown once", &code);
        code
    }

    async fn is_told(&self, path: &str, key: &str, asked: Value) -> Value {
        let (status, answer) = self.world.call("POST", path, key, asked).await;
        assert!((200..300).contains(&status), "{path}: {answer}");
        answer
    }

    /// Looks through everything that is kept.
    async fn search(self) {
        match &self.world.stores().kept {
            Kept::OnDisk(folder) => leaks::assert_files_are_clean(folder.path(), &self.secrets),
            Kept::InRedis(server, _) => leaks::assert_redis_is_clean(server, &self.secrets).await,
        }
    }
}

fn of(rest: &str) -> String {
    format!("/v1/subjects/{SUBJECT}/{rest}")
}

async fn a_change_of_number_leaves_nothing_in_plain(stand: Stand) {
    let mut it = Robbed::begin(stand).await;
    let (old, new) = (it.number(), it.number());
    it.world.has_method(SUBJECT, &old).await;
    it.world.advance(MINUTE);
    let (_, started) = it.world.signs_in(SUBJECT).await;
    let code = it.world.code_to(&old).await;
    let id = text(&started["id"]);
    let check = format!("/v1/verifications/{id}/check");
    it.is_told(&check, TENANT, json!({ "code": code })).await;
    it.world.advance(MINUTE);
    // Nobody asks the networks, so this is class B, and held for a day.
    let evidence = json!([{ "type": "method", "verification_id": id }]);
    let change = it.world.changes_number(SUBJECT, &new, evidence).await;
    assert_eq!(change["status"], json!("holding"), "{change}");
    let notice = it.world.next_message(&old).await;
    let undo = token_after(&notice, "undo with ");
    it.secrets.add_grouped("a token", &undo);
    let report = token_after(&notice, "report with ");
    it.secrets.add_grouped("a token", &report);
    it.world.tick().await;
    for mailed in it.world.told_of("number_change.notice") {
        for action in ["undo", "report"] {
            let token = text(&mailed["tokens"][action]);
            it.secrets.add_grouped("a token by mail", &token);
        }
    }
    let stop = json!({ "from": old, "text": "STOP" });
    it.is_told("/v1/numbers/inbound", TENANT, stop).await;
    let change = format!(
        "/v1/subjects/{SUBJECT}/number-changes/{}",
        text(&change["id"])
    );
    let (status, _) = it
        .world
        .post(&format!("{change}/undo"), json!({ "token": "00000000" }))
        .await;
    assert_eq!(status, 403);
    let token = json!({ "token": report });
    it.is_told(&format!("{change}/report"), TENANT, token).await;
    it.world.advance(DAY);
    it.world.tick().await;
    it.heard_by(&old);
    it.heard_by(&new);
    it.search().await;
}

async fn a_recovery_leaves_nothing_in_plain(stand: Stand) {
    let mut it = Robbed::begin(stand).await;
    let (old, new) = (it.number(), it.number());
    it.world.has_method(SUBJECT, &old).await;
    let stronger = json!({ "evidence": [{ "type": "stronger_factor" }] });
    let saved = it.shown_once(&of("recovery-codes"), TENANT, stronger).await;
    let evidence = json!([
        { "type": "recovery_code", "code": saved },
        { "type": "single_factor" },
    ]);
    let opened = it
        .is_told(&of("recoveries"), TENANT, json!({ "evidence": evidence }))
        .await;
    let fresh = text(&opened["recovery_code"]["code"]);
    it.secrets.add_grouped("a fresh recovery code", &fresh);
    let grant = json!([{ "type": "recovery", "id": opened["recovery"]["id"] }]);
    it.world.changes_number(SUBJECT, &new, grant).await;
    it.world.tick().await;
    it.heard_by(&old);
    it.heard_by(&new);
    it.search().await;
}

async fn what_operators_do_leaves_nothing_in_plain(stand: Stand) {
    let mut it = Robbed::begin(stand).await;
    it.secrets.add_text("a reason", REASON);
    it.secrets.add_text("a ticket", TICKET);
    let number = it.number();
    it.world.has_method(SUBJECT, &number).await;
    it.shown_once("/v1/admin/sealed-codes", ADA, json!({}))
        .await;
    let asked = json!({ "tenant": "acme", "reason": REASON });
    let bypass = it.shown_once(&of("bypass-codes"), ADA, asked).await;
    let check = json!({ "code": bypass });
    it.is_told(&of("bypass-codes/check"), TENANT, check).await;
    let reset = json!({ "tenant": "acme", "reason": REASON, "ticket": TICKET });
    it.is_told(&of("reset"), ADA, reset).await;
    let freeze = json!({ "tenant": "acme", "reason": REASON });
    it.is_told(&of("freeze"), BOB, freeze).await;
    let (status, trail) = it.world.get(&of("audit")).await;
    assert_eq!(status, 200, "{trail}");
    assert!(trail.to_string().contains(REASON), "{trail}");
    it.world.tick().await;
    it.heard_by(&number);
    it.search().await;
}
