//! Every kind in the registry keeps the rules of the form.

use tokio::sync::mpsc;

use super::*;
use crate::http_client::{ClientSettings, Tls};
use crate::registry::KINDS;
use crate::sandbox::{CallbackSender, Inbox};

/// The table that a kind's page in `docs/providers/` has, made of its settings.
fn table(kind: &Kind) -> String {
    let mut table = "| setting | default | what |\n|---|---|---|\n".to_owned();
    for setting in kind.settings {
        let names = names(setting)
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ");
        table += &format!("| {names} | {} | {} |\n", default(setting), setting.about);
    }
    let receipts: Vec<&str> = kind.receipts.iter().map(|one| one.as_str()).collect();
    if let [default, ..] = receipts[..] {
        let all = receipts
            .iter()
            .map(|one| format!("`\"{one}\"`"))
            .collect::<Vec<_>>()
            .join(", ");
        table += &format!("| `receipts` | `\"{default}\"` | one of {all} |\n");
    }
    table
}

fn names(setting: &Setting) -> Vec<&'static str> {
    match &setting.form {
        Form::Secret { file } => vec![setting.key, file],
        Form::Secrets { list, file, .. } => vec![setting.key, list, file],
        Form::Text(_)
        | Form::Texts { .. }
        | Form::Sender
        | Form::Choice(_)
        | Form::Url { .. }
        | Form::Flag
        | Form::Integer { .. }
        | Form::Ratio { .. }
        | Form::File => vec![setting.key],
    }
}

fn default(setting: &Setting) -> String {
    match &setting.form {
        Form::Flag => "`false`".to_owned(),
        Form::Integer { default, .. } => format!("{default}"),
        Form::Ratio { default } => format!("{default}"),
        Form::Url {
            default: Some(default),
        } => format!("`{default}`"),
        Form::Choice(words) if setting.required.is_none() => format!("`{:?}`", words[0]),
        Form::Text(_)
        | Form::Texts { .. }
        | Form::Sender
        | Form::Choice(_)
        | Form::Url { default: None }
        | Form::Secret { .. }
        | Form::Secrets { .. }
        | Form::File => {
            let needed = setting.required.is_some();
            if needed { "–" } else { "unset" }.to_owned()
        }
    }
}

#[test]
fn every_kind_has_its_page_with_the_table_of_its_settings() {
    for kind in KINDS {
        let path = format!(
            "{}/../docs/providers/{}.md",
            env!("CARGO_MANIFEST_DIR"),
            kind.name
        );
        let page = std::fs::read_to_string(&path).unwrap_or_default();
        let table = table(kind);
        assert!(page.contains(&table), "{path} lacks this table:\n{table}");
    }
}

/// The page that shows how to add a kind shows one that works.
#[test]
fn the_guide_shows_the_example_as_it_is_compiled_and_its_table() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let read = |path: &str| std::fs::read_to_string(format!("{root}/{path}")).unwrap();
    let guide = read("docs/providers/adding.md");
    for path in [
        "providers/src/pigeon.rs",
        "providers/transcripts/pigeon/submitted.json",
        "providers/transcripts/pigeon/receipt_lost.json",
    ] {
        assert!(
            guide.contains(&read(path)),
            "the guide does not show {path}"
        );
    }
    let table = table(&crate::pigeon::KIND);
    assert!(
        guide.contains(&table),
        "the guide lacks this table:\n{table}"
    );
}

#[test]
fn every_kind_is_well_formed_and_none_is_there_twice() {
    let kinds = KINDS.iter().copied().chain([&crate::pigeon::KIND]);
    for (index, kind) in kinds.enumerate() {
        let earlier = KINDS.iter().take(index).any(|other| *other == kind);
        assert!(!earlier, "{kind:?} is there twice");
        assert!(!kind.channels.is_empty(), "{kind:?} carries nothing");
        assert!(
            !kind.receipts.is_empty(),
            "{kind:?} says nothing of receipts"
        );
        let mut known: Vec<&str> = Vec::new();
        for setting in kind.settings {
            for name in names(setting) {
                let is_plain = name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
                assert!(is_plain && !known.contains(&name), "{kind:?}: {name}");
                known.push(name);
            }
            let is_cell = !setting.about.is_empty() && !setting.about.contains(['|', '\n']);
            assert!(
                is_cell && !setting.about.ends_with('.'),
                "{kind:?}: {}",
                setting.key
            );
        }
        for sender in kind.senders {
            assert!(known.contains(sender), "{kind:?} has no {sender}");
        }
    }
}

/// Values of the right form, as an operator would set the least of them.
fn least(kind: &Kind) -> Values {
    let mut values = Values::default();
    for setting in kind.settings {
        let text = || Arc::<str>::from(example(kind, setting.key));
        let value = match &setting.form {
            Form::Integer { default, .. } => Value::Integer(*default),
            Form::Ratio { default } => Value::Ratio(*default),
            Form::Url {
                default: Some(default),
            } => Value::Url(default.parse().unwrap()),
            Form::Choice(words) => Value::Text(words[0].into()),
            Form::Flag => Value::Flag(false),
            Form::Text(_)
            | Form::Texts { .. }
            | Form::Sender
            | Form::Url { default: None }
            | Form::Secret { .. }
            | Form::Secrets { .. }
            | Form::File
                if setting.required.is_none() =>
            {
                continue;
            }
            Form::Text(_) | Form::Sender => Value::Text(text()),
            Form::Texts { .. } => Value::Texts(vec![text()]),
            Form::Url { default: None } => Value::Url(text().parse().unwrap()),
            Form::Secret { .. } => Value::Secret((&*text()).into()),
            Form::Secrets { .. } => Value::Secrets(vec![(&*text()).into()]),
            Form::File => Value::File {
                path: "/nowhere".into(),
                content: None,
            },
        };
        values.set(setting.key, value);
    }
    values
}

/// What fits a setting that has to be set, where `required` is no example itself.
fn example(kind: &Kind, key: &str) -> String {
    match (kind.name, key) {
        (_, "url") => "https://sms.example.com/send".to_owned(),
        ("twilio", "account_sid") => "AC00112233445566778899aabbccddeeff".to_owned(),
        _ => "some text".to_owned(),
    }
}

#[test]
fn the_kinds_of_the_house_are_connected_and_only_http_has_a_client() {
    let (sender, _callbacks) = mpsc::channel(1);
    let shared = Shared {
        tls: Tls::new(None).unwrap(),
        client: ClientSettings::default(),
        inbox: Inbox::default(),
        sandbox_callbacks: CallbackSender::new(sender),
        seed: 1,
    };
    let clock = Clock::system();
    for (kind, is_http) in [
        (&crate::sandbox::KIND, false),
        (&crate::webhook::KIND, true),
        (&crate::twilio::KIND, true),
    ] {
        // A webhook's is needed by our own form alone.
        let secret = Value::Secrets(vec!["some text".into()]);
        let values = least(kind).with("secret", secret);
        let given = Given {
            id: "one",
            channels: &[Channel::Sms],
            receipts: kind.receipts_default(),
            values: &values,
            clock: &clock,
        };
        kind.check(&given).unwrap();
        let connected = kind.connect(&given, &shared).unwrap();
        let capabilities = connected.provider.capabilities();
        assert_eq!(capabilities.channels, [Channel::Sms], "{kind:?}");
        assert_eq!(capabilities.receipts, kind.receipts_default(), "{kind:?}");
        assert_eq!(connected.client.is_some(), is_http, "{kind:?}");
    }
}
