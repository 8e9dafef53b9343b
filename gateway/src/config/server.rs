//! Reads `[server]`, `[log]` and `[messages]`.

use std::net::SocketAddr;

use super::address::{is_loopback, parse_url};
use super::reader::Section;
use super::settings::{
    LogFormat, LogLevel, LogSettings, MessageSettings, ServerSettings, TlsSettings,
};
use super::words;

pub(super) fn read(section: &Section<'_>) -> ServerSettings {
    let listen = section.parsed("listen", socket_address);
    let admin_listen = section.parsed("admin_listen", socket_address);
    let unset = SocketAddr::from(([127, 0, 0, 1], 0));
    ServerSettings {
        listen: listen.unwrap_or(unset),
        admin_listen: admin_listen.unwrap_or(unset),
        receipts_listen: section.parsed("receipts_listen", socket_address),
        public_url: public_url(section),
        tls: tls(section),
        insecure_listen: section.flag("insecure_listen"),
        allow_sandbox: section.flag("allow_sandbox"),
        connections_max: section.count("connections_max", 1..=1_000_000),
        first_byte_timeout: section.milliseconds("first_byte_timeout_ms", 100..=120_000),
        handshake_timeout: section.milliseconds("handshake_timeout_ms", 100..=60_000),
        header_timeout: section.milliseconds("header_timeout_ms", 100..=60_000),
        body_timeout: section.milliseconds("body_timeout_ms", 100..=60_000),
        request_timeout: section.milliseconds("request_timeout_ms", 500..=60_000),
        body_bytes_max: usize::try_from(section.integer("body_bytes_max", 1_024..=1_048_576))
            .unwrap_or(1_024),
        drain_delay: section.seconds("drain_delay_s", 0..=300),
        drain_timeout: section.seconds("drain_timeout_s", 1..=300),
    }
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "must be an address and a port, such as 127.0.0.1:8080 or [::]:8443".to_owned()
    })
}

fn public_url(section: &Section<'_>) -> Option<String> {
    let url = section.parsed("public_url", |text| {
        let url = parse_url(text)?;
        if url.query().is_some() {
            return Err("must not have a query".to_owned());
        }
        Ok(url)
    })?;
    if url.scheme_str() == Some("http") && !is_loopback(&url) {
        section.reading().warn(
            "server.public_url",
            "is not https: receipts will cross the network in clear text",
        );
    }
    Some(url.to_string().trim_end_matches('/').to_owned())
}

fn tls(section: &Section<'_>) -> Option<TlsSettings> {
    let cert_file = section.file("tls_cert_file");
    let key_file = section.file("tls_key_file");
    match (cert_file, key_file) {
        (Some(cert_file), Some(key_file)) => Some(TlsSettings {
            cert_file,
            key_file,
        }),
        (None, None) => None,
        (Some(_), None) => {
            section.mistake("tls_cert_file", "needs tls_key_file beside it");
            None
        }
        (None, Some(_)) => {
            section.mistake("tls_key_file", "needs tls_cert_file beside it");
            None
        }
    }
}

pub(super) fn read_log(section: &Section<'_>) -> LogSettings {
    let levels = [
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    LogSettings {
        level: section.choice("level", &levels).unwrap_or(LogLevel::Info),
        format: section
            .choice("format", &formats)
            .unwrap_or(LogFormat::Json),
    }
}

pub(super) fn read_messages(section: &Section<'_>) -> MessageSettings {
    MessageSettings {
        default_locale: section
            .parsed("default_locale", words::locale)
            .unwrap_or_default(),
        directory: section.file("directory"),
    }
}
