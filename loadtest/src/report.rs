//! The end of a run: its figures as one page, as JSON, and as files for HDR tools.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::Timestamp;

use crate::results::{Results, Stage};

mod chart;
mod curves;
mod hdr;
mod html;
mod page;
mod tables;
mod timeline;

/// Runs that may begin in the same second and be written into one directory.
const SAME_NAME_MAX: u32 = 100;

/// What was written.
#[derive(Debug)]
pub(crate) struct Paths {
    pub(crate) html: PathBuf,
    pub(crate) json: PathBuf,
}

/// Writes `watchword-report-<time>.html` and `.json` into `dir`, over nothing that is there.
pub(crate) fn write(results: &Results, dir: &Path) -> anyhow::Result<Paths> {
    let name = format!("watchword-report-{}", file_time(&results.started_at));
    let (paths, mut html, mut json) = create_pair(dir, &name)?;
    html.write_all(page::page(results).as_bytes())
        .with_context(|| format!("cannot write {}", paths.html.display()))?;
    let mut text = serde_json::to_string(results).context("results do not serialize")?;
    text.push('\n');
    json.write_all(text.as_bytes())
        .with_context(|| format!("cannot write {}", paths.json.display()))?;
    Ok(paths)
}

/// Writes an `.hgrm` for each stage with samples and one `.hlog` of all beside the report.
pub(crate) fn write_hdr(results: &Results, report: &Paths) -> anyhow::Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for stage in Stage::ALL {
        let latencies = results.stage(stage);
        if !latencies.is_empty() {
            let path = beside(&report.json, &format!("-{}.hgrm", stage.name()));
            write_new(&path, &hdr::hgrm(&latencies))?;
            written.push(path);
        }
    }
    let path = beside(&report.json, ".hlog");
    write_new(&path, &hdr::hlog(results)?)?;
    written.push(path);
    Ok(written)
}

/// Creates `<name>.html` and `<name>.json`, or both with `-2`, `-3` and so on where one exists.
fn create_pair(dir: &Path, name: &str) -> anyhow::Result<(Paths, File, File)> {
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    for number in 1..=SAME_NAME_MAX {
        let stem = match number {
            1 => name.to_owned(),
            _ => format!("{name}-{number}"),
        };
        let paths = Paths {
            html: dir.join(format!("{stem}.html")),
            json: dir.join(format!("{stem}.json")),
        };
        let Some(json) = create_new(&paths.json)? else {
            continue;
        };
        if let Some(html) = create_new(&paths.html)? {
            return Ok((paths, html, json));
        }
        fs::remove_file(&paths.json)
            .with_context(|| format!("cannot remove {}", paths.json.display()))?;
    }
    bail!("{} holds {SAME_NAME_MAX} reports named {name}", dir.display())
}

/// The new file, or none if there is one already.
fn create_new(path: &Path) -> anyhow::Result<Option<File>> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot create {}", path.display())),
    }
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let Some(mut file) = create_new(path)? else {
        bail!("{} exists already", path.display());
    };
    file.write_all(text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The report's own name with another ending.
fn beside(json: &Path, ending: &str) -> PathBuf {
    let stem = json.file_stem().unwrap_or_default().to_string_lossy();
    json.with_file_name(format!("{stem}{ending}"))
}

/// A start time that every file system takes as part of a name.
fn file_time(started_at: &str) -> String {
    match started_at.parse::<Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%dT%H-%M-%SZ").to_string(),
        Err(_) => "unknown-time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn look() {
        let dir = Path::new("/tmp/watchword-look");
        let paths = write(&example::brown_out(), dir).expect("writes");
        write_hdr(&example::brown_out(), &paths).expect("writes");
    }
}
