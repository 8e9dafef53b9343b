//! Beside the keeper of subjects: what happened to one, and what became of its
//! notices. A subject is named by the keyed hash that also names its record.

use tracing::{error, info, warn};

use crate::subjects::model::SubjectKey;
use crate::telemetry::metrics::{Metrics, ResultLabels, StatusLabels};

/// Something about a subject was written.
#[derive(Clone, Copy, Debug)]
pub struct SubjectChanged<'a> {
    pub tenant: &'a str,
    pub subject: SubjectKey,
    /// As the audit trail calls it.
    pub what: &'static str,
    /// `tenant`, `operator`, `person` or `system`.
    pub actor: &'static str,
}

impl SubjectChanged<'_> {
    pub fn emit(self) {
        info!(
            tenant = self.tenant,
            subject.key = %self.subject.0,
            actor = self.actor,
            "subject: {}",
            self.what
        );
    }
}

/// A number change has another status.
#[derive(Clone, Copy, Debug)]
pub struct NumberChangeMoved<'a> {
    pub tenant: &'a str,
    pub subject: SubjectKey,
    pub status: &'static str,
    pub actor: &'static str,
}

impl NumberChangeMoved<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let labels = StatusLabels {
            status: self.status,
        };
        metrics.subject_changes.get_or_create_owned(&labels).inc();
        info!(
            tenant = self.tenant,
            subject.key = %self.subject.0,
            actor = self.actor,
            "number change is {}",
            self.status
        );
    }
}

/// Nothing is sent to a subject until an operator unfreezes it.
#[derive(Clone, Copy, Debug)]
pub struct SubjectFrozen<'a> {
    pub tenant: &'a str,
    pub subject: SubjectKey,
    pub actor: &'static str,
}

impl SubjectFrozen<'_> {
    pub fn emit(self) {
        warn!(
            tenant = self.tenant,
            subject.key = %self.subject.0,
            actor = self.actor,
            "subject is frozen: it gets no codes until an operator unfreezes it"
        );
    }
}

/// A sole operator began what two should have done.
#[derive(Clone, Copy, Debug)]
pub struct SealedCodeUsed<'a> {
    pub tenant: &'a str,
    pub subject: SubjectKey,
}

impl SealedCodeUsed<'_> {
    pub fn emit(self, metrics: &Metrics) {
        metrics.alarm("sealed_code_used");
        error!(
            tenant = self.tenant,
            subject.key = %self.subject.0,
            "the sealed code was used: withdraw the action if nobody you know did that"
        );
    }
}

/// How a notice got on its way, or why it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeResult {
    Queued,
    /// Its number has another holder by now.
    Stopped,
    /// No route leads there, or the tenant may not send there.
    Unsendable,
}

impl NoticeResult {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Stopped => "stopped",
            Self::Unsendable => "unsendable",
        }
    }
}

/// A notice was dealt with.
#[derive(Clone, Copy, Debug)]
pub struct NoticeEnded<'a> {
    pub tenant: &'a str,
    pub subject: SubjectKey,
    /// What it is about.
    pub kind: &'static str,
    pub result: NoticeResult,
}

impl NoticeEnded<'_> {
    pub fn emit(self, metrics: &Metrics) {
        let result = self.result.as_str();
        let labels = ResultLabels { result };
        metrics.notices.get_or_create_owned(&labels).inc();
        let key = self.subject.0;
        match self.result {
            NoticeResult::Queued | NoticeResult::Stopped => {
                info!(tenant = self.tenant, subject.key = %key, kind = self.kind, result, "notice {result}");
            }
            NoticeResult::Unsendable => {
                warn!(
                    tenant = self.tenant,
                    subject.key = %key,
                    kind = self.kind,
                    result,
                    "a notice cannot be sent: no route or no region of the tenant leads to its number"
                );
            }
        }
    }
}
