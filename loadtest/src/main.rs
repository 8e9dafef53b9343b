//! The load tester.

mod arrivals;
mod carrier;
mod chance;
mod handset;
mod histogram;
mod people;
mod recorder;
mod results;
mod scenario;
mod seconds;
mod sends;
mod target;
mod tenant;
mod timer;

fn main() {}
