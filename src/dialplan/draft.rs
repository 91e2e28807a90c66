//! A plan in the making: what the readers have gathered so far, the faults met, and the names that
//! have to exist once everything is read.
//!
//! Place: one [`Draft`] goes through every file of a load; `check` then resolves its mentions and
//! walks the blocks; what is left is the [`Plan`](super::model::Plan).

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::calendar::Days;
use super::fault::{Fault, Faults, Place};
use super::function::FUNCTIONS;
use super::model::{BlockId, Plan, Step};
use super::template::Template;

/// The most steps of a plan.
pub const MAX_STEPS: usize = 100_000;

/// What the loader knows of the appliance around the plan. What is `None` is not checked.
#[derive(Clone, Debug)]
pub struct LoadEnv {
    /// Names of the prompts there are, for each language.
    pub prompts: Option<BTreeMap<String, BTreeSet<String>>>,
    /// Numbers of the phones.
    pub phones: Option<BTreeSet<String>>,
    /// Names of the gateways.
    pub gateways: Option<BTreeSet<String>>,
    /// Names of the music classes.
    pub music: Option<BTreeSet<String>>,
    /// Names of the queues.
    pub queues: Option<BTreeSet<String>>,
    /// The language of a call that sets none.
    pub language: String,
    /// The time zone of all conditions; given, because finding it means reading files.
    pub zone: TimeZone,
    /// The SIP domain: `${domain_name}` and `$${domain}`.
    pub domain: String,
    /// Days off that no list of the plan names: `[dialplan] holidays` of belfry.toml.
    pub holidays: Vec<Days>,
    /// Values for FreeSWITCH's `$${…}` that no file sets.
    pub globals: BTreeMap<String, String>,
    /// Paths of XML files that are read only where another includes them: those in folders of the
    /// dialplan's directory.
    pub only_included: BTreeSet<String>,
}

impl Default for LoadEnv {
    fn default() -> LoadEnv {
        LoadEnv {
            prompts: None,
            phones: None,
            gateways: None,
            music: None,
            queues: None,
            language: "zh-CN".into(),
            zone: TimeZone::UTC,
            domain: "localhost".into(),
            holidays: Vec::new(),
            globals: BTreeMap::new(),
            only_included: BTreeSet::new(),
        }
    }
}

/// Kinds of things that a step can name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mentioned {
    /// A `[menu.NAME]`.
    Menu,
    /// A `[survey.NAME]`.
    Survey,
    /// A `[sub.NAME]`.
    Sub,
    /// A route.
    Route,
    /// A context.
    Context,
    /// A holiday list.
    Holidays,
    /// A prompt.
    Prompt,
    /// A phone's number.
    Phone,
    /// A gateway.
    Gateway,
    /// A music class.
    Music,
    /// A language.
    Language,
    /// A queue of agents.
    Queue,
    /// A `[service.NAME]`.
    Service,
    /// A `[query.NAME]`.
    Query,
}

impl Mentioned {
    /// The word for messages.
    pub fn word(self) -> &'static str {
        match self {
            Mentioned::Menu => "menu",
            Mentioned::Survey => "survey",
            Mentioned::Sub => "sub-routine",
            Mentioned::Route => "route",
            Mentioned::Context => "context",
            Mentioned::Holidays => "holiday list",
            Mentioned::Prompt => "prompt",
            Mentioned::Phone => "phone",
            Mentioned::Gateway => "gateway",
            Mentioned::Music => "music class",
            Mentioned::Language => "language",
            Mentioned::Queue => "queue",
            Mentioned::Service => "service",
            Mentioned::Query => "query",
        }
    }
}

/// A name that has to exist.
#[derive(Debug)]
pub(super) struct Mention {
    pub what: Mentioned,
    pub name: String,
    pub place: Place,
}

/// A number that is sent to a context, where a route should take it.
#[derive(Debug)]
pub(super) struct Sent {
    pub number: String,
    pub context: Option<String>,
    pub place: Place,
}

/// The plan in the making.
#[derive(Debug)]
pub(super) struct Draft<'e> {
    pub plan: Plan,
    pub faults: Faults,
    pub env: &'e LoadEnv,
    pub mentions: Vec<Mention>,
    pub sent: Vec<Sent>,
    /// Variables that texts and conditions read, each where it is read first.
    pub reads: BTreeMap<String, Place>,
    steps: usize,
}

impl<'e> Draft<'e> {
    pub fn new(files: Vec<String>, env: &'e LoadEnv) -> Draft<'e> {
        let plan = Plan {
            files: files.clone(),
            contexts: BTreeMap::new(),
            routes: Vec::new(),
            blocks: Vec::new(),
            menus: BTreeMap::new(),
            surveys: BTreeMap::new(),
            subs: BTreeMap::new(),
            services: BTreeMap::new(),
            queries: BTreeMap::new(),
            holidays: BTreeMap::new(),
            days_off: env.holidays.clone(),
            variables: BTreeMap::new(),
            globals: BTreeMap::new(),
            zone: env.zone.clone(),
            language: env.language.clone(),
            domain: env.domain.clone(),
            prompts: env.prompts.clone(),
        };
        let faults = Faults::new(files);
        let (mentions, sent, reads) = (Vec::new(), Vec::new(), BTreeMap::new());
        Draft { plan, faults, env, mentions, sent, reads, steps: 0 }
    }

    /// Keeps a block of steps; past [`MAX_STEPS`] the rest is dropped and reported.
    pub fn block(&mut self, mut steps: Vec<Step>) -> BlockId {
        let room = MAX_STEPS - self.steps;
        if steps.len() > room {
            let place = steps[room].place;
            self.faults.error(
                place,
                format!("the plan has more than {MAX_STEPS} steps"),
                "split it",
            );
            steps.truncate(room);
        }
        self.steps += steps.len();
        self.plan.blocks.push(steps);
        BlockId(self.plan.blocks.len() as u32 - 1)
    }

    /// A variable is read at a place.
    pub fn read(&mut self, variable: &str, place: Place) {
        let first = self.reads.entry(variable.to_owned()).or_insert(place);
        *first = place.min(*first);
    }

    /// Reads a text with variables; what is wrong with it is reported and leaves an empty text.
    pub fn template(&mut self, text: &str, place: Place) -> Template {
        let template = Template::parse(text).unwrap_or_else(|error| {
            let (what, remedy) = error.explain();
            let at = text.get(..error.at()).unwrap_or("").chars().count();
            self.faults.error(Place { column: place.column + at as u32, ..place }, what, remedy);
            Template::plain("")
        });
        for name in template.reads() {
            self.read(&name, place);
        }
        let lacking =
            template.functions().into_iter().find(|f| !FUNCTIONS.contains(f)).map(str::to_owned);
        if let Some(name) = lacking {
            self.faults.warn(
                place,
                format!("the function '${{{name}(…)}}' is not in Belfry and gives an empty text"),
                format!("use a variable; functions are {}", FUNCTIONS.join(", ")),
            );
        }
        template
    }

    /// Notes that a thing of this name has to exist, unless the name depends on the call.
    pub fn mention(&mut self, what: Mentioned, name: &Template, place: Place) {
        if let Some(name) = name.fixed().filter(|n| !n.is_empty()) {
            self.mentions.push(Mention { what, name: name.into_owned(), place });
        }
    }

    /// Notes that a number is sent to a context, unless it depends on the call.
    pub fn send(&mut self, number: &Template, context: Option<&Template>, place: Place) {
        let fixed = |t: &Template| t.fixed().map(std::borrow::Cow::into_owned);
        if let Some(number) = fixed(number).filter(|n| !n.is_empty() && !n.contains('$')) {
            match context.map(fixed) {
                Some(None) => {}
                Some(Some(context)) => {
                    self.sent.push(Sent { number, context: Some(context), place })
                }
                None => self.sent.push(Sent { number, context: None, place }),
            }
        }
    }

    /// The plan, or the faults that forbid it; the warnings go with either.
    pub fn finish(self) -> Result<(Plan, Vec<Fault>), Vec<Fault>> {
        let has_errors = self.faults.has_errors();
        let faults = self.faults.into_sorted();
        if has_errors { Err(faults) } else { Ok((self.plan, faults)) }
    }
}
