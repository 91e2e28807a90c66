//! The dialplan's files: which files of its folder are read, the designs of surveys beside them, what a plan may name, and
//! the plan that comes of it, with every fault at its file and line. Used by [`super::files`]; what the files mean is
//! `dialplan`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use super::copies::Reads;
use super::files::{Fault, at_key, plain, read, whole};
use super::mentions;
use super::sample::{self, Place};
use crate::config::Config;
use crate::dialplan::calendar::Days;
use crate::dialplan::{self, LoadEnv, Plan};

/// The folder of music among the sounds.
const MUSIC: &str = "music";
/// How deep folders of sounds, and of the dialplan, may be nested.
const MAX_DEPTH: usize = 8;
/// The most XML files in folders of the dialplan's directory.
const MOST_BELOW: usize = 500;
/// The most bytes of those files in all.
pub(super) const MOST_BELOW_BYTES: usize = 32 << 20;
/// The most entries of one such folder that are looked at.
const MOST_ENTRIES: usize = 5_000;

/// The plan in `dir`, with the designs of surveys that programs wrote, for `config`, which faults call `name`.
pub(super) fn plan_of(
    config: &Config,
    name: &str,
    (dir, designs): (&Place, Vec<(String, String)>),
    env: LoadEnv,
    reads: &Reads,
) -> Result<(Plan, Vec<Fault>), Vec<Fault>> {
    let at_dir = |dir: &Path, what: String| {
        let what = format!("the dialplan's directory, {}: {what}", dir.display());
        let remedy = "correct [dialplan] dir, or put a dialplan there (the sample is in dialplan/)";
        vec![at_key(config, name, "dir", what, remedy)]
    };
    let (mut texts, below) = match dir {
        Place::CompiledIn => (sample::dialplan(), Below::none(reads)),
        Place::Disk(dir) => {
            (dialplan_files(reads, dir, |what| at_dir(dir, what))?, Below::of(reads, dir))
        }
    };
    texts.extend(designs);
    let only_included = below.texts.iter().map(|(path, _)| path.clone()).collect();
    texts.extend(below.texts);
    let files: Vec<dialplan::File<'_>> =
        texts.iter().map(|(path, text)| dialplan::File { path, text }).collect();
    let env = LoadEnv { only_included, ..env };
    let ours = |fault: dialplan::Fault| Fault {
        file: fault.file,
        line: fault.line,
        column: fault.column,
        error: fault.severity != dialplan::Severity::Warning,
        what: fault.what,
        remedy: fault.remedy,
    };
    match (Plan::load(&files, &env), dir) {
        (Ok(loaded), Place::Disk(dir)) if loaded.plan.route_count() == 0 => {
            let what = "there is no route in its files, so each call would be refused";
            let warnings = loaded.warnings.into_iter().map(ours).chain(below.warnings);
            Err(at_dir(dir, what.into()).into_iter().chain(warnings).collect())
        }
        (Ok(loaded), _) => {
            let missing = response_plans(config, name, &loaded.plan, &env);
            let named = mentions::missing(config, name, &loaded.plan, &env);
            let warnings = loaded.warnings.into_iter().map(ours).chain(below.warnings).chain(named);
            match missing.is_empty() {
                true => Ok((loaded.plan, warnings.collect())),
                false => Err(missing.into_iter().chain(warnings).collect()),
            }
        }
        (Err(faults), _) => Err(faults.into_iter().map(ours).chain(below.warnings).collect()),
    }
}

/// What a dialplan may name.
pub(super) fn known_to_plans(config: &Config, sounds: &Place, zone: &TimeZone) -> LoadEnv {
    let mut prompts = sounds.prompts();
    let music = prompts.remove(MUSIC);
    LoadEnv {
        prompts: Some(prompts),
        phones: Some(config.phones.iter().map(|p| p.number.to_string()).collect()),
        gateways: Some(config.trunk_names().map(str::to_owned).collect()),
        music,
        queues: Some(config.queues.iter().map(|q| q.name.to_string()).collect()),
        language: config.node.language.as_str().into(),
        zone: zone.clone(),
        domain: config.domain(),
        holidays: days_off(config),
        globals: BTreeMap::new(),
        only_included: Default::default(),
    }
}

/// What the steps of response plans need of the dialplan and of the prompts, and is not there.
fn response_plans(config: &Config, name: &str, plan: &Plan, env: &LoadEnv) -> Vec<Fault> {
    let mut faults = Vec::new();
    for step in &config.plan_steps {
        let mut missing = |what: String, remedy: &str| {
            let (file, remedy) = (name.to_owned(), remedy.to_owned());
            let (line, column) = (step.at.line, step.at.column);
            faults.push(Fault { file, line, column, error: true, what, remedy });
        };
        let calls = step.call.as_ref().is_some_and(|call| !call.is_empty());
        if calls && !plan.has_context("care-plan") {
            let what =
                "the dialplan has no context \"care-plan\", in which those are whom a plan calls";
            missing(
                what.into(),
                "add a [[route]] with `context = \"care-plan\"`, as in docs/care.md",
            );
        }
        let Some(say) = &step.say else { continue };
        let there = |names: &BTreeSet<String>| names.contains(say.as_str());
        if env.prompts.as_ref().is_some_and(|all| !all.values().any(there)) {
            let what = format!("there is no prompt \"{say}\"");
            missing(what, "record it, or name another; it lies below [dialplan] sounds");
        }
    }
    faults
}

/// `[dialplan] holidays` as the plan takes them.
fn days_off(config: &Config) -> Vec<Days> {
    config.dialplan.holidays.iter().map(|days| Days::Dated(days.first, days.last)).collect()
}

/// The designs of surveys that programs have written, by path; with one instead of what its file holds.
pub(super) fn designs(
    data_dir: &Path,
    instead: Option<(&Path, &str)>,
    reads: &Reads,
) -> Result<Vec<(String, String)>, Vec<Fault>> {
    let dir = super::surveys::directory(data_dir);
    let mut read = match reads.at(&dir).is_dir() {
        true => match dialplan_files(reads, &dir, |_| Vec::new()) {
            // An empty directory is as good as none.
            Err(faults) if faults.is_empty() => Vec::new(),
            read => read?,
        },
        false => Vec::new(),
    };
    if let Some((path, text)) = instead {
        let path = path.display().to_string();
        read.retain(|(other, _)| *other != path);
        read.push((path, text.to_owned()));
        read.sort();
    }
    Ok(read)
}

/// What editors and copying programs put beside a file while they work (`.#care.toml`, `.care.toml.swp`), and folders such as
/// `.git`, are none of the dialplan.
pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// The texts of all `*.toml` and `*.xml` of a directory itself, by path; `at_dir` makes a fault of what is
/// wrong with the directory itself.
fn dialplan_files(
    reads: &Reads,
    dir: &Path,
    at_dir: impl Fn(String) -> Vec<Fault>,
) -> Result<Vec<(String, String)>, Vec<Fault>> {
    let entries = fs::read_dir(reads.at(dir)).map_err(|error| at_dir(error.to_string()))?;
    let is_plan = |path: &PathBuf| {
        path.extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("toml") || e.eq_ignore_ascii_case("xml"))
    };
    let own =
        |entry: fs::DirEntry| (!is_hidden(&entry.path())).then(|| dir.join(entry.file_name()));
    let mut paths: Vec<PathBuf> =
        entries.filter_map(|entry| own(entry.ok()?)).filter(is_plan).collect();
    paths.sort();
    if paths.is_empty() {
        let what = "there is no *.toml and no *.xml in it: no call would find a route";
        return Err(at_dir(what.into()));
    }
    let (mut texts, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        if let Err(error) = plain(&reads.at(&path)) {
            let remedy = "put a plain file there that Belfry's user may read, or take it away";
            faults.push(whole(&path, error.to_string(), remedy));
            continue;
        }
        match read(reads, &path) {
            Ok(text) => texts.push((path.display().to_string(), text)),
            Err(more) => faults.extend(more),
        }
    }
    if faults.is_empty() { Ok(texts) } else { Err(faults) }
}

/// The XML files in folders of the dialplan's directory, for files of the directory to include. What
/// cannot be read there keeps nothing from starting: it may belong to nobody.
struct Below<'r> {
    reads: &'r Reads,
    texts: Vec<(String, String)>,
    /// Bytes of all of them.
    bytes: usize,
    warnings: Vec<Fault>,
}

impl<'r> Below<'r> {
    fn none(reads: &'r Reads) -> Below<'r> {
        Below { reads, texts: Vec::new(), bytes: 0, warnings: Vec::new() }
    }

    fn of(reads: &'r Reads, dir: &Path) -> Below<'r> {
        let mut below = Below::none(reads);
        below.folders_of(dir, 0);
        below
    }

    /// Links are not followed: they lead out of the directory, or round in it.
    fn folders_of(&mut self, dir: &Path, depth: usize) {
        let Ok(entries) = fs::read_dir(self.reads.at(dir)) else { return };
        let kind = |entry: fs::DirEntry| {
            let kind = entry.file_type().ok()?;
            (!is_hidden(&entry.path())).then(|| (dir.join(entry.file_name()), kind))
        };
        let mut entries: Vec<_> =
            entries.filter_map(|entry| kind(entry.ok()?)).take(MOST_ENTRIES).collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        for (path, kind) in entries {
            let is_xml = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("xml"));
            if kind.is_dir() && depth < MAX_DEPTH {
                self.folders_of(&path, depth + 1);
            } else if kind.is_file() && is_xml && depth > 0 {
                self.file(&path);
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let bytes = fs::metadata(self.reads.at(path)).map_or(0, |data| data.len());
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if self.texts.len() >= MOST_BELOW || self.bytes.saturating_add(bytes) > MOST_BELOW_BYTES {
            let what = format!(
                "not read: the folders hold more than {MOST_BELOW} XML files or \
                 {MOST_BELOW_BYTES} bytes"
            );
            let fault =
                Fault { error: false, ..whole(path, what, "move out what is not included") };
            // One tells it for all that follow.
            if !self.warnings.iter().any(|told| told.what == fault.what) {
                self.warnings.push(fault);
            }
            return;
        }
        if bytes > dialplan::MAX_FILE {
            let what = format!("not read: longer than {} bytes", dialplan::MAX_FILE);
            self.warnings.push(Fault { error: false, ..whole(path, what, "split it") });
            return;
        }
        match read(self.reads, path) {
            Ok(text) => {
                self.bytes += text.len();
                self.texts.push((path.display().to_string(), text));
            }
            Err(faults) => {
                self.warnings.extend(faults.into_iter().map(|f| Fault { error: false, ..f }));
            }
        }
    }
}

/// The prompts below the folder of each language, by name without ending: `care/menu`.
pub(super) fn prompts_in(sounds: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let Ok(entries) = fs::read_dir(sounds) else { return BTreeMap::new() };
    let mut all = BTreeMap::new();
    for entry in entries.filter_map(Result::ok).filter(|e| e.path().is_dir()) {
        let mut names = BTreeSet::new();
        names_in(&entry.path(), "", 0, &mut names);
        all.insert(entry.file_name().to_string_lossy().into_owned(), names);
    }
    all
}

fn names_in(dir: &Path, prefix: &str, depth: usize, names: &mut BTreeSet<String>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for path in entries.filter_map(|e| Some(e.ok()?.path())) {
        let Some(stem) = path.file_stem().map(|s| s.to_string_lossy().into_owned()) else {
            continue;
        };
        if path.is_dir() && depth < MAX_DEPTH {
            names_in(&path, &format!("{prefix}{stem}/"), depth + 1, names);
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("wav")) {
            names.insert(format!("{prefix}{stem}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::files::lines;

    /// A crash while somebody edits must not find a dialplan that does not hold.
    #[test]
    fn what_an_editor_puts_beside_a_file_is_none_of_the_dialplan() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.toml"), "# a").unwrap();
        fs::write(dir.path().join(".a.toml"), "half").unwrap();
        std::os::unix::fs::symlink("nobody@host.1", dir.path().join(".#a.toml")).unwrap();
        let texts = dialplan_files(&Reads::of_disk(), dir.path(), |what| panic!("{what}")).unwrap();
        assert_eq!(texts.len(), 1, "{texts:?}");
    }

    #[test]
    fn the_sample_that_is_compiled_in_agrees_with_the_embedded_default() {
        let config = Config::embedded();
        let (dir, sounds) = (Place::CompiledIn, Place::CompiledIn);
        let zone = TimeZone::UTC;
        let env = known_to_plans(&config, &sounds, &zone);
        let reads = Reads::of_disk();
        match plan_of(&config, "(embedded default)", (&dir, Vec::new()), env, &reads) {
            Ok((plan, warnings)) => assert!(plan.route_count() > 5 && warnings.is_empty()),
            Err(faults) => panic!("{}", lines(&faults)),
        }
    }
}
