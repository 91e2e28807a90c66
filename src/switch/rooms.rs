//! Conferences: who comes in and goes out, what all are played, what an operator does with them.
//! The rules are [`call::conference`](crate::call::conference)'s, the audio is the media plane's.
//!
//! ```text
//!   Effect::Conference ─▶ confer ─▶ Join ─▶ … key, kick, hang-up, redirect ─▶ Leave ─▶ Conferred
//!                           │ first member opens it                        │ last member closes it
//!                           ▼                                              ▼
//!                       music for the one who is alone, tones for who comes and goes: PlayRoom
//! ```

pub(super) mod gather;

use std::collections::BTreeSet;

use crate::base::{CallId, LegId, Now, PlayId, RoomId, Time};
use crate::call::conference::{
    Change, Conference, MAX_CONFERENCES, MAX_NAME, Member, Refused, Sound, Terms,
};
use crate::dialplan::effect::{self, ConferenceEnd, Happening};
use crate::dsp::tone;
use crate::media::control::{Command, DigitSet, Item, Membership, PlayEnd};

use super::active::Doing;
use super::console::{MemberRow, Reply, RoomOrder, RoomRow, RoomView, Who};
use super::fact::{FactKind, RoomLeft, RoomRefusal};
use super::leg::Stage;
use super::sound::music;
use super::{Level, Output, Switch};

/// The tones that tell who comes and who goes: hertz and milliseconds, and their level.
const JOINED: &str = "660/100,880/150,0/50";
const LEFT: &str = "880/100,660/150,0/50";
const TONE_DBM0: i8 = -20;

/// A conference under way.
#[derive(Debug)]
pub(super) struct Room {
    id: RoomId,
    since: Time,
    conference: Conference,
    /// What is played to all.
    play: Option<PlayId>,
    /// Of its members the homes of its case.
    homes: BTreeSet<LegId>,
    /// A member's plan records it: the home of its case is recorded as well.
    record: bool,
}

impl Room {
    fn has_one(&self) -> bool {
        self.conference.members().len() == 1
    }
}

impl Switch {
    /// The plan brings the caller into a conference. `Some`: it was not let in.
    pub(super) fn confer(
        &mut self,
        now: Now,
        id: CallId,
        leg: LegId,
        wanted: effect::Conference,
    ) -> Option<Happening> {
        let name: String = wanted.name.chars().take(MAX_NAME).collect();
        if let Err(refused) = self.open_room(now, &name, &wanted) {
            return Some(self.refused(now, id, leg, name, refused));
        }
        let number = self.calls.get(&id).and_then(|a| a.call.get(leg));
        let number = number.map(|c| c.device.number().to_owned()).unwrap_or_default();
        let held = self.legs.get(&leg).is_some_and(|leg| leg.held);
        let (muted, deaf, agc) = (wanted.muted, wanted.deaf, wanted.agc);
        let (since, gain_db, speaks) = (now.at, 0, false);
        let member = Member { leg, number, since, muted, deaf, held, agc, gain_db, speaks };
        let room = self.rooms.get_mut(&name)?;
        let sound = match room.conference.join(member) {
            Ok(sound) => sound,
            Err(refused) => return Some(self.refused(now, id, leg, name, refused)),
        };
        let members = room.conference.members().len() as u32;
        self.stop_play(leg);
        if let Some(party) = self.legs.get_mut(&leg) {
            party.room = Some(name.clone());
            party.typed.clear();
        }
        if let Some(active) = self.calls.get_mut(&id) {
            let (room, leave) = (name.clone(), wanted.leave);
            active.doing = Doing::Conferring { room, leave, talks: None };
        }
        self.set_member(&name, leg);
        self.count_talks(now, &name);
        if wanted.record {
            if let Some(room) = self.rooms.get_mut(&name) {
                room.record = true;
            }
            self.record(now, id, true);
        }
        // What it hears there is on the other channel of its recording.
        self.recorded_sides(now, id);
        self.room_sound(&name, sound);
        let room = name.clone();
        self.fact(now, FactKind::RoomJoined { call: id, leg, room, members, muted });
        self.helper_came(now, id, &name);
        None
    }

    fn refused(
        &mut self,
        now: Now,
        call: CallId,
        leg: LegId,
        room: String,
        refused: Refused,
    ) -> Happening {
        let (why, end) = match refused {
            Refused::Locked => (RoomRefusal::Locked, ConferenceEnd::Locked),
            Refused::Full => (RoomRefusal::Full, ConferenceEnd::Full),
        };
        self.fact(now, FactKind::RoomRefused { call, leg, room, why });
        Happening::Conferred(end)
    }

    /// The conference of that name, begun if there is none.
    fn open_room(
        &mut self,
        now: Now,
        name: &str,
        wanted: &effect::Conference,
    ) -> Result<(), Refused> {
        if let Some(room) = self.rooms.get(name) {
            return room.conference.may_join();
        }
        if self.rooms.len() >= MAX_CONFERENCES {
            self.log(Level::Warning, format!("there are {MAX_CONFERENCES} conferences: no more"));
            return Err(Refused::Full);
        }
        let (most, tones) = (wanted.most as usize, wanted.tones);
        let conference = Conference::new(Terms { most, music: wanted.music.clone(), tones });
        let (id, homes) = (self.new_room_id(), BTreeSet::new());
        let room = Room { id, since: now.at, conference, play: None, homes, record: false };
        self.rooms.insert(name.to_owned(), room);
        Ok(())
    }

    /// Who is in a conference with others talks; who is alone in it does not.
    fn count_talks(&mut self, now: Now, name: &str) {
        let Some(room) = self.rooms.get(name) else { return };
        let members = room.conference.members();
        for member in members {
            let call = self.legs.get(&member.leg).map(|leg| leg.call);
            let active = call.and_then(|call| self.calls.get_mut(&call));
            // The second one of a talk that has come as a whole is in the talk's time.
            if let Some(active) = active.filter(|active| active.subject() == member.leg) {
                active.in_company(now.at, members.len() > 1);
            }
        }
    }

    /// Tells the plane what a member is.
    fn set_member(&mut self, name: &str, leg: LegId) {
        let Some(room) = self.rooms.get(name) else { return };
        let Some(member) = room.conference.member(leg) else { return };
        let membership = Membership {
            muted: member.is_unheard(),
            deaf: member.deaf,
            agc: member.agc,
            gain_in_db: member.gain_db,
            ..Membership::PARTY
        };
        self.out.push_back(Output::Media(Command::Join { leg, room: room.id, membership }));
    }

    /// Plays to all what has come of somebody's coming or going.
    fn room_sound(&mut self, name: &str, sound: Sound) {
        let tone = |text: &str| {
            let plan = tone::Plan::parse(text, TONE_DBM0).ok()?;
            Some((Item::Tone(plan.repeated(tone::Repeat::Times(1))), false))
        };
        let play = match sound {
            Sound::Music(class) => Some((Item::Clip(music(&class)), true)),
            Sound::Joined => tone(JOINED),
            Sound::Left => tone(LEFT),
            Sound::Nothing => None,
        };
        match play {
            Some((item, repeat)) => self.play_room(name, vec![item], repeat),
            None => {
                let Some(room) = self.rooms.get_mut(name) else { return };
                if room.play.take().is_some() {
                    let room = room.id;
                    self.out.push_back(Output::Media(Command::StopPlayRoom { room }));
                }
            }
        }
    }

    fn play_room(&mut self, name: &str, items: Vec<Item<String>>, repeat: bool) {
        let play = self.new_play_id();
        let Some(room) = self.rooms.get_mut(name) else { return };
        room.play = Some(play);
        let room = room.id;
        self.out.push_back(Output::Media(Command::PlayRoom { room, play, items, repeat }));
    }

    /// A playback to all is over: who is alone hears music again.
    pub(super) fn room_played(&mut self, id: RoomId, play: PlayId, end: PlayEnd) {
        if let PlayEnd::Missing(name) = &end {
            self.log(Level::Error, format!("{id}: prompt '{name}' is missing or not audio"));
        }
        let found = self.rooms.iter_mut().find(|(_, room)| room.id == id);
        let Some((name, room)) = found.filter(|(_, room)| room.play == Some(play)) else { return };
        room.play = None;
        let (name, background) = (name.clone(), room.conference.background());
        if let (Sound::Music(_), PlayEnd::Finished) = (&background, end) {
            self.room_sound(&name, background);
        }
    }

    /// A member has begun or ceased to speak.
    pub(super) fn speaking(&mut self, leg: LegId, speaks: bool) {
        let name = self.legs.get(&leg).and_then(|leg| leg.room.as_deref());
        if let Some(room) = name.and_then(|name| self.rooms.get_mut(name)) {
            room.conference.speaking(leg, speaks);
        }
    }

    /// Something about a member changes; nothing, where the leg is in no conference.
    pub(super) fn change_member(&mut self, leg: LegId, change: Change) -> bool {
        let Some(name) = self.legs.get(&leg).and_then(|leg| leg.room.clone()) else { return false };
        let changed = self.rooms.get_mut(&name).is_some_and(|r| r.conference.change(leg, change));
        if changed {
            self.set_member(&name, leg);
        }
        changed
    }

    /// A member goes out, and its plan goes on.
    pub(super) fn leave_room(&mut self, now: Now, leg: LegId, why: RoomLeft) {
        let Some(call) = self.legs.get(&leg).map(|leg| leg.call) else { return };
        self.quit_room(now, leg, why);
        let waits = self.calls.get(&call).is_some_and(|active| {
            active.subject() == leg && matches!(active.doing, Doing::Conferring { .. })
        });
        let end = match why {
            RoomLeft::Kicked => ConferenceEnd::Kicked,
            _ => ConferenceEnd::Left,
        };
        if waits {
            if let Some(active) = self.calls.get_mut(&call) {
                active.leave_step(now.at);
            }
            self.talk_recorded(now, call);
            self.run(now, call, Happening::Conferred(end));
        }
    }

    /// The party for whom a call's plan runs is sent elsewhere.
    pub(super) fn quit_room_of(&mut self, now: Now, id: CallId) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        let leg = active.subject();
        if self.legs.get(&leg).is_none_or(|leg| leg.room.is_none()) {
            return;
        }
        if matches!(active.doing, Doing::Conferring { .. }) {
            active.leave_step(now.at);
        }
        self.quit_room(now, leg, RoomLeft::Moved);
        self.talk_recorded(now, id);
    }

    /// A leg is in its conference no more; nothing, where it is in none.
    pub(super) fn quit_room(&mut self, now: Now, leg: LegId, why: RoomLeft) {
        let Some(party) = self.legs.get_mut(&leg) else { return };
        let (Some(name), call, open) = (party.room.take(), party.call, party.stage != Stage::Over)
        else {
            return;
        };
        let Some(room) = self.rooms.get_mut(&name) else { return };
        let Some((member, sound)) = room.conference.leave(leg) else { return };
        room.homes.remove(&leg);
        let (id, left) = (room.id, room.conference.members().len());
        let alone = room.conference.members().first().map(|member| member.leg);
        let alone = alone.filter(|leg| left == 1 && room.homes.contains(leg));
        self.left_alone.extend(alone);
        if open {
            self.out.push_back(Output::Media(Command::Leave { leg }));
        }
        match left {
            0 => {
                self.rooms.remove(&name);
                self.out.push_back(Output::Media(Command::CloseRoom { room: id }));
            }
            _ => {
                self.room_sound(&name, sound);
                self.count_talks(now, &name);
            }
        }
        let (members, ms) = (left as u32, now.at.since(member.since).as_millis() as u64);
        self.fact(now, FactKind::RoomLeft { call, leg, room: name, why, members, ms });
    }

    /// The conferences.
    pub(super) fn room_rows(&self, now: Now) -> Vec<RoomRow> {
        self.rooms.iter().map(|(name, room)| room_row(now, name, room)).collect()
    }

    /// One conference.
    pub(super) fn show_room(&self, now: Now, name: &str) -> Reply {
        let Some(room) = self.rooms.get(name) else { return no_room(name) };
        let row = |m: &Member| MemberRow {
            leg: m.leg,
            call: self.legs.get(&m.leg).map_or(CallId::new(now.wall, 0), |leg| leg.call),
            number: m.number.clone(),
            ms: now.at.since(m.since).as_millis() as u64,
            muted: m.is_unheard(),
            deaf: m.deaf,
            gain_db: m.gain_db,
            speaks: m.speaks,
        };
        let members = room.conference.members().iter().map(row).collect();
        Reply::Room(Box::new(RoomView { row: room_row(now, name, room), members }))
    }

    /// An operator's order.
    pub(super) fn room_order(&mut self, now: Now, name: &str, order: RoomOrder) -> Reply {
        let Some(room) = self.rooms.get_mut(name) else { return no_room(name) };
        let (RoomOrder::Kick(who) | RoomOrder::Change(who, _) | RoomOrder::Announce(who, _)) =
            &order
        else {
            let locked = order == RoomOrder::Lock(true);
            room.conference.lock(locked);
            let word = if locked { "locked" } else { "open" };
            return Reply::Done(format!("conference {name} is {word}"));
        };
        let legs = room.conference.members().iter().filter(|m| is_meant(who, m));
        let legs: Vec<LegId> = legs.map(|m| m.leg).collect();
        if legs.is_empty() {
            let text = format!("nobody of that name is in conference {name}");
            return Reply::Refused(format!("{text}; 'room show {name}' lists its members"));
        }
        let members = format!("{} of conference {name}", count(legs.len()));
        match order {
            RoomOrder::Kick(_) => {
                legs.iter().for_each(|leg| self.leave_room(now, *leg, RoomLeft::Kicked));
                Reply::Done(format!("{members} sent out"))
            }
            RoomOrder::Change(_, change) => {
                legs.iter().for_each(|leg| _ = self.change_member(*leg, change));
                Reply::Done(format!("{members} changed"))
            }
            RoomOrder::Announce(who, prompt) => {
                self.announce(now, name, &legs, who == Who::All, &prompt);
                // Which prompts there are is the engine's to know.
                Reply::Done(format!(
                    "'{prompt}' goes to {members}; the log tells if there is no such prompt"
                ))
            }
            RoomOrder::Lock(_) => Reply::Done(String::new()), // answered above
        }
    }

    /// Plays a prompt to all, in the exchange's language, or to some, each in its own.
    fn announce(&mut self, now: Now, name: &str, legs: &[LegId], all: bool, prompt: &str) {
        if all {
            let language = self.config.node.language.as_str();
            return self.play_room(name, vec![Item::Clip(format!("{language}/{prompt}"))], false);
        }
        for leg in legs {
            let call = self.legs.get(leg).and_then(|party| self.calls.get(&party.call));
            let language = call.map_or(self.config.node.language, |active| active.language);
            let clip = Item::Clip(format!("{}/{prompt}", language.as_str()));
            self.play_items(now, *leg, vec![clip], false, DigitSet::NONE);
        }
    }
}

fn room_row(now: Now, name: &str, room: &Room) -> RoomRow {
    RoomRow {
        name: name.to_owned(),
        members: room.conference.members().len(),
        most: room.conference.most(),
        locked: room.conference.is_locked(),
        ms: now.at.since(room.since).as_millis() as u64,
    }
}

fn is_meant(who: &Who, member: &Member) -> bool {
    match who {
        Who::All => true,
        Who::Leg(leg) => member.leg == *leg,
        Who::Number(number) => member.number == *number,
    }
}

fn count(members: usize) -> String {
    match members {
        1 => "one member".into(),
        count => format!("{count} members"),
    }
}

fn no_room(name: &str) -> Reply {
    Reply::Refused(format!("there is no conference '{name}'; 'room list' lists them"))
}
