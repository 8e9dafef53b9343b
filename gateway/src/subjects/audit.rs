//! The audit trail of a subject: who did what, why and when. Lines are only ever
//! added, in the step that changes the record, and each holds the link of the
//! one before it, under a key that the store does not have: a line that is
//! changed, left out or put elsewhere breaks the chain.
//!
//! Lines are sealed under a key of the subject's own, which its record holds. They
//! stay readable when master keys come and go, and are lost with the record.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::command::Telling;
use super::evidence::{Class, FactKind};
use super::model::{Actor, ChangeId, MethodId, Subject, SubjectKey};
use crate::keys::KeyRing;
use crate::keys::seal::{self, Field, OpenError, Place, PlaceKind};
use crate::verification::TenantTag;

/// Lines kept of one subject; of more, the oldest go.
pub const LINES_KEPT: u16 = 4_096;

/// One thing that happened. New fields go to the end and are optional.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// From 1 on, without a gap.
    pub n: u64,
    pub at_ms: u64,
    pub actor: Actor,
    pub what: String,
    pub method: Option<MethodId>,
    /// Masked.
    pub number: Option<String>,
    pub change: Option<ChangeId>,
    pub status: Option<String>,
    pub class: Option<Class>,
    pub facts: Vec<FactKind>,
    pub reason: Option<String>,
    pub ticket: Option<String>,
    /// The link of the line before; zeros before the first.
    pub prev: [u8; 32],
}

/// A line as it was found, with its own link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedLine {
    pub line: AuditLine,
    pub link: [u8; 32],
}

/// What was told, as sealed lines behind those there are. The subject's count
/// and head are those after the last of them.
pub fn lines(
    ring: &KeyRing,
    (key, subject): (SubjectKey, &mut Subject),
    (told, actor): (&[Telling], &Actor),
    now_ms: u64,
) -> Vec<Vec<u8>> {
    let place = place(ring.index().tenant(&subject.tenant), key);
    let audit_key = subject.audit_key;
    told.iter()
        .map(|telling| {
            let line = AuditLine {
                n: subject.audit_count.saturating_add(1),
                at_ms: now_ms,
                actor: actor.clone(),
                what: telling.what.to_owned(),
                method: telling.method,
                number: telling.number.as_ref().map(super::model::Number::masked),
                change: telling.change,
                status: telling.status.map(str::to_owned),
                class: telling.class,
                facts: telling.facts.clone(),
                reason: telling.reason.clone(),
                ticket: telling.ticket.clone(),
                prev: subject.audit_head,
            };
            let plain = rmp_serde::to_vec(&line).expect("plain fields can be encoded");
            let plain = Zeroizing::new(plain);
            subject.audit_count = line.n;
            subject.audit_head = ring.index().audit_link(key, &line.prev, &plain);
            seal::seal_under(&audit_key, place, &plain)
        })
        .collect()
}

/// Opens a subject's lines as they lie in the store.
///
/// # Errors
///
/// [`OpenError`]: a line was tampered with.
pub fn open(
    ring: &KeyRing,
    (key, subject): (SubjectKey, &Subject),
    sealed: &[Vec<u8>],
) -> Result<Vec<LinkedLine>, OpenError> {
    let place = place(ring.index().tenant(&subject.tenant), key);
    let mut lines = Vec::with_capacity(sealed.len());
    for sealed in sealed {
        let plain = seal::open_under(&subject.audit_key, place, sealed)?;
        let line: AuditLine = rmp_serde::from_slice(&plain).map_err(|_| OpenError::Damaged)?;
        let link = ring.index().audit_link(key, &line.prev, &plain);
        lines.push(LinkedLine { line, link });
    }
    Ok(lines)
}

/// Whether each line follows the one before it, so that none is missing between
/// the first and the last.
pub fn is_chain(lines: &[LinkedLine]) -> bool {
    lines.windows(2).all(|pair| match pair {
        [before, line] => {
            line.line.prev == before.link && line.line.n == before.line.n.saturating_add(1)
        }
        _ => true,
    })
}

/// Whether the lines end where the subject's own record says that they do.
pub fn ends_at(lines: &[LinkedLine], subject: &Subject) -> bool {
    match lines.last() {
        Some(last) => last.line.n == subject.audit_count && last.link == subject.audit_head,
        None => subject.audit_count == 0,
    }
}

fn place(tenant: TenantTag, key: SubjectKey) -> Place {
    Place {
        tenant,
        kind: PlaceKind::Subject,
        id: key.0,
        field: Field::Audit,
    }
}

#[cfg(test)]
mod tests;
