//! A room: any number of legs on one worker that hear each other, each without itself.
//!
//! ```text
//!   member ─ gate ─▶ ear ─▶ frame ─▶ VAD ─▶ seats ─▶ gain ─┬─▶ mixer: a sum a line ◀── far (other workers)
//!                                                          │      │              ◀── player (music, tones)
//!                                                          │   limiter
//!                                                          │      ├─▶ outlet: coded once ─▶ all who only listen
//!                                                          └─own──┴─▶ less its own voice ──▶ who is heard
//! ```
//!
//! One tick of 20 ms, on a grid that all workers share. What may be silent is not decoded
//! ([`gate`]); of those who sound the loudest few are heard ([`seats`]); sums are 32 bits wide, so that
//! taking a voice out again is exact ([`mixer`]), and are limited once, at the end, so that nothing is
//! cut when four shout ([`limiter`](crate::dsp::limiter)); phones of 8 and of 16 kHz hear each other
//! as well as they can; coded is once for all who hear the same ([`outlet`]); a room on several workers
//! exchanges sums ([`partial`]). Supervision is the same thing with other lines ([`Membership`]).
//!
//! Nothing is allocated but when somebody joins, leaves or changes.
//!
//! Not here: legs, packets and the clock ([`plane`](super::plane)); who may come in, and names
//! (`call::conference`).

pub mod gate;
mod member;
pub mod mixer;
pub mod outlet;
pub mod partial;
pub mod seats;
#[cfg(test)]
mod tests;

pub use self::member::Member;
use self::member::Sound;
pub use self::mixer::{FRAME, WIDE_FRAME};
use self::mixer::{Mixer, Piece};
use self::outlet::{Key, Outlet, Packetizer};
use self::partial::{Far, Partial};
use self::seats::SEATS;
use super::control::{Codec, Line, Membership, StreamParams};
use super::player::Player;
use crate::base::{Duration, LegId, PlayId, RoomId, Time};
use crate::dsp::mix;
use crate::dsp::rate::Rate;

/// Milliseconds of a tick.
pub const FRAME_MS: u32 = 20;
/// Codings that can be shared at a time; who would need one more is coded for alone.
const MOST_OUTLETS: usize = 64;
/// A tick.
const TICK: Duration = Duration::from_millis(FRAME_MS as u64);
/// Rooms tick at four different times of a tick, so that not all are due at once.
const PHASE: Duration = Duration::from_millis(5);

/// The rate at which a member of `codec` speaks and hears: 16 kHz where its codec can carry that.
pub fn rate_of(codec: Codec) -> Rate {
    codec.rate().min(Rate::Khz16)
}

/// One room, or one worker's part of it.
#[derive(Debug)]
pub struct Room {
    id: RoomId,
    /// The worker on which this part is.
    here: u8,
    /// The workers with other parts, bit by bit.
    elsewhere: u64,
    /// When it ticks next; [`Time::NEVER`] while nobody is in it.
    pub(super) due: Time,
    members: Vec<Member>,
    outlets: Vec<Option<Outlet>>,
    far: Far,
    player: Player,
    /// More voices than seats.
    crowded: bool,
    /// Whether packets of any member here have come of late.
    heard: bool,
    /// Members that hear at 16 kHz.
    wide: usize,
    /// The tick's sums.
    mixer: Mixer,
    codings: u64,
}

impl Room {
    /// An empty room on worker `here`.
    pub fn new(id: RoomId, here: u8) -> Room {
        Room {
            id,
            here,
            elsewhere: 0,
            due: Time::NEVER,
            members: Vec::new(),
            outlets: Vec::new(),
            far: Far::default(),
            player: Player::default(),
            crowded: false,
            heard: false,
            wide: 0,
            mixer: Mixer::default(),
            codings: 0,
        }
    }

    /// Its name.
    pub fn id(&self) -> RoomId {
        self.id
    }
    /// Whether nobody is in it and nothing sounds.
    pub fn is_idle(&self) -> bool {
        self.members.is_empty() && !self.player.sounds()
    }
    /// Its members.
    pub fn members(&self) -> &[Member] {
        &self.members
    }
    pub(super) fn member_mut(&mut self, n: usize) -> Option<&mut Member> {
        self.members.get_mut(n)
    }
    /// Its shared codings.
    pub(super) fn outlet_mut(&mut self, n: usize) -> Option<&mut Outlet> {
        self.outlets.get_mut(n)?.as_mut()
    }
    pub(super) fn outlet_count(&self) -> usize {
        self.outlets.len()
    }
    /// Packets coded so far.
    pub fn codings(&self) -> u64 {
        self.codings
    }
    pub(super) fn coded(&mut self) {
        self.codings += 1;
    }
    /// Partial mixes of other parts that did not come in time.
    pub fn missed(&self) -> u64 {
        self.far.missed()
    }
    /// The workers with other parts, bit by bit.
    pub fn elsewhere(&self) -> u64 {
        self.elsewhere
    }

    /// The workers that have a part of it, this one maybe among them.
    pub fn set_parts(&mut self, workers: u64) {
        self.elsewhere = workers & !(1 << self.here);
        self.far.set(self.elsewhere);
        if self.elsewhere != 0 {
            self.mixer.widen(); // what comes from there may be wide
        }
    }
    /// Another part tells what is said there.
    pub fn take(&mut self, partial: &Partial) {
        self.far.take(partial);
    }

    /// Whether packets of any member here have come of late, which the other parts are told.
    pub(super) fn set_heard(&mut self, heard: bool) {
        self.heard = heard;
    }
    /// Whether packets of any member elsewhere have come of late, as was told by `now`.
    pub(super) fn is_heard_elsewhere(&self, now: Time) -> bool {
        !self.far.is_empty() && self.far.is_heard(self.index(now))
    }

    /// The first tick that is not before `now`.
    pub fn next_tick(&self, now: Time) -> Time {
        let (tick, phase) = (TICK.as_nanos() as u64, self.phase().as_nanos());
        let ticks = now.as_nanos().saturating_sub(phase).div_ceil(tick);
        Time::from_nanos(ticks * tick + phase)
    }
    /// The number of the tick at `at`, the same on all workers.
    pub fn index(&self, at: Time) -> u64 {
        at.as_nanos().saturating_sub(self.phase().as_nanos()) / TICK.as_nanos() as u64
    }
    /// The tick after the one at `at`.
    pub(super) fn tick_after(at: Time) -> Time {
        at + TICK
    }
    /// Ticks were left out before the one at `at`: all packets begin anew where that tick falls.
    pub(super) fn skip_to(&mut self, at: Time) {
        self.due = at;
        let index = self.index(at);
        for outlet in self.outlets.iter_mut().flatten() {
            outlet.packetizer = Packetizer::new(index, outlet.key.ptime_ms(), outlet.key.rate());
        }
        for member in &mut self.members {
            member.begin_packets(index);
        }
    }
    fn phase(&self) -> Time {
        Time::ZERO + PHASE * (self.id.0 % 4) as u32
    }

    /// A leg comes in, or is something else from now on.
    pub fn join(&mut self, slot: u32, leg: LegId, membership: Membership) {
        match self.members.iter_mut().find(|m| m.slot == slot) {
            Some(member) => member.membership = membership,
            None => self.members.push(Member::new(slot, leg, membership)),
        }
    }

    /// A leg goes out. Gives whether it was told to speak.
    pub fn leave(&mut self, slot: u32) -> bool {
        let Some(n) = self.members.iter().position(|m| m.slot == slot) else { return false };
        let member = self.members.swap_remove(n);
        if let Some(line) = member.breaks_off() {
            self.mixer.bid_farewell(line.index(), member.rate(), member.frame());
        }
        member.speaks()
    }

    /// Decides anew who shares which coding, before the tick `index`. `ears`: how a leg hears.
    pub fn arrange<'a>(&mut self, index: u64, ears: impl Fn(u32) -> Option<Ears<'a>>) {
        for n in 0..self.members.len() {
            let member = &self.members[n];
            let terms = member.membership;
            let ears = ears(member.slot);
            let key = ears
                .as_ref()
                .map(|ears| Key::new(ears.params, ears.ptime_ms, terms.ears(), terms.gain_out_db));
            let beeps = ears.is_some_and(|ears| ears.beeps);
            let shares =
                |key: &Key| !beeps && (key.shares_with_speakers() || terms.voice().is_none());
            let outlet = key.filter(shares).and_then(|key| self.outlet(key, index));
            self.change_rate(n, key.map(|key| key.rate()));
            self.members[n].arrange(key, outlet, index);
        }
        self.wide = self.members.iter().filter(|m| m.rate() > Rate::Khz8).count();
        if self.wide > 0 {
            self.mixer.widen();
        }
        for (n, outlet) in self.outlets.iter_mut().enumerate() {
            if !self.members.iter().any(|m| m.outlet == Some(n)) {
                *outlet = None;
            }
        }
    }

    /// A member that will speak at another rate is heard no more at the one of before.
    fn change_rate(&mut self, n: usize, rate: Option<Rate>) {
        let member = &mut self.members[n];
        if let Some(rate) = rate.filter(|rate| *rate != member.rate()) {
            if let Some(line) = member.breaks_off() {
                self.mixer.bid_farewell(line.index(), member.rate(), member.frame());
            }
            member.set_rate(rate);
        }
    }

    /// The coding for `key`, made if there is none and room for one.
    fn outlet(&mut self, key: Key, index: u64) -> Option<usize> {
        let same = |o: &Option<Outlet>| o.as_ref().is_some_and(|o| o.key == key);
        if let Some(known) = self.outlets.iter().position(same) {
            return Some(known);
        }
        let free = self.outlets.iter().position(Option::is_none).unwrap_or(self.outlets.len());
        if free >= MOST_OUTLETS {
            return None;
        }
        let made = Some(Outlet::new(key, index)?);
        match self.outlets.get_mut(free) {
            Some(place) => *place = made,
            None => self.outlets.push(made),
        }
        Some(free)
    }

    /// Whether there are more voices than seats: then silent members need not be decoded.
    pub fn is_crowded(&self) -> bool {
        self.crowded
    }
    fn voices(&self) -> usize {
        self.members.iter().filter(|m| m.membership.voice().is_some()).count()
    }

    /// All are to hear `items`; says which playback that stops.
    pub fn play(
        &mut self,
        play: PlayId,
        items: Vec<super::control::Item<std::sync::Arc<super::Clip>>>,
        repeat: bool,
    ) -> Option<PlayId> {
        self.player.start(play, items, repeat, super::control::DigitSet::NONE)
    }
    /// Ends the playback.
    pub fn stop(&mut self) -> Option<PlayId> {
        self.player.stop()
    }

    /// Mixes the frames of the tick `index`. What other parts are to hear goes to `tell`. Gives the
    /// playback that has ended.
    pub fn mix(&mut self, index: u64, tell: &mut dyn FnMut(&Partial)) -> Option<PlayId> {
        self.seat(index);
        self.mixer.begin();
        for member in &mut self.members {
            if let Some(line) = member.offer() {
                self.mixer.add(line.index(), member.rate(), member.frame());
            }
        }
        let ended = self.sound();
        if self.elsewhere != 0 {
            self.publish(index, tell);
        }
        if !self.far.is_empty() && index > 0 {
            self.far.add(index - 1, &mut self.mixer);
        }
        self.mixer.cross(self.wide > 0);
        ended
    }

    /// Chooses who is heard.
    fn seat(&mut self, index: u64) {
        self.crowded = self.voices() + self.far.voices(index) > SEATS;
        if !self.crowded {
            return seats::seat_all(&mut self.members);
        }
        let mut far = [0.0; SEATS];
        let mut count = 0;
        for (place, level) in far.iter_mut().zip(self.far.seated(index)) {
            *place = level;
            count += 1;
        }
        seats::choose(SEATS, &far[..count], &mut self.members);
    }

    /// Adds what is played to all.
    fn sound(&mut self) -> Option<PlayId> {
        if !self.player.sounds() {
            return None;
        }
        let mut pcm = [0; FRAME];
        let ended = self.player.fill(&mut pcm);
        self.mixer.add(Line::TALK.index(), Rate::Khz8, &pcm);
        ended
    }

    fn publish(&self, index: u64, tell: &mut dyn FnMut(&Partial)) {
        let mut seated = [f32::NEG_INFINITY; SEATS];
        let here = self.members.iter().filter(|m| m.is_heard());
        seated.iter_mut().zip(here).for_each(|(place, member)| *place = member.dbm0());
        let voices = self.voices().try_into().unwrap_or(u16::MAX);
        for line in partial::lines() {
            for piece in Piece::ALL {
                let sums = match self.mixer.piece(line.index(), piece) {
                    Some(sums) => *sums,
                    // So that the others can tell silence from what is late.
                    None if line == Line::TALK && piece == Piece::Narrow => [0; FRAME],
                    None => continue,
                };
                let (room, from, heard) = (self.id, self.here, self.heard);
                tell(&Partial { room, from, index, line, piece, voices, heard, seated, sums });
            }
        }
    }

    /// What all who share the `n`-th coding hear: as much of `pcm` as their rate has in a tick.
    pub fn heard_by_outlet<'p>(
        &mut self,
        n: usize,
        pcm: &'p mut [i16; WIDE_FRAME],
    ) -> &'p mut [i16] {
        let Some(Some(outlet)) = self.outlets.get_mut(n) else { return &mut [] };
        let rate = outlet.key.rate();
        let pcm = &mut pcm[..rate.samples(FRAME_MS)];
        let mut total = [0; WIDE_FRAME];
        let total = &mut total[..pcm.len()];
        self.mixer.total(outlet.key.hears, rate, total);
        outlet.limiter.limit(total, pcm);
        outlet.gain.apply(pcm);
        pcm
    }

    /// What the `n`-th member hears: all but itself, as much of `pcm` as its rate has in a tick.
    pub fn heard_by_member<'p>(
        &mut self,
        n: usize,
        pcm: &'p mut [i16; WIDE_FRAME],
    ) -> &'p mut [i16] {
        let Some(member) = self.members.get_mut(n) else { return &mut [] };
        let pcm = &mut pcm[..member.rate().samples(FRAME_MS)];
        let mut total = [0; WIDE_FRAME];
        let total = &mut total[..pcm.len()];
        self.mixer.total(member.membership.ears(), member.rate(), total);
        if member.sound() == Sound::Heard {
            mix::take(total, member.frame());
        }
        member.limiter.limit(total, pcm);
        member.gain_out.apply(pcm);
        pcm
    }

    /// Lets the `n`-th member share a coding again, or not any more, before the tick's mix is coded.
    pub(super) fn part_company(&mut self, n: usize) -> Company {
        let Some(member) = self.members.get_mut(n) else { return Company::Alone { anew: false } };
        let Some(outlet) = member.outlet.and_then(|o| self.outlets.get_mut(o)?.as_mut()) else {
            return Company::Alone { anew: false };
        };
        let wants = member.sound() == Sound::Heard;
        match (wants, member.alone) {
            (true, false) => {
                member.alone = true;
                *member.packetizer = outlet.packetizer.clone();
                member.limiter = outlet.limiter.clone();
                Company::Alone { anew: true }
            }
            (false, true) if member.packetizer.is_empty() => {
                member.alone = false;
                Company::Shared
            }
            (_, true) => Company::Alone { anew: false },
            (false, false) => Company::Shared,
        }
    }
}

/// How a leg hears.
#[derive(Clone, Copy, Debug)]
pub struct Ears<'a> {
    /// Its stream.
    pub params: &'a StreamParams,
    /// Milliseconds of its packets.
    pub ptime_ms: u32,
    /// A tone of its own is mixed into what it hears: nobody else hears the same.
    pub beeps: bool,
}

/// With whom a member's packets are coded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Company {
    /// With all who hear the same.
    Shared,
    /// For it alone; `anew`: from this tick on.
    Alone { anew: bool },
}
