//! `belfry report contacts`: first contact resolution and repeat callers of queues (R25): contacts that the same caller has
//! not repeated within 24 hours, 48 hours, seven days / contacts. What is not over yet counts as not repeated.

use std::collections::BTreeMap;
use std::path::Path;

use crate::report::layout::{Cell, Language, Span, Table};
use crate::report::period::{Period, period};
use crate::store::Records;
use crate::store::contacts::Contacts;

/// Contacts of so much time are read at once.
const CHUNK_MS: i64 = 24 * 3_600 * 1_000;

const KEYS: [&str; 9] = [
    "period",
    "name",
    "contacts",
    "repeated_24h",
    "repeated_48h",
    "repeated_7d",
    "fcr_24h",
    "fcr_48h",
    "fcr_7d",
];

/// The report.
pub(super) async fn table(
    path: &Path,
    span: Span,
    names: &[String],
    language: Language,
) -> Result<Table, String> {
    let told = |trouble: crate::store::Trouble| trouble.to_string();
    let records = Records::open(path).await.map_err(told)?;
    let mut lines: BTreeMap<(Period, String), Contacts> = BTreeMap::new();
    // Before its figures begin, and after they end, a queue has had nobody.
    let there = records.figures_span("queue").await.map_err(told)?;
    let (first, last) = there.unwrap_or((0, 0));
    let (mut at, until) = (
        span.from.max(first.saturating_sub(CHUNK_MS)),
        span.until.min(last.saturating_add(CHUNK_MS)),
    );
    while at < until {
        let next = until.min(at.saturating_add(CHUNK_MS));
        for own in records.contacts(at, next).await.map_err(told)? {
            if names.is_empty() || names.contains(&own.name) {
                let key = (period(span.by, own.start, &span.zone), own.name.clone());
                let sum = lines.entry(key).or_default();
                sum.contacts += own.contacts;
                sum.day += own.day;
                sum.two_days += own.two_days;
                sum.week += own.week;
            }
        }
        at = next;
    }
    let line = |((period, name), sum): (&(Period, String), &Contacts)| {
        (period.label.clone(), name.clone(), cells(sum))
    };
    Ok(Table {
        keys: KEYS.map(str::to_owned).to_vec(),
        headings: headings(language).map(str::to_owned).to_vec(),
        lines: lines.iter().map(line).collect(),
    })
}

fn headings(language: Language) -> [&'static str; 9] {
    match language {
        Language::Chinese => [
            "时段",
            "名称",
            "来电",
            "24小时重复",
            "48小时重复",
            "7天重复",
            "首次解决率24h",
            "首次解决率48h",
            "首次解决率7d",
        ],
        Language::English => [
            "Period",
            "Name",
            "Contacts",
            "Repeated 24 h",
            "Repeated 48 h",
            "Repeated 7 d",
            "FCR 24 h",
            "FCR 48 h",
            "FCR 7 d",
        ],
    }
}

fn cells(sum: &Contacts) -> Vec<Cell> {
    let repeated = [sum.day, sum.two_days, sum.week];
    let count = |n: i64| Cell::Count(u64::try_from(n).unwrap_or(0));
    let resolved = |n: i64| {
        Cell::Share((sum.contacts > 0).then(|| (sum.contacts - n) as f64 / sum.contacts as f64))
    };
    let counts = std::iter::once(sum.contacts).chain(repeated).map(count);
    counts.chain(repeated.map(resolved)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_repeated_is_resolved() {
        let sum = Contacts { contacts: 8, day: 1, two_days: 2, week: 4, ..Contacts::default() };
        let cells = cells(&sum);
        assert_eq!(cells.len(), KEYS.len() - 2);
        assert_eq!(cells[..2], [Cell::Count(8), Cell::Count(1)]);
        let shares = [0.875, 0.75, 0.5].map(|share| Cell::Share(Some(share)));
        assert_eq!(cells[4..], shares);
        assert_eq!(super::cells(&Contacts::default())[4], Cell::Share(None));
    }
}
