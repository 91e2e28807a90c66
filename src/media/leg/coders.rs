//! What codes and decodes a leg's audio, made where its codec or the rate of its samples is news: by
//! [`Leg::fit`] alone, so that none is made in vain.

use super::Leg;
use crate::base::Time;
use crate::dsp::narrow::Encoder;
use crate::dsp::opus::{DEFAULT_BIT_RATE, Line, Settings};
use crate::dsp::rate::Rate;
use crate::dsp::resample::stream::Resampler;
use crate::media::bridge::{Audio, Paths};
use crate::media::control::{Codec, OpusTerms, StreamParams};
use crate::media::ear::{Ear, Narrowed};
use crate::media::srtp::Guard;

/// What a coder of `codec` costs to make, in coders of Opus: each takes as long as a hundred packets.
pub(in crate::media) fn cost(codec: Codec) -> u64 {
    u64::from(codec == Codec::Opus)
}

impl Leg {
    /// Goes over to the codec that was negotiated, unless it is the one of before; [`Leg::fit`] makes its coders.
    pub(super) fn code(&mut self, now: Time, params: &StreamParams) {
        let codec = params.codec;
        self.dtmf.set_clock(params.event_clock_hz, codec.clock_rate());
        if self.params.as_ref().is_none_or(|p| p.codec != codec) {
            self.rx.set_clock(codec.clock_rate());
            self.tx.set_clock(now, codec.clock_rate());
            self.narrowed = Narrowed::new(codec);
            self.drop_ear();
            (self.encoder, self.coded) = (None, None);
        }
        self.keep_terms(params.opus, self.line(params));
    }

    /// Makes what codes samples of `rate` for its party, and drops the ear that hears another.
    fn make_coders(&mut self, codec: Codec, rate: Rate) {
        (self.rate, self.coded) = (rate, Some((codec, rate)));
        self.drop_ear();
        let narrow = Rate::Khz8;
        self.widen = (rate != narrow).then(|| Box::new(Resampler::new(narrow, rate)));
        if let Some(beep) = &mut self.beep {
            beep.set_rate(rate);
        }
        self.encoder = Encoder::at(codec, rate, Settings::new).ok().map(Box::new);
    }

    /// What a direction may take of the way to the peer.
    fn line(&self, params: &StreamParams) -> Line {
        let ipv6 = params.remote.is_some_and(|remote| remote.is_ipv6());
        let line = Line::over(ipv6, !matches!(self.guard, Guard::Plain));
        // Packets of 10 ms with the longest headers take more than the line by themselves: a peer that wants
        // them is heard rather than the line kept.
        line.payload(u32::from(params.ptime_ms)).map_or(Line::default(), |_| line)
    }

    /// Lets Opus be coded as the peer wants it.
    fn keep_terms(&mut self, terms: OpusTerms, line: Line) {
        if let Some(opus) = self.encoder.as_mut().and_then(|encoder| encoder.opus()) {
            opus.set_line(line);
            opus.set_bit_rate(self.send_rate.within(terms.bit_rate.min(DEFAULT_BIT_RATE)));
            opus.set_dtx(terms.dtx);
        }
    }

    /// Lets an Opus peer have as many bits as its reports leave it and, if it makes use of it, as much
    /// FEC as they call for.
    pub(in crate::media) fn heed_loss(&mut self) {
        let Some(terms) = self.params.as_ref().map(|p| p.opus) else { return };
        let Some(opus) = self.encoder.as_mut().and_then(|encoder| encoder.opus()) else { return };
        let lost = u32::from(self.rtcp.fraction_lost());
        let percent = if terms.fec { lost * 100 / 256 } else { 0 };
        if u32::from(opus.settings().loss_percent) != percent {
            opus.expect_loss(percent as u8);
        }
        if let Some(lost) = self.rtcp.take_report() {
            let rate = self.send_rate.report(lost, terms.bit_rate.min(DEFAULT_BIT_RATE));
            if opus.settings().bit_rate != rate {
                opus.set_bit_rate(rate);
            }
        }
    }

    /// Makes or drops the ear, and what else depends on the codec and on the rate of the samples that are
    /// heard of the leg and sent to it. Gives how many coders that took that are costly to make.
    pub(in crate::media) fn fit(&mut self, rate: Rate, wants_ear: bool) -> u64 {
        let Some(params) = &self.params else { return 0 };
        let (codec, terms, line) = (params.codec, params.opus, self.line(params));
        let mut made = 0;
        if self.coded != Some((codec, rate)) {
            self.make_coders(codec, rate);
            self.keep_terms(terms, line);
            made += cost(codec);
        }
        match (wants_ear, &mut self.ear) {
            (false, _) => self.drop_ear(),
            (true, Some(_)) => {}
            (true, ear) => {
                *ear = Ear::new(codec, rate, self.id.0).ok().map(Box::new);
                made += cost(codec);
            }
        }
        made
    }

    /// Takes its copies by these paths from now on; `codec` is that of the packets. Allocates where that is
    /// news; gives how many coders that took that are costly to make.
    pub(in crate::media) fn take_copies(&mut self, paths: Paths, codec: Codec) -> u64 {
        let Some(copied) = &mut self.copies else { return 0 };
        let heard_as = (paths.audio == Audio::Samples).then_some(codec);
        let same = copied.heard_as == heard_as && heard_as.is_some() == self.ear.is_some();
        (copied.paths, copied.heard_as) = (paths, heard_as);
        self.hears = paths.audio;
        if same {
            return 0;
        }
        self.drop_ear();
        let ear = heard_as.and_then(|codec| Ear::new(codec, self.rate, self.id.0).ok());
        self.ear = ear.map(Box::new);
        heard_as.map_or(0, cost)
    }

    /// Lets the ear go, but for its figures.
    fn drop_ear(&mut self) {
        self.past = self.figures();
        self.ear = None;
    }
}
