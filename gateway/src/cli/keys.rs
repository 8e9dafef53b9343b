//! `keys new`: draws what a configuration cannot come with.

use std::io::{self, Write};

use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// Writes a `[[keys]]` block with a fresh master key, and a fresh API key with
/// the line that admits it. What is not for the end of a file stands in comments,
/// so the whole can be appended to a configuration.
///
/// # Errors
///
/// The system gives no randomness, or the keys could not be written.
pub fn new_keys(to: &mut impl Write) -> io::Result<()> {
    let master = Zeroizing::new(STANDARD.encode(draw()?.as_slice()));
    let api_key = Zeroizing::new(format!("wk_{}", URL_SAFE_NO_PAD.encode(draw()?.as_slice())));
    let suffix = hex(draw()?.get(..3).unwrap_or_default());
    let sha256 = hex(digest::digest(&digest::SHA256, api_key.as_bytes()).as_ref());
    let text = Zeroizing::new(format!(
        "\
# Master key. Above the older ones: newest first. Whoever has it can open what
# the store seals.
[[keys]]
id = \"k-{suffix}\"
secret = \"{}\"

# API key, for the identity service alone; it is shown only here:
#   {}
# The line that admits it, for a [[tenants]] block:
#   api_keys = [{{ id = \"a-{suffix}\", sha256 = \"{sha256}\" }}]
",
        *master, *api_key
    ));
    to.write_all(text.as_bytes())
}

fn draw() -> io::Result<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    rand::fill(bytes.as_mut_slice())
        .map_err(|_| io::Error::other("the system gives no randomness"))?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> String {
        let mut written = Vec::new();
        new_keys(&mut written).unwrap();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn the_block_is_toml_with_a_key_of_32_bytes() {
        let table: toml::Table = keys().parse().unwrap();
        let secret = table["keys"][0]["secret"].as_str().unwrap();
        assert_eq!(STANDARD.decode(secret).unwrap().len(), 32);
    }

    #[test]
    fn the_digest_belongs_to_the_api_key() {
        let text = keys();
        let key = text
            .lines()
            .find_map(|line| line.strip_prefix("#   wk_"))
            .unwrap();
        let digest = digest::digest(&digest::SHA256, format!("wk_{key}").as_bytes());
        assert!(text.contains(&format!("sha256 = \"{}\"", hex(digest.as_ref()))));
    }

    #[test]
    fn no_two_calls_draw_the_same() {
        let (first, second) = (keys(), keys());
        let secret = |text: &str| {
            text.lines()
                .find(|line| line.starts_with("secret"))
                .unwrap()
                .to_owned()
        };
        assert_ne!(secret(&first), secret(&second));
    }
}
