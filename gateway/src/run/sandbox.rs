//! The simulated carrier's side: what its handsets received, its callbacks, and
//! what to paste to try it.

use std::sync::Arc;

use tokio::sync::mpsc;
use watchword_providers::sandbox::{Inbox, SandboxCallback};

use super::desk::Desk;
use crate::api::{InboxMessage, ReceiptCall, ReceiptSink, SandboxInbox};
use crate::config::Settings;

/// What the simulated handsets received.
pub(super) struct Handsets(pub(super) Inbox);

impl SandboxInbox for Handsets {
    fn messages(&self, tenant: &str, to: Option<&str>) -> Vec<InboxMessage> {
        let messages = self.0.messages(tenant, to).into_iter();
        messages
            .map(|message| InboxMessage {
                to: message.to,
                extension: message.extension,
                channel: message.channel,
                text: message.text,
                provider: message.provider,
                at_ms: message.at_ms,
            })
            .collect()
    }
}

/// The sandbox's receipts and calls take the way that those of other providers take.
pub(super) async fn receive_callbacks(
    mut received: mpsc::Receiver<SandboxCallback>,
    desk: Arc<Desk>,
) {
    while let Some(sandbox) = received.recv().await {
        let reference = sandbox.url.rsplit('/').next().unwrap_or_default();
        let call = ReceiptCall {
            provider: (&*sandbox.provider).into(),
            reference: Some(reference.into()),
            method: http::Method::POST,
            url: sandbox.url.as_ref().to_owned(),
            headers: sandbox.headers,
            body: sandbox.body,
        };
        // A refusal is counted where it is made; this provider does not listen.
        match sandbox.answer {
            None => {
                if desk.admits(&sandbox.provider, Some(reference)).is_ok() {
                    _ = desk.receive(call).await;
                }
            }
            Some(answer) => {
                if desk.admits_call(&sandbox.provider, reference).is_ok()
                    && let Ok(document) = desk.answer(call).await
                {
                    _ = answer.send(document);
                }
            }
        }
    }
}

/// What a person who has just started the sandbox can paste, line by line or at once.
#[expect(
    clippy::print_stdout,
    reason = "the sandbox talks to the person who started it"
)]
pub(super) fn print_help(settings: &Settings) {
    let address = settings.server.listen;
    let admin = settings.server.admin_listen;
    let call = "curl -s -H 'Authorization: Bearer sandbox' -H 'Content-Type: application/json'";
    println!(
        r#"
Watchword sandbox on http://{address}: messages stay on this machine.

Ask for a code:
  id=$({call} -H 'Prefer: wait=5' http://{address}/v1/verifications -d '{{"to":"+14155550123"}}' | tee /dev/stderr | sed 's/.*"id":"\(vrf_[0-9a-z]*\)".*/\1/')

Read it on the simulated handset:
  code=$({call} 'http://{address}/v1/sandbox/messages?to=%2B14155550123' | tee /dev/stderr | sed 's/^[^}}]*"text":"\([0-9]*\) .*/\1/')

Check it:
  {call} http://{address}/v1/verifications/$id/check -d "{{\"code\":\"$code\"}}"

API:     http://{address}/docs
Metrics: http://{admin}/metrics
"#
    );
}
