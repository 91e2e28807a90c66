//! Several frames in one packet (RFC 6716 §3.2.5, code 3 with lengths): how packet times are made that no
//! single frame has.
//!
//! ```text
//!   packets of one frame      [toc|frame 1] [toc|frame 2] [toc|frame 3]
//!   one packet of them        [toc, code 3|1 0 count|length 1|length 2|frame 1|frame 2|frame 3]
//! ```
//!
//! Not here: coding; packets of several frames that come are libopus' to read.

use super::LONGEST_PAYLOAD;

/// Frames that one packet of ours holds at most: 50 ms in frames of 10 ms.
const MOST_FRAMES: usize = 5;
/// Code 3 in the first byte's last two bits; in the second byte: lengths follow.
const CODE: u8 = 3;
const WITH_LENGTHS: u8 = 0x80;
/// From this length on a second byte follows (§3.2.1).
const ONE_BYTE: usize = 252;

/// What a packet of `frames` needs beside them, bytes: its two, and the lengths of all but the last.
pub(super) const fn beside(frames: usize) -> usize {
    2 + 2 * (frames - 1)
}

/// The frames of a packet in the making.
pub(super) struct Frames {
    bytes: [u8; LONGEST_PAYLOAD],
    filled: usize,
    lengths: [usize; MOST_FRAMES],
    count: usize,
    /// The first byte of each packet that they came in.
    toc: u8,
}

impl Frames {
    /// None yet.
    pub(super) fn new() -> Frames {
        let lengths = [0; MOST_FRAMES];
        Frames { bytes: [0; LONGEST_PAYLOAD], filled: 0, lengths, count: 0, toc: 0 }
    }

    /// Takes the frame out of a packet of one. `false`: it is not of the others' configuration, or finds no
    /// room.
    pub(super) fn take(&mut self, packet: &[u8]) -> bool {
        let Some((&toc, frame)) = packet.split_first() else { return false };
        let fits = self.count < MOST_FRAMES && frame.len() <= LONGEST_PAYLOAD - self.filled;
        if !fits || toc & CODE != 0 || (self.count > 0 && toc != self.toc) {
            return false;
        }
        self.toc = toc;
        self.bytes[self.filled..self.filled + frame.len()].copy_from_slice(frame);
        self.filled += frame.len();
        self.lengths[self.count] = frame.len();
        self.count += 1;
        true
    }

    /// Writes the packet of all of them; its length, or what it would need.
    pub(super) fn write(&self, out: &mut [u8]) -> Result<usize, usize> {
        let needed = self.length();
        let out = out.get_mut(..needed).ok_or(needed)?;
        out[0] = self.toc | CODE;
        out[1] = WITH_LENGTHS | self.count as u8;
        let mut at = 2;
        for length in self.before_last().iter().copied() {
            if length < ONE_BYTE {
                out[at] = length as u8;
                at += 1;
            } else {
                let first = ONE_BYTE + length % 4;
                out[at] = first as u8;
                out[at + 1] = ((length - first) / 4) as u8;
                at += 2;
            }
        }
        out[at..].copy_from_slice(&self.bytes[..self.filled]);
        Ok(needed)
    }

    fn length(&self) -> usize {
        let lengths: usize =
            self.before_last().iter().map(|l| 1 + usize::from(*l >= ONE_BYTE)).sum();
        2 + lengths + self.filled
    }

    fn before_last(&self) -> &[usize] {
        &self.lengths[..self.count.saturating_sub(1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::rate::Rate;
    use proptest::prelude::*;

    #[test]
    fn only_frames_of_one_configuration_go_together() {
        let mut frames = Frames::new();
        assert!(frames.take(&[0x40, 1, 2]) && frames.take(&[0x40]));
        assert!(!frames.take(&[0x48, 3]), "another band");
        assert!(!frames.take(&[0x41, 3]) && !frames.take(&[]), "two frames, none");
        assert!(frames.take(&[0x40, 3]));
        let mut out = [0; 20];
        assert_eq!(frames.write(&mut out), Ok(7));
        assert_eq!(out[..7], [0x43, 0x83, 2, 0, 1, 2, 3]);
        assert_eq!(frames.write(&mut out[..6]), Err(7));
    }

    proptest! {
        /// libopus reads as many frames, of those lengths.
        #[test]
        fn what_is_written_is_read_by_libopus(
            lengths in prop::collection::vec(prop_oneof![0usize..4, 240..260usize, 0usize..255], 1..=MOST_FRAMES)
        ) {
            let mut frames = Frames::new();
            for length in &lengths {
                let packet = [vec![0x40], vec![7; *length]].concat();
                prop_assert!(frames.take(&packet));
            }
            let mut out = [0; 1_500];
            let bytes = frames.write(&mut out).unwrap();
            prop_assert!(bytes <= lengths.iter().sum::<usize>() + beside(lengths.len()));
            // SILK, 10 ms a frame, by the configuration.
            let samples = super::super::samples(&out[..bytes], Rate::Khz8);
            prop_assert_eq!(samples, Ok(80 * lengths.len()));
        }
    }
}
