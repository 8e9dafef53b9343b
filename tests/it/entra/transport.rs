//! HTTP/2 and TLS, as Microsoft's clients speak them.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::{PATH, World};
use crate::support::gateway_config::GatewayConfig;
use crate::support::scenario::Scenario;

/// A certificate for `localhost` in the gateway's configuration; a client's trust in it.
fn with_tls(config: &mut GatewayConfig, directory: &std::path::Path) -> rustls::ClientConfig {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (directory.join("chain.pem"), directory.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    config.set("server", "tls_cert_file", &format!("{certificate:?}"));
    config.set("server", "tls_key_file", &format!("{key:?}"));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[tokio::test]
async fn http_2_over_tls_and_http_1_over_tls_are_served_alike() {
    let mut world = World::on(Scenario::on_embedded()).await;
    let directory = tempfile::tempdir().unwrap();
    let trust = with_tls(&mut world.config, directory.path());
    let gateway = world.started("one").await;
    let token = world.token();
    for version in [Version::HTTP_2, Version::HTTP_11] {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(trust.clone())
            .https_only();
        let connector = if version == Version::HTTP_2 {
            connector.enable_http2().build()
        } else {
            connector.enable_http1().build()
        };
        let client: legacy::Client<_, Full<Bytes>> =
            legacy::Client::builder(TokioExecutor::new()).build(connector);
        let otp = world.otp();
        let envelope = world.envelope(&otp);
        let request = Request::post(format!(
            "https://localhost:{}{PATH}",
            gateway.address().port()
        ))
        .version(version)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(envelope.body.to_string())))
        .unwrap();
        let answer = client.request(request).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let told: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(told["nonce"], json!(envelope.nonce));
        assert_eq!(world.messages(&otp), 1);
    }
    world.scenario.finish().await;
}
