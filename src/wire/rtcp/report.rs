//! Sender and receiver reports (RFC 3550 §6.4).
//!
//! ```text
//! SR  | header | SSRC | NTP time (8) | RTP timestamp | packets | bytes | blocks …
//! RR  | header | SSRC | blocks …
//! block (24)  | SSRC | lost: fraction (1) total (3) | highest seq | jitter | LSR | DLSR |
//! ```

use super::packet::count;
use super::{HEADER_LEN, be32};
use crate::base::Wall;

/// Bytes of one report block.
pub(super) const BLOCK_LEN: usize = 24;

/// Bytes of a sender's own part, after its SSRC.
pub(super) const SENDER_LEN: usize = 20;

/// A time in NTP's format: seconds since 1900 in the upper 32 bits, fractions below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// From the calendar's clock.
    pub fn from_wall(wall: Wall) -> NtpTime {
        /// 1900-01-01 to 1970-01-01, in seconds.
        const EPOCHS_S: i64 = 2_208_988_800;
        let ms = wall.as_millis();
        let seconds = ms.div_euclid(1000).wrapping_add(EPOCHS_S) as u64;
        let fraction = ((ms.rem_euclid(1000) as u64) << 32) / 1000;
        NtpTime(seconds << 32 | fraction)
    }

    /// The middle 32 bits, in units of 1/65536 s: what LSR and DLSR count in.
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// What one receiver says about one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportBlock {
    /// Of whom.
    pub ssrc: u32,
    /// Lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the beginning; 24 bits with sign, negative when duplicates came.
    pub total_lost: i32,
    /// Highest sequence number received, the upper half counting the wraps.
    pub highest_sequence: u32,
    /// Interarrival jitter in units of the RTP clock.
    pub jitter: u32,
    /// [`NtpTime::middle`] of the last SR from this source; 0 for none.
    pub last_sr: u32,
    /// How long ago that came, in 1/65536 s.
    pub delay_since_last_sr: u32,
}

impl ReportBlock {
    fn read(bytes: &[u8]) -> ReportBlock {
        let lost = be32(bytes, 4);
        ReportBlock {
            ssrc: be32(bytes, 0),
            fraction_lost: (lost >> 24) as u8,
            // Shifted up and down again, the 24th bit becomes the sign.
            total_lost: (lost << 8) as i32 >> 8,
            highest_sequence: be32(bytes, 8),
            jitter: be32(bytes, 12),
            last_sr: be32(bytes, 16),
            delay_since_last_sr: be32(bytes, 20),
        }
    }

    pub(super) fn to_bytes(self) -> [u8; BLOCK_LEN] {
        let total = self.total_lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        let words = [
            self.ssrc,
            u32::from(self.fraction_lost) << 24 | total,
            self.highest_sequence,
            self.jitter,
            self.last_sr,
            self.delay_since_last_sr,
        ];
        let mut bytes = [0; BLOCK_LEN];
        for (four, word) in bytes.chunks_exact_mut(4).zip(words) {
            four.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }
}

/// What a sender says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// The calendar's time of this report.
    pub ntp: NtpTime,
    /// The same instant on the stream's RTP clock.
    pub rtp_timestamp: u32,
    /// Packets sent, wraps.
    pub packets: u32,
    /// Payload bytes sent, wraps.
    pub bytes: u32,
}

/// A sender report.
#[derive(Debug, Clone, Copy)]
pub struct SenderReport<'a> {
    bytes: &'a [u8],
}

/// A receiver report.
#[derive(Debug, Clone, Copy)]
pub struct ReceiverReport<'a> {
    bytes: &'a [u8],
}

/// The blocks behind `at`.
fn blocks(bytes: &[u8], at: usize) -> impl Iterator<Item = ReportBlock> + '_ {
    bytes[at..].chunks_exact(BLOCK_LEN).take(count(bytes)).map(ReportBlock::read)
}

impl<'a> SenderReport<'a> {
    const BLOCKS_AT: usize = HEADER_LEN + 4 + SENDER_LEN;

    pub(super) fn new(bytes: &'a [u8]) -> Option<SenderReport<'a>> {
        let least = Self::BLOCKS_AT + BLOCK_LEN * count(bytes);
        (bytes.len() >= least).then_some(SenderReport { bytes })
    }

    /// Who reports.
    pub fn ssrc(&self) -> u32 {
        be32(self.bytes, HEADER_LEN)
    }

    /// What it sent.
    pub fn info(&self) -> SenderInfo {
        let ntp = u64::from(be32(self.bytes, 8)) << 32 | u64::from(be32(self.bytes, 12));
        SenderInfo {
            ntp: NtpTime(ntp),
            rtp_timestamp: be32(self.bytes, 16),
            packets: be32(self.bytes, 20),
            bytes: be32(self.bytes, 24),
        }
    }

    /// What it received.
    pub fn blocks(&self) -> impl Iterator<Item = ReportBlock> + 'a {
        blocks(self.bytes, Self::BLOCKS_AT)
    }
}

impl<'a> ReceiverReport<'a> {
    const BLOCKS_AT: usize = HEADER_LEN + 4;

    pub(super) fn new(bytes: &'a [u8]) -> Option<ReceiverReport<'a>> {
        let least = Self::BLOCKS_AT + BLOCK_LEN * count(bytes);
        (bytes.len() >= least).then_some(ReceiverReport { bytes })
    }

    /// Who reports.
    pub fn ssrc(&self) -> u32 {
        be32(self.bytes, HEADER_LEN)
    }

    /// What it received.
    pub fn blocks(&self) -> impl Iterator<Item = ReportBlock> + 'a {
        blocks(self.bytes, Self::BLOCKS_AT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let ntp = NtpTime::from_wall(Wall(1_500));
        assert_eq!(ntp.0, 2_208_988_801 << 32 | 0x8000_0000);
        assert_eq!(ntp.middle(), (2_208_988_801u32 << 16) | 0x8000);
        assert!(NtpTime::from_wall(Wall(-1)) < NtpTime::from_wall(Wall(0)));
    }

    #[test]
    fn losses_have_a_sign() {
        for total_lost in [0, 1, -1, 0x7f_ffff, -0x80_0000] {
            let block = ReportBlock { total_lost, fraction_lost: 255, ..ReportBlock::default() };
            assert_eq!(ReportBlock::read(&block.to_bytes()), block);
        }
        let block = ReportBlock { total_lost: i32::MAX, ..ReportBlock::default() };
        assert_eq!(ReportBlock::read(&block.to_bytes()).total_lost, 0x7f_ffff);
    }
}
