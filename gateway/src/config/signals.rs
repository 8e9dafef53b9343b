//! Reads `[signals]`: whom to ask whether a number still is who it was.

use std::time::Duration;

use watchword_providers::PhoneNumber;

use super::reader::{Reading, Section};
use super::region;
use super::secret::Secret;
use super::settings::Settings;
use super::words;

/// Who knows whether a number has a new SIM, or a new holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignalSettings {
    /// Nobody: every answer is unknown.
    None,
    Camara(Box<CamaraSettings>),
    /// What each number answers; all others are unknown.
    Scripted(Vec<ScriptedNumber>),
}

/// A network's API in CAMARA's shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CamaraSettings {
    /// Without a slash at its end.
    pub base_url: String,
    pub login: CamaraLogin,
    pub timeout: Duration,
    pub paths: CamaraPaths,
}

/// How a network knows us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CamaraLogin {
    /// By where we come from.
    None,
    /// Whoever gave it to us also takes care that it lasts.
    Token(Secret),
    Client(CamaraClient),
}

/// An OAuth 2.0 client, which is granted tokens by its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CamaraClient {
    pub token_url: String,
    pub id: String,
    pub secret: Secret,
    /// What the network calls our purposes, apart by spaces.
    pub scope: Option<String>,
}

/// Each begins with a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CamaraPaths {
    pub sim_swap: String,
    pub device_swap: String,
    pub recycling: String,
    pub forwarding: String,
}

/// `None`: unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptedNumber {
    pub number: PhoneNumber,
    pub sim_swapped: Option<bool>,
    pub device_swapped: Option<bool>,
    pub recycled: Option<bool>,
    pub forwarded: Option<bool>,
}

#[derive(Clone, Copy)]
enum Kind {
    None,
    Camara,
    Scripted,
}

const KINDS: [(&str, Kind); 3] = [
    ("none", Kind::None),
    ("camara", Kind::Camara),
    ("scripted", Kind::Scripted),
];

pub(super) fn read(section: &Section<'_>) -> SignalSettings {
    let kind = section.choice("kind", &KINDS).unwrap_or(Kind::None);
    let camara = camara(section);
    let scripted: Vec<ScriptedNumber> = section
        .sections("numbers", 1_000)
        .iter()
        .filter_map(scripted_number)
        .collect();
    match kind {
        Kind::None => SignalSettings::None,
        Kind::Scripted => SignalSettings::Scripted(scripted),
        Kind::Camara => {
            if camara.base_url.is_empty()
                && !section.reading().is_mistaken(&section.path_of("base_url"))
            {
                section.mistake(
                    "base_url",
                    "missing: where the network's API is, such as \"https://camara.example.com\"",
                );
            }
            SignalSettings::Camara(Box::new(camara))
        }
    }
}

fn camara(section: &Section<'_>) -> CamaraSettings {
    let path = |key| section.parsed(key, url_path).unwrap_or_default();
    CamaraSettings {
        base_url: section.parsed("base_url", base_url).unwrap_or_default(),
        login: login(section),
        timeout: section.milliseconds("timeout_ms", 50..=2_000),
        paths: CamaraPaths {
            sim_swap: path("sim_swap_path"),
            device_swap: path("device_swap_path"),
            recycling: path("recycling_path"),
            forwarding: path("forwarding_path"),
        },
    }
}

fn login(section: &Section<'_>) -> CamaraLogin {
    let token = section.secret("token", "token_file");
    let secret = section.secret("client_secret", "client_secret_file");
    let token_url = section.parsed("token_url", base_url);
    let id = section.parsed("client_id", words::line);
    let scope = section.parsed("scope", words::line);
    match (token, token_url, id, secret) {
        (None, Some(token_url), Some(id), Some(secret)) => CamaraLogin::Client(CamaraClient {
            token_url,
            id,
            secret,
            scope,
        }),
        (None, None, None, None) => CamaraLogin::None,
        (Some(token), None, None, None) => CamaraLogin::Token(token),
        (Some(_), _, _, _) => {
            section.mistake(
                "token",
                "is one way to log in, token_url with client_id and client_secret another: \
                 choose",
            );
            CamaraLogin::None
        }
        (None, _, _, _) => {
            let all = [
                "token_url",
                "client_id",
                "client_secret",
                "client_secret_file",
            ];
            let is_mistaken = |key| section.reading().is_mistaken(&section.path_of(key));
            if !all.into_iter().any(is_mistaken) {
                section.mistake(
                    "token_url",
                    "goes with client_id and client_secret: all three or none of them",
                );
            }
            CamaraLogin::None
        }
    }
}

fn scripted_number(section: &Section<'_>) -> Option<ScriptedNumber> {
    section.required_text("number", "\"+14155550100\"");
    let number = section.parsed("number", |text| {
        let country_code_digits = region::country_code_digits(text).unwrap_or(3);
        PhoneNumber::from_e164(text, country_code_digits)
            .ok_or_else(|| "must be a number in E.164: + and 5 to 15 digits".to_owned())
    });
    let said = |key| section.has(key).then(|| section.flag(key));
    Some(ScriptedNumber {
        sim_swapped: said("sim_swapped"),
        device_swapped: said("device_swapped"),
        recycled: said("recycled"),
        forwarded: said("forwarded"),
        number: number?,
    })
}

/// What the paths are put behind: without a slash at its end.
fn base_url(text: &str) -> Result<String, String> {
    let is_url = text.parse::<http::Uri>().is_ok_and(|uri| {
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        has_host && matches!(uri.scheme_str(), Some("https" | "http")) && uri.query().is_none()
    });
    if is_url && !text.ends_with('/') && text.len() <= 512 {
        Ok(text.to_owned())
    } else {
        Err(
            "must be a URL without a slash at its end, such as \"https://camara.example.com\""
                .to_owned(),
        )
    }
}

fn url_path(text: &str) -> Result<String, String> {
    let fits = text.starts_with('/')
        && text.len() <= 256
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_'));
    if fits {
        Ok(text.to_owned())
    } else {
        Err("must be a path, such as \"/sim-swap/v2/check\"".to_owned())
    }
}

/// Answers that somebody wrote down may not stand for a network's.
pub(super) fn check(reading: &Reading<'_>, settings: &Settings) {
    let is_scripted = match settings.signals {
        SignalSettings::Scripted(_) => true,
        SignalSettings::None | SignalSettings::Camara(_) => false,
    };
    let mut providers = settings.providers.iter();
    let has_sandbox = providers.any(|provider| provider.kind.is_simulated);
    if is_scripted && !has_sandbox && !reading.is_mistaken("providers") {
        reading.mistake(
            "signals.kind",
            "is \"scripted\", which is for a sandbox: no provider here is one",
        );
    }
}
