//! Keys about reports that are made at a quiet hour and kept (R25).

use super::care_call::TimeOfDay;
use super::choice::{Language, ReportFormat, ReportKind, ReportRows, ReportSpan};
use super::cross::Draft;
use super::mail::check_receivers;
use super::name::{Label, MailAddress, Name};
use super::quantity::Period;
use super::setting::{Reader, section};

section! {
    /// A report that Belfry makes by itself when a day, week, month, quarter or year is over, and keeps: `belfry report kept`,
    /// `GET /v1/reports`.
    [[report]] struct Report {
        /// Its name, and that of its folder below `reports` in `[node] data_dir`.
        name: Name = required, live;
        /// What it is on, as `belfry report` has it.
        of: ReportKind = required, live;
        /// After which span of the calendar it is made, of all of that.
        each: ReportSpan = "\"day\"", live;
        /// What one row of it is of.
        by: ReportRows = "\"total\"", live;
        /// At which time of the day after the span it is made. Over a restart, or when the records are behind: as soon as
        /// can be after that.
        time: TimeOfDay = "\"03:30\"", live;
        /// Only these queues, agents, teams, gateways, campaigns or surveys. Without it: all.
        names: Option<Vec<Label>> = derived, live;
        /// In which forms. Without it: `"csv"`.
        formats: Option<Vec<ReportFormat>> = derived, live;
        /// The language of the headings. Without it: the node's.
        language: Option<Language> = derived, live;
        /// How long it is kept; then its file is removed.
        keep: Period = "\"24 months\"", live;
        /// Who gets it as a letter, as the table for people. Needs `[mail] server`. Without it: nobody.
        mail: Option<Vec<MailAddress>> = derived, live;
    }
}

/// Each name stands once, a row is not longer than the report, and letters have a server.
pub(super) fn check(draft: &Draft, reader: &mut Reader<'_>) {
    let server = draft.mail.as_ref().is_none_or(|mail| mail.server.is_some());
    for (at, (nth, own)) in draft.reports.iter().enumerate() {
        let before = draft.reports[..at].iter().find(|(_, other)| other.name == own.name);
        if let Some((_, first)) = before {
            let what =
                format!("a report \"{}\" stands in line {} already", own.name, first.at.line);
            let remedy = "give it another name: each has a folder of its own";
            reader.faults.error(&reader.place("report", *nth, "name"), what, remedy);
        }
        if own.name.as_str().starts_with('.') {
            let what = format!("\"{}\" is no name of a folder of its own", own.name);
            let remedy = "begin it with a letter or a digit";
            reader.faults.error(&reader.place("report", *nth, "name"), what, remedy);
        }
        if own.by.is_longer_than(own.each) {
            let what = format!("a report of a {} has no rows of a {}", own.each, own.by);
            let remedy = format!("write \"total\", or what is shorter than a {}", own.each);
            reader.faults.error(&reader.place("report", *nth, "by"), what, remedy);
        }
        let place = reader.place("report", *nth, "mail");
        if own.mail.is_some() && !server {
            let what = "reports are to be sent, and no mail server is named";
            reader.faults.error(&place, what, "add `server = \"mail.…\"` under [mail]");
        }
        check_receivers(own.mail.as_ref(), &place, reader);
    }
}

impl ReportRows {
    fn is_longer_than(self, span: ReportSpan) -> bool {
        let rank = |word: &str| {
            ["day", "week", "month", "quarter", "year"].iter().position(|w| *w == word)
        };
        match (rank(self.as_str()), rank(span.as_str())) {
            (Some(rows), Some(span)) => rows > span,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn faults(report: &str) -> Vec<String> {
        let text = format!("[media]\naddress = \"10.0.0.1\"\n[[report]]\n{report}");
        let read = Config::parse(&text);
        read.err().into_iter().flatten().map(|fault| fault.to_string()).collect()
    }

    #[test]
    fn a_report_says_what_when_and_for_how_long() {
        assert_eq!(faults("name = \"daily\"\nof = \"queue\"\n"), Vec::<String>::new());
        let all = "name = \"m\"\nof = \"quality-team\"\neach = \"month\"\nby = \"day\"\ntime = \"02:15\"\n\
                   formats = [\"csv\", \"xlsx\"]\nlanguage = \"en\"\nkeep = \"36 months\"\n";
        assert_eq!(faults(all), Vec::<String>::new());
        let refused = |more: &str, what: &str| {
            let found = faults(&format!("name = \"m\"\nof = \"queue\"\n{more}"));
            assert!(found.iter().any(|fault| fault.contains(what)), "{more}: {found:?}");
        };
        refused("by = \"month\"\n", "a report of a day has no rows of a month");
        refused("time = \"25:00\"\n", "25:00");
        let up = faults("name = \"..\"\nof = \"queue\"\n");
        assert!(up.iter().any(|fault| fault.contains("no name of a folder")), "{up:?}");
        refused("formats = [\"pdf\"]\n", "pdf");
        refused("[[report]]\nname = \"m\"\nof = \"agent\"\n", "stands in line");
        refused("mail = [\"a@b.example\"]\n[mail]\n", "no mail server is named");
    }
}
