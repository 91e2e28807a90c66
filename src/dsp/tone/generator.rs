//! A plan's sound: oscillators that keep their phase, switched on and off over 5 ms.
//!
//! ```text
//!        ╭───────────╮                 ╭───────────╮      each edge rises or falls smoothly,
//! ───────╯           ╰─────────────────╯           ╰───   also when the tone is stopped
//!        │◀── ms ───▶│◀────── ms ─────▶│
//! ```
//!
//! An oscillator is a 32-bit phase and a polynomial for the sine: exact in frequency for ever, and
//! the same samples on every machine.

use super::plan::{MAX_PARTIALS, Plan, Repeat, Segment};
use crate::dsp::{SAMPLES_PER_MS, level};

/// Samples over which a tone comes and goes (5 ms): short beside the shortest cadence, long enough
/// that the edge is no click.
const RAMP: u32 = 40;

/// One frequency that sounds.
#[derive(Clone, Copy, Default, Debug)]
struct Oscillator {
    /// 2^32 is a full turn.
    phase: u32,
    /// Turn per sample; 0 when unused.
    step: u32,
    peak: f32,
}

/// Makes the samples of one plan, in pieces of any length.
#[derive(Clone, Debug)]
pub struct Generator {
    plan: Plan,
    /// Index of the segment that sounds; past the end: done.
    segment: usize,
    /// Samples of that segment made so far (stays at the top in a segment without end).
    at: u32,
    /// How often the loop was finished.
    rounds: u16,
    oscillators: [Oscillator; MAX_PARTIALS],
    /// Samples left of the fade-out, once stopped.
    fading: Option<u32>,
}

impl Generator {
    /// At the beginning of `plan`.
    pub fn new(plan: &Plan) -> Generator {
        let mut generator = Generator {
            plan: *plan,
            segment: 0,
            at: 0,
            rounds: 0,
            oscillators: [Oscillator::default(); MAX_PARTIALS],
            fading: None,
        };
        if generator.plan.looped_from() == 0 && plan.repeat() == Repeat::Times(0) {
            generator.segment = usize::MAX;
        }
        generator.tune();
        generator
    }

    /// Writes the next samples into `out` and returns how many there were: fewer than asked for
    /// when the plan came to its end; the rest of `out` is left as it was.
    pub fn fill(&mut self, out: &mut [i16]) -> usize {
        let mut filled = 0;
        while filled < out.len() {
            let Some(&segment) = self.current() else {
                break;
            };
            let wanted = u32::try_from(out.len() - filled).unwrap_or(u32::MAX);
            let run = wanted.min(self.left(&segment)).min(self.fading.unwrap_or(u32::MAX));
            let end = filled + run as usize;
            self.sound(&segment, &mut out[filled..end]);
            filled = end;
            self.advance(&segment, run);
        }
        filled
    }

    /// Lets the tone fade out over the next 5 ms and end there.
    pub fn stop(&mut self) {
        self.fading = self.fading.or(Some(RAMP));
    }

    /// Whether the plan has come to its end.
    pub fn is_done(&self) -> bool {
        self.current().is_none()
    }

    fn current(&self) -> Option<&Segment> {
        self.plan.segments().get(self.segment)
    }

    /// Samples until the end of `segment`, the current one.
    fn left(&self, segment: &Segment) -> u32 {
        match segment.ms {
            0 => u32::MAX,
            ms => ms.saturating_mul(SAMPLES_PER_MS) - self.at,
        }
    }

    /// The segment that follows number `index` in the `round`-th playing of the loop.
    fn following(&self, index: usize, round: u16) -> Option<usize> {
        let (from, end) = (self.plan.looped_from(), self.plan.segments().len());
        let loops = match self.plan.repeat() {
            Repeat::Forever => true,
            Repeat::Times(n) if index + 1 == from => n > 0,
            Repeat::Times(n) => round.saturating_add(1) < n,
        };
        match index + 1 {
            next if next == from => (loops && from < end).then_some(next),
            next if next < end => Some(next),
            _ => (loops && from < end).then_some(from),
        }
    }

    /// After `run` samples of `segment`.
    fn advance(&mut self, segment: &Segment, run: u32) {
        if let Some(fading) = &mut self.fading {
            *fading -= run;
            if *fading == 0 {
                self.segment = usize::MAX;
                return;
            }
        }
        self.at = self.at.saturating_add(run);
        if segment.ms == 0 || self.left(segment) > 0 {
            return;
        }
        let next = self.following(self.segment, self.rounds);
        if self.segment + 1 == self.plan.segments().len() {
            self.rounds = self.rounds.saturating_add(1);
        }
        self.at = 0;
        self.segment = next.unwrap_or(usize::MAX);
        let goes_on = self.current().is_some_and(|s| s.partials == segment.partials);
        if !goes_on {
            self.tune();
        }
    }

    /// Sets the oscillators to the current segment's frequencies.
    fn tune(&mut self) {
        let Some(&segment) = self.current() else {
            return;
        };
        for (oscillator, partial) in self.oscillators.iter_mut().zip(segment.partials) {
            *oscillator = Oscillator {
                phase: 0,
                step: ((u64::from(partial.hz) << 32) / u64::from(crate::dsp::SAMPLE_RATE)) as u32,
                peak: level::sine_peak(f64::from(partial.dbm0)) as f32,
            };
        }
    }

    /// Whether the same frequencies sound before and after the current segment, so that no edge
    /// is wanted there.
    fn edges(&self, segment: &Segment) -> (bool, bool) {
        let segments = self.plan.segments();
        let same = |index: Option<usize>| {
            index.and_then(|i| segments.get(i)).is_some_and(|s| s.partials == segment.partials)
        };
        let before = match self.segment {
            0 if self.rounds == 0 => None,
            index if index == self.plan.looped_from() && self.rounds > 0 => {
                Some(segments.len() - 1)
            }
            index => index.checked_sub(1),
        };
        let after = self.following(self.segment, self.rounds);
        (!same(before), !same(after) && segment.ms > 0)
    }

    /// The next samples of `segment`, which has as many left.
    fn sound(&mut self, segment: &Segment, out: &mut [i16]) {
        if segment.partials[0].hz == 0 {
            out.fill(0);
            return;
        }
        let (rises, falls) = self.edges(segment);
        let left = self.left(segment);
        let mut first = 0;
        for piece in out.chunks_mut(PIECE) {
            let mut wave = [0.0; PIECE];
            for oscillator in self.oscillators.iter_mut().take_while(|o| o.step != 0) {
                oscillator.add_to(&mut wave[..piece.len()]);
            }
            for (index, value) in (first..).zip(&mut wave[..piece.len()]) {
                if rises {
                    *value *= edge(self.at.saturating_add(index));
                }
                if falls {
                    *value *= edge(left - index - 1);
                }
                if let Some(fading) = self.fading {
                    *value *= edge(fading - index - 1);
                }
            }
            for (sample, value) in piece.iter_mut().zip(wave) {
                // The cast saturates: four partials at 0 dBm0 clip, they do not wrap.
                *sample = (value + 0.5f32.copysign(value)) as i16;
            }
            first += PIECE as u32;
        }
    }
}

/// Samples made at a time, so that each step of the work runs in vector registers.
const PIECE: usize = 32;

impl Oscillator {
    /// Adds its next samples to `wave`.
    fn add_to(&mut self, wave: &mut [f32]) {
        for (index, value) in (0u32..).zip(&mut *wave) {
            let phase = self.phase.wrapping_add(self.step.wrapping_mul(index));
            *value += self.peak * sine(phase);
        }
        self.phase = self.phase.wrapping_add(self.step.wrapping_mul(wave.len() as u32));
    }
}

/// How far a tone has come up `samples` after its first: 0 to 1 along a smooth step.
fn edge(samples: u32) -> f32 {
    if samples >= RAMP {
        return 1.0;
    }
    let t = (samples as f32 + 0.5) / RAMP as f32;
    t * t * (3.0 - 2.0 * t)
}

/// sin(2π · phase / 2^32) to 24 bits: Taylor's series on a quarter turn.
fn sine(phase: u32) -> f32 {
    let half_turns = phase.cast_signed() as f32 * (1.0 / 2_147_483_648.0);
    let folded = half_turns.abs().min(1.0 - half_turns.abs());
    let x = folded * core::f32::consts::PI;
    let xx = x * x;
    let series = 1.0 - xx * (1.0 / 72.0) * (1.0 - xx * (1.0 / 110.0));
    let series = 1.0 - xx * (1.0 / 42.0) * series;
    let series = 1.0 - xx * (1.0 / 6.0) * (1.0 - xx * (1.0 / 20.0) * series);
    (x * series).copysign(half_turns)
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, plan};
    use super::*;
    use crate::dsp::level::{dbm0, dominant_tone, tone_dbm0};
    use proptest::prelude::*;

    fn samples(text: &str, level: i8, count: usize) -> Vec<i16> {
        let mut out = vec![0; count];
        let filled = Generator::new(&Plan::parse(text, level).unwrap()).fill(&mut out);
        out.truncate(filled);
        out
    }

    #[test]
    fn the_sine_is_a_sine() {
        for phase in (0..=u32::MAX).step_by(99_991) {
            let exact = (f64::from(phase) / 4_294_967_296.0 * core::f64::consts::TAU).sin();
            assert!((f64::from(sine(phase)) - exact).abs() < 3e-7, "{phase}");
        }
    }

    #[test]
    fn frequency_level_and_cadence_are_the_plans() {
        let busy = samples("450/350,0/350", -10, 8000);
        assert!((tone_dbm0(&busy[80..2720], 450.0) + 10.0).abs() < 0.05);
        assert!(busy[2800..5600].iter().all(|&s| s == 0));
        assert!((tone_dbm0(&busy[5680..8000], 450.0) + 10.0).abs() < 0.1);
        let dial = samples("350+440", -13, 8000);
        assert!((tone_dbm0(&dial, 350.0) + 13.0).abs() < 0.1);
        assert!((tone_dbm0(&dial, 440.0) + 13.0).abs() < 0.1);
        assert!((dbm0(&dial) + 10.0).abs() < 0.1);
    }

    #[test]
    fn once_then_loop_and_times() {
        let plan = Plan::parse("!1400/100,!0/100,450/100,0/100", -10).unwrap();
        let mut out = [1; 8000];
        let mut generator = Generator::new(&plan.repeated(Repeat::Times(2)));
        assert_eq!(generator.fill(&mut out), 4800);
        assert!(generator.is_done());
        let heard = |from: usize| dominant_tone(&out[from..from + 800], &[450.0, 1400.0]);
        let heard: Vec<_> = (0..6).map(|i| heard(800 * i).map(|d| d.hz)).collect();
        assert_eq!(heard, [Some(1400.0), None, Some(450.0), None, Some(450.0), None]);
        for (text, times, length) in
            [("450/10", 0, 0), ("!450/10,1/10", 0, 80), ("!450/10,!1/10", 0, 160), ("1/1", 3, 24)]
        {
            let plan = Plan::parse(text, -10).unwrap().repeated(Repeat::Times(times));
            assert_eq!(Generator::new(&plan).fill(&mut out), length, "{text} {times}");
            assert_eq!(plan.duration_ms(), Some(length as u64 / 8));
        }
    }

    /// The largest step between neighbours that a tone at `dbm0` makes by itself.
    fn own_step(hz: f64, dbm0: f64) -> f64 {
        level::sine_peak(dbm0) * 2.0 * (core::f64::consts::PI * hz / 8000.0).sin() + 2.0
    }

    fn largest_step(samples: &[i16]) -> f64 {
        let step = |w: &[i16]| (i32::from(w[1]) - i32::from(w[0])).abs();
        f64::from(samples.windows(2).map(step).max().unwrap_or(0))
    }

    #[test]
    fn edges_and_joins_do_not_click() {
        let limit = own_step(450.0, -10.0);
        assert!(largest_step(&samples("450/350,0/350", -10, 16_000)) <= limit);
        let mut stopped = samples("450", -10, 1003);
        let mut generator = Generator::new(&Plan::parse("450", -10).unwrap());
        generator.fill(&mut stopped);
        generator.stop();
        let mut rest = [0; 100];
        assert_eq!(generator.fill(&mut rest), RAMP as usize);
        assert!(generator.is_done());
        stopped.extend(rest);
        assert!(largest_step(&stopped) <= limit);
        // The level at both ends is near nothing.
        assert!(stopped[0].abs() < 100 && stopped[1003 + RAMP as usize - 1].abs() < 100);
    }

    #[test]
    fn segments_of_one_frequency_are_one_tone() {
        let split = samples("450/37,450/63", -10, 8000);
        assert_eq!(split, samples("450", -10, 8000));
    }

    #[test]
    fn too_loud_clips_and_does_not_wrap() {
        let howl = samples("1000+1001+1002+1003", 3, 800);
        assert!(howl.contains(&i16::MAX) && howl.contains(&i16::MIN));
        let quiet = samples("1000+1001+1002+1003", -20, 800);
        assert!(howl.iter().zip(quiet).all(|(&h, q)| q.abs() < 2 || (h > 0) == (q > 0)));
    }

    proptest! {
        #[test]
        fn chunks_do_not_change_the_sound(
            chunks in prop::collection::vec(1usize..500, 1..40),
            kind in prop::sample::select(Kind::ALL.to_vec()),
            stop_after in 0usize..40,
        ) {
            let plan = plan("cn", kind).unwrap();
            let (mut whole, mut pieces) = (Generator::new(&plan), Generator::new(&plan));
            let before: usize = chunks.iter().take(stop_after).sum();
            let after: usize = chunks.iter().skip(stop_after).sum();
            let mut expected = vec![0; before + after];
            let mut made = whole.fill(&mut expected[..before]);
            whole.stop();
            made += whole.fill(&mut expected[made..]);
            expected.truncate(made);
            let mut got: Vec<i16> = Vec::new();
            for (index, &chunk) in chunks.iter().enumerate() {
                if index == stop_after {
                    pieces.stop();
                }
                let mut piece = vec![0; chunk];
                let n = pieces.fill(&mut piece);
                got.extend(&piece[..n]);
            }
            prop_assert_eq!(got, expected);
        }
    }
}
