//! What the integration tests share.

pub(crate) mod redis_server;
