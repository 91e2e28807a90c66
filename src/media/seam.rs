//! Where what a party hears changes from one source to another, from its partner to a prompt or to
//! silence: the step between the last sample of the one and the first of the other is taken out.
//!
//! ```text
//!   ───────╲ one                     ───────╲ one
//!           │                    ─▶          ╲___
//!           │_____ other                         ╲__ other
//!           └ a click                        └ FADE: the step, fading
//! ```
//!
//! Within one source there is nothing to do: the jitter buffer and the player have no steps of
//! their own.

use crate::dsp::rate::Rate;

/// Milliseconds in which the step fades.
const FADE_MS: u32 = 5;

/// Whose samples a packet holds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Source {
    /// None: nothing was sent, or something else than samples.
    #[default]
    None,
    /// What the leg says itself.
    Own,
    /// Its partner's.
    Partner,
    /// Silence, so that the stream goes on.
    Silence,
}

/// One leg's output.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Seam {
    source: Source,
    last: i16,
}

impl Seam {
    /// Joins the next packet's samples to those before it.
    pub(super) fn join(&mut self, source: Source, pcm: &mut [i16], rate: Rate) {
        let before = core::mem::replace(&mut self.source, source);
        if source == Source::None {
            self.last = 0;
            return;
        }
        let Some(&first) = pcm.first() else { return };
        let step = i32::from(self.last) - i32::from(first);
        if before != source && step != 0 {
            let fade = rate.samples(FADE_MS) as i32;
            for (sample, left) in pcm.iter_mut().zip((1..=fade).rev()) {
                let joined = i32::from(*sample) + step * left / (fade + 1);
                *sample = joined.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
            }
        }
        self.last = pcm.last().copied().unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_source_is_no_step() {
        let mut seam = Seam::default();
        let turns = [
            (Source::Own, 9_000i16),
            (Source::Partner, -20_000),
            (Source::Silence, 0),
            (Source::Partner, 30_000),
            (Source::None, 0),
            (Source::Own, 4_000),
        ];
        let mut heard = vec![0i16];
        for (source, value) in turns {
            for _ in 0..2 {
                let mut pcm = [value; 160];
                seam.join(source, &mut pcm, Rate::Khz8);
                match source {
                    Source::None => heard.push(0),
                    _ => heard.extend(pcm),
                }
                assert!(source == Source::None || heard.last() == Some(&value));
            }
            if source == Source::None {
                heard.clear();
                heard.push(0);
            }
            let step = heard.windows(2).map(|w| w[1].abs_diff(w[0])).max().unwrap_or(0);
            assert!(step <= 50_000 / 40, "{step}");
        }
    }
}
