//! What operators do about a subject, alone or by two.

use super::Asked;
use super::request::{BypassRequest, OperatorAsk};
use super::view::{ActionView, AuditLineView, AuditView, BypassView, SubjectView};
use crate::service::error::ServiceError;
use crate::service::{Answer, Service};
use crate::subjects::audit::{self, LinkedLine};
use crate::subjects::codes;
use crate::subjects::command::{ActionState, Command, OperatorAction, Said};
use crate::subjects::keeper::{Changed, Opened};
use crate::subjects::model::{ActionId, Actor, FreezeReason};
use crate::tenants::Asker;

/// A bypass code for which nothing else was asked.
const BYPASS_LIFETIME_S: u64 = 3_600;
const BYPASS_LENGTH: u8 = 8;
/// Audit lines read at once.
const LINES_AT_ONCE: u16 = 512;

impl Service {
    /// Does what an operator asks, or keeps it for a second one.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: neither.
    pub async fn operate(
        &self,
        asker: &Asker,
        subject: &str,
        ask: OperatorAsk,
    ) -> Answer<ActionView> {
        let asked = self.asked(asker)?;
        state(&self.ask_for(&asked, subject, &ask).await?)
    }

    async fn ask_for(
        &self,
        asked: &Asked,
        subject: &str,
        ask: &OperatorAsk,
    ) -> Answer<Changed<()>> {
        let id = ActionId::draw();
        let decide = |_: &Opened| {
            let command = Command::Ask {
                id,
                action: ask.action.clone(),
                reason: ask.reason.clone(),
                ticket: ask.ticket.clone(),
            };
            Ok((command, ()))
        };
        let actor = asked.actor.clone();
        self.keeper
            .change(&asked.tenant, subject, actor, decide)
            .await
    }

    /// Draws a bypass code, shown in this answer only.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: there is none that was not before.
    pub async fn issue_bypass_code(
        &self,
        asker: &Asker,
        subject: &str,
        request: BypassRequest,
    ) -> Answer<BypassView> {
        let asked = self.asked(asker)?;
        let length = request.length.unwrap_or(BYPASS_LENGTH);
        let lifetime_s = request.lifetime_s.unwrap_or(BYPASS_LIFETIME_S);
        let code = codes::draw_bypass(length);
        let hash = self.keeper.hash_of(&code).await?;
        let ask = OperatorAsk {
            action: OperatorAction::IssueBypassCode {
                hash,
                lifetime_ms: lifetime_s.saturating_mul(1_000),
                one_time: request.one_time,
                length,
            },
            reason: request.reason,
            ticket: request.ticket,
        };
        let changed = self.ask_for(&asked, subject, &ask).await?;
        let action = state(&changed)?;
        let issued = changed.opened.subject.bypass_code.as_ref();
        let issued = issued.filter(|_| action == ActionView::Done);
        Ok(BypassView {
            code,
            expires_at_ms: issued.map(|code| code.until_ms),
            one_time: request.one_time,
            action,
        })
    }

    /// A second operator approves, or the sealed code stands in for one.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: the action waits on, or has expired.
    pub async fn approve_action(
        &self,
        asker: &Asker,
        subject: &str,
        (action, sealed_code): (ActionId, Option<zeroize::Zeroizing<String>>),
    ) -> Answer<ActionView> {
        let asked = self.asked(asker)?;
        let tenant = &asked.tenant;
        let command = if let Some(typed) = sealed_code {
            let by_code = Command::ApproveBySealedCode { action };
            let before = self.kept(&asked, subject).await?;
            // What is refused anyway costs no code.
            let tried = (&by_code, asked.actor.clone());
            self.keeper.tried(tenant, &before, tried)?;
            self.keeper
                .spend_sealed_code(operator(&asked)?, &typed)
                .await?;
            by_code
        } else {
            Command::Approve { action }
        };
        let decide = |_: &Opened| Ok((command.clone(), ()));
        let actor = asked.actor.clone();
        state(&self.keeper.change(tenant, subject, actor, decide).await?)
    }

    /// Takes an action back that waits.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`] if it does not wait any more.
    pub async fn withdraw_action(
        &self,
        asker: &Asker,
        subject: &str,
        action: ActionId,
    ) -> Answer<ActionView> {
        let asked = self.asked(asker)?;
        let decide = |_: &Opened| Ok((Command::Withdraw { action }, ()));
        let actor = asked.actor.clone();
        let withdrawn = self.keeper.change(&asked.tenant, subject, actor, decide);
        withdrawn.await?;
        Ok(ActionView::Withdrawn { id: action })
    }

    /// Stops everything about a subject until an operator unfreezes it.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]: it is not frozen.
    pub async fn freeze(&self, asker: &Asker, subject: &str, said: &Said) -> Answer<SubjectView> {
        let asked = self.asked(asker)?;
        let decide = |_: &Opened| {
            let command = Command::Freeze {
                why: FreezeReason::Asked,
                said: Some(said.clone()),
            };
            Ok((command, ()))
        };
        let actor = asked.actor.clone();
        let frozen = self.keeper.change(&asked.tenant, subject, actor, decide);
        let opened = frozen.await?.opened;
        self.shown_subject(asked.at(), &opened).await
    }

    /// The audit trail from a line's number on.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`] if nothing is kept of the subject.
    pub async fn audit(&self, asker: &Asker, subject: &str, from: u32) -> Answer<AuditView> {
        let asked = self.asked(asker)?;
        let opened = self.kept(&asked, subject).await?;
        let mut sealed = Vec::new();
        while sealed.len() < usize::from(audit::LINES_KEPT) {
            let position = u32::try_from(sealed.len()).unwrap_or(u32::MAX);
            let store = &self.shared.store;
            let read = store.subject_audit(opened.key, position, LINES_AT_ONCE);
            let read = read.await;
            let read = read.map_err(|error| self.store_error("subject_audit", &error))?;
            let is_last = read.len() < usize::from(LINES_AT_ONCE);
            sealed.extend(read);
            if is_last {
                break;
            }
        }
        let of = (opened.key, &opened.subject);
        let lines = audit::open(&asked.live.ring, of, &sealed);
        let mut lines = lines.map_err(|_| ServiceError::Unavailable {
            code: "record_damaged",
            retry_after_s: 5,
        })?;
        // What was added since the record was read is not its to vouch for.
        let count = opened.subject.audit_count;
        lines.retain(|line| line.line.n <= count);
        let begins = lines.first().is_none_or(|first| first.line.n == 1);
        let is_complete =
            begins && audit::is_chain(&lines) && audit::ends_at(&lines, &opened.subject);
        lines.retain(|line| line.line.n >= u64::from(from));
        Ok(AuditView {
            lines: lines.into_iter().map(shown_line).collect(),
            head: opened.subject.audit_head,
            count,
            is_complete,
        })
    }
}

/// The operator who asks.
fn operator(asked: &Asked) -> Answer<&str> {
    match &asked.actor {
        Actor::Operator { name } => Ok(name),
        Actor::Tenant { .. } | Actor::Person | Actor::System => {
            Err(ServiceError::refused("step_up_required"))
        }
    }
}

fn state<T>(changed: &Changed<T>) -> Answer<ActionView> {
    // Every action that is not refused has a state.
    let state = changed.outcome.action.ok_or(ServiceError::NotFound)?;
    Ok(shown_state(state))
}

pub(super) fn shown_state(state: ActionState) -> ActionView {
    match state {
        ActionState::Done => ActionView::Done,
        ActionState::Waiting { id, expires_at_ms } => ActionView::Waiting { id, expires_at_ms },
        ActionState::Scheduled { id, acts_at_ms } => ActionView::Scheduled { id, acts_at_ms },
    }
}

fn shown_line(linked: LinkedLine) -> AuditLineView {
    let LinkedLine { line, link } = linked;
    AuditLineView {
        number: line.n,
        at_ms: line.at_ms,
        actor: actor_name(&line.actor),
        what: line.what,
        method: line.method.map(|id| id.to_string()),
        phone: line.number,
        change: line.change.map(|id| id.to_string()),
        status: line.status,
        class: line.class,
        evidence: line.facts,
        reason: line.reason,
        ticket: line.ticket,
        previous: line.prev,
        hash: link,
    }
}

fn actor_name(actor: &Actor) -> String {
    match actor {
        Actor::Tenant { key } => format!("tenant:{key}"),
        Actor::Operator { name } => format!("operator:{name}"),
        Actor::Person => "person".to_owned(),
        Actor::System => "system".to_owned(),
    }
}
