//! The gateway as its caller sees it: one key, one request at a time, an answer
//! in JSON or an error that says what to do.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Method, Request, Uri};
use serde_json::{Map, Value};
use watchword_providers::Response;
use watchword_providers::http_client::{CallError, ClientSettings, HttpClient, Tls};
use zeroize::Zeroizing;

use super::answers::Problem;
use super::{GatewayArguments, RemoteError, plain};

/// Twice the longest wait that a start can ask for.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The key that everybody knows, for a gateway on this machine.
const SANDBOX_KEY: &str = "sandbox";

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// A gateway to ask.
pub(super) struct Gateway {
    base: String,
    is_encrypted: bool,
    authorization: HeaderValue,
    client: HttpClient,
}

impl Gateway {
    /// Opens nothing yet.
    pub(super) fn new(arguments: &GatewayArguments) -> Result<Self, RemoteError> {
        let url = &arguments.url;
        let is_encrypted = match url.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(RemoteError::Url),
        };
        if url.query().is_some() || url.host().is_none() {
            return Err(RemoteError::Url);
        }
        let extra_roots = arguments.ca_file.as_deref().map(read).transpose()?;
        let tls = Tls::new(extra_roots.as_deref().map(Vec::as_slice))
            .map_err(RemoteError::Certificates)?;
        Ok(Self {
            base: url.to_string().trim_end_matches('/').to_owned(),
            is_encrypted,
            authorization: authorization(arguments)?,
            client: HttpClient::new(&tls, &ClientSettings::default()),
        })
    }

    /// What errors call it.
    pub(super) fn name(&self) -> String {
        self.base.clone()
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, RemoteError> {
        let request = self.request(Method::GET, path, Bytes::new())?;
        self.call(request).await
    }

    pub(super) async fn post(
        &self,
        path: &str,
        body: Map<String, Value>,
        wait_s: Option<u8>,
    ) -> Result<Value, RemoteError> {
        let body = Bytes::from(Value::Object(body).to_string());
        let mut request = self.request(Method::POST, path, body)?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = wait_s {
            let prefer = HeaderValue::from_str(&format!("wait={seconds}"))
                .expect("digits are visible ASCII");
            headers.insert(PREFER, prefer);
        }
        self.call(request).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Bytes>, RemoteError> {
        let uri: Uri = format!("{}{path}", self.base)
            .parse()
            .map_err(|_| RemoteError::Url)?;
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        Ok(request)
    }

    async fn call(&self, request: Request<Bytes>) -> Result<Value, RemoteError> {
        let no_answer = || RemoteError::NoAnswer {
            gateway: self.name(),
        };
        let called = tokio::time::timeout(CALL_TIMEOUT, self.client.call(request)).await;
        let response = called
            .map_err(|_| no_answer())?
            .map_err(|error| match error {
                CallError::Unreachable => self.unreachable(),
                CallError::Ambiguous => no_answer(),
            })?;
        self.read(&response)
    }

    fn read(&self, response: &Response) -> Result<Value, RemoteError> {
        let foreign = || RemoteError::Foreign {
            gateway: self.name(),
            status: response.status,
        };
        if response.status.is_success() {
            return serde_json::from_slice(&response.body).map_err(|_| foreign());
        }
        let problem: Problem = serde_json::from_slice(&response.body).map_err(|_| foreign())?;
        Err(RemoteError::Refused {
            status: response.status,
            text: plain(&problem.to_string()),
        })
    }

    fn unreachable(&self) -> RemoteError {
        RemoteError::Unreachable {
            gateway: self.name(),
            hint: if self.is_encrypted {
                "Is its certificate in force, for this name, and from an authority that is public or given by --ca-file?"
            } else {
                "`watchword` starts a sandbox; --url asks another gateway."
            },
        }
    }
}

fn authorization(arguments: &GatewayArguments) -> Result<HeaderValue, RemoteError> {
    let key = match (&arguments.key, &arguments.key_file) {
        (Some(key), _) => Zeroizing::new(key.expose().to_owned()),
        (None, Some(path)) => {
            let bytes = read(path)?;
            let text = std::str::from_utf8(&bytes).map_err(|_| RemoteError::BadKey)?;
            Zeroizing::new(text.trim().to_owned())
        }
        (None, None) if is_loopback(&arguments.url) => Zeroizing::new(SANDBOX_KEY.to_owned()),
        (None, None) => return Err(RemoteError::NoKey),
    };
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(RemoteError::BadKey);
    }
    let header = Zeroizing::new(format!("Bearer {}", *key));
    let mut value = HeaderValue::from_str(&header).map_err(|_| RemoteError::BadKey)?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_loopback(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, RemoteError> {
    std::fs::read(path)
        .map(Zeroizing::new)
        .map_err(|source| RemoteError::Unreadable {
            path: path.to_owned(),
            source,
        })
}
