//! Two parties talk: joining, recording, hold, parting.

use crate::base::{CallId, LegId, Now, RecordingId};
use crate::call::ConnectionState;
use crate::call::conference::Change;
use crate::config;
use crate::media::control::{Command, RecordFormat};
use crate::record::path;
use crate::wire::q850::Cause;

use super::active::{Copying, Doing, Recording};
use super::fact::{AlarmWhat, FactKind};
use super::leg::Stage;
use super::sound::{music, recording_tone};
use super::{DiskCommand, DiskEvent, Level, Output, Switch};

/// Who is on a recording's channels.
struct Recorded {
    left: LegId,
    /// Who talks with it.
    right: Option<LegId>,
    /// Whose voice is on the right; `None`: what the left one hears is.
    heard: Option<LegId>,
}

impl Switch {
    /// The dialled `with` answered: it and the party for whom the plan runs hear each other.
    pub(super) fn connect(&mut self, now: Now, id: CallId, with: LegId) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        let subject = active.subject();
        let doing = std::mem::replace(&mut active.doing, Doing::Ending);
        let Doing::Dialling(dialing) = doing else { return };
        let Some((_, target)) = dialing.legs.into_iter().find(|(leg, _)| *leg == with) else {
            return;
        };
        active.doing = Doing::Talking { with, target, since: now.at };
        active.last_cause = None;
        let served = self.offered.get(&with).is_some_and(Option::is_some);
        let served = served || active.consulting.is_some();
        if let Some(agent) = active.call.get(with).filter(|c| c.device.is_phone() && !served) {
            active.agent = Some(agent.device.number().to_owned());
        }
        self.stop_play(subject);
        self.answer(now, subject);
        self.bridge(subject, with);
        self.bridged(now, id, subject, with);
        // Keys pressed before the talk are no answers to what is asked after it.
        if let Some(leg) = self.legs.get_mut(&subject) {
            leg.typed.clear();
        }
        let asked = self.calls.get(&id).is_some_and(|active| active.consulting.is_some());
        if dialing.dial.record && !asked {
            self.record(now, id, true);
        }
        self.recorded_sides(now, id);
        self.third_answered(now, id, with, dialing.dial.record);
        self.transfer_settled(now, id);
        // Another phone has picked the call up: it is answered, and no agent has it.
        self.quit_queue(now, id, crate::acd::event::Departure::PickedUp);
        self.rearm(id);
    }

    fn bridged(&mut self, now: Now, id: CallId, a: LegId, b: LegId) {
        if let Some(active) = self.calls.get_mut(&id) {
            active.call.join(a, b);
        }
        self.fact(now, FactKind::Bridged { call: id, a, b });
        self.care_talks(now, id);
        self.back_reached(now, id);
        self.campaign_reached(now, id);
    }

    /// Joins two parties that had talked before (a transfer came to nothing).
    pub(super) fn rejoin(&mut self, now: Now, id: CallId, a: LegId, b: LegId) {
        self.stop_play(a);
        self.stop_play(b);
        self.bridge(a, b);
        self.bridged(now, id, a, b);
        self.recorded_sides(now, id);
        // Who held the other before the transfer holds still.
        for (holds, hears) in [(a, b), (b, a)] {
            if self.legs.get(&holds).is_some_and(|leg| leg.held) {
                self.hear_clip(now, hears, music("default"));
            }
        }
    }

    /// Takes `leg` and whom it talks with apart; gives the other.
    pub(super) fn part(&mut self, now: Now, id: CallId, leg: LegId) -> Option<LegId> {
        let peer = self.calls.get_mut(&id)?.call.part(leg)?;
        self.unbridge(leg);
        self.fact(now, FactKind::Unbridged { call: id, a: leg, b: peer });
        self.talk_unwatched(now, id);
        Some(peer)
    }

    /// Begins to record, if that is not done already (R5); `by_dial`: until the talk is over.
    pub(super) fn record(&mut self, now: Now, id: CallId, by_dial: bool) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        if !self.config.record.enabled {
            return;
        }
        let running = active.recording.is_some();
        // A recorder outside has it, whatever becomes of our own.
        let paused = active.copying.get_or_insert(Copying { paused: false, by_dial }).paused;
        self.touch_outside(id);
        if running || !self.may_record(now, id) {
            return;
        }
        let (Some(Recorded { left, right, heard }), Some(active)) =
            (self.recorded(id), self.calls.get_mut(&id))
        else {
            return;
        };
        let date = jiff::Timestamp::from_millisecond(now.wall.0)
            .unwrap_or_default()
            .to_zoned(self.zone.clone())
            .date();
        active.recordings += 1;
        let path = path::path(id, active.recordings, date);
        let path = if self.config.record.encrypt { path::encrypted(&path) } else { path };
        let group = self.group_of_leg(left);
        let recording = self.new_recording_id();
        let beep = self.config.record.beep.then(|| recording_tone(self.config.node.country));
        let format = match self.config.record.format {
            config::RecordFormat::Alaw => RecordFormat::Alaw,
            config::RecordFormat::Pcm16 => RecordFormat::Pcm16,
        };
        if let Some(active) = self.calls.get_mut(&id) {
            let path = path.clone();
            active.recording = Some(Recording { id: recording, path, paused, by_dial, group });
        }
        self.out.push_back(Output::Disk(DiskCommand::Open {
            recording,
            path: path.clone(),
            format,
        }));
        let side = Command::Record { recording, format, beep, left, right: heard };
        self.out.push_back(Output::Media(side));
        if paused {
            // Asked for while only the recorder outside had the call.
            self.out.push_back(Output::Media(Command::PauseRecord { recording, paused }));
        }
        self.out.push_back(Output::Recorded { call: id, path: path.clone(), left, right });
        self.fact(now, FactKind::RecordingBegan { call: id, recording, path, left, right });
    }

    /// Who speaks on which channel has changed.
    pub(super) fn recorded_sides(&mut self, now: Now, id: CallId) {
        self.touch_outside(id);
        let Some(active) = self.calls.get(&id) else { return };
        let Some(running) = active.recording.clone() else { return };
        let Some(Recorded { left, right, heard }) = self.recorded(id) else { return };
        if self.group_of_leg(left) != running.group {
            // Whoever is on the left now lives on another worker: the rest is a second file there.
            self.stop_own_recording(id);
            return self.record(now, id, running.by_dial);
        }
        let (recording, path) = (running.id, running.path);
        self.out.push_back(Output::Recorded { call: id, path, left, right });
        let (left, right) = (Some(left), heard);
        self.out.push_back(Output::Media(Command::SetRecordLegs { recording, left, right }));
    }

    /// Who is on a recording's channels. Where one cannot have the other party's voice alone, because it is on
    /// another worker or a supervisor speaks to both, it has what the party on the left hears: in a talk that
    /// is watched that is the customer, who hears no whisper.
    fn recorded(&self, id: CallId) -> Option<Recorded> {
        let (left, right) = self.calls.get(&id)?.sides();
        let watched = self.watched_sides(id);
        let gathered = self.calls.get(&id)?.gathered;
        let joined = watched.is_some_and(|(_, joined)| joined) || self.is_together(id);
        let joined = joined || gathered;
        let apart = joined || self.is_linked(left);
        let (left, right) = match watched {
            Some((customer, _)) if apart && right == Some(customer) => (customer, Some(left)),
            _ => (left, right),
        };
        Some(Recorded { left, right, heard: right.filter(|_| !apart) })
    }

    /// A talk is over, the call is not: what the dial began to record is whole.
    pub(super) fn talk_recorded(&mut self, now: Now, id: CallId) {
        match self.calls.get(&id).is_some_and(|active| active.is_recorded_by_dial()) {
            true => self.stop_recording(id),
            false => self.recorded_sides(now, id),
        }
    }

    pub(super) fn pause_recording(&mut self, now: Now, id: CallId, paused: bool) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        if let Some(copying) = &mut active.copying {
            copying.paused = paused;
        }
        let Some(recording) = active.recording.as_mut() else {
            return self.touch_outside(id);
        };
        if recording.paused == paused {
            return self.touch_outside(id);
        }
        recording.paused = paused;
        let recording = recording.id;
        self.out.push_back(Output::Media(Command::PauseRecord { recording, paused }));
        self.fact(
            now,
            match paused {
                true => FactKind::RecordingPaused { call: id, recording, paused },
                false => FactKind::RecordingResumed { call: id, recording },
            },
        );
    }

    pub(super) fn stop_recording(&mut self, id: CallId) {
        if self.calls.get_mut(&id).and_then(|active| active.copying.take()).is_some() {
            self.touch_outside(id);
        }
        self.stop_own_recording(id);
    }

    /// Our own file ends; a recorder outside goes on.
    fn stop_own_recording(&mut self, id: CallId) {
        if let Some(recording) = self.calls.get_mut(&id).and_then(|a| a.recording.take()) {
            self.recordings.insert(recording.id, id);
            self.out.push_back(Output::Media(Command::StopRecord { recording: recording.id }));
        }
    }

    /// The disk tells of a recording.
    pub(super) fn disk(&mut self, now: Now, event: DiskEvent) {
        match event {
            DiskEvent::Closed { recording, samples, fault } => {
                let Some(call) = self.recordings.remove(&recording) else { return };
                let (ms, fault) = (samples / 8, fault.unwrap_or_default());
                self.fact(now, FactKind::RecordingEnded { call, recording, samples, ms, fault });
            }
            DiskEvent::NotOpened { recording, why } => {
                let call = self.recording_failed(now, recording, &why);
                if let Some(id) = call.filter(|id| self.is_recorded_by(*id, recording)) {
                    self.stop_own_recording(id);
                }
                // No file, so nobody will tell of its end.
                if let (Some(call), Some(_)) = (call, self.recordings.remove(&recording)) {
                    let ended =
                        FactKind::RecordingEnded { call, recording, samples: 0, ms: 0, fault: why };
                    self.fact(now, ended);
                }
            }
            DiskEvent::Failed { recording, why } => {
                self.recording_failed(now, recording, &why);
            }
            DiskEvent::Mended { path, samples } => self.recording_mended(now, path, samples),
            DiskEvent::Packed { path, packed, bytes } => {
                self.recording_packed(now, path, packed, bytes)
            }
            DiskEvent::Sealed { path, sha256, bytes } => {
                self.recording_sealed(now, path, sha256, bytes);
            }
            DiskEvent::NotPacked { path, why } => self.recording_not_packed(now, path, why),
            DiskEvent::Removed { path } => self.recording_removed(now, path),
            DiskEvent::Level { full, used_percent, max_percent } => {
                self.disk_level(now, full, used_percent, max_percent);
            }
            DiskEvent::NotRemoved { why } => self.not_removed(now, why),
        }
    }

    fn is_recorded_by(&self, id: CallId, recording: RecordingId) -> bool {
        let running = self.calls.get(&id).and_then(|active| active.recording.as_ref());
        running.is_some_and(|running| running.id == recording)
    }

    /// A recording has a fault: log and alarm, and whose it is.
    fn recording_failed(&mut self, now: Now, recording: RecordingId, why: &str) -> Option<CallId> {
        let running = self.calls.keys().copied().find(|id| self.is_recorded_by(*id, recording));
        let call = running.or_else(|| self.recordings.get(&recording).copied());
        let name = call.map_or_else(String::new, |call| call.to_string());
        self.log(Level::Error, format!("recording of call {name}: {why}; the call goes on"));
        self.alarm(now, AlarmWhat::RecordingFailed, why.into(), call);
        call
    }

    /// `leg` put the call on hold, or took it back: the other hears music, or the talk again.
    pub(super) fn held(&mut self, now: Now, leg_id: LegId, held: bool) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if leg.held == held || leg.stage != Stage::Answered {
            return;
        }
        leg.held = held;
        let id = leg.call;
        let Some(active) = self.calls.get_mut(&id) else { return };
        let state = if held { ConnectionState::Held } else { ConnectionState::Connected };
        active.call.enter(leg_id, state, now.at);
        let peer = active.call.peer(leg_id);
        if !held {
            for leg in [Some(leg_id), peer].into_iter().flatten() {
                self.legs.entry(leg).and_modify(|leg| leg.taken_back = now.at);
            }
        }
        self.tell_hold(now, id, leg_id, held);
        self.change_member(leg_id, Change::Held(held));
        let gathered = self.calls.get(&id).is_some_and(|active| active.gathered);
        if gathered || self.held_together(leg_id, held) {
            return;
        }
        match (peer, held) {
            (Some(peer), true) => self.hear_clip(now, peer, music("default")),
            (Some(peer), false) => self.stop_play(peer),
            (None, _) => {}
        }
    }

    /// Writes down that a party holds, or does no more.
    pub(super) fn tell_hold(&mut self, now: Now, call: CallId, leg: LegId, held: bool) {
        let up_ms = Some(now.at.as_millis());
        let kind = match held {
            true => FactKind::Held { call, leg, up_ms },
            false => FactKind::Retrieved { call, leg, up_ms },
        };
        self.fact(now, kind);
    }

    /// The other party of a talk has gone: the plan goes on with the caller.
    pub(super) fn talk_over(
        &mut self,
        now: Now,
        id: CallId,
        [gone, peer]: [LegId; 2],
        cause: Cause,
    ) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        let Doing::Talking { with, .. } = &active.doing else { return };
        if *with != gone || active.subject() != peer {
            return;
        }
        let (Doing::Talking { target, since, .. }, _) = active.leave_step(now.at) else { return };
        active.talk_cause = Some(cause);
        let talk_ms = now.at.since(since).as_millis() as u64;
        self.stop_play(peer);
        self.talk_recorded(now, id);
        use crate::dialplan::effect::{DialEnd, EndedBy, Happening};
        let end = DialEnd::Answered { by: target, talk_ms, ended_by: EndedBy::Callee };
        self.run(now, id, Happening::Dialed(end));
    }
}
