//! What makes a received stream audible to us: for the sample path and for digits in the audio.
//!
//! ```text
//!   packet ─▶ jitter buffer, decoder ─▶ (resampler) ─▶ samples of the ear's rate ─▶ whoever hears it
//!                                                                  └─▶ 8 kHz ─▶ digit detector
//! ```
//!
//! An ear's rate is the lowest at which nothing is lost for who hears it: 8 kHz where either side is of
//! the telephone network, else that of the narrower codec. Not here: who hears it
//! ([`bridge`](super::bridge)), which rate ([`leg`](super::leg)).

use super::jitter::{Arrived, Figures, Heard, Jitter, LONGEST_PULL};
use crate::base::seq::extend32;
use crate::base::{Duration, Time};
use crate::dsp::codec::{Codec, OpenError};
use crate::dsp::dtmf_detect::{Detected, Detector};
use crate::dsp::rate::Rate;
use crate::dsp::resample::stream::Resampler;
use crate::dsp::tone;

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

/// One leg's ear.
#[derive(Debug)]
pub(super) struct Ear {
    jitter: Jitter,
    rate: Rate,
    /// From the jitter buffer's rate to the ear's, where that is none of the codec's: G.722 heard in the
    /// telephone network.
    resampler: Resampler,
    detector: Detector,
    /// From the ear's rate to the detector's.
    narrow: Resampler,
}

impl Ear {
    /// For a stream of `codec`, heard at `rate`; `seed` makes its comfort noise unlike another's.
    pub(super) fn new(codec: Codec, rate: Rate, seed: u64) -> Result<Ear, OpenError> {
        let jitter = Jitter::new(codec, rate, seed)?;
        let resampler = Resampler::new(jitter.rate(), rate);
        let narrow = Resampler::new(rate, Rate::Khz8);
        Ok(Ear { jitter, rate, resampler, detector: Detector::new(), narrow })
    }

    /// Bytes of its jitter buffer.
    pub(super) fn held(&self) -> usize {
        size_of::<Jitter>() + self.jitter.held()
    }

    /// What every packet and every pull meets of it.
    #[inline]
    pub(super) fn place(&self) -> core::ops::Range<*const u8> {
        let start = core::ptr::from_ref(&self.jitter).cast::<u8>();
        start..start.wrapping_add(size_of::<Jitter>())
    }

    /// The rate of the samples that it gives.
    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes a packet of audio that came at `now`.
    #[inline]
    pub(super) fn insert(&mut self, now: Time, packet: Arrived<'_>) {
        self.jitter.insert(now, packet);
    }

    /// Takes a packet of comfort noise (RFC 3389): from `timestamp`, in slots, on nobody speaks.
    pub(super) fn insert_noise(&mut self, timestamp: u32, payload: &[u8]) {
        self.jitter.insert_noise(timestamp, payload);
    }

    /// Whether there is time for Opus' neural concealment in the next pull.
    pub(super) fn set_deep(&mut self, deep: bool) {
        self.jitter.set_deep(deep);
    }

    /// About how long that took since this was last asked.
    pub(super) fn deep_cost(&mut self) -> Duration {
        self.jitter.deep_cost()
    }

    /// The next samples of its rate, for a hearer whose clock says `now`: a whole number of slots (of an
    /// eighth of a millisecond), at most [`LONGEST_PULL`] of them. All of `pcm` is written.
    #[inline]
    pub(super) fn pull(&mut self, now: Time, pcm: &mut [i16]) -> Heard {
        let own = self.jitter.rate();
        if own == self.rate {
            return self.jitter.pull(now, pcm);
        }
        let mut wide = [0; LONGEST_PULL * Rate::Khz48.per_slot()];
        let count = pcm.len() / self.rate.per_slot() * own.per_slot();
        let wide = &mut wide[..count.min(LONGEST_PULL * own.per_slot())];
        let heard = self.jitter.pull(now, wide);
        let filled = self.resampler.process(wide, pcm).unwrap_or(0);
        pcm[filled..].fill(0);
        heard
    }

    /// What happened so far.
    pub(super) fn figures(&self) -> Figures {
        self.jitter.figures()
    }

    /// What sounds in `pcm`, which follows what was looked at before: the digit that begins, of which two
    /// cannot within 60 ms, if `digits` are wanted; the tone that is known now, if those are.
    pub(super) fn detect(
        &mut self,
        pcm: &[i16],
        digits: bool,
        tones: Option<&mut tone::Detector>,
    ) -> (Option<char>, Option<tone::Kind>) {
        let mut began = None;
        let mut slots = [0; LONGEST_PULL];
        let narrow = match self.rate {
            Rate::Khz8 => pcm,
            _ => {
                let count = self.narrow.process(pcm, &mut slots).unwrap_or(0);
                &slots[..count]
            }
        };
        if digits {
            self.detector.feed(narrow, &mut |detected| {
                if let Detected::Begin { digit, .. } = detected {
                    began = Some(digit);
                }
            });
        }
        (began, tones.and_then(|tones| tones.feed(narrow)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::seq::diff32;
    use crate::dsp::level::dominant_tone;
    use crate::dsp::narrow::Encoder;
    use crate::dsp::opus::Settings;
    use crate::media::jitter::Order;
    use proptest::prelude::*;

    const FRAME: usize = 160;

    /// What an Opus ear makes of a tone whose packets come in this order: number and place in time.
    fn hears(order: &[u32]) -> (Vec<i16>, u64) {
        let settings = |rate| Settings { loss_percent: 30, ..Settings::new(rate) };
        let mut encoder = Encoder::new(Codec::Opus, settings).unwrap();
        let packets: Vec<Vec<u8>> = (0..300)
            .map(|n| {
                let sample = |k: usize| ((n * FRAME + k) as f64 * 0.3).sin() * 8_000.0;
                let pcm: Vec<i16> = (0..FRAME).map(|k| sample(k) as i16).collect();
                let mut payload = [0; 400];
                let bytes = encoder.encode(&pcm, &mut payload).unwrap();
                payload[..bytes].to_vec()
            })
            .collect();
        let mut ear = Ear::new(Codec::Opus, Rate::Khz8, 1).unwrap();
        let (mut heard, mut turn) = (Vec::new(), 0);
        for n in order {
            while turn < *n {
                let mut out = [0; FRAME];
                ear.pull(Time::from_millis(u64::from(turn) * 20 + 5), &mut out);
                heard.extend(out);
                turn += 1;
            }
            let packet = Arrived {
                order: match n == order.first().unwrap() {
                    true => Order::Begins,
                    false => Order::Newest,
                },
                timestamp: n * FRAME as u32,
                slots: FRAME as u32,
                payload: &packets[*n as usize],
            };
            ear.insert(Time::from_millis(u64::from(turn) * 20), packet);
        }
        (heard, ear.figures().concealed)
    }

    #[test]
    fn lost_opus_packets_leave_a_tone_a_tone() {
        let whole: Vec<u32> = (0..300).collect();
        let lossy: Vec<u32> = (0..300).filter(|n| n % 10 != 5).collect();
        for order in [whole, lossy] {
            let (heard, _) = hears(&order);
            let tone = dominant_tone(&heard[24_000..], &[200.0, 382.0, 1_000.0]).unwrap();
            assert!(tone.hz == 382.0 && tone.share > 0.7, "{tone:?}");
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
