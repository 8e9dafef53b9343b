//! The way back in: recoveries, recovery codes, and what a person does with a
//! bypass code.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::evidence::{EvidenceBody, evidence};
use super::json::{BypassCodeJson, ShownOnceJson};
use super::{About, Parsed, nothing_else, shown_once, tenant_of_query};
use crate::api::answer::{Reply, json};
use crate::api::endpoint::Asked;
use crate::api::fields;
use crate::api::json::{self, JsonBody};
use crate::api::problem::Problem;
use crate::api::view::{Shown, Time};
use crate::service::Service;
use crate::service::subjects::request::EvidenceItem;
use crate::service::subjects::view::RecoveryView;
use crate::subjects::model::GrantId;

pub(super) enum Ask {
    Open(Vec<EvidenceItem>),
    NewCode(Vec<EvidenceItem>),
    GetCode,
    CheckBypass(Zeroizing<String>),
    GetBypass,
}

impl Ask {
    fn of_tenant(self) -> Parsed {
        Ok((super::Ask::Recovery(self), None))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofBody {
    evidence: EvidenceBody,
}

impl JsonBody for ProofBody {
    const FIELDS: &'static [&'static str] = &["evidence"];
}

fn proof(asked: &Asked) -> Result<Vec<EvidenceItem>, Problem> {
    let body: ProofBody = json::body(asked)?;
    evidence(body.evidence)
}

pub(super) fn open(asked: &Asked) -> Parsed {
    Ask::Open(proof(asked)?).of_tenant()
}

pub(super) fn new_code(asked: &Asked) -> Parsed {
    Ask::NewCode(proof(asked)?).of_tenant()
}

pub(super) fn get_code(asked: &Asked) -> Parsed {
    nothing_else(asked)?;
    Ask::GetCode.of_tenant()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeBody {
    code: Option<String>,
}

impl JsonBody for CodeBody {
    const FIELDS: &'static [&'static str] = &["code"];
}

pub(super) fn check_bypass(asked: &Asked) -> Parsed {
    let body: CodeBody = json::body(asked)?;
    let code = Zeroizing::new(fields::SECRET.required(body.code)?);
    Ask::CheckBypass(code).of_tenant()
}

pub(super) fn get_bypass(asked: &Asked) -> Parsed {
    Ok((
        super::Ask::Recovery(Ask::GetBypass),
        tenant_of_query(asked)?,
    ))
}

#[derive(Serialize)]
struct OpenedJson<'a> {
    recovery: RecoveryJson,
    /// Takes the place of the one that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_code: Option<ShownOnceJson<'a>>,
}

#[derive(Serialize)]
struct RecoveryJson {
    id: Shown<GrantId>,
    class: &'static str,
    hold_s: u64,
    expires_at: Time,
}

impl<'a> OpenedJson<'a> {
    fn new(view: &'a RecoveryView) -> Self {
        Self {
            recovery: RecoveryJson {
                id: Shown(view.id),
                class: view.class.as_str(),
                hold_s: view.hold_s,
                expires_at: Time(view.expires_at_ms),
            },
            recovery_code: view.recovery_code.as_ref().map(ShownOnceJson::new),
        }
    }
}

/// Whether there is one; never which.
#[derive(Serialize)]
pub(super) struct RecoveryCodeJson {
    exists: bool,
    created_at: Option<Time>,
}

impl RecoveryCodeJson {
    pub(super) fn new(created_at_ms: Option<u64>) -> Self {
        Self {
            exists: created_at_ms.is_some(),
            created_at: created_at_ms.map(Time),
        }
    }
}

#[derive(Serialize)]
struct BypassJson<'a> {
    bypass_code: Option<BypassCodeJson<'a>>,
}

#[derive(Serialize)]
struct CheckedJson {
    approved: bool,
    one_time: bool,
}

pub(super) async fn answer(
    service: &Service,
    About { asker, subject }: About<'_>,
    ask: Ask,
) -> Result<Reply, Problem> {
    match ask {
        Ask::Open(evidence) => {
            let view = service.open_recovery(asker, subject, evidence).await?;
            json(StatusCode::CREATED, &OpenedJson::new(&view))
        }
        Ask::NewCode(evidence) => {
            let shown = service.new_recovery_code(asker, subject, evidence).await?;
            shown_once(&shown)
        }
        Ask::GetCode => {
            let view = service.subject(asker, subject).await?;
            let answer = RecoveryCodeJson::new(view.recovery_code_created_at_ms);
            json(StatusCode::OK, &answer)
        }
        Ask::CheckBypass(code) => {
            let one_time = service.check_bypass_code(asker, subject, code).await?;
            let answer = CheckedJson {
                approved: true,
                one_time,
            };
            json(StatusCode::OK, &answer)
        }
        Ask::GetBypass => {
            let view = service.subject(asker, subject).await?;
            let bypass_code = view.bypass_code.as_ref().map(BypassCodeJson::new);
            json(StatusCode::OK, &BypassJson { bypass_code })
        }
    }
}
