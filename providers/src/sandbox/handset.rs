//! A call to a simulated handset: who answers it, which key is pressed, what is
//! heard. It asks the gateway what to say as a provider does, and proves itself.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Carrier;
use crate::answer::parse_object;
use crate::contract::CODE_REPETITIONS;
use crate::{
    CallDocument, CallEvent, CallStep, CallTurn, Callback, Message, MessageId, ReceiptError,
    ReceiptStatus,
};

/// Who takes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answerer {
    /// A person, who presses this key when asked for one.
    Person(Option<char>),
    Machine,
    Nobody,
}

/// More is never asked of one call.
const QUESTIONS_MAX: usize = 4;

/// What the sandbox asks the gateway.
#[derive(Serialize, Deserialize)]
struct Question {
    call_id: String,
    step: Step,
    #[serde(default)]
    key: Option<char>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Answered,
    Key,
    NoKey,
    Machine,
}

/// What it is answered.
#[derive(Serialize, Deserialize)]
struct Play {
    say: Vec<String>,
    /// Whether a key is waited for afterwards.
    listen: bool,
}

/// Reads what a sandbox asked, its signature verified before.
pub(super) fn event(callback: &Callback<'_>) -> Result<CallEvent, ReceiptError> {
    let question: Question = parse_object(callback.body).ok_or(ReceiptError::Malformed)?;
    let call_id = MessageId::new(&question.call_id).ok_or(ReceiptError::Malformed)?;
    let step = match (question.step, question.key) {
        (Step::Answered, _) => CallStep::Answered,
        (Step::Key, Some(key)) => CallStep::Key(key),
        (Step::Key, None) => return Err(ReceiptError::Malformed),
        (Step::NoKey, _) => CallStep::NoKey,
        (Step::Machine, _) => CallStep::Machine,
    };
    Ok(CallEvent { call_id, step })
}

pub(super) fn document(turn: &CallTurn<'_>) -> CallDocument {
    let text = |text: &Arc<str>| text.as_ref().to_owned();
    let (say, listen) = match turn {
        CallTurn::Ask { texts, .. } => (vec![text(&texts.greeting)], true),
        CallTurn::Tell { texts, .. } => {
            let mut say = vec![text(&texts.code); CODE_REPETITIONS];
            say.insert(1, text(&texts.keys));
            say.push(text(&texts.farewell));
            (say, true)
        }
        CallTurn::Reported { texts } => (vec![text(&texts.reported)], false),
        CallTurn::Farewell { texts } => (vec![text(&texts.farewell)], false),
        CallTurn::HangUp => (Vec::new(), false),
    };
    let body = serde_json::to_vec(&Play { say, listen }).unwrap_or_default();
    CallDocument {
        content_type: "application/json",
        body: Bytes::from(body),
    }
}

/// Plays one call to its end, and puts what was heard into the inbox: the call's
/// text if the code was said, otherwise the sentences that were.
pub(super) async fn play(carrier: Arc<Carrier>, message: Arc<Message>, call_url: Arc<str>) {
    let (Some(texts), Ok(call_id)) = (&message.call, carrier.receipts.call_id()) else {
        return;
    };
    let (mut step, mut key) = match carrier.settings.answered_by {
        Answerer::Person(_) => (Step::Answered, None),
        Answerer::Machine => (Step::Machine, None),
        Answerer::Nobody => {
            carrier.report(&message, ReceiptStatus::Undelivered);
            return;
        }
    };
    let mut heard = Vec::new();
    for _ in 0..QUESTIONS_MAX {
        let question = Question {
            call_id: call_id.clone(),
            step,
            key,
        };
        let body = serde_json::to_vec(&question).unwrap_or_default();
        let answer = carrier.receipts.ask(&call_url, body.into()).await;
        let play: Option<Play> = answer.and_then(|document| parse_object(&document.body));
        let Some(play) = play else {
            break;
        };
        let has_code = play.say.iter().any(|said| **said == *texts.code);
        heard.extend(play.say);
        if has_code {
            carrier
                .inbox
                .put(&message, &carrier.id, carrier.clock.now_ms());
            return;
        }
        if !play.listen {
            break;
        }
        (step, key) = match carrier.settings.answered_by {
            Answerer::Person(Some(pressed)) => (Step::Key, Some(pressed)),
            Answerer::Person(None) => (Step::NoKey, None),
            Answerer::Machine | Answerer::Nobody => break,
        };
    }
    if !heard.is_empty() {
        let heard = Message {
            text: heard.join(" ").into(),
            ..Message::clone(&message)
        };
        carrier
            .inbox
            .put(&heard, &carrier.id, carrier.clock.now_ms());
    }
}
