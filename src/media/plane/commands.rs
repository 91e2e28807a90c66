//! What the switch asks for, one function a command.

use std::net::IpAddr;
use std::sync::Arc;

use super::ports::Given;
use super::recordings::{LAY_PART, Recording};
use super::{CHORES, Goodbye, MOST_REPORT, Plane};
use crate::base::{Duration, LegId, PlayId, RecordingId, Time};
use crate::dsp::rate::Rate;
use crate::dsp::tone;
use crate::media::beep::Beep;
use crate::media::bridge::relays;
use crate::media::control::{Command, Event, NoPort, PlayEnd, StreamParams};
use crate::media::leg::{HeldKeys, Leg, Tones, cost};
use crate::media::mouth::Mouth;
use crate::media::player::Clip;
use crate::media::room::rate_of;
use crate::media::tap::{Channel, TapPoint};

impl Plane {
    /// Does what the switch asks. A command for a leg or a recording that is not there is counted
    /// and dropped.
    pub fn command(&mut self, now: Time, command: Command<Arc<Clip>>) {
        let done = match command {
            // Legs of one group come to one worker: the engine has seen to that.
            Command::Open { leg, group: _, near } => {
                self.open(now, leg, near);
                Some(())
            }
            Command::Set { leg, params } => self.negotiated(now, leg, params),
            Command::Bridge { a, b } => self.bridge(now, a, b),
            Command::Copy { leg, of } => self.copy(now, leg, of),
            Command::Unbridge { leg } => self.slot(leg).map(|slot| self.unbridge(now, slot)),
            Command::Play { leg, play, items, repeat, stop_on } => {
                self.mouth(now, leg, |mouth| mouth.player.start(play, items, repeat, stop_on))
            }
            Command::Aside { leg, play, items } => {
                self.mouth(now, leg, |mouth| mouth.player.aside(play, items))
            }
            Command::StopPlay { leg } => self.mouth(now, leg, |mouth| mouth.player.stop()),
            Command::HearTones { leg, country, ms } => self.hear_tones(now, leg, country, ms),
            Command::SendDigits { leg, digits, on_ms, off_ms } => self.mouth(now, leg, |mouth| {
                mouth.send_digits(&digits, on_ms, off_ms);
                None
            }),
            Command::HoldKeys { leg, first } => self.slot(leg).and_then(|slot| {
                self.legs.get_mut(slot)?.held_keys = HeldKeys { first, all: false };
                Some(())
            }),
            Command::Record { recording, format, beep, left, right } => {
                let recording = Recording::new(now, recording, format, beep);
                self.record(now, recording, left, right)
            }
            Command::SetRecordLegs { recording, left, right } => {
                self.record_legs(now, recording, left, right)
            }
            Command::PauseRecord { recording, paused } => self.pause_record(now, recording, paused),
            Command::StopRecord { recording } => self.stop_record(now, recording),
            Command::Join { leg, room, membership } => self.join_room(now, leg, room, membership),
            Command::Leave { leg } => self.leave_room(now, leg),
            Command::PlayRoom { room, play, items, repeat } => {
                self.play_room(now, room, play, items, repeat)
            }
            Command::StopPlayRoom { room } => self.stop_room(room),
            Command::RoomParts { room, workers } => {
                self.room_parts(room, workers);
                Some(())
            }
            Command::CloseRoom { room } => self.close_room(now, room),
            Command::Close { leg } => self.close(now, leg),
        };
        if done.is_none() {
            self.counts.commands_dropped += 1;
        }
    }

    fn slot(&self, leg: LegId) -> Option<u32> {
        self.legs.slot(leg)
    }

    fn open(&mut self, now: Time, leg: LegId, near: IpAddr) {
        let taken = match self.slot(leg) {
            Some(_) => Err(NoPort::Duplicate),
            None => self.ports.take(now, self.legs.next_slot(), near).ok_or(NoPort::Exhausted),
        };
        match taken {
            Err(why) => self.tell(Event::OpenFailed { leg, why }),
            Ok(Given { port, addr, stray }) => {
                self.legs.insert(Leg::new(now, leg, port, stray, &mut self.rng));
                self.chores_at = self.chores_at.min(now + CHORES);
                self.turning.reserve(self.legs.len()); // each can be in it once
                self.tell(Event::Opened { leg, rtp: addr });
            }
        }
    }

    fn negotiated(&mut self, now: Time, leg: LegId, mut params: StreamParams) -> Option<()> {
        let slot = self.slot(leg)?;
        self.stay(slot, &mut params);
        self.set(now, slot, params)
    }

    /// How a leg's stream stands from now on.
    pub(super) fn set(&mut self, now: Time, slot: u32, params: StreamParams) -> Option<()> {
        let leg = self.legs.get_mut(slot)?;
        for point in leg.taps.iter().flatten() {
            if let Some(recording) = self.recordings.get_mut(point.recording) {
                recording.expect(point.channel, params.codec);
                self.coders_made += cost(params.codec);
            }
        }
        leg.set(now, params, &mut self.rng);
        self.legs.look_soon(slot);
        self.fit(slot);
        self.rearrange_room_of(now, slot);
        self.rewire(now, slot);
        Some(())
    }

    /// Begins or ends to listen for a network's tones.
    fn hear_tones(
        &mut self,
        now: Time,
        leg: LegId,
        country: Option<String>,
        ms: Option<u32>,
    ) -> Option<()> {
        let slot = self.slot(leg)?;
        let until = ms.map_or(Time::NEVER, |ms| now + Duration::from_millis(u64::from(ms)));
        let leg = self.legs.get_mut(slot)?;
        match &mut leg.tones {
            // What was heard so far counts: the tone may go on over the answer.
            Some(tones) if country.as_deref() == Some(&*tones.country) => tones.until = until,
            tones => {
                *tones = country.and_then(|country| {
                    let detector = tone::Detector::new(&country)?;
                    Some(Box::new(Tones { detector, country: country.into(), until }))
                });
            }
        }
        self.fit(slot);
        self.rewire(now, slot);
        Some(())
    }

    /// Gives ears to those of a leg and its partner who need them.
    pub(super) fn fit(&mut self, slot: u32) {
        let Some((leg, partner)) = self.legs.with_partner(slot) else {
            return;
        };
        let Some(partner) = partner else {
            let codec = leg.codec();
            let room = leg.room.and(codec).map(rate_of);
            self.coders_made += leg.fit(room.unwrap_or_default(), room.is_some() || leg.detects());
            return;
        };
        // Between two codecs, the lowest rate at which nothing is lost for either: that of the narrower.
        // Packets that are relayed need none, and what else the two are told is 8 kHz.
        let (transcoded, rate) = match (leg.side(), partner.side()) {
            (Some(a), Some(b)) if relays(&a, &b) && relays(&b, &a) => ([false; 2], Rate::Khz8),
            (Some(a), Some(b)) => {
                ([!relays(&a, &b), !relays(&b, &a)], a.codec.rate().min(b.codec.rate()))
            }
            _ => ([false; 2], Rate::Khz8),
        };
        self.coders_made += leg.fit(rate, transcoded[0] || leg.detects());
        self.coders_made += partner.fit(rate, transcoded[1] || partner.detects());
    }

    fn bridge(&mut self, now: Time, a: LegId, b: LegId) -> Option<()> {
        let (a, b) = (self.slot(a)?, self.slot(b)?);
        if self.legs.get(a)?.partner == Some(b) {
            return Some(());
        }
        for slot in [a, b] {
            self.unbridge(now, slot);
            self.leave(now, slot);
        }
        for (slot, partner) in [(a, b), (b, a)] {
            let leg = self.legs.get_mut(slot)?;
            leg.partner = Some(partner);
            leg.inserted = None;
            leg.lengths.forget();
            leg.tx.unsplice();
        }
        self.fit(a);
        self.rewire(now, a);
        Some(())
    }

    /// Takes a leg and its partner apart.
    pub(super) fn unbridge(&mut self, now: Time, slot: u32) {
        let partner = self.legs.get_mut(slot).and_then(|leg| leg.partner.take());
        let Some(partner) = partner else { return };
        if let Some(other) = self.legs.get_mut(partner) {
            other.partner = None;
        }
        for slot in [slot, partner] {
            if let Some(leg) = self.legs.get_mut(slot) {
                leg.mouth.key_up(0);
            }
            self.fit(slot);
            self.rewire(now, slot);
        }
    }

    /// Gives a leg's mouth something else to say, which may have stopped a playback.
    fn mouth(
        &mut self,
        now: Time,
        leg: LegId,
        change: impl FnOnce(&mut Mouth) -> Option<PlayId>,
    ) -> Option<()> {
        let slot = self.slot(leg)?;
        let mouth = &mut self.legs.get_mut(slot)?.mouth;
        let under = mouth.player.under();
        let stopped = change(mouth);
        let under = under.filter(|_| mouth.player.under().is_none());
        for play in under.into_iter().chain(stopped) {
            self.tell(Event::PlayDone { leg, play, end: PlayEnd::Stopped });
        }
        self.rewire(now, slot);
        Some(())
    }

    fn record(
        &mut self,
        now: Time,
        recording: Recording,
        left: LegId,
        right: Option<LegId>,
    ) -> Option<()> {
        let left = self.slot(left)?;
        let recording = self.recordings.insert(recording)?;
        self.tap(now, recording, Channel::Left, Some(left));
        self.tap(now, recording, Channel::Right, right.and_then(|leg| self.slot(leg)));
        Some(())
    }

    fn record_legs(
        &mut self,
        now: Time,
        id: RecordingId,
        left: Option<LegId>,
        right: Option<LegId>,
    ) -> Option<()> {
        let recording = self.recordings.slot(id)?;
        let wanted = [(Channel::Left, left), (Channel::Right, right)]
            .map(|(channel, leg)| (channel, leg.and_then(|leg| self.slot(leg))));
        // A leg that stays keeps its place on the clock; one that changes sides is let go first.
        let entry = self.recordings.get_mut(recording)?;
        let changed = wanted.map(|(channel, leg)| entry.leg(channel) != leg);
        for ((channel, _), _) in wanted.iter().zip(changed).filter(|(_, changed)| *changed) {
            self.tap(now, recording, *channel, None);
        }
        for ((channel, leg), _) in wanted.into_iter().zip(changed).filter(|(_, changed)| *changed) {
            self.tap(now, recording, channel, leg);
        }
        Some(())
    }

    /// Lets a recording listen to another leg on one of its channels. A leg that is being recorded
    /// twice already stays silent there.
    fn tap(&mut self, now: Time, recording: u32, channel: Channel, leg: Option<u32>) {
        let Some(entry) = self.recordings.get_mut(recording) else {
            return;
        };
        let before = entry.leg(channel);
        if let Some(old) = before.and_then(|slot| self.legs.get_mut(slot)) {
            let is = |tap: &Option<TapPoint>| tap.is_some_and(|tap| tap.is(recording, channel));
            old.taps.iter_mut().filter(|tap| is(tap)).for_each(|tap| *tap = None);
        }
        let speaker = leg.and_then(|slot| self.legs.get_mut(slot));
        let codec = speaker.as_ref().and_then(|leg| leg.codec());
        let free = speaker.and_then(|leg| leg.taps.iter_mut().find(|t| t.is_none()));
        let heard = leg.filter(|_| free.is_some());
        if let Some(free) = free {
            *free = Some(TapPoint {
                recording,
                channel,
                anew: true,
                paused: entry.paused,
                aside: false,
            });
            self.lay_at = self.lay_at.min(now + LAY_PART);
            if let Some(codec) = codec {
                entry.expect(channel, codec);
                self.coders_made += cost(codec);
            }
        }
        entry.change(channel, heard);
        for slot in [before, heard].into_iter().flatten() {
            self.beep(now, slot);
            self.expect_room(slot);
        }
        if heard.is_none() && leg.is_some() {
            self.counts.commands_dropped += 1;
        }
    }

    fn pause_record(&mut self, now: Time, id: RecordingId, paused: bool) -> Option<()> {
        let slot = self.recordings.slot(id)?;
        let recording = self.recordings.get_mut(slot)?;
        recording.paused = paused;
        let legs = [Channel::Left, Channel::Right].map(|channel| recording.leg(channel));
        for leg in legs.into_iter().flatten() {
            let taps = self.legs.get_mut(leg).into_iter().flat_map(|leg| &mut leg.taps);
            let its = taps.flatten().filter(|tap| tap.recording == slot);
            its.for_each(|tap| tap.paused = paused);
            self.beep(now, leg);
        }
        Some(())
    }

    /// Lets a leg hear that it is being recorded, if it is and shall.
    fn beep(&mut self, now: Time, slot: u32) {
        let Some(leg) = self.legs.get_mut(slot) else { return };
        let recordings = leg.taps.iter().flatten().map(|tap| self.recordings.get(tap.recording));
        let mut told =
            recordings.flatten().filter(|recording| recording.beep().is_some()).peekable();
        let plan = told.peek().and_then(|recording| recording.beep());
        let paused = told.all(|recording| recording.paused);
        if let (Some(beep), Some(plan)) = (&mut leg.beep, &plan) {
            return beep.set_paused(plan, paused);
        }
        if plan.is_some() == leg.beep.is_some() {
            return;
        }
        leg.beep = plan.map(|plan| {
            let mut beep = Box::new(Beep::new(&plan, leg.rate));
            beep.set_paused(&plan, paused);
            beep
        });
        self.fit(slot);
        self.rearrange_room_of(now, slot);
        self.rewire(now, slot);
    }

    fn stop_record(&mut self, now: Time, id: RecordingId) -> Option<()> {
        let recording = self.recordings.slot(id)?;
        self.tap(now, recording, Channel::Left, None);
        self.tap(now, recording, Channel::Right, None);
        self.ending_at = self.ending_at.min(now);
        self.recordings.end(now, id)
    }

    /// Ends all recordings: the worker ends. What is left of them leaves with the ticks that follow.
    pub fn end_recordings(&mut self, now: Time) {
        for recording in self.recordings.ids() {
            let _ = self.stop_record(now, recording);
        }
    }

    fn close(&mut self, now: Time, id: LegId) -> Option<()> {
        let slot = self.slot(id)?;
        self.unbridge(now, slot);
        self.leave(now, slot);
        self.end_copies(now, slot);
        let mut leg = self.legs.remove(slot)?;
        let under = leg.mouth.player.under();
        for play in under.into_iter().chain(leg.mouth.player.stop()) {
            self.tell(Event::PlayDone { leg: id, play, end: PlayEnd::Stopped });
        }
        for point in leg.taps.iter().flatten() {
            if let Some(recording) = self.recordings.get_mut(point.recording) {
                recording.change(point.channel, None);
            }
        }
        self.clocks.retain(|clock| clock.slot != slot);
        if self.clocks.is_empty() {
            self.next_clock = Time::NEVER;
        }
        self.ports.give_back(now, leg.port, leg.latch.held(), self.config.quarantine);
        let way = leg.reports_to().filter(|_| leg.rtcp.says_goodbye(&leg.tx));
        if let Some((kind, to)) = way {
            let mut bytes = [0; MOST_REPORT];
            let Leg { rtcp, rx, tx, .. } = &mut *leg;
            let (plain, _) = bytes.split_first_chunk_mut().expect("it holds more than a report");
            let len = rtcp.goodbye(now, rx, tx, &mut self.rng, plain);
            if let Some(len) = leg.seal_rtcp(&mut bytes, len) {
                self.goodbyes.push_back(Goodbye { port: leg.port, kind, to, bytes, len });
            }
            self.chores_at = now;
        } else if self.legs.len() == 0 && self.goodbyes.is_empty() {
            self.chores_at = Time::NEVER;
        }
        self.tell(Event::Closed { leg: id, stats: leg.stats() });
        Some(())
    }
}
