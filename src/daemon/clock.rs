//! The two clocks, read once a turn and handed down.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::base::{Now, Time, Wall};

/// The process's clock: monotonic time counts from its making.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    began: Instant,
}

impl Clock {
    pub(super) fn start() -> Clock {
        Clock { began: Instant::now() }
    }
    pub(super) fn at(&self) -> Time {
        Time::from_nanos(self.began.elapsed().as_nanos() as u64)
    }
    pub(super) fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
        Now { at: self.at(), wall: Wall(wall) }
    }
}
