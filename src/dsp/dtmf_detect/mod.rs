//! Hears DTMF digits in audio, to the limits of ITU-T Q.24 (its column "AT&T", and ETSI
//! ES 201 235-3 where that asks for more).
//!
//! On the path: the sample path of a leg whose peer sends its digits in-band.
//!
//! Every 5 ms a 20 ms Hann window goes through eight filters. The window's slopes make a
//! tone's amplitude in it rise and fall smoothly, so that the half-way points give the digit's
//! beginning and end to about 2 ms; the turn of a filter's phase from block to block gives the
//! frequency to about 1 Hz, finer than any filter of 20 ms could.
//!
//! ```text
//!  tone          ┌──────────────── 40 ms ───────────────┐
//!  amplitude    ╱·half                              half·╲
//!  blocks    ·  ·  ●  ●  ●  ●  ●  ●   ●: both tones strong, alone, even, in tune
//!                           ▲
//!                           Begin, once 4 blocks in a row are ● and 24 ms have passed
//! ```
//!
//! | | always taken | never taken |
//! |---|---|---|
//! | frequency | ±1.5 % + 2 Hz | ±3.0 % (NTT) and beyond |
//! | duration | 40 ms | 23 ms |
//! | pause between digits | 40 ms | an interruption of 10 ms is bridged |
//! | level of each frequency | −29 to +3 dBm0 (clipped) | below −45 dBm0 |
//! | high group over low group | −10 (Australia) to +6 dB (ETSI) | −14, +10 dB |
//! | noise | 12 dB below the digit | |
//!
//! Speech is kept out because a digit has nothing but its two tones for 30 ms on end, both in tune
//! and steady, which a vowel's harmonics are not: no false digit in 7.6 hours of speech synthesis
//! with thirty voices and 45 s of real speakers.
//!
//! Not here: muting the digit in the audio that goes on, digits as packets or SIP INFO.

pub(super) mod spectrum;
#[cfg(test)]
mod tests;

use super::dtmf::{COLUMNS, ROWS};
use spectrum::{HOP, HZ_PER_RADIAN, Key, Spectrum, WINDOW};

/// Blocks whose powers are remembered, to find where a tone came up.
const MEMORY: usize = 16;
/// Blocks in a row that must show nothing but the digit.
const BLOCKS_NEEDED: u32 = 4;
/// Samples from the half-way point of the rise to the middle of the window when the digit is
/// believed (24 ms). A good block's window hangs over the tone's end by 5 ms at most, so 29 ms are
/// the least that can be taken, and 36 ms always are.
const RISE_TO_BEGIN: f64 = 192.0;
/// An interruption up to this many samples (20 ms) does not end a digit.
const BRIDGED: f64 = 160.0;
/// How far a digit's frequency may lie from its nominal one.
const OUT_OF_TUNE: f64 = 0.022;
/// How far its two frequencies may lie apart in this. A voice's third and fourth harmonic miss `*`
/// by 3.8 %.
const OUT_OF_STEP: f64 = 0.035;
/// What must remain of the phase turns when they are added as arrows: 1 for a steady frequency,
/// less the more it drifts, as a voice's pitch does.
const STEADY: f64 = 0.98;

/// What was heard. Positions count samples from the detector's first one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detected {
    /// A digit sounds, and has for long enough to be sure (30 to 35 ms).
    Begin {
        /// Which.
        digit: char,
        /// Where it began.
        at: u64,
    },
    /// The digit that began last is over.
    End {
        /// Which.
        digit: char,
        /// Where it ended.
        at: u64,
        /// How long it sounded in milliseconds.
        ms: u32,
    },
}

/// A digit that may be coming up.
#[derive(Clone, Copy, Debug)]
struct Rising {
    key: Key,
    blocks: u32,
    /// Row and column.
    tones: [Drift; 2],
}

/// A tone's phase turns beyond the nominal, over the blocks so far.
#[derive(Clone, Copy, Default, Debug)]
struct Drift {
    /// Their sum as complex products.
    sum: [f64; 2],
    /// The sum of their lengths.
    length: f64,
}

/// A digit that was reported to have begun.
#[derive(Clone, Copy, Debug)]
struct Sounding {
    key: Key,
    since: f64,
    /// Its amplitude while steady.
    amplitude: f32,
    /// Where it fell below half of that, if it has.
    fell: Option<f64>,
}

/// Hears the digits of one stream.
#[derive(Clone, Debug)]
pub struct Detector {
    /// The last 20 ms.
    samples: [f32; WINDOW],
    /// Samples of the next hop that are in `samples` already, at its end.
    pending: usize,
    /// Samples taken up to the last block.
    total: u64,
    last: Spectrum,
    /// Powers of the last blocks, newest first.
    past: [[f32; 8]; MEMORY],
    rising: Option<Rising>,
    sounding: Option<Sounding>,
    /// Where the last digit ended: the next one begins there at the earliest, though the slopes of
    /// two digits without a pause overlap.
    ended: f64,
}

impl Default for Detector {
    fn default() -> Detector {
        Detector::new()
    }
}

impl Detector {
    /// Before the first sample.
    pub fn new() -> Detector {
        Detector {
            samples: [0.0; WINDOW],
            pending: 0,
            total: 0,
            last: Spectrum::default(),
            past: [[0.0; 8]; MEMORY],
            rising: None,
            sounding: None,
            ended: 0.0,
        }
    }

    /// Takes the stream's next samples, in pieces of any length, and tells `heard` what begins and
    /// ends in them. What is told does not depend on the pieces.
    pub fn feed(&mut self, mut samples: &[i16], heard: &mut impl FnMut(Detected)) {
        while !samples.is_empty() {
            if self.pending == 0 {
                self.samples.copy_within(HOP.., 0);
            }
            let take = samples.len().min(HOP - self.pending);
            let (now, later) = samples.split_at(take);
            let start = WINDOW - HOP + self.pending;
            for (place, &sample) in self.samples[start..].iter_mut().zip(now) {
                *place = f32::from(sample);
            }
            samples = later;
            self.pending += take;
            if self.pending == HOP {
                self.pending = 0;
                self.total += HOP as u64;
                self.block(heard);
            }
        }
    }

    /// The stream is over: a digit that still sounds ends here.
    pub fn finish(&mut self, heard: &mut impl FnMut(Detected)) {
        self.end((self.total + self.pending as u64) as f64, heard);
        *self = Detector::new();
    }

    /// One more window.
    fn block(&mut self, heard: &mut impl FnMut(Detected)) {
        let spectrum = Spectrum::of(&self.samples);
        self.past.copy_within(..MEMORY - 1, 1);
        self.past[0] = spectrum.powers;
        let good = spectrum.digit(&self.last);
        self.follow(good.map(|(key, _)| key), heard);
        self.rise(good, heard);
        self.last = spectrum;
    }

    /// Sample in the middle of the newest window; before the first sample it is negative.
    fn middle(&self) -> f64 {
        self.total as f64 - (WINDOW / 2) as f64
    }

    /// Amplitude of `key` in the `age`-th newest block: the geometric mean of its two tones'.
    fn amplitude(&self, key: Key, age: usize) -> f32 {
        let powers = &self.past[age];
        (powers[key.row] * powers[4 + key.column]).sqrt().sqrt()
    }

    /// Position between the middles of the `age`-th newest block and the one before it where the
    /// amplitude of `key` passes `half`.
    fn crossing(&self, key: Key, age: usize, half: f32) -> f64 {
        let (newer, older) = (self.amplitude(key, age), self.amplitude(key, age + 1));
        let back = if newer == older { 0.5 } else { (newer - half) / (newer - older) };
        self.middle() - HOP as f64 * (age as f64 + f64::from(back.clamp(0.0, 1.0)))
    }

    /// Follows the digit that sounds: steady, interrupted, over.
    fn follow(&mut self, good: Option<Key>, heard: &mut impl FnMut(Detected)) {
        let Some(mut sounding) = self.sounding else {
            return;
        };
        let amplitude = self.amplitude(sounding.key, 0);
        let half = sounding.amplitude / 2.0;
        if amplitude >= half {
            sounding.fell = None;
            if good == Some(sounding.key) {
                sounding.amplitude += (amplitude - sounding.amplitude) / 8.0;
            }
        } else if sounding.fell.is_none() {
            sounding.fell = Some(self.crossing(sounding.key, 0, half));
        }
        self.sounding = Some(sounding);
        if sounding.fell.is_some_and(|fell| self.middle() - fell > BRIDGED) {
            self.end(self.middle(), heard);
        }
    }

    /// Ends the digit that sounds, if one does: where it fell, or else at `position`.
    fn end(&mut self, position: f64, heard: &mut impl FnMut(Detected)) {
        let Some(sounding) = self.sounding.take() else {
            return;
        };
        self.ended = sounding.fell.unwrap_or(position).max(sounding.since);
        let samples = self.ended - sounding.since;
        heard(Detected::End {
            digit: sounding.key.digit(),
            at: self.ended as u64,
            ms: (samples / f64::from(super::SAMPLES_PER_MS)).round() as u32,
        });
    }

    /// Counts good blocks towards a digit's beginning.
    fn rise(&mut self, good: Option<(Key, [[f32; 2]; 2])>, heard: &mut impl FnMut(Detected)) {
        let Some((key, turns)) = good else {
            self.rising = None;
            return;
        };
        // A short interruption of the same digit is `follow`'s affair.
        if self.sounding.is_some_and(|s| s.key == key) {
            self.rising = None;
            return;
        }
        let mut rising = self.rising.filter(|r| r.key == key).unwrap_or(Rising {
            key,
            blocks: 0,
            tones: [Drift::default(); 2],
        });
        rising.blocks += 1;
        for (tone, turn) in rising.tones.iter_mut().zip(turns) {
            tone.add(turn);
        }
        self.rising = Some(rising);
        if rising.blocks < BLOCKS_NEEDED || !rising.is_in_tune() {
            return;
        }
        let reach = (rising.blocks as usize).min(MEMORY);
        let amplitude = (0..reach).map(|age| self.amplitude(key, age)).fold(0.0, f32::max);
        let below = (1..MEMORY).find(|&age| self.amplitude(key, age) < amplitude / 2.0);
        let since = self.crossing(key, below.unwrap_or(MEMORY - 1) - 1, amplitude / 2.0).max(0.0);
        if self.middle() - since < RISE_TO_BEGIN {
            return;
        }
        self.end(since, heard);
        let since = since.max(self.ended);
        self.rising = None;
        self.sounding = Some(Sounding { key, since, amplitude, fell: None });
        heard(Detected::Begin { digit: key.digit(), at: since as u64 });
    }
}

impl Rising {
    /// Whether both tones are steady and near enough to their nominal frequencies.
    fn is_in_tune(&self) -> bool {
        let low = self.tones[0].relative(ROWS[self.key.row]);
        let high = self.tones[1].relative(COLUMNS[self.key.column]);
        low.abs() <= OUT_OF_TUNE
            && high.abs() <= OUT_OF_TUNE
            && (low - high).abs() <= OUT_OF_STEP
            && self.tones.iter().all(Drift::is_steady)
    }
}

impl Drift {
    fn add(&mut self, turn: [f32; 2]) {
        self.sum[0] += f64::from(turn[0]);
        self.sum[1] += f64::from(turn[1]);
        self.length += f64::from(turn[0].hypot(turn[1]));
    }

    /// How far the tone lies from `hz`, as a part of it.
    fn relative(&self, hz: u16) -> f64 {
        self.sum[1].atan2(self.sum[0]) * HZ_PER_RADIAN / f64::from(hz)
    }

    fn is_steady(&self) -> bool {
        self.sum[0].hypot(self.sum[1]) >= STEADY * self.length
    }
}
