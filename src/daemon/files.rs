//! What is read from disk at start and at a reload: the configuration, the passwords that lie
//! elsewhere, the dialplan (its files are read in [`super::plan_files`]), the names of the prompts. All faults of all
//! files are collected.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::accounts::book as accounts;
use super::cli::ConfigFile;
use super::copies::{Noted, Reads};
use super::plan_files::{self, MOST_BELOW_BYTES, designs, known_to_plans, plan_of};
use super::sample::Place;
use super::{certificates, copies, mail};
use crate::config::{self, Config, SecretSource};
use crate::dialplan::{LoadEnv, Plan};
use crate::net::mail::Mailer;
use crate::net::tls::Material;

/// Where the configuration is looked for when none is named.
const USUAL: &str = "/etc/belfry/belfry.toml";
/// Files of the dialplan that are looked at for whether somebody has edited one.
const MOST_MARKED: usize = 5_000;

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
    /// Where the prompts are.
    pub sounds: Place,
    /// Certificates, and whom TLS trusts.
    pub tls: Material,
    /// The mail server, where there is one.
    pub mail: Option<Mailer>,
    /// Its files of certificates, as they were then.
    pub(super) written: certificates::Written,
    /// All files that it was read from, for copies of them; none: it was read from those, or is our own text.
    pub(super) noted: Option<Noted>,
    /// What faults call the configuration.
    pub name: String,
    /// What holds its accounts, behind its own lines.
    pub(super) kept: Kept,
    /// What does not keep the appliance from starting.
    pub warnings: Vec<Fault>,
}

/// The accounts that are read with the configuration as one text: where they are, and how many lines stand
/// before them.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    path: PathBuf,
    own_lines: u32,
}

impl Kept {
    /// A fault in a line of the configuration called `name`, at the file and line that an editor shows.
    pub(super) fn placed(&self, fault: Fault, name: &str) -> Fault {
        match fault.file == name && fault.line > self.own_lines {
            true => Fault {
                file: self.path.display().to_string(),
                line: fault.line - self.own_lines,
                ..fault
            },
            false => fault,
        }
    }

    /// The accounts' file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
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

impl Source {
    /// The configuration's file, be it there or not; none: it is a text.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Source::Usual => Some(Path::new(USUAL)),
            Source::File(path) => Some(path),
            Source::Text { .. } => None,
        }
    }
}

impl From<&ConfigFile> for Source {
    fn from(file: &ConfigFile) -> Source {
        match &file.config {
            Some(path) => Source::File(path.clone()),
            None => Source::Usual,
        }
    }
}

/// A mark of what people have written: the configuration, its accounts and the dialplan. Another one: somebody has edited a file
/// since. What programs write (designs of surveys, forms) is not in it.
pub(super) fn mark(source: &Source, config: &Config) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in source.path().into_iter().chain([accounts::path(config).as_path()]) {
        fs::read(path).ok().hash(&mut hasher);
    }
    let mut folders = vec![config.dialplan.dir.clone()];
    let mut left = MOST_MARKED;
    while let Some(dir) = folders.pop() {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path()).filter(|path| !plan_files::is_hidden(path));
        let mut paths: Vec<PathBuf> = paths.take(left).collect();
        left -= paths.len();
        paths.sort();
        for path in paths {
            match fs::metadata(&path) {
                Ok(meta) if meta.is_dir() => folders.push(path),
                Ok(meta) if meta.is_file() && meta.len() <= MOST_BELOW_BYTES as u64 => {
                    (&path, fs::read(&path).ok()).hash(&mut hasher);
                }
                _ => path.hash(&mut hasher),
            }
        }
    }
    hasher.finish()
}

/// Reads everything. The error holds all faults, warnings among them.
pub fn load(source: &Source) -> Result<Loaded, Vec<Fault>> {
    load_with_design(source, None)
}

/// The same from the copies in a folder.
pub(super) fn load_copies(source: &Source, folder: &Path) -> Result<Loaded, Vec<Fault>> {
    load_from(source, None, Reads::of_copies(folder.to_owned()))
}

/// The same with a text in place of what the file of a survey's design holds: whether all holds with it.
pub(super) fn load_with_design(
    source: &Source,
    design: Option<(&Path, &str)>,
) -> Result<Loaded, Vec<Fault>> {
    load_from(source, design, Reads::of_disk())
}

fn load_from(
    source: &Source,
    design: Option<(&Path, &str)>,
    reads: Reads,
) -> Result<Loaded, Vec<Fault>> {
    let Written { config, mut faults, ours, name, kept } = config_with(source, None, &reads)?;
    let place = |dir: &Path| match ours {
        true => Place::of_sample(dir),
        false => Place::Disk(dir.to_owned()),
    };
    let (dir, sounds) = (place(&config.dialplan.dir), place(&config.dialplan.sounds));
    let zone = zone_of(&config);
    // The files themselves are looked at soon, and taken when they can be.
    let written = match reads.are_copies() {
        true => certificates::Written::default(),
        false => certificates::Written::now(&config),
    };
    let (tls, more) = certificates::read(&config, &name, &reads);
    faults.extend(more);
    let mail = mail::mailer(&config, &name, &reads);
    let mail = mail.map_err(|fault| faults.push(fault)).ok().flatten();
    let unusable = faults.iter().any(|fault| fault.error);
    let env = known_to_plans(&config, &sounds, &zone);
    let plan = designs(&config.node.data_dir, design, &reads)
        .and_then(|designs| plan_of(&config, &name, (&dir, designs), env, &reads));
    match plan {
        Ok((_, warnings)) if unusable => {
            faults.extend(warnings);
            Err(faults)
        }
        Ok((plan, warnings)) => {
            faults.extend(warnings);
            let plan = Arc::new(plan);
            let warnings = faults.into_iter().map(|fault| kept.placed(fault, &name)).collect();
            let noted = (!ours && !reads.are_copies()).then(|| reads.noted());
            #[rustfmt::skip]
            let loaded = Loaded {
                config, plan, zone, sounds, tls, mail, written, noted, name, kept, warnings,
            };
            Ok(loaded)
        }
        Err(more) => {
            faults.extend(more);
            Err(faults)
        }
    }
}

/// What else is wrong, where [`load`] found faults: in the dialplan behind a configuration that does not hold, as far as
/// that says where the dialplan is; and in the prompts.
pub(super) fn faults_beyond(source: &Source) -> Vec<Fault> {
    let (config, name, ours, held) = match config_of(source) {
        Ok(Written { config, ours, name, .. }) => (config, name, ours, true),
        Err(_) => match places_written(source) {
            Some((config, name)) => (config, name, false, false),
            None => return Vec::new(),
        },
    };
    let place = |dir: &Path| if ours { Place::of_sample(dir) } else { Place::Disk(dir.to_owned()) };
    let (dir, sounds) = (place(&config.dialplan.dir), place(&config.dialplan.sounds));
    let mut faults = Vec::new();
    if !held {
        // Which phones, gateways and queues there are is not known.
        let known = known_to_plans(&config, &sounds, &zone_of(&config));
        let env = LoadEnv { phones: None, gateways: None, queues: None, ..known };
        let reads = Reads::of_disk();
        let found = designs(&config.node.data_dir, None, &reads)
            .and_then(|designs| plan_of(&config, &name, (&dir, designs), env, &reads))
            .map(|(_, warnings)| warnings);
        faults.extend(found.unwrap_or_else(|faults| faults));
    }
    faults.extend(bad_prompts(&config, &name, &sounds).1);
    faults
}

/// A configuration of those keys alone that say where the dialplan and the prompts are, if it is TOML at all.
fn places_written(source: &Source) -> Option<(Config, String)> {
    let path = source.path()?;
    let table: toml::Table = fs::read_to_string(path).ok()?.parse().ok()?;
    let own = |names: &[&str]| {
        let own = table.iter().filter(|(key, _)| names.contains(&key.as_str()));
        let own: toml::Table = own.map(|(key, value)| (key.clone(), value.clone())).collect();
        let text = format!("{own}\n[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n");
        Config::parse(&text).ok().map(|(config, _)| config)
    };
    let config = own(&["node", "dialplan"]).or_else(|| own(&["dialplan"]))?;
    Some((config, path.display().to_string()))
}

/// How many prompts there are, and which cannot be played; that there is none is one fault.
pub(super) fn bad_prompts(config: &Config, name: &str, sounds: &Place) -> (usize, Vec<Fault>) {
    if let Some(fault) = without_sounds(config, name, sounds) {
        return (0, vec![fault]);
    }
    let (clips, bad) = sounds.clips();
    let remedy = "make it a WAV of 8 to 48 kHz, A-law, µ-law or 16 bit, or take it away";
    let mut faults = Vec::new();
    for bad in bad {
        faults.push(whole(&bad.path, bad.why, remedy));
    }
    (clips.len(), faults)
}

/// `1 error`, `2 errors`.
pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// What of a configuration names the appliance, for who makes its first certificate: what is wrong elsewhere in
/// the file does not matter.
pub(super) fn names_of_file(file: &ConfigFile) -> Result<Config, String> {
    config_of_file(file).or_else(|why| {
        const NAMING: [&str; 5] = ["node", "sip", "network", "media", "certificate"];
        let whole = file.config.as_ref().and_then(|path| fs::read_to_string(path).ok());
        let table = whole.and_then(|text| text.parse::<toml::Table>().ok()).ok_or(why.clone())?;
        let mut naming: toml::Table =
            table.into_iter().filter(|(key, _)| NAMING.contains(&key.as_str())).collect();
        without_tls(&mut naming);
        Config::parse(&naming.to_string()).map(|(config, _)| config).map_err(|_| why)
    })
}

/// Addresses that want a certificate as such that want none: whoever makes the first has none yet.
fn without_tls(table: &mut toml::Table) {
    let plain = |listen: &mut toml::Value| {
        if let toml::Value::String(at) = listen {
            for (secret, open) in [("tls:", "tcp:"), ("wss:", "ws:")] {
                if let Some(rest) = at.strip_prefix(secret) {
                    *at = format!("{open}{rest}");
                    return;
                }
            }
        }
    };
    match table.get_mut("sip").and_then(|sip| sip.get_mut("listen")) {
        Some(toml::Value::Array(all)) => all.iter_mut().for_each(plain),
        Some(one) => plain(one),
        None => {}
    }
}

/// A configuration alone.
pub(super) fn config_of_file(file: &ConfigFile) -> Result<Config, String> {
    config_of(&file.into()).map(|written| written.config).map_err(|faults| lines(&faults))
}

/// A configuration and its time zone.
pub(super) fn config_and_zone(file: &ConfigFile) -> Result<(Config, TimeZone), String> {
    config_of_file(file).map(|config| {
        let zone = zone_of(&config);
        (config, zone)
    })
}

/// The console's socket of a configuration. Faults elsewhere in it hinder nobody: the appliance that runs was started with
/// another one, and is to be looked at while the file is mended.
pub(super) fn socket_of(file: &ConfigFile) -> Result<PathBuf, String> {
    match config_of_file(file) {
        Ok(config) => Ok(config.console.socket),
        Err(faults) => socket_written(file).ok_or(faults),
    }
}

/// The socket that a configuration with faults names, as far as it can be read.
#[allow(clippy::disallowed_methods, reason = "the configuration is a file")]
fn socket_written(file: &ConfigFile) -> Option<PathBuf> {
    let text = std::fs::read_to_string(path_of(file)?).ok()?;
    let socket = copies::written(&text, "console", "socket");
    Some(socket.unwrap_or_else(|| PathBuf::from(config::USUAL_SOCKET)))
}

/// The configuration's file; none: the embedded default holds.
pub(super) fn path_of(file: &ConfigFile) -> Option<PathBuf> {
    let usual = || Path::new(USUAL).exists().then(|| PathBuf::from(USUAL));
    file.config.clone().or_else(usual)
}

/// Whether there is a usual configuration that this user may not read.
pub(super) fn is_withheld() -> bool {
    let opened = fs::File::open(USUAL);
    opened.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
}

/// The errors among them, one a line.
pub(super) fn lines(faults: &[Fault]) -> String {
    faults.iter().filter(|f| f.error).map(|f| format!("{f}\n")).collect()
}

impl Loaded {
    /// What is wrong with the directory of prompts as a whole.
    pub(super) fn without_sounds(&self) -> Option<Fault> {
        without_sounds(&self.config, &self.name, &self.sounds)
    }
}

/// What is wrong with the directory of prompts as a whole. The appliance starts without them: calls go on, and
/// prompts are silent.
fn without_sounds(config: &Config, name: &str, sounds: &Place) -> Option<Fault> {
    let Place::Disk(dir) = sounds else { return None };
    let what = match fs::read_dir(dir) {
        Err(error) => error.to_string(),
        Ok(_) if sounds.prompts().values().all(BTreeSet::is_empty) => {
            "there is no prompt in it".into()
        }
        Ok(_) => return None,
    };
    let what = format!("the directory of prompts, {}: {what}", dir.display());
    let remedy = "correct [dialplan] sounds, or put a folder of prompts for each language there \
                  (the sample's are in sounds/)";
    Some(at_key(config, name, "sounds", what, remedy))
}

/// A fault at a key of `[dialplan]`.
pub(super) fn at_key(
    config: &Config,
    name: &str,
    key: &'static str,
    what: String,
    remedy: &'static str,
) -> Fault {
    let at = config.place("dialplan", key);
    let (file, remedy) = (name.to_owned(), remedy.to_owned());
    Fault { file, line: at.line, column: at.column, error: true, what, remedy }
}

/// A configuration as it was read.
struct Written {
    config: Config,
    /// Its warnings.
    faults: Vec<Fault>,
    /// Whether it is the embedded default or another text of ours: then the sample stands in for
    /// directories that are not there.
    ours: bool,
    /// What faults call it.
    name: String,
    kept: Kept,
}

fn config_of(source: &Source) -> Result<Written, Vec<Fault>> {
    config_with(source, None, &Reads::of_disk())
}

/// A configuration with `accounts` instead of those that are kept: whether they hold together.
pub(super) fn with_accounts(source: &Source, accounts: &str) -> Result<(), Vec<Fault>> {
    config_with(source, Some(accounts), &Reads::of_disk()).map(drop)
}

/// A configuration, and the accounts that are kept beside it: one text for whoever checks it, so that what
/// holds among phones holds among all of them.
fn config_with(
    source: &Source,
    accounts: Option<&str>,
    reads: &Reads,
) -> Result<Written, Vec<Fault>> {
    let (name, text, embedded) = match source {
        Source::Usual if Path::new(USUAL).exists() => {
            (USUAL.to_owned(), read(reads, Path::new(USUAL))?, false)
        }
        Source::Usual => ("(embedded default)".to_owned(), config::EMBEDDED.to_owned(), true),
        Source::File(path) => (path.display().to_string(), read(reads, path)?, false),
        Source::Text { text, name } => ((*name).to_owned(), text.clone(), true),
    };
    // Lines behind these are the accounts'.
    let own_lines = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
    let mut kept_at = PathBuf::new();
    let ours = |fault: config::Fault, kept_at: &Path| {
        // An empty file has its faults in line 1.
        let of_accounts = fault.line > own_lines && !kept_at.as_os_str().is_empty();
        let (file, line) = match of_accounts {
            true => (kept_at.display().to_string(), fault.line - own_lines),
            false => (name.clone(), fault.line),
        };
        let error = fault.severity == config::Severity::Error;
        Fault { file, line, column: fault.column, error, what: fault.what, remedy: fault.remedy }
    };
    let all = |faults: Vec<config::Fault>, kept_at: &Path| -> Vec<Fault> {
        faults.into_iter().map(|fault| ours(fault, kept_at)).collect()
    };
    let alone = Config::parse(&text);
    let (mut config, warnings) = alone.map_err(|faults| all(faults, &kept_at))?;
    let mut faults = all(warnings, &kept_at);
    kept_at = accounts::path(&config);
    let kept = match accounts {
        Some(text) => Some(text.to_owned()),
        None if reads.at(&kept_at).symlink_metadata().is_ok() => Some(kept_text(reads, &kept_at)?),
        None => None,
    };
    if let Some(kept) = kept {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let whole = Config::parse(&format!("{text}{end}{kept}"));
        let (both, warnings) = whole.map_err(|faults| all(faults, &kept_at))?;
        (config, faults) = (both, all(warnings, &kept_at));
    }
    let fetch = |source: &SecretSource| match source {
        SecretSource::File(path) => secret(reads, path).map_err(|error| error.to_string()),
        SecretSource::Given(text) => Ok(text.expose().to_owned()),
        SecretSource::Env(name) => std::env::var(&**name).map_err(|e| e.to_string()),
    };
    faults.extend(super::forms::add(&mut config, reads));
    config.resolve_secrets(fetch).map_err(|faults| all(faults, &kept_at))?;
    let kept = Kept { path: kept_at, own_lines };
    Ok(Written { config, faults, ours: embedded, name, kept })
}

/// The accounts that are kept: a link is refused.
fn kept_text(reads: &Reads, path: &Path) -> Result<String, Vec<Fault>> {
    let remedy = "Belfry's user must be able to read it, and it is a file of its own";
    let text = accounts::read(&reads.at(path));
    let text = text.map_err(|error| vec![whole(path, error.to_string(), remedy)])?;
    reads.note(path, text.as_bytes());
    Ok(text)
}

fn secret(reads: &Reads, path: &Path) -> std::io::Result<String> {
    plain(&reads.at(path))?;
    let text = String::from_utf8(reads.bytes(path)?);
    text.map_err(|_| std::io::Error::other("it is not UTF-8"))
}

/// That it is a plain file, or a link to one: who opens a pipe waits for its writer, for ever.
pub(super) fn plain(path: &Path) -> std::io::Result<()> {
    let meta = fs::metadata(path)?;
    if meta.is_file() || meta.is_dir() {
        return Ok(());
    }
    Err(std::io::Error::other("it is no plain file, but a pipe, a device or a socket"))
}

pub(super) fn read(reads: &Reads, path: &Path) -> Result<String, Vec<Fault>> {
    let bytes = reads.bytes(path).map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::NotFound => {
                "name the file with -c, or leave -c out for the default"
            }
            std::io::ErrorKind::PermissionDenied => "let Belfry's user read it",
            std::io::ErrorKind::IsADirectory => "name the file in it",
            _ => "",
        };
        vec![whole(path, error.to_string(), remedy)]
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let bad = error.as_bytes()[good];
        let before = String::from_utf8_lossy(&error.as_bytes()[..good]);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        vec![Fault {
            line: before.matches('\n').count() as u32 + 1,
            column: before[line_start..].chars().count() as u32 + 1,
            ..whole(path, format!("the byte {bad:#04x} is not UTF-8"), "save the file as UTF-8")
        }]
    })
}

pub(super) fn whole(path: &Path, what: String, remedy: &str) -> Fault {
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
pub(super) fn zone_of(config: &Config) -> TimeZone {
    match &config.node.timezone {
        Some(zone) => zone.time_zone().clone(),
        None => TimeZone::system(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Now, Time, Wall};
    use crate::dialplan::{Entry, explain};

    /// A program's design must not put what somebody is editing in force.
    #[test]
    fn what_people_edit_has_another_mark_and_what_programs_write_has_not() {
        let dir = tempfile::tempdir().unwrap();
        let (own, plan) = (dir.path().join("belfry.toml"), dir.path().join("plan"));
        let text = format!(
            "[node]\ndata_dir = \"{0}\"\n[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n[dialplan]\ndir = \"{0}/plan\"\n",
            dir.path().display()
        );
        let config = Config::parse(&text).unwrap().0;
        let source = Source::File(own.clone());
        fs::create_dir_all(plan.join("xml")).unwrap();
        fs::create_dir_all(dir.path().join("surveys")).unwrap();
        let mut seen = vec![mark(&source, &config)];
        fs::write(dir.path().join("surveys/a.toml"), "x").unwrap();
        assert_eq!(mark(&source, &config), seen[0]);
        for path in [own, plan.join("a.toml"), plan.join("xml/b.xml"), accounts::path(&config)] {
            fs::write(path, "edited").unwrap();
            let now = mark(&source, &config);
            assert!(!seen.contains(&now), "{seen:?}");
            assert_eq!(mark(&source, &config), now);
            seen.push(now);
        }
    }

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

    /// A pipe of that name would hold a reload for ever, and the stop behind it.
    #[test]
    fn a_pipe_among_the_files_is_named_and_not_waited_for() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        let pipe = |path: &Path| {
            let made = std::process::Command::new("mkfifo").arg(path).status();
            assert!(made.expect("mkfifo runs").success());
        };
        fs::create_dir(at("plan")).expect("a directory");
        let text = format!(
            "[sip]\nlisten = \"udp:127.0.0.1:5060\"\n[dialplan]\ndir = \"{0}/plan\"\n[node]\ndata_dir = \"{0}\"\n",
            dir.path().display()
        );
        fs::write(at("belfry.toml"), &text).expect("a file");
        pipe(&at("plan/z.toml"));
        let told = || match load(&Source::File(at("belfry.toml"))) {
            Ok(_) => panic!("a pipe was read"),
            Err(faults) => lines(&faults),
        };
        assert!(told().contains("z.toml: error: it is no plain file"), "{}", told());
        pipe(&at("secret"));
        let phone =
            format!("[[phone]]\nnumber = \"1\"\npassword_file = \"{}\"\n", at("secret").display());
        fs::write(at("belfry.toml"), format!("{text}{phone}")).expect("a file");
        assert!(told().contains("it is no plain file"), "{}", told());
    }

    /// `belfry certificate` makes what such a file lacks.
    #[test]
    fn a_configuration_that_lacks_its_certificate_says_for_whom_one_is() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("belfry.toml");
        for listen in ["\"tls:127.0.0.1\"", "[\"udp:127.0.0.1\", \"wss:127.0.0.1:8443\"]"] {
            let text = format!("[sip]\nlisten = {listen}\ndomain = \"care.example\"\n");
            fs::write(&path, &text).expect("a file");
            let file = ConfigFile { config: Some(path.clone()) };
            assert!(config_of_file(&file).unwrap_err().contains("certificate"), "{text}");
            let config = names_of_file(&file).unwrap_or_else(|why| panic!("{why}"));
            assert_eq!(config.sip.domain.map(|d| d.to_string()), Some("care.example".to_owned()));
        }
    }

    #[test]
    fn an_empty_configuration_is_named_in_its_fault() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("belfry.toml");
        fs::write(&path, "").expect("a file");
        let Err(faults) = load(&Source::File(path.clone())) else { panic!("it held") };
        assert!(faults[0].to_string().starts_with(&path.display().to_string()), "{}", faults[0]);
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

    /// The faults of a configuration file with `lines` under `[dialplan]`, and of the files beside
    /// it, in the words of `belfry check`; the directory is taken out of them.
    fn faults(lines: &str, files: &[(&str, &[u8])]) -> Vec<String> {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().to_str().expect("a path of ours");
        fs::create_dir(dir.path().join("plan")).expect("a directory");
        for (name, bytes) in files {
            fs::write(dir.path().join(name), bytes).expect("a file");
        }
        let path = dir.path().join("belfry.toml");
        let text = "[sip]\nlisten = \"udp:127.0.0.1:5060\"\n\n[dialplan]\n";
        fs::write(&path, format!("{text}{}", lines.replace("ROOT", root))).expect("a file");
        let faults = match load(&Source::File(path)) {
            Ok(loaded) => loaded.without_sounds().into_iter().collect(),
            Err(faults) => faults,
        };
        faults.iter().map(|fault| fault.to_string().replace(&format!("{root}/"), "")).collect()
    }

    const ROUTE: &[u8] = b"[[route]]\nname = \"a\"\ncontext = \"c\"\nsteps = [{ hangup = {} }]\n";

    #[test]
    fn a_directory_that_is_not_there_is_named_where_it_is_written() {
        let found = faults("dir = \"ROOT/nowhere\"\n", &[]);
        let start = "belfry.toml:5:7: error: the dialplan's directory, nowhere: No such file";
        assert!(found.len() == 1 && found[0].starts_with(start), "{found:?}");
        assert!(found[0].contains("correct [dialplan] dir"), "{found:?}");

        let lines = "dir = \"ROOT/plan\"\n\nsounds = \"ROOT/silent\"\n";
        let found = faults(lines, &[("plan/a.toml", ROUTE)]);
        let start = "belfry.toml:7:10: error: the directory of prompts, silent: No such file";
        assert!(found.len() == 1 && found[0].starts_with(start), "{found:?}");
        assert!(found[0].contains("correct [dialplan] sounds"), "{found:?}");

        let found = faults(&lines.replace("silent", "plan"), &[("plan/a.toml", ROUTE)]);
        assert!(found.len() == 1 && found[0].contains("there is no prompt in it"), "{found:?}");
    }

    /// What one mends next is known at once: a configuration, a dialplan and a prompt with a fault each.
    #[test]
    fn faults_of_later_layers_are_told_with_those_of_the_first() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        for folder in ["plan", "sounds/zh-CN"] {
            fs::create_dir_all(at(folder)).expect("a directory");
        }
        let dialled = "steps = [{ dial = { phones = \"1001\" } }, { nosuch = {} }]";
        let route = String::from_utf8_lossy(ROUTE).replace("steps = [{ hangup = {} }]", dialled);
        fs::write(at("plan/a.toml"), route).expect("a file");
        fs::write(at("sounds/zh-CN/welcome.wav"), b"no WAV").expect("a file");
        let root = dir.path().display();
        let plan = format!("[dialplan]\ndir = \"{root}/plan\"\nsounds = \"{root}/sounds\"\n");
        let found = |sip: &str, plan: &str| {
            fs::write(at("belfry.toml"), format!("[sip]\n{sip}\n{plan}")).expect("a file");
            let source = Source::File(at("belfry.toml"));
            let Err(mut faults) = load(&source) else { panic!("there are faults") };
            faults.extend(faults_beyond(&source));
            faults.iter().filter(|fault| fault.error).map(ToString::to_string).collect::<Vec<_>>()
        };
        let good = "listen = \"udp:127.0.0.1:5060\"";
        let bad = format!("{good}\nlistn = 5");
        for (sip, wanted) in [
            (bad.as_str(), ["belfry.toml:3", "'nosuch' is no", "welcome.wav"]),
            (good, ["a.toml:4:", "'nosuch' is no", "welcome.wav"]),
        ] {
            let found = found(sip, &plan).join("\n");
            assert!(wanted.iter().all(|part| found.contains(part)), "{found}");
            assert!(!found.contains("1001"), "nobody knows the phones yet: {found}");
        }
        // No TOML at all: nothing says where the rest is.
        assert!(!found("listen = [", &plan).join("\n").contains("nosuch"));
    }

    #[test]
    fn a_plan_without_a_route_is_an_error() {
        let files: [&[(&str, &[u8])]; 2] = [&[], &[("plan/a.toml", b"[sub]\n")]];
        for files in files {
            let found = faults("dir = \"ROOT/plan\"\n", files);
            assert!(
                found.len() == 1 && found[0].starts_with("belfry.toml:5:7: error: "),
                "{found:?}"
            );
            assert!(found[0].contains("put a dialplan there"), "{found:?}");
        }
    }

    /// Who is in the middle of an edit when the power goes has a dialplan all the same.
    #[test]
    fn what_editors_leave_beside_a_file_is_no_dialplan() {
        let bad = b"[[route".as_slice();
        let names = [".#a.toml", ".a.toml", ".a.xml", "#a.toml#", "a.toml~", ".a.toml.swp"];
        let names: Vec<String> = names.iter().map(|name| format!("plan/{name}")).collect();
        let left = names.iter().map(|name| (name.as_str(), bad));
        let files: Vec<_> = [("plan/a.toml", ROUTE)].into_iter().chain(left).collect();
        let found = faults("dir = \"ROOT/plan\"\n", &files);
        assert!(found.iter().all(|fault| fault.contains("directory of prompts")), "{found:?}");
        let seen = faults("dir = \"ROOT/plan\"\n", &[("plan/a.toml", ROUTE), ("plan/b.toml", bad)]);
        assert!(seen.iter().any(|fault| fault.contains("plan/b.toml:1")), "{seen:?}");
    }

    #[test]
    fn folders_of_the_dialplan_are_read_where_a_file_includes_them() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        for folder in ["default/more", "elsewhere"] {
            fs::create_dir_all(at(folder)).expect("a directory");
        }
        let extension = |name: &str| {
            format!(
                "<extension name=\"{name}\"><condition field=\"destination_number\" \
                 expression=\"^{name}$\"><action application=\"hangup\"/></condition></extension>"
            )
        };
        let include = |data: &str| format!("<X-PRE-PROCESS cmd=\"include\" data=\"{data}\"/>");
        let files = [
            (
                "default.xml",
                format!(
                    "<include><context name=\"gateway\">{}{}</context></include>",
                    include("default/*.xml"),
                    include("nothing/*.xml"),
                ),
            ),
            (
                "default/01.xml",
                format!("<include>{}{}</include>", extension("1"), include("more/2.xml")),
            ),
            ("default/more/2.xml", format!("<include>{}</include>", extension("2"))),
            ("default/more/3.xml", extension("3")),
            ("elsewhere/broken.xml", "<include".to_owned()),
        ];
        for (name, text) in files {
            fs::write(at(name), text).expect("a file");
        }
        fs::write(at("elsewhere/latin.xml"), b"\xe9").expect("a file");
        #[cfg(unix)]
        std::os::unix::fs::symlink(dir.path(), at("default/round")).expect("a link");
        let text = config::EMBEDDED
            .replace("dir    = \"./dialplan\"", &format!("dir = \"{}\"", dir.path().display()));
        let loaded =
            load(&Source::Text { text, name: "test" }).unwrap_or_else(|f| panic!("{}", lines(&f)));
        assert_eq!(loaded.plan.route_count(), 2, "not what nobody includes");
        let told: Vec<String> = loaded.warnings.iter().map(|fault| fault.what.clone()).collect();
        assert!(told.iter().any(|what| what.contains("no file fits 'nothing/*.xml'")), "{told:?}");
        assert!(told.iter().any(|what| what.contains("0xe9 is not UTF-8")), "{told:?}");
        assert!(told.iter().all(|what| !what.contains("markup")), "{told:?}");
    }

    /// Killed at any moment, the next start finds only designs that hold.
    #[test]
    fn a_design_is_tried_before_it_is_written() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        for folder in ["plan", "data/surveys"] {
            fs::create_dir_all(at(folder)).expect("a directory");
        }
        let survey = |name: &str| {
            format!(
                "[survey.{name}]\nquestions = [{{ name = \"a\", prompt = \"survey/solved\", keys = {{ 1 = \"yes\" }} }}]\n"
            )
        };
        let route = String::from_utf8_lossy(ROUTE);
        fs::write(at("plan/a.toml"), format!("{route}{}", survey("ten"))).expect("a file");
        fs::write(at("data/surveys/quick.toml"), survey("quick")).expect("a file");
        let sounds = Path::new(env!("CARGO_MANIFEST_DIR")).join("sounds");
        let text = format!(
            "[node]\ndata_dir = \"{0}/data\"\n[sip]\nlisten = \"udp:127.0.0.1:5060\"\n[dialplan]\ndir = \"{0}/plan\"\nsounds = \"{1}\"\n",
            dir.path().display(),
            sounds.display()
        );
        fs::write(at("belfry.toml"), text).expect("a file");
        let source = Source::File(at("belfry.toml"));
        let tried = |name: &str, text: &str| {
            let path = at("data/surveys").join(name);
            load_with_design(&source, Some((path.as_path(), text)))
                .map(|loaded| loaded.plan.surveys().count())
                .map_err(|faults| lines(&faults))
        };
        assert_eq!(tried("new.toml", &survey("new")), Ok(3));
        // In the place of what its file holds, not beside it.
        assert_eq!(tried("quick.toml", &survey("quick")), Ok(2));
        let why = tried("ten.toml", &survey("ten")).expect_err("the dialplan has one");
        assert!(why.contains("ten"), "{why}");
        assert!(load(&source).is_ok(), "nothing was written");
    }

    #[test]
    fn bytes_that_are_no_text_are_told_with_their_place() {
        let latin = [ROUTE, "# é".as_bytes(), b"t\xe9\n"].concat();
        let found = faults("dir = \"ROOT/plan\"\n", &[("plan/a.toml", &latin)]);
        let wanted = "plan/a.toml:5:5: error: the byte 0xe9 is not UTF-8; save the file as UTF-8";
        assert_eq!(found, [wanted]);
    }
}
