//! `belfry recording`: which there are, whether their files are still what they were, copies of them.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::cli::{ConfigFile, fail};

use super::system_log::Audit;
use super::{files, recording_keys};
use crate::base::CallId;
use crate::config::Config;
use crate::console::out::{out, outln};
use crate::console::{private, render};
use crate::dialplan::calendar::wall_of;
use crate::engine::disk::reading::{self, Reading};
use crate::engine::disk::seal::checksum;
use crate::record::envelope::Keyring;
use crate::record::path;
use crate::store::query::Records;
use crate::store::recordings::{Recorded, Wanted};

/// Recordings that are read from the records at once.
const PAGE: u32 = 1_000;

/// What is done with recordings.
#[derive(Subcommand)]
pub(super) enum Verb {
    /// Print them, the newest first
    #[command(
        after_help = "Examples:\n  belfry recording list --from 2026-11-01 --number 1001\n  belfry recording list 01KAF3Q8ZK004 --json"
    )]
    List {
        #[command(flatten)]
        which: Which,
        /// At most so many
        #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        most: u32,
    },
    /// Compare all files, each with what it was when it was whole; exit code 1 if one is not, or is gone
    #[command(
        after_help = "Examples:\n  belfry recording verify\n  belfry recording verify --from '2026-11-01 08:00' --json"
    )]
    Verify(Which),
    /// Copy files that are what they were, decrypted and each with its record beside it, into a directory
    #[command(
        after_help = "Examples:\n  belfry recording export 01KAF3Q8ZK004 --out /tmp/case-4711\n  belfry recording export --number 1001 --from 2026-11-01 --out /tmp/1001"
    )]
    Export {
        #[command(flatten)]
        which: Which,
        /// The directory
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Make the file of the key with which recordings are encrypted
    #[command(
        after_help = "Examples:\n  belfry recording key /etc/belfry/recording.keys\n  belfry recording key --add /etc/belfry/recording.keys --json"
    )]
    Key {
        /// The file; [record] key_file names it
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Put a new key before those in it: it encrypts what is recorded from the next reload on, they still decrypt
        #[arg(long)]
        add: bool,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

/// Which recordings.
#[derive(Args)]
pub(super) struct Which {
    #[command(flatten)]
    file: ConfigFile,
    /// Of these calls; of all if none is named
    #[arg(value_name = "CALL")]
    calls: Vec<String>,
    /// From when, in the node's time zone: `2026-11-01`, `2026-11-01 08:00`
    #[arg(long)]
    from: Option<String>,
    /// Until when
    #[arg(long)]
    to: Option<String>,
    /// Of calls from or to this number, or with this agent
    #[arg(long)]
    number: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What a file is now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// As it was when it was whole.
    Same,
    /// Of the same call, and other bytes.
    Changed,
    /// Not where its record says.
    Gone,
    /// It cannot be read.
    Unreadable,
    /// Its checksum is not taken yet: it goes on, or was made whole after a crash.
    NotSealed,
    /// It went when its time was over.
    Removed,
    /// It was never opened: its record says why.
    NeverWritten,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Same => "as it was",
            State::Changed => "CHANGED",
            State::Gone => "GONE",
            State::Unreadable => "CANNOT BE READ",
            State::NotSealed => "no checksum yet",
            State::Removed => "removed, past its time",
            State::NeverWritten => "never written",
        }
    }
    fn is_wrong(self) -> bool {
        matches!(self, State::Changed | State::Gone | State::Unreadable)
    }
}

pub(super) fn main(verb: Verb) -> ExitCode {
    let done = match verb {
        Verb::List { which, most } => list(&which, most),
        Verb::Verify(which) => verify(&which),
        Verb::Export { which, out } => export(&which, &out),
        Verb::Key { file, add, json } => key(&file, add, json),
    };
    done.unwrap_or_else(|why| fail(&why))
}

/// Recordings that are wanted, to be read from the records.
struct Search {
    config: Config,
    zone: TimeZone,
    runtime: tokio::runtime::Runtime,
    records: Records,
    /// One of each call that is named, or one of all.
    wanted: Vec<Wanted>,
}

impl Search {
    fn new(which: &Which) -> Result<Search, String> {
        let (config, zone) = files::config_and_zone(&which.file)?;
        let time = |text: &Option<String>, word: &str| match text {
            None => Ok(None),
            Some(text) => wall_of(text, &zone).map(|wall| Some(wall.0)).ok_or_else(|| {
                format!(
                    "--{word} '{text}' is no time: write it as '2026-11-01' or '2026-11-01 08:00'"
                )
            }),
        };
        let all = Wanted {
            call: None,
            from: time(&which.from, "from")?,
            until: time(&which.to, "to")?,
            number: which.number.clone(),
            before: None,
            most: PAGE,
        };
        let of = |call: &String| Wanted { call: Some(call.clone()), ..all.clone() };
        let mut wanted: Vec<Wanted> = which.calls.iter().map(of).collect();
        if wanted.is_empty() {
            wanted.push(all);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let records = runtime.block_on(Records::open(&config.database()));
        let records = records.map_err(|trouble| trouble.to_string())?;
        Search { config, zone, runtime, records, wanted }.all_there()
    }

    fn page(&self, wanted: &Wanted) -> Result<Vec<Recorded>, String> {
        let found = self.runtime.block_on(self.records.recordings(wanted));
        found.map_err(|trouble| trouble.to_string())
    }

    /// The newest; of each call so many.
    fn newest(&self, most: u32) -> Result<Vec<Recorded>, String> {
        let mut all = Vec::new();
        for wanted in &self.wanted {
            all.extend(self.page(&Wanted { most, ..wanted.clone() })?);
        }
        Ok(all)
    }

    /// All, however many there are, the newest first: a page is in memory at a time.
    fn each(&self, mut with: impl FnMut(&Recorded) -> Result<(), String>) -> Result<(), String> {
        for wanted in &self.wanted {
            let mut wanted = wanted.clone();
            loop {
                let page = self.page(&wanted)?;
                let Some(last) = page.last() else { break };
                wanted.before = Some((last.begun, last.nth));
                page.iter().try_for_each(&mut with)?;
            }
        }
        Ok(())
    }

    /// Compares a file with its record, and with that as it is now if the file is not where it was: packed or removed
    /// since the page was read. With it the record by which it was found.
    fn found(&self, root: &Path, recorded: &Recorded) -> Result<(State, Recorded), String> {
        let state = look(root, recorded);
        if state != State::Gone {
            return Ok((state, recorded.clone()));
        }
        let of = Wanted { call: Some(recorded.call.clone()), most: PAGE, ..Wanted::default() };
        let now = self.page(&of)?.into_iter().find(|now| now.nth == recorded.nth);
        let mut now = now.unwrap_or_else(|| recorded.clone());
        let state = look(root, &now);
        // The records hear of it a moment later, and while the database is away much later.
        let packed = path::packed(&now.path);
        if state == State::Gone && path::is_wav(&now.path) && root.join(&packed).exists() {
            now = Recorded { path: packed, sha256: None, ..now };
            return Ok((State::NotSealed, now));
        }
        Ok((state, now))
    }

    /// An error: of a call that was named there is none.
    fn all_there(self) -> Result<Search, String> {
        let mut lacking = Vec::new();
        for wanted in &self.wanted {
            let Some(call) = &wanted.call else { continue };
            if self.page(&Wanted { most: 1, ..wanted.clone() })?.is_empty() {
                lacking.push(none_of(call));
            }
        }
        if lacking.is_empty() { Ok(self) } else { Err(lacking.join("\n")) }
    }
}

/// Why a call that was named has no recording.
fn none_of(call: &str) -> String {
    match call.parse::<CallId>() {
        Ok(_) => format!("there is no recording of call {call} of that time and number"),
        Err(_) => {
            format!("'{call}' is no id of a call: write one as 'belfry recording list' has it")
        }
    }
}

/// Compares a file with its record.
fn look(root: &Path, recorded: &Recorded) -> State {
    if recorded.removed.is_some() {
        return State::Removed;
    }
    let path = root.join(&recorded.path);
    let Some(sha256) = &recorded.sha256 else {
        // Of one that could not be opened nothing was written, and nothing will be.
        let nothing = recorded.fault.is_some() && recorded.ms == Some(0);
        return match (path.exists(), nothing) {
            (true, _) => State::NotSealed,
            (false, true) => State::NeverWritten,
            (false, false) => State::Gone,
        };
    };
    match checksum(&path) {
        Ok((now, _)) if now == *sha256 => State::Same,
        Ok(_) => State::Changed,
        Err(error) if error.kind() == ErrorKind::NotFound => State::Gone,
        Err(_) => State::Unreadable,
    }
}

fn list(which: &Which, most: u32) -> Result<ExitCode, String> {
    let search = Search::new(which)?;
    let (found, zone) = (search.newest(most)?, &search.zone);
    if which.json {
        outln!("{}", serde_json::to_string_pretty(&found).unwrap_or_default());
        return Ok(ExitCode::SUCCESS);
    }
    let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
    let row = |r: &Recorded| {
        let ms = r.ms.and_then(|ms| u64::try_from(ms).ok());
        let removed = r.removed.map(|_| State::Removed.word().to_owned());
        vec![
            r.call.clone(),
            day_and_time(r.begun, zone),
            or_none(&r.caller),
            or_none(&r.dialled),
            or_none(&r.agent),
            ms.map_or_else(String::new, render::span),
            r.path.clone(),
            removed.or_else(|| r.fault.clone()).unwrap_or_default(),
        ]
    };
    let head = ["CALL", "BEGUN", "FROM", "DIALLED", "TALKED WITH", "TIME", "FILE", ""];
    out!("{}", render::table(&head, found.iter().map(row), "there is no recording"));
    Ok(ExitCode::SUCCESS)
}

fn day_and_time(wall: i64, zone: &TimeZone) -> String {
    let time = Timestamp::from_millisecond(wall).map(|time| time.to_zoned(zone.clone()));
    time.map_or_else(|_| String::new(), |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// What was found, state by state.
#[derive(Default)]
struct Found {
    looked: u64,
    same: u64,
    unsealed: u64,
    wrong: u64,
}

impl Found {
    fn count(&mut self, state: State) {
        self.looked += 1;
        self.same += u64::from(state == State::Same);
        self.unsealed += u64::from(state == State::NotSealed);
        self.wrong += u64::from(state.is_wrong());
    }
}

fn verify(which: &Which) -> Result<ExitCode, String> {
    let search = Search::new(which)?;
    let root = search.config.recordings_dir();
    let mut found = Found::default();
    if which.json {
        out!("{{\"recordings\":[");
    }
    search.each(|recorded| {
        let (state, recorded) = search.found(&root, recorded)?;
        if which.json {
            let (Recorded { call, path, sha256, .. }, comma) =
                (&recorded, if found.looked == 0 { "" } else { "," });
            let row =
                serde_json::json!({ "call": call, "path": path, "state": state, "sha256": sha256 });
            outln!("{comma}{row}");
        } else {
            outln!("{:<24} {} {}", state.word(), recorded.call, recorded.path);
        }
        found.count(state);
        Ok(())
    })?;
    let Found { looked, same, unsealed, wrong } = found;
    if which.json {
        outln!(
            "],\"ok\":{},\"looked\":{looked},\"unsealed\":{unsealed},\"wrong\":{wrong}}}",
            wrong == 0
        );
    } else {
        outln!(
            "{looked} looked at, {same} as they were, {unsealed} without a checksum, {wrong} wrong"
        );
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Copies a recording; the inner error: it cannot be read, and there is no copy of it.
fn copy_to(
    copy: &Path,
    open: impl FnOnce() -> std::io::Result<Reading>,
) -> Result<Result<(), std::io::Error>, String> {
    let mut from = match open() {
        Ok(from) => from,
        Err(why) => return Ok(Err(why)),
    };
    let copied = private::create(copy).and_then(|mut file| std::io::copy(&mut from, &mut file));
    match copied {
        Ok(_) => Ok(Ok(())),
        // What is damaged is told by its reader; all else is the copy's.
        Err(why) => {
            let _ = std::fs::remove_file(copy);
            match why.kind() {
                ErrorKind::InvalidData => Ok(Err(why)),
                _ => Err(format!("{}: {why}", copy.display())),
            }
        }
    }
}

fn key(file: &Path, add: bool, json: bool) -> Result<ExitCode, String> {
    let id = recording_keys::make(file, add)?;
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    if json {
        let document = serde_json::json!({ "file": file, "key": id.to_string(), "added": add });
        outln!("{}", serde_json::to_string_pretty(&document).unwrap_or_default());
        return Ok(ExitCode::SUCCESS);
    }
    let file = file.display();
    outln!("{file}: key {id} is made");
    match add {
        true => outln!(
            "reload, and recordings are encrypted with it; keep the older keys as long as their recordings"
        ),
        false => outln!(
            "let Belfry read it (chgrp belfry {file}; chmod 0640 {file}), write\n  [record]\n  encrypt = true\n  \
             key_file = \"{file}\"\nand reload. Keep a copy elsewhere: without it nobody can read these recordings"
        ),
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes what is recorded of a recording, as JSON.
fn beside_it(path: &Path, recorded: &Recorded) -> std::io::Result<()> {
    let text = serde_json::to_string_pretty(recorded).unwrap_or_default();
    private::create(path)?.write_all(text.as_bytes())
}

fn export(which: &Which, to: &Path) -> Result<ExitCode, String> {
    let search = Search::new(which)?;
    let root = search.config.recordings_dir();
    let told = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let ring = recording_keys::ring(&search.config).unwrap_or_else(|why| {
        eprintln!("belfry: {why}");
        Keyring::default()
    });
    private::create_dir(to).map_err(|error| told(to, error))?;
    let audit = Audit::begin();
    let (mut copied, mut left) = (0, 0);
    search.each(|recorded| {
        let (state, mut recorded) = search.found(&root, recorded)?;
        if !matches!(state, State::Same | State::NotSealed) {
            eprintln!(
                "belfry: {} of call {} is left out: {}",
                recorded.path,
                recorded.call,
                state.word()
            );
            left += usize::from(state.is_wrong());
            return Ok(());
        }
        let named = |recorded: &Recorded| {
            to.join(Path::new(path::plain(&recorded.path)).file_name().unwrap_or_default())
        };
        let open = |recorded: &Recorded| reading::open(&root, &recorded.path, &ring);
        let mut copy = named(&recorded);
        let mut copied_now = copy_to(&copy, || open(&recorded))?;
        // Packed since it was looked at.
        if copied_now.as_ref().is_err_and(|why| why.kind() == ErrorKind::NotFound) {
            recorded = search.found(&root, &recorded)?.1;
            copy = named(&recorded);
            copied_now = copy_to(&copy, || open(&recorded))?;
        }
        if let Err(why) = copied_now {
            eprintln!("belfry: {} of call {} is left out: {why}", recorded.path, recorded.call);
            left += 1;
            return Ok(());
        }
        let beside = copy.with_extension("json");
        beside_it(&beside, &recorded).map_err(|error| told(&beside, error))?;
        audit.line(&format!(
            "recording export: call {}: {} copied to {}",
            recorded.call,
            recorded.path,
            copy.display()
        ));
        copied += 1;
        Ok(())
    })?;
    outln!("{} copied to {}", files::counted(copied, "recording"), to.display());
    Ok(if left == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn recorded(path: &str, sha256: Option<&str>) -> Recorded {
        Recorded {
            nth: 0,
            call: "01KAF3Q8ZK004".into(),
            path: path.into(),
            begun: 0,
            ms: Some(40_000),
            caller: None,
            dialled: None,
            agent: None,
            fault: None,
            removed: None,
            sha256: sha256.map(str::to_owned),
            bytes: None,
        }
    }

    #[test]
    fn an_export_is_for_who_asked_alone() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.wav");
        std::fs::write(&path, "longer than what comes").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        private::create(&path).unwrap().write_all(b"abc").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
    }

    #[test]
    fn a_call_that_is_named_and_has_no_recording_is_told() {
        let call = recorded("a.wav", None).call;
        assert!(none_of(&call).contains("no recording of call"), "{}", none_of(&call));
        assert!(none_of("nosuch").contains("'nosuch' is no id"));
    }

    /// A page of records is older than the files beside it: packed meanwhile is not gone.
    #[test]
    fn what_is_packed_while_files_are_compared_is_not_gone() {
        use crate::base::{RecordingId, Wall};
        use crate::store::{Settings, Store};
        use crate::switch::fact::{Fact, FactKind};
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("recordings");
        std::fs::create_dir_all(&root).unwrap();
        let database = dir.path().join("belfry.db");
        let store = Store::open(Settings::new(dir.path().join("journal"), &database)).unwrap();
        let call = CallId::new(Wall(1_790_000_000_000), 1);
        let begun = |n: u64, path: &str| {
            let (recording, left) = (RecordingId(n), crate::base::LegId(1));
            FactKind::RecordingBegan { call, recording, path: path.into(), left, right: None }
        };
        let ended = |n: u64, fault: &str| {
            let (recording, fault) = (RecordingId(n), fault.to_owned());
            let samples = if fault.is_empty() { 800 } else { 0 };
            FactKind::RecordingEnded { call, recording, samples, ms: samples / 8, fault }
        };
        let kinds = [
            begun(1, "a.wav"),
            ended(1, ""),
            begun(2, "b.wav"),
            ended(2, ""),
            begun(3, "c.wav"),
            ended(3, "no room on the disk"),
        ];
        for (seq, kind) in (1..).zip(kinds) {
            store.journal().submit(Fact { seq, wall: Wall(seq as i64), kind }).unwrap();
        }
        let patience = std::time::Duration::from_secs(30);
        assert!(store.drain(patience));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let records = runtime.block_on(Records::open(&database)).unwrap();
        let (config, zone) = (Config::embedded(), TimeZone::UTC);
        let wanted = vec![Wanted { most: PAGE, ..Wanted::default() }];
        let search = Search { config, zone, runtime, records, wanted: wanted.clone() };
        let page = search.page(&wanted[0]).unwrap();
        // The files are packed: of the first the records hear, of the second not yet.
        for name in ["a.opus", "b.opus"] {
            std::fs::write(root.join(name), b"abc").unwrap();
        }
        let kind = FactKind::RecordingPacked {
            call,
            path: "a.wav".into(),
            packed: "a.opus".into(),
            bytes: 3,
        };
        store.journal().submit(Fact { seq: 7, wall: Wall(7), kind }).unwrap();
        assert!(store.drain(patience));
        store.close();
        let found = |path: &str| {
            let own = page.iter().find(|recorded| recorded.path == path).unwrap();
            let (state, now) = search.found(&root, own).unwrap();
            (state, now.path)
        };
        assert_eq!(found("a.wav"), (State::NotSealed, "a.opus".to_owned()));
        assert_eq!(found("b.wav"), (State::NotSealed, "b.opus".to_owned()));
        // Its record says why there is no file: that is no fault of the disk now.
        assert_eq!(found("c.wav"), (State::NeverWritten, "c.wav".to_owned()));
        std::fs::remove_file(root.join("b.opus")).unwrap();
        assert_eq!(found("b.wav").0, State::Gone);
    }

    #[test]
    fn a_file_is_as_it_was_changed_or_gone() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("a.wav"), b"abc").unwrap();
        // FIPS 180-2, B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(look(root.path(), &recorded("a.wav", Some(abc))), State::Same);
        assert_eq!(look(root.path(), &recorded("a.wav", None)), State::NotSealed);
        assert_eq!(look(root.path(), &recorded("b.wav", Some(abc))), State::Gone);
        assert_eq!(look(root.path(), &recorded("b.wav", None)), State::Gone);
        std::fs::write(root.path().join("a.wav"), b"abd").unwrap();
        let changed = recorded("a.wav", Some(abc));
        assert_eq!(look(root.path(), &changed), State::Changed);
        assert_eq!(look(root.path(), &Recorded { removed: Some(1), ..changed }), State::Removed);
    }
}
