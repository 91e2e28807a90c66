//! `belfry subscriber` and the console's `subscriber`: the care line's subscribers in the records, and what the
//! running appliance is told of them.
//!
//! The command line changes the records itself, in one transaction, with or without an appliance, and then has
//! the one that runs read them anew; the console's orders are carried out by the appliance.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::cli::{ConfigFile, fail};
use super::clock::Clock;
use super::files;
use crate::base::Wall;
use crate::care::file::{self, Import};
use crate::console::commands::subscriber::SubscriberOrder;
use crate::console::out::{out, outln};
use crate::console::users::who as who_is;
use crate::console::{Answer, client, render};
use crate::store::Records;
use crate::store::subscribers::{By, Change, Known, NotChanged, change};
use crate::switch::care::trouble::ANY_DEVICE;
use crate::switch::care::{Directory, FIELDS, Subscriber, Update};
use crate::wire::csv::{self, Encoding};

/// The deeds.
#[derive(Subcommand)]
pub(super) enum Deed {
    /// List the subscribers, or those whose number, name, address or region holds a text
    #[command(
        after_help = "Examples:\n  belfry subscriber list south\n  belfry subscriber list --json"
    )]
    List {
        /// The text
        #[arg(default_value = "")]
        text: String,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show one subscriber: all fields, its unit, who changed what
    #[command(after_help = "Examples:\n  belfry subscriber show 02085551234")]
    Show {
        /// Its number
        number: String,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Make a new subscriber
    #[command(
        after_help = "Examples:\n  belfry subscriber add 02085551234 name='Wang Xiuying' region=south"
    )]
    Add {
        /// The number that its terminal calls from
        number: String,
        /// Fields, such as name='Wang Xiuying' region=south
        #[arg(value_name = "FIELD=TEXT", value_parser = pair)]
        fields: Vec<(String, String)>,
    },
    /// Set fields of a subscriber; an empty text empties one
    #[command(
        after_help = "Examples:\n  belfry subscriber set 02085551234 check_in='08:00 20:00'\n  belfry subscriber set 02085551234 vip="
    )]
    Set {
        /// Its number
        number: String,
        /// Fields, such as check_in='08:00 20:00'
        #[arg(value_name = "FIELD=TEXT", value_parser = pair, required = true)]
        fields: Vec<(String, String)>,
    },
    /// Take a subscriber out
    #[command(after_help = "Examples:\n  belfry subscriber remove 02085551234")]
    Remove {
        /// Its number
        number: String,
    },
    /// Read subscribers from a CSV file: UTF-8 or GB 18030, the first row names the fields. All or nothing
    #[command(
        after_help = "Examples:\n  belfry subscriber import --dry-run homes.csv\n  belfry subscriber import homes.csv"
    )]
    Import {
        /// The file
        file: PathBuf,
        /// Say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Write all subscribers to a CSV file that Excel reads (UTF-8 with its mark)
    #[command(after_help = "Examples:\n  belfry subscriber export homes.csv")]
    Export {
        /// The file
        file: PathBuf,
        /// Replace a file that is there
        #[arg(long)]
        force: bool,
    },
}

/// `FIELD=TEXT`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err("write FIELD=TEXT, such as region=south".to_owned()),
    }
}

/// `belfry subscriber`.
pub(super) fn main(file: &ConfigFile, deed: Deed) -> ExitCode {
    let (config, zone) = match files::config_and_zone(file) {
        Ok(both) => both,
        Err(lines) => return fail(&lines),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.to_string()),
    };
    let database = config.database();
    let done = runtime.block_on(async {
        match deed {
            Deed::Import { file, dry_run } => import(&database, &file, dry_run).await,
            Deed::Export { file, force } => export(&database, &file, force).await,
            deed => ordered(&database, &zone, deed).await,
        }
    });
    match done {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(changed)) => tell(&config.console.socket, &changed),
        Err(why) => fail(&why),
    }
}

/// Numbers that are named to the running appliance; of more it reads all anew.
const MOST_NAMED: usize = 100;

/// The numbers that changed.
type Changed = Vec<String>;

fn changed(update: &Update) -> Changed {
    let put = update.put.iter().map(|kept| kept.subscriber.number.clone());
    put.chain(update.gone.iter().cloned()).collect()
}

/// Has the running appliance read the records anew.
fn tell(socket: &Path, changed: &Changed) -> ExitCode {
    let named = if changed.len() > MOST_NAMED { String::new() } else { changed.join(" ") };
    match client::ask(socket, format!("subscriber reload {named}").trim_end()) {
        Ok(answer) if answer.ok => {
            outln!("the running appliance knows of it");
            ExitCode::SUCCESS
        }
        Ok(answer) => {
            let why = answer.text;
            fail(&format!(
                "it is in the records, but the running appliance does not know of it: {why}; try \
                 'belfry console -e \"subscriber reload\"'"
            ))
        }
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            outln!("no appliance runs here; the next start knows of it");
            ExitCode::SUCCESS
        }
        Err(error) => fail(&format!(
            "it is in the records, but the running appliance was not told: {}: {error}",
            socket.display()
        )),
    }
}

/// What changed.
async fn ordered(database: &Path, zone: &TimeZone, deed: Deed) -> Result<Option<Changed>, String> {
    let (order, json) = match deed {
        Deed::List { text, json } => (SubscriberOrder::List(text), json),
        Deed::Show { number, json } => (SubscriberOrder::Show(number), json),
        Deed::Add { number, fields } => (SubscriberOrder::Add(number, fields), false),
        Deed::Set { number, fields } => (SubscriberOrder::Set(number, fields), false),
        Deed::Remove { number } => (SubscriberOrder::Remove(number), false),
        Deed::Import { .. } | Deed::Export { .. } => return Ok(None),
    };
    make_directory(database)?;
    let (answer, update) = carry_out(database, zone, order, &who()).await;
    match (answer.ok, json) {
        (false, _) => return Err(answer.text),
        (true, true) => {
            outln!("{}", serde_json::to_string_pretty(&answer.data).unwrap_or_default())
        }
        (true, false) => out!("{}\n", answer.text.trim_end()),
    }
    Ok(update.as_ref().map(changed).filter(|changed| !changed.is_empty()))
}

/// Who asks, by the system and not by the environment; as the console knows him, too.
pub(super) fn who() -> String {
    use std::os::unix::fs::MetadataExt;
    let own = std::fs::metadata("/proc/self").map(|meta| meta.uid());
    own.map_or_else(|_| "command line".to_owned(), |uid| who_is(uid, Some("self")))
}

fn now() -> Wall {
    Clock::start().now().wall
}

#[allow(clippy::disallowed_methods, reason = "the store's own directory")]
fn make_directory(database: &Path) -> Result<(), String> {
    let Some(dir) = database.parent() else { return Ok(()) };
    std::fs::create_dir_all(dir)
        .map_err(|e| format!("{}: {e}; correct [node] data_dir", dir.display()))
}

fn words(why: NotChanged) -> String {
    match why {
        NotChanged::Trouble(trouble) => format!("nothing was changed: {trouble}"),
        NotChanged::Refused(why) => why,
    }
}

/// Carries an order out on the records. Gives the answer, and what the exchange has to hear.
pub(super) async fn carry_out(
    database: &Path,
    zone: &TimeZone,
    order: SubscriberOrder,
    who: &str,
) -> (Answer, Option<Update>) {
    let done = match order {
        SubscriberOrder::List(text) => list(database, &text).await.map(|answer| (answer, None)),
        SubscriberOrder::Show(number) => {
            show(database, zone, &number).await.map(|answer| (answer, None))
        }
        SubscriberOrder::Add(number, fields) => put(database, who, &number, &fields, true).await,
        SubscriberOrder::Set(number, fields) => put(database, who, &number, &fields, false).await,
        SubscriberOrder::Remove(number) => remove(database, who, &number).await,
        SubscriberOrder::Reload(numbers) => reload(database, &numbers).await,
    };
    match done {
        Ok((answer, update)) => (answer, update),
        Err(why) => (Answer::refused(why), None),
    }
}

async fn all(database: &Path) -> Result<Vec<Subscriber>, String> {
    let records = Records::open(database).await.map_err(|trouble| trouble.to_string())?;
    let kept = records.subscribers().await.map_err(|trouble| trouble.to_string())?;
    Ok(kept.into_iter().map(|kept| kept.subscriber).collect())
}

async fn list(database: &Path, text: &str) -> Result<Answer, String> {
    let all = all(database).await?;
    let wanted = text.to_lowercase();
    let fits = |s: &&Subscriber| {
        let own = [&s.number, &s.name, &s.address, &s.region];
        own.iter().any(|own| own.to_lowercase().contains(&wanted))
            || s.further.iter().any(|own| own.contains(&wanted))
    };
    let found: Vec<&Subscriber> = all.iter().filter(fits).collect();
    let cells = found.iter().map(|s| {
        let own = [&s.number, &s.name, &s.address, &s.region, &s.terminal.kind];
        let mut row: Vec<String> = own.into_iter().cloned().collect();
        row.extend([s.flag.as_str().to_owned(), s.check_in.times()]);
        row
    });
    let head = ["NUMBER", "NAME", "ADDRESS", "REGION", "TERMINAL", "FLAG", "CHECK-INS"];
    let empty = if all.is_empty() { "there are no subscribers" } else { "none fits" };
    let table = render::table(&head, cells, empty);
    let rows: Vec<serde_json::Value> = found.iter().map(|s| fields_json(s)).collect();
    Ok(Answer::done(table, rows))
}

fn fields_json(subscriber: &Subscriber) -> serde_json::Value {
    let fields = FIELDS.iter().map(|f| (f.name.to_owned(), (f.get)(subscriber).into()));
    serde_json::Value::Object(fields.collect())
}

async fn show(database: &Path, zone: &TimeZone, number: &str) -> Result<Answer, String> {
    let records = Records::open(database).await.map_err(|trouble| trouble.to_string())?;
    let kept = records.subscribers().await.map_err(|trouble| trouble.to_string())?;
    let found = kept.into_iter().map(|kept| kept.subscriber).find(|subscriber| {
        subscriber.numbers().any(|own| own == number) || subscriber.terminal.account == number
    });
    let subscriber = found.ok_or_else(|| nobody(number))?;
    let known =
        records.known_of(&subscriber.number).await.map_err(|trouble| trouble.to_string())?;
    let mut text = String::new();
    for field in FIELDS {
        text += &format!("{:<18} {}\n", field.name, (field.get)(&subscriber));
    }
    text += &of_unit(&known, zone);
    let changes = known.changes.iter().map(|(wall, by, what, before, after)| {
        json!({ "wall": wall, "by": by, "what": what, "before": before, "after": after })
    });
    let troubles = known.troubles.iter().map(|(what, device, kind, place, since)| {
        json!({ "trouble": what, "device": device, "device_type": kind, "place": place, "since": since })
    });
    let data = json!({
        "subscriber": fields_json(&subscriber),
        "last_seen": known.seen,
        "troubles": troubles.collect::<Vec<_>>(),
        "changes": changes.collect::<Vec<_>>(),
    });
    Ok(Answer::done(text, data))
}

/// What the unit said of itself, and who changed what.
fn of_unit(known: &Known, zone: &TimeZone) -> String {
    let at = |wall| at(wall, zone);
    let mut text = format!("{:<18} {}\n", "last seen", known.seen.map_or("never".to_owned(), at));
    for trouble in ["battery", "mains"] {
        if !known.troubles.iter().any(|(own, ..)| own == trouble) {
            text += &format!("{trouble:<18} nothing is said against it\n");
        }
    }
    for (trouble, device, kind, place, since) in &known.troubles {
        let kind = Some(kind).filter(|kind| *kind != device);
        let of: Vec<&str> = [Some(device), kind, Some(place)]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .filter(|own| !own.is_empty() && *own != ANY_DEVICE)
            .collect();
        let of = if of.is_empty() { String::new() } else { format!(" ({})", of.join(", ")) };
        text += &format!("{trouble:<18} out of order since {}{of}\n", at(*since));
    }
    let cells = known.changes.iter().map(|(wall, by, what, before, after)| {
        vec![at(*wall), by.clone(), what.clone(), before.clone(), after.clone()]
    });
    text.push('\n');
    text + &render::table(
        &["WHEN", "WHO", "WHAT", "BEFORE", "AFTER"],
        cells,
        "no changes are noted",
    )
}

fn at(wall: i64, zone: &TimeZone) -> String {
    let time = Timestamp::from_millisecond(wall).ok();
    time.map_or_else(String::new, |time| {
        time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    })
}

fn nobody(number: &str) -> String {
    format!("there is no subscriber {number}; 'subscriber list' shows them")
}

/// A new one, or another's fields.
async fn put(
    database: &Path,
    who: &str,
    number: &str,
    fields: &[(String, String)],
    new: bool,
) -> Result<(Answer, Option<Update>), String> {
    let number = crate::care::subscriber::number(number)?;
    let by = By { who: who.to_owned(), wall: now() };
    let wanted = |there: &Directory| {
        let mut all = there.clone();
        let mut subscriber = match (there.get(&number), new) {
            (Some(_), true) => {
                return Err(format!("there is a subscriber {number} already: write set, not add"));
            }
            (Some(kept), false) => kept.subscriber.clone(),
            (None, true) => Subscriber { number: number.clone(), ..Subscriber::default() },
            (None, false) => return Err(nobody(&number)),
        };
        let faults: Vec<String> =
            fields.iter().filter_map(|(name, text)| subscriber.set(name, text).err()).collect();
        if !faults.is_empty() {
            return Err(faults.join("\n"));
        }
        // Another number: it is the same home under it.
        let gone = if subscriber.number == number { vec![] } else { vec![number.clone()] };
        gone.iter().for_each(|gone| _ = all.remove(gone));
        if gone.len() + usize::from(new) > 0 && all.get(&subscriber.number).is_some() {
            return Err(format!("there is a subscriber {} already", subscriber.number));
        }
        let since = by.wall;
        all.put(crate::switch::care::Kept { subscriber: subscriber.clone(), since })?;
        Ok(Change { put: vec![subscriber], gone })
    };
    let update = change(database, &by, wanted).await.map_err(words)?;
    let what = match (new, update.put.is_empty()) {
        (true, _) => format!("subscriber {number} is added"),
        (false, false) => format!("subscriber {number} is changed"),
        (false, true) => format!("subscriber {number} is as it was"),
    };
    Ok((Answer::done(what, json!({ "number": number })), Some(update)))
}

async fn remove(
    database: &Path,
    who: &str,
    number: &str,
) -> Result<(Answer, Option<Update>), String> {
    let by = By { who: who.to_owned(), wall: now() };
    let wanted = |there: &Directory| match there.get(number) {
        Some(_) => Ok(Change { put: vec![], gone: vec![number.to_owned()] }),
        None => Err(nobody(number)),
    };
    let update = change(database, &by, wanted).await.map_err(words)?;
    let answer =
        Answer::done(format!("subscriber {number} is taken out"), json!({ "number": number }));
    Ok((answer, Some(update)))
}

/// All, or those of these numbers alone: the switch need not look at the others.
async fn reload(database: &Path, numbers: &[String]) -> Result<(Answer, Option<Update>), String> {
    let records = Records::open(database).await.map_err(|trouble| trouble.to_string())?;
    let mut update = records.all_subscribers().await.map_err(|trouble| trouble.to_string())?;
    let count = update.put.len();
    if !numbers.is_empty() {
        update.all = false;
        update.put.retain(|kept| numbers.contains(&kept.subscriber.number));
        let there =
            |number: &&String| update.put.iter().any(|kept| kept.subscriber.number == **number);
        update.gone = numbers.iter().filter(|number| !there(number)).cloned().collect();
    }
    let answer = Answer::done(format!("{count} subscribers"), json!({ "subscribers": count }));
    Ok((answer, Some(update)))
}

#[allow(clippy::disallowed_methods, reason = "the file that was asked for")]
async fn import(database: &Path, path: &Path, dry_run: bool) -> Result<Option<Changed>, String> {
    let told = |why: String| format!("{}: {why}", path.display());
    let bytes = std::fs::read(path).map_err(|error| told(error.to_string()))?;
    let (text, encoding) = csv::decode(&bytes).map_err(|why| told(why.to_string()))?;
    let rows = csv::rows(&text).map_err(|why| told(why.to_string()))?;
    make_directory(database)?;
    let by = By { who: who(), wall: now() };
    let mut counts = None;
    let wanted = |there: &Directory| {
        let import = file::import(&rows, there, by.wall);
        let Import { added, changed, same } = import.map_err(|faults| {
            let lines: Vec<String> = faults.iter().map(|fault| told(fault.to_string())).collect();
            format!("{}\nnothing was changed", lines.join("\n"))
        })?;
        counts = Some((added.len(), changed.len(), same));
        let put = if dry_run { vec![] } else { changed.into_iter().chain(added).collect() };
        Ok(Change { put, gone: vec![] })
    };
    let update = change(database, &by, wanted).await.map_err(words)?;
    let (added, altered, same) = counts.unwrap_or_default();
    let encoding = match encoding {
        Encoding::Utf8 => "UTF-8",
        Encoding::Gb18030 => "GB 18030",
    };
    outln!("{}", imported(path, encoding, [added, altered, same], dry_run));
    Ok(Some(changed(&update)).filter(|changed| !changed.is_empty()))
}

/// What an import has done, or would do.
fn imported(path: &Path, encoding: &str, [added, changed, same]: [usize; 3], dry: bool) -> String {
    let path = path.display();
    match dry {
        false => {
            format!("{path}: {encoding}; {added} added, {changed} changed, {same} as they were")
        }
        true => format!(
            "{path}: {encoding}; {added} would be added, {changed} changed, {same} left as they are; \
             nothing was done (--dry-run)"
        ),
    }
}

#[allow(clippy::disallowed_methods, reason = "the file that was asked for")]
async fn export(database: &Path, path: &Path, force: bool) -> Result<Option<Changed>, String> {
    let all = all(database).await?;
    if path.exists() && !force {
        return Err(format!("{} is there already: --force replaces it", path.display()));
    }
    let mut text = String::from("\u{feff}");
    text += &csv::line(FIELDS.iter().map(|field| field.name));
    for subscriber in &all {
        let cells: Vec<String> = FIELDS.iter().map(|field| (field.get)(subscriber)).collect();
        text += &csv::line(cells.iter().map(String::as_str));
    }
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    outln!("{}: {} subscribers", path.display(), all.len());
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    #[allow(clippy::disallowed_methods, reason = "a test's own files")]
    #[test]
    fn an_import_says_what_it_did_or_would_do() {
        let said = |dry| imported(Path::new("a.csv"), "UTF-8", [3, 1, 7], dry);
        assert_eq!(said(false), "a.csv: UTF-8; 3 added, 1 changed, 7 as they were");
        let would = "a.csv: UTF-8; 3 would be added, 1 changed, 7 left as they are; nothing was done (--dry-run)";
        assert_eq!(said(true), would);
    }

    #[test]
    fn a_file_goes_in_and_comes_out_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let (database, path) = (dir.path().join("belfry.db"), dir.path().join("s.csv"));
        let text = "号码,姓名,报到时间,联系人\n100,王秀英,08:00 20:00,李伟/13800138000/女儿\n200,\"李, 明\",,\n";
        std::fs::write(&path, encoding_rs::GB18030.encode(text).0).unwrap();
        block(async {
            assert_eq!(import(&database, &path, true).await, Ok(None));
            assert_eq!(all(&database).await.unwrap(), []);
            let both = Some(vec!["100".to_owned(), "200".to_owned()]);
            assert_eq!(import(&database, &path, false).await, Ok(both));
            assert_eq!(import(&database, &path, false).await, Ok(None), "the same again");
            let before = all(&database).await.unwrap();
            assert_eq!(before[1].name, "李, 明");
            let out = dir.path().join("out.csv");
            export(&database, &out, false).await.unwrap();
            assert!(export(&database, &out, false).await.unwrap_err().contains("--force"));
            assert_eq!(import(&database, &out, false).await, Ok(None), "it says the same");
            std::fs::write(&path, "number,flag\n300,\n100,gold\n").unwrap();
            let why = import(&database, &path, false).await.unwrap_err();
            assert!(why.contains("s.csv: row 3, column 2 (flag): 'gold' is no flag"), "{why}");
            assert!(why.ends_with("nothing was changed"));
            assert_eq!(all(&database).await.unwrap(), before);
        });
    }

    /// What goes into the audit is not the caller's to choose.
    #[test]
    fn who_asks_is_not_what_the_environment_says() {
        use std::os::unix::fs::MetadataExt;
        let uid = std::fs::metadata("/proc/self").unwrap().uid();
        assert_eq!(who(), who_is(uid, Some("self")));
        assert_ne!(who(), "command line");
    }

    #[test]
    fn orders() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("belfry.db");
        block(async {
            let run = async |order| carry_out(&database, &TimeZone::UTC, order, "wang").await;
            let fields = |name: &str, text: &str| vec![(name.to_owned(), text.to_owned())];
            let add = |n: &str| SubscriberOrder::Add(n.into(), fields("name", "Li"));
            assert!(run(add("100")).await.0.ok);
            assert!(run(add("100")).await.0.text.contains("already"));
            let set = SubscriberOrder::Set("100".into(), fields("region", "south"));
            let (answer, update) = run(set).await;
            assert!(answer.ok);
            assert_eq!(update.unwrap().put[0].subscriber.region, "south");
            let wrong = SubscriberOrder::Set("100".into(), fields("check_in", "25:00"));
            assert!(run(wrong).await.0.text.contains("check_in: '25:00' is no time of day"));
            let shown = run(SubscriberOrder::Show("100".into())).await.0.text;
            assert!(
                shown.contains("wang") && shown.contains("last seen          never"),
                "{shown}"
            );
            // Another number is the same home under it.
            let moved = SubscriberOrder::Set("100".into(), fields("number", "101"));
            let update = run(moved).await.1.unwrap();
            assert_eq!((update.gone[0].as_str(), update.put.len()), ("100", 1));
            assert!(
                run(SubscriberOrder::Remove("100".into())).await.0.text.contains("no subscriber")
            );
            // Two numbers are read anew: one is there, and the other is not any more.
            let both = SubscriberOrder::Reload(vec!["100".into(), "101".into()]);
            let update = run(both).await.1.unwrap();
            assert_eq!((update.all, update.gone.as_slice()), (false, &["100".to_owned()][..]));
            assert_eq!(update.put[0].subscriber.number, "101");
            assert!(run(SubscriberOrder::Reload(vec![])).await.1.unwrap().all);
            assert!(run(SubscriberOrder::Remove("101".into())).await.0.ok);
            assert!(
                run(SubscriberOrder::List(String::new())).await.0.text.contains("no subscribers")
            );
        });
    }
}
