//! `evidence` in JSON: what a caller says was proved. Judged by the service;
//! here each item is only held to its own shape.

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::api::codes;
use crate::api::fields::{self, TextRule};
use crate::api::json::Object;
use crate::api::problem::Problem;
use crate::id::VerificationId;
use crate::service::subjects::request::EvidenceItem;
use crate::subjects::model::GrantId;

/// There are fewer kinds than this worth giving together.
const ITEMS_MAX: usize = 6;

const FIELD: &str = "evidence";

/// One item, whatever its type.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemBody {
    r#type: Option<String>,
    kind: Option<String>,
    verification_id: Option<String>,
    code: Option<String>,
    assertion: Option<String>,
    id: Option<String>,
}

pub(super) type EvidenceBody = Option<Vec<Object<ItemBody>>>;

/// Nothing at all is evidence too, only very weak.
pub(super) fn evidence(value: EvidenceBody) -> Result<Vec<EvidenceItem>, Problem> {
    let items = value.unwrap_or_default();
    if items.len() > ITEMS_MAX {
        return Err(invalid());
    }
    items.into_iter().map(|Object(body)| item(body)).collect()
}

fn invalid() -> Problem {
    Problem::new(&codes::INVALID_EVIDENCE).field(FIELD)
}

fn item(mut body: ItemBody) -> Result<EvidenceItem, Problem> {
    let kind = body.r#type.take().ok_or_else(invalid)?;
    let item = match kind.as_str() {
        "session" => EvidenceItem::Session,
        "single_factor" => EvidenceItem::SingleFactor,
        "issued_code" => EvidenceItem::IssuedCode,
        "stronger_factor" => EvidenceItem::StrongerFactor {
            kind: text(&fields::FACTOR, body.kind.take()).transpose()?,
        },
        "method" => EvidenceItem::Method {
            verification: id(body.verification_id.take(), VerificationId::parse)?,
        },
        "recovery_code" => EvidenceItem::RecoveryCode {
            code: needed(&fields::SECRET, body.code.take())?,
        },
        "bypass_code" => EvidenceItem::BypassCode {
            code: needed(&fields::SECRET, body.code.take())?,
        },
        "idv" => EvidenceItem::Idv {
            assertion: needed(&fields::ASSERTION, body.assertion.take())?,
        },
        "recovery" => EvidenceItem::Recovery {
            id: id(body.id.take(), GrantId::parse)?,
        },
        _ => return Err(invalid()),
    };
    let ItemBody {
        r#type: _,
        kind,
        verification_id,
        code,
        assertion,
        id,
    } = body;
    // What belongs to another type was meant to prove something it does not.
    let mut rest = [kind, verification_id, code, assertion, id].into_iter();
    if rest.any(|field| field.is_some()) {
        return Err(invalid());
    }
    Ok(item)
}

fn text(rule: &TextRule, value: Option<String>) -> Option<Result<String, Problem>> {
    value.map(|value| rule.check(value).map_err(|_| invalid()))
}

fn needed(rule: &TextRule, value: Option<String>) -> Result<Zeroizing<String>, Problem> {
    text(rule, value)
        .unwrap_or_else(|| Err(invalid()))
        .map(Zeroizing::new)
}

fn id<T>(value: Option<String>, parse: impl Fn(&str) -> Option<T>) -> Result<T, Problem> {
    value.as_deref().and_then(parse).ok_or_else(invalid)
}
