//! Single questions to a gateway, outside of the load.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::target::Endpoint;

const ANSWER_BYTES_MAX: u64 = 1 << 20;
const TIMEOUT: Duration = Duration::from_secs(5);

/// An answer over HTTP/1.1, read to the end of the connection.
pub(super) struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Answer {
    pub(super) fn is_ok(&self) -> bool {
        self.head.starts_with("HTTP/1.1 200")
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Asks for a path and has the connection closed.
pub(super) async fn get(address: SocketAddr, path: &str) -> anyhow::Result<Answer> {
    let host = address.to_string();
    let asked = async { ask(TcpStream::connect(address).await?, &host, path).await };
    tokio::time::timeout(TIMEOUT, asked).await?
}

/// The same of a gateway that may speak TLS. The certificate must be its own.
async fn get_from(endpoint: &Endpoint, path: &str) -> anyhow::Result<Answer> {
    let asked = async {
        let host = endpoint.authority.to_str()?;
        let stream = TcpStream::connect(endpoint.address).await?;
        match &endpoint.tls {
            None => ask(stream, host, path).await,
            Some(tls) => {
                // Over HTTP/1.1, whatever the load speaks.
                let name = tls.name.clone();
                let connector = tls.connector.with_alpn(vec![b"http/1.1".to_vec()]);
                ask(connector.connect(name, stream).await?, host, path).await
            }
        }
    };
    tokio::time::timeout(TIMEOUT, asked).await?
}

async fn ask(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    path: &str,
) -> anyhow::Result<Answer> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream
        .take(ANSWER_BYTES_MAX)
        .read_to_end(&mut bytes)
        .await?;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let (head, body) = bytes.split_at(end.context("no answer over HTTP")?);
    Ok(Answer {
        head: String::from_utf8_lossy(head).into_owned(),
        body: body.get(4..).unwrap_or_default().to_vec(),
    })
}

/// What a gateway says of itself.
pub(crate) struct Described {
    pub(crate) version: String,
    pub(crate) durability: String,
}

/// Asks a gateway for its release and for what its store promises.
///
/// # Errors
///
/// It does not answer.
pub(crate) async fn describe(endpoint: &Endpoint) -> anyhow::Result<Described> {
    #[derive(Deserialize)]
    struct Document {
        info: About,
    }
    #[derive(Deserialize)]
    struct About {
        version: String,
    }

    let answer = get_from(endpoint, "/openapi.json").await;
    let answer = answer.with_context(|| format!("{} does not answer", endpoint.url))?;
    let document = serde_json::from_slice(&answer.body).ok();
    Ok(Described {
        // Whoever has no such document is told apart by the canary.
        version: document.map_or_else(String::new, |Document { info }| info.version),
        durability: answer
            .header("watchword-durability")
            .unwrap_or_default()
            .to_owned(),
    })
}
