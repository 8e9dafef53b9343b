//! Reads `[[routes]]`.

use watchword_providers::Channel;

use super::reader::Section;
use super::region::RegionSet;
use super::settings::{RouteSettings, Strategy};
use super::tenants::{CHANNELS, region_list};
use super::words;

/// A strategy as it is named, before its hops are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Ordered,
    Weighted,
}

const STRATEGIES: [(&str, Named); 2] = [("ordered", Named::Ordered), ("weighted", Named::Weighted)];

/// Shares count against each other: more than this is no finer than a percent.
const SHARE_MAX: u64 = 1_000;

/// More hops than this do not fit any deadline.
const HOPS_MAX: usize = 16;

pub(super) fn read(root: &Section<'_>) -> Vec<RouteSettings> {
    let sections = root.sections("routes", 4_096);
    if sections.is_empty() && !root.reading().is_mistaken("routes") {
        root.mistake("routes", "missing: add a [[routes]] block for each channel");
    }
    sections.iter().map(read_route).collect()
}

fn read_route(section: &Section<'_>) -> RouteSettings {
    section.required_text("channel", "\"sms\"");
    let channel = section.choice("channel", &CHANNELS).unwrap_or(Channel::Sms);
    let tenants = section.parsed_list("tenants", 1_000, words::identifier);
    let named = section.choice_or("strategy", &STRATEGIES, ("ordered", Named::Ordered));
    let (strategy, hops) = read_hops(section, named);
    if hops.is_empty() && !section.reading().is_mistaken(&section.path_of("hops")) {
        section.mistake(
            "hops",
            "missing: list the ids of the providers to try, best first",
        );
    }
    let countries = region_list(section, "countries");
    let prefixes = section.parsed_list("prefixes", 1_000, words::number_prefix);
    let purposes = section.parsed_list("purposes", 64, words::identifier);
    for (key, is_empty) in [
        ("tenants", tenants.is_empty()),
        (
            "countries",
            countries.as_ref().is_some_and(RegionSet::is_empty),
        ),
        ("prefixes", prefixes.is_empty()),
        ("purposes", purposes.is_empty()),
    ] {
        // An empty list reads like "nobody" and would mean everybody.
        if is_empty && section.has(key) && !section.reading().is_mistaken(&section.path_of(key)) {
            section.mistake(key, "must not be empty: leave it out to match everything");
        }
    }
    RouteSettings {
        channel,
        tenants,
        countries,
        prefixes,
        purposes,
        strategy,
        hops,
    }
}

fn read_hops(section: &Section<'_>, named: Named) -> (Strategy, Vec<String>) {
    let is_weighted = named == Named::Weighted;
    let entries = section.entries("hops").into_iter();
    let misplaced = entries.filter(|(_, is_table)| *is_table != is_weighted);
    let mut is_misplaced = false;
    for (path, _) in misplaced {
        is_misplaced = true;
        let fix = match named {
            Named::Ordered => {
                "has a share, which takes strategy = \"weighted\": set that, or write the provider's id alone"
            }
            Named::Weighted => "has no share: write it as { provider = \"hook-a\", share = 70 }",
        };
        section.reading().mistake(&path, fix);
    }
    if is_misplaced {
        return (Strategy::Ordered, Vec::new());
    }
    match named {
        Named::Ordered => {
            let hops = section.parsed_list("hops", HOPS_MAX, words::identifier);
            (Strategy::Ordered, hops)
        }
        Named::Weighted => {
            let hops = section.sections("hops", HOPS_MAX);
            let (hops, shares) = hops.iter().map(read_weighted_hop).unzip();
            (Strategy::Weighted(shares), hops)
        }
    }
}

fn read_weighted_hop(hop: &Section<'_>) -> (String, u32) {
    hop.required_text("provider", "\"hook-a\"");
    let provider = hop.parsed("provider", words::identifier);
    (
        provider.unwrap_or_default(),
        hop.count("share", 1..=SHARE_MAX),
    )
}
