//! At accept: how many connections there may be, and which one goes when all
//! places are taken.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// The places for connections. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Permits {
    places: Arc<Semaphore>,
    silent: Arc<Mutex<Silent>>,
}

/// Connections that have not sent a byte, oldest first. At most one entry a
/// place; locked for a map operation when a connection comes and when it speaks.
#[derive(Debug, Default)]
struct Silent {
    next_id: u64,
    waiting: BTreeMap<u64, oneshot::Sender<()>>,
}

/// One place, free again when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    id: u64,
    silent: Arc<Mutex<Silent>>,
    eviction: oneshot::Receiver<()>,
    place: OwnedSemaphorePermit,
}

impl Permits {
    pub(super) fn new(connections_max: usize) -> Self {
        let places = connections_max.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            silent: Arc::default(),
        }
    }

    pub(super) fn try_acquire(&self) -> Option<Permit> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(self.permit(place))
    }

    /// Cancel safe: a place that was waited for in vain stays free.
    pub(super) async fn acquire(&self) -> Permit {
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        self.permit(place)
    }

    /// Tells the connection that has been silent longest to go, if there is one.
    pub(super) fn evict_oldest_silent(&self) {
        // Popped inside, told outside the lock: the connection's task takes the
        // same lock when it ends.
        let oldest = lock(&self.silent).waiting.pop_first();
        if let Some((_, eviction)) = oldest {
            // A connection that ended meanwhile has freed its place anyway.
            eviction.send(()).ok();
        }
    }

    fn permit(&self, place: OwnedSemaphorePermit) -> Permit {
        let (sender, eviction) = oneshot::channel();
        let mut silent = lock(&self.silent);
        let id = silent.next_id;
        silent.next_id += 1;
        silent.waiting.insert(id, sender);
        Permit {
            id,
            silent: Arc::clone(&self.silent),
            eviction,
            place,
        }
    }
}

impl Permit {
    /// Returns when this connection must make room. Only a silent one ever must.
    pub(super) async fn evicted(&mut self) {
        if (&mut self.eviction).await.is_err() {
            // It has spoken: nobody can ask it to go any more.
            std::future::pending::<()>().await;
        }
    }

    /// Whether every place is taken, so that one kept without need keeps
    /// somebody out.
    pub(super) fn is_crowded(&self) -> bool {
        self.place.semaphore().available_permits() == 0
    }

    /// The connection sent its first byte.
    pub(super) fn spoken(&self) {
        lock(&self.silent).waiting.remove(&self.id);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.spoken();
    }
}

fn lock(silent: &Mutex<Silent>) -> MutexGuard<'_, Silent> {
    // Map operations leave the map whole even if one panics.
    silent.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_silent_one_goes_and_one_that_spoke_stays() {
        let permits = Permits::new(3);
        let spoken = permits.try_acquire().unwrap();
        let mut older = permits.try_acquire().unwrap();
        let mut newer = permits.try_acquire().unwrap();
        assert!(permits.try_acquire().is_none());
        spoken.spoken();

        permits.evict_oldest_silent();
        older.evicted().await;
        assert!(newer.eviction.try_recv().is_err());

        drop(older);
        assert!(permits.try_acquire().is_some());
    }

    #[test]
    fn nothing_is_remembered_of_connections_that_ended() {
        let permits = Permits::new(2);
        drop(permits.try_acquire());
        let spoken = permits.try_acquire().unwrap();
        spoken.spoken();

        assert!(lock(&permits.silent).waiting.is_empty());
        permits.evict_oldest_silent();
    }

    #[test]
    fn a_bound_of_zero_is_a_bound_of_one() {
        let permits = Permits::new(0);
        let only = permits.try_acquire();
        assert!(only.is_some());
        assert!(permits.try_acquire().is_none());
    }
}
