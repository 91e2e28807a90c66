//! One recorded stream through its decoder: packets in the order in which they were sent, whatever
//! order they came in, and what is lost between them made up.
//!
//! ```text
//!   came        1  2  4  3  5        7  8  9
//!   decoded     1  2  3  4  5   ?    7  8  9       6 is waited for, then made up when 7 is decoded
//!   laid        ├──┼──┼──┼──┼╌╌╌┼──┼──┼──┤         each at its own place on the recording's clock
//! ```
//!
//! A decoder with a state (Opus, G.722) that meets a hole or a packet out of turn answers with noise, and
//! goes on wrongly. So a packet before which one is missing waits for [`PATIENCE`]; by then what is
//! missing is lost: Opus makes it up from the copy in the packet behind it or by its own means, of
//! G.722 what leads from the one side to the other is made, and its decoder follows
//! ([`Voice`]). While an Opus sender says that nobody speaks there is noise, as its listener hears. Where a
//! key was sent instead of audio (RFC 4733 §2.1) there is silence, however many packets it took: they
//! have numbers among those of audio, and are not lost.
//!
//! Not here: where a packet lies ([`Placer`](super::Placer)), how samples lie in the file.

use super::batch::Waiting;
use super::unpack::{Block, Scratch, in_format};
use super::{Heard, Placement};
use crate::base::seq::diff16;
use crate::base::{Duration, Time};
use crate::dsp::codec::{Codec, OpenError};
use crate::dsp::rate::Rate;
use crate::dsp::resample::stream::Resampler;
use crate::media::control::RecordFormat;
use crate::media::jitter::LONGEST_PACKET;
use crate::media::jitter::voice::Voice;

/// How long a packet waits for those before it.
pub const PATIENCE: Duration = Duration::from_millis(100);
/// A hole longer than this many samples, 1 s, is silence, and the stream begins anew behind it.
const LONGEST_HOLE: u64 = 8_000;
/// Most of a hole that is made up at once, samples: what an Opus decoder takes, 120 ms.
pub(super) const LONGEST_PART: usize = 960;

/// What a packet is to those that were decoded before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Follows {
    /// It begins a stream, or goes on behind a hole that is too long.
    Anew,
    /// It goes on where they ended, so far as the sender is concerned: at another place, maybe.
    Sequel,
    /// For so many samples no audio was sent: nothing at all, or a key, or comfort noise.
    Pause(u64),
    /// So many samples before it are missing.
    Hole(u64),
    /// What follows it has been decoded.
    Late,
}

/// What the packet that follows has, if nothing is missing before it.
#[derive(Clone, Copy, Debug)]
struct Next {
    run: u32,
    ssrc: u32,
    sequence: u16,
    position: u64,
}

/// One stream's decoder, to samples of 8 kHz.
#[derive(Debug)]
pub(super) struct StreamDecoder {
    codec: Codec,
    format: RecordFormat,
    voice: Voice,
    /// Samples of the voice in one of 8 kHz.
    k: usize,
    resampler: Resampler,
    next: Option<Next>,
}

impl StreamDecoder {
    /// For packets of `codec`, to samples of `format`; `seed` for its noise. Allocates all that it needs.
    pub(super) fn new(
        codec: Codec,
        format: RecordFormat,
        seed: u64,
    ) -> Result<StreamDecoder, OpenError> {
        let rate = codec.rate_beside(Rate::Khz8);
        Ok(StreamDecoder {
            codec,
            format,
            voice: Voice::new(codec, rate, seed)?,
            k: rate.per_slot(),
            resampler: Resampler::new(rate, Rate::Khz8),
            next: None,
        })
    }

    /// What it decodes.
    pub(super) fn codec(&self) -> Codec {
        self.codec
    }

    /// The next packet does not continue what was decoded.
    pub(super) fn forget(&mut self) {
        self.next = None;
    }

    fn follows(&self, packet: &Waiting<'_>, placed: Placement) -> Follows {
        let Some(next) = self.next.filter(|_| !packet.anew) else { return Follows::Anew };
        let Heard { ssrc, sequence, .. } = packet.heard;
        if placed.run != next.run {
            let goes_on = (ssrc, sequence) == (next.ssrc, next.sequence);
            return if goes_on { Follows::Sequel } else { Follows::Anew };
        }
        let gap = placed.position.saturating_sub(next.position);
        match (diff16(sequence, next.sequence), gap) {
            (..0, _) => Follows::Late,
            (_, 0) => Follows::Sequel,
            (0, gap) => Follows::Pause(gap),
            (_, gap) if packet.aside => Follows::Pause(gap),
            (_, ..=LONGEST_HOLE) => Follows::Hole(gap),
            _ => Follows::Anew,
        }
    }

    /// Whether `packet` should wait at `now`: one before it may still come.
    pub(super) fn waits(&self, now: Time, packet: &Waiting<'_>, placed: Placement) -> bool {
        let patient = now.since(packet.arrival) < PATIENCE;
        patient && matches!(self.follows(packet, placed), Follows::Hole(_))
    }

    /// Decodes `packet`, which lies there, and makes up what is missing before it; what comes of it goes
    /// to `lay`. Gives the samples of it that came too late to be of use.
    pub(super) fn take(
        &mut self,
        packet: &Waiting<'_>,
        placed: Placement,
        scratch: &mut Scratch,
        lay: &mut impl FnMut(Block<'_>),
    ) -> u64 {
        let follows = self.follows(packet, placed);
        let Heard { ssrc, sequence, samples, .. } = packet.heard;
        if follows == Follows::Late {
            return u64::from(samples);
        }
        if packet.payload.is_empty() {
            // Not to be kept; what comes after it continues nothing that is heard.
            self.next = None;
            return 0;
        }
        let mut out = Laying { scratch, lay };
        let position = placed.position;
        let decoded = match follows {
            Follows::Hole(gap) => self.cross(packet, placed, gap as usize, &mut out),
            Follows::Pause(gap) if gap <= LONGEST_HOLE && self.voice.rests() => {
                self.rest(position - gap, gap as usize, &mut out);
                self.plain(packet, placed, &mut out)
            }
            Follows::Pause(_) => {
                self.resampler.reset();
                self.voice.join();
                self.plain(packet, placed, &mut out)
            }
            Follows::Anew => {
                self.resampler.reset();
                self.voice.restart();
                self.plain(packet, placed, &mut out)
            }
            Follows::Sequel | Follows::Late => self.plain(packet, placed, &mut out),
        };
        // One that is none of the codec's is lost like one that never came.
        if let Some(count) = decoded {
            let end = (position + count as u64).saturating_add_signed(placed.adjust.into());
            let sequence = sequence.wrapping_add(1);
            self.next = Some(Next { run: placed.run, ssrc, sequence, position: end });
        }
        0
    }

    /// Decodes a packet before which nothing is missing; gives its samples' number.
    fn plain(
        &mut self,
        packet: &Waiting<'_>,
        placed: Placement,
        out: &mut Laying<'_, impl FnMut(Block<'_>)>,
    ) -> Option<usize> {
        let wide = &mut out.scratch.wide;
        let count = self.voice.decode(packet.payload, &mut wide[..LONGEST_PACKET * self.k])?;
        self.voice.heard(&mut wide[..count * self.k]);
        out.lay(self, 0, count, placed.position, placed.adjust);
        Some(count)
    }

    /// Fills the `gap` before a packet, and decodes that; gives its samples' number.
    fn cross(
        &mut self,
        packet: &Waiting<'_>,
        placed: Placement,
        gap: usize,
        out: &mut Laying<'_, impl FnMut(Block<'_>)>,
    ) -> Option<usize> {
        let length = packet.heard.samples as usize;
        let mut left = gap;
        let at = |left: usize| placed.position - left as u64;
        if self.voice.rests() {
            // It tells of noise anew, or speech begins with it: what is lost was noise too.
            self.rest(at(gap), gap, out);
            return self.plain(packet, placed, out);
        }
        loop {
            let made = self.voice.before_bridge(left, length, LONGEST_PART).min(LONGEST_PART);
            if made == 0 {
                break;
            }
            self.voice.lost(&mut out.scratch.wide[..made * self.k]);
            out.lay(self, 0, made, at(left), 0);
            left -= made;
        }
        let room = &mut out.scratch.wide[..(left + LONGEST_PACKET) * self.k];
        let count = self.voice.bridge(left, length, packet.payload, room)?;
        out.lay(self, 0, left, at(left), 0);
        out.lay(self, left, count, placed.position, placed.adjust);
        Some(count)
    }

    /// Noise for so many samples from `position` on.
    fn rest(&mut self, position: u64, samples: usize, out: &mut Laying<'_, impl FnMut(Block<'_>)>) {
        for from in (0..samples).step_by(LONGEST_PART) {
            let part = LONGEST_PART.min(samples - from);
            self.voice.noise(&mut out.scratch.wide[..part * self.k]);
            out.lay(self, 0, part, position + from as u64, 0);
        }
    }
}

/// Where samples go that were decoded.
struct Laying<'a, F> {
    scratch: &'a mut Scratch,
    lay: &'a mut F,
}

impl<F: FnMut(Block<'_>)> Laying<'_, F> {
    /// Lays `count` of the samples in the scratch, from the one after `skipped` on, at `position`.
    fn lay(
        &mut self,
        decoder: &mut StreamDecoder,
        skipped: usize,
        count: usize,
        position: u64,
        adjust: i8,
    ) {
        let Scratch { wide, pcm, bytes } = &mut *self.scratch;
        let wide = &wide[skipped * decoder.k..(skipped + count) * decoder.k];
        let made = decoder.resampler.process(wide, pcm).unwrap_or(0);
        let samples = in_format(decoder.format, &pcm[..made], bytes);
        if !samples.is_empty() {
            (self.lay)(Block { position, adjust, samples });
        }
    }
}
