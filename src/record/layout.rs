//! The layout of a recording's file: blocks of two channels, placed on the call's clock, become
//! pieces of one byte stream.
//!
//! ```text
//!             written          piece      window of reordering: 2 s
//!  left   …███████████████ ██████████░███ ████████░██████   ░ nothing came: silence
//!  right  …███████████████ ░░░░░░░░░░░░░░ ░░░████████       later blocks lie over earlier ones
//!         ────────────────┼──────────────┼──────────────▶ samples since the recording began
//!                        base          base + piece     end
//! ```
//!
//! A piece of [`PIECE_BYTES`] leaves when the newest sample is [`WINDOW`] past it, so that late
//! packets still find their place; what comes later than that is counted and lost. Both channels
//! advance together, so they stay aligned sample by sample whatever either of them misses.
//!
//! Not here: whose sample lies where (media's tap says), the file's header (wire::wav), the file.

use super::stretch::stretch;
use crate::media::control::{Channel, RecordFormat};

/// Bytes that are handed on at once; writing smaller pieces costs five times as much.
pub const PIECE_BYTES: usize = 16 * 1024;
/// Samples for which late blocks are waited: 2 s.
pub const WINDOW: usize = 2 * 8_000;
/// The longest block that is taken, samples: 200 ms, more than any packet holds.
pub const LONGEST_BLOCK: usize = 1_600;

/// Bytes of sample data that a WAV file can hold, since its sizes are 32 bits wide: three days of
/// A-law. What lies beyond is counted and lost.
const MOST_BYTES: u64 = u32::MAX as u64 - 4_096;

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
}

/// Where the pieces go, in their order and without a gap.
pub trait Pieces {
    /// Takes the next bytes of the file's sample data.
    fn piece(&mut self, bytes: &[u8]);
}
impl Pieces for Vec<u8> {
    fn piece(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A recording in the making. Positions and lengths are samples of one channel.
#[derive(Debug)]
pub struct Layout {
    format: RecordFormat,
    /// Position of the first sample in `buffer`; all before has left.
    base: u64,
    /// One past the newest sample of either channel.
    end: u64,
    /// Whole pieces, interleaved, taken round and round so that nothing has to move: a sample lies
    /// at its position modulo their length. Silence where nothing was laid yet.
    buffer: Vec<u8>,
    /// The block that is being stretched.
    block: Vec<u8>,
    late: u64,
}

impl Layout {
    /// An empty recording.
    pub fn new(format: RecordFormat) -> Layout {
        // The window and the newest block, in whole pieces, and the one that leaves next.
        let bytes = (WINDOW + LONGEST_BLOCK) * format.frame_bytes();
        let bytes = (bytes.div_ceil(PIECE_BYTES) + 1) * PIECE_BYTES;
        Layout {
            format,
            base: 0,
            end: 0,
            buffer: vec![format.silence(); bytes],
            block: Vec::with_capacity((LONGEST_BLOCK + 8) * format.sample_bytes()),
            late: 0,
        }
    }

    /// Lays `block` (samples of one channel, in the file's own format) so that its first sample is
    /// at `position`, `adjust` samples longer than it is. Pieces that are complete by it leave.
    pub fn lay(
        &mut self,
        channel: Channel,
        position: u64,
        adjust: i8,
        block: &[u8],
        out: &mut impl Pieces,
    ) {
        let width = self.format.sample_bytes();
        let most = block.len().min(LONGEST_BLOCK * width);
        let block = &block[..most - most % width];
        if adjust == 0 {
            return self.place(channel, position, block, out);
        }
        let mut samples = core::mem::take(&mut self.block);
        samples.clear();
        stretch(self.format, block, adjust, &mut samples);
        self.place(channel, position, &samples, out);
        self.block = samples;
    }

    fn place(&mut self, channel: Channel, position: u64, samples: &[u8], out: &mut impl Pieces) {
        let width = self.format.sample_bytes();
        let count = (samples.len() / width) as u64;
        if position.saturating_add(count) > self.most() {
            self.late += count;
            return;
        }
        self.advance(position + count, out);

        let late = self.base.saturating_sub(position).min(count);
        self.late += late;
        let samples = &samples[late as usize * width..];
        let at = self.at(position + late);
        // What reaches past the buffer's end goes on at its beginning.
        let before =
            ((self.buffer.len() - at) / self.format.frame_bytes() * width).min(samples.len());
        let (before, behind) = samples.split_at(before);
        self.interleave(channel, at, before);
        self.interleave(channel, 0, behind);
    }

    /// Where the sample at `position` lies in the buffer.
    fn at(&self, position: u64) -> usize {
        let frame = self.format.frame_bytes();
        (position % (self.buffer.len() / frame) as u64) as usize * frame
    }

    fn interleave(&mut self, channel: Channel, at: usize, samples: &[u8]) {
        let side = if channel == Channel::Right { self.format.sample_bytes() } else { 0 };
        // A copy of a length that is known only here would be a call a sample.
        match self.format {
            RecordFormat::Alaw => {
                let places = self.buffer[at + side..].iter_mut().step_by(2);
                places.zip(samples).for_each(|(to, from)| *to = *from);
            }
            RecordFormat::Pcm16 => {
                let frames = self.buffer[at..].chunks_exact_mut(4);
                let pairs = frames.zip(samples.chunks_exact(2));
                pairs.for_each(|(to, from)| to[side..side + 2].copy_from_slice(from));
            }
        }
    }

    /// Time has come to `end` although nothing is laid there: what is too old leaves, as silence
    /// where nothing came.
    pub fn advance(&mut self, end: u64, out: &mut impl Pieces) {
        self.end = self.end.max(end.min(self.most()));
        let frames = (PIECE_BYTES / self.format.frame_bytes()) as u64;
        while self.end - self.base >= frames + WINDOW as u64 {
            self.leave(PIECE_BYTES, out);
            self.base += frames;
        }
    }

    /// The recording ends at `end`, or with the newest sample if that is later: the rest leaves.
    /// Gives its whole length.
    pub fn close(&mut self, end: u64, out: &mut impl Pieces) -> u64 {
        self.advance(end, out);
        let mut rest = (self.end - self.base) as usize * self.format.frame_bytes();
        while rest > 0 {
            let bytes = rest.min(PIECE_BYTES);
            self.leave(bytes, out);
            self.base += (bytes / self.format.frame_bytes()) as u64;
            rest -= bytes;
        }
        self.base = self.end;
        self.end
    }

    /// The `bytes` at the base leave, and silence takes their place.
    fn leave(&mut self, bytes: usize, out: &mut impl Pieces) {
        let at = self.at(self.base);
        let (behind, before) = self.buffer.split_at_mut(at);
        // It ends at the buffer's end at the latest, unless the base is no piece's beginning.
        let (before, silence) = (&mut before[..], self.format.silence());
        let whole = bytes.min(before.len());
        for part in [&mut before[..whole], &mut behind[..bytes - whole]] {
            if !part.is_empty() {
                out.piece(part);
                part.fill(silence);
            }
        }
    }

    /// The longest recording, samples.
    fn most(&self) -> u64 {
        MOST_BYTES / self.format.frame_bytes() as u64
    }

    /// Samples that came too late to be laid, or past what a file can hold.
    pub fn late(&self) -> u64 {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Channel::{Left, Right};
    use proptest::prelude::*;

    const SILENCE: u8 = 0xd5;

    /// Splits the bytes of an A-law file into its channels.
    fn channels(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
        bytes.chunks(2).map(|f| (f[0], f[1])).unzip()
    }

    #[test]
    fn two_channels_lie_side_by_side_with_silence_where_nothing_came() {
        let (mut layout, mut out) = (Layout::new(RecordFormat::Alaw), Vec::new());
        layout.lay(Left, 0, 0, &[1; 160], &mut out);
        layout.lay(Right, 240, 0, &[2; 80], &mut out);
        layout.lay(Left, 320, 0, &[3; 160], &mut out);
        assert_eq!(layout.close(600, &mut out), 600);
        let (left, right) = channels(&out);
        let silence = |n| vec![SILENCE; n];
        assert_eq!(left, [vec![1; 160], silence(160), vec![3; 160], silence(120)].concat());
        assert_eq!(right, [silence(240), vec![2; 80], silence(280)].concat());
    }

    #[test]
    fn a_late_block_finds_its_place_within_the_window_only() {
        let (mut layout, mut out) = (Layout::new(RecordFormat::Alaw), Vec::new());
        for block in (0..400u64).filter(|b| *b != 10) {
            layout.lay(Left, block * 160, 0, &[1; 160], &mut out);
            if block == 100 {
                layout.lay(Left, 1_600, 0, &[2; 160], &mut out);
            }
        }
        layout.lay(Left, 0, 0, &[9; 160], &mut out);
        assert_eq!(layout.late(), 160);
        layout.close(0, &mut out);
        let (left, _) = channels(&out);
        assert_eq!(left.len(), 64_000);
        assert!(left[1_600..1_760].iter().all(|b| *b == 2));
        assert!(left.iter().all(|b| *b == 1 || *b == 2));
    }

    #[test]
    fn pieces_are_whole_and_a_long_hold_is_silence() {
        struct Sizes(Vec<usize>);
        impl Pieces for Sizes {
            fn piece(&mut self, bytes: &[u8]) {
                self.0.push(bytes.len());
            }
        }
        let (mut layout, mut sizes) = (Layout::new(RecordFormat::Pcm16), Sizes(Vec::new()));
        layout.lay(Right, 8_000 * 600, 0, &[0; 320], &mut sizes);
        assert_eq!(layout.close(0, &mut sizes), 8_000 * 600 + 160);
        let (last, whole) = sizes.0.split_last().unwrap();
        assert!(whole.iter().all(|n| *n == PIECE_BYTES) && *last > 0);
        assert_eq!(sizes.0.iter().sum::<usize>(), (8_000 * 600 + 160) * 4);
    }

    #[test]
    fn a_position_past_what_a_file_can_hold_is_refused() {
        let (mut layout, mut out) = (Layout::new(RecordFormat::Alaw), Vec::new());
        layout.lay(Left, u64::MAX - 3, 0, &[1; 160], &mut out);
        layout.lay(Left, 1 << 40, 0, &[1; 160], &mut out);
        assert_eq!((layout.late(), layout.close(0, &mut out), out.len()), (320, 0, 0));
    }

    #[test]
    fn stretched_blocks_join_without_a_gap() {
        let (mut layout, mut out) = (Layout::new(RecordFormat::Alaw), Vec::new());
        let mut position = 0;
        for adjust in [1, 0, -1, 4, -4] {
            layout.lay(Left, position, adjust, &[7; 160], &mut out);
            position = (position + 160).wrapping_add_signed(i64::from(adjust));
        }
        assert_eq!(layout.close(0, &mut out), position);
        assert!(channels(&out).0.iter().all(|b| *b == 7));
    }

    proptest! {
        /// Against the plainest model: a long array into which every block that is not too late is
        /// copied.
        #[test]
        fn any_blocks_are_laid_as_the_plain_model_says(
            blocks in prop::collection::vec(
                (0u64..60_000, 1u8..255, any::<bool>(), 0usize..400), 1..200)
        ) {
            let (mut layout, mut out) = (Layout::new(RecordFormat::Alaw), Vec::new());
            let mut model = vec![[SILENCE; 2]; 70_000];
            for (position, value, right, len) in blocks {
                let channel = if right { Right } else { Left };
                let before = layout.late();
                layout.lay(channel, position, 0, &vec![value; len], &mut out);
                let from = position + layout.late() - before;
                for at in from..position + len as u64 {
                    model[at as usize][usize::from(right)] = value;
                }
            }
            let end = layout.close(0, &mut out) as usize;
            prop_assert_eq!(out, model[..end].concat());
        }
    }
}
