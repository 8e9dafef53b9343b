//! One event as one line of JSON: time, level, the event's own fields at the
//! top, its module and the span it happened in.
//!
//! The subscriber's own JSON form builds each line through a serializer and a
//! sorted map of the fields; with two lines a send that was a tenth of all
//! instructions. This writes the same line from front to back.

use std::fmt::{self, Write};

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;
use watchword_providers::Moment;

/// Most lines are shorter.
const LINE_LENGTH: usize = 512;

/// What a line through the `log` crate says of itself beside its message: paths
/// of the machine that built us, and its module, which stands in another place.
const OF_LOG: &str = "log.";

/// Writes events as lines of JSON.
pub(super) struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::with_capacity(LINE_LENGTH);
        let metadata = event.metadata();
        let now_us = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or(0);
        line.push_str("{\"timestamp\":\"");
        line.push_str(Moment::of_us(now_us).as_str());
        line.push_str("\",\"level\":\"");
        line.push_str(metadata.level().as_str());
        line.push('"');
        let mut fields = Fields {
            line: &mut line,
            target: None,
            result: Ok(()),
        };
        event.record(&mut fields);
        fields.result?;
        let target = fields.target;
        line.push_str(",\"target\":");
        text(&mut line, target.as_deref().unwrap_or(metadata.target()))?;
        if let Some(span) = context.lookup_current() {
            line.push_str(",\"span\":{\"name\":");
            text(&mut line, span.name())?;
            let extensions = span.extensions();
            if let Some(own) = extensions.get::<FormattedFields<N>>() {
                line.push_str(&own.fields);
            }
            line.push('}');
        }
        line.push_str("}\n");
        writer.write_str(&line)
    }
}

/// Writes the fields of a span as [`JsonLine`] puts them behind its name.
pub(super) struct JsonSpan;

impl<'writer> FormatFields<'writer> for JsonSpan {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, own: R) -> fmt::Result {
        let mut line = String::new();
        let mut fields = Fields {
            line: &mut line,
            target: None,
            result: Ok(()),
        };
        own.record(&mut fields);
        fields.result?;
        writer.write_str(&line)
    }
}

/// Fields, written as they come: each behind a comma.
struct Fields<'a> {
    line: &'a mut String,
    /// The module of a line that came through the `log` crate.
    target: Option<String>,
    result: fmt::Result,
}

impl Fields<'_> {
    fn value(&mut self, field: &Field, value: impl FnOnce(&mut String) -> fmt::Result) {
        if field.name().starts_with(OF_LOG) {
            return;
        }
        if self.result.is_ok() {
            self.line.push(',');
            // A name of ours needs no escape; a raw identifier's mark is not part of it.
            let name = field.name();
            self.result = text(self.line, name.strip_prefix("r#").unwrap_or(name));
            self.line.push(':');
        }
        if self.result.is_ok() {
            self.result = value(self.line);
        }
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "log.target" {
            self.target = Some(value.to_owned());
        }
        self.value(field, |line| text(line, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.value(field, |line| write!(line, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.value(field, |line| write!(line, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.value(field, |line| write!(line, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.value(field, |line| {
            if value.is_finite() {
                write!(line, "{value}")
            } else {
                line.write_str("null")
            }
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.value(field, |line| {
            line.push('"');
            write!(Escaped(line), "{value:?}")?;
            line.push('"');
            Ok(())
        });
    }
}

fn text(line: &mut String, value: &str) -> fmt::Result {
    line.push('"');
    Escaped(line).write_str(value)?;
    line.push('"');
    Ok(())
}

/// Writes into a JSON string.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, value: &str) -> fmt::Result {
        let mut rest = value;
        // All that needs an escape is one byte, which is never part of another letter.
        let is_special = |byte: u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        while let Some(at) = rest.bytes().position(is_special) {
            let (plain, special) = rest.split_at(at);
            self.0.push_str(plain);
            let mut letters = special.chars();
            match letters.next() {
                Some('\n') => self.0.push_str("\\n"),
                Some(letter @ ('"' | '\\')) => {
                    self.0.push('\\');
                    self.0.push(letter);
                }
                Some(letter) => write!(self.0, "\\u{:04x}", u32::from(letter))?,
                None => {}
            }
            rest = letters.as_str();
        }
        self.0.push_str(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use crate::telemetry::logging::{LogLevel, LogSettings, capture};

    fn line_of(settings: &LogSettings, log: impl FnOnce()) -> Value {
        let (lines, guard) = capture(settings);
        log();
        drop(guard);
        let text = lines.text();
        assert_eq!(text.lines().count(), 1, "{text}");
        serde_json::from_str(&text).expect("a line is JSON")
    }

    proptest! {
        #[test]
        fn any_text_stays_one_line_of_json(value: String) {
            let line = line_of(&LogSettings::default(), || {
                tracing::info!(value, shown = %value, debugged = ?value, "{value}");
            });
            prop_assert_eq!(line["value"].as_str(), Some(value.as_str()));
            prop_assert_eq!(line["shown"].as_str(), Some(value.as_str()));
            prop_assert_eq!(line["message"].as_str(), Some(value.as_str()));
            let debugged = format!("{value:?}");
            prop_assert_eq!(line["debugged"].as_str(), Some(debugged.as_str()));
        }
    }

    #[test]
    fn numbers_stay_numbers_and_what_is_none_is_null() {
        let line = line_of(&LogSettings::default(), || {
            tracing::info!(
                count = 3_u64,
                less = -3_i64,
                is_it = true,
                part = 0.5,
                none = f64::NAN
            );
        });
        assert_eq!(line["count"], 3);
        assert_eq!(line["less"], -3);
        assert_eq!(line["is_it"], true);
        assert_eq!(line["part"], 0.5);
        assert_eq!(line["none"], Value::Null);
    }

    #[test]
    fn a_line_says_in_which_span_it_happened() {
        let settings = LogSettings {
            level: LogLevel::Debug,
            ..LogSettings::default()
        };
        let line = line_of(&settings, || {
            let span = tracing::debug_span!("dispatch", delivery.id = "dlv_1");
            let _entered = span.enter();
            let bare = tracing::debug_span!("bare");
            bare.in_scope(|| ());
            tracing::info!("here");
        });
        assert_eq!(line["span"]["name"], "dispatch");
        assert_eq!(line["span"]["delivery.id"], "dlv_1");
    }
}
