//! A code was typed back, and whoever answered died before the subject's record
//! said so: the verification still does, and counts at its own moment.

use super::{CONFIRM_METHOD, Keeper, NUMBER_CHANGE, Opened, Whose, command_of_proof};
use crate::id::RecordId;
use crate::service::Answer;
use crate::subjects::model::{Actor, ChangeStatus, MethodId, MethodStatus};
use crate::verification::Status;

/// A proof that is about to be given up.
struct Overdue {
    method: MethodId,
    purpose: &'static str,
    proof: RecordId,
}

impl Keeper {
    /// Looks after proofs whose time is over, before time takes them away.
    /// `None`: the record was written, and is to be read again.
    pub(super) async fn healed(&self, whose: &Whose, read: Opened) -> Answer<Option<Opened>> {
        for overdue in overdue(&read) {
            let Some(decided_at_ms) = self.approved_at(whose, overdue.proof).await? else {
                continue;
            };
            let then = Opened {
                now_ms: decided_at_ms.min(read.now_ms),
                ..read.clone()
            };
            let kind = (overdue.method, overdue.purpose);
            let command = command_of_proof(&then.subject, kind, overdue.proof)?;
            // What the record refuses now it would have refused then.
            let Ok(decided) = self.decided(whose, &then, &command, Actor::System) else {
                continue;
            };
            match self.write(whose, then, decided, Vec::new()).await {
                // Somebody else's by now: time may take it away.
                Err(error) if error.code() == "number_in_use" => continue,
                written => written.map(drop)?,
            }
            return Ok(None);
        }
        Ok(Some(read))
    }

    async fn approved_at(&self, whose: &Whose, proof: RecordId) -> Answer<Option<u64>> {
        let found = self.shared.store.get(proof).await;
        let found = found.map_err(|error| self.store_error("get", &error))?;
        let approved = found.filter(|found| {
            let record = &found.record;
            record.tenant == whose.tenant.tag && record.status_at(found.now_ms) == Status::Approved
        });
        Ok(approved.map(|found| found.record.decided_at_ms))
    }
}

fn overdue(read: &Opened) -> Vec<Overdue> {
    let subject = &read.subject;
    let methods = subject.methods.iter().filter_map(|method| {
        let is_overdue =
            method.status == MethodStatus::Pending && method.verify_by_ms <= read.now_ms;
        Some(Overdue {
            method: method.id,
            purpose: CONFIRM_METHOD,
            proof: method.proof.filter(|_| is_overdue)?,
        })
    });
    let change = subject.change.iter().filter_map(|change| {
        let is_overdue =
            change.status == ChangeStatus::Requested && change.verify_by_ms <= read.now_ms;
        Some(Overdue {
            method: change.to_method,
            purpose: NUMBER_CHANGE,
            proof: change.proof.filter(|_| is_overdue)?,
        })
    });
    methods.chain(change).collect()
}
