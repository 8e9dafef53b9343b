//! Beside accept: the counters of one listener, resolved once.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::{ClosedLabels, ListenerLabels, Metrics};

/// The counters of one listener. Clones count together.
#[derive(Clone, Debug)]
pub struct ConnectionMetrics {
    listener: &'static str,
    open: Gauge,
    waited: Counter,
    accept_errors: Counter,
    panics: Counter,
    closed: Family<ClosedLabels, Counter>,
}

impl ConnectionMetrics {
    pub(super) fn new(metrics: &Metrics, listener: &'static str) -> Self {
        let labels = ListenerLabels { listener };
        Self {
            listener,
            open: metrics.connections_open.get_or_create_owned(&labels),
            waited: metrics.connections_waited.get_or_create_owned(&labels),
            accept_errors: metrics.accept_errors.get_or_create_owned(&labels),
            panics: metrics.panics.clone(),
            closed: metrics.connections_closed.clone(),
        }
    }

    /// Counts a connection as open until the answer is dropped.
    pub fn opened(&self) -> OpenConnection {
        self.open.inc();
        OpenConnection {
            open: self.open.clone(),
        }
    }

    /// How many connections are open now.
    pub fn open_count(&self) -> i64 {
        self.open.get()
    }

    /// A connection came while every permit was taken.
    pub fn waited(&self) {
        self.waited.inc();
    }

    /// The system could not hand us a connection.
    pub fn accept_error(&self) {
        self.accept_errors.inc();
    }

    /// A request ended in a bug of ours.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// A connection ended, and why.
    pub fn closed(&self, reason: &'static str) {
        self.closed_by(reason).inc();
    }

    /// How many connections ended for this reason.
    pub fn closed_count(&self, reason: &'static str) -> u64 {
        self.closed_by(reason).get()
    }

    fn closed_by(&self, reason: &'static str) -> Counter {
        self.closed.get_or_create_owned(&ClosedLabels {
            listener: self.listener,
            reason,
        })
    }
}

/// Held by a connection's task for as long as it lives, however it ends.
#[derive(Debug)]
pub struct OpenConnection {
    open: Gauge,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.open.dec();
    }
}
