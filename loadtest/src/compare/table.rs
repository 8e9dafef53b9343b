//! The comparison in the terminal, as Markdown, so that it can be pasted.

use super::outcome::{GOALS, Outcome};
use crate::bench::figures_table::{aligned, number, rule};
use crate::bench::rounds::Rounds;
use crate::bench::slice::Figures;

/// All of it: ratios with their groups, then the figures behind them.
pub(super) fn table(outcome: &Outcome) -> String {
    let mut rows = vec![
        ["ratio", "median", "groups", "goal", "met"]
            .map(str::to_owned)
            .to_vec(),
        rule(5),
    ];
    for goal in GOALS {
        let ratio = outcome.ratio(goal.name);
        let groups = ratio.iter().flat_map(|ratio| &ratio.groups);
        let groups: Vec<String> = groups.map(|group| format!("{group:.2}")).collect();
        rows.push(vec![
            goal.name.to_owned(),
            number(ratio.as_ref().map(|ratio| ratio.median)),
            groups.join(", "),
            goal.bound.to_string(),
            match &ratio {
                None => "not measured",
                Some(ratio) if goal.is_met(Some(ratio)) => "yes",
                Some(_) => "no",
            }
            .to_owned(),
        ]);
    }
    let mut text = aligned(&rows);
    for (name, rounds) in outcome.kinds() {
        if rounds.made() == 0 {
            continue;
        }
        text.push('\n');
        text.push_str(&kind(name, rounds));
    }
    if let Some(why) = &outcome.circumstances.cut_short {
        text.push_str(&format!("\n{why}\n"));
    }
    text
}

/// One kind of slices: medians of both programs, and of their ratio.
fn kind(name: &str, rounds: &Rounds) -> String {
    let title = format!(
        "{} ({} rounds, {} dropped, {} failed)",
        name.replace('_', " "),
        rounds.kept.len(),
        rounds.dropped,
        rounds.failed.len()
    );
    let head = ["gateway", "yardstick", "ratio"].map(str::to_owned);
    let mut rows = vec![[vec![title], head.to_vec()].concat(), rule(4)];
    let (gateway, yardstick) = rounds.medians();
    let value = |figures: &Figures, name: &str| figures.get(name).copied();
    for name in gateway.keys() {
        rows.push(vec![
            (*name).to_owned(),
            number(value(&gateway, name)),
            number(value(&yardstick, name)),
            number(rounds.ratio(name).map(|ratio| ratio.median)),
        ]);
    }
    let mut text = aligned(&rows);
    if let Some(why) = rounds.failed.first() {
        text.push_str(&format!("first failure: {why}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::outcome::tests::outcome;
    use super::*;

    #[test]
    fn the_table_shows_every_goal_and_the_figures_behind_it() {
        let text = table(&outcome(&[1.3; 8]));
        let line = |start: &str| {
            let line = text.lines().find(|line| line.starts_with(start));
            let cells = line.expect(start).split('|').map(str::trim);
            cells.filter(|cell| !cell.is_empty()).collect::<Vec<_>>()
        };
        assert_eq!(
            line("| cpu "),
            ["cpu", "1.30", "1.30, 1.30, 1.30, 1.30", "≤ 1.25", "no"]
        );
        assert_eq!(line("| throughput").last(), Some(&"yes"));
        assert_eq!(line("| cpu_us"), ["cpu_us", "13.00", "10.00", "1.30"]);
        assert!(text.contains("low load (8 rounds, 0 dropped, 0 failed)"));
    }
}
