//! The rooms of one worker: commands, the tick, and the way between legs and a
//! [`Room`](crate::media::room).
//!
//! ```text
//!   tick of a room ─┬─ listen: each member's ear fills its frame; keys in the audio are told
//!                   ├─ Room::mix ── partial mixes ─▶ Transmit::partial ─▶ other workers
//!                   ├─ shared codings: coded once, a header for each
//!                   └─ codings of those who are heard: one each
//! ```
//!
//! A member that is played something hears that instead of the room, by its own clock, until it is
//! over: an announcement to one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::tick::{Noticed, SOON, STALL, listen};
use super::{MOST_PACKET, MOST_PAYLOAD, Plane};
use crate::base::{LegId, PlayId, RoomId, Time};
use crate::dsp::rate::Rate;
use crate::media::control::{Event, Item, Membership, PlayEnd};
use crate::media::leg::Leg;
use crate::media::player::Clip;
use crate::media::room::gate::Gate;
use crate::media::room::outlet::afresh;
use crate::media::room::partial::Partial;
use crate::media::room::{Company, Ears, Room, WIDE_FRAME};
use crate::media::srtp::Guard;
use crate::media::{Kind, Transmit};
use crate::wire::rtp::{HEADER_LEN, write_header};

/// Members of a room on one worker.
const MOST_MEMBERS: usize = 1_000;
/// Ticks (1 s) between two looks at what the members' reports tell of losses.
const HEED_TICKS: u64 = 50;

/// All rooms of one worker, by place on the tick and by name for commands.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    // A room is taken out of its place while it ticks.
    places: Vec<Option<Box<Room>>>,
    by_id: BTreeMap<RoomId, usize>,
}

impl Rooms {
    fn place(&self, id: RoomId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }
    fn get_mut(&mut self, place: usize) -> Option<&mut Room> {
        self.places.get_mut(place)?.as_deref_mut()
    }
    /// The place of a room, which is made if there is none.
    fn open(&mut self, id: RoomId, worker: u8) -> usize {
        if let Some(place) = self.place(id) {
            return place;
        }
        let free = self.places.iter().position(Option::is_none);
        let place = free.unwrap_or(self.places.len());
        let room = Some(Box::new(Room::new(id, worker)));
        match free {
            Some(place) => self.places[place] = room,
            None => self.places.push(room),
        }
        self.by_id.insert(id, place);
        place
    }
    fn remove(&mut self, place: usize) -> Option<Box<Room>> {
        let room = self.places.get_mut(place)?.take()?;
        self.by_id.remove(&room.id());
        Some(room)
    }
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }
    /// What all together have coded, and missed of other parts.
    pub(super) fn figures(&self) -> (u64, u64) {
        let rooms = self.places.iter().flatten();
        rooms.fold((0, 0), |(codings, missed), r| (codings + r.codings(), missed + r.missed()))
    }
}

impl Plane {
    /// A leg comes into a room, or is something else in it from now on.
    pub(super) fn join_room(
        &mut self,
        now: Time,
        leg: LegId,
        room: RoomId,
        membership: Membership,
    ) -> Option<()> {
        let slot = self.legs.slot(leg)?;
        let place = self.rooms.open(room, self.config.worker);
        if self.legs.get(slot)?.room != Some(place) {
            if self.rooms.get_mut(place)?.members().len() >= MOST_MEMBERS {
                return None;
            }
            self.unbridge(now, slot);
            self.leave(now, slot);
            let leg = self.legs.get_mut(slot)?;
            leg.room = Some(place);
            leg.tx.unsplice();
        }
        self.rooms.get_mut(place)?.join(slot, leg, membership);
        self.fit(slot);
        self.rearrange(now, place);
        self.rewire(now, slot);
        Some(())
    }

    /// A leg goes out of its room.
    pub(super) fn leave_room(&mut self, now: Time, leg: LegId) -> Option<()> {
        let slot = self.legs.slot(leg)?;
        self.leave(now, slot).then_some(())
    }

    /// The same by slot; `false`: it is in none.
    pub(super) fn leave(&mut self, now: Time, slot: u32) -> bool {
        let Some(leg) = self.legs.get_mut(slot) else { return false };
        let (Some(place), id) = (leg.room.take(), leg.id) else { return false };
        leg.gate = Gate::Open;
        if let Some(room) = self.rooms.get_mut(place) {
            let name = room.id();
            if room.leave(slot) {
                self.tell(Event::Speaking { leg: id, room: name, speaks: false });
            }
        }
        self.rearrange(now, place);
        self.fit(slot);
        self.rewire(now, slot);
        true
    }

    /// The workers on which a room has parts.
    pub(super) fn room_parts(&mut self, room: RoomId, workers: u64) {
        let place = self.rooms.open(room, self.config.worker);
        if let Some(room) = self.rooms.get_mut(place) {
            room.set_parts(workers);
        }
    }

    /// All in a room are to hear something.
    pub(super) fn play_room(
        &mut self,
        now: Time,
        id: RoomId,
        play: PlayId,
        items: Vec<Item<Arc<Clip>>>,
        repeat: bool,
    ) -> Option<()> {
        let place = self.rooms.place(id)?;
        let stopped = self.rooms.get_mut(place)?.play(play, items, repeat);
        self.room_play_over(id, stopped, PlayEnd::Stopped);
        self.rearrange(now, place);
        Some(())
    }

    /// The playback in a room ends.
    pub(super) fn stop_room(&mut self, id: RoomId) -> Option<()> {
        let place = self.rooms.place(id)?;
        let stopped = self.rooms.get_mut(place)?.stop();
        self.room_play_over(id, stopped, PlayEnd::Stopped);
        Some(())
    }

    /// A room is over: whoever is still in it goes out.
    pub(super) fn close_room(&mut self, now: Time, id: RoomId) -> Option<()> {
        self.stop_room(id);
        let place = self.rooms.place(id)?;
        while let Some(slot) = self.rooms.get_mut(place)?.members().first().map(|m| m.slot()) {
            if !self.leave(now, slot) {
                break;
            }
        }
        self.rooms.remove(place).map(|_| ())
    }

    /// A partial mix of another worker.
    pub fn partial(&mut self, partial: &Partial) {
        if let Some(room) = self.rooms.place(partial.room).and_then(|p| self.rooms.get_mut(p)) {
            room.take(partial);
        }
    }

    /// Whether packets of anybody but `slot` have come of late: of the leg that it is bridged to, or of anybody
    /// in its room, here or on another worker.
    pub(super) fn other_heard(&self, now: Time, slot: u32) -> bool {
        let Some(leg) = self.legs.get(slot) else { return false };
        let room = leg.room.and_then(|place| self.rooms.places.get(place)?.as_deref());
        match room {
            Some(room) => self.others_heard(now, room, Some(slot)) || room.is_heard_elsewhere(now),
            None => leg.partner.is_some_and(|partner| self.is_heard(now, partner)),
        }
    }

    fn others_heard(&self, now: Time, room: &Room, but: Option<u32>) -> bool {
        let slots = room.members().iter().map(|member| member.slot());
        slots.filter(|slot| Some(*slot) != but).any(|slot| self.is_heard(now, slot))
    }

    fn is_heard(&self, now: Time, slot: u32) -> bool {
        let heard = self.legs.get(slot).and_then(|leg| leg.latch.heard());
        heard.is_some_and(|at| now.since(at) < self.config.rtp_lost_after)
    }

    fn room_play_over(&mut self, room: RoomId, play: Option<PlayId>, end: PlayEnd) {
        if let Some(play) = play {
            self.tell(Event::RoomPlayDone { room, play, end });
        }
    }

    /// What a leg takes or is has changed.
    pub(super) fn rearrange_room_of(&mut self, now: Time, slot: u32) {
        if let Some(place) = self.legs.get(slot).and_then(|leg| leg.room) {
            self.rearrange(now, place);
        }
    }

    /// Who shares a coding, who is decoded, and whether the room ticks.
    fn rearrange(&mut self, now: Time, place: usize) {
        let (legs, Some(room)) = (&self.legs, self.rooms.get_mut(place)) else { return };
        if room.is_idle() {
            room.due = Time::NEVER;
        } else if room.due == Time::NEVER {
            room.due = room.next_tick(now);
            self.next_room = self.next_room.min(room.due);
        }
        let index = if room.due == Time::NEVER { 0 } else { room.index(room.due) };
        room.arrange(index, |slot| {
            let leg = legs.get(slot)?;
            Some(Ears {
                params: leg.params.as_deref()?,
                ptime_ms: leg.samples() as u32 / 8,
                beeps: leg.beep.is_some(),
            })
        });
        let Some(room) = self.rooms.places.get_mut(place).and_then(Option::take) else { return };
        self.set_gates(&room, room.is_crowded());
        room.members().iter().for_each(|member| self.expect_room(member.slot()));
        self.rooms.places[place] = Some(room);
    }

    /// What of the members' packets is decoded.
    fn set_gates(&mut self, room: &Room, crowded: bool) {
        for member in room.members() {
            let Some(leg) = self.legs.get_mut(member.slot()) else { continue };
            let wanted = match member.membership().voice() {
                _ if leg.detects() => Gate::Open,
                None => Gate::Closed,
                Some(_) if crowded => Gate::Watching { quiet: 0 },
                Some(_) => Gate::Open,
            };
            leg.gate.set(wanted);
        }
    }

    /// All ticks of rooms that are due.
    pub(super) fn run_rooms(&mut self, now: Time, out: &mut dyn Transmit) {
        self.next_room = Time::NEVER;
        for place in 0..self.rooms.places.len() {
            let Some(mut room) = self.rooms.places[place].take() else { continue };
            while room.due <= now {
                if now.since(room.due) > STALL {
                    room.skip_to(room.next_tick(now));
                    continue;
                }
                let at = room.due;
                self.tick_room(at, &mut room, out);
                room.due = if room.is_idle() { Time::NEVER } else { Room::tick_after(at) };
            }
            self.next_room = self.next_room.min(room.due);
            self.rooms.places[place] = Some(room);
        }
    }

    /// One tick of one room, which begins at `at`.
    fn tick_room(&mut self, at: Time, room: &mut Room, out: &mut dyn Transmit) {
        let index = room.index(at);
        self.room_listens(at, room, out);
        let (elsewhere, crowded) = (room.elsewhere(), room.is_crowded());
        let ended = room.mix(index, &mut |partial| out.partial(elsewhere, partial));
        self.room_play_over(room.id(), ended, PlayEnd::Finished);
        if room.is_crowded() != crowded {
            self.set_gates(room, !crowded);
        }
        if index.is_multiple_of(HEED_TICKS) {
            self.heed_losses(room);
            room.set_heard(self.others_heard(at, room, None));
        }
        self.company(room);
        self.send_shared(at, room, out);
        self.send_alone(at, room, out);
    }

    /// Takes what each member says.
    fn room_listens(&mut self, at: Time, room: &mut Room, out: &mut dyn Transmit) {
        let id = room.id();
        let mut n = 0;
        loop {
            let soon = room.members().get(n + SOON).map(|member| member.slot());
            let Some(member) = room.member_mut(n) else { break };
            n += 1;
            let (slot, name) = (member.slot(), member.leg());
            for place in soon.and_then(|slot| self.clock_place(slot)).into_iter().flatten() {
                out.ahead(place);
            }
            let Some(leg) = self.legs.get_mut(slot) else { continue };
            let rests = leg.gate.is_shut() && !member.is_fading() || leg.rate != member.rate();
            let (noticed, changed) = match rests {
                true => (Noticed::default(), member.rest()),
                false => (listen(leg, at, member.frame_mut(), &mut self.deep), member.judge()),
            };
            self.noticed(at, slot, noticed);
            if let Some(speaks) = changed {
                self.tell(Event::Speaking { leg: name, room: id, speaks });
            }
        }
    }

    /// Settles with whom each member's packets are coded in this tick.
    fn company(&mut self, room: &mut Room) {
        for n in 0..room.outlet_count() {
            if let Some(outlet) = room.outlet_mut(n) {
                outlet.members = 0;
            }
        }
        for n in 0..room.members().len() {
            let company = room.part_company(n);
            let Some((slot, outlet)) = room.member_mut(n).map(|m| (m.slot(), m.outlet())) else {
                continue;
            };
            match (company, outlet.and_then(|n| room.outlet_mut(n))) {
                (Company::Shared, Some(outlet)) => outlet.members += 1,
                (Company::Alone { anew: true }, _) => {
                    let leg = self.legs.get_mut(slot);
                    if let Some(encoder) = leg.and_then(|leg| leg.encoder.as_mut()) {
                        afresh(encoder);
                    }
                }
                _ => {}
            }
        }
    }

    /// Codes once what many hear, and sends it to each.
    fn send_shared(&mut self, at: Time, room: &mut Room, out: &mut dyn Transmit) {
        for n in 0..room.outlet_count() {
            let Some(outlet) = room.outlet_mut(n) else { continue };
            if outlet.members == 0 {
                outlet.push(None);
                continue;
            }
            let mut mix = [0; WIDE_FRAME];
            let mix = room.heard_by_outlet(n, &mut mix);
            let Some(outlet) = room.outlet_mut(n) else { continue };
            outlet.push(Some(mix));
            self.record_shared(at, room, n, mix, out);
            let Some(outlet) = room.outlet_mut(n) else { continue };
            let ptime_ms = outlet.key.ptime_ms();
            for packet in 0..outlet.packetizer.packets(ptime_ms) {
                let Some(outlet) = room.outlet_mut(n) else { continue };
                let pcm = outlet.packetizer.packet(packet, ptime_ms);
                let bytes = outlet
                    .encoder
                    .encode(pcm, &mut self.packet[HEADER_LEN..][..MOST_PAYLOAD])
                    .unwrap_or(0);
                room.coded();
                let at = at + packet_time(packet, ptime_ms);
                let members = room.members();
                for (k, member) in members.iter().enumerate() {
                    if let Some(soon) = members.get(k + SOON) {
                        let places = self.clock_place(soon.slot()).into_iter().flatten();
                        places.for_each(|place| out.ahead(place));
                    }
                    if !member.shares(n) {
                        continue;
                    }
                    if let Some(leg) = self.legs.get_mut(member.slot()) {
                        deliver(leg, at, ptime_ms, bytes, &mut self.packet, out);
                    }
                }
            }
            if let Some(outlet) = room.outlet_mut(n) {
                outlet.packetizer.sent(ptime_ms);
            }
        }
    }

    /// Codes for those who hear what nobody else hears.
    fn send_alone(&mut self, at: Time, room: &mut Room, out: &mut dyn Transmit) {
        for n in 0..room.members().len() {
            let Some(ptime_ms) = room.members()[n].alone() else { continue };
            let mut mix = [0; WIDE_FRAME];
            let mix = room.heard_by_member(n, &mut mix);
            let slot = room.members()[n].slot();
            self.record_heard(at, slot, mix, out);
            self.mix_beep(slot, mix);
            let Some(member) = room.member_mut(n) else { continue };
            member.packetizer_mut().push(mix);
            let Some(leg) = self.legs.get_mut(slot) else { continue };
            let packets = member.packetizer_mut().packets(ptime_ms);
            for packet in 0..packets {
                let pcm = member.packetizer_mut().packet(packet, ptime_ms);
                let encoder = leg.encoder.as_mut();
                let coded = encoder.and_then(|e| {
                    e.encode(pcm, &mut self.packet[HEADER_LEN..][..MOST_PAYLOAD]).ok()
                });
                let at = at + packet_time(packet, ptime_ms);
                deliver(leg, at, ptime_ms, coded.unwrap_or(0), &mut self.packet, out);
            }
            member.packetizer_mut().sent(ptime_ms);
            (0..packets).for_each(|_| room.coded());
        }
    }

    /// Lets shared codings carry redundancy for the member that loses most.
    fn heed_losses(&mut self, room: &mut Room) {
        for n in 0..room.outlet_count() {
            let lost = |leg: &Leg| u32::from(leg.rtcp.fraction_lost()) * 100 / 256;
            let members = room.members().iter().filter(|m| m.shares(n));
            let legs = members.filter_map(|m| self.legs.get(m.slot()));
            let percent = legs.map(lost).max().unwrap_or(0);
            if let Some(outlet) = room.outlet_mut(n).filter(|o| o.key.has_fec()) {
                outlet.expect_loss(percent as u8);
            }
        }
    }
}

/// How long after a tick its `n`-th packet is due.
fn packet_time(n: usize, ptime_ms: u32) -> crate::base::Duration {
    crate::base::Duration::from_millis(n as u64 * u64::from(ptime_ms))
}

/// Sends what lies behind the header's place in `packet` to one member; 0 bytes: silence that needs
/// no packet.
fn deliver(
    leg: &mut Leg,
    at: Time,
    ptime_ms: u32,
    bytes: usize,
    packet: &mut [u8; MOST_PACKET],
    out: &mut dyn Transmit,
) {
    if leg.mouth.is_busy() {
        return; // it hears that, by its own clock
    }
    let ticks = Rate::Khz8.samples(ptime_ms) as u32 * leg.narrowed.ticks();
    let way = leg.sends().zip(leg.latch.destination()).filter(|_| bytes > 0);
    let (Some(((_, payload_type), to)), Some(head)) = (way, packet.first_chunk_mut()) else {
        leg.tx.skip(at, ticks);
        return;
    };
    leg.spoken = true;
    write_header(head, leg.tx.own(at, payload_type, ticks, bytes));
    if matches!(leg.guard, Guard::Plain) {
        return out.send(leg.port, Kind::Rtp, to, &packet[..HEADER_LEN + bytes]);
    }
    // Others hear the same payload, each under its own key.
    let mut own = *packet;
    if let Some(whole) = leg.seal(&mut own, HEADER_LEN + bytes) {
        out.send(leg.port, Kind::Rtp, to, &own[..whole]);
    }
}
