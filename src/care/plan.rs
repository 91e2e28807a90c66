//! Response plans (R15): what is done for a case, step by step: who is called, in which order, what is sent to
//! whom, and what follows when nobody takes it on.
//!
//! ```text
//!  case ─▶ first step whose conditions hold ─▶ sends ─▶ calls, `at_once` at a time ─▶ `want` have taken it on ─▶ next
//!                                                        │ all were called `rounds` times, or `within` is over
//!                                                        └──────────────────────────────────────────────▶ otherwise
//! ```
//!
//! Here a plan is as the configuration says it; [`run`] carries plans out. Time is an argument. Knows no SIP, no
//! conferences and no printers: who is called and what is sent is said, and done elsewhere.

pub mod run;

use serde::{Deserialize, Serialize};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::base::week::{Moment, Window};
use crate::base::{Duration, Wall};

use super::report::Need;
use super::subscriber::{Flag, Subscriber};

/// What begins a plan by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// An alarm that opens a case or joins one.
    Alarm,
    /// A check-in that nobody made, after its reminders.
    CheckIn,
    /// Nothing: a person begins it.
    Hand,
}

/// When something holds. What is empty holds for all.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Filter {
    /// What help is wanted for.
    pub needs: Vec<Need>,
    /// Whose region.
    pub regions: Vec<String>,
    /// Whose flag.
    pub flags: Vec<Flag>,
    /// Whether somebody has taken the case on before.
    pub accepted: Option<bool>,
    /// At which times of the week.
    pub hours: Vec<Window>,
}

/// Whether it is one of these times; none: always.
fn is_within(hours: &[Window], at: Moment) -> bool {
    hours.is_empty() || hours.iter().any(|window| window.holds(at))
}

/// The time of the week, by the clock of the node.
fn moment(wall: Wall, zone: &TimeZone) -> Moment {
    let civil = zone.to_datetime(Timestamp::from_millisecond(wall.0).unwrap_or_default());
    let [hour, minute, second] = [civil.hour(), civil.minute(), civil.second()].map(|n| n as u32);
    let weekday = civil.weekday().to_monday_one_offset() as u8;
    Moment { weekday, second: (hour * 60 + minute) * 60 + second }
}

impl Filter {
    fn holds(&self, subject: &Subject, accepted: bool, at: Moment) -> bool {
        let of = |all: &[String], own: &str| all.is_empty() || all.iter().any(|one| one == own);
        (self.needs.is_empty() || self.needs.contains(&subject.need))
            && of(&self.regions, &subject.region)
            && (self.flags.is_empty() || self.flags.contains(&subject.flag))
            && self.accepted.is_none_or(|wanted| wanted == accepted)
            && is_within(&self.hours, at)
    }
}

/// Whom a step calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whom {
    /// The subscriber's contacts, in their order.
    Contacts,
    /// One of them, from 1.
    Contact(usize),
    /// The resource of this name.
    Resource(String),
    /// All resources of this kind that serve the subscriber's region.
    Kind(String),
}

/// Who helps: a hospital, the police, volunteers.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// `hospital`, `police`, `volunteers` …
    pub kind: String,
    /// Its number; none: it is not called.
    pub number: Option<String>,
    /// The regions that it serves; empty: all.
    pub regions: Vec<String>,
    /// How it gets a subscriber's sheet.
    pub ways: Vec<Channel>,
    /// When it is on duty; empty: always.
    pub hours: Vec<Window>,
}

impl Resource {
    fn serves(&self, region: &str) -> bool {
        self.regions.is_empty() || self.regions.iter().any(|own| own == region)
    }

    fn is_on_duty(&self, at: Moment) -> bool {
        is_within(&self.hours, at)
    }
}

/// How a sheet is sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// By a web hook.
    Hook,
    /// By mail.
    Mail,
    /// On paper.
    Printer,
}

impl Channel {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Hook => "web hook",
            Channel::Mail => "mail",
            Channel::Printer => "printer",
        }
    }
}

/// Where a plan goes on.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Next {
    /// With the step that follows in the text.
    #[default]
    Following,
    /// With the step of this name.
    Step(String),
    /// It is over.
    End,
}

/// One step.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// When it is done; else the following one is looked at.
    pub when: Filter,
    /// Who is called, in this order.
    pub call: Vec<Whom>,
    /// So many at a time.
    pub at_once: usize,
    /// So many have to take it on.
    pub want: usize,
    /// How often all are called.
    pub rounds: u32,
    /// Between two rounds.
    pub pause: Duration,
    /// How long one rings.
    pub ring: Duration,
    /// Within this, or it goes on.
    pub within: Duration,
    /// What they are told: the name of a prompt.
    pub say: String,
    /// Which resources get the subscriber's sheet, when the step begins.
    pub send: Vec<Whom>,
    /// Where it goes on when as many as wanted have taken it on, or nobody was to be called. [`Next::Following`] is the
    /// end where somebody was.
    pub next: Next,
    /// Where else.
    pub otherwise: Next,
}

impl Step {
    /// Where it goes on when it is served. Once somebody has taken the case on, nobody else is called out of bed
    /// unless the plan says so: without a word it is over.
    fn when_served(&self) -> Next {
        match &self.next {
            Next::Following if !self.call.is_empty() => Next::End,
            next => next.clone(),
        }
    }
}

/// A plan.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// What begins it.
    pub start: Start,
    /// For which cases.
    pub when: Filter,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// For whom a plan runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subject {
    /// The account.
    pub account: String,
    /// What help is wanted for.
    pub need: Need,
    /// The region.
    pub region: String,
    /// The flag.
    pub flag: Flag,
    /// Contacts in their order.
    pub contacts: Vec<Person>,
    /// The home's own numbers: a contact who has one of them is no other place to call.
    pub home: Vec<String>,
}

impl Subject {
    /// That of a case; `of`: whose it is, if that is known.
    pub fn new(account: &str, need: Need, of: Option<&Subscriber>) -> Subject {
        let contacts = of.into_iter().flat_map(|of| &of.contacts);
        let person = |contact: &super::subscriber::Contact| Person {
            name: contact.name.clone(),
            number: contact.number.clone(),
        };
        Subject {
            account: account.to_owned(),
            need,
            region: of.map(|of| of.region.clone()).unwrap_or_default(),
            flag: of.map_or(Flag::None, |of| of.flag),
            contacts: contacts.map(person).collect(),
            home: of.into_iter().flat_map(Subscriber::numbers).map(str::to_owned).collect(),
        }
    }
}

/// Who is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The number.
    pub number: String,
}

/// How a call ended in which nobody took anything on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered, and no key pressed that takes it on: an answering machine does so.
    Unconfirmed,
    /// Answered, and said by a key that he does not take it on.
    Declined,
    /// Busy.
    Busy,
    /// It rang.
    NoAnswer,
    /// Turned away.
    Refused,
    /// It could not be called.
    Failed,
    /// The plan went on meanwhile.
    Dropped,
}

impl Outcome {
    /// Its word, as it is written down.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Unconfirmed => "unconfirmed",
            Outcome::Declined => "declined",
            Outcome::Busy => "busy",
            Outcome::NoAnswer => "no_answer",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
            Outcome::Dropped => "dropped",
        }
    }

    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Unconfirmed => "answered, and did not take it on",
            Outcome::Declined => "declined",
            Outcome::Busy => "busy",
            Outcome::NoAnswer => "no answer",
            Outcome::Refused => "refused",
            Outcome::Failed => "could not be called",
            Outcome::Dropped => "called off",
        }
    }
}

/// What happened in a plan: written down, and read again at the start.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Event {
    /// It began.
    Begun {
        /// Who began it; empty: it began by itself.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        by: String,
    },
    /// A step began.
    Step {
        /// The how manieth of the plan, from 0.
        nth: usize,
    },
    /// All are called once more.
    Round {
        /// The how manieth time, from 1.
        nth: u32,
    },
    /// Somebody is called.
    Called {
        /// Who.
        name: String,
        /// The number.
        number: String,
    },
    /// Who was called takes it on.
    Accepted {
        /// The number.
        number: String,
    },
    /// Of those whom a step names some, or all, are not called.
    NotCalled {
        /// Who, and why.
        why: String,
        /// Nobody is left to be called in it.
        nobody: bool,
    },
    /// Who was called does not.
    Outcome {
        /// The number.
        number: String,
        /// How it ended.
        outcome: Outcome,
        /// Why it could not be called; empty: it was, or nobody knows.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
    },
    /// One who had taken it on has left the call.
    Left {
        /// The number.
        number: String,
    },
    /// The subscriber's sheet is to go to somebody.
    Sending {
        /// To which resource.
        to: String,
        /// How.
        by: Channel,
        /// Who ordered it; empty: a step of the plan does.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        ordered: String,
    },
    /// Of those to whom a step sends it some, or all, do not get it.
    NotSent {
        /// Who, and why.
        why: String,
    },
    /// It has gone there, or could not.
    Sent {
        /// To which resource.
        to: String,
        /// How.
        by: Channel,
        /// Why not; empty: it is there.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
    },
    /// It is over.
    Ended {
        /// Why.
        why: String,
    },
}

impl Event {
    /// Its word.
    pub fn word(&self) -> &'static str {
        match self {
            Event::Begun { .. } => "begun",
            Event::Step { .. } => "step",
            Event::Round { .. } => "round",
            Event::Called { .. } => "called",
            Event::NotCalled { .. } => "not_called",
            Event::Accepted { .. } => "accepted",
            Event::Outcome { .. } => "outcome",
            Event::Left { .. } => "left",
            Event::Sending { .. } => "sending",
            Event::NotSent { .. } => "not_sent",
            Event::Sent { .. } => "sent",
            Event::Ended { .. } => "ended",
        }
    }

    /// As a person reads it.
    pub fn in_words(&self) -> String {
        match self {
            Event::Begun { by } if by.is_empty() => "the plan begins".into(),
            Event::Begun { by } => format!("the plan begins, by {by}"),
            Event::Step { .. } => "the step begins".into(),
            Event::Round { nth } => format!("all are called again, the {nth}. time"),
            Event::Called { name, number } => format!("{name} ({number}) is called"),
            Event::Accepted { number } => format!("{number} takes it on"),
            Event::NotCalled { why, nobody: true } => format!("nobody is called: {why}"),
            Event::NotCalled { why, nobody: false } => format!("not called: {why}"),
            Event::Outcome { number, outcome, why } if why.is_empty() => {
                format!("{number}: {}", outcome.as_str())
            }
            Event::Outcome { number, outcome, why } => {
                format!("{number}: {}: {why}", outcome.as_str())
            }
            Event::Left { number } => format!("{number} leaves"),
            Event::Sending { to, by, ordered } if ordered.is_empty() => {
                format!("the sheet goes to {to} ({})", by.as_str())
            }
            Event::Sending { to, by, ordered } => {
                format!("the sheet goes to {to} ({}), by {ordered}", by.as_str())
            }
            Event::NotSent { why } => format!("the sheet does not go out: {why}"),
            Event::Sent { to, by, why } if why.is_empty() => {
                format!("the sheet is at {to} ({})", by.as_str())
            }
            Event::Sent { to, by, why } => {
                format!("the sheet does not come to {to} ({}): {why}", by.as_str())
            }
            Event::Ended { why } => format!("the plan is over: {why}"),
        }
    }
}
