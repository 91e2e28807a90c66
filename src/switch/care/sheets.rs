//! A subscriber's sheet on its way out of the exchange, and what came of it (R15). Mail, HTTP and printers are the
//! driver's; that a sheet is to go out is written down before it does.

use crate::base::{Duration, Now, Url, Wall};
use crate::care::plan::{Channel, Event};
use crate::care::sheet::{self, Sheet};
use crate::config::{Printer, Resource, Secret};
use crate::switch::console::{CaseView, Reply as ConsoleReply};
use crate::switch::{Level, Output, Switch};

use super::{CareFact, FactKind};

/// Where a sheet goes.
#[derive(Clone, Debug)]
pub enum Way {
    /// To these addresses.
    Mail(Vec<String>),
    /// To a program.
    Hook {
        /// Where it is.
        url: Url,
        /// With what the request is signed.
        secret: Option<Secret>,
    },
    /// To a printer.
    Printer(Printer),
}

/// A sheet that is to be sent.
#[derive(Clone, Debug)]
pub struct SheetOut {
    /// Which one.
    pub of: SheetOf,
    /// Where it goes.
    pub way: Way,
    /// For how long it is tried; mail has its own time.
    pub retry_for: Duration,
    /// When it was made.
    pub made: Wall,
    /// Its title.
    pub subject: String,
    /// For people.
    pub text: String,
    /// For programs.
    pub view: CaseView,
}

/// Which sheet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SheetOf {
    /// The case.
    pub case: u64,
    /// Whose.
    pub account: String,
    /// Which plan sends it.
    pub plan: String,
    /// To which resource.
    pub to: String,
    /// How.
    pub by: Channel,
}

impl Switch {
    /// A plan sends a sheet.
    pub(super) fn send_sheet(&mut self, now: Now, case: u64, to: String, by: Channel) {
        let resource = self.config.resources.iter().find(|own| own.name.as_str() == to);
        let way = resource.and_then(|own| Some((way(own, by)?, own.retry_for)));
        let made = self.care.cases.get(case).zip(way);
        let Some((of, (way, retry_for))) = made else {
            let why = "the configuration has no such way any more";
            self.care.plans.sent(now, case, &to, by, why);
            return;
        };
        let plan = self.care.plans.of(case).map_or("", |(plan, _)| plan);
        let account = of.account.clone();
        let subscriber = self.care.directory.find(&account);
        let sheet = Sheet {
            node: self.config.node.name.as_str(),
            case,
            plan,
            account: &account,
            need: of.need,
            priority: of.priority,
            place: &of.place,
            alarms: of.alarms,
            opened: of.opened,
            of: subscriber,
        };
        let events = self.care.plans.history(case);
        let events = events.map(|(wall, step, event)| (*wall, step.as_str(), event));
        let (subject, text) = (sheet.subject(), sheet.text(&self.zone, events));
        let (fields, plan) = (subscriber.map(sheet::fields), plan.to_owned());
        let ConsoleReply::Case(view) = self.case_view(now, case) else { return };
        let view = CaseView { subscriber: fields.unwrap_or_default(), ..*view };
        let of = SheetOf { case, account, plan, to, by };
        let out = SheetOut { of, way, retry_for, made: now.wall, subject, text, view };
        self.out.push_back(Output::Sheet(Box::new(out)));
    }

    /// A person sends a sheet.
    pub(super) fn send_by_hand(&mut self, now: Now, id: u64, to: &str, by: &str) -> ConsoleReply {
        let Some(case) = self.care.cases.get(id) else {
            return ConsoleReply::Refused(self.no_case(id));
        };
        let subject = self.subject_of(case);
        let sent = self.care.plans.send(now, id, subject, to, by);
        self.plans_act(now);
        match sent {
            Ok(ways) => {
                let ways: Vec<&str> = ways.iter().map(|by| by.as_str()).collect();
                let ways = ways.join(", ");
                ConsoleReply::Done(format!(
                    "case {id}: the sheet goes to {to} ({ways}); 'show case {id}' says when it is there"
                ))
            }
            Err(why) => ConsoleReply::Refused(why),
        }
    }

    /// A sheet is there, or could not be sent (`why`).
    pub(in crate::switch) fn sheet_sent(&mut self, now: Now, of: SheetOf, why: String) {
        let (case, to, by) = (of.case, of.to, of.by);
        if !why.is_empty() {
            let how = by.as_str();
            let line = format!("case {case}: the sheet does not come to {to} ({how}): {why}");
            self.log(Level::Error, line);
        }
        if self.care.plans.sent(now, case, &to, by, &why) {
            return self.plans_act(now);
        }
        // The case was closed meanwhile: its record has it all the same.
        let (plan, step) = (of.plan, String::new());
        let what = CareFact::Plan { case, plan, step, happened: Event::Sent { to, by, why } };
        self.fact(now, FactKind::Care { account: of.account, what });
    }
}

/// The ways that a resource has.
pub(super) fn ways(own: &Resource) -> Vec<Channel> {
    let all = [Channel::Mail, Channel::Hook, Channel::Printer];
    all.into_iter().filter(|by| way(own, *by).is_some()).collect()
}

fn way(own: &Resource, by: Channel) -> Option<Way> {
    match by {
        Channel::Mail => {
            let to: Vec<String> = own.mail.iter().flatten().map(ToString::to_string).collect();
            (!to.is_empty()).then_some(Way::Mail(to))
        }
        Channel::Hook => {
            let url = own.hook.clone()?;
            Some(Way::Hook { url, secret: own.hook_secret.clone() })
        }
        Channel::Printer => own.printer.clone().map(Way::Printer),
    }
}
