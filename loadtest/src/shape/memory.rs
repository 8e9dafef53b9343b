//! What is kept: bytes of Redis and of the disk for each verification, bytes of the
//! gateway for each connection.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use rustls::ClientConfig;

use super::course::{CONNECTIONS, Course, Setup, lines};
use super::parts::Found;
use super::row::Row;
use crate::bench::candidate::Candidate;
use crate::bench::certificate::{Certificate, Tickets};
use crate::bench::line::{Line, Protocol};
use crate::bench::requests::Ready;
use crate::bench::slice::Kind;

/// Verifications whose bytes are counted, and in which parts they are started.
const VERIFICATIONS: u64 = 40_000;
const AT_ONCE: u64 = 8_000;
/// Of the embedded store, which writes each one to disk.
const ON_DISK: u64 = 10_000;
/// So that what is there once is not counted for each.
const WARM_UP: u64 = 2_000;
const IDLE_CONNECTIONS: u32 = 2_000;
const BLOCK_BYTES: u64 = 512;
const NOT_FOUND: u16 = 404;

pub(super) async fn memory(
    course: &mut Course,
    certificate: &Certificate,
) -> anyhow::Result<Found> {
    let mut found = Found::default();
    in_redis(course, &mut found).await?;
    on_disk(course, &mut found).await?;
    of_connections(course, certificate, &mut found).await?;
    Ok(found)
}

async fn in_redis(course: &mut Course, found: &mut Found) -> anyhow::Result<()> {
    let mut gateway = course.gateway(&Setup::plain("memory")).await?;
    let lines = lines(Protocol::Http1, CONNECTIONS);
    course.bench.prepare(&mut gateway, &lines, WARM_UP).await?;
    let before = used(&mut gateway)?;
    let mut checks = Vec::new();
    for _ in 0..VERIFICATIONS / AT_ONCE {
        checks.extend(course.bench.prepare(&mut gateway, &lines, AT_ONCE).await?);
    }
    let live = used(&mut gateway)?;
    course.bench.check_all(&mut gateway, checks).await?;
    let ended = used(&mut gateway)?;
    let each = |now: u64| now.saturating_sub(before) as f64 / VERIFICATIONS as f64;
    found.rows.extend([
        Row::alone("live verification", "redis_bytes", each(live)),
        Row::alone("tombstone", "redis_bytes", each(ended)),
    ]);
    Ok(())
}

fn used(candidate: &mut Candidate) -> anyhow::Result<u64> {
    let counters = candidate.redis_counters()?;
    Ok(counters.context("a gateway on Redis")?.memory_bytes)
}

async fn on_disk(course: &mut Course, found: &mut Found) -> anyhow::Result<()> {
    let file = course.disk.join("memory-store");
    let mut gateway = course.embedded(&file).await?;
    let lines = lines(Protocol::Http1, CONNECTIONS);
    let mut sizes = Vec::new();
    for count in [WARM_UP, ON_DISK] {
        let load = (Kind::Count(count), 0);
        course.bench.slice(&mut gateway, &lines, load).await?;
        sizes.push(allocated(&file)?);
    }
    if let [before, after] = sizes.as_slice() {
        let each = after.saturating_sub(*before) as f64 / ON_DISK as f64;
        found
            .rows
            .push(Row::alone("live verification", "disk_bytes", each));
    }
    Ok(())
}

/// What a file takes on disk, holes left out.
fn allocated(file: &Path) -> anyhow::Result<u64> {
    let metadata = fs::metadata(file).with_context(|| format!("looking at {}", file.display()))?;
    Ok(metadata.blocks() * BLOCK_BYTES)
}

async fn of_connections(
    course: &Course,
    certificate: &Certificate,
    found: &mut Found,
) -> anyhow::Result<()> {
    let config = certificate.client(Tickets::Thrown)?;
    let secured = Setup {
        tls: Some(&course.tls),
        ..Setup::plain("connections-tls")
    };
    for (name, setup, tls) in [
        ("idle connection", Setup::plain("connections-clear"), None),
        ("idle connection, TLS", secured, Some(config)),
    ] {
        let gateway = course.gateway(&setup).await?;
        let bytes = of_idle_connection(&gateway, tls).await?;
        found.rows.push(Row::alone(name, "rss_bytes", bytes));
    }
    Ok(())
}

/// Each connection has carried one request, as those of a pool have.
async fn of_idle_connection(
    gateway: &Candidate,
    tls: Option<Arc<ClientConfig>>,
) -> anyhow::Result<f64> {
    let program = gateway.program_ids().next().context("a program")?;
    let host = gateway.hosts.first().context("a gateway")?;
    let host = (host.address, host.api_key.as_str());
    let protocol = tls.map_or(Protocol::Http1, Protocol::Tls);
    let nothing = Ready::new("/nothing".to_owned(), host, "{}");
    let mut held = Vec::new();
    let mut before = 0;
    for number in 0..=IDLE_CONNECTIONS {
        let lines = Line::open(&protocol, host, 1).await?;
        for mut line in lines {
            let answer = line.ask(&nothing).await?;
            ensure!(
                answer.status == NOT_FOUND,
                "a path that is not there was answered {}",
                answer.status
            );
            held.push(line);
        }
        // The first one brings what all others share.
        if number == 0 {
            before = resident_bytes(program)?;
        }
    }
    let grown = resident_bytes(program)?.saturating_sub(before);
    Ok(grown as f64 / f64::from(IDLE_CONNECTIONS))
}

fn resident_bytes(process: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    resident(&status).context("the kernel does not tell how much memory a process has")
}

fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_from_what_the_kernel_tells() {
        let status = "Name:\twatchword\nVmSize:\t  90000 kB\nVmRSS:\t  20480 kB\n";
        assert_eq!(resident(status), Some(20_971_520));
        assert_eq!(resident("Name:\twatchword\n"), None);
    }
}
