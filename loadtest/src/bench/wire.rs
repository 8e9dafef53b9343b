//! As much HTTP/1.1 as generator and carrier need: where a message ends. What the
//! two cost is taken from the programs that are measured, so they stay lean.

use std::io;
use std::ops::Range;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _};

const HEADERS_MAX: usize = 32;
/// No message here comes near it.
const MESSAGE_BYTES_MAX: usize = 16_384;

/// A whole message at the beginning of what was received.
pub(crate) struct Message {
    /// Of an answer; 0 for a request.
    pub(crate) status: u16,
    pub(crate) body: Range<usize>,
}

/// What the other side says.
#[derive(Clone, Copy)]
pub(crate) enum Reading {
    Requests,
    Answers,
}

/// Reads until there is a whole message; `None` if the other side is done.
pub(crate) async fn receive(
    stream: &mut (impl AsyncRead + Unpin),
    received: &mut BytesMut,
    reading: Reading,
) -> io::Result<Option<Message>> {
    loop {
        if let Some(message) = whole(received, reading)? {
            return Ok(Some(message));
        }
        if received.len() >= MESSAGE_BYTES_MAX {
            return Err(invalid("a message is too long"));
        }
        if stream.read_buf(received).await? == 0 {
            return if received.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
    }
}

fn whole(received: &[u8], reading: Reading) -> io::Result<Option<Message>> {
    if received.is_empty() {
        return Ok(None);
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let (parsed, status, headers) = match reading {
        Reading::Requests => {
            let mut request = httparse::Request::new(&mut headers);
            let parsed = request.parse(received).map_err(invalid)?;
            (parsed, 0, &*request.headers)
        }
        Reading::Answers => {
            let mut answer = httparse::Response::new(&mut headers);
            let parsed = answer.parse(received).map_err(invalid)?;
            (parsed, answer.code.unwrap_or(0), &*answer.headers)
        }
    };
    let httparse::Status::Complete(head) = parsed else {
        return Ok(None);
    };
    let length = headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok())
        .ok_or_else(|| invalid("a message does not say how long it is"))?;
    let end = head.checked_add(length);
    let end = end.filter(|end| *end <= MESSAGE_BYTES_MAX);
    let end = end.ok_or_else(|| invalid("a message is too long"))?;
    Ok((received.len() >= end).then_some(Message {
        status,
        body: head..end,
    }))
}

fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(received: &[u8]) -> Option<(u16, &[u8])> {
        let message = whole(received, Reading::Answers).unwrap()?;
        Some((message.status, received.get(message.body).unwrap()))
    }

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nabcHTTP";
        assert_eq!(body_of(answer), Some((201, &b"abc"[..])));
        for end in 0..answer.len() - 5 {
            assert_eq!(body_of(&answer[..end]), None);
        }
    }

    #[test]
    fn what_does_not_say_its_length_or_is_too_long_is_an_error() {
        for answer in [
            &b"HTTP/1.1 200 OK\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n",
            b"hello\r\n\r\n",
        ] {
            assert!(whole(answer, Reading::Answers).is_err());
        }
    }
}
