//! From what happened to what is counted: the one place that knows what is open (an agent's state, a wait, a
//! talk, a line in use) and what its end adds to which quarter of an hour.
//!
//! ```text
//!   agent's state ── next state, restart ─▶ *_ms, split over the quarters that it lasted through
//!   Entered ─▶ wait ── Left ─▶ abandoned …         in the quarter in which it ends
//!                └── Answered ─▶ talk ── TalkOver ─▶ answered, wait, ring, talk, hold: all in the talk's last quarter
//!   LegBegan ─▶ line ── LegEnded ─▶ busy_ms, split; calls where they end
//! ```
//!
//! A restart of Belfry ends whatever its forerunner left open, at the last moment at which that is known to have lived.
//! What is open is plain data under a key, so that whoever keeps the sums can keep it beside them.

mod kept;
mod lines;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::interval::{split, start_of};
use super::measure::{Measure as M, seconds_up};
use crate::base::{CallId, LegId, Wall};

/// The longest wait that a restart ends, milliseconds: nobody waits for longer than a day. What was left open so long is
/// of an earlier version, which never ended the waits of alarms that were called back.
const LONGEST_WAIT_MS: u64 = 24 * 3_600 * 1_000;

/// Of what kind somebody is who has figures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A queue.
    Queue,
    /// An agent.
    Agent,
    /// A team: the sum of its agents, each as long as it belongs to it.
    Team,
    /// A gateway.
    Trunk,
}

impl Kind {
    /// All, with their names in the records.
    pub const ALL: &[(Kind, &str)] = &[
        (Kind::Queue, "queue"),
        (Kind::Agent, "agent"),
        (Kind::Team, "team"),
        (Kind::Trunk, "trunk"),
    ];
    /// Its name in the records.
    pub fn name(self) -> &'static str {
        Kind::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
    /// By its name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }
}

/// Whose figures.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Subject {
    /// Of what kind.
    pub kind: Kind,
    /// The queue's, team's or gateway's name, the agent's number.
    pub name: Box<str>,
}

impl Subject {
    /// Of a kind, with a name.
    pub fn new(kind: Kind, name: &str) -> Subject {
        Subject { kind, name: name.into() }
    }
}

/// What is added to a measure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delta {
    /// Whose.
    pub subject: Subject,
    /// The interval's begin, milliseconds since 1970.
    pub start: i64,
    /// Which.
    pub measure: M,
    /// How much, to be merged as the measure is.
    pub value: u64,
}

/// What happened, as far as it is counted. Words are the journal's.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs, reason = "the names are those of the journal's facts, which document them")]
pub enum Happened<'a> {
    /// Belfry began anew. Its forerunner lived for so long after what it told last, as far as is known.
    Started { lived_ms: u64 },
    /// An agent is in another state.
    State {
        agent: &'a str,
        team: Option<&'a str>,
        state: &'a str,
        reason: &'a str,
        code: u16,
        /// What brought it about: who is signed in again since a restart has not signed in.
        cause: &'a str,
        was_ms: u64,
        queue: Option<&'a str>,
    },
    /// A caller came into a queue.
    Entered { queue: &'a str, call: CallId },
    /// It was not let in.
    Refused { queue: &'a str },
    /// A caller of one queue waits in another.
    Overflowed { queue: &'a str, into: &'a str },
    /// An agent's phone rings for it.
    Offered { queue: &'a str, agent: &'a str },
    /// In vain.
    NotTaken { queue: &'a str, agent: &'a str, why: &'a str },
    /// An agent has it.
    Answered { queue: &'a str, call: CallId, agent: &'a str, waited_ms: u64, rang_ms: u64 },
    /// It waits no more on the line and is to be called back.
    BackWanted { queue: &'a str, call: CallId, waited_ms: u64 },
    /// That was tried in vain.
    BackFailed { queue: &'a str },
    /// An agent has reached it by calling back.
    CalledBack {
        queue: &'a str,
        call: CallId,
        agent: &'a str,
        /// In which call they talk, where that was written.
        by: Option<CallId>,
    },
    /// In a call of its own it talks with whom a preview campaign of this queue has shown it, until its state ends.
    Previewed { queue: &'a str, agent: &'a str, before_ms: u64 },
    /// That talk is over.
    TalkOver {
        queue: &'a str,
        call: CallId,
        agent: &'a str,
        talk_ms: u64,
        /// By the monotonic clock, where that was written, as below: of one life of Belfry.
        up_ms: Option<u64>,
    },
    /// Its wait ended otherwise.
    Left { queue: &'a str, call: CallId, why: &'a str, waited_ms: u64 },
    /// A party holds a call.
    Held { call: CallId, leg: LegId, up_ms: Option<u64> },
    /// And took it back.
    Retrieved { call: CallId, leg: LegId, up_ms: Option<u64> },
    /// A party sent the other on, or begins to.
    Transferred { call: CallId, by: LegId },
    /// Two hear each other.
    Bridged { call: CallId, a: LegId, b: LegId },
    /// A gateway's channel is in use.
    LegBegan { leg: LegId, gateway: &'a str, came_in: bool },
    /// A leg was answered.
    LegAnswered { leg: LegId },
    /// A leg is over, which had its channel for so long.
    LegEnded { leg: LegId, talk_ms: u64, busy_ms: Option<u64> },
    /// An agent has said what a call was about.
    WrapUp { queue: &'a str, agent: &'a str, code: &'a str },
    /// A question of a survey was answered, about a party that need not be an agent.
    Survey { agent: &'a str, survey: &'a str, question: &'a str, key: &'a str },
    /// Nothing that is counted.
    Nothing,
}

/// When something was, by the calendar in milliseconds since 1970, and by the monotonic clock in milliseconds since Belfry
/// began, where that is known.
type Moment = (i64, Option<u64>);

/// An agent's state since when.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct AgentNow {
    team: Option<Box<str>>,
    state: Box<str>,
    /// Why it is not ready, with the break's code.
    reason: Box<str>,
    /// The queue of its after-call work.
    queue: Option<Box<str>>,
    since: i64,
    /// In a call of its own it talks for this queue's campaign, after so many milliseconds of its state.
    #[serde(default)]
    preview: Option<(Box<str>, u64)>,
}

/// A caller who waits.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct WaitNow {
    queue: Box<str>,
    since: i64,
}

/// A talk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct TalkNow {
    agent: Box<str>,
    queue: Box<str>,
    since: i64,
    waited_ms: u64,
    rang_ms: u64,
    /// Who holds it, since when.
    held: Option<(LegId, i64)>,
    /// The same by the monotonic clock.
    #[serde(default)]
    held_up_ms: Option<u64>,
    /// How many times over: who asks a third while the other waits may put the third on hold.
    #[serde(default)]
    holds: u32,
    hold_ms: u64,
    /// Who has sent the other on.
    #[serde(default)]
    sent_by: Option<LegId>,
    /// It was called back.
    #[serde(default)]
    back: bool,
    /// It is in a call that was made for who had waited in this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<CallId>,
}

/// A channel in use.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct LineNow {
    gateway: Box<str>,
    came_in: bool,
    answered: bool,
    since: i64,
}

/// What something open is known by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Key {
    Agent(Box<str>),
    Wait(CallId, Box<str>),
    Talk(CallId, Box<str>),
    Line(LegId),
}

/// What is open, and what its end will count.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ledger {
    agents: BTreeMap<Box<str>, AgentNow>,
    /// By call and queue.
    waits: BTreeMap<(CallId, Box<str>), WaitNow>,
    /// By the call in which they talk, and agent.
    talks: BTreeMap<(CallId, Box<str>), TalkNow>,
    /// In which call those talk who were called back, by the one in which that was wanted, and agent.
    made: BTreeMap<(CallId, Box<str>), CallId>,
    lines: BTreeMap<LegId, LineNow>,
    /// Channels in use by gateway.
    busy: BTreeMap<Box<str>, u64>,
    /// When something was told last.
    last: i64,
    touched: BTreeSet<Key>,
    out: Vec<Delta>,
}

impl Ledger {
    /// Takes what happened at `wall`; [`Self::drain`] then gives what it adds.
    pub fn take(&mut self, wall: Wall, happened: Happened<'_>) {
        use Happened::*;
        let at = wall.0;
        match happened {
            Started { lived_ms } => self.restarted(lived_ms),
            State { agent, team, state, reason, code, cause, was_ms, queue } => {
                let reason = if code > 0 { format!("{reason}:{code}") } else { reason.to_owned() };
                let (team, queue) = (team.map(Into::into), queue.map(Into::into));
                let (state, reason, since) = (state.into(), reason.into(), at);
                self.state_over(agent, at, was_ms);
                let now = AgentNow { team, state, reason, queue, since, preview: None };
                self.state_begins(agent, at, now, cause);
            }
            Previewed { queue, agent, before_ms } => self.previewed(queue, agent, before_ms),
            Entered { .. } | Refused { .. } | Overflowed { .. } | Answered { .. } | Left { .. } => {
                self.of_wait(at, happened);
            }
            Offered { queue, agent } => self.count_both(queue, agent, at, M::Offers, 1),
            NotTaken { queue, agent, why } => self.not_taken(queue, agent, at, why),
            BackWanted { .. } | BackFailed { .. } | CalledBack { .. } => {
                self.of_call_back(at, happened);
            }
            TalkOver { call, agent, talk_ms, up_ms, .. } => {
                self.talk_over((at, up_ms), self.key_of(call, agent), talk_ms);
            }
            Held { call, leg, up_ms } => self.held((at, up_ms), call, leg),
            Retrieved { call, leg, up_ms } => self.retrieved((at, up_ms), call, leg),
            Transferred { call, by } => self.sent_on(call, Some(by)),
            Bridged { call, a, b } => self.came_back(call, [a, b]),
            LegBegan { leg, gateway, came_in } => self.line_begins(at, leg, gateway, came_in),
            LegAnswered { leg } => self.line_answered(leg),
            LegEnded { leg, talk_ms, busy_ms } => self.line_over(at, leg, talk_ms, busy_ms),
            WrapUp { queue, agent, code } => {
                self.count_both(queue, agent, at, M::WrapUp(code.into()), 1);
            }
            Survey { agent, survey, question, key } => {
                self.surveyed(at, agent, &format!("{survey}/{question}"), key);
            }
            Nothing => {}
        }
        self.last = at;
    }

    /// What was added since this was asked last.
    pub fn drain(&mut self) -> impl Iterator<Item = Delta> {
        self.out.drain(..)
    }

    fn count(&mut self, kind: Kind, name: &str, at: i64, measure: M, value: u64) {
        if value > 0 {
            let (subject, start) = (Subject::new(kind, name), start_of(at));
            self.out.push(Delta { subject, start, measure, value });
        }
    }

    /// Counts for an agent and its team.
    fn count_agent(&mut self, agent: &str, at: i64, measure: M, value: u64) {
        let team = self.agents.get(agent).and_then(|now| now.team.clone());
        if let Some(team) = team {
            self.count(Kind::Team, &team, at, measure.clone(), value);
        }
        self.count(Kind::Agent, agent, at, measure, value);
    }

    /// Counts for a queue, an agent and its team.
    fn count_both(&mut self, queue: &str, agent: &str, at: i64, measure: M, value: u64) {
        self.count(Kind::Queue, queue, at, measure.clone(), value);
        self.count_agent(agent, at, measure, value);
    }

    /// An agent's state ends after `ms`.
    fn state_over(&mut self, agent: &str, at: i64, ms: u64) {
        let Some(was) = self.agents.get(agent).cloned() else { return };
        if &*was.state == "other_call" {
            return self.own_call_over(agent, at, ms, was.preview);
        }
        let measure = match &*was.state {
            "ready" => M::ReadyMs,
            "ringing" => M::RingingMs,
            "talking" => M::TalkingMs,
            "after_call" => M::AfterMs,
            "not_ready" => M::NotReadyMs,
            _ => return,
        };
        for (start, part) in split(at, ms) {
            if measure == M::NotReadyMs {
                self.count_agent(agent, start, M::NotReadyFor(was.reason.clone()), part);
            }
            if let Some(queue) = was.queue.as_ref().filter(|_| measure == M::AfterMs) {
                self.count(Kind::Queue, queue, start, M::AfterMs, part);
            }
            self.count_agent(agent, start, measure.clone(), part);
        }
    }

    fn state_begins(&mut self, agent: &str, at: i64, now: AgentNow, cause: &str) {
        let out = |state: &AgentNow| &*state.state == "null";
        let comes = self.agents.get(agent).is_none_or(out) && !out(&now);
        let signs_in = comes && cause != "restart";
        self.touched.insert(Key::Agent(agent.into()));
        self.agents.insert(agent.into(), now);
        if signs_in {
            self.count_agent(agent, at, M::SignIns, 1);
        }
    }

    fn previewed(&mut self, queue: &str, agent: &str, before_ms: u64) {
        let now = self.agents.get_mut(agent).filter(|now| &*now.state == "other_call");
        if let Some(now) = now
            && now.preview.is_none()
        {
            now.preview = Some((queue.into(), before_ms));
            self.touched.insert(Key::Agent(agent.into()));
        }
    }

    /// A call of an agent's own ends after `ms`. One in which it talked with whom a preview campaign had shown it is
    /// handled for the campaign's queue, as the after-call work that follows is that queue's; until then it rang.
    fn own_call_over(&mut self, agent: &str, at: i64, ms: u64, preview: Option<(Box<str>, u64)>) {
        let Some((queue, before_ms)) = preview else {
            self.count_agent(agent, at, M::OtherCalls, 1);
            return self.state_lasted(agent, at, ms, &M::OtherMs);
        };
        let talk_ms = ms.saturating_sub(before_ms);
        let reached = at.saturating_sub_unsigned(talk_ms);
        self.state_lasted(agent, reached, ms - talk_ms, &M::RingingMs);
        self.state_lasted(agent, at, talk_ms, &M::TalkingMs);
        for (measure, value) in [(M::Previewed, 1), (M::TalkMs, talk_ms)] {
            self.count_both(&queue, agent, at, measure, value);
        }
    }

    fn state_lasted(&mut self, agent: &str, until: i64, ms: u64, measure: &M) {
        for (start, part) in split(until, ms) {
            self.count_agent(agent, start, measure.clone(), part);
        }
    }

    fn not_taken(&mut self, queue: &str, agent: &str, at: i64, why: &str) {
        if why == "withdrawn" {
            return;
        }
        self.count_both(queue, agent, at, M::NotTaken, 1);
        if matches!(why, "no_answer" | "expired") {
            self.count_both(queue, agent, at, M::NoAnswer, 1);
        }
    }

    /// A caller comes into a queue, or not; its wait on the line ends.
    fn of_wait(&mut self, at: i64, happened: Happened<'_>) {
        match happened {
            Happened::Entered { queue, call } => {
                self.count(Kind::Queue, queue, at, M::Entered, 1);
                let key = (call, Box::<str>::from(queue));
                self.touched.insert(Key::Wait(call, key.1.clone()));
                self.waits.insert(key, WaitNow { queue: queue.into(), since: at });
            }
            Happened::Refused { queue } => self.count(Kind::Queue, queue, at, M::Refused, 1),
            Happened::Overflowed { queue, into } => {
                self.count(Kind::Queue, queue, at, M::Overflowed, 1);
                self.count(Kind::Queue, into, at, M::FlowedIn, 1);
            }
            Happened::Answered { queue, call, agent, waited_ms, rang_ms } => {
                self.wait_over(call, queue);
                let talk = TalkNow::new(agent.into(), queue.into(), at, waited_ms, rang_ms);
                self.talk_begins(call, talk);
            }
            Happened::Left { queue, call, why, waited_ms } => {
                match why {
                    "given_up" | "not_offered" | "called_again" => self.owed_over(at, call, queue),
                    _ => _ = self.wait_over(call, queue),
                }
                self.left(queue, at, why, waited_ms);
            }
            _ => {}
        }
    }

    /// The wait of who is to be called back is over; a talk comes of it, or not.
    fn of_call_back(&mut self, at: i64, happened: Happened<'_>) {
        match happened {
            Happened::BackWanted { queue, call, waited_ms } => {
                self.wait_over(call, queue);
                self.count(Kind::Queue, queue, at, M::BackWanted, 1);
                self.count(Kind::Queue, queue, at, M::MaxWaitMs, waited_ms);
            }
            Happened::BackFailed { queue } => self.count(Kind::Queue, queue, at, M::BackFailed, 1),
            Happened::CalledBack { queue, call, agent, by } => {
                self.owed_over(at, call, queue);
                let talk = TalkNow::new(agent.into(), queue.into(), at, 0, 0);
                let of = by.map(|_| call);
                self.talk_begins(by.unwrap_or(call), TalkNow { back: true, of, ..talk });
            }
            _ => {}
        }
    }

    /// Whether it was open.
    fn wait_over(&mut self, call: CallId, queue: &str) -> bool {
        self.touched.insert(Key::Wait(call, queue.into()));
        self.waits.remove(&(call, Box::from(queue))).is_some()
    }

    /// The wait of who is owed a call without having asked for it, as an alarm is, lasts until that is made or given up.
    /// Then it counts as one who wanted it, so that all who came in are among those offered.
    fn owed_over(&mut self, at: i64, call: CallId, queue: &str) {
        if self.wait_over(call, queue) {
            self.count(Kind::Queue, queue, at, M::BackWanted, 1);
        }
    }

    fn left(&mut self, queue: &str, at: i64, why: &str, waited_ms: u64) {
        let measure = match why {
            "abandoned" => M::Abandoned,
            "timed_out" => M::TimedOut,
            "no_agents" => M::NoAgents,
            "key" => M::Key,
            "closed" => M::Closed,
            "given_up" | "not_offered" => M::GivenUp,
            "called_again" => M::CalledAgain,
            "restart" => M::Lost,
            "picked_up" => M::PickedUp,
            _ => M::Moved,
        };
        if measure == M::PickedUp {
            self.picked_up(queue, at, waited_ms);
        }
        if measure == M::Abandoned {
            let seconds = M::AbandonedIn(seconds_up(waited_ms));
            self.count(Kind::Queue, queue, at, seconds, 1);
            self.count(Kind::Queue, queue, at, M::AbandonMs, waited_ms);
        }
        // How long a call-back had its place is no wait: that was counted when it was asked for.
        let is_back = matches!(measure, M::GivenUp | M::CalledAgain);
        self.count(Kind::Queue, queue, at, measure, 1);
        if !is_back {
            self.count(Kind::Queue, queue, at, M::MaxWaitMs, waited_ms);
        }
    }

    /// A phone outside the queue took the caller, who is answered as of now: a talk of the queue's it is not, so that no
    /// end of it will be told.
    fn picked_up(&mut self, queue: &str, at: i64, waited_ms: u64) {
        let waited = M::AnsweredIn(seconds_up(waited_ms));
        for (measure, value) in [(M::Answered, 1), (waited, 1), (M::WaitMs, waited_ms)] {
            self.count(Kind::Queue, queue, at, measure, value);
        }
    }

    fn talk_begins(&mut self, call: CallId, talk: TalkNow) {
        let agent = talk.agent.clone();
        if let Some(wanted) = talk.of {
            // Told twice, by a journal that was mended: it is one talk still.
            self.take_talk(self.key_of(wanted, &agent));
        }
        self.take_talk((call, agent.clone()));
        self.touched.insert(Key::Talk(call, agent.clone()));
        self.keep_talk((call, agent), talk);
    }

    fn keep_talk(&mut self, key: (CallId, Box<str>), talk: TalkNow) {
        if let Some(wanted) = talk.of {
            self.made.insert((wanted, key.1.clone()), key.0);
        }
        self.talks.insert(key, talk);
    }

    fn take_talk(&mut self, key: (CallId, Box<str>)) -> Option<TalkNow> {
        self.touched.insert(Key::Talk(key.0, key.1.clone()));
        let talk = self.talks.remove(&key)?;
        if let Some(wanted) = talk.of {
            self.made.remove(&(wanted, key.1));
        }
        Some(talk)
    }

    /// Under which an agent's talk with a caller is kept: a call-back's by the call that was made.
    fn key_of(&self, call: CallId, agent: &str) -> (CallId, Box<str>) {
        let own = (call, Box::<str>::from(agent));
        match self.made.get(&own) {
            Some(by) => (*by, own.1),
            None => own,
        }
    }

    fn talk_over(&mut self, moment: Moment, key: (CallId, Box<str>), talk_ms: u64) {
        let at = moment.0;
        let agent = &*key.1.clone();
        let Some(mut talk) = self.take_talk(key) else { return };
        talk.end_hold(moment);
        let hold_ms = talk.hold_ms.min(talk_ms);
        let queue = &*talk.queue.clone();
        if talk.sent_by.is_some() {
            self.count_both(queue, agent, at, M::Transferred, 1);
        }
        if talk.back {
            for (measure, value) in
                [(M::CalledBack, 1), (M::TalkMs, talk_ms - hold_ms), (M::HoldMs, hold_ms)]
            {
                self.count_both(queue, agent, at, measure, value);
            }
            return;
        }
        let waited = M::AnsweredIn(seconds_up(talk.waited_ms));
        self.count(Kind::Queue, queue, at, waited, 1);
        self.count(Kind::Queue, queue, at, M::MaxWaitMs, talk.waited_ms);
        for (measure, value) in [
            (M::Answered, 1),
            (M::WaitMs, talk.waited_ms),
            (M::RingMs, talk.rang_ms),
            (M::TalkMs, talk_ms - hold_ms),
            (M::HoldMs, hold_ms),
        ] {
            self.count_both(queue, agent, at, measure, value);
        }
    }

    fn talks_of(
        &mut self,
        call: CallId,
    ) -> impl Iterator<Item = (&(CallId, Box<str>), &mut TalkNow)> {
        let from = (call, Box::<str>::default());
        self.talks.range_mut(from..).take_while(move |((of, _), _)| *of == call)
    }

    fn held(&mut self, (at, up_ms): Moment, call: CallId, leg: LegId) {
        let mut touched = Vec::new();
        for (key, talk) in self.talks_of(call) {
            match talk.held {
                None => (talk.held, talk.held_up_ms, talk.holds) = (Some((leg, at)), up_ms, 1),
                Some((by, _)) if by == leg => talk.holds = talk.holds.saturating_add(1),
                Some(_) => {}
            }
            touched.push(Key::Talk(call, key.1.clone()));
        }
        self.touched.extend(touched);
    }

    fn retrieved(&mut self, moment: Moment, call: CallId, leg: LegId) {
        let mut touched = Vec::new();
        for (key, talk) in self.talks_of(call) {
            if talk.held.is_some_and(|(by, _)| by == leg) {
                talk.holds = talk.holds.saturating_sub(1);
                if talk.holds == 0 {
                    talk.end_hold(moment);
                }
                touched.push(Key::Talk(call, key.1.clone()));
            }
        }
        self.touched.extend(touched);
    }

    /// A talk of the call is sent on, or (`None`) is so no more.
    fn sent_on(&mut self, call: CallId, by: Option<LegId>) {
        let mut touched = Vec::new();
        for (key, talk) in self.talks_of(call) {
            talk.sent_by = by;
            touched.push(Key::Talk(call, key.1.clone()));
        }
        self.touched.extend(touched);
    }

    /// Who has sent the other on talks again: nobody took it.
    fn came_back(&mut self, call: CallId, legs: [LegId; 2]) {
        let back = |talk: &TalkNow| talk.sent_by.is_some_and(|by| legs.contains(&by));
        if self.talks_of(call).any(|(_, talk)| back(talk)) {
            self.sent_on(call, None);
        }
    }

    /// Each question by itself: the keys of two have no mean. Who was talked with at a phone and is no agent
    /// has no figures.
    fn surveyed(&mut self, at: i64, agent: &str, question: &str, key: &str) {
        if !self.agents.contains_key(agent) {
            return;
        }
        self.count_agent(agent, at, M::SurveyKey(format!("{question}={key}").into()), 1);
        if let Ok(points) = key.parse() {
            self.count_agent(agent, at, M::SurveyAnswers(question.into()), 1);
            self.count_agent(agent, at, M::SurveyPoints(question.into()), points);
        }
    }

    /// Whatever is open ended when Belfry is known to have lived last.
    fn restarted(&mut self, lived_ms: u64) {
        let at = self.last.saturating_add_unsigned(lived_ms);
        let agents: Vec<(Box<str>, i64)> =
            self.agents.iter().map(|(agent, now)| (agent.clone(), now.since)).collect();
        for (agent, since) in agents {
            self.state_over(&agent, at, span(since, at));
            if let Some(now) = self.agents.get_mut(&agent) {
                (now.state, now.since) = ("null".into(), at);
            }
            self.touched.insert(Key::Agent(agent));
        }
        for ((call, _), wait) in std::mem::take(&mut self.waits) {
            self.touched.insert(Key::Wait(call, wait.queue.clone()));
            let waited_ms = span(wait.since, at);
            if waited_ms <= LONGEST_WAIT_MS {
                self.left(&wait.queue, at, "restart", waited_ms);
            }
        }
        let talks: Vec<_> =
            self.talks.iter().map(|(key, talk)| (key.clone(), talk.since)).collect();
        for (key, since) in talks {
            self.talk_over((at, None), key, span(since, at));
        }
        let lines: Vec<(LegId, i64)> = self.lines.iter().map(|(leg, l)| (*leg, l.since)).collect();
        for (leg, since) in lines {
            self.line_over(at, leg, span(since, at), None);
        }
    }
}

impl TalkNow {
    fn new(agent: Box<str>, queue: Box<str>, since: i64, waited_ms: u64, rang_ms: u64) -> TalkNow {
        let (held, held_up_ms, holds, hold_ms) = (None, None, 0, 0);
        let (sent_by, back, of) = (None, false, None);
        TalkNow {
            agent,
            queue,
            since,
            waited_ms,
            rang_ms,
            held,
            held_up_ms,
            holds,
            hold_ms,
            sent_by,
            back,
            of,
        }
    }
    /// By the monotonic clock, where both ends were written by it: the calendar may have been set meanwhile.
    fn end_hold(&mut self, (at, up_ms): Moment) {
        let began = self.held_up_ms.take();
        if let Some((_, since)) = self.held.take() {
            let measured = began.zip(up_ms).and_then(|(from, to)| to.checked_sub(from));
            self.hold_ms += measured.unwrap_or_else(|| span(since, at));
        }
    }
}

/// Milliseconds from one moment to another; none where the clock was set back.
fn span(from: i64, to: i64) -> u64 {
    u64::try_from(to.saturating_sub(from)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
