//! `belfry report`: figures from the records, as a table, CSV, JSON or a workbook; and all of them computed
//! anew.
//!
//! The figures stand in the database by quarters of an hour, written with the facts that they follow from; what
//! they mean and how they are cut is [`report`](crate::report)'s. They are read day by day, so that a year of
//! many agents needs no more memory than its rows.

mod campaign;
mod cases;
mod contacts;
pub(super) mod kept;
mod quality;
mod survey;
mod xlsx;

use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::cli::{Report, fail};
use super::clock::Clock;
use super::files;
use crate::config::{self, Config};
use crate::console::out::{out, outln};
use crate::console::render;
use crate::dialplan::calendar::wall_of;
use crate::report::interval::{INTERVAL_MS, start_of};
use crate::report::layout::{Cell, Language, Sheet, Span, Table, Terms};
use crate::report::period::{By, period};
use crate::report::{Formula, Kind, Measure};
use crate::store::database::Database;
use crate::store::{Records, figures};

/// Figures that are read at once: those of a day.
const CHUNK_MS: i64 = 24 * 3_600 * 1_000;

pub(super) fn main(mut args: Report) -> ExitCode {
    if args.json {
        args.format = "json".to_owned();
    }
    let (config, zone) = match files::config_and_zone(&args.file) {
        Ok(config) => config,
        Err(lines) => return fail(&lines),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.to_string()),
    };
    let done = match args.kind.as_str() {
        "recompute" => runtime.block_on(recompute(&config.database(), args.json)),
        "survey" => runtime.block_on(survey::report(&args, &config, &zone)),
        "cases" => runtime.block_on(cases::list(&args, &config, &zone)),
        "case" => runtime.block_on(cases::one(&args, &config, &zone)),
        "kept" => kept::list(&args, &config, &zone),
        _ => runtime.block_on(report(&args, &config, &zone)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(&why),
    }
}

async fn recompute(path: &Path, json: bool) -> Result<(), String> {
    if !path.exists() {
        return Err(format!("{} is not there: there are no facts yet", path.display()));
    }
    let mut database = Database::open_beside(path).await.map_err(|trouble| trouble.to_string())?;
    let facts = figures::recompute(&mut database).await.map_err(|trouble| trouble.to_string())?;
    match json {
        true => outln!("{}", serde_json::json!({ "facts": facts })),
        false => outln!("all figures are computed anew from {facts} facts"),
    }
    Ok(())
}

async fn report(args: &Report, config: &Config, zone: &TimeZone) -> Result<(), String> {
    let by = By::named(&args.by).ok_or("there is no such span")?;
    let (from, until) = span(args, zone)?;
    let terms = terms(args, config)?;
    if args.across.is_some() {
        return Err("--across is for reports on surveys".into());
    }
    let language = language(args, config);
    let span = Span { from, until, by, zone: zone.clone() };
    let table = table(&config.database(), &args.kind, span, &args.name, (&terms, language)).await?;
    let json = || json(&table, &args.kind, (from, until), zone, &terms);
    hand_out(args, &table, (from, until), zone, &json)
}

/// A report by its kind's word.
async fn table(
    database: &Path,
    kind: &str,
    span: Span,
    names: &[String],
    (terms, language): (&Terms, Language),
) -> Result<Table, String> {
    if let Some(kind) = Kind::named(kind) {
        return Ok(gather(database, kind, span, names).await?.table(terms, language));
    }
    match kind {
        "contacts" => contacts::table(database, span, names, language).await,
        "campaign" | "campaign-agent" => {
            campaign::table(database, kind == "campaign-agent", span, names, language).await
        }
        _ => quality::table(database, kind == "quality-team", span, names, language).await,
    }
}

fn language(args: &Report, config: &Config) -> Language {
    match args.language.as_deref() {
        Some("en") => Language::English,
        Some(_) => Language::Chinese,
        None => of_node(config.node.language),
    }
}

fn of_node(language: config::Language) -> Language {
    match language {
        config::Language::En => Language::English,
        config::Language::ZhCn => Language::Chinese,
    }
}

/// In the form that is wanted, into the file that is wanted.
fn hand_out(
    args: &Report,
    table: &Table,
    span: (i64, i64),
    zone: &TimeZone,
    json: &dyn Fn() -> String,
) -> Result<(), String> {
    if args.format == "xlsx" && args.out.is_none() {
        return Err("a workbook is a file: say which with --out FILE.xlsx".into());
    }
    let bytes = match args.format.as_str() {
        "csv" => csv(table, args.bom).into_bytes(),
        "json" => json().into_bytes(),
        "xlsx" => xlsx::workbook(table),
        _ => text(table, span, zone).into_bytes(),
    };
    put_out(args, &bytes)
}

/// Into the file that is wanted, or on standard output.
fn put_out(args: &Report, bytes: &[u8]) -> Result<(), String> {
    match &args.out {
        Some(path) => write(path, bytes),
        None => {
            out!("{}", String::from_utf8_lossy(bytes));
            Ok(())
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the file that was asked for")]
fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}

/// From when until when, in whole quarters of an hour.
fn span(args: &Report, zone: &TimeZone) -> Result<(i64, i64), String> {
    let now = Clock::start().now().wall.0;
    let time = |text: &Option<String>, word: &str, usual: i64| match text {
        None => Ok(usual),
        Some(text) => wall_of(text, zone).map(|wall| wall.0).ok_or_else(|| {
            format!("--{word} '{text}' is no time: write it as '2026-11-01' or '2026-11-01 08:00'")
        }),
    };
    let from = start_of(time(&args.from, "from", period(By::Day, now, zone).from)?);
    let until = time(&args.to, "to", now)?;
    let until = start_of(until.saturating_add(INTERVAL_MS - 1));
    match from < until {
        true => Ok((from, until)),
        false if args.to.is_some() => Err("--from is not before --to".into()),
        false => {
            Err("--from is not over yet, and without --to a report ends now: write an earlier one"
                .into())
        }
    }
}

fn terms(args: &Report, config: &Config) -> Result<Terms, String> {
    let word = args.formula.as_deref().unwrap_or(config.acd.service_formula.as_str());
    let formula = Formula::named(word).ok_or_else(|| {
        let all: Vec<&str> = Formula::ALL.iter().map(|(_, name)| *name).collect();
        format!("there is no formula '{word}'; there are {}", all.join(", "))
    })?;
    let usual = usual_terms(config, formula);
    let threshold = args.threshold.unwrap_or(usual.threshold);
    Ok(Terms { threshold, short: args.short.unwrap_or(usual.short), ..usual })
}

/// As the configuration has them.
fn usual_terms(config: &Config, formula: Formula) -> Terms {
    let seconds = |time: std::time::Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    let channels = config.gateways.iter().map(|g| (g.name.to_string(), g.channels));
    let wrap_ups = config.wrap_ups.iter().map(|own| (own.code.to_string(), own.name.to_string()));
    Terms {
        formula,
        threshold: seconds(config.acd.service_level),
        short: seconds(config.acd.short_abandon),
        channels: channels.collect(),
        wrap_ups: wrap_ups.collect(),
    }
}

async fn gather(path: &Path, kind: Kind, span: Span, names: &[String]) -> Result<Sheet, String> {
    let (from, until) = (span.from, span.until);
    let mut sheet = Sheet::new(kind, span);
    let records = Records::open(path).await.map_err(|trouble| trouble.to_string())?;
    let there = records.figures_span(kind.name()).await.map_err(|trouble| trouble.to_string())?;
    let Some((first, last)) = there else { return Ok(sheet) };
    let (mut at, until) = (from.max(first), until.min(last.saturating_add(1)));
    while at < until {
        let next = until.min(at.saturating_add(CHUNK_MS));
        let rows = records.figures(kind.name(), at, next).await;
        for (start, name, measure, value) in rows.map_err(|trouble| trouble.to_string())? {
            let wanted = names.is_empty() || names.contains(&name);
            // A later version's measure is none of ours.
            if let Some(measure) = Measure::named(&measure).filter(|_| wanted) {
                sheet.add(&name, start, measure, u64::try_from(value).unwrap_or(0));
            }
        }
        at = next;
    }
    Ok(sheet)
}

fn local(at: i64, zone: &TimeZone) -> String {
    let at = Timestamp::from_millisecond(at).unwrap_or_default().to_zoned(zone.clone());
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

fn zone_name(zone: &TimeZone) -> String {
    zone.iana_name().map_or_else(|| format!("{zone:?}"), str::to_owned)
}

/// For people.
fn text(table: &Table, (from, until): (i64, i64), zone: &TimeZone) -> String {
    let head: Vec<&str> = table.headings.iter().map(String::as_str).collect();
    let rows = table.lines.iter().map(|(period, name, cells)| {
        let words = cells.iter().map(shown);
        [period.clone(), name.clone()].into_iter().chain(words).collect()
    });
    let covers = format!("{} – {} {}", local(from, zone), local(until, zone), zone_name(zone));
    format!("{covers}\n{}", render::table(&head, rows, "no figures of that time"))
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Count(count) => count.to_string(),
        Cell::Time(Some(ms)) => render::span((ms + 500) / 1_000 * 1_000),
        Cell::Share(Some(share)) => format!("{:.1} %", share * 100.0),
        Cell::Number(Some(number)) => format!("{number:.2}"),
        Cell::Time(None) | Cell::Share(None) | Cell::Number(None) => "-".into(),
    }
}

/// RFC 4180; times in seconds, shares of 1.
fn csv(table: &Table, bom: bool) -> String {
    let mut csv = String::from(if bom { "\u{feff}" } else { "" });
    let mut line = |fields: &mut dyn Iterator<Item = String>| {
        let fields: Vec<String> = fields.map(|field| quoted(&field)).collect();
        csv.push_str(&fields.join(","));
        csv.push_str("\r\n");
    };
    line(&mut table.headings.iter().cloned());
    for (period, name, cells) in &table.lines {
        line(&mut [period.clone(), name.clone()].into_iter().chain(cells.iter().map(plain)));
    }
    csv
}

fn plain(cell: &Cell) -> String {
    match cell {
        Cell::Count(count) => count.to_string(),
        Cell::Time(Some(ms)) => format!("{:.1}", *ms as f64 / 1_000.0),
        Cell::Share(Some(share)) => format!("{share:.4}"),
        Cell::Number(Some(number)) => format!("{number:.3}"),
        Cell::Time(None) | Cell::Share(None) | Cell::Number(None) => String::new(),
    }
}

fn quoted(field: &str) -> String {
    match field.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}

/// The lines for machines: times in milliseconds, shares of 1.
pub(super) fn rows(table: &Table) -> Vec<serde_json::Map<String, serde_json::Value>> {
    let value = |cell: &Cell| match cell {
        Cell::Count(count) => serde_json::json!(count),
        Cell::Time(ms) => serde_json::json!(ms),
        Cell::Share(number) | Cell::Number(number) => serde_json::json!(number),
    };
    let rows = table.lines.iter().map(|(period, name, cells)| {
        let mut row = serde_json::Map::new();
        row.insert("period".into(), period.as_str().into());
        row.insert("name".into(), name.as_str().into());
        for (key, cell) in table.keys[2..].iter().zip(cells) {
            row.insert(key.clone(), value(cell));
        }
        row
    });
    rows.collect()
}

/// For machines.
fn json(
    table: &Table,
    kind: &str,
    (from, until): (i64, i64),
    zone: &TimeZone,
    terms: &Terms,
) -> String {
    let whole = serde_json::json!({
        "report": kind,
        "from": from,
        "until": until,
        "zone": zone_name(zone),
        "formula": terms.formula.name(),
        "threshold_s": terms.threshold,
        "short_s": terms.short,
        "rows": rows(table),
    });
    format!("{whole:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let cells = vec![
            Cell::Count(3),
            Cell::Time(Some(61_500)),
            Cell::Share(Some(0.8125)),
            Cell::Number(None),
        ];
        Table {
            keys: ["period", "name", "calls", "talk", "level", "mean"].map(str::to_owned).into(),
            headings: ["时段", "名称", "接听", "通话, 总", "水平", "平均"]
                .map(str::to_owned)
                .into(),
            lines: vec![("2026-01-05".into(), "a \"b\"".into(), cells)],
        }
    }

    #[test]
    fn csv_is_quoted_and_has_its_mark() {
        let csv = csv(&table(), true);
        let lines = "时段,名称,接听,\"通话, 总\",水平,平均\r\n2026-01-05,\"a \"\"b\"\"\",3,61.5,0.8125,\r\n";
        assert_eq!(csv, format!("\u{feff}{lines}"));
    }

    #[test]
    fn json_has_the_numbers_and_text_the_words() {
        let channels = Default::default();
        let terms = Terms {
            formula: Formula::Sl1,
            threshold: 15,
            short: 5,
            channels,
            wrap_ups: Default::default(),
        };
        let json = json(&table(), "agent", (0, 900_000), &TimeZone::UTC, &terms);
        let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(read["rows"][0]["talk"], 61_500);
        assert_eq!((&read["formula"], &read["rows"][0]["mean"]), (&"SL-1".into(), &().into()));
        let text = text(&table(), (0, 900_000), &TimeZone::UTC);
        assert!(text.contains("1:02") && text.contains("81.2 %"), "{text}");
    }
}
