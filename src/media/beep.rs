//! The tone that tells a party that it is being recorded, mixed into what it hears (ITU-T E.180,
//! recording tone; each country has its own: 1,400 Hz, every 10 to 60 s).
//!
//! ```text
//!   partner's ear, or the mouth ─▶ + ─▶ encode ─▶ party
//!                          beep ───┘
//! ```
//!
//! What is recorded is what the parties say: the tone is not on the recording, but for what a telephone
//! gives back of it. Whoever hears it hears samples: its partner's packets cannot be relayed
//! meanwhile. Not here: who hears it ([`plane`](super::plane)).

use super::jitter::LONGEST_PULL;
use crate::dsp::mix;
use crate::dsp::rate::Rate;
use crate::dsp::resample::stream::Resampler;
use crate::dsp::tone::{Generator, Plan};

/// One party's tone.
#[derive(Debug)]
pub(super) struct Beep {
    generator: Generator,
    rate: Rate,
    /// From the tone's 8 kHz to the rate at which the party hears.
    widen: Resampler,
    sounds: Sounds,
}

/// Whether the tone sounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sounds {
    Yes,
    /// What comes next is its end.
    Fades,
    No,
}

impl Beep {
    /// A tone of this plan, from its beginning on, in samples of `rate`.
    pub(super) fn new(plan: &Plan, rate: Rate) -> Beep {
        let widen = Resampler::new(Rate::Khz8, rate);
        Beep { generator: Generator::new(plan), rate, widen, sounds: Sounds::Yes }
    }

    /// While the recording pauses it is silent, and begins anew behind that. The way by which its party hears
    /// stays as it is: coders that are made anew with each pause can be heard.
    pub(super) fn set_paused(&mut self, plan: &Plan, paused: bool) {
        match (paused, self.sounds) {
            (true, Sounds::Yes) => self.sounds = Sounds::Fades,
            (false, Sounds::Fades | Sounds::No) => {
                (self.generator, self.sounds) = (Generator::new(plan), Sounds::Yes);
            }
            _ => {}
        }
    }

    /// The party hears at another rate from now on.
    pub(super) fn set_rate(&mut self, rate: Rate) {
        (self.rate, self.widen) = (rate, Resampler::new(Rate::Khz8, rate));
    }

    /// Puts the next of it onto what the party hears: a whole number of slots, at most
    /// [`LONGEST_PULL`] of them.
    pub(super) fn mix(&mut self, pcm: &mut [i16]) {
        if self.sounds == Sounds::No {
            return;
        }
        let mut narrow = [0; LONGEST_PULL];
        let narrow = &mut narrow[..pcm.len() / self.rate.per_slot()];
        let made = self.generator.fill(narrow);
        narrow[made..].fill(0);
        if self.sounds == Sounds::Fades {
            self.sounds = Sounds::No;
            let len = narrow.len() as i32;
            for (n, sample) in narrow.iter_mut().enumerate() {
                *sample = (i32::from(*sample) * (len - n as i32) / len) as i16;
            }
        }
        if self.rate == Rate::Khz8 {
            return mix::add_onto(pcm, narrow);
        }
        let mut wide = [0; LONGEST_PULL * Rate::Khz48.per_slot()];
        let filled = self.widen.process(narrow, &mut wide[..pcm.len()]).unwrap_or(0);
        mix::add_onto(&mut pcm[..filled], &wide[..filled]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::tone_dbm0;
    use crate::dsp::tone::{Kind, plan};

    /// For each tenth of a second of `seconds`, whether the tone is in it.
    fn heard(plan: &Plan, rate: Rate, speech: i16, seconds: usize) -> Vec<bool> {
        let mut beep = Beep::new(plan, rate);
        let mut tenths = Vec::new();
        for _ in 0..seconds * 10 {
            let mut tenth = Vec::new();
            for _ in 0..5 {
                let mut pcm = vec![speech; 160 * rate.per_slot()];
                beep.mix(&mut pcm);
                // Each slot's first sample: 8 kHz, and the tone is far below 4 kHz.
                tenth.extend(pcm.iter().step_by(rate.per_slot()));
            }
            tenths.push(tone_dbm0(&tenth, 1_400.0) > -23.0);
        }
        tenths
    }

    #[test]
    fn it_sounds_as_its_country_has_it_at_any_rate() {
        for rate in [Rate::Khz8, Rate::Khz16, Rate::Khz48] {
            let chinese = plan("cn", Kind::Record).unwrap();
            let tenths = heard(&chinese, rate, 0, 21);
            let sounding: Vec<usize> = (0..tenths.len()).filter(|at| tenths[*at]).collect();
            assert_eq!(sounding, [0, 1, 2, 3, 104, 105, 106, 107, 208, 209], "{rate:?}");
        }
    }

    #[test]
    fn a_pause_ends_it_without_a_click_and_it_begins_anew_behind_that() {
        let plan = plan("us", Kind::Record).unwrap();
        let mut beep = Beep::new(&plan, Rate::Khz8);
        let block = |beep: &mut Beep| {
            let mut pcm = [0; 160];
            beep.mix(&mut pcm);
            pcm
        };
        block(&mut beep);
        beep.set_paused(&plan, true);
        let end = block(&mut beep);
        assert!(
            end[..40].iter().any(|s| s.abs() > 500) && end[150..].iter().all(|s| s.abs() < 200)
        );
        beep.set_paused(&plan, true);
        assert_eq!(block(&mut beep), [0; 160]);
        beep.set_paused(&plan, false);
        assert!(block(&mut beep).iter().any(|s| s.abs() > 500));
    }

    #[test]
    fn loud_speech_does_not_turn_over() {
        let mut beep = Beep::new(&plan("us", Kind::Record).unwrap(), Rate::Khz8);
        let mut pcm = [i16::MAX; 160];
        beep.mix(&mut pcm);
        assert!(pcm.iter().all(|sample| *sample > 20_000));
    }

    #[test]
    fn another_rate_goes_on_where_the_tone_was() {
        let mut beep = Beep::new(&plan("us", Kind::Record).unwrap(), Rate::Khz8);
        for _ in 0..24 {
            beep.mix(&mut [0; 160]);
        }
        beep.set_rate(Rate::Khz16);
        let mut pcm = [0; 320];
        beep.mix(&mut pcm);
        assert!(pcm.iter().any(|sample| sample.abs() > 500), "its last 20 ms");
        for _ in 0..10 {
            beep.mix(&mut pcm);
            pcm = [0; 320];
        }
        beep.mix(&mut pcm);
        assert!(pcm.iter().all(|sample| sample.abs() < 5), "its pause");
    }
}
