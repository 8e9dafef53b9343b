//! The integration tests: one binary, with what they share in `support`.

#[cfg(test)]
mod store_redis;
#[cfg(test)]
mod support;
