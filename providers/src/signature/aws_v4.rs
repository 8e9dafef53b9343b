//! AWS Signature Version 4 for what we send: POSTs to the root of an endpoint.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use http::{HeaderMap, HeaderValue, Method, header};

use super::sha256_hex;
use crate::{RequestError, Secret};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Who signs, and for which service where.
pub(crate) struct AwsSigner {
    pub(crate) access_key_id: Box<str>,
    pub(crate) secret_access_key: Secret,
    pub(crate) session_token: Option<HeaderValue>,
    pub(crate) region: Box<str>,
    pub(crate) service: &'static str,
}

impl AwsSigner {
    /// Adds time, token and signature to the headers of a request for `/`,
    /// which are all signed and have to hold `host`.
    pub(crate) fn sign(
        &self,
        method: &Method,
        headers: &mut HeaderMap,
        body: &[u8],
        now_ms: u64,
    ) -> Result<(), RequestError> {
        let time = amz_date(now_ms)?;
        let date = HeaderValue::try_from(&*time).map_err(|_| RequestError::Malformed)?;
        headers.insert("x-amz-date", date);
        if let Some(token) = &self.session_token {
            headers.insert("x-amz-security-token", token.clone());
        }
        let authorization = self.authorization(method, headers, body, &time)?;
        let mut authorization =
            HeaderValue::try_from(authorization).map_err(|_| RequestError::Malformed)?;
        authorization.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, authorization);
        Ok(())
    }

    fn authorization(
        &self,
        method: &Method,
        headers: &HeaderMap,
        body: &[u8],
        time: &str,
    ) -> Result<String, RequestError> {
        let (canonical_headers, signed_headers) = canonical(headers)?;
        let body_hash = sha256_hex(body);
        let canonical_request =
            format!("{method}\n/\n\n{canonical_headers}\n{signed_headers}\n{body_hash}");
        let (day, _) = time.split_once('T').ok_or(RequestError::Malformed)?;
        let (region, service) = (&self.region, self.service);
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let request_hash = sha256_hex(canonical_request.as_bytes());
        let string_to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{request_hash}");

        let secret = zeroize::Zeroizing::new(format!("AWS4{}", self.secret_access_key.expose()));
        let mut key = tag(secret.as_bytes(), day);
        for part in [&**region, service, "aws4_request"] {
            key = tag(key.as_ref(), part);
        }
        let signature = super::hex(tag(key.as_ref(), &string_to_sign).as_ref());
        Ok(format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed_headers}, \
             Signature={signature}",
            self.access_key_id
        ))
    }
}

/// The headers as they are signed, and the list of their names.
fn canonical(headers: &HeaderMap) -> Result<(String, String), RequestError> {
    let mut names: Vec<_> = headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    let mut lines = String::with_capacity(512);
    for name in &names {
        let mut values = Vec::new();
        for value in headers.get_all(*name) {
            let value = value.to_str().map_err(|_| RequestError::Malformed)?;
            values.push(value.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        let values = values.join(",");
        writeln!(lines, "{name}:{values}").expect("writing to a string cannot fail");
    }
    Ok((lines, names.join(";")))
}

/// `20150830T123600Z`.
fn amz_date(now_ms: u64) -> Result<String, RequestError> {
    let ms = i64::try_from(now_ms).map_err(|_| RequestError::Malformed)?;
    let time = jiff::Timestamp::from_millisecond(ms).map_err(|_| RequestError::Malformed)?;
    Ok(time.strftime("%Y%m%dT%H%M%SZ").to_string())
}

fn tag(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use http::HeaderName;

    use super::*;

    const NOW_MS: u64 = 1_440_938_160_000; // 2015-08-30T12:36:00Z

    fn signer(token: Option<HeaderValue>) -> AwsSigner {
        AwsSigner {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: token,
            region: "us-east-1".into(),
            service: "service",
        }
    }

    /// A signed request of AWS's own test suite.
    struct Vector {
        method: Method,
        headers: HeaderMap,
        body: String,
        authorization: HeaderValue,
    }

    impl Vector {
        fn read(text: &str) -> Self {
            let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
            let mut lines = head.lines();
            let method = lines.next().unwrap().split(' ').next().unwrap();
            let mut headers = HeaderMap::new();
            for line in lines {
                let (name, value) = line.split_once(':').unwrap();
                let name: HeaderName = name.parse().unwrap();
                headers.append(name, HeaderValue::from_str(value).unwrap());
            }
            let authorization = headers.remove(header::AUTHORIZATION).unwrap();
            Self {
                method: method.parse().unwrap(),
                headers,
                body: body.to_owned(),
                authorization,
            }
        }

        fn sign(&self) -> HeaderValue {
            let mut headers = self.headers.clone();
            let token = headers.remove("x-amz-security-token");
            headers.remove("x-amz-date");
            signer(token)
                .sign(&self.method, &mut headers, self.body.as_bytes(), NOW_MS)
                .unwrap();
            headers.remove(header::AUTHORIZATION).unwrap()
        }
    }

    fn vectors() -> Vec<(String, Vector)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/sigv4");
        let files = std::fs::read_dir(folder).unwrap();
        files
            .map(|file| {
                let path = file.unwrap().path();
                let text = std::fs::read_to_string(&path).unwrap();
                (path.display().to_string(), Vector::read(&text))
            })
            .collect()
    }

    #[test]
    fn the_published_vectors_are_signed_as_published() {
        let vectors = vectors();
        assert_eq!(vectors.len(), 12);
        for (name, vector) in vectors {
            assert_eq!(vector.sign(), vector.authorization, "{name}");
        }
    }

    #[test]
    fn one_flipped_byte_makes_another_signature() {
        for (name, mut vector) in vectors() {
            let body = vector.body.clone();
            vector.body.push('x');
            assert_ne!(vector.sign(), vector.authorization, "{name}");
            vector.body = body;
            let host = HeaderValue::from_static("example.amazonaws.con");
            vector.headers.insert("host", host);
            assert_ne!(vector.sign(), vector.authorization, "{name}");
        }
    }

    #[test]
    fn a_time_that_has_no_date_is_refused() {
        assert_eq!(amz_date(NOW_MS).unwrap(), "20150830T123600Z");
        assert_eq!(amz_date(u64::MAX), Err(RequestError::Malformed));
    }
}
