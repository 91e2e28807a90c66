//! Surveys and questionnaires (R21, R22): whose answers are valid, and what those come to, by question, agent,
//! team, queue, time, or by what was answered to another question.
//!
//! ```text
//! sessions (a caller and a survey) ─▶ judge: by the rule of the design that was asked ─▶ valid, or why not
//!                                                    │ valid ones alone
//!                                                    └─▶ table: period × across │ answers, mean, a column a key
//! ```
//!
//! A column is a question's key with its meaning: a key that another design gave another meaning is another column,
//! so that old answers keep theirs. Knows no database and no call.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::layout::{Cell, Language, Table};
use super::period::{By, Period, period};

/// What was asked, as far as figures need to know.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Design {
    /// Its title, or nothing.
    pub title: String,
    /// Its questions in their order.
    pub questions: Vec<Question>,
    /// What makes answers valid.
    pub rule: Rule,
}

/// A question.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Question {
    /// Its name.
    pub name: String,
    /// Its title, or nothing.
    pub title: String,
    /// Its keys, each with what it means.
    pub keys: Vec<(String, String)>,
    /// It is answered by voice.
    pub voice: bool,
    /// The keys that lead elsewhere than to the question behind it: to one of this name, or to [`END`].
    pub next: Vec<(String, String)>,
}

/// Where a key leads behind which nothing is asked.
const END: &str = "end";

/// What makes answers valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rule {
    /// Every question that was asked has to be answered, to the end.
    pub complete: bool,
    /// From first question to end it has to last so long, in milliseconds.
    pub shortest_ms: i64,
    /// Of a caller's valid ones the first of a day counts.
    pub once_a_day: bool,
}

impl Design {
    /// Reads one as the plan writes it down: the keys of `[survey.NAME]`.
    pub fn read(json: &str) -> Option<Design> {
        let json: Value = serde_json::from_str(json).ok()?;
        let text = |of: &Value, key: &str| of[key].as_str().unwrap_or_default().to_owned();
        let question = |of: &Value| Question {
            name: text(of, "name"),
            title: text(of, "title"),
            keys: of["keys"].as_object().map_or(Vec::new(), |keys| {
                let meant = |(key, meaning): (&String, &Value)| {
                    (key.clone(), meaning.as_str().unwrap_or_default().to_owned())
                };
                keys.iter().map(meant).collect()
            }),
            voice: !of["voice"].is_null(),
            next: of["next"].as_object().map_or(Vec::new(), |next| {
                let leads = |(key, to): (&String, &Value)| {
                    (key.clone(), to.as_str().unwrap_or_default().to_owned())
                };
                next.iter().map(leads).collect()
            }),
        };
        let flag = |key: &str| json[key].as_bool().unwrap_or(false);
        Some(Design {
            title: text(&json, "title"),
            questions: json["questions"].as_array()?.iter().map(question).collect(),
            rule: Rule {
                complete: flag("complete"),
                shortest_ms: milliseconds(&json["shortest"]),
                once_a_day: flag("once-a-day"),
            },
        })
    }

    /// Whether every question has its answer to which these answers lead, from the first one on.
    fn leads_to_answers_alone(&self, answers: &[Answered]) -> bool {
        let mut at = 0;
        while let Some(question) = self.questions.get(at) {
            let own = answers.iter().find(|answer| answer.question == question.name);
            let Some(answer) = own else { return false };
            let led = question.next.iter().find(|(key, _)| *key == answer.key);
            at = match led.map(|(_, to)| to.as_str()) {
                None => at + 1,
                Some(END) => return true,
                // Only later ones can be led to.
                Some(to) => {
                    let later = self.questions.iter().skip(at + 1).position(|q| q.name == to);
                    later.map_or(self.questions.len(), |further| at + 1 + further)
                }
            };
        }
        true
    }

    /// What a key of a question means; `None`: there is no such key.
    pub fn meaning(&self, question: &str, key: &str) -> Option<&str> {
        let question = self.questions.iter().find(|q| q.name == question)?;
        question.keys.iter().find(|(known, _)| known == key).map(|(_, meaning)| meaning.as_str())
    }
}

/// `"5000 ms"`, as designs have it; nothing is no time.
fn milliseconds(value: &Value) -> i64 {
    let text = value.as_str().and_then(|text| text.strip_suffix(" ms"));
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// A caller and a survey.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Session {
    /// The call.
    pub call: String,
    /// Which design was asked; empty: none that is known.
    pub version: String,
    /// The caller's number.
    pub caller: String,
    /// The agent of the talk before.
    pub agent: Option<String>,
    /// Its team.
    pub team: Option<String>,
    /// The queue of that talk.
    pub queue: Option<String>,
    /// When it began, milliseconds since 1970.
    pub began: i64,
    /// When its end was reached; `None`: the caller hung up before.
    pub over: Option<i64>,
    /// All that was asked was answered.
    pub complete: bool,
    /// The answers, corrections made.
    pub answers: Vec<Answered>,
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Answered {
    /// The question.
    pub question: String,
    /// The key; `voice` for a spoken one.
    pub key: String,
    /// What it meant when it was pressed.
    pub meaning: String,
    /// The recording of a spoken one.
    pub voice: Option<String>,
    /// It is not what the caller pressed.
    pub corrected: bool,
}

/// Whether a session's answers count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// They do.
    Valid,
    /// Nothing was answered; or, where all has to be, a question was not, or the caller hung up, or an answer was
    /// corrected to one that leads to a question that nobody asked.
    Incomplete,
    /// It was over too soon.
    TooShort,
    /// The caller has answered that day already.
    Again,
}

impl Verdict {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Valid => "valid",
            Verdict::Incomplete => "incomplete",
            Verdict::TooShort => "too-short",
            Verdict::Again => "again",
        }
    }
}

/// Judges sessions of one survey, which stand in the order of their beginnings, by the rules of their designs.
pub fn judge(
    sessions: &[Session],
    designs: &BTreeMap<String, Design>,
    zone: &TimeZone,
) -> Vec<Verdict> {
    let mut seen = BTreeSet::new();
    let verdict = |session: &Session| {
        let design = designs.get(&session.version);
        let rule = design.map(|design| design.rule).unwrap_or_default();
        let lasted = session.over.unwrap_or(session.began) - session.began;
        let corrected = session.answers.iter().any(|answer| answer.corrected);
        let unasked =
            corrected && design.is_some_and(|d| !d.leads_to_answers_alone(&session.answers));
        if session.answers.is_empty() || (rule.complete && (!session.complete || unasked)) {
            return Verdict::Incomplete;
        }
        if lasted < rule.shortest_ms {
            return Verdict::TooShort;
        }
        let day = Timestamp::from_millisecond(session.began).unwrap_or_default();
        let day = day.to_zoned(zone.clone()).date();
        // Who shows no number cannot be told from others.
        let known = !session.caller.is_empty();
        if known && !seen.insert((session.caller.clone(), day)) && rule.once_a_day {
            return Verdict::Again;
        }
        Verdict::Valid
    };
    sessions.iter().map(verdict).collect()
}

/// By what the lines of a period are told apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Across {
    /// By nothing.
    Nothing,
    /// By the agent of the talk before.
    Agent,
    /// By that one's team.
    Team,
    /// By the queue of that talk.
    Queue,
    /// By what was answered to this question.
    Question(String),
}

impl Across {
    /// By its word: `agent`, `team`, `queue`, `question:NAME`.
    pub fn named(word: &str) -> Option<Across> {
        Some(match word {
            "nothing" => Across::Nothing,
            "agent" => Across::Agent,
            "team" => Across::Team,
            "queue" => Across::Queue,
            other => Across::Question(other.strip_prefix("question:")?.to_owned()),
        })
    }

    fn of(&self, session: &Session) -> String {
        let own = |text: &Option<String>| text.clone().unwrap_or_default();
        match self {
            Across::Nothing => String::new(),
            Across::Agent => own(&session.agent),
            Across::Team => own(&session.team),
            Across::Queue => own(&session.queue),
            Across::Question(name) => {
                let answer = session.answers.iter().find(|answer| answer.question == *name);
                answer.map_or(String::new(), |answer| labelled(&answer.key, &answer.meaning))
            }
        }
    }
}

/// How a table is cut.
#[derive(Clone, Debug)]
pub struct View {
    /// From when, milliseconds since 1970.
    pub from: i64,
    /// Until when.
    pub until: i64,
    /// Into which periods.
    pub by: By,
    /// And by what else.
    pub across: Across,
    /// Of which time zone.
    pub zone: TimeZone,
}

/// What a line adds up.
#[derive(Clone, Default)]
struct Sum {
    asked: u64,
    valid: u64,
    /// By question, key and meaning.
    keys: BTreeMap<(String, String, String), u64>,
}

/// A key as a column: of which question, its key, its meaning.
type Column = (String, String, String);

/// The figures of judged sessions; those that began outside of the view's time are left out.
pub fn table(
    sessions: &[Session],
    verdicts: &[Verdict],
    designs: &BTreeMap<String, Design>,
    view: &View,
    language: Language,
) -> Table {
    let mut lines: BTreeMap<(Period, String), Sum> = BTreeMap::new();
    let mut versions = BTreeSet::new();
    for (session, verdict) in sessions.iter().zip(verdicts) {
        if !(view.from..view.until).contains(&session.began) {
            continue;
        }
        versions.insert(session.version.as_str());
        let period = period(view.by, session.began, &view.zone);
        let sum = lines.entry((period, view.across.of(session))).or_default();
        sum.asked += 1;
        if *verdict != Verdict::Valid {
            continue;
        }
        sum.valid += 1;
        for answer in &session.answers {
            let of = (answer.question.clone(), answer.key.clone(), answer.meaning.clone());
            *sum.keys.entry(of).or_default() += 1;
        }
    }
    let known = designs.iter().filter(|(version, _)| versions.contains(version.as_str()));
    let known: Vec<&Design> = known.map(|(_, design)| design).collect();
    let questions = questions(&known, lines.values());
    let mut table = heads(&questions, &known, view, language);
    for ((period, across), sum) in &lines {
        let mut cells = vec![Cell::Count(sum.asked), Cell::Count(sum.valid)];
        for (_, columns) in &questions {
            cells.extend(cells_of(columns, sum));
        }
        table.lines.push((period.label.clone(), across.clone(), cells));
    }
    table
}

/// The questions in the order of their designs, then those that no design has; each with its columns.
fn questions<'s>(
    designs: &[&Design],
    sums: impl Iterator<Item = &'s Sum>,
) -> Vec<(String, BTreeSet<Column>)> {
    let mut all: Vec<(String, BTreeSet<Column>)> = Vec::new();
    let mut add = |name: &str, column: Option<Column>| {
        let at = all.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            all.push((name.to_owned(), BTreeSet::new()));
            all.len() - 1
        });
        all[at].1.extend(column);
    };
    for question in designs.iter().flat_map(|design| &design.questions) {
        add(&question.name, None);
        for (key, meaning) in &question.keys {
            let column = (question.name.clone(), key.clone(), meaning.clone());
            add(&question.name, Some(column));
        }
    }
    for column in sums.flat_map(|sum| sum.keys.keys()) {
        add(&column.0, Some(column.clone()));
    }
    all
}

/// How many answered, the mean of the keys that are digits, and how many pressed each.
fn cells_of(columns: &BTreeSet<Column>, sum: &Sum) -> Vec<Cell> {
    let count = |column: &Column| sum.keys.get(column).copied().unwrap_or(0);
    let all: u64 = columns.iter().map(count).sum();
    let digits =
        columns.iter().filter_map(|column| Some((column.1.parse::<u64>().ok()?, count(column))));
    let (points, pressed) =
        digits.fold((0, 0), |(points, n), (key, count)| (points + key * count, n + count));
    let mean = (pressed > 0).then(|| points as f64 / pressed as f64);
    let mut cells = vec![Cell::Count(all), Cell::Number(mean)];
    cells.extend(columns.iter().map(|column| Cell::Count(count(column))));
    cells
}

fn heads(
    questions: &[(String, BTreeSet<Column>)],
    designs: &[&Design],
    view: &View,
    language: Language,
) -> Table {
    let chinese = language == Language::Chinese;
    let word = |english: &str, own: &str| if chinese { own.to_owned() } else { english.to_owned() };
    let across = match &view.across {
        Across::Nothing => word("", ""),
        Across::Agent => word("Agent", "坐席"),
        Across::Team => word("Team", "班组"),
        Across::Queue => word("Queue", "队列"),
        Across::Question(name) => title_of(designs, name),
    };
    let mut keys: Vec<String> = ["period", "name", "asked", "valid"].map(str::to_owned).into();
    let mut headings =
        vec![word("Period", "时段"), across, word("Asked", "受访"), word("Valid", "有效")];
    for (name, columns) in questions {
        let title = title_of(designs, name);
        keys.extend([format!("answers:{name}"), format!("mean:{name}")]);
        headings.extend([
            format!("{title}: {}", word("answers", "回答")),
            format!("{title}: {}", word("mean", "平均")),
        ]);
        for (_, key, meaning) in columns {
            let twice = columns.iter().filter(|column| column.1 == *key).count() > 1;
            keys.push(match twice {
                true => format!("key:{name}={key}:{meaning}"),
                false => format!("key:{name}={key}"),
            });
            headings.push(format!("{title}: {}", labelled(key, meaning)));
        }
    }
    Table { keys, headings, lines: Vec::new() }
}

/// A question's title in the latest design that gives it one, else its name.
fn title_of(designs: &[&Design], name: &str) -> String {
    let questions = designs.iter().rev().flat_map(|design| &design.questions);
    let titled = questions.into_iter().find(|q| q.name == name && !q.title.is_empty());
    titled.map_or_else(|| name.to_owned(), |question| question.title.clone())
}

fn labelled(key: &str, meaning: &str) -> String {
    format!("{key} {meaning}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;

    const DAY: i64 = 86_400_000;

    fn design(rule: Rule) -> Design {
        let keys = |n: u8| (1..=n).map(|k| (k.to_string(), format!("m{k}"))).collect();
        let question =
            |name: &str, n| Question { name: name.into(), keys: keys(n), ..Question::default() };
        Design { title: "t".into(), questions: vec![question("q1", 3), question("q2", 2)], rule }
    }

    fn session(began: i64, caller: &str, keys: &[(&str, &str)]) -> Session {
        let answer = |(question, key): &(&str, &str)| Answered {
            question: (*question).into(),
            key: (*key).into(),
            meaning: format!("m{key}"),
            ..Answered::default()
        };
        Session {
            version: "v".into(),
            caller: caller.into(),
            began,
            over: Some(began + 20_000),
            complete: keys.len() == 2,
            answers: keys.iter().map(answer).collect(),
            ..Session::default()
        }
    }

    fn designs(rule: Rule) -> BTreeMap<String, Design> {
        [("v".to_owned(), design(rule))].into()
    }

    #[test]
    fn answers_are_judged_by_the_rule_that_they_were_asked_under() {
        let both: &[(&str, &str)] = &[("q1", "1"), ("q2", "2")];
        let short = Session { over: Some(5_000), ..session(0, "3", both) };
        let left = Session { over: None, ..session(0, "4", &[("q1", "1")]) };
        let other = Session { version: "older".into(), ..session(0, "5", &[("q1", "1")]) };
        let all = [
            session(0, "1", both),
            session(1, "1", both),
            session(2, "", both),
            session(3, "", both),
            session(DAY, "1", both),
            short,
            left,
            other,
        ];
        let rule = Rule { complete: true, shortest_ms: 10_000, once_a_day: true };
        use Verdict::{Again, Incomplete, TooShort, Valid};
        assert_eq!(
            judge(&all, &designs(rule), &TimeZone::UTC),
            [Valid, Again, Valid, Valid, Valid, TooShort, Incomplete, Valid]
        );
        assert!(judge(&all, &designs(Rule::default()), &TimeZone::UTC).iter().all(|v| *v == Valid));
        // An invalid one is not the day's first.
        let again = [session(0, "1", &[]), session(1, "1", both)];
        assert_eq!(judge(&again, &designs(rule), &TimeZone::UTC), [Incomplete, Valid]);
    }

    /// R22: results can be corrected; figures are of valid answers only.
    #[test]
    fn an_answer_that_is_corrected_into_a_branch_that_nobody_was_asked_is_incomplete() {
        let json = r#"{"complete":true,"questions":[
            {"name":"q1","keys":{"1":"yes","2":"no"},"next":{"2":"q3"}},
            {"name":"q2","keys":{"1":"good","2":"bad"},"next":{"2":"end"}},
            {"name":"q3","keys":{"1":"soon"}}]}"#;
        let design = Design::read(json).expect("it is a design");
        let designs = BTreeMap::from([("v".to_owned(), design)]);
        let verdict = |answers: &[(&str, &str)], corrected: &str| {
            let mut session = Session { complete: true, ..session(0, "1", answers) };
            for answer in &mut session.answers {
                answer.corrected = answer.question == corrected;
            }
            judge(&[session], &designs, &TimeZone::UTC)[0]
        };
        use Verdict::{Incomplete, Valid};
        let (short, long) = ([("q1", "2"), ("q3", "1")], [("q1", "1"), ("q3", "1")]);
        assert_eq!([verdict(&short, ""), verdict(&short, "q1"), verdict(&short, "q3")], [Valid; 3]);
        // He had pressed 2 and was led to q3: q2 was never asked.
        assert_eq!(verdict(&long, "q1"), Incomplete);
        let end = [("q1", "1"), ("q2", "2")];
        assert_eq!([verdict(&end, ""), verdict(&end, "q2")], [Valid; 2]);
        assert_eq!(verdict(&[("q1", "1"), ("q2", "1")], "q2"), Incomplete, "q3 was not asked");
    }

    fn view(by: By, across: Across) -> View {
        View { from: 0, until: 100 * DAY, by, across, zone: TimeZone::UTC }
    }

    fn cell(table: &Table, line: usize, key: &str) -> Cell {
        let at = table.keys.iter().position(|known| known == key).expect(key);
        table.lines[line].2[at - 2]
    }

    #[test]
    fn a_key_that_came_to_mean_something_else_is_another_column() {
        let mut newer = session(DAY, "2", &[("q1", "1")]);
        newer.answers[0].meaning = "other".into();
        let all = [session(0, "1", &[("q1", "1")]), newer];
        let verdicts = [Verdict::Valid; 2];
        let view = view(By::Total, Across::Nothing);
        let table = table(&all, &verdicts, &designs(Rule::default()), &view, Language::English);
        assert_eq!(cell(&table, 0, "answers:q1"), Cell::Count(2));
        assert_eq!(cell(&table, 0, "key:q1=1:m1"), Cell::Count(1));
        assert_eq!(cell(&table, 0, "key:q1=1:other"), Cell::Count(1));
        assert!(table.headings.contains(&"q1: 1 other".to_owned()), "{:?}", table.headings);
    }

    /// Which of the counted: day, agent, and the keys of both questions.
    type Wanted<'a> = dyn Fn(&(i64, u64, u64, u64)) -> bool + 'a;

    #[test]
    fn cross_tables_equal_an_independent_count() {
        let mut rng = Rng::from_seed(22);
        let rule = Rule { complete: true, ..Rule::default() };
        let (mut all, mut counted) = (Vec::new(), BTreeMap::new());
        for n in 0..500 {
            let (day, agent) = (rng.below(5) as i64, rng.below(3));
            let (first, second) = (rng.below(3) + 1, rng.below(2) + 1);
            let is_complete = rng.below(4) > 0;
            let (first_key, second_key) = (first.to_string(), second.to_string());
            let keys: &[(&str, &str)] = match is_complete {
                true => &[("q1", &first_key), ("q2", &second_key)],
                false => &[("q1", &first_key)],
            };
            let mut one = session(day * DAY + n, &n.to_string(), keys);
            one.agent = Some(format!("700{agent}"));
            all.push(one);
            if is_complete {
                *counted.entry((day, agent, first, second)).or_insert(0u64) += 1;
            }
        }
        all.sort_by_key(|session| session.began);
        let designs = designs(rule);
        let verdicts = judge(&all, &designs, &TimeZone::UTC);
        let by_agent =
            table(&all, &verdicts, &designs, &view(By::Day, Across::Agent), Language::English);
        let crossed = Across::Question("q2".into());
        let crossed =
            table(&all, &verdicts, &designs, &view(By::Total, crossed), Language::Chinese);
        assert_eq!(by_agent.lines.len(), 15);
        let sum =
            |of: &Wanted<'_>| counted.iter().filter(|(at, _)| of(at)).map(|(_, n)| n).sum::<u64>();
        for (line, (period, agent, _)) in by_agent.lines.iter().enumerate() {
            let day: i64 = period[8..].parse::<i64>().expect("a day") - 1;
            let agent: u64 = agent[3..].parse().expect("an agent");
            let here = sum(&|at| at.0 == day && at.1 == agent);
            assert_eq!(cell(&by_agent, line, "valid"), Cell::Count(here));
            for key in 1..=3 {
                let pressed = sum(&|at| at.0 == day && at.1 == agent && at.2 == key);
                assert_eq!(cell(&by_agent, line, &format!("key:q1={key}")), Cell::Count(pressed));
            }
        }
        for second in 1..=2 {
            let name = format!("{second} m{second}");
            let line = crossed.lines.iter().position(|(_, of, _)| *of == name).expect("a line");
            for first in 1..=3 {
                let both = sum(&|at| at.2 == first && at.3 == second);
                assert_eq!(cell(&crossed, line, &format!("key:q1={first}")), Cell::Count(both));
            }
        }
    }

    #[test]
    fn designs_are_read_as_the_plan_writes_them() {
        let json = r#"{"title":"T","complete":true,"shortest":"5000 ms","once-a-day":true,"questions":[
            {"name":"a","title":"A?","keys":{"1":"yes","2":"no"}},{"name":"b","voice":"30000 ms"}]}"#;
        let design = Design::read(json).expect("a design");
        assert_eq!(design.meaning("a", "2"), Some("no"));
        assert_eq!((design.meaning("a", "3"), design.questions[1].voice), (None, true));
        assert_eq!(design.rule, Rule { complete: true, shortest_ms: 5_000, once_a_day: true });
        assert_eq!((Design::read("[]"), Design::read("{")), (None, None));
    }
}
