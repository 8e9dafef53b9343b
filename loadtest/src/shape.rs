//! How the gateway's cost changes with what is asked of it: short alternating
//! slices on gateways that differ in one thing, so that what the machine does
//! meanwhile meets them all. Only ratios of one run mean anything; bytes stand alone.

mod course;
mod live;
mod memory;
mod parts;
mod row;
mod tls;

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::ValueEnum as _;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::{Map, Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use self::course::Course;
use self::parts::Found;
use crate::bench::Report;
use crate::bench::certificate::Certificate;
use crate::bench::gateway::{Keys, beside_this_program, program};
use crate::bench::slice::Bench;
use crate::cli::{ShapeArguments, ShapePart, exit_code};
use crate::machine;

/// A part's end, whatever happens.
const PART_MAX: Duration = Duration::from_secs(120);
/// No new part begins later.
const BUDGET: Duration = Duration::from_secs(7 * 60 + 50);
/// The end, whatever happens.
const WHOLE_MAX: Duration = Duration::from_secs(10 * 60);

/// Measures the parts; ends what it has started, also when it is stopped.
///
/// # Errors
///
/// Something is missing, or a signal has come. A part that fails is told in the
/// report instead.
pub(crate) async fn shape(arguments: &ShapeArguments) -> anyhow::Result<Report> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // What is dropped here ends its threads and processes.
    let told = tokio::select! {
        told = tokio::time::timeout(WHOLE_MAX, Box::pin(measure(arguments))) => told,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    };
    let told = told.context("it took longer than 10 minutes")??;
    Ok(told.report(arguments))
}

/// What became of the parts, in their order.
struct Told {
    parts: Vec<(ShapePart, anyhow::Result<Found>)>,
    circumstances: Map<String, Value>,
}

async fn measure(arguments: &ShapeArguments) -> anyhow::Result<Told> {
    let begun = Instant::now();
    let circumstances = circumstances(arguments);
    raise_open_files()?;
    let bin_dir = match &arguments.bin_dir {
        Some(bin_dir) => bin_dir.clone(),
        None => beside_this_program()?,
    };
    let directory = match &arguments.disk {
        Some(disk) => tempfile::tempdir_in(disk)
            .with_context(|| format!("making a directory in {}", disk.display()))?,
        None => tempfile::tempdir().context("a directory for the run")?,
    };
    let certificate = Certificate::draw()?;
    let mut course = Course {
        program: program(&bin_dir, "watchword")?,
        bench: Bench::start(Some(certificate.server()?)).await?,
        keys: Keys::draw()?,
        tls: certificate.write(directory.path())?,
        disk: directory.path().to_owned(),
        rounds: arguments.rounds,
    };
    let is_wanted = |part: &&ShapePart| arguments.only.is_none_or(|only| only == **part);
    let mut parts = Vec::new();
    for part in ShapePart::value_variants().iter().filter(is_wanted) {
        let found = if begun.elapsed() < BUDGET {
            // Nobody is left to tell if this fails.
            writeln!(std::io::stderr(), "measuring {}", name(*part)).ok();
            let found = one(&mut course, &certificate, *part);
            let found = tokio::time::timeout(PART_MAX, Box::pin(found)).await;
            found.unwrap_or_else(|_| bail_late())
        } else {
            Err(anyhow::anyhow!("the time was up before it began"))
        };
        parts.push((*part, found));
    }
    Ok(Told {
        parts,
        circumstances,
    })
}

fn bail_late() -> anyhow::Result<Found> {
    bail!("it took longer than {} s", PART_MAX.as_secs())
}

async fn one(
    course: &mut Course,
    certificate: &Certificate,
    part: ShapePart,
) -> anyhow::Result<Found> {
    match part {
        ShapePart::Live => live::live(course).await,
        ShapePart::Shards => parts::shards(course).await,
        ShapePart::Connections => parts::connections(course).await,
        ShapePart::Memory => memory::memory(course, certificate).await,
        ShapePart::Two => parts::two(course).await,
        ShapePart::Tls => tls::tls(course, certificate).await,
        ShapePart::Http2 => parts::http2(course).await,
        ShapePart::Aof => parts::aof(course).await,
        ShapePart::Embedded => parts::embedded(course).await,
    }
}

fn circumstances(arguments: &ShapeArguments) -> Map<String, Value> {
    let command: Vec<String> = std::env::args().collect();
    let disk = arguments.disk.clone().unwrap_or_else(std::env::temp_dir);
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let disk = disk.canonicalize().unwrap_or(disk);
    let file_system = file_system(&disk, &mounts).unwrap_or_default();
    Map::from_iter([
        ("command".to_owned(), json!(command)),
        (
            "started_at".to_owned(),
            json!(jiff::Timestamp::now().to_string()),
        ),
        ("machine".to_owned(), json!(machine::describe())),
        ("version".to_owned(), json!(env!("CARGO_PKG_VERSION"))),
        ("rounds".to_owned(), json!(arguments.rounds)),
        ("file_system".to_owned(), json!(file_system)),
    ])
}

/// What kind of file system a path lies in: `tmpfs` is no disk.
fn file_system<'m>(path: &Path, mounts: &'m str) -> Option<&'m str> {
    let mounted = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (at, kind) = (Path::new(fields.next()?), fields.next()?);
        path.starts_with(at)
            .then(|| (at.components().count(), kind))
    });
    // Of those mounted at the same place the last one is seen.
    mounted
        .max_by_key(|(depth, _)| *depth)
        .map(|(_, kind)| kind)
}

/// Connections of generator and carrier are files of this program.
fn raise_open_files() -> anyhow::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("raising the limit of open files")
}

impl Told {
    fn report(self, arguments: &ShapeArguments) -> Report {
        let (mut text, mut parts) = (String::new(), Map::new());
        let (mut has_failed, mut has_missed) = (false, false);
        for (part, found) in &self.parts {
            let name = name(*part);
            match found {
                Ok(found) => {
                    text.push_str(&row::table(&name, &found.rows));
                    if found.dropped > 0 {
                        let dropped = found.dropped;
                        text.push_str(&format!("{dropped} slices dropped: disturbed\n"));
                    }
                    for why in found.failed.iter().take(1) {
                        text.push_str(&format!("first failure: {why}\n"));
                    }
                    has_missed |= found.rows.iter().any(|row| row.is_met() == Some(false));
                }
                Err(error) => {
                    text.push_str(&format!("{name} was not measured: {error:#}\n"));
                    has_failed = true;
                }
            }
            text.push('\n');
            parts.insert(name, part_json(found));
        }
        let mut json = self.circumstances;
        json.insert("parts".to_owned(), Value::Object(parts));
        Report {
            text,
            json: Value::Object(json),
            exit_code: if has_failed {
                exit_code::FAILED
            } else if has_missed && arguments.require_goals {
                exit_code::BROKEN_RULE
            } else {
                exit_code::DONE
            },
        }
    }
}

/// As it is called on the command line.
fn name(part: ShapePart) -> String {
    let value = part.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

fn part_json(found: &anyhow::Result<Found>) -> Value {
    match found {
        Ok(found) => json!({
            "rows": found.rows.iter().map(row::Row::to_json).collect::<Vec<_>>(),
            "dropped": found.dropped,
            "failed": found.failed,
        }),
        Err(error) => json!({ "error": format!("{error:#}") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::row::{FLAT, Row};

    fn told(found: anyhow::Result<Found>) -> Told {
        Told {
            parts: vec![(ShapePart::Memory, found)],
            circumstances: Map::new(),
        }
    }

    fn arguments(require_goals: bool) -> ShapeArguments {
        ShapeArguments {
            json: None,
            only: None,
            rounds: 8,
            disk: None,
            bin_dir: None,
            require_goals,
        }
    }

    fn found(goal: Option<crate::bench::figures_table::Bound>) -> Found {
        let row = Row {
            goal,
            ..Row::alone("live verification", "redis_bytes", 1_234.5)
        };
        Found {
            rows: vec![row],
            ..Found::default()
        }
    }

    #[test]
    fn a_part_that_failed_is_named_and_ends_the_command_with_1() {
        let failed = Err(anyhow::anyhow!("no redis-server"));
        let report = told(failed).report(&arguments(false));
        assert_eq!(report.exit_code, exit_code::FAILED);
        assert!(
            report
                .text
                .contains("memory was not measured: no redis-server")
        );
        assert_eq!(report.json["parts"]["memory"]["error"], "no redis-server");
    }

    #[test]
    fn a_goal_that_is_missed_matters_to_whoever_asked_for_it() {
        let report = told(Ok(found(Some(FLAT)))).report(&arguments(false));
        assert_eq!(report.exit_code, exit_code::DONE);
        let report = told(Ok(found(Some(FLAT)))).report(&arguments(true));
        assert_eq!(report.exit_code, exit_code::BROKEN_RULE);
        let report = told(Ok(found(None))).report(&arguments(true));
        assert_eq!(report.exit_code, exit_code::DONE);
        let rows = &report.json["parts"]["memory"]["rows"];
        assert_eq!(rows[0]["value"], 1_234.5);
        assert!(report.text.contains("live verification"));
    }

    #[test]
    fn the_file_system_is_that_of_the_nearest_mount() {
        let mounts = "/dev/vda / ext4 rw 0 0\nnone /tmp tmpfs rw 0 0\n";
        let of = |path| file_system(Path::new(path), mounts);
        assert_eq!(of("/tmp/run"), Some("tmpfs"));
        assert_eq!(of("/tmpfiles"), Some("ext4"));
        assert_eq!(file_system(Path::new("/tmp"), ""), None);
    }
}
