//! Open cases and units with a trouble, as the console and programs are shown them.
//!
//! Not here: what changes them (`care`), a case's plan (`plans`).

use crate::base::Now;
use crate::care::Case;
use crate::care::subscriber::FIELDS;
use crate::care::trouble::Troubled;
use crate::switch::Switch;
use crate::switch::console::{CaseRow, CaseView, Reply as ConsoleReply, TroubleRow};

impl Switch {
    /// The open cases.
    pub(in crate::switch) fn case_rows(&self, now: Now) -> Vec<CaseRow> {
        self.care.cases.open().map(|case| self.case_row(now, case)).collect()
    }

    fn case_row(&self, now: Now, case: &Case) -> CaseRow {
        let home = self.care.home_of(&case.account).unwrap_or_default();
        CaseRow {
            case: case.id,
            account: case.account.clone(),
            name: home.name,
            address: home.address,
            region: home.region,
            flag: home.flag,
            need: case.need.as_str().to_owned(),
            priority: case.priority,
            place: case.place.clone(),
            alarms: case.alarms,
            open_s: (now.wall.0.saturating_sub(case.opened.0).max(0) / 1_000) as u64,
            call: case.call(),
            awaited: case.is_awaited(),
            call_back: case.call_back.clone(),
            line: case.line.map_or_else(String::new, |end| end.as_str().to_owned()),
            plan: self.care.plans.standing(case.id).unwrap_or_default(),
        }
    }

    /// One open case, with all that is known of whose it is.
    pub(in crate::switch) fn case_view(&self, now: Now, id: u64) -> ConsoleReply {
        let Some(case) = self.care.cases.get(id) else {
            return ConsoleReply::Refused(self.no_case(id));
        };
        let of = self.care.directory.find(&case.account);
        let fields = of.into_iter().flat_map(|subscriber| {
            FIELDS.iter().map(|field| (field.name.to_owned(), (field.get)(subscriber)))
        });
        let mut troubles = self.trouble_rows(now);
        troubles.retain(|row| row.account == case.account);
        ConsoleReply::Case(Box::new(CaseView {
            row: self.case_row(now, case),
            subscriber: fields.filter(|(_, text)| !text.is_empty()).collect(),
            troubles,
            plan: self.care.plans.of(id).map(|(plan, _)| plan.to_owned()),
            events: self.plan_events(id),
            events_left_out: self.care.plans.forgotten(id),
        }))
    }

    /// The units with a trouble.
    pub(in crate::switch) fn trouble_rows(&self, now: Now) -> Vec<TroubleRow> {
        let row = |own: &Troubled| TroubleRow {
            account: own.account.clone(),
            trouble: own.trouble.as_str().to_owned(),
            device: own.device.clone(),
            device_type: own.device_type.clone(),
            place: own.place.clone(),
            since_s: (now.wall.0.saturating_sub(own.since.0).max(0) / 1_000) as u64,
        };
        self.care.cases.troubles().map(row).collect()
    }
}
