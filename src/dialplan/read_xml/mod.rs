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
//! read there only. `exec` and its like are refused: a plan runs no programs.

mod actions;
mod conditions;
pub(super) mod dialstring;
mod menus;
pub(super) mod path;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use super::draft::Draft;
use super::fault::{Place, Source, did_you_mean};
use super::model::Route;
use tree::Element;

/// How deep files may include each other.
const MAX_INCLUDES: usize = 16;

/// Values that FreeSWITCH's own vars.xml gives, for files that come without it. The folders are
/// empty: prompts are named from the folder of the language.
const GLOBALS: &[(&str, &str)] = &[
    ("hold_music", "local_stream://default"),
    ("us-ring", "%(2000,4000,440,480)"),
    ("uk-ring", "%(400,200,400,450);%(400,2000,400,450)"),
    ("cn-ring", "%(1000,4000,450)"),
    ("fr-ring", "%(1500,3500,440)"),
    ("pt-ring", "%(1000,5000,400)"),
    ("sounds_dir", ""),
    ("sound_prefix", ""),
    ("base_dir", ""),
    ("conf_dir", ""),
    ("temp_dir", ""),
    ("recordings_dir", ""),
    ("use_profile", "internal"),
    ("rtp_sdes_suites", "AES_CM_128_HMAC_SHA1_80"),
];

/// One XML file: its index in the load, its text and its tree.
struct File<'a> {
    path: &'a str,
    source: &'a Source<'a>,
    tree: Vec<Element>,
}

/// Reads the files into the draft. `sources` are paths with their texts, in reading order.
pub(super) fn read(draft: &mut Draft<'_>, sources: &[(&str, Source<'_>)]) {
    let files: Vec<File<'_>> = sources
        .iter()
        .map(|(path, source)| File { path, source, tree: tree::parse(source, &mut draft.faults) })
        .collect();
    let mut globals: BTreeMap<String, String> =
        GLOBALS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    for (name, value) in [
        ("domain", &draft.env.domain),
        ("domain_name", &draft.env.domain),
        ("default_language", &draft.env.language),
    ] {
        globals.insert(name.into(), value.clone());
    }
    globals.extend(draft.env.globals.clone());
    let mut reader = Reader { draft, files: &files, globals, here: 0, depth: 0 };
    reader.collect_globals();
    let included = reader.included();
    for at in (0..files.len()).filter(|at| !included.contains(at)) {
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

    /// Every `X-PRE-PROCESS set` of every file, so that the order of the files does not matter; one
    /// that stands before a use is applied again on the way.
    fn collect_globals(&mut self) {
        fn walk(element: &Element, found: &mut Vec<String>) {
            if is_directive(element, "set") {
                found.push(element.value("data").to_owned());
            }
            element.children.iter().for_each(|child| walk(child, found));
        }
        let mut found = Vec::new();
        self.files.iter().flat_map(|f| &f.tree).for_each(|element| walk(element, &mut found));
        for data in found {
            self.set_global(&data);
        }
    }

    fn set_global(&mut self, data: &str) {
        if let Some((name, value)) = data.split_once('=') {
            let value = self.expand(value, None);
            self.globals.insert(name.trim().to_owned(), value);
        }
    }

    /// The files that others include.
    fn included(&self) -> BTreeSet<usize> {
        fn walk<'t>(element: &'t Element, found: &mut Vec<&'t str>) {
            if is_directive(element, "include") {
                found.push(element.value("data"));
            }
            element.children.iter().for_each(|child| walk(child, found));
        }
        let mut all = BTreeSet::new();
        for (at, file) in self.files.iter().enumerate() {
            let mut patterns = Vec::new();
            file.tree.iter().for_each(|element| walk(element, &mut patterns));
            all.extend(
                patterns
                    .into_iter()
                    .flat_map(|p| self.matching(at, p))
                    .filter(|found| *found != at),
            );
        }
        all
    }

    /// The files that an include of file `from` names.
    fn matching(&self, from: usize, pattern: &str) -> Vec<usize> {
        let folder = self.files[from].path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let absolute = if pattern.starts_with('/') || folder.is_empty() {
            pattern.to_owned()
        } else {
            format!("{folder}/{pattern}")
        };
        (0..self.files.len()).filter(|at| glob(&absolute, self.files[*at].path)).collect()
    }

    /// A text with its `$${globals}` replaced; one that nobody sets is reported and empty.
    fn expand(&mut self, text: &str, at: Option<usize>) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("$${") {
            out.push_str(before);
            let Some((name, behind)) = after.split_once('}') else {
                out.push_str("$${");
                rest = after;
                break;
            };
            match self.globals.get(name) {
                Some(value) => out.push_str(value),
                None => {
                    if let Some(at) = at {
                        let what = format!("'$${{{name}}}' is not set and is empty");
                        self.warn(
                            at,
                            what,
                            format!("add <X-PRE-PROCESS cmd=\"set\" data=\"{name}=…\"/>"),
                        );
                    }
                }
            }
            rest = behind;
        }
        out.push_str(rest);
        super::template::truncate(&mut out, super::template::MAX_TEXT);
        out
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

    /// `X-PRE-PROCESS`, outside or inside of a context.
    fn directive(&mut self, element: &'a Element, context: Option<&str>) {
        let command = element.value("cmd").to_ascii_lowercase();
        let data = element.value("data");
        match command.as_str() {
            "set" => {
                if !data.contains('=') {
                    self.error(
                        element.value_at("data"),
                        format!("'{data}' sets nothing"),
                        "write data=\"NAME=VALUE\"",
                    );
                }
                self.set_global(data);
            }
            "comment" => {}
            "include" => self.include(element, data, context),
            "exec" | "exec-set" | "stun-set" | "env-set" => {
                let what =
                    format!("X-PRE-PROCESS '{command}' is not in Belfry: a plan runs no programs");
                self.warn(element.value_at("cmd"), what, "write cmd=\"set\" with the value");
            }
            _ => {
                let known = ["set", "include", "comment"];
                let what = format!("X-PRE-PROCESS has no command '{command}'");
                self.error(element.value_at("cmd"), what, did_you_mean(&command, known));
            }
        }
    }

    fn include(&mut self, element: &'a Element, pattern: &str, context: Option<&str>) {
        let files = self.files;
        let found = self.matching(self.here, pattern);
        if found.is_empty() && !pattern.contains(['*', '?']) {
            let at = element.value_at("data");
            self.error(
                at,
                format!("the file '{pattern}' is not among the dialplan's files"),
                "put it beside this one",
            );
        }
        for at in found {
            if self.depth >= MAX_INCLUDES || at == self.here {
                self.error(
                    element.at,
                    "files include each other without end",
                    "take one include out",
                );
                return;
            }
            let from = std::mem::replace(&mut self.here, at);
            self.depth += 1;
            for child in &files[at].tree {
                match (context, child.name.as_str()) {
                    (Some(context), "include") => self.inside(context, child),
                    (Some(context), _) => self.inside_one(context, child),
                    (None, _) => self.outside(child),
                }
            }
            self.depth -= 1;
            self.here = from;
        }
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

fn is_preprocess(name: &str) -> bool {
    name.eq_ignore_ascii_case("X-PRE-PROCESS") || name.eq_ignore_ascii_case("X-NO-PRE-PROCESS")
}

fn is_directive(element: &Element, command: &str) -> bool {
    element.name.eq_ignore_ascii_case("X-PRE-PROCESS")
        && element.value("cmd").eq_ignore_ascii_case(command)
}

/// Whether `path` fits `pattern`, where `*` and `?` do not cross a `/`.
fn glob(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.as_bytes(), path.as_bytes());
    let (mut p, mut s) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while s < path.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, s));
            p += 1;
        } else if p < pattern.len()
            && (pattern[p] == path[s] || (pattern[p] == b'?' && path[s] != b'/'))
        {
            p += 1;
            s += 1;
        } else if let Some((at, from)) = star.filter(|(_, from)| path[*from] != b'/') {
            // The star takes one more character.
            star = Some((at, from + 1));
            p = at + 1;
            s = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn globs_stay_in_their_folder() {
        assert!(glob("d/public/*.xml", "d/public/00_did.xml") && glob("a?c", "abc"));
        assert!(!glob("d/*.xml", "d/public/00.xml") && !glob("d/*.xml", "d/x.toml"));
        assert!(glob("d/*", "d/x") && !glob("d/x", "d/xy") && glob("*a*b", "xaxxb"));
    }
}
