//! The index key: names records, counters and shards. It never changes, so what
//! it names survives every rotation of the master keys.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use aws_lc_rs::hmac;
use watchword_providers::MessageId;
use zeroize::Zeroizing;

use super::{first, mac};
use crate::admission::limits::LimitKey;
use crate::calls::CallKey;
use crate::id::{DeliveryId, RecordId, Shard};
use crate::receipts::MessageKey;
use crate::store::Idempotency;
use crate::subjects::model::{ChangeId, MethodId, SubjectKey};
use crate::verification::{
    ClientClass, CustomCodeTag, IdentityTag, NumberTag, OperationId, TenantTag,
};

/// Makes every name the store sees out of what must not be readable there.
pub struct IndexKey {
    key: hmac::Key,
    shard_count: u16,
}

impl fmt::Debug for IndexKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IndexKey")
    }
}

impl IndexKey {
    pub fn new(secret: &Zeroizing<[u8; 32]>, shard_count: u16) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &**secret),
            shard_count,
        }
    }

    pub fn shard_count(&self) -> u16 {
        self.shard_count
    }

    pub fn tenant(&self, name: &str) -> TenantTag {
        TenantTag(first(&mac(&self.key, b"tenant", &[name.as_bytes()])))
    }

    /// The name of a (tenant, number) and the shard that holds all of it.
    pub fn number(&self, tenant: TenantTag, e164: &str) -> (Shard, NumberTag) {
        let named = mac(&self.key, b"number", &[&tenant.0, e164.as_bytes()]);
        (self.shard(&named), NumberTag(first(&named)))
    }

    /// What a resend must match: purpose, subject and `bind`.
    pub fn identity(&self, purpose: &str, subject: Option<&str>, bind: &[u8]) -> IdentityTag {
        let has_subject = [u8::from(subject.is_some())];
        let subject = subject.unwrap_or_default().as_bytes();
        let parts = [purpose.as_bytes(), &has_subject, subject, bind];
        IdentityTag(first(&mac(&self.key, b"identity", &parts)))
    }

    pub fn custom_code(&self, number: NumberTag, code: &str) -> CustomCodeTag {
        CustomCodeTag(first(&mac(
            &self.key,
            b"custom code",
            &[&number.0, code.as_bytes()],
        )))
    }

    /// `scope` is tenant, endpoint, and number or id.
    pub fn idempotency(&self, scope: &[&[u8]], key: &str, content: &[u8]) -> Idempotency {
        let mut parts = scope.to_vec();
        parts.push(key.as_bytes());
        Idempotency {
            tag: first(&mac(&self.key, b"idempotency", &parts)),
            fingerprint: first(&mac(&self.key, b"idempotent content", &[content])),
        }
    }

    /// The name of an operation the tenant gave an idempotency key, bound to its content.
    pub fn operation(&self, scope: &[&[u8]], content: &[u8]) -> OperationId {
        let mut named = [0; 16];
        let (key_half, content_half) = named.split_at_mut(8);
        key_half.copy_from_slice(&first::<8>(&mac(&self.key, b"operation", scope)));
        content_half.copy_from_slice(&first::<8>(&mac(
            &self.key,
            b"operation content",
            &[content],
        )));
        OperationId(named)
    }

    /// A number over all tenants: knows no tenant.
    pub fn number_limit(&self, e164: &str) -> LimitKey {
        self.limit(&[b"number", e164.as_bytes()])
    }

    /// The numbers that have all but the last four digits in common: what attacks
    /// on a range of them share.
    pub fn prefix_limit(&self, tenant: TenantTag, e164: &str) -> LimitKey {
        let prefix = e164.len().saturating_sub(4);
        let prefix = e164.as_bytes().get(..prefix).unwrap_or_default();
        self.limit(&[b"prefix", &tenant.0, prefix])
    }

    /// A client address: IPv4 whole, IPv6 by its /64 and its /48.
    pub fn address_limits(
        &self,
        purpose: &str,
        tenant: TenantTag,
        address: IpAddr,
    ) -> Vec<LimitKey> {
        let name = |prefix: &[u8]| self.limit(&[b"address", purpose.as_bytes(), &tenant.0, prefix]);
        match address.to_canonical() {
            IpAddr::V4(address) => vec![name(&address.octets())],
            IpAddr::V6(address) => {
                vec![
                    name(&prefix_of::<8>(address)),
                    name(&prefix_of::<6>(address)),
                ]
            }
        }
    }

    /// The submissions of a tenant to a region over a channel.
    pub fn submission_limit(&self, tenant: TenantTag, region: &str, channel: &str) -> LimitKey {
        self.limit(&[
            b"submissions",
            &tenant.0,
            region.as_bytes(),
            channel.as_bytes(),
        ])
    }

    /// Anything else that is limited per tenant.
    pub fn tenant_limit(&self, tenant: TenantTag, purpose: &str) -> LimitKey {
        self.limit(&[b"tenant", &tenant.0, purpose.as_bytes()])
    }

    /// A provider's own id for a message, whose receipts name it.
    pub fn message(&self, provider: &str, id: &MessageId) -> MessageKey {
        let parts = [provider.as_bytes(), id.expose().as_bytes()];
        let named = mac(&self.key, b"message", &parts);
        MessageKey {
            shard: self.shard(&named),
            tag: first(&named),
        }
    }

    /// The call that one attempt is.
    pub fn call(&self, delivery: DeliveryId, attempt: u32) -> CallKey {
        let parts: [&[u8]; 3] = [
            &delivery.record.random,
            &[delivery.ordinal],
            &attempt.to_be_bytes(),
        ];
        CallKey {
            shard: delivery.record.shard,
            tag: first(&mac(&self.key, b"call", &parts)),
        }
    }

    /// A provider's own id for a call.
    pub fn call_id(&self, provider: &str, id: &MessageId) -> [u8; 16] {
        let parts = [provider.as_bytes(), id.expose().as_bytes()];
        first(&mac(&self.key, b"call-id", &parts))
    }

    /// The turns at a provider.
    pub fn provider_turns(&self, provider: &str) -> LimitKey {
        let named = mac(&self.key, b"turns", &[provider.as_bytes()]);
        LimitKey {
            shard: self.shard(&named),
            tag: first(&named),
        }
    }

    /// A tenant's subject and the shard that holds all of it.
    pub fn subject(&self, tenant: TenantTag, name: &str) -> SubjectKey {
        let named = mac(&self.key, b"subject", &[&tenant.0, name.as_bytes()]);
        SubjectKey(RecordId {
            shard: self.shard(&named),
            random: first(&named),
        })
    }

    /// A number of a subject.
    pub fn method(&self, subject: SubjectKey, e164: &str) -> MethodId {
        MethodId(first(&self.of_subject(
            b"method",
            subject,
            &[e164.as_bytes()],
        )))
    }

    /// What undoes or reports a change, for one of those who were told of it.
    /// `recipient` is a method's id, or `mail`.
    pub fn subject_token(
        &self,
        subject: SubjectKey,
        change: ChangeId,
        action: &str,
        recipient: &str,
    ) -> [u8; 16] {
        let parts: [&[u8]; 3] = [&change.0, action.as_bytes(), recipient.as_bytes()];
        first(&self.of_subject(b"subject token", subject, &parts))
    }

    /// Chains a line of a subject's audit trail to the one before it.
    pub fn audit_link(&self, subject: SubjectKey, before: &[u8; 32], line: &[u8]) -> [u8; 32] {
        self.of_subject(b"audit link", subject, &[before, line])
    }

    /// What is sent to a tenant's number because a subject asked for it: counted
    /// in the number's shard, for known and unknown clients apart.
    pub fn tenant_number_limit(
        &self,
        tenant: TenantTag,
        e164: &str,
        client: ClientClass,
    ) -> LimitKey {
        let client = match client {
            ClientClass::Known => 0,
            ClientClass::Unknown => 1,
        };
        let parts: [&[u8]; 4] = [b"tenant number", &tenant.0, e164.as_bytes(), &[client]];
        self.limit(&parts)
    }

    /// The delivery that one notice to one number is: asked for twice, it is made
    /// once. `number` is the notice's.
    pub fn notice(&self, subject: SubjectKey, number: u32, e164: &str) -> RecordId {
        let parts: [&[u8]; 2] = [&number.to_be_bytes(), e164.as_bytes()];
        RecordId {
            shard: subject.0.shard,
            random: first(&self.of_subject(b"notice", subject, &parts)),
        }
    }

    fn of_subject(&self, label: &[u8], subject: SubjectKey, parts: &[&[u8]]) -> [u8; 32] {
        let shard = subject.0.shard.number().to_be_bytes();
        let mut all: Vec<&[u8]> = vec![&shard, &subject.0.random];
        all.extend(parts);
        mac(&self.key, label, &all)
    }

    fn limit(&self, parts: &[&[u8]]) -> LimitKey {
        let named = mac(&self.key, b"limit", parts);
        LimitKey {
            shard: self.shard(&named),
            tag: first(&named),
        }
    }

    /// From the half of the hash that the name does not show.
    fn shard(&self, named: &[u8; 32]) -> Shard {
        let hash = named.last_chunk().copied().map_or(0, u64::from_be_bytes);
        Shard::of_hash(hash, self.shard_count)
    }
}

fn prefix_of<const BYTES: usize>(address: Ipv6Addr) -> [u8; BYTES] {
    address
        .octets()
        .first_chunk()
        .copied()
        .unwrap_or([0; BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> IndexKey {
        IndexKey::new(&Zeroizing::new([3; 32]), 64)
    }

    #[test]
    fn the_same_number_has_other_names_for_other_tenants() {
        let index = index();
        let (acme, other) = (index.tenant("acme"), index.tenant("other"));
        assert_eq!(
            index.number(acme, "+14155550123"),
            index.number(acme, "+14155550123")
        );
        assert_ne!(
            index.number(acme, "+14155550123").1,
            index.number(other, "+14155550123").1
        );
    }

    #[test]
    fn an_operation_tells_the_same_key_with_other_content() {
        let index = index();
        let named = index.operation(&[b"acme", b"key"], b"body");
        assert_eq!(named, index.operation(&[b"acme", b"key"], b"body"));
        assert!(named.reuses_key_of(index.operation(&[b"acme", b"key"], b"other")));
        assert!(!named.reuses_key_of(index.operation(&[b"acme", b"other"], b"body")));
    }

    #[test]
    fn a_message_id_has_another_name_for_each_provider() {
        let index = index();
        let name = |provider: &str, id: &str| index.message(provider, &MessageId::new(id).unwrap());
        assert_eq!(name("hook-a", "m-1"), name("hook-a", "m-1"));
        assert_ne!(name("hook-a", "m-1"), name("hook-b", "m-1"));
        // Moving a character from one to the other is another message.
        assert_ne!(name("hook-a", "m-1").tag, name("hook-am", "-1").tag);
    }

    #[test]
    fn what_belongs_to_a_subject_is_named_by_it_alone() {
        let index = index();
        let (acme, other) = (index.tenant("acme"), index.tenant("other"));
        let (one, two) = (index.subject(acme, "u-1"), index.subject(acme, "u-2"));
        assert_eq!(one, index.subject(acme, "u-1"));
        assert_ne!(one, two);
        assert_ne!(one, index.subject(other, "u-1"));
        let e164 = "+14155550123";
        assert_eq!(index.method(one, e164), index.method(one, e164));
        assert_ne!(index.method(one, e164), index.method(two, e164));
        assert_ne!(index.method(one, e164), index.method(one, "+14155550124"));
        let notice = |key, number| index.notice(key, number, e164);
        assert_eq!(notice(one, 1), notice(one, 1));
        assert_eq!(notice(one, 1).shard, one.0.shard);
        assert_ne!(notice(one, 1).random, notice(one, 2).random);
        assert_ne!(notice(one, 1).random, notice(two, 1).random);
    }

    #[test]
    fn a_token_is_bound_to_change_action_and_recipient() {
        let index = index();
        let subject = index.subject(index.tenant("acme"), "u-1");
        let token = |change, action, to| index.subject_token(subject, ChangeId(change), action, to);
        let undo = token([1; 16], "undo", "mail");
        assert_eq!(undo, token([1; 16], "undo", "mail"));
        assert_ne!(undo, token([2; 16], "undo", "mail"));
        assert_ne!(undo, token([1; 16], "report", "mail"));
        assert_ne!(undo, token([1; 16], "undo", "mth_1"));
        let stranger = index.subject(index.tenant("acme"), "u-2");
        let theirs = index.subject_token(stranger, ChangeId([1; 16]), "undo", "mail");
        assert_ne!(undo, theirs);
    }

    #[test]
    fn a_line_of_a_trail_links_to_the_one_before() {
        let index = index();
        let subject = index.subject(index.tenant("acme"), "u-1");
        let link = |before: u8, line: &[u8]| index.audit_link(subject, &[before; 32], line);
        assert_eq!(link(0, b"line"), link(0, b"line"));
        assert_ne!(link(0, b"line"), link(1, b"line"));
        assert_ne!(link(0, b"line"), link(0, b"other"));
    }

    #[test]
    fn a_tenants_sends_to_a_number_are_counted_apart_from_those_of_all() {
        let index = index();
        let (acme, other) = (index.tenant("acme"), index.tenant("other"));
        let limit = |tenant, client| index.tenant_number_limit(tenant, "+14155550123", client);
        let known = limit(acme, ClientClass::Known);
        assert_ne!(known, limit(acme, ClientClass::Unknown));
        assert_ne!(known, limit(other, ClientClass::Known));
        assert_ne!(known, index.number_limit("+14155550123"));
    }

    #[test]
    fn no_subject_is_not_the_empty_subject() {
        let index = index();
        assert_ne!(
            index.identity("p", None, b""),
            index.identity("p", Some(""), b"")
        );
    }

    #[test]
    fn an_ipv6_client_is_limited_by_its_64_and_its_48() {
        let index = index();
        let tenant = index.tenant("acme");
        let keys = |text: &str| index.address_limits("sends", tenant, text.parse().unwrap());
        let (one, neighbour, far) = (
            keys("2001:db8:1:2::5"),
            keys("2001:db8:1:2::6"),
            keys("2001:db8:1:3::5"),
        );
        assert_eq!(one, neighbour);
        assert_ne!(one.first(), far.first());
        assert_eq!(one.last(), far.last());
        assert_eq!(keys("::ffff:192.0.2.1"), keys("192.0.2.1"));
    }
}
