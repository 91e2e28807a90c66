//! Time as an argument.
//!
//! Pure code never asks a clock: whoever drives it says what time it is. [`Time`] is monotonic and
//! serves timers; [`Wall`] is the calendar's and serves records, prompts ("it is ten past nine")
//! and time conditions. The two travel together as [`Now`].

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

pub use core::time::Duration;

/// Monotonic time in nanoseconds since the driver's own start (process start, or the simulator's
/// zero). Only differences mean anything.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Time(u64);

impl Time {
    /// The driver's start.
    pub const ZERO: Time = Time(0);
    /// Later than any time that can be reached: "never".
    pub const NEVER: Time = Time(u64::MAX);

    /// From nanoseconds since the start.
    pub const fn from_nanos(ns: u64) -> Time {
        Time(ns)
    }
    /// From milliseconds since the start.
    pub const fn from_millis(ms: u64) -> Time {
        Time(ms * 1_000_000)
    }
    /// Nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
    /// Whole microseconds since the start.
    pub const fn as_micros(self) -> u64 {
        self.0 / 1_000
    }
    /// Whole milliseconds since the start.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }
    /// How long after `earlier` this is; zero when it is not later.
    pub const fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Whole ticks of a clock of `hz` in `d`.
pub const fn ticks_in(d: Duration, hz: u32) -> u64 {
    d.as_secs() * hz as u64 + d.subsec_nanos() as u64 * hz as u64 / 1_000_000_000
}

/// The time that `ticks` of a clock of `hz` take, rounded up to a nanosecond, so that
/// [`ticks_in`] gives them back.
pub const fn time_of(ticks: u32, hz: u32) -> Duration {
    Duration::from_nanos((ticks as u64 * 1_000_000_000).div_ceil(hz as u64))
}

/// A duration's nanoseconds, saturated to 584 years.
const fn nanos(d: Duration) -> u64 {
    let ns = d.as_nanos();
    if ns > u64::MAX as u128 { u64::MAX } else { ns as u64 }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, d: Duration) -> Time {
        Time(self.0.saturating_add(nanos(d)))
    }
}
impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, d: Duration) {
        *self = *self + d;
    }
}
impl Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, d: Duration) -> Time {
        Time(self.0.saturating_sub(nanos(d)))
    }
}
impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000_000, self.0 / 1_000 % 1_000_000)
    }
}

/// Wall-clock time in milliseconds since 1970-01-01T00:00:00Z. It can jump; never time with it.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Debug,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Wall(pub i64);

impl Wall {
    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }
}

/// Both clocks at one instant, as handed to everything that acts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// The monotonic clock: for timers.
    pub at: Time,
    /// The calendar clock: for records and time conditions.
    pub wall: Wall,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Time::NEVER + Duration::from_secs(1), Time::NEVER);
        assert_eq!(Time::ZERO - Duration::from_secs(1), Time::ZERO);
        assert_eq!(Time::ZERO.since(Time::from_millis(5)), Duration::ZERO);
        assert_eq!(Time::from_millis(7).since(Time::from_millis(5)), Duration::from_millis(2));
        assert_eq!(Time::ZERO + Duration::MAX, Time::NEVER);
    }
}
