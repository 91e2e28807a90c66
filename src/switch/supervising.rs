//! Supervisors with agents' talks: who may, how a talk of two becomes one that is watched, and back.
//!
//! ```text
//!   *70 7001 ─▶ may it? ─▶ Watching ─▶ Join: customer, agent, supervisor in a room of their own
//!                 │                       │ keys 0 … 4: another manner, end the call, take it over
//!                 ▼ no: a prompt          ▼
//!             a fact of each          the last one leaves: Bridge, as before
//!                                     the talk is over: a tone, the supervisor's call ends
//! ```
//!
//! A talk is bridged, and mixed only while somebody is with it. Its recording keeps both voices on their
//! channels and never has a whisper; while a supervisor speaks to both, the right channel has what the
//! customer hears. What each is in the talk is [`call::supervise`](crate::call::supervise)'s. A hold, a
//! transfer's end and re-negotiation work as ever; a talk that is taken apart is watched no more.
//!
//! Only an agent whose role is supervisor may, signed in at the phone that dials. An operator's console has
//! the supervisor's phone called, which is then asked as if it had dialled.

use std::collections::BTreeMap;

use crate::acd::AgentId;
use crate::base::{CallId, LegId, Now, RoomId};
use crate::call::Device;
use crate::call::codes::{self, Code};
use crate::call::supervise::{Act, Full, Manner, Place, Supervision};
use crate::dialplan::effect::Target;
use crate::media::control::{Command, Line, Membership};
use crate::wire::q850::Cause;

use super::active::Doing;
use super::console::{AgentOrder, Reply, SuperviseOrder};
use super::fact::{AgentFact, EndedBy, FactKind};
use super::leg::Stage;
use super::{Output, Switch};

/// Talks that are watched, and who watches them.
#[derive(Debug, Default)]
pub(super) struct Supervising {
    talks: BTreeMap<CallId, Watched>,
    watchers: BTreeMap<LegId, Watcher>,
}

impl Supervising {
    /// Talks that somebody is with.
    pub(super) fn len(&self) -> usize {
        self.talks.len()
    }
}

#[derive(Debug)]
struct Watched {
    room: RoomId,
    who: Supervision,
    /// The agent's number.
    agent: String,
}

/// A supervisor with a talk.
#[derive(Clone, Debug)]
struct Watcher {
    /// The talk's call.
    call: CallId,
    /// The supervisor's number.
    by: String,
}

/// An agent's talk.
struct Talk {
    call: CallId,
    /// The agent's leg, and the one it talks with.
    agent: LegId,
    customer: LegId,
    /// The agent's number.
    number: String,
}

impl Switch {
    /// A supervisor's code was dialled at a phone.
    pub(super) fn supervise_code(
        &mut self,
        now: Now,
        leg: LegId,
        phone: &str,
        act: Act,
        number: &str,
    ) {
        let by = self.centre.at_phone(phone).and_then(|id| self.centre.agent(now.at, id));
        let name = by.as_ref().map_or_else(|| phone.to_owned(), |by| by.number.clone());
        let done = self
            .centre
            .may_supervise(by.as_ref().map(|by| by.number.as_str()), number)
            .and_then(|_| self.talk_of(now, number))
            .and_then(|talk| self.supervise(now, leg, &name, act, talk));
        if let Err(why) = done {
            self.supervised(now, number, &name, act.word(), None, why);
            self.refuse_code(now, leg);
        }
    }

    /// The talk that an agent is in: the one that it does not hold, if it has several.
    fn talk_of(&self, now: Now, number: &str) -> Result<Talk, &'static str> {
        let agent = self.centre.numbered(number).ok_or("no such agent")?;
        let phone = self.centre.agent(now.at, agent).and_then(|view| view.phone);
        let phone = phone.ok_or("it is not signed in")?;
        let talk = |leg: LegId| {
            let party = self.legs.get(&leg).filter(|party| party.stage == Stage::Answered)?;
            let active = self.calls.get(&party.call)?;
            let customer = active.call.peer(leg)?;
            let talks =
                matches!(active.doing, Doing::Talking { .. }) && !self.is_together(party.call);
            let number = number.to_owned();
            talks.then_some((party.held, Talk { call: party.call, agent: leg, customer, number }))
        };
        // His phone may have sent the caller on to another one.
        let of_queue = self.offered.iter();
        let of_queue = of_queue.filter(|(_, talk)| talk.is_some_and(|(_, own)| own == agent));
        let legs = self.lines.of(&phone).chain(of_queue.map(|(leg, _)| *leg));
        let talks = legs.filter_map(talk);
        talks.min_by_key(|(held, _)| *held).map(|(_, talk)| talk).ok_or("it talks with nobody")
    }

    /// Does it.
    fn supervise(
        &mut self,
        now: Now,
        leg: LegId,
        by: &str,
        act: Act,
        talk: Talk,
    ) -> Result<(), &'static str> {
        let (number, call) = (talk.number.clone(), talk.call);
        match act {
            Act::Watch(manner) => self.watch(now, leg, by, manner, talk)?,
            Act::Disconnect => {
                self.end_call(now, call, EndedBy::Supervisor);
                let watched = self.supervising.watchers.contains_key(&leg);
                if !watched {
                    self.confirm(now, leg, false);
                }
            }
            Act::TakeOver => self.replace_agent(now, leg, by, talk)?,
        }
        self.supervised(now, &number, by, act.word(), Some(call), "");
        Ok(())
    }

    /// A supervisor comes to a talk, or is with it in another manner.
    fn watch(
        &mut self,
        now: Now,
        leg: LegId,
        by: &str,
        manner: Manner,
        talk: Talk,
    ) -> Result<(), &'static str> {
        let Talk { call, agent, customer, number } = talk;
        let own = self.legs.get(&leg).map(|leg| leg.call).ok_or("the supervisor has gone")?;
        let room = match self.supervising.talks.get(&call) {
            Some(watched) => watched.room,
            None => self.new_room_id(),
        };
        let watched = self.supervising.talks.entry(call).or_insert_with(|| Watched {
            room,
            who: Supervision::of(customer, agent),
            agent: number,
        });
        let come = watched.who.watch(leg, manner);
        if watched.who.is_empty() {
            self.supervising.talks.remove(&call);
        }
        come.map_err(|full| match full {
            Full::Watchers => "too many supervisors are with it",
            Full::Coaches => "too many supervisors speak to the agent",
        })?;
        let watcher = Watcher { call, by: by.to_owned() };
        if self.supervising.watchers.insert(leg, watcher).is_none() {
            self.answer(now, leg);
            self.stop_play(leg);
            if let Some(active) = self.calls.get_mut(&own) {
                active.doing = Doing::Watching(call);
                active.route = Some("feature code".into());
            }
            self.rearm(own);
            if let Some(phone) = self.phone_of(leg) {
                self.line_changed(now, &phone);
            }
        }
        self.seat_watched(now, call);
        Ok(())
    }

    /// Tells the plane what each is in a watched talk.
    fn seat_watched(&mut self, now: Now, call: CallId) {
        let Some(watched) = self.supervising.talks.get(&call) else { return };
        let (room, places) = (watched.room, watched.who.places());
        // First: nothing is heard that the recording may not have.
        self.recorded_sides(now, call);
        for (leg, place) in places {
            let membership = membership(place);
            self.out.push_back(Output::Media(Command::Join { leg, room, membership }));
        }
    }

    /// A leg is with no talk any more; nothing, where it is with none.
    pub(super) fn unwatch(&mut self, now: Now, leg: LegId) {
        let Some(Watcher { call, by }) = self.supervising.watchers.remove(&leg) else { return };
        let Some(watched) = self.supervising.talks.get_mut(&call) else { return };
        watched.who.leave(leg);
        let (agent, over, talk) =
            (watched.agent.clone(), watched.who.is_empty(), watched.who.talk());
        if self.legs.get(&leg).is_some_and(|party| party.stage != Stage::Over) {
            self.out.push_back(Output::Media(Command::Leave { leg }));
        }
        match over {
            true => {
                self.bridge(talk.0, talk.1);
                self.close_watched(call);
                self.recorded_sides(now, call);
            }
            false => self.seat_watched(now, call),
        }
        self.supervised(now, &agent, &by, "end", Some(call), "");
    }

    fn close_watched(&mut self, call: CallId) -> Option<Watched> {
        let watched = self.supervising.talks.remove(&call)?;
        self.out.push_back(Output::Media(Command::CloseRoom { room: watched.room }));
        Some(watched)
    }

    /// A talk has been taken apart: whoever was with it hears a tone and is released.
    pub(super) fn talk_unwatched(&mut self, now: Now, call: CallId) {
        let Some(watched) = self.close_watched(call) else { return };
        for leg in watched.who.watchers() {
            let Some(watcher) = self.supervising.watchers.remove(&leg) else { continue };
            self.supervised(now, &watched.agent, &watcher.by, "end", Some(call), "");
            self.confirm(now, leg, false);
        }
    }

    /// Whether a call's talk is mixed for a supervisor.
    pub(super) fn is_watched(&self, call: CallId) -> bool {
        self.supervising.talks.contains_key(&call)
    }

    /// Of a talk that is watched the customer, and whether it hears a supervisor as well.
    pub(super) fn watched_sides(&self, call: CallId) -> Option<(LegId, bool)> {
        let watched = self.supervising.talks.get(&call)?;
        Some((watched.who.talk().0, watched.who.is_joined()))
    }

    /// Of a talk in which a supervisor is heard by both: where it is mixed, its customer, who has joined.
    pub(super) fn joined(&self, call: CallId) -> Option<(RoomId, LegId, Vec<LegId>)> {
        let watched = self.supervising.talks.get(&call).filter(|talk| talk.who.is_joined())?;
        let who = &watched.who;
        let joined = who.watchers().filter(|leg| who.manner(*leg) == Some(Manner::Barge));
        Some((watched.room, who.talk().0, joined.collect()))
    }

    /// A key of a supervisor who is with a talk.
    pub(super) fn watch_key(&mut self, now: Now, leg: LegId, call: CallId, key: char) {
        let Some(act) = Act::of_key(key) else { return };
        let Some(watcher) = self.supervising.watchers.get(&leg).cloned() else { return };
        let Some(watched) = self.supervising.talks.get(&call) else { return };
        let ((customer, agent), number) = (watched.who.talk(), watched.agent.clone());
        let talk = Talk { call, agent, customer, number: number.clone() };
        // It may have signed out since, or be a supervisor no more.
        let view = self.centre.numbered(&watcher.by).and_then(|id| self.centre.agent(now.at, id));
        let may = match view.and_then(|view| view.phone) {
            Some(_) => self.centre.may_supervise(Some(&watcher.by), &number),
            None => Err("nobody is signed in"),
        };
        if let Err(why) = may.and_then(|()| self.supervise(now, leg, &watcher.by, act, talk)) {
            self.supervised(now, &number, &watcher.by, act.word(), Some(call), why);
        }
    }

    /// The supervisor talks in the agent's place; the agent is released.
    fn replace_agent(
        &mut self,
        now: Now,
        leg: LegId,
        by: &str,
        talk: Talk,
    ) -> Result<(), &'static str> {
        let Talk { call, agent: old, .. } = talk;
        let own = self.legs.get(&leg).map(|leg| leg.call).ok_or("the supervisor has gone")?;
        let active = self.calls.get(&call).ok_or("it talks with nobody")?;
        if active.transfer.is_some() || active.consulting.is_some() {
            return Err("a transfer is under way");
        }
        if !active.call.has_room() {
            return Err("the call has too many parties");
        }
        self.unwatch(now, leg);
        self.answer(now, leg);
        self.stop_play(leg);
        let Some(peer) = self.part(now, call, old) else { return Err("it talks with nobody") };
        if let Some(active) = self.calls.get_mut(&own) {
            active.leave_step(now.at);
            active.interp = None;
        }
        let Some(phone) = self.move_leg(now, leg, own, call) else {
            self.forget_if_over(now, own);
            self.hang_up(now, old, Cause::SWITCH_CONGESTION, EndedBy::Fault);
            return Err("the call has too many parties");
        };
        self.fact(now, FactKind::Replaced { call, old, leg });
        if let Some(active) = self.calls.get_mut(&call) {
            if let Doing::Talking { with, target, .. } = &mut active.doing
                && *with == old
            {
                (*with, *target) = (leg, Target::Phone { number: phone.clone() });
            }
            if active.call.subject == old {
                active.call.subject = leg;
            }
            active.agent = Some(by.to_owned());
            let subject = active.call.subject;
            self.rejoin(now, call, subject, if subject == leg { peer } else { leg });
        }
        self.hang_up(now, old, Cause::NORMAL_CLEARING, EndedBy::Supervisor);
        self.forget_if_over(now, own);
        self.line_changed(now, &phone);
        self.rearm(call);
        Ok(())
    }

    /// Writes a use of supervision down, or that it was refused.
    pub(super) fn supervised(
        &mut self,
        now: Now,
        agent: &str,
        by: &str,
        act: &str,
        call: Option<CallId>,
        refused: &str,
    ) {
        let (by, act, refused) = (by.to_owned(), act.to_owned(), refused.to_owned());
        let what = AgentFact::Supervised { by, act, call, refused };
        self.fact(now, FactKind::Agent { agent: agent.to_owned(), what });
    }

    /// The call whose worker a supervisor's leg goes to, when `number` is a code of supervision.
    pub(super) fn watched_group(&self, now: Now, number: &str) -> Option<CallId> {
        if self.workers == 1 {
            return None;
        }
        let (code, agent) = codes::read(number, &self.dialled_codes)?;
        let talk = matches!(code, Code::Supervise(_)).then(|| self.talk_of(now, agent).ok())??;
        self.calls.get(&talk.call).map(|active| active.group)
    }

    /// An operator has a supervisor do something.
    pub(super) fn supervise_order(
        &mut self,
        now: Now,
        order: SuperviseOrder,
        whom: &str,
        by: &str,
    ) -> Reply {
        let whom = self.agent_in(now, whom).unwrap_or_else(|| whom.to_owned());
        let word = match order {
            SuperviseOrder::Talk(act) => act.word(),
            SuperviseOrder::State(state) => state_word(state),
        };
        let done = self.centre.may_supervise(Some(by), &whom).and_then(|()| match order {
            SuperviseOrder::Talk(Act::Disconnect) => {
                let talk = self.talk_of(now, &whom)?;
                self.end_call(now, talk.call, EndedBy::Supervisor);
                self.supervised(now, &whom, by, word, Some(talk.call), "");
                Ok(Reply::Done(format!("call {} is being ended", talk.call)))
            }
            SuperviseOrder::Talk(act) => self.have_supervised(now, act, &whom, by),
            SuperviseOrder::State(state) => {
                let reply = self.agent_order(now, &whom, state);
                let refused = matches!(reply, Reply::Refused(_));
                let why = if refused { "it is not signed in" } else { "" };
                self.supervised(now, &whom, by, word, None, why);
                Ok(reply)
            }
        });
        done.unwrap_or_else(|why| {
            self.supervised(now, &whom, by, word, None, why);
            Reply::Refused(format!("{by} does not {} {whom}: {why}", word.replace('_', " ")))
        })
    }

    /// Has a supervisor's phone called for a talk; one who is with it already is so in another manner.
    fn have_supervised(
        &mut self,
        now: Now,
        act: Act,
        whom: &str,
        by: &str,
    ) -> Result<Reply, &'static str> {
        let talk = self.talk_of(now, whom)?;
        let here = self.supervising.watchers.iter();
        let mut here = here.filter(|(_, w)| w.by == by && w.call == talk.call).map(|(leg, _)| *leg);
        if let Some(leg) = here.next_back() {
            self.supervise(now, leg, by, act, talk)?;
            return Ok(Reply::Done(format!("{by}: {} {whom}", act.word().replace('_', " "))));
        }
        let view = self.centre.numbered(by).and_then(|id: AgentId| self.centre.agent(now.at, id));
        let phone = view.and_then(|view| view.phone).ok_or("the supervisor is not signed in")?;
        let code = self.dialled_codes.iter().find(|(_, code)| *code == Code::Supervise(act));
        let number = format!("{}{whom}", code.map_or("", |(code, _)| code.as_str()));
        Ok(match self.make_call(now, &phone, &number) {
            Ok(call) => Reply::Done(format!("call {call}: {phone} is called for it")),
            Err(why) => Reply::Refused(why),
        })
    }

    /// The agent who talks in a call, when `whom` is a call.
    pub(super) fn agent_in(&self, now: Now, whom: &str) -> Option<String> {
        let active = self.calls.get(&whom.parse().ok()?)?;
        let phones = active.call.connections().iter().filter(|c| c.peer.is_some());
        let phones = phones.map(|c| &c.device).filter(|device| device.is_phone());
        let agent = |device: &Device| self.centre.at_phone(device.number());
        let agent = phones.filter_map(agent).next_back()?;
        self.centre.agent(now.at, agent).map(|view| view.number)
    }

    /// What a supervisor's call does, for lists.
    pub(super) fn watching_row(&self, leg: LegId, call: CallId) -> String {
        let watched = self.supervising.talks.get(&call);
        let does = match watched.and_then(|watched| watched.who.manner(leg)) {
            Some(Manner::Whisper) => "whispers in",
            Some(Manner::Barge) => "has joined",
            _ => "listens to",
        };
        format!("{does} call {call}")
    }

    /// By whom a talk is watched, for lists; empty mostly.
    pub(super) fn watched_row(&self, call: CallId) -> String {
        let Some(watched) = self.supervising.talks.get(&call) else { return String::new() };
        let by = watched.who.watchers().filter_map(|leg| self.supervising.watchers.get(&leg));
        let by: Vec<&str> = by.map(|watcher| watcher.by.as_str()).collect();
        format!(", watched by {}", by.join(" and "))
    }
}

fn membership(place: Place) -> Membership {
    let line = |n| Line::coach(n).expect("a room has a line for each of MOST_COACHES");
    match place {
        Place::Party => Membership::PARTY,
        Place::Listener => Membership::LISTENER,
        Place::Coach(n) => Membership::coach(line(n)),
        Place::Coached(coaches) => {
            let lines = (0u8..).zip(coaches).filter(|(_, speaks)| *speaks).map(|(n, _)| line(n));
            let hears = lines.fold(Membership::PARTY.hears, |hears, line| hears.and(line));
            Membership { hears, ..Membership::PARTY }
        }
    }
}

fn state_word(state: AgentOrder) -> &'static str {
    match state {
        AgentOrder::Ready => "ready",
        AgentOrder::Break(_) => "break",
        AgentOrder::SignOut => "sign_out",
        AgentOrder::Unlock => "unlock",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::supervise::MOST_COACHES;
    use crate::media::control::LINES;

    #[test]
    fn there_is_a_line_for_each_coach() {
        assert_eq!(MOST_COACHES, LINES - 1);
        let coached = membership(Place::Coached([true, false, true]));
        assert_eq!(coached.hears.indexes().collect::<Vec<_>>(), [0, 1, 3]);
        assert_eq!(membership(Place::Coach(2)).speaks.map(Line::index), Some(3));
    }
}
