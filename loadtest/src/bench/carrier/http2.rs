//! The carrier's HTTP/2 side.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::spawn_local;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::{Answer, CONNECTIONS_MAX};
use crate::bench::notes::Notes;

/// More than the gateway has under way at once.
const STREAMS_MAX: u32 = 1_024;
const MESSAGE_BYTES_MAX: usize = 16_384;

/// Accepts until the carrier ends; nobody without settings for TLS.
pub(super) async fn accept(
    listener: &TcpListener,
    tls: Option<Arc<ServerConfig>>,
    notes: &Arc<Notes>,
) -> io::Result<()> {
    let Some(tls) = tls else {
        return pending().await;
    };
    let acceptor = TlsAcceptor::from(tls);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, notes) = (acceptor.clone(), Arc::clone(notes));
        spawn_local(async move {
            // A message that is lost here is missed when the slice is counted.
            serve(stream, &acceptor, notes).await.ok();
            drop(place);
        });
    }
}

async fn serve(stream: TcpStream, acceptor: &TlsAcceptor, notes: Arc<Notes>) -> anyhow::Result<()> {
    let stream = acceptor.accept(stream).await?;
    let service = service_fn(move |request| take(request, Arc::clone(&notes)));
    http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(STREAMS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await?;
    Ok(())
}

async fn take(
    request: Request<Incoming>,
    notes: Arc<Notes>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = Limited::new(request.into_body(), MESSAGE_BYTES_MAX);
    // What breaks off is noted as strange.
    let body = body.collect().await.map(|body| body.to_bytes());
    notes.take(&body.unwrap_or_default(), Instant::now());
    let answer = Bytes::copy_from_slice(Answer::new().next_body(notes.taken()));
    let mut response = Response::new(Full::new(answer));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}
