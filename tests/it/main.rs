//! The integration tests: one binary, so that it is linked once.

#[cfg(test)]
mod store_conformance;
