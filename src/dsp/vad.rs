//! Voice activity: whether a frame holds speech, a tone, or only what is always on the line.
//!
//! On the path: after decoding, one frame of 10 to 20 ms at a time, where somebody asks who speaks:
//! the conference's choice of speakers, discontinuous transmission, automatic gain
//! ([`agc`](super::agc)), a caller who has gone silent.
//!
//! ```text
//!   level ┤   ╭╮ ╭─╮  ╭╮            ╭──╮        Voice: 9 dB above the floor, and 200 ms on after a
//!         ┤   ││ │ ╰╮ ││  hangover  │  │        burst of 30 ms, so that word ends stay
//!   +9 dB ┼ ─ ┼┼─┼─ ┼─┼┼─ ─ ─ ─ ─ ─ ┼─ ┼─ ─
//!   floor ┤~~~╯╰─╯  ╰─╯╰~~~~~~~~~~~~╯  ╰~~~     the quietest 30 or 40 ms of the last 1.6 s
//! ```
//!
//! People pause within any 1.6 s, noise does not; so what the level never falls below is the noise.
//! The floor falls at once and rises by at most 10 dB/s. A tone (ringback, a key, a beep) does not
//! pause either; it is known by its predictability (two sines follow from their last four samples)
//! and leaves the floor alone, however long it lasts. Hum below 200 Hz counts as noise.
//!
//! Not here: telling speech from music or from other people's talk, or which tone it is
//! ([`dtmf_detect`](super::dtmf_detect)).

use super::level::{power, power_dbm0};
use super::rate::Rate;

/// Decibels by which speech is above the floor.
pub const MARGIN_DB: f32 = 9.0;
/// The lowest floor in dBm0: A-law's idle noise. Nothing below this and [`MARGIN_DB`] is speech.
pub const LOWEST_DBM0: f32 = -66.0;
/// The highest floor in dBm0: what is louder is never taken for noise.
pub const HIGHEST_DBM0: f32 = -20.0;
/// How long a frame after a burst of speech still counts as speech, in milliseconds.
pub const HANGOVER_MS: u32 = 200;

/// The floor before anything was heard, in dBm0.
const FIRST_DBM0: f32 = -50.0;
/// A burst shorter than this is a click: no hangover. Milliseconds.
const BURST_MS: u32 = 30;
/// The floor is the minimum over so many parts ...
const PARTS: usize = 8;
/// ... of so many milliseconds each, and rises by at most so much after each.
const PART_MS: u32 = 200;
const RISE_DB: f32 = 2.0;
/// Part of a frame's energy that four samples of the past do not predict, below which it is a tone:
/// −20 dB.
const TONE_RESIDUE: f64 = 0.01;
/// Below this frequency a sine is hum.
const HUM_HZ: f64 = 200.0;
/// Samples of the past that predict: two sines need two each.
const ORDER: usize = 4;

/// What a frame holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activity {
    /// Nothing above the line's own noise.
    Silence,
    /// Speech, or anything as irregular as speech.
    Voice,
    /// One or two sines, and no speech within the hangover before.
    Tone,
}

/// What was found out about a frame.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Heard {
    /// What it holds.
    pub activity: Activity,
    /// Its level in dBm0, without a constant offset.
    pub dbm0: f32,
    /// The noise floor in dBm0 after it.
    pub floor_dbm0: f32,
}

/// The detector of one stream.
#[derive(Clone, Debug)]
pub struct Vad {
    rate: Rate,
    floor: Floor,
    /// The frame before held a tone.
    tone: bool,
    /// Samples of the burst of speech so far.
    burst: u32,
    /// Samples for which the last burst still counts.
    hangover: u32,
}

impl Vad {
    /// Before the first frame.
    pub fn new(rate: Rate) -> Vad {
        Vad { rate, floor: Floor::new(), tone: false, burst: 0, hangover: 0 }
    }

    /// Judges the next frame: 10 to 20 ms. Shorter ones are judged less surely, longer ones more
    /// coarsely; an empty one is silence and changes nothing.
    pub fn frame(&mut self, samples: &[i16]) -> Heard {
        let dbm0 = without_offset_dbm0(samples);
        let loud = dbm0 > self.floor.dbm0 + MARGIN_DB;
        let found = match loud {
            true if is_tone(samples, self.rate) => Activity::Tone,
            true => Activity::Voice,
            false => Activity::Silence,
        };
        let length = u32::try_from(samples.len()).unwrap_or(u32::MAX);
        // A tone says nothing about the floor, nor does the frame after it, which may hold its end.
        if found != Activity::Tone && !self.tone {
            self.floor.hear(dbm0, length, self.rate);
        }
        self.tone = found == Activity::Tone;
        let activity = self.hold(found, length);
        Heard { activity, dbm0, floor_dbm0: self.floor.dbm0 }
    }

    /// Carries speech on over its pauses.
    fn hold(&mut self, activity: Activity, length: u32) -> Activity {
        match activity {
            Activity::Voice => {
                self.burst = self.burst.saturating_add(length);
                if self.burst >= self.samples(BURST_MS) {
                    self.hangover = self.samples(HANGOVER_MS);
                }
                Activity::Voice
            }
            // A vowel can be as predictable as a tone, but words end sooner than the hangover.
            Activity::Tone | Activity::Silence => {
                self.burst = 0;
                let held = self.hangover > 0 && length > 0;
                self.hangover = self.hangover.saturating_sub(length);
                if held { Activity::Voice } else { activity }
            }
        }
    }

    fn samples(&self, ms: u32) -> u32 {
        self.rate.hz() / 1_000 * ms
    }
}

/// The noise floor: a minimum over time.
#[derive(Clone, Debug)]
struct Floor {
    dbm0: f32,
    /// The minima of the last parts, oldest first, and of the one that is being heard.
    parts: [f32; PARTS],
    part: f32,
    /// Samples of that one so far.
    heard: u32,
    /// The levels of the two frames before: a lost packet of 20 ms is no gap.
    before: [f32; 2],
}

impl Floor {
    fn new() -> Floor {
        let never = f32::INFINITY;
        Floor { dbm0: FIRST_DBM0, parts: [never; PARTS], part: never, heard: 0, before: [never; 2] }
    }

    fn hear(&mut self, dbm0: f32, length: u32, rate: Rate) {
        if length == 0 {
            return;
        }
        let dbm0 = dbm0.clamp(LOWEST_DBM0, HIGHEST_DBM0);
        let shorter_than_15_ms = length / 15 < rate.hz() / 1_000;
        let first = if shorter_than_15_ms { self.before[0] } else { dbm0 };
        let steady = dbm0.max(self.before[1]).max(first);
        self.before = [self.before[1], dbm0];
        self.part = self.part.min(steady);
        self.dbm0 = self.dbm0.min(steady);
        self.heard = self.heard.saturating_add(length);
        if self.heard >= rate.hz() / 1_000 * PART_MS {
            self.parts.rotate_left(1);
            self.parts[PARTS - 1] = self.part;
            (self.part, self.heard) = (f32::INFINITY, 0);
            let lowest = self.parts.iter().fold(HIGHEST_DBM0, |a, b| a.min(*b));
            self.dbm0 = lowest.min(self.dbm0 + RISE_DB);
        }
    }
}

/// The level less the mean, which is a fault of the line and not a sound.
fn without_offset_dbm0(samples: &[i16]) -> f32 {
    let sum: i64 = samples.iter().map(|s| i64::from(*s)).sum();
    let mean = sum as f64 / samples.len().max(1) as f64;
    power_dbm0(power(samples) - mean * mean) as f32
}

/// Whether one or two sines make up the frame: linear prediction by least squares (covariance
/// method), solved one predicting sample at a time.
fn is_tone(samples: &[i16], rate: Rate) -> bool {
    if samples.len() < 8 * ORDER {
        return false;
    }
    let matrix = covariance(samples);
    let energy = matrix[0][0];
    if energy <= 0.0 {
        return false;
    }
    // A sine's correlation with itself one sample later is the cosine of its turn.
    let hum = (core::f64::consts::TAU * HUM_HZ / f64::from(rate.hz())).cos();
    matrix[0][1] < hum * (energy * matrix[1][1]).sqrt() && residue(matrix) < TONE_RESIDUE * energy
}

/// `[i][j]`: the sum of products of the samples i and j before each sample from [`ORDER`] on.
fn covariance(samples: &[i16]) -> [[f64; ORDER + 1]; ORDER + 1] {
    let at = |n: usize| i64::from(samples[n]);
    let last = samples.len() - 1;
    let mut sums = [[0i64; ORDER + 1]; ORDER + 1];
    for j in 0..=ORDER {
        let pairs = samples[ORDER..].iter().zip(&samples[ORDER - j..]);
        sums[0][j] = pairs.map(|(&a, &b)| i64::from(i32::from(a) * i32::from(b))).sum();
        // Each diagonal slides by a sample: one product comes in, one goes out.
        for i in 1..=ORDER - j {
            let (incoming, outgoing) = (ORDER - i, last + 1 - i);
            sums[i][i + j] = sums[i - 1][i - 1 + j] + at(incoming) * at(incoming - j)
                - at(outgoing) * at(outgoing - j);
        }
    }
    core::array::from_fn(|i| core::array::from_fn(|j| sums[i.min(j)][i.max(j)] as f64))
}

/// The energy of the present sample (row 0) that the past ones do not predict: each is taken out of
/// all others in turn. One that says nothing new is left out.
fn residue(mut matrix: [[f64; ORDER + 1]; ORDER + 1]) -> f64 {
    let least = matrix[0][0] * 1e-9;
    for past in 1..=ORDER {
        let pivot = matrix[past];
        if pivot[past] <= least {
            continue;
        }
        for row in (0..=ORDER).filter(|row| *row == 0 || *row > past) {
            let part = matrix[row][past] / pivot[past];
            for (value, other) in matrix[row].iter_mut().zip(pivot) {
                *value -= part * other;
            }
        }
    }
    matrix[0][0].max(0.0)
}

#[cfg(test)]
pub(super) mod tests;
