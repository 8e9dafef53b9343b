//! The rules of attempts, receipts and what is due.

use watchword::delivery::{DeliveryStatus, DueKind, Finality, Outcome};
use watchword::verification::Status;
use watchword_providers::ReceiptStatus;

use super::{After, Answer, Att, Del, LEASE_MS, Model, QUIET_MS, provider_of};

impl Del {
    pub(in crate::store_conformance) fn is_closed(&self) -> bool {
        !matches!(
            self.status,
            DeliveryStatus::Queued | DeliveryStatus::Submitted
        )
    }

    pub(in crate::store_conformance) fn last_number(&self) -> u32 {
        self.attempts.last().map_or(0, |a| a.number)
    }

    fn numbered(&mut self, number: u32) -> Option<&mut Att> {
        self.attempts.iter_mut().find(|a| a.number == number)
    }

    /// Begins an attempt. Of more than sixteen, the oldest goes that says nothing
    /// any more: a no of an earlier walk, from a provider that was asked since.
    pub(super) fn push(&mut self, number: u32) {
        self.attempts.push(Att {
            number,
            walk: self.walk,
            provider: provider_of(number),
            outcome: Outcome::Begun,
            receipt: None,
        });
        while self.attempts.len() > 16 {
            let noes = [Outcome::Refused, Outcome::Throttled];
            let is_old = |index: &usize| {
                let (old, newer) = (&self.attempts[*index], &self.attempts[index + 1..]);
                let is_no = noes.contains(&old.outcome) && old.receipt.is_none();
                is_no && old.walk != self.walk && newer.iter().any(|a| a.provider == old.provider)
            };
            let Some(index) = (0..self.attempts.len()).find(is_old) else {
                break;
            };
            self.attempts.remove(index);
            self.folded += 1;
        }
    }

    /// Attempts that may have reached the person.
    fn sent(&self) -> impl Iterator<Item = &Att> {
        let may_be = [Outcome::Begun, Outcome::Submitted, Outcome::Unknown];
        self.attempts
            .iter()
            .filter(move |a| may_be.contains(&a.outcome))
    }

    fn has_delivered(&self) -> bool {
        let delivered = Some(ReceiptStatus::Delivered);
        self.attempts.iter().any(|a| a.receipt == delivered)
    }

    fn is_all_lost(&self) -> bool {
        let lost = Some(ReceiptStatus::Undelivered);
        self.sent().count() > 0 && self.sent().all(|a| a.receipt == lost)
    }

    fn close(&mut self, status: DeliveryStatus) {
        self.status = status;
        self.due = None;
    }

    /// Ends it with what it has come to: submitted stays submitted.
    pub(super) fn end(&mut self, otherwise: DeliveryStatus, reason: Option<&'static str>) {
        let was_submitted = self
            .attempts
            .iter()
            .any(|a| a.outcome == Outcome::Submitted);
        let reached = match (self.has_delivered(), was_submitted, self.is_all_lost()) {
            (true, _, _) => DeliveryStatus::Delivered,
            (false, true, true) => DeliveryStatus::Undelivered,
            (false, true, false) => DeliveryStatus::Submitted,
            (false, false, _) => otherwise,
        };
        if reached == DeliveryStatus::Failed {
            self.reason = reason.or(self.reason);
        }
        self.close(reached);
    }
}

impl Model {
    fn delivery(&mut self, of: usize, ordinal: u8) -> Option<&mut Del> {
        let record = &mut self.records[of];
        let is_there = !record.is_gone;
        let index = usize::from(ordinal).checked_sub(1)?;
        record.deliveries.get_mut(index).filter(|_| is_there)
    }

    pub(in crate::store_conformance) fn begin(
        &mut self,
        of: usize,
        ordinal: u8,
        (fence, attempt): (u32, u32),
        settled: Option<(u32, Outcome)>,
    ) -> Answer {
        let (status, may_submit, now_ms) = (self.status(of), self.may_submit(of), self.now_ms);
        let Some(delivery) = self.delivery(of, ordinal) else {
            return Answer::says("gone");
        };
        let is_next = attempt == delivery.last_number() + 1;
        let is_again = delivery.numbered(attempt).is_some_and(|known| {
            known.outcome == Outcome::Begun && known.provider == provider_of(attempt)
        });
        let is_there = settled.is_none_or(|(number, _)| delivery.numbered(number).is_some());
        if delivery.fence != fence || !(is_next || is_again) || !is_there {
            return Answer::says("fence lost");
        }
        if let Some((number, outcome)) = settled
            && let Some(ended) = delivery.numbered(number)
            && ended.outcome == Outcome::Begun
        {
            ended.outcome = outcome;
        }
        if delivery.is_closed() {
            return Answer::says(format!("closed {:?}", delivery.status));
        }
        if status != Status::Pending {
            return Answer::says(format!("not pending {status:?}"));
        }
        if !may_submit {
            return Answer::says("too late");
        }
        if is_again {
            delivery.due = Some((DueKind::Lease, now_ms + LEASE_MS));
            return Answer::says("begun");
        }
        if delivery.sent().count() >= 3 || delivery.attempts.len() >= 120 {
            return Answer::says("too many");
        }
        delivery.status = DeliveryStatus::Queued;
        delivery.due = Some((DueKind::Lease, now_ms + LEASE_MS));
        delivery.push(attempt);
        Answer::says("begun")
    }

    /// How a delivery ends that may not go on.
    fn end_delivery(&mut self, of: usize, ordinal: u8, reason: &'static str) {
        let has_expired = self.now_ms >= self.records[of].expires_ms;
        let otherwise = if self.is_pending(of) {
            DeliveryStatus::Failed
        } else if has_expired {
            DeliveryStatus::Expired
        } else {
            DeliveryStatus::Canceled
        };
        if let Some(delivery) = self.delivery(of, ordinal) {
            delivery.end(otherwise, Some(reason));
        }
    }

    pub(in crate::store_conformance) fn settle(
        &mut self,
        of: usize,
        ordinal: u8,
        (fence, attempt, outcome): (u32, u32, Outcome),
        after: After,
    ) -> Answer {
        let (may_submit, now_ms) = (self.may_submit(of), self.now_ms);
        let submit_until_ms = self.records[of].expires_ms - QUIET_MS;
        let is_pending = self.is_pending(of);
        let Some(delivery) = self.delivery(of, ordinal) else {
            return Answer::says("gone");
        };
        if delivery.fence != fence {
            return Answer::says("fence lost");
        }
        let Some(settled) = delivery.numbered(attempt) else {
            return Answer::says("fence lost");
        };
        if settled.outcome == Outcome::Begun {
            settled.outcome = outcome;
        } else if !matches!(delivery.due, Some((DueKind::Lease, _))) {
            let made = self.fallback_made(of, ordinal);
            return self.settled(of, ordinal, made);
        }
        let mut fallback = 0;
        if delivery.is_closed() || delivery.has_delivered() {
            delivery.end(delivery.status, None);
        } else {
            match after {
                After::Continue => {}
                After::Submitted => {
                    delivery.reason = None;
                    delivery.lost = 0;
                    delivery.status = DeliveryStatus::Submitted;
                    if !delivery.is_all_lost() {
                        delivery.due = Some((DueKind::Receipt, now_ms + 30_000));
                    } else if may_submit {
                        delivery.due = Some((DueKind::Undelivered, now_ms));
                    } else {
                        delivery.close(DeliveryStatus::Undelivered);
                    }
                }
                After::Retry(after_ms) if is_pending && now_ms + after_ms < submit_until_ms => {
                    delivery.walk += 1;
                    delivery.reason = Some("busy");
                    delivery.due = Some((DueKind::Retry, now_ms + after_ms));
                }
                After::Retry(_) => self.end_delivery(of, ordinal, "busy"),
                After::Close => self.end_delivery(of, ordinal, "closed"),
                After::Fail(finality) => fallback = self.fail(of, ordinal, finality),
            }
        }
        self.settled(of, ordinal, fallback)
    }

    fn settled(&self, of: usize, ordinal: u8, fallback: usize) -> Answer {
        let delivery = &self.records[of].deliveries[usize::from(ordinal) - 1];
        let kind = delivery.due.map(|due| due.0);
        let text = format!("settled {:?} {kind:?} {fallback}", delivery.status);
        Answer::new(text, delivery.due.map(|due| due.1))
    }

    /// The next delivery, if it can only be this one's fallback and nobody has
    /// worked on it: no resend has a fallback, and none is one.
    fn fallback_made(&self, of: usize, ordinal: u8) -> usize {
        let next = usize::from(ordinal);
        let deliveries = &self.records[of].deliveries;
        let is_resend = |d: &Del| d.operation.is_some();
        let is_fresh =
            |d: &Del| d.status == DeliveryStatus::Queued && d.fence == 1 && d.attempts.is_empty();
        match (deliveries.get(next - 1), deliveries.get(next)) {
            (Some(failed), Some(made))
                if !is_resend(failed) && !is_resend(made) && is_fresh(made) =>
            {
                next + 1
            }
            _ => 0,
        }
    }

    fn fail(&mut self, of: usize, ordinal: u8, finality: Finality) -> usize {
        let may_submit = self.may_submit(of);
        let next = self.new_delivery(false, None);
        let record = &mut self.records[of];
        let has_room = record.deliveries.len() < 12;
        let delivery = &mut record.deliveries[usize::from(ordinal) - 1];
        delivery.end(DeliveryStatus::Failed, Some("refused"));
        let can_fall_back = std::mem::take(&mut delivery.can_fall_back);
        if finality != Finality::Number && can_fall_back && may_submit && has_room {
            record.deliveries.push(next);
            return record.deliveries.len();
        }
        let any_sent = record.deliveries.iter().any(|d| d.sent().count() > 0);
        let all_closed = record.deliveries.iter().all(Del::is_closed);
        let is_final = finality != Finality::Open;
        if is_final && record.status == Status::Pending && !any_sent && all_closed {
            self.end(of, Status::Failed);
        }
        0
    }

    pub(in crate::store_conformance) fn receipt(
        &mut self,
        of: usize,
        ordinal: u8,
        (attempt, status, after_ms): (u32, ReceiptStatus, Option<u64>),
    ) -> Answer {
        let (may_submit, now_ms) = (self.may_submit(of), self.now_ms);
        let Some(delivery) = self.delivery(of, ordinal) else {
            return Answer::says("no attempt");
        };
        let is_last = delivery.last_number() == attempt;
        let Some(known) = delivery.numbered(attempt) else {
            return Answer::says("no attempt");
        };
        if known.receipt.is_some_and(|receipt| receipt >= status) {
            // The end of the last call, whose verdict makes the next one wait.
            let ends = status == ReceiptStatus::Undelivered && after_ms == Some(0) && is_last;
            return match &mut delivery.due {
                Some((DueKind::Undelivered, at_ms)) if ends && *at_ms > now_ms => {
                    *at_ms = now_ms;
                    Answer::says("call ended")
                }
                _ => Answer::says("nothing"),
            };
        }
        known.receipt = Some(status);
        let waits = delivery.status == DeliveryStatus::Submitted;
        if status == ReceiptStatus::Delivered {
            delivery.close(DeliveryStatus::Delivered);
        } else if status == ReceiptStatus::Undelivered && waits && delivery.is_all_lost() {
            let has_room = delivery.sent().count() < 3 || delivery.can_fall_back;
            match after_ms.filter(|_| may_submit && has_room) {
                Some(after_ms) => {
                    delivery.due = Some((DueKind::Undelivered, now_ms + after_ms));
                    if after_ms == 0 {
                        return Answer::says("redispatch");
                    }
                }
                None => delivery.close(DeliveryStatus::Undelivered),
            }
        }
        Answer::says(format!("recorded {:?}", delivery.status))
    }

    pub(in crate::store_conformance) fn take(&mut self, of: usize, ordinal: u8) -> &'static str {
        let (may_submit, now_ms) = (self.may_submit(of), self.now_ms);
        let Some(delivery) = self.delivery(of, ordinal) else {
            return "not due";
        };
        let Some((kind, _)) = delivery.due.filter(|due| due.1 <= now_ms) else {
            return "not due";
        };
        delivery.fence += 1;
        let mut was_begun = false;
        for attempt in &mut delivery.attempts {
            if attempt.outcome == Outcome::Begun {
                attempt.outcome = Outcome::Unknown;
                was_begun = true;
            }
        }
        if kind == DueKind::Lease && was_begun {
            delivery.lost += 1;
            if delivery.lost >= 3 {
                delivery.end(DeliveryStatus::Failed, Some("poison"));
                // Why it ended is kept even where something was submitted.
                delivery.reason = Some("poison");
                return "poisoned";
            }
        }
        if !may_submit {
            let unknown = delivery
                .attempts
                .iter()
                .any(|a| a.outcome == Outcome::Unknown);
            let reason = match (unknown, delivery.reason) {
                (true, _) => "outcome_unknown",
                (false, last) => last.unwrap_or("too_late"),
            };
            self.end_delivery(of, ordinal, reason);
            return "closed";
        }
        delivery.status = DeliveryStatus::Queued;
        delivery.due = Some((DueKind::Lease, now_ms + LEASE_MS));
        "taken"
    }

    pub(in crate::store_conformance) fn hand_back(
        &mut self,
        of: usize,
        ordinal: u8,
        (fence, after_ms): (u32, u64),
    ) -> Answer {
        let now_ms = self.now_ms;
        let Some(delivery) = self.delivery(of, ordinal) else {
            return Answer::says("gone");
        };
        if delivery.fence != fence {
            return Answer::says("fence lost");
        }
        if let Some((DueKind::Lease, _)) = delivery.due {
            delivery.due = Some((DueKind::Handover, now_ms + after_ms));
        }
        Answer::says("handed back")
    }

    /// Takes all that is due, and says what came of each.
    pub(in crate::store_conformance) fn sweep(&mut self) -> Vec<String> {
        let mut taken = Vec::new();
        for of in 0..self.records.len() {
            // A fallback is not due yet when it is made.
            for index in 0..self.records[of].deliveries.len() {
                let ordinal = u8::try_from(index + 1).unwrap();
                let took = self.take(of, ordinal);
                if took != "not due" {
                    taken.push(format!("{of} {ordinal} {took}"));
                }
            }
        }
        taken.sort();
        taken
    }
}
