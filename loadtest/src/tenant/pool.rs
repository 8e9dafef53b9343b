//! The tenant's connections of one thread: whose turn it is, who stands in
//! line, and new connections for those that broke.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::sync::{Notify, oneshot};
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::connection::{self, Protocol, Turn};
use crate::histogram::Histogram;
use crate::target::Endpoint;

/// Before a connection that failed is tried again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// How the tenant connects.
pub(crate) struct PoolSettings {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) protocol: Protocol,
    pub(crate) connections: u32,
    /// Requests at once on a connection, over HTTP/2.
    pub(crate) streams: u32,
    /// Requests under way or in line.
    pub(crate) in_flight_max: u32,
    pub(crate) request_timeout: Duration,
}

/// The connections of one thread.
pub(crate) struct Pool {
    settings: PoolSettings,
    free: RefCell<VecDeque<Turn>>,
    line: RefCell<VecDeque<oneshot::Sender<Lease>>>,
    in_flight: Cell<u32>,
    /// Targets whose connections broke.
    broken: RefCell<Vec<usize>>,
    has_broken: Notify,
    lateness: Rc<RefCell<Histogram>>,
}

/// A complete answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    /// When the last byte had been read.
    pub(crate) at: Instant,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The tester has as many requests under way as it was allowed.
    InFlightFull,
    /// No connection was free, or to be had, within the request's time.
    NoConnection,
    /// Sent, but not answered in time.
    Timeout,
    ConnectionLost,
    AnswerTooLong,
}

impl CallError {
    /// As counted.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::InFlightFull => "in_flight_full",
            Self::NoConnection => "no_connection",
            Self::Timeout => "timeout",
            Self::ConnectionLost => "connection_lost",
            Self::AnswerTooLong => "answer_too_long",
        }
    }
}

impl Pool {
    /// Begins to open all connections. Who asks before there is one stands in line.
    pub(crate) fn open(settings: PoolSettings) -> Rc<Self> {
        let pool = Rc::new(Self {
            settings,
            free: RefCell::default(),
            line: RefCell::default(),
            in_flight: Cell::new(0),
            broken: RefCell::default(),
            has_broken: Notify::new(),
            lateness: Rc::default(),
        });
        let targets = pool.settings.endpoints.len().max(1);
        for number in 0..pool.settings.connections as usize {
            spawn_local(Rc::clone(&pool).connect_at_last(number % targets));
        }
        pool
    }

    /// Opens new connections for broken ones. Never ends.
    pub(crate) async fn mend(self: Rc<Self>) {
        loop {
            self.has_broken.notified().await;
            for target in self.broken.take() {
                spawn_local(Rc::clone(&self).connect_at_last(target));
            }
        }
    }

    async fn connect_at_last(self: Rc<Self>, target: usize) {
        while !self.connect(target).await {
            tokio::time::sleep(RECONNECT_PAUSE).await;
        }
    }

    /// How late requests left, as far as it was this program's doing.
    pub(crate) fn take_lateness(&self) -> Histogram {
        self.lateness.take()
    }

    /// Sends a request that was due at `due` and waits for the whole answer.
    ///
    /// `build` gets the target, which the request has to name.
    pub(crate) async fn call(
        self: &Rc<Self>,
        due: Instant,
        patience: Option<Duration>,
        build: impl FnOnce(&Endpoint) -> Request<Full<Bytes>>,
    ) -> Result<Answer, CallError> {
        let taken_up = Instant::now();
        let late = taken_up.saturating_duration_since(due);
        let timeout = self.settings.request_timeout;
        let timeout = patience.map_or(timeout, |patience| patience.min(timeout));
        let _place = Place::take(self)?;
        let mut has_left = false;
        let answered = tokio::time::timeout(timeout, async {
            let mut lease = self.turn().await;
            has_left = true;
            let turn = lease.turn.as_mut().ok_or(CallError::ConnectionLost)?;
            let endpoint = self.settings.endpoints.get(turn.target);
            let request = build(endpoint.ok_or(CallError::NoConnection)?);
            let answer = turn.send(request, late).await;
            let answer = answer.map_err(|_| CallError::ConnectionLost)?;
            let answer = read(answer).await?;
            if turn.is_ready().await {
                lease.give_back();
            }
            Ok(answer)
        })
        .await;
        answered.unwrap_or(Err(if has_left {
            CallError::Timeout
        } else {
            CallError::NoConnection
        }))
    }

    /// The next turn, in the order of asking.
    async fn turn(self: &Rc<Self>) -> Lease {
        loop {
            let free = self.free.borrow_mut().pop_front();
            let lease = match free {
                Some(turn) => self.lease(turn),
                None => {
                    let (sender, receiver) = oneshot::channel();
                    self.line.borrow_mut().push_back(sender);
                    match receiver.await {
                        Ok(lease) => lease,
                        Err(_) => continue,
                    }
                }
            };
            // A lease on a connection that is over replaces it when dropped.
            if !lease.turn.as_ref().is_some_and(Turn::is_over) {
                return lease;
            }
        }
    }

    fn lease(self: &Rc<Self>, turn: Turn) -> Lease {
        Lease {
            pool: Rc::clone(self),
            turn: Some(turn),
        }
    }

    fn put(self: &Rc<Self>, turn: Turn) {
        let mut lease = self.lease(turn);
        loop {
            let first = self.line.borrow_mut().pop_front();
            match first {
                None => break self.free.borrow_mut().extend(lease.turn.take()),
                // Who has lost patience does not answer, and the next one is asked.
                Some(waiting) => match waiting.send(lease) {
                    Ok(()) => break,
                    Err(refused) => lease = refused,
                },
            }
        }
    }

    fn replace(&self, target: usize) {
        self.broken.borrow_mut().push(target);
        self.has_broken.notify_one();
    }

    async fn connect(self: &Rc<Self>, target: usize) -> bool {
        let Some(endpoint) = self.settings.endpoints.get(target) else {
            return true;
        };
        let how = (self.settings.protocol, self.settings.streams);
        match connection::connect((target, endpoint), how, &self.lateness).await {
            Ok(turns) => {
                turns.into_iter().for_each(|turn| self.put(turn));
                true
            }
            Err(_) => false,
        }
    }
}

/// A turn that is given back, or whose connection is replaced.
struct Lease {
    pool: Rc<Pool>,
    turn: Option<Turn>,
}

impl Lease {
    fn give_back(&mut self) {
        if let Some(turn) = self.turn.take() {
            self.pool.put(turn);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(turn) = self.turn.take() else {
            return;
        };
        if turn.is_over() || turn.is_http1() {
            if turn.is_to_be_replaced() {
                self.pool.replace(turn.target);
            }
        } else {
            // A stream was given up; its connection serves the others.
            self.pool.put(turn);
        }
    }
}

/// One of the requests that may be under way.
struct Place<'p>(&'p Pool);

impl<'p> Place<'p> {
    fn take(pool: &'p Pool) -> Result<Self, CallError> {
        let in_flight = pool.in_flight.get();
        if in_flight >= pool.settings.in_flight_max {
            return Err(CallError::InFlightFull);
        }
        pool.in_flight.set(in_flight + 1);
        Ok(Self(pool))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get() - 1);
    }
}

async fn read(answer: http::Response<Incoming>) -> Result<Answer, CallError> {
    let (head, mut incoming) = answer.into_parts();
    let mut body = Bytes::new();
    let mut longer = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|_| CallError::ConnectionLost)?;
        let Ok(part) = frame.into_data() else {
            continue;
        };
        if body.len() + longer.len() + part.len() > ANSWER_BYTES_MAX {
            return Err(CallError::AnswerTooLong);
        }
        // Nearly every answer comes in one piece, and is not copied.
        if body.is_empty() && longer.is_empty() {
            body = part;
        } else {
            longer.extend_from_slice(&std::mem::take(&mut body));
            longer.extend_from_slice(&part);
        }
    }
    Ok(Answer {
        status: head.status,
        body: if longer.is_empty() {
            body
        } else {
            longer.freeze()
        },
        at: Instant::now(),
    })
}
