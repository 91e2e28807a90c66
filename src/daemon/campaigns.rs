//! `belfry campaign`: lists of outbound campaigns in the records, whom nobody may call, and figures (R19).
//!
//! Lists are changed in the records, in one transaction, with or without an appliance, and the one that runs reads
//! what is new; `start`, `pause` and `stop` are the appliance's own.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::cli::{ConfigFile, fail};
use super::clock::Clock;
use super::exchange::Inputs;
use super::files;
use super::orders::Operator;
use crate::acd::campaign_file::{self, Read, pairs};
use crate::api::Problem;
use crate::api::campaigns::Wanted;
use crate::config::Config;
use crate::console::out::outln;
use crate::console::{Answer, client, render};
use crate::store::Records;
use crate::store::campaigns::{self as store, Figures, PAGE};
use crate::switch::campaigns::Told;
use crate::switch::console::CampaignOrder;
use crate::switch::{Input, Reply, Request};
use crate::trunk::Numbering;
use crate::wire::csv::{self, Encoding};

/// Days of figures at most.
const MOST_DAYS: u32 = 3_660;
/// How long a full queue is waited for.
const AGAIN: Duration = Duration::from_millis(5);

/// The deeds.
#[derive(Subcommand)]
pub(super) enum Deed {
    /// Put the numbers of a CSV file on a campaign's list: UTF-8 or GB 18030, the first row names the columns, one of
    /// them `number`. Rows with faults are told and left out; numbers that are on the list stay as they are
    #[command(after_help = "Examples:\n  belfry campaign import spring customers.csv --dry-run")]
    Import {
        /// The campaign
        name: String,
        /// The file
        file: PathBuf,
        /// Say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Write what became of each number to a CSV file that Excel reads (UTF-8 with its mark)
    #[command(after_help = "Examples:\n  belfry campaign export spring results.csv")]
    Export {
        /// The campaign
        name: String,
        /// The file
        file: PathBuf,
        /// Replace a file that is there
        #[arg(long)]
        force: bool,
    },
    /// Begin a campaign, or go on with it
    #[command(after_help = "Examples:\n  belfry campaign start spring")]
    Start {
        /// The campaign
        name: String,
    },
    /// Hold a campaign: calls that are up go on
    #[command(after_help = "Examples:\n  belfry campaign pause spring")]
    Pause {
        /// The campaign
        name: String,
    },
    /// End a campaign: `start` goes on with who is left
    #[command(after_help = "Examples:\n  belfry campaign stop spring")]
    Stop {
        /// The campaign
        name: String,
    },
    /// Take a campaign's list away, once it is stopped: the figures of its attempts stay
    #[command(after_help = "Examples:\n  belfry campaign clear spring")]
    Clear {
        /// The campaign
        name: String,
    },
    /// Whom no campaign may call
    #[command(
        subcommand,
        after_help = "Examples:\n  belfry campaign dnc list\n  belfry campaign dnc add 13800138000"
    )]
    Dnc(Dnc),
    /// Figures by day: dialled, reached, no answer, busy, wrong number
    #[command(after_help = "Examples:\n  belfry campaign report spring --days 30 --json")]
    Report {
        /// One campaign alone
        name: Option<String>,
        /// Of so many days, today with them
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=MOST_DAYS as i64))]
        days: u32,
        /// Of each agent
        #[arg(long)]
        agents: bool,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

/// What is done about those whom nobody may call.
#[derive(Subcommand)]
pub(super) enum Dnc {
    /// No campaign may call these
    #[command(after_help = "Examples:\n  belfry campaign dnc add 13800138000 13900139000")]
    Add {
        /// The numbers
        #[arg(required = true)]
        numbers: Vec<String>,
    },
    /// Campaigns may call these again
    #[command(after_help = "Examples:\n  belfry campaign dnc remove 13800138000")]
    Remove {
        /// The numbers
        #[arg(required = true)]
        numbers: Vec<String>,
    },
    /// No campaign may call the numbers of this CSV file
    #[command(after_help = "Examples:\n  belfry campaign dnc import refused.csv")]
    Import {
        /// The file
        file: PathBuf,
    },
    /// Show them
    #[command(after_help = "Examples:\n  belfry campaign dnc list")]
    List,
}

/// `belfry campaign`.
pub(super) fn main(file: &ConfigFile, deed: Deed) -> ExitCode {
    let (config, zone) = match files::config_and_zone(file) {
        Ok(read) => read,
        Err(lines) => return fail(&lines),
    };
    let order = match &deed {
        Deed::Start { name } => Some(format!("campaign start {name}")),
        Deed::Pause { name } => Some(format!("campaign pause {name}")),
        Deed::Stop { name } => Some(format!("campaign stop {name}")),
        _ => None,
    };
    if let Some(order) = order {
        return ask(&config.console.socket, &order);
    }
    if let Deed::Clear { name } = &deed {
        // Who runs has to forget it first; where nobody runs, the records are all that there is.
        let asked = client::ask(&config.console.socket, &format!("campaign clear {name}"));
        if !asked.as_ref().is_err_and(nobody_runs) {
            return said(&config.console.socket, asked);
        }
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.to_string()),
    };
    let done = runtime.block_on(async {
        match deed {
            Deed::Import { name, file, dry_run } => import(&config, &name, &file, dry_run).await,
            Deed::Export { name, file, force } => export(&config, &zone, &name, &file, force).await,
            Deed::Dnc(dnc) => barred(&config, dnc).await,
            Deed::Report { name, days, agents, json } => {
                report(&config, &zone, name.as_deref(), (days, agents, json)).await
            }
            Deed::Clear { name } => {
                let numbers = store::clear(&config.database(), &name).await?;
                outln!("{}", cleared(&config, &name, numbers)?);
                Ok(false)
            }
            Deed::Start { .. } | Deed::Pause { .. } | Deed::Stop { .. } => Ok(false),
        }
    });
    match done {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => told(&config.console.socket),
        Err(why) => fail(&why),
    }
}

/// Has the running appliance do something.
fn ask(socket: &Path, order: &str) -> ExitCode {
    said(socket, client::ask(socket, order))
}

fn nobody_runs(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

fn said(socket: &Path, answer: io::Result<Answer>) -> ExitCode {
    match answer {
        Ok(answer) if answer.ok => {
            outln!("{}", answer.text.trim_end());
            ExitCode::SUCCESS
        }
        Ok(answer) => fail(&answer.text),
        Err(error) => fail(&format!("no appliance answers at {}: {error}", socket.display())),
    }
}

/// Has the running appliance read the lists anew.
fn told(socket: &Path) -> ExitCode {
    match client::ask(socket, "campaign reload") {
        Ok(answer) if answer.ok => ExitCode::SUCCESS,
        Ok(answer) => fail(&format!(
            "it is in the records, but the running appliance does not know of it: {}; try \
             'belfry console -e \"campaign reload\"'",
            answer.text
        )),
        Err(error) if nobody_runs(&error) => {
            outln!("no appliance runs here; the next start knows of it");
            ExitCode::SUCCESS
        }
        Err(error) => fail(&format!(
            "it is in the records, but the running appliance was not told: {}: {error}",
            socket.display()
        )),
    }
}

/// What is the same for all ways in which a number is written.
fn key(config: &Config) -> impl Fn(&str) -> String + use<> {
    let numbering = Numbering {
        country: config.numbers.country_code.to_string(),
        area: config.numbers.area_code.as_ref().map(|area| area.to_string()),
    };
    move |number| numbering.e164(number).unwrap_or_else(|| number.to_owned())
}

fn known(config: &Config, name: &str) -> Result<(), String> {
    let names: Vec<&str> = config.campaigns.iter().map(|own| own.name.as_str()).collect();
    if names.contains(&name) {
        return Ok(());
    }
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Err(format!("there is no campaign '{name}': [[campaign]] has {names}"))
}

/// Reads a file as a list, and tells its faults.
#[allow(clippy::disallowed_methods, reason = "the file that was asked for")]
fn list(config: &Config, path: &Path) -> Result<(Read, Encoding), String> {
    let told = |why: String| format!("{}: {why}", path.display());
    let bytes = std::fs::read(path).map_err(|error| told(error.to_string()))?;
    let (text, encoding) = csv::decode(&bytes).map_err(|why| told(why.to_string()))?;
    let rows = csv::rows(&text).map_err(|why| told(why.to_string()))?;
    let key = key(config);
    let read = campaign_file::read(&rows, |number| {
        match config.is_emergency(number) || config.is_emergency(number.trim_start_matches('+')) {
            true => Err(format!("{number} is a number for help: no campaign calls it")),
            false => Ok(key(number)),
        }
    });
    let read = read.map_err(|fault| told(fault.to_string()))?;
    read.faults.iter().for_each(|fault| eprintln!("{}", told(fault.to_string())));
    let more = read.refused - read.faults.len();
    if more > 0 {
        eprintln!("{}: {more} more rows are refused", path.display());
    }
    Ok((read, encoding))
}

async fn import(config: &Config, name: &str, path: &Path, dry_run: bool) -> Result<bool, String> {
    known(config, name)?;
    let (read, encoding) = list(config, path)?;
    let done = store::import(&config.database(), name, &read.entries, dry_run).await?;
    let encoding = if encoding == Encoding::Utf8 { "UTF-8" } else { "GB 18030" };
    let did = if dry_run { "would be added (nothing was changed)" } else { "are added" };
    outln!(
        "{}: {encoding}; {} {did}, {} are on the list already, {} rows are refused ({} of them twice in the file)",
        path.display(),
        done.added,
        done.there,
        read.refused,
        read.twice
    );
    // Told in any case: a campaign that has come since has none of what is on the list already.
    Ok(!dry_run)
}

async fn records(config: &Config) -> Result<Records, String> {
    Records::open(&config.database()).await.map_err(|trouble| trouble.to_string())
}

#[allow(clippy::disallowed_methods, reason = "the file that was asked for")]
async fn export(
    config: &Config,
    zone: &TimeZone,
    name: &str,
    path: &Path,
    force: bool,
) -> Result<bool, String> {
    known(config, name)?;
    if path.exists() && !force {
        return Err(format!("{} is there already: --force replaces it", path.display()));
    }
    let records = records(config).await?;
    let mut rows = Vec::new();
    loop {
        let page = records.campaign_results(name, (rows.len(), PAGE)).await;
        let page = page.map_err(|trouble| trouble.to_string())?;
        let over = page.len() < PAGE;
        rows.extend(page);
        if over {
            break;
        }
    }
    // All headings of all rows, in the order in which they come.
    let mut headings: Vec<&str> = Vec::new();
    let mut seen = BTreeSet::new();
    for (heading, _) in rows.iter().flat_map(|row| pairs(&row.fields)) {
        if seen.insert(heading) {
            headings.push(heading);
        }
    }
    let own = ["number", "state", "attempts", "outcome", "agent", "wrap_up", "last", "next"];
    let mut text = String::from('\u{feff}');
    text += &csv::line(own.into_iter().chain(headings.iter().copied()));
    for row in &rows {
        let at = |wall: Option<i64>| wall.map(|wall| local(wall, zone)).unwrap_or_default();
        let (tried, last, next) = (row.tried.to_string(), at(row.last), at(row.next));
        let cells =
            [&row.number, &row.state, &tried, &row.outcome, &row.agent, &row.code, &last, &next];
        let more = headings.iter().map(|heading| {
            pairs(&row.fields).find(|(own, _)| own == heading).map_or("", |(_, text)| text)
        });
        text += &csv::line(cells.into_iter().map(String::as_str).chain(more));
    }
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    outln!("{}: {} numbers", path.display(), rows.len());
    Ok(false)
}

fn local(wall: i64, zone: &TimeZone) -> String {
    let time = Timestamp::from_millisecond(wall).unwrap_or_default().to_zoned(zone.clone());
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

async fn barred(config: &Config, dnc: Dnc) -> Result<bool, String> {
    let (numbers, add) = match dnc {
        Dnc::Add { numbers } => (numbers, true),
        Dnc::Remove { numbers } => (numbers, false),
        Dnc::Import { file } => {
            let (read, _) = list(config, &file)?;
            (read.entries.into_iter().map(|own| own.number).collect(), true)
        }
        Dnc::List => {
            let all = records(config).await?.do_not_call().await;
            for number in all.map_err(|trouble| trouble.to_string())? {
                outln!("{number}");
            }
            return Ok(false);
        }
    };
    let key = key(config);
    let read = numbers.iter().map(|text| campaign_file::number(text).map(|own| key(&own)));
    let keys: Vec<String> = read.collect::<Result<_, _>>()?;
    let wall = Clock::start().now().wall;
    let changed = store::bar(&config.database(), &keys, add, ("command line", wall)).await?;
    match add {
        true => outln!("{changed} numbers more are called by no campaign"),
        false => outln!("{changed} numbers may be called again"),
    }
    Ok(changed > 0)
}

async fn report(
    config: &Config,
    zone: &TimeZone,
    name: Option<&str>,
    (days, agents, as_json): (u32, bool, bool),
) -> Result<bool, String> {
    let span = (since(zone, days)?, i64::MAX);
    let records = records(config).await?;
    let rows = records.campaign_figures(name, span, zone, agents).await;
    let rows = rows.map_err(|trouble| trouble.to_string())?;
    if as_json {
        let all: Vec<_> = rows.iter().map(figures_json).collect();
        outln!("{}", serde_json::to_string_pretty(&all).unwrap_or_default());
        return Ok(false);
    }
    let cells = rows.iter().map(|row| {
        let counts = [
            row.dialled,
            row.reached,
            row.unserved,
            row.no_answer,
            row.busy,
            row.wrong,
            row.voice_mail,
            row.other,
        ];
        let words = [&row.day, &row.campaign, &row.agent].map(String::clone).into_iter();
        let talk = [render::span(u64::try_from(row.talk_ms).unwrap_or(0))];
        words.chain(counts.map(|n| n.to_string())).chain(talk).collect()
    });
    let head = [
        "DAY",
        "CAMPAIGN",
        "AGENT",
        "DIALLED",
        "REACHED",
        "NO AGENT",
        "NO ANSWER",
        "BUSY",
        "WRONG",
        "VOICE MAIL",
        "OTHER",
        "TALK",
    ];
    outln!("{}", render::table(&head, cells, "no number was dialled in these days").trim_end());
    Ok(false)
}

/// A day's figures for programs.
pub(super) fn figures_json(row: &Figures) -> serde_json::Value {
    json!({
        "day": row.day, "campaign": row.campaign, "agent": row.agent, "dialled": row.dialled,
        "reached": row.reached, "unserved": row.unserved, "no_answer": row.no_answer, "busy": row.busy,
        "wrong_number": row.wrong, "voice_mail": row.voice_mail, "other": row.other, "talk_ms": row.talk_ms,
    })
}

impl Operator {
    /// Takes a campaign's list away: the exchange forgets it first, so that nobody of it is dialled. Called on a thread of
    /// the runtime that may block.
    pub(super) fn campaign_clear(&self, name: &str, by: String) -> Answer {
        match self.ask(Request::Campaign(CampaignOrder::Clear(name.to_owned()), by)) {
            Some(Reply::Done(_)) => {}
            Some(Reply::Refused(why)) => return Answer::refused(why),
            _ => return Answer::refused("the exchange does not answer"),
        }
        let database = self.database();
        let work = store::clear(&database, name);
        match tokio::runtime::Handle::current().block_on(work) {
            Ok(numbers) => match cleared(&self.config(), name, numbers) {
                Ok(said) => Answer::done(said, numbers),
                Err(why) => Answer::refused(why),
            },
            Err(why) => {
                // What the records still have is called on.
                self.campaign_reload();
                Answer::refused(format!("{why}: nothing was changed"))
            }
        }
    }
}

/// What was done. Err: there is neither such a campaign nor a list of one that was.
fn cleared(config: &Config, name: &str, numbers: usize) -> Result<String, String> {
    if numbers == 0 {
        known(config, name)?;
    }
    Ok(format!("{numbers} numbers of campaign {name} are taken away; what they came to stays"))
}

/// What a program wants of the records.
pub(super) async fn wanted(operator: Arc<Operator>, wanted: Wanted) -> Result<Value, Problem> {
    let config = operator.config();
    let (Wanted::Results { campaign, .. }
    | Wanted::Figures { campaign, .. }
    | Wanted::Clear { campaign, .. }) = &wanted;
    known(&config, campaign).map_err(Problem::not_found)?;
    if let Wanted::Clear { campaign, by } = wanted {
        let work = move || operator.campaign_clear(&campaign, by);
        let sudden = |_| Problem::unavailable("the work came to a sudden end: see the log");
        let answer = tokio::task::spawn_blocking(work).await.map_err(sudden)?;
        return match answer.ok {
            true => Ok(json!({ "done": answer.text })),
            false => Err(Problem::conflict(answer.text)),
        };
    }
    let away = |trouble: crate::store::Trouble| Problem::unavailable(trouble.to_string());
    let records = Records::open(&config.database()).await.map_err(away)?;
    match &wanted {
        Wanted::Results { campaign, skip, most } => {
            let rows = records.campaign_results(campaign, (*skip, *most)).await.map_err(away)?;
            let rows = rows.into_iter().map(|row| {
                let fields: serde_json::Map<String, Value> =
                    pairs(&row.fields).map(|(name, text)| (name.to_owned(), text.into())).collect();
                json!({
                    "number": row.number, "fields": fields, "state": row.state, "attempts": row.tried,
                    "outcome": row.outcome, "agent": row.agent, "wrap_up": row.code, "last": row.last, "next": row.next,
                })
            });
            Ok(rows.collect())
        }
        Wanted::Figures { campaign, days, agents } => {
            let zone = operator.zone();
            let from = since(&zone, *days).map_err(Problem::unavailable)?;
            let rows = records.campaign_figures(Some(campaign), (from, i64::MAX), &zone, *agents);
            Ok(rows.await.map_err(away)?.iter().map(figures_json).collect())
        }
        Wanted::Clear { .. } => Err(Problem::conflict("it is done above")),
    }
}

/// From when the last days are, today with them: milliseconds since 1970.
fn since(zone: &TimeZone, days: u32) -> Result<i64, String> {
    let now = Timestamp::from_millisecond(Clock::start().now().wall.0).unwrap_or_default();
    let today = now.to_zoned(zone.clone());
    let first = today.date().saturating_sub(jiff::Span::new().days(i64::from(days) - 1));
    let from = first.to_zoned(zone.clone()).map_err(|error| error.to_string())?;
    Ok(from.timestamp().as_millisecond())
}

/// Tells the exchange what the records have of campaigns: lists in pieces, so that no call waits for them. `start`:
/// it has just begun. Gives how many numbers there are.
pub(super) async fn tell(database: &Path, inputs: Inputs, start: bool) -> Result<usize, String> {
    let said = |trouble: crate::store::Trouble| trouble.to_string();
    let records = Records::open(database).await.map_err(said)?;
    let names = records.campaign_lists().await.map_err(said)?;
    if start {
        put(&inputs, Told::Status(records.campaigns().await.map_err(said)?)).await;
    }
    put(&inputs, Told::Barred(records.do_not_call().await.map_err(said)?.into_iter().collect()))
        .await;
    let mut numbers = 0;
    for name in names {
        let mut after = 0;
        loop {
            let (page, last) = records.campaign_numbers(&name, after).await.map_err(said)?;
            if page.is_empty() {
                break;
            }
            (numbers, after) = (numbers + page.len(), last);
            put(&inputs, Told::Rows(name.clone(), page)).await;
        }
    }
    if start {
        put(&inputs, Told::All).await;
    }
    Ok(numbers)
}

/// Tells the exchange something, as soon as it has room for it.
async fn put(inputs: &Inputs, told: Told) {
    let mut input = Input::Campaigns(Box::new(told));
    while let Err(again) = inputs.offer(input) {
        input = again;
        tokio::time::sleep(AGAIN).await;
    }
}
