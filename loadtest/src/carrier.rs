//! The simulated carrier: speaks as its providers would, does to each message
//! what the script says, and writes down what it did.

mod body;
mod desk;
mod fate;
mod forms;
pub(crate) mod receipts;
pub(crate) mod signature;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use rustls::ClientConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::Instant;

use self::desk::Desk;
use self::signature::Secret;
use crate::recorder::{Recorded, Recorder};
use crate::results::Mark;
use crate::scenario::{Form, Provider, Script};
use crate::seconds::Part;
use crate::sends::Sends;
use crate::target::Reach;

/// Accepted connections that wait for their thread.
const BACKLOG: usize = 1_024;
/// After an accept that failed, for want of files as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What the carrier is told.
pub(crate) struct CarrierSettings {
    pub(crate) listen: SocketAddr,
    pub(crate) threads: usize,
    pub(crate) providers: Vec<Provider>,
    /// Shared with the gateway under test; without it nothing is verified, and
    /// no receipt can be signed.
    pub(crate) secret: Option<Secret>,
    pub(crate) seed: u64,
    /// Where receipts may be posted to.
    pub(crate) reach: Reach,
    /// How, if a gateway wants them over TLS.
    pub(crate) tls: ClientConfig,
}

/// What all its threads share.
pub(crate) struct Book {
    providers: Vec<Actor>,
    secret: Option<Secret>,
    pub(crate) sends: Arc<Sends>,
    reach: Reach,
    tls: ClientConfig,
    seed: u64,
    /// Set when the run begins: until then nothing is recorded, and all is well.
    begun: OnceLock<Begun>,
    /// Other ways to the gateway, for receipts whose node is gone.
    pub(crate) detours: OnceLock<Vec<String>>,
}

struct Begun {
    start: Instant,
    parts: mpsc::Sender<Part>,
}

/// A provider with its script worked out.
struct Actor {
    id: String,
    form: Form,
    always: Script,
    windows: Vec<(f64, f64, Script)>,
}

impl Actor {
    fn new(provider: &Provider) -> Self {
        let always = Script::default().with(&provider.behaviour);
        let window = |window: &crate::scenario::Window| {
            (window.from_s, window.to_s, always.with(&window.behaviour))
        };
        Self {
            id: provider.id.clone(),
            form: provider.form,
            windows: provider.windows.iter().map(window).collect(),
            always,
        }
    }

    /// What holds at a moment of the run; of several windows the first.
    fn script(&self, at_s: f64) -> &Script {
        let holds = |(from_s, to_s, _): &&(f64, f64, Script)| (*from_s..*to_s).contains(&at_s);
        let window = self.windows.iter().find(holds);
        window.map_or(&self.always, |(_, _, script)| script)
    }
}

/// What the windows of the script mean for a chart.
pub(crate) fn marks(providers: &[Provider]) -> Vec<Mark> {
    let windows = providers.iter().flat_map(|provider| {
        provider.windows.iter().flat_map(|window| {
            let mark = |at_s: f64, what: &str| Mark {
                at_s,
                text: format!("{}: {} {what}", provider.id, window.text),
            };
            [mark(window.from_s, "begins"), mark(window.to_s, "ends")]
        })
    });
    windows.collect()
}

/// A carrier that listens.
pub(crate) struct Carrier {
    pub(crate) address: SocketAddr,
    pub(crate) book: Arc<Book>,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<anyhow::Result<Recorded>>>,
}

impl Carrier {
    /// Binds the port and starts the threads.
    ///
    /// # Errors
    ///
    /// The port is taken, or the system gives no thread.
    pub(crate) async fn start(
        settings: CarrierSettings,
        sends: Arc<Sends>,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("the carrier cannot listen on {}", settings.listen))?;
        let address = listener.local_addr()?;
        let book = Arc::new(Book {
            providers: settings.providers.iter().map(Actor::new).collect(),
            secret: settings.secret,
            sends,
            reach: settings.reach,
            tls: settings.tls,
            seed: settings.seed,
            begun: OnceLock::new(),
            detours: OnceLock::new(),
        });
        let (stop, stopped) = watch::channel(false);
        let mut threads = Vec::new();
        let mut doors = Vec::new();
        for number in 0..settings.threads.max(1) {
            let (door, connections) = tokio::sync::mpsc::channel(BACKLOG);
            let (book, stopped) = (Arc::clone(&book), stopped.clone());
            let thread = std::thread::Builder::new()
                .name(format!("carrier-{number}"))
                .spawn(move || run(&book, number, connections, stopped))?;
            threads.push(thread);
            doors.push(door);
        }
        tokio::spawn(accept(listener, doors, stopped));
        Ok(Self {
            address,
            book,
            stop,
            threads,
        })
    }

    /// From now on the script holds and everything is recorded.
    pub(crate) fn begin(&self, start: Instant, parts: mpsc::Sender<Part>) {
        // A second call would belong to another run, which has a carrier of its own.
        self.book.begun.set(Begun { start, parts }).ok();
    }

    /// Ends it and hands over what it recorded.
    ///
    /// # Errors
    ///
    /// A thread of it has failed.
    pub(crate) async fn finish(self) -> anyhow::Result<Recorded> {
        // Threads that have failed do not listen.
        self.stop.send(true).ok();
        let threads = self.threads;
        tokio::task::spawn_blocking(move || {
            let mut all = Recorded::default();
            for thread in threads {
                let recorded = thread
                    .join()
                    .map_err(|_| anyhow!("a carrier thread died"))?;
                all.merge(recorded?);
            }
            Ok(all)
        })
        .await?
    }
}

/// Hands new connections to the threads in turn.
async fn accept(
    listener: TcpListener,
    doors: Vec<tokio::sync::mpsc::Sender<std::net::TcpStream>>,
    mut stopped: watch::Receiver<bool>,
) {
    for door in doors.iter().cycle() {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|is_stopped| *is_stopped) => return,
        };
        let stream = accepted.and_then(|(stream, _)| {
            stream.set_nodelay(true)?;
            stream.into_std()
        });
        let Ok(stream) = stream else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if door.send(stream).await.is_err() {
            return;
        }
    }
}

/// One thread of the carrier.
fn run(
    book: &Arc<Book>,
    number: usize,
    mut connections: tokio::sync::mpsc::Receiver<std::net::TcpStream>,
    mut stopped: watch::Receiver<bool>,
) -> anyhow::Result<Recorded> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let desk = Desk::new(Arc::clone(book), number as u64)?;
        let driver = desk.timer();
        spawn_local(async move { driver.drive().await });
        spawn_local(desk.clone().probe());
        let serving = async {
            while let Some(stream) = connections.recv().await {
                let stream = TcpStream::from_std(stream)?;
                desk.serve(stream);
            }
            std::io::Result::Ok(())
        };
        tokio::select! {
            served = serving => served?,
            _ = stopped.wait_for(|is_stopped| *is_stopped) => {}
        }
        Ok(desk
            .take_recorder()
            .map(Recorder::finish)
            .unwrap_or_default())
    })
}

impl Book {
    fn begun(&self) -> Option<&Begun> {
        self.begun.get()
    }
}
