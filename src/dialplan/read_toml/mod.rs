//! Belfry's own spelling: a TOML file into the plan.
//!
//! Place: [`load`](super::load) hands each `*.toml` here. The file is parsed with the place of every
//! value kept, its sections are read by the tables in [`apps::sections`](super::apps::sections), its
//! steps by the table of applications. What is wrong is reported and left out; the rest is read, so
//! that one run finds every fault.
//!
//! Not here: whether the names exist (check), XML.

mod lists;
mod lookups;
mod steps;
mod surveys;
mod values;
mod when;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::apps::param::{Arg, Args};
use super::apps::sections::{MENU, ROUTE, SECTION_NAMES, SUB};
use super::condition::Test;
use super::draft::{Draft, Mentioned};
use super::fault::{Place, Source, did_you_mean};
use super::model::{Break, Condition, Menu, MenuEntry, Route, Tries};
use super::number::Pattern;
use super::template::Template;

/// The most keys of a menu entry whose pattern has no end.
const MAX_MENU_KEYS: usize = 20;

/// The file being read.
struct Reader<'a, 'd, 'e> {
    draft: &'d mut Draft<'e>,
    source: &'a Source<'a>,
    /// Inside of `on-hangup`, where the caller is gone.
    after_hangup: bool,
}

/// Reads one file into the draft.
pub(super) fn read(draft: &mut Draft<'_>, source: &Source<'_>) {
    let (document, errors) = DeTable::parse_recoverable(source.text);
    for error in &errors {
        let place = source.place(error.span().map_or(0, |span| span.start));
        draft.faults.error(place, format!("not TOML: {}", error.message()), "correct the line");
    }
    // What the parser recovered from a broken file would give faults that are none.
    if errors.is_empty() {
        Reader { draft, source, after_hangup: false }.document(document.get_ref());
    }
}

/// A table's entries in the order of the file (the parser sorts them by name).
fn entries<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t str, usize, &'t Spanned<DeValue<'i>>)> {
    let mut all: Vec<_> = table.iter().map(|(k, v)| (&**k.get_ref(), k.span().start, v)).collect();
    all.sort_by_key(|(_, at, _)| *at);
    all
}

impl Reader<'_, '_, '_> {
    fn place(&self, value: &Spanned<DeValue<'_>>) -> Place {
        self.source.place(value.span().start)
    }

    fn document(&mut self, document: &DeTable<'_>) {
        for (name, at, value) in entries(document) {
            // A file of nothing but faults need not be read to its end.
            if self.draft.faults.is_full() {
                return;
            }
            let place = self.source.place(at);
            match (name, value.get_ref()) {
                ("route", DeValue::Array(routes)) => {
                    for route in routes.iter() {
                        self.route(route);
                    }
                }
                ("route", _) => self.draft.faults.error(
                    place,
                    "'route' is a list",
                    "write [[route]] with two brackets",
                ),
                (
                    "menu" | "survey" | "sub" | "service" | "query" | "holidays" | "variables",
                    DeValue::Table(table),
                ) => {
                    for (item, at, value) in entries(table) {
                        let place = self.source.place(at);
                        match name {
                            "menu" => self.menu(item, place, value),
                            "survey" => self.survey(item, place, value),
                            "sub" => self.sub(item, place, value),
                            "service" => self.service(item, place, value),
                            "query" => self.query(item, place, value),
                            "holidays" => self.holidays(item, place, value),
                            _ => self.variable(item, value),
                        }
                    }
                }
                ("menu" | "survey" | "sub" | "service" | "query" | "holidays" | "variables", _) => {
                    let what = format!("'{name}' is a table of named things");
                    self.draft.faults.error(place, what, format!("write [{name}.NAME]"));
                }
                _ => {
                    let what = format!("'{name}' is not a section of a dialplan");
                    self.draft.faults.error(place, what, did_you_mean(name, SECTION_NAMES));
                }
            }
        }
    }

    fn route(&mut self, value: &Spanned<DeValue<'_>>) {
        let Some(mut args) = self.section(&ROUTE, value) else {
            return;
        };
        let name_place = args.place_of("name");
        let name = self.fixed(&mut args, "name").unwrap_or_else(|| "unnamed".into());
        let context = self.fixed(&mut args, "context").unwrap_or_default();
        let test = args.when("when").unwrap_or(Test::Always);
        let actions = args.steps("steps").unwrap_or_else(|| self.draft.block(Vec::new()));
        let otherwise = self.draft.block(Vec::new());
        let twin = self.draft.plan.routes.iter().find(|r| r.name == name && r.place.column != 0);
        if let Some(at) = twin.map(|twin| self.draft.plan.at(twin.place)) {
            let what = format!("there is a route '{name}' already, at {at}");
            self.draft.faults.error(name_place, what, "give it another name");
        }
        let condition = Condition {
            test,
            stop: Break::OnFalse,
            actions,
            otherwise,
            nested: Vec::new(),
            require_nested: true,
        };
        let route = Route {
            place: args.place,
            goes_on: args.flag("continue"),
            on_hangup: args.steps("on-hangup"),
            conditions: vec![condition],
            context: context.clone(),
            name,
        };
        let plan = &mut self.draft.plan;
        plan.contexts.entry(context).or_default().push(plan.routes.len());
        plan.routes.push(route);
    }

    /// A parameter that cannot depend on the call.
    fn fixed(&mut self, args: &mut Args, param: &str) -> Option<String> {
        let place = args.place_of(param);
        let text = args.text(param)?;
        match text.fixed() {
            Some(fixed) if !fixed.is_empty() => Some(fixed.into_owned()),
            Some(_) => {
                self.draft.faults.error(place, format!("'{param}' is empty"), "name it");
                None
            }
            None => {
                self.draft.faults.error(
                    place,
                    format!("'{param}' cannot have variables in it"),
                    "write plain text",
                );
                None
            }
        }
    }

    /// The numbers that a menu dials as they are pressed, and in which context.
    fn direct_dial(&mut self, args: &mut Args) -> Option<(Pattern, Template)> {
        let place = args.place_of("direct-dial");
        match (args.pattern("direct-dial"), args.text("direct-dial-context")) {
            (Some(pattern), Some(context)) => {
                self.draft.mention(Mentioned::Context, &context, place);
                Some((pattern, context))
            }
            (Some(_), None) => {
                let remedy = "add direct-dial-context = \"…\"";
                self.draft.faults.error(place, "'direct-dial' has no context", remedy);
                None
            }
            (None, _) => None,
        }
    }

    fn menu(&mut self, name: &str, place: Place, value: &Spanned<DeValue<'_>>) {
        let Some(mut args) = self.section(&MENU, value) else {
            return;
        };
        args.place = place;
        let keys_place = args.place_of("keys");
        let entries = match args.values.remove("keys") {
            Some((Arg::Entries(entries), _)) => entries,
            _ => Vec::new(),
        };
        let direct_dial = self.direct_dial(&mut args);
        if entries.is_empty() && direct_dial.is_none() {
            self.draft.faults.error(
                keys_place,
                format!("the menu '{name}' has no keys"),
                "add keys = { 1 = { … } }",
            );
        }
        let patterns =
            entries.iter().map(|(keys, _)| keys).chain(direct_dial.iter().map(|(keys, _)| keys));
        let max =
            patterns.map(|p: &Pattern| p.max_len().unwrap_or(MAX_MENU_KEYS)).max().unwrap_or(1);
        let menu = Menu {
            place,
            prompt: args.media("prompt"),
            prompt_again: args.media("prompt-again"),
            invalid: args.media("invalid"),
            no_input: args.media("no-input"),
            exit: args.media("exit"),
            entries: entries.into_iter().map(|(keys, block)| MenuEntry { keys, block }).collect(),
            direct_dial,
            first_ms: args.time("timeout").unwrap_or(5_000),
            next_ms: args.time("digit-timeout").unwrap_or(2_000),
            max: max.clamp(1, MAX_MENU_KEYS) as u8,
            tries: Tries::Total(args.count("tries").unwrap_or(3) as u8),
            returns: false,
            on: args.branches("on"),
        };
        let twin = self.draft.plan.menus.get(name).map(|m| m.place);
        if self.is_new("menu", name, place, twin) {
            self.draft.plan.menus.insert(name.into(), menu);
        }
    }

    fn sub(&mut self, name: &str, place: Place, value: &Spanned<DeValue<'_>>) {
        let Some(mut args) = self.section(&SUB, value) else {
            return;
        };
        let Some(block) = args.steps("steps") else {
            return;
        };
        let twin = self.draft.plan.subs.get(name).map(|(_, place)| *place);
        if self.is_new("sub-routine", name, place, twin) {
            self.draft.plan.subs.insert(name.into(), (block, place));
        }
    }

    fn holidays(&mut self, name: &str, place: Place, value: &Spanned<DeValue<'_>>) {
        let days = self.days(value).unwrap_or_default();
        if days.is_empty() {
            let what = format!("the holiday list '{name}' has no days");
            self.draft.faults.warn(place, what, "write [\"2026-10-01..2026-10-07\", \"01-01\"]");
        }
        self.draft.plan.holidays.entry(name.into()).or_default().extend(days);
    }

    fn variable(&mut self, name: &str, value: &Spanned<DeValue<'_>>) {
        let place = self.place(value);
        let Some(text) = self.text(name, value) else {
            return;
        };
        match text.fixed() {
            Some(fixed) => {
                self.draft.plan.variables.insert(name.into(), fixed.into_owned());
            }
            None => {
                let what = format!("the variable '{name}' cannot have variables in it");
                self.draft.faults.error(place, what, "write plain text; set it in the steps");
            }
        }
    }

    fn is_new(&mut self, word: &str, name: &str, place: Place, twin: Option<Place>) -> bool {
        let Some(twin) = twin else { return true };
        let what = format!("there is a {word} '{name}' already, at {}", self.draft.plan.at(twin));
        self.draft.faults.error(place, what, "give it another name");
        false
    }
}
