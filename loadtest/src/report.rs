//! The end of a run: its figures as one page, as JSON, and as files for HDR tools.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::Timestamp;

use crate::results::{Results, Stage};

pub(crate) use curves::PERCENTILES;
pub(crate) use tables::tells;

mod chart;
mod curves;
mod difference;
mod hdr;
mod html;
mod page;
mod phases;
mod summary;
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

/// The page that sets two runs side by side.
pub(crate) fn difference(before: &Results, after: &Results) -> String {
    difference::page(before, after)
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
    bail!(
        "{} holds {SAME_NAME_MAX} reports named {name}",
        dir.display()
    )
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
    use crate::results::{Mark, Second, Series, SloVerdict, Target};

    /// Ends elements, attributes, comments and scripts alike, if anything lets it.
    const HOSTILE: &str = "'\"></title></script></style>--><img src=x onerror=alert(1)>";

    fn hostile() -> Results {
        let text = || HOSTILE.to_owned();
        let mut run = example::brown_out();
        run.scenario.name = text();
        run.scenario.shows = text();
        run.scenario.expect = text();
        run.command = vec![text()];
        run.started_at = text();
        run.machine.cpu = text();
        run.machine.kernel = text();
        run.targets = vec![Target {
            url: text(),
            version: text(),
            durability: text(),
        }];
        run.void = Some(text());
        for series in &mut run.series {
            (series.provider, series.channel, series.country) = (text(), text(), text());
        }
        let counts = &mut run.counts;
        for kinds in [
            &mut counts.refused,
            &mut counts.errors,
            &mut counts.ended,
            &mut counts.checks_refused,
            &mut counts.scripted,
            &mut counts.by_provider,
        ] {
            kinds.insert(text(), 1);
        }
        run.phases = example::overload().phases;
        for phase in &mut run.phases {
            phase.name = text();
        }
        run.marks = vec![Mark {
            at_s: 1.0,
            text: text(),
        }];
        run.slos = vec![SloVerdict {
            rule: text(),
            measured: text(),
            holds: false,
        }];
        run
    }

    #[test]
    fn nothing_from_outside_reaches_a_page_as_markup() {
        let mut judged = hostile();
        judged.void = None;
        for page in [
            page::page(&hostile()),
            page::page(&judged),
            difference(&hostile(), &example::brown_out()),
        ] {
            assert!(page.contains("&lt;img src=x"), "the text is shown");
            assert!(!page.contains("<img"), "and is only text");
            assert_eq!(page.matches("</script>").count(), 1);
            assert_eq!(page.matches("</style>").count(), 1);
        }
    }

    #[test]
    fn a_page_loads_nothing_and_runs_only_its_own_script() {
        let page = page::page(&example::brown_out());
        for outside in ["src=", "href=", "url(", "@import", "<link", "<iframe"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("default-src 'none'"));
        assert!(page.contains("script-src 'sha256-"));
        assert!(!page.contains("NaN") && !page.contains("inf\""));
    }

    #[test]
    fn a_void_run_says_so_before_any_figure() {
        let mut run = example::brown_out();
        run.void = Some("the generator was 41 ms late".to_owned());
        let page = page::page(&run);
        let void = page.find("the generator was 41 ms late").expect("says why");
        assert!(void < page.find("class=\"key\"").expect("has figures"));
        assert!(!page.contains("SLOs held"));
    }

    #[test]
    fn an_empty_run_has_a_page_without_nonsense() {
        let page = page::page(&example::empty());
        assert!(page.contains("No SLOs set") && page.contains("No latencies were measured"));
        assert!(!page.contains("NaN") && !page.contains("inf "));
        assert!(difference(&example::empty(), &example::empty()).contains("No latencies"));
    }

    #[test]
    fn a_long_run_of_many_kinds_stays_below_a_megabyte() {
        let mut run = example::brown_out();
        run.timeline = (0..7_200)
            .map(|second| Second {
                second,
                ..run.timeline[second as usize % 180].clone()
            })
            .collect();
        let one = run.series[0].clone();
        run.series = (0..5_000)
            .map(|n| Series {
                provider: format!("provider-{n}"),
                ..one.clone()
            })
            .collect();
        run.counts.errors = (0..5_000).map(|n| (format!("kind {n}"), n)).collect();
        let page = page::page(&run);
        assert!(page.len() < 1_000_000, "{}", page.len());
        assert!(page.contains("4880 combinations"), "says what is left out");
    }

    #[test]
    fn reports_of_one_second_stand_beside_each_other() {
        let dir = tempfile::tempdir().expect("a directory");
        let dir = dir.path().join("reports");
        let run = example::brown_out();
        let first = write(&run, &dir).expect("writes");
        let second = write(&run, &dir).expect("writes");
        let name = |path: &Path| {
            path.file_name()
                .expect("named")
                .to_string_lossy()
                .into_owned()
        };
        assert_eq!(
            name(&first.html),
            "watchword-report-2026-03-01T12-00-00Z.html"
        );
        assert_eq!(
            name(&second.json),
            "watchword-report-2026-03-01T12-00-00Z-2.json"
        );
        let back = Results::read(&first.json).expect("reads");
        assert_eq!(back.counts, run.counts);
    }

    #[test]
    fn a_page_without_its_json_is_not_written_over() {
        let dir = tempfile::tempdir().expect("a directory");
        let run = example::empty();
        let first = write(&run, dir.path()).expect("writes");
        fs::remove_file(&first.json).expect("removes");
        let second = write(&run, dir.path()).expect("writes");
        assert!(!first.json.exists() && second.html != first.html);
    }

    #[test]
    fn a_start_time_that_is_none_still_makes_a_safe_name() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut run = example::empty();
        run.started_at = "../../etc/passwd".to_owned();
        let paths = write(&run, dir.path()).expect("writes");
        assert_eq!(
            paths.html,
            dir.path().join("watchword-report-unknown-time.html")
        );
    }

    #[test]
    fn hdr_files_stand_beside_the_report_one_per_stage_and_a_log() {
        let dir = tempfile::tempdir().expect("a directory");
        let run = example::brown_out();
        let paths = write(&run, dir.path()).expect("writes");
        let files = write_hdr(&run, &paths).expect("writes");
        assert_eq!(files.len(), 7);
        assert!(files[3].ends_with("watchword-report-2026-03-01T12-00-00Z-in_hand.hgrm"));
        assert!(
            files
                .iter()
                .all(|file| file.metadata().is_ok_and(|m| m.len() > 0))
        );
        assert!(write_hdr(&run, &paths).is_err(), "never over what is there");
    }
}
