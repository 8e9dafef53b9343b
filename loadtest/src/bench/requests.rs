//! Requests that are ready before they are due: only digits change from one start
//! to the next, so that a request costs the generator next to nothing.

use std::net::SocketAddr;
use std::ops::Range;

use super::notes::digits_of;

/// A request as HTTP/1.1 sends it, and its parts for HTTP/2.
#[derive(Clone)]
pub(crate) struct Ready {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) body: Range<usize>,
}

impl Ready {
    /// A `POST` of JSON.
    pub(crate) fn new(path: String, (host, api_key): (SocketAddr, &str), body: &str) -> Self {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {api_key}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        let bytes = format!("{head}{body}").into_bytes();
        Self {
            path,
            body: head.len()..bytes.len(),
            bytes,
        }
    }
}

/// Starts a verification for another number and client address each time.
#[derive(Clone)]
pub(crate) struct Start {
    pub(crate) ready: Ready,
    number: Range<usize>,
    address: Range<usize>,
}

/// Every part of an address has three digits, from here on.
const PART_MIN: u64 = 100;
/// And stays below 250.
const PARTS: u64 = 150;

impl Start {
    pub(crate) fn new(host: SocketAddr, api_key: &str) -> Self {
        let body = r#"{"to":"+10000000000","channel":"sms","client":{"ip":"104.000.000.000"}}"#;
        let ready = Ready::new("/v1/verifications".to_owned(), (host, api_key), body);
        let place = |text: &str, length: usize| {
            let from = body.find(text).expect("the body has both") + ready.body.start;
            from..from + length
        };
        Self {
            number: place("0000000000", 10),
            address: place("000.000.000", 11),
            ready,
        }
    }

    /// Makes it the request of this send.
    pub(crate) fn set(&mut self, send: u64) {
        let Ready { bytes, .. } = &mut self.ready;
        if let Some(number) = bytes.get_mut(self.number.clone()) {
            number.copy_from_slice(&digits_of(send));
        }
        let parts = [send / (PARTS * PARTS), send / PARTS, send];
        let address = bytes.get_mut(self.address.clone()).into_iter();
        for (digits, part) in address.flat_map(|text| text.chunks_mut(4)).zip(parts) {
            let part = PART_MIN + part % PARTS;
            for (digit, power) in digits.iter_mut().zip([100, 10, 1]) {
                *digit = b'0' + (part / power % 10) as u8;
            }
        }
    }
}

/// How a program is asked to check a code.
#[derive(Clone, Copy)]
pub(crate) enum CheckForm {
    Gateway,
    Yardstick,
}

impl CheckForm {
    /// The request that checks this code.
    pub(crate) fn ready(self, host: (SocketAddr, &str), id: &str, code: u32) -> Ready {
        match self {
            Self::Gateway => Ready::new(
                format!("/v1/verifications/{id}/check"),
                host,
                &format!(r#"{{"code":"{code:06}"}}"#),
            ),
            Self::Yardstick => Ready::new(
                "/check".to_owned(),
                host,
                &format!(r#"{{"id":"{id}","code":"{code:06}"}}"#),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

    fn text(ready: &Ready) -> (&str, &str) {
        let whole = std::str::from_utf8(&ready.bytes).unwrap();
        whole.split_at(ready.body.start)
    }

    #[test]
    fn each_start_names_another_number_and_another_address() {
        let mut start = Start::new(HOST, "wk_1");
        start.set(17);
        let (head, body) = text(&start.ready);
        assert_eq!(
            body,
            r#"{"to":"+12022000001","channel":"sms","client":{"ip":"104.100.100.117"}}"#
        );
        assert!(head.starts_with("POST /v1/verifications HTTP/1.1\r\n"));
        assert!(head.contains("authorization: Bearer wk_1\r\n"));
        assert!(head.ends_with(&format!("content-length: {}\r\n\r\n", body.len())));
        start.set(150 * 151);
        assert!(text(&start.ready).1.contains(r#""104.101.101.100""#));
    }

    #[test]
    fn a_check_keeps_the_zeros_in_front() {
        let check = CheckForm::Gateway.ready((HOST, "wk_1"), "vrf_1", 42);
        assert_eq!(check.path, "/v1/verifications/vrf_1/check");
        assert_eq!(text(&check).1, r#"{"code":"000042"}"#);
        let check = CheckForm::Yardstick.ready((HOST, "wk_1"), "1", 42);
        assert_eq!(text(&check).1, r#"{"id":"1","code":"000042"}"#);
    }
}
