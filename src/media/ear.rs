//! What makes a received stream audible to us: for the sample path and for digits in the audio.
//!
//! ```text
//!   payload ─▶ decoder ─▶ 8 kHz ─▶ jitter buffer ─▶ whoever hears it, digit detector
//!                 │
//!                 └ Opus, packets missing before this one: what they may have held is made up
//!                   first, the last of them from the copy in this one (in-band FEC)
//! ```
//!
//! Decoded is what comes, when it comes: the decoders of Opus and G.722 carry their state from packet
//! to packet. An Opus packet that others overtook has been made up for by then and is not decoded.
//! What is missing while nothing later has come is concealed by the jitter buffer.

use super::jitter::Jitter;
use crate::base::Time;
use crate::base::seq::{diff32, extend32};
use crate::dsp::codec::{Codec, OpenError};
use crate::dsp::dtmf_detect::{Detected, Detector};
use crate::dsp::narrow::Decoder;

/// The longest hole that a decoder fills itself, samples: 120 ms, what libopus makes up at once.
const LONGEST_GAP: i32 = 960;
/// Lost packets are made up in steps of so many samples: 2.5 ms.
const GAP_STEP: i32 = 20;
/// A timestamp further back than this many samples (1 s) is no late packet's.
const LATEST: i32 = 8_000;
/// Where extended timestamps begin: so far from zero that nothing runs below it.
const FIRST: u64 = 1 << 40;

/// A stream's timestamps in samples of 8 kHz, whatever its clock: a 32-bit counter like them, which
/// goes on without a leap where they wrap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Narrowed {
    ticks: u32,
    newest: u64,
}

impl Narrowed {
    /// Of a codec's clock.
    pub(super) fn new(codec: Codec) -> Narrowed {
        Narrowed { ticks: codec.ticks_per_sample(), newest: FIRST }
    }

    /// Ticks of the clock in a sample.
    pub(super) fn ticks(&self) -> u32 {
        self.ticks
    }

    /// `timestamp` in samples.
    #[inline]
    pub(super) fn at(&mut self, timestamp: u32) -> u32 {
        if self.ticks == 1 {
            return timestamp;
        }
        let at = extend32(timestamp, self.newest);
        // Modulo what a 32-bit counter of samples can tell apart, so that no row of leaps runs out.
        let circle = u64::from(self.ticks) << 32;
        self.newest = FIRST.next_multiple_of(circle) + at % circle;
        (at / u64::from(self.ticks)) as u32
    }
}

/// One packet of audio.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spoken<'a> {
    /// It begins a stream.
    pub(super) first: bool,
    /// Packets are missing right before it.
    pub(super) missing: bool,
    /// Its timestamp and length, samples.
    pub(super) timestamp: u32,
    pub(super) samples: u32,
    pub(super) payload: &'a [u8],
}

/// One leg's ear.
#[derive(Debug)]
pub(super) struct Ear {
    pub(super) jitter: Jitter,
    detector: Detector,
    decoder: Decoder,
    /// Timestamp after the newest packet that was decoded.
    next: Option<u32>,
}

impl Ear {
    /// For a stream of `codec`.
    pub(super) fn new(codec: Codec) -> Result<Ear, OpenError> {
        let decoder = Decoder::new(codec)?;
        Ok(Ear { jitter: Jitter::new(), detector: Detector::new(), decoder, next: None })
    }

    /// Takes a packet; `pcm` is room for its samples. One that cannot be decoded counts as lost.
    #[inline]
    pub(super) fn insert(&mut self, now: Time, spoken: Spoken<'_>, pcm: &mut [i16]) {
        if self.decoder.conceals() && !self.make_up(spoken, pcm) {
            return;
        }
        if let Ok(count) = self.decoder.decode(spoken.payload, pcm) {
            self.jitter.insert(now, spoken.first, spoken.timestamp, &pcm[..count]);
        }
    }

    /// Makes up what is missing right before a packet; `false`: the packet came too late itself.
    fn make_up(&mut self, spoken: Spoken<'_>, pcm: &mut [i16]) -> bool {
        let Spoken { timestamp, samples, payload, .. } = spoken;
        let after = timestamp.wrapping_add(samples);
        let expected = self.next.filter(|_| !spoken.first);
        let gap = expected.map_or(0, |next| diff32(timestamp, next));
        if (-LATEST..0).contains(&gap) {
            return false;
        }
        self.next = Some(after);
        let fits = (GAP_STEP..=LONGEST_GAP).contains(&gap) && gap % GAP_STEP == 0;
        let Some(next) = expected.filter(|_| spoken.missing && fits) else {
            return true;
        };
        // The packet tells of the one before it only; that is taken to have been as long.
        let (gap, last) = (gap as usize, (gap as usize).min(samples as usize));
        let Some(pcm) = pcm.get_mut(..gap) else { return true };
        let (early, late) = pcm.split_at_mut(gap - last);
        let early = early.is_empty() || self.decoder.conceal(early).is_ok();
        if early && self.decoder.recover(payload, late).is_ok() {
            self.jitter.fill(next, pcm);
        }
        true
    }

    /// The next samples.
    pub(super) fn hear(&mut self, now: Time, pcm: &mut [i16]) {
        self.jitter.pull(now, pcm);
    }

    /// The digit that begins in `pcm`, which follows what was looked at before. Two cannot begin
    /// within 60 ms.
    pub(super) fn detect(&mut self, pcm: &[i16]) -> Option<char> {
        let mut began = None;
        self.detector.feed(pcm, &mut |detected| {
            if let Detected::Begin { digit, .. } = detected {
                began = Some(digit);
            }
        });
        began
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::dominant_tone;
    use crate::dsp::narrow::Encoder;
    use crate::dsp::opus::Settings;
    use proptest::prelude::*;

    const FRAME: usize = 160;

    /// What an Opus ear makes of a tone whose packets come in this order: number and place in time.
    fn hears(order: &[u32]) -> (Vec<i16>, u64) {
        let settings = |rate| Settings { loss_percent: 30, ..Settings::new(rate) };
        let mut encoder = Encoder::new(Codec::Opus, settings).unwrap();
        let packets: Vec<Vec<u8>> = (0..100)
            .map(|n| {
                let sample = |k: usize| ((n * FRAME + k) as f64 * 0.3).sin() * 8_000.0;
                let pcm: Vec<i16> = (0..FRAME).map(|k| sample(k) as i16).collect();
                let mut payload = [0; 400];
                let bytes = encoder.encode(&pcm, &mut payload).unwrap();
                payload[..bytes].to_vec()
            })
            .collect();
        let (mut ear, mut pcm) = (Ear::new(Codec::Opus).unwrap(), [0; 1_600]);
        let (mut heard, mut newest, mut turn) = (Vec::new(), None, 0);
        for n in order {
            while turn <= *n {
                let mut out = [0; FRAME];
                ear.hear(Time::from_millis(u64::from(turn) * 20), &mut out);
                heard.extend(out);
                turn += 1;
            }
            let spoken = Spoken {
                first: newest.is_none(),
                missing: newest.is_some_and(|newest| *n > newest + 1),
                timestamp: n * FRAME as u32,
                samples: FRAME as u32,
                payload: &packets[*n as usize],
            };
            ear.insert(Time::from_millis(u64::from(*n) * 20), spoken, &mut pcm);
            newest = newest.max(Some(*n));
        }
        (heard, ear.jitter.figures().concealed)
    }

    #[test]
    fn a_lost_opus_packet_is_made_up_from_the_next() {
        let whole: Vec<u32> = (0..100).collect();
        let lossy: Vec<u32> = (0..100).filter(|n| n % 10 != 5).collect();
        for order in [whole, lossy] {
            let (heard, _) = hears(&order);
            let tone = dominant_tone(&heard[1_600..], &[200.0, 382.0, 1_000.0]).unwrap();
            assert!(tone.hz == 382.0 && tone.share > 0.85, "{tone:?}");
        }
    }

    #[test]
    fn an_overtaken_opus_packet_does_no_harm() {
        let mut order: Vec<u32> = (0..100).collect();
        order.swap(50, 51);
        let (heard, _) = hears(&order);
        let tone = dominant_tone(&heard[1_600..], &[200.0, 382.0, 1_000.0]).unwrap();
        assert!(tone.hz == 382.0 && tone.share > 0.85, "{tone:?}");
    }

    proptest! {
        /// A clock of 48 kHz in samples: each step is a sixth, over any wraps and leaps.
        #[test]
        fn steps_are_kept(start in any::<u32>(), steps in prop::collection::vec(any::<i32>(), 0..50)) {
            let mut narrowed = Narrowed::new(Codec::Opus);
            let (mut at, mut is) = (start, narrowed.at(start));
            for step in steps {
                let (step, before) = (step / 6 * 6, is);
                at = at.wrapping_add_signed(step);
                is = narrowed.at(at);
                prop_assert_eq!(diff32(is, before), step / 6);
            }
        }
    }
}
