//! The exported trail, looked over by `docs/examples/verify-audit.py` as an
//! auditor does it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::over_both_stores;
use super::world::{ADA, Stand, World};
use crate::support::numbers;

over_both_stores!(an_auditor_finds_an_export_whole_and_each_way_in_which_it_is_not,);

const AUDIT: &str = "/v1/subjects/person-7/audit";

async fn an_auditor_finds_an_export_whole_and_each_way_in_which_it_is_not(stand: Stand) {
    let world = World::over(stand).await;
    world.has_method("person-7", &numbers::us_number()).await;
    let (_, earlier) = world.get(AUDIT).await;
    let frozen = json!({ "tenant": "acme", "reason": "a phone is missing", "ticket": "T-4" });
    let path = "/v1/subjects/person-7/freeze";
    let (status, answer) = world.call("POST", path, ADA, frozen).await;
    assert_eq!(status, 200, "{answer}");
    let (_, trail) = world.get(AUDIT).await;

    let mut lines = trail["lines"].as_array().into_iter().flatten();
    let froze = lines.find(|line| line["what"] == json!("subject.frozen"));
    assert_eq!(froze.map(|line| &line["ticket"]), Some(&json!("T-4")));

    let auditor = Auditor::new();
    assert_eq!(auditor.finds(&trail, Some(&earlier)), "");
    assert_eq!(auditor.finds(&trail, None), "");
    let (_, rest) = world.get(&format!("{AUDIT}?from=2")).await;
    assert_eq!(auditor.finds(&rest, Some(&earlier)), "");

    let last = trail["lines"].as_array().map_or(0, Vec::len);
    assert!(last >= 3, "{trail}");
    for (spoil, found) in [
        (removed(&trail, 1), "line 3 stands behind line 1"),
        (removed(&trail, last - 1), "does not end with its last line"),
        (removed(&trail, 0), ""),
        (edited(&trail, "/lines/1/prev"), "line 2 does not follow"),
        (edited(&trail, "/lines/0/prev"), "line 1 follows another"),
        (edited(&trail, "/lines/1/hash"), "line 3 does not follow"),
        (edited(&trail, "/head"), "does not end with its last line"),
        (edited(&trail, "/lines/0/what"), "line 1 has changed"),
    ] {
        let report = auditor.finds(&spoil, Some(&earlier));
        assert!(report.contains(found), "{found}: {report}");
        assert_eq!(report.is_empty(), found.is_empty(), "{report}");
    }
    let report = auditor.finds(&earlier, Some(&trail));
    assert!(report.contains("older than the earlier one"), "{report}");
}

fn removed(trail: &Value, at: usize) -> Value {
    let mut trail = trail.clone();
    if let Some(lines) = trail["lines"].as_array_mut() {
        lines.remove(at);
    }
    trail
}

fn edited(trail: &Value, pointer: &str) -> Value {
    let mut trail = trail.clone();
    *trail.pointer_mut(pointer).expect("the trail has it") = json!("f".repeat(64));
    trail
}

struct Auditor {
    directory: tempfile::TempDir,
    script: PathBuf,
}

impl Auditor {
    fn new() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self {
            directory: tempfile::tempdir().expect("a temporary directory"),
            script: script.join("../docs/examples/verify-audit.py"),
        }
    }

    /// What the script complains of; nothing if it is content.
    fn finds(&self, trail: &Value, earlier: Option<&Value>) -> String {
        let mut looking = Command::new("python3");
        looking.arg(&self.script);
        for (name, content) in [("trail", Some(trail)), ("earlier", earlier)] {
            if let Some(content) = content {
                let path = self.directory.path().join(name);
                fs::write(&path, content.to_string()).expect("a writable directory");
                looking.arg(path);
            }
        }
        let Output {
            status,
            stdout,
            stderr,
        } = looking.output().expect("python3 is on the PATH");
        assert!(stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
        let said = String::from_utf8_lossy(&stdout).into_owned();
        if status.success() {
            String::new()
        } else {
            said
        }
    }
}
