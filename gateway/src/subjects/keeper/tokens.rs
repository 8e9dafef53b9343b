//! "Undo" and "this was not me": whose token it is, and what networks say of the
//! number it was sent to.

use std::sync::Arc;

use super::{Changed, Keeper, Opened, Whose};
use crate::service::subjects::refusals::refused;
use crate::service::{Answer, ServiceError};
use crate::subjects::command::{Command, TokenHolder};
use crate::subjects::evidence::Finding;
use crate::subjects::model::{Actor, ChangeId, MethodStatus, Recipient};
use crate::subjects::tokens::{TokenAction, holder};
use crate::tenants::Tenant;

/// What somebody with a token wants.
#[derive(Clone, Copy)]
pub(crate) struct TokenAsk<'a> {
    pub(crate) change: ChangeId,
    pub(crate) action: TokenAction,
    pub(crate) typed: &'a str,
}

/// Whoever has a token from a mail: no network has a say in whose it is.
const BY_ANYBODY: TokenHolder = TokenHolder {
    recipient: Recipient::Mail,
    swap: Finding::Clear,
    recycled: Finding::Clear,
};

impl TokenAsk<'_> {
    fn command(self, by: TokenHolder) -> Command {
        let change = self.change;
        match self.action {
            TokenAction::Undo => Command::Undo { change, by },
            TokenAction::Report => Command::Report { change, by },
        }
    }
}

impl Keeper {
    /// Undoes or reports a change on a token. A wrong one is counted before it is
    /// answered.
    ///
    /// # Errors
    ///
    /// `token_mismatch`, or the record's own refusal.
    pub(crate) async fn by_token(
        &self,
        (tenant, name): (&Arc<Tenant>, &str),
        ask: TokenAsk<'_>,
    ) -> Answer<Changed<()>> {
        let whose = self.whose(tenant, name)?;
        let opened = self.advanced(&whose).await?;
        let opened = opened.ok_or(ServiceError::NotFound)?;
        // What is refused whoever asks is refused before a token is compared, and
        // so is a change that has ended.
        self.tried(tenant, &opened, (&ask.command(BY_ANYBODY), Actor::Person))?;
        let refused = |refusal| refused(refusal, opened.now_ms);
        if let Some(by) = self.holder(&whose, &opened, ask).await {
            let decide = |_: &Opened| Ok((ask.command(by), ()));
            return self.change(tenant, name, Actor::Person, decide).await;
        }
        let tries = opened.subject.token_tries;
        tries.admit_in_time(opened.now_ms).map_err(refused)?;
        let wrong = |_: &Opened| Ok((Command::WrongToken, ()));
        self.change(tenant, name, Actor::Person, wrong).await?;
        Err(ServiceError::refused("token_mismatch"))
    }

    /// Whose token was typed, and whether that number is still theirs.
    async fn holder(
        &self,
        whose: &Whose,
        opened: &Opened,
        ask: TokenAsk<'_>,
    ) -> Option<TokenHolder> {
        let subject = &opened.subject;
        let change = subject.change.as_ref();
        let change = change.filter(|one| one.id == ask.change)?;
        let is_told = |status| match status {
            MethodStatus::Pending => false,
            MethodStatus::Holding
            | MethodStatus::Active
            | MethodStatus::Suspended
            | MethodStatus::Retired => true,
        };
        let told = subject
            .methods
            .iter()
            .filter(|method| method.id != change.to_method && is_told(method.status));
        let recipients = told
            .map(|method| Recipient::Method(method.id))
            .chain([Recipient::Mail]);
        let of = (whose.key, change.id);
        let typed = (ask.action, ask.typed);
        let recipient = holder(whose.live.ring.index(), of, typed, recipients)?;
        let Recipient::Method(id) = recipient else {
            return Some(BY_ANYBODY);
        };
        let method = subject.method(id)?;
        let (swap, recycled) = self.findings(whose, method).await;
        Some(TokenHolder {
            recipient,
            swap,
            recycled,
        })
    }
}
