//! What the simulated handsets received, kept apart by tenant and bounded.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Channel, Extension, Message, PhoneNumber};

const MESSAGES_PER_TENANT_MAX: usize = 1000;
const TENANTS_MAX: usize = 100;

/// A message on a simulated handset. `Debug` does not show its text.
#[derive(Clone)]
pub struct InboxMessage {
    pub to: PhoneNumber,
    /// What the call dialled behind it.
    pub extension: Option<Extension>,
    pub channel: Channel,
    pub text: Arc<str>,
    /// The sandbox that carried it.
    pub provider: Arc<str>,
    /// When it arrived, in ms since the Unix epoch.
    pub at_ms: u64,
}

impl fmt::Debug for InboxMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("InboxMessage")
            .field("to", &self.to)
            .field("channel", &self.channel)
            .field("provider", &self.provider)
            .field("at_ms", &self.at_ms)
            .finish_non_exhaustive()
    }
}

/// The last 1,000 messages of each of the last 100 tenants. Clones share it.
#[derive(Clone, Default)]
pub struct Inbox(Arc<Mutex<HashMap<Arc<str>, VecDeque<InboxMessage>>>>);

impl Inbox {
    /// A tenant's messages, newest first; all, or those to one number in E.164.
    pub fn messages(&self, tenant: &str, to: Option<&str>) -> Vec<InboxMessage> {
        let is_wanted =
            |message: &&InboxMessage| to.is_none_or(|number| message.to.expose() == number);
        let tenants = self.lock();
        let Some(messages) = tenants.get(tenant) else {
            return Vec::new();
        };
        messages.iter().rev().filter(is_wanted).cloned().collect()
    }

    pub(super) fn put(&self, message: &Message, provider: &Arc<str>, at_ms: u64) {
        let mut tenants = self.lock();
        if !tenants.contains_key(&message.tenant) && tenants.len() == TENANTS_MAX {
            let last_at =
                |messages: &VecDeque<InboxMessage>| messages.back().map(|last| last.at_ms);
            let quietest = tenants.iter().min_by_key(|(_, messages)| last_at(messages));
            if let Some(quietest) = quietest.map(|(tenant, _)| Arc::clone(tenant)) {
                tenants.remove(&quietest);
            }
        }
        let messages = tenants.entry(Arc::clone(&message.tenant)).or_default();
        if messages.len() == MESSAGES_PER_TENANT_MAX {
            messages.pop_front();
        }
        messages.push_back(InboxMessage {
            to: message.to.clone(),
            extension: message.extension.clone(),
            channel: message.channel,
            text: Arc::clone(&message.text),
            provider: Arc::clone(provider),
            at_ms,
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, VecDeque<InboxMessage>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Inbox")
    }
}
