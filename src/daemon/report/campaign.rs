//! `belfry report campaign` and `campaign-agent`: what attempts of outbound campaigns came to (R19). An attempt counts in
//! the period in which its customer was dialled; one that never went out counts nowhere.

use std::collections::BTreeMap;
use std::path::Path;

use crate::report::layout::{Cell, Language, Span, Table};
use crate::report::period::{Period, period};
use crate::store::Records;
use crate::store::campaigns::Quarter;

const KEYS: [&str; 13] = [
    "period",
    "name",
    "dialled",
    "reached",
    "reached_share",
    "unserved",
    "no_answer",
    "busy",
    "wrong_number",
    "voice_mail",
    "other",
    "avg_talk",
    "talk",
];

/// The report.
pub(super) async fn table(
    path: &Path,
    by_agent: bool,
    span: Span,
    names: &[String],
    language: Language,
) -> Result<Table, String> {
    let records = Records::open(path).await.map_err(|trouble| trouble.to_string())?;
    let quarters = records.campaign_quarters(by_agent, (span.from, span.until)).await;
    let quarters = quarters.map_err(|trouble| trouble.to_string())?;
    let wanted = |quarter: &&Quarter| names.is_empty() || names.contains(&quarter.name);
    Ok(laid_out(quarters.iter().filter(wanted), &span, language))
}

fn laid_out<'a>(
    quarters: impl Iterator<Item = &'a Quarter>,
    span: &Span,
    language: Language,
) -> Table {
    let mut lines: BTreeMap<(Period, &str), Quarter> = BTreeMap::new();
    for own in quarters {
        let key = (period(span.by, own.start, &span.zone), own.name.as_str());
        let sum = lines.entry(key).or_default();
        sum.dialled += own.dialled;
        sum.reached += own.reached;
        sum.unserved += own.unserved;
        sum.no_answer += own.no_answer;
        sum.busy += own.busy;
        sum.wrong += own.wrong;
        sum.voice_mail += own.voice_mail;
        sum.talk_ms += own.talk_ms;
    }
    let line = |((period, name), sum): (&(Period, &str), &Quarter)| {
        (period.label.clone(), (*name).to_owned(), cells(sum))
    };
    Table {
        keys: KEYS.map(str::to_owned).to_vec(),
        headings: headings(language).map(str::to_owned).to_vec(),
        lines: lines.iter().map(line).collect(),
    }
}

fn headings(language: Language) -> [&'static str; 13] {
    match language {
        Language::Chinese => [
            "时段",
            "名称",
            "拨打",
            "接通",
            "接通率",
            "无坐席接听",
            "无人接听",
            "忙",
            "空号",
            "语音信箱",
            "其他",
            "平均通话",
            "通话",
        ],
        Language::English => [
            "Period",
            "Name",
            "Dialled",
            "Reached",
            "Reached %",
            "No agent",
            "No answer",
            "Busy",
            "Wrong",
            "Voice mail",
            "Other",
            "Avg talk",
            "Total talk",
        ],
    }
}

fn cells(sum: &Quarter) -> Vec<Cell> {
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    let named = [sum.reached, sum.unserved, sum.no_answer, sum.busy, sum.wrong, sum.voice_mail];
    let other = sum.dialled - named.iter().sum::<i64>();
    let (talk, reached) = (count(sum.talk_ms), count(sum.reached));
    let share = (sum.dialled > 0).then(|| sum.reached as f64 / sum.dialled as f64);
    let own = [Cell::Count(count(sum.dialled)), Cell::Count(reached), Cell::Share(share)];
    let rest = named[1..].iter().chain([&other]).map(|n| Cell::Count(count(*n)));
    let talks = [Cell::Time(talk.checked_div(reached)), Cell::Time(Some(talk))];
    own.into_iter().chain(rest).chain(talks).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::period::By;

    #[test]
    fn quarters_become_periods_and_shares_are_made_last() {
        let zone = jiff::tz::TimeZone::UTC;
        let day = 86_400_000;
        let quarter = |start, name: &str, dialled, reached, busy, talk_ms| Quarter {
            start,
            name: name.into(),
            dialled,
            reached,
            busy,
            talk_ms,
            ..Quarter::default()
        };
        let all = [
            quarter(0, "spring", 4, 1, 2, 60_000),
            quarter(900_000, "spring", 4, 3, 1, 60_000),
            quarter(day, "spring", 1, 0, 0, 0),
            quarter(day, "autumn", 2, 2, 0, 10_000),
        ];
        let span = Span { from: 0, until: 2 * day, by: By::Day, zone };
        let table = laid_out(all.iter(), &span, Language::English);
        assert_eq!((table.keys.len(), table.headings.len()), (13, 13));
        let names: Vec<_> = table.lines.iter().map(|(_, name, _)| name.as_str()).collect();
        assert_eq!(names, ["spring", "autumn", "spring"]);
        let cells = &table.lines[0].2;
        assert_eq!(cells.len(), 11);
        assert_eq!(cells[..3], [Cell::Count(8), Cell::Count(4), Cell::Share(Some(0.5))]);
        assert_eq!(cells[5], Cell::Count(3), "busy");
        assert_eq!(
            cells[8..],
            [Cell::Count(1), Cell::Time(Some(30_000)), Cell::Time(Some(120_000))]
        );
        assert_eq!(table.lines[2].2[9], Cell::Time(None), "nothing to divide by");
    }
}
