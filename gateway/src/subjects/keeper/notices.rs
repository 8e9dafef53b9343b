//! Notices on their way: sent like any text, each once, and noted as told when
//! the store has taken them.

use std::sync::Arc;
use std::time::Duration;

use watchword_providers::Channel;

use super::{Keeper, Opened, Whose};
use crate::delivery::NewDelivery;
use crate::details::{Details, RecordPlace, Whom};
use crate::dispatch::Work;
use crate::id::{DeliveryId, RecordId};
use crate::message::Locale;
use crate::number::{self, ParsedNumber};
use crate::routing::Draw;
use crate::service::aim::Aim;
use crate::service::{Answer, OVERLOADED};
use crate::store::Started;
use crate::store::subjects::EventWatch;
use crate::subjects::command::Command;
use crate::subjects::model::{
    Actor, ChangeStatus, Method, MethodId, MethodStatus, Notice, NoticeKind, Recipient, SubjectKey,
};
use crate::subjects::texts::{self, Addressed};
use crate::subjects::told;
use crate::telemetry::events::{NoticeEnded, NoticeResult};
use crate::tenants::Tenant;
use crate::verification::{ClientClass, IdentityTag, RecordKind, SendPolicy, Start};
use crate::webhooks::{EventKind, subject_event};

/// The purpose that routes of notices match.
const PURPOSE: &str = "notice";
/// A notice is tried for so long.
const VALIDITY_MS: u64 = 86_400_000;
/// What is due may make more due: a change that completes at once.
const ROUNDS: usize = 4;
/// How long a request waits for what it has made due.
const SOON: Duration = Duration::from_secs(2);

/// What became of the notices that were due.
#[derive(Default)]
struct Sent {
    queued: Vec<u32>,
    /// Whose number has another holder by now.
    stopped: Vec<MethodId>,
    events: Vec<EventWatch>,
}

impl Keeper {
    /// Has what is due happen now, for a request that wants to answer with it;
    /// if it takes too long, the worker sees to the rest.
    pub(super) async fn told_soon(&self, whose: &Whose) -> Option<Opened> {
        let turn = tokio::time::timeout(SOON, self.turn(whose)).await;
        turn.ok()?.ok()?
    }

    /// A subject whose time has come: time passes for it, and who has to hear of
    /// something is told.
    pub(in crate::subjects) async fn tend(&self, key: SubjectKey) -> Answer<()> {
        let read = self.shared.store.subject(key).await;
        let read = read.map_err(|error| self.store_error("subject", &error))?;
        let live = self.shared.live.load_full();
        let Some(stored) = read.stored else {
            return Ok(());
        };
        let Some(tenant) = live.tenants.by_tag(stored.tenant).map(Arc::clone) else {
            return self.keep_unnamed(&live, key, (stored, read.now_ms)).await;
        };
        let whose = self.whose_key(live, &tenant, key)?;
        let turned = self.turn(&whose).await?;
        // Nothing was due but to look at it: the next time is noted.
        let untouched = turned.filter(|opened| {
            let next_ms = opened.subject.next_due_ms(&tenant.subjects, opened.now_ms);
            opened.revision == stored.revision && next_ms > opened.now_ms
        });
        let Some(opened) = untouched else {
            return Ok(());
        };
        let opened = Opened {
            is_stale: true,
            ..opened
        };
        let decided = self.decided(&whose, &opened, &Command::Advance, Actor::System)?;
        self.write(&whose, opened, decided, Vec::new())
            .await
            .map(drop)
    }

    async fn turn(&self, whose: &Whose) -> Answer<Option<Opened>> {
        let mut last = None;
        for _ in 0..ROUNDS {
            let Some(opened) = self.advanced(whose).await? else {
                return Ok(None);
            };
            let now_ms = opened.now_ms;
            let notices = opened.subject.notices.iter();
            let due: Vec<Notice> = notices
                .filter(|notice| notice.due_at_ms <= now_ms)
                .cloned()
                .collect();
            if due.is_empty() && !waits_for_notices(&opened) {
                return Ok(Some(opened));
            }
            last = self.told(whose, opened, &due).await?;
        }
        Ok(last)
    }

    /// Sends what is due and notes it. `None`: somebody else has written since,
    /// and what was sent is not sent again.
    async fn told(&self, whose: &Whose, opened: Opened, due: &[Notice]) -> Answer<Option<Opened>> {
        let sent = self.send_due(whose, &opened, due).await?;
        let mut current = opened;
        for to in sent.stopped {
            let command = Command::NoticesStopped { to };
            let decided = self.decided(whose, &current, &command, Actor::System)?;
            match self.write(whose, current, decided, Vec::new()).await? {
                Some(written) => current = written,
                None => return Ok(None),
            }
        }
        let numbers = sent.queued;
        let command = Command::NoticesQueued { numbers };
        let decided = self.decided(whose, &current, &command, Actor::System)?;
        self.write(whose, current, decided, sent.events).await
    }

    async fn send_due(&self, whose: &Whose, opened: &Opened, due: &[Notice]) -> Answer<Sent> {
        let mut sent = Sent::default();
        for notice in due {
            let ended = match notice.to {
                Recipient::Mail => {
                    sent.events.extend(self.mail(whose, opened, notice));
                    Some(NoticeResult::Queued)
                }
                Recipient::Method(id) => match opened.subject.method(id) {
                    Some(method) => self.send_notice(whose, opened, (notice, method)).await?,
                    None => Some(NoticeResult::Unsendable),
                },
            };
            let Some(result) = ended else { continue };
            match (result, notice.to) {
                (NoticeResult::Stopped, Recipient::Method(id)) => sent.stopped.push(id),
                (_, _) => sent.queued.push(notice.number),
            }
            NoticeEnded {
                tenant: &whose.tenant.name,
                subject: whose.key,
                kind: notice.kind.as_str(),
                result,
            }
            .emit(&self.shared.metrics);
        }
        Ok(sent)
    }

    /// Tells the numbers of a subject that is about to be erased: afterwards nothing
    /// is left by which they could be told, nor what one operator has done alone.
    ///
    /// # Errors
    ///
    /// [`crate::service::ServiceError::Unavailable`]: it is not erased yet.
    pub(super) async fn tell_of_erasure(&self, whose: &Whose, opened: &Opened) -> Answer<()> {
        let proved = opened.subject.listed_methods();
        let proved = proved.filter(|method| method.status != MethodStatus::Pending);
        for (number, method) in (opened.subject.last_notice.saturating_add(1)..).zip(proved) {
            let notice = Notice {
                number,
                kind: NoticeKind::MethodsReset,
                to: Recipient::Method(method.id),
                due_at_ms: opened.now_ms,
                change: None,
                round: 0,
            };
            let told = self.send_notice(whose, opened, (&notice, method)).await?;
            told.ok_or(OVERLOADED)?;
        }
        Ok(())
    }

    /// What the tenant's own mail is made of.
    fn mail(&self, whose: &Whose, opened: &Opened, notice: &Notice) -> Option<EventWatch> {
        let change = opened.subject.change.as_ref();
        let change = change.filter(|change| Some(change.id) == notice.change)?;
        // Of everything else the event itself tells.
        (notice.kind == NoticeKind::ChangeRequested).then_some(())?;
        let data = told::notice_data(
            whose.live.ring.index(),
            (whose.key, &opened.subject),
            (change, notice.round),
            opened.revision + 1,
        );
        let of = (whose.tenant.tag, whose.key.0.shard);
        subject_event(
            &self.shared,
            of,
            EventKind::ChangeNotice,
            &data,
            opened.now_ms,
        )
    }

    /// `None`: the store did not take it, and it stays due.
    async fn send_notice(
        &self,
        whose: &Whose,
        opened: &Opened,
        (notice, method): (&Notice, &Method),
    ) -> Answer<Option<NoticeResult>> {
        let e164 = method.number.e164.as_str();
        if self.has_other_holder(whose, method).await {
            return Ok(Some(NoticeResult::Stopped));
        }
        let is_stopped = self.is_stopped(&whose.live, &whose.tenant, e164).await?;
        let Some((to, channel)) = open_channel(whose, method, is_stopped) else {
            return Ok(Some(NoticeResult::Unsendable));
        };
        let start = notice_start(whose, opened, (notice, method), (&to, channel));
        let (id, record) = match self.shared.store.start(&start, None).await {
            Ok(Started::Created { record, .. }) => (start.id, record),
            // It has no limits and no key, so nothing else is answered.
            Ok(_) => return Ok(Some(NoticeResult::Unsendable)),
            Err(error) => {
                self.shared.store_failed("start", &error);
                return Ok(None);
            }
        };
        let delivery = DeliveryId {
            record: id,
            ordinal: 1,
        };
        // Made before, it is somebody's already; without a place the ledger has it.
        let is_untouched = record
            .delivery(1)
            .is_some_and(crate::delivery::DeliveryRecord::is_untouched);
        if is_untouched && let Some(place) = self.dispatcher.place() {
            let work = Work {
                delivery,
                record,
                why: None,
                done: None,
                opened: None,
                prepaid: Vec::new(),
                is_as_created: false,
                budget: None,
            };
            self.dispatcher.dispatch(work, place);
        }
        Ok(Some(NoticeResult::Queued))
    }
}

/// A proved change goes on when those who must hear of it are told, and there may
/// be none.
fn waits_for_notices(opened: &Opened) -> bool {
    let change = opened.subject.change.as_ref();
    change.is_some_and(|change| change.status == ChangeStatus::NewVerified)
}

/// SMS where that is open, else a call.
fn open_channel(
    whose: &Whose,
    method: &Method,
    is_opted_out: bool,
) -> Option<(ParsedNumber, Channel)> {
    let to = number::parse(&method.number.e164, None).ok()?;
    let (live, tenant) = (&whose.live, &whose.tenant);
    let is_open = |channel| {
        let takes = channel == Channel::Voice || !is_opted_out;
        takes && aim(tenant, &to, method).is_open(live, channel)
    };
    let channel = [Channel::Sms, Channel::Voice]
        .into_iter()
        .find(|channel| is_open(*channel))?;
    Some((to, channel))
}

fn aim<'a>(tenant: &'a Tenant, to: &'a ParsedNumber, method: &'a Method) -> Aim<'a> {
    Aim {
        tenant,
        to,
        purpose: PURPOSE,
        method: Some(method.id),
        extension: method.extension.as_ref(),
    }
}

fn notice_start(
    whose: &Whose,
    opened: &Opened,
    (notice, method): (&Notice, &Method),
    (to, channel): (&ParsedNumber, Channel),
) -> Start {
    let (live, tenant) = (&whose.live, &whose.tenant);
    let index = live.ring.index();
    let e164 = to.number.expose();
    // Asked for twice, it is made once.
    let id: RecordId = index.notice(whose.key, notice.number, e164);
    let locale = opened.subject.notice_locale(opened.now_ms);
    let locale = locale.and_then(|locale| Locale::parse(locale).ok());
    let locale = locale.unwrap_or_else(|| tenant.locale.clone());
    let addressed = Addressed {
        key: whose.key,
        kind: notice.kind,
        change: notice.change,
        to: notice.to,
    };
    let wording = (&*tenant.notices, &locale, &tenant.brand);
    let text = texts::written(index, addressed, channel, wording);
    let details = Details {
        tenant: tenant.name.to_string(),
        e164: e164.to_owned(),
        country_code_digits: to.number.country_code_digits(),
        region: to.region.as_str().to_owned(),
        purpose: PURPOSE.to_owned(),
        subject: None,
        locale: Some(text.locale.to_string()),
        payment: None,
        origin: None,
        app_hash: None,
        reference: None,
        text: Some(text.text),
        speech: text.speech,
        is_test: false,
        whom: Whom {
            method: None,
            extension: method.extension.clone(),
        },
        budget_ms: None,
    };
    let place = RecordPlace {
        id,
        tenant: tenant.tag,
        kind: RecordKind::SendOnly,
    };
    let there = aim(tenant, to, method).destination(channel);
    let hops = live.hops(there, Draw::Take, |_| false);
    Start {
        id,
        kind: RecordKind::SendOnly,
        tenant: tenant.tag,
        number: index.number(tenant.tag, e164).1,
        identity: IdentityTag([0; 12]),
        custom_code: None,
        wants_new_code: false,
        client: ClientClass::Unknown,
        lifetime_ms: VALIDITY_MS,
        checks_max: 0,
        digest: None,
        details: details.seal(&place.sealer(&live.ring)),
        code: None,
        delivery: Some(NewDelivery {
            channel,
            fallback: Vec::new(),
            first_provider: hops.first().map(|hop| (**hop).into()),
        }),
        // No limit holds a notice back: that is what an attacker would wish for.
        policy: SendPolicy {
            rules: Vec::new(),
            ..live.sends.clone()
        },
    }
}
