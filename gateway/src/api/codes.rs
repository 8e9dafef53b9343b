//! The stable codes of problem documents: what each means, once. The OpenAPI
//! document repeats them, and a test holds the two together.

use http::StatusCode;

/// One kind of problem.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub status: StatusCode,
    /// Stable: callers decide by it.
    pub code: &'static str,
    pub title: &'static str,
    /// What went wrong and what to do, unless the problem says it better.
    pub detail: &'static str,
}

macro_rules! codes {
    ($($name:ident $status:ident $code:literal $title:literal $detail:literal)*) => {
        $(pub(super) const $name: Code = Code {
            status: StatusCode::$status,
            code: $code,
            title: $title,
            detail: $detail,
        };)*

        /// All of them, in the order of their statuses.
        pub(super) static ALL: &[Code] = &[$($name),*];
    };
}

#[rustfmt::skip]
codes! {
    MALFORMED_JSON BAD_REQUEST "malformed_json" "Malformed JSON" "The body is not one complete JSON value in UTF-8."
    BODY_UNREADABLE BAD_REQUEST "body_unreadable" "Body unreadable" "The body ended early or was framed wrongly."

    UNAUTHORIZED UNAUTHORIZED "unauthorized" "Unauthorized" "Send one header `Authorization: Bearer <key>` with a key in force here. What only operators do takes a key of `[[operators]]`."
    ASSERTION_INVALID UNAUTHORIZED "assertion_invalid" "Assertion invalid" "The identity assertion is not signed by a configured issuer, is not for this subject, or is too old."

    SCOPE_MISSING FORBIDDEN "scope_missing" "Scope missing" "The API key is valid but lacks the scope of this endpoint."
    REGION_NOT_ENABLED FORBIDDEN "region_not_enabled" "Region not enabled" "The tenant may not send to this number's region."
    VOICE_NOT_ENABLED FORBIDDEN "voice_not_enabled" "Voice not enabled" "The tenant may not call numbers of this region."
    UNCONFIRMED_NOT_ENABLED FORBIDDEN "unconfirmed_not_enabled" "Unconfirmed not enabled" "The tenant may send to this number's region only what is addressed to a subject that has proved the number."
    PREFIX_BLOCKED FORBIDDEN "prefix_blocked" "Prefix blocked" "Nothing is sent to numbers that begin so."
    ORIGIN_NOT_LISTED FORBIDDEN "origin_not_listed" "Origin not listed" "The origin is not among the tenant's own: a message could hand its code to a stranger's page."
    APP_HASH_NOT_LISTED FORBIDDEN "app_hash_not_listed" "App hash not listed" "The app hash is not among the tenant's own."
    BLOCKED FORBIDDEN "blocked" "Blocked" "Nothing is sent to this number or range."
    STEP_UP_REQUIRED FORBIDDEN "step_up_required" "Step-up required" "The evidence does not show enough, or was used before. Prove more, or open a recovery."
    TOKEN_MISMATCH FORBIDDEN "token_mismatch" "Wrong token" "No notice of this change gave such a token. This has used up one try."
    OWN_SUBJECT FORBIDDEN "own_subject" "Own subject" "Operators do not do this to themselves. Another operator has to."
    SEALED_CODE_MISMATCH FORBIDDEN "sealed_code_mismatch" "Wrong sealed code" "This is not the sealed code. This has used up one try."
    CALLER_NOT_LISTED FORBIDDEN "caller_not_listed" "Caller not listed" "The token is genuine, but its application, or each of its roles, is not listed here."
    RECEIPT_REFUSED FORBIDDEN "receipt_refused" "Receipt refused" "The callback's signature is missing or wrong, or it cannot be read. Nothing has changed."

    NOT_FOUND NOT_FOUND "not_found" "Not found" "Nothing is here, or it is not yours."

    METHOD_NOT_ALLOWED METHOD_NOT_ALLOWED "method_not_allowed" "Method not allowed" "The header `Allow` lists the methods of this path."

    BODY_TIMEOUT REQUEST_TIMEOUT "body_timeout" "Body timeout" "The body did not arrive in time."

    ALREADY_APPROVED CONFLICT "already_approved" "Already approved" "The verification has been approved by an earlier check, which was answered then."
    RESEND_TOO_LATE CONFLICT "resend_too_late" "Too late to resend" "The code is in its last minute. Start a new verification."
    IDEMPOTENCY_IN_PROGRESS CONFLICT "idempotency_in_progress" "In progress" "A request with this Idempotency-Key is being worked on. Repeat it for its answer."
    LAST_METHOD CONFLICT "last_method" "Last method" "The only number that receives codes is not removed. Add another one first, or change it."
    IS_DEFAULT CONFLICT "is_default" "Is the default" "The default method is not removed. Make another one the default first."
    ROLE_TAKEN CONFLICT "role_taken" "Role taken" "The subject has a method of this role."
    NEEDS_PRIMARY CONFLICT "needs_primary" "Needs a primary" "There is an alternate method only beside a primary one."
    TOO_MANY_METHODS CONFLICT "too_many_methods" "Too many methods" "The subject has as many methods as it may have."
    SUBJECT_FULL CONFLICT "subject_full" "Subject full" "The subject's record has no room for more."
    NUMBER_IN_USE CONFLICT "number_in_use" "Number in use" "Another subject has this number, and the tenant wants each to have one of its own."
    NUMBER_UNCHANGED CONFLICT "number_unchanged" "Number unchanged" "The subject has this number already."
    ALREADY_ENROLLED CONFLICT "already_enrolled" "Already enrolled" "The subject has numbers of its own, or had: nothing is imported over them."
    METHOD_PENDING CONFLICT "method_pending" "Method pending" "The code of this method has not been typed back yet."
    METHOD_SUSPENDED CONFLICT "method_suspended" "Method suspended" "The method has to be proved again: its number may have another holder."
    METHOD_CHANGED CONFLICT "method_changed" "Method changed" "The subject's numbers have changed meanwhile, or are not at that step. Look again."
    OPTED_OUT CONFLICT "opted_out" "Opted out" "The number has asked for no more messages. `START` undoes that; a call may do."
    NO_METHOD CONFLICT "no_method" "No method" "No number of the subject receives codes."
    CHANGE_IN_PROGRESS CONFLICT "change_in_progress" "Change in progress" "The subject's number is being changed, or the last change can still be undone."
    ALREADY_UNDONE CONFLICT "already_undone" "Already undone" "The change has been undone."
    CHANGE_ENDED CONFLICT "change_ended" "Change ended" "The change is over."
    SAME_OPERATOR CONFLICT "same_operator" "Same operator" "Who has asked for it does not approve it, whichever key they use."
    SEALED_CODE_NOT_NEEDED CONFLICT "sealed_code_not_needed" "Sealed code not needed" "There is a second operator: they approve."
    TOO_MANY_ACTIONS CONFLICT "too_many_actions" "Too many actions" "As many actions wait for this subject as may. Approve or withdraw one."

    EXPIRED GONE "expired" "Expired" "The verification has expired. Start a new one."
    CANCELED GONE "canceled" "Canceled" "The verification has been canceled. Start a new one."
    SUPERSEDED GONE "superseded" "Superseded" "A newer verification has taken this one's place. Check that one."
    FAILED GONE "failed" "Failed" "The verification has failed before anything was sent."
    UNDO_OVER GONE "undo_over" "Too late to undo" "The time in which the change could be undone is over."
    APPROVAL_EXPIRED GONE "approval_expired" "Approval expired" "The action has waited for too long, or who asked for it is no operator any more. Ask again."
    DISCARDED GONE "discarded" "Discarded" "Too many wrong codes: the number is forgotten. Add it again."

    BODY_TOO_LARGE PAYLOAD_TOO_LARGE "body_too_large" "Body too large" "The body is longer than any request needs."

    UNSUPPORTED_MEDIA_TYPE UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" "Unsupported media type" "Send `Content-Type: application/json`, in UTF-8."

    INVALID_BODY UNPROCESSABLE_ENTITY "invalid_body" "Invalid body" "The body is JSON but not the object that is expected: one object, each field at most once."
    UNKNOWN_FIELD UNPROCESSABLE_ENTITY "unknown_field" "Unknown field" "The body or query has a field that does not exist here."
    MISSING_FIELD UNPROCESSABLE_ENTITY "missing_field" "Missing field" "A field that is needed is missing."
    INVALID_FIELD UNPROCESSABLE_ENTITY "invalid_field" "Invalid field" "The field has a wrong type or form."
    INVALID_QUERY UNPROCESSABLE_ENTITY "invalid_query" "Invalid query" "The query is not well-formed, or gives a parameter twice."
    INVALID_NUMBER UNPROCESSABLE_ENTITY "invalid_number" "Invalid number" "This is no phone number."
    REGION_NEEDED UNPROCESSABLE_ENTITY "region_needed" "Region needed" "The number is written as at home. Give `region`, or the number with `+` and its country code."
    UNKNOWN_REGION UNPROCESSABLE_ENTITY "unknown_region" "Unknown region" "No numbering plan is known for this region. Give two letters, such as `US`."
    UNKNOWN_COUNTRY_CODE UNPROCESSABLE_ENTITY "unknown_country_code" "Unknown country code" "No country has this calling code."
    NUMBER_TOO_SHORT UNPROCESSABLE_ENTITY "number_too_short" "Number too short" "The number is too short for its country."
    NUMBER_TOO_LONG UNPROCESSABLE_ENTITY "number_too_long" "Number too long" "The number is too long for its country."
    NUMBER_IMPOSSIBLE UNPROCESSABLE_ENTITY "number_impossible" "Number impossible" "No number of its country has this length."
    NUMBER_UNASSIGNED UNPROCESSABLE_ENTITY "number_unassigned" "Number unassigned" "The numbering plan of its country has no such number."
    PREMIUM_RATE UNPROCESSABLE_ENTITY "premium_rate" "Premium rate" "Nothing is sent to premium-rate numbers."
    SHARED_COST UNPROCESSABLE_ENTITY "shared_cost" "Shared cost" "Nothing is sent to shared-cost numbers."
    PERSONAL_NUMBER UNPROCESSABLE_ENTITY "personal_number" "Personal number" "Nothing is sent to personal numbers, which forward at unknown cost."
    NOT_REACHABLE_BY_SMS UNPROCESSABLE_ENTITY "not_reachable_by_sms" "Not reachable by SMS" "Numbers of this type get no SMS. Use one of the alternatives, if there are any."
    NOT_REACHABLE_BY_VOICE UNPROCESSABLE_ENTITY "not_reachable_by_voice" "Not reachable by voice" "Numbers of this type cannot be called. Use one of the alternatives, if there are any."
    INVALID_CHANNEL UNPROCESSABLE_ENTITY "invalid_channel" "Invalid channel" "A channel is `sms` or `voice`."
    INVALID_FALLBACK UNPROCESSABLE_ENTITY "invalid_fallback" "Invalid fallback" "A list of other channels, each at most once: `sms`, `voice`."
    INVALID_LOCALE UNPROCESSABLE_ENTITY "invalid_locale" "Invalid locale" "A locale is a BCP 47 tag of at most 35 characters, such as `pt-BR`."
    INVALID_PURPOSE UNPROCESSABLE_ENTITY "invalid_purpose" "Invalid purpose" "A purpose is 1 to 32 of `a-z 0-9 _ . -`."
    INVALID_SUBJECT UNPROCESSABLE_ENTITY "invalid_subject" "Invalid subject" "A subject is 1 to 128 characters without control characters."
    INVALID_BIND UNPROCESSABLE_ENTITY "invalid_bind" "Invalid bind" "A string of 1 to 256 characters, or `amount`, `currency` and `payee`, each one line of at most 32 characters without links, `@`, `#` or digits that look like a code."
    VALUE_BLANK UNPROCESSABLE_ENTITY "value_blank" "Value blank" "A text that the message would show is blank."
    VALUE_TOO_LONG UNPROCESSABLE_ENTITY "value_too_long" "Value too long" "A text that the message would show is longer than 32 characters."
    VALUE_NOT_ONE_LINE UNPROCESSABLE_ENTITY "value_not_one_line" "Value not one line" "A text that the message would show is not one line."
    VALUE_HAS_SIGN UNPROCESSABLE_ENTITY "value_has_sign" "Value has a sign" "A text that the message would show holds `@` or `#`."
    VALUE_HAS_LINK UNPROCESSABLE_ENTITY "value_has_link" "Value has a link" "A text that the message would show holds a link."
    VALUE_LOOKS_LIKE_CODE UNPROCESSABLE_ENTITY "value_looks_like_code" "Value looks like a code" "A text that the message would show holds digits that look like a code."
    INVALID_CURRENCY UNPROCESSABLE_ENTITY "invalid_currency" "Invalid currency" "A currency is three letters, such as `EUR`."
    INVALID_CODE UNPROCESSABLE_ENTITY "invalid_code" "Invalid code" "A code is 4 to 10 ASCII digits. No guess has been used up."
    INVALID_CLIENT_IP UNPROCESSABLE_ENTITY "invalid_client_ip" "Invalid client address" "An IPv4 or IPv6 address, without port or zone."
    INVALID_ORIGIN UNPROCESSABLE_ENTITY "invalid_origin" "Invalid origin" "An origin is a host name of at most 253 characters."
    INVALID_APP_HASH UNPROCESSABLE_ENTITY "invalid_app_hash" "Invalid app hash" "An app hash is 11 of `A-Z a-z 0-9 + /`."
    INVALID_REFERENCE UNPROCESSABLE_ENTITY "invalid_reference" "Invalid reference" "A reference is 1 to 128 characters without control characters."
    INVALID_TEXT UNPROCESSABLE_ENTITY "invalid_text" "Invalid text" "A text is 1 to 1600 characters, with no control characters but line feeds."
    INVALID_VALIDITY UNPROCESSABLE_ENTITY "invalid_validity" "Invalid validity" "A validity is 1 to 86400 seconds."
    INVALID_OUTCOME UNPROCESSABLE_ENTITY "invalid_outcome" "Invalid outcome" "An outcome is `used` or `not_used`."
    INVALID_IDEMPOTENCY_KEY UNPROCESSABLE_ENTITY "invalid_idempotency_key" "Invalid Idempotency-Key" "One header of 1 to 255 visible ASCII characters."
    IDEMPOTENCY_KEY_REUSED UNPROCESSABLE_ENTITY "idempotency_key_reused" "Idempotency-Key reused" "The Idempotency-Key has been used with another body within 24 h."
    CODE_MISMATCH UNPROCESSABLE_ENTITY "code_mismatch" "Wrong code" "The code, or what it is bound to, does not match. This has used up one check."
    CHANNEL_NOT_SUPPORTED UNPROCESSABLE_ENTITY "channel_not_supported" "Channel not supported" "A method of this role is not used over this channel."
    VOIP_DENIED UNPROCESSABLE_ENTITY "voip_denied" "Internet telephony denied" "The tenant takes no numbers of internet telephony."
    INVALID_ROLE UNPROCESSABLE_ENTITY "invalid_role" "Invalid role" "A role is `primary`, `alternate` or `office`."
    INVALID_EXTENSION UNPROCESSABLE_ENTITY "invalid_extension" "Invalid extension" "An extension is 1 to 10 digits, and only calls reach it. A subject's method has one only as `office`."
    EXTENSION_UNSUPPORTED UNPROCESSABLE_ENTITY "extension_unsupported" "Extension not supported" "No provider of the route dials extensions, and the switchboard must not hear the code."
    INVALID_EVIDENCE UNPROCESSABLE_ENTITY "invalid_evidence" "Invalid evidence" "At most 6 items, each a known `type` with its own fields and no others."
    INVALID_LIFETIME UNPROCESSABLE_ENTITY "invalid_lifetime" "Invalid lifetime" "A lifetime is 600 to 2592000 seconds, and no more than the tenant's `bypass_lifetime_max_s`: 8 hours by default."
    INVALID_LENGTH UNPROCESSABLE_ENTITY "invalid_length" "Invalid length" "A length is 8 to 48 characters."
    INVALID_TOKEN UNPROCESSABLE_ENTITY "invalid_token" "Invalid token" "A token is 8 or 26 letters and digits; spaces and dashes do not count. No try has been used up."
    INVALID_SECRET UNPROCESSABLE_ENTITY "invalid_secret" "Invalid code" "A recovery, bypass or sealed code is 1 to 64 characters. No try has been used up."
    INVALID_REASON UNPROCESSABLE_ENTITY "invalid_reason" "Invalid reason" "A reason or note is 1 to 256 characters, a ticket 1 to 128, without control characters."
    INVALID_SCOPE UNPROCESSABLE_ENTITY "invalid_scope" "Invalid scope" "A reset is of `methods` or of `all`."
    NO_ROUTE UNPROCESSABLE_ENTITY "no_route" "No route" "No provider carries this channel to this number."

    METHOD_ON_HOLD LOCKED "method_on_hold" "Method on hold" "The number was changed a short while ago and receives no sign-in codes yet."
    SUBJECT_FROZEN LOCKED "subject_frozen" "Subject frozen" "Nothing is sent to this subject, and nothing of it changes, until an operator unfreezes it."

    SEND_LIMIT TOO_MANY_REQUESTS "send_limit" "Send limit" "Enough has been sent to this number for now."
    RESEND_TOO_EARLY TOO_MANY_REQUESTS "resend_too_early" "Too early to resend" "The message before may still arrive."
    SENDS_EXHAUSTED TOO_MANY_REQUESTS "sends_exhausted" "Sends exhausted" "This verification has been sent as often as it may be."
    TOO_MANY_PENDING TOO_MANY_REQUESTS "too_many_pending" "Too many pending" "This number, or this subject, has as many pending verifications as it may have."
    ADDRESS_LIMIT TOO_MANY_REQUESTS "address_limit" "Address limit" "The client's address has asked for enough for now."
    PREFIX_LIMIT TOO_MANY_REQUESTS "prefix_limit" "Prefix limit" "Enough has been sent to the ten thousand numbers around this one for now."
    SUBMISSION_CAP TOO_MANY_REQUESTS "submission_cap" "Submission cap" "The tenant's cap on submissions to this region over this channel is reached."
    TENANT_RAMP TOO_MANY_REQUESTS "tenant_ramp" "Tenant ramp" "The tenant is new, and what it may send on this day of its ramp has been sent."
    NUMBER_LIMIT TOO_MANY_REQUESTS "number_limit" "Number limit" "Enough has been sent to this number for now, to whichever subject and by whichever tenant."
    SUBJECT_LIMIT TOO_MANY_REQUESTS "subject_limit" "Subject limit" "Enough has been sent to this subject for now."
    CHANGE_LIMIT TOO_MANY_REQUESTS "change_limit" "Change limit" "The subject's number has been changed often enough for now."
    LOOKUP_LIMIT TOO_MANY_REQUESTS "lookup_limit" "Lookup limit" "The tenant has looked up enough for now."
    EXPLAIN_LIMIT TOO_MANY_REQUESTS "explain_limit" "Explain limit" "The tenant has had enough explained for now."
    TOO_MANY_FAILURES TOO_MANY_REQUESTS "too_many_failures" "Too many failed checks" "After too many wrong codes or tokens the next one has to wait. Without `available_at` an operator has to lift it."
    CHECKS_EXHAUSTED TOO_MANY_REQUESTS "checks_exhausted" "Checks exhausted" "This verification has had as many wrong codes as it may have. Start a new one."

    INTERNAL INTERNAL_SERVER_ERROR "internal_error" "Internal error" "A fault of ours. The log has it under the request id."

    OVERLOADED SERVICE_UNAVAILABLE "overloaded" "Overloaded" "Too much is being worked on. Nothing has been done."
    DEADLINE_EXCEEDED SERVICE_UNAVAILABLE "deadline_exceeded" "Deadline exceeded" "This took too long. It may have taken effect: repeat it with the same Idempotency-Key to know."
    STORE_UNAVAILABLE SERVICE_UNAVAILABLE "store_unavailable" "Store unavailable" "The store cannot be asked. Nothing has been done."
    STORE_OUTCOME_UNKNOWN SERVICE_UNAVAILABLE "store_outcome_unknown" "Store outcome unknown" "The store may have taken this, and the message may go out. Repeat it with the same Idempotency-Key to know."
    STORE_FULL SERVICE_UNAVAILABLE "store_full" "Store full" "The store has no room for new verifications. Checks go on."
    SIGNING_KEYS_UNAVAILABLE SERVICE_UNAVAILABLE "signing_keys_unavailable" "Signing keys unavailable" "The keys that tokens are verified by cannot be had from their issuer. Nothing has been done."
    SUBJECTS_UNAVAILABLE SERVICE_UNAVAILABLE "subjects_unavailable" "Subjects unavailable" "The store forgets at a restart, so subjects are not kept in it. Use Redis with `appendonly yes`, or the embedded store."
    UNKNOWN_KEY SERVICE_UNAVAILABLE "unknown_key" "Unknown key" "What was asked for is sealed or signed under a key this node does not have. Nothing has been used up."
    UNKNOWN_FORMAT SERVICE_UNAVAILABLE "unknown_format" "Unknown format" "Another release has written the record. Nothing has been used up."
    RECORD_DAMAGED SERVICE_UNAVAILABLE "record_damaged" "Record damaged" "The record cannot be read. Nothing has been used up; the operator has to look at it."
    RECEIPT_UNAVAILABLE SERVICE_UNAVAILABLE "receipt_unavailable" "Receipts unavailable" "The receipt could not be kept. Send it again."
}

/// The entry of a code that came as text.
pub(super) fn find(code: &str) -> Option<&'static Code> {
    ALL.iter().find(|entry| entry.code == code)
}

/// Whether the documentation explains this code: every code a service answers
/// with should be.
pub fn is_documented(code: &str) -> bool {
    find(code).is_some()
}
