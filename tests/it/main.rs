//! The integration tests: real processes, a real Redis, faults on purpose.

#[cfg(test)]
mod numbers;
