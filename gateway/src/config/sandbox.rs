//! The settings of `watchword` without arguments: one example file, with a
//! store and a key of its own in a directory.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::cross_checks::Use;
use super::{LoadError, Loaded, Source, read};

const SANDBOX: &str = include_str!("../../../config/examples/sandbox.toml");

/// See [`super::Settings::sandbox`].
pub(super) fn load(
    directory: &Path,
    mut variables: Vec<(String, String)>,
) -> Result<Loaded, LoadError> {
    let failed = |text: String| LoadError::Sandbox { text };
    let directory = std::path::absolute(directory)
        .map_err(|error| failed(format!("{} is no path: {error}", directory.display())))?;
    let key_file = directory.join("key");
    prepare(&directory, &key_file).map_err(|error| {
        failed(format!(
            "{} cannot be prepared: {error}",
            directory.display()
        ))
    })?;
    let ours = [
        ("WATCHWORD__STORE__PATH", directory.join("store")),
        ("WATCHWORD__KEYS__0__SECRET_FILE", key_file),
    ];
    for (name, path) in ours {
        let path = path
            .to_str()
            .ok_or_else(|| failed(format!("{} is not valid UTF-8", directory.display())))?;
        if !variables.iter().any(|(own, _)| own == name) {
            variables.push((name.to_owned(), path.to_owned()));
        }
    }
    let source = Source {
        name: "the sandbox",
        text: SANDBOX,
        directory: &directory,
        variables: &variables,
        is_too_open: false,
    };
    let mut loaded = read(&source, Use::Sandbox)?;
    let server = &mut loaded.settings.server;
    // Follows the listener wherever the environment puts it: without a URL
    // nothing would ever be reported as delivered.
    if server.public_url.is_none() {
        let scheme = if server.tls.is_some() {
            "https"
        } else {
            "http"
        };
        server.public_url = Some(format!("{scheme}://{}", server.listen));
    }
    Ok(loaded)
}

/// Makes the directory, and draws the key at the first start.
///
/// Two first starts at once draw one key: only one of them can create the file
/// under its final name.
fn prepare(directory: &Path, key_file: &Path) -> std::io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    if key_file.exists() {
        return Ok(());
    }
    let mut bytes = Zeroizing::new([0_u8; 32]);
    aws_lc_rs::rand::fill(bytes.as_mut_slice())
        .map_err(|_| std::io::Error::other("no randomness"))?;
    let text = Zeroizing::new(STANDARD.encode(bytes.as_slice()));
    // Written whole under another name first: a crash leaves no half key behind.
    let draft = directory.join(format!("key.{}", std::process::id()));
    let mut file: File = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&draft, key_file);
    std::fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
