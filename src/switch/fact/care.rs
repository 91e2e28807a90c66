//! What units report and what becomes of it: the record of a case is made of these.

use serde::{Deserialize, Serialize};

use crate::base::CallId;
pub use crate::care::plan::Event as PlanEvent;
pub use crate::care::unit::Order;
pub use crate::care::{LineEnd, Meaning, Protocol};

/// Whose home it is, as it was known then.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Home {
    /// The name.
    pub name: String,
    /// The address.
    pub address: String,
    /// The region.
    pub region: String,
    /// `vip`, `special` or nothing.
    pub flag: String,
}

/// What happened at the care line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum CareFact {
    /// A unit reported something. The number of this fact is the case's, if it opens one.
    Reported {
        /// The phone, or the number behind a gateway, that said so.
        by: String,
        /// How it was said.
        protocol: Protocol,
        /// Which device of it; empty: itself.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        device: String,
        /// What kind of device, in words; empty: the unit itself, or it does not say.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        device_type: String,
        /// What it means.
        meaning: Meaning,
        /// The protocol's code.
        code: u16,
        /// 0 to 9.
        priority: u8,
        /// Where, as the unit says it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        place: String,
        /// Where the unit waits to be called; empty: at its own number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call_back: Option<String>,
        /// By what it is known again when the unit says it anew; empty: written before that was noted.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reference: String,
        /// The report as it came.
        raw: String,
        /// The case that it belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        case: Option<u64>,
        /// It opens that case.
        #[serde(default)]
        opens: bool,
        /// It was heard before.
        #[serde(default)]
        repeat: bool,
        /// Whose it is; none: nobody's that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        home: Option<Box<Home>>,
    },
    /// A unit's call is asked for its alarm by keys, or hears what it has reported: what breaks off before that is over is
    /// an alarm.
    ReceptionBegan {
        /// The call.
        call: CallId,
        /// Who calls.
        number: String,
    },
    /// That is over: what was to be written down of it is.
    ReceptionOver {
        /// The call.
        call: CallId,
    },
    /// The unit has not called within the time, or nobody has talked in its call.
    NoCall {
        /// The case.
        case: u64,
    },
    /// The unit's call, or another of its account, belongs to the case.
    CallJoined {
        /// The case.
        case: u64,
        /// The call.
        call: CallId,
    },
    /// Somebody talks in that call.
    Talked {
        /// The case.
        case: u64,
    },
    /// A unit was told something in its call, by keys.
    UnitTold {
        /// The case.
        case: u64,
        /// The call.
        call: CallId,
        /// What.
        order: Order,
        /// Who did it: a phone's number, an agent's token, the console.
        by: String,
    },
    /// The line of a case's call has ended (R13).
    LineEnded {
        /// The case.
        case: u64,
        /// The call.
        call: CallId,
        /// How.
        end: LineEnd,
        /// Nobody of ours did anything with it, and it was released.
        #[serde(default)]
        released: bool,
    },
    /// A unit or a contact is called.
    CalledOut {
        /// Why: `unit`, `reminder`, `contact`.
        why: String,
        /// Which number.
        number: String,
        /// The call.
        call: CallId,
        /// Of which case.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        case: Option<u64>,
        /// For which check-in, milliseconds since 1970.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<i64>,
        /// The how manieth time, from 1.
        #[serde(default)]
        nth: u32,
    },
    /// A subscriber has reported (R11).
    CheckedIn {
        /// By when it had to, milliseconds since 1970.
        due: i64,
        /// Up to when all is settled.
        settled: i64,
        /// How: `bell`, `call`, `heartbeat`.
        by: String,
        /// It was missed before.
        #[serde(default)]
        late: bool,
        /// The name, for the notice.
        #[serde(default)]
        name: String,
    },
    /// A subscriber has not reported.
    CheckInMissed {
        /// By when it had to, milliseconds since 1970.
        due: i64,
        /// The name.
        #[serde(default)]
        name: String,
    },
    /// Reminders have not helped: a person has to act.
    CheckInTask {
        /// For which check-in, milliseconds since 1970.
        due: i64,
        /// The case that is to be closed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        case: Option<u64>,
    },
    /// A contact takes a missed check-in on: no further one is called.
    CheckInAccepted {
        /// Which, milliseconds since 1970.
        due: i64,
        /// The contact's number.
        number: String,
    },
    /// A person has seen to a missed check-in, by closing its case.
    CheckInClosed {
        /// Which, milliseconds since 1970.
        due: i64,
    },
    /// The calendar was ahead and was set right: what check-ins are settled after this by nobody's sign are due again.
    CheckInsDueAgain {
        /// By the calendar that holds now, milliseconds since 1970.
        after: i64,
        /// What a sign settled is settled if it is no farther ahead than this.
        until: i64,
    },
    /// A number, or a home, is locked out (R12).
    GuardLocked {
        /// Until when, milliseconds since 1970; none: for ever.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<i64>,
        /// Why.
        why: String,
        /// Who did it; empty: the rule.
        #[serde(default)]
        by: String,
    },
    /// It is let in again.
    GuardLifted {
        /// Who did it.
        by: String,
    },
    /// It is put on the white list, or taken off.
    GuardWhite {
        /// On.
        on: bool,
        /// Who did it.
        by: String,
    },
    /// One who is locked out raised an alarm: it waits behind others.
    LockedAlarm {
        /// The case.
        case: u64,
    },
    /// Something happened in the case's response plan (R15).
    Plan {
        /// The case.
        case: u64,
        /// Which plan.
        plan: String,
        /// Which step; empty: none.
        step: String,
        /// What.
        happened: PlanEvent,
    },
    /// Calls on a schedule begin (R17): a round of a list.
    CallsBegan {
        /// Which list.
        list: String,
        /// Which round: the day, and the time where there are several.
        day: String,
        /// When it was due, milliseconds since 1970.
        due: i64,
        /// Until when calls begin, milliseconds since 1970.
        until: i64,
        /// Only those of this region; empty: all.
        #[serde(default)]
        region: String,
        /// What is said.
        #[serde(default)]
        text: String,
        /// Who began it; empty: the schedule.
        #[serde(default)]
        by: String,
        /// How many are called.
        people: u64,
    },
    /// Somebody of a list is about to be called.
    CareCalled {
        /// Which list.
        list: String,
        /// Which round.
        day: String,
        /// The how manieth time, from 1.
        nth: u32,
    },
    /// Somebody of a list is over.
    CareCallOver {
        /// Which list.
        list: String,
        /// Which round.
        day: String,
        /// How often he was called.
        attempts: u32,
        /// What became of it: `done`, `failed`, `given_up`, `stopped`.
        state: String,
        /// How the last call ended: `confirmed`, `answered`, `no answer`, `busy`, `failed`, `not called`.
        result: String,
        /// What was answered, as the plan says it.
        #[serde(default)]
        answer: String,
    },
    /// A round is over.
    CallsOver {
        /// Which list.
        list: String,
        /// Which round.
        day: String,
    },
    /// A person has said how it ended.
    Closed {
        /// The case.
        case: u64,
        /// In that person's words.
        outcome: String,
        /// Who that is.
        #[serde(default)]
        by: String,
    },
}

impl CareFact {
    /// The call that it is about.
    pub fn call(&self) -> Option<CallId> {
        match self {
            CareFact::CallJoined { call, .. }
            | CareFact::ReceptionBegan { call, .. }
            | CareFact::ReceptionOver { call }
            | CareFact::CalledOut { call, .. }
            | CareFact::UnitTold { call, .. }
            | CareFact::LineEnded { call, .. } => Some(*call),
            _ => None,
        }
    }
}
