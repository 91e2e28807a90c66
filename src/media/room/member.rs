//! One member of a room: its frame of the tick, its claim to be heard, what it is sent alone.

use super::outlet::{Key, Packetizer};
use super::seats::Claim;
use super::{FRAME_MS, WIDE_FRAME};
use crate::base::LegId;
use crate::dsp::agc::{Agc, Settings};
use crate::dsp::gain::Gain;
use crate::dsp::limiter::Limiter;
use crate::dsp::rate::Rate;
use crate::dsp::vad::Vad;
use crate::media::control::{Line, Membership};

/// A leg in a room.
#[derive(Debug)]
pub struct Member {
    /// Its leg, by slot and by name.
    pub(super) slot: u32,
    leg: LegId,
    /// What it is.
    pub(super) membership: Membership,
    /// What it hears in which form; `None` before that was negotiated.
    pub(super) key: Option<Key>,
    /// The coding that it shares when it is silent.
    pub(super) outlet: Option<usize>,
    /// Its packets are coded for it alone.
    pub(super) alone: bool,
    /// What is not sent yet of that. Apart, as its frame is: each tick goes through all members, most of
    /// which are silent, and what it looks at of them lies close together.
    pub(super) packetizer: Box<Packetizer>,
    pub(super) gain_out: Gain,
    /// Keeps what it hears alone below full scale.
    pub(super) limiter: Limiter,
    /// The rate at which it speaks and hears.
    rate: Rate,
    vad: Vad,
    /// Brings its voice to the level of the others, where that is wanted.
    agc: Option<Agc>,
    claim: Claim,
    /// What it says in this tick, in the first samples: as many as its rate has.
    frame: Box<[i16; WIDE_FRAME]>,
    /// There is nothing in it.
    silent: bool,
    /// Its way to the others, and where that goes: its gain when it is heard, nothing when not.
    gain_in: Gain,
    target: Option<i8>,
    /// The line on which its frame of this tick is heard.
    sounds: Option<Line>,
}

/// Where a member is heard in this tick, seen from itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sound {
    /// On a line that it hears: its own voice has to be taken out.
    Heard,
    /// On one that it does not hear.
    Elsewhere,
    /// Nowhere.
    None,
}

impl Member {
    pub(super) fn new(slot: u32, leg: LegId, membership: Membership) -> Member {
        Member {
            slot,
            leg,
            membership,
            key: None,
            outlet: None,
            alone: false,
            packetizer: Box::new(Packetizer::new(0, FRAME_MS, Rate::Khz8)),
            gain_out: Gain::new(f32::from(membership.gain_out_db)),
            limiter: Limiter::new(Rate::Khz8),
            rate: Rate::Khz8,
            vad: Vad::new(Rate::Khz8),
            agc: None,
            claim: Claim::default(),
            frame: Box::new([0; WIDE_FRAME]),
            silent: true,
            gain_in: Gain::MUTED,
            target: None,
            sounds: None,
        }
    }

    /// Its leg's slot.
    pub fn slot(&self) -> u32 {
        self.slot
    }
    /// Its leg.
    pub fn leg(&self) -> LegId {
        self.leg
    }
    /// What it is.
    pub fn membership(&self) -> &Membership {
        &self.membership
    }
    /// Whether its voice is in this tick's mix.
    pub fn is_heard(&self) -> bool {
        self.sounds.is_some()
    }
    /// How loud it is, dBm0.
    pub fn dbm0(&self) -> f32 {
        self.claim.dbm0()
    }
    /// The rate at which it speaks and hears.
    pub fn rate(&self) -> Rate {
        self.rate
    }
    /// What it said in this tick, as the others hear it.
    pub fn frame(&self) -> &[i16] {
        &self.frame[..self.rate.samples(FRAME_MS)]
    }
    /// Room for what it says in this tick, to be [`judged`](Member::judge) then.
    pub fn frame_mut(&mut self) -> &mut [i16] {
        self.silent = false;
        &mut self.frame[..self.rate.samples(FRAME_MS)]
    }

    /// The coding that it shares when it is silent.
    pub fn outlet(&self) -> Option<usize> {
        self.outlet
    }
    /// Whether it shares the `n`-th coding in this tick.
    pub fn shares(&self, n: usize) -> bool {
        self.outlet == Some(n) && !self.alone
    }
    /// Whether it is coded for alone in this tick: the milliseconds of its packets.
    pub fn alone(&self) -> Option<u32> {
        let key = self.key?;
        (self.alone || self.outlet.is_none()).then_some(key.ptime_ms())
    }
    pub(in crate::media) fn packetizer_mut(&mut self) -> &mut Packetizer {
        &mut self.packetizer
    }

    /// Another stream, another membership.
    pub(super) fn arrange(&mut self, key: Option<Key>, outlet: Option<usize>, index: u64) {
        self.claim.set_voice(self.membership.voice().is_some());
        let form = |key: Option<Key>| key.map(|key| (key.ptime_ms(), key.rate()));
        if form(self.key) != form(key) || self.key.is_none() {
            self.alone = false;
            self.key = key;
            self.begin_packets(index);
        }
        match self.membership.agc {
            false => self.agc = None,
            true if self.agc.is_some() => {}
            true => self.agc = Some(Agc::new(self.rate, Settings::default())),
        }
        // Who was coded for alone comes to share at the end of a packet.
        self.alone |= self.key.is_some() && self.outlet.is_none();
        if self.key.map(|k| k.gain_db) != Some(self.membership.gain_out_db) {
            self.gain_out.set_db(f32::from(self.membership.gain_out_db));
        }
        (self.key, self.outlet) = (key, outlet);
    }

    /// It speaks and hears at another rate from now on.
    pub(super) fn set_rate(&mut self, rate: Rate) {
        self.rate = rate;
        (self.vad, self.limiter) = (Vad::new(rate), Limiter::new(rate));
        // What was heard of it last was of another length.
        (self.gain_in, self.target, self.sounds) = (Gain::MUTED, None, None);
        self.hush();
        self.agc = None;
    }

    /// Its packets begin anew at the tick `index`.
    pub(super) fn begin_packets(&mut self, index: u64) {
        let ptime_ms = self.key.map_or(FRAME_MS, |key| key.ptime_ms());
        *self.packetizer = Packetizer::new(index, ptime_ms, self.rate);
    }

    /// Judges the frame that was filled in. Gives whether the member speaks, when that has changed.
    pub fn judge(&mut self) -> Option<bool> {
        let frame = &mut self.frame[..self.rate.samples(FRAME_MS)];
        let heard = self.vad.frame(frame);
        if self.membership.voice().is_none() {
            return self.claim.pause();
        }
        if let Some(agc) = &mut self.agc {
            agc.process(frame, heard);
        }
        self.claim.note(heard)
    }

    /// It says nothing in this tick.
    pub fn rest(&mut self) -> Option<bool> {
        self.hush();
        self.claim.pause()
    }

    fn hush(&mut self) {
        if !core::mem::replace(&mut self.silent, true) {
            self.frame.fill(0);
        }
    }

    /// Whether it was told to speak.
    pub fn speaks(&self) -> bool {
        self.claim.speaks()
    }

    /// Makes the frame what the others hear of it: faded in when it gets its seat, out when it loses
    /// it. Gives the line on which that is.
    pub(super) fn offer(&mut self) -> Option<Line> {
        let voice = self.membership.voice().filter(|_| self.claim.is_seated());
        let target = voice.map(|_| self.membership.gain_in_db);
        if target != self.target {
            self.target = target;
            match target {
                Some(db) => self.gain_in.set_db(f32::from(db)),
                None => self.gain_in.mute(),
            }
        }
        self.sounds = None;
        if target.is_some() || self.is_fading() {
            self.gain_in.apply(&mut self.frame[..self.rate.samples(FRAME_MS)]);
            self.sounds = self.membership.speaks;
        }
        self.sounds
    }

    /// Whether it was heard in the tick before, and has to fade out if it is not any more.
    pub fn is_fading(&self) -> bool {
        !self.gain_in.is_silent()
    }

    /// The line on which it is heard in the midst of a sound.
    pub(super) fn breaks_off(&self) -> Option<Line> {
        self.sounds.filter(|_| self.is_fading())
    }

    pub(super) fn sound(&self) -> Sound {
        match self.sounds {
            Some(line) if self.membership.ears().has(line) => Sound::Heard,
            Some(_) => Sound::Elsewhere,
            None => Sound::None,
        }
    }
}

impl AsRef<Claim> for Member {
    fn as_ref(&self) -> &Claim {
        &self.claim
    }
}
impl AsMut<Claim> for Member {
    fn as_mut(&mut self) -> &mut Claim {
        &mut self.claim
    }
}
