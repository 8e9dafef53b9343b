//! The generator: one thread that asks, in closed loop to saturate a program, or
//! in open loop at a rate, counting from when each request was due.

mod starts;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinSet, LocalSet, spawn_local};
use tokio::time::Instant;

use self::starts::{Starts, Turns};
use super::counters::ThreadId;
use super::line::{Line, Protocol};
use super::notes::{Notes, SENDS_PER_SLICE_MAX};
use super::requests::{Ready, Start};
use crate::chance::Chance;
use crate::histogram::Histogram;
use crate::tenant::wire::refusal;
use crate::timer::Timer;

const CREATED: u16 = 201;
const OK: u16 = 200;

/// A program under test, as its callers see it.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    pub(crate) api_key: String,
}

/// What is asked in a slice.
pub(crate) enum Load {
    /// Starts as fast as they are answered, for so long.
    Saturate(Duration),
    /// So many starts as fast as they are answered; their ids are kept.
    Prepare(u64),
    /// Starts at random moments, whether or not those before are answered.
    Pace {
        rate: f64,
        lasting: Duration,
        seed: u64,
    },
    /// These checks as fast as they are answered; all are right.
    Checks(Vec<Ready>),
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Driven {
    pub(crate) answered: u64,
    pub(crate) seconds: f64,
    /// When each send was due, or written where it was due at once.
    pub(crate) sends: Vec<(u64, Instant)>,
    /// From due to the last byte of the answer.
    pub(crate) replies: Histogram,
    /// How late the generator itself was.
    pub(crate) late: Histogram,
    /// Ids of verifications, where they are kept, by send.
    pub(crate) ids: Vec<(u64, String)>,
    /// TLS sessions that were resumed, of lines that connect for every request.
    pub(crate) resumed: u64,
    /// Of the last answer's body.
    pub(crate) answer_bytes: usize,
}

enum Order {
    Open {
        hosts: Vec<Host>,
        protocol: Protocol,
        count: u32,
        done: oneshot::Sender<anyhow::Result<()>>,
    },
    Drive {
        load: Load,
        done: oneshot::Sender<anyhow::Result<Driven>>,
    },
}

/// The thread; ends when dropped.
pub(crate) struct Generator {
    pub(crate) thread_id: ThreadId,
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Drop for Generator {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            // If it failed, its last order was not carried out, and that has been said.
            thread.join().ok();
        }
    }
}

impl Generator {
    pub(crate) async fn start(notes: Arc<Notes>) -> anyhow::Result<Self> {
        let (orders, incoming) = mpsc::channel(1);
        let (ready, started) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("generator".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                ready.send(ThreadId::of_this()).ok();
                LocalSet::new().block_on(&runtime, obey(incoming, notes))
            })?;
        Ok(Self {
            thread_id: started.await.context("the generator does not start")?,
            orders: Some(orders),
            thread: Some(thread),
        })
    }

    /// Opens new lines in the place of those before, shared among the hosts.
    pub(crate) async fn open(
        &self,
        hosts: Vec<Host>,
        protocol: Protocol,
        count: u32,
    ) -> anyhow::Result<()> {
        let (done, opened) = oneshot::channel();
        self.order(Order::Open {
            hosts,
            protocol,
            count,
            done,
        })
        .await?;
        opened.await.context("the generator has ended")?
    }

    /// Puts load on what the lines lead to.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the load ends, and so do its lines.
    pub(crate) async fn drive(&self, load: Load) -> anyhow::Result<Driven> {
        let (done, driven) = oneshot::channel();
        self.order(Order::Drive { load, done }).await?;
        driven.await.context("the generator has ended")?
    }

    async fn order(&self, order: Order) -> anyhow::Result<()> {
        let orders = self.orders.as_ref().context("the generator has ended")?;
        let sent = orders.send(order).await;
        sent.ok().context("the generator has ended")
    }
}

/// The thread's life.
async fn obey(mut orders: mpsc::Receiver<Order>, notes: Arc<Notes>) -> anyhow::Result<()> {
    let timer = Timer::new()?;
    let driver = timer.clone();
    spawn_local(async move { driver.drive().await });
    let mut hands = Hands {
        timer,
        host: None,
        lines: Vec::new(),
        notes,
    };
    while let Some(order) = orders.recv().await {
        // Where nobody waits for the outcome any more, the work ends with it.
        match order {
            Order::Open {
                hosts,
                protocol,
                count,
                mut done,
            } => tokio::select! {
                opened = hands.open(&hosts, protocol, count) => { done.send(opened).ok(); }
                () = done.closed() => {}
            },
            Order::Drive { load, mut done } => tokio::select! {
                driven = hands.drive(load) => { done.send(driven).ok(); }
                () = done.closed() => {}
            },
        }
    }
    Ok(())
}

struct Hands {
    timer: Timer,
    host: Option<Host>,
    lines: Vec<Line>,
    /// Where each send gets its number from.
    notes: Arc<Notes>,
}

impl Hands {
    /// Each host gets its part of the lines.
    async fn open(&mut self, hosts: &[Host], protocol: Protocol, count: u32) -> anyhow::Result<()> {
        self.lines.clear();
        let mut left = count;
        for (place, host) in hosts.iter().enumerate() {
            let part = left.div_ceil(u32::try_from(hosts.len() - place)?);
            left -= part;
            let lines = Line::open(&protocol, (host.address, &host.api_key), part).await?;
            self.lines.extend(lines);
        }
        // They differ in their address alone, which nobody looks up here.
        self.host = hosts.first().cloned();
        Ok(())
    }

    async fn drive(&mut self, load: Load) -> anyhow::Result<Driven> {
        let now = Instant::now();
        let turns = match load {
            Load::Saturate(lasting) => Turns::Until(now + lasting),
            Load::Prepare(count) => Turns::Count(count.min(SENDS_PER_SLICE_MAX)),
            Load::Pace {
                rate,
                lasting,
                seed,
            } => Turns::At(arrivals(now, (rate, lasting), seed).into()),
            Load::Checks(checks) => return self.check(checks).await,
        };
        let host = self.host.as_ref().context("no lines are open")?;
        let starts = Rc::new(Starts::new(
            turns,
            Arc::clone(&self.notes),
            Start::new(host.address, &host.api_key),
            self.timer.clone(),
        ));
        let mut tasks = JoinSet::new();
        for line in self.lines.drain(..) {
            let starts = Rc::clone(&starts);
            tasks.spawn_local(async move { starts.work_off(line).await });
        }
        self.lines = all(tasks).await?;
        let seconds = now.elapsed().as_secs_f64();
        Ok(Driven {
            seconds,
            resumed: self.lines.iter_mut().map(Line::take_resumed).sum(),
            ..starts.take_driven()
        })
    }

    async fn check(&mut self, checks: Vec<Ready>) -> anyhow::Result<Driven> {
        let answered = checks.len() as u64;
        let begun = Instant::now();
        let mut parts: Vec<Vec<Ready>> = self.lines.iter().map(|_| Vec::new()).collect();
        ensure!(!parts.is_empty(), "no lines are open");
        let count = parts.len();
        for (place, check) in checks.into_iter().enumerate() {
            if let Some(part) = parts.get_mut(place % count) {
                part.push(check);
            }
        }
        let length = Rc::new(Cell::new(0));
        let mut tasks = JoinSet::new();
        for (mut line, part) in self.lines.drain(..).zip(parts) {
            let length = Rc::clone(&length);
            tasks.spawn_local(async move {
                for check in &part {
                    let answer = line.ask(check).await?;
                    ensure!(
                        answer.status == OK,
                        "a check was answered {}",
                        refusal(answer.status, &answer.body)
                    );
                    length.set(answer.body.len());
                }
                Ok(line)
            });
        }
        self.lines = all(tasks).await?;
        Ok(Driven {
            answered,
            seconds: begun.elapsed().as_secs_f64(),
            answer_bytes: length.get(),
            ..Driven::default()
        })
    }
}

/// Waits for all; the first failure ends the others.
async fn all(mut tasks: JoinSet<anyhow::Result<Line>>) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    while let Some(line) = tasks.join_next().await {
        lines.push(line.context("a line's task died")??);
    }
    Ok(lines)
}

/// Moments with exponential gaps: a crowd that does not know of each other.
fn arrivals(from: Instant, (rate, lasting): (f64, Duration), seed: u64) -> Vec<Instant> {
    let mut chance = Chance::stream(seed, 0);
    let mut at_s = 0.0;
    let moments = std::iter::from_fn(|| {
        at_s += chance.exponential() / rate;
        (at_s < lasting.as_secs_f64()).then(|| from + Duration::from_secs_f64(at_s))
    });
    moments.take(SENDS_PER_SLICE_MAX as usize).collect()
}
