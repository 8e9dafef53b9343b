//! What AWS's calls say, and by which voice of Amazon Polly.

use crate::answer::is_longer_than;
use crate::{Message, RequestError};

/// AWS takes 6,000 characters of SSML; escaped, a text may have some more.
const TEXT_CHARACTERS_MAX: usize = 3000;
const SSML_CHARACTERS_MAX: usize = 6000;

/// A voice for each language that End User Messaging speaks.
const VOICES: [(&str, &str); 36] = [
    ("en-US", "JOANNA"),
    ("en-GB", "AMY"),
    ("en-AU", "NICOLE"),
    ("en-IN", "RAVEENA"),
    ("en-GB-WLS", "GERAINT"),
    ("en", "JOANNA"),
    ("ar", "ZEINA"),
    ("cy", "GWYNETH"),
    ("da", "NAJA"),
    ("de", "VICKI"),
    ("es-ES", "LUCIA"),
    ("es-MX", "MIA"),
    ("es-US", "LUPE"),
    ("es", "LUCIA"),
    ("fr-CA", "CHANTAL"),
    ("fr", "LEA"),
    ("is", "DORA"),
    ("it", "BIANCA"),
    ("ja", "MIZUKI"),
    ("ko", "SEOYEON"),
    ("nb", "LIV"),
    ("no", "LIV"),
    ("nl", "LOTTE"),
    ("pl", "EWA"),
    ("pt-BR", "CAMILA"),
    ("pt-PT", "INES"),
    ("pt", "CAMILA"),
    ("ro", "CARMEN"),
    ("ru", "TATYANA"),
    ("sv", "ASTRID"),
    ("tr", "FILIZ"),
    ("zh-CN", "ZHIYU"),
    ("zh-Hans", "ZHIYU"),
    ("zh-SG", "ZHIYU"),
    ("cmn", "ZHIYU"),
    ("zh", "ZHIYU"),
];

/// Spoken by a Mandarin voice, Cantonese would be another language.
const NOT_SPOKEN: [&str; 2] = ["zh-HK", "zh-MO"];

/// The voice for a BCP 47 tag: of its region, or else of its language.
pub(super) fn voice(tag: &str) -> Option<&'static str> {
    let find = |wanted: &str| {
        let mut voices = VOICES.iter();
        let found = voices.find(|(language, _)| language.eq_ignore_ascii_case(wanted));
        found.map(|(_, voice)| *voice)
    };
    if NOT_SPOKEN
        .iter()
        .any(|other| other.eq_ignore_ascii_case(tag))
    {
        return None;
    }
    find(tag).or_else(|| find(tag.split('-').next()?))
}

/// All that a call says, slowly. Polly pauses by itself where there are commas
/// and full stops, and the digits stand apart by those.
pub(super) fn ssml(message: &Message) -> Result<String, RequestError> {
    let text = message.spoken();
    if is_longer_than(text, TEXT_CHARACTERS_MAX) {
        return Err(RequestError::TextTooLong);
    }
    let text = quick_xml::escape::escape(text);
    let ssml =
        format!("<speak><break time=\"1s\"/><prosody rate=\"slow\">{text}</prosody></speak>");
    if is_longer_than(&ssml, SSML_CHARACTERS_MAX) {
        return Err(RequestError::TextTooLong);
    }
    Ok(ssml)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcripts;

    #[test]
    fn a_voice_is_of_the_region_or_else_of_the_language() {
        for (tag, expected) in [
            ("en-gb", Some("AMY")),
            ("en-ZA", Some("JOANNA")),
            ("pt-PT", Some("INES")),
            ("de-AT", Some("VICKI")),
            ("zh-HK", None),
            ("sw", None),
            ("", None),
        ] {
            assert_eq!(voice(tag), expected, "{tag}");
        }
    }

    #[test]
    fn what_is_said_is_escaped_and_bounded() {
        let mut message = transcripts::message();
        message.speech = Some("A & B: 4, 2. <break>".into());
        let said = ssml(&message).unwrap();
        assert!(said.contains("A &amp; B: 4, 2. &lt;break&gt;"), "{said}");
        message.speech = Some("&".repeat(2000).into());
        assert_eq!(ssml(&message), Err(RequestError::TextTooLong));
    }
}
