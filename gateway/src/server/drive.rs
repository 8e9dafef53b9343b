//! On an open connection: runs it until its client, a deadline or the shutdown
//! ends it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::server::graceful::GracefulConnection;
use tokio::time::{Instant, sleep_until};

use super::connection::ConnectionEnd;
use super::pace::{Pace, TooSlow};
use super::permits::Permit;
use super::settings::ServerSettings;
use super::shutdown::Shutdown;

/// How long an idle client has to take note that we close.
const IDLE_GRACE: Duration = Duration::from_secs(1);

/// The connection was asked to end, and is dropped if it has not by then.
struct Ending {
    reason: ConnectionEnd,
    cut_at: Instant,
}

/// What polling a connection may bring before it ends.
enum Progress {
    Ended(ConnectionEnd),
    /// Something is owed earlier than the alarm would ring.
    AlarmTooLate,
}

pub(super) async fn drive<C: GracefulConnection>(
    connection: C,
    pace: &Pace,
    settings: &ServerSettings,
    permit: &Permit,
    mut shutdown: Shutdown,
) -> ConnectionEnd {
    let mut connection = pin!(connection);
    let aged_at = Instant::now() + settings.connection_age_max;
    let mut ending: Option<Ending> = None;
    let mut alarm = pin!(sleep_until(Instant::now() + settings.header_timeout));
    loop {
        let armed = alarm.deadline();
        tokio::select! {
            biased;
            progress = poll_fn(|context| poll(connection.as_mut(), pace, armed, context)) => {
                match progress {
                    Progress::Ended(end) => return ending.map_or(end, |ending| ending.reason),
                    Progress::AlarmTooLate => {}
                }
            }
            () = shutdown.requested(), if ending.is_none() => {
                connection.as_mut().graceful_shutdown();
                pace.asked_to_end();
                // The accept loop cuts what is left when the drain ends.
                let cut_at = Instant::now() + settings.drain_timeout + settings.request_timeout;
                ending = Some(Ending { reason: ConnectionEnd::Drained, cut_at });
            }
            () = alarm.as_mut() => {
                match due(pace, permit, ending.as_ref(), aged_at) {
                    Due::Nothing => {}
                    Due::Cut(end) => return end,
                    Due::End(reason) => {
                        connection.as_mut().graceful_shutdown();
                        pace.asked_to_end();
                        let grace = grace(reason, settings);
                        ending = Some(Ending { reason, cut_at: Instant::now() + grace });
                    }
                }
            }
        }
        alarm
            .as_mut()
            .reset(next_look(pace, settings, ending.as_ref(), aged_at));
    }
}

fn poll<C: GracefulConnection>(
    connection: Pin<&mut C>,
    pace: &Pace,
    armed: Instant,
    context: &mut Context<'_>,
) -> Poll<Progress> {
    match connection.poll(context) {
        Poll::Ready(Ok(())) => Poll::Ready(Progress::Ended(ConnectionEnd::Finished)),
        Poll::Ready(Err(_)) => Poll::Ready(Progress::Ended(ConnectionEnd::Broken)),
        Poll::Pending if pace.deadline().is_some_and(|deadline| deadline < armed) => {
            Poll::Ready(Progress::AlarmTooLate)
        }
        Poll::Pending => Poll::Pending,
    }
}

/// What the alarm rang for.
enum Due {
    Nothing,
    /// Drop the connection now.
    Cut(ConnectionEnd),
    /// Ask it to end.
    End(ConnectionEnd),
}

fn due(pace: &Pace, permit: &Permit, ending: Option<&Ending>, aged_at: Instant) -> Due {
    let now = Instant::now();
    let too_slow = pace.too_slow(now);
    match (ending, too_slow) {
        (Some(ending), _) if ending.cut_at <= now => Due::Cut(ending.reason),
        (_, Some(TooSlow::Header)) => Due::Cut(ConnectionEnd::Header),
        (Some(_), Some(TooSlow::Idle) | None) => Due::Nothing,
        (None, Some(TooSlow::Idle)) => Due::End(ConnectionEnd::Idle),
        (None, None) if aged_at <= now => Due::End(ConnectionEnd::Aged),
        (None, None) if permit.is_crowded() && pace.is_resting(now) => {
            Due::End(ConnectionEnd::Idle)
        }
        (None, None) => Due::Nothing,
    }
}

fn grace(reason: ConnectionEnd, settings: &ServerSettings) -> Duration {
    if reason == ConnectionEnd::Idle {
        IDLE_GRACE
    } else {
        settings.request_timeout + IDLE_GRACE
    }
}

/// A header timeout from now at the latest: when a request in flight ends,
/// nothing else can be late before that, and an idle connection sees in time
/// that its place is needed.
fn next_look(
    pace: &Pace,
    settings: &ServerSettings,
    ending: Option<&Ending>,
    aged_at: Instant,
) -> Instant {
    let look_at = Instant::now() + settings.header_timeout;
    let owed_at = pace.deadline().unwrap_or(look_at);
    owed_at
        .min(look_at)
        .min(ending.map_or(aged_at, |ending| ending.cut_at))
}
