//! What a safety bell's unit does by sound: keys as tones, and an ear for the centre's.
//!
//! The phone that is its line says and hears the samples ([`phone`](super::phone)); which tone it waits for is the
//! test's affair, as it is the unit's.

use crate::dsp::dtmf::{self, Levels};
use crate::dsp::level::tone_dbm0;
use crate::dsp::tone::Generator;

/// Samples that are looked at together: 10 ms.
const WINDOW: usize = 80;
/// The least level of a tone that counts.
const LEAST_DBM0: f64 = -30.0;
/// Samples of a millisecond.
const PER_MS: usize = 8;

/// Keys as tones, one after the other, at 8 kHz; what is no key is left out.
pub fn keys(keys: &str, on_ms: u32, off_ms: u32) -> Vec<i16> {
    let mut all = Vec::new();
    for plan in keys.chars().filter_map(|key| dtmf::plan(key, on_ms, off_ms, Levels::default())) {
        let mut samples = vec![0; (on_ms + off_ms) as usize * PER_MS];
        Generator::new(&plan).fill(&mut samples);
        all.extend(samples);
    }
    all
}

/// How long each sounding of these frequencies together was, in milliseconds, and the sample at which it ended.
/// One that goes on is not told yet.
pub fn soundings(samples: &[i16], hz: &[f64]) -> Vec<(u32, usize)> {
    let sounds = |window: &[i16]| hz.iter().all(|hz| tone_dbm0(window, *hz) > LEAST_DBM0);
    let (mut all, mut long) = (Vec::new(), 0);
    for (n, window) in samples.chunks_exact(WINDOW).enumerate() {
        match (sounds(window), long) {
            (true, _) => long += 1,
            (false, 0) => {}
            (false, windows) => {
                all.push((windows * (WINDOW / PER_MS) as u32, n * WINDOW));
                long = 0;
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        let said = keys("B", 100, 100);
        assert_eq!(said.len(), 1_600);
        let heard = soundings(&said, &[770.0, 1_633.0]);
        assert_eq!(heard.len(), 1);
        assert!((90..=110).contains(&heard[0].0), "{heard:?}");
        assert_eq!(soundings(&said, &[3_400.0]), []);
    }
}
