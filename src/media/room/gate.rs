//! Whether a member's packets are worth decoding: told from their bytes.
//!
//! On the path: between a member's received packet and its ear, in a room with more voices than
//! seats. A conference of a hundred has three who speak; the packets of the others are not decoded.
//!
//! | Codec | Certainly silent |
//! |---|---|
//! | A-law, µ-law | no sample above 1/256 of full scale (−45 dBm0 as a sine) |
//! | Opus | nothing but a TOC (DTX); a SILK or hybrid frame whose voice activity bits are all 0, which stand plainly in its first byte (RFC 6716 §4.2.3) |
//! | G.722, L16, Opus' CELT frames | never: they are decoded |
//!
//! ```text
//!   Open ──────────── all are decoded: small rooms, keys in the audio
//!   Watching ─ awake ── silent for SLEEP ──▶ asleep ── a packet that may hold speech ──▶ awake
//!   Closed ────────── none is: muted, listening only
//! ```

use crate::dsp::codec::Codec;

/// Samples of 8 kHz (400 ms) of certain silence after which a member sleeps.
const SLEEP: u32 = 3_200;
/// The largest A-law magnitude (its bits after inversion) that counts as silence: 120 of 32,768.
const QUIET_ALAW: u8 = 7;
/// The same in µ-law: 120 of 32,768.
const QUIET_ULAW: u8 = 15;

/// Whether nothing can be heard in `payload`. `false` where only decoding would tell.
pub fn is_silent(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::Pcma => loudest(payload, |c| (c ^ 0x55) & 0x7f) <= QUIET_ALAW,
        Codec::Pcmu => loudest(payload, |c| !c & 0x7f) <= QUIET_ULAW,
        Codec::Opus => opus_is_silent(payload),
        Codec::G722 | Codec::L16(_) => false,
    }
}

/// The largest magnitude, where `magnitude` is that of a code.
fn loudest(payload: &[u8], magnitude: impl Fn(u8) -> u8) -> u8 {
    payload.iter().fold(0, |most, code| magnitude(*code).max(most))
}

/// RFC 6716 §3.1: the TOC's upper five bits are the configuration, then stereo, then how many
/// frames follow. Packets of several frames are taken to hold speech.
fn opus_is_silent(payload: &[u8]) -> bool {
    let [toc, first, rest @ ..] = payload else {
        return true; // no frame at all: DTX
    };
    if rest.is_empty() {
        return true;
    }
    let (configuration, stereo, frames) = (toc >> 3, toc & 4 != 0, toc & 3);
    // SILK frames in an Opus frame: 10 and 20 ms hold one, 40 two, 60 three (§3.1, table 2).
    let silk = match (configuration, configuration & 3) {
        (16.., _) => return false,
        (12..16, _) | (_, 0 | 1) => 1,
        (_, length) => length,
    };
    if frames != 0 {
        return false;
    }
    // One activity bit a SILK frame, then whether there is redundancy; for the side channel again.
    let mid = first >> (8 - silk);
    let side = first << (silk + 1) >> (8 - silk);
    mid == 0 && (!stereo || side == 0)
}

/// One member's gate.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Gate {
    /// Everything passes.
    #[default]
    Open,
    /// Everything will; what comes next begins a stream.
    Opening,
    /// Nothing does.
    Closed,
    /// What may hold speech passes, and silence for a while after it.
    Watching {
        /// Samples of certain silence since.
        quiet: u32,
    },
}

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Passage {
    /// It is heard.
    Heard,
    /// It is heard, and packets before it were not: a stream begins.
    Anew,
    /// It is not.
    Kept,
}

impl Gate {
    /// Changes what passes. A member that was not heard sleeps until it speaks.
    pub fn set(&mut self, wanted: Gate) {
        let unheard = self.is_shut() || *self == Gate::Opening;
        *self = match (*self, wanted) {
            (Gate::Watching { .. }, Gate::Watching { .. }) => return,
            (_, Gate::Watching { .. }) if unheard => Gate::Watching { quiet: SLEEP },
            (_, Gate::Open) if unheard => Gate::Opening,
            _ => wanted,
        };
    }

    /// Whether nothing is to be expected from the member's ear.
    pub fn is_shut(&self) -> bool {
        matches!(self, Gate::Closed | Gate::Watching { quiet: SLEEP.. })
    }

    /// Decides over one packet of `samples` at 8 kHz.
    #[inline]
    pub fn pass(&mut self, codec: Codec, payload: &[u8], samples: u32) -> Passage {
        let quiet = match self {
            Gate::Open => return Passage::Heard,
            Gate::Closed => return Passage::Kept,
            Gate::Opening => {
                *self = Gate::Open;
                return Passage::Anew;
            }
            Gate::Watching { quiet } => quiet,
        };
        let slept = *quiet >= SLEEP;
        *quiet = match is_silent(codec, payload) {
            true => quiet.saturating_add(samples),
            false => 0,
        };
        match (slept, *quiet) {
            (true, 1..) => Passage::Kept,
            (true, 0) => Passage::Anew,
            (false, _) => Passage::Heard,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::codec::Encoder;
    use crate::dsp::opus::Settings;
    use crate::dsp::rate::Rate;

    fn coded(codec: Codec, pcm: &[i16]) -> Vec<u8> {
        let mut encoder = Encoder::new(codec, Rate::Khz8, Settings::new).unwrap();
        let mut payload = [0; 500];
        let bytes = encoder.encode(pcm, &mut payload).unwrap();
        payload[..bytes].to_vec()
    }

    #[test]
    fn g711_is_silent_up_to_the_same_magnitude_in_both_laws() {
        for codec in [Codec::Pcma, Codec::Pcmu] {
            let of = |level: i16| is_silent(codec, &coded(codec, &[0, level, -level, 0]));
            assert!(of(0) && of(100), "{codec:?}");
            assert!(!of(200) && !of(i16::MAX), "{codec:?}");
        }
    }

    /// Packets of syllables, four a second, or of a faint noise without any.
    fn opus(level: f64) -> Vec<Vec<u8>> {
        let mut encoder = Encoder::new(Codec::Opus, Rate::Khz8, Settings::new).unwrap();
        let mut seed = 1u32;
        (0..200)
            .map(|n| {
                let pcm: Vec<i16> = (0..160)
                    .map(|k| {
                        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        let noise = f64::from(seed >> 16) / 65_536.0 - 0.5;
                        let at = f64::from(n * 160 + k) / 8_000.0;
                        let syllable = (at * 4.0 * core::f64::consts::TAU).sin().max(0.0);
                        let voice = (at * 150.0 * core::f64::consts::TAU).sin().powi(7);
                        (level * syllable * voice + 20.0 * noise) as i16
                    })
                    .collect();
                let mut payload = [0; 500];
                let bytes = encoder.encode(&pcm, &mut payload).unwrap();
                payload[..bytes].to_vec()
            })
            .collect()
    }

    #[test]
    fn opus_says_itself_whether_anybody_speaks() {
        let silent = |level| opus(level).iter().map(|p| is_silent(Codec::Opus, p)).collect();
        let (speech, noise): (Vec<bool>, Vec<bool>) = (silent(8_000.0), silent(0.0));
        let longest = speech.split(|silent| !silent).map(<[bool]>::len).max();
        assert!(longest < Some(10), "speech is never taken for silence for long: {longest:?}");
        let quiet = noise[50..].iter().filter(|silent| **silent).count();
        assert!(quiet > 120, "{quiet} of 150");
    }

    #[test]
    fn opus_headers_of_every_kind() {
        let silent = |bytes: &[u8]| is_silent(Codec::Opus, bytes);
        assert!(silent(&[]) && silent(&[0x08]) && silent(&[0xf8, 0]), "DTX");
        // SILK 20 ms mono, stereo; 60 ms; hybrid; CELT; two frames.
        assert!(silent(&[0x08, 0x7f, 0]) && !silent(&[0x08, 0x80, 0]));
        assert!(silent(&[0x0c, 0x40, 0]) && !silent(&[0x0c, 0x20, 0]));
        assert!(silent(&[0x18, 0x1f, 0]) && !silent(&[0x18, 0x20, 0]));
        assert!(silent(&[0x68, 0x7f, 0]) && !silent(&[0x68, 0x80, 0]));
        assert!(!silent(&[0x80, 0, 0]) && !silent(&[0x09, 0, 0]));
    }

    #[test]
    fn a_member_sleeps_after_a_while_of_silence_and_wakes_with_the_first_sound() {
        let (silence, sound) = ([0xd5; 160], [0x2a; 160]);
        let mut gate = Gate::default();
        assert_eq!(gate.pass(Codec::Pcma, &silence, 160), Passage::Heard);
        gate.set(Gate::Watching { quiet: 0 });
        let passed =
            (0..30).take_while(|_| gate.pass(Codec::Pcma, &silence, 160) == Passage::Heard);
        assert_eq!(passed.count(), 20);
        assert!(gate.is_shut());
        gate.set(Gate::Watching { quiet: 0 });
        assert!(gate.is_shut(), "setting it again changes nothing");
        assert_eq!(gate.pass(Codec::Pcma, &sound, 160), Passage::Anew);
        assert_eq!(gate.pass(Codec::Pcma, &sound, 160), Passage::Heard);
        gate.set(Gate::Closed);
        assert_eq!(gate.pass(Codec::Pcma, &sound, 160), Passage::Kept);
        gate.set(Gate::Watching { quiet: 0 });
        assert_eq!(gate.pass(Codec::Pcma, &sound, 160), Passage::Anew, "it had not been heard");
        gate.set(Gate::Closed);
        gate.set(Gate::Open);
        assert_eq!(gate.pass(Codec::Pcma, &silence, 160), Passage::Anew);
        assert_eq!(gate.pass(Codec::Pcma, &silence, 160), Passage::Heard);
    }
}
