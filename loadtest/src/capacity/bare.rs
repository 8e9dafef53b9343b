//! What stands on the other side: as little as can be.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Requests of the generator and answers of the carrier are shorter.
const BUFFER_BYTES: usize = 4_096;
/// How a start's body ends, and nothing before it.
const START_END: &[u8] = b"}}";
/// How the carrier's answer ends.
const TAKEN_END: &[u8] = b"\"}";
const CREATED: &[u8] = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\n\
    content-length: 124\r\n\r\n\
    {\"id\":\"vrf_01aaaaaaaaaaaaaaaaaaaaaaaaaa\",\"status\":\"pending\",\
    \"deliveries\":[{\"id\":\"dlv_01aaaaaaaaaaaaaaa\",\"status\":\"queued\"}]}";

/// Answers 201 to every start, in a thread of its own until it is dropped.
pub(super) struct AnsweringSocket {
    pub(super) address: SocketAddr,
    _open: oneshot::Sender<()>,
}

impl AnsweringSocket {
    pub(super) fn open() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (open, closed) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("answering".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        served = listen(listener) => served,
                        _ = closed => Ok(()),
                    }
                })
            })?;
        Ok(Self {
            address,
            _open: open,
        })
    }
}

async fn listen(listener: TcpListener) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // Its connections end with it.
        tokio::spawn(answer(stream));
    }
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::with_capacity(BUFFER_BYTES);
    while stream.read_buf(&mut request).await? > 0 && request.len() < BUFFER_BYTES {
        if request.ends_with(START_END) {
            request.clear();
            stream.write_all(CREATED).await?;
        }
    }
    Ok(())
}

/// Posts all of it over so many connections, each one after the other's answer.
pub(super) async fn post_all(
    address: SocketAddr,
    posts: Vec<Vec<u8>>,
    connections: u32,
) -> anyhow::Result<()> {
    let (posts, next) = (Arc::new(posts), Arc::new(AtomicUsize::new(0)));
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        let (posts, next) = (Arc::clone(&posts), Arc::clone(&next));
        clients.spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let mut answer = Vec::with_capacity(BUFFER_BYTES);
            while let Some(post) = posts.get(next.fetch_add(1, Ordering::Relaxed)) {
                answer.clear();
                stream.write_all(post).await?;
                while !answer.ends_with(TAKEN_END) {
                    ensure!(answer.len() < BUFFER_BYTES, "a strange answer");
                    let read = stream.read_buf(&mut answer).await?;
                    ensure!(read > 0, "the carrier closed a connection");
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client.context("a client")??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_as_long_as_it_says() {
        let text = str::from_utf8(CREATED).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let (_, length) = head.split_once("content-length: ").unwrap();
        assert_eq!(length.parse::<usize>().unwrap(), body.len());
    }
}
