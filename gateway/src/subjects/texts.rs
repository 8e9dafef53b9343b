//! From a notice's kind to what it says: a change of number brings the tokens
//! that stop it, everything else says only that something was changed.

use watchword_providers::Channel;

use super::model::{ChangeId, NoticeKind, Recipient, SubjectKey};
use super::tokens::{TokenAction, token};
use crate::keys::IndexKey;
use crate::message::{Brand, Locale, Notice, Notices, WrittenNotice};

/// Which notice, and to whom.
#[derive(Clone, Copy, Debug)]
pub struct Addressed {
    pub key: SubjectKey,
    pub kind: NoticeKind,
    pub change: Option<ChangeId>,
    pub to: Recipient,
}

/// Writes a notice as its recipient gets it.
pub fn written(
    index: &IndexKey,
    notice: Addressed,
    channel: Channel,
    (notices, locale, brand): (&Notices, &Locale, &Brand),
) -> WrittenNotice {
    let of = |action| {
        let change = notice.change?;
        Some(token(index, (notice.key, change), action, notice.to))
    };
    let tokens = match notice.kind {
        NoticeKind::ChangeRequested => of(TokenAction::Undo).zip(of(TokenAction::Report)),
        NoticeKind::MethodAdded
        | NoticeKind::MethodRemoved
        | NoticeKind::MethodsReset
        | NoticeKind::RecoveryOpened
        | NoticeKind::SealedCodeUsed
        | NoticeKind::Frozen => None,
    };
    let said = match &tokens {
        Some((undo, report)) => Notice::Change { undo, report },
        None => Notice::Security,
    };
    notices.write(channel, (locale, brand), said)
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::subjects::model::MethodId;

    fn text(kind: NoticeKind, change: Option<ChangeId>) -> String {
        let index = IndexKey::new(&Zeroizing::new([3; 32]), 64);
        let notice = Addressed {
            key: index.subject(index.tenant("acme"), "u-1"),
            kind,
            change,
            to: Recipient::Method(MethodId([1; 10])),
        };
        let brand = Brand::parse("Acme").unwrap();
        let locale = Locale::parse("en").unwrap();
        written(
            &index,
            notice,
            Channel::Sms,
            (&Notices::builtin(), &locale, &brand),
        )
        .text
    }

    #[test]
    fn only_a_change_of_number_brings_tokens() {
        let change = Some(ChangeId([9; 16]));
        let told = text(NoticeKind::ChangeRequested, change);
        assert!(told.contains("undo with"), "{told}");
        for kind in [
            NoticeKind::MethodAdded,
            NoticeKind::MethodRemoved,
            NoticeKind::MethodsReset,
            NoticeKind::RecoveryOpened,
            NoticeKind::SealedCodeUsed,
            NoticeKind::Frozen,
        ] {
            let told = text(kind, change);
            assert!(told.contains("a security setting"), "{told}");
        }
    }
}
