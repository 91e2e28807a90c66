//! Recorders outside (R5): a call that is recorded has a session with one of them (SIPREC, RFC 7866), which
//! gets both parties' audio and what is known of the call.
//!
//! ```text
//!  what the call is ──┐
//!  (recorded? paused? │ touched                ports, INVITE ─▶ Calling ── 200 ─▶ Up ── BYE, at the end
//!   who speaks where?)├───────▶ review ─▶ begin┤ refused, silent, no port   │ └─ told: re-INVITE, copies
//!  what the session is┘                        └──▶ next in order, or a pause ◀──┘ died
//! ```
//!
//! What a session should be is found by looking at the call, never by what has just happened to it: so no way
//! by which calls change can be forgotten. It is looked at whenever a fact names the call.
//!
//! The session is no call and no leg of one: it holds no channel, counts as no call, and nothing that
//! becomes of it reaches the call.
//!
//! | File | Holds |
//! |---|---|
//! | [`session`] | one session: ports, INVITE, answers, its end |
//! | [`told`] | what a recorder is told of the call |
//! | [`health`] | whether recorders answer |

pub(super) mod health;
mod session;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::base::{CallId, Duration, LegId, Now, RoomId, Time};
use crate::media::control::{Command, Membership, StreamParams};
use crate::record::turns::Turns;
use crate::sip::{self, By, ClientTxn, SessionId};
use crate::trunk::Gateways;

use super::active::Copying;
use super::console::OutsideRow;
use super::fact::{AlarmWhat, FactKind};
use super::leg::Stage as LegStage;
use super::{Level, Output, Switch};
use session::{Session, Stage};
use told::Told;

/// The variable by which a route says which recorders get its call: names with commas between them; a word that
/// names none of them, such as `none`: no recorder.
const RECORDERS: &str = "recorders";

/// What goes out on a stream to a recorder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Speaks {
    Nobody,
    /// What comes from that party.
    Party(LegId),
    /// All that a talk's parties and the supervisors who have joined say.
    Talk(RoomId),
}

impl Speaks {
    /// What has `leg` send `to` in this one's place.
    fn turn(self, leg: LegId, to: Speaks) -> impl Iterator<Item = Command<String>> {
        let leave = matches!(self, Speaks::Talk(_)).then_some(Command::Leave { leg });
        let of = if let Speaks::Party(of) = to { Some(of) } else { None };
        let join = if let Speaks::Talk(room) = to {
            Some(Command::Join { leg, room, membership: Membership::LISTENER })
        } else {
            None
        };
        leave.into_iter().chain([Command::Copy { leg, of }]).chain(join)
    }
}

/// A recorder that has not answered an INVITE for so long does not take the call. (One that says nothing at
/// all is given up sooner, by the agent.)
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// All that is with recorders outside.
#[derive(Default)]
pub(super) struct Outside {
    /// The recorders: where they are, whether they answer, how many sessions each has.
    recorders: Gateways,
    /// Pings under way.
    pings: BTreeMap<ClientTxn, (String, SocketAddr)>,
    calls: BTreeMap<CallId, Copied>,
    /// Whose the legs are by which copies go out.
    legs: BTreeMap<LegId, CallId>,
    sessions: BTreeMap<SessionId, CallId>,
    /// Calls of which something may have changed.
    touched: BTreeSet<CallId>,
    /// Calls by the time at which they want to be looked at.
    due: BTreeSet<(Time, CallId)>,
    /// Sessions that were refused or died.
    failed: u64,
}

/// A call that a recorder outside is to have.
#[derive(Default)]
struct Copied {
    turns: Turns,
    session: Option<Session>,
    /// When it asked to be looked at.
    wake: Option<Time>,
}

/// On whose account a session has failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Blame {
    /// The recorder's: the next one is tried.
    Recorder,
    /// The hop's: the same recorder has another.
    Hop,
    /// Ours: trying at once would not help.
    Us,
}

impl Outside {
    /// When the first has something due.
    pub(super) fn next_wake(&self) -> Option<Time> {
        let due = self.due.first().map(|(at, _)| *at);
        [due, self.recorders.next_wake()].into_iter().flatten().min()
    }
    /// The call whose copies go out by that leg.
    pub(super) fn call_of_leg(&self, leg: LegId) -> Option<CallId> {
        self.legs.get(&leg).copied()
    }
    /// Legs that are there for copies.
    pub(super) fn legs(&self) -> usize {
        self.legs.len()
    }
    fn session(&mut self, id: CallId) -> Option<&mut Session> {
        self.calls.get_mut(&id)?.session.as_mut()
    }
}

impl Switch {
    /// Something of the call may have changed that a recorder outside is to know.
    pub(super) fn touch_outside(&mut self, id: CallId) {
        let concerned = !self.config.recorders.is_empty() || self.outside.calls.contains_key(&id);
        if concerned {
            self.outside.touched.insert(id);
        }
    }

    /// Looks at the calls of which something may have changed.
    pub(super) fn review_outside(&mut self, now: Now) {
        while let Some(id) = self.outside.touched.pop_first() {
            self.review_call(now, id);
            self.rearm_outside(id);
            self.drain_agent(now);
        }
    }

    /// Looks at what is due.
    pub(super) fn outside_due(&mut self, now: Now) {
        self.recorders_ping_due(now);
        while let Some((at, id)) = self.outside.due.first().copied().filter(|(at, _)| *at <= now.at)
        {
            self.outside.due.remove(&(at, id));
            if let Some(copied) = self.outside.calls.get_mut(&id) {
                copied.wake = None;
            }
            let late =
                |session: &&mut Session| session.stage == Stage::Calling && session.until <= now.at;
            if let Some(session) = self.outside.session(id).filter(late).map(|s| s.id) {
                self.ask(now, sip::Command::Hangup { session, reason: None });
                self.outside_failed(
                    now,
                    id,
                    "it did not answer the INVITE in time",
                    Blame::Recorder,
                );
            }
            self.outside.touched.insert(id);
        }
    }

    fn rearm_outside(&mut self, id: CallId) {
        let Some(copied) = self.outside.calls.get_mut(&id) else { return };
        let due = match &copied.session {
            Some(session) if session.stage == Stage::Calling => session.until,
            Some(_) => Time::NEVER,
            None => copied.turns.due(),
        };
        let due = Some(due).filter(|due| *due != Time::NEVER);
        if due != copied.wake {
            if let Some(before) = core::mem::replace(&mut copied.wake, due) {
                self.outside.due.remove(&(before, id));
            }
            self.outside.due.extend(due.map(|due| (due, id)));
        }
    }

    /// Brings a call's session to what it should be.
    fn review_call(&mut self, now: Now, id: CallId) {
        let wanted = self.calls.get(&id).and_then(|active| active.copying);
        let Some(wanted) = wanted else { return self.end_outside(now, id) };
        let stage = match self.outside.calls.get(&id) {
            None if self.recorders_of(id).is_empty() => return,
            known => known.and_then(|copied| copied.session.as_ref()).map(|session| session.stage),
        };
        match stage {
            None => self.begin_outside(now, id),
            Some(Stage::Up) if self.has_moved(id) => {
                // Its ports are on another RTP worker than the party is now: the rest is another session.
                self.end_session(now, id);
                self.begin_outside(now, id);
            }
            Some(Stage::Up) => self.follow(now, id, wanted),
            Some(Stage::Opening | Stage::Calling) => {}
        }
    }

    /// The recorders that a call is for, the first choice first: what its route says (the variable `recorders`),
    /// else what the called phone has, else the calling one, else all calls.
    fn recorders_of(&self, id: CallId) -> Vec<String> {
        let Some(active) = self.calls.get(&id) else { return vec![] };
        let said = active.interp.as_ref().and_then(|interp| {
            interp.variable(&active.plan, RECORDERS).filter(|names| !names.is_empty())
        });
        if let Some(said) = said {
            let names = said.split([',', ' ']).filter(|name| self.config.recorder(name).is_some());
            return names.map(str::to_owned).collect();
        }
        let (left, right) = active.sides();
        let own = |leg: LegId| {
            let device = &active.call.get(leg)?.device;
            let phone = self.config.phone(device.number()).filter(|_| device.is_phone())?;
            phone.recorders.is_some().then_some(phone)
        };
        let phone = right.and_then(own).or_else(|| own(left));
        let named = self.config.recorders_in_order(phone);
        named.map(|recorder| recorder.name.to_string()).collect()
    }

    /// The call is asked to be recorded, or is over: its session too.
    fn end_outside(&mut self, now: Now, id: CallId) {
        self.end_session(now, id);
        let Some(mut copied) = self.outside.calls.remove(&id) else { return };
        if let Some(wake) = copied.wake.take() {
            self.outside.due.remove(&(wake, id));
        }
    }

    /// A call's session is over, for no fault of anybody's.
    fn end_session(&mut self, now: Now, id: CallId) {
        let Some(copied) = self.outside.calls.get_mut(&id) else { return };
        let Some(session) = copied.session.take() else { return };
        if session.stage != Stage::Opening {
            let hang_up = sip::Command::Hangup { session: session.id, reason: None };
            self.ask(now, hang_up);
        }
        self.forget_session(now, id, session, String::new());
    }

    /// Whether a party that is copied lives on another RTP worker than the port by which its copy goes out.
    fn has_moved(&self, id: CallId) -> bool {
        let session = self.outside.calls.get(&id).and_then(|copied| copied.session.as_ref());
        let (left, right) = self.sides_live(id);
        session.is_some_and(|session| {
            let [first, second] = session.beside;
            left != first || right.is_some_and(|right| right != second)
        })
    }

    /// Nothing is left of a session: its ports, its place at the recorder.
    fn forget_session(&mut self, now: Now, call: CallId, session: Session, why: String) {
        self.outside.sessions.remove(&session.id);
        for leg in session.legs {
            self.outside.legs.remove(&leg);
            self.out.push_back(Output::Media(Command::Close { leg }));
        }
        self.outside.recorders.release(&session.recorder);
        if session.stage == Stage::Up || !why.is_empty() {
            let ms = now.at.since(session.began).as_millis() as u64;
            let recorder = session.recorder;
            self.fact(now, FactKind::RecorderEnded { call, recorder, ms, why });
        }
    }

    /// A session did not come to be, or died: the call goes on, with the next recorder if there is one.
    fn outside_failed(&mut self, now: Now, id: CallId, why: &str, blame: Blame) {
        let Some(copied) = self.outside.calls.get_mut(&id) else { return };
        let Some(session) = copied.session.take() else { return };
        let stood = match session.stage {
            Stage::Up => now.at.since(session.began),
            Stage::Opening | Stage::Calling => Duration::ZERO,
        };
        match blame {
            Blame::Recorder => copied.turns.failed(&session.recorder, stood),
            Blame::Hop => {}
            Blame::Us => copied.turns.nobody(now.at),
        }
        self.outside.failed += 1;
        let name = &session.recorder;
        self.log(Level::Warning, format!("call {id}: recorder {name}: {why}; the call goes on"));
        if blame == Blame::Us {
            self.outside_alarm(now, id, why);
        }
        self.forget_session(now, id, session, why.to_owned());
        self.outside.touched.insert(id);
    }

    /// A call is with no recorder outside.
    fn outside_alarm(&mut self, now: Now, id: CallId, why: &str) {
        let detail = format!("call {id} is with no recorder outside: {why}");
        self.alarm(now, AlarmWhat::RecorderFailed, detail, Some(id));
    }

    /// A session that stands: the right audio goes out, and the recorder knows whose it is.
    fn follow(&mut self, now: Now, id: CallId, wanted: Copying) {
        let speakers = self.speakers(id, wanted);
        let told = self.to_be_told(now, id, wanted);
        let domain = self.config.domain();
        let (Some(session), Some(told)) = (self.outside.session(id), told) else { return };
        let legs = session.legs;
        let mut copies = Vec::new();
        for ((leg, before), of) in legs.into_iter().zip(&mut session.copied).zip(speakers) {
            if *before != of {
                copies.extend(core::mem::replace(before, of).turn(leg, of).map(Output::Media));
            }
        }
        let news = session.told != told && session.telling.is_none();
        if let (true, Some(media)) = (news, &mut session.media) {
            media.send(!told.paused);
            let metadata = told.document(id, &domain, Some((&session.told, now.wall)));
            let offer = sip::Command::Offer {
                session: session.id,
                sdp: media.offer().to_bytes(),
                by: By::Invite,
                metadata: Some(metadata.to_string().into_bytes()),
            };
            session.telling = Some(told);
            if !self.ask(now, offer)
                && let Some(session) = self.outside.session(id)
            {
                // An offer of its own came first: what follows it looks at the call again.
                session.telling = None;
            }
        }
        self.out.extend(copies);
    }

    /// Whose audio goes out on each of the two streams now.
    fn speakers(&self, id: CallId, wanted: Copying) -> [Speaks; 2] {
        let Some(active) = self.calls.get(&id).filter(|_| !wanted.paused) else {
            return [Speaks::Nobody; 2];
        };
        let (left, right) = active.sides();
        let joined = self.joined(id).map(|(room, customer, _)| (room, customer));
        let joined = joined.or_else(|| self.together(id));
        let of = |leg: LegId| {
            let known = self.legs.get(&leg);
            let there = known.is_some_and(|l| l.stage != LegStage::Over && l.params.is_some());
            match joined {
                _ if !there => Speaks::Nobody,
                Some((room, customer)) if leg != customer => Speaks::Talk(room),
                _ => Speaks::Party(leg),
            }
        };
        [of(left), right.map_or(Speaks::Nobody, of)]
    }

    /// How the streams to a recorder stand from now on.
    fn set_copies(&mut self, legs: [LegId; 2], params: [StreamParams; 2]) {
        for (leg, params) in legs.into_iter().zip(params) {
            self.out.push_back(Output::Media(Command::Set { leg, params }));
        }
    }

    /// A call's session as the console shows it; `None`: it is to have none.
    pub(super) fn outside_row(&self, now: Now, id: CallId) -> Option<OutsideRow> {
        let copied = self.outside.calls.get(&id)?;
        Some(match &copied.session {
            None => OutsideRow {
                recorder: None,
                state: "waits for a recorder".into(),
                ms: 0,
                session: None,
            },
            Some(session) => OutsideRow {
                recorder: Some(session.recorder.clone()),
                state: match session.stage {
                    Stage::Opening | Stage::Calling => "is called",
                    Stage::Up if session.told.paused => "paused",
                    Stage::Up => "records",
                }
                .into(),
                ms: now.at.since(session.began).as_millis() as u64,
                session: self.agent.call_id(session.id),
            },
        })
    }

    /// Takes what was told as known to the recorder.
    fn recorder_knows(&mut self, id: CallId, known: Option<Told>) {
        if let (Some(session), Some(known)) = (self.outside.session(id), known) {
            session.told = known;
        }
        self.outside.touched.insert(id);
    }
}
