//! What systemd is told (sd_notify(3)): ready once all sockets are open, reloading, stopping, and, as long
//! as the exchange answers, that it lives. Not under systemd: nothing is told, and nothing else changes.
//!
//! The watchdog is fed only by an answer of the switch's thread: one that hangs feeds it no longer, and
//! systemd starts Belfry again, with the calls restored that can be.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;

use super::orders::Operator;
use crate::switch::Request;

/// The least time between two signs of life, whatever the unit says.
const LEAST: Duration = Duration::from_millis(500);
/// Signs of life within the unit's WatchdogSec: two may fail.
const SIGNS: u32 = 3;

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

/// How often a sign of life is due; none: nobody waits for one.
fn interval(watchdog: Option<Duration>) -> Option<Duration> {
    watchdog.map(|every| (every / SIGNS).max(LEAST))
}

/// Feeds the watchdog as long as the switch answers.
pub(super) async fn feed(operator: Arc<Operator>) {
    let Some(every) = interval(sd_notify::watchdog_enabled()) else { return };
    loop {
        tokio::time::sleep(every).await;
        let asked = operator.clone();
        let answered = tokio::task::spawn_blocking(move || asked.ask(Request::Status).is_some());
        match answered.await {
            Ok(true) => tell(&[NotifyState::Watchdog]),
            _ => tracing::error!("the exchange does not answer: the watchdog is not fed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_signs_of_life_may_fail() {
        assert_eq!(interval(None), None);
        assert_eq!(interval(Some(Duration::from_secs(15))), Some(Duration::from_secs(5)));
        assert_eq!(interval(Some(Duration::from_millis(30))), Some(LEAST));
    }
}
