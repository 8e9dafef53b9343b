//! Wakes tasks at their moment, to some tens of microseconds.
//!
//! The runtime's own timer counts whole milliseconds, which is longer than a
//! gateway needs to answer: a figure counted from the due time would mostly
//! show the timer. One timer serves one thread.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Due moments of one thread. Clones share it.
#[derive(Clone)]
pub(crate) struct Timer(Rc<Inner>);

struct Inner {
    alarm: AsyncFd<OwnedFd>,
    waiting: RefCell<BinaryHeap<Waiting>>,
    next_id: Cell<u64>,
    /// Something is due before what the alarm is set to.
    is_earlier: Notify,
    alarm_at: Cell<Option<Instant>>,
}

struct Sleeper {
    is_over: Cell<bool>,
    /// None once nobody waits any more.
    waker: RefCell<Option<Waker>>,
}

/// Ordered so that what is due first is the greatest, as the heap wants it.
struct Waiting {
    due: Instant,
    id: u64,
    sleeper: Rc<Sleeper>,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.id).cmp(&(self.due, self.id))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

impl Timer {
    /// Needs a runtime; [`Self::drive`] must run beside whoever waits.
    pub(crate) fn new() -> std::io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let alarm = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(
            deprecated,
            reason = "what it warns of is a descriptor that closes early; this one is owned"
        )]
        let alarm = AsyncFd::new(alarm)?;
        Ok(Self(Rc::new(Inner {
            alarm,
            waiting: RefCell::default(),
            next_id: Cell::new(0),
            is_earlier: Notify::new(),
            alarm_at: Cell::new(None),
        })))
    }

    /// Waits until `due`; not at all if that has passed.
    pub(crate) fn until(&self, due: Instant) -> Until<'_> {
        Until {
            timer: &self.0,
            due,
            sleeper: None,
        }
    }

    /// Wakes whoever is due. Never ends.
    pub(crate) async fn drive(&self) -> std::io::Result<()> {
        let inner = &*self.0;
        loop {
            let next = inner.wake_due();
            inner.alarm_at.set(next);
            if let Some(next) = next {
                inner.set_alarm(next)?;
            }
            tokio::select! {
                () = inner.is_earlier.notified() => {}
                rings = inner.alarm.readable(), if next.is_some() => {
                    let mut rings = rings?;
                    let mut count = [0_u8; 8];
                    // Nothing to read means that the alarm was set anew meanwhile.
                    rustix::io::read(inner.alarm.get_ref(), &mut count).ok();
                    rings.clear_ready();
                }
            }
        }
    }
}

impl Inner {
    /// The moment that is next, after all that are due have been woken.
    fn wake_due(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut waiting = self.waiting.borrow_mut();
        while let Some(first) = waiting.peek() {
            if first.due > now {
                return Some(first.due);
            }
            first.sleeper.is_over.set(true);
            if let Some(waker) = first.sleeper.waker.take() {
                waker.wake();
            }
            waiting.pop();
        }
        None
    }

    fn set_alarm(&self, at: Instant) -> std::io::Result<()> {
        let left = at.saturating_duration_since(Instant::now());
        // Zero would switch the alarm off.
        let left = left.max(Duration::from_nanos(1));
        let value = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: value,
        };
        timerfd_settime(self.alarm.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    fn add(&self, due: Instant, waker: Waker) -> Rc<Sleeper> {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        let sleeper = Rc::new(Sleeper {
            is_over: Cell::new(false),
            waker: RefCell::new(Some(waker)),
        });
        self.waiting.borrow_mut().push(Waiting {
            due,
            id,
            sleeper: Rc::clone(&sleeper),
        });
        if self.alarm_at.get().is_none_or(|at| due < at) {
            self.is_earlier.notify_one();
        }
        sleeper
    }
}

/// A wait; dropping it ends it.
pub(crate) struct Until<'t> {
    timer: &'t Inner,
    due: Instant,
    sleeper: Option<Rc<Sleeper>>,
}

impl Future for Until<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some(sleeper) = &self.sleeper {
            if sleeper.is_over.get() {
                return Poll::Ready(());
            }
            *sleeper.waker.borrow_mut() = Some(context.waker().clone());
            return Poll::Pending;
        }
        if self.due <= Instant::now() {
            return Poll::Ready(());
        }
        self.sleeper = Some(self.timer.add(self.due, context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Until<'_> {
    fn drop(&mut self) {
        // Its place in line stays until its moment, and wakes nobody.
        if let Some(sleeper) = &self.sleeper {
            sleeper.waker.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::*;

    fn on_one_thread(story: impl AsyncFnOnce(Timer)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        LocalSet::new().block_on(&runtime, async {
            let timer = Timer::new().unwrap();
            let driven = timer.clone();
            tokio::task::spawn_local(async move { driven.drive().await });
            story(timer).await;
        });
    }

    #[test]
    fn tasks_wake_in_the_order_of_their_moments_and_never_early() {
        on_one_thread(async |timer| {
            let start = Instant::now();
            let woken = Rc::new(RefCell::new(Vec::new()));
            let wait = |ms: u64| {
                let (timer, woken) = (timer.clone(), Rc::clone(&woken));
                tokio::task::spawn_local(async move {
                    let due = start + Duration::from_millis(ms);
                    timer.until(due).await;
                    assert!(Instant::now() >= due);
                    woken.borrow_mut().push(ms);
                })
            };
            for task in [wait(30), wait(10), wait(20), wait(0)] {
                task.await.unwrap();
            }
            assert_eq!(*woken.borrow(), [0, 10, 20, 30]);
        });
    }

    #[test]
    fn a_wait_that_is_dropped_wakes_nobody() {
        on_one_thread(async |timer| {
            let far = Instant::now() + Duration::from_secs(3600);
            let waited = tokio::time::timeout(Duration::ZERO, timer.until(far)).await;
            assert!(waited.is_err());
            let waiting = timer.0.waiting.borrow();
            assert!(
                waiting
                    .iter()
                    .all(|one| one.sleeper.waker.borrow().is_none())
            );
        });
    }
}
