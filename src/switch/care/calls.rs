//! Calls that Belfry makes for the care line: to a unit that waits for one or whose own does not come, to a
//! terminal as a reminder, to a contact.
//!
//! ```text
//!  number ─▶ phone of ours, or the trunk ─▶ 200 ─▶ the plan of the context, in which the called party is the caller
//!                                       └─ no answer ─▶ care's rule says what is next
//! ```

use crate::base::{CallId, Duration, Now};
use crate::care::Unheard;
use crate::switch::fact::{CareFact, EndedBy, FactKind};
use crate::switch::placing::{NotPlaced, Placing, found_no_way};
use crate::switch::rooms::gather::of_case;
use crate::switch::{Level, Switch};

/// How long whoever is called rings.
const RINGS: Duration = Duration::from_secs(45);
/// The same of phones on duty.
const ON_DUTY_RINGS: Duration = Duration::from_secs(30);

/// Why somebody is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::switch) enum Why {
    /// A unit, in this case.
    Unit {
        /// The case.
        case: u64,
    },
    /// A reminder of this check-in, milliseconds since 1970.
    Reminder {
        /// Which.
        due: i64,
    },
    /// A contact, because of this check-in.
    Contact {
        /// Which.
        due: i64,
    },
    /// Who is on duty, for this case.
    Duty {
        /// The case.
        case: u64,
    },
    /// Somebody whom a response plan calls.
    Plan(Box<ForPlan>),
    /// Somebody of a list, on a schedule.
    Scheduled(Box<ForList>),
}

/// For which plan somebody is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::switch) struct ForPlan {
    /// The case.
    pub(in crate::switch) case: u64,
    /// The number.
    pub(in crate::switch) number: String,
    /// Who that is.
    pub(in crate::switch) name: String,
    /// The plan and its step.
    pub(in crate::switch) of: [String; 2],
    /// The prompt that is played.
    pub(in crate::switch) say: String,
    /// How long it rings.
    pub(in crate::switch) ring: Duration,
    /// He has said that he does not take it on.
    pub(in crate::switch) declined: bool,
}

/// For which list somebody is called, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::switch) struct ForList {
    /// The list.
    pub(in crate::switch) list: String,
    /// What is said.
    pub(in crate::switch) text: String,
    /// He took it on, by a key.
    pub(in crate::switch) accepted: bool,
    /// What he answered, as the plan says it.
    pub(in crate::switch) answer: String,
}

impl Why {
    fn word(&self) -> &'static str {
        match self {
            Why::Unit { .. } => "unit",
            Why::Reminder { .. } => "reminder",
            Why::Contact { .. } => "contact",
            Why::Duty { .. } => "duty",
            Why::Plan(_) => "plan",
            Why::Scheduled(_) => "care-call",
        }
    }

    /// For what it is, as a person reads it.
    pub(in crate::switch) fn purpose(&self) -> String {
        match self {
            Why::Unit { case } => format!("calls the unit of case {case}"),
            Why::Reminder { .. } => "reminds of a check-in".into(),
            Why::Contact { .. } => "seeks who has not checked in".into(),
            Why::Duty { case } => format!("rings who is on duty for case {case}"),
            Why::Plan(own) => {
                let [plan, step] = &own.of;
                format!("plan {plan}, {step}: {} for case {}", own.name, own.case)
            }
            Why::Scheduled(own) => format!("care call {}", own.list),
        }
    }

    /// How long it rings.
    fn rings(&self) -> Duration {
        match self {
            Why::Plan(own) => own.ring,
            Why::Duty { .. } => ON_DUTY_RINGS,
            _ => RINGS,
        }
    }

    /// The context of the dialplan that such a call runs.
    fn context(&self) -> &'static str {
        match self {
            Why::Unit { .. } => "care-unit",
            Why::Reminder { .. } => "care-reminder",
            Why::Contact { .. } => "care-contact",
            Why::Duty { .. } => "care-duty",
            Why::Plan(_) => "care-plan",
            Why::Scheduled(_) => "care-call",
        }
    }
}

/// A call of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::switch) struct CallOut {
    /// For whom.
    pub(in crate::switch) account: String,
    /// Why.
    pub(in crate::switch) why: Why,
    /// Somebody's phone has rung (180): whatever ends it then, there was a way.
    pub(in crate::switch) rang: bool,
}

impl Switch {
    /// A called phone rings.
    pub(in crate::switch) fn care_call_rings(&mut self, call: CallId) {
        if let Some(out) = self.care.calls.get_mut(&call) {
            out.rang = true;
        }
    }

    /// An alarm after which nobody has talked: a person has to act.
    pub(super) fn alarm_unheard(&mut self, now: Now, unheard: Unheard) {
        let Unheard { case, account, again } = unheard;
        if !again {
            self.nobody_talked(now, case, account);
        }
        match self.is_with_agent(case) {
            true => self.care.cases.try_again(now.at, case),
            false => self.call_unit(now, case),
        }
    }

    pub(super) fn nobody_talked(&mut self, now: Now, case: u64, account: String) {
        let line = format!(
            "case {case}: unit {account} has raised an alarm, and nobody has talked with its home"
        );
        self.log(Level::Error, line);
        self.fact(now, FactKind::Care { account, what: CareFact::NoCall { case } });
    }

    /// Calls the unit of a case, where that may help still.
    pub(super) fn call_unit(&mut self, now: Now, case: u64) {
        let most = self.config.care.call_out;
        let Some((account, number, nth)) = self.care.cases.calls_out(now.at, case, most) else {
            // We have called as often as we may for now: a person does.
            return self.case_for_agents(now, case, Duration::ZERO);
        };
        let called = self.call_out(now, (&account, &number), Why::Unit { case }, nth);
        match called {
            Ok(call) if self.care.cases.joins(case, call).is_some() => {
                if let Some(variables) = self.joins_case(now, call, case) {
                    self.tell_plan(call, variables);
                }
            }
            Ok(_) => {}
            Err(not) => {
                match not {
                    NotPlaced::Now(_) => self.care.cases.not_placed(now.at, case),
                    NotPlaced::Never(_) => self.care.cases.try_again(now.at, case),
                }
                self.case_for_agents(now, case, Duration::ZERO);
            }
        }
    }

    /// Nobody rings on at a home whose case is closed; who has answered talks on.
    pub(super) fn unit_rings_no_more(&mut self, now: Now, case: u64) {
        let rings = |call: &CallId| {
            self.calls.get(call).is_some_and(|active| active.interp.is_none() && !active.planless)
        };
        let of_case = self.care.calls.iter().filter(|(_, out)| out.why == Why::Unit { case });
        let ringing: Vec<CallId> = of_case.map(|(call, _)| *call).filter(rings).collect();
        for call in ringing {
            self.end_call(now, call, EndedBy::Console);
        }
    }

    /// Who has given a sign of life is not reminded any more, nor are `contacts` rung for it; who has answered goes on.
    pub(super) fn reminders_ring_no_more(&mut self, now: Now, account: &str, contacts: bool) {
        let rings = |call: &CallId| {
            self.calls.get(call).is_some_and(|active| active.interp.is_none() && !active.planless)
        };
        let of_it = |out: &CallOut| match out.why {
            Why::Reminder { .. } => out.account == account,
            Why::Contact { .. } => contacts && out.account == account,
            _ => false,
        };
        let own = self.care.calls.iter().filter(|(_, out)| of_it(out));
        let ringing: Vec<CallId> = own.map(|(call, _)| *call).filter(rings).collect();
        for call in ringing {
            self.end_call(now, call, EndedBy::Plan);
        }
    }

    /// Calls `number` for `account`, the `nth` time. The error says why it is not called; so does the log, unless it is tried
    /// again and that was said of late.
    pub(in crate::switch) fn call_out(
        &mut self,
        now: Now,
        (account, number): (&str, &str),
        why: Why,
        nth: u32,
    ) -> Result<CallId, NotPlaced> {
        let id = match self.place_call(now, account, number, &why) {
            Ok(id) => id,
            Err(not) => {
                let (who, why) = (self.care.who(account), why.word());
                let line = format!("{who}: {number} is not called ({why}): {}", not.why());
                match &not {
                    NotPlaced::Never(_) => self.log(Level::Error, line),
                    NotPlaced::Now(_) => {
                        if let Some(more) = self.care.held.may(now.at) {
                            let line = format!("{line}; it is tried again ({more} more are held)");
                            self.log(Level::Warning, line);
                        }
                    }
                }
                return Err(not);
            }
        };
        let (case, due) = match why {
            Why::Unit { case } => (Some(case), None),
            Why::Reminder { due } => (None, Some(due)),
            Why::Contact { due } => (self.care.cases.task_of(account), Some(due)),
            Why::Duty { case } => (Some(case), None),
            Why::Plan(ref own) => (Some(own.case), None),
            Why::Scheduled(_) => (None, None),
        };
        // A unit's call joins its case by itself.
        let belongs = matches!(why, Why::Contact { .. } | Why::Duty { .. } | Why::Plan(_));
        let (word, number) = (why.word().to_owned(), number.to_owned());
        let what = CareFact::CalledOut { why: word, number, call: id, case, due, nth };
        self.care.calls.insert(id, CallOut { account: account.to_owned(), why, rang: false });
        self.fact(now, FactKind::Care { account: account.to_owned(), what });
        if let (Some(case), true) = (case, belongs) {
            // It stands on the case's record, and whoever is called for it sees of which.
            let value = case.to_string();
            self.fact(now, FactKind::CallField { call: id, name: "case".into(), value });
        }
        Ok(id)
    }

    /// Whom we have called takes on what that was for. `true`: his plan is over with that.
    pub(in crate::switch) fn call_accepted(&mut self, now: Now, call: CallId) -> bool {
        let number = self.calls.get(&call).map(|active| active.from.clone()).unwrap_or_default();
        if let Some(CallOut { why: Why::Scheduled(own), .. }) = self.care.calls.get_mut(&call) {
            own.accepted = true;
            return false;
        }
        match self.care.calls.get(&call).cloned() {
            Some(CallOut { why: Why::Duty { .. }, .. }) => return self.duty_accepted(now, call),
            Some(CallOut { account, why: Why::Contact { .. }, .. }) => {
                self.check_in_accepted(now, account, number);
            }
            Some(CallOut { why: Why::Plan(own), .. }) => {
                self.plan_accepted(now, own.case, &own.number);
            }
            _ => {
                let line = format!("call {call}: {number} accepts, and was asked for nothing");
                self.log(Level::Warning, line);
            }
        }
        false
    }

    /// A home that we have called answers: whoever is on duty is not rung beside.
    pub(in crate::switch) fn care_call_answered(&mut self, now: Now, call: CallId) {
        if let Some(CallOut { why: Why::Unit { case }, .. }) = self.care.calls.get(&call) {
            self.duty_rings_no_more(now, *case);
        }
    }

    /// Whether a call of ours has ended before anybody rang, because no way was found. `rang`: somebody's phone has.
    pub(super) fn is_lost(&self, call: CallId, rang: bool) -> bool {
        let Some(active) = self.calls.get(&call) else { return false };
        let answered = active.interp.is_some() || active.planless;
        !rang && !answered && active.ended.is_some_and(|(cause, _)| found_no_way(cause))
    }

    /// Whoever is reminded, or called on a schedule, and wants a person then is in need: his call is an alarm of his home, ahead
    /// of others.
    pub(in crate::switch) fn reminded_wants_a_person(&mut self, now: Now, call: CallId) {
        let Some(CallOut { account, why: Why::Reminder { .. } | Why::Scheduled(_), .. }) =
            self.care.calls.get(&call)
        else {
            return;
        };
        if self.care.cases.priority(call).is_some() {
            return;
        }
        let account = account.clone();
        let variables = match self.voice_alarm(now, call, &account) {
            Some(case) if self.care.cases.joins(case, call).is_some() => {
                self.joins_case(now, call, case)
            }
            _ => Some(self.without_case(call, &account)),
        };
        if let Some(variables) = variables {
            self.tell_plan(call, variables);
        }
    }

    /// The dialplan of somebody whom a plan calls knows what it is about.
    fn tell_of_case(&mut self, call: CallId, own: &ForPlan) {
        let Some(case) = self.care.cases.get(own.case) else { return };
        let of = self.care.directory.find(&case.account);
        let address = of.map(|of| of.address.clone()).unwrap_or_default();
        let [plan, step] = own.of.clone();
        let variables = [
            ("case", own.case.to_string()),
            ("case_need", case.need.as_str().to_owned()),
            ("case_place", case.place.clone()),
            ("case_room", of_case(own.case)),
            ("subscriber_address", address),
            ("plan", plan),
            ("plan_step", step),
            ("plan_say", own.say.clone()),
            ("plan_person", own.name.clone()),
        ];
        self.tell_plan(call, variables);
    }

    fn place_call(
        &mut self,
        now: Now,
        account: &str,
        number: &str,
        why: &Why,
    ) -> Result<CallId, NotPlaced> {
        // Nobody is called who would hear nothing.
        let context = why.context();
        if !self.plan.has_context(context) {
            return Err(NotPlaced::Never(format!("the dialplan has no context '{context}'")));
        }
        let urgent = matches!(why, Why::Unit { .. } | Why::Duty { .. } | Why::Plan(_));
        // Whoever is called is shown the number that he would call himself.
        let terms = self.care.cases.terms();
        let own = [terms.bells.first(), terms.call.as_ref(), terms.number.as_ref()];
        let to = own.into_iter().flatten().next().cloned().unwrap_or_else(|| number.to_owned());
        let placing = Placing {
            number: number.to_owned(),
            to,
            context: context.to_owned(),
            phone: self.config.phone(number).cloned(),
            trunk: self.config.care.trunk.as_ref().map(ToString::to_string),
            rings: why.rings(),
            urgent,
            variables: Vec::new(),
        };
        self.place_out(now, placing, |switch, id| {
            if let Why::Duty { case } = why {
                return switch.tell_duty(id, *case);
            }
            switch.tell_plan_of_subscriber(id, account);
            match why {
                Why::Plan(own) => switch.tell_of_case(id, own),
                Why::Scheduled(own) => {
                    let text = ("care_call_text", own.text.clone());
                    switch.tell_plan(id, [("care_call", own.list.clone()), text]);
                }
                _ => {}
            }
        })
    }
}
