//! Tokens that undo or report a change: made of the index key for one change, one
//! action and one recipient, so there is nothing to keep and nothing to steal.
//! Each is good for one use, since the change then has another status.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use zeroize::Zeroizing;

use super::codes::{long_token, normalise, short_token};
use super::model::{ChangeId, Recipient, SubjectKey};
use crate::keys::IndexKey;

/// What a token does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenAction {
    Undo,
    /// "This was not me": undoes and freezes.
    Report,
}

impl TokenAction {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undo => "undo",
            Self::Report => "report",
        }
    }
}

/// The token as its recipient gets it: eight characters in a message, which
/// somebody types, or all of it for the tenant's own mail.
pub fn token(
    index: &IndexKey,
    (key, change): (SubjectKey, ChangeId),
    action: TokenAction,
    recipient: Recipient,
) -> Zeroizing<String> {
    match recipient {
        Recipient::Method(method) => {
            let to = method.to_string();
            short_token(&index.subject_token(key, change, action.as_str(), &to))
        }
        Recipient::Mail => long_token(&index.subject_token(key, change, action.as_str(), "mail")),
    }
}

/// Whose token was typed, of all who were sent one.
pub fn holder(
    index: &IndexKey,
    (key, change): (SubjectKey, ChangeId),
    (action, typed): (TokenAction, &str),
    recipients: impl IntoIterator<Item = Recipient>,
) -> Option<Recipient> {
    let typed = normalise(typed);
    // All are compared, whichever it is.
    recipients
        .into_iter()
        .filter(|recipient| {
            let sent = normalise(&token(index, (key, change), action, *recipient));
            verify_slices_are_equal(typed.as_bytes(), sent.as_bytes()).is_ok()
        })
        .last()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subjects::model::MethodId;

    const OLD: Recipient = Recipient::Method(MethodId([1; 10]));
    const OTHER: Recipient = Recipient::Method(MethodId([2; 10]));

    fn named() -> (IndexKey, (SubjectKey, ChangeId)) {
        let index = IndexKey::new(&Zeroizing::new([3; 32]), 64);
        let key = index.subject(index.tenant("acme"), "u-1");
        (index, (key, ChangeId([9; 16])))
    }

    #[test]
    fn a_token_tells_whose_it_is_however_it_is_typed() {
        let (index, of) = named();
        let everybody = [OLD, OTHER, Recipient::Mail];
        for recipient in everybody {
            let sent = token(&index, of, TokenAction::Undo, recipient);
            let spaced: String = sent.to_lowercase().replace('-', " ");
            for typed in [sent.as_str(), &spaced, &format!(" {} ", &*sent)] {
                let found = holder(&index, of, (TokenAction::Undo, typed), everybody);
                assert_eq!(found, Some(recipient), "{typed}");
            }
        }
    }

    #[test]
    fn a_token_is_good_for_its_change_action_and_recipients_alone() {
        let (index, (key, change)) = named();
        let sent = token(&index, (key, change), TokenAction::Undo, OLD);
        let undo = |of, who: &[Recipient]| {
            holder(&index, of, (TokenAction::Undo, &sent), who.iter().copied())
        };
        assert_eq!(undo((key, change), &[OTHER, Recipient::Mail]), None);
        assert_eq!(undo((key, ChangeId([8; 16])), &[OLD]), None);
        let reported = (TokenAction::Report, sent.as_str());
        assert_eq!(holder(&index, (key, change), reported, [OLD]), None);
        for typed in ["", "-", "K7QM-2XRP"] {
            let guess = (TokenAction::Undo, typed);
            assert_eq!(holder(&index, (key, change), guess, [OLD]), None, "{typed}");
        }
    }

    #[test]
    fn what_a_message_shows_is_short_and_what_mail_carries_is_whole() {
        let (index, of) = named();
        assert_eq!(token(&index, of, TokenAction::Undo, OLD).len(), 9);
        assert_eq!(
            token(&index, of, TokenAction::Undo, Recipient::Mail).len(),
            26
        );
    }
}
