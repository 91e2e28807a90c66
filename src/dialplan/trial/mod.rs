//! `belfry dialplan test`: calls that are tried on the plan, with the keys that are pressed and the
//! path that is expected.
//!
//! Place: the command reads files of [`Trial`]s and runs each through the same interpreter that calls
//! run through; nothing is played, dialled or waited for. What a trial does not mention may happen;
//! what it mentions must happen, in that order.
//!
//! ```text
//! [[test]]                       file ──▶ Trial ──▶ run ──▶ Report
//! name    = "key 2 checks in"
//! context = "gateway"
//! to      = "4008001234"
//! path    = ["answer", { hear = "care/menu" }, { press = "2" }, { hear = "care/checked-in" }]
//! ```
//!
//! Not here: prompts' lengths (each is taken for two seconds), audio, phones. A `dial` ends as the
//! trial says.

mod coverage;
mod file;
mod run;
mod words;

use std::collections::BTreeSet;

use serde::Serialize;

use super::cause::Cause;
use super::effect::{AlarmEnd, ConferenceEnd, QueueEnd, Recording};
use super::fault::Place;
use super::interp::{Entry, Trail};
use super::lookup;
use crate::base::Wall;

pub use coverage::{Coverage, Part, coverage};
pub use file::{KEYS, LINES, LineKind, read};
pub use run::run;

/// The most trials of a file.
pub const MAX_TRIALS: usize = 10_000;

/// One call to be tried.
#[derive(Clone, PartialEq, Debug)]
pub struct Trial {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// The call as it comes in.
    pub entry: Entry,
    /// When it comes in.
    pub wall: Wall,
    /// What is expected and what the caller does, in order.
    pub path: Vec<Line>,
}

/// One line of a path.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    /// Where it stands.
    pub place: Place,
    /// The line as it is told when it is not met.
    pub text: String,
    /// What it says.
    pub what: What,
}

/// What a line of a path says.
#[derive(Clone, PartialEq, Debug)]
pub enum What {
    /// This route has the call.
    Route(String),
    /// The call is answered.
    Answer,
    /// The speech path opens without an answer.
    EarlyMedia,
    /// The caller is told that it rings.
    Ring,
    /// The caller hears itself.
    Echo,
    /// A prompt (or `tone`, `music`) is heard.
    Hear {
        /// Its name.
        name: String,
        /// In this language, where that matters.
        language: Option<String>,
    },
    /// The caller is asked for keys and presses these.
    Press(String),
    /// The caller is asked for keys and presses none.
    Silent,
    /// Somebody is called.
    Dial {
        /// A phone, a number, or `gateway/number`.
        target: String,
        /// What comes of it.
        outcome: Outcome,
    },
    /// The caller comes into a conference, and leaves it so.
    Conference(String, ConferenceEnd),
    /// The caller waits in a queue, which ends so.
    Queue(String, QueueEnd),
    /// A program or the store is asked.
    Ask {
        /// The service, the host or the query.
        name: String,
        /// What comes of it.
        outcome: lookup::Outcome,
        /// What it answers.
        values: Vec<(String, String)>,
    },
    /// The alarms of a unit are received, and that ends so.
    Alarm(AlarmEnd),
    /// A field is put onto the record.
    Field {
        /// Its name.
        name: String,
        /// Its value, where that matters.
        value: Option<String>,
    },
    /// A question of a survey is answered.
    Survey {
        /// The question's name.
        question: String,
        /// The key kept, where that matters.
        key: Option<String>,
    },
    /// The recording begins, ends, pauses, goes on.
    Record(Recording),
    /// The plan clears the call, with this cause where that matters.
    Hangup(Option<Cause>),
    /// The caller hangs up, during what is being done.
    CallerHangsUp,
}

/// What comes of a dial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// They talk for a minute; the called party hangs up.
    Answered,
    /// They talk for a minute; the caller hangs up.
    CallerHangsUp,
    /// Nobody answers, with this cause.
    Failed(Cause),
}

/// How a trial went.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// `file:line` of it.
    pub place: String,
    /// What was not as expected; nothing when all was.
    pub failure: Option<Failure>,
    /// What happened, in words.
    pub happened: Vec<String>,
    /// The routes that had the call, as indexes into the plan's.
    #[serde(skip)]
    pub routes: Vec<usize>,
    /// Blocks and places in them that it came by.
    #[serde(skip)]
    trail: Trail,
    /// Answers that were kept: survey, question, key.
    #[serde(skip)]
    answers: BTreeSet<(String, String, String)>,
}

/// What was not as expected.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Failure {
    /// `file:line` of the line that was not met.
    pub place: String,
    /// What was expected.
    pub expected: String,
    /// What happened instead, since the line before was met.
    pub instead: Vec<String>,
    /// Why it was not waited for any longer.
    pub why: String,
}

#[cfg(test)]
mod tests;
