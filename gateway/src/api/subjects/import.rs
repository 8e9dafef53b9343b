//! Numbers brought in from another system, one subject at a time.

use serde::Deserialize;

use super::Parsed;
use super::operators::Ask;
use crate::api::codes;
use crate::api::endpoint::Asked;
use crate::api::fields;
use crate::api::json::{self, JsonBody, Object};
use crate::api::problem::Problem;
use crate::service::subjects::request::{ImportRequest, ImportedNumber};
use crate::subjects::model::Role;

/// More than any policy lets a subject have.
const METHODS_MAX: usize = 32;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportBody {
    tenant: Option<String>,
    methods: Option<Vec<Object<MethodBody>>>,
    reason: Option<String>,
    ticket: Option<String>,
}

impl JsonBody for ImportBody {
    const FIELDS: &'static [&'static str] = &["tenant", "methods", "reason", "ticket"];
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MethodBody {
    phone: Option<String>,
    region: Option<String>,
    role: Option<String>,
    channel: Option<String>,
    extension: Option<String>,
}

pub(super) fn read(asked: &Asked) -> Parsed {
    let body: ImportBody = json::body(asked)?;
    let missing = || Problem::new(&codes::MISSING_FIELD).field("methods");
    let methods = body.methods.ok_or_else(missing)?;
    if !(1..=METHODS_MAX).contains(&methods.len()) {
        return Err(Problem::new(&codes::INVALID_FIELD).field("methods"));
    }
    let methods = methods.into_iter().map(|method| number(method.0));
    let request = ImportRequest {
        methods: methods.collect::<Result<_, Problem>>()?,
        reason: fields::REASON.required(body.reason)?,
        ticket: fields::TICKET.optional(body.ticket)?,
    };
    Ask::Import(request).for_tenant(body.tenant)
}

fn number(body: MethodBody) -> Result<ImportedNumber, Problem> {
    let role = fields::ROLE.required(body.role)?;
    Ok(ImportedNumber {
        phone: fields::PHONE.required(body.phone)?,
        region: fields::REGION.optional(body.region)?,
        role: Role::parse(&role).ok_or_else(|| fields::ROLE.refusal())?,
        channel: fields::channel(body.channel)?,
        extension: fields::EXTENSION.optional(body.extension)?,
    })
}
