//! Which call-progress tone a network plays: busy, ring-back, no such number … in the country's plan
//! ([`plan`](super::plan())). For networks that answer early and say the rest in tones.
//!
//! ```text
//!   samples ─▶ window of 64 ms each 10 ms ─▶ which frequencies and nothing else? ─▶ runs
//!                                                                                    │
//!   450 Hz  ███████       ███████       ██      runs: 350 on, 350 off, 350 on …      ▼
//!           on      off   on                    which plans have them in this order? one: told
//! ```
//!
//! A tone is told when what was heard fits one plan and no other, and there is enough of it: two
//! changes and a second. So busy is known after its second burst, ring-back in its first pause,
//! a tone without end when it has lasted longer than any other. Speech and music fit no plan.
//!
//! Tolerances are the networks' own: frequencies ± 25 Hz, lengths ± 15 % and two windows, −35 dBm0.
//!
//! Not here: DTMF ([`dtmf_detect`](crate::dsp::dtmf_detect)); what is done about a tone.

use core::f32::consts::TAU;

use super::{Kind, MAX_PARTIALS, MAX_SEGMENTS, Plan, plan};
use crate::dsp::SAMPLE_RATE;

/// Samples in a window, and from one to the next.
const WINDOW: usize = 512;
const HOP: usize = 80;
/// Milliseconds of a hop.
const HOP_MS: u32 = 10;
/// The middle of a window, which says whether there is sound at all.
const MIDDLE: core::ops::Range<usize> = (WINDOW - 2 * HOP) / 2..(WINDOW + 2 * HOP) / 2;
/// A tone may lie this far from its nominal frequency, Hz; less, where another is near: a quarter of
/// the way to it.
const REACH_HZ: f32 = 25.0;
/// It is looked for in so many places to either side.
const PLACES: i8 = 3;
/// Part of the window's energy that the tone's frequencies must make up.
const SHARE: f32 = 0.7;
/// Part of the tone's own that each of its frequencies must have.
const LEAST_PART: f32 = 0.1;
/// Least mean power: −35 dBm0 (a sine of 0 dBm0 has a peak of 22,827).
const LEAST_POWER: f32 = 22_827.0 * 22_827.0 / 2.0 * 0.000_316;
/// Runs that are remembered.
const RUNS: usize = 2 * MAX_SEGMENTS;
/// What a run's length may differ by: this share, and the windows' blur at both ends.
const TOLERANCE_PERCENT: u32 = 15;
const BLUR_MS: u32 = 30;
/// A run that is shorter is a fault of its neighbours'.
const SHORTEST_MS: u32 = 40;
/// Nothing is told of less than this.
const EVIDENCE_MS: u32 = 1_000;
/// A tone without end is told when it has lasted longer than all others by this.
const BEYOND_MS: u32 = 1_000;
/// The tones that are told apart.
const KINDS: [Kind; 6] =
    [Kind::Dial, Kind::Ringback, Kind::Busy, Kind::Congestion, Kind::Unobtainable, Kind::Howler];
/// Sets of frequencies in one country's tones, and frequencies in all of them.
const MOST_SETS: usize = 12;
const MOST_HZ: usize = 12;

/// What sounds in a run: nothing, the set of frequencies of that number, or something else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sound {
    Silence,
    Set(u8),
    Other,
}

/// A stretch of one sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Run {
    sound: Sound,
    ms: u32,
}

/// Frequencies that sound together, as indexes of filters; unused places are [`u8::MAX`].
type Set = [u8; MAX_PARTIALS];

/// A segment of a plan: which sound, how long (0: without end).
#[derive(Clone, Copy, Debug)]
struct Step {
    sound: Sound,
    ms: u32,
}

#[derive(Clone, Copy, Debug)]
struct Cadence {
    kind: Kind,
    steps: [Step; MAX_SEGMENTS],
    count: usize,
}

/// Listens to one stream.
#[derive(Clone, Debug)]
pub struct Detector {
    hz: [u16; MOST_HZ],
    filters: usize,
    reach: [f32; MOST_HZ],
    sets: [Set; MOST_SETS],
    set_count: usize,
    cadences: [Cadence; KINDS.len()],
    /// The longest run of each sound that ends, over all plans.
    longest: [u32; MOST_SETS],
    /// The last samples, the newest at the end.
    window: [f32; WINDOW],
    filled: usize,
    /// Runs, the present one last.
    runs: [Run; RUNS],
    count: usize,
    /// A change that has not lasted yet.
    doubt: Option<Run>,
    told: Option<Kind>,
}

impl Detector {
    /// For the tones of `country`; `None` where it has no plan.
    pub fn new(country: &str) -> Option<Detector> {
        let nothing = Step { sound: Sound::Other, ms: 0 };
        let none = Cadence { kind: Kind::Dial, steps: [nothing; MAX_SEGMENTS], count: 0 };
        let mut detector = Detector {
            hz: [0; MOST_HZ],
            filters: 0,
            reach: [REACH_HZ; MOST_HZ],
            sets: [[u8::MAX; MAX_PARTIALS]; MOST_SETS],
            set_count: 0,
            cadences: [none; KINDS.len()],
            longest: [0; MOST_SETS],
            window: [0.0; WINDOW],
            filled: 0,
            runs: [Run { sound: Sound::Other, ms: 0 }; RUNS],
            count: 0,
            doubt: None,
            told: None,
        };
        for (place, kind) in KINDS.into_iter().enumerate() {
            detector.cadences[place] = detector.cadence(kind, &plan(country, kind)?);
        }
        let hz = detector.hz;
        for (n, reach) in detector.reach[..detector.filters].iter_mut().enumerate() {
            let others = hz[..detector.filters].iter().filter(|other| **other != hz[n]);
            let nearest = others.map(|other| other.abs_diff(hz[n])).min().unwrap_or(u16::MAX);
            *reach = reach.min(f32::from(nearest) / 4.0);
        }
        Some(detector)
    }

    fn cadence(&mut self, kind: Kind, plan: &Plan) -> Cadence {
        let mut cadence = Cadence { kind, ..self.cadences[0] };
        cadence.count = 0;
        for segment in plan.segments() {
            let sound = self.sound(segment.partials.map(|partial| partial.hz));
            if let Sound::Set(set) = sound {
                let longest = &mut self.longest[usize::from(set)];
                *longest = (*longest).max(segment.ms);
            }
            cadence.steps[cadence.count] = Step { sound, ms: segment.ms };
            cadence.count += 1;
        }
        cadence
    }

    /// The number of a set of frequencies, given one if it has none yet.
    fn sound(&mut self, hz: [u16; MAX_PARTIALS]) -> Sound {
        let mut set = [u8::MAX; MAX_PARTIALS];
        for (place, hz) in set.iter_mut().zip(hz).filter(|(_, hz)| *hz > 0) {
            let known = self.hz[..self.filters].iter().position(|known| *known == hz);
            let filter = known.unwrap_or(self.filters);
            if filter == MOST_HZ {
                return Sound::Other; // no country has so many; the tests see to it
            }
            self.hz[filter] = hz;
            self.filters = self.filters.max(filter + 1);
            *place = filter as u8;
        }
        if set == [u8::MAX; MAX_PARTIALS] {
            return Sound::Silence;
        }
        let known = self.sets[..self.set_count].iter().position(|known| *known == set);
        let number = known.unwrap_or(self.set_count);
        if number == MOST_SETS {
            return Sound::Other;
        }
        self.sets[number] = set;
        self.set_count = self.set_count.max(number + 1);
        Sound::Set(number as u8)
    }

    /// Takes samples of 8 kHz; gives a tone when it is known that it sounds, once until another does.
    pub fn feed(&mut self, samples: &[i16]) -> Option<Kind> {
        let mut found = None;
        for sample in samples {
            self.window[WINDOW - HOP + self.filled] = f32::from(*sample);
            self.filled += 1;
            if self.filled == HOP {
                self.filled = 0;
                let sound = self.listen();
                self.window.copy_within(HOP.., 0);
                self.note(sound);
                found = self.tell().or(found);
            }
        }
        found
    }

    /// What sounds in the window.
    fn listen(&self) -> Sound {
        let energy: f32 = self.window[MIDDLE].iter().map(|s| s * s).sum();
        if energy / (MIDDLE.len() as f32) < LEAST_POWER / 2.0 {
            return Sound::Silence;
        }
        let mut shaped = [0.0; WINDOW];
        let mut whole = 0.0;
        for (n, (out, sample)) in shaped.iter_mut().zip(&self.window).enumerate() {
            *out = sample * hann(n);
            whole += *out * *out;
        }
        // A Hann window leaves 3/8 of the energy.
        let whole = whole / (WINDOW as f32 * 0.375);
        let mut powers = [0.0; MOST_HZ];
        for (n, power) in powers[..self.filters].iter_mut().enumerate() {
            let step = self.reach[n] / f32::from(PLACES);
            let place = |at: i8| f32::from(self.hz[n]) + step * f32::from(at);
            *power = (-PLACES..=PLACES).map(|at| goertzel(&shaped, place(at))).fold(0.0, f32::max);
        }
        let mut best = (SHARE, Sound::Other);
        for (number, set) in self.sets[..self.set_count].iter().enumerate() {
            let parts = set.iter().filter(|f| **f != u8::MAX).map(|f| powers[usize::from(*f)]);
            let sum: f32 = parts.clone().sum();
            let share = sum / whole;
            if sum >= LEAST_POWER && share >= best.0 && parts.clone().all(|p| p >= LEAST_PART * sum)
            {
                best = (share, Sound::Set(number as u8));
            }
        }
        best.1
    }

    /// Adds a hop to the runs. What lasts less than [`SHORTEST_MS`] belongs to the run before it.
    fn note(&mut self, sound: Sound) {
        let Some(present) = self.count.checked_sub(1) else {
            (self.runs[0], self.count) = (Run { sound, ms: HOP_MS }, 1);
            return;
        };
        if self.runs[present].sound == sound {
            let doubted = self.doubt.take().map_or(0, |run| run.ms);
            let run = &mut self.runs[present];
            run.ms = (run.ms + HOP_MS + doubted).min(1 << 24);
            return;
        }
        let ms = match self.doubt {
            Some(run) if run.sound == sound => run.ms + HOP_MS,
            Some(run) => {
                self.runs[present].ms += run.ms;
                HOP_MS
            }
            None => HOP_MS,
        };
        if ms < SHORTEST_MS {
            self.doubt = Some(Run { sound, ms });
            return;
        }
        self.doubt = None;
        if self.count == RUNS {
            self.runs.copy_within(1.., 0);
            self.count -= 1;
        }
        self.runs[self.count] = Run { sound, ms };
        self.count += 1;
    }

    /// The tone that the runs are, when it is not the one that was told.
    fn tell(&mut self) -> Option<Kind> {
        let runs = &self.runs[..self.count];
        let last = runs.last()?;
        // From the last sound that is none of ours on.
        let begin = runs.iter().rposition(|run| run.sound == Sound::Other).map_or(0, |at| at + 1);
        let heard = &runs[begin..];
        let mut fits = self.cadences.iter().filter(|cadence| self.fits(cadence, heard));
        let (Some(one), None) = (fits.next(), fits.next()) else {
            // A long silence, or something else: the next tone is told anew.
            if last.sound == Sound::Other && last.ms >= EVIDENCE_MS {
                self.told = None;
            }
            return None;
        };
        let kind = one.kind;
        (self.told.replace(kind) != Some(kind)).then_some(kind)
    }

    /// Whether a cadence has the newest of these runs in their order, and enough of them.
    fn fits(&self, cadence: &Cadence, heard: &[Run]) -> bool {
        let steps = &cadence.steps[..cadence.count];
        let Some((present, before)) = heard.split_last() else { return false };
        if let [Step { sound, ms: 0 }] = steps {
            let Sound::Set(set) = present.sound else { return false };
            return *sound == present.sound
                && present.ms > self.longest[usize::from(set)] + BEYOND_MS;
        }
        (0..steps.len()).any(|at| {
            let step = steps[at];
            if step.sound != present.sound || present.ms > most(step.ms) {
                return false;
            }
            let mut matched = present.ms;
            let mut changes = 0;
            let mut tones = 0;
            for (back, run) in before.iter().rev().enumerate() {
                let step = steps[(at + steps.len() * RUNS - back - 1) % steps.len()];
                let first = back + 1 == before.len();
                // The oldest run may have begun before we listened.
                let long = run.ms >= least(step.ms) || first;
                if step.sound != run.sound || !long || run.ms > most(step.ms) {
                    // Before it something else was heard: what came after must be enough.
                    break;
                }
                matched += run.ms;
                changes += 1;
                tones += u32::from(run.sound != Sound::Silence && run.ms >= least(step.ms));
            }
            let all = changes == before.len() || changes >= steps.len();
            all && changes >= 1 && tones >= 1 && matched >= EVIDENCE_MS && self.pause_tells(present)
        })
    }

    /// A pause tells nothing before it is longer than a tone's shortest.
    fn pause_tells(&self, present: &Run) -> bool {
        present.sound != Sound::Silence || present.ms >= EVIDENCE_MS
    }
}

fn least(ms: u32) -> u32 {
    (ms - ms * TOLERANCE_PERCENT / 100).saturating_sub(BLUR_MS)
}
fn most(ms: u32) -> u32 {
    ms + ms * TOLERANCE_PERCENT / 100 + BLUR_MS
}

fn hann(n: usize) -> f32 {
    0.5 - 0.5 * (TAU * (n as f32 + 0.5) / WINDOW as f32).cos()
}

/// Mean power of a steady tone of `hz` in a window that was shaped.
fn goertzel(shaped: &[f32; WINDOW], hz: f32) -> f32 {
    let turn = TAU * hz / SAMPLE_RATE as f32;
    let twice_cos = 2.0 * turn.cos();
    let (mut last, mut before) = (0.0f32, 0.0f32);
    for sample in shaped {
        let next = twice_cos * last - before + sample;
        (before, last) = (last, next);
    }
    let power = last * last + before * before - twice_cos * last * before;
    // The window's sum is half its length: amplitude = 2 |X| / (WINDOW / 2).
    let amplitude = power.max(0.0).sqrt() * 4.0 / WINDOW as f32;
    amplitude * amplitude / 2.0
}

#[cfg(test)]
mod tests;
