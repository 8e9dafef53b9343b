//! The message files compiled in, one a language.

use super::source::MessageFile;

/// `de`, `en`, .. to the files of these names.
macro_rules! files {
    ($($tag:literal),* $(,)?) => {
        [$(MessageFile {
            name: concat!($tag, ".ftl"),
            path: None,
            text: include_str!(concat!("../../../config/messages/", $tag, ".ftl")),
        }),*]
    };
}

/// In the order of their tags.
static FILES: [MessageFile<'static>; 56] = files![
    "af", "ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "en-GB", "es", "et", "fa", "fi",
    "fil", "fr", "gu", "he", "hi", "hr", "hu", "id", "it", "ja", "kn", "ko", "lt", "lv", "ml",
    "mr", "ms", "nb", "nl", "pa", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sr", "sr-Latn",
    "sv", "sw", "ta", "te", "th", "tr", "uk", "ur", "vi", "zh-CN", "zh-HK", "zh-TW",
];

/// The files of the built-in languages, by their tags.
pub fn builtin_files() -> &'static [MessageFile<'static>] {
    &FILES
}
