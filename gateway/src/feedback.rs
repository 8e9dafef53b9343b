//! After a verification has ended: providers that take it are told whether the
//! code was used. In the background, bounded, and never waited for; what is
//! queued when a node ends is lost, and nobody is worse off than before.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, timeout};
use watchword_providers::{Channel, Feedback, ProviderCode, ReceiptStatus};

use crate::delivery::{AttemptRecord, Outcome};
use crate::dispatch::Dispatcher;
use crate::id::RecordId;
use crate::live::{Live, Shared};
use crate::telemetry::events;
use crate::verification::{Conversion, Record, Status};

/// Reports that wait to be sent; more are given up.
const READY_MAX: usize = 1024;
/// Verifications whose end is waited for; of more, only their approval is told.
const OPEN_MAX: usize = 16_384;
/// Verifications remembered as told, so that none is told twice.
const TOLD_MAX: usize = 16_384;
/// Reports under way at once.
const AT_ONCE: usize = 8;
const REPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often it is looked whose time has ended.
const INTERVAL: Duration = Duration::from_secs(5);
/// So long after the end nobody's check is under way any more.
const AFTER_END_MS: u64 = 2_000;

/// What one provider is to be told of one message.
struct Report {
    provider: Box<str>,
    message_id: ProviderCode,
    channel: Channel,
    was_used: bool,
    at_ms: u64,
}

/// What is to be told, and of whom it is not known yet.
#[derive(Default)]
pub(crate) struct FeedbackQueue {
    queued: Mutex<Queued>,
    wake: Notify,
}

#[derive(Default)]
struct Queued {
    ready: VecDeque<Report>,
    /// By the end of their time.
    open: BTreeSet<(u64, RecordId)>,
    told: BTreeSet<RecordId>,
    told_in_order: VecDeque<RecordId>,
}

impl FeedbackQueue {
    /// A message went out over a provider that wants to know whether its code
    /// is used: without an approval that is known when its time ends.
    pub(crate) fn expect(&self, record: RecordId, expires_at_ms: u64) {
        let mut queued = self.lock();
        if queued.open.len() < OPEN_MAX {
            queued.open.insert((expires_at_ms, record));
        }
    }

    /// The code was used: tells the provider whose message came last and was not
    /// reported lost. Which of several messages was read, nobody knows.
    pub(crate) fn used(&self, shared: &Shared, (id, record): (RecordId, &Record)) {
        let live = shared.live.load();
        let now_ms = shared.store_now_ms();
        let reports = reports(&live, record, (true, now_ms));
        self.tell(shared, (id, record), reports.into_iter().next_back());
    }

    /// The code was not used: tells all of them.
    pub(crate) fn unused(&self, shared: &Shared, (id, record): (RecordId, &Record)) {
        let live = shared.live.load();
        let now_ms = shared.store_now_ms();
        self.tell(
            shared,
            (id, record),
            reports(&live, record, (false, now_ms)),
        );
    }

    fn tell(
        &self,
        shared: &Shared,
        (id, record): (RecordId, &Record),
        reports: impl IntoIterator<Item = Report>,
    ) {
        let mut reports = reports.into_iter().peekable();
        if reports.peek().is_none() {
            return;
        }
        let mut queued = self.lock();
        queued.open.remove(&(record.expires_at_ms, id));
        if !queued.note_told(id) {
            return;
        }
        for report in reports {
            if queued.ready.len() < READY_MAX {
                queued.ready.push_back(report);
            } else {
                ended(shared, &report.provider, "dropped");
            }
        }
        drop(queued);
        self.wake.notify_one();
    }

    /// Those whose time has ended.
    fn ended_by(&self, now_ms: u64) -> Vec<RecordId> {
        let mut queued = self.lock();
        let mut ended = Vec::new();
        while let Some((expires_at_ms, record)) = queued.open.first().copied()
            && expires_at_ms + AFTER_END_MS <= now_ms
        {
            queued.open.pop_first();
            ended.push(record);
        }
        ended
    }

    fn take_ready(&self) -> Vec<Report> {
        self.lock().ready.drain(..).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Queued> {
        self.queued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queued {
    /// Whether it had not been told before.
    fn note_told(&mut self, record: RecordId) -> bool {
        if !self.told.insert(record) {
            return false;
        }
        self.told_in_order.push_back(record);
        if self.told_in_order.len() > TOLD_MAX
            && let Some(oldest) = self.told_in_order.pop_front()
        {
            self.told.remove(&oldest);
        }
        true
    }
}

/// What could be told of a record's messages, oldest first.
fn reports(live: &Live, record: &Record, (was_used, at_ms): (bool, u64)) -> Vec<Report> {
    let of_attempt = |channel: Channel, attempt: &AttemptRecord| {
        let hop = live.providers.get(&*attempt.provider)?;
        hop.feedback.as_ref()?;
        Some(Report {
            provider: attempt.provider.clone(),
            message_id: ProviderCode::new(attempt.message_id.as_deref()?)?,
            channel,
            was_used,
            at_ms,
        })
    };
    record
        .deliveries
        .iter()
        .flat_map(|delivery| {
            let attempts = delivery.attempts.iter();
            attempts.map(|attempt| (delivery.channel, attempt))
        })
        .filter(|(_, attempt)| attempt.outcome == Outcome::Submitted)
        .filter(|(_, attempt)| !(was_used && is_lost(attempt)))
        .filter_map(|(channel, attempt)| of_attempt(channel, attempt))
        .collect()
}

fn is_lost(attempt: &AttemptRecord) -> bool {
    let status = attempt.receipt.as_ref().map(|receipt| receipt.status);
    status == Some(ReceiptStatus::Undelivered)
}

/// Tells providers until the dispatcher stops.
pub(crate) async fn keep(dispatcher: Arc<Dispatcher>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => settle_ended(&dispatcher).await,
            () = dispatcher.feedback.wake.notified() => {}
            () = dispatcher.stopping.cancelled() => return,
        }
        let sent = stream::iter(dispatcher.feedback.take_ready())
            .for_each_concurrent(AT_ONCE, |report| send(&dispatcher.shared, report));
        tokio::select! {
            () = sent => {}
            () = dispatcher.stopping.cancelled() => return,
        }
    }
}

/// Looks at those whose time has ended without an approval that we saw.
async fn settle_ended(dispatcher: &Arc<Dispatcher>) {
    let shared = &dispatcher.shared;
    let ended = dispatcher.feedback.ended_by(shared.store_now_ms());
    stream::iter(ended)
        .for_each_concurrent(AT_ONCE, |id| async move {
            match shared.store.get(id).await {
                Ok(Some(found)) => {
                    let status = found.record.status_at(found.now_ms);
                    if was_in_vain(status) && found.record.conversion == Conversion::Unreported {
                        dispatcher.feedback.unused(shared, (id, &found.record));
                    }
                }
                Ok(None) => {}
                Err(error) => shared.store_failed("get", &error),
            }
        })
        .await;
}

/// Whether this end says that the code was not used. A canceled one says only
/// that nobody waits for it.
fn was_in_vain(status: Status) -> bool {
    match status {
        Status::Expired | Status::Exhausted => true,
        Status::Pending
        | Status::Approved
        | Status::Canceled
        | Status::Superseded
        | Status::Failed => false,
    }
}

async fn send(shared: &Shared, report: Report) {
    let hop = shared.live.load().providers.get(&*report.provider).cloned();
    let Some(hop) = hop else {
        return;
    };
    let feedback = Feedback {
        message_id: &report.message_id,
        channel: report.channel,
        was_used: report.was_used,
        at_ms: report.at_ms,
    };
    let (Some(client), Some(request)) = (&hop.feedback, hop.provider.feedback(&feedback)) else {
        return;
    };
    let result = match timeout(REPORT_TIMEOUT, client.call(request)).await {
        Ok(Ok(response)) if response.status.is_success() => "taken",
        Ok(Ok(_)) => "refused",
        Ok(Err(_)) | Err(_) => "lost",
    };
    ended(shared, &report.provider, result);
}

fn ended(shared: &Shared, provider: &str, result: &'static str) {
    events::FeedbackEnded { provider, result }.emit(&shared.metrics);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Shard;

    fn record(number: u8) -> RecordId {
        RecordId {
            shard: Shard::new(1).unwrap(),
            random: [number; 16],
        }
    }

    #[test]
    fn a_verification_is_looked_at_once_when_its_time_has_ended() {
        let queue = FeedbackQueue::default();
        queue.expect(record(2), 9_000);
        queue.expect(record(1), 5_000);
        queue.expect(record(1), 5_000);
        assert_eq!(queue.ended_by(6_999), []);
        assert_eq!(queue.ended_by(7_000), [record(1)]);
        assert_eq!(queue.ended_by(60_000), [record(2)]);
        assert_eq!(queue.ended_by(60_000), []);
    }

    #[test]
    fn what_is_waited_for_is_bounded() {
        let queue = FeedbackQueue::default();
        for end in 0..=OPEN_MAX {
            queue.expect(record(1), end as u64);
        }
        assert_eq!(queue.lock().open.len(), OPEN_MAX);
    }

    #[test]
    fn none_is_told_twice_among_those_remembered() {
        let mut queued = Queued::default();
        assert!(queued.note_told(record(1)));
        assert!(!queued.note_told(record(1)));
        for number in 0..TOLD_MAX {
            let mut random = [0; 16];
            random[..8].copy_from_slice(&(number as u64).to_be_bytes());
            let shard = Shard::new(2).unwrap();
            queued.note_told(RecordId { shard, random });
        }
        assert_eq!(queued.told.len(), TOLD_MAX);
        assert!(queued.note_told(record(1)), "it was forgotten");
    }

    #[test]
    fn an_end_without_use_is_told_and_a_cancellation_is_not() {
        assert!(was_in_vain(Status::Expired) && was_in_vain(Status::Exhausted));
        assert!(!was_in_vain(Status::Canceled) && !was_in_vain(Status::Approved));
    }
}
