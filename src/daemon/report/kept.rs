//! Reports that are made at a quiet hour and kept (R25): `[[report]]`.
//!
//! ```text
//!   each minute: what is due? ─▶ have the records all up to now? ─▶ a thread of its own, behind all others ─▶ FILE.part ─▶ FILE
//!                  │ report::schedule, by the files that are there      ─▶ a letter       └ those past their time are removed
//! ```
//!
//! The files are what is known of it: one that is there is not made again, one that is not and is due is. They are whole
//! or not there. A report's letter is kept beside it until it is known what became of it, over a restart as well. What a report has in it is [`super`]'s, when it is due `report::schedule`'s.
#![allow(clippy::disallowed_methods, reason = "this floor owns the files")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Language, csv, local, of_node, table, text, usual_terms, xlsx};
use crate::config::{self, Config, ReportFormat};
use crate::console::out::outln;
use crate::console::render;
use crate::daemon::cli;
use crate::daemon::clock::Clock;
use crate::daemon::files::zone_of;
use crate::daemon::keeping::first_moment;
use crate::daemon::orders::Operator;
use crate::engine::pinning;
use crate::net::mail::{Letter, MAX_TEXT};
use crate::report::Formula;
use crate::report::layout::Span;
use crate::report::period::{By, Period};
use crate::report::schedule::Schedule;
use crate::store::Journal;

/// How often it is looked whether one is due, and whether the records have all.
const LOOK: Duration = Duration::from_secs(30);
const BEHIND: Duration = Duration::from_secs(2);
/// Before this there was nothing to report on: 2024, milliseconds since 1970.
const EARLIEST: i64 = 1_704_067_200_000;
/// Files of one report that are looked at: more than are made in ten years.
const MOST_FILES: usize = 10_000;
/// What a letter's file ends in until it is known what became of it, and how many of a report are sent at a start.
const LETTER: &str = "letter";
const MOST_LETTERS: usize = 50;

/// A report that is kept.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub(in crate::daemon) struct Made {
    /// Of which span: `2026-11-22`, `2026-W47`, `2026-11`.
    pub(in crate::daemon) period: String,
    /// Its file's name.
    pub(in crate::daemon) file: String,
    /// When it was made, milliseconds since 1970.
    pub(in crate::daemon) made: i64,
    /// Its bytes.
    pub(in crate::daemon) bytes: u64,
}

/// Makes them for as long as the appliance runs.
pub(in crate::daemon) async fn run(operator: Arc<Operator>, journal: Journal) {
    // Why each could not be made, as it was told.
    let mut troubles: BTreeMap<String, String> = BTreeMap::new();
    let config = operator.config();
    for own in config.reports.iter().filter(|own| own.mail.is_some()) {
        for path in unsent(&folder(&config, own)) {
            send_kept(&operator, own, &path);
        }
    }
    loop {
        let config = operator.config();
        let zone = zone_of(&config);
        for own in &config.reports {
            let name = own.name.to_string();
            match keep_up(&operator, &journal, &config, own, &zone).await {
                Ok(()) => _ = troubles.remove(&name),
                Err(why) if troubles.get(&name) == Some(&why) => {}
                Err(why) => {
                    tracing::error!("report {name} cannot be made: {why}; it is tried again");
                    troubles.insert(name, why);
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Makes what is due of one report, and removes what is past its time.
async fn keep_up(
    operator: &Arc<Operator>,
    journal: &Journal,
    config: &Config,
    own: &config::Report,
    zone: &TimeZone,
) -> Result<(), String> {
    let folder = folder(config, own);
    for format in formats(own) {
        let now = Clock::start().now().wall.0;
        if now < EARLIEST {
            return Err("the clock is not set".into());
        }
        let kept = of_format(&folder, format)?;
        let labels = || kept.iter().map(|made| made.period.as_str());
        for span in schedule(own).due(labels(), now, zone) {
            caught_up(journal).await;
            let path = folder.join(format!("{}.{format}", span.label));
            let first = format == formats(own)[0];
            let of_letter = folder.join(format!("{}.{LETTER}", span.label));
            let letter = make(config, own, (span, format), zone, &path).await?;
            tracing::info!("report {} is made: {}", own.name, path.display());
            if first && own.mail.is_some() {
                let text = serde_json::json!({ "subject": letter.subject, "text": letter.text });
                put(&of_letter, text.to_string().as_bytes())
                    .map_err(|error| format!("{}: {error}", of_letter.display()))?;
                send_kept(operator, own, &of_letter);
            }
        }
        remove_old(config, own, format, zone)?;
    }
    Ok(())
}

/// Removes what is past its time, as long as the kernel's clock follows another: one that stands years ahead would take all
/// of it away.
fn remove_old(
    config: &Config,
    own: &config::Report,
    format: ReportFormat,
    zone: &TimeZone,
) -> Result<(), String> {
    if !pinning::clock_is_synchronised().unwrap_or(false) {
        return Ok(());
    }
    let folder = folder(config, own);
    let kept = of_format(&folder, format)?;
    let labels = kept.iter().map(|made| made.period.as_str());
    let Some(first) = first_moment(jiff::Timestamp::now(), own.keep, zone) else { return Ok(()) };
    let now = Clock::start().now().wall.0;
    for old in schedule(own).old(labels, (first.0, now), zone) {
        let path = folder.join(format!("{old}.{format}"));
        fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        tracing::info!("report {} of {old} is past its time: its file is removed", own.name);
    }
    Ok(())
}

/// Waits until the records have all that has happened by now: what comes later is of a later span.
async fn caught_up(journal: &Journal) {
    let mark = journal.submitted();
    let mut told = false;
    while !journal.has_applied(mark) {
        if !std::mem::replace(&mut told, true) {
            tracing::info!("reports wait for the records, which have not all yet");
        }
        tokio::time::sleep(BEHIND).await;
    }
}

/// Makes one in a thread that runs when nothing else wants to. Gives the letter that goes with it.
async fn make(
    config: &Config,
    own: &config::Report,
    (span, format): (Period, ReportFormat),
    zone: &TimeZone,
    path: &Path,
) -> Result<Letter, String> {
    let (config, own, zone, path) = (config.clone(), own.clone(), zone.clone(), path.to_owned());
    let (done, made) = tokio::sync::oneshot::channel();
    let work = move || {
        // Where the system does not let it, it is made all the same.
        let _ = pinning::background();
        let _ = done.send(write(&config, &own, (span, format), &zone, &path));
    };
    let thread = std::thread::Builder::new().name("report".into()).spawn(work);
    thread.map_err(|error| format!("there is no thread for it: {error}"))?;
    made.await.map_err(|_| "the work came to a sudden end: see the log".to_owned())?
}

fn write(
    config: &Config,
    own: &config::Report,
    (period, format): (Period, ReportFormat),
    zone: &TimeZone,
    path: &Path,
) -> Result<Letter, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let by = By::named(own.by.as_str()).unwrap_or(By::Total);
    let span = Span { from: period.from, until: period.until, by, zone: zone.clone() };
    let names: Vec<String> = own.names.iter().flatten().map(ToString::to_string).collect();
    let formula = Formula::named(config.acd.service_formula.as_str()).unwrap_or_default();
    let terms = (&usual_terms(config, formula), language(config, own));
    let database = config.database();
    let made = table(&database, own.of.as_str(), span, &names, terms);
    let made = runtime.block_on(made)?;
    let bytes = match format {
        ReportFormat::Csv => csv(&made, true).into_bytes(),
        ReportFormat::Xlsx => xlsx::workbook(&made),
    };
    put(path, &bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut words = text(&made, (period.from, period.until), zone);
    let file = path.display().to_string();
    if words.len() + file.len() + 2 > MAX_TEXT {
        words = String::new();
    }
    let subject = format!("[{}] {} {}", config.node.name, own.name, period.label);
    Ok(Letter { to: Vec::new(), subject, text: format!("{words}\n{file}\n") })
}

/// Whole, or not there: a report that is half written would be one that was made.
fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Err(io::ErrorKind::InvalidInput.into()) };
    fs::create_dir_all(folder)?;
    let part = path.with_extension("part");
    let mut file = fs::File::create(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&part, path)?;
    fs::File::open(folder)?.sync_all()
}

/// Letters of before that the last run did not come to the end of, the oldest first.
fn unsent(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    let is_letter = |path: &PathBuf| path.extension().is_some_and(|end| end == LETTER);
    let mut all: Vec<PathBuf> = files.filter(is_letter).take(MOST_LETTERS).collect();
    all.sort();
    all
}

/// What a kept letter says.
fn letter_of(path: &Path) -> io::Result<Letter> {
    let kept: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
    let of = |key: &str| kept[key].as_str().unwrap_or_default().to_owned();
    Ok(Letter { to: Vec::new(), subject: of("subject"), text: of("text") })
}

/// Sends a letter that is kept, until its outcome is known: the next start sends one of which that is not.
fn send_kept(operator: &Arc<Operator>, own: &config::Report, path: &Path) {
    let name = own.name.to_string();
    let letter = match letter_of(path) {
        Ok(letter) => letter,
        Err(error) => {
            tracing::error!("report {name}: {}: {error}: its letter is not sent", path.display());
            return;
        }
    };
    let to = own.mail.iter().flatten().map(ToString::to_string).collect();
    let path = path.to_owned();
    match operator.post().put(Letter { to, ..letter }) {
        Ok(outcome) => {
            tokio::spawn(async move {
                let Ok(sent) = outcome.await else { return };
                if let Err(why) = sent {
                    tracing::error!("report {name}: its letter is not sent: {why}; it is kept");
                }
                let _ = fs::remove_file(path);
            });
        }
        Err(why) => tracing::error!(
            "report {name}: its letter is not sent: {why}; the report is kept, and the next start tries the letter again"
        ),
    }
}

fn language(config: &Config, own: &config::Report) -> Language {
    of_node(own.language.unwrap_or(config.node.language))
}

fn schedule(own: &config::Report) -> Schedule {
    Schedule { each: By::named(own.each.as_str()).unwrap_or(By::Day), minute: own.time.0 }
}

fn formats(own: &config::Report) -> Vec<ReportFormat> {
    let mut all = own.formats.clone().unwrap_or_default();
    all.sort_unstable();
    all.dedup();
    if all.is_empty() { vec![ReportFormat::Csv] } else { all }
}

fn folder(config: &Config, own: &config::Report) -> PathBuf {
    config.reports_dir().join(own.name.as_str())
}

/// What is kept of a report, the oldest first.
pub(in crate::daemon) fn kept(config: &Config, own: &config::Report) -> Result<Vec<Made>, String> {
    let all = ReportFormat::ALL.iter().map(|(format, _)| of_format(&folder(config, own), *format));
    let mut all: Vec<Made> = all.collect::<Result<Vec<_>, _>>()?.concat();
    all.sort();
    Ok(all)
}

fn of_format(folder: &Path, format: ReportFormat) -> Result<Vec<Made>, String> {
    let told = |error: io::Error| format!("{}: {error}", folder.display());
    let files = match fs::read_dir(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(told(error)),
    };
    let mut all = Vec::new();
    for file in files.take(MOST_FILES) {
        let file = file.map_err(told)?;
        let name = file.file_name().to_string_lossy().into_owned();
        let Some(period) = name.strip_suffix(&format!(".{format}")) else { continue };
        let about = file.metadata().map_err(told)?;
        let made = about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let made = made.map_or(0, |at| i64::try_from(at.as_millis()).unwrap_or(i64::MAX));
        let (period, bytes) = (period.to_owned(), about.len());
        all.push(Made { period, file: name, made, bytes });
    }
    all.sort();
    Ok(all)
}

/// All reports of the configuration with what is kept of each, for programs; times are milliseconds since 1970.
pub(in crate::daemon) fn shown(config: &Config) -> Result<Vec<Value>, String> {
    let (zone, now) = (zone_of(config), Clock::start().now().wall.0);
    let one = |own: &config::Report| {
        let kept = kept(config, own)?;
        Ok(json!({
            "name": own.name.as_str(), "of": own.of.as_str(), "each": own.each.as_str(), "by": own.by.as_str(),
            "next": schedule(own).next(now, &zone), "kept": kept,
        }))
    };
    config.reports.iter().map(one).collect()
}

/// A kept report's bytes, if there is such a one.
pub(in crate::daemon) fn read(
    config: &Config,
    name: &str,
    file: &str,
) -> Result<Option<Vec<u8>>, String> {
    let Some(own) = config.reports.iter().find(|own| own.name.as_str() == name) else {
        return Ok(None);
    };
    // Only what the list names: no path gets here.
    if !kept(config, own)?.iter().any(|made| made.file == file) {
        return Ok(None);
    }
    let path = folder(config, own).join(file);
    fs::read(&path).map(Some).map_err(|error| format!("{}: {error}", path.display()))
}

/// `show reports`: the last and the next of each.
pub(in crate::daemon) fn rows(config: &Config) -> Result<String, String> {
    let (zone, now) = (zone_of(config), Clock::start().now().wall.0);
    let mut cells = Vec::new();
    for own in &config.reports {
        let kept = kept(config, own)?;
        let last = kept.iter().max_by_key(|made| made.made);
        let next = schedule(own).next(now, &zone);
        cells.push(vec![
            own.name.to_string(),
            own.of.to_string(),
            own.each.to_string(),
            last.map(|made| made.period.clone()).unwrap_or_default(),
            last.map(|made| local(made.made, &zone)).unwrap_or_default(),
            next.map(|at| local(at, &zone)).unwrap_or_default(),
            kept.len().to_string(),
        ]);
    }
    let head = ["REPORT", "OF", "EACH", "LAST", "MADE", "NEXT", "KEPT"];
    Ok(render::table(&head, cells, "no report is made by itself: add [[report]]"))
}

/// `belfry report kept`: the files.
pub(super) fn list(args: &cli::Report, config: &Config, zone: &TimeZone) -> Result<(), String> {
    let wanted = |own: &&config::Report| {
        args.name.is_empty() || args.name.iter().any(|name| name == own.name.as_str())
    };
    if let Some(other) =
        args.name.iter().find(|name| !config.reports.iter().any(|own| own.name.as_str() == **name))
    {
        return Err(format!("there is no [[report]] with the name '{other}'"));
    }
    if args.format == "json" {
        let all = shown(config)?;
        let named = |one: &&Value| {
            args.name.is_empty() || args.name.iter().any(|name| one["name"] == name.as_str())
        };
        let all: Vec<&Value> = all.iter().filter(named).collect();
        outln!("{}", serde_json::to_string_pretty(&all).unwrap_or_default());
        return Ok(());
    }
    let mut cells = Vec::new();
    for own in config.reports.iter().filter(wanted) {
        for made in kept(config, own)? {
            let path = folder(config, own).join(&made.file);
            let at = local(made.made, zone);
            cells.push(vec![own.name.to_string(), made.period, at, path.display().to_string()]);
        }
    }
    let head = ["REPORT", "PERIOD", "MADE", "FILE"];
    let none = "no report is kept yet: [[report]] says which are made, 'show reports' when";
    outln!("{}", render::table(&head, cells, none).trim_end());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, Wall};
    use crate::store::{Settings, Store};
    use crate::switch::fact::{Fact, FactKind, QueueFact};

    const DAY: i64 = 86_400_000;

    fn config(dir: &Path) -> Config {
        let text = format!(
            "[node]\ndata_dir = \"{}\"\ntimezone = \"UTC\"\n[media]\naddress = \"10.0.0.1\"\n\
             [[report]]\nname = \"daily\"\nof = \"queue\"\nformats = [\"xlsx\", \"csv\"]\nlanguage = \"en\"\nkeep = \"2 days\"\n",
            dir.display()
        );
        Config::parse(&text).unwrap_or_else(|faults| panic!("{faults:#?}")).0
    }

    #[test]
    fn a_letter_that_the_last_run_did_not_send_is_there_for_the_next() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(unsent(dir.path()), Vec::<PathBuf>::new());
        let letter = json!({ "subject": "[care-1] daily 2026-11-22", "text": "a\nb" });
        for name in ["2026-11-23", "2026-11-22"] {
            let path = dir.path().join(format!("{name}.{LETTER}"));
            put(&path, letter.to_string().as_bytes()).unwrap();
        }
        put(&dir.path().join("2026-11-22.csv"), b"x").unwrap();
        let all = unsent(dir.path());
        assert_eq!(all.len(), 2);
        assert!(all[0].ends_with("2026-11-22.letter"), "{all:?}");
        let read = letter_of(&all[0]).unwrap();
        assert_eq!(
            (read.subject.as_str(), read.text.as_str()),
            ("[care-1] daily 2026-11-22", "a\nb")
        );
        fs::write(&all[0], "{").unwrap();
        assert!(letter_of(&all[0]).is_err());
        assert_eq!(of_format(dir.path(), ReportFormat::Csv).unwrap().len(), 1);
    }

    #[test]
    fn a_report_is_whole_or_not_there_and_read_by_its_name_alone() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        let own = &config.reports[0];
        // The facts of a day.
        let settings = Settings::new(config.journal_dir(), config.database());
        let store = Store::open(settings).unwrap();
        let call = CallId::new(Wall(DAY), 1);
        let entered = QueueFact::Entered { position: 1, priority: 0 };
        let left = QueueFact::Left { why: "abandoned".into(), waited_ms: 9_000 };
        for (seq, what) in [(1, entered), (2, left)] {
            let kind = FactKind::Queue { queue: "care".into(), call, what };
            store.journal().submit(Fact { seq, wall: Wall(DAY + 1_000), kind }).unwrap();
        }
        let mark = store.journal().submitted();
        assert!(store.drain(Duration::from_secs(10)));
        assert!(store.journal().has_applied(mark));
        store.close();
        let span = crate::report::period::period(By::Day, DAY, &TimeZone::UTC);
        assert_eq!(formats(own), [ReportFormat::Csv, ReportFormat::Xlsx]);
        for format in formats(own) {
            let path = folder(&config, own).join(format!("{}.{format}", span.label));
            let letter =
                write(&config, own, (span.clone(), format), &TimeZone::UTC, &path).unwrap();
            assert!(letter.text.contains("care") && letter.subject.contains("1970-01-02"));
        }
        // What a crash left half written is none, nor is what somebody else put there.
        fs::write(folder(&config, own).join("1970-01-03.part"), "half").unwrap();
        fs::write(folder(&config, own).join("notes.txt"), "x").unwrap();
        let files: Vec<String> = kept(&config, own).unwrap().into_iter().map(|m| m.file).collect();
        assert_eq!(files, ["1970-01-02.csv", "1970-01-02.xlsx"]);
        let text = read(&config, "daily", "1970-01-02.csv").unwrap().unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with('\u{feff}') && text.contains("care"), "{text}");
        for none in ["../belfry.db", "1970-01-03.part", "notes.txt", "1970-01-09.csv"] {
            assert_eq!(read(&config, "daily", none), Ok(None), "{none}");
        }
        assert_eq!(read(&config, "../daily", "1970-01-02.csv"), Ok(None));
        let shown = shown(&config).unwrap();
        assert_eq!(
            (&shown[0]["kept"][1]["period"], &shown[0]["of"]),
            (&"1970-01-02".into(), &"queue".into())
        );
        assert!(rows(&config).unwrap().contains("1970-01-02"));
    }
}
