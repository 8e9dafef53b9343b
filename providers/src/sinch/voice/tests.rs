//! Sinch's calls: what goes along, what is asked meanwhile, and every documented
//! answer over a real connection.

use http::{HeaderMap, Method};
use serde_json::Value as Json;

use super::*;
use crate::kind::{Value, Values};
use crate::rows::{Answer as Played, PlayedServer};
use crate::transcripts::{self, NOW_MS, outcome_words};
use crate::{CallTexts, Extension};

const CALL_URL: &str = "https://otp.example.com/v1/calls/sinch/ref_1";
const SECRET: &str = "c2VjcmV0";

fn provider(base_url: Uri) -> SinchVoiceProvider {
    let values = Values::default()
        .with("application_key", Value::Text("app-key".into()))
        .with("application_secret", Value::Secrets(vec![SECRET.into()]))
        .with("caller", Value::Text("+15017122661".into()))
        .with("base_url", Value::Url(base_url));
    transcripts::given(&values, KIND.channels, Receipts::None, |given| {
        SinchVoiceProvider::new(given).unwrap()
    })
}

fn own() -> SinchVoiceProvider {
    provider(Uri::from_static(BASE_URL))
}

fn texts() -> CallTexts {
    CallTexts {
        language: "en".into(),
        greeting: "Acme calls. Press a key.".into(),
        code: "Your code is [4], 2 & 8.".into(),
        keys: "1 repeats, 9 reports.".into(),
        farewell: "Goodbye.".into(),
        reported: "Thank you.".into(),
    }
}

fn call() -> Message {
    let mut message = transcripts::call(texts(), CALL_URL);
    message.speech = Some("Your code is 4, 2, 8.".into());
    message
}

fn sent(message: &Message) -> Json {
    let request = own().request(message).unwrap();
    let url = "https://calling.api.sinch.com/calling/v1/callouts";
    assert_eq!(request.uri(), url);
    serde_json::from_slice(request.body()).unwrap()
}

#[test]
fn the_greeting_goes_along_and_the_code_does_not() {
    let sent = sent(&call());
    assert_eq!(sent["method"], "customCallout");
    let callout = &sent["customCallout"];
    assert_eq!(callout["destination"]["endpoint"], "+14155550123");
    assert_eq!(callout["maxDuration"], 45);
    assert_eq!(callout["pie"], CALL_URL);
    let ace: Json = serde_json::from_str(callout["ace"].as_str().unwrap()).unwrap();
    let menu = &ace["action"]["menus"][0];
    let prompt = "#ssml[<speak>Acme calls. Press a key.</speak>]";
    assert_eq!(menu["mainPrompt"], prompt);
    assert_eq!(menu["timeoutMills"], 6000);
    assert_eq!(menu["options"][9]["action"], "return(9)");
    assert_eq!(ace["action"]["locale"], "en-US");
    assert!(!sent.to_string().contains("4, 2"), "{sent}");
}

#[test]
fn where_nothing_can_be_asked_it_is_all_said_at_once() {
    let mut message = call();
    message.call_url = None;
    let sent = sent(&message);
    assert_eq!(sent["method"], "ttsCallout");
    assert_eq!(sent["ttsCallout"]["text"], "Your code is 4, 2, 8.");
    assert_eq!(sent["ttsCallout"]["locale"], "en-US");
    message.channel = Channel::Sms;
    assert_eq!(own().request(&message).err(), Some(RequestError::Channel));
}

#[test]
fn an_extension_goes_along_with_either_call() {
    let mut message = call();
    message.extension = Extension::parse("0042");
    let asked = sent(&message);
    assert_eq!(asked["customCallout"]["dtmf"], "wwww0042");
    assert_eq!(asked["customCallout"]["maxDuration"], 90);
    message.call_url = None;
    assert_eq!(sent(&message)["ttsCallout"]["dtmf"], "wwww0042");
}

#[test]
fn every_turn_is_told_in_sinch_s_form() {
    let texts = texts();
    let told = |turn: CallTurn<'_>| {
        let document = own().call_answer(&turn);
        assert_eq!(document.content_type, "application/json");
        serde_json::from_slice::<Json>(&document.body).unwrap()
    };
    let tell = told(CallTurn::Tell {
        texts: &texts,
        call_url: CALL_URL,
    });
    let prompt = tell["action"]["menus"][0]["mainPrompt"].as_str().unwrap();
    assert_eq!(prompt.matches("Your code is  4 , 2 &amp; 8.").count(), 3);
    assert_eq!(prompt.matches("1 repeats").count(), 1);
    let farewell = told(CallTurn::Farewell { texts: &texts });
    assert_eq!(farewell["instructions"][0]["text"], "Goodbye.");
    assert_eq!(farewell["action"]["name"], "hangup");
    let reported = told(CallTurn::Reported { texts: &texts });
    assert_eq!(reported["instructions"][0]["text"], "Thank you.");
    assert_eq!(told(CallTurn::HangUp)["action"]["name"], "hangup");
}

fn event(body: &str, signs: bool) -> Result<CallEvent, ReceiptError> {
    let timestamp = "2023-11-14T22:13:20.000Z";
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    headers.insert("x-timestamp", timestamp.parse().unwrap());
    let mut callback = Callback {
        method: &Method::POST,
        url: CALL_URL,
        headers: &headers.clone(),
        body: body.as_bytes(),
        now_ms: NOW_MS,
    };
    let secret = if signs { SECRET } else { "b3RoZXI" };
    let keys = SinchApplicationKeys::new("app-key", &[secret.into()]).unwrap();
    let authorization = keys.sign(&callback, timestamp);
    headers.insert("authorization", authorization.parse().unwrap());
    callback.headers = &headers;
    own().call_event(&callback)
}

#[test]
fn every_event_is_read_once_its_signature_fits() {
    let undelivered = |result: &str| CallStep::Ended {
        status: ReceiptStatus::Undelivered,
        code: ProviderCode::new(result),
    };
    let delivered = CallStep::Ended {
        status: ReceiptStatus::Delivered,
        code: ProviderCode::new("ANSWERED"),
    };
    for (body, expected) in [
        (r#""event":"ace""#, CallStep::Answered),
        (
            r#""event":"ace","amd":{"status":"machine"}"#,
            CallStep::Machine,
        ),
        (
            r#""event":"ace","amd":{"status":"human"}"#,
            CallStep::Answered,
        ),
        (
            r#""event":"pie","menuResult":{"type":"return","value":"1"}"#,
            CallStep::Key('1'),
        ),
        (
            r#""event":"pie","menuResult":{"type":"Return","value":9}"#,
            CallStep::Key('9'),
        ),
        (
            r#""event":"pie","menuResult":{"type":"timeout","value":""}"#,
            CallStep::NoKey,
        ),
        (
            r#""event":"pie","menuResult":{"type":"invalidinput"}"#,
            CallStep::NoKey,
        ),
        (
            r#""event":"pie","menuResult":{"type":"hangup"}"#,
            delivered.clone(),
        ),
        (r#""event":"dice","result":"ANSWERED""#, delivered),
        (r#""event":"dice","result":"BUSY""#, undelivered("BUSY")),
        (
            r#""event":"dice","result":"NOANSWER""#,
            undelivered("NOANSWER"),
        ),
    ] {
        let body = format!(r#"{{"callid":"4398599d1ba8",{body}}}"#);
        let read = event(&body, true).unwrap();
        assert_eq!(read.call_id, MessageId::new("4398599d1ba8").unwrap());
        assert_eq!(read.step, expected, "{body}");
        assert_eq!(event(&body, false), Err(ReceiptError::Signature), "{body}");
    }
    for body in [
        "",
        "{}",
        r#"{"event":"ice","callid":"a"}"#,
        r#"{"event":"pie","callid":"a"}"#,
    ] {
        assert_eq!(event(body, true), Err(ReceiptError::Malformed), "{body}");
    }
}

#[tokio::test]
async fn every_documented_answer_is_understood_over_a_connection() {
    let error = |code: u32| format!(r#"{{"errorCode":{code},"message":"text","reference":"a"}}"#);
    let rows = [
        (
            200,
            r#"{"callId":"4398599d1ba84ef3bde0a82dfb61abed"}"#.to_owned(),
            "submitted as 4398599d1ba84ef3bde0a82dfb61abed",
        ),
        (400, error(40001), "refused for this provider, code 40001"),
        (400, error(40003), "refused for this provider, code 40003"),
        (400, error(40004), "credentials refused, code 40004"),
        (401, error(40100), "credentials refused, code 40100"),
        (401, error(40108), "credentials refused, code 40108"),
        (402, error(40200), "refused for this provider, code 40200"),
        (403, error(40300), "refused for this provider, code 40300"),
        (403, error(40303), "refused for this provider, code 40303"),
        (403, "{}".to_owned(), "credentials refused"),
        (404, error(40400), "refused for this provider, code 40400"),
        (429, error(42900), "throttled"),
        (500, error(50000), "unknown, code 50000"),
        (503, error(50300), "refused for now, code 50300"),
        (200, "<html>".to_owned(), "unknown"),
    ];
    let answers = rows
        .iter()
        .map(|(status, body, _)| Played::json(*status, body.as_str()));
    let server = PlayedServer::start(answers.collect()).await;
    let provider = Arc::new(provider(server.base_url.clone()));
    let (outcomes, _) = server.submit_all(provider, call(), rows.len()).await;
    for ((_, _, expected), outcome) in rows.iter().zip(&outcomes) {
        assert_eq!(outcome_words(outcome), *expected);
    }
}
