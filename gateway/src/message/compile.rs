//! From a text in Fluent to what a send joins: every choice that grammar makes is
//! made here, at load, once for each number of minutes that a code can live.

use std::collections::BTreeSet;

use fluent_syntax::ast::{
    Expression, InlineExpression, Pattern, PatternElement, Variant, VariantKey,
};
use fluent_syntax::unicode::unescape_unicode_to_string;

use super::lint::Mistake;
use super::plural::Plurals;
use super::source::{Source, Sources};
use super::template::{Form, MINUTES_MAX, Piece, Placeholder};

/// A text may be made of parts, and those of parts, so many deep.
const DEPTH_MAX: usize = 5;
/// Elements of one text with all its parts: no text of ours takes a tenth of it.
const STEPS_MAX: usize = 2_000;

/// The texts of a language and its grammar.
pub(super) struct Compiler<'a> {
    pub(super) sources: &'a Sources<'a>,
    pub(super) plurals: &'a Plurals,
}

/// One walk through a text, for one number of minutes.
struct Walk<'a> {
    minutes: u32,
    form: Form,
    depth: usize,
    steps: usize,
    /// The innermost part that a mistake was found in.
    wrong_part: Option<(String, Source<'a>)>,
}

/// Why a text cannot be made.
pub(super) struct Wrong<'a> {
    /// The part in which the mistake is, if it is not in the text itself.
    pub(super) part: Option<(String, Source<'a>)>,
    pub(super) mistake: Mistake,
}

impl<'a> Compiler<'a> {
    /// The text for 1 minute, for 2 minutes, and so on.
    pub(super) fn forms(&self, source: &Source<'_>) -> Result<Vec<Form>, Wrong<'a>> {
        (1..=MINUTES_MAX)
            .map(|minutes| {
                let mut walk = Walk {
                    minutes,
                    form: Form::new(),
                    depth: 0,
                    steps: 0,
                    wrong_part: None,
                };
                match self.pattern(source.pattern, &mut walk) {
                    Ok(()) => Ok(walk.form),
                    Err(mistake) => Err(Wrong {
                        part: walk.wrong_part,
                        mistake,
                    }),
                }
            })
            .collect()
    }

    /// The ids that stand in other texts.
    pub(super) fn parts(&self) -> BTreeSet<String> {
        let mut parts = BTreeSet::new();
        for source in self.sources.values() {
            parts_of(source.pattern, &mut parts);
        }
        parts
    }

    fn pattern(&self, pattern: &Pattern<&str>, walk: &mut Walk<'a>) -> Result<(), Mistake> {
        if walk.depth == DEPTH_MAX {
            return Err(Mistake::TooDeep);
        }
        walk.depth += 1;
        for element in &pattern.elements {
            walk.steps += 1;
            if walk.steps > STEPS_MAX {
                return Err(Mistake::TooDeep);
            }
            match element {
                PatternElement::TextElement { value } => walk.push_text(value),
                PatternElement::Placeable { expression } => self.expression(expression, walk)?,
            }
        }
        walk.depth -= 1;
        Ok(())
    }

    fn expression(
        &self,
        expression: &Expression<&str>,
        walk: &mut Walk<'a>,
    ) -> Result<(), Mistake> {
        match expression {
            Expression::Inline(inline) => self.inline(inline, walk),
            Expression::Select { selector, variants } => {
                if !is_minutes(selector) {
                    return Err(Mistake::Selector);
                }
                self.check_variants(variants)?;
                let chosen = variants
                    .iter()
                    .find(|variant| self.matches(variant, walk.minutes))
                    .or_else(|| variants.iter().find(|variant| variant.default));
                match chosen {
                    Some(variant) => self.pattern(&variant.value, walk),
                    None => Err(Mistake::Selector),
                }
            }
        }
    }

    fn inline(&self, inline: &InlineExpression<&str>, walk: &mut Walk<'a>) -> Result<(), Mistake> {
        match inline {
            InlineExpression::StringLiteral { value } => {
                walk.push_text(&unescape_unicode_to_string(value));
                Ok(())
            }
            InlineExpression::NumberLiteral { value } => {
                walk.push_text(value);
                Ok(())
            }
            InlineExpression::VariableReference { id } => {
                let placeholder = Placeholder::ALL
                    .into_iter()
                    .find(|placeholder| placeholder.name() == id.name)
                    .ok_or_else(|| Mistake::PlaceholderUnknown(id.name.to_owned()))?;
                walk.form.push(Piece::Value(placeholder));
                Ok(())
            }
            InlineExpression::MessageReference {
                id,
                attribute: None,
            } => self.part(id.name.to_owned(), walk),
            InlineExpression::TermReference {
                id,
                attribute: None,
                arguments: None,
            } => self.part(format!("-{}", id.name), walk),
            InlineExpression::Placeable { expression } => self.expression(expression, walk),
            InlineExpression::MessageReference {
                attribute: Some(_), ..
            }
            | InlineExpression::TermReference { .. }
            | InlineExpression::FunctionReference { .. } => Err(Mistake::Expression),
        }
    }

    fn part(&self, id: String, walk: &mut Walk<'a>) -> Result<(), Mistake> {
        let Some(source) = self.sources.get(&id) else {
            return Err(Mistake::PartUnknown(id));
        };
        let result = self.pattern(source.pattern, walk);
        if result.is_err() && walk.wrong_part.is_none() {
            walk.wrong_part = Some((id, *source));
        }
        result
    }

    fn matches(&self, variant: &Variant<&str>, minutes: u32) -> bool {
        match variant.key {
            VariantKey::Identifier { name } => name == self.plurals.category(minutes),
            VariantKey::NumberLiteral { value } => value.parse() == Ok(minutes),
        }
    }

    /// Every form the language needs is there, and none that it does not know.
    fn check_variants(&self, variants: &[Variant<&str>]) -> Result<(), Mistake> {
        let named: BTreeSet<&str> = variants
            .iter()
            .filter_map(|variant| match variant.key {
                VariantKey::Identifier { name } => Some(name),
                VariantKey::NumberLiteral { .. } => None,
            })
            .collect();
        let known = self.plurals.all();
        if let Some(unknown) = named.iter().find(|name| !known.contains(*name)) {
            return Err(Mistake::PluralUnknown {
                form: (*unknown).to_owned(),
                known: listed(&known),
            });
        }
        // A number named itself needs no category.
        let by_category = (1..=MINUTES_MAX).filter(|minutes| {
            !variants.iter().any(|variant| match variant.key {
                VariantKey::NumberLiteral { value } => value.parse() == Ok(*minutes),
                VariantKey::Identifier { .. } => false,
            })
        });
        let missing: BTreeSet<&str> = by_category
            .map(|minutes| self.plurals.category(minutes))
            .filter(|category| !named.contains(category))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Mistake::PluralMissing(listed(&missing)))
        }
    }
}

impl Walk<'_> {
    fn push_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.form.push(Piece::Text(text.into()));
        }
    }
}

/// `$minutes`, or `NUMBER($minutes)` which says the same.
fn is_minutes(selector: &InlineExpression<&str>) -> bool {
    match selector {
        InlineExpression::VariableReference { id } => id.name == Placeholder::Minutes.name(),
        InlineExpression::FunctionReference { id, arguments } => {
            id.name == "NUMBER"
                && arguments.named.is_empty()
                && matches!(arguments.positional.as_slice(), [only] if is_minutes(only))
        }
        InlineExpression::StringLiteral { .. }
        | InlineExpression::NumberLiteral { .. }
        | InlineExpression::MessageReference { .. }
        | InlineExpression::TermReference { .. }
        | InlineExpression::Placeable { .. } => false,
    }
}

fn parts_of(pattern: &Pattern<&str>, parts: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        if let PatternElement::Placeable { expression } = element {
            parts_in(expression, parts);
        }
    }
}

fn parts_in(expression: &Expression<&str>, parts: &mut BTreeSet<String>) {
    match expression {
        Expression::Inline(InlineExpression::MessageReference { id, .. }) => {
            parts.insert(id.name.to_owned());
        }
        Expression::Inline(InlineExpression::TermReference { id, .. }) => {
            parts.insert(format!("-{}", id.name));
        }
        Expression::Inline(InlineExpression::Placeable { expression }) => {
            parts_in(expression, parts);
        }
        Expression::Inline(
            InlineExpression::StringLiteral { .. }
            | InlineExpression::NumberLiteral { .. }
            | InlineExpression::FunctionReference { .. }
            | InlineExpression::VariableReference { .. },
        ) => {}
        Expression::Select { variants, .. } => {
            for variant in variants {
                parts_of(&variant.value, parts);
            }
        }
    }
}

fn listed(names: &BTreeSet<&str>) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("[{name}]")).collect();
    names.join(", ")
}
