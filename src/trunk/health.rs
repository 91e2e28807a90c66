//! Whether a gateway answers: OPTIONS at intervals, with hysteresis.
//!
//! ```text
//!               failed                 failed, the n-th in a row
//!  Unknown ───▶ Up(0) ───▶ Up(1) … ────────────────▶ Down(0)
//!     │ answered  ▲           │ answered                │ answered
//!     └───────────┴───────────┘                         ▼
//!                 ▲            answered, the m-th    Down(1) … ── failed ──▶ Down(0)
//!                 └────────────────────────────────────┘
//! ```
//!
//! While it is in doubt (some failures, not enough; some answers, not enough) it is asked every
//! [`IN_DOUBT`], so that a gateway that dies is out within some seconds and not some intervals. A
//! call that comes from it, or one to it that nothing answers, is news too: [`Watch::heard`],
//! [`Watch::suspect`].
//!
//! Not here: what an answer is (the switch's), and what follows from the turn.

use serde::{Deserialize, Serialize};

use crate::base::{Duration, Time};

/// A ping without an answer for so long has failed: a server that is there answers within 200 ms
/// (RFC 3261 §17.2.1), and a datagram that was lost has been sent again three times by then.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The interval of pings while it is not clear how it stands.
pub const IN_DOUBT: Duration = Duration::from_secs(5);

/// How a gateway is watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ping {
    /// How often to ask; zero: never.
    pub every: Duration,
    /// Failures in a row that take it out; at least one.
    pub failures: u8,
    /// Answers in a row that bring it back; at least one.
    pub successes: u8,
}

/// Whether a gateway answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Health {
    /// Not asked yet, or not to be asked: calls are tried.
    Unknown,
    /// It answers; holds how many pings failed since.
    Up(u8),
    /// It does not: calls go elsewhere at once. Holds how many it has answered since.
    Down(u8),
}

/// How a gateway's health turned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// It answers, for the first time.
    Up,
    /// It answers again after it was down.
    Back,
    /// It does not answer any more.
    Down,
}

/// One gateway's health, and when to ask next.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Watch {
    ping: Ping,
    health: Health,
    next: Time,
    /// When the ping under way went out.
    asked: Option<Time>,
}

impl Watch {
    /// Nothing is known yet; the first ping is due at once.
    pub fn new(ping: Ping) -> Watch {
        Watch { ping, health: Health::Unknown, next: Time::ZERO, asked: None }
    }

    /// New terms; what is known stays, but that it is down where it is not to be asked any more: nothing
    /// would bring it back.
    pub fn set(&mut self, ping: Ping) {
        if self.ping.every != ping.every {
            self.next = Time::ZERO;
        }
        self.ping = ping;
        if ping.every.is_zero() {
            self.asked = None;
            self.forgive();
        }
    }

    /// What has failed is forgotten: calls are tried, and it is asked at once. True: it was down.
    pub fn forgive(&mut self) -> bool {
        let was_down = self.is_down();
        if was_down {
            self.health = Health::Unknown;
            self.next = Time::ZERO;
        }
        was_down
    }

    /// How it stands.
    pub fn health(&self) -> Health {
        self.health
    }
    /// Whether calls go elsewhere.
    pub fn is_down(&self) -> bool {
        matches!(self.health, Health::Down(_))
    }

    /// When it is to be asked, or its answer is overdue.
    pub fn wake(&self) -> Option<Time> {
        match self.asked {
            Some(asked) => Some(asked + PATIENCE),
            None if self.ping.every.is_zero() => None,
            None => Some(self.next),
        }
    }
    /// Whether it is to be asked now; it then counts as asked.
    pub fn ask(&mut self, now: Time) -> bool {
        let due = self.asked.is_none() && !self.ping.every.is_zero() && self.next <= now;
        if due {
            self.asked = Some(now);
        }
        due
    }
    /// Whether the ping under way has failed by its time.
    pub fn is_overdue(&self, now: Time) -> bool {
        self.asked.is_some_and(|asked| asked + PATIENCE <= now)
    }

    /// A ping was answered, or has failed.
    pub fn answered(&mut self, ok: bool, now: Time) -> Option<Turn> {
        self.asked = None;
        let health = match (ok, self.health) {
            (true, Health::Down(answered)) if answered + 1 < self.ping.successes => {
                Health::Down(answered + 1)
            }
            (true, _) => Health::Up(0),
            (false, Health::Down(_)) => Health::Down(0),
            (false, Health::Up(failed)) if failed + 1 < self.ping.failures => {
                Health::Up(failed + 1)
            }
            (false, Health::Unknown) if self.ping.failures > 1 => Health::Up(1),
            (false, _) => Health::Down(0),
        };
        let in_doubt = !matches!(health, Health::Up(0) | Health::Down(0));
        let pause = if in_doubt { self.ping.every.min(IN_DOUBT) } else { self.ping.every };
        self.next = now + pause;
        self.turn(health)
    }

    /// A call comes from it: it is there.
    pub fn heard(&mut self) -> Option<Turn> {
        self.turn(Health::Up(0))
    }

    /// A call to it was not answered at all: it is to be asked at once.
    pub fn suspect(&mut self, now: Time) {
        self.next = self.next.min(now);
    }

    fn turn(&mut self, now: Health) -> Option<Turn> {
        match (core::mem::replace(&mut self.health, now), now) {
            (Health::Down(_), Health::Up(_)) => Some(Turn::Back),
            (Health::Unknown, Health::Up(0)) => Some(Turn::Up),
            (Health::Unknown | Health::Up(_), Health::Down(_)) => Some(Turn::Down),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(failures: u8, successes: u8) -> Watch {
        Watch::new(Ping { every: Duration::from_secs(30), failures, successes })
    }
    fn at(s: u64) -> Time {
        Time::from_millis(s * 1_000)
    }

    #[test]
    fn so_many_failures_take_it_out_and_so_many_answers_bring_it_back() {
        let mut watch = watch(3, 2);
        assert_eq!(watch.answered(true, at(0)), Some(Turn::Up));
        assert_eq!(watch.answered(false, at(30)), None);
        assert_eq!(watch.answered(true, at(35)), None);
        assert_eq!(watch.answered(false, at(65)), None, "not in a row with the first");
        assert_eq!(watch.answered(false, at(70)), None);
        assert_eq!(watch.answered(false, at(75)), Some(Turn::Down));
        assert!(watch.is_down());
        assert_eq!(watch.answered(true, at(105)), None);
        assert_eq!(watch.answered(false, at(110)), None, "and this is not in a row either");
        assert_eq!(watch.answered(true, at(140)), None);
        assert_eq!(watch.answered(true, at(145)), Some(Turn::Back));
        assert_eq!(watch.health(), Health::Up(0));
    }

    #[test]
    fn one_failure_is_enough_where_one_is_set() {
        let mut strict = watch(1, 1);
        assert_eq!(strict.answered(false, at(0)), Some(Turn::Down), "before it ever answered");
        assert_eq!(strict.answered(true, at(30)), Some(Turn::Back));
        assert_eq!(strict.answered(false, at(60)), Some(Turn::Down));
    }

    #[test]
    fn a_ping_is_asked_once_and_overdue_after_its_time() {
        let mut watch = watch(3, 1);
        assert!(watch.ask(at(0)));
        assert!(!watch.ask(at(1)), "one at a time");
        assert_eq!(watch.wake(), Some(at(5)));
        assert!(!watch.is_overdue(at(4)) && watch.is_overdue(at(5)));
        watch.answered(false, at(5));
        assert_eq!(watch.wake(), Some(at(10)), "in doubt it is asked soon");
        assert!(watch.ask(at(10)));
        watch.answered(true, at(10));
        assert_eq!(watch.wake(), Some(at(40)));
    }

    #[test]
    fn calls_are_news_too() {
        let mut watch = watch(3, 5);
        for s in 0..3 {
            watch.answered(false, at(s));
        }
        assert_eq!(watch.heard(), Some(Turn::Back), "whatever the pings say");
        assert_eq!(watch.heard(), None);
        watch.answered(true, at(10));
        watch.suspect(at(12));
        assert_eq!(watch.wake(), Some(at(12)));
        watch.suspect(at(50));
        assert_eq!(watch.wake(), Some(at(12)), "never later");
    }

    #[test]
    fn without_an_interval_nobody_is_asked() {
        let mut never = Watch::new(Ping { every: Duration::ZERO, failures: 3, successes: 1 });
        assert!(!never.ask(at(1_000)) && never.wake().is_none());
        never.suspect(at(2));
        assert!(!never.ask(at(3)));
    }

    #[test]
    fn one_that_is_down_is_tried_again_when_nobody_asks_it_any_more_or_on_order() {
        let down = || {
            let mut watch = watch(1, 3);
            assert_eq!(watch.answered(false, at(0)), Some(Turn::Down));
            watch
        };
        let mut unasked = down();
        assert!(unasked.ask(at(30)));
        unasked.set(Ping { every: Duration::ZERO, failures: 1, successes: 3 });
        assert_eq!((unasked.health(), unasked.wake()), (Health::Unknown, None));
        let mut asked = down();
        asked.set(Ping { every: Duration::from_secs(60), failures: 1, successes: 3 });
        assert!(asked.is_down(), "what is known stays");
        assert!(asked.forgive() && !asked.forgive());
        assert_eq!(asked.health(), Health::Unknown);
        assert!(asked.ask(at(1)), "at once");
    }
}
