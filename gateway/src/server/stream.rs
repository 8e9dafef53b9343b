//! On an open connection: its bytes, with those that were read to tell the
//! protocol put back in front, and a word to [`Pace`] when more come.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::pace::{Pace, Protocol};

/// What an HTTP/2 client sends first; no HTTP/1 request can begin with it.
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream that tells when bytes come.
#[derive(Debug)]
pub(super) struct PacedStream<T> {
    inner: T,
    /// Read before, not yet read by hyper.
    front: Bytes,
    pace: Arc<Pace>,
}

impl<T> PacedStream<T> {
    pub(super) fn new(inner: T, front: Bytes, pace: Arc<Pace>) -> Self {
        Self { inner, front, pace }
    }
}

/// Reads until it is clear what the client speaks. Answers with all bytes read.
///
/// # Errors
///
/// The stream broke or ended before that.
pub(super) async fn tell_protocol<T>(stream: &mut T) -> io::Result<(Protocol, Bytes)>
where
    T: AsyncRead + Unpin,
{
    let mut front = Vec::with_capacity(HTTP2_PREFACE.len());
    while front.len() < HTTP2_PREFACE.len() {
        let missing = HTTP2_PREFACE.len() - front.len();
        let missing = u64::try_from(missing).expect("a preface is shorter than 2^64 bytes");
        if (&mut *stream).take(missing).read_buf(&mut front).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !HTTP2_PREFACE.starts_with(&front) {
            return Ok((Protocol::Http1, front.into()));
        }
    }
    Ok((Protocol::Http2, front.into()))
}

impl<T: AsyncRead + Unpin> AsyncRead for PacedStream<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.front.is_empty() {
            let length = this.front.len().min(buffer.remaining());
            buffer.put_slice(&this.front.split_to(length));
            return Poll::Ready(Ok(()));
        }
        let filled_before = buffer.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(context, buffer);
        if buffer.filled().len() > filled_before {
            this.pace.bytes_read();
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for PacedStream<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::ServerSettings;
    use tokio::io::{AsyncWriteExt, duplex};

    #[tokio::test]
    async fn the_preface_is_told_however_it_is_cut_and_comes_back_in_front() {
        for cut in 1..HTTP2_PREFACE.len() {
            let (mut client, mut server) = duplex(64);
            let (head, tail) = HTTP2_PREFACE.split_at(cut);
            let send = async {
                client.write_all(head).await.unwrap();
                tokio::task::yield_now().await;
                client.write_all(tail).await.unwrap();
                client.write_all(b"rest").await.unwrap();
            };
            let (told, ()) = tokio::join!(tell_protocol(&mut server), send);
            let (protocol, front) = told.unwrap();
            assert_eq!(protocol, Protocol::Http2);

            let pace = Pace::new(protocol, &ServerSettings::default());
            let mut stream = PacedStream::new(server, front, pace);
            let mut read = [0; 28];
            stream.read_exact(&mut read).await.unwrap();
            assert_eq!(&read[24..], b"rest");
            assert_eq!(&read[..24], HTTP2_PREFACE);
        }
    }

    #[tokio::test]
    async fn anything_that_leaves_the_preface_is_http_1_at_once() {
        for sent in ["GET / HTTP/1.1\r\n", "PRI * HTTP/1.1\r\n", "PUT", "\0"] {
            let (mut client, mut server) = duplex(64);
            client.write_all(sent.as_bytes()).await.unwrap();
            let (protocol, front) = tell_protocol(&mut server).await.unwrap();
            assert_eq!(protocol, Protocol::Http1, "{sent:?}");
            assert!(sent.as_bytes().starts_with(&front));
        }
    }

    #[tokio::test]
    async fn a_client_that_ends_within_the_preface_is_an_error() {
        let (mut client, mut server) = duplex(64);
        client.write_all(b"PRI * HT").await.unwrap();
        drop(client);
        let told = tell_protocol(&mut server).await;
        assert_eq!(told.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
