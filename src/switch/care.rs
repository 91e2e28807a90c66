//! Units' reports (R10, R14): a MESSAGE that is SCAIP or NOW-IP, written down, confirmed, answered; and the
//! call for speech that follows an alarm.
//!
//! ```text
//!  unit ─MESSAGE─▶ password ─▶ readable? ─▶ whose case? ─▶ fact ─▶ journal ─▶ durable ─▶ 200
//!                                                                                └─▶ MESSAGE: the answer
//!  unit ─INVITE──▶ the plan, which is told the case; ahead of others in a queue
//! ```
//!
//! 200 is said when the report is on the disk and not before: a unit that hears it forgets its alarm. A
//! repeat waits for the disk like the first. What a report means and which case it belongs to is
//! [`care`](crate::care)'s.

mod answering;
pub(super) mod calls;
mod care_calls;
mod check_ins;
mod duty;
mod guard;
mod homes;
mod in_call;
mod offers;
pub mod plans;
mod receiving;
mod refused;
pub mod sheets;
mod shown;
mod silence;
mod voice;

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{CallId, Duration, LegId, Now, Time, Wall};
use crate::care::answer::{self, Answer};
use crate::care::care_call::CareCalls;
pub use crate::care::care_call::{Began, Called, Kept as KeptCalls, State};
pub use crate::care::cases::Heard;
use crate::care::cases::Terms;
pub use crate::care::check_in::Missed;
use crate::care::check_in::{self, CheckIns};
pub use crate::care::directory::MOST as MOST_SUBSCRIBERS;
use crate::care::directory::Told;
use crate::care::duty::Duty;
pub use crate::care::duty::MOST_PHONES as MOST_DUTY_PHONES;
use crate::care::early::EarlySigns;
use crate::care::guard::Guard;
pub use crate::care::guard::Lock;
use crate::care::notice::Notices;
use crate::care::offers::Offers;
use crate::care::plan::Start;
use crate::care::plan::run::Runs;
pub use crate::care::plan::{Channel, Event as PlanEvent};
use crate::care::silence::Silence;
pub use crate::care::subscriber::{CONFIDENTIAL, FIELDS, MOST_CONTACTS};
pub use crate::care::trouble::{self, Troubled};
pub use crate::care::unit;
pub use crate::care::{Case, Directory, Kept, Need, Subscriber, Trouble, Update};
use crate::care::{Cases, Meaning, Protocol, Report, Speech, Taken, Unheard, Way};
use crate::config::Config;
use crate::sip::{ClientTxn, Flow, TxnId};
use crate::wire::sip::{Message, Name};
use crate::wire::telecare::scaip::{self, Refused};
use crate::wire::telecare::{Said, legible};
pub use guard::{KeptCalled, KeptGuard};
pub use receiving::KeptReception;

use super::console::Reply as ConsoleReply;
use super::fact::{AlarmWhat, CareFact, FactKind, Home};
use super::messages::MOST_BYTES;
use super::sparing::Sparing;
use super::{Level, Switch};

/// From the records of a start to the first offer of what they have open: by then the subscribers are known, too.
const AFTER_START: Duration = Duration::from_secs(2);
/// A journal that has not taken a report for so long: the unit is told to try again.
const PATIENCE: Duration = Duration::from_secs(10);
/// After how many seconds it may.
const RETRY_AFTER_S: &str = "5";
/// Reports that wait for the disk, and answers on their way.
const MOST_WAITING: usize = 20_000;
/// Of them those of one sender.
const MOST_FROM_ONE: usize = 200;
/// A unit that has said its alarm by keys and is not to be spoken to has ended its call within this.
const ENDS_ITS_CALL: Duration = Duration::from_secs(15);
/// Characters of an operator's outcome.
const LONGEST_OUTCOME: usize = 500;

/// What the records say was open before the start.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct KeptCases {
    /// Cases, and whether somebody has talked after the last alarm.
    pub cases: Vec<(Case, bool)>,
    /// Of them those whose unit did not call within its time, or in whose call nobody has talked.
    pub unheard: Vec<u64>,
    /// Missed check-ins to which a person has to see: whose, the case, and by when it was to be reported.
    pub tasks: Vec<(String, Option<u64>, Wall)>,
    /// Whose check-in is a task still whose case was closed.
    pub closed_tasks: Vec<String>,
    /// What was heard of late, the oldest first.
    pub heard: Vec<Heard>,
    /// Calls that broke off while their units were asked by keys.
    pub receptions: Vec<KeptReception>,
    /// What is wrong with units, and since when.
    pub troubles: Vec<Troubled>,
    /// When each unit was heard last.
    pub seen: Vec<(String, Wall)>,
    /// In which protocol each sender and account reported last; the last one first.
    pub spoken: Vec<(String, Protocol)>,
    /// Up to where the check-ins of each are settled.
    pub settled: Vec<(String, Wall)>,
    /// Check-ins that were missed and are open.
    pub missed: Vec<(String, Missed)>,
    /// Who is locked out, and who never is.
    pub guard: KeptGuard,
    /// Of open cases their plan, and what has happened in it.
    pub plans: Vec<(u64, String, Vec<plans::KeptEvent>)>,
    /// Sheets of open cases that could not be sent.
    pub unsent: Vec<sheets::SheetOf>,
    /// Sheets that were under way when all ended, of cases that are closed, and the fact that says so of each.
    pub cut_sheets: Vec<(u64, sheets::SheetOf)>,
    /// Calls on a schedule: rounds, and who was called in those that are open.
    pub calls: KeptCalls,
}

/// A unit that is to be answered: where it is, and with what.
struct Asked {
    txn: TxnId,
    until: Time,
    unit: Unit,
    answer: Answer,
}

/// What a unit is told of its report, beside 200.
enum ToldUnit {
    /// Whom it is to call, if it is.
    WhomToCall,
    /// This.
    This(Answer),
}

/// Where a report belongs.
#[derive(Clone, Copy)]
struct Place {
    case: Option<u64>,
    opens: bool,
    repeat: bool,
}

/// Where a unit's message came from.
#[derive(Clone)]
struct Unit {
    user: String,
    flow: Flow,
    /// The number to which it reported.
    to: String,
}

/// Of check-ins: up to where those of each are settled, the missed ones that are open, and whose tasks are closed.
#[derive(Default)]
struct KeptCheckIns {
    settled: BTreeMap<String, Wall>,
    missed: Vec<(String, Missed)>,
    closed: BTreeSet<String>,
}

/// The care line's state.
pub(super) struct Care {
    pub(super) cases: Cases,
    /// The subscribers.
    pub(super) directory: Directory,
    /// Who has to report by when.
    pub(super) check_ins: CheckIns,
    /// Who is locked out.
    guard: Guard,
    /// Terminals that have said how they are, and may call.
    notices: Notices,
    /// Units that report by themselves, and whether they do.
    silence: Silence,
    /// When they did last before the start, until the subscribers come.
    seen: BTreeMap<String, Wall>,
    /// Of units that fall silent a line now and then.
    silent: Sparing,
    /// Units whose alarms were refused for a wrong password, and until when nothing more is said of it.
    refused: BTreeMap<String, Time>,
    /// Cases that agents are offered.
    pub(super) offers: Offers,
    /// Cases for which the phones on duty are rung.
    duty: Duty,
    /// Calls that agents have made to homes: who began them is not the unit.
    agents_calls: BTreeSet<CallId>,
    /// Which leg is the unit's, of the calls of cases in which somebody has talked.
    units: BTreeMap<CallId, LegId>,
    /// The lines of units in calls.
    lines: in_call::Lines,
    /// Units that say their alarms by keys.
    receiving: receiving::Receptions,
    /// Response plans.
    plans: Runs,
    /// What the records said of plans, until the subscribers come.
    kept_plans: Vec<(u64, String, Vec<plans::KeptEvent>)>,
    /// Calls on a schedule.
    pub(super) care_calls: CareCalls,
    /// What the records said of them, until the subscribers come.
    kept_calls: Option<KeptCalls>,
    /// What those said who are called on a schedule, by list and account, until they are over.
    answers: BTreeMap<(String, String), String>,
    /// Calls that we make.
    calls: BTreeMap<CallId, calls::CallOut>,
    /// Of calls that are held a line now and then.
    held: Sparing,
    /// When something is due, as the clocks stood at the last input.
    pub(super) wake: Option<Time>,
    /// What the records said of check-ins, until the subscribers come.
    kept: Option<KeptCheckIns>,
    /// Signs of life from before the subscribers were known; none is held any more when they are.
    early: Option<EarlySigns>,
    /// Changes from before that.
    updates: Vec<Update>,
    /// Which changes were told.
    told: Told,
    /// Alarms from before that, whose plans wait for the subscribers: until when, the case, and what begins them.
    plans_wait: BTreeMap<(Time, u64), Start>,
    /// What the records said of calls: whose they are is known when the subscribers come.
    kept_by_number: (KeptCalled, Vec<KeptReception>),
    /// By the number of the fact.
    unconfirmed: BTreeMap<u64, Asked>,
    /// How many of each sender.
    by_sender: BTreeMap<String, usize>,
    /// Answers on their way, and to whom.
    sent: BTreeMap<ClientTxn, String>,
    /// The records have said which cases were open.
    pub(super) restored: bool,
    /// The last fact before the start: no case of a later number is restored.
    start: u64,
}

impl Care {
    /// No cases yet; the last fact before the start has this number.
    pub(super) fn new(config: &Config, start: u64) -> Care {
        Care {
            cases: Cases::new(terms(config)),
            directory: Directory::default(),
            check_ins: CheckIns::new(check_in::Terms::default()),
            guard: Guard::default(),
            notices: Notices::default(),
            silence: Silence::default(),
            seen: BTreeMap::new(),
            silent: Sparing::default(),
            refused: BTreeMap::new(),
            offers: Offers::default(),
            duty: Duty::default(),
            agents_calls: BTreeSet::new(),
            units: BTreeMap::new(),
            lines: Default::default(),
            receiving: Default::default(),
            plans: Runs::default(),
            kept_plans: Vec::new(),
            care_calls: CareCalls::default(),
            kept_calls: None,
            answers: BTreeMap::new(),
            calls: BTreeMap::new(),
            held: Sparing::default(),
            wake: None,
            kept: None,
            early: Some(EarlySigns::default()),
            updates: Vec::new(),
            told: Told::default(),
            plans_wait: BTreeMap::new(),
            kept_by_number: Default::default(),
            unconfirmed: BTreeMap::new(),
            by_sender: BTreeMap::new(),
            sent: BTreeMap::new(),
            restored: false,
            start,
        }
    }

    /// When something is due.
    pub(super) fn next_wake(&self, now: Now) -> Option<Time> {
        // All wait equally long: the first that came is due first.
        let confirm = self.unconfirmed.first_key_value().map(|(_, asked)| asked.until);
        let others = [
            self.lines.next_wake(),
            self.cases.next_wake(),
            self.offers.next_wake(),
            self.duty.next_wake(),
            self.silence.next_wake(),
            self.check_ins.next_wake(now),
            self.plans_wait.keys().map(|(at, _)| *at).find(|at| *at != Time::NEVER),
            self.plans.next_wake(),
            self.care_calls.next_wake(now),
        ];
        confirm.into_iter().chain(others.into_iter().flatten()).min()
    }
}

/// What the configuration says.
pub(super) fn terms(config: &Config) -> Terms {
    let care = &config.care;
    Terms {
        number: care.number.as_ref().map(ToString::to_string),
        call: care.call.as_ref().map(ToString::to_string),
        bells: care.bells.iter().flatten().map(ToString::to_string).collect(),
        any_account: care.any_account,
        priority: care.priority,
        speech_within: care.speech_within,
        repeats_within: care.repeats_within,
    }
}

impl Switch {
    /// A phone's message, if it is a unit's report: `true`, and it is taken care of.
    pub(super) fn care_message(
        &mut self,
        now: Now,
        txn: TxnId,
        flow: Flow,
        [from, to]: [&str; 2],
        message: &Message,
    ) -> bool {
        if !self.care.cases.terms().is_ours(to) && self.config.phone(to).is_some() {
            return false;
        }
        let kind = message.header(Name::ContentType).unwrap_or_default();
        let whole = message.body();
        let body = legible(&whole[..whole.len().min(MOST_BYTES)]);
        let mut said = Said::read(kind, &body);
        // Text for a phone is its own affair; whatever else comes to our number is somebody's alarm.
        if said.is_none() && !self.is_care_number(to) {
            return false;
        }
        if whole.len() > MOST_BYTES {
            let line = format!(
                "unit {from} reports {} bytes: the first {MOST_BYTES} are taken, for an alarm",
                whole.len()
            );
            self.log(Level::Warning, line);
            if let Some(Said::Scaip(Err(refused))) = &mut said {
                refused.status = scaip::Status::TooLong;
            }
        }
        let unit = Unit { user: from.to_owned(), flow, to: to.to_owned() };
        let raw = String::from_utf8_lossy(&body).into_owned();
        let Some((mut report, told)) = self.understood(now, from, said, &raw) else {
            self.respond(now, txn, 200, vec![]);
            return true;
        };
        if let Some(other) = self.care.believe(from, &mut report) {
            let line = format!(
                "unit {from} reports for controller {}: it is taken for its own ([care] any_account)",
                other.escape_debug()
            );
            self.log(Level::Warning, line);
        }
        self.put_ahead(&mut report);
        self.reported(now, txn, unit, (report, raw), told);
        true
    }

    /// Whether units report to this number, and no phone has it.
    pub(super) fn is_care_number(&self, to: &str) -> bool {
        self.care.cases.terms().is_ours(to) && self.config.phone(to).is_none()
    }

    /// `HH:MM:SS` where the node is.
    fn time_of_day(&self, now: Now) -> String {
        let utc = jiff::Timestamp::from_millisecond(now.wall.0).unwrap_or_default();
        utc.to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string()
    }

    /// What was said as a report, and what is to be told to it. `None`: it is an answer to one of ours.
    fn understood(
        &mut self,
        now: Now,
        from: &str,
        said: Option<Said>,
        raw: &str,
    ) -> Option<(Report, ToldUnit)> {
        let time = self.time_of_day(now);
        Some(match said {
            Some(Said::Scaip(Ok(request))) => (Report::scaip(&request), ToldUnit::WhomToCall),
            Some(Said::NowIp(Ok(message), _)) => {
                let answer = answer::now_ip_taken(&message, &time);
                (Report::now_ip(&message)?, ToldUnit::This(answer))
            }
            Some(Said::Scaip(Err(refused))) => {
                self.log(Level::Warning, format!("unit {from} sends faulty SCAIP: {refused}"));
                let report = Report::unreadable(from, Protocol::Scaip, raw);
                (report, ToldUnit::This(answer::scaip_refused(refused)))
            }
            Some(Said::NowIp(Err(refused), data)) => {
                self.log(Level::Warning, format!("unit {from} sends faulty NOW-IP: {refused}"));
                let report = Report::unreadable(from, Protocol::NowIp, raw);
                (report, ToldUnit::This(answer::now_ip_refused(&data, &time)))
            }
            None => {
                let what =
                    if raw.is_empty() { "nothing" } else { "what is no SCAIP and no NOW-IP" };
                let line = format!("unit {from} reports {what}: that is taken for an alarm");
                self.log(Level::Warning, line);
                // SCAIP is what most units speak; one that speaks none has its 200.
                let answer = answer::scaip_refused(Refused::of_no_document(raw.as_bytes()));
                (Report::unreadable(from, Protocol::Unknown, raw), ToldUnit::This(answer))
            }
        })
    }

    /// A report is written down, and then confirmed; what cannot be read a person looks at all the same.
    fn reported(
        &mut self,
        now: Now,
        txn: TxnId,
        unit: Unit,
        (report, raw): (Report, String),
        told: ToldUnit,
    ) {
        let taken = match self.care.is_full(&unit.user) {
            true => None,
            false => self.take_report(now, &unit.user, &report),
        };
        let Some(taken) = taken else {
            let user = &unit.user;
            let line = format!("the report of unit {user} has no room; it is told to try again");
            self.alarm(now, AlarmWhat::CasesFull, line, None);
            return self.respond(now, txn, 503, vec![(Name::RetryAfter, RETRY_AFTER_S.into())]);
        };
        let answer = match told {
            ToldUnit::This(answer) => answer,
            ToldUnit::WhomToCall => {
                let domain = self.config.domain();
                self.care.cases.answer(&report, &unit.to, domain.as_ref())
            }
        };
        let seq = self.write_report(now, &unit.user, report, raw, taken);
        if self.journal_full {
            // The case stands, for a person is in need; the unit says it again, as to a full house.
            let line = format!(
                "the report of unit {} is not on the disk, the journal is full: it is told to try again",
                unit.user
            );
            self.log(Level::Error, line);
            return self.respond(now, txn, 503, vec![(Name::RetryAfter, RETRY_AFTER_S.into())]);
        }
        let asked = Asked { txn, until: now.at + PATIENCE, unit, answer };
        self.care.begun(seq, asked);
    }

    /// Which case a report belongs to. The next fact is to be its own. `None`: there is no room.
    fn take_report(&mut self, now: Now, sender: &str, report: &Report) -> Option<Place> {
        let id = self.facts + 1;
        Some(match self.care.cases.report(now.at, now.wall, id, sender, report) {
            Taken::Full => return None,
            Taken::Opened => Place { case: Some(id), opens: true, repeat: false },
            Taken::Joined(case) => Place { case: Some(case), opens: false, repeat: false },
            Taken::Repeated(case) => Place { case, opens: false, repeat: true },
            Taken::Noted => Place { case: None, opens: false, repeat: false },
        })
    }

    /// Writes a report down, with whose it is; gives the number of its fact.
    fn write_report(
        &mut self,
        now: Now,
        sender: &str,
        report: Report,
        raw: String,
        place: Place,
    ) -> u64 {
        let Place { case, opens, repeat } = place;
        let account = report.account;
        let (protocol, meaning) = (report.protocol, report.meaning);
        let speechless = report.speech == Speech::None && matches!(meaning, Meaning::Alarm(_));
        let call_back = match report.speech {
            Speech::CallUnit(number) => Some(number),
            Speech::None | Speech::UnitCalls { .. } => None,
        };
        let what = CareFact::Reported {
            by: sender.to_owned(),
            protocol: report.protocol,
            device: report.device,
            device_type: report.device_type,
            meaning: report.meaning,
            code: report.code,
            priority: report.priority,
            place: report.place,
            call_back: call_back.clone(),
            reference: report.reference,
            raw,
            case,
            opens,
            repeat,
            home: self.care.home_of(&account).map(Box::new),
        };
        self.fact(now, FactKind::Care { account: account.clone(), what });
        let seq = self.facts;
        self.report_written(now, &account, (protocol, meaning), place, call_back);
        if let (Some(case), true, false) = (case, speechless, repeat) {
            // Who says it by keys is on the line for a while still.
            let by_keys = matches!(protocol, Protocol::Bs8521 | Protocol::ContactId);
            let after = if by_keys { ENDS_ITS_CALL } else { Duration::ZERO };
            self.offer_speechless(now, case, after);
        }
        seq
    }

    /// What follows a report that is written down: people are told, calls made, a sign of life noted, a plan begun.
    fn report_written(
        &mut self,
        now: Now,
        account: &str,
        (protocol, meaning): (Protocol, Meaning),
        Place { case, repeat, .. }: Place,
        call_back: Option<String>,
    ) {
        let way = match (protocol, meaning) {
            (Protocol::Centre, _) => None,
            (_, Meaning::Alarm(_)) => Some(Way::Bell),
            (_, Meaning::Alive) => Some(Way::Heartbeat),
            _ => None,
        };
        if let (Some(case), Some(Way::Bell)) = (case, way) {
            self.locked_alarm(now, case, account);
        }
        if let (Some(case), Meaning::Alarm(_), false) = (case, meaning, repeat) {
            self.care.duty.anew(case);
            if protocol != Protocol::Centre {
                // Its line is wanted for the talk; a contact is a person more who looks after it.
                self.reminders_ring_no_more(now, account, false);
            }
        }
        if let (Some(case), Meaning::Alarm(need)) = (case, meaning) {
            self.alarm_told(now, case, account, (need, repeat), call_back);
        }
        let taken_back = |case| self.care.cases.get(case).is_some_and(Case::is_taken_back);
        if let (Some(case), Meaning::Cancelled) = (case, meaning) {
            let what = match taken_back(case) {
                true => "takes its alarm back: a person still asks, and closes the case",
                false => "says that something is over, not all of what it reported",
            };
            let line = format!("case {case}: unit {} {what}", self.care.who(account));
            self.log(Level::Warning, line);
        }
        if let Some(way) = way {
            self.sign(now, account, way);
        }
        if protocol != Protocol::Centre {
            self.unit_heard(now, account);
        }
        if matches!(protocol, Protocol::Scaip | Protocol::NowIp) && !repeat {
            let within = self.config.care.speech_within;
            self.care.notices.said(now.at, account, meaning, within);
        }
        if let (Some(case), Meaning::Alarm(need), false) = (case, meaning, repeat) {
            let start = if need == Need::CheckIn { Start::CheckIn } else { Start::Alarm };
            self.plan_when_known(now, case, start);
        }
    }

    /// An alarm is written down: the log says so, and a unit that waits for it is called.
    fn alarm_told(
        &mut self,
        now: Now,
        case: u64,
        account: &str,
        (need, repeat): (Need, bool),
        call_back: Option<String>,
    ) {
        let what = if repeat { "says again its" } else { "raises an" };
        let (need, who) = (need.as_str(), self.care.who(account));
        self.log(Level::Info, format!("case {case}: unit {who} {what} alarm ({need})"));
        if let Some(number) = call_back {
            let whom = if number.is_empty() { account } else { number.as_str() };
            let line = format!("case {case}: unit {who} waits to be called at {whom}");
            self.log(Level::Warning, line);
            if !repeat {
                self.call_unit(now, case);
            }
        }
    }

    /// What is due: journals that do not answer, units that have not called.
    pub(super) fn care_due(&mut self, now: Now) {
        let late = self.care.unconfirmed.iter().filter(|(_, asked)| asked.until <= now.at);
        let late: Vec<u64> = late.map(|(seq, _)| *seq).collect();
        for seq in late {
            self.care_not_written(now, seq);
        }
        for unheard in self.care.cases.due(now.at) {
            self.alarm_unheard(now, unheard);
        }
        self.offers_due(now);
        self.duty_due(now);
        self.lines_due(now);
        self.silence_due(now);
        self.check_ins_due(now);
        self.plans_waited(now, false);
        self.care.plans.wake(now);
        self.plans_act(now);
        self.care_calls_due(now);
    }

    /// Two talk in a call: if it followed an alarm, somebody is there.
    pub(super) fn care_talks(&mut self, now: Now, call: CallId) {
        self.line_talks(now, call);
        let Some(case) = self.care.cases.talks(call) else { return };
        let (case, account) = (case.id, case.account.clone());
        self.fact(now, FactKind::Care { account, what: CareFact::Talked { case } });
        self.offer_settled(now, case, Some(call));
        self.duty_settled(now, case);
        self.plan_talks(now, call, case);
    }

    /// A call is over: if it followed an alarm and nobody has talked in it, a person has to act.
    pub(super) fn care_call_over(&mut self, now: Now, call: CallId) {
        self.reception_left(now, call);
        self.line_over(now, call);
        if let Some(out) = self.care.calls.remove(&call) {
            let lost = self.is_lost(call, out.rang);
            match out.why {
                // Not at once again: a line that is busy is so for a while.
                calls::Why::Unit { case } => {
                    let active = self.calls.get(&call);
                    if active.is_some_and(|active| active.interp.is_some() || active.planless) {
                        self.care.cases.answered(case);
                    }
                    if self.care.cases.call_over(call).is_some() {
                        self.care.cases.try_again(now.at, case);
                        self.case_for_agents(now, case, Duration::ZERO);
                    }
                }
                calls::Why::Reminder { .. } | calls::Why::Contact { .. } => {
                    match lost {
                        true => self.care.check_ins.lost(now, &out.account),
                        false => self.care.check_ins.call_over(now, &out.account),
                    }
                    // Who was reminded may have asked for a person.
                    if let Some(unheard) = self.care.cases.call_over(call) {
                        self.alarm_unheard(now, unheard);
                    }
                }
                calls::Why::Plan(own) => self.plan_call_over(now, call, &own, lost),
                calls::Why::Duty { .. } => {
                    self.care.duty.over(now.at, call);
                    self.duty_due(now);
                }
                calls::Why::Scheduled(own) => {
                    self.care_list_call_over(now, call, &out.account, (*own, lost));
                    // He may have asked for a person.
                    if let Some(unheard) = self.care.cases.call_over(call) {
                        self.alarm_unheard(now, unheard);
                    }
                }
            }
            return;
        }
        let by_agent = self.care.agents_calls.remove(&call);
        match (self.care.cases.call_over(call), by_agent) {
            // An agent has tried, and another does.
            (Some(Unheard { case, account, .. }), true) => {
                self.nobody_talked(now, case, account);
                self.care.cases.try_again(now.at, case);
            }
            (Some(unheard), false) => self.alarm_unheard(now, unheard),
            (None, _) => {}
        }
    }

    /// Cases that were open before the start.
    pub(super) fn cases_restored(&mut self, now: Now, kept: KeptCases) {
        self.care.restored = true;
        self.care.kept_by_number = (self.guard_restored(kept.guard), kept.receptions);
        self.care.kept_plans = kept.plans;
        self.care.kept_calls = Some(kept.calls);
        self.care.kept = Some(KeptCheckIns {
            settled: kept.settled.into_iter().collect(),
            missed: kept.missed,
            closed: kept.closed_tasks.into_iter().collect(),
        });
        // What is under way since the start is not cut off, though its case is closed.
        let cut = kept.cut_sheets.into_iter().filter(|(fact, _)| *fact <= self.care.start);
        for (_, of) in cut.collect::<Vec<_>>() {
            let why = "Belfry ended before it was there, and its case was closed".to_owned();
            self.sheet_sent(now, of, why);
        }
        self.care.seen = kept.seen.into_iter().collect();
        for (who, protocol) in kept.spoken {
            self.care.cases.restore_spoken(who, protocol);
        }
        for own in kept.troubles {
            self.care.cases.restore_trouble(own);
        }
        for (case, talked) in kept.cases {
            // What came since is here already, or closed.
            if case.id <= self.care.start {
                let (id, priority) = (case.id, case.priority);
                self.care.cases.restore(now.at, case, talked);
                if !talked {
                    // The calls of all are gone: whoever is there has it, and need not wait for its unit to call anew.
                    self.care.offers.want(now.at + AFTER_START, id, priority);
                }
            }
        }
        self.locked_cases_restored(now);
        self.care.cases.restore_heard(now.at, now.wall, kept.heard);
    }

    /// A person has written down how a case ended.
    pub(super) fn close_case(
        &mut self,
        now: Now,
        id: u64,
        outcome: &str,
        by: &str,
    ) -> ConsoleReply {
        let outcome = outcome.trim();
        if outcome.is_empty() || outcome.chars().count() > LONGEST_OUTCOME {
            let why = format!("say in 1 to {LONGEST_OUTCOME} characters how the case ended");
            return ConsoleReply::Refused(why);
        }
        let Some(case) = self.care.cases.close(id) else {
            return ConsoleReply::Refused(self.no_case(id));
        };
        self.offer_settled(now, id, None);
        self.duty_settled(now, id);
        self.unit_rings_no_more(now, id);
        self.care.plans.close(now, id);
        self.plans_act(now);
        let by = if by.is_empty() { "console" } else { by }.to_owned();
        let what = CareFact::Closed { case: id, outcome: outcome.to_owned(), by };
        let account = case.account;
        self.fact(now, FactKind::Care { account: account.clone(), what });
        if case.check_in
            && let Some(due) = self.care.check_ins.closed(&account)
        {
            let what = CareFact::CheckInClosed { due: due.0 };
            self.fact(now, FactKind::Care { account, what });
        }
        ConsoleReply::Done(format!("case {id} is closed"))
    }

    fn no_case(&self, id: u64) -> String {
        match self.care.restored || id > self.care.start {
            true => format!(
                "no case {id} is open; `show cases` lists those that are, and `belfry report case --name {id}` has \
                 what was"
            ),
            false => format!(
                "whether case {id} is open is not known yet: the records are not read; the log says why"
            ),
        }
    }

    /// Whether the care line itself has made a call: whom it calls is its subject.
    pub(super) fn is_care_call(&self, call: CallId) -> bool {
        self.care.calls.contains_key(&call)
    }

    /// For what the care line, or who has taken a case on, makes a call; none: somebody else has made it.
    pub(super) fn call_purpose(&self, call: CallId) -> Option<String> {
        if let Some(out) = self.care.calls.get(&call) {
            return Some(out.why.purpose());
        }
        // Whose case is closed talks on, and of nothing.
        match self.is_agents_call(call) {
            true => self
                .care
                .cases
                .of_call(call)
                .map(|own| format!("calls the home of case {}", own.id)),
            false => self.offered_case(call).map(|case| format!("rings an agent for case {case}")),
        }
    }
}
