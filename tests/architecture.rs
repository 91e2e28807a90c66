//! The house rule, kept by a machine: imports go only down (docs/architecture.md).
//!
//! Reads every `use` line and every path that begins with `crate::` under `src/`, finds the floor
//! of the folder it stands in and of the folder it names, and fails on one that goes up or
//! sideways. It also fails on a folder that nobody gave a floor.

#![allow(clippy::disallowed_methods, reason = "the test reads the sources")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Folder, and the folders whose modules it may name (besides itself). The order is the floors'.
const HOUSE: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("wire", &["base"]),
    ("dsp", &["base"]),
    ("config", &["base", "wire"]),
    ("sip", &["base", "wire"]),
    ("media", &["base", "wire", "dsp"]),
    ("dialplan", &["base"]),
    ("call", &["base", "wire::q850"]),
    ("trunk", &["base", "call", "wire", "sip::locate"]),
    ("acd", &["base", "call", "wire::q850"]),
    ("care", &["base", "call", "wire::q850", "wire::telecare"]),
    ("record", &["base", "call", "wire", "dsp", "media::control"]),
    ("report", &["base"]),
    ("access", &["base", "call"]),
    (
        "switch",
        &[
            "base", "wire", "dsp", "config", "sip", "media", "dialplan", "call", "trunk", "acd",
            "care", "record", "report", "access",
        ],
    ),
    ("net", &["base", "wire", "sip::flow"]),
    ("engine", &["base", "wire", "dsp", "media", "record"]),
    (
        "store",
        &[
            "base",
            "report",
            "switch::calling_back",
            "switch::campaigns",
            "switch::care",
            "switch::fact",
            "switch::messages",
            "switch::recovery",
            "switch::signing",
            "media::control",
        ],
    ),
    ("trace", &["base", "wire", "sip::flow", "switch::fact"]),
    ("ha", &["base", "switch"]),
    ("api", &["base", "switch", "access::mask", "access::rights", "wire::csta"]),
    ("console", &["base", "switch", "call::conference", "call::supervise"]),
    ("sim", &["*"]),
    ("daemon", &["*"]),
];

/// Floors 0 to 4: no socket, file, thread, lock, wall clock or static state.
const PURE: &[&str] = &[
    "base", "wire", "dsp", "config", "sip", "media", "dialplan", "call", "trunk", "acd", "care",
    "record", "report", "access", "switch",
];

/// What a pure floor does not name, and what stands in for it.
const IMPURE: &[(&str, &str)] = &[
    ("std::net::UdpSocket", "floor 5 owns sockets"),
    ("std::net::TcpStream", "floor 5 owns sockets"),
    ("std::net::TcpListener", "floor 5 owns sockets"),
    ("std::fs", "files are floor 5's; take bytes as an argument"),
    ("std::thread", "threads are floor 5's"),
    ("std::sync::Mutex", "one owner per state: &mut self"),
    ("std::sync::RwLock", "one owner per state: &mut self"),
    ("std::time::Instant", "time is an argument: base::Time"),
    ("std::time::SystemTime", "time is an argument: base::Wall"),
    ("tokio::", "async is floor 5's"),
    ("async fn", "async is floor 5's"),
    ("static mut", "state has one owner"),
    ("thread_local!", "state has one owner"),
    ("collections::HashMap", "its hasher asks the system: base/hash.rs, or a BTreeMap"),
    ("collections::HashSet", "its hasher asks the system: base/hash.rs, or a BTreeSet"),
    ("println!", "pure code returns what it has to say"),
];

/// Every Rust file under `dir`, with its text up to its unit tests.
fn sources(dir: &Path, out: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(dir).expect("src is readable").map(|e| e.expect("an entry").path()) {
        if entry.is_dir() {
            sources(&entry, out);
        } else if entry.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&entry).expect("a source is UTF-8");
            let body = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned();
            out.push((entry, body));
        }
    }
}

/// The folder under `src/` that a file stands in; `None` for lib.rs and main.rs.
fn folder(path: &Path) -> Option<String> {
    let rest = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).ok()?;
    (rest.components().count() > 1)
        .then(|| rest.components().next().unwrap().as_os_str().to_string_lossy().into_owned())
}

/// The paths below `crate::` that the text names, braces expanded one level:
/// `crate::{base::Time, wire}` gives `base::Time` and `wire`.
fn crate_paths(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().map(str::trim).filter(|l| !l.starts_with("//")) {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            match rest.strip_prefix('{') {
                Some(list) => found.extend(
                    list.split(['}', ';'])
                        .next()
                        .unwrap_or("")
                        .split(',')
                        .map(|p| p.trim().to_owned()),
                ),
                None => found.push(
                    rest.chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect(),
                ),
            }
        }
    }
    found.retain(|p| !p.is_empty());
    found
}

fn may_import(allowed: &[&str], own: &str, path: &str) -> bool {
    path.split("::").next() == Some(own)
        || allowed.iter().any(|a| {
            *a == "*" || path == *a || path.strip_prefix(a).is_some_and(|r| r.starts_with("::"))
        })
}

#[test]
fn imports_go_only_down() {
    let house: BTreeMap<_, _> = HOUSE.iter().copied().collect();
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut faults = Vec::new();
    for (path, text) in &files {
        let Some(own) = folder(path) else { continue };
        let Some(allowed) = house.get(own.as_str()) else {
            faults.push(format!("{}: folder '{own}' has no floor in HOUSE", path.display()));
            continue;
        };
        for named in crate_paths(text) {
            if !may_import(allowed, &own, &named) {
                faults.push(format!("{}: {own} may not import {named}", path.display()));
            }
        }
    }
    assert!(files.len() > 5, "the walk found no sources");
    assert!(faults.is_empty(), "imports that go up or sideways:\n{}", faults.join("\n"));
}

#[test]
fn pure_floors_name_nothing_impure() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut faults = Vec::new();
    for (path, text) in &files {
        if !folder(path).is_some_and(|f| PURE.contains(&f.as_str())) {
            continue;
        }
        for (number, line) in
            text.lines().enumerate().filter(|(_, l)| !l.trim_start().starts_with("//"))
        {
            // The agent's maps have a hasher of their own.
            let keyed =
                folder(path).is_some_and(|f| f == "sip") || path.ends_with("src/base/hash.rs");
            let allowed = |what: &str| keyed && what.starts_with("collections::Hash");
            for (what, instead) in
                IMPURE.iter().filter(|(what, _)| line.contains(what) && !allowed(what))
            {
                faults.push(format!("{}:{}: {what}: {instead}", path.display(), number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "impure names on pure floors:\n{}", faults.join("\n"));
}

/// Lines that a function may have, from its `fn` to its brace.
const LONGEST_FUNCTION: usize = 55;
/// Lines that a file may have before its unit tests.
const LONGEST_FILE: usize = 800;

/// Functions that are longer, and how long they are, as of 2026-11-23. The list may only shrink: a function that is
/// longer than it says fails, and so does one that need not stand here any more.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[
    // A field a line.
    ("src/media/leg.rs", "new", 69),
    ("src/switch/leg.rs", "new", 58),
    ("src/switch/mod.rs", "new", 79),
    // A kind of fact a line; a state with an input a line.
    ("src/switch/fact/kinds.rs", "name", 71),
    ("src/store/apply.rs", "statements", 73),
    ("src/sip/invite/usage.rs", "handle", 74),
    // The way of each packet, straight on.
    ("src/media/plane/receive.rs", "number", 69),
    ("src/media/plane/receive.rs", "receive", 63),
    ("src/care/cases.rs", "take", 60),
    // Not split yet.
    ("src/care/plan/run/one.rs", "takes", 61),
    ("src/daemon/backup/restore.rs", "run", 64),
    ("src/daemon/orders.rs", "put_files_in_force", 58),
    ("src/daemon/serve.rs", "begin", 62),
];
/// Files that are longer, likewise.
const LONG_FILES: &[(&str, usize)] = &[];

/// The functions of a text as rustfmt has it, each with its lines: one ends at the first brace that stands below its `fn`.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let bare = line.trim_start();
        let Some(name) = function_name(bare) else { continue };
        let end = format!("{}}}", &line[..line.len() - bare.len()]);
        let head = lines[at..].iter().position(|l| l.ends_with(['{', ';', '}'])).unwrap_or(0);
        let last = match lines[at + head].ends_with('{') {
            true => lines[at..].iter().position(|l| **l == end).unwrap_or(head),
            false => head,
        };
        found.push((name.to_owned(), last + 1));
    }
    found
}

/// The name in a line that begins a function.
fn function_name(line: &str) -> Option<&str> {
    let mut rest = line;
    if let Some(limited) = rest.strip_prefix("pub(") {
        rest = limited.split_once(") ")?.1;
    }
    while let Some(behind) = ["pub ", "const ", "async ", "unsafe ", "extern \"C\" "]
        .iter()
        .find_map(|word| rest.strip_prefix(word))
    {
        rest = behind;
    }
    let name = rest.strip_prefix("fn ")?;
    let len = name.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    Some(&name[..len]).filter(|name| !name.is_empty())
}

/// The text up to the unit tests that stand in it.
fn program(text: &str) -> &str {
    let inline = |at: &usize| text[*at..].lines().nth(1).is_some_and(|l| l.ends_with('{'));
    let tests = text.match_indices("#[cfg(test)]\nmod ").map(|(at, _)| at).find(inline);
    &text[..tests.unwrap_or(text.len())]
}

/// Whether a file has tests alone.
fn is_of_tests(path: &Path) -> bool {
    path.iter().any(|part| part == "tests" || part == "tests.rs")
}

#[test]
fn functions_and_files_are_no_longer_than_a_reader_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let (mut long, mut long_files) = (BTreeMap::new(), BTreeMap::new());
    for (path, _) in files.iter().filter(|(path, _)| !is_of_tests(path)) {
        let text = fs::read_to_string(path).expect("a source is UTF-8");
        let name = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
        let body = program(&text);
        if body.lines().count() > LONGEST_FILE {
            long_files.insert(name.clone(), body.lines().count());
        }
        let too_long = functions(body).into_iter().filter(|(_, lines)| *lines > LONGEST_FUNCTION);
        long.extend(too_long.map(|(function, lines)| (format!("{name}: fn {function}"), lines)));
    }
    let known =
        LONG_FUNCTIONS.iter().map(|(file, name, lines)| (format!("{file}: fn {name}"), *lines));
    let mut faults = against(&long, &known.collect());
    let known = LONG_FILES.iter().map(|(file, lines)| ((*file).to_owned(), *lines));
    faults.extend(against(&long_files, &known.collect()));
    let most = format!("{LONGEST_FUNCTION} lines of a function, {LONGEST_FILE} of a file");
    assert!(faults.is_empty(), "the most are {most}:\n{}", faults.join("\n"));
}

/// What is longer than its exception, or has none; and exceptions that are not needed.
fn against(long: &BTreeMap<String, usize>, known: &BTreeMap<String, usize>) -> Vec<String> {
    let faulty =
        long.iter().filter(|(what, lines)| known.get(*what).is_none_or(|most| *lines > most));
    let faulty = faulty
        .map(|(what, lines)| format!("{what} has {lines} lines: split it where a step has a name"));
    let idle = known.keys().filter(|what| !long.contains_key(*what));
    faulty.chain(idle.map(|what| format!("{what} is short now: take it off the list"))).collect()
}

#[test]
fn the_checks_can_fail() {
    let text = "fn a() {\n    1\n}\npub(in x::y) const unsafe fn b(\n    c: [u8; 2],\n) where\n    D: E,\n{\n    {\n    }\n}\n\
                    trait F {\n    async fn g(&self);\n    fn h() {}\n}\n";
    let lengths: Vec<(String, usize)> = functions(text);
    let lengths: Vec<(&str, usize)> = lengths.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    assert_eq!(lengths, [("a", 3), ("b", 8), ("g", 1), ("h", 1)]);
    assert_eq!(
        program("a\n#[cfg(test)]\nmod b;\nc\n#[cfg(test)]\nmod d {\n"),
        "a\n#[cfg(test)]\nmod b;\nc\n"
    );
    let of = |name: &str, lines| BTreeMap::from([(name.to_owned(), lines)]);
    assert_eq!(against(&of("a", 60), &of("a", 60)).len(), 0);
    assert_eq!(against(&of("a", 61), &of("a", 60)).len(), 1);
    assert_eq!(against(&of("a", 61), &of("b", 60)).len(), 2);
    assert_eq!(crate_paths("use crate::{base::Time, wire};"), ["base::Time", "wire"]);
    assert_eq!(crate_paths("    let x = crate::sip::flow::Flow;"), ["sip::flow::Flow"]);
    assert!(crate_paths("// use crate::net;").is_empty());
    assert!(!may_import(&["base", "wire::q850"], "call", "wire::sip::Message"));
    assert!(may_import(&["base", "wire::q850"], "call", "wire::q850::Cause"));
    assert!(!may_import(&["base"], "wire", "basement"));
    assert!(may_import(&[], "sip", "sip::dialog"));
}
