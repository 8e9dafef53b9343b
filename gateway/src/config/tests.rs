//! Stories about whole configurations: what is taken and how a refusal reads.

mod entra;
mod refusals;
mod senders;
mod signals;
mod sources;
mod subjects;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use watchword_providers::{Channel, Receipts};

use super::cross_checks::Use;
use super::*;
use crate::tenants::Scope;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SHA256: &str = "3b2e1d1c0f5a4b7e6d9c8f0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e";

/// The least a deployment sets.
fn least() -> String {
    format!(
        r#"
[store]
kind = "memory"

[[keys]]
id = "k1"
secret = "{KEY}"

[[tenants]]
name = "acme"
regions = ["US", "GB"]
api_keys = [{{ id = "a1", sha256 = "{SHA256}" }}]

[[providers]]
id = "hook-a"
kind = "webhook"
channels = ["sms", "voice"]
url = "http://127.0.0.1:9001/send"
secret = "whsec_{KEY}"

[[routes]]
channel = "sms"
hops = ["hook-a"]
"#
    )
}

fn read_with(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, Mistakes> {
    let variables: Vec<(String, String)> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let source = Source {
        name: "gateway.toml",
        text,
        directory: Path::new("/etc/watchword"),
        variables: &variables,
        is_too_open: false,
    };
    read(&source, Use::Serve)
}

fn settings(text: &str) -> Settings {
    read_with(text, &[])
        .map_err(|mistakes| panic!("{mistakes}"))
        .unwrap()
        .settings
}

/// The mistakes of `text` as an operator sees them.
fn refused(text: &str) -> String {
    read_with(text, &[])
        .map(|_| ())
        .expect_err("it is taken")
        .to_string()
}

/// The least configuration from `start` to its routes.
fn part(start: &str) -> String {
    let text = least();
    let (before, _) = text.split_once("[[routes]]").unwrap();
    let (_, after) = before.split_once(start).unwrap();
    format!("{start}{after}")
}

/// The line of the first occurrence of `needle` in `text`.
fn line_of(text: &str, needle: &str) -> usize {
    1 + text.lines().position(|line| line.contains(needle)).unwrap()
}

#[track_caller]
fn assert_refused(changed: &str, expected: &str) {
    let mistakes = refused(changed);
    assert!(
        mistakes.contains(expected),
        "{expected}\nis not among\n{mistakes}"
    );
    assert_eq!(mistakes.lines().count(), 1, "{mistakes}");
}

#[test]
fn the_least_a_deployment_sets_is_enough() {
    let settings = settings(&least());
    assert_eq!(settings.server.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(settings.codes.lifetime, Duration::from_secs(600));
    assert_eq!(settings.dispatch.retry_waits.len(), 5);
    let provider = &settings.providers[0];
    assert_eq!(provider.attempt_timeout, Duration::from_millis(5_000));
    assert_eq!(provider.receipts, Receipts::None);
    assert_eq!(provider.channels, [Channel::Sms, Channel::Voice]);
    assert_eq!(
        settings.tenants[0].api_keys[0].scopes,
        [Scope::Verify, Scope::Read]
    );
    assert_eq!(
        settings
            .limits
            .sends_per_number
            .iter()
            .map(|rule| (rule.count, rule.per.as_secs()))
            .collect::<Vec<_>>(),
        [(2, 60), (5, 600), (10, 86_400)]
    );
}

#[test]
fn every_mistake_is_reported_at_once_with_its_line() {
    let text = least()
        .replace(
            "kind = \"memory\"",
            "kind = \"memory\"\nshard = 3\nprefix = \"{x}\"",
        )
        .replace("channel = \"sms\"", "channel = \"smss\"")
        .replace("url = \"http", "attempt_timeout_ms = 0\nurl = \"ftp");
    let mistakes = refused(&text);
    let expected = [
        (
            line_of(&text, "shard ="),
            "store.shard: unknown key; did you mean shards?",
        ),
        (
            line_of(&text, "prefix ="),
            "store.prefix: must be at most 32 of letters, digits and : - _ .",
        ),
        (
            line_of(&text, "attempt_timeout_ms"),
            "providers[0].attempt_timeout_ms: must be between 50 and 30000, is 0",
        ),
        (
            line_of(&text, "url ="),
            "providers[0].url: must be a URL such as https://otp.example.com",
        ),
        (
            line_of(&text, "smss"),
            "routes[0].channel: must be one of sms, voice; did you mean \"sms\"?",
        ),
    ];
    let expected: Vec<String> = expected
        .iter()
        .map(|(line, text)| format!("gateway.toml:{line}: {text}"))
        .collect();
    assert_eq!(mistakes.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn broken_toml_is_reported_with_line_and_column_and_without_its_content() {
    let mistakes = refused("[store]\nurl = \"redis://user:hunter2@host\n");
    assert!(
        mistakes.starts_with("gateway.toml:2: not valid TOML at column "),
        "{mistakes}"
    );
    assert!(!mistakes.contains("hunter2"), "{mistakes}");
}

#[test]
fn an_empty_file_says_all_that_is_missing() {
    let mistakes = refused("");
    for section in ["store.kind", "keys", "tenants", "providers", "routes"] {
        assert!(
            mistakes.contains(&format!("gateway.toml: {section}: missing: ")),
            "{mistakes}"
        );
    }
}

#[test]
fn nothing_secret_shows_in_debug_output_or_in_mistakes() {
    let text = least()
        + "[[test_numbers]]\ntenant = \"acme\"\nnumber = \"+14155550100\"\ncode = \"424242\"\n";
    let shown = format!("{:?}", settings(&text));
    let text = text
        .replace("+14155550100", "14155550100")
        .replace("whsec_AAEC", "AAEC")
        .replace("\"424242\"", "424242");
    let shown = shown + &refused(&text);
    for secret in [KEY.trim_start_matches("AAEC"), "4155550100", "424242"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn a_short_code_gets_fewer_checks_without_a_word() {
    let short = settings(&(least() + "[codes]\ndigits = 4\nallow_short = true\n"));
    assert_eq!((short.codes.digits, short.codes.checks_max), (4, 3));
}

#[test]
fn a_twilio_block_is_read_whole() {
    let webhook = part("kind = \"webhook\"");
    let sid = "00112233445566778899aabbccddeeff";
    let twilio = format!(
        "kind = \"twilio\"\nchannels = [\"sms\"]\naccount_sid = \"AC{sid}\"\nauth_tokens = [\"one\", \"two\"]\n\
         api_key_sid = \"SK{sid}\"\napi_key_secret = \"three\"\nmessaging_service_sid = \"MG{sid}\"\n"
    );
    let text = least().replace(&webhook, &twilio)
        + "[server]\npublic_url = \"https://otp.example.com/\"\n";
    let read = settings(&text);
    assert_eq!(
        read.server.public_url.as_deref(),
        Some("https://otp.example.com")
    );
    let values = &read.providers[0].values;
    assert_eq!(read.providers[0].kind.name, "twilio");
    assert_eq!(values.secrets("auth_token").len(), 2);
    assert_eq!(
        values.text("messaging_service_sid").map(|text| &**text),
        Some(&*format!("MG{sid}"))
    );
    assert_eq!(read.providers[0].receipts, Receipts::Reference);

    assert_refused(
        &text.replace("[\"sms\"]", "[\"sms\", \"voice\"]"),
        "providers[0].caller: missing: calls need the number",
    );
    assert_refused(
        &text.replace("auth_tokens", "receipts = \"message_id\"\nauth_tokens"),
        "providers[0].receipts: is \"message_id\", which kind = \"twilio\" cannot do: set \"reference\" or \"none\"",
    );
    assert_refused(
        &text.replace("api_key_sid", "#"),
        "api_key_secret: needs api_key_sid",
    );
    assert_refused(&text.replace("auth_tokens", "#"), "auth_token: missing");
}

#[test]
fn a_webhook_may_report_by_its_own_message_ids_without_a_public_url() {
    let by_id = "receipts = \"message_id\"\nchannels = [\"sms\"";
    let read = settings(&least().replace("channels = [\"sms\"", by_id));
    assert_eq!(read.providers[0].receipts, Receipts::MessageId);
}

#[test]
fn a_twilio_block_without_a_sender_needs_one_of_every_tenant_that_a_route_leads_to_it() {
    let webhook = part("kind = \"webhook\"");
    let twilio = "kind = \"twilio\"\nchannels = [\"sms\"]\nreceipts = \"none\"\nauth_token = \"one\"\n\
                  account_sid = \"AC00112233445566778899aabbccddeeff\"\n";
    let text = least().replace(&webhook, twilio)
        + "[[tenants]]\nname = \"beta\"\nregions = [\"US\"]\nsms_sender = \"+14155550199\"\n\
           api_keys = [{ id = \"b1\", sha256 = \""
        + &SHA256.replace('3', "4")
        + "\" }]\n";
    let with_sender = text.replace(
        "name = \"acme\"",
        "name = \"acme\"\nsms_sender = \"+14155550100\"",
    );

    assert_refused(
        &text,
        "providers[0].sender: missing, and tenant \"acme\", whose messages come here, has no sms_sender",
    );
    settings(&with_sender);
    settings(&text.replace("auth_token", "sender = \"62442\"\nauth_token"));
    settings(&text.replace("hops =", "tenants = [\"beta\"]\nhops ="));
}

#[test]
fn a_reload_takes_routes_and_keys_but_no_listener_or_store() {
    let old = settings(&least());
    let new = settings(
        &(least().replace("[\"US\", \"GB\"]", "[\"US\"]")
            + "prefixes = [\"+1\"]\n[codes]\nsends_max = 3\n"),
    );
    assert_ne!(old, new);
    assert_eq!(reloadable_difference(&old, &new), Ok(()));

    let moved = settings(
        &(least().replace("kind = \"memory\"", "kind = \"memory\"\nshards = 32")
            + "[server]\nlisten = \"127.0.0.1:9\"\n"),
    );
    assert_eq!(
        reloadable_difference(&old, &moved),
        Err(vec!["server.listen", "store.shards"])
    );
}

/// Each with a value that is not the default.
const FIXED: [(&str, &str, &str); 18] = [
    ("server", "admin_listen", "\"127.0.0.1:9\""),
    ("server", "receipts_listen", "\"127.0.0.1:9\""),
    ("server", "public_url", "\"https://otp.example.com\""),
    ("server", "allow_sandbox", "true"),
    ("server", "connections_max", "9"),
    ("server", "first_byte_timeout_ms", "999"),
    ("server", "handshake_timeout_ms", "999"),
    ("server", "header_timeout_ms", "999"),
    ("server", "body_timeout_ms", "999"),
    ("server", "request_timeout_ms", "999"),
    ("server", "body_bytes_max", "9999"),
    ("server", "drain_timeout_s", "9"),
    ("store", "memory_guard_ratio", "0.5"),
    ("store", "retention_s", "99999"),
    ("log", "level", "\"debug\""),
    ("log", "format", "\"text\""),
    ("dispatch", "sweep_interval_ms", "999"),
    ("dispatch", "in_flight_max", "9"),
];

#[test]
fn what_is_handed_out_once_needs_a_restart_and_the_guide_says_so() {
    let old = settings(&least());
    let (_, guide) = include_str!("../../../docs/configuration.md")
        .split_once("## Reload")
        .unwrap();
    for (section, key, value) in FIXED {
        let name = format!("{section}.{key}");
        let text = if section == "store" {
            least().replace("[store]", &format!("[store]\n{key} = {value}"))
        } else {
            least() + &format!("[{section}]\n{key} = {value}\n")
        };
        let changed = reloadable_difference(&old, &settings(&text));
        assert_eq!(changed, Err(vec![name.as_str()]));
        assert!(guide.contains(&format!("`{key}`")), "{name}");
    }
    for line in ["drain_delay_s = 9", "insecure_listen = true"] {
        let text = least() + "[server]\n" + line + "\n";
        assert_eq!(reloadable_difference(&old, &settings(&text)), Ok(()));
    }
}

#[test]
fn the_sandbox_needs_no_file_and_keeps_its_key() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("watchword-sandbox");
    let first = sandbox::load(&place, Vec::new()).unwrap();
    assert_eq!(first.warnings, Vec::<String>::new());
    let settings = &first.settings;
    assert!(settings.server.listen.ip().is_loopback());
    assert_eq!(
        settings.store.backend,
        StoreBackend::Embedded {
            path: place.join("store")
        }
    );
    assert_eq!(settings.tenants[0].api_keys[0].scopes.len(), 6);
    assert!(
        settings.tenants[0].regions.contains("DE")
            && settings.tenants[0].voice_regions.contains("001")
    );
    assert_eq!(settings.tenants[0].submissions_per_day_max.len(), 1);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&place), mode(&place.join("key"))), (0o700, 0o600));

    let port = (
        "WATCHWORD__SERVER__LISTEN".to_owned(),
        "127.0.0.1:9999".to_owned(),
    );
    let second = sandbox::load(&place, vec![port]).unwrap();
    assert_eq!(second.settings.keys, settings.keys);
    assert_eq!(second.settings.server.listen.port(), 9999);
    assert_eq!(
        second.settings.server.public_url.as_deref(),
        Some("http://127.0.0.1:9999")
    );
    assert_eq!(second.settings.providers[0].receipts, Receipts::Reference);

    let url = (
        "WATCHWORD__SERVER__PUBLIC_URL".to_owned(),
        "https://otp.example.com".to_owned(),
    );
    let third = sandbox::load(&place, vec![url]).unwrap();
    assert_eq!(
        third.settings.server.public_url.as_deref(),
        Some("https://otp.example.com")
    );

    let open = (
        "WATCHWORD__SERVER__LISTEN".to_owned(),
        "0.0.0.0:9999".to_owned(),
    );
    assert!(sandbox::load(&place, vec![open]).is_err());
}

#[test]
fn the_memory_that_expected_traffic_needs_grows_with_retention() {
    let text = least().replace(
        "name = \"acme\"",
        "name = \"acme\"\nexpected_sends_per_s = 10",
    );
    let needs = memory_needs(&settings(&text));
    assert_eq!(needs.len(), 1);
    let expected = 10.0 * (86_400.0 + 600.0) * BYTES_PER_VERIFICATION;
    assert!((needs[0].bytes - expected).abs() < 1.0, "{needs:?}");
}

#[test]
fn the_hash_follows_the_file_and_the_environment() {
    let plain = read_with(&least(), &[]).unwrap().hash;
    assert_eq!(plain, read_with(&least(), &[]).unwrap().hash);
    assert_ne!(plain, read_with(&(least() + "\n"), &[]).unwrap().hash);
    assert_ne!(
        plain,
        read_with(&least(), &[("WATCHWORD__FLEET_SIZE", "2")])
            .unwrap()
            .hash
    );
}

mod any_text {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_read_without_a_panic(text in "([a-z\\[\\]{}=\"#.,0-9 \n_-]|server|keys|listen|tenants){0,60}") {
            drop(read_with(&text, &[]));
        }

        #[test]
        fn in_the_environment_is_read_without_a_panic(
            name in "WATCHWORD__((SERVER|TENANTS|KEYS|LISTEN|SENDS_PER_NUMBER|[0-9]{1,3}|_)(__)?){0,6}",
            value in ".{0,20}",
        ) {
            drop(read_with(&least(), &[(&name, &value)]));
        }
    }
}
