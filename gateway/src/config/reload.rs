//! Which changed settings a running gateway can take over, and which it cannot.

use super::Settings;

/// Says whether `new` can replace `old` without a restart.
///
/// Everything may change but what is bound, opened or laid out once: listeners
/// and connection bounds, the store and its shards, the log format.
///
/// # Errors
///
/// The settings that differ and need a restart, by their names in the file.
/// The caller keeps all of `old`.
pub fn reloadable_difference(old: &Settings, new: &Settings) -> Result<(), Vec<String>> {
    let fixed = [
        ("server.listen", old.server.listen == new.server.listen),
        (
            "server.admin_listen",
            old.server.admin_listen == new.server.admin_listen,
        ),
        (
            "server.receipts_listen",
            old.server.receipts_listen == new.server.receipts_listen,
        ),
        (
            "server.connections_max",
            old.server.connections_max == new.server.connections_max,
        ),
        // Certificates may change, but a listener stays what it was opened as.
        (
            "server.tls_cert_file",
            old.server.tls.is_some() == new.server.tls.is_some(),
        ),
        ("store.shards", old.store.shards == new.store.shards),
        ("store", is_same_store(old, new)),
        ("log.format", old.log.format == new.log.format),
        (
            "dispatch.in_flight_max",
            old.dispatch.in_flight_max == new.dispatch.in_flight_max,
        ),
    ];
    let changed: Vec<String> = fixed
        .iter()
        .filter(|(_, is_same)| !is_same)
        .map(|(name, _)| format!("{name} changed, which needs a restart"))
        .collect();
    if changed.is_empty() {
        Ok(())
    } else {
        Err(changed)
    }
}

/// Retention and the memory guard are looked at each time; the rest belongs to
/// the connection, and the durability was promised at the start.
fn is_same_store(old: &Settings, new: &Settings) -> bool {
    let (old, new) = (&old.store, &new.store);
    old.backend == new.backend
        && old.connect_timeout == new.connect_timeout
        && old.response_timeout == new.response_timeout
        && old.durability == new.durability
}
