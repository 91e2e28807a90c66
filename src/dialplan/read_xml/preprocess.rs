//! FreeSWITCH's pre-processor: `X-PRE-PROCESS` set and include, `$${globals}`.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::Element;
use super::{File, Reader};
use crate::dialplan::draft::LoadEnv;
use crate::dialplan::fault::did_you_mean;
use crate::dialplan::template::{MAX_TEXT, truncate};

/// How deep files may include each other.
const MAX_INCLUDES: usize = 16;
/// Files that are read by includes, one as often as it is included: two that each include the next one twice,
/// and so on, are soon a million.
const MAX_INCLUDED: usize = 2_000;

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

/// The globals before any file sets one.
pub(super) fn globals(env: &LoadEnv) -> BTreeMap<String, String> {
    let mut globals: BTreeMap<String, String> =
        GLOBALS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    for (name, value) in
        [("domain", &env.domain), ("domain_name", &env.domain), ("default_language", &env.language)]
    {
        globals.insert(name.into(), value.clone());
    }
    globals.extend(env.globals.clone());
    globals
}

/// Which of the files are read, and which of these only where others include them.
pub(super) struct Reach {
    /// For each file, whether it is read at all.
    pub read: Vec<bool>,
    /// Those that others include.
    pub included: BTreeSet<usize>,
}

/// Follows the includes from the files that are read in any case.
pub(super) fn reach(files: &[File<'_>], only_included: impl Fn(&str) -> bool) -> Reach {
    fn walk<'t>(element: &'t Element, found: &mut Vec<&'t str>) {
        if is_directive(element, "include") {
            found.push(element.value("data"));
        }
        element.children.iter().for_each(|child| walk(child, found));
    }
    let mut read: Vec<bool> = files.iter().map(|file| !only_included(file.path)).collect();
    let mut left: Vec<usize> = (0..files.len()).filter(|at| read[*at]).collect();
    let mut included = BTreeSet::new();
    while let Some(at) = left.pop() {
        let mut patterns = Vec::new();
        files[at].tree.iter().for_each(|element| walk(element, &mut patterns));
        let found = patterns.into_iter().flat_map(|pattern| matching(files, at, pattern));
        for found in found.filter(|found| *found != at) {
            included.insert(found);
            if !std::mem::replace(&mut read[found], true) {
                left.push(found);
            }
        }
    }
    Reach { read, included }
}

/// The files that an include of file `from` names: relative to its folder.
fn matching(files: &[File<'_>], from: usize, pattern: &str) -> Vec<usize> {
    let folder = files[from].path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let pattern = if pattern.starts_with('/') || folder.is_empty() {
        plain(pattern)
    } else {
        plain(&format!("{folder}/{pattern}"))
    };
    (0..files.len()).filter(|at| glob(&pattern, &plain(files[*at].path))).collect()
}

/// A path without `.` and, where something stands before it, `..`.
fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for (at, part) in path.split('/').enumerate() {
        match part {
            "" if at > 0 => {}
            "." => {}
            ".." if !matches!(parts[..], [] | [""] | [.., ".."]) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

impl<'a> Reader<'a, '_, '_> {
    /// Every `X-PRE-PROCESS set` of every file that is `read`, so that the order of the files does not matter; one
    /// that stands before a use is applied again on the way.
    pub(super) fn collect_globals(&mut self, read: &[bool]) {
        fn walk(element: &Element, found: &mut Vec<String>) {
            if is_directive(element, "set") {
                found.push(element.value("data").to_owned());
            }
            element.children.iter().for_each(|child| walk(child, found));
        }
        let mut found = Vec::new();
        let files = self.files.iter().zip(read).filter(|(_, read)| **read);
        files.flat_map(|(f, _)| &f.tree).for_each(|element| walk(element, &mut found));
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

    /// A text with its `$${globals}` replaced; one that nobody sets is reported and empty.
    pub(super) fn expand(&mut self, text: &str, at: Option<usize>) -> String {
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
            // Globals of globals would otherwise fill memory before the text is cut.
            if out.len() > MAX_TEXT {
                break;
            }
        }
        out.push_str(rest);
        truncate(&mut out, MAX_TEXT);
        out
    }

    /// `X-PRE-PROCESS`, outside or inside of a context.
    pub(super) fn directive(&mut self, element: &'a Element, context: Option<&str>) {
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
        let found = matching(files, self.here, pattern);
        let at = element.value_at("data");
        if found.is_empty() && pattern.contains(['*', '?']) {
            self.warn(
                at,
                format!("no file fits '{pattern}': nothing is included"),
                "put the files into a folder of the dialplan's directory, or take the line out",
            );
        } else if found.is_empty() {
            self.error(
                at,
                format!("the file '{pattern}' is not among the dialplan's files"),
                "put it into the dialplan's directory or a folder of it",
            );
        }
        for at in found {
            if self.included >= MAX_INCLUDED {
                // Said once: the includes behind it are no other fault.
                if self.included == MAX_INCLUDED {
                    self.included += 1;
                    let what = format!("more than {MAX_INCLUDED} files are included in all");
                    self.error(element.at, what, "include each file where it is needed, once");
                }
                return;
            }
            self.included += 1;
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
}

/// Whether an element is an instruction to the pre-processor.
pub(super) fn is_preprocess(name: &str) -> bool {
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
    use super::{glob, plain};

    #[test]
    fn paths_are_compared_without_detours() {
        let table = [
            ("./d/x.xml", "d/x.xml"),
            ("/etc//d/./sub/../x.xml", "/etc/d/x.xml"),
            ("../d/x.xml", "../d/x.xml"),
            ("../../x.xml", "../../x.xml"),
            ("/../x.xml", "/../x.xml"),
        ];
        for (path, wanted) in table {
            assert_eq!(plain(path), wanted);
        }
    }

    #[test]
    fn globs_stay_in_their_folder() {
        assert!(glob("d/public/*.xml", "d/public/00_did.xml") && glob("a?c", "abc"));
        assert!(!glob("d/*.xml", "d/public/00.xml") && !glob("d/*.xml", "d/x.toml"));
        assert!(glob("d/*", "d/x") && !glob("d/x", "d/xy") && glob("*a*b", "xaxxb"));
    }
}
