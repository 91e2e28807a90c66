//! How long a caller will wait: those before it for whom no agent is ready, times how long one takes, by as
//! many as work at it.
//!
//! ```text
//!   wait = (ahead + 1 − ready) × handling / working, at least 0      handling: talk and after-call work, averaged
//! ```

use serde::{Deserialize, Serialize};

use crate::base::Duration;

/// What a talk takes before the first one is over.
const FIRST_GUESS: Duration = Duration::from_secs(180);
/// The share of the newest talk in the average: the last twenty or so count.
const NEWEST: f64 = 0.1;

/// The average time that one caller takes.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Handling {
    seconds: f64,
}

impl Default for Handling {
    fn default() -> Handling {
        Handling { seconds: FIRST_GUESS.as_secs_f64() }
    }
}

impl Handling {
    /// One more has taken so long.
    pub fn add(&mut self, took: Duration) {
        self.seconds += (took.as_secs_f64() - self.seconds) * NEWEST;
    }

    /// How long one waits before whom `ahead` wait, with `working` agents of whom `ready` could take a caller
    /// now; `None`: nobody works.
    pub fn wait(&self, ahead: usize, ready: usize, working: usize) -> Option<Duration> {
        let seconds = (ahead + 1).saturating_sub(ready) as f64 * self.seconds / working as f64;
        (working > 0).then(|| Duration::from_secs_f64(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_what_talks_take() {
        let mut handling = Handling::default();
        assert_eq!(handling.wait(0, 0, 1), Some(FIRST_GUESS));
        assert_eq!(handling.wait(5, 0, 0), None, "nobody will ever come");
        assert_eq!(handling.wait(1, 2, 3), Some(Duration::ZERO), "one is ready for each");
        assert_eq!(handling.wait(2, 2, 3), Some(FIRST_GUESS / 3), "for all but one");
        (0..100).for_each(|_| handling.add(Duration::from_secs(60)));
        let wait = handling.wait(9, 0, 5).expect("five work").as_secs();
        assert_eq!(wait, 120, "ten callers, a minute each, by five");
    }
}
