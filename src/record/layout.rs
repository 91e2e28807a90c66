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
    /// Position of the first sample in `sides`; all before has left.
    base: u64,
    /// One past the newest sample of either channel.
    end: u64,
    /// Left and right, each by itself until a piece leaves: a block is laid by one copy. Taken round
    /// and round so that nothing has to move: a sample lies at its position modulo their length, which
    /// is of whole pieces. Silence where nothing was laid yet.
    sides: [Vec<u8>; 2],
    /// The block that is being stretched.
    block: Vec<u8>,
    late: u64,
}

impl Layout {
    /// An empty recording.
    pub fn new(format: RecordFormat) -> Layout {
        // The window and the newest block, in whole pieces, and the one that leaves next.
        let frames = PIECE_BYTES / format.frame_bytes();
        let frames = ((WINDOW + LONGEST_BLOCK).div_ceil(frames) + 1) * frames;
        let side = vec![format.silence(); frames * format.sample_bytes()];
        Layout {
            format,
            base: 0,
            end: 0,
            sides: [side.clone(), side],
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
        let side = match channel {
            Channel::Left => &mut self.sides[0],
            Channel::Right => &mut self.sides[1],
        };
        // What reaches past the buffer's end goes on at its beginning.
        let (before, behind) = samples.split_at((side.len() - at).min(samples.len()));
        side[at..at + before.len()].copy_from_slice(before);
        side[..behind.len()].copy_from_slice(behind);
    }

    /// Where the sample at `position` lies on either side.
    fn at(&self, position: u64) -> usize {
        let width = self.format.sample_bytes();
        (position % (self.sides[0].len() / width) as u64) as usize * width
    }

    /// Time has come to `end` although nothing is laid there: what is too old leaves, as silence
    /// where nothing came.
    pub fn advance(&mut self, end: u64, out: &mut impl Pieces) {
        self.end = self.end.max(end.min(self.most()));
        let frames = (PIECE_BYTES / self.format.frame_bytes()) as u64;
        while self.end - self.base >= frames + WINDOW as u64 {
            self.leave(frames, out);
        }
    }

    /// The recording ends at `end`, or with the newest sample if that is later: the rest leaves.
    /// Gives its whole length.
    pub fn close(&mut self, end: u64, out: &mut impl Pieces) -> u64 {
        self.advance(end, out);
        let frames = (PIECE_BYTES / self.format.frame_bytes()) as u64;
        while self.base < self.end {
            self.leave(frames.min(self.end - self.base), out);
        }
        self.end
    }

    /// As many `frames` as that leave from the base, at most a piece, and silence takes their place.
    fn leave(&mut self, frames: u64, out: &mut impl Pieces) {
        let (width, at) = (self.format.sample_bytes(), self.at(self.base));
        // Up to the buffer's end, which a piece only reaches past when its base is no piece's.
        let bytes = (frames as usize * width).min(self.sides[0].len() - at);
        let [left, right] = self.sides.each_mut().map(|side| &mut side[at..at + bytes]);
        let mut piece = [0; PIECE_BYTES];
        let piece = &mut piece[..2 * bytes];
        match self.format {
            RecordFormat::Alaw => interleave::<1>(left, right, piece),
            RecordFormat::Pcm16 => interleave::<2>(left, right, piece),
        }
        out.piece(piece);
        left.fill(self.format.silence());
        right.fill(self.format.silence());
        self.base += (bytes / width) as u64;
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

/// Samples of `WIDTH` bytes, one of the left and one of the right by turns.
fn interleave<const WIDTH: usize>(left: &[u8], right: &[u8], frames: &mut [u8]) {
    let (left, right) = (left.as_chunks::<WIDTH>().0, right.as_chunks::<WIDTH>().0);
    let frames = frames.as_chunks_mut::<WIDTH>().0.as_chunks_mut::<2>().0;
    for ((frame, left), right) in frames.iter_mut().zip(left).zip(right) {
        *frame = [*left, *right];
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
