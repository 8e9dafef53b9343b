//! Row 7: whoever was told of a change can undo it once and in time, or say that it
//! was somebody else, which freezes the subject.

use std::time::Duration;

use serde_json::{Value, json};
use watchword::subjects::evidence::Finding;

use super::reading::{at_ms, token_after};
use super::world::{ADA, DAY, HOUR, MINUTE, Signal, Stand, World, text};
use crate::support::numbers;

const SUBJECT: &str = "u-7";
const UNDO: &str = "undo with ";
const REPORT: &str = "report with ";

/// A subject whose number is being changed, and the notice that the old one got.
struct Changing {
    stand: Stand,
    world: World,
    old: String,
    new: String,
    /// The path of the change.
    path: String,
    notice: String,
}

impl Changing {
    async fn begin(stand: Stand, evidence: Value) -> Self {
        let world = World::over(stand).await;
        let (old, new) = (numbers::us_number(), numbers::us_number());
        world.has_method(SUBJECT, &old).await;
        let change = world.changes_number(SUBJECT, &new, evidence).await;
        let notice = world.next_message(&old).await;
        let id = text(&change["id"]);
        Self {
            stand,
            world,
            old,
            new,
            path: format!("/v1/subjects/{SUBJECT}/number-changes/{id}"),
            notice,
        }
    }

    /// One that a day's hold keeps open.
    async fn held(stand: Stand) -> Self {
        let world = World::over(stand).await;
        let (old, new) = (numbers::us_number(), numbers::us_number());
        world.has_method(SUBJECT, &old).await;
        // The person is sent no more than two codes at once.
        world.advance(MINUTE);
        let (_, started) = world.signs_in(SUBJECT).await;
        let (id, code) = (text(&started["id"]), world.code_to(&old).await);
        let check = format!("/v1/verifications/{id}/check");
        let (status, checked) = world.post(&check, json!({ "code": code })).await;
        assert_eq!(status, 200, "{checked}");
        let evidence = json!([{ "type": "method", "verification_id": id }]);
        world.advance(MINUTE);
        let change = world.changes_number(SUBJECT, &new, evidence).await;
        assert_eq!(change["status"], "holding", "{change}");
        let notice = world.next_message(&old).await;
        let id = text(&change["id"]);
        Self {
            stand,
            world,
            old,
            new,
            path: format!("/v1/subjects/{SUBJECT}/number-changes/{id}"),
            notice,
        }
    }

    fn token(&self, words: &str) -> String {
        token_after(&self.notice, words)
    }

    async fn act(&self, action: &str, token: &str) -> (u16, Value) {
        let path = format!("{}/{action}", self.path);
        self.world.post(&path, json!({ "token": token })).await
    }

    async fn status(&self) -> String {
        let (_, shown) = self.world.get(&self.path).await;
        text(&shown["number_change"]["status"])
    }

    /// Until just before the undo window's end, or just after it.
    async fn advance_to_the_windows_end(&self, is_over: bool) {
        let (_, shown) = self.world.get(&self.path).await;
        let until_ms = at_ms(&shown["number_change"]["undo_until"]);
        let left = Duration::from_millis(until_ms - self.world.now_ms());
        // A server's clock goes on by itself.
        let margin = match self.stand {
            Stand::Embedded => Duration::from_secs(1),
            Stand::Redis => Duration::from_secs(20),
        };
        let by = if is_over {
            left + margin
        } else {
            left - margin
        };
        self.world.advance(by);
    }

    /// The number that gets the code of a sign-in now; the verification and its code.
    async fn is_signed_in_by(&self, number: &str) -> (String, String) {
        self.world.advance(MINUTE);
        self.world.tick().await;
        self.world.skip_messages_to(number);
        let (status, started) = self.world.signs_in(SUBJECT).await;
        assert_eq!(status, 201, "{started}");
        (text(&started["id"]), self.world.code_to(number).await)
    }
}

fn stronger() -> Value {
    json!([{ "type": "stronger_factor" }])
}

async fn row_07_a_change_is_undone_once(stand: Stand) {
    let it = Changing::held(stand).await;
    let (status, refused) = it.act("undo", "0000-0000").await;
    assert_eq!((status, &refused["code"]), (403, &json!("token_mismatch")));
    // What reports does not undo.
    let (status, _) = it.act("undo", &it.token(REPORT)).await;
    assert_eq!(status, 403);
    assert_eq!(it.status().await, "holding");

    let typed = it.token(UNDO).to_lowercase().replace('-', " ");
    let (status, undone) = it.act("undo", &typed).await;
    assert_eq!(status, 200, "{undone}");
    assert_eq!(undone["number_change"]["status"], "undone");
    let (status, again) = it.act("undo", &it.token(UNDO)).await;
    assert_eq!((status, &again["code"]), (409, &json!("already_undone")));

    it.world.advance(2 * DAY);
    it.is_signed_in_by(&it.old).await;
    assert_eq!(it.status().await, "undone");
    assert_eq!(it.world.told_of("number_change.undone").len(), 1);
    assert_eq!(it.world.told_of("number_change.completed").len(), 0);
}

async fn row_07_a_completed_change_is_undone_within_three_days(stand: Stand) {
    let it = Changing::begin(stand, stronger()).await;
    assert_eq!(it.status().await, "completed");
    it.is_signed_in_by(&it.new).await;
    it.advance_to_the_windows_end(false).await;
    let (status, started) = it.world.signs_in(SUBJECT).await;
    assert_eq!(status, 201, "{started}");
    let (status, undone) = it.act("undo", &it.token(UNDO)).await;
    assert_eq!(status, 200, "{undone}");
    assert_eq!(undone["number_change"]["status"], "undone");
    // The code that was on its way to the new number died with it.
    let (_, verification) = it
        .world
        .get(&format!("/v1/verifications/{}", text(&started["id"])))
        .await;
    assert_eq!(verification["status"], "superseded", "{verification}");
    it.is_signed_in_by(&it.old).await;
}

async fn row_07_after_its_window_nothing_is_undone(stand: Stand) {
    let it = Changing::begin(stand, stronger()).await;
    it.advance_to_the_windows_end(true).await;
    for action in [("undo", UNDO), ("report", REPORT)] {
        let (status, refused) = it.act(action.0, &it.token(action.1)).await;
        assert_eq!((status, &refused["code"]), (410, &json!("undo_over")));
    }
    it.is_signed_in_by(&it.new).await;
}

async fn row_07_a_mail_undoes_as_well_and_only_a_post_does(stand: Stand) {
    let it = Changing::held(stand).await;
    it.world.tick().await;
    let mailed = it.world.told_of("number_change.notice");
    let token = text(&mailed[0]["tokens"]["undo"]);
    assert_eq!(token.len(), 26, "128 bits, since a link is not typed");
    // What looks into a link before its reader does decides nothing.
    for action in ["undo", "report"] {
        let path = format!("{}/{action}?token={token}", it.path);
        assert_eq!(it.world.get(&path).await.0, 405);
    }
    assert_eq!(it.status().await, "holding");
    let (status, undone) = it.act("undo", &token).await;
    assert_eq!(
        (status, &undone["number_change"]["status"]),
        (200, &json!("undone"))
    );
    let (status, again) = it.act("undo", &it.token(UNDO)).await;
    assert_eq!((status, &again["code"]), (409, &json!("already_undone")));
}

async fn row_07_a_token_is_not_to_be_guessed(stand: Stand) {
    const FREE_MAX: usize = 10;
    let it = Changing::held(stand).await;
    let mut refused = Value::Null;
    for _ in 0..=FREE_MAX {
        let (status, answer) = it.act("undo", "0000-0000").await;
        refused = answer;
        if status == 429 {
            break;
        }
        assert_eq!((status, &refused["code"]), (403, &json!("token_mismatch")));
    }
    assert_eq!(refused["code"], "too_many_failures", "{refused}");
    assert!(refused["retry_after"].is_u64(), "{refused}");
    // From here on the right one waits too, and no longer for being asked.
    let (status, waits) = it.act("undo", &it.token(UNDO)).await;
    assert_eq!(status, 429, "{waits}");
    assert_eq!(waits["available_at"], refused["available_at"]);
    it.world.advance(HOUR);
    let (status, undone) = it.act("undo", &it.token(UNDO)).await;
    assert_eq!(status, 200, "{undone}");
}

async fn row_07_a_report_freezes_until_an_operator_lifts_it(stand: Stand) {
    let it = Changing::held(stand).await;
    let (status, _) = it.act("report", &it.token(UNDO)).await;
    assert_eq!(status, 403);
    let (open, code) = it.is_signed_in_by(&it.old).await;
    let (status, reported) = it.act("report", &it.token(REPORT)).await;
    assert_eq!(status, 200, "{reported}");
    assert_eq!(reported["number_change"]["status"], "rejected");
    let check = format!("/v1/verifications/{open}/check");
    let (status, void) = it.world.post(&check, json!({ "code": code })).await;
    assert_eq!((status, &void["code"]), (410, &json!("superseded")));
    let (_, listed) = it
        .world
        .get(&format!("/v1/subjects/{SUBJECT}/methods"))
        .await;
    let old = &listed["methods"][0]["id"];
    for _ in 0..2 {
        for asked in [
            json!({ "subject": SUBJECT }),
            json!({ "subject": SUBJECT, "method": old, "channel": "voice" }),
            json!({ "subject": SUBJECT, "purpose": "pay" }),
            json!({ "subject": SUBJECT, "purpose": "recover_account" }),
        ] {
            let (status, refused) = it.world.post("/v1/verifications", asked).await;
            assert_eq!((status, &refused["code"]), (423, &json!("subject_frozen")));
        }
        it.world.advance(2 * DAY);
        it.world.tick().await;
    }
    // It has its number still: nothing to recover.
    let (_, shown) = it.world.get(&format!("/v1/subjects/{SUBJECT}")).await;
    let warnings = json!(["only_one_method", "no_recovery_code"]);
    assert_eq!(
        (&shown["status"], &shown["warnings"]),
        (&json!("frozen"), &warnings)
    );
    assert_eq!(it.world.told_of("number_change.rejected").len(), 1);
    let told = it.world.told_of("subject.frozen");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["reason"], "reported");
    let path = format!("/v1/subjects/{SUBJECT}/unfreeze");
    let asked = json!({ "tenant": "acme", "reason": "called back" });
    let (status, lifted) = it.world.call("POST", &path, ADA, asked).await;
    assert_eq!(status, 200, "{lifted}");
    it.is_signed_in_by(&it.old).await;
}

async fn row_07_whoever_swapped_the_sim_undoes_nothing(stand: Stand) {
    let it = Changing::begin(stand, stronger()).await;
    it.world
        .networks
        .say(&it.old, Signal::SimSwap, Finding::Raised);
    let (status, answered) = it.act("undo", &it.token(UNDO)).await;
    assert_eq!(status, 200, "{answered}");
    assert_eq!(answered["number_change"]["status"], "completed");
    assert_eq!(answered["number_change"]["in_review"], true);
    let (status, refused) = it.world.signs_in(SUBJECT).await;
    assert_eq!((status, &refused["code"]), (423, &json!("subject_frozen")));
}

super::over_both_stores!(
    row_07_a_change_is_undone_once,
    row_07_a_completed_change_is_undone_within_three_days,
    row_07_after_its_window_nothing_is_undone,
    row_07_a_mail_undoes_as_well_and_only_a_post_does,
    row_07_a_token_is_not_to_be_guessed,
    row_07_a_report_freezes_until_an_operator_lifts_it,
    row_07_whoever_swapped_the_sim_undoes_nothing,
);
