//! So many a second: a token bucket that holds one second's worth.

use serde::{Deserialize, Serialize};

use crate::base::Time;

/// What may still happen in this second.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Rate {
    left: f64,
    since: Time,
}

impl Rate {
    /// A whole second's worth of `per_second` is free.
    pub fn new(per_second: u32, now: Time) -> Rate {
        Rate { left: f64::from(per_second), since: now }
    }

    /// One happens now, if it may. The rate is given each time: a reload may have changed it.
    pub fn take(&mut self, now: Time, per_second: u32) -> bool {
        let most = f64::from(per_second);
        let left = (self.left + now.since(self.since).as_secs_f64() * most).min(most);
        let may = left >= 1.0;
        *self = Rate { left: if may { left - 1.0 } else { left }, since: now };
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_so_many_and_no_more() {
        let at = |ms: u64| Time::from_millis(ms);
        let mut rate = Rate::new(3, at(0));
        let mut taken = |ms| (0..5).filter(|_| rate.take(at(ms), 3)).count();
        assert_eq!([0, 100, 400, 1_000, 60_000].map(&mut taken), [3, 0, 1, 1, 3]);
        let mut rate = Rate::new(3, at(0));
        assert_eq!((0..5).filter(|_| rate.take(at(0), 1)).count(), 1, "lowered by a reload");
        assert_eq!((0..5).filter(|_| rate.take(at(1_000), 2)).count(), 2, "and raised");
    }
}
