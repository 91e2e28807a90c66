//! Call-backs: a caller who waits asks for one by key, and agents make them.
//!
//! ```text
//!  key ─▶ "we will call you back at 138…" ─▶ 1 ─▶ noted: the caller may hang up, its place stays
//!              ▲                              2 ─▶ another number, # ─┐       0, silence ─▶ it waits on
//!              └──────────────────────────────────────────────────────┘
//!
//!  Action::Offer, back ─▶ the agent's phone rings ─▶ it answers ─▶ "a call-back" ─▶ the agent's plan dials, and
//!                              │ not                     any key: at once ─┘       he hears the number meanwhile
//!                              ▼                                        joined ─▶ reached: a talk of the queue
//!                           missed                                      over before ─▶ not reached: it rests
//! ```
//!
//! The call that makes one is a call of the agent's phone, by its own plan, with the permissions and gateways
//! that has (as a computer would dial it: `desk.rs`); whose turn it is and how often is [`acd`](crate::acd)'s.

use std::collections::{BTreeMap, BTreeSet};

use crate::acd::AgentId;
use crate::acd::asking::{Answer, Asking};
use crate::acd::back::{Kept, MOST_NUMBER};
use crate::acd::event::{Departure, Missed};
use crate::base::{CallId, Duration, LegId, Now, PlayId, Wall};
use crate::call::Failure;
use crate::call::codes;
use crate::call::dialling::Why;
use crate::dialplan::effect::{Happening, QueueEnd};
use crate::dialplan::say;
use crate::media::control::DigitSet;
use crate::wire::q850::Cause;

use super::active::Doing;
use super::console::BackRow;
use super::dial::failure;
use super::fact::{EndedBy, FactKind, QueueFact};
use super::queueing::missed;
use super::{Level, Switch};

/// How long a caller hears music until the journal has written its call-back down.
const NOTED: Duration = Duration::from_secs(5);
/// Call-backs since the start that are told from those of before it, should the records be away.
const MOST_SINCE: usize = 100_000;
/// How long the agent's prompt may take at most.
const SAID: Duration = Duration::from_secs(15);

/// A caller who asks for a call-back.
#[derive(Debug)]
pub struct Asks {
    pub(super) asking: Asking,
    prompt: Option<PlayId>,
}

/// Call-backs that are made or being written down.
#[derive(Debug, Default)]
pub(super) struct CallingBack {
    /// By the call that makes it.
    made: BTreeMap<CallId, Making>,
    /// Callers who are told as soon as the fact of this number is on the disk.
    noting: BTreeMap<u64, CallId>,
    /// Asked for since the start, until the records have told what is from before it: theirs may be over already.
    since: BTreeSet<CallId>,
    told: bool,
}

impl CallingBack {
    /// Those under way.
    pub(super) fn len(&self) -> usize {
        self.made.len() + self.noting.len()
    }
}

/// A call-back that is made.
#[derive(Clone, Copy, Debug)]
struct Making {
    /// Whose: the call in which it was asked for.
    of: CallId,
    agent: AgentId,
    /// The agent has answered.
    taken: bool,
    /// The caller has, too.
    reached: bool,
    /// Its signalling has: it rang, was busy, or refused.
    tried: bool,
}

/// A call-back from before the start, as the records have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptBack {
    /// The call in which it was asked for.
    pub call: CallId,
    /// The queue's name.
    pub queue: String,
    /// The caller's own number.
    pub from: String,
    /// The number to be called.
    pub number: String,
    /// Its priority.
    pub priority: i32,
    /// When it came into the queue.
    pub entered: Wall,
    /// When it is given up.
    pub until: Wall,
    /// Attempts that failed.
    pub failed: u32,
    /// When the last one did.
    pub tried: Option<Wall>,
}

impl Switch {
    /// A waiting caller has pressed the key for a call-back.
    pub(super) fn ask_call_back(&mut self, now: Now, id: CallId) {
        let Some(leg) = self.calls.get(&id).map(|active| active.subject()) else { return };
        if !self.centre.offers_call_back(id) {
            let refused = vec![self.prompt(leg, "queue/call-back-refused")];
            self.play_aside(now, leg, refused);
            return;
        }
        let usable = |own: &&str| !own.is_empty() && own.len() <= MOST_NUMBER;
        let own = self.centre.caller_number(id).filter(usable).map(str::to_owned);
        let own = own.filter(|own| self.may_call_back(now, id, own));
        self.ask_back(now, id, Asking::new(own), false);
    }

    /// Puts the question.
    fn ask_back(&mut self, now: Now, id: CallId, asking: Asking, wrong: bool) {
        let Some(leg) = self.calls.get(&id).map(|active| active.subject()) else { return };
        let mut items = Vec::new();
        if wrong {
            items.push(self.prompt(leg, "collect/invalid"));
        }
        match asking.number() {
            Some(number) => {
                items.push(self.prompt(leg, "queue/call-back-at"));
                items.extend(self.spoken(leg, say::Kind::Digits, number.trim_start_matches('+')));
                items.push(self.prompt(leg, "queue/call-back-confirm"));
            }
            None => items.push(self.prompt(leg, "collect/number")),
        }
        let prompt = self.play_aside(now, leg, items);
        let Some(active) = self.calls.get_mut(&id) else { return };
        // Beside the step: phones that ring for the caller go on, and an answer wins.
        if let Some(queued) = &mut active.queued {
            queued.asks = Some(Box::new(Asks { asking, prompt }));
        }
        self.rearm(id);
    }

    /// A prompt to who asks for a call-back is over: now the time runs.
    pub(super) fn back_prompt_over(&mut self, now: Now, id: CallId, play: PlayId) {
        let Some(asks) = self.asks(id) else { return };
        if asks.prompt.take_if(|prompt| *prompt == play).is_some() {
            asks.asking.prompt_over(now.at);
            self.rearm(id);
        }
    }

    /// A key of who asks for a call-back.
    pub(super) fn back_key(&mut self, now: Now, id: CallId, digit: char) {
        let Some(leg) = self.calls.get(&id).map(|active| active.subject()) else { return };
        let Some(asks) = self.asks(id) else { return };
        let answer = asks.asking.key(digit, now.at);
        if asks.prompt.take().is_some() {
            // An aside of nothing: the music alone is heard again.
            self.play_aside(now, leg, Vec::new());
        }
        self.back_answer(now, id, answer);
    }

    /// Time passes for who asks for a call-back.
    pub(super) fn back_due(&mut self, now: Now, id: CallId) {
        let Some(asks) = self.asks(id) else { return };
        let answer = asks.asking.wake(now.at);
        if answer != Answer::More {
            self.back_answer(now, id, answer);
        }
    }

    fn back_answer(&mut self, now: Now, id: CallId, answer: Answer) {
        match answer {
            Answer::More => self.rearm(id),
            Answer::Confirmed(number) => self.note_back(now, id, &number),
            Answer::WaitsOn => self.asks_no_more(id),
            Answer::Again { wrong } => {
                let Some(asks) = self.asks(id) else { return };
                let asking = asks.asking.clone();
                self.ask_back(now, id, asking, wrong);
            }
        }
    }

    /// The number is confirmed. That it is noted is said when it is written down.
    fn note_back(&mut self, now: Now, id: CallId, number: &str) {
        self.asks_no_more(id);
        let Some(leg) = self.calls.get(&id).map(|active| active.subject()) else { return };
        let noted = match self.may_call_back(now, id, number) {
            true => self.centre.call_back(now.at, id, number).map_err(|why| format!("{why:?}")),
            false => {
                Err("its own account may not dial it, or it is a number of help or of ours".into())
            }
        };
        if let Err(why) = noted {
            self.log(Level::Warning, format!("call {id} gets no call-back at {number}: {why}"));
            let refused = vec![self.prompt(leg, "queue/call-back-refused")];
            self.play_aside(now, leg, refused);
            return;
        }
        let Some(active) = self.calls.get_mut(&id) else { return };
        let queued = active.queued.take();
        // The centre has taken its offers back.
        let (_, rung) = active.leave_step(now.at);
        active.doing = Doing::BackNoting { queued, until: now.at + NOTED };
        for leg in rung {
            self.hang_up(now, leg, Cause::NORMAL_CLEARING, EndedBy::Plan);
        }
        self.rearm(id);
    }

    /// Whether agents may be made to dial a number for a caller: no help, no code, nothing of ours that it has
    /// come by, nothing that it could not dial itself.
    fn may_call_back(&self, now: Now, id: CallId, number: &str) -> bool {
        let Some(active) = self.calls.get(&id) else { return false };
        let queue = self.centre.queue_of(id).unwrap_or_default();
        let dialled = self.back_dialled(&queue, number);
        let bare = |number: &str| number.trim_start_matches('+').to_owned();
        let called = [&active.to, &active.origin.called_raw].map(|called| bare(called));
        let contexts: BTreeSet<&str> =
            self.config.phones.iter().map(|phone| phone.context.as_str()).collect();
        let helps = |number: &str| {
            let asks = |context: &&str| self.is_emergency(now, true, ["", number, context]);
            self.config.is_emergency(number) || contexts.iter().any(asks)
        };
        let is_ours = |number: &str| {
            helps(number)
                || codes::read(number, &self.dialled_codes).is_some()
                || called.iter().any(|called| called == number)
        };
        let all = [bare(number), number.to_owned(), dialled.clone()];
        !all.iter().any(|number| is_ours(number)) && self.may_have_called(id, number, &dialled)
    }

    /// A number as the phones of a queue's agents dial it.
    fn back_dialled(&self, queue: &str, number: &str) -> String {
        let terms = self.config.queues.iter().find(|own| own.name.as_str() == queue);
        let prefix = terms.and_then(|queue| queue.call_back_prefix.as_ref());
        format!("{}{number}", prefix.map_or("", |prefix| prefix.as_str()))
    }

    /// What a waiting caller is asked.
    fn asks(&mut self, id: CallId) -> Option<&mut Asks> {
        let queued = self.calls.get_mut(&id)?.queued.as_mut()?;
        queued.asks.as_deref_mut()
    }

    /// It only waits.
    fn asks_no_more(&mut self, id: CallId) {
        if let Some(queued) = self.calls.get_mut(&id).and_then(|active| active.queued.as_mut()) {
            queued.asks = None;
        }
        self.rearm(id);
    }

    /// The journal has not told in time that a call-back is written: its caller waits on the line.
    pub(super) fn back_too_late(&mut self, now: Now, id: CallId) {
        let Some(leg) = self.calls.get(&id).map(|active| active.subject()) else { return };
        self.log(Level::Warning, format!("call-back of call {id}: the journal does not take it"));
        self.backs.noting.retain(|_, call| *call != id);
        self.centre.keep_on_line(now.at, id, true);
        self.back_refused(now, id, leg);
    }

    /// The caller goes on waiting, and is told that there will be no call-back.
    fn back_refused(&mut self, now: Now, id: CallId, leg: LegId) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        if let Doing::BackNoting { queued, .. } = &mut active.doing {
            active.queued = queued.take().map(|queued| queued.anew());
        }
        if self.centre.queue_of(id).is_none() {
            // The queue was taken away meanwhile.
            active.queued = None;
            return self.run(now, id, Happening::Queued(QueueEnd::Closed));
        }
        self.waits_on(id);
        let refused = vec![self.prompt(leg, "queue/call-back-refused")];
        self.play_aside(now, leg, refused);
    }

    /// The fact of a call-back has just been told.
    pub(super) fn back_is_written(&mut self, call: CallId) {
        self.backs.noting.insert(self.facts, call);
        if !self.backs.told {
            self.backs.since.insert(call);
            if self.backs.since.len() > MOST_SINCE {
                self.backs.since.pop_first();
            }
        }
    }

    /// A fact is on the disk: where it is a call-back's, its caller may hang up.
    pub(super) fn back_durable(&mut self, now: Now, seq: u64) {
        let Some(id) = self.backs.noting.remove(&seq) else { return };
        let Some(active) = self.calls.get_mut(&id) else { return };
        let Doing::BackNoting { .. } = active.doing else { return };
        let leg = active.subject();
        let noted = vec![self.prompt(leg, "queue/call-back-noted")];
        let play = self.play(now, leg, noted, false, DigitSet::NONE);
        let Some(active) = self.calls.get_mut(&id) else { return };
        match play {
            Some(play) => active.doing = Doing::BackNoted(play),
            None => self.back_noted(now, id),
        }
        self.rearm(id);
    }

    /// The journal has no room for a call-back: its caller waits on the line.
    pub(super) fn back_not_written(&mut self, now: Now, seq: u64) {
        let Some(id) = self.backs.noting.remove(&seq) else { return };
        let Some(active) = self.calls.get(&id) else { return };
        if let Doing::BackNoting { .. } = active.doing {
            let leg = active.subject();
            self.centre.keep_on_line(now.at, id, false);
            self.back_refused(now, id, leg);
        }
    }

    /// The caller has heard that it is noted: its plan goes on.
    pub(super) fn back_noted(&mut self, now: Now, id: CallId) {
        self.run(now, id, Happening::Queued(QueueEnd::CallBack));
    }

    /// It is an agent's turn to call somebody back: its phone is rung.
    pub(super) fn make_back(
        &mut self,
        now: Now,
        of: CallId,
        (agent, phone): (AgentId, &str),
        number: &str,
        ring: Duration,
    ) {
        if self.care.offers.is_settled(of) {
            return self.centre.leave(now.at, of, Departure::CalledAgain);
        }
        let queue = self.centre.queue_of(of).unwrap_or_default();
        // A case's home is called by us, not by the agent's plan.
        let dialled = match self.care.offers.case_of(of) {
            Some(_) => number.to_owned(),
            None => self.back_dialled(&queue, number),
        };
        match self.summon(now, phone, &dialled, Doing::SummoningBack(now.at + ring)) {
            Ok(id) => {
                let making = Making { of, agent, taken: false, reached: false, tried: false };
                self.backs.made.insert(id, making);
                let legs = self.calls.get(&id).into_iter().flat_map(|a| a.call.connections());
                // The agent is not busy with it: it rings for the queue.
                let legs: Vec<_> = legs.map(|party| (party.leg, None)).collect();
                self.offered.extend(legs);
                let agent = self.centre.agent(now.at, agent).map(|view| view.number);
                let what = QueueFact::BackTried { agent: agent.unwrap_or_default(), by: id };
                self.fact(now, FactKind::Queue { queue, call: of, what });
            }
            Err(why) => {
                // It rests: those behind it are called back meanwhile.
                self.log(Level::Warning, format!("call-back of call {of} by phone {phone}: {why}"));
                self.centre.missed(now.at, of, agent, Missed::NotRung);
            }
        }
    }

    /// The agent has answered the call that makes a call-back: it is told what it is before the caller is
    /// dialled.
    pub(super) fn agent_takes_back(&mut self, now: Now, id: CallId, leg: LegId) {
        let Some(making) = self.backs.made.get_mut(&id) else {
            return self.hang_up(now, leg, Cause::NON_SELECTED_USER_CLEARING, EndedBy::Plan);
        };
        let (of, agent) = (making.of, making.agent);
        making.taken = true;
        if !self.centre.answered(now.at, of, agent) {
            // Too late: the caller has called again, or another agent has it.
            self.backs.made.remove(&id);
            return self.hang_up(now, leg, Cause::NON_SELECTED_USER_CLEARING, EndedBy::Plan);
        }
        self.offered.insert(leg, Some((of, agent)));
        let number = self.centre.agent(now.at, agent).map(|view| view.number);
        // It is told what it is about to do, and may hang up; whom, while that one is rung.
        let case = self.care.offers.case_of(of);
        if let Some(case) = case {
            self.offer_taken(now, case, id);
        }
        let about = if case.is_some() { "care/case" } else { "queue/call-back-agent" };
        let told = vec![self.prompt(leg, about)];
        let play = self.play(now, leg, told, false, DigitSet::NONE);
        if let Some(active) = self.calls.get_mut(&id) {
            active.agent = number;
            active.doing = Doing::BackSaid { play, until: now.at + SAID };
        }
        self.rearm(id);
    }

    /// The agent knows what it is about, or wishes to hear no more of it: the caller is dialled, and the number said
    /// over the ringing tone.
    pub(super) fn back_said(&mut self, now: Now, id: CallId) {
        let Some(leg) = self.calls.get(&id).map(|active| active.subject()) else { return };
        self.stop_play(leg);
        let whom = self.makes_back_of(id).and_then(|of| self.centre.back_number(of));
        let whom = whom.unwrap_or_default().trim_start_matches('+').to_owned();
        let number = self.spoken(leg, say::Kind::Digits, &whom);
        self.play_over(now, id, leg, number);
        match self.offered_case(id) {
            Some(case) => self.offer_dials(now, id, case),
            None => self.begin_plan(now, leg),
        }
    }

    /// The caller whom a call calls back.
    pub(super) fn makes_back_of(&self, made: CallId) -> Option<CallId> {
        self.backs.made.get(&made).map(|making| making.of)
    }

    /// The call in which an agent talks with somebody whom it has called back.
    pub(super) fn made_back(&self, of: CallId) -> Option<CallId> {
        let all = self.backs.made.iter();
        all.filter(|(_, making)| making.reached)
            .find(|(_, making)| making.of == of)
            .map(|(id, _)| *id)
    }

    /// Whoever is being called back, or for whom an agent's phone rings.
    pub(super) fn made_backs(&self) -> impl Iterator<Item = CallId> {
        self.backs.made.values().map(|making| making.of)
    }

    /// Two parties of a call hear each other: where it makes a call-back, the caller is reached.
    pub(super) fn back_reached(&mut self, now: Now, id: CallId) {
        let Some(making) = self.backs.made.get_mut(&id).filter(|making| !making.reached) else {
            return;
        };
        making.reached = true;
        let of = making.of;
        self.centre.called_back(now.at, of, true);
    }

    /// A leg has rung: where its call makes a call-back and it is not the agent's, its caller was tried.
    pub(super) fn back_rings(&mut self, id: CallId) {
        if let Some(making) = self.backs.made.get_mut(&id).filter(|making| making.taken) {
            making.tried = true;
        }
    }

    /// A leg is out: a number that is busy or refuses was tried, one that no gateway could or would reach was not.
    pub(super) fn back_leg_failed(&mut self, id: CallId, failure: Failure) {
        // 480: nobody is there; 600, 603: everywhere busy, declined. A gateway that bars says 403.
        if failure.why == Why::Busy || matches!(failure.status, 480 | 486 | 600 | 603) {
            self.back_rings(id);
        }
    }

    /// A call is over: where it made a call-back in vain, that rests, or another agent is asked.
    pub(super) fn back_over(&mut self, now: Now, id: CallId, ended: Option<(Cause, EndedBy)>) {
        let Some(Making { of, agent, taken, reached, tried }) = self.backs.made.remove(&id) else {
            return;
        };
        let cause = ended.map_or(Cause::NORMAL_CLEARING, |(cause, _)| cause);
        match (taken, reached) {
            (true, true) => self.centre.agent_through(now.at, of, agent),
            (true, false) if tried => self.centre.called_back(now.at, of, false),
            (true, false) => {
                let what = format!("call-back of call {of}: its number never rang ({cause})");
                self.log(Level::Warning, format!("{what}; it rests, and no attempt is counted"));
                self.centre.not_called_back(now.at, of);
            }
            (false, _) => self.centre.missed(now.at, of, agent, missed(failure(cause, 0))),
        }
    }

    /// The centre takes the offer of a call-back back: the phone that rings for it need not.
    pub(super) fn stop_back(&mut self, now: Now, of: CallId, agent: AgentId) {
        let made = |(_, making): &(&CallId, &Making)| {
            making.of == of && making.agent == agent && !making.taken
        };
        let Some(id) = self.backs.made.iter().find(made).map(|(id, _)| *id) else { return };
        self.backs.made.remove(&id);
        self.release_call(now, id, Cause::NORMAL_CLEARING, EndedBy::Plan);
    }

    /// Call-backs from before the start have their places again.
    pub(super) fn backs_restored(&mut self, now: Now, rows: Vec<KeptBack>) {
        self.backs.told = true;
        let since = std::mem::take(&mut self.backs.since);
        for row in rows.into_iter().filter(|row| !since.contains(&row.call)) {
            let span = |from: Wall, to: Wall| {
                Duration::from_millis(u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0))
            };
            let pause = self.config.queues.iter().find(|queue| queue.name.as_str() == row.queue);
            let pause = pause.map_or(Duration::ZERO, |queue| queue.call_back_pause);
            let kept = Kept {
                call: row.call,
                queue: row.queue,
                from: row.from,
                number: row.number,
                priority: row.priority,
                waited: span(row.entered, now.wall),
                left: span(now.wall, row.until),
                failed: row.failed,
                rests: row
                    .tried
                    .map_or(Duration::ZERO, |tried| pause.saturating_sub(span(tried, now.wall))),
            };
            self.centre.restore_back(now.at, kept);
        }
    }

    /// Call-backs as the console shows them.
    pub(super) fn back_rows(&self, now: Now) -> Vec<BackRow> {
        let row = |view: crate::acd::back::BackView| BackRow {
            case: self.care.offers.case_of(view.call),
            call: view.call,
            queue: view.queue,
            number: view.number,
            position: view.position,
            waited_ms: view.waited.as_millis() as u64,
            left_ms: view.left.as_millis() as u64,
            failed: view.failed,
            rests_ms: view.rests.map(|rests| rests.as_millis() as u64),
            agent: view.agent,
        };
        self.centre.call_backs(now.at).into_iter().map(row).collect()
    }
}
