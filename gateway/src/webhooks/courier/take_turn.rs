//! One turn with one watch, under its lease: look, write down, tell, write down.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use tokio::time::Instant;
use watchword_providers::signature::HEADER_SIGNATURE;

use super::super::Endpoints;
use super::super::body::body;
use super::super::endpoint::{Admission, Endpoint};
use super::super::keep;
use super::super::story::{Event, Standing, Story, Subject, event_name};
use super::{Courier, Post, PostError, Posted};
use crate::details::Details;
use crate::id::RecordId;
use crate::keys::seal::OpenError;
use crate::store::Found;
use crate::store::webhooks::{NextLook, Watched};
use crate::telemetry::events;
use crate::verification::RecordKind;

/// No call begins later in a turn: what has begun ends within the lease.
const TELL_FOR: Duration = Duration::from_secs(40);
/// Looks at a record whose end is not known, at least and at most so far apart.
const LOOK_MIN_MS: u64 = 10_000;
const LOOK_MAX_MS: u64 = 6 * 3_600_000;
/// An expiry is looked for a little later.
const AFTER_EXPIRY_MS: u64 = 50;
/// An endpoint that names a longer wait than this is asked earlier.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// A watch at work.
struct Turn {
    watched: Watched,
    story: Story,
    began: Instant,
}

/// How one event fared with one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fared {
    Told,
    /// Tried in vain; the endpoint may have named a wait.
    Failed(Option<Duration>),
    Refused,
    Gone,
    /// Not tried.
    Later(Duration),
}

/// Which target: the places of its event and of itself.
type Spot = (usize, usize);

impl Courier {
    /// Not cancel safe: dropped, what was told is told again after the lease.
    pub(super) async fn take_turn(&self, watched: Watched) {
        let began = Instant::now();
        let story = match keep::open(&self.shared, &watched) {
            Ok(story) => story,
            // Another node may have the key; the lease ends, and somebody looks again.
            Err(OpenError::UnknownKey) => return,
            Err(OpenError::Damaged) => {
                self.shared.metrics.webhook_lost();
                tracing::error!(record = %watched.id, "a watch is damaged: its events are lost");
                return;
            }
        };
        let mut turn = Turn {
            watched,
            story,
            began,
        };
        if self.look(&mut turn).await {
            let endpoints = self.lookout().endpoints(turn.watched.tenant);
            self.tell_all(&mut turn, endpoints.unwrap_or_default())
                .await;
            let next = turn.next_look();
            self.save(&turn, next).await;
        }
    }

    async fn save(&self, turn: &Turn, next: NextLook) -> bool {
        match keep::save(&self.shared, &turn.watched, &turn.story, next).await {
            Ok(is_ours) => is_ours,
            Err(error) => {
                // The lease ends, and what was told may be told again.
                self.shared.store_failed("save_watch", &error);
                false
            }
        }
    }

    /// Adds what has happened and writes it down; `false` if the turn is over.
    async fn look(&self, turn: &mut Turn) -> bool {
        if turn.story.is_over {
            return true;
        }
        let id = turn.watched.id;
        match self.shared.store.get(id).await {
            Ok(Some(found)) if found.record.tenant == turn.watched.tenant => {
                self.observe(turn, &found).await
            }
            // Its retention is over, or it was refused and never made.
            Ok(Some(_) | None) if turn.story.events.is_empty() => {
                self.save(turn, NextLook::Forget).await;
                false
            }
            Ok(Some(_) | None) => {
                turn.story.is_over = true;
                true
            }
            Err(error) => {
                self.shared.store_failed("get", &error);
                false
            }
        }
    }

    async fn observe(&self, turn: &mut Turn, found: &Found) -> bool {
        if turn.story.subject.is_none() {
            let live = self.shared.live.load();
            match Details::open(&live.ring, found.id, &found.record) {
                Ok(details) => turn.story.subject = Some(subject(found, details)),
                Err(_) => return false,
            }
        }
        let reported_at_ms = turn.watched.reported_at_ms;
        let added = turn
            .story
            .observe(&found.record, reported_at_ms, found.now_ms);
        if added == 0 {
            return true;
        }
        let endpoints = self.lookout().endpoints(turn.watched.tenant);
        // Due in this turn: the record was read a little later than the turn began,
        // and by a clock of whole milliseconds that may seem to be still to come.
        turn.story
            .address_to(&endpoints.unwrap_or_default(), turn.watched.now_ms);
        // Only what is written down is told: so its id never means anything else.
        self.save(turn, NextLook::LeaseStays).await
    }

    /// Tells every endpoint what is due there, each in order, all at once.
    async fn tell_all(&self, turn: &mut Turn, endpoints: Endpoints) {
        let due = turn.due_spots();
        let told = {
            let turn = &*turn;
            let calls = endpoints.iter().map(|endpoint| {
                let own = due.iter().copied();
                let own = own.filter(|spot| turn.endpoint_of(*spot) == Some(endpoint.id.as_str()));
                self.tell(turn, (endpoint, own.collect()))
            });
            join_all(calls).await
        };
        for (spot, fared) in told.into_iter().flatten() {
            self.note(turn, spot, fared);
        }
        // An endpoint that is no longer configured.
        for spot in due {
            let is_configured = turn
                .endpoint_of(spot)
                .is_some_and(|id| endpoints.iter().any(|endpoint| endpoint.id == id));
            if !is_configured {
                self.give_up(turn, spot, "not configured");
            }
        }
    }

    async fn tell(
        &self,
        turn: &Turn,
        (endpoint, spots): (&Endpoint, Vec<Spot>),
    ) -> Vec<(Spot, Fared)> {
        let mut told = Vec::with_capacity(spots.len());
        let mut blocked = None;
        for spot in spots {
            let Some(event) = turn.story.events.get(spot.0) else {
                continue;
            };
            let fared = match blocked {
                Some(wait) => Fared::Later(wait),
                None if turn.began.elapsed() > TELL_FOR => Fared::Later(Duration::ZERO),
                None => self.tell_one(turn, (event, endpoint)).await,
            };
            // What one event could not get through, the next one cannot either.
            match fared {
                Fared::Failed(_) => blocked = Some(Duration::from_secs(5)),
                Fared::Later(wait) => blocked = Some(wait),
                Fared::Told | Fared::Refused | Fared::Gone => {}
            }
            told.push((spot, fared));
        }
        told
    }

    async fn tell_one(&self, turn: &Turn, (event, endpoint): (&Event, &Endpoint)) -> Fared {
        let _place = match endpoint.admit() {
            Admission::Place(place) => place,
            Admission::Later(wait) => return Fared::Later(wait),
            Admission::Gone => return Fared::Gone,
        };
        let now_s = self.shared.clock.now_ms() / 1000;
        let id = turn.watched.id;
        let text = body(id, turn.story.subject.as_ref(), event, endpoint);
        let post = signed(endpoint, &event_name(id, event.sequence), text, now_s);
        let answer = tokio::time::timeout(endpoint.timeout, self.poster.post(post)).await;
        let fared = judged(answer.unwrap_or(Err(PostError::NoAnswer)));
        match fared {
            Fared::Told => endpoint.worked(),
            Fared::Gone => endpoint.gone(),
            Fared::Failed(_) | Fared::Refused | Fared::Later(_) => endpoint.failed(),
        }
        self.shared.metrics.webhook_post(fared.word());
        fared
    }

    fn note(&self, turn: &mut Turn, spot: Spot, fared: Fared) {
        let now_ms = turn.now_ms();
        let id = turn.watched.id;
        let sequence = u64::try_from(spot.0).unwrap_or(0);
        let waits = &self.settings.webhooks.retry_waits;
        let Some(target) = turn.story.target_mut(spot) else {
            return;
        };
        match fared {
            Fared::Told => {
                target.tries = target.tries.saturating_add(1);
                target.standing = Standing::Told { at_ms: now_ms };
            }
            Fared::Later(wait) => {
                let at_ms = now_ms.saturating_add(ms(wait)).saturating_add(1);
                target.standing = Standing::Due { at_ms };
            }
            Fared::Gone => self.give_up(turn, spot, "gone"),
            Fared::Failed(_) | Fared::Refused => {
                target.tries = target.tries.saturating_add(1);
                let named = match fared {
                    Fared::Failed(named) => named.unwrap_or_default(),
                    Fared::Told | Fared::Refused | Fared::Gone | Fared::Later(_) => Duration::ZERO,
                };
                match waits.after(target.tries, chance(id, sequence)) {
                    Some(wait) => {
                        let at_ms = now_ms.saturating_add(ms(wait.max(named)));
                        target.standing = Standing::Due { at_ms };
                    }
                    None => self.give_up(turn, spot, fared.word()),
                }
            }
        }
    }

    /// Said once, where somebody must act: the tenant's sink, or its URL.
    fn give_up(&self, turn: &mut Turn, spot: Spot, reason: &'static str) {
        let at_ms = turn.now_ms();
        let id = turn.watched.id;
        let tenant = turn.watched.tenant;
        let Some(event) = turn.story.events.get_mut(spot.0) else {
            return;
        };
        let name = event_name(id, event.sequence);
        let kind = event.kind.as_str();
        let Some(target) = event.targets.get_mut(spot.1) else {
            return;
        };
        target.standing = Standing::GivenUp { at_ms };
        let live = self.shared.live.load();
        events::WebhookGivenUp {
            tenant: live.tenants.name_of(tenant),
            endpoint: &target.endpoint,
            event: &name,
            kind,
            tries: target.tries,
            reason,
        }
        .emit(&self.shared.metrics);
    }
}

impl Fared {
    /// For the metric, and as a reason.
    fn word(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Failed(_) => "failed",
            Self::Refused => "refused",
            Self::Gone => "gone",
            Self::Later(_) => "postponed",
        }
    }
}

impl Turn {
    fn now_ms(&self) -> u64 {
        self.watched.now_ms.saturating_add(ms(self.began.elapsed()))
    }

    fn due_spots(&self) -> Vec<Spot> {
        let now_ms = self.now_ms();
        let mut spots = Vec::new();
        for (event, at) in self.story.events.iter().zip(0..) {
            for (target, place) in event.targets.iter().zip(0..) {
                if matches!(target.standing, Standing::Due { at_ms } if at_ms <= now_ms) {
                    spots.push((at, place));
                }
            }
        }
        spots
    }

    fn endpoint_of(&self, (event, target): Spot) -> Option<&str> {
        let target = self.story.events.get(event)?.targets.get(target)?;
        Some(&target.endpoint)
    }

    /// The earliest of: a target is due, the code expires, something may have
    /// been missed. Afterwards there is nothing until it is forgotten.
    fn next_look(&self) -> NextLook {
        let now_ms = self.now_ms();
        let mut at_ms = self.story.due_at_ms().unwrap_or(self.watched.kept_until_ms);
        if !self.story.is_over {
            let age_ms = now_ms.saturating_sub(self.watched.made_at_ms);
            at_ms = at_ms.min(now_ms + age_ms.clamp(LOOK_MIN_MS, LOOK_MAX_MS));
            let expires_at_ms = self.story.subject.as_ref().map(|one| one.expires_at_ms);
            if let Some(expires_at_ms) = expires_at_ms.filter(|at_ms| *at_ms > now_ms) {
                at_ms = at_ms.min(expires_at_ms + AFTER_EXPIRY_MS);
            }
        }
        NextLook::At(at_ms)
    }
}

fn subject(found: &Found, details: Details) -> Subject {
    Subject {
        is_verification: found.record.kind == RecordKind::Verification,
        e164: details.e164,
        country_code_digits: details.country_code_digits,
        purpose: details.purpose,
        subject: details.subject,
        reference: details.reference,
        is_test: details.is_test,
        created_at_ms: found.record.created_at_ms,
        expires_at_ms: found.record.expires_at_ms,
    }
}

fn signed(endpoint: &Endpoint, name: &str, text: String, now_s: u64) -> Post {
    let mut post = Request::new(Bytes::from(text));
    *post.method_mut() = Method::POST;
    *post.uri_mut() = endpoint.url.clone();
    let body = post.body().clone();
    let headers = post.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    let name = HeaderValue::from_str(name).expect("the name of an event is plain ASCII");
    let mut signatures = Vec::with_capacity(endpoint.keys.len());
    for key in &endpoint.keys {
        key.sign(headers, name.clone(), now_s, &body);
        if let Some(signature) = headers.get(&HEADER_SIGNATURE) {
            signatures.push(signature.to_str().unwrap_or_default().to_owned());
        }
    }
    let all = HeaderValue::from_str(&signatures.join(" ")).expect("base64 is valid in a header");
    headers.insert(HEADER_SIGNATURE, all);
    post
}

fn judged(answer: Result<Posted, PostError>) -> Fared {
    match answer {
        Ok(posted) if posted.status.is_success() => Fared::Told,
        Ok(posted) if posted.status == StatusCode::GONE => Fared::Gone,
        Ok(posted) => Fared::Failed(retry_after(&posted.headers)),
        Err(PostError::Refused) => Fared::Refused,
        Err(PostError::NoAnswer) => Fared::Failed(None),
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    let seconds: u64 = text.parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// Spreads the retries of many events; the same for the same event.
fn chance(id: RecordId, sequence: u64) -> u64 {
    u64::from_be_bytes(*id.random.first_chunk().unwrap_or(&[0; 8])).wrapping_add(sequence * 7919)
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
