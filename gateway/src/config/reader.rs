//! Walks the raw tree with typed getters, and collects every mistake on the way.
//!
//! A wrong value is reported and replaced by something harmless so that reading
//! goes on; what was read is thrown away if there was any mistake.

mod typed;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub(super) use typed::choose;

use super::nearest::nearest;
use super::tree::{self, Mistake, Node, Place, Table, Value};

/// What all sections of one reading share.
pub(super) struct Reading<'a> {
    root: &'a Table,
    /// Relative paths start here: the directory of the configuration file.
    directory: &'a Path,
    mistakes: RefCell<Vec<Mistake>>,
    warnings: RefCell<Vec<String>>,
    has_inline_secrets: Cell<bool>,
    /// Every setting asked for, without list positions, and its default if the code holds it.
    known: RefCell<BTreeMap<String, Option<String>>>,
}

/// What a reading found beside the settings.
pub(super) struct Findings {
    pub(super) mistakes: Vec<Mistake>,
    pub(super) warnings: Vec<String>,
    /// The configuration file itself holds secrets.
    pub(super) has_inline_secrets: bool,
    #[cfg_attr(
        not(test),
        expect(
            dead_code,
            reason = "the test that holds the documentation to the code reads it"
        )
    )]
    pub(super) known: BTreeMap<String, Option<String>>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(root: &'a Table, directory: &'a Path) -> Self {
        Self {
            root,
            directory,
            mistakes: RefCell::default(),
            warnings: RefCell::default(),
            has_inline_secrets: Cell::default(),
            known: RefCell::default(),
        }
    }

    pub(super) fn root(&'a self) -> Section<'a> {
        Section::new(self, Some(self.root), String::new())
    }

    /// Notes a mistake at `path`; the tree knows where that was written.
    pub(super) fn mistake(&self, path: &str, text: impl Into<String>) {
        self.mistakes.borrow_mut().push(Mistake {
            place: tree::locate(self.root, path),
            path: path.to_owned(),
            text: text.into(),
        });
    }

    pub(super) fn warn(&self, path: &str, text: &str) {
        let warning = format!("{path}: {text}");
        let mut warnings = self.warnings.borrow_mut();
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// Whether `path` or something in it was already found wrong, so that what
    /// follows from it need not be reported too.
    pub(super) fn is_mistaken(&self, path: &str) -> bool {
        self.mistakes
            .borrow()
            .iter()
            .any(|mistake| mistake.path.starts_with(path))
    }

    pub(super) fn finish(self) -> Findings {
        let mut mistakes = self.mistakes.into_inner();
        mistakes.sort_by_key(|mistake| match mistake.place {
            Place::File { line, column } => (0, line, column),
            Place::Variable(_) => (1, 0, 0),
            Place::Default => (2, 0, 0),
        });
        Findings {
            mistakes,
            warnings: self.warnings.into_inner(),
            has_inline_secrets: self.has_inline_secrets.get(),
            known: self.known.into_inner(),
        }
    }
}

/// One table of settings. When it goes out of scope it reports the keys that
/// nobody asked for.
pub(super) struct Section<'a> {
    reading: &'a Reading<'a>,
    table: Option<&'a Table>,
    path: String,
    asked: RefCell<BTreeSet<&'static str>>,
    /// Unknown keys are not reported: what would be known is not known.
    is_lenient: Cell<bool>,
}

/// One value on its way into a type.
pub(super) struct Entry<'a> {
    pub(super) path: String,
    node: &'a Node,
}

impl<'a> Section<'a> {
    fn new(reading: &'a Reading<'a>, table: Option<&'a Table>, path: String) -> Self {
        Self {
            reading,
            table,
            path,
            asked: RefCell::default(),
            is_lenient: Cell::default(),
        }
    }

    pub(super) fn reading(&self) -> &'a Reading<'a> {
        self.reading
    }

    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    pub(super) fn mistake(&self, key: &str, text: impl Into<String>) {
        self.reading.mistake(&self.path_of(key), text);
    }

    /// Leaves unknown keys unreported, where a mistake hides which keys are known.
    pub(super) fn ignore_the_rest(&self) {
        self.is_lenient.set(true);
    }

    pub(super) fn has(&self, key: &'static str) -> bool {
        self.entry(key).is_some()
    }

    /// The table under `key`; an absent one reads as empty.
    pub(super) fn section(&self, key: &'static str) -> Self {
        let entry = self.entry(key);
        let table = entry.as_ref().and_then(|entry| self.table_in(entry));
        Section::new(self.reading, table, self.path_of(key))
    }

    /// The tables of the list under `key`, at most `count_max`.
    pub(super) fn sections(&self, key: &'static str, count_max: usize) -> Vec<Self> {
        self.list(key, count_max)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|entry| {
                let table = self.table_in(&entry)?;
                Some(Section::new(self.reading, Some(table), entry.path))
            })
            .collect()
    }

    fn table_in(&self, entry: &Entry<'a>) -> Option<&'a Table> {
        if let Value::Table(table) = &entry.node.value {
            return Some(table);
        }
        self.wrong_kind(entry, "a table");
        None
    }

    pub(super) fn list(&self, key: &'static str, count_max: usize) -> Option<Vec<Entry<'a>>> {
        let entry = self.entry(key)?;
        let Value::Array(list) = &entry.node.value else {
            self.wrong_kind(&entry, "a list");
            return None;
        };
        if list.len() > count_max {
            self.mistake(
                key,
                format!("must have at most {count_max} entries, has {}", list.len()),
            );
        }
        let entries = list
            .iter()
            .take(count_max)
            .enumerate()
            .map(|(index, node)| Entry {
                path: format!("{}[{index}]", entry.path),
                node,
            });
        Some(entries.collect())
    }

    /// Where each entry of the list under `key` is, and whether it is a table.
    pub(super) fn entries(&self, key: &'static str) -> Vec<(String, bool)> {
        let Some(entry) = self.entry(key) else {
            return Vec::new();
        };
        let Value::Array(list) = &entry.node.value else {
            return Vec::new();
        };
        let is_table = |node: &Node| matches!(node.value, Value::Table(_));
        let entries = list.iter().map(is_table).enumerate();
        entries
            .map(|(index, is_table)| (format!("{}[{index}]", entry.path), is_table))
            .collect()
    }

    fn entry(&self, key: &'static str) -> Option<Entry<'a>> {
        self.asked.borrow_mut().insert(key);
        let path = self.path_of(key);
        self.reading
            .known
            .borrow_mut()
            .entry(without_positions(&path))
            .or_default();
        let node = self.table?.get(key)?;
        Some(Entry { path, node })
    }

    fn wrong_kind(&self, entry: &Entry<'a>, wanted: &str) {
        self.reading.mistake(
            &entry.path,
            format!("must be {wanted}, is {}", entry.node.value.kind()),
        );
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        let asked = self.asked.borrow();
        for (key, node) in self.table.into_iter().flatten() {
            if asked.contains(key.as_str()) || self.is_lenient.get() {
                continue;
            }
            let hint = nearest(key, asked.iter().copied())
                .map_or(String::new(), |near| format!("; did you mean {near}?"));
            self.reading.mistakes.borrow_mut().push(Mistake {
                place: node.place.clone(),
                path: self.path_of(&key.escape_debug().to_string()),
                text: format!("unknown key{hint}"),
            });
        }
    }
}

/// `providers[0].url` as `providers[].url`.
fn without_positions(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|character| {
            match character {
                '[' => inside = true,
                ']' => inside = false,
                _ => return !inside,
            }
            true
        })
        .collect()
}
