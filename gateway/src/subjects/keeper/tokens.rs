//! "Undo" and "this was not me": whose token it is, and what networks say of the
//! number it was sent to.

use std::sync::Arc;

use super::{Changed, Keeper, Opened, Whose};
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
        let Some(by) = self.holder(&whose, &opened, ask).await else {
            self.wrong_secret(&whose, name, &Actor::Person).await?;
            return Err(ServiceError::refused("token_mismatch"));
        };
        let command = || match ask.action {
            TokenAction::Undo => Command::Undo {
                change: ask.change,
                by,
            },
            TokenAction::Report => Command::Report {
                change: ask.change,
                by,
            },
        };
        let decide = |_: &Opened| Ok((command(), ()));
        self.change(tenant, name, Actor::Person, decide).await
    }

    /// Whose token was typed, and whether that number is still theirs.
    async fn holder(
        &self,
        whose: &Whose,
        opened: &Opened,
        ask: TokenAsk<'_>,
    ) -> Option<TokenHolder> {
        let trusted = |recipient| TokenHolder {
            recipient,
            swap: Finding::Clear,
            recycled: Finding::Clear,
        };
        let subject = &opened.subject;
        let Some(change) = subject.change.as_ref().filter(|one| one.id == ask.change) else {
            // It has ended: no token does anything any more, and the record says why.
            return Some(trusted(Recipient::Mail));
        };
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
            return Some(trusted(recipient));
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
