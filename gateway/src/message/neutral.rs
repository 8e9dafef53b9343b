//! What a person may be told when no code was sent: the same whatever the reason,
//! so that nobody learns from it which numbers and accounts there are.

use super::Locale;

/// By language; the first one is of last resort.
const TEXTS: [(&str, &str); 9] = [
    (
        "en",
        "We could not send you a code. Try another way, or try again later.",
    ),
    (
        "de",
        "Wir konnten Ihnen keinen Code senden. Versuchen Sie es auf einem anderen Weg oder später noch einmal.",
    ),
    (
        "es",
        "No hemos podido enviarle un código. Pruebe de otra forma o inténtelo más tarde.",
    ),
    (
        "fr",
        "Nous n’avons pas pu vous envoyer de code. Essayez d’une autre façon ou réessayez plus tard.",
    ),
    (
        "it",
        "Non è stato possibile inviarle un codice. Provi in un altro modo o riprovi più tardi.",
    ),
    (
        "ja",
        "コードを送信できませんでした。別の方法をお試しになるか、しばらくしてからもう一度お試しください。",
    ),
    (
        "nl",
        "We konden u geen code sturen. Probeer het op een andere manier of later opnieuw.",
    ),
    (
        "pl",
        "Nie udało się wysłać kodu. Spróbuj w inny sposób albo spróbuj ponownie później.",
    ),
    (
        "pt",
        "Não foi possível enviar um código. Tente de outra forma ou tente novamente mais tarde.",
    ),
];

/// The text in the language nearest to `locale`.
pub fn not_sent(locale: &Locale) -> &'static str {
    let [(_, last_resort), ..] = TEXTS;
    let mut tags = locale.fallbacks();
    let of = |tag: &str| TEXTS.iter().find(|(language, _)| *language == tag);
    tags.find_map(of).map_or(last_resort, |(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_language_is_taken_and_english_where_there_is_none() {
        for (asked, language) in [
            ("de-AT", "de"),
            ("pt-BR", "pt"),
            ("en", "en"),
            ("sw-KE", "en"),
        ] {
            let text = not_sent(&Locale::parse(asked).unwrap());
            let found = TEXTS.iter().find(|(_, one)| *one == text).unwrap();
            assert_eq!(found.0, language, "{asked}");
        }
    }
}
