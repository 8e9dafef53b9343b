//! The rules, written down a second time and as simply as can be: no storage,
//! no shared code, times in ms since the beginning. What a store answers to
//! random steps is compared with what this says.

mod calls;
mod dispatch;

use watchword::delivery::{DeliveryStatus, DueKind, Finality, Outcome};
use watchword::verification::{Conversion, Status};
use watchword_providers::ReceiptStatus;

/// An answer as it is compared: the times may differ by what a real clock runs.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) times_ms: Vec<u64>,
}

impl Answer {
    pub(super) fn new(text: impl Into<String>, times_ms: impl IntoIterator<Item = u64>) -> Self {
        Self {
            text: text.into(),
            times_ms: times_ms.into_iter().collect(),
        }
    }

    pub(super) fn says(text: impl Into<String>) -> Self {
        Self::new(text, [])
    }
}

const LEASE_MS: u64 = 15_000;
const QUIET_MS: u64 = 60_000;
const LIFETIME_MS: u64 = 600_000;
const WAITS_MS: [u64; 3] = [30_000, 60_000, 120_000];
/// Two at once, then one in 30 s.
const SEND_COST_MS: u64 = 30_000;
const SEND_ROOM_MS: u64 = 60_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Approved,
    Wrong(u8),
}

#[derive(Debug)]
pub(super) struct Rec {
    pub(super) number: usize,
    identity: u8,
    known: bool,
    code: Option<u8>,
    pub(super) status: Status,
    pub(super) expires_ms: u64,
    pub(super) checks_used: u8,
    pub(super) sends_used: u8,
    next_send_ms: u64,
    pub(super) conversion: Conversion,
    /// Operation, what was typed, and the verdict.
    checks: Vec<(u32, bool, Verdict)>,
    pub(super) deliveries: Vec<Del>,
    pub(super) is_gone: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Del {
    pub(super) status: DeliveryStatus,
    pub(super) fence: u32,
    pub(super) walk: u32,
    pub(super) lost: u8,
    pub(super) due: Option<(DueKind, u64)>,
    pub(super) reason: Option<&'static str>,
    pub(super) can_fall_back: bool,
    pub(super) operation: Option<u32>,
    pub(super) attempts: Vec<Att>,
    pub(super) folded: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Att {
    pub(super) number: u32,
    pub(super) walk: u32,
    pub(super) provider: u32,
    pub(super) outcome: Outcome,
    pub(super) receipt: Option<ReceiptStatus>,
}

#[derive(Debug, Default)]
pub(super) struct Num {
    live: Vec<usize>,
    /// Until when what was sent weighs, for unknown and known clients.
    sends_until_ms: [u64; 2],
    failures: [(u32, u64); 2],
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) now_ms: u64,
    pub(super) records: Vec<Rec>,
    numbers: [Num; 2],
    /// Of two attempts: until when their call is known, which it is, and how
    /// often it has asked.
    calls: [Option<(u64, u8, u32)>; 2],
}

pub(super) struct StartAsk {
    pub(super) number: usize,
    pub(super) identity: u8,
    pub(super) known: bool,
    pub(super) code: Option<u8>,
    pub(super) wants_new: bool,
    pub(super) can_fall_back: bool,
    pub(super) is_begun: bool,
    pub(super) operation: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum After {
    Continue,
    Submitted,
    Retry(u64),
    Fail(Finality),
    Close,
}

/// The provider of every attempt of this number: three take turns.
pub(super) fn provider_of(attempt: u32) -> u32 {
    attempt.saturating_sub(1) % 3 + 1
}

impl Model {
    pub(super) fn client_of(&self, of: usize) -> bool {
        self.records[of].known
    }

    pub(super) fn status(&self, of: usize) -> Status {
        let record = &self.records[of];
        if record.status == Status::Pending && self.now_ms >= record.expires_ms {
            Status::Expired
        } else {
            record.status
        }
    }

    fn is_pending(&self, of: usize) -> bool {
        self.status(of) == Status::Pending
    }

    fn may_submit(&self, of: usize) -> bool {
        self.is_pending(of) && self.now_ms < self.records[of].expires_ms - QUIET_MS
    }

    fn end(&mut self, of: usize, status: Status) {
        self.records[of].status = status;
        let reached = if status == Status::Expired {
            DeliveryStatus::Expired
        } else {
            DeliveryStatus::Canceled
        };
        for delivery in &mut self.records[of].deliveries {
            if delivery.due.is_some_and(|due| due.0 != DueKind::Lease) {
                delivery.end(reached, None);
            }
        }
        for number in &mut self.numbers {
            number.live.retain(|live| *live != of);
        }
    }

    fn take_send(&mut self, number: usize, known: bool) -> Option<Answer> {
        let until_ms = &mut self.numbers[number].sends_until_ms[usize::from(known)];
        let after_ms = (*until_ms).max(self.now_ms) + SEND_COST_MS;
        if after_ms > self.now_ms + SEND_ROOM_MS {
            return Some(Answer::new("send limit", [after_ms - SEND_ROOM_MS]));
        }
        *until_ms = after_ms;
        None
    }

    fn give_send_back(&mut self, number: usize, known: bool) {
        let until_ms = &mut self.numbers[number].sends_until_ms[usize::from(known)];
        *until_ms = until_ms.saturating_sub(SEND_COST_MS);
    }

    pub(super) fn start(&mut self, ask: &StartAsk) -> Answer {
        let now_ms = self.now_ms;
        let records = &self.records;
        self.numbers[ask.number]
            .live
            .retain(|live| records[*live].expires_ms > now_ms);
        let live = self.numbers[ask.number].live.clone();
        let same = live
            .iter()
            .copied()
            .find(|live| self.records[*live].identity == ask.identity);
        if let Some(of) = same {
            let other_code = ask.code.is_some() && ask.code != self.records[of].code;
            if self.may_submit(of) && !other_code && !ask.wants_new {
                return self.send_again(of, ask.known, ask.operation, ask.can_fall_back);
            }
        }
        let others: Vec<usize> = live.into_iter().filter(|l| Some(*l) != same).collect();
        let mut ended: Vec<usize> = same.into_iter().collect();
        if others.len() >= 3 {
            let stranger = others.iter().find(|l| !self.records[**l].known);
            match stranger {
                Some(stranger) if ask.known => ended.push(*stranger),
                _ => {
                    let first_ms = others.iter().map(|l| self.records[*l].expires_ms).min();
                    return Answer::new("too many pending", first_ms);
                }
            }
        }
        if let Some(refused) = self.take_send(ask.number, ask.known) {
            return refused;
        }
        for of in ended {
            self.end(of, Status::Superseded);
        }
        let mut delivery = self.new_delivery(ask.can_fall_back, None);
        if ask.is_begun {
            delivery.push(1);
        }
        self.numbers[ask.number].live.push(self.records.len());
        self.records.push(Rec {
            number: ask.number,
            identity: ask.identity,
            known: ask.known,
            code: ask.code,
            status: Status::Pending,
            expires_ms: self.now_ms + LIFETIME_MS,
            checks_used: 0,
            sends_used: 1,
            next_send_ms: self.now_ms + WAITS_MS[0],
            conversion: Conversion::Unreported,
            checks: Vec::new(),
            deliveries: vec![delivery],
            is_gone: false,
        });
        Answer::says("created")
    }

    fn new_delivery(&self, can_fall_back: bool, operation: Option<u32>) -> Del {
        Del {
            status: DeliveryStatus::Queued,
            fence: 1,
            walk: 1,
            lost: 0,
            due: Some((DueKind::Lease, self.now_ms + LEASE_MS)),
            reason: None,
            can_fall_back,
            operation,
            attempts: Vec::new(),
            folded: 0,
        }
    }

    fn send_again(&mut self, of: usize, known: bool, operation: u32, voice: bool) -> Answer {
        let record = &self.records[of];
        if record.sends_used >= 5 || record.deliveries.len() >= 12 {
            return Answer::new("sends exhausted", [record.expires_ms - QUIET_MS]);
        }
        if self.now_ms < record.next_send_ms {
            return Answer::new("too early", [record.next_send_ms]);
        }
        if let Some(refused) = self.take_send(record.number, known) {
            return refused;
        }
        let delivery = self.new_delivery(voice, Some(operation));
        let record = &mut self.records[of];
        record.sends_used += 1;
        let wait_ms = WAITS_MS[usize::from(record.sends_used - 1).min(2)];
        record.next_send_ms = self.now_ms + wait_ms;
        record.deliveries.push(delivery);
        Answer::says(format!("resent {of} {}", record.deliveries.len()))
    }

    pub(super) fn resend(&mut self, of: usize, known: bool, operation: u32) -> Answer {
        if self.records[of].is_gone {
            return Answer::says("not found");
        }
        let mut deliveries = self.records[of].deliveries.iter();
        if let Some(index) = deliveries.position(|d| d.operation == Some(operation)) {
            return Answer::says(format!("resent {of} {}", index + 1));
        }
        if !self.is_pending(of) {
            return Answer::says(format!("not pending {:?}", self.status(of)));
        }
        if !self.may_submit(of) {
            return Answer::says("too late");
        }
        self.send_again(of, known, operation, false)
    }

    /// Takes the last send back: the create, or the resend that made the last delivery.
    pub(super) fn undo(&mut self, of: usize) -> Option<u32> {
        let (number, known) = (self.records[of].number, self.records[of].known);
        if self.records[of].deliveries.len() == 1 {
            self.give_send_back(number, known);
            self.end(of, Status::Canceled);
            self.records[of].is_gone = true;
            return None;
        }
        let now_ms = self.now_ms;
        let record = &mut self.records[of];
        let last = record.deliveries.last_mut()?;
        let operation = last.operation.take()?;
        last.status = DeliveryStatus::Canceled;
        last.reason = Some("limit");
        last.due = None;
        record.sends_used -= 1;
        record.next_send_ms = now_ms;
        self.give_send_back(number, known);
        Some(operation)
    }

    pub(super) fn check(&mut self, of: usize, known: bool, (op, right): (u32, bool)) -> Answer {
        let of_verdict = |verdict| match verdict {
            Verdict::Approved => Answer::says("approved"),
            Verdict::Wrong(left) => Answer::says(format!("wrong, {left} left")),
        };
        let status = self.status(of);
        let record = &mut self.records[of];
        if record.is_gone {
            return Answer::says("not found");
        }
        if let Some((_, typed, verdict)) = record.checks.iter().find(|check| check.0 == op) {
            if *typed != right {
                return Answer::says("key reused");
            }
            return of_verdict(*verdict);
        }
        if status != Status::Pending {
            return Answer::says(format!("not pending {status:?}"));
        }
        let failures = &mut self.numbers[record.number].failures[usize::from(known)];
        if failures.0 >= 100 {
            return Answer::says("stopped");
        }
        if self.now_ms < failures.1 {
            return Answer::new("wait", [failures.1]);
        }
        record.checks_used += 1;
        let verdict = if right {
            *failures = (0, 0);
            record.conversion = Conversion::Converted;
            Verdict::Approved
        } else {
            failures.0 += 1;
            if failures.0 >= 15 {
                let wait_ms = 30_000 * 2_u64.pow((failures.0 - 15).min(10));
                failures.1 = self.now_ms + wait_ms.min(3_600_000);
            }
            Verdict::Wrong(5 - record.checks_used)
        };
        record.checks.push((op, right, verdict));
        match verdict {
            Verdict::Approved => self.end(of, Status::Approved),
            Verdict::Wrong(0) => self.end(of, Status::Exhausted),
            Verdict::Wrong(_) => {}
        }
        of_verdict(verdict)
    }

    pub(super) fn lift(&mut self, number: usize) {
        self.numbers[number].failures = Default::default();
    }

    pub(super) fn cancel(&mut self, of: usize) -> Answer {
        if self.records[of].is_gone {
            return Answer::says("not found");
        }
        let status = self.status(of);
        if status == Status::Pending {
            self.end(of, Status::Canceled);
        } else if status != Status::Canceled {
            return Answer::says(format!("not pending {status:?}"));
        }
        Answer::says("canceled")
    }

    pub(super) fn report(&mut self, of: usize, conversion: Conversion) -> Answer {
        if self.records[of].is_gone {
            return Answer::says("not found");
        }
        if self.status(of) == Status::Expired {
            self.end(of, Status::Expired);
        }
        let decides = self.records[of].code.is_some() && conversion == Conversion::Converted;
        if decides && self.is_pending(of) {
            self.end(of, Status::Approved);
            self.records[of].conversion = conversion;
        }
        if self.records[of].status != Status::Approved {
            self.records[of].conversion = conversion;
        }
        Answer::says(format!("{:?}", self.records[of].conversion))
    }
}
