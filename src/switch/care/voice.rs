//! Calls of bells: one that says nothing but its number is an alarm by that; one that follows a report
//! belongs to its case.

use crate::base::{CallId, Now};
use crate::care::{Case, Meaning, Need, Protocol, Report, Subscriber};
use crate::config::Language;

use super::{CareFact, FactKind, Place};
use crate::switch::fact::AlarmWhat;
use crate::switch::{Level, Switch};

impl Switch {
    /// Whether a call is for help: it follows an alarm, or is one.
    pub(in crate::switch) fn is_bell(&self, number: &str, to: &str) -> bool {
        self.is_voice_alarm(number, to)
            || self.care.cases.follows_alarm(self.care.known_as(number), to)
    }

    fn is_voice_alarm(&self, number: &str, to: &str) -> bool {
        // As long as nobody knows who the subscribers are, whoever calls may be one.
        let unknown = self.care.early.is_some();
        let of_subscriber = unknown || self.care.directory.find(number).is_some();
        self.care.cases.terms().is_alarm(to, of_subscriber)
    }

    /// A call begins: if it is an alarm or follows one, it belongs to a case, and the plan is told.
    pub(in crate::switch) fn care_call(&mut self, now: Now, call: CallId, [number, to]: [&str; 2]) {
        self.tell_plan_of_subscriber(call, number);
        let known = self.care.known_as(number).to_owned();
        let asked = self.is_asked_first(to);
        // The call that a report announced is no alarm of its own; but a unit whose call broke off before its keys were
        // confirmed says them again, and is to hear that.
        let by_keys = |case: &Case| {
            asked
                && matches!(case.protocol, Protocol::Voice | Protocol::Bs8521 | Protocol::ContactId)
        };
        let announced = |case: &Case| case.is_awaited() && !by_keys(case);
        let announced = self.care.cases.of_caller(&known).is_some_and(announced);
        let alarm = !announced && self.is_voice_alarm(number, to);
        // A terminal that has said how it is calls because of that, unless somebody is in need there. A number of the bells
        // is called by who presses one: that has its case first, whatever the terminal said before.
        let by_bell = self.care.cases.terms().is_bells(to);
        if alarm && !by_bell && self.care.cases.of_caller(&known).is_none() {
            let home = self.care.home(number).to_owned();
            if let Some(prompt) = self.care.notices.calls(now.at, &home) {
                return self.expect_notice(now, call, prompt);
            }
        }
        if alarm && asked {
            return self.expect_reception(now, call);
        }
        let opened = if alarm { self.voice_alarm(now, call, number) } else { None };
        let case = match opened {
            Some(case) => self.care.cases.joins(case, call),
            None => self.care.cases.call_came(&known, to, call),
        };
        let Some(id) = case.map(|case| case.id) else {
            if alarm {
                let variables = self.without_case(call, number);
                self.tell_plan(call, variables);
            }
            return;
        };
        // Whoever is on duty is reached by the plan of its call.
        self.duty_rings_no_more(now, id);
        if opened.is_none() && self.care.cases.is_guess(&known) {
            let line = format!(
                "call {call}: {known} has open cases of several homes: that it is of case {id} is a guess"
            );
            self.log(Level::Warning, line);
            let value = "guess".to_owned();
            self.fact(now, FactKind::CallField { call, name: "case_by".into(), value });
            self.tell_plan(call, [("case_by", "guess".to_owned())]);
        }
        if let Some(variables) = self.joins_case(now, call, id) {
            self.tell_plan(call, variables);
        }
    }

    /// A call belongs to a case from here on: written down. Gives what its plan is to know.
    pub(super) fn joins_case(
        &mut self,
        now: Now,
        call: CallId,
        id: u64,
    ) -> Option<[(&'static str, String); 4]> {
        let case = self.care.cases.get(id)?;
        let variables = [
            ("case", case.id.to_string()),
            ("case_need", case.need.as_str().to_owned()),
            ("case_priority", case.priority.to_string()),
            ("case_place", case.place.clone()),
        ];
        let account = case.account.clone();
        self.line_waits(now, call);
        let what = CareFact::CallJoined { case: id, call };
        self.fact(now, FactKind::Care { account, what });
        // A program knows by it whose call it sees.
        let value = id.to_string();
        self.fact(now, FactKind::CallField { call, name: "case".into(), value });
        Some(variables)
    }

    /// An alarm for whose call there is no case: it is ahead of others all the same, and the plan knows what it is.
    pub(super) fn without_case(
        &mut self,
        call: CallId,
        number: &str,
    ) -> [(&'static str, String); 4] {
        let priority = self.priority_of(number);
        self.care.cases.calls_without(call, priority);
        [
            ("case", "none".to_owned()),
            ("case_need", Need::Personal.as_str().to_owned()),
            ("case_priority", priority.to_string()),
            ("case_place", String::new()),
        ]
    }

    /// The priority of an alarm that says none.
    fn priority_of(&self, number: &str) -> u8 {
        self.care.directory.find(number).map_or(0, |subscriber| subscriber.flag.priority())
    }

    /// An alarm that says its priority itself has no less than its subscriber's.
    pub(super) fn put_ahead(&self, report: &mut Report) {
        if matches!(report.meaning, Meaning::Alarm(_)) {
            report.priority = report.priority.max(self.priority_of(&report.account));
        }
    }

    /// The alarm that a call is: written down, and its case. Who hides his number has a case of his own.
    pub(super) fn voice_alarm(&mut self, now: Now, call: CallId, number: &str) -> Option<u64> {
        self.call_alarm(now, call, number, None)
    }

    /// The same, with keys that nobody understands, where some came.
    pub(super) fn call_alarm(
        &mut self,
        now: Now,
        call: CallId,
        number: &str,
        garbled: Option<(Protocol, String)>,
    ) -> Option<u64> {
        let nobody = format!("unknown-{call}");
        let subscriber = self.care.directory.find(number);
        let account = match (subscriber, number.bytes().any(|b| b.is_ascii_digit())) {
            (Some(subscriber), _) => subscriber.number.as_str(),
            (None, true) => number,
            (None, false) => &nobody,
        };
        let priority = self.priority_of(number);
        let (report, raw) = match garbled {
            None => (Report::voice(account, call.to_string(), priority), String::new()),
            Some((protocol, keys)) => {
                (Report { priority, ..Report::unreadable(account, protocol, &keys) }, keys)
            }
        };
        let account = report.account.clone();
        let Some(place) = self.take_report(now, &account, &report) else {
            let detail = format!("the alarm of {account} has no case: close some");
            self.alarm(now, AlarmWhat::CasesFull, detail, Some(call));
            let place = Place { case: None, opens: false, repeat: false };
            self.write_report(now, number, report, raw, place);
            return None;
        };
        self.write_report(now, number, report, raw, place);
        place.case
    }

    /// The plan of a subscriber's call knows who that is, and speaks the language.
    pub(super) fn tell_plan_of_subscriber(&mut self, call: CallId, number: &str) {
        let Some(subscriber) = self.care.directory.find(number) else { return };
        let Subscriber { number, name, region, language, flag, .. } = subscriber;
        let variables = [
            ("subscriber", number.clone()),
            ("subscriber_name", name.clone()),
            ("subscriber_region", region.clone()),
            ("subscriber_flag", flag.as_str().to_owned()),
            ("language", language.clone()),
        ];
        let language = Language::ALL.iter().find(|(_, word)| word == language).map(|(own, _)| *own);
        self.tell_plan(call, variables);
        if let (Some(language), Some(active)) = (language, self.calls.get_mut(&call)) {
            active.language = language;
        }
    }

    /// Variables that the plan begins with; empty ones are left out.
    pub(super) fn tell_plan<const N: usize>(
        &mut self,
        call: CallId,
        variables: [(&str, String); N],
    ) {
        let Some(active) = self.calls.get_mut(&call) else { return };
        let variables = variables.into_iter().filter(|(_, value)| !value.is_empty());
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        active.origin.signalled.extend(variables);
    }
}
