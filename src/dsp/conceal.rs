//! Packet-loss concealment: what is missing is filled with the last pitch period, played on, and where
//! what follows is known already, with its first pitch period, played backwards towards it.
//!
//! On the path: after decoding, before anything mixes or records the samples. Every frame of the
//! stream goes through, good or lost, in order. It adds no delay.
//!
//! ```text
//!  heard ──────────────┤ lost: one period, again, then two in turn, three │ good ─────
//!              └period─┘ └offset fades over ¼ period                      └─ merged
//!  loudness ── 1 ──────────── 1 (10 ms) ─ ╲ ─ ╲ ─ 0 (60 ms)
//!
//!  heard ──────────────┤ both, one fading into the other ├ good, unchanged
//!              └period─┘─────▶ ╲╱ ◀──────────────────────└period─┘
//! ```
//!
//! - The first period starts where the last one did; whatever step that makes against the last
//!   sample heard is added as an offset that fades out, so the seam has no edge.
//! - The end of each round is blended into the samples before the next round's start.
//! - After 20 ms two periods take turns, after 40 ms three, so that it does not buzz; after 10 ms
//!   it fades, and after 60 ms it is silent.
//! - The first good frame is blended in over a quarter period plus 2 ms for each 10 ms lost, at
//!   most 10 ms.
//! - With both sides known, each is carried through the whole hole; the less the two are alike, the
//!   more the sum is lifted, so that the middle does not sink.
//!
//! The first picture is ITU-T G.711 Appendix I's manner, less its delay. Any rate of [`Rate`]: lengths
//! are in slots of an eighth of a millisecond. Not here: deciding that a frame is lost (the jitter buffer does), comfort noise afterwards.

use super::pitch;
use super::rate::Rate;

/// Slots kept of what was heard: three longest periods and a quarter.
const HISTORY: usize = 3 * pitch::LONGEST + pitch::LONGEST / 4;
/// How many times that the tape holds: it is shifted once in four packets instead of with each.
const TAPE: usize = 3;
/// Slots compared to find the pitch: 20 ms; of what comes after a hole, 5 ms.
const COMPARED: usize = 160;
const COMPARED_AHEAD: usize = 40;
/// Shortest period used: 5 ms. Of a higher voice it is some multiple.
const SHORTEST: usize = 40;
/// Period where none is found.
const WITHOUT_PITCH: usize = 80;
/// Slots of concealment at full loudness: 10 ms.
const FULL: usize = 80;
/// Slots after which another period joins the round: 20 ms.
const ROUND: usize = 160;
/// Slots of concealment until silence: 60 ms.
const SILENT: usize = 480;
/// What the blend back into the stream gains with each 10 ms that were lost: 2 ms.
const MERGE_STEP: usize = 16;
/// Longest blend back into the stream: 10 ms.
const LONGEST_MERGE: usize = 80;
/// Least slots of what comes after a hole for it to be of use: 10 ms.
const LEAST_AHEAD: usize = 80;

/// What is played on while frames are lost.
#[derive(Clone, Copy, Debug)]
struct Going {
    /// Samples in a slot.
    k: usize,
    /// Pitch period in samples, and the most of them that the source holds.
    period: usize,
    periods: usize,
    /// Index into the source of the sample that comes next.
    next: usize,
    /// Index into the source where the next round begins.
    round: usize,
    /// Samples made so far.
    made: usize,
    /// Step at the seam, which fades.
    offset: f32,
}

/// Conceals the losses of one stream.
#[derive(Clone, Debug)]
pub struct Concealer {
    k: usize,
    /// What was heard last, good or made, before `end`; what lies before that is older.
    tape: Box<[i16]>,
    end: usize,
    /// The history as it was when the loss began.
    source: Box<[i16]>,
    /// What comes after a hole, turned round.
    ahead: Box<[i16]>,
    going: Option<Going>,
}

impl Concealer {
    /// Nothing heard yet: a loss now is silence.
    pub fn new(rate: Rate) -> Concealer {
        let k = rate.per_slot();
        let none: Box<[i16]> = vec![0; HISTORY * k].into();
        let (tape, end) = (vec![0; TAPE * HISTORY * k].into(), none.len());
        Concealer { k, tape, end, source: none.clone(), ahead: none, going: None }
    }

    /// A frame arrived, of any length. After a loss its beginning is changed: blended with what was
    /// made meanwhile.
    pub fn good(&mut self, frame: &mut [i16]) {
        if frame.is_empty() {
            return; // nothing to blend into: the loss goes on
        }
        if let Some(mut going) = self.going.take() {
            let length = going.period / 4 + MERGE_STEP * (going.made / (FULL * self.k)) * self.k;
            let length = length.min(LONGEST_MERGE * self.k).min(frame.len());
            for (index, sample) in frame[..length].iter_mut().enumerate() {
                let share = (index + 1) as f32 / (length + 1) as f32;
                let made = going.sample(&self.source);
                *sample = rounded(share * f32::from(*sample) + (1.0 - share) * made);
            }
        }
        self.remember(frame);
    }

    /// A frame is missing: fills `out`, of any length, with what may have been in it.
    pub fn lost(&mut self, out: &mut [i16]) {
        let mut going = self.go();
        for sample in out.iter_mut() {
            *sample = rounded(going.sample(&self.source));
        }
        self.going = Some(going);
        self.remember(out);
    }

    /// As [`Concealer::lost`], but only to look at: as if it had not been asked.
    pub fn foresee(&mut self, out: &mut [i16]) {
        let mut going = self.go();
        self.going = Some(going);
        for sample in out.iter_mut() {
            *sample = rounded(going.sample(&self.source));
        }
    }

    /// What was heard last, good or made: at least 46 ms.
    pub fn heard(&self) -> &[i16] {
        &self.tape[self.end - self.source.len()..self.end]
    }

    /// A frame is missing, or the rest of one, and the one after it is there: fills `out` with what may
    /// lead from the one side to the other.
    pub fn between(&mut self, out: &mut [i16], after: &mut [i16]) {
        if after.len() < LEAST_AHEAD * self.k {
            self.lost(out);
            return self.good(after);
        }
        let mut back = self.look_back(after);
        let mut going = self.go();
        for sample in out.iter_mut().rev() {
            *sample = rounded(back.sample(&self.ahead));
        }
        let alike = likeness(going, &self.source, out);
        let step = 1.0 / (out.len() + 1) as f32;
        for (index, sample) in out.iter_mut().enumerate() {
            let share = (index + 1) as f32 * step;
            let (before, after) = (1.0 - share, share);
            let sum = before * going.sample(&self.source) + after * f32::from(*sample);
            let sinks = before * before + after * after + 2.0 * alike * before * after;
            *sample = rounded(sum / sinks.sqrt());
        }
        self.going = None;
        self.remember(out);
        self.remember(after);
    }

    /// Fades `made`, which something else made up without regard to the frame behind it, into what leads
    /// back from that frame, `after`. Neither is remembered.
    pub fn lead(&mut self, made: &mut [i16], after: &[i16]) {
        if after.len() < LEAST_AHEAD * self.k {
            return;
        }
        let mut back = self.look_back(after);
        made.reverse();
        let alike = likeness(back, &self.ahead, made);
        let step = 1.0 / (made.len() + 1) as f32;
        for (index, sample) in made.iter_mut().enumerate() {
            let before = (index + 1) as f32 * step;
            let after = 1.0 - before;
            let sum = before * f32::from(*sample) + after * back.sample(&self.ahead);
            let sinks = before * before + after * after + 2.0 * alike * before * after;
            *sample = rounded(sum / sinks.sqrt());
        }
        made.reverse();
    }

    /// What leads back from `after`, nearest sample first.
    fn look_back(&mut self, after: &[i16]) -> Going {
        let held = after.len().min(self.ahead.len());
        let from = self.ahead.len() - held;
        let turned = self.ahead[from..].iter_mut().rev();
        turned.zip(after.iter()).for_each(|(to, sample)| *to = *sample);
        Going::after(&self.ahead, held, COMPARED_AHEAD, self.k)
    }

    /// Whether the last frame was lost.
    pub fn is_concealing(&self) -> bool {
        self.going.is_some()
    }

    /// What is played on already, or begins to be.
    fn go(&mut self) -> Going {
        self.going.unwrap_or_else(|| {
            self.source.copy_from_slice(&self.tape[self.end - self.source.len()..self.end]);
            Going::after(&self.source, self.source.len(), COMPARED, self.k)
        })
    }

    /// Appends `heard` to the tape, which begins anew when it is full.
    fn remember(&mut self, heard: &[i16]) {
        let kept = self.source.len();
        let heard = &heard[heard.len().saturating_sub(kept)..];
        if self.end + heard.len() > self.tape.len() {
            self.tape.copy_within(self.end - kept..self.end, 0);
            self.end = kept;
        }
        self.tape[self.end..self.end + heard.len()].copy_from_slice(heard);
        self.end += heard.len();
    }
}

/// How alike what `going` would play and `other` are: 0 unrelated (or worse) to 1.
fn likeness(mut going: Going, source: &[i16], other: &[i16]) -> f32 {
    let (mut own, mut others, mut both) = (0.0, 0.0, 0.0);
    for &sample in other {
        let (a, b) = (going.sample(source), f32::from(sample));
        own += a * a;
        others += b * b;
        both += a * b;
    }
    (both / f32::sqrt(own * others).max(1.0)).clamp(0.0, 1.0)
}

impl Going {
    /// At the end of `source`, whose last `held` samples were heard; `compared` slots tell the pitch.
    fn after(source: &[i16], held: usize, compared: usize, k: usize) -> Going {
        let end = source.len();
        let window = (compared * k).min(held / 2);
        let most = (pitch::LONGEST * k).min(held - window);
        let period = pitch::search(&source[end - held..], window, SHORTEST * k..=most, k)
            .map_or(WITHOUT_PITCH * k, |pitch| pitch.lag)
            .min(held * 4 / 5);
        let periods = ((held - period / 4) / period).clamp(1, 3);
        let next = end - period;
        let offset = f32::from(source[end - 1]) - f32::from(source[next - 1]);
        Going { k, period, periods, next, round: next, made: 0, offset }
    }

    /// The next sample.
    fn sample(&mut self, source: &[i16]) -> f32 {
        let (full, silent) = (FULL * self.k, SILENT * self.k);
        if self.made >= silent {
            return 0.0;
        }
        let quarter = self.period / 4;
        let left = source.len() - self.next;
        if left == quarter {
            let turns = (1 + self.made / (ROUND * self.k)).min(self.periods);
            self.round = source.len() - self.period * turns;
        }
        let mut value = f32::from(source[self.next]);
        if left <= quarter {
            let before_round = f32::from(source[self.round - left]);
            value += (before_round - value) * (1.0 - left as f32 / (quarter + 1) as f32);
        }
        if self.made < quarter {
            value += self.offset * (1.0 - (self.made + 1) as f32 / quarter as f32);
        }
        self.next = if left == 1 { self.round } else { self.next + 1 };
        let fading = (self.made + 1).saturating_sub(full) as f32 / (silent - full) as f32;
        self.made += 1;
        value * (1.0 - fading)
    }
}

/// To the nearest sample, saturating.
fn rounded(value: f32) -> i16 {
    (value + 0.5f32.copysign(value)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Noise;
    use crate::dsp::level::{dbm0, power};
    use proptest::prelude::*;

    /// A sung vowel: harmonics of a pitch that glides by 5 % a second.
    fn vowel(pitch: f64, length: usize) -> Vec<i16> {
        let mut phase = 0.0;
        let mut next = |n: usize| {
            phase += core::f64::consts::TAU * pitch * (1.0 + 0.05 * n as f64 / 8000.0) / 8000.0;
            let wave: f64 = [1.0, 0.8, 0.7, 0.3, 0.25]
                .iter()
                .zip(1..)
                .map(|(a, h)| a * (phase * f64::from(h)).sin())
                .sum();
            (4000.0 * wave) as i16
        };
        (0..length).map(&mut next).collect()
    }

    fn largest_step(samples: &[i16]) -> u16 {
        samples.windows(2).map(|w| w[1].abs_diff(w[0])).max().unwrap_or(0)
    }

    /// `clean` in frames, those of `lost` concealed.
    fn through(clean: &[i16], frame: usize, lost: impl Fn(usize) -> bool) -> Vec<i16> {
        let mut concealer = Concealer::new(Rate::Khz8);
        let mut out = clean.to_vec();
        for (index, frame) in out.chunks_mut(frame).enumerate() {
            if lost(index) {
                frame.fill(0x5555);
                concealer.lost(frame);
            } else {
                concealer.good(frame);
            }
        }
        out
    }

    /// Signal to error in dB.
    fn snr(clean: &[i16], heard: &[i16]) -> f64 {
        let error: Vec<i16> = clean.iter().zip(heard).map(|(a, b)| a.saturating_sub(*b)).collect();
        10.0 * (power(clean) / power(&error).max(1e-9)).log10()
    }

    #[test]
    fn without_loss_nothing_changes() {
        let clean = vowel(120.0, 8000);
        assert_eq!(through(&clean, 160, |_| false), clean);
    }

    #[test]
    fn a_voice_goes_on() {
        for pitch in [75.0, 100.0, 133.0, 180.0, 220.0, 310.0] {
            for frame in [80, 160] {
                let clean = vowel(pitch, 16_000);
                let lost = |index: usize| index % 10 == 7;
                let concealed = snr(&clean, &through(&clean, frame, lost));
                let mut silent = clean.clone();
                for frame in silent.chunks_mut(frame).skip(7).step_by(10) {
                    frame.fill(0);
                }
                let gain = concealed - snr(&clean, &silent);
                // A shift of half a sample in the period costs the most in high voices.
                let least = if frame == 80 { 10.0 } else { 5.0 };
                assert!(gain > least, "{pitch} Hz, {frame}: {gain:.1} dB better than silence");
            }
        }
    }

    #[test]
    fn no_clicks_at_any_seam() {
        for pitch in [75.0, 100.0, 133.0, 220.0] {
            let clean = vowel(pitch, 16_000);
            let own = f64::from(largest_step(&clean));
            for frame in [80, 160, 240, 480] {
                for lost in [1, 2, 3, 5] {
                    let heard = through(&clean, frame, |index| index % 8 >= 8 - lost);
                    let step = f64::from(largest_step(&heard));
                    assert!(step < 1.35 * own, "{pitch} {frame} {lost}: {step} against {own}");
                }
            }
        }
    }

    #[test]
    fn it_fades_to_silence_in_60_ms() {
        let clean = vowel(100.0, 4000);
        let heard = through(&clean, 80, |index| index >= 25);
        let level = |from_ms: usize| dbm0(&heard[2000 + 8 * from_ms..][..80]);
        assert!((level(0) - dbm0(&clean)).abs() < 1.5, "the first 10 ms keep their level");
        assert!(level(40) < level(20) - 3.0 && level(20) < level(0));
        assert!(heard[2480..].iter().all(|&s| s == 0));
    }

    /// A voice that went on as noise, or not at all, comes back to what follows without a step.
    #[test]
    fn what_was_made_leads_into_what_follows() {
        let clean = vowel(110.0, 1_600);
        let mut concealer = Concealer::new(Rate::Khz8);
        let mut made = vec![0; 160];
        concealer.lead(&mut made, &clean[800..960]);
        assert!(snr(&clean[760..800], &made[120..]) > 10.0);
        assert!(made[..8].iter().all(|s| s.unsigned_abs() < 2_000), "{:?}", &made[..8]);
        let all = [&made[..], &clean[800..960]].concat();
        assert!(largest_step(&all) <= largest_step(&clean) * 5 / 4);
        // Of too little nothing can be foretold.
        let mut made = vec![77; 160];
        concealer.lead(&mut made, &clean[800..808]);
        concealer.lead(&mut [], &clean[800..960]);
        assert_eq!(made, [77; 160]);
    }

    #[test]
    fn a_loss_at_the_start_is_silence() {
        let mut concealer = Concealer::new(Rate::Khz8);
        let mut out = [1; 1000];
        concealer.lost(&mut out);
        assert_eq!(out, [0; 1000]);
        assert!(concealer.is_concealing());
        let mut frame = [1000; 160];
        concealer.good(&mut frame);
        assert!(frame[0] < 50 && frame[159] == 1000 && largest_step(&frame) < 50);
        assert!(!concealer.is_concealing());
        concealer.lost(&mut frame);
        concealer.good(&mut []);
        assert!(concealer.is_concealing(), "an empty frame is no frame");
    }

    #[test]
    fn noise_is_filled_at_its_level() {
        let mut rng = Noise::from_seed(2);
        let noise: Vec<i16> = (0..16_000).map(|_| rng.next_u32() as i16 / 16).collect();
        let heard = through(&noise, 80, |index| index % 4 == 3);
        let lost: Vec<i16> = heard.chunks(80).skip(3).step_by(4).flatten().copied().collect();
        assert!((dbm0(&lost) - dbm0(&noise)).abs() < 1.0);
    }

    proptest! {
        /// Any samples, any frame lengths, any losses: what is heard before a loss stays, and the
        /// same stream in other pieces sounds the same while it is lost.
        #[test]
        fn any_stream_is_concealed(
            seed in any::<u64>(),
            frames in prop::collection::vec((1usize..600, any::<bool>()), 1..30),
        ) {
            let mut rng = Noise::from_seed(seed);
            let mut concealer = Concealer::new(Rate::Khz8);
            for (length, lost) in frames {
                let mut frame: Vec<i16> = (0..length).map(|_| rng.next_u32() as i16).collect();
                let sent = frame.clone();
                let was_concealing = concealer.is_concealing();
                if lost {
                    let mut pieces = concealer.clone();
                    concealer.lost(&mut frame);
                    let mut again = vec![0; length];
                    again.chunks_mut(37).for_each(|piece| pieces.lost(piece));
                    prop_assert_eq!(&frame, &again);
                } else {
                    concealer.good(&mut frame);
                    let changed = if was_concealing { LONGEST_MERGE.min(length) } else { 0 };
                    prop_assert_eq!(&frame[changed..], &sent[changed..]);
                }
            }
        }
    }
}
