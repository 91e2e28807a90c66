//! The sums of one tick, a line at a time: those of 8 kHz always, those of 16 kHz besides as soon as
//! anybody is there who can carry them.
//!
//! ```text
//!   8 kHz   G.711, music, tones ─▶ spoken ──────┬──────────── + ─▶ heard by G.711
//!                                               ╲ up    down ╱
//!                                                ╲─────────╱
//!                                                ╱ resample╲
//!   16 kHz  Opus, G.722 ─────────▶ spoken ──────┴──────────── + ─▶ heard by Opus, G.722
//! ```
//!
//! So a voice goes through a resampler only on its way to the other band, once for all who hear it
//! there, and between two phones of one band nothing ever changes: neither the sound nor its delay,
//! whoever joins or leaves. A room of G.711 alone has no second band. Mix-minus is exact in both, for a
//! member's own voice is in the sum of its own band as it spoke. To the other band a sum goes in 16
//! bits, two bits down, so that four voices at full scale fit: what that rounds away lies at −89 dB.
//!
//! Not here: who is heard ([`seats`](super::seats)), how loud all may be together
//! ([`dsp::limiter`](crate::dsp::limiter)).

use super::FRAME_MS;
use crate::dsp::mix;
use crate::dsp::rate::Rate;
use crate::dsp::resample::stream::Resampler;
use crate::media::control::{LINES, Lines};

/// Samples of a tick at 8 kHz.
pub const FRAME: usize = Rate::Khz8.samples(FRAME_MS);
/// The same at 16 kHz.
pub const WIDE_FRAME: usize = Rate::Khz16.samples(FRAME_MS);
/// Milliseconds in which a voice fades that breaks off.
const FAREWELL_MS: u32 = 5;
/// Samples of that, and of the same at 16 kHz.
const FAREWELL: usize = Rate::Khz8.samples(FAREWELL_MS);
const WIDE_FAREWELL: usize = Rate::Khz16.samples(FAREWELL_MS);
/// Bits by which a sum goes down on its way to the other band.
const HEADROOM: u32 = 2;

/// The voices of one rate.
#[derive(Debug)]
struct Band<const FRAME: usize, const FAREWELL: usize> {
    sums: [[i32; FRAME]; LINES],
    /// On which lines there is any sound.
    used: [bool; LINES],
    /// Ends of voices that broke off, for the next tick.
    farewells: [[i32; FAREWELL]; LINES],
}

impl<const FRAME: usize, const FAREWELL: usize> Band<FRAME, FAREWELL> {
    const SILENT: Self =
        Band { sums: [[0; FRAME]; LINES], used: [false; LINES], farewells: [[0; FAREWELL]; LINES] };

    fn begin(&mut self) {
        for (line, tail) in self.farewells.iter_mut().enumerate() {
            let left = tail.iter().any(|s| *s != 0);
            if self.used[line] || left {
                self.sums[line] = [0; FRAME];
            }
            self.used[line] = left;
            if left {
                self.sums[line][..FAREWELL].copy_from_slice(tail);
                *tail = [0; FAREWELL];
            }
        }
    }

    fn add(&mut self, line: usize, frame: &[i16]) {
        mix::add(&mut self.sums[line], frame);
        self.used[line] = true;
    }

    /// The last samples of `frame` once more, backwards and down to nothing.
    fn bid_farewell(&mut self, line: usize, frame: &[i16]) {
        let tail = self.farewells[line].iter_mut().zip(frame.iter().rev()).enumerate();
        for (n, (tail, sample)) in tail {
            *tail += i32::from(*sample) * (FAREWELL - n) as i32 / (FAREWELL + 1) as i32;
        }
    }
}

/// The second band, and the ways between the two.
#[derive(Debug)]
struct Wide {
    band: Band<WIDE_FRAME, WIDE_FAREWELL>,
    up: [Way; LINES],
    down: [Way; LINES],
}

/// One line's way to the other band.
#[derive(Debug)]
struct Way {
    resampler: Resampler,
    /// The resampler still holds sound of the tick before.
    rings: bool,
}

impl Way {
    fn new(from: Rate, to: Rate) -> Way {
        Way { resampler: Resampler::new(from, to), rings: false }
    }

    /// Brings `sums`, if there is sound in them, to the other rate. `false`: `out` is not written.
    fn pass<const FROM: usize, const TO: usize>(
        &mut self,
        sounds: bool,
        sums: &[i32; FROM],
        out: &mut [i16; TO],
    ) -> bool {
        let before = core::mem::replace(&mut self.rings, sounds);
        if !sounds && !before {
            return false;
        }
        let scaled = |sum: i32| {
            let sum = (sum + (1 << (HEADROOM - 1))) >> HEADROOM;
            sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16
        };
        let mut low = [0; FROM];
        if sounds {
            low.iter_mut().zip(sums).for_each(|(low, sum)| *low = scaled(*sum));
        }
        self.resampler.process(&low, out).is_ok()
    }

    /// Nobody is there any more to whom it leads.
    fn rest(&mut self) {
        if core::mem::take(&mut self.rings) {
            self.resampler.reset();
        }
    }
}

fn add_raised(sums: &mut [i32], low: &[i16]) {
    sums.iter_mut().zip(low).for_each(|(sum, low)| *sum += i32::from(*low) << HEADROOM);
}

/// A third of what is said on one line, as parts of a room tell each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece {
    /// The voices of 8 kHz.
    Narrow,
    /// The first half of the voices of 16 kHz.
    WideFirst,
    /// The second half.
    WideSecond,
}

impl Piece {
    /// All of them.
    pub const ALL: [Piece; 3] = [Piece::Narrow, Piece::WideFirst, Piece::WideSecond];
}

/// The sums of a room, or of one worker's part of it.
#[derive(Debug)]
pub struct Mixer {
    narrow: Band<FRAME, FAREWELL>,
    wide: Option<Box<Wide>>,
}

impl Default for Mixer {
    fn default() -> Mixer {
        Mixer { narrow: Band::SILENT, wide: None }
    }
}

impl Mixer {
    /// Somebody may speak or hear at 16 kHz from now on.
    pub fn widen(&mut self) {
        self.wide.get_or_insert_with(|| {
            let way = |from, to| core::array::from_fn(|_| Way::new(from, to));
            let (narrow, wide) = (Rate::Khz8, Rate::Khz16);
            Box::new(Wide { band: Band::SILENT, up: way(narrow, wide), down: way(wide, narrow) })
        });
    }

    /// A tick begins: nothing is heard but the ends of voices that broke off.
    pub fn begin(&mut self) {
        self.narrow.begin();
        if let Some(wide) = &mut self.wide {
            wide.band.begin();
        }
    }

    /// Adds a frame of `rate` to a line.
    pub fn add(&mut self, line: usize, rate: Rate, frame: &[i16]) {
        match (rate, &mut self.wide) {
            (Rate::Khz8, _) => self.narrow.add(line, frame),
            (_, Some(wide)) => wide.band.add(line, frame),
            (_, None) => {}
        }
    }

    /// A voice breaks off: what follows `frame` in the next tick, so that nothing clicks.
    pub fn bid_farewell(&mut self, line: usize, rate: Rate, frame: &[i16]) {
        match (rate, &mut self.wide) {
            (Rate::Khz8, _) => self.narrow.bid_farewell(line, frame),
            (_, Some(wide)) => wide.band.bid_farewell(line, frame),
            (_, None) => {}
        }
    }

    /// What was spoken on a line, for the other parts of the room; `None`: silence.
    pub fn piece(&self, line: usize, piece: Piece) -> Option<&[i32; FRAME]> {
        if piece == Piece::Narrow {
            return self.narrow.used[line].then_some(&self.narrow.sums[line]);
        }
        let band = &self.wide.as_ref()?.band;
        let sums = band.used[line].then_some(&band.sums[line])?;
        let (first, second) = sums.split_at(FRAME);
        (if piece == Piece::WideFirst { first } else { second }).try_into().ok()
    }

    /// Adds what was spoken on a line of another part.
    pub fn add_piece(&mut self, line: usize, piece: Piece, sums: &[i32; FRAME]) {
        let onto = match (piece, &mut self.wide) {
            (Piece::Narrow, _) => {
                self.narrow.used[line] = true;
                &mut self.narrow.sums[line][..]
            }
            (_, Some(wide)) => {
                wide.band.used[line] = true;
                let (first, second) = wide.band.sums[line].split_at_mut(FRAME);
                if piece == Piece::WideFirst { first } else { second }
            }
            (_, None) => return,
        };
        onto.iter_mut().zip(sums).for_each(|(onto, sum)| *onto = onto.wrapping_add(*sum));
    }

    /// Lets each band hear the other. `wide_ears`: whether anybody hears at 16 kHz.
    pub fn cross(&mut self, wide_ears: bool) {
        let Some(wide) = &mut self.wide else { return };
        for line in 0..LINES {
            let (mut up, mut down) = ([0; WIDE_FRAME], [0; FRAME]);
            let (narrow, band) = (&mut self.narrow, &mut wide.band);
            let rises = match wide_ears {
                true => wide.up[line].pass(narrow.used[line], &narrow.sums[line], &mut up),
                false => {
                    wide.up[line].rest();
                    false
                }
            };
            if wide.down[line].pass(band.used[line], &band.sums[line], &mut down) {
                add_raised(&mut narrow.sums[line], &down);
                narrow.used[line] = true;
            }
            if rises {
                add_raised(&mut band.sums[line], &up);
                band.used[line] = true;
            }
        }
    }

    /// What is heard on `lines` at `rate`, in 32 bits: the samples of a tick, for which `total` has room.
    pub fn total(&self, lines: Lines, rate: Rate, total: &mut [i32]) {
        total.fill(0);
        for line in lines.indexes() {
            let sums = match (rate, &self.wide) {
                (Rate::Khz8, _) if self.narrow.used[line] => &self.narrow.sums[line][..],
                (Rate::Khz16, Some(wide)) if wide.band.used[line] => &wide.band.sums[line][..],
                _ => continue,
            };
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total = total.wrapping_add(*sum));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::tone_dbm0;

    /// Ticks of a sine of so many hertz at `rate`.
    fn sine(hz: f64, rate: Rate) -> Vec<i16> {
        let turn = core::f64::consts::TAU * hz / f64::from(rate.hz());
        (0..rate.samples(400)).map(|n| (8_000.0 * (turn * n as f64).sin()) as i16).collect()
    }

    /// What is heard at both rates when somebody speaks at `rate`.
    fn heard(mixer: &mut Mixer, rate: Rate, voice: &[i16]) -> (Vec<i32>, Vec<i32>) {
        let (mut narrow, mut wide) = (Vec::new(), Vec::new());
        for frame in voice.chunks(rate.samples(FRAME_MS)) {
            mixer.begin();
            mixer.add(0, rate, frame);
            mixer.cross(true);
            let (mut low, mut high) = ([0; FRAME], [0; WIDE_FRAME]);
            mixer.total(Lines::TALK, Rate::Khz8, &mut low);
            mixer.total(Lines::TALK, Rate::Khz16, &mut high);
            narrow.extend(low);
            wide.extend(high);
        }
        (narrow, wide)
    }

    fn level(sums: &[i32], hz: f64, rate: Rate) -> f64 {
        let pcm: Vec<i16> = sums[sums.len() / 2..].iter().map(|s| *s as i16).collect();
        // The detector of levels counts in samples of 8 kHz.
        tone_dbm0(&pcm, hz * 8_000.0 / f64::from(rate.hz()))
    }

    #[test]
    fn each_band_is_exact_and_hears_the_other() {
        let mut mixer = Mixer::default();
        mixer.widen();
        for rate in [Rate::Khz8, Rate::Khz16] {
            let voice = sine(1_000.0, rate);
            let (narrow, wide) = heard(&mut mixer, rate, &voice);
            let own = if rate == Rate::Khz8 { &narrow } else { &wide };
            let rest = 2 * rate.samples(FRAME_MS); // what rings of the rate before
            assert!(own.iter().zip(&voice).skip(rest).all(|(h, s)| *h == i32::from(*s)));
            let levels = [level(&narrow, 1_000.0, Rate::Khz8), level(&wide, 1_000.0, Rate::Khz16)];
            assert!((levels[0] - levels[1]).abs() < 0.1, "{levels:?}");
        }
        let (narrow, wide) = heard(&mut mixer, Rate::Khz16, &sine(6_000.0, Rate::Khz16));
        assert!(level(&wide, 6_000.0, Rate::Khz16) > -15.0);
        assert!(narrow[FRAME..].iter().all(|s| s.abs() < 16), "no alias");
    }

    #[test]
    fn four_voices_at_full_scale_go_to_the_other_band_whole() {
        let mut mixer = Mixer::default();
        mixer.widen();
        let mut wide = [0; WIDE_FRAME];
        for _ in 0..3 {
            mixer.begin();
            (0..4).for_each(|_| mixer.add(0, Rate::Khz8, &[30_000; FRAME]));
            mixer.cross(true);
            mixer.total(Lines::TALK, Rate::Khz16, &mut wide);
        }
        assert!(wide.iter().all(|s| (s - 120_000).abs() < 200), "{:?}", &wide[..8]);
    }

    #[test]
    fn a_room_of_one_band_has_no_other_and_silence_is_no_work() {
        let mut mixer = Mixer::default();
        mixer.begin();
        mixer.add(0, Rate::Khz16, &[1; WIDE_FRAME]);
        mixer.add(1, Rate::Khz8, &[1; FRAME]);
        mixer.cross(false);
        assert_eq!(mixer.piece(0, Piece::WideFirst), None);
        assert_eq!(mixer.piece(1, Piece::Narrow), Some(&[1; FRAME]));
        mixer.begin();
        assert_eq!(mixer.piece(1, Piece::Narrow), None);
    }
}
