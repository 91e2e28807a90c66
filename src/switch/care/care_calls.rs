//! Calls on a schedule: what the rule wants is done and written down.

use crate::base::{CallId, Now};
use crate::call::dialling::Why as Failed;
use crate::care::care_call::{Action, Began, List, Outcome, Shown, State, Whom};
use crate::care::subscriber::Flag;
use crate::care::{Days, Schedule};
use crate::config::{CareCall, CareFlag};
use crate::switch::console::{CareCallOrder, CareCallRow, Reply};
use crate::switch::dial::failure;
use crate::switch::placing::NotPlaced;
use crate::switch::{Level, Switch};

use super::calls::{ForList, Why};
use super::{CareFact, FactKind};

/// The field of a call's record by which the plan says what was answered: step `note`.
const ANSWER: &str = "care_call";
/// The field by which who is called for a case says that he does not take it on, and what it says then.
const CASE_ANSWER: &str = "case_answer";
const DECLINED: &str = "declined";
/// Characters of it.
const LONGEST_ANSWER: usize = 100;

impl Switch {
    /// What the configuration says of calls on a schedule.
    pub(in crate::switch) fn configure_care_calls(&mut self, now: Now) {
        let lists: Vec<List> = self.config.care_calls.iter().map(list).collect();
        let most = self.config.care.scheduled as usize;
        let plan = self.plan.clone();
        let holiday = move |list: &str, day| !list.is_empty() && plan.is_holiday(list, day);
        self.care.care_calls.configure(now, (lists, most), self.zone.clone(), holiday);
    }

    /// What was called before the start. The subscribers are known.
    pub(super) fn care_calls_restored(&mut self, now: Now) {
        if let Some(kept) = self.care.kept_calls.take() {
            self.care.care_calls.restore(now, kept, &self.care.directory);
        }
        self.care_calls_due(now);
    }

    /// What is due of calls on a schedule.
    pub(super) fn care_calls_due(&mut self, now: Now) {
        loop {
            let room = self.room_for_care_calls();
            let actions = self.care.care_calls.due(now, room, &self.care.directory);
            if actions.is_empty() {
                return;
            }
            for action in actions {
                self.care_call_action(now, action);
            }
        }
    }

    /// How many calls on a schedule may begin: none while an alarm waits for somebody, and none on the channels that
    /// are kept free for alarms.
    fn room_for_care_calls(&self) -> usize {
        let trunk = self.config.care.trunk.as_ref().map(|name| name.as_str());
        self.room_on(trunk, self.config.care.keep_free)
    }

    /// Calls somebody for a list, with its text; the how manieth time it is.
    fn call_for_list(&mut self, now: Now, list: String, account: &str, (text, nth): (String, u32)) {
        let name = list.clone();
        let of = ForList { list, text, accepted: false, answer: String::new() };
        let why = Why::Scheduled(Box::new(of));
        match self.call_out(now, (account, account), why, nth) {
            Ok(_) => {}
            Err(NotPlaced::Now(_)) => self.care.care_calls.not_placed(now, &name, account),
            Err(NotPlaced::Never(_)) => {
                self.care.care_calls.call_over(now, &name, account, Outcome::Failed);
            }
        }
    }

    fn care_call_action(&mut self, now: Now, action: Action) {
        match action {
            Action::Begin(began, people) => {
                let Began { list, day, due, until, region, text, by } = began;
                self.log(Level::Info, format!("care call {list}: {people} are called ({day})"));
                let (due, until) = (due.0, until.0);
                let people = people as u64;
                let what = CareFact::CallsBegan { list, day, due, until, region, text, by, people };
                self.fact(now, FactKind::Care { account: String::new(), what });
            }
            Action::Missed { list, due } => {
                let time = jiff::Timestamp::from_millisecond(due.0).unwrap_or_default();
                let time = time.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
                let line = format!(
                    "care call {list}: nobody was called on {time}: Belfry was down, and the hours are over"
                );
                self.log(Level::Warning, line);
            }
            Action::Call { list, day, account, nth, text } => {
                // Written before the call: an attempt counts even if nobody sees its end.
                let what = CareFact::CareCalled { list: list.clone(), day, nth };
                self.fact(now, FactKind::Care { account: account.clone(), what });
                self.call_for_list(now, list, &account, (text, nth));
            }
            Action::Over { list, day, account, attempts, state, outcome } => {
                let answer = self.care.answers.remove(&(list.clone(), account.clone()));
                if state != State::Done {
                    let (who, state) = (self.care.who(&account), state.as_str().replace('_', " "));
                    let line = format!("care call {list}: {who}: {state} ({})", outcome.as_str());
                    self.log(Level::Warning, line);
                }
                let what = CareFact::CareCallOver {
                    list,
                    day,
                    attempts,
                    state: state.as_str().to_owned(),
                    result: outcome.as_str().to_owned(),
                    answer: answer.unwrap_or_default(),
                };
                self.fact(now, FactKind::Care { account, what });
            }
            Action::End { list, day } => {
                self.log(Level::Info, format!("care call {list}: over ({day})"));
                let what = CareFact::CallsOver { list, day };
                self.fact(now, FactKind::Care { account: String::new(), what });
            }
        }
    }

    /// The dialplan of a call of ours says what was answered: on a schedule, or for a response plan.
    pub(in crate::switch) fn care_call_noted(&mut self, call: CallId, name: &str, value: &str) {
        match self.care.calls.get_mut(&call).map(|own| &mut own.why) {
            Some(Why::Scheduled(own)) if name == ANSWER => {
                own.answer = value.chars().take(LONGEST_ANSWER).collect();
            }
            Some(Why::Plan(own)) if name == CASE_ANSWER => own.declined = value == DECLINED,
            _ => {}
        }
    }

    /// A call on a schedule is over.
    pub(super) fn care_list_call_over(
        &mut self,
        now: Now,
        call: CallId,
        account: &str,
        (of, lost): (ForList, bool),
    ) {
        let active = self.calls.get(&call);
        let answered = active.is_some_and(|active| active.interp.is_some() || active.planless);
        let cause = active.and_then(|active| active.ended).map(|(cause, _)| cause);
        let outcome = match cause.map(|cause| failure(cause, 0).why) {
            _ if of.accepted => Outcome::Confirmed,
            _ if answered => Outcome::Answered,
            Some(Failed::Busy) => Outcome::Busy,
            Some(Failed::NoAnswer) => Outcome::NoAnswer,
            _ => Outcome::Failed,
        };
        if !of.answer.is_empty() {
            // One for each who is called at the time, and taken out when he is over.
            self.care.answers.insert((of.list.clone(), account.to_owned()), of.answer);
        }
        match outcome == Outcome::Failed && lost {
            true => self.care.care_calls.lost(now, &of.list, account),
            false => self.care.care_calls.call_over(now, &of.list, account, outcome),
        }
        self.care_calls_due(now);
    }

    /// A person begins a list, stops it, or looks at them.
    pub(in crate::switch) fn care_call_order(
        &mut self,
        now: Now,
        order: CareCallOrder,
        by: &str,
    ) -> Reply {
        let by = if by.is_empty() { "console" } else { by };
        self.care_calls_due(now);
        let said = match order {
            CareCallOrder::List => return Reply::CareCalls(self.care_call_rows()),
            CareCallOrder::Start { list, region, text } => {
                if let Some(why) = self.unheard_text(now, (&list, &region, &text)) {
                    return Reply::Refused(why);
                }
                let own = (list.as_str(), region.as_str(), text.as_str(), by);
                self.care.care_calls.start(now, own, &self.care.directory).map(|people| {
                    format!("care call {list}: {people} are called; `show care-calls` says how far it is")
                })
            }
            CareCallOrder::Stop(list) => {
                self.care.care_calls.stop(&list).map(|left| {
                    format!("care call {list} is stopped: {left} are not called any more")
                })
            }
        };
        self.care_calls_due(now);
        match said {
            Ok(done) => Reply::Done(done),
            Err(why) => Reply::Refused(why),
        }
    }

    /// Why the people of a list would hear nothing: the prompt is not there in a language of theirs.
    fn unheard_text(&self, now: Now, own: (&str, &str, &str)) -> Option<String> {
        let node = self.config.node.language.as_str();
        let (text, languages) =
            self.care.care_calls.languages(now, own, (&self.care.directory, node))?;
        let lacks = |language: &&String| self.plan.lacks_prompt(&text, language);
        let lacking: Vec<&str> = languages.iter().filter(lacks).map(String::as_str).collect();
        (!text.is_empty() && !lacking.is_empty()).then(|| {
            let files: Vec<String> =
                lacking.iter().map(|language| format!("{language}/{text}.wav")).collect();
            format!(
                "nobody is called: there is no prompt {text} in {}: record {} below [dialplan] sounds, then `reload`",
                lacking.join(", "),
                files.join(", ")
            )
        })
    }

    fn care_call_rows(&self) -> Vec<CareCallRow> {
        let held = self.care.care_calls.is_held();
        let row = |own: Shown| CareCallRow {
            held: held && own.left > own.calling,
            list: own.list,
            next: own.next.map(|wall| wall.0),
            day: own.day,
            until: own.until.map(|wall| wall.0),
            left: own.left,
            calling: own.calling,
            done: own.done,
            failed: own.failed,
        };
        self.care.care_calls.shown().map(row).collect()
    }
}

fn list(own: &CareCall) -> List {
    let mut schedule = Schedule::default();
    let times = own.times.iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    // The configuration has checked both.
    let _ = schedule.set_times(&times);
    schedule.days = Days::read(&own.days.words()).unwrap_or(Days::ALL);
    schedule.on_holidays = own.not_on.is_none();
    List {
        name: own.name.to_string(),
        whom: Whom {
            birthday: own.birthday,
            regions: own.regions.iter().flatten().map(ToString::to_string).collect(),
            flags: own
                .flags
                .iter()
                .flatten()
                .map(|flag| match flag {
                    CareFlag::Vip => Flag::Vip,
                    CareFlag::Special => Flag::Special,
                })
                .collect(),
            numbers: own.numbers.iter().flatten().map(ToString::to_string).collect(),
        },
        schedule,
        not_on: own.not_on.as_ref().map(ToString::to_string).unwrap_or_default(),
        dates: own.dates.map(|dates| (dates.first, dates.last)),
        hours: (own.hours.0, own.hours.1),
        attempts: own.attempts,
        every: own.every,
        confirm: own.confirm,
        text: own.text.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}
