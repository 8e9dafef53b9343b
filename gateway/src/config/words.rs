//! The shapes of names, ids and other short texts in the configuration.

/// Ids and names end up in URLs, metric labels and key names of the store.
pub(super) fn identifier(text: &str) -> Result<String, String> {
    let fits = (1..=48).contains(&text.len())
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
        });
    if fits {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 48 of a-z, 0-9, - and _".to_owned())
    }
}

/// Text that people see, on one line.
pub(super) fn line(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if (1..=64).contains(&length) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 64 characters on one line".to_owned())
    }
}

/// A tenant's id for a person.
pub(super) fn subject(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if (1..=128).contains(&length) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 128 characters without control characters".to_owned())
    }
}

/// A BCP 47 tag, by its form: `en`, `pt-BR`, `zh-Hant`.
pub(super) fn locale(text: &str) -> Result<String, String> {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    let fits = (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && text.len() <= 35
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
    if fits {
        Ok(text.to_owned())
    } else {
        Err("must be a BCP 47 language tag such as \"en\" or \"pt-BR\"".to_owned())
    }
}

/// What a phone can show: E.164, a short code, or at most 11 letters and digits.
pub(super) fn sender(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let is_number =
        (3..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = (1..=11).contains(&text.len())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'_' | b'.' | b'&')
        });
    if is_number || is_name {
        Ok(text.to_owned())
    } else {
        Err("must be a number in E.164, a short code, or 1 to 11 letters and digits".to_owned())
    }
}

/// The host of a WebOTP line: a domain name, with a port if need be.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let authority: Option<http::uri::Authority> = text.parse().ok();
    let fits = text.len() <= 253
        && !text.contains('@')
        && authority.is_some_and(|authority| {
            authority.host().bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
            })
        });
    if fits {
        Ok(text.to_owned())
    } else {
        Err(
            "must be a host name in lower case, such as \"login.example.com\", without https://"
                .to_owned(),
        )
    }
}

/// Android's SMS retriever hash of an app.
pub(super) fn app_hash(text: &str) -> Result<String, String> {
    if text.len() == 11
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
    {
        Ok(text.to_owned())
    } else {
        Err("must be the 11 characters that Android's SMS retriever gives for the app".to_owned())
    }
}

/// The beginning of an E.164 number, with `+`.
pub(super) fn number_prefix(text: &str) -> Result<String, String> {
    let fits = text.strip_prefix('+').is_some_and(|digits| {
        (1..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    if fits {
        Ok(text.to_owned())
    } else {
        Err("must be the beginning of a number in E.164, such as \"+1415\"".to_owned())
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn sha256(text: &str) -> Result<[u8; 32], String> {
    let fix = || {
        "must be the SHA-256 of the key in 64 hexadecimal digits: `watchword keys new` prints it"
            .to_owned()
    };
    if text.len() != 64 {
        return Err(fix());
    }
    let mut digest = [0_u8; 32];
    for (byte, index) in digest.iter_mut().zip((0..).step_by(2)) {
        let pair = text
            .get(index..index + 2)
            .filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
        *byte = pair
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            .ok_or_else(fix)?;
    }
    Ok(digest)
}
