//! Single questions to a gateway, outside of the load.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
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
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream
            .take(ANSWER_BYTES_MAX)
            .read_to_end(&mut bytes)
            .await?;
        anyhow::Ok(bytes)
    };
    let bytes = tokio::time::timeout(TIMEOUT, asked).await??;
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

    let answer = get(endpoint.address, "/openapi.json").await;
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
