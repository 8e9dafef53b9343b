//! Two engines and the published metadata on the same numbers: every example of
//! every territory, and spellings and misspellings of it.
//!
//! What they do not agree on stands in `tests/data/number-disagreements.txt`,
//! one line each, so that an update of an engine shows what it changes.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::path::Path;

use phonenumber::metadata::DATABASE;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use watchword::number::{self, LineType, Region};

const METADATA: &str = include_str!("../data/libphonenumber/PhoneNumberMetadata.xml");
const LISTED: &str = include_str!("../data/number-disagreements.txt");

const HEADER: &str = "\
# Where rlibphonenumber (ours, behind our spelling filter), phonenumber and the
# published metadata differ. Made by the tests in tests/it/numbers.rs, which
# fail when it changes and say where the new list is and how to take it over.
# The numbers are the metadata's published examples and mutations of them.
# Full-width digits, which phonenumber refuses, are tried on mobiles only, and a
# full-width plus sign not at all.
";

/// An example number, labelled with its territory and its type.
struct Example {
    region: String,
    country_code: String,
    national_prefix: String,
    label: LineType,
    national: String,
}

impl Example {
    fn e164(&self) -> String {
        format!("+{}{}", self.country_code, self.national)
    }
}

/// The elements of a territory that say what type their example has.
const LABELS: [(&str, LineType); 10] = [
    ("fixedLine", LineType::FixedLine),
    ("mobile", LineType::Mobile),
    ("pager", LineType::Pager),
    ("tollFree", LineType::TollFree),
    ("premiumRate", LineType::PremiumRate),
    ("sharedCost", LineType::SharedCost),
    ("personalNumber", LineType::Personal),
    ("voip", LineType::Voip),
    ("uan", LineType::Uan),
    ("voicemail", LineType::Voicemail),
];

#[test]
fn both_engines_and_the_labels_agree_except_where_listed() {
    let examples = examples();
    let mut list = HEADER.to_owned();
    list_label_disagreements(&examples, &mut list);
    list_engine_disagreements(&examples, &mut list);
    if list == LISTED {
        return;
    }
    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("number-disagreements.txt");
    std::fs::write(&fresh, &list).unwrap();
    let first_change = list
        .lines()
        .zip(LISTED.lines().chain(std::iter::repeat("")))
        .find(|(now, listed)| now != listed);
    panic!(
        "the disagreements have changed, first here (now, listed): {first_change:#?}\n\
         read the difference, and take it over with\n\
         cp {} tests/data/number-disagreements.txt",
        fresh.display()
    );
}

#[test]
fn every_example_may_receive_exactly_what_its_label_allows() {
    for example in examples() {
        let text = example.e164();
        let parsed = number::parse(&text, None).unwrap();
        let shares_a_range = parsed.line_type == LineType::FixedLineOrMobile;
        if !(shares_a_range && example.label == LineType::FixedLine) {
            assert_eq!(parsed.channels(), example.label.channels(), "{text}");
        }
    }
}

/// Where our parse gives an example another territory or type than its label.
fn list_label_disagreements(examples: &[Example], list: &mut String) {
    let mut lines = String::new();
    for example in examples {
        let text = example.e164();
        let ours = Verdict::ours(&text, None);
        let agrees = ours.0.as_ref().is_some_and(|accepted| {
            accepted.region == example.region && carries_label(accepted.line_type, example.label)
        });
        if !agrees {
            let label = example.label.as_str();
            writeln!(lines, "{text}\t{} {label}\t{ours}", example.region).unwrap();
        }
    }
    let (count, total) = (lines.lines().count(), examples.len());
    writeln!(
        list,
        "\n# {count} of {total} examples are not what their label says."
    )
    .unwrap();
    writeln!(list, "# number, label, ours").unwrap();
    list.push_str(&lines);
}

/// Fixed lines and mobiles that share a range carry both labels.
fn carries_label(line_type: &str, label: LineType) -> bool {
    let shares_a_range = line_type == LineType::FixedLineOrMobile.as_str()
        && matches!(label, LineType::FixedLine | LineType::Mobile);
    shares_a_range || line_type == label.as_str()
}

/// Where the two engines give different answers to the same text.
fn list_engine_disagreements(examples: &[Example], list: &mut String) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut lines = String::new();
    // Territories that share a country code share examples too.
    let mut seen = HashSet::new();
    for example in examples {
        for (text, region) in spellings(example) {
            if !seen.insert((text.clone(), region)) {
                continue;
            }
            let ours = Verdict::ours(&text, region);
            let theirs = Verdict::theirs(&text, region);
            if let Some(kind) = ours.difference(&theirs) {
                *counts.entry(kind).or_default() += 1;
                let region = region.unwrap_or("-");
                writeln!(lines, "{text}\t{region}\t{kind}\t{ours}\t{theirs}").unwrap();
            }
        }
    }
    let count = lines.lines().count();
    writeln!(
        list,
        "\n# The engines differ on {count} of {} texts:",
        seen.len()
    )
    .unwrap();
    for (kind, count) in counts {
        writeln!(list, "# {count} {kind}").unwrap();
    }
    writeln!(
        list,
        "# text, region, difference, rlibphonenumber, phonenumber"
    )
    .unwrap();
    list.push_str(&lines);
}

/// What an engine makes of a text; `None` if it is no valid number.
struct Verdict(Option<Accepted>);

struct Accepted {
    e164: String,
    region: String,
    line_type: &'static str,
}

impl Verdict {
    fn ours(text: &str, region: Option<&str>) -> Self {
        let region = region.map(|region| Region::parse(region).unwrap());
        Self(number::parse(text, region).ok().map(|parsed| Accepted {
            e164: parsed.number.expose().to_owned(),
            region: parsed.region.as_str().to_owned(),
            line_type: parsed.line_type.as_str(),
        }))
    }

    fn theirs(text: &str, region: Option<&str>) -> Self {
        let region = region.map(|region| region.parse().unwrap());
        let parsed = phonenumber::parse(region, text)
            .ok()
            .filter(phonenumber::is_valid);
        Self(parsed.map(|parsed| {
            Accepted {
                e164: parsed.format().mode(phonenumber::Mode::E164).to_string(),
                region: parsed
                    .country()
                    .id()
                    .map_or_else(|| "001".to_owned(), |id| id.as_ref().to_owned()),
                line_type: type_word(parsed.number_type(&DATABASE)),
            }
        }))
    }

    fn difference(&self, other: &Self) -> Option<&'static str> {
        match (&self.0, &other.0) {
            (None, None) => None,
            (Some(_), None) => Some("refused by phonenumber"),
            (None, Some(_)) => Some("refused by ours"),
            (Some(ours), Some(theirs)) if ours.e164 != theirs.e164 => Some("other number"),
            (Some(ours), Some(theirs)) if ours.region != theirs.region => Some("other region"),
            (Some(ours), Some(theirs)) if ours.line_type != theirs.line_type => Some("other type"),
            (Some(_), Some(_)) => None,
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(accepted) => write!(
                formatter,
                "{} {} {}",
                accepted.e164, accepted.region, accepted.line_type
            ),
            None => formatter.write_str("refused"),
        }
    }
}

fn type_word(line_type: phonenumber::Type) -> &'static str {
    match line_type {
        phonenumber::Type::FixedLine => "fixed_line",
        phonenumber::Type::Mobile => "mobile",
        phonenumber::Type::FixedLineOrMobile => "fixed_line_or_mobile",
        phonenumber::Type::TollFree => "toll_free",
        phonenumber::Type::PremiumRate => "premium_rate",
        phonenumber::Type::SharedCost => "shared_cost",
        phonenumber::Type::PersonalNumber => "personal",
        phonenumber::Type::Voip => "voip",
        phonenumber::Type::Pager => "pager",
        phonenumber::Type::Uan => "uan",
        phonenumber::Type::Voicemail => "voicemail",
        phonenumber::Type::Unknown
        | phonenumber::Type::Emergency
        | phonenumber::Type::ShortCode
        | phonenumber::Type::StandardRate
        | phonenumber::Type::Carrier
        | phonenumber::Type::NoInternational => "other",
    }
}

/// The texts made from one example, each with the region it is dialled from.
fn spellings(example: &Example) -> Vec<(String, Option<&str>)> {
    let Example {
        country_code,
        national,
        national_prefix,
        ..
    } = example;
    let e164 = example.e164();
    let mut texts = vec![
        (grouped(&e164, " "), None),
        (e164.chars().take(e164.len() - 1).collect(), None),
        (format!("{e164}5"), None),
        (swapped(&e164, country_code.len() + 1), None),
        (swapped(&e164, e164.len() - 2), None),
        (e164, None),
    ];
    if example.label == LineType::Mobile {
        let digits = full_width(&format!("{country_code}{national}"));
        texts.push((format!("+{digits}"), None));
    }
    // `001` is a label for no place: nobody dials from there.
    if example.region != "001" {
        let home = Some(example.region.as_str());
        texts.extend([
            (national.clone(), home),
            (format!("{national_prefix}{national}"), home),
            (
                format!("({national_prefix}) {}", grouped(national, "-")),
                home,
            ),
            (format!("00{country_code}{national}"), home),
        ]);
    }
    texts
}

fn full_width(text: &str) -> String {
    text.chars()
        .filter_map(|character| char::from_u32(u32::from(character) + 0xFEE0))
        .collect()
}

fn grouped(text: &str, separator: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let groups: Vec<String> = characters
        .chunks(3)
        .map(|group| group.iter().collect())
        .collect();
    groups.join(separator)
}

/// Swaps the characters at `index` and behind it, the commonest slip of a finger.
fn swapped(text: &str, index: usize) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    characters.swap(index, index + 1);
    characters.into_iter().collect()
}

/// Every example number of the metadata, those of one country together:
/// `phonenumber` keeps the patterns of a few countries only.
fn examples() -> Vec<Example> {
    let mut reader = Reader::from_str(METADATA);
    let mut examples = Vec::new();
    let mut territory = (String::new(), String::new(), String::new());
    let mut label = None;
    loop {
        let event = reader.read_event().unwrap();
        if matches!(event, Event::Eof) {
            break;
        }
        let Event::Start(element) = event else {
            continue;
        };
        match element.name().as_ref() {
            b"territory" => {
                territory = (
                    attribute(&element, "id"),
                    attribute(&element, "countryCode"),
                    attribute(&element, "nationalPrefix"),
                );
            }
            b"exampleNumber" => {
                let text = reader.read_text(element.name()).unwrap();
                let (region, country_code, national_prefix) = territory.clone();
                examples.push(Example {
                    region,
                    country_code,
                    national_prefix,
                    label: label.expect("an example stands in its type"),
                    national: text.decode().unwrap().trim().to_owned(),
                });
            }
            name => {
                label = LABELS
                    .into_iter()
                    .find(|(element, _)| element.as_bytes() == name)
                    .map(|(_, line_type)| line_type)
                    .or(label);
            }
        }
    }
    assert!(examples.len() > 1_000, "only {} examples", examples.len());
    examples.sort_by(|one, other| one.country_code.cmp(&other.country_code));
    examples
}

fn attribute(element: &BytesStart<'_>, name: &str) -> String {
    element
        .try_get_attribute(name)
        .unwrap()
        .map(|attribute| {
            attribute
                .normalized_value(XmlVersion::Explicit1_0)
                .unwrap()
                .into_owned()
        })
        .unwrap_or_default()
}
