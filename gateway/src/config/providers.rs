//! Reads `[[providers]]`: what every provider has, and what its kind asks for.
//! The kinds say that themselves; no name of one stands here.

use std::time::Duration;

use http::Uri;
use watchword_providers::kind::{
    ConnectError, Form, Given, Kind, Setting, Value, Values, any_text,
};
use watchword_providers::registry::KINDS;
use watchword_providers::{Channel, Clock, Receipts, sandbox};

use super::address::{is_loopback, parse_url};
use super::reader::{Section, choose};
use super::secret::Secret;
use super::settings::{BreakerSettings, ProviderSettings, SilenceSettings};
use super::tenants::{CHANNELS, region_list};
use super::words;

pub(super) fn read(root: &Section<'_>) -> Vec<ProviderSettings> {
    let sections = root.sections("providers", 256);
    if sections.is_empty() && !root.reading().is_mistaken("providers") {
        root.mistake(
            "providers",
            "missing: add a [[providers]] block for each company that sends for you",
        );
    }
    sections.iter().map(read_provider).collect()
}

fn read_provider(section: &Section<'_>) -> ProviderSettings {
    section.required_text("id", "\"hook-a\"");
    section.required_text("kind", "\"webhook\"");
    let id = section.parsed("id", words::identifier).unwrap_or_default();
    let kinds: Vec<(&str, &'static Kind)> = KINDS.iter().map(|kind| (kind.name, *kind)).collect();
    // Of an unknown kind no other key can be judged; some kind keeps its place.
    let kind = section.choice("kind", &kinds).unwrap_or_else(|| {
        section.ignore_the_rest();
        &sandbox::KIND
    });
    let channels = channels(section, kind);
    let concurrency_max = section.integer_or("concurrency_max", 1..=100_000, 256);
    let attempt_timeout = section.integer_or("attempt_timeout_ms", 50..=30_000, 5_000);
    let receipts = receipts(section, kind);
    let silence = read_silence(section);
    let rate_per_s = section.fraction("rate_per_s", &(0.01..=100_000.0));
    let breaker = read_breaker(&section.section("breaker"));
    let mut values = Values::default();
    for setting in kind.settings {
        if let Some(value) = value(section, setting) {
            values.set(setting.key, value);
        }
    }
    let provider = ProviderSettings {
        id,
        kind,
        values,
        channels,
        concurrency_max: u32::try_from(concurrency_max).unwrap_or(u32::MAX),
        attempt_timeout: Duration::from_millis(attempt_timeout),
        receipts,
        silence,
        trusts_unsigned_receipts: section.flag("trust_unsigned_receipts"),
        rate_per_s,
        breaker,
    };
    check_together(section, &provider);
    provider
}

fn read_silence(section: &Section<'_>) -> SilenceSettings {
    let seconds = |key: &'static str, default: u64| {
        Duration::from_secs(section.integer_or(key, 5..=600, default))
    };
    let silence = SilenceSettings {
        deadline: seconds("receipt_deadline_s", 60),
        deadline_min: seconds("receipt_deadline_min_s", 15),
        deadline_max: seconds("receipt_deadline_max_s", 120),
        unreliable: region_list(section, "receipts_unreliable").unwrap_or_default(),
        receipt_ratio_min: section.fraction_or("receipt_ratio_min", &(0.05..=0.95), 0.5),
        redispatch_ratio_max: section.fraction_or("silence_ratio_max", &(0.0..=0.5), 0.1),
    };
    if silence.deadline_min > silence.deadline_max {
        section.mistake(
            "receipt_deadline_min_s",
            "is longer than receipt_deadline_max_s: no deadline could be learned",
        );
    }
    silence
}

fn channels(section: &Section<'_>, kind: &Kind) -> Vec<Channel> {
    let mut channels =
        section.parsed_list("channels", CHANNELS.len(), |word| choose(word, &CHANNELS));
    channels.sort_unstable();
    channels.dedup();
    if channels.is_empty() && !section.reading().is_mistaken(&section.path_of("channels")) {
        section.mistake("channels", "missing: list \"sms\", \"voice\" or both");
    }
    // Without it the configuration would pass, and every message would fail.
    for channel in &channels {
        if !kind.channels.contains(channel) {
            section.mistake(
                "channels",
                format!(
                    "has \"{channel}\", which kind = {:?} does not carry: leave it out, and let a provider of \
                     another kind carry it",
                    kind.name
                ),
            );
        }
    }
    channels
}

fn receipts(section: &Section<'_>, kind: &Kind) -> Receipts {
    let choices = [Receipts::None, Receipts::Reference, Receipts::MessageId]
        .map(|receipts| (receipts.as_str(), receipts));
    let Some(receipts) = section.choice("receipts", &choices) else {
        return kind.receipts_default();
    };
    let kind_is_known = !section.reading().is_mistaken(&section.path_of("kind"));
    if kind_is_known && !kind.receipts.contains(&receipts) {
        let words: Vec<String> = kind
            .receipts
            .iter()
            .map(|receipts| format!("\"{}\"", receipts.as_str()))
            .collect();
        section.mistake(
            "receipts",
            format!(
                "is \"{}\", which kind = {:?} cannot do: set {}",
                receipts.as_str(),
                kind.name,
                words.join(" or ")
            ),
        );
    }
    receipts
}

/// What no single setting shows, asked only of settings that are right each.
fn check_together(section: &Section<'_>, provider: &ProviderSettings) {
    if section.reading().is_mistaken(&section.path_of("")) {
        return;
    }
    let given = Given {
        id: &provider.id,
        channels: &provider.channels,
        receipts: provider.receipts,
        values: &provider.values,
        clock: &Clock::system(),
    };
    match provider.kind.check(&given) {
        Ok(()) => {}
        Err(ConnectError::Setting { key, fix }) => section.mistake(key, fix),
        Err(error @ ConnectError::Randomness) => section.mistake("kind", error.to_string()),
    }
}

/// One setting of a kind, in the form that the kind asks for.
fn value(section: &Section<'_>, setting: &'static Setting) -> Option<Value> {
    let key = setting.key;
    let is_missing =
        setting.required.is_some() && !keys(setting).iter().any(|key| section.has(key));
    if let (true, Some(example)) = (is_missing, setting.required) {
        section.mistake(key, missing(setting, example));
        return None;
    }
    match &setting.form {
        Form::Text(fits) => section
            .parsed(key, |text| {
                fits(text).map_err(str::to_owned)?;
                Ok(text.into())
            })
            .map(Value::Text),
        Form::Texts { count_max } => texts(section, key, *count_max),
        Form::Sender => section
            .parsed(key, words::sender)
            .map(|sender| Value::Text(sender.into())),
        Form::Choice(choices) => {
            let choices: Vec<(&str, &str)> = choices.iter().map(|word| (*word, *word)).collect();
            let chosen = section.choice(key, &choices);
            let default = choices.first().map(|(word, _)| *word);
            chosen.or(default).map(|word| Value::Text(word.into()))
        }
        Form::Url { default } => {
            let url = section.parsed(key, parse_url);
            if let Some(url) = &url {
                warn_of_clear_text(section, key, url);
            }
            let default = || default.and_then(|default| default.parse().ok());
            url.or_else(default).map(Value::Url)
        }
        Form::Secret { file } => section
            .secret(key, file)
            .map(|secret| Value::Secret(ours(&secret))),
        Form::Secrets { list, file, fits } => {
            let secrets = secrets(section, [key, list, file]);
            if secrets.is_empty() {
                return None;
            }
            let wrong = secrets
                .iter()
                .filter(|secret| !secret.is_documented())
                .find_map(|secret| fits(secret.expose()).err());
            if let Some(fix) = wrong {
                section.mistake(section.set_one(&[key, list, file]), fix);
            }
            Some(Value::Secrets(secrets.iter().map(ours).collect()))
        }
        Form::Flag => Some(Value::Flag(section.flag(key))),
        Form::Integer { range, default } => Some(Value::Integer(section.integer_or(
            key,
            range.clone(),
            *default,
        ))),
        Form::Ratio { default } => Some(Value::Ratio(section.fraction_or(
            key,
            &(0.0..=1.0),
            *default,
        ))),
        Form::File => section.file(key).map(|path| Value::File {
            path,
            content: None,
        }),
    }
}

/// Several texts; none set is no value.
fn texts(section: &Section<'_>, key: &'static str, count_max: usize) -> Option<Value> {
    let texts = section.parsed_list(key, count_max, |text| {
        any_text(text).map_err(str::to_owned)?;
        Ok(text.into())
    });
    (!texts.is_empty()).then_some(Value::Texts(texts))
}

/// The keys that a setting can be under.
fn keys(setting: &Setting) -> Vec<&'static str> {
    match setting.form {
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

fn missing(setting: &Setting, example: &str) -> String {
    match *keys(setting).as_slice() {
        [one, list, file] => format!("missing: set one of {one}, {list} and {file}"),
        [one, file] => format!("missing: set {one} or {file}"),
        [..] => format!("missing: set it, for example to {example}"),
    }
}

fn ours(secret: &Secret) -> watchword_providers::Secret {
    watchword_providers::Secret::from(secret.expose())
}

fn read_breaker(section: &Section<'_>) -> BreakerSettings {
    let attempts_min = section.integer_or("attempts_min", 1..=10_000, 10);
    BreakerSettings {
        window: Duration::from_secs(section.integer_or("window_s", 1..=600, 10)),
        failure_ratio: section.fraction_or("failure_ratio", &(0.05..=1.0), 0.5),
        attempts_min: u32::try_from(attempts_min).unwrap_or(u32::MAX),
        open_for: Duration::from_secs(section.integer_or("open_s", 1..=600, 15)),
    }
}

fn warn_of_clear_text(section: &Section<'_>, key: &str, url: &Uri) {
    if url.scheme_str() == Some("http") && !is_loopback(url) {
        section.reading().warn(
            &section.path_of(key),
            "is not https: codes and numbers will cross the network in clear text",
        );
    }
}

/// Secrets that can be rotated: one of a single secret, a list of them, or a
/// file with one a line. The first is used for sending, all of them verify.
pub(super) fn secrets(section: &Section<'_>, [one, list, file]: [&'static str; 3]) -> Vec<Secret> {
    let listed = section.parsed_list(list, 4, |text| Ok(Secret::new(text.trim())));
    let single = section.secret(one, file);
    section.note_inline_secret(list);
    if single.is_some() && !listed.is_empty() {
        section.mistake(
            list,
            format!("set one of {one}, {list} and {file}, not several"),
        );
    }
    if listed.iter().any(Secret::is_documented) {
        section.mistake(
            list,
            "has one that stands in the documentation, so everybody knows it: draw one of your own",
        );
    }
    let lines = single.iter().flat_map(|secret| secret.expose().lines());
    let secrets: Vec<Secret> = lines
        .map(|line| Secret::new(line.trim()))
        .chain(listed)
        .collect();
    if secrets.len() > 4 {
        section.mistake(file, "must hold at most 4 secrets, one a line");
    }
    secrets
}
