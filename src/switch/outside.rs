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

use crate::base::{CallId, Duration, LegId, Now, Time};
use crate::media::control::{Command, StreamParams};
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
        let concerned =
            self.config.record.recorders.is_some() || self.outside.calls.contains_key(&id);
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
        let has_any = self.config.record.recorders.is_some();
        let stage = match self.outside.calls.get(&id) {
            None if !has_any => return,
            known => known.and_then(|copied| copied.session.as_ref()).map(|session| session.stage),
        };
        match stage {
            None => self.begin_outside(now, id),
            Some(Stage::Up) => self.follow(now, id, wanted),
            Some(Stage::Opening | Stage::Calling) => {}
        }
    }

    /// The call is asked to be recorded, or is over: its session too.
    fn end_outside(&mut self, now: Now, id: CallId) {
        let Some(mut copied) = self.outside.calls.remove(&id) else { return };
        if let Some(wake) = copied.wake.take() {
            self.outside.due.remove(&(wake, id));
        }
        if let Some(session) = copied.session {
            if session.stage != Stage::Opening {
                let hang_up = sip::Command::Hangup { session: session.id, reason: None };
                self.ask(now, hang_up);
            }
            self.forget_session(now, id, session, String::new());
        }
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
                *before = of;
                copies.push(Output::Media(Command::Copy { leg, of }));
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
    fn speakers(&self, id: CallId, wanted: Copying) -> [Option<LegId>; 2] {
        let Some(active) = self.calls.get(&id).filter(|_| !wanted.paused) else { return [None; 2] };
        let (left, right) = active.sides();
        let there = |leg: &LegId| {
            self.legs
                .get(leg)
                .is_some_and(|leg| leg.stage != LegStage::Over && leg.params.is_some())
        };
        [Some(left).filter(there), right.filter(there)]
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
