//! Cases: from an alarm to the outcome that a person writes down (R10, R15).
//!
//! ```text
//!             alarm                                              close
//!   (none) ──────────▶ open ─────────────────────────────────────────────▶ (none)
//!                        ▲ further alarms, cancels, notices join it
//!
//!  its speech:   Silent ──alarm──▶ Awaited ──call──▶ Up ──somebody talked, over──▶ Silent
//!                                    │ not in time     │ over, nobody talked
//!                                    └──▶ told ◀───────┘
//!                                           └─ called: `most` times soon, then slowly, until somebody talks or closes
//! ```
//!
//! One open case per account: what else its unit reports joins it. A report that was heard before
//! (same reference and content, within the time) counts once. A case ends by a person's word and by nothing
//! else; and as long as nobody has talked after an alarm, it is told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

mod terms;

pub use self::terms::Terms;
use crate::base::{CallId, Duration, Time, Wall};

use super::line_release::LineEnd;
use super::report::{Meaning, Need, Protocol, Report, Speech, Trouble};
use super::trouble::{Troubled, Troubles};

/// Open cases. Beyond, a unit is told that the centre is busy and tries again or elsewhere.
const MOST_OPEN: usize = 10_000;
/// Of them those of one sender: no one fills all places, whatever it says of itself.
const MOST_OF_ONE: usize = 500;
/// Reports remembered, so that their repeats are known.
const MOST_HEARD: usize = 50_000;
/// Units whose protocol is known. Who comes beyond is spoken to as one that only calls.
const MOST_SPOKEN: usize = 100_000;

/// Calls of one case at once: a home has more than one telephone, and hardly more than this.
const MOST_CALLS: usize = 8;

/// From one call to a home that answers none of the first to the next.
const SLOWLY: Duration = Duration::from_secs(600);
/// From a call that could not even be placed to the next attempt: a channel may be free, a gateway there again.
const NO_WAY: Duration = Duration::from_secs(10);

/// How it stands with the speech of a case.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Voice {
    /// None is expected, or there was one.
    Silent,
    /// The unit must have called by then.
    Awaited(Time),
    /// It calls: which calls, and whether somebody has talked in each.
    Up(Vec<(CallId, bool)>),
}

/// An open case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// Its number: that of the report by which it was opened.
    pub id: u64,
    /// Whose it is.
    pub account: String,
    /// The sender that said so.
    pub unit: String,
    /// When it was opened.
    pub opened: Wall,
    /// What help is wanted for: the gravest of its alarms'.
    pub need: Need,
    /// One of them is the centre's own, of a check-in.
    pub check_in: bool,
    /// The highest of its alarms', 0 to 9.
    pub priority: u8,
    /// Where, as the last alarm said it.
    pub place: String,
    /// Alarms that it holds.
    pub alarms: u32,
    /// Where the unit waits to be called.
    pub call_back: Option<String>,
    /// In which protocol its unit reported last.
    pub protocol: Protocol,
    /// How the line of its last call ended.
    pub line: Option<LineEnd>,
    /// The device and the need of its alarms, as long as all have the same.
    sole: Option<(String, Need)>,
    /// The unit has taken them back: it is not called. A person asks all the same, for who has fallen may have pressed by
    /// mistake what takes it back: where nobody has talked in time, that is told.
    taken_back: bool,
    /// How often it was called in vain since somebody talked or answered last.
    tries: u32,
    /// What is awaited is the time of our own next call, not the unit's.
    ours: bool,
    /// Since when its calls wait in a queue for somebody to talk: one that is made anew has this place, not the last.
    queued: Option<Time>,
    /// The same of before the last talk.
    was_queued: Option<Time>,
    /// Its calls wait behind others: whose it is, is locked out.
    low: bool,
    voice: Voice,
}

impl Case {
    /// A case with its number and account; the rest is to be filled in from the records.
    pub fn kept(id: u64, account: String) -> Case {
        Case {
            id,
            unit: account.clone(),
            account,
            opened: Wall(0),
            need: Need::Other,
            check_in: false,
            priority: 0,
            place: String::new(),
            alarms: 1,
            call_back: None,
            protocol: Protocol::Voice,
            line: None,
            sole: None,
            taken_back: false,
            tries: 0,
            ours: false,
            queued: None,
            was_queued: None,
            low: false,
            voice: Voice::Silent,
        }
    }

    /// The unit is expected to call.
    pub fn is_awaited(&self) -> bool {
        matches!(self.voice, Voice::Awaited(_)) && !self.ours
    }

    /// It does not answer, and is called every [`SLOWLY`]: what others are to be called for does not wait for that.
    fn is_called_slowly(&self) -> bool {
        self.ours && self.tries > 0
    }

    /// Somebody is in need and nobody has talked to him yet: he is expected to call, or calls.
    pub fn waits(&self) -> bool {
        match &self.voice {
            Voice::Silent => false,
            Voice::Awaited(_) => !self.is_called_slowly(),
            Voice::Up(calls) => !calls.iter().any(|(_, talked)| *talked),
        }
    }

    /// Somebody talks with the home now.
    pub fn is_talked_with(&self) -> bool {
        self.calls().iter().any(|(_, talked)| *talked)
    }

    /// The call that it has: of several, the last that came.
    pub fn call(&self) -> Option<CallId> {
        self.calls().last().map(|(call, _)| *call)
    }

    /// At which number its home is called: where the unit waits for that, else its own. It may be none.
    pub fn number(&self) -> String {
        let own = self.call_back.clone().filter(|number| !number.is_empty());
        let number = own.unwrap_or_else(|| self.unit.clone());
        // What the unit says is a URI at times; whom it is called by stands before its host.
        let number = number.strip_prefix("sip:").unwrap_or(&number);
        number.split(['@', ';']).next().unwrap_or_default().to_owned()
    }

    /// The unit has taken its alarm back; a person asks all the same.
    pub fn is_taken_back(&self) -> bool {
        self.taken_back
    }

    /// Whether a cancel is of all that the case holds: one kind of alarm of one device, and the controller or that
    /// device says so. A smoke alarm that is over says nothing of a fall.
    fn is_cancelled_by(&self, report: &Report) -> bool {
        let of_controller = report.device.bytes().all(|b| b == b'0');
        self.sole.as_ref().is_some_and(|(device, _)| of_controller || *device == report.device)
    }

    fn calls(&self) -> &[(CallId, bool)] {
        match &self.voice {
            Voice::Up(calls) => calls,
            Voice::Silent | Voice::Awaited(_) => &[],
        }
    }
}

/// What became of a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It opened a case.
    Opened,
    /// It belongs to this one.
    Joined(u64),
    /// It was heard before; its case, if it has one.
    Repeated(Option<u64>),
    /// It is no alarm, and no case is open.
    Noted,
    /// There are too many cases: it is to be said again.
    Full,
}

/// A report that was heard before a restart, as the records have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heard {
    /// Whose it was.
    pub account: String,
    /// By what it is known again.
    pub reference: String,
    /// The case that it belongs to.
    pub case: Option<u64>,
    /// What it meant.
    pub meaning: Meaning,
    /// By which device.
    pub device: String,
    /// When.
    pub at: Wall,
}

/// A case that nobody talks in, and ought to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unheard {
    /// The case.
    pub case: u64,
    /// Whose it is.
    pub account: String,
    /// It was told before, and its home is to be called anew.
    pub again: bool,
}

/// All open cases, and the units' troubles.
#[derive(Debug)]
pub struct Cases {
    terms: Terms,
    open: BTreeMap<u64, Case>,
    of_account: BTreeMap<String, u64>,
    /// Those of each sender.
    of_unit: BTreeMap<String, BTreeSet<u64>>,
    of_call: BTreeMap<CallId, u64>,
    /// Calls of alarms for which there was no case: they are ahead of others all the same.
    without: BTreeMap<CallId, u8>,
    /// Those whose unit is to call, by the time at which it must have.
    awaited: BTreeSet<(Time, u64)>,
    /// By account and reference: the case, what was reported and by which device.
    heard: BTreeMap<(String, String), (Option<u64>, Meaning, String)>,
    /// Those in their order, until when they count.
    heard_until: VecDeque<(Time, String, String)>,
    troubles: Troubles,
    /// In which protocol each sender and each account reported last: it holds for its later calls.
    spoken: BTreeMap<String, Protocol>,
}

impl Cases {
    /// None yet.
    pub fn new(terms: Terms) -> Cases {
        Cases {
            terms,
            open: BTreeMap::new(),
            of_account: BTreeMap::new(),
            of_unit: BTreeMap::new(),
            of_call: BTreeMap::new(),
            without: BTreeMap::new(),
            awaited: BTreeSet::new(),
            heard: BTreeMap::new(),
            heard_until: VecDeque::new(),
            troubles: Troubles::default(),
            spoken: BTreeMap::new(),
        }
    }

    /// What holds now.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Another configuration, from now on.
    pub fn set_terms(&mut self, terms: Terms) {
        self.terms = terms;
    }

    /// A case that was open before the start. One of the same account that came since stays the one.
    /// Where nobody is known to have talked, the unit is expected to call anew: told once too
    /// often is the right fault.
    pub fn restore(&mut self, now: Time, mut case: Case, talked: bool) {
        case.check_in |= case.need == Need::CheckIn;
        if self.open.len() >= MOST_OPEN || self.open.contains_key(&case.id) {
            return;
        }
        let id = case.id;
        self.of_account.entry(case.account.clone()).or_insert(id);
        self.of_unit.entry(case.unit.clone()).or_default().insert(id);
        self.open.insert(id, case);
        if !talked {
            self.await_call(now, id);
        }
    }

    /// What was heard before the start, the oldest first: its repeats are known. To be told after the cases. What came
    /// since stands.
    pub fn restore_heard(&mut self, now: Time, wall: Wall, all: Vec<Heard>) {
        let within = self.terms.repeats_within;
        for heard in all.into_iter().rev() {
            let Heard { account, reference, case, meaning, device, at } = heard;
            let ago = u64::try_from(wall.0.saturating_sub(at.0)).unwrap_or(0);
            let left = within.saturating_sub(Duration::from_millis(ago));
            let key = (account, reference);
            let told = case.is_some_and(|case| !self.open.contains_key(&case));
            if left.is_zero()
                || told
                || self.heard.len() >= MOST_HEARD
                || self.heard.contains_key(&key)
            {
                continue;
            }
            let (account, reference) = key.clone();
            self.heard.insert(key, (case, meaning, device));
            // Before what came since the start, whose time is over later.
            self.heard_until.push_front((now + left, account, reference));
        }
    }

    /// In which protocol a sender or an account reported before the start. What came since stands.
    pub fn restore_spoken(&mut self, who: String, protocol: Protocol) {
        if !self.spoken.contains_key(&who) {
            self.speaks(&who, protocol);
        }
    }

    fn speaks(&mut self, who: &str, protocol: Protocol) {
        if !protocol.has_unit() {
            return;
        }
        if let Some(own) = self.spoken.get_mut(who) {
            *own = protocol;
        } else if self.spoken.len() < MOST_SPOKEN {
            self.spoken.insert(who.to_owned(), protocol);
        }
    }

    /// In which protocol the unit of a case is spoken to: the one in which it, or its home, reported last, whether in this
    /// case or long before. `None`: nobody knows.
    pub fn protocol(&self, case: &Case) -> Option<Protocol> {
        let spoken = [&case.unit, &case.account].into_iter().find_map(|who| self.spoken.get(who));
        spoken.copied().or(case.protocol.has_unit().then_some(case.protocol))
    }

    /// Something was wrong with a unit before the start.
    pub fn restore_trouble(&mut self, own: Troubled) {
        self.troubles.restore(own);
    }

    /// The sender `unit` reported something; `id` is the report's number.
    pub fn report(&mut self, now: Time, wall: Wall, id: u64, unit: &str, report: &Report) -> Taken {
        self.forget(now);
        self.speaks(unit, report.protocol);
        self.speaks(&report.account, report.protocol);
        let taken = match self.repeated(report) {
            Some(case) => Taken::Repeated(case),
            None => self.take(wall, id, unit, report),
        };
        let case = match taken {
            Taken::Opened => Some(id),
            Taken::Joined(case) | Taken::Repeated(Some(case)) => Some(case),
            Taken::Full => return taken,
            Taken::Repeated(None) | Taken::Noted => None,
        };
        if let Some(own) = case.and_then(|case| self.open.get_mut(&case)) {
            own.taken_back = match report.meaning {
                Meaning::Alarm(_) => false,
                Meaning::Cancelled => own.taken_back || own.is_cancelled_by(report),
                _ => own.taken_back,
            };
        }
        let calls = matches!(report.speech, Speech::UnitCalls { .. });
        if let (Some(case), true, Meaning::Alarm(_)) = (case, calls, report.meaning) {
            self.await_call(now, case);
        }
        // A heartbeat says the same each time; a repeat of it does no harm.
        if report.meaning != Meaning::Alive {
            let key = (report.account.clone(), report.reference.clone());
            self.remember(now, key, (case, report.meaning, report.device.clone()));
        }
        taken
    }

    /// The case of a report that was heard before. `None`: it was not.
    fn repeated(&self, report: &Report) -> Option<Option<u64>> {
        let key = (report.account.clone(), report.reference.clone());
        let (case, meaning, device) = self.heard.get(&key)?;
        // A unit that was switched off and on counts its references anew: other content is another report.
        if (*meaning, device.as_str()) != (report.meaning, report.device.as_str()) {
            return None;
        }
        let case = *case;
        // After its case was closed the same words are a new need, for NOW-IP says each press alike; and
        // an alarm that bears the reference of a mere notice is one.
        let same = match case {
            Some(case) => self.open.contains_key(&case),
            None => !matches!(report.meaning, Meaning::Alarm(_)),
        };
        same.then_some(case)
    }

    fn take(&mut self, wall: Wall, id: u64, unit: &str, report: &Report) -> Taken {
        self.troubles.take(wall, report);
        let known = self.of_account.get(&report.account).copied();
        let need = match (report.meaning, known) {
            (Meaning::Alarm(need), _) => need,
            // What the unit says while a case is open belongs to its story; a heartbeat does not.
            (Meaning::Alive, _) | (_, None) => return Taken::Noted,
            (_, Some(case)) => return Taken::Joined(case),
        };
        let call_back = match &report.speech {
            Speech::CallUnit(number) => Some(number.clone()),
            Speech::None | Speech::UnitCalls { .. } => None,
        };
        if let Some(case) = known.and_then(|case| self.open.get_mut(&case)) {
            case.alarms = case.alarms.saturating_add(1);
            case.need = case.need.or_graver(need);
            case.check_in |= need == Need::CheckIn;
            let same = |own: &(String, Need)| *own == (report.device.clone(), need);
            case.sole = case.sole.take().filter(same);
            case.priority = case.priority.max(report.priority);
            if !report.place.is_empty() {
                case.place.clone_from(&report.place);
            }
            case.call_back = call_back.or(case.call_back.take());
            if report.protocol.has_unit() {
                case.protocol = report.protocol;
            }
            return Taken::Joined(case.id);
        }
        let own = self.of_unit.get(unit).map_or(0, BTreeSet::len);
        if self.open.len() >= MOST_OPEN || own >= MOST_OF_ONE {
            return Taken::Full;
        }
        let case = Case {
            id,
            account: report.account.clone(),
            unit: unit.to_owned(),
            opened: wall,
            need,
            check_in: need == Need::CheckIn,
            priority: report.priority,
            place: report.place.clone(),
            alarms: 1,
            call_back,
            protocol: report.protocol,
            line: None,
            sole: Some((report.device.clone(), need)),
            taken_back: false,
            tries: 0,
            ours: false,
            queued: None,
            was_queued: None,
            low: false,
            voice: Voice::Silent,
        };
        self.of_account.insert(case.account.clone(), id);
        self.of_unit.entry(unit.to_owned()).or_default().insert(id);
        self.open.insert(id, case);
        Taken::Opened
    }

    /// The unit is to call, unless it does already or was told to before.
    fn await_call(&mut self, now: Time, id: u64) {
        let until = now + self.terms.speech_within;
        let Some(case) = self.open.get_mut(&id) else { return };
        if let Voice::Awaited(at) = case.voice
            && case.ours
        {
            // A new need: it is told as the first was.
            self.awaited.remove(&(at, id));
            case.voice = Voice::Silent;
        }
        if case.voice == Voice::Silent {
            case.ours = false;
            case.voice = Voice::Awaited(until);
            self.awaited.insert((until, id));
        }
    }

    fn remember(&mut self, now: Time, key: (String, String), said: (Option<u64>, Meaning, String)) {
        while self.heard.len() >= MOST_HEARD {
            let Some((_, account, reference)) = self.heard_until.pop_front() else { break };
            self.heard.remove(&(account, reference));
        }
        let until = now + self.terms.repeats_within;
        let (account, reference) = key.clone();
        if self.heard.insert(key, said).is_none() {
            self.heard_until.push_back((until, account, reference));
        }
    }

    /// Reports whose repeats do not count as such any more.
    fn forget(&mut self, now: Time) {
        while self.heard_until.front().is_some_and(|(until, ..)| *until <= now) {
            let Some((_, account, reference)) = self.heard_until.pop_front() else { break };
            self.heard.remove(&(account, reference));
        }
    }

    /// The open case of a caller: its account's, or of those that it reported for others the oldest that awaits a call,
    /// else the newest.
    pub fn of_caller(&self, number: &str) -> Option<&Case> {
        let own = self.of_account.get(number);
        let said = || {
            let all = self.of_unit.get(number)?;
            let awaits = |id: &&u64| self.open.get(id).is_some_and(Case::is_awaited);
            all.iter().find(awaits).or_else(|| all.last())
        };
        self.open.get(own.or_else(said)?)
    }

    /// A caller has reported for several homes that have open cases: which of them calls is a guess.
    pub fn is_guess(&self, number: &str) -> bool {
        !self.of_account.contains_key(number)
            && self.of_unit.get(number).is_some_and(|all| all.len() > 1)
    }

    /// A call that follows an alarm.
    pub fn of_call(&self, call: CallId) -> Option<&Case> {
        self.open.get(self.of_call.get(&call)?)
    }

    /// Whether a call follows an alarm: from one who has an open case, to where units call. Without a
    /// number of the care line's own, whatever the unit dials is its call for help.
    pub fn follows_alarm(&self, number: &str, to: &str) -> bool {
        let Terms { number: own, call, bells, .. } = &self.terms;
        let nowhere = own.is_none() && call.is_none() && bells.is_empty();
        let to_us = self.terms.is_ours(to) || nowhere;
        to_us && self.of_caller(number).is_some()
    }

    /// By how much a call is ahead of others. `None`: it follows no alarm.
    pub fn priority(&self, call: CallId) -> Option<i32> {
        if let Some(own) = self.without.get(&call) {
            return Some(self.ahead().saturating_add(i32::from(*own)));
        }
        self.urgency(*self.of_call.get(&call)?)
    }

    /// By how much the call of an alarm is ahead of others.
    fn ahead(&self) -> i32 {
        i32::try_from(self.terms.priority).unwrap_or(i32::MAX)
    }

    /// A call is an alarm, of this priority, and there is no room for its case.
    pub fn calls_without(&mut self, call: CallId, priority: u8) {
        if self.without.len() < MOST_OPEN {
            self.without.insert(call, priority);
        }
    }

    /// By how much a case is ahead of others' calls.
    pub fn urgency(&self, id: u64) -> Option<i32> {
        let case = self.open.get(&id)?;
        let own = i32::from(case.priority);
        if case.low {
            return Some(0);
        }
        Some(self.ahead().saturating_add(own))
    }

    /// A call begins: if it follows an alarm, its case.
    pub fn call_came(&mut self, number: &str, to: &str, call: CallId) -> Option<&Case> {
        if !self.follows_alarm(number, to) {
            return None;
        }
        let id = self.of_caller(number)?.id;
        self.joins(id, call)
    }

    /// A call belongs to a case from here on.
    pub fn joins(&mut self, id: u64, call: CallId) -> Option<&Case> {
        let case = self.open.get_mut(&id)?;
        match &mut case.voice {
            Voice::Up(calls) if calls.len() < MOST_CALLS => calls.push((call, false)),
            Voice::Up(_) => return None,
            Voice::Silent => case.voice = Voice::Up(vec![(call, false)]),
            Voice::Awaited(until) => {
                self.awaited.remove(&(*until, id));
                case.voice = Voice::Up(vec![(call, false)]);
            }
        }
        (case.ours, case.was_queued) = (false, None);
        self.of_call.insert(call, id);
        Some(case)
    }

    /// Somebody talks in a call; its case, if this is the first time.
    pub fn talks(&mut self, call: CallId) -> Option<&Case> {
        let case = self.open.get_mut(self.of_call.get(&call)?)?;
        let Voice::Up(calls) = &mut case.voice else { return None };
        let (_, talked) = calls.iter_mut().find(|(own, _)| *own == call)?;
        let first = !std::mem::replace(talked, true);
        case.was_queued = case.queued.take().or(case.was_queued);
        (case.tries, case.ours) = (0, false);
        first.then_some(&*case)
    }

    /// Nobody talks with the home any more, and it waits on in its call. `in_its_place`: who talked could not help, so that it has
    /// its place of before in a queue. `false`: nobody had talked.
    pub fn waits_again(&mut self, call: CallId, in_its_place: bool) -> bool {
        let case = self.of_call.get(&call).and_then(|id| self.open.get_mut(id));
        let Some(case) = case else { return false };
        let Voice::Up(calls) = &mut case.voice else { return false };
        let own = calls.iter_mut().find(|(own, talked)| *own == call && *talked);
        let Some((_, talked)) = own else { return false };
        *talked = false;
        if in_its_place {
            case.queued = case.queued.or(case.was_queued);
        }
        true
    }

    /// Whether this is wrong with a unit.
    pub fn has_trouble(&self, account: &str, trouble: Trouble) -> bool {
        self.troubles.has(account, trouble)
    }

    /// The open case in which a person sees to a missed check-in of this account.
    pub fn task_of(&self, account: &str) -> Option<u64> {
        let id = self.of_account.get(account)?;
        self.open.get(id).filter(|case| case.check_in).map(|case| case.id)
    }

    /// A call is over; its case, if nobody has talked in it, nor talks in another of the same case.
    pub fn call_over(&mut self, call: CallId) -> Option<Unheard> {
        self.without.remove(&call);
        let case = self.open.get_mut(&self.of_call.remove(&call)?)?;
        let Voice::Up(calls) = &mut case.voice else { return None };
        let own = calls.iter().position(|(own, _)| *own == call)?;
        let (_, talked) = calls.remove(own);
        let heard = talked || calls.iter().any(|(_, talked)| *talked);
        if calls.is_empty() {
            case.voice = Voice::Silent;
        }
        (!heard).then(|| Unheard { case: case.id, account: case.account.clone(), again: false })
    }

    /// The unit of a case is to be called, if it calls not itself: its account, the number, and the how manieth time that
    /// is. After `most` times in vain it is so every [`SLOWLY`] only; `most` 0: never.
    pub fn calls_out(&mut self, now: Time, id: u64, most: u32) -> Option<(String, String, u32)> {
        let case = self.open.get_mut(&id)?;
        if case.call().is_some() || most == 0 || case.taken_back {
            return None;
        }
        if case.tries >= most && !std::mem::take(&mut case.ours) {
            self.await_ours(now + SLOWLY, id);
            return None;
        }
        (case.tries, case.ours) = (case.tries.saturating_add(1), false);
        Some((case.account.clone(), case.number(), case.tries))
    }

    /// The call to a unit could not be placed at all: that is no attempt, and the next is soon.
    pub fn not_placed(&mut self, now: Time, id: u64) {
        if let Some(case) = self.open.get_mut(&id) {
            case.tries = case.tries.saturating_sub(1);
            self.await_ours(now + NO_WAY, id);
        }
    }

    /// A unit that we have called has answered, and nobody of ours was there for it: that is no attempt in vain.
    pub fn answered(&mut self, id: u64) {
        if let Some(case) = self.open.get_mut(&id) {
            case.tries = case.tries.saturating_sub(1);
        }
    }

    /// A call comes into a queue. Gives since when its case waits there, whatever became of its calls; `None`: it has none.
    pub fn queues(&mut self, now: Time, call: CallId) -> Option<Time> {
        let case = self.open.get_mut(self.of_call.get(&call)?)?;
        Some(*case.queued.get_or_insert(now))
    }

    /// We call the unit then, unless it calls sooner.
    fn await_ours(&mut self, at: Time, id: u64) {
        if let Some(case) = self.open.get_mut(&id).filter(|case| case.voice == Voice::Silent) {
            (case.voice, case.ours) = (Voice::Awaited(at), true);
            self.awaited.insert((at, id));
        }
    }

    /// The line of a case's call has ended so.
    pub fn line_ended(&mut self, id: u64, end: LineEnd) {
        if let Some(case) = self.open.get_mut(&id) {
            case.line = Some(end);
        }
    }

    /// Its calls wait behind others, or no longer do. `false`: nothing changes.
    pub fn set_low(&mut self, id: u64, low: bool) -> bool {
        self.open.get_mut(&id).is_some_and(|case| std::mem::replace(&mut case.low, low) != low)
    }

    /// A unit was called in vain: its own call is awaited meanwhile, and then it is called again.
    pub fn try_again(&mut self, now: Time, id: u64) {
        if !self.open.get(&id).is_some_and(Case::is_taken_back) {
            self.await_call(now, id);
        }
    }

    /// A person has closed a case. `None`: there is none of this number.
    pub fn close(&mut self, id: u64) -> Option<Case> {
        let case = self.open.remove(&id)?;
        if self.of_account.get(&case.account) == Some(&id) {
            self.of_account.remove(&case.account);
        }
        if let Some(own) = self.of_unit.get_mut(&case.unit) {
            own.remove(&id);
            if own.is_empty() {
                self.of_unit.remove(&case.unit);
            }
        }
        match case.voice {
            Voice::Silent => {}
            Voice::Awaited(until) => _ = self.awaited.remove(&(until, id)),
            Voice::Up(ref calls) => {
                for (call, _) in calls {
                    self.of_call.remove(call);
                }
            }
        }
        Some(case)
    }

    /// The cases whose units have not called in their time; each is told once for each alarm.
    pub fn due(&mut self, now: Time) -> Vec<Unheard> {
        let mut late = Vec::new();
        while let Some((until, id)) =
            self.awaited.first().copied().filter(|(until, _)| *until <= now)
        {
            self.awaited.remove(&(until, id));
            if let Some(case) = self.open.get_mut(&id) {
                case.voice = Voice::Silent;
                late.push(Unheard { case: id, account: case.account.clone(), again: case.ours });
            }
        }
        late
    }

    /// When something is due.
    pub fn next_wake(&self) -> Option<Time> {
        self.awaited.first().map(|(until, _)| *until)
    }

    /// The open cases, the oldest first.
    pub fn open(&self) -> impl Iterator<Item = &Case> {
        self.open.values()
    }

    /// One of them.
    pub fn get(&self, id: u64) -> Option<&Case> {
        self.open.get(&id)
    }

    /// Units with a trouble, which, and since when.
    pub fn troubles(&self) -> impl Iterator<Item = &Troubled> {
        self.troubles.all()
    }

    /// What the indexes say is what the cases say.
    #[cfg(test)]
    fn is_consistent(&self) -> bool {
        let of_units: usize = self.of_unit.values().map(BTreeSet::len).sum();
        let awaits = |case: &&Case| matches!(case.voice, Voice::Awaited(_));
        let awaited = self.open.values().filter(awaits).count();
        let up: usize = self.open.values().map(|case| case.calls().len()).sum();
        self.of_account.len() == self.open.len()
            && of_units == self.open.len()
            && awaited == self.awaited.len()
            && up == self.of_call.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TERMS: Terms = Terms {
        number: None,
        call: None,
        bells: Vec::new(),
        any_account: false,
        priority: 80,
        speech_within: Duration::from_secs(60),
        repeats_within: Duration::from_secs(300),
    };

    fn report(account: &str, reference: &str, meaning: Meaning) -> Report {
        Report {
            account: account.into(),
            device: String::new(),
            device_type: String::new(),
            protocol: Protocol::Scaip,
            reference: reference.into(),
            meaning,
            code: 10,
            priority: 3,
            speech: Speech::UnitCalls { telephone: false },
            place: String::new(),
        }
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    const PRESSED: Meaning = Meaning::Alarm(Need::Personal);

    /// A unit that takes back all it said is not called; another alarm is. But people are told of either where nobody talks.
    #[test]
    fn a_cancel_calls_off_the_call_to_what_it_is_of() {
        let fall = Meaning::Alarm(Need::Fall);
        let called = |story: &[(&str, Meaning)]| {
            let mut cases = Cases::new(TERMS);
            for (n, (device, meaning)) in (1..).zip(story) {
                let mut own = report("77", &format!("r{n}"), *meaning);
                own.device = (*device).to_owned();
                cases.report(at(n), Wall(0), n, "77", &own);
                assert!(cases.is_consistent());
            }
            assert_eq!(cases.due(at(200)).len(), 1, "told, once");
            let called = cases.calls_out(at(200), 1, 3).is_some();
            cases.try_again(at(220), 1);
            assert_eq!(cases.due(at(400)).len(), usize::from(called));
            called
        };
        let cancel = Meaning::Cancelled;
        assert!(!called(&[("3", PRESSED), ("3", PRESSED), ("3", cancel)]));
        assert!(!called(&[("3", PRESSED), ("00", cancel)]));
        assert!(called(&[("3", PRESSED), ("4", cancel)]), "another device's");
        assert!(called(&[("3", PRESSED), ("3", fall), ("3", cancel)]), "which of both?");
        assert!(called(&[("3", PRESSED), ("3", cancel), ("3", PRESSED)]), "pressed again");
    }

    /// A unit that was switched off and on counts its references anew.
    #[test]
    fn a_reference_that_is_used_again_for_something_else_is_another_report() {
        let mut cases = Cases::new(TERMS);
        let mut say = |id, meaning, device: &str| {
            let mut own = report("77", "b1", meaning);
            own.device = device.into();
            cases.report(at(id), Wall(0), id, "77", &own)
        };
        assert_eq!(say(1, PRESSED, "3"), Taken::Opened);
        assert_eq!(say(2, PRESSED, "3"), Taken::Repeated(Some(1)));
        assert_eq!(say(3, Meaning::Alarm(Need::Fire), "35"), Taken::Joined(1));
        assert_eq!(say(4, Meaning::Alarm(Need::Fire), "36"), Taken::Joined(1), "another device");
        assert_eq!(cases.get(1).map(|case| (case.need, case.alarms)), Some((Need::Fire, 3)));
    }

    #[test]
    fn an_alarm_opens_a_case_and_what_follows_joins_it() {
        let mut cases = Cases::new(TERMS);
        let mut say = |s, id, text: &str, meaning| {
            cases.report(at(s), Wall(0), id, "77", &report("77", text, meaning))
        };
        assert_eq!(say(0, 1, "a", Meaning::Alive), Taken::Noted);
        assert_eq!(say(1, 2, "b", PRESSED), Taken::Opened);
        assert_eq!(say(2, 3, "b", PRESSED), Taken::Repeated(Some(2)));
        assert_eq!(say(3, 4, "c", PRESSED), Taken::Joined(2));
        assert_eq!(say(4, 5, "d", Meaning::Cancelled), Taken::Joined(2));
        // The same reference long after is a report of its own.
        assert_eq!(say(400, 6, "b", PRESSED), Taken::Joined(2));
        assert_eq!(cases.get(2).unwrap().alarms, 3);
        assert_eq!(cases.close(2).unwrap().account, "77");
        assert_eq!(cases.close(2), None);
        assert!(cases.is_consistent());
        let again = cases.report(at(500), Wall(0), 7, "77", &report("77", "e", PRESSED));
        assert_eq!(again, Taken::Opened);
    }

    #[test]
    fn a_unit_that_does_not_call_is_told_once() {
        let mut cases = Cases::new(TERMS);
        cases.report(at(0), Wall(0), 1, "77", &report("77", "a", PRESSED));
        cases.report(at(0), Wall(0), 2, "78", &report("78", "a", PRESSED));
        assert_eq!(cases.next_wake(), Some(at(60)));
        assert_eq!(
            cases.call_came("78", "900", CallId::new(Wall(9), 1)).map(|case| case.id),
            Some(2)
        );
        assert_eq!(cases.due(at(59)), vec![]);
        assert_eq!(
            cases.due(at(60)),
            vec![Unheard { case: 1, account: "77".into(), again: false }]
        );
        assert_eq!(cases.due(at(70)), vec![]);
        assert_eq!(cases.next_wake(), None);
        // A press after that is awaited anew, a repeat as well.
        cases.report(at(100), Wall(0), 3, "77", &report("77", "a", PRESSED));
        assert_eq!(cases.next_wake(), Some(at(160)));
    }

    #[test]
    fn a_call_in_which_nobody_talked_is_told() {
        let mut cases = Cases::new(TERMS);
        let (first, second) = (CallId::new(Wall(9), 1), CallId::new(Wall(9), 2));
        cases.report(at(0), Wall(0), 1, "900", &report("77", "a", PRESSED));
        // The controller's own number calls for one of its homes.
        assert_eq!(cases.call_came("900", "900", first).map(|case| case.id), Some(1));
        assert_eq!(
            cases.call_over(first),
            Some(Unheard { case: 1, account: "77".into(), again: false })
        );
        assert!(cases.call_came("900", "900", second).is_some());
        assert_eq!(cases.talks(second).map(|case| case.id), Some(1));
        assert_eq!(cases.talks(second), None, "told once");
        assert_eq!(cases.of_call(second).map(|case| case.id), Some(1));
        assert_eq!(cases.call_over(second), None);
        assert!(cases.is_consistent());
    }

    /// Who talked with it has gone, and it waits anew: in its place, and missed where it goes too.
    #[test]
    fn a_home_that_waits_again_is_told_of_as_before() {
        let mut cases = Cases::new(TERMS);
        let call = CallId::new(Wall(9), 1);
        cases.report(at(0), Wall(0), 1, "77", &report("77", "a", PRESSED));
        cases.call_came("77", "900", call);
        assert!(!cases.waits_again(call, true), "nobody has talked yet");
        assert_eq!(cases.queues(at(5), call), Some(at(5)));
        assert!(cases.talks(call).is_some());
        assert!(cases.get(1).is_some_and(|case| case.is_talked_with() && !case.waits()));
        assert!(cases.waits_again(call, true));
        assert!(cases.get(1).is_some_and(|case| !case.is_talked_with() && case.waits()));
        assert_eq!(cases.queues(at(100), call), Some(at(5)), "its place");
        assert!(cases.talks(call).is_some(), "that is told again");
        // Who has talked and sends it on has seen to it: others have not been heard at all.
        assert!(cases.waits_again(call, false));
        assert_eq!(cases.queues(at(200), call), Some(at(200)));
        assert!(cases.call_over(call).is_some());
        assert!(cases.is_consistent());
    }

    #[test]
    fn two_calls_of_one_home_are_one_case() {
        let mut cases = Cases::new(TERMS);
        let (first, second) = (CallId::new(Wall(9), 1), CallId::new(Wall(9), 2));
        cases.report(at(0), Wall(0), 1, "77", &report("77", "a", PRESSED));
        for call in [first, second] {
            assert_eq!(cases.call_came("77", "900", call).map(|case| case.id), Some(1));
        }
        assert_eq!(cases.priority(first), cases.priority(second));
        assert!(cases.talks(first).is_some());
        // Somebody talks to the home while the other telephone hangs up.
        assert_eq!(cases.call_over(second), None);
        assert!(cases.is_consistent());
        assert_eq!(cases.call_over(first), None);
        assert_eq!(cases.get(1).and_then(Case::call), None);
    }

    #[test]
    fn which_calls_are_alarms_by_themselves() {
        let terms = Terms { number: Some("900".into()), bells: vec!["95081".into()], ..TERMS };
        assert!(terms.is_alarm("95081", false) && terms.is_alarm("95081", true));
        assert!(terms.is_alarm("900", true) && !terms.is_alarm("900", false));
        assert!(!terms.is_alarm("1002", true));
    }

    #[test]
    fn a_call_to_somebody_else_follows_no_alarm() {
        let mut cases = Cases::new(Terms { number: Some("900".into()), ..TERMS });
        cases.report(at(0), Wall(0), 1, "77", &report("77", "a", PRESSED));
        let call = CallId::new(Wall(9), 1);
        assert_eq!(cases.call_came("77", "1002", call), None);
        assert_eq!(cases.next_wake(), Some(at(60)), "it is still awaited");
        assert!(cases.call_came("77", "900", call).is_some());
        assert_eq!(cases.priority(call), Some(83));
        assert_eq!(cases.priority(CallId::new(Wall(9), 2)), None);
    }

    #[test]
    fn anothers_account_is_not_believed() {
        let mut said = report("4712", "a", PRESSED);
        assert_eq!(TERMS.believe("77", &mut said), Some("4712".into()));
        assert_eq!(said.account, "77");
        let scheme = Terms { any_account: true, ..TERMS };
        let mut said = report("4712", "a", PRESSED);
        assert_eq!(scheme.believe("77", &mut said), None);
        assert_eq!(said.account, "4712");
    }

    #[test]
    fn no_sender_takes_all_places() {
        let mut cases = Cases::new(TERMS);
        let says = |cases: &mut Cases, n: u64, unit: &str| {
            let account = format!("{unit}{n}");
            cases.report(at(0), Wall(0), n, unit, &report(&account, "a", PRESSED))
        };
        for n in 0..MOST_OF_ONE as u64 {
            assert_eq!(says(&mut cases, n, "900"), Taken::Opened);
        }
        assert_eq!(says(&mut cases, 1_000, "900"), Taken::Full);
        assert_eq!(says(&mut cases, 1_001, "901"), Taken::Opened);
    }

    /// Of all cases as many as there may be: a further alarm has none, one of a home that has its case joins it, and a close makes
    /// room.
    #[test]
    fn ten_thousand_cases_and_no_more() {
        let mut cases = Cases::new(TERMS);
        let says = |cases: &mut Cases, n: u64, reference: &str| {
            let home = n.to_string();
            cases.report(at(0), Wall(0), n, &home, &report(&home, reference, PRESSED))
        };
        for n in 0..MOST_OPEN as u64 {
            assert_eq!(says(&mut cases, n, "a"), Taken::Opened);
        }
        let beyond = MOST_OPEN as u64;
        assert_eq!(says(&mut cases, beyond, "a"), Taken::Full);
        assert_eq!(says(&mut cases, 7, "b"), Taken::Joined(7));
        // Its call is ahead of others all the same.
        let call = CallId::new(Wall(1), 1);
        cases.calls_without(call, 9);
        assert_eq!(cases.priority(call), Some(89));
        assert_eq!(cases.call_over(call), None);
        assert!(cases.close(7).is_some());
        assert_eq!(says(&mut cases, beyond, "b"), Taken::Opened);
        assert_eq!(cases.open().count(), MOST_OPEN);
    }

    /// A notice says it as an alarm does, and it holds for the case of a later call, over a restart; a call says nothing of it.
    #[test]
    fn the_protocol_that_a_unit_spoke_last_holds_for_its_later_calls() {
        let mut cases = Cases::new(TERMS);
        let protocol = |cases: &Cases| cases.open().next().map(|case| cases.protocol(case));
        cases.restore_spoken("77".into(), Protocol::Bs8521);
        cases.report(at(1), Wall(0), 1, "77", &Report::voice("77", "c1".into(), 0));
        assert_eq!(protocol(&cases), Some(Some(Protocol::Bs8521)));
        cases.report(at(2), Wall(0), 2, "77", &report("77", "a", Meaning::Alive));
        assert_eq!(protocol(&cases), Some(Some(Protocol::Scaip)));
        cases.restore_spoken("77".into(), Protocol::NowIp);
        cases.report(at(3), Wall(0), 3, "77", &Report::voice("77", "c2".into(), 0));
        assert_eq!(protocol(&cases), Some(Some(Protocol::Scaip)), "what came since stands");
        cases.close(1);
        cases.report(at(4), Wall(0), 4, "78", &Report::voice("78", "c3".into(), 0));
        assert_eq!(protocol(&cases), Some(None));
    }

    #[test]
    fn troubles_begin_and_end() {
        let mut cases = Cases::new(TERMS);
        let began = report("77", "a", Meaning::Began(Trouble::Battery));
        assert_eq!(cases.report(at(0), Wall(5), 1, "77", &began), Taken::Noted);
        let stand = |cases: &Cases| -> Vec<(String, Trouble, Wall)> {
            let of = |own: &Troubled| (own.account.clone(), own.trouble, own.since);
            cases.troubles().map(of).collect()
        };
        assert_eq!(stand(&cases), [("77".to_owned(), Trouble::Battery, Wall(5))]);
        let over = report("77", "b", Meaning::Over(Trouble::Battery));
        cases.report(at(1), Wall(6), 2, "77", &over);
        assert_eq!(cases.troubles().count(), 0);
    }

    #[test]
    fn what_was_open_before_the_start_is_open() {
        let mut cases = Cases::new(TERMS);
        cases.restore(at(0), Case::kept(3, "77".into()), false);
        let joined = cases.report(at(0), Wall(0), 9, "77", &report("77", "x", PRESSED));
        assert_eq!(joined, Taken::Joined(3));
        assert_eq!(cases.due(at(60)).len(), 1, "nobody is known to have talked");
    }

    /// A repeat that comes after a restart is one still, and counts as none more; after its time it is an alarm.
    #[test]
    fn a_repeat_is_known_over_a_restart() {
        let report = Report::voice("7", "r1".into(), 0);
        let heard = |case| Heard {
            account: "7".into(),
            reference: "r1".into(),
            case: Some(case),
            meaning: report.meaning,
            device: String::new(),
            at: Wall(1_000_000),
        };
        let restored = |heard: Vec<Heard>| {
            let mut cases = Cases::new(TERMS);
            cases.restore(Time::ZERO, Case::kept(5, "7".into()), true);
            cases.restore_heard(Time::ZERO, Wall(1_100_000), heard);
            cases
        };
        let at = |s: u64| Time::from_millis(s * 1_000);
        let mut cases = restored(vec![heard(5)]);
        let wall = Wall(1_150_000);
        assert_eq!(cases.report(at(50), wall, 9, "7", &report), Taken::Repeated(Some(5)));
        assert_eq!(cases.get(5).map(|case| case.alarms), Some(1));
        // 100 s of its 300 were over at the start.
        assert_eq!(cases.report(at(201), wall, 10, "7", &report), Taken::Joined(5));
        let mut cases = restored(vec![heard(4)]);
        assert_eq!(cases.report(at(50), wall, 9, "7", &report), Taken::Joined(5), "that is closed");
    }

    /// A home is not given up: after its first calls it is called slowly, till somebody talks. What it has answered, and what
    /// could not be placed, does not count.
    #[test]
    fn a_home_is_called_until_somebody_talks() {
        let mut cases = Cases::new(TERMS);
        cases.report(at(0), Wall(0), 1, "77", &report("77", "a", PRESSED));
        let (mut now, mut called) = (0, Vec::new());
        while now < 3_000 {
            now = cases.next_wake().expect("something is to come").since(Time::ZERO).as_secs();
            let due = cases.due(at(now));
            let Some((_, number, nth)) = cases.calls_out(at(now), 1, 3) else { continue };
            assert_eq!((due.len(), number.as_str()), (1, "77"));
            called.push((now, nth));
            // It does not answer.
            cases.try_again(at(now), 1);
        }
        assert_eq!(called[..3], [(60, 1), (120, 2), (180, 3)]);
        assert_eq!(called[3..5], [(840, 4), (1_500, 5)], "slowly");
        assert!(cases.is_consistent());

        let mut cases = Cases::new(TERMS);
        cases.report(at(0), Wall(0), 1, "77", &report("77", "a", PRESSED));
        cases.due(at(60));
        for n in 0..20 {
            let (call, now) = (CallId::new(Wall(9), n), at(60 + 20 * n));
            assert_eq!(cases.calls_out(now, 1, 3).map(|(.., nth)| nth), Some(1));
            if n % 2 == 0 {
                cases.not_placed(now, 1);
                let again = Unheard { case: 1, account: "77".into(), again: true };
                assert_eq!(cases.due(now + NO_WAY), [again], "and is not told again");
            } else {
                assert!(cases.joins(1, call).is_some());
                assert_eq!(cases.queues(now, call), Some(at(80)), "it keeps its place");
                assert!(cases.call_over(call).is_some());
                cases.answered(1);
            }
        }
        assert!(cases.is_consistent());
        assert_eq!(cases.calls_out(at(900), 1, 0), None, "never");
    }

    /// Two homes by one controller: the one whose alarm came first is the one that calls first.
    #[test]
    fn of_several_homes_of_a_caller_the_oldest_that_awaits_a_call_has_it() {
        let mut cases = Cases::new(TERMS);
        for (id, account) in [(1, "77"), (2, "78")] {
            cases.report(at(id), Wall(0), id, "900", &report(account, "a", PRESSED));
        }
        assert!(cases.is_guess("900") && !cases.is_guess("77"));
        for (id, own) in [(1, 1), (2, 2), (3, 2)] {
            let call = CallId::new(Wall(9), id);
            assert_eq!(cases.call_came("900", "95081", call).map(|case| case.id), Some(own));
        }
    }

    proptest! {
        /// Whatever comes: an alarm is in a case that is open and that somebody is told of unless its unit
        /// talks, an account has one case at most, and the indexes say what the cases say.
        #[test]
        fn no_alarm_is_lost(steps in proptest::collection::vec((0u8..9, 0u8..4, 0u8..5, 0u64..200), 1..80)) {
            let mut cases = Cases::new(TERMS);
            let mut now = 0;
            for (id, (what, account, reference, later)) in (1u64..).zip(steps) {
                now += later;
                let (account, call) = (account.to_string(), CallId::new(Wall(1), id));
                cases.due(at(now));
                let meaning = match what {
                    0 | 1 => PRESSED,
                    2 => Meaning::Cancelled,
                    3 => Meaning::Began(Trouble::Mains),
                    4 => Meaning::Over(Trouble::Mains),
                    5 => {
                        let first = cases.open().next().map(|case| case.id);
                        if let Some(case) = first { cases.close(case); }
                        continue;
                    }
                    6 => { cases.call_came(&account, "900", call); continue }
                    other => {
                        let up = cases.open().find_map(Case::call);
                        if let (Some(up), 7) = (up, other) { cases.talks(up); }
                        if let (Some(up), 8) = (up, other) { cases.call_over(up); }
                        continue;
                    }
                };
                let said = report(&account, &reference.to_string(), meaning);
                let taken = cases.report(at(now), Wall(0), id, &account, &said);
                if meaning == PRESSED {
                    let case = match taken {
                        Taken::Opened => id,
                        Taken::Joined(case) => case,
                        Taken::Repeated(case) => case.expect("an alarm's case"),
                        other => return Err(TestCaseError::fail(format!("{other:?}"))),
                    };
                    let case = cases.get(case).expect("it is open");
                    prop_assert_eq!(&case.account, &account);
                    prop_assert!(case.is_awaited() || case.call().is_some());
                }
                prop_assert!(cases.is_consistent());
            }
        }
    }
}
