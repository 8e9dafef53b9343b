//! What the integration tests stand on: real processes, a real Redis that can
//! be broken, providers that misbehave on demand, and the search for leaks
//! that ends every test.

pub(crate) mod client;
pub(crate) mod codes;
pub(crate) mod fake_aws;
pub(crate) mod fake_camara;
pub(crate) mod fake_entra;
pub(crate) mod fake_infobip;
pub(crate) mod fake_provider;
pub(crate) mod fake_twilio;
pub(crate) mod gateway_config;
pub(crate) mod gateway_process;
mod http_wire;
pub(crate) mod kannel;
pub(crate) mod leaks;
pub(crate) mod numbers;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod receipts;
pub(crate) mod redis_proxy;
pub(crate) mod redis_server;
pub(crate) mod scenario;
pub(crate) mod sink;
mod webhook_signature;

/// Bytes nobody can guess.
pub(crate) fn random_bytes<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// In lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What whoever runs the tests has said by an environment variable.
#[expect(
    clippy::disallowed_methods,
    reason = "the configuration of tests is no gateway's"
)]
pub(crate) fn from_the_caller(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
