//! Configuration: a TOML file and the environment in, checked settings out.
//! The only reader of the environment, and the first stop of a start: what
//! passes here is never checked again.
//!
//! The defaults are a file too ([`DEFAULTS`]), laid under the operator's. All
//! mistakes are collected and reported at once, each with its place and a fix.

mod address;
mod capacity;
mod cross_checks;
mod entra;
mod environment;
mod limits;
mod nearest;
mod providers;
mod reader;
mod region;
mod reload;
mod routes;
mod sandbox;
mod secret;
mod senders;
mod server;
mod settings;
mod signals;
mod store;
mod subjects;
mod tenants;
mod tree;
mod webhooks;
mod words;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

pub use capacity::{BYTES_PER_VERIFICATION, MemoryNeed, memory_needs};
pub use entra::{EntraKeySettings, EntraSettings};
#[cfg(test)]
pub(crate) use region::exists as region_exists;
pub use region::{NON_GEOGRAPHIC, Region, RegionSet};
pub use reload::reloadable_difference;
pub use secret::{MasterKey, Secret};
pub use settings::*;
pub use signals::{
    CamaraClient, CamaraLogin, CamaraPaths, CamaraSettings, ScriptedNumber, SignalSettings,
};
pub use tree::{Mistake, Mistakes, Place};

pub(crate) use nearest::nearest;

use cross_checks::Use;
use reader::{Findings, Reading};
use tree::Table;

/// The default configuration: every setting, its default and the reason for it.
pub const DEFAULTS: &str = include_str!("../../config/gateway.toml");

/// A configuration larger than this is not read.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Checked settings, and what an operator should know about them.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub settings: Settings,
    /// Nothing that keeps the service from starting.
    pub warnings: Vec<String>,
    /// Names this configuration, so that nodes of a fleet can be compared.
    /// Does not change with the content of secret files.
    pub hash: String,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} is longer than 4 MiB", path.display())]
    TooLong { path: PathBuf },
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
    /// The sandbox's directory or key could not be made.
    #[error("{text}")]
    Sandbox { text: String },
}

/// Reads and checks the configuration file, with the environment over it.
///
/// # Errors
///
/// [`LoadError::Mistakes`] names all mistakes; nothing of the file may be used.
pub fn load(path: &Path) -> Result<Loaded, LoadError> {
    let (text, is_too_open) = read_file(path)?;
    let directory = path.parent().unwrap_or(Path::new(""));
    let source = Source {
        name: &path.display().to_string(),
        text: &text,
        directory,
        variables: &variables(),
        is_too_open,
    };
    Ok(read(&source, Use::Serve)?)
}

impl Settings {
    /// The settings of a gateway that needs no file: loopback only, simulated
    /// carrier, embedded store and keys under `directory`, which it makes.
    ///
    /// # Errors
    ///
    /// [`LoadError::Sandbox`] if the directory or the key in it cannot be made
    /// or read, [`LoadError::Mistakes`] if an override in the environment is wrong.
    pub fn sandbox(directory: &Path) -> Result<Loaded, LoadError> {
        sandbox::load(directory, variables())
    }
}

/// Where settings are read from.
#[derive(Clone, Copy)]
struct Source<'a> {
    /// How mistakes name the file.
    name: &'a str,
    text: &'a str,
    /// Where relative paths start.
    directory: &'a Path,
    variables: &'a [(String, String)],
    /// Whether others on the machine may read the file.
    is_too_open: bool,
}

fn read(source: &Source<'_>, intended: Use) -> Result<Loaded, Mistakes> {
    let (settings, mut findings) = read_all(source, intended);
    if source.is_too_open && findings.has_inline_secrets {
        findings.warnings.push(format!(
            "{} holds secrets and others on this machine may read it: chmod 600 it, or move them to files of their own",
            source.name
        ));
    }
    if findings.mistakes.is_empty() {
        Ok(Loaded {
            settings,
            warnings: findings.warnings,
            hash: hash(source),
        })
    } else {
        Err(Mistakes {
            file: source.name.to_owned(),
            list: findings.mistakes,
        })
    }
}

/// Reads on to the end whatever is wrong; the settings count only without mistakes.
fn read_all(source: &Source<'_>, intended: Use) -> (Settings, Findings) {
    let (own, mut mistakes) = tree::parse(source.text);
    let mut tree = tree::parse_defaults(DEFAULTS);
    // What stands in broken TOML is guesswork: complaints about it would mislead.
    if !mistakes.is_empty() {
        let (settings, _) = settings_from(&tree, source.directory, intended);
        return (settings, findings_of(mistakes));
    }
    tree::merge(&mut tree, own);
    mistakes.extend(environment::apply(&mut tree, source.variables));
    let (settings, mut findings) = settings_from(&tree, source.directory, intended);
    findings.mistakes.extend(mistakes);
    (settings, findings)
}

fn findings_of(mistakes: Vec<Mistake>) -> Findings {
    Findings {
        mistakes,
        warnings: Vec::new(),
        has_inline_secrets: false,
        known: BTreeMap::new(),
    }
}

fn settings_from(tree: &Table, directory: &Path, intended: Use) -> (Settings, Findings) {
    let reading = Reading::new(tree, directory);
    let settings = {
        let root = reading.root();
        let subjects = subjects::read(&root.section("subjects"));
        let settings = Settings {
            server: server::read(&root.section("server")),
            store: store::read(&root.section("store")),
            keys: store::read_keys(&root),
            codes: limits::read_codes(&root.section("codes")),
            limits: limits::read(&root.section("limits")),
            messages: server::read_messages(&root.section("messages")),
            log: server::read_log(&root.section("log")),
            dispatch: limits::read_dispatch(&root.section("dispatch")),
            webhooks: webhooks::read(&root.section("webhooks")),
            signals: signals::read(&root.section("signals")),
            tenants: tenants::read(&root, &subjects.policy),
            subjects,
            operators: tenants::read_operators(&root),
            providers: providers::read(&root),
            routes: routes::read(&root),
            senders: senders::read(&root),
            test_numbers: tenants::read_test_numbers(&root),
            entra: entra::read(&root),
            fleet_size: root.count("fleet_size", 1..=1_000),
        };
        cross_checks::check(&root, &settings, intended);
        settings
    };
    (settings, reading.finish())
}

/// The file's text, and whether others on the machine may read it.
fn read_file(path: &Path) -> Result<(Zeroizing<String>, bool), LoadError> {
    let unreadable = |source| LoadError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    let mut text = Zeroizing::new(String::new());
    let length = file
        .take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if length as u64 > FILE_BYTES_MAX {
        return Err(LoadError::TooLong {
            path: path.to_owned(),
        });
    }
    Ok((text, mode & 0o077 != 0))
}

/// The environment, without what is not text: no setting of ours can be among it.
fn variables() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| environment::is_ours(name))
        .collect()
}

fn hash(source: &Source<'_>) -> String {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(source.text.as_bytes());
    let mut variables: Vec<_> = source.variables.iter().collect();
    variables.sort();
    for (name, value) in variables {
        for part in [name, value] {
            context.update(&[0]);
            context.update(part.as_bytes());
        }
    }
    let digest = context.finish();
    digest
        .as_ref()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod documentation_tests;
#[cfg(test)]
mod tests;
