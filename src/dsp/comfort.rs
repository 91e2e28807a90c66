//! Comfort noise: what is heard while the other side sends nothing because nobody speaks, so that
//! the line does not seem dead.
//!
//! On the path: a leg that received RFC 3389 comfort-noise packets (payload type 13), and the end
//! of a long concealment. The packet's first byte is a level; its reflection coefficients are not
//! used: at the levels in question the colour of the noise is hardly heard.
//!
//! Not here: deciding that nobody speaks ([`vad`](super::vad)), parsing the packet beyond its first byte.

use super::level;
use crate::base::Noise;

/// Samples over which the level moves to a new one: 40 ms, so that it is not heard as a step.
const GLIDE: f32 = 320.0;

/// Level of `samples` as RFC 3389 §3.1 sends it: −dBov, 0 (loudest) to 127.
pub fn level_byte(samples: &[i16]) -> u8 {
    (-level::dbov(samples)).round().clamp(0.0, 127.0) as u8
}

/// Makes the noise of one stream.
#[derive(Debug)]
pub struct Comfort {
    rng: Noise,
    /// Peak of the uniform noise now, and the one it moves to.
    peak: f32,
    target: f32,
}

impl Comfort {
    /// Silent until a level is set.
    pub fn new(rng: Noise) -> Comfort {
        Comfort { rng, peak: 0.0, target: 0.0 }
    }

    /// Sets the level from the first byte of an RFC 3389 payload; its top bit, which must be 0,
    /// is ignored.
    pub fn set_level(&mut self, byte: u8) {
        let dbm0 = level::DBOV_DBM0 - f64::from(byte & 0x7f);
        // A uniform distribution's peak is √3 of its RMS, a sine's √2.
        self.target = (level::sine_peak(dbm0) * 1.5f64.sqrt()).min(32_767.0) as f32;
    }

    /// Writes the next samples.
    pub fn fill(&mut self, out: &mut [i16]) {
        for pair in out.chunks_mut(4) {
            let mut bits = self.rng.next_u64();
            for sample in pair {
                self.peak += (self.target - self.peak) / GLIDE;
                let noise = f32::from(bits as u16 as i16) * (1.0 / 32_768.0) * self.peak;
                *sample = (noise + 0.5f32.copysign(noise)) as i16;
                bits >>= 16;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_the_packets() {
        for byte in [30u8, 45, 60, 70] {
            let mut comfort = Comfort::new(Noise::from_seed(1));
            comfort.set_level(byte);
            let mut out = [0; 16_000];
            comfort.fill(&mut out);
            let heard = level_byte(&out[4000..]);
            assert!(heard.abs_diff(byte) <= 1, "{byte} sounds as {heard}");
            let step = out.windows(2).map(|w| w[1].abs_diff(w[0])).max();
            assert!(step > Some(2), "it is noise, not a constant");
        }
    }

    #[test]
    fn silent_at_first_and_slow_to_change() {
        let mut comfort = Comfort::new(Noise::from_seed(1));
        let mut out = [1; 160];
        comfort.fill(&mut out);
        assert_eq!(out, [0; 160]);
        comfort.set_level(40);
        comfort.fill(&mut out);
        assert!(level::dbm0(&out[..40]) < level::dbm0(&out[120..]) - 6.0);
        comfort.set_level(127);
        let mut out = [1; 8000];
        comfort.fill(&mut out);
        assert_eq!(out[7840..], [0; 160]);
    }

    #[test]
    fn the_loudest_level_does_not_wrap() {
        let mut comfort = Comfort::new(Noise::from_seed(1));
        comfort.set_level(0x80);
        let mut out = [0; 8000];
        comfort.fill(&mut out);
        assert!((level::dbov(&out[4000..]) + 4.8).abs() < 0.2, "uniform noise at full scale");
        assert_eq!(level_byte(&[0; 160]), 106);
        assert_eq!(level_byte(&[i16::MIN; 160]), 0);
    }
}
