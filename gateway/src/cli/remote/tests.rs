use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use clap::Parser;

use super::*;
use crate::cli::{Arguments, Command, SubjectsCommand, WebhooksCommand};

/// A server that gives these answers, one connection each, and keeps what it was asked.
struct Server {
    url: String,
    asked: JoinHandle<Vec<String>>,
}

fn server(answers: Vec<(u16, &'static str)>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let answer_one = |(status, body): (u16, &str)| {
            let (mut stream, _) = listener.accept().unwrap();
            let request = read_request(&mut stream);
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(body.as_bytes()).unwrap();
            request
        };
        answers.into_iter().map(answer_one).collect()
    });
    Server { url, asked }
}

/// The head, and the body if one is announced, in one text.
fn read_request(stream: &mut impl Read) -> String {
    let mut read = Vec::new();
    let mut chunk = [0_u8; 4096];
    loop {
        let count = stream.read(&mut chunk).unwrap();
        read.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8(read.clone()).unwrap().to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let announced = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        if body.len() >= announced || count == 0 {
            return text;
        }
    }
}

fn question(arguments: &[&str]) -> Question {
    let all = ["watchword"].iter().chain(arguments);
    match Arguments::parse_from(all).command.unwrap() {
        Command::Explain(call) => Question::Explain(call),
        Command::Send(call) => Question::Send(call),
        Command::Find(call) => Question::Find(call),
        Command::Routes(call) => Question::Routes(call),
        Command::Webhooks(WebhooksCommand::Replay(call)) => Question::Replay(call),
        Command::Subjects(SubjectsCommand::ImportGraph(call)) => Question::ImportGraph(call),
        Command::Serve(_)
        | Command::CheckConfig(_)
        | Command::Health(_)
        | Command::Keys(_)
        | Command::Messages(_)
        | Command::Openapi => panic!("not a question"),
    }
}

fn asked(arguments: &[&str]) -> Result<String, RemoteError> {
    let mut out = Vec::new();
    ask(&question(arguments), &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn an_import_goes_on_after_a_refused_person_and_ends_with_what_became_of_all() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("export.json");
    let export = r#"[
        {"id":"a/1","phoneMethods":[{"phoneNumber":"+1 2065550100x42","phoneType":"office"}]},
        {"id":"b","phoneMethods":[{"phoneNumber":"+1 2065550101","phoneType":"mobile"}]},
        {"id":"c","phoneMethods":[]}
    ]"#;
    std::fs::write(&file, export).unwrap();
    let file = file.to_str().unwrap();
    let answers = vec![
        (
            409,
            r#"{"title":"Already enrolled","code":"already_enrolled","detail":"x","request_id":"r1"}"#,
        ),
        (200, r#"{"action":{"status":"done"}}"#),
    ];
    let server = server(answers);
    let call = [
        "subjects",
        "import-graph",
        file,
        "--tenant",
        "acme",
        "--url",
        &server.url,
    ];
    let report = asked(&call).unwrap_err().to_string();
    assert!(
        report.contains("1 of 2 people imported, 1 refused"),
        "{report}"
    );
    assert!(report.contains("  a/1: Already enrolled"), "{report}");
    assert!(!report.contains("206555"), "{report}");
    let requests = server.asked.join().unwrap();
    let first = requests.first().unwrap();
    assert!(
        first.starts_with("post /v1/subjects/a%2f1/import "),
        "{first}"
    );
    assert!(first.contains(r#""extension":"42""#) && first.contains(r#""role":"office""#));
    assert!(
        requests
            .last()
            .unwrap()
            .contains(r#""phone":"+1 2065550101""#)
    );

    let dry = asked(&[
        "subjects",
        "import-graph",
        file,
        "--tenant",
        "acme",
        "--dry-run",
    ])
    .unwrap();
    assert!(
        dry.contains("2 people with numbers: 1 office, 1 primary"),
        "{dry}"
    );
}

#[test]
fn an_import_stops_where_no_person_could_be_imported() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("export.json");
    let person = |id: u8| {
        format!(
            r#"{{"id":"{id}","phoneMethods":[{{"phoneNumber":"+1 2065550100","phoneType":"mobile"}}]}}"#
        )
    };
    std::fs::write(&file, format!("{}\n{}", person(1), person(2))).unwrap();
    let file = file.to_str().unwrap();
    let refused =
        r#"{"title":"Unauthorized","code":"unauthorized","detail":"x","request_id":"r1"}"#;
    let done = r#"{"action":{"status":"done"}}"#;
    let first = server(vec![(401, refused)]);
    let call = |url| {
        [
            "subjects",
            "import-graph",
            file,
            "--tenant",
            "acme",
            "--url",
            url,
        ]
    };
    let error = asked(&call(&first.url)).unwrap_err();
    assert!(error.to_string().starts_with("Unauthorized"), "{error}");
    let second = server(vec![(200, done), (503, refused)]);
    let error = asked(&call(&second.url)).unwrap_err().to_string();
    assert!(
        error.contains("1 of 2 people imported") && error.contains("again to go on"),
        "{error}"
    );
    let too_large =
        r#"{"title":"Body too large","code":"body_too_large","detail":"x","request_id":"r1"}"#;
    let third = server(vec![(413, too_large), (200, done)]);
    let error = asked(&call(&third.url)).unwrap_err().to_string();
    assert!(
        error.starts_with("1 of 2 people imported, 1 refused"),
        "{error}"
    );
}

#[tokio::test]
async fn an_import_that_is_interrupted_says_how_far_it_came() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("export.json");
    let person =
        r#"{"id":"a","phoneMethods":[{"phoneNumber":"+1 2065550100","phoneType":"mobile"}]}"#;
    std::fs::write(&file, person).unwrap();
    let file = file.to_str().unwrap();
    let arguments = ["subjects", "import-graph", file, "--tenant", "acme"];
    let Question::ImportGraph(call) = question(&arguments) else {
        panic!("another command");
    };
    let error = import::import(&call, std::future::ready(())).await;
    let report = error.unwrap_err().to_string();
    assert!(report.starts_with("0 of 1 people imported"), "{report}");
    assert!(
        report.contains("stopped: interrupted") && report.contains("again to go on"),
        "{report}"
    );
}

const ONE: &str = r#"{"id":"vrf_1","status":"expired","to":"+1********23","channel":"sms",
"purpose":"sign_in","locale":"en","created_at":"2026-01-01T00:00:00.000Z",
"expires_at":"2026-01-01T00:10:00.000Z","checks_remaining":0,"sends_remaining":0,
"next":{"sms_at":null,"voice_at":null,"check_at":null},
"deliveries":[{"id":"dlv_1","channel":"sms","status":"undelivered","created_at":"2026-01-01T00:00:00.000Z",
"attempts_folded":3,
"attempts":[{"attempt":4,"provider":"hook-a","outcome":"submitted","started_at":"2026-01-01T00:00:00.001Z",
"duration_ms":84,"receipt":{"status":"undelivered","at":"2026-01-01T00:00:09.000Z","code":"30003"}}]}],
"timeline":[{"at":"2026-01-01T00:00:00.000Z","event":"created"},
{"at":"2026-01-01T00:00:09.000Z","event":"receipt_undelivered","provider":"hook-a","detail":"30003"}]}"#;

const LIST: &str = r#"{"verifications":[{"id":"vrf_1","status":"expired","to":"+1********23","purpose":"sign_in",
"created_at":"","expires_at":"","checks_remaining":0,"sends_remaining":0,"deliveries":[]}]}"#;

#[test]
fn find_tells_what_became_of_each_code() {
    let server = server(vec![(200, LIST), (200, ONE)]);
    let text = asked(&["find", "+14155550123", "--url", &server.url]).unwrap();
    for line in [
        "vrf_1  expired",
        "  delivery 1 over sms: undelivered",
        "    3 earlier attempts that reached nobody are not listed",
        "    attempt 4 by hook-a: submitted after 84 ms; receipt: undelivered (30003)",
        "    2026-01-01T00:00:09.000Z  receipt_undelivered  hook-a  30003",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
    }
    let requests = server.asked.join().unwrap();
    assert!(requests[0].starts_with("get /v1/verifications?to=%2b14155550123 "));
    assert!(requests[1].starts_with("get /v1/verifications/vrf_1 "));
    assert!(requests[1].contains("authorization: bearer sandbox"));
}

#[test]
fn send_passes_on_the_channel_and_how_long_to_wait() {
    let server = server(vec![(201, ONE)]);
    let arguments = [
        "send",
        "4155550123",
        "--region",
        "US",
        "--channel",
        "voice",
        "--wait",
        "3",
        "--url",
        &server.url,
    ];
    asked(&arguments).unwrap();
    let request = server.asked.join().unwrap().remove(0);
    assert!(request.starts_with("post /v1/verifications "), "{request}");
    assert!(request.contains("prefer: wait=3"), "{request}");
    assert!(
        request.ends_with(r#"{"channel":"voice","region":"us","to":"4155550123"}"#),
        "{request}"
    );
}

#[test]
fn explain_shows_the_verdict_the_route_and_what_is_left() {
    let answer = r#"{"number":{"e164":"+14155550123","region":"US","type":"mobile","channels":[
        {"channel":"sms","allowed":true},{"channel":"voice","allowed":false,"reason":"voice_not_enabled"}]},
        "accepted":false,"refusal":{"type":"/docs#send_limit","title":"Send limit","status":429,
        "code":"send_limit","detail":"Enough.","available_at":"2026-01-01T00:00:30.000Z"},
        "routes":[{"channel":"sms","strategy":"ordered","hops":[{"provider":"a","breaker":"open"},
        {"provider":"b","breaker":"closed"}]}],
        "limits":[{"limit":"send_limit","client":"known","count":5,"per_s":600,"left":2}],"live_count":1}"#;
    let server = server(vec![(200, answer)]);
    let text = asked(&["explain", "+14155550123", "--url", &server.url]).unwrap();
    for line in [
        "  now       a start would be refused: Send limit (send_limit): Enough; possible again at 2026-01-01T00:00:30.000Z",
        "    route   ordered: a (breaker open), then b (breaker closed)",
        "  voice     not allowed (voice_not_enabled)",
        "  send_limit  2 of 5 left in 600 s, known client",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
    }
}

#[test]
fn json_is_the_gateways_own_answer() {
    let server = server(vec![(200, LIST), (200, ONE)]);
    let text = asked(&["find", "+14155550123", "--json", "--url", &server.url]).unwrap();
    let shown: Value = serde_json::from_str(&text).unwrap();
    let one: Value = serde_json::from_str(ONE).unwrap();
    assert_eq!(shown, json!({ "verifications": [one] }));
}

#[test]
fn a_gateway_that_does_not_run_is_the_first_suspect() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let url = format!("http://127.0.0.1:{port}");
    let error = asked(&["find", "+14155550123", "--url", &url]).unwrap_err();
    assert_eq!(error.exit_code(), exit_code::FAILED);
    let text = error.to_string();
    assert!(
        text.contains("is the gateway running there? `watchword` starts a sandbox"),
        "{text}"
    );
}

#[test]
fn a_wrong_key_and_a_missing_scope_say_which_key_is_needed() {
    for (status, code, hint) in [
        (401, "unauthorized", "with --key-file"),
        (403, "scope_missing", "`find` read"),
    ] {
        let body = format!(
            r#"{{"type":"x","title":"T","status":{status},"code":"{code}","detail":"D.","request_id":"req_1"}}"#
        );
        let server = server(vec![(status, body.leak())]);
        let error = asked(&["find", "+14155550123", "--url", &server.url]).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("T ({code}): D")), "{text}");
        assert!(
            text.contains(hint) && text.ends_with("(request req_1)"),
            "{text}"
        );
    }
}

#[test]
fn an_answer_that_is_not_ours_puts_the_url_in_doubt() {
    for (status, body) in [(502, "<html>"), (200, "[]"), (200, "<html>")] {
        let server = server(vec![(status, body)]);
        let error = asked(&["find", "+14155550123", "--url", &server.url]).unwrap_err();
        assert!(matches!(error, RemoteError::Foreign { .. }), "{error}");
    }
}

#[test]
fn only_a_gateway_on_this_machine_has_a_default_key() {
    let error = asked(&["find", "+14155550123", "--url", "https://otp.example.com"]).unwrap_err();
    assert!(matches!(error, RemoteError::NoKey), "{error}");
    assert_eq!(error.exit_code(), exit_code::REFUSED);
}

#[test]
fn the_key_in_a_file_may_end_with_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    std::fs::write(&path, "wk_one\n").unwrap();
    let server = server(vec![(200, r#"{"verifications":[]}"#)]);
    let path = path.to_str().unwrap();
    let text = asked(&[
        "find",
        "+14155550123",
        "--key-file",
        path,
        "--url",
        &server.url,
    ])
    .unwrap();
    assert!(text.starts_with("nothing: "), "{text}");
    let requests = server.asked.join().unwrap();
    assert!(requests[0].contains("authorization: bearer wk_one\r\n"));
}

#[test]
fn an_answer_cannot_steer_the_terminal() {
    let list = r#"{"verifications":[{"id":"vrf_1","status":"x","to":"","purpose":"","created_at":"",
        "expires_at":"","checks_remaining":0,"sends_remaining":0,"deliveries":[]}]}"#;
    let one = r#"{"id":"vrf_1","status":"\u001b[31m","to":"","purpose":"","created_at":"",
        "expires_at":"","checks_remaining":0,"sends_remaining":0,"deliveries":[]}"#;
    let server = server(vec![(200, list), (200, one)]);
    let text = asked(&["find", "+14155550123", "--url", &server.url]).unwrap();
    assert!(
        text.contains("[31m") && !text.contains('\u{1b}'),
        "{text:?}"
    );
}

const ROUTES: &str = r#"{"since":"2026-01-01T00:00:00.000Z","until":"2026-01-01T09:00:00.000Z","routes":[
{"provider":"hook-a","channel":"sms","country":"US","prefix":"+1415","submitted":1400,"delivered":1330,
"approved":1190,"delivered_ratio":0.95,"conversion_ratio":0.85},
{"provider":"b","channel":"voice","country":null,"prefix":null,"submitted":0,"delivered":1,
"approved":0,"delivered_ratio":null,"conversion_ratio":null}],"omitted_count":3}"#;

#[test]
fn counts_of_routes_are_a_table() {
    let server = server(vec![(200, ROUTES)]);
    let text = asked(&[
        "routes",
        "--hours",
        "9",
        "--url",
        &server.url,
        "--key",
        "op",
    ])
    .unwrap();
    let expected = "\
since 2026-01-01T00:00:00.000Z
PROVIDER  CHANNEL  COUNTRY  PREFIX  SUBMITTED  DELIVERED          APPROVED
hook-a    sms      US       +1415        1400       1330  95.0 %      1190  85.0 %
b         voice    other                    0          1       -         0       -
and 3 rows with fewer messages
";
    assert_eq!(text, expected);
    let requests = server.asked.join().unwrap();
    assert!(requests[0].starts_with("get /v1/admin/routes?hours=9 "));
}

#[test]
fn a_replay_says_what_is_told_again_and_what_to_ask_for_once_more() {
    let answers = vec![
        (200, r#"{"events":3,"busy":0,"more":false}"#),
        (200, r#"{"events":1,"busy":2,"more":true}"#),
    ];
    let server = server(answers);
    let replay = |more: &[&str]| {
        let usual = [
            "webhooks",
            "replay",
            "--tenant",
            "acme",
            "--url",
            &server.url,
        ];
        asked(&[&usual, more].concat()).unwrap()
    };
    let text = replay(&[
        "--from",
        "2026-11-20T00:00:00Z",
        "--until",
        "2026-11-22T01:00:00+01:00",
        "--with-told",
        "--key",
        "op",
    ]);
    assert_eq!(text, "3 events are told again\n");
    let text = replay(&["--event", "evt_1_2", "--endpoint", "main"]);
    let expected = "\
1 event is told again
2 verifications or deliveries were just being told about: ask again
there are more than one replay takes: ask again
";
    assert_eq!(text, expected);
    let requests = server.asked.join().unwrap();
    for (request, body) in requests.iter().zip([
        r#"{"from":"2026-11-20t00:00:00z","tenant":"acme","until":"2026-11-22t00:00:00z","with_told":true}"#,
        r#"{"endpoint":"main","event_id":"evt_1_2","tenant":"acme"}"#,
    ]) {
        assert!(request.starts_with("post /v1/admin/webhooks/replay "), "{request}");
        assert!(request.ends_with(body), "{request}");
    }
}

#[test]
fn a_replay_is_of_one_event_or_of_a_time() {
    let replay = |more: &[&str]| {
        let usual = ["watchword", "webhooks", "replay", "--tenant", "acme"];
        Arguments::try_parse_from([&usual, more].concat()).is_ok()
    };
    let (from, until) = ("2026-11-20T00:00:00Z", "2026-11-22T00:00:00Z");
    assert!(replay(&["--event", "evt_1_2"]));
    assert!(replay(&["--from", from, "--until", until]));
    assert!(!replay(&[]) && !replay(&["--from", from]));
    assert!(!replay(&[
        "--event", "evt_1_2", "--from", from, "--until", until
    ]));
    assert!(!replay(&["--event", "evt_1_2", "--with-told"]));
    assert!(!replay(&["--from", "yesterday", "--until", until]));
}
