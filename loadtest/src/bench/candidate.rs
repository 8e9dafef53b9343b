//! What is measured: one program, or several that share the load, with the Redis
//! that they keep their records in.

use super::counters::{ProcessWork, RedisCounters, Work};
use super::generator::Host;
use super::redis_server::RedisServer;
use super::requests::CheckForm;
use crate::stage::process::Process;

/// Programs and their Redis; dropping it ends them.
pub(crate) struct Candidate {
    /// For messages.
    pub(crate) name: String,
    /// One of each program.
    pub(crate) hosts: Vec<Host>,
    pub(crate) check_form: CheckForm,
    programs: Vec<Program>,
    /// `None` where records are kept otherwise. Ends after the programs, which are
    /// dropped first.
    pub(crate) redis: Option<RedisServer>,
}

struct Program {
    process: Process,
    work: ProcessWork,
}

impl Candidate {
    pub(crate) fn new(
        (name, check_form): (&str, CheckForm),
        programs: Vec<(Host, Process)>,
        redis: Option<RedisServer>,
    ) -> Self {
        let (hosts, processes): (Vec<Host>, Vec<Process>) = programs.into_iter().unzip();
        let program = |process: Process| Program {
            work: ProcessWork::of(process.id()),
            process,
        };
        Self {
            name: name.to_owned(),
            hosts,
            check_form,
            programs: processes.into_iter().map(program).collect(),
            redis,
        }
    }

    /// What the system calls its programs.
    pub(crate) fn program_ids(&self) -> impl Iterator<Item = u32> {
        self.programs.iter().map(|program| program.process.id())
    }

    /// CPU time of the programs so far.
    pub(crate) fn cpu(&mut self) -> anyhow::Result<Work> {
        self.work(ProcessWork::cpu)
    }

    /// CPU time and sleeps of the programs so far.
    pub(crate) fn all(&mut self) -> anyhow::Result<Work> {
        self.work(ProcessWork::all)
    }

    fn work(
        &mut self,
        read: impl Fn(&mut ProcessWork) -> anyhow::Result<Work>,
    ) -> anyhow::Result<Work> {
        let mut works = self.programs.iter_mut().map(|program| &mut program.work);
        works.try_fold(Work::default(), |sum, work| Ok(sum + read(work)?))
    }

    /// CPU time of Redis so far; none without one.
    pub(crate) fn redis_cpu(&mut self) -> anyhow::Result<Work> {
        self.redis
            .as_mut()
            .map_or_else(|| Ok(Work::default()), RedisServer::cpu)
    }

    /// What Redis has counted; `None` without one.
    pub(crate) fn redis_counters(&mut self) -> anyhow::Result<Option<RedisCounters>> {
        self.redis.as_mut().map(RedisServer::counters).transpose()
    }
}
