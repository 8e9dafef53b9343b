//! Reads `[[entra]]`: the directories of Microsoft Entra whose codes are sent,
//! for which tenant, and by which keys their requests are believed and read.

use std::collections::HashMap;
use std::time::Duration;

use super::address::{is_loopback, parse_url};
use super::nearest::nearest;
use super::reader::{Reading, Section};
use super::secret::Secret;
use super::settings::Settings;
use crate::entra::jwe::{self, DecryptionKey};
use crate::entra::token::is_guid;

/// An Entra directory and what its requests must bring along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntraSettings {
    /// Whose regions, routes, senders and limits hold.
    pub tenant: String,
    /// A GUID in lower case.
    pub directory: String,
    pub audiences: Vec<String>,
    /// Applications, by their GUIDs in lower case.
    pub callers: Vec<String>,
    /// Empty: no role is asked for.
    pub roles: Vec<String>,
    pub issuers: Vec<String>,
    pub jwks_url: String,
    /// Newest first, at least one.
    pub keys: Vec<EntraKeySettings>,
    /// From a request's head to its answer.
    pub budget: Duration,
    pub clock_skew_s: u64,
    /// Of a message whose request names no time.
    pub validity_s: u32,
}

/// A private key that requests are encrypted to; known to be usable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntraKeySettings {
    pub id: String,
    pub pem: Secret,
}

const DIRECTORIES_MAX: usize = 100;
const NAMES_MAX: usize = 16;
const ISSUERS_MAX: usize = 8;

pub(super) fn read(root: &Section<'_>) -> Vec<EntraSettings> {
    let entries = root.sections("entra", DIRECTORIES_MAX);
    entries.iter().map(read_entry).collect()
}

fn read_entry(section: &Section<'_>) -> EntraSettings {
    section.required_text("tenant", "\"acme\"");
    section.required_text("directory", "the directory (tenant) id that Entra shows");
    let directory = section.parsed("directory", guid).unwrap_or_default();
    let issuers = section.parsed_list("issuers", ISSUERS_MAX, issuer);
    EntraSettings {
        tenant: section.text("tenant").unwrap_or_default().to_owned(),
        audiences: at_least_one(
            (section, "audiences"),
            audience,
            "the application id URI, and the client id, of the application that Entra calls",
        ),
        callers: at_least_one(
            (section, "callers"),
            guid,
            "the id of the application that may call; docs/entra.md says where to find it",
        ),
        roles: section.parsed_list("roles", NAMES_MAX, visible),
        issuers: if section.has("issuers") {
            issuers
        } else {
            issuers_of(&directory)
        },
        jwks_url: section
            .parsed("jwks_url", jwks_url)
            .unwrap_or_else(|| jwks_url_of(&directory)),
        keys: read_keys(section),
        budget: Duration::from_millis(section.integer_or("budget_ms", 500..=2_500, 2_300)),
        clock_skew_s: section.integer_or("clock_skew_s", 0..=300, 60),
        validity_s: u32::try_from(section.integer_or("validity_s", 30..=86_400, 600))
            .unwrap_or(u32::MAX),
        directory,
    }
}

/// Those of tokens of version 1 and 2.
fn issuers_of(directory: &str) -> Vec<String> {
    vec![
        format!("https://sts.windows.net/{directory}/"),
        format!("https://login.microsoftonline.com/{directory}/v2.0"),
    ]
}

fn jwks_url_of(directory: &str) -> String {
    format!("https://login.microsoftonline.com/{directory}/discovery/v2.0/keys")
}

fn at_least_one(
    (section, key): (&Section<'_>, &'static str),
    parse: impl Fn(&str) -> Result<String, String>,
    what: &str,
) -> Vec<String> {
    let list = section.parsed_list(key, NAMES_MAX, parse);
    if list.is_empty() && !section.reading().is_mistaken(&section.path_of(key)) {
        section.mistake(key, format!("missing: list {what}"));
    }
    list
}

fn read_keys(section: &Section<'_>) -> Vec<EntraKeySettings> {
    let entries = section.sections("keys", jwe::KEYS_MAX);
    if entries.is_empty() && !section.reading().is_mistaken(&section.path_of("keys")) {
        section.mistake(
            "keys",
            "missing: name the private key of the certificate that Entra encrypts to, as \
             [{ id = \"2026\", key_file = \"entra-2026.pem\" }]",
        );
    }
    entries.iter().filter_map(read_key).collect()
}

fn read_key(section: &Section<'_>) -> Option<EntraKeySettings> {
    section.required_text("id", "\"2026\"");
    let id = section.parsed("id", visible);
    let pem = section.secret("key", "key_file");
    let (id, Some(pem)) = (id?, pem) else {
        let from = section.set_one(&["key", "key_file"]);
        if !section.reading().is_mistaken(&section.path_of("key")) {
            section.mistake(from, "missing: set key_file to the private key in PEM");
        }
        return None;
    };
    let from = section.set_one(&["key_file", "key"]);
    if let Err(error) = DecryptionKey::from_pem(&id, pem.expose()) {
        let file = section.text("key_file").unwrap_or("key");
        section.mistake(from, format!("{file:?} {error}"));
    }
    Some(EntraKeySettings { id, pem })
}

fn guid(text: &str) -> Result<String, String> {
    if is_guid(text) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("must be a GUID such as \"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\"".to_owned())
    }
}

fn visible(text: &str) -> Result<String, String> {
    if (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 128 visible ASCII characters".to_owned())
    }
}

fn audience(text: &str) -> Result<String, String> {
    let is_uri = text.contains("://") && visible(text).is_ok();
    if is_uri || is_guid(text) {
        Ok(text.to_owned())
    } else {
        Err("must be an application id URI such as \"api://otp.example.com/..\" or a client id, which is a GUID".to_owned())
    }
}

fn issuer(text: &str) -> Result<String, String> {
    parse_url(text)?;
    Ok(text.to_owned())
}

fn jwks_url(text: &str) -> Result<String, String> {
    let url = parse_url(text)?;
    if url.scheme_str() == Some("https") || is_loopback(&url) {
        Ok(text.to_owned())
    } else {
        Err("must begin with https://: whoever can change these keys can make us send".to_owned())
    }
}

/// Names that lead nowhere, and what only one entry may have.
pub(super) fn check(reading: &Reading<'_>, settings: &Settings) {
    let mut owners: HashMap<&str, usize> = HashMap::new();
    for (index, entry) in settings.entra.iter().enumerate() {
        let at = |key: &str| format!("entra[{index}].{key}");
        let mut tenants = settings.tenants.iter().map(|tenant| tenant.name.as_str());
        if !entry.tenant.is_empty() && !tenants.any(|name| name == entry.tenant) {
            let tenants = settings.tenants.iter().map(|tenant| tenant.name.as_str());
            let hint = nearest(&entry.tenant, tenants)
                .map_or(String::new(), |near| format!("; did you mean {near:?}?"));
            reading.mistake(&at("tenant"), format!("no tenant has this name{hint}"));
        }
        let directory = [entry.directory.as_str()];
        let issuers = entry.issuers.iter().map(String::as_str);
        for (key, name) in directory
            .map(|name| ("directory", name))
            .into_iter()
            .chain(issuers.map(|name| ("issuers", name)))
        {
            let earlier = owners.insert(name, index).filter(|_| !name.is_empty());
            // Default issuers are named by their directory, which has been reported.
            let is_default = key == "issuers" && name.contains(&entry.directory);
            if let Some(earlier) = earlier
                && !is_default
            {
                reading.mistake(
                    &at(key),
                    format!("{name:?} belongs to entra[{earlier}] already"),
                );
            }
        }
        check_key_ids(reading, index, entry);
        if entry.budget >= settings.server.request_timeout {
            reading.mistake(
                &at("budget_ms"),
                "must be shorter than server.request_timeout_ms, which ends the request",
            );
        }
    }
}

fn check_key_ids(reading: &Reading<'_>, index: usize, entry: &EntraSettings) {
    for (second, key) in entry.keys.iter().enumerate() {
        let mut before = entry.keys.iter().take(second);
        if let Some(first) = before.position(|other| other.id == key.id) {
            reading.mistake(
                &format!("entra[{index}].keys[{second}].id"),
                format!("{:?} is already the id of keys[{first}]", key.id),
            );
        }
    }
}
