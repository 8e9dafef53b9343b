//! A file of texts in Fluent, taken apart: which texts it has, and in which lines.

use std::collections::BTreeMap;

use fluent_syntax::ast::{Attribute, Entry, Message, Pattern, PatternElement, Resource, Term};
use fluent_syntax::parser::{self, ParserError};

use super::Locale;
use super::lint::{MessageLintError, Mistake};

/// How the names of these files end.
pub const EXTENSION: &str = ".ftl";

/// A message file that has been read: `de.ftl` and what stands in it.
#[derive(Clone, Copy, Debug)]
pub struct MessageFile<'a> {
    pub name: &'a str,
    /// How mistakes name it; without one by its name.
    pub path: Option<&'a str>,
    pub text: &'a str,
}

impl<'a> MessageFile<'a> {
    /// The language tag that the file is named after, as it is written there.
    pub fn tag(&self) -> Option<Locale> {
        let tag = self.name.strip_suffix(EXTENSION)?;
        Locale::parse(tag).ok()
    }
}

/// A file whose Fluent is in order.
pub(super) struct Parsed<'a> {
    pub(super) locale: Locale,
    /// How mistakes name the file.
    name: String,
    text: &'a str,
    resource: Resource<&'a str>,
}

/// A text of a file, or a part that its texts share.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) pattern: &'a Pattern<&'a str>,
    pub(super) attributes: &'a [Attribute<&'a str>],
    pub(super) file: &'a str,
    pub(super) line: usize,
}

/// The texts of one language by their ids; parts that begin with `-` are terms.
pub(super) type Sources<'a> = BTreeMap<String, Source<'a>>;

impl Source<'_> {
    /// Whether it is `.encoding = gsm-7`.
    pub(super) fn is_gsm7_claim(attribute: &Attribute<&str>) -> bool {
        attribute.id.name == "encoding"
            && matches!(
                attribute.value.elements.as_slice(),
                [PatternElement::TextElement { value: "gsm-7" }]
            )
    }
}

/// The parser calls itself for each brace and each call, on a thread's stack: a
/// file of braces would end the process. No file of ours comes near.
const BRACES_DEEP_MAX: usize = 64;
const CALLS_MAX: usize = 100;

/// Never counts too little: a closing brace outside of quotes that closes nothing
/// is a mistake of its own, and one within quotes is left out with its line.
fn nests_too_deep(text: &str) -> bool {
    let (mut depth, mut calls) = (0_usize, 0_usize);
    text.lines().any(|line| {
        let closes = !line.contains('"');
        line.bytes().any(|byte| {
            match byte {
                b'{' => depth += 1,
                b'}' if closes => depth = depth.saturating_sub(1),
                b'(' => calls += 1,
                _ => {}
            }
            depth > BRACES_DEEP_MAX || calls > CALLS_MAX
        })
    })
}

impl<'a> Parsed<'a> {
    /// # Errors
    ///
    /// Every mistake of the file's form.
    pub(super) fn read(
        file: &MessageFile<'a>,
        shown_as: String,
    ) -> Result<Self, Vec<MessageLintError>> {
        let error = |line, key: &str, mistake| MessageLintError {
            file: shown_as.clone(),
            line,
            key: key.to_owned(),
            mistake,
        };
        let locale = file
            .tag()
            .ok_or_else(|| vec![error(1, "file", Mistake::FileName)])?;
        if nests_too_deep(file.text) {
            return Err(vec![error(1, "file", Mistake::TooDeep)]);
        }
        let resource = parser::parse(file.text).map_err(|(_, errors)| {
            errors
                .iter()
                .map(|wrong| {
                    let syntax = Mistake::Syntax(wrong.kind.to_string());
                    error(line_at(file.text, wrong), "file", syntax)
                })
                .collect::<Vec<_>>()
        })?;
        let parsed = Self {
            locale,
            name: shown_as.clone(),
            text: file.text,
            resource,
        };
        let twice: Vec<_> = parsed
            .twice()
            .into_iter()
            .map(|(id, line)| error(line, &id, Mistake::Twice))
            .collect();
        if twice.is_empty() {
            Ok(parsed)
        } else {
            Err(twice)
        }
    }

    /// Lays the file's texts over those of `sources`.
    pub(super) fn put_into(&'a self, sources: &mut Sources<'a>) {
        for (id, pattern, attributes) in self.entries() {
            let source = Source {
                pattern,
                attributes,
                file: &self.name,
                line: self.lines_of(&id).next().unwrap_or(1),
            };
            sources.insert(id, source);
        }
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = String> {
        self.entries().map(|(id, ..)| id)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn entries(&self) -> impl Iterator<Item = (String, &Pattern<&'a str>, &[Attribute<&'a str>])> {
        self.resource.body.iter().filter_map(|entry| match entry {
            Entry::Message(Message {
                id,
                value: Some(value),
                attributes,
                ..
            }) => Some((id.name.to_owned(), value, attributes.as_slice())),
            Entry::Term(Term {
                id,
                value,
                attributes,
                ..
            }) => Some((format!("-{}", id.name), value, attributes.as_slice())),
            Entry::Message(Message { value: None, .. })
            | Entry::Comment(_)
            | Entry::GroupComment(_)
            | Entry::ResourceComment(_)
            | Entry::Junk { .. } => None,
        })
    }

    /// The ids that stand in the file more than once, with the line of the second.
    fn twice(&self) -> BTreeMap<String, usize> {
        self.ids()
            .filter_map(|id| {
                let line = self.lines_of(&id).nth(1)?;
                Some((id, line))
            })
            .collect()
    }

    /// Where `id = ..` begins a line; the further lines of a text are indented.
    fn lines_of(&self, id: &str) -> impl Iterator<Item = usize> {
        (1..)
            .zip(self.text.lines())
            .filter_map(move |(number, line)| {
                line.strip_prefix(id)?
                    .trim_start()
                    .starts_with('=')
                    .then_some(number)
            })
    }
}

fn line_at(text: &str, error: &ParserError) -> usize {
    let before = text.get(..error.pos.start).unwrap_or(text);
    before.matches('\n').count() + 1
}
