//! Whether packets are lost here and there or many at a time: bursts and gaps as RFC 3611 §4.7.2
//! defines them and its appendix A.2 counts them.
//!
//! ```text
//!   gap (at least GMIN without loss)       burst                          gap
//!   ████████████████████████████████████ ░██░░█████░██░█████░ ████████████████████████████████████
//!   ├─ c11 ─────────────────────────────┤ ├ c22, c23, c33 ───┤
//! ```
//!
//! Counted when a packet comes and those before it did not; one that comes later after all stays
//! counted, as in the RFC.

use serde::{Deserialize, Serialize};

use crate::wire::rtcp::GMIN;

/// The losses of one leg. What every packet meets comes first in memory.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[repr(C)]
pub struct Bursts {
    /// Packets since the last loss.
    since: u64,
    /// Losses in the present burst.
    lost: u64,
    /// The transitions of the RFC's four-state model: gap and received (1), burst and received (2),
    /// burst and lost (3), gap and lost (4).
    c11: u64,
    c13: u64,
    c14: u64,
    c22: u64,
    c23: u64,
    c33: u64,
    /// Losses in a row, however many each.
    runs: u64,
}

/// Bursts and gaps in figures.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Figures {
    /// Share of loss within bursts and within gaps, 1/256.
    pub densities: [u8; 2],
    /// Mean lengths of bursts and of gaps, packets.
    pub lengths: [u64; 2],
}

impl Bursts {
    /// Bytes from its beginning that every packet meets.
    pub const EVERY_PACKET: usize = core::mem::offset_of!(Bursts, lost);

    /// A packet came, and `missing` right before it did not.
    #[inline]
    pub fn packet(&mut self, missing: u16) {
        if missing > 0 {
            self.missed(missing);
        }
        self.since += 1;
    }

    #[cold]
    fn missed(&mut self, missing: u16) {
        self.runs += 1;
        if self.since >= u64::from(GMIN) {
            match self.lost {
                1 => self.c14 += 1,
                _ => self.c13 += 1,
            }
            self.lost = 1;
            self.c11 += self.since;
        } else {
            self.lost += 1;
            match self.since {
                0 => self.c33 += 1,
                received => {
                    self.c23 += 1;
                    self.c22 += received - 1;
                }
            }
        }
        self.since = 0;
        // Each further one follows upon a loss. At once, for a stranger's leap may be thousands wide.
        let further = u64::from(missing) - 1;
        self.lost += further;
        self.c33 += further;
    }

    /// Losses in a row, however many each.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// As it stands.
    pub fn figures(&self) -> Figures {
        let c11 = self.c11 + self.since;
        let (c31, c32) = (self.c13, self.c23);
        let total = c11 + self.c14 + self.c13 + self.c22 + self.c23 + c31 + c32 + self.c33;
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let p32 = share(c32 as f64, (c31 + c32 + self.c33) as f64);
        let p23 = match self.c22 + self.c23 {
            0 => 1.0,
            all => 1.0 - self.c22 as f64 / all as f64,
        };
        let burst = if self.c33 + self.c23 == 0 { 0.0 } else { share(p23, p23 + p32) };
        let gap = share(self.c14 as f64, (c11 + self.c14) as f64);
        let gap_length = (c11 + self.c14 + self.c13) / self.c13.max(1);
        let burst_length = (total / self.c13.max(1)).saturating_sub(gap_length);
        let density = |share: f64| (share * 256.0).min(255.0) as u8;
        Figures {
            densities: [density(burst), density(gap)],
            lengths: [if self.c13 == 0 { 0 } else { burst_length }, gap_length],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(pattern: &[(u16, u64)]) -> Bursts {
        let mut bursts = Bursts::default();
        for (missing, received) in pattern {
            bursts.packet(*missing);
            (1..*received).for_each(|_| bursts.packet(0));
        }
        bursts
    }

    #[test]
    fn no_loss_is_one_gap() {
        let figures = after(&[(0, 500)]).figures();
        assert_eq!(figures, Figures { densities: [0, 0], lengths: [0, 500] });
    }

    #[test]
    fn single_losses_far_apart_are_gaps_with_a_little_loss() {
        // One packet in a hundred.
        let pattern: Vec<_> = [(0, 99)].into_iter().chain([(1, 99); 50]).collect();
        let bursts = after(&pattern);
        let figures = bursts.figures();
        assert_eq!(bursts.runs(), 50);
        assert_eq!(figures.densities[0], 0, "no burst");
        assert!((2..=3).contains(&figures.densities[1]), "{figures:?}");
    }

    #[test]
    fn a_leap_counts_as_so_many_losses_one_by_one() {
        for before in [0, 1, 5, 15, 16, 40] {
            let wide = after(&[(0, before), (2_999, 1)]);
            let one_by_one = {
                let mut bursts = after(&[(0, before), (1, 1)]);
                // Each further one right behind a loss.
                bursts.since = 0;
                (1..2_999).for_each(|_| bursts.missed(1));
                bursts.since = 1;
                bursts
            };
            assert_eq!(wide.figures(), one_by_one.figures(), "{before}");
            assert_eq!((wide.lost, wide.c33), (one_by_one.lost, one_by_one.c33), "{before}");
        }
    }

    #[test]
    fn losses_close_together_are_bursts() {
        // Bursts of ten packets of which every second is lost, 200 packets apart.
        let one: Vec<_> = [(1, 1); 4].into_iter().chain([(1, 200)]).collect();
        let pattern: Vec<_> = [(0, 100)].into_iter().chain(one.repeat(20)).collect();
        let figures = after(&pattern).figures();
        assert!((100..=180).contains(&figures.densities[0]), "{figures:?}");
        assert_eq!(figures.densities[1], 0);
        assert!((150..=260).contains(&figures.lengths[1]), "{figures:?}");
        assert!((5..=14).contains(&figures.lengths[0]), "{figures:?}");
    }
}
