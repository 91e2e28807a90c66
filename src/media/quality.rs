//! How good a leg sounds, as one number that people in telephony know: the E-model's rating (ITU-T
//! G.107) and the mean opinion score (MOS) that belongs to it.
//!
//! ```text
//!   R = 93.2 − delay (Idd) − loss (Ie,eff)          MOS  4.4  4.0  3.6  3.1  2.6
//!                                                   R     93   80   70   60   50
//!   loss share, how it comes in bursts ─▶ Ie,eff
//!   round trip, packets, buffers ───────▶ Idd
//! ```
//!
//! An estimate from figures, not a measurement of sound: it knows loss and delay, not noise or echo. It
//! is on the narrow-band scale, on which no codec is better than G.711 without loss; G.722 and Opus
//! have no standardised values there and are rated as G.711 with concealment, which they are not worse
//! than. Not here: what is lost (`rtp_rx`), how long a round trip is (`rtcp`).

/// Rating of a connection with nothing wrong but what every narrow-band connection has (G.107, default
/// values).
const BEST: f64 = 93.2;
/// Robustness of G.711 with concealment against random loss, per cent (G.113, table I.4).
const ROBUSTNESS: f64 = 25.1;
/// Delay that nobody notices, milliseconds (G.107 §7.4).
const UNNOTICED_MS: f64 = 100.0;

/// What one direction of a leg was like.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Direction {
    /// Packets that should have come.
    pub expected: u64,
    /// Of them lost, or too late to be played.
    pub lost: u64,
    /// In how many runs.
    pub runs: u64,
    /// From mouth to ear, milliseconds, as far as it is known.
    pub delay_ms: u32,
}

impl Direction {
    /// The share that is lost, 0 to 1.
    fn share(&self) -> f64 {
        self.lost.min(self.expected) as f64 / self.expected.max(1) as f64
    }

    /// How much longer runs of loss are than random loss would make them; 1: it is random (G.107
    /// §7.2).
    fn burst_ratio(&self) -> f64 {
        let run = self.lost as f64 / self.runs.max(1) as f64;
        (run * (1.0 - self.share())).max(1.0)
    }

    /// The rating R, 0 to 93.
    pub fn rating(&self) -> f64 {
        let percent = self.share() * 100.0;
        let loss = 95.0 * percent / (percent / self.burst_ratio() + ROBUSTNESS);
        (BEST - delay(f64::from(self.delay_ms)) - loss.min(95.0)).clamp(0.0, BEST)
    }

    /// The same, if only listened to: without delay.
    pub fn listened(self) -> Direction {
        Direction { delay_ms: 0, ..self }
    }

    /// The mean opinion score in hundredths, 100 to 441; `None`: nothing was to come.
    pub fn mos(&self) -> Option<u16> {
        (self.expected > 0).then(|| (opinion(self.rating()) * 100.0).round() as u16)
    }
}

/// The impairment by delay, Idd (G.107 §7.4).
fn delay(ms: f64) -> f64 {
    if ms <= UNNOTICED_MS {
        return 0.0;
    }
    let x = (ms / UNNOTICED_MS).log2();
    let root = |x: f64| (1.0 + x.powi(6)).powf(1.0 / 6.0);
    25.0 * (root(x) - 3.0 * root(x / 3.0) + 2.0)
}

/// The opinion that belongs to a rating (G.107, annex B).
fn opinion(rating: f64) -> f64 {
    match rating {
        r if r <= 0.0 => 1.0,
        r if r >= 100.0 => 4.5,
        // The cubic dips below 1 near 0.
        r => (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn direction(lost: u64, runs: u64, delay_ms: u32) -> Direction {
        Direction { expected: 10_000, lost, runs, delay_ms }
    }

    #[test]
    fn the_opinions_of_the_recommendation() {
        // G.107, table B.1.
        for (rating, mos) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)]
        {
            assert!((opinion(rating) - mos).abs() < 0.01, "{rating}: {}", opinion(rating));
        }
        assert_eq!((opinion(-1.0), opinion(2.0)), (1.0, 1.0f64.max(opinion(2.0))));
        assert_eq!(direction(0, 0, 0).mos(), Some(441));
        assert_eq!(Direction::default().mos(), None);
    }

    #[test]
    fn loss_and_delay_cost_what_the_model_says() {
        // Ie,eff of 1, 5 and 10 % with Bpl 25.1: 3.6, 15.8, 27.1.
        for (lost, rating) in [(100, 89.6), (500, 77.4), (1_000, 66.1)] {
            let found = direction(lost, lost, 0).rating();
            assert!((found - rating).abs() < 0.1, "{lost}: {found}");
        }
        // Idd by the formula: nothing up to 100 ms, 2.9 at 200, 18.5 at 300 (figure of G.107).
        assert_eq!(delay(100.0), 0.0);
        assert!((delay(200.0) - 3.0).abs() < 0.3, "{}", delay(200.0));
        assert!((delay(400.0) - 24.0).abs() < 1.5, "{}", delay(400.0));
    }

    #[test]
    fn the_same_loss_in_bursts_is_worse() {
        let random = direction(500, 490, 0).rating();
        let bursts = direction(500, 100, 0).rating();
        assert!(bursts < random - 1.0, "{bursts} {random}");
    }

    proptest! {
        #[test]
        fn any_figures_give_a_score_and_more_loss_no_better_one(
            expected in any::<u64>(),
            lost in any::<u64>(),
            runs in any::<u64>(),
            delay_ms in any::<u32>(),
        ) {
            let line = Direction { expected, lost, runs, delay_ms };
            if let Some(mos) = line.mos() {
                prop_assert!((100..=441).contains(&mos));
                let clean = Direction { lost: 0, runs: 0, ..line }.mos().unwrap();
                prop_assert!(clean >= mos);
            }
        }
    }
}
