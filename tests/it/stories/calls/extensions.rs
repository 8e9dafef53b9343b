//! Calls to an extension: behind the switchboard it goes on ringing.

use serde_json::json;

use super::{CALL_ID, Call, code_in, said};

async fn to_an_extension() -> Call {
    let body = json!({ "extension": "0042" });
    Call::begin_with((&["twilio-voice"], ""), "/v1/verifications", body).await
}

#[tokio::test]
async fn a_call_to_an_extension_greets_until_somebody_has_taken_it_up() {
    let mut call = to_an_extension().await;
    assert_eq!(call.message.form["SendDigits"], "wwww0042");
    assert_eq!(call.message.form["TimeLimit"], "90");
    for _ in 0..2 {
        let greeted = said(&call.asks(CALL_ID, &[]).await.expect(200));
        assert!(greeted.contains("<Gather"), "{greeted}");
        assert_eq!(code_in(&greeted), None);
        assert!(!greeted.contains("0042"), "it is dialled once: {greeted}");
    }
    call.delivery_becomes("submitted").await;
    let told = call.presses("1").await;
    let code = code_in(&told).expect("the code is said");
    call.scenario.secrets().add_code(&code);
    call.delivery_becomes("delivered").await;
    call.end().await;
}

#[tokio::test]
async fn an_extension_that_nobody_takes_up_gets_no_code() {
    let call = to_an_extension().await;
    for _ in 0..3 {
        call.asks(CALL_ID, &[]).await.expect(200);
    }
    let last = said(&call.asks(CALL_ID, &[]).await.expect(200));
    assert!(
        last.contains("Goodbye.") && !last.contains("<Gather"),
        "{last}"
    );
    assert_eq!(code_in(&last), None);
    call.is_lost_when_over("no-key").await;
    call.end().await;
}
