//! Any HTTP API: the request by a template, answers and receipts by rules.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};

use super::TEXT_CHARACTERS_MAX;
use super::rules::{AnswerRules, ReceiptRules};
use super::template::{Filling, JsonTemplate, Placeholder, Template};
use crate::answer::is_longer_than;
use crate::kind::{ConnectError, Given, Values};
use crate::registry::checked_url;
use crate::request::{authorization, basic_authorization};
use crate::speech::marked;
use crate::{
    Callback, Capabilities, Clock, DeliveryReceipt, Message, Provider, ReceiptError, Receipts,
    RequestError, Response, Secret, SubmitError, Submitted,
};

/// The settings of which one makes a request by template.
const MAKE_A_TEMPLATE: [&str; 3] = ["query", "form", "json"];

/// What HTTP itself writes.
const OUR_HEADERS: [HeaderName; 4] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
];

/// Names with the templates of their values.
type Pairs = Vec<(String, Template)>;

enum Body {
    None,
    Form(Pairs),
    Json(JsonTemplate),
}

/// A provider by template. Its own `Debug` would show secrets, so there is none.
pub(super) struct TemplatedProvider {
    capabilities: Capabilities,
    method: Method,
    url: Uri,
    query: Pairs,
    headers: Vec<(HeaderName, Template)>,
    authorization: Option<HeaderValue>,
    body: Body,
    credential: Option<Secret>,
    answers: AnswerRules,
    receipts: ReceiptRules,
    clock: Clock,
}

/// Whether these settings ask for a request by template.
pub(super) fn is_asked_for(values: &Values) -> bool {
    MAKE_A_TEMPLATE.iter().any(|key| values.has(key))
}

impl TemplatedProvider {
    pub(super) fn new(given: &Given<'_>) -> Result<Self, ConnectError> {
        let values = given.values;
        let receipts = ReceiptRules::new(given)?;
        let method = match values.text("method").map(|word| &**word) {
            Some("GET") => Method::GET,
            Some("PUT") => Method::PUT,
            Some(_) | None => Method::POST,
        };
        let body = body(values)?;
        let has_body = match body {
            Body::None => false,
            Body::Form(_) | Body::Json(_) => true,
        };
        if has_body && method == Method::GET {
            let fix = "cannot be \"GET\" with form or json: put the parameters into query";
            return Err(ConnectError::setting("method", fix));
        }
        let mut provider = Self {
            capabilities: Capabilities {
                receipts_signed: receipts.are_signed(),
                text_characters_max: TEXT_CHARACTERS_MAX,
                ..Capabilities::new(given.channels, given.receipts)
            },
            method,
            url: checked_url("url", values.required_url("url")?.clone())?,
            query: pairs(values, "query")?,
            headers: headers(values)?,
            authorization: authorization_of(values)?,
            body,
            credential: values.secret("credential").cloned(),
            answers: AnswerRules::new(values)?,
            receipts,
            clock: given.clock.clone(),
        };
        provider.check()?;
        provider.capabilities.dials_extensions = provider.has(Placeholder::Extension);
        Ok(provider)
    }

    /// What no part shows alone.
    fn check(&self) -> Result<(), ConnectError> {
        for needed in [Placeholder::Text] {
            if !self.has(needed) {
                let fix = "missing: no part of the request has {text}, so no code would get out";
                return Err(ConnectError::setting("json", fix));
            }
        }
        if !self.has(Placeholder::To) && !self.has(Placeholder::ToDigits) {
            let fix = "missing: no part of the request has {to} or {to_digits}";
            return Err(ConnectError::setting("json", fix));
        }
        if self.has(Placeholder::Credential) && self.credential.is_none() {
            let fix = "missing: the request has {credential}; set credential or credential_file";
            return Err(ConnectError::setting("credential", fix));
        }
        let names_url = self.has(Placeholder::ReceiptUrl);
        if self.capabilities.receipts == Receipts::Reference && !names_url {
            let fix = "is \"reference\", and no part of the request has {receipt_url}";
            return Err(ConnectError::setting("receipt_status_at", fix));
        }
        Ok(())
    }

    fn has(&self, placeholder: Placeholder) -> bool {
        let in_pairs = |pairs: &Pairs| pairs.iter().any(|(_, one)| one.has(placeholder));
        let in_body = match &self.body {
            Body::None => false,
            Body::Form(pairs) => in_pairs(pairs),
            Body::Json(template) => template.has(placeholder),
        };
        let in_headers = self.headers.iter().any(|(_, one)| one.has(placeholder));
        in_body || in_headers || in_pairs(&self.query)
    }

    fn filled_headers(&self, filling: Filling<'_>) -> Result<HeaderMap, RequestError> {
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 2);
        let content_type = match self.body {
            Body::None => None,
            Body::Form(_) => Some("application/x-www-form-urlencoded"),
            Body::Json(_) => Some("application/json"),
        };
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        for (name, template) in &self.headers {
            let Some(text) = template.fill(filling) else {
                continue;
            };
            let mut value = HeaderValue::try_from(text).map_err(|_| RequestError::Malformed)?;
            value.set_sensitive(template.has(Placeholder::Credential));
            headers.insert(name.clone(), value);
        }
        Ok(headers)
    }
}

impl Provider for TemplatedProvider {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn request(&self, message: &Message) -> Result<Request<Bytes>, RequestError> {
        if !self.capabilities.channels.contains(&message.channel) {
            return Err(RequestError::Channel);
        }
        if is_longer_than(&message.text, TEXT_CHARACTERS_MAX) {
            return Err(RequestError::TextTooLong);
        }
        let filling = Filling {
            message,
            credential: self.credential.as_ref(),
        };
        let url = match &*self.query {
            [] => self.url.clone(),
            query => marked(&self.url.to_string(), &encoded(query, filling))
                .parse()
                .map_err(|_| RequestError::Malformed)?,
        };
        let body = match &self.body {
            Body::None => Bytes::new(),
            Body::Form(pairs) => encoded(pairs, filling).into(),
            Body::Json(template) => {
                let filled = template.fill(filling).ok_or(RequestError::Malformed)?;
                filled.to_string().into()
            }
        };
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = url;
        *request.headers_mut() = self.filled_headers(filling)?;
        Ok(request)
    }

    fn classify(&self, response: &Response) -> Result<Submitted, SubmitError> {
        self.answers.classify(response, self.clock.now_ms())
    }

    fn receipts(&self, callback: &Callback<'_>) -> Result<Vec<DeliveryReceipt>, ReceiptError> {
        match self.capabilities.receipts {
            Receipts::None => Err(ReceiptError::NotExpected),
            Receipts::Reference | Receipts::MessageId => {
                self.receipts.read(callback).map(|receipt| vec![receipt])
            }
        }
    }
}

/// `name=value&…`, without what this message has not got.
fn encoded(pairs: &[(String, Template)], filling: Filling<'_>) -> String {
    let mut form = form_urlencoded::Serializer::new(String::with_capacity(512));
    for (name, template) in pairs {
        if let Some(value) = template.fill(filling) {
            form.append_pair(name, &value);
        }
    }
    form.finish()
}

fn pairs(values: &Values, key: &'static str) -> Result<Pairs, ConnectError> {
    let pair = |text: &Arc<str>| {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| ConnectError::setting(key, format!("has {text:?}, which is no a=b")))?;
        let template = Template::parse(value).map_err(|fix| ConnectError::setting(key, fix))?;
        Ok((name.trim().to_owned(), template))
    };
    values.texts(key).iter().map(pair).collect()
}

fn headers(values: &Values) -> Result<Vec<(HeaderName, Template)>, ConnectError> {
    let wrong = |fix: String| ConnectError::setting("headers", fix);
    let header = |text: &Arc<str>| {
        let (name, value) = text
            .split_once(':')
            .ok_or_else(|| wrong(format!("has {text:?}, which is no Name: value")))?;
        let name: HeaderName = name
            .trim()
            .parse()
            .map_err(|_| wrong(format!("has {name:?}, which no header is called")))?;
        if OUR_HEADERS.contains(&name) {
            return Err(wrong(format!(
                "has {name}, which HTTP itself writes: leave it out"
            )));
        }
        let template = Template::parse(value.trim()).map_err(wrong)?;
        if template.has(Placeholder::Text) {
            let fix = "has {text}, which may be in any script: put it into query, form or json";
            return Err(wrong(fix.to_owned()));
        }
        Ok((name, template))
    };
    values.texts("headers").iter().map(header).collect()
}

fn body(values: &Values) -> Result<Body, ConnectError> {
    match (values.has("form"), values.text("json")) {
        (true, Some(_)) => {
            let fix = "set one of form and json, not both";
            Err(ConnectError::setting("json", fix))
        }
        (true, None) => Ok(Body::Form(pairs(values, "form")?)),
        (false, Some(text)) => {
            let template = JsonTemplate::parse(text);
            let template = template.map_err(|fix| ConnectError::setting("json", fix))?;
            Ok(Body::Json(template))
        }
        (false, None) => Ok(Body::None),
    }
}

fn authorization_of(values: &Values) -> Result<Option<HeaderValue>, ConnectError> {
    let word = values.text("auth").map_or("none", |word| &**word);
    if word == "none" {
        return Ok(None);
    }
    let credential = values.secret("credential").ok_or_else(|| {
        let fix = "missing: auth needs it; set credential or credential_file";
        ConnectError::setting("credential", fix)
    })?;
    if word == "bearer" {
        return authorization("credential", "Bearer", credential).map(Some);
    }
    let user = values
        .text("user")
        .ok_or_else(|| ConnectError::setting("user", "missing: auth = \"basic\" needs it"))?;
    basic_authorization("credential", user, credential).map(Some)
}

#[cfg(test)]
mod tests;
