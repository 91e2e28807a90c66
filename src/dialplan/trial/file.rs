//! Files of trials: TOML, each fault with its place and remedy.

use jiff::tz::TimeZone;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::calendar::wall_of;
use super::super::cause::Cause;
use super::super::effect::{AlarmEnd, ConferenceEnd, Keys, QueueEnd, Recording};
use super::super::fault::{Fault, Faults, Place, Source, did_you_mean};
use super::super::interp::Entry;
use super::super::lookup;
use super::{Line, MAX_TRIALS, Outcome, Trial, What};
use crate::base::Wall;
use crate::dialplan::{File, MAX_FILE};

/// The keys of a `[[test]]` and what each says.
pub const KEYS: &[(&str, &str)] = &[
    ("name", "what is tried, in words"),
    ("context", "the context in which the call comes in"),
    ("to", "the number called"),
    ("from", "the caller's number; none if not given"),
    (
        "at",
        "when, in the node's time zone, such as \"2026-12-24 18:30\"; a Monday at ten if not given",
    ),
    (
        "variables",
        "variables that the call brings along: { name = \"value\" }; `via` and `caller_name` say by which gateway or phone it comes, and who calls",
    ),
    ("path", "what is expected and what the caller does, in order"),
];

/// A kind of line in a path.
pub struct LineKind {
    /// The word, or the key of a table.
    pub key: &'static str,
    /// Whether it is a word alone, without a value.
    pub is_word: bool,
    /// A further key that the table may have.
    pub with: &'static str,
    /// What it says.
    pub line: &'static str,
}

const fn word(key: &'static str, line: &'static str) -> LineKind {
    LineKind { key, is_word: true, with: "", line }
}

const fn table(key: &'static str, with: &'static str, line: &'static str) -> LineKind {
    LineKind { key, is_word: false, with, line }
}

/// The lines of a path.
pub const LINES: &[LineKind] = &[
    word("answer", "the call is answered"),
    word("early-media", "the speech path opens without an answer"),
    word("ring", "the caller is told that it rings"),
    table("route", "", "the route of this name has the call"),
    table("hear", "language", "this prompt is played; `tone` for any tone, `music` for music"),
    table("press", "", "the caller is asked for keys and presses these"),
    word("echo", "the caller hears itself"),
    word("silent", "the caller is asked for keys and presses none"),
    table(
        "dial",
        "outcome",
        "this phone, number or `gateway/number` is called. Outcome: `answered` (the called party hangs up; if not \
         given), `caller-hangs-up`, or a cause such as `busy`, `no-answer`",
    ),
    table(
        "conference",
        "outcome",
        "the caller comes into this conference. Outcome: `left` (if not given), `kicked`, `locked`, `full`",
    ),
    table(
        "queue",
        "outcome",
        "the caller waits in this queue. Outcome: `answered` (if not given), `timeout`, `full`, `no-agents`, \
         `closed`, `call-back`, `key`, or which: `key-1`",
    ),
    table(
        "http",
        "outcome",
        "this service, or host, is asked. Outcome: `ok` (if not given), `not-found`, `missing`, `refused`, \
         `timeout`, `failed`, `busy`; `values` are those of the variables that the step takes: { name = \"value\" }",
    ),
    table("sql", "outcome", "this query is put to the store; outcome and `values` likewise"),
    table(
        "alarm",
        "",
        "the alarms of a unit are received. How that ends: `speech`, `silent`, `garbled`, `nothing`",
    ),
    table("field", "value", "this field is put onto the call's record"),
    table("survey", "key", "this question of a survey is answered"),
    table("record", "", "the recording changes: `on`, `off`, `pause`, `resume`"),
    table("hangup", "", "the plan clears the call with this cause"),
    word("hangup", "the plan clears the call with any cause"),
    word("caller-hangs-up", "the caller hangs up during what is being done"),
];

/// Reads one file of trials.
///
/// # Errors
/// Every fault with its place.
pub fn read(file: File<'_>, zone: &TimeZone) -> Result<Vec<Trial>, Vec<Fault>> {
    let mut faults = Faults::new(vec![file.path.to_owned()]);
    let top = Place { file: 0, line: 1, column: 1 };
    if file.text.len() > MAX_FILE {
        faults.error(top, format!("the file is longer than {MAX_FILE} bytes"), "split it");
        return Err(faults.into_sorted());
    }
    let source = Source::new(0, file.text);
    let (document, errors) = DeTable::parse_recoverable(source.text);
    for error in &errors {
        let place = source.place(error.span().map_or(0, |span| span.start));
        faults.error(place, format!("not TOML: {}", error.message()), "correct the line");
    }
    let mut reader = Reader { source: &source, faults, zone };
    let trials = match errors.is_empty() {
        true => reader.document(document.get_ref()),
        false => Vec::new(),
    };
    match reader.faults.has_errors() {
        true => Err(reader.faults.into_sorted()),
        false => Ok(trials),
    }
}

struct Reader<'a> {
    source: &'a Source<'a>,
    faults: Faults,
    zone: &'a TimeZone,
}

type Value<'i> = Spanned<DeValue<'i>>;

impl Reader<'_> {
    fn place(&self, value: &Value<'_>) -> Place {
        self.source.place(value.span().start)
    }

    /// Names each key that is not one of `known`.
    fn unknown(&mut self, table: &DeTable<'_>, owner: &str, known: &[&str]) {
        for (key, _) in table.iter() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let place = self.source.place(key.span().start);
                let remedy = did_you_mean(name, known.iter().copied());
                self.faults.error(place, format!("{owner} has no key '{name}'"), remedy);
            }
        }
    }

    fn document(&mut self, document: &DeTable<'_>) -> Vec<Trial> {
        self.unknown(document, "a file of tests", &["test"]);
        match document.get("test").map(|value| (self.place(value), value.get_ref())) {
            Some((_, DeValue::Array(list))) if list.len() <= MAX_TRIALS => {
                list.iter().filter_map(|value| self.trial(value)).collect()
            }
            Some((place, DeValue::Array(_))) => {
                self.faults.error(place, format!("more than {MAX_TRIALS} tests"), "split the file");
                Vec::new()
            }
            Some((place, _)) => {
                self.faults.error(place, "'test' is a list", "write [[test]] with two brackets");
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    fn trial(&mut self, value: &Value<'_>) -> Option<Trial> {
        let place = self.place(value);
        let DeValue::Table(table) = value.get_ref() else {
            self.faults.error(place, "a test is a table", "write [[test]]");
            return None;
        };
        let names: Vec<&str> = KEYS.iter().map(|(name, _)| *name).collect();
        self.unknown(table, "a test", &names);
        let name = self.required(table, "name", place);
        let entry = Entry {
            context: self.required(table, "context", place)?,
            to: self.required(table, "to", place)?,
            from: self.text_of(table, "from").unwrap_or_default(),
            call_id: "test".into(),
            variables: self.pairs(table, "variables"),
            ..Entry::default()
        };
        let entry = entry.made_up();
        let wall = self.at(table);
        let path = self.path(table, place);
        Some(Trial { name: name?, place, entry, wall: wall?, path: path? })
    }

    fn required(&mut self, table: &DeTable<'_>, key: &str, place: Place) -> Option<String> {
        if !table.contains_key(key) {
            self.faults.error(
                place,
                format!("a test has no '{key}'"),
                format!("add {key} = \"…\""),
            );
        }
        self.text_of(table, key)
    }

    fn text_of(&mut self, table: &DeTable<'_>, key: &str) -> Option<String> {
        let value = table.get(key)?;
        self.text(key, value)
    }

    fn text(&mut self, key: &str, value: &Value<'_>) -> Option<String> {
        match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            _ => {
                let remedy = "write it in quotation marks";
                self.faults.error(self.place(value), format!("'{key}' is a text"), remedy);
                None
            }
        }
    }

    fn pairs(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
    ) -> std::collections::BTreeMap<String, String> {
        match table.get(key).map(|value| (self.place(value), value.get_ref())) {
            Some((_, DeValue::Table(pairs))) => pairs
                .iter()
                .filter_map(|(name, value)| {
                    Some((name.get_ref().to_string(), self.text(name.get_ref(), value)?))
                })
                .collect(),
            Some((place, _)) => {
                let what = format!("'{key}' is a table");
                self.faults.error(place, what, "write { name = \"value\" }");
                Default::default()
            }
            None => Default::default(),
        }
    }

    /// When the call comes in: by default the first Monday of 2026 that is no holiday anywhere.
    fn at(&mut self, table: &DeTable<'_>) -> Option<Wall> {
        let Some(value) = table.get("at") else {
            return wall_of("2026-01-12 10:00", self.zone);
        };
        let text = self.text("at", value)?;
        let wall = wall_of(&text, self.zone);
        if wall.is_none() {
            let what = format!("at = '{text}' is no time");
            self.faults.error(self.place(value), what, "write it as \"2026-12-24 18:30\"");
        }
        wall
    }

    fn path(&mut self, table: &DeTable<'_>, place: Place) -> Option<Vec<Line>> {
        match table.get("path").map(|value| (self.place(value), value.get_ref())) {
            Some((_, DeValue::Array(list))) => {
                Some(list.iter().filter_map(|value| self.line(value)).collect())
            }
            Some((place, _)) => {
                self.faults.error(place, "'path' is a list", "write path = [ … ]");
                None
            }
            None => {
                let remedy = "add path = [\"answer\", …]";
                self.faults.error(place, "a test has no 'path'", remedy);
                None
            }
        }
    }

    fn line(&mut self, value: &Value<'_>) -> Option<Line> {
        let place = self.place(value);
        match value.get_ref() {
            DeValue::String(word) => {
                let what = match &**word {
                    "answer" => What::Answer,
                    "early-media" => What::EarlyMedia,
                    "ring" => What::Ring,
                    "echo" => What::Echo,
                    "silent" => What::Silent,
                    "hangup" => What::Hangup(None),
                    "caller-hangs-up" => What::CallerHangsUp,
                    other => {
                        let what = format!("'{other}' is no word of a path");
                        let words = LINES.iter().filter(|kind| kind.is_word).map(|kind| kind.key);
                        self.faults.error(place, what, did_you_mean(other, words));
                        return None;
                    }
                };
                Some(Line { place, text: word.to_string(), what })
            }
            DeValue::Table(table) => self.pair(table, place),
            _ => {
                let remedy =
                    "write a word such as \"answer\" or a table such as { hear = \"welcome\" }";
                self.faults.error(place, "a path is of words and tables", remedy);
                None
            }
        }
    }

    fn pair(&mut self, table: &DeTable<'_>, place: Place) -> Option<Line> {
        let known = || LINES.iter().filter(|kind| !kind.is_word);
        let Some(kind) = known().find(|kind| table.contains_key(kind.key)) else {
            let got = table.keys().next().map_or("", |key| key.get_ref());
            let remedy = did_you_mean(got, known().map(|kind| kind.key));
            self.faults.error(place, format!("'{got}' is no line of a path"), remedy);
            return None;
        };
        let mut known = vec![kind.key, kind.with];
        known.extend(matches!(kind.key, "http" | "sql").then_some("values"));
        self.unknown(table, &format!("'{}'", kind.key), &known);
        let value = table.get(kind.key)?;
        let main = self.text(kind.key, value)?;
        let more = self.text_of(table, kind.with);
        let text = match &more {
            Some(more) => format!("{} {main} ({} {more})", kind.key, kind.with),
            None => format!("{} {main}", kind.key),
        };
        let mut what = self.what(kind.key, main, more, self.place(value))?;
        if let What::Ask { values, .. } = &mut what {
            *values = self.pairs(table, "values").into_iter().collect();
        }
        Some(Line { place, text, what })
    }

    fn what(&mut self, key: &str, main: String, more: Option<String>, at: Place) -> Option<What> {
        let said = more.as_deref();
        let what = match key {
            "route" => Ok(What::Route(main)),
            "hear" => Ok(What::Hear { name: main, language: more }),
            "press" => match Keys::parse(&main) {
                Ok(keys) if !keys.is_empty() && !matches!(&*main, "any" | "none") => {
                    Ok(What::Press(main))
                }
                _ => Err((format!("'{main}' are no keys"), "write such as \"12#\"".to_owned())),
            },
            "dial" => outcome(said).map(|outcome| What::Dial { target: main, outcome }),
            "conference" => left(said).map(|end| What::Conference(main, end)),
            "queue" => waited(said).map(|end| What::Queue(main, end)),
            "http" | "sql" => asked(said).map(|outcome| {
                let name = format!("{key} {main}");
                What::Ask { name, outcome, values: Vec::new() }
            }),
            "alarm" => received(&main).map(What::Alarm),
            "field" => Ok(What::Field { name: main, value: more }),
            "survey" => Ok(What::Survey { question: main, key: more }),
            "record" => recording(&main).map(What::Record),
            _ => cause(&main).map(|cause| What::Hangup(Some(cause))),
        };
        match what {
            Ok(what) => Some(what),
            Err((what, remedy)) => {
                self.faults.error(at, what, remedy);
                None
            }
        }
    }
}

/// What is wrong and what to write instead.
type Wrong = (String, String);

fn outcome(word: Option<&str>) -> Result<Outcome, Wrong> {
    match word {
        None | Some("answered") => Ok(Outcome::Answered),
        Some("caller-hangs-up") => Ok(Outcome::CallerHangsUp),
        Some(word) => cause(word).map(Outcome::Failed),
    }
}

fn cause(word: &str) -> Result<Cause, Wrong> {
    let wrong = || (format!("'{word}' is no cause"), did_you_mean(word, Cause::names()));
    Cause::parse(word).ok_or_else(wrong)
}

fn asked(word: Option<&str>) -> Result<lookup::Outcome, Wrong> {
    let Some(word) = word else { return Ok(lookup::Outcome::Ok) };
    lookup::Outcome::parse(word).ok_or_else(|| {
        let words = lookup::OUTCOMES.iter().copied().filter(|word| *word != "else");
        (format!("a question does not end as '{word}'"), did_you_mean(word, words))
    })
}

fn left(word: Option<&str>) -> Result<ConferenceEnd, Wrong> {
    const ENDS: [ConferenceEnd; 4] =
        [ConferenceEnd::Left, ConferenceEnd::Kicked, ConferenceEnd::Locked, ConferenceEnd::Full];
    let Some(word) = word else { return Ok(ConferenceEnd::Left) };
    ENDS.into_iter().find(|end| end.name() == word).ok_or_else(|| {
        let what = format!("a conference does not end as '{word}'");
        (what, did_you_mean(word, ENDS.iter().map(|end| end.name())))
    })
}

fn waited(word: Option<&str>) -> Result<QueueEnd, Wrong> {
    const ENDS: [QueueEnd; 7] = [
        QueueEnd::Answered,
        QueueEnd::Timeout,
        QueueEnd::Full,
        QueueEnd::NoAgents,
        QueueEnd::Closed,
        QueueEnd::Key(' '),
        QueueEnd::CallBack,
    ];
    let Some(word) = word else { return Ok(QueueEnd::Answered) };
    let key = word.strip_prefix("key-").and_then(|key| Keys::parse(key).ok()?.first());
    if let Some(key) = key {
        return Ok(QueueEnd::Key(key));
    }
    ENDS.into_iter().find(|end| end.name() == word).ok_or_else(|| {
        let what = format!("a wait in a queue does not end as '{word}'");
        (what, did_you_mean(word, ENDS.iter().map(|end| end.name())))
    })
}

fn received(word: &str) -> Result<AlarmEnd, Wrong> {
    AlarmEnd::ALL.into_iter().find(|end| end.name() == word).ok_or_else(|| {
        let what = format!("alarms are not received so that it ends as '{word}'");
        (what, did_you_mean(word, AlarmEnd::ALL.iter().map(|end| end.name())))
    })
}

fn recording(word: &str) -> Result<Recording, Wrong> {
    const CHANGES: [Recording; 4] =
        [Recording::Start, Recording::Stop, Recording::Pause, Recording::Resume];
    let of = super::words::recording;
    CHANGES.into_iter().find(|change| of(*change) == word).ok_or_else(|| {
        let what = format!("'{word}' is no change of a recording");
        (what, did_you_mean(word, CHANGES.iter().map(|change| of(*change))))
    })
}
