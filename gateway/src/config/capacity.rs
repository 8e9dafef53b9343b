//! What the settings need from the machine: memory for verifications.

use super::Settings;

/// What one verification with its delivery, attempt, index and counters takes
/// in the store, averaged over its life and its time as a tombstone.
///
/// By `MEMORY USAGE` of Redis 7.0, with 240 bytes of sealed details: 728 for the
/// record, 248 for the number's and the overhead, about 1,100 in all.
pub const BYTES_PER_VERIFICATION: f64 = 1_150.0;

/// What a tenant's expected traffic needs.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryNeed {
    pub tenant: String,
    pub sends_per_s: f64,
    pub bytes: f64,
}

/// The memory that each tenant's `expected_sends_per_s` needs in the store:
/// every verification stays for its lifetime and `store.retention_s`.
pub fn memory_needs(settings: &Settings) -> Vec<MemoryNeed> {
    let kept = settings.codes.lifetime + settings.store.retention;
    settings
        .tenants
        .iter()
        .filter_map(|tenant| {
            let sends_per_s = tenant.expected_sends_per_s?;
            Some(MemoryNeed {
                tenant: tenant.name.clone(),
                sends_per_s,
                bytes: sends_per_s * kept.as_secs_f64() * BYTES_PER_VERIFICATION,
            })
        })
        .collect()
}
