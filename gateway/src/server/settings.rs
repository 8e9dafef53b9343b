//! Before accept: the bounds and deadlines of a listener.

use std::time::Duration;

/// Every bound of a listener. None may be zero: zero is the smallest bound, not
/// the absence of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// Connections served at the same time. One more waits until a permit is
    /// free, and the oldest that never sent a byte is closed for it.
    pub connections_max: usize,
    /// From accept to the first byte; on clear text, to knowing the protocol.
    pub first_byte_timeout: Duration,
    /// From the first byte to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// For the whole head of a request, and for the first request after the
    /// handshake.
    pub header_timeout: Duration,
    /// For a whole request body; whoever reads one passes it to [`super::read_body`].
    pub body_timeout: Duration,
    /// From a request's head to its answer, at which the handler is dropped.
    pub request_timeout: Duration,
    /// Between two requests on one connection; no longer than a header timeout
    /// while every place is taken.
    pub idle_timeout: Duration,
    /// After this the connection is asked to end, so that clients spread anew
    /// over the nodes.
    pub connection_age_max: Duration,
    /// The longest drain; then open connections are cut.
    pub drain_timeout: Duration,
    /// Largest request body; whoever reads one passes it to [`super::read_body`].
    pub body_bytes_max: usize,
    /// Largest request head.
    pub header_bytes_max: usize,
    /// Requests at the same time on one HTTP/2 connection.
    pub http2_streams_max: u32,
    /// A silent HTTP/2 peer is pinged this often..
    pub http2_ping_interval: Duration,
    /// ..and has this long to answer.
    pub http2_ping_timeout: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            connections_max: 8_192,
            first_byte_timeout: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(15),
            // Longer than the idle time of common client pools and balancers
            // (60 s), so that it is they who close, between requests.
            idle_timeout: Duration::from_secs(75),
            connection_age_max: Duration::from_secs(3_600),
            drain_timeout: Duration::from_secs(10),
            body_bytes_max: 16 * 1024,
            header_bytes_max: 16 * 1024,
            http2_streams_max: 128,
            http2_ping_interval: Duration::from_secs(20),
            http2_ping_timeout: Duration::from_secs(10),
        }
    }
}
