//! Beside the decryption: what Entra wants said, and to whom. Neither printed
//! nor stored as it is; its texts are wiped when dropped.

use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// The decrypted part of a request. Has no `Debug`: number, text and nonce are in it.
pub struct DeliveryContext {
    /// Repeated in the answer, as proof that the request could be decrypted.
    pub nonce: Zeroizing<String>,
    pub phone_number: Zeroizing<String>,
    /// The whole text, with the code in it, in the person's language.
    pub message: Zeroizing<String>,
    pub locale: Option<String>,
    /// Dialled once an office's exchange has answered.
    pub extension: Option<Zeroizing<String>>,
}

/// Why a plaintext says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// Told apart from a failed decryption by nobody.
    #[error("not a JSON object")]
    NotAnObject,
    #[error("incomplete delivery context")]
    Incomplete,
}

/// Reads a plaintext.
///
/// # Errors
///
/// [`ContextError`]
pub fn parse(plaintext: &[u8]) -> Result<DeliveryContext, ContextError> {
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(plaintext) else {
        return Err(ContextError::NotAnObject);
    };
    let mut required = |name| text(&mut fields, name).ok_or(ContextError::Incomplete);
    let (nonce, phone_number) = (required("nonce")?, required("phoneNumber")?);
    let message = required("message")?;
    Ok(DeliveryContext {
        nonce,
        phone_number,
        message,
        locale: text(&mut fields, "locale").map(|locale| locale.trim().to_owned()),
        extension: extension(&mut fields),
    })
}

/// A text that says something. Moved out, never copied.
fn text(fields: &mut Map<String, Value>, name: &str) -> Option<Zeroizing<String>> {
    match fields.remove(name) {
        Some(Value::String(text)) => {
            let text = Zeroizing::new(text);
            (!text.trim().is_empty()).then_some(text)
        }
        Some(_) | None => None,
    }
}

/// Digits, whichever way JSON carries them. Anything else that is not nothing
/// stays as it is written: who calls without it tells the code to somebody else.
fn extension(fields: &mut Map<String, Value>) -> Option<Zeroizing<String>> {
    match fields.get("extension") {
        Some(Value::String(_)) => {
            text(fields, "extension").map(|text| Zeroizing::new(text.trim().to_owned()))
        }
        Some(Value::Null) | None => None,
        Some(odd) => Some(Zeroizing::new(odd.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn with(changes: Value) -> Result<DeliveryContext, ContextError> {
        let mut context = json!({
            "nonce": "n-1", "phoneNumber": "+14255550123", "message": "123456 is your code",
        });
        let changes = changes.as_object().unwrap().clone();
        context.as_object_mut().unwrap().extend(changes);
        parse(context.to_string().as_bytes())
    }

    #[test]
    fn a_context_is_read_with_and_without_what_is_optional() {
        let least = with(json!({})).ok().unwrap();
        assert_eq!(*least.nonce, "n-1");
        assert!(least.locale.is_none() && least.extension.is_none());
        let full = json!({"locale": "en-US", "extension": " 123 ", "riskContext": {"a": [1]}});
        let full = with(full).ok().unwrap();
        assert_eq!(full.locale.as_deref(), Some("en-US"));
        assert_eq!(full.extension.unwrap().as_str(), "123");
        let number = with(json!({"extension": 77, "locale": null})).ok().unwrap();
        assert_eq!(number.extension.unwrap().as_str(), "77");
        assert!(number.locale.is_none());
        for nothing in [json!(null), json!(""), json!(" \t")] {
            let context = with(json!({ "extension": nothing })).ok().unwrap();
            assert!(context.extension.is_none());
        }
    }

    #[test]
    fn an_extension_that_is_none_is_not_passed_over() {
        for odd in [json!(-1), json!(1.5), json!(true), json!(["42"]), json!({})] {
            let context = with(json!({"extension": odd.clone()})).ok().unwrap();
            assert_eq!(context.extension.unwrap().as_str(), odd.to_string());
        }
    }

    #[test]
    fn nonce_number_and_message_are_there_and_say_something() {
        for field in ["nonce", "phoneNumber", "message"] {
            for odd in [
                json!(""),
                json!(" \t"),
                json!(null),
                json!(123),
                json!(["a"]),
            ] {
                let changes = Value::Object(Map::from_iter([(field.to_owned(), odd)]));
                assert_eq!(
                    with(changes).err(),
                    Some(ContextError::Incomplete),
                    "{field}"
                );
            }
        }
        assert_eq!(parse(b"{}").err(), Some(ContextError::Incomplete));
    }

    #[test]
    fn what_is_no_object_says_nothing() {
        for plaintext in ["", "[]", "null", "not JSON", "{\"nonce\":"] {
            let error = parse(plaintext.as_bytes()).err();
            assert_eq!(error, Some(ContextError::NotAnObject), "{plaintext}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            _ = parse(&text);
        }
    }
}
