//! The bit rate at which Opus is sent to a peer, by the share that its reports say to have lost
//! (RFC 3550 §6.4.1).
//!
//! Losses of a narrow line are mostly its queue running over, and the fewer bits are sent the fewer are
//! lost; losses of a radio link are not, and cost quality twice when the rate falls. So the rate gives
//! way to heavy losses only, as WebRTC's loss-based control does, and comes back slowly:
//!
//! ```text
//!   lost    0 ───── 2 % ───────── 10 % ──────────────▶
//!   rate      + 1/16  │   as it is  │  × (1 − lost / 2)     not below LEAST, nor above what the peer
//! ```                                                        and the line take
//!
//! Not here: how much of it is redundancy ([`opus`](crate::dsp::opus)), what fits the line (there too).

/// Losses, in 1/256, below which there may be more bits, and above which there must be fewer: 2 and 10 %.
const FEW: u8 = 5;
const MANY: u8 = 26;
/// One report without losses gives back this part of the rate.
const GAIN: u32 = 16;
/// The rate does not fall below this, bit/s: libopus codes no copies of wide-band speech with less, and
/// it is under losses that they are needed.
const LEAST: u32 = 16_000;

/// One peer's, bit/s.
#[derive(Clone, Copy, Debug)]
pub(super) struct SendRate(u32);

impl SendRate {
    /// As much as can be had, until a report says something else.
    pub(super) fn new() -> SendRate {
        SendRate(u32::MAX)
    }

    /// The rate, where `most` is what the peer takes.
    pub(super) fn within(self, most: u32) -> u32 {
        self.0.min(most)
    }

    /// A report came, of so many 256ths lost: the rate from now on.
    pub(super) fn report(&mut self, lost: u8, most: u32) -> u32 {
        let rate = self.within(most);
        let next = match lost {
            ..FEW => rate + rate / GAIN,
            FEW..=MANY => rate,
            _ => (u64::from(rate) * (512 - u64::from(lost)) / 512) as u32,
        };
        self.0 = next.max(LEAST).min(most);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavy_losses_take_bits_and_good_reports_give_them_back() {
        let mut rate = SendRate::new();
        assert_eq!(rate.within(24_000), 24_000);
        assert_eq!(rate.report(0, 24_000), 24_000);
        assert_eq!(rate.report(13, 24_000), 24_000, "5 % are left to the copies");
        assert_eq!(rate.report(64, 24_000), 21_000);
        assert_eq!((0..20).map(|_| rate.report(255, 24_000)).last(), Some(LEAST));
        assert_eq!(rate.report(20, 24_000), LEAST);
        assert_eq!(rate.report(0, 24_000), 17_000);
        assert_eq!((0..20).map(|_| rate.report(4, 24_000)).last(), Some(24_000));
    }

    #[test]
    fn a_peer_that_takes_little_is_sent_no_more() {
        let mut rate = SendRate::new();
        for lost in [0, 255, 10, 0, 0] {
            assert_eq!(rate.report(lost, 8_000), 8_000);
        }
        assert_eq!(rate.within(6_000), 6_000);
    }
}
