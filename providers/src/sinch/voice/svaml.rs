//! What a call does next, in Sinch's own JSON.

use serde_json::{Value, json};

use crate::contract::{CODE_REPETITIONS, KEY_WAIT};
use crate::{CallTexts, CallTurn};

/// Keys that go back to us, as they are.
const KEYS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// Sinch's voices go by language and region.
const REGIONS: [(&str, &str); 30] = [
    ("ar", "arb"),
    ("ar-EG", "arb"),
    ("bg", "bg-BG"),
    ("ca", "ca-ES"),
    ("cs", "cs-CZ"),
    ("da", "da-DK"),
    ("de", "de-DE"),
    ("el", "el-GR"),
    ("en", "en-US"),
    ("es", "es-ES"),
    ("fi", "fi-FI"),
    ("fr", "fr-FR"),
    ("hi", "hi-IN"),
    ("hu", "hu-HU"),
    ("id", "id-ID"),
    ("it", "it-IT"),
    ("ja", "ja-JP"),
    ("ko", "ko-KR"),
    ("nb", "nb-NO"),
    ("nl", "nl-NL"),
    ("pl", "pl-PL"),
    ("pt", "pt-BR"),
    ("ro", "ro-RO"),
    ("ru", "ru-RU"),
    ("sk", "sk-SK"),
    ("sv", "sv-SE"),
    ("th", "th-TH"),
    ("tr", "tr-TR"),
    ("uk", "uk-UA"),
    ("vi", "vi-VN"),
];

/// The locale for a BCP 47 tag: with the usual region where the tag has none.
pub(super) fn locale(tag: &str) -> &str {
    let region = REGIONS.iter().find(|(language, _)| *language == tag);
    region.map_or(tag, |(_, locale)| locale)
}

pub(super) fn text(turn: &CallTurn<'_>) -> String {
    match turn {
        CallTurn::Ask { texts, .. } => menu(texts, &spoken(&[&texts.greeting]), KEY_WAIT.as_secs()),
        CallTurn::Tell { texts, .. } => {
            let mut parts = vec![&*texts.code, &*texts.keys];
            for _ in 1..CODE_REPETITIONS {
                parts.push(&texts.code);
            }
            menu(texts, &spoken(&parts), 1)
        }
        CallTurn::Reported { texts } => last_words(texts, &texts.reported),
        CallTurn::Farewell { texts } => last_words(texts, &texts.farewell),
        CallTurn::HangUp => json!({"action": {"name": "hangup"}}),
    }
    .to_string()
}

/// Says something, and tells us of the key that is pressed meanwhile or after.
fn menu(texts: &CallTexts, prompt: &str, wait_s: u64) -> Value {
    let options: Vec<_> = KEYS
        .iter()
        .map(|key| json!({"dtmf": key, "action": format!("return({key})")}))
        .collect();
    json!({
        "action": {
            "name": "runMenu",
            "barge": true,
            "locale": locale(&texts.language),
            "mainMenu": "main",
            "menus": [{
                "id": "main",
                "mainPrompt": prompt,
                "timeoutMills": wait_s * 1000,
                "options": options,
            }],
        }
    })
}

fn last_words(texts: &CallTexts, words: &str) -> Value {
    json!({
        "instructions": [{
            "name": "say",
            "text": words,
            "locale": locale(&texts.language),
        }],
        "action": {"name": "hangup"},
    })
}

/// A prompt of several sentences, with a second between them.
fn spoken(parts: &[&str]) -> String {
    let escaped: Vec<_> = parts
        .iter()
        .map(|part| {
            // A bracket would end the prompt.
            let plain = part.replace(['[', ']'], " ");
            quick_xml::escape::escape(plain).into_owned()
        })
        .collect();
    let text = escaped.join("<break time=\"1s\"/>");
    format!("#ssml[<speak>{text}</speak>]")
}
