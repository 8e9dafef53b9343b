//! The lines of the endpoint table, those asked most often first.

use http::Method;

use super::{
    Class, Endpoint, OperatorEndpoint, Page, ProviderEndpoint, RecoveryDuty, SubjectEndpoint,
    Target, TenantEndpoint, Who,
};
use crate::tenants::Scope;

const fn line(
    method: Method,
    pattern: &'static str,
    name: &'static str,
    target: Target,
    class: Class,
) -> Endpoint {
    Endpoint {
        method,
        pattern,
        name,
        target,
        class,
    }
}

const fn tenant(scope: Scope, endpoint: TenantEndpoint) -> Target {
    Target::Tenant(scope, endpoint)
}

const fn duty(duty: RecoveryDuty) -> Target {
    Target::Operator(OperatorEndpoint::Recovery(duty))
}

const VERIFICATIONS: &str = "/v1/verifications";
const VERIFICATION: &str = "/v1/verifications/{id}";
const CALL: &str = "/v1/calls/{provider}/{reference}";
const RECEIPT: &str = "/v1/receipts/{provider}/{reference}";

#[rustfmt::skip]
pub(in crate::api) static ENDPOINTS: [Endpoint; 60] = {
    use {SubjectEndpoint as S, TenantEndpoint as T};
    [
        line(Method::POST, VERIFICATIONS, "start_verification", tenant(Scope::Verify, T::Start), Class::Send),
        line(Method::POST, "/v1/verifications/{id}/check", "check_verification", tenant(Scope::Verify, T::Check), Class::Check),
        line(Method::GET, VERIFICATION, "get_verification", tenant(Scope::Read, T::Get), Class::Read),
        line(Method::POST, RECEIPT, "receive_receipt", Target::Provider(ProviderEndpoint::Receipt), Class::Receipt),
        line(Method::GET, RECEIPT, "receive_receipt_get", Target::Provider(ProviderEndpoint::Receipt), Class::Receipt),
        line(Method::POST, "/v1/receipts/{provider}", "receive_receipts", Target::Provider(ProviderEndpoint::Receipt), Class::Receipt),
        line(Method::POST, CALL, "answer_call", Target::Provider(ProviderEndpoint::Call), Class::Receipt),
        line(Method::GET, CALL, "answer_call_get", Target::Provider(ProviderEndpoint::Call), Class::Receipt),
        line(Method::POST, "/v1/verifications/{id}/resend", "resend_verification", tenant(Scope::Verify, T::Resend), Class::Resend),
        line(Method::DELETE, VERIFICATION, "cancel_verification", tenant(Scope::Verify, T::Cancel), Class::Check),
        line(Method::POST, "/v1/verifications/{id}/outcome", "report_verification_outcome", tenant(Scope::Verify, T::Outcome), Class::Check),
        line(Method::GET, VERIFICATIONS, "list_verifications", tenant(Scope::Read, T::List), Class::Read),
        line(Method::POST, "/v1/deliveries", "send_delivery", tenant(Scope::Deliver, T::Deliver), Class::Send),
        line(Method::GET, "/v1/deliveries/{id}", "get_delivery", tenant(Scope::Read, T::GetDelivery), Class::Read),
        line(Method::POST, "/v1/deliveries/{id}/outcome", "report_delivery_outcome", tenant(Scope::Deliver, T::DeliveryOutcome), Class::Check),
        line(Method::POST, "/v1/numbers/lookup", "lookup_number", tenant(Scope::Read, T::Lookup), Class::Read),
        line(Method::POST, "/v1/explain", "explain_number", tenant(Scope::Explain, T::Explain), Class::Read),
        line(Method::POST, "/v1/numbers/inbound", "receive_inbound", tenant(Scope::Subjects, T::Inbound), Class::Receipt),
        line(Method::GET, "/v1/subjects/{subject}", "get_subject", Target::Subject(Who::Either, S::Show), Class::Read),
        line(Method::GET, "/v1/subjects/{subject}/methods", "list_methods", Target::Subject(Who::Tenant, S::Methods), Class::Read),
        line(Method::POST, "/v1/subjects/{subject}/methods", "add_method", Target::Subject(Who::Tenant, S::AddMethod), Class::Send),
        line(Method::POST, "/v1/subjects/{subject}/methods/{method}/confirm", "confirm_method", Target::Subject(Who::Tenant, S::ConfirmMethod), Class::Check),
        line(Method::PUT, "/v1/subjects/{subject}/methods/{method}/default", "set_default_method", Target::Subject(Who::Tenant, S::SetDefault), Class::Check),
        line(Method::POST, "/v1/subjects/{subject}/methods/{method}/remove", "remove_method", Target::Subject(Who::Tenant, S::RemoveMethod), Class::Check),
        line(Method::DELETE, "/v1/subjects/{subject}/methods/{method}", "forget_method", Target::Subject(Who::Tenant, S::ForgetMethod), Class::Check),
        line(Method::PUT, "/v1/subjects/{subject}/locale", "set_locale", Target::Subject(Who::Tenant, S::SetLocale), Class::Check),
        line(Method::POST, "/v1/subjects/{subject}/number-changes", "request_number_change", Target::Subject(Who::Tenant, S::RequestChange), Class::Send),
        line(Method::GET, "/v1/subjects/{subject}/number-changes/{change}", "get_number_change", Target::Subject(Who::Either, S::GetChange), Class::Read),
        line(Method::DELETE, "/v1/subjects/{subject}/number-changes/{change}", "cancel_number_change", Target::Subject(Who::Tenant, S::CancelChange), Class::Check),
        line(Method::POST, "/v1/subjects/{subject}/number-changes/{change}/confirm", "confirm_number_change", Target::Subject(Who::Tenant, S::ConfirmChange), Class::Check),
        line(Method::POST, "/v1/subjects/{subject}/number-changes/{change}/undo", "undo_number_change", Target::Subject(Who::Either, S::UndoChange), Class::Check),
        line(Method::POST, "/v1/subjects/{subject}/number-changes/{change}/report", "report_number_change", Target::Subject(Who::Tenant, S::ReportChange), Class::Check),
        line(Method::POST, "/v1/subjects/{subject}/number-changes/{change}/approve", "approve_number_change", Target::Subject(Who::Operator, S::ApproveChange), Class::Check),
        line(Method::POST, "/v1/subjects/{subject}/number-changes/{change}/reject", "reject_number_change", Target::Subject(Who::Operator, S::RejectChange), Class::Check),
        line(Method::POST, "/v1/subjects/{subject}/recoveries", "open_recovery", Target::Subject(Who::Tenant, S::OpenRecovery), Class::Check),
        line(Method::POST, "/v1/subjects/{subject}/recovery-codes", "create_recovery_code", Target::Subject(Who::Tenant, S::NewRecoveryCode), Class::Check),
        line(Method::GET, "/v1/subjects/{subject}/recovery-codes", "get_recovery_code", Target::Subject(Who::Tenant, S::GetRecoveryCode), Class::Read),
        line(Method::POST, "/v1/subjects/{subject}/bypass-codes", "issue_bypass_code", Target::Subject(Who::Operator, S::IssueBypassCode), Class::Check),
        line(Method::GET, "/v1/subjects/{subject}/bypass-codes", "get_bypass_code", Target::Subject(Who::Either, S::GetBypassCode), Class::Read),
        line(Method::POST, "/v1/subjects/{subject}/bypass-codes/revoke", "revoke_bypass_code", Target::Subject(Who::Operator, S::RevokeBypassCode), Class::Check),
        line(Method::POST, "/v1/subjects/{subject}/bypass-codes/check", "check_bypass_code", Target::Subject(Who::Tenant, S::CheckBypassCode), Class::Check),
        line(Method::POST, "/v1/subjects/{subject}/freeze", "freeze_subject", Target::Subject(Who::Either, S::Freeze), Class::Check),
        line(Method::POST, "/v1/subjects/{subject}/unfreeze", "unfreeze_subject", Target::Subject(Who::Operator, S::Unfreeze), Class::Check),
        line(Method::POST, "/v1/subjects/{subject}/reset", "reset_subject", Target::Subject(Who::Operator, S::Reset), Class::Check),
        line(Method::POST, "/v1/subjects/{subject}/erase", "erase_subject", Target::Subject(Who::Operator, S::Erase), Class::Check),
        line(Method::PUT, "/v1/subjects/{subject}/privileged", "set_privileged", Target::Subject(Who::Operator, S::SetPrivileged), Class::Check),
        line(Method::POST, "/v1/subjects/{subject}/import", "import_methods", Target::Subject(Who::Operator, S::Import), Class::Check),
        line(Method::POST, "/v1/subjects/{subject}/actions/{action}/approve", "approve_action", Target::Subject(Who::Operator, S::ApproveAction), Class::Check),
        line(Method::POST, "/v1/subjects/{subject}/actions/{action}/withdraw", "withdraw_action", Target::Subject(Who::Operator, S::WithdrawAction), Class::Check),
        line(Method::GET, "/v1/subjects/{subject}/audit", "get_audit", Target::Subject(Who::Either, S::Audit), Class::Read),
        line(Method::GET, "/v1/sandbox/messages", "list_sandbox_messages", Target::Sandbox(Scope::Verify), Class::Read),
        line(Method::POST, "/v1/admin/failures/lift", "lift_failures", Target::Operator(OperatorEndpoint::LiftFailures), Class::Check),
        line(Method::POST, "/v1/admin/webhooks/replay", "replay_webhooks", Target::Operator(OperatorEndpoint::ReplayWebhooks), Class::Read),
        line(Method::GET, "/v1/admin/routes", "list_routes", Target::Operator(OperatorEndpoint::Routes), Class::Read),
        line(Method::GET, "/v1/admin/readiness", "get_recovery_readiness", duty(RecoveryDuty::Readiness), Class::Read),
        line(Method::POST, "/v1/admin/drills", "record_drill", duty(RecoveryDuty::Drill), Class::Check),
        line(Method::POST, "/v1/admin/sealed-codes", "create_sealed_code", duty(RecoveryDuty::NewSealedCode), Class::Check),
        line(Method::POST, "/v1/admin/operators/{operator}/removal", "approve_operator_removal", duty(RecoveryDuty::RemoveOperator), Class::Check),
        line(Method::GET, "/openapi.json", "get_openapi", Target::Open(Page::OpenApi), Class::Read),
        line(Method::GET, "/docs", "get_docs", Target::Open(Page::Docs), Class::Read),
    ]
};
