//! `belfry report survey`: the figures of a survey's valid answers, cut by time and by agent, team, queue or another
//! question.

use jiff::tz::TimeZone;

use super::{hand_out, language, rows, span, zone_name};
use crate::config::Config;
use crate::daemon::cli::Report;
use crate::daemon::surveys::{asked, judged};
use crate::report::period::By;
use crate::report::survey::{Across, View};

pub(super) async fn report(args: &Report, config: &Config, zone: &TimeZone) -> Result<(), String> {
    let database = config.database();
    let known = asked(&database).await?;
    let name = match (&known[..], &args.name[..]) {
        ([], _) => return Err("nobody was asked a survey yet".into()),
        (_, [name]) if known.contains(name) => name.clone(),
        ([one], []) => one.clone(),
        _ => return Err(format!("say with --name which one was asked: {}", known.join(", "))),
    };
    let by = By::named(&args.by).ok_or("there is no such span")?;
    let word = args.across.as_deref().unwrap_or("nothing");
    let across = Across::named(word)
        .ok_or_else(|| format!("--across '{word}': write agent, team, queue or question:NAME"))?;
    let (from, until) = span(args, zone)?;
    let view = View { from, until, by, across, zone: zone.clone() };
    let judged = judged(&database, &name, (from, until), zone).await?;
    let table = judged.table(&view, language(args, config));
    let json = || {
        let whole = serde_json::json!({
            "report": "survey", "survey": name, "from": from, "until": until,
            "zone": zone_name(zone), "across": word, "rows": rows(&table),
        });
        format!("{whole:#}\n")
    };
    hand_out(args, &table, (from, until), zone, &json)
}
