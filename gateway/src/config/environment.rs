//! Overrides from the environment: `WATCHWORD__SERVER__LISTEN` and its like,
//! laid over the file before anything is checked.

use zeroize::Zeroizing;

use super::tree::{Mistake, Node, Place, Table, Value};

const PREFIX: &str = "WATCHWORD__";
/// No list in a configuration is longer.
const INDEX_MAX: usize = 9_999;
const DEPTH_MAX: usize = 8;

/// Lays the variables that begin with `WATCHWORD__` over the tree.
///
/// A double underscore goes one level down and a number picks an element of a
/// list, or adds the next one. Setting `x` drops `x_file` from the file, and
/// the other way round: the variable is meant to replace it.
pub(super) fn apply(root: &mut Table, variables: &[(String, String)]) -> Vec<Mistake> {
    let mut overrides: Vec<(Vec<Step>, &String, &String)> = variables
        .iter()
        .filter_map(|(name, value)| Some((steps(name.strip_prefix(PREFIX)?), name, value)))
        .collect();
    // Elements are added in the order of their numbers, so 2 comes before 10.
    overrides.sort();
    let mut mistakes = Vec::new();
    for (steps, name, value) in overrides {
        if let Err(text) = set(root, &steps, name, value) {
            mistakes.push(Mistake {
                place: Place::Variable(name.clone()),
                path: String::new(),
                text,
            });
        }
    }
    mistakes
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Index(usize),
    Key(String),
}

fn steps(name: &str) -> Vec<Step> {
    name.split("__")
        .map(|part| {
            part.parse()
                .map_or_else(|_| Step::Key(part.to_ascii_lowercase()), Step::Index)
        })
        .collect()
}

fn set(root: &mut Table, steps: &[Step], name: &str, value: &str) -> Result<(), String> {
    if steps.len() > DEPTH_MAX {
        return Err("names a setting too deep to exist".to_owned());
    }
    let leaf = Node {
        value: Value::Untyped(Zeroizing::new(value.to_owned())),
        place: Place::Variable(name.to_owned()),
    };
    match steps {
        [Step::Key(key), rest @ ..] => set_in_table(root, (key, rest), leaf),
        [Step::Index(_), ..] | [] => {
            Err("must name a section first, such as WATCHWORD__SERVER__LISTEN".to_owned())
        }
    }
}

fn set_in_table(table: &mut Table, (key, rest): (&str, &[Step]), leaf: Node) -> Result<(), String> {
    if key.is_empty() {
        return Err("has an empty part between its underscores".to_owned());
    }
    if rest.is_empty() {
        table.remove(
            key.strip_suffix("_file")
                .map_or(format!("{key}_file"), str::to_owned)
                .as_str(),
        );
        table.insert(key.to_owned(), leaf);
        return Ok(());
    }
    let child = table
        .entry(key.to_owned())
        .or_insert_with(|| empty(rest, &leaf));
    descend(child, rest, leaf)
}

fn descend(node: &mut Node, rest: &[Step], leaf: Node) -> Result<(), String> {
    match (rest, &mut node.value) {
        ([], _) => {
            *node = leaf;
            Ok(())
        }
        ([Step::Key(key), rest @ ..], Value::Table(table)) => {
            set_in_table(table, (key, rest), leaf)
        }
        ([Step::Index(index), rest @ ..], Value::Array(list)) => {
            if *index > list.len() || *index > INDEX_MAX {
                return Err(format!(
                    "skips elements: the next one is number {}",
                    list.len()
                ));
            }
            if *index == list.len() {
                list.push(empty(rest, &leaf));
            }
            list.get_mut(*index)
                .map_or(Ok(()), |element| descend(element, rest, leaf))
        }
        ([Step::Key(_), ..], _) => Err("goes into something that is not a table".to_owned()),
        ([Step::Index(_), ..], _) => Err("counts into something that is not a list".to_owned()),
    }
}

/// The container that the next step expects.
fn empty(rest: &[Step], leaf: &Node) -> Node {
    Node {
        value: match rest.first() {
            Some(Step::Index(_)) => Value::Array(Vec::new()),
            Some(Step::Key(_)) | None => Value::Table(Table::new()),
        },
        place: leaf.place.clone(),
    }
}

/// Whether a variable is meant for us.
pub(super) fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX)
}
