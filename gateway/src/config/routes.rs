//! Reads `[[routes]]`.

use watchword_providers::Channel;

use super::reader::Section;
use super::region::RegionSet;
use super::settings::{RouteSettings, Strategy};
use super::tenants::{CHANNELS, region_list};
use super::words;

const STRATEGIES: [(&str, Strategy); 1] = [("ordered", Strategy::Ordered)];

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
    let hops = section.parsed_list("hops", HOPS_MAX, words::identifier);
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
        strategy: section.choice_or("strategy", &STRATEGIES, ("ordered", Strategy::Ordered)),
        hops,
    }
}
