//! Keeps subjects: reads a record, has it decided what becomes of it, and writes
//! it over the one that was read; if somebody was faster, all again.
//!
//! Whatever happens to a subject passes here, so here alone a record, its audit
//! lines and its events are brought together into the one step that writes them.

mod asking;
mod heal;
mod links;
mod notices;
mod proofs;
mod record;
mod sealing;
mod secrets;
mod tokens;
mod vault;
mod wishes;
mod writing;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwapOption;
use tokio::sync::Semaphore;

pub(crate) use self::asking::{Advice, Swapped};
pub(crate) use self::proofs::Proved;
use self::sealing::SealedAnew;
pub(crate) use self::tokens::TokenAsk;
pub(crate) use self::wishes::Wish;
use super::apply;
use super::command::{Command, OperatorAction, Outcome, Terms};
use super::model::{Actor, FreezeReason, MethodId, Subject, SubjectKey};
use super::worker::Unanswered;
use crate::dispatch::Dispatcher;
use crate::id::RecordId;
use crate::keys::random;
use crate::live::{Live, Shared};
use crate::service::subjects::refusals::refused;
use crate::service::{Answer, OVERLOADED, ServiceError, unavailable};
use crate::store::StoreError;
use crate::store::subjects::Guard;
use crate::tenants::Tenant;
use crate::verification::TenantTag;

/// How often a change is decided anew because somebody else was faster.
const TRIES: usize = 5;
/// Slow hashes at work at once: they take a core each.
const HASHING_MAX: usize = 2;

/// What a code is for that proves a method, or the new number of a change.
/// Nobody may ask for such a code from outside.
pub(crate) const CONFIRM_METHOD: &str = "confirm_method";
pub(crate) const NUMBER_CHANGE: &str = "number_change";
/// A code of this purpose goes to who has opened a recovery.
pub(crate) const RECOVER_ACCOUNT: &str = "recover_account";

/// The keeper of subjects. What a process shares of it is its bound on slow hashes.
pub struct Keeper {
    pub(super) shared: Shared,
    pub(super) dispatcher: Arc<Dispatcher>,
    hashing: Arc<Semaphore>,
    sealed: ArcSwapOption<SealedAnew>,
    pub(super) unanswered: Unanswered,
}

/// A subject's record, opened.
#[derive(Clone, Debug)]
pub struct Opened {
    pub key: SubjectKey,
    /// 0: nothing is stored of it yet.
    pub revision: u64,
    pub subject: Subject,
    /// The store's time when it was read.
    pub now_ms: u64,
    /// Written again though nothing has changed: it is sealed under an older key,
    /// or the moment to look at it has come.
    pub is_stale: bool,
}

/// What became of a subject.
#[derive(Debug)]
pub struct Changed<T> {
    pub outcome: Outcome,
    /// As it is now.
    pub opened: Opened,
    /// What the decision brought along.
    pub with: T,
}

/// A subject and under which configuration it is looked at.
pub(super) struct Whose {
    pub(super) live: Arc<Live>,
    pub(super) tenant: Arc<Tenant>,
    pub(super) key: SubjectKey,
}

/// A decision, before it is written.
struct Decided {
    after: Subject,
    outcome: Outcome,
    actor: Actor,
}

impl Opened {
    /// Lets a start go on only while what it was judged by holds.
    pub fn guard(&self) -> Guard {
        let generation = if self.revision == 0 {
            0
        } else {
            self.subject.generation
        };
        Guard {
            key: self.key,
            generation,
        }
    }
}

impl Keeper {
    pub fn new(shared: Shared, dispatcher: Arc<Dispatcher>) -> Self {
        Self {
            shared,
            dispatcher,
            hashing: Arc::new(Semaphore::new(HASHING_MAX)),
            sealed: ArcSwapOption::empty(),
            unanswered: Unanswered::default(),
        }
    }

    /// A subject as time has made it; `None` if nothing is kept of it.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unavailable`].
    pub(crate) async fn read(&self, tenant: &Arc<Tenant>, name: &str) -> Answer<Option<Opened>> {
        self.advanced(&self.whose(tenant, name)?).await
    }

    /// As [`Keeper::read`]; a subject nothing is kept of is a new one, as
    /// [`Keeper::change`] hands it to its decision.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unavailable`].
    pub(crate) async fn read_or_new(&self, tenant: &Arc<Tenant>, name: &str) -> Answer<Opened> {
        let whose = self.whose(tenant, name)?;
        let found = self.advanced(&whose).await?;
        Ok(found.unwrap_or_else(|| self.new_subject(&whose, name)))
    }

    /// Reads, decides, writes; again if somebody else wrote in between, so
    /// `decide` may run several times.
    ///
    /// # Errors
    ///
    /// What `decide` answers, the record's own refusal, or
    /// [`ServiceError::Unavailable`].
    pub(crate) async fn change<T>(
        &self,
        tenant: &Arc<Tenant>,
        name: &str,
        actor: Actor,
        decide: impl Fn(&Opened) -> Answer<(Command, T)> + Send + Sync,
    ) -> Answer<Changed<T>> {
        let whose = self.whose(tenant, name)?;
        for _ in 0..TRIES {
            let found = self.advanced(&whose).await?;
            let before = found.unwrap_or_else(|| self.new_subject(&whose, name));
            let (command, with) = decide(&before)?;
            if before.revision == 0 && !may_begin(&command) {
                return Err(ServiceError::NotFound);
            }
            let decided = self.decided(&whose, &before, &command, actor.clone())?;
            let outcome = decided.outcome.clone();
            if let Some(opened) = self.write(&whose, before, decided, Vec::new()).await? {
                return Ok(Changed {
                    outcome,
                    opened,
                    with,
                });
            }
        }
        Err(OVERLOADED)
    }

    /// What a command would do, without doing it.
    ///
    /// # Errors
    ///
    /// The record's own refusal.
    pub(crate) fn tried(
        &self,
        tenant: &Arc<Tenant>,
        before: &Opened,
        (command, actor): (&Command, Actor),
    ) -> Answer<Opened> {
        let whose = self.whose(tenant, &before.subject.name)?;
        let decided = self.decided(&whose, before, command, actor)?;
        Ok(Opened {
            subject: decided.after,
            ..before.clone()
        })
    }

    /// Freezes a subject whose code was reported in a call, if its tenant wants that.
    ///
    /// # Errors
    ///
    /// As of [`Keeper::change`]: it is not frozen, and has to be reported again.
    pub(crate) async fn reported_by_call(&self, tenant: TenantTag, subject: &str) -> Answer<()> {
        let live = self.shared.live.load_full();
        let tenant = live.tenants.by_tag(tenant);
        let Some(tenant) = tenant.filter(|tenant| tenant.subjects.report_freezes) else {
            return Ok(());
        };
        let why = FreezeReason::CallReported;
        let freeze = |_: &Opened| Ok((Command::Freeze { why, said: None }, ()));
        let frozen = self.change(tenant, subject, Actor::Person, freeze).await;
        frozen.map(drop)
    }

    /// A code addressed to a method was typed back.
    ///
    /// # Errors
    ///
    /// As of [`Keeper::change`].
    pub(crate) async fn proved(
        &self,
        (tenant, name): (&Arc<Tenant>, &str),
        (method, purpose): (MethodId, &str),
        (proof, actor): (RecordId, Actor),
    ) -> Answer<Opened> {
        let decide = |opened: &Opened| {
            let command = command_of_proof(&opened.subject, (method, purpose), proof);
            command.map(|command| (command, ()))
        };
        let changed = self.change(tenant, name, actor, decide).await?;
        if purpose == NUMBER_CHANGE {
            let whose = self.whose(tenant, name)?;
            return Ok(self.told_soon(&whose).await.unwrap_or(changed.opened));
        }
        Ok(changed.opened)
    }

    fn whose(&self, tenant: &Arc<Tenant>, name: &str) -> Answer<Whose> {
        let live = self.shared.live.load_full();
        let key = live.ring.index().subject(tenant.tag, name);
        self.whose_key(live, tenant, key)
    }

    fn whose_key(&self, live: Arc<Live>, tenant: &Arc<Tenant>, key: SubjectKey) -> Answer<Whose> {
        if !self.shared.keeps_subjects.load(Ordering::Relaxed) {
            return Err(ServiceError::Unavailable {
                code: "subjects_unavailable",
                retry_after_s: 5,
            });
        }
        Ok(Whose {
            live,
            tenant: Arc::clone(tenant),
            key,
        })
    }

    fn new_subject(&self, whose: &Whose, name: &str) -> Opened {
        let now_ms = self.shared.store_now_ms();
        Opened {
            key: whose.key,
            revision: 0,
            subject: Subject {
                audit_key: random(),
                ..Subject::new(&whose.tenant.name, name, now_ms)
            },
            now_ms,
            is_stale: false,
        }
    }

    /// The record as time has made it; written if time has changed it.
    pub(super) async fn advanced(&self, whose: &Whose) -> Answer<Option<Opened>> {
        for _ in 0..TRIES {
            let Some(read) = self.load(whose).await? else {
                return Ok(None);
            };
            let Some(read) = self.healed(whose, read).await? else {
                continue;
            };
            let decided = self.decided(whose, &read, &Command::Advance, Actor::System)?;
            let is_erased = decided.outcome.erased;
            if let Some(opened) = self.write(whose, read, decided, Vec::new()).await? {
                return Ok((!is_erased && opened.revision > 0).then_some(opened));
            }
        }
        Err(OVERLOADED)
    }

    async fn load(&self, whose: &Whose) -> Answer<Option<Opened>> {
        let read = self.shared.store.subject(whose.key).await;
        let read = read.map_err(|error| self.store_error("subject", &error))?;
        let Some(stored) = read.stored else {
            return Ok(None);
        };
        Ok(Some(Opened {
            key: whose.key,
            revision: stored.revision,
            subject: record::open(&whose.live.ring, whose.key, &stored)?,
            now_ms: read.now_ms,
            is_stale: record::is_sealed_before(&whose.live.ring, &stored),
        }))
    }

    fn decided(
        &self,
        whose: &Whose,
        before: &Opened,
        command: &Command,
        actor: Actor,
    ) -> Answer<Decided> {
        let directory = &whose.live.tenants;
        let own_subject = match &actor {
            Actor::Operator { name } => directory.operators.values().any(|operator| {
                *operator.name == *name && operator.is(whose.tenant.tag, &before.subject.name)
            }),
            Actor::Tenant { .. } | Actor::Person | Actor::System => false,
        };
        let terms = Terms {
            policy: &whose.tenant.subjects,
            actor,
            operators: &directory.operator_names(),
            own_subject,
        };
        let mut after = before.subject.clone();
        let outcome = apply(&mut after, command, &terms, before.now_ms)
            .map_err(|refusal| refused(refusal, before.now_ms))?;
        Ok(Decided {
            after,
            outcome,
            actor: terms.actor,
        })
    }

    fn store_error(&self, step: &'static str, error: &StoreError) -> ServiceError {
        self.shared.store_failed(step, error);
        unavailable(error)
    }
}

/// What may be done to a subject that nothing is kept of yet.
fn may_begin(command: &Command) -> bool {
    match command {
        Command::AddMethod { .. } | Command::Freeze { .. } => true,
        Command::Ask { action, .. } => match action {
            OperatorAction::SetPrivileged { .. } | OperatorAction::ImportMethods { .. } => true,
            OperatorAction::Reset { .. }
            | OperatorAction::Unfreeze
            | OperatorAction::UndoChange { .. }
            | OperatorAction::CompleteChange { .. }
            | OperatorAction::RejectChange { .. }
            | OperatorAction::IssueBypassCode { .. }
            | OperatorAction::RevokeBypassCode
            | OperatorAction::Erase => false,
        },
        Command::MethodProved { .. }
        | Command::MethodDiscarded { .. }
        | Command::SetDefault { .. }
        | Command::RemoveMethod { .. }
        | Command::SetLocale { .. }
        | Command::RequestChange { .. }
        | Command::ChangeProved { .. }
        | Command::ChangeGivenUp { .. }
        | Command::CancelChange { .. }
        | Command::Undo { .. }
        | Command::Report { .. }
        | Command::OpenRecovery { .. }
        | Command::NewRecoveryCode { .. }
        | Command::UseBypassCode
        | Command::WrongSecret
        | Command::WrongToken
        | Command::MethodUsed { .. }
        | Command::SuspendMethod { .. }
        | Command::OptOut { .. }
        | Command::OptIn { .. }
        | Command::NoticesQueued { .. }
        | Command::NoticesStopped { .. }
        | Command::Advance
        | Command::Approve { .. }
        | Command::ApproveBySealedCode { .. }
        | Command::Withdraw { .. } => false,
    }
}

/// What a code that was typed back proves.
fn command_of_proof(
    subject: &Subject,
    (method, purpose): (MethodId, &str),
    proof: RecordId,
) -> Answer<Command> {
    match purpose {
        CONFIRM_METHOD => Ok(Command::MethodProved { method, proof }),
        NUMBER_CHANGE => {
            let change = subject.change.as_ref();
            let change = change.filter(|change| change.to_method == method);
            let change = change.ok_or(ServiceError::NotFound)?.id;
            Ok(Command::ChangeProved { change, proof })
        }
        _ => Ok(Command::MethodUsed { method }),
    }
}

#[cfg(test)]
mod tests;
