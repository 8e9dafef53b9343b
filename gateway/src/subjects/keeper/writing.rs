//! One decision becomes one step of the store: the record, its audit lines, its
//! events, when to look at it again, and the end of codes that lost their right.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::links::LINK_HOLDS_MS;
use super::{Decided, Keeper, Opened, TRIES, Whose, record};
use crate::keys::random;
use crate::service::{Answer, OVERLOADED};
use crate::store::StoreError;
use crate::store::subjects::{EVENTS_MAX, EventWatch, WriteSubject, Written};
use crate::subjects::command::{Outcome, Telling};
use crate::subjects::model::{Actor, Subject};
use crate::subjects::{audit, told};
use crate::tenants::Tenant;
use crate::verification::OperationId;
use crate::webhooks::subject_event;

impl Keeper {
    /// Writes a decision over what it was made from; `events` go with it. `None`:
    /// somebody else has written since.
    pub(super) async fn write(
        &self,
        whose: &Whose,
        before: Opened,
        decided: Decided,
        events: Vec<EventWatch>,
    ) -> Answer<Option<Opened>> {
        let Decided {
            mut after,
            outcome,
            actor,
        } = decided;
        let is_gone = outcome.erased || after.is_empty(before.now_ms);
        let has_changed = after != before.subject || !outcome.told.is_empty();
        let is_to_write = has_changed || before.is_stale || is_gone || !events.is_empty();
        if !is_to_write || is_gone && before.revision == 0 {
            return Ok(Some(before));
        }
        let ring = &whose.live.ring;
        let signed = (outcome.told.as_slice(), &actor);
        let audit = audit::lines(ring, (before.key, &mut after), signed, before.now_ms);
        let mut ask = WriteSubject {
            key: before.key,
            tenant: whose.tenant.tag,
            revision: before.revision,
            operation: OperationId(random()),
            not_after_ms: None,
            generation: after.generation,
            sealed: (!is_gone)
                .then(|| record::sealed(ring, (whose.tenant.tag, whose.key), &after))
                .transpose()?,
            due_at_ms: Some(after.next_due_ms(&whose.tenant.subjects, before.now_ms)),
            ends_codes: is_gone || after.generation != before.subject.generation,
            audit,
            audit_keep: audit::LINES_KEPT,
            events: self.events(whose, (&before, &after), &outcome.told, events),
        };
        let known = numbers_of(&before);
        let linked: BTreeSet<&str> = if is_gone {
            BTreeSet::new()
        } else {
            after.numbers()
        };
        // Before the write, so that the index never lacks a subject.
        for e164 in linked.difference(&known) {
            self.link(whose, e164, before.now_ms).await?;
            // Later, the link may be another's by the time of the write.
            ask.not_after_ms = Some(before.now_ms.saturating_add(LINK_HOLDS_MS));
        }
        if outcome.erased {
            Box::pin(self.tell_of_erasure(whose, &before)).await?;
        }
        if self.written(&ask).await? == Written::Conflict {
            return Ok(None);
        }
        for e164 in known.difference(&linked) {
            self.unlink(whose, e164).await;
        }
        for event in &ask.events {
            self.shared.lookout.changed(whose.tenant.tag, event.id);
        }
        let named = (&*whose.tenant.name, before.key);
        told::log(&self.shared.metrics, named, &actor, &outcome.told);
        if outcome.erased {
            Box::pin(self.note_erasure(&whose.tenant, &actor)).await;
        }
        Ok(Some(Opened {
            key: before.key,
            revision: if is_gone { 0 } else { before.revision + 1 },
            subject: after,
            now_ms: before.now_ms,
            is_stale: false,
        }))
    }

    /// Notes in the trail that an operator forgives failed checks, which are counted
    /// beside the record. Of an unknown subject there is no trail.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unavailable`].
    pub(crate) async fn failures_lifted(
        &self,
        (tenant, name): (&Arc<Tenant>, &str),
        actor: Actor,
    ) -> Answer<()> {
        let whose = self.whose(tenant, name)?;
        for _ in 0..TRIES {
            let Some(opened) = self.advanced(&whose).await? else {
                return Ok(());
            };
            let lifted = Telling {
                what: "subject.failures_lifted",
                ..Telling::default()
            };
            let decided = Decided {
                after: opened.subject.clone(),
                outcome: Outcome {
                    told: vec![lifted],
                    ..Outcome::default()
                },
                actor: actor.clone(),
            };
            let written = self.write(&whose, opened, decided, Vec::new()).await?;
            if written.is_some() {
                return Ok(());
            }
        }
        Err(OVERLOADED)
    }

    /// Asked once more where the answer was lost: it is one operation.
    pub(super) async fn written(&self, ask: &WriteSubject) -> Answer<Written> {
        let mut answer = self.shared.store.write_subject(ask).await;
        if matches!(answer, Err(StoreError::OutcomeUnknown { .. }))
            && let Ok(written) = self.shared.store.write_subject(ask).await
        {
            // What fails now says nothing of the first time.
            answer = Ok(written);
        }
        answer.map_err(|error| self.store_error("write_subject", &error))
    }

    /// What is told of a change, for those who listen.
    fn events(
        &self,
        whose: &Whose,
        (before, after): (&Opened, &Subject),
        told: &[Telling],
        mut events: Vec<EventWatch>,
    ) -> Vec<EventWatch> {
        let of = (whose.tenant.tag, whose.key.0.shard);
        for telling in told {
            let Some(kind) = telling.event else { continue };
            let data = told::event_data(after, telling, before.revision + 1);
            events.extend(subject_event(&self.shared, of, kind, &data, before.now_ms));
        }
        // No decision tells so much; the store would refuse the whole step.
        events.truncate(EVENTS_MAX);
        events
    }
}

/// The numbers that lead to the subject already.
fn numbers_of(opened: &Opened) -> BTreeSet<&str> {
    if opened.revision == 0 {
        BTreeSet::new()
    } else {
        opened.subject.numbers()
    }
}
