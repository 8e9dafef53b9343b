//! The grammar of a rule: measure, relation, bound. What is wrong is told with what is allowed.

use std::str::FromStr;

use anyhow::{Context, bail, ensure};

use super::{COUNTS, Filter, Label, Measure, PhaseMeasure, Point, Relation, Rule, Unit};
use crate::results::Stage;

const MEASURES: &str = "a stage with a point (`accept.p99`, `in_hand[provider=a].max`), a count \
    (`lost`, `errors`, ..), `conversion`, `memory`, or `goodput`, `check_success` and `recovery`, \
    with or without a phase (`goodput[phase=x10]`)";
const POINTS: &str = "`p50`, `p99.9` or any other percentile between 0 and 100, `max` or `mean`";

impl FromStr for Rule {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (left, relation, right) = Relation::split(text)?;
        let measure: Measure = left.trim().parse()?;
        let (bound, unit) = measure.bound(right.trim())?;
        if matches!(
            measure,
            Measure::Latency { .. } | Measure::PhaseLatency { .. }
        ) {
            ensure!(
                relation != Relation::Equal,
                "no latency is ever exactly `{right}`: use `<`, `<=`, `>` or `>=`"
            );
        }
        Ok(Self {
            text: text.to_owned(),
            measure,
            relation,
            bound,
            unit,
        })
    }
}

impl FromStr for Measure {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "conversion" => return Ok(Self::Conversion),
            "memory" => return Ok(Self::Memory),
            _ => {}
        }
        if let Some(measure) = PhaseMeasure::read(text)? {
            return Ok(measure);
        }
        if let Some((_, count)) = COUNTS.iter().find(|(name, _)| *name == text) {
            return Ok(Self::Count(*count));
        }
        // The point is split off behind the filter, whose value may hold dots.
        let (head, filters, point) = match text.split_once('[') {
            Some((stage, rest)) => {
                let (filters, point) = rest
                    .rsplit_once("].")
                    .with_context(|| format!("`{text}` lacks a `].` and one of {POINTS}"))?;
                (stage, Filter::list(filters)?, point)
            }
            None => match text.split_once('.') {
                Some((stage, point)) => (stage, Vec::new(), point),
                None => bail!("`{text}` is none of {MEASURES}; counts are {}", names()),
            },
        };
        let (stage, point) = (parse_stage(head)?, point.parse()?);
        match filters.as_slice() {
            [only] if only.label == Label::Phase => Ok(Self::PhaseLatency {
                stage,
                phase: only.value.clone(),
                point,
            }),
            several => {
                ensure!(
                    several.iter().all(|filter| filter.label != Label::Phase),
                    "`{text}`: a phase knows no provider, channel and country"
                );
                Ok(Self::Latency {
                    stage,
                    filters,
                    point,
                })
            }
        }
    }
}

impl Measure {
    /// The right-hand side, in the terms of this measure.
    fn bound(&self, text: &str) -> anyhow::Result<(f64, Unit)> {
        let digits_end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits_end);
        let number: f64 = number
            .parse()
            .ok()
            .with_context(|| format!("`{text}` does not begin with a number"))?;
        let is_latency = matches!(
            self,
            Self::Latency { .. }
                | Self::PhaseLatency { .. }
                | Self::Phase(PhaseMeasure::Recovery, _)
        );
        let is_ratio = matches!(
            self,
            Self::Conversion | Self::Phase(PhaseMeasure::Goodput | PhaseMeasure::CheckSuccess, _)
        );
        let is_count = matches!(self, Self::Count(_));
        let unit = match unit {
            "us" | "µs" if is_latency => Unit::Microseconds,
            "ms" if is_latency => Unit::Milliseconds,
            "s" if is_latency => Unit::Seconds,
            "min" if is_latency => Unit::Minutes,
            _ if is_latency => bail!("`{text}` needs a unit: us, ms, s or min"),
            "%" if is_ratio => Unit::Percent,
            "" if is_ratio || is_count => Unit::Plain,
            _ if is_ratio => bail!("`{text}` is neither a fraction (0.95) nor percent (95%)"),
            _ if is_count => bail!("`{text}` has a unit, but counts have none"),
            "MiB" => Unit::Mebibytes,
            "GiB" => Unit::Gibibytes,
            _ => bail!("`{text}` needs a unit: MiB or GiB"),
        };
        if is_count {
            ensure!(number.fract() == 0.0, "`{text}` is no whole number");
        }
        let bound = number * unit.size();
        if matches!(self, Self::Conversion) {
            ensure!(
                bound <= 1.0,
                "`{text}` is above 1, the most that conversion can be"
            );
        }
        Ok((bound, unit))
    }
}

impl PhaseMeasure {
    /// `goodput`, `goodput[phase=x2]` and so on; `None` if it is something else.
    fn read(text: &str) -> anyhow::Result<Option<Measure>> {
        let (head, filters) = match text.split_once('[') {
            Some((head, rest)) => (head, Some(rest)),
            None => (text, None),
        };
        let measure = match head {
            "goodput" => Self::Goodput,
            "check_success" => Self::CheckSuccess,
            "recovery" => Self::Recovery,
            _ => return Ok(None),
        };
        let Some(filters) = filters else {
            return Ok(Some(Measure::Phase(measure, None)));
        };
        let inner = filters.strip_suffix(']');
        let filters = Filter::list(inner.with_context(|| format!("`{text}` lacks a `]`"))?)?;
        match filters.as_slice() {
            [only] if only.label == Label::Phase => {
                Ok(Some(Measure::Phase(measure, Some(only.value.clone()))))
            }
            _ => bail!("`{text}`: `{head}` is known by phase only, as in `{head}[phase=x2]`"),
        }
    }
}

impl FromStr for Point {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "max" => return Ok(Self::Max),
            "mean" => return Ok(Self::Mean),
            _ => {}
        }
        let percentile = text
            .strip_prefix('p')
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
            .and_then(|digits| digits.parse::<f64>().ok())
            .filter(|percentile| *percentile > 0.0 && *percentile < 100.0)
            .with_context(|| format!("`{text}` is none of {POINTS}"))?;
        Ok(Self::Percentile(percentile))
    }
}

fn parse_stage(name: &str) -> anyhow::Result<Stage> {
    let known = || Stage::ALL.map(Stage::name).join(", ");
    Stage::ALL
        .into_iter()
        .find(|stage| stage.name() == name)
        .with_context(|| format!("no stage `{name}`: there are {}", known()))
}

fn names() -> String {
    COUNTS.map(|(name, _)| name).join(", ")
}

impl Filter {
    fn list(text: &str) -> anyhow::Result<Vec<Self>> {
        text.split(',').map(Self::one).collect()
    }

    fn one(text: &str) -> anyhow::Result<Self> {
        let (label, value) = text
            .split_once('=')
            .with_context(|| format!("filter `{text}` is not `label=value`"))?;
        let label = match label.trim() {
            "provider" => Label::Provider,
            "channel" => Label::Channel,
            "country" => Label::Country,
            "phase" => Label::Phase,
            other => bail!("no label `{other}`: there are provider, channel, country and phase"),
        };
        let value = value.trim().to_owned();
        ensure!(!value.is_empty(), "filter `{text}` has no value");
        Ok(Self { label, value })
    }
}

impl Relation {
    fn split(text: &str) -> anyhow::Result<(&str, Self, &str)> {
        // The `=` of a filter is no relation: look behind the last bracket.
        let from = text.rfind(']').unwrap_or(0);
        let at = text
            .match_indices(['<', '>', '='])
            .map(|(at, _)| at)
            .find(|at| *at >= from)
            .with_context(|| format!("`{text}` has none of `<`, `<=`, `=`, `>=`, `>`"))?;
        let (left, right) = text.split_at(at);
        let spellings = [
            ("<=", Self::AtMost),
            (">=", Self::AtLeast),
            ("==", Self::Equal),
            ("<", Self::Below),
            (">", Self::Above),
            ("=", Self::Equal),
        ];
        spellings
            .into_iter()
            .find_map(|(sign, relation)| Some((left, relation, right.strip_prefix(sign)?)))
            .with_context(|| format!("`{text}` has no relation"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(text: &str) -> String {
        let error = text.parse::<Rule>().expect_err(text);
        format!("{error:#}")
    }

    #[test]
    fn every_form_of_a_rule_is_read_and_shown_as_written() {
        for text in [
            "accept.p99<20ms",
            "in_hand.p99<1s",
            "lost=0",
            "submit.p50<=5ms",
            "errors==0",
            "conversion>=0.95",
            "conversion>=95%",
            "failovers>0",
            "check.max<1s",
            "deliver.mean<0.5min",
            "refuse.p99.99<250us",
            "in_hand[provider=a].p99<1s",
            "refuse[phase=x 10].p99<5ms",
            "goodput[phase=x10]>=80%",
            "check_success>=0.99",
            "recovery<=10s",
            "memory<256MiB",
            "in_hand[provider=a=b.c,country=US].p99.9 < 1s",
        ] {
            let rule: Rule = text.parse().expect(text);
            assert_eq!(rule.to_string(), text);
        }
    }

    #[test]
    fn a_filter_may_hold_signs_and_dots() {
        let rule: Rule = "in_hand[provider=a=b.c<d,channel=sms].p50<1s"
            .parse()
            .expect("reads");
        let Measure::Latency { filters, .. } = rule.measure else {
            panic!("{rule:?}")
        };
        assert_eq!(filters[0].value, "a=b.c<d");
        assert_eq!(filters[1].label, Label::Channel);
    }

    #[test]
    fn a_wrong_rule_is_told_what_is_allowed() {
        for (text, hint) in [
            ("", "none of `<`"),
            ("accept.p99", "none of `<`"),
            ("latency<3", "counts are due, accepted"),
            ("lots=0", "checks_refused"),
            (
                "sent.p99<1s",
                "accept, submit, deliver, in_hand, check, refuse",
            ),
            ("accept.p0<1s", "`max` or `mean`"),
            ("accept.p100<1s", "`max` or `mean`"),
            ("accept.p1e1<1s", "`max` or `mean`"),
            ("accept.p99<20", "us, ms, s or min"),
            ("accept.p99<20h", "us, ms, s or min"),
            ("accept.p99=20ms", "use `<`"),
            ("accept.p99<", "does not begin with a number"),
            ("accept.p99<-1ms", "does not begin with a number"),
            ("lost=0ms", "counts have none"),
            ("lost=0.5", "no whole number"),
            ("conversion>=95", "the most that conversion can be"),
            ("conversion>=95x", "percent"),
            (
                "in_hand[node=a].p99<1s",
                "provider, channel, country and phase",
            ),
            ("in_hand[phase=a,country=US].p99<1s", "a phase knows no"),
            ("goodput[country=US]>=1", "goodput[phase=x2]"),
            ("goodput[phase=x2>=1", "lacks a `]`"),
            ("goodput>=1s", "neither a fraction"),
            ("recovery<=10", "us, ms, s or min"),
            ("memory<=10", "MiB or GiB"),
            ("in_hand[provider].p99<1s", "`label=value`"),
            ("in_hand[provider=].p99<1s", "no value"),
            ("in_hand[provider=a]<1s", "lacks a `].`"),
        ] {
            let said = refusal(text);
            assert!(said.contains(hint), "{text}: {said}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z_.<>=\\[\\]0-9µé% -]{0,40}") {
            let _parsed = text.parse::<Rule>().is_ok();
        }
    }
}
