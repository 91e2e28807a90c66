//! What systemd is told (sd_notify(3)): ready once all sockets are open, reloading, stopping, and, as long
//! as the exchange answers, that it lives. Not under systemd: nothing is told, and nothing else changes.
//!
//! The watchdog is fed only by an answer of the switch's thread: one that hangs feeds it no longer, and
//! systemd starts Belfry again, with the calls restored that can be.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::orders::Operator;
use crate::switch::Request;

/// How often the exchange is asked: answers may be missing for ten seconds and more of the unit's WatchdogSec
/// (15 s) before one that lives would be ended.
const EVERY: Duration = Duration::from_secs(1);
/// With a shorter WatchdogSec: the least time between two questions, and how many are asked within it.
const LEAST: Duration = Duration::from_millis(50);
const SIGNS: u32 = 4;
/// The longest wait for an answer, and how many may be waited for. The exchange answers in order, so that a late
/// answer says as much as one that comes at once: it lives.
const PATIENCE: Duration = Duration::from_secs(30);
const MOST_WAITING: usize = 32;

/// Tells systemd; a failure is logged and keeps nothing from going on.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("systemd cannot be told: {error}");
    }
}

/// All sockets are open, calls are taken; `listening` is shown by `systemctl status`.
pub(super) fn ready(listening: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(listening)]);
}

/// Configuration and dialplan are being read anew.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The reload is over; with what came of it.
pub(super) fn reloaded(told: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(told)]);
}

/// No new calls any more.
pub(super) fn stopping(why: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(&format!("{why}: calls end"))]);
}

/// How often the exchange is asked; none: nobody waits for a sign of life.
fn interval(watchdog: Option<Duration>) -> Option<Duration> {
    watchdog.map(|every| (every / SIGNS).clamp(LEAST, EVERY))
}

/// Feeds the watchdog as long as the switch answers.
pub(super) async fn feed(operator: Arc<Operator>) {
    let Some(every) = interval(sd_notify::watchdog_enabled()) else { return };
    let ask = || {
        let (inputs, answer) =
            (operator.inputs().clone(), operator.ask_within(Request::Status, PATIENCE));
        let taken = inputs.taken();
        async move { lives(answer.await.is_some(), || inputs.taken() != taken).await }
    };
    feeding(every, ask, || tell(&[NotifyState::Watchdog])).await;
}

/// Whether the exchange lives, by whether it has answered. One that has not may have had no room for the question: in a flood
/// it lives as long as it goes on through what waits.
async fn lives(answered: bool, goes_on: impl Fn() -> bool) -> bool {
    if answered || goes_on() {
        return true;
    }
    tokio::time::sleep(LEAST).await;
    goes_on()
}

/// Asks again and again, whether or not the questions before are answered, and feeds on each answer.
async fn feeding<A>(every: Duration, mut ask: impl FnMut() -> A, mut fed: impl FnMut())
where
    A: Future<Output = bool> + Send + 'static,
{
    let mut due = tokio::time::interval(every);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut asked, mut silent) = (JoinSet::new(), false);
    loop {
        tokio::select! {
            _ = due.tick() => if asked.len() < MOST_WAITING {
                asked.spawn(ask());
            },
            Some(answered) = asked.join_next() => match answered {
                Ok(true) => {
                    fed();
                    silent = false;
                }
                // Told once, not with each question.
                _ if !silent => {
                    tracing::error!("the exchange does not answer: the watchdog is not fed");
                    silent = true;
                }
                _ => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    #[test]
    fn it_is_asked_often_enough_for_any_watchdog() {
        assert_eq!(interval(None), None);
        assert_eq!(interval(Some(Duration::from_secs(15))), Some(EVERY));
        assert_eq!(interval(Some(Duration::from_secs(2))), Some(Duration::from_millis(500)));
        assert_eq!(interval(Some(Duration::from_millis(30))), Some(LEAST));
    }

    /// When the watchdog was fed, seconds: by an exchange that answers nothing from `from` to `until`, and then all
    /// that it was asked.
    async fn fed_by(from: u64, until: u64, seconds: u64) -> Vec<u64> {
        let began = Instant::now();
        let (hung, fed) = ([from, until].map(Duration::from_secs), Mutex::new(Vec::new()));
        let ask = || async move {
            let now = began.elapsed();
            if now >= hung[0] && now < hung[1] {
                let answer = tokio::time::sleep_until(began + hung[1]);
                return tokio::time::timeout(PATIENCE, answer).await.is_ok();
            }
            true
        };
        let note = || fed.lock().unwrap().push(began.elapsed().as_secs());
        let all = feeding(EVERY, ask, note);
        assert!(tokio::time::timeout(Duration::from_secs(seconds), all).await.is_err());
        fed.into_inner().unwrap()
    }

    /// Fifteen seconds of a full queue must not end a living exchange with all its calls.
    #[tokio::test(start_paused = true)]
    async fn one_that_has_no_room_for_a_question_lives_as_long_as_it_goes_on() {
        assert!(lives(true, || false).await);
        assert!(!lives(false, || false).await);
        let began = Instant::now();
        assert!(lives(false, || began.elapsed() >= LEAST).await);
    }

    #[tokio::test(start_paused = true)]
    async fn an_exchange_that_is_slow_for_ten_seconds_lives() {
        let fed = fed_by(5, 15, 30).await;
        let longest = fed.windows(2).map(|two| two[1] - two[0]).max();
        assert!(longest.is_some_and(|gap| (10..=12).contains(&gap)), "{fed:?}");
        assert!(fed.last().is_some_and(|last| *last >= 28), "{fed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_feeds_no_longer() {
        let fed = fed_by(5, 10_000, 200).await;
        assert!(fed.last().is_some_and(|last| *last <= 5), "{fed:?}");
    }
}
