//! STOP and START: what the holder of a number wants, whoever has it as a method.

use std::sync::Arc;

use super::{Keeper, Opened, Whose};
use crate::service::{Answer, ServiceError};
use crate::store::subjects::{NoteNumber, NumberKey};
use crate::subjects::command::Command;
use crate::subjects::model::Actor;
use crate::tenants::Tenant;

/// What somebody who writes back wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// No more messages.
    Stop,
    Start,
}

impl Keeper {
    /// Notes a wish with the number, and tells the subjects that have it.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unavailable`]: asked again, the rest of it is done.
    pub(crate) async fn wished(
        &self,
        (tenant, actor): (&Arc<Tenant>, Actor),
        e164: &str,
        wish: Wish,
    ) -> Answer<()> {
        let live = self.shared.live.load_full();
        let (shard, tag) = live.ring.index().number(tenant.tag, e164);
        let key = NumberKey { shard, tag };
        let noted = self.shared.store.number_note(key).await;
        let noted = noted.map_err(|error| self.store_error("number_note", &error))?;
        if (noted.opted_out_at_ms > 0) == (wish == Wish::Stop) {
            return Ok(());
        }
        // First, so that a crash in between tells it twice rather than never. But
        // a subject that cannot be told keeps no STOP from holding.
        for link in noted.links {
            let whose = self.whose_key(Arc::clone(&live), tenant, link.subject)?;
            if let Err(error) = self.tell_wish(&whose, &actor, (e164, wish)).await {
                tracing::error!(
                    tenant = %tenant.name,
                    code = error.code(),
                    "a subject could not be told that its number was opted out or in"
                );
            }
        }
        let note = match wish {
            Wish::Stop => NoteNumber::OptOut,
            Wish::Start => NoteNumber::OptIn,
        };
        let noted = self.shared.store.note_number(key, &note).await;
        noted
            .map(drop)
            .map_err(|error| self.store_error("note_number", &error))
    }

    async fn tell_wish(
        &self,
        whose: &Whose,
        actor: &Actor,
        (e164, wish): (&str, Wish),
    ) -> Answer<()> {
        // A link to a subject that is gone leads nowhere.
        let Some(opened) = self.advanced(whose).await? else {
            return Ok(());
        };
        let decide = |_: &Opened| {
            let e164 = e164.to_owned();
            let command = match wish {
                Wish::Stop => Command::OptOut { e164 },
                Wish::Start => Command::OptIn { e164 },
            };
            Ok((command, ()))
        };
        let name = &opened.subject.name;
        match self
            .change(&whose.tenant, name, actor.clone(), decide)
            .await
        {
            Ok(_) | Err(ServiceError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
