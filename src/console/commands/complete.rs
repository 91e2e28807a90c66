//! What can follow the words of a line, for completion: read from the forms of the table of commands. A word in capitals
//! there is a kind of argument; [`KINDS`] says which question of the console names those that are there now. This file
//! asks nobody itself: who completes brings the answers.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Argument, COMMANDS, Command, LEVELS};
use crate::switch::care::FIELDS;
use crate::switch::fact::FactKind;

/// The most names that are offered of one kind: more than a screen holds help nobody.
pub const MOST_NAMES: usize = 100;

/// Where the names of a kind of argument come from.
#[derive(Clone, Copy)]
enum Names {
    /// A question of the console, where its rows stand in the answer's data (a JSON pointer), and which field of a row it
    /// is; empty: the row itself. `{before}` in the question is the word before, `{begun}` what is written of this one.
    Live(&'static str, &'static str, &'static str),
    /// Those of a list of ours.
    Ours(fn() -> Vec<String>),
    /// `FIELD=VALUE` of events.
    Filter,
    /// Another command.
    Command,
    /// Nobody can know what is meant.
    Free,
}

/// The kinds of arguments that stand in the table's forms.
const KINDS: &[(&str, Names)] = &[
    ("CALL", Names::Live("show calls", "", "call")),
    ("RECORD", Names::Live("show records 50", "", "call")),
    ("AGENT", Names::Live("show agents", "", "number")),
    ("SUPERVISOR", Names::Live("show agents", "", "number")),
    ("PHONE", Names::Live("show phones", "", "number")),
    ("GATEWAY", Names::Live("show gateways", "", "name")),
    ("QUEUE", Names::Live("show queues", "", "name")),
    ("ALARM", Names::Live("show alarms", "/standing", "number")),
    ("CASE", Names::Live("show cases", "/cases", "case")),
    ("UNIT", Names::Live("show cases", "/troubles", "account")),
    ("TROUBLE", Names::Live("show cases", "/troubles", "trouble")),
    ("PLAN", Names::Live("show plans", "", "plan")),
    ("CAMPAIGN", Names::Live("show campaigns", "", "name")),
    ("LIST", Names::Live("show care-calls", "", "list")),
    ("LOCKED", Names::Live("guard list", "/locks", "number")),
    ("SUBSCRIBER", Names::Live("subscriber list {begun}", "", "number")),
    ("SURVEY", Names::Live("survey list", "", "")),
    ("BANNED", Names::Live("show bans", "", "source")),
    ("ROOM", Names::Live("room list", "", "name")),
    ("MEMBER", Names::Live("room show {before}", "/members", "number")),
    ("LEVEL", Names::Ours(|| LEVELS.iter().map(ToString::to_string).collect())),
    ("KIND", Names::Ours(|| FactKind::NAMES.iter().map(ToString::to_string).collect())),
    ("FIELD", Names::Ours(|| FIELDS.iter().map(|field| field.name.to_owned()).collect())),
    ("FIELD=VALUE", Names::Filter),
    ("COMMAND", Names::Command),
    ("ADDRESS", Names::Free),
    ("COLUMNS", Names::Free),
    ("DAYS", Names::Free),
    ("DB", Names::Free),
    ("DEVICE", Names::Free),
    ("FILE.pcap", Names::Free),
    ("KEY", Names::Free),
    ("MINUTES", Names::Free),
    ("N", Names::Free),
    ("NAME", Names::Free),
    ("NOTE", Names::Free),
    ("NUMBER", Names::Free),
    ("OUTCOME", Names::Free),
    ("PROMPT", Names::Free),
    ("QUESTION", Names::Free),
    ("REGION", Names::Free),
    ("RESOURCE", Names::Free),
    ("SECONDS", Names::Free),
    ("TEXT", Names::Free),
    ("TIME", Names::Free),
    ("WHY", Names::Free),
];

/// Fields of events whose values can be named, with their kinds.
const FILTERED: &[(&str, &str)] = &[
    ("agent", "AGENT"),
    ("call", "CALL"),
    ("campaign", "CAMPAIGN"),
    ("gateway", "GATEWAY"),
    ("queue", "QUEUE"),
    ("room", "ROOM"),
];

/// Who answers a question of the console with its data; nothing: no answer came in time, or it was refused.
pub type Ask<'a> = &'a mut dyn FnMut(&str) -> Option<Value>;

/// What a line that is begun can become: whole lines, in the order of the table and of the answers.
pub fn complete(line: &str, ask: Ask<'_>) -> Vec<String> {
    let whole = COMMANDS.iter().map(|command| command.words);
    let mut found: Vec<String> = whole
        .filter(|words| words.starts_with(line) && *words != line)
        .map(str::to_owned)
        .collect();
    let (before, begun) = line.rfind(' ').map_or(("", line), |at| line.split_at(at + 1));
    let words: Vec<&str> = before.split_whitespace().collect();
    let Some((command, rest)) = begun_with(&words) else { return found };
    if rest.len() < words.len() {
        found.extend(
            argument(command, rest, begun, ask).into_iter().map(|word| format!("{before}{word}")),
        );
    }
    found
}

/// The command that the words begin with, and the words that follow it.
fn begun_with<'w>(words: &'w [&'w str]) -> Option<(&'static Command, &'w [&'w str])> {
    let own = |command: &Command| command.words.split(' ').count();
    let fits = |command: &&Command| {
        let all = command.words.split(' ');
        own(command) <= words.len() && all.zip(words).all(|(a, b)| a.eq_ignore_ascii_case(b))
    };
    let command = COMMANDS.iter().filter(fits).max_by_key(|command| own(command))?;
    Some((command, &words[own(command)..]))
}

/// The words that can stand behind `rest`, and begin with `begun`.
fn argument(command: &Command, rest: &[&str], begun: &str, ask: Ask<'_>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in expected(form(command.argument), rest) {
        let names = match kind(word) {
            Some(Names::Command) => of_command(rest, begun, command.words == "help", ask),
            Some(names) => named(names, rest.last().copied().unwrap_or_default(), begun, ask),
            None => vec![word.to_owned()],
        };
        for name in names {
            if name.starts_with(begun) && name != begun && !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found.truncate(MOST_NAMES);
    found
}

/// What stands behind a command's words: the help's own form.
fn form(argument: Argument) -> &'static str {
    match argument {
        Argument::None => "",
        Argument::Call => "CALL",
        Argument::Record => "RECORD",
        Argument::Word(_) => "LEVEL",
        Argument::Words(form) | Argument::Rest(form) => form,
    }
}

fn kind(word: &str) -> Option<Names> {
    KINDS.iter().find(|(name, _)| *name == word).map(|(_, names)| *names)
}

/// A place of a form: the words and kinds that can stand there.
struct Slot {
    choices: Vec<&'static str>,
    /// In brackets: it may be left out.
    optional: bool,
    /// It may stand there again.
    again: bool,
}

impl Slot {
    fn read(token: &'static str) -> Self {
        let bare = token.trim_start_matches('[').trim_end_matches(']');
        let once = bare.trim_end_matches("...").trim_end();
        let first = |choice: &'static str| choice.trim().split(' ').next().unwrap_or_default();
        Slot {
            choices: once.split('|').map(first).collect(),
            optional: token.starts_with('['),
            // A command has words of its own behind it.
            again: bare.ends_with("...") || once == "COMMAND",
        }
    }

    fn takes(&self, word: &str) -> bool {
        self.choices.iter().any(|choice| kind(choice).is_some() || *choice == word)
    }
}

/// The words and kinds of a form that fit behind `rest`.
fn expected(form: &'static str, rest: &[&str]) -> Vec<&'static str> {
    let mut found = Vec::new();
    for way in parts(form, " | ") {
        let slots: Vec<Slot> = parts(way, " ").into_iter().map(Slot::read).collect();
        // All places where the next word can stand: from each, those behind what may be left out.
        let onward = |from: usize| {
            let left_out = slots.iter().skip(from).take_while(|slot| slot.optional).count();
            from..=from + left_out
        };
        let mut places: BTreeSet<usize> = onward(0).collect();
        for word in rest {
            let taken = places.iter().filter_map(|at| Some((*at, slots.get(*at)?)));
            let taken = taken.filter(|(_, slot)| slot.takes(word));
            let next = taken.flat_map(|(at, slot)| onward(at + 1).chain(slot.again.then_some(at)));
            places = next.collect();
        }
        found.extend(places.iter().filter_map(|at| slots.get(*at)).flat_map(|slot| &slot.choices));
    }
    found
}

/// The parts of a form between `gap`s that stand in no brackets.
fn parts(form: &'static str, gap: &str) -> Vec<&'static str> {
    let (mut found, mut from, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, c) in form.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 && at >= from && form[at..].starts_with(gap) => {
                found.push(&form[from..at]);
                from = at + gap.len();
            }
            _ => {}
        }
    }
    found.push(&form[from..]);
    found.retain(|part| !part.is_empty());
    found
}

/// The names of a kind that are there now.
fn named(names: Names, before: &str, begun: &str, ask: Ask<'_>) -> Vec<String> {
    let filter = |field: &str| FILTERED.iter().find(|(known, _)| *known == field);
    match names {
        Names::Ours(list) => list(),
        Names::Free | Names::Command => Vec::new(),
        Names::Filter => match begun.split_once('=') {
            None => FILTERED.iter().map(|(field, _)| format!("{field}=")).collect(),
            Some((field, value)) => {
                let values = filter(field).and_then(|(_, of)| kind(of));
                let values = values.map_or_else(Vec::new, |names| named(names, "", value, ask));
                values.into_iter().map(|value| format!("{field}={value}")).collect()
            }
        },
        Names::Live(question, rows, field) => {
            let question = question.replace("{before}", before).replace("{begun}", begun);
            let data = ask(question.trim_end());
            let rows = data.as_ref().and_then(|data| data.pointer(rows)).and_then(Value::as_array);
            let name = |row: &Value| match if field.is_empty() { row } else { &row[field] } {
                Value::String(name) => Some(name.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            };
            // A name of two words would be two arguments.
            let fits =
                |name: &String| name.starts_with(begun) && !name.contains(char::is_whitespace);
            let found = rows.into_iter().flatten().filter_map(name).filter(fits);
            found.take(MOST_NAMES).collect()
        }
    }
}

/// Another command as an argument: of `watch` with what follows it, of `help` its words alone.
fn of_command(rest: &[&str], begun: &str, bare: bool, ask: Ask<'_>) -> Vec<String> {
    // `watch 5 show queues`: the seconds are none of the command.
    let own = rest.iter().skip_while(|word| word.parse::<f64>().is_ok()).copied();
    let before: String = own.map(|word| format!("{word} ")).collect();
    let mut none = |_: &str| None;
    let found = complete(&format!("{before}{begun}"), if bare { &mut none } else { ask });
    found.iter().filter_map(|line| Some(line.strip_prefix(&before)?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What an appliance would answer.
    fn answer(question: &str) -> Option<Value> {
        Some(match question {
            "show calls" => json!([{ "call": "01KAF3Q8ZK004" }, { "call": "01KAF3Q8ZK005" }]),
            "show records 50" => json!([{ "call": "01KAF3Q8ZK001" }]),
            "show agents" => {
                json!([{ "number": "7001" }, { "number": "7900" }, { "number": "8000" }])
            }
            "show gateways" => json!([{ "name": "e1-a" }, { "name": "e1-b" }]),
            "show queues" => json!([{ "name": "care" }, { "name": "two words" }]),
            "show alarms" => json!({ "standing": [{ "number": 3 }], "past": [{ "number": 2 }] }),
            "show cases" => json!({
                "cases": [{ "case": 4711 }],
                "troubles": [{ "account": "26317", "trouble": "battery" }],
            }),
            "show plans" => json!([{ "plan": "fall" }]),
            "show campaigns" => json!([{ "name": "spring" }]),
            "show care-calls" => json!([{ "list": "storm" }]),
            "guard list" => json!({ "locks": [{ "number": "13800138000" }], "white": [] }),
            "subscriber list 07" => json!([{ "number": "076088881234" }]),
            "survey list" => json!(["service"]),
            "show bans" => json!([{ "source": "203.0.113.9" }]),
            "room list" => json!([{ "name": "sales" }]),
            "room show sales" => json!({ "members": [{ "number": "1001" }] }),
            "show phones" => json!([]),
            _ => return None,
        })
    }

    fn found(line: &str) -> Vec<String> {
        complete(line, &mut answer)
    }

    #[test]
    fn what_is_there_is_offered_where_the_table_has_its_kind() {
        for (line, wanted) in [
            ("hangup ", &["hangup 01KAF3Q8ZK004", "hangup 01KAF3Q8ZK005"] as &[&str]),
            ("show record 0", &["show record 01KAF3Q8ZK001"]),
            ("agent 7", &["agent 7001", "agent 7900"]),
            ("agent 7001 s", &["agent 7001 signout"]),
            ("supervise listen 8", &["supervise listen 8000"]),
            ("supervise listen 7001 79", &["supervise listen 7001 7900"]),
            ("gateway ", &["gateway e1-a", "gateway e1-b"]),
            ("gateway e1-a d", &["gateway e1-a drain"]),
            ("alarm ack ", &["alarm ack 3"]),
            ("close ", &["close 4711"]),
            ("unit 4711 li", &["unit 4711 listen"]),
            ("trouble over 26317 b", &["trouble over 26317 battery"]),
            ("plan start 4711 ", &["plan start 4711 fall"]),
            ("plan skip ", &["plan skip 4711"]),
            ("campaign pause ", &["campaign pause spring"]),
            ("campaign take 70", &["campaign take 7001"]),
            ("care-call stop ", &["care-call stop storm"]),
            ("guard lift ", &["guard lift 13800138000"]),
            ("guard white 138 o", &["guard white 138 on", "guard white 138 off"]),
            ("subscriber show 07", &["subscriber show 076088881234"]),
            ("subscriber set 07 check_in_d", &["subscriber set 07 check_in_days"]),
            ("survey answers ", &["survey answers service"]),
            ("unban ", &["unban 203.0.113.9", "unban all"]),
            ("room kick ", &["room kick sales"]),
            ("room kick sales ", &["room kick sales 1001", "room kick sales all"]),
            ("trace on 138 --", &["trace on 138 --for"]),
            ("log level d", &["log level debug"]),
            ("events call_beg", &["events call_began"]),
            ("events call_began queue", &["events call_began queue="]),
            ("events queue=", &["events queue=care"]),
            ("watch 5 show que", &["watch 5 show queues"]),
            ("watch hangup 01KAF3Q8ZK004x", &[]),
            ("watch show call 01KAF3Q8ZK005", &[]),
            ("help room k", &["help room kick"]),
            ("help hangup ", &[]),
            // None is there, or nobody answers.
            ("answer ", &[]),
            ("subscriber show 9", &[]),
            ("xyz ", &[]),
        ] {
            assert_eq!(found(line), wanted, "{line}");
        }
        assert!(found("show c").contains(&"show calls".to_owned()));
        assert!(found("trace ").contains(&"trace on".to_owned()), "commands and calls");
        assert!(found("trace ").contains(&"trace 01KAF3Q8ZK004".to_owned()));
        let many = json!((0..1_000).map(|n| json!({ "call": format!("{n}") })).collect::<Vec<_>>());
        assert_eq!(complete("hangup ", &mut |_| Some(many.clone())).len(), MOST_NAMES);
    }

    /// A kind that nobody has described would be offered as a word of its own.
    #[test]
    fn every_kind_of_the_table_is_known_and_every_one_stands_in_it() {
        let mut seen = vec!["QUEUE"];
        for command in COMMANDS {
            let text = form(command.argument);
            let words = text.split([' ', '|', '[', ']']).map(|word| word.trim_end_matches("..."));
            for word in words.filter(|word| word.contains(|c: char| c.is_ascii_uppercase())) {
                assert!(kind(word).is_some(), "{}: {word}", command.words);
                seen.push(word);
            }
        }
        for (name, names) in KINDS {
            assert!(seen.contains(name), "{name} stands in no form");
            if let Names::Live(question, ..) = names {
                let question = question.replace("{before}", "sales").replace("{begun}", "");
                let order = super::super::parse(&question).expect(&question);
                assert!(!order.has_effect(), "{question}");
            }
        }
        for (field, of) in FILTERED {
            assert!(kind(of).is_some() && FactKind::FIELDS.contains(field), "{field}");
        }
    }

    /// Whatever is typed, and every example of the table from its first letter on.
    #[test]
    fn no_line_makes_it_panic() {
        for line in [
            "",
            " ",
            "  show",
            "é ü",
            "events =",
            "events é=ü",
            "watch watch watch ",
            "room show  ",
        ] {
            let _ = found(line);
        }
        for command in COMMANDS {
            for end in
                (0..=command.example.len()).filter(|at| command.example.is_char_boundary(*at))
            {
                let _ = found(&command.example[..end]);
            }
        }
    }
}
