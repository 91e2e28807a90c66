//! One member of a room: its frame of the tick, its claim to be heard, what it is sent alone.

use super::outlet::{Frames, Key};
use super::seats::Claim;
use super::{FRAME, FRAME_MS, RATE};
use crate::base::LegId;
use crate::dsp::gain::Gain;
use crate::dsp::vad::Vad;
use crate::media::control::{Line, Membership};

/// Samples (5 ms) in which a voice fades that breaks off.
pub(super) const FAREWELL: usize = RATE.samples(5);

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
    /// What is not sent yet of that.
    pub(super) frames: Frames,
    pub(super) gain_out: Gain,
    vad: Vad,
    claim: Claim,
    frame: [i16; FRAME],
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
            frames: Frames::new(0, FRAME_MS),
            gain_out: Gain::new(f32::from(membership.gain_out_db)),
            vad: Vad::new(RATE),
            claim: Claim::default(),
            frame: [0; FRAME],
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
    /// What it said in this tick, as the others hear it.
    pub fn frame(&self) -> &[i16; FRAME] {
        &self.frame
    }
    /// Room for what it says in this tick, to be [`judged`](Member::judge) then.
    pub fn frame_mut(&mut self) -> &mut [i16; FRAME] {
        &mut self.frame
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
    pub(in crate::media) fn frames_mut(&mut self) -> &mut Frames {
        &mut self.frames
    }

    /// Another stream, another membership.
    pub(super) fn arrange(&mut self, key: Option<Key>, outlet: Option<usize>, index: u64) {
        self.claim.set_voice(self.membership.voice().is_some());
        let ptime = |key: Option<Key>| key.map_or(FRAME_MS, |k| k.ptime_ms());
        if ptime(self.key) != ptime(key) || self.key.is_none() {
            (self.alone, self.frames) = (false, Frames::new(index, ptime(key)));
        }
        // Who was coded for alone comes to share at the end of a packet.
        self.alone |= self.key.is_some() && self.outlet.is_none();
        if self.key.map(|k| k.gain_db) != Some(self.membership.gain_out_db) {
            self.gain_out.set_db(f32::from(self.membership.gain_out_db));
        }
        (self.key, self.outlet) = (key, outlet);
    }

    /// Judges the frame that was filled in. Gives whether the member speaks, when that has changed.
    pub fn judge(&mut self) -> Option<bool> {
        let heard = self.vad.frame(&self.frame);
        if self.membership.voice().is_none() {
            return self.claim.pause();
        }
        self.claim.note(heard)
    }

    /// It says nothing in this tick.
    pub fn rest(&mut self) -> Option<bool> {
        self.frame.fill(0);
        self.claim.pause()
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
            self.gain_in.apply(&mut self.frame);
            self.sounds = self.membership.speaks;
        }
        self.sounds
    }

    /// Whether it was heard in the tick before, and has to fade out if it is not any more.
    pub fn is_fading(&self) -> bool {
        !self.gain_in.is_silent()
    }

    /// What a voice that breaks off is followed by, so that nothing clicks: its last samples once more,
    /// backwards and down to nothing.
    pub(super) fn farewell(&self) -> Option<(Line, [i16; FAREWELL])> {
        let line = self.sounds.filter(|_| self.is_fading())?;
        let mut tail = [0; FAREWELL];
        for (n, (tail, sample)) in tail.iter_mut().zip(self.frame.iter().rev()).enumerate() {
            *tail = (i32::from(*sample) * (FAREWELL - n) as i32 / (FAREWELL + 1) as i32) as i16;
        }
        Some((line, tail))
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
