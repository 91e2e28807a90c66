//! The VoIP metrics block of an extended report (RFC 3611 §4.7): what one receiver's telephone makes of
//! one stream, as a rating rather than packet counts.
//!
//! ```text
//! XR     | header | SSRC of the reporter | blocks …
//! block  | 7 | – | 8 words | SSRC of the stream | loss discard burst gap (densities, 1/256)
//!        | burst ms | gap ms | round trip ms | end system ms | signal noise RERL Gmin
//!        | R ext.R MOS-LQ MOS-CQ | configuration – | buffer: nominal, most, at all most ms |
//! ```

use super::{HEADER_LEN, be32};

/// The block's type.
const VOIP_METRICS: u8 = 7;
/// Bytes of the block, its own header included.
pub(super) const VOIP_LEN: usize = 36;
/// A number that is not known (§4.7.4, §4.7.5).
pub const UNKNOWN: u8 = 127;

/// What is said of one stream. Densities and shares are 1/256, times milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoipMetrics {
    /// Whose stream.
    pub ssrc: u32,
    /// Packets lost since the beginning.
    pub loss: u8,
    /// Packets that came and were too late or too early to be played.
    pub discard: u8,
    /// Share of loss and discard within bursts and within gaps.
    pub densities: [u8; 2],
    /// Mean length of bursts and of gaps.
    pub durations_ms: [u16; 2],
    /// The latest round trip; 0: not known.
    pub round_trip_ms: u16,
    /// What the reporter itself adds.
    pub end_system_ms: u16,
    /// R factor, delay included, 0 to 100; [`UNKNOWN`].
    pub rating: u8,
    /// MOS by listening, which knows no delay, and in conversation, which does, tenths; [`UNKNOWN`].
    pub mos_tenths: [u8; 2],
    /// How losses are concealed and what the jitter buffer is (§4.7.6): [`CONCEALS_AND_ADAPTS`], [`NOT_SAID`].
    pub configuration: u8,
    /// The jitter buffer's delay now, its largest now, and its largest at all.
    pub buffer_ms: [u16; 3],
}

/// A gap is at least so many packets without loss (§4.7.2, recommended).
pub const GMIN: u8 = 16;
/// Enhanced concealment (10), an adaptive jitter buffer (11), which gives way at once (0) (§4.7.6).
pub const CONCEALS_AND_ADAPTS: u8 = 0b1011_0000;
/// Unspecified concealment, an unknown jitter buffer: the stream is played elsewhere.
pub const NOT_SAID: u8 = 0;

impl VoipMetrics {
    pub(super) fn to_bytes(self) -> [u8; VOIP_LEN] {
        let mut out = [0; VOIP_LEN];
        out[0] = VOIP_METRICS;
        out[3] = (VOIP_LEN / 4 - 1) as u8;
        out[4..8].copy_from_slice(&self.ssrc.to_be_bytes());
        out[8..12].copy_from_slice(&[
            self.loss,
            self.discard,
            self.densities[0],
            self.densities[1],
        ]);
        let times = [self.durations_ms[0], self.durations_ms[1], self.round_trip_ms];
        let times = times.into_iter().chain([self.end_system_ms]);
        for (place, ms) in out[12..20].chunks_exact_mut(2).zip(times) {
            place.copy_from_slice(&ms.to_be_bytes());
        }
        out[20..24].copy_from_slice(&[UNKNOWN, UNKNOWN, UNKNOWN, GMIN]);
        out[24..28].copy_from_slice(&[
            self.rating,
            UNKNOWN,
            self.mos_tenths[0],
            self.mos_tenths[1],
        ]);
        out[28] = self.configuration;
        for (place, ms) in out[30..36].chunks_exact_mut(2).zip(self.buffer_ms) {
            place.copy_from_slice(&ms.to_be_bytes());
        }
        out
    }

    fn read(bytes: &[u8; VOIP_LEN]) -> VoipMetrics {
        let ms = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        VoipMetrics {
            ssrc: be32(bytes, 4),
            loss: bytes[8],
            discard: bytes[9],
            densities: [bytes[10], bytes[11]],
            durations_ms: [ms(12), ms(14)],
            round_trip_ms: ms(16),
            end_system_ms: ms(18),
            rating: bytes[24],
            mos_tenths: [bytes[26], bytes[27]],
            configuration: bytes[28],
            buffer_ms: [ms(30), ms(32), ms(34)],
        }
    }
}

/// An extended report.
#[derive(Debug, Clone, Copy)]
pub struct ExtendedReport<'a> {
    bytes: &'a [u8],
}

impl<'a> ExtendedReport<'a> {
    /// `None` when its blocks do not add up to its length.
    pub(super) fn new(bytes: &'a [u8]) -> Option<ExtendedReport<'a>> {
        let mut rest = bytes.get(HEADER_LEN + 4..)?;
        while !rest.is_empty() {
            rest = rest.get(block_len(rest)?..)?;
        }
        Some(ExtendedReport { bytes })
    }

    /// Who reports.
    pub fn ssrc(&self) -> u32 {
        be32(self.bytes, HEADER_LEN)
    }

    /// Its blocks of VoIP metrics; others are passed over (§3).
    pub fn voip_metrics(&self) -> impl Iterator<Item = VoipMetrics> + 'a {
        let mut rest = &self.bytes[HEADER_LEN + 4..];
        core::iter::from_fn(move || {
            let (block, behind) = rest.split_at_checked(block_len(rest)?)?;
            rest = behind;
            Some(block)
        })
        .filter(|block| block[0] == VOIP_METRICS)
        .filter_map(|block| Some(VoipMetrics::read(block.try_into().ok()?)))
    }
}

/// Bytes of the block at the beginning of `bytes`.
fn block_len(bytes: &[u8]) -> Option<usize> {
    let words = bytes.get(2..4)?;
    Some(4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]])))
}

#[cfg(test)]
mod tests {
    use super::super::{Compound, Packet, Writer};
    use super::*;

    const METRICS: VoipMetrics = VoipMetrics {
        ssrc: 0x0102_0304,
        loss: 12,
        discard: 3,
        densities: [90, 1],
        durations_ms: [80, 4_000],
        round_trip_ms: 120,
        end_system_ms: 60,
        rating: 88,
        mos_tenths: [43, 42],
        configuration: CONCEALS_AND_ADAPTS,
        buffer_ms: [40, 60, 300],
    };

    #[test]
    fn what_is_written_reads_back() {
        let mut out = [0; 120];
        let mut writer = Writer::new(&mut out);
        writer.receiver_report(7, &[]).unwrap();
        writer.voip_metrics(7, &METRICS).unwrap();
        let len = writer.finish();
        let compound = Compound::parse(&out[..len]).unwrap();
        let Some(Packet::ExtendedReport(xr)) = compound.packets().nth(1) else { panic!() };
        assert_eq!((xr.ssrc(), xr.voip_metrics().collect::<Vec<_>>()), (7, vec![METRICS]));
    }

    #[test]
    fn other_blocks_are_passed_over_and_lengths_are_checked() {
        // An RRT block (type 4) before the metrics.
        let mut bytes = vec![0x80, 207, 0, 0, 0, 0, 0, 7];
        bytes.extend([4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]);
        bytes.extend(METRICS.to_bytes());
        let xr = ExtendedReport::new(&bytes).unwrap();
        assert_eq!(xr.voip_metrics().collect::<Vec<_>>(), [METRICS]);
        let short = [&bytes[..8], &[7, 0, 0, 1, 0, 0, 0, 0]].concat();
        assert_eq!(ExtendedReport::new(&short).unwrap().voip_metrics().count(), 0, "too short");
        assert!(ExtendedReport::new(&bytes[..bytes.len() - 1]).is_none());
        assert!(ExtendedReport::new(&bytes[..7]).is_none());
    }
}
