//! Ctrl-C and SIGTERM: the first ends the arrivals, the second everything.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Counts them from the start of the program on: with nobody listening, they
/// would end it and leave its children behind.
pub(super) struct Signals(watch::Receiver<u32>);

impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let (count, counted) = watch::channel(0);
        tokio::spawn(async move {
            while !count.is_closed() {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    () = count.closed() => {}
                }
                count.send_modify(|count| *count += 1);
            }
        });
        Ok(Self(counted))
    }

    pub(super) fn count(&self) -> u32 {
        *self.0.borrow()
    }

    /// Waits until there have been so many.
    pub(super) async fn reach(&self, count: u32) {
        let mut counted = self.0.clone();
        if counted.wait_for(|now| *now >= count).await.is_err() {
            // Nobody counts any more, so none will come.
            std::future::pending().await
        }
    }
}
