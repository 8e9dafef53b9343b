//! HTTP/1.1 and, by prior knowledge, HTTP/2: one task per connection.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode, request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

const CONNECTIONS_MAX: usize = 8_192;
const BODY_BYTES_MAX: usize = 16_384;

/// Answers requests until accepting fails.
///
/// # Errors
///
/// The address is taken, or no connection can be accepted any more.
pub(crate) async fn serve<H, F>(listen: SocketAddr, answer: H) -> io::Result<()>
where
    H: Fn(request::Parts, Bytes) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let listener = TcpListener::bind(listen).await?;
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answer = answer.clone();
        let service = service_fn(move |request| answer_one(answer.clone(), request));
        tokio::spawn(async move {
            let connection = auto::Builder::new(TokioExecutor::new());
            let served = connection.serve_connection(TokioIo::new(stream), service);
            // A client that goes away is none of our business.
            served.await.ok();
            drop(place);
        });
    }
}

async fn answer_one<H, F>(
    answer: H,
    request: hyper::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible>
where
    H: Fn(request::Parts, Bytes) -> F,
    F: Future<Output = Response<Full<Bytes>>>,
{
    let (head, body) = request.into_parts();
    Ok(match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => answer(head, body.to_bytes()).await,
        Err(_) => status(StatusCode::PAYLOAD_TOO_LARGE),
    })
}

/// An answer without a body.
pub(crate) fn status(status: StatusCode) -> Response<Full<Bytes>> {
    json(status, Vec::new())
}

pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response
}
