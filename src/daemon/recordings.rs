//! `belfry recording`: which there are, whether their files are still what they were, copies of them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::cli::{ConfigFile, fail};

use super::files;
use crate::config::Config;
use crate::console::out::{out, outln};
use crate::console::render;
use crate::dialplan::calendar::wall_of;
use crate::engine::disk::seal::checksum;
use crate::store::query::Records;
use crate::store::recordings::{Recorded, Wanted};

/// What is done with recordings.
#[derive(Subcommand)]
pub(super) enum Verb {
    /// Print them, the newest first
    List(Which),
    /// Compare each file with what it was when it was whole; exit code 1 if one is not, or is gone
    Verify(Which),
    /// Copy files that are what they were, each with its record beside it, into a directory
    Export {
        #[command(flatten)]
        which: Which,
        /// The directory
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
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
    /// At most so many
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    most: u32,
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
        }
    }
    fn is_wrong(self) -> bool {
        matches!(self, State::Changed | State::Gone | State::Unreadable)
    }
}

pub(super) fn main(verb: Verb) -> ExitCode {
    let done = match verb {
        Verb::List(which) => list(&which),
        Verb::Verify(which) => verify(&which),
        Verb::Export { which, out } => export(&which, &out),
    };
    done.unwrap_or_else(|why| fail(&why))
}

/// The configuration, and the recordings that are wanted.
fn find(which: &Which) -> Result<(Config, TimeZone, Vec<Recorded>), String> {
    let (config, zone) = files::config_and_zone(&which.file)?;
    let time = |text: &Option<String>, word: &str| match text {
        None => Ok(None),
        Some(text) => wall_of(text, &zone).map(|wall| Some(wall.0)).ok_or_else(|| {
            format!("--{word} '{text}' is no time: write it as '2026-11-01' or '2026-11-01 08:00'")
        }),
    };
    let wanted = Wanted {
        call: None,
        from: time(&which.from, "from")?,
        until: time(&which.to, "to")?,
        number: which.number.clone(),
        most: which.most,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let database = config.database();
    let found = runtime.block_on(async {
        let records = Records::open(&database).await?;
        if which.calls.is_empty() {
            return records.recordings(&wanted).await;
        }
        let mut all = Vec::new();
        for call in &which.calls {
            let wanted = Wanted { call: Some(call.clone()), ..wanted.clone() };
            all.extend(records.recordings(&wanted).await?);
        }
        Ok(all)
    });
    Ok((config, zone, found.map_err(|trouble| trouble.to_string())?))
}

/// Compares a file with its record.
fn look(root: &Path, recorded: &Recorded) -> State {
    if recorded.removed.is_some() {
        return State::Removed;
    }
    let path = root.join(&recorded.path);
    let Some(sha256) = &recorded.sha256 else {
        return if path.exists() { State::NotSealed } else { State::Gone };
    };
    match checksum(&path) {
        Ok((now, _)) if now == *sha256 => State::Same,
        Ok(_) => State::Changed,
        Err(error) if error.kind() == ErrorKind::NotFound => State::Gone,
        Err(_) => State::Unreadable,
    }
}

fn list(which: &Which) -> Result<ExitCode, String> {
    let (_, zone, found) = find(which)?;
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
            day_and_time(r.begun, &zone),
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

fn verify(which: &Which) -> Result<ExitCode, String> {
    let (config, _, found) = find(which)?;
    let root = config.recordings_dir();
    let looked: Vec<(&Recorded, State)> = found.iter().map(|r| (r, look(&root, r))).collect();
    let wrong = looked.iter().filter(|(_, state)| state.is_wrong()).count();
    if which.json {
        let row = |(r, state): &(&Recorded, State)| serde_json::json!({ "call": r.call, "path": r.path, "state": state, "sha256": r.sha256 });
        let rows: Vec<_> = looked.iter().map(row).collect();
        let document = serde_json::json!({ "ok": wrong == 0, "wrong": wrong, "recordings": rows });
        outln!("{}", serde_json::to_string_pretty(&document).unwrap_or_default());
    } else {
        for (recorded, state) in &looked {
            outln!("{:<24} {} {}", state.word(), recorded.call, recorded.path);
        }
        let same = looked.iter().filter(|(_, state)| *state == State::Same).count();
        outln!("{} looked at, {same} as they were, {wrong} wrong", looked.len());
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn export(which: &Which, to: &Path) -> Result<ExitCode, String> {
    let (config, _, found) = find(which)?;
    let root = config.recordings_dir();
    let told = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    std::fs::create_dir_all(to).map_err(|error| told(to, error))?;
    let (mut copied, mut left) = (0, 0);
    for recorded in &found {
        let state = look(&root, recorded);
        if !matches!(state, State::Same | State::NotSealed) {
            eprintln!(
                "belfry: {} of call {} is left out: {}",
                recorded.path,
                recorded.call,
                state.word()
            );
            left += usize::from(state.is_wrong());
            continue;
        }
        let name = Path::new(&recorded.path).file_name().unwrap_or_default();
        let copy = to.join(name);
        std::fs::copy(root.join(&recorded.path), &copy).map_err(|error| told(&copy, error))?;
        let beside = copy.with_extension("json");
        let text = serde_json::to_string_pretty(recorded).unwrap_or_default();
        std::fs::write(&beside, text).map_err(|error| told(&beside, error))?;
        copied += 1;
    }
    outln!("{} copied to {}", files::counted(copied, "recording"), to.display());
    Ok(if left == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(path: &str, sha256: Option<&str>) -> Recorded {
        Recorded {
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
