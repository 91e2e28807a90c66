//! What leaves a recording in the making: pieces of its file's sample data, and how that holds samples.
//!
//! ```text
//!   left    L L L L …  ┐  each as it lies in its window
//!   right   R R R R …  ┘
//!   file    header │ L R L R L R … │ L R …        by turns; a piece ends at a multiple of PIECE_BYTES
//! ```
//!
//! Not here: what belongs into a piece ([`Layout`](super::Layout)), writing it (engine).

use crate::media::control::RecordFormat;
use crate::wire::wav::{Format, Spec};

/// Bytes that are handed on at once; writing smaller pieces costs five times as much.
pub const PIECE_BYTES: usize = 16 * 1024;
/// Samples a second of a recording.
const RATE_HZ: u32 = 8_000;

impl RecordFormat {
    /// Bytes a sample of one channel.
    pub const fn sample_bytes(self) -> usize {
        match self {
            RecordFormat::Alaw => 1,
            RecordFormat::Pcm16 => 2,
        }
    }
    /// Bytes a sample of both channels.
    pub const fn frame_bytes(self) -> usize {
        2 * self.sample_bytes()
    }
    /// The byte of which silence consists: A-law's code for the smallest positive level (ITU-T
    /// G.711), and zero.
    pub const fn silence(self) -> u8 {
        match self {
            RecordFormat::Alaw => 0xd5,
            RecordFormat::Pcm16 => 0,
        }
    }
    /// The file's header says so.
    pub const fn spec(self) -> Spec {
        let format = match self {
            RecordFormat::Alaw => Format::Alaw,
            RecordFormat::Pcm16 => Format::Pcm16,
        };
        Spec { format, channels: 2, rate_hz: RATE_HZ }
    }
    /// Samples of one channel that a piece holds, if it is whole.
    pub(super) const fn piece_samples(self) -> u64 {
        (PIECE_BYTES / self.frame_bytes()) as u64
    }
    /// As many samples as the header is long: pieces are counted from there.
    pub(super) const fn header_samples(self) -> u64 {
        (self.spec().header_len() / self.frame_bytes()) as u64
    }
}

/// Where the pieces go.
pub trait Pieces {
    /// Takes the file's sample data from `position` on (samples of one channel since it began). Each
    /// lies behind the one before; what is between them is silence.
    fn piece(&mut self, position: u64, samples: TwoChannels<'_>);
}

/// The samples of a piece, its channels still apart, so that they are put together where they will lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TwoChannels<'a> {
    format: RecordFormat,
    /// Left and right, as long as each other.
    sides: [&'a [u8]; 2],
}

impl<'a> TwoChannels<'a> {
    /// Samples of `format`, left and right; what is longer on one side is left out.
    pub fn new(format: RecordFormat, left: &'a [u8], right: &'a [u8]) -> TwoChannels<'a> {
        let most = left.len().min(right.len()) / format.sample_bytes() * format.sample_bytes();
        TwoChannels { format, sides: [&left[..most], &right[..most]] }
    }

    /// Bytes of both channels: [`PIECE_BYTES`] at most where a [`Layout`](super::Layout) made it.
    pub fn bytes(&self) -> usize {
        2 * self.sides[0].len()
    }

    /// Writes both channels by turns, as the file has them, into the beginning of `out`, as far as there
    /// is room.
    pub fn write(&self, out: &mut [u8]) {
        let [left, right] = self.sides;
        match self.format {
            RecordFormat::Alaw => interleave::<1>(left, right, out),
            RecordFormat::Pcm16 => interleave::<2>(left, right, out),
        }
    }

    /// The same in memory of its own.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.bytes()];
        self.write(&mut bytes);
        bytes
    }
}

/// Samples of `WIDTH` bytes, one of the left and one of the right by turns.
fn interleave<const WIDTH: usize>(left: &[u8], right: &[u8], frames: &mut [u8]) {
    let (left, right) = (left.as_chunks::<WIDTH>().0, right.as_chunks::<WIDTH>().0);
    let frames = frames.as_chunks_mut::<WIDTH>().0.as_chunks_mut::<2>().0;
    for ((frame, left), right) in frames.iter_mut().zip(left).zip(right) {
        *frame = [*left, *right];
    }
}
