//! Subjects in JSON: their methods, changes, and what waits for somebody.

use std::borrow::Cow;

use serde::Serialize;
use watchword_providers::Channel;

use super::recovery::RecoveryCodeJson;
use crate::api::view::{Numbers, Shown, Time};
use crate::service::subjects::view::{
    ActionView, AuditLineView, AuditView, BypassCodeView, ChangeView, GrantView, MethodView,
    MethodsView, PendingActionView, ShownOnce, SubjectView, WantedView,
};
use crate::subjects::evidence::FactKind;
use crate::subjects::model::{ActionId, ChangeId, GrantId, MethodId};

#[derive(Serialize)]
pub(super) struct SubjectJson<'a> {
    subject: &'a str,
    /// `null`: the tenant's.
    locale: Option<&'a str>,
    status: &'static str,
    /// Why it is frozen.
    reason: Option<&'static str>,
    privileged: bool,
    methods: Vec<MethodJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number_change: Option<ChangeJson<'a>>,
    recovery_code: RecoveryCodeJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    bypass_code: Option<BypassCodeJson<'a>>,
    grants: Vec<GrantJson>,
    actions: Vec<PendingActionJson<'a>>,
    warnings: &'a [&'static str],
}

impl<'a> SubjectJson<'a> {
    pub(super) fn new(view: &'a SubjectView, numbers: Numbers) -> Self {
        let change = view.number_change.as_ref();
        Self {
            subject: &view.subject,
            locale: view.locale.as_deref(),
            status: if view.frozen.is_some() {
                "frozen"
            } else {
                "ok"
            },
            reason: view.frozen,
            privileged: view.is_privileged,
            methods: methods(&view.methods, numbers),
            number_change: change.map(|change| ChangeJson::new(change, numbers)),
            recovery_code: RecoveryCodeJson::new(view.recovery_code_created_at_ms),
            bypass_code: view.bypass_code.as_ref().map(BypassCodeJson::new),
            grants: view.grants.iter().map(GrantJson::new).collect(),
            actions: view
                .actions
                .iter()
                .map(|action| PendingActionJson::new(action, numbers))
                .collect(),
            warnings: &view.warnings,
        }
    }
}

#[derive(Serialize)]
pub(super) struct MethodsJson<'a> {
    methods: Vec<MethodJson<'a>>,
    fallback_order: Vec<Shown<MethodId>>,
}

impl<'a> MethodsJson<'a> {
    pub(super) fn new(view: &'a MethodsView, numbers: Numbers) -> Self {
        Self {
            methods: methods(&view.methods, numbers),
            fallback_order: view.fallback_order.iter().copied().map(Shown).collect(),
        }
    }
}

fn methods(views: &[MethodView], numbers: Numbers) -> Vec<MethodJson<'_>> {
    let methods = views.iter();
    methods.map(|view| MethodJson::new(view, numbers)).collect()
}

#[derive(Serialize)]
pub(super) struct MethodJson<'a> {
    id: Shown<MethodId>,
    role: &'static str,
    status: &'static str,
    number: Cow<'a, str>,
    channels: &'a [Channel],
    extension: Option<Cow<'a, str>>,
    default: bool,
    stale: bool,
    added_at: Time,
    verified_at: Option<Time>,
    last_used_at: Option<Time>,
    available_at: Option<Time>,
    reason: Option<&'static str>,
}

impl<'a> MethodJson<'a> {
    pub(super) fn new(view: &'a MethodView, numbers: Numbers) -> Self {
        Self {
            id: Shown(view.id),
            role: view.role.as_str(),
            status: view.status,
            number: numbers.show(&view.number),
            channels: &view.channels,
            extension: view
                .extension
                .as_ref()
                .map(|extension| numbers.show_extension(extension)),
            default: view.is_default,
            stale: view.is_stale,
            added_at: Time(view.added_at_ms),
            verified_at: view.verified_at_ms.map(Time),
            last_used_at: view.last_used_at_ms.map(Time),
            available_at: view.available_at_ms.map(Time),
            reason: view.reason,
        }
    }
}

#[derive(Serialize)]
pub(super) struct ChangeJson<'a> {
    id: Shown<ChangeId>,
    status: &'static str,
    from: Option<Shown<MethodId>>,
    to: Option<Cow<'a, str>>,
    class: &'static str,
    evidence: Vec<&'static str>,
    requested_at: Time,
    new_verified_at: Option<Time>,
    hold_until: Option<Time>,
    undo_until: Option<Time>,
    completed_at: Option<Time>,
    in_review: bool,
}

impl<'a> ChangeJson<'a> {
    pub(super) fn new(view: &'a ChangeView, numbers: Numbers) -> Self {
        Self {
            id: Shown(view.id),
            status: view.status.as_str(),
            from: view.from.map(Shown),
            to: view.to.as_ref().map(|number| numbers.show(number)),
            class: view.class.as_str(),
            evidence: words(&view.evidence),
            requested_at: Time(view.requested_at_ms),
            new_verified_at: view.new_verified_at_ms.map(Time),
            hold_until: view.hold_until_ms.map(Time),
            undo_until: view.undo_until_ms.map(Time),
            completed_at: view.completed_at_ms.map(Time),
            in_review: view.is_in_review,
        }
    }
}

fn words(evidence: &[FactKind]) -> Vec<&'static str> {
    evidence.iter().map(|kind| kind.as_str()).collect()
}

#[derive(Serialize)]
struct GrantJson {
    id: Shown<GrantId>,
    class: &'static str,
    expires_at: Time,
}

impl GrantJson {
    fn new(view: &GrantView) -> Self {
        Self {
            id: Shown(view.id),
            class: view.class.as_str(),
            expires_at: Time(view.expires_at_ms),
        }
    }
}

#[derive(Serialize)]
pub(super) struct BypassCodeJson<'a> {
    expires_at: Time,
    one_time: bool,
    issued_by: &'a str,
    issued_at: Time,
}

impl<'a> BypassCodeJson<'a> {
    pub(super) fn new(view: &'a BypassCodeView) -> Self {
        Self {
            expires_at: Time(view.expires_at_ms),
            one_time: view.one_time,
            issued_by: &view.issued_by,
            issued_at: Time(view.issued_at_ms),
        }
    }
}

/// A secret, this once.
#[derive(Serialize)]
pub(super) struct ShownOnceJson<'a> {
    code: &'a str,
    created_at: Time,
}

impl<'a> ShownOnceJson<'a> {
    pub(super) fn new(shown: &'a ShownOnce) -> Self {
        Self {
            code: &shown.code,
            created_at: Time(shown.created_at_ms),
        }
    }
}

#[derive(Serialize)]
pub(super) struct ActionJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Shown<ActionId>>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acts_at: Option<Time>,
}

impl ActionJson {
    pub(super) fn new(view: ActionView) -> Self {
        let (id, status, expires_at_ms, acts_at_ms) = match view {
            ActionView::Done => (None, "done", None, None),
            ActionView::Waiting { id, expires_at_ms } => {
                (Some(id), "waiting", Some(expires_at_ms), None)
            }
            ActionView::Scheduled { id, acts_at_ms } => {
                (Some(id), "scheduled", None, Some(acts_at_ms))
            }
            ActionView::Withdrawn { id } => (Some(id), "withdrawn", None, None),
        };
        Self {
            id: id.map(Shown),
            status,
            expires_at: expires_at_ms.map(Time),
            acts_at: acts_at_ms.map(Time),
        }
    }
}

#[derive(Serialize)]
struct PendingActionJson<'a> {
    id: Shown<ActionId>,
    action: &'static str,
    #[serde(flatten)]
    wanted: WantedJson<'a>,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<&'a str>,
    by: &'a str,
    asked_at: Time,
    expires_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    acts_at: Option<Time>,
}

impl<'a> PendingActionJson<'a> {
    fn new(view: &'a PendingActionView, numbers: Numbers) -> Self {
        Self {
            id: Shown(view.id),
            action: view.action,
            wanted: WantedJson::new(&view.wanted, numbers),
            reason: &view.reason,
            ticket: view.ticket.as_deref(),
            by: &view.by,
            asked_at: Time(view.asked_at_ms),
            expires_at: Time(view.expires_at_ms),
            acts_at: view.acts_at_ms.map(Time),
        }
    }
}

/// What an action is to do, in the words in which it was asked for.
#[derive(Serialize)]
struct WantedJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number_change: Option<Shown<ChangeId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    privileged: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifetime_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    one_time: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    methods: Vec<WantedMethodJson<'a>>,
}

#[derive(Serialize)]
struct WantedMethodJson<'a> {
    role: &'static str,
    number: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extension: Option<Cow<'a, str>>,
}

impl<'a> WantedJson<'a> {
    fn new(view: &'a WantedView, numbers: Numbers) -> Self {
        let methods = view.methods.iter().map(|method| WantedMethodJson {
            role: method.role.as_str(),
            number: numbers.show(&method.number),
            extension: method
                .extension
                .as_ref()
                .map(|extension| numbers.show_extension(extension)),
        });
        Self {
            scope: view.scope,
            number_change: view.change.map(Shown),
            privileged: view.privileged,
            lifetime_s: view.lifetime_s,
            one_time: view.one_time,
            methods: methods.collect(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct AuditJson<'a> {
    lines: Vec<AuditLineJson<'a>>,
    /// The link of the last line ever written.
    head: String,
    count: u64,
    complete: bool,
}

#[derive(Serialize)]
struct AuditLineJson<'a> {
    n: u64,
    at: Time,
    actor: &'a str,
    what: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number_change: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<&'a str>,
    prev: String,
    hash: String,
}

impl<'a> AuditJson<'a> {
    pub(super) fn new(view: &'a AuditView) -> Self {
        Self {
            lines: view.lines.iter().map(AuditLineJson::new).collect(),
            head: hex(&view.head),
            count: view.count,
            complete: view.is_complete,
        }
    }
}

impl<'a> AuditLineJson<'a> {
    fn new(view: &'a AuditLineView) -> Self {
        Self {
            n: view.number,
            at: Time(view.at_ms),
            actor: &view.actor,
            what: &view.what,
            method: view.method.as_deref(),
            number: view.phone.as_deref(),
            number_change: view.change.as_deref(),
            status: view.status.as_deref(),
            class: view.class.map(|class| class.as_str()),
            evidence: words(&view.evidence),
            reason: view.reason.as_deref(),
            ticket: view.ticket.as_deref(),
            prev: hex(&view.previous),
            hash: hex(&view.hash),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
