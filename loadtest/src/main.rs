mod diff;
#[cfg(test)]
mod example;
mod histogram;
mod merge;
mod report;
mod results;
mod slo;
mod table;
mod units;

fn main() {}
