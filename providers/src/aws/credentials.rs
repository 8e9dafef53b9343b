//! What every AWS provider is set up with: region, keys, and where that is.

use http::{HeaderValue, Uri};

use crate::RequestError;
use crate::kind::{ConnectError, Form, Given, Setting};
use crate::registry::checked_url;
use crate::signature::AwsSigner;

pub(crate) const REGION: Setting = Setting {
    key: "region",
    form: Form::Text(region),
    required: Some("eu-west-1"),
    about: "the AWS region",
};

pub(crate) const ACCESS_KEY_ID: Setting = Setting {
    key: "access_key_id",
    form: Form::Text(access_key_id),
    required: Some("the id of an access key"),
    about: "the access key of an IAM user that may do nothing else",
};

pub(crate) const SECRET_ACCESS_KEY: Setting = Setting {
    key: "secret_access_key",
    form: Form::Secret {
        file: "secret_access_key_file",
    },
    required: Some("the secret of the access key"),
    about: "its secret",
};

pub(crate) const SESSION_TOKEN: Setting = Setting {
    key: "session_token",
    form: Form::Secret {
        file: "session_token_file",
    },
    required: None,
    about: "with temporary keys: a reload brings new ones",
};

fn region(text: &str) -> Result<(), &'static str> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_region = (1..=32).contains(&text.len()) && text.bytes().all(fits);
    is_region.then_some(()).ok_or("must be an AWS region")
}

fn access_key_id(text: &str) -> Result<(), &'static str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric();
    let is_id = (1..=128).contains(&text.len()) && text.bytes().all(fits);
    is_id.then_some(()).ok_or("must be letters and digits")
}

/// Where a service is: `base_url`, or the region's own endpoint.
pub(crate) fn endpoint(given: &Given<'_>, service: &str) -> Result<Uri, ConnectError> {
    let values = given.values;
    if let Some(url) = values.url("base_url") {
        let url = checked_url("base_url", url.clone())?;
        return if matches!(url.path(), "" | "/") && url.query().is_none() {
            Ok(url)
        } else {
            Err(ConnectError::setting("base_url", "must have no path"))
        };
    }
    let region = values.required_text("region")?;
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    let url = format!("https://{service}.{region}.amazonaws.com{suffix}/");
    url.parse()
        .map_err(|_| ConnectError::setting("region", "must be an AWS region"))
}

pub(crate) fn signer(given: &Given<'_>, service: &'static str) -> Result<AwsSigner, ConnectError> {
    let values = given.values;
    let session_token = match values.secret("session_token") {
        None => None,
        Some(token) => {
            let mut token = HeaderValue::try_from(token.expose())
                .map_err(|_| ConnectError::setting("session_token", "must be one line"))?;
            token.set_sensitive(true);
            Some(token)
        }
    };
    Ok(AwsSigner {
        access_key_id: (&**values.required_text("access_key_id")?).into(),
        secret_access_key: values.required_secret("secret_access_key")?.clone(),
        session_token,
        region: (&**values.required_text("region")?).into(),
        service,
    })
}

/// The `Host` of an endpoint: it is signed, so it cannot be left to the client.
pub(crate) fn host(url: &Uri) -> Result<HeaderValue, RequestError> {
    let authority = url.authority().ok_or(RequestError::Malformed)?;
    HeaderValue::try_from(authority.as_str()).map_err(|_| RequestError::Malformed)
}
