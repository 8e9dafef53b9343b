//! The raw settings: a tree in which every entry knows where it was written.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

/// Where a setting was written, so that a mistake in it can be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the defaults compiled into the program.
    Default,
    /// In the configuration file; lines and columns count from 1.
    File { line: usize, column: usize },
    /// In this environment variable.
    Variable(String),
}

/// One mistake in the configuration, with its place and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub place: Place,
    /// The setting as the file would name it: `providers[0].url`.
    pub path: String,
    /// Never shows a secret, a code or a number.
    pub text: String,
}

/// All mistakes of one configuration, printed one a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes {
    /// The configuration file as the operator named it.
    pub file: String,
    pub list: Vec<Mistake>,
}

impl fmt::Display for Mistakes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(formatter)?;
            }
            match &mistake.place {
                Place::Default => write!(formatter, "{}", self.file)?,
                Place::File { line, .. } => write!(formatter, "{}:{line}", self.file)?,
                Place::Variable(name) => write!(formatter, "{name}")?,
            }
            if !mistake.path.is_empty() {
                write!(formatter, ": {}", mistake.path)?;
            }
            write!(formatter, ": {}", mistake.text)?;
        }
        Ok(())
    }
}

/// A table of settings by key.
pub(super) type Table = BTreeMap<String, Node>;

/// One setting and where it was written.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) place: Place,
}

/// A raw value. Strings are wiped when dropped: any of them may be a secret.
#[derive(Clone)]
pub(super) enum Value {
    Text(Zeroizing<String>),
    Integer(i64),
    Float(f64),
    Flag(bool),
    Array(Vec<Node>),
    Table(Table),
    /// From the environment, where nothing has a type: the reader who asks decides.
    Untyped(Zeroizing<String>),
}

impl Value {
    /// What a mistake calls it; never the value itself, which may be a secret.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a fraction",
            Self::Flag(_) => "true or false",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
            Self::Untyped(_) => "a text from the environment",
        }
    }
}

/// Reads TOML into a tree, with every syntax error of the file.
pub(super) fn parse(text: &str) -> (Table, Vec<Mistake>) {
    let lines = Lines::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    let mistakes = errors
        .iter()
        .map(|error| {
            let place = lines.place(error.span().unwrap_or_default());
            let column = match &place {
                Place::File { column, .. } => *column,
                Place::Default | Place::Variable(_) => 1,
            };
            Mistake {
                place,
                path: String::new(),
                text: format!("not valid TOML at column {column}: {}", error.message()),
            }
        })
        .collect();
    (table(document.get_ref(), &lines), mistakes)
}

/// Reads the defaults that are compiled in; their places mean nothing to an operator.
pub(super) fn parse_defaults(text: &str) -> Table {
    let (mut defaults, _) = parse(text);
    forget_places(&mut defaults);
    defaults
}

/// Lays `over` upon `under`: tables merge, everything else is replaced.
pub(super) fn merge(under: &mut Table, over: Table) {
    for (key, node) in over {
        match (under.get_mut(&key), node) {
            (
                Some(Node {
                    value: Value::Table(below),
                    place,
                }),
                Node {
                    value: Value::Table(above),
                    place: above_place,
                },
            ) => {
                *place = above_place;
                merge(below, above);
            }
            (_, node) => {
                under.insert(key, node);
            }
        }
    }
}

/// Where `path` was written, or the nearest thing around it.
pub(super) fn locate(root: &Table, path: &str) -> Place {
    let mut place = Place::Default;
    let mut table = Some(root);
    for part in path.split('.') {
        let mut steps = part.split('[');
        let found = table.and_then(|table| table.get(steps.next().unwrap_or_default()));
        let Some(mut node) = found else {
            return place;
        };
        place = node.place.clone();
        for index in steps {
            let element = match &node.value {
                Value::Array(list) => index
                    .trim_end_matches(']')
                    .parse()
                    .ok()
                    .and_then(|index: usize| list.get(index)),
                Value::Text(_)
                | Value::Integer(_)
                | Value::Float(_)
                | Value::Flag(_)
                | Value::Table(_)
                | Value::Untyped(_) => None,
            };
            let Some(element) = element else {
                return place;
            };
            node = element;
            place = node.place.clone();
        }
        table = match &node.value {
            Value::Table(inner) => Some(inner),
            Value::Text(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Flag(_)
            | Value::Array(_)
            | Value::Untyped(_) => None,
        };
    }
    place
}

fn table(source: &DeTable<'_>, lines: &Lines) -> Table {
    source
        .iter()
        .map(|(key, value)| {
            let mut node = node(value, lines);
            // The key's line is what an operator looks for, also where the value spans several.
            node.place = lines.place(key.span());
            (key.get_ref().to_string(), node)
        })
        .collect()
}

fn node(source: &Spanned<DeValue<'_>>, lines: &Lines) -> Node {
    let value = match source.get_ref() {
        DeValue::String(text) => Value::Text(Zeroizing::new(text.to_string())),
        DeValue::Integer(integer) => integer_value(integer.as_str(), integer.radix()),
        DeValue::Float(float) => Value::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(datetime) => Value::Text(Zeroizing::new(datetime.to_string())),
        DeValue::Array(list) => Value::Array(list.iter().map(|item| node(item, lines)).collect()),
        DeValue::Table(inner) => Value::Table(table(inner, lines)),
    };
    Node {
        value,
        place: lines.place(source.span()),
    }
}

/// An integer beyond 64 bits becomes a fraction, which every reader of integers refuses.
fn integer_value(digits: &str, radix: u32) -> Value {
    i64::from_str_radix(digits, radix).map_or(Value::Float(f64::INFINITY), Value::Integer)
}

fn forget_places(table: &mut Table) {
    table.values_mut().for_each(forget_place);
}

fn forget_place(node: &mut Node) {
    node.place = Place::Default;
    match &mut node.value {
        Value::Table(inner) => forget_places(inner),
        Value::Array(list) => list.iter_mut().for_each(forget_place),
        Value::Text(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Flag(_)
        | Value::Untyped(_) => {}
    }
}

/// Where each line begins, to turn offsets into lines.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn new(text: &str) -> Self {
        let after_breaks = text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n')
            .map(|(at, _)| at + 1);
        Self {
            starts: std::iter::once(0).chain(after_breaks).collect(),
        }
    }

    fn place(&self, span: Range<usize>) -> Place {
        let line = self
            .starts
            .partition_point(|start| *start <= span.start)
            .max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        Place::File {
            line,
            column: span.start - start + 1,
        }
    }
}
