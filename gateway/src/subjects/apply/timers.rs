//! What time does to a subject.

use crate::subjects::model::Subject;
use crate::subjects::policy::SubjectPolicy;

/// When time next changes the record.
pub(crate) fn next_timer_ms(_subject: &Subject, _policy: &SubjectPolicy) -> Option<u64> {
    None
}
