//! What callers see of a verification or delivery: the record, opened.

use watchword_providers::{Channel, PhoneNumber};

use super::error::OtherMethod;
use crate::delivery::{DeliveryStatus, Outcome};
use crate::id::{DeliveryId, VerificationId};
use crate::routing::{ProviderId, RouteCounts};
use crate::subjects::model::MethodId;
use crate::verification::{Conversion, Status};

/// A verification as answered.
#[derive(Clone, Debug)]
pub struct VerificationView {
    pub id: VerificationId,
    pub status: Status,
    pub to: PhoneNumber,
    /// The channel of the latest delivery.
    pub channel: Channel,
    pub purpose: String,
    pub subject: Option<String>,
    pub reference: Option<String>,
    pub locale: String,
    pub created_at_ms: u64,
    pub expires_at_ms: u64,
    pub decided_at_ms: Option<u64>,
    pub checks_remaining: u8,
    pub sends_remaining: u8,
    /// When the next send over a channel, or the next check, is possible;
    /// `None` where it is not.
    pub next_sms_at_ms: Option<u64>,
    pub next_voice_at_ms: Option<u64>,
    /// For a client that is not known.
    pub next_check_at_ms: Option<u64>,
    pub conversion: Conversion,
    /// A configured test number: nothing is sent, the code is fixed.
    pub is_test: bool,
    pub deliveries: Vec<DeliveryView>,
    /// The subject's method it is addressed to.
    pub method: Option<MethodId>,
    /// Of an answered start: what else would do, the same method over another
    /// channel first.
    pub others: Vec<OtherMethod>,
}

/// A delivery as answered.
#[derive(Clone, Debug)]
pub struct DeliveryView {
    pub id: DeliveryId,
    pub channel: Channel,
    pub status: DeliveryStatus,
    /// Why it failed: a stable word such as `outcome_unknown`, `refused`, `poison`.
    pub reason: Option<String>,
    pub created_at_ms: u64,
    /// When something will happen to it next: a retry, a receipt's deadline.
    pub due_at_ms: Option<u64>,
    pub due: Option<&'static str>,
    pub attempts: Vec<AttemptView>,
    /// How many more there were: none of them a submission.
    pub attempts_folded: u32,
}

/// An attempt as answered.
#[derive(Clone, Debug)]
pub struct AttemptView {
    pub number: u32,
    pub provider: String,
    pub outcome: Outcome,
    /// The provider's own code.
    pub code: Option<String>,
    pub started_at_ms: u64,
    /// `None` while it runs.
    pub duration_ms: Option<u32>,
    pub receipt: Option<ReceiptView>,
}

/// What a receipt said.
#[derive(Clone, Debug)]
pub struct ReceiptView {
    pub status: &'static str,
    pub at_ms: u64,
    pub code: Option<String>,
}

/// A send-only delivery as answered.
#[derive(Clone, Debug)]
pub struct SendOnlyView {
    pub to: PhoneNumber,
    pub reference: Option<String>,
    pub expires_at_ms: u64,
    pub segments: usize,
    pub conversion: Conversion,
    pub delivery: DeliveryView,
}

/// One line of a verification's story, oldest first.
#[derive(Clone, Debug)]
pub struct TimelineEntry {
    pub at_ms: u64,
    /// A stable word: `created`, `attempt_begun`, `submitted`, `receipt_delivered`, `approved`, ...
    pub event: &'static str,
    pub provider: Option<String>,
    pub detail: Option<String>,
}

/// What a number lookup says.
#[derive(Clone, Debug)]
pub struct LookupView {
    pub e164: PhoneNumber,
    pub region: String,
    pub line_type: &'static str,
    /// Each channel, and the refusal's code if it may not be used.
    pub channels: Vec<(Channel, Option<&'static str>)>,
}

/// What would happen for a number now.
#[derive(Clone, Debug)]
pub struct ExplainView {
    pub lookup: LookupView,
    /// `None` if a start would be accepted; else the code of the refusal.
    pub refusal: Option<super::error::ServiceError>,
    pub routes: Vec<RouteView>,
    /// The caller's own counters.
    pub limits: Vec<LimitView>,
    /// Pending verifications of this number that a start with the same identity would resend.
    pub live_count: u8,
}

/// The hops for one channel, in the order they would be tried now.
#[derive(Clone, Debug)]
pub struct RouteView {
    pub channel: Channel,
    pub strategy: &'static str,
    pub hops: Vec<HopView>,
}

/// One hop as it stands now.
#[derive(Clone, Debug)]
pub struct HopView {
    pub provider: String,
    /// Of a weighted route.
    pub share: Option<u32>,
    pub breaker: &'static str,
    /// Why it is no hop for what was asked about: `extension`, which it cannot dial.
    pub skipped: Option<&'static str>,
}

/// What became of messages, route by route.
#[derive(Clone, Debug)]
pub struct RouteCountsView {
    pub since_ms: u64,
    pub until_ms: u64,
    /// Those with most messages first.
    pub rows: Vec<RouteRowView>,
    /// Rows that were too many to show.
    pub omitted_count: usize,
}

/// One provider and channel in one area.
#[derive(Clone, Debug)]
pub struct RouteRowView {
    pub provider: ProviderId,
    pub channel: Channel,
    /// `None`: what came when too many areas were counted already.
    pub country: Option<String>,
    pub prefix: Option<String>,
    pub counts: RouteCounts,
}

/// One limit and what is left of it.
#[derive(Clone, Debug)]
pub struct LimitView {
    pub limit: &'static str,
    pub client: &'static str,
    pub count: u32,
    pub per_s: u64,
    pub left: u32,
}
