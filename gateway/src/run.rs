//! The life of the process: open the store, agree on keys, serve, sweep, reload
//! on SIGHUP, drain on SIGTERM.

mod desk;
mod open_store;
mod reload;
mod sandbox;
mod upkeep;
mod wiring;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::api::{Admin, Api, Surface};
use crate::config::{Loaded, Settings};
use crate::entra;
use crate::feedback;
use crate::ledger::{SweepSettings, sweep};
use crate::number;
use crate::server::{self, Drained, Listener, ServerSettings, Shutdown, shutdown_channel};
use crate::store::Store;
use crate::store::metered::MeteredStore;
use crate::subjects::worker;
use crate::tally;
use crate::telemetry::{Metrics, events};
use crate::tls::{TlsFiles, TlsReloader};
use crate::webhooks::{self, Lookout};

use wiring::Wired;

/// Why the process cannot start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("{0}")]
    Store(String),
    #[error(transparent)]
    Agreement(#[from] crate::keys::agreement::AgreementError),
    #[error(transparent)]
    Assemble(#[from] crate::assemble::AssembleError),
    #[error("cannot listen on {address} ({what}): {error}{}", hint(.error))]
    Listen {
        address: std::net::SocketAddr,
        what: &'static str,
        error: std::io::Error,
    },
    #[error("the certificate cannot be used: {0}")]
    Certificate(String),
    #[error("signals cannot be received: {0}")]
    Signals(std::io::Error),
}

fn hint(error: &std::io::Error) -> &'static str {
    if error.kind() == std::io::ErrorKind::AddrInUse {
        "; another process has the port: stop it, or set server.listen and server.admin_listen to others"
    } else {
        ""
    }
}

/// Where the configuration came from, for reloads.
pub enum Source {
    File(PathBuf),
    /// `watchword` without arguments.
    Sandbox,
}

/// Runs until told to stop. Gives the store back: once the runtime is gone, it
/// is dropped last, and what it was told is on disk.
///
/// # Errors
///
/// [`RunError`]: it could not start. What goes wrong later is logged.
pub async fn run(
    loaded: Loaded,
    source: Source,
    metrics: Arc<Metrics>,
) -> Result<Arc<dyn Store>, RunError> {
    let settings = Arc::new(loaded.settings);
    let mut signals = Signals::new().map_err(RunError::Signals)?;
    // Port and certificate first: what is wrong with them is known at once.
    let sockets = Sockets::bind(&settings)?;
    let tls = certificate(&settings, &metrics)?;
    let store = open_store::open(&settings).await?;
    let (lookout, waking) = Lookout::new();
    let lookout = Arc::new(lookout);
    let metered = MeteredStore::new(store, Arc::clone(&metrics), Arc::clone(&lookout));
    let store: Arc<dyn Store> = Arc::new(metered);
    let warming = tokio::task::spawn_blocking(number::warm);
    let wired = wiring::wire(&settings, store, (Arc::clone(&metrics), lookout)).await?;
    if let Ok(warmed) = warming.await {
        tracing::info!(
            numbers = warmed.number_count,
            duration_ms = u64::try_from(warmed.duration.as_millis()).unwrap_or(u64::MAX),
            "number engine warmed"
        );
    }
    events::ConfigReloaded { hash: &loaded.hash }.emit(&metrics);
    let (trigger, shutdown) = shutdown_channel();
    let servers = serve(&settings, sockets, tls.clone(), &wired, &shutdown);
    let sweeping = SweepSettings::every(settings.dispatch.sweep_interval);
    tokio::spawn(sweep(
        Arc::clone(&wired.dispatcher),
        wired.shared.clone(),
        sweeping,
    ));
    tokio::spawn(feedback::keep(Arc::clone(&wired.dispatcher)));
    tokio::spawn(worker::work(
        Arc::clone(&wired.keeper),
        settings.dispatch.sweep_interval,
    ));
    let carrying = wired.courier(&settings)?;
    let stopping = CancellationToken::new();
    let carrying = tokio::spawn(webhooks::carry(carrying, waking, stopping.clone()));
    tokio::spawn(upkeep::keep(wired.upkeep(&settings), shutdown.clone()));
    tokio::spawn(tally::keep(wired.shared.clone(), shutdown.clone()));
    tokio::spawn(entra::keep(wired.shared.clone(), shutdown.clone()));
    wired.state.serving();
    if matches!(source, Source::Sandbox) {
        sandbox::print_help(&settings);
    }
    let mut reloader = reload::Reloader::new(source, Arc::clone(&settings), &wired, tls);
    loop {
        match signals.next().await {
            Asked::Reload => reloader.reload().await,
            Asked::Nothing => reloader.refresh().await,
            Asked::Stop => break,
        }
    }
    let store = Arc::clone(&wired.shared.store);
    stop(reloader.settings(), wired, servers, trigger).await;
    // What has been done until here may still be told; the rest is told after the start.
    stopping.cancel();
    drop(tokio::time::timeout(WEBHOOK_DRAIN_MAX, carrying).await);
    Ok(store)
}

/// Readiness first, so that balancers look away; then the connections, then
/// the dispatches.
async fn stop(
    settings: &Settings,
    wired: Wired,
    servers: Servers,
    trigger: server::ShutdownTrigger,
) {
    wired.state.draining();
    let metrics = &wired.shared.metrics;
    let open = metrics.connections("main").open_count();
    events::DrainStarted {
        connections_open: u64::try_from(open).unwrap_or(0),
        timeout: settings.server.drain_timeout,
    }
    .emit(metrics);
    tokio::time::sleep(settings.server.drain_delay).await;
    trigger.trigger();
    // Requests that are already here are answered before dispatch stops taking any.
    let started = Instant::now();
    let none = Drained {
        finished: 0,
        cut: 0,
    };
    let drained = servers.main.await.unwrap_or(none);
    if let Some(receipts) = servers.receipts {
        receipts.await.ok();
    }
    let left = settings
        .server
        .drain_timeout
        .saturating_sub(started.elapsed());
    let cut_dispatches = wired.dispatcher.drain(left.max(DISPATCH_DRAIN_MIN)).await;
    if cut_dispatches > 0 {
        tracing::warn!(
            dispatches = cut_dispatches,
            "dispatches handed back unfinished"
        );
    }
    // Nothing is counted any more.
    wired.shared.tally.flush(&wired.shared).await;
    events::DrainEnded {
        finished: drained.finished,
        cut: drained.cut,
    }
    .emit(metrics);
    // The admin listener answers to the end.
    servers.admin.abort();
}

/// The listening sockets.
struct Sockets {
    main: TcpListener,
    admin: TcpListener,
    receipts: Option<TcpListener>,
}

impl Sockets {
    fn bind(settings: &Settings) -> Result<Self, RunError> {
        let bind = |address, what| {
            server::bind(address).map_err(|error| RunError::Listen {
                address,
                what,
                error,
            })
        };
        let server = &settings.server;
        Ok(Self {
            main: bind(server.listen, "server.listen")?,
            admin: bind(server.admin_listen, "server.admin_listen")?,
            receipts: server
                .receipts_listen
                .map(|address| bind(address, "server.receipts_listen"))
                .transpose()?,
        })
    }
}

fn certificate(settings: &Settings, metrics: &Metrics) -> Result<Option<TlsReloader>, RunError> {
    let Some(tls) = &settings.server.tls else {
        return Ok(None);
    };
    let files = TlsFiles {
        certificate: tls.cert_file.clone(),
        key: tls.key_file.clone(),
    };
    let reloader =
        TlsReloader::load(files).map_err(|error| RunError::Certificate(error.to_string()))?;
    events::CertificateReloaded {
        not_after_s: reloader.not_after_s(),
    }
    .emit(metrics);
    Ok(Some(reloader))
}

/// An endpoint that is slow is told again after the start.
const WEBHOOK_DRAIN_MAX: Duration = Duration::from_secs(2);

/// Dispatches may finish their attempt even if the connections took all the time.
const DISPATCH_DRAIN_MIN: Duration = Duration::from_secs(2);

/// The running listeners.
struct Servers {
    main: JoinHandle<Drained>,
    receipts: Option<JoinHandle<Drained>>,
    admin: JoinHandle<Drained>,
}

fn serve(
    settings: &Settings,
    sockets: Sockets,
    tls: Option<TlsReloader>,
    wired: &Wired,
    shutdown: &Shutdown,
) -> Servers {
    let metrics = &wired.shared.metrics;
    let bounds = server_settings(settings);
    let receipts = sockets.receipts.map(|socket| {
        let listener = Listener {
            socket,
            tls: tls.clone(),
            metrics: metrics.connections("receipts"),
        };
        tokio::spawn(server::serve(
            listener,
            hyper_util::service::TowerToHyperService::new(wired.api.service(Surface::Receipts)),
            bounds.clone(),
            shutdown.clone(),
        ))
    });
    let admin = Listener {
        socket: sockets.admin,
        tls: None,
        metrics: metrics.connections("admin"),
    };
    let main = Listener {
        socket: sockets.main,
        tls,
        metrics: metrics.connections("main"),
    };
    Servers {
        receipts,
        main: tokio::spawn(serve_main(
            main,
            &wired.api,
            bounds.clone(),
            shutdown.clone(),
        )),
        admin: tokio::spawn(serve_admin(admin, wired.admin(settings), bounds)),
    }
}

fn serve_main(
    listener: Listener,
    api: &Arc<Api>,
    bounds: ServerSettings,
    shutdown: Shutdown,
) -> impl Future<Output = Drained> + Send + use<> {
    let service = hyper_util::service::TowerToHyperService::new(api.service(Surface::All));
    server::serve(listener, service, bounds, shutdown)
}

/// Serves until it is dropped: readiness and metrics matter most while draining.
async fn serve_admin(listener: Listener, admin: Arc<Admin>, bounds: ServerSettings) -> Drained {
    let service = hyper_util::service::TowerToHyperService::new(admin.service());
    let (_keep, shutdown) = shutdown_channel();
    server::serve(listener, service, bounds, shutdown).await
}

fn server_settings(settings: &Settings) -> ServerSettings {
    let server = &settings.server;
    ServerSettings {
        connections_max: usize::try_from(server.connections_max).unwrap_or(usize::MAX),
        first_byte_timeout: server.first_byte_timeout,
        handshake_timeout: server.handshake_timeout,
        header_timeout: server.header_timeout,
        body_timeout: server.body_timeout,
        request_timeout: server.request_timeout,
        drain_timeout: server.drain_timeout,
        body_bytes_max: server.body_bytes_max,
        ..ServerSettings::default()
    }
}

/// What the operator asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Reload,
    Stop,
    /// Time to see whether the certificate or the sealing key is due to change.
    Nothing,
}

const REFRESH_INTERVAL: Duration = Duration::from_secs(30);

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.hangup.recv() => Asked::Reload,
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            () = tokio::time::sleep(REFRESH_INTERVAL) => Asked::Nothing,
        }
    }
}

/// Where the sandbox keeps its store and its key.
pub const SANDBOX_DIRECTORY: &str = "watchword-sandbox";

/// How long opening the store is tried before giving up.
const OPEN_STORE: Duration = Duration::from_secs(10);
