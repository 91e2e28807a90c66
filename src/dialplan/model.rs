//! The checked plan: contexts of routes, routes of conditions, conditions of steps; menus, surveys,
//! sub-routines, holiday lists.
//!
//! Place: both readers (TOML and FreeSWITCH XML) build this one model, `check` goes over it, the
//! interpreter runs it. Steps stand in numbered blocks, so that a running call's position is plain
//! numbers.
//!
//! ```text
//! Plan ─ context "gateway" ─ Route ─ Condition ─┬ test
//!                                               ├ actions: Block ─ Step, Step, …
//!                                               └ otherwise: Block
//! ```

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::calendar::{Days, any_holds};
use super::cause::Cause;
use super::condition::Test;
use super::effect::{AlarmKeys, Keys, Level, Recording, Tone};
use super::fault::Place;
use super::lookup::{Method, Secret};
use super::number::Pattern;
use super::say::Kind;
use super::template::Template;

/// A block of steps, by its number in the plan.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct BlockId(pub u32);

/// A whole dialplan, read and checked. Never changes; a reload makes another one and running calls
/// keep theirs.
#[derive(Debug)]
pub struct Plan {
    pub(super) files: Vec<String>,
    pub(super) contexts: BTreeMap<String, Vec<usize>>,
    pub(super) routes: Vec<Route>,
    pub(super) blocks: Vec<Vec<Step>>,
    pub(super) menus: BTreeMap<String, Menu>,
    pub(super) surveys: BTreeMap<String, Survey>,
    pub(super) subs: BTreeMap<String, (BlockId, Place)>,
    pub(super) services: BTreeMap<String, Service>,
    pub(super) queries: BTreeMap<String, Query>,
    pub(super) holidays: BTreeMap<String, Vec<Days>>,
    /// Days off from around the plan, which belong to no list of it.
    pub(super) days_off: Vec<Days>,
    pub(super) variables: BTreeMap<String, String>,
    /// FreeSWITCH's globals, which a variable that the call has not set falls back on.
    pub(super) globals: BTreeMap<String, String>,
    pub(super) zone: TimeZone,
    pub(super) language: String,
    pub(super) domain: String,
    /// Names of the prompts there are, for each language; none: nobody knows.
    pub(super) prompts: Option<BTreeMap<String, BTreeSet<String>>>,
}

impl Plan {
    /// Whether there is a prompt of this name in a language, as far as that is known.
    pub fn lacks_prompt(&self, name: &str, language: &str) -> bool {
        let in_it = |all: &BTreeMap<String, BTreeSet<String>>| {
            all.get(language).is_some_and(|own| own.contains(name))
        };
        self.prompts.as_ref().is_some_and(|all| !in_it(all))
    }

    /// Whether there is such a context.
    pub fn has_context(&self, name: &str) -> bool {
        self.contexts.contains_key(name)
    }
    /// The contexts, by name.
    pub fn contexts(&self) -> impl Iterator<Item = &str> {
        self.contexts.keys().map(String::as_str)
    }
    /// The contexts that steps lead to; `None`: one is told by a variable, so that it may be any.
    pub fn contexts_entered(&self) -> Option<BTreeSet<String>> {
        let mut entered = BTreeSet::new();
        for step in self.blocks.iter().flatten() {
            let context = match &step.op {
                Op::Transfer { context, .. } | Op::Extension { context, .. } => context.as_ref(),
                Op::Goto { route } => {
                    let (_, route) = self.route_named(&route.fixed()?)?;
                    entered.insert(route.context.clone());
                    None
                }
                _ => None,
            };
            if let Some(context) = context {
                entered.insert(context.fixed()?.into_owned());
            }
        }
        Some(entered)
    }
    /// Whether any step takes a caller's report of a check-in.
    pub fn checks_in(&self) -> bool {
        self.blocks.iter().flatten().any(|step| matches!(step.op, Op::CheckIn))
    }
    /// The surveys, each with its questions' names.
    pub fn surveys(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.surveys.iter().map(|(name, survey)| {
            (name.as_str(), survey.questions.iter().map(|q| q.name.as_str()).collect())
        })
    }
    /// The services that are asked, by name.
    pub fn services(&self) -> impl Iterator<Item = (&str, &Service)> {
        self.services.iter().map(|(name, service)| (name.as_str(), service))
    }
    /// The queries to the store, by name.
    pub fn queries(&self) -> impl Iterator<Item = (&str, &Query)> {
        self.queries.iter().map(|(name, query)| (name.as_str(), query))
    }
    /// The survey that `*4` sends callers to: the one that says so, else the first by name.
    pub fn survey_by_code(&self) -> Option<&str> {
        let said = self.surveys.iter().find(|(_, survey)| survey.by_code);
        said.or(self.surveys.iter().next()).map(|(name, _)| name.as_str())
    }
    /// The version and the design (JSON) of a survey.
    pub fn survey_design(&self, name: &str) -> Option<(&str, &str)> {
        self.surveys.get(name).map(|survey| (survey.version.as_str(), survey.design.as_str()))
    }
    /// The file in which a survey stands.
    pub fn file_of_survey(&self, name: &str) -> Option<&str> {
        self.surveys.get(name).map(|survey| self.file_of(survey.place))
    }
    /// How many routes there are.
    pub fn route_count(&self) -> usize {
        self.routes.len()
    }
    /// The language of a call that has set none.
    pub fn language(&self) -> &str {
        &self.language
    }
    /// The time zone of its conditions.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The steps of a block; none for a number that is not a block's (a state kept from another plan).
    pub(super) fn block(&self, id: BlockId) -> &[Step] {
        self.blocks.get(id.0 as usize).map_or(&[], Vec::as_slice)
    }
    /// The routes of a context in their order; FreeSWITCH's `global` context stands in for one that
    /// is not there.
    pub(super) fn routes_of(&self, context: &str) -> Option<impl Iterator<Item = (usize, &Route)>> {
        let routes = self.contexts.get(context).or_else(|| self.contexts.get("global"))?;
        Some(routes.iter().map(|at| (*at, &self.routes[*at])))
    }
    /// The first route of this name.
    pub(super) fn route_named(&self, name: &str) -> Option<(usize, &Route)> {
        self.routes.iter().enumerate().find(|(_, route)| route.name == name)
    }
    /// Whether `date` is in the holiday list; for an empty name, in any list or a day off of the
    /// configuration.
    pub fn is_holiday(&self, list: &str, date: Date) -> bool {
        match list {
            "" => {
                any_holds(&self.days_off, date)
                    || self.holidays.values().any(|days| any_holds(days, date))
            }
            name => self.holidays.get(name).is_some_and(|days| any_holds(days, date)),
        }
    }
    /// The names of its lists of holidays.
    pub fn holiday_lists(&self) -> impl Iterator<Item = &str> {
        self.holidays.keys().map(String::as_str)
    }
    /// The file of a place.
    pub fn file_of(&self, place: Place) -> &str {
        self.files.get(usize::from(place.file)).map_or("?", String::as_str)
    }
    /// `file:line` of a place.
    pub(super) fn at(&self, place: Place) -> String {
        format!("{}:{}", self.file_of(place), place.line)
    }
}

/// A way through a context: TOML's `[[route]]`, FreeSWITCH's `<extension>`.
#[derive(Debug)]
pub(super) struct Route {
    pub name: String,
    pub context: String,
    pub place: Place,
    /// FreeSWITCH's `continue`: look at the following routes too.
    pub goes_on: bool,
    pub conditions: Vec<Condition>,
    /// Steps that run when the caller is gone.
    pub on_hangup: Option<BlockId>,
}

/// A condition with what follows when it holds and when not.
#[derive(Debug)]
pub(super) struct Condition {
    pub test: Test,
    pub stop: Break,
    pub actions: BlockId,
    pub otherwise: BlockId,
    pub nested: Vec<Condition>,
    /// Whether the route matches only if the nested conditions do.
    pub require_nested: bool,
}

/// FreeSWITCH's `break`: after which outcome the following conditions are not looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // the words are FreeSWITCH's
pub(super) enum Break {
    OnTrue,
    OnFalse,
    Always,
    Never,
}

/// One step with its place in the files.
#[derive(Debug)]
pub(super) struct Step {
    pub op: Op,
    /// FreeSWITCH's `inline`: runs while the route is looked for.
    pub inline: bool,
    /// Written as FreeSWITCH XML: its variables and its rules for early media and dialling hold.
    pub freeswitch: bool,
    pub place: Place,
}

/// What a step does.
#[derive(Debug)]
pub(super) enum Op {
    Accept,
    Answer,
    CheckIn,
    ReceiveAlarm {
        protocol: AlarmKeys,
        hang_up: bool,
    },
    EarlyMedia,
    Ring,
    Hangup {
        cause: Reason,
    },
    /// FreeSWITCH's `respond`: cleared with this SIP status.
    Respond {
        status: u16,
    },
    Play {
        items: Vec<Media>,
        stop_on: StopOn,
        times: u32,
    },
    /// A play for which no step waits.
    PlayOver {
        items: Vec<Media>,
    },
    Say {
        kind: Kind,
        value: Template,
        language: Option<Template>,
        stop_on: Keys,
    },
    Menu {
        name: Template,
    },
    MenuMove(MenuMove),
    Collect(Box<CollectOp>),
    Set(Vec<(Template, Template)>),
    Unset(Vec<Template>),
    If {
        test: Test,
        then: BlockId,
        otherwise: BlockId,
    },
    Goto {
        route: Template,
    },
    Transfer {
        number: Template,
        context: Option<Template>,
    },
    /// FreeSWITCH's `execute_extension`: run another route and come back.
    Extension {
        number: Template,
        context: Option<Template>,
    },
    Call {
        sub: Template,
    },
    Return,
    Wait {
        ms: Option<u32>,
    },
    Echo {
        ms: Option<u32>,
        stop_on: Keys,
    },
    Music {
        class: Template,
    },
    StopMusic,
    Dial(Box<DialOp>),
    Conference(Box<ConferenceOp>),
    Queue(Box<QueueOp>),
    Lookup(Box<LookupOp>),
    Record(Recording),
    SendDigits {
        digits: Template,
        on_ms: u32,
        off_ms: u32,
    },
    Survey {
        name: Template,
    },
    Language {
        language: Template,
    },
    Note {
        name: Template,
        value: Template,
    },
    Log {
        level: Level,
        text: Template,
    },
    /// FreeSWITCH's `info`: log the variables.
    Info,
    Stop,
    /// A FreeSWITCH application that Belfry lacks. The call goes on without it, or is cleared when
    /// the application was what the call came for.
    Lacking {
        app: String,
        ends_call: bool,
    },
    /// A FreeSWITCH application that has nothing to do here (`eval`).
    Nothing,
}

impl Op {
    /// Whether the step leads elsewhere.
    pub fn jumps(&self) -> bool {
        matches!(
            self,
            Op::Goto { .. }
                | Op::Transfer { .. }
                | Op::Extension { .. }
                | Op::Call { .. }
                | Op::Return
                | Op::Stop
        )
    }

    /// Whether nothing behind this step in its block is reached.
    pub fn ends_block(&self) -> bool {
        matches!(
            self,
            Op::Hangup { .. }
                | Op::Respond { .. }
                | Op::Goto { .. }
                | Op::Transfer { .. }
                | Op::Stop
                | Op::Return
                | Op::MenuMove(_)
                | Op::Lacking { ends_call: true, .. }
                | Op::Wait { ms: None }
                | Op::Echo { ms: None, stop_on: Keys::NONE }
        )
    }
}

/// A clearing cause, fixed or from a variable.
#[derive(Debug)]
pub(super) enum Reason {
    Fixed(Cause),
    Text(Template),
}

/// One thing to play, before variables are filled in.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Media {
    Prompt(Template),
    Tone {
        tone: Tone,
        ms: Option<u32>,
    },
    Silence {
        ms: u32,
    },
    /// Music without end.
    Music(Template),
    /// A FreeSWITCH path with variables in it, read when it is played.
    Path(Template),
}

/// Which keys stop a playing.
#[derive(Debug)]
pub(super) enum StopOn {
    Keys(Keys),
    /// FreeSWITCH's `playback_terminators` variable, `*` when it is not set.
    Variable,
}

/// A move among menus.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(super) enum MenuMove {
    /// Play this menu again.
    Again,
    /// Leave this menu for the one that led here, which plays again.
    Back,
    /// Leave all menus but the first, which plays again.
    Top,
    /// Leave all menus.
    Exit,
}

/// A queue step.
#[derive(Clone, Debug)]
pub(super) struct QueueOp {
    pub name: Template,
    pub priority: u32,
    pub vip: bool,
    pub region: Option<Template>,
    pub longest_ms: Option<u32>,
    pub exit: Keys,
    pub call_back: Keys,
    pub on: Vec<(String, BlockId)>,
}

/// A conference step.
#[derive(Clone, Debug)]
pub(super) struct ConferenceOp {
    pub name: Template,
    /// Empty: none is asked for.
    pub pin: Template,
    pub prompt: Vec<Media>,
    pub invalid: Vec<Media>,
    pub tries: u8,
    /// Told to who may not come in, or is sent out, where `on` has no steps for it.
    pub locked: Vec<Media>,
    pub full: Vec<Media>,
    pub kicked: Vec<Media>,
    pub muted: bool,
    pub deaf: bool,
    /// The caller's voice is brought to one level.
    pub agc: bool,
    pub most: u32,
    pub music: Option<Template>,
    pub tones: bool,
    pub record: bool,
    pub leave: Keys,
    pub on: Vec<(String, BlockId)>,
}

/// `collect`.
#[derive(Debug)]
pub(super) struct CollectOp {
    pub into: Template,
    pub prompt: Vec<Media>,
    pub invalid: Vec<Media>,
    pub min: u8,
    pub max: u8,
    pub terminators: Keys,
    pub first_ms: u32,
    pub next_ms: u32,
    pub tries: u8,
    pub valid: Option<Pattern>,
    /// Name of the branch (`failed`, `timeout`) and its steps.
    pub on: Vec<(String, BlockId)>,
    /// FreeSWITCH's `transfer_on_failure`.
    pub on_failure: Option<(Template, Option<Template>)>,
}

/// `dial` and `bridge`.
#[derive(Debug)]
pub(super) struct DialOp {
    pub groups: Groups,
    pub ring_ms: Option<u32>,
    /// Seconds that a target of its own rings at most, by group and place: FreeSWITCH's `[leg_timeout=4]`.
    pub brief: Vec<(usize, usize, Template)>,
    pub meanwhile: MeanwhileOp,
    pub caller_number: Option<Template>,
    pub caller_name: Option<Template>,
    pub record: bool,
    pub emergency: bool,
    pub auto_answer: bool,
    /// Headers of applications.
    pub headers: Vec<(String, Template)>,
    /// Name of the outcome (`busy`, `else`, …) and its steps.
    pub on: Vec<(String, BlockId)>,
    /// FreeSWITCH's `{a=b}` before the targets.
    pub variables: Vec<(String, Template)>,
}

/// Whom a dial calls.
#[derive(Debug)]
pub(super) enum Groups {
    Fixed(Vec<Vec<TargetOp>>),
    /// A whole FreeSWITCH dial string in a variable, read when it is dialled.
    Text(Template),
}

/// One target before variables are filled in.
#[derive(Clone, Debug)]
pub(super) enum TargetOp {
    Phone(Template),
    Gateway { name: Template, number: Template },
    Fail(Cause),
}

/// What the caller hears meanwhile, before variables are filled in.
#[derive(Debug)]
pub(super) enum MeanwhileOp {
    Ringback,
    Music(Template),
    EarlyMedia,
    /// FreeSWITCH's `ringback`, `transfer_ringback` and `ignore_early_media` variables.
    Variables,
}

/// A menu: a prompt, and what the keys do.
#[derive(Debug)]
pub(super) struct Menu {
    pub place: Place,
    pub prompt: Vec<Media>,
    /// From the second time on; the first prompt when there is none.
    pub prompt_again: Vec<Media>,
    pub invalid: Vec<Media>,
    pub no_input: Vec<Media>,
    /// Played when the tries are used up (TOML) or when the top menu is left (XML).
    pub exit: Vec<Media>,
    pub entries: Vec<MenuEntry>,
    pub direct_dial: Option<(Pattern, Template)>,
    pub first_ms: u32,
    pub next_ms: u32,
    /// The most keys of an entry.
    pub max: u8,
    pub tries: Tries,
    /// FreeSWITCH's way: after an entry's steps the menu plays again.
    pub returns: bool,
    /// `timeout`, `invalid` or `else`, and its steps.
    pub on: Vec<(String, BlockId)>,
}

/// One key, or pattern of keys, of a menu.
#[derive(Debug)]
pub(super) struct MenuEntry {
    pub keys: Pattern,
    pub block: BlockId,
}

/// When a menu gives up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tries {
    /// After so many in all.
    Total(u8),
    /// After so many wrong entries in a row or so many silences (FreeSWITCH).
    Each { wrong: u8, silent: u8 },
}

/// A survey: questions with keys.
#[derive(Debug)]
pub(super) struct Survey {
    pub place: Place,
    /// The one that `*4` sends callers to.
    pub by_code: bool,
    /// Of its design: another design is another version.
    pub version: String,
    /// Its design as JSON, with the keys of `[survey.NAME]`.
    pub design: String,
    pub intro: Vec<Media>,
    pub thanks: Vec<Media>,
    pub invalid: Vec<Media>,
    pub questions: Vec<Question>,
}

/// One question of a survey.
#[derive(Debug)]
pub(super) struct Question {
    pub name: String,
    pub title: String,
    pub prompt: Vec<Media>,
    /// Key and meaning.
    pub keys: Vec<(String, String)>,
    /// Answered by voice, for so long at most.
    pub voice_ms: Option<u32>,
    /// Where a key leads; `else`: any other, and none.
    pub next: Vec<(String, Next)>,
    pub tries: u8,
    pub first_ms: u32,
}

/// A program that is asked by HTTP.
#[derive(Clone, Debug)]
pub struct Service {
    /// Where it stands.
    pub place: Place,
    /// Where it is; what steps ask is put behind.
    pub url: String,
    /// Headers of each request.
    pub headers: Vec<(String, String)>,
    /// Where the header is kept that nobody may read.
    pub secret: Option<Secret>,
    /// How often a request is sent again that came to nothing.
    pub retries: u8,
}

/// A named query to the store.
#[derive(Clone, Debug)]
pub struct Query {
    /// Where it stands.
    pub place: Place,
    /// The statement; its values stand as `:name`.
    pub sql: String,
    /// It may change the business's own tables.
    pub write: bool,
    /// The most rows that are taken.
    pub rows: u8,
    /// The names of its values.
    pub values: BTreeSet<String>,
}

/// A step that asks a program or the store.
#[derive(Debug)]
pub(super) struct LookupOp {
    pub what: LookupWhat,
    /// Variable, and where its value stands in the answer.
    pub take: Vec<(String, String)>,
    pub longest_ms: u32,
    /// Told once when the answer takes its time.
    pub say: Vec<Media>,
    /// Heard behind that; the ringing tone when there is none.
    pub music: Option<Template>,
    /// Told when it came to nothing and `on` has no steps for that.
    pub apology: Vec<Media>,
    pub on: Vec<(String, BlockId)>,
}

/// What is asked.
#[derive(Debug)]
pub(super) enum LookupWhat {
    Http {
        service: Option<String>,
        method: Method,
        /// The whole address, or what is put behind the service's.
        url: Template,
        headers: Vec<NamedValue>,
        body: Option<Vec<NamedValue>>,
        /// The variable that takes the answer as it is.
        whole: Option<String>,
        retries: Option<u8>,
    },
    Sql {
        query: String,
        with: Vec<NamedValue>,
    },
}

/// A name with a text.
#[derive(Clone, Debug)]
pub(super) struct NamedValue {
    pub name: String,
    pub text: Template,
    /// It was written without quotes: a number, true or false.
    pub bare: bool,
    pub place: Place,
}

/// Where an answer leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// To this question, by its place.
    Question(u32),
    /// To the end.
    End,
}
