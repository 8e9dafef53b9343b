//! The connection to Redis: one, shared by all, replaced when it fails, falls
//! silent or turns out to lead to a replica. Commands sent at the same time
//! travel together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, ErrorKind, Pipeline, RedisError, ServerErrorKind, Value};
use arc_swap::ArcSwapOption;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

mod keeper;

use self::keeper::Keeper;
use super::RedisSettings;
use super::answers::refused_by_server;
use super::scripts::Script;
use crate::store::StoreError;

/// A whole call, retry and all, ends by then.
pub(super) const CALL_MAX: Duration = Duration::from_millis(800);
/// How long a call waits for a connection that is being made.
const CONNECTION_WAIT: Duration = Duration::from_millis(100);
/// A try with less time than this is not worth its bytes.
const TRY_MIN: Duration = Duration::from_millis(20);
const TRIES: u32 = 2;
/// So many timeouts in a row mean that the connection is dead.
const TIMEOUTS_MAX: u32 = 2;

/// One script with its keys and packed arguments.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) script: &'static Script,
    pub(super) keys: Vec<String>,
    pub(super) arguments: Vec<Vec<u8>>,
}

impl Call {
    fn by_digest(&self) -> Cmd {
        self.command("EVALSHA", &self.script.digest)
    }

    /// Carries the source, which makes Redis keep the script.
    fn by_source(&self) -> Cmd {
        self.command("EVAL", &self.script.source)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = Cmd::with_capacity(4 + self.keys.len(), 1024);
        command.arg(name).arg(script).arg(self.keys.len());
        command
            .arg(self.keys.as_slice())
            .arg(self.arguments.as_slice());
        command
    }
}

/// The shared connection and the task that keeps it alive.
#[derive(Debug)]
pub(super) struct Link {
    shared: Arc<Shared>,
    response_timeout: Duration,
    /// Ends with the link.
    _keeper: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Shared {
    current: ArcSwapOption<Connected>,
    connections_made: AtomicU64,
    /// Wakes the keeper.
    lost: Notify,
    /// Wakes the calls that wait for a connection.
    found: Notify,
}

struct Connected {
    connection: MultiplexedConnection,
    number: u64,
    timeouts_in_a_row: AtomicU32,
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "connection {}", self.number)
    }
}

/// One round trip's worth of commands.
enum Request {
    One(Cmd),
    Many(Pipeline, usize),
}

impl Request {
    fn of(mut commands: Vec<Cmd>) -> Self {
        if commands.len() == 1
            && let Some(only) = commands.pop()
        {
            return Self::One(only);
        }
        let mut pipeline = Pipeline::with_capacity(commands.len());
        let count = commands.len();
        for command in commands {
            pipeline.add_command(command);
        }
        Self::Many(pipeline, count)
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) values: Vec<Value>,
    /// An earlier try of the same call got no answer: it may have run.
    pub(super) may_have_run_before: bool,
}

/// How a try ended without an answer.
struct Unanswered {
    may_have_run: bool,
    reason: &'static str,
}

impl Unanswered {
    fn into_error(self) -> StoreError {
        let reason = Arc::from(self.reason);
        if self.may_have_run {
            StoreError::OutcomeUnknown { reason }
        } else {
            StoreError::Unavailable { reason }
        }
    }
}

impl Link {
    /// Connects, and stays connected for as long as the link lives.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the first connection fails.
    pub(super) async fn connect(settings: &RedisSettings) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::default());
        let keeper = Keeper::new(Arc::clone(&shared), settings)?;
        keeper.connect().await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(keeper.run());
        Ok(Self {
            shared,
            response_timeout: settings.response_timeout,
            _keeper: tasks,
        })
    }

    /// Makes Redis keep the scripts, so that the first call of each need not
    /// carry its source. Where that fails or is not allowed, the calls do.
    pub(super) async fn load(&self, scripts: &[&Script]) {
        let load = |script: &&Script| {
            let mut command = Cmd::new();
            command.arg("SCRIPT").arg("LOAD").arg(&script.source);
            command
        };
        let request = Request::of(scripts.iter().map(load).collect());
        let deadline = Instant::now() + CALL_MAX;
        if self.exchange(&request, deadline).await.is_err() {
            tracing::debug!("the scripts could not be loaded into Redis ahead of their calls");
        }
    }

    /// Runs scripts in one round trip; their answers stand in the order of the calls.
    /// Every one is safe to run twice: all scripts are idempotent.
    ///
    /// # Errors
    ///
    /// The first script's that was refused. [`StoreError::OutcomeUnknown`] if one
    /// may have run all the same.
    pub(super) async fn run(&self, calls: &[Call]) -> Result<Answered, StoreError> {
        let deadline = Instant::now() + CALL_MAX;
        let request = Request::of(calls.iter().map(Call::by_digest).collect());
        let mut answered = self.exchange(&request, deadline).await?;
        let unknown: Vec<usize> = places(&answered.values, ServerErrorKind::NoScript).collect();
        if !unknown.is_empty() {
            let again = unknown.iter().filter_map(|index| calls.get(*index));
            let request = Request::of(again.map(Call::by_source).collect());
            let loaded = self.exchange(&request, deadline).await?;
            answered.may_have_run_before |= loaded.may_have_run_before;
            for (index, value) in unknown.into_iter().zip(loaded.values) {
                if let Some(place) = answered.values.get_mut(index) {
                    *place = value;
                }
            }
        }
        answered.without_errors()
    }

    /// Asks one plain question.
    ///
    /// # Errors
    ///
    /// As [`Self::run`].
    pub(super) async fn ask(&self, command: Cmd) -> Result<Value, StoreError> {
        let deadline = Instant::now() + CALL_MAX;
        let answered = self.exchange(&Request::One(command), deadline).await?;
        let mut values = answered.without_errors()?.values;
        values.pop().ok_or_else(|| StoreError::Unavailable {
            reason: Arc::from("Redis gave no answer"),
        })
    }

    async fn exchange(&self, request: &Request, deadline: Instant) -> Result<Answered, StoreError> {
        let mut ended = Unanswered {
            may_have_run: false,
            reason: "there is no connection to Redis; it is tried again all the time",
        };
        for _ in 0..TRIES {
            let Some(connected) = self.connected(deadline).await else {
                break;
            };
            let until = deadline.min(Instant::now() + self.response_timeout);
            if until < Instant::now() + TRY_MIN {
                break;
            }
            match self.try_once(&connected, request, until).await {
                Ok(values) => {
                    return Ok(Answered {
                        values,
                        may_have_run_before: ended.may_have_run,
                    });
                }
                Err(unanswered) => {
                    ended.may_have_run |= unanswered.may_have_run;
                    ended.reason = unanswered.reason;
                }
            }
        }
        Err(ended.into_error())
    }

    async fn try_once(
        &self,
        connected: &Arc<Connected>,
        request: &Request,
        until: Instant,
    ) -> Result<Vec<Value>, Unanswered> {
        let mut connection = connected.connection.clone();
        let sent = async {
            match request {
                Request::One(command) => {
                    let value = connection.send_packed_command(command).await;
                    value.map(|value| vec![value])
                }
                Request::Many(pipeline, count) => {
                    connection.send_packed_commands(pipeline, 0, *count).await
                }
            }
        };
        let Ok(result) = timeout_at(until, sent).await else {
            let timeouts = connected.timeouts_in_a_row.fetch_add(1, Ordering::Relaxed);
            if timeouts + 1 >= TIMEOUTS_MAX {
                self.shared.give_up(connected);
            }
            return Err(Unanswered {
                may_have_run: true,
                reason: "Redis did not answer in time",
            });
        };
        match result {
            Ok(values) => {
                connected.timeouts_in_a_row.store(0, Ordering::Relaxed);
                if places(&values, ServerErrorKind::ReadOnly).next().is_some() {
                    self.shared.give_up(connected);
                }
                Ok(values)
            }
            Err(error) => {
                self.shared.give_up(connected);
                Err(Unanswered {
                    may_have_run: true,
                    reason: failure(&error),
                })
            }
        }
    }

    /// The connection, waited for if one may come soon.
    async fn connected(&self, deadline: Instant) -> Option<Arc<Connected>> {
        if let Some(connected) = self.shared.current.load_full() {
            return Some(connected);
        }
        let until = deadline.min(Instant::now() + CONNECTION_WAIT);
        loop {
            let found = self.shared.found.notified();
            if let Some(connected) = self.shared.current.load_full() {
                return Some(connected);
            }
            timeout_at(until, found).await.ok()?;
        }
    }
}

impl Shared {
    /// Takes a connection out of use, once.
    fn give_up(&self, failed: &Arc<Connected>) {
        let current = self.current.load_full();
        if current.is_some_and(|current| current.number == failed.number) {
            self.current.store(None);
            self.lost.notify_one();
        }
    }
}

/// Where among the values an error of this kind stands.
fn places(values: &[Value], kind: ServerErrorKind) -> impl Iterator<Item = usize> {
    values.iter().enumerate().filter_map(move |(index, value)| {
        let is_it = matches!(value, Value::ServerError(error) if error.kind() == Some(kind));
        is_it.then_some(index)
    })
}

impl Answered {
    /// The error among the values, if there is one.
    fn without_errors(self) -> Result<Self, StoreError> {
        for value in &self.values {
            if let Value::ServerError(error) = value {
                return Err(self.in_doubt(refused_by_server(error)));
            }
        }
        Ok(self)
    }

    /// An error of the last try says nothing about an earlier one.
    pub(super) fn in_doubt(&self, error: StoreError) -> StoreError {
        if !self.may_have_run_before {
            return error;
        }
        StoreError::OutcomeUnknown {
            reason: Arc::from("Redis did not answer in time, and then refused"),
        }
    }
}

/// What went wrong with a connection. Its own words may hold an address or more.
fn failure(error: &RedisError) -> &'static str {
    if error.kind() == ErrorKind::AuthenticationFailed {
        "Redis does not accept our user and password"
    } else if error.is_connection_refusal() {
        "nothing listens at the address of Redis"
    } else if error.is_timeout() {
        "Redis did not answer in time"
    } else if error.is_io_error() {
        "the connection to Redis broke"
    } else {
        "Redis refused the connection"
    }
}

fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable {
        reason: Arc::from(reason),
    }
}
