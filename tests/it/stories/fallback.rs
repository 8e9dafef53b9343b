//! When the SMS cannot be delivered: a call, if the request allows one.

use serde_json::json;

use super::Story;
use crate::support::fake_provider::Behaviour;
use crate::support::numbers;

#[tokio::test]
async fn a_number_that_takes_no_sms_is_called_if_the_request_allows_it() {
    let story = Story::begin().await;
    for (refusal, hop_count) in [(Behaviour::RefuseForGood, 1), (Behaviour::Status(404), 2)] {
        for provider in [&story.first, &story.second] {
            let refusal = refusal.clone();
            provider.choose(move |message| match message.channel.as_str() {
                "sms" => refusal.clone(),
                _ => Behaviour::Accept,
            });
        }
        let number = numbers::us_number();
        let body = json!({ "to": number, "fallback": ["voice"] });
        let id = story.client.start_with(&body).await.expect(201).id();
        let expected = [("sms", "failed"), ("voice", "submitted")];
        let seen = story.deliveries_become(&id, &expected).await;
        assert_eq!(seen["status"], json!("pending"));
        let attempts = seen["deliveries"][0]["attempts"].as_array();
        assert_eq!(attempts.map(Vec::len), Some(hop_count));
        let messages = story.first.submissions_to(&number);
        let [sms, call] = messages.as_slice() else {
            panic!("{} messages, not an SMS and a call", messages.len());
        };
        assert_eq!((sms.channel.as_str(), &sms.speech), ("sms", &None));
        let digits: Vec<String> = sms.code.chars().map(String::from).collect();
        let speech = call.speech.as_deref().unwrap_or_default();
        let said_count = speech.matches(&digits.join(", ")).count();
        assert_eq!((call.channel.as_str(), said_count), ("voice", 3));
        story.client.check(&id, &sms.code).await.expect(200);
    }
    story.end().await;
}

#[tokio::test]
async fn without_a_fallback_the_delivery_fails_and_the_verification_waits_for_a_resend() {
    let story = Story::begin().await;
    for provider in [&story.first, &story.second] {
        provider.always(Behaviour::Status(404));
    }
    let number = numbers::us_number();
    let id = story.client.start(&number).await.expect(201).id();
    let seen = story.deliveries_become(&id, &[("sms", "failed")]).await;
    assert_eq!(seen["status"], json!("pending"));
    assert_eq!((story.first.count(), story.second.count()), (1, 1));
    story.end().await;
}

#[tokio::test]
async fn without_a_fallback_a_final_refusal_ends_the_verification() {
    let story = Story::begin().await;
    story.first.always(Behaviour::RefuseForGood);
    let number = numbers::us_number();
    let id = story.client.start(&number).await.expect(201).id();
    let seen = story
        .becomes(&id, |seen| seen["status"] == json!("failed"))
        .await;
    assert_eq!(seen["deliveries"][0]["status"], json!("failed"));
    assert_eq!((story.first.count(), story.second.count()), (1, 0));
    let code = story.message_to(&number).await.code;
    let checked = story.client.check(&id, &code).await.expect(410);
    assert_eq!(checked.code(), "failed");
    story.end().await;
}
