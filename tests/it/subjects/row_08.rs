//! Row 8: "I have none of these". A recovery is as good as its evidence, and never
//! a sign-in.

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{DAY, HOUR, MINUTE, Stand, World, text};
use crate::support::numbers;

over_both_stores!(
    row_08_a_recovery_is_as_good_as_its_evidence,
    row_08_without_evidence_it_takes_thirty_days_in_which_the_owner_hears_of_it,
);

const SUBJECT: &str = "u-8";
const PATH: &str = "/v1/subjects/u-8/recoveries";

async fn with_recovery_code(stand: Stand) -> (World, String, String) {
    let world = World::over(stand).await;
    let number = numbers::us_number();
    world.has_method(SUBJECT, &number).await;
    let path = format!("/v1/subjects/{SUBJECT}/recovery-codes");
    let strong = json!({ "evidence": [{ "type": "stronger_factor" }] });
    let (status, drawn) = world.post(&path, strong).await;
    assert_eq!(status, 201, "{drawn}");
    let code = text(&drawn["code"]);
    (world, number, code)
}

async fn row_08_a_recovery_is_as_good_as_its_evidence(stand: Stand) {
    let (world, _, mut code) = with_recovery_code(stand).await;
    let by_code = |code: &str| json!({ "type": "recovery_code", "code": code });
    let others = [
        (json!({ "type": "issued_code" }), "c", 3),
        (json!({ "type": "single_factor" }), "b", 1),
    ];
    for (other, class, days) in others {
        let evidence = json!([by_code(&code), other]);
        let (status, opened) = world.post(PATH, json!({ "evidence": evidence })).await;
        assert_eq!(status, 201, "{opened}");
        assert_eq!(opened["recovery"]["class"], class);
        assert_eq!(opened["recovery"]["hold_s"], days * 86_400);
        // The code that was used has a successor in the same answer.
        code = text(&opened["recovery_code"]["code"]);
    }
    let evidence = json!([{ "type": "stronger_factor" }]);
    let (_, opened) = world.post(PATH, json!({ "evidence": evidence })).await;
    assert_eq!(opened["recovery"]["class"], "a");
    assert_eq!(opened["recovery_code"], Value::Null);

    let evidence = json!([by_code("00000-00000-00000-00000-00000")]);
    let (status, refused) = world.post(PATH, json!({ "evidence": evidence })).await;
    assert_eq!((status, &refused["code"]), (422, &json!("code_mismatch")));
}

async fn row_08_without_evidence_it_takes_thirty_days_in_which_the_owner_hears_of_it(stand: Stand) {
    let (world, old, _) = with_recovery_code(stand).await;
    world.skip_messages_to(&old);
    let evidence = json!([{ "type": "session" }]);
    let (status, opened) = world.post(PATH, json!({ "evidence": evidence })).await;
    assert_eq!(status, 201, "{opened}");
    assert_eq!(opened["recovery"]["class"], "d");
    assert_eq!(opened["recovery"]["hold_s"], 30 * 86_400);
    world.tick().await;
    let notice = world.next_message(&old).await;
    assert!(notice.contains("security setting"), "{notice}");

    world.advance(MINUTE);
    let id = text(&opened["recovery"]["id"]);
    let evidence = json!([{ "type": "recovery", "id": id }]);
    let new = numbers::us_number();
    let change = world.changes_number(SUBJECT, &new, evidence).await;
    assert_eq!(
        (&change["status"], &change["class"]),
        (&json!("holding"), &json!("d"))
    );
    for day in 1..30 {
        world.advance(DAY);
        world.tick().await;
        if [1, 7, 29].contains(&day) {
            let notice = world.next_message(&old).await;
            assert!(notice.contains("undo with "), "{notice}");
        }
    }
    let (status, started) = world.signs_in(SUBJECT).await;
    assert_eq!((status, &started["to"]), (201, &json!(old)));
    world.advance(DAY + HOUR);
    world.tick().await;
    let (status, started) = world.signs_in(SUBJECT).await;
    assert_eq!((status, &started["to"]), (201, &json!(new)));
}
