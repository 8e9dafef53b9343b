//! At the end: the one signal that everything long-lived listens to.

use tokio::sync::watch;

/// Tells every [`Shutdown`] made with it. Dropping it tells them too, so that
/// nobody waits for a signal that can no longer come.
#[derive(Debug)]
pub struct ShutdownTrigger {
    sender: watch::Sender<bool>,
}

impl ShutdownTrigger {
    pub fn trigger(&self) {
        self.sender.send_replace(true);
    }
}

/// Waits for the signal. Clones hear the same one.
#[derive(Clone, Debug)]
pub struct Shutdown {
    receiver: watch::Receiver<bool>,
}

impl Shutdown {
    /// Returns once the signal was given, at once if it was given before.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the signal stays.
    pub async fn requested(&mut self) {
        // An error means the trigger is gone, which is the signal too.
        self.receiver.wait_for(|&requested| requested).await.ok();
    }
}

pub fn shutdown_channel() -> (ShutdownTrigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (ShutdownTrigger { sender }, Shutdown { receiver })
}
