//! Opus (RFC 6716) by libopus, as RTP carries it (RFC 7587): one channel, 8 to 48 kHz.
//!
//! On the path: the sample path, for legs that negotiated Opus. libopus does the coding; this module
//! gives it packets of checked length, keeps a direction within its share of the line, and turns its
//! loss tools on and off.
//!
//! ```text
//!             ┌ packet n: speech n, and n − 1 again in coarse (in-band FEC)
//!   received  n − 2     (n − 1 lost)     n
//!   calls     decode    recover(n)       decode(n)        where n has come in time
//!                       conceal          …                where it has not
//! ```
//!
//! - **The line.** Home agents have 56 kbit/s a direction, headers included. [`Line`] says what is left
//!   for a packet's payload, and no packet is longer than that, whatever the speech.
//! - **In-band FEC** costs bits, so it is on only where loss is expected ([`Encoder::expect_loss`]).
//! - **DTX**: in silence [`Encoder::encode`] returns 0, and nothing is to be sent; but first, and after each
//!   time that the noise is told anew, a packet of a byte or two that says so, or its receiver would take
//!   the pause for losses.
//! - **Packets of 30 and 50 ms** hold frames of 10 ms ([`frames`]), for no single frame is as long. All have to be
//!   of one configuration (RFC 6716 §3.2), so that they are wide-band at most, whatever the rate.
//! - A stereo packet is decoded to one channel. libopus itself converts the rate: an Opus leg that
//!   is bridged with G.711 runs at 8 kHz and needs no resampler.
//!
//! Allocated once, when a coder is made: about 32 kB for an encoder, 88 kB for a decoder, most of it the
//! state of the network that conceals losses.
//!
//! Not here: when to conceal or recover (the jitter buffer's business), the `fmtp` parameters.

mod frames;

use opusic_c as libopus;

use frames::{Frames, beside};

use super::codec::{DecodeError, EncodeError, NoMemory, Short};
use super::rate::Rate;

/// Longest packet that a stream may hold, milliseconds (RFC 6716 §3.4).
pub const LONGEST_MS: u32 = 120;
/// The packet times that an encoder makes, milliseconds. Received are packets of any frames.
pub const PTIMES_MS: [u32; 6] = [10, 20, 30, 40, 50, 60];
/// Those of them that no single frame has, and the frames that they are made of.
const OF_FRAMES_MS: [u32; 2] = [30, 50];
const FRAME_MS: u32 = 10;
/// Lowest bit rate of the codec, bit/s; below it there is no speech.
pub const LEAST_BIT_RATE: u32 = 6_000;
/// Bit rate unless said otherwise, bit/s: wide-band speech that passes for transparent.
pub const DEFAULT_BIT_RATE: u32 = 24_000;
/// Complexity unless said otherwise, of 0 to 10.
pub const DEFAULT_COMPLEXITY: u8 = 5;
/// What libopus is told at least where packets are lost, per cent: at the usual bit rate it makes no
/// copies for fewer, and those it makes for more cost more than they bring (docs/sound.md).
const LEAST_LOSS: u8 = 10;
/// libopus' complexities of a decoder that conceals by its network, and of one that does not.
const DEEP: u8 = 5;
const PLAIN: u8 = 0;
/// Bytes of the longest payload that libopus makes of one frame; longer ones only waste the buffer.
const LONGEST_PAYLOAD: usize = 1_276;
/// Samples of [`LONGEST_MS`] and of the longest packet time at the highest rate.
const LONGEST_DECODED: usize = Rate::Khz48.samples(LONGEST_MS);
const LONGEST_ENCODED: usize = Rate::Khz48.samples(60);
/// The same of what a telephone's call decodes at once, but for rare packet times.
const USUAL_DECODED: usize = Rate::Khz16.samples(20);

/// What one direction of a call may take of the access line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line {
    /// bit/s, headers included.
    pub bit_rate: u32,
    /// Bytes of each packet that are not payload: 40 for RTP over UDP over IPv4, 20 more over IPv6,
    /// 10 more with SRTP's usual tag.
    pub header: u32,
}

impl Default for Line {
    /// 56 kbit/s, IPv4, SRTP.
    fn default() -> Line {
        Line { bit_rate: 56_000, header: 50 }
    }
}

impl Line {
    /// The default, over IPv4 or IPv6, by itself or with SRTP's longest tag (AES-GCM: RFC 7714 §13.2).
    pub fn over(ipv6: bool, protected: bool) -> Line {
        let header = if ipv6 { 60 } else { 40 } + if protected { 16 } else { 10 };
        Line { header, ..Line::default() }
    }

    /// Most bytes of payload in each packet of `ptime_ms`. `None` where less than
    /// [`LEAST_BIT_RATE`] would be left: such a packet time does not fit the line.
    pub fn payload(self, ptime_ms: u32) -> Option<usize> {
        let whole = u64::from(self.bit_rate) * u64::from(ptime_ms) / 8_000;
        let left = whole.saturating_sub(u64::from(self.header));
        let least = u64::from(LEAST_BIT_RATE * ptime_ms).div_ceil(8_000);
        (left >= least).then_some((left as usize).min(LONGEST_PAYLOAD))
    }
}

/// How an encoder begins; all but the rate can be changed later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Rate of the samples that it takes.
    pub rate: Rate,
    /// Payload bit/s, headers not counted; [`Line`] bounds it.
    pub bit_rate: u32,
    /// Share of packets that will be lost, per cent; 0 turns FEC off.
    pub loss_percent: u8,
    /// Send nothing in silence.
    pub dtx: bool,
    /// 0 (fast) to 10 (best).
    pub complexity: u8,
    /// The bounds of the line.
    pub line: Line,
}

impl Settings {
    /// The usual ones.
    pub fn new(rate: Rate) -> Settings {
        Settings {
            rate,
            bit_rate: DEFAULT_BIT_RATE,
            loss_percent: 0,
            dtx: false,
            complexity: DEFAULT_COMPLEXITY,
            line: Line::default(),
        }
    }
}

fn sample_rate(rate: Rate) -> libopus::SampleRate {
    match rate {
        Rate::Khz8 => libopus::SampleRate::Hz8000,
        Rate::Khz16 => libopus::SampleRate::Hz16000,
        Rate::Khz24 => libopus::SampleRate::Hz24000,
        Rate::Khz48 => libopus::SampleRate::Hz48000,
    }
}

/// Codes one stream.
pub struct Encoder {
    inner: libopus::Encoder,
    settings: Settings,
    /// Packet time that the bit rate is set for, milliseconds; 0 before the first packet.
    ptime_ms: u32,
    /// Whether the last packet said that nobody speaks.
    rests: bool,
}

impl Encoder {
    /// Before the first packet. Values out of range are brought into it.
    pub fn new(settings: Settings) -> Result<Encoder, NoMemory> {
        let inner = libopus::Encoder::new(
            libopus::Channels::Mono,
            sample_rate(settings.rate),
            libopus::Application::Voip,
        );
        let inner = inner.map_err(|_| NoMemory)?;
        let mut encoder = Encoder { inner, settings, ptime_ms: 0, rests: false };
        accepted(encoder.inner.set_signal(libopus::Signal::Voice));
        encoder.set_complexity(settings.complexity);
        encoder.set_dtx(settings.dtx);
        encoder.expect_loss(settings.loss_percent);
        Ok(encoder)
    }

    /// As it stands.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Samples by which its output, once decoded, is late.
    pub fn delay(&mut self) -> usize {
        self.inner.get_look_ahead().unwrap_or(0) as usize
    }

    /// Codes one packet of [`PTIMES_MS`] and returns its length. 0: silence, nothing is to be sent.
    /// `payload` needs room for [`Line::payload`] bytes at most; with less, quality suffers first.
    pub fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> Result<usize, EncodeError> {
        let rate = self.settings.rate;
        let ptime_ms = PTIMES_MS
            .into_iter()
            .find(|&ms| rate.samples(ms) == samples.len())
            .ok_or(EncodeError::Frame { samples: samples.len() })?;
        let most = self.settings.line.payload(ptime_ms).ok_or(EncodeError::Line { ptime_ms })?;
        if self.ptime_ms != ptime_ms {
            self.ptime_ms = ptime_ms;
            self.fit();
            let band = match OF_FRAMES_MS.contains(&ptime_ms) {
                true => libopus::Bandwidth::Wide,
                false => libopus::Bandwidth::Auto,
            };
            accepted(self.inner.set_bandwidth(band));
        }
        let room = payload.len().min(most);
        let coded = match OF_FRAMES_MS.contains(&ptime_ms) {
            true => self.encode_frames(samples, &mut payload[..room]),
            false => self.encode_one(samples, &mut payload[..room]),
        };
        let Some(bytes) = coded else {
            return Err(EncodeError::Room(Short { needed: most, has: room }));
        };
        let rests = self.settings.dtx && is_dtx(&payload[..bytes]);
        let told = core::mem::replace(&mut self.rests, rests);
        Ok(if rests && told { 0 } else { bytes })
    }

    /// Codes one packet of several frames. Frames that nobody speaks in make a packet of one of them, which says
    /// so. One of another configuration ends the packet before it and is lost; it comes at a bit rate that
    /// falls below what wide-band takes, if ever.
    fn encode_frames(&mut self, samples: &[i16], payload: &mut [u8]) -> Option<usize> {
        let length = self.settings.rate.samples(FRAME_MS);
        let count = samples.len() / length;
        // A first byte is there for each frame, and goes.
        let most = payload.len().checked_sub(beside(count))? / count + 1;
        let (mut frames, mut same, mut rests) = (Frames::new(), true, 0);
        let mut one = [0; LONGEST_PAYLOAD];
        let one = &mut one[..most.min(LONGEST_PAYLOAD)];
        for samples in samples.chunks_exact(length) {
            let bytes = self.encode_one(samples, one)?;
            rests += usize::from(is_dtx(&one[..bytes]));
            same = same && frames.take(&one[..bytes]);
        }
        if self.settings.dtx && rests == count {
            payload[0] = one[0];
            return Some(1);
        }
        frames.write(payload).ok()
    }

    /// Codes one packet of one frame, or of several of 20 ms as libopus makes them.
    fn encode_one(&mut self, samples: &[i16], payload: &mut [u8]) -> Option<usize> {
        let mut input = [0; LONGEST_ENCODED];
        let input = &mut input[..samples.len()];
        for (place, &sample) in input.iter_mut().zip(samples) {
            *place = sample as u16; // libopus' binding names the bits so
        }
        self.inner.encode_to_slice(input, payload).ok()
    }

    /// Payload bit/s from the next packet on, at least [`LEAST_BIT_RATE`].
    pub fn set_bit_rate(&mut self, bit_rate: u32) {
        self.settings.bit_rate = bit_rate;
        self.fit();
    }

    /// The line has other bounds from the next packet on.
    pub fn set_line(&mut self, line: Line) {
        self.settings.line = line;
        self.fit();
    }

    /// Tells how many packets of a hundred are lost on the way: from 1 on speech is sent again in the
    /// packet after, the more so the more are lost.
    pub fn expect_loss(&mut self, percent: u8) {
        let percent = percent.min(100);
        self.settings.loss_percent = percent;
        let fec = if percent == 0 { libopus::InbandFec::Off } else { libopus::InbandFec::Mode1 };
        accepted(self.inner.set_inband_fec(fec));
        let told = if percent == 0 { 0 } else { percent.max(LEAST_LOSS) };
        accepted(self.inner.set_packet_loss(told));
    }

    /// Whether to send nothing in silence.
    pub fn set_dtx(&mut self, dtx: bool) {
        self.settings.dtx = dtx;
        accepted(self.inner.set_dtx(dtx));
    }

    /// Forgets what was coded so far: the next packet does not build on it. Settings stay.
    pub fn reset(&mut self) {
        self.rests = false;
        accepted(self.inner.reset());
    }

    /// 0 (fast) to 10 (best).
    pub fn set_complexity(&mut self, complexity: u8) {
        let complexity = complexity.min(10);
        self.settings.complexity = complexity;
        accepted(self.inner.set_complexity(complexity));
    }

    /// Sets the bit rate that the packet time leaves of the one that is wanted.
    fn fit(&mut self) {
        let ptime = self.ptime_ms.max(10);
        let Some(bytes) = self.settings.line.payload(ptime) else {
            return; // encode refuses this packet time
        };
        let most = bytes as u32 * 8_000 / ptime;
        let bit_rate = self.settings.bit_rate.clamp(LEAST_BIT_RATE, most.max(LEAST_BIT_RATE));
        accepted(self.inner.set_bitrate(libopus::Bitrate::Value(bit_rate)));
    }
}

/// libopus refuses only values out of range, and those were brought into it.
fn accepted(result: Result<(), libopus::ErrorCode>) {
    debug_assert!(result.is_ok(), "{result:?}");
}

/// Samples of `rate` that a packet holds, by its first bytes.
pub fn samples(payload: &[u8], rate: Rate) -> Result<usize, DecodeError> {
    let malformed = DecodeError::Malformed { bytes: payload.len() };
    if payload.is_empty() {
        return Err(malformed);
    }
    libopus::utils::get_nb_samples(payload, sample_rate(rate)).map_err(|_| malformed)
}

/// Whether a packet says that nobody speaks (DTX): it holds no frame, or one of a byte, and until the
/// next one comes nothing is missing.
pub fn is_dtx(payload: &[u8]) -> bool {
    payload.len() <= 2
}

/// Whether a packet also holds a copy of the one before it (in-band FEC, RFC 6716 §4.2.4). Seen in the
/// first bytes of its first frame; packets of many frames, which nobody sends with FEC, count as
/// without.
pub fn has_copy(payload: &[u8]) -> bool {
    let Some(&toc) = payload.first() else { return false };
    // SILK frames of 20 ms in an Opus frame, by the configuration (§3.1): none in CELT alone.
    let frames = match toc >> 3 {
        config @ 0..12 => [1, 1, 2, 3][usize::from(config & 3)],
        12..16 => 1,
        _ => return false,
    };
    let first = match toc & 3 {
        0 | 1 => 1,
        2 => payload.get(1).map_or(1, |length| if *length < 252 { 2 } else { 3 }),
        _ => return false,
    };
    // One bit of voice activity for each, then the flag.
    payload.get(first).is_some_and(|flags| flags >> (7 - frames) & 1 == 1)
}

/// Decodes one stream.
pub struct Decoder {
    inner: libopus::Decoder,
    rate: Rate,
    /// Whether its network makes up what is lost.
    deep: bool,
}

impl Decoder {
    /// Before the first packet, to samples of `rate`.
    pub fn new(rate: Rate) -> Result<Decoder, NoMemory> {
        let inner = libopus::Decoder::new(libopus::Channels::Mono, sample_rate(rate));
        Ok(Decoder { inner: inner.map_err(|_| NoMemory)?, rate, deep: false })
    }

    /// Forgets the stream: the next packet begins another.
    pub fn reset(&mut self) {
        accepted(self.inner.reset());
    }

    /// Whether losses are made up by libopus' neural network from now on, or by its older means: those
    /// cost a tenth, and are worth a third of a point of PESQ less when losses come in bursts
    /// (docs/decisions/0009). Only for wide-band speech; where the packet has less, nothing changes.
    pub fn set_deep(&mut self, deep: bool) {
        if self.deep != deep {
            self.deep = deep;
            accepted(self.inner.set_complexity(if deep { DEEP } else { PLAIN }));
        }
    }

    /// Samples that a packet holds at this decoder's rate, by its first bytes.
    pub fn samples(&self, payload: &[u8]) -> Result<usize, DecodeError> {
        samples(payload, self.rate)
    }

    /// Decodes a packet and returns its samples' number. A malformed one leaves the stream as it was
    /// and may be concealed.
    pub fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, DecodeError> {
        let needed = self.samples(payload)?;
        let has = out.len();
        let out = out.get_mut(..needed).ok_or(DecodeError::Room(Short { needed, has }))?;
        self.run(payload, out, false)
    }

    /// Fills `out` with what the packet before `next` may have held, from the coarse copy in `next`
    /// or, where it has none, by concealment. `next` itself is decoded afterwards as usual.
    pub fn recover(&mut self, next: &[u8], out: &mut [i16]) -> Result<usize, DecodeError> {
        self.samples(next)?;
        self.gap(out.len())?;
        self.run(next, out, true)
    }

    /// Fills `out` with what a lost packet may have held. Its length is a multiple of 2.5 ms, up to
    /// [`LONGEST_MS`].
    pub fn conceal(&mut self, out: &mut [i16]) -> Result<usize, DecodeError> {
        self.gap(out.len())?;
        self.run(&[], out, false)
    }

    /// Checks the length of what is missing.
    fn gap(&self, samples: usize) -> Result<(), DecodeError> {
        let least = self.rate.samples(5) / 2;
        let fits = (least..=self.rate.samples(LONGEST_MS)).contains(&samples);
        if fits && samples.is_multiple_of(least) {
            Ok(())
        } else {
            Err(DecodeError::Gap { samples })
        }
    }

    fn run(&mut self, payload: &[u8], out: &mut [i16], fec: bool) -> Result<usize, DecodeError> {
        // Nearly all is a packet of 20 ms at 8 or 16 kHz: what no one asked for is not cleared.
        match out.len() {
            0..=USUAL_DECODED => self.run_in(&mut [0; USUAL_DECODED], payload, out, fec),
            _ => self.run_in(&mut [0; LONGEST_DECODED], payload, out, fec),
        }
    }

    /// libopus' binding names samples' bits unsigned: by way of `room`.
    fn run_in(
        &mut self,
        room: &mut [u16],
        payload: &[u8],
        out: &mut [i16],
        fec: bool,
    ) -> Result<usize, DecodeError> {
        let room = &mut room[..out.len()];
        let count = self
            .inner
            .decode_to_slice(payload, room, fec)
            .map_err(|_| DecodeError::Malformed { bytes: payload.len() })?;
        for (sample, &bits) in out.iter_mut().zip(room.iter()) {
            *sample = bits as i16;
        }
        Ok(count)
    }
}

impl core::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Encoder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl core::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Decoder").field("rate", &self.rate).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
