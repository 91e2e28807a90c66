//! Response plans: cases begin them, what they want is done, and what comes of it goes back into the rule.

use crate::base::week::Window;
use crate::base::{CallId, Now};
use crate::care::plan::run::{Action, Order};
use crate::care::plan::{Event, Filter, Next, Outcome, Plan, Resource, Start, Step, Subject, Whom};
use crate::care::subscriber::Flag;
use crate::care::{Case, Need};
use crate::config::{Called, CareFlag, CareNeed, PlanStart, SheetTo};
use crate::switch::console::{CaseEventRow, PlanOrder, PlanRow, Reply};
use crate::switch::dial::failure;
use crate::switch::fact::EndedBy;
use crate::switch::placing::NotPlaced;
use crate::switch::rooms::gather::of_case;
use crate::switch::{Level, Switch};
use crate::wire::q850::Cause;

use super::calls::{ForPlan, Why};
use super::sheets::ways;
use super::{CareFact, FactKind};

/// What a plan's step has said: when, in which step, what.
pub type KeptEvent = (crate::base::Wall, String, Event);

impl Switch {
    /// What the configuration says of plans.
    pub(in crate::switch) fn configure_plans(&mut self) {
        let steps = |plan: &crate::config::Plan| {
            let own = self.config.plan_steps.iter().filter(|step| step.plan == plan.name);
            own.map(|step| Step {
                name: step.name.to_string(),
                when: Filter {
                    accepted: step.accepted,
                    ..filter(&step.needs, &step.regions, &step.flags, &step.hours)
                },
                call: step.call.iter().flatten().map(whom).collect(),
                at_once: step.at_once as usize,
                want: step.want as usize,
                rounds: step.rounds,
                pause: step.pause,
                ring: step.ring,
                within: step.within,
                say: step.say.as_ref().map(ToString::to_string).unwrap_or_default(),
                send: step.send.iter().flatten().map(sheet_to).collect(),
                next: next(step.next.as_ref().map(|name| name.as_str())),
                otherwise: next(step.otherwise.as_ref().map(|name| name.as_str())),
            })
            .collect()
        };
        let plans = self.config.plans.iter().map(|plan| Plan {
            name: plan.name.to_string(),
            start: match plan.start {
                PlanStart::Hand => Start::Hand,
                PlanStart::Alarm => Start::Alarm,
                PlanStart::CheckIn => Start::CheckIn,
            },
            when: filter(&plan.needs, &plan.regions, &plan.flags, &plan.hours),
            steps: steps(plan),
        });
        let resources = self.config.resources.iter().map(|own| Resource {
            name: own.name.to_string(),
            kind: own.kind.as_ref().map(ToString::to_string).unwrap_or_default(),
            number: own.number.as_ref().map(ToString::to_string),
            regions: own.regions.iter().flatten().map(ToString::to_string).collect(),
            ways: ways(own),
            hours: own.hours.clone().unwrap_or_default(),
        });
        let (plans, resources) = (plans.collect(), resources.collect());
        self.care.plans.configure(plans, resources, self.zone.clone());
    }

    pub(super) fn subject_of(&self, case: &Case) -> Subject {
        let of = self.care.directory.find(&case.account);
        Subject::new(&case.account, case.need, of)
    }

    /// An alarm has come: where its case has no plan, the one that fits begins.
    pub(super) fn plan_for_alarm(&mut self, now: Now, case: u64, start: Start) {
        // One that ran before the start goes on as soon as the subscribers are known: not a second beside it.
        let kept = self.care.kept_plans.iter().any(|(id, ..)| *id == case);
        let Some(case) =
            self.care.cases.get(case).filter(|case| !kept && !self.care.plans.has(case.id))
        else {
            return;
        };
        let (id, subject) = (case.id, self.subject_of(case));
        if let Some(plan) = self.care.plans.begins(now.wall, start, &subject) {
            self.begin_plan_of(now, id, subject, &plan, "");
        }
    }

    fn begin_plan_of(&mut self, now: Now, case: u64, subject: Subject, plan: &str, by: &str) {
        match self.care.plans.begin(now, case, subject, plan, by) {
            Ok(()) => self.log(Level::Info, format!("case {case}: the plan {plan} begins")),
            Err(why) => self.log(Level::Error, format!("case {case}: no plan begins: {why}")),
        }
        self.plans_act(now);
    }

    /// Does what plans want, in its order.
    pub(super) fn plans_act(&mut self, now: Now) {
        while let Some(action) = self.care.plans.poll() {
            match action {
                Action::Write { case, account, plan, step, event } => {
                    self.log_plan(case, (&plan, &step), &event);
                    let what = CareFact::Plan { case, plan, step, happened: event };
                    self.fact(now, FactKind::Care { account, what });
                }
                Action::Call { case, account, person, of, say, ring } => {
                    let (number, name) = (person.number.clone(), person.name);
                    let why = Why::Plan(Box::new(ForPlan {
                        case,
                        number,
                        name,
                        of,
                        say,
                        ring,
                        declined: false,
                    }));
                    let number = &person.number;
                    match self.call_out(now, (&account, number), why, 1) {
                        Ok(_) => self.care.plans.called(now, case, number),
                        Err(NotPlaced::Now(why)) => self.care.plans.held(now, case, number, &why),
                        Err(NotPlaced::Never(why)) => {
                            self.care.plans.not_called(now, case, number, &why);
                        }
                    }
                }
                Action::Drop { case, number } => {
                    if let Some(call) = self.plan_call(case, &number) {
                        self.release_call(now, call, Cause::NORMAL_CLEARING, EndedBy::Plan);
                    }
                }
                Action::Join { case } => self.gather_home(now, case),
                Action::Send { case, to, by } => self.send_sheet(now, case, to, by),
            }
        }
    }

    /// What a person should know of a plan who looks at no case.
    fn log_plan(&mut self, case: u64, (plan, step): (&str, &str), event: &Event) {
        let (level, line) = match event {
            Event::Ended { why } => (Level::Info, format!("the plan {plan} is over: {why}")),
            Event::NotCalled { why, nobody: true } => {
                (Level::Warning, format!("{step} of the plan {plan} calls nobody: {why}"))
            }
            Event::NotCalled { why, nobody: false } | Event::NotSent { why } => {
                (Level::Info, format!("{step} of the plan {plan}: {why}"))
            }
            _ => return,
        };
        self.log(level, format!("case {case}: {line}"));
    }

    /// The call by which a plan calls a number.
    fn plan_call(&self, case: u64, number: &str) -> Option<CallId> {
        let is =
            |why: &Why| matches!(why, Why::Plan(own) if own.case == case && own.number == number);
        self.care.calls.iter().find(|(_, out)| is(&out.why)).map(|(call, _)| *call)
    }

    /// The case for which a plan has made this call, or for which who is on duty was called.
    pub(in crate::switch) fn helps_case(&self, call: CallId) -> Option<u64> {
        match &self.care.calls.get(&call)?.why {
            Why::Plan(own) => Some(own.case),
            Why::Duty { case } => Some(*case),
            _ => None,
        }
    }

    /// Whom a plan has called takes it on.
    pub(super) fn plan_accepted(&mut self, now: Now, case: u64, number: &str) {
        if self.care.plans.accept(now, case, number) {
            self.log(Level::Info, format!("case {case}: {number} takes it on"));
        }
        self.plans_act(now);
    }

    /// A call of a plan is over; `lost`: before anybody rang.
    pub(super) fn plan_call_over(&mut self, now: Now, call: CallId, of: &ForPlan, lost: bool) {
        let (case, number) = (of.case, of.number.as_str());
        let active = self.calls.get(&call);
        let answered = active.is_some_and(|active| active.interp.is_some() || active.planless);
        let cause = active.and_then(|active| active.ended).map(|(cause, _)| cause);
        use crate::call::dialling::Why as Failed;
        let outcome = match cause.map(|cause| failure(cause, 0).why) {
            _ if of.declined => Outcome::Declined,
            _ if answered => Outcome::Unconfirmed,
            Some(Failed::Busy) => Outcome::Busy,
            Some(Failed::NoAnswer) => Outcome::NoAnswer,
            Some(Failed::Rejected) => Outcome::Refused,
            _ => Outcome::Failed,
        };
        match outcome == Outcome::Failed && lost {
            true => self.care.plans.lost(now, case, number),
            false => self.care.plans.call_over(now, case, number, outcome),
        }
        self.plans_act(now);
    }

    /// Somebody talks to the home: whoever has taken its case on hears it as well.
    pub(super) fn plan_talks(&mut self, now: Now, call: CallId, case: u64) {
        if self.rooms.contains_key(&of_case(case)) {
            self.gather(now, call, case);
        }
    }

    /// What the records say of plans that were in progress. The subscribers are known.
    pub(super) fn plans_restored(&mut self, now: Now) {
        for (id, plan, events) in std::mem::take(&mut self.care.kept_plans) {
            let Some(case) = self.care.cases.get(id) else { continue };
            let subject = self.subject_of(case);
            self.care.plans.restore(now, id, subject, &plan, events);
        }
        self.plans_act(now);
    }

    /// A person takes a plan over, or looks at the plans.
    pub(in crate::switch) fn plan_order(&mut self, now: Now, order: PlanOrder, by: &str) -> Reply {
        let by = if by.is_empty() { "console" } else { by };
        let (case, order) = match order {
            PlanOrder::List => return Reply::Plans(self.plan_rows()),
            PlanOrder::Start(id, plan) => {
                let Some(case) = self.care.cases.get(id) else {
                    return Reply::Refused(self.no_case(id));
                };
                let subject = self.subject_of(case);
                let begun = self.care.plans.begin(now, id, subject, &plan, by);
                self.plans_act(now);
                return match begun {
                    Ok(()) => Reply::Done(format!("case {id}: the plan {plan} has begun")),
                    Err(why) => Reply::Refused(why),
                };
            }
            PlanOrder::Send(case, to) => return self.send_by_hand(now, case, &to, by),
            PlanOrder::Stop(case) => (case, Order::Stop),
            PlanOrder::Skip(case) => (case, Order::Skip),
            PlanOrder::Step(case, nth) => (case, Order::Step(nth)),
        };
        if self.care.cases.get(case).is_none() {
            return Reply::Refused(self.no_case(case));
        }
        let done = self.care.plans.order(now, case, order, by);
        self.plans_act(now);
        match (done, self.care.plans.of(case)) {
            (Err(why), _) => Reply::Refused(why),
            (Ok(()), Some((plan, Some(step)))) => {
                Reply::Done(format!("case {case}: the plan {plan} goes on with step {step}"))
            }
            (Ok(()), _) => Reply::Done(format!("case {case}: its plan is over")),
        }
    }

    fn plan_rows(&self) -> Vec<PlanRow> {
        let running: Vec<u64> = self.care.plans.running().collect();
        let rows = self.care.plans.plans().map(|plan| PlanRow {
            plan: plan.name.clone(),
            start: match plan.start {
                Start::Alarm => "alarm",
                Start::CheckIn => "check-in",
                Start::Hand => "hand",
            }
            .to_owned(),
            steps: plan.steps.iter().map(|step| step.name.clone()).collect(),
            cases: running
                .iter()
                .filter(|case| self.care.plans.of(**case).is_some_and(|(own, _)| own == plan.name))
                .copied()
                .collect(),
        });
        rows.collect()
    }

    /// What has happened of a case's plan.
    pub(super) fn plan_events(&self, case: u64) -> Vec<CaseEventRow> {
        let row = |(wall, step, event): &KeptEvent| CaseEventRow {
            wall: wall.0,
            step: step.clone(),
            what: event.in_words(),
        };
        self.care.plans.history(case).map(row).collect()
    }
}

fn filter<N: ToString>(
    needs: &Option<Vec<CareNeed>>,
    regions: &Option<Vec<N>>,
    flags: &Option<Vec<CareFlag>>,
    hours: &Option<Vec<Window>>,
) -> Filter {
    Filter {
        needs: needs.iter().flatten().filter_map(|need| Need::named(need.as_str())).collect(),
        regions: regions.iter().flatten().map(ToString::to_string).collect(),
        flags: flags
            .iter()
            .flatten()
            .map(|flag| match flag {
                CareFlag::Vip => Flag::Vip,
                CareFlag::Special => Flag::Special,
            })
            .collect(),
        accepted: None,
        hours: hours.clone().unwrap_or_default(),
    }
}

fn whom(called: &Called) -> Whom {
    match called {
        Called::Contacts => Whom::Contacts,
        Called::Contact(nth) => Whom::Contact(*nth as usize),
        Called::Kind(kind) => Whom::Kind(kind.to_string()),
        Called::Resource(name) => Whom::Resource(name.to_string()),
    }
}

fn sheet_to(to: &SheetTo) -> Whom {
    match to {
        SheetTo::Kind(kind) => Whom::Kind(kind.to_string()),
        SheetTo::Resource(name) => Whom::Resource(name.to_string()),
    }
}

fn next(name: Option<&str>) -> Next {
    match name {
        None => Next::Following,
        Some("end") => Next::End,
        Some(name) => Next::Step(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A need that the configuration can name is one that reports have.
    #[test]
    fn each_need_of_the_configuration_is_one() {
        for (need, word) in CareNeed::ALL {
            assert_eq!(Need::named(need.as_str()).map(Need::as_str), Some(*word));
        }
    }
}
