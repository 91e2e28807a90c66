//! The layout of a recording's file: blocks of two channels, placed on the call's clock, become
//! pieces of one byte stream.
//!
//! ```text
//!             left            piece      window of reordering: 2 s
//!  left   …███████████████ ██████████░███ ████████░██████·  ░ nothing came: silence
//!  right  …███████████████ ░░░░░░░░░░░░░░ ░░░████████·····  later blocks lie over earlier ones
//!         ────────────────┼──────────────┼──────────────▶ samples since the recording began
//!                        base                          end
//! ```
//!
//! A piece leaves when the newest sample is [`WINDOW`] past it, so that late packets still find their
//! place; what comes later than that is counted and lost. Both channels advance together, so they
//! stay aligned sample by sample whatever either of them misses. A stretch in which nobody spoke is
//! no piece: whoever writes the file puts silence between two pieces.
//!
//! Pieces end where the file's offset is a multiple of [`PIECE_BYTES`](super::piece::PIECE_BYTES), the header counted: such a write
//! costs the kernel two thirds of one that lies across.
//!
//! Of each channel only as much memory is touched as the payload has bytes, and a block that follows the
//! last one is one copy. What is known before it comes ([`Run`]) meets one line of its channel's ([`Side`]) beside
//! that, and no more.
//!
//! Not here: whose sample lies where ([`Placer`](super::Placer)), the file.

use core::ops::Range;

use super::Heard;
use super::piece::{Pieces, TwoChannels};
use super::run::{Came, Run};
use super::stretch::stretch;
use crate::base::Time;
use crate::dsp::g711;
use crate::media::control::{Channel, Codec, RecordFormat};

/// Samples for which late blocks are waited: 2 s.
pub const WINDOW: usize = 2 * 8_000;
/// The longest block that is taken, samples: 200 ms, more than any packet holds.
pub const LONGEST_BLOCK: usize = 1_600;
/// Samples of a side that are worth to be brought near: what is laid at once.
const NEXT_SAMPLES: usize = 640;
/// Bytes of sample data that a WAV file can hold, since its sizes are 32 bits wide: three days of
/// A-law. What lies beyond is counted and lost.
const MOST_BYTES: u64 = u32::MAX as u64 - 4_096;

/// Bytes of 20 ms of G.711: nearly all packets have as many.
const COMMON: usize = 160;

/// A recording in the making. Positions and lengths are samples of one channel.
#[derive(Debug)]
#[repr(C)]
pub struct Layout {
    sides: [Side; 2],
    format: RecordFormat,
    /// All before this position has left.
    base: u64,
    /// One past the newest sample of either channel.
    end: u64,
    late: u64,
    /// The block that is being stretched.
    block: Vec<u8>,
}

/// One channel of it: one cache line, and the samples.
#[derive(Debug)]
#[repr(align(64))]
struct Side {
    /// Taken round and round so that nothing has to move: a sample lies at its position, counted from the
    /// header's beginning, modulo the length, which is of whole pieces.
    window: Box<[u8]>,
    /// Up to this position all since the base is there; what lies behind it was never written.
    filled: u64,
    /// The packets that are known before they come, if any; the next one lies at `filled`.
    run: Run,
}
const _: () = assert!(size_of::<Side>() == 64);

impl Layout {
    /// An empty recording.
    pub fn new(format: RecordFormat) -> Layout {
        // Of each side the window and the newest block, in whole pieces, and the one that leaves next.
        let piece = format.piece_samples() as usize;
        let samples = ((WINDOW + LONGEST_BLOCK).div_ceil(piece) + 1) * piece;
        Layout {
            format,
            base: 0,
            end: 0,
            late: 0,
            sides: [(); 2].map(|()| Side {
                window: vec![0; samples * format.sample_bytes()].into(),
                filled: 0,
                run: Run::NONE,
            }),
            block: Vec::with_capacity((LONGEST_BLOCK + 8) * format.sample_bytes()),
        }
    }

    /// Where the next payloads of either side will lie, so that it can be brought near.
    pub fn places(&self) -> [Range<*const u8>; 2] {
        let ring = Ring { format: self.format };
        self.sides.each_ref().map(|side| {
            let at = ring.at(&side.window, side.filled);
            let end = at + NEXT_SAMPLES * self.format.sample_bytes();
            side.window[at..side.window.len().min(end)].as_ptr_range()
        })
    }

    /// What every packet of a run meets of `channel`.
    #[inline]
    pub fn place(&self, channel: Channel) -> Range<*const u8> {
        let start = core::ptr::from_ref(&self.sides[channel.side()]);
        start.cast()..start.wrapping_add(1).cast()
    }

    /// Where the payload of the next one of a run on `channel` will lie. It looks there.
    #[inline]
    pub fn room(&self, channel: Channel) -> Option<Range<*const u8>> {
        let Side { window, run, .. } = &self.sides[channel.side()];
        let Range { start, end } = run.place();
        let at = window.as_ptr();
        run.goes_on().then(|| at.wrapping_add(start)..at.wrapping_add(end))
    }

    /// Whether all packets of a run on `channel` have come. It looks there.
    #[inline]
    pub fn is_used_up(&self, channel: Channel) -> bool {
        self.sides[channel.side()].run.is_used_up()
    }

    /// Lays a payload of `codec` that was known before it came. Says whether it was.
    #[inline]
    pub fn follow(
        &mut self,
        channel: Channel,
        arrival: Time,
        heard: Heard,
        codec: Codec,
        payload: &[u8],
    ) -> bool {
        let Side { window, filled, run } = &mut self.sides[channel.side()];
        let Some(room) = window.get_mut(run.place()) else { return false };
        if !run.takes(arrival, heard, codec, payload.len()) {
            return false;
        }
        match (<&mut [u8; COMMON]>::try_from(&mut *room), <&[u8; COMMON]>::try_from(payload)) {
            (Ok(room), Ok(payload)) => *room = *payload,
            _ => room.copy_from_slice(payload),
        }
        if codec == Codec::Pcmu {
            g711::ulaw_to_alaw(room);
        }
        *filled += payload.len() as u64;
        true
    }

    /// From now on `run` is known on `channel`; its packets are to lie from `position` on. For a file of A-law.
    pub fn begin_run(&mut self, channel: Channel, position: u64, run: Run) {
        let ring = Ring { format: self.format };
        let side = &mut self.sides[channel.side()];
        if self.format != RecordFormat::Alaw || position != side.filled || position < self.base {
            return;
        }
        // As far as memory goes on without a turn, what lies there has left, and the file holds more.
        let (at, whole) = (ring.at(&side.window, position), side.window.len());
        let most = MOST_BYTES / self.format.frame_bytes() as u64;
        let end = most.min(self.base + whole as u64).min(position + (whole - at) as u64);
        side.run = run.within(at, end.saturating_sub(position));
    }

    /// The run on `channel` is over, if there was one: what came of it.
    pub fn end_run(&mut self, channel: Channel) -> Option<Came> {
        self.sides[channel.side()].run.end()
    }

    /// How its file holds samples.
    pub fn format(&self) -> RecordFormat {
        self.format
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
            return self.put(channel, position, block, out);
        }
        let mut samples = core::mem::take(&mut self.block);
        samples.clear();
        stretch(self.format, block, adjust, &mut samples);
        self.put(channel, position, &samples, out);
        self.block = samples;
    }

    fn put(&mut self, channel: Channel, position: u64, samples: &[u8], out: &mut impl Pieces) {
        let width = self.format.sample_bytes();
        let count = (samples.len() / width) as u64;
        let end = position.saturating_add(count);
        if end > self.most() {
            self.late += count;
            return;
        }
        self.advance(end, out);

        let late = self.base.saturating_sub(position).min(count);
        self.late += late;
        if late == count {
            return;
        }
        let from = position + late;
        let ring = Ring { format: self.format };
        let Side { window, filled, run, .. } = &mut self.sides[channel.side()];
        run.stop();
        if from > *filled {
            ring.silence(window, (*filled).max(self.base)..from);
        }
        ring.copy(window, from, &samples[late as usize * width..]);
        *filled = end.max(*filled);
    }

    /// Time has come to `end` although nothing is laid there: what is too old leaves.
    pub fn advance(&mut self, end: u64, out: &mut impl Pieces) {
        let filled = self.sides[0].filled.max(self.sides[1].filled);
        self.end = self.end.max(end.max(filled).min(self.most()));
        while self.end - self.base >= self.piece() + WINDOW as u64 {
            self.leave(self.piece(), out);
        }
    }

    /// The recording ends at `end`, or with the newest sample if that is later: the rest leaves.
    /// Gives its whole length.
    pub fn close(&mut self, end: u64, out: &mut impl Pieces) -> u64 {
        self.advance(end, out);
        while self.base < self.end {
            self.leave(self.piece().min(self.end - self.base), out);
        }
        self.end
    }

    /// Samples of the piece that leaves next.
    fn piece(&self) -> u64 {
        let piece = self.format.piece_samples();
        piece - (self.base + self.format.header_samples()) % piece
    }

    /// As many `samples` as that leave from the base, at most a piece.
    fn leave(&mut self, samples: u64, out: &mut impl Pieces) {
        let (position, end) = (self.base, self.base + samples);
        self.base = end;
        if self.sides.iter().all(|side| side.filled <= position) {
            return;
        }
        let ring = Ring { format: self.format };
        let bytes = samples as usize * self.format.sample_bytes();
        for Side { window, filled, run, .. } in &mut self.sides {
            if *filled < end {
                ring.silence(window, (*filled).max(position)..end);
                *filled = end;
                run.stop();
            }
        }
        let at = ring.at(&self.sides[0].window, position);
        let [left, right] = self.sides.each_ref().map(|side| &side.window[at..at + bytes]);
        out.piece(position, TwoChannels::new(self.format, left, right));
    }

    /// The longest recording, samples.
    fn most(&self) -> u64 {
        MOST_BYTES / self.format.frame_bytes() as u64
    }

    /// So many samples came when what follows them had been laid already.
    pub fn miss(&mut self, samples: u64) {
        self.late += samples;
    }

    /// Samples that came too late to be laid, or past what a file can hold.
    pub fn late(&self) -> u64 {
        self.late
    }
}

/// How samples lie in a side's memory.
#[derive(Clone, Copy)]
struct Ring {
    format: RecordFormat,
}

impl Ring {
    /// Where the sample at `position` lies.
    fn at(self, side: &[u8], position: u64) -> usize {
        let width = self.format.sample_bytes();
        let samples = (side.len() / width) as u64;
        ((position + self.format.header_samples()) % samples) as usize * width
    }

    /// Lays `bytes` from `position` on; what reaches past the memory's end goes on at its beginning.
    fn copy(self, side: &mut [u8], position: u64, bytes: &[u8]) {
        let at = self.at(side, position);
        let (before, behind) = bytes.split_at((side.len() - at).min(bytes.len()));
        side[at..at + before.len()].copy_from_slice(before);
        side[..behind.len()].copy_from_slice(behind);
    }

    /// Silence there; never longer than the memory.
    fn silence(self, side: &mut [u8], positions: Range<u64>) {
        let at = self.at(side, positions.start);
        let bytes = (positions.end - positions.start) as usize * self.format.sample_bytes();
        let before = (side.len() - at).min(bytes);
        side[at..at + before].fill(self.format.silence());
        side[..bytes - before].fill(self.format.silence());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::tap::piece::PIECE_BYTES;
    use Channel::{Left, Right};
    use proptest::prelude::*;

    const SILENCE: u8 = 0xd5;

    /// The file's sample data, as whoever writes it makes it.
    #[derive(Default)]
    struct Data {
        bytes: Vec<u8>,
        /// Position and bytes of each piece.
        pieces: Vec<(u64, usize)>,
    }

    impl Pieces for Data {
        fn piece(&mut self, position: u64, samples: TwoChannels<'_>) {
            let at = 2 * position as usize;
            assert!(self.bytes.len() <= at, "each behind the one before");
            self.bytes.resize(at, SILENCE);
            self.bytes.extend(samples.to_vec());
            self.pieces.push((position, samples.bytes()));
        }
    }

    impl Data {
        fn close(mut self, mut layout: Layout, end: u64) -> (Vec<u8>, u64) {
            let samples = layout.close(end, &mut self);
            self.bytes.resize(2 * samples as usize, SILENCE);
            (self.bytes, samples)
        }
    }

    fn alaw() -> (Layout, Data) {
        (Layout::new(RecordFormat::Alaw), Data::default())
    }

    /// Splits the bytes of an A-law file into its channels.
    fn channels(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
        bytes.chunks(2).map(|f| (f[0], f[1])).unzip()
    }

    #[test]
    fn two_channels_lie_side_by_side_with_silence_where_nothing_came() {
        let (mut layout, mut out) = alaw();
        layout.lay(Left, 0, 0, &[1; 160], &mut out);
        layout.lay(Right, 240, 0, &[2; 80], &mut out);
        layout.lay(Left, 320, 0, &[3; 160], &mut out);
        let (bytes, samples) = out.close(layout, 600);
        assert_eq!(samples, 600);
        let (left, right) = channels(&bytes);
        let silence = |n| vec![SILENCE; n];
        assert_eq!(left, [vec![1; 160], silence(160), vec![3; 160], silence(120)].concat());
        assert_eq!(right, [silence(240), vec![2; 80], silence(280)].concat());
    }

    #[test]
    fn a_late_block_finds_its_place_within_the_window_only() {
        let (mut layout, mut out) = alaw();
        for block in (0..400u64).filter(|b| *b != 10) {
            layout.lay(Left, block * 160, 0, &[1; 160], &mut out);
            if block == 100 {
                layout.lay(Left, 1_600, 0, &[2; 160], &mut out);
            }
        }
        layout.lay(Left, 0, 0, &[9; 160], &mut out);
        assert_eq!(layout.late(), 160);
        let (left, _) = channels(&out.close(layout, 0).0);
        assert_eq!(left.len(), 64_000);
        assert!(left[1_600..1_760].iter().all(|b| *b == 2));
        assert!(left.iter().all(|b| *b == 1 || *b == 2));
    }

    #[test]
    fn pieces_end_at_whole_pieces_of_the_file() {
        let (mut layout, mut out) = alaw();
        for block in 0..1_000u64 {
            layout.lay(Right, block * 160, 0, &[1; 160], &mut out);
        }
        layout.close(0, &mut out);
        let header = RecordFormat::Alaw.spec().header_len();
        let (last, whole) = out.pieces.split_last().unwrap();
        assert_eq!(whole[0], (0, PIECE_BYTES - header));
        let ends = whole.iter().map(|(at, n)| header + 2 * *at as usize + n);
        assert!({ ends }.all(|end| end.is_multiple_of(PIECE_BYTES)));
        assert!(whole[1..].iter().all(|(_, n)| *n == PIECE_BYTES) && last.1 < PIECE_BYTES);
        assert_eq!(out.pieces.iter().map(|(_, n)| n).sum::<usize>(), 320_000);
    }

    #[test]
    fn a_long_hold_leaves_no_pieces() {
        let (mut layout, mut out) = alaw();
        layout.lay(Left, 0, 0, &[1; 160], &mut out);
        layout.lay(Right, 8_000 * 600, 0, &[2; 160], &mut out);
        let hold = out.pieces.len();
        let (bytes, samples) = out.close(layout, 8_000 * 700);
        assert_eq!((hold, samples, bytes.len()), (1, 5_600_000, 11_200_000));
        let (left, right) = channels(&bytes);
        assert!(left[..160].iter().all(|b| *b == 1) && left[160..].iter().all(|b| *b == SILENCE));
        assert_eq!(right.iter().position(|b| *b != SILENCE), Some(4_800_000));
        assert_eq!(right.iter().filter(|b| **b == 2).count(), 160);
    }

    /// What is known before it comes lies as if it had been laid: also where a channel falls behind the other by
    /// more than the window, and round the window's end.
    #[test]
    fn runs_lie_as_blocks_do() {
        let ((mut laid, mut out), (mut known, mut other)) = (alaw(), alaw());
        let mut next = [Heard { ssrc: 1, sequence: 0, timestamp: 0, samples: 160 }; 2];
        let mut followed = 0;
        for n in 0..2_000u64 {
            if n == 600 {
                (next[0].timestamp, next[0].sequence) = (next[0].timestamp + 40_000, 5_000);
            }
            if n == 700 {
                (next[1].timestamp, next[1].sequence) = (next[0].timestamp, 7_000);
            }
            for channel in [Left, Right] {
                let heard = &mut next[channel.side()];
                let position = u64::from(heard.timestamp);
                let block = [(n % 200) as u8 + channel.side() as u8; 160];
                let at = Time::from_millis(n * 20);
                laid.lay(channel, position, 0, &block, &mut out);
                if known.follow(channel, at, *heard, Codec::Pcma, &block) {
                    followed += 1;
                } else {
                    known.end_run(channel);
                    known.lay(channel, position, 0, &block, &mut other);
                    let run = Run::after(*heard, Codec::Pcma, at, 0).unwrap();
                    known.begin_run(channel, position + 160, run);
                }
                heard.timestamp += 160;
                heard.sequence += 1;
            }
        }
        assert!(followed > 3_000 && known.late() == laid.late(), "{followed}");
        assert!(laid.late() > 10_000, "one fell behind");
        let (expected, samples) = out.close(laid, 0);
        let (bytes, same) = other.close(known, 0);
        assert!(samples == same && bytes == expected);
    }

    #[test]
    fn a_position_past_what_a_file_can_hold_is_refused() {
        let (mut layout, mut out) = alaw();
        layout.lay(Left, u64::MAX - 3, 0, &[1; 160], &mut out);
        layout.lay(Left, 1 << 40, 0, &[1; 160], &mut out);
        assert_eq!((layout.late(), layout.close(0, &mut out), out.bytes.len()), (320, 0, 0));
    }

    #[test]
    fn stretched_blocks_join_without_a_gap() {
        let (mut layout, mut out) = alaw();
        let mut position = 0;
        for adjust in [1, 0, -1, 4, -4] {
            layout.lay(Left, position, adjust, &[7; 160], &mut out);
            position = (position + 160).wrapping_add_signed(i64::from(adjust));
        }
        let (bytes, samples) = out.close(layout, 0);
        assert_eq!(samples, position);
        assert!(channels(&bytes).0.iter().all(|b| *b == 7));
    }

    proptest! {
        /// Against the plainest model: a long array into which every block that is not too late is
        /// copied.
        #[test]
        fn any_blocks_are_laid_as_the_plain_model_says(
            blocks in prop::collection::vec(
                (0u64..60_000, 1u8..255, any::<bool>(), 0usize..400), 1..200)
        ) {
            let (mut layout, mut out) = alaw();
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
            let (bytes, samples) = out.close(layout, 0);
            prop_assert_eq!(bytes, model[..samples as usize].concat());
        }
    }
}
