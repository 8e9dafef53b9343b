//! `/docs`: the OpenAPI document as a page to read, rendered once at start.
//! It loads nothing from anywhere and runs no script.

mod html;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value};

use super::answer::{Reply, with_type};
use super::openapi::DOCUMENT;
use html::Html;

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

pub(super) fn reply(page: Bytes) -> Reply {
    let mut reply = with_type("text/html; charset=utf-8", StatusCode::OK, page);
    let headers = reply.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    reply
}

const METHODS: [&str; 4] = ["post", "get", "put", "delete"];

/// The page as one string of HTML.
pub(super) fn page() -> String {
    let document: Value = serde_json::from_str(DOCUMENT)
        .expect("the document is compiled in, and a test reads it as JSON");
    let reader = Reader {
        document: &document,
    };
    let mut html = Html::page(text(at(&document, "/info/title")));
    reader.contents(&mut html);
    html.open("main");
    reader.introduction(&mut html);
    reader.operations(&mut html);
    reader.schemas(&mut html);
    reader.codes(&mut html);
    html.close("main");
    html.finish()
}

/// Walks the document. What is not there reads as empty.
struct Reader<'a> {
    document: &'a Value,
}

impl<'a> Reader<'a> {
    fn contents(&self, html: &mut Html) {
        html.open("nav");
        for tag in list(at(self.document, "/tags")) {
            let tag = text(at(tag, "/name"));
            html.element("h2", tag);
            html.open("ul");
            for (path, method, operation) in self.operations_of(tag) {
                html.open("li");
                html.link(text(at(operation, "/operationId")), &label(method, path));
                html.close("li");
            }
            html.close("ul");
        }
        html.element("h2", "Reference");
        html.open("ul");
        for (anchor, title) in [("schemas", "Schemas"), ("errors", "Error codes")] {
            html.open("li");
            html.link(anchor, title);
            html.close("li");
        }
        html.close("ul");
        html.close("nav");
    }

    fn introduction(&self, html: &mut Html) {
        let about = at(self.document, "/info");
        html.element("h1", text(at(about, "/title")));
        html.element("p", text(at(about, "/summary")));
        for paragraph in text(at(about, "/description")).split("\n\n") {
            html.paragraph(paragraph);
        }
        html.heading("h2", "credentials", "Credentials");
        html.open("dl");
        for (_, scheme) in entries(at(self.document, "/components/securitySchemes")) {
            html.element("dt", "Authorization: Bearer …");
            html.definition(text(at(scheme, "/description")));
        }
        html.close("dl");
    }

    fn operations(&self, html: &mut Html) {
        for tag in list(at(self.document, "/tags")) {
            let name = text(at(tag, "/name"));
            html.element("h2", name);
            html.paragraph(text(at(tag, "/description")));
            for (path, method, operation) in self.operations_of(name) {
                self.operation(html, &label(method, path), operation);
            }
        }
    }

    fn operation(&self, html: &mut Html, label: &str, operation: &Value) {
        html.open("section");
        html.heading("h3", text(at(operation, "/operationId")), label);
        html.strong(text(at(operation, "/summary")));
        html.paragraph(text(at(operation, "/description")));
        let parameters = list(at(operation, "/parameters"));
        if !parameters.is_empty() {
            html.element("h4", "Parameters");
            html.open("dl");
            for parameter in parameters.iter().map(|given| self.resolved(given)) {
                let place = text(at(parameter, "/in"));
                html.element("dt", &format!("{} ({place})", text(at(parameter, "/name"))));
                html.definition(text(at(parameter, "/description")));
            }
            html.close("dl");
        }
        let body = at(operation, "/requestBody/content/application~1json");
        if let Some(name) = schema_name(at(body, "/schema")) {
            html.element("h4", "Body");
            html.link(&schema_anchor(name), name);
            self.examples(html, body);
        }
        html.element("h4", "Answers");
        html.open("dl");
        for (status, response) in entries(at(operation, "/responses")) {
            let response = self.resolved(response);
            html.element("dt", status);
            html.definition(text(at(response, "/description")));
            if status.starts_with('2') {
                self.examples(html, at(response, "/content/application~1json"));
            }
        }
        html.close("dl");
        html.close("section");
    }

    fn examples(&self, html: &mut Html, content: &Value) {
        for (_, example) in entries(at(content, "/examples")) {
            let written = serde_json::to_string_pretty(at(example, "/value")).unwrap_or_default();
            html.preformatted(&written);
        }
    }

    fn schemas(&self, html: &mut Html) {
        html.heading("h2", "schemas", "Schemas");
        for (name, schema) in entries(at(self.document, "/components/schemas")) {
            html.open("section");
            html.heading("h3", &schema_anchor(name), name);
            html.paragraph(text(at(schema, "/description")));
            html.paragraph(&one_of(schema));
            let required = list(at(schema, "/required"));
            html.open("dl");
            for (field, content) in entries(at(schema, "/properties")) {
                let is_required = required.iter().any(|name| text(name) == field);
                html.open("dt");
                html.code(field);
                html.text(if is_required { " (always) " } else { " " });
                match schema_name(content) {
                    Some(name) => html.link(&schema_anchor(name), name),
                    None => html.text(&kind(content)),
                }
                html.close("dt");
                html.definition(text(at(content, "/description")));
            }
            html.close("dl");
            html.close("section");
        }
    }

    /// One anchor for each code: where the `type` of a problem points.
    fn codes(&self, html: &mut Html) {
        html.heading("h2", "errors", "Error codes");
        for (code, entry) in entries(at(self.document, "/x-error-codes")) {
            html.open("section");
            html.heading("h3", code, code);
            html.element(
                "p",
                &format!("{} {}", at(entry, "/status"), text(at(entry, "/title"))),
            );
            html.paragraph(text(at(entry, "/description")));
            html.close("section");
        }
    }

    fn operations_of(&self, tag: &str) -> Vec<(&'a str, &'static str, &'a Value)> {
        let mut found = Vec::new();
        for (path, item) in entries(at(self.document, "/paths")) {
            for method in METHODS {
                let operation = item.get(method).unwrap_or(&NOTHING);
                if list(at(operation, "/tags"))
                    .iter()
                    .any(|name| text(name) == tag)
                {
                    found.push((path, method, operation));
                }
            }
        }
        found
    }

    /// What a `$ref` names, or the value itself.
    fn resolved(&self, value: &'a Value) -> &'a Value {
        let named = value["$ref"]
            .as_str()
            .and_then(|name| name.strip_prefix('#'));
        named
            .and_then(|pointer| self.document.pointer(pointer))
            .unwrap_or(value)
    }
}

fn label(method: &str, path: &str) -> String {
    format!("{} {path}", method.to_ascii_uppercase())
}

fn schema_anchor(name: &str) -> String {
    format!("schema-{name}")
}

/// The schema a value names, directly, as `null` or it, or as a list of it.
fn schema_name(schema: &Value) -> Option<&str> {
    let alternatives = list(at(schema, "/oneOf"));
    let named = [schema, at(schema, "/items")]
        .into_iter()
        .chain(alternatives)
        .find_map(|candidate| at(candidate, "/$ref").as_str())?;
    named.strip_prefix("#/components/schemas/")
}

/// A schema without a name, in a few words.
fn kind(schema: &Value) -> String {
    let one = text(at(schema, "/type"));
    let many = list(at(schema, "/type")).iter().map(text);
    let types: Vec<_> = [one]
        .into_iter()
        .chain(many)
        .filter(|kind| !kind.is_empty())
        .collect();
    let words = one_of(schema);
    if words.is_empty() {
        types.join(" or ")
    } else {
        words
    }
}

/// The words an enumeration allows.
fn one_of(schema: &Value) -> String {
    let words: Vec<_> = list(at(schema, "/enum"))
        .iter()
        .map(|word| format!("`{}`", text(word)))
        .collect();
    words.join(", ")
}

static NOTHING: Value = Value::Null;

/// What stands there, or null.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&NOTHING)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let fields = value.as_object().into_iter().flat_map(Map::iter);
    fields.map(|(name, content)| (name.as_str(), content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::codes;

    #[test]
    fn every_link_leads_somewhere_and_every_code_has_its_anchor() {
        let page = page();
        let linked = page.split("href=\"#").skip(1);
        for anchor in linked.map(|rest| rest.split('"').next().unwrap()) {
            assert!(page.contains(&format!("id=\"{anchor}\"")), "{anchor}");
        }
        for entry in codes::ALL {
            assert!(
                page.contains(&format!("id=\"{}\"", entry.code)),
                "{}",
                entry.code
            );
        }
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere_and_no_script_runs() {
        let page = page();
        for forbidden in [
            "<script", "http://", "https://", "src=", "url(", "@import", " on",
        ] {
            let is_in_tags = page
                .split('<')
                .filter_map(|rest| rest.split_once('>'))
                .any(|(tag, _)| format!("<{tag}").contains(forbidden));
            assert!(!is_in_tags, "{forbidden}");
        }
    }

    #[test]
    fn tags_are_closed_in_their_order() {
        let page = page();
        let mut open = Vec::new();
        for tag in page
            .split('<')
            .skip(1)
            .filter_map(|rest| rest.split('>').next())
        {
            let name = tag.split(' ').next().unwrap();
            match name.strip_prefix('/') {
                Some(closed) => assert_eq!(open.pop(), Some(closed)),
                None if ["!doctype", "meta"].contains(&name) => {}
                None => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}
