//! What people write back to the tenant's numbers: STOP and START.

use super::view::InboundEffect;
use crate::service::{Answer, Service, fields};
use crate::subjects::keeper::Wish;
use crate::subjects::model::Actor;
use crate::tenants::Caller;

/// What carriers and regulators have people write, and the same in the languages
/// of our texts and of the largest countries. As [`plain`] leaves it.
const STOP: [&str; 66] = [
    // English
    "STOP",
    "STOPALL",
    "UNSUBSCRIBE",
    "CANCEL",
    "END",
    "QUIT",
    "REVOKE",
    "OPTOUT",
    // German, Dutch, Scandinavian
    "STOPP",
    "ABBESTELLEN",
    "ABMELDEN",
    "AFMELDEN",
    "AVSLUTA",
    "AVSLUTT",
    "AFMELD",
    "LOPETA",
    // Romance
    "ARRET",
    "ARRÊT",
    "ALTO",
    "PARAR",
    "BAJA",
    "CANCELAR",
    "DETENER",
    "SAIR",
    "PARE",
    "FERMA",
    "DESABONNER",
    "DÉSABONNER",
    "ANNULLA",
    "CANCELLA",
    "DEZABONARE",
    // Slavic, Greek, Hungarian
    "СТОП",
    "ОТПИСАТЬСЯ",
    "ВІДПИСАТИСЯ",
    "ZATRZYMAJ",
    "WYPISZ",
    "REZYGNUJ",
    "ZRUSIT",
    "ZRUŠIT",
    "ΣΤΟΠ",
    "ΔΙΑΚΟΠΗ",
    "LEALL",
    "LEÁLL",
    // Turkish, Arabic, Persian, Hebrew
    "DUR",
    "RET",
    "IPTAL",
    "İPTAL",
    "توقف",
    "إيقاف",
    "ايقاف",
    "الغاء",
    "إلغاء",
    "לעצור",
    "הסר",
    // Asia
    "BERHENTI",
    "หยุด",
    "रोकें",
    "HUY",
    "HỦY",
    "停止",
    "配信停止",
    "取消",
    "退订",
    "退訂",
    "중지",
    "수신거부",
];

/// What undoes it.
const START: [&str; 38] = [
    "START",
    "UNSTOP",
    "YES",
    "BEGIN",
    "RESUME",
    "OPTIN",
    "SUBSCRIBE",
    "STARTEN",
    "ANMELDEN",
    "STARTA",
    "ALOITA",
    "DEMARRER",
    "DÉMARRER",
    "COMMENCER",
    "INICIAR",
    "COMENZAR",
    "ALTA",
    "COMEÇAR",
    "INIZIA",
    "AVVIA",
    "INCEPE",
    "СТАРТ",
    "ΕΝΑΡΞΗ",
    "ZACZNIJ",
    "ZACIT",
    "ZAČÍT",
    "INDUL",
    "BASLA",
    "BAŞLA",
    "BAŞLAT",
    "ابدأ",
    "התחל",
    "MULAI",
    "เริ่ม",
    "शुरू",
    "開始",
    "开始",
    "시작",
];

impl Service {
    /// Notes what a message to the tenant's numbers asks for.
    ///
    /// # Errors
    ///
    /// [`crate::service::ServiceError`]: asked again, the rest of it is noted.
    pub async fn inbound(&self, caller: &Caller, from: &str, text: &str) -> Answer<InboundEffect> {
        // Tenants pass on all that people write: most of it is not for us, and
        // comes from short codes and names too.
        let (wish, effect) = match plain(text) {
            word if STOP.contains(&word.as_str()) => (Wish::Stop, InboundEffect::OptedOut),
            word if START.contains(&word.as_str()) => (Wish::Start, InboundEffect::OptedIn),
            _ => return Ok(InboundEffect::None),
        };
        let from = fields::number(&international(from), None, "from")?;
        let actor = Actor::Person;
        self.keeper
            .wished((&caller.tenant, actor), from.number.expose(), wish)
            .await?;
        Ok(effect)
    }
}

/// No word above is longer.
const WORD_CHARS_MAX: usize = 24;

/// Letters alone, in capitals: people write `Stop.` and `opt out`, and keyboards
/// of East Asia have wide letters.
fn plain(text: &str) -> String {
    text.chars()
        .map(narrow)
        .filter(|letter| letter.is_alphabetic() || is_mark(*letter))
        .flat_map(char::to_uppercase)
        .take(WORD_CHARS_MAX + 1)
        .collect()
}

/// The ASCII letter that a full-width one is.
fn narrow(letter: char) -> char {
    const FIRST: u32 = 0xff01;
    const LAST: u32 = 0xff5e;
    let code = u32::from(letter);
    if (FIRST..=LAST).contains(&code) {
        char::from_u32(code - FIRST + 0x21).unwrap_or(letter)
    } else {
        letter
    }
}

/// Vowel signs of Thai and Devanagari are no letters by themselves.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{0900}'..='\u{0903}' | '\u{093a}'..='\u{094f}' | '\u{0e31}'..='\u{0e4e}')
}

/// Networks write numbers without `+`.
fn international(from: &str) -> String {
    let from = from.trim();
    let is_bare = from.len() >= 7 && from.bytes().all(|byte| byte.is_ascii_digit());
    if is_bare && !from.starts_with('0') {
        format!("+{from}")
    } else {
        from.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_understood_however_they_write_it() {
        for text in [
            "STOP",
            "stop",
            " Stop. ",
            "“Stop!”",
            "opt out",
            "Opt-Out",
            "stop all",
            "ＳＴＯＰ",
            "arrêt",
            "Стоп",
            "iptal",
            "停止",
            "退订。",
            "수신 거부",
            "Hủy",
            "désabonner",
            "หยุด",
            "रोकें",
            "إيقاف",
            "στοπ",
        ] {
            assert!(STOP.contains(&plain(text).as_str()), "{text}");
        }
        for text in ["start", "Yes", "UNSTOP", "démarrer", "başla", "開始", "เริ่ม"] {
            assert!(START.contains(&plain(text).as_str()), "{text}");
        }
    }

    #[test]
    fn other_messages_mean_nothing() {
        let long = "STOP".repeat(10_000);
        for text in [
            "",
            " ",
            "123456",
            "stop sending me this",
            "don't stop",
            "stopper",
            "yes but no",
            "\u{0}",
            &long,
        ] {
            let word = plain(text);
            assert!(!STOP.contains(&word.as_str()), "{text:.40}");
            assert!(!START.contains(&word.as_str()), "{text:.40}");
        }
    }

    #[test]
    fn no_word_asks_for_both_and_each_is_written_as_it_is_compared() {
        for word in STOP.iter().chain(&START) {
            assert_eq!(plain(word), *word);
            assert!(word.chars().count() <= WORD_CHARS_MAX);
        }
        assert!(STOP.iter().all(|word| !START.contains(word)));
    }

    #[test]
    fn a_number_is_read_as_networks_write_it() {
        assert_eq!(international("14155550100"), "+14155550100");
        assert_eq!(international("+14155550100"), "+14155550100");
        assert_eq!(international("0014155550100"), "0014155550100");
        assert_eq!(international("72345"), "72345");
    }
}
