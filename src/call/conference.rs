//! A conference: who is in it, who may come in, and what its members hear besides each other.
//!
//! ```text
//!             join                    join
//!   (nobody) ─────▶ one: music ─────────────▶ several ──── leave ───▶ one: music …
//!       ▲                │ leave                                            │
//!       └──── over ◀─────┴──────────────────────────────────────────────────┘
//! ```
//!
//! Knows members by their legs; knows no audio: how it is mixed is `media::room`'s. The PIN is asked
//! for by the dialplan, before anybody comes here.

use serde::{Deserialize, Serialize};

use crate::base::{LegId, Time};

/// The most members of one conference.
pub const MAX_MEMBERS: usize = 500;
/// The most conferences at a time.
pub const MAX_CONFERENCES: usize = 1_000;
/// The longest name, in characters.
pub const MAX_NAME: usize = 64;
/// How much louder or quieter a member can be made, dB.
pub const GAIN_DB: core::ops::RangeInclusive<i8> = -24..=24;

/// How a conference is run; its first member's step says it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Terms {
    /// The most members.
    pub most: usize,
    /// The class of music that a lone member hears.
    pub music: Option<String>,
    /// Whether a tone tells that somebody comes or goes.
    pub tones: bool,
}

/// One member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Member {
    /// Its leg.
    pub leg: LegId,
    /// Its number.
    pub number: String,
    /// Since when it is in.
    pub since: Time,
    /// Nobody hears it: its own wish or an operator's.
    pub muted: bool,
    /// It hears nobody.
    pub deaf: bool,
    /// Its phone has put us on hold: what it plays meanwhile is for nobody.
    pub held: bool,
    /// Its voice is brought to one level.
    #[serde(default)]
    pub agc: bool,
    /// How much louder it is to the others, dB.
    pub gain_db: i8,
    /// Whether it speaks now.
    pub speaks: bool,
}

impl Member {
    /// Whether nobody hears it, for whatever reason.
    pub fn is_unheard(&self) -> bool {
        self.muted || self.held
    }
}

/// Why somebody may not come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Refused {
    /// It is locked.
    Locked,
    /// It has as many members as it may have, or there are too many conferences.
    Full,
}

/// What somebody changes about a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is heard no more, or again.
    Muted(bool),
    /// It hears no more, or again.
    Deaf(bool),
    /// It is louder by so many dB, of [`GAIN_DB`].
    Gain(i8),
    /// Its phone put us on hold, or took us back.
    Held(bool),
}

/// What is to be heard by all when somebody has come or gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sound {
    /// Nothing but each other.
    Nothing,
    /// Music of this class, for the one who is alone.
    Music(String),
    /// The tone that tells that somebody has come.
    Joined,
    /// The tone that tells that somebody has gone.
    Left,
}

/// A conference.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Conference {
    terms: Terms,
    members: Vec<Member>,
    locked: bool,
}

impl Conference {
    /// One that nobody is in yet.
    pub fn new(terms: Terms) -> Conference {
        let most = terms.most.clamp(1, MAX_MEMBERS);
        Conference { terms: Terms { most, ..terms }, members: Vec::new(), locked: false }
    }

    /// Its members, in the order in which they came.
    pub fn members(&self) -> &[Member] {
        &self.members
    }
    /// The member on `leg`.
    pub fn member(&self, leg: LegId) -> Option<&Member> {
        self.members.iter().find(|m| m.leg == leg)
    }
    /// The most members.
    pub fn most(&self) -> usize {
        self.terms.most
    }
    /// Whether nobody may come in.
    pub fn is_locked(&self) -> bool {
        self.locked
    }
    /// Lets nobody in any more, or again.
    pub fn lock(&mut self, locked: bool) {
        self.locked = locked;
    }

    /// Whether one more may come in.
    pub fn may_join(&self) -> Result<(), Refused> {
        match self.members.len() {
            _ if self.locked => Err(Refused::Locked),
            count if count >= self.terms.most => Err(Refused::Full),
            _ => Ok(()),
        }
    }

    /// Somebody comes in. Gives what is to be heard.
    pub fn join(&mut self, member: Member) -> Result<Sound, Refused> {
        self.may_join()?;
        self.members.retain(|m| m.leg != member.leg);
        self.members.push(member);
        Ok(self.sound(Sound::Joined))
    }

    /// Somebody goes. Gives who it was and what the others are to hear.
    pub fn leave(&mut self, leg: LegId) -> Option<(Member, Sound)> {
        let at = self.members.iter().position(|m| m.leg == leg)?;
        let member = self.members.remove(at);
        Some((member, self.sound(Sound::Left)))
    }

    /// What is to be heard while nothing happens.
    pub fn background(&self) -> Sound {
        match (&self.terms.music, self.members.len()) {
            (Some(class), 1) => Sound::Music(class.clone()),
            _ => Sound::Nothing,
        }
    }

    fn sound(&self, tone: Sound) -> Sound {
        match self.background() {
            Sound::Nothing if self.terms.tones && self.members.len() > 1 => tone,
            sound => sound,
        }
    }

    /// Changes a member; `false`: it is not here.
    pub fn change(&mut self, leg: LegId, change: Change) -> bool {
        let Some(member) = self.members.iter_mut().find(|m| m.leg == leg) else { return false };
        match change {
            Change::Muted(muted) => member.muted = muted,
            Change::Deaf(deaf) => member.deaf = deaf,
            Change::Gain(db) => member.gain_db = db.clamp(*GAIN_DB.start(), *GAIN_DB.end()),
            Change::Held(held) => member.held = held,
        }
        true
    }

    /// Notes who speaks.
    pub fn speaking(&mut self, leg: LegId, speaks: bool) {
        if let Some(member) = self.members.iter_mut().find(|m| m.leg == leg) {
            member.speaks = speaks;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conference(most: usize, music: bool, tones: bool) -> Conference {
        Conference::new(Terms { most, music: music.then(|| "default".into()), tones })
    }

    fn member(leg: u64) -> Member {
        Member {
            leg: LegId(leg),
            number: format!("100{leg}"),
            since: Time::ZERO,
            muted: false,
            deaf: false,
            held: false,
            agc: false,
            gain_db: 0,
            speaks: false,
        }
    }

    #[test]
    fn music_plays_for_the_one_who_is_alone_and_tones_tell_the_others() {
        let mut room = conference(10, true, true);
        let music = Sound::Music("default".into());
        assert_eq!(room.join(member(1)), Ok(music.clone()));
        assert_eq!(room.join(member(2)), Ok(Sound::Joined));
        assert_eq!(room.join(member(3)), Ok(Sound::Joined));
        assert_eq!(room.leave(LegId(2)).map(|(_, sound)| sound), Some(Sound::Left));
        assert_eq!(room.leave(LegId(1)).map(|(_, sound)| sound), Some(music));
        assert_eq!(room.leave(LegId(3)).map(|(_, sound)| sound), Some(Sound::Nothing));
        assert!(room.members().is_empty() && room.leave(LegId(3)).is_none());
        let mut quiet = conference(10, false, false);
        assert_eq!(quiet.join(member(1)), Ok(Sound::Nothing));
        assert_eq!(quiet.join(member(2)), Ok(Sound::Nothing));
    }

    #[test]
    fn a_locked_and_a_full_one_let_nobody_in() {
        let mut room = conference(2, false, false);
        room.join(member(1)).unwrap();
        room.lock(true);
        assert_eq!(room.join(member(2)), Err(Refused::Locked));
        room.lock(false);
        room.join(member(2)).unwrap();
        assert_eq!(room.join(member(3)), Err(Refused::Full));
        assert_eq!(conference(0, false, false).most(), 1);
        assert_eq!(conference(100_000, false, false).most(), MAX_MEMBERS);
    }

    #[test]
    fn members_are_changed_within_bounds() {
        let mut room = conference(2, false, false);
        room.join(member(1)).unwrap();
        assert!(room.change(LegId(1), Change::Gain(100)));
        assert!(room.change(LegId(1), Change::Muted(true)));
        assert!(!room.change(LegId(2), Change::Deaf(true)));
        let changed = room.member(LegId(1)).unwrap();
        assert_eq!((changed.gain_db, changed.muted, changed.deaf), (24, true, false));
    }
}
