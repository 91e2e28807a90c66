//! A day in which everything happens that has figures, counted a second time by who makes it happen: it knows who came
//! when, who answered, held, sent on, called back and hung up, and reads no fact. So a formula that is wrong gives
//! another number here, which live and recomputed figures together would not.
//!
//! Call-backs, overflow, hold, transfers that come back, a gateway's channels both ways, and a clock that is set
//! back at noon.

use super::*;
use crate::acd::AgentId;
use crate::acd::event::{Departure, What};
use crate::acd::queue::BackTerms;
use crate::base::LegId;
use crate::report::{Formula, Subject, Tally};
use crate::switch::fact::{EndedBy, Party, Role};

const CALLS: u64 = 700;
const SIZE: Size = Size { agents: 10, queues: 4, calls: CALLS };
const ATTEMPTS: u32 = 2;

/// What happens, and to whom.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Step {
    Calls(u64),
    HangsUp(CallId),
    WantsBack(CallId),
    Answers(CallId, AgentId),
    Misses(CallId, AgentId),
    Reaches(CallId, bool),
    Holds(CallId),
    TakesBack(CallId),
    SendsOn(CallId),
    ComesBack(CallId),
    TalkEnds(CallId),
    Wishes(u64),
}

/// One caller, as who plays it knows it.
#[derive(Debug)]
struct Life {
    n: u64,
    queue: String,
    /// Waits on the line since.
    waits: Option<Time>,
    rung: Time,
    /// With whom it talks since when, and how long it had waited and the phone rung, milliseconds.
    talks: Option<(AgentId, Time, [u64; 2])>,
    held: Option<Time>,
    hold_ms: u64,
    sent: bool,
    /// It is to be called back, after so many attempts in vain.
    back: Option<u32>,
    /// Its channel: the leg, since when, and when it was answered.
    line: Option<(LegId, Time, Option<Time>)>,
}

struct Kinds {
    switch: Switch,
    rng: Rng,
    at: Time,
    ahead: BTreeSet<(Time, Step)>,
    lives: BTreeMap<CallId, Life>,
    states: BTreeMap<String, (AgentState, Time)>,
    busy: u64,
    count: BTreeMap<(Kind, String, Measure), u64>,
    /// Waits until an answer, and until the caller hung up, milliseconds.
    answered: Vec<u64>,
    abandoned: Vec<u64>,
}

/// What is compared: each has to happen.
fn compared(kind: Kind) -> &'static [Measure] {
    use Measure::*;
    match kind {
        Kind::Queue => &[
            Entered,
            Answered,
            Abandoned,
            TimedOut,
            WaitMs,
            MaxWaitMs,
            AbandonMs,
            RingMs,
            TalkMs,
            HoldMs,
            Transferred,
            BackWanted,
            CalledBack,
            BackFailed,
            GivenUp,
            Overflowed,
            FlowedIn,
            AfterMs,
        ],
        Kind::Agent => &[
            Answered,
            TalkMs,
            HoldMs,
            Transferred,
            CalledBack,
            ReadyMs,
            RingingMs,
            TalkingMs,
            OtherMs,
            OtherCalls,
            AfterMs,
            NotReadyMs,
            SignIns,
        ],
        Kind::Trunk => &[CallsIn, CallsOut, CallsAnswered, TalkMs, BusyMs, MaxBusy],
        Kind::Team => &[],
    }
}

impl Kinds {
    fn new(seed: u64) -> Kinds {
        let mut switch = Rig::new("").switch;
        while switch.poll_output().is_some() {}
        let mut own = house(SIZE);
        for (n, terms) in own.queues.iter_mut().enumerate() {
            terms.longest = Duration::from_secs(90);
            terms.overflow = Some(format!("queue-{}", (n + 1) % SIZE.queues as usize));
            terms.back = Some(BackTerms {
                attempts: ATTEMPTS,
                pause: Duration::from_secs(300),
                within: Duration::from_secs(24 * 3_600),
                most: 200,
            });
        }
        switch.centre.configure(Time::ZERO, own);
        let mut day = Kinds {
            switch,
            rng: Rng::from_seed(seed),
            at: Time::ZERO,
            ahead: BTreeSet::new(),
            lives: BTreeMap::new(),
            states: BTreeMap::new(),
            busy: 0,
            count: BTreeMap::new(),
            answered: Vec::new(),
            abandoned: Vec::new(),
        };
        (0..SIZE.agents).for_each(|n| day.later(0, 600, Step::Wishes(n)));
        (0..CALLS).for_each(|n| day.later(300, OPENING_S - 900, Step::Calls(n + 1)));
        day
    }

    fn now(&self) -> Now {
        let noon = Time::ZERO + Duration::from_secs(OPENING_S / 2);
        let back = if self.at >= noon { 3_600_000 } else { 0 };
        Now { at: self.at, wall: Wall(MORNING + self.at.as_millis() as i64 - back) }
    }

    fn later(&mut self, least: u64, spread: u64, step: Step) {
        let ms = least * 1_000 + self.rng.below(spread * 1_000);
        self.ahead.insert((self.at + Duration::from_millis(ms), step));
    }

    fn adds(&mut self, kind: Kind, name: &str, measure: Measure, value: u64) {
        *self.count.entry((kind, name.to_owned(), measure)).or_default() += value;
    }

    fn most(&mut self, kind: Kind, name: &str, measure: Measure, value: u64) {
        let own = self.count.entry((kind, name.to_owned(), measure)).or_default();
        *own = value.max(*own);
    }

    fn of_queue(&mut self, queue: &str, measure: Measure, value: u64) {
        self.adds(Kind::Queue, queue, measure, value);
    }

    /// Milliseconds since.
    fn ms(&self, since: Time) -> u64 {
        self.at.since(since).as_millis() as u64
    }

    fn tells(&mut self, kind: FactKind) {
        let now = self.now();
        self.switch.fact(now, kind);
    }

    fn life(&mut self, call: CallId) -> &mut Life {
        self.lives.get_mut(&call).expect("it has called")
    }

    fn legs(n: u64) -> [LegId; 2] {
        [LegId(10 * n), LegId(10 * n + 1)]
    }

    fn line_begins(&mut self, call: CallId, outgoing: bool) {
        let n = self.life(call).n;
        let leg = LegId(10 * n + if outgoing { 5 } else { 0 });
        self.life(call).line = Some((leg, self.at, None));
        let party = Party::Trunk { gateway: "e1-a".into(), number: format!("138{n}") };
        // The one who is called back is the second in the call that the agent makes.
        let role = if outgoing { Role::Callee } else { Role::Caller };
        self.tells(FactKind::LegBegan { call, leg, party, role, outgoing: Some(outgoing) });
        self.busy += 1;
        self.most(Kind::Trunk, "e1-a", Measure::MaxBusy, self.busy);
        let way = if outgoing { Measure::CallsOut } else { Measure::CallsIn };
        self.adds(Kind::Trunk, "e1-a", way, 1);
    }

    fn line_answered(&mut self, call: CallId) {
        let at = self.at;
        let Some((leg, _, answered)) = &mut self.life(call).line else { return };
        let leg = *leg;
        *answered = Some(at);
        self.tells(FactKind::LegAnswered { call, leg });
        self.adds(Kind::Trunk, "e1-a", Measure::CallsAnswered, 1);
    }

    fn line_ends(&mut self, call: CallId) {
        let Some((leg, begun, answered)) = self.life(call).line.take() else { return };
        let (busy_ms, talk_ms) = (self.ms(begun), answered.map_or(0, |at| self.ms(at)));
        self.tells(FactKind::LegEnded {
            call,
            leg,
            cause: 16,
            status: 0,
            by: EndedBy::Caller,
            ring_ms: 0,
            talk_ms,
            busy_ms: Some(busy_ms),
            sound: None,
        });
        self.busy -= 1;
        self.adds(Kind::Trunk, "e1-a", Measure::BusyMs, busy_ms);
        self.adds(Kind::Trunk, "e1-a", Measure::TalkMs, talk_ms);
    }

    fn entry(n: u64) -> Entry {
        Entry {
            call: CallId::new(Wall(MORNING), n),
            number: format!("138{n:05}"),
            priority: (n % 3) as i32,
            urgent: false,
            vip: false,
            region: None,
            longest: None,
            since: None,
        }
    }

    fn calls(&mut self, n: u64) {
        let (queue, entry) = (format!("queue-{}", self.rng.below(SIZE.queues)), Kinds::entry(n));
        let call = entry.call;
        let life = Life {
            n,
            queue: queue.clone(),
            waits: Some(self.at),
            rung: self.at,
            talks: None,
            held: None,
            hold_ms: 0,
            sent: false,
            back: None,
            line: None,
        };
        self.lives.insert(call, life);
        self.line_begins(call, false);
        if self.switch.centre.enter(self.at, &queue, entry).is_err() {
            self.life(call).waits = None;
            return self.line_ends(call);
        }
        self.of_queue(&queue, Measure::Entered, 1);
        match self.rng.below(10) {
            0..3 => self.later(1, 80, Step::HangsUp(call)),
            3..5 => self.later(5, 60, Step::WantsBack(call)),
            _ => {}
        }
    }

    /// Its wait on the line is over; gives its queue and how long it was.
    fn wait_ends(&mut self, call: CallId) -> Option<(String, u64)> {
        let came = self.life(call).waits.take()?;
        let (queue, waited) = (self.life(call).queue.clone(), self.ms(came));
        self.most(Kind::Queue, &queue, Measure::MaxWaitMs, waited);
        Some((queue, waited))
    }

    fn hangs_up(&mut self, call: CallId) {
        if self.life(call).talks.is_some() {
            return self.talk_ends(call);
        }
        let Some((queue, waited)) = self.wait_ends(call) else { return };
        self.of_queue(&queue, Measure::Abandoned, 1);
        self.of_queue(&queue, Measure::AbandonMs, waited);
        self.abandoned.push(waited);
        self.line_ends(call);
        self.switch.centre.call_over(self.at, call);
    }

    fn wants_back(&mut self, call: CallId) {
        let number = Kinds::entry(self.life(call).n).number;
        if self.life(call).waits.is_none()
            || self.switch.centre.call_back(self.at, call, &number).is_err()
        {
            return;
        }
        let Some((queue, _)) = self.wait_ends(call) else { return };
        self.of_queue(&queue, Measure::BackWanted, 1);
        self.life(call).back = Some(0);
        self.line_ends(call);
        self.switch.centre.call_over(self.at, call);
    }

    fn answers(&mut self, call: CallId, agent: AgentId) {
        if !self.switch.centre.answered(self.at, call, agent) {
            return;
        }
        let rung = self.life(call).rung;
        let rang = self.ms(rung);
        if self.life(call).back.is_some() {
            self.life(call).talks = Some((agent, self.at, [0, 0]));
            let reaches = self.rng.chance(0.5);
            return self.later(3, 15, Step::Reaches(call, reaches));
        }
        let waited = self.wait_ends(call).map_or(0, |(_, waited)| waited);
        self.life(call).talks = Some((agent, self.at, [waited, rang]));
        self.line_answered(call);
        self.later(10, 240, Step::TalkEnds(call));
        match self.rng.below(6) {
            0 => self.later(1, 120, Step::Holds(call)),
            1 => self.later(1, 60, Step::SendsOn(call)),
            _ => {}
        }
    }

    fn reaches(&mut self, call: CallId, reached: bool) {
        if !self.switch.centre.is_being_made(call) {
            return;
        }
        let queue = self.life(call).queue.clone();
        if reached {
            self.switch.centre.called_back(self.at, call, true);
            self.line_begins(call, true);
            self.line_answered(call);
            return self.later(10, 120, Step::TalkEnds(call));
        }
        let life = self.life(call);
        life.talks = None;
        let failed = life.back.map_or(0, |failed| failed + 1);
        life.back = Some(failed);
        self.of_queue(&queue, Measure::BackFailed, 1);
        self.of_queue(&queue, Measure::GivenUp, u64::from(failed >= ATTEMPTS));
        self.switch.centre.called_back(self.at, call, false);
    }

    fn holds(&mut self, call: CallId, on: bool) {
        let (at, life) = (self.at, self.life(call));
        if life.talks.is_none() || life.held.is_some() == on {
            return;
        }
        let n = life.n;
        match on {
            true => life.held = Some(at),
            false => life.hold_ms += life.held.take().map_or(0, |t| at.since(t).as_millis() as u64),
        }
        let now = self.now();
        self.switch.tell_hold(now, call, Kinds::legs(n)[1], on);
        if on {
            self.later(1, 60, Step::TakesBack(call));
        }
    }

    fn sends_on(&mut self, call: CallId, back: bool) {
        let life = self.life(call);
        if life.talks.is_none() || life.sent != back {
            return;
        }
        life.sent = !back;
        let [who, by] = Kinds::legs(life.n);
        if back {
            self.tells(FactKind::Bridged { call, a: who, b: by });
            return self.later(1, 60, Step::SendsOn(call));
        }
        self.tells(FactKind::Transferred { call, by, who, to: "1009".into(), by_caller: false });
        match self.rng.below(2) {
            0 => self.later(2, 10, Step::TalkEnds(call)),
            _ => self.later(2, 10, Step::ComesBack(call)),
        }
    }

    fn talk_ends(&mut self, call: CallId) {
        let now = self.at;
        let life = self.life(call);
        let Some((agent, since, [waited, rang])) = life.talks.take() else { return };
        let open = life.held.take().map_or(0, |at| now.since(at).as_millis() as u64);
        let (queue, hold) = (life.queue.clone(), life.hold_ms + open);
        let (sent, is_back) = (u64::from(life.sent), life.back.is_some());
        let talk = self.ms(since) - hold;
        let agent = self.switch.centre.agent_number(agent);
        let first = if is_back { Measure::CalledBack } else { Measure::Answered };
        let both = [
            (first, 1),
            (Measure::TalkMs, talk),
            (Measure::HoldMs, hold),
            (Measure::Transferred, sent),
        ];
        for (measure, value) in both {
            self.of_queue(&queue, measure.clone(), value);
            self.adds(Kind::Agent, &agent, measure, value);
        }
        if !is_back {
            self.answered.push(waited);
            self.of_queue(&queue, Measure::WaitMs, waited);
            self.of_queue(&queue, Measure::RingMs, rang);
        }
        self.line_ends(call);
        self.switch.centre.call_over(self.at, call);
    }

    /// The queue has put it out.
    fn out(&mut self, call: CallId, why: Departure) {
        let Some((queue, _)) = self.wait_ends(call) else { return };
        let measure = match why {
            Departure::TimedOut => Measure::TimedOut,
            Departure::NoAgents => Measure::NoAgents,
            other => panic!("{other:?}"),
        };
        self.of_queue(&queue, measure, 1);
        let entry = Kinds::entry(self.life(call).n);
        match self.switch.centre.overflows(self.at, &queue, entry) {
            Some(into) => {
                self.of_queue(&queue, Measure::Overflowed, 1);
                self.of_queue(&into, Measure::FlowedIn, 1);
                self.of_queue(&into, Measure::Entered, 1);
                let at = self.at;
                let life = self.life(call);
                (life.queue, life.waits) = (into, Some(at));
            }
            None => self.line_ends(call),
        }
    }

    /// An agent is in another state: how long it was in the one before.
    fn changes(&mut self, at: Time, agent: &str, state: AgentState) {
        use crate::acd::agent::Busy;
        let was = self.states.insert(agent.to_owned(), (state, at));
        let (was, since) = was.unwrap_or((AgentState::Null, at));
        let ms = at.since(since).as_millis() as u64;
        let measure = match was {
            AgentState::Null => return self.adds(Kind::Agent, agent, Measure::SignIns, 1),
            AgentState::NotReady(_) => Measure::NotReadyMs,
            AgentState::Ready { .. } => Measure::ReadyMs,
            AgentState::Busy(Busy::Ringing { .. }) => Measure::RingingMs,
            AgentState::Busy(Busy::Talking { .. }) => Measure::TalkingMs,
            AgentState::Busy(Busy::Other) => {
                self.adds(Kind::Agent, agent, Measure::OtherCalls, 1);
                Measure::OtherMs
            }
            AgentState::WorkingAfterCall { queue, .. } => {
                let queue = self.switch.centre.name(queue);
                self.of_queue(&queue, Measure::AfterMs, ms);
                Measure::AfterMs
            }
        };
        self.adds(Kind::Agent, agent, measure, ms);
    }

    fn wishes(&mut self, n: u64) {
        let (number, phone) = (format!("{}", 7_000 + n), format!("{}", 1_000 + n));
        let wish = match self.rng.below(12) {
            0 => Wish::SignOut,
            1 => Wish::NotReady(Reason::Break(1)),
            2 => Wish::Engaged(true),
            3 => Wish::Engaged(false),
            4 => Wish::AfterWorkDone,
            5 | 6 => Wish::Ready,
            _ => {
                _ = self.switch.centre.sign_in(self.at, &number, "1234", &phone);
                return;
            }
        };
        let agent = self.switch.centre.numbered(&number).expect("configured");
        _ = self.switch.centre.wish(self.at, agent, wish, Cause::Agent);
    }

    fn happens(&mut self, step: Step) {
        match step {
            Step::Calls(n) => self.calls(n),
            Step::HangsUp(call) => self.hangs_up(call),
            Step::WantsBack(call) => self.wants_back(call),
            Step::Answers(call, agent) => self.answers(call, agent),
            Step::Misses(call, agent) => {
                self.switch.centre.missed(self.at, call, agent, Missed::NoAnswer);
            }
            Step::Reaches(call, reached) => self.reaches(call, reached),
            Step::Holds(call) => self.holds(call, true),
            Step::TakesBack(call) => self.holds(call, false),
            Step::SendsOn(call) => self.sends_on(call, false),
            Step::ComesBack(call) => self.sends_on(call, true),
            Step::TalkEnds(call) => self.talk_ends(call),
            Step::Wishes(n) => {
                self.wishes(n);
                self.later(60, 1_200, Step::Wishes(n));
            }
        }
    }

    fn drain(&mut self) {
        let now = self.now();
        while let Some(action) = self.switch.centre.poll() {
            match action {
                Action::Offer { call, agent, .. } => {
                    self.life(call).rung = self.at;
                    match self.rng.below(8) {
                        0 => self.later(1, 14, Step::Misses(call, agent)),
                        _ => self.later(1, 14, Step::Answers(call, agent)),
                    }
                }
                Action::Tell(event) => {
                    if let What::Agent { agent, state, .. } = &event.what {
                        let (agent, state) = (agent.clone(), *state);
                        self.changes(event.at, &agent, state);
                    }
                    self.switch.centre_fact(now, event.what);
                }
                Action::Out { call, why } => self.out(call, why),
                Action::Withdraw { .. } => {}
            }
        }
        while self.switch.poll_output().is_some() {}
    }

    fn run(&mut self, until: Time) {
        loop {
            let ahead = self.ahead.first().map(|(at, _)| *at);
            let next = ahead.into_iter().chain(self.switch.centre.next_wake()).min();
            let Some(at) = next.filter(|at| *at <= until) else { break };
            self.at = self.at.max(at);
            self.switch.centre.wake(self.at);
            self.drain();
            while self.ahead.first().is_some_and(|(at, _)| *at <= self.at) {
                let Some((_, step)) = self.ahead.pop_first() else { break };
                self.happens(step);
                self.drain();
            }
        }
        self.at = until;
    }

    fn closes(&mut self) {
        self.ahead.retain(|(_, step)| !matches!(step, Step::Calls(_) | Step::Wishes(_)));
        self.run(self.at + Duration::from_secs(3_600));
        for n in 0..SIZE.agents {
            let agent = self.switch.centre.numbered(&format!("{}", 7_000 + n)).expect("there");
            _ = self.switch.centre.wish(self.at, agent, Wish::SignOut, Cause::Agent);
        }
        self.drain();
    }

    /// By the definitions, from the waits themselves.
    fn service_level(&self, formula: Formula, within: u64, short: u64, out: u64) -> (u64, u64) {
        let in_time = |waits: &[u64], s: u64| waits.iter().filter(|ms| **ms <= s * 1_000).count();
        let (answered, abandoned) = (self.answered.len(), self.abandoned.len());
        let (soon, gone) = (in_time(&self.answered, within), in_time(&self.abandoned, within));
        let (part, of) = match formula {
            Formula::Sl1 => (soon + gone, answered + abandoned),
            Formula::Sl2 => (soon, answered),
            Formula::Sl3 => (soon, answered + abandoned),
            Formula::Sl4 => (soon, answered + abandoned - gone),
            Formula::Sl5 => (soon, answered + abandoned - in_time(&self.abandoned, short)),
            Formula::Bcms => (soon, answered + abandoned + out as usize),
        };
        (part as u64, of as u64)
    }
}

#[test]
fn a_day_of_everything_comes_to_what_who_made_it_happen_has_counted() {
    let mut day = Kinds::new(29);
    day.run(Time::ZERO + Duration::from_secs(OPENING_S));
    day.closes();
    let book = day.switch.figures.book().clone();
    for kind in [Kind::Queue, Kind::Agent, Kind::Trunk] {
        let mut names: BTreeSet<String> =
            day.count.keys().filter(|(own, ..)| *own == kind).map(|(_, n, _)| n.clone()).collect();
        let rows = book.rows().filter(|(subject, ..)| subject.kind == kind);
        names.extend(rows.map(|(subject, ..)| subject.name.to_string()));
        for measure in compared(kind) {
            let mut sum = 0;
            for name in &names {
                let figure = book.since(&Subject::new(kind, name), i64::MIN).get(measure.clone());
                let key = (kind, name.clone(), measure.clone());
                let counted = day.count.get(&key).copied().unwrap_or(0);
                assert_eq!(figure, counted, "{measure} of {name}");
                sum += counted;
            }
            assert!(sum > 0, "{measure} of {kind:?}: it did not happen");
        }
    }
    let mut all = Tally::default();
    let queues = book.rows().filter(|(subject, ..)| subject.kind == Kind::Queue);
    queues.for_each(|(_, _, tally)| all.merge(tally));
    let of = |measure: &Measure| -> u64 {
        let own = day.count.iter().filter(|((kind, _, m), _)| *kind == Kind::Queue && m == measure);
        own.map(|(_, value)| value).sum()
    };
    let out: u64 = [Measure::TimedOut, Measure::NoAgents, Measure::BackWanted].iter().map(of).sum();
    for (formula, name) in Formula::ALL {
        for (within, short) in [(5, 3), (20, 5), (60, 10)] {
            let ratio = formula.level(&all, within, short);
            let own = day.service_level(*formula, within.into(), short.into(), out);
            assert_eq!((ratio.part, ratio.of), own, "{name} {within} s");
        }
    }
    // AHT: talk, hold and after-call work of each talk, those that were called back with them.
    let [talk, hold, after] = [Measure::TalkMs, Measure::HoldMs, Measure::AfterMs].map(|m| of(&m));
    let handled = of(&Measure::Answered) + of(&Measure::CalledBack);
    let handling = crate::report::figures::handling(&all);
    assert_eq!((handling.part, handling.of), (talk + hold + after, handled));
}
