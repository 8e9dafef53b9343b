//! The page of two runs: their curves over each other, their figures side by side.

use super::curves::{self, Curve, PERCENTILES, Run};
use super::html::escape;
use super::{page, tables};
use crate::diff::{self, Change, Pair};
use crate::results::Results;
use crate::units;

/// The whole file.
pub(super) fn page(before: &Results, after: &Results) -> String {
    let pairs = diff::pairs(before, after);
    let body = [
        header(before, after),
        curves(&pairs),
        figures(&pairs),
        counts(before, after),
    ];
    let title = format!("{} against {}", after.scenario.name, before.scenario.name);
    page::document(&title, &body.concat())
}

fn header(before: &Results, after: &Results) -> String {
    let cautions: String = diff::cautions(before, after)
        .iter()
        .map(|caution| format!("<li>{}</li>\n", escape(caution)))
        .collect();
    format!(
        "<header>\n<p class=\"over\">Watchword load test</p>\n<h1>Two runs compared</h1>\n\
         <dl class=\"facts\"><dt><b>A</b> (dashed, pale)</dt><dd>{}</dd>\n\
         <dt><b>B</b> (solid)</dt><dd>{}</dd></dl>\n</header>\n\
         <section><h2>Before you conclude</h2><ul class=\"plain\">{cautions}</ul></section>\n",
        escape(&diff::name(before)),
        escape(&diff::name(after))
    )
}

fn curves(pairs: &[Pair]) -> String {
    if pairs.is_empty() {
        return page::section(
            "Latency",
            "<p class=\"none\">No latencies were measured.</p>\n",
        );
    }
    let panels: String = pairs
        .iter()
        .map(|pair| {
            let both = [
                Curve {
                    label: "A".to_owned(),
                    class: curves::class(pair.stage),
                    run: Run::Before,
                    latencies: pair.before.clone(),
                },
                Curve {
                    label: "B".to_owned(),
                    class: curves::class(pair.stage),
                    run: Run::After,
                    latencies: pair.after.clone(),
                },
            ];
            let name = curves::name(pair.stage);
            format!(
                "<figure><h3>{name} <span class=\"note\">{}</span></h3>{}</figure>\n",
                pair.stage.describes(),
                curves::panel(&both, &format!("{name} latency percentiles of both runs"))
            )
        })
        .collect();
    page::section(
        "Latency",
        &format!("<div class=\"panels\">{panels}</div>\n"),
    )
}

fn figures(pairs: &[Pair]) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let rows: String = pairs
        .iter()
        .map(|pair| {
            let ratios = PERCENTILES.map(|(_, p)| ratio_cell(pair.ratio(p))).concat();
            format!(
                "<tr class=\"first\"><th scope=\"row\">{}</th><td class=\"left\">A</td>{}</tr>\n\
                 <tr><th scope=\"row\"></th><td class=\"left\">B</td>{}</tr>\n\
                 <tr class=\"ratio\"><th scope=\"row\"></th><td class=\"left\">B / A</td><td></td>{ratios}{}</tr>\n",
                tables::stage_name(pair.stage),
                tables::distribution_cells(&pair.before),
                tables::distribution_cells(&pair.after),
                ratio_cell(pair.max_ratio())
            )
        })
        .collect();
    let body = format!(
        "<div class=\"scroll\"><table><thead><tr><th scope=\"col\" class=\"left\">stage</th>\
         <th scope=\"col\" class=\"left\">run</th><th scope=\"col\">count</th>{}</tr></thead>\n\
         <tbody>{rows}</tbody></table></div>\n{}",
        tables::percentile_heads(),
        tables::FEW
    );
    page::section("Figures", &body)
}

fn ratio_cell(ratio: Option<f64>) -> String {
    let Some(ratio) = ratio else {
        return "<td>–</td>".to_owned();
    };
    let (class, sign) = match Change::of(ratio) {
        Change::Better => (" class=\"better\"", "▼ "),
        Change::Worse => (" class=\"worse\"", "▲ "),
        Change::Same => ("", ""),
    };
    format!("<td{class}>{sign}{ratio:.2}×</td>")
}

fn counts(before: &Results, after: &Results) -> String {
    let rows: String = diff::counted(&before.counts, &after.counts)
        .into_iter()
        .map(|(name, a, b)| {
            let difference = i128::from(b) - i128::from(a);
            format!(
                "<tr><th scope=\"row\">{name}</th><td>{}</td><td>{}</td><td>{difference:+}</td></tr>\n",
                units::count(a),
                units::count(b)
            )
        })
        .collect();
    let body = format!(
        "<div class=\"scroll\"><table class=\"short\"><thead><tr><th scope=\"col\" class=\"left\">count</th>\
         <th scope=\"col\">A</th><th scope=\"col\">B</th><th scope=\"col\">B − A</th></tr></thead>\n\
         <tbody>{rows}</tbody></table></div>\n"
    );
    page::section("What happened", &body)
}
