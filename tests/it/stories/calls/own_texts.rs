//! Calls that say the tenant's own text: no code, and nothing to check.

use serde_json::json;

use super::{CALL_ID, Call, said};

/// A call that says the tenant's own text.
async fn own_text() -> Call {
    let body = json!({ "text": "Your parcel is here", "speech": "Your parcel is here. Box 12." });
    Call::begin_with((&["twilio-voice"], ""), "/v1/deliveries", body).await
}

#[tokio::test]
async fn a_text_of_the_tenants_own_is_said_after_a_key() {
    let call = own_text().await;
    assert!(!call.message.form["Twiml"].contains("parcel"));
    for _ in 0..2 {
        let told = call.presses("1").await;
        assert_eq!(told.matches("Your parcel is here. Box 12.").count(), 3);
        call.delivery_becomes("delivered").await;
    }
    call.is_over().await;
    call.delivery_becomes("delivered").await;
    call.end().await;
}

#[tokio::test]
async fn a_text_of_the_tenants_own_is_said_to_nobody_who_presses_no_key() {
    let call = own_text().await;
    let silent = said(&call.asks(CALL_ID, &[]).await.expect(200));
    assert!(
        !silent.contains("parcel") && silent.contains("Goodbye."),
        "{silent}"
    );
    call.is_lost_when_over("no-key").await;
    call.end().await;
}

#[tokio::test]
async fn a_text_of_the_tenants_own_that_was_reported_does_not_ring_again() {
    let call = own_text().await;
    let reported = call.presses("9").await;
    assert!(!reported.contains("parcel"), "{reported}");
    call.delivery_becomes("delivered").await;
    let receipt = &call.delivery().await["attempts"][0]["receipt"];
    assert_eq!(receipt["code"], json!("reported"));
    call.end().await;
}
