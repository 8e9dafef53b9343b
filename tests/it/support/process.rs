//! Signals to processes of a test, and waiting for what they bring about.

use std::time::Duration;

use tokio::time::{Instant, sleep};

pub(crate) use rustix::process::Signal;

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Sends a signal to a child that nobody has waited for yet.
pub(crate) fn send_signal(id: u32, signal: Signal) {
    let id = i32::try_from(id).expect("process ids are positive 32-bit numbers");
    let pid = rustix::process::Pid::from_raw(id).expect("process ids are not zero");
    rustix::process::kill_process(pid, signal).expect("a child that lives can be signalled");
}

/// Whether the condition came true in time. It is looked at without a pause
/// that a test could depend on.
pub(crate) async fn eventually(within: Duration, condition: impl AsyncFn() -> bool) -> bool {
    let deadline = Instant::now() + within;
    loop {
        if condition().await {
            return true;
        }
        if deadline <= Instant::now() {
            return false;
        }
        sleep(LOOK_EVERY).await;
    }
}
