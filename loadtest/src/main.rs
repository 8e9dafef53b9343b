#[cfg(test)]
mod example;
mod histogram;
mod merge;
mod report;
mod results;
mod slo;
mod units;

fn main() {}
