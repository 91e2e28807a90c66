//! FreeSWITCH's spelling: XML files into the plan.
//!
//! Place: [`load`](super::load) hands all `*.xml` files here together, for one may include others.
//! Contexts, extensions, conditions and IVR menus become the same model as TOML's.
//!
//! ```text
//! files ─ tree ─ X-PRE-PROCESS set / include, $${globals}
//!                  └ include, document, section "dialplan", context ─ extension ─ condition ─ action
//!                                       section "configuration"     ─ menus ─ menu ─ entry
//! ```
//!
//! FreeSWITCH's pre-processor works on the text before it is parsed; here `$${…}` is replaced in
//! attribute values and texts, so that every fault keeps its place. A file that another includes is
//! read there only, and one in a folder of the dialplan's directory not at all unless it is included.
//! `exec` and its like are refused: a plan runs no programs.

mod actions;
mod conditions;
pub(super) mod dialstring;
mod menus;
pub(super) mod path;
mod preprocess;
mod tree;

use std::collections::BTreeMap;

use super::draft::Draft;
use super::fault::{Faults, Place, Source, did_you_mean};
use super::model::Route;
use preprocess::{Reach, is_preprocess};
use tree::Element;

/// One XML file: its index in the load, its text and its tree.
struct File<'a> {
    path: &'a str,
    source: &'a Source<'a>,
    tree: Vec<Element>,
}

/// Reads the files into the draft. `sources` are paths with their texts, in reading order.
pub(super) fn read(draft: &mut Draft<'_>, sources: &[(&str, Source<'_>)]) {
    let env = draft.env;
    let only_included = |path: &str| env.only_included.contains(path);
    // What is wrong in a file that nobody includes is nobody's concern.
    let mut aside = Faults::default();
    let files: Vec<File<'_>> = sources
        .iter()
        .map(|(path, source)| {
            let faults = if only_included(path) { &mut aside } else { &mut draft.faults };
            File { path, source, tree: tree::parse(source, faults) }
        })
        .collect();
    let Reach { read, included } = preprocess::reach(&files, only_included);
    for file in files.iter().zip(&read).filter(|(f, read)| **read && only_included(f.path)) {
        tree::parse(file.0.source, &mut draft.faults);
    }
    let globals = preprocess::globals(draft.env);
    let mut reader = Reader { draft, files: &files, globals, here: 0, depth: 0, included: 0 };
    reader.collect_globals(&read);
    for at in (0..files.len()).filter(|at| read[*at] && !included.contains(at)) {
        reader.here = at;
        for element in &files[at].tree {
            reader.outside(element);
        }
    }
    if !files.is_empty() {
        let globals = std::mem::take(&mut reader.globals);
        draft.plan.globals = globals;
    }
}

/// The files being read.
struct Reader<'a, 'd, 'e> {
    draft: &'d mut Draft<'e>,
    files: &'a [File<'a>],
    globals: BTreeMap<String, String>,
    /// The file that is being read.
    here: usize,
    /// How deep in includes.
    depth: usize,
    /// Files that includes have read so far.
    included: usize,
}

impl<'a> Reader<'a, '_, '_> {
    fn place(&self, offset: usize) -> Place {
        self.files[self.here].source.place(offset)
    }

    fn warn(&mut self, at: usize, what: impl Into<String>, remedy: impl Into<String>) {
        let place = self.place(at);
        self.draft.faults.warn(place, what, remedy);
    }

    fn error(&mut self, at: usize, what: impl Into<String>, remedy: impl Into<String>) {
        let place = self.place(at);
        self.draft.faults.error(place, what, remedy);
    }

    /// An attribute's value with its globals replaced; empty when it is not there.
    fn value(&mut self, element: &Element, name: &str) -> String {
        match element.attribute(name) {
            Some(attribute) => self.expand(&attribute.value, Some(attribute.value_at)),
            None => String::new(),
        }
    }

    /// Elements outside of a context.
    fn outside(&mut self, element: &'a Element) {
        match element.name.as_str() {
            "include" | "document" | "menus" => self.each(element, Self::outside),
            "section" => match element.value("name") {
                "dialplan" | "configuration" => self.each(element, Self::outside),
                other => {
                    let what = format!("the section '{other}' is not read");
                    self.warn(
                        element.at,
                        what,
                        "only \"dialplan\" and \"configuration\" (ivr.conf) are",
                    );
                }
            },
            "configuration" if element.value("name") == "ivr.conf" => {
                self.each(element, Self::outside)
            }
            "configuration" => {
                let what = format!("the configuration '{}' is not read", element.value("name"));
                self.warn(element.at, what, "Belfry's own configuration is belfry.toml");
            }
            "context" => self.context(element),
            "menu" => self.menu(element),
            "extension" => {
                self.error(
                    element.at,
                    "an <extension> outside of a <context>",
                    "put it into <context name=\"…\">",
                );
            }
            name if is_preprocess(name) => self.directive(element, None),
            name => {
                let known = [
                    "include",
                    "document",
                    "section",
                    "context",
                    "extension",
                    "menus",
                    "menu",
                    "X-PRE-PROCESS",
                ];
                self.error(
                    element.at,
                    format!("<{name}> is not known here"),
                    did_you_mean(name, known),
                );
            }
        }
    }

    fn each(&mut self, element: &'a Element, visit: fn(&mut Self, &'a Element)) {
        for child in &element.children {
            // A file of nothing but faults need not be read to its end.
            if self.draft.faults.is_full() {
                return;
            }
            visit(self, child);
        }
    }

    fn context(&mut self, element: &'a Element) {
        let name = self.value(element, "name");
        if name.is_empty() {
            self.error(element.at, "a <context> without a name", "add name=\"…\"");
        }
        self.attributes(element, &["name"]);
        self.draft.plan.contexts.entry(name.clone()).or_default();
        self.inside(&name, element);
    }

    /// The children of a context, or of a file included into one.
    fn inside(&mut self, context: &str, element: &'a Element) {
        for child in &element.children {
            self.inside_one(context, child);
        }
    }

    fn inside_one(&mut self, context: &str, child: &'a Element) {
        match child.name.as_str() {
            "extension" => self.extension(context, child),
            "include" => self.inside(context, child),
            // A file that is included into a context may bring its own.
            "context" => self.context(child),
            name if is_preprocess(name) => self.directive(child, Some(context)),
            name => {
                let what = format!("<{name}> is not known in a context");
                self.error(child.at, what, did_you_mean(name, ["extension", "X-PRE-PROCESS"]));
            }
        }
    }

    fn extension(&mut self, context: &str, element: &'a Element) {
        self.attributes(element, &["name", "continue"]);
        let name = self.value(element, "name");
        let goes_on = super::condition::is_true(&self.value(element, "continue"));
        let mut conditions = Vec::new();
        for child in &element.children {
            match child.name.as_str() {
                "condition" => conditions.push(self.condition(child)),
                name if is_preprocess(name) => self.directive(child, Some(context)),
                "action" | "anti-action" => {
                    let what = format!("an <{}> outside of a <condition> is never run", child.name);
                    self.error(child.at, what, "put it into <condition>…</condition>");
                }
                name => {
                    let what = format!("<{name}> is not known in an extension");
                    self.error(child.at, what, did_you_mean(name, ["condition"]));
                }
            }
        }
        if conditions.is_empty() {
            self.warn(
                element.at,
                format!("the extension '{name}' has no condition and never matches"),
                "add a <condition>",
            );
        }
        let place = self.place(element.at);
        let name = if name.is_empty() { "unnamed".into() } else { name };
        let route =
            Route { name, context: context.into(), place, goes_on, conditions, on_hangup: None };
        let plan = &mut self.draft.plan;
        plan.contexts.entry(context.into()).or_default().push(plan.routes.len());
        plan.routes.push(route);
    }

    /// Reports attributes that have no meaning: a likely slip is an error, another a warning.
    fn attributes(&mut self, element: &Element, known: &[&str]) {
        for attribute in element.attributes.iter().filter(|a| !known.contains(&a.name.as_str())) {
            let what = format!("<{}> has no attribute '{}'", element.name, attribute.name);
            match super::fault::nearest(&attribute.name, known.iter().copied()) {
                Some(near) => self.error(attribute.at, what, format!("write '{near}'")),
                None => self.warn(attribute.at, what, "it has no effect"),
            }
        }
    }
}
