//! The simulated carrier that all candidates share: takes each message at once and
//! notes when it came. It has a thread of its own, whose cost is known. Besides
//! HTTP/1.1 in clear it may speak HTTP/2 under TLS, at another address.

mod http2;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Context as _;
use bytes::{Buf as _, BytesMut};
use rustls::ServerConfig;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::Instant;

use super::counters::ThreadId;
use super::notes::Notes;
use super::wire::{self, Reading};

const CONNECTIONS_MAX: usize = 1_024;
const BUFFER_BYTES: usize = 4_096;

/// A carrier that listens; ends when dropped.
pub(crate) struct Carrier {
    pub(crate) address: SocketAddr,
    /// Where it speaks HTTP/2; nobody answers there without settings for TLS.
    pub(crate) tls_address: SocketAddr,
    pub(crate) thread_id: ThreadId,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Drop for Carrier {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // If it failed, messages were missing, and that has been said.
            thread.join().ok();
        }
    }
}

impl Carrier {
    /// With settings for TLS it speaks HTTP/2 too.
    pub(crate) async fn start(
        notes: Arc<Notes>,
        tls: Option<Arc<ServerConfig>>,
    ) -> anyhow::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("carrier".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                LocalSet::new().block_on(&runtime, async {
                    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                    let for_tls = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                    let addresses = (listener.local_addr()?, for_tls.local_addr()?);
                    // Nobody waits for it any more if the run has been given up.
                    ready.send((addresses, ThreadId::of_this())).ok();
                    tokio::select! {
                        failed = accept(&listener, &notes) => failed,
                        failed = http2::accept(&for_tls, tls, &notes) => failed,
                        _ = stopped => Ok(()),
                    }
                })
            })?;
        let ((address, tls_address), thread_id) =
            started.await.context("the carrier does not start")?;
        Ok(Self {
            address,
            tls_address,
            thread_id,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

async fn accept(listener: &TcpListener, notes: &Arc<Notes>) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let notes = Arc::clone(notes);
        spawn_local(async move {
            // A message that is lost here is missed when the slice is counted.
            serve(stream, &notes).await.ok();
            drop(place);
        });
    }
}

async fn serve(mut stream: TcpStream, notes: &Notes) -> io::Result<()> {
    let mut received = BytesMut::with_capacity(BUFFER_BYTES);
    let mut answer = Answer::new();
    while let Some(message) = wire::receive(&mut stream, &mut received, Reading::Requests).await? {
        let at = Instant::now();
        let end = message.body.end;
        notes.take(received.get(message.body).unwrap_or_default(), at);
        received.advance(end);
        stream.write_all(answer.next(notes.taken())).await?;
    }
    Ok(())
}

/// Says that the message was taken, and what it is called.
struct Answer {
    bytes: Vec<u8>,
    name: std::ops::Range<usize>,
}

impl Answer {
    const HEAD: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 38\r\n\r\n";
    const BODY: &str = r#"{"message_id":"msg_0000000000000000"}"#;

    fn new() -> Self {
        let bytes = format!("{}{}\n", Self::HEAD, Self::BODY).into_bytes();
        let end = bytes.len() - r#""}"#.len() - 1;
        Self {
            name: end - 16..end,
            bytes,
        }
    }

    /// The body alone.
    fn next_body(&mut self, number: u64) -> &[u8] {
        self.next(number)
            .get(Self::HEAD.len()..)
            .unwrap_or_default()
    }

    fn next(&mut self, number: u64) -> &[u8] {
        let mut left = number;
        for digit in self
            .bytes
            .get_mut(self.name.clone())
            .into_iter()
            .flatten()
            .rev()
        {
            *digit = b'0' + (left % 10) as u8;
            left /= 10;
        }
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_names_the_message_and_says_how_long_it_is() {
        let mut answer = Answer::new();
        let text = String::from_utf8(answer.next(4_711).to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "{\"message_id\":\"msg_0000000000004711\"}\n");
        assert!(head.ends_with(&format!("content-length: {}", body.len())));
    }
}
