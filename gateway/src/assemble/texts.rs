//! The texts of messages: those compiled in, an operator's over them, and a
//! tenant's own over those.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::AssembleError;
use crate::config::{Settings, TenantSettings};
use crate::message::{Catalog, MESSAGE_FILE_EXTENSION, MessageFile, MessageLintError, Notices};

/// So many files, one a language.
const FILES_MAX: usize = 500;
/// No language needs more: the longest of ours has 4 KiB.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A message file from a directory of the operator's.
pub struct TextFile {
    path: String,
    name: String,
    text: String,
}

impl TextFile {
    pub fn as_message_file(&self) -> MessageFile<'_> {
        MessageFile {
            name: &self.name,
            path: Some(&self.path),
            text: &self.text,
        }
    }
}

/// Where notices stand in a directory of texts: they are of another form.
const NOTICES: &str = "notices";

/// The texts that tenants share, and what a tenant's own are laid over.
pub(super) struct Catalogs {
    files: Vec<TextFile>,
    notice_files: Vec<TextFile>,
    common: TenantTexts,
}

/// What a tenant's people get to read and hear.
#[derive(Clone)]
pub(super) struct TenantTexts {
    pub(super) catalog: Arc<Catalog>,
    pub(super) notices: Arc<Notices>,
}

impl Catalogs {
    pub(super) fn read(settings: &Settings) -> Result<Self, AssembleError> {
        let (files, notice_files) = match &settings.messages.directory {
            Some(directory) => (read_texts(directory)?, read_notices(directory)?),
            None => (Vec::new(), Vec::new()),
        };
        let catalog = Catalog::with_overrides(&message_files(&files)).map_err(listed)?;
        let notices = Notices::with_overrides(&message_files(&notice_files)).map_err(listed)?;
        Ok(Self {
            common: TenantTexts {
                catalog: Arc::new(catalog),
                notices: Arc::new(notices),
            },
            files,
            notice_files,
        })
    }

    pub(super) fn of(&self, tenant: &TenantSettings) -> Result<TenantTexts, AssembleError> {
        let Some(directory) = &tenant.messages_directory else {
            return Ok(self.common.clone());
        };
        let (own, own_notices) = (read_texts(directory)?, read_notices(directory)?);
        let TenantTexts { catalog, notices } = &self.common;
        let catalog = catalog
            .for_tenant(&message_files(&self.files), &message_files(&own))
            .map_err(listed)?;
        let notices = notices
            .for_tenant(
                &message_files(&self.notice_files),
                &message_files(&own_notices),
            )
            .map_err(listed)?;
        Ok(TenantTexts {
            catalog: Arc::new(catalog),
            notices: Arc::new(notices),
        })
    }
}

/// Reads every text that the settings name, and forgets them.
///
/// # Errors
///
/// [`AssembleError`]: a directory cannot be read, or the mistakes in its files.
pub fn check_texts(settings: &Settings) -> Result<(), AssembleError> {
    let catalogs = Catalogs::read(settings)?;
    for tenant in &settings.tenants {
        catalogs.of(tenant)?;
    }
    Ok(())
}

/// The message files of a directory, by name.
///
/// # Errors
///
/// [`AssembleError::File`]: something in it cannot be read, or is too long.
pub fn read_texts(directory: &Path) -> Result<Vec<TextFile>, AssembleError> {
    let failed = |path: &Path, source| AssembleError::File {
        path: path.to_owned(),
        source,
    };
    let entries = std::fs::read_dir(directory).map_err(|source| failed(directory, source))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|source| failed(directory, source))?.path();
        if path.to_string_lossy().ends_with(MESSAGE_FILE_EXTENSION) {
            if paths.len() == FILES_MAX {
                let source = std::io::Error::other("it has more message files than are read");
                return Err(failed(directory, source));
            }
            paths.push(path);
        }
    }
    paths.sort();
    paths
        .into_iter()
        .map(|path| read_text(&path).map_err(|source| failed(&path, source)))
        .collect()
}

/// The notices of a directory of texts, by name; most have none.
///
/// # Errors
///
/// [`AssembleError::File`]: something in it cannot be read, or is too long.
pub fn read_notices(directory: &Path) -> Result<Vec<TextFile>, AssembleError> {
    let own = directory.join(NOTICES);
    if own.is_dir() {
        read_texts(&own)
    } else {
        Ok(Vec::new())
    }
}

fn read_text(path: &PathBuf) -> std::io::Result<TextFile> {
    if std::fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(std::io::Error::other("it is longer than 64 KiB"));
    }
    let name = path.file_name().unwrap_or_default();
    Ok(TextFile {
        path: path.display().to_string(),
        name: name.to_string_lossy().into_owned(),
        // Fluent counts a carriage return as text.
        text: std::fs::read_to_string(path)?.replace("\r\n", "\n"),
    })
}

fn message_files(files: &[TextFile]) -> Vec<MessageFile<'_>> {
    files.iter().map(TextFile::as_message_file).collect()
}

fn listed(mistakes: Vec<MessageLintError>) -> AssembleError {
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    AssembleError::Messages(lines.join("\n"))
}
