//! Floor 2: the dialplan. TOML and FreeSWITCH XML become one checked [`Plan`]; an [`Interp`] runs it
//! for a call and asks for [`Effect`]s.
//!
//! Place: `switch` loads the plan at start and on reload, starts an interpreter for each incoming
//! call, does what it asks and tells it what happened. Knows neither SIP nor calls: numbers, texts,
//! times and outcomes only.
//!
//! ```text
//! *.toml ─ read_toml ─┐                      ┌─ hunt: which route
//!                     ├─ draft ─ check ─ Plan┤
//! *.xml ── read_xml ──┘    │                 ├─ interp: effects ⇄ happenings
//!              apps: ONE table of applications ├─ explain: the same in words
//!                                              └─ trial: calls tried without a phone
//! ```

pub mod apps;
pub mod calendar;
pub mod cause;
mod check;
mod condition;
mod draft;
pub mod effect;
pub mod explain;
pub mod fault;
mod function;
mod hunt;
pub mod interp;
pub mod lookup;
mod model;
pub mod number;
mod read_toml;
mod read_xml;
pub mod say;
pub mod template;
pub mod trial;

pub use apps::reference::{help, reference_markdown};
pub use cause::Cause;
pub use draft::{LoadEnv, Mentioned};
pub use effect::{Effect, Happening};
pub use explain::{Explanation, explain, may_go_out, may_reach_somebody};
pub use fault::{Fault, Severity};
pub use interp::{Entry, Interp, NoRoute};
pub use model::{Plan, Query, Service};

use draft::Draft;
use fault::{Place, Source};

/// The longest dialplan file, in bytes.
pub const MAX_FILE: usize = 2 << 20;
/// The most files of a plan.
pub const MAX_FILES: usize = 1_000;

/// One file of a dialplan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct File<'a> {
    /// Its path; the end of the name tells TOML from XML, and faults name it.
    pub path: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// A plan with the warnings met on the way.
#[derive(Debug)]
pub struct Loaded {
    /// The plan.
    pub plan: Plan,
    /// What will not do what the files say; none is [`Severity::Error`].
    pub warnings: Vec<Fault>,
}

impl Plan {
    /// Reads the files, in the order of their paths, and checks the whole. Every fault is found, not
    /// only the first.
    ///
    /// # Errors
    /// All faults, warnings among them, when one is an error.
    pub fn load(files: &[File<'_>], env: &LoadEnv) -> Result<Loaded, Vec<Fault>> {
        let mut files: Vec<File<'_>> = files.to_vec();
        files.sort_by_key(|file| file.path);
        let paths = files.iter().map(|file| file.path.to_owned()).collect();
        let mut draft = Draft::new(paths, env);
        let sources = usable(&files, &mut draft);
        for (_, source) in sources.iter().filter(|(path, _)| is_toml(path)) {
            read_toml::read(&mut draft, source);
        }
        let xml: Vec<(&str, Source<'_>)> =
            sources.into_iter().filter(|(path, _)| !is_toml(path)).collect();
        read_xml::read(&mut draft, &xml);
        check::check(&mut draft);
        draft.finish().map(|(plan, warnings)| Loaded { plan, warnings })
    }
}

/// The files that can be read at all; the others are reported.
fn usable<'a>(files: &[File<'a>], draft: &mut Draft<'_>) -> Vec<(&'a str, Source<'a>)> {
    let mut out = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let index = u16::try_from(at.min(MAX_FILES)).unwrap_or(u16::MAX);
        let place = Place { file: index, line: 1, column: 1 };
        if at >= MAX_FILES {
            draft.faults.error(
                place,
                format!("more than {MAX_FILES} files"),
                "put several into one",
            );
            break;
        }
        let known = is_toml(file.path) || file.path.to_ascii_lowercase().ends_with(".xml");
        if !known {
            draft.faults.error(place, "neither *.toml nor *.xml", "name the file by its spelling");
        } else if file.text.len() > MAX_FILE {
            draft.faults.error(
                place,
                format!("the file is longer than {MAX_FILE} bytes"),
                "split it",
            );
        } else {
            out.push((file.path, Source::new(index, file.text)));
        }
    }
    out
}

fn is_toml(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".toml")
}

#[cfg(test)]
mod tests;
