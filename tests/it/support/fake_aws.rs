//! AWS as far as the gateway uses it, over TLS: takes messages, and plays SNS with
//! a certificate of its own, which it serves as SNS serves its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_RSA_SHA256};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::http_wire::{WireRequest, read_request};

const TOPIC_ARN: &str = "arn:aws:sns:eu-west-1:123456789012:watchword";
const SNS_HOST: &str = "sns.eu-west-1.amazonaws.com";
pub(crate) const CERTIFICATE: &str = "/SimpleNotificationService-0123456789abcdef.pem";
pub(crate) const CONFIRMATION: &str = "/?Action=ConfirmSubscription&Token=2336412f37f";

/// Who signs envelopes: SNS, or somebody who would like to be.
pub(crate) struct Signer {
    key: KeyPair,
    certificate_pem: String,
}

impl Signer {
    /// With a certificate made out to SNS: anybody can make one.
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key can be drawn");
        let params = CertificateParams::new(vec!["sns.amazonaws.com".to_owned()]);
        let certificate = params
            .and_then(|params| params.self_signed(&key))
            .expect("it can sign itself");
        Self {
            certificate_pem: certificate.pem(),
            key,
        }
    }

    /// What SNS posts, by version 2 of its signature.
    pub(crate) fn signed(&self, mut envelope: Value) -> Value {
        let pair = RsaKeyPair::from_pkcs8(&self.key.serialize_der()).expect("it is an RSA key");
        let mut signature = vec![0; pair.public_modulus_len()];
        let text = signed_text(&envelope);
        pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            text.as_bytes(),
            &mut signature,
        )
        .expect("a key this long signs");
        envelope["Signature"] = STANDARD.encode(signature).into();
        envelope
    }
}

/// These fields by name, each on a line of its own under its name.
fn signed_text(envelope: &Value) -> String {
    let names = [
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ];
    let fields = names
        .iter()
        .filter_map(|name| Some((name, envelope[name].as_str()?)));
    fields
        .map(|(name, value)| format!("{name}\n{value}\n"))
        .collect()
}

/// Listens until it is dropped.
pub(crate) struct FakeAws {
    address: SocketAddr,
    pub(crate) sns: Signer,
    /// Where its authority is written.
    directory: TempDir,
    requests: watch::Sender<Vec<String>>,
    _listener: tokio::task::JoinSet<()>,
}

impl FakeAws {
    /// Starts one that accepts everything.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", super::ports::free_port()))
            .await
            .expect("a port that was free a moment ago");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let (acceptor, authority_pem) = tls();
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(directory.path().join("ca.pem"), authority_pem)
            .expect("the directory can be written to");
        let sns = Signer::new();
        let requests = watch::Sender::new(Vec::new());
        let server = Server {
            acceptor,
            certificate_pem: sns.certificate_pem.clone(),
            requests: requests.clone(),
        };
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(listen(listener, Arc::new(server)));
        Self {
            address,
            sns,
            directory,
            requests,
            _listener: tasks,
        }
    }

    /// The entry of the provider `aws`, and its route.
    pub(crate) fn entry(&self) -> String {
        let url = self.url();
        format!(
            r#"[[providers]]
id = "aws"
kind = "aws"
channels = ["sms"]
region = "eu-west-1"
access_key_id = "AKIDEXAMPLE"
secret_access_key = "secret of nobody"
sender = "+14155550100"
configuration_set = "codes"
topic_arn = "{TOPIC_ARN}"
base_url = "{url}"
sns_url = "{url}"
ca_file = {:?}

[[routes]]
channel = "sms"
hops = ["aws"]
"#,
            self.directory.path().join("ca.pem"),
        )
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// An event of a message, not signed yet.
    pub(crate) fn event(event_type: &str, message_id: &str) -> Value {
        let event = json!({ "eventType": event_type, "messageId": message_id });
        envelope("Notification", &event.to_string())
    }

    /// What SNS posts to a new endpoint, not signed yet.
    pub(crate) fn subscription() -> Value {
        let mut envelope = envelope("SubscriptionConfirmation", "You have chosen to subscribe");
        envelope["Token"] = "2336412f37f".into();
        envelope["SubscribeURL"] = format!("https://{SNS_HOST}{CONFIRMATION}").into();
        envelope
    }

    /// How often each thing was asked for, messages aside.
    pub(crate) fn fetched(&self, path: &str) -> usize {
        let requests = self.requests.borrow();
        requests.iter().filter(|asked| asked.contains(path)).count()
    }

    /// Waits for the id that the message of this place was answered with, from 0.
    pub(crate) async fn message_id(&self, place: usize, within: Duration) -> String {
        let is_message = |asked: &&String| asked.starts_with("POST ");
        let mut watched = self.requests.subscribe();
        let arrived = watched.wait_for(|all| all.iter().filter(is_message).count() > place);
        let arrived = tokio::time::timeout(within, arrived).await;
        arrived.expect("AWS gets the message").expect("it listens");
        message_id(place)
    }
}

fn message_id(place: usize) -> String {
    format!("f6a1c3d2-9b54-{place:04}")
}

fn envelope(of_type: &str, message: &str) -> Value {
    json!({
        "Type": of_type,
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC_ARN,
        "Message": message,
        "Timestamp": jiff::Timestamp::now().to_string(),
        "SignatureVersion": "2",
        "SigningCertURL": format!("https://{SNS_HOST}{CERTIFICATE}"),
    })
}

/// A server for `127.0.0.1`, and the authority that vouches for it.
fn tls() -> (TlsAcceptor, String) {
    let key = KeyPair::generate().expect("a key can be drawn");
    let mut authority = CertificateParams::new(Vec::new()).expect("no names are valid names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, key).expect("it can sign itself");
    let key = KeyPair::generate().expect("a key can be drawn");
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .and_then(|params| params.signed_by(&key, &authority))
        .expect("the authority can sign it");
    let private_key = PrivateKeyDer::try_from(key.serialize_der()).expect("it is a key");
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .expect("these versions are built in")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private_key)
        .expect("the certificate is of this key");
    (TlsAcceptor::from(Arc::new(config)), authority.pem())
}

struct Server {
    acceptor: TlsAcceptor,
    certificate_pem: String,
    requests: watch::Sender<Vec<String>>,
}

async fn listen(listener: TcpListener, server: Arc<Server>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        if let Ok((socket, _)) = listener.accept().await {
            let server = Arc::clone(&server);
            connections.spawn(async move { server.serve(socket).await });
        }
        while connections.try_join_next().is_some() {}
    }
}

impl Server {
    async fn serve(&self, socket: TcpStream) {
        let Ok(mut socket) = self.acceptor.accept(socket).await else {
            return;
        };
        let mut buffer = Vec::new();
        while let Some(request) = read_request(&mut socket, &mut buffer).await {
            let body = self.answer(&request);
            let length = body.len();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
            if socket.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn answer(&self, request: &WireRequest) -> String {
        let asked = format!("{} {}", request.method, request.path);
        let messages = self
            .requests
            .borrow()
            .iter()
            .filter(|all| all.starts_with("POST "))
            .count();
        self.requests.send_modify(|all| all.push(asked));
        match (&*request.method, &*request.path) {
            ("POST", _) => json!({ "MessageId": message_id(messages) }).to_string(),
            (_, CERTIFICATE) => self.certificate_pem.clone(),
            (_, _) => String::new(),
        }
    }
}
