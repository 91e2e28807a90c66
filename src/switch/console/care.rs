//! What is asked, ordered and told of the care line: cases and their plans, calls on a schedule, the guard, units' troubles.

use serde::{Deserialize, Serialize};

use crate::base::CallId;

/// What an operator does with the guard.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuardOrder {
    /// Show it.
    List,
    /// Lock a number or a home out, for so many days; for ever without.
    Lock(String, Option<u32>),
    /// Let it in again.
    Lift(String),
    /// Put it on the white list, or take it off.
    White(String, bool),
}

/// An open case.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CaseRow {
    /// Its number.
    pub case: u64,
    /// The subscriber's number, or what its unit calls itself.
    pub account: String,
    /// The subscriber's name; empty: nobody's that is known.
    #[serde(default)]
    pub name: String,
    /// Its address.
    #[serde(default)]
    pub address: String,
    /// Its region.
    #[serde(default)]
    pub region: String,
    /// `vip`, `special` or nothing.
    #[serde(default)]
    pub flag: String,
    /// What help is wanted for.
    pub need: String,
    /// 0 to 9.
    pub priority: u8,
    /// Where, as the unit says it.
    pub place: String,
    /// Alarms that it holds.
    pub alarms: u32,
    /// Seconds since it was opened.
    pub open_s: u64,
    /// The unit's call, while it is up.
    pub call: Option<CallId>,
    /// The unit is expected to call.
    pub awaited: bool,
    /// Where it waits to be called; empty: at its own number.
    pub call_back: Option<String>,
    /// How the line of its last call ended: `normal`, `fault`; empty: none has.
    #[serde(default)]
    pub line: String,
    /// Its response plan and the present step, or that it is over, and why; empty: it has none.
    #[serde(default)]
    pub plan: String,
}

/// What is ordered of calls on a schedule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum CareCallOrder {
    /// Show them.
    List,
    /// Begin a list now.
    Start {
        /// Its name.
        list: String,
        /// Those of this region alone; empty: all that it names.
        region: String,
        /// What is said; empty: what the list says.
        text: String,
    },
    /// Call nobody of it any more.
    Stop(String),
}

/// One list of calls on a schedule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CareCallRow {
    /// Its name.
    pub list: String,
    /// When it begins next, milliseconds since 1970; none: by hand alone.
    pub next: Option<i64>,
    /// The round in progress.
    pub day: Option<String>,
    /// Until when calls begin, milliseconds since 1970.
    pub until: Option<i64>,
    /// Who is not over.
    pub left: usize,
    /// Of them those who are called now.
    pub calling: usize,
    /// Reached.
    pub done: usize,
    /// Not.
    pub failed: usize,
    /// Calls wait: for a channel, or because of an alarm.
    pub held: bool,
}

/// What is ordered of response plans.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum PlanOrder {
    /// List them.
    List,
    /// Begin this one for this case.
    Start(u64, String),
    /// End the case's.
    Stop(u64),
    /// Go on with the next step.
    Skip(u64),
    /// Go on with this step, from 1.
    Step(u64, usize),
    /// Send the case's sheet to this resource.
    Send(u64, String),
}

/// One response plan.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PlanRow {
    /// Its name.
    pub plan: String,
    /// What begins it.
    pub start: String,
    /// Its steps.
    pub steps: Vec<String>,
    /// The cases for which it runs.
    pub cases: Vec<u64>,
}

/// What happened in a case's plan.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CaseEventRow {
    /// When, milliseconds since 1970.
    pub wall: i64,
    /// In which step; empty: in none.
    pub step: String,
    /// What.
    pub what: String,
}

/// The guard.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct GuardView {
    /// Who is locked out.
    pub locks: Vec<LockRow>,
    /// Who never is.
    pub white: Vec<String>,
}

/// One who is locked out. Times are milliseconds since 1970.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LockRow {
    /// The number, or the home's.
    pub number: String,
    /// The subscriber's name.
    pub name: String,
    /// Since when.
    pub since: i64,
    /// Until when; none: for ever.
    pub until: Option<i64>,
    /// Why.
    pub why: String,
    /// Who did it; empty: the rule.
    pub by: String,
}

/// One open case.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CaseView {
    /// As in the list.
    pub row: CaseRow,
    /// All that is known of the subscriber: field and text, without what is empty.
    pub subscriber: Vec<(String, String)>,
    /// What is wrong with its unit.
    pub troubles: Vec<TroubleRow>,
    /// Its response plan.
    #[serde(default)]
    pub plan: Option<String>,
    /// What happened in it, the last of it.
    #[serde(default)]
    pub events: Vec<CaseEventRow>,
    /// How many events there were before those; the case's record has them.
    #[serde(default)]
    pub events_left_out: u64,
}

/// Something that is wrong with a unit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TroubleRow {
    /// The unit's controller.
    pub account: String,
    /// What.
    pub trouble: String,
    /// With which device of it: its number, or its kind; empty: the unit itself; `?`: not known, noted by an earlier version.
    #[serde(default)]
    pub device: String,
    /// What kind of device that is, as far as the unit says it.
    #[serde(default)]
    pub device_type: String,
    /// Where, as the unit says it.
    #[serde(default)]
    pub place: String,
    /// Seconds since it was reported first.
    pub since_s: u64,
}
