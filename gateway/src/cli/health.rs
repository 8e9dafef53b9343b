//! `health`: one question to the admin listener, where no other program is at
//! hand to ask it, as in a container without a shell.

use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use watchword_providers::http_client::{ClientSettings, HttpClient, Tls, TlsError};

use super::{HealthCall, exit_code};

/// Nothing on the admin listener waits for anything: later is too late.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Why the gateway is not well, or could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    #[error("--url must be like http://127.0.0.1:8081")]
    Url,
    #[error("nothing could be started to ask with: {0}")]
    Runtime(io::Error),
    #[error("nothing could be started to ask with: {0}")]
    Tls(#[from] TlsError),
    #[error("{url} does not answer: is the gateway's admin listener there?")]
    Silent { url: String },
    #[error("{url} answered {status}")]
    Unwell { url: String, status: StatusCode },
    #[error("the answer could not be written: {0}")]
    Output(#[from] io::Error),
}

impl HealthError {
    /// How the program ends.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Url => exit_code::REFUSED,
            Self::Runtime(_)
            | Self::Tls(_)
            | Self::Silent { .. }
            | Self::Unwell { .. }
            | Self::Output(_) => exit_code::FAILED,
        }
    }
}

/// Asks once and writes `ok`.
///
/// # Errors
///
/// [`HealthError`], also for a gateway that answers anything but 200.
pub fn health(call: &HealthCall, out: &mut impl Write) -> Result<(), HealthError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(HealthError::Runtime)?;
    runtime.block_on(ask(call))?;
    Ok(writeln!(out, "ok")?)
}

async fn ask(call: &HealthCall) -> Result<(), HealthError> {
    if call.url.host().is_none() || call.url.query().is_some() {
        return Err(HealthError::Url);
    }
    let path = if call.ready { "readyz" } else { "healthz" };
    let url = format!("{}/{path}", call.url.to_string().trim_end_matches('/'));
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = url.parse().map_err(|_| HealthError::Url)?;
    let client = HttpClient::new(&Tls::new(None)?, &ClientSettings::default());
    match tokio::time::timeout(ANSWER_WITHIN, client.call(request)).await {
        Ok(Ok(response)) if response.status == StatusCode::OK => Ok(()),
        Ok(Ok(response)) => Err(HealthError::Unwell {
            url,
            status: response.status,
        }),
        Ok(Err(_)) | Err(_) => Err(HealthError::Silent { url }),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;

    /// What `health` says of a server that answers so, and the path it asked for.
    fn asked(status: u16, ready: bool) -> (Result<(), HealthError>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let count = stream.read(&mut request).unwrap();
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..count]).into_owned()
        });
        let call = HealthCall {
            url: url.parse().unwrap(),
            ready,
        };
        let result = health(&call, &mut Vec::new());
        let request = served.join().unwrap();
        let path = request.split(' ').nth(1).unwrap().to_owned();
        (result, path)
    }

    #[test]
    fn a_gateway_that_answers_lives_and_one_that_says_no_is_not_ready() {
        let (lives, path) = asked(200, false);
        assert!(lives.is_ok(), "{lives:?}");
        assert_eq!(path, "/healthz");

        let (ready, path) = asked(503, true);
        let error = ready.unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("answered 503 Service Unavailable"),
            "{error}"
        );
        assert_eq!(
            (error.exit_code(), path.as_str()),
            (exit_code::FAILED, "/readyz")
        );
    }

    #[test]
    fn where_nobody_listens_nobody_lives() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let call = HealthCall {
            url: url.parse().unwrap(),
            ready: false,
        };
        let error = health(&call, &mut Vec::new()).unwrap_err();
        assert!(matches!(error, HealthError::Silent { .. }), "{error}");
    }
}
