//! Reads HTTP/1.1 requests off a socket by hand, so that a fake server can
//! answer them as badly as a test wants.

use std::collections::HashMap;

use tokio::io::{AsyncRead, AsyncReadExt};

/// No honest request to a fake server is larger.
const REQUEST_BYTES_MAX: usize = 256 * 1024;

/// One request as it arrived.
pub(crate) struct WireRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    /// By lower-case name.
    headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl WireRequest {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Reads the next request. `None`: the connection ended before a whole one.
/// Bytes that follow it stay in `buffer`.
pub(crate) async fn read_request(
    socket: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> Option<WireRequest> {
    let head_length = loop {
        if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
        read_more(socket, buffer).await?;
    };
    let head = String::from_utf8(buffer[..head_length].to_vec()).expect("headers are ASCII");
    let mut lines = head.lines();
    let mut request_line = lines.next().expect("a head has a line").split(' ');
    let method = request_line.next().unwrap_or_default().to_owned();
    let path = request_line.next().unwrap_or_default().to_owned();
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let body_length = headers.get("content-length").map_or(0, |length| {
        length.parse().expect("a content length is a number")
    });
    while buffer.len() < head_length + body_length {
        read_more(socket, buffer).await?;
    }
    let rest = buffer.split_off(head_length + body_length);
    let body = std::mem::replace(buffer, rest).split_off(head_length);
    Some(WireRequest {
        method,
        path,
        headers,
        body,
    })
}

async fn read_more(socket: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<()> {
    assert!(
        buffer.len() < REQUEST_BYTES_MAX,
        "a request to a fake server outgrew {REQUEST_BYTES_MAX} bytes"
    );
    match socket.read_buf(buffer).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}
