//! The integration tests: one binary, with what they share in `support`.

mod store_redis;
mod support;
