//! Whether a stream loses packets at present: then it is worth a packet's time of delay to have the one
//! after a lost one in time, for concealment from both sides or for Opus' in-band FEC.
//!
//! ```text
//!   missed ──▶ pending ── SURE_AFTER without it ──▶ lost ── held without another ──▶ (none)
//!                 └────── it came, only late ─────▶ (none)
//! ```
//!
//! A line that loses a packet now and then is held to be lossy for three times as long as it lasts
//! from one to the next, or the delay would go up and down with each of them. Where losses have
//! come close upon each other for a while, it is soon seen that they have ceased.

/// What has not come so many slots after it was due will not come: 100 ms.
const SURE_AFTER: u64 = 800;
/// For how many slots a loss counts: 3 s at least, 8 s at most; 4.5 s when it has none before it that
/// tells how far apart they are.
const SHORTEST: u64 = 24_000;
const LONGEST: u64 = 64_000;
const ALONE: u64 = 36_000;
/// So many times the distance of two losses.
const TIMES: u64 = 3;
/// One loss soon after another shortens it by one part in so many: only a row of them is a habit.
const FADES: u64 = 20;

/// The last losses, by position.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Losses {
    pending: Option<u64>,
    lost: Option<u64>,
    /// For how long the last one counts.
    held: u64,
}

impl Losses {
    /// What was due at `at` was not there.
    pub(super) fn missed(&mut self, at: u64) {
        self.settle(at);
        self.pending = Some(at);
    }

    /// A packet came.
    pub(super) fn came(&mut self, from: u64, to: u64) {
        self.pending = self.pending.filter(|at| !(from..to).contains(at));
    }

    /// Whether packets are being lost, where `next` is played next.
    pub(super) fn last(&mut self, next: u64) -> bool {
        self.settle(next);
        self.lost.is_some_and(|lost| next < lost + self.held)
    }

    fn settle(&mut self, now: u64) {
        if let Some(at) = self.pending.filter(|at| now >= at + SURE_AFTER) {
            let distance = self.lost.map(|lost| at.saturating_sub(lost));
            self.held = match distance.filter(|distance| *distance <= LONGEST) {
                None => ALONE,
                Some(distance) => {
                    (TIMES * distance).max(self.held - self.held / FADES).clamp(SHORTEST, LONGEST)
                }
            };
            (self.pending, self.lost) = (None, Some(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_is_not_lost() {
        let mut losses = Losses::default();
        losses.missed(1_000);
        losses.came(960, 1_120);
        assert!(!losses.last(2_000));
        losses.missed(3_000);
        losses.came(3_120, 3_280);
        assert!(!losses.last(3_700));
        assert!(losses.last(3_800) && losses.last(38_900));
        assert!(!losses.last(39_000));
    }

    #[test]
    fn a_loss_now_and_then_is_held_longer() {
        let mut losses = Losses::default();
        (1..=4).for_each(|n| losses.missed(n * 16_000));
        assert!(losses.last(4 * 16_000 + 47_000) && !losses.last(4 * 16_000 + 48_000));
        (5..=8).for_each(|n| losses.missed(n * 24_000));
        assert!(losses.last(8 * 24_000 + 63_000) && !losses.last(8 * 24_000 + 64_000));
        let mut losses = Losses::default();
        (1..=40).for_each(|n| losses.missed(n * 2_400));
        assert!(losses.last(40 * 2_400 + 23_000) && !losses.last(40 * 2_400 + 24_000));
    }
}
