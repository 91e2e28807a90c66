//! The sampling rates that telephony speaks in.
//!
//! On the path: what a codec decodes to and a resampler converts between. Each is a whole multiple
//! of 8 kHz, so every packet time has a whole number of samples at each of them. Other rates occur
//! in files only; [`resample::to_8k`](super::resample::to_8k) takes those.

use serde::{Deserialize, Serialize};

/// Samples a second of one stream.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub enum Rate {
    /// 8,000 Hz: the telephone network's own.
    #[default]
    Khz8,
    /// 16,000 Hz: wide band (G.722).
    Khz16,
    /// 24,000 Hz: super-wide band.
    Khz24,
    /// 48,000 Hz: full band.
    Khz48,
}

impl Rate {
    /// All of them, rising.
    pub const ALL: [Rate; 4] = [Rate::Khz8, Rate::Khz16, Rate::Khz24, Rate::Khz48];

    /// Samples a second.
    pub const fn hz(self) -> u32 {
        match self {
            Rate::Khz8 => 8_000,
            Rate::Khz16 => 16_000,
            Rate::Khz24 => 24_000,
            Rate::Khz48 => 48_000,
        }
    }

    /// Samples in `ms` milliseconds.
    pub const fn samples(self, ms: u32) -> usize {
        (self.hz() / 1_000 * ms) as usize
    }

    /// Samples in a slot: an eighth of a millisecond, in which one sample of 8 kHz lies.
    pub const fn per_slot(self) -> usize {
        (self.hz() / Rate::Khz8.hz()) as usize
    }

    /// The rate of so many samples a second, if it is one of these.
    pub fn from_hz(hz: u32) -> Option<Rate> {
        Rate::ALL.into_iter().find(|rate| rate.hz() == hz)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_back() {
        for rate in Rate::ALL {
            assert_eq!(Rate::from_hz(rate.hz()), Some(rate));
            assert_eq!(rate.samples(20) * 50, rate.hz() as usize);
        }
        assert_eq!(Rate::from_hz(44_100), None);
    }
}
