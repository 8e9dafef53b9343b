//! The integration tests: one binary, one module for each thing they prove.
//! Real processes, a real Redis, faults on purpose.

#[cfg(test)]
mod numbers;
#[cfg(test)]
mod store_conformance;
#[cfg(test)]
mod store_redis;
#[cfg(test)]
mod support;
#[cfg(test)]
mod the_harness;
