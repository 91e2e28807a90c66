//! Reports as tables: which columns each kind has, in which words, and the rows of any span.
//!
//! One table of columns makes headings in Chinese and English, and every output format.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::figures as f;
use super::ledger::Kind;
use super::measure::{Measure as M, Tally};
use super::period::{By, Period, period};
use super::service::{Formula, Ratio};

/// What a column shows.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Cell {
    /// A number of calls or the like.
    Count(u64),
    /// Milliseconds; none: nothing to divide by.
    Time(Option<u64>),
    /// A share, 1 being all.
    Share(Option<f64>),
    /// A number with fractions.
    Number(Option<f64>),
}

/// What figures depend on besides the tally.
#[derive(Clone, PartialEq, Debug)]
pub struct Terms {
    /// How the service level is computed.
    pub formula: Formula,
    /// For which threshold, seconds.
    pub threshold: u32,
    /// Who hangs up within so many seconds is short.
    pub short: u32,
    /// Channels of each gateway, for what share of them was busy.
    pub channels: BTreeMap<String, u32>,
    /// What wrap-up codes mean.
    pub wrap_ups: BTreeMap<String, String>,
}

/// What a cell is computed from.
struct Row<'a> {
    name: &'a str,
    tally: &'a Tally,
    terms: &'a Terms,
    /// Milliseconds of its period, as far as the report covers it.
    span: u64,
}

/// A language of headings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// Chinese.
    Chinese,
    /// English.
    English,
}

/// One column.
struct Column {
    key: &'static str,
    english: &'static str,
    chinese: &'static str,
    cell: fn(&Row<'_>) -> Cell,
}

const fn column(
    key: &'static str,
    english: &'static str,
    chinese: &'static str,
    cell: fn(&Row<'_>) -> Cell,
) -> Column {
    Column { key, english, chinese, cell }
}

/// The column whose heading names formula and threshold.
const LEVEL: &str = "service_level";

const QUEUE: &[Column] = &[
    column("entered", "Entered", "进入队列", |r| Cell::Count(r.tally.get(M::Entered))),
    column("offered", "Ended", "结束", |r| Cell::Count(f::offered(r.tally))),
    column("answered", "Answered", "接听", |r| Cell::Count(r.tally.get(M::Answered))),
    column("picked_up", "Picked up", "代接", |r| Cell::Count(r.tally.get(M::PickedUp))),
    column("abandoned", "Abandoned", "放弃", |r| Cell::Count(r.tally.get(M::Abandoned))),
    column("short", "Short abandoned", "短放弃", |r| {
        Cell::Count(r.tally.abandoned_within(r.terms.short))
    }),
    column("back_wanted", "Call-backs asked", "预约回电", |r| {
        Cell::Count(r.tally.get(M::BackWanted))
    }),
    column("called_back", "Called back", "已回电", |r| Cell::Count(r.tally.get(M::CalledBack))),
    column("previewed", "Previewed", "预览呼出", |r| Cell::Count(r.tally.get(M::Previewed))),
    column("flowed_out", "Flow out", "溢出", |r| Cell::Count(f::flowed_out(r.tally))),
    column("flowed_in", "Flow in", "溢入", |r| Cell::Count(r.tally.get(M::FlowedIn))),
    column("overflowed", "To another queue", "转入他队列", |r| {
        Cell::Count(r.tally.get(M::Overflowed))
    }),
    column("refused", "Refused", "拒入", |r| Cell::Count(r.tally.get(M::Refused))),
    column("abandonment", "Abandoned %", "放弃率", |r| share(f::abandonment(r.tally))),
    column("abandonment_but_short", "Abandoned % but short", "放弃率(除短放弃)", |r| {
        share(f::abandonment_but_short(r.tally, r.terms.short))
    }),
    column(LEVEL, "Service level", "服务水平", |r| {
        share(r.terms.formula.level(r.tally, r.terms.threshold, r.terms.short))
    }),
    column("speed_of_answer", "Avg speed answer", "平均应答时间", |r| {
        mean(f::speed_of_answer(r.tally))
    }),
    column("avg_ring", "Avg ring", "平均振铃", |r| mean(f::ring_time(r.tally))),
    column("avg_abandon", "Avg aband time", "平均放弃时间", |r| {
        mean(Ratio::new(r.tally.get(M::AbandonMs), r.tally.get(M::Abandoned)))
    }),
    column("max_wait", "Max wait", "最长等待", |r| Cell::Time(Some(r.tally.get(M::MaxWaitMs)))),
    column("avg_talk", "Avg talk", "平均通话", |r| mean(f::per_answer(r.tally, M::TalkMs))),
    column("avg_hold", "Avg hold", "平均保持", |r| mean(f::per_answer(r.tally, M::HoldMs))),
    column("after_call", "Total after call", "话后处理", |r| time(r, M::AfterMs)),
    column("handling", "Avg handling", "平均处理", |r| mean(f::handling(r.tally))),
    column("transferred", "Transferred", "转接", |r| Cell::Count(r.tally.get(M::Transferred))),
    column("transfer_rate", "Transferred %", "转接率", |r| share(f::transfer_rate(r.tally))),
    column("ring_no_answer", "Ring no answer %", "振铃未接率", |r| {
        share(f::ring_no_answer(r.tally))
    }),
];

const AGENT: &[Column] = &[
    column("answered", "ACD calls", "接听", |r| Cell::Count(r.tally.get(M::Answered))),
    column("called_back", "Called back", "已回电", |r| Cell::Count(r.tally.get(M::CalledBack))),
    column("previewed", "Previewed", "预览呼出", |r| Cell::Count(r.tally.get(M::Previewed))),
    column("avg_talk", "Avg talk", "平均通话", |r| mean(f::per_answer(r.tally, M::TalkMs))),
    column("talk", "Total talk", "有效通话", |r| time(r, M::TalkMs)),
    column("after_call", "Total after call", "话后处理", |r| time(r, M::AfterMs)),
    column("available", "Total avail", "空闲", |r| time(r, M::ReadyMs)),
    column("aux", "Total aux/other", "示忙/其他", |r| {
        Cell::Time(Some(f::aux_and_other(r.tally)))
    }),
    column("other_calls", "Extn calls", "其他通话数", |r| {
        Cell::Count(r.tally.get(M::OtherCalls))
    }),
    column("avg_other", "Avg extn time", "平均其他通话", |r| {
        mean(Ratio::new(r.tally.get(M::OtherMs), r.tally.get(M::OtherCalls)))
    }),
    column("staffed", "Total time staffed", "签入时长", |r| {
        Cell::Time(Some(f::staffed(r.tally)))
    }),
    column("hold", "Total hold", "保持", |r| time(r, M::HoldMs)),
    column("avg_ring", "Avg ring", "平均振铃", |r| mean(f::ring_time(r.tally))),
    column("handling", "Avg handling", "平均处理", |r| mean(f::handling(r.tally))),
    column("offers", "Offers", "派发", |r| Cell::Count(r.tally.get(M::Offers))),
    column("not_taken", "Not taken", "未接", |r| Cell::Count(r.tally.get(M::NotTaken))),
    column("ring_no_answer", "Ring no answer %", "振铃未接率", |r| {
        share(f::ring_no_answer(r.tally))
    }),
    column("transferred", "Transferred", "转接", |r| Cell::Count(r.tally.get(M::Transferred))),
    column("transfer_rate", "Transferred %", "转接率", |r| share(f::transfer_rate(r.tally))),
    column("occupancy", "Occupancy %", "占用率", |r| share(f::occupancy(r.tally))),
    column("utilisation", "Utilisation %", "利用率", |r| share(f::utilisation(r.tally))),
    column("mean_staffed", "Avg staff", "平均在席", |r| {
        number(Ratio::new(f::staffed(r.tally), r.span))
    }),
];

const TRUNK: &[Column] = &[
    column("calls_in", "Calls in", "呼入", |r| Cell::Count(r.tally.get(M::CallsIn))),
    column("calls_out", "Calls out", "呼出", |r| Cell::Count(r.tally.get(M::CallsOut))),
    column("answered", "Answered", "接通", |r| Cell::Count(r.tally.get(M::CallsAnswered))),
    column("answered_share", "Answered %", "接通率", |r| {
        let all = r.tally.sum(&[M::CallsIn, M::CallsOut]);
        share(Ratio::new(r.tally.get(M::CallsAnswered), all))
    }),
    column("talk", "Total talk", "通话", |r| time(r, M::TalkMs)),
    column("busy", "Channel time", "占用时长", |r| time(r, M::BusyMs)),
    column("erlang", "Erlang", "爱尔兰", |r| number(Ratio::new(r.tally.get(M::BusyMs), r.span))),
    column("busy_share", "Busy %", "占用率", |r| {
        let channels = r.terms.channels.get(r.name).copied().unwrap_or(0);
        share(Ratio::new(r.tally.get(M::BusyMs), r.span.saturating_mul(channels.into())))
    }),
    column("max_busy", "Most at a time", "最大并发", |r| Cell::Count(r.tally.get(M::MaxBusy))),
];

fn columns(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::Queue => QUEUE,
        Kind::Agent | Kind::Team => AGENT,
        Kind::Trunk => TRUNK,
    }
}

fn share(ratio: Ratio) -> Cell {
    Cell::Share(ratio.value())
}
fn number(ratio: Ratio) -> Cell {
    Cell::Number(ratio.value())
}
fn mean(ratio: Ratio) -> Cell {
    Cell::Time(ratio.part.checked_div(ratio.of))
}
fn time(row: &Row<'_>, measure: M) -> Cell {
    Cell::Time(Some(row.tally.get(measure)))
}

/// The answers of a survey's question, and their mean.
fn asked(tally: &Tally, question: &str) -> [Cell; 2] {
    let answers = tally.get(M::SurveyAnswers(question.into()));
    [Cell::Count(answers), number(f::satisfaction(tally, question))]
}

/// What a report covers, milliseconds since 1970, and how it is cut.
#[derive(Clone, Debug)]
pub struct Span {
    /// From when.
    pub from: i64,
    /// Until when.
    pub until: i64,
    /// Into which periods.
    pub by: By,
    /// Of which time zone.
    pub zone: TimeZone,
}

/// A report being gathered.
#[derive(Clone, Debug)]
pub struct Sheet {
    kind: Kind,
    span: Span,
    lines: BTreeMap<(Period, Box<str>), Tally>,
    /// The period of the latest row: those of one interval come together.
    latest: Option<(i64, Period)>,
}

/// A report.
#[derive(Clone, PartialEq, Debug)]
pub struct Table {
    /// The names of its columns for machines, those of period and name first. Behind a kind's own there is one for
    /// each wrap-up code that was given, and two for each question of a survey: its answers, and their mean.
    pub keys: Vec<String>,
    /// The same for people.
    pub headings: Vec<String>,
    /// Its lines: period, name, cells.
    pub lines: Vec<(String, String, Vec<Cell>)>,
}

impl Sheet {
    /// An empty one.
    pub fn new(kind: Kind, span: Span) -> Sheet {
        Sheet { kind, span, lines: BTreeMap::new(), latest: None }
    }

    /// Takes a value of a quarter of an hour in; what is outside the span is left out.
    pub fn add(&mut self, name: &str, start: i64, measure: M, value: u64) {
        if !(self.span.from..self.span.until).contains(&start) {
            return;
        }
        let period = match &self.latest {
            Some((at, period)) if *at == start => period.clone(),
            _ => {
                let period = period(self.span.by, start, &self.span.zone);
                self.latest.insert((start, period)).1.clone()
            }
        };
        self.lines.entry((period, name.into())).or_default().add(measure, value);
    }

    /// What has come together, under headings of a language.
    pub fn table(&self, terms: &Terms, language: Language) -> Table {
        let codes = self.met(|measure| match measure {
            M::WrapUp(code) => Some(code.clone()),
            _ => None,
        });
        let questions = self.met(|measure| match measure {
            M::SurveyAnswers(question) => Some(question.clone()),
            _ => None,
        });
        let line = |((period, name), tally): (&(Period, Box<str>), &Tally)| {
            let covered =
                period.until.min(self.span.until) as i128 - period.from.max(self.span.from) as i128;
            let row = Row { name, tally, terms, span: u64::try_from(covered).unwrap_or(0) };
            let cells = columns(self.kind).iter().map(|column| (column.cell)(&row));
            let cells = cells
                .chain(codes.iter().map(|code| Cell::Count(tally.get(M::WrapUp(code.clone())))))
                .chain(questions.iter().flat_map(|question| asked(tally, question)))
                .collect();
            (period.label.clone(), name.to_string(), cells)
        };
        Table {
            keys: self.keys(&codes, &questions),
            headings: self.headings(&codes, &questions, terms, language),
            lines: self.lines.iter().map(line).collect(),
        }
    }

    /// The wrap-up codes, say, or the questions that any line has met.
    fn met(&self, of: impl Fn(&M) -> Option<Box<str>>) -> BTreeSet<Box<str>> {
        let measures = self.lines.values().flat_map(Tally::values);
        measures.filter_map(|(measure, _)| of(measure)).collect()
    }

    fn keys(&self, codes: &BTreeSet<Box<str>>, questions: &BTreeSet<Box<str>>) -> Vec<String> {
        let own = ["period", "name"].into_iter().chain(columns(self.kind).iter().map(|c| c.key));
        own.map(str::to_owned)
            .chain(codes.iter().map(|code| format!("wrap_up:{code}")))
            .chain(
                questions.iter().flat_map(|q| [format!("survey:{q}"), format!("survey_mean:{q}")]),
            )
            .collect()
    }

    fn headings(
        &self,
        codes: &BTreeSet<Box<str>>,
        questions: &BTreeSet<Box<str>>,
        terms: &Terms,
        language: Language,
    ) -> Vec<String> {
        let ([period, name], wrap_up, answers, mean) = match language {
            Language::Chinese => (["时段", "名称"], "小结", "评价", "平均评价"),
            Language::English => (["Period", "Name"], "Wrap-up", "Survey", "Avg key"),
        };
        let own = columns(self.kind).iter().map(|column| column.heading(terms, language));
        let about = |code: &str| {
            let name = terms.wrap_ups.get(code).map_or("", String::as_str);
            format!("{wrap_up} {code} {name}").trim_end().to_owned()
        };
        [period.to_owned(), name.to_owned()]
            .into_iter()
            .chain(own)
            .chain(codes.iter().map(|code| about(code)))
            .chain(questions.iter().flat_map(|q| [format!("{answers} {q}"), format!("{mean} {q}")]))
            .collect()
    }
}

impl Column {
    /// Its heading; that of the service level says how it is computed.
    fn heading(&self, terms: &Terms, language: Language) -> String {
        let word = match language {
            Language::Chinese => self.chinese,
            Language::English => self.english,
        };
        match self.key == LEVEL {
            true => format!("{word} {} {} s", terms.formula.name(), terms.threshold),
            false => word.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::INTERVAL_MS;

    fn sheet(until: i64, by: By, rows: &[(i64, M, u64)]) -> Sheet {
        let mut sheet = Sheet::new(Kind::Queue, Span { from: 0, until, by, zone: TimeZone::UTC });
        for (start, measure, value) in rows {
            sheet.add("care", start * INTERVAL_MS, measure.clone(), *value);
        }
        sheet
    }

    fn terms() -> Terms {
        let channels = BTreeMap::new();
        let wrap_ups = [("17".to_owned(), "complaint".to_owned())].into();
        Terms { formula: Formula::Sl3, threshold: 20, short: 5, channels, wrap_ups }
    }

    #[test]
    fn sums_are_divided_and_ratios_are_never_averaged() {
        // 1 of 1 answered in time, then 0 of 3: 25 %, not 50 %.
        let rows = [
            (0, M::Answered, 1),
            (0, M::AnsweredIn(3), 1),
            (0, M::MaxWaitMs, 3_000),
            (1, M::Answered, 3),
            (1, M::AnsweredIn(40), 3),
            (1, M::MaxWaitMs, 40_000),
            (1, M::WaitMs, 120_000),
        ];
        let table = sheet(4 * INTERVAL_MS, By::Hour, &rows).table(&terms(), Language::English);
        let cell = |key: &str| {
            let at = table.keys.iter().position(|known| *known == key).expect("a column");
            table.lines[0].2[at - 2]
        };
        assert_eq!(table.lines.len(), 1);
        assert_eq!(cell("service_level"), Cell::Share(Some(0.25)));
        assert_eq!(cell("max_wait"), Cell::Time(Some(40_000)));
        assert_eq!(cell("speed_of_answer"), Cell::Time(Some(30_000)));
        assert_eq!(cell("avg_abandon"), Cell::Time(None));
        assert!(table.headings.contains(&"Service level SL-3 20 s".to_owned()));
        let table = sheet(INTERVAL_MS, By::Total, &rows).table(&terms(), Language::Chinese);
        assert_eq!(table.headings[..3], ["时段", "名称", "进入队列"]);
        assert_eq!(table.lines[0].2[2], Cell::Count(1), "what is outside is left out");
    }

    #[test]
    fn the_mean_ring_is_of_those_who_answered() {
        let rows = [
            (0, M::Answered, 10),
            (0, M::RingMs, 100_000),
            (0, M::CalledBack, 10),
            (0, M::TalkMs, 600_000),
        ];
        for kind in [Kind::Queue, Kind::Agent] {
            let span = Span { from: 0, until: INTERVAL_MS, by: By::Hour, zone: TimeZone::UTC };
            let mut sheet = Sheet::new(kind, span);
            for (start, measure, value) in &rows {
                sheet.add("care", *start, measure.clone(), *value);
            }
            let table = sheet.table(&terms(), Language::English);
            let cell = |key: &str| {
                let at = table.keys.iter().position(|known| *known == key).expect("a column");
                table.lines[0].2[at - 2]
            };
            assert_eq!(cell("avg_ring"), Cell::Time(Some(10_000)));
            assert_eq!(cell("avg_talk"), Cell::Time(Some(30_000)));
        }
    }

    #[test]
    fn each_wrap_up_code_that_was_given_is_a_column() {
        let rows = [
            (0, M::WrapUp("17".into()), 2),
            (1, M::WrapUp("17".into()), 1),
            (1, M::WrapUp("9".into()), 4),
        ];
        let table = sheet(INTERVAL_MS * 4, By::Hour, &rows).table(&terms(), Language::English);
        let n = table.keys.len();
        assert_eq!(table.keys[n - 2..], ["wrap_up:17", "wrap_up:9"]);
        assert_eq!(table.headings[n - 2..], ["Wrap-up 17 complaint", "Wrap-up 9"]);
        assert_eq!(table.lines[0].2[n - 4..], [Cell::Count(3), Cell::Count(4)]);
    }

    #[test]
    fn each_question_of_a_survey_has_its_own_mean() {
        let [helpful, solved] = ["care/helpful", "care/solved"].map(Box::<str>::from);
        let rows = [
            (0, M::SurveyAnswers(helpful.clone()), 2),
            (0, M::SurveyPoints(helpful), 3),
            (0, M::SurveyAnswers(solved.clone()), 1),
            (0, M::SurveyPoints(solved), 5),
        ];
        let table = sheet(INTERVAL_MS, By::Hour, &rows).table(&terms(), Language::English);
        let n = table.keys.len();
        assert_eq!(
            table.keys[n - 3..],
            ["survey_mean:care/helpful", "survey:care/solved", "survey_mean:care/solved"]
        );
        assert_eq!(table.headings[n - 2..], ["Survey care/solved", "Avg key care/solved"]);
        let half = |n| Cell::Number(Some(n));
        assert_eq!(
            table.lines[0].2[n - 6..],
            [Cell::Count(2), half(1.5), Cell::Count(1), half(5.0)]
        );
    }

    #[test]
    fn every_column_has_a_name_of_its_own() {
        for (kind, _) in Kind::ALL {
            let keys: std::collections::BTreeSet<_> =
                columns(*kind).iter().map(|c| c.key).collect();
            assert_eq!(keys.len(), columns(*kind).len());
        }
    }
}
