//! Plays Microsoft Entra: publishes signing keys as badly as the test says, signs
//! tokens, and encrypts codes to a gateway's key.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::http_wire::read_request;

pub(crate) const DIRECTORY: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
pub(crate) const CLIENT: &str = "1f2e3d4c-5b6a-7988-9786-a4b5c6d7e8f9";
pub(crate) const AUDIENCE: &str = "api://otp.example.com/1f2e3d4c-5b6a-7988-9786-a4b5c6d7e8f9";
pub(crate) const CALLER: &str = "2f3e4d5c-6b7a-8998-a786-b4c5d6e7f809";

/// A file of the vectors that another language's libraries made.
pub(crate) fn vectors(file: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/entra");
    root.join(file)
}

fn key_in(file: &str) -> Vec<u8> {
    let key = PrivateKeyDer::from_pem_file(vectors(file)).expect("a committed test key");
    key.secret_der().to_vec()
}

fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn now_s() -> u64 {
    let now_s = jiff::Timestamp::now().as_second();
    u64::try_from(now_s).expect("it is after 1970")
}

/// A key that signs tokens. Clones are the same key.
#[derive(Clone)]
pub(crate) struct TokenKey {
    id: String,
    pair: Arc<KeyPair>,
}

impl TokenKey {
    pub(crate) fn committed() -> Self {
        let pair = KeyPair::from_pkcs8(&key_in("signing.pem")).expect("a committed test key");
        Self::new("signing", pair)
    }

    /// One that nobody has had before.
    pub(crate) fn drawn(id: &str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key can be drawn");
        Self::new(id, pair)
    }

    fn new(id: &str, pair: KeyPair) -> Self {
        Self {
            id: id.to_owned(),
            pair: Arc::new(pair),
        }
    }

    /// The same key by another name.
    pub(crate) fn named(&self, id: &str) -> Self {
        Self {
            id: id.to_owned(),
            ..self.clone()
        }
    }

    /// The modulus of 2048 bits, out of the key's DER: two lengths before it, the
    /// exponent 65537 after it.
    fn modulus(&self) -> Vec<u8> {
        let der = self.pair.public_key().as_ref();
        assert_eq!(der.len(), 270, "a key of 2048 bits");
        der[9..265].to_vec()
    }

    fn jwk(&self) -> Value {
        json!({
            "kty": "RSA", "use": "sig", "kid": self.id, "n": base64(&self.modulus()), "e": "AQAB",
            "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
        })
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        let signed = self.unsigned("RS256", claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .expect("it can sign");
        format!("{signed}.{}", base64(&signature))
    }

    /// A token without a signature.
    pub(crate) fn token_of_none(&self, claims: &Value) -> String {
        format!("{}.", self.unsigned("none", claims))
    }

    /// A token whose secret is what everybody knows: the public key.
    pub(crate) fn token_of_public_key(&self, claims: &Value) -> String {
        let public: Result<PublicKeyX509Der<'_>, _> = self.pair.public_key().as_der();
        let public = public.expect("a key can be written");
        let signed = self.unsigned("HS256", claims);
        let secret = hmac::Key::new(hmac::HMAC_SHA256, public.as_ref());
        format!(
            "{signed}.{}",
            base64(hmac::sign(&secret, signed.as_bytes()).as_ref())
        )
    }

    fn unsigned(&self, algorithm: &str, claims: &Value) -> String {
        let header = json!({ "typ": "JWT", "alg": algorithm, "kid": self.id });
        let (header, claims) = (header.to_string(), claims.to_string());
        format!(
            "{}.{}",
            base64(header.as_bytes()),
            base64(claims.as_bytes())
        )
    }
}

/// The claims of a token of version 1 that is let in, with changes; `null` takes
/// a claim out.
pub(crate) fn claims(changes: Value) -> Value {
    let now_s = now_s();
    let mut claims = json!({
        "aud": AUDIENCE, "iss": format!("https://sts.windows.net/{DIRECTORY}/"),
        "iat": now_s - 60, "nbf": now_s - 60, "exp": now_s + 3_600,
        "appid": CALLER, "tid": DIRECTORY, "ver": "1.0",
    });
    let all = claims.as_object_mut().expect("an object");
    all.extend(changes.as_object().expect("an object").clone());
    all.retain(|_, value| !value.is_null());
    claims
}

/// The same of version 2.
pub(crate) fn claims_v2() -> Value {
    claims(json!({
        "aud": CLIENT, "iss": format!("https://login.microsoftonline.com/{DIRECTORY}/v2.0"),
        "appid": null, "azp": CALLER, "ver": "2.0",
    }))
}

/// What a gateway's requests are encrypted to.
#[derive(Clone)]
pub(crate) struct Recipient {
    id: &'static str,
    key: PublicEncryptingKey,
}

impl Recipient {
    pub(crate) fn current() -> Self {
        let key = PrivateDecryptingKey::from_pkcs8(&key_in("current.pem"));
        Self {
            id: "current",
            key: key.expect("a committed test key").public_key(),
        }
    }

    /// The key before, which is written in PKCS #1.
    pub(crate) fn previous() -> Self {
        let pair = KeyPair::from_der(&key_in("previous.pem")).expect("a committed test key");
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().expect("it can be written");
        let key = PrivateDecryptingKey::from_pkcs8(pkcs8.as_ref());
        Self {
            id: "previous",
            key: key.expect("a committed test key").public_key(),
        }
    }

    pub(crate) fn file(&self) -> PathBuf {
        vectors(&format!("{}.pem", self.id))
    }

    /// An entry of `entra.keys`.
    pub(crate) fn entry(&self) -> String {
        format!("{{ id = {:?}, key_file = {:?} }}", self.id, self.file())
    }

    /// A compact JWE, another one at each call.
    pub(crate) fn seal(&self, plaintext: &Value) -> String {
        let header = json!({ "alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": self.id });
        let header = base64(header.to_string().as_bytes());
        let content_key: [u8; 32] = super::random_bytes();
        let iv: [u8; 12] = super::random_bytes();
        let rsa = OaepPublicEncryptingKey::new(self.key.clone()).expect("an RSA key");
        let mut wrapped = vec![0; rsa.ciphertext_size()];
        let wrapped = rsa
            .encrypt(&OAEP_SHA256_MGF1SHA256, &content_key, &mut wrapped, None)
            .expect("a content key fits");
        let aead = UnboundKey::new(&AES_256_GCM, &content_key).expect("32 bytes");
        let mut text = plaintext.to_string().into_bytes();
        let tag = LessSafeKey::new(aead)
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(iv),
                Aad::from(header.as_bytes()),
                &mut text,
            )
            .expect("it can be sealed");
        let rest = [&*wrapped, &iv, &text, tag.as_ref()].map(base64);
        format!("{header}.{}", rest.join("."))
    }
}

/// How the next requests for the signing keys are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Publishing {
    Keys,
    /// No answer, and the connection stays open.
    Hanging,
    Failing,
    Rubbish,
}

struct Shared {
    address: SocketAddr,
    state: Mutex<(Publishing, Vec<TokenKey>)>,
    fetches: watch::Sender<usize>,
}

/// Cheap to clone; listens until the test's runtime ends.
#[derive(Clone)]
pub(crate) struct FakeEntra(Arc<Shared>);

impl FakeEntra {
    pub(crate) async fn start(keys: &[TokenKey]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", super::ports::free_port()));
        let listener = listener.await.expect("a port that was free a moment ago");
        let entra = Self(Arc::new(Shared {
            address: listener.local_addr().expect("a bound listener"),
            state: Mutex::new((Publishing::Keys, keys.to_vec())),
            fetches: watch::Sender::new(0),
        }));
        tokio::spawn(listen(listener, Arc::clone(&entra.0)));
        entra
    }

    pub(crate) fn publish(&self, keys: &[TokenKey]) {
        self.state().1 = keys.to_vec();
    }

    pub(crate) fn is(&self, publishing: Publishing) {
        self.state().0 = publishing;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, (Publishing, Vec<TokenKey>)> {
        self.0.state.lock().expect("no holder panics")
    }

    /// How often the keys have been asked for.
    pub(crate) fn fetches(&self) -> usize {
        *self.0.fetches.borrow()
    }

    /// Waits until they have been. `false`: not in time.
    pub(crate) async fn has_been_asked(&self, times: usize, within: Duration) -> bool {
        let mut fetches = self.0.fetches.subscribe();
        let asked = fetches.wait_for(|count| *count >= times);
        tokio::time::timeout(within, asked).await.is_ok()
    }

    /// A `[[entra]]` of the tenant `acme` with these decryption keys.
    pub(crate) fn entry(&self, recipients: &[&Recipient]) -> String {
        let keys: Vec<String> = recipients.iter().map(|one| one.entry()).collect();
        format!(
            "[[entra]]\ntenant = \"acme\"\ndirectory = \"{DIRECTORY}\"\n\
             audiences = [\"{AUDIENCE}\", \"{CLIENT}\"]\ncallers = [\"{CALLER}\"]\n\
             jwks_url = \"http://{}/keys\"\nkeys = [{}]\n",
            self.0.address,
            keys.join(", ")
        )
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(serve(socket, Arc::clone(&shared)));
    }
}

async fn serve(mut socket: TcpStream, shared: Arc<Shared>) {
    let mut buffer = Vec::new();
    while read_request(&mut socket, &mut buffer).await.is_some() {
        shared.fetches.send_modify(|count| *count += 1);
        let (publishing, keys) = shared.state.lock().expect("no holder panics").clone();
        let (status, body) = match publishing {
            Publishing::Keys => {
                let keys: Vec<Value> = keys.iter().map(TokenKey::jwk).collect();
                ("200 OK", json!({ "keys": keys }).to_string())
            }
            Publishing::Hanging => std::future::pending().await,
            Publishing::Failing => ("500 Internal Server Error", "{}".to_owned()),
            Publishing::Rubbish => ("200 OK", "<html>Sign in</html>".to_owned()),
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
        if socket.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
