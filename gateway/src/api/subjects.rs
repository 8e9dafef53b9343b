//! `/v1/subjects`: who asks about whom, and the way from there to the service.
//! Each family of endpoints reads its requests and writes its answers in a file
//! of its own.

mod changes;
mod evidence;
mod import;
mod json;
mod methods;
mod operators;
mod recovery;

use http::StatusCode;

pub(super) use operators::acted;

use super::answer::{Reply, json as write_json};
use super::codes;
use super::endpoint::Asked;
use super::fields;
use super::problem::Problem;
use super::query;
use crate::service::subjects::view::ShownOnce;
use crate::service::{Service, ServiceError};
use crate::tenants::{Asker, Caller, Operator};

/// Whose credential an endpoint takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// An API key with the scope `subjects`.
    Tenant,
    Operator,
    Either,
}

/// Whose credential it was.
pub(super) enum Presented {
    Tenant(Caller),
    Operator(Operator),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum SubjectEndpoint {
    Show,
    Methods,
    AddMethod,
    ConfirmMethod,
    SetDefault,
    RemoveMethod,
    ForgetMethod,
    SetLocale,
    RequestChange,
    GetChange,
    CancelChange,
    ConfirmChange,
    UndoChange,
    ReportChange,
    ApproveChange,
    RejectChange,
    OpenRecovery,
    NewRecoveryCode,
    GetRecoveryCode,
    IssueBypassCode,
    GetBypassCode,
    RevokeBypassCode,
    CheckBypassCode,
    Freeze,
    Unfreeze,
    Reset,
    Erase,
    SetPrivileged,
    Import,
    ApproveAction,
    WithdrawAction,
    Audit,
}

/// A request, read and bounded.
pub(super) struct Read {
    asker: Asker,
    subject: String,
    ask: Ask,
}

enum Ask {
    Methods(methods::Ask),
    Changes(changes::Ask),
    Recovery(recovery::Ask),
    Operators(operators::Ask),
}

/// Whose subject it is about, and which.
struct About<'a> {
    asker: &'a Asker,
    subject: &'a str,
}

/// What a request holds, and the tenant that an operator names in it.
type Parsed = Result<(Ask, Option<String>), Problem>;

pub(super) async fn answer(
    service: &Service,
    (presented, endpoint): (Presented, SubjectEndpoint),
    asked: &Asked,
) -> Result<Reply, Problem> {
    let Read {
        asker,
        subject,
        ask,
    } = read((presented, endpoint), asked)?;
    let about = About {
        asker: &asker,
        subject: &subject,
    };
    match ask {
        Ask::Methods(ask) => methods::answer(service, about, ask).await,
        Ask::Changes(ask) => changes::answer(service, about, ask).await,
        Ask::Recovery(ask) => recovery::answer(service, about, ask).await,
        Ask::Operators(ask) => operators::answer(service, about, ask).await,
    }
}

/// Why a code was not sent, with what the person may be shown.
pub(super) fn not_sent(error: ServiceError, asker: &Asker, locale: Option<&str>) -> Problem {
    let problem = Problem::from(error);
    match asker {
        Asker::Tenant(caller) => problem.for_person(&caller.tenant, locale),
        Asker::Operator { .. } => problem,
    }
}

/// A secret that no other answer will have.
pub(super) fn shown_once(shown: &ShownOnce) -> Result<Reply, Problem> {
    write_json(StatusCode::CREATED, &json::ShownOnceJson::new(shown))
}

/// Reads a request without asking anybody.
pub(super) fn read(
    (presented, endpoint): (Presented, SubjectEndpoint),
    asked: &Asked,
) -> Result<Read, Problem> {
    use SubjectEndpoint as E;
    let (ask, tenant) = match endpoint {
        E::Show => methods::show(asked),
        E::Methods => methods::list(asked),
        E::AddMethod => methods::add(asked),
        E::ConfirmMethod => methods::confirm(asked),
        E::SetDefault => methods::set_default(asked),
        E::RemoveMethod => methods::remove(asked),
        E::ForgetMethod => methods::forget(asked),
        E::SetLocale => methods::set_locale(asked),
        E::RequestChange => changes::request(asked),
        E::GetChange => changes::get(asked),
        E::CancelChange => changes::cancel(asked),
        E::ConfirmChange => changes::confirm(asked),
        E::UndoChange => changes::undo(&presented, asked),
        E::ReportChange => changes::report(asked),
        E::ApproveChange => changes::decide(asked, changes::Decision::Approve),
        E::RejectChange => changes::decide(asked, changes::Decision::Reject),
        E::OpenRecovery => recovery::open(asked),
        E::NewRecoveryCode => recovery::new_code(asked),
        E::GetRecoveryCode => recovery::get_code(asked),
        E::CheckBypassCode => recovery::check_bypass(asked),
        E::GetBypassCode => recovery::get_bypass(asked),
        E::IssueBypassCode => operators::issue_bypass(asked),
        E::RevokeBypassCode => operators::plain(asked, operators::Plain::RevokeBypassCode),
        E::Unfreeze => operators::plain(asked, operators::Plain::Unfreeze),
        E::Erase => operators::plain(asked, operators::Plain::Erase),
        E::Reset => operators::reset(asked),
        E::Freeze => operators::freeze(asked),
        E::SetPrivileged => operators::set_privileged(asked),
        E::Import => import::read(asked),
        E::ApproveAction => operators::approve(asked),
        E::WithdrawAction => operators::withdraw(asked),
        E::Audit => operators::audit(asked),
    }?;
    Ok(Read {
        asker: asker(presented, tenant)?,
        subject: subject(asked)?,
        ask,
    })
}

/// An operator has to name a tenant. A tenant's key speaks for itself, and for
/// another it is as if that were not there.
fn asker(presented: Presented, tenant: Option<String>) -> Result<Asker, Problem> {
    let tenant = fields::TENANT.optional(tenant)?;
    match (presented, tenant) {
        (Presented::Tenant(caller), Some(named)) if named != *caller.tenant.name => {
            Err(Problem::new(&codes::NOT_FOUND))
        }
        (Presented::Tenant(caller), Some(_) | None) => Ok(Asker::Tenant(caller)),
        (Presented::Operator(operator), Some(tenant)) => Ok(Asker::Operator { operator, tenant }),
        (Presented::Operator(_), None) => {
            Err(Problem::new(&codes::MISSING_FIELD).field(fields::TENANT.field))
        }
    }
}

fn subject(asked: &Asked) -> Result<String, Problem> {
    let decoded = query::segment(&asked.parameters.first);
    fields::SUBJECT.check(decoded.ok_or_else(|| fields::SUBJECT.refusal())?)
}

/// An id of the path's second place; one that is not well-formed is nobody's.
fn second<T>(asked: &Asked, parse: impl Fn(&str) -> Option<T>) -> Result<T, Problem> {
    let text = asked.parameters.second.as_deref();
    text.and_then(parse)
        .ok_or_else(|| Problem::new(&codes::NOT_FOUND))
}

/// The tenant of a request without a body.
fn tenant_of_query(asked: &Asked) -> Result<Option<String>, Problem> {
    let [tenant] = query::parameters(asked.head.uri.query(), ["tenant"])?;
    Ok(tenant)
}

/// A request that takes neither body nor query.
fn nothing_else(asked: &Asked) -> Result<(), Problem> {
    let [] = query::parameters(asked.head.uri.query(), [])?;
    Ok(())
}

#[cfg(test)]
mod tests;
