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
    let name = wanted(&known, &args.name)?;
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

/// Which of those that were asked is meant.
fn wanted(known: &[String], named: &[String]) -> Result<String, String> {
    Ok(match (known, named) {
        ([], _) => return Err("nobody was asked a survey yet".into()),
        (_, [name]) if !known.contains(name) => {
            let asked = known.join(", ");
            return Err(format!(
                "nobody was asked a survey '{name}' yet; those that were asked: {asked}"
            ));
        }
        (_, [name]) => name.clone(),
        ([one], []) => one.clone(),
        _ => {
            let asked = known.join(", ");
            return Err(format!("a report is of one survey: say with --name which: {asked}"));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_survey_is_named_or_the_only_one_and_names_are_told() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (none, one, two) = (list(&[]), list(&["service"]), list(&["home", "service"]));
        assert!(wanted(&none, &one).unwrap_err().contains("nobody was asked"));
        assert_eq!(wanted(&one, &none), Ok("service".into()));
        assert_eq!(wanted(&two, &one), Ok("service".into()));
        for (known, named) in [(&one, list(&["nosuch"])), (&two, list(&["nosuch"]))] {
            let why = wanted(known, &named).unwrap_err();
            assert!(why.contains("'nosuch'") && why.contains("service"), "{why}");
        }
        assert!(wanted(&two, &none).unwrap_err().contains("--name which: home, service"));
        assert!(wanted(&two, &two).unwrap_err().contains("of one survey"));
    }
}
