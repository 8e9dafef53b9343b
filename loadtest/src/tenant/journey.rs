//! One person: asks for a code, waits for the message, types what it says.

use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::pool::{Answer, CallError};
use super::wire::{Verification, refusal};
use super::{CrowdHere, Worker};
use crate::handset::Code;
use crate::people::Number;
use crate::recorder::{Labels, add};
use crate::results::Stage;
use crate::scenario::{ChannelName, Repeats};
use crate::sends::{Arrived, SendRef};
use crate::target::Endpoint;

/// What the person will do was drawn before the journey began.
pub(super) struct Traveller {
    crowd: Rc<CrowdHere>,
    due: Instant,
    number: Number,
    country: u8,
    channel: ChannelName,
    address: Ipv4Addr,
    habit: Habit,
    typing: Duration,
}

enum Habit {
    Types,
    /// A wrong code first.
    Mistypes,
    /// Asks again instead, then types.
    AsksAgain,
    NeverTypes,
}

/// A send under way: where its message will be announced.
struct Asked {
    send: SendRef,
    arrives: oneshot::Receiver<Arrived>,
}

impl Traveller {
    pub(super) fn draw(worker: &Worker, crowd: &Rc<CrowdHere>, due: Instant) -> Self {
        let mut chance = worker.chance.borrow_mut();
        let (country, _) = pick(&mut chance, &crowd.countries);
        let (channel, _) = pick(&mut chance, &crowd.channels);
        let settings = &crowd.crowd;
        let types = 1.0
            - (settings.wrong_code_ratio + settings.resend_ratio + settings.never_typed_ratio)
                .min(1.0);
        let weights = [
            types,
            settings.wrong_code_ratio,
            settings.resend_ratio,
            settings.never_typed_ratio,
        ];
        let habit = match chance.pick(&weights) {
            1 => Habit::Mistypes,
            2 => Habit::AsksAgain,
            3 => Habit::NeverTypes,
            _ => Habit::Types,
        };
        let known = worker.cast.countries.get(usize::from(country));
        let known = known.expect("countries are drawn from those prepared");
        Self {
            due,
            number: if settings.one_range {
                known.draw_in_one_range()
            } else {
                known.draw()
            },
            country,
            channel,
            address: crowd.addresses.draw(),
            habit,
            typing: settings.typing.draw(&mut chance),
            crowd: Rc::clone(crowd),
        }
    }

    pub(super) async fn travel(self, worker: &Rc<Worker>) {
        let asked = self.ask(worker, self.due);
        let key = self.idempotency_key(worker);
        let to = (self.number, self.channel, self.address);
        let build = |endpoint: &Endpoint| worker.cast.requests.start(endpoint, to, key.as_deref());
        let answer = self.call(worker, self.due, build).await;
        let Some(verification) = self.answered(worker, (self.due, &asked), answer) else {
            return;
        };
        worker.recorder.borrow_mut().counts.accepted += 1;
        let waiting = match self.habit {
            Habit::NeverTypes => return,
            Habit::Types | Habit::Mistypes => asked,
            Habit::AsksAgain => match self.ask_again(worker, &verification).await {
                Some(asked_again) => asked_again,
                // The code of the first message is as good.
                None => asked,
            },
        };
        let Ok(arrived) = worker.wait_for(waiting.arrives).await else {
            return;
        };
        let Some(code) = arrived.code else {
            return;
        };
        let mut due = arrived.at + self.typing;
        worker.timer.until(due).await;
        if let Habit::Mistypes = self.habit {
            self.check(worker, &verification, (code.mistyped(), due))
                .await;
            due = Instant::now() + self.typing;
            worker.timer.until(due).await;
        }
        self.check(worker, &verification, (code, due)).await;
    }

    /// Asks for the message once more, when the person has waited for long enough.
    async fn ask_again(&self, worker: &Rc<Worker>, verification: &str) -> Option<Asked> {
        let wait = Duration::from_secs_f64(self.crowd.crowd.resend_after_ms / 1_000.0);
        let due = Instant::now() + wait;
        worker.timer.until(due).await;
        let asked = self.ask(worker, due);
        let key = self.idempotency_key(worker);
        let build = |endpoint: &Endpoint| {
            worker
                .cast
                .requests
                .resend(endpoint, verification, key.as_deref())
        };
        let answer = self.call(worker, due, build).await;
        self.answered(worker, (due, &asked), answer)?;
        worker.recorder.borrow_mut().counts.resent += 1;
        Some(asked)
    }

    fn ask(&self, worker: &Worker, due: Instant) -> Asked {
        let (waiting, arrives) = oneshot::channel();
        let sends = &worker.cast.sends;
        let send = sends.ask(self.number, self.country, due, waiting);
        Asked { send, arrives }
    }

    /// Makes a request, and makes it again if this crowd does so.
    async fn call(
        &self,
        worker: &Rc<Worker>,
        due: Instant,
        build: impl Fn(&Endpoint) -> Request<Full<Bytes>>,
    ) -> Result<Answer, CallError> {
        let Some(repeats) = &self.crowd.crowd.repeats else {
            return worker.pool.call(due, None, build).await;
        };
        let patience = Some(Duration::from_secs_f64(repeats.after_ms / 1_000.0));
        let mut due = due;
        for _ in 0..repeats.times {
            let answer = worker.pool.call(due, patience, &build).await;
            if !is_worth_repeating(&answer) {
                return answer;
            }
            due = Instant::now() + pause(repeats);
            worker.timer.until(due).await;
            worker.recorder.borrow_mut().counts.repeated += 1;
        }
        worker.pool.call(due, None, build).await
    }

    /// Records how a start or resend was answered; the verification's id if it was accepted.
    fn answered(
        &self,
        worker: &Worker,
        (due, asked): (Instant, &Asked),
        answer: Result<Answer, CallError>,
    ) -> Option<Box<str>> {
        let sends = &worker.cast.sends;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                sends.not_accepted(self.number, asked.send);
                worker.failed(error);
                return None;
            }
        };
        let accepted = match answer.status {
            StatusCode::CREATED | StatusCode::OK => Verification::read(&answer.body),
            _ => None,
        };
        let latency = answer.at.saturating_duration_since(due);
        let Some(verification) = accepted else {
            sends.not_accepted(self.number, asked.send);
            self.refused(worker, &answer, latency);
            return None;
        };
        let names = (verification.id, verification.newest_delivery());
        let reached = sends.accepted((self.number, asked.send), answer.at, names);
        let mut recorder = worker.recorder.borrow_mut();
        let labels = self.labels();
        recorder.latency((Stage::Accept, labels), latency, answer.at);
        recorder.at(answer.at).accepted += 1;
        if let Some((reached_at, provider)) = reached {
            // The carrier was faster than the answer.
            let latency = reached_at.saturating_duration_since(answer.at);
            let labels = Labels {
                provider: Some(provider),
                ..labels
            };
            recorder.latency((Stage::Submit, labels), latency, answer.at);
        }
        Some(verification.id.into())
    }

    fn refused(&self, worker: &Worker, answer: &Answer, latency: Duration) {
        let mut recorder = worker.recorder.borrow_mut();
        let kind = refusal(answer.status.as_u16(), &answer.body);
        let is_ours = matches!(answer.status.as_u16(), 400..=499 | 503);
        if is_ours {
            add(&mut recorder.counts.refused, &kind, 1);
            recorder.at(answer.at).refused += 1;
            recorder.latency((Stage::Refuse, self.labels()), latency, answer.at);
        } else {
            add(&mut recorder.counts.errors, &kind, 1);
            recorder.at(answer.at).errors += 1;
        }
    }

    async fn check(&self, worker: &Rc<Worker>, verification: &str, (code, due): (Code, Instant)) {
        let build = |endpoint: &Endpoint| {
            let typed = (code, self.address);
            worker.cast.requests.check(endpoint, verification, typed)
        };
        worker.recorder.borrow_mut().counts.checks += 1;
        let answer = match worker.pool.call(due, None, build).await {
            Ok(answer) => answer,
            Err(error) => {
                let mut recorder = worker.recorder.borrow_mut();
                add(&mut recorder.counts.checks_refused, error.as_str(), 1);
                recorder.at(Instant::now()).checks += 1;
                return;
            }
        };
        let latency = answer.at.saturating_duration_since(due);
        let mut recorder = worker.recorder.borrow_mut();
        recorder.latency((Stage::Check, self.labels()), latency, answer.at);
        recorder.at(answer.at).checks += 1;
        let is_approved = answer.status == StatusCode::OK
            && Verification::read(&answer.body).is_some_and(|answer| answer.status == "approved");
        if is_approved {
            recorder.counts.approved += 1;
            recorder.at(answer.at).approved += 1;
        } else {
            let kind = refusal(answer.status.as_u16(), &answer.body);
            add(&mut recorder.counts.checks_refused, &kind, 1);
        }
    }

    fn labels(&self) -> Labels {
        Labels {
            provider: None,
            channel: Some(self.channel),
            country: Some(self.country),
        }
    }

    /// Only who repeats needs one.
    fn idempotency_key(&self, worker: &Worker) -> Option<String> {
        self.crowd.crowd.repeats.as_ref()?;
        Some(format!("lt-{:016x}", worker.chance.borrow_mut().next()))
    }
}

fn pick<T: Copy>(chance: &mut crate::chance::Chance, weighted: &[(T, f64)]) -> (T, f64) {
    // Crowds are small tables; what was checked has at least one entry.
    let mut left = chance.unit() * weighted.iter().map(|(_, weight)| weight).sum::<f64>();
    for entry in weighted {
        if left < entry.1 {
            return *entry;
        }
        left -= entry.1;
    }
    *weighted.last().expect("a crowd has countries and channels")
}

fn pause(repeats: &Repeats) -> Duration {
    Duration::from_secs_f64(repeats.pause_ms / 1_000.0)
}

/// No answer, or one that says that another time is better.
fn is_worth_repeating(answer: &Result<Answer, CallError>) -> bool {
    match answer {
        Ok(answer) => matches!(answer.status.as_u16(), 409 | 500..=599),
        Err(CallError::InFlightFull | CallError::AnswerTooLong) => false,
        Err(CallError::NoConnection | CallError::Timeout | CallError::ConnectionLost) => true,
    }
}
