//! The programs that are compared, each with a Redis of its own, in a directory
//! that is deleted at the end. The gateway is configured as in production.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use tempfile::TempDir;

use crate::bench::candidate::Candidate;
use crate::bench::gateway::{GatewayPlan, Keys, StorePlan, Surroundings, program};
use crate::bench::generator::Host;
use crate::bench::redis_server::{Durability, RedisServer};
use crate::bench::requests::CheckForm;
use crate::stage::free_address;
use crate::stage::process::Process;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Which {
    Gateway,
    Yardstick,
}

/// All processes. Dropping it ends them.
pub(super) struct Stage {
    gateway: Candidate,
    yardstick: Candidate,
    /// Deleted when dropped.
    _directory: TempDir,
}

impl Stage {
    /// Starts everything and waits until it answers.
    ///
    /// # Errors
    ///
    /// Says which program did not start, with the last lines of its log.
    pub(super) async fn set(
        bin_dir: &Path,
        carrier: SocketAddr,
        durability: Durability,
    ) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir().context("a directory for the run")?;
        let keys = Keys::draw()?;
        let surroundings = Surroundings {
            program: program(bin_dir, "watchword")?,
            directory: directory.path(),
            keys: &keys,
            carrier_url: format!("http://{carrier}/send"),
        };
        let yardstick = program(bin_dir, "watchword-yardstick")?;
        Ok(Self {
            yardstick: start_yardstick(&surroundings, &yardstick, durability).await?,
            gateway: start_gateway(&surroundings, durability).await?,
            _directory: directory,
        })
    }

    pub(super) fn candidate(&mut self, which: Which) -> &mut Candidate {
        match which {
            Which::Gateway => &mut self.gateway,
            Which::Yardstick => &mut self.yardstick,
        }
    }
}

async fn start_yardstick(
    surroundings: &Surroundings<'_>,
    program: &Path,
    durability: Durability,
) -> anyhow::Result<Candidate> {
    let directory = surroundings.directory;
    let redis = RedisServer::start((directory, "redis-yardstick"), durability).await?;
    let address = free_address()?;
    let listen = address.to_string();
    let api_key = surroundings.keys.api_key.clone();
    let arguments = [
        "serve",
        "--listen",
        &listen,
        "--redis",
        &redis.url,
        "--carrier",
        &surroundings.carrier_url,
        "--api-key",
        &api_key,
    ];
    let arguments = arguments.iter().map(OsStr::new);
    let mut process = Process::start_as_equal(program, arguments, (directory, "yardstick"))?;
    process.wait_until_listening(address).await?;
    let host = Host { address, api_key };
    Ok(Candidate::new(
        ("yardstick", CheckForm::Yardstick),
        vec![(host, process)],
        Some(redis),
    ))
}

async fn start_gateway(
    surroundings: &Surroundings<'_>,
    durability: Durability,
) -> anyhow::Result<Candidate> {
    let directory = surroundings.directory;
    let redis = RedisServer::start((directory, "redis-gateway"), durability).await?;
    let plan = GatewayPlan::plain("gateway", StorePlan::Redis(&redis.url));
    let gateway = surroundings.start(&plan).await?;
    Ok(Candidate::new(
        ("gateway", CheckForm::Gateway),
        vec![gateway],
        Some(redis),
    ))
}
