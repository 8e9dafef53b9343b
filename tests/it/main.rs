//! The integration tests: one binary, one module for each thing they prove.

#[cfg(test)]
mod support;
#[cfg(test)]
mod the_harness;
