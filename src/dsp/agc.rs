//! Automatic gain: a soft voice becomes louder and a loud one softer, slowly, towards one level.
//!
//! On the path: after decoding, where people of many lines meet (a conference, a recording for a
//! listener, an agent's ear), with what [`vad`](super::vad) heard in the frame.
//!
//! ```text
//!   frame ─▶ Vad ─ Voice ─▶ level of the speech so far ─▶ gain wanted ─▶ Limiter ─▶ out
//!               └─ Silence, Tone: gain stays                3 dB/s up, 12 dB/s down
//! ```
//!
//! Only speech moves the gain, so a pause brings no rising hiss (pumping) and a ringback tone does
//! not make the first word faint. The level is the mean power over speech with its short gaps, as
//! ITU-T P.56 has it, over the last 1.5 s of speech. Noise is not lifted above
//! [`Settings::noise_dbm0`].
//!
//! Not here: a fixed gain and mute ([`gain`](super::gain)), taking noise away.

use super::level::{power_dbm0, sine_peak};
use super::limiter::Limiter;
use super::rate::Rate;
use super::vad::{Activity, Heard};

/// Speech that forms the estimate, in milliseconds.
const MEMORY_MS: f32 = 1_500.0;
/// Speech that is heard before the gain moves at all, in milliseconds.
const FIRST_MS: f32 = 200.0;
/// How fast the gain moves, in dB a millisecond of speech.
const UP: f32 = 0.003;
const DOWN: f32 = 0.012;

/// What automatic gain aims at.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    /// Level of speech wanted, in dBm0.
    pub target_dbm0: f32,
    /// The most that is added, in dB.
    pub most_db: f32,
    /// The most that is taken away, in dB.
    pub least_db: f32,
    /// Level to which noise may be lifted, in dBm0.
    pub noise_dbm0: f32,
}

impl Default for Settings {
    /// −20 dBm0, by up to 15 dB either way, noise at −45 dBm0 at most.
    fn default() -> Settings {
        Settings { target_dbm0: -20.0, most_db: 15.0, least_db: 15.0, noise_dbm0: -45.0 }
    }
}

/// The gain of one stream.
#[derive(Clone, Debug)]
pub struct Agc {
    settings: Settings,
    rate: Rate,
    limiter: Limiter,
    /// Mean power of the speech, and how much of it was heard, in milliseconds.
    power: f32,
    heard_ms: f32,
    /// The gain now, before the limiter.
    db: f32,
}

impl Agc {
    /// At 0 dB.
    pub fn new(rate: Rate, settings: Settings) -> Agc {
        let limiter = Limiter::new(rate);
        Agc { settings, rate, limiter, power: 0.0, heard_ms: 0.0, db: 0.0 }
    }

    /// The gain in dB, less what the limiter takes.
    pub fn db(&self) -> f32 {
        self.db
    }

    /// Applies the gain to a frame, of which `heard` was found out.
    pub fn process(&mut self, samples: &mut [i16], heard: Heard) {
        if heard.activity == Activity::Voice {
            self.follow(samples.len(), heard);
        }
        self.limiter.process(samples, 10f32.powf(self.db / 20.0));
    }

    fn follow(&mut self, length: usize, heard: Heard) {
        let ms = length as f32 * 1_000.0 / self.rate.hz() as f32;
        self.heard_ms = (self.heard_ms + ms).min(MEMORY_MS);
        let power = sine_peak(f64::from(heard.dbm0)).powi(2) as f32 / 2.0;
        self.power += (power - self.power) * (ms / self.heard_ms.max(ms)).min(1.0);
        if self.heard_ms < FIRST_MS {
            return;
        }
        let Settings { target_dbm0, most_db, least_db, noise_dbm0 } = self.settings;
        let wanted = target_dbm0 - power_dbm0(f64::from(self.power)) as f32;
        let most = (noise_dbm0 - heard.floor_dbm0).clamp(0.0, most_db.max(0.0));
        let wanted = wanted.min(most).max(-least_db);
        self.db += (wanted - self.db).clamp(-DOWN * ms, UP * ms);
    }
}

#[cfg(test)]
mod tests {
    use super::super::level::dbm0;
    use super::super::limiter::CEILING;
    use super::super::vad::Vad;
    use super::super::vad::tests::{noise, speech};
    use super::*;
    use crate::base::Noise;

    struct Line {
        vad: Vad,
        agc: Agc,
        rng: Noise,
    }

    impl Line {
        fn new(rate: Rate) -> Line {
            let agc = Agc::new(rate, Settings::default());
            Line { vad: Vad::new(rate), agc, rng: Noise::from_seed(1) }
        }

        fn pass(&mut self, mut samples: Vec<i16>) -> Vec<i16> {
            for frame in samples.chunks_mut(self.agc.rate.samples(20)) {
                let heard = self.vad.frame(frame);
                self.agc.process(frame, heard);
            }
            samples
        }

        fn speech(&mut self, dbm0: f64, seconds: usize) -> Vec<i16> {
            let samples = speech(&mut self.rng, dbm0, self.agc.rate, seconds);
            self.pass(samples)
        }
    }

    #[test]
    fn soft_and_loud_voices_come_to_one_level() {
        for rate in [Rate::Khz8, Rate::Khz16] {
            for level in [-30.0, -25.0, -17.0, -10.0, -5.0] {
                let mut line = Line::new(rate);
                let out = line.speech(level, 30);
                // The last 2.5 s of 30 end a period; speech is 1.75 s of them, 1.95 with its hangover.
                let last = &out[out.len() - rate.samples(2_500)..][..rate.samples(1_950)];
                let heard = dbm0(last);
                assert!((heard + 20.0).abs() < 2.0, "{rate:?} {level}: {heard}");
            }
        }
    }

    #[test]
    fn a_whisper_gets_what_is_allowed_and_no_more() {
        let mut line = Line::new(Rate::Khz8);
        line.speech(-45.0, 30);
        assert_eq!(line.agc.db(), 15.0);
        let mut line = Line::new(Rate::Khz8);
        line.speech(3.0, 30);
        assert!((-15.0..-13.0).contains(&line.agc.db()), "{}", line.agc.db());
    }

    #[test]
    fn silence_and_tones_do_not_move_it() {
        let mut line = Line::new(Rate::Khz8);
        line.speech(-30.0, 20);
        let quiet = noise(&mut line.rng, -60.0, false, 4_000);
        line.pass(quiet);
        let before = line.agc.db();
        assert!(before > 6.0);
        let quiet = noise(&mut line.rng, -60.0, false, 8_000 * 60);
        let out = line.pass(quiet);
        assert_eq!(line.agc.db(), before, "a minute of silence");
        assert!((dbm0(&out) - (-60.0 + f64::from(before))).abs() < 0.5);
        let turn = core::f64::consts::TAU * 450.0 / 8_000.0;
        let tone = (0..80_000).map(|n| (9_000.0 * (turn * f64::from(n)).sin()) as i16).collect();
        line.pass(tone);
        assert!((line.agc.db() - before).abs() < 0.5, "ten seconds of ringback");
    }

    #[test]
    fn noise_is_not_lifted_above_its_limit() {
        let mut line = Line::new(Rate::Khz8);
        let speech = speech(&mut line.rng, -32.0, Rate::Khz8, 30);
        let room = noise(&mut line.rng, -50.0, false, speech.len());
        line.pass(speech.iter().zip(room).map(|(a, b)| a + b).collect());
        assert!((3.0..8.0).contains(&line.agc.db()), "{}", line.agc.db());
    }

    #[test]
    fn a_shout_after_a_whisper_is_not_cut() {
        let mut line = Line::new(Rate::Khz8);
        line.speech(-40.0, 20);
        assert!(line.agc.db() > 12.0);
        let out = line.speech(-8.0, 5);
        assert!(out.iter().all(|s| s.unsigned_abs() <= CEILING as u16));
        let flat = out.windows(3).filter(|w| w.iter().all(|s| s.abs() == CEILING)).count();
        assert_eq!(flat, 0, "cut waves have flat tops");
        assert!(line.agc.db() < -5.0, "and it comes down within a few words: {}", line.agc.db());
    }

    #[test]
    fn it_moves_slowly() {
        let mut line = Line::new(Rate::Khz8);
        let mut last = 0.0;
        for _ in 0..200 {
            let word = noise(&mut line.rng, -35.0, true, 160);
            line.pass(word);
            assert!(line.agc.db() - last <= 0.0601, "3 dB/s");
            last = line.agc.db();
        }
    }
}
