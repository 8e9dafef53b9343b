//! Which changed settings a running gateway can take over, and which it cannot.

use super::settings::{
    DispatchSettings, LogSettings, ProviderSettings, ServerSettings, Settings, StoreSettings,
    WebhookSettings,
};

/// Says whether `new` can replace `old` without a restart.
///
/// Everything may change but what is bound, opened, started or handed out once:
/// listeners and their bounds, the store, the sweep, the log.
///
/// # Errors
///
/// The settings that differ and need a restart, by their names in the file.
/// The caller keeps all of `old`.
pub fn reloadable_difference(old: &Settings, new: &Settings) -> Result<(), Vec<&'static str>> {
    let fixed = server(&old.server, &new.server)
        .into_iter()
        .chain(store(&old.store, &new.store))
        .chain(log(old.log, new.log))
        .chain(webhooks(&old.webhooks, &new.webhooks))
        .chain(dispatch(&old.dispatch, &new.dispatch))
        .chain([(
            "a first or last sandbox among the providers",
            has_sandbox(&old.providers) == has_sandbox(&new.providers),
        )]);
    let changed: Vec<&'static str> = fixed
        .filter(|(_, is_same)| !is_same)
        .map(|(name, _)| name)
        .collect();
    if changed.is_empty() {
        Ok(())
    } else {
        Err(changed)
    }
}

/// A setting's name, and whether it stayed what it was.
type Fixed = (&'static str, bool);

// The fields are taken apart one by one, so that a new setting does not compile
// until somebody has decided where it belongs.

fn server(old: &ServerSettings, new: &ServerSettings) -> [Fixed; 14] {
    let ServerSettings {
        listen,
        admin_listen,
        receipts_listen,
        public_url,
        tls,
        // Only a word on `listen`, which cannot change.
        insecure_listen: _,
        allow_sandbox,
        connections_max,
        first_byte_timeout,
        handshake_timeout,
        header_timeout,
        body_timeout,
        request_timeout,
        body_bytes_max,
        // Looked at when the drain begins.
        drain_delay: _,
        drain_timeout,
    } = old;
    [
        ("server.listen", *listen == new.listen),
        ("server.admin_listen", *admin_listen == new.admin_listen),
        (
            "server.receipts_listen",
            *receipts_listen == new.receipts_listen,
        ),
        ("server.public_url", *public_url == new.public_url),
        // What the files hold may change, but they are looked for where they were.
        ("server.tls_cert_file or tls_key_file", *tls == new.tls),
        ("server.allow_sandbox", *allow_sandbox == new.allow_sandbox),
        (
            "server.connections_max",
            *connections_max == new.connections_max,
        ),
        (
            "server.first_byte_timeout_ms",
            *first_byte_timeout == new.first_byte_timeout,
        ),
        (
            "server.handshake_timeout_ms",
            *handshake_timeout == new.handshake_timeout,
        ),
        (
            "server.header_timeout_ms",
            *header_timeout == new.header_timeout,
        ),
        ("server.body_timeout_ms", *body_timeout == new.body_timeout),
        (
            "server.request_timeout_ms",
            *request_timeout == new.request_timeout,
        ),
        (
            "server.body_bytes_max",
            *body_bytes_max == new.body_bytes_max,
        ),
        (
            "server.drain_timeout_s",
            *drain_timeout == new.drain_timeout,
        ),
    ]
}

fn store(old: &StoreSettings, new: &StoreSettings) -> [Fixed; 7] {
    let StoreSettings {
        backend,
        connect_timeout,
        response_timeout,
        durability,
        memory_guard_ratio,
        shards,
        retention,
    } = old;
    [
        ("store.kind and where it is", *backend == new.backend),
        (
            "store.connect_timeout_ms",
            *connect_timeout == new.connect_timeout,
        ),
        (
            "store.response_timeout_ms",
            *response_timeout == new.response_timeout,
        ),
        ("store.durability", *durability == new.durability),
        (
            "store.memory_guard_ratio",
            memory_guard_ratio
                .total_cmp(&new.memory_guard_ratio)
                .is_eq(),
        ),
        ("store.shards", *shards == new.shards),
        ("store.retention_s", *retention == new.retention),
    ]
}

fn log(old: LogSettings, new: LogSettings) -> [Fixed; 2] {
    let LogSettings { level, format } = old;
    [
        ("log.level", level == new.level),
        ("log.format", format == new.format),
    ]
}

fn webhooks(old: &WebhookSettings, new: &WebhookSettings) -> [Fixed; 3] {
    let WebhookSettings {
        retry_waits,
        in_flight_max,
        rules,
        retention: _,
    } = old;
    [
        ("webhooks.retry_waits_s", *retry_waits == new.retry_waits),
        (
            "webhooks.in_flight_max",
            *in_flight_max == new.in_flight_max,
        ),
        (
            "webhooks.allow_http, ports or allow_networks",
            *rules == new.rules,
        ),
    ]
}

fn dispatch(old: &DispatchSettings, new: &DispatchSettings) -> [Fixed; 2] {
    let DispatchSettings {
        sweep_interval,
        in_flight_max,
        deadline: _,
        lease: _,
        retry_waits: _,
        submissions_max: _,
        last_submission_before_expiry: _,
    } = old;
    [
        (
            "dispatch.sweep_interval_ms",
            *sweep_interval == new.sweep_interval,
        ),
        (
            "dispatch.in_flight_max",
            *in_flight_max == new.in_flight_max,
        ),
    ]
}

/// The inbox's path exists from the start or not at all.
fn has_sandbox(providers: &[ProviderSettings]) -> bool {
    providers.iter().any(|provider| provider.kind.is_simulated)
}
