//! What is read from disk at start and at a reload: the configuration, the passwords that lie
//! elsewhere, the dialplan, the names of the prompts. All faults of all files are collected.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::cli::ConfigFile;
use crate::config::{self, Config, SecretSource};
use crate::dialplan::calendar::Days;
use crate::dialplan::{self, LoadEnv, Plan};

/// Where the configuration is looked for when none is named.
const USUAL: &str = "/etc/belfry/belfry.toml";
/// The folder of music among the sounds.
const MUSIC: &str = "music";
/// How deep folders of sounds may be nested.
const MAX_DEPTH: usize = 8;

/// A fault of any file, as `belfry check` prints it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Fault {
    /// The file.
    pub file: String,
    /// From 1; 0 when the fault is the whole file's.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// Whether it keeps the appliance from starting.
    pub error: bool,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub remedy: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}: {}", if self.error { "error" } else { "warning" }, self.what)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

/// Everything that was read, checked.
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The dialplan.
    pub plan: Arc<Plan>,
    /// The node's time zone.
    pub zone: TimeZone,
    /// The directory of sounds.
    pub sounds: PathBuf,
    /// What does not keep the appliance from starting.
    pub warnings: Vec<Fault>,
}

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The usual file where it exists, else the embedded default.
    Usual,
    /// This file.
    File(PathBuf),
    /// This text, known by this name.
    Text {
        /// The configuration itself.
        text: String,
        /// What faults call it.
        name: &'static str,
    },
}

impl From<&ConfigFile> for Source {
    fn from(file: &ConfigFile) -> Source {
        match &file.config {
            Some(path) => Source::File(path.clone()),
            None => Source::Usual,
        }
    }
}

/// Reads everything. The error holds all faults, warnings among them.
pub fn load(source: &Source) -> Result<Loaded, Vec<Fault>> {
    let (mut config, mut faults, embedded) = config_of(source)?;
    if embedded {
        for dir in [&mut config.dialplan.dir, &mut config.dialplan.sounds] {
            *dir = beside_binary(dir);
        }
    }
    let zone = zone_of(&config);
    let sounds = config.dialplan.sounds.clone();
    match plan_of(&config, &zone) {
        Ok((plan, warnings)) => {
            faults.extend(warnings);
            Ok(Loaded { config, plan: Arc::new(plan), zone, sounds, warnings: faults })
        }
        Err(more) => {
            faults.extend(more);
            Err(faults)
        }
    }
}

/// The console's socket of a configuration.
pub(super) fn socket_of(file: &ConfigFile) -> Result<PathBuf, String> {
    match config_of(&file.into()) {
        Ok((config, ..)) => Ok(config.console.socket),
        Err(faults) => Err(lines(&faults)),
    }
}

/// The database of a configuration, for commands that read it.
pub(super) fn lines(faults: &[Fault]) -> String {
    faults.iter().filter(|f| f.error).map(|f| format!("{f}\n")).collect()
}

/// The configuration with its warnings, and whether it is the embedded default or a text of ours
/// (then the dialplan and sounds may lie beside the binary).
fn config_of(source: &Source) -> Result<(Config, Vec<Fault>, bool), Vec<Fault>> {
    let (name, text, embedded) = match source {
        Source::Usual if Path::new(USUAL).exists() => {
            (USUAL.to_owned(), read(Path::new(USUAL))?, false)
        }
        Source::Usual => ("(embedded default)".to_owned(), config::EMBEDDED.to_owned(), true),
        Source::File(path) => (path.display().to_string(), read(path)?, false),
        Source::Text { text, name } => ((*name).to_owned(), text.clone(), true),
    };
    let ours = |fault: config::Fault| Fault {
        file: name.clone(),
        line: fault.line,
        column: fault.column,
        error: fault.severity == config::Severity::Error,
        what: fault.what,
        remedy: fault.remedy,
    };
    let (mut config, warnings) =
        Config::parse(&text).map_err(|faults| faults.into_iter().map(ours).collect::<Vec<_>>())?;
    let fetch = |source: &SecretSource| match source {
        SecretSource::File(path) => fs::read_to_string(path).map_err(|e| e.to_string()),
        SecretSource::Given(text) => Ok(text.expose().to_owned()),
        SecretSource::Env(name) => std::env::var(&**name).map_err(|e| e.to_string()),
    };
    config
        .resolve_secrets(fetch)
        .map_err(|faults| faults.into_iter().map(ours).collect::<Vec<_>>())?;
    Ok((config, warnings.into_iter().map(ours).collect(), embedded))
}

fn read(path: &Path) -> Result<String, Vec<Fault>> {
    fs::read_to_string(path).map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::NotFound => {
                "name the file with -c, or leave -c out for the default"
            }
            std::io::ErrorKind::PermissionDenied => "let Belfry's user read it",
            std::io::ErrorKind::InvalidData => "save it as UTF-8",
            _ => "",
        };
        vec![whole(path, error.to_string(), remedy)]
    })
}

fn whole(path: &Path, what: String, remedy: &str) -> Fault {
    Fault {
        file: path.display().to_string(),
        line: 0,
        column: 0,
        error: true,
        what,
        remedy: remedy.into(),
    }
}

/// The configured time zone, else the system's.
fn zone_of(config: &Config) -> TimeZone {
    match &config.node.timezone {
        Some(zone) => zone.time_zone().clone(),
        None => TimeZone::system(),
    }
}

/// A directory of the embedded default: as it is where it exists, else beside the binary or in one
/// of the directories above it (a build in the source tree), else where packages put it.
fn beside_binary(dir: &Path) -> PathBuf {
    let Some(name) = dir.file_name().filter(|_| !dir.is_dir()) else { return dir.to_owned() };
    let exe = std::env::current_exe().ok();
    let above = exe.iter().flat_map(|exe| exe.ancestors().skip(1).take(5)).map(|d| d.join(name));
    let packaged = [Path::new("/etc/belfry").join(name), Path::new("/usr/share/belfry").join(name)];
    above.chain(packaged).find(|candidate| candidate.is_dir()).unwrap_or_else(|| dir.to_owned())
}

fn plan_of(config: &Config, zone: &TimeZone) -> Result<(Plan, Vec<Fault>), Vec<Fault>> {
    let dir = &config.dialplan.dir;
    let texts = dialplan_files(dir)?;
    let files: Vec<dialplan::File<'_>> =
        texts.iter().map(|(path, text)| dialplan::File { path, text }).collect();
    let mut prompts = prompts_in(&config.dialplan.sounds);
    let music = prompts.remove(MUSIC);
    let env = LoadEnv {
        prompts: Some(prompts),
        phones: Some(config.phones.iter().map(|p| p.number.to_string()).collect()),
        gateways: Some(config.gateways.iter().map(|g| g.name.to_string()).collect()),
        music,
        language: config.node.language.as_str().into(),
        zone: zone.clone(),
        domain: config.domain(),
        holidays: days_off(config),
        globals: BTreeMap::new(),
    };
    let ours = |fault: dialplan::Fault| Fault {
        file: fault.file,
        line: fault.line,
        column: fault.column,
        error: fault.severity == dialplan::Severity::Error,
        what: fault.what,
        remedy: fault.remedy,
    };
    match Plan::load(&files, &env) {
        Ok(loaded) => Ok((loaded.plan, loaded.warnings.into_iter().map(ours).collect())),
        Err(faults) => Err(faults.into_iter().map(ours).collect()),
    }
}

/// `[dialplan] holidays` as the plan takes them.
fn days_off(config: &Config) -> Vec<Days> {
    config.dialplan.holidays.iter().map(|days| Days::Dated(days.first, days.last)).collect()
}

/// The texts of all `*.toml` and `*.xml` of a directory, by path.
fn dialplan_files(dir: &Path) -> Result<Vec<(String, String)>, Vec<Fault>> {
    let entries = fs::read_dir(dir).map_err(|error| {
        let remedy = "correct [dialplan] dir, or put a dialplan there (the sample is in dialplan/)";
        vec![whole(dir, error.to_string(), remedy)]
    })?;
    let is_plan = |path: &PathBuf| {
        path.extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("toml") || e.eq_ignore_ascii_case("xml"))
    };
    let mut paths: Vec<PathBuf> =
        entries.filter_map(|e| Some(e.ok()?.path())).filter(is_plan).collect();
    paths.sort();
    if paths.is_empty() {
        let what = "there is no *.toml and no *.xml in it: no call would find a route".to_owned();
        return Err(vec![whole(dir, what, "put a dialplan there (the sample is in dialplan/)")]);
    }
    let (mut texts, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        match read(&path) {
            Ok(text) => texts.push((path.display().to_string(), text)),
            Err(more) => faults.extend(more),
        }
    }
    if faults.is_empty() { Ok(texts) } else { Err(faults) }
}

/// The prompts below the folder of each language, by name without ending: `care/menu`.
fn prompts_in(sounds: &Path) -> BTreeMap<String, BTreeSet<String>> {
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
    use crate::base::{Now, Time, Wall};
    use crate::dialplan::{Entry, explain};

    /// Who starts without a file must not be greeted by faults of what we ship.
    #[test]
    fn the_embedded_default_and_the_sample_plan_agree() {
        let text = config::EMBEDDED.to_owned();
        match load(&Source::Text { text, name: "(embedded default)" }) {
            Ok(loaded) => assert_eq!(loaded.warnings, []),
            Err(faults) => panic!("{}", lines(&faults)),
        }
    }

    /// The steps that a call takes on `date` under `holidays`.
    fn steps_on(date: &str, holidays: &str) -> usize {
        let dir = tempfile::tempdir().expect("a directory");
        let plan = "[[route]]\nname = \"closed\"\ncontext = \"gateway\"\n\
                    when = { holiday = true }\nsteps = [{ answer = {} }, { hangup = {} }]\n";
        fs::write(dir.path().join("plan.toml"), plan).expect("a file");
        let text = config::EMBEDDED.replace(
            "dir    = \"./dialplan\"",
            &format!("dir = \"{}\"\nholidays = {holidays}", dir.path().display()),
        );
        let loaded =
            load(&Source::Text { text, name: "test" }).unwrap_or_else(|f| panic!("{}", lines(&f)));
        let noon: jiff::civil::DateTime =
            format!("{date} 12:00").replace(' ', "T").parse().expect("a date");
        let at = loaded.zone.to_timestamp(noon).expect("a time").as_millisecond();
        let entry = Entry { context: "gateway".into(), to: "1".into(), ..Entry::default() };
        explain(&loaded.plan, &entry, Now { at: Time::ZERO, wall: Wall(at) }).steps.len()
    }

    #[test]
    fn the_configurations_holidays_hold_in_the_plan() {
        let days = "[\"2026-10-01..2026-10-03\", \"2026-12-25\"]";
        for (date, open) in [
            ("2026-09-30", true),
            ("2026-10-01", false),
            ("2026-10-03", false),
            ("2026-10-04", true),
            ("2026-12-25", false),
        ] {
            assert_eq!(steps_on(date, days) == 0, open, "{date}");
        }
        assert_eq!(steps_on("2026-10-01", "[]"), 0);
    }
}
