//! What no setting is wrong about alone: names that lead nowhere, things that
//! must not stand together, times that do not fit.

use std::collections::HashMap;
use std::net::SocketAddr;

use watchword_providers::Receipts;

use super::limits::{self, LEASE_MARGIN};
use super::nearest::nearest;
use super::reader::{Reading, Section};
use super::senders;
use super::settings::{RouteSettings, Settings};
use super::{entra, signals, webhooks, words};

/// SHA-256 of `sandbox`, `sandbox-ada` and `sandbox-bob`: the keys of the
/// sandbox, which everybody knows.
const SANDBOX_KEYS_SHA256: [&str; 3] = [
    "b7ad567477c83756aab9a542b2be04f77dbae25115d85f22070d74d8cc4779dc",
    "6452bc3559aa261684c96e198c10ead337f44db73b4dd3bc8ab3ec8e69b4c292",
    "5a0de16223219360dee7e585912c13abc0fbde60cdc6c224731b4bc27c028a2c",
];

/// SHA-256 of `wk_example`, the API key of the documentation and the examples.
const DOCUMENTED_KEY_SHA256: &str =
    "be4226973f92d5fd9e8ab369edb89e81e3cbf955bfaef410d9d2a477c35aba05";

/// Whether the checks are for a service or for the sandbox that runs without a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Serve,
    Sandbox,
}

pub(super) fn check(root: &Section<'_>, settings: &Settings, intended: Use) {
    let reading = root.reading();
    limits::cross_check(root, &settings.codes, &settings.dispatch);
    check_unique_ids(reading, settings);
    check_listeners(reading, settings);
    webhooks::check(reading, settings);
    check_providers(reading, settings);
    senders::check(reading, settings);
    check_routes(reading, settings);
    check_test_numbers(reading, settings);
    signals::check(reading, settings);
    entra::check(reading, settings);
    check_own_subjects(reading, settings);
    check_credentials(reading, settings, intended);
}

fn check_unique_ids(reading: &Reading<'_>, settings: &Settings) {
    let ids = |list: &str, field: &str, ids: Vec<&str>| {
        let mut first = HashMap::new();
        for (index, id) in ids.into_iter().enumerate() {
            if let Some(earlier) = first.insert(id, index)
                && !id.is_empty()
            {
                reading.mistake(
                    &format!("{list}[{index}].{field}"),
                    format!("{id:?} is already the {field} of {list}[{earlier}]"),
                );
            }
        }
    };
    ids(
        "keys",
        "id",
        settings.keys.iter().map(|key| key.id.as_str()).collect(),
    );
    ids(
        "tenants",
        "name",
        settings
            .tenants
            .iter()
            .map(|tenant| tenant.name.as_str())
            .collect(),
    );
    ids(
        "operators",
        "name",
        settings
            .operators
            .iter()
            .map(|person| person.name.as_str())
            .collect(),
    );
    ids(
        "providers",
        "id",
        settings
            .providers
            .iter()
            .map(|provider| provider.id.as_str())
            .collect(),
    );
    for (index, tenant) in settings.tenants.iter().enumerate() {
        let keys = tenant.api_keys.iter().map(|key| key.id.as_str()).collect();
        ids(&format!("tenants[{index}].api_keys"), "id", keys);
    }
}

fn check_listeners(reading: &Reading<'_>, settings: &Settings) {
    let server = &settings.server;
    let exposed = |address: SocketAddr| !address.ip().is_loopback();
    let listeners = [
        ("server.listen", Some(server.listen)),
        ("server.receipts_listen", server.receipts_listen),
    ];
    for (path, address) in listeners {
        let is_exposed = address.is_some_and(exposed) && !reading.is_mistaken(path);
        if is_exposed
            && server.tls.is_none()
            && !server.insecure_listen
            && !reading.is_mistaken("server.tls")
        {
            reading.mistake(
                path,
                "is reachable from the network without TLS: set tls_cert_file and tls_key_file, or \
                 insecure_listen = true if a TLS proxy stands in front",
            );
        }
    }
    if exposed(server.admin_listen) && !reading.is_mistaken("server.admin_listen") {
        reading.warn(
            "server.admin_listen",
            "is reachable from the network: it answers everybody, without a key",
        );
    }
    let mut taken = Vec::new();
    for (path, address) in [
        ("server.listen", Some(server.listen)),
        ("server.admin_listen", Some(server.admin_listen)),
        ("server.receipts_listen", server.receipts_listen),
    ] {
        let Some(address) = address.filter(|address| address.port() != 0) else {
            continue;
        };
        if taken.contains(&address) {
            reading.mistake(
                path,
                format!("{address} already serves another listener: choose another port"),
            );
        }
        taken.push(address);
    }
}

fn check_providers(reading: &Reading<'_>, settings: &Settings) {
    let kind_is_known = |index: usize| !reading.is_mistaken(&format!("providers[{index}].kind"));
    let has_real = settings
        .providers
        .iter()
        .enumerate()
        .any(|(index, provider)| kind_is_known(index) && !provider.kind.is_simulated);
    let is_exposed = !settings.server.listen.ip().is_loopback();
    for (index, provider) in settings.providers.iter().enumerate() {
        let path = |key: &str| format!("providers[{index}].{key}");
        let is_sandbox = kind_is_known(index) && provider.kind.is_simulated;
        if is_sandbox && !settings.server.allow_sandbox {
            if has_real {
                reading.mistake(
                    &path("kind"),
                    "is a sandbox beside real providers, so codes could be read by anyone with a key: remove it, \
                     or set server.allow_sandbox = true",
                );
            } else if is_exposed {
                reading.mistake(
                    &path("kind"),
                    "is a sandbox on a listener that is reachable from the network: listen on 127.0.0.1, or set \
                     server.allow_sandbox = true",
                );
            }
        }
        let calls_back = kind_is_known(index)
            && !provider.kind.is_simulated
            && provider.receipts == Receipts::Reference;
        if calls_back
            && settings.server.public_url.is_none()
            && !reading.is_mistaken("server.public_url")
        {
            reading.mistake(
                &path("receipts"),
                "is \"reference\", for which the provider has to call us: set server.public_url, or receipts = \"none\"",
            );
        }
        if provider.attempt_timeout + LEASE_MARGIN > settings.dispatch.lease
            && !reading.is_mistaken("dispatch.lease_s")
        {
            reading.mistake(
                &path("attempt_timeout_ms"),
                format!(
                    "must be at least {} s shorter than dispatch.lease_s, is {} ms against {} s: another node would \
                     take over in mid-attempt",
                    LEASE_MARGIN.as_secs(),
                    provider.attempt_timeout.as_millis(),
                    settings.dispatch.lease.as_secs()
                ),
            );
        }
    }
}

fn check_routes(reading: &Reading<'_>, settings: &Settings) {
    let tenants: Vec<&str> = settings
        .tenants
        .iter()
        .map(|tenant| tenant.name.as_str())
        .collect();
    for (index, route) in settings.routes.iter().enumerate() {
        for (position, tenant) in route.tenants.iter().enumerate() {
            known(
                reading,
                &format!("routes[{index}].tenants[{position}]"),
                ("tenant", tenant),
                &tenants,
            );
        }
        check_hops(reading, settings, (index, route));
    }
    for channel in settings
        .providers
        .iter()
        .flat_map(|provider| &provider.channels)
    {
        let message = format!("no route for {channel}, though a provider carries it");
        if !settings
            .routes
            .iter()
            .any(|route| route.channel == *channel)
            && !reading.is_mistaken("routes")
        {
            reading.warn("routes", &message);
        }
    }
}

fn check_hops(reading: &Reading<'_>, settings: &Settings, (index, route): (usize, &RouteSettings)) {
    let ids: Vec<&str> = settings
        .providers
        .iter()
        .map(|provider| provider.id.as_str())
        .collect();
    let mut together = std::time::Duration::ZERO;
    for (position, hop) in route.hops.iter().enumerate() {
        let path = format!("routes[{index}].hops[{position}]");
        if route
            .hops
            .iter()
            .take(position)
            .any(|earlier| earlier == hop)
        {
            reading.mistake(&path, format!("{hop:?} is already a hop of this route"));
            continue;
        }
        let Some(provider) = settings
            .providers
            .iter()
            .find(|provider| provider.id == *hop)
        else {
            // A provider with a mistake of its own is missing here too.
            if !reading.is_mistaken("providers") && !reading.is_mistaken(&path) {
                known(reading, &path, ("provider", hop), &ids);
            }
            continue;
        };
        if !provider.channels.contains(&route.channel) {
            reading.mistake(
                &path,
                format!("{hop:?} does not carry {}: add it to the provider's channels, or remove the hop", route.channel),
            );
        }
        together += provider.attempt_timeout;
    }
    let deadline = settings.dispatch.deadline;
    if together > deadline
        && !reading.is_mistaken("dispatch.deadline_s")
        && !reading.is_mistaken("providers")
    {
        reading.mistake(
            &format!("routes[{index}].hops"),
            format!(
                "their attempt timeouts add up to {} ms, which does not fit dispatch.deadline_s = {}: the last hops \
                 would never be tried",
                together.as_millis(),
                deadline.as_secs()
            ),
        );
    }
}

fn check_test_numbers(reading: &Reading<'_>, settings: &Settings) {
    // What could not be read is not in the list, so positions would be wrong.
    if reading.is_mistaken("test_numbers") {
        return;
    }
    let tenants: Vec<&str> = settings
        .tenants
        .iter()
        .map(|tenant| tenant.name.as_str())
        .collect();
    for (index, test_number) in settings.test_numbers.iter().enumerate() {
        known(
            reading,
            &format!("test_numbers[{index}].tenant"),
            ("tenant", &test_number.tenant),
            &tenants,
        );
        let is_repeated = settings.test_numbers.iter().take(index).any(|earlier| {
            earlier.tenant == test_number.tenant && earlier.number == test_number.number
        });
        if is_repeated {
            reading.mistake(
                &format!("test_numbers[{index}].number"),
                "is listed twice for this tenant",
            );
        }
    }
}

fn check_own_subjects(reading: &Reading<'_>, settings: &Settings) {
    let tenants: Vec<&str> = settings
        .tenants
        .iter()
        .map(|tenant| tenant.name.as_str())
        .collect();
    for (index, operator) in settings.operators.iter().enumerate() {
        for (position, own) in operator.subjects.iter().enumerate() {
            let path = format!("operators[{index}].subjects[{position}].tenant");
            if !reading.is_mistaken(&format!("operators[{index}].subjects")) {
                known(reading, &path, ("tenant", &own.tenant), &tenants);
            }
        }
    }
}

fn check_credentials(reading: &Reading<'_>, settings: &Settings, intended: Use) {
    let api_keys = settings
        .tenants
        .iter()
        .enumerate()
        .flat_map(|(index, tenant)| {
            let keys = tenant.api_keys.iter().enumerate();
            keys.map(move |(key, api_key)| {
                (
                    format!("tenants[{index}].api_keys[{key}].sha256"),
                    api_key.sha256,
                )
            })
        });
    let operator_keys = settings
        .operators
        .iter()
        .enumerate()
        .flat_map(|(index, person)| {
            let keys = person.keys.iter().enumerate();
            keys.map(move |(key, operator_key)| {
                (
                    format!("operators[{index}].keys[{key}].sha256"),
                    operator_key.sha256,
                )
            })
        });
    if intended == Use::Sandbox {
        return;
    }
    let mut seen: HashMap<[u8; 32], String> = HashMap::new();
    for (path, sha256) in api_keys.chain(operator_keys) {
        if reading.is_mistaken(&path) {
            continue;
        }
        let is_sandbox = SANDBOX_KEYS_SHA256.map(words::sha256).contains(&Ok(sha256));
        if is_sandbox {
            reading.mistake(
                &path,
                "is a key of the sandbox, which everybody knows: `watchword keys new` prints another",
            );
        } else if words::sha256(DOCUMENTED_KEY_SHA256) == Ok(sha256) {
            reading.mistake(&path, "stands in the documentation, so everybody knows it: `watchword keys new` prints another");
        } else if let Some(earlier) = seen.get(&sha256) {
            reading.mistake(
                &path,
                format!("is the key of {earlier} too: every key has one owner"),
            );
        }
        seen.insert(sha256, path);
    }
}

pub(super) fn known(reading: &Reading<'_>, path: &str, (what, name): (&str, &str), names: &[&str]) {
    if names.contains(&name) {
        return;
    }
    let hint = nearest(name, names.iter().copied())
        .map_or(String::new(), |near| format!("; did you mean {near:?}?"));
    reading.mistake(path, format!("there is no {what} {name:?}{hint}"));
}
