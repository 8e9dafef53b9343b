//! `/v1/admin/readiness` and what makes it green: drills, the sealed code, and
//! who may leave.

use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::answer::{Reply, empty, json};
use super::endpoint::{Asked, RecoveryDuty};
use super::fields;
use super::json::{self, JsonBody};
use super::problem::Problem;
use super::query;
use super::subjects::{acted, shown_once};
use super::view::Time;
use crate::service::Service;
use crate::service::subjects::view::ReadinessView;
use crate::tenants::Operator;

/// A request, read and bounded.
pub(super) enum Ask {
    Readiness,
    Drill(String),
    NewSealedCode,
    RemoveOperator(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DrillBody {
    note: Option<String>,
}

impl JsonBody for DrillBody {
    const FIELDS: &'static [&'static str] = &["note"];
}

/// Nothing, or an object with nothing in it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EmptyBody {}

impl JsonBody for EmptyBody {
    const FIELDS: &'static [&'static str] = &[];
}

pub(super) fn read(duty: RecoveryDuty, asked: &Asked) -> Result<Ask, Problem> {
    Ok(match duty {
        RecoveryDuty::Readiness => {
            let [] = query::parameters(asked.head.uri.query(), [])?;
            Ask::Readiness
        }
        RecoveryDuty::Drill => {
            let body: DrillBody = json::body(asked)?;
            Ask::Drill(fields::NOTE.required(body.note)?)
        }
        RecoveryDuty::NewSealedCode => {
            let EmptyBody {} = json::body_if_any(asked)?;
            Ask::NewSealedCode
        }
        RecoveryDuty::RemoveOperator => {
            let EmptyBody {} = json::body_if_any(asked)?;
            let name = query::segment(&asked.parameters.first);
            let name = name.ok_or_else(|| fields::OPERATOR.refusal())?;
            Ask::RemoveOperator(fields::OPERATOR.check(name)?)
        }
    })
}

#[derive(Serialize)]
struct ReadinessJson<'a> {
    ready: bool,
    checks: Vec<CheckJson<'a>>,
    log: Vec<LogLineJson<'a>>,
}

#[derive(Serialize)]
struct CheckJson<'a> {
    name: &'static str,
    status: &'static str,
    detail: &'a str,
}

#[derive(Serialize)]
struct LogLineJson<'a> {
    at: Time,
    what: &'a str,
}

impl<'a> ReadinessJson<'a> {
    fn new(view: &'a ReadinessView) -> Self {
        let checks = view.checks.iter().map(|check| CheckJson {
            name: check.name,
            status: if check.is_green { "green" } else { "red" },
            detail: &check.detail,
        });
        let log = view.log.iter().map(|(at_ms, what)| LogLineJson {
            at: Time(*at_ms),
            what,
        });
        Self {
            ready: view.checks.iter().all(|check| check.is_green),
            checks: checks.collect(),
            log: log.collect(),
        }
    }
}

pub(super) async fn answer(
    service: &Service,
    operator: &Operator,
    ask: Ask,
) -> Result<Reply, Problem> {
    match ask {
        Ask::Readiness => {
            let view = service.readiness(operator).await?;
            json(StatusCode::OK, &ReadinessJson::new(&view))
        }
        Ask::Drill(note) => {
            service.drill(operator, &note).await?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        Ask::NewSealedCode => shown_once(&service.new_sealed_code(operator).await?),
        Ask::RemoveOperator(name) => acted(service.remove_operator(operator, &name).await?),
    }
}
